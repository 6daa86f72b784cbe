/* WebSocket bytes in, messages out: the same messages however the bytes are cut; every breach with its
 * close code. */
#include "transport/websocket/ws_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "deflate_pair.h"
#include "packet/ws.h"

#define MAX_PAYLOAD 1000

static void add_frame(struct hub_buf *b, int first_byte, struct hub_str payload) {
    static const uint8_t mask[4] = {1, 2, 3, 250};
    uint8_t head[10];
    size_t n = hub_ws_head_write(head, 0, payload.n);
    head[0] = (uint8_t)first_byte;
    head[1] |= 0x80;
    hub_buf_add(b, head, n);
    hub_buf_add(b, mask, 4);
    hub_buf_adds(b, payload);
    hub_ws_unmask(b->p + b->n - payload.n, payload.n, mask, 0);
}

/* The transcript of what came out: opcode, length and bytes of each message. */
static bool note(void *arg, int opcode, struct hub_str payload) {
    struct hub_buf *log = arg;
    hub_buf_addf(log, "%d:%zu:", opcode, payload.n);
    hub_buf_adds(log, payload);
    hub_buf_addc(log, '|');
    return !hub_str_is(payload, "stop");
}

static enum hub_ws_in_end feed(struct hub_ws_in *in, const char *p, size_t n, struct hub_buf *log) {
    char *copy = hub_xmalloc(n); /* exactly as long, so that reading beyond shows; and unmasking writes into it */
    memcpy(copy, p, n);
    const struct hub_ws_in_rules rules = {.max_payload = MAX_PAYLOAD, .inflater = inflater, .fn = note, .arg = log};
    enum hub_ws_in_end end = hub_ws_in_feed(in, copy, n, &rules);
    free(copy);
    return end;
}

static struct hub_buf conversation(void) {
    struct hub_buf b = {0}, big = {0};
    memset(hub_buf_reserve(&big, MAX_PAYLOAD), 'y', MAX_PAYLOAD);
    big.n = MAX_PAYLOAD;
    add_frame(&b, 0x81, HUB_STR("4hello"));
    add_frame(&b, 0x82, HUB_STR("\x00\xff"));
    add_frame(&b, 0x81, HUB_STR(""));
    add_frame(&b, 0x01, HUB_STR("4\xc3")); /* a character cut between fragments */
    add_frame(&b, 0x89, HUB_STR("ping"));  /* control frames may come in between */
    add_frame(&b, 0x00, HUB_STR(""));
    add_frame(&b, 0x00, HUB_STR("\xa4"));
    add_frame(&b, 0x80, HUB_STR("!"));
    add_frame(&b, 0x02, hub_str(big.p, 600));
    add_frame(&b, 0x80, hub_str(big.p, 400));
    add_frame(&b, 0x81, hub_buf_str(&big));
    add_frame(&b, 0x8a, HUB_STR(""));
    add_frame(&b, 0x88,
              HUB_STR("\x03\xe8"
                      "bye"));
    hub_buf_free(&big);
    return b;
}

static void messages_come_out_the_same_however_the_bytes_are_cut(void **state) {
    (void)state;
    struct hub_buf b = conversation(), whole = {0};
    struct hub_ws_in in = {0};
    assert_int_equal(feed(&in, b.p, b.n, &whole), HUB_WS_IN_MORE);
    hub_buf_cstr(&whole);
    assert_memory_equal(whole.p, "1:6:4hello|2:2:\x00\xff|1:0:|9:4:ping|1:4:4\xc3\xa4!|2:1000:", 45);
    for (size_t step = 1; step < 40; step++) {
        struct hub_buf log = {0};
        for (size_t at = 0; at < b.n; at += step)
            assert_int_equal(feed(&in, b.p + at, step < b.n - at ? step : b.n - at, &log), HUB_WS_IN_MORE);
        assert_int_equal(log.n, whole.n);
        assert_memory_equal(log.p, whole.p, whole.n);
        hub_buf_free(&log);
    }
    for (size_t cut = 0; cut <= b.n; cut++) {
        struct hub_buf log = {0};
        assert_int_equal(feed(&in, b.p, cut, &log), HUB_WS_IN_MORE);
        assert_int_equal(feed(&in, b.p + cut, b.n - cut, &log), HUB_WS_IN_MORE);
        assert_int_equal(log.n, whole.n);
        hub_buf_free(&log);
    }
    assert_null(in.part.p); /* nothing is kept between messages */
    assert_null(in.message.p);
    hub_ws_in_free(&in);
    hub_buf_free(&whole);
    hub_buf_free(&b);
}

static void the_callback_can_stop_the_reading(void **state) {
    (void)state;
    struct hub_buf b = {0}, log = {0};
    struct hub_ws_in in = {0};
    add_frame(&b, 0x81, HUB_STR("go"));
    add_frame(&b, 0x81, HUB_STR("stop"));
    add_frame(&b, 0x81, HUB_STR("never seen"));
    assert_int_equal(feed(&in, b.p, b.n, &log), HUB_WS_IN_STOPPED);
    assert_string_equal(hub_buf_cstr(&log), "1:2:go|1:4:stop|");
    hub_ws_in_free(&in);
    hub_buf_free(&log);
    hub_buf_free(&b);
}

struct breach {
    int first_byte[3]; /* frames; 0 ends */
    struct hub_str payload;
    enum hub_ws_in_end end;
};

static void every_breach_has_its_close_code(void **state) {
    (void)state;
    char big[MAX_PAYLOAD + 1], half[600];
    memset(big, 'x', sizeof big);
    memset(half, 'x', sizeof half);
    const struct breach cases[] = {
        {{0xc1}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},                 /* RSV bit */
        {{0x83}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},                 /* unknown opcode */
        {{0x80}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},                 /* continuation of nothing */
        {{0x01, 0x81}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},           /* a message inside a message */
        {{0x02, 0x02}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},           /* */
        {{0x09}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},                 /* fragmented ping */
        {{0x88}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},                 /* half a close code */
        {{0x88}, HUB_STR_INIT("\x03\xed"), HUB_WS_IN_PROTOCOL},          /* 1005 must not be sent */
        {{0x88}, HUB_STR_INIT("\x00\x01"), HUB_WS_IN_PROTOCOL},          /* no such code */
        {{0x88}, HUB_STR_INIT("\x13\x88"), HUB_WS_IN_PROTOCOL},          /* 5000 */
        {{0x88}, HUB_STR_INIT("\x03\xe8\xff"), HUB_WS_IN_DATA},          /* reason */
        {{0x81}, HUB_STR_INIT("\xff"), HUB_WS_IN_DATA},                  /* */
        {{0x81}, HUB_STR_INIT("4\xc3"), HUB_WS_IN_DATA},                 /* cut character at the end */
        {{0x81}, HUB_STR_INIT("\xed\xa0\x80"), HUB_WS_IN_DATA},          /* surrogate */
        {{0x01, 0x80}, HUB_STR_INIT("\x80"), HUB_WS_IN_DATA},            /* in fragments */
        {{0x81}, hub_str(big, sizeof big), HUB_WS_IN_TOO_LARGE},         /* one frame */
        {{0x01, 0x80}, hub_str(half, sizeof half), HUB_WS_IN_TOO_LARGE}, /* the fragments together */
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct hub_ws_in in = {0};
            struct hub_buf b = {0}, log = {0};
            enum hub_ws_in_end end = HUB_WS_IN_MORE;
            for (int f = 0; f < 3 && cases[i].first_byte[f]; f++)
                add_frame(&b, cases[i].first_byte[f], cases[i].payload);
            if (bytewise)
                for (size_t at = 0; at < b.n && !end; at++) end = feed(&in, b.p + at, 1, &log);
            else
                end = feed(&in, b.p, b.n, &log);
            if (end != cases[i].end) fail_msg("case %zu: %d instead of %d", i, end, cases[i].end);
            hub_ws_in_free(&in);
            hub_buf_free(&b);
            hub_buf_free(&log);
        }
    }
}

static void a_frame_over_the_bound_is_refused_at_its_header(void **state) {
    (void)state;
    struct hub_ws_in in = {0};
    struct hub_buf log = {0};
    assert_int_equal(feed(&in, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", 14, &log),
                     HUB_WS_IN_TOO_LARGE);
    hub_ws_in_free(&in);
    hub_buf_free(&log);
}

/* ---- compressed messages ---- */

static struct hub_str deflate(struct hub_str text) {
    struct hub_str out;
    assert_true(hub_deflate_message(deflater, text, &out));
    return out;
}

/* N times the letter C. */
static struct hub_buf run_of(char c, size_t n) {
    struct hub_buf b = {0};
    memset(hub_buf_reserve(&b, n), c, n);
    b.n = n;
    return b;
}

static void compressed_messages_come_out_as_they_were_however_the_bytes_are_cut(void **state) {
    (void)state;
    struct hub_buf b = {0}, text = run_of('y', MAX_PAYLOAD), whole = {0};
    struct hub_ws_in in = {0};
    add_frame(&b, 0xc1, deflate(hub_buf_str(&text)));
    add_frame(&b, 0x81, HUB_STR("plain")); /* each message says for itself whether it is */
    struct hub_str deflated = deflate(hub_str(text.p, 500));
    add_frame(&b, 0x42, hub_str(deflated.p, 3)); /* fragments are compressed as one */
    add_frame(&b, 0x89, HUB_STR("ping"));
    add_frame(&b, 0x00, HUB_STR(""));
    add_frame(&b, 0x80, hub_str(deflated.p + 3, deflated.n - 3));
    add_frame(&b, 0x01, HUB_STR("fragments that "));
    add_frame(&b, 0x80, HUB_STR("are not"));
    assert_int_equal(feed(&in, b.p, b.n, &whole), HUB_WS_IN_MORE);
    struct hub_buf expected = {0};
    hub_buf_addf(&expected, "1:%d:%.*s|1:5:plain|9:4:ping|2:500:%.500s|1:22:fragments that are not|", MAX_PAYLOAD,
                 HUB_FMT(hub_buf_str(&text)), text.p);
    assert_string_equal(hub_buf_cstr(&whole), hub_buf_cstr(&expected));
    for (size_t step = 1; step < 40; step++) {
        struct hub_buf log = {0};
        for (size_t at = 0; at < b.n; at += step)
            assert_int_equal(feed(&in, b.p + at, step < b.n - at ? step : b.n - at, &log), HUB_WS_IN_MORE);
        assert_string_equal(hub_buf_cstr(&log), hub_buf_cstr(&expected));
        hub_buf_free(&log);
    }
    assert_null(in.part.p);
    assert_null(in.message.p);
    hub_buf_free(&expected);
    hub_buf_free(&whole);
    hub_buf_free(&text);
    hub_buf_free(&b);
}

static void breaches_of_compression_have_their_close_codes(void **state) {
    (void)state;
    struct hub_buf large = run_of('x', MAX_PAYLOAD + 1), text = run_of('y', 300);
    static const char cut[] = "\xf2\x48\xcd\xc9";
    struct hub_buf bomb = {0}, bytes = {0};
    hub_buf_adds(&bomb, deflate(hub_buf_str(&large)));
    text.p[299] = (char)0xff;
    hub_buf_adds(&bytes, deflate(hub_buf_str(&text)));
    const struct breach cases[] = {
        {{0xc1}, hub_buf_str(&bomb), HUB_WS_IN_TOO_LARGE}, /* counted as it is inflated */
        {{0xc1}, hub_buf_str(&bytes), HUB_WS_IN_DATA},     /* as text */
        {{0xc2}, hub_str(cut, 4), HUB_WS_IN_DATA},
        {{0xc9}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},       /* control frames are not compressed */
        {{0x42, 0xc0}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL}, /* only the first fragment says so */
        {{0xa1}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},       /* the other bits mean nothing */
        {{0xd1}, HUB_STR_INIT("x"), HUB_WS_IN_PROTOCOL},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_ws_in in = {0};
        struct hub_buf b = {0}, log = {0};
        for (int f = 0; f < 3 && cases[i].first_byte[f]; f++) add_frame(&b, cases[i].first_byte[f], cases[i].payload);
        enum hub_ws_in_end end = feed(&in, b.p, b.n, &log);
        if (end != cases[i].end) fail_msg("case %zu: %d instead of %d", i, end, cases[i].end);
        assert_int_equal(log.n, 0);
        hub_ws_in_free(&in);
        hub_buf_free(&b);
        hub_buf_free(&log);
    }
    hub_buf_free(&large);
    hub_buf_free(&text);
    hub_buf_free(&bomb);
    hub_buf_free(&bytes);
}

/* What a peer may make of few bytes in one turn is bounded: the rest has its turn later, in order. */
static void after_much_was_inflated_the_rest_waits(void **state) {
    (void)state;
    struct hub_buf b = {0}, text = run_of('y', MAX_PAYLOAD), log = {0};
    struct hub_ws_in in = {0};
    enum { MESSAGES = 200 };
    size_t in_one_go = (HUB_WS_IN_INFLATED + MAX_PAYLOAD - 1) / MAX_PAYLOAD, seen = 0, calls = 0;
    for (int i = 0; i < MESSAGES; i++) {
        text.p[0] = (char)('A' + i % 26);
        add_frame(&b, 0xc1, deflate(hub_buf_str(&text)));
    }
    assert_int_equal(feed(&in, b.p, b.n, &log), HUB_WS_IN_MORE);
    assert_true(in.paused);
    for (;; calls++) {
        struct hub_str rest = hub_buf_str(&log), piece;
        size_t now = 0;
        for (; hub_str_split(&rest, '|', &piece) && piece.n; now++)
            assert_int_equal(piece.p[7], 'A' + (seen + now) % 26);
        assert_in_range(now, 1, in_one_go);
        seen += now;
        hub_buf_clear(&log);
        if (!in.paused) break;
        assert_int_equal(feed(&in, "", 0, &log), HUB_WS_IN_MORE);
    }
    assert_int_equal(seen, MESSAGES);
    assert_int_equal(calls, (MESSAGES - 1) / in_one_go);
    assert_null(in.part.p);
    hub_buf_free(&b);
    hub_buf_free(&text);
    hub_buf_free(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_the_same_however_the_bytes_are_cut),
        cmocka_unit_test(the_callback_can_stop_the_reading),
        cmocka_unit_test(every_breach_has_its_close_code),
        cmocka_unit_test(a_frame_over_the_bound_is_refused_at_its_header),
        cmocka_unit_test_setup_teardown(compressed_messages_come_out_as_they_were_however_the_bytes_are_cut,
                                        deflate_pair_new, deflate_pair_free),
        cmocka_unit_test_setup_teardown(breaches_of_compression_have_their_close_codes, deflate_pair_new,
                                        deflate_pair_free),
        cmocka_unit_test_setup_teardown(after_much_was_inflated_the_rest_waits, deflate_pair_new, deflate_pair_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
