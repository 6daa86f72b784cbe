/* What the CHECK of an enum costs, and those that earlier versions wrote. */
#include "sqlite_fixture.h"

static bool is_ephemeral;
static int look(void *arg, int n, char **values, char **names) {
    (void)arg, (void)n, (void)names;
    is_ephemeral |= strcmp(values[1], "OpenEphemeral") == 0;
    return 0;
}

static void an_insert_makes_no_table_of_the_values(void **state) {
    (void)state;
    static const char *const many_types[] = {"text", "image", "video", "audio", NULL};
    struct hub_column columns[COLUMNS];
    struct hub_table table = msg_table;
    const struct hub_table *const tables[] = {&table};
    struct hub_err err;
    memcpy(columns, msg_columns, sizeof columns);
    columns[TYPE].enum_values = many_types;
    table.columns = columns;
    open_store("");
    close_store_only();
    assert_int_equal(open_with(&hub_sqlite_ops, tables, 1, &err), HUB_OK);
    assert_int_equal(store->ops->apply(store, &err), HUB_OK);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "EXPLAIN INSERT INTO \"chatMessage\" (id, \"roomId\", \"messageType\") VALUES ('1', 'r', 'text')",
                     look, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_false(is_ephemeral);
    close_store();
}

/* A file in which the column lists its values with IN, as it was written at first. */
static void rewrite_check(void) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, "
                                  "'\"messageType\" = ''text'' OR \"messageType\" = "
                                  "''image''', '\"messageType\" IN (''text'', ''image'')') WHERE name = 'chatMessage'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

static void a_list_of_values_is_read_as_before(void **state) {
    (void)state;
    struct hub_err err;
    struct hub_buf plan = {0};
    open_store("");
    close_store_only();
    rewrite_check();
    assert_int_equal(open_with(&hub_sqlite_ops, msg_tables, 1, &err), HUB_OK);
    assert_int_equal(store->ops->plan(store, &plan, &err), HUB_OK);
    if (plan.n) fail_msg("it would be changed: %s", hub_buf_cstr(&plan));
    assert_int_equal(store->ops->apply(store, &err), HUB_OK);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM sqlite_master WHERE name = 'chatMessage' AND sql LIKE '% IN "
                             "(''text'', ''image'')%'"),
                     1);
    close_store();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_insert_makes_no_table_of_the_values),
        cmocka_unit_test(a_list_of_values_is_read_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
