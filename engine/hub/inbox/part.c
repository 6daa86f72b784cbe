/* The part: what clients may ask for, and what it does in the life of a service. */
#include "hub/inbox/inbox_int.h"

static bool has_inbox(const struct hub_def *def) { return hub_def_has_inbox(def); }

static void on_created(struct hub_engine *e) { *hub_engine_part(e, &hub_inbox_part) = hub_inbox_new(e); }
static void on_stopped(struct hub_engine *e) { hub_inbox_stop(hub_inbox_of(e)); }
static void on_deleted(struct hub_engine *e) { hub_inbox_delete(hub_inbox_of(e)); }

static void describe_inbox(const struct hub_hub *hub, json_t *out) {
    if (has_inbox(hub->def)) json_object_set_new(out, "inbox", json_pack("{s:b}", "enabled", true));
}

static const struct hub_arg rooms_args[] = {
    {"before", HUB_ARG_TEXT, .least = 3, .most = 300, .help = "`before` of an earlier answer: the rooms behind those."},
    {"limit", HUB_ARG_INT, HUB_ARG_CAPPED, 1, 100, .help = "How many; 20 unless given."},
    {0},
};
static const struct hub_field rooms_answer[] = {
    {"rooms", "list of inboxRoom",
     .help = "`{roomId, room, hubRole, lastMessage, seq, lastReadSeq, unread}`, the one with the newest message for "
             "the caller first."},
    {"before", "text or null", .help = "For the next page; null when there is no room."},
    {"hasMore", "boolean", .help = "Whether there may be more behind them."},
    {0},
};
static const struct hub_arg watch_args[] = {{0}};

static const struct hub_command commands[] = {
    {.name = "hub:rooms",
     .help = "The caller's rooms, without joining them, with what is unread in each.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_args),
     .args = rooms_args,
     .rest = {"GET", "rooms", 200},
     .answer = rooms_answer,
     .codes = {HUB_TOO_MANY, HUB_FEATURE_DISABLED},
     .run = hub_inbox_rooms},
    {.name = "hub:watchInbox",
     .help = "From now on the connection hears of changes in all rooms of its user, by `hub:roomActivity`.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_reads, &hub_gate_args),
     .args = watch_args,
     .codes = {HUB_TOO_MANY, HUB_FEATURE_DISABLED},
     .run = hub_inbox_watch},
    {0},
};

static const struct hub_field room_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"room", "object", .help = "Its record."},
    {"hubRole", "role or `system` or null", .help = "Null, a role of the hub, or `system`."},
    {"lastMessage", "message or null", .help = "The last one that is meant for the user, or null."},
    {"unread", "integer", .help = "How many behind what the user has read, or sent, are meant for him."},
    {"seq", "integer", .help = "The room's counter."},
    {"lastReadSeq", "integer", .help = "Up to which number the user has read."},
    {0},
};
static const struct hub_shape shapes[] = {{"inboxRoom", "A room of the user's, without joining it.", room_fields}, {0}};
static const struct hub_field activity_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"seq", "integer", .help = "The room's counter."},
    {"lastMessage", "message or null", .help = "The last one that is meant for the user, or null."},
    {"unread", "integer", .help = "How many behind what the user has read, or sent, are meant for him."},
    {0},
};
static const struct hub_told_event told[] = {
    {"hub:roomActivity", "connections that watch their inbox",
     "something has changed for the user in one of his rooms, also by reading elsewhere; at most one per room and "
     "second",
     activity_fields},
    {0},
};

const struct hub_part hub_inbox_part = {
    .name = "inbox",
    .help = "A user's rooms with what is unread in each, without joining them.",
    .commands = commands,
    .told = told,
    .shapes = shapes,
    .keywords = "inbox",
    .conn_data = true,
    .engine_data = true,
    .declared = has_inbox,
    .created = on_created,
    .reloaded = hub_inbox_reloaded,
    .rights_changed = hub_inbox_rights_changed,
    .room_loaded = hub_inbox_room_loaded,
    .disconnected = hub_inbox_leave,
    .stopped = on_stopped,
    .deleted = on_deleted,
    .describe = describe_inbox,
};
