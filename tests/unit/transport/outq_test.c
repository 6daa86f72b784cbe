/* The outbound queue: pieces that join, short writes, dropping what is ephemeral, and a random walk
 * against a plain model. */
#include "transport/outq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_continue_a_piece_extend_it),
        cmocka_unit_test(a_burst_costs_memory_only_while_it_waits),
        cmocka_unit_test(ephemeral_frames_are_dropped_oldest_first_and_only_as_many_as_needed),
        cmocka_unit_test(a_frame_that_is_partly_sent_is_never_dropped),
        cmocka_unit_test(cutting_keeps_the_rest_of_the_frame_on_the_wire),
        cmocka_unit_test(a_random_walk_agrees_with_a_plain_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
