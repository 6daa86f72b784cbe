/* What steps do. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "data/objects.h"
#include "hubctl/test/match.h"
#include "hubctl/test/run.h"
#include "hubctl/test/world/client.h"

#define ANSWER_MS 86400000 /* of the scenario's time, in which an answer has to come */

/* The clock is moved where the answer waits for it. False: it does not come. */
static bool await_answer(struct hub_test_world *w, json_t *const *answer) {
    int64_t end = hub_loop_now(w->server.loop) + ANSWER_MS;
    hub_test_settle(w);
    while (!*answer && hub_test_step_clock(w, end)) continue;
    return *answer != NULL;
}

static HUB_MUST json_t *no_answer(struct hub_test_run *r) {
    hub_test_fail(r, NULL, "answer", "an answer", "nothing, in a day of the scenario's time");
    return NULL;
}

/* A member of DATA, unless there is nothing. */
static void add_value(const struct hub_test_world *w, json_t *data, const char *key, const struct hub_node *n) {
    if (n) json_object_set_new(data, key, hub_test_value(w->saved, n));
}

static void add_text_value(const struct hub_test_world *w, json_t *data, const char *key, const char *text) {
    if (!text) return;
    char *own = hub_test_text(w->saved, text);
    hub_json_set_str(data, key, hub_cstr(own));
    free(own);
}

/* ---- connections ---- */

static HUB_MUST json_t *connect_as(struct hub_test_run *r, const char *as, const char *token,
                                   const struct hub_node *more) {
    struct hub_test_world *w = r->world;
    struct hub_test_client *c = hub_test_client_find(w, as);
    json_t *auth = more ? hub_test_value(w->saved, more) : json_object();
    struct hub_buf own = {0};
    hub_buf_addf(&own, "scenario:%.*s", HUB_FMT(hub_scenario_user(as)));
    add_text_value(w, auth, "token", token ? token : hub_buf_cstr(&own));
    hub_buf_free(&own);
    if (c) hub_test_client_free(c);
    c = hub_test_client_new(w, as, auth);
    return await_answer(w, &c->answer) ? json_incref(c->answer) : no_answer(r);
}

static HUB_MUST json_t *connect_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_CONNECT];
    return connect_as(r, a->as, a->token, hub_scenario_said(s, "auth"));
}

static HUB_MUST json_t *disconnect_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    struct hub_test_client *c = hub_test_client_find(r->world, s->acts[HUB_STEP_DISCONNECT].as);
    if (c) hub_test_client_close(c);
    hub_test_settle(r->world);
    return NULL;
}

static bool is_connected_by_step(const struct hub_scenario *s, const char *as) {
    for (size_t i = 0; i < s->step_n; i++)
        if (s->steps[i].action == HUB_STEP_CONNECT && !strcmp(s->steps[i].acts[HUB_STEP_CONNECT].as, as)) return true;
    return false;
}

static void connect_user(struct hub_test_run *r, const char *as) {
    if (is_connected_by_step(r->world->scenario, as) || hub_test_client_find(r->world, as)) return;
    json_t *answer = connect_as(r, as, NULL, NULL);
    if (answer && !hub_json_get_bool(answer, "ok", true)) {
        char *shown = hub_test_shown(answer);
        hub_test_fail(r, hub_node_get(r->world->scenario->node, HUB_STR("users")), as, "to be connected", shown);
        free(shown);
    }
    json_decref(answer);
}

void hub_test_connect_users(struct hub_test_run *r) {
    const struct hub_scenario *s = r->world->scenario;
    const char *name;
    json_t *claims;
    r->does = "users";
    json_object_foreach(s->users, name, claims) connect_user(r, name);
    for (size_t i = 0; i < s->step_n; i++) {
        const struct hub_scenario_act *a = &s->steps[i].acts[s->steps[i].action];
        if (a->as && s->steps[i].action != HUB_STEP_REST) connect_user(r, a->as);
    }
}

/* ---- what users do ---- */

static HUB_MUST json_t *ask_as(struct hub_test_run *r, const char *as, const char *event, json_t *data) {
    struct hub_test_client *c = hub_test_client_find(r->world, as);
    if (!c || c->state != HUB_TEST_CONNECTED) {
        json_decref(data);
        hub_test_fail(r, NULL, "as", "a user who is connected", as);
        return NULL;
    }
    char *name = hub_test_text(r->world->saved, event);
    hub_test_client_ask(c, hub_cstr(name), data);
    free(name);
    return await_answer(r->world, &c->answer) ? json_incref(c->answer) : no_answer(r);
}

static HUB_MUST json_t *join_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_JOIN];
    json_t *data = json_object();
    add_text_value(r->world, data, "roomId", a->room);
    return ask_as(r, a->as, "hub:join", data);
}

static HUB_MUST json_t *send_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_SEND];
    json_t *data = json_object();
    add_text_value(r->world, data, "roomId", a->room);
    add_text_value(r->world, data, "messageType", a->type);
    add_value(r->world, data, "content", hub_scenario_said(s, "content"));
    return ask_as(r, a->as, "hub:send", data);
}

static HUB_MUST json_t *emit_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_EMIT];
    const struct hub_node *data = hub_scenario_said(s, "data");
    return ask_as(r, a->as, a->event, data ? hub_test_value(r->world->saved, data) : NULL);
}

static HUB_MUST json_t *command_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_COMMAND];
    json_t *data = json_object();
    add_text_value(r->world, data, "command", a->name);
    add_text_value(r->world, data, "roomId", a->room);
    add_value(r->world, data, "payload", hub_scenario_said(s, "payload"));
    return ask_as(r, a->as, "hub:command", data);
}

static HUB_MUST json_t *subscribe_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_SUBSCRIBE];
    json_t *data = json_object();
    add_text_value(r->world, data, "channel", a->channel);
    add_text_value(r->world, data, "recordId", a->record_id);
    add_text_value(r->world, data, "collectionId", a->collection);
    const char *event = a->channel ? "hub:subscribe" : a->record_id ? "hub:subscribeRecord" : "hub:subscribeCollection";
    return ask_as(r, a->as, event, data);
}

static HUB_MUST json_t *publish_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_PUBLISH];
    json_t *data = json_object();
    add_text_value(r->world, data, "channel", a->channel);
    add_value(r->world, data, "data", hub_scenario_said(s, "data"));
    return ask_as(r, a->as, "hub:publish", data);
}

/* ---- from outside ---- */

static HUB_MUST json_t *rest_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_REST];
    struct hub_test_world *w = r->world;
    struct hub_test_request q;
    const struct hub_node *body_node = hub_scenario_said(s, "body"), *headers_node = hub_scenario_said(s, "headers");
    json_t *body = body_node ? hub_test_value(w->saved, body_node) : NULL;
    json_t *headers = headers_node ? hub_test_value(w->saved, headers_node) : NULL;
    char *path = hub_test_text(w->saved, a->path);
    int64_t end = hub_loop_now(w->server.loop) + ANSWER_MS;
    hub_test_request_init(&q, w, a->as, a->method, path, headers, body);
    do hub_test_settle(w), hub_test_request_listen(&q);
    while (!q.answer && hub_test_step_clock(w, end));
    json_t *answer = q.answer ? json_incref(q.answer) : no_answer(r);
    hub_test_request_deinit(&q);
    json_decref(body);
    json_decref(headers);
    free(path);
    return answer;
}

static void on_queried(void *arg, enum hub_code code, json_t *result, const char *error) {
    json_t **answer = arg;
    *answer = code ? json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", hub_code_name(code), "message",
                               error ? error : hub_code_text(code))
                   : json_deep_copy(result);
}

static HUB_MUST json_t *query_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_QUERY];
    struct hub_test_world *w = r->world;
    const struct hub_table *t = hub_tables_find(w->server.now.tables, hub_cstr(a->object));
    const struct hub_node *where_node = hub_scenario_said(s, "where");
    if (!t) {
        hub_test_fail(r, hub_scenario_said(s, "object"), "object", "an object of the service", a->object);
        return NULL;
    }
    json_t *where = where_node ? hub_test_value(w->saved, where_node) : NULL, *answer = NULL;
    json_t *options = json_pack("{s:I,s:s*}", "limit", (json_int_t)a->limit, "orderBy", a->order_by);
    hub_object_list(hub_engine_data(w->server.engine), t, where, options, on_queried, &answer);
    json_t *got = await_answer(w, &answer) ? answer : no_answer(r);
    json_decref(where);
    json_decref(options);
    return got;
}

static void on_published(void *arg, enum hub_code code, const char *error) {
    json_t **answer = arg;
    *answer = json_pack("{s:b,s:s*}", "ok", !code, "error", code ? error : NULL);
}

static HUB_MUST json_t *bus_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    const struct hub_scenario_act *a = &s->acts[HUB_STEP_BUS];
    struct hub_test_world *w = r->world;
    const struct hub_node *headers_node = hub_scenario_said(s, "headers");
    json_t *record = hub_test_value(w->saved, hub_scenario_said(s, "record")), *answer = NULL;
    json_t *headers = headers_node ? hub_test_value(w->saved, headers_node) : NULL;
    char *topic = hub_test_text(w->saved, a->topic), *key = hub_test_text(w->saved, a->key ? a->key : "");
    w->own_record = true;
    hub_engine_publish(w->server.engine, hub_cstr(topic), hub_cstr(key), headers, record, on_published, &answer);
    w->own_record = false;
    json_t *got = await_answer(w, &answer) ? answer : no_answer(r);
    json_decref(record);
    json_decref(headers);
    free(topic);
    free(key);
    return got;
}

static HUB_MUST json_t *advance_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    struct hub_test_world *w = r->world;
    int64_t ms = s->advance_to ? s->advance_to - hub_loop_wall(w->server.loop) : s->advance_ms;
    char now[HUB_ISO_LEN + 1];
    if (ms >= 0) {
        hub_test_advance(w, ms);
        return NULL;
    }
    hub_iso_format(hub_loop_wall(w->server.loop), now);
    hub_test_fail(r, NULL, "advance", "a time that is still to come", now);
    return NULL;
}

json_t *hub_test_do(struct hub_test_run *r, const struct hub_scenario_step *s) {
    static json_t *(*const actions[HUB_STEP_ACTIONS])(struct hub_test_run *, const struct hub_scenario_step *) = {
        [HUB_STEP_CONNECT] = connect_step,
        [HUB_STEP_DISCONNECT] = disconnect_step,
        [HUB_STEP_JOIN] = join_step,
        [HUB_STEP_SEND] = send_step,
        [HUB_STEP_EMIT] = emit_step,
        [HUB_STEP_COMMAND] = command_step,
        [HUB_STEP_SUBSCRIBE] = subscribe_step,
        [HUB_STEP_PUBLISH] = publish_step,
        [HUB_STEP_REST] = rest_step,
        [HUB_STEP_QUERY] = query_step,
        [HUB_STEP_BUS] = bus_step,
        [HUB_STEP_ADVANCE] = advance_step,
    };
    return actions[s->action](r, s);
}
