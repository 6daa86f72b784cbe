/* Queues on an engine of fakes: when the store is asked, who has a job, and what becomes of one whose worker,
 * whose script or whose store fails. A script that is no JSON value waits for the test. */
#include "fake_hub.h"
#include "hub/queue/queue_int.h"

#define HUB                                  \
    "roomSettings: {roomDataObject: room}\n" \
    "messageSettings: {messageTypes: [text]}\n"
#define QUEUES                                                                                   \
    "queues:\n"                                                                                  \
    "  - {name: work, concurrency: 2, attempts: 2, timeoutMs: 1000, backoff: fixed, backoffMs: " \
    "4000, script: job.data}\n"                                                                  \
    "  - {name: none, keepDone: 0, script: '1'}\n"                                               \
    "  - {name: once, concurrency: 1, attempts: 1, script: job.data}\n"                          \
    "  - {name: brief, keepFailed: 0, script: job.data}\n"

static struct fake_hub *queues_new_with(const char *service) {
    fake_service_more = service;
    struct fake_hub *f = fake_hub_new(HUB);
    fake_settle(f);
    return f;
}
static struct fake_hub *queues_new(void) { return queues_new_with(QUEUES); }

/* ---- as scripts call ---- */

static const char *ask(struct fake_hub *f, const char *function, const char *args) {
    static struct fake_host_call a;
    a = (struct fake_host_call){.call = {.args = hub_json_parse(hub_cstr(args), NULL), .done = fake_on_answer}};
    assert_non_null(a.call.args);
    for (const struct hub_host_fn *fn = hub_queue_host; fn->table; fn++)
        if (!strcmp(fn->name, function)) fn->call(f->engine, &a.call);
    fake_settle(f);
    assert_int_equal(a.answers, 1);
    json_decref(a.call.args);
    return a.text;
}

static void job_is(struct fake_hub *f, const char *id, const char *what) {
    char args[100];
    snprintf(args, sizeof args, "[\"%s\"]", id);
    const char *job = ask(f, "get", args);
    if (!strstr(job, what)) fail_msg("\"%s\" is not in %s", what, job);
}

/* Of the job that has run for longest. */
static void end_script(struct fake_hub *f, enum hub_code code, const char *result) {
    fake_script_end(&f->scripts, code, result);
    fake_settle(f);
}

static size_t questions(const struct fake_hub *f) { return f->store.asked[FAKE_SELECT] + f->store.asked[FAKE_WRITE]; }

/* ---- tests ---- */

static void nothing_is_asked_while_nothing_is_due(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    fake_pass(f, 1);
    size_t before = questions(f), writes = f->store.asked[FAKE_WRITE];
    fake_pass(f, HUB_JOB_POLL_MS - 2);
    assert_int_equal(questions(f), before);
    fake_pass(f, 2);
    assert_int_equal(questions(f), before + 8); /* two for each queue */
    assert_int_equal(f->store.asked[FAKE_WRITE], writes);
    fake_hub_free(f);
}

static void a_job_runs_at_once_and_no_more_than_the_queue_says(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    for (int i = 0; i < 3; i++)
        ask(f, "add",
            i == 0   ? "[\"work\",1,{\"id\":\"a\"}]"
            : i == 1 ? "[\"work\",2,{\"id\":\"b\"}]"
                     : "[\"work\",3,{\"id\":\"c\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    job_is(f, "c", "\"state\":\"waiting\"");
    end_script(f, HUB_OK, "{\"ok\":[]}");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    job_is(f, "a", "\"result\":{\"ok\":[]}");
    job_is(f, "c", "\"state\":\"running\"");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    end_script(f, HUB_OK, NULL);
    job_is(f, "b", "\"state\":\"done\"");
    fake_hub_free(f);
}

static void a_delayed_job_begins_to_the_millisecond(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"d\",\"delayMs\":1234}]");
    job_is(f, "d", "\"state\":\"delayed\"");
    fake_pass(f, 1233);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_pass(f, 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, HUB_OK, NULL);
    fake_hub_free(f);
}

static void a_failed_attempt_is_followed_by_another_after_the_backoff(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"e\"}]");
    end_script(f, HUB_HANDLER_FAILED, NULL);
    job_is(f, "e", "\"state\":\"delayed\"");
    fake_pass(f, 2999); /* a quarter less than backoffMs at least */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_pass(f, 2001);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, HUB_SCRIPT_TIMEOUT, NULL);
    job_is(f, "e", "\"state\":\"failed\"");
    job_is(f, "e", "\"error\":\"it failed\"");
    job_is(f, "e", "\"attempts\":2");
    fake_hub_free(f);
}

/* A worker that was believed lost comes back: what it says of the job does not count any more. */
static void an_end_under_an_old_lease_changes_nothing(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"l\"}]");
    for (int i = 0; i < 59; i++) fake_pass(f, 100);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    for (int i = 0; i < 60; i++) fake_pass(f, 100);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    end_script(f, HUB_OK, "\"late\"");
    job_is(f, "l", "\"state\":\"running\"");
    end_script(f, HUB_OK, "\"in time\"");
    job_is(f, "l", "\"result\":\"in time\"");
    fake_hub_free(f);
}

/* A job that takes its process along each time must not do so for ever. */
static void a_job_whose_workers_were_lost_has_failed_in_the_end(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"l\"}]");
    for (int i = 0; i < 200; i++) fake_pass(f, 100);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    for (int i = 0; i < 70; i++) fake_pass(f, 100);
    job_is(f, "l", "\"state\":\"failed\"");
    job_is(f, "l", "worker was lost");
    fake_hub_free(f);
}

static void an_end_that_the_store_does_not_take_is_written_later(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"s\"}]");
    f->store.away = HUB_STORE_UNAVAILABLE;
    fake_script_end(&f->scripts, HUB_OK, "7");
    fake_pass(f, 1500);
    f->store.away = HUB_OK;
    fake_pass(f, 1000);
    job_is(f, "s", "\"result\":7");
    fake_hub_free(f);
}

/* Somebody set the date, or the machine slept: leases are over by the clock, and workers are not lost. */
static void the_clock_set_forward_leaves_jobs_to_who_runs_them(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"l\"}]");
    hub_clock_set_wall(&turned_clock, hub_clock_wall_ms(&turned_clock) + 3600000);
    fake_pass(f, HUB_JOB_POLL_MS);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, HUB_OK, "\"mine\"");
    job_is(f, "l", "\"result\":\"mine\"");
    job_is(f, "l", "\"attempts\":1");
    fake_hub_free(f);
}

/* Its row is gone, and another one has its id; both were taken once. */
static void the_end_of_a_job_that_is_gone_is_not_that_of_a_later_one(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"brief\",1,{\"id\":\"x\"}]");
    ask(f, "cancel", "[\"x\"]");
    assert_string_equal(ask(f, "get", "[\"x\"]"), "");
    ask(f, "add", "[\"brief\",2,{\"id\":\"x\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    end_script(f, HUB_OK, "\"of the first\"");
    job_is(f, "x", "\"state\":\"running\"");
    end_script(f, HUB_OK, "\"of the second\"");
    job_is(f, "x", "\"result\":\"of the second\"");
    fake_hub_free(f);
}

static void a_cancelled_job_stays_cancelled(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"x\"}]");
    assert_string_equal(ask(f, "cancel", "[\"x\"]"), "true");
    assert_string_equal(ask(f, "cancel", "[\"x\"]"), "false");
    end_script(f, HUB_OK, "7");
    job_is(f, "x", "\"state\":\"cancelled\"");
    fake_hub_free(f);
}

static void a_stop_gives_back_what_still_runs(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"g\"}]");
    ask(f, "add", "[\"work\",null,{\"id\":\"h\",\"delayMs\":10}]");
    hub_engine_drain(f->engine, 1000);
    fake_pass(f, 1000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* nothing is begun any more */
    assert_true(hub_engine_pending(f->engine) > 0);
    hub_engine_stop(f->engine);
    fake_settle(f);
    end_script(f, HUB_HANDLER_FAILED, NULL);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    job_is(f, "g", "\"state\":\"waiting\"");
    job_is(f, "g", "\"attempts\":0");
    fake_hub_free(f);
}

static void a_repeated_job_keeps_its_rhythm(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"work\",null,{\"id\":\"r\",\"repeatMs\":1000}]");
    fake_pass(f, 300);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_pass(f, 699);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_pass(f, 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    ask(f, "cancel", "[\"r\"]");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_pass(f, 3000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static void done_jobs_that_nobody_wants_are_removed(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    ask(f, "add", "[\"none\",null,{\"id\":\"n\"}]");
    assert_string_equal(ask(f, "get", "[\"n\"]"), "");
    fake_hub_free(f);
}

static void add_is(struct fake_hub *f, const char *args, const char *what) {
    const char *answer = ask(f, "add", args);
    if (!strstr(answer, what)) fail_msg("\"%s\" is not in %s", what, answer);
}

static void no_more_jobs_wait_than_the_service_says(void **state) {
    (void)state;
    struct fake_hub *f = queues_new_with(QUEUES "limits: {jobs: 2}\n");
    add_is(f, "[\"work\",1,{\"id\":\"a\"}]", "\"id\":\"a\"");
    add_is(f, "[\"work\",1,{\"id\":\"b\"}]", "\"id\":\"b\""); /* these two run */
    add_is(f, "[\"work\",1,{\"id\":\"c\"}]", "\"id\":\"c\"");
    add_is(f, "[\"work\",2,{\"id\":\"c\"}]", "\"data\":1"); /* there already, and so no second one */
    add_is(f, "[\"work\",1,{\"id\":\"d\",\"delayMs\":60000}]", "delayed");
    add_is(f, "[\"work\",1,{\"id\":\"e\"}]", "limits.jobs: at most 2");
    add_is(f, "[\"work\",2,{\"id\":\"c\"}]", "\"data\":1");   /* whoever asks again is told of it also now */
    add_is(f, "[\"none\",1,{\"id\":\"n\"}]", "\"id\":\"n\""); /* of each queue */
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_settle(f);
    add_is(f, "[\"work\",1,{\"id\":\"e\"}]", "\"id\":\"e\"");
    fake_pass(f, HUB_JOB_POLL_MS); /* they are counted in the store */
    assert_int_equal(hub_queue_named(hub_queues_of(f->engine), HUB_STR("work"))->waiting, 2);
    add_is(f, "[\"work\",1,{\"id\":\"f\"}]", "limits.jobs");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_settle(f);
    fake_hub_free(f);
}

/* An id that is known, and a store that is away, take nobody's place. */
static void what_was_not_added_does_not_wait(void **state) {
    (void)state;
    struct fake_hub *f = queues_new_with(QUEUES "limits: {jobs: 1}\n");
    f->store.away = HUB_STORE_UNAVAILABLE;
    ask(f, "add", "[\"work\",1,{\"delayMs\":60000}]");
    f->store.away = HUB_OK;
    add_is(f, "[\"work\",1,{\"id\":\"a\",\"delayMs\":60000}]", "delayed");
    add_is(f, "[\"work\",1,{\"id\":\"b\"}]", "limits.jobs");
    fake_hub_free(f);
}

/* ---- jobs in hand ---- */

static void add_jobs(struct fake_hub *f, const char *queue, const char *ids) {
    char args[100];
    for (; *ids; ids++) {
        snprintf(args, sizeof args, "[\"%s\",%c,{\"id\":\"%c\"}]", queue, '1' + *ids % 2, *ids);
        ask(f, "add", args);
    }
}

/* Jobs of QUEUE, N at once, have taken no time so far: a to f are there, and a was carried out. */
static struct fake_hub *with_short_jobs(const char *queue, size_t n) {
    struct fake_hub *f = queues_new();
    add_jobs(f, queue, "abcdef");
    end_script(f, HUB_OK, NULL);
    assert_int_equal(fake_scripts_waiting(&f->scripts), n);
    return f;
}

static void end_all(struct fake_hub *f) {
    while (fake_scripts_waiting(&f->scripts)) end_script(f, HUB_OK, NULL);
    fake_hub_free(f);
}

/* Where the last jobs were short, the next ones are there before a place is free; and no more run at once. */
static void short_jobs_are_taken_ahead(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    size_t writes = f->store.asked[FAKE_WRITE];
    job_is(f, "f", "\"state\":\"running\"");
    for (int i = 0; i < 3; i++) {
        end_script(f, HUB_OK, NULL);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    }
    assert_int_equal(f->store.asked[FAKE_WRITE], writes + 3); /* the ends, and no take */
    end_all(f);
}

static void a_queue_of_one_attempt_takes_nothing_ahead(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("once", 1);
    job_is(f, "b", "\"state\":\"running\"");
    job_is(f, "c", "\"state\":\"waiting\"");
    end_all(f);
}

static void long_jobs_are_not_taken_ahead(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    add_jobs(f, "work", "abcd");
    fake_pass(f, 100);
    end_script(f, HUB_OK, NULL);
    job_is(f, "c", "\"state\":\"running\"");
    job_is(f, "d", "\"state\":\"waiting\"");
    end_all(f);
}

/* The jobs that run are longer than the last ones were: others may have what waits behind them. */
static void what_is_in_hand_for_too_long_is_given_back(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    fake_pass(f, HUB_JOB_HAND_MS - 1);
    job_is(f, "f", "\"state\":\"running\"");
    fake_pass(f, 1);
    job_is(f, "f", "\"state\":\"waiting\"");
    job_is(f, "f", "\"attempts\":0");
    job_is(f, "b", "\"state\":\"running\"");
    end_script(f, HUB_OK, NULL); /* it took its time, so only one is taken */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    job_is(f, "d", "\"state\":\"running\"");
    job_is(f, "e", "\"state\":\"waiting\"");
    end_all(f);
}

static void a_job_in_hand_that_is_cancelled_is_not_begun(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    assert_string_equal(ask(f, "cancel", "[\"d\"]"), "true");
    end_script(f, HUB_OK, NULL);
    job_is(f, "b", "\"state\":\"done\"");
    end_script(f, HUB_OK, NULL);
    end_script(f, HUB_OK, NULL);
    job_is(f, "e", "\"state\":\"done\"");
    job_is(f, "d", "\"state\":\"cancelled\"");
    job_is(f, "d", "\"result\":null");
    end_all(f);
}

/* Those in hand wait for it, as if they had not been taken. */
static void a_job_of_a_higher_priority_goes_before_those_in_hand(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    ask(f, "add", "[\"work\",1,{\"id\":\"first\",\"priority\":1,\"delayMs\":10}]");
    fake_pass(f, 10);
    job_is(f, "first", "\"state\":\"waiting\"");
    ask(f, "add", "[\"work\",1,{\"id\":\"last\",\"priority\":-1}]");
    end_script(f, HUB_OK, NULL); /* b: c and the new one run */
    end_script(f, HUB_OK, NULL); /* c: the new one and d run */
    end_script(f, HUB_OK, NULL);
    job_is(f, "first", "\"state\":\"done\"");
    for (int i = 0; i < 3; i++) end_script(f, HUB_OK, NULL);
    job_is(f, "f", "\"state\":\"done\"");
    job_is(f, "last", "\"state\":\"running\"");
    end_all(f);
}

/* The process stood still: its lease may be somebody else's by now, or will be before the attempt is over. */
static void a_job_is_not_begun_when_its_lease_is_too_short(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    struct hub_queue *q = hub_queue_named(hub_queues_of(f->engine), HUB_STR("work"));
    HUB_LIST_EACH(&q->hand, l) HUB_CONTAINER(l, struct hub_job_run, link)->leased_until -= HUB_JOB_GRACE_MS + 1;
    assert_int_equal(q->in_hand, 3);
    int64_t before = HUB_CONTAINER(q->hand.next, struct hub_job_run, link)->lease;
    end_script(f, HUB_OK, NULL);
    struct hub_job_run *d = HUB_CONTAINER(q->runs.prev, struct hub_job_run, link);
    assert_string_equal(hub_buf_cstr(&d->id), "d");
    assert_int_equal(d->lease, before + 1); /* taken again */
    assert_int_equal(d->attempt, 1);
    end_all(f);
}

static void a_drain_gives_back_what_is_in_hand(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    hub_engine_drain(f->engine, 1000);
    end_script(f, HUB_OK, NULL);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_pass(f, HUB_JOB_HAND_MS);
    job_is(f, "f", "\"state\":\"waiting\"");
    end_script(f, HUB_OK, NULL);
    hub_engine_stop(f->engine);
    fake_settle(f);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    job_is(f, "d", "\"attempts\":0");
    fake_hub_free(f);
}

static void a_stop_gives_back_what_is_in_hand(void **state) {
    (void)state;
    struct fake_hub *f = with_short_jobs("work", 2);
    hub_engine_drain(f->engine, 1000);
    hub_engine_stop(f->engine);
    fake_settle(f);
    job_is(f, "f", "\"state\":\"waiting\"");
    job_is(f, "f", "\"attempts\":0");
    end_all(f);
}

/* ---- jobs that are there from the start ---- */

static void a_job_for_a_free_place_is_added_as_taken(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    size_t writes = f->store.asked[FAKE_WRITE];
    const char *job = ask(f, "add", "[\"work\",1,{\"id\":\"a\"}]");
    assert_non_null(strstr(job, "\"state\":\"waiting\""));
    assert_non_null(strstr(job, "\"attempts\":0"));
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    job_is(f, "a", "\"state\":\"running\"");
    job_is(f, "a", "\"attempts\":1");
    add_is(f, "[\"work\",2,{\"id\":\"a\"}]", "\"data\":1"); /* known: nothing is begun */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, HUB_OK, NULL);
    assert_int_equal(f->store.asked[FAKE_WRITE], writes + 3); /* two of add, the end, and no take */
    end_all(f);
}

/* Those that wait come first, whoever has added them. */
static void a_job_behind_others_waits_for_its_turn(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    add_jobs(f, "once", "abc");
    fake_script_end(&f->scripts, HUB_OK, NULL); /* a place is free, and b is not there yet */
    struct fake_host_call raw = {
        .call = {.args = hub_json_parse(HUB_STR("[\"once\",1,{\"id\":\"d\"}]"), NULL), .done = fake_on_answer}};
    hub_queue_host[0].call(f->engine, &raw.call);
    fake_settle(f);
    json_decref(raw.call.args);
    job_is(f, "b", "\"state\":\"running\"");
    job_is(f, "d", "\"state\":\"waiting\"");
    end_all(f);
}

static void *cancelled_of; /* the engine */

/* A script adds a job and thinks better of it. */
static void cancel_at_once(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct fake_host_call *a = HUB_CONTAINER(call, struct fake_host_call, call);
    fake_on_answer(call, code, result, text);
    if (a->answers > 1) return;
    json_array_clear(call->args);
    json_array_append_new(call->args, json_string("a"));
    for (const struct hub_host_fn *fn = hub_queue_host; fn->table; fn++)
        if (!strcmp(fn->name, "cancel")) fn->call(cancelled_of, call);
}

static void a_job_that_is_cancelled_at_once_is_not_begun(void **state) {
    (void)state;
    struct fake_hub *f = queues_new();
    struct fake_host_call a = {
        .call = {.args = hub_json_parse(HUB_STR("[\"work\",1,{\"id\":\"a\"}]"), NULL), .done = cancel_at_once}};
    cancelled_of = f->engine;
    hub_queue_host[0].call(f->engine, &a.call);
    fake_settle(f);
    assert_int_equal(a.answers, 2);
    assert_string_equal(a.text, "true");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    job_is(f, "a", "\"state\":\"cancelled\"");
    json_decref(a.call.args);
    end_all(f);
}

/* Added as taken, it kept a job that became due meanwhile from its place, and nobody looked again. */
static void a_job_that_was_there_already_gives_its_place_back(void **state) {
    (void)state;
    struct fake_hub *f = queues_new_with("queues: [{name: one, concurrency: 1, attempts: 1, script: job.data}]\n");
    struct fake_host_call a = {
        .call = {.args = hub_json_parse(HUB_STR("[\"one\",1,{\"id\":\"x\"}]"), NULL), .done = fake_on_answer}};
    ask(f, "add", "[\"one\",1,{\"id\":\"x\"}]");
    end_script(f, HUB_OK, NULL);
    ask(f, "add", "[\"one\",2,{\"id\":\"d\",\"delayMs\":100}]");
    fake_store_hold(&f->store, true);
    fake_pass(f, 100);
    hub_queue_host[0].call(f->engine, &a.call);
    fake_store_answer(&f->store); /* D may be taken */
    fake_settle(f);
    assert_int_equal(a.answers, 0);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    assert_int_equal(a.answers, 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    json_decref(a.call.args);
    end_all(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_while_nothing_is_due),
        cmocka_unit_test(a_job_runs_at_once_and_no_more_than_the_queue_says),
        cmocka_unit_test(a_delayed_job_begins_to_the_millisecond),
        cmocka_unit_test(a_failed_attempt_is_followed_by_another_after_the_backoff),
        cmocka_unit_test(an_end_under_an_old_lease_changes_nothing),
        cmocka_unit_test(a_job_whose_workers_were_lost_has_failed_in_the_end),
        cmocka_unit_test(an_end_that_the_store_does_not_take_is_written_later),
        cmocka_unit_test(the_clock_set_forward_leaves_jobs_to_who_runs_them),
        cmocka_unit_test(the_end_of_a_job_that_is_gone_is_not_that_of_a_later_one),
        cmocka_unit_test(a_cancelled_job_stays_cancelled),
        cmocka_unit_test(a_stop_gives_back_what_still_runs),
        cmocka_unit_test(a_repeated_job_keeps_its_rhythm),
        cmocka_unit_test(done_jobs_that_nobody_wants_are_removed),
        cmocka_unit_test(no_more_jobs_wait_than_the_service_says),
        cmocka_unit_test(what_was_not_added_does_not_wait),
        cmocka_unit_test(short_jobs_are_taken_ahead),
        cmocka_unit_test(a_queue_of_one_attempt_takes_nothing_ahead),
        cmocka_unit_test(long_jobs_are_not_taken_ahead),
        cmocka_unit_test(what_is_in_hand_for_too_long_is_given_back),
        cmocka_unit_test(a_job_in_hand_that_is_cancelled_is_not_begun),
        cmocka_unit_test(a_job_of_a_higher_priority_goes_before_those_in_hand),
        cmocka_unit_test(a_job_is_not_begun_when_its_lease_is_too_short),
        cmocka_unit_test(a_drain_gives_back_what_is_in_hand),
        cmocka_unit_test(a_stop_gives_back_what_is_in_hand),
        cmocka_unit_test(a_job_for_a_free_place_is_added_as_taken),
        cmocka_unit_test(a_job_that_was_there_already_gives_its_place_back),
        cmocka_unit_test(a_job_behind_others_waits_for_its_turn),
        cmocka_unit_test(a_job_that_is_cancelled_at_once_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
