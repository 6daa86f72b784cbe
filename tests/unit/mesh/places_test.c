/* Places by name: in which order they are asked for, how many at a time, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "mesh/place/places.h"

#define ANN HUB_STR("node-ann-001")
#define NOW 1000

static const struct hub_places_config config = {
    .asks_max = 3, .takeover_ms = 500, .yield_ms = 1000, .retry_ms = 200, .seed = 7};
static struct hub_places all;

static int set_up(void **state) {
    (void)state;
    hub_places_init(&all, &config);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    hub_places_deinit(&all);
    return 0;
}

static struct hub_known_place *place_named(int i) {
    char name[20];
    snprintf(name, sizeof name, "room-%d", i);
    return hub_places_get(&all, hub_cstr(name));
}

#define LATE(K, TICKET, NOW_MS, KIND, ...)                                                                             \
    hub_places_step(&all, (K), &(struct hub_place_event){.kind = HUB_PLACE_##KIND, .ticket = (TICKET), ##__VA_ARGS__}, \
                    (NOW_MS))
#define STEP(K, ...) LATE(K, (K)->place.ticket, __VA_ARGS__)

/* An edge of ann. */
static struct hub_known_place *edge_of_ann(int i, size_t members) {
    struct hub_known_place *k = place_named(i);
    k->members = members;
    assert_int_equal(STEP(k, NOW, NEEDED), 0);
    assert_ptr_equal(hub_places_next(&all, NOW), k);
    assert_int_equal(STEP(k, NOW, NAMED_OTHER, .node = ANN), HUB_PLACE_GREET | HUB_PLACE_DISOWN);
    return k;
}

static void what_is_needed_is_asked_for_at_once(void **state) {
    struct hub_known_place *k = place_named(1);
    (void)state;
    assert_int_equal(hub_places_due(&all), INT64_MAX);
    assert_int_equal(STEP(k, NOW, NEEDED), 0); /* not ASK: the queue says when */
    assert_int_equal(hub_places_due(&all), NOW);
    assert_ptr_equal(hub_places_next(&all, NOW), k);
    assert_null(hub_places_next(&all, NOW));
    assert_int_equal(STEP(k, NOW, NAMED_SELF, .term = 1), HUB_PLACE_CLAIM);
    assert_true(k->under_way);
    assert_int_equal(STEP(k, NOW, CLAIMED, .fence = 1), HUB_PLACE_OPEN);
    assert_int_equal(all.under_way, 0);
}

static void so_many_are_under_way_at_a_time(void **state) {
    struct hub_known_place *first;
    (void)state;
    for (int i = 0; i < 5; i++) assert_int_equal(STEP(place_named(i), NOW, NEEDED), 0);
    first = hub_places_next(&all, NOW);
    assert_ptr_equal(first, place_named(0));
    assert_ptr_equal(hub_places_next(&all, NOW), place_named(1));
    assert_ptr_equal(hub_places_next(&all, NOW), place_named(2));
    assert_int_equal(hub_places_due(&all), INT64_MAX);
    assert_null(hub_places_next(&all, NOW + 100000));
    assert_int_equal(STEP(first, NOW, NAMED_SELF, .term = 1), HUB_PLACE_CLAIM);
    assert_null(hub_places_next(&all, NOW)); /* a claim is under way as well */
    assert_int_equal(STEP(first, NOW, CLAIMED, .fence = 1), HUB_PLACE_OPEN);
    assert_ptr_equal(hub_places_next(&all, NOW), place_named(3));
}

static void those_with_members_are_taken_over_first(void **state) {
    int64_t now = NOW, latest = 0;
    bool empty_seen = false;
    (void)state;
    for (int i = 0; i < 100; i++) edge_of_ann(i, i % 3 == 0);
    for (int i = 0; i < 100; i++) assert_int_equal(STEP(place_named(i), NOW, OWNER_GONE, .node = ANN), 0);
    for (int taken = 0; taken < 100; taken++) {
        now = hub_places_due(&all) > now ? hub_places_due(&all) : now;
        struct hub_known_place *k = hub_places_next(&all, now);
        assert_non_null(k);
        if (k->members) assert_false(empty_seen);
        if (k->members) assert_true(now < NOW + config.takeover_ms);
        empty_seen |= !k->members;
        latest = now;
        assert_int_equal(STEP(k, now, NAMED_OTHER, .node = HUB_STR("node-bob-001")),
                         HUB_PLACE_GREET | HUB_PLACE_DISOWN);
    }
    assert_true(latest > NOW + config.takeover_ms && latest < NOW + 2 * config.takeover_ms);
}

static void nodes_of_other_seeds_come_at_other_times(void **state) {
    struct hub_places other;
    struct hub_places_config second = config;
    (void)state;
    second.seed = 8;
    hub_places_init(&other, &second);
    struct hub_known_place *k = edge_of_ann(1, 1), *same = hub_places_get(&other, HUB_STR("room-1"));
    same->place = k->place;
    const struct hub_place_event gone = {.kind = HUB_PLACE_OWNER_GONE, .node = ANN};
    assert_int_equal(hub_places_step(&all, k, &gone, NOW), 0);
    same->members = 1;
    assert_int_equal(hub_places_step(&other, same, &gone, NOW), 0);
    assert_int_not_equal(k->due, same->due);
    hub_places_deinit(&other);
}

static void no_answer_and_a_useless_chance_wait(void **state) {
    struct hub_known_place *k = place_named(1);
    (void)state;
    assert_int_equal(STEP(k, NOW, NEEDED), 0);
    assert_ptr_equal(hub_places_next(&all, NOW), k);
    assert_int_equal(STEP(k, NOW, UNANSWERED), 0);
    assert_in_range(hub_places_due(&all), NOW + 200, NOW + 399);
    assert_null(hub_places_next(&all, NOW + 199));
    assert_ptr_equal(hub_places_next(&all, NOW + 400), k);
    assert_int_equal(STEP(k, NOW, NAMED_SELF, .term = 2), HUB_PLACE_CLAIM);
    assert_int_equal(STEP(k, NOW, STORE_AWAY), HUB_PLACE_RELEASE);
    assert_in_range(hub_places_due(&all), NOW + 1000, NOW + 1999);
    assert_int_equal(all.under_way, 0);
}

static void what_is_not_needed_any_more_leaves_the_queue(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) assert_int_equal(STEP(place_named(i), NOW + (i * 7) % 20, NEEDED), 0);
    for (int i = 0; i < 20; i += 2) assert_int_equal(STEP(place_named(i), NOW, UNNEEDED), HUB_PLACE_DISOWN);
    int64_t last = 0;
    for (int n = 0; n < 10; n++) {
        struct hub_known_place *k = hub_places_next(&all, NOW + 20);
        assert_non_null(k);
        assert_true(k->due >= last);
        last = k->due;
        assert_int_equal(STEP(k, NOW, UNNEEDED), HUB_PLACE_DISOWN);
        hub_places_drop(&all, k);
    }
    assert_null(hub_places_next(&all, NOW + 20));
}

static void late_answers_for_a_forgotten_place_are_told_apart(void **state) {
    struct hub_known_place *k = place_named(1);
    (void)state;
    assert_int_equal(STEP(k, NOW, NEEDED), 0);
    assert_ptr_equal(hub_places_next(&all, NOW), k);
    uint64_t ticket = k->place.ticket;
    assert_int_equal(STEP(k, NOW, UNNEEDED), HUB_PLACE_DISOWN);
    hub_places_drop(&all, k);
    assert_null(hub_places_find(&all, HUB_STR("room-1")));
    k = place_named(1);
    assert_int_equal(STEP(k, NOW, NEEDED), 0);
    assert_int_equal(LATE(k, ticket, NOW, NAMED_SELF, .term = 4), HUB_PLACE_RELEASE);
    assert_int_equal(k->place.state, HUB_PLACE_ASKING);
}

static void one_that_was_handed_here_counts_as_under_way(void **state) {
    struct hub_known_place *k = place_named(1);
    (void)state;
    assert_int_equal(STEP(k, NOW, HANDED, .node = ANN, .term = 3), HUB_PLACE_CLAIM);
    assert_int_equal(all.under_way, 1);
    assert_int_equal(STEP(k, NOW, LEASE_LAPSED), 0);
    assert_int_equal(all.under_way, 0);
}

int main(void) {
#define TEST(F) cmocka_unit_test_setup_teardown(F, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_needed_is_asked_for_at_once),
        TEST(so_many_are_under_way_at_a_time),
        TEST(those_with_members_are_taken_over_first),
        TEST(nodes_of_other_seeds_come_at_other_times),
        TEST(no_answer_and_a_useless_chance_wait),
        TEST(what_is_not_needed_any_more_leaves_the_queue),
        TEST(late_answers_for_a_forgotten_place_are_told_apart),
        TEST(one_that_was_handed_here_counts_as_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
