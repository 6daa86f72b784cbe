/* Scripts without what means nothing: which two are the same program. */
#include "schema/script_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool are_same(const char *a, const char *b, bool lua) {
    struct hub_buf one = {0}, other = {0};
    hub_script_text_normal(hub_cstr(a), lua, &one);
    hub_script_text_normal(hub_cstr(b), lua, &other);
    bool same = hub_str_eq(hub_buf_str(&one), hub_buf_str(&other));
    hub_buf_free(&one);
    hub_buf_free(&other);
    return same;
}

static const struct row {
    const char *a, *b;
    bool lua, same;
} rows[] = {
    {"a+b", " a +\n b ", false, true},
    {"f(a,'x')", "f( a, 'x' )", false, true},
    {"'a b'", "'a  b'", false, false},
    {"`a b`", "`a  b`", false, false},
    {"\"a\\\" b\"", "\"a\\\"  b\"", false, false},
    {"a - -b", "a-  -b", false, true},
    {"return x -- why", "return x", true, true},
    {"return x --[[ why\n not ]] + 1", "return x + 1", true, true},
    {"return x --[==[ a ]] b ]==] + 1", "return x + 1", true, true},
    {"return a - -b", "return a --b", true, false},
    {"return [[a b]]", "return [[a  b]]", true, false},
    {"return 'it -- is'", "return 'it", true, false},
    {"local ab = 1", "local a b = 1", true, false},
    {"return a < b", "return a > b", true, false},
    {"\"never closed", "\"never  closed", false, false},
    {"--[[ never closed", "", true, true},
    {"", "  \n", true, true},
};

static void what_means_nothing_is_left_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (are_same(rows[i].a, rows[i].b, rows[i].lua) != rows[i].same) fail_msg("%s | %s", rows[i].a, rows[i].b);
}

static void a_name_is_a_whole_word(void **state) {
    (void)state;
    assert_true(hub_script_text_names(HUB_STR("room.title == 'x'"), false, HUB_STR("title")));
    assert_true(hub_script_text_names(HUB_STR("room['title']"), false, HUB_STR("title")));
    assert_false(hub_script_text_names(HUB_STR("room.titles"), false, HUB_STR("title")));
    assert_false(hub_script_text_names(HUB_STR("room.subtitle"), false, HUB_STR("title")));
    assert_false(hub_script_text_names(HUB_STR("return 1 -- the title"), true, HUB_STR("title")));
    assert_false(hub_script_text_names(HUB_STR("x"), true, HUB_STR("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_means_nothing_is_left_out),
        cmocka_unit_test(a_name_is_a_whole_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
