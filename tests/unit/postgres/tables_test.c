/* Tables of PostgreSQL: those that others made (columns of other types than the definition says, views,
 * constraints that wait for the commit), and what only PostgreSQL has to migrate: types of enums, schemas,
 * several services that start at once. */
#include "store_fixture.h"

#include <sys/wait.h>

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
    loop = hub_loop_new(NULL);
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
static enum hub_stored room_stored[ROOM_COLUMNS];
static const struct hub_column room_columns[ROOM_COLUMNS] = {
    [ROOM_ID_] = {.property = "id",
                  .column = "channel_id",
                  .type = HUB_COL_ID,
                  .required = true,
                  .stored = &room_stored[ROOM_ID_]},
    [ROOM_TITLE] = {.property = "title", .column = "name", .type = HUB_COL_STRING, .stored = &room_stored[ROOM_TITLE]},
    [ROOM_OPEN] = {.property = "open", .column = "is_open", .type = HUB_COL_BOOLEAN, .stored = &room_stored[ROOM_OPEN]},
    [ROOM_SINCE] = {.property = "since",
                    .column = "created",
                    .type = HUB_COL_DATETIME,
                    .stored = &room_stored[ROOM_SINCE]},
    [ROOM_PRICE] = {.property = "price",
                    .column = "price",
                    .type = HUB_COL_DECIMAL,
                    .stored = &room_stored[ROOM_PRICE]},
    [ROOM_EXTRA] = {.property = "extra", .column = "extra", .type = HUB_COL_JSON, .stored = &room_stored[ROOM_EXTRA]},
};
static const struct hub_table room_table = {.name = "channel",
                                            .table = "channels",
                                            .columns = room_columns,
                                            .column_n = ROOM_COLUMNS,
                                            .id = ROOM_ID_,
                                            .active = -1,
                                            .created_at = -1,
                                            .updated_at = -1};
static const char *const by_number[] = {
    "CREATE TABLE channels (channel_id serial PRIMARY KEY, name varchar(20) NOT NULL, is_open boolean, created "
    "timestamp, price numeric(10, 2), extra "
    "json)",
    "INSERT INTO channels (name, is_open, created, price, extra) SELECT 'c' || i, i % 2 = 0, '2026-01-02 "
    "03:04:05.678901', i * 1.5, '{\"a\": 1}' FROM "
    "generate_series(1, 3000) AS i",
    "ANALYZE channels", NULL};
static const char *const by_uuid[] = {
    "CREATE TABLE base (channel_id uuid PRIMARY KEY, name text, is_open boolean, created date, price real, extra "
    "jsonb)",
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
    expect_row("7", "[{\"id\":\"7\",\"title\":\"c7\",\"open\":false,\"since\":\"2026-01-02T03:04:05.678Z\",\"price\":"
                    "10.5,\"extra\":{\"a\":1}}]");
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

static void a_table_that_is_altered_meanwhile_is_read_and_written_on(void **state) {
    (void)state;
    struct hub_cell cells[ROOM_COLUMNS] = {{0}};
    struct hub_cond where = {.column = ROOM_ID_, .value = text_cell("7")};
    start_with(&room_table, by_number);
    const char *database = strrchr(url, '/') + 1;
    for (int i = 0; i < 6; i++) {
        int left = 1;
        struct message m = {.left = &left};
        cells[ROOM_TITLE] = text_cell("seven");
        m.w = (struct hub_write){.table = &room_table,
                                 .kind = HUB_UPDATE,
                                 .cells = cells,
                                 .where = &where,
                                 .where_n = 1,
                                 .return_row = true,
                                 .announce = i > 2, /* by itself */
                                 .done = message_done,
                                 .arg = &m};
        store->ops->write(store, &m.w);
        hub_loop_run(loop);
        if (m.w.code) fail_msg("%s", m.w.error);
        expect_row("7", "[{\"id\":\"7\",\"title\":\"seven\",\"open\":false,\"since\":\"2026-01-02T03:04:05.678Z\","
                        "\"price\":10.5,\"extra\":{\"a\":1}}]");
        const char *change =
            i % 2 ? "ALTER TABLE channels ALTER name TYPE varchar(300)" : "ALTER TABLE channels ALTER name TYPE text";
        assert_true(postgres_sql(&server, database, change, NULL, 0));
    }
    finish();
}

static void a_view_over_uuids_is_read_and_written(void **state) {
    (void)state;
    start_with(&room_table, by_uuid);
    expect_row("0190a0b0-0000-7000-8000-000000000001",
               "[{\"id\":\"0190a0b0-0000-7000-8000-000000000001\",\"title\":\"first\",\"open\":true,\"since\":\"2026-"
               "01-02T00:00:00.000Z\",\"price\":1.5,"
               "\"extra\":[1]}]");
    expect_row("c1", "[]");
    struct hub_cell cells[ROOM_COLUMNS] = {{0}};
    struct hub_cond where = {.column = ROOM_ID_, .value = text_cell("0190a0b0-0000-7000-8000-000000000001")};
    int left = 1;
    struct message m = {.left = &left};
    cells[ROOM_TITLE] = text_cell("renamed");
    m.w = (struct hub_write){.table = &room_table,
                             .kind = HUB_UPDATE,
                             .cells = cells,
                             .where = &where,
                             .where_n = 1,
                             .announce = true,
                             .done = message_done,
                             .arg = &m};
    store->ops->write(store, &m.w);
    hub_loop_run(loop);
    if (m.w.code) fail_msg("%s", m.w.error);
    assert_int_equal(m.w.changes, 1);
    finish();
}

static enum hub_code read_rooms(void) {
    struct rows_answer a = {0};
    const struct hub_select q = {.table = &room_table, .order_by = -1, .limit = 1};
    store->ops->select(store, &q, take_rows, &a);
    hub_loop_run(loop);
    json_decref(a.rows);
    return a.code;
}

static void a_table_that_has_gone_is_told_of(void **state) {
    (void)state;
    struct hub_buf why = {0};
    start_with(&room_table, by_number);
    const char *database = strrchr(url, '/') + 1;
    do { /* until the one that writes has taken over, too: else that is the reason it gives */
        hub_buf_clear(&why);
        assert_int_equal(read_rooms(), HUB_OK);
    } while (!store->ops->ready(store, &why));
    assert_true(postgres_sql(&server, database, "ALTER TABLE channels RENAME TO elsewhere", NULL, 0));
    assert_int_equal(read_rooms(), HUB_STORE_UNAVAILABLE);
    assert_false(store->ops->ready(store, &why));
    if (!strstr(hub_buf_cstr(&why), "\"channels\" does not exist")) fail_msg("%s", hub_buf_cstr(&why));
    hub_buf_free(&why);
    assert_true(postgres_sql(&server, database, "ALTER TABLE elsewhere RENAME TO channels", NULL, 0));
    assert_int_equal(read_rooms(), HUB_OK);
    finish();
}

/* Tables of a version that left the order of texts to the database; what somebody built upon a column is
 * left alone. */
static void managed_texts_go_by_their_bytes(void **state) {
    (void)state;
    static const struct hub_column columns[] = {
        {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
        {.property = "title", .column = "title", .type = HUB_COL_STRING},
        {.property = "seen", .column = "seen", .type = HUB_COL_TEXT},
        {.property = "new", .column = "new", .type = HUB_COL_TEXT},
    };
    static const struct hub_table table = {.name = "old",
                                           .table = "old",
                                           .managed = true,
                                           .columns = columns,
                                           .column_n = 4,
                                           .active = -1,
                                           .created_at = -1,
                                           .updated_at = -1};
    static const struct hub_table *tables[] = {&table};
    struct hub_err err;
    struct hub_buf plan = {0};
    char collations[64];
    assert_true(postgres_sql(&server, "postgres",
                             "CREATE DATABASE letters2 TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'", NULL,
                             0));
    assert_true(postgres_sql(&server, "letters2",
                             "CREATE TABLE old (id text PRIMARY KEY, title varchar(255) DEFAULT 'x', seen text); "
                             "INSERT INTO old VALUES ('a', 'b', 'c'); "
                             "CREATE VIEW looks AS SELECT seen FROM old",
                             NULL, 0));
    postgres_url(&server, "letters2", url, sizeof url);
    loop = hub_loop_new(NULL);
    if (open_with(&hub_postgres_ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
    assert_int_equal(store->ops->plan(store, &plan, &err), HUB_OK);
    assert_string_equal(hub_buf_cstr(&plan), "");
    hub_buf_free(&plan);
    assert_true(postgres_sql(&server, "letters2",
                             "SELECT string_agg(c.collname, ' ' ORDER BY a.attnum) FROM pg_attribute a JOIN "
                             "pg_collation c ON c.oid = a.attcollation "
                             "WHERE attrelid = 'old'::regclass",
                             collations, sizeof collations));
    assert_string_equal(collations, "C C default C");
    finish();
}

/* ---- a constraint that waits for the commit ---- */

static const struct hub_column child_columns[] = {
    {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
    {.property = "parent", .column = "parent", .type = HUB_COL_ID},
};
static const struct hub_table child_table = {.name = "child",
                                             .table = "child",
                                             .columns = child_columns,
                                             .column_n = 2,
                                             .id = 0,
                                             .active = -1,
                                             .created_at = -1,
                                             .updated_at = -1};
static const char *const deferred[] = {
    "CREATE TABLE parent (id text PRIMARY KEY)",
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
        m[i].w = (struct hub_write){
            .table = &child_table, .kind = HUB_INSERT, .cells = m[i].cells, .done = message_done, .arg = &m[i]};
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

/* ---- migration ---- */

static const char *const colours[] = {"red", "it's", NULL};
#define LONG "aVeryLongNameThatGoesOnAndOnUntilNobodyRemembersHowItBegan"
static const struct hub_column enum_columns[] = {
    {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
    {.property = "colour", .column = "colour", .type = HUB_COL_ENUM, .enum_values = colours, .default_json = "\"red\""},
    {.property = LONG "1", .column = LONG "1", .type = HUB_COL_ENUM, .enum_values = colours},
    {.property = LONG "2", .column = LONG "2", .type = HUB_COL_ENUM, .enum_values = colours},
};
static const struct hub_index enum_indexes[] = {{.columns = LONG "1"}, {.columns = LONG "2"}};
static const struct hub_table enum_table = {.name = "painted",
                                            .table = "painted",
                                            .managed = true,
                                            .columns = enum_columns,
                                            .column_n = 4,
                                            .active = -1,
                                            .created_at = -1,
                                            .updated_at = -1,
                                            .indexes = enum_indexes,
                                            .index_n = 2};

static void expect_nothing_to_do(void) {
    struct hub_err err;
    struct hub_buf plan = {0};
    assert_int_equal(store->ops->plan(store, &plan, &err), HUB_OK);
    if (plan.n) fail_msg("a second start would change again: %s", hub_buf_cstr(&plan));
    hub_buf_free(&plan);
}

static void long_names_stay_apart(void **state) {
    static const char *const nothing[] = {NULL};
    (void)state;
    start_with(&enum_table, nothing);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM pg_type WHERE typtype = 'e' AND typname LIKE 'painted%'"), 3);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM pg_indexes WHERE tablename = 'painted'"), 3);
    expect_nothing_to_do();
    finish();
}

static void texts_become_an_enum_and_a_type_that_was_left_over_goes(void **state) {
    static const char *const before[] = {"CREATE TYPE painted_colour AS ENUM ('left over')",
                                         "CREATE TABLE painted (id text PRIMARY KEY, colour varchar(10) DEFAULT 'red')",
                                         "INSERT INTO painted VALUES ('a', 'it''s'), ('b', NULL)", NULL};
    (void)state;
    start_with(&enum_table, before);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM painted WHERE colour = 'it''s'"), 1);
    struct sql_answer a = sql("INSERT INTO painted (id) VALUES ('c') RETURNING colour AS v", NULL);
    assert_string_equal(json_string_value(json_object_get(json_array_get(a.result, 0), "v")), "red");
    json_decref(a.result);
    expect_nothing_to_do();
    finish();
}

static void rows_outside_a_new_enum_are_refused(void **state) {
    static const struct hub_table *tables[] = {&enum_table};
    struct hub_err err;
    (void)state;
    assert_true(postgres_sql(&server, "postgres", "CREATE DATABASE outside", NULL, 0));
    assert_true(postgres_sql(&server, "outside", "CREATE TABLE painted (id text PRIMARY KEY, colour text)", NULL, 0));
    assert_true(postgres_sql(&server, "outside", "INSERT INTO painted VALUES ('a', 'blue')", NULL, 0));
    postgres_url(&server, "outside", url, sizeof url);
    loop = hub_loop_new(NULL);
    assert_int_equal(open_with(&hub_postgres_ops, tables, 1, &err), HUB_OK);
    assert_int_equal(store->ops->apply(store, &err), HUB_NOT_ALLOWED);
    assert_non_null(strstr(err.text, "table \"painted\", column \"colour\": rows have the value \"blue\""));
    finish();
}

static void a_table_of_another_schema_is_read_and_written(void **state) {
    static const char *const before[] = {
        "CREATE SCHEMA crm",
        "CREATE TABLE crm.channels (channel_id bigint PRIMARY KEY, name text, is_open boolean, "
        "created timestamptz, price real, extra jsonb)",
        "INSERT INTO crm.channels VALUES (7, 'seven', true, '2026-01-02Z', 1.5, '[1]')", NULL};
    struct hub_table t = room_table;
    struct hub_cell cells[ROOM_COLUMNS] = {{0}};
    struct hub_cond where = {.column = ROOM_ID_, .value = text_cell("7")};
    int left = 1;
    struct message m = {.left = &left};
    (void)state;
    t.table = "crm.channels";
    start_with(&t, before);
    cells[ROOM_TITLE] = text_cell("renamed");
    m.w = (struct hub_write){.table = &t,
                             .kind = HUB_UPDATE,
                             .cells = cells,
                             .where = &where,
                             .where_n = 1,
                             .announce = true,
                             .done = message_done,
                             .arg = &m};
    store->ops->write(store, &m.w);
    hub_loop_run(loop);
    if (m.w.code) fail_msg("%s", m.w.error);
    struct hub_select q = {.table = &t, .where = &where, .where_n = 1, .order_by = -1, .limit = 10};
    json_t *rows = select_rows(&q);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "title")), "renamed");
    json_decref(rows);
    finish();
}

static void a_managed_table_and_its_types_go_into_its_schema(void **state) {
    static const char *const before[] = {"CREATE SCHEMA crm", NULL};
    static const char *const more[] = {"red", "it's", "green", NULL};
    struct hub_column columns[4];
    struct hub_table t = enum_table;
    struct hub_err err;
    (void)state;
    memcpy(columns, enum_columns, sizeof columns);
    t.columns = columns;
    t.table = "crm.painted";
    start_with(&t, before);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM pg_type WHERE typtype = 'e' AND typname LIKE 'painted%' AND "
                             "typnamespace = 'crm'::regnamespace"),
                     3);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM pg_indexes WHERE tablename = 'painted' AND schemaname = 'crm'"),
                     3);
    expect_nothing_to_do();
    columns[1].enum_values = more;
    assert_int_equal(counter("r1").code, HUB_OK); /* connected, which applying a second time expects */
    if (store->ops->apply(store, &err)) fail_msg("%s", err.text);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM pg_enum WHERE enumtypid = 'crm.painted_colour'::regtype"), 3);
    expect_nothing_to_do();
    finish();
}

/* Unquoted names are made small by PostgreSQL, and ours are quoted. */
static void a_column_that_differs_in_case_is_another_one(void **state) {
    static const struct hub_table *tables[] = {&room_table};
    struct hub_err err;
    (void)state;
    assert_true(postgres_sql(&server, "postgres", "CREATE DATABASE letters", NULL, 0));
    assert_true(
        postgres_sql(&server, "letters",
                     "CREATE TABLE channels (channel_id int PRIMARY KEY, \"Name\" text, is_open boolean, created date, "
                     "price real, extra json)",
                     NULL, 0));
    postgres_url(&server, "letters", url, sizeof url);
    loop = hub_loop_new(NULL);
    assert_int_equal(open_with(&hub_postgres_ops, tables, 1, &err), HUB_OK);
    assert_int_equal(store->ops->apply(store, &err), HUB_NOT_ALLOWED);
    assert_non_null(
        strstr(err.text, "has no column \"name\" for the property \"title\" of \"channel\" (but \"Name\")"));
    finish();
}

/* Exit code 0: its tables were there in the end. */
static pid_t start_beside(const char *with, const char *service, int hold) {
    struct hub_err err;
    pid_t pid = fork();
    if (pid) return pid;
    snprintf(url, sizeof url, "%s", with);
    opened_with.service = service;
    loop = hub_loop_new(NULL);
    if (open_with(&hub_postgres_ops, msg_tables, 1, &err) || store->ops->apply(store, &err)) {
        fprintf(stderr, "%s: %s\n", service, err.text);
        _exit(1);
    }
    struct counter_answer a = {.code = hold ? HUB_STORE_UNAVAILABLE : HUB_OK};
    for (int i = 0; i < 3 && a.code; i++) a = counter("r1");
    _exit(a.code ? 2 : 0);
}

static void services_that_start_at_once_take_turns(void **state) {
    char with[160];
    int status;
    pid_t pids[6];
    (void)state;
    assert_true(postgres_sql(&server, "postgres", "CREATE DATABASE turns", NULL, 0));
    postgres_url(&server, "turns", with, sizeof with);
    for (size_t i = 0; i < HUB_NELEM(pids); i++) pids[i] = start_beside(with, i % 2 ? "odd" : "even", 0);
    for (size_t i = 0; i < HUB_NELEM(pids); i++) {
        waitpid(pids[i], &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* Their message tables may have other names (dataObjectName), but moderation, receipts and the counters of
 * rooms are named after the hub. */
static void hubs_of_one_name_in_two_services_do_not_write_at_once(void **state) {
    static const struct hub_column columns[] = {
        {.property = "roomId", .column = "roomId", .type = HUB_COL_ID, .required = true},
        {.property = "userId", .column = "userId", .type = HUB_COL_ID, .required = true}};
    static const struct hub_table receipts = {.name = "chatReceipt",
                                              .table = "chatReceipt",
                                              .managed = true,
                                              .columns = columns,
                                              .column_n = 2,
                                              .id = HUB_NO_ID,
                                              .active = -1,
                                              .created_at = -1,
                                              .updated_at = -1};
    static const struct hub_table *tables[] = {&receipts};
    const char *service = opened_with.service;
    struct hub_err err;
    struct hub_buf why = {0};
    int status, claimed[2];
    char byte = 0;
    (void)state;
    assert_int_equal(pipe(claimed), 0);
    assert_true(postgres_sql(&server, "postgres", "CREATE DATABASE namesakes", NULL, 0));
    postgres_url(&server, "namesakes", url, sizeof url);
    pid_t pid = fork();
    opened_with.service = pid ? "first" : "second";
    loop = hub_loop_new(NULL);
    if (!pid && read(claimed[0], &byte, 1) != 1) _exit(2);
    if (open_with(&hub_postgres_ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
    if (!pid) {
        enum hub_code code = counter("r1").code;
        store->ops->ready(store, &why);
        _exit(
            code == HUB_STORE_UNAVAILABLE &&
                    strstr(hub_buf_cstr(&why), "table chatReceipt is being written by another session: \"hubd first\"")
                ? 0
                : 1);
    }
    assert_int_equal(counter("r1").code, HUB_OK);
    assert_int_equal(write(claimed[1], &byte, 1), 1);
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    close(claimed[0]);
    close(claimed[1]);
    opened_with.service = service;
    finish();
}

/* The same hub twice in one database: each in a schema of its own. */
static void schemas_keep_services_apart(void **state) {
    char with[2][200];
    int status;
    pid_t pids[2];
    (void)state;
    assert_true(postgres_sql(&server, "postgres", "CREATE DATABASE apart", NULL, 0));
    assert_true(postgres_sql(&server, "apart", "CREATE SCHEMA north", NULL, 0));
    assert_true(postgres_sql(&server, "apart", "CREATE SCHEMA south", NULL, 0));
    for (int i = 0; i < 2; i++)
        snprintf(with[i], sizeof with[i], "postgresql://postgres@127.0.0.1:%d/apart?options=-csearch_path%%3D%s",
                 server.port, i ? "north" : "south");
    snprintf(url, sizeof url, "%s", with[0]);
    loop = hub_loop_new(NULL);
    open_messages(&hub_postgres_ops);
    assert_int_equal(counter("r1").code, HUB_OK); /* and holds its schema */
    for (int i = 0; i < 2; i++) pids[i] = start_beside(with[i], "test", 1);
    waitpid(pids[1], &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    finish();
    waitpid(pids[0], &status, 0); /* had to wait for the first */
    assert_int_equal(WEXITSTATUS(status), 0);
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
        cmocka_unit_test(a_table_that_is_altered_meanwhile_is_read_and_written_on),
        cmocka_unit_test(a_view_over_uuids_is_read_and_written),
        cmocka_unit_test(a_table_that_has_gone_is_told_of),
        cmocka_unit_test(managed_texts_go_by_their_bytes),
        cmocka_unit_test(a_row_that_fails_at_the_commit_fails_alone),
        cmocka_unit_test(long_names_stay_apart),
        cmocka_unit_test(texts_become_an_enum_and_a_type_that_was_left_over_goes),
        cmocka_unit_test(rows_outside_a_new_enum_are_refused),
        cmocka_unit_test(a_table_of_another_schema_is_read_and_written),
        cmocka_unit_test(a_managed_table_and_its_types_go_into_its_schema),
        cmocka_unit_test(a_column_that_differs_in_case_is_another_one),
        cmocka_unit_test(services_that_start_at_once_take_turns),
        cmocka_unit_test(hubs_of_one_name_in_two_services_do_not_write_at_once),
        cmocka_unit_test(schemas_keep_services_apart),
    };
    const char *reason;
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
