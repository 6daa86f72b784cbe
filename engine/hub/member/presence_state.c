/* What users say of themselves in a room, beside being there or away: where their cursor is, what they look
 * at. The last of a user's connections to speak decides; a state ends by itself at its time, with its user,
 * or when it is taken back. */
#include <stdlib.h>

#include "data/fields.h"
#include "hub/member/member.h"

#define EXPIRY_MAX_MS 86400000

static struct hub_metric changes_total = HUB_METRIC(HUB_COUNTER, "hubd_presence_state_changes_total", NULL,
                                                    "Changes of what users say of themselves in rooms");

static void tell_presence_state(struct hub_room_user *u) {
    const struct hub_target others = {.to = HUB_TO_OTHERS, .sender = hub_cstr(u->id)};
    struct hub_event_json e = hub_event_json(u->room);
    hub_event_json_text(&e, "event", HUB_STR("state"));
    hub_event_json_user(&e, u);
    hub_event_json_raw(&e, "state", u->state ? hub_str(u->state->text, u->state->n) : HUB_STR("null"));
    hub_event_json_tell(&e, &others, HUB_STR("hub:presence"), HUB_SEND_EPHEMERAL);
}

/* What the room was told already is not told again. */
static void settle_presence_state(struct hub_room_user *u) {
    if (u->state ? u->state->told : !u->state_seen) return;
    u->state_seen = u->state != NULL;
    if (u->state) u->state->told = true;
    tell_presence_state(u);
}

void hub_presence_state_again(struct hub_room_user *u) {
    if (u->state && u->state->told) tell_presence_state(u);
}

static void drop_presence_state(struct hub_room_user *u) {
    if (!u->state) return;
    hub_timer_stop(u->room->loop, &u->state->over);
    free(u->state);
    u->state = NULL;
}

static void state_over(struct hub_timer *t) {
    struct hub_room_user *u = HUB_CONTAINER(t, struct hub_user_state, over)->user;
    drop_presence_state(u);
    settle_presence_state(u);
}

static void put_presence_state(struct hub_room_user *u, struct hub_str text, int64_t expires_ms) {
    bool same = u->state && hub_str_eq(hub_str(u->state->text, u->state->n), text);
    bool told = same && u->state->told;
    drop_presence_state(u);
    struct hub_user_state *s = u->state = hub_xcalloc(1, sizeof *s + text.n);
    s->user = u;
    s->told = told;
    s->n = text.n;
    memcpy(s->text, text.p, text.n);
    if (expires_ms) hub_timer_start(u->room->loop, &s->over, expires_ms, state_over);
    if (!same) hub_metric_add(&changes_total, 1);
}

/* ---- hub:presenceState ---- */

static const struct hub_arg state_args[] = {
    HUB_ARG_ROOM,
    {"state", HUB_ARG_ANY, .help = "An object; null takes it back.", .shape = "presenceState or null"},
    {"expireAfterMs", HUB_ARG_INT, .least = 1, .most = EXPIRY_MAX_MS,
     .help = "After so long it is taken back, unless it is set again."},
    {"silent", HUB_ARG_BOOL, .help = "True: nobody is told; who asks for the members finds it."},
    {0},
};

/* STATE with its defaults as text; null: empty. */
static enum hub_code check_presence_state(const struct hub_def *def, json_t *state, struct hub_buf *text,
                                          struct hub_err *err) {
    static const struct hub_fields_of of = {"state", "presence", "state"};
    const struct hub_def_presence_state *d = &def->presence_state;
    bool changed;
    if (!state) return hub_fail(err, HUB_BAD_REQUEST, "state: required, but missing");
    if (json_is_null(state)) return HUB_OK;
    if (!json_is_object(state)) return hub_fail(err, HUB_BAD_REQUEST, "state: expected an object, or null");
    enum hub_code code = hub_fields_check(d->fields, d->field_n, state, &of, &changed, err);
    if (code) return code;
    hub_json_add(text, state);
    if (text->n <= (size_t)d->max_bytes) return HUB_OK;
    return hub_fail(err, HUB_TOO_LARGE, "state: %zu bytes of JSON; presence.state.maxBytes is %lld", text->n,
                    (long long)d->max_bytes);
}

/* It has waited to be counted. */
static enum hub_code check_present(const struct hub_call *call, struct hub_err *err) {
    const struct hub_member *m = call->member;
    if (m->gone) return hub_fail(err, m->put_out ? m->put_out : HUB_NOT_IN_ROOM, NULL);
    if (call->room->ended) return hub_fail(err, call->room->ended, NULL);
    return hub_presence_states_part.declared(call->hub->def) ? HUB_OK : hub_fail(err, HUB_FEATURE_DISABLED, NULL);
}

static void set_presence_state(struct hub_call *call) {
    struct hub_buf text = {0};
    struct hub_err err;
    enum hub_code code = check_present(call, &err);
    if (!code) code = check_presence_state(call->hub->def, hub_json_get(call->args, "state"), &text, &err);
    if (code) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        hub_buf_free(&text);
        return;
    }
    struct hub_room_user *u = call->member->user;
    if (text.n)
        put_presence_state(u, hub_buf_str(&text), hub_arg_int(state_args, call->args, "expireAfterMs", 0));
    else
        drop_presence_state(u);
    if (!hub_json_get_bool(call->args, "silent", false)) settle_presence_state(u);
    hub_buf_free(&text);
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}

/* ---- the part ---- */

static bool has_states(const struct hub_def *def) { return def->presence_state.on && def->enable_presence; }

static void room_reloaded(struct hub_room *room) {
    if (has_states(hub_of(room)->def)) return;
    HUB_ROOM_EACH_USER(room, u) {
        drop_presence_state(u);
        settle_presence_state(u);
    }
}

static void describe_states(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_presence_state *d = &hub->def->presence_state;
    if (!has_states(hub->def)) return;
    json_object_set_new(out, "presenceState",
                        json_pack("{s:o, s:I}", "fields", hub_fields_describe(d->fields, d->field_n), "maxBytes",
                                  (json_int_t)d->max_bytes));
}

static const struct hub_command commands[] = {
    {.name = "hub:presenceState",
     .help = "Says what the user is doing in the room; the last of his connections to say so decides.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_args, &hub_gate_unblocked, &hub_gate_events),
     .args = state_args,
     .codes = {HUB_BAD_REQUEST, HUB_INVALID_CONTENT, HUB_TOO_LARGE, HUB_FEATURE_DISABLED},
     .run = set_presence_state},
    {0},
};

static const struct hub_field told_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"event", "`state`", .help = "`state`."},
    {"user", "user", .help = "Who it is."},
    {"state", "presenceState or null", .help = "What he says; null: nothing any more."},
    {0},
};
static const struct hub_told_event told[] = {
    {"hub:presence", "those with canRead, but for the user's own connections",
     "he has said something else, has taken it back, or its time was over", told_fields},
    {0},
};

const struct hub_part hub_presence_states_part = {
    .name = "presence.state",
    .help = "What users say of themselves in a room.",
    .commands = commands,
    .told = told,
    .keywords = "presence",
    .declared = has_states,
    .room_reloaded = room_reloaded,
    .describe = describe_states,
};
