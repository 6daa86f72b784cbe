/* What a step expects, against what has come of it. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "data/objects.h"
#include "hubctl/test/match.h"
#include "hubctl/test/run.h"
#include "hubctl/test/world/client.h"

static struct hub_test_match telling_match(struct hub_test_run *r) {
    return (struct hub_test_match){.saved = r->world->saved, .tell = hub_test_fail_at, .arg = r};
}

static bool compare_seen(struct hub_test_run *r, const struct hub_node *expected, const json_t *seen,
                         const char *path) {
    const struct hub_test_match m = telling_match(r);
    return hub_test_matches(&m, expected, seen, path);
}

/* ---- the answer ---- */

static void expect_answer(struct hub_test_run *r, const struct hub_scenario_step *s, const json_t *answer) {
    const struct hub_node *expected = hub_scenario_expected(s, "answer");
    if (expected) {
        compare_seen(r, expected, answer, "answer");
    } else if (json_is_object(answer) && !hub_json_get_bool(answer, "ok", true)) {
        char *shown = hub_test_shown(answer);
        hub_test_fail(r, NULL, "answer", "an answer with ok: true", shown);
        free(shown);
    }
}

/* ---- events ---- */

/* [name, argument, …] as {name: argument}; of several arguments their list. */
static HUB_MUST json_t *event_as_map(const json_t *event) {
    json_t *map = json_object(), *name = json_array_get(event, 0), *args = json_array();
    size_t n = json_array_size(event);
    for (size_t i = 1; i < n; i++) json_array_append(args, json_array_get(event, i));
    struct hub_buf key = {0};
    if (json_is_string(name))
        hub_buf_adds(&key, hub_json_str(name));
    else
        hub_json_add(&key, name);
    json_object_set(map, hub_buf_cstr(&key), n == 1 ? json_null() : n == 2 ? json_array_get(args, 0) : args);
    json_decref(args);
    hub_buf_free(&key);
    return map;
}

/* The names alone: where they differ, whatever else does is not worth telling. */
static bool has_expected_names(struct hub_test_run *r, const struct hub_node *list, const json_t *events,
                               const char *path) {
    struct hub_buf expected = {0}, seen = {0};
    for (const struct hub_node *c = list->first; c; c = c->next) {
        bool named = c->kind == HUB_NODE_MAP && c->n == 1 && !hub_scenario_matcher(c->first->key);
        if (!named) { /* a matcher decides */
            hub_buf_free(&expected);
            return true;
        }
        hub_buf_addf(&expected, "%s%.*s", expected.n ? ", " : "", HUB_FMT(c->first->key));
    }
    for (size_t i = 0; i < json_array_size(events); i++) {
        struct hub_str name = hub_json_str(json_array_get(json_array_get(events, i), 0));
        hub_buf_addf(&seen, "%s%.*s", seen.n ? ", " : "", HUB_FMT(name));
    }
    bool same = hub_str_eq(hub_buf_str(&expected), hub_buf_str(&seen));
    if (!same)
        hub_test_fail(r, list, path, expected.n ? hub_buf_cstr(&expected) : "no event",
                      seen.n ? hub_buf_cstr(&seen) : "no event");
    hub_buf_free(&expected);
    hub_buf_free(&seen);
    return same;
}

static void expect_events_of(struct hub_test_run *r, const struct hub_node *list) {
    char *as = hub_str_dup(list->key);
    const struct hub_test_client *c = hub_test_client_find(r->world, as);
    struct hub_buf path = {0};
    json_t *seen = json_array();
    for (size_t i = 0; c && i < json_array_size(c->events); i++)
        json_array_append_new(seen, event_as_map(json_array_get(c->events, i)));
    hub_buf_addf(&path, "events.%s", as);
    if (list->kind != HUB_NODE_SEQ || has_expected_names(r, list, c ? c->events : NULL, hub_buf_cstr(&path)))
        compare_seen(r, list, seen, hub_buf_cstr(&path));
    hub_buf_free(&path);
    json_decref(seen);
    free(as);
}

/* ---- rows ---- */

static void on_row(void *arg, enum hub_code code, json_t *result, const char *error) {
    json_t **row = arg;
    (void)error;
    *row = code ? json_null() : json_deep_copy(result); /* no row is JSON null */
}

static HUB_MUST json_t *find_row(struct hub_test_world *w, const struct hub_table *t, const json_t *id) {
    json_t *row = NULL;
    hub_object_find(hub_engine_data(w->server.engine), t, id, on_row, &row);
    hub_test_settle(w);
    if (!json_is_null(row)) return row;
    return NULL;
}

static void expect_row(struct hub_test_run *r, const struct hub_table *t, const struct hub_node *n) {
    const char *property = t->id == HUB_NO_ID ? "id" : t->columns[t->id].property;
    const struct hub_node *id_node = hub_node_get(n, hub_cstr(property));
    struct hub_buf path = {0};
    if (!id_node) {
        hub_test_fail(r, n, "objects", "a row with its id", "none");
        return;
    }
    json_t *id = hub_test_value(r->world->saved, id_node), *row = find_row(r->world, t, id);
    const struct hub_node *absent = hub_node_get(n, HUB_STR("$absent"));
    hub_buf_addf(&path, "objects.%s[", t->name);
    hub_json_add(&path, id);
    hub_buf_addc(&path, ']');
    if (absent && hub_str_is(absent->text, "true")) {
        char *shown = hub_test_shown(row);
        if (row) hub_test_fail(r, absent, hub_buf_cstr(&path), "no such row", shown);
        free(shown);
    } else {
        compare_seen(r, n, row, hub_buf_cstr(&path));
    }
    hub_buf_free(&path);
    json_decref(id);
    json_decref(row);
}

static void expect_objects(struct hub_test_run *r, const struct hub_node *objects) {
    for (const struct hub_node *o = objects->first; o; o = o->next) {
        const struct hub_table *t = hub_tables_find(r->world->server.now.tables, o->key);
        char *name = hub_str_dup(o->key);
        if (!t) hub_test_fail(r, o, "objects", "an object of the service", name);
        for (const struct hub_node *n = t ? o->first : NULL; n; n = n->next) expect_row(r, t, n);
        free(name);
    }
}

/* ---- the log ---- */

/* Each expected line is found behind the one before it; the others do not matter, unless they are errors. */
static void expect_logs(struct hub_test_run *r, const struct hub_node *expected) {
    struct hub_test_world *w = r->world;
    const struct hub_test_match quiet = {.saved = w->saved};
    size_t at = 0, n = json_array_size(w->seen.logs);
    for (const struct hub_node *c = expected ? expected->first : NULL; c; c = c->next) {
        while (at < n && !hub_test_matches(&quiet, c, json_array_get(w->seen.logs, at), "")) at++;
        if (at == n) {
            hub_test_fail(r, c, "logs", "a line like this", "none");
            return;
        }
        w->errors -= hub_str_is(hub_json_get_str(json_array_get(w->seen.logs, at++), "level"), "error");
    }
    if (expected && !expected->n && n) hub_test_fail(r, expected, "logs", "no line", "some");
}

static const json_t *last_error(const struct hub_test_world *w) {
    for (size_t i = json_array_size(w->seen.logs); i--;)
        if (hub_str_is(hub_json_get_str(json_array_get(w->seen.logs, i), "level"), "error"))
            return json_array_get(w->seen.logs, i);
    return NULL;
}

static void expect_no_errors(struct hub_test_run *r) {
    if (r->world->errors) hub_test_fail_at(r, r->node, "logs", "no error in the log", last_error(r->world));
    if (json_array_size(r->world->seen.unstubbed))
        hub_test_fail_at(r, r->node, "http", "a stub for each request", json_array_get(r->world->seen.unstubbed, 0));
}

/* ---- all of it ---- */

static void expect_list(struct hub_test_run *r, const struct hub_scenario_step *s, const char *key,
                        const json_t *seen) {
    const struct hub_node *expected = hub_scenario_expected(s, key);
    if (expected) compare_seen(r, expected, seen, key);
}

void hub_test_expect(struct hub_test_run *r, const struct hub_scenario_step *s, const json_t *answer) {
    struct hub_test_world *w = r->world;
    const struct hub_node *events = hub_scenario_expected(s, "events"), *objects = hub_scenario_expected(s, "objects");
    expect_answer(r, s, answer);
    for (const struct hub_node *c = events ? events->first : NULL; c; c = c->next) expect_events_of(r, c);
    expect_list(r, s, "published", w->seen.published);
    expect_list(r, s, "dbEvents", w->seen.changes);
    expect_list(r, s, "http", w->seen.http);
    if (hub_scenario_expected(s, "http")) json_array_clear(w->seen.unstubbed);
    if (objects) expect_objects(r, objects);
    expect_logs(r, hub_scenario_expected(s, "logs"));
    expect_no_errors(r);
}
