/* The inbox on an engine of fakes: what is asked of the store and when, and what is told, whatever changes in
 * between: at each single step of a page or of a telling a membership may end. */
#include "fake_hub.h"
#include "hub/inbox/inbox_int.h"

#define HUB_BY(SCRIPTS)                                                                      \
    "roomSettings:\n"                                                                        \
    "  roomDataObject: room\n"                                                               \
    "  authSources:\n"                                                                       \
    "    - {name: seat, sourceObject: seat, userField: userId, roomField: roomId}\n" SCRIPTS \
    "messageSettings: {messageTypes: [text]}\n"                                              \
    "eventSettings: {enableReadReceipts: true}\n"                                            \
    "historySettings: {historyEnabled: false}\n"                                             \
    "guardrails: {messageRateLimit: 100000}\n"                                               \
    "hubExtensions:\n"                                                                       \
    "  inbox: {enabled: true}\n"                                                             \
    "  limits: {reads: 100000, receipts: 100000, joins: 10000}\n"
#define HUB HUB_BY("")
#define HUB_WITH_GUESTS HUB_BY("  authScripts: [{name: guest, script: \"user.roleId == 'guest'\"}]\n")
#define ROOMS "hub:rooms"
#define WATCH "hub:watchInbox"
#define TOLD "hub:roomActivity"

static void sit(struct fake_hub *f, const char *user, const char *room) {
    char row[120];
    snprintf(row, sizeof row, "{\"id\":\"%s-%s\",\"userId\":\"%s\",\"roomId\":\"%s\"}", user, room, user, room);
    fake_store_add(&f->store, fake_table(f, "seat"), row);
}

/* The record goes, and rights end as an event of it makes them end. */
static void stand_up(struct fake_hub *f, const char *user, const char *room) {
    char id[40];
    snprintf(id, sizeof id, "%s-%s", user, room);
    fake_store_remove(&f->store, fake_table(f, "seat"), id);
    hub_authorize_forget(f->hub, hub_cstr(room), hub_cstr(user), NULL);
}

static void say(struct fake_client *c, const char *room, const char *body) {
    char args[160];
    snprintf(args, sizeof args, "{\"roomId\":\"%s\",\"messageType\":\"text\",\"content\":{\"body\":\"%s\"}}", room,
             body);
    client_does(c, "hub:send", args, "\"ok\":true");
}

/* Ann is in all rooms by her records, and has joined none; bob writes. */
static struct fake_hub *begin_with(const char *hub, struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_new(hub);
    char args[40];
    for (int i = 1; i <= 3; i++) {
        snprintf(args, sizeof args, "r%d", i);
        sit(f, "ann", args);
        sit(f, "bob", args);
    }
    client_connect(f, ann, "ann");
    client_connect(f, bob, "bob");
    for (int i = 1; i <= 3; i++) {
        snprintf(args, sizeof args, "{\"roomId\":\"r%d\"}", i);
        client_does(bob, "hub:join", args, "\"ok\":true");
    }
    return f;
}

static struct fake_hub *begin(struct fake_client *ann, struct fake_client *bob) { return begin_with(HUB, ann, bob); }

static size_t told_n(struct fake_client *c) {
    size_t n = 0;
    client_listen(c);
    for (const char *at = hub_buf_cstr(&c->heard); (at = strstr(at, TOLD)); at++) n++;
    client_forgets(c);
    return n;
}

/* ---- the list ---- */

static void rooms_come_by_the_newest_message(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    say(&bob, "r1", "one");
    fake_pass(f, 5);
    say(&bob, "r3", "three");
    fake_pass(f, 5);
    const char *all = client_does(&ann, ROOMS, "{}", "\"hasMore\":false");
    const char *r1 = strstr(all, "\"roomId\":\"r1\",\"room\""), *r2 = strstr(all, "\"roomId\":\"r2\",\"room\""),
               *r3 = strstr(all, "\"roomId\":\"r3\",\"room\"");
    assert_true(r3 && r1 && r2 && r3 < r1 && r1 < r2);
    assert_non_null(strstr(r2, "\"lastMessage\":null,\"unread\":0,\"seq\":0"));
    client_does(&ann, ROOMS, "{\"limit\":1}", "\"hasMore\":true");
    client_does(&ann, ROOMS, "{\"before\":\"x\"}", "bad_request");
    fake_hub_free(f);
}

/* Whatever has been read by then: what is answered may be known when it is answered. */
static void a_room_that_is_lost_while_a_page_is_read_is_not_on_it(void **state) {
    (void)state;
    for (int step = 0;; step++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin(&ann, &bob);
        say(&bob, "r1", "one");
        fake_store_hold(&f->store, true);
        int ack = client_says(&ann, ROOMS, "{}");
        fake_settle(f);
        for (int i = 0; i < step && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        bool over = !fake_store_waiting(&f->store);
        if (!over) stand_up(f, "ann", "r1");
        fake_store_hold(&f->store, false);
        const char *all = client_is_answered(&ann, ack, "\"ok\":true");
        bool has = strstr(all, "\"roomId\":\"r1\",\"room\"") != NULL;
        if (has != over) fail_msg("after %d answers of the store: %s", step, all);
        fake_hub_free(f);
        if (over && step > 10) return;
    }
}

static void who_hangs_up_while_a_page_is_read_leaves_nothing(void **state) {
    (void)state;
    for (int step = 0; step < 30; step++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin(&ann, &bob);
        fake_store_hold(&f->store, true);
        client_says(&ann, step % 2 ? ROOMS : WATCH, "{}");
        fake_settle(f);
        for (int i = 0; i < step / 2 && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        client_hang_up(&ann);
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_int_equal(hub_inbox_of(f->engine)->entry_n, 0);
        fake_hub_free(f);
    }
}

/* ---- watching ---- */

static void a_change_is_told_at_once_and_the_next_ones_when_a_second_has_passed(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    say(&bob, "r1", "one");
    client_hears(&ann, "\"unread\":1");
    for (int i = 0; i < 5; i++) say(&bob, "r1", "more");
    say(&bob, "r2", "other");
    client_hears(&ann, "\"roomId\":\"r2\"");
    fake_pass(f, 999);
    assert_int_equal(told_n(&ann), 0);
    fake_pass(f, 1);
    client_hears(&ann, "\"unread\":6");
    fake_pass(f, 5000);
    assert_int_equal(told_n(&ann), 0);
    fake_hub_free(f);
}

static void nothing_is_asked_about_rooms_that_nobody_watches(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    size_t selects = f->store.asked[FAKE_SELECT], writes = f->store.asked[FAKE_WRITE];
    for (int i = 0; i < 10; i++) say(&bob, "r1", "one");
    fake_pass(f, 5000);
    assert_int_equal(f->store.asked[FAKE_SELECT], selects);
    assert_int_equal(f->store.asked[FAKE_WRITE], writes + 10);
    assert_null(fake_room(f, "r1")->changed);
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    assert_non_null(fake_room(f, "r1")->changed);
    client_hang_up(&ann);
    fake_settle(f);
    assert_null(fake_room(f, "r1")->changed);
    fake_hub_free(f);
}

static void what_comes_during_a_look_is_told_behind_it(void **state) {
    (void)state;
    for (int step = 0; step < 12; step++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin(&ann, &bob);
        client_does(&ann, WATCH, "{}", "\"ok\":true");
        say(&bob, "r1", "one");
        fake_pass(f, 2000);
        client_forgets(&ann);
        say(&bob, "r1", "two");
        fake_store_hold(&f->store, true);
        for (int i = 0; i < step && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        client_emits(&bob, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"three\"}}");
        fake_settle(f);
        fake_store_hold(&f->store, false);
        fake_pass(f, 1000);
        client_listen(&ann);
        const char *last = strrchr(hub_buf_cstr(&ann.heard), '[');
        while (last > ann.heard.p && strncmp(last, "[\"" TOLD, sizeof TOLD + 1) != 0) last--;
        assert_non_null(strstr(last, "\"unread\":3"));
        fake_hub_free(f);
    }
}

/* At every step between a message and its being told. */
/* Several of the steps read one after the other: two unread were told with the first of them as the last. */
static void what_comes_during_a_look_counts_with_the_message_that_is_shown(void **state) {
    bool over = false;
    (void)state;
    for (int step = 0; !over; step++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin(&ann, &bob);
        client_does(&ann, WATCH, "{}", "\"ok\":true");
        client_forgets(&ann);
        fake_store_hold(&f->store, true);
        client_says(&bob, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"one\"}}");
        fake_settle(f);
        for (int i = 0; i < step && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        over = !fake_store_waiting(&f->store);
        fake_store_add(
            &f->store, f->hub->tables->message,
            "{\"id\":\"m2\",\"roomId\":\"r1\",\"senderId\":\"bob\",\"messageType\":\"text\",\"content\":{\"body\":"
            "\"two\"},\"timestamp\":\"2030-01-01T00:00:00.000Z\",\"status\":\"approved\",\"seq\":2,\"changeSeq\":2}");
        fake_store_hold(&f->store, false);
        const char *told = client_hears(&ann, TOLD);
        if (!strstr(told, strstr(told, "\"two\"") ? "\"unread\":2" : "\"unread\":1"))
            fail_msg("step %d: %s", step, told);
        fake_hub_free(f);
    }
}

static void a_membership_that_ends_ends_what_is_told_at_once(void **state) {
    (void)state;
    for (int step = 0; step < 20; step++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin(&ann, &bob);
        client_does(&ann, WATCH, "{}", "\"ok\":true");
        fake_store_hold(&f->store, true);
        client_emits(&bob, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"one\"}}");
        fake_settle(f);
        for (int i = 0; i < step && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        size_t before = told_n(&ann);
        stand_up(f, "ann", "r1");
        fake_store_hold(&f->store, false);
        fake_pass(f, 3000);
        assert_int_equal(told_n(&ann), 0);
        say(&bob, "r1", "two");
        fake_pass(f, 3000);
        assert_int_equal(told_n(&ann), 0);
        assert_true(before <= 1);
        assert_int_equal(hub_inbox_of(f->engine)->entry_n, 2);
        fake_hub_free(f);
    }
}

/* Also while all rooms are being listed. */
static void a_membership_that_begins_is_a_room_from_then_on(void **state) {
    (void)state;
    for (int step = 0; step < 4; step++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin(&ann, &bob);
        fake_store_remove(&f->store, fake_table(f, "seat"), "ann-r3");
        fake_store_hold(&f->store, true);
        int ack = client_says(&ann, WATCH, "{}");
        fake_settle(f);
        for (int i = 0; i < step && fake_store_waiting(&f->store); i++) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        sit(f, "ann", "r3");
        hub_authorize_forget(f->hub, HUB_STR("r3"), HUB_STR("ann"), NULL);
        fake_store_hold(&f->store, false);
        client_is_answered(&ann, ack, "\"ok\":true");
        fake_pass(f, 2000);
        client_forgets(&ann);
        say(&bob, "r3", "welcome");
        client_hears(&ann, "\"roomId\":\"r3\"");
        fake_hub_free(f);
    }
}

/* It was listed by one source already when it became a room by that, and the next source is asked. */
static void a_membership_that_begins_behind_the_listing_of_its_source_is_found(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f =
        begin_with(HUB_BY("    - {name: own, sourceObject: room, userField: title, roomField: id}\n"), &ann, &bob);
    (void)state;
    fake_store_remove(&f->store, fake_table(f, "seat"), "ann-r3");
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, WATCH, "{}");
    fake_settle(f);
    fake_store_answer(&f->store); /* her seats */
    fake_settle(f);
    client_waits_for(&ann, ack);
    sit(f, "ann", "r3");
    hub_authorize_forget(f->hub, HUB_STR("r3"), HUB_STR("ann"), NULL);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"ok\":true");
    say(&bob, "r3", "welcome");
    client_hears(&ann, "\"roomId\":\"r3\"");
    fake_hub_free(f);
}

static void many_changes_of_rights_are_one_listing(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    size_t selects = f->store.asked[FAKE_SELECT];
    fake_store_hold(&f->store, true);
    for (int i = 0; i < 5000; i++) hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("ann"), NULL);
    fake_store_hold(&f->store, false);
    fake_pass(f, 10);
    assert_true(f->store.asked[FAKE_SELECT] - selects < 20);
    fake_hub_free(f);
}

static void a_store_that_is_away_is_asked_again(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    fake_store_hold(&f->store, true);
    client_emits(&bob, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"one\"}}");
    fake_settle(f);
    fake_store_answer(&f->store); /* it is stored, and told */
    fake_settle(f);
    f->store.away = HUB_STORE_UNAVAILABLE;
    fake_store_hold(&f->store, false);
    hub_authorize_forget(f->hub, HUB_STR("r2"), HUB_STR("ann"), NULL);
    fake_pass(f, 3500);
    assert_int_equal(told_n(&ann), 0);
    client_does(&ann, ROOMS, "{}", "store_unavailable");
    f->store.away = HUB_OK;
    fake_pass(f, 1000);
    client_hears(&ann, "\"unread\":1");
    fake_hub_free(f);
}

static void a_watch_that_cannot_begin_is_refused_and_may_be_asked_for_again(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    f->store.away = HUB_STORE_UNAVAILABLE;
    client_does(&ann, WATCH, "{}", "store_unavailable");
    f->store.away = HUB_OK;
    assert_int_equal(hub_inbox_of(f->engine)->watcher_n, 0);
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    assert_int_equal(hub_inbox_of(f->engine)->watcher_n, 1);
    hub_engine_drain(f->engine, 100);
    client_does(&bob, WATCH, "{}", "shutting_down");
    fake_hub_free(f);
}

static void only_so_many_connections_of_a_user_watch(void **state) {
    struct fake_client ann, bob, more[HUB_INBOX_WATCHERS_MAX];
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    for (int i = 0; i < HUB_INBOX_WATCHERS_MAX; i++) {
        client_connect(f, &more[i], "ann");
        client_does(&more[i], WATCH, "{}", i + 1 < HUB_INBOX_WATCHERS_MAX ? "\"ok\":true" : "inbox.watchers");
    }
    client_does(&ann, WATCH, "{}", "\"ok\":true"); /* it is one of them */
    assert_int_equal(hub_inbox_of(f->engine)->entry_n, 3);
    client_hang_up(&ann);
    client_does(&more[HUB_INBOX_WATCHERS_MAX - 1], WATCH, "{}", "\"ok\":true");
    fake_hub_free(f);
}

static void what_is_for_others_is_not_even_looked_at(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = begin(&ann, &bob);
    (void)state;
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    struct hub_room *room = fake_room(f, "r1");
    json_t *ids = json_pack("[s]", "cid");
    const struct hub_target some = {.to = HUB_TO_IDS, .ids = ids},
                            sender = {.to = HUB_TO_SENDER, .sender = HUB_STR("ann")};
    size_t selects = f->store.asked[FAKE_SELECT];
    room->changed(room, &some);
    fake_pass(f, 2000);
    assert_int_equal(f->store.asked[FAKE_SELECT], selects);
    room->changed(room, &sender);
    fake_pass(f, 2000);
    assert_true(f->store.asked[FAKE_SELECT] > selects);
    json_decref(ids);
    fake_hub_free(f);
}

/* The number of a message that was told before it was stored comes in an event of its own. */
static void a_message_that_was_told_before_it_was_stored_counts_once_it_is(void **state) {
    (void)state;
    for (int somebody_came = 0; somebody_came < 2; somebody_came++) {
        struct fake_client ann, bob;
        struct fake_hub *f = begin_with(HUB "  delivery: broadcastThenPersist\n", &ann, &bob);
        client_does(&ann, WATCH, "{}", "\"ok\":true");
        fake_store_hold(&f->store, true);
        client_emits(&bob, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"one\"}}");
        client_hears(&bob, "\"provisional\":true");
        assert_int_equal(told_n(&ann), 0);
        fake_room(f, "r1")->places += (uint32_t)somebody_came;
        fake_store_hold(&f->store, false);
        client_hears(&ann, "\"unread\":1");
        fake_hub_free(f);
    }
}

static void connections_of_several_sessions_are_judged_by_their_own(void **state) {
    struct fake_client ann, guest, bob;
    struct fake_hub *f = begin_with(HUB_WITH_GUESTS, &ann, &bob);
    (void)state;
    client_connect(f, &guest, "ann:guest");
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    client_does(&guest, WATCH, "{}", "\"ok\":true");
    fake_store_remove(&f->store, fake_table(f, "seat"), "ann-r1"); /* nobody has heard of it: scripts decide */
    say(&bob, "r1", "one");
    fake_settle(f);
    size_t asked = 0;
    while (fake_scripts_waiting(&f->scripts)) {
        fake_script_end(&f->scripts, HUB_OK, asked++ ? "false" : "true");
        fake_settle(f);
    }
    assert_int_equal(asked, 2);
    assert_int_equal(told_n(&ann) + told_n(&guest), 1);
    fake_hub_free(f);
}

/* Whether the second of two sessions may know could not be found out. */
static void a_session_that_could_not_be_judged_is_told_later(void **state) {
    struct fake_client ann, guest, bob;
    struct fake_hub *f = begin_with(HUB_WITH_GUESTS, &ann, &bob);
    (void)state;
    client_connect(f, &guest, "ann:guest");
    client_does(&ann, WATCH, "{}", "\"ok\":true");
    client_does(&guest, WATCH, "{}", "\"ok\":true");
    fake_store_remove(&f->store, fake_table(f, "seat"), "ann-r1"); /* scripts decide */
    say(&bob, "r1", "one");
    fake_settle(f);
    fake_store_hold(&f->store, true);
    fake_script_end(&f->scripts, HUB_OK, "true");
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    fake_store_hold(&f->store, false);
    fake_settle(f);
    assert_int_equal(told_n(&ann), 1);
    assert_int_equal(told_n(&guest), 0);
    fake_pass(f, 1000);
    while (fake_scripts_waiting(&f->scripts)) {
        fake_script_end(&f->scripts, HUB_OK, "true");
        fake_settle(f);
    }
    assert_int_equal(told_n(&guest), 1);
    fake_hub_free(f);
}

/* The watch pointed at a connection that was freed. */
static void a_watch_is_none_when_its_connection_closes_before_it_is_counted(void **state) {
    struct fake_hub *f = fake_hub_new_on(HUB, true);
    struct fake_client ann;
    (void)state;
    hub_engine_start(f->engine);
    sit(f, "ann", "r1");
    client_connect(f, &ann, "ann");
    f->cache.held = true;
    client_says(&ann, WATCH, "{}");
    fake_settle(f);
    assert_false(hub_list_empty(&f->cache.kept));
    client_hang_up(&ann);
    f->cache.held = false;
    while (!hub_list_empty(&f->cache.kept)) fake_cache_answer(&f->cache);
    fake_settle(f);
    assert_int_equal(hub_inbox_of(f->engine)->watcher_n, 0);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rooms_come_by_the_newest_message),
        cmocka_unit_test(a_room_that_is_lost_while_a_page_is_read_is_not_on_it),
        cmocka_unit_test(who_hangs_up_while_a_page_is_read_leaves_nothing),
        cmocka_unit_test(a_change_is_told_at_once_and_the_next_ones_when_a_second_has_passed),
        cmocka_unit_test(nothing_is_asked_about_rooms_that_nobody_watches),
        cmocka_unit_test(what_comes_during_a_look_is_told_behind_it),
        cmocka_unit_test(what_comes_during_a_look_counts_with_the_message_that_is_shown),
        cmocka_unit_test(a_membership_that_ends_ends_what_is_told_at_once),
        cmocka_unit_test(a_membership_that_begins_is_a_room_from_then_on),
        cmocka_unit_test(a_membership_that_begins_behind_the_listing_of_its_source_is_found),
        cmocka_unit_test(many_changes_of_rights_are_one_listing),
        cmocka_unit_test(a_store_that_is_away_is_asked_again),
        cmocka_unit_test(a_watch_that_cannot_begin_is_refused_and_may_be_asked_for_again),
        cmocka_unit_test(only_so_many_connections_of_a_user_watch),
        cmocka_unit_test(what_is_for_others_is_not_even_looked_at),
        cmocka_unit_test(a_message_that_was_told_before_it_was_stored_counts_once_it_is),
        cmocka_unit_test(connections_of_several_sessions_are_judged_by_their_own),
        cmocka_unit_test(a_session_that_could_not_be_judged_is_told_later),
        cmocka_unit_test(a_watch_is_none_when_its_connection_closes_before_it_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
