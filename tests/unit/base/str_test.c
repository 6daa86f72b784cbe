/* Views: comparison, search, splitting, numbers, UTF-8, names, distance. */
#include "base/text/str.h"
#include "base/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static void equality_ignores_where_the_bytes_live(void **state) {
    (void)state;
    assert_true(hub_str_eq(HUB_STR("a\0b"), hub_str("a\0bc", 3)));
    assert_false(hub_str_eq(HUB_STR("a\0b"), HUB_STR("a\0c")));
    assert_true(hub_str_eq(hub_str(NULL, 0), HUB_STR("")));
    assert_true(hub_str_is(hub_cstr(NULL), ""));
    assert_false(hub_str_is(HUB_STR("ab"), "abc"));
    assert_true(hub_str_eq_nocase(HUB_STR("UpGrade-9"), HUB_STR("uPgRADE-9")));
    assert_false(hub_str_eq_nocase(HUB_STR("@"), HUB_STR("`"))); /* 32 apart, but no letters */
    assert_false(hub_str_eq_nocase(HUB_STR("\xc4"), HUB_STR("\xe4")));
}

static void prefixes_suffixes_and_single_bytes_are_found(void **state) {
    (void)state;
    assert_true(hub_str_starts(HUB_STR("/hub/chat"), HUB_STR("/hub/")));
    assert_true(hub_str_starts(HUB_STR("x"), HUB_STR("")));
    assert_false(hub_str_starts(HUB_STR("/hu"), HUB_STR("/hub/")));
    assert_true(hub_str_ends(HUB_STR("chat.hub.yaml"), HUB_STR(".yaml")));
    assert_false(hub_str_ends(HUB_STR("aml"), HUB_STR(".yaml")));
    assert_int_equal(hub_str_find(HUB_STR("a.b.c"), '.'), 1);
    assert_int_equal(hub_str_find(HUB_STR("abc"), '.'), 3);
    assert_int_equal(hub_str_find(hub_str(NULL, 0), '.'), 0);
}

static void trimming_stops_at_the_first_other_byte(void **state) {
    (void)state;
    assert_true(hub_str_is(hub_str_trim(HUB_STR(" \t\r\n a b \v\f")), "a b"));
    assert_int_equal(hub_str_trim(HUB_STR("  \n")).n, 0);
    assert_int_equal(hub_str_trim(hub_str(NULL, 0)).n, 0);
}

static void splitting_gives_empty_pieces_and_ends_once(void **state) {
    (void)state;
    static const char *const want[] = {"a", "", "b", ""};
    struct hub_str rest = HUB_STR("a,,b,"), piece;
    for (size_t i = 0; i < HUB_NELEM(want); i++) {
        assert_true(hub_str_split(&rest, ',', &piece));
        assert_true(hub_str_is(piece, want[i]));
    }
    assert_false(hub_str_split(&rest, ',', &piece));
    rest = HUB_STR("");
    assert_true(hub_str_split(&rest, ',', &piece)); /* an empty text is one empty piece */
    assert_false(hub_str_split(&rest, ',', &piece));
}

static void numbers_are_whole_decimal_and_in_range(void **state) {
    (void)state;
    uint64_t u;
    int64_t i;
    assert_true(hub_str_u64(HUB_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(hub_str_u64(HUB_STR("007"), &u) && u == 7);
    assert_true(hub_str_i64(HUB_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(hub_str_i64(HUB_STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(hub_str_i64(HUB_STR("-0"), &i) && i == 0);
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1e3", "0x1", "1.0", "18446744073709551616", "99999999999999999999999", "--1"};
    for (size_t k = 0; k < HUB_NELEM(bad); k++) {
        if (hub_str_u64(hub_cstr(bad[k]), &u)) fail_msg("taken: \"%s\"", bad[k]);
        if (hub_str_i64(hub_cstr(bad[k]), &i)) fail_msg("taken: \"%s\"", bad[k]);
    }
    assert_false(hub_str_u64(HUB_STR("-1"), &u));
    assert_false(hub_str_i64(HUB_STR("9223372036854775808"), &i));
    assert_false(hub_str_i64(HUB_STR("-9223372036854775809"), &i));
}

static void a_name_is_among_others_as_a_whole(void **state) {
    (void)state;
    static const char *const not_there[] = {"", " ", "re", "replaced", "replace merge", "merge ", " merge", "x"};
    static const char *const there[] = {"replace", "merge", "deepMerge"};
    for (size_t i = 0; i < HUB_NELEM(there); i++)
        assert_true(hub_str_among(hub_cstr(there[i]), "replace merge deepMerge"));
    for (size_t i = 0; i < HUB_NELEM(not_there); i++)
        if (hub_str_among(hub_cstr(not_there[i]), "replace merge deepMerge")) fail_msg("there: \"%s\"", not_there[i]);
    assert_false(hub_str_among(hub_str("deepMerge\0x", 11), "replace deepMerge"));
    assert_false(hub_str_among(hub_str("replace\0", 8), "replace"));
    assert_false(hub_str_among(HUB_STR("x"), ""));
}

static void utf8_is_that_of_rfc_3629(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "plain ascii",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "12345678\xc3\xa4"
                                       "2345678"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "1234567\xc3",
                                      "12345678\xfe"
                                      "2345678"};
    for (size_t i = 0; i < HUB_NELEM(good); i++)
        if (!hub_utf8_valid(hub_cstr(good[i]))) fail_msg("refused: row %zu", i);
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (hub_utf8_valid(hub_cstr(bad[i]))) fail_msg("taken: row %zu", i);
    for (size_t n = 1; n < 20; n++) /* alone among ASCII, wherever in a word of eight bytes */
        for (size_t at = 0; at < n; at++) {
            char text[20];
            memset(text, 'a', sizeof text);
            text[at] = (char)0xa4;
            assert_false(hub_utf8_valid(hub_str(text, n)));
            if (at) text[at - 1] = (char)0xc3;
            assert_int_equal(hub_utf8_valid(hub_str(text, n)), at > 0);
        }
    assert_int_equal(hub_utf8_len(HUB_STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
    assert_int_equal(hub_utf8_cut(HUB_STR("a\xe2\x82\xac"), 4).n, 4);
    for (size_t most = 1; most < 4; most++) assert_int_equal(hub_utf8_cut(HUB_STR("a\xe2\x82\xac"), most).n, 1);
    assert_int_equal(hub_utf8_cut(HUB_STR("\xe2\x82\xac"), 2).n, 0);
}

static void code_names_are_camel_case_ascii(void **state) {
    (void)state;
    static const char *const good[] = {"a", "chat", "tutorHub2"}, *const bad[] = {"",    "Chat", "2a",      "a-b",
                                                                                  "a_b", "a b",  "\xc3\xa4"};
    for (size_t i = 0; i < HUB_NELEM(good); i++) assert_true(hub_str_is_code_name(hub_cstr(good[i])));
    for (size_t i = 0; i < HUB_NELEM(bad); i++) assert_false(hub_str_is_code_name(hub_cstr(bad[i])));
}

static void distance_counts_edits_up_to_the_cap(void **state) {
    (void)state;
    assert_int_equal(hub_str_distance(HUB_STR("moderater"), HUB_STR("moderator"), 9), 1);
    assert_int_equal(hub_str_distance(HUB_STR("kitten"), HUB_STR("sitting"), 9), 3);
    assert_int_equal(hub_str_distance(HUB_STR("Chat"), HUB_STR("chat"), 9), 0);
    assert_int_equal(hub_str_distance(HUB_STR(""), HUB_STR("abc"), 9), 3);
    assert_int_equal(hub_str_distance(HUB_STR("abcdef"), HUB_STR("uvwxyz"), 2), 2);
    char longest[65];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(hub_str_distance(hub_str(longest, 64), hub_str(longest, 64), 5), 0);
    assert_int_equal(hub_str_distance(hub_str(longest, 65), hub_str(longest, 65), 5), 5);
}

static void copies_are_terminated(void **state) {
    (void)state;
    char *s = hub_str_dup(hub_str("abc", 2)), *empty = hub_str_dup(hub_str(NULL, 0));
    assert_string_equal(s, "ab");
    assert_string_equal(empty, "");
    free(s);
    free(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_ignores_where_the_bytes_live),
        cmocka_unit_test(prefixes_suffixes_and_single_bytes_are_found),
        cmocka_unit_test(trimming_stops_at_the_first_other_byte),
        cmocka_unit_test(splitting_gives_empty_pieces_and_ends_once),
        cmocka_unit_test(numbers_are_whole_decimal_and_in_range),
        cmocka_unit_test(a_name_is_among_others_as_a_whole),
        cmocka_unit_test(utf8_is_that_of_rfc_3629),
        cmocka_unit_test(code_names_are_camel_case_ascii),
        cmocka_unit_test(distance_counts_edits_up_to_the_cap),
        cmocka_unit_test(copies_are_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
