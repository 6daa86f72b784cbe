/* Compression over real sockets: what is negotiated, which messages and answers are compressed, and what a
 * peer may not do with it. */
#include "fixture.h"
#include "transport/transport_int.h"

#include "deflate_pair.h"

#define OFFER "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
#define AGREED "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static int start_with(bool on) {
    struct hub_transport_config c = app_defaults;
    c.deflate_websocket = c.gzip_http = on;
    c.deflate_threshold = 100;
    start(&c);
    return deflate_pair_new(NULL);
}

static int start_on_both(void **state) {
    (void)state;
    return start_with(true);
}

static int start_off(void **state) {
    (void)state;
    return start_with(false);
}

static int stop_all(void **state) {
    deflate_pair_free(state);
    return stop_server(state);
}

/* ---- WebSocket ---- */

/* Takes one message, inflated if need be, into OUT; whether it was compressed. */
static bool take(struct peer *p, struct hub_buf *out) {
    struct hub_buf payload = {0};
    while (!p->in.n) assert_true(pull(p));
    bool deflated = p->in.p[0] & HUB_WS_DEFLATED;
    int opcode = ws_take(p, &payload);
    if (opcode != HUB_WS_TEXT && opcode != HUB_WS_BINARY) fail_msg("opcode %d instead of a message", opcode);
    hub_buf_clear(out);
    if (deflated)
        assert_int_equal(hub_inflate_message(inflater, hub_buf_str(&payload), 1 << 20, out), HUB_INFLATE_OK);
    else
        hub_buf_adds(out, hub_buf_str(&payload));
    hub_buf_cstr(out);
    hub_buf_free(&payload);
    return deflated;
}

static void expect_agreed(struct peer *p) {
    struct answer a = answer_to(p, false);
    assert_int_equal(a.status, 101);
    assert_string_equal(field(&a, "Sec-WebSocket-Extensions"), AGREED);
    hub_buf_free(&a.body);
}

static void open_deflated(struct peer *p) {
    struct hub_buf b = {0};
    ask_for_websocket(p, EIO_WEBSOCKET, OFFER);
    expect_agreed(p);
    assert_false(take(p, &b));
    assert_memory_equal(b.p, "0{\"sid\":\"", 9);
    hub_buf_free(&b);
}

static void send_deflated(struct peer *p, int opcode, struct hub_str text) {
    struct hub_str deflated;
    assert_true(hub_deflate_message(deflater, text, &deflated));
    ws_send(p, 0x80 | HUB_WS_DEFLATED | opcode, deflated.p, deflated.n);
}

/* "4" and N - 1 times C. */
static struct hub_buf message_of(char c, size_t n) {
    struct hub_buf b = {0};
    memset(hub_buf_reserve(&b, n), c, n);
    b.p[0] = '4';
    b.n = n;
    return b;
}

static void nobody_agrees_unless_it_is_on_and_offered(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf text = message_of('x', 1000), out = {0};
    ask_for_websocket(&p, EIO_WEBSOCKET, OFFER);
    struct answer a = answer_to(&p, false);
    assert_int_equal(a.status, 101);
    assert_null(field(&a, "Sec-WebSocket-Extensions"));
    assert_false(take(&p, &out));
    ws_send(&p, 0x81, text.p, text.n);
    assert_false(take(&p, &out));
    send_deflated(&p, HUB_WS_TEXT, hub_buf_str(&text));
    expect_close(&p, 1002);
    hub_buf_free(&a.body);
    hub_buf_free(&text);
    hub_buf_free(&out);
    hang_up(&p);
}

static void a_client_without_the_extension_gets_everything_plain(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf text = message_of('x', 1000), out = {0};
    open_websocket(&p);
    ws_send(&p, 0x81, text.p, text.n);
    assert_false(take(&p, &out));
    assert_int_equal(out.n, 1000);
    send_deflated(&p, HUB_WS_TEXT, hub_buf_str(&text));
    expect_close(&p, 1002);
    hub_buf_free(&text);
    hub_buf_free(&out);
    hang_up(&p);
}

static void messages_from_the_threshold_on_are_compressed(void **state) {
    (void)state;
    static const struct {
        size_t n;
        bool deflated;
    } cases[] = {{30, false}, {99, false}, {100, true}, {60000, true}, {99999, true}};
    struct peer p = dial();
    struct hub_buf out = {0};
    open_deflated(&p);
    for (size_t i = 0; i < HUB_NELEM(cases); i++)
        for (int binary = 0; binary < 2; binary++) {
            struct hub_buf text = message_of((char)('a' + i), cases[i].n);
            send_deflated(&p, binary ? HUB_WS_BINARY : HUB_WS_TEXT, hub_buf_str(&text));
            assert_int_equal(take(&p, &out), cases[i].deflated);
            assert_true(hub_str_eq(hub_buf_str(&out), hub_buf_str(&text)));
            hub_buf_free(&text);
        }
    hub_buf_free(&out);
    hang_up(&p);
}

static void messages_that_are_not_to_be_compressed_are_not(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf out = {0};
    open_deflated(&p);
    ws_text(&p, "4!flood 1 500 2");
    assert_false(take(&p, &out));
    assert_int_equal(out.n, 501);
    ws_text(&p, "4!flood 1 500 0");
    assert_true(take(&p, &out));
    assert_int_equal(out.n, 501);
    hub_buf_free(&out);
    hang_up(&p);
}

static void a_session_that_moves_to_websocket_is_compressed_from_then_on(void **state) {
    (void)state;
    struct peer poll = dial(), ws = dial();
    char target[128], upgrade[160];
    struct hub_buf text = message_of('x', 400), out = {0};
    open_polling(&poll, target);
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "&sid=%s", strstr(target, "sid=") + 4);
    ask_for_websocket(&ws, upgrade, OFFER);
    expect_agreed(&ws);
    hub_buf_cstr(&text);
    post(&poll, target, text.p); /* its echo is queued plain */
    expect_answer(&poll, 200, "ok");
    ws_text(&ws, "2probe");
    expect_text(&ws, "3probe");
    ws_text(&ws, "5");
    assert_false(take(&ws, &out));
    assert_true(hub_str_eq(hub_buf_str(&out), hub_buf_str(&text)));
    send_deflated(&ws, HUB_WS_TEXT, hub_buf_str(&text));
    assert_true(take(&ws, &out));
    assert_true(hub_str_eq(hub_buf_str(&out), hub_buf_str(&text)));
    hub_buf_free(&text);
    hub_buf_free(&out);
    hang_up(&poll);
    hang_up(&ws);
}

static void a_message_is_as_large_as_it_is_inflated(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf text = message_of('x', 100001), out = {0};
    open_deflated(&p);
    send_deflated(&p, HUB_WS_TEXT, hub_str(text.p, 100000));
    take(&p, &out);
    assert_int_equal(out.n, 100000);
    send_deflated(&p, HUB_WS_TEXT, hub_buf_str(&text));
    expect_close(&p, 1009);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TOO_LARGE);
    hub_buf_free(&text);
    hub_buf_free(&out);
    hang_up(&p);
}

static void what_cannot_be_inflated_ends_the_session(void **state) {
    (void)state;
    struct peer p = dial();
    open_deflated(&p);
    ws_send(&p, 0xc1, "\xff\xff\xff", 3);
    expect_close(&p, 1007);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_PARSE);
    hang_up(&p);
}

/* 300 messages of 90 kB in one write of 40 kB: the transport takes them in turns, and all others have
 * theirs. */
static void a_few_bytes_that_become_many_do_not_hold_up_the_others(void **state) {
    (void)state;
    enum { MESSAGES = 300 };
    struct peer p = dial(), other = dial();
    struct hub_buf text = message_of('x', 90000), b = {0}, out = {0};
    struct hub_str deflated;
    open_deflated(&p);
    open_websocket(&other);
    ws_text(&p, "4!quiet");
    for (int i = 0; i < MESSAGES; i++) {
        text.p[text.n - 1] = (char)('0' + i % 10);
        assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
        frame(&b, 0xc1, deflated.p, deflated.n);
    }
    frame(&b, 0x89, "end", 3);
    put(&p, b.p, b.n);
    ws_text(&other, "4between");
    expect_text(&other, "4between");
    assert_int_equal(ws_take(&p, &out), HUB_WS_PONG); /* in its place, behind them all */
    assert_string_equal(out.p, "end");
    assert_int_equal(server.last_byte, '0' + (MESSAGES - 1) % 10);
    hub_buf_free(&text);
    hub_buf_free(&b);
    hub_buf_free(&out);
    hang_up(&p);
    hang_up(&other);
}

/* The input of the first connection that waits for its turn, at most so far. */
static void note_waiting(void *most) {
    const struct hub_link *c = HUB_CONTAINER(server.transport->links.next, struct hub_link, node);
    if (c->ws && c->ws->part.n > *(size_t *)most) *(size_t *)most = c->ws->part.n;
}

/* Of 400 kB that become 17 MB what one read brought waits for its turn, and the rest in the socket. */
static void nothing_is_read_while_input_waits(void **state) {
    (void)state;
    enum { MESSAGES = 200, NOISE = 2000 };
    struct peer p = dial();
    struct hub_buf text = message_of('x', 85000), b = {0}, out = {0};
    struct hub_str deflated;
    size_t most = 0;
    for (uint32_t i = 1, v = 1; i < NOISE; i++) v = v * 1664525 + 1013904223, text.p[i] = (char)(' ' + (v >> 24) % 90);
    open_deflated(&p);
    ws_text(&p, "4!quiet");
    assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
    for (int i = 0; i < MESSAGES; i++) frame(&b, 0xc1, deflated.p, deflated.n);
    assert_true(b.n > 5 * HUB_IN_SIZE);
    frame(&b, 0x89, "end", 3);
    put(&p, b.p, b.n);
    for (int turn = 0; turn < 50; turn++) on_loop(note_waiting, &most);
    assert_int_equal(ws_take(&p, &out), HUB_WS_PONG);
    assert_in_range(most, 1, HUB_IN_SIZE + NOISE);
    hub_buf_free(&text);
    hub_buf_free(&b);
    hub_buf_free(&out);
    hang_up(&p);
}

/* What waits is of no interest once the session ends; the end comes all the same. */
static void a_session_that_ends_while_its_input_waits_is_gone(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf text = message_of('x', 90000), b = {0};
    struct hub_str deflated;
    open_deflated(&p);
    ws_text(&p, "4!quiet");
    assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
    for (int i = 0; i < 20; i++) frame(&b, 0xc1, deflated.p, deflated.n);
    frame(&b, 0x81, "4!close", 7);
    for (int i = 0; i < 20; i++) frame(&b, 0xc1, deflated.p, deflated.n);
    put(&p, b.p, b.n);
    expect_close(&p, 1000);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_SERVER);
    hub_buf_free(&text);
    hub_buf_free(&b);
    hang_up(&p);
}

/* ---- HTTP ---- */

/* POST /echo; the answer's body is gone through, so that it is what was sent. */
static struct answer echo(const char *more_fields, size_t n) {
    struct peer p = dial();
    struct hub_buf text = message_of('x', n), b = {0};
    hub_buf_addf(&b, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n%s\r\n", n, more_fields);
    hub_buf_adds(&b, hub_buf_str(&text));
    put(&p, b.p, b.n);
    struct answer a = answer_to(&p, false);
    assert_int_equal(a.status, 200);
    if (field(&a, "Content-Encoding")) {
        assert_string_equal(field(&a, "Content-Encoding"), "gzip");
        struct hub_buf plain = {0};
        assert_true(a.body.n > 18 && a.body.n < n);
        struct hub_str deflated = hub_str(a.body.p + 10, a.body.n - 18);
        assert_int_equal(hub_inflate_message(inflater, deflated, n, &plain), HUB_INFLATE_OK);
        hub_buf_free(&a.body);
        a.body = plain;
    }
    assert_true(hub_str_eq(hub_buf_str(&a.body), hub_buf_str(&text)));
    hub_buf_free(&a.body);
    hub_buf_free(&text);
    hub_buf_free(&b);
    hang_up(&p);
    return a;
}

static void whoever_takes_gzip_gets_it(void **state) {
    (void)state;
    static const char *const yes[] = {"gzip", "gzip, deflate, br", "br;q=1.0, GZIP ; q=0.5",
                                      "*",    "gzip;q=0.001",      "*;q=0, gzip"},
                             *const no[] = {"",      "identity", "deflate, br", "gzip;q=0", "*, gzip; q=0.000",
                                            "*;q=0", "xgzip"};
    for (size_t i = 0; i < HUB_NELEM(yes) + HUB_NELEM(no); i++) {
        bool takes = i < HUB_NELEM(yes);
        char line[96];
        snprintf(line, sizeof line, "Accept-Encoding: %s\r\n", takes ? yes[i] : no[i - HUB_NELEM(yes)]);
        struct answer a = echo(line, 5000);
        if (!field(&a, "Content-Encoding") == takes) fail_msg("%s: %s", line, takes ? "plain" : "compressed");
        assert_string_equal(field(&a, "Vary"), "Accept-Encoding");
    }
    struct answer small = echo("Accept-Encoding: gzip\r\n", 99), large = echo("Accept-Encoding: gzip\r\n", 100);
    assert_null(field(&small, "Content-Encoding"));
    assert_null(field(&small, "Vary"));
    assert_string_equal(field(&large, "Content-Encoding"), "gzip");
}

static void answers_are_plain_when_it_is_off(void **state) {
    (void)state;
    struct answer a = echo("Accept-Encoding: gzip\r\n", 5000);
    assert_null(field(&a, "Content-Encoding"));
    assert_null(field(&a, "Vary"));
}

static struct answer get_gzip(struct peer *p, const char *target, const char *method) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "%s %s HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n", method, target);
    put(p, b.p, b.n);
    hub_buf_free(&b);
    return answer_to(p, *method == 'H');
}

static void what_is_no_text_is_left_alone(void **state) {
    (void)state;
    struct peer p = dial();
    struct answer a = get_gzip(&p, "/big?n=5000", "GET");
    assert_null(field(&a, "Content-Encoding"));
    assert_null(field(&a, "Vary"));
    assert_int_equal(a.body.n, 5000);
    hub_buf_free(&a.body);
    hang_up(&p);
}

static void polls_are_compressed_unless_a_message_must_not_be(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    for (int plain = 0; plain < 2; plain++) {
        post(&p, target,
             plain ? "4!flood 1 500 2\x1e"
                     "4!flood 1 500 0"
                   : "4!flood 2 500 0");
        expect_answer(&p, 200, "ok");
        struct answer a = get_gzip(&p, target, "GET");
        assert_int_equal(a.status, 200);
        assert_int_equal(field(&a, "Content-Encoding") == NULL, plain);
        assert_string_equal(field(&a, "Cache-Control"), plain ? "no-store, no-transform" : "no-store");
        if (plain) assert_int_equal(a.body.n, 2 * 501 + 1);
        hub_buf_free(&a.body);
    }
    hang_up(&p);
}

#define CASE(F) cmocka_unit_test_setup_teardown(F, start_on_both, stop_all)
#define OFF(F) cmocka_unit_test_setup_teardown(F, start_off, stop_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        OFF(nobody_agrees_unless_it_is_on_and_offered),
        CASE(a_client_without_the_extension_gets_everything_plain),
        CASE(messages_from_the_threshold_on_are_compressed),
        CASE(messages_that_are_not_to_be_compressed_are_not),
        CASE(a_session_that_moves_to_websocket_is_compressed_from_then_on),
        CASE(a_message_is_as_large_as_it_is_inflated),
        CASE(what_cannot_be_inflated_ends_the_session),
        CASE(a_few_bytes_that_become_many_do_not_hold_up_the_others),
        CASE(nothing_is_read_while_input_waits),
        CASE(a_session_that_ends_while_its_input_waits_is_gone),
        CASE(whoever_takes_gzip_gets_it),
        OFF(answers_are_plain_when_it_is_off),
        CASE(what_is_no_text_is_left_alone),
        CASE(polls_are_compressed_unless_a_message_must_not_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
