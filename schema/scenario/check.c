/* Checks of a scenario: names that have to be known, times, one action a step, matchers, and what is used
 * before it was saved. */
#include "schema/scenario/check.h"

#include <stdlib.h>

#include "base/match/pattern.h"
#include "base/time/clock.h"
#include "schema/scenario/rows.h"

/* ---- users ---- */

static void check_users(struct hub_loader *l, struct hub_scenario *s) {
    struct hub_node *users = hub_node_get(s->node, HUB_STR("users"));
    s->users = hub_arena_json(l->keep, json_object());
    if (!users || hub_node_is_null(users)) return;
    if (users->kind != HUB_NODE_MAP) {
        hub_complain(l, "T002", users, NULL, NULL, "users must be a mapping, not %s", hub_node_kind_name(users));
        return;
    }
    for (struct hub_node *c = users->first; c; c = c->next) {
        if (c->kind == HUB_NODE_MAP || hub_node_is_null(c))
            json_object_setn_new_nocheck(s->users, c->key.p, c->key.n,
                                         c->kind == HUB_NODE_MAP ? hub_scenario_json(c) : json_object());
        else
            hub_complain(l, "T002", c, NULL, NULL, "the claims of a user must be a mapping, not %s",
                         hub_node_kind_name(c));
        if (!hub_str_is_id(c->key)) hub_complain(l, "T004", c, &c->key_range, NULL, "a user's id is " HUB_ID_EXPECTED);
    }
}

/* Users whom a step connects by a token need not be among them. */
static bool is_connected_by_step(const struct hub_scenario *s, struct hub_str who) {
    for (size_t i = 0; i < s->step_n; i++) {
        const struct hub_scenario_act *a = &s->steps[i].acts[HUB_STEP_CONNECT];
        if (a->there && a->as && hub_str_is(who, a->as)) return true;
    }
    return false;
}

static bool is_user(const struct hub_scenario *s, struct hub_str who) {
    char *name = hub_str_dup(hub_str(who.p, hub_str_find(who, '@')));
    bool known = json_object_get(s->users, name) || is_connected_by_step(s, who);
    free(name);
    return known;
}

static void expect_user(struct hub_loader *l, const struct hub_scenario *s, const struct hub_node *n,
                        const struct hub_range *at, struct hub_str who) {
    struct hub_nearest near = {.word = who};
    const char *key;
    json_t *v;
    if (is_user(s, who)) return;
    json_object_foreach(s->users, key, v) hub_nearest_try(&near, key);
    hub_complain(l, "T009", n, at, near.best, "\"%.*s\" is not one of this scenario's users", HUB_FMT(who));
}

/* ---- hub and time ---- */

static void check_hub(struct hub_loader *l, const struct hub_scenario *s) {
    struct hub_nearest near = {.word = hub_cstr(s->hub)};
    const struct hub_service *d = l->service;
    if (!s->hub) return;
    for (size_t i = 0; i < d->hub_n; i++)
        if (!strcmp(d->hubs[i].name, s->hub)) return;
    for (size_t i = 0; i < d->namespace_n; i++)
        if (!strcmp(d->namespaces[i].path, s->hub)) return;
    for (size_t i = 0; i < d->hub_n; i++) hub_nearest_try(&near, d->hubs[i].name);
    for (size_t i = 0; i < d->namespace_n; i++) hub_nearest_try(&near, d->namespaces[i].path);
    hub_complain(l, "T010", hub_node_get(s->node, HUB_STR("hub")), NULL, near.best,
                 "\"%s\" is neither a hub of this service nor the path of a plain namespace", s->hub);
}

static int64_t time_of(struct hub_loader *l, const struct hub_node *n, struct hub_str text) {
    int64_t ms = 0;
    if (!hub_datetime_parse(text, &ms))
        hub_complain(l, "T011", n, NULL, NULL, "\"%.*s\" is not " HUB_DATETIME_EXPECTED, HUB_FMT(text));
    return ms;
}

static void check_at(struct hub_loader *l, struct hub_scenario *s) {
    const struct hub_node *n = hub_node_get(s->node, HUB_STR("at"));
    if (s->at) s->at_ms = time_of(l, n ? n : s->node, hub_cstr(s->at));
}

static void check_advance(struct hub_loader *l, struct hub_scenario_step *s, struct hub_node *n) {
    struct hub_node *to = hub_node_get(n, HUB_STR("to"));
    if (to && n->n == 1 && to->kind == HUB_NODE_SCALAR)
        s->advance_to = time_of(l, to, to->value);
    else if (n->kind != HUB_NODE_SCALAR || !hub_scenario_duration(n->value, &s->advance_ms))
        hub_complain(l, "T011", n, NULL, NULL,
                     "advance must be a time like 55s, 300ms or 1d2h, or {to: 2026-01-31T10:00:00Z}");
}

/* ---- given ---- */

static const struct hub_def_object *find_object(const struct hub_loader *l, struct hub_str name,
                                                struct hub_nearest *near) {
    for (size_t i = 0; i < l->service->object_n; i++) {
        const struct hub_def_object *o = &l->service->objects[i];
        if (hub_str_is(name, o->name)) return o;
        hub_nearest_try(near, o->name);
    }
    return NULL;
}

static void check_given(struct hub_loader *l, struct hub_scenario *s) {
    struct hub_node *given = hub_node_get(s->node, HUB_STR("given"));
    s->given = hub_arena_json(l->keep, json_object());
    if (!given || hub_node_is_null(given)) return;
    if (given->kind != HUB_NODE_MAP) {
        hub_complain(l, "T002", given, NULL, NULL, "given must map DataObjects to lists of rows, not be %s",
                     hub_node_kind_name(given));
        return;
    }
    for (struct hub_node *n = given->first; n; n = n->next) {
        struct hub_nearest near = {.word = n->key};
        const struct hub_def_object *o = find_object(l, n->key, &near);
        if (!o)
            hub_complain(l, "T012", n, &n->key_range, near.best, "\"%.*s\" is not a DataObject of service.yaml",
                         HUB_FMT(n->key));
        else
            json_object_set_new(s->given, o->name, hub_read_rows(l, o, n, "T012"));
    }
}

/* ---- matchers ---- */

static const char *const matchers[HUB_MATCHERS] = {
    "", "$match", "$type", "$any", "$absent", "$eq", "$not", "$oneOf", "$contains", "$length", "$gte", "$lte", "$save",
};
static const char *const types[] = {"string", "number", "integer", "boolean", "object", "array", "null", NULL};

enum hub_matcher hub_scenario_matcher(struct hub_str key) {
    for (int i = 1; i < HUB_MATCHERS; i++)
        if (hub_str_is(key, matchers[i])) return (enum hub_matcher)i;
    return HUB_MATCH_NONE;
}

bool hub_scenario_is_type(struct hub_str name) {
    for (size_t i = 0; types[i]; i++)
        if (hub_str_is(name, types[i])) return true;
    return false;
}

/* What has been saved so far, by name. */
struct saved {
    struct hub_loader *l;
    struct hub_map names;
};

static void check_pattern(struct hub_loader *l, struct hub_node *n) {
    struct hub_pattern *p = NULL;
    struct hub_err err = {0};
    if (n->kind != HUB_NODE_SCALAR)
        hub_complain(l, "T013", n, NULL, NULL, "$match needs a regular expression, not %s", hub_node_kind_name(n));
    else if (hub_pattern_new(n->value, true, &p, NULL, &err))
        hub_complain(l, "T013", n, NULL, NULL, "$match: %s", err.text);
    hub_pattern_free(p);
}

static void check_matcher(struct saved *s, struct hub_node *n) {
    struct hub_nearest near = {.word = n->key};
    enum hub_matcher m = hub_scenario_matcher(n->key);
    if (m == HUB_MATCH_NONE) {
        for (int i = 1; i < HUB_MATCHERS; i++) hub_nearest_try(&near, matchers[i]);
        hub_complain(s->l, "T013", n, &n->key_range, near.best, "there is no matcher \"%.*s\"", HUB_FMT(n->key));
    }
    if (m == HUB_MATCH_MATCH) check_pattern(s->l, n);
    if (m == HUB_MATCH_TYPE && !(n->kind == HUB_NODE_SCALAR && hub_scenario_is_type(n->text)))
        hub_complain(s->l, "T006", n, NULL, NULL,
                     "$type is one of string, number, integer, boolean, object, array, null");
    if (m == HUB_MATCH_ONE_OF && n->kind != HUB_NODE_SEQ)
        hub_complain(s->l, "T013", n, NULL, NULL, "$oneOf needs a list, not %s", hub_node_kind_name(n));
    if (m == HUB_MATCH_SAVE && n->kind == HUB_NODE_SCALAR)
        hub_map_put(&s->names, n->text, n);
    else if (m == HUB_MATCH_SAVE)
        hub_complain(s->l, "T013", n, NULL, NULL, "$save needs a name, not %s", hub_node_kind_name(n));
}

/* Each ${name} in the text of N has been saved by what stands before. */
static void check_uses(struct saved *s, struct hub_node *n) {
    struct hub_str text = n->text;
    for (size_t at; (at = hub_str_find(text, '$')) < text.n;) {
        text = hub_str(text.p + at + 1, text.n - at - 1);
        if (!text.n || text.p[0] != '{') continue;
        struct hub_str name = hub_str(text.p + 1, hub_str_find(text, '}') - 1);
        if (name.n + 1 < text.n && !hub_map_get(&s->names, name))
            hub_complain(s->l, "T014", n, NULL, NULL, "nothing before this has saved \"%.*s\" ($save: %.*s)",
                         HUB_FMT(name), HUB_FMT(name));
    }
}

static void check_value(struct saved *s, struct hub_node *n, bool expected) {
    if (n->kind == HUB_NODE_SCALAR) check_uses(s, n);
    for (struct hub_node *c = n->first; c; c = c->next) {
        if (expected && n->kind == HUB_NODE_MAP && hub_str_starts(c->key, HUB_STR("$"))) check_matcher(s, c);
        check_value(s, c, expected);
    }
}

/* ---- steps ---- */

/* Whether a key of N is none, which has been said: it may have been meant to be the action. */
static bool has_unknown_key(const struct hub_node *n) {
    for (const struct hub_node *c = n->first; c; c = c->next)
        if (!hub_fields_row(&hub_fields_step, c->key)) return true;
    return false;
}

static void check_action(struct hub_loader *l, struct hub_scenario_step *s) {
    struct hub_node *first = NULL, *advance = hub_node_get(s->node, HUB_STR("advance"));
    s->acts[HUB_STEP_ADVANCE].there = advance != NULL;
    for (int i = 0; i < HUB_STEP_ACTIONS; i++) {
        struct hub_node *n = hub_node_get(s->node, hub_cstr(hub_scenario_action_names[i]));
        if (!n) continue;
        if (first)
            hub_complain(l, "T008", n, &n->key_range, NULL, "a step does one thing, and this one has %.*s already",
                         HUB_FMT(first->key));
        if (!first) s->action = (enum hub_scenario_action)i, first = n;
    }
    if (!first && !has_unknown_key(s->node))
        hub_complain(l, "T008", s->node, NULL, NULL,
                     "a step has one of connect, disconnect, join, send, emit, command, subscribe, publish, rest, "
                     "query, bus, advance");
    if (advance) check_advance(l, s, advance);
}

static bool is_matcher(const struct hub_node *n) {
    return n->kind == HUB_NODE_MAP && n->first && hub_str_starts(n->first->key, HUB_STR("$"));
}

/* A list, or a matcher for one. */
static void expect_list(struct hub_loader *l, const struct hub_node *n, const char *of) {
    if (n && n->kind != HUB_NODE_SEQ && !is_matcher(n))
        hub_complain(l, "T002", n, NULL, NULL, "%s must be a list, not %s", of, hub_node_kind_name(n));
}

static void check_events(struct hub_loader *l, const struct hub_scenario *s, const struct hub_scenario_step *step) {
    struct hub_node *events = hub_scenario_expected(step, "events");
    if (!events) return;
    if (events->kind != HUB_NODE_MAP)
        hub_complain(l, "T002", events, NULL, NULL, "events must map users to lists of events, not be %s",
                     hub_node_kind_name(events));
    for (struct hub_node *c = events->kind == HUB_NODE_MAP ? events->first : NULL; c; c = c->next) {
        expect_user(l, s, c, &c->key_range, c->key);
        expect_list(l, c, "the events of a user");
    }
}

static void check_lists(struct hub_loader *l, const struct hub_scenario_step *step) {
    static const char *const lists[] = {"published", "dbEvents", "http"};
    struct hub_node *objects = hub_scenario_expected(step, "objects"), *logs = hub_scenario_expected(step, "logs");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        expect_list(l, hub_scenario_expected(step, lists[i]), lists[i]);
    if (logs && logs->kind != HUB_NODE_SEQ)
        hub_complain(l, "T002", logs, NULL, NULL, "logs must be a list of lines, not %s", hub_node_kind_name(logs));
    if (objects && objects->kind != HUB_NODE_MAP)
        hub_complain(l, "T002", objects, NULL, NULL, "objects must map objects to lists of rows, not be %s",
                     hub_node_kind_name(objects));
    for (struct hub_node *o = objects ? objects->first : NULL; o; o = o->next)
        if (objects->kind == HUB_NODE_MAP && o->kind != HUB_NODE_SEQ)
            hub_complain(l, "T002", o, NULL, NULL, "the rows of an object must be a list, not %s",
                         hub_node_kind_name(o));
}

static void check_subscribe(struct hub_loader *l, const struct hub_scenario_step *step) {
    const struct hub_scenario_act *a = &step->acts[HUB_STEP_SUBSCRIBE];
    int n = (a->channel != NULL) + (a->record_id != NULL) + (a->collection != NULL);
    if (a->there && n != 1)
        hub_complain(l, "T008", hub_node_get(step->node, HUB_STR("subscribe")), NULL, NULL,
                     "subscribe names one channel, record or collection");
}

static void check_step(struct saved *saved, const struct hub_scenario *s, struct hub_scenario_step *step) {
    struct hub_loader *l = saved->l;
    check_action(l, step);
    for (int i = 0; i < HUB_STEP_ACTIONS; i++)
        if (step->acts[i].there && step->acts[i].as) {
            struct hub_node *n =
                hub_node_get(hub_node_get(step->node, hub_cstr(hub_scenario_action_names[i])), HUB_STR("as"));
            expect_user(l, s, n ? n : step->node, NULL, hub_cstr(step->acts[i].as));
        }
    check_events(l, s, step);
    check_lists(l, step);
    check_subscribe(l, step);
    for (struct hub_node *c = step->node->first; c; c = c->next) check_value(saved, c, hub_str_is(c->key, "expect"));
}

/* ---- decisions ---- */

static void check_decision(struct hub_loader *l, const struct hub_scenario *s, const struct hub_scenario_decision *d) {
    const struct hub_node *user = hub_node_get(d->node, HUB_STR("user"));
    if (s->hub && s->hub[0] == '/')
        hub_complain(l, "T015", d->node, NULL, NULL, "a plain namespace has no rooms to enter");
    if (!d->gives == !d->denied)
        hub_complain(l, "T015", d->node, NULL, NULL, "a decision either gives a role or is denied with a code");
    if (user && !hub_node_get(user, HUB_STR("userId")))
        hub_complain(l, "T015", user, NULL, NULL, "the user of a decision needs a userId");
}

void hub_scenario_check(struct hub_loader *l, struct hub_scenario *s) {
    struct saved saved = {.l = l};
    check_users(l, s);
    check_hub(l, s);
    check_at(l, s);
    check_given(l, s);
    for (size_t i = 0; i < s->step_n; i++)
        if (s->steps[i].node) check_step(&saved, s, &s->steps[i]);
    for (size_t i = 0; i < s->decision_n; i++)
        if (s->decisions[i].node) check_decision(l, s, &s->decisions[i]);
    if (!s->step_n && !s->decision_n)
        hub_complain(l, "T008", s->node, NULL, NULL, "a scenario needs steps or decisions");
    hub_map_clear(&saved.names);
}
