/* hub:event: the door of all events that clients emit, and the hub's custom events. What the standard ones
 * do is elsewhere: typing and recording in member/indicators.c, presence in member/member.c, receipts in
 * read_receipt.c. */
#include "hub/event/event.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text/utf8.h"
#include "hub/member/member.h"

/* ---- custom events ---- */

int hub_event_flags(const struct hub_def_custom_event *e) {
    return (e->ephemeral ? HUB_SEND_EPHEMERAL : 0) | (e->compress ? 0 : HUB_SEND_PLAIN);
}

static void broadcast_event(struct hub_call *c, const struct hub_def_custom_event *e, struct hub_str data) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_event_json told = hub_event_json(c->room);
    hub_event_json_text(&told, "userId", hub_cstr(c->who->user_id));
    hub_event_json_raw(&told, "data", data);
    hub_event_json_tell(&told, &all, hub_cstr(e->name), hub_event_flags(e));
}

/* A client's event that is stored first, then shown. */
struct shown_later {
    struct hub_call *call;
    const struct hub_def_custom_event *event;
};

static void on_kept(void *arg, enum hub_code code, const char *error, struct hub_str data) {
    struct shown_later *s = arg;
    if (code) {
        hub_call_fail_store(s->call, code, error);
    } else {
        broadcast_event(s->call, s->event, data);
        hub_call_ok(s->call, NULL, HUB_STR(""));
    }
    free(s);
}

static void keep_then_show(struct hub_call *c, const struct hub_def_custom_event *e) {
    struct shown_later *s = hub_xmalloc(sizeof *s);
    json_t *data = hub_call_tree(c, "data", &c->text);
    *s = (struct shown_later){c, e};
    hub_scratch_give(c->hub->engine, &c->text); /* what is stored is a copy, and comes back */
    hub_event_store(c->room, hub_cstr(c->who->user_id), e, data, on_kept, s);
    json_decref(data);
}

static void run_custom(struct hub_call *c) {
    const struct hub_def_custom_event *e = c->subject;
    if (c->conn && !hub_conn_member(c->conn, c->room)) { /* out, while it was counted elsewhere */
        hub_call_fail(c, HUB_NOT_IN_ROOM, NULL);
        return;
    }
    if (!e->ephemeral) {
        keep_then_show(c, e);
        return;
    }
    broadcast_event(c, e, hub_buf_str(&c->text));
    hub_call_ok(c, NULL, HUB_STR(""));
}

static bool has_nul(const struct hub_call *c) {
    json_t *data = hub_call_tree(c, "data", &c->text);
    bool has = hub_json_has_nul(data);
    json_decref(data);
    return has;
}

/* Its data as JSON is in C->text from here on. */
static enum hub_code judge_custom(struct hub_call *c, const struct hub_def_custom_event *e, struct hub_err *err) {
    if (!c->late) {
        c->text = hub_scratch_take(c->hub->engine);
        hub_json_add(&c->text, hub_json_get(c->args, "data"));
    }
    size_t size = c->oversize ? c->oversize : c->text.n;
    if (e->direction != HUB_CLIENT_TO_ROOM)
        return hub_fail(err, HUB_NOT_ALLOWED, "the event \"%s\" is sent by the server only", e->name);
    if ((int64_t)size > c->hub->def->max_message_size)
        return hub_fail(err, HUB_TOO_LARGE, "data: %zu bytes of JSON, at most %lld are allowed", size,
                        (long long)c->hub->def->max_message_size);
    if (!e->ephemeral && has_nul(c)) return hub_fail(err, HUB_INVALID_CONTENT, "data: NUL characters cannot be stored");
    return HUB_OK;
}

/* The caller in the room: whose connection it is, or by REST one who has joined. NULL: he is not there. */
static struct hub_room_user *present_user(const struct hub_call *c, struct hub_member **m) {
    *m = c->conn ? hub_conn_member(c->conn, c->room) : NULL;
    if (c->conn) return *m ? (*m)->user : NULL;
    struct hub_room_user *u = hub_room_user(c->room, hub_cstr(c->who->user_id));
    return u && u->member_n ? u : NULL;
}

static void run_standard(struct hub_call *c) {
    struct hub_member *m;
    const struct hub_event_row *e = c->subject;
    struct hub_room_user *u = present_user(c, &m);
    if (e->run) {
        e->run(c);
    } else if (!u) {
        hub_call_fail(c, HUB_NOT_IN_ROOM, "the event \"%s\" tells of who is in the room; join it first", e->name);
    } else {
        e->tell(u, m);
        hub_call_ok(c, NULL, HUB_STR(""));
    }
}

/* What repeats is told once, and counted once. */
static bool goes_on(const struct hub_call *c, const struct hub_event_row *e) {
    struct hub_member *m;
    const struct hub_room_user *u = e->goes_on ? present_user(c, &m) : NULL;
    return u && hub_user_timer_runs(u, (enum hub_user_timer)e->goes_on);
}

static const struct hub_event_row *row_named(const struct hub_engine *e, struct hub_str name) {
    for (const struct hub_part *const *part = e->parts; *part; part++)
        for (const struct hub_event_row *row = (*part)->events; row && row->name; row++)
            if (hub_str_is(name, row->name)) return row;
    return NULL;
}

/* ---- the gate ---- */

static void on_counted(void *call, bool allowed) {
    if (allowed) hub_call_go(call);
}

static void pass_custom(struct hub_call *c, const struct hub_def_custom_event *e) {
    struct hub_err err;
    c->subject = e;
    c->run = run_custom;
    if (judge_custom(c, e, &err))
        hub_call_fail_with(c, &err, hub_str(NULL, 0));
    else if (c->counted)
        hub_call_go(c);
    else
        hub_gate_limit(c, e->ephemeral ? HUB_LIMIT_EVENTS : HUB_LIMIT_KEPT_EVENTS, on_counted, c);
}

static void pass_standard(struct hub_call *c, const struct hub_event_row *e) {
    c->subject = e;
    c->run = run_standard;
    if (c->late) json_object_set_new(c->args, "data", hub_call_tree(c, "data", &c->text)); /* a receipt's position */
    if (c->counted || goes_on(c, e))
        hub_call_go(c);
    else
        hub_gate_limit(c, e->limit, on_counted, c);
}

static void ask_event(const struct hub_gate *gate, struct hub_call *c) {
    struct hub_str name = hub_call_str(c, "event");
    (void)gate;
    /* A custom event may bear a standard one's name while that is off (the linter sees to it). */
    const struct hub_def_custom_event *custom = hub_def_custom_event(c->hub->def, name);
    const struct hub_event_row *row = custom ? NULL : row_named(c->hub->engine, name);
    if (custom)
        pass_custom(c, custom);
    else if (!row)
        hub_call_fail(c, HUB_UNKNOWN_EVENT, "there is no event \"%.*s\" in this hub", HUB_CUT(name, HUB_NAME_MAX));
    else if (!hub_standard_event_on(c->hub->def, hub_standard_event(name)))
        hub_call_fail(c, HUB_FEATURE_DISABLED, "the event \"%s\" is not enabled in this hub", row->name);
    else
        pass_standard(c, row);
}

static const struct hub_gate gate_event = {
    .name = "event",
    .help = "The hub has the event, clients may send it and its data, and the caller has sent fewer in a minute than "
            "the hub allows.",
    .ask = ask_event,
    .codes = {HUB_UNKNOWN_EVENT, HUB_FEATURE_DISABLED, HUB_NOT_ALLOWED, HUB_TOO_LARGE, HUB_INVALID_CONTENT,
              HUB_RATE_LIMITED}};

/* As the gate has found it. */
static void run_event(struct hub_call *c) { c->run(c); }

/* Standard events that may be emitted under their own name, and custom ones, are hub:event with that name. */
static const char *event_alias(const struct hub_def *def, struct hub_str event, json_t *payload, json_t **args) {
    struct hub_str bare = hub_str_starts(event, HUB_STR("hub:")) ? hub_str(event.p + 4, event.n - 4) : event;
    const struct hub_standard_event *e = hub_standard_event(bare);
    bool standard = e && e->alias;
    if (!standard && !hub_def_custom_event(def, event)) return NULL;
    *args = json_incref(payload);
    if (json_is_object(payload)) hub_json_set_str(payload, "event", standard ? bare : event);
    return "hub:event";
}

/* ---- the part ---- */

static bool has_read(const struct hub_def *def) { return def->enable_read_receipts; }
static bool has_delivered(const struct hub_def *def) { return def->enable_delivery_receipts; }
static bool has_receipts(const struct hub_def *def) { return has_read(def) || has_delivered(def); }
static const struct hub_arg event_args[] = {
    HUB_ARG_ROOM,
    {"event", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .help = "Name of a standard or a custom event.",
     .shape = "event"},
    {"data", HUB_ARG_ANY, HUB_ARG_LATER | HUB_ARG_LARGE,
     .help = "What a custom event says; of a receipt, its position."},
    {"lastReadTimestamp", HUB_ARG_TEXT, HUB_ARG_LATER, .help = "`messageRead`: everything up to that time is read.",
     .on = has_read},
    {"lastReadSeq", HUB_ARG_INT, HUB_ARG_LATER, 0, INT64_MAX, .help = "`messageRead`: up to that number.",
     .on = has_read},
    {"messageId", HUB_ARG_TEXT, HUB_ARG_LATER, 1, HUB_MESSAGE_ID_MAX, .help = "Receipts: up to that message.",
     .on = has_receipts},
    {"seq", HUB_ARG_INT, HUB_ARG_LATER, 0, INT64_MAX, .help = "`messageDelivered`: up to that number.",
     .on = has_delivered},
    {0},
};

static const struct hub_command event_commands[] = {
    {.name = "hub:event",
     .help = "Tells the room of a standard or a custom event.",
     .around = HUB_AROUND_EVENTS,
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_args, &hub_gate_unblocked, &gate_event),
     .args = event_args,
     .rest = {"POST", "rooms/:roomId/events", 200},
     .codes = {HUB_CANNOT_READ, HUB_NOT_FOUND, HUB_STORE_UNAVAILABLE},
     .run = run_event},
    {0},
};

static const struct hub_field custom_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"userId", "id", .help = "Who emitted it; absent when a script, an action or Kafka did.", .optional = true},
    {"data", "JSON", .help = "As it was sent."},
    {0},
};

static const struct hub_told_event told_events[] = {
    {"<custom or Kafka event>", "those with canRead", "a custom event was emitted, or a record of a Kafka topic came",
     custom_fields},
    {0},
};

static void describe_events(const struct hub_hub *hub, json_t *out) {
    static const char *const directions[] = {"clientToRoom", "serverToClient", "serverToRoom"};
    json_t *custom = json_array();
    for (size_t i = 0; i < hub->def->custom_event_n; i++) {
        const struct hub_def_custom_event *e = &hub->def->custom_events[i];
        json_array_append_new(custom, json_pack("{s:s, s:s, s:b, s:s}", "name", e->name, "description",
                                                e->description ? e->description : "", "ephemeral", e->ephemeral,
                                                "direction", directions[e->direction]));
    }
    json_object_set_new(json_object_get(out, "events"), "custom", custom);
}

const struct hub_part hub_custom_events_part = {
    .name = "events",
    .help = "Custom events of a hub, and the way of all events that clients emit.",
    .commands = event_commands,
    .alias = event_alias,
    .told = told_events,
    .keywords = "customEvents kafkaEvents",
    .tables = "Event",
    .describe = describe_events,
};
