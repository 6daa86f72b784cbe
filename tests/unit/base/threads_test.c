/* What the headers say may be called from any thread, called from several at once: ids, hashes, the log and
 * the metrics. Here it must come out right; built once more with ThreadSanitizer (tsan.base.threads) no two
 * accesses may race. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"

#define THREADS 4
#define ROUNDS 2000

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    void (*run)(struct worker *w);
    char (*ids)[HUB_UUID_LEN + 1];
    struct hub_metric *labelled[8];
    uint64_t hash;
    int disorder;
    bool owns;
};

static void *begin(void *arg) {
    struct worker *w = arg;
    pthread_barrier_wait(w->start); /* all at once */
    w->run(w);
    return NULL;
}

static void run_all(struct worker w[THREADS], void (*run)(struct worker *)) {
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        w[i].start = &start;
        w[i].run = run;
        assert_int_equal(pthread_create(&w[i].thread, NULL, begin, &w[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(w[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

/* First: nobody has drawn the key yet. */
static void hash(struct worker *w) {
    struct hub_map map = {0};
    w->hash = hub_hash("abc", 3);
    for (int i = 0; i < 100; i++) hub_map_put(&map, hub_str((char *)&i, sizeof i), w);
    hub_map_clear(&map);
}

static void all_threads_hash_alike(void **state) {
    (void)state;
    struct worker w[THREADS] = {0};
    run_all(w, hash);
    for (int i = 0; i < THREADS; i++) assert_true(w[i].hash == hub_hash("abc", 3));
}

static void make_ids(struct worker *w) {
    char sid[HUB_SID_LEN + 1], v4[HUB_UUID_LEN + 1];
    for (int i = 0; i < ROUNDS; i++) {
        hub_uuid7(w->ids[i]);
        if (i && strcmp(w->ids[i], w->ids[i - 1]) <= 0) w->disorder++;
        hub_sid(sid);
        hub_uuid4(v4);
    }
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

/* The part that counts: the last 62 bits are random, and would hide a number given out twice. */
static void cut_random_part(char id[HUB_UUID_LEN + 1]) { id[18] = 0; }

static void ids_of_all_threads_grow_and_differ(void **state) {
    (void)state;
    struct worker w[THREADS] = {0};
    char(*all)[HUB_UUID_LEN + 1] = hub_xcalloc(THREADS * ROUNDS, sizeof *all), before[HUB_UUID_LEN + 1];
    for (int i = 0; i < THREADS; i++) w[i].ids = all + i * ROUNDS;
    hub_uuid7(before);
    run_all(w, make_ids);
    for (int i = 0; i < THREADS; i++) assert_int_equal(w[i].disorder, 0);
    for (int i = 0; i < THREADS * ROUNDS; i++) cut_random_part(all[i]);
    qsort(all, THREADS * ROUNDS, sizeof *all, by_text);
    cut_random_part(before);
    assert_true(strcmp(before, all[0]) < 0);
    for (int i = 1; i < THREADS * ROUNDS; i++) assert_string_not_equal(all[i - 1], all[i]);
    free(all);
}

static struct hub_metric counter = HUB_METRIC(HUB_COUNTER, "t_counter", NULL, "Counted.");
static struct hub_metric gauge = HUB_METRIC(HUB_GAUGE, "t_gauge", NULL, "Up and down.");
static struct hub_histogram histogram = HUB_HISTOGRAM("t_latency", NULL, "Took.");

/* Every other thread with values of its own, for a while. */
static void count(struct worker *w) {
    for (int i = 0; i < ROUNDS; i++) {
        char label[2] = {(char)('a' + i % 8), 0};
        struct hub_metric *m = hub_metric_labelled("t_labelled", "By label.", HUB_COUNTER, "of", hub_cstr(label));
        w->labelled[i % 8] = m;
        hub_metric_add(m, 1);
        hub_metric_add(&counter, 1);
        hub_metric_add(&gauge, i & 1 ? -1 : 1);
        hub_histogram_add(&histogram, 60000);
        if (w->owns && i == ROUNDS / 4) hub_metrics_own();
        if (w->owns && i == ROUNDS / 2) hub_metrics_disown();
        if (i % 100) continue;
        struct hub_buf b = {0};
        hub_metrics_print(&b);
        hub_buf_free(&b);
    }
}

static void nothing_is_counted_twice_or_lost(void **state) {
    (void)state;
    struct worker w[THREADS] = {0};
    char want[64];
    for (int i = 0; i < THREADS; i += 2) w[i].owns = true;
    run_all(w, count);
    assert_int_equal(hub_metric_value(&counter), THREADS * ROUNDS);
    assert_int_equal(hub_metric_value(&gauge), 0);
    for (int l = 0; l < 8; l++) {
        assert_int_equal(hub_metric_value(w[0].labelled[l]), THREADS * ROUNDS / 8);
        for (int i = 1; i < THREADS; i++) assert_ptr_equal(w[i].labelled[l], w[0].labelled[l]);
    }
    struct hub_buf b = {0};
    hub_metrics_print(&b);
    snprintf(want, sizeof want, "\nt_counter %d\n", THREADS * ROUNDS);
    assert_non_null(strstr(hub_buf_cstr(&b), want));
    assert_null(strstr(strstr(b.p, want) + 1, want)); /* registered once */
    snprintf(want, sizeof want, "\nt_latency_bucket{le=\"0.0001\"} %d\n", THREADS * ROUNDS);
    assert_non_null(strstr(b.p, want));
    snprintf(want, sizeof want, "\nt_latency_sum %.9f\n", 60000e-9 * THREADS * ROUNDS);
    assert_non_null(strstr(b.p, want));
    hub_buf_free(&b);
}

static struct hub_metric shares = HUB_METRIC(HUB_GAUGE, "t_shares", NULL, "Of each thread.");
static pthread_barrier_t all_set;

static void set_share(struct worker *w) {
    hub_metrics_own();
    for (int i = 0; i < ROUNDS; i++) hub_metric_set(&shares, i);
    hub_metric_set(&shares, 5);
    pthread_barrier_wait(&all_set);
    w->disorder = (int)hub_metric_value(&shares);
    pthread_barrier_wait(&all_set);
    hub_metric_set(&shares, 0);
    hub_metrics_disown();
}

static void what_threads_have_of_a_gauge_is_summed(void **state) {
    (void)state;
    struct worker w[THREADS] = {0};
    pthread_barrier_init(&all_set, NULL, THREADS);
    run_all(w, set_share);
    for (int i = 0; i < THREADS; i++) assert_int_equal(w[i].disorder, THREADS * 5);
    assert_int_equal(hub_metric_value(&shares), 0);
    pthread_barrier_destroy(&all_set);
}

static void talk(struct worker *w) {
    for (int i = 0; i < ROUNDS / 10; i++) {
        hub_logf(HUB_LOG_WARN, "test", "line %d", i);
        hub_log_kv(HUB_LOG_INFO, "test", "a line with fields", "code", i & 1 ? "odd" : "even", "text", "ä b", NULL);
        if (hub_log_on(HUB_LOG_DEBUG)) w->disorder++;
    }
}

/* With stderr as a pipe that the test reads: no line is cut or mixed with another. */
static void lines_of_all_threads_stay_whole(void **state) {
    (void)state;
    struct worker w[THREADS] = {0};
    FILE *lines = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_true(lines && saved >= 0);
    assert_true(dup2(fileno(lines), STDERR_FILENO) >= 0);
    hub_log_setup(HUB_LOG_INFO, false);
    hub_log_start();
    run_all(w, talk);
    hub_log_end(10000);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    hub_log_start(); /* it is another file again */
    close(saved);
    char line[1024];
    int n = 0;
    rewind(lines);
    while (fgets(line, sizeof line, lines)) {
        n++;
        if (!strstr(line, " test: ") && !strstr(line, " log: ")) fail_msg("not a whole line: %s", line);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_null(strstr(strchr(line, 'Z') + 1, "Z ")); /* one time in each */
    }
    assert_true(n >= 40); /* twenty of each kind at least; the rest is left out */
    for (int i = 0; i < THREADS; i++) assert_int_equal(w[i].disorder, 0);
    fclose(lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_threads_hash_alike),           cmocka_unit_test(ids_of_all_threads_grow_and_differ),
        cmocka_unit_test(nothing_is_counted_twice_or_lost), cmocka_unit_test(what_threads_have_of_a_gauge_is_summed),
        cmocka_unit_test(lines_of_all_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
