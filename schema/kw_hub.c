/* RealtimeHub itself: its eight groups, and those that are only a few plain values. */
#include "schema/table.h"

#define AT(FIELD) HUB_OFFSET(struct hub_raw, def.FIELD)

static const struct hub_row basics[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED, AT(name), .rule = HUB_NAME_CODE, .max = HUB_HUB_NAME_MAX,
     .example = "chatHub",
     .help =
         "Unique hub identifier within the service: the Socket.IO namespace is /hub/{name}, the REST prefix /{name}."},
    {"description", HUB_KIND_TEXT, .offset = AT(description), .help = "What the hub is for, for documentation."},
    {0},
};
static const struct hub_fields table_basics = {"HubBasics", 0, basics, "Core identity of the realtime hub."};

static const struct hub_row history[] = {
    {"historyEnabled", HUB_KIND_BOOL, .offset = AT(history_enabled), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Sends the most recent messages to a client when it joins a room."},
    {"historyLimit", HUB_KIND_INT, .offset = AT(history_limit), .fallback = "50", .min = 1, .max = 1000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Number of most recent messages to send when a client joins a room."},
    {0},
};
static const struct hub_fields table_history = {
    "HubHistorySettings", 0, history, "Controls whether message history is sent to clients when they join a room."};

static const struct hub_row guardrails[] = {
    {"maxUsersPerRoom", HUB_KIND_INT, .offset = AT(max_users_per_room), .fallback = "1000", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Maximum number of concurrent users in a single room; further joins are rejected."},
    {"maxRoomsPerUser", HUB_KIND_INT, .offset = AT(max_rooms_per_user), .fallback = "50", .min = 1, .max = 100000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Maximum number of rooms a single user can be joined to at a time."},
    {"messageRateLimit", HUB_KIND_INT, .offset = AT(message_rate_limit), .fallback = "60", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Maximum number of messages a single user can send per minute across all rooms."},
    {"maxMessageSize", HUB_KIND_INT, .offset = AT(max_message_size), .fallback = "65536", .min = 1, .max = 64 << 20,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Maximum size of a message's content in bytes; must be smaller than listen.maxPayload."},
    {"connectionTimeout", HUB_KIND_INT, .offset = AT(connection_timeout), .fallback = "300000", .min = 100,
     .max = 86400000,
     .help = "A connection without any inbound packet for this many milliseconds is closed. Half-way the server sends "
             "a ping, whatever "
             "listen.pingInterval is."},
    {"authCacheTTL", HUB_KIND_INT, .offset = AT(auth_cache_ttl), .fallback = "300", .max = 31536000,
     .help = "Seconds for which a resolved hub role is remembered; 0 turns the cache off."},
    {"globalModeration", HUB_KIND_BOOL, .offset = AT(global_moderation), .fallback = "false",
     .breaks = HUB_BREAKS_DENIES, .help = "All messages need a moderator's approval before they are broadcast."},
    {"defaultSilenced", HUB_KIND_BOOL, .offset = AT(default_silenced), .fallback = "false", .breaks = HUB_BREAKS_DENIES,
     .help = "Everyone who cannot moderate joins silenced and has to ask for permission to speak."},
    {0},
};
static const struct hub_fields table_guardrails = {"HubGuardrails", 0, guardrails,
                                                   "Safety limits, rate controls, moderation settings and caching."};

static const struct hub_row hub[] = {
    {"hubBasics", HUB_KIND_GROUP, HUB_ROW_REQUIRED, .table = &table_basics, .help = "Core identity of the hub."},
    {"roomSettings", HUB_KIND_GROUP, HUB_ROW_REQUIRED, .table = &hub_fields_room,
     .help = "How rooms are managed and who can join them."},
    {"hubRoles", HUB_KIND_LIST, .offset = AT(roles), .count = AT(role_n), .table = &hub_fields_role,
     .breaks = HUB_BREAKS_GRANTS, .help = "Named permission sets that authSources and authScripts grant."},
    {"messageSettings", HUB_KIND_GROUP, .table = &hub_fields_message, .help = "Message structure and persistence."},
    {"eventSettings", HUB_KIND_GROUP, .table = &hub_fields_event,
     .help = "Standard, bridged, custom and Kafka events."},
    {"historySettings", HUB_KIND_GROUP, .table = &table_history, .help = "History on join."},
    {"guardrails", HUB_KIND_GROUP, .table = &table_guardrails, .help = "Limits, moderation and caching."},
    {"hubLogic", HUB_KIND_GROUP, .table = &hub_fields_logic, .help = "Server-side hooks."},
    {"hubExtensions", HUB_KIND_GROUP, .table = &hub_fields_extensions, .help = "What goes beyond the specification."},
    {0},
};
const struct hub_fields hub_fields_hub = {"RealtimeHub", sizeof(struct hub_raw), hub,
                                          "A bidirectional realtime communication hub on Socket.IO."};
