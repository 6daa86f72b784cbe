/* Guards of channels and records on an engine of fakes: what they have granted is asked for again. A guard
 * that is no JSON value waits for the test. */
#include "fake_hub.h"
#include "hub/guard/guard.h"

#define GUARDS                                                          \
    "  channels: [{pattern: 'c:{x}', canSubscribe: 'session.later'}]\n" \
    "  records:\n"                                                      \
    "  - {pattern: 'r:{x}', canRead: 'session.later'}\n"                \
    "  - {pattern: 'v:{x}', canRead: 'value.later'}\n"
#define HUB                                     \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "hubExtensions:\n" GUARDS
#define PLAIN "namespaces:\n- path: /plain\n  auth: true\n" GUARDS

/* What is granted, how it is asked for, and where. */
static const struct kind {
    const char *nsp, *event, *variable, *prefix;
} kinds[] = {
    {"/hub/chat", "hub:subscribe", "channel", "c:"},        {"/hub/chat", "hub:subscribeRecord", "recordId", "r:"},
    {"/hub/chat", "hub:subscribeRecord", "recordId", "v:"}, {"/plain", "hub:subscribe", "channel", "c:"},
    {"/plain", "hub:subscribeRecord", "recordId", "r:"},    {"/plain", "hub:subscribeRecord", "recordId", "v:"}};

static struct fake_hub *guards_new(void) {
    fake_service_more = PLAIN;
    return fake_hub_new(HUB);
}

static void end_guard(struct fake_hub *f, enum hub_code code, const char *result) {
    fake_script_end(&f->scripts, code, result);
    fake_settle(f);
}

static int ask_for(struct fake_hub *f, struct fake_client *c, const struct kind *k, int i) {
    char args[60];
    snprintf(args, sizeof args, "{\"%s\":\"%s%d\"}", k->variable, k->prefix, i);
    int ack = client_says(c, k->event, args);
    fake_settle(f);
    return ack;
}

static void is_granted(struct fake_hub *f, struct fake_client *c, const struct kind *k, int i) {
    int ack = ask_for(f, c, k, i);
    end_guard(f, HUB_OK, "true");
    client_is_answered(c, ack, "\"ok\":true");
}

static void hears_of_the_end(struct fake_client *c, const struct kind *k, int i, const char *reason) {
    char event[100];
    snprintf(event, sizeof event, "[\"hub:unsubscribed\",{\"%s\":\"%s%d\",\"reason\":\"%s\"}]", k->variable, k->prefix,
             i, reason);
    client_hears(c, event);
}

static void by_a_new_token_one_after_the_other(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        for (int i = 1; i <= 3; i++) is_granted(f, &ann, &kinds[k], i);
        int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        fake_settle(f);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        end_guard(f, HUB_OK, "true");
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[k], 2, "not_allowed");
        client_waits_for(&ann, refresh); /* nothing passes by the old token once it is answered */
        end_guard(f, HUB_HANDLER_FAILED, NULL);
        hears_of_the_end(&ann, &kinds[k], 3, "handler_failed");
        client_is_answered(&ann, refresh, "\"ok\":true");
        client_hang_up(&ann);
        fake_hub_free(f);
    }
}

static void on_reloaded(void *arg) { *(bool *)arg = true; }

static void by_new_definitions(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann[HUB_NELEM(kinds)];
    bool reloaded = false;
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) client_connect_to(f, &ann[k], kinds[k].nsp, "ann");
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) is_granted(f, &ann[k], &kinds[k], 1);
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, &reloaded);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), HUB_NELEM(kinds));
    assert_false(reloaded);
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) end_guard(f, HUB_OK, "false");
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) hears_of_the_end(&ann[k], &kinds[k], 1, "not_allowed");
    assert_true(reloaded);
    fake_hub_free(f);
}

/* What is asked for is read from a store that takes its time; who asked has lost the right meanwhile. */
static void before_the_answer(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        int ack = ask_for(f, &ann, &kinds[k], 1);
        int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        client_is_answered(&ann, refresh, "\"ok\":true");
        end_guard(f, HUB_OK, "true"); /* by the old token */
        client_waits_for(&ann, ack);
        end_guard(f, HUB_OK, "false");
        client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
        client_hang_up(&ann);
        fake_hub_free(f);
    }
}

static void server_writes(struct fake_hub *f, const char *id, int value) {
    fake_records_call(f, &f->hub->caller, "write", json_pack("[s, i]", id, value));
}

/* Of any record: who may may follow from another one. */
static void when_a_record_that_they_have_read_changes(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        int ack = ask_for(f, &ann, &kinds[k], 1);
        fake_guard_reads(f, "r:acl");
        fake_guard_reads(f, "r:acl");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        is_granted(f, &ann, &kinds[k], 2);
        server_writes(f, "r:acl", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        server_writes(f, "r:acl", 2); /* while it waits, having read it or not */
        end_guard(f, HUB_OK, "true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* it reads nothing by now */
        server_writes(f, "r:acl", 3);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        ack = ask_for(f, &ann, &kinds[k], 3);
        fake_guard_reads(f, "r:acl");
        server_writes(f, "r:acl", 4);
        end_guard(f, HUB_OK, "true");
        client_waits_for(&ann, ack);
        fake_guard_reads(f, "r:acl");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        server_writes(f, "r:acl", 5);
        fake_guard_reads(f, "r:acl");
        server_writes(f, "r:acl", 6);
        end_guard(f, HUB_OK, "true");
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[k], 3, "not_allowed");
        server_writes(f, "r:acl", 7);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        fake_hub_free(f);
    }
}

static void guard_writes(struct fake_hub *f, const char *id, int value) {
    fake_settle(f);
    fake_records_call(f, (void *)(uintptr_t)fake_script_first(&f->scripts)->caller, "write",
                      json_pack("[s, i]", id, value));
}

/* It knows what it has written; what others write it does not. */
static void but_not_by_what_they_have_changed_themselves(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann, bob;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        client_connect_to(f, &bob, kinds[k].nsp, "bob");
        int ack = ask_for(f, &bob, &kinds[k], 1);
        fake_guard_reads(f, "r:acl");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&bob, ack, "\"ok\":true");
        ack = ask_for(f, &ann, &kinds[k], 1);
        fake_guard_reads(f, "r:acl");
        guard_writes(f, "r:acl", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 2); /* bob's */
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        end_guard(f, HUB_OK, "true"); /* which reads nothing by now */
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        server_writes(f, "r:acl", 2);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        fake_guard_reads(f, "r:acl");
        guard_writes(f, "r:acl", 3);
        end_guard(f, HUB_OK, "true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        server_writes(f, "r:acl", 4);
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[k], 1, "not_allowed");
        fake_hub_free(f);
    }
}

/* In the midst of what a guard does: what it reads then is nobody's. */
static void what_a_guard_reads_may_outlive_what_it_is_for(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        int ack = ask_for(f, &ann, &kinds[k], 1);
        for (int i = 0; i < 40; i++) {
            char id[20];
            snprintf(id, sizeof id, "r:%d", i); /* more than are noted */
            fake_guard_reads(f, id);
        }
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        server_writes(f, "r:31", 1);
        server_writes(f, "r:35", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        ask_for(f, &ann, &kinds[k], 2);
        fake_store_hold(&f->store, true);
        struct hub_host_call call = {.args = json_pack("[s, i]", "r:1", 9),
                                     .caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller,
                                     .done = fake_on_host_done};
        json_t *args = call.args;
        fake_records_begin(f, &call, "write");
        client_hang_up(&ann);
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_null(call.args);
        json_decref(args);
        fake_guard_reads(f, "r:1");
        end_guard(f, HUB_OK, "true");
        fake_guard_reads(f, "r:1");
        end_guard(f, HUB_OK, "true");
        server_writes(f, "r:1", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        fake_hub_free(f);
    }
}

static void of_who_has_gone_nothing_is_left(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        is_granted(f, &ann, &kinds[k], 1);
        client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        ask_for(f, &ann, &kinds[k], 2);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
        client_hang_up(&ann);
        while (fake_scripts_waiting(&f->scripts)) end_guard(f, HUB_OK, "true");
        fake_hub_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_a_new_token_one_after_the_other),
        cmocka_unit_test(by_new_definitions),
        cmocka_unit_test(before_the_answer),
        cmocka_unit_test(when_a_record_that_they_have_read_changes),
        cmocka_unit_test(but_not_by_what_they_have_changed_themselves),
        cmocka_unit_test(what_a_guard_reads_may_outlive_what_it_is_for),
        cmocka_unit_test(of_who_has_gone_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
