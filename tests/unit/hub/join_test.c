/* hub:join and what follows from it: history ends where live messages begin, limits, rights worked out again,
 * the end of a room. The store answers when the test says so. */
#include "fake_hub.h"
#include "hub/join/join.h"

#define HUB                                     \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "eventSettings: {enablePresence: true}\n"   \
    "historySettings: {historyEnabled: true, historyLimit: 2}\n"
#define TEXT(WORDS) "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"" WORDS "\"}}"

/* Answers what the store is asked, in its order, until nothing waits but the question number STOP. */
static void answer_until(struct fake_hub *f, const struct hub_table *table) {
    fake_settle(f);
    while (fake_store_first(&f->store)->table != table) {
        fake_store_answer(&f->store);
        fake_settle(f);
    }
}

/* ANN has sent "one", and BOB's history is being read. */
static int begin_join(struct fake_hub *f, struct fake_client *ann, struct fake_client *bob) {
    client_join(f, ann, "ann", "r1");
    client_does(ann, "hub:send", TEXT("one"), "\"seq\":1");
    client_connect(f, bob, "bob");
    fake_store_hold(&f->store, true);
    int ack = client_says(bob, "hub:join", "{\"roomId\":\"r1\"}");
    answer_until(f, f->hub->tables->message);
    return ack;
}

static void history_ends_where_live_messages_begin(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    int ack = begin_join(f, &ann, &bob);
    int sent = client_says(&ann, "hub:send", TEXT("two"));
    client_waits_for(&bob, ack);
    fake_store_answer(&f->store); /* the history, which was asked for before */
    fake_store_answer(&f->store);
    client_is_answered(&ann, sent, "\"seq\":2");
    client_hears_in_order(&bob, "\"ok\":true", "hub:joined");
    client_hears_in_order(&bob, "hub:joined", "hub:history");
    client_hears_in_order(&bob, "hub:history", "hub:messageArrived");
    client_is_answered(&bob, ack, "\"seq\":1");
    assert_null(strstr(client_hears(&bob, "hub:history"), "\"body\":\"two\""));
    client_hears(&bob, "\"body\":\"two\"");
    client_hears_nothing_of(&bob, "\"body\":\"one\""); /* neither twice */
    fake_hub_free(f);
}

static void what_is_stored_while_history_is_read_comes_behind_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    begin_join(f, &ann, &bob);
    client_says(&ann, "hub:send", TEXT("two"));
    struct hub_list *history = hub_list_pop(&f->store.questions); /* the store takes its time for it */
    fake_store_answer(&f->store);
    client_hears(&ann, "hub:messageArrived"); /* who is in has it at once */
    client_hears_nothing_of(&bob, "hub:messageArrived");
    hub_list_push(&f->store.questions, history);
    fake_store_hold(&f->store, false);
    client_hears_in_order(&bob, "hub:history", "hub:messageArrived");
    assert_null(strstr(client_hears(&bob, "hub:history"), "two")); /* it was asked for up to number 1 */
    client_hears(&bob, "two");
    client_hears_nothing_of(&bob, "two");
    fake_hub_free(f);
}

static void a_connection_that_ends_while_it_joins_leaves_nothing(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    begin_join(f, &ann, &bob);
    assert_int_equal(fake_room(f, "r1")->user_n, 2);
    client_hang_up(&bob);
    assert_int_equal(fake_room(f, "r1")->user_n, 1);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    client_hears_nothing_of(&ann, "\"bob\""); /* he was never announced */
    client_hang_up(&ann);
    fake_pass(f, 5000);
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    fake_hub_free(f);
}

static void whoever_cannot_have_the_history_is_not_in(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    int ack = begin_join(f, &ann, &bob);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    client_is_answered(&bob, ack, "store_unavailable");
    assert_int_equal(fake_room(f, "r1")->user_n, 1);
    fake_store_hold(&f->store, false);
    client_does(&bob, "hub:send", TEXT("three"), "not_in_room");
    fake_hub_free(f);
}

/* Only the latest of several requests lets the seat go live, from where the sequence is then. */
static void a_second_request_starts_over(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    begin_join(f, &ann, &bob);
    fake_store_hold(&f->store, false);
    client_hears(&bob, "hub:history");
    client_forgets(&bob);
    fake_store_hold(&f->store, true);
    client_says(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":0}");
    answer_until(f, f->hub->tables->message);
    assert_int_equal(fake_room(f, "r1")->user_n, 2);
    client_says(&ann, "hub:send", TEXT("two"));
    struct hub_list *history = hub_list_pop(&f->store.questions);
    fake_store_answer(&f->store);
    client_hears(&ann, "\"body\":\"two\"");
    client_hears_nothing_of(&bob, "hub:messageArrived"); /* his seat is held once more */
    hub_list_push(&f->store.questions, history);
    fake_store_hold(&f->store, false);
    client_hears_in_order(&bob, "hub:history", "hub:messageArrived");
    assert_non_null(strstr(client_hears(&bob, "hub:history"), "\"recovered\":true"));
    client_hears(&bob, "hub:messageArrived");
    client_hears_nothing_of(&bob, "hub:messageArrived");
    fake_hub_free(f);
}

static void a_room_takes_as_many_users_as_it_may_and_more_connections_of_them(void **state) {
    struct fake_hub *f = fake_hub_new(HUB "guardrails: {maxUsersPerRoom: 1, maxRoomsPerUser: 2}\n");
    struct fake_client ann, other, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &other, "ann", "r1");
    client_connect(f, &bob, "bob");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "room_full");
    client_does(&ann, "hub:join", "{\"roomId\":\"r2\"}", "\"ok\":true");
    client_does(&ann, "hub:join", "{\"roomId\":\"r3\"}", "too_many_rooms");
    client_does(&other, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true"); /* she is still in it */
    client_does(&ann, "hub:join", "{\"roomId\":\"r3\"}", "too_many_rooms");
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    client_does(&ann, "hub:join", "{\"roomId\":\"r3\"}", "\"ok\":true");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_hub_free(f);
}

/* ---- rights worked out again ---- */

#define SEATS                                                                                         \
    "roomSettings:\n"                                                                                 \
    "  roomDataObject: room\n"                                                                        \
    "  roomEligibility: is eligible\n"                                                                \
    "  authSources:\n"                                                                                \
    "    - {name: seats, sourceObject: seat, userField: userId, roomField: roomId, hubRole: guest}\n" \
    "hubRoles: [{name: guest}]\n"                                                                     \
    "messageSettings: {messageTypes: [text]}\n"                                                       \
    "historySettings: {historyEnabled: false}\n"

/* The scripts that ask for eligibility all say RESULT. */
static void say_eligible(struct fake_hub *f, const char *result) {
    fake_settle(f);
    while (fake_scripts_waiting(&f->scripts)) {
        fake_script_end(&f->scripts, HUB_OK, result);
        fake_settle(f);
    }
}

static struct fake_hub *begin_seated(struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_new(SEATS);
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"s1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"s2\",\"userId\":\"bob\",\"roomId\":\"r1\"}");
    client_connect(f, ann, "ann");
    client_connect(f, bob, "bob");
    client_says(ann, "hub:join", "{\"roomId\":\"r1\"}");
    client_says(bob, "hub:join", "{\"roomId\":\"r1\"}");
    say_eligible(f, "true");
    client_hears(ann, "hub:joined");
    client_hears(bob, "hub:joined");
    return f;
}

struct waiter {
    struct hub_work work;
    int done;
};
static void on_waited(struct hub_work *w) { HUB_CONTAINER(w, struct waiter, work)->done++; }

static void who_has_lost_his_right_is_put_out_and_others_stay(void **state) {
    struct fake_client ann, bob;
    struct waiter w = {.work.done = on_waited};
    (void)state;
    struct fake_hub *f = begin_seated(&ann, &bob);
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    hub_work_hold(&w.work);
    hub_reauthorize_room(fake_room(f, "r1"), &w.work);
    hub_work_release(&w.work);
    assert_int_equal(w.done, 0); /* until it is known */
    say_eligible(f, "true");
    assert_int_equal(w.done, 1);
    client_hears(&ann, "[\"hub:kicked\",{\"roomId\":\"r1\",\"reason\":\"not_authorized\"}]");
    client_hears_nothing_of(&bob, "hub:kicked");
    assert_int_equal(fake_room(f, "r1")->user_n, 1);
    fake_hub_free(f);
}

static void a_store_that_is_away_proves_nothing_and_is_asked_again(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin_seated(&ann, &bob);
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    f->store.away = HUB_STORE_UNAVAILABLE;
    hub_reauthorize_user(fake_room(f, "r1"), HUB_STR("ann"), NULL);
    fake_pass(f, 60000);
    client_hears_nothing_of(&ann, "hub:kicked");
    f->store.away = HUB_OK;
    fake_pass(f, 1000);
    say_eligible(f, "true");
    client_hears(&ann, "hub:kicked");
    fake_hub_free(f);
}

/* Never two at a time: the older answer could come last. */
static void who_asks_while_rights_are_worked_out_is_answered_by_another_round(void **state) {
    struct fake_client ann, bob;
    struct waiter first = {.work.done = on_waited}, second = {.work.done = on_waited};
    (void)state;
    struct fake_hub *f = begin_seated(&ann, &bob);
    hub_work_hold(&first.work);
    hub_reauthorize_user(fake_room(f, "r1"), HUB_STR("ann"), &first.work);
    hub_work_release(&first.work);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    hub_work_hold(&second.work);
    hub_reauthorize_user(fake_room(f, "r1"), HUB_STR("ann"), &second.work);
    hub_work_release(&second.work);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    assert_int_equal(hub_map_len(&f->hub->reauthorizations), 1);
    say_eligible(f, "true");
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 1);
    client_hears(&ann, "hub:kicked");
    assert_int_equal(hub_map_len(&f->hub->reauthorizations), 0);
    fake_hub_free(f);
}

static void rights_of_somebody_who_leaves_meanwhile_are_nothing_any_more(void **state) {
    struct fake_client ann, bob;
    struct waiter w = {.work.done = on_waited};
    (void)state;
    struct fake_hub *f = begin_seated(&ann, &bob);
    hub_work_hold(&w.work);
    hub_reauthorize_room(fake_room(f, "r1"), &w.work);
    hub_work_release(&w.work);
    fake_settle(f);
    client_hang_up(&ann);
    client_hang_up(&bob);
    say_eligible(f, "false");
    assert_int_equal(w.done, 1);
    fake_hub_free(f);
}

static void a_room_that_is_no_longer_eligible_is_closed(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin_seated(&ann, &bob);
    struct hub_room *room = hub_room_ref(fake_room(f, "r1"));
    hub_room_recheck(room, NULL);
    say_eligible(f, "false");
    client_hears(&ann, "hub:roomClosed");
    client_hears(&bob, "hub:roomClosed");
    client_hears_nothing_of(&bob, "hub:kicked"); /* those who may read were told otherwise */
    assert_int_equal(room->user_n, 0);
    assert_int_equal(room->state, HUB_ROOM_CLOSED);
    client_does(&ann, "hub:send", TEXT("one"), "not_in_room");
    hub_room_unref(room);
    fake_hub_free(f);
}

/* ---- the state ---- */

#define STATEFUL "hubLogic: {stateScript: the state}\n"

static void the_state_comes_behind_the_history_and_only_to_who_is_still_there(void **state) {
    struct fake_hub *f = fake_hub_new(HUB STATEFUL);
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
    fake_script_end(&f->scripts, HUB_OK, "{\"turn\":7}");
    client_hears(&ann, "[\"hub:state\",{\"roomId\":\"r1\",\"state\":{\"turn\":7}}]");
    client_does(&bob, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_script_end(&f->scripts, HUB_OK, "{\"turn\":7}");
    client_hears_nothing_of(&bob, "hub:state");
    int ack = client_says(&ann, "hub:requestState", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
    client_is_answered(&ann, ack, "handler_failed");
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_ends_where_live_messages_begin),
        cmocka_unit_test(what_is_stored_while_history_is_read_comes_behind_it),
        cmocka_unit_test(a_connection_that_ends_while_it_joins_leaves_nothing),
        cmocka_unit_test(whoever_cannot_have_the_history_is_not_in),
        cmocka_unit_test(a_second_request_starts_over),
        cmocka_unit_test(a_room_takes_as_many_users_as_it_may_and_more_connections_of_them),
        cmocka_unit_test(who_has_lost_his_right_is_put_out_and_others_stay),
        cmocka_unit_test(a_store_that_is_away_proves_nothing_and_is_asked_again),
        cmocka_unit_test(who_asks_while_rights_are_worked_out_is_answered_by_another_round),
        cmocka_unit_test(rights_of_somebody_who_leaves_meanwhile_are_nothing_any_more),
        cmocka_unit_test(a_room_that_is_no_longer_eligible_is_closed),
        cmocka_unit_test(the_state_comes_behind_the_history_and_only_to_who_is_still_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
