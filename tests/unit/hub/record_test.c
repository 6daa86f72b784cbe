/* Records on an engine of fakes: locks in the order of ids, guards that wait, stores that fail or leave it
 * open, and connections that go in between. A guard that is no JSON value waits for the test. */
#include "fake_hub.h"
#include "hub/record/host/host.h"
#include "hub/record/record_int.h"

#define HUB                                                                                \
    "roomSettings: {roomDataObject: room}\n"                                               \
    "messageSettings: {messageTypes: [text]}\n"                                            \
    "hubExtensions:\n"                                                                     \
    "  limits: {writes: 1000000, subscriptions: 3}\n"                                      \
    "  records:\n"                                                                         \
    "    - {pattern: 'w:{id}', canWrite: 'true', canRead: 'false'}\n"                      \
    "    - {pattern: 'r:{id}'}\n"                                                          \
    "    - {pattern: 'a:{id}', canWrite: 'true'}\n"                                        \
    "    - {pattern: 'g:{id}', canWrite: params.id, canRead: params.id}\n"                 \
    "    - {pattern: 'h:{id}', canWrite: 'true', onChanged: recordId}\n"                   \
    "    - {pattern: 'c:{id}', canWrite: 'true', persist: false}\n"                        \
    "    - {pattern: 's:{id}', canRead: 'true', canWrite: 'true', dataObject: seat}\n"     \
    "    - {pattern: 'hidden:{id}', dataObject: seat}\n"                                   \
    "    - {pattern: 'o:{id}', dataObject: seat, canWrite: 'true', onChanged: recordId}\n" \
    "    - {pattern: {regex: '^x(x+)+:(?<n>[0-9]+)$'}, canWrite: params.n}\n"
#define WRITE(ID, VALUE) "{\"recordId\":\"" ID "\",\"value\":" VALUE "}"

static void a_guard_that_waits_holds_up_only_its_own_records(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int first = client_says(&ann, "hub:writeRecord", WRITE("g:1", "1")), second;
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "1"), "\"version\":1");
    second = client_says(&ann, "hub:writeRecord", WRITE("g:1", "2"));
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, first, "\"version\":1");
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
    client_is_answered(&ann, second, "\"code\":\"handler_failed\"");
    fake_hub_free(f);
}

/* An id for which that takes too long to find out is nobody's: a later pattern might allow what this one
 * forbids. */
static void an_expression_says_which_records_there_are_within_bounds(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int written = client_says(&ann, "hub:writeRecord", WRITE("xx:12", "1"));
    fake_settle(f);
    const json_t *params = json_object_get(fake_script_first(&f->scripts)->args, "params");
    assert_string_equal(json_string_value(json_object_get(params, "n")), "12");
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, written, "\"version\":1");
    client_does(&ann, "hub:writeRecord", WRITE("x:12", "1"), "\"code\":\"not_found\"");
    client_does(&ann, "hub:writeRecord", WRITE("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:.", "1"), "takes too long");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:.\"}",
                "takes too long");
    client_hang_up(&ann);
    fake_hub_free(f);
}

static void a_connection_that_goes_leaves_nothing_behind(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    client_does(&bob, "hub:subscribeRecord", "{\"recordId\":\"a:1\"}", "\"version\":0");
    client_says(&ann, "hub:subscribeRecord", "{\"recordId\":\"g:1\"}");
    client_says(&ann, "hub:writeRecord", WRITE("g:2", "1"));
    fake_settle(f);
    client_hang_up(&ann);
    fake_script_end(&f->scripts, HUB_OK, "true");
    fake_script_end(&f->scripts, HUB_OK, "true");
    fake_settle(f);
    client_hang_up(&bob);
    client_connect(f, &bob, "bob");
    client_does(&bob, "hub:writeRecord", WRITE("a:1", "1"), "\"version\":1");
    fake_hub_free(f);
}

static void a_store_that_fails_changes_nothing(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"a:1\"}", "\"version\":0");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "1"), "\"version\":1");
    client_hears(&ann, "hub:recordUpdated");
    fake_store_hold(&f->store, true);
    int failed = client_says(&ann, "hub:writeRecord", WRITE("a:1", "2"));
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, failed, "\"code\":\"store_unavailable\"");
    client_hears_nothing_of(&ann, "hub:recordUpdated");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "2"), "\"version\":2");
    client_hears(&ann, "\"version\":2,\"full\":2");
    fake_hub_free(f);
}

/* As the write would have been carried out. */
static void fake_store_change(struct fake_hub *f) {
    fake_store_remove(&f->store, f->tables->record, "a:1");
    fake_store_add(&f->store, f->tables->record, "{\"id\":\"a:1\",\"version\":2,\"value\":2}");
}

/* Nobody knows what was stored: it is read anew, and those who follow are told what is there. */
static void an_undecided_write_is_looked_up(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "1"), "\"version\":1");
    fake_store_hold(&f->store, true);
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"a:1\",\"mode\":\"patch\"}", "\"record\":1");
    int unknown = client_says(&ann, "hub:writeRecord", WRITE("a:1", "2"));
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNDECIDED, "away");
    client_is_answered(&ann, unknown, "\"outcome\":\"unknown\"");
    fake_store_change(f);
    fake_store_hold(&f->store, false);
    fake_pass(f, 2000);
    client_hears(&ann, "\"version\":2,\"full\":2");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "3"), "\"version\":3");
    fake_hub_free(f);
}

static void end_guard(struct fake_hub *f, const char *result) {
    fake_script_end(&f->scripts, HUB_OK, result);
    fake_settle(f);
}

/* The record is read from a store that takes its time; who asked for it has lost the right meanwhile. */
static void rights_that_change_before_the_answer_are_asked_for(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    for (int allowed = 0; allowed < 2; allowed++) {
        fake_store_hold(&f->store, true);
        int ack =
            client_says(&ann, "hub:subscribeRecord", allowed ? "{\"recordId\":\"g:1\"}" : "{\"recordId\":\"g:0\"}");
        fake_settle(f);
        end_guard(f, "true");
        int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        fake_settle(f);
        client_is_answered(&ann, refresh, "\"ok\":true");
        fake_store_hold(&f->store, false);
        client_waits_for(&ann, ack);
        end_guard(f, allowed ? "true" : "false");
        client_is_answered(&ann, ack, allowed ? "\"ok\":true" : "\"code\":\"not_allowed\"");
    }
    fake_hub_free(f);
}

static void who_loses_a_right_before_the_answer_reads_nothing(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    fake_store_add(&f->store, f->tables->record, "{\"id\":\"g:1\",\"version\":2,\"value\":2}");
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:readRecord", "{\"recordId\":\"g:1\"}");
    fake_settle(f);
    end_guard(f, "true");
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    fake_settle(f);
    client_is_answered(&ann, refresh, "\"ok\":true");
    fake_store_hold(&f->store, false);
    client_waits_for(&ann, ack);
    end_guard(f, "false");
    client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
    ack = client_says(&ann, "hub:readRecord", "{\"recordId\":\"g:1\"}");
    fake_settle(f);
    end_guard(f, "true");
    client_is_answered(&ann, ack, "\"version\":2,\"record\":2");
    client_says(&ann, "hub:readRecord", "{\"recordId\":\"g:1\"}");
    fake_settle(f);
    client_hang_up(&ann);
    end_guard(f, "true");
    fake_hub_free(f);
}

/* What the first operation was allowed by one token is asked for again by the token that there is when the
 * last one is. */
static void a_transaction_is_judged_by_one_token(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = client_says(&ann, "hub:transaction",
                          "{\"operations\":[{\"op\":\"write\",\"recordId\":\"g:1\",\"value\":1},"
                          "{\"op\":\"write\",\"recordId\":\"g:2\",\"value\":1}]}");
    fake_settle(f);
    end_guard(f, "true");
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    client_is_answered(&ann, refresh, "\"ok\":true");
    end_guard(f, "true"); /* by the old token */
    end_guard(f, "true");
    client_waits_for(&ann, ack);
    end_guard(f, "false"); /* of the first one */
    client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
    fake_hub_free(f);
}

static void what_is_there_is_told_to_readers_only(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("w:1", "{\"a\":1}"), "\"version\":1");
    client_does(&ann, "hub:writeRecord", "{\"recordId\":\"w:1\",\"value\":1,\"ifVersion\":7}",
                "\"code\":\"not_allowed\"");
    client_does(&ann, "hub:patchRecord",
                "{\"recordId\":\"w:1\",\"patch\":[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]}",
                "\"code\":\"not_allowed\"");
    client_does(&ann, "hub:writeRecord", WRITE("w:1", "\"\\u0000\""), "NUL characters"); /* of what he sent himself */
    client_does(&ann, "hub:transaction", "{\"operations\":[{\"op\":\"check\",\"recordId\":\"w:1\",\"ifVersion\":1}]}",
                "\"code\":\"not_allowed\"");
    client_does(&ann, "hub:transaction", "{\"operations\":[{\"op\":\"check\",\"recordId\":\"r:1\",\"ifVersion\":0}]}",
                "\"version\":0");
    client_does(&ann, "hub:transaction", "{\"operations\":[{\"op\":\"check\",\"recordId\":\"r:1\",\"ifVersion\":1}]}",
                "\"data\":{\"recordId\":\"r:1\",\"version\":0}");
    fake_hub_free(f);
}

/* Each of them ends at once: handing over from within would go as deep as there are waiting. */
static void many_that_wait_for_one_record_are_served_in_turn(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    int last = 0;
    (void)state;
    client_connect(f, &ann, "ann");
    int first = client_says(&ann, "hub:writeRecord", WRITE("g:1", "1"));
    for (int i = 0; i < 20000; i++)
        last = client_says(&ann, "hub:transaction",
                           "{\"operations\":[{\"op\":\"write\",\"recordId\":\"r:1\",\"value\":\"\\u0000\"},"
                           "{\"op\":\"check\",\"recordId\":\"g:1\"}]}");
    fake_settle(f);
    end_guard(f, "true");
    client_is_answered(&ann, first, "\"version\":1");
    for (int turns = 0; turns < 1000; turns++) fake_settle(f);
    client_is_answered(&ann, last, "NUL characters");
    fake_hub_free(f);
}

static void what_is_still_being_subscribed_to_counts(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    int acks[3];
    (void)state;
    client_connect(f, &ann, "ann");
    for (int i = 0; i < 3; i++) {
        char args[40];
        snprintf(args, sizeof args, "{\"recordId\":\"g:%d\"}", i);
        acks[i] = client_says(&ann, "hub:subscribeRecord", args);
    }
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"g:3\"}", "limits.subscriptions");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"g:1\"}", "already");
    client_does(&ann, "hub:unsubscribeRecord", "{\"recordId\":\"g:1\"}", "\"ok\":true");
    for (int i = 0; i < 3; i++) end_guard(f, "true");
    client_is_answered(&ann, acks[0], "\"ok\":true");
    client_is_answered(&ann, acks[1], "\"code\":\"not_allowed\"");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"r:1\"}", "\"ok\":true");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"r:1\",\"mode\":\"patch\"}", "\"ok\":true");
    fake_hub_free(f);
}

/* ---- onChanged ---- */

/* The hook that has waited longest is about VERSION of ID, and ends with CODE. */
static void end_hook(struct fake_hub *f, const char *id, int version, enum hub_code code) {
    fake_settle(f);
    const json_t *args = fake_script_first(&f->scripts)->args;
    assert_string_equal(json_string_value(json_object_get(args, "recordId")), id);
    assert_int_equal(json_integer_value(json_object_get(args, "version")), version);
    assert_int_equal(json_integer_value(json_object_get(args, "value")), version);
    assert_int_equal(json_integer_value(json_object_get(args, "was")), version - 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(args, "params"), "id")), id + 2);
    fake_script_end(&f->scripts, code, NULL);
    fake_settle(f);
}

/* A hook that fails holds up nobody. */
static void hooks_behind_changes_run_in_the_order_of_versions(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "1"), "\"version\":1");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "2"), "\"version\":2");
    client_does(&ann, "hub:writeRecord", WRITE("h:2", "1"), "\"version\":1");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "2"), "\"changed\":false");
    client_hang_up(&ann);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    end_hook(f, "h:1", 1, HUB_HANDLER_FAILED);
    end_hook(f, "h:2", 1, HUB_OK);
    end_hook(f, "h:1", 2, HUB_OK);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static void no_hook_runs_for_what_was_not_committed(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "1"), "\"version\":1");
    fake_store_hold(&f->store, true);
    int first = client_says(&ann, "hub:writeRecord", WRITE("h:1", "1"));
    fake_settle(f);
    fake_store_answer(&f->store); /* the row that is not there yet */
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, first, "\"code\":\"store_unavailable\"");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static const void *written_by;
static void note_writer(void *ctx, const struct hub_write *w, const void *by) {
    (void)ctx, (void)w;
    written_by = by;
}
static void ignore_object(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)code, (void)result, (void)error;
    *(int *)arg += 1;
}

/* Whoever wrote it may be gone by then, and another one be where it was. */
static void an_undecided_row_is_nobodys_when_it_is_written(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_data *data = &f->engine->data;
    json_t *row = json_pack("{s:s, s:s}", "userId", "ann", "roomId", "r1");
    int answers = 0;
    (void)state;
    fake_settle(f);
    __typeof__(data->written) written = data->written;
    data->written = note_writer;
    written_by = &answers;
    fake_store_hold(&f->store, true);
    hub_object_create(data, fake_table(f, "seat"), row, false, ignore_object, &answers);
    fake_store_undecided(&f->store);
    assert_int_equal(answers, 1);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    assert_int_equal(answers, 1);
    assert_null(written_by);
    data->written = written;
    json_decref(row);
    fake_hub_free(f);
}

/* Nobody is to follow it: it is looked up for the hook's sake. */
static void a_change_that_was_undecided_has_its_hook(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "1"), "\"version\":1");
    end_hook(f, "h:1", 1, HUB_OK);
    fake_store_hold(&f->store, true);
    int unknown = client_says(&ann, "hub:writeRecord", WRITE("h:1", "2"));
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNDECIDED, "away");
    client_is_answered(&ann, unknown, "\"outcome\":\"unknown\"");
    fake_store_remove(&f->store, f->tables->record, "h:1");
    fake_store_add(&f->store, f->tables->record, "{\"id\":\"h:1\",\"version\":2,\"value\":2}");
    fake_store_hold(&f->store, false);
    fake_pass(f, 2000);
    end_hook(f, "h:1", 2, HUB_OK);
    fake_hub_free(f);
}

static void no_change_is_made_whose_hook_could_not_wait(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct hub_records *all = hub_records_of(f->engine);
    struct hub_err err;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "1"), "\"version\":1");
    assert_int_equal(hub_record_hooks_promise(all, 10000, &err), HUB_OVERLOADED);
    assert_int_equal(hub_record_hooks_promise(all, 9999, &err), HUB_OK);
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "2"), "onChanged: 1 changes wait");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "2"), "\"version\":1");
    hub_record_hooks_keep(all, 9999);
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "2"), "\"version\":2");
    end_hook(f, "h:1", 1, HUB_OK);
    end_hook(f, "h:1", 2, HUB_OK);
    fake_hub_free(f);
}

static void hooks_that_wait_are_dropped_with_the_process(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "1"), "\"version\":1");
    client_does(&ann, "hub:writeRecord", WRITE("h:1", "2"), "\"version\":2");
    fake_settle(f);
    client_does(&ann, "hub:writeRecord", WRITE("h:2", "1"), "\"version\":1");
    hub_record_hooks_stop(hub_records_of(f->engine));
    end_hook(f, "h:1", 1, HUB_OK);
    if (fake_scripts_waiting(&f->scripts)) end_hook(f, "h:2", 1, HUB_OK);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    assert_int_equal(hub_records_of(f->engine)->changed.n, 0);
    fake_hub_free(f);
}

/* ---- records in the cache only ---- */

static void cache_key(const struct fake_hub *f, const char *id, char key[80]) {
    snprintf(key, 80, "hubd:%s:fake:record:%s", f->service->project, id);
}
static const char *cached(struct fake_hub *f, const char *id) {
    char key[80];
    cache_key(f, id, key);
    return hub_map_get(&f->cache.values, hub_cstr(key));
}

static void a_record_that_is_not_persisted_is_kept_in_the_cache(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("c:1", "1"), "\"version\":1");
    client_does(&ann, "hub:deleteRecord", "{\"recordId\":\"c:1\"}", "\"version\":2");
    client_does(&ann, "hub:writeRecord", WRITE("c:1", "{\"n\":3}"), "\"version\":3");
    assert_string_equal(cached(f, "c:1"), "{\"version\":3,\"value\":{\"n\":3}}");
    assert_int_equal(f->store.asked[FAKE_WRITE] + f->store.asked[FAKE_SQL], 0);
    client_does(&ann, "hub:transaction",
                "{\"operations\":[{\"op\":\"write\",\"recordId\":\"c:2\",\"value\":1},"
                "{\"op\":\"write\",\"recordId\":\"a:1\",\"value\":1},"
                "{\"op\":\"write\",\"recordId\":\"c:1\",\"value\":1}]}",
                "\"version\":4");
    assert_int_equal(f->store.asked[FAKE_WRITE], 1);
    assert_string_equal(cached(f, "c:2"), "{\"version\":1,\"value\":1}");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"c:1\",\"version\":4}", "\"record\":1");
    fake_hub_free(f);
}

static void what_the_cache_has_is_what_a_record_begins_with(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    char key[80];
    (void)state;
    cache_key(f, "c:1", key);
    fake_cache_put(&f->cache, hub_cstr(key), HUB_STR("{\"version\":7,\"value\":[7]}"));
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"c:1\"}", "\"version\":7,\"record\":[7]");
    client_does(&ann, "hub:writeRecord", WRITE("c:1", "9"), "\"version\":8");
    fake_hub_free(f);
}

/* The cache may have taken it or not; versions go on in memory whatever it has lost. */
static void a_cache_that_is_away_leaves_it_open(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"c:1\"}", "\"version\":0");
    client_does(&ann, "hub:writeRecord", WRITE("c:1", "1"), "\"version\":1");
    client_hears(&ann, "\"version\":1,\"full\":1");
    f->cache.away = true;
    client_does(&ann, "hub:writeRecord", WRITE("c:1", "2"), "\"outcome\":\"unknown\"");
    client_does(&ann, "hub:writeRecord", WRITE("c:2", "2"), "\"code\":\"store_unavailable\"");
    for (void *v; (v = hub_map_drain(&f->cache.values));) free(v);
    f->cache.away = false;
    fake_pass(f, 2000);
    client_hears_nothing_of(&ann, "hub:record");
    client_does(&ann, "hub:writeRecord", WRITE("c:1", "3"), "\"version\":2");
    fake_hub_free(f);
}

/* ---- records that are rows ---- */

#define SEAT "{\"userId\":\"ann\",\"roomId\":\"r1\"}"

static void a_record_may_be_a_row(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"s:1\"}", "\"version\":0,\"record\":null");
    client_does(&ann, "hub:writeRecord", WRITE("s:1", SEAT), "\"version\":1,\"changed\":true");
    client_hears(&ann, "\"version\":1,\"full\":{");
    client_does(&ann, "hub:readRecord", "{\"recordId\":\"s:1\"}",
                "\"record\":{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    client_does(&ann, "hub:writeRecord", WRITE("s:1", SEAT), "\"version\":1,\"changed\":false");
    client_does(&ann, "hub:patchRecord",
                "{\"recordId\":\"s:1\",\"patch\":[{\"op\":\"replace\",\"path\":\"/roomId\",\"value\":\"r2\"}]}",
                "\"version\":2");
    client_hears(&ann, "\"roomId\":\"r2\"");
    client_does(&ann, "hub:writeRecord", WRITE("s:1", "1"), "is an object");
    client_does(&ann, "hub:writeRecord", WRITE("s:1", "{\"id\":\"2\"}"), "cannot be changed");
    client_does(&ann, "hub:writeRecord", WRITE("s:1", "{\"isActive\":true}"), "kept by hubd");
    client_does(&ann, "hub:writeRecord", WRITE("s:1", "{\"seat\":1}"), "no property");
    client_does(&ann, "hub:writeRecord", WRITE("s:2", "{\"userId\":\"bob\"}"), "\"code\":\"invalid_content\"");
    client_does(&ann, "hub:deleteRecord", "{\"recordId\":\"s:1\"}", "\"version\":3");
    client_hears(&ann, "hub:recordDeleted");
    client_does(&ann, "hub:deleteRecord", "{\"recordId\":\"s:1\"}", "\"changed\":false");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"hidden:1\"}", "\"code\":\"not_allowed\"");
    client_does(&ann, "hub:transaction",
                "{\"operations\":[{\"op\":\"write\",\"recordId\":\"s:3\",\"value\":" SEAT "},"
                "{\"op\":\"write\",\"recordId\":\"a:1\",\"value\":1}]}",
                "by itself");
    fake_hub_free(f);
}

static void on_object(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)arg, (void)result;
    if (code) fail_msg("%s", error);
}
static void move_seat(struct fake_hub *f, const char *room) {
    json_t *id = json_string("1"), *changes = json_pack("{s:s}", "roomId", room);
    hub_object_update(&f->engine->data, fake_table(f, "seat"), id, changes, true, on_object, NULL);
    json_decref(id);
    json_decref(changes);
}

/* By this process each is a version of its own, unless a write of the record has found the row changed,
 * and is made anew by what it reads; by others it is read. */
static void changes_of_a_row_by_anybody_are_versions(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"),
                   "{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\",\"isActive\":true}");
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"s:1\"}", "\"version\":1");
    move_seat(f, "r2");
    move_seat(f, "r3");
    client_hears(&ann, "\"version\":2,\"full\":{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r2\"}");
    client_hears(&ann, "\"version\":3,\"full\":{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r3\"}");
    move_seat(f, "r2");
    int ack = client_says(&ann, "hub:writeRecord", WRITE("s:1", SEAT));
    move_seat(f, "r9");
    client_hears(&ann, "\"version\":4,\"full\":{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r9\"}");
    client_hears(&ann, "\"version\":5,\"full\":{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    client_is_answered(&ann, ack, "\"version\":5");
    fake_store_remove(&f->store, fake_table(f, "seat"), "1");
    fake_store_add(&f->store, fake_table(f, "seat"),
                   "{\"id\":\"1\",\"userId\":\"bob\",\"roomId\":\"r1\",\"isActive\":true}");
    struct hub_buf topic = {0};
    hub_feed_topic(&topic, f->service, "seat", "updated");
    fake_bus_bring(&f->bus, hub_buf_cstr(&topic), "{\"seat\":{\"id\":\"1\",\"userId\":\"old news\"}}");
    hub_buf_free(&topic);
    client_hears(&ann, "\"version\":6,\"full\":{\"id\":\"1\",\"userId\":\"bob\"");
    fake_hub_free(f);
}

/* Somebody else refers to it, and lets go of it again. */
static void a_change_of_a_row_that_nobody_follows_keeps_its_record(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_records *all = hub_records_of(f->engine);
    struct fake_client ann;
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"),
                   "{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\",\"isActive\":true}");
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:writeRecord", WRITE("o:1", SEAT), "\"changed\":false");
    client_does(&ann, "hub:writeRecord", WRITE("a:1", "1"), "\"version\":1");
    const struct hub_record *r = hub_map_get(&all->by_id, HUB_STR("o:1"));
    assert_true(!r->refs && hub_list_linked(&r->idle));
    fake_store_hold(&f->store, true);
    move_seat(f, "r2");
    fake_store_answer(&f->store);
    fake_settle(f);
    assert_true(r->refs && !hub_list_linked(&r->idle));
    fake_store_hold(&f->store, false);
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "null");
    fake_settle(f);
    assert_true(!r->refs && hub_list_linked(&r->idle));
    fake_hub_free(f);
}

/* Between two lives of the process. */
static void a_row_that_has_changed_unseen_has_the_next_version(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    fake_store_add(&f->store, f->tables->record, "{\"id\":\"s:1\",\"version\":7,\"value\":{\"id\":\"1\"}}");
    fake_store_add(&f->store, f->tables->record, "{\"id\":\"s:2\",\"version\":3}");
    fake_store_add(&f->store, fake_table(f, "seat"),
                   "{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\",\"isActive\":true}");
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"s:1\",\"version\":7}", "\"version\":8,\"record\":{");
    client_does(&ann, "hub:subscribeRecord", "{\"recordId\":\"s:2\"}", "\"version\":3,\"record\":null");
    fake_hub_free(f);
}

/* ---- turns of transactions ---- */

struct asking {
    struct hub_host_call call;
    int64_t number; /* of the turn; 0: it waits, or has been refused: */
    enum hub_code code;
};
static void on_turn(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct asking *a = HUB_CONTAINER(call, struct asking, call);
    (void)text;
    a->code = code;
    a->number = json_integer_value(result);
    json_decref(result);
}

static void transactions_that_met_at_one_record_go_on_in_turn(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_records *all = hub_records_of(f->engine);
    struct asking a[5];
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(a); i++) a[i] = (struct asking){.call.done = on_turn};
    for (size_t i = 0; i < 4; i++) hub_record_turn_take(all, HUB_STR("a:1"), &a[i].call);
    hub_record_turn_take(all, HUB_STR("a:2"), &a[4].call);
    assert_true(a[0].number && !a[1].number && a[4].number);
    hub_record_turn_end(all, HUB_STR("a:1"), a[0].number);
    assert_true(a[1].number && !a[2].number);
    hub_record_turn_end(all, HUB_STR("a:1"), a[0].number); /* it has no turn any more */
    assert_false(a[2].number);
    fake_pass(f, 249);
    assert_false(a[2].number);
    fake_pass(f, 1);
    assert_true(a[2].number && !a[3].number);
    fake_hub_free(f);
    assert_int_equal(a[3].code, HUB_SHUTTING_DOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_is_not_persisted_is_kept_in_the_cache),
        cmocka_unit_test(what_the_cache_has_is_what_a_record_begins_with),
        cmocka_unit_test(a_cache_that_is_away_leaves_it_open),
        cmocka_unit_test(a_record_may_be_a_row),
        cmocka_unit_test(changes_of_a_row_by_anybody_are_versions),
        cmocka_unit_test(a_change_of_a_row_that_nobody_follows_keeps_its_record),
        cmocka_unit_test(a_row_that_has_changed_unseen_has_the_next_version),
        cmocka_unit_test(transactions_that_met_at_one_record_go_on_in_turn),
        cmocka_unit_test(hooks_behind_changes_run_in_the_order_of_versions),
        cmocka_unit_test(no_hook_runs_for_what_was_not_committed),
        cmocka_unit_test(an_undecided_row_is_nobodys_when_it_is_written),
        cmocka_unit_test(a_change_that_was_undecided_has_its_hook),
        cmocka_unit_test(no_change_is_made_whose_hook_could_not_wait),
        cmocka_unit_test(hooks_that_wait_are_dropped_with_the_process),
        cmocka_unit_test(a_guard_that_waits_holds_up_only_its_own_records),
        cmocka_unit_test(an_expression_says_which_records_there_are_within_bounds),
        cmocka_unit_test(a_connection_that_goes_leaves_nothing_behind),
        cmocka_unit_test(a_store_that_fails_changes_nothing),
        cmocka_unit_test(an_undecided_write_is_looked_up),
        cmocka_unit_test(rights_that_change_before_the_answer_are_asked_for),
        cmocka_unit_test(who_loses_a_right_before_the_answer_reads_nothing),
        cmocka_unit_test(a_transaction_is_judged_by_one_token),
        cmocka_unit_test(what_is_there_is_told_to_readers_only),
        cmocka_unit_test(many_that_wait_for_one_record_are_served_in_turn),
        cmocka_unit_test(what_is_still_being_subscribed_to_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
