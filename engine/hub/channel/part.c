/* The part: its commands, events and steps. */
#include "data/fields.h"
#include "hub/channel/channel_int.h"

static bool is_declared(const struct hub_def *def) { return def->parts.channel_n > 0; }
static void leave_channels(struct hub_conn *c) { hub_grants_leave(c, &hub_channel_subscribing); }
static void rejudge_subscribers(struct hub_conn *c, struct hub_work *work) {
    hub_grants_rejudge(c, &hub_channel_subscribing, work);
}

#define ARG_CHANNEL \
    { "channel", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .most = HUB_CHANNEL_NAME_MAX, .help = "The channel." }

static const struct hub_arg subscribe_args[] = {
    ARG_CHANNEL,
    {"historyLimit", HUB_ARG_INT, HUB_ARG_CAPPED, .least = 0, .most = HUB_CHANNEL_READ_MAX,
     .help = "How many of the last messages the answer brings; default 0."},
    {"since", HUB_ARG_INT, .least = 0, .most = INT64_MAX,
     .help = "The last offset that the client has: the answer brings everything after it, or ordinary history and "
             "`recovered: false`."},
    {"epoch", HUB_ARG_TEXT, .expected = "a text, the epoch of hub:subscribe",
     .help = "The epoch that `since` belongs to."},
    {0},
};
static const struct hub_field kept_fields[] = {
    {"offset", "integer or null", .help = "Its number; null of what came from outside by Redis."},
    {"at", "time", .help = "When it was published."},
    {"data", "any", .help = "What was published."},
    {"publisher", "user", .help = "Absent when the server published it.", .optional = true},
    {0},
};
static const struct hub_shape shapes[] = {{"channelMessage", "A message of a channel's history.", kept_fields}, {0}};
static const struct hub_field subscribe_answer[] = {
    {"history", "list of channelMessage", .help = "Messages `{offset, at, data, publisher?}`, ascending."},
    {"channel", "text", .help = "The channel."},
    {"offset", "integer", .help = "That of the last message so far; the next one that comes live is one more."},
    {"epoch", "text", .help = "The life of the offsets; with another one they have started again."},
    {"recovered", "boolean or null", .help = "Whether `history` holds all that was missed; null without `since`."},
    {0},
};

static const struct hub_arg unsubscribe_args[] = {ARG_CHANNEL, {0}};

static const struct hub_arg publish_args[] = {
    ARG_CHANNEL,
    {"data", HUB_ARG_ANY, HUB_ARG_LATER, .help = "What is published: what the channel's fields say, else anything."},
    {0},
};
static const struct hub_field publish_answer[] = {{"offset", "integer", .help = "The message's offset."}, {0}};

static const struct hub_arg history_args[] = {
    ARG_CHANNEL,
    {"before", HUB_ARG_INT, .least = 1, .most = INT64_MAX, .help = "Only messages with smaller offsets."},
    {"limit", HUB_ARG_INT, HUB_ARG_CAPPED, .least = 1, .most = HUB_CHANNEL_READ_MAX,
     .help = "How many messages at most; default 50."},
    {0},
};
static const struct hub_field history_answer[] = {
    {"history", "list of channelMessage",
     .help = "Messages `{offset, at, data, publisher?}`, ascending: the newest ones of those."},
    {"hasMore", "boolean", .help = "Whether there may be older ones."},
    {0},
};

#define GUARD_CODES HUB_NOT_FOUND, HUB_NOT_ALLOWED, HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_TOO_MANY, HUB_OVERLOADED

static const struct hub_command commands[] = {
    {.name = "hub:subscribe",
     .help = "Subscribes to a channel. What the answer does not hold comes live, once, in order.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args),
     .args = subscribe_args,
     .answer = subscribe_answer,
     .codes = {GUARD_CODES},
     .run = hub_channel_subscribe},
    {.name = "hub:unsubscribe",
     .help = "Ends a subscription.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = unsubscribe_args,
     .codes = {HUB_NOT_FOUND},
     .run = hub_channel_unsubscribe},
    {.name = "hub:publish",
     .help = "Publishes to a channel.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &hub_gate_publishes),
     .args = publish_args,
     .answer = publish_answer,
     .codes = {GUARD_CODES, HUB_INVALID_CONTENT, HUB_TOO_LARGE},
     .run = hub_channel_run_publish},
    {.name = "hub:channelHistory",
     .help = "Messages of a channel that are kept.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_args, &hub_gate_reads),
     .args = history_args,
     .answer = history_answer,
     .codes = {GUARD_CODES},
     .run = hub_channel_run_history},
    {0},
};

static const struct hub_field message_fields[] = {
    {"channel", "text", .help = "The channel."},
    {"offset", "integer or null",
     .help = "One more than that of the message before; null of what came from outside by Redis."},
    {"at", "time", .help = "When it was published."},
    {"data", "any", .help = "What was published."},
    {"publisher", "user", .help = "`{id, name}` of the user; absent when the server published it.", .optional = true},
    {0},
};
static const struct hub_field unsubscribed_fields[] = {
    {"channel", "text", .help = "The channel."},
    {"reason", "text", .help = "An error code, or what a script says."},
    {0},
};
static const struct hub_told_event told[] = {
    {"hub:channelMessage", "subscribers", "a message was published to a channel", message_fields},
    {"hub:unsubscribed", "the connection",
     "a subscription has ended: its guard, which was asked again, has refused, or a script ended it",
     unsubscribed_fields},
    {0},
};

static void describe_channels(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_parts *p = &hub->def->parts;
    if (!p->channel_n) return;
    json_t *all = json_array();
    for (size_t i = 0; i < p->channel_n; i++) {
        const struct hub_def_channel *c = &p->channels[i];
        json_array_append_new(all,
                              json_pack("{s:o, s:I, s:I, s:o}", "pattern", hub_def_pattern_json(&c->pattern), "history",
                                        (json_int_t)c->history, "historySeconds", (json_int_t)c->history_seconds,
                                        "fields", hub_fields_describe(c->fields, c->field_n)));
    }
    json_object_set_new(out, "channels", all);
}

const struct hub_part hub_channels_part = {
    .name = "channels",
    .help = "Channels of the service: subscriptions, messages, history.",
    .commands = commands,
    .told = told,
    .shapes = shapes,
    .keywords = "channels",
    .slot = "channel",
    .host_at[HUB_HOST_OF_SLOT] = hub_channel_host,
    .plain = true,
    .of_guests = true,
    .conn_data = true,
    .engine_data = true,
    .declared = is_declared,
    .created = hub_channels_created,
    .started = hub_channels_started,
    .reloaded = hub_channels_reloaded,
    .rejudged = rejudge_subscribers,
    .disconnected = leave_channels,
    .stopped = hub_channels_stopped,
    .deleted = hub_channels_deleted,
    .describe = describe_channels,
};
