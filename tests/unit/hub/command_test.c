/* Commands on an engine of fakes: whose turn it is, what is answered once more, and what is left when a
 * connection goes, a room ends or somebody is put out in between. A script that is no JSON value waits for
 * the test. */
#include "fake_hub.h"
#include "hub/command/command.h"

#define HUB                                                                  \
    "roomSettings: {roomDataObject: room}\n"                                 \
    "messageSettings: {messageTypes: [text]}\n"                              \
    "guardrails: {messageRateLimit: 1000}\n"                                 \
    "hubExtensions:\n"                                                       \
    "  commands:\n"                                                          \
    "    - {name: now, script: '1'}\n"                                       \
    "    - {name: later, script: payload.n}\n"                               \
    "    - {name: free, order: none, script: payload.n}\n"                   \
    "    - {name: inRoom, room: required, order: room, script: payload.n}\n" \
    "    - {name: twice, rateLimit: 2, script: '1'}\n"                       \
    "    - {name: shaped, order: none, script: payload.n, fields: [{name: n, fieldType: Integer}]}\n"

static void those_of_a_connection_go_one_after_the_other(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    int first = client_says(&ann, "later", "{\"n\":1}"), second = client_says(&ann, "now", "{}");
    int free_one = client_says(&ann, "free", "{\"n\":3}"), of_bob = client_says(&bob, "now", "{}");
    client_is_answered(&bob, of_bob, "\"result\":1");
    client_waits_for(&ann, first);
    client_waits_for(&ann, second);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    fake_script_end(&f->scripts, HUB_OK, "\"first\"");
    client_hears_in_order(&ann, "\"result\":\"first\"", "\"result\":1");
    client_waits_for(&ann, free_one);
    fake_script_end(&f->scripts, HUB_SCRIPT_TIMEOUT, NULL);
    client_is_answered(&ann, free_one, "\"code\":\"script_timeout\"");
    fake_hub_free(f);
}

static void those_that_wait_are_bounded_and_end_with_their_connection(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    int refused = 0;
    (void)state;
    client_connect(f, &ann, "ann");
    for (int i = 0; i < 300; i++) refused = client_says(&ann, "later", "{\"n\":1}");
    client_is_answered(&ann, refused, "\"code\":\"overloaded\"");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    client_hang_up(&ann);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "1");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static void a_request_is_carried_out_once(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, again, bob;
    static const char args[] = "{\"command\":\"later\",\"payload\":{\"n\":1},\"requestId\":\"a\"}";
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &again, "ann");
    client_connect(f, &bob, "bob");
    int first = client_says(&ann, "hub:command", args), repeat = client_says(&again, "hub:command", args);
    client_waits_for(&again, repeat);
    int of_bob = client_says(&bob, "hub:command", args);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    fake_script_end(&f->scripts, HUB_OK, "7");
    client_is_answered(&ann, first, "\"result\":7");
    client_is_answered(&again, repeat, "\"result\":7");
    client_waits_for(&bob, of_bob);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
    client_is_answered(&bob, of_bob, "\"code\":\"handler_failed\"");
    client_does(&bob, "hub:command", args, "\"code\":\"handler_failed\"");
    client_does(&ann, "hub:command", args, "\"result\":7");
    assert_int_equal(f->scripts.called, 2);
    fake_pass(f, 66000);
    client_says(&ann, "hub:command", args);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "8");
    fake_hub_free(f);
}

/* The first one's connection is gone; who repeats it by another one gets its answer all the same. */
static void a_repeat_outlives_the_connection_of_the_first(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, again;
    static const char args[] = "{\"command\":\"later\",\"payload\":{\"n\":1},\"requestId\":\"a\"}";
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &again, "ann");
    client_says(&ann, "hub:command", args);
    int repeat = client_says(&again, "hub:command", args);
    client_hang_up(&ann);
    fake_script_end(&f->scripts, HUB_OK, "7");
    client_is_answered(&again, repeat, "\"result\":7");
    fake_hub_free(f);
}

/* Only what its scripts have answered is answered once more: what was refused before, or dropped, may go
 * better. */
static void a_request_that_did_not_run_is_carried_out_by_its_repeat(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, again;
    static const char args[] = "{\"command\":\"now\",\"requestId\":\"a\"}";
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &again, "ann");
    for (int i = 0; i < 300; i++) client_says(&ann, "later", "{\"n\":1}");
    client_does(&ann, "hub:command", args, "\"code\":\"overloaded\"");
    client_does(&again, "hub:command", args, "\"result\":1");
    client_says(&again, "later", "{\"n\":1}");
    client_says(&again, "hub:command", "{\"command\":\"now\",\"requestId\":\"b\"}");
    client_hang_up(&again); /* while "b" waits for its turn */
    client_connect(f, &again, "ann");
    client_does(&again, "hub:command", "{\"command\":\"now\",\"requestId\":\"b\"}", "\"result\":1");
    client_hang_up(&ann);
    client_hang_up(&again);
    while (fake_scripts_waiting(&f->scripts)) fake_script_end(&f->scripts, HUB_OK, "1");
    fake_hub_free(f);
}

static void who_goes_while_he_is_counted_leaves_nothing_behind(void **state) {
    struct fake_hub *f = fake_hub_new_on(HUB, true);
    hub_engine_start(f->engine);
    struct fake_client ann;
    static const char args[] = "{\"command\":\"twice\",\"requestId\":\"a\"}";
    (void)state;
    client_connect(f, &ann, "ann");
    f->cache.held = true;
    client_says(&ann, "hub:command", args);
    fake_settle(f);
    client_hang_up(&ann);
    f->cache.held = false;
    fake_cache_answer(&f->cache);
    fake_settle(f);
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:command", args, "\"result\":1");
    fake_hub_free(f);
}

/* Refused were they once for a minute, since nobody was there any more when their turn would have come. */
static void what_never_ran_is_run_for_who_repeats_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, again;
    static const char args[] = "{\"command\":\"later\",\"payload\":{\"n\":2},\"requestId\":\"a\"}";
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &again, "ann");
    client_says(&ann, "later", "{\"n\":1}");
    client_says(&ann, "hub:command", args);
    int repeat = client_says(&again, "hub:command", args);
    client_waits_for(&again, repeat);
    client_hang_up(&ann);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    fake_script_end(&f->scripts, HUB_OK, "1");
    fake_script_end(&f->scripts, HUB_OK, "2");
    client_is_answered(&again, repeat, "\"result\":2");
    client_does(&again, "hub:command", args, "\"result\":2");
    int refused = 0;
    for (int i = 0; i < 257; i++) client_says(&again, "later", "{\"n\":1}");
    static const char late[] = "{\"command\":\"later\",\"payload\":{\"n\":3},\"requestId\":\"b\"}";
    refused = client_says(&again, "hub:command", late);
    client_is_answered(&again, refused, "\"code\":\"overloaded\"");
    fake_script_end(&f->scripts, HUB_OK, "1");
    client_waits_for(&again, client_says(&again, "hub:command", late));
    client_hang_up(&again);
    fake_script_end(&f->scripts, HUB_OK, "1");
    fake_hub_free(f);
}

static void in_a_room_they_are_judged_when_their_turn_comes(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    int first = client_says(&ann, "inRoom", "{\"roomId\":\"r1\",\"n\":1}");
    int second = client_says(&bob, "inRoom", "{\"roomId\":\"r1\",\"n\":2}");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    client_does(&bob, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_script_end(&f->scripts, HUB_OK, "1");
    client_is_answered(&ann, first, "\"result\":1");
    client_is_answered(&bob, second, "\"code\":\"not_in_room\"");
    fake_hub_free(f);
}

static void each_has_a_limit_of_its_own(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "twice", "{}", "\"result\":1");
    client_does(&ann, "twice", "{}", "\"result\":1");
    client_does(&ann, "twice", "{}", "\"retryAfterMs\":60000");
    client_does(&ann, "now", "{}", "\"result\":1");
    fake_pass(f, 60000);
    client_does(&ann, "twice", "{}", "\"result\":1");
    fake_hub_free(f);
}

/* Where all processes count together, this one was counted with messages once. */
static void a_command_called_rate_is_counted_apart(void **state) {
    struct fake_hub *f =
        fake_hub_new_on("roomSettings: {roomDataObject: room}\nmessageSettings: {messageTypes: [text]}\n"
                        "hubExtensions: {commands: [{name: rate, script: '1'}]}\n",
                        true);
    struct fake_client ann;
    char messages[sizeof f->cache.taken];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}",
                "\"ok\":true");
    snprintf(messages, sizeof messages, "%s", f->cache.taken);
    assert_non_null(strstr(messages, ":rate:"));
    client_does(&ann, "rate", "{}", "\"result\":1");
    assert_string_not_equal(f->cache.taken, messages);
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* Middleware may make something else of the payload, and may wait meanwhile. */
static void what_middleware_leaves_is_judged_before_the_script_runs(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    int well = client_says(&ann, "shaped", "{\"n\":1}");
    assert_true(fake_chain_goes_on(&f->scripts, "{\"n\":2}"));
    fake_script_end(&f->scripts, HUB_OK, "2");
    client_is_answered(&ann, well, "\"result\":2");
    int spoiled = client_says(&ann, "shaped", "{\"n\":1}");
    assert_false(fake_chain_goes_on(&f->scripts, "{\"n\":\"x\"}"));
    client_is_answered(&ann, spoiled, "\"code\":\"invalid_content\",\"message\":\"payload.n: expected a whole number");
    int left = client_says(&ann, "inRoom", "{\"roomId\":\"r1\",\"n\":1}");
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    assert_false(fake_chain_goes_on(&f->scripts, NULL));
    client_is_answered(&ann, left, "\"code\":\"not_in_room\"");
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* All strangers together had the places of one, where a cache counts for all processes. */
static void strangers_are_counted_by_their_address(void **state) {
    fake_service_more = "namespaces:\n  - {path: /open, auth: false, commands: [{name: now, script: '1'}]}\n";
    struct fake_hub *f = fake_hub_new_on(HUB, true);
    struct fake_client c;
    (void)state;
    fake_service_more = "";
    hub_engine_start(f->engine);
    client_connect_to(f, &c, "/open", NULL);
    client_does(&c, "now", "{}", "\"result\":1");
    assert_string_equal(f->cache.taken, "hubd:hubd:fake:own.now:/open:127.0.0.1");
    fake_hub_free(f);
}

/* It was refused as if it had no role, and scripts were told that it had none. */
static void the_system_role_may_call_every_command(void **state) {
    struct fake_hub *f =
        fake_hub_new("roomSettings:\n"
                     "  roomDataObject: room\n"
                     "  absoluteRoles: [root]\n"
                     "  authScripts: [{name: all, script: 'true', hubRole: member}]\n"
                     "messageSettings: {messageTypes: [text]}\n"
                     "hubRoles: [{name: member}, {name: owner}]\n"
                     "hubExtensions:\n"
                     "  commands: [{name: sweep, room: required, roles: [owner], script: payload.n}]\n");
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann:root", "r1");
    client_join(f, &bob, "bob", "r1");
    client_does(&bob, "sweep", "{\"roomId\":\"r1\"}", "\"code\":\"not_allowed\"");
    int ack = client_says(&ann, "sweep", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    assert_string_equal(json_string_value(json_object_get(fake_script_first(&f->scripts)->args, "hubRole")), "system");
    fake_script_end(&f->scripts, HUB_OK, "1");
    client_is_answered(&ann, ack, "\"result\":1");
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_of_a_connection_go_one_after_the_other),
        cmocka_unit_test(those_that_wait_are_bounded_and_end_with_their_connection),
        cmocka_unit_test(a_request_is_carried_out_once),
        cmocka_unit_test(a_repeat_outlives_the_connection_of_the_first),
        cmocka_unit_test(a_request_that_did_not_run_is_carried_out_by_its_repeat),
        cmocka_unit_test(who_goes_while_he_is_counted_leaves_nothing_behind),
        cmocka_unit_test(what_never_ran_is_run_for_who_repeats_it),
        cmocka_unit_test(in_a_room_they_are_judged_when_their_turn_comes),
        cmocka_unit_test(each_has_a_limit_of_its_own),
        cmocka_unit_test(a_command_called_rate_is_counted_apart),
        cmocka_unit_test(what_middleware_leaves_is_judged_before_the_script_runs),
        cmocka_unit_test(the_system_role_may_call_every_command),
        cmocka_unit_test(strangers_are_counted_by_their_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
