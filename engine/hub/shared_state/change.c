/* What a step makes of the entries of a room, and the bounds it keeps. Pure functions. */
#include <math.h>
#include <stdlib.h>

#include "base/text/utf8.h"
#include "hub/shared_state/shared_state_int.h"

void hub_state_step_init(struct hub_state_step *s, const struct hub_state_change *c) {
    *s = (struct hub_state_step){.op = c->op,
                                 .key = hub_str_dup(c->key),
                                 .value = json_incref((json_t *)(uintptr_t)c->value),
                                 .was = json_incref((json_t *)(uintptr_t)c->was)};
}

void hub_state_step_free(struct hub_state_step *s) {
    free(s->key);
    free(s->entry);
    json_decref(s->value);
    json_decref(s->was);
}

struct hub_state_entry *hub_state_entry_new(struct hub_str key, struct hub_str text) {
    struct hub_state_entry *e = hub_xmalloc(sizeof *e + text.n);
    struct hub_buf name = {0};
    hub_json_add_string(&name, key);
    e->cost = name.n + text.n + 2;
    e->n = text.n;
    memcpy(e->text, text.p, text.n);
    hub_buf_free(&name);
    return e;
}

static const struct hub_state_entry *find_entry(const struct hub_state_next *next, struct hub_str key) {
    const struct hub_state_step *edit = hub_map_get(&next->edits, key);
    if (edit) return edit->entry;
    return next->cleared ? NULL : hub_map_get(next->base, key);
}

static HUB_MUST json_t *value_of(const struct hub_state_entry *e) {
    return e ? hub_json_parse(hub_state_text(e), NULL) : NULL;
}

/* ---- what is put in and taken out ---- */

static void count_change(struct hub_state_next *next, struct hub_state_step *s) {
    next->version++;
    s->out.changed = true;
}

static enum hub_code check_bounds(const struct hub_state_next *next, const struct hub_state_entry *old, size_t cost,
                                  size_t most, struct hub_err *err) {
    if (!old && next->keys >= HUB_STATE_KEYS)
        return hub_fail(err, HUB_TOO_MANY, "a room's state may have at most %d keys", HUB_STATE_KEYS);
    if (next->bytes - (old ? old->cost : 0) + cost > most)
        return hub_gate_too_many("limits.stateBytes", (int64_t)most, "bytes of JSON are in the state of a room", err);
    return HUB_OK;
}

static void put_entry(struct hub_state_next *next, struct hub_state_step *s, const json_t *value, size_t most) {
    const struct hub_state_entry *old = find_entry(next, hub_cstr(s->key));
    struct hub_buf text = {0};
    if (hub_json_is_deeper(value, HUB_STATE_DEPTH)) {
        hub_err_set(&s->err, HUB_TOO_LARGE, "value: at most %d levels", HUB_STATE_DEPTH);
        return;
    }
    if (value)
        hub_json_add_exact(&text, value);
    else
        hub_buf_addz(&text, "null");
    bool same = old && hub_str_eq(hub_state_text(old), hub_buf_str(&text));
    struct hub_state_entry *e = same ? NULL : hub_state_entry_new(hub_cstr(s->key), hub_buf_str(&text));
    hub_buf_free(&text);
    if (!e) return;
    if (check_bounds(next, old, e->cost, most, &s->err)) {
        free(e);
        return;
    }
    next->keys += !old;
    next->bytes += e->cost - (old ? old->cost : 0);
    s->entry = e;
    hub_map_put(&next->edits, hub_cstr(s->key), s);
    count_change(next, s);
}

static void delete_entry(struct hub_state_next *next, struct hub_state_step *s) {
    const struct hub_state_entry *old = find_entry(next, hub_cstr(s->key));
    s->out.done = old != NULL;
    if (!old) return;
    next->keys--;
    next->bytes -= old->cost;
    next->takes_out = true;
    hub_map_put(&next->edits, hub_cstr(s->key), s);
    count_change(next, s);
}

static void clear_entries(struct hub_state_next *next, struct hub_state_step *s) {
    if (!next->keys) return;
    count_change(next, s);
    hub_map_clear(&next->edits);
    next->cleared = next->version;
    next->keys = next->bytes = 0;
    next->takes_out = true;
}

/* ---- numbers ---- */

/* NULL: the sum is none. */
static HUB_MUST json_t *sum_of(const json_t *a, const json_t *b) {
    int64_t sum;
    if (json_is_integer(a) && json_is_integer(b)) {
        if (__builtin_add_overflow((int64_t)json_integer_value(a), (int64_t)json_integer_value(b), &sum)) return NULL;
        return json_integer(sum);
    }
    double real = json_number_value(a) + json_number_value(b);
    return isfinite(real) ? json_real(real) : NULL;
}

static void increment_entry(struct hub_state_next *next, struct hub_state_step *s, size_t most) {
    const struct hub_state_entry *old = find_entry(next, hub_cstr(s->key));
    json_t *was = old ? value_of(old) : json_integer(0), *by = s->value ? json_incref(s->value) : json_integer(1);
    json_t *sum = json_is_number(was) && json_is_number(by) ? sum_of(was, by) : NULL;
    if (!json_is_number(by))
        hub_err_set(&s->err, HUB_BAD_REQUEST, "by: expected a number");
    else if (!json_is_number(was))
        hub_err_set(&s->err, HUB_BAD_REQUEST, "state \"%.*s\" is no number", HUB_CUTZ(s->key, 100));
    else if (!sum)
        hub_err_set(&s->err, HUB_BAD_REQUEST, "state \"%.*s\" would be more than a number can be",
                    HUB_CUTZ(s->key, 100));
    else
        put_entry(next, s, sum, most);
    const struct hub_state_entry *now = find_entry(next, hub_cstr(s->key));
    if (!s->err.code) s->out.value = hub_state_text(now);
    json_decref(was);
    json_decref(by);
    json_decref(sum);
}

static void compare_and_set(struct hub_state_next *next, struct hub_state_step *s, size_t most) {
    json_t *is = value_of(find_entry(next, hub_cstr(s->key)));
    s->out.done = hub_json_nil(s->was) ? hub_json_nil(is) : is && hub_json_equal(is, s->was);
    json_decref(is);
    if (s->out.done) put_entry(next, s, s->value, most);
}

void hub_state_work_out(struct hub_state_next *next, struct hub_state_step *s, size_t most) {
    s->out = (struct hub_state_outcome){.done = true};
    switch (s->op) {
    case HUB_STATE_READ: break;
    case HUB_STATE_SET: put_entry(next, s, s->value, most); break;
    case HUB_STATE_DELETE: delete_entry(next, s); break;
    case HUB_STATE_CLEAR: clear_entries(next, s); break;
    case HUB_STATE_INCREMENT: increment_entry(next, s, most); break;
    case HUB_STATE_COMPARE_AND_SET: compare_and_set(next, s, most); break;
    }
    s->out.version = next->version;
}
