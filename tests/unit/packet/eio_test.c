/* Engine.IO packets and polling payloads. */
#include "packet/eio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "base/memory/mem.h"

static void every_packet_type_is_known_by_its_first_character(void **state) {
    (void)state;
    static const char text[] = "0123456";
    for (int i = 0; i < 7; i++) {
        char packet[] = "?data";
        struct hub_eio_packet out;
        packet[0] = text[i];
        assert_true(hub_eio_parse(hub_cstr(packet), &out));
        assert_int_equal(out.type, i);
        assert_true(hub_str_is(out.data, "data"));
    }
}

static void anything_else_is_malformed(void **state) {
    (void)state;
    static const char *const bad[] = {"", "7", "abc", " 4", "/", ":", "\x1e"};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_eio_packet out;
        assert_false(hub_eio_parse(hub_cstr(bad[i]), &out));
    }
}

static void binary_packets_are_base64_behind_a_b(void **state) {
    (void)state;
    struct hub_eio_packet out;
    assert_true(hub_eio_parse(HUB_STR("bAQID"), &out));
    assert_int_equal(out.type, HUB_EIO_BINARY);
    assert_true(hub_str_is(out.data, "AQID"));
}

static void a_payload_is_split_at_record_separators(void **state) {
    (void)state;
    struct hub_str rest = HUB_STR("4a\x1e\x1e"
                                  "4b\x1e"),
                   packet;
    static const char *const want[] = {"4a", "", "4b", ""};
    for (size_t i = 0; i < HUB_NELEM(want); i++) {
        assert_true(hub_eio_next(&rest, &packet));
        assert_true(hub_str_is(packet, want[i]));
    }
    assert_false(hub_eio_next(&rest, &packet));
}

static void a_payload_is_built_as_the_protocol_writes_it(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_eio_payload_add(&b, false, HUB_STR("4hello"));
    hub_eio_payload_add(&b, true, HUB_STR("\x01\x02\x03\x04"));
    hub_eio_payload_add(&b, false, HUB_STR("2"));
    assert_string_equal(hub_buf_cstr(&b), "4hello\x1e"
                                          "bAQIDBA==\x1e"
                                          "2");
    hub_buf_free(&b);
}

static void the_open_packet_carries_what_a_client_needs(void **state) {
    (void)state;
    for (int polling = 0; polling < 2; polling++) {
        struct hub_buf b = {0};
        hub_eio_open(&b, "abc", polling, 25000, 20000, 1000000);
        assert_int_equal(b.p[0], '0');
        json_t *v = hub_json_parse(hub_str(b.p + 1, b.n - 1), NULL);
        assert_non_null(v);
        assert_int_equal(json_object_size(v), 5);
        assert_true(hub_str_is(hub_json_get_str(v, "sid"), "abc"));
        assert_int_equal(json_array_size(hub_json_get(v, "upgrades")), polling);
        assert_int_equal(hub_json_get_int(v, "pingInterval", 0), 25000);
        assert_int_equal(hub_json_get_int(v, "pingTimeout", 0), 20000);
        assert_int_equal(hub_json_get_int(v, "maxPayload", 0), 1000000);
        json_decref(v);
        hub_buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_type_is_known_by_its_first_character),
        cmocka_unit_test(anything_else_is_malformed),
        cmocka_unit_test(binary_packets_are_base64_behind_a_b),
        cmocka_unit_test(a_payload_is_split_at_record_separators),
        cmocka_unit_test(a_payload_is_built_as_the_protocol_writes_it),
        cmocka_unit_test(the_open_packet_carries_what_a_client_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
