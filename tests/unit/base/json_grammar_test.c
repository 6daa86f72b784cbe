/* hub_json_well_formed: the grammar alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json/json.h"

static bool well_formed(const char *text) { return hub_json_well_formed(hub_cstr(text)); }

static void json_is_well_formed(void **state) {
    static const char *const good[] = {
        "null",
        "true",
        "0",
        "-0",
        "12.5e-3",
        "1E+9",
        "\"\"",
        "\"\\u00e4\\n\\/\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        "{\"a\":1,\"a\":[{}]}",
        "\"\\ud800\"",
        "[[],[[]],{}]",
        "{\"a\" : { } , \"b\" : [ ] }",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!well_formed(good[i])) fail_msg("refused: %s", good[i]);
}

static void other_text_is_not(void **state) {
    static const char *const bad[] = {
        "",     " ",         "nul",     "nulll",       "01",      "1.",        ".5",         "-",     "+1",
        "1e",   "\"",        "\"\\x\"", "\"\\u12g4\"", "\"\t\"",  "[",         "]",          "[1",    "[1,",
        "[1,]", "[,1]",      "[1 2]",   "{",           "{\"a\"}", "{\"a\":}",  "{\"a\":1,}", "{1:2}", "[}",
        "[1}",  "{\"a\":1]", "[] []",   "\"\\",        "\"\\u00", "{\"a\" 1}", "'a'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (well_formed(bad[i])) fail_msg("accepted: %s", bad[i]);
}

static void depth_has_no_limit_and_needs_no_stack(void **state) {
    struct hub_buf b = {0};
    (void)state;
    for (int i = 0; i < 500000; i++) hub_buf_addc(&b, '[');
    assert_false(hub_json_well_formed(hub_buf_str(&b)));
    for (int i = 0; i < 500000; i++) hub_buf_addc(&b, ']');
    assert_true(hub_json_well_formed(hub_buf_str(&b)));
    hub_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_well_formed),
        cmocka_unit_test(other_text_is_not),
        cmocka_unit_test(depth_has_no_limit_and_needs_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
