/* DataObject CRUD. */
#include "data/objects.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "hook/hook.h"

#define COND_MAX 16 /* conditions of one list */

/* One CRUD operation: under way, or made and part of a group. */
struct hub_object_op {
    struct hub_hold hold;
    struct hub_data *data;
    const struct hub_table *table;
    struct hub_write write, check; /* CHECK: what has to hold before, in a group of the two */
    struct hub_cell *cells;
    struct hub_cond *where;
    size_t where_n;
    struct hub_select expected; /* of a check */
    struct conditions *conditions;
    json_t *was; /* of a check: a list */
    struct hub_buf text, id_text;
    bool one;   /* a find: the first row, or HUB_NOT_FOUND */
    bool waits; /* for the rights that rest on the row */
    struct hub_settling rights;
    json_t *result;        /* while it waits */
    hub_object_done *done; /* NULL once it was told that nobody knows */
    void *arg;
};

static HUB_MUST struct hub_object_op *new_op(struct hub_data *d, const struct hub_table *t, hub_object_done *done,
                                             void *arg) {
    struct hub_object_op *op = hub_xcalloc(1, sizeof *op);
    *op = (struct hub_object_op){.data = d, .table = t, .done = done, .arg = arg};
    op->where = hub_xcalloc(2, sizeof *op->where); /* the id, the active column */
    hub_hold(d->holds, &op->hold, "object operation");
    return op;
}

static void free_conditions(struct conditions *c);

static void free_op(struct hub_object_op *op) {
    if (op->conditions) free_conditions(op->conditions);
    free(op->conditions);
    hub_buf_free(&op->text);
    hub_buf_free(&op->id_text);
    json_decref(op->was);
    free(op->where);
    free(op->cells);
    free(op);
}

static void end_op(struct hub_object_op *op, enum hub_code code, json_t *result, const char *error) {
    hub_unhold(&op->hold);
    if (op->done) op->done(op->arg, code, result, error);
    free_op(op);
}

static const char no_row[] = "there is no row of %s with this id";

static void fail_with(struct hub_object_op *op, enum hub_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void fail_with(struct hub_object_op *op, enum hub_code code, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    end_op(op, code, NULL, text);
}

/* ---- reading ---- */

static void on_found(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_object_op *op = arg;
    json_t *result = NULL;
    if (!code && op->one) {
        if (rows->n)
            result = hub_row_json(op->table, hub_row(rows, 0));
        else {
            fail_with(op, HUB_NOT_FOUND, no_row, op->table->name);
            return;
        }
    } else if (!code) {
        result = json_array();
        for (size_t i = 0; i < rows->n; i++) json_array_append_new(result, hub_row_json(op->table, hub_row(rows, i)));
    }
    end_op(op, code, result, error);
    json_decref(result);
}

/* The id as a condition; false when no row can have it. */
static bool id_condition(struct hub_object_op *op, const json_t *id) {
    op->where[0] = (struct hub_cond){.column = (int)op->table->id, .cmp = HUB_EQ};
    op->where_n = 1;
    return op->table->id != HUB_NO_ID && id &&
           hub_cell_from_json(&op->table->columns[op->table->id], id, &op->where[0].value, &op->id_text, NULL) ==
               HUB_OK &&
           op->where[0].value.kind != HUB_CELL_NULL;
}

void hub_object_find(struct hub_data *d, const struct hub_table *t, const json_t *id, hub_object_done *done,
                     void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    op->one = true;
    if (!id_condition(op, id)) {
        fail_with(op, HUB_NOT_FOUND, no_row, t->name);
        return;
    }
    const struct hub_select q = {.table = t, .where = op->where, .where_n = 1, .order_by = -1, .limit = 1};
    d->store->ops->select(d->store, &q, on_found, op);
}

static bool parse_comparison(const char *key, enum hub_cmp *cmp) {
    static const struct {
        const char *key;
        enum hub_cmp cmp;
    } all[] = {{"$gt", HUB_GT}, {"$gte", HUB_GE}, {"$lt", HUB_LT}, {"$lte", HUB_LE}, {"$ne", HUB_NE}, {"$eq", HUB_EQ}};
    for (size_t i = 0; i < HUB_NELEM(all); i++)
        if (!strcmp(key, all[i].key)) return *cmp = all[i].cmp, true;
    return false;
}

struct conditions {
    struct hub_cond items[COND_MAX];
    size_t n;
    struct hub_cell *in[COND_MAX];
    struct hub_buf texts[COND_MAX]; /* one each: a buffer that grows would move the others' texts */
};

static void free_conditions(struct conditions *c) {
    for (size_t i = 0; i < COND_MAX; i++) {
        free(c->in[i]);
        hub_buf_free(&c->texts[i]);
    }
}

static enum hub_code add_in(struct conditions *c, const struct hub_column *col, int column, const json_t *list,
                            struct hub_err *err) {
    size_t n = json_array_size(list), room = 0;
    for (size_t i = 0; i < n; i++) room += json_string_length(json_array_get(list, i)) + 64;
    struct hub_cell *cells = c->in[c->n] = hub_xcalloc(n, sizeof *cells);
    hub_buf_reserve(&c->texts[c->n], room);
    for (size_t i = 0; i < n; i++) {
        enum hub_code code = hub_cell_from_json(col, json_array_get(list, i), &cells[i], &c->texts[c->n], err);
        if (code) return code;
    }
    c->items[c->n++] = (struct hub_cond){.column = column, .cmp = HUB_IN, .in = cells, .in_n = n};
    return HUB_OK;
}

static enum hub_code add_condition(struct conditions *c, const struct hub_table *t, const char *property,
                                   enum hub_cmp cmp, const json_t *v, bool in, struct hub_err *err) {
    int column = hub_table_column(t, hub_cstr(property));
    if (column < 0)
        return hub_fail(err, HUB_BAD_REQUEST, "where: %s has no property \"%.*s\"", t->name, HUB_CUTZ(property, 64));
    if (c->n == COND_MAX) return hub_fail(err, HUB_BAD_REQUEST, "where: at most %d conditions", COND_MAX);
    if (t->columns[column].type == HUB_COL_JSON && (in || !hub_json_nil(v)))
        return hub_fail(err, HUB_BAD_REQUEST, "where: \"%.*s\" is JSON, which can be compared with null only",
                        HUB_CUTZ(property, 64));
    if (in) return add_in(c, &t->columns[column], column, v, err);
    c->items[c->n] = (struct hub_cond){.column = column, .cmp = cmp};
    enum hub_code code = hub_cell_from_json(&t->columns[column], v, &c->items[c->n].value, &c->texts[c->n], err);
    if (!code) c->n++;
    return code;
}

static enum hub_code parse_where(struct conditions *c, const struct hub_table *t, const json_t *where,
                                 struct hub_err *err) {
    const char *property, *op;
    json_t *v, *operand;
    enum hub_code code = HUB_OK;
    json_object_foreach((json_t *)(uintptr_t)where, property, v) {
        if (code) return code;
        if (!json_is_object(v)) {
            code = add_condition(c, t, property, HUB_EQ, v, json_is_array(v), err);
            continue;
        }
        json_object_foreach(v, op, operand) {
            enum hub_cmp cmp = HUB_IN;
            bool in = !strcmp(op, "$in") && json_is_array(operand);
            if (!in && !parse_comparison(op, &cmp))
                return hub_fail(err, HUB_BAD_REQUEST, "where.%.*s: unknown operator \"%.*s\"", HUB_CUTZ(property, 64),
                                HUB_CUTZ(op, 32));
            if (!code) code = add_condition(c, t, property, cmp, operand, in, err);
        }
    }
    return code;
}

static enum hub_code parse_options(const json_t *options, struct hub_select *q, struct hub_err *err) {
    struct hub_str order = hub_json_get_str(options, "orderBy");
    q->limit = hub_json_get_int(options, "limit", HUB_OBJECT_LIST);
    bool probe = hub_json_get_bool(options, "probe", false);
    q->offset = hub_json_get_int(options, "offset", 0);
    q->descending = hub_json_get_bool(options, "descending", false);
    q->order_by = -1;
    if (hub_script_keys(options, "limit offset orderBy descending probe", err)) return err->code;
    if (q->limit < 1 || q->offset < 0)
        return hub_fail(err, HUB_BAD_REQUEST, "limit, offset: expected whole numbers, limit from 1 to %d",
                        HUB_OBJECT_LIST_MAX);
    if (q->limit > HUB_OBJECT_LIST_MAX) q->limit = HUB_OBJECT_LIST_MAX;
    if (probe) q->limit++;
    if (hub_json_nil(hub_json_get(options, "orderBy"))) return HUB_OK;
    if (!order.n)
        return hub_fail(err, HUB_BAD_REQUEST, "orderBy: expected a property of %s, or \"-\" and a property",
                        q->table->name);
    if (order.p[0] == '-') q->descending = true, order.p++, order.n--;
    q->order_by = hub_table_column(q->table, order);
    if (q->order_by >= 0 && q->table->columns[q->order_by].type == HUB_COL_JSON)
        return hub_fail(err, HUB_BAD_REQUEST, "orderBy: \"%.*s\" is JSON, which has no order", HUB_FMT(order));
    return q->order_by < 0 ? hub_fail(err, HUB_BAD_REQUEST, "orderBy: %s has no property \"%.*s\"", q->table->name,
                                      HUB_CUT(order, 64))
                           : HUB_OK;
}

void hub_object_list(struct hub_data *d, const struct hub_table *t, const json_t *where, const json_t *options,
                     hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct conditions c = {0};
    struct hub_select q = {.table = t};
    struct hub_err err;
    enum hub_code code = parse_where(&c, t, where, &err);
    if (!code) code = parse_options(options, &q, &err);
    if (code) {
        end_op(op, code, NULL, err.text);
    } else {
        q.where = c.items;
        q.where_n = c.n;
        d->store->ops->select(d->store, &q, on_found, op);
    }
    free_conditions(&c);
}

/* ---- writing ---- */

static void answer_resolved(struct hub_settling *r) {
    struct hub_object_op *op = HUB_CONTAINER(r, struct hub_object_op, rights);
    hub_unhold(&op->hold);
    if (op->done) op->done(op->arg, HUB_OK, op->result, "");
    json_decref(op->result);
}

static void on_settled(struct hub_settling *r) { free_op(HUB_CONTAINER(r, struct hub_object_op, rights)); }

static void settle_refs(struct hub_object_op *op, struct hub_write *w) {
    op->result = hub_row_json(op->table, w->row.n ? hub_row(&w->row, 0) : op->cells);
    op->rights.answer = answer_resolved;
    op->rights.end = on_settled;
    hub_settling_begin(&op->rights, op->data->loop, op->table->name);
    hub_feed_done(op->data->feed, w, false, &op->rights.work);
    hub_settling_wait(&op->rights);
}

void hub_object_say_taken(const struct hub_table *t, bool deleted, char *out, size_t size) {
    const char *id = t->columns[t->id].property;
    if (deleted)
        snprintf(out, size,
                 "the row of %s with this %s was deleted, and is kept with \"%s\" false: its %s cannot be used again",
                 t->name, id, t->columns[t->active].property, id);
    else
        snprintf(out, size, "there is a row of %s with this %s already", t->name, id);
}

/* A row that find and list do not show, since it was deleted softly, has its id all the same. */
static void fail_duplicate(struct hub_object_op *op, const struct hub_write *w) {
    const struct hub_table *t = op->table;
    const struct hub_cell *active = w->row.n && t->active >= 0 ? &hub_row(&w->row, 0)[t->active] : NULL;
    char text[256];
    hub_object_say_taken(t, active && active->kind == HUB_CELL_BOOL && !active->i, text, sizeof text);
    fail_with(op, HUB_CONFLICT, "%s", text);
}

static void on_op_written(struct hub_write *w) {
    struct hub_object_op *op = w->arg;
    op->data->written(op->data->ctx, w, op->arg);
    if (op->waits && !w->code && !w->duplicate) {
        settle_refs(op, w);
        return;
    }
    hub_feed_done(op->data->feed, w, false, NULL);
    if (w->duplicate) {
        fail_duplicate(op, w);
        return;
    }
    if (w->code == HUB_NOT_FOUND) {
        fail_with(op, HUB_NOT_FOUND, no_row, op->table->name);
        return;
    }
    json_t *row = w->code ? NULL : hub_row_json(op->table, w->row.n ? hub_row(&w->row, 0) : op->cells);
    end_op(op, w->code, row, w->error);
    json_decref(row);
}

/* What a second row of the same id runs into; existing tables may have no such index. */
static const char *key_of(const struct hub_table *t) {
    return t->managed && t->id != HUB_NO_ID ? t->columns[t->id].property : NULL;
}

/* Should it turn out to have been written, the change is told all the same. */
static void on_op_undecided(struct hub_write *w) {
    struct hub_object_op *op = w->arg;
    op->done(op->arg, HUB_STORE_UNDECIDED, NULL, hub_code_text(HUB_STORE_UNDECIDED));
    op->done = NULL;
    op->arg = NULL; /* gone, and nobody made in its place is who wrote this */
}

/* ---- what is to be written ---- */

static void fill_write(struct hub_object_op *op, enum hub_write_kind kind) {
    op->write = (struct hub_write){.table = op->table,
                                   .kind = kind,
                                   .conflict = kind == HUB_INSERT ? key_of(op->table) : NULL,
                                   .cells = op->cells,
                                   .where = op->where,
                                   .where_n = op->where_n,
                                   .return_row = true,
                                   .done = on_op_written,
                                   .undecided = on_op_undecided,
                                   .arg = op};
}

static enum hub_code fill_create(struct hub_object_op *op, const json_t *row, struct hub_err *err) {
    if (!json_is_object(row))
        return hub_fail(err, HUB_BAD_REQUEST, "expected an object with the properties of %s", op->table->name);
    op->cells = hub_xcalloc(op->table->column_n, sizeof *op->cells);
    enum hub_code code = hub_row_from_json(op->table, row, HUB_ROW_CREATE, op->cells, &op->text, err);
    fill_write(op, HUB_INSERT);
    return code;
}

static void require_active(struct hub_object_op *op, bool active) {
    op->where[op->where_n++] =
        (struct hub_cond){.column = op->table->active, .value = {.kind = HUB_CELL_BOOL, .i = active}};
}

static enum hub_code fill_restore(struct hub_object_op *op, const json_t *row, struct hub_err *err) {
    const struct hub_table *t = op->table;
    if (t->active < 0 || !id_condition(op, json_object_get(row, t->columns[t->id].property)))
        return hub_fail(err, HUB_NOT_FOUND, no_row, t->name);
    enum hub_code code = fill_create(op, row, err);
    if (code) return code;
    op->cells[t->id].kind = HUB_CELL_ABSENT;
    op->cells[t->active] = (struct hub_cell){.kind = HUB_CELL_BOOL, .i = 1};
    require_active(op, false);
    fill_write(op, HUB_UPDATE);
    return HUB_OK;
}

static enum hub_code fill_update(struct hub_object_op *op, const json_t *id, const json_t *changes,
                                 struct hub_err *err) {
    const struct hub_table *t = op->table;
    if (!json_is_object(changes))
        return hub_fail(err, HUB_BAD_REQUEST, "expected an object with the properties to change");
    if (!id_condition(op, id)) return hub_fail(err, HUB_NOT_FOUND, no_row, t->name);
    op->cells = hub_xcalloc(t->column_n, sizeof *op->cells);
    enum hub_code code = hub_row_from_json(t, changes, HUB_ROW_CHANGE, op->cells, &op->text, err);
    if (!code && op->cells[t->id].kind != HUB_CELL_ABSENT)
        code = hub_fail(err, HUB_INVALID_CONTENT, "\"%s\" is the id of a row of %s and cannot be changed",
                        t->columns[t->id].property, t->name);
    /* A change of the active column would reach deleted rows too. */
    const struct hub_cell *active = !code && t->active >= 0 ? &op->cells[t->active] : NULL;
    bool restores = active && active->kind != HUB_CELL_ABSENT;
    bool deletes = restores && active->kind == HUB_CELL_BOOL && !active->i;
    if (restores) require_active(op, true);
    fill_write(op, deletes ? HUB_DELETE : HUB_UPDATE);
    return code;
}

static enum hub_code fill_delete(struct hub_object_op *op, const json_t *id, struct hub_err *err) {
    if (!id_condition(op, id)) return hub_fail(err, HUB_NOT_FOUND, no_row, op->table->name);
    op->cells = hub_xcalloc(op->table->column_n, sizeof *op->cells);
    fill_write(op, HUB_DELETE);
    return HUB_OK;
}

/* ROWS, given away: what is found. */
static void fill_check(struct hub_object_op *op, struct hub_write *w, json_t *rows) {
    op->was = rows;
    *w = (struct hub_write){.table = op->table,
                            .kind = HUB_CHECK,
                            .check = &op->expected,
                            .expected = op->was,
                            .done = on_op_written,
                            .undecided = on_op_undecided,
                            .arg = op};
}

/* A tree of its own, for a thread of the store reads it. WAS NULL: there is none. */
static void fill_row_check(struct hub_object_op *op, struct hub_write *w, const json_t *was) {
    op->expected =
        (struct hub_select){.table = op->table, .where = op->where, .where_n = 1, .order_by = -1, .limit = 1};
    fill_check(op, w, was ? json_pack("[o]", json_deep_copy(was)) : json_array());
}

static enum hub_code fill_list_check(struct hub_object_op *op, const struct hub_object_change *x, struct hub_err *err) {
    op->conditions = hub_xcalloc(1, sizeof *op->conditions);
    op->expected.table = op->table;
    enum hub_code code = parse_where(op->conditions, op->table, x->where, err);
    if (!code) code = parse_options(x->options, &op->expected, err);
    op->expected.where = op->conditions->items;
    op->expected.where_n = op->conditions->n;
    fill_check(op, &op->write, json_deep_copy(x->row));
    return code;
}

static enum hub_code fill_op(struct hub_object_op *op, const struct hub_object_change *x, struct hub_err *err) {
    switch (x->kind) {
    case HUB_OBJECT_CREATE: return fill_create(op, x->row, err);
    case HUB_OBJECT_UPDATE: return fill_update(op, x->id, x->row, err);
    case HUB_OBJECT_DELETE: return fill_delete(op, x->id, err);
    case HUB_OBJECT_IS_LIST: return fill_list_check(op, x, err);
    case HUB_OBJECT_IS: break;
    }
    if (!id_condition(op, x->id)) return hub_fail(err, HUB_NOT_FOUND, no_row, op->table->name);
    fill_row_check(op, &op->write, x->row);
    return HUB_OK;
}

/* ---- as part of a group ---- */

struct hub_object_op *hub_object_prepare(struct hub_data *d, const struct hub_object_change *x, struct hub_err *err) {
    struct hub_object_op *op = new_op(d, x->table, NULL, NULL);
    if (fill_op(op, x, err)) {
        hub_object_drop(op);
        return NULL;
    }
    op->waits = x->waits;
    op->write.keeps_rows = true;
    if (op->write.kind != HUB_CHECK) hub_feed_announce(d->feed, &op->write, false);
    return op;
}

struct hub_write *hub_object_write(struct hub_object_op *op) {
    return &op->write;
}

void hub_object_drop(struct hub_object_op *op) {
    hub_rows_free(&op->write.row);
    hub_rows_free(&op->write.before);
    hub_unhold(&op->hold);
    free_op(op);
}

void hub_object_written(struct hub_object_op *op, hub_object_done *done, void *arg) {
    struct hub_rows row = op->write.row, before = op->write.before; /* OP may be gone */
    op->done = done;
    op->arg = arg;
    op->write.arg = op; /* the first of a group was submitted with another one */
    on_op_written(&op->write);
    hub_rows_free(&row);
    hub_rows_free(&before);
}

/* ---- alone ---- */

static void submit_op(struct hub_object_op *op, enum hub_code code, const struct hub_err *err) {
    struct hub_store *store = op->data->store;
    if (code) {
        end_op(op, code, NULL, err->text);
        return;
    }
    hub_feed_announce(op->data->feed, &op->write, false);
    store->ops->write(store, &op->write);
}

void hub_object_create(struct hub_data *d, const struct hub_table *t, const json_t *row, bool waits,
                       hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct hub_err err;
    op->waits = waits;
    submit_op(op, fill_create(op, row, &err), &err);
}

void hub_object_restore(struct hub_data *d, const struct hub_table *t, const json_t *row, bool waits,
                        hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct hub_err err;
    op->waits = waits;
    submit_op(op, fill_restore(op, row, &err), &err);
}

void hub_object_update(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *changes,
                       bool waits, hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct hub_err err;
    op->waits = waits;
    submit_op(op, fill_update(op, id, changes, &err), &err);
}

void hub_object_delete(struct hub_data *d, const struct hub_table *t, const json_t *id, bool waits,
                       hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct hub_err err;
    op->waits = waits;
    submit_op(op, fill_delete(op, id, &err), &err);
}

/* ---- if the row is still what it was ---- */

static void on_both(struct hub_write *w) {
    struct hub_object_op *op = w->arg;
    struct hub_rows row = op->write.row, before = op->write.before; /* OP may be gone */
    if (w->code)
        end_op(op, w->code, NULL, w->code == HUB_CONFLICT ? "the row has changed meanwhile" : w->error);
    else
        on_op_written(&op->write);
    hub_rows_free(&row);
    hub_rows_free(&before);
}

static void submit_both(struct hub_object_op *op, const json_t *was, enum hub_code code, const struct hub_err *err) {
    struct hub_store *store = op->data->store;
    if (code) {
        end_op(op, code, NULL, err->text);
        return;
    }
    fill_row_check(op, &op->check, was);
    op->check.done = on_both;
    op->check.next = &op->write;
    hub_feed_announce(op->data->feed, &op->write, false);
    store->ops->write(store, &op->check);
}

void hub_object_update_if(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *was,
                          const json_t *changes, bool waits, hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct hub_err err;
    op->waits = waits;
    submit_both(op, was, fill_update(op, id, changes, &err), &err);
}

void hub_object_delete_if(struct hub_data *d, const struct hub_table *t, const json_t *id, const json_t *was,
                          bool waits, hub_object_done *done, void *arg) {
    struct hub_object_op *op = new_op(d, t, done, arg);
    struct hub_err err;
    op->waits = waits;
    submit_both(op, was, fill_delete(op, id, &err), &err);
}
