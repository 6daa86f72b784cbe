/* The numbers of a link at both ends: once, in order, what to do about holes, and what a full link drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "mesh/window/window.h"

#define NOW 5000

/* ---- both ends ---- */

static struct hub_send_window out;
static struct hub_receive_window in;
static struct hub_buf sent[64]; /* by the sender; those that the test takes away are empty */
static size_t sent_n;
static char told[400]; /* what the receiver gave up, and asked for */

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *fmt, ...) {
    va_list args;
    size_t n = strlen(told);
    va_start(args, fmt);
    vsnprintf(told + n, sizeof told - n, fmt, args);
    va_end(args);
}
static void on_sent(void *ctx, struct hub_str bytes) {
    (void)ctx;
    assert_true(sent_n < HUB_NELEM(sent));
    hub_buf_adds(&sent[sent_n++], bytes);
}
static void on_data(void *ctx, struct hub_str body) {
    (void)ctx;
    tell("%.*s ", HUB_FMT(body));
}
static void on_hole(void *ctx, uint64_t from, uint64_t to) {
    (void)ctx;
    tell("[%d-%d] ", (int)from, (int)to);
}
static void on_asked(void *ctx, struct hub_str bytes) {
    struct hub_window_packet p;
    (void)ctx;
    assert_true(hub_window_packet_read(bytes, &p));
    assert_int_equal(p.kind, HUB_WINDOW_AGAIN);
    tell("?%d-%d ", (int)p.number, (int)p.to);
}
static const struct hub_receive_window_events events = {on_data, on_hole, on_asked};

static int set_up(void **state) {
    static const struct hub_window_config config = {.keep_bytes = 200, .queue_bytes = 100, .behind_max = 2};
    (void)state;
    hub_send_window_init(&out, &config, on_sent, NULL);
    hub_receive_window_init(&in, 1000, &events, NULL);
    *told = 0;
    sent_n = 0;
    return 0;
}
static void forget_sent(void) {
    for (size_t i = 0; i < HUB_NELEM(sent); i++) hub_buf_free(&sent[i]);
    sent_n = 0;
}
static int tear_down(void **state) {
    (void)state;
    hub_send_window_deinit(&out);
    hub_receive_window_deinit(&in);
    forget_sent();
    return 0;
}

static enum hub_code add(enum hub_window_class class, const char *place, int64_t at, const char *body) {
    return hub_send_window_add(
        &out, &(struct hub_window_item){.class = class, .place = hub_cstr(place), .at = at, .body = hub_cstr(body)});
}
static void send(const char *body) {
    assert_int_equal(add(HUB_WINDOW_REQUEST, "", 0, body), HUB_OK);
    hub_send_window_left(&out, out.last);
}
static void arrive(size_t i, int64_t now) {
    struct hub_window_packet p;
    assert_true(hub_window_packet_read(hub_buf_str(&sent[i]), &p));
    hub_receive_window_take(&in, &p, now);
}
static void data(uint64_t number, const char *body, int64_t now) {
    hub_receive_window_take(
        &in, &(struct hub_window_packet){.kind = HUB_WINDOW_DATA, .number = number, .body = hub_cstr(body)}, now);
}
static void control(enum hub_window_kind kind, uint64_t number, uint64_t to, int64_t now) {
    hub_receive_window_take(&in, &(struct hub_window_packet){.kind = kind, .number = number, .to = to}, now);
}

/* ---- the receiver ---- */

static void what_comes_in_order_is_given_up_at_once(void **state) {
    (void)state;
    send("a");
    send("b");
    arrive(0, NOW);
    arrive(1, NOW);
    assert_string_equal(told, "a b ");
    assert_int_equal(hub_receive_window_due(&in), INT64_MAX);
}

static void what_comes_twice_is_dropped(void **state) {
    (void)state;
    data(1, "a", NOW);
    data(1, "a", NOW);
    data(3, "c", NOW);
    data(3, "c", NOW);
    data(2, "b", NOW);
    data(2, "b", NOW);
    data(3, "c", NOW);
    assert_string_equal(told, "a ?2-2 b c ");
    assert_int_equal(in.held_bytes, 0);
}

static void behind_a_hole_packets_wait_and_are_sorted(void **state) {
    (void)state;
    data(2, "b", NOW);
    data(4, "d", NOW);
    data(3, "c", NOW);
    assert_string_equal(told, "?1-1 ");
    data(1, "a", NOW + 10);
    assert_string_equal(told, "?1-1 a b c d ");
    assert_int_equal(in.held_bytes, 0);
}

static void a_hole_is_asked_for_twice_and_then_told(void **state) {
    (void)state;
    data(1, "a", NOW);
    data(4, "d", NOW);
    assert_int_equal(hub_receive_window_due(&in), NOW + 100);
    hub_receive_window_turn(&in, NOW + 99);
    assert_string_equal(told, "a ?2-3 ");
    hub_receive_window_turn(&in, NOW + 100);
    assert_string_equal(told, "a ?2-3 ?2-3 ");
    assert_int_equal(hub_receive_window_due(&in), NOW + HUB_WINDOW_HOLE_MS);
    hub_receive_window_turn(&in, NOW + 199);
    hub_receive_window_turn(&in, NOW + 200);
    assert_string_equal(told, "a ?2-3 ?2-3 [2-3] d ");
    data(2, "b", NOW + 201); /* too late: it was told as a hole */
    assert_string_equal(told, "a ?2-3 ?2-3 [2-3] d ");
    assert_int_equal(hub_receive_window_due(&in), INT64_MAX);
}

static void the_next_hole_has_its_own_time(void **state) {
    (void)state;
    data(2, "b", NOW);
    data(4, "d", NOW + 150);
    data(1, "a", NOW + 190);
    assert_string_equal(told, "?1-1 a b ?3-3 ");
    assert_int_equal(hub_receive_window_due(&in), NOW + 290);
    hub_receive_window_turn(&in, NOW + 389);
    hub_receive_window_turn(&in, NOW + 390);
    assert_string_equal(told, "?1-1 a b ?3-3 ?3-3 [3-3] d ");
}

static void a_lost_last_packet_is_noticed_by_the_mark(void **state) {
    (void)state;
    send("a");
    send("b");
    arrive(0, NOW);
    hub_send_window_mark(&out, 9);
    arrive(2, NOW + 2000);
    assert_string_equal(told, "a ?2-2 ");
    hub_send_window_again(&out, 2, 2);
    arrive(3, NOW + 2001);
    assert_string_equal(told, "a ?2-2 b ");
    hub_send_window_mark(&out, 9);
    arrive(4, NOW + 4000);
    assert_string_equal(told, "a ?2-2 b ");
}

static void what_was_not_asked_for_is_not_given_up_with_the_rest(void **state) {
    (void)state;
    control(HUB_WINDOW_MARK, 2, 0, NOW);
    hub_receive_window_turn(&in, NOW + 100);
    control(HUB_WINDOW_MARK, 5, 0, NOW + 150);
    hub_receive_window_turn(&in, NOW + 200);
    assert_string_equal(told, "?1-2 ?1-2 [1-2] ?3-5 ");
    data(3, "c", NOW + 210);
    assert_string_equal(told, "?1-2 ?1-2 [1-2] ?3-5 c ");
    assert_int_equal(hub_receive_window_due(&in), NOW + 300);
}

static void what_the_sender_has_no_more_is_a_hole_at_once(void **state) {
    (void)state;
    data(5, "e", NOW);
    control(HUB_WINDOW_HOLE, 1, 3, NOW + 5);
    assert_string_equal(told, "?1-4 [1-3] ");
    data(4, "d", NOW + 6);
    assert_string_equal(told, "?1-4 [1-3] d e ");
    control(HUB_WINDOW_HOLE, 1, 3, NOW + 7);  /* known */
    control(HUB_WINDOW_HOLE, 9, 12, NOW + 7); /* nobody waits for these */
    assert_string_equal(told, "?1-4 [1-3] d e ");
    data(7, "g", NOW + 8);
    control(HUB_WINDOW_HOLE, 6, 900, NOW + 9); /* no further than what is here */
    assert_string_equal(told, "?1-4 [1-3] d e ?6-6 [6-6] g ");
}

static void what_waits_is_bounded(void **state) {
    char body[451];
    (void)state;
    memset(body, 'x', 450);
    body[450] = 0;
    data(2, body, NOW);
    data(3, body, NOW);
    assert_string_equal(told, "?1-1 ");
    data(4, "d", NOW); /* too much of it: the hole is given up */
    data(5, "e", NOW);
    assert_int_equal(in.given, 5);
    assert_int_equal(in.held_bytes, 0);
    assert_non_null(strstr(told, "?1-1 [1-1] xxx"));
    hub_receive_window_deinit(&in);
    hub_receive_window_init(&in, 10, &events, NULL);
    data(3, "larger than what may wait", NOW);
    assert_int_equal(in.given, 3);
}

/* ---- the sender ---- */

static void it_sends_again_what_it_keeps_and_says_what_it_has_not(void **state) {
    (void)state;
    for (int i = 0; i < 14; i++) send("0123456789"); /* 27 bytes each: 7 of them are kept */
    forget_sent();
    hub_send_window_again(&out, 6, 9);
    assert_int_equal(sent_n, 3);
    struct hub_window_packet p;
    assert_true(hub_window_packet_read(hub_buf_str(&sent[0]), &p));
    assert_int_equal(p.kind, HUB_WINDOW_HOLE);
    assert_int_equal(p.number, 6);
    assert_int_equal(p.to, 7);
    assert_true(hub_window_packet_read(hub_buf_str(&sent[1]), &p));
    assert_int_equal(p.number, 8);
    hub_send_window_left(&out, out.last);
    forget_sent();
    hub_send_window_again(&out, 14, INT64_MAX);
    assert_int_equal(sent_n, 1);
    hub_send_window_again(&out, 15, INT64_MAX); /* of the future */
    assert_int_equal(sent_n, 1);
    hub_send_window_confirmed(&out, 14);
    assert_int_equal(out.kept_bytes, 0);
    hub_send_window_again(&out, 14, 14);
    assert_true(hub_window_packet_read(hub_buf_str(&sent[1]), &p));
    assert_int_equal(p.kind, HUB_WINDOW_HOLE);
}

static void what_is_sent_again_waits_like_the_rest(void **state) {
    (void)state;
    for (int i = 0; i < 7; i++) send("0123456789");
    forget_sent();
    hub_send_window_again(&out, 1, 7);
    assert_int_equal(sent_n, 3); /* 100 bytes may wait */
    hub_send_window_left(&out, out.last);
    assert_int_equal(out.queued_bytes, 0);
    hub_send_window_again(&out, 4, 7);
    assert_int_equal(sent_n, 6);
}

/* Only what is asked for has to find room, whatever is kept before it. */
static void a_large_packet_keeps_back_none_behind_it(void **state) {
    char large[91] = "";
    (void)state;
    memset(large, 'x', sizeof large - 1);
    send(large);
    send("0123456789");
    forget_sent();
    hub_send_window_again(&out, 2, 2);
    assert_int_equal(sent_n, 1);
    hub_send_window_again(&out, 2, 2); /* what was sent again waits still */
    assert_int_equal(sent_n, 2);
}

static void a_full_link_drops_refuses_and_remembers(void **state) {
    struct hub_str place;
    int64_t from;
    (void)state;
    for (int i = 0; i < 3; i++) assert_int_equal(add(HUB_WINDOW_REQUEST, "", 0, "0123456789"), HUB_OK);
    assert_int_equal(add(HUB_WINDOW_EPHEMERAL, "", 0, "0123456789012345678901234567890"), HUB_OVERLOADED);
    assert_int_equal(add(HUB_WINDOW_REQUEST, "", 0, "0123456789012345678901234567890"), HUB_OVERLOADED);
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "hall", 41, "0123456789012345678901234567890"), HUB_OVERLOADED);
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "hall", 42, "x"), HUB_OVERLOADED); /* small, but behind a hole */
    assert_int_equal(out.last, 3);
    assert_false(hub_send_window_behind(&out, &place, &from)); /* no room to say so */
    hub_send_window_left(&out, 3);
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "attic", 7, "x"), HUB_OK);
    assert_true(hub_send_window_behind(&out, &place, &from));
    assert_true(hub_str_is(place, "hall"));
    assert_int_equal(from, 41);
    hub_send_window_caught_up(&out, HUB_STR("hall"));
    assert_false(hub_send_window_behind(&out, &place, &from));
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "hall", 43, "x"), HUB_OK);
}

static void too_many_places_that_are_behind_are_all_of_them(void **state) {
    struct hub_str place;
    int64_t from;
    char body[101];
    (void)state;
    memset(body, 'x', 100);
    body[100] = 0;
    assert_int_equal(add(HUB_WINDOW_REQUEST, "", 0, body), HUB_OK); /* one always goes, however large */
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "a", 1, "x"), HUB_OVERLOADED);
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "b", 1, "x"), HUB_OVERLOADED);
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "c", 1, "x"), HUB_OVERLOADED);
    hub_send_window_left(&out, out.last);
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "d", 1, "x"), HUB_OVERLOADED);
    assert_true(hub_send_window_behind(&out, &place, &from));
    assert_int_equal(place.n, 0);
    hub_send_window_caught_up(&out, place);
    assert_false(hub_send_window_behind(&out, &place, &from));
    assert_int_equal(add(HUB_WINDOW_NUMBERED, "a", 9, "x"), HUB_OK);
}

/* ---- bytes ---- */

static void packets_read_as_they_were_written(void **state) {
    const struct hub_window_packet packets[] = {
        {.kind = HUB_WINDOW_DATA, .number = 0x0102030405060708, .body = HUB_STR("\0bytes")},
        {.kind = HUB_WINDOW_MARK, .number = 0, .to = HUB_WINDOW_NUMBER_MAX},
        {.kind = HUB_WINDOW_AGAIN, .number = 3, .to = 3},
        {.kind = HUB_WINDOW_HOLE, .number = 3, .to = 4}};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(packets); i++) {
        struct hub_buf bytes = {0};
        struct hub_window_packet p;
        hub_window_packet_add(&bytes, &packets[i]);
        assert_true(hub_window_packet_read(hub_buf_str(&bytes), &p));
        assert_int_equal(p.kind, packets[i].kind);
        assert_int_equal(p.number, packets[i].number);
        assert_int_equal(p.to, packets[i].to);
        assert_true(hub_str_eq(p.body, packets[i].body));
        hub_buf_free(&bytes);
    }
}

static void what_is_no_packet_is_refused(void **state) {
    const struct hub_window_packet bad[] = {{.kind = 0, .number = 1},
                                            {.kind = 5, .number = 1},
                                            {.kind = HUB_WINDOW_DATA, .number = 0},
                                            {.kind = HUB_WINDOW_DATA, .number = 1, .to = 1},
                                            {.kind = HUB_WINDOW_DATA, .number = (uint64_t)INT64_MAX + 1},
                                            {.kind = HUB_WINDOW_MARK, .number = 1, .body = HUB_STR("x")},
                                            {.kind = HUB_WINDOW_AGAIN, .number = 4, .to = 3},
                                            {.kind = HUB_WINDOW_HOLE, .number = 0, .to = 3},
                                            {.kind = HUB_WINDOW_HOLE, .number = 1, .to = UINT64_MAX}};
    struct hub_window_packet p;
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_buf bytes = {0};
        hub_window_packet_add(&bytes, &bad[i]);
        assert_false(hub_window_packet_read(hub_buf_str(&bytes), &p));
        hub_buf_free(&bytes);
    }
    assert_false(hub_window_packet_read(hub_str("\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16), &p));
    assert_false(hub_window_packet_read((struct hub_str){0}, &p));
}

int main(void) {
#define TEST(F) cmocka_unit_test_setup_teardown(F, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_comes_in_order_is_given_up_at_once),
        TEST(what_comes_twice_is_dropped),
        TEST(behind_a_hole_packets_wait_and_are_sorted),
        TEST(a_hole_is_asked_for_twice_and_then_told),
        TEST(the_next_hole_has_its_own_time),
        TEST(a_lost_last_packet_is_noticed_by_the_mark),
        TEST(what_was_not_asked_for_is_not_given_up_with_the_rest),
        TEST(what_the_sender_has_no_more_is_a_hole_at_once),
        TEST(what_waits_is_bounded),
        TEST(it_sends_again_what_it_keeps_and_says_what_it_has_not),
        TEST(what_is_sent_again_waits_like_the_rest),
        TEST(a_large_packet_keeps_back_none_behind_it),
        TEST(a_full_link_drops_refuses_and_remembers),
        TEST(too_many_places_that_are_behind_are_all_of_them),
        TEST(packets_read_as_they_were_written),
        TEST(what_is_no_packet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
