/* Who may enter: the layers in their order, what the cache remembers and for how long, changes that
 * overtake a decision, and calls that have waited. */
#include "fake_hub.h"

#define HUB                                                                                           \
    "roomSettings:\n"                                                                                 \
    "  roomDataObject: room\n"                                                                        \
    "  roomEligibility: is eligible\n"                                                                \
    "  absoluteRoles: [root]\n"                                                                       \
    "  checkRoles: [root, user]\n"                                                                    \
    "  checkScript: is checked\n"                                                                     \
    "  authSources:\n"                                                                                \
    "    - {name: seats, sourceObject: seat, userField: userId, roomField: roomId, hubRole: guest}\n" \
    "  authScripts:\n"                                                                                \
    "    - {name: first, script: is first, hubRole: guest}\n"                                         \
    "    - {name: second, script: is second, hubRole: host}\n"                                        \
    "hubRoles: [{name: guest}, {name: host, canManageRoom: true}]\n"                                  \
    "messageSettings: {messageTypes: [text]}\n"                                                       \
    "guardrails: {authCacheTTL: 300}\n"

/* The same without scripts, so that a decision has only the store to wait for. */
#define SEATS                                                                                         \
    "roomSettings:\n"                                                                                 \
    "  roomDataObject: room\n"                                                                        \
    "  authSources:\n"                                                                                \
    "    - {name: seats, sourceObject: seat, userField: userId, roomField: roomId, hubRole: guest}\n" \
    "hubRoles: [{name: guest}]\n"                                                                     \
    "messageSettings: {messageTypes: [text]}\n"                                                       \
    "guardrails: {authCacheTTL: 300}\n"

struct decision {
    int done;
    enum hub_code code;
    char role[16], layer[64];
};

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                       struct hub_room *room) {
    struct decision *d = arg;
    d->done++;
    d->code = code;
    snprintf(d->layer, sizeof d->layer, "%s", layer);
    snprintf(d->role, sizeof d->role, "%s", code ? "" : hub_rights_name(rights) ? hub_rights_name(rights) : "none");
    if (!code) assert_non_null(room->record);
}

static void decide(struct fake_hub *f, struct decision *d, const char *who, const char *room, bool skip_cache) {
    struct hub_identity *identity = fake_who(f, who);
    *d = (struct decision){0};
    hub_authorize(f->hub, identity, hub_cstr(room), skip_cache, on_decided, d);
    hub_identity_unref(identity);
    fake_settle(f);
}

/* The script that is asked now is SCRIPT's, and says RESULT. */
static void script_says(struct fake_hub *f, const char *script, const char *result) {
    fake_settle(f);
    const struct hub_script *s = fake_script_first(&f->scripts)->script;
    if (!hub_str_is(s->text, script)) fail_msg("%.*s is asked", HUB_FMT(s->text));
    fake_script_end(&f->scripts, result ? HUB_OK : HUB_HANDLER_FAILED, result);
    fake_settle(f);
}

static void expect(const struct decision *d, enum hub_code code, const char *role, const char *layer) {
    assert_int_equal(d->done, 1);
    assert_string_equal(hub_code_name(d->code), hub_code_name(code));
    assert_string_equal(d->role, role);
    assert_string_equal(d->layer, layer);
}

/* Nothing has to be waited for. */
static void is_decided(struct fake_hub *f, const char *who, enum hub_code code, const char *role, const char *layer) {
    struct decision d;
    decide(f, &d, who, "r1", false);
    expect(&d, code, role, layer);
}

/* Answers what the store is asked until a row of TABLE is what is wanted next. */
static void answer_until(struct fake_hub *f, const struct hub_table *table) {
    fake_settle(f);
    while (fake_store_first(&f->store)->table != table) {
        fake_store_answer(&f->store);
        fake_settle(f);
    }
}

static void add_seat(struct fake_hub *f, const char *id, const char *user) {
    char row[100];
    snprintf(row, sizeof row, "{\"id\":\"%s\",\"userId\":\"%s\",\"roomId\":\"r1\"}", id, user);
    fake_store_add(&f->store, fake_table(f, "seat"), row);
}

static void the_first_layer_that_refuses_or_admits_ends_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct decision d;
    (void)state;
    add_seat(f, "s1", "ann");
    decide(f, &d, "ann:user", "r9", false);
    expect(&d, HUB_ROOM_NOT_FOUND, "", "room");
    decide(f, &d, "ann:user", "r1", false);
    script_says(f, "is eligible", "false");
    expect(&d, HUB_ROOM_NOT_ELIGIBLE, "", "roomEligibility");
    decide(f, &d, "zoe:root", "r1", false);
    script_says(f, "is eligible", "true");
    expect(&d, HUB_OK, "system", "absoluteRoles");
    decide(f, &d, "ann:stranger", "r1", false);
    script_says(f, "is eligible", "true");
    expect(&d, HUB_ROLE_REQUIRED, "", "checkRoles");
    decide(f, &d, "ann:user", "r1", false);
    script_says(f, "is eligible", "1");
    script_says(f, "is checked", NULL); /* a script that fails refuses */
    expect(&d, HUB_CHECK_FAILED, "", "checkScript");
    decide(f, &d, "ann:user", "r1", false);
    script_says(f, "is eligible", "true");
    script_says(f, "is checked", "\"yes\"");
    expect(&d, HUB_OK, "guest", "authSources.seats");
    decide(f, &d, "bob:user", "r1", false);
    script_says(f, "is eligible", "true");
    script_says(f, "is checked", "true");
    script_says(f, "is first", NULL); /* one that fails is not this one */
    script_says(f, "is second", "true");
    expect(&d, HUB_OK, "host", "authScripts.second");
    decide(f, &d, "eve:user", "r1", false);
    script_says(f, "is eligible", "true");
    script_says(f, "is checked", "true");
    script_says(f, "is first", "0");
    script_says(f, "is second", "null");
    expect(&d, HUB_NOT_AUTHORIZED, "", "authScripts");
    assert_int_equal(hub_map_len(&f->hub->rooms), 0); /* nobody holds a room that nobody entered */
    fake_hub_free(f);
}

/* It never gets as far as a script, and not as far as the cache. */
static void who_is_blocked_is_refused_even_with_an_absolute_role(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct decision d;
    (void)state;
    fake_store_add(
        &f->store, f->hub->tables->moderation,
        "{\"roomId\":\"r1\",\"userId\":\"zoe\",\"action\":\"block\",\"moderatorId\":\"ann\",\"isActive\":true}");
    fake_store_add(
        &f->store, f->hub->tables->moderation,
        "{\"roomId\":\"r1\",\"userId\":\"eve\",\"action\":\"block\",\"moderatorId\":\"ann\",\"isActive\":true,"
        "\"expiresAt\":\"2025-12-31T23:59:59Z\"}");
    decide(f, &d, "zoe:root", "r1", false);
    script_says(f, "is eligible", "true");
    expect(&d, HUB_BLOCKED, "", "blocked");
    decide(f, &d, "eve:root", "r1", false); /* that has ended */
    script_says(f, "is eligible", "true");
    expect(&d, HUB_OK, "system", "absoluteRoles");
    fake_hub_free(f);
}

static void a_store_that_is_away_refuses_with_its_own_code_and_is_asked_anew(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision d;
    (void)state;
    add_seat(f, "s1", "ann");
    f->store.away = HUB_STORE_UNAVAILABLE;
    is_decided(f, "ann", HUB_STORE_UNAVAILABLE, "", "room");
    f->store.away = HUB_OK;
    fake_store_hold(&f->store, true);
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1")); /* somebody waits with him */
    decide(f, &d, "ann", "r1", false);
    fake_store_answer(&f->store);                              /* the record */
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away"); /* the counter */
    expect(&d, HUB_STORE_UNAVAILABLE, "", "store");
    assert_int_equal(room->state, HUB_ROOM_NEW);
    hub_room_unref(room);
    decide(f, &d, "ann", "r1", false);
    answer_until(f, fake_table(f, "seat"));
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away"); /* which does not say that he has none */
    expect(&d, HUB_STORE_UNAVAILABLE, "", "authSources");
    fake_store_hold(&f->store, false);
    is_decided(f, "ann", HUB_OK, "guest", "authSources.seats");
    fake_hub_free(f);
}

static void a_room_is_loaded_once_for_all_who_wait(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision ann, bob;
    (void)state;
    add_seat(f, "s1", "ann");
    add_seat(f, "s2", "bob");
    fake_store_hold(&f->store, true);
    decide(f, &ann, "ann", "r1", false);
    decide(f, &bob, "bob", "r1", false);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    expect(&ann, HUB_OK, "guest", "authSources.seats");
    expect(&bob, HUB_OK, "guest", "authSources.seats");
    assert_int_equal(f->store.asked[FAKE_COUNTER], 1);
    fake_hub_free(f);
}

/* Without a turn of the loop in between. */
static void ask(struct fake_hub *f, struct decision *d, const char *who, const char *room) {
    struct hub_identity *identity = fake_who(f, who);
    *d = (struct decision){0};
    hub_authorize(f->hub, identity, hub_cstr(room), false, on_decided, d);
    hub_identity_unref(identity);
}

static void who_asks_in_the_same_turn_shares_one_reading_of_the_row(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    const char *const who[] = {"ann", "bob", "zoe", "eve"};
    struct decision d[5];
    (void)state;
    add_seat(f, "s1", "ann");
    add_seat(f, "s2", "zoe");
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1")); /* stays loaded */
    fake_store_hold(&f->store, true);
    for (int i = 0; i < 4; i++) ask(f, &d[i], who[i], "r1");
    ask(f, &d[4], "ann", "r2");
    assert_int_equal(f->store.asked[FAKE_SELECT], 2); /* the first of each room does not wait */
    fake_settle(f);
    assert_int_equal(f->store.asked[FAKE_SELECT], 3);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    expect(&d[0], HUB_OK, "guest", "authSources.seats");
    expect(&d[1], HUB_NOT_AUTHORIZED, "", "authScripts");
    expect(&d[2], HUB_OK, "guest", "authSources.seats");
    expect(&d[3], HUB_NOT_AUTHORIZED, "", "authScripts");
    expect(&d[4], HUB_NOT_AUTHORIZED, "", "authScripts");
    size_t asked = f->store.asked[FAKE_SELECT];
    is_decided(f, "ann", HUB_OK, "guest", "cache"); /* in another turn it is read anew */
    assert_int_equal(f->store.asked[FAKE_SELECT], asked + 1);
    hub_room_unref(room);
    fake_hub_free(f);
}

/* A reading that had begun before is none for who asks now. */
static void who_shares_a_reading_sees_the_row_as_it_is_after_his_question(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision ann, bob, zoe;
    (void)state;
    add_seat(f, "s1", "ann");
    add_seat(f, "s2", "bob");
    fake_store_hold(&f->store, true);
    ask(f, &ann, "ann", "r1");
    fake_store_answer(&f->store); /* she has the row */
    ask(f, &bob, "bob", "r1");
    fake_store_remove(&f->store, fake_table(f, "room"), "r1");
    ask(f, &zoe, "zoe", "r1");
    fake_store_hold(&f->store, false);
    fake_settle(f);
    expect(&ann, HUB_OK, "guest", "authSources.seats");
    expect(&bob, HUB_ROOM_NOT_FOUND, "", "room");
    expect(&zoe, HUB_ROOM_NOT_FOUND, "", "room");
    fake_hub_free(f);
}

static void a_shared_reading_that_fails_refuses_all_who_share_it(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision ann, bob, zoe;
    (void)state;
    add_seat(f, "s1", "ann");
    fake_store_hold(&f->store, true);
    ask(f, &ann, "ann", "r1");
    ask(f, &bob, "bob", "r1");
    ask(f, &zoe, "zoe", "r1");
    fake_settle(f);
    fake_store_answer(&f->store); /* hers */
    fake_settle(f);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    expect(&bob, HUB_STORE_UNAVAILABLE, "", "room");
    expect(&zoe, HUB_STORE_UNAVAILABLE, "", "room");
    fake_store_hold(&f->store, false);
    fake_settle(f);
    expect(&ann, HUB_OK, "guest", "authSources.seats");
    fake_hub_free(f);
}

/* ---- the cache ---- */

static void what_was_decided_is_remembered_until_it_is_forgotten(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision d;
    (void)state;
    add_seat(f, "s1", "ann");
    is_decided(f, "ann", HUB_OK, "guest", "authSources.seats");
    is_decided(f, "ann", HUB_OK, "guest", "cache");
    decide(f, &d, "ann", "r1", true); /* who wants to know anew */
    expect(&d, HUB_OK, "guest", "authSources.seats");
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("bob"), NULL);
    hub_authorize_forget(f->hub, HUB_STR("r2"), HUB_STR(""), NULL);
    is_decided(f, "ann", HUB_OK, "guest", "cache"); /* these were of others */
    hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("ann"), NULL);
    is_decided(f, "ann", HUB_NOT_AUTHORIZED, "", "authScripts");
    add_seat(f, "s1", "ann");
    is_decided(f, "ann", HUB_OK, "guest", "authSources.seats"); /* a refusal is not remembered */
    hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR(""), NULL);
    is_decided(f, "ann", HUB_OK, "guest", "authSources.seats");
    hub_authorize_forget(f->hub, HUB_STR(""), HUB_STR(""), NULL);
    is_decided(f, "ann", HUB_OK, "guest", "authSources.seats");
    fake_hub_free(f);
}

static void what_a_script_decided_counts_for_that_session(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings:\n"
                                      "  roomDataObject: room\n"
                                      "  authScripts: [{name: any, script: is any, hubRole: guest}]\n"
                                      "hubRoles: [{name: guest}]\n"
                                      "messageSettings: {messageTypes: [text]}\n");
    struct decision d;
    (void)state;
    decide(f, &d, "ann:user", "r1", false);
    script_says(f, "is any", "true");
    is_decided(f, "ann:user", HUB_OK, "guest", "cache");
    decide(f, &d, "ann:other", "r1", false);
    assert_int_equal(d.done, 0);
    script_says(f, "is any", "false");
    expect(&d, HUB_NOT_AUTHORIZED, "", "authScripts");
    fake_hub_free(f);
}

struct waiter {
    struct hub_work work;
    int done;
};
static void on_waited(struct hub_work *w) { HUB_CONTAINER(w, struct waiter, work)->done++; }

static void who_forgets_may_wait_until_the_cache_knows(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct waiter w = {.work.done = on_waited};
    (void)state;
    f->cache.held = true;
    hub_work_hold(&w.work);
    hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR(""), &w.work);
    hub_work_release(&w.work);
    assert_int_equal(w.done, 0);
    assert_int_equal(hub_engine_pending(f->engine), 1);
    fake_cache_answer(&f->cache);
    assert_int_equal(w.done, 1);
    fake_hub_free(f);
}

/* What the cache did not hear of must not count when it comes back: it forgets everything first. */
static void a_cache_that_missed_something_is_not_asked_until_it_has_forgotten_everything(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision d;
    (void)state;
    add_seat(f, "s1", "ann");
    decide(f, &d, "ann", "r1", false);
    f->cache.away = true;
    hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("ann"), NULL);
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    is_decided(f, "ann", HUB_NOT_AUTHORIZED, "", "authScripts");
    f->cache.away = false;
    f->cache.held = true; /* it is back, and takes its time to forget */
    size_t asked = f->cache.gets;
    is_decided(f, "ann", HUB_NOT_AUTHORIZED, "", "authScripts");
    assert_int_equal(f->cache.gets, asked);
    fake_cache_answer(&f->cache);
    f->cache.held = false;
    is_decided(f, "ann", HUB_NOT_AUTHORIZED, "", "authScripts"); /* what it held of before is no more */
    assert_int_equal(f->cache.gets > asked, true);
    fake_hub_free(f);
}

/* ---- changes that overtake it ---- */

static void a_decision_that_rests_on_something_forgotten_meanwhile_starts_over(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision d;
    (void)state;
    add_seat(f, "s1", "ann");
    fake_store_hold(&f->store, true);
    decide(f, &d, "ann", "r1", false);
    answer_until(f, fake_table(f, "seat"));
    fake_store_answer(&f->store); /* it has the row in hand… */
    assert_int_equal(d.done, 1);
    decide(f, &d, "ann", "r1", true);
    answer_until(f, fake_table(f, "seat"));
    hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("ann"), NULL);
    fake_store_answer(&f->store);
    assert_int_equal(d.done, 0); /* …which need not be so any more */
    fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
    fake_store_hold(&f->store, false);
    fake_settle(f);
    expect(&d, HUB_NOT_AUTHORIZED, "", "authScripts");
    fake_hub_free(f);
}

static void one_that_is_overtaken_again_and_again_gives_up(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision d;
    int rounds = 0;
    (void)state;
    add_seat(f, "s1", "ann");
    fake_store_hold(&f->store, true);
    decide(f, &d, "ann", "r1", true);
    while (!d.done && ++rounds < 100) {
        answer_until(f, fake_table(f, "seat"));
        hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("ann"), NULL);
        fake_store_answer(&f->store);
        fake_settle(f);
    }
    expect(&d, HUB_OVERLOADED, "", "authSources.seats");
    assert_int_equal(rounds, 20);
    fake_store_hold(&f->store, false);
    fake_hub_free(f);
}

static void who_is_blocked_while_it_is_decided_does_not_get_in(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct decision d;
    (void)state;
    add_seat(f, "s1", "ann");
    fake_store_hold(&f->store, true);
    decide(f, &d, "ann", "r1", false);
    answer_until(f, fake_table(f, "seat"));
    hub_room_moderated(fake_room(f, "r1"), HUB_STR("ann"), true)->blocked_until = INT64_MAX;
    fake_store_hold(&f->store, false);
    fake_settle(f);
    expect(&d, HUB_BLOCKED, "", "authSources.seats");
    fake_hub_free(f);
}

/* What there was to see of the room when a write of its row was answered. */
struct written {
    const struct hub_room *room;
    enum hub_code code, ended;
    char title[8];
};
static void on_object(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct written *w = arg;
    (void)result, (void)error;
    w->code = code;
    w->ended = w->room->ended;
    snprintf(w->title, sizeof w->title, "%s", json_string_value(json_object_get(w->room->record, "title")));
}

/* An own write of the room's row is known at its commit. */
static void rooms_in_use_have_the_new_row_at_once_and_end_with_it(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS);
    struct fake_client ann;
    (void)state;
    add_seat(f, "s1", "ann");
    client_join(f, &ann, "ann", "r1");
    struct hub_room *room = hub_room_ref(fake_room(f, "r1"));
    struct written w = {room, HUB_INTERNAL, HUB_INTERNAL, ""};
    json_t *id = json_string("r1"), *changes = json_pack("{s:s}", "title", "new");
    uint32_t judged = room->judged;
    hub_object_update(&f->engine->data, fake_table(f, "room"), id, changes, false, on_object, &w);
    fake_settle(f);
    assert_int_equal(w.code, HUB_OK);
    assert_string_equal(w.title, "new");
    assert_int_equal(w.ended, HUB_OK);
    assert_true(room->judged > judged); /* calls that wait are judged again */
    hub_object_delete(&f->engine->data, fake_table(f, "room"), id, false, on_object, &w);
    fake_settle(f);
    assert_int_equal(w.ended, HUB_ROOM_NOT_FOUND);
    hub_room_unref(room);
    json_decref(id);
    json_decref(changes);
    fake_hub_free(f);
}

/* ---- calls that have waited ---- */

static void what_was_read_is_not_shown_to_who_may_not_see_it_any_more(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS "historySettings: {historyEnabled: true}\n");
    struct fake_client ann;
    (void)state;
    add_seat(f, "s1", "ann");
    client_join(f, &ann, "ann", "r1");
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:history", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    hub_room_expel(fake_room(f, "r1"), HUB_STR("ann"), "hub:kicked", HUB_STR(""), HUB_BLOCKED);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"code\":\"blocked\"");
    fake_hub_free(f);
}

/* Who has left by himself may have what he asked for before, as long as he might enter. */
static void who_has_left_by_himself_is_judged_as_if_he_entered(void **state) {
    struct fake_hub *f = fake_hub_new(SEATS "historySettings: {historyEnabled: true}\n");
    struct fake_client ann;
    (void)state;
    add_seat(f, "s1", "ann");
    for (int may = 1; may >= 0; may--) {
        client_join(f, &ann, "ann", "r1");
        fake_store_hold(&f->store, true);
        int ack = client_says(&ann, "hub:history", "{\"roomId\":\"r1\"}");
        fake_settle(f);
        struct hub_room *room = hub_room_ref(fake_room(f, "r1"));
        client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
        if (!may) {
            fake_store_remove(&f->store, fake_table(f, "seat"), "s1");
            hub_authorize_forget(f->hub, HUB_STR("r1"), HUB_STR("ann"), NULL);
        }
        fake_store_hold(&f->store, false);
        client_is_answered(&ann, ack, may ? "\"messages\":[]" : "not_authorized");
        hub_room_unref(room);
        client_hang_up(&ann);
    }
    fake_hub_free(f);
}

static void on_reloaded(void *arg) { (void)arg; }

/* In the new service the DataObject OBJECT has another name, and there is the hub only if STAYS. */
static struct hub_service *reload_without(struct fake_hub *f, const char *object, bool stays, struct hub_tables **old) {
    struct hub_service *before = f->service;
    struct hub_err err;
    f->service = fake_load(HUB);
    for (size_t i = 0; i < f->service->object_n; i++)
        if (!strcmp(f->service->objects[i].name, object))
            f->service->objects[i].name = f->service->objects[i].table = "renamed";
    if (!stays) f->service->hub_n = 0;
    *old = f->tables;
    assert_int_equal(hub_tables_new(f->service, false, &f->tables, &err), HUB_OK);
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, NULL);
    fake_settle(f);
    return before;
}

/* What its definition names is in no table any more: the process ended. */
static void a_decision_outlives_the_tables_that_it_began_with(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fake_hub *f = fake_hub_new(HUB);
        struct decision d;
        struct hub_tables *tables;
        bool stays = i & 1;
        decide(f, &d, "ann:user", "r1", false);
        if (i & 2) script_says(f, "is eligible", "true");
        struct hub_service *before = reload_without(f, i & 2 ? "seat" : "room", stays, &tables);
        for (int left = 20; !d.done && left; left--) {
            if (fake_scripts_waiting(&f->scripts)) fake_script_end(&f->scripts, HUB_OK, "true");
            fake_settle(f);
        }
        assert_int_equal(d.done, 1);
        if (!stays) assert_int_not_equal(d.code, HUB_OK);
        fake_hub_free(f);
        hub_tables_free(tables);
        hub_service_free(before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_layer_that_refuses_or_admits_ends_it),
        cmocka_unit_test(who_is_blocked_is_refused_even_with_an_absolute_role),
        cmocka_unit_test(a_store_that_is_away_refuses_with_its_own_code_and_is_asked_anew),
        cmocka_unit_test(a_room_is_loaded_once_for_all_who_wait),
        cmocka_unit_test(who_asks_in_the_same_turn_shares_one_reading_of_the_row),
        cmocka_unit_test(who_shares_a_reading_sees_the_row_as_it_is_after_his_question),
        cmocka_unit_test(a_shared_reading_that_fails_refuses_all_who_share_it),
        cmocka_unit_test(what_was_decided_is_remembered_until_it_is_forgotten),
        cmocka_unit_test(what_a_script_decided_counts_for_that_session),
        cmocka_unit_test(who_forgets_may_wait_until_the_cache_knows),
        cmocka_unit_test(a_cache_that_missed_something_is_not_asked_until_it_has_forgotten_everything),
        cmocka_unit_test(a_decision_that_rests_on_something_forgotten_meanwhile_starts_over),
        cmocka_unit_test(one_that_is_overtaken_again_and_again_gives_up),
        cmocka_unit_test(who_is_blocked_while_it_is_decided_does_not_get_in),
        cmocka_unit_test(rooms_in_use_have_the_new_row_at_once_and_end_with_it),
        cmocka_unit_test(what_was_read_is_not_shown_to_who_may_not_see_it_any_more),
        cmocka_unit_test(who_has_left_by_himself_is_judged_as_if_he_entered),
        cmocka_unit_test(a_decision_outlives_the_tables_that_it_began_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
