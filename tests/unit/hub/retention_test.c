/* What is removed from the store: by age, by number of a room, after a deletion; what a replay says of it;
 * in batches, and nothing more once the service drains. */
#include "fake_hub.h"
#include "hub/message/message.h"
#include "hub/retention/retention_int.h"

#define BASE                                 \
    "roomSettings: {roomDataObject: room}\n" \
    "eventSettings: {customEvents: [{name: note, ephemeral: false, direction: clientToRoom}]}\n"
#define HUB(RETENTION) BASE "hubExtensions: {limits: {keptEvents: 1000}, retention: " RETENTION "}\n"
#define TEXT(WORDS) "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"" WORDS "\"}}"

/* Deleted ones, too. */
static size_t stored(const struct fake_hub *f) { return fake_store_count(&f->store, f->hub->tables->message, false); }
static size_t kept_events(const struct fake_hub *f) {
    return fake_store_count(&f->store, f->hub->tables->event, false);
}

static void say(struct fake_client *c, const char *words) {
    char args[120];
    snprintf(args, sizeof args, TEXT("%s"), words);
    client_does(c, "hub:send", args, "\"ok\":true");
}

/* N messages of the room, as if sent at once. */
static void fill_room(struct fake_hub *f, struct fake_client *reader, const char *room, int n) {
    for (int i = 0; i < n; i++) {
        const struct hub_draft d = {.type = "text",
                                    .content = HUB_STR("{\"body\":\"x\"}"),
                                    .persist = true,
                                    .announce = true,
                                    .to = HUB_TO_ALL};
        hub_room_submit(fake_room(f, room), &d, NULL, NULL);
        if (i % 100 == 99) client_forgets(reader);
    }
    client_forgets(reader);
}

static void old_messages_go_and_numbers_stay(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{messages: 1h, everyMs: 1m}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    say(&ann, "old");
    fake_pass(f, 50 * 60 * 1000);
    say(&ann, "new");
    client_forgets(&ann);
    assert_int_equal(stored(f), 2);
    fake_pass(f, 11 * 60 * 1000);
    assert_int_equal(stored(f), 1);
    client_hears_nothing_of(&ann, "hub:messageDeleted");
    client_does(&ann, "hub:history", "{\"roomId\":\"r1\"}", "\"hasMore\":false");
    client_does(&ann, "hub:send", TEXT("third"), "\"seq\":3");
    fake_hub_free(f);
}

/* Number 1 is gone: who has seen less has missed it, who has seen it has not. */
static void a_replay_from_before_what_is_gone_does_not_claim_to_be_complete(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{messages: 1h}"));
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    say(&ann, "old");
    fake_pass(f, 59 * 60 * 1000);
    say(&ann, "new");
    client_connect(f, &bob, "bob");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":0}", "\"recovered\":true");
    fake_pass(f, 2 * 60 * 1000);
    assert_int_equal(stored(f), 1);
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":0}", "\"recovered\":false");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":1}", "\"recovered\":true");
    fake_hub_free(f);
}

/* An edit gave the old message number 3; a client that has seen 2 does not know of it. */
static void a_change_of_what_is_gone_counts_as_missed(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{messages: 1h}"));
    struct fake_client ann, bob;
    char args[200];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    const char *id = strstr(client_does(&ann, "hub:send", TEXT("old"), "\"ok\":true"), "\"id\":\"") + 6;
    snprintf(args, sizeof args, "{\"roomId\":\"r1\",\"messageId\":\"%.36s\",\"content\":{\"body\":\"edited\"}}", id);
    fake_pass(f, 50 * 60 * 1000);
    say(&ann, "new");
    client_does(&ann, "hub:edit", args, "\"ok\":true");
    fake_pass(f, 11 * 60 * 1000);
    assert_int_equal(stored(f), 1);
    client_connect(f, &bob, "bob");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":2}", "\"recovered\":false");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":3}", "\"recovered\":true");
    client_does(&ann, "hub:edit", args, "\"code\":\"not_found\"");
    fake_hub_free(f);
}

static void a_room_keeps_its_newest_messages(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{perRoom: 3, everyMs: 1s}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fill_room(f, &ann, "r1", 1203);
    size_t writes = f->store.asked[FAKE_WRITE];
    fake_pass(f, 1000);
    assert_int_equal(stored(f), 3);
    assert_int_equal(f->store.asked[FAKE_WRITE] - writes, 2 * 3); /* three batches, each with what a replay knows */
    client_forgets(&ann);
    const char *got = client_does(&ann, "hub:history", "{\"roomId\":\"r1\"}", "\"seq\":1203");
    assert_non_null(strstr(got, "\"seq\":1201"));
    say(&ann, "one more");
    fake_pass(f, 1000);
    assert_int_equal(stored(f), 3);
    size_t selects = f->store.asked[FAKE_SELECT];
    fake_pass(f, 10000); /* nothing has come: nothing is asked */
    assert_int_equal(f->store.asked[FAKE_SELECT], selects);
    fake_hub_free(f);
}

/* A room that nobody is in any more, and rooms that were too full before the process began. */
static void rooms_that_nobody_uses_are_looked_at_too(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{perRoom: 2, everyMs: 1s}"));
    struct fake_client ann;
    (void)state;
    fake_pass(f, 1000);
    client_join(f, &ann, "ann", "r1");
    fill_room(f, &ann, "r1", 10);
    client_hang_up(&ann);
    fake_pass(f, 30000); /* its presence lingers no more */
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    assert_int_equal(stored(f), 2);
    f->service->hubs[0].retention.per_room = 1;
    hub_retention_part.reloaded(f->engine);
    fake_settle(f);
    assert_int_equal(stored(f), 1);
    fake_hub_free(f);
}

/* The store is asked how many there are by the old definition, and answers under the new one. */
static void a_reload_that_keeps_more_keeps_them(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{perRoom: 2, everyMs: 1s}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fill_room(f, &ann, "r1", 10);
    fake_store_hold(&f->store, true);
    fake_pass(f, 1000);
    assert_int_equal(fake_store_waiting(&f->store), 1);
    f->service->hubs[0].retention.per_room = 5;
    hub_retention_part.reloaded(f->engine);
    fake_store_hold(&f->store, false);
    fake_pass(f, 3000);
    assert_int_equal(stored(f), 5);
    f->service->hubs[0].retention.on = false;
    hub_retention_part.reloaded(f->engine);
    fill_room(f, &ann, "r1", 10);
    fake_pass(f, 3000);
    assert_int_equal(stored(f), 15);
    fake_hub_free(f);
}

static bool asks_for_more_rooms(struct fake_hub *f) {
    const struct fake_question *q = fake_store_waiting(&f->store) ? fake_store_first(&f->store) : NULL;
    return q && q->table == fake_table(f, "room") && q->select.where_n == 1 && q->select.where[0].cmp == HUB_GT;
}

/* The store is asked for the last of all rooms, and the definition is another one when it answers: the rooms
 * before them were looked at by the old one only. */
static void a_reload_goes_through_all_rooms_from_the_first_on(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{perRoom: 2, everyMs: 1s}"));
    struct fake_client ann;
    char row[40];
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(row, sizeof row, "{\"id\":\"s%02d\"}", i);
        fake_store_add(&f->store, fake_table(f, "room"), row);
    }
    client_join(f, &ann, "ann", "r1");
    fill_room(f, &ann, "r1", 10);
    client_hang_up(&ann);
    fake_pass(f, 60000);
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    assert_int_equal(stored(f), 2);
    hub_retention_part.reloaded(f->engine);
    fake_store_hold(&f->store, true);
    for (int i = 0; i < 2000 && !asks_for_more_rooms(f); i++) {
        if (fake_store_waiting(&f->store)) fake_store_answer(&f->store);
        fake_pass(f, 1);
    }
    assert_true(asks_for_more_rooms(f));
    f->service->hubs[0].retention.per_room = 1;
    hub_retention_part.reloaded(f->engine);
    fake_store_hold(&f->store, false);
    fake_pass(f, 5000);
    assert_int_equal(stored(f), 1);
    fake_hub_free(f);
}

static void deleted_messages_go_some_time_after_their_deletion(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{softDeletedAfter: 10m, everyMs: 1s}"));
    struct fake_client ann, bob;
    char args[120];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    const char *id = strstr(client_does(&ann, "hub:send", TEXT("one"), "\"ok\":true"), "\"id\":\"") + 6;
    snprintf(args, sizeof args, "{\"roomId\":\"r1\",\"messageId\":\"%.36s\"}", id);
    fake_pass(f, 60 * 60 * 1000);
    client_does(&ann, "hub:delete", args, "\"ok\":true");
    fake_pass(f, 9 * 60 * 1000);
    client_connect(f, &bob, "bob");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":1}", "\"recovered\":true");
    assert_int_equal(stored(f), 1);
    fake_pass(f, 2 * 60 * 1000);
    assert_int_equal(stored(f), 0);
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":1}", "\"recovered\":false"); /* the deletion was 2 */
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\",\"since\":2}", "\"recovered\":true");
    fake_hub_free(f);
}

static void kept_events_go_by_their_age(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{keptEvents: 1h}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, "hub:event", "{\"roomId\":\"r1\",\"event\":\"note\",\"data\":1}", "\"ok\":true");
    fake_pass(f, 50 * 60 * 1000);
    client_does(&ann, "hub:event", "{\"roomId\":\"r1\",\"event\":\"note\",\"data\":2}", "\"ok\":true");
    assert_int_equal(kept_events(f), 2);
    fake_pass(f, 11 * 60 * 1000);
    assert_int_equal(kept_events(f), 1);
    fake_hub_free(f);
}

/* Between what is read and what is removed: an edit keeps the message until the next look. */
static void what_changes_meanwhile_is_not_removed_unseen(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{messages: 1h, everyMs: 1m}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    say(&ann, "old");
    fake_pass(f, 60 * 60 * 1000 + 30000);
    fake_store_hold(&f->store, true);
    fake_pass(f, 60000);
    fake_store_answer(&f->store); /* the rows */
    fake_settle(f);
    fake_store_answer(&f->store); /* what is known of the room */
    fake_settle(f);
    struct fake_row *row = NULL;
    HUB_LIST_EACH(&f->store.rows, it) {
        row = HUB_CONTAINER(it, struct fake_row, link);
        if (row->table == f->hub->tables->message) fake_set_cell(row, HUB_MSG_CHANGE_SEQ, hub_cell_int(2));
    }
    fake_store_hold(&f->store, false);
    fake_settle(f);
    assert_int_equal(stored(f), 1);
    fake_pass(f, 60000);
    assert_int_equal(stored(f), 0);
    fake_hub_free(f);
}

static void a_store_that_is_away_ends_the_pass_and_the_next_one_goes_on(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{messages: 1h, everyMs: 1m}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    say(&ann, "old");
    fake_pass(f, 59 * 60 * 1000);
    f->store.away = HUB_STORE_UNAVAILABLE;
    fake_pass(f, 5 * 60 * 1000);
    assert_int_equal(stored(f), 1);
    f->store.away = HUB_OK;
    fake_pass(f, 60000);
    assert_int_equal(stored(f), 0);
    fake_hub_free(f);
}

static void a_drain_ends_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{messages: 1h, everyMs: 1m}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    say(&ann, "old");
    hub_engine_drain(f->engine, 1000);
    fake_pass(f, 2 * 60 * 60 * 1000);
    assert_int_equal(stored(f), 1);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_messages_go_and_numbers_stay),
        cmocka_unit_test(a_replay_from_before_what_is_gone_does_not_claim_to_be_complete),
        cmocka_unit_test(a_change_of_what_is_gone_counts_as_missed),
        cmocka_unit_test(a_room_keeps_its_newest_messages),
        cmocka_unit_test(rooms_that_nobody_uses_are_looked_at_too),
        cmocka_unit_test(a_reload_that_keeps_more_keeps_them),
        cmocka_unit_test(a_reload_goes_through_all_rooms_from_the_first_on),
        cmocka_unit_test(deleted_messages_go_some_time_after_their_deletion),
        cmocka_unit_test(kept_events_go_by_their_age),
        cmocka_unit_test(what_changes_meanwhile_is_not_removed_unseen),
        cmocka_unit_test(a_store_that_is_away_ends_the_pass_and_the_next_one_goes_on),
        cmocka_unit_test(a_drain_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
