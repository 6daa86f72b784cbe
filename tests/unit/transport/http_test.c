/* HTTP/1.1 over real sockets: keep-alive, pipelining, bodies, every refusal, time limits, origins. */
#include "base/time/clock.h"
#include "fixture.h"
#include "transport/http/http_parse.h"

static void requests_on_one_connection_are_answered_one_after_the_other(void **state) {
    (void)state;
    struct peer p = dial();
    for (int i = 0; i < 3; i++) {
        post(&p, "/echo", "again");
        struct answer a = answer_to(&p, false);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.p, "again");
        assert_string_equal(field(&a, "Connection"), "keep-alive");
        assert_string_equal(field(&a, "Content-Type"), "text/plain");
        assert_int_equal(strlen(field(&a, "Date")), 29);
        hub_buf_free(&a.body);
    }
    hang_up(&p);
}

static void pipelined_requests_are_answered_in_order_also_when_an_earlier_one_takes_longer(void **state) {
    (void)state;
    struct peer p = dial();
    puts_to(&p, "POST /later HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\none"
                "GET /agent HTTP/1.1\r\nHost: t\r\nUser-Agent: two\r\n\r\n"
                "POST /later HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthr\r\n2\r\nee\r\n0\r\n\r\n"
                "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nfour"
                "GET /agent HTTP/1.1\r\nHost: t\r\nUser-Agent: five\r\n\r\n");
    static const char *const want[] = {"one", "two", "three", "four", "five"};
    for (size_t i = 0; i < HUB_NELEM(want); i++) expect_answer(&p, 200, want[i]);
    hang_up(&p);
}

static void a_request_may_come_byte_by_byte(void **state) {
    (void)state;
    static const char text[] = "POST /echo?a=b HTTP/1.1\r\nHost: t\r\nX-Long: v\r\nTransfer-Encoding: "
                               "chunked\r\n\r\n4;x=y\r\nbyte\r\n0\r\nTrailer: t\r\n\r\n"
                               "GET /agent HTTP/1.1\r\nHost: t\r\nUser-Agent: next\r\n\r\n";
    struct peer p = dial();
    for (size_t i = 0; i < sizeof text - 1; i++) put(&p, text + i, 1);
    expect_answer(&p, 200, "byte");
    expect_answer(&p, 200, "next");
    hang_up(&p);
}

static void thousands_of_pipelined_requests_are_served_in_bounded_memory(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    struct peer p = dial();
    struct hub_buf b = {0};
    for (int i = 0; i < COUNT; i++)
        hub_buf_addf(&b, "GET /%s HTTP/1.1\r\nHost: t\r\nUser-Agent: %d\r\n\r\n", i % 100 ? "agent" : "later", i);
    put(&p, b.p, b.n); /* about 150 KB: more than the server keeps while it is answering */
    for (int i = 0; i < COUNT; i++) {
        char want[16];
        snprintf(want, sizeof want, "%d", i);
        expect_answer(&p, 200, i % 100 ? want : "");
    }
    hub_buf_free(&b);
    hang_up(&p);
}

static void answers_that_nobody_reads_hold_up_the_requests_behind_them(void **state) {
    (void)state;
    enum { COUNT = 400 };
    struct peer p = dial(), other = dial();
    for (int i = 0; i < COUNT; i++) get(&p, "/big?n=100000"); /* 40 MB: more than the kernel takes */
    for (int i = 0; i < 20; i++) {
        post(&other, "/echo", "meanwhile");
        expect_answer(&other, 200, "meanwhile");
    }
    pthread_mutex_lock(&server.lock);
    int answered = server.big;
    pthread_mutex_unlock(&server.lock);
    assert_true(answered < COUNT);
    for (int i = 0; i < COUNT; i++) expect_status(&p, 200);
    hang_up(&p);
    hang_up(&other);
}

static void what_is_pipelined_leaves_the_others_their_turn(void **state) {
    (void)state;
    enum { PEERS = 20, COUNT = 50 };
    struct peer many[PEERS], other = dial();
    for (int i = 0; i < PEERS; i++) many[i] = dial();
    for (int i = 0; i < PEERS; i++)
        for (int k = 0; k < COUNT; k++) get(&many[i], "/slow");
    wait_for(&server.slow, 1, "slow answers");
    post(&other, "/echo", "meanwhile");
    expect_answer(&other, 200, "meanwhile");
    pthread_mutex_lock(&server.lock);
    int answered = server.slow;
    pthread_mutex_unlock(&server.lock);
    assert_in_range(answered, 1, PEERS * COUNT / 2);
    for (int i = 0; i < PEERS; i++) {
        for (int k = 0; k < COUNT; k++) expect_answer(&many[i], 200, "slow");
        hang_up(&many[i]);
    }
    hang_up(&other);
}

static void what_is_sent_behind_an_open_request_waits_in_the_socket(void **state) {
    (void)state;
    enum { TOTAL = 40000000 };
    struct peer p = dial(), other = dial();
    static char bytes[100000];
    size_t sent = 0;
    get(&p, "/never");
    for (int full = 0; full < 20 && sent < TOTAL;) { /* full for 20 ms on end: nobody reads */
        ssize_t r = send(p.fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        full = r < 0 ? full + 1 : 0;
        if (r > 0)
            sent += (size_t)r;
        else
            usleep(1000);
    }
    assert_true(sent < TOTAL / 2); /* what the buffers of the kernel hold */
    post(&other, "/echo", "fine");
    expect_answer(&other, 200, "fine");
    hang_up(&p);
    hang_up(&other);
}

static void a_head_request_gets_the_length_without_the_body(void **state) {
    (void)state;
    struct peer p = dial();
    puts_to(&p, "HEAD /big?n=1234 HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer a = answer_to(&p, true);
    assert_int_equal(a.status, 200);
    assert_string_equal(field(&a, "Content-Length"), "1234");
    assert_string_equal(field(&a, "X-Big"), "yes");
    post(&p, "/echo", "next");
    expect_answer(&p, 200, "next");
    hub_buf_free(&a.body);
    hang_up(&p);
}

static void an_answer_larger_than_the_socket_takes_arrives_whole(void **state) {
    (void)state;
    struct peer p = dial();
    get(&p, "/big?n=20000000");
    struct answer a = answer_to(&p, false);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, 20000000);
    hub_buf_free(&a.body);
    post(&p, "/echo", "next");
    expect_answer(&p, 200, "next");
    hang_up(&p);
}

static void old_and_departing_clients_get_their_answer_and_an_end(void **state) {
    (void)state;
    static const char *const requests[] = {
        "GET /agent HTTP/1.0\r\nUser-Agent: me\r\n\r\n",
        "GET /agent HTTP/1.1\r\nHost: t\r\nConnection: close\r\nUser-Agent: me\r\n\r\n",
    };
    for (size_t i = 0; i < HUB_NELEM(requests); i++) {
        struct peer p = dial();
        puts_to(&p, requests[i]);
        struct answer a = answer_to(&p, false);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.p, "me");
        assert_string_equal(field(&a, "Connection"), "close");
        int64_t before = hub_real_ms();
        assert_false(pull(&p));
        assert_true(hub_real_ms() - before < 4000); /* an end of the server's own accord, not of a time limit */
        hub_buf_free(&a.body);
        hang_up(&p);
    }
    struct peer p = dial();
    puts_to(&p, "GET /agent HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect_status(&p, 200);
    get(&p, "/agent");
    expect_status(&p, 200);
    hang_up(&p);
}

static void a_client_that_stops_sending_still_gets_its_answers(void **state) {
    (void)state;
    struct peer p = dial();
    post(&p, "/later", "one");
    post(&p, "/later", "two");
    shutdown(p.fd, SHUT_WR);
    expect_answer(&p, 200, "one");
    expect_answer(&p, 200, "two");
    assert_false(pull(&p));
    hang_up(&p);
}

static void a_client_that_leaves_before_its_answer_harms_nobody(void **state) {
    (void)state;
    struct peer p = dial(), q = dial();
    post(&p, "/later", "nobody reads this");
    hang_up(&p);
    post(&q, "/later", "fine");
    expect_answer(&q, 200, "fine");
    get(&q, "/never");
    hang_up(&q); /* answered after the transport is gone */
}

static void expect_100_continue_is_answered_before_the_body(void **state) {
    (void)state;
    struct peer p = dial();
    puts_to(&p, "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    expect_status(&p, 100);
    puts_to(&p, "hello");
    expect_answer(&p, 200, "hello");
    puts_to(&p, "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhasty");
    expect_answer(&p, 200, "hasty");
    hang_up(&p);
}

static void what_is_wrong_with_a_request_is_said_in_the_failure_form(void **state) {
    (void)state;
    struct hub_buf long_target = {0}, long_head = {0}, many_fields = {0};
    hub_buf_addz(&long_target, "GET /");
    for (int i = 0; i < 17000; i++) hub_buf_addc(&long_target, 'a');
    hub_buf_addz(&long_target, " HTTP/1.1\r\nHost: t\r\n\r\n");
    hub_buf_addz(&long_head, "GET / HTTP/1.1\r\nHost: t\r\nX: ");
    for (int i = 0; i < 17000; i++) hub_buf_addc(&long_head, 'a');
    hub_buf_addz(&many_fields, "GET / HTTP/1.1\r\nHost: t\r\n");
    for (int i = 0; i < 200; i++) hub_buf_addz(&many_fields, "A: b\r\n");
    const struct {
        const char *request, *code;
        int status;
    } cases[] = {
        {"hello\r\n\r\n", "bad_request", 400},
        {"\x16\x03\x01\x02\x00", "bad_request", 400}, /* TLS spoken to a plain port */
        {"GET /\r\n\r\n", "bad_request", 505},
        {"GET / HTTP/1.1\r\n\r\n", "bad_request", 400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\nBad Name: x\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length : 5\r\n\r\nhello", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\n: x\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\x01\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/x.1\r\nHost: t\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/2.0\r\nHost: t\r\n\r\n", "bad_request", 505},
        {"BREW / HTTP/1.1\r\nHost: t\r\n\r\n", "bad_request", 501},
        {"TRACE / HTTP/1.1\r\nHost: t\r\n\r\n", "bad_request", 405},
        {"CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n", "bad_request", 405},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100001\r\n\r\n", "too_large", 413},
        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n", "too_large", 413},
        {"POST / HTTP/1.1\r\nHost: t\r\nExpect: a miracle\r\nContent-Length: 0\r\n\r\n", "bad_request", 417},
        {"GET / HTTP/1.1\r\n Host: t\r\nHost: t\r\n\r\n", "bad_request", 400}, /* folded lines: in front, */
        {"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n\tb\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\nX:\r\n \r\n\r\n", "bad_request", 400}, /* and behind an empty value */
        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding:\n chunked\r\n\r\n0\r\n\r\n", "bad_request", 400},
        {"\r\nGET / HTTP/1.1\r\nHost: t\r\nX: a\n b\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\rX: a\r\n\r\n", "bad_request", 400}, /* carriage returns by themselves */
        {"GET / HTTP/1.1\rHost: t\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\r\nHost: t\r\n\rX: a\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n", "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", "bad_request", 415},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "bad_request", 415},
        {hub_buf_cstr(&long_target), "bad_request", 414},
        {hub_buf_cstr(&long_head), "bad_request", 431},
        {hub_buf_cstr(&many_fields), "bad_request", 431},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct peer p = dial();
        puts_to(&p, cases[i].request);
        struct answer a = answer_to(&p, false);
        if (a.status != cases[i].status) fail_msg("case %zu: status %d instead of %d", i, a.status, cases[i].status);
        char code[64];
        snprintf(code, sizeof code, "\"errCode\":\"%s\"", cases[i].code);
        assert_non_null(strstr(a.body.p, "{\"result\":\"ERR\",\"status\":"));
        assert_non_null(strstr(a.body.p, code));
        assert_string_equal(field(&a, "Connection"), "close");
        assert_false(pull(&p));
        hub_buf_free(&a.body);
        hang_up(&p);
    }
    hub_buf_free(&long_target);
    hub_buf_free(&long_head);
    hub_buf_free(&many_fields);
}

static void blanks_in_a_body_or_between_requests_are_no_folded_lines(void **state) {
    (void)state;
    struct peer p = dial();
    post(&p, "/echo", "\n \r\n\tbody");
    expect_answer(&p, 200, "\n \r\n\tbody");
    puts_to(&p, "\r\nPOST /echo HTTP/1.1\r\nHost: t\r\nX: \r\nContent-Encoding: identity\r\nContent-Length: "
                "2\r\n\r\n\n GET /agent HTTP/1.1\r\nHost: t\r\n"
                "Content-Encoding: gzip\r\nUser-Agent: next\r\n\r\n");
    expect_answer(&p, 200, "\n ");
    expect_answer(&p, 200, "next");
    hang_up(&p);
}

/* A head may be cut anywhere: also between the line's end and the blank, or behind a carriage return. */
static void what_is_wrong_with_a_line_is_seen_however_the_head_is_cut(void **state) {
    (void)state;
    static const struct {
        const char *text, *problem;
    } cases[] = {{"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n", "folded"},
                 {"GET / HTTP/1.1\r\nHost: t\r\nX:\rt\n b\r\n\r\n", "carriage return"},
                 {"GET / HTTP/1.1\r\nHost: t\r\n\rX", "carriage return"}};
    for (size_t k = 0; k < HUB_NELEM(cases); k++) {
        const size_t n = strlen(cases[k].text), steps[] = {n, 1};
        for (size_t s = 0; s < HUB_NELEM(steps); s++) {
            struct hub_http_req *r = hub_http_req_new(100);
            enum hub_http_feed fed = HUB_HTTP_MORE;
            size_t used;
            for (size_t i = 0; i < n && fed == HUB_HTTP_MORE; i += steps[s])
                fed = hub_http_feed(r, cases[k].text + i, steps[s], &used);
            assert_int_equal(fed, HUB_HTTP_BAD);
            assert_int_equal(r->status, 400);
            assert_non_null(strstr(r->problem, cases[k].problem));
            hub_http_req_free(r);
        }
    }
}

static void a_head_of_nearly_16_kib_is_accepted(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf b = {0};
    hub_buf_addz(&b, "GET /agent HTTP/1.1\r\nHost: t\r\nX: ");
    while (b.n < 16200) hub_buf_addc(&b, 'a');
    hub_buf_addz(&b, "\r\nUser-Agent: big\r\n\r\n");
    put(&p, b.p, b.n);
    expect_answer(&p, 200, "big");
    hub_buf_free(&b);
    hang_up(&p);
}

static void a_body_over_the_bound_is_refused_while_it_is_still_coming(void **state) {
    (void)state;
    struct peer p = dial();
    char *body = hub_xmalloc(300000);
    memset(body, 'x', 300000);
    puts_to(&p, "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n"); /* 300,000 */
    put(&p, body, 300000);
    expect_status(&p, 413);
    expect_end(&p);
    free(body);
    hang_up(&p);
}

static void a_posted_payload_over_the_bound_ends_its_session(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128], head[256];
    open_polling(&p, target);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: 100001\r\n\r\n", target);
    puts_to(&p, head);
    expect_status(&p, 413);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_TOO_LARGE);
    hang_up(&p);
}

/* ---- time limits ---- */

static int start_hasty(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.head_timeout = 1500;
    c.idle_timeout = 1000;
    start_turned(&c);
    return 0;
}

static void half_a_request_gets_408_and_silence_gets_nothing(void **state) {
    (void)state;
    static const char *const halves[] = {"G", "GET /agent HTTP/1.1\r\nHost: t\r\nX-Slow",
                                         "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf"};
    struct peer silent = dial();
    for (size_t i = 0; i < HUB_NELEM(halves); i++) {
        struct peer p = dial();
        puts_to(&p, halves[i]);
        pass(1499);
        expect_nothing(&p);
        pass(1);
        expect_status(&p, 408);
        assert_false(pull(&p));
        hang_up(&p);
    }
    assert_false(pull(&silent));
    hang_up(&silent);
}

static void an_idle_connection_is_closed_and_a_held_one_is_not(void **state) {
    (void)state;
    struct peer held = dial(), idle = dial(), p;
    char target[128];
    open_polling(&held, target);
    get(&held, target);
    get(&idle, "/agent");
    expect_status(&idle, 200);
    pass(999);
    expect_nothing(&idle);
    pass(1);
    assert_false(pull(&idle));
    hang_up(&idle);
    pass(20000);
    expect_nothing(&held);
    p = dial();
    post(&p, target, "4x");
    expect_answer(&p, 200, "ok");
    expect_answer(&held, 200, "4x");
    hang_up(&held);
    hang_up(&p);
}

static void an_answer_bears_the_date_of_the_clock(void **state) {
    (void)state;
    static const char *const dates[] = {"Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 02 Jan 2026 00:00:00 GMT"};
    for (int i = 0; i < 2; i++) {
        struct peer p = dial();
        get(&p, "/agent");
        struct answer a = answer_to(&p, false);
        assert_string_equal(field(&a, "Date"), dates[i]);
        hub_buf_free(&a.body);
        hang_up(&p);
        pass(86400000);
    }
}

static void hundreds_of_half_open_connections_disturb_nobody(void **state) {
    (void)state;
    enum { COUNT = 300 };
    static struct peer slow[COUNT];
    for (int i = 0; i < COUNT; i++) {
        slow[i] = dial();
        if (i & 1) puts_to(&slow[i], "GET /agent HTTP/1.1\r\nHost: ");
    }
    struct peer p = dial();
    for (int i = 0; i < 20; i++) {
        post(&p, "/echo", "quick");
        expect_answer(&p, 200, "quick");
    }
    hang_up(&p);
    pass(1500);
    for (int i = 0; i < COUNT; i++) {
        if (i & 1) expect_status(&slow[i], 408);
        assert_false(pull(&slow[i]));
        hang_up(&slow[i]);
    }
}

/* ---- origins ---- */

static const char *const listed[] = {"https://app.example.com", "http://localhost:3000"};
static const char *const any[] = {"*"};

static int start_with_list(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.cors_origins = listed;
    c.cors_n = 2;
    start(&c);
    return 0;
}

static int start_with_any(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.cors_origins = any;
    c.cors_n = 1;
    start(&c);
    return 0;
}

static struct answer ask_from(struct peer *p, const char *line, const char *fields) {
    char head[512];
    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: test\r\n%s\r\n", line, fields);
    puts_to(p, head);
    return answer_to(p, false);
}

static void a_listed_origin_is_admitted_with_credentials(void **state) {
    (void)state;
    static const char *const lines[] = {"GET /agent", "GET " EIO_POLLING, "GET /nowhere"};
    struct peer p = dial();
    for (size_t i = 0; i < HUB_NELEM(lines); i++) {
        struct answer a = ask_from(&p, lines[i], "Origin: https://app.example.com\r\n");
        assert_string_equal(field(&a, "Access-Control-Allow-Origin"), "https://app.example.com");
        assert_string_equal(field(&a, "Access-Control-Allow-Credentials"), "true");
        assert_string_equal(field(&a, "Vary"), "Origin");
        hub_buf_free(&a.body);
        a = ask_from(&p, lines[i], "Origin: https://evil.example.com\r\n");
        assert_null(field(&a, "Access-Control-Allow-Origin"));
        assert_null(field(&a, "Access-Control-Allow-Credentials"));
        assert_string_equal(field(&a, "Vary"), "Origin");
        hub_buf_free(&a.body);
    }
    hang_up(&p);
}

static void any_origin_is_admitted_without_credentials(void **state) {
    (void)state;
    struct peer p = dial();
    struct answer a = ask_from(&p, "GET /agent", "Origin: https://app.example.com\r\n");
    assert_string_equal(field(&a, "Access-Control-Allow-Origin"), "*");
    assert_null(field(&a, "Access-Control-Allow-Credentials"));
    hub_buf_free(&a.body);
    hang_up(&p);
}

static void without_origins_no_field_is_added(void **state) {
    (void)state;
    struct peer p = dial();
    struct answer a = ask_from(&p, "GET /agent", "Origin: https://app.example.com\r\n");
    assert_null(strstr(a.head, "Access-Control"));
    hub_buf_free(&a.body);
    hang_up(&p);
}

static void a_preflight_is_answered_for_every_path(void **state) {
    (void)state;
    static const char *const lines[] = {"OPTIONS /chat/rooms/1/messages", "OPTIONS " EIO_POLLING, "OPTIONS *"};
    struct peer p = dial();
    for (size_t i = 0; i < HUB_NELEM(lines); i++) {
        struct answer a = ask_from(&p, lines[i],
                                   "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: PATCH\r\n"
                                   "Access-Control-Request-Headers: authorization, content-type\r\n");
        assert_int_equal(a.status, 204);
        assert_null(field(&a, "Content-Length"));
        assert_string_equal(field(&a, "Access-Control-Allow-Origin"), "http://localhost:3000");
        assert_string_equal(field(&a, "Access-Control-Allow-Headers"), "authorization, content-type");
        assert_non_null(strstr(field(&a, "Access-Control-Allow-Methods"), "PATCH"));
        hub_buf_free(&a.body);
    }
    hang_up(&p);
}

static void a_websocket_from_a_foreign_origin_is_refused_when_origins_are_listed(void **state) {
    (void)state;
    static const struct {
        const char *fields;
        int status;
    } cases[] = {
        {"", 101},
        {"Origin: https://app.example.com\r\n", 101},
        {"Origin: http://test\r\n", 101},
        {"Origin: https://evil.example.com\r\n", 403},
        {"Origin: null\r\n", 403},
        {"Origin: http://test.evil.example.com\r\n", 403},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct peer p = dial();
        ask_for_websocket(&p, EIO_WEBSOCKET, cases[i].fields);
        expect_status(&p, cases[i].status);
        hang_up(&p);
    }
}

static void an_upgrade_to_something_else_is_an_ordinary_request(void **state) {
    (void)state;
    struct peer p = dial();
    puts_to(&p, "GET /agent HTTP/1.1\r\nHost: t\r\nUser-Agent: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
                "h2c\r\nHTTP2-Settings: x\r\n\r\n");
    expect_answer(&p, 200, "a");
    ask_for_websocket(&p, "/agent", "User-Agent: b\r\n");
    expect_answer(&p, 200, "b");
    get(&p, "/agent");
    expect_answer(&p, 200, "");
    hang_up(&p);
}

#define CASE(F) cmocka_unit_test_setup_teardown(F, start_defaults, stop_server)
#define WITH(START, F) cmocka_unit_test_setup_teardown(F, START, stop_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(requests_on_one_connection_are_answered_one_after_the_other),
        CASE(pipelined_requests_are_answered_in_order_also_when_an_earlier_one_takes_longer),
        CASE(a_request_may_come_byte_by_byte),
        CASE(thousands_of_pipelined_requests_are_served_in_bounded_memory),
        CASE(answers_that_nobody_reads_hold_up_the_requests_behind_them),
        CASE(what_is_pipelined_leaves_the_others_their_turn),
        CASE(what_is_sent_behind_an_open_request_waits_in_the_socket),
        CASE(a_head_request_gets_the_length_without_the_body),
        CASE(an_answer_larger_than_the_socket_takes_arrives_whole),
        CASE(old_and_departing_clients_get_their_answer_and_an_end),
        CASE(a_client_that_stops_sending_still_gets_its_answers),
        CASE(a_client_that_leaves_before_its_answer_harms_nobody),
        CASE(expect_100_continue_is_answered_before_the_body),
        CASE(what_is_wrong_with_a_request_is_said_in_the_failure_form),
        CASE(blanks_in_a_body_or_between_requests_are_no_folded_lines),
        CASE(what_is_wrong_with_a_line_is_seen_however_the_head_is_cut),
        CASE(a_head_of_nearly_16_kib_is_accepted),
        CASE(a_body_over_the_bound_is_refused_while_it_is_still_coming),
        CASE(a_posted_payload_over_the_bound_ends_its_session),
        WITH(start_hasty, half_a_request_gets_408_and_silence_gets_nothing),
        WITH(start_hasty, an_idle_connection_is_closed_and_a_held_one_is_not),
        WITH(start_hasty, an_answer_bears_the_date_of_the_clock),
        WITH(start_hasty, hundreds_of_half_open_connections_disturb_nobody),
        WITH(start_with_list, a_listed_origin_is_admitted_with_credentials),
        WITH(start_with_any, any_origin_is_admitted_without_credentials),
        CASE(without_origins_no_field_is_added),
        WITH(start_with_list, a_preflight_is_answered_for_every_path),
        WITH(start_with_list, a_websocket_from_a_foreign_origin_is_refused_when_origins_are_listed),
        CASE(an_upgrade_to_something_else_is_an_ordinary_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
