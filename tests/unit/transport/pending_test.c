/* What may be held by those who have not signed in: how many of an address and altogether, and how much
 * each. */
#include "fixture.h"
#include "transport/transport_int.h"

static const char *const proxies[] = {"127.0.0.1"};

static bool time_stands;

static void start_with(size_t per_address, size_t total, bool proxy) {
    struct hub_transport_config c = app_defaults;
    c.max_pending_per_address = per_address;
    c.max_pending = total;
    c.trusted_proxies = proxies;
    c.trusted_n = proxy;
    time_stands ? start_turned(&c) : start(&c);
    server.strangers = true;
}

/* Asks for a polling session on behalf of ADDRESS, if any; the status. */
static int open_for(const char *address) {
    struct peer p = dial();
    char head[512];
    snprintf(head, sizeof head, "GET " EIO_POLLING " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s%s\r\n\r\n",
             address ? "X-Forwarded-For: " : "X: ", address ? address : "");
    puts_to(&p, head);
    struct answer a = answer_to(&p, false);
    if (a.status != 200) assert_string_equal(field(&a, "Retry-After"), "1");
    hub_buf_free(&a.body);
    hang_up(&p);
    return a.status;
}

/* 4,000 handshakes in a second were all kept for 45 s. */
static void an_address_has_so_many_sessions_without_sign_in(void **state) {
    (void)state;
    start_with(3, 100, false);
    for (int i = 0; i < 3; i++) assert_int_equal(open_for(NULL), 200);
    assert_int_equal(open_for(NULL), 429);
    struct peer p = dial(), other = dial();
    ask_for_websocket(&p, EIO_WEBSOCKET, "");
    expect_status(&p, 429);
    get(&other, "/agent"); /* requests have a count of their own */
    expect_status(&other, 200);
    hang_up(&p);
    hang_up(&other);
    stop();
}

static void who_has_signed_in_or_left_makes_room(void **state) {
    (void)state;
    start_with(1, 100, false);
    struct peer p = dial(), q = dial();
    struct hub_buf b = {0};
    ask_for_websocket(&p, EIO_WEBSOCKET, "");
    expect_status(&p, 101);
    ws_take(&p, &b);
    assert_int_equal(open_for(NULL), 429);
    ws_text(&p, "4!in");
    expect_text(&p, "4!in");
    ask_for_websocket(&q, EIO_WEBSOCKET, "");
    expect_status(&q, 101);
    assert_int_equal(open_for(NULL), 429);
    hang_up(&q);
    wait_for_closed(1);
    assert_int_equal(open_for(NULL), 200);
    hang_up(&p);
    hub_buf_free(&b);
    stop();
}

static void behind_a_proxy_the_forwarded_address_counts(void **state) {
    (void)state;
    start_with(2, 5, true);
    for (int i = 0; i < 2; i++) assert_int_equal(open_for("192.0.2.1"), 200);
    assert_int_equal(open_for("192.0.2.1"), 429);
    assert_int_equal(open_for("2001:db8::1"), 200);
    assert_int_equal(open_for("2001:db8::2"), 200);
    assert_int_equal(open_for("2001:db8:0:0:1::1"), 429); /* one network, one client */
    assert_int_equal(open_for("2001:db8:0:1::1"), 200);
    assert_int_equal(open_for("192.0.2.9"), 503); /* too many altogether */
    stop();
    start_with(1, 5, true);
    assert_int_equal(open_for(NULL), 200); /* a proxy that names nobody speaks for itself */
    assert_int_equal(open_for(NULL), 429);
    assert_int_equal(open_for("192.0.2.1"), 200);
    stop();
}

static struct peer served(void) {
    struct peer p = dial();
    get(&p, "/agent");
    expect_status(&p, 200);
    return p;
}

/* A thousand half requests of one address kept everybody else of it out, too. */
static void of_too_many_half_requests_the_longest_give_way(void **state) {
    (void)state;
    enum { HALF = 9, MOST = 4 };
    time_stands = true;
    start_with(MOST, 100, false);
    time_stands = false;
    struct peer half[HALF], p = served();
    int gave_way = 0, late = 0;
    for (int i = 0; i < HALF; i++) half[i] = served();
    for (int i = 0; i < HALF; i++)
        puts_to(&half[i],
                i & 1 ? "GET /agent HTTP/1.1\r\n" : "POST /later HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nx");
    get(&p, "/agent");
    expect_status(&p, 200);
    pass(10000);
    for (int i = 0; i < HALF; i++) {
        struct answer a = answer_to(&half[i], false);
        gave_way += a.status == 429;
        late += a.status == 408;
        hub_buf_free(&a.body);
        hang_up(&half[i]);
    }
    assert_int_equal(gave_way + late, HALF);
    assert_true(late == MOST ||
                late == MOST - 1); /* whether the whole request came before the last half one is not said */
    hang_up(&p);
    p = served();
    hang_up(&p);
    stop();
}

static void requests_that_are_judged_do_not_give_way(void **state) {
    (void)state;
    start_with(1, 100, false);
    struct peer p = dial(), q = served();
    puts_to(&p, "POST /echo HTTP/1.1\r\nHost: test\r\nAuthorization: never\r\nContent-Length: 50000\r\n\r\n");
    wait_for(&server.asked, 1, "questions");
    get(&q, "/agent");
    expect_status(&q, 429);
    hang_up(&p);
    hang_up(&q);
    stop();
}

static void a_held_poll_counts_with_its_session(void **state) {
    (void)state;
    start_with(1, 100, false);
    struct peer p = dial(), q = dial();
    char target[128];
    open_polling(&p, target);
    get(&p, target);
    get(&q, "/agent");
    expect_status(&q, 200);
    hang_up(&p);
    hang_up(&q);
    stop();
}

/* ---- how much ---- */

static void a_websocket_without_sign_in_sends_16_kib_at_a_time(void **state) {
    (void)state;
    static char payload[HUB_PENDING_BYTES + 1];
    start_with(10, 100, false);
    struct hub_buf b = {0};
    memset(payload, 'x', sizeof payload);
    payload[0] = '4';
    struct peer p = dial();
    ask_for_websocket(&p, EIO_WEBSOCKET, "");
    expect_status(&p, 101);
    ws_take(&p, &b);
    ws_send(&p, 0x81, payload, HUB_PENDING_BYTES - 10);
    assert_int_equal(ws_take(&p, &b), HUB_WS_TEXT);
    ws_send(&p, 0x81, "4!in", 4);
    expect_text(&p, "4!in");
    ws_send(&p, 0x81, payload, sizeof payload);
    assert_int_equal(ws_take(&p, &b), HUB_WS_TEXT);
    assert_int_equal(b.n, sizeof payload);
    hang_up(&p);
    p = dial();
    ask_for_websocket(&p, EIO_WEBSOCKET, "");
    expect_status(&p, 101);
    ws_take(&p, &b);
    ws_send(&p, 0x81, payload, sizeof payload);
    assert_int_equal(ws_take(&p, &b), HUB_WS_CLOSE);
    assert_int_equal(hub_ws_number((const unsigned char *)b.p, 2), 1009);
    hang_up(&p);
    hub_buf_free(&b);
    stop();
}

static void answers_to_strangers_who_do_not_read_pile_up_to_16_kib(void **state) {
    (void)state;
    start_with(10, 100, false);
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    for (int i = 0; i < 3; i++) { /* each is echoed, and nobody fetches it */
        char payload[8000];
        memset(payload, 'x', sizeof payload);
        payload[0] = '4', payload[sizeof payload - 1] = 0;
        post(&p, target, payload);
        expect_status(&p, 200);
    }
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_SLOW);
    hang_up(&p);
    stop();
}

static void put_large(struct peer *p, const char *target, const char *fields, size_t n, bool chunked) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "POST %s HTTP/1.1\r\nHost: test\r\n%s", target, fields);
    if (chunked)
        hub_buf_addf(&b, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", n);
    else
        hub_buf_addf(&b, "Content-Length: %zu\r\n\r\n", n);
    memset(hub_buf_reserve(&b, n), 'b', n);
    b.n += n;
    if (chunked) hub_buf_addz(&b, "\r\n0\r\n\r\n");
    put(p, b.p, b.n);
    hub_buf_free(&b);
}

static void a_large_body_is_read_when_its_sender_is_known(void **state) {
    (void)state;
    start_with(10, 100, false);
    for (int chunked = 0; chunked < 2; chunked++) {
        static const char *const ways[] = {"", "Authorization: wait\r\n"};
        for (size_t i = 0; i < HUB_NELEM(ways); i++) {
            struct peer p = dial();
            server.asked = 0;
            put_large(&p, "/echo", ways[i], 90000, chunked);
            struct answer a = answer_to(&p, false);
            assert_int_equal(a.status, 200);
            assert_int_equal(a.body.n, 90000);
            assert_int_equal(server.asked, 1);
            hub_buf_free(&a.body);
            get(&p, "/agent");
            expect_status(&p, 200);
            hang_up(&p);
        }
        struct peer p = dial();
        put_large(&p, "/echo", "Authorization: no\r\n", 90000, chunked);
        expect_status(&p, 401);
        hang_up(&p);
    }
    struct peer p = dial();
    server.asked = 0;
    put_large(&p, "/echo", "Authorization: no\r\n", HUB_PENDING_BYTES, false);
    expect_status(&p, 200); /* small enough to be judged afterwards */
    assert_int_equal(server.asked, 0);
    hang_up(&p);
    p = dial();
    puts_to(&p, "POST /echo HTTP/1.1\r\nHost: test\r\nAuthorization: no\r\nExpect: 100-continue\r\nContent-Length: "
                "50000\r\n\r\n");
    expect_status(&p, 401); /* not invited */
    hang_up(&p);
    stop();
}

static void a_sender_who_leaves_while_it_is_asked_for_harms_nobody(void **state) {
    (void)state;
    start_with(10, 100, false);
    struct peer p = dial();
    puts_to(&p, "POST /echo HTTP/1.1\r\nHost: test\r\nAuthorization: wait\r\nContent-Length: 50000\r\n\r\n");
    wait_for(&server.asked, 1, "questions");
    struct linger at_once = {.l_onoff = 1};
    setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    hang_up(&p);
    p = dial();
    put_large(&p, "/echo", "Authorization: wait\r\n", 50000, false);
    expect_status(&p, 200);
    hang_up(&p);
    stop();
}

static void a_post_without_sign_in_brings_16_kib(void **state) {
    (void)state;
    start_with(10, 100, false);
    for (int chunked = 0; chunked < 2; chunked++) {
        struct peer p = dial();
        char target[128];
        open_polling(&p, target);
        put_large(&p, target, "", 40000, chunked);
        expect_status(&p, 413);
        assert_int_equal(wait_for_closed(chunked + 1), HUB_CLOSE_TOO_LARGE);
        hang_up(&p);
        p = dial();
        put_large(&p, EIO_POLLING "&sid=nobody", "", 40000, chunked);
        expect_status(&p, 413);
        hang_up(&p);
    }
    stop();
}

/* Files of some megabytes, asked for by hundreds who read nothing, were all kept in memory. */
static void answers_that_nobody_reads_are_bounded_altogether(void **state) {
    (void)state;
    enum { COUNT = 12, SIZE = 8000000 };
    start_with(100, 100, false);
    struct peer p[COUNT], q = dial();
    int whole = 0;
    for (int i = 0; i < COUNT; i++) {
        p[i] = dial();
        get(&p[i], "/big?n=8000000");
        wait_for(&server.big, i + 1, "answers");
    }
    get(&q, "/agent");
    expect_status(&q, 200);
    for (int i = 0; i < COUNT; i++) {
        while (p[i].in.n < SIZE && pull(&p[i])) continue;
        whole += p[i].in.n >= SIZE;
        hang_up(&p[i]);
    }
    assert_true(whole > 0 && whole <= 5); /* 32 MiB and what the kernel holds */
    hang_up(&q);
    stop();
}

/* ---- too much that nobody reads, while the one who gives way is being worked on ---- */

struct stalled_one {
    bool stalled;
    size_t unsent;
};

static void look_at_the_first(void *arg) {
    struct stalled_one *s = arg;
    const struct hub_link *c = HUB_CONTAINER(server.transport->links.next, struct hub_link, node);
    s->stalled = hub_list_linked(&c->edge->stalled);
    s->unsent = server.transport->unsent;
}

/* A is the connection that has not read its answers for longest, though it may still ask; OTHERS fill the
 * memory that answers may take, up to less than one answer. */
enum { OTHERS = 4 };
static void fill_with_answers(struct peer *a, struct peer others[OTHERS]) {
    struct stalled_one first = {0};
    int small = 1 << 12;
    *a = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    setsockopt(a->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    dial_with(a);
    for (int i = 0; !first.stalled; i++) {
        get(a, "/big?n=60000");
        wait_for(&server.big, i + 1, "answers");
        on_loop(look_at_the_first, &first);
    }
    for (int i = 0; i < OTHERS; i++) {
        int before = server.big;
        others[i] = dial();
        get(&others[i], "/big?n=8000000");
        wait_for(&server.big, before + 1, "answers");
    }
    on_loop(look_at_the_first, &first);
    assert_true(first.stalled);
    assert_in_range(first.unsent, HUB_MAX_UNSENT, HUB_MAX_UNSENT + (1 << 17));
}

static void hang_up_all(struct peer *a, struct peer others[OTHERS]) {
    hang_up(a);
    for (int i = 0; i < OTHERS; i++) hang_up(&others[i]);
}

/* The refusal of a half request needed memory, and the connection that gave it up was the one whose new
 * request had caused the refusal: its request was freed while its parser ran. */
static void who_gives_way_to_a_refusal_it_causes_ends_afterwards(void **state) {
    (void)state;
    struct peer a, others[OTHERS];
    start_with(1, 100, false);
    fill_with_answers(&a, others);
    struct peer half = dial();
    puts_to(&half, "GET /agent HTTP/1.1\r\n");
    settle();
    get(&a, "/agent");
    expect_status(&half, 429);
    expect_end(&a);
    hang_up(&half);
    half = served();
    hang_up(&half);
    hang_up_all(&a, others);
    stop();
}

/* The same of whom a proxy speaks for: its head is looked at when the other gives way. */
static void who_gives_way_while_its_head_is_judged_ends_afterwards(void **state) {
    (void)state;
    struct peer a, others[OTHERS];
    start_with(1, 100, true);
    fill_with_answers(&a, others);
    struct peer half = dial();
    puts_to(&half, "POST /agent HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 9\r\n\r\n");
    settle();
    puts_to(&a, "GET /agent HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    expect_status(&half, 429);
    expect_end(&a);
    hang_up(&half);
    hang_up_all(&a, others);
    stop();
}

/* A POST whose message fills the queue of its own session: the held GET is answered in the midst of it. */
static void who_gives_way_to_an_answer_to_its_own_post_ends_afterwards(void **state) {
    (void)state;
    struct peer a, others[OTHERS], q;
    char target[128];
    start_with(100, 100, false);
    server.strangers = false;
    q = dial();
    open_polling(&q, target);
    hang_up(&q);
    settle();
    fill_with_answers(&a, others);
    struct peer held = dial();
    get(&held, target);
    settle();
    post(&a, target, "4!flood 2000 1000 0");
    expect_status(&held, 200);
    expect_end(&a);
    hang_up(&held);
    hang_up_all(&a, others);
    stop();
}

/* The WebSocket that takes a session over releases the GET that is held: it was freed, and then had the
 * session all the same. */
static void who_gives_way_while_it_takes_over_ends_afterwards(void **state) {
    (void)state;
    struct peer a, others[OTHERS], q;
    struct hub_buf frames = {0};
    char target[128];
    start_with(100, 100, false);
    q = dial();
    open_polling(&q, target);
    hang_up(&q);
    settle();
    fill_with_answers(&a, others);
    struct peer held = dial();
    get(&held, target);
    settle();
    char upgrade[256];
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "%s", strstr(target, "&sid="));
    frame(&frames, 0x81, "2probe", 6);
    frame(&frames, 0x81, "5", 1);
    ask_for_websocket_and(&a, upgrade, "", &frames);
    expect_answer(&held, 200, "6");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_SLOW);
    expect_end(&a);
    hub_buf_free(&frames);
    hang_up(&held);
    hang_up_all(&a, others);
    stop();
}

/* "100 Continue" for a body that is let in while its connection ends with the turn. */
static void write_behind_the_end(void *arg) {
    struct hub_link *c = HUB_CONTAINER(server.transport->links.next, struct hub_link, node);
    c->blocked = true;
    hub_link_doom(c, HUB_CLOSE_SLOW);
    hub_buf_addz(&c->edge->out, "HTTP/1.1 100 Continue\r\n\r\n");
    hub_link_count(c);
    look_at_the_first(arg);
}

/* Whoever makes room goes on until nobody is stalled, and who gives way already cannot do so again. */
static void who_gives_way_is_not_found_stalled_again(void **state) {
    (void)state;
    struct stalled_one first;
    start_with(100, 100, false);
    struct peer p = served();
    on_loop(write_behind_the_end, &first);
    assert_false(first.stalled);
    assert_int_equal(first.unsent, 0);
    expect_end(&p);
    hang_up(&p);
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_so_many_sessions_without_sign_in),
        cmocka_unit_test(who_has_signed_in_or_left_makes_room),
        cmocka_unit_test(behind_a_proxy_the_forwarded_address_counts),
        cmocka_unit_test(of_too_many_half_requests_the_longest_give_way),
        cmocka_unit_test(requests_that_are_judged_do_not_give_way),
        cmocka_unit_test(a_held_poll_counts_with_its_session),
        cmocka_unit_test(a_websocket_without_sign_in_sends_16_kib_at_a_time),
        cmocka_unit_test(answers_to_strangers_who_do_not_read_pile_up_to_16_kib),
        cmocka_unit_test(a_large_body_is_read_when_its_sender_is_known),
        cmocka_unit_test(a_sender_who_leaves_while_it_is_asked_for_harms_nobody),
        cmocka_unit_test(a_post_without_sign_in_brings_16_kib),
        cmocka_unit_test(answers_that_nobody_reads_are_bounded_altogether),
        cmocka_unit_test(who_gives_way_to_a_refusal_it_causes_ends_afterwards),
        cmocka_unit_test(who_gives_way_while_its_head_is_judged_ends_afterwards),
        cmocka_unit_test(who_gives_way_to_an_answer_to_its_own_post_ends_afterwards),
        cmocka_unit_test(who_gives_way_while_it_takes_over_ends_afterwards),
        cmocka_unit_test(who_gives_way_is_not_found_stalled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
