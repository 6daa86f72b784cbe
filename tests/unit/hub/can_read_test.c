/* Guards of records that look at the record, on an engine of fakes: what they judge is what is shown, and
 * nobody is told of a change that his guard has not let through. A guard that is no JSON value waits for the
 * test. */
#include "fake_hub.h"
#include "hub/record/record_int.h"

#define RECORDS                                                                              \
    "  records:\n"                                                                           \
    "  - {pattern: 'v:{id}', canRead: value.later, canWrite: 'true'}\n"                      \
    "  - {pattern: 'i:{id}', canRead: params.id, canWrite: 'true'}\n"                        \
    "  - {pattern: 'by:{id}', canRead: 'records.get(recordId)', canWrite: 'true'}\n"         \
    "  - {pattern: 'both:{id}', canRead: 'records.get(recordId).value', canWrite: 'true'}\n" \
    "  - {pattern: 's:{id}', canRead: value.seat, canWrite: 'true', dataObject: seat}\n"     \
    "  - {pattern: 'c:{id}', canRead: value.cached, canWrite: 'true', persist: false}\n"
#define HUB_OF(MOST)                            \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "hubExtensions:\n"                          \
    "  limits: {writes: 1000000, records: " MOST "}\n" RECORDS
#define HUB HUB_OF("50")
/* A window to the same records without a guard. */
#define PLAIN                                              \
    "namespaces:\n"                                        \
    "- path: /open\n"                                      \
    "  auth: true\n"                                       \
    "  records: [{pattern: 'v:{id}', canWrite: 'true'}]\n" \
    "- path: /plain\n"                                     \
    "  auth: true\n" RECORDS

static struct fake_hub *records_new(void) {
    fake_service_more = PLAIN;
    return fake_hub_new(HUB);
}

static void write_value(struct fake_client *c, const char *id, const char *value, int version) {
    char args[100], want[40];
    snprintf(args, sizeof args, "{\"recordId\":\"%s\",\"value\":%s}", id, value);
    snprintf(want, sizeof want, "\"version\":%d", version);
    client_does(c, "hub:writeRecord", args, want);
}

/* The guard that has waited longest, which sees VALUE, says RESULT. */
static void guard_of(struct fake_hub *f, const char *value, enum hub_code code, const char *result) {
    struct hub_buf seen = {0};
    fake_settle(f);
    hub_json_add(&seen, json_object_get(fake_script_first(&f->scripts)->args, "value"));
    assert_string_equal(hub_buf_cstr(&seen), value);
    hub_buf_free(&seen);
    fake_script_end(&f->scripts, code, result);
    fake_settle(f);
}
static void allows(struct fake_hub *f, const char *value) { guard_of(f, value, HUB_OK, "true"); }
static void refuses(struct fake_hub *f, const char *value) { guard_of(f, value, HUB_OK, "false"); }

static void nobody_is_asked(struct fake_hub *f) {
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
}

static int follows(struct fake_client *c, const char *id, const char *mode) {
    char args[100];
    snprintf(args, sizeof args, "{\"recordId\":\"%s\",\"mode\":\"%s\"}", id, mode);
    return client_says(c, "hub:subscribeRecord", args);
}
static void is_let_in(struct fake_hub *f, struct fake_client *c, const char *id, const char *mode, const char *value) {
    int ack = follows(c, id, mode);
    allows(f, value);
    client_is_answered(c, ack, "\"ok\":true");
}

#define ENDED(ID, REASON) "[\"hub:unsubscribed\",{\"recordId\":\"" ID "\",\"reason\":\"" REASON "\"}]"

static void it_is_asked_with_the_value_before_each_change_is_told(void **state) {
    const char *const namespaces[] = {"/hub/chat", "/plain"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(namespaces); i++) {
        struct fake_hub *f = records_new();
        struct fake_client ann, bob;
        client_connect_to(f, &ann, namespaces[i], "ann");
        client_connect_to(f, &bob, "/open", "bob");
        write_value(&bob, "v:1", "1", 1);
        int ack = follows(&ann, "v:1", "full");
        client_waits_for(&ann, ack);
        allows(f, "1");
        client_is_answered(&ann, ack, "\"version\":1,\"record\":1");
        client_does(&bob, "hub:subscribeRecord", "{\"recordId\":\"v:1\"}", "\"record\":1");
        write_value(&bob, "v:1", "2", 2);
        client_hears(&bob, "\"version\":2,\"full\":2"); /* who is not asked for waits for nobody */
        client_hears_nothing_of(&ann, "hub:recordUpdated");
        allows(f, "2");
        client_hears(&ann, "\"version\":2,\"full\":2");
        client_does(&bob, "hub:deleteRecord", "{\"recordId\":\"v:1\"}", "\"version\":3");
        client_hears_nothing_of(&ann, "hub:recordDeleted");
        allows(f, "null");
        client_hears(&ann, "[\"hub:recordDeleted\",{\"recordId\":\"v:1\",\"version\":3}]");
        client_does(&bob, "hub:transaction",
                    "{\"operations\":[{\"op\":\"write\",\"recordId\":\"v:1\",\"value\":\"secret\"}]}", "\"version\":4");
        refuses(f, "\"secret\"");
        client_hears(&ann, ENDED("v:1", "not_allowed"));
        write_value(&bob, "v:1", "5", 5);
        nobody_is_asked(f);
        client_hears_nothing_of(&ann, "secret");
        client_hears_nothing_of(&ann, "hub:record");
        client_hears_in_order(&bob, "\"version\":4", "\"version\":5");
        fake_hub_free(f);
    }
}

static void one_that_does_not_look_is_not_asked(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    is_let_in(f, &ann, "i:1", "full", "null"); /* no variable at all */
    size_t called = f->scripts.called;
    for (int i = 1; i <= 3; i++) write_value(&ann, "i:1", i % 2 ? "1" : "2", i);
    nobody_is_asked(f);
    client_hears_in_order(&ann, "\"version\":1,\"full\":1", "\"version\":2,\"full\":2");
    client_hears(&ann, "\"version\":3");
    assert_int_equal(f->scripts.called - called, 3); /* those of canWrite */
    int ack = follows(&ann, "by:1", "full");
    fake_guard_reads(f, "by:1");
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"version\":0");
    write_value(&ann, "by:1", "1", 1);
    client_hears_nothing_of(&ann, "by:1\",\"version\":1,\"full\"");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* not twice */
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_hears(&ann, ENDED("by:1", "not_allowed"));
    fake_hub_free(f);
}

/* What is shown is what was judged; what has come of it meanwhile is judged, too. */
static void a_record_that_changes_while_its_guard_waits_is_told_as_it_was_judged(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect_to(f, &bob, "/open", "bob");
    write_value(&bob, "v:1", "{\"a\":1}", 1);
    int ack = follows(&ann, "v:1", "patch");
    fake_settle(f);
    write_value(&bob, "v:1", "{\"a\":2}", 2);
    write_value(&bob, "v:1", "{\"a\":3}", 3);
    allows(f, "{\"a\":1}");
    client_is_answered(&ann, ack, "\"version\":1,\"record\":{\"a\":1}");
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    write_value(&bob, "v:1", "{\"a\":4}", 4);
    allows(f, "{\"a\":3}");
    client_hears(&ann, "\"version\":3,\"full\":{\"a\":3}"); /* it has missed one */
    allows(f, "{\"a\":4}");
    client_hears(&ann, "\"version\":4,\"full\":{\"a\":4}");
    nobody_is_asked(f);
    fake_hub_free(f);
}

/* Nobody knows whether it has looked before the change or behind it. */
static void one_that_reads_the_record_itself_is_asked_again_after_a_change(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    write_value(&ann, "by:1", "1", 1);
    int ack = follows(&ann, "by:1", "full");
    fake_guard_reads(f, "by:1");
    write_value(&ann, "by:1", "2", 2);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_waits_for(&ann, ack);
    fake_guard_reads(f, "by:1");
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"version\":2,\"record\":2");
    write_value(&ann, "by:1", "3", 3);
    fake_settle(f);
    write_value(&ann, "by:1", "4", 4);
    allows(f, "3");
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    allows(f, "4");
    client_hears(&ann, "\"version\":4,\"full\":4");
    nobody_is_asked(f);
    ack = follows(&ann, "both:1", "full"); /* it has the value, and reads it: another one */
    fake_settle(f);
    write_value(&ann, "both:1", "1", 1);
    fake_guard_reads(f, "both:1");
    allows(f, "null");
    client_waits_for(&ann, ack);
    fake_guard_reads(f, "both:1");
    allows(f, "1");
    client_is_answered(&ann, ack, "\"version\":1,\"record\":1");
    ack = client_says(&ann, "hub:readRecord", "{\"recordId\":\"by:2\"}"); /* nothing is noted for that */
    for (int i = 1; i <= 3; i++) {
        char value[2] = {(char)('0' + i)}, was[2] = {(char)('0' + i - 1)};
        fake_settle(f);
        write_value(&ann, "by:2", value, i);
        allows(f, i > 1 ? was : "null");
    }
    client_is_answered(&ann, ack, "\"code\":\"overloaded\"");
    fake_hub_free(f);
}

/* More than are asked in one turn of the loop, of a follower each. */
static void all_of_many_that_change_at_once_are_asked_for(void **state) {
    fake_service_more = PLAIN;
    struct fake_hub *f = fake_hub_new(HUB_OF("1000"));
    struct fake_client ann, bob;
    struct hub_buf ops = {0};
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect_to(f, &bob, "/open", "bob");
    hub_buf_addz(&ops, "{\"operations\":[");
    for (int i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof id, "v:%d", i);
        is_let_in(f, &ann, id, "full", "null");
        hub_buf_addf(&ops, "%s{\"op\":\"write\",\"recordId\":\"%s\",\"value\":1}", i ? "," : "", id);
    }
    hub_buf_addz(&ops, "]}");
    client_does(&bob, "hub:transaction", hub_buf_cstr(&ops), "\"ok\":true");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 100);
    for (int i = 0; i < 100; i++) allows(f, "1");
    client_hears(&ann, "\"recordId\":\"v:99\",\"version\":1,\"full\":1");
    nobody_is_asked(f);
    hub_buf_free(&ops);
    fake_hub_free(f);
}

static void who_keeps_up_is_told_patches(void **state) {
    static const char text[] = "\"a text that makes the whole longer than a patch of it: .............\"";
    struct fake_hub *f = records_new();
    struct fake_client ann;
    char value[120];
    (void)state;
    client_connect(f, &ann, "ann");
    snprintf(value, sizeof value, "{\"t\":%s,\"n\":1}", text);
    is_let_in(f, &ann, "v:1", "patch", "null");
    for (int i = 1; i <= 3; i++) {
        snprintf(value, sizeof value, "{\"t\":%s,\"n\":%d}", text, i);
        char args[160];
        snprintf(args, sizeof args, "{\"recordId\":\"v:1\",\"value\":%s}", value);
        client_does(&ann, "hub:writeRecord", args, "\"ok\":true");
        allows(f, value);
    }
    client_hears(&ann, "\"version\":1,\"full\"");
    client_hears(&ann, "\"version\":2,\"patch\":[{\"op\":\"replace\",\"path\":\"/n\",\"value\":2}]");
    client_hears(&ann, "\"version\":3,\"patch\"");
    fake_hub_free(f);
}

static void one_that_fails_lets_nothing_through(void **state) {
    static const enum hub_code codes[] = {HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT};
    static const char *const ends[] = {ENDED("v:1", "handler_failed"), ENDED("v:1", "script_timeout")};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(codes); i++) {
        struct fake_hub *f = records_new();
        struct fake_client ann;
        client_connect(f, &ann, "ann");
        is_let_in(f, &ann, "v:1", "full", "null");
        write_value(&ann, "v:1", "7", 1);
        guard_of(f, "7", codes[i], NULL);
        client_hears(&ann, ends[i]);
        client_hears_nothing_of(&ann, "hub:recordUpdated");
        int ack = follows(&ann, "v:1", "full");
        guard_of(f, "7", codes[i], NULL);
        client_is_answered(&ann, ack, i ? "script_timeout" : "handler_failed");
        fake_hub_free(f);
    }
}

static void reads_and_checks_see_it(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    write_value(&ann, "v:1", "1", 1);
    int ack = client_says(&ann, "hub:readRecord", "{\"recordId\":\"v:1\"}");
    fake_settle(f);
    write_value(&ann, "v:1", "2", 2);
    allows(f, "1");
    client_is_answered(&ann, ack, "\"version\":1,\"record\":1"); /* 2 was not judged */
    ack = client_says(&ann, "hub:readRecord", "{\"recordId\":\"v:1\"}");
    refuses(f, "2");
    client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
    ack = client_says(&ann, "hub:readRecord", "{\"recordId\":\"v:none\"}");
    allows(f, "null");
    client_is_answered(&ann, ack, "\"code\":\"not_found\"");
    ack = client_says(&ann, "hub:transaction",
                      "{\"operations\":[{\"op\":\"check\",\"recordId\":\"v:1\",\"ifVersion\":9}]}");
    allows(f, "2");
    client_is_answered(&ann, ack, "\"data\":{\"recordId\":\"v:1\",\"version\":2}");
    ack = client_says(&ann, "hub:patchRecord",
                      "{\"recordId\":\"v:1\",\"patch\":[{\"op\":\"test\",\"path\":\"\",\"value\":3}]}");
    refuses(f, "2");
    client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
    fake_hub_free(f);
}

static void change_seat(struct fake_hub *f, const char *user) {
    const struct hub_table *seat = fake_table(f, "seat");
    json_t *row = json_pack("{s:s, s:s, s:s}", "id", "1", "userId", user, "roomId", "r1");
    char *text = json_dumps(row, 0);
    fake_store_remove(&f->store, seat, "1");
    fake_store_add(&f->store, seat, text);
    hub_record_row_changed(f->engine, seat, row);
    fake_settle(f);
    free(text);
    json_decref(row);
}

/* Nobody follows it, and it is read by a guard alone. */
static void a_row_that_a_guard_has_read_is_noticed(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    client_connect(f, &ann, "ann");
    int ack = follows(&ann, "i:1", "full");
    fake_guard_reads(f, "s:1");
    allows(f, "null");
    client_is_answered(&ann, ack, "\"ok\":true");
    change_seat(f, "bob");
    refuses(f, "null");
    client_hears(&ann, ENDED("i:1", "not_allowed"));
    change_seat(f, "eve");
    nobody_is_asked(f);
    fake_hub_free(f);
}

static void what_a_guard_reads_after_the_end_is_nobodys(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    is_let_in(f, &ann, "v:1", "full", "null");
    write_value(&ann, "v:1", "1", 1);
    client_does(&ann, "hub:unsubscribeRecord", "{\"recordId\":\"v:1\"}", "\"ok\":true");
    fake_guard_reads(f, "v:1");
    allows(f, "1");
    write_value(&ann, "v:1", "2", 2);
    nobody_is_asked(f);
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    fake_hub_free(f);
}

/* Told by the bus, or written by whom no guard asks. */
static void rows_are_judged_whoever_changes_them(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    client_connect(f, &ann, "ann");
    int ack = follows(&ann, "s:1", "full");
    fake_settle(f);
    assert_non_null(strstr(
        json_string_value(json_object_get(json_object_get(fake_script_first(&f->scripts)->args, "value"), "userId")),
        "ann"));
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"userId\":\"ann\"");
    change_seat(f, "bob");
    client_hears_nothing_of(&ann, "bob");
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_hears(&ann, ENDED("s:1", "not_allowed"));
    client_hears_nothing_of(&ann, "bob");
    fake_hub_free(f);
}

static void a_record_of_the_cache_is_judged(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    write_value(&ann, "c:1", "1", 1);
    is_let_in(f, &ann, "c:1", "full", "1");
    write_value(&ann, "c:1", "2", 2);
    allows(f, "2");
    client_hears(&ann, "\"version\":2,\"full\":2");
    fake_hub_free(f);
}

/* ---- what comes in between ---- */

static void who_ends_it_himself_is_told_no_more(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    is_let_in(f, &ann, "v:1", "full", "null");
    write_value(&ann, "v:1", "1", 1);
    client_does(&ann, "hub:unsubscribeRecord", "{\"recordId\":\"v:1\"}", "\"ok\":true");
    refuses(f, "1");
    client_hears_nothing_of(&ann, "hub:unsubscribed");
    is_let_in(f, &ann, "v:1", "full", "1");
    write_value(&ann, "v:1", "2", 2);
    int again = follows(&ann, "v:1", "patch");
    refuses(f, "2"); /* what was on its way ends it */
    client_hears(&ann, ENDED("v:1", "not_allowed"));
    allows(f, "2");
    client_is_answered(&ann, again, "not_allowed"); /* there is none that could go on */
    nobody_is_asked(f);
    fake_hub_free(f);
}

static void who_begins_anew_is_asked_for_what_he_has_not_seen(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    is_let_in(f, &ann, "v:1", "full", "null");
    int again = follows(&ann, "v:1", "patch");
    fake_settle(f);
    write_value(&ann, "v:1", "1", 1);
    allows(f, "null"); /* the request */
    client_is_answered(&ann, again, "\"version\":0,\"record\":null");
    refuses(f, "1"); /* what was on its way is about a subscription that is no more */
    client_hears_nothing_of(&ann, "hub:unsubscribed");
    allows(f, "1");
    client_hears(&ann, "\"version\":1,\"full\":1");
    fake_hub_free(f);
}

/* Its guard has looked at less than what was told meanwhile. */
static void an_answer_is_not_older_than_what_was_told(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    is_let_in(f, &ann, "v:1", "full", "null");
    int again = follows(&ann, "v:1", "patch");
    fake_settle(f);
    write_value(&ann, "v:1", "1", 1);
    fake_settle(f);
    hub_list_push(&f->scripts.calls, hub_list_pop(&f->scripts.calls)); /* the request waits longer */
    allows(f, "1");
    client_hears(&ann, "\"version\":1,\"full\":1");
    allows(f, "null");
    client_waits_for(&ann, again);
    allows(f, "1");
    client_is_answered(&ann, again, "\"version\":1,\"record\":1");
    nobody_is_asked(f);
    fake_hub_free(f);
}

static void a_connection_that_goes_leaves_nothing_behind(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect_to(f, &bob, "/open", "bob");
    is_let_in(f, &ann, "v:1", "full", "null");
    is_let_in(f, &ann, "v:2", "full", "null");
    write_value(&bob, "v:1", "1", 1);
    write_value(&bob, "v:2", "1", 1);
    follows(&ann, "v:3", "full");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 3);
    client_hang_up(&ann);
    write_value(&bob, "v:1", "2", 2);
    while (fake_scripts_waiting(&f->scripts)) {
        fake_script_end(&f->scripts, HUB_OK, "true");
        fake_settle(f);
    }
    fake_hub_free(f);
}

static void rights_that_change_meanwhile_count(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    is_let_in(f, &ann, "v:1", "full", "null");
    write_value(&ann, "v:1", "1", 1);
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2); /* about the change, and about all */
    allows(f, "1");                                         /* by the old token: once more */
    allows(f, "1");                                         /* of the refresh */
    client_is_answered(&ann, refresh, "\"ok\":true");
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    refuses(f, "1");
    client_hears(&ann, ENDED("v:1", "not_allowed"));
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    fake_hub_free(f);
}

static void on_reloaded(void *arg) { *(bool *)arg = true; }
static void reload(struct fake_hub *f, struct hub_service *service, bool *done) {
    hub_engine_reload(f->engine, service, f->tables, f->engine->config.scripts, on_reloaded, done);
    fake_settle(f);
}

/* Whether a guard looks at the record is what the definitions say that are in force. */
static void a_reload_counts_at_once(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann, bob;
    bool done = false;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect_to(f, &bob, "/open", "bob");
    client_does(&bob, "hub:subscribeRecord", "{\"recordId\":\"v:1\"}", "\"version\":0");
    write_value(&bob, "v:1", "1", 1);
    is_let_in(f, &ann, "v:1", "full", "1");
    write_value(&bob, "v:1", "2", 2);
    fake_settle(f);
    fake_service_more = "namespaces:\n- path: /open\n  auth: true\n  records: [{pattern: 'v:{id}', canRead: "
                        "value.open, canWrite: 'true'}]\n- path: /plain\n  auth: true\n" RECORDS;
    struct hub_service *old = f->service;
    f->service = fake_load(HUB);
    reload(f, f->service, &done);
    client_hears(&bob, "\"version\":2,\"full\":2");
    while (fake_scripts_waiting(&f->scripts)) allows(f, "2");
    assert_true(done);
    client_hears(&ann, "\"version\":2,\"full\":2");
    write_value(&bob, "v:1", "3", 3);
    client_hears_nothing_of(&bob, "\"version\":3,\"full\"");
    allows(f, "3");
    refuses(f, "3");
    client_listen(&ann), client_listen(&bob);
    fake_hub_free(f);
    hub_service_free(old);
}

/* Of v:1; the value ends with a digit. */
static void add_long_write(struct hub_buf *args) {
    hub_buf_addz(args, "{\"recordId\":\"v:1\",\"value\":\"");
    for (int i = 0; i < 200000; i++) hub_buf_addc(args, 'x');
    hub_buf_addz(args, "0\"}");
}

/* A client that does not read is told nothing that was not judged when it reads again. */
static void who_was_slow_is_asked_for_what_there_is_by_then(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann, bob;
    struct hub_buf args = {0};
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect_to(f, &bob, "/open", "bob");
    is_let_in(f, &ann, "v:1", "full", "null");
    add_long_write(&args);
    for (int i = 1; i <= 3; i++) {
        args.p[args.n - 3] = (char)('0' + i);
        client_does(&bob, "hub:writeRecord", hub_buf_cstr(&args), "\"ok\":true");
        fake_settle(f);
        fake_script_end(&f->scripts, HUB_OK, "true");
        fake_settle(f);
    }
    write_value(&bob, "v:1", "4", 4);
    nobody_is_asked(f); /* two were sent, and the third has waited since */
    client_forgets(&ann);
    fake_pass(f, 200);
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    allows(f, "4");
    client_hears(&ann, "\"version\":4,\"full\":4");
    hub_buf_free(&args);
    fake_hub_free(f);
}

/* He followed without a guard, and was to be sent the whole. */
static void who_was_slow_before_a_reload_is_asked_by_it(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client bob;
    struct hub_buf args = {0};
    bool done = false;
    (void)state;
    client_connect_to(f, &bob, "/open", "bob");
    client_does(&bob, "hub:subscribeRecord", "{\"recordId\":\"v:1\"}", "\"version\":0");
    add_long_write(&args);
    for (int i = 1; i <= 4; i++) {
        args.p[args.n - 3] = (char)('0' + i);
        client_says(&bob, "hub:writeRecord", hub_buf_cstr(&args));
        fake_settle(f);
    }
    fake_service_more = "namespaces:\n- path: /open\n  auth: true\n  records: [{pattern: 'v:{id}', canRead: "
                        "value.open, canWrite: 'true'}]\n- path: /plain\n  auth: true\n" RECORDS;
    struct hub_service *old = f->service;
    f->service = fake_load(HUB);
    reload(f, f->service, &done);
    fake_script_end(&f->scripts, HUB_OK, "true");
    fake_settle(f);
    assert_true(done);
    client_forgets(&bob);
    fake_pass(f, 200);
    client_hears_nothing_of(&bob, "hub:recordUpdated");
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_hears(&bob, "\"version\":4,\"full\"");
    hub_buf_free(&args);
    fake_hub_free(f);
    hub_service_free(old);
}

/* Of many who follow some are asked at a time, and all at last. */
static void many_are_asked_some_at_a_time(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client all[100];
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(all); i++) {
        client_connect(f, &all[i], "ann");
        is_let_in(f, &all[i], "v:1", "full", "null");
    }
    write_value(&all[0], "v:1", "1", 1);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 64);
    write_value(&all[0], "v:1", "2", 2);
    for (size_t i = 0; i < 64; i++) allows(f, "1");
    while (fake_scripts_waiting(&f->scripts)) allows(f, "2");
    for (size_t i = 0; i < HUB_NELEM(all); i++) client_hears(&all[i], "\"version\":2,\"full\":2");
    fake_hub_free(f);
}

static void more_records_than_there_may_be_are_not_looked_at(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    char id[20];
    (void)state;
    client_connect(f, &ann, "ann");
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "v:%d", i);
        is_let_in(f, &ann, id, "full", "null");
    }
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"v:x\"}", "limits.records");
    client_does(&ann, "hub:readRecord", "{\"recordId\":\"v:x\"}", "limits.records");
    fake_hub_free(f);
}

/* The store does not answer: nothing is judged, and nobody let in. */
static void a_record_that_cannot_be_read_is_nobodys(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    fake_store_hold(&f->store, true);
    int ack = follows(&ann, "v:1", "full");
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"code\":\"store_unavailable\"");
    is_let_in(f, &ann, "v:1", "full", "null");
    fake_hub_free(f);
}

static void what_is_on_its_way_ends_with_the_process(void **state) {
    struct fake_hub *f = records_new();
    struct fake_client ann[70];
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(ann); i++) {
        client_connect(f, &ann[i], "ann");
        is_let_in(f, &ann[i], "v:1", "full", "null");
    }
    write_value(&ann[0], "v:1", "1", 1);
    fake_settle(f);
    hub_records_stop(hub_records_of(f->engine));
    while (fake_scripts_waiting(&f->scripts)) allows(f, "1");
    client_hears(&ann[0], "\"version\":1");
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_asked_with_the_value_before_each_change_is_told),
        cmocka_unit_test(one_that_does_not_look_is_not_asked),
        cmocka_unit_test(a_record_that_changes_while_its_guard_waits_is_told_as_it_was_judged),
        cmocka_unit_test(one_that_reads_the_record_itself_is_asked_again_after_a_change),
        cmocka_unit_test(all_of_many_that_change_at_once_are_asked_for),
        cmocka_unit_test(who_keeps_up_is_told_patches),
        cmocka_unit_test(one_that_fails_lets_nothing_through),
        cmocka_unit_test(reads_and_checks_see_it),
        cmocka_unit_test(rows_are_judged_whoever_changes_them),
        cmocka_unit_test(a_row_that_a_guard_has_read_is_noticed),
        cmocka_unit_test(what_a_guard_reads_after_the_end_is_nobodys),
        cmocka_unit_test(a_record_of_the_cache_is_judged),
        cmocka_unit_test(who_ends_it_himself_is_told_no_more),
        cmocka_unit_test(who_begins_anew_is_asked_for_what_he_has_not_seen),
        cmocka_unit_test(an_answer_is_not_older_than_what_was_told),
        cmocka_unit_test(a_connection_that_goes_leaves_nothing_behind),
        cmocka_unit_test(who_was_slow_before_a_reload_is_asked_by_it),
        cmocka_unit_test(rights_that_change_meanwhile_count),
        cmocka_unit_test(a_reload_counts_at_once),
        cmocka_unit_test(who_was_slow_is_asked_for_what_there_is_by_then),
        cmocka_unit_test(many_are_asked_some_at_a_time),
        cmocka_unit_test(more_records_than_there_may_be_are_not_looked_at),
        cmocka_unit_test(a_record_that_cannot_be_read_is_nobodys),
        cmocka_unit_test(what_is_on_its_way_ends_with_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
