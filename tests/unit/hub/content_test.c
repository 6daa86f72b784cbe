/* The content of messages against field types, as a table of values that fit and values that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/message/message.h"

static const char *const colours[] = {"red", "green"};

static struct hub_def_field field(const char *name, enum hub_field_type type, bool required) {
    return (struct hub_def_field){.name = name,
                                  .type = type,
                                  .required = required,
                                  .enum_values = {.items = (const char **)(uintptr_t)colours, .n = 2}};
}

static void values_fit_their_field_types_or_are_refused(void **state) {
    static const struct {
        enum hub_field_type type;
        const char *json;
        bool fits;
    } cases[] = {
        {HUB_FIELD_STRING, "\"a\"", true},
        {HUB_FIELD_STRING, "\"\"", true},
        {HUB_FIELD_STRING, "1", false},
        {HUB_FIELD_STRING, "\"a\\u0000b\"", false},
        {HUB_FIELD_TEXT, "\"long\"", true},
        {HUB_FIELD_TEXT, "[]", false},
        {HUB_FIELD_INTEGER, "3", true},
        {HUB_FIELD_INTEGER, "3.0", true},
        {HUB_FIELD_INTEGER, "3.5", false},
        {HUB_FIELD_INTEGER, "\"3\"", false},
        {HUB_FIELD_INTEGER, "1e300", false},
        {HUB_FIELD_INTEGER, "9223372036854775807", true},
        {HUB_FIELD_DECIMAL, "3.5", true},
        {HUB_FIELD_DECIMAL, "3", true},
        {HUB_FIELD_DECIMAL, "\"3.5\"", false},
        {HUB_FIELD_BOOLEAN, "true", true},
        {HUB_FIELD_BOOLEAN, "0", false},
        {HUB_FIELD_ID, "\"u1\"", true},
        {HUB_FIELD_ID, "\"\"", false},
        {HUB_FIELD_ID, "7", false},
        {HUB_FIELD_DATETIME, "\"2026-01-31T10:00:00Z\"", true},
        {HUB_FIELD_DATETIME, "\"2026-02-31\"", false},
        {HUB_FIELD_DATETIME, "5", false},
        {HUB_FIELD_ENUM, "\"red\"", true},
        {HUB_FIELD_ENUM, "\"Red\"", false},
        {HUB_FIELD_ENUM, "1", false},
        {HUB_FIELD_JSON, "{\"a\":[1]}", true},
        {HUB_FIELD_JSON, "[]", true},
        {HUB_FIELD_JSON, "\"text\"", false},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_def_field f = field("f", cases[i].type, true);
        json_t *v = hub_json_parse(hub_cstr(cases[i].json), NULL);
        if (!hub_field_mismatch(&f, v) != cases[i].fits)
            fail_msg("type %d, value %s", (int)cases[i].type, cases[i].json);
        json_decref(v);
    }
}

static void a_string_is_counted_in_characters_not_bytes(void **state) {
    struct hub_def_field f = field("f", HUB_FIELD_STRING, true);
    struct hub_buf b = {0};
    (void)state;
    for (int i = 0; i < 255; i++) hub_buf_addz(&b, "\xc3\xa9");
    json_t *v = hub_json_string(hub_buf_str(&b));
    assert_null(hub_field_mismatch(&f, v));
    json_decref(v);
    hub_buf_addz(&b, "x");
    v = hub_json_string(hub_buf_str(&b));
    assert_non_null(hub_field_mismatch(&f, v));
    json_decref(v);
    hub_buf_free(&b);
}

static enum hub_code check(const struct hub_def_message_type *t, const char *text, char *after, struct hub_err *err) {
    json_t *content = hub_json_parse(hub_cstr(text), NULL);
    struct hub_buf b = {0};
    bool changed;
    enum hub_code code = hub_content_check(t, content, &changed, err);
    hub_json_add(&b, content);
    assert_int_equal(changed, strcmp(text, hub_buf_cstr(&b)) != 0);
    snprintf(after, 200, "%s", hub_buf_cstr(&b));
    hub_buf_free(&b);
    json_decref(content);
    return code;
}

static void defaults_are_filled_in_and_faults_name_the_field(void **state) {
    struct hub_def_field fields[] = {field("amount", HUB_FIELD_INTEGER, true), field("colour", HUB_FIELD_ENUM, false),
                                     field("note", HUB_FIELD_TEXT, false)};
    fields[1].default_value = json_string("green");
    const struct hub_def_message_type bid = {.name = "bid", .fields = fields, .field_n = 3};
    struct hub_err err;
    char after[200];
    (void)state;
    assert_int_equal(check(&bid, "{\"amount\":5}", after, &err), HUB_OK);
    assert_string_equal(after, "{\"amount\":5,\"colour\":\"green\"}");
    assert_int_equal(check(&bid, "{\"amount\":5,\"colour\":\"red\"}", after, &err), HUB_OK);
    assert_int_equal(check(&bid, "{\"amount\":5,\"note\":null}", after, &err), HUB_OK); /* null is absent */
    assert_string_equal(after, "{\"amount\":5,\"colour\":\"green\"}");
    assert_int_equal(check(&bid, "{\"colour\":\"red\"}", after, &err), HUB_INVALID_CONTENT);
    assert_non_null(strstr(err.text, "content.amount"));
    assert_int_equal(check(&bid, "{\"amount\":5,\"colour\":\"blue\"}", after, &err), HUB_INVALID_CONTENT);
    assert_non_null(strstr(err.text, "red, green"));
    assert_int_equal(check(&bid, "{\"amount\":5,\"extra\":1}", after, &err), HUB_INVALID_CONTENT);
    assert_non_null(strstr(err.text, "content.extra"));
    json_decref(fields[1].default_value);
}

static void a_type_without_fields_takes_any_object_but_no_nul(void **state) {
    const struct hub_def_message_type any = {.name = "any"};
    struct hub_err err;
    char after[200];
    (void)state;
    assert_int_equal(check(&any, "{\"a\":{\"b\":[1,null]}}", after, &err), HUB_OK);
    assert_int_equal(check(&any, "[1]", after, &err), HUB_INVALID_CONTENT);
    assert_int_equal(check(&any, "{\"a\":[\"x\\u0000\"]}", after, &err), HUB_INVALID_CONTENT);
}

/* ---- the rate limit ---- */

static void the_window_slides_and_says_when_it_has_room(void **state) {
    struct hub_def def = {.message_rate_limit = 3};
    struct hub_engine engine = {.config.loop = hub_loop_new(NULL)};
    struct hub_hub hub = {.engine = &engine, .def = &def};
    int64_t retry = 0;
    (void)state;
    assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 1000, &retry));
    assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 11000, &retry));
    assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 21000, &retry));
    assert_false(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 31000, &retry));
    assert_int_equal(retry, 30000);
    assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("bob")), HUB_LIMIT_MESSAGES, 31000,
                              &retry)); /* counted by user */
    assert_false(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 60999, &retry));
    assert_int_equal(retry, 1);
    assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 61000, &retry));
    assert_false(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 61001, &retry));
    hub_rate_sweep(&hub, 61001 + 60000);
    assert_int_equal(hub_map_len(&hub.users), 0); /* nobody is remembered for ever */
    hub_loop_delete(engine.config.loop);
}

static void a_large_limit_costs_bounded_memory_and_holds(void **state) {
    struct hub_def def = {.message_rate_limit = 100000};
    struct hub_engine engine = {.config.loop = hub_loop_new(NULL)};
    struct hub_hub hub = {.engine = &engine, .def = &def};
    int64_t retry = 0, taken = 0;
    (void)state;
    while (taken < 200000 && hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_MESSAGES, 5, &retry))
        taken++;
    assert_int_equal(taken, 100000);
    assert_int_equal(retry, 60000);
    hub_rate_sweep(&hub, 100000);
    hub_loop_delete(engine.config.loop);
}

/* 70 a minute: a ring of 16 slots, which stand for five each. */
static void what_is_given_back_does_not_count(void **state) {
    struct hub_def def = {.message_rate_limit = 3, .limits = {.events = 70, .reads = 1}};
    struct hub_engine engine = {.config.loop = hub_loop_new(NULL)};
    struct hub_hub hub = {.engine = &engine, .def = &def};
    int64_t retry = 0;
    (void)state;
    hub_rate_give(hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS); /* nothing was counted */
    for (int i = 0; i < 1000; i++) {
        assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS, i, &retry));
        hub_rate_give(hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS);
    }
    for (int i = 0; i < 70; i++)
        assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS, 1000 + i, &retry));
    assert_false(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS, 2000, &retry));
    for (int i = 0; i < 3; i++) hub_rate_give(hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS);
    for (int i = 0; i < 3; i++)
        assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS, 3000, &retry));
    assert_false(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS, 3000, &retry));
    assert_true(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_READS, 3000,
                              &retry)); /* each limit has a window of its own */
    assert_false(hub_rate_take(&hub, hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_READS, 3000, &retry));
    hub_rate_sweep(&hub, 200000);
    assert_int_equal(hub_map_len(&hub.users), 0);
    hub_loop_delete(engine.config.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fit_their_field_types_or_are_refused),
        cmocka_unit_test(a_string_is_counted_in_characters_not_bytes),
        cmocka_unit_test(defaults_are_filled_in_and_faults_name_the_field),
        cmocka_unit_test(a_type_without_fields_takes_any_object_but_no_nul),
        cmocka_unit_test(the_window_slides_and_says_when_it_has_room),
        cmocka_unit_test(what_is_given_back_does_not_count),
        cmocka_unit_test(a_large_limit_costs_bounded_memory_and_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
