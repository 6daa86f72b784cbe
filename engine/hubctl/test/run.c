/* The decisions of a scenario, each by itself, on the rows that are given; then its steps one after the
 * other, up to the first that fails. */
#include "hubctl/test/run.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "hubctl/test/match.h"

#define SHOWN_MAX 2000 /* bytes of a value in a report */

char *hub_test_shown(const json_t *v) {
    struct hub_buf b = {0};
    if (!v) return hub_xstrdup("nothing");
    hub_json_add(&b, v);
    if (b.n > SHOWN_MAX) {
        b.n = SHOWN_MAX;
        while (b.n && ((unsigned char)b.p[b.n - 1] & 0x80)) b.n--; /* no half character */
        hub_buf_addz(&b, " …");
    }
    return hub_buf_take(&b, NULL);
}

void hub_test_fail(struct hub_test_run *r, const struct hub_node *node, const char *path, const char *expected,
                   const char *seen) {
    struct hub_test_result *out = r->result;
    const struct hub_node *at = node ? node : r->node;
    const struct hub_range mark = hub_node_mark(at);
    out->failures = hub_xrealloc(out->failures, (out->failure_n + 1) * sizeof *out->failures);
    out->failures[out->failure_n++] = (struct hub_test_failure){.file = at->src->name,
                                                                .line = mark.line,
                                                                .column = mark.column,
                                                                .step = r->step,
                                                                .does = r->does,
                                                                .path = hub_xstrdup(path),
                                                                .expected = hub_xstrdup(expected),
                                                                .seen = hub_xstrdup(seen)};
}

void hub_test_fail_at(void *run, const struct hub_node *at, const char *path, const char *expected,
                      const json_t *seen) {
    char *shown = hub_test_shown(seen);
    hub_test_fail(run, at, path, expected, shown);
    free(shown);
}

static void keep_logs(struct hub_test_run *r) {
    if (!r->result->logs && json_array_size(r->world->seen.logs)) r->result->logs = json_deep_copy(r->world->seen.logs);
}

static void run_step(struct hub_test_run *r, const struct hub_scenario_step *s) {
    r->node = s->node;
    r->does = hub_scenario_action_names[s->action];
    size_t failed = r->result->failure_n;
    json_t *answer = hub_test_do(r, s);
    if (r->result->failure_n == failed) hub_test_expect(r, s, answer);
    json_decref(answer);
}

static void run_steps(struct hub_test_run *r) {
    const struct hub_scenario *s = r->world->scenario;
    size_t failed = r->result->failure_n; /* decisions that are others end nothing */
    for (size_t i = 0; i < s->step_n && r->result->failure_n == failed; i++) {
        r->step = i + 1;
        run_step(r, &s->steps[i]);
        if (r->result->failure_n > failed) keep_logs(r);
        hub_test_forget(r->world);
    }
}

static void run_decisions(struct hub_test_run *r) {
    const struct hub_scenario *s = r->world->scenario;
    r->does = "decision";
    for (size_t i = 0; i < s->decision_n; i++) {
        r->step = i + 1;
        r->node = s->decisions[i].node;
        hub_test_decide(r, &s->decisions[i]);
    }
}

void hub_test_run(struct hub_service *service, const struct hub_scenario *scenario, struct hub_test_result *out) {
    *out = (struct hub_test_result){.scenario = scenario};
    struct hub_test_run r = {.result = out, .does = "start", .node = scenario->node};
    struct hub_err err = {0};
    if (hub_test_world_new(service, scenario, &r.world, &err)) {
        hub_test_fail(&r, NULL, "start", "a service that starts", err.text);
        keep_logs(&r);
    } else {
        int64_t began = hub_loop_now(r.world->server.loop);
        run_decisions(&r);
        size_t failed = out->failure_n;
        r.step = 0;
        hub_test_connect_users(&r);
        if (out->failure_n > failed) keep_logs(&r);
        hub_test_forget(r.world);
        if (out->failure_n == failed) run_steps(&r);
        out->duration_ms = hub_loop_now(r.world->server.loop) - began;
    }
    hub_test_world_free(r.world);
}

void hub_test_result_free(struct hub_test_result *r) {
    for (size_t i = 0; i < r->failure_n; i++) {
        free(r->failures[i].path);
        free(r->failures[i].expected);
        free(r->failures[i].seen);
    }
    free(r->failures);
    json_decref(r->logs);
}
