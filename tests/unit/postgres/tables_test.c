/* Tables that others made: columns of other types than the definition says, views, constraints that wait for the commit. */
#include "store_fixture.h"

#include "adapters/postgres/postgres.h"
#include "postgres_server.h"

static struct postgres_server server;

static void start_with(const struct hub_table *t, const char *const *ddl) {
    static const struct hub_table *tables[2];
    static int serial;
    static char name[32];
    char create[64];
    struct hub_err err;
    snprintf(name, sizeof name, "others%d", ++serial);
    snprintf(create, sizeof create, "CREATE DATABASE %s", name);
    assert_true(postgres_sql(&server, "postgres", create, NULL, 0));
    for (; *ddl; ddl++) assert_true(postgres_sql(&server, name, *ddl, NULL, 0));
    postgres_url(&server, name, url, sizeof url);
    loop = hub_loop_new();
    tables[0] = t;
    tables[1] = &msg_table;
    if (open_with(&hub_postgres_ops, tables, 2, &err)) fail_msg("%s", err.text);
    if (store->ops->apply(store, &err)) fail_msg("%s", err.text);
}

static void finish(void) {
    close_store_only();
    hub_loop_delete(loop);
}

/* ---- a room object with a number for an id, a member object with a uuid, columns under other names ---- */

enum { ROOM_ID_, ROOM_TITLE, ROOM_OPEN, ROOM_SINCE, ROOM_PRICE, ROOM_EXTRA, ROOM_COLUMNS };
static const struct hub_column room_columns[ROOM_COLUMNS] = {
    [ROOM_ID_] = {.property = "id", .column = "channel_id", .type = HUB_COL_ID, .required = true},
    [ROOM_TITLE] = {.property = "title", .column = "name", .type = HUB_COL_STRING},
    [ROOM_OPEN] = {.property = "open", .column = "is_open", .type = HUB_COL_BOOLEAN},
    [ROOM_SINCE] = {.property = "since", .column = "created", .type = HUB_COL_DATETIME},
    [ROOM_PRICE] = {.property = "price", .column = "price", .type = HUB_COL_DECIMAL},
    [ROOM_EXTRA] = {.property = "extra", .column = "extra", .type = HUB_COL_JSON},
};
static const struct hub_table room_table = {.name = "channel",
                                            .table = "channels",
                                            .columns = room_columns,
                                            .column_n = ROOM_COLUMNS,
                                            .id = ROOM_ID_,
                                            .active = -1,
                                            .created_at = -1,
                                            .updated_at = -1};
static const char *const by_number[] = {"CREATE TABLE channels (channel_id serial PRIMARY KEY, name varchar(20) NOT NULL, is_open boolean, created "
                                        "timestamp, price numeric(10, 2), extra "
                                        "json)",
                                        "INSERT INTO channels (name, is_open, created, price, extra) SELECT 'c' || i, i % 2 = 0, '2026-01-02 "
                                        "03:04:05.678901', i * 1.5, '{\"a\": 1}' FROM "
                                        "generate_series(1, 3000) AS i",
                                        "ANALYZE channels", NULL};
static const char *const by_uuid[] = {
    "CREATE TABLE base (channel_id uuid PRIMARY KEY, name text, is_open boolean, created date, price real, extra jsonb)",
    "INSERT INTO base VALUES ('0190a0b0-0000-7000-8000-000000000001', 'first', true, '2026-01-02', 1.5, '[1]')",
    "CREATE VIEW channels AS SELECT * FROM base WHERE name IS NOT NULL", NULL};

static json_t *find(const char *id) {
    struct hub_cond where = {.column = ROOM_ID_, .value = text_cell(id)};
    struct hub_select q = {.table = &room_table, .where = &where, .where_n = 1, .order_by = -1, .limit = 10};
    return select_rows(&q);
}

static void expect_row(const char *id, const char *expected) {
    struct hub_buf got = {0};
    json_t *rows = find(id), *want = hub_json_parse(hub_cstr(expected), NULL);
    hub_json_add(&got, rows);
    if (!hub_json_equal(rows, want)) fail_msg("%s\nexpected: %s", hub_buf_cstr(&got), expected);
    hub_buf_free(&got);
    json_decref(rows);
    json_decref(want);
}

static void ids_of_numbers_are_compared_with_texts(void **state) {
    (void)state;
    start_with(&room_table, by_number);
    expect_row("7", "[{\"id\":\"7\",\"title\":\"c7\",\"open\":false,\"since\":\"2026-01-02T03:04:05.678Z\",\"price\":10.5,\"extra\":{\"a\":1}}]");
    expect_row("no number", "[]");
    expect_row("99999999999999999999999", "[]");
    finish();
}

static void the_index_over_an_id_of_numbers_is_used(void **state) {
    (void)state;
    start_with(&room_table, by_number);
    struct sql_answer a = sql("EXPLAIN SELECT * FROM channels WHERE channel_id = $1", "[\"7\"]");
    struct hub_buf plan = {0};
    hub_json_add(&plan, a.result);
    assert_non_null(strstr(hub_buf_cstr(&plan), "Index"));
    hub_buf_free(&plan);
    json_decref(a.result);
    finish();
}

static void a_view_over_uuids_is_read_and_written(void **state) {
    (void)state;
    start_with(&room_table, by_uuid);
    expect_row(
        "0190a0b0-0000-7000-8000-000000000001",
        "[{\"id\":\"0190a0b0-0000-7000-8000-000000000001\",\"title\":\"first\",\"open\":true,\"since\":\"2026-01-02T00:00:00.000Z\",\"price\":1.5,"
        "\"extra\":[1]}]");
    expect_row("c1", "[]");
    struct hub_cell cells[ROOM_COLUMNS] = {{0}};
    struct hub_cond where = {.column = ROOM_ID_, .value = text_cell("0190a0b0-0000-7000-8000-000000000001")};
    int left = 1;
    struct message m = {.left = &left};
    cells[ROOM_TITLE] = text_cell("renamed");
    m.w = (struct hub_write){
        .table = &room_table, .kind = HUB_UPDATE, .cells = cells, .where = &where, .where_n = 1, .announce = true, .done = message_done, .arg = &m};
    store->ops->write(store, &m.w);
    hub_loop_run(loop);
    if (m.w.code) fail_msg("%s", m.w.error);
    assert_int_equal(m.w.changes, 1);
    finish();
}

/* ---- a constraint that waits for the commit ---- */

static const struct hub_column child_columns[] = {
    {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
    {.property = "parent", .column = "parent", .type = HUB_COL_ID},
};
static const struct hub_table child_table = {
    .name = "child", .table = "child", .columns = child_columns, .column_n = 2, .id = 0, .active = -1, .created_at = -1, .updated_at = -1};
static const char *const deferred[] = {"CREATE TABLE parent (id text PRIMARY KEY)",
                                       "CREATE TABLE child (id text PRIMARY KEY, parent text REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
                                       "INSERT INTO parent VALUES ('p')", NULL};

static void a_row_that_fails_at_the_commit_fails_alone(void **state) {
    (void)state;
    enum { N = 5 };
    struct message m[N], text;
    char ids[N][16];
    int left = N + 1;
    start_with(&child_table, deferred);
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        m[i] = (struct message){.left = &left};
        m[i].cells[0] = text_cell(ids[i]);
        m[i].cells[1] = text_cell(i == 2 ? "nobody" : "p");
        m[i].w = (struct hub_write){.table = &child_table, .kind = HUB_INSERT, .cells = m[i].cells, .done = message_done, .arg = &m[i]};
        store->ops->write(store, &m[i].w);
    }
    new_message(&text, "r1", 1, &left);
    store->ops->write(store, &text.w);
    hub_loop_run(loop);
    for (int i = 0; i < N; i++) assert_int_equal(m[i].w.code, i == 2 ? HUB_BAD_REQUEST : HUB_OK);
    assert_non_null(strstr(m[2].w.error, "foreign key"));
    assert_int_equal(text.w.number, 1);
    finish();
}

static int stop_server(void **state) {
    (void)state;
    postgres_stop(&server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_numbers_are_compared_with_texts),
        cmocka_unit_test(the_index_over_an_id_of_numbers_is_used),
        cmocka_unit_test(a_view_over_uuids_is_read_and_written),
        cmocka_unit_test(a_row_that_fails_at_the_commit_fails_alone),
    };
    const char *reason;
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
