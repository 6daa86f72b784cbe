/* Columns of SQLite, whose types bind nobody: what is declared is looked at when the service starts, and
 * what is there row by row. */
#include "sqlite_fixture.h"

#include "foreign_types.h"

static void run(const char *sql) {
    sqlite3 *db;
    char *error = NULL;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static void make_file(void) {
    snprintf(folder, sizeof folder, "/tmp/hubd-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/test.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", file);
}

static void check(const struct foreign *all, size_t n) {
    char sql[400];
    make_file();
    for (size_t i = 0; i < n; i++) {
        snprintf(sql, sizeof sql,
                 "DROP TABLE IF EXISTS other; CREATE TABLE other (id TEXT, v %s); INSERT INTO other VALUES ('x', %s)",
                 all[i].type, all[i].value);
        run(sql);
        check_foreign(&hub_sqlite_ops, &all[i]);
    }
    remove_folder();
}

static void what_fits_is_of_the_propertys_type(void **state) {
    (void)state;
    static const struct foreign all[] = {
        {"TEXT", "'[\"a\"]'", HUB_COL_JSON, "[\"a\"]"},
        {"TEXT", "'{anna,bob}'", HUB_COL_JSON, "null"},
        {"TEXT", "x'ff'", HUB_COL_JSON, "null"},
        {"JSON", "'{\"a\":1}'", HUB_COL_JSON, "{\"a\":1}"},
        {"", "5", HUB_COL_JSON, "5"},
        {"TEXT", "'a'", HUB_COL_STRING, "\"a\""},
        {"TEXT", "x'6162'", HUB_COL_STRING, "null"},
        {"TEXT", "CAST(x'61ff' AS TEXT)", HUB_COL_TEXT, "null"},
        {"INTEGER", "42", HUB_COL_ID, "\"42\""},
        {"INTEGER", "42", HUB_COL_INTEGER, "42"},
        {"INTEGER", "'forty'", HUB_COL_INTEGER, "null"},
        {"INTEGER", "1.5", HUB_COL_INTEGER, "null"},
        {"INTEGER", "x'01'", HUB_COL_INTEGER, "null"},
        {"", "'12'", HUB_COL_INTEGER, "12"},
        {"", "3.0", HUB_COL_INTEGER, "3"},
        {"INTEGER", "9223372036854775807", HUB_COL_INTEGER, "9223372036854775807"},
        {"DECIMAL(10,2)", "3.5", HUB_COL_DECIMAL, "3.5"},
        {"REAL", "'x'", HUB_COL_DECIMAL, "null"},
        {"REAL", "9e999", HUB_COL_DECIMAL, "null"},
        {"", "'2.5'", HUB_COL_DECIMAL, "2.5"},
        {"", "'0x10'", HUB_COL_DECIMAL, "null"},
        {"", "' 2.5'", HUB_COL_DECIMAL, "null"},
        {"NUMERIC", "1.5", HUB_COL_ID, "null"},
        {"NUMERIC", "'ab'", HUB_COL_ID, "\"ab\""},
        {"", "7", HUB_COL_ID, "\"7\""},
        {"BOOLEAN", "1", HUB_COL_BOOLEAN, "true"},
        {"BOOLEAN", "'true'", HUB_COL_BOOLEAN, "true"},
        {"BOOLEAN", "'False'", HUB_COL_BOOLEAN, "false"},
        {"BOOLEAN", "7", HUB_COL_BOOLEAN, "null"},
        {"BOOLEAN", "'yes'", HUB_COL_BOOLEAN, "null"},
        {"TINYINT", "0", HUB_COL_BOOLEAN, "false"},
        {"DATETIME", "'2026-01-31 10:00:00'", HUB_COL_DATETIME, "\"2026-01-31T10:00:00.000Z\""},
        {"TEXT", "'2026-01-31'", HUB_COL_DATETIME, "\"2026-01-31T00:00:00.000Z\""},
        {"DATETIME", "'soon'", HUB_COL_DATETIME, "null"},
        {"DATETIME", "1767225600123", HUB_COL_DATETIME, "\"2026-01-01T00:00:00.123Z\""},
        {"DATETIME", "2461041.5", HUB_COL_DATETIME, "null"},
    };
    check(all, HUB_NELEM(all));
}

static void what_does_not_is_refused_by_name(void **state) {
    (void)state;
    static const struct foreign all[] = {
        {"TEXT", "NULL", HUB_COL_INTEGER, NULL}, {"TEXT", "NULL", HUB_COL_BOOLEAN, NULL},
        {"TEXT", "NULL", HUB_COL_DECIMAL, NULL}, {"INTEGER", "NULL", HUB_COL_JSON, NULL},
        {"INTEGER", "NULL", HUB_COL_TEXT, NULL}, {"INTEGER", "NULL", HUB_COL_DATETIME, NULL},
        {"BLOB", "NULL", HUB_COL_TEXT, NULL},    {"BLOB", "NULL", HUB_COL_JSON, NULL},
        {"REAL", "NULL", HUB_COL_INTEGER, NULL}, {"DATETIME", "NULL", HUB_COL_STRING, NULL},
        {"JSON", "NULL", HUB_COL_TEXT, NULL},    {"BOOLEAN", "NULL", HUB_COL_INTEGER, NULL},
    };
    check(all, HUB_NELEM(all));
}

/* ---- comparing ---- */

static void expect_ids(const struct hub_select *q, const char *expected) {
    struct hub_buf got = {0};
    json_t *rows = select_rows(q);
    for (size_t i = 0; i < json_array_size(rows); i++)
        hub_buf_addf(&got, "%s%s", i ? " " : "", json_string_value(json_object_get(json_array_get(rows, i), "id")));
    assert_string_equal(hub_buf_cstr(&got), expected);
    hub_buf_free(&got);
    json_decref(rows);
}

static void moments_compare_in_whatever_spelling_they_are_stored(void **state) {
    (void)state;
    static const struct hub_table *tables[] = {&foreign_table};
    struct hub_err err;
    make_file();
    run("CREATE TABLE other (id INTEGER PRIMARY KEY, v DATETIME); INSERT INTO other VALUES (10, '2026-01-31 "
        "10:00:00'), (9, "
        "'2026-01-31T12:00:00.500+02:00'), (8, 1769853600000), (7, NULL), (6, '2026-01-30')");
    describe_column(&(struct foreign){.property = HUB_COL_DATETIME});
    loop = hub_loop_new(NULL);
    if (open_with(&hub_sqlite_ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
    struct hub_cond where = {.column = 1, .value = int_cell(1769853600000)};
    struct hub_select q = {.table = &foreign_table, .order_by = 1, .limit = 10};
    expect_ids(&q, "6 8 10 9 7");
    q.where = &where, q.where_n = 1;
    expect_ids(&q, "8 10");
    where.cmp = HUB_GT;
    expect_ids(&q, "9");
    where = (struct hub_cond){.column = 0, .value = text_cell("08")}; /* one name for one row */
    expect_ids(&q, "");
    where.value = text_cell("8");
    expect_ids(&q, "8");
    close_store();
}

static void a_row_has_one_name_whatever_its_collation(void **state) {
    (void)state;
    static const struct hub_table *tables[] = {&foreign_table};
    struct hub_err err;
    make_file();
    run("CREATE TABLE other (id TEXT COLLATE NOCASE PRIMARY KEY, v TEXT); INSERT INTO other VALUES ('Seven', 'x')");
    describe_column(&(struct foreign){.property = HUB_COL_TEXT});
    loop = hub_loop_new(NULL);
    if (open_with(&hub_sqlite_ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
    struct hub_cell names[] = {text_cell("SEVEN"), text_cell("seven")};
    struct hub_cond where = {.column = 0, .value = names[0]};
    const struct hub_select q = {.table = &foreign_table, .where = &where, .where_n = 1, .order_by = -1, .limit = 10};
    expect_ids(&q, "");
    where = (struct hub_cond){.column = 0, .cmp = HUB_IN, .in = names, .in_n = 2};
    expect_ids(&q, "");
    where = (struct hub_cond){.column = 0, .value = text_cell("Seven")};
    expect_ids(&q, "Seven");
    close_store();
}

/* A column declared GUID or STRING keeps what reads as a number as one, and finds it by all its spellings. */
static void a_number_among_texts_has_one_name(void **state) {
    (void)state;
    static const struct hub_table *tables[] = {&foreign_table};
    static const char *const types[] = {"GUID", "UUID", "STRING", "VARCHAR(8)", ""};
    static const char *const spellings[] = {"07", "7.0", "7e0", " 7", "+7"};
    for (size_t i = 0; i < HUB_NELEM(types); i++) {
        struct hub_err err;
        char sql[200];
        make_file();
        snprintf(sql, sizeof sql,
                 "CREATE TABLE other (id %s PRIMARY KEY, v TEXT); INSERT INTO other VALUES (7, 'x'), ('ab', 'y')",
                 types[i]);
        run(sql);
        describe_column(&(struct foreign){.property = HUB_COL_TEXT});
        loop = hub_loop_new(NULL);
        if (open_with(&hub_sqlite_ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
        struct hub_cell in[] = {text_cell("07"), text_cell("7"), text_cell("ab")};
        struct hub_cond where = {.column = 0};
        const struct hub_select q = {
            .table = &foreign_table, .where = &where, .where_n = 1, .order_by = 0, .limit = 10};
        for (size_t k = 0; k < HUB_NELEM(spellings); k++) {
            where = (struct hub_cond){.column = 0, .value = text_cell(spellings[k])};
            expect_ids(&q, "");
        }
        where.value = text_cell("7");
        expect_ids(&q, "7");
        where = (struct hub_cond){.column = 0, .cmp = HUB_IN, .in = in, .in_n = 3};
        expect_ids(&q, "7 ab");
        close_store();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_of_the_propertys_type),
        cmocka_unit_test(what_does_not_is_refused_by_name),
        cmocka_unit_test(a_row_has_one_name_whatever_its_collation),
        cmocka_unit_test(a_number_among_texts_has_one_name),
        cmocka_unit_test(moments_compare_in_whatever_spelling_they_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
