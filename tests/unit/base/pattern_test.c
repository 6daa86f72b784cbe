/* Patterns of names: parts, expressions, and their bounds. */
#include "base/match/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct hub_pattern *pattern(const char *text, bool is_regex) {
    struct hub_pattern *p;
    struct hub_err err = {0};
    if (hub_pattern_new(hub_cstr(text), is_regex, &p, NULL, &err)) fail_msg("%s: %s", text, err.text);
    return p;
}

/* WANT: the parts as JSON; NULL: NAME does not fit. */
static void check_match(const char *text, bool is_regex, const char *name, const char *want) {
    struct hub_pattern *p = pattern(text, is_regex);
    json_t *params = NULL;
    struct hub_buf got = {0};
    enum hub_code code = hub_pattern_match(p, hub_cstr(name), &params);
    if (code == HUB_OK) hub_json_add(&got, params);
    if ((code == HUB_OK) != (want != NULL) || (want && strcmp(hub_buf_cstr(&got), want) != 0))
        fail_msg("%s with %s: %s, %s", text, name, hub_code_name(code), hub_buf_cstr(&got));
    hub_buf_free(&got);
    json_decref(params);
    hub_pattern_free(p);
}

static void parts_stand_for_what_has_no_colon_and_no_slash(void **state) {
    (void)state;
    check_match("chat:{room}", false, "chat:r1", "{\"room\":\"r1\"}");
    check_match("chat:{room}", false, "chat:", NULL);
    check_match("chat:{room}", false, "chat:a:b", NULL);
    check_match("chat:{room}", false, "chat:a/b", NULL);
    check_match("chat:{room}", false, "xchat:a", NULL);
    check_match("chat:{room}", false, "chat:a\n", "{\"room\":\"a\\n\"}");
    check_match("{a}-{b}", false, "1-2-3", "{\"a\":\"1-2\",\"b\":\"3\"}");
    check_match("news", false, "news", "{}");
    check_match("news", false, "news\n", NULL);
    check_match("a.b*(c)[d]^$|\\Q", false, "a.b*(c)[d]^$|\\Q", "{}");
    check_match("a.b", false, "axb", NULL);
    check_match("çay:{kişi}x", true, "çay", NULL);
    check_match("çay:{who}", false, "çay:ğ", "{\"who\":\"ğ\"}");
}

static void expressions_name_their_parts_and_say_where_they_end(void **state) {
    (void)state;
    check_match("^chat:.+$", true, "chat:x", "{}");
    check_match("^chat:.+$", true, "chat:x\n", NULL);
    check_match("^(?<kind>a|b):(?<id>\\d+)?$", true, "a:12", "{\"id\":\"12\",\"kind\":\"a\"}");
    check_match("^(?<kind>a|b):(?<id>\\d+)?$", true, "b:", "{\"kind\":\"b\"}");
    check_match("b", true, "abc", "{}");
}

/* Would take longer than the universe has. */
static void what_takes_too_long_is_neither_yes_nor_no(void **state) {
    struct hub_pattern *p = pattern("^(a+)+$", true);
    char name[201];
    (void)state;
    memset(name, 'a', 200);
    name[199] = 'b', name[200] = 0;
    assert_int_equal(hub_pattern_match(p, hub_cstr(name), NULL), HUB_BAD_REQUEST);
    assert_int_equal(hub_pattern_match(p, HUB_STR("aaa"), NULL), HUB_OK);
    assert_int_equal(hub_pattern_match(p, HUB_STR("aab"), NULL), HUB_NOT_FOUND);
    assert_int_equal(hub_pattern_match(p, HUB_STR("a\xff"), NULL), HUB_BAD_REQUEST);
    hub_pattern_free(p);
}

static void check_refused(const char *text, bool is_regex, size_t where, const char *why) {
    struct hub_pattern *p;
    struct hub_err err = {0};
    size_t at;
    assert_int_equal(hub_pattern_new(hub_cstr(text), is_regex, &p, &at, &err), HUB_BAD_REQUEST);
    assert_null(p);
    if (at != where || !strstr(err.text, why)) fail_msg("%s: %zu, %s", text, at, err.text);
}

static void what_is_no_pattern_is_refused_with_its_place(void **state) {
    char longest[HUB_PATTERN_MAX + 2];
    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    check_refused("", false, 0, "1 to 1000");
    check_refused(longest, false, 0, "1 to 1000");
    check_refused("chat:{room", false, 5, "no \"}\"");
    check_refused("chat:room}", false, 9, "no \"{\"");
    check_refused("chat:{1}", false, 5, "expected a name");
    check_refused("chat:{}", false, 5, "expected a name");
    check_refused("{a}{b}", false, 3, "nothing tells");
    check_refused("{a}:{a}", false, 4, "two named subpatterns");
    check_refused("^(a$", true, 4, "parenthesis");
    check_refused("\\C", true, 2, "\\C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_stand_for_what_has_no_colon_and_no_slash),
        cmocka_unit_test(expressions_name_their_parts_and_say_where_they_end),
        cmocka_unit_test(what_takes_too_long_is_neither_yes_nor_no),
        cmocka_unit_test(what_is_no_pattern_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
