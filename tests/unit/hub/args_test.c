/* Arguments by their rows: what is refused, with which words, and what is left to others. */
#include "hub/call/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct hub_arg rows[] = {
    {"userId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = ""},
    {"reason", HUB_ARG_TEXT, .most = 5, .help = ""},
    {"name", HUB_ARG_TEXT, .least = 1, .most = 3, .help = ""},
    {"note", HUB_ARG_TEXT, .help = ""},
    {"seconds", HUB_ARG_INT, .least = 1, .most = 60, .help = ""},
    {"limit", HUB_ARG_INT, HUB_ARG_CAPPED, .least = 1, .most = 10, .help = ""},
    {"since", HUB_ARG_INT, .least = 0, .most = INT64_MAX, .expected = "a number you have", .help = ""},
    {"remove", HUB_ARG_BOOL, .help = ""},
    {"changes", HUB_ARG_OBJECT, .least = 1, .help = ""},
    {"data", HUB_ARG_ANY, .help = ""},
    {"content", HUB_ARG_OBJECT, HUB_ARG_REQUIRED | HUB_ARG_LATER, .code = HUB_INVALID_CONTENT, .help = ""},
    {0},
};

/* "" when {"userId":"ann", MEMBERS} is accepted, else "code: text". */
static const char *verdict(const char *members) {
    static char text[600];
    struct hub_err err;
    struct hub_buf b = {0};
    hub_buf_addf(&b, "{\"userId\":\"ann\"%s%s}", *members ? "," : "", members);
    json_t *args = hub_json_parse(hub_buf_str(&b), NULL);
    assert_non_null(args);
    enum hub_code code = hub_args_check(rows, args, &err);
    snprintf(text, sizeof text, "%s%s%s", code ? hub_code_name(code) : "", code ? ": " : "", code ? err.text : "");
    json_decref(args);
    hub_buf_free(&b);
    return text;
}

static void what_a_row_does_not_allow_is_named_with_what_it_expects(void **state) {
    (void)state;
    assert_string_equal(verdict("\"reason\":\"longer\""), "bad_request: reason: expected a text of at most 5 bytes");
    assert_string_equal(verdict("\"reason\":7"), "bad_request: reason: expected a text of at most 5 bytes");
    assert_string_equal(verdict("\"reason\":\"a\\u0000b\""), "bad_request: reason: expected a text of at most 5 bytes");
    assert_string_equal(verdict("\"name\":\"\""), "bad_request: name: expected a text of 1 to 3 bytes");
    assert_string_equal(verdict("\"note\":[]"), "bad_request: note: expected a text");
    assert_string_equal(verdict("\"seconds\":0"), "bad_request: seconds: expected a whole number from 1 to 60");
    assert_string_equal(verdict("\"seconds\":61"), "bad_request: seconds: expected a whole number from 1 to 60");
    assert_string_equal(verdict("\"seconds\":1.5"), "bad_request: seconds: expected a whole number from 1 to 60");
    assert_string_equal(verdict("\"seconds\":\"5\""), "bad_request: seconds: expected a whole number from 1 to 60");
    assert_string_equal(verdict("\"since\":-1"), "bad_request: since: expected a number you have");
    assert_string_equal(verdict("\"remove\":1"), "bad_request: remove: expected true or false");
    assert_string_equal(verdict("\"changes\":{}"), "bad_request: changes: expected an object");
}

static void what_fits_is_accepted(void **state) {
    (void)state;
    assert_string_equal(verdict(""), "");
    assert_string_equal(verdict("\"reason\":\"\",\"name\":\"abc\",\"note\":\"\",\"seconds\":60,\"since\":0"), "");
    assert_string_equal(verdict("\"seconds\":5.0,\"remove\":false,\"changes\":{\"a\":null},\"data\":[1]"), "");
    assert_string_equal(verdict("\"limit\":99999"), ""); /* counts as 10 */
}

static void null_is_as_good_as_absent(void **state) {
    struct hub_err err;
    (void)state;
    assert_string_equal(verdict("\"reason\":null,\"seconds\":null,\"remove\":null"), "");
    json_t *args = hub_json_parse(HUB_STR("{\"userId\":null}"), NULL);
    assert_int_equal(hub_args_check(rows, args, &err), HUB_BAD_REQUEST);
    assert_string_equal(err.text, "userId: expected a text of 1 to 255 bytes without control characters");
    json_decref(args);
}

static void the_first_row_that_refuses_answers(void **state) {
    (void)state;
    assert_string_equal(verdict("\"remove\":1,\"reason\":1"),
                        "bad_request: reason: expected a text of at most 5 bytes");
}

static void what_is_checked_later_is_checked_then_with_its_own_code(void **state) {
    struct hub_err err;
    json_t *args = hub_json_parse(HUB_STR("{\"userId\":\"ann\",\"content\":\"text\"}"), NULL);
    (void)state;
    assert_int_equal(hub_args_check(rows, args, &err), HUB_OK);
    assert_int_equal(hub_args_check_later(rows, args, &err), HUB_INVALID_CONTENT);
    assert_string_equal(err.text, "content: expected an object");
    json_decref(args);
}

static void a_capped_number_above_its_most_is_the_most(void **state) {
    json_t *args = hub_json_parse(HUB_STR("{\"limit\":500,\"seconds\":7}"), NULL);
    (void)state;
    assert_int_equal(hub_arg_int(rows, args, "limit", 3), 10);
    assert_int_equal(hub_arg_int(rows, args, "seconds", 3), 7);
    json_object_clear(args);
    assert_int_equal(hub_arg_int(rows, args, "limit", 3), 3);
    json_decref(args);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_row_does_not_allow_is_named_with_what_it_expects),
        cmocka_unit_test(what_fits_is_accepted),
        cmocka_unit_test(null_is_as_good_as_absent),
        cmocka_unit_test(the_first_row_that_refuses_answers),
        cmocka_unit_test(what_is_checked_later_is_checked_then_with_its_own_code),
        cmocka_unit_test(a_capped_number_above_its_most_is_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
