/* What those who have signed in may send in part, all together: the oldest part gives way, whoever sends
 * in one go passes, and small messages always do. */
#include "fixture.h"

#include "base/telemetry/metric.h"
#include "transport/limits/held.h"

#define PAYLOAD 1000000
#define PART 900000 /* 1 MiB of memory each: 32 of them fit, or 31 requests, which have a head, too */
enum { FIT = 31, FRAMES = 32, MORE = 8 };

static int start_large(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    c.max_payload = PAYLOAD;
    start(&c);
    return 0;
}

static int64_t metric(const char *line) {
    struct hub_buf text = {0};
    hub_metrics_print(&text);
    const char *at = strstr(hub_buf_cstr(&text), line);
    int64_t v = at ? strtoll(at + strlen(line), NULL, 10) : -1;
    hub_buf_free(&text);
    return v;
}
static int64_t large(void) { return metric("\nhubd_input_bytes{size=\"large\"} "); }
static int64_t small(void) { return metric("\nhubd_input_bytes{size=\"small\"} "); }

/* The server has read so much of what was sent to it. */
static void wait_until(bool (*holds)(int64_t n), int64_t n) {
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 1000 * PATIENCE && !holds(n); i++) nanosleep(&moment, NULL);
    assert_true(holds(n));
}
static bool holds_large(int64_t n) { return large() >= n; }
static bool holds_no_large(int64_t n) { return (void)n, large() <= 0; }
static bool holds_small(int64_t n) { return small() >= n; }

static char filler[PAYLOAD];

static void begin_post(struct peer *p) {
    char head[128];
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", PAYLOAD);
    puts_to(p, head);
    put(p, filler, PART);
}

/* 300 of them filled the memory of a small machine, each within its bound. */
static void of_too_many_half_requests_the_oldest_are_refused(void **state) {
    (void)state;
    struct peer p[FIT + MORE];
    memset(filler, 'x', sizeof filler);
    for (int i = 0; i < FIT + MORE; i++) {
        p[i] = dial();
        begin_post(&p[i]);
        if (i < FIT) wait_until(holds_large, (int64_t)(i + 1) * PART);
    }
    for (int i = 0; i < MORE; i++) {
        struct answer a = answer_to(&p[i], false);
        assert_int_equal(a.status, 503);
        assert_string_equal(field(&a, "Retry-After"), "1");
        assert_non_null(strstr(a.body.p, "\"errCode\":\"overloaded\""));
        hub_buf_free(&a.body);
        expect_end(&p[i]);
        hang_up(&p[i]);
    }
    assert_in_range(large(), (FIT - 1) * (int64_t)PART, 32 << 20);
    struct peer ws = dial();
    open_websocket(&ws);
    ws_text(&ws, "4small");
    expect_text(&ws, "4small");
    for (int i = MORE; i < FIT + MORE; i++) { /* those that come to an end are served */
        put(&p[i], filler, PAYLOAD - PART);
        struct answer a = answer_to(&p[i], false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body.n, PAYLOAD);
        hub_buf_free(&a.body);
        hang_up(&p[i]);
    }
    wait_until(holds_no_large, 0);
    hang_up(&ws);
}

static void ws_begin(struct peer *p, size_t n) {
    struct hub_buf b = {0};
    frame(&b, 0x01, filler, n); /* a text that is not final */
    put(p, b.p, b.n);
    hub_buf_free(&b);
}

static void fragments_and_frames_give_way_likewise(void **state) {
    (void)state;
    struct peer p[FRAMES + MORE];
    memset(filler, '4', sizeof filler);
    for (int i = 0; i < FRAMES + MORE; i++) {
        struct hub_buf b = {0};
        p[i] = dial();
        open_websocket(&p[i]);
        if (i & 1) {
            ws_begin(&p[i], PART);
        } else {
            frame(&b, 0x81, filler, PAYLOAD); /* whose end is held back */
            put(&p[i], b.p, PART);
        }
        hub_buf_free(&b);
        if (i < FRAMES) wait_until(holds_large, (int64_t)(i + 1) * PART);
    }
    for (int i = 0; i < MORE; i++) {
        expect_close(&p[i], 1013);
        hang_up(&p[i]);
    }
    assert_int_equal(wait_for_closed(MORE), HUB_CLOSE_OVERLOADED);
    struct peer *last = &p[FRAMES + MORE - 1];
    struct hub_buf echo = {0};
    ws_send(last, 0x80, "end", 3);
    assert_int_equal(ws_take(last, &echo), HUB_WS_TEXT);
    assert_int_equal(echo.n, PART + 3);
    hub_buf_free(&echo);
    for (int i = MORE; i < FRAMES + MORE; i++) hang_up(&p[i]);
    wait_until(holds_no_large, 0);
}

/* What follows a message is a part of its own: whoever sends much is not the oldest for that. */
static void a_stream_of_whole_messages_does_not_grow_old(void **state) {
    (void)state;
    struct peer busy = dial(), p[FIT + 1];
    struct hub_buf twice = {0}, echo = {0};
    memset(filler, '4', sizeof filler);
    open_websocket(&busy);
    ws_begin(&busy, PART);
    wait_until(holds_large, PART);
    for (int i = 0; i < FIT - 2; i++) {
        p[i] = dial();
        begin_post(&p[i]);
        wait_until(holds_large, (int64_t)(i + 2) * PART);
    }
    frame(&twice, 0x80, "end", 3);
    frame(&twice, 0x01, filler, PART);
    put(&busy, twice.p, twice.n);
    assert_int_equal(ws_take(&busy, &echo), HUB_WS_TEXT);
    wait_until(holds_large, (FIT - 1) * (int64_t)PART);
    for (int i = FIT - 2; i < FIT + 1; i++) {
        p[i] = dial();
        begin_post(&p[i]);
    }
    expect_status(&p[0], 503);
    ws_send(&busy, 0x80, "end", 3);
    assert_int_equal(ws_take(&busy, &echo), HUB_WS_TEXT);
    hub_buf_free(&twice);
    hub_buf_free(&echo);
    for (int i = 0; i < FIT + 1; i++) hang_up(&p[i]);
    hang_up(&busy);
}

/* It came first, and was taken for the newest once it was too large to be counted with the small ones. */
static void a_piece_that_grows_large_is_as_old_as_it_was(void **state) {
    (void)state;
    struct peer first = dial(), p[FRAMES];
    struct hub_buf more = {0};
    memset(filler, '4', sizeof filler);
    open_websocket(&first);
    ws_begin(&first, 1000);
    wait_until(holds_small, 1000);
    for (int i = 0; i < FRAMES; i++) {
        p[i] = dial();
        open_websocket(&p[i]);
        if (i == 1) {
            frame(&more, 0x00, filler, PART);
            put(&first, more.p, more.n);
            wait_until(holds_large, 2 * (int64_t)PART);
        }
        ws_begin(&p[i], PART);
        if (i < FRAMES - 1) wait_until(holds_large, (int64_t)(i + 1 + (i > 0)) * PART);
    }
    expect_close(&first, 1013);
    for (int i = 0; i < FRAMES; i++) hang_up(&p[i]);
    hub_buf_free(&more);
    hang_up(&first);
}

/* Transports of one process showed what the last of them had, and one that had gone left its own behind. */
static void several_transports_are_counted_together(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    struct hub_transport *other;
    struct hub_err err;
    struct peer p = dial();
    memset(filler, 'x', sizeof filler);
    begin_post(&p);
    wait_until(holds_large, PART);
    int64_t before = large();
    struct hub_loop *loop = hub_loop_new(NULL);
    assert_int_equal(hub_transport_new(&other, loop, &c, &app_ops, NULL, &err), HUB_OK);
    struct hub_held_input *held = NULL;
    hub_held_set(other, &held, HUB_HELD_REQUEST, NULL, 50000, false);
    assert_int_equal(large(), before + 50000);
    hub_transport_delete(other);
    hub_held_drop(&held);
    hub_loop_delete(loop);
    assert_int_equal(large(), before);
    hang_up(&p);
    wait_until(holds_no_large, 0);
}

/* A small message is only ever pushed out by small ones, and the one that is sent in one go by none. */
static void of_too_many_small_parts_the_oldest_give_way(void **state) {
    (void)state;
    enum { SMALL = 16000, ALL = (16 << 20) / 16384 };
    static struct peer p[ALL + 4];
    memset(filler, '4', sizeof filler);
    for (int i = 0; i < ALL + 4; i++) {
        p[i] = dial();
        open_websocket(&p[i]);
        ws_begin(&p[i], SMALL);
        if (i < ALL) wait_until(holds_small, (int64_t)(i + 1) * SMALL);
    }
    for (int i = 0; i < 4; i++) expect_close(&p[i], 1013);
    ws_send(&p[4], 0x80, "", 0);
    struct hub_buf echo = {0};
    assert_int_equal(ws_take(&p[4], &echo), HUB_WS_TEXT);
    assert_int_equal(echo.n, SMALL);
    hub_buf_free(&echo);
    for (int i = 0; i < ALL + 4; i++) hang_up(&p[i]);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, start_large, stop_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(of_too_many_half_requests_the_oldest_are_refused), CASE(fragments_and_frames_give_way_likewise),
        CASE(a_stream_of_whole_messages_does_not_grow_old),     CASE(a_piece_that_grows_large_is_as_old_as_it_was),
        CASE(several_transports_are_counted_together),          CASE(of_too_many_small_parts_the_oldest_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
