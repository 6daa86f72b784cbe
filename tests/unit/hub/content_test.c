/* The content of messages against their types; what the fields of a type take is unit.data.fields_test. Then
 * the rate limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/message/message.h"

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

static void a_refusal_names_the_field_and_the_type(void **state) {
    struct hub_def_field fields[] = {{.name = "amount", .type = HUB_FIELD_INTEGER, .required = true}};
    const struct hub_def_message_type bid = {.name = "bid", .fields = fields, .field_n = 1};
    struct hub_err err;
    char after[200];
    (void)state;
    assert_int_equal(check(&bid, "{\"amount\":5}", after, &err), HUB_OK);
    assert_int_equal(check(&bid, "{}", after, &err), HUB_INVALID_CONTENT);
    assert_string_equal(err.text, "content.amount: required, but missing");
    assert_int_equal(check(&bid, "{\"amount\":5,\"extra\":1}", after, &err), HUB_INVALID_CONTENT);
    assert_string_equal(err.text, "content.extra: the message type \"bid\" has no such field");
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

static bool take(struct hub_hub *hub, const char *user, enum hub_limit limit, int64_t now, int64_t *retry) {
    const struct hub_counted counted = {(uint32_t)limit, hub_limit_name(limit), hub_limit_of(hub->def, limit)};
    return hub_rate_take(hub_user_get(hub, hub_cstr(user)), &counted, now, retry);
}

static void the_window_slides_and_says_when_it_has_room(void **state) {
    struct hub_def def = {.message_rate_limit = 3};
    struct hub_engine engine = {.config.loop = hub_loop_new(NULL)};
    struct hub_hub hub = {.engine = &engine, .def = &def};
    hub_list_init(&hub.users);
    hub_directory_init(&engine.directory);
    int64_t retry = 0;
    (void)state;
    assert_true(take(&hub, "ann", HUB_LIMIT_MESSAGES, 1000, &retry));
    assert_true(take(&hub, "ann", HUB_LIMIT_MESSAGES, 11000, &retry));
    assert_true(take(&hub, "ann", HUB_LIMIT_MESSAGES, 21000, &retry));
    assert_false(take(&hub, "ann", HUB_LIMIT_MESSAGES, 31000, &retry));
    assert_int_equal(retry, 30000);
    assert_true(take(&hub, "bob", HUB_LIMIT_MESSAGES, 31000, &retry)); /* counted by user */
    assert_false(take(&hub, "ann", HUB_LIMIT_MESSAGES, 60999, &retry));
    assert_int_equal(retry, 1);
    assert_true(take(&hub, "ann", HUB_LIMIT_MESSAGES, 61000, &retry));
    assert_false(take(&hub, "ann", HUB_LIMIT_MESSAGES, 61001, &retry));
    hub_users_sweep(&hub, 61001 + 60000);
    assert_true(hub_list_empty(&hub.users) &&
                !hub_keyed_len(&engine.directory.users)); /* nobody is remembered for ever */
    hub_loop_delete(engine.config.loop);
}

static void a_large_limit_costs_bounded_memory_and_holds(void **state) {
    struct hub_def def = {.message_rate_limit = 100000};
    struct hub_engine engine = {.config.loop = hub_loop_new(NULL)};
    struct hub_hub hub = {.engine = &engine, .def = &def};
    hub_list_init(&hub.users);
    hub_directory_init(&engine.directory);
    int64_t retry = 0, taken = 0;
    (void)state;
    while (taken < 200000 && take(&hub, "ann", HUB_LIMIT_MESSAGES, 5, &retry)) taken++;
    assert_int_equal(taken, 100000);
    assert_int_equal(retry, 60000);
    hub_users_sweep(&hub, 100000);
    hub_loop_delete(engine.config.loop);
}

/* 70 a minute: a ring of 16 slots, which stand for five each. */
static void what_is_given_back_does_not_count(void **state) {
    struct hub_def def = {.message_rate_limit = 3, .limits = {.events = 70, .reads = 1}};
    struct hub_engine engine = {.config.loop = hub_loop_new(NULL)};
    struct hub_hub hub = {.engine = &engine, .def = &def};
    hub_list_init(&hub.users);
    hub_directory_init(&engine.directory);
    int64_t retry = 0;
    (void)state;
    hub_rate_give(hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS); /* nothing was counted */
    for (int i = 0; i < 1000; i++) {
        assert_true(take(&hub, "ann", HUB_LIMIT_EVENTS, i, &retry));
        hub_rate_give(hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS);
    }
    for (int i = 0; i < 70; i++) assert_true(take(&hub, "ann", HUB_LIMIT_EVENTS, 1000 + i, &retry));
    assert_false(take(&hub, "ann", HUB_LIMIT_EVENTS, 2000, &retry));
    for (int i = 0; i < 3; i++) hub_rate_give(hub_user_get(&hub, HUB_STR("ann")), HUB_LIMIT_EVENTS);
    for (int i = 0; i < 3; i++) assert_true(take(&hub, "ann", HUB_LIMIT_EVENTS, 3000, &retry));
    assert_false(take(&hub, "ann", HUB_LIMIT_EVENTS, 3000, &retry));
    assert_true(take(&hub, "ann", HUB_LIMIT_READS, 3000, &retry)); /* each limit has a window of its own */
    assert_false(take(&hub, "ann", HUB_LIMIT_READS, 3000, &retry));
    hub_users_sweep(&hub, 200000);
    assert_true(hub_list_empty(&hub.users) && !hub_keyed_len(&engine.directory.users));
    hub_loop_delete(engine.config.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_names_the_field_and_the_type),
        cmocka_unit_test(a_type_without_fields_takes_any_object_but_no_nul),
        cmocka_unit_test(the_window_slides_and_says_when_it_has_room),
        cmocka_unit_test(what_is_given_back_does_not_count),
        cmocka_unit_test(a_large_limit_costs_bounded_memory_and_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
