/* The outbound queue: pieces that join, short writes, dropping what is ephemeral, and a random walk
 * against a plain model. */
#include "transport/engineio/outq.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "base/text/buf.h"
#include "packet/ws.h"

#define EPHEMERAL 1

static struct hub_chunk *frames(int count, size_t payload_n) {
    char payload[200];
    struct hub_chunk *c = hub_chunk_new(0);
    for (int i = 0; i < count; i++) {
        memset(payload, 'a' + i % 26, sizeof payload);
        hub_chunk_add_frame(c, HUB_WS_TEXT, hub_str(payload, payload_n));
    }
    return c;
}

/* Everything that is queued, as one buffer. */
static struct hub_buf content(struct hub_outq *q) {
    struct iovec iov[512];
    struct hub_buf b = {0};
    int n = hub_outq_gather(q, iov, 512);
    for (int i = 0; i < n; i++) hub_buf_add(&b, iov[i].iov_base, iov[i].iov_len);
    return b;
}

static void bytes_that_continue_a_piece_extend_it(void **state) {
    (void)state;
    struct hub_outq q = {0};
    struct hub_chunk *c = frames(4, 8); /* frames of 10 bytes */
    hub_outq_add(&q, c, 0, 10, 0);
    hub_outq_add(&q, c, 10, 10, 0);
    assert_int_equal(q.n, 1);
    hub_outq_add(&q, c, 20, 10, EPHEMERAL); /* other flags */
    hub_outq_add(&q, c, 0, 10, EPHEMERAL);  /* does not continue */
    assert_int_equal(q.n, 3);
    assert_int_equal(q.bytes, 40);
    assert_int_equal(c->refs, 4);
    hub_outq_clear(&q);
    assert_int_equal(c->refs, 1);
    hub_outq_add(&q, c, 0, 10, 0);
    hub_outq_consume(&q, 3);
    hub_outq_add(&q, c, 10, 10, 0); /* a piece that is partly sent stays as it is */
    assert_int_equal(q.n, 2);
    hub_outq_consume(&q, 17);
    assert_int_equal(q.n, 0);
    assert_int_equal(q.bytes, 0);
    hub_chunk_unref(c);
}

static void a_burst_costs_memory_only_while_it_waits(void **state) {
    (void)state;
    struct hub_outq q = {0};
    struct hub_chunk *c = frames(1, 8);
    for (int i = 0; i < 100; i++) hub_outq_add(&q, c, 0, 10, 0);
    assert_int_equal(q.n, 100);
    assert_non_null(q.ring);
    hub_outq_consume(&q, 1000);
    assert_null(q.ring);
    assert_int_equal(c->refs, 1);
    hub_chunk_unref(c);
}

static void ephemeral_frames_are_dropped_oldest_first_and_only_as_many_as_needed(void **state) {
    (void)state;
    struct hub_outq q = {0};
    struct hub_chunk *old = frames(5, 8), *kept = frames(3, 8), *fresh = frames(5, 8);
    hub_outq_add(&q, old, 0, 50, EPHEMERAL);
    hub_outq_add(&q, kept, 0, 30, 0);
    hub_outq_add(&q, fresh, 0, 50, EPHEMERAL);
    assert_int_equal(hub_outq_drop(&q, EPHEMERAL, 130), 0);
    assert_int_equal(hub_outq_drop(&q, EPHEMERAL, 111), 2); /* whole frames: 20 bytes make 110 */
    assert_int_equal(q.bytes, 110);
    struct hub_buf b = content(&q);
    assert_memory_equal(b.p + 2, "cccccccc", 8);
    hub_buf_free(&b);
    assert_int_equal(hub_outq_drop(&q, EPHEMERAL, 70), 4); /* the other three, then one fresh */
    b = content(&q);
    assert_memory_equal(b.p + 2, "aaaaaaaa", 8);
    assert_memory_equal(b.p + 30 + 2, "bbbbbbbb", 8);
    hub_buf_free(&b);
    assert_int_equal(old->refs, 1);
    assert_int_equal(hub_outq_drop(&q, EPHEMERAL, 0), 4);
    assert_int_equal(q.bytes, 30); /* what is not ephemeral stays */
    hub_outq_clear(&q);
    hub_chunk_unref(old);
    hub_chunk_unref(kept);
    hub_chunk_unref(fresh);
}

static void a_frame_that_is_partly_sent_is_never_dropped(void **state) {
    (void)state;
    struct hub_outq q = {0};
    struct hub_chunk *c = frames(2, 8);
    hub_outq_add(&q, c, 0, 10, EPHEMERAL);
    hub_outq_consume(&q, 1);
    hub_outq_add(&q, c, 10, 10, EPHEMERAL);
    assert_int_equal(hub_outq_drop(&q, EPHEMERAL, 0), 1);
    assert_int_equal(q.bytes, 9);
    hub_outq_clear(&q);
    hub_chunk_unref(c);
}

static void cutting_keeps_the_rest_of_the_frame_on_the_wire(void **state) {
    (void)state;
    struct hub_chunk *c = frames(4, 8), *other = frames(1, 8);
    for (uint32_t sent = 0; sent < 40; sent++) {
        struct hub_outq q = {0};
        hub_outq_add(&q, c, 0, 40, 0);
        hub_outq_add(&q, other, 0, 10, EPHEMERAL);
        hub_outq_consume(&q, sent);
        hub_outq_cut(&q);
        uint32_t rest = (10 - sent % 10) % 10;
        assert_int_equal(q.bytes, rest);
        struct hub_buf b = content(&q);
        if (rest) assert_memory_equal(b.p, c->p + sent, rest);
        hub_buf_free(&b);
        hub_outq_cut(&q); /* twice is once */
        assert_int_equal(q.bytes, rest);
        hub_outq_clear(&q);
    }
    assert_int_equal(c->refs, 1);
    assert_int_equal(other->refs, 1);
    hub_chunk_unref(c);
    hub_chunk_unref(other);
}

static void a_random_walk_agrees_with_a_plain_buffer(void **state) {
    (void)state;
    unsigned seed = 1;
    struct hub_outq q = {0};
    struct hub_buf model = {0};
    struct hub_chunk *c = frames(20, 8);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1103515245 + 12345;
        unsigned r = seed >> 16;
        if (r % 3 && q.n < 100) {
            uint32_t off = r / 3 % 20 * 10, len = (r / 64 % 3 + 1) * 10;
            if (off + len > c->n) len = c->n - off;
            hub_outq_add(&q, c, off, len, r & 1);
            hub_buf_add(&model, c->p + off, len);
        } else {
            size_t n = q.bytes ? r % (q.bytes + 1) : 0;
            hub_outq_consume(&q, n);
            hub_buf_drop(&model, n);
        }
        assert_int_equal(q.bytes, model.n);
        if (step % 50) continue;
        struct hub_buf b = content(&q);
        assert_int_equal(b.n, model.n);
        if (b.n) assert_memory_equal(b.p, model.p, b.n);
        hub_buf_free(&b);
    }
    hub_outq_clear(&q);
    assert_int_equal(q.flagged, 0);
    assert_int_equal(c->refs, 1);
    hub_chunk_unref(c);
    hub_buf_free(&model);
}

/* ---- what must hold ---- */

static struct hub_chunk *three_frames; /* of 10 bytes */

/* Four pieces in a ring that has gone round: the first sent in part, two flagged. */
static struct hub_outq four_pieces(void) {
    struct hub_outq q = {0};
    three_frames = frames(3, 8);
    for (int i = 0; i < 3; i++) hub_outq_add(&q, three_frames, 0, 10, 0);
    hub_outq_consume(&q, 20);
    hub_outq_add(&q, three_frames, 20, 10, EPHEMERAL);
    for (uint32_t i = 0; i < 2; i++) hub_outq_add(&q, three_frames, 0, 20, i);
    hub_outq_consume(&q, 4);
    return q;
}

static void drop_pieces(struct hub_outq *q) {
    hub_outq_clear(q);
    assert_int_equal(three_frames->refs, 1);
    hub_chunk_unref(three_frames);
}

static struct hub_piece *nth(struct hub_outq *q, uint32_t i) { return &q->ring[(q->head + i) & (q->cap - 1)]; }

static void miscount_bytes(struct hub_outq *q) { q->bytes++; }
static void miscount_flags(struct hub_outq *q) { q->flagged--; }
static void flag_silently(struct hub_outq *q) { nth(q, 3)->flags ^= EPHEMERAL; }
static void lose_a_piece(struct hub_outq *q) { q->n--; }
static void overfill(struct hub_outq *q) { q->n = q->cap + 1; }
static void leave_the_ring(struct hub_outq *q) { q->head = q->cap; }
static void bend_the_ring(struct hub_outq *q) { q->cap = 6; }
static void forget_the_ring(struct hub_outq *q) { q->ring = NULL; }
static void empty_a_piece(struct hub_outq *q) { q->bytes -= nth(q, 2)->len, nth(q, 2)->len = 0; }
static void lose_a_chunk(struct hub_outq *q) { nth(q, 1)->chunk = NULL; }
static void leave_the_chunk(struct hub_outq *q) { nth(q, 1)->off = nth(q, 1)->start = 21; }
static void start_behind_it(struct hub_outq *q) { nth(q, 0)->start = nth(q, 0)->off + 1; }
static void send_part_of_a_later_one(struct hub_outq *q) { q->bytes--, nth(q, 1)->off++, nth(q, 1)->len--; }

static void (*const breaks[])(struct hub_outq *) = {
    miscount_bytes,
    miscount_flags,
    flag_silently,
    lose_a_piece,
    overfill,
    leave_the_ring,
    bend_the_ring,
    forget_the_ring,
    empty_a_piece,
    lose_a_chunk,
    leave_the_chunk,
    start_behind_it,
    send_part_of_a_later_one,
};

static void a_broken_queue_is_not_sane(void **state) {
    (void)state;
    struct hub_outq q = four_pieces(), none = {0};
    struct hub_piece saved[8];
    assert_true(hub_outq_sane(&none));
    assert_int_equal(q.cap, 4);
    for (size_t i = 0; i < HUB_NELEM(breaks); i++) {
        struct hub_outq copy = q;
        memcpy(saved, q.ring, q.cap * sizeof *saved);
        assert_true(hub_outq_sane(&q));
        breaks[i](&q);
        if (hub_outq_sane(&q)) fail_msg("break %zu was not noticed", i);
        q = copy;
        memcpy(q.ring, saved, q.cap * sizeof *saved);
    }
    drop_pieces(&q);
}

static void use_add(struct hub_outq *q) { hub_outq_add(q, three_frames, 0, 10, 0); }
static void use_first(struct hub_outq *q) { hub_outq_first(q); }
static void use_gather(struct hub_outq *q) {
    struct iovec iov[8];
    hub_outq_gather(q, iov, 8);
}
static void use_consume(struct hub_outq *q) { hub_outq_consume(q, 1); }
static void use_consume_frames(struct hub_outq *q) { hub_outq_consume_frames(q, 6); }
static void use_drop(struct hub_outq *q) { hub_outq_drop(q, EPHEMERAL, 0); }
static void use_cut(struct hub_outq *q) { hub_outq_cut(q); }
static void use_clear(struct hub_outq *q) { hub_outq_clear(q); }
static void consume_too_much(struct hub_outq *q) { hub_outq_consume(q, q->bytes + 1); }
static void add_what_is_not_there(struct hub_outq *q) { hub_outq_add(q, three_frames, 20, 11, 0); }

static void (*const uses[])(struct hub_outq *) = {use_add,  use_first, use_gather, use_consume, use_consume_frames,
                                                  use_drop, use_cut,   use_clear};

/* Whether FN ends the process. */
static bool aborts(struct hub_outq *q, void (*fn)(struct hub_outq *)) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* its last words */
        signal(SIGABRT, SIG_DFL);
        fn(q);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_debug_build_ends_at_the_first_use_of_a_broken_queue(void **state) {
    (void)state;
#ifdef NDEBUG
    skip();
#endif
    struct hub_outq q = four_pieces();
    for (size_t i = 0; i < HUB_NELEM(uses); i++) {
        assert_false(aborts(&q, uses[i]));
        miscount_bytes(&q);
        if (!aborts(&q, uses[i])) fail_msg("use %zu did not notice", i);
        q.bytes--;
    }
    assert_true(aborts(&q, consume_too_much));
    assert_true(aborts(&q, add_what_is_not_there));
    drop_pieces(&q);
}

static void whole_frames_taken_leave_an_untouched_piece(void **state) {
    (void)state;
    struct hub_outq q = {0};
    struct hub_chunk *c = frames(3, 8);
    hub_outq_add(&q, c, 0, 20, EPHEMERAL);
    hub_outq_consume_frames(&q, 10);
    assert_int_equal(hub_outq_drop(&q, EPHEMERAL, 0), 1);
    hub_outq_add(&q, c, 0, 10, 0);
    hub_outq_consume_frames(&q, 10);
    assert_int_equal(q.n, 0);
    assert_int_equal(c->refs, 1);
    hub_chunk_unref(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_continue_a_piece_extend_it),
        cmocka_unit_test(a_burst_costs_memory_only_while_it_waits),
        cmocka_unit_test(ephemeral_frames_are_dropped_oldest_first_and_only_as_many_as_needed),
        cmocka_unit_test(a_frame_that_is_partly_sent_is_never_dropped),
        cmocka_unit_test(cutting_keeps_the_rest_of_the_frame_on_the_wire),
        cmocka_unit_test(a_random_walk_agrees_with_a_plain_buffer),
        cmocka_unit_test(a_broken_queue_is_not_sane),
        cmocka_unit_test(a_debug_build_ends_at_the_first_use_of_a_broken_queue),
        cmocka_unit_test(whole_frames_taken_leave_an_untouched_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
