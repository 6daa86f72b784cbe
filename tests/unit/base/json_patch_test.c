/* JSON Patch: the examples of RFC 6902's appendix, what is no patch, bounds, and that a difference carried
 * out gives the second value again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json/json_patch.h"
#include "base/memory/mem.h"
#include "base/text/buf.h"

static json_t *parse(const char *text) {
    struct hub_err err;
    json_t *v = hub_json_parse(hub_cstr(text), &err);
    if (!v) fail_msg("%s: %s", text, err.text);
    return v;
}

/* The result as JSON, or "code: text". */
static const char *patched(const char *value, const char *patch, size_t max_cost) {
    static struct hub_buf out;
    struct hub_err err;
    json_t *v = parse(value), *p = parse(patch), *was = json_deep_copy(v);
    json_t *now = hub_json_patch(v, p, max_cost, &err);
    hub_buf_clear(&out);
    if (now)
        hub_json_add(&out, now);
    else
        hub_buf_addf(&out, "%s: %s", hub_code_name(err.code), err.text);
    assert_true(json_equal(v, was));
    json_decref(v);
    json_decref(p);
    json_decref(was);
    json_decref(now);
    return hub_buf_cstr(&out);
}

static void operations_do_what_the_rfc_says(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
         "{\"baz\":\"qux\",\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
         "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
         "{\"foo\":[\"bar\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
         "{\"baz\":\"boo\",\"foo\":\"bar\"}"},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
         "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
         "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}"},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
         "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
         "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}"},
        {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
         "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2.0}]",
         "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
         "{\"child\":{\"grandchild\":{}},\"foo\":\"bar\"}"},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]", "{\"/\":9,\"~1\":10}"},
        {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
         "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}"},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[1]}]", "[1]"},
        {"{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"}]",
         "{\"a\":{\"b\":1},\"c\":{\"b\":1}}"},
        {"{\"\":1}", "[{\"op\":\"replace\",\"path\":\"/\",\"value\":2}]", "{\"\":2}"},
        {"[1,2]", "[]", "[1,2]"},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        json_t *now = parse(patched(cases[i][0], cases[i][1], 100000)), *want = parse(cases[i][2]);
        if (!json_equal(now, want)) fail_msg("%s of %s", cases[i][1], cases[i][0]);
        json_decref(now);
        json_decref(want);
    }
}

static void what_does_not_fit_is_refused_and_says_where(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"{\"a\":1}", "{}", "bad_request: patch: expected a list of operations"},
        {"{\"a\":1}", "[1]", "bad_request: patch[0]: op: expected add, remove, replace, move, copy or test"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":1},{\"op\":\"add\",\"path\":\"/c\"}]",
         "bad_request: patch[1]: value: required, but missing"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":1}]",
         "bad_request: patch[0]: path: there is no such place"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"b\",\"value\":1}]",
         "bad_request: patch[0]: path: there is no such place"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]",
         "bad_request: patch[0]: path: there is no such place"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", "bad_request: patch[0]: there is nothing at that place"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]",
         "bad_request: patch[0]: path: the whole value cannot be removed"},
        {"[1,2]", "[{\"op\":\"add\",\"path\":\"/3\",\"value\":1}]",
         "bad_request: patch[0]: path: the list is not that long"},
        {"[1,2]", "[{\"op\":\"remove\",\"path\":\"/-\"}]", "bad_request: patch[0]: there is nothing at that place"},
        {"[1,2]", "[{\"op\":\"replace\",\"path\":\"/01\",\"value\":1}]",
         "bad_request: patch[0]: path: there is no such place"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
         "bad_request: patch[0]: test: something else is there"},
        {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/c\"}]",
         "bad_request: patch[0]: path: it lies in what is to be moved"},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/c\"}]",
         "bad_request: patch[0]: from: there is nothing"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":1,\"value\":1}]",
         "bad_request: patch[0]: path: expected a JSON pointer as text"},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++)
        assert_string_equal(patched(cases[i][0], cases[i][1], 100000), cases[i][2]);
}

/* Forty copies of the whole into itself would be a terabyte. */
static void copies_cannot_grow_without_bound(void **state) {
    struct hub_buf patch = {0};
    (void)state;
    hub_buf_addc(&patch, '[');
    for (int i = 0; i < 40; i++)
        hub_buf_addf(&patch, "%s{\"op\":\"copy\",\"from\":\"\",\"path\":\"/k%d\"}", i ? "," : "", i);
    hub_buf_addc(&patch, ']');
    assert_non_null(strstr(patched("{\"a\":1}", hub_buf_cstr(&patch), 100000), "too_large: patch["));
    hub_buf_free(&patch);
}

static void a_difference_carried_out_gives_the_second_value(void **state) {
    (void)state;
    static const char *const values[] = {"{}",
                                         "[]",
                                         "1",
                                         "1.0",
                                         "\"x\"",
                                         "null",
                                         "{\"a\":1}",
                                         "{\"a\":1.0}",
                                         "{\"a\":{\"b\":[1,2,3]}}",
                                         "{\"a\":{\"b\":[1,3]}}",
                                         "{\"a\":{\"b\":[0,1,2,3,4]}}",
                                         "{\"a/b\":1,\"c~d\":{\"\":2}}",
                                         "{\"a/b\":[],\"c~d\":{\"\":[{}]}}",
                                         "[1,[2,[3]]]",
                                         "[[2,[3]],1]",
                                         "[{\"id\":1},{\"id\":2},{\"id\":3}]",
                                         "[{\"id\":1},{\"id\":3}]",
                                         "[{\"id\":0},{\"id\":1},{\"id\":2},{\"id\":3}]"};
    for (size_t i = 0; i < HUB_NELEM(values); i++)
        for (size_t k = 0; k < HUB_NELEM(values); k++) {
            struct hub_err err;
            json_t *was = parse(values[i]), *now = parse(values[k]), *diff = hub_json_diff(was, now);
            json_t *again = hub_json_patch(was, diff, 100000, &err);
            if (!again || !json_equal(again, now)) fail_msg("%s to %s", values[i], values[k]);
            assert_int_equal(json_array_size(diff) == 0, i == k);
            json_decref(was);
            json_decref(now);
            json_decref(diff);
            json_decref(again);
        }
}

static void a_difference_is_small(void **state) {
    (void)state;
    json_t *was = parse("{\"list\":[{\"id\":1},{\"id\":2},{\"id\":3}],\"n\":1}"),
           *now = parse("{\"list\":[{\"id\":1},{\"id\":3}],\"n\":2}");
    json_t *diff = hub_json_diff(was, now),
           *want = parse("[{\"op\":\"remove\",\"path\":\"/list/1\"},{\"op\":\"replace\",\"path\":\"/n\",\"value\":2}]");
    assert_true(json_equal(diff, want));
    json_decref(was);
    json_decref(now);
    json_decref(diff);
    json_decref(want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_do_what_the_rfc_says),
        cmocka_unit_test(what_does_not_fit_is_refused_and_says_where),
        cmocka_unit_test(copies_cannot_grow_without_bound),
        cmocka_unit_test(a_difference_carried_out_gives_the_second_value),
        cmocka_unit_test(a_difference_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
