/* The frozen definitions: what a service directory says, checked and with every default filled in. Made by
 * schema/load.h, read by everyone, changed by nobody. Strings and arrays live as long as the service they
 * belong to. Field names follow the specification (RealtimeHub, MPO 1.3.0) and service.yaml in snake case. */
#ifndef HUB_SCHEMA_DEF_H
#define HUB_SCHEMA_DEF_H
#include "base/json.h"
#include "base/str.h"

#define HUB_NAME_MAX 128 /* bytes of a name that no rule makes shorter: an event's, a role's */

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
struct hub_script {
    enum hub_script_kind kind;
    struct hub_str text;
    const char *file; /* as it appears in diagnostics */
    int line, column; /* of the first character of TEXT, from 1; for a block scalar: of its first content line */
    const char *path; /* "hubLogic.messageHandlers[0].script" */
    void *compiled;   /* scripting's handle */
};

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

/* A typed property: a field of a custom message type (HubCustomField) or a property of a DataObject. */
struct hub_def_field {
    const char *name, *description;
    enum hub_field_type type;
    enum hub_id_format id_format;
    bool required;
    struct hub_strs enum_values;
    json_t *default_value; /* coerced to the type; NULL = none */
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
struct hub_def_namespace {
    const char *path;
    bool auth;
    struct hub_script on_connect, on_disconnect;
    struct hub_def_namespace_event *events;
    size_t event_n;
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
    bool builtin;
    struct hub_def_field *fields; /* none for a custom type = any object is accepted */
    size_t field_n;
    const struct hub_script *handler; /* NULL = standard flow */
};

enum hub_direction { HUB_CLIENT_TO_ROOM, HUB_SERVER_TO_CLIENT, HUB_SERVER_TO_ROOM };
struct hub_def_custom_event {
    const char *name, *description;
    bool ephemeral; /* default true */
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

/* hubExtensions.limits: per user and minute, and per message. */
struct hub_def_limits {
    int64_t events, kept_events, reactions, receipts, joins, reads;
    int64_t reactions_per_message;
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
        keep_alive_timeout, max_queue_bytes;
    const char *tls_cert_file, *tls_key_file; /* resolved, or NULL */
    bool console;
    /* auth */
    struct hub_def_jwt jwt;
    const char *session_redis_key; /* NULL = no session step */
    bool dev, anonymous;
    struct hub_script authenticate;
    /* stores */
    const char *store_url, *cache_url, *bus_url, *cluster_url; /* sqlite paths still relative to dir */
    int64_t store_read_connections, store_statement_timeout;   /* the latter in ms */
    struct hub_settings bus_options;
    /* scripting */
    int64_t script_cpu_ms, script_wall_ms, script_memory_mib;
    struct hub_def_object *objects;
    size_t object_n;
    struct hub_def_namespace *namespaces;
    size_t namespace_n;
    struct hub_def *hubs;
    size_t hub_n;
    /* of each module: its file, as an absolute path, and its place below lib/ ("game/board.lua"), wherever a
     * link leads */
    struct hub_strs lib_files, lib_names;
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
/* The id, and what hubd sets itself. */
bool hub_def_kept_by_hubd(const struct hub_def_object *o, struct hub_str property);
int hub_def_property(const struct hub_def_object *o, struct hub_str name); /* index or -1 */
/* Whether ID is what a field of type ID takes; what it takes, for people. */
bool hub_def_id_fits(enum hub_id_format format, struct hub_str id);
const char *hub_def_id_expected(enum hub_id_format format);
#endif
