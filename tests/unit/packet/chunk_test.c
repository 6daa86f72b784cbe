/* Chunks: frames laid end to end and walked back, also when the bytes end early. */
#include "packet/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "packet/ws.h"

static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};

static void frames_of_every_size_are_walked_back(void **state) {
    (void)state;
    struct hub_chunk *c = hub_chunk_new(0);
    char *bytes = hub_xcalloc(1, 70000);
    uint32_t total = 0;
    for (size_t i = 0; i < HUB_NELEM(sizes); i++) {
        if (sizes[i]) bytes[0] = (char)i;
        total += hub_chunk_add_frame(c, i & 1 ? HUB_WS_BINARY : HUB_WS_TEXT, hub_str(bytes, sizes[i]));
        assert_int_equal(c->n, total);
    }
    size_t at = 0;
    int opcode;
    struct hub_str payload;
    for (size_t i = 0; i < HUB_NELEM(sizes); i++) {
        assert_true(hub_chunk_next(c->p, c->n, &at, &opcode, &payload));
        assert_int_equal(opcode, i & 1 ? HUB_WS_BINARY : HUB_WS_TEXT);
        assert_int_equal(payload.n, sizes[i]);
        if (sizes[i]) assert_int_equal(payload.p[0], (char)i);
    }
    assert_int_equal(at, c->n);
    assert_false(hub_chunk_next(c->p, c->n, &at, &opcode, &payload));
    free(bytes);
    hub_chunk_unref(c);
}

/* The head is 2, 4 or 10 bytes long, which is not known before the payload is. */
static void a_payload_made_in_place_gives_the_same_frame(void **state) {
    (void)state;
    static const size_t caps[] = {1, 64, 100000};
    char *bytes = hub_xcalloc(1, 70000);
    for (size_t i = 0; i < 70000; i++) bytes[i] = (char)(i * 7 >> 2);
    for (size_t k = 0; k < HUB_NELEM(caps); k++) {
        struct hub_chunk *want = hub_chunk_new(0), *c = hub_chunk_new(caps[k]);
        for (size_t i = 0; i < HUB_NELEM(sizes); i++) {
            struct hub_buf payload;
            uint32_t n = hub_chunk_add_frame(want, HUB_WS_TEXT, hub_str(bytes, sizes[i]));
            hub_chunk_begin_frame(c, &payload);
            for (size_t at = 0; at < sizes[i]; at += 1000)
                hub_buf_add(&payload, bytes + at, sizes[i] - at < 1000 ? sizes[i] - at : 1000);
            assert_int_equal(hub_chunk_end_frame(c, HUB_WS_TEXT, &payload), n);
            assert_int_equal(c->n, want->n);
            assert_memory_equal(c->p, want->p, c->n);
            assert_true(c->cap >= c->n);
        }
        hub_chunk_unref(want);
        hub_chunk_unref(c);
    }
    free(bytes);
}

static void a_truncated_frame_ends_the_walk(void **state) {
    (void)state;
    char bytes[200] = {0};
    struct hub_chunk *c = hub_chunk_frame(HUB_WS_TEXT, hub_str(bytes, sizeof bytes));
    for (size_t n = 0; n < c->n; n++) {
        size_t at = 0;
        int opcode;
        struct hub_str payload;
        assert_false(hub_chunk_next(c->p, n, &at, &opcode, &payload));
        assert_int_equal(at, 0);
    }
    size_t beyond = c->n + 1;
    int opcode;
    struct hub_str payload;
    assert_false(hub_chunk_next(c->p, c->n, &beyond, &opcode, &payload));
    hub_chunk_unref(c);
}

static void a_length_that_claims_the_whole_address_space_ends_the_walk(void **state) {
    (void)state;
    static const char frame[] = "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff....";
    size_t at = 0;
    int opcode;
    struct hub_str payload;
    assert_false(hub_chunk_next(frame, sizeof frame - 1, &at, &opcode, &payload));
}

static void the_last_reference_frees(void **state) {
    (void)state;
    struct hub_chunk *c = hub_chunk_frame(HUB_WS_TEXT, HUB_STR("4x"));
    assert_ptr_equal(hub_chunk_ref(c), c);
    hub_chunk_unref(c);
    assert_int_equal(c->refs, 1);
    assert_memory_equal(c->p,
                        "\x81\x02"
                        "4x",
                        4);
    hub_chunk_unref(c); /* a leak here fails under the address sanitizer */
    hub_chunk_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_size_are_walked_back),
        cmocka_unit_test(a_payload_made_in_place_gives_the_same_frame),
        cmocka_unit_test(a_truncated_frame_ends_the_walk),
        cmocka_unit_test(a_length_that_claims_the_whole_address_space_ends_the_walk),
        cmocka_unit_test(the_last_reference_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
