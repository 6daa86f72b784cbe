/* Compressed frames: made once for all who share a chunk, found again by where they lie; and the
 * negotiation. */
#include "base/io/deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "deflate_pair.h"
#include "packet/chunk.h"
#include "packet/ws.h"

#define THRESHOLD 100

static uint32_t add_text(struct hub_chunk *c, char what, size_t n) {
    struct hub_buf b = {0};
    for (size_t i = 0; i < n; i++) hub_buf_addc(&b, i % 10 ? what : (char)('0' + i / 10 % 10));
    uint32_t added = hub_chunk_add_frame(c, HUB_WS_TEXT, hub_buf_str(&b));
    hub_buf_free(&b);
    return added;
}

/* "a50 b200* ": of each frame its second byte and its size, with a star when it came compressed. */
static const char *frames_of(const struct hub_chunk *c, uint32_t off, uint32_t len, struct hub_buf *out) {
    size_t at = 0;
    int opcode;
    struct hub_str payload;
    hub_buf_clear(out);
    for (size_t begin = 0; hub_chunk_next(c->p + off, len, &at, &opcode, &payload); begin = at) {
        bool deflated = c->p[off + begin] & HUB_WS_DEFLATED;
        struct hub_buf text = {0};
        if (deflated)
            assert_int_equal(hub_inflate_message(inflater, payload, 1 << 20, &text), HUB_INFLATE_OK);
        else
            hub_buf_adds(&text, payload);
        hub_buf_addf(out, "%c%zu%s ", text.p[1], text.n, deflated ? "*" : "");
        hub_buf_free(&text);
    }
    assert_int_equal(at, len);
    return hub_buf_cstr(out);
}

static const char *deflated_frames(struct hub_chunk *c, uint32_t off, uint32_t len, struct hub_buf *out) {
    struct hub_chunk *d = hub_chunk_deflate(c, deflater, THRESHOLD, &off, &len);
    return frames_of(d, off, len, out);
}

static void small_frames_are_shared_as_they_are(void **state) {
    struct hub_chunk *c = hub_chunk_new(0);
    uint32_t off = 0, len = add_text(c, 'a', THRESHOLD - 1);
    (void)state;
    assert_ptr_equal(hub_chunk_deflate(c, deflater, THRESHOLD, &off, &len), c);
    assert_int_equal(off, 0);
    assert_int_equal(len, c->n);
    assert_null(c->deflated);
    hub_chunk_unref(c);
}

static void everybody_gets_the_same_compressed_bytes_of_any_run_of_frames(void **state) {
    struct hub_chunk *c = hub_chunk_new(0);
    struct hub_buf out = {0};
    uint32_t a = add_text(c, 'a', 50), b = add_text(c, 'b', 200);
    (void)state;
    assert_string_equal(deflated_frames(c, 0, a + b, &out), "a50 b200* ");
    uint32_t d = add_text(c, 'd', THRESHOLD), e = add_text(c, 'e', 70000); /* it grows behind what was asked for */
    assert_string_equal(deflated_frames(c, a + b, d + e, &out), "d100* e70000* ");
    assert_string_equal(deflated_frames(c, 0, c->n, &out), "a50 b200* d100* e70000* ");
    assert_string_equal(deflated_frames(c, a, b + d, &out), "b200* d100* ");
    assert_string_equal(deflated_frames(c, a + b, d, &out), "d100* ");
    assert_string_equal(deflated_frames(c, 0, a, &out), "a50 ");
    uint32_t off = 0, len = c->n, off2 = 0, len2 = c->n;
    assert_ptr_equal(hub_chunk_deflate(c, deflater, THRESHOLD, &off, &len),
                     hub_chunk_deflate(c, deflater, THRESHOLD, &off2, &len2));
    assert_true(len < c->n / 10);
    hub_chunk_unref(c);
    hub_buf_free(&out);
}

static void the_compressed_bytes_outlive_the_chunk(void **state) {
    struct hub_chunk *c = hub_chunk_new(0);
    struct hub_buf out = {0};
    uint32_t off = 0, len = add_text(c, 'a', 300);
    (void)state;
    struct hub_chunk *d = hub_chunk_ref(hub_chunk_deflate(c, deflater, THRESHOLD, &off, &len));
    hub_chunk_unref(c);
    assert_string_equal(frames_of(d, off, len, &out), "a300* ");
    hub_chunk_unref(d);
    hub_buf_free(&out);
}

static void neither_noise_nor_control_frames_are_compressed(void **state) {
    struct hub_chunk *c = hub_chunk_new(0);
    struct hub_buf noise = {0}, out = {0};
    (void)state;
    for (uint32_t i = 0, x = 1; i < 500; i++) x = x * 1664525 + 1013904223, hub_buf_addc(&noise, (char)(x >> 24));
    noise.p[1] = 'n';
    uint32_t off = 0, len = hub_chunk_add_frame(c, HUB_WS_PING,
                                                HUB_STR("ppppppppppppppppppppppppppppppppppppppppppppppp"
                                                        "pppppppppppppppppppppppppppppppppppppppppppppppppp"
                                                        "pppppppppppppppppp"));
    assert_ptr_equal(hub_chunk_deflate(c, deflater, THRESHOLD, &off, &len), c);
    hub_chunk_add_frame(c, HUB_WS_BINARY, hub_buf_str(&noise));
    assert_string_equal(deflated_frames(c, 0, c->n, &out), "p115 n500 ");
    hub_chunk_unref(c);
    hub_buf_free(&noise);
    hub_buf_free(&out);
}

static void offers_are_taken_or_passed_over(void **state) {
#define AGREED "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    static const struct {
        const char *offers, *answer;
    } cases[] = {
        {"permessage-deflate", AGREED},
        {"permessage-deflate; client_max_window_bits", AGREED}, /* browsers and ws */
        {"permessage-deflate; client_max_window_bits=10", AGREED},
        {"Permessage-Deflate ;server_no_context_takeover; CLIENT_no_context_takeover", AGREED},
        {"x-webkit-deflate-frame, permessage-deflate", AGREED},
        {"permessage-deflate; server_max_window_bits=15", AGREED "; server_max_window_bits=15"},
        {"permessage-deflate; server_max_window_bits=\"15\"", AGREED "; server_max_window_bits=15"},
        {"permessage-deflate; server_max_window_bits=10, permessage-deflate", AGREED},
        {"permessage-deflate; server_max_window_bits=10", NULL},
        {"permessage-deflate; server_max_window_bits", NULL},
        {"permessage-deflate; server_max_window_bits=015", NULL},
        {"permessage-deflate; server_max_window_bits=16", NULL},
        {"permessage-deflate; client_max_window_bits=7", NULL},
        {"permessage-deflate; client_max_window_bits=", NULL},
        {"permessage-deflate; client_max_window_bits; client_max_window_bits", NULL},
        {"permessage-deflate; server_no_context_takeover=1", NULL},
        {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", NULL},
        {"permessage-deflate; something", NULL},
        {"permessage-deflate;", NULL},
        {"permessage-deflated", NULL},
        {"", NULL},
        {",;=", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hub_buf out = {0};
        bool taken = hub_ws_accept_deflate(hub_cstr(cases[i].offers), &out);
        if (taken != (cases[i].answer != NULL)) fail_msg("\"%s\": %s", cases[i].offers, taken ? "taken" : "not taken");
        assert_string_equal(hub_buf_cstr(&out), taken ? cases[i].answer : "");
        hub_buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_frames_are_shared_as_they_are),
        cmocka_unit_test(everybody_gets_the_same_compressed_bytes_of_any_run_of_frames),
        cmocka_unit_test(the_compressed_bytes_outlive_the_chunk),
        cmocka_unit_test(neither_noise_nor_control_frames_are_compressed),
        cmocka_unit_test(offers_are_taken_or_passed_over),
    };
    return cmocka_run_group_tests(tests, deflate_pair_new, deflate_pair_free);
}
