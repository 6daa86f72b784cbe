/* How long stores wait for what they have asked when the process stands still meanwhile. */
#include "adapters/sql/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LIMIT 5000
#define STILL 250
#define TICK 250

static void a_process_that_runs_judges_at_any_time(void **state) {
    struct hub_sql_patience p = {0};
    (void)state;
    for (int64_t now = 0; now < 20000; now += TICK) assert_true(hub_sql_may_judge(&p, now, now % STILL, STILL, LIMIT));
}

/* Whatever little it stood still, there were five seconds more: an answer took ten. */
static void what_was_lost_is_given_again_and_no_more(void **state) {
    struct hub_sql_patience p = {0};
    (void)state;
    assert_false(hub_sql_may_judge(&p, 1000, 300, STILL, LIMIT));
    assert_false(hub_sql_may_judge(&p, 1250, 0, STILL, LIMIT));
    assert_true(hub_sql_may_judge(&p, 1500, 0, STILL, LIMIT));
    assert_false(hub_sql_may_judge(&p, 100000, 98000, STILL, LIMIT));
    assert_false(hub_sql_may_judge(&p, 102499, 0, STILL, LIMIT));
    assert_true(hub_sql_may_judge(&p, 102500, 0, STILL, LIMIT));
}

/* One that is held up for longer than it runs never said that the store was away. */
static void not_more_than_half_of_the_limit_however_often_that_is(void **state) {
    struct hub_sql_patience p = {0};
    int64_t now = 0;
    (void)state;
    for (int round = 0; round < 3; round++) {
        int64_t since = now;
        do now += TICK + 400;
        while (!hub_sql_may_judge(&p, now, 400, STILL, LIMIT));
        assert_in_range(now - since, LIMIT / 2, 2 * LIMIT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_runs_judges_at_any_time),
        cmocka_unit_test(what_was_lost_is_given_again_and_no_more),
        cmocka_unit_test(not_more_than_half_of_the_limit_however_often_that_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
