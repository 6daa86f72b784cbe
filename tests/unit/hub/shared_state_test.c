/* The shared state of rooms on an engine of fakes: what a change makes of the entries, what is committed
 * together, and what is left when the store fails, a hook takes its time, or rights come and go meanwhile. */
#include "fake_hub.h"
#include "hub/shared_state/shared_state_int.h"

#define HUB(STATE)                                \
    "roomSettings: {roomDataObject: room}\n"      \
    "messageSettings: {messageTypes: [text]}\n"   \
    "historySettings: {historyEnabled: false}\n"  \
    "hubExtensions:\n"                            \
    "  limits: {writes: 1000, stateBytes: 200}\n" \
    "  state: " STATE "\n"
#define OPEN HUB("{canWrite: 'true'}")
#define SET "hub:setRoomState"
#define R1 "{\"roomId\":\"r1\"}"
#define A(VALUE) "{\"roomId\":\"r1\",\"key\":\"a\",\"value\":" VALUE "}"

/* ---- steps ---- */

struct board {
    struct hub_map entries;
    struct hub_state_next next;
};

static void board_init(struct board *b, const char *key, const char *text) {
    *b = (struct board){0};
    if (key) hub_map_put(&b->entries, hub_cstr(key), hub_state_entry_new(hub_cstr(key), hub_cstr(text)));
    b->next = (struct hub_state_next){.base = &b->entries, .version = 7, .keys = key ? 1 : 0};
    if (key) b->next.bytes = ((struct hub_state_entry *)hub_map_get(&b->entries, hub_cstr(key)))->cost;
}
static void board_free(struct board *b) {
    for (void *e; (e = hub_map_drain(&b->entries));) free(e);
    hub_map_clear(&b->entries);
    hub_map_clear(&b->next.edits);
}

static void a_step_makes_the_next_state(void **state) {
    static const struct {
        const char *was; /* of "k"; NULL: it is not there */
        enum hub_state_op op;
        const char *value, *expected; /* the latter of compareAndSet */
        const char *want;             /* NULL: gone, or never there */
        bool changed, done;
        enum hub_code code;
    } cases[] = {
        {NULL, HUB_STATE_SET, "[1]", NULL, "[1]", true, true, HUB_OK},
        {"[1]", HUB_STATE_SET, "[1]", NULL, "[1]", false, true, HUB_OK},
        {"1", HUB_STATE_SET, "1.0", NULL, "1.0", true, true, HUB_OK},
        {"1", HUB_STATE_DELETE, NULL, NULL, NULL, true, true, HUB_OK},
        {NULL, HUB_STATE_DELETE, NULL, NULL, NULL, false, false, HUB_OK},
        {"1", HUB_STATE_CLEAR, NULL, NULL, NULL, true, true, HUB_OK},
        {NULL, HUB_STATE_CLEAR, NULL, NULL, NULL, false, true, HUB_OK},
        {NULL, HUB_STATE_INCREMENT, NULL, NULL, "1", true, true, HUB_OK},
        {"4", HUB_STATE_INCREMENT, "-6", NULL, "-2", true, true, HUB_OK},
        {"4", HUB_STATE_INCREMENT, "0.5", NULL, "4.5", true, true, HUB_OK},
        {"\"x\"", HUB_STATE_INCREMENT, NULL, NULL, "\"x\"", false, true, HUB_BAD_REQUEST},
        {"1", HUB_STATE_INCREMENT, "\"x\"", NULL, "1", false, true, HUB_BAD_REQUEST},
        {"9223372036854775807", HUB_STATE_INCREMENT, NULL, NULL, "9223372036854775807", false, true, HUB_BAD_REQUEST},
        {"1.5e308", HUB_STATE_INCREMENT, "1.5e308", NULL, "1.5e308", false, true, HUB_BAD_REQUEST},
        {"1", HUB_STATE_COMPARE_AND_SET, "2", "1.0", "2", true, true, HUB_OK},
        {"1", HUB_STATE_COMPARE_AND_SET, "2", "3", "1", false, false, HUB_OK},
        {NULL, HUB_STATE_COMPARE_AND_SET, "2", "null", "2", true, true, HUB_OK},
        {"null", HUB_STATE_COMPARE_AND_SET, "2", NULL, "2", true, true, HUB_OK},
        {NULL, HUB_STATE_COMPARE_AND_SET, "2", "1", NULL, false, false, HUB_OK},
        {"{\"a\":1}", HUB_STATE_COMPARE_AND_SET, NULL, "{\"a\":1}", "null", true, true, HUB_OK},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct board b;
        struct hub_state_step s;
        json_t *value = cases[i].value ? hub_json_parse(hub_cstr(cases[i].value), NULL) : NULL;
        json_t *was = cases[i].expected ? hub_json_parse(hub_cstr(cases[i].expected), NULL) : NULL;
        board_init(&b, cases[i].was ? "k" : NULL, cases[i].was);
        hub_state_step_init(&s, &(struct hub_state_change){cases[i].op, HUB_STR("k"), value, was});
        hub_state_work_out(&b.next, &s, 1000);
        const struct hub_state_step *edit = hub_map_get(&b.next.edits, HUB_STR("k"));
        struct hub_str now = edit             ? hub_state_text(edit->entry)
                             : b.next.cleared ? hub_str(NULL, 0)
                                              : hub_state_text(hub_map_get(&b.entries, HUB_STR("k")));
        if (s.err.code != cases[i].code || s.out.changed != cases[i].changed || s.out.done != cases[i].done ||
            s.out.version != 7 + cases[i].changed || !hub_str_eq(now, hub_cstr(cases[i].want)))
            fail_msg("case %zu: \"%.*s\"", i, HUB_FMT(now));
        assert_int_equal(b.next.keys, cases[i].want ? 1 : 0);
        if (!cases[i].want) assert_int_equal(b.next.bytes, 0);
        hub_state_step_free(&s);
        board_free(&b);
        json_decref(value);
        json_decref(was);
    }
}

/* ---- rooms ---- */

static void changes_that_wait_are_committed_together_key_by_key(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    int acks[40];
    char text[100];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fake_store_hold(&f->store, true);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "{\"roomId\":\"r1\",\"key\":\"k%d\",\"value\":%d}", i % 4, i);
        acks[i] = client_says(&ann, SET, text);
    }
    client_listen(&ann);
    assert_int_equal(fake_store_waiting(&f->store), 1); /* the first has begun alone */
    fake_store_answer(&f->store);
    client_is_answered(&ann, acks[0], "\"version\":1,");
    client_waits_for(&ann, acks[1]);
    assert_int_equal(fake_store_waiting(&f->store), 4); /* the others: one row for each key */
    while (fake_store_waiting(&f->store)) fake_store_answer(&f->store);
    client_is_answered(&ann, acks[39], "\"version\":40,");
    for (int i = 1; i <= 40; i++) {
        snprintf(text, sizeof text, "\"value\":%d,\"version\":%d}", i - 1, i);
        client_hears(&ann, text);
    }
    fake_store_hold(&f->store, false);
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->room_state, false), 4);
    fake_hub_free(f);
}

/* What was taken out must not come back, nor its version, whichever writes a crash has left. */
static void a_room_that_is_used_again_goes_on_from_its_version(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, SET, A("1"), "\"version\":1,");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"key\":\"b\",\"value\":1}", "\"version\":2,");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"key\":\"b\",\"deleted\":true}", "\"version\":3,");
    client_hang_up(&ann);
    fake_pass(f, 10000);
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    client_connect(f, &ann, "ann");
    client_says(&ann, "hub:join", R1);
    client_hears(&ann, "[\"hub:roomState\",{\"roomId\":\"r1\",\"entries\":{\"a\":1},\"version\":3}]");
    fake_hub_free(f);
}

static void what_an_interrupted_clearing_has_left_is_passed_over(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    (void)state;
    const struct hub_table *t = f->hub->tables->room_state;
    fake_store_add(&f->store, t, "{\"roomId\":\"r1\",\"key\":\"a\",\"value\":\"1\",\"version\":4}");
    fake_store_add(&f->store, t, "{\"roomId\":\"r1\",\"key\":\"\",\"value\":\"5\",\"version\":6}");
    fake_store_add(&f->store, t, "{\"roomId\":\"r1\",\"key\":\"b\",\"value\":\"2\",\"version\":6}");
    client_connect(f, &ann, "ann");
    client_says(&ann, "hub:join", R1);
    client_hears(&ann, "[\"hub:roomState\",{\"roomId\":\"r1\",\"entries\":{\"b\":2},\"version\":6}]");
    client_does(&ann, SET, A("3"), "\"version\":7,");
    fake_hub_free(f);
}

/* What was not written must not be seen, and what was written all the same must, by those who are there. */
static void after_a_failed_write_members_are_shown_what_there_is(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    client_does(&ann, SET, A("1"), "\"version\":1,");
    client_forgets(&bob);
    f->store.away = HUB_STORE_UNAVAILABLE;
    client_does(&ann, SET, A("2"), "\"code\":\"store_unavailable\"");
    client_hears_nothing_of(&bob, "hub:roomState");
    fake_store_add(&f->store, f->hub->tables->room_state,
                   "{\"roomId\":\"r1\",\"key\":\"b\",\"value\":\"2\",\"version\":2}");
    f->store.away = HUB_OK;
    fake_pass(f, 2000);
    client_hears(&bob, "[\"hub:roomState\",{\"roomId\":\"r1\",\"entries\":{\"a\":1,\"b\":2},\"version\":2}]");
    client_does(&ann, SET, A("3"), "\"version\":3,");
    client_hears(&bob, "[\"hub:roomStateChanged\",{\"roomId\":\"r1\",\"key\":\"a\",\"value\":3,\"version\":3}]");
    fake_hub_free(f);
}

/* The seat is taken, the history is still being read: what changes now is no part of what he is shown. */
static void who_joins_while_it_changes_has_each_change_once(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: room}\n"
                                      "messageSettings: {messageTypes: [text]}\n"
                                      "historySettings: {historyEnabled: true}\n"
                                      "hubExtensions: {state: {canWrite: 'true', persist: false}}\n");
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, SET, A("1"), "\"version\":1,");
    client_connect(f, &bob, "bob");
    fake_store_hold(&f->store, true);
    int joins = client_says(&bob, "hub:join", R1);
    for (client_listen(&bob); fake_store_first(&f->store)->table != f->hub->tables->message; client_listen(&bob))
        fake_store_answer(&f->store);
    client_does(&ann, SET, A("2"), "\"version\":2,");
    client_hears_nothing_of(&bob, "hub:roomState");
    fake_store_hold(&f->store, false);
    client_is_answered(&bob, joins, "\"ok\":true");
    client_hears_in_order(&bob, "\"entries\":{\"a\":1},\"version\":1}", "\"value\":2,\"version\":2}");
    client_hears(&bob, "\"value\":2,\"version\":2}");
    client_hears_nothing_of(&bob, "\"version\":2}");
    fake_hub_free(f);
}

static void a_room_whose_state_cannot_be_read_is_not_joined(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    fake_store_hold(&f->store, true);
    int joins = client_says(&ann, "hub:join", R1);
    const struct hub_table *t = f->hub->tables->room_state;
    for (client_listen(&ann); fake_store_first(&f->store)->table != t; client_listen(&ann))
        fake_store_answer(&f->store);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "");
    client_is_answered(&ann, joins, "\"code\":\"store_unavailable\"");
    fake_store_hold(&f->store, false);
    client_does(&ann, "hub:join", R1, "\"ok\":true");
    client_hears(&ann, "\"entries\":{},\"version\":0");
    fake_hub_free(f);
}

static void a_hook_that_waits_finds_the_world_changed(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{canWrite: is it so}"));
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    int of_ann = client_says(&ann, SET, A("1"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, of_ann, "\"version\":1,");
    of_ann = client_says(&ann, SET, A("2"));
    int of_bob = client_says(&bob, SET, A("3"));
    fake_settle(f);
    hub_room_expel(fake_room(f, "r1"), HUB_STR("ann"), "hub:kicked", HUB_STR(""), HUB_NOT_IN_ROOM);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, of_ann, "\"code\":\"not_in_room\"");
    client_hang_up(&bob);
    fake_script_end(&f->scripts, HUB_OK, "true");
    (void)of_bob;
    client_does(&ann, "hub:join", R1, "\"ok\":true");
    client_hears(&ann, "\"entries\":{\"a\":1},\"version\":1");
    of_ann = client_says(&ann, SET, A("2"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_SCRIPT_TIMEOUT, NULL);
    client_is_answered(&ann, of_ann, "\"code\":\"script_timeout\"");
    fake_hub_free(f);
}

/* What is judged by the rights of a token must not be done by the next one. */
static void a_token_that_is_replaced_meanwhile_is_judged_again(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{canWrite: is it so}"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann:admin", "r1");
    int sets = client_says(&ann, SET, A("1"));
    fake_settle(f);
    client_does(&ann, "hub:refreshToken", "{\"token\":\"dev:ann\"}", "\"ok\":true");
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_waits_for(&ann, sets);
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_is_answered(&ann, sets, "\"code\":\"not_allowed\"");
    fake_hub_free(f);
}

static void who_gets_the_right_to_read_later_is_shown_the_state_first(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann, bob;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    struct hub_member *m = hub_conn_member(fake_conn(f, "bob"), fake_room(f, "r1"));
    struct hub_rights deaf = {.can_send = true}, all = m->rights;
    hub_member_set_rights(m, &deaf);
    client_does(&ann, SET, A("1"), "\"version\":1,");
    client_hears_nothing_of(&bob, "hub:roomState");
    hub_member_set_rights(m, &all);
    hub_shared_state_seated(m);
    client_does(&ann, SET, A("2"), "\"version\":2,");
    client_hears_in_order(&bob, "\"entries\":{\"a\":1},\"version\":1}", "\"value\":2,\"version\":2}");
    fake_hub_free(f);
}

static void canwrite_knows_the_system_role(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: room, absoluteRoles: [root]}\n"
                                      "messageSettings: {messageTypes: [text]}\n"
                                      "hubExtensions: {state: {canWrite: session.may}}\n");
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann:root", "r1");
    int ack = client_says(&ann, SET, A("1"));
    fake_settle(f);
    const json_t *args = fake_script_first(&f->scripts)->args;
    assert_string_equal(json_string_value(json_object_get(args, "hubRole")), "system");
    assert_string_equal(json_string_value(json_object_get(args, "key")), "a");
    assert_int_equal(json_integer_value(json_object_get(args, "value")), 1);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"version\":1,");
    fake_hub_free(f);
}

static void on_counted(void *arg, enum hub_code code, const char *error, const struct hub_state_outcome *o) {
    (void)error;
    assert_int_equal(code, HUB_OK);
    assert_int_equal(o->version, *(const int *)arg);
}

static void what_is_in_memory_only_stays_a_minute(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{canWrite: 'true', persist: false}"));
    struct fake_client ann;
    (void)state;
    assert_null(f->hub->tables->room_state);
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, SET, A("1"), "\"version\":1,");
    fake_pass(f, 200000);
    client_hang_up(&ann);
    fake_pass(f, 50000);
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:join", R1, "\"ok\":true");
    client_hears(&ann, "\"entries\":{\"a\":1},\"version\":1");
    client_hang_up(&ann);
    fake_pass(f, 130000);
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:join", R1, "\"ok\":true");
    client_hears(&ann, "\"entries\":{},\"version\":0");
    fake_hub_free(f);
}

/* What the store had was taken for what is in memory from then on. */
static void what_was_read_before_a_reload_took_it_elsewhere_does_not_count(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    const struct hub_state_change set = {.op = HUB_STATE_INCREMENT, .key = HUB_STR("a")}, read = {.op = HUB_STATE_READ};
    struct hub_hub_tables now = *f->hub->tables;
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
    int version = 1;
    (void)state;
    hub_shared_state_ask(room, &set, on_counted, &version);
    fake_settle(f);
    hub_room_unref(room);
    room = hub_room_of(f->hub, HUB_STR("r1"));
    fake_store_hold(&f->store, true);
    version = 0;
    hub_shared_state_ask(room, &read, on_counted, &version);
    fake_settle(f);
    now.room_state = NULL; /* persist: false */
    f->hub->tables = &now;
    while (fake_store_waiting(&f->store)) fake_store_answer(&f->store);
    fake_settle(f);
    assert_ptr_equal(hub_shared_of(room)->keeper, &hub_state_in_memory);
    assert_int_equal(hub_map_len(&hub_shared_of(room)->entries), 0);
    fake_store_hold(&f->store, false);
    hub_room_unref(room);
    fake_hub_free(f);
}

/* There was a second time beside roomLingerMs, and one began when the other was over. */
static void what_is_in_memory_only_ends_when_the_room_does(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{canWrite: 'true', persist: false}\n"
                                          "  lifecycle: {onRoomClosed: room.x, roomLingerMs: 5000}"));
    struct hub_hub *hub = f->hub;
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, SET, A("1"), "\"version\":1,");
    client_does(&ann, "hub:leave", R1, "\"ok\":true");
    fake_pass(f, 4000);
    client_does(&ann, "hub:join", R1, "\"ok\":true");
    client_hears(&ann, "\"entries\":{\"a\":1},\"version\":1");
    client_does(&ann, "hub:leave", R1, "\"ok\":true");
    fake_pass(f, 12000); /* with the grace of presence */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    int again = client_says(&ann, "hub:join", R1);
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_is_answered(&ann, again, "\"ok\":true");
    client_hears(&ann, "\"entries\":{},\"version\":0");
    client_does(&ann, SET, A("2"), "\"version\":1,");
    client_hang_up(&ann);
    fake_pass(f, 12000);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_settle(f);
    assert_int_equal(hub_map_len(&hub->rooms), 0);
    fake_hub_free(f);
}

/* Also in a room that no member has been in, as scripts do. */
static void a_script_uses_the_room_whose_state_it_changes(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("{persist: false}\n  lifecycle: {roomLingerMs: 5000}"));
    const struct hub_state_change add = {.op = HUB_STATE_INCREMENT, .key = HUB_STR("a")};
    (void)state;
    for (int i = 1; i <= 3; i++) {
        struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
        hub_shared_state_ask(room, &add, on_counted, &i);
        hub_room_unref(room);
        fake_pass(f, 4000);
    }
    fake_pass(f, 1000);
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    fake_hub_free(f);
}

static void bounds_are_named(void **state) {
    struct fake_hub *f = fake_hub_new(OPEN);
    struct fake_client ann;
    char text[400];
    (void)state;
    client_join(f, &ann, "ann", "r1");
    snprintf(text, sizeof text, "{\"roomId\":\"r1\",\"key\":\"a\",\"value\":\"%0200d\"}", 0);
    client_does(&ann, SET, text, "limits.stateBytes: at most 200 ");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"key\":\"a\"}", "value: required");
    client_does(&ann, SET, "{\"roomId\":\"r1\",\"key\":\"a\",\"value\":1,\"deleted\":true}",
                "\"code\":\"bad_request\"");
    client_does(&ann, SET, A("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
                "at most 32 levels");
    client_hears_nothing_of(&ann, "roomStateChanged");
    client_does(&ann, SET, A("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), "\"version\":1,");
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_makes_the_next_state),
        cmocka_unit_test(changes_that_wait_are_committed_together_key_by_key),
        cmocka_unit_test(a_room_that_is_used_again_goes_on_from_its_version),
        cmocka_unit_test(what_an_interrupted_clearing_has_left_is_passed_over),
        cmocka_unit_test(after_a_failed_write_members_are_shown_what_there_is),
        cmocka_unit_test(who_joins_while_it_changes_has_each_change_once),
        cmocka_unit_test(a_room_whose_state_cannot_be_read_is_not_joined),
        cmocka_unit_test(a_hook_that_waits_finds_the_world_changed),
        cmocka_unit_test(a_token_that_is_replaced_meanwhile_is_judged_again),
        cmocka_unit_test(who_gets_the_right_to_read_later_is_shown_the_state_first),
        cmocka_unit_test(canwrite_knows_the_system_role),
        cmocka_unit_test(what_is_in_memory_only_stays_a_minute),
        cmocka_unit_test(what_was_read_before_a_reload_took_it_elsewhere_does_not_count),
        cmocka_unit_test(what_is_in_memory_only_ends_when_the_room_does),
        cmocka_unit_test(a_script_uses_the_room_whose_state_it_changes),
        cmocka_unit_test(bounds_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
