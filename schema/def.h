/* The frozen definitions: what a service directory says, checked and with every default filled in. Made by
 * schema/load.h, read by everyone, changed by nobody: the loops of a process share them without a lock. Of
 * the JSON trees in them only references are counted, atomically (JSON_HAVE_ATOMIC_BUILTINS); whoever wants
 * another tree copies it. Strings and arrays live as long as the service they belong to. Field names follow
 * the specification (RealtimeHub, MPO 1.3.0) and service.yaml in snake case. */
#ifndef HUB_SCHEMA_DEF_H
#define HUB_SCHEMA_DEF_H
#include "base/json/json.h"
#include "base/text/str.h"

#define HUB_NAME_MAX 128 /* bytes of a name that no rule makes shorter: an event's, a role's */

struct hub_pattern;

struct hub_strs {
    const char **items;
    size_t n;
};

/* A mapping of free keys to texts, in the order written. */
struct hub_setting {
    const char *name, *value;
};
struct hub_settings {
    struct hub_setting *items;
    size_t n;
};

/* A hook as written. Kind NONE: not given. */
enum hub_script_kind { HUB_SCRIPT_NONE, HUB_SCRIPT_EXPR, HUB_SCRIPT_LUA };
struct hub_def_plugin_use;
struct hub_script {
    enum hub_script_kind kind;
    struct hub_str text;
    const char *file; /* as it appears in diagnostics */
    int line, column; /* of the first character of TEXT, from 1; for a block scalar: of its first content line */
    const char *path; /* "hubLogic.messageHandlers[0].script", "plugins.antispam.middleware[0].before" */
    const struct hub_def_plugin_use *use; /* whose script it is; NULL: the hub's or the service's own */
    const struct hub_script *next;        /* of a hook of lifecycle: the one that is run after it, or NULL */
    size_t number;                        /* its place in hub_service.scripts */
};

/* Which names something is for (base/match/pattern.h). */
struct hub_def_pattern {
    const char *text; /* NULL: not given */
    bool is_regex;
    struct hub_pattern *compiled; /* NULL: the text is no good, which is an error of the definition */
};
/* As it is written: a text, or {"regex": text}. New reference. */
HUB_MUST json_t *hub_def_pattern_json(const struct hub_def_pattern *p);

enum hub_field_type {
    HUB_FIELD_STRING,
    HUB_FIELD_TEXT,
    HUB_FIELD_INTEGER,
    HUB_FIELD_DECIMAL,
    HUB_FIELD_BOOLEAN,
    HUB_FIELD_ID,
    HUB_FIELD_DATETIME,
    HUB_FIELD_ENUM,
    HUB_FIELD_JSON
};

/* Which texts fit an ID. */
enum hub_id_format {
    HUB_ID_ANY,      /* ids of rooms, users and records */
    HUB_ID_REFERENCE /* a UUID or an ObjectId */
};

/* The deepest level of fields within fields: those of a message's content are level 1. */
#define HUB_FIELD_DEPTH 8

/* A typed property: a field of an object that comes from outside, such as the content of a custom message
 * type (HubCustomField), or a property of a DataObject. */
struct hub_def_field {
    const char *name, *description;
    enum hub_field_type type;
    enum hub_id_format id_format;
    bool required;
    bool list; /* not of a DataObject: the value is a list, and what else is here is about each of its elements */
    struct hub_strs enum_values;
    /* not of a DataObject: JSON with fields is an object that has these and no others; without, any object or
     * array */
    struct hub_def_field *fields;
    size_t field_n;
    json_t *default_value; /* of the whole value, coerced to the type and complete; NULL = none */
    const char *column;    /* DataObject only */
};

/* ---- service.yaml ---- */

struct hub_def_object {
    const char *name, *table;
    bool managed;
    const char *id_property, *id_column;
    /* the id property is among them (added as ID when not listed); so are, for managed objects, createdAt,
     * updatedAt (DateTime) and isActive (Boolean), at the end */
    struct hub_def_field *properties;
    size_t property_n;
    struct hub_strs api_read, api_create, api_update, api_delete;
    json_t *seed; /* array of rows from seed.yaml, or NULL */
};

/* Modules below a lib/. Of each: its file, as an absolute path, and its place below lib/ ("game/board.lua"),
 * wherever a link leads. */
struct hub_def_lib {
    struct hub_strs files, names;
};

/* A plugin of the service: parts that several hubs and plain namespaces use (schema/plugin.c). */
struct hub_def_plugin {
    const char *name;
    const char *file;     /* as it appears in diagnostics */
    const char *lib_name; /* of its lib/, below the service directory: "plugins/antispam/lib" */
    struct hub_strs requires;
    struct hub_strs parts; /* that it has: "commands", "limits", "metadata.connection" */
    struct hub_def_field *parameters;
    size_t parameter_n;
    struct hub_def_lib lib;
};

/* A plugin as one hub or plain namespace uses it. Its parts stand among those of the hub, before the hub's
 * own; their scripts have USE. */
struct hub_def_plugin_use {
    const char *name;
    json_t *with; /* an object: what is written, checked, and the defaults of the others */
    const struct hub_def_plugin *plugin;
    size_t index; /* in hub_service.uses */
};

struct hub_def_jwt {
    bool on;
    struct hub_strs algorithms;
    const char *public_key_file; /* resolved against the service directory */
    const char *secret_env, *jwks_url, *jwks_file;
    const char *private_key_file; /* only for hubctl token */
    const char *issuer;
    struct hub_strs audience; /* none = not checked */
    int64_t leeway_seconds;
    const char *claim_user_id, *claim_role_id;
};

struct hub_def_namespace_event {
    const char *name; /* "*" = any other */
    struct hub_script script;
};
/* ---- *.hub.yaml ---- */

/* The rights of roles, one row each; whatever goes through them is made of this list: fields here and in
 * room/rights.h, rows of the definition (kw_room.c), what members and the description are told.
 *
 * X(id, field, name in definitions and events, what a role has that does not say; so has somebody without a
 * role, whether the built-in system role has it, the answer to whom it is refused, help) */
#define HUB_RIGHTS(X)                                                                                                  \
    X(READ, can_read, "canRead", true, true, HUB_CANNOT_READ, "May receive messages and events of the room.")          \
    X(SEND, can_send, "canSend", true, true, HUB_CANNOT_SEND, "May send messages.")                                    \
    X(MODERATED, moderated, "moderated", false, false, HUB_OK, "Messages wait for a moderator's approval.")            \
    X(MODERATE, can_moderate, "canModerate", false, true, HUB_NOT_ALLOWED,                                             \
      "May approve and reject pending messages, and block and silence users.")                                         \
    X(DELETE_ANY, can_delete_any, "canDeleteAny", false, true, HUB_NOT_ALLOWED, "May delete any message of the room.") \
    X(MANAGE_ROOM, can_manage_room, "canManageRoom", false, true, HUB_NOT_ALLOWED,                                     \
      "May change the room record and kick users.")
#define HUB_RIGHT_ID(ID, FIELD, NAME, FALLBACK, SYSTEM, REFUSAL, HELP) HUB_RIGHT_##ID,
#define HUB_RIGHT_FIELD(ID, FIELD, NAME, FALLBACK, SYSTEM, REFUSAL, HELP) bool FIELD;
enum hub_right { HUB_RIGHTS(HUB_RIGHT_ID) HUB_RIGHT_COUNT };

struct hub_def_role {
    const char *name;
    HUB_RIGHTS(HUB_RIGHT_FIELD)
    struct hub_strs allowed_message_types; /* empty = all */
};

struct hub_def_auth_source {
    const char *name;
    const struct hub_def_object *source_object;
    int user_field, room_field; /* property indexes of source_object */
    struct hub_script condition;
    const struct hub_def_role *hub_role; /* NULL = no specific role */
};
struct hub_def_auth_script {
    const char *name;
    struct hub_script script;
    const struct hub_def_role *hub_role;
};

/* Every type a message of this hub can have: the enabled built-in ones, then the custom ones. */
struct hub_def_message_type {
    const char *name, *description;
    bool builtin, compress;       /* the latter by default */
    struct hub_def_field *fields; /* none for a custom type = any object is accepted */
    size_t field_n;
    const struct hub_script *handler; /* NULL = standard flow */
};

enum hub_direction { HUB_CLIENT_TO_ROOM, HUB_SERVER_TO_CLIENT, HUB_SERVER_TO_ROOM };
struct hub_def_custom_event {
    const char *name, *description;
    bool ephemeral, compress; /* default true */
    enum hub_direction direction;
};
struct hub_def_kafka_event {
    const char *name, *description, *topic;
    struct hub_script filter_expression, target_room_expression;
};
struct hub_def_message_handler {
    const char *message_type;
    struct hub_script script;
};
struct hub_def_scheduled_action {
    const char *name;
    int64_t interval_ms;
    bool keep_alive;
    struct hub_script script;
};

/* ---- what hubs and plain namespaces may both declare (schema/kw_parts.c) ---- */

/* What middleware can be around; each is a bit of hub_def_middleware.kinds. As in hub_words_around. */
enum hub_around { HUB_AROUND_REQUESTS, HUB_AROUND_COMMANDS, HUB_AROUND_MESSAGES, HUB_AROUND_EVENTS };
struct hub_def_middleware {
    const char *name;
    struct hub_strs on; /* of what stands in a hub or namespace: "commands" */
    unsigned kinds;     /* the same as bits, 1 << enum hub_around */
    struct hub_script before, after;
};
enum hub_command_room { HUB_COMMAND_NO_ROOM, HUB_COMMAND_MAY_NAME_ROOM, HUB_COMMAND_IN_ROOM };
enum hub_command_order { HUB_COMMAND_BY_CONNECTION, HUB_COMMAND_BY_ROOM, HUB_COMMAND_UNORDERED };
struct hub_def_command {
    const char *name, *description;
    struct hub_def_field *fields, *result; /* none: anything */
    size_t field_n, result_n;
    enum hub_command_room room;
    struct hub_strs roles; /* empty = all */
    enum hub_command_order order;
    int64_t rate_limit; /* per user and minute; 0 = the hub's messageRateLimit */
    int64_t timeout_ms;
    bool stream; /* it is given bytes, and has some to give */
    struct hub_def_middleware *middleware;
    size_t middleware_n;
    struct hub_script script;
};
struct hub_def_streams {
    bool on;
    struct hub_script can_open; /* NONE: to commands everybody, to clients nobody */
    int64_t max_open;           /* of a connection */
};
/* What a connection's metadata may hold by its client's will, and shows of itself to others. */
struct hub_def_connection_metadata {
    bool on;
    struct hub_strs client_writable, visible;
    int64_t max_bytes;
};
struct hub_def_record {
    struct hub_def_pattern pattern;
    struct hub_script can_read, can_write, on_changed;
    bool persist;
    const struct hub_def_object *data_object; /* NULL: the records are values of their own */
    struct hub_def_field *fields;
    size_t field_n;
};
struct hub_def_collection {
    struct hub_def_pattern pattern;
    struct hub_script can_read;
    const struct hub_def_object *data_object; /* NULL: a resolver's */
    struct hub_settings where;                /* property → text, with parts of the pattern in braces */
    const char *order_by;                     /* a property, with "-" before it when descending; NULL: the id */
    int64_t limit;
    struct hub_script resolver;
    struct hub_strs watch; /* patterns of records */
    int64_t debounce_ms;
};
struct hub_def_channel {
    struct hub_def_pattern pattern;
    struct hub_script can_subscribe, can_publish; /* none: everybody may; nobody may */
    struct hub_def_field *fields;                 /* none: anything */
    size_t field_n;
    int64_t history, history_seconds; /* how many messages are kept, and how long */
    bool persist, redis;
};
/* Of a plain namespace: on_connect and on_disconnect. */
struct hub_def_lifecycle {
    struct hub_script on_connect, admission, on_join, on_leave, on_disconnect, on_room_opened, on_room_closed;
    int64_t room_linger_ms;
};
struct hub_def_parts {
    struct hub_def_plugin_use *plugins;
    size_t plugin_n;
    struct hub_def_connection_metadata metadata;
    struct hub_def_lifecycle lifecycle;
    struct hub_def_streams streams;
    struct hub_def_middleware *middleware;
    size_t middleware_n;
    unsigned around; /* kinds of all of them */
    struct hub_def_command *commands;
    size_t command_n;
    struct hub_def_record *records;
    size_t record_n;
    struct hub_def_channel *channels;
    size_t channel_n;
    struct hub_def_collection *collections;
    size_t collection_n;
};

/* hubExtensions.limits: per user and minute, and per what is said. */
struct hub_def_limits {
    int64_t events, kept_events, reactions, receipts, joins, reads;
    int64_t writes, metadata, publishes;
    int64_t reactions_per_message, subscriptions, record_bytes, state_bytes, records, channels;
};

/* Keys and values that a room's members and scripts share. */
struct hub_def_shared_state {
    bool on;
    struct hub_script can_write; /* NONE: scripts only */
    bool sync, persist;          /* members are told of it; it is kept in the store */
};

/* hubExtensions.retention: what is taken out of the store; 0 = it stays. Times in ms. */
struct hub_def_retention {
    bool on;
    int64_t messages, kept_events, per_room, soft_deleted_after, every_ms;
};

enum hub_delivery { HUB_PERSIST_THEN_BROADCAST, HUB_BROADCAST_THEN_PERSIST };

/* What users say of themselves in a room, beside being there or away. */
struct hub_def_presence_state {
    bool on;
    struct hub_def_field *fields; /* none: any object */
    size_t field_n;
    int64_t max_bytes;
};

struct hub_def_room_metadata {
    bool on;
    struct hub_script can_write; /* NONE: scripts only */
    bool persist;
    int64_t max_bytes;
};

/* hubExtensions.inbox */
struct hub_def_inbox {
    bool on, enabled;         /* it is written; it is not switched off */
    struct hub_strs rooms_by; /* authSources by name or object; empty: all of them */
};

struct hub_def {
    const char *file;
    /* hubBasics */
    const char *name, *description;
    /* roomSettings */
    const struct hub_def_object *room_object;
    struct hub_script room_eligibility, check_script;
    struct hub_strs absolute_roles, check_roles;
    struct hub_def_auth_source *auth_sources;
    size_t auth_source_n;
    struct hub_def_auth_script *auth_scripts;
    size_t auth_script_n;
    /* hubRoles */
    struct hub_def_role *roles;
    size_t role_n;
    /* messageSettings */
    const char *data_object_name;
    struct hub_def_message_type *message_types;
    size_t message_type_n;
    bool enable_reply_to, enable_reaction, enable_forwarded;
    /* eventSettings */
    bool enable_typing, enable_recording, enable_read_receipts, enable_delivery_receipts, enable_presence, auto_bridge;
    struct hub_def_custom_event *custom_events;
    size_t custom_event_n;
    struct hub_def_kafka_event *kafka_events;
    size_t kafka_event_n;
    /* historySettings */
    bool history_enabled;
    int64_t history_limit;
    /* guardrails */
    int64_t max_users_per_room, max_rooms_per_user, message_rate_limit, max_message_size, connection_timeout,
        auth_cache_ttl;
    bool global_moderation, default_silenced;
    /* hubLogic */
    struct hub_script state_script;
    struct hub_def_message_handler *message_handlers;
    size_t message_handler_n;
    struct hub_def_scheduled_action *scheduled_actions;
    size_t scheduled_action_n;
    /* hubExtensions */
    struct hub_def_limits limits;
    bool room_update_listed; /* else room_update is everything that may be */
    struct hub_strs room_update;
    struct hub_def_parts parts;
    struct hub_def_room_metadata room_metadata;
    struct hub_def_retention retention;
    enum hub_delivery delivery;
    struct hub_def_shared_state shared_state;
    struct hub_def_presence_state presence_state;
    bool report_latency; /* liveness.reportToClient */
    struct hub_def_inbox inbox;
};

/* A plain namespace of service.yaml. */
struct hub_def_namespace {
    const char *path;               /* the pattern's text */
    struct hub_def_pattern pattern; /* an expression: for each name that fits one of its own; else PATH is the name */
    int64_t max_names;              /* of them at a time */
    bool auth;
    struct hub_script on_connect, on_disconnect;
    struct hub_def_namespace_event *events;
    size_t event_n;
    struct hub_def_namespace_event *outgoing; /* handlers of what is sent */
    size_t outgoing_n;
    bool recovers;       /* clients may come back to their session within: */
    int64_t recovery_ms; /* */
    struct hub_def
        def; /* what it has of a hub: its name is the path, its limits are the defaults, and it has no rooms */
};

enum hub_backoff { HUB_BACKOFF_EXPONENTIAL, HUB_BACKOFF_FIXED };
/* A row of queues: how the jobs of one name are carried out. */
struct hub_def_queue {
    const char *name;
    int64_t concurrency, attempts;
    enum hub_backoff backoff;
    int64_t backoff_ms, timeout_ms, keep_done, keep_failed;
    struct hub_script script;
};

/* A row of nodeHandlers or broadcasts: what nodes ask or tell each other. */
struct hub_def_node_handler {
    const char *name; /* of a broadcast: its type */
    struct hub_script script;
};

struct hub_def_bootstrap {
    bool given;
    struct hub_script script;
    bool once; /* one node of the service at a time */
    int64_t timeout_ms;
};

/* A row of clients.invocations: what the server may ask of clients. */
struct hub_def_invocation {
    const char *type;
    struct hub_def_field *fields, *result; /* none: anything */
    size_t field_n, result_n;
};
enum hub_collision { HUB_COLLISION_SUPERSEDE, HUB_COLLISION_REFUSE };
/* clients of service.yaml: how clients are told apart. */
struct hub_def_clients {
    bool on;
    const char *id; /* where CONNECT's auth names it: "auth.clientId"; NULL: nowhere */
    bool proof;
    const char *secret_env;
    int64_t max_skew_ms;
    enum hub_collision collision;
    int64_t grace_ms;
    struct hub_def_invocation *invocations;
    size_t invocation_n;
};

struct hub_service {
    const char *dir;
    /* service */
    const char *name, *project, *base_path; /* base_path: "" or starts with "/" and does not end with it */
    /* listen */
    const char *host;
    int64_t port;
    const char *listen_path; /* starts with "/" and does not end with it */
    struct hub_strs cors_origins, trusted_proxies;
    int64_t max_pending_per_address, max_pending, max_payload, ping_interval, ping_timeout, connect_timeout,
        keep_alive_timeout, max_queue_bytes, max_waiting_bytes, threads;
    bool deflate_websocket, gzip_http; /* listen.compression */
    int64_t deflate_threshold;
    const char *tls_cert_file, *tls_key_file; /* resolved, or NULL */
    bool console;
    /* auth */
    struct hub_def_jwt jwt;
    const char *session_redis_key; /* NULL = no session step */
    const char *session_cookie;    /* names the session instead of a token's claims; NULL = claims do */
    const char *session_secret_env, *session_user_id; /* of the cookie: its secrets; where its session has the user */
    bool dev, anonymous;
    struct hub_script authenticate;
    /* stores */
    const char *store_url, *cache_url, *bus_url, *cluster_url; /* sqlite paths still relative to dir */
    int64_t store_read_connections, store_statement_timeout;   /* the latter in ms */
    struct hub_settings bus_options;
    /* scripting */
    int64_t script_cpu_ms, script_wall_ms, script_memory_mib;
    /* lifecycle */
    struct hub_def_bootstrap bootstrap;
    struct hub_script on_started, on_shutdown, on_client_connected, on_client_disconnected, on_clients_orphaned;
    struct hub_def_object *objects;
    size_t object_n;
    struct hub_def_namespace *namespaces;
    size_t namespace_n;
    struct hub_def_queue *queues;
    size_t queue_n;
    int64_t limit_jobs; /* of each queue, that wait */
    struct hub_def_clients clients;
    int64_t limit_invocations; /* that wait for the answer of a client */
    struct hub_def_node_handler *node_handlers, *broadcasts;
    size_t node_handler_n, broadcast_n;
    int64_t limit_node_calls; /* that wait for the answer of a node */
    struct hub_def *hubs;
    size_t hub_n;
    struct hub_strs plugin_dirs;
    struct hub_def_plugin **plugins;
    size_t plugin_n;
    const struct hub_def_plugin_use **uses; /* of all plugins, wherever they stand */
    size_t use_n;
    struct hub_script **scripts; /* all of them, wherever they stand */
    size_t script_n;
    struct hub_def_lib lib;
    uint64_t lib_fingerprint; /* of their names and texts, the same in every process */
    void *arena;              /* schema's own: everything above lives in it */
};

/* The standard events of rooms, whose switches are those of eventSettings. While the switch is off a hub may
 * define an event of that name itself. */
struct hub_standard_event {
    const char *name;      /* "typing"; told as "hub:typing" */
    const char *keyword;   /* its switch: "enableTypingIndicator" */
    const char *described; /* as the hub's public description names the switch: "typing" */
    size_t enabled;        /* offset of the switch in struct hub_def */
    bool sent;             /* by clients, with hub:event; the others are told only */
    bool alias;            /* may also be emitted under its own name, bare or with "hub:" in front */
};
extern const struct hub_standard_event hub_standard_events[];             /* ends with name == NULL */
const struct hub_standard_event *hub_standard_event(struct hub_str name); /* NULL: there is none */
bool hub_standard_event_on(const struct hub_def *d, const struct hub_standard_event *e);

const struct hub_def_object *hub_service_object(const struct hub_service *s, struct hub_str name);
const struct hub_def_message_type *hub_def_message_type(const struct hub_def *d, struct hub_str name);
const struct hub_def_custom_event *hub_def_custom_event(const struct hub_def *d, struct hub_str name);
const struct hub_def_role *hub_def_role(const struct hub_def *d, struct hub_str name);
/* Whether an authSource or authScript gives the role; of NULL: lets in without one, as a hub that has
 * neither lets everybody in. */
bool hub_def_is_granted(const struct hub_def *d, const struct hub_def_role *role);
/* Whether hub:updateRoom may change that property of the room object (room_update.c). */
bool hub_def_may_update(const struct hub_def *d, struct hub_str property);
/* Whether an authSource of the hub reads it of the room object, and so decides by it. */
bool hub_def_sources_read(const struct hub_def *d, struct hub_str property);
static inline bool hub_def_has_inbox(const struct hub_def *d) { return d->inbox.on && d->inbox.enabled; }
/* Whether NAME, of inbox.roomsBy, means the authSource S: its own name, or that of its object. */
bool hub_def_inbox_names(const struct hub_def_auth_source *s, struct hub_str name);
/* Whether authSource I says which rooms the inbox lists; of several that read the same, only the first. */
bool hub_def_inbox_reads(const struct hub_def *d, size_t i);
/* The id, and what hubd sets itself. */
bool hub_def_kept_by_hubd(const struct hub_def_object *o, struct hub_str property);
int hub_def_property(const struct hub_def_object *o, struct hub_str name); /* index or -1 */
/* Whether ID is what a field of type ID takes; what it takes, for people. */
bool hub_def_id_fits(enum hub_id_format format, struct hub_str id);
const char *hub_def_id_expected(enum hub_id_format format);

/* ---- tables that hubd makes for itself (own_tables.c) ---- */

/* Of a hub: the hub's name with SUFFIX behind it; the messages' may have another one (data_object_name). In
 * the order of enum hub_own_table. */
enum hub_own_table {
    HUB_OWN_MESSAGE,
    HUB_OWN_MODERATION,
    HUB_OWN_RECEIPT,
    HUB_OWN_EVENT,
    HUB_OWN_ROOM_METADATA,
    HUB_OWN_REMOVED,
    HUB_OWN_ROOM_STATE,
    HUB_OWN_TABLES
};
extern const struct hub_own_table_row {
    const char *suffix;
    bool (*wanted)(const struct hub_def *d); /* NULL: every hub has it */
} hub_own_tables[HUB_OWN_TABLES];

/* Of the service: its name with SUFFIX behind it. */
enum hub_service_table { HUB_SERVICE_RECORD, HUB_SERVICE_JOB, HUB_SERVICE_CHANNEL, HUB_SERVICE_TABLES };
extern const struct hub_service_table_row {
    const char *suffix;
    bool (*wanted)(const struct hub_service *s);          /* NULL, or: */
    bool (*wanted_by)(const struct hub_def_parts *parts); /* of any hub or plain namespace */
} hub_service_tables[HUB_SERVICE_TABLES];
#endif
