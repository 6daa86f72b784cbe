/* Tables that others made, one column at a time: what a column of some type becomes under a property of
 * some type, or how it is refused. Rows of a table for each database. */
#ifndef HUB_TESTS_FOREIGN_TYPES_H
#define HUB_TESTS_FOREIGN_TYPES_H
#include "store_fixture.h"

struct foreign {
    const char *type;  /* of the column */
    const char *value; /* SQL */
    enum hub_col_type property;
    const char *expected; /* JSON as the store gives it; NULL: refused at the start */
};

static enum hub_stored foreign_stored[2];
static struct hub_column foreign_columns[] = {
    {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true, .stored = &foreign_stored[0]},
    {.property = "value", .column = "v", .stored = &foreign_stored[1]},
};
static const struct hub_table foreign_table = {.name = "foreign",
                                               .table = "other",
                                               .columns = foreign_columns,
                                               .column_n = 2,
                                               .id = 0,
                                               .active = -1,
                                               .created_at = -1,
                                               .updated_at = -1};

static inline void describe_column(const struct foreign *f) {
    foreign_columns[1].type = f->property;
    foreign_stored[0] = foreign_stored[1] = HUB_STORED_AS_DECLARED;
}

/* The table is there, with one row "x". */
static inline void check_foreign(const struct hub_store_ops *ops, const struct foreign *f) {
    static const struct hub_table *tables[] = {&foreign_table};
    struct hub_err err = {0};
    struct hub_buf got = {0};
    describe_column(f);
    loop = hub_loop_new(NULL);
    if (open_with(ops, tables, 1, &err)) fail_msg("%s", err.text);
    enum hub_code code = store->ops->apply(store, &err);
    if (!f->expected) {
        if (code != HUB_NOT_ALLOWED) fail_msg("%s was not refused", f->type);
        if (!strstr(err.text, "\"other\", column \"v\"") || !strstr(err.text, "does not fit"))
            fail_msg("%s: %s", f->type, err.text);
    } else {
        if (code) fail_msg("%s: %s", f->type, err.text);
        const struct hub_cond where = {.column = 0, .value = text_cell("x")};
        const struct hub_select q = {.table = &foreign_table,
                                     .where = &where,
                                     .where_n = 1,
                                     .order_by = f->property == HUB_COL_JSON ? -1 : 1,
                                     .limit = 1};
        json_t *rows = select_rows(&q), *value = json_object_get(json_array_get(rows, 0), "value");
        if (value) hub_json_add(&got, value);
        if (strcmp(hub_buf_cstr(&got), f->expected) != 0)
            fail_msg("%s %s: %s, expected %s", f->type, f->value, hub_buf_cstr(&got), f->expected);
        json_decref(rows);
    }
    hub_buf_free(&got);
    close_store_only();
    hub_loop_delete(loop);
}
#endif
