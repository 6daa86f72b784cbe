/* Migration: what a changed definition does to a database with rows in it, and what it refuses to do. */
#include "any_store.h"

static const char *const states[] = {"open", "closed", NULL};
static const char *const more_states[] = {"open", "closed", "archived", NULL};
static const char *const fewer_states[] = {"open", NULL};

#define C(NAME, TYPE, ...) \
    { .property = NAME, .column = NAME, .type = HUB_COL_##TYPE, __VA_ARGS__ }
#define ID_COLUMN C("id", ID, .required = true)

static struct hub_table thing(const struct hub_column *columns, size_t n) {
    return (struct hub_table){.name = "thing",
                              .table = "thing",
                              .managed = true,
                              .columns = columns,
                              .column_n = n,
                              .active = -1,
                              .created_at = -1,
                              .updated_at = -1};
}

static const struct hub_column first_columns[] = {
    ID_COLUMN,
    C("name", STRING),
    C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
    C("n", INTEGER),
};

/* Opens the file with one table; the answer of apply. */
static enum hub_code open_one(const struct hub_table *t, struct hub_err *err) {
    static const struct hub_table *list[1];
    list[0] = t;
    *err = (struct hub_err){0};
    assert_int_equal(open_with(store_ops(), list, 1, err), HUB_OK);
    return store->ops->apply(store, err);
}

static void run_sql(const char *text) {
    struct sql_answer a = sql(text, NULL);
    if (a.code) fail_msg("%s: %s", text, a.error);
    json_decref(a.result);
}

/* A file with the first definition and rows. */
static void start(void) {
    struct hub_err err;
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    loop = hub_loop_new(NULL);
    new_database("");
    if (open_one(&t, &err)) fail_msg("%s", err.text);
    run_sql("INSERT INTO thing (id, name, state, n) VALUES ('a', 'A', 'open', 1), ('b', NULL, 'closed', 2)");
    run_sql("CREATE INDEX by_name ON thing (name)");
    close_store_only();
}

static void finish(void) {
    hub_loop_delete(loop);
    remove_database();
}

#define ACCEPTED(COLUMNS_) accepted((COLUMNS_), HUB_NELEM(COLUMNS_))
static void accepted(const struct hub_column *columns, size_t n) {
    struct hub_err err;
    static struct hub_table t;
    t = thing(columns, n);
    if (open_one(&t, &err)) fail_msg("%s", err.text);
    struct hub_buf again = {0};
    assert_int_equal(store->ops->plan(store, &again, &err), HUB_OK);
    if (again.n) fail_msg("a second start would change again: %s", hub_buf_cstr(&again));
}

#define REFUSED(COLUMNS_, ...) refused((COLUMNS_), HUB_NELEM(COLUMNS_), (const char *const[]){__VA_ARGS__, NULL})
/* Refused with words that name the place, and nothing has changed. */
static void refused(const struct hub_column *columns, size_t n, const char *const *says) {
    struct hub_err err;
    struct hub_table t = thing(columns, n);
    start();
    assert_int_equal(open_one(&t, &err), HUB_NOT_ALLOWED);
    for (; *says; says++)
        if (!strstr(err.text, *says)) fail_msg("expected \"%s\" in: %s", *says, err.text);
    close_store_only();
    t = thing(first_columns, HUB_NELEM(first_columns));
    assert_int_equal(open_one(&t, &err), HUB_OK);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM thing"), 2);
    close_store_only();
    finish();
}

static void an_unchanged_definition_changes_nothing(void **state) {
    (void)state;
    start();
    ACCEPTED(first_columns);
    close_store_only();
    finish();
}

static void new_columns_are_added(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN,
                                         C("name", STRING),
                                         C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
                                         C("n", INTEGER),
                                         C("note", TEXT),
                                         C("level", INTEGER, .required = true, .default_json = "3"),
                                         C("kind", ENUM, .enum_values = states, .default_json = "\"closed\""),
                                         C("at", DATETIME),
                                         C("extra", JSON, .default_json = "{\"it's\":[]}")};
    start();
    ACCEPTED(columns);
    assert_int_equal(sql_int("SELECT sum(level) AS v FROM thing"), 6);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM thing WHERE kind = 'closed' AND extra = '{\"it''s\":[]}'"), 2);
    close_store_only();
    finish();
}

static void an_enum_value_is_added_and_rows_and_indexes_stay(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN, C("name", STRING),
                                         C("state", ENUM, .enum_values = more_states, .default_json = "\"open\""),
                                         C("n", INTEGER), C("added", TEXT)};
    start();
    ACCEPTED(columns);
    run_sql("INSERT INTO thing (id, state) VALUES ('c', 'archived')");
    struct sql_answer a = sql("INSERT INTO thing (id, state) VALUES ('d', 'nonsense')", NULL);
    assert_int_equal(a.code, HUB_BAD_REQUEST);
    assert_int_equal(sql_int("SELECT n AS v FROM thing WHERE id = 'b' AND name IS NULL"), 2);
    assert_int_equal(
        sql_int(on_postgres ? "SELECT count(*) AS v FROM pg_indexes WHERE tablename = 'thing' AND indexname = 'by_name'"
                            : "SELECT count(*) AS v FROM pragma_index_list('thing') WHERE name = 'by_name'"),
        1);
    close_store_only();
    finish();
}

static void an_unused_enum_value_may_go(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN, C("name", STRING),
                                         C("state", ENUM, .enum_values = fewer_states, .default_json = "\"open\""),
                                         C("n", INTEGER)};
    REFUSED(columns, "\"thing\"", "\"state\"", "the value \"closed\"", "keep it");
    start();
    struct hub_err err;
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    assert_int_equal(open_one(&t, &err), HUB_OK);
    run_sql("UPDATE thing SET state = 'open'");
    close_store_only();
    ACCEPTED(columns);
    struct sql_answer a = sql("UPDATE thing SET state = 'closed'", NULL);
    assert_int_equal(a.code,
                     on_postgres ? HUB_OK : HUB_BAD_REQUEST); /* a type cannot lose a value, and it does no harm */
    json_decref(a.result);
    close_store_only();
    finish();
}

static void enums_of_any_values_and_number_are_found_again(void **state) {
    (void)state;
    enum { MANY = 100 };
    static char names[MANY][16];
    static const char *many[MANY + 1];
    static const char *const odd[] = {"it's", "a' OR \"odd\" = 'b", ", ", "x) CHECK (y", NULL};
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "v%d", i);
        many[i] = names[i];
    }
    const struct hub_column columns[] = {ID_COLUMN,
                                         C("name", STRING),
                                         C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
                                         C("n", INTEGER),
                                         C("odd", ENUM, .enum_values = odd),
                                         C("many", ENUM, .enum_values = many)};
    start();
    ACCEPTED(columns);
    run_sql("INSERT INTO thing (id, odd, many) VALUES ('c', 'a'' OR \"odd\" = ''b', 'v99')");
    assert_int_equal(sql("INSERT INTO thing (id, odd) VALUES ('d', 'b')", NULL).code, HUB_BAD_REQUEST);
    assert_int_equal(sql("INSERT INTO thing (id, many) VALUES ('e', 'v100')", NULL).code, HUB_BAD_REQUEST);
    close_store_only();
    finish();
}

static void a_removed_property_keeps_its_column(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN,
                                         C("state", ENUM, .enum_values = more_states, .default_json = "\"open\"")};
    start();
    ACCEPTED(columns); /* even where the table is built anew */
    assert_int_equal(sql_int("SELECT n AS v FROM thing WHERE id = 'b'"), 2);
    close_store_only();
    finish();
}

static void texts_may_become_longer_texts(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN, C("name", TEXT), C("state", STRING), C("n", INTEGER)};
    start();
    ACCEPTED(columns);
    run_sql("UPDATE thing SET state = 'anything'");
    close_store_only();
    finish();
}

static void a_change_of_type_is_refused(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN, C("name", STRING),
                                         C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
                                         C("n", DATETIME)};
    REFUSED(columns, "table \"thing\"", "column \"n\"", on_postgres ? "bigint" : "INTEGER",
            on_postgres ? "timestamptz" : "DATETIME", "rename");
}

static void a_required_column_without_default_needs_an_empty_table(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN, C("name", STRING),
                                         C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
                                         C("n", INTEGER), C("must", TEXT, .required = true)};
    REFUSED(columns, "\"thing\"", "\"must\"", "defaultValue");
    start();
    struct hub_err err;
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    assert_int_equal(open_one(&t, &err), HUB_OK);
    run_sql("DELETE FROM thing");
    close_store_only();
    ACCEPTED(columns);
    close_store_only();
    finish();
}

static void becoming_required_needs_a_value_in_every_row(void **state) {
    (void)state;
    const struct hub_column name[] = {ID_COLUMN, C("name", STRING, .required = true),
                                      C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
                                      C("n", INTEGER)};
    REFUSED(name, "\"thing\"", "\"name\"", "fill them in");
    const struct hub_column n[] = {ID_COLUMN, C("name", STRING),
                                   C("state", ENUM, .enum_values = states, .default_json = "\"open\""),
                                   C("n", INTEGER, .required = true)};
    start();
    ACCEPTED(n);
    struct sql_answer a = sql("INSERT INTO thing (id) VALUES ('c')", NULL);
    assert_int_equal(a.code, HUB_BAD_REQUEST);
    close_store_only();
    ACCEPTED(first_columns); /* and back */
    run_sql("INSERT INTO thing (id) VALUES ('c')");
    close_store_only();
    finish();
}

static void an_index_is_added_unless_rows_contradict_it(void **state) {
    (void)state;
    const struct hub_index by_state = {.columns = "state", .unique = true},
                           by_n = {.columns = "n,state", .unique = true};
    struct hub_err err;
    start();
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    t.indexes = &by_n;
    t.index_n = 1;
    assert_int_equal(open_one(&t, &err), HUB_OK);
    run_sql("UPDATE thing SET state = 'open'");
    close_store_only();
    t.indexes = &by_state;
    assert_int_equal(open_one(&t, &err), HUB_NOT_ALLOWED);
    assert_non_null(strstr(err.text, "(state) must be unique"));
    close_store_only();
    finish();
}

static void an_existing_table_is_used_as_it_is(void **state) {
    (void)state;
    struct hub_err err;
    const struct hub_column columns[] = {{.property = "key", .column = "id", .type = HUB_COL_ID},
                                         {.property = "count", .column = "n", .type = HUB_COL_INTEGER}};
    const struct hub_column missing[] = {{.property = "key", .column = "id", .type = HUB_COL_ID},
                                         {.property = "count", .column = "counter", .type = HUB_COL_INTEGER}};
    start();
    struct hub_table t = thing(columns, 2);
    t.managed = false;
    assert_int_equal(open_one(&t, &err), HUB_OK);
    struct hub_cond where = {.column = 1, .cmp = HUB_EQ, .value = int_cell(2)};
    struct hub_select q = {.table = &t, .where = &where, .where_n = 1, .order_by = -1, .limit = 1};
    json_t *rows = select_rows(&q);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "key")), "b");
    json_decref(rows);
    close_store_only();
    t.columns = missing;
    assert_int_equal(open_one(&t, &err), HUB_NOT_ALLOWED);
    assert_non_null(strstr(err.text, "table \"thing\" has no column \"counter\" for the property \"count\""));
    close_store_only();
    t.table = "nothing";
    assert_int_equal(open_one(&t, &err), HUB_NOT_ALLOWED);
    assert_non_null(strstr(err.text, "does not exist and is not managed"));
    close_store_only();
    finish();
}

static void a_plan_lists_every_refusal_and_changes_nothing(void **state) {
    (void)state;
    const struct hub_column columns[] = {ID_COLUMN, C("name", JSON), C("n", DECIMAL),
                                         C("must", TEXT, .required = true)};
    static struct hub_table t;
    static const struct hub_table *list[1] = {&t};
    struct hub_err err;
    struct hub_buf plan = {0};
    start();
    t = thing(columns, 4);
    assert_int_equal(open_with(store_ops(), list, 1, &err), HUB_OK);
    assert_int_equal(store->ops->plan(store, &plan, &err), HUB_NOT_ALLOWED);
    size_t refusals = 0;
    for (const char *p = hub_buf_cstr(&plan); (p = strstr(p, "-- refused: ")); p++) refusals++;
    assert_int_equal(refusals, 3);
    hub_buf_free(&plan);
    close_store_only();
    t = thing(first_columns, HUB_NELEM(first_columns));
    assert_int_equal(open_one(&t, &err), HUB_OK);
    assert_int_equal(sql_int(on_postgres
                                 ? "SELECT count(*) AS v FROM information_schema.columns WHERE table_name = 'thing'"
                                 : "SELECT count(*) AS v FROM pragma_table_info('thing')"),
                     4);
    close_store_only();
    finish();
}

static void a_reload_changes_the_tables_of_a_running_store(void **state) {
    (void)state;
    static const struct hub_column more[] = {ID_COLUMN, C("name", STRING),
                                             C("state", ENUM, .enum_values = more_states, .default_json = "\"open\""),
                                             C("n", INTEGER), C("note", TEXT, .default_json = "\"-\"")};
    static const struct hub_column wrong[] = {ID_COLUMN, C("n", JSON)};
    struct hub_err err;
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    const struct hub_table *list[1] = {&t};
    struct hub_select q = {.table = &t, .order_by = 0, .limit = 1};
    start();
    assert_int_equal(open_one(&t, &err), HUB_OK);
    assert_int_equal(counter("r1").code, HUB_OK);
    for (int i = 0; i < 10; i++) json_decref(select_rows(&q)); /* by all readers */
    t = thing(more, HUB_NELEM(more)); /* at the same address, as a freed and remade table may be */
    assert_int_equal(store->ops->adopt(store, &(struct hub_store_config){.tables = list, .table_n = 1}, &err), HUB_OK);
    for (int i = 0; i < 10; i++) {
        json_t *rows = select_rows(&q);
        assert_string_equal(hub_json_get_str(json_array_get(rows, 0), "note").p, "-");
        json_decref(rows);
    }
    assert_int_equal(counter("r1").code, HUB_OK); /* it writes again */
    assert_true(store->ops->ready(store, NULL));
    t = thing(wrong, HUB_NELEM(wrong));
    assert_int_equal(store->ops->adopt(store, &(struct hub_store_config){.tables = list, .table_n = 1}, &err),
                     HUB_NOT_ALLOWED);
    close_store_only();
    finish();
}

/* ---- seeds ---- */

static void seeds_are_planted_once(void **state) {
    (void)state;
    struct hub_err err;
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    t.name = "seeded";
    t.table = "seeded";
    t.seed = hub_json_parse(HUB_STR("[{\"id\":\"x\",\"name\":\"X\",\"n\":\"7\"},{\"name\":\"no id\"}]"), &err);
    start();
    assert_int_equal(open_one(&t, &err), HUB_OK);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM seeded WHERE state = 'open' AND (n = 7 OR length(id) = 36)"),
                     2);
    run_sql("DELETE FROM seeded");
    close_store_only();
    assert_int_equal(open_one(&t, &err), HUB_OK);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM seeded"), 0); /* it was not created empty this time */
    close_store_only();
    json_decref(t.seed);
    finish();
}

static void a_seed_that_does_not_fit_undoes_everything(void **state) {
    (void)state;
    struct hub_err err;
    struct hub_table t = thing(first_columns, HUB_NELEM(first_columns));
    t.name = "seeded";
    t.table = "seeded";
    t.seed = hub_json_parse(HUB_STR("[{\"id\":\"x\"},{\"id\":\"y\",\"state\":\"ajar\"}]"), &err);
    start();
    assert_int_equal(open_one(&t, &err), HUB_INVALID_CONTENT);
    assert_string_equal(err.text, "seed.yaml: seeded[1]: \"state\" must be one of open, closed");
    close_store_only();
    struct hub_table first = thing(first_columns, HUB_NELEM(first_columns));
    assert_int_equal(open_one(&first, &err), HUB_OK);
    assert_int_equal(sql_int(on_postgres ? "SELECT count(*) AS v FROM pg_class WHERE relname = 'seeded'"
                                         : "SELECT count(*) AS v FROM sqlite_master WHERE name = 'seeded'"),
                     0);
    close_store_only();
    json_decref(t.seed);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_definition_changes_nothing),
        cmocka_unit_test(new_columns_are_added),
        cmocka_unit_test(an_enum_value_is_added_and_rows_and_indexes_stay),
        cmocka_unit_test(an_unused_enum_value_may_go),
        cmocka_unit_test(enums_of_any_values_and_number_are_found_again),
        cmocka_unit_test(a_removed_property_keeps_its_column),
        cmocka_unit_test(texts_may_become_longer_texts),
        cmocka_unit_test(a_change_of_type_is_refused),
        cmocka_unit_test(a_required_column_without_default_needs_an_empty_table),
        cmocka_unit_test(becoming_required_needs_a_value_in_every_row),
        cmocka_unit_test(an_index_is_added_unless_rows_contradict_it),
        cmocka_unit_test(an_existing_table_is_used_as_it_is),
        cmocka_unit_test(a_plan_lists_every_refusal_and_changes_nothing),
        cmocka_unit_test(a_reload_changes_the_tables_of_a_running_store),
        cmocka_unit_test(seeds_are_planted_once),
        cmocka_unit_test(a_seed_that_does_not_fit_undoes_everything),
    };
    return RUN_ON_STORE(tests);
}
