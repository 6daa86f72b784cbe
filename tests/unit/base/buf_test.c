/* The growing buffer, base64 and percent-decoding. */
#include "base/text/buf.h"
#include "base/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static void assert_holds(const struct hub_buf *b, const char *want) {
    if (!hub_str_is(hub_buf_str(b), want)) fail_msg("\"%.*s\" instead of \"%s\"", HUB_FMT(hub_buf_str(b)), want);
}

static void everything_appends_in_order(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_buf_addz(&b, "a");
    hub_buf_addc(&b, 'b');
    hub_buf_adds(&b, HUB_STR("c"));
    hub_buf_add(&b, NULL, 0);
    hub_buf_addf(&b, "<%s %d>", "d", 5);
    hub_buf_addu(&b, 0);
    hub_buf_addu(&b, UINT64_MAX);
    hub_buf_addc(&b, ' ');
    hub_buf_addi(&b, INT64_MIN);
    assert_holds(&b, "abc<d 5>018446744073709551615 -9223372036854775808");
    hub_buf_clear(&b);
    assert_int_equal(b.n, 0);
    hub_buf_free(&b);
    hub_buf_addz(&b, "again"); /* freed is empty, not dead */
    assert_holds(&b, "again");
    hub_buf_free(&b);
}

static void code_points_become_utf8(void **state) {
    (void)state;
    static const uint32_t edges[] = {0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    static const size_t lengths[] = {1, 1, 2, 2, 3, 3, 3, 3, 4, 4};
    struct hub_buf b = {0};
    for (size_t i = 0; i < HUB_NELEM(edges); i++) {
        hub_buf_clear(&b);
        hub_buf_add_utf8(&b, edges[i]);
        assert_int_equal(b.n, lengths[i]);
        assert_true(hub_utf8_valid(hub_buf_str(&b)));
    }
    hub_buf_clear(&b);
    hub_buf_add_utf8(&b, 0xe4);
    hub_buf_add_utf8(&b, 0x20ac);
    hub_buf_add_utf8(&b, 0x1f600);
    assert_holds(&b, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    hub_buf_free(&b);
}

static void what_is_no_text_becomes_one(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_buf_add_valid(&b, HUB_STR("a\xff\xc3\xa4\xc3"));
    assert_holds(&b, "a" HUB_UTF8_INSTEAD "\xc3\xa4" HUB_UTF8_INSTEAD);
    hub_buf_clear(&b);
    hub_buf_add_valid(&b, HUB_STR("\xc3\xa4"));
    hub_buf_add_valid(&b, HUB_STR(""));
    assert_holds(&b, "\xc3\xa4");
    hub_buf_free(&b);
}

static void it_grows_and_keeps_what_it_has(void **state) {
    (void)state;
    struct hub_buf b = {0};
    for (int i = 0; i < 100000; i++) hub_buf_addc(&b, (char)('a' + i % 26));
    assert_int_equal(b.n, 100000);
    for (int i = 0; i < 100000; i++) assert_int_equal(b.p[i], 'a' + i % 26);
    char *at = hub_buf_reserve(&b, 1 << 20);
    memset(at, 'x', 1 << 20);
    assert_int_equal(b.n, 100000); /* reserving appends nothing */
    hub_buf_free(&b);
}

static void dropping_moves_the_rest_down(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_buf_addz(&b, "headtail");
    hub_buf_drop(&b, 4);
    assert_holds(&b, "tail");
    hub_buf_drop(&b, 0);
    assert_holds(&b, "tail");
    hub_buf_drop(&b, 99);
    assert_int_equal(b.n, 0);
    hub_buf_free(&b);
}

static void taking_hands_over_a_terminated_text(void **state) {
    (void)state;
    struct hub_buf b = {0};
    size_t n = 7;
    char *empty = hub_buf_take(&b, &n);
    assert_string_equal(empty, "");
    assert_int_equal(n, 0);
    free(empty);
    hub_buf_addz(&b, "text");
    assert_string_equal(hub_buf_cstr(&b), "text");
    assert_int_equal(b.n, 4);
    char *text = hub_buf_take(&b, NULL);
    assert_string_equal(text, "text");
    assert_null(b.p);
    free(text);
}

/* RFC 4648, section 10, and what tells the two alphabets apart. */
static const struct {
    const char *bytes, *plain, *url;
} base64[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xef\xbe\xff", "++++/w==", "----_w"},
};

static void base64_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(base64); i++) {
        struct hub_buf b = {0};
        hub_buf_add_base64(&b, hub_cstr(base64[i].bytes));
        assert_holds(&b, base64[i].plain);
        hub_buf_clear(&b);
        hub_buf_add_base64url(&b, hub_cstr(base64[i].bytes));
        assert_holds(&b, base64[i].url);
        hub_buf_clear(&b);
        hub_buf_addc(&b, '>');
        assert_true(hub_buf_add_unbase64(&b, hub_cstr(base64[i].plain)));
        assert_true(hub_buf_add_unbase64url(&b, hub_cstr(base64[i].url)));
        assert_int_equal(b.n, 1 + 2 * strlen(base64[i].bytes));
        assert_memory_equal(b.p + 1 + strlen(base64[i].bytes), base64[i].bytes, strlen(base64[i].bytes));
        hub_buf_free(&b);
    }
}

static void broken_base64_appends_nothing(void **state) {
    (void)state;
    static const char *const bad[] = {"A",     "AAAAA", "A===", "AA=",   "AA=A", "=",     "====", "AA===",
                                      "AAA==", "AB==",  "AAB=", "AAAA=", "A A=", "AA\n=", "AA-_", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_buf b = {0};
        hub_buf_addz(&b, "kept");
        if (hub_buf_add_unbase64(&b, hub_cstr(bad[i]))) fail_msg("taken: \"%s\"", bad[i]);
        assert_holds(&b, "kept");
        hub_buf_free(&b);
    }
    struct hub_buf b = {0};
    assert_false(hub_buf_add_unbase64url(&b, HUB_STR("++//")));
    assert_false(hub_buf_add_unbase64(&b, hub_str("AA\0A", 4)));
    hub_buf_free(&b);
}

/* The Java client sends "Zm9v\n": its encoder breaks lines, and ends with one. */
static void lenient_base64_is_read_as_mime_decoders_do(void **state) {
    (void)state;
    static const struct {
        const char *text, *bytes;
    } good[] = {{"", ""},
                {"Zm9v\n", "foo"},
                {"Zm9v\r\nYmFy\r\n", "foobar"},
                {" Z m\t9v ", "foo"},
                {"Zg", "f"},
                {"Zg=", "f"},
                {"Zg===", "f"},
                {"Zg=\n=\n", "f"},
                {"Zh==", "f"},
                {"Zm9v====", "foo"},
                {"Zm8", "fo"},
                {"----_w", "\xfb\xef\xbe\xff"},
                {"-+_/", "\xfb\xef\xff"},
                {"====", ""}};
    static const char *const bad[] = {"Z",   "Zm9vZ", "Z===", "Zg=Z", "Zg==Zg==", "Z*==", "Zg\x1e", "\xff\xff\xff\xff",
                                      "Zg.."};
    for (size_t i = 0; i < HUB_NELEM(good); i++) {
        struct hub_buf b = {0};
        if (!hub_buf_add_unbase64_lenient(&b, hub_cstr(good[i].text))) fail_msg("refused: \"%s\"", good[i].text);
        assert_holds(&b, good[i].bytes);
        hub_buf_free(&b);
    }
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_buf b = {0};
        hub_buf_addz(&b, "kept");
        if (hub_buf_add_unbase64_lenient(&b, hub_cstr(bad[i]))) fail_msg("taken: \"%s\"", bad[i]);
        assert_holds(&b, "kept");
        hub_buf_free(&b);
    }
}

static void percent_escapes_are_decoded(void **state) {
    (void)state;
    struct hub_buf b = {0};
    assert_true(hub_buf_add_unescaped(&b, HUB_STR("a%20b%2F%c3%A4+c")));
    assert_holds(&b, "a b/\xc3\xa4+c");
    static const char *const bad[] = {"%", "%2", "a%2", "%g0", "%0g", "%%20"};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) assert_false(hub_buf_add_unescaped(&b, hub_cstr(bad[i])));
    hub_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_appends_in_order),
        cmocka_unit_test(code_points_become_utf8),
        cmocka_unit_test(what_is_no_text_becomes_one),
        cmocka_unit_test(it_grows_and_keeps_what_it_has),
        cmocka_unit_test(dropping_moves_the_rest_down),
        cmocka_unit_test(taking_hands_over_a_terminated_text),
        cmocka_unit_test(base64_both_ways),
        cmocka_unit_test(broken_base64_appends_nothing),
        cmocka_unit_test(percent_escapes_are_decoded),
        cmocka_unit_test(lenient_base64_is_read_as_mime_decoders_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
