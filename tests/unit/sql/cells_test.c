/* What a store adds to the cells of a write. */
#include "adapters/sql/cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ID, SEQ, CHANGE_SEQ, ACTIVE, CREATED, UPDATED, COLUMNS };
static const struct hub_column columns[COLUMNS] = {
    [ID] = {.property = "id", .column = "id", .type = HUB_COL_ID},
    [SEQ] = {.property = "seq", .column = "seq", .type = HUB_COL_INTEGER},
    [CHANGE_SEQ] = {.property = "changeSeq", .column = "changeSeq", .type = HUB_COL_INTEGER},
    [ACTIVE] = {.property = "isActive", .column = "isActive", .type = HUB_COL_BOOLEAN},
    [CREATED] = {.property = "createdAt", .column = "createdAt", .type = HUB_COL_DATETIME},
    [UPDATED] = {.property = "updatedAt", .column = "updatedAt", .type = HUB_COL_DATETIME},
};
static const struct hub_table table = {
    .columns = columns, .column_n = COLUMNS, .id = ID, .active = ACTIVE, .created_at = CREATED, .updated_at = UPDATED};
/* The same names in another order, as a changed definition may have them. */
static const struct hub_column turned_columns[3] = {{.property = "changeSeq", .type = HUB_COL_INTEGER},
                                                    {.property = "id", .type = HUB_COL_ID},
                                                    {.property = "seq", .type = HUB_COL_INTEGER}};
static const struct hub_table turned = {
    .columns = turned_columns, .column_n = 3, .id = 1, .active = -1, .created_at = -1, .updated_at = -1};

static struct hub_sql_cells x;
static struct hub_cell cells[COLUMNS];

static int begin(void **state) {
    (void)state;
    for (int i = 0; i < COLUMNS; i++) cells[i] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
    return 0;
}

static int end(void **state) {
    (void)state;
    hub_sql_cells_free(&x);
    return 0;
}

static void a_new_row_gets_both_times_and_both_numbers(void **state) {
    (void)state;
    struct hub_write w = {.table = &table, .kind = HUB_INSERT, .numbering = HUB_NUMBER_NEW, .cells = cells};
    hub_sql_prepare_cells(&x, &w, 7);
    assert_int_equal(cells[SEQ].i, 7);
    assert_int_equal(cells[CHANGE_SEQ].i, 7);
    assert_int_equal(cells[CREATED].kind, HUB_CELL_INT);
    assert_int_equal(cells[UPDATED].kind, HUB_CELL_INT);
    assert_int_equal(cells[ACTIVE].kind, HUB_CELL_ABSENT);
}

static void a_change_keeps_its_number_and_its_creation(void **state) {
    (void)state;
    struct hub_write w = {.table = &table, .kind = HUB_UPDATE, .numbering = HUB_NUMBER_CHANGE, .cells = cells};
    hub_sql_prepare_cells(&x, &w, 8);
    assert_int_equal(cells[SEQ].kind, HUB_CELL_ABSENT);
    assert_int_equal(cells[CHANGE_SEQ].i, 8);
    assert_int_equal(cells[CREATED].kind, HUB_CELL_ABSENT);
    assert_int_equal(cells[UPDATED].kind, HUB_CELL_INT);
}

static void times_that_were_given_stay(void **state) {
    (void)state;
    cells[CREATED] = cells[UPDATED] = (struct hub_cell){.kind = HUB_CELL_INT, .i = 5};
    struct hub_write w = {.table = &table, .kind = HUB_UPSERT, .cells = cells};
    hub_sql_prepare_cells(&x, &w, 0);
    assert_int_equal(cells[CREATED].i, 5);
    assert_int_equal(cells[UPDATED].i, 5);
}

static void a_soft_delete_marks_a_copy(void **state) {
    (void)state;
    struct hub_write w = {.table = &table, .kind = HUB_DELETE, .numbering = HUB_NUMBER_CHANGE, .cells = cells};
    hub_sql_prepare_cells(&x, &w, 9);
    assert_ptr_not_equal(w.cells, cells);
    assert_int_equal(w.cells[ACTIVE].kind, HUB_CELL_BOOL);
    assert_int_equal(w.cells[ACTIVE].i, 0);
    assert_int_equal(w.cells[CHANGE_SEQ].i, 9);
    assert_int_equal(cells[ACTIVE].kind, HUB_CELL_ABSENT);
}

static void a_hard_delete_has_no_cells(void **state) {
    (void)state;
    struct hub_write w = {.table = &turned, .kind = HUB_DELETE, .cells = cells};
    hub_sql_prepare_cells(&x, &w, 0);
    assert_null(w.cells);
}

static void numbers_find_their_columns_in_every_table(void **state) {
    (void)state;
    struct hub_write w = {.table = &table, .kind = HUB_INSERT, .numbering = HUB_NUMBER_NEW, .cells = cells};
    hub_sql_prepare_cells(&x, &w, 1);
    begin(NULL);
    w.table = &turned;
    hub_sql_prepare_cells(&x, &w, 2);
    assert_int_equal(cells[0].i, 2);
    assert_int_equal(cells[1].kind, HUB_CELL_ABSENT);
    assert_int_equal(cells[2].i, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_row_gets_both_times_and_both_numbers, begin, end),
        cmocka_unit_test_setup_teardown(a_change_keeps_its_number_and_its_creation, begin, end),
        cmocka_unit_test_setup_teardown(times_that_were_given_stay, begin, end),
        cmocka_unit_test_setup_teardown(a_soft_delete_marks_a_copy, begin, end),
        cmocka_unit_test_setup_teardown(a_hard_delete_has_no_cells, begin, end),
        cmocka_unit_test_setup_teardown(numbers_find_their_columns_in_every_table, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
