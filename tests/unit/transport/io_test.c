/* The link over other tables of struct hub_io than the two it comes with: one that must be given the same
 * bytes again, keeps bytes of which the socket does not tell, and waits the wrong way round; one with
 * vectors that says nothing by short counts; and ends of either direction. What is promised to a table is
 * checked inside it. */
#include <stdatomic.h>
#include <sys/uio.h>

#include "fixture.h"
#include "transport/transport_int.h"

#define AHEAD 64    /* bytes the slow table reads ahead */
#define SIP 7       /* and gives at a time */
#define FLAT 4096   /* what it may be given at a time */
#define DRIBBLE 999 /* and takes of it */

/* What the slow table knows of its only link. */
static struct {
    char ahead[AHEAD], given[FLAT];
    size_t ahead_at, ahead_n, given_n;
    unsigned reads, writes;
    atomic_int broken; /* promises: of the link to the table */
} slow;

static ssize_t read_slowly(struct hub_link *c, char *p, size_t n) {
    if (++slow.reads % 9 == 0) return HUB_IO_WANT_WRITE;
    if (slow.ahead_at == slow.ahead_n) {
        ssize_t r = hub_io_plain.read(c, slow.ahead, AHEAD);
        if (r <= 0) return r;
        slow.ahead_at = 0, slow.ahead_n = (size_t)r;
    }
    size_t left = slow.ahead_n - slow.ahead_at, give = left < SIP ? left : SIP;
    if (give > n) give = n;
    memcpy(p, slow.ahead + slow.ahead_at, give);
    slow.ahead_at += give;
    return (ssize_t)give;
}

static ssize_t write_slowly(struct hub_link *c, const struct iovec *iov, int n) {
    slow.broken += n != 1 || !iov->iov_len;
    if (slow.given_n)
        slow.broken += iov->iov_len < slow.given_n || memcmp(iov->iov_base, slow.given, slow.given_n) != 0;
    slow.given_n = 0;
    if (++slow.writes % 2 == 0) {
        slow.given_n = iov->iov_len < FLAT ? iov->iov_len : FLAT;
        memcpy(slow.given, iov->iov_base, slow.given_n);
        return HUB_IO_WANT_WRITE;
    }
    const struct iovec some = {iov->iov_base, iov->iov_len < DRIBBLE ? iov->iov_len : DRIBBLE};
    return hub_io_plain.writev(c, &some, 1);
}

static bool has_more_ahead(const struct hub_link *c) {
    (void)c;
    return slow.ahead_at < slow.ahead_n;
}

static void shutdown_plainly(struct hub_link *c) { hub_io_plain.shutdown(c); }

static void release_slowly(struct hub_link *c) {
    (void)c;
    slow.ahead_at = slow.ahead_n = slow.given_n = 0;
}

static const struct hub_io slow_io = {.name = "slow",
                                      .flat = FLAT,
                                      .read = read_slowly,
                                      .writev = write_slowly,
                                      .has_more = has_more_ahead,
                                      .shutdown = shutdown_plainly,
                                      .release = release_slowly};

/* Vectors, a few bytes at a time, and no word about whether the socket is full. */
static ssize_t write_bits(struct hub_link *c, const struct iovec *iov, int n) {
    const struct iovec some = {iov->iov_base, iov->iov_len < 3 ? iov->iov_len : 3};
    slow.broken += n < 1;
    return hub_io_plain.writev(c, &some, 1);
}

static ssize_t read_plainly(struct hub_link *c, char *p, size_t n) { return hub_io_plain.read(c, p, n); }
static void release_nothing(struct hub_link *c) { (void)c; }

static const struct hub_io bits_io = {.name = "bits",
                                      .secure = true,
                                      .read = read_plainly,
                                      .writev = write_bits,
                                      .has_more = has_more_ahead,
                                      .shutdown = shutdown_plainly,
                                      .release = release_nothing};

/* Works until it is told to break. */
static atomic_bool reads_break, writes_break;
static int released;

static ssize_t read_or_break(struct hub_link *c, char *p, size_t n) {
    return reads_break ? HUB_IO_ERROR : hub_io_plain.read(c, p, n);
}

static ssize_t write_or_break(struct hub_link *c, const struct iovec *iov, int n) {
    return writes_break ? HUB_IO_ERROR : hub_io_plain.writev(c, iov, n);
}

static void release_counted(struct hub_link *c) {
    (void)c;
    released++;
}

static const struct hub_io fragile_io = {.name = "fragile",
                                         .exact = true,
                                         .read = read_or_break,
                                         .writev = write_or_break,
                                         .has_more = has_more_ahead,
                                         .shutdown = shutdown_plainly,
                                         .release = release_counted};

/* What the link asks for. */
static atomic_size_t most_asked;

static ssize_t read_noting(struct hub_link *c, char *p, size_t n) {
    if (n > most_asked) most_asked = n;
    return hub_io_plain.read(c, p, n);
}

static ssize_t write_plainly(struct hub_link *c, const struct iovec *iov, int n) {
    return hub_io_plain.writev(c, iov, n);
}

static const struct hub_io noting_io = {.name = "noting",
                                        .exact = true,
                                        .read = read_noting,
                                        .writev = write_plainly,
                                        .has_more = has_more_ahead,
                                        .shutdown = shutdown_plainly,
                                        .release = release_nothing};

static int start_with(const struct hub_io *io) {
    memset(&slow, 0, sizeof slow);
    reads_break = writes_break = false;
    released = 0;
    most_asked = 0;
    start(&app_defaults);
    server.transport->io = io; /* nobody has dialled yet */
    return 0;
}

static int start_slow(void **state) { return (void)state, start_with(&slow_io); }
static int start_bits(void **state) { return (void)state, start_with(&bits_io); }
static int start_noting(void **state) { return (void)state, start_with(&noting_io); }
static int start_fragile(void **state) { return (void)state, start_with(&fragile_io); }

static void requests_and_messages_pass_both_ways(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 6, 7, 8, 63, 64, 65, 4095, 4096, 4097, 20000};
    struct peer p = dial();
    struct hub_buf out = {0};
    char bytes[20000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 31 >> 3);
    post(&p, "/echo", "hello");
    expect_answer(&p, 200, "hello");
    get(&p, "/big?n=30000");
    struct answer a = answer_to(&p, false);
    assert_int_equal(a.body.n, 30000);
    hub_buf_free(&a.body);
    open_websocket(&p);
    for (size_t i = 0; i < HUB_NELEM(sizes); i++) {
        ws_send(&p, 0x82, bytes, sizes[i]);
        assert_int_equal(ws_take(&p, &out), HUB_WS_BINARY);
        assert_int_equal(out.n, sizes[i]);
        assert_memory_equal(out.p, bytes, sizes[i]);
    }
    ws_text(&p, "4!flood 50 1000 0");
    for (int i = 0; i < 50; i++) assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
    ws_text(&p, "4!close");
    expect_close(&p, 1000);
    hub_buf_free(&out);
    hang_up(&p);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_SERVER);
    assert_int_equal(slow.broken, 0);
}

static void bytes_that_only_the_table_knows_of_are_fetched(void **state) {
    (void)state;
    struct peer p = dial();
    for (int i = 0; i < 20; i++) { /* each request lies in what was read ahead, and nothing follows it */
        post(&p, "/echo", "x");
        expect_answer(&p, 200, "x");
    }
    hang_up(&p);
    assert_int_equal(slow.broken, 0);
}

static void each_link_is_released_once(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct peer p = dial();
        post(&p, "/echo", "x");
        expect_answer(&p, 200, "x");
        hang_up(&p);
    }
    stop();
    assert_int_equal(released, 5);
    start(&app_defaults); /* for the teardown */
}

static void an_error_ends_the_session_with_its_reason(void **state) {
    (void)state;
    struct peer p = dial(), q = dial();
    open_websocket(&p);
    open_websocket(&q);
    reads_break = true;
    ws_text(&p, "4x");
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_ERROR);
    expect_end(&p);
    reads_break = false;
    writes_break = true;
    ws_text(&q, "4x");
    assert_int_equal(wait_for_closed(2), HUB_CLOSE_ERROR);
    expect_end(&q);
    hang_up(&p);
    hang_up(&q);
}

/* The frame lies in what was kept of its first half. More than its queue may hold is written at once, in the
 * midst of the message, and that is when the socket turns out to be broken. */
static void an_error_in_the_midst_of_a_message_leaves_the_message_whole(void **state) {
    (void)state;
    static const char flood[] = "4!flood 3000 1000 0";
    struct hub_buf b = {0};
    struct peer p = dial();
    open_websocket(&p);
    frame(&b, 0x81, flood, sizeof flood - 1);
    put(&p, b.p, 10);
    settle();
    writes_break = true;
    put(&p, b.p + 10, b.n - 10);
    assert_int_equal(wait_for_closed(1), HUB_CLOSE_ERROR);
    assert_int_equal(server.last_byte, '0');
    expect_end(&p);
    hub_buf_free(&b);
    hang_up(&p);
}

/* A body in chunks was read 8 KiB at a time, for its length is not known beforehand. */
static void a_large_chunk_is_read_as_fast_as_a_large_body(void **state) {
    (void)state;
    struct peer p = dial();
    struct hub_buf b = {0};
    char *body = hub_xcalloc(1, 90000);
    for (int chunked = 0; chunked < 2; chunked++) {
        hub_buf_clear(&b);
        hub_buf_addf(&b, "POST /echo HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n",
                     chunked ? "Transfer-Encoding: chunked" : "Content-Length: 90000");
        if (chunked) hub_buf_addf(&b, "%x\r\n", 90000);
        put(&p, b.p, b.n);
        put(&p, body, 9000);
        wait_for(&server.asked, chunked + 1, "questions");
        settle();
        put(&p, body + 9000, 81000);
        if (chunked) puts_to(&p, "\r\n0\r\n\r\n");
        struct answer a = answer_to(&p, false);
        assert_int_equal(a.body.n, 90000);
        hub_buf_free(&a.body);
        assert_int_equal(most_asked, HUB_IN_SIZE);
        most_asked = 0;
        post(&p, "/echo", "small");
        expect_answer(&p, 200, "small");
        assert_int_equal(most_asked, HUB_READ_PENDING);
    }
    free(body);
    hub_buf_free(&b);
    hang_up(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_and_messages_pass_both_ways, start_slow, stop_server),
        cmocka_unit_test_setup_teardown(requests_and_messages_pass_both_ways, start_bits, stop_server),
        cmocka_unit_test_setup_teardown(bytes_that_only_the_table_knows_of_are_fetched, start_slow, stop_server),
        cmocka_unit_test_setup_teardown(a_large_chunk_is_read_as_fast_as_a_large_body, start_noting, stop_server),
        cmocka_unit_test_setup_teardown(each_link_is_released_once, start_fragile, stop_server),
        cmocka_unit_test_setup_teardown(an_error_ends_the_session_with_its_reason, start_fragile, stop_server),
        cmocka_unit_test_setup_teardown(an_error_in_the_midst_of_a_message_leaves_the_message_whole, start_fragile,
                                        stop_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
