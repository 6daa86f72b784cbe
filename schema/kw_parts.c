/* What stands in hubExtensions and in a plain namespace alike: features that need no room (contract:
 * extensions.md). */
#include "schema/kw_parts.h"

#define WARE(FIELD) HUB_OFFSET(struct hub_def_middleware, FIELD)
#define COMMAND(FIELD) HUB_OFFSET(struct hub_def_command, FIELD)

#define VARS                                                                                                        \
    "ctx", "kind", "name", "payload", "session", "connection", "roomId", "room", "$room", "hubRole", "traceparent", \
        "stream"
static const struct hub_vars vars_command = {{VARS}};
static const struct hub_vars vars_after = {{VARS, "result"}};

const struct hub_words hub_words_around[] = {
    [HUB_AROUND_REQUESTS] = {"requests", "Every hub:* event of clients that is none of the others."},
    [HUB_AROUND_COMMANDS] = {"commands", "Commands of the hub or namespace."},
    [HUB_AROUND_MESSAGES] = {"messages", "hub:send."},
    [HUB_AROUND_EVENTS] = {"events", "hub:event, and events that may be emitted under their own name."},
    {0},
};

#define WRAPPER_ROWS                                                                                                 \
    {"name",                                                                                                         \
     HUB_KIND_NAME,                                                                                                  \
     HUB_ROW_REQUIRED | HUB_ROW_UNIQUE,                                                                              \
     WARE(name),                                                                                                     \
     .rule = HUB_NAME_LABEL,                                                                                         \
     .example = "signedIn",                                                                                          \
     .help = "Name of the step, for logs."},                                                                         \
        {"before",                                                                                                   \
         HUB_KIND_SCRIPT,                                                                                            \
         .offset = WARE(before),                                                                                     \
         .vars = &vars_command,                                                                                      \
         .example = "ctx.payload.sides > 0",                                                                         \
         .help = "Runs before; may change ctx.payload, add to ctx, and refuse by error{code, message, data}."},      \
    {                                                                                                                \
        "after", HUB_KIND_SCRIPT, .offset = WARE(after), .vars = &vars_after,                                        \
                                  .help = "Runs after success, in reverse order; of commands may change ctx.result." \
    }

static const struct hub_row middleware[] = {
    WRAPPER_ROWS,
    {"on", HUB_KIND_WORDS, HUB_ROW_UNIQUE, .offset = WARE(on), .words = hub_words_around, .fallback = "commands",
     .help = "What it is wrapped around."},
    {0},
};
const struct hub_fields hub_fields_middleware = {"HubMiddleware", sizeof(struct hub_def_middleware), middleware,
                                                 "Scripts around what clients ask for, in the order written."};
static const struct hub_row wrapper[] = {WRAPPER_ROWS, {0}};
static const struct hub_fields table_wrapper = {"HubCommandMiddleware", sizeof(struct hub_def_middleware), wrapper,
                                                "Scripts around one command, inside those around all."};

static const struct hub_words rooms[] = {
    {"none", "The command is about no room."},
    {"optional", "The caller may name a room that the connection is in."},
    {"required", "The caller names a room that the connection is in."},
    {0},
};
static const struct hub_words orders[] = {
    {"connection", "One after the other for each connection."},
    {"room", "In the room's queue, with its handlers and actions."},
    {"none", "Concurrently."},
    {0},
};

static const struct hub_row command[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, COMMAND(name), .rule = HUB_NAME_CODE,
     .example = "rollDice", .help = "Name of the command, and of the event that stands for it."},
    {"description", HUB_KIND_TEXT, .offset = COMMAND(description), .help = "What it does, for documentation."},
    {"fields", HUB_KIND_LIST, .offset = COMMAND(fields), .count = COMMAND(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Fields of the payload; without them anything is accepted, null included."},
    {"result", HUB_KIND_LIST, .offset = COMMAND(result), .count = COMMAND(result_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS,
     .help = "Fields of the answer, which is checked: one that does not fit is handler_failed."},
    {"room", HUB_KIND_WORD, .offset = COMMAND(room), .words = rooms, .fallback = "none", .breaks = HUB_BREAKS_CLIENTS,
     .help = "Whether the command is about a room."},
    {"roles", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = COMMAND(roles), .example = "[member]",
     .breaks = HUB_BREAKS_RIGHTS, .help = "Hub roles that may call it, with room: required; without it all may."},
    {"order", HUB_KIND_WORD, .offset = COMMAND(order), .words = orders, .fallback = "connection",
     .help = "What it waits for; nothing but commands waits for commands."},
    {"rateLimit", HUB_KIND_INT, .offset = COMMAND(rate_limit), .min = 1, .max = 1000000,
     .fallback_note = "messageRateLimit of the hub (in a namespace 60)",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Calls per user and minute, counted apart."},
    {"timeoutMs", HUB_KIND_DURATION, .offset = COMMAND(timeout_ms), .min = 1, .max = 600000, .fallback = "5000",
     .help = "Milliseconds that its scripts may take together."},
    {"stream", HUB_KIND_BOOL, .offset = COMMAND(stream), .fallback = "false", .breaks = HUB_BREAKS_CLIENTS,
     .help = "Called by hub:streamOpen, with bytes both ways (ctx.stream); timeoutMs is for all of it, order does not "
             "matter, and its result is passed over."},
    {"middleware", HUB_KIND_LIST, .offset = COMMAND(middleware), .count = COMMAND(middleware_n),
     .table = &table_wrapper, .help = "Scripts around this command, inside those around all."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, COMMAND(script), .vars = &vars_command, .example = "({value: 4})",
     .help = "Called with ctx; its result is the answer."},
    {0},
};
const struct hub_fields hub_fields_command = {"HubCommand", sizeof(struct hub_def_command), command,
                                              "A request of clients that a script answers."};

const struct hub_vars hub_vars_can_open = {{"session", "connection", "target", "meta"}};

#define RECORD(FIELD) HUB_OFFSET(struct hub_def_record, FIELD)

static const struct hub_vars vars_read = {{"session", "connection", "recordId", "params", "value"}};
static const struct hub_vars vars_write = {{"session", "connection", "recordId", "params", "value", "was"}};
static const struct hub_vars vars_changed = {{"recordId", "params", "version", "value", "was"}};

static const struct hub_row record[] = {
    {"pattern", HUB_KIND_PATTERN, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, RECORD(pattern), .example = "product:{id}",
     .help = "Ids of the records: a text with {name} parts, in which there is no `:` and no `/`, or {regex: …} "
             "(PCRE2). The first one that fits an id decides."},
    {"canRead", HUB_KIND_SCRIPT, .offset = RECORD(can_read), .vars = &vars_read, .example = "params.id != 'secret'",
     .breaks = HUB_BREAKS_RIGHTS,
     .help =
         "Whether the caller may follow the record; without it everybody may, with dataObject nobody. One that names "
         "value is asked again before each change is told."},
    {"canWrite", HUB_KIND_SCRIPT, .offset = RECORD(can_write), .vars = &vars_write,
     .example = "session.roleId == 'editor'", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Whether the caller may make that of the record; without it only the server may."},
    {"fields", HUB_KIND_LIST, .offset = RECORD(fields), .count = RECORD(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Fields of the value; without them anything but null is accepted."},
    {"dataObject", HUB_KIND_OBJECT, .offset = RECORD(data_object), .example = "product", .breaks = HUB_BREAKS_DATA,
     .help = "The record is the row of this DataObject whose id is the pattern's part {id}; without canRead nobody may "
             "follow it."},
    {"persist", HUB_KIND_BOOL, .offset = RECORD(persist), .fallback = "true", .breaks = HUB_BREAKS_DATA,
     .help = "Kept in the store, and so over every restart; otherwise in the cache."},
    {"onChanged", HUB_KIND_SCRIPT, .offset = RECORD(on_changed), .vars = &vars_changed,
     .example = "{lua: 'log.info(recordId)'}",
     .help = "Runs after each change, whoever made it, in the order of the record's versions."},
    {0},
};
const struct hub_fields hub_fields_record = {"HubRecord", sizeof(struct hub_def_record), record,
                                             "A window to records by their ids."};
