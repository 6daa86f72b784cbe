/* hub:event: typing and recording, presence, receipts, and the hub's custom events. */
#include "hub/event/event.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/member/member.h"

/* ---- built-in events ---- */

static const struct builtin {
    const char *name;
    size_t enabled; /* offset of the switch in struct hub_def */
    enum hub_limit limit;
    void (*tell)(struct hub_room_user *u, struct hub_member *m); /* or */
    void (*receipt)(struct hub_call *call);
    size_t goes_on; /* offset of the timer in struct hub_room_user that says that this is nothing new; 0 = none */
} builtins[] = {
    {"typing", offsetof(struct hub_def, enable_typing), HUB_LIMIT_EVENTS, hub_indicator_typing, NULL,
     offsetof(struct hub_room_user, typing)},
    {"stopTyping", offsetof(struct hub_def, enable_typing), HUB_LIMIT_EVENTS, hub_indicator_stop_typing, NULL, 0},
    {"recording", offsetof(struct hub_def, enable_recording), HUB_LIMIT_EVENTS, hub_indicator_recording, NULL,
     offsetof(struct hub_room_user, recording)},
    {"stopRecording", offsetof(struct hub_def, enable_recording), HUB_LIMIT_EVENTS, hub_indicator_stop_recording, NULL,
     0},
    {"online", offsetof(struct hub_def, enable_presence), HUB_LIMIT_EVENTS, hub_presence_online, NULL, 0},
    {"away", offsetof(struct hub_def, enable_presence), HUB_LIMIT_EVENTS, hub_presence_away, NULL, 0},
    {"messageRead", offsetof(struct hub_def, enable_read_receipts), HUB_LIMIT_RECEIPTS, NULL, hub_receipt_read, 0},
    {"messageDelivered", offsetof(struct hub_def, enable_delivery_receipts), HUB_LIMIT_RECEIPTS, NULL,
     hub_receipt_delivered, 0},
};

static const struct builtin *builtin_named(struct hub_str name) {
    for (size_t i = 0; i < HUB_NELEM(builtins); i++)
        if (hub_str_is(name, builtins[i].name)) return &builtins[i];
    return NULL;
}

/* ---- custom events ---- */

static void broadcast(struct hub_call *c, const struct hub_def_custom_event *e, struct hub_str data) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_event_json told = hub_event_json(c->room);
    hub_event_json_text(&told, "userId", hub_cstr(c->who->user_id));
    hub_event_json_raw(&told, "data", data);
    hub_event_json_tell(&told, &all, hub_cstr(e->name), e->ephemeral ? HUB_SEND_EPHEMERAL : 0);
}

/* A client's event that is stored first, then shown. */
struct shown_later {
    struct hub_call *call;
    const struct hub_def_custom_event *event;
};

static void on_kept(void *arg, enum hub_code code, const char *error, struct hub_str data) {
    struct shown_later *s = arg;
    if (code) {
        hub_call_fail(s->call, code, "%s", error ? error : hub_code_text(code));
    } else {
        broadcast(s->call, s->event, data);
        hub_call_ok(s->call, NULL, HUB_STR(""));
    }
    free(s);
}

static void keep_then_show(struct hub_call *c, const struct hub_def_custom_event *e, const json_t *data) {
    struct shown_later *s = hub_xmalloc(sizeof *s);
    *s = (struct shown_later){c, e};
    hub_event_store(c->room, hub_cstr(c->who->user_id), e, data, on_kept, s);
}

static void on_custom_counted(void *arg, bool allowed) {
    struct hub_call *c = arg;
    if (!allowed) return; /* and the call is gone */
    const struct hub_def_custom_event *e = c->subject;
    if (c->conn && !hub_conn_member(c->conn, c->room)) { /* out, while it was counted elsewhere */
        hub_call_fail(c, HUB_NOT_IN_ROOM, NULL);
        return;
    }
    if (!e->ephemeral) {
        keep_then_show(c, e, hub_json_get(c->args, "data"));
        return;
    }
    broadcast(c, e, hub_buf_str(&c->text));
    hub_call_ok(c, NULL, HUB_STR(""));
}

static void run_custom(struct hub_call *c, const struct hub_def_custom_event *e) {
    const json_t *data = hub_json_get(c->args, "data");
    c->text = hub_scratch_take(c->hub->engine);
    hub_json_add(&c->text, data);
    size_t size = c->text.n;
    c->subject = e;
    if (e->direction != HUB_CLIENT_TO_ROOM)
        hub_call_fail(c, HUB_NOT_ALLOWED, "the event \"%s\" is sent by the server only", e->name);
    else if ((int64_t)size > c->hub->def->max_message_size)
        hub_call_fail(c, HUB_TOO_LARGE, "data: %zu bytes of JSON, at most %lld are allowed", size,
                      (long long)c->hub->def->max_message_size);
    else if (!e->ephemeral && hub_json_has_nul(data))
        hub_call_fail(c, HUB_INVALID_CONTENT, "data: NUL characters cannot be stored");
    else
        hub_gate_limit(c, e->ephemeral ? HUB_LIMIT_EVENTS : HUB_LIMIT_KEPT_EVENTS, on_custom_counted, c);
}

/* The caller in the room: whose connection it is, or by REST one who has joined. NULL: he is not there. */
static struct hub_room_user *present(const struct hub_call *c, struct hub_member **m) {
    *m = c->conn ? hub_conn_member(c->conn, c->room) : NULL;
    if (c->conn) return *m ? (*m)->user : NULL;
    struct hub_room_user *u = hub_room_user(c->room, hub_cstr(c->who->user_id));
    return u && u->member_n ? u : NULL;
}

static void on_builtin_counted(void *arg, bool allowed) {
    struct hub_call *c = arg;
    struct hub_member *m;
    if (!allowed) return; /* and the call is gone */
    const struct builtin *b = c->subject;
    struct hub_room_user *u = present(c, &m);
    if (b->receipt) {
        b->receipt(c);
    } else if (!u) {
        hub_call_fail(c, HUB_NOT_IN_ROOM, "the event \"%s\" tells of who is in the room; join it first", b->name);
    } else {
        b->tell(u, m);
        hub_call_ok(c, NULL, HUB_STR(""));
    }
}

/* What repeats is told once, and counted once. */
static bool goes_on(const struct hub_call *c, const struct builtin *b) {
    struct hub_member *m;
    const struct hub_room_user *u = b->goes_on ? present(c, &m) : NULL;
    return u && hub_timer_running((const struct hub_timer *)((const char *)u + b->goes_on));
}

static void run_builtin(struct hub_call *c, const struct builtin *b) {
    c->subject = b;
    if (goes_on(c, b))
        on_builtin_counted(c, true);
    else
        hub_gate_limit(c, b->limit, on_builtin_counted, c);
}

static void run(struct hub_call *c, struct hub_str name) {
    /* A custom event may bear a standard one's name while that is off (the linter sees to it). */
    const struct hub_def_custom_event *e = hub_def_custom_event(c->hub->def, name);
    const struct builtin *b = e ? NULL : builtin_named(name);
    if (hub_room_is_blocked(c->room, hub_cstr(c->who->user_id), hub_loop_wall(c->room->loop)))
        hub_call_fail(c, HUB_BLOCKED, NULL);
    else if (e)
        run_custom(c, e);
    else if (!b)
        hub_call_fail(c, HUB_UNKNOWN_EVENT, "there is no event \"%.*s\" in this hub",
                      name.n < HUB_NAME_MAX ? (int)name.n : HUB_NAME_MAX, name.p);
    else if (!*(const bool *)((const char *)c->hub->def + b->enabled))
        hub_call_fail(c, HUB_FEATURE_DISABLED, "the event \"%s\" is not enabled in this hub", b->name);
    else
        run_builtin(c, b);
}

void hub_cmd_event(struct hub_call *c) {
    struct hub_str name = hub_call_str(c, "event");
    if (!name.n)
        hub_call_fail(c, HUB_BAD_REQUEST, "event: expected a text");
    else
        run(c, name);
}

bool hub_event_alias(struct hub_call *c) {
    const struct hub_str event = hub_cstr(c->event);
    struct hub_str bare = hub_str_starts(event, HUB_STR("hub:")) ? hub_str(event.p + 4, event.n - 4) : event;
    bool receipt = hub_str_is(bare, "messageRead") || hub_str_is(bare, "messageDelivered");
    if (!receipt && !hub_def_custom_event(c->hub->def, event)) return false;
    if (hub_call_keys(c, HUB_EVENT_ARGS) && hub_call_settle(c, HUB_NEEDS_ROOM)) run(c, receipt ? bare : event);
    return true;
}
