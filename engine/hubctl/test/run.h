/* One scenario from its beginning to its end, and what came of it. */
#ifndef HUB_TEST_RUN_H
#define HUB_TEST_RUN_H
#include "hubctl/test/world/world.h"

/* Something that was not as expected. */
struct hub_test_failure {
    const char *file; /* borrowed from the scenario */
    int line, column;
    size_t step;      /* from 1; 0: none, the scenario could not begin */
    const char *does; /* the step's action, or "decision" */
    char *path;       /* "answer.message.seq" */
    char *expected;   /* JSON, or words */
    char *seen;       /* JSON; "nothing" */
};

struct hub_test_result {
    const struct hub_scenario *scenario;
    struct hub_test_failure *failures;
    size_t failure_n;
    json_t *logs;        /* lines of the step that failed; NULL: none */
    int64_t duration_ms; /* by the clock of the scenario: what it took is another thing each time */
};

/* SERVICE is used for the time of the call. Free with hub_test_result_free. */
void hub_test_run(struct hub_service *service, const struct hub_scenario *scenario, struct hub_test_result *out);
void hub_test_result_free(struct hub_test_result *r);

/* ---- what the files of the run share ---- */

/* A run under way. */
struct hub_test_run {
    struct hub_test_world *world;
    struct hub_test_result *result;
    size_t step; /* from 1 */
    const char *does;
    const struct hub_node *node; /* of the step */
};
/* Tells of a difference; NODE NULL: at the step. All is copied. */
void hub_test_fail(struct hub_test_run *r, const struct hub_node *node, const char *path, const char *expected,
                   const char *seen);
/* The same as a hub_test_differs, with the run as its argument. */
void hub_test_fail_at(void *run, const struct hub_node *at, const char *path, const char *expected, const json_t *seen);
/* NULL is "nothing". To be freed. */
HUB_MUST char *hub_test_shown(const json_t *v);

/* ---- step.c: does what the step says; its answer, a new reference, or NULL: it has none ---- */
HUB_MUST json_t *hub_test_do(struct hub_test_run *r, const struct hub_scenario_step *s);
/* Connects whom no step connects. */
void hub_test_connect_users(struct hub_test_run *r);

/* ---- expect.c: compares with what is expected, and tells what differs ---- */
void hub_test_expect(struct hub_test_run *r, const struct hub_scenario_step *s, const json_t *answer);

/* ---- decide.c ---- */
void hub_test_decide(struct hub_test_run *r, const struct hub_scenario_decision *d);
#endif
