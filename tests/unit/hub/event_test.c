/* hub:event: custom events, those that are stored before they are shown, and receipts, which never move
 * back. */
#include "fake_hub.h"
#include "hub/event/event.h"

#define HUB                                                          \
    "roomSettings: {roomDataObject: room}\n"                         \
    "messageSettings: {messageTypes: [text]}\n"                      \
    "historySettings: {historyEnabled: false}\n"                     \
    "guardrails: {maxMessageSize: 1024}\n"                           \
    "eventSettings:\n"                                               \
    "  enableReadReceipts: true\n"                                   \
    "  enableDeliveryReceipts: true\n"                               \
    "  enablePresence: false\n"                                      \
    "  customEvents:\n"                                              \
    "    - {name: wave, direction: clientToRoom, ephemeral: true}\n" \
    "    - {name: pin, direction: clientToRoom, ephemeral: false}\n" \
    "    - {name: news, direction: serverToRoom, ephemeral: true}\n"
#define HELLO "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}"
#define EVENT(NAME, DATA) "{\"roomId\":\"r1\",\"event\":\"" NAME "\",\"data\":" DATA "}"

static void an_ephemeral_event_is_told_as_it_was_sent_and_not_stored(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    client_does(&ann, "hub:event", EVENT("wave", "{\"x\":[1]}"), "\"ok\":true");
    client_hears(&bob, "[\"wave\",{\"roomId\":\"r1\",\"userId\":\"ann\",\"data\":{\"x\":[1]}}]");
    client_hears(&ann, "[\"wave\"");
    client_does(&ann, "wave", "{\"roomId\":\"r1\",\"data\":1}", "\"ok\":true"); /* under its own name */
    client_hears(&bob, "\"data\":1");
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->event, false), 0);
    fake_hub_free(f);
}

static void events_that_are_none_or_not_for_clients_are_refused(void **state) {
    struct fake_client ann, bob;
    struct hub_buf large = {0};
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    client_does(&ann, "hub:event", EVENT("nothing", "1"), "unknown_event");
    client_does(&ann, "hub:event", EVENT("news", "1"), "not_allowed");
    client_does(&ann, "hub:event", EVENT("online", "1"), "feature_disabled");
    client_does(&ann, "hub:event", EVENT("pin", "\"a\\u0000\""), "invalid_content");
    hub_buf_addz(&large, "{\"roomId\":\"r1\",\"event\":\"wave\",\"data\":\"");
    for (int i = 0; i < 1023; i++) hub_buf_addc(&large, 'x');
    hub_buf_addz(&large, "\"}");
    client_does(&ann, "hub:event", hub_buf_cstr(&large), "too_large");
    client_hears_nothing_of(&bob, "[\"wave\"");
    hub_buf_free(&large);
    fake_hub_free(f);
}

static void what_is_kept_is_shown_when_the_store_has_it_and_not_before(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:event", EVENT("pin", "1"));
    client_waits_for(&ann, ack);
    client_hears_nothing_of(&bob, "[\"pin\"");
    fake_store_answer(&f->store);
    client_is_answered(&ann, ack, "\"ok\":true");
    client_hears(&bob, "[\"pin\"");
    ack = client_says(&ann, "hub:event", EVENT("pin", "2"));
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "db.example refused");
    client_is_answered(&ann, ack, "store_unavailable");
    client_hears_nothing_of(&bob, "[\"pin\"");
    ack = client_says(&ann, "hub:event", EVENT("pin", "3"));
    fake_settle(f);
    fake_store_undecided(&f->store); /* it is answered once */
    client_is_answered(&ann, ack, "\"outcome\":\"unknown\"");
    fake_store_answer(&f->store);
    client_hears_nothing_of(&bob, "[\"pin\"");
    client_waits_for(&ann, ack);
    client_says(&ann, "hub:event", EVENT("pin", "4"));
    fake_settle(f);
    client_hang_up(&ann);
    fake_store_hold(&f->store, false);
    client_hears(&bob, "\"data\":4"); /* what was stored is shown, whoever is gone */
    fake_hub_free(f);
}

struct reading {
    int done;
    enum hub_code code;
    struct hub_buf json;
};
static void on_events(void *arg, enum hub_code code, struct hub_str json) {
    struct reading *r = arg;
    r->done++;
    r->code = code;
    hub_buf_clear(&r->json);
    hub_buf_adds(&r->json, json);
}

static void events_of_a_span_come_in_the_order_of_time(void **state) {
    struct fake_client ann, bob;
    struct reading r = {0};
    (void)state;
    struct fake_hub *f = fake_hub_of_two(HUB, &ann, &bob);
    for (int i = 1; i <= 3; i++) { /* a message, then an event, a second later each */
        char event[80];
        client_does(&ann, "hub:send", HELLO, "\"ok\":true");
        fake_pass(f, 1000);
        snprintf(event, sizeof event, "{\"roomId\":\"r1\",\"event\":\"pin\",\"data\":%d}", i);
        client_does(&ann, "hub:event", event, "\"ok\":true");
        fake_pass(f, 1000);
    }
    const struct hub_span spans[] = {{0, 0}, {2, 0}, {0, 2}, {2, 3}, {0, 99}};
    const char *const wants[] = {"1 2 3 ", "2 3 ", "1 ", "2 ", "1 2 3 "};
    for (size_t i = 0; i < HUB_NELEM(spans); i++) {
        struct hub_buf got = {0};
        hub_stored_events(fake_room(f, "r1"), &spans[i], on_events, &r);
        fake_settle(f);
        json_t *all = hub_json_parse(hub_buf_str(&r.json), NULL);
        for (size_t j = 0; j < json_array_size(all); j++)
            hub_buf_addf(&got, "%d ", (int)hub_json_get_int(json_array_get(all, j), "data", 0));
        assert_string_equal(hub_buf_cstr(&got), wants[i]);
        json_decref(all);
        hub_buf_free(&got);
    }
    assert_int_equal(r.done, HUB_NELEM(spans));
    fake_store_hold(&f->store, true);
    hub_stored_events(fake_room(f, "r1"), &spans[1], on_events, &r);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    assert_int_equal(r.code, HUB_STORE_UNAVAILABLE);
    hub_buf_free(&r.json);
    fake_store_hold(&f->store, false);
    fake_hub_free(f);
}

/* ---- receipts ---- */

#define READ(POSITION) "{\"roomId\":\"r1\",\"event\":\"messageRead\",\"data\":" POSITION "}"

/* Of ANN, a second each. */
static struct fake_hub *three_messages(struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_of_two(HUB, ann, bob);
    for (int i = 0; i < 3; i++) client_does(ann, "hub:send", HELLO, "\"ok\":true"), fake_pass(f, 1000);
    return f;
}

static void a_receipt_never_moves_back(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = three_messages(&ann, &bob);
    client_does(&bob, "hub:event", READ("{\"lastReadSeq\":2}"), "\"ok\":true");
    client_hears(&ann, "\"lastReadSeq\":2");
    client_does(&bob, "hub:event", READ("{\"lastReadSeq\":1}"), "\"ok\":true");
    client_does(&bob, "hub:event", READ("{\"lastReadSeq\":2}"), "\"ok\":true");
    client_hears_nothing_of(&ann, "hub:messageRead");
    client_does(&bob, "hub:event", READ("{\"lastReadSeq\":99}"), "\"ok\":true"); /* as far as there are messages */
    client_hears(&ann, "\"lastReadSeq\":3");
    client_does(&bob, "hub:event", READ("{\"messageId\":\"nothing\"}"), "not_found");
    client_does(&bob, "hub:event", READ("{\"lastReadSeq\":-2}"), "bad_request");
    assert_int_equal(hub_receipt_of(fake_room(f, "r1"), HUB_STR("bob"), false)->read_seq, 3);
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->receipt, false), 1); /* a row for each user */
    fake_hub_free(f);
}

/* A second receipt sees the first at once; what could not be stored must be acceptable again. */
static void what_was_not_stored_is_taken_back_unless_a_later_one_has_gone_further(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = three_messages(&ann, &bob);
    const struct hub_receipt *r = hub_receipt_of(fake_room(f, "r1"), HUB_STR("bob"), true);
    fake_store_hold(&f->store, true);
    int ack = client_says(&bob, "hub:event", READ("{\"lastReadSeq\":2}"));
    fake_settle(f);
    fake_store_answer(&f->store); /* the message */
    assert_int_equal(r->read_seq, 2);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    client_is_answered(&bob, ack, "store_unavailable");
    assert_int_equal(r->read_seq, 0);
    client_hears_nothing_of(&ann, "hub:messageRead");
    int first = client_says(&bob, "hub:event", READ("{\"lastReadSeq\":2}"));
    int second = client_says(&bob, "hub:event", READ("{\"lastReadSeq\":3}"));
    fake_settle(f);
    fake_store_answer(&f->store);
    fake_store_answer(&f->store);
    assert_int_equal(r->read_seq, 3);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    assert_int_equal(r->read_seq, 3);
    fake_store_answer(&f->store);
    client_is_answered(&bob, first, "store_unavailable");
    client_is_answered(&bob, second, "\"ok\":true");
    client_hears(&ann, "\"lastReadSeq\":3");
    client_hang_up(&bob);
    fake_store_hold(&f->store, false);
    fake_hub_free(f);
}

/* The second was judged by the first, which was not stored either. */
static void when_all_of_several_were_not_stored_the_first_is_acceptable_again(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = three_messages(&ann, &bob);
    const struct hub_receipt *r = hub_receipt_of(fake_room(f, "r1"), HUB_STR("bob"), true);
    fake_store_hold(&f->store, true);
    int first = client_says(&bob, "hub:event", READ("{\"lastReadSeq\":2}"));
    int second = client_says(&bob, "hub:event", READ("{\"lastReadSeq\":3}"));
    fake_settle(f);
    for (int i = 0; i < 2; i++) fake_store_answer(&f->store);
    for (int i = 0; i < 2; i++) fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    client_is_answered(&bob, first, "store_unavailable");
    client_is_answered(&bob, second, "store_unavailable");
    assert_int_equal(r->read_seq, 0);
    fake_store_hold(&f->store, false);
    client_does(&bob, "hub:event", READ("{\"lastReadSeq\":2}"), "\"ok\":true");
    client_hears(&ann, "\"lastReadSeq\":2");
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->receipt, false), 1);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ephemeral_event_is_told_as_it_was_sent_and_not_stored),
        cmocka_unit_test(events_that_are_none_or_not_for_clients_are_refused),
        cmocka_unit_test(what_is_kept_is_shown_when_the_store_has_it_and_not_before),
        cmocka_unit_test(events_of_a_span_come_in_the_order_of_time),
        cmocka_unit_test(a_receipt_never_moves_back),
        cmocka_unit_test(what_was_not_stored_is_taken_back_unless_a_later_one_has_gone_further),
        cmocka_unit_test(when_all_of_several_were_not_stored_the_first_is_acceptable_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
