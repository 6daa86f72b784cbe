/* WebSocket framing: headers in every length form, every truncation, masks, close payloads, the handshake
 * key. */
#include "base/text/utf8.h"
#include "packet/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

struct head_case {
    struct hub_str bytes;
    bool fin;
    int opcode, head;
    uint64_t len;
};

#define MASK "\x11\x22\x33\x44"

static const struct head_case good[] = {
    {HUB_STR_INIT("\x81\x80" MASK), true, HUB_WS_TEXT, 6, 0},
    {HUB_STR_INIT("\x01\x85" MASK), false, HUB_WS_TEXT, 6, 5},
    {HUB_STR_INIT("\x82\xfd" MASK), true, HUB_WS_BINARY, 6, 125},
    {HUB_STR_INIT("\x80\xfe\x00\x7e" MASK), true, HUB_WS_CONT, 8, 126},
    {HUB_STR_INIT("\x82\xfe\xff\xff" MASK), true, HUB_WS_BINARY, 8, 65535},
    {HUB_STR_INIT("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00" MASK), true, HUB_WS_BINARY, 14, 65536},
    {HUB_STR_INIT("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK), true, HUB_WS_BINARY, 14, INT64_MAX},
    {HUB_STR_INIT("\x88\x82" MASK), true, HUB_WS_CLOSE, 6, 2},
    {HUB_STR_INIT("\x89\xfd" MASK), true, HUB_WS_PING, 6, 125},
    {HUB_STR_INIT("\x8a\x80" MASK), true, HUB_WS_PONG, 6, 0},
};

static void a_client_header_is_read_in_every_length_form(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++) {
        struct hub_ws_head h;
        assert_int_equal(hub_ws_head_parse(good[i].bytes, &h), HUB_WS_OK);
        assert_int_equal(h.fin, good[i].fin);
        assert_int_equal(h.opcode, good[i].opcode);
        assert_int_equal(h.head, good[i].head);
        assert_true(h.len == good[i].len);
        assert_memory_equal(h.mask, MASK, 4);
    }
}

static void a_truncated_header_asks_for_more(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++)
        for (size_t n = 0; n < good[i].bytes.n; n++) {
            struct hub_ws_head h;
            assert_int_equal(hub_ws_head_parse(hub_str(good[i].bytes.p, n), &h), HUB_WS_MORE);
        }
}

static void a_header_that_breaks_the_protocol_is_refused_as_early_as_it_shows(void **state) {
    (void)state;
    static const struct hub_str bad[] = {
        HUB_STR_INIT("\xc0"),                                     /* RSV1 in a continuation */
        HUB_STR_INIT("\xc9"),                                     /* RSV1 in a control frame */
        HUB_STR_INIT("\xa1"),                                     /* RSV2 */
        HUB_STR_INIT("\x91"),                                     /* RSV3 */
        HUB_STR_INIT("\x83"),                                     /* reserved opcodes */
        HUB_STR_INIT("\x87"),                                     /* */
        HUB_STR_INIT("\x8b"),                                     /* */
        HUB_STR_INIT("\x8f"),                                     /* */
        HUB_STR_INIT("\x09"),                                     /* fragmented control frame */
        HUB_STR_INIT("\x81\x05"),                                 /* no mask */
        HUB_STR_INIT("\x89\xfe"),                                 /* long control frame */
        HUB_STR_INIT("\x88\xff"),                                 /* longer still */
        HUB_STR_INIT("\x81\xfe\x00\x7d"),                         /* 125 in 16 bits */
        HUB_STR_INIT("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"), /* 65535 in 64 bits */
        HUB_STR_INIT("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00"), /* top bit */
    };
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_ws_head h;
        assert_int_equal(hub_ws_head_parse(bad[i], &h), HUB_WS_BAD);
    }
}

static void written_headers_have_the_shortest_length_form(void **state) {
    (void)state;
    static const struct {
        uint64_t len;
        struct hub_str bytes;
    } cases[] = {
        {0, HUB_STR_INIT("\x81\x00")},
        {125, HUB_STR_INIT("\x81\x7d")},
        {126, HUB_STR_INIT("\x81\x7e\x00\x7e")},
        {65535, HUB_STR_INIT("\x81\x7e\xff\xff")},
        {65536, HUB_STR_INIT("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00")},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        uint8_t out[10];
        assert_int_equal(hub_ws_head_write(out, HUB_WS_TEXT, cases[i].len), cases[i].bytes.n);
        assert_memory_equal(out, cases[i].bytes.p, cases[i].bytes.n);
    }
}

static void unmasking_in_parts_equals_unmasking_at_once(void **state) {
    (void)state;
    const uint8_t mask[4] = {0xde, 0xad, 0xbe, 0xef};
    char whole[41], parts[41];
    for (size_t cut = 0; cut <= sizeof whole; cut++) {
        for (size_t i = 0; i < sizeof whole; i++) whole[i] = parts[i] = (char)(i * 7);
        hub_ws_unmask(whole, sizeof whole, mask, 0);
        hub_ws_unmask(parts, cut, mask, 0);
        hub_ws_unmask(parts + cut, sizeof parts - cut, mask, cut);
        assert_memory_equal(whole, parts, sizeof whole);
        for (size_t i = 0; i < sizeof whole; i++) assert_int_equal((uint8_t)whole[i], (uint8_t)(i * 7) ^ mask[i & 3]);
    }
}

static void a_close_payload_fits_a_control_frame_without_cutting_a_character(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_ws_close_payload(&b, 1013, "slow_reader");
    assert_int_equal(b.n, 13);
    assert_memory_equal(b.p, "\x03\xf5slow_reader", 13);
    hub_buf_clear(&b);
    hub_ws_close_payload(&b, 1000, NULL);
    assert_int_equal(b.n, 2);
    char reason[200];
    for (size_t i = 0; i + 2 < sizeof reason; i += 2)
        memcpy(reason + i, "\xc3\xa4", 2); /* two-byte characters: 123 would split one */
    reason[198] = 0;
    hub_buf_clear(&b);
    hub_ws_close_payload(&b, 1000, reason);
    assert_int_equal(b.n, 2 + 122);
    assert_true(hub_utf8_valid(hub_str(b.p + 2, b.n - 2)));
    hub_buf_free(&b);
}

static void the_handshake_key_of_the_rfc_gives_its_answer(void **state) {
    (void)state;
    char out[29];
    hub_ws_accept(HUB_STR("dGhlIHNhbXBsZSBub25jZQ=="), out);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_header_is_read_in_every_length_form),
        cmocka_unit_test(a_truncated_header_asks_for_more),
        cmocka_unit_test(a_header_that_breaks_the_protocol_is_refused_as_early_as_it_shows),
        cmocka_unit_test(written_headers_have_the_shortest_length_form),
        cmocka_unit_test(unmasking_in_parts_equals_unmasking_at_once),
        cmocka_unit_test(a_close_payload_fits_a_control_frame_without_cutting_a_character),
        cmocka_unit_test(the_handshake_key_of_the_rfc_gives_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
