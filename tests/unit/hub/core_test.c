/* What all of engine/hub works on: payloads of events and their buffers, the life of rooms as parts see
 * it, and the calling of hooks. */
#include <signal.h>
#include <sys/wait.h>

#include "fake_hub.h"

#define HUB                                  \
    "roomSettings: {roomDataObject: seat}\n" \
    "messageSettings: {messageTypes: [text]}\n"

/* ---- payloads ---- */

static void members_of_a_payload_stand_in_the_order_in_which_they_were_added(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r\"1"));
    struct hub_room_user *bob = hub_xcalloc(1, sizeof *bob + sizeof "bob");
    json_t *list = json_pack("[i]", 7);
    (void)state;
    memcpy(bob->id, "bob", 3);
    struct hub_event_json e = hub_event_json(room);
    hub_event_json_text(&e, "text", HUB_STR("a\nb"));
    hub_event_json_raw(&e, "raw", HUB_STR("{\"x\":1}"));
    hub_event_json_value(&e, "value", list);
    hub_event_json_int(&e, "int", INT64_MIN);
    hub_event_json_bool(&e, "bool", false);
    hub_event_json_time(&e, "time", 1767225600123);
    hub_event_json_user(&e, bob);
    hub_buf_addz(hub_event_json_more(&e), "\"more\":null");
    struct hub_str all = hub_event_json_end(&e);
    assert_true(hub_str_is(all, "{\"roomId\":\"r\\\"1\",\"text\":\"a\\nb\",\"raw\":{\"x\":1},\"value\":[7],"
                                "\"int\":-9223372036854775808,\"bool\":false,\"time\":\"2026-01-01T00:00:00.123Z\","
                                "\"user\":{\"id\":\"bob\",\"name\":null},\"more\":null}"));
    assert_true(hub_str_eq(hub_event_json_end(&e), all)); /* it is complete already */
    hub_event_json_free(&e);
    json_decref(list);
    free(bob);
    hub_room_unref(room);
    fake_hub_free(f);
}

static void whoever_writes_meanwhile_writes_elsewhere(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
    (void)state;
    struct hub_event_json first = hub_event_json(room), second = hub_event_json(room);
    hub_event_json_int(&second, "n", 2);
    hub_event_json_int(&first, "n", 1);
    assert_true(hub_str_is(hub_event_json_end(&first), "{\"roomId\":\"r1\",\"n\":1}"));
    assert_true(hub_str_is(hub_event_json_end(&second), "{\"roomId\":\"r1\",\"n\":2}"));
    hub_event_json_free(&first);
    hub_event_json_free(&second);
    hub_room_unref(room);
    fake_hub_free(f);
}

/* Memory that a large answer took goes back, and so does what more than a few wanted at a time. */
static void buffers_come_back_empty_and_a_few_small_ones_are_kept(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_engine *e = f->engine;
    struct hub_buf b[6], large = hub_scratch_take(e);
    (void)state;
    hub_buf_reserve(&large, 1 << 20);
    hub_scratch_give(e, &large);
    assert_null(large.p);
    assert_int_equal(e->scratch_n, 0);
    for (size_t i = 0; i < HUB_NELEM(b); i++) {
        b[i] = hub_scratch_take(e);
        hub_buf_addz(&b[i], "text");
    }
    for (size_t i = 0; i < HUB_NELEM(b); i++) hub_scratch_give(e, &b[i]);
    assert_int_equal(e->scratch_n, HUB_NELEM(e->scratch));
    const struct hub_buf again = hub_scratch_take(e);
    assert_int_equal(again.n, 0);
    assert_non_null(again.p);
    struct hub_buf back = again;
    hub_scratch_give(e, &back);
    hub_scratch_give(e, &back); /* nothing: it is given back */
    assert_int_equal(e->scratch_n, HUB_NELEM(e->scratch));
    fake_hub_free(f);
}

/* ---- rooms and parts ---- */

static const struct hub_part first;
/* What the parts did, "first.loaded …"; kept where the first of them keeps what it has of the room. */
static void note_step(struct hub_room *room, const char *step) {
    struct hub_buf *log = *hub_room_data(room, &first);
    hub_buf_addf(log, "%s ", step);
}
static void first_loaded(struct hub_room *r) { note_step(r, "first.loaded"); }
static void first_emptied(struct hub_room *r) { note_step(r, "first.emptied"); }
static void second_loaded(struct hub_room *r) { note_step(r, "second.loaded"); }
static void second_closed(struct hub_room *r) { note_step(r, "second.closed"); }
static void second_emptied(struct hub_room *r) { note_step(r, "second.emptied"); }
static const struct hub_part first = {
    .name = "first", .room_data = true, .room_loaded = first_loaded, .room_emptied = first_emptied};
static const struct hub_part bare = {.name = "bare"};
static const struct hub_part second = {.name = "second",
                                       .room_data = true,
                                       .room_loaded = second_loaded,
                                       .room_closed = second_closed,
                                       .room_emptied = second_emptied};
static const struct hub_part *const parts[] = {&first, &bare, &second, NULL};

static void parts_take_part_in_a_room_s_life_in_their_order(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_buf log = {0};
    const struct hub_part *const *usual = f->engine->parts;
    (void)state;
    hub_parts_use(f->engine, parts);
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
    assert_ptr_equal(hub_room_of(f->hub, HUB_STR("r1")), room); /* found, with a reference of its own */
    hub_room_unref(room);
    *hub_room_data(room, &first) = &log;
    hub_room_set_state(room, HUB_ROOM_LOADING);
    hub_room_set_state(room, HUB_ROOM_OPEN);
    hub_room_stop(room);
    hub_room_stop(room); /* nothing: it is closed */
    hub_room_unref(room);
    assert_string_equal(hub_buf_cstr(&log), "first.loaded second.loaded second.closed first.emptied second.emptied ");
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    hub_parts_use(f->engine, usual);
    hub_buf_free(&log);
    fake_hub_free(f);
}

static void each_part_has_a_place_of_its_own_in_a_room(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    const struct hub_part *const *usual = f->engine->parts;
    int mine, yours;
    (void)state;
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
    hub_parts_use(f->engine, parts);
    assert_false(hub_room_has_data(room));
    *hub_room_data(room, &first) = &mine;
    assert_true(hub_room_has_data(room));
    assert_null(*hub_room_data(room, &second));
    *hub_room_data(room, &second) = &yours;
    assert_ptr_equal(*hub_room_data(room, &first), &mine);
    *hub_room_data(room, &first) = *hub_room_data(room, &second) = NULL;
    hub_parts_use(f->engine, usual);
    hub_room_unref(room);
    fake_hub_free(f);
}

static void a_part_without_a_place_that_asks_for_it_is_a_bug(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    int status = 0;
    (void)state;
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
    pid_t child = fork();
    if (!child) {
        if (!freopen("/dev/null", "w", stderr)) _exit(0);
        signal(SIGABRT, SIG_DFL);
        hub_parts_use(f->engine, parts);
        hub_room_data(room, &bare);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    hub_room_unref(room);
    fake_hub_free(f);
}

/* ---- hooks ---- */

static void on_nothing(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)arg, (void)code, (void)result, (void)error;
}

/* Engine functions that a deciding hook calls must not wait for decisions: they might wait for it. */
static void a_hook_knows_whether_it_is_part_of_a_decision(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    const struct hub_script s = {.text = HUB_STR_INIT("wait"), .path = "test"};
    (void)state;
    hub_hook_call(f->hub, &s, NULL, 0, on_nothing, NULL);
    const struct hub_caller *caller = fake_script_first(&f->scripts)->caller;
    assert_false(caller->decides);
    assert_ptr_equal(caller->hub, f->hub);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    hub_hook_decide(f->hub, &s, NULL, 0, on_nothing, NULL);
    caller = fake_script_first(&f->scripts)->caller;
    assert_true(caller->decides);
    assert_ptr_equal(caller->hub, f->hub);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_hub_free(f);
}

static void the_room_is_there_under_its_object_s_name_too_but_not_twice(void **state) {
    struct fake_hub *seats = fake_hub_new(HUB);
    struct hub_hook_arg args[4] = {{"user", NULL}};
    json_t *record = json_object();
    (void)state;
    assert_int_equal(hub_hook_room_args(seats->hub, record, args, 1), 3);
    assert_string_equal(args[1].name, "room");
    assert_string_equal(args[2].name, "seat");
    assert_ptr_equal(args[2].value, record);
    fake_hub_free(seats);
    struct fake_hub *rooms = fake_hub_new("roomSettings: {roomDataObject: room}\n");
    assert_int_equal(hub_hook_room_args(rooms->hub, record, args, 1), 2);
    fake_hub_free(rooms);
    json_decref(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_payload_stand_in_the_order_in_which_they_were_added),
        cmocka_unit_test(whoever_writes_meanwhile_writes_elsewhere),
        cmocka_unit_test(buffers_come_back_empty_and_a_few_small_ones_are_kept),
        cmocka_unit_test(parts_take_part_in_a_room_s_life_in_their_order),
        cmocka_unit_test(each_part_has_a_place_of_its_own_in_a_room),
        cmocka_unit_test(a_part_without_a_place_that_asks_for_it_is_a_bug),
        cmocka_unit_test(a_hook_knows_whether_it_is_part_of_a_decision),
        cmocka_unit_test(the_room_is_there_under_its_object_s_name_too_but_not_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
