/* hubExtensions: what goes beyond the specification, one group for each part. A part that does not act yet has no row, and so is unknown. */
#include "schema/table.h"

#define LIMIT(FIELD) HUB_OFFSET(struct hub_raw, def.limits.FIELD)

static const struct hub_row limits[] = {
    {"events", HUB_KIND_INT, .offset = LIMIT(events), .fallback = "600", .min = 1, .max = 1000000,
     .help = "Ephemeral events of one user per minute: custom ones, indicators that begin or end, presence; a typing that goes on does not count."},
    {"keptEvents", HUB_KIND_INT, .offset = LIMIT(kept_events), .fallback = "60", .min = 1, .max = 1000000,
     .help = "Custom events with ephemeral: false of one user per minute."},
    {"reactions", HUB_KIND_INT, .offset = LIMIT(reactions), .fallback = "120", .min = 1, .max = 1000000,
     .help = "Reactions of one user per minute, put and taken back."},
    {"receipts", HUB_KIND_INT, .offset = LIMIT(receipts), .fallback = "600", .min = 1, .max = 1000000,
     .help = "Read and delivery receipts of one user per minute."},
    {"joins", HUB_KIND_INT, .offset = LIMIT(joins), .fallback = "120", .min = 1, .max = 1000000, .help = "Joins of one user per minute."},
    {"reads", HUB_KIND_INT, .offset = LIMIT(reads), .fallback = "600", .min = 1, .max = 1000000,
     .help = "Reads of one user per minute: history, one message, members, pending messages, restrictions, state, the room by REST."},
    {"reactionsPerMessage", HUB_KIND_INT, .offset = LIMIT(reactions_per_message), .fallback = "200", .min = 1, .max = 1000,
     .help = "Reactions that one message may have."},
    {0},
};
static const struct hub_fields table_limits = {
    "HubLimits", 0, limits,
    "Limits beside the guardrails. They hold with their defaults where none is written; a request over one is "
    "rate_limited with retryAfterMs, or too_many."};

static const struct hub_row extensions[] = {
    {"limits", HUB_KIND_GROUP, .table = &table_limits, .help = "Limits of what is stored, told on and read."},
    {0},
};
const struct hub_fields hub_fields_extensions = {"HubExtensions", 0, extensions, "What goes beyond the RealtimeHub specification."};
