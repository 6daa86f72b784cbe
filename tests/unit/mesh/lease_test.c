/* A lease as its holder counts it: from before it asked, with a margin, never again once it has lapsed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mesh/place/lease.h"

#define BEGIN 1000000

static struct hub_lease granted_at(int64_t sent_at, int64_t now) {
    struct hub_lease l;
    hub_lease_init(&l, 8000);
    assert_true(hub_lease_granted(&l, sent_at, now));
    return l;
}

static void one_that_was_not_granted_has_lapsed(void **state) {
    struct hub_lease l;
    (void)state;
    hub_lease_init(&l, 8000);
    assert_int_equal(hub_lease_at(&l, BEGIN), HUB_LEASE_LAPSED);
    assert_int_equal(hub_lease_at(&(struct hub_lease){0}, BEGIN), HUB_LEASE_LAPSED);
}

static void it_counts_from_before_it_was_asked_for(void **state) {
    const struct hub_lease l = granted_at(BEGIN, BEGIN + 3000);
    (void)state;
    assert_int_equal(hub_lease_end_at(&l), BEGIN + 8000);
    assert_int_equal(hub_lease_at(&l, BEGIN + 7999), HUB_LEASE_MARGIN);
    assert_int_equal(hub_lease_at(&l, BEGIN + 8000), HUB_LEASE_LAPSED);
}

static void its_last_eighth_is_a_margin(void **state) {
    const struct hub_lease l = granted_at(BEGIN, BEGIN);
    (void)state;
    assert_int_equal(hub_lease_margin_at(&l), BEGIN + 7000);
    assert_int_equal(hub_lease_at(&l, BEGIN + 6999), HUB_LEASE_WHOLE);
    assert_int_equal(hub_lease_at(&l, BEGIN + 7000), HUB_LEASE_MARGIN);
}

static void renewals_make_it_longer_and_never_shorter(void **state) {
    struct hub_lease l = granted_at(BEGIN + 2000, BEGIN + 2001);
    (void)state;
    assert_true(hub_lease_granted(&l, BEGIN, BEGIN + 2002)); /* an answer that comes behind a later one */
    assert_int_equal(hub_lease_end_at(&l), BEGIN + 10000);
    assert_true(hub_lease_granted(&l, BEGIN + 4000, BEGIN + 9500)); /* within the margin */
    assert_int_equal(hub_lease_at(&l, BEGIN + 10500), HUB_LEASE_WHOLE);
}

static void a_lapsed_one_is_not_renewed(void **state) {
    struct hub_lease l = granted_at(BEGIN, BEGIN);
    (void)state;
    assert_false(hub_lease_granted(&l, BEGIN + 7000, BEGIN + 8000));
    assert_int_equal(hub_lease_at(&l, BEGIN + 8000), HUB_LEASE_LAPSED);
}

static void an_answer_that_took_as_long_as_the_lease_grants_nothing(void **state) {
    struct hub_lease l;
    (void)state;
    hub_lease_init(&l, 8000);
    assert_false(hub_lease_granted(&l, BEGIN, BEGIN + 8000));
    assert_int_equal(hub_lease_at(&l, BEGIN + 8000), HUB_LEASE_LAPSED);
    assert_true(hub_lease_granted(&l, BEGIN + 8000, BEGIN + 8001)); /* it was never held: the next one may be */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_was_not_granted_has_lapsed),
        cmocka_unit_test(it_counts_from_before_it_was_asked_for),
        cmocka_unit_test(its_last_eighth_is_a_margin),
        cmocka_unit_test(renewals_make_it_longer_and_never_shorter),
        cmocka_unit_test(a_lapsed_one_is_not_renewed),
        cmocka_unit_test(an_answer_that_took_as_long_as_the_lease_grants_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
