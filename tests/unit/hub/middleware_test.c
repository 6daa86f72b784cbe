/* Middleware around messages, events and requests on an engine of fakes: what waits for it, what it is judged
 * by when it comes back, and what is counted how often. A script that is no JSON value waits for the test. */
#include "fake_hub.h"

#define HUB                                           \
    "roomSettings: {roomDataObject: room}\n"          \
    "messageSettings: {messageTypes: [text]}\n"       \
    "guardrails: {messageRateLimit: 1000}\n"          \
    "eventSettings: {customEvents: [{name: wave}]}\n" \
    "hubExtensions:\n"                                \
    "  limits: {events: 2, reads: 10000}\n"           \
    "  middleware:\n"                                 \
    "    - {name: one, on: [messages, events, requests], before: payload.n}\n"
#define AFTER                                   \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "guardrails: {messageRateLimit: 1000}\n"    \
    "hubExtensions:\n"                          \
    "  middleware:\n"                           \
    "    - {name: one, on: [messages], after: payload.n}\n"

#define SEND(TEXT) "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"" TEXT "\"}}"

/* In the room, where the middleware of hub:join lets everybody in. */
static void what_follows_on_its_connection_waits(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_join_asked(f, &ann, "ann", NULL);
    client_join_asked(f, &bob, "bob", NULL);
    int first = client_says(&ann, "hub:send", SEND("first")), second = client_says(&ann, "hub:send", SEND("second"));
    int leave = client_says(&ann, "hub:leave", "{\"roomId\":\"r1\"}");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    client_says(&bob, "hub:send", SEND("free"));
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    client_waits_for(&ann, leave);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_is_answered(&ann, first, "\"seq\":1");
    client_waits_for(&ann, second);
    fake_script_end(&f->scripts, HUB_OK, NULL); /* bob's */
    fake_chain_end(&f->scripts, NULL, "{\"code\":\"no\",\"message\":\"words\"}");
    client_is_answered(&ann, second, "{\"code\":\"no\",\"message\":\"words\"}");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_is_answered(&ann, leave, "\"ok\":true");
    fake_hub_free(f);
}

/* A join that is judged keeps its place, too. */
static void a_join_is_judged_in_its_place(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int join = client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}"), send = client_says(&ann, "hub:send", SEND("x"));
    const struct fake_script_call *c = fake_script_first(&f->scripts);
    assert_string_equal(json_string_value(json_object_get(c->args, "name")), "hub:join");
    assert_string_equal(json_string_value(json_object_get(c->args, "roomId")), "r1");
    assert_true(json_is_null(json_object_get(c->args, "room")));
    fake_chain_end(&f->scripts, "{\"roomId\":\"r2\"}", NULL);
    client_is_answered(&ann, join, "\"roomId\":\"r2\"");
    client_is_answered(&ann, send, "\"code\":\"not_in_room\"");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static void what_it_changes_is_judged_and_not_counted_again(void **state) {
    struct fake_hub *f = fake_hub_new_on(HUB, true);
    struct fake_client ann;
    (void)state;
    hub_engine_start(f->engine);
    client_join_asked(f, &ann, "ann", NULL);
    size_t takes = f->cache.takes;
    int sent = client_says(&ann, "hub:send", SEND("x"));
    fake_chain_end(&f->scripts, SEND("y"), NULL);
    client_is_answered(&ann, sent, "\"body\":\"y\"");
    assert_int_equal(f->cache.takes, takes + 1);
    static const struct {
        const char *payload, *code;
    } bad[] = {{"{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":[]}", "invalid_content"},
               {"{\"roomId\":\"r1\",\"messageType\":[],\"content\":{}}", "bad_request"},
               {"{\"roomId\":null,\"messageType\":\"text\",\"content\":{\"body\":\"x\"}}", "bad_request"},
               {"{\"roomId\":\"r2\",\"messageType\":\"text\",\"content\":{\"body\":\"x\"}}", "not_in_room"},
               {"{\"roomID\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"x\"}}", "bad_request"},
               {"{}", "bad_request"},
               {"null", "handler_failed"},
               {"[]", "handler_failed"}};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        sent = client_says(&ann, "hub:send", SEND("x"));
        fake_chain_end(&f->scripts, bad[i].payload, NULL);
        client_is_answered(&ann, sent, bad[i].code);
    }
    int wave = client_says(&ann, "wave", "{\"roomId\":\"r1\"}");
    fake_chain_end(&f->scripts, "{\"roomId\":\"r1\",\"event\":\"none\"}", NULL);
    client_is_answered(&ann, wave, "\"code\":\"unknown_event\"");
    fake_hub_free(f);
}

static void what_is_over_a_limit_runs_nothing(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_join_asked(f, &ann, "ann", NULL);
    for (int i = 0; i < 2; i++) {
        int wave = client_says(&ann, "wave", "{\"roomId\":\"r1\",\"data\":1}");
        fake_chain_end(&f->scripts, "{\"roomId\":\"r1\",\"event\":\"wave\",\"data\":2}", NULL);
        client_is_answered(&ann, wave, "\"ok\":true");
        client_hears(&ann, "\"data\":2");
    }
    client_does(&ann, "wave", "{\"roomId\":\"r1\"}", "\"code\":\"rate_limited\"");
    client_does(&ann, "hub:send", "{\"roomId\":\"r2\",\"messageType\":\"text\",\"content\":{}}", "\"not_in_room\"");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static void rights_and_rooms_that_end_meanwhile_end_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_join_asked(f, &ann, "ann", NULL);
    client_join_asked(f, &bob, "bob", NULL);
    int sent = client_says(&ann, "hub:send", SEND("x"));
    fake_settle(f);
    hub_member_expel(hub_conn_member(fake_conn(f, "ann"), fake_room(f, "r1")), "hub:kicked", HUB_STR("not_authorized"));
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_is_answered(&ann, sent, "\"code\":\"not_in_room\"");
    sent = client_says(&bob, "hub:send", SEND("x"));
    client_listen(&bob);
    hub_engine_drain(f->engine, 1000);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_is_answered(&bob, sent, "\"code\":\"shutting_down\"");
    fake_hub_free(f);
}

static void a_connection_that_closes_leaves_nothing_behind(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_join_asked(f, &ann, "ann", NULL);
    client_says(&ann, "hub:send", SEND("x"));
    client_says(&ann, "hub:send", SEND("y"));
    client_hang_up(&ann);
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    client_connect(f, &ann, "ann");
    client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    client_hang_up(&ann);
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_hub_free(f);
}

static void too_many_scripts_after_answers_keep_a_connection_waiting(void **state) {
    struct fake_hub *f = fake_hub_new(AFTER);
    struct fake_client ann;
    int last = 0;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    for (int i = 0; i < HUB_ORDER_AFTER_MAX; i++) client_does(&ann, "hub:send", SEND("x"), "\"ok\":true");
    last = client_says(&ann, "hub:send", SEND("last"));
    client_waits_for(&ann, last);
    assert_int_equal(fake_scripts_waiting(&f->scripts), HUB_ORDER_AFTER_MAX);
    const json_t *args = fake_script_first(&f->scripts)->args;
    assert_int_equal(hub_json_get_int(json_object_get(json_object_get(args, "result"), "message"), "seq", 0), 1);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
    client_is_answered(&ann, last, "\"ok\":true");
    fake_hub_free(f);
}

/* ---- by REST ---- */

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    hub_buf_addf(arg, "%s/%s/%s/%.*s ", hub_code_name(code), code ? err->text : "ok", data_name ? data_name : "",
                 HUB_FMT(fields));
}
static bool on_gone(void *arg) { return !arg; }

static void ask(struct fake_hub *f, const char *command, const char *args, struct hub_buf *log) {
    struct hub_identity *who = fake_who(f, "ann");
    hub_buf_clear(log);
    hub_engine_request(f->hub, hub_dispatch_find(f->engine, hub_cstr(command))->command,
                       &(struct hub_request){.who = who,
                                             .address = HUB_STR("10.0.0.1"),
                                             .args = hub_json_parse(hub_cstr(args), NULL),
                                             .reply = on_reply,
                                             .gone = on_gone,
                                             .arg = log});
    hub_identity_unref(who);
    fake_settle(f);
}

static void by_rest_it_is_the_same(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_buf log = {0};
    (void)state;
    ask(f, "hub:send", SEND("x"), &log);
    assert_true(json_is_null(json_object_get(fake_script_first(&f->scripts)->args, "connection")));
    fake_chain_end(&f->scripts, NULL, "{\"code\":\"no\",\"message\":\"words\",\"data\":[1]}");
    assert_string_equal(hub_buf_cstr(&log), "rejected/words/no/\"data\":[1] ");
    ask(f, "hub:send", SEND("x"), &log);
    fake_chain_end(&f->scripts, "{\"roomId\":{},\"messageType\":\"text\",\"content\":{\"body\":\"x\"}}", NULL);
    assert_non_null(strstr(hub_buf_cstr(&log), "bad_request/roomId: expected"));
    ask(f, "hub:send", SEND("x"), &log);
    fake_chain_end(&f->scripts, "{\"roomId\":\"none\",\"messageType\":\"text\",\"content\":{\"body\":\"x\"}}", NULL);
    fake_settle(f);
    assert_non_null(strstr(hub_buf_cstr(&log), "room_not_found"));
    ask(f, "hub:unreact", "{\"roomId\":\"r1\",\"messageId\":\"m\",\"emoji\":\"+1\"}", &log);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* its gates: reactions are off */
    hub_buf_free(&log);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_on_its_connection_waits),
        cmocka_unit_test(a_join_is_judged_in_its_place),
        cmocka_unit_test(what_it_changes_is_judged_and_not_counted_again),
        cmocka_unit_test(what_is_over_a_limit_runs_nothing),
        cmocka_unit_test(rights_and_rooms_that_end_meanwhile_end_it),
        cmocka_unit_test(a_connection_that_closes_leaves_nothing_behind),
        cmocka_unit_test(too_many_scripts_after_answers_keep_a_connection_waiting),
        cmocka_unit_test(by_rest_it_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
