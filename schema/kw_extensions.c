/* hubExtensions: what goes beyond the specification, one group for each part. A part that does not act yet
 * has no row, and so is unknown. */
#include "schema/table.h"

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
     .help = "Ephemeral events of one user per minute: custom ones, indicators that begin or end, presence; a typing "
             "that goes on does not count."},
    {"keptEvents", HUB_KIND_INT, .offset = LIMIT(kept_events), .fallback = "60", .min = 1, .max = 1000000,
     .help = "Custom events with ephemeral: false of one user per minute."},
    {"reactions", HUB_KIND_INT, .offset = LIMIT(reactions), .fallback = "120", .min = 1, .max = 1000000,
     .help = "Reactions of one user per minute, put and taken back."},
    {"receipts", HUB_KIND_INT, .offset = LIMIT(receipts), .fallback = "600", .min = 1, .max = 1000000,
     .help = "Read and delivery receipts of one user per minute."},
    {"joins", HUB_KIND_INT, .offset = LIMIT(joins), .fallback = "120", .min = 1, .max = 1000000,
     .help = "Joins of one user per minute."},
    {"reads", HUB_KIND_INT, .offset = LIMIT(reads), .fallback = "600", .min = 1, .max = 1000000,
     .help = "Reads of one user per minute: history, one message, members, pending messages, restrictions, state, the "
             "room by REST."},
    {"reactionsPerMessage", HUB_KIND_INT, .offset = LIMIT(reactions_per_message), .fallback = "200", .min = 1,
     .max = 1000, .help = "Reactions that one message may have."},
    {0},
};
static const struct hub_fields table_limits = {
    "HubLimits", 0, limits,
    "Limits beside the guardrails. They hold with their defaults where none is written; a request over one is "
    "rate_limited with retryAfterMs, or too_many."};

static const struct hub_row extensions[] = {
    {"roomUpdate", HUB_KIND_GROUP, .table = &table_room_update, .count = 1 + AT(room_update_listed),
     .help = "What hub:updateRoom may change."},
    {"limits", HUB_KIND_GROUP, .table = &table_limits, .help = "Limits of what is stored, relayed and read."},
    {0},
};
const struct hub_fields hub_fields_extensions = {"HubExtensions", 0, extensions,
                                                 "What goes beyond the RealtimeHub specification."};
