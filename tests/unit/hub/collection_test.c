/* Collections on an engine of fakes: rows that change while they are read, scripts that take their time, and
 * connections that go in between. A script that is no JSON value waits for the test. */
#include "fake_hub.h"
#include "hub/collection/collection_int.h"

#define HUB                                                                                                           \
    "roomSettings: {roomDataObject: room}\n"                                                                          \
    "messageSettings: {messageTypes: [text]}\n"                                                                       \
    "hubExtensions:\n"                                                                                                \
    "  limits: {writes: 1000000, subscriptions: 3}\n"                                                                 \
    "  records: [{pattern: 't:{id}', canWrite: 'true'}, {pattern: 'seat:{id}', dataObject: seat, canRead: 'true'}]\n" \
    "  collections:\n"                                                                                                \
    "    - {pattern: 'of:{userId}', dataObject: seat, where: {userId: '{userId}'}, orderBy: roomId,"                  \
    " limit: 2, canRead: 'true'}\n"                                                                                   \
    "    - {pattern: 'g:{userId}', dataObject: seat, where: {userId: '{userId}'}, canRead: params.id}\n"              \
    "    - {pattern: 's:{id}', resolver: params.id, watch: ['t:{id}-*'], debounceMs: 50}\n"                           \
    "    - {pattern: 'rows', resolver: later.rows, watch: ['seat:*'], debounceMs: 50}\n"
#define WATCH(ID) "{\"collectionId\":\"" ID "\"}"
#define SEAT(ID, USER, ROOM) "{\"id\":\"" ID "\",\"userId\":\"" USER "\",\"roomId\":\"" ROOM "\",\"isActive\":true}"

static void on_object(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)arg, (void)result;
    if (code) fail_msg("%s", error);
}
static void seat_changes(struct fake_hub *f, const char *id, const char *property, const char *value) {
    json_t *key = json_string(id), *changes = json_pack("{s:s}", property, value);
    hub_object_update(&f->engine->data, fake_table(f, "seat"), key, changes, false, on_object, NULL);
    json_decref(key);
    json_decref(changes);
}
static struct fake_hub *hub_with_seats(struct fake_client *ann) {
    struct fake_hub *f = fake_hub_new(HUB);
    const struct hub_table *t = fake_table(f, "seat");
    fake_store_add(&f->store, t, SEAT("1", "ann", "r1"));
    fake_store_add(&f->store, t, SEAT("2", "ann", "r2"));
    fake_store_add(&f->store, t, SEAT("3", "ann", "r3"));
    fake_store_add(&f->store, t, SEAT("4", "bob", "r1"));
    client_connect(f, ann, "ann");
    return f;
}

static void a_change_costs_only_what_it_touches(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    seat_changes(f, "4", "roomId", "r2"); /* nobody watches */
    fake_settle(f);
    size_t selects = f->store.asked[FAKE_SELECT];
    client_does(&ann, "hub:subscribeCollection", WATCH("of:ann"), "\"ids\":[\"1\",\"2\"]");
    client_does(&ann, "hub:subscribeCollection", WATCH("of:bob"), "\"ids\":[\"4\"]");
    assert_int_equal(f->store.asked[FAKE_SELECT], selects + 2);
    seat_changes(f, "4", "roomId", "r3");
    client_hears(&ann, "\"changed\":[{\"id\":\"4\",\"userId\":\"bob\",\"roomId\":\"r3\"}]");
    seat_changes(f, "3", "roomId", "r9"); /* behind the last one */
    seat_changes(f, "4", "userId", "cat");
    client_hears(&ann, "\"removed\":[\"4\"]");
    assert_int_equal(f->store.asked[FAKE_SELECT], selects + 2);
    client_hears_nothing_of(&ann, "hub:collectionChanged");
    seat_changes(f, "1", "userId", "cat"); /* another one comes into view */
    client_hears(&ann, "\"removed\":[\"1\"]");
    fake_pass(f, 50);
    client_hears(&ann, "\"added\":[{\"id\":\"3\"");
    assert_int_equal(f->store.asked[FAKE_SELECT], selects + 3);
    client_does(&ann, "hub:unsubscribeCollection", WATCH("of:ann"), "\"ok\":true");
    client_does(&ann, "hub:unsubscribeCollection", WATCH("of:bob"), "\"ok\":true");
    assert_true(hub_list_empty(&hub_collections_of(f->engine)->list));
    assert_int_equal(hub_map_len(&hub_collections_of(f->engine)->members), 0);
    assert_int_equal(hub_map_len(&hub_collections_of(f->engine)->by_where), 0);
    fake_hub_free(f);
}

/* As a commit of this process is told. */
static void tell_written(struct fake_hub *f, const char *seat) {
    const struct hub_table *t = fake_table(f, "seat");
    struct hub_cell cells[8] = {0};
    struct hub_buf text = {0};
    json_t *row = hub_json_parse(hub_cstr(seat), NULL);
    assert_int_equal(hub_row_from_json(t, row, HUB_ROW_CREATE, cells, &text, NULL), HUB_OK);
    const struct hub_write w = {.table = t, .kind = HUB_INSERT, .cells = cells};
    hub_collection_row_written(f->engine, &w, NULL);
    json_decref(row);
    hub_buf_free(&text);
}

/* What was read is older than the changes; it is answered with these in it, and nothing of them comes
 * again. */
static void changes_while_it_is_read_are_in_the_answer(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    struct hub_collections *all = hub_collections_of(f->engine);
    (void)state;
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:subscribeCollection", WATCH("of:bob"));
    fake_settle(f);
    tell_written(f, SEAT("4", "ann", "r1"));
    tell_written(f, SEAT("5", "bob", "r5"));
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"ids\":[\"5\"]");
    client_hears_nothing_of(&ann, "hub:collectionChanged");
    assert_true(hub_list_empty(&all->reading));
    fake_hub_free(f);
}

/* It is read once more, and the answer was what it had before: without a row that had been acknowledged. */
static void so_are_those_before_while_it_is_read_again(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    client_connect(f, &bob, "bob");
    client_does(&ann, "hub:subscribeCollection", WATCH("of:bob"), "\"ids\":[\"4\"]");
    fake_store_hold(&f->store, true);
    HUB_LIST_EACH(&hub_collections_of(f->engine)->list, it)
    hub_collection_run(HUB_CONTAINER(it, struct hub_collection, link));
    int ack = client_says(&bob, "hub:subscribeCollection", WATCH("of:bob"));
    client_is_answered(&bob, ack, "\"ids\":[\"4\"]"); /* nothing has changed */
    client_does(&bob, "hub:unsubscribeCollection", WATCH("of:bob"), "\"ok\":true");
    tell_written(f, SEAT("5", "bob", "r5"));
    ack = client_says(&bob, "hub:subscribeCollection", WATCH("of:bob"));
    fake_settle(f);
    client_waits_for(&bob, ack);
    fake_store_hold(&f->store, false);
    client_is_answered(&bob, ack, "\"ids\":[\"4\",\"5\"]");
    client_hears(&ann, "\"added\":[{\"id\":\"5\"");
    client_hears_nothing_of(&bob, "hub:collectionChanged");
    fake_hub_free(f);
}

/* The bus has told of a row, and what was read of it is older than what was written meanwhile. */
static void a_row_that_is_written_while_it_is_read_is_read_again(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    struct hub_collections *all = hub_collections_of(f->engine);
    const struct hub_table *t = fake_table(f, "seat");
    json_t *told = json_pack("{s:s}", "id", "4");
    (void)state;
    client_does(&ann, "hub:subscribeCollection", WATCH("of:bob"), "\"ids\":[\"4\"]");
    fake_store_hold(&f->store, true);
    hub_collection_row_changed(f->engine, t, told);
    tell_written(f, SEAT("4", "bob", "r7"));
    client_hears(&ann, "\"changed\":[{\"id\":\"4\",\"userId\":\"bob\",\"roomId\":\"r7\"}]");
    fake_store_answer(&f->store); /* before the write */
    hub_collection_row_changed(f->engine, t, told);
    assert_int_equal(fake_store_waiting(&f->store), 1);
    fake_store_remove(&f->store, t, "4");
    fake_store_add(&f->store, t, SEAT("4", "bob", "r8"));
    fake_store_hold(&f->store, false);
    client_hears(&ann, "\"changed\":[{\"id\":\"4\",\"userId\":\"bob\",\"roomId\":\"r8\"}]");
    client_hears_nothing_of(&ann, "\"r1\"");
    assert_int_equal(hub_map_len(&all->rereading), 0);
    json_decref(told);
    fake_hub_free(f);
}

/* As a reload does. */
static void definitions_that_come_while_it_is_read_are_what_it_is_read_by(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:subscribeCollection", WATCH("of:ann"));
    fake_settle(f);
    ((struct hub_def_collection *)(uintptr_t)&f->engine->hubs[0]->def->parts.collections[0])->limit = 1;
    hub_collections_reloaded(f->engine);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"ids\":[\"1\"]");
    fake_pass(f, 1000);
    client_hears_nothing_of(&ann, "hub:collectionChanged");
    fake_hub_free(f);
}

static void who_goes_while_it_is_worked_out_leaves_nothing_behind(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    fake_store_hold(&f->store, true);
    client_says(&ann, "hub:subscribeCollection", WATCH("of:ann"));
    client_says(&ann, "hub:subscribeCollection", WATCH("s:1"));
    client_says(&ann, "hub:subscribeCollection", WATCH("g:ann"));
    client_does(&ann, "hub:subscribeCollection", WATCH("of:bob"), "limits.subscriptions");
    client_does(&ann, "hub:subscribeCollection", WATCH("s:1"), "already");
    fake_settle(f);
    client_hang_up(&ann);
    fake_store_hold(&f->store, false);
    fake_script_end(&f->scripts, HUB_OK, "[]");
    fake_script_end(&f->scripts, HUB_OK, "true");
    fake_settle(f);
    assert_true(hub_list_empty(&hub_collections_of(f->engine)->list));
    fake_hub_free(f);
}

static void rights_that_change_before_the_answer_are_asked_for(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:subscribeCollection", WATCH("g:ann"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "true");
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    fake_settle(f);
    client_is_answered(&ann, refresh, "\"ok\":true");
    fake_store_hold(&f->store, false);
    client_waits_for(&ann, ack);
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
    fake_hub_free(f);
}

/* Changes while the script runs make it run once more, not before its time. */
static void a_script_runs_as_often_as_its_window_says(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    int ack = client_says(&ann, "hub:subscribeCollection", WATCH("s:1"));
    fake_settle(f);
    client_does(&ann, "hub:writeRecord", "{\"recordId\":\"t:1-a\",\"value\":1}", "\"version\":1");
    client_does(&ann, "hub:writeRecord", "{\"recordId\":\"t:1-b\",\"value\":1}", "\"version\":1");
    client_does(&ann, "hub:writeRecord", "{\"recordId\":\"t:2-a\",\"value\":1}", "\"version\":1");
    fake_script_end(&f->scripts, HUB_OK, "[{\"id\":\"a\"}]");
    client_is_answered(&ann, ack, "\"ids\":[\"a\"]");
    fake_pass(f, 49);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_pass(f, 1);
    fake_script_end(&f->scripts, HUB_OK, "[{\"id\":\"b\"},{\"id\":\"a\"}]");
    client_hears(&ann, "\"added\":[{\"id\":\"b\"}],\"changed\":[],\"removed\":[],\"order\":[\"b\",\"a\"]");
    client_does(&ann, "hub:writeRecord", "{\"recordId\":\"t:1-a\",\"value\":2}", "\"version\":2");
    fake_pass(f, 50);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL); /* it stays as it was */
    client_hears_nothing_of(&ann, "hub:collectionChanged");
    client_does(&ann, "hub:subscribeCollection", WATCH("s:1"), "\"ids\":[\"b\",\"a\"]");
    fake_pass(f, 1000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    int other = client_says(&ann, "hub:subscribeCollection", WATCH("s:2"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "[{\"id\":\"a\"},{\"id\":\"a\"}]");
    client_is_answered(&ann, other, "\"code\":\"handler_failed\"");
    fake_hub_free(f);
}

/* By others; and the store is away when the row is to be read. */
static void a_change_that_cannot_be_read_is_made_up_for(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    struct hub_buf topic = {0};
    (void)state;
    client_does(&ann, "hub:subscribeCollection", WATCH("of:bob"), "\"ids\":[\"4\"]");
    fake_store_remove(&f->store, fake_table(f, "seat"), "4");
    f->store.away = HUB_STORE_UNAVAILABLE;
    hub_feed_topic(&topic, f->service, "seat", "deleted");
    fake_bus_bring(&f->bus, hub_buf_cstr(&topic), "{\"id\":\"4\"}");
    hub_buf_free(&topic);
    fake_pass(f, 500);
    client_hears_nothing_of(&ann, "hub:collectionChanged");
    f->store.away = HUB_OK;
    fake_pass(f, 1000);
    client_hears(&ann, "\"removed\":[\"4\"]");
    fake_hub_free(f);
}

/* Of a record that is a row; loaded, and then not any more. Nobody follows it, so nobody heard. */
static void a_script_runs_when_a_row_changes_that_is_a_record(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    client_does(&ann, "hub:readRecord", "{\"recordId\":\"seat:1\"}", "\"ok\":true");
    int ack = client_says(&ann, "hub:subscribeCollection", WATCH("rows"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "[]");
    client_is_answered(&ann, ack, "\"ok\":true");
    for (int i = 0; i < 2; i++) {
        seat_changes(f, "1", "roomId", i ? "r8" : "r9");
        fake_pass(f, 50);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        fake_script_end(&f->scripts, HUB_OK, "[]");
        fake_pass(f, 50);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    }
    fake_hub_free(f);
}

/* What is read then may be older. */
static void also_while_that_is_being_read(void **state) {
    struct fake_client ann;
    struct fake_hub *f = hub_with_seats(&ann);
    (void)state;
    int ack = client_says(&ann, "hub:subscribeCollection", WATCH("rows"));
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "[]");
    client_is_answered(&ann, ack, "\"ok\":true");
    fake_store_hold(&f->store, true);
    int reads = client_says(&ann, "hub:readRecord", "{\"recordId\":\"seat:1\"}");
    fake_settle(f);
    seat_changes(f, "1", "roomId", "r9");
    fake_settle(f);
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, reads, "\"ok\":true");
    fake_pass(f, 50);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "[]");
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_costs_only_what_it_touches),
        cmocka_unit_test(changes_while_it_is_read_are_in_the_answer),
        cmocka_unit_test(so_are_those_before_while_it_is_read_again),
        cmocka_unit_test(a_row_that_is_written_while_it_is_read_is_read_again),
        cmocka_unit_test(definitions_that_come_while_it_is_read_are_what_it_is_read_by),
        cmocka_unit_test(who_goes_while_it_is_worked_out_leaves_nothing_behind),
        cmocka_unit_test(rights_that_change_before_the_answer_are_asked_for),
        cmocka_unit_test(a_change_that_cannot_be_read_is_made_up_for),
        cmocka_unit_test(a_script_runs_as_often_as_its_window_says),
        cmocka_unit_test(a_script_runs_when_a_row_changes_that_is_a_record),
        cmocka_unit_test(also_while_that_is_being_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
