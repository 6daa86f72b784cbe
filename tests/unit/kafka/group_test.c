/* What the group remembers, and how its members share. */
#include "kafka_mock.h"

static bool one_saw_two(void) { return one.seen_n >= 2; }
static bool one_saw_one(void) { return one.seen_n >= 1; }

static void what_is_not_released_comes_again_after_a_restart(void **state) {
    (void)state;
    enter(&one);
    one.hold = true;
    subscribe(&one, "t");
    until(one_is_ready);
    publish(&one, "t", "k", "a");
    publish(&one, "t", "k", "b");
    until(one_saw_two);
    release(&one, 0);
    leave(&one); /* releases b when it no longer counts */
    assert_int_equal(committed("t"), 1);
    enter(&one);
    subscribe(&one, "t");
    until(one_saw_one);
    assert_string_equal(hub_buf_cstr(&one.seen), "b ");
    leave(&one);
}

static void what_comes_while_nobody_is_there_is_delivered_at_the_next_start(void **state) {
    (void)state;
    write_record("t", "k", "old");
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    leave(&one); /* without having handled anything */
    write_record("t", "k", "meanwhile");
    enter(&one);
    subscribe(&one, "t");
    until(one_saw_one);
    assert_string_equal(hub_buf_cstr(&one.seen), "meanwhile ");
    leave(&one);
}

/* ---- two of one group ---- */

static int written;

/* A record more, of another key, each time it is asked. */
static void write_next(void) {
    char text[16];
    snprintf(text, sizeof text, "r%d", written++);
    write_record("t", text, text);
}

static bool both_read(void) {
    write_next();
    return one.seen_n && two.seen_n;
}

static bool saw(const struct member *m, int i) {
    char text[16];
    struct hub_buf all = {0};
    snprintf(text, sizeof text, " r%d ", i);
    hub_buf_addc(&all, ' ');
    hub_buf_adds(&all, hub_buf_str(&m->seen));
    bool found = strstr(hub_buf_cstr(&all), text) != NULL;
    hub_buf_free(&all);
    return found;
}

static bool all_arrived(void) {
    for (int i = 0; i < written; i++)
        if (!saw(&one, i) && !saw(&two, i)) return false;
    return true;
}

static void members_share_the_partitions_and_lose_nothing(void **state) {
    (void)state;
    written = 0;
    enter(&one);
    subscribe(&one, "t");
    until(one_is_ready);
    enter(&two);
    subscribe(&two, "t");
    until(both_read);
    until(all_arrived);
    leave(&two);
    written = 0;
    forget(&one);
    while (written < 100) write_next();
    until(all_arrived);
    leave(&one);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_released_comes_again_after_a_restart),
        TEST(what_comes_while_nobody_is_there_is_delivered_at_the_next_start),
        TEST(members_share_the_partitions_and_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
