/* The rows of functions.h. What they do is in engine/hub/script and the parts, in scripting/, and in Lua. */
#include "schema/analysis/functions.h"

#define ANY(NAME) \
    { .name = NAME, .kind = HUB_TAKES_ANY }
#define TEXT(NAME) \
    { .name = NAME, .kind = HUB_TAKES_TEXT }
#define NUMBER(NAME) \
    { .name = NAME, .kind = HUB_TAKES_NUMBER }
#define TABLE(NAME) \
    { .name = NAME, .kind = HUB_TAKES_TABLE }
#define KEYS(NAME, LIST) \
    { NAME, HUB_TAKES_TABLE, true, LIST }
#define OPT(NAME, KIND) \
    { .name = NAME, .kind = HUB_TAKES_##KIND, .optional = true }
#define NAMED(NAME, KIND) \
    { .name = NAME, .kind = HUB_TAKES_##KIND }
#define ROOM ANY("roomId")

static const struct hub_function json[] = {{"encode", .args = {ANY("value")}, .gives = HUB_GIVES_TEXT},
                                           {"decode", .args = {TEXT("text")}},
                                           {"array", .args = {OPT("list", TABLE)}},
                                           {"object", .args = {OPT("table", TABLE)}},
                                           {0}};
static const struct hub_function log_[] = {{"debug", .args = {ANY("message"), OPT("fields", ANY)}},
                                           {"info", .args = {ANY("message"), OPT("fields", ANY)}},
                                           {"warn", .args = {ANY("message"), OPT("fields", ANY)}},
                                           {"error", .args = {ANY("message"), OPT("fields", ANY)}},
                                           {0}};
static const struct hub_function time_[] = {
    {"now", .gives = HUB_GIVES_NUMBER}, {"iso", .args = {OPT("ms", NUMBER)}, .gives = HUB_GIVES_TEXT}, {0}};
static const struct hub_function crypto[] = {{"sha256", .args = {ANY("data")}, .gives = HUB_GIVES_TEXT},
                                             {"md5", .args = {ANY("data")}, .gives = HUB_GIVES_TEXT},
                                             {"hmac", .args = {ANY("key"), ANY("data")}, .gives = HUB_GIVES_TEXT},
                                             {"random", .args = {OPT("bytes", NUMBER)}, .gives = HUB_GIVES_TEXT},
                                             {0}};

/* ---- data ---- */

#define LIST_OPTIONS \
    { "options", HUB_TAKES_LIST_OPTIONS, true, "limit offset orderBy descending probe" }

static const struct hub_function objects[] = {
    {"find", .args = {NAMED("name", DATA_OBJECT), ANY("id")}, .gives = HUB_GIVES_RECORD, .does = HUB_DOES_ASK},
    {"list", .args = {NAMED("name", DATA_OBJECT), OPT("where", WHERE), LIST_OPTIONS}, .gives = HUB_GIVES_RECORDS,
     .does = HUB_DOES_ASK},
    {"create", .args = {NAMED("name", DATA_OBJECT), NAMED("row", ROW)}, .gives = HUB_GIVES_RECORD,
     .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"update", .args = {NAMED("name", DATA_OBJECT), ANY("id"), NAMED("changes", ROW)}, .gives = HUB_GIVES_RECORD,
     .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"delete", .args = {NAMED("name", DATA_OBJECT), ANY("id")}, .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {0}};
static const struct hub_function db[] = {{"query", .args = {TEXT("sql")}, .more = true, .does = HUB_DOES_ASK},
                                         {"transaction", .args = {NAMED("body", FUNCTION)}, .does = HUB_DOES_ASK},
                                         {0}};
static const struct hub_function redis[] = {
    {"call", .args = {ANY("command")}, .more = true, .does = HUB_DOES_ASK},
    {"get", .args = {ANY("key")}, .does = HUB_DOES_ASK},
    {"set", .args = {ANY("key"), ANY("value")}, .more = true, .does = HUB_DOES_ASK},
    {"del", .args = {ANY("key")}, .more = true, .does = HUB_DOES_ASK},
    {"incr", .args = {ANY("key")}, .does = HUB_DOES_ASK},
    {"expire", .args = {ANY("key"), ANY("seconds")}, .more = true, .does = HUB_DOES_ASK},
    {"hget", .args = {ANY("key"), ANY("field")}, .does = HUB_DOES_ASK},
    {"hset", .args = {ANY("key"), ANY("field"), ANY("value")}, .more = true, .does = HUB_DOES_ASK},
    {0}};
static const struct hub_function records[] = {
    {"get", .args = {TEXT("id")}, .does = HUB_DOES_ASK},
    {"write", .args = {TEXT("id"), ANY("value"), KEYS("options", "strategy ifVersion")},
     .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"patch", .args = {TEXT("id"), TABLE("patch"), KEYS("options", "ifVersion")},
     .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"delete", .args = {TEXT("id"), KEYS("options", "ifVersion")}, .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"list", .args = {ANY("pattern"), KEYS("options", "limit after where")}, .does = HUB_DOES_ASK},
    {"transaction", .args = {NAMED("body", FUNCTION)}, .does = HUB_DOES_ASK},
    {0}};
static const struct hub_function collections[] = {{"refresh", .args = {ANY("collectionId")}, .more = true}, {0}};
static const struct hub_function channels[] = {
    {"publish", .args = {TEXT("channel"), OPT("data", ANY)}, .does = HUB_DOES_ASK},
    {"history", .args = {TEXT("channel"), KEYS("options", "before after limit")}, .does = HUB_DOES_ASK},
    {"subscribers", .args = {TEXT("channel")}, .gives = HUB_GIVES_NUMBER},
    {"disconnect", .args = {TEXT("channel"), OPT("userId", ANY), OPT("reason", ANY)}, .does = HUB_DOES_CHANGE},
    {0}};
static const struct hub_function queues[] = {
    {"add",
     .args = {NAMED("queue", QUEUE), OPT("data", ANY), KEYS("options", "id delayMs priority attempts repeatMs cron")},
     .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"get", .args = {ANY("id")}, .does = HUB_DOES_ASK},
    {"cancel", .args = {ANY("id")}, .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {"stats", .args = {NAMED("queue", QUEUE)}, .does = HUB_DOES_ASK},
    {0}};
static const struct hub_function kafka[] = {
    {"publish", .args = {TEXT("topic"), ANY("value"), OPT("key", ANY)}, .does = HUB_DOES_ASK | HUB_DOES_SEND}, {0}};
static const struct hub_function http[] = {
    {"get", .args = {TEXT("url"), KEYS("options", "headers timeoutMs")}, .gives = HUB_GIVES_ANSWER,
     .does = HUB_DOES_ASK},
    {"request", .args = {{"request", HUB_TAKES_TABLE, false, "method url headers body timeoutMs"}},
     .gives = HUB_GIVES_ANSWER, .does = HUB_DOES_ASK},
    {0}};

/* ---- who is there ---- */

static const struct hub_function hub_[] = {
    {"broadcast", .args = {ROOM, TEXT("event"), OPT("data", ANY), OPT("to", AUDIENCE)}},
    {"broadcastAll", .args = {TEXT("event"), OPT("data", ANY), KEYS("options", "except")}},
    {"send",
     .args = {ROOM, NAMED("type", MESSAGE_TYPE), NAMED("content", CONTENT),
              KEYS("options", "senderId senderName senderAvatar persist to")},
     .does = HUB_DOES_ASK | HUB_DOES_SEND},
    {"emit", .args = {ANY("userId"), TEXT("event"), OPT("data", ANY)}, .gives = HUB_GIVES_NUMBER},
    {"members", .args = {ROOM}},
    {"memberCount", .args = {ROOM}, .gives = HUB_GIVES_NUMBER},
    {"kick", .args = {ROOM, ANY("userId"), OPT("reason", ANY)}, .does = HUB_DOES_ASK | HUB_DOES_CHANGE},
    {0}};
static const struct hub_function connections[] = {
    {"get", .args = {ANY("id")}},
    {"list", .args = {KEYS("options", "userId address where limit after")}},
    {"count", .gives = HUB_GIVES_NUMBER},
    {"setMetadata", .args = {ANY("id"), TABLE("metadata"), OPT("strategy", TEXT)}},
    {"send", .args = {ANY("id"), TEXT("event"), OPT("data", ANY)}},
    {"invoke", .args = {ANY("id"), NAMED("type", INVOCATION), OPT("data", ANY), OPT("timeoutMs", NUMBER)},
     .does = HUB_DOES_ASK},
    {"disconnect", .args = {ANY("id"), OPT("reason", ANY)}, .does = HUB_DOES_CHANGE},
    {"sendWhere", .args = {TABLE("where"), TEXT("event"), OPT("data", ANY)}},
    {"disconnectWhere", .args = {TABLE("where"), OPT("reason", ANY)}, .does = HUB_DOES_CHANGE},
    {0}};
static const struct hub_function clients[] = {
    {"get", .args = {ANY("id")}},
    {"list", .args = {KEYS("options", "nodeId userId address where limit after")}},
    {"count", .gives = HUB_GIVES_NUMBER},
    {"setMetadata", .args = {ANY("id"), TABLE("metadata"), OPT("strategy", ANY), KEYS("options", "namespace")}},
    {"send", .args = {ANY("id"), TEXT("event"), OPT("data", ANY), KEYS("options", "namespace")}},
    {"invoke",
     .args = {ANY("id"), NAMED("type", INVOCATION), OPT("data", ANY), OPT("timeoutMs", ANY),
              KEYS("options", "namespace")},
     .does = HUB_DOES_ASK},
    {"disconnect", .args = {ANY("id"), OPT("reason", ANY)}, .does = HUB_DOES_CHANGE},
    {0}};
static const struct hub_function users[] = {
    {"online", .args = {ANY("userId")}, .gives = HUB_GIVES_BOOLEAN}, {"count", .gives = HUB_GIVES_NUMBER}, {0}};
static const struct hub_function rooms[] = {
    {"members", .args = {ROOM, KEYS("options", "limit after")}},
    {"metadata", .args = {ROOM}},
    {"setMetadata", .args = {ROOM, TABLE("metadata"), OPT("strategy", TEXT)}},
    {"list", .args = {KEYS("options", "where limit after")}},
    {"close", .args = {ROOM, OPT("reason", ANY)}, .does = HUB_DOES_CHANGE},
    {"broadcast", .args = {ROOM, TEXT("event"), OPT("data", ANY), KEYS("options", "except")}},
    {"broadcastWhere", .args = {TABLE("where"), TEXT("event"), OPT("data", ANY)}},
    {0}};
static const struct hub_function state[] = {
    {"get", .args = {ROOM, ANY("key")}},
    {"set", .args = {ROOM, ANY("key"), OPT("value", ANY)}, .does = HUB_DOES_CHANGE},
    {"delete", .args = {ROOM, ANY("key")}, .does = HUB_DOES_CHANGE},
    {"keys", .args = {ROOM}},
    {"all", .args = {ROOM}},
    {"clear", .args = {ROOM}, .does = HUB_DOES_CHANGE},
    {"incr", .args = {ROOM, ANY("key"), OPT("by", NUMBER)}, .gives = HUB_GIVES_NUMBER, .does = HUB_DOES_CHANGE},
    {"compareAndSet", .args = {ROOM, ANY("key"), ANY("was"), OPT("value", ANY)}, .gives = HUB_GIVES_BOOLEAN,
     .does = HUB_DOES_CHANGE},
    {0}};
static const struct hub_function service[] = {{"broadcast", .args = {TEXT("event"), OPT("data", ANY)}, .more = true},
                                              {0}};
static const struct hub_function namespace_[] = {
    {"broadcastAll", .args = {TEXT("event"), OPT("data", ANY), KEYS("options", "except")}}, {0}};
static const struct hub_function hubs[] = {{"get", .args = {NAMED("name", HUB)}}, {0}};
static const struct hub_function namespaces[] = {{"get", .args = {TEXT("path")}}, {0}};
static const struct hub_function nodes[] = {
    {.name = "self"},
    {.name = "list"},
    {.name = "leader"},
    {"call", .args = {ANY("nodeId"), NAMED("name", NODE_HANDLER), OPT("data", ANY), OPT("timeoutMs", NUMBER)},
     .does = HUB_DOES_ASK},
    {"broadcast", .args = {NAMED("type", NODE_BROADCAST), OPT("data", ANY), KEYS("options", "skipSelf")}},
    {0}};

/* ---- Lua ---- */

static const struct hub_function string[] = {
    {"byte", .args = {ANY("s"), OPT("i", NUMBER), OPT("j", NUMBER)}},
    {"char", .more = true, .gives = HUB_GIVES_TEXT},
    {"find", .args = {ANY("s"), TEXT("pattern"), OPT("init", ANY), OPT("plain", ANY)}},
    {"format", .args = {TEXT("format")}, .more = true, .gives = HUB_GIVES_TEXT},
    {"gmatch", .args = {ANY("s"), TEXT("pattern"), OPT("init", ANY)}},
    {"gsub", .args = {ANY("s"), TEXT("pattern"), ANY("replacement"), OPT("n", ANY)}, .gives = HUB_GIVES_TEXT},
    {"len", .args = {ANY("s")}, .gives = HUB_GIVES_NUMBER},
    {"lower", .args = {ANY("s")}, .gives = HUB_GIVES_TEXT},
    {"match", .args = {ANY("s"), TEXT("pattern"), OPT("init", ANY)}},
    {"pack", .args = {TEXT("format")}, .more = true, .gives = HUB_GIVES_TEXT},
    {"packsize", .args = {TEXT("format")}, .gives = HUB_GIVES_NUMBER},
    {"rep", .args = {ANY("s"), ANY("n"), OPT("separator", TEXT)}, .gives = HUB_GIVES_TEXT},
    {"reverse", .args = {ANY("s")}, .gives = HUB_GIVES_TEXT},
    {"sub", .args = {ANY("s"), ANY("i"), OPT("j", ANY)}, .gives = HUB_GIVES_TEXT},
    {"unpack", .args = {TEXT("format"), ANY("s"), OPT("position", ANY)}},
    {"upper", .args = {ANY("s")}, .gives = HUB_GIVES_TEXT},
    {0}};
static const struct hub_function table[] = {
    {"concat", .args = {ANY("list"), OPT("separator", ANY), OPT("i", ANY), OPT("j", ANY)}, .gives = HUB_GIVES_TEXT},
    {"insert", .args = {ANY("list"), ANY("position"), OPT("value", ANY)}},
    {"move", .args = {ANY("from"), ANY("first"), ANY("last"), ANY("to"), OPT("into", ANY)}},
    {"pack", .more = true},
    {"remove", .args = {ANY("list"), OPT("position", ANY)}},
    {"sort", .args = {ANY("list"), OPT("before", ANY)}},
    {"unpack", .args = {ANY("list"), OPT("i", ANY), OPT("j", ANY)}},
    {0}};
#define OF_X .args = {ANY("x")}, .gives = HUB_GIVES_NUMBER
static const struct hub_function math[] = {
    {"abs", OF_X},
    {"acos", OF_X},
    {"asin", OF_X},
    {"atan", .args = {ANY("y"), OPT("x", ANY)}, .gives = HUB_GIVES_NUMBER},
    {"ceil", OF_X},
    {"cos", OF_X},
    {"deg", OF_X},
    {"exp", OF_X},
    {"floor", OF_X},
    {"fmod", .args = {ANY("x"), ANY("y")}, .gives = HUB_GIVES_NUMBER},
    {"log", .args = {ANY("x"), OPT("base", ANY)}, .gives = HUB_GIVES_NUMBER},
    {"max", .args = {ANY("x")}, .more = true, .gives = HUB_GIVES_NUMBER},
    {"min", .args = {ANY("x")}, .more = true, .gives = HUB_GIVES_NUMBER},
    {"modf", .args = {ANY("x")}},
    {"rad", OF_X},
    {"random", .args = {OPT("m", ANY), OPT("n", ANY)}, .gives = HUB_GIVES_NUMBER},
    {"sin", OF_X},
    {"sqrt", OF_X},
    {"tan", OF_X},
    {"tointeger", .args = {ANY("x")}},
    {"type", .args = {ANY("x")}},
    {"ult", .args = {ANY("m"), ANY("n")}, .gives = HUB_GIVES_BOOLEAN},
    {0}};
static const struct hub_function utf8[] = {
    {"char", .more = true, .gives = HUB_GIVES_TEXT},
    {"codes", .args = {ANY("s"), OPT("lax", ANY)}},
    {"codepoint", .args = {ANY("s"), OPT("i", ANY), OPT("j", ANY), OPT("lax", ANY)}},
    {"len", .args = {ANY("s"), OPT("i", ANY), OPT("j", ANY), OPT("lax", ANY)}},
    {"offset", .args = {ANY("s"), ANY("n"), OPT("i", ANY)}},
    {0}};

const struct hub_function_table hub_function_tables[] = {
    {"json", .functions = json},
    {"log", .functions = log_},
    {"time", .functions = time_},
    {"crypto", .functions = crypto},
    {"objects", .functions = objects},
    {"db", .functions = db},
    {"redis", .functions = redis},
    {"hub", .of_hub = true, .functions = hub_},
    {"kafka", .functions = kafka},
    {"records", .functions = records},
    {"collections", .functions = collections},
    {"channels", .functions = channels},
    {"http", .functions = http},
    {"connections", .functions = connections},
    {"clients", .functions = clients},
    {"users", .functions = users},
    {"rooms", .of_hub = true, .functions = rooms},
    {"state", .of_hub = true, .functions = state},
    {"service", .functions = service},
    {"namespace", .functions = namespace_},
    {"hubs", .functions = hubs},
    {"namespaces", .functions = namespaces},
    {"queues", .functions = queues},
    {"nodes", .functions = nodes},
    {"string", .lua = true, .functions = string},
    {"table", .lua = true, .functions = table},
    {"math", .lua = true, .functions = math, .others = "huge maxinteger mininteger pi"},
    {"utf8", .lua = true, .functions = utf8, .others = "charpattern"},
    {0}};

const struct hub_function hub_global_functions[] = {{"uuid", .gives = HUB_GIVES_TEXT},
                                                    {"sleep", .args = {ANY("ms")}, .does = HUB_DOES_ASK},
                                                    {"binary", .args = {ANY("bytes")}},
                                                    {0}};

/* ---- looking up ---- */

static const struct hub_function *find_function(const struct hub_function *f, struct hub_str name) {
    while (f->name && !hub_str_is(name, f->name)) f++;
    return f->name ? f : NULL;
}

const struct hub_function_table *hub_function_table(struct hub_str name) {
    const struct hub_function_table *t = hub_function_tables;
    while (t->name && !hub_str_is(name, t->name)) t++;
    return t->name ? t : NULL;
}

const struct hub_function *hub_function_in(const struct hub_function_table *t, struct hub_str name) {
    return find_function(t->functions, name);
}

const struct hub_function *hub_global_function(struct hub_str name) {
    return find_function(hub_global_functions, name);
}

bool hub_function_table_has(const struct hub_function_table *t, struct hub_str name) {
    return hub_function_in(t, name) || (t->others && hub_str_among(name, t->others));
}

size_t hub_function_least(const struct hub_function *f) {
    size_t n = 0;
    while (f->args[n].kind && !f->args[n].optional) n++;
    return n;
}

size_t hub_function_most(const struct hub_function *f) {
    size_t n = 0;
    while (f->args[n].kind) n++;
    return f->more ? SIZE_MAX : n;
}
