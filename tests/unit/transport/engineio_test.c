/* Engine.IO sessions over real sockets: handshake and its refusals, polling, WebSocket, upgrade,
 * heartbeats, ends. */
#include "fixture.h"

static void a_polling_handshake_opens_a_session(void **state) {
    (void)state;
    struct peer p = dial();
    puts_to(&p, "GET " EIO_POLLING
                "&x=1 HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer t\r\nCookie: a=b\r\nOrigin: http://test\r\n\r\n");
    struct answer a = answer_to(&p, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(field(&a, "Content-Type"), "text/plain; charset=UTF-8");
    assert_string_equal(field(&a, "Cache-Control"), "no-store");
    assert_non_null(strstr(
        a.body.p, "\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":100000}"));
    assert_string_equal(server.handshake.p, "127.0.0.1|Bearer t|a=b|EIO=4&transport=polling&x=1|http://test");
    hub_buf_free(&a.body);
    hang_up(&p);
}

static int status_at(const char *path) {
    struct peer p = dial();
    char target[256];
    snprintf(target, sizeof target, "%s?EIO=4&transport=polling", path);
    get(&p, target);
    struct answer a = answer_to(&p, false);
    hub_buf_free(&a.body);
    hang_up(&p);
    return a.status;
}

/* Clients put the URL of a server and the path together; a slash too many was "not found". */
static void slashes_of_the_path_count_once_before_engine_io(void **state) {
    (void)state;
    static const char *const served[] = {"/socket.io/",
                                         "/socket.io",
                                         "//socket.io/",
                                         "///socket.io//",
                                         "/messaging-api/socket.io/",
                                         "/messaging-api//socket.io/",
                                         "//messaging-api///socket.io"};
    static const char *const other[] = {
        "/socket.iox/", "/socket.io/x",          "/x/socket.io/", "/messaging-apisocket.io/", "/",
        "//",           "/messaging-api//agent", "//agent"};
    for (size_t i = 0; i < HUB_NELEM(served); i++)
        if (status_at(served[i]) != 200) fail_msg("%s is not served", served[i]);
    for (size_t i = 0; i < HUB_NELEM(other); i++)
        if (status_at(other[i]) != 404) fail_msg("%s is served", other[i]);
}

static void engine_io_may_have_another_path(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.path = "/live/socket";
    start(&c);
    assert_int_equal(status_at("/live/socket/"), 200);
    assert_int_equal(status_at("//live//socket"), 200);
    assert_int_equal(status_at("/messaging-api/live/socket/"), 200);
    assert_int_equal(status_at("/socket.io/"), 404);
    stop();
}

static void a_handshake_that_does_not_fit_is_refused_as_the_reference_server_does(void **state) {
    (void)state;
    static const struct {
        const char *line, *body;
        int status;
    } cases[] = {
        {"GET /socket.io/?EIO=4", "{\"code\":0,\"message\":\"Transport unknown\"}", 400},
        {"GET /socket.io/?EIO=4&transport=abc", "{\"code\":0,\"message\":\"Transport unknown\"}", 400},
        {"GET " EIO_POLLING "&sid=nobody", "{\"code\":1,\"message\":\"Session ID unknown\"}", 400},
        {"POST " EIO_POLLING, "{\"code\":2,\"message\":\"Bad handshake method\"}", 400},
        {"PUT " EIO_POLLING, "{\"code\":2,\"message\":\"Bad handshake method\"}", 400},
        {"GET " EIO_WEBSOCKET, "{\"code\":3,\"message\":\"Bad request\"}", 400},
        {"GET /socket.io/?transport=polling", "{\"code\":5,\"message\":\"Unsupported protocol version\"}", 400},
        {"GET /socket.io/?EIO=3&transport=polling", "{\"code\":5,\"message\":\"Unsupported protocol version\"}", 400},
        {"GET /socket.io/?EIO=abc&transport=polling", "{\"code\":5,\"message\":\"Unsupported protocol version\"}", 400},
    };
    struct peer p = dial();
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        char head[256];
        snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n", cases[i].line);
        puts_to(&p, head);
        expect_answer(&p, cases[i].status, cases[i].body);
    }
    hang_up(&p);
}

static void a_session_that_the_layer_above_refuses_gets_403(void **state) {
    (void)state;
    struct peer p = dial();
    server.refuse = true;
    get(&p, EIO_POLLING);
    expect_answer(&p, 403, "{\"code\":4,\"message\":\"Forbidden\"}");
    ask_for_websocket(&p, EIO_WEBSOCKET, "");
    expect_answer(&p, 403, "{\"code\":4,\"message\":\"Forbidden\"}");
    server.refuse = false;
    assert_int_equal(server.opened, 0);
    hang_up(&p);
}

static void the_path_is_found_with_and_without_slash_and_base_path(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/socket.io/", 200},
        {"/socket.io", 200},
        {"/messaging-api/socket.io/", 200},
        {"/messaging-api/socket.io", 200},
        {"/messaging-apis/socket.io/", 404},
        {"/socket.iox/", 404},
        {"/socket.io/x", 404},
        {"http://test/socket.io/", 200},
    };
    struct peer p = dial();
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        char target[128];
        snprintf(target, sizeof target, "%s?EIO=4&transport=polling", cases[i].path);
        get(&p, target);
        expect_status(&p, cases[i].status);
    }
    hang_up(&p);
}

static void packets_posted_in_one_payload_come_back_in_one(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    post(&p, target,
         "4one\x1e"
         "4two\x1e"
         "bAQIDBA==\x1e"
         "4\xc3\xa4");
    expect_answer(&p, 200, "ok");
    get(&p, target);
    expect_answer(&p, 200,
                  "4one\x1e"
                  "4two\x1e"
                  "bAQIDBA==\x1e"
                  "4\xc3\xa4");
    hang_up(&p);
}

/* The official Java client breaks lines of base64; others use the URL alphabet or pad too much. Node's
 * decoder takes all of it. */
static void base64_of_polling_is_read_as_the_reference_server_reads_it(void **state) {
    (void)state;
    static const char *const sent[] = {"bAQIDBA==\n", "bAQID\r\nBA==\r\n", "bAQIDBA",
                                       "bAQIDBA====", "bAQIDBP=="}; /* 01 02 03 04 */
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    for (size_t i = 0; i < HUB_NELEM(sent); i++) {
        post(&p, target, sent[i]);
        expect_answer(&p, 200, "ok");
        get(&p, target);
        expect_answer(&p, 200, "bAQIDBA==");
    }
    post(&p, target, "b-_-_");
    expect_answer(&p, 200, "ok");
    get(&p, target);
    expect_answer(&p, 200, "b+/+/");
    hang_up(&p);
}

static void a_held_get_is_answered_when_something_is_due(void **state) {
    (void)state;
    struct peer held = dial(), p = dial();
    char target[128];
    open_polling(&p, target);
    get(&held, target);
    post(&p, target, "4late");
    expect_answer(&p, 200, "ok");
    expect_answer(&held, 200, "4late");
    hang_up(&held);
    hang_up(&p);
}

static void one_poll_brings_no_more_than_the_payload_bound(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    post(&p, target, "4!flood 5 40000 0");
    expect_answer(&p, 200, "ok");
    for (int i = 0, got = 0; got < 5; i++) {
        get(&p, target);
        struct answer a = answer_to(&p, false);
        assert_int_equal(a.status, 200);
        assert_true(a.body.n <= 100000);
        char number[16];
        snprintf(number, sizeof number, "4%08d", got);
        assert_memory_equal(a.body.p, number, 9);
        got += a.body.n > 50000 ? 2 : 1;
        assert_true(i < 3);
        hub_buf_free(&a.body);
    }
    hang_up(&p);
}

static void a_second_get_ends_the_session(void **state) {
    (void)state;
    struct peer a = dial(), b = dial();
    char target[128];
    open_polling(&a, target);
    get(&a, target);
    get(&b,
        "/echo"); /* the first GET has arrived when this one is answered: connections are served in order of arrival */
    expect_status(&b, 200);
    get(&b, target);
    expect_status(&b, 400);
    expect_answer(&a, 200, "1");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_ERROR);
    get(&b, target);
    expect_answer(&b, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    hang_up(&a);
    hang_up(&b);
}

static void a_second_post_ends_the_session(void **state) {
    (void)state;
    struct peer a = dial(), b = dial();
    char target[128], head[256];
    open_polling(&a, target);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
             target);
    puts_to(&a, head);
    expect_status(&a, 100);
    post(&b, target, "4x");
    expect_status(&b, 400);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_ERROR);
    puts_to(&a, "4late");
    expect_status(&a, 400);
    hang_up(&a);
    hang_up(&b);
}

static void a_malformed_payload_ends_the_session(void **state) {
    (void)state;
    static const char *const bad[] = {"abc", "4ok\x1e", "", "b*", "bAQI=A", "4\xff", "2", "2probe"};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct peer p = dial();
        char target[128];
        open_polling(&p, target);
        post(&p, target, bad[i]);
        expect_status(&p, 400);
        assert_int_equal(wait_for_closed((int)i + 1), HUB_CLOSE_PARSE);
        get(&p, target);
        expect_answer(&p, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
        hang_up(&p);
    }
}

static void a_close_packet_ends_the_session_and_returns_the_held_get(void **state) {
    (void)state;
    struct peer held = dial(), p = dial();
    char target[128];
    open_polling(&p, target);
    get(&held, target);
    get(&p, "/echo");
    expect_status(&p, 200);
    post(&p, target, "1");
    expect_answer(&p, 200, "ok");
    expect_answer(&held, 200, "6");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_CLIENT);
    hang_up(&held);
    hang_up(&p);
}

static void a_get_that_is_given_up_ends_the_session(void **state) {
    (void)state;
    struct peer held = dial(), p = dial();
    char target[128];
    open_polling(&p, target);
    get(&held, target);
    hang_up(&held);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TRANSPORT);
    get(&p, target);
    expect_status(&p, 400);
    hang_up(&p);
}

static void the_last_packets_wait_for_the_next_get_when_the_server_closes(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    post(&p, target,
         "4last\x1e"
         "4!close");
    expect_answer(&p, 200, "ok");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_SERVER);
    post(&p, target, "4too late");
    expect_answer(&p, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    get(&p, target);
    expect_answer(&p, 200,
                  "4last\x1e"
                  "1");
    get(&p, target);
    expect_status(&p, 400);
    hang_up(&p);
}

static void a_websocket_handshake_opens_a_session_without_upgrades(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf b = {0};
    ask_for_websocket(&p, EIO_WEBSOCKET "&access_token=t", "");
    expect_status(&p, 101);
    assert_int_equal(ws_take(&p, &b), HUB_WS_TEXT);
    assert_non_null(strstr(b.p, "\"upgrades\":[]"));
    ws_text(&p, "4hello");
    expect_text(&p, "4hello");
    ws_send(&p, 0x82, "\x00\xff\x80", 3);
    assert_int_equal(ws_take(&p, &b), HUB_WS_BINARY);
    assert_memory_equal(b.p, "\x00\xff\x80", 3);
    assert_string_equal(server.handshake.p, "127.0.0.1|||EIO=4&transport=websocket&access_token=t|");
    hub_buf_free(&b);
    hang_up(&p);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TRANSPORT);
}

static void frames_sent_right_behind_the_handshake_are_served(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf b = {0};
    hub_buf_addz(&b, "GET " EIO_WEBSOCKET " HTTP/1.1\r\nHost: test\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    frame(&b, 0x81, "4early", 6);
    put(&p, b.p, b.n);
    expect_status(&p, 101);
    assert_int_equal(ws_take(&p, &b), HUB_WS_TEXT);
    expect_text(&p, "4early");
    hub_buf_free(&b);
    hang_up(&p);
}

static void a_websocket_handshake_that_is_none_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *version, *key;
        int status;
    } cases[] = {
        {"13", "", 400},
        {"13", "short", 400},
        {"13", "dGhlIHNhbXBsZSBub25jZS4=", 400},
        {"8", "dGhlIHNhbXBsZSBub25jZQ==", 426},
        {"", "dGhlIHNhbXBsZSBub25jZQ==", 426},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct peer p = dial();
        char head[512];
        snprintf(head, sizeof head,
                 "GET " EIO_WEBSOCKET " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: %s\r\nSec-WebSocket-Key: %s\r\n\r\n",
                 cases[i].version, cases[i].key);
        puts_to(&p, head);
        expect_status(&p, cases[i].status);
        get(&p, "/agent"); /* the connection still speaks HTTP */
        expect_status(&p, 200);
        hang_up(&p);
    }
    assert_int_equal(server.opened, 0);
}

/* Up to "3probe"; *poll holds a GET meanwhile. */
static void probe(struct peer *ws, struct peer *poll, char target[128]) {
    char upgrade[160];
    open_polling(poll, target);
    get(poll, target);
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "&sid=%s", strstr(target, "sid=") + 4);
    ask_for_websocket(ws, upgrade, "");
    expect_status(ws, 101);
    ws_text(ws, "2probe");
    expect_text(ws, "3probe");
    expect_answer(poll, 200, "6");
}

static void an_upgrade_moves_the_session_without_losing_anything(void **state) {
    (void)state;
    struct peer ws = dial(), poll = dial(), third = dial();
    char target[128];
    probe(&ws, &poll, target);
    post(&poll, target,
         "4between"); /* what is due before the client confirms stays with polling or comes over WebSocket */
    expect_answer(&poll, 200, "ok");
    ws_text(&ws, "5");
    ws_text(&ws, "4after");
    expect_text(&ws, "4between");
    expect_text(&ws, "4after");
    get(&third, target);
    expect_answer(&third, 400, "{\"code\":3,\"message\":\"Bad request\"}");
    assert_int_equal(server.opened, 1);
    hang_up(&third);
    hang_up(&poll);
    ws_text(&ws, "4still here");
    expect_text(&ws, "4still here");
    hang_up(&ws);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TRANSPORT);
}

static void a_get_during_the_upgrade_is_released_at_once(void **state) {
    (void)state;
    struct peer ws = dial(), poll = dial();
    char target[128];
    probe(&ws, &poll, target);
    get(&poll, target);
    expect_answer(&poll, 200, "6");
    ws_text(&ws, "5");
    ws_text(&ws, "4x");
    expect_text(&ws, "4x");
    hang_up(&ws);
    hang_up(&poll);
}

static void a_second_websocket_for_the_session_is_turned_away(void **state) {
    (void)state;
    struct peer ws = dial(), poll = dial(), second = dial();
    char target[128], upgrade[160];
    probe(&ws, &poll, target);
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "&sid=%s", strstr(target, "sid=") + 4);
    ask_for_websocket(&second, upgrade, "");
    expect_status(&second, 101);
    expect_close(&second, 1002);
    ws_text(&ws, "5");
    ws_text(&ws, "4x");
    expect_text(&ws, "4x");
    hang_up(&second);
    hang_up(&poll);
    hang_up(&ws);
}

static void an_upgrade_that_goes_wrong_leaves_the_session_polling(void **state) {
    (void)state;
    static const char *const wrong[] = {"2", "5", "4x", "2prob"};
    struct peer poll = dial();
    char target[128], upgrade[160];
    open_polling(&poll, target);
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "&sid=%s", strstr(target, "sid=") + 4);
    for (size_t i = 0; i < HUB_NELEM(wrong); i++) {
        struct peer ws = dial();
        ask_for_websocket(&ws, upgrade, "");
        expect_status(&ws, 101);
        ws_text(&ws, wrong[i]);
        expect_end(&ws);
        hang_up(&ws);
    }
    post(&poll, target, "4alive");
    expect_answer(&poll, 200, "ok");
    get(&poll, target);
    expect_answer(&poll, 200, "4alive");
    hang_up(&poll);
}

static void an_upgrade_of_an_unknown_session_is_refused(void **state) {
    (void)state;
    struct peer p = dial();
    ask_for_websocket(&p, EIO_WEBSOCKET "&sid=nobody", "");
    expect_answer(&p, 400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    hang_up(&p);
}

static void the_end_of_the_session_ends_its_probe(void **state) {
    (void)state;
    struct peer ws = dial(), poll = dial();
    char target[128];
    probe(&ws, &poll, target);
    post(&poll, target, "1");
    expect_answer(&poll, 200, "ok");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_CLIENT);
    expect_end(&ws);
    hang_up(&ws);
    hang_up(&poll);
}

/* A client that does not confirm its upgrade has ten seconds; its session stays where it was. */
static void a_probe_that_is_not_confirmed_is_dropped(void **state) {
    (void)state;
    struct peer ws = dial(), poll = dial();
    char target[128];
    probe(&ws, &poll, target);
    pass(9999);
    expect_nothing(&ws);
    pass(1);
    expect_end(&ws);
    struct peer other = dial();
    get(&poll, target);
    post(&other, target, "4x");
    expect_answer(&other, 200, "ok");
    expect_answer(&poll, 200, "4x");
    hang_up(&ws);
    hang_up(&poll);
    hang_up(&other);
}

/* ---- heartbeats: a ping after 25 s, and 20 s for the answer ---- */

static int start_frozen(void **state) {
    (void)state;
    start_turned(&app_defaults);
    return 0;
}

static int start_impatient(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.ping_interval = 50;
    c.ping_timeout = 100;
    start(&c);
    return 0;
}

static void pings_that_are_answered_keep_a_session(void **state) {
    (void)state;
    struct peer ws = dial();
    open_websocket(&ws);
    for (int i = 0; i < 4; i++) {
        pass(i ? 5000 : 24999); /* from ping to ping, whenever its pong came */
        expect_nothing(&ws);
        pass(1);
        expect_text(&ws, "2");
        pass(19999);
        ws_text(&ws, "3");
    }
    ws_text(&ws, "4x");
    expect_text(&ws, "4x");
    hang_up(&ws);
}

static void the_round_trip_of_a_ping_is_told(void **state) {
    (void)state;
    struct peer ws = dial();
    open_websocket(&ws);
    app_latency = -1;
    ws_text(&ws, "3"); /* to no ping */
    pass(25000);
    expect_text(&ws, "2");
    pass(120);
    ws_text(&ws, "4x");
    expect_text(&ws, "4x");
    assert_int_equal(app_latency, -1);
    ws_text(&ws, "3");
    ws_text(&ws, "3"); /* once more than it was asked */
    pass(30);
    ws_text(&ws, "4y");
    expect_text(&ws, "4y");
    assert_int_equal(app_latency, 120);
    hang_up(&ws);
}

static void a_ping_that_is_not_answered_ends_a_websocket_session(void **state) {
    (void)state;
    struct peer ws = dial();
    open_websocket(&ws);
    ws_text(&ws, "4x"); /* a message is no pong */
    expect_text(&ws, "4x");
    pass(25000);
    expect_text(&ws, "2");
    pass(19999);
    expect_nothing(&ws);
    pass(1);
    expect_close(&ws, 1000);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_PING);
    hang_up(&ws);
}

static void a_ping_that_is_not_answered_ends_a_polling_session(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    get(&p, target);
    pass(25000);
    expect_answer(&p, 200, "2");
    get(&p, target);
    pass(20000);
    expect_answer(&p, 200, "1");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_PING);
    get(&p, target);
    expect_status(&p, 400);
    hang_up(&p);
}

/* Holds the loop, as a process is held that is stopped, for longer than a ping may stay unanswered. */
static void hold_the_loop(struct peer *by) {
    ws_text(by, "4!hold 0 0 0");
    wait_for(&server.held, 1, "loops held");
}
static void let_it_go(void) {
    const struct timespec time = {.tv_nsec = 450 * 1000000};
    nanosleep(&time, NULL);
    release_loop();
}

/* The pongs lay in the sockets, and everybody was cut off before they were read. */
static void a_server_that_stood_still_reads_the_pongs_before_it_judges(void **state) {
    (void)state;
    struct peer holder = dial(), ws = dial(), get_on = dial(), post_on = dial();
    char target[128];
    open_websocket(&holder);
    open_websocket(&ws);
    open_polling(&get_on, target);
    get(&get_on, target);
    expect_text(&holder, "2");
    expect_text(&ws, "2");
    expect_answer(&get_on, 200, "2");
    hold_the_loop(&holder);
    ws_text(&holder, "3");
    ws_text(&ws, "3");
    get(&get_on, target);
    post(&post_on, target, "3");
    let_it_go();
    expect_answer(&post_on, 200, "ok");
    expect_text(&ws, "2");
    expect_text(&holder, "2");
    expect_answer(&get_on, 200, "2");
    assert_int_equal(server.closed, 0);
    hang_up(&holder);
    hang_up(&ws);
    hang_up(&get_on);
    hang_up(&post_on);
}

static void a_packet_that_is_none_ends_a_websocket_session(void **state) {
    (void)state;
    static const char *const bad[] = {"abc", "", "7", "2"};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct peer ws = dial();
        open_websocket(&ws);
        ws_text(&ws, bad[i]);
        expect_close(&ws, 1002);
        assert_int_equal(wait_for_closed((int)i + 1), HUB_CLOSE_PARSE);
        hang_up(&ws);
    }
}

static void a_close_packet_and_a_close_from_us_end_a_websocket_session(void **state) {
    (void)state;
    struct peer a = dial(), b = dial();
    open_websocket(&a);
    ws_text(&a, "1");
    expect_close(&a, 1000);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_CLIENT);
    open_websocket(&b);
    ws_text(&b, "4before");
    ws_text(&b, "4!close");
    ws_text(&b, "4behind");
    expect_text(&b, "4before");
    expect_close(&b, 1000);
    assert_int_equal(wait_for_closed(2), HUB_CLOSE_SERVER);
    hang_up(&a);
    hang_up(&b);
}

static void everything_ends_at_shutdown(void **state) {
    (void)state;
    struct peer ws = dial(), held = dial(), idle = dial(), waiting = dial();
    char target[128];
    open_websocket(&ws);
    open_polling(&held, target);
    get(&held, target);
    get(&idle, "/agent");
    expect_status(&idle, 200);
    post(&waiting, "/later", "worth waiting for");
    get(&idle, "/agent");
    expect_status(&idle, 200);
    hub_post(server.loop, &server.close_all);
    expect_close(&ws, 1001);
    expect_answer(&held, 200, "1");
    expect_answer(&waiting, 200, "worth waiting for");
    expect_end(&held);
    expect_end(&idle);
    expect_end(&waiting);
    assert_int_equal(wait_for_closed(2), HUB_CLOSE_SHUTDOWN);
    hang_up(&ws);
    hang_up(&held);
    hang_up(&idle);
    hang_up(&waiting);
}

#define CASE(F) cmocka_unit_test_setup_teardown(F, start_defaults, stop_server)
#define IMPATIENT(F) cmocka_unit_test_setup_teardown(F, start_impatient, stop_server)
#define FROZEN(F) cmocka_unit_test_setup_teardown(F, start_frozen, stop_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_polling_handshake_opens_a_session),
        CASE(slashes_of_the_path_count_once_before_engine_io),
        cmocka_unit_test(engine_io_may_have_another_path),
        CASE(a_handshake_that_does_not_fit_is_refused_as_the_reference_server_does),
        CASE(a_session_that_the_layer_above_refuses_gets_403),
        CASE(the_path_is_found_with_and_without_slash_and_base_path),
        CASE(packets_posted_in_one_payload_come_back_in_one),
        CASE(base64_of_polling_is_read_as_the_reference_server_reads_it),
        CASE(a_held_get_is_answered_when_something_is_due),
        CASE(one_poll_brings_no_more_than_the_payload_bound),
        CASE(a_second_get_ends_the_session),
        CASE(a_second_post_ends_the_session),
        CASE(a_malformed_payload_ends_the_session),
        CASE(a_close_packet_ends_the_session_and_returns_the_held_get),
        CASE(a_get_that_is_given_up_ends_the_session),
        CASE(the_last_packets_wait_for_the_next_get_when_the_server_closes),
        CASE(a_websocket_handshake_opens_a_session_without_upgrades),
        CASE(frames_sent_right_behind_the_handshake_are_served),
        CASE(a_websocket_handshake_that_is_none_is_refused),
        CASE(an_upgrade_moves_the_session_without_losing_anything),
        CASE(a_get_during_the_upgrade_is_released_at_once),
        CASE(a_second_websocket_for_the_session_is_turned_away),
        CASE(an_upgrade_that_goes_wrong_leaves_the_session_polling),
        CASE(an_upgrade_of_an_unknown_session_is_refused),
        CASE(the_end_of_the_session_ends_its_probe),
        FROZEN(a_probe_that_is_not_confirmed_is_dropped),
        FROZEN(pings_that_are_answered_keep_a_session),
        FROZEN(the_round_trip_of_a_ping_is_told),
        FROZEN(a_ping_that_is_not_answered_ends_a_websocket_session),
        FROZEN(a_ping_that_is_not_answered_ends_a_polling_session),
        IMPATIENT(a_server_that_stood_still_reads_the_pongs_before_it_judges),
        CASE(a_packet_that_is_none_ends_a_websocket_session),
        CASE(a_close_packet_and_a_close_from_us_end_a_websocket_session),
        CASE(everything_ends_at_shutdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
