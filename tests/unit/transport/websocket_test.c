/* WebSocket over real sockets: split and merged frames, control frames, closes with the right code, slow
 * readers. */
#include "fixture.h"

static void frames_may_come_byte_by_byte_or_many_at_once(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf b = {0};
    open_websocket(&p);
    frame(&b, 0x01, "4frag", 5);
    frame(&b, 0x89, "in between", 10);
    frame(&b, 0x80, "ments", 5);
    frame(&b, 0x81, "4next", 5);
    for (size_t i = 0; i < b.n; i++) put(&p, b.p + i, 1);
    struct hub_buf out = {0};
    assert_int_equal(ws_take(&p, &out), HUB_WS_PONG);
    assert_string_equal(out.p, "in between");
    expect_text(&p, "4fragments");
    expect_text(&p, "4next");
    hub_buf_clear(&b);
    for (int i = 0; i < 5000; i++) {
        char text[16];
        frame(&b, 0x81, text, (size_t)snprintf(text, sizeof text, "4%d", i));
    }
    put(&p, b.p, b.n);
    for (int i = 0; i < 5000; i++) {
        char text[16];
        snprintf(text, sizeof text, "4%d", i);
        expect_text(&p, text);
    }
    hub_buf_free(&out);
    hub_buf_free(&b);
    hang_up(&p);
}

/* A browser (and ws) that offers subprotocols fails when none is taken; the reference server takes the
 * first. */
static void the_first_subprotocol_offered_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *offer, *taken;
    } cases[] = {{"chat", "chat"}, {"chat.v2, chat", "chat.v2"}, {" a ,b", "a"}, {"x, y, z", "x"}};
    static const char *const bad[] = {"a b", "a,,b", "", ",", "a\"", "a, b=c"};
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct peer p = dial();
        char line[128];
        snprintf(line, sizeof line, "Sec-WebSocket-Protocol: %s\r\n", cases[i].offer);
        ask_for_websocket(&p, EIO_WEBSOCKET, line);
        struct answer a = answer_to(&p, false);
        assert_int_equal(a.status, 101);
        assert_string_equal(field(&a, "Sec-WebSocket-Protocol"), cases[i].taken);
        hub_buf_free(&a.body);
        hang_up(&p);
    }
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct peer p = dial();
        char line[128];
        snprintf(line, sizeof line, "Sec-WebSocket-Protocol: %s\r\n", bad[i]);
        ask_for_websocket(&p, EIO_WEBSOCKET, line);
        expect_status(&p, 400);
        hang_up(&p);
    }
    struct peer p = dial();
    ask_for_websocket(&p, EIO_WEBSOCKET, "");
    struct answer a = answer_to(&p, false);
    assert_null(field(&a, "Sec-WebSocket-Protocol"));
    hub_buf_free(&a.body);
    hang_up(&p);
}

static void a_message_of_the_largest_size_passes_and_one_more_byte_does_not(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf out = {0};
    char *big = hub_xmalloc(100002);
    memset(big, 'x', 100002);
    big[0] = '4';
    open_websocket(&p);
    ws_send(&p, 0x81, big, 100000);
    assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
    assert_int_equal(out.n, 100000);
    ws_send(&p, 0x81, big, 100001);
    expect_close(&p, 1009);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TOO_LARGE);
    hub_buf_free(&out);
    free(big);
    hang_up(&p);
}

static void a_broken_protocol_is_closed_with_its_code(void **state) {
    (void)state;
    static const struct {
        struct hub_str bytes;
        int code;
    } cases[] = {
        {HUB_STR_INIT("\x81\x02"
                      "4x"),
         1002}, /* unmasked */
        {HUB_STR_INIT("\xc1\x80"
                      "abcd"),
         1002}, /* RSV */
        {HUB_STR_INIT("\x8f\x80"
                      "abcd"),
         1002}, /* opcode */
        {HUB_STR_INIT("\x80\x80"
                      "abcd"),
         1002},                                               /* continuation of nothing */
        {HUB_STR_INIT("\x81\x81\x00\x00\x00\x00\xff"), 1007}, /* not UTF-8 */
        {HUB_STR_INIT("\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00"
                      "abcd"),
         1009},                                         /* 4 GiB announced */
        {HUB_STR_INIT("GET / HTTP/1.1\r\n\r\n"), 1002}, /* HTTP again: no mask */
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct peer p = dial();
        open_websocket(&p);
        put(&p, cases[i].bytes.p, cases[i].bytes.n);
        expect_close(&p, cases[i].code);
        assert_int_equal(wait_for_closed((int)i + 1), cases[i].code == 1009 ? HUB_CLOSE_TOO_LARGE : HUB_CLOSE_PARSE);
        hang_up(&p);
    }
}

static void the_same_holds_before_the_upgrade_is_confirmed(void **state) {
    (void)state;
    struct peer poll = dial(), ws = dial();
    char target[128], upgrade[160];
    open_polling(&poll, target);
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "&sid=%s", strstr(target, "sid=") + 4);
    ask_for_websocket(&ws, upgrade, "");
    expect_status(&ws, 101);
    ws_send(&ws, 0x89, "hi", 2);
    struct hub_buf out = {0};
    assert_int_equal(ws_take(&ws, &out), HUB_WS_PONG);
    put(&ws, "\x81\x02", 2);
    expect_close(&ws, 1002);
    post(&poll, target, "4unharmed");
    expect_answer(&poll, 200, "ok");
    hub_buf_free(&out);
    hang_up(&ws);
    hang_up(&poll);
}

static void a_close_frame_is_echoed(void **state) {
    (void)state;
    struct peer p = dial();
    open_websocket(&p);
    ws_text(&p, "4last");
    ws_send(&p, 0x88, "\x0f\xa0mine", 6); /* 4000 */
    expect_text(&p, "4last");
    expect_close(&p, 4000);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TRANSPORT);
    hang_up(&p);
}

static void pings_faster_than_the_reader_reads_cost_bounded_memory(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf b = {0};
    open_websocket(&p);
    for (int i = 0; i < 50000; i++) frame(&b, 0x89, "p", 1);
    put(&p, b.p, b.n);
    ws_text(&p, "4x");
    int opcode;
    struct hub_buf out = {0};
    int pongs = 0;
    while ((opcode = ws_take(&p, &out)) == HUB_WS_PONG) pongs++;
    assert_int_equal(opcode, HUB_WS_TEXT);
    assert_true(pongs >= 1 && pongs <= 50000);
    hub_buf_free(&out);
    hub_buf_free(&b);
    hang_up(&p);
}

/* ---- slow readers ---- */

static int start_narrow(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.max_queue_bytes = 100000;
    start(&c);
    return 0;
}

/* Asks for more than the socket takes, without reading, and then waits until the server has dealt with it. */
static struct peer stall(const char *flood) {
    struct peer p = dial(), other = dial();
    open_websocket(&p);
    ws_text(&p, flood);
    open_websocket(&other); /* others are served meanwhile */
    for (int i = 0; i < 20; i++) {
        ws_text(&other, "4hello");
        expect_text(&other, "4hello");
    }
    ws_text(&other, "1");
    expect_close(&other, 1000);
    hang_up(&other);
    return p;
}

static void a_reader_that_is_too_slow_for_messages_is_closed_with_1013(void **state) {
    (void)state;
    struct peer p = stall("4!flood 40000 1000 0");
    struct hub_buf out = {0};
    int opcode, count = 0;
    while ((opcode = ws_take(&p, &out)) == HUB_WS_TEXT) {
        char number[16];
        snprintf(number, sizeof number, "4%08dm", count);
        assert_memory_equal(out.p, number, 10); /* a whole prefix, no gap */
        assert_int_equal(out.n, 1001);
        count++;
    }
    assert_int_equal(opcode, HUB_WS_CLOSE);
    assert_memory_equal(out.p, "\x03\xf5slow_reader", 13);
    assert_true(count < 40000);
    wait_for_closed(2);
    hub_buf_free(&out);
    hang_up(&p);
}

static void a_reader_that_is_too_slow_for_ephemeral_events_loses_the_oldest_and_stays(void **state) {
    (void)state;
    struct peer p = stall("4!flood 40000 1000 1");
    struct hub_buf out = {0};
    int last = -1, count = 0;
    ws_text(&p, "4message");
    for (;;) {
        assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
        if (hub_str_is(hub_buf_str(&out), "4message")) break;
        assert_int_equal(out.n, 1001);
        int number = atoi(out.p + 1);
        assert_true(number > last);
        last = number;
        count++;
    }
    assert_true(count < 40000);
    assert_int_equal(last, 39999); /* the newest wins */
    hub_buf_free(&out);
    hang_up(&p);
}

static void a_message_larger_than_the_bound_reaches_a_reader_that_keeps_up(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf out = {0};
    open_websocket(&p);
    for (int i = 0; i < 3; i++) {
        ws_text(&p, "4!flood 1 300000 0"); /* the bound is 100,000 */
        assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
        assert_int_equal(out.n, 300001);
    }
    hub_buf_free(&out);
    hang_up(&p);
}

static void a_burst_over_the_bound_reaches_a_reader_whose_socket_takes_it(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf out = {0};
    open_websocket(&p);
    ws_text(&p, "4!flood 3 60000 0"); /* in one turn; the bound is 100,000 */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
        assert_int_equal(out.n, 60001);
    }
    hub_buf_free(&out);
    hang_up(&p);
}

/* Once the session was closed: nobody looked whether the socket had room again since it last had none. */
static void a_reader_that_has_caught_up_since_the_last_write_is_not_slow(void **state) {
    (void)state;
    struct peer p = stall("4!flood 8 60000 0"); /* more than the kernel takes: the rest is queued */
    struct hub_buf out = {0};
    ws_text(&p, "4!hold 1 60000 0"); /* over the bound with that rest */
    wait_for(&server.held, 1, "holds");
    for (int i = 0; i < 6; i++) assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
    release_loop();
    for (int i = 6; i < 9; i++) {
        assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
        assert_int_equal(out.n, 60001);
    }
    hub_buf_free(&out);
    hang_up(&p);
}

static void a_polling_reader_that_never_polls_is_closed_too(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    post(&p, target, "4!flood 1000 1000 0");
    expect_answer(&p, 200, "ok");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_SLOW);
    hang_up(&p);
}

#define CASE(F) cmocka_unit_test_setup_teardown(F, start_defaults, stop_server)
#define NARROW(F) cmocka_unit_test_setup_teardown(F, start_narrow, stop_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(frames_may_come_byte_by_byte_or_many_at_once),
        CASE(the_first_subprotocol_offered_is_taken),
        CASE(a_message_of_the_largest_size_passes_and_one_more_byte_does_not),
        CASE(a_broken_protocol_is_closed_with_its_code),
        CASE(the_same_holds_before_the_upgrade_is_confirmed),
        CASE(a_close_frame_is_echoed),
        CASE(pings_faster_than_the_reader_reads_cost_bounded_memory),
        NARROW(a_reader_that_is_too_slow_for_messages_is_closed_with_1013),
        NARROW(a_reader_that_is_too_slow_for_ephemeral_events_loses_the_oldest_and_stays),
        NARROW(a_message_larger_than_the_bound_reaches_a_reader_that_keeps_up),
        NARROW(a_burst_over_the_bound_reaches_a_reader_whose_socket_takes_it),
        NARROW(a_reader_that_has_caught_up_since_the_last_write_is_not_slow),
        NARROW(a_polling_reader_that_never_polls_is_closed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
