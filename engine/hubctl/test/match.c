/* Expectations against what was seen. */
#include "hubctl/test/match.h"

#include <stdlib.h>

#include "base/match/pattern.h"
#include "base/memory/mem.h"
#include "base/time/clock.h"

/* ---- ${name} ---- */

/* The whole TEXT is one ${name}: what was saved, with its type, borrowed; NULL: it is more, or less. */
static HUB_MUST json_t *saved_whole(const json_t *saved, struct hub_str text) {
    if (text.n < 4 || text.p[0] != '$' || text.p[1] != '{' || hub_str_find(text, '}') != text.n - 1) return NULL;
    char *name = hub_str_dup(hub_str(text.p + 2, text.n - 3));
    json_t *v = json_object_get(saved, name);
    free(name);
    return v;
}

static void add_saved(struct hub_buf *out, const json_t *saved, struct hub_str name) {
    char *key = hub_str_dup(name);
    const json_t *v = json_object_get(saved, key);
    if (json_is_string(v))
        hub_buf_adds(out, hub_json_str(v));
    else if (v)
        hub_json_add(out, v);
    else
        hub_buf_addf(out, "${%s}", key);
    free(key);
}

static void add_replaced(struct hub_buf *out, const json_t *saved, struct hub_str text) {
    for (size_t i = 0; i < text.n;) {
        size_t end = hub_str_find(hub_str(text.p + i, text.n - i), '}');
        if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{' && i + end < text.n) {
            add_saved(out, saved, hub_str(text.p + i + 2, end - 2));
            i += end + 1;
        } else {
            hub_buf_addc(out, text.p[i++]);
        }
    }
}

char *hub_test_text(const json_t *saved, const char *text) {
    struct hub_buf out = {0};
    add_replaced(&out, saved, hub_cstr(text));
    return hub_buf_take(&out, NULL);
}

static HUB_MUST json_t *scalar_to_send(const json_t *saved, const struct hub_node *n) {
    json_t *whole = saved_whole(saved, n->text);
    if (whole) return json_deep_copy(whole);
    if (!memmem(n->text.p, n->text.n, "${", 2)) return hub_scenario_json(n);
    struct hub_buf out = {0};
    add_replaced(&out, saved, n->text);
    json_t *v = hub_json_string(hub_buf_str(&out));
    hub_buf_free(&out);
    return v;
}

json_t *hub_test_value(const json_t *saved, const struct hub_node *n) {
    if (!n) return json_null();
    if (n->kind == HUB_NODE_SCALAR) return scalar_to_send(saved, n);
    json_t *out = n->kind == HUB_NODE_MAP ? json_object() : json_array();
    for (const struct hub_node *c = n->first; c; c = c->next) {
        json_t *v = hub_test_value(saved, c);
        if (n->kind == HUB_NODE_MAP)
            json_object_setn_new_nocheck(out, c->key.p, c->key.n, v);
        else
            json_array_append_new(out, v);
    }
    return out;
}

/* ---- values ---- */

static bool is_moment(const json_t *v, int64_t *ms) {
    struct hub_str s = hub_json_str(v);
    return s.n >= 20 && (s.p[s.n - 1] == 'Z' || s.p[s.n - 6] == '+' || s.p[s.n - 6] == '-') &&
           hub_datetime_parse(s, ms);
}

static bool is_same(const json_t *a, const json_t *b) {
    int64_t at, bt;
    if (is_moment(a, &at) && is_moment(b, &bt)) return at == bt;
    return hub_json_equal(a, b);
}

static bool tell_difference(const struct hub_test_match *m, const struct hub_node *at, const char *path,
                            const char *expected, const json_t *seen) {
    if (m->tell) m->tell(m->arg, at, path, expected, seen);
    return false;
}

static bool tell_value(const struct hub_test_match *m, const struct hub_node *at, const char *path, const json_t *value,
                       const json_t *seen) {
    struct hub_buf b = {0};
    hub_json_add(&b, value);
    tell_difference(m, at, path, hub_buf_cstr(&b), seen);
    hub_buf_free(&b);
    return false;
}

static bool equals_scalar(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen,
                          const char *path) {
    json_t *value = hub_test_value(m->saved, n);
    bool same = seen && is_same(value, seen);
    if (!same) tell_value(m, n, path, value, seen);
    json_decref(value);
    return same;
}

/* Negative, 0, positive; *COMPARABLE is false for values without an order. */
static int compare_values(const json_t *a, const json_t *b, bool *comparable) {
    int64_t at, bt;
    *comparable = true;
    if (is_moment(a, &at) && is_moment(b, &bt)) return (at > bt) - (at < bt);
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        return (x > y) - (x < y);
    }
    *comparable = json_is_string(a) && json_is_string(b);
    return *comparable ? strcmp(json_string_value(a), json_string_value(b)) : 0;
}

static bool is_type(struct hub_str name, const json_t *v) {
    if (hub_str_is(name, "integer"))
        return json_is_integer(v) || (json_is_real(v) && json_real_value(v) == (double)(int64_t)json_real_value(v));
    return (hub_str_is(name, "string") && json_is_string(v)) || (hub_str_is(name, "number") && json_is_number(v)) ||
           (hub_str_is(name, "boolean") && json_is_boolean(v)) || (hub_str_is(name, "object") && json_is_object(v)) ||
           (hub_str_is(name, "array") && json_is_array(v)) || (hub_str_is(name, "null") && json_is_null(v));
}

/* ---- matchers ---- */

static bool matches_quietly(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen) {
    const struct hub_test_match quiet = {.saved = m->saved};
    return hub_test_matches(&quiet, n, seen, "");
}

static bool fits_pattern(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen) {
    struct hub_pattern *p = NULL;
    struct hub_err err;
    char *own = hub_str_dup(n->text), *text = hub_test_text(m->saved, own);
    bool fits = json_is_string(seen) && !hub_pattern_new(hub_cstr(text), true, &p, NULL, &err) &&
                hub_pattern_match(p, hub_json_str(seen), NULL) == HUB_OK;
    hub_pattern_free(p);
    free(text);
    free(own);
    return fits;
}

static bool is_one_of(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen) {
    for (const struct hub_node *c = n->first; c; c = c->next)
        if (matches_quietly(m, c, seen)) return true;
    return false;
}

/* A text that has a part, a list that has an element, or each of a list of them. */
static bool has_part(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen) {
    if (json_is_string(seen)) {
        char *own = hub_str_dup(n->text), *part = hub_test_text(m->saved, own);
        bool found = n->kind == HUB_NODE_SCALAR && strstr(json_string_value(seen), part);
        free(part);
        free(own);
        return found;
    }
    for (size_t i = 0; i < json_array_size(seen); i++)
        if (matches_quietly(m, n, json_array_get(seen, i))) return true;
    return false;
}

static bool contains_parts(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen) {
    if (n->kind != HUB_NODE_SEQ) return has_part(m, n, seen);
    for (const struct hub_node *c = n->first; c; c = c->next)
        if (!has_part(m, c, seen)) return false;
    return true;
}

static HUB_MUST json_t *length_of(const json_t *v) {
    if (json_is_array(v)) return json_integer((json_int_t)json_array_size(v));
    if (json_is_object(v)) return json_integer((json_int_t)json_object_size(v));
    if (!json_is_string(v)) return NULL;
    json_int_t n = 0;
    for (const char *p = json_string_value(v); *p; p++) n += ((unsigned char)*p & 0xc0) != 0x80;
    return json_integer(n);
}

static bool is_ordered(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen, int sign) {
    bool comparable;
    json_t *value = hub_test_value(m->saved, n);
    int by = seen ? compare_values(seen, value, &comparable) : 0;
    json_decref(value);
    return seen && comparable && by * sign >= 0;
}

static bool has_length(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen) {
    json_t *length = length_of(seen);
    bool fits = length && matches_quietly(m, n, length);
    json_decref(length);
    return fits;
}

static bool fits_matcher(const struct hub_test_match *m, enum hub_matcher how, const struct hub_node *n,
                         const json_t *seen) {
    switch (how) {
    case HUB_MATCH_MATCH: return fits_pattern(m, n, seen);
    case HUB_MATCH_TYPE: return seen && is_type(n->text, seen);
    case HUB_MATCH_ANY: return seen != NULL;
    case HUB_MATCH_ABSENT: return (seen == NULL) == hub_str_is(n->text, "true");
    case HUB_MATCH_EQ: {
        json_t *value = hub_test_value(m->saved, n);
        bool same = seen && hub_json_equal(value, seen);
        json_decref(value);
        return same;
    }
    case HUB_MATCH_NOT: return !matches_quietly(m, n, seen);
    case HUB_MATCH_ONE_OF: return is_one_of(m, n, seen);
    case HUB_MATCH_CONTAINS: return seen && contains_parts(m, n, seen);
    case HUB_MATCH_LENGTH: return has_length(m, n, seen);
    case HUB_MATCH_GTE: return is_ordered(m, n, seen, 1);
    case HUB_MATCH_LTE: return is_ordered(m, n, seen, -1);
    case HUB_MATCH_SAVE: return seen != NULL;
    default: return false;
    }
}

static bool by_matcher(const struct hub_test_match *m, const struct hub_node *n, enum hub_matcher how,
                       const json_t *seen, const char *path) {
    struct hub_buf words = {0};
    bool good = fits_matcher(m, how, n, seen);
    if (good && how == HUB_MATCH_SAVE && m->tell) json_object_set_new(m->saved, n->text.p, json_deep_copy(seen));
    if (good) return true;
    json_t *value = hub_test_value(m->saved, n);
    hub_buf_addf(&words, "%.*s ", HUB_FMT(n->key));
    hub_json_add(&words, value);
    tell_difference(m, n, path, hub_buf_cstr(&words), seen);
    json_decref(value);
    hub_buf_free(&words);
    return false;
}

/* ---- the walk ---- */

static bool match_member(const struct hub_test_match *m, const struct hub_node *c, const json_t *seen,
                         const char *path) {
    enum hub_matcher how = hub_scenario_matcher(c->key);
    if (how) return by_matcher(m, c, how, seen, path);
    struct hub_buf below = {0};
    char *key = hub_str_dup(c->key);
    hub_buf_addf(&below, "%s%s%s", path, *path ? "." : "", key);
    bool good = hub_test_matches(m, c, json_is_object(seen) ? json_object_get(seen, key) : NULL, hub_buf_cstr(&below));
    hub_buf_free(&below);
    free(key);
    return good;
}

static bool match_map(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen, const char *path) {
    bool only_matchers = n->n > 0, good = true;
    for (const struct hub_node *c = n->first; c; c = c->next) only_matchers &= hub_scenario_matcher(c->key) != 0;
    if (!only_matchers && !json_is_object(seen)) return tell_difference(m, n, path, "an object", seen);
    for (const struct hub_node *c = n->first; c; c = c->next) good &= match_member(m, c, seen, path);
    return good;
}

static bool match_list(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen, const char *path) {
    size_t i = 0, have = json_array_size(seen);
    bool good = json_is_array(seen);
    struct hub_buf b = {0};
    if (!good) return tell_difference(m, n, path, "a list", seen);
    for (const struct hub_node *c = n->first; c && i < have; c = c->next, i++) {
        hub_buf_clear(&b);
        hub_buf_addf(&b, "%s[%zu]", path, i);
        good &= hub_test_matches(m, c, json_array_get(seen, i), hub_buf_cstr(&b));
    }
    if (have != n->n) {
        hub_buf_clear(&b);
        hub_buf_addf(&b, "a list of %zu", n->n);
        good = tell_difference(m, n, path, hub_buf_cstr(&b), seen);
    }
    hub_buf_free(&b);
    return good;
}

bool hub_test_matches(const struct hub_test_match *m, const struct hub_node *n, const json_t *seen, const char *path) {
    if (n->kind == HUB_NODE_SCALAR) return equals_scalar(m, n, seen, path);
    return n->kind == HUB_NODE_MAP ? match_map(m, n, seen, path) : match_list(m, n, seen, path);
}
