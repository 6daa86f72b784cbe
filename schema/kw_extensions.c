/* hubExtensions: what goes beyond the specification, one group for each part. A part that does not act yet
 * has no row, and so is unknown. */
#include "schema/kw_parts.h"
#include "schema/kw_plugin.h"

#define AT(FIELD) HUB_OFFSET(struct hub_raw, def.FIELD)

static const struct hub_row room_update[] = {
    {"properties", HUB_KIND_STRINGS, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, .offset = AT(room_update),
     .example = "[title, topic]",
     .help = "The properties of the room object that hub:updateRoom may change. What authSources of this hub read "
             "cannot be among them."},
    {0},
};
static const struct hub_fields table_room_update = {
    "HubRoomUpdate", 0, room_update,
    "What users with canManageRoom may change of the room's record. Without it: everything but the id, what hubd keeps "
    "(createdAt, updatedAt, "
    "isActive) and what authSources of this hub read of the room object."};

#define LIMIT(FIELD) HUB_OFFSET(struct hub_raw, def.limits.FIELD)

static const struct hub_row limits[] = {
    {"events", HUB_KIND_INT, .offset = LIMIT(events), .fallback = "600", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Ephemeral events of one user per minute: custom ones, indicators that begin or end, presence; a typing "
             "that goes on does not count."},
    {"keptEvents", HUB_KIND_INT, .offset = LIMIT(kept_events), .fallback = "60", .min = 1, .max = 1000000,
     .help = "Custom events with ephemeral: false of one user per minute."},
    {"reactions", HUB_KIND_INT, .offset = LIMIT(reactions), .fallback = "120", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Reactions of one user per minute, put and taken back."},
    {"receipts", HUB_KIND_INT, .offset = LIMIT(receipts), .fallback = "600", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Read and delivery receipts of one user per minute."},
    {"joins", HUB_KIND_INT, .offset = LIMIT(joins), .fallback = "120", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Joins of one user per minute."},
    {"reads", HUB_KIND_INT, .offset = LIMIT(reads), .fallback = "600", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Reads of one user per minute: history, one message, members, pending messages, restrictions, state, the "
             "room by REST."},
    {"writes", HUB_KIND_INT, .offset = LIMIT(writes), .fallback = "120", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Changes of records and of the state of rooms of one user per minute."},
    {"subscriptions", HUB_KIND_INT, .offset = LIMIT(subscriptions), .fallback = "1000", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Records that one connection may follow, and channels that it may have subscribed to."},
    {"recordBytes", HUB_KIND_INT, .offset = LIMIT(record_bytes), .fallback = "262144", .min = 1, .max = 64 << 20,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Bytes of JSON that a record may have."},
    {"stateBytes", HUB_KIND_INT, .offset = LIMIT(state_bytes), .fallback = "1048576", .min = 64, .max = 64 << 20,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Bytes of JSON that the state of a room may have."},
    {"records", HUB_KIND_INT, .offset = LIMIT(records), .fallback = "1000000", .min = 1, .max = 100000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Records in use at a time."},
    {"metadata", HUB_KIND_INT, .offset = LIMIT(metadata), .fallback = "60", .min = 1, .max = 1000000,
     .help = "Changes of metadata, of connections and rooms, of one user per minute."},
    {"publishes", HUB_KIND_INT, .offset = LIMIT(publishes), .fallback = "120", .min = 1, .max = 1000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Messages of one user to channels per minute."},
    {"reactionsPerMessage", HUB_KIND_INT, .offset = LIMIT(reactions_per_message), .fallback = "200", .min = 1,
     .max = 1000, .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Reactions that one message may have."},
    {"channels", HUB_KIND_INT, .offset = LIMIT(channels), .fallback = "100000", .min = 1, .max = 10000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Channels of the service that are in memory; those that nobody uses give way."},
    {0},
};
static const struct hub_fields table_limits = {
    "HubLimits", 0, limits,
    "Limits beside the guardrails. They hold with their defaults where none is written; a request over one is "
    "rate_limited with retryAfterMs, or too_many."};

#define PART(FIELD) HUB_OFFSET(struct hub_raw, def.parts.FIELD)

static const struct hub_row streams[] = {HUB_STREAMS_ROWS(PART), {0}};
static const struct hub_fields table_streams = {"HubStreams", 0, streams, HUB_STREAMS_HELP};
static const struct hub_row connection_metadata[] = {HUB_CONNECTION_METADATA_ROWS(PART), {0}};
static const struct hub_fields table_connection_metadata = {"HubConnectionMetadata", 0, connection_metadata,
                                                            HUB_CONNECTION_METADATA_HELP};

#define ROOM(FIELD) HUB_OFFSET(struct hub_raw, def.room_metadata.FIELD)

static const struct hub_vars vars_can_write = {
    {"session", "connection", "roomId", "room", "$room", "hubRole", "key", "value"}};
static const struct hub_row room_metadata[] = {
    {"canWrite", HUB_KIND_SCRIPT, .offset = ROOM(can_write), .vars = &vars_can_write, .example = "hubRole == 'owner'",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Whether a client in the room may change the member key to value; asked for each one. Without it scripts "
             "only may."},
    {"persist", HUB_KIND_BOOL, .offset = ROOM(persist), .fallback = "true", .breaks = HUB_BREAKS_DATA,
     .help = "Kept in the store; else in the cache, from which it may vanish."},
    {"maxBytes", HUB_KIND_INT, .offset = ROOM(max_bytes), .fallback = "65536", .min = 2, .max = 1048576,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Bytes of JSON that a room's metadata may have."},
    {0},
};
static const struct hub_fields table_room_metadata = {"HubRoomMetadata", 0, room_metadata,
                                                      "An object of each room, for whoever may read there."};
static const struct hub_row metadata[] = {
    {"connection", HUB_KIND_GROUP, .table = &table_connection_metadata, .count = 1 + PART(metadata.on),
     .help = HUB_CONNECTION_METADATA_HELP},
    {"room", HUB_KIND_GROUP, .table = &table_room_metadata, .count = 1 + ROOM(on),
     .help = "An object of each room, for whoever may read there."},
    {0},
};
static const struct hub_fields table_metadata = {"HubMetadata", 0, metadata,
                                                 "Objects of your own, of connections and of rooms."};

#define RETENTION(FIELD) HUB_OFFSET(struct hub_raw, def.retention.FIELD)
#define LONGEST 3155760000000 /* a hundred years */

static const struct hub_row retention[] = {
    {"messages", HUB_KIND_DURATION, .offset = RETENTION(messages), .min = 1000, .max = LONGEST, .example = "365d",
     .breaks = HUB_BREAKS_DATA, .help = "Messages that are older are removed, also those that wait for a moderator."},
    {"keptEvents", HUB_KIND_DURATION, .offset = RETENTION(kept_events), .min = 1000, .max = LONGEST, .example = "30d",
     .help = "Custom events with ephemeral: false that are older are removed."},
    {"perRoom", HUB_KIND_INT, .offset = RETENTION(per_room), .min = 1, .max = 10000000, .example = "100000",
     .breaks = HUB_BREAKS_DATA, .help = "Messages of one room that are kept, the newest."},
    {"softDeletedAfter", HUB_KIND_DURATION, .offset = RETENTION(soft_deleted_after), .min = 1000, .max = LONGEST,
     .example = "30d", .help = "Deleted messages are removed that long after their deletion."},
    {"everyMs", HUB_KIND_DURATION, .offset = RETENTION(every_ms), .fallback = "60000", .min = 100, .max = 86400000,
     .help = "Time from one look at what is to be removed to the next."},
    {0},
};
#define RETENTION_HELP "What is removed from the store, and when. Without it everything stays."
static const struct hub_fields table_retention = {"HubRetention", 0, retention, RETENTION_HELP};

static const struct hub_words deliveries[] = {
    [HUB_PERSIST_THEN_BROADCAST] = {"persistThenBroadcast", "A message is told to the room when it is stored."},
    [HUB_BROADCAST_THEN_PERSIST] = {"broadcastThenPersist",
                                    "Plain messages are told at once, as provisional, and again when they are stored."},
    {0},
};
static const struct hub_row inbox[] = {
    {"enabled", HUB_KIND_BOOL, .offset = AT(inbox.enabled), .fallback = "true",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Whether clients may ask for it."},
    {"roomsBy", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = AT(inbox.rooms_by), .fallback_note = "all authSources",
     .example = "[membership]",
     .help = "The authSources, by their names or those of their objects, whose records say which rooms are a "
             "user's."},
    {0},
};
static const struct hub_fields table_inbox = {"HubInbox", 0, inbox,
                                              "A user's rooms with what is unread in each, without joining them."};

#define STATE(FIELD) HUB_OFFSET(struct hub_raw, def.shared_state.FIELD)

static const struct hub_row state[] = {
    {"sync", HUB_KIND_BOOL, .offset = STATE(sync), .fallback = "true",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Members who may read are told of it when they join, and of each change; else it is for scripts."},
    {"canWrite", HUB_KIND_SCRIPT, .offset = STATE(can_write), .vars = &vars_can_write, .example = "hubRole == 'player'",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Whether a client in the room may change key to value. Without it scripts only may."},
    {"persist", HUB_KIND_BOOL, .offset = STATE(persist), .fallback = "true", .breaks = HUB_BREAKS_DATA,
     .help = "Kept in the store; else it ends with the room."},
    {0},
};
static const struct hub_fields table_state = {"HubRoomState", 0, state,
                                              "Keys and values that the members of a room and scripts share."};

#define PRESENCE(FIELD) HUB_OFFSET(struct hub_raw, def.presence_state.FIELD)

static const struct hub_row presence_state[] = {
    {"fields", HUB_KIND_LIST, .offset = PRESENCE(fields), .count = PRESENCE(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Fields of the state; without them any object is accepted."},
    {"maxBytes", HUB_KIND_INT, .offset = PRESENCE(max_bytes), .fallback = "1024", .min = 2, .max = 65536,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Bytes of JSON that a user's state may have."},
    {0},
};
static const struct hub_fields table_presence_state = {
    "HubPresenceState", 0, presence_state,
    "An object of each user in a room, beside online and away: where he is, what he does. Needs "
    "eventSettings.enablePresence."};
static const struct hub_row presence[] = {
    {"state", HUB_KIND_GROUP, .table = &table_presence_state, .count = 1 + PRESENCE(on),
     .help = "An object of each user in a room, for whoever may read there."},
    {0},
};
static const struct hub_fields table_presence = {"HubPresence", 0, presence, "What users say of themselves."};

static const struct hub_row liveness[] = {
    {"reportToClient", HUB_KIND_BOOL, .offset = AT(report_latency), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Each heartbeat's round trip is told to its client: hub:latency."},
    {0},
};
static const struct hub_fields table_liveness = {
    "HubLiveness", 0, liveness,
    "What clients hear of their connection. Heartbeats are listen.pingInterval's and listen.pingTimeout's."};

static const struct hub_row extensions[] = {
    {"roomUpdate", HUB_KIND_GROUP, .table = &table_room_update, .count = 1 + AT(room_update_listed),
     .help = "What hub:updateRoom may change."},
    {"lifecycle", HUB_KIND_GROUP, .table = &hub_fields_hub_lifecycle,
     .help = "Scripts that are called when connections and rooms come and go."},
    HUB_PART_ROWS(PART),
    {"streams", HUB_KIND_GROUP, .table = &table_streams, .count = 1 + PART(streams.on), .help = HUB_STREAMS_HELP},
    {"metadata", HUB_KIND_GROUP, .table = &table_metadata, .help = "Objects of your own, of connections and of rooms."},
    {"retention", HUB_KIND_GROUP, .table = &table_retention, .count = 1 + RETENTION(on), .help = RETENTION_HELP},
    {"delivery", HUB_KIND_WORD, .offset = AT(delivery), .words = deliveries, .fallback = "persistThenBroadcast",
     .breaks = HUB_BREAKS_CLIENTS,
     .help = "Whether messages of type text, and of custom types without handler, are told before they are stored."},
    {"state", HUB_KIND_GROUP, .table = &table_state, .count = 1 + STATE(on),
     .help = "Keys and values that the members of a room and scripts share."},
    {"presence", HUB_KIND_GROUP, .table = &table_presence, .help = "What users say of themselves."},
    {"liveness", HUB_KIND_GROUP, .table = &table_liveness, .help = "What clients hear of their connection."},
    {"inbox", HUB_KIND_GROUP, .table = &table_inbox, .count = 1 + AT(inbox.on),
     .help = "A user's rooms with what is unread in each, without joining them."},
    {"limits", HUB_KIND_GROUP, .table = &table_limits, .help = "Limits of what is stored, relayed and read."},
    {0},
};
const struct hub_fields hub_fields_hub_parts = {"HubParts", 0, extensions, "What a plugin may bring as well."};

static const struct hub_row with_plugins[] = {HUB_PLUGINS_ROW(PART), {.table = &hub_fields_hub_parts}};
const struct hub_fields hub_fields_extensions = {"HubExtensions", 0, with_plugins,
                                                 "What goes beyond the RealtimeHub specification."};
