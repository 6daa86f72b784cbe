/* Blocks, silences and requests to speak: the row comes first, then the effect; earlier rows end with a newer
 * one; what a store does not know yet takes effect when it does. */
#include "fake_hub.h"

#define HUB                                                       \
    "roomSettings:\n"                                             \
    "  roomDataObject: room\n"                                    \
    "  authScripts:\n"                                            \
    "    - {name: mods, script: is mod, hubRole: mod}\n"          \
    "    - {name: all, script: 'true', hubRole: guest}\n"         \
    "hubRoles: [{name: guest}, {name: mod, canModerate: true}]\n" \
    "messageSettings: {messageTypes: [text]}\n"                   \
    "historySettings: {historyEnabled: false}\n"
#define R1 "{\"roomId\":\"r1\"}"
#define BOB "{\"roomId\":\"r1\",\"userId\":\"bob\"}"
#define HELLO "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}"

/* ANN moderates; BOB does not. */
static struct fake_hub *begin(struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_new(HUB);
    client_join_asked(f, ann, "ann", "true");
    client_join_asked(f, bob, "bob", "false");
    client_forgets(ann);
    client_forgets(bob);
    return f;
}
static size_t rows_in_force(const struct fake_hub *f) {
    return fake_store_count(&f->store, f->hub->tables->moderation, true);
}

static void the_row_comes_first_then_the_answer_then_the_effect(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:silence", BOB);
    client_waits_for(&ann, ack);
    client_hears_nothing_of(&bob, "hub:silenced");
    fake_store_answer(&f->store);
    client_hears_in_order(&ann, "\"ok\":true", "hub:silenced");
    client_hears(&bob, "hub:silenced");
    client_hears(&bob, "hub:permissions");
    fake_store_hold(&f->store, false);
    client_does(&bob, "hub:send", HELLO, "\"code\":\"silenced\"");
    client_does(&ann, "hub:unsilence", BOB, "\"ok\":true");
    client_hears(&bob, "hub:unsilenced");
    client_does(&bob, "hub:send", HELLO, "\"ok\":true");
    assert_int_equal(rows_in_force(f), 0);
    fake_hub_free(f);
}

static void what_was_not_stored_has_no_effect(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    uint32_t judged = fake_room(f, "r1")->judged;
    f->store.away = HUB_STORE_UNAVAILABLE;
    client_does(&ann, "hub:block", BOB, "store_unavailable");
    client_does(&ann, "hub:unblock", BOB, "store_unavailable");
    assert_int_equal(fake_room(f, "r1")->judged, judged);
    f->store.away = HUB_OK;
    client_hears_nothing_of(&bob, "hub:blocked");
    client_does(&bob, "hub:send", HELLO, "\"ok\":true");
    fake_hub_free(f);
}

static void a_write_of_which_nobody_knows_is_answered_so_and_takes_effect_when_it_is_known(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:block", BOB);
    fake_settle(f);
    fake_store_undecided(&f->store);
    client_is_answered(&ann, ack, "\"outcome\":\"unknown\"");
    client_hears_nothing_of(&bob, "hub:blocked");
    fake_store_hold(&f->store, false);
    client_hears(&bob, "hub:blocked");
    client_waits_for(&ann, ack); /* it is not answered twice */
    client_does(&bob, "hub:join", R1, "\"code\":\"blocked\"");
    fake_hub_free(f);
}

static void a_moderation_outlives_the_connection_that_asked_for_it(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    fake_store_hold(&f->store, true);
    client_says(&ann, "hub:block", "{\"roomId\":\"r1\",\"userId\":\"bob\",\"reason\":\"spam\"}");
    fake_settle(f);
    client_hang_up(&ann);
    fake_store_hold(&f->store, false);
    client_hears(&bob, "[\"hub:blocked\",{\"roomId\":\"r1\",\"reason\":\"spam\"}]");
    assert_int_equal(rows_in_force(f), 1);
    fake_hub_free(f);
}

/* One row of a user and an action stays in force, also when there were more than are looked up at a time. */
static void a_new_row_puts_those_before_it_out_of_use(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    for (int i = 0; i < 40; i++)
        fake_store_add(
            &f->store, f->hub->tables->moderation,
            "{\"roomId\":\"r1\",\"userId\":\"bob\",\"action\":\"silence\",\"moderatorId\":\"ann\",\"isActive\":true}");
    fake_store_add(
        &f->store, f->hub->tables->moderation,
        "{\"roomId\":\"r2\",\"userId\":\"bob\",\"action\":\"silence\",\"moderatorId\":\"ann\",\"isActive\":true}");
    client_does(&ann, "hub:silence", BOB, "\"ok\":true");
    assert_int_equal(rows_in_force(f), 2); /* the new one, and that of another room */
    client_does(&ann, "hub:unsilence", BOB, "\"ok\":true");
    assert_int_equal(rows_in_force(f), 1);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    fake_hub_free(f);
}

static void moderators_are_out_of_reach_of_those_who_are_no_more_than_that(void **state) {
    struct fake_client ann, bob, zoe;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    client_join_asked(f, &zoe, "zoe", "true");
    client_forgets(&zoe);
    client_does(&ann, "hub:block", "{\"roomId\":\"r1\",\"userId\":\"zoe\"}", "not_allowed");
    client_does(&ann, "hub:silence", "{\"roomId\":\"r1\",\"userId\":\"ann\"}", "not_allowed"); /* nor himself */
    client_does(&bob, "hub:block", "{\"roomId\":\"r1\",\"userId\":\"ann\"}", "not_allowed");
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->moderation, false), 0);
    fake_hub_free(f);
}

static void a_silence_for_some_seconds_ends_by_itself(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    client_does(&ann, "hub:silence", "{\"roomId\":\"r1\",\"userId\":\"bob\",\"seconds\":60}", "\"ok\":true");
    fake_pass(f, 59999);
    client_does(&bob, "hub:send", HELLO, "\"code\":\"silenced\"");
    fake_pass(f, 1);
    client_hears(&bob, "hub:unsilenced");
    client_does(&bob, "hub:send", HELLO, "\"ok\":true");
    fake_hub_free(f);
}

/* Who asks is told to moderators; who waits for an answer keeps his place. */
static void who_is_silenced_may_ask_to_speak_and_is_heard_by_moderators_only(void **state) {
    struct fake_client ann, bob, eve;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    client_join_asked(f, &eve, "eve", "false");
    client_forgets(&eve);
    client_does(&bob, "hub:requestSpeak", R1, "not_allowed"); /* he may speak */
    client_does(&ann, "hub:silence", BOB, "\"ok\":true");
    client_does(&bob, "hub:requestSpeak", R1, "\"ok\":true");
    client_hears(&ann, "[\"hub:speakRequested\",{\"roomId\":\"r1\",\"userId\":\"bob\"}]");
    client_hears_nothing_of(&eve, "hub:speakRequested");
    int64_t asked = hub_room_user(fake_room(f, "r1"), HUB_STR("bob"))->asked_to_speak;
    fake_pass(f, 10);
    client_does(&bob, "hub:requestSpeak", R1, "\"ok\":true");
    assert_int_equal(hub_room_user(fake_room(f, "r1"), HUB_STR("bob"))->asked_to_speak, asked);
    client_does(&ann, "hub:grantSpeak", BOB, "\"ok\":true");
    client_hears(&bob, "hub:speakGranted");
    client_hears_nothing_of(&eve, "hub:speakGranted");
    assert_int_equal(hub_room_user(fake_room(f, "r1"), HUB_STR("bob"))->asked_to_speak, 0);
    client_does(&bob, "hub:send", HELLO, "\"ok\":true"); /* the silence went with it */
    fake_hub_free(f);
}

/* ---- hub:block with deleteMessages ---- */

#define WIPER_OF(GUEST)                                                           \
    "roomSettings:\n"                                                             \
    "  roomDataObject: room\n"                                                    \
    "  authScripts:\n"                                                            \
    "    - {name: mods, script: is mod, hubRole: mod}\n"                          \
    "    - {name: all, script: 'true', hubRole: guest}\n"                         \
    "hubRoles: [" GUEST ", {name: mod, canModerate: true, canDeleteAny: true}]\n" \
    "messageSettings: {messageTypes: [text]}\n"                                   \
    "historySettings: {historyEnabled: false}\n"
#define WIPER WIPER_OF("{name: guest}")
#define WIPE "{\"roomId\":\"r1\",\"userId\":\"bob\",\"deleteMessages\":true}"

static struct fake_hub *begin_with(const char *hub, struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_new(hub);
    client_join_asked(f, ann, "ann", "true");
    client_join_asked(f, bob, "bob", "false");
    client_forgets(ann);
    client_forgets(bob);
    return f;
}
static size_t shown(const struct fake_hub *f) { return fake_store_count(&f->store, f->hub->tables->message, true); }

static void a_block_may_take_the_messages_along(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin_with(WIPER, &ann, &bob);
    client_does(&ann, "hub:send", HELLO, "\"seq\":1");
    for (int i = 0; i < 250; i++) {
        client_does(&bob, "hub:send", HELLO, "\"ok\":true");
        client_forgets(&ann);
        client_forgets(&bob);
        fake_pass(f, 2000); /* within the rate */
    }
    assert_int_equal(shown(f), 251);
    client_does(&ann, "hub:block", WIPE, "\"deleted\":250");
    assert_int_equal(shown(f), 1);
    client_hears(&bob, "hub:blocked");
    client_hears(&ann, "\"seq\":252}]"); /* the newest message first */
    client_hears(&ann, "\"seq\":501}]");
    client_does(&ann, "hub:block", WIPE, "\"deleted\":0");
    fake_hub_free(f);
}

static void deleting_takes_the_right_to_delete(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin(&ann, &bob);
    client_does(&bob, "hub:send", HELLO, "\"ok\":true");
    client_does(&ann, "hub:block", WIPE, "\"code\":\"not_allowed\"");
    assert_int_equal(rows_in_force(f), 0);
    client_does(&ann, "hub:block", "{\"roomId\":\"r1\",\"userId\":\"bob\",\"deleteMessages\":false}", "\"ok\":true");
    assert_int_equal(shown(f), 1);
    fake_hub_free(f);
}

/* What the user has sent is on its way to the store while he is blocked. */
static void what_is_on_its_way_is_deleted_too(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin_with(WIPER, &ann, &bob);
    fake_store_hold(&f->store, true);
    int sent = client_says(&bob, "hub:send", HELLO);
    int ack = client_says(&ann, "hub:block", WIPE);
    fake_settle(f);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"deleted\":1");
    client_is_answered(&bob, sent, "\"ok\":true");
    assert_int_equal(shown(f), 0);
    fake_hub_free(f);
}

/* At every step of it another moderator lets a message through that waits. Those with a number were looked at
 * first, and such a message stayed. */
static void what_is_approved_meanwhile_is_deleted_too(void **state) {
    struct fake_client ann, bob;
    (void)state;
    for (int step = 0; step < 12; step++) {
        struct fake_hub *f = begin_with(WIPER_OF("{name: guest, moderated: true}"), &ann, &bob);
        client_does(&ann, "hub:send", HELLO, "\"seq\":1");
        client_does(&bob, "hub:send", HELLO, "\"ok\":true");
        const char *id = strstr(client_hears(&ann, "hub:messagePending"), "\"id\":\"") + 6;
        char approve[100];
        snprintf(approve, sizeof approve, "{\"roomId\":\"r1\",\"messageId\":\"%.36s\"}", id);
        fake_store_hold(&f->store, true);
        int ack = client_says(&ann, "hub:block", WIPE);
        fake_settle(f);
        for (int i = 0; i < step && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        client_says(&ann, "hub:approve", approve);
        fake_settle(f);
        fake_store_hold(&f->store, false);
        client_is_answered(&ann, ack, "\"deleted\":1");
        fake_settle(f);
        assert_int_equal(shown(f), 1); /* ann's own */
        fake_hub_free(f);
    }
}

static void a_store_that_goes_away_in_between_leaves_it_open(void **state) {
    struct fake_client ann, bob;
    (void)state;
    struct fake_hub *f = begin_with(WIPER, &ann, &bob);
    client_does(&bob, "hub:send", HELLO, "\"ok\":true");
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:block", WIPE);
    fake_settle(f);
    fake_store_answer(&f->store); /* the block */
    fake_settle(f);
    client_hears(&bob, "hub:blocked");
    f->store.away = HUB_STORE_UNAVAILABLE;
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"outcome\":\"unknown\"");
    f->store.away = HUB_OK;
    client_does(&bob, "hub:join", R1, "\"code\":\"blocked\"");
    client_does(&ann, "hub:block", WIPE, "\"deleted\":1");
    fake_hub_free(f);
}

static void a_deletion_outlives_who_asked_for_it_but_not_a_drain(void **state) {
    struct fake_client ann, bob;
    (void)state;
    for (int drains = 0; drains < 2; drains++) {
        struct fake_hub *f = begin_with(WIPER, &ann, &bob);
        client_does(&bob, "hub:send", HELLO, "\"ok\":true");
        fake_store_hold(&f->store, true);
        client_says(&ann, "hub:block", WIPE);
        fake_settle(f);
        client_hang_up(&ann);
        if (drains) hub_engine_drain(f->engine, 1000);
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_int_equal(shown(f), drains);
        fake_hub_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_row_comes_first_then_the_answer_then_the_effect),
        cmocka_unit_test(what_was_not_stored_has_no_effect),
        cmocka_unit_test(a_write_of_which_nobody_knows_is_answered_so_and_takes_effect_when_it_is_known),
        cmocka_unit_test(a_moderation_outlives_the_connection_that_asked_for_it),
        cmocka_unit_test(a_new_row_puts_those_before_it_out_of_use),
        cmocka_unit_test(moderators_are_out_of_reach_of_those_who_are_no_more_than_that),
        cmocka_unit_test(a_silence_for_some_seconds_ends_by_itself),
        cmocka_unit_test(who_is_silenced_may_ask_to_speak_and_is_heard_by_moderators_only),
        cmocka_unit_test(a_block_may_take_the_messages_along),
        cmocka_unit_test(deleting_takes_the_right_to_delete),
        cmocka_unit_test(what_is_on_its_way_is_deleted_too),
        cmocka_unit_test(what_is_approved_meanwhile_is_deleted_too),
        cmocka_unit_test(a_store_that_goes_away_in_between_leaves_it_open),
        cmocka_unit_test(a_deletion_outlives_who_asked_for_it_but_not_a_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
