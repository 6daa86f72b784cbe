/* Columns of PostgreSQL's many types under properties of nine: converted, or refused at the start with
 * column and type. */
#include "adapters/postgres/postgres.h"
#include "foreign_types.h"
#include "postgres_server.h"

static struct postgres_server server;

static void run(const char *sql) { assert_true(postgres_sql(&server, "types", sql, NULL, 0)); }

static void check(const struct foreign *all, size_t n) {
    char sql[400];
    for (size_t i = 0; i < n; i++) {
        run("DROP TABLE IF EXISTS other");
        snprintf(sql, sizeof sql, "CREATE TABLE other (id text, v %s)", all[i].type);
        run(sql);
        snprintf(sql, sizeof sql, "INSERT INTO other VALUES ('x', %s)", all[i].value);
        run(sql);
        check_foreign(&hub_postgres_ops, &all[i]);
    }
}

static void what_fits_is_of_the_propertys_type(void **state) {
    (void)state;
    static const struct foreign all[] = {
        {"text[]", "'{anna,bob}'", HUB_COL_JSON, "[\"anna\",\"bob\"]"},
        {"text[]", "'{\"a,b\",NULL,\"\\\"q\\\"\",\"{}\"}'", HUB_COL_JSON, "[\"a,b\",null,\"\\\"q\\\"\",\"{}\"]"},
        {"text[]", "'{}'", HUB_COL_JSON, "[]"},
        {"text[]", "NULL", HUB_COL_JSON, "null"},
        {"int[]", "'{{1,2},{3,4}}'", HUB_COL_JSON, "[[1,2],[3,4]]"},
        {"bool[]", "'{t,f}'", HUB_COL_JSON, "[true,false]"},
        {"uuid[]", "'{0190a0b0-0000-7000-8000-000000000001}'", HUB_COL_JSON,
         "[\"0190a0b0-0000-7000-8000-000000000001\"]"},
        {"jsonb[]", "ARRAY['{\"a\":1}'::jsonb]", HUB_COL_JSON, "[{\"a\":1}]"},
        {"names", "'{x}'", HUB_COL_JSON, "[\"x\"]"},
        {"jsonb", "'{\"a\":[1,2.5,null]}'", HUB_COL_JSON, "{\"a\":[1,2.5,null]}"},
        {"json", "'[1, 2]'", HUB_COL_JSON, "[1,2]"},
        {"json", "'{\"a\":\"\\u0000\"}'", HUB_COL_JSON, "{\"a\":\"\\u0000\"}"},
        {"char(5)", "'ab'", HUB_COL_STRING, "\"ab\""},
        {"char(5)", "'ab'", HUB_COL_ID, "\"ab\""},
        {"varchar(40)", "'ab '", HUB_COL_STRING, "\"ab \""},
        {"name", "'ab'", HUB_COL_TEXT, "\"ab\""},
        {"email", "'A@b.c'", HUB_COL_STRING, "\"A@b.c\""},
        {"mood", "'sad'", HUB_COL_ENUM, "\"sad\""},
        {"mood", "'sad'", HUB_COL_STRING, "\"sad\""},
        {"uuid", "'0190A0B0-0000-7000-8000-000000000001'", HUB_COL_ID, "\"0190a0b0-0000-7000-8000-000000000001\""},
        {"bigint", "9223372036854775807", HUB_COL_ID, "\"9223372036854775807\""},
        {"bigint", "9223372036854775807", HUB_COL_INTEGER, "9223372036854775807"},
        {"smallint", "-5", HUB_COL_INTEGER, "-5"},
        {"positive", "5", HUB_COL_INTEGER, "5"},
        {"numeric(20)", "123456789012345678", HUB_COL_INTEGER, "123456789012345678"},
        {"numeric", "3.000", HUB_COL_INTEGER, "3"},
        {"numeric", "3.5", HUB_COL_INTEGER, "null"},
        {"numeric", "9007199254740993.00", HUB_COL_INTEGER, "9007199254740993"},
        {"numeric", "3.00", HUB_COL_ID, "\"3\""},
        {"numeric", "-30.0", HUB_COL_ID, "\"-30\""},
        {"numeric", "1e30", HUB_COL_ID, "\"1000000000000000000000000000000\""},
        {"numeric", "3.5", HUB_COL_ID, "null"},
        {"numeric", "'NaN'", HUB_COL_ID, "null"},
        {"numeric", "1e30", HUB_COL_INTEGER, "null"},
        {"numeric(10,2)", "3.5", HUB_COL_DECIMAL, "3.5"},
        {"numeric", "'NaN'", HUB_COL_DECIMAL, "null"},
        {"real", "1.5", HUB_COL_DECIMAL, "1.5"},
        {"double precision", "'NaN'", HUB_COL_DECIMAL, "null"},
        {"double precision", "'-Infinity'", HUB_COL_DECIMAL, "null"},
        {"int", "7", HUB_COL_DECIMAL, "7"},
        {"boolean", "false", HUB_COL_BOOLEAN, "false"},
        {"date", "'2026-01-31'", HUB_COL_DATETIME, "\"2026-01-31T00:00:00.000Z\""},
        {"timestamp", "'2026-01-31 10:00:00.123456'", HUB_COL_DATETIME, "\"2026-01-31T10:00:00.123Z\""},
        {"timestamptz", "'2026-01-31 10:00:00+02'", HUB_COL_DATETIME, "\"2026-01-31T08:00:00.000Z\""},
        {"timestamptz", "'infinity'", HUB_COL_DATETIME, "null"},
        {"timestamptz", "'0044-03-15 BC'", HUB_COL_DATETIME, "null"},
        {"date", "'20000-01-01'", HUB_COL_DATETIME, "null"},
        {"time", "'10:00'", HUB_COL_STRING, "\"10:00:00\""},
        {"interval", "'1 day'", HUB_COL_STRING, "\"1 day\""},
        {"inet", "'10.0.0.1'", HUB_COL_STRING, "\"10.0.0.1\""},
        {"xml", "'<a/>'", HUB_COL_TEXT, "\"<a/>\""},
    };
    check(all, HUB_NELEM(all));
}

static void what_does_not_is_refused_by_name(void **state) {
    (void)state;
    static const struct foreign all[] = {
        {"text[]", "NULL", HUB_COL_STRING, NULL},
        {"text[]", "NULL", HUB_COL_ID, NULL},
        {"text", "NULL", HUB_COL_JSON, NULL},
        {"int", "NULL", HUB_COL_JSON, NULL},
        {"text", "NULL", HUB_COL_INTEGER, NULL},
        {"text", "NULL", HUB_COL_DATETIME, NULL},
        {"text", "NULL", HUB_COL_BOOLEAN, NULL},
        {"int", "NULL", HUB_COL_BOOLEAN, NULL},
        {"int", "NULL", HUB_COL_STRING, NULL},
        {"bigint", "NULL", HUB_COL_DATETIME, NULL},
        {"numeric(10,2)", "NULL", HUB_COL_INTEGER, NULL},
        {"numeric(10,2)", "NULL", HUB_COL_ID, NULL},
        {"double precision", "NULL", HUB_COL_INTEGER, NULL},
        {"money", "NULL", HUB_COL_DECIMAL, NULL},
        {"bytea", "NULL", HUB_COL_TEXT, NULL},
        {"bytea", "NULL", HUB_COL_JSON, NULL},
        {"int4range", "NULL", HUB_COL_STRING, NULL},
        {"point", "NULL", HUB_COL_STRING, NULL},
        {"pair", "NULL", HUB_COL_JSON, NULL},
        {"bit(3)", "NULL", HUB_COL_INTEGER, NULL},
        {"timestamptz", "NULL", HUB_COL_STRING, NULL},
        {"jsonb", "NULL", HUB_COL_TEXT, NULL},
        {"boolean", "NULL", HUB_COL_INTEGER, NULL},
        {"interval", "NULL", HUB_COL_INTEGER, NULL},
        {"names", "NULL", HUB_COL_STRING, NULL},
        {"uuid", "NULL", HUB_COL_ENUM, NULL},
    };
    check(all, HUB_NELEM(all));
}

/* ---- writing and comparing ---- */

static void open_other(const struct foreign *f, const char *id_type) {
    static const struct hub_table *tables[] = {&foreign_table};
    char sql[200];
    struct hub_err err;
    run("DROP TABLE IF EXISTS other");
    snprintf(sql, sizeof sql, "CREATE TABLE other (id %s PRIMARY KEY, v %s)", id_type, f->type);
    run(sql);
    describe_column(f);
    loop = hub_loop_new(NULL);
    if (open_with(&hub_postgres_ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
}

static enum hub_code insert(const char *id, const char *value) {
    struct hub_cell cells[2] = {text_cell(id), text_cell(value)};
    int left = 1;
    struct message m = {.left = &left};
    m.w = (struct hub_write){.table = &foreign_table,
                             .kind = HUB_INSERT,
                             .cells = cells,
                             .return_row = true,
                             .done = message_done,
                             .arg = &m};
    store->ops->write(store, &m.w);
    hub_loop_run(loop);
    return m.w.code;
}

static void expect_rows(const struct hub_cond *where, const char *expected) {
    const struct hub_select q = {
        .table = &foreign_table, .where = where, .where_n = where != NULL, .order_by = -1, .limit = 10};
    struct hub_buf got = {0};
    json_t *rows = select_rows(&q);
    hub_json_add(&got, rows);
    assert_string_equal(hub_buf_cstr(&got), expected);
    hub_buf_free(&got);
    json_decref(rows);
}

static void lists_are_written_as_they_are_read(void **state) {
    (void)state;
    open_other(&(struct foreign){.type = "text[]", .property = HUB_COL_JSON}, "text");
    assert_int_equal(insert("a", "[\"x\",null,\"{\\\"q\\\\\\\"}\",5]"), HUB_OK);
    assert_int_equal(insert("b", "[]"), HUB_OK);
    assert_int_equal(insert("c", "{\"no\":\"list\"}"), HUB_BAD_REQUEST);
    assert_int_equal(insert("d", "[[\"x\"],[\"y\"]]"), HUB_OK);
    expect_rows(NULL, "[{\"id\":\"a\",\"value\":[\"x\",null,\"{\\\"q\\\\\\\"}\",\"5\"]},{\"id\":\"b\",\"value\":[]},{"
                      "\"id\":\"d\",\"value\":[[\"x\"],["
                      "\"y\"]]}]");
    close_store_only();
    hub_loop_delete(loop);
}

/* "07", " 7" and "+7" are 7 to PostgreSQL: one record would be several rooms. */
static void a_row_has_one_name(void **state) {
    (void)state;
    static const char *const spellings[] = {"07", " 7", "+7", "7 ", "7.0", "seven", "99999999999999999999", "-0", ""};
    open_other(&(struct foreign){.type = "text", .property = HUB_COL_TEXT}, "bigint");
    assert_int_equal(insert("7", "seven"), HUB_OK);
    for (size_t i = 0; i < HUB_NELEM(spellings); i++) {
        struct hub_cell in[] = {text_cell(spellings[i])};
        expect_rows(&(struct hub_cond){.column = 0, .value = in[0]}, "[]");
        expect_rows(&(struct hub_cond){.column = 0, .cmp = HUB_IN, .in = in, .in_n = 1}, "[]");
        expect_rows(&(struct hub_cond){.column = 0, .cmp = HUB_NE, .value = in[0]}, "[]");
    }
    struct hub_cell both[] = {text_cell("no number"), text_cell("7")};
    expect_rows(&(struct hub_cond){.column = 0, .cmp = HUB_IN, .in = both, .in_n = 2},
                "[{\"id\":\"7\",\"value\":\"seven\"}]");
    expect_rows(&(struct hub_cond){.column = 0, .cmp = HUB_GT, .value = text_cell("10")},
                "[]"); /* by their value, not as texts */
    close_store_only();
    hub_loop_delete(loop);
    open_other(&(struct foreign){.type = "text", .property = HUB_COL_TEXT}, "uuid");
    assert_int_equal(insert("0190a0b0-0000-7000-8000-00000000000a", "u"), HUB_OK);
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("0190A0B0-0000-7000-8000-00000000000A")}, "[]");
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("{0190a0b0-0000-7000-8000-00000000000a}")}, "[]");
    expect_rows(&(struct hub_cond){.column = 0, .cmp = HUB_GT, .value = text_cell("no uuid")}, "[]");
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("0190a0b0-0000-7000-8000-00000000000a")},
                "[{\"id\":\"0190a0b0-0000-7000-8000-00000000000a\",\"value\":\"u\"}]");
    close_store_only();
    hub_loop_delete(loop);
    open_other(&(struct foreign){.type = "text", .property = HUB_COL_TEXT}, "text COLLATE nocase");
    assert_int_equal(insert("ann", "by any case"), HUB_OK);
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("ANN")}, "[]");
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("ann")},
                "[{\"id\":\"ann\",\"value\":\"by any case\"}]");
    close_store_only();
    hub_loop_delete(loop);
    open_other(&(struct foreign){.type = "text", .property = HUB_COL_TEXT}, "char(8)");
    assert_int_equal(insert("ab", "padded"), HUB_OK);
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("ab ")}, "[]");
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("ab")}, "[{\"id\":\"ab\",\"value\":\"padded\"}]");
    close_store_only();
    hub_loop_delete(loop);
    open_other(&(struct foreign){.type = "text", .property = HUB_COL_TEXT}, "name");
    assert_int_equal(insert("ab", "a name"), HUB_OK);
    expect_rows(&(struct hub_cond){.column = 0, .value = text_cell("ab")}, "[{\"id\":\"ab\",\"value\":\"a name\"}]");
    close_store_only();
    hub_loop_delete(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_of_the_propertys_type),
        cmocka_unit_test(what_does_not_is_refused_by_name),
        cmocka_unit_test(lists_are_written_as_they_are_read),
        cmocka_unit_test(a_row_has_one_name),
    };
    const char *reason = "";
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    assert_true(postgres_sql(&server, "postgres", "CREATE DATABASE types", NULL, 0));
    postgres_url(&server, "types", url, sizeof url);
    run("CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%'); CREATE "
        "DOMAIN plain AS int; "
        "CREATE DOMAIN positive AS plain CHECK (VALUE > 0); CREATE DOMAIN names AS text[]; CREATE TYPE pair AS (a int, "
        "b text); CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    postgres_stop(&server);
    return failed;
}
