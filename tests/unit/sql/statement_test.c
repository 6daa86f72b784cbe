/* Statements out of writes and selects: their texts, the order of parameters, and shapes that tell them
 * apart. */
#include "adapters/sql/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ID, NAME, AT, ACTIVE, CREATED, COLUMNS };
static const struct hub_column columns[COLUMNS] = {
    [ID] = {.property = "id", .column = "id", .type = HUB_COL_ID},
    [NAME] = {.property = "name", .column = "the \"name\"", .type = HUB_COL_TEXT},
    [AT] = {.property = "at", .column = "at", .type = HUB_COL_DATETIME},
    [ACTIVE] = {.property = "isActive", .column = "isActive", .type = HUB_COL_BOOLEAN},
    [CREATED] = {.property = "createdAt", .column = "createdAt", .type = HUB_COL_DATETIME},
};
static const struct hub_index indexes[] = {{.columns = "name,at", .unique = true, .sparse = true}};
static const struct hub_table table = {.name = "x",
                                       .table = "x",
                                       .columns = columns,
                                       .column_n = COLUMNS,
                                       .id = ID,
                                       .active = ACTIVE,
                                       .created_at = CREATED,
                                       .updated_at = -1,
                                       .indexes = indexes,
                                       .index_n = 1};
static const struct hub_table bare = {.name = "y",
                                      .table = "y",
                                      .columns = columns,
                                      .column_n = 2,
                                      .id = ID,
                                      .active = -1,
                                      .created_at = -1,
                                      .updated_at = -1};

static struct hub_cell cells[COLUMNS];
static struct hub_cond by_id = {.column = ID, .value = {.kind = HUB_CELL_TEXT}};

static void clear(void) {
    for (int i = 0; i < COLUMNS; i++) cells[i] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
}

static void expect_write(const struct hub_write *w, const char *text) {
    struct hub_buf sql = {0};
    hub_sql_write(&hub_sql_sqlite, w, &sql);
    assert_string_equal(hub_buf_cstr(&sql), text);
    hub_buf_free(&sql);
}

static void expect_select(const struct hub_select *q, const char *text) {
    struct hub_buf sql = {0};
    hub_sql_select(&hub_sql_sqlite, q, &sql);
    assert_string_equal(hub_buf_cstr(&sql), text);
    hub_buf_free(&sql);
}

static void an_insert_names_the_cells_it_has(void **state) {
    (void)state;
    clear();
    cells[ID].kind = HUB_CELL_TEXT;
    cells[NAME].kind = HUB_CELL_NULL;
    struct hub_write w = {.table = &table, .kind = HUB_INSERT, .cells = cells};
    expect_write(&w, "INSERT INTO \"x\" (\"id\", \"the \"\"name\"\"\") VALUES (?1, ?2)");
    w.conflict = "name,at";
    expect_write(&w, "INSERT INTO \"x\" (\"id\", \"the \"\"name\"\"\") VALUES (?1, ?2) ON CONFLICT (\"the "
                     "\"\"name\"\"\", \"at\") WHERE \"at\" IS "
                     "NOT NULL DO NOTHING");
    clear();
    w.conflict = NULL;
    expect_write(&w, "INSERT INTO \"x\" DEFAULT VALUES");
}

static void rows_of_one_insert_number_their_parameters_through(void **state) {
    (void)state;
    struct hub_buf sql = {0};
    clear();
    cells[ID].kind = cells[NAME].kind = HUB_CELL_TEXT;
    const struct hub_write w = {.table = &table, .kind = HUB_INSERT, .cells = cells};
    hub_sql_insert_rows(&hub_sql_sqlite, &w, 3, &sql);
    assert_string_equal(hub_buf_cstr(&sql),
                        "INSERT INTO \"x\" (\"id\", \"the \"\"name\"\"\") VALUES (?1, ?2), (?3, ?4), (?5, ?6)");
    hub_buf_free(&sql);
}

static void an_upsert_leaves_key_id_and_creation_alone(void **state) {
    (void)state;
    clear();
    cells[ID].kind = cells[NAME].kind = cells[AT].kind = cells[ACTIVE].kind = cells[CREATED].kind = HUB_CELL_INT;
    struct hub_write w = {.table = &table, .kind = HUB_UPSERT, .cells = cells, .conflict = "name", .return_row = true};
    expect_write(&w, "INSERT INTO \"x\" (\"id\", \"the \"\"name\"\"\", \"at\", \"isActive\", \"createdAt\") VALUES "
                     "(?1, ?2, ?3, ?4, ?5) "
                     "ON CONFLICT (\"the \"\"name\"\"\") DO UPDATE SET \"at\" = excluded.\"at\", \"isActive\" = "
                     "excluded.\"isActive\" "
                     "RETURNING \"id\", \"the \"\"name\"\"\", \"at\", \"isActive\", \"createdAt\"");
}

static void an_update_leaves_soft_deleted_rows_alone_unless_told(void **state) {
    (void)state;
    clear();
    cells[AT].kind = HUB_CELL_INT;
    struct hub_write w = {.table = &table, .kind = HUB_UPDATE, .cells = cells, .where = &by_id, .where_n = 1};
    expect_write(&w, "UPDATE \"x\" SET \"at\" = ?1 WHERE \"id\" = ?2 AND \"isActive\" IS NOT FALSE");
    cells[ACTIVE].kind = HUB_CELL_BOOL; /* brings a row back */
    expect_write(&w, "UPDATE \"x\" SET \"at\" = ?1, \"isActive\" = ?2 WHERE \"id\" = ?3");
    w.kind = HUB_DELETE;
    expect_write(&w, "UPDATE \"x\" SET \"at\" = ?1, \"isActive\" = ?2 WHERE \"id\" = ?3 AND \"isActive\" IS NOT FALSE");
}

static void a_delete_without_an_active_column_deletes(void **state) {
    (void)state;
    struct hub_write w = {.table = &bare, .kind = HUB_DELETE, .where = &by_id, .where_n = 1};
    expect_write(&w, "DELETE FROM \"y\" WHERE \"id\" = ?1");
}

static void conditions_count_their_parameters(void **state) {
    (void)state;
    struct hub_cell three[3] = {{.kind = HUB_CELL_INT}, {.kind = HUB_CELL_INT}, {.kind = HUB_CELL_INT}};
    struct hub_cond where[] = {
        {.column = NAME, .cmp = HUB_EQ, .value = {.kind = HUB_CELL_NULL}},
        {.column = ID, .cmp = HUB_IN, .in = three, .in_n = 3},
        {.column = AT, .cmp = HUB_GE, .value = {.kind = HUB_CELL_INT}},
        {.column = NAME, .cmp = HUB_NE, .value = {.kind = HUB_CELL_NULL}},
    };
    struct hub_select q = {.table = &bare, .where = where, .where_n = 2, .order_by = -1, .limit = 1};
    expect_select(
        &q,
        "SELECT \"id\", \"the \"\"name\"\"\" FROM \"y\" WHERE \"the \"\"name\"\"\" IS NULL AND \"id\" IN (?1, ?2, ?3) "
        "ORDER BY \"id\" COLLATE BINARY LIMIT ?4 OFFSET ?5");
    q = (struct hub_select){
        .table = &table, .where = where + 2, .where_n = 2, .order_by = AT, .descending = true, .limit = 1};
    expect_select(&q,
                  "SELECT \"id\", \"the \"\"name\"\"\", \"at\", \"isActive\", \"createdAt\" FROM \"x\" WHERE \"at\" >= "
                  "?1 AND \"the \"\"name\"\"\" IS NOT NULL "
                  "AND \"isActive\" IS NOT FALSE ORDER BY \"at\" DESC, \"id\" COLLATE BINARY DESC LIMIT ?2 OFFSET ?3");
    where[1].in_n = 0; /* nothing is in an empty list */
    q = (struct hub_select){.table = &bare, .where = where + 1, .where_n = 1, .order_by = -1, .limit = 1};
    expect_select(&q,
                  "SELECT \"id\", \"the \"\"name\"\"\" FROM \"y\" WHERE FALSE ORDER BY \"id\" COLLATE BINARY LIMIT ?1 "
                  "OFFSET ?2");
}

/* However many rows there are, each value costs one look into an index. */
static void the_first_row_of_each_value_is_looked_up_by_itself(void **state) {
    (void)state;
    struct hub_cell two[2] = {{.kind = HUB_CELL_TEXT}, {.kind = HUB_CELL_TEXT}};
    struct hub_cond where[] = {{.column = NAME, .cmp = HUB_IN, .in = two, .in_n = 2},
                               {.column = AT, .cmp = HUB_LE, .value = {.kind = HUB_CELL_INT}}};
    struct hub_select q = {.table = &table,
                           .where = where,
                           .where_n = 2,
                           .order_by = AT,
                           .descending = true,
                           .limit = 2,
                           .first_of_each = true,
                           .only = HUB_ONLY(ID) | HUB_ONLY(AT)};
    expect_select(&q,
                  "WITH hubd_each(value) AS (VALUES (?1), (?2)) SELECT \"id\", NULL, \"at\", NULL, NULL FROM hubd_each "
                  "CROSS JOIN \"x\" WHERE \"id\" = (SELECT \"id\" FROM \"x\" WHERE \"the \"\"name\"\"\" = "
                  "hubd_each.value COLLATE BINARY AND \"at\" <= ?3 AND \"isActive\" IS NOT FALSE ORDER BY \"at\" DESC, "
                  "\"id\" COLLATE BINARY DESC LIMIT 1) LIMIT ?4 OFFSET ?5");
}

/* ---- one order on every database ---- */

static void expect_order(const struct hub_select *q, const char *sqlite, const char *postgres) {
    const struct hub_sql_dialect *const both[] = {&hub_sql_sqlite, &hub_sql_postgres};
    for (int i = 0; i < 2; i++) {
        struct hub_buf sql = {0};
        hub_sql_select(both[i], q, &sql);
        const char *from = strstr(hub_buf_cstr(&sql), " ORDER BY "), *to = strstr(hub_buf_cstr(&sql), " LIMIT ");
        *strstr(sql.p, " LIMIT ") = 0;
        assert_non_null(to);
        assert_string_equal(from ? from + 10 : "", i ? postgres : sqlite);
        hub_buf_free(&sql);
    }
}

static void the_id_is_last_in_every_order_and_nulls_are_last(void **state) {
    (void)state;
    struct hub_select q = {.table = &bare, .order_by = NAME, .limit = 1};
    expect_order(&q, "\"the \"\"name\"\"\" COLLATE BINARY NULLS LAST, \"id\" COLLATE BINARY NULLS LAST",
                 "\"the \"\"name\"\"\" COLLATE \"C\", \"id\" COLLATE \"C\"");
    q.descending = true;
    expect_order(&q, "\"the \"\"name\"\"\" COLLATE BINARY DESC, \"id\" COLLATE BINARY DESC",
                 "\"the \"\"name\"\"\" COLLATE \"C\" DESC NULLS LAST, \"id\" COLLATE \"C\" DESC NULLS LAST");
    q = (struct hub_select){.table = &bare, .order_by = -1, .limit = 1};
    expect_order(&q, "\"id\" COLLATE BINARY NULLS LAST", "\"id\" COLLATE \"C\"");
    q = (struct hub_select){.table = &bare, .where = &by_id, .where_n = 1, .order_by = -1, .limit = 1};
    expect_order(&q, "", "");
}

/* What needs no further key gets none: such an order comes straight from an index. */
static void what_a_unique_index_settles_is_not_sorted_again(void **state) {
    (void)state;
    struct hub_table managed = table;
    managed.managed = true;
    struct hub_cond where[] = {{.column = NAME, .value = {.kind = HUB_CELL_TEXT}},
                               {.column = AT, .cmp = HUB_LE, .value = {.kind = HUB_CELL_INT}}};
    struct hub_select q = {
        .table = &managed, .where = where, .where_n = 2, .order_by = AT, .descending = true, .limit = 1};
    expect_order(&q, "\"at\" DESC", "\"at\" DESC");
    q.where_n = 1; /* rows without a time may be many */
    expect_order(&q, "\"at\" DESC, \"id\" COLLATE BINARY DESC", "\"at\" DESC NULLS LAST, \"id\" COLLATE \"C\" DESC");
}

static void an_enum_goes_by_its_words(void **state) {
    (void)state;
    static const struct hub_column with_enum[] = {{.property = "id", .column = "id", .type = HUB_COL_ID},
                                                  {.property = "kind", .column = "kind", .type = HUB_COL_ENUM}};
    struct hub_table t = bare;
    t.columns = with_enum;
    const struct hub_select q = {.table = &t, .order_by = 1, .limit = 1};
    expect_order(&q, "\"kind\" COLLATE BINARY NULLS LAST, \"id\" COLLATE BINARY NULLS LAST",
                 "\"kind\"::text COLLATE \"C\", \"id\" COLLATE \"C\"");
}

static bool same_shape(const struct hub_write *a, const struct hub_write *b) {
    struct hub_buf ka = {0}, kb = {0};
    hub_sql_write_shape(a, &ka);
    hub_sql_write_shape(b, &kb);
    bool same = hub_str_eq(hub_buf_str(&ka), hub_buf_str(&kb));
    hub_buf_free(&ka);
    hub_buf_free(&kb);
    return same;
}

static void what_changes_the_text_changes_the_shape(void **state) {
    (void)state;
    struct hub_cell other[COLUMNS];
    clear();
    cells[ID].kind = HUB_CELL_TEXT;
    memcpy(other, cells, sizeof other);
    struct hub_write a = {.table = &table, .kind = HUB_INSERT, .cells = cells}, b = a;
    b.cells = other;
    other[ID].kind = HUB_CELL_NULL; /* another value of the same shape */
    assert_true(same_shape(&a, &b));
    other[NAME].kind = HUB_CELL_TEXT;
    assert_false(same_shape(&a, &b));
    b = a;
    b.conflict = "name";
    assert_false(same_shape(&a, &b));
    b = a;
    b.return_row = true;
    assert_false(same_shape(&a, &b));
    struct hub_cond null_id = {.column = ID, .value = {.kind = HUB_CELL_NULL}};
    a = b = (struct hub_write){.table = &table, .kind = HUB_UPDATE, .cells = cells, .where = &by_id, .where_n = 1};
    b.where = &null_id;
    assert_false(same_shape(&a, &b));
}

static void literals_are_quoted(void **state) {
    (void)state;
    struct hub_buf out = {0};
    struct hub_cell text = {.kind = HUB_CELL_TEXT, .s = HUB_STR("it's")}, time = {.kind = HUB_CELL_INT, .i = 0},
                    yes = {.kind = HUB_CELL_BOOL, .i = 1};
    hub_sql_literal(&out, &columns[NAME], &text);
    hub_sql_literal(&out, &columns[AT], &time);
    hub_sql_literal(&out, &columns[ACTIVE], &yes);
    assert_string_equal(hub_buf_cstr(&out), "'it''s''1970-01-01T00:00:00.000Z'TRUE");
    hub_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_insert_names_the_cells_it_has),
        cmocka_unit_test(rows_of_one_insert_number_their_parameters_through),
        cmocka_unit_test(an_upsert_leaves_key_id_and_creation_alone),
        cmocka_unit_test(an_update_leaves_soft_deleted_rows_alone_unless_told),
        cmocka_unit_test(a_delete_without_an_active_column_deletes),
        cmocka_unit_test(conditions_count_their_parameters),
        cmocka_unit_test(the_first_row_of_each_value_is_looked_up_by_itself),
        cmocka_unit_test(the_id_is_last_in_every_order_and_nulls_are_last),
        cmocka_unit_test(what_a_unique_index_settles_is_not_sorted_again),
        cmocka_unit_test(an_enum_goes_by_its_words),
        cmocka_unit_test(what_changes_the_text_changes_the_shape),
        cmocka_unit_test(literals_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
