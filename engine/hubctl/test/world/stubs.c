/* What stands in for the world outside: answers to requests of scripts, and rows for their statements. */
#include <fnmatch.h>
#include <stdlib.h>

#include "base/match/pattern.h"
#include "base/memory/mem.h"
#include "hubctl/test/match.h"
#include "hubctl/test/world/world.h"

/* ---- statements ---- */

json_t *hub_test_stubbed_rows(const struct hub_test_world *w, struct hub_str statement) {
    for (size_t i = 0; i < w->scenario->db_n; i++) {
        const struct hub_scenario_db *stub = &w->scenario->db[i];
        struct hub_pattern *p = NULL;
        struct hub_err err;
        bool fits = !hub_pattern_new(hub_cstr(stub->match), true, &p, NULL, &err) &&
                    hub_pattern_match(p, statement, NULL) == HUB_OK;
        hub_pattern_free(p);
        if (!fits) continue;
        const struct hub_node *rows = hub_node_get(stub->node, HUB_STR("rows"));
        return rows ? hub_test_value(w->saved, rows) : json_array();
    }
    return NULL;
}

/* ---- requests ---- */

/* One whose answer comes later. */
struct delayed {
    struct hub_list link; /* hub_test_world.delayed */
    struct hub_timer timer;
    struct hub_test_world *world;
    struct hub_host_call *call;
    json_t *answer; /* NULL: it fails */
    const char *error;
};

static void finish_call(struct hub_host_call *call, json_t *answer, const char *error) {
    if (answer)
        hub_host_done(call, answer);
    else
        hub_host_fail(call, HUB_INTERNAL, error);
}

static void on_due(struct hub_timer *t) {
    struct delayed d = *HUB_CONTAINER(t, struct delayed, timer), *own = HUB_CONTAINER(t, struct delayed, timer);
    hub_list_remove(&own->link);
    free(own);
    finish_call(d.call, d.answer, d.error);
}

void hub_test_drop_delayed(struct hub_test_world *w) {
    for (struct hub_list *n; (n = hub_list_pop(&w->delayed));) {
        struct delayed *d = HUB_CONTAINER(n, struct delayed, link);
        hub_timer_stop(w->server.loop, &d->timer);
        finish_call(d->call, NULL, "shutting down");
        json_decref(d->answer);
        free(d);
    }
}

static bool fits_url(const struct hub_node *want, const char *url) {
    return !want || (url && fnmatch(want->text.p, url, 0) == 0);
}

static bool fits_stub(const struct hub_test_world *w, const struct hub_node *match, const json_t *request) {
    const struct hub_test_match quiet = {.saved = w->saved};
    const struct hub_node *method = hub_node_get(match, HUB_STR("method")),
                          *body = hub_node_get(match, HUB_STR("body"));
    if (method && !hub_str_eq_nocase(method->text, hub_json_get_str(request, "method"))) return false;
    if (!fits_url(hub_node_get(match, HUB_STR("url")), json_string_value(json_object_get(request, "url"))))
        return false;
    return !body || hub_test_matches(&quiet, body, json_object_get(request, "body"), "");
}

/* The reply whose turn it is: of a list, each once, and the last one from then on. */
static const struct hub_node *reply_of(struct hub_test_world *w, size_t i) {
    const struct hub_node *reply = hub_node_get(w->scenario->http[i].node, HUB_STR("reply"));
    size_t use = w->stub_uses[i]++;
    if (!reply || reply->kind != HUB_NODE_SEQ) return reply;
    const struct hub_node *c = reply->first;
    while (use-- && c && c->next) c = c->next;
    return c;
}

/* As the functions of scripts give it. */
static HUB_MUST json_t *answer_of(const struct hub_test_world *w, const struct hub_node *reply) {
    json_t *r = hub_test_value(w->saved, reply), *body = hub_json_get(r, "body");
    struct hub_buf text = {0};
    if (json_is_string(body))
        hub_buf_adds(&text, hub_json_str(body));
    else if (body)
        hub_json_add(&text, body);
    json_t *headers = hub_json_get(r, "headers");
    json_t *answer =
        json_pack("{s:I,s:o,s:o}", "status", (json_int_t)hub_json_get_int(r, "status", 200), "headers",
                  headers ? json_incref(headers) : json_object(), "body", hub_json_string(hub_buf_str(&text)));
    hub_buf_free(&text);
    json_decref(r);
    return answer;
}

#define TIMEOUT_MS 5000 /* as the request's own, where it says nothing */

static void answer_later(struct hub_test_world *w, struct hub_host_call *call, json_t *answer, const char *error,
                         int64_t ms) {
    struct delayed *d = hub_xcalloc(1, sizeof *d);
    *d = (struct delayed){.world = w, .call = call, .answer = answer, .error = error};
    hub_list_push(&w->delayed, &d->link);
    hub_timer_start(w->server.loop, &d->timer, ms, on_due);
}

/* What takes longer than the request waits is a timeout, at that time. */
static void answer_by(struct hub_test_world *w, size_t i, struct hub_host_call *call, int64_t timeout_ms) {
    const struct hub_node *reply = reply_of(w, i), *delay = hub_node_get(reply, HUB_STR("delay"));
    const struct hub_node *error = hub_node_get(reply, HUB_STR("error"));
    bool times_out = error && hub_str_is(error->text, "timeout");
    int64_t ms = 0;
    if (delay && !hub_scenario_duration(delay->text, &ms)) ms = 0;
    if (times_out || ms >= timeout_ms)
        answer_later(w, call, NULL, "http: not done in time", timeout_ms);
    else if (error)
        answer_later(w, call, NULL, "http: Couldn't connect to server", ms);
    else if (ms)
        answer_later(w, call, answer_of(w, reply), NULL, ms);
    else
        finish_call(call, answer_of(w, reply), NULL);
}

/* A body that is JSON is shown as such, as a table that a script sends is. */
static HUB_MUST json_t *request_of(const json_t *args) {
    json_t *body = hub_json_get(args, "body"),
           *parsed = json_is_string(body) ? hub_json_parse(hub_json_str(body), NULL) : NULL;
    json_t *headers = hub_json_get(args, "headers");
    struct hub_str method = hub_json_get_str(args, "method");
    json_t *shown = parsed ? parsed : body ? json_incref(body) : json_null();
    return json_pack("{s:o,s:O?,s:o,s:o}", "method", hub_json_string(method.n ? method : HUB_STR("GET")), "url",
                     hub_json_get(args, "url"), "headers", headers ? json_incref(headers) : json_object(), "body",
                     shown);
}

static void make_request(struct hub_test_world *w, struct hub_host_call *call, const json_t *args) {
    json_t *request = request_of(args);
    size_t i = 0;
    json_array_append_new(w->seen.http, request);
    while (i < w->scenario->http_n && !fits_stub(w, hub_node_get(w->scenario->http[i].node, HUB_STR("match")), request))
        i++;
    if (i < w->scenario->http_n) {
        answer_by(w, i, call, hub_json_get_int(args, "timeoutMs", TIMEOUT_MS));
        return;
    }
    json_array_append(w->seen.unstubbed, request);
    hub_host_fail(call, HUB_INTERNAL, "http: no stub of the scenario fits this request");
}

static void http_request(void *ctx, struct hub_host_call *call) { make_request(ctx, call, hub_host_arg(call, 0)); }

static void http_get(void *ctx, struct hub_host_call *call) {
    json_t *opts = hub_host_arg(call, 1), *args = json_is_object(opts) ? json_copy(opts) : json_object();
    json_object_set(args, "url", hub_host_arg(call, 0));
    make_request(ctx, call, args);
    json_decref(args);
}

const struct hub_host_fn hub_test_http_fns[] = {
    {"http", "get", http_get}, {"http", "request", http_request}, {NULL, NULL, NULL}};
