/* Messages: stored, acknowledged, shown, in this order and in the room's; handlers one after the other;
 * repeats answered with the first; what nobody knows yet keeps its place. */
#include "fake_hub.h"
#include "hub/message/message.h"

#define HUB                                                                                            \
    "roomSettings: {roomDataObject: room}\n"                                                           \
    "messageSettings:\n"                                                                               \
    "  messageTypes: [text]\n"                                                                         \
    "  enableReplyTo: true\n"                                                                          \
    "  customMessageTypes: [{name: move, fields: [{name: to, fieldType: Integer, required: true}]}]\n" \
    "historySettings: {historyEnabled: false}\n"                                                       \
    "hubLogic: {messageHandlers: [{messageType: move, script: the handler}]}\n"
#define TEXT(WORDS) "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"" WORDS "\"}}"
#define MOVE(TO) "{\"roomId\":\"r1\",\"messageType\":\"move\",\"content\":{\"to\":" TO "}}"

static size_t stored(const struct fake_hub *f) { return fake_store_count(&f->store, f->hub->tables->message, true); }

static void nothing_is_acknowledged_or_shown_before_it_is_stored(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:send", TEXT("one"));
    client_waits_for(&ann, ack);
    client_hears_nothing_of(&bob, "hub:messageArrived");
    fake_store_answer(&f->store);
    client_hears_in_order(&ann, "\"ok\":true", "hub:messageArrived");
    client_hears(&bob, "\"seq\":1");
    ack = client_says(&ann, "hub:send", TEXT("two"));
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "db.example refused");
    client_is_answered(&ann, ack, "store_unavailable");
    client_hears_nothing_of(&bob, "two");
    fake_store_hold(&f->store, false);
    client_does(&ann, "hub:send", TEXT("three"), "\"seq\":2"); /* no gap */
    fake_hub_free(f);
}

/* The sender is gone: what he sent is told all the same. */
static void a_message_outlives_its_sender(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    fake_store_hold(&f->store, true);
    client_says(&ann, "hub:send", TEXT("one"));
    fake_settle(f);
    client_hang_up(&ann);
    fake_store_hold(&f->store, false);
    client_hears(&bob, "\"body\":\"one\"");
    fake_hub_free(f);
}

struct note {
    struct hub_buf log;
};
static void on_submitted(void *arg, enum hub_code code, const char *error, struct hub_str message) {
    struct note *n = arg;
    (void)error, (void)message;
    hub_buf_addf(&n->log, "%s ", hub_code_name(code));
}
static void submit(struct fake_hub *f, struct note *n, const char *body, bool persist, bool patient) {
    struct hub_draft d = {.type = "text",
                          .content = hub_cstr(body),
                          .persist = persist,
                          .announce = true,
                          .to = HUB_TO_ALL,
                          .patient = patient};
    hub_room_submit(fake_room(f, "r1"), &d, on_submitted, n);
}

static void what_is_not_stored_is_told_in_its_place_too(void **state) {
    struct fake_client ann, bob;
    struct note n = {0};
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    fake_store_hold(&f->store, true);
    submit(f, &n, "{\"body\":\"one\"}", true, false);
    submit(f, &n, "{\"body\":\"two\"}", false, false);
    client_hears_nothing_of(&bob, "hub:messageArrived");
    fake_store_answer(&f->store);
    client_hears_in_order(&bob, "\"body\":\"one\"", "\"body\":\"two\"");
    assert_int_equal(stored(f), 1);
    fake_store_hold(&f->store, false);
    hub_buf_free(&n.log);
    fake_hub_free(f);
}

static void a_write_of_which_nobody_knows_holds_up_nobody_and_is_told_when_it_is_known(void **state) {
    struct fake_client ann, bob;
    struct note n = {0};
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:send", TEXT("one"));
    fake_settle(f);
    fake_store_undecided(&f->store);
    client_is_answered(&ann, ack, "\"outcome\":\"unknown\"");
    submit(f, &n, "{\"body\":\"two\"}", false, false); /* does not wait for it */
    client_hears(&bob, "\"body\":\"two\"");
    submit(f, &n, "{\"body\":\"three\"}", true, false);
    client_hears_nothing_of(&bob, "\"body\":\"three\"");
    fake_store_hold(&f->store, false);
    client_hears_in_order(&bob, "\"body\":\"one\"", "\"body\":\"three\"");
    client_waits_for(&ann, ack); /* it was answered */
    fake_store_hold(&f->store, true);
    submit(f, &n, "{\"body\":\"four\"}", true, true); /* who is patient wants to know how it ended */
    fake_store_undecided(&f->store);
    assert_string_equal(hub_buf_cstr(&n.log), "ok ok ");
    fake_store_answer(&f->store);
    assert_string_equal(hub_buf_cstr(&n.log), "ok ok ok ");
    fake_store_hold(&f->store, false);
    hub_buf_free(&n.log);
    fake_hub_free(f);
}

/* ---- handlers ---- */

static void handlers_of_a_room_run_one_after_the_other_and_what_is_sent_behind_them_waits(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    client_does(&bob, "hub:join", "{\"roomId\":\"r2\"}", "\"ok\":true");
    int first = client_says(&ann, "hub:send", MOVE("1")), second = client_says(&bob, "hub:send", MOVE("2"));
    int text = client_says(&bob, "hub:send", TEXT("behind"));
    int other = client_says(&bob, "hub:send", "{\"roomId\":\"r2\",\"messageType\":\"move\",\"content\":{\"to\":3}}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2); /* rooms do not wait for each other */
    client_waits_for(&bob, text);
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":true,\"modifiedContent\":{\"to\":7}}");
    client_is_answered(&ann, first, "\"to\":7");
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":true}"); /* of the other room */
    client_is_answered(&bob, other, "\"seq\":1");
    client_waits_for(&bob, text);
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":false,\"rejectReason\":\"not your turn\"}");
    client_is_answered(&bob, second, "not your turn");
    client_is_answered(&bob, text, "\"seq\":2");
    fake_hub_free(f);
}

static void a_result_that_is_not_usable_stores_nothing_and_the_next_has_its_turn(void **state) {
    static const char *const results[] = {
        "null",
        "{}",
        "{\"accept\":1}",
        "{\"accept\":true,\"modifiedContent\":[]}",
        "{\"accept\":true,\"modifiedContent\":{\"to\":\"x\"}}",
        "{\"accept\":true,\"broadcastTo\":\"some\"}",
        "{\"accept\":true,\"persits\":false}",
        "{\"accept\":true,\"serverMessages\":[{\"type\":\"nothing\",\"content\":{}}]}"};
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    for (size_t i = 0; i < HUB_NELEM(results); i++) {
        int ack = client_says(&ann, "hub:send", MOVE("1"));
        fake_settle(f);
        fake_script_end(&f->scripts, HUB_OK, results[i]);
        client_is_answered(&ann, ack, "handler_failed");
    }
    int ack = client_says(&ann, "hub:send", MOVE("1"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_SCRIPT_TIMEOUT, NULL);
    client_is_answered(&ann, ack, "script_timeout");
    assert_int_equal(stored(f), 0);
    client_does(&ann, "hub:send", TEXT("one"), "\"seq\":1");
    fake_hub_free(f);
}

/* Its turn comes when its sender was put out. */
static void what_waits_for_its_turn_is_judged_again(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    client_says(&ann, "hub:send", MOVE("1"));
    int ack = client_says(&bob, "hub:send", MOVE("2"));
    fake_settle(f);
    hub_room_expel(fake_room(f, "r1"), HUB_STR("bob"), "hub:kicked", HUB_STR(""), HUB_NOT_IN_ROOM);
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":true}");
    client_is_answered(&bob, ack, "not_in_room");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* the handler has not seen it */
    fake_hub_free(f);
}

/* One by one, each would wait anew for a store that is away. */
static void what_asks_the_store_and_has_waited_too_long_is_refused(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    client_says(&ann, "hub:send", MOVE("1"));
    int ack = client_says(
        &bob, "hub:send",
        "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"re\"},\"replyTo\":{\"id\":\"m\"}}");
    int plain = client_says(&bob, "hub:send", TEXT("plain"));
    fake_pass(f, HUB_TURN_PATIENCE_MS + 1);
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":true}");
    client_is_answered(&bob, ack, "overloaded");
    client_is_answered(&bob, plain, "\"ok\":true"); /* that asks for nothing */
    fake_hub_free(f);
}

/* ---- repeats ---- */

#define AGAIN "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"},\"clientMessageId\":\"c1\"}"
#define MOVE_AGAIN "{\"roomId\":\"r1\",\"messageType\":\"move\",\"content\":{\"to\":1},\"clientMessageId\":\"c2\"}"

static void a_repeat_is_answered_with_the_first_and_told_once(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    fake_store_hold(&f->store, true);
    int first = client_says(&ann, "hub:send", AGAIN), second = client_says(&ann, "hub:send", AGAIN);
    fake_settle(f);
    assert_true(hub_room_submitting(fake_room(f, "r1"), HUB_STR("ann"), HUB_STR("c1")));
    assert_false(hub_room_submitting(fake_room(f, "r1"), HUB_STR("bob"), HUB_STR("c1")));
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, first, "\"seq\":1");
    client_is_answered(&ann, second, "\"seq\":1");
    client_hears(&bob, "hub:messageArrived");
    client_hears_nothing_of(&bob, "hub:messageArrived");
    assert_false(hub_room_submitting(fake_room(f, "r1"), HUB_STR("ann"), HUB_STR("c1")));
    client_does(&bob, "hub:send", AGAIN, "\"seq\":2"); /* his own */
    fake_hub_free(f);
}

/* A handler acts: it must not see a repeat. */
static void a_handler_never_sees_a_repeat(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    int first = client_says(&ann, "hub:send", MOVE_AGAIN), second = client_says(&ann, "hub:send", MOVE_AGAIN);
    fake_settle(f);
    fake_store_hold(&f->store, true);
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":true}");
    fake_settle(f); /* the second has its turn while the first is on its way to the store */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, first, "\"seq\":1");
    client_is_answered(&ann, second, "\"seq\":1");
    assert_int_equal(f->scripts.called, 1);
    fake_hub_free(f);
}

/* ---- changes ---- */

static void what_was_judged_is_what_is_changed(void **state) {
    struct fake_client ann, bob;
    char id[HUB_UUID_LEN + 1], edit[160], gone[120];
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    const char *sent = client_does(&ann, "hub:send", TEXT("one"), "\"seq\":1");
    snprintf(id, sizeof id, "%s", strstr(sent, "\"id\":\"") + 6);
    snprintf(edit, sizeof edit, "{\"roomId\":\"r1\",\"messageId\":\"%s\",\"content\":{\"body\":\"two\"}}", id);
    snprintf(gone, sizeof gone, "{\"roomId\":\"r1\",\"messageId\":\"%s\"}", id);
    client_does(&bob, "hub:edit", edit, "not_allowed");
    fake_store_hold(&f->store, true);
    int edited = client_says(&ann, "hub:edit", edit), deleted = client_says(&ann, "hub:delete", gone);
    int again = client_says(&ann, "hub:edit", edit);
    fake_settle(f);
    assert_int_equal(fake_store_waiting(&f->store), 1); /* one after the other */
    client_hears_nothing_of(&bob, "hub:messageEdited");
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, edited, "\"body\":\"two\"");
    client_is_answered(&ann, deleted, "\"ok\":true");
    client_is_answered(&ann, again, "not_found");
    assert_non_null(strstr(client_hears(&bob, "hub:messageEdited"), "\"seq\":2"));
    assert_non_null(strstr(client_hears(&bob, "hub:messageDeleted"), "\"seq\":3"));
    assert_int_equal(stored(f), 0);
    fake_hub_free(f);
}

/* ---- delivery: broadcastThenPersist ---- */

#define FIRST HUB "hubExtensions: {delivery: broadcastThenPersist}\n"

static void a_message_may_be_told_before_it_is_stored(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:send", TEXT("one"));
    const char *got = client_hears(&bob, "hub:messageArrived");
    assert_non_null(strstr(got, "\"seq\":null,\"changeSeq\":null,\"provisional\":true}"));
    assert_non_null(strstr(got, "\"sender\":{\"id\":\"ann\""));
    assert_non_null(strstr(got, "},\"provisional\":true}]"));
    client_waits_for(&ann, ack); /* an acknowledgement is a promise */
    fake_store_answer(&f->store);
    got = client_is_answered(&ann, ack, "\"seq\":1");
    assert_null(strstr(got, "provisional"));
    client_hears(&ann, "hub:messageArrived");
    client_hears(&ann, "hub:messageStored");
    client_hears(&bob, "\"seq\":1}]");
    client_hears_nothing_of(&bob, "hub:messageArrived");
    fake_store_hold(&f->store, false);
    fake_hub_free(f);
}

static void what_could_not_be_stored_is_taken_back(void **state) {
    struct fake_client ann, bob, eve;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:send", TEXT("one"));
    client_hears(&bob, "hub:messageArrived");
    fake_store_hold(&f->store, false);
    f->store.away = HUB_STORE_UNAVAILABLE;
    fake_settle(f);
    client_is_answered(&ann, ack, "store_unavailable");
    client_hears(&bob, "\"code\":\"store_unavailable\"}]");
    f->store.away = HUB_OK;
    client_join(f, &eve, "eve", "r1");
    client_does(&ann, "hub:send", TEXT("two"), "\"seq\":1"); /* no gap */
    fake_hub_free(f);
}

/* Who sits down in between gets the whole message with its number, and nothing of one that failed. */
static void who_comes_in_between_gets_the_message_when_it_is_stored(void **state) {
    struct fake_client ann, bob, eve, zoe;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    client_join(f, &zoe, "zoe", "r2"); /* so that her decisions wait for no store */
    client_connect(f, &eve, "eve");
    fake_store_hold(&f->store, true);
    client_says(&ann, "hub:send", TEXT("one"));
    client_hears(&bob, "hub:messageArrived");
    int joined = client_says(&eve, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    struct fake_question *send = fake_store_first(&f->store);
    hub_list_remove(&send->link); /* the store takes its time with the message */
    fake_store_hold(&f->store, false);
    client_is_answered(&eve, joined, "\"seq\":0");
    client_hears_nothing_of(&eve, "hub:messageArrived");
    hub_list_push(&f->store.questions, &send->link);
    fake_store_hold(&f->store, false);
    client_hears(&bob, "hub:messageStored");
    client_hears_nothing_of(&bob, "hub:messageArrived");
    assert_non_null(strstr(client_hears(&eve, "hub:messageArrived"), "\"seq\":1"));
    client_hears_nothing_of(&eve, "hub:messageStored");
    client_does(&ann, "hub:send", TEXT("two"), "\"ok\":true");
    client_hears(&eve, "hub:messageStored");
    fake_hub_free(f);
}

static void what_names_a_message_that_is_not_stored_yet_waits_for_it(void **state) {
    struct fake_client ann, bob;
    char args[300];
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    fake_store_hold(&f->store, true);
    int sent = client_says(&ann, "hub:send", TEXT("one"));
    const char *id = strstr(client_hears(&ann, "hub:messageArrived"), "\"id\":\"") + 6;
    snprintf(args, sizeof args, "{\"roomId\":\"r1\",\"messageId\":\"%.36s\",\"content\":{\"body\":\"edited\"}}", id);
    int edited = client_says(&ann, "hub:edit", args);
    snprintf(
        args, sizeof args,
        "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"re\"},\"replyTo\":{\"id\":\"%.36s\"}}",
        id);
    int replied = client_says(&bob, "hub:send", args);
    fake_settle(f);
    client_waits_for(&ann, edited);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, sent, "\"seq\":1");
    client_is_answered(&ann, edited, "\"body\":\"edited\"");
    client_is_answered(&bob, replied, "\"preview\":");
    fake_hub_free(f);
}

/* The repeat comes while the first is on its way, and when it is there: nobody hears of it twice. */
static void a_repeat_is_not_told_at_all(void **state) {
    static const char again[] =
        "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"one\"},\"clientMessageId\":\"c1\"}";
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    int first = client_says(&ann, "hub:send", again), second = client_says(&ann, "hub:send", again);
    client_is_answered(&ann, first, "\"seq\":1");
    client_is_answered(&ann, second, "\"seq\":1");
    client_does(&ann, "hub:send", again, "\"seq\":1");
    client_hears(&bob, "hub:messageArrived");
    client_hears(&bob, "hub:messageStored");
    client_hears_nothing_of(&bob, "hub:message");
    assert_int_equal(stored(f), 1);
    fake_hub_free(f);
}

static void nobody_knows_whether_a_told_message_is_stored(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:send", TEXT("one"));
    client_hears(&bob, "hub:messageArrived");
    fake_store_undecided(&f->store);
    client_is_answered(&ann, ack, "\"outcome\":\"unknown\"");
    client_hears_nothing_of(&bob, "hub:messageFailed");
    fake_store_hold(&f->store, false);
    client_hears(&bob, "hub:messageStored");
    fake_hub_free(f);
}

static void what_a_moderator_has_to_see_first_is_not_told(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two("roomSettings: {roomDataObject: room, absoluteRoles: [boss]}\n"
                                         "messageSettings: {messageTypes: [text]}\n"
                                         "guardrails: {globalModeration: true}\n"
                                         "hubExtensions: {delivery: broadcastThenPersist}\n",
                                         &ann, &bob);
    client_does(&ann, "hub:send", TEXT("one"), "\"status\":\"pending\"");
    client_hears_nothing_of(&bob, "hub:message");
    client_hears_nothing_of(&ann, "provisional");
    fake_hub_free(f);
}

static void messages_with_a_handler_are_stored_first(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(FIRST, &ann, &bob);
    int ack = client_says(&ann, "hub:send", MOVE("3"));
    fake_settle(f);
    fake_store_hold(&f->store, true);
    fake_script_end(&f->scripts, HUB_OK, "{\"accept\":true}");
    client_hears_nothing_of(&bob, "hub:messageArrived");
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"ok\":true");
    assert_non_null(strstr(client_hears(&bob, "hub:messageArrived"), "\"seq\":1"));
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_acknowledged_or_shown_before_it_is_stored),
        cmocka_unit_test(a_message_outlives_its_sender),
        cmocka_unit_test(what_is_not_stored_is_told_in_its_place_too),
        cmocka_unit_test(a_write_of_which_nobody_knows_holds_up_nobody_and_is_told_when_it_is_known),
        cmocka_unit_test(handlers_of_a_room_run_one_after_the_other_and_what_is_sent_behind_them_waits),
        cmocka_unit_test(a_result_that_is_not_usable_stores_nothing_and_the_next_has_its_turn),
        cmocka_unit_test(what_waits_for_its_turn_is_judged_again),
        cmocka_unit_test(what_asks_the_store_and_has_waited_too_long_is_refused),
        cmocka_unit_test(a_repeat_is_answered_with_the_first_and_told_once),
        cmocka_unit_test(a_handler_never_sees_a_repeat),
        cmocka_unit_test(what_was_judged_is_what_is_changed),
        cmocka_unit_test(a_message_may_be_told_before_it_is_stored),
        cmocka_unit_test(what_could_not_be_stored_is_taken_back),
        cmocka_unit_test(who_comes_in_between_gets_the_message_when_it_is_stored),
        cmocka_unit_test(what_names_a_message_that_is_not_stored_yet_waits_for_it),
        cmocka_unit_test(a_repeat_is_not_told_at_all),
        cmocka_unit_test(nobody_knows_whether_a_told_message_is_stored),
        cmocka_unit_test(what_a_moderator_has_to_see_first_is_not_told),
        cmocka_unit_test(messages_with_a_handler_are_stored_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
