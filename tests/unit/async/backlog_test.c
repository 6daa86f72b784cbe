/* The backlog: what waits is counted for all senders together. */
#include "async/backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory/mem.h"

#define MIB ((size_t)1 << 20)
#define KIB ((size_t)1 << 10)

static struct hub_backlog all;
static struct hub_backlog_entry entries[16];
static size_t mine, other;

static int set_up(void **state) {
    (void)state;
    all = (struct hub_backlog){.most = 4 * MIB};
    memset(entries, 0, sizeof entries);
    mine = other = 0;
    return 0;
}

static void large_payloads_of_all_senders_have_one_bound(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) assert_true(hub_backlog_set(&all, &entries[i], MIB, i % 2 ? &mine : &other));
    assert_false(hub_backlog_set(&all, &entries[4], MIB, NULL));
    assert_int_equal(mine, 2 * MIB);
    hub_backlog_drop(&entries[1]);
    assert_int_equal(mine, MIB);
    assert_true(hub_backlog_set(&all, &entries[4], MIB, NULL));
}

static void small_ones_are_not_kept_out_by_large_ones_nor_one_by_one(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) assert_true(hub_backlog_set(&all, &entries[i], MIB, &other));
    assert_true(hub_backlog_set(&all, &entries[4], 40 * KIB, &mine));
    all.bytes[0] = all.most; /* many more */
    assert_true(hub_backlog_set(&all, &entries[5], 20 * KIB, &mine));
    assert_false(hub_backlog_set(&all, &entries[6], 20 * KIB, &mine));
    assert_true(hub_backlog_set(&all, &entries[6], 4 * KIB, &mine));
    assert_int_equal(mine, 64 * KIB);
}

static void whatever_is_allowed_may_wait_alone(void **state) {
    (void)state;
    assert_true(hub_backlog_set(&all, &entries[0], 9 * MIB, NULL));
    assert_false(hub_backlog_set(&all, &entries[1], 65 * KIB, NULL));
    hub_backlog_drop(&entries[0]);
    assert_true(hub_backlog_set(&all, &entries[1], 65 * KIB, NULL));
}

static void what_is_counted_anew_is_counted_once(void **state) {
    (void)state;
    assert_true(hub_backlog_set(&all, &entries[0], KIB, &mine));
    assert_true(hub_backlog_set(&all, &entries[0], 3 * MIB, &mine));
    assert_int_equal(all.bytes[0], 0);
    assert_int_equal(all.bytes[1], 3 * MIB);
    assert_false(hub_backlog_set(&all, &entries[1], 2 * MIB, &mine));
    assert_true(hub_backlog_set(&all, &entries[0], 4 * MIB, &mine));
    hub_backlog_drop(&entries[0]);
    hub_backlog_drop(&entries[0]);
    assert_int_equal(all.bytes[1] + mine, 0);
}

static void one_that_is_moved_stays_counted_without_its_sender(void **state) {
    (void)state;
    assert_true(hub_backlog_set(&all, &entries[0], 2 * MIB, &mine));
    hub_backlog_move(&entries[0], &entries[1]);
    hub_backlog_drop(&entries[0]);
    assert_int_equal(mine, 0);
    assert_int_equal(all.bytes[1], 2 * MIB);
    hub_backlog_drop(&entries[1]);
    assert_int_equal(all.bytes[1], 0);
}

static void a_refusal_names_the_limit(void **state) {
    struct hub_err err;
    (void)state;
    assert_int_equal(hub_backlog_refuse(&all, &err), HUB_OVERLOADED);
    assert_non_null(strstr(err.text, "listen.maxWaitingBytes: "));
    assert_non_null(strstr(err.text, "4194304 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(large_payloads_of_all_senders_have_one_bound, set_up),
        cmocka_unit_test_setup(small_ones_are_not_kept_out_by_large_ones_nor_one_by_one, set_up),
        cmocka_unit_test_setup(whatever_is_allowed_may_wait_alone, set_up),
        cmocka_unit_test_setup(what_is_counted_anew_is_counted_once, set_up),
        cmocka_unit_test_setup(one_that_is_moved_stays_counted_without_its_sender, set_up),
        cmocka_unit_test_setup(a_refusal_names_the_limit, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
