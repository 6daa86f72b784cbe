/* Calls: answered once and in the form of who asked, kept in the order of their connection, counted in
 * windows that all processes share. */
#include "fake_hub.h"

#define HUB                                                                                     \
    "roomSettings: {roomDataObject: room}\n"                                                    \
    "messageSettings: {messageTypes: [text]}\n"                                                 \
    "historySettings: {historyEnabled: false}\n"                                                \
    "guardrails: {messageRateLimit: 3}\n"                                                       \
    "eventSettings: {customEvents: [{name: wave, direction: clientToRoom, ephemeral: true}]}\n" \
    "hubExtensions: {limits: {events: 2}}\n"
#define R1 "{\"roomId\":\"r1\"}"
#define HELLO "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}"
#define WAVE "{\"roomId\":\"r1\",\"event\":\"wave\"}"

static struct hub_call *new_call(struct fake_hub *f, const char *user, const char *args, int64_t ack) {
    struct hub_conn *c = fake_conn(f, user);
    return hub_call_new(f->hub, c, c->identity, "hub:test", hub_json_parse(hub_cstr(args), NULL), ack);
}

/* ---- answers ---- */

static void an_answer_has_the_form_in_which_it_was_asked_for(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    const struct hub_err err = {HUB_RATE_LIMITED, "too \"much\""};
    (void)state;
    client_connect(f, &ann, "ann");
    hub_call_ok(new_call(f, "ann", R1, 1), "x", HUB_STR("\"x\":1"));
    client_hears(&ann, "43/hub/chat,1[{\"ok\":true,\"x\":1}]");
    hub_call_fail_with(new_call(f, "ann", R1, 2), &err, HUB_STR("\"retryAfterMs\":5"));
    client_hears(&ann, "43/hub/chat,2[{\"ok\":false,\"error\":{\"code\":\"rate_limited\","
                       "\"message\":\"too \\\"much\\\"\",\"retryAfterMs\":5}}]");
    hub_call_ok(new_call(f, "ann", R1, -1), "x", HUB_STR("\"x\":1")); /* nobody asked to be told */
    hub_call_fail(new_call(f, "ann", R1, -1), HUB_NOT_FOUND, "no %s", "cat");
    client_hears(&ann, "[\"hub:error\",{\"error\":\"no cat\",\"code\":\"not_found\",\"event\":\"hub:test\","
                       "\"roomId\":\"r1\"}]");
    client_hears_nothing_of(&ann, "[");
    fake_hub_free(f);
}

static void what_a_store_says_of_itself_is_nothing_for_clients(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    hub_call_fail_store(new_call(f, "ann", R1, 1), HUB_STORE_UNAVAILABLE, "db.example:5432 refused");
    client_hears(&ann, "\"message\":\"The store is not available\"");
    hub_call_fail(new_call(f, "ann", R1, 2), HUB_STORE_UNDECIDED, "db.example:5432 refused");
    assert_non_null(strstr(client_hears(&ann, "went away before it said"), "\"outcome\":\"unknown\""));
    hub_call_fail_store(new_call(f, "ann", R1, 3), HUB_BAD_REQUEST, "seats: the game is over"); /* its owner's words */
    client_hears(&ann, "\"message\":\"seats: the game is over\"");
    client_hears_nothing_of(&ann, "example");
    fake_hub_free(f);
}

static void a_call_outlives_its_connection_and_is_answered_to_nobody(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    struct hub_call *ok = new_call(f, "ann", R1, 1), *failed = new_call(f, "ann", R1, -1);
    client_hang_up(&ann);
    assert_true(ok->conn->closed);
    hub_call_ok(ok, NULL, HUB_STR(""));
    hub_call_fail(failed, HUB_INTERNAL, NULL);
    fake_hub_free(f);
}

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    hub_buf_addf(arg, "%s/%s/%.*s ", code ? err->text : "ok", data_name ? data_name : "", HUB_FMT(fields));
}

static void by_rest_the_reply_comes_once_with_the_main_member_s_name(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_identity *who = fake_who(f, "ann");
    struct hub_buf log = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hub_call *call = hub_call_new(f->hub, NULL, who, "hub:test", json_object(), 9);
        call->reply = on_reply;
        call->reply_arg = &log;
        if (i)
            hub_call_fail(call, HUB_NOT_FOUND, NULL);
        else
            hub_call_ok(call, "x", HUB_STR("\"x\":1"));
    }
    assert_string_equal(hub_buf_cstr(&log), "ok/x/\"x\":1 Not found// ");
    hub_buf_free(&log);
    hub_identity_unref(who);
    fake_hub_free(f);
}

static void a_misspelt_key_is_refused_and_a_foreign_one_is_passed_over(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    assert_false(hub_call_keys(new_call(f, "ann", "{\"roomID\":\"r1\"}", 1), "roomId content"));
    client_hears(&ann, "unknown key \\\"roomID\\\"; did you mean \\\"roomId\\\"?");
    struct hub_call *call = new_call(f, "ann", "{\"roomId\":\"r1\",\"priority\":3}", 2);
    assert_true(hub_call_keys(call, "roomId content"));
    hub_call_ok(call, NULL, HUB_STR(""));
    fake_hub_free(f);
}

/* ---- order ---- */

static void what_follows_a_join_waits_for_its_answer_and_keeps_its_order(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    fake_store_hold(&f->store, true);
    int join = client_says(&ann, "hub:join", R1);
    int send = client_says(&ann, "hub:send", HELLO);
    int none = client_says(&ann, "hub:join", "{\"roomId\":\"r9\"}"); /* refused at once when its turn comes */
    int leave = client_says(&ann, "hub:leave", R1);
    int after = client_says(&ann, "hub:send", HELLO);
    client_waits_for(&ann, send);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, join, "\"ok\":true");
    client_is_answered(&ann, send, "\"seq\":1");
    client_is_answered(&ann, none, "room_not_found");
    client_is_answered(&ann, leave, "\"ok\":true");
    client_is_answered(&ann, after, "not_in_room");
    fake_hub_free(f);
}

static void only_so_much_waits_for_a_join_and_goes_with_the_connection(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    struct hub_buf large = {0};
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    fake_store_hold(&f->store, true);
    client_says(&ann, "hub:join", R1);
    for (int i = 0; i < 256; i++) client_says(&ann, "hub:members", R1);
    assert_int_equal(fake_conn(f, "ann")->waiting->n, 256);
    client_does(&ann, "hub:members", R1, "overloaded");
    client_says(&bob, "hub:join", R1);
    hub_buf_addz(&large, "{\"roomId\":\"");
    for (int i = 0; i < 600 * 1024; i++) hub_buf_addc(&large, 'x');
    hub_buf_addz(&large, "\"}");
    for (int i = 0; i < 6; i++) client_says(&bob, "hub:members", hub_buf_cstr(&large));
    client_does(&bob, "hub:members", hub_buf_cstr(&large), "overloaded"); /* over 4 MiB */
    client_hang_up(&bob);
    client_hang_up(&ann);
    hub_buf_free(&large);
    fake_store_hold(&f->store, false);
    fake_hub_free(f);
}

/* ---- reads ---- */

static void a_read_of_a_connection_that_is_gone_is_not_begun(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fake_store_hold(&f->store, true);
    for (int i = 0; i < 10; i++) client_says(&ann, "hub:history", R1);
    fake_settle(f);
    assert_int_equal(fake_store_waiting(&f->store), HUB_READS_UNDER_WAY);
    assert_int_equal(hub_engine_pending(f->engine), 10);
    client_hang_up(&ann);
    assert_int_equal(hub_engine_pending(f->engine), HUB_READS_UNDER_WAY);
    fake_hub_free(f);
}

static void a_room_learns_quickly_how_large_its_rows_are_and_forgets_slowly(void **state) {
    struct hub_engine engine = {0};
    struct hub_hub hub = {.engine = &engine};
    struct hub_room room = {.owner = &hub};
    const struct hub_table table = {.column_n = 1};
    struct hub_result result = {0};
    (void)state;
    assert_int_equal(hub_rows_wanted(&room, 10), 11);
    assert_int_equal(hub_rows_wanted(&room, 1000000), 2 * HUB_RESULT_MAX / HUB_ROW_BYTES + 1);
    struct hub_rows rows = {.table = &table, .n = 2, .text = {.cap = 2 * 40000 - 2 * sizeof(struct hub_cell)}};
    hub_rows_are(&room, &result, &rows);
    assert_int_equal(room.row_bytes, 40000);
    assert_int_equal(hub_rows_wanted(&room, 1000000), 2 * HUB_RESULT_MAX / 40000 + 1);
    rows.text.cap = 2 * 8000 - 2 * sizeof(struct hub_cell);
    hub_rows_are(&room, &result, &rows);
    assert_int_equal(room.row_bytes, 36000);
    rows.n = 0;
    hub_rows_are(&room, &result, &rows);
    hub_rows_are(&room, &result, NULL);
    assert_int_equal(room.row_bytes, 36000);
}

/* ---- limits that all processes share ---- */

static struct fake_hub *begin_shared(struct fake_client *ann) {
    struct fake_hub *f = fake_hub_new_on(HUB, true);
    client_join(f, ann, "ann", "r1");
    return f;
}

static void a_cache_counts_for_all_processes_and_who_was_refused_is_not_asked_about_again(void **state) {
    struct fake_client ann;
    (void)state;
    struct fake_hub *f = begin_shared(&ann);
    client_does(&ann, "hub:event", WAVE, "\"ok\":true");
    f->cache.wait_ms = 7000;
    client_does(&ann, "hub:event", WAVE, "\"retryAfterMs\":7000");
    size_t takes = f->cache.takes;
    fake_pass(f, 6999);
    client_does(&ann, "hub:event", WAVE, "\"retryAfterMs\":1}");
    assert_int_equal(f->cache.takes, takes);
    f->cache.wait_ms = 0;
    fake_pass(f, 1);
    client_does(&ann, "hub:event", WAVE, "\"ok\":true");
    assert_int_equal(f->cache.takes, takes + 1);
    fake_hub_free(f);
}

/* What the cache allowed is noted here too. */
static void when_the_cache_goes_away_the_window_does_not_begin_anew(void **state) {
    struct fake_client ann;
    (void)state;
    struct fake_hub *f = begin_shared(&ann);
    client_does(&ann, "hub:event", WAVE, "\"ok\":true");
    client_does(&ann, "hub:event", WAVE, "\"ok\":true");
    f->cache.away = true;
    client_does(&ann, "hub:event", WAVE, "rate_limited");
    fake_pass(f, HUB_RATE_WINDOW_MS);
    client_does(&ann, "hub:event", WAVE, "\"ok\":true");
    fake_hub_free(f);
}

static void what_came_to_nothing_is_given_back_here_and_there(void **state) {
    struct fake_client ann;
    (void)state;
    struct fake_hub *f = begin_shared(&ann);
    for (int i = 0; i < 5; i++)
        client_does(&ann, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{}}", "invalid_content");
    assert_int_equal(f->cache.takes - f->cache.gives, 1); /* the join's */
    f->cache.away = true;
    for (int i = 0; i < 3; i++) client_does(&ann, "hub:send", HELLO, "\"ok\":true");
    client_does(&ann, "hub:send", HELLO, "rate_limited");
    fake_hub_free(f);
}

static void counts_come_in_the_order_of_the_calls_also_of_who_is_gone(void **state) {
    struct fake_client ann;
    (void)state;
    struct fake_hub *f = begin_shared(&ann);
    f->cache.held = true;
    int first = client_says(&ann, "hub:send", HELLO), second = client_says(&ann, "hub:send", HELLO);
    client_waits_for(&ann, first);
    assert_int_equal(hub_engine_pending(f->engine), 2);
    fake_cache_answer(&f->cache);
    client_is_answered(&ann, first, "\"seq\":1");
    client_waits_for(&ann, second);
    client_says(&ann, "hub:send", HELLO);
    client_hang_up(&ann);
    fake_cache_answer(&f->cache);
    fake_cache_answer(&f->cache); /* what its sender asked for before stands, for he might enter */
    f->cache.held = false;
    fake_settle(f);
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->message, true), 3);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    fake_hub_free(f);
}

static void a_heartbeat_is_told_where_it_is_wanted_and_known_to_scripts(void **state) {
    static const char *const hubs[] = {"hubExtensions: {liveness: {reportToClient: true}}\n", ""};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(hubs); i++) {
        struct fake_client ann;
        struct hub_buf hub = {0};
        hub_buf_addf(&hub, "roomSettings: {roomDataObject: room}\nmessageSettings: {messageTypes: [text]}\n%s",
                     hubs[i]);
        struct fake_hub *f = fake_hub_new(hub_buf_cstr(&hub));
        client_connect(f, &ann, "ann");
        json_t *c = hub_conn_json(fake_conn(f, "ann"));
        assert_null(json_object_get(c, "latencyMs"));
        json_decref(c);
        fake_heartbeat(ann.eio, 42);
        if (*hubs[i])
            client_hears(&ann, "[\"hub:latency\",{\"ms\":42}]");
        else
            client_hears_nothing_of(&ann, "hub:latency");
        c = hub_conn_json(fake_conn(f, "ann"));
        assert_int_equal(hub_json_get_int(c, "latencyMs", -1), 42);
        json_decref(c);
        hub_buf_free(&hub);
        fake_hub_free(f);
    }
}

/* Whoever had an IPv6 network was as many callers as it has addresses. */
static void strangers_of_one_network_are_one_caller(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_identity *stranger = hub_identity_stranger();
    (void)state;
    f->service->anonymous = true;
    struct hub_reader *one = hub_engine_reader(f->engine, stranger, HUB_STR("2001:db8::1"));
    assert_ptr_equal(hub_engine_reader(f->engine, stranger, HUB_STR("2001:db8::ffff:2")), one);
    assert_ptr_not_equal(hub_engine_reader(f->engine, stranger, HUB_STR("2001:db8:0:1::1")), one);
    f->service->anonymous = false;
    hub_identity_unref(stranger);
    fake_hub_free(f);
}

/* Whichever was looked at longer counted in the end, and each started a hook. */
static void a_token_is_looked_at_before_the_next_one(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    f->service->authenticate = (struct hub_script){.kind = HUB_SCRIPT_EXPR, .text = HUB_STR("session.look")};
    int first = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:old\"}");
    client_does(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:new\"}", "\"code\":\"overloaded\"");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, first, "\"ok\":true");
    int last = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:new\"}");
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, last, "\"ok\":true");
    assert_string_equal(fake_conn(f, "ann")->identity->role_id, "new");
    f->service->authenticate.kind = HUB_SCRIPT_NONE;
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_the_form_in_which_it_was_asked_for),
        cmocka_unit_test(what_a_store_says_of_itself_is_nothing_for_clients),
        cmocka_unit_test(a_call_outlives_its_connection_and_is_answered_to_nobody),
        cmocka_unit_test(by_rest_the_reply_comes_once_with_the_main_member_s_name),
        cmocka_unit_test(a_misspelt_key_is_refused_and_a_foreign_one_is_passed_over),
        cmocka_unit_test(what_follows_a_join_waits_for_its_answer_and_keeps_its_order),
        cmocka_unit_test(only_so_much_waits_for_a_join_and_goes_with_the_connection),
        cmocka_unit_test(a_read_of_a_connection_that_is_gone_is_not_begun),
        cmocka_unit_test(a_room_learns_quickly_how_large_its_rows_are_and_forgets_slowly),
        cmocka_unit_test(a_cache_counts_for_all_processes_and_who_was_refused_is_not_asked_about_again),
        cmocka_unit_test(when_the_cache_goes_away_the_window_does_not_begin_anew),
        cmocka_unit_test(what_came_to_nothing_is_given_back_here_and_there),
        cmocka_unit_test(counts_come_in_the_order_of_the_calls_also_of_who_is_gone),
        cmocka_unit_test(a_heartbeat_is_told_where_it_is_wanted_and_known_to_scripts),
        cmocka_unit_test(a_token_is_looked_at_before_the_next_one),
        cmocka_unit_test(strangers_of_one_network_are_one_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
