/* What the bus brings: each record is let go when all that it led to has happened, repeats are known, and
 * changes of data end rights and rooms. */
#include "fake_hub.h"
#include "hub/bridge/bridge.h"

#define HUB                                                                                           \
    "roomSettings:\n"                                                                                 \
    "  roomDataObject: room\n"                                                                        \
    "  authSources:\n"                                                                                \
    "    - {name: seats, sourceObject: seat, userField: userId, roomField: roomId, hubRole: guest}\n" \
    "  authScripts: [{name: open, script: is open, hubRole: guest}]\n"                                \
    "hubRoles: [{name: guest}]\n"                                                                     \
    "messageSettings: {messageTypes: [text]}\n"                                                       \
    "historySettings: {historyEnabled: false}\n"                                                      \
    "eventSettings:\n"                                                                                \
    "  autoBridgeDataEvents: true\n"                                                                  \
    "  kafkaEvents:\n"                                                                                \
    "    - {name: news, topic: the-news, targetRoomExpression: the target}\n"                         \
    "    - {name: hot, topic: the-news, filterExpression: 'false', targetRoomExpression: '\"r1\"'}\n"

static const char *topic_of(const struct fake_hub *f, const char *object, const char *what) {
    static char topic[120];
    struct hub_buf b = {0};
    hub_feed_topic(&b, f->service, object, what);
    snprintf(topic, sizeof topic, "%s", hub_buf_cstr(&b));
    hub_buf_free(&b);
    return topic;
}

/* ANN and BOB are in r1 by their seats. */
static struct fake_hub *begin(struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_new(HUB);
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"s1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"s2\",\"userId\":\"bob\",\"roomId\":\"r1\"}");
    client_join(f, ann, "ann", "r1");
    client_join(f, bob, "bob", "r1");
    return f;
}

static void a_record_is_let_go_when_all_that_it_led_to_has_happened(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_bus_bring(&f->bus, "the-news", "{\"n\":1}");
    fake_bus_bring(&f->bus, "the-news", "{\"n\":2}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* one after the other */
    assert_int_equal(f->bus.held, 2);
    fake_script_end(&f->scripts, HUB_OK, "[\"r1\",\"r1\",\"r9\"]");
    client_hears(&ann, "[\"news\",{\"roomId\":\"r1\",\"data\":{\"n\":1}}]");
    client_hears_nothing_of(&ann, "\"n\":1"); /* each room once */
    assert_int_equal(f->bus.held, 1);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL); /* that ends it as well */
    fake_settle(f);
    assert_int_equal(f->bus.held, 0);
    client_hears_nothing_of(&ann, "\"n\":2");
    client_hears_nothing_of(&ann, "[\"hot\""); /* its filter says no */
    fake_hub_free(f);
}

static void a_repeat_and_what_is_no_object_are_passed_over(void **state) {
    static const char *const nonsense[] = {NULL, "", "[1]", "7", "{\"a\":1,\"a\":2}", "{"};
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    for (size_t i = 0; i < HUB_NELEM(nonsense); i++) fake_bus_bring(&f->bus, "the-news", nonsense[i]);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    assert_int_equal(f->bus.held, 0);
    for (int i = 0; i < 2; i++) fake_bus_bring(&f->bus, "the-news", "{\"_eventId\":\"e1\",\"_origin\":\"x\",\"n\":1}");
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "\"r1\"");
    client_hears(&ann, "\"data\":{\"n\":1}}"); /* without what hubs know records by */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    assert_int_equal(f->bus.held, 0);
    fake_hub_free(f);
}

static void after_a_stop_nothing_counts_as_handled_and_everything_is_released(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_bus_bring(&f->bus, "the-news", "{\"n\":1}");
    fake_bus_bring(&f->bus, "the-news", "{\"n\":2}");
    fake_settle(f);
    client_hang_up(&ann);
    client_hang_up(&bob);
    hub_bridge_stop(f->engine->bridge);
    fake_script_end(&f->scripts, HUB_OK, "\"r1\"");
    fake_settle(f);
    assert_int_equal(f->bus.held, 2); /* the second has not begun, the first is not said to be over */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    hub_engine_drain(f->engine, 1000);
    assert_true(f->bus.paused); /* no more are brought */
    fake_hub_free(f);           /* which finds none that is held */
}

/* ---- data events ---- */

static void a_membership_that_goes_ends_its_right(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    fake_bus_bring(&f->bus, topic_of(f, "seat", "deleted"),
                   "{\"id\":\"s1\",\"userId\":\"ann\",\"roomId\":\"r1\",\"session\":{\"token\":\"x\"}}");
    fake_settle(f);
    assert_non_null(strstr(client_hears(&bob, "hub:memberLeft"), "\"userId\":\"ann\""));
    client_hears_nothing_of(&bob, "token"); /* what publishers put beside it is nothing for clients */
    assert_int_equal(f->bus.held, 1);       /* the rights are being worked out */
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_hears(&ann, "hub:kicked");
    assert_int_equal(f->bus.held, 0);
    fake_hub_free(f);
}

static void a_membership_that_moves_counts_for_both_rooms(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    fake_store_add(&f->store, fake_table(f, "seat"), "{\"id\":\"s1\",\"userId\":\"ann\",\"roomId\":\"r2\"}");
    fake_bus_bring(
        &f->bus, topic_of(f, "seat", "updated"),
        "{\"seat\":{\"id\":\"s1\",\"userId\":\"ann\",\"roomId\":\"r2\"},\"oldDataValues\":{\"roomId\":\"r1\"},"
        "\"newDataValues\":{\"roomId\":\"r2\"}}");
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_hears(&bob, "hub:memberLeft");
    client_hears(&ann, "hub:kicked");
    client_does(&ann, "hub:join", "{\"roomId\":\"r2\"}", "\"ok\":true");
    fake_hub_free(f);
}

static void a_room_whose_row_changed_or_went_is_told_and_closed(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_store_remove(&f->store, fake_table(f, "room"), "r1");
    fake_store_add(&f->store, fake_table(f, "room"), "{\"id\":\"r1\",\"title\":\"now\"}");
    fake_store_hold(&f->store, true);
    fake_bus_bring(&f->bus, topic_of(f, "room", "updated"),
                   "{\"room\":{\"id\":\"r1\",\"title\":\"then\"},\"newDataValues\":{\"title\":\"then\"}}");
    fake_store_answer(&f->store);
    assert_non_null(strstr(client_hears(&ann, "hub:roomUpdated"), "\"changes\":{\"title\":\"then\"}"));
    assert_string_equal(json_string_value(json_object_get(fake_room(f, "r1")->record, "title")), "now"); /* read anew */
    fake_store_hold(&f->store, false);
    fake_settle(f);
    struct hub_room *room = hub_room_ref(fake_room(f, "r1"));
    fake_store_remove(&f->store, fake_table(f, "room"), "r1");
    fake_bus_bring(&f->bus, topic_of(f, "room", "deleted"), "{\"id\":\"r1\"}");
    client_hears(&ann, "hub:roomClosed");
    client_hears(&bob, "hub:roomClosed");
    assert_int_equal(room->ended, HUB_ROOM_NOT_FOUND);
    assert_int_equal(room->user_n, 0);
    hub_room_unref(room);
    assert_int_equal(f->bus.held, 0);
    fake_hub_free(f);
}

/* ---- changes of this process ---- */

static void on_object(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)result, (void)error;
    *(enum hub_code *)arg = code;
}

/* Whoever deletes a seat is told when nobody sits by it any more. */
static void an_own_change_is_told_at_its_commit_and_its_author_waits_for_the_rights(void **state) {
    struct fake_client ann, bob;
    enum hub_code code = HUB_INTERNAL;
    json_t *id = json_string("s1");
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    f->bus.away = true; /* that is nothing for this process' rooms */
    hub_object_delete(&f->engine->data, fake_table(f, "seat"), id, true, on_object, &code);
    fake_settle(f);
    client_hears(&bob, "hub:memberLeft");
    assert_int_equal(code, HUB_INTERNAL);
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_hears(&ann, "hub:kicked");
    assert_int_equal(code, HUB_OK);
    assert_int_equal(f->bus.published.n, 0); /* nobody else listens */
    json_decref(id);
    fake_hub_free(f);
}

/* ---- messages changed behind the hub's back ---- */

static void a_message_that_was_changed_from_outside_takes_a_number_and_is_told(void **state) {
    struct fake_client ann, bob;
    char id[HUB_UUID_LEN + 1], record[200];
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    const char *sent = client_does(
        &ann, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}", "\"seq\":1");
    snprintf(id, sizeof id, "%s", strstr(sent, "\"id\":\"") + 6);
    snprintf(record, sizeof record, "{\"chatMessage\":{\"id\":\"%s\",\"roomId\":\"r1\"},\"newDataValues\":{}}", id);
    f->store.away = HUB_STORE_UNAVAILABLE;
    fake_bus_bring(&f->bus, topic_of(f, "chatMessage", "updated"), record);
    fake_settle(f);
    assert_int_equal(f->bus.held, 1); /* it waits for the store */
    f->store.away = HUB_OK;
    fake_pass(f, 1000);
    assert_non_null(strstr(client_hears(&bob, "hub:messageEdited"), "\"seq\":2"));
    assert_int_equal(f->bus.held, 0);
    snprintf(record, sizeof record, "{\"id\":\"%s\",\"roomId\":\"r1\",\"seq\":1}", id);
    fake_store_remove(&f->store, f->hub->tables->message, id);
    fake_bus_bring(&f->bus, topic_of(f, "chatMessage", "deleted"), record);
    client_hears(&bob, "hub:messageDeleted"); /* where the row is gone there is nothing to number */
    fake_bus_bring(&f->bus, topic_of(f, "chatMessage", "updated"),
                   "{\"chatMessage\":{\"id\":\"nothing\",\"roomId\":\"r1\"},\"newDataValues\":{}}");
    client_hears_nothing_of(&bob, "hub:messageEdited");
    assert_int_equal(f->bus.held, 0);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_let_go_when_all_that_it_led_to_has_happened),
        cmocka_unit_test(a_repeat_and_what_is_no_object_are_passed_over),
        cmocka_unit_test(after_a_stop_nothing_counts_as_handled_and_everything_is_released),
        cmocka_unit_test(a_membership_that_goes_ends_its_right),
        cmocka_unit_test(a_membership_that_moves_counts_for_both_rooms),
        cmocka_unit_test(a_room_whose_row_changed_or_went_is_told_and_closed),
        cmocka_unit_test(an_own_change_is_told_at_its_commit_and_its_author_waits_for_the_rights),
        cmocka_unit_test(a_message_that_was_changed_from_outside_takes_a_number_and_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
