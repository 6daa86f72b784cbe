/* The error vocabulary: every code of the contract, with a name, a text and a status. */
#include "base/error/code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/text/str.h"

/* As the contract lists them, in its order; what is there already is a bad request of its own status. The
 * last one is of scripts only. */
static const char *const names[] = {
    "auth_required",   "invalid_token",       "token_expired",     "bad_request",
    "unknown_event",   "room_not_found",      "room_not_eligible", "role_required",
    "check_failed",    "not_authorized",      "blocked",           "room_full",
    "too_many_rooms",  "not_in_room",         "cannot_read",       "cannot_send",
    "silenced",        "type_not_allowed",    "unknown_type",      "invalid_content",
    "too_large",       "rate_limited",        "too_many",          "version_conflict",
    "request_timeout", "client_disconnected", "unknown_command",   "client_not_found",
    "client_failed",   "client_conflict",     "feature_disabled",  "not_found",
    "bad_request",     "not_allowed",         "rejected",          "handler_failed",
    "script_timeout",  "store_unavailable",   "store_unavailable", "store_unavailable",
    "overloaded",      "shutting_down",       "internal",          "node_not_found",
};

static void every_code_has_its_name_text_and_status(void **state) {
    (void)state;
    assert_int_equal(HUB_CODE_COUNT, 1 + sizeof names / sizeof *names);
    for (int code = 1; code < HUB_CODE_COUNT; code++) {
        assert_string_equal(hub_code_name((enum hub_code)code), names[code - 1]);
        assert_true(strlen(hub_code_text((enum hub_code)code)) > 3);
        assert_in_range(hub_code_http((enum hub_code)code), 400, 503);
    }
    assert_string_equal(hub_code_name(HUB_OK), "ok");
    assert_int_equal(hub_code_http(HUB_RATE_LIMITED), 429);
    assert_int_equal(hub_code_http(HUB_CONFLICT), 409);
    assert_int_equal(hub_code_http(HUB_TOO_LARGE), 413);
    assert_int_equal(hub_code_http(HUB_STORE_UNAVAILABLE), 503);
    assert_string_equal(hub_code_fields(HUB_STORE_UNDECIDED), "\"outcome\":\"unknown\"");
    assert_string_equal(hub_code_fields(HUB_STORE_UNAVAILABLE), "");
    assert_string_equal(hub_code_fields(HUB_FENCED), ""); /* it was surely not done */
}

/* A character of three bytes stands where the text ends, for each of them. */
static void a_text_that_is_too_long_is_not_cut_through_a_character(void **state) {
    (void)state;
    char filler[sizeof((struct hub_err){0}.text)];
    for (size_t behind = 1; behind <= 3; behind++) {
        struct hub_err err;
        size_t n = sizeof filler - 1 - behind;
        memset(filler, 'a', n);
        filler[n] = 0;
        HUB_UNUSED(hub_fail(&err, HUB_BLOCKED, "%s\xe2\x82\xac!!", filler), "its text is looked at");
        assert_int_equal(strlen(err.text), behind == 3 ? n + 3 : n);
    }
}

static void failing_fills_the_explanation_and_returns_the_code(void **state) {
    (void)state;
    struct hub_err err;
    assert_int_equal(hub_fail(&err, HUB_BLOCKED, "until %d", 7), HUB_BLOCKED);
    assert_int_equal(err.code, HUB_BLOCKED);
    assert_string_equal(err.text, "until 7");
    hub_err_set(&err, HUB_BLOCKED, NULL);
    assert_string_equal(err.text, "You are blocked in this room");
    assert_int_equal(hub_fail(NULL, HUB_INTERNAL, "nobody asked"), HUB_INTERNAL);
}

static void a_long_explanation_is_cut_and_may_quote_the_last_one(void **state) {
    (void)state;
    struct hub_err err;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    hub_err_set(&err, HUB_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    hub_err_set(&err, HUB_INTERNAL, "cause");
    hub_err_set(&err, HUB_INTERNAL, "file: %s", err.text);
    assert_string_equal(err.text, "file: cause");
}

/* Nodes tell each other more than clients are told: whether it may have been done, for one. */
static void a_code_is_told_from_every_other_by_its_word(void **state) {
    (void)state;
    for (int code = HUB_OK; code < HUB_CODE_COUNT; code++)
        assert_int_equal(hub_code_of_word(hub_cstr(hub_code_word((enum hub_code)code))), code);
    assert_int_equal(hub_code_of_word(HUB_STR("of another version")), HUB_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_name_text_and_status),
        cmocka_unit_test(a_text_that_is_too_long_is_not_cut_through_a_character),
        cmocka_unit_test(a_code_is_told_from_every_other_by_its_word),
        cmocka_unit_test(failing_fills_the_explanation_and_returns_the_code),
        cmocka_unit_test(a_long_explanation_is_cut_and_may_quote_the_last_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
