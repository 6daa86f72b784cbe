/* The load generator's counting: quantiles, and lost, repeated and late sequence numbers. */
#include "hubctl/bench/bench_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void quantiles_are_exact_to_two_percent(void **state) {
    (void)state;
    struct hub_bench_hist *h = calloc(1, sizeof *h);
    for (uint64_t v = 1; v <= 100000; v++) hub_bench_hist_add(h, v * 1000);
    for (int percent = 1; percent <= 100; percent++) {
        double got = (double)hub_bench_hist_quantile(h, percent / 100.0), want = percent * 1e6;
        assert_true(got >= want && got <= want * 1.02);
    }
    assert_int_equal(h->max, 100000000);
    memset(h, 0, sizeof *h);
    assert_int_equal(hub_bench_hist_quantile(h, 0.5), 0);
    free(h);
}

static void buckets_never_run_backwards_and_the_last_takes_everything(void **state) {
    (void)state;
    size_t last = 0;
    for (uint64_t v = 0; v < (uint64_t)1 << 40; v += 1 + v / 100) {
        size_t i = hub_bench_hist_index(v);
        assert_true(i >= last && i < HUB_BENCH_HIST_BUCKETS);
        last = i;
    }
    assert_int_equal(hub_bench_hist_index(UINT64_MAX), HUB_BENCH_HIST_BUCKETS - 1);
}

static void a_stream_in_order_has_no_complaints(void **state) {
    (void)state;
    struct hub_bench_track t = {0};
    uint32_t next = 0;
    for (uint32_t s = 0; s < 1000; s++) assert_true(hub_bench_track_see(&t, 7, &next, s));
    hub_bench_track_end(&t, next, 1000);
    assert_int_equal(hub_bench_track_lost(&t) + t.duplicate + t.out_of_order, 0);
    hub_bench_track_free(&t);
}

static void a_gap_is_lost_until_it_comes_late(void **state) {
    (void)state;
    struct hub_bench_track t = {0};
    uint32_t next = 0, other = 0;
    hub_bench_track_see(&t, 0, &next, 3);
    hub_bench_track_see(&t, 1, &other, 3);
    assert_int_equal(hub_bench_track_lost(&t), 6);
    assert_true(hub_bench_track_see(&t, 0, &next, 1));
    assert_int_equal(t.out_of_order, 1);
    assert_int_equal(hub_bench_track_lost(&t), 5);
    assert_false(hub_bench_track_see(&t, 0, &next, 1)); /* now it is a repeat */
    assert_int_equal(t.duplicate, 1);
    assert_int_equal(next, 4);
    hub_bench_track_free(&t);
}

static void repeats_are_counted_and_the_tail_is_lost(void **state) {
    (void)state;
    struct hub_bench_track t = {0};
    uint32_t next = 0;
    assert_true(hub_bench_track_see(&t, 0, &next, 0));
    assert_false(hub_bench_track_see(&t, 0, &next, 0));
    hub_bench_track_end(&t, next, 5);
    assert_int_equal(t.duplicate, 1);
    assert_int_equal(hub_bench_track_lost(&t), 4);
    hub_bench_track_free(&t);
}

/* The set of missing numbers closes its probe chains when one is taken out; a broken chain would turn late
 * ones into repeats. */
static void many_gaps_close_in_any_order(void **state) {
    (void)state;
    struct hub_bench_track t = {0};
    enum { STREAMS = 2000, JUMP = 500 };
    uint32_t next[STREAMS] = {0};
    for (uint32_t s = 0; s < STREAMS; s++) hub_bench_track_see(&t, s, &next[s], JUMP);
    assert_int_equal(hub_bench_track_lost(&t), STREAMS * JUMP);
    for (uint32_t k = 0; k < JUMP; k++)
        for (uint32_t s = 0; s < STREAMS; s++) assert_true(hub_bench_track_see(&t, s, &next[s], k * 271 % JUMP));
    assert_int_equal(hub_bench_track_lost(&t), 0);
    assert_int_equal(t.out_of_order, STREAMS * JUMP);
    assert_int_equal(t.duplicate, 0);
    hub_bench_track_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_exact_to_two_percent),
        cmocka_unit_test(buckets_never_run_backwards_and_the_last_takes_everything),
        cmocka_unit_test(a_stream_in_order_has_no_complaints),
        cmocka_unit_test(a_gap_is_lost_until_it_comes_late),
        cmocka_unit_test(repeats_are_counted_and_the_tail_is_lost),
        cmocka_unit_test(many_gaps_close_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
