/* Writes that others are to hear of: the rows before and after, and the outbox row of the same
 * transaction. */
#include "any_store.h"

#include "base/id/uuid.h"
#include "persist/tables.h"

/* A table without soft deletion and times, and with a key of numbers. */
enum { THING_ID, THING_NAME, THING_N, THING_COLUMNS };
static const struct hub_column thing_columns[THING_COLUMNS] = {
    [THING_ID] = {.property = "id", .column = "id", .type = HUB_COL_INTEGER, .required = true},
    [THING_NAME] = {.property = "name", .column = "name", .type = HUB_COL_TEXT},
    [THING_N] = {.property = "n", .column = "number", .type = HUB_COL_INTEGER},
};
static const struct hub_index thing_indexes[] = {{.columns = "name", .unique = true}};
static const struct hub_table thing_table = {.name = "thing",
                                             .table = "things",
                                             .managed = true,
                                             .columns = thing_columns,
                                             .column_n = THING_COLUMNS,
                                             .id = THING_ID,
                                             .active = -1,
                                             .created_at = -1,
                                             .updated_at = -1,
                                             .indexes = thing_indexes,
                                             .index_n = 1};

static struct hub_tables *service_tables;
static const struct hub_table *tables[3] = {&msg_table, &thing_table};

static void start(bool with_outbox) {
    const struct hub_service service = {.name = "shop"};
    assert_int_equal(hub_tables_new(&service, true, &service_tables, NULL), HUB_OK);
    tables[2] = service_tables->outbox;
    opened_with.tables = tables;
    opened_with.table_n = 3;
    opened_with.outbox = with_outbox ? service_tables->outbox : NULL;
    open_store("");
}

static void finish(void) {
    close_store();
    hub_tables_free(service_tables);
}

/* ---- writes to thing ---- */

/* What a write left in its rows, by their JSON. */
struct thing {
    struct hub_write w;
    struct hub_cell cells[THING_COLUMNS];
    struct hub_cond where;
    json_t *before, *after;
};

static void thing_done(struct hub_write *w) {
    struct thing *t = w->arg;
    if (w->before.n) t->before = hub_row_json(w->table, hub_row(&w->before, 0));
    if (w->row.n) t->after = hub_row_json(w->table, hub_row(&w->row, 0));
    hub_loop_stop(loop);
}

static enum hub_code write_thing(struct thing *t) {
    t->w.table = &thing_table;
    t->w.done = thing_done;
    t->w.arg = t;
    t->w.cells = t->cells;
    t->w.announce = true;
    hub_uuid7(t->w.event_id);
    store->ops->write(store, &t->w);
    hub_loop_run(loop);
    return t->w.code;
}

static void end_thing(struct thing *t) {
    json_decref(t->before);
    json_decref(t->after);
}

static struct thing new_thing(enum hub_write_kind kind, int64_t id, const char *name, int64_t n) {
    struct thing t = {.w.kind = kind};
    if (id) t.cells[THING_ID] = int_cell(id);
    if (name) t.cells[THING_NAME] = text_cell(name);
    t.cells[THING_N] = int_cell(n);
    if (kind == HUB_UPSERT) t.w.conflict = "name";
    return t;
}

static enum hub_code change_thing(enum hub_write_kind kind, int column, int64_t is, int64_t n) {
    struct thing t = new_thing(kind, 0, NULL, n);
    t.where = (struct hub_cond){.column = column, .cmp = column == THING_ID ? HUB_EQ : HUB_GE, .value = int_cell(is)};
    t.w.where = &t.where;
    t.w.where_n = 1;
    enum hub_code code = write_thing(&t);
    end_thing(&t);
    return code;
}

static enum hub_code add_thing(enum hub_write_kind kind, int64_t id, const char *name, int64_t n) {
    struct thing t = new_thing(kind, id, name, n);
    enum hub_code code = write_thing(&t);
    end_thing(&t);
    return code;
}

/* ---- the outbox ---- */

/* All rows, oldest first. */
static json_t *outbox(void) {
    const struct hub_select q = {.table = service_tables->outbox, .order_by = HUB_OUT_ID, .limit = 1000};
    return select_rows(&q);
}

static void expect_rows(const char *expected) {
    json_t *rows = outbox(), *row, *brief = json_array();
    size_t i;
    json_array_foreach(rows, i, row) json_array_append_new(
        brief, json_pack("[O,O,O,O,O]", json_object_get(row, "object"), json_object_get(row, "kind"),
                         json_object_get(row, "key"), json_object_get(row, "before"), json_object_get(row, "after")));
    json_t *want = hub_json_parse(hub_cstr(expected), NULL);
    assert_non_null(want);
    struct hub_buf got = {0};
    hub_json_add(&got, brief);
    if (!hub_json_equal(brief, want)) fail_msg("outbox: %s\nexpected: %s", hub_buf_cstr(&got), expected);
    hub_buf_free(&got);
    json_decref(want);
    json_decref(brief);
    json_decref(rows);
}

static int64_t outbox_n(void) { return sql_int("SELECT count(*) AS v FROM hubd_outbox_shop"); }

/* ---- tests ---- */

static void changes_leave_a_row_with_what_they_changed(void **state) {
    (void)state;
    start(true);
    assert_int_equal(add_thing(HUB_INSERT, 7, "a \"quoted\" name", 1), HUB_OK);
    assert_int_equal(change_thing(HUB_UPDATE, THING_ID, 7, 2), HUB_OK);
    assert_int_equal(change_thing(HUB_DELETE, THING_ID, 7, 0), HUB_OK);
    expect_rows("[[\"thing\",\"created\",\"7\",null,{\"id\":7,\"name\":\"a \\\"quoted\\\" name\",\"n\":1}],"
                "[\"thing\",\"updated\",\"7\",{\"id\":7,\"name\":\"a \\\"quoted\\\" "
                "name\",\"n\":1},{\"id\":7,\"name\":\"a \\\"quoted\\\" name\",\"n\":2}],"
                "[\"thing\",\"deleted\",\"7\",null,{\"id\":7,\"name\":\"a \\\"quoted\\\" name\",\"n\":2}]]");
    finish();
}

/* Two things of a group, the second with ID. */
static enum hub_code add_two(int64_t id) {
    struct thing first = new_thing(HUB_INSERT, 8, "eight", 1), second = new_thing(HUB_INSERT, id, "other", 1);
    first.w.next = &second.w;
    second.w.table = &thing_table;
    second.w.cells = second.cells;
    second.w.conflict = "id";
    second.w.announce = true;
    hub_uuid7(second.w.event_id);
    enum hub_code code = write_thing(&first);
    end_thing(&first);
    hub_rows_free(&second.w.row);
    hub_rows_free(&second.w.before);
    return code;
}

static void a_group_is_told_of_whole_or_not_at_all(void **state) {
    (void)state;
    start(true);
    assert_int_equal(add_thing(HUB_INSERT, 7, "seven", 1), HUB_OK);
    assert_int_equal(add_two(7), HUB_CONFLICT);
    assert_int_equal(outbox_n(), 1);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM things"), 1);
    assert_int_equal(add_two(9), HUB_OK);
    assert_int_equal(outbox_n(), 3);
    finish();
}

static void the_row_bears_the_event_id_of_the_write(void **state) {
    (void)state;
    start(true);
    struct thing t = new_thing(HUB_INSERT, 1, "x", 1);
    assert_int_equal(write_thing(&t), HUB_OK);
    json_t *rows = outbox();
    assert_string_equal(hub_json_get_str(json_array_get(rows, 0), "id").p, t.w.event_id);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "error")));
    json_decref(rows);
    end_thing(&t);
    finish();
}

static void an_upsert_is_a_creation_or_an_update(void **state) {
    (void)state;
    start(true);
    assert_int_equal(add_thing(HUB_UPSERT, 1, "x", 1), HUB_OK);
    struct thing t = new_thing(HUB_UPSERT, 2, "x", 2);
    assert_int_equal(write_thing(&t), HUB_OK);
    assert_int_equal(json_integer_value(json_object_get(t.before, "n")), 1);
    assert_int_equal(json_integer_value(json_object_get(t.after, "n")), 2);
    expect_rows("[[\"thing\",\"created\",\"1\",null,{\"id\":1,\"name\":\"x\",\"n\":1}],"
                "[\"thing\",\"updated\",\"1\",{\"id\":1,\"name\":\"x\",\"n\":1},{\"id\":1,\"name\":\"x\",\"n\":2}]]");
    end_thing(&t);
    finish();
}

static void a_message_is_announced_with_its_numbers(void **state) {
    (void)state;
    struct message m;
    int left;
    start(true);
    new_message(&m, "r1", 1, &left);
    m.w.announce = true;
    hub_uuid7(m.w.event_id);
    write_and_wait(&m);
    assert_int_equal(m.w.code, HUB_OK);
    new_change(&m, HUB_DELETE, "r1", "r1-1", &left);
    m.w.announce = true;
    hub_uuid7(m.w.event_id);
    write_and_wait(&m);
    assert_int_equal(m.w.code, HUB_OK);
#define MESSAGE(CHANGE, ACTIVE)                                                                                        \
    "{\"id\":\"r1-1\",\"roomId\":\"r1\",\"senderId\":\"u1\",\"messageType\":\"text\",\"content\":{\"text\":\"message " \
    "1\"},\"timestamp\":\"2026-01-01T00:00:"                                                                           \
    "00.123Z\",\"seq\":1,\"changeSeq\":" CHANGE ",\"clientMessageId\":null,\"isActive\":" ACTIVE "}"
    json_t *rows = outbox(), *created = json_object_get(json_array_get(rows, 0), "after");
    json_object_set_new(created, "clientMessageId", json_null()); /* left out where the cell was */
    json_t *want = hub_json_parse(HUB_STR(MESSAGE("1", "true")), NULL);
    assert_true(hub_json_equal(created, want));
    json_decref(want);
    want = hub_json_parse(HUB_STR(MESSAGE("2", "false")), NULL);
    assert_true(hub_json_equal(json_object_get(json_array_get(rows, 1), "after"), want));
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "kind")), "deleted");
    json_decref(want);
    json_decref(rows);
    finish();
}

static void what_changes_nothing_leaves_no_row(void **state) {
    (void)state;
    struct message m;
    int left;
    start(true);
    new_message(&m, "r1", 1, &left);
    m.cells[CLIENT] = text_cell("once");
    write_and_wait(&m);
    new_message(&m, "r1", 2, &left);
    m.cells[CLIENT] = text_cell("once");
    m.w.announce = true;
    hub_uuid7(m.w.event_id);
    write_and_wait(&m);
    assert_true(m.w.duplicate);
    assert_int_equal(add_thing(HUB_INSERT, 1, "x", 1), HUB_OK);
    assert_int_equal(add_thing(HUB_INSERT, 1, "y", 1), HUB_BAD_REQUEST);
    assert_int_equal(change_thing(HUB_UPDATE, THING_ID, 8, 2), HUB_NOT_FOUND);
    assert_int_equal(change_thing(HUB_DELETE, THING_ID, 8, 2), HUB_NOT_FOUND);
    assert_int_equal(outbox_n(), 1);
    finish();
}

static void a_write_that_would_change_several_rows_fails_alone(void **state) {
    (void)state;
    start(true);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(add_thing(HUB_INSERT, i, (const char[]){(char)('a' + i), 0}, 5), HUB_OK);
    assert_int_equal(change_thing(HUB_UPDATE, THING_N, 5, 9), HUB_BAD_REQUEST);
    assert_int_equal(change_thing(HUB_DELETE, THING_N, 5, 9), HUB_BAD_REQUEST);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM things WHERE number = 5"), 3);
    assert_int_equal(outbox_n(), 3);
    finish();
}

static void without_an_outbox_the_rows_are_given_all_the_same(void **state) {
    (void)state;
    start(false);
    assert_int_equal(add_thing(HUB_INSERT, 1, "x", 1), HUB_OK);
    struct thing t = new_thing(HUB_UPDATE, 0, NULL, 2);
    t.where = (struct hub_cond){.column = THING_ID, .value = int_cell(1)};
    t.w.where = &t.where;
    t.w.where_n = 1;
    assert_int_equal(write_thing(&t), HUB_OK);
    assert_int_equal(json_integer_value(json_object_get(t.before, "n")), 1);
    assert_int_equal(json_integer_value(json_object_get(t.after, "n")), 2);
    end_thing(&t);
    assert_int_equal(outbox_n(), 0);
    finish();
}

/* Six bytes of JSON per character make the outbox row too large, though not the row itself. */
static void a_change_too_large_to_be_told_is_not_made(void **state) {
    (void)state;
    if (on_postgres) skip(); /* holds much larger ones */
    start(true);
    size_t n = 12 << 20;
    char *name = hub_xmalloc(n + 1);
    memset(name, 1, n);
    name[n] = 0;
    assert_int_equal(add_thing(HUB_INSERT, 1, name, 1), HUB_TOO_LARGE);
    assert_int_equal(add_thing(HUB_INSERT, 2, "small", 1), HUB_OK);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM things"), 1);
    assert_int_equal(outbox_n(), 1);
    free(name);
    finish();
}

static void scripts_may_look_at_the_outbox_and_no_more(void **state) {
    (void)state;
    start(true);
    struct sql_answer a = sql("DELETE FROM hubd_outbox_shop", NULL);
    assert_int_equal(a.code, HUB_NOT_ALLOWED);
    json_decref(a.result);
    assert_int_equal(outbox_n(), 0);
    finish();
}

/* ---- kill -9 ---- */

static int report_fd;
static int sent;
static void send_next(struct message *m);

static void report(struct hub_write *w) {
    if (w->code) _exit(3);
    if (write(report_fd, &w->number, sizeof w->number) != sizeof w->number) _exit(4);
    send_next(w->arg);
}

static void send_next(struct message *m) {
    static int left = 1 << 30;
    new_message(m, "r1", sent++, &left);
    m->w.done = report;
    m->w.announce = true;
    hub_uuid7(m->w.event_id);
    store->ops->write(store, &m->w);
}

static void write_until_killed(int fd) {
    static struct message m[16];
    report_fd = fd;
    loop = hub_loop_new(NULL);
    if (store_ops()->open(loop, &opened_with, &store, NULL) || store->ops->apply(store, NULL)) _exit(2);
    for (int i = 0; i < 16; i++) send_next(&m[i]);
    hub_loop_run(loop);
    _exit(5);
}

static void after_kill_9_every_message_has_its_outbox_row(void **state) {
    (void)state;
    start(true);
    close_store_only();
    int fds[2], status;
    int64_t number, last = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (!pid) write_until_killed(fds[1]);
    close(fds[1]);
    while (last < 300 && read(fds[0], &number, sizeof number) == sizeof number) last = number;
    kill(pid, SIGKILL);
    close(fds[0]);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    open_messages(store_ops());
    assert_int_equal(counter("r1").code, HUB_OK); /* what the killed one had under way is over */
    int64_t n = sql_int("SELECT count(*) AS v FROM \"chatMessage\"");
    assert_true(n >= 300);
    assert_int_equal(outbox_n(), n);
    assert_int_equal(
        sql_int(on_postgres
                    ? "SELECT count(*) AS v FROM \"chatMessage\" m JOIN hubd_outbox_shop o ON o.\"key\" = m.id AND "
                      "(o.\"after\" ->> 'seq')::bigint = m.seq"
                    : "SELECT count(*) AS v FROM \"chatMessage\" m JOIN hubd_outbox_shop o ON o.\"key\" = m.id AND "
                      "json_extract(o.\"after\", '$.seq') = m.seq"),
        n);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_leave_a_row_with_what_they_changed),
        cmocka_unit_test(a_group_is_told_of_whole_or_not_at_all),
        cmocka_unit_test(the_row_bears_the_event_id_of_the_write),
        cmocka_unit_test(an_upsert_is_a_creation_or_an_update),
        cmocka_unit_test(a_message_is_announced_with_its_numbers),
        cmocka_unit_test(what_changes_nothing_leaves_no_row),
        cmocka_unit_test(a_write_that_would_change_several_rows_fails_alone),
        cmocka_unit_test(without_an_outbox_the_rows_are_given_all_the_same),
        cmocka_unit_test(a_change_too_large_to_be_told_is_not_made),
        cmocka_unit_test(scripts_may_look_at_the_outbox_and_no_more),
        cmocka_unit_test(after_kill_9_every_message_has_its_outbox_row),
    };
    return RUN_ON_STORE(tests);
}
