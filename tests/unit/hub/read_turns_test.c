/* Reads in turn: slots of each reader, one for each in a round, and results no larger than the process can
 * hold. */
#include "base/memory/mem.h"
#include "hub/read_turns/read_turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "turned_clock.h"

struct item {
    struct hub_read read;
    char name;
};

static struct hub_loop *loop;
static struct hub_reads reads;
static struct hub_buf log_of;

static void on_start(struct hub_read *r) { hub_buf_addc(&log_of, HUB_CONTAINER(r, struct item, read)->name); }
static void on_drop(struct hub_read *r) { hub_buf_addf(&log_of, "-%c", HUB_CONTAINER(r, struct item, read)->name); }

static struct hub_holds holds;

static bool ask(struct hub_reader *reader, struct item *i, char name, uint32_t may_wait) {
    *i = (struct item){.read = {.start = on_start, .drop = on_drop}, .name = name};
    return hub_read_ask(&reads, reader, &i->read, may_wait);
}

static void expect(const char *text) {
    assert_string_equal(hub_buf_cstr(&log_of), text);
    hub_buf_clear(&log_of);
}

/* Turns until everything that was due has been done. */
static void turns(void) { turn_clock(loop, 15); }

static int set_up(void **state) {
    (void)state;
    loop = turned_loop_new();
    holds = (struct hub_holds){0};
    hub_holds_init(&holds, loop);
    hub_reads_init(&reads, loop, &holds);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hub_reads_deinit(&reads);
    turned_loop_delete(loop);
    hub_buf_free(&log_of);
    return 0;
}

static void four_are_under_way_and_the_next_starts_in_the_turn_after_one_is_over(void **state) {
    (void)state;
    struct hub_reader *place = NULL, *ann = hub_reader_at(&place, NULL);
    struct item items[6];
    for (int i = 0; i < 6; i++) assert_true(ask(ann, &items[i], (char)('a' + i), 64));
    expect("abcd");
    hub_read_over(&reads, &items[1].read);
    expect(""); /* not in this turn */
    turns();
    expect("e");
    hub_read_over(&reads, &items[1].read); /* harmless */
    turns();
    expect("");
    for (int i = 0; i < 5; i++) hub_read_over(&reads, &items[i].read);
    turns();
    expect("f");
    assert_int_equal(holds.n, 1);
    hub_read_over(&reads, &items[5].read);
    assert_int_equal(holds.n, 0);
    turns();
    assert_null(place); /* nothing is kept of a connection that reads nothing */
}

static void who_has_as_many_waiting_as_may_wait_is_refused(void **state) {
    (void)state;
    struct hub_reader *place = NULL, *ann = hub_reader_at(&place, NULL);
    struct item items[8];
    for (int i = 0; i < 6; i++) assert_true(ask(ann, &items[i], (char)('a' + i), 2));
    assert_false(ask(ann, &items[6], 'g', 2));
    assert_true(ask(ann, &items[7], 'h', 3));
    expect("abcd");
    assert_int_equal(holds.n, 7);
    hub_reader_close(&place);
    expect("-e-f-h");
    assert_null(place);
    assert_int_equal(holds.n, 4);
    for (int i = 0; i < 4; i++) hub_read_over(&reads, &items[i].read);
    turns();
}

/* One asked for much first: the other's second read does not wait for all of it. */
static void readers_that_wait_get_one_slot_each_in_turn(void **state) {
    (void)state;
    struct hub_reader *at_ann = NULL, *at_bob = NULL, *ann = hub_reader_at(&at_ann, NULL),
                      *bob = hub_reader_at(&at_bob, NULL);
    struct item of_ann[12], of_bob[6];
    for (int i = 0; i < 12; i++) ask(ann, &of_ann[i], (char)('a' + i), 64);
    for (int i = 0; i < 6; i++) ask(bob, &of_bob[i], (char)('A' + i), 64);
    expect("abcdABCD");
    for (int i = 0; i < 4; i++) hub_read_over(&reads, &of_ann[i].read), hub_read_over(&reads, &of_bob[i].read);
    turns();
    expect("eEfFgh");
    for (int i = 4; i < 8; i++) hub_read_over(&reads, &of_ann[i].read);
    for (int i = 4; i < 6; i++) hub_read_over(&reads, &of_bob[i].read);
    turns();
    expect("ijkl");
    for (int i = 8; i < 12; i++) hub_read_over(&reads, &of_ann[i].read);
    turns();
}

static void callers_by_rest_are_forgotten_with_their_last_read(void **state) {
    (void)state;
    struct item one, other;
    struct hub_reader *ann = hub_reader_of(&reads, HUB_STR("=ann"));
    assert_ptr_equal(hub_reader_of(&reads, HUB_STR("=ann")), ann);
    ask(ann, &one, 'a', 64);
    ask(ann, &other, 'b', 64);
    hub_read_over(&reads, &one.read);
    turns();
    assert_int_equal(hub_map_len(&reads.callers), 1);
    hub_read_over(&reads, &other.read);
    turns();
    assert_int_equal(hub_map_len(&reads.callers), 0);
    expect("ab");
}

static void a_stop_drops_what_waits_by_rest_and_what_is_under_way_goes_on(void **state) {
    (void)state;
    struct hub_reader *place = NULL, *conn = hub_reader_at(&place, NULL), *ann = hub_reader_of(&reads, HUB_STR("=ann"));
    struct item of_ann[5], of_conn[5];
    for (int i = 0; i < 5; i++) ask(ann, &of_ann[i], (char)('a' + i), 64);
    for (int i = 0; i < 5; i++) ask(conn, &of_conn[i], (char)('A' + i), 64);
    expect("abcdABCD");
    hub_reads_stop(&reads);
    expect("-e"); /* connections are closed, which drops theirs */
    for (int i = 0; i < 4; i++) hub_read_over(&reads, &of_ann[i].read), hub_read_over(&reads, &of_conn[i].read);
    turns();
    expect("E");
    hub_read_over(&reads, &of_conn[4].read);
    turns();
    assert_int_equal(holds.n, 0);
    assert_int_equal(hub_map_len(&reads.callers), 0);
}

static void a_slot_that_changes_its_owner_is_given_up_once(void **state) {
    (void)state;
    struct hub_reader *place = NULL, *ann = hub_reader_at(&place, NULL);
    struct item items[5];
    struct hub_read moved;
    for (int i = 0; i < 5; i++) ask(ann, &items[i], (char)('a' + i), 64);
    expect("abcd");
    hub_read_move(&moved, &items[0].read);
    hub_read_over(&reads, &items[0].read); /* it has none any more */
    turns();
    expect("");
    assert_int_equal(holds.n, 5);
    hub_read_over(&reads, &moved);
    turns();
    expect("e");
    for (int i = 1; i < 5; i++) hub_read_over(&reads, &items[i].read);
    turns();
    assert_null(place);
}

static int started;
static void count(struct hub_result *r) { (void)r, started++; }

static void small_results_wait_until_they_fit_in_the_order_of_asking(void **state) {
    (void)state;
    enum { FIT = HUB_RESULTS_SMALL / HUB_RESULT_SMALL };
    struct hub_result all[FIT + 2];
    started = 0;
    for (size_t i = 0; i < HUB_NELEM(all); i++) {
        all[i] = (struct hub_result){.start = count};
        hub_result_ask(&reads, &all[i], HUB_STR("ann"),
                       i <= FIT ? HUB_RESULT_SMALL : 1); /* the last one would fit, but is behind another */
    }
    assert_int_equal(started, FIT);
    hub_result_is(&reads, &all[0], 2 * HUB_RESULT_SMALL); /* more than was expected */
    hub_result_over(&reads, &all[1]);
    assert_int_equal(started, FIT);
    hub_result_over(&reads, &all[0]);
    assert_int_equal(started, FIT + 2);
    for (size_t i = 2; i < HUB_NELEM(all); i++) hub_result_over(&reads, &all[i]);
    assert_int_equal(reads.result_bytes, 0);
    assert_int_equal(reads.small_bytes, 0);
}

struct large {
    struct hub_result result;
    char name;
};

static struct hub_result *begun[16]; /* in their order; STARTED of them */
static void note_large(struct hub_result *r) {
    begun[started++] = r;
    hub_buf_addc(&log_of, HUB_CONTAINER(r, struct large, result)->name);
}

static void large_results_have_turns_of_users_and_hold_up_no_small_one(void **state) {
    (void)state;
    static const char asked[] = "eeeeeeeeabbc"; /* a letter for each user */
    struct large all[sizeof asked - 1];
    struct hub_result small = {.start = count};
    started = 0;
    for (size_t i = 0; i < HUB_NELEM(all); i++) {
        all[i] = (struct large){.result.start = note_large, .name = asked[i]};
        hub_result_ask(&reads, &all[i].result, hub_str(&asked[i], 1), HUB_RESULT_SMALL + 1);
    }
    expect("eeee");
    hub_result_ask(&reads, &small, HUB_STR("b"), HUB_RESULT_SMALL);
    assert_int_equal(started, HUB_RESULTS_LARGE + 1);
    started--;
    hub_result_over(&reads, &small);
    for (size_t i = 0; i < HUB_RESULTS_LARGE; i++) hub_result_over(&reads, begun[i]);
    expect("eabc");
    for (size_t i = HUB_RESULTS_LARGE; i < HUB_NELEM(all); i++) hub_result_over(&reads, begun[i]);
    expect("ebee");
    assert_int_equal(reads.large_n, 0);
    assert_int_equal(hub_map_len(&reads.turns), 0);
}

static void one_result_fits_however_large_it_is(void **state) {
    (void)state;
    struct hub_result r = {.start = count};
    started = 0;
    hub_result_ask(&reads, &r, HUB_STR("ann"), 10 * HUB_RESULTS_SMALL);
    assert_int_equal(started, 1);
    hub_result_over(&reads, &r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(four_are_under_way_and_the_next_starts_in_the_turn_after_one_is_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_has_as_many_waiting_as_may_wait_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_that_wait_get_one_slot_each_in_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(callers_by_rest_are_forgotten_with_their_last_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_drops_what_waits_by_rest_and_what_is_under_way_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_slot_that_changes_its_owner_is_given_up_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_results_wait_until_they_fit_in_the_order_of_asking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_results_have_turns_of_users_and_hold_up_no_small_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_result_fits_however_large_it_is, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
