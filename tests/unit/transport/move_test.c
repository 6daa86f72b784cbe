/* Two transports of a process, each on a loop and thread of its own: a connection whose request names a
 * session of the other one goes on there. The first is the fixture's. */
#include "fixture.h"

static struct hub_transport_group *group;
static struct {
    struct hub_loop *loop;
    struct hub_transport *transport;
    pthread_t thread;
    struct hub_task stop;
} other;

static void on_other_stop(struct hub_task *task) {
    (void)task;
    hub_loop_stop(other.loop);
}

static int start_both(void **state) {
    struct hub_transport_config config = app_defaults;
    struct hub_err err;
    (void)state;
    config.group = group = hub_transport_group_new();
    config.place = 5;
    start(&config);
    config.place = 63;
    other.stop.run = on_other_stop;
    other.loop = hub_loop_new(NULL);
    if (hub_transport_new(&other.transport, other.loop, &config, &app_ops, NULL, &err)) fail_msg("%s", err.text);
    assert_int_equal(pthread_create(&other.thread, NULL, run_loop, other.loop), 0);
    return 0;
}

static void stop_other(void) {
    if (!other.transport) return;
    hub_post(other.loop, &other.stop);
    pthread_join(other.thread, NULL);
    hub_transport_delete(other.transport);
    hub_loop_delete(other.loop);
    other.transport = NULL;
}

static int stop_both(void **state) {
    (void)state;
    stop_other();
    stop();
    hub_transport_group_free(group);
    return 0;
}

/* A connection that the other transport takes. */
static struct peer dial_other(void) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)hub_transport_port(other.transport)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE};
    struct peer p = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(p.fd, (struct sockaddr *)&a, sizeof a), 0);
    return p;
}

static void a_request_reaches_its_session_whoever_takes_it(void **state) {
    (void)state;
    struct peer p = dial(), q = dial_other();
    char target[128];
    open_polling(&p, target);
    for (int i = 0; i < 3; i++) { /* the first one moves it */
        post(&q, target, "4hello");
        expect_answer(&q, 200, "ok");
        get(&p, target);
        expect_answer(&p, 200, "4hello");
    }
    hang_up(&p);
    hang_up(&q);
}

static void a_connection_moves_as_often_as_it_has_to(void **state) {
    (void)state;
    struct peer p = dial(), q = dial_other();
    char here[128], there[128];
    open_polling(&p, here);
    open_polling(&q, there);
    for (int i = 0; i < 5; i++) {
        post(&q, here, "4here");
        expect_answer(&q, 200, "ok");
        post(&q, there, "4there");
        expect_answer(&q, 200, "ok");
        get(&q, here);
        expect_answer(&q, 200, "4here");
        get(&q, there);
        expect_answer(&q, 200, "4there");
    }
    hang_up(&p);
    hang_up(&q);
}

static void a_body_that_is_still_to_come_goes_with_it(void **state) {
    (void)state;
    struct peer p = dial(), q = dial_other();
    char target[128], head[256];
    open_polling(&p, target);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\n4ha", target);
    puts_to(&q, head);
    get(&p, "/echo"); /* its loop has had turns meanwhile */
    expect_status(&p, 200);
    puts_to(&q, "lves!");
    expect_answer(&q, 200, "ok");
    get(&p, target);
    expect_answer(&p, 200, "4halves!");
    hang_up(&p);
    hang_up(&q);
}

static void what_was_sent_behind_the_request_is_answered_behind_it(void **state) {
    (void)state;
    struct peer p = dial(), q = dial_other();
    char target[128], both[512];
    open_polling(&p, target);
    snprintf(both, sizeof both,
             "POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n4hi"
             "GET %s HTTP/1.1\r\nHost: test\r\n\r\nGET /agent HTTP/1.1\r\nHost: test\r\nUser-Agent: me\r\n\r\n",
             target, target);
    puts_to(&q, both);
    expect_answer(&q, 200, "ok");
    expect_answer(&q, 200, "4hi");
    expect_answer(&q, 200, "me");
    hang_up(&p);
    hang_up(&q);
}

static void an_upgrade_reaches_its_session(void **state) {
    (void)state;
    struct peer poll = dial(), ws = dial_other();
    char target[128], upgrade[160];
    open_polling(&poll, target);
    get(&poll, target);
    snprintf(upgrade, sizeof upgrade, EIO_WEBSOCKET "&sid=%s", strstr(target, "sid=") + 4);
    ask_for_websocket(&ws, upgrade, "");
    expect_status(&ws, 101);
    ws_text(&ws, "2probe");
    expect_text(&ws, "3probe");
    expect_answer(&poll, 200, "6");
    ws_text(&ws, "5");
    ws_text(&ws, "4over");
    expect_text(&ws, "4over");
    hang_up(&poll);
    hang_up(&ws);
}

static void sessions_of_nobody_are_unknown_where_they_are_asked_for(void **state) {
    (void)state;
    struct peer p = dial();
    char target[128];
    open_polling(&p, target);
    char *mark = target + strlen(target) - 1;
    for (const char *m = "A_F"; *m; m++) { /* a place that is empty, one that is, its own */
        struct peer q = dial();
        char last = *mark;
        *mark = *m;
        if (*m != last) {
            get(&q, target);
            expect_status(&q, 400);
        }
        *mark = last;
        hang_up(&q);
    }
    stop_other();
    *mark = '_'; /* its transport has gone */
    get(&p, target);
    expect_status(&p, 400);
    hang_up(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_reaches_its_session_whoever_takes_it, start_both, stop_both),
        cmocka_unit_test_setup_teardown(a_connection_moves_as_often_as_it_has_to, start_both, stop_both),
        cmocka_unit_test_setup_teardown(a_body_that_is_still_to_come_goes_with_it, start_both, stop_both),
        cmocka_unit_test_setup_teardown(what_was_sent_behind_the_request_is_answered_behind_it, start_both, stop_both),
        cmocka_unit_test_setup_teardown(an_upgrade_reaches_its_session, start_both, stop_both),
        cmocka_unit_test_setup_teardown(sessions_of_nobody_are_unknown_where_they_are_asked_for, start_both, stop_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
