/* channels: windows of a hub or a plain namespace to the channels of the service. */
#include "schema/kw_parts.h"

#define CHANNEL(FIELD) HUB_OFFSET(struct hub_def_channel, FIELD)

static const struct hub_vars vars_subscribe = {{"session", "connection", "channel", "params"}};
static const struct hub_vars vars_publish = {{"session", "connection", "channel", "params", "data"}};

static const struct hub_row channel[] = {
    {"pattern", HUB_KIND_PATTERN, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, CHANNEL(pattern), .example = "chat:{room}",
     .help = "The channels it is for: a text with {name} parts, in which there is no `:` and no `/`, or {regex: …} "
             "(PCRE2). The first one that fits a channel decides."},
    {"canSubscribe", HUB_KIND_SCRIPT, .offset = CHANNEL(can_subscribe), .vars = &vars_subscribe,
     .fallback_note = "true", .example = "params.room == session.roomId", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Who may subscribe, and read history."},
    {"canPublish", HUB_KIND_SCRIPT, .offset = CHANNEL(can_publish), .vars = &vars_publish,
     .fallback_note = "false: only the server", .example = "session.roleId == 'member'", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Who may publish."},
    {"fields", HUB_KIND_LIST, .offset = CHANNEL(fields), .count = CHANNEL(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS,
     .help = "Fields of what is published, which is an object then; without them anything is accepted."},
    {"history", HUB_KIND_INT, .offset = CHANNEL(history), .fallback = "50", .min = 0, .max = 100000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "How many of the last messages are kept; 0: none."},
    {"historySeconds", HUB_KIND_DURATION, .offset = CHANNEL(history_seconds), .unit = 1000, .fallback = "86400",
     .min = 1, .max = 315360000, .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "How many seconds they are kept."},
    {"persist", HUB_KIND_BOOL, .offset = CHANNEL(persist), .fallback = "false", .breaks = HUB_BREAKS_DATA,
     .help = "Kept in the store, and so over every restart; otherwise in the cache."},
    {"redis", HUB_KIND_BOOL, .offset = CHANNEL(redis), .fallback = "false", .breaks = HUB_BREAKS_CLIENTS,
     .help = "The channel is a channel of Redis, too: what others PUBLISH there reaches subscribers, and what is "
             "published here is PUBLISHed there."},
    {0},
};
const struct hub_fields hub_fields_channel = {"HubChannel", sizeof(struct hub_def_channel), channel,
                                              "A window to those channels of the service that fit a pattern."};
