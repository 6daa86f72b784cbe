/* Metadata of rooms and connections on an engine of fakes: what a change makes of an object, and what is left
 * when the store fails, a hook takes its time, or a definition is replaced in between. */
#include "fake_hub.h"
#include "hub/member/member.h"
#include "hub/metadata/metadata.h"

#define HUB(METADATA)                            \
    "roomSettings: {roomDataObject: room}\n"     \
    "messageSettings: {messageTypes: [text]}\n"  \
    "historySettings: {historyEnabled: false}\n" \
    "hubExtensions:\n"                           \
    "  limits: {metadata: 1000}\n"               \
    "  metadata: " METADATA "\n"
#define OPEN HUB("{room: {canWrite: 'true'}}")
#define SET "hub:setRoomMetadata"
#define GET "hub:roomMetadata"
#define R1 "{\"roomId\":\"r1\"}"

static void a_change_makes_a_new_object(void **state) {
    static const struct {
        const char *old, *change, *only;
        enum hub_metadata_strategy strategy;
        const char *want;
    } cases[] = {
        {"{\"a\":1,\"b\":{\"x\":1}}", "{\"b\":{\"y\":2}}", NULL, HUB_METADATA_REPLACE, "{\"b\":{\"y\":2}}"},
        {"{\"a\":1,\"b\":{\"x\":1}}", "{\"b\":{\"y\":2}}", NULL, HUB_METADATA_MERGE, "{\"a\":1,\"b\":{\"y\":2}}"},
        {"{\"a\":1,\"b\":{\"x\":1}}", "{\"b\":{\"y\":2}}", NULL, HUB_METADATA_DEEP_MERGE,
         "{\"a\":1,\"b\":{\"x\":1,\"y\":2}}"},
        {"{\"a\":[1]}", "{\"a\":{\"b\":1}}", NULL, HUB_METADATA_DEEP_MERGE, "{\"a\":{\"b\":1}}"},
        {"{\"a\":1,\"b\":1,\"c\":1}", "{\"a\":2}", "[\"a\",\"b\"]", HUB_METADATA_REPLACE, "{\"a\":2,\"c\":1}"},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        json_t *old = hub_json_parse(hub_cstr(cases[i].old), NULL), *kept = json_deep_copy(old);
        json_t *change = hub_json_parse(hub_cstr(cases[i].change), NULL);
        json_t *only = cases[i].only ? hub_json_parse(hub_cstr(cases[i].only), NULL) : NULL;
        json_t *want = hub_json_parse(hub_cstr(cases[i].want), NULL);
        json_t *got = hub_metadata_changed(old, change, cases[i].strategy, only);
        if (!json_equal(got, want)) fail_msg("case %zu", i);
        assert_true(json_equal(old, kept));
        json_decref(got);
        json_decref(want);
        json_decref(only);
        json_decref(change);
        json_decref(kept);
        json_decref(old);
    }
}

static void changes_that_wait_are_committed_together_and_answered_one_by_one(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    int acks[40];
    char text[100];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fake_store_hold(&f->store, true);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "{\"roomId\":\"r1\",\"strategy\":\"merge\",\"metadata\":{\"k%d\":1}}", i);
        acks[i] = client_says(&ann, SET, text);
    }
    fake_store_answer(&f->store); /* there is none yet */
    client_waits_for(&ann, acks[0]);
    int writes = 0;
    for (; client_listen(&ann), !strstr(hub_buf_cstr(&ann.heard), "\"version\":40"); writes++)
        fake_store_answer(&f->store);
    assert_int_equal(writes, 3); /* of 16 each */
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "\"version\":%d}", i + 1);
        client_is_answered(&ann, acks[i], text);
    }
    fake_store_hold(&f->store, false);
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->room_metadata, false), 1);
    fake_hub_free(f);
}

/* What was not written must not be seen, and what was written all the same must. */
static void after_a_failed_write_it_is_read_again(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":1}}", "\"version\":1");
    f->store.away = HUB_STORE_UNAVAILABLE;
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":2}}", "\"code\":\"store_unavailable\"");
    client_does(&ann, GET, R1, "\"code\":\"store_unavailable\"");
    f->store.away = HUB_OK;
    client_does(&ann, GET, R1, "\"metadata\":{\"a\":1},\"version\":1");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":2}}", "\"version\":2");
    fake_hub_free(f);
}

static void a_hook_that_waits_finds_the_world_changed(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{room: {canWrite: is it so}}"));
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    int of_ann = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":1,\"b\":2}}");
    fake_settle(f); /* a replacement reads what there is */
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_waits_for(&ann, of_ann); /* each member is judged */
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, of_ann, "\"version\":1");
    of_ann = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"c\":1},\"strategy\":\"merge\"}");
    int of_bob = client_says(&bob, SET, "{\"roomId\":\"r1\",\"metadata\":{\"d\":1},\"strategy\":\"merge\"}");
    hub_room_expel(fake_room(f, "r1"), HUB_STR("ann"), "hub:kicked", HUB_STR(""), HUB_NOT_IN_ROOM);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, of_ann, "\"code\":\"not_in_room\"");
    client_hang_up(&bob);
    fake_script_end(&f->scripts, HUB_OK, "true");
    (void)of_bob;
    client_does(&ann, "hub:join", R1, "\"ok\":true");
    client_does(&ann, GET, R1, "\"metadata\":{\"a\":1,\"b\":2}");
    of_ann = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"c\":1},\"strategy\":\"merge\"}");
    fake_script_end(&f->scripts, HUB_SCRIPT_TIMEOUT, NULL);
    client_is_answered(&ann, of_ann, "\"code\":\"script_timeout\"");
    fake_hub_free(f);
}

/* Also what it has allowed before the token was replaced. */
static void a_token_that_is_replaced_meanwhile_is_judged_again(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{room: {canWrite: is it so}}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann:admin", "r1");
    int sets = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":1,\"b\":2},\"strategy\":\"merge\"}");
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_waits_for(&ann, sets);
    client_does(&ann, "hub:refreshToken", "{\"token\":\"dev:ann\"}", "\"ok\":true");
    fake_script_end(&f->scripts, HUB_OK, "true"); /* of b */
    client_waits_for(&ann, sets);
    fake_script_end(&f->scripts, HUB_OK, "false"); /* of a, once more */
    client_is_answered(&ann, sets, "metadata.a: you may not change it");
    client_does(&ann, GET, R1, "\"metadata\":{},\"version\":0");
    fake_hub_free(f);
}

/* What was read before may be changed when it is answered, but the store takes nothing by then. */
static void a_change_that_waits_while_the_service_stops_is_not_written(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fake_store_hold(&f->store, true);
    int sets = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":1},\"strategy\":\"merge\"}");
    fake_settle(f);
    size_t writes = f->store.asked[FAKE_WRITE];
    hub_retries_stop(&f->engine->retries); /* as hub_engine_stop does */
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, sets, "\"code\":\"shutting_down\"");
    assert_int_equal(f->store.asked[FAKE_WRITE], writes);
    fake_hub_free(f);
}

/* Somebody adds a member while a replacement is judged by what there was: it stays. */
static void a_replacement_takes_out_only_what_was_judged(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{room: {canWrite: is it so}}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    int replaces = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":1}}");
    int merges = client_says(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"b\":1},\"strategy\":\"merge\"}");
    fake_settle(f); /* the replacement has read what there is; the merge's hook was called first */
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, merges, "\"metadata\":{\"b\":1}");
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, replaces, "\"metadata\":{\"b\":1,\"a\":1}");
    fake_hub_free(f);
}

static void without_canWrite_scripts_only_change_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{room: {persist: false}}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"metadata\":{\"a\":1}}", "\"code\":\"not_allowed\"");
    client_does(&ann, GET, R1, "\"metadata\":{},\"version\":0");
    client_does(&ann, "hub:getMetadata", "{}", "\"code\":\"feature_disabled\"");
    assert_null(f->hub->tables->room_metadata);
    fake_hub_free(f);
}

/* Names that a stranger has chosen are shown as far as there is room, and were cut within a character. */
static void a_name_in_a_refusal_is_cut_between_characters(void **state) {
    struct fake_hub *f =
        fake_hub_new("roomSettings: {roomDataObject: room}\n"
                     "messageSettings: {messageTypes: [text]}\n"
                     "hubExtensions:\n"
                     "  state: {canWrite: 'false'}\n"
                     "  metadata: {connection: {clientWritable: [nick]}, room: {canWrite: 'false'}}\n");
    static const char *const asks[][2] = {
        {"hub:send", "{\"roomId\":\"r1\",\"messageType\":\"%s\",\"content\":{}}"},
        {"hub:event", "{\"roomId\":\"r1\",\"event\":\"%s\"}"},
        {"hub:setRoomState", "{\"roomId\":\"r1\",\"key\":\"%s\",\"value\":1}"},
        {"hub:setMetadata", "{\"metadata\":{\"%s\":1}}"},
        {"hub:setRoomMetadata", "{\"roomId\":\"r1\",\"metadata\":{\"%s\":1}}"},
    };
    struct fake_client ann;
    char name[200], args[400];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    for (size_t i = 0; i < HUB_NELEM(asks); i++)
        for (size_t shift = 0; shift < 2; shift++) { /* either of them is cut through at an even or an odd length */
            snprintf(name, sizeof name, "%s", shift ? "a" : "");
            while (strlen(name) < 150) strcat(name, "\xc3\xa9");
            snprintf(args, sizeof args, asks[i][1], name);
            const char *got = client_does(&ann, asks[i][0], args, "\"ok\":false");
            if (!strstr(got, "\xc3\xa9\xc3\xa9") || strstr(got, HUB_UTF8_INSTEAD)) fail_msg("%s", got);
        }
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_makes_a_new_object),
        cmocka_unit_test(changes_that_wait_are_committed_together_and_answered_one_by_one),
        cmocka_unit_test(after_a_failed_write_it_is_read_again),
        cmocka_unit_test(a_hook_that_waits_finds_the_world_changed),
        cmocka_unit_test(a_token_that_is_replaced_meanwhile_is_judged_again),
        cmocka_unit_test(a_change_that_waits_while_the_service_stops_is_not_written),
        cmocka_unit_test(a_replacement_takes_out_only_what_was_judged),
        cmocka_unit_test(without_canWrite_scripts_only_change_it),
        cmocka_unit_test(a_name_in_a_refusal_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
