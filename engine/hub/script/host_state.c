/* What scripts do with the state of rooms: the table state. */
#include "hub/script/script_int.h"

#include <stdlib.h>

#include "hub/guard/guard.h"
#include "hub/shared_state/shared_state.h"

/* One call, until its room is found and its change made. */
struct state_call {
    struct hub_engine *engine;
    struct hub_host_call *call;
    struct hub_room *room; /* reference, once it is found */
    struct hub_state_change change;
    /* What the script gets; a new reference, NULL: nil. */
    json_t *(*result)(const struct state_call *s, const struct hub_state_outcome *o);
};

static void end_state_call(struct state_call *s, enum hub_code code, json_t *result, const char *error) {
    struct hub_host_call *call = s->call;
    hub_guard_ends_write(s->engine, s);
    if (s->room) hub_room_unref(s->room);
    free(s);
    if (code)
        hub_host_fail(call, code, error);
    else
        hub_host_done(call, result);
}

static void on_state_changed(void *arg, enum hub_code code, const char *error, const struct hub_state_outcome *o) {
    struct state_call *s = arg;
    end_state_call(s, code, code ? NULL : s->result(s, o), error);
}

static void on_state_room(void *arg, enum hub_code code, struct hub_room *room, const char *error) {
    struct state_call *s = arg;
    s->room = room;
    if (code)
        end_state_call(s, code, NULL, error);
    else
        hub_shared_state_ask(room, &s->change, on_state_changed, s);
}

static void start_state_call(void *ctx, struct hub_host_call *c, const struct state_call *what, bool keyed) {
    struct hub_hub *hub = hub_host_hub(ctx, c);
    if (!hub) return;
    if (!hub->def->shared_state.on) {
        hub_host_fail(c, HUB_FEATURE_DISABLED, "state is not declared in the hub");
        return;
    }
    if (keyed && !hub_str_is_id(hub_host_text(c, 1))) {
        hub_host_fail(c, HUB_BAD_REQUEST, "key: expected " HUB_ID_EXPECTED);
        return;
    }
    if (what->change.op == HUB_STATE_READ) hub_guard_reads(c, HUB_READABLE_STATE, hub, hub_host_text(c, 0));
    struct state_call *s = hub_xmalloc(sizeof *s);
    *s = *what;
    s->engine = ctx;
    s->call = c;
    hub_guard_begins_write(ctx, c, s);
    s->change.key = keyed ? hub_host_text(c, 1) : hub_str("", 0);
    hub_host_find_room(hub, c, on_state_room, s);
}

/* ---- results ---- */

static HUB_MUST json_t *value_result(const struct state_call *s, const struct hub_state_outcome *o) {
    struct hub_str text = hub_shared_state_value(s->room, s->change.key);
    (void)o;
    return text.p ? hub_json_parse(text, NULL) : NULL;
}

static HUB_MUST json_t *keys_result(const struct state_call *s, const struct hub_state_outcome *o) {
    (void)o;
    return hub_shared_state_keys(s->room);
}

static HUB_MUST json_t *all_result(const struct state_call *s, const struct hub_state_outcome *o) {
    struct hub_buf text = {0};
    (void)o;
    hub_shared_state_entries(s->room, &text);
    json_t *all = hub_json_parse(hub_buf_str(&text), NULL);
    hub_buf_free(&text);
    return all;
}

static HUB_MUST json_t *version_result(const struct state_call *s, const struct hub_state_outcome *o) {
    (void)s;
    return json_integer(o->version);
}

static HUB_MUST json_t *done_result(const struct state_call *s, const struct hub_state_outcome *o) {
    (void)s;
    return json_boolean(o->done);
}

static HUB_MUST json_t *number_result(const struct state_call *s, const struct hub_state_outcome *o) {
    (void)s;
    return hub_json_parse(o->value, NULL);
}

/* ---- functions ---- */

void hub_host_state_get(void *ctx, struct hub_host_call *c) {
    start_state_call(ctx, c, &(struct state_call){.change.op = HUB_STATE_READ, .result = value_result}, true);
}

void hub_host_state_keys(void *ctx, struct hub_host_call *c) {
    start_state_call(ctx, c, &(struct state_call){.change.op = HUB_STATE_READ, .result = keys_result}, false);
}

void hub_host_state_all(void *ctx, struct hub_host_call *c) {
    start_state_call(ctx, c, &(struct state_call){.change.op = HUB_STATE_READ, .result = all_result}, false);
}

void hub_host_state_set(void *ctx, struct hub_host_call *c) {
    const struct hub_state_change change = {.op = HUB_STATE_SET, .value = hub_host_arg(c, 2)};
    start_state_call(ctx, c, &(struct state_call){.change = change, .result = version_result}, true);
}

void hub_host_state_delete(void *ctx, struct hub_host_call *c) {
    start_state_call(ctx, c, &(struct state_call){.change.op = HUB_STATE_DELETE, .result = done_result}, true);
}

void hub_host_state_clear(void *ctx, struct hub_host_call *c) {
    start_state_call(ctx, c, &(struct state_call){.change.op = HUB_STATE_CLEAR, .result = version_result}, false);
}

void hub_host_state_incr(void *ctx, struct hub_host_call *c) {
    const json_t *by = hub_host_arg(c, 2);
    const struct hub_state_change change = {.op = HUB_STATE_INCREMENT, .value = hub_json_nil(by) ? NULL : by};
    start_state_call(ctx, c, &(struct state_call){.change = change, .result = number_result}, true);
}

void hub_host_state_compare_and_set(void *ctx, struct hub_host_call *c) {
    const struct hub_state_change change = {
        .op = HUB_STATE_COMPARE_AND_SET, .was = hub_host_arg(c, 2), .value = hub_host_arg(c, 3)};
    start_state_call(ctx, c, &(struct state_call){.change = change, .result = done_result}, true);
}
