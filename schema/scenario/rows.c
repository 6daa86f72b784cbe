/* The fields of a scenario document. */
#include "schema/scenario/rows.h"

#define ACT(ACTION, FIELD) HUB_OFFSET(struct hub_scenario_step, acts[ACTION].FIELD)
#define AS(ACTION)                                                                                \
    {                                                                                             \
        "as", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(ACTION, as),                                 \
            .example = "ann@phone",                                                               \
            .help = "The user whose connection does it; behind an @ a further connection of his." \
    }
#define ROOM(ACTION) \
    { "room", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(ACTION, room), .help = "Id of the room." }

const char *const hub_scenario_action_names[HUB_STEP_ACTIONS] = {
    [HUB_STEP_CONNECT] = "connect",
    [HUB_STEP_DISCONNECT] = "disconnect",
    [HUB_STEP_JOIN] = "join",
    [HUB_STEP_SEND] = "send",
    [HUB_STEP_EMIT] = "emit",
    [HUB_STEP_COMMAND] = "command",
    [HUB_STEP_SUBSCRIBE] = "subscribe",
    [HUB_STEP_PUBLISH] = "publish",
    [HUB_STEP_REST] = "rest",
    [HUB_STEP_QUERY] = "query",
    [HUB_STEP_BUS] = "bus",
    [HUB_STEP_ADVANCE] = "advance",
};

static const struct hub_row connect[] = {
    AS(HUB_STEP_CONNECT),
    {"token", HUB_KIND_STRING, .offset = ACT(HUB_STEP_CONNECT, token),
     .help = "A token that is checked as clients' are, instead of what users says of him."},
    {"auth", HUB_KIND_VALUE, .help = "Further members of the auth object of CONNECT."},
    {0},
};
static const struct hub_fields fields_connect = {"ScenarioConnect", 0, connect, "Connects a user."};

static const struct hub_row disconnect[] = {AS(HUB_STEP_DISCONNECT), {0}};
static const struct hub_fields fields_disconnect = {"ScenarioDisconnect", 0, disconnect, "A connection is lost."};

static const struct hub_row join[] = {AS(HUB_STEP_JOIN), ROOM(HUB_STEP_JOIN), {0}};
static const struct hub_fields fields_join = {"ScenarioJoin", 0, join, "Joins a room."};

static const struct hub_row send[] = {
    AS(HUB_STEP_SEND),
    ROOM(HUB_STEP_SEND),
    {"type", HUB_KIND_STRING, .offset = ACT(HUB_STEP_SEND, type), .fallback = "text", .help = "Type of the message."},
    {"content", HUB_KIND_VALUE, .help = "Its content."},
    {0},
};
static const struct hub_fields fields_send = {"ScenarioSend", 0, send, "Sends a message."};

static const struct hub_row emit[] = {
    AS(HUB_STEP_EMIT),
    {"event", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(HUB_STEP_EMIT, event), .example = "hub:event",
     .help = "Name of the event."},
    {"data", HUB_KIND_VALUE, .help = "What it says."},
    {0},
};
static const struct hub_fields fields_emit = {"ScenarioEmit", 0, emit, "Emits any event."};

static const struct hub_row command[] = {
    AS(HUB_STEP_COMMAND),
    {"name", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(HUB_STEP_COMMAND, name), .help = "Name of the command."},
    {"payload", HUB_KIND_VALUE, .help = "Its payload."},
    {"room", HUB_KIND_STRING, .offset = ACT(HUB_STEP_COMMAND, room), .help = "The room that it is about."},
    {0},
};
static const struct hub_fields fields_command = {"ScenarioCommand", 0, command,
                                                 "Calls a command of the hub or namespace."};

static const struct hub_row subscribe[] = {
    AS(HUB_STEP_SUBSCRIBE),
    {"channel", HUB_KIND_STRING, .offset = ACT(HUB_STEP_SUBSCRIBE, channel), .help = "A channel; or"},
    {"record", HUB_KIND_STRING, .offset = ACT(HUB_STEP_SUBSCRIBE, record_id), .help = "a record; or"},
    {"collection", HUB_KIND_STRING, .offset = ACT(HUB_STEP_SUBSCRIBE, collection), .help = "a collection."},
    {0},
};
static const struct hub_fields fields_subscribe = {"ScenarioSubscribe", 0, subscribe, "Subscribes to one of them."};

static const struct hub_row publish[] = {
    AS(HUB_STEP_PUBLISH),
    {"channel", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(HUB_STEP_PUBLISH, channel), .help = "The channel."},
    {"data", HUB_KIND_VALUE, .help = "What is published."},
    {0},
};
static const struct hub_fields fields_publish = {"ScenarioPublish", 0, publish, "Publishes to a channel."};

static const struct hub_row rest[] = {
    {"as", HUB_KIND_STRING, .offset = ACT(HUB_STEP_REST, as), .help = "Whose token comes along; none: nobody's."},
    {"method", HUB_KIND_STRING, .offset = ACT(HUB_STEP_REST, method), .fallback = "GET", .help = "The method."},
    {"path", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(HUB_STEP_REST, path), .example = "/auction/rooms/l1",
     .help = "Path and query."},
    {"body", HUB_KIND_VALUE, .help = "Sent as JSON; a text as it is."},
    {"headers", HUB_KIND_VALUE, .help = "Further headers, by name."},
    {0},
};
static const struct hub_fields fields_rest = {"ScenarioRest", 0, rest,
                                              "A request; its answer is {status, body, headers}."};

static const struct hub_row query[] = {
    {"object", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(HUB_STEP_QUERY, object), .example = "auctionMessage",
     .help = "A DataObject, or a table of the hub."},
    {"where", HUB_KIND_VALUE, .help = "Conditions, as objects.list takes them."},
    {"orderBy", HUB_KIND_STRING, .offset = ACT(HUB_STEP_QUERY, order_by), .example = "-endsAt",
     .help = "A property; a minus before it: descending."},
    {"limit", HUB_KIND_INT, .offset = ACT(HUB_STEP_QUERY, limit), .min = 1, .max = 1000, .fallback = "100",
     .help = "How many at most."},
    {0},
};
static const struct hub_fields fields_query = {"ScenarioQuery", 0, query, "Reads rows, which are the answer."};

static const struct hub_row bus[] = {
    {"topic", HUB_KIND_STRING, HUB_ROW_REQUIRED, ACT(HUB_STEP_BUS, topic), .help = "The topic."},
    {"record", HUB_KIND_VALUE, .help = "The record, as JSON."},
    {"key", HUB_KIND_STRING, .offset = ACT(HUB_STEP_BUS, key), .help = "Its key."},
    {"headers", HUB_KIND_VALUE, .help = "Its headers, by name."},
    {0},
};
static const struct hub_fields fields_bus = {"ScenarioBus", 0, bus, "A record comes on the bus."};

static const struct hub_row expect[] = {
    {"answer", HUB_KIND_VALUE,
     .help = "What the step was answered. Without it an answer with ok: false fails the step."},
    {"events", HUB_KIND_VALUE, .example = "{bob: [{hub:messageArrived: {message: {content: {amount: 10}}}}]}",
     .help = "By user: exactly the events that reached him since the step before ended, in order."},
    {"objects", HUB_KIND_VALUE, .example = "{lot: [{id: l1, status: sold}]}",
     .help = "By object: rows as they are now, named by their ids; with $absent: true there is none."},
    {"published", HUB_KIND_VALUE, .help = "Exactly the records that scripts put on the bus: {topic, key, record}."},
    {"dbEvents", HUB_KIND_VALUE,
     .help = "Exactly the events of rows that were created, updated or deleted: {object, event, key, record}."},
    {"http", HUB_KIND_VALUE, .help = "Exactly the requests of scripts: {method, url, headers, body}."},
    {"logs", HUB_KIND_VALUE,
     .help = "Lines of the log, in order, among others: {level, component, message, …}. An error that is not among "
             "them fails the step."},
    {0},
};
static const struct hub_fields fields_expect = {"ScenarioExpect", 0, expect,
                                                "What has to be so when a step is over. Objects need have no more than "
                                                "is written; matchers are $match, $type, $any, $absent, $eq, $not, "
                                                "$oneOf, $contains, $length, $gte, $lte and $save."};

#define DOES(ACTION, KEY, TABLE, HELP) \
    { KEY, HUB_KIND_GROUP, .count = 1 + ACT(ACTION, there), .table = &(TABLE), .help = HELP }
static const struct hub_row step[] = {
    DOES(HUB_STEP_CONNECT, "connect", fields_connect, "Connects a user, who is not connected from the beginning then."),
    DOES(HUB_STEP_DISCONNECT, "disconnect", fields_disconnect, "A user's connection is lost."),
    DOES(HUB_STEP_JOIN, "join", fields_join, "A user joins a room."),
    DOES(HUB_STEP_SEND, "send", fields_send, "A user sends a message."),
    DOES(HUB_STEP_EMIT, "emit", fields_emit, "A user emits an event."),
    DOES(HUB_STEP_COMMAND, "command", fields_command, "A user calls a command."),
    DOES(HUB_STEP_SUBSCRIBE, "subscribe", fields_subscribe, "A user subscribes."),
    DOES(HUB_STEP_PUBLISH, "publish", fields_publish, "A user publishes to a channel."),
    DOES(HUB_STEP_REST, "rest", fields_rest, "A request by REST."),
    DOES(HUB_STEP_QUERY, "query", fields_query, "Reads rows."),
    DOES(HUB_STEP_BUS, "bus", fields_bus, "A record comes on the bus."),
    {"advance", HUB_KIND_VALUE, .example = "1d2h",
     .help = "Time passes: so much (ms, s, m, h, d, joined), or {to: TIME}. What is due happens by time, the end "
             "included."},
    {"expect", HUB_KIND_GROUP, .table = &fields_expect, .help = "What has to be so afterwards."},
    {0},
};
const struct hub_fields hub_fields_step = {"ScenarioStep", sizeof(struct hub_scenario_step), step,
                                           "One thing that happens, and what has to be so afterwards."};

static const struct hub_row http[] = {
    {"match", HUB_KIND_VALUE, .example = "{method: POST, url: \"https://pay.example/*\"}",
     .help = "method, url (with * for anything), body: what a request has to be. The first stub that fits answers."},
    {"reply", HUB_KIND_VALUE, HUB_ROW_REQUIRED,
     .help = "{status, body, headers}, or {error: timeout|refused}, each with delay; of a list each in its turn, the "
             "last from then on."},
    {0},
};
static const struct hub_fields fields_http = {"ScenarioHttpStub", sizeof(struct hub_scenario_http), http,
                                              "What answers requests of scripts."};

static const struct hub_row db[] = {
    {"match", HUB_KIND_STRING, HUB_ROW_REQUIRED, HUB_OFFSET(struct hub_scenario_db, match),
     .help = "A regular expression (PCRE2) that the statement fits."},
    {"rows", HUB_KIND_VALUE, .help = "The rows that it gives; without them nothing is read."},
    {0},
};
static const struct hub_fields fields_db = {"ScenarioDbStub", sizeof(struct hub_scenario_db), db,
                                            "What answers statements of scripts (db.query)."};

#define SCENARIO(FIELD) HUB_OFFSET(struct hub_scenario, FIELD)
static const struct hub_row stubs[] = {
    {"http", HUB_KIND_LIST, .offset = SCENARIO(http), .count = SCENARIO(http_n), .table = &fields_http,
     .help = "Instead of the network."},
    {"db", HUB_KIND_LIST, .offset = SCENARIO(db), .count = SCENARIO(db_n), .table = &fields_db,
     .help = "Instead of the database, for statements that a script writes itself."},
    {0},
};
static const struct hub_fields fields_stubs = {"ScenarioStubs", 0, stubs, "What stands in for others."};

#define DECISION(FIELD) HUB_OFFSET(struct hub_scenario_decision, FIELD)
static const struct hub_row decision[] = {
    {"user", HUB_KIND_VALUE, HUB_ROW_REQUIRED, .example = "{userId: x, roleId: guest}",
     .help = "Claims of whoever wants to enter."},
    {"room", HUB_KIND_STRING, HUB_ROW_REQUIRED, DECISION(room), .help = "Which room."},
    {"gives", HUB_KIND_STRING, .offset = DECISION(gives), .help = "The role that he gets; or"},
    {"denied", HUB_KIND_STRING, .offset = DECISION(denied), .help = "the code of the refusal."},
    {"by", HUB_KIND_STRING, .offset = DECISION(by), .example = "authScripts.guest",
     .help = "The layer that decides, as hubctl why calls it."},
    {0},
};
static const struct hub_fields fields_decision = {"ScenarioDecision", sizeof(struct hub_scenario_decision), decision,
                                                  "Who may enter, and as what."};

static const struct hub_row scenario[] = {
    {"name", HUB_KIND_STRING, HUB_ROW_REQUIRED, SCENARIO(name), .example = "A late bid puts the end off",
     .help = "A sentence that holds when it passes."},
    {"hub", HUB_KIND_STRING, HUB_ROW_REQUIRED, SCENARIO(hub), .example = "auction",
     .help = "The hub that users connect to, or the path of a plain namespace."},
    {"at", HUB_KIND_STRING, .offset = SCENARIO(at), .fallback = "2026-01-01T00:00:00Z",
     .help = "What the clock shows at the beginning."},
    {"seed", HUB_KIND_INT, .offset = SCENARIO(seed), .fallback = "0",
     .help = "Chance, UUIDs and ids follow from it and the name."},
    {"users", HUB_KIND_VALUE, .example = "{ann: {roleId: bidder}}",
     .help = "Who there is: by user id, further claims of his session. They are connected before the first step, but "
             "for those whom a step connects."},
    {"given", HUB_KIND_VALUE, .example = "{lot: [{id: l1, status: open}]}",
     .help = "Rows by object, instead of those of seed.yaml."},
    {"stubs", HUB_KIND_GROUP, .table = &fields_stubs, .help = "What answers instead of the world outside."},
    {"steps", HUB_KIND_LIST, .offset = SCENARIO(steps), .count = SCENARIO(step_n), .table = &hub_fields_step,
     .help = "What happens, one thing after the other."},
    {"decisions", HUB_KIND_LIST, .offset = SCENARIO(decisions), .count = SCENARIO(decision_n),
     .table = &fields_decision, .help = "A table of who may enter, each row a test of its own."},
    {0},
};
const struct hub_fields hub_fields_scenario = {"Scenario", sizeof(struct hub_scenario), scenario,
                                               "One test of a service."};
