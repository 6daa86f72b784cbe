/* Records that are rows of a DataObject: the row is the value, and what the table of records has of it is
 * the version, with the value that had it. A row that is found with another value has the next version.
 *
 * Writes of rows by this process, whoever asked for them, are numbered in the order of their commits and
 * come to the record through its lock, so that each is a version of its own; what others have done is
 * read. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "data/objects.h"
#include "hub/record/record_int.h"

/* ---- which records are which row ---- */

static void add_row_key(struct hub_buf *b, const char *object, const json_t *id) {
    hub_buf_addf(b, "%s/", object);
    if (json_is_string(id))
        hub_buf_adds(b, hub_json_str(id));
    else
        hub_json_add(b, id);
}

static struct hub_list *records_at(struct hub_records *all, const char *object, const json_t *id) {
    struct hub_buf key = {0};
    add_row_key(&key, object, id);
    struct hub_list *list = hub_map_get(&all->rows, hub_buf_str(&key));
    hub_buf_free(&key);
    return list;
}

void hub_record_row_unbind(struct hub_record *r) {
    struct hub_record_row *row = r->row;
    if (!row) return;
    struct hub_buf key = {0};
    add_row_key(&key, row->object, row->id);
    struct hub_list *list = hub_map_get(&r->all->rows, hub_buf_str(&key));
    hub_list_remove(&row->link);
    if (hub_list_empty(list)) free(hub_map_del(&r->all->rows, hub_buf_str(&key)));
    hub_buf_free(&key);
    json_decref(row->id);
    free(row->object);
    free(row);
    r->row = NULL;
}

void hub_record_row_bind(struct hub_record *r, const char *object, struct hub_str id) {
    struct hub_records *all = r->all;
    struct hub_buf key = {0};
    if (r->row && !strcmp(r->row->object, object) && hub_str_eq(hub_json_str(r->row->id), id)) return;
    hub_record_row_unbind(r);
    r->moved = r->known_by > 0; /* by other definitions */
    r->row = hub_xcalloc(1, sizeof *r->row);
    *r->row = (struct hub_record_row){.record = r, .object = hub_xstrdup(object), .id = hub_json_string(id)};
    add_row_key(&key, object, r->row->id);
    struct hub_list *list = hub_map_get(&all->rows, hub_buf_str(&key));
    if (!list) {
        list = hub_xmalloc(sizeof *list);
        hub_list_init(list);
        hub_map_put(&all->rows, hub_buf_str(&key), list);
    }
    hub_list_push(list, &r->row->link);
    hub_buf_free(&key);
}

static const struct hub_table *table_of(const struct hub_record *r) {
    return hub_tables_find(r->all->engine->config.tables, hub_cstr(r->row->object));
}

/* ---- rows as values: properties and id, nothing that hubd keeps ---- */

static bool is_kept(const struct hub_table *t, int column) {
    return column == t->active || column == t->created_at || column == t->updated_at;
}

/* ROW is an object by property names; NULL stays NULL, and one that was set inactive is gone. */
json_t *hub_record_row_value(const struct hub_table *t, const json_t *row) {
    if (!row || (t->active >= 0 && json_is_false(json_object_get(row, t->columns[t->active].property)))) return NULL;
    json_t *value = json_copy((json_t *)(uintptr_t)row);
    for (int i = 0; i < (int)t->column_n; i++)
        if (is_kept(t, i)) json_object_del(value, t->columns[i].property);
    return value;
}

static enum hub_code check_members(const struct hub_table *t, const json_t *value, struct hub_err *err) {
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)value, name, v) {
        int column = hub_table_column(t, hub_cstr(name));
        if (column < 0)
            return hub_fail(err, HUB_INVALID_CONTENT, "value: %s has no property \"%.*s\"", t->name,
                            HUB_CUTZ(name, 64));
        if (is_kept(t, column))
            return hub_fail(err, HUB_INVALID_CONTENT, "value: \"%s\" is kept by hubd and cannot be set", name);
    }
    return HUB_OK;
}

/* Ids may be numbers; those of records are texts. */
static bool is_same_id(const json_t *a, const json_t *text) {
    struct hub_buf key = {0};
    add_row_key(&key, "", a);
    bool same = hub_str_eq(hub_str(key.p + 1, key.n - 1), hub_json_str(text)); /* behind the slash */
    hub_buf_free(&key);
    return same;
}

enum hub_code hub_record_row_shape(const struct hub_record *r, json_t *value, struct hub_err *err) {
    const struct hub_table *t = table_of(r);
    if (!t || t->id == HUB_NO_ID) return hub_fail(err, HUB_FEATURE_DISABLED, NULL);
    if (!json_is_object(value)) return hub_fail(err, HUB_BAD_REQUEST, "value: a row of %s is an object", t->name);
    const char *id = t->columns[t->id].property;
    const json_t *own = r->value ? json_object_get(r->value, id) : r->row->id, *given = json_object_get(value, id);
    if (!hub_json_nil(given) && !is_same_id(given, r->row->id))
        return hub_fail(err, HUB_BAD_REQUEST, "value: \"%s\" is the row's id and cannot be changed", id);
    json_object_set(value, id, (json_t *)(uintptr_t)own);
    for (size_t i = 0; r->value && i < t->column_n; i++)
        if (!is_kept(t, (int)i) && !json_object_get(value, t->columns[i].property))
            json_object_set_new(value, t->columns[i].property, json_null());
    return check_members(t, value, err);
}

/* ---- versions ---- */

/* Writes what has VERSION. Inside its owner's struct. */
static void write_version(struct hub_record_version *v, struct hub_record *r, const json_t *value, int64_t version) {
    struct hub_store *store = r->all->engine->config.store;
    hub_record_fill_version(v, r, value, version);
    store->ops->write(store, &v->write);
}

/* ---- loading ---- */

struct row_load {
    struct hub_record *record; /* the lock's */
    hub_record_loaded *done;
    void *arg;
    json_t *value; /* the row's */
    int64_t version;
    struct hub_record_version version_row;
};

static void end_load(struct row_load *l, enum hub_code code) {
    if (l->record->row) l->record->row->loaded_no = l->record->all->row_no;
    l->done(l->arg, code, json_incref(l->value), l->version);
    json_decref(l->value);
    hub_buf_free(&l->version_row.text);
    free(l);
}

/* Should it have been written, that is found out when the record is read anew. Whoever loads it has changed
 * nothing yet: his own end is known. */
static void on_version_written(struct hub_write *w) {
    end_load(w->arg, w->code == HUB_STORE_UNDECIDED ? HUB_STORE_UNAVAILABLE : w->code);
}

/* Memory may know of a version that was not written yet. */
static void compare_version(struct row_load *l, const json_t *had, int64_t version) {
    struct hub_record *r = l->record;
    if (r->version > version) had = r->value, version = r->version;
    bool same = l->value && had ? hub_json_equal(l->value, had) : !l->value && !had;
    l->version = same ? version : version + 1;
    if (same) {
        end_load(l, HUB_OK);
        return;
    }
    l->version_row.write = (struct hub_write){.done = on_version_written, .arg = l};
    write_version(&l->version_row, r, l->value, l->version);
}

static void on_version_row(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct row_load *l = arg;
    const struct hub_cell *row = !code && rows->n ? hub_row(rows, 0) : NULL;
    json_t *had = row && row[HUB_REC_VALUE].kind == HUB_CELL_TEXT ? hub_json_parse(row[HUB_REC_VALUE].s, NULL) : NULL;
    (void)error;
    if (code)
        end_load(l, code);
    else
        compare_version(l, had, row ? row[HUB_REC_VERSION].i : 0);
    json_decref(had);
}

static void on_row_found(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct row_load *l = arg;
    const struct hub_engine_config *config = &l->record->all->engine->config;
    const struct hub_cond where = {.column = HUB_REC_ID, .value = hub_cell_text(hub_cstr(l->record->id))};
    const struct hub_select q = {
        .table = config->tables->record, .where = &where, .where_n = 1, .order_by = -1, .limit = 1};
    const struct hub_table *t = l->record->row ? table_of(l->record) : NULL;
    (void)error;
    if ((code && code != HUB_NOT_FOUND) || !q.table || !t) {
        end_load(l, code && code != HUB_NOT_FOUND ? code : HUB_FEATURE_DISABLED);
        return;
    }
    if (!code) l->value = hub_record_row_value(t, result);
    config->store->ops->select(config->store, &q, on_version_row, l);
}

void hub_record_load_row(struct hub_record *r, hub_record_loaded *done, void *arg) {
    const struct hub_table *t = table_of(r);
    struct row_load *l = hub_xcalloc(1, sizeof *l);
    *l = (struct row_load){.record = r, .done = done, .arg = arg};
    if (t)
        hub_object_find(&r->all->engine->data, t, r->row->id, on_row_found, l);
    else
        end_load(l, HUB_FEATURE_DISABLED);
}

/* ---- commits ---- */

static void end_row_commit(struct hub_record_commit *c, enum hub_code code, const char *error) {
    struct hub_record *r = c->items[0].record;
    if (r->row && r->row->commit == c) r->row->commit = NULL;
    hub_buf_free(&c->version_row.text);
    c->done(c, code, error);
}

/* The row is as it is: should its version not have been written, it is found out when the record is read. */
static void on_row_version_written(struct hub_write *w) { end_row_commit(w->arg, HUB_OK, NULL); }

static void on_row_written(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_record_commit *c = arg;
    struct hub_record_next *next = c->items;
    struct hub_record *r = next->record;
    bool stale = code == HUB_CONFLICT || code == HUB_NOT_FOUND; /* it is no longer what the change was made for */
    if (stale) hub_record_doubt(r);
    if (code) {
        end_row_commit(c, stale ? HUB_VERSION_CONFLICT : code, error);
        return;
    }
    c->row_value = next->value ? hub_record_row_value(c->object, result) : NULL;
    next->value = c->row_value;
    c->version_row.write = (struct hub_write){.done = on_row_version_written, .arg = c};
    if (r->value && next->value && hub_json_equal(r->value, next->value))
        end_row_commit(c, HUB_OK, NULL);
    else
        write_version(&c->version_row, r, next->value, r->version + 1);
}

/* A row that was set inactive has its id still. */
static void on_row_created(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_record_commit *c = arg;
    if (code == HUB_CONFLICT)
        hub_object_restore(&c->all->engine->data, c->object, c->items[0].value, true, on_row_written, c);
    else
        on_row_written(c, code, result, error);
}

/* What VALUE, which has all properties, changes of WAS. */
static HUB_MUST json_t *changes_of(const json_t *was, const json_t *value) {
    json_t *changes = json_object(), *v;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)value, name, v) {
        const json_t *had = json_object_get(was, name);
        if (!had || !hub_json_equal(had, v)) json_object_set(changes, name, v);
    }
    return changes;
}

void hub_record_commit_row(struct hub_record_commit *c) {
    struct hub_record *r = c->items[0].record;
    struct hub_data *data = &r->all->engine->data;
    const struct hub_table *t = table_of(r);
    json_t *value = c->items[0].value;
    if (!t || !c->all->engine->config.tables->record) {
        end_row_commit(c, HUB_FEATURE_DISABLED, NULL);
        return;
    }
    r->row->commit = c;
    c->object = t;
    if (!value) {
        hub_object_delete_if(data, t, r->row->id, r->value, true, on_row_written, c);
    } else if (!r->value) {
        hub_object_create(data, t, value, true, on_row_created, c);
    } else {
        json_t *changes = changes_of(r->value, value);
        hub_object_update_if(data, t, r->row->id, r->value, changes, true, on_row_written, c);
        json_decref(changes);
    }
}

/* ---- changes by others ---- */

/* One that has come to a record, and waits for its lock. */
struct row_change {
    struct hub_record_lock lock;
    struct hub_record *record; /* reference */
    struct hub_record_version version_row;
    int64_t no;
    json_t *value;
    bool unknown;               /* the row is to be read */
    struct hub_grant_change by; /* whose guard has asked for it */
};

static void end_row_change(struct row_change *x, bool unlock) {
    struct hub_record *r = x->record;
    if (unlock) hub_record_unlock(&x->lock);
    hub_grant_end_change(&x->by);
    json_decref(x->value);
    hub_buf_free(&x->version_row.text);
    free(x);
    hub_record_unref(r);
}

/* Its number may be asked for anew when it was not written. */
static void on_change_noted(struct hub_write *w) {
    struct row_change *x = w->arg;
    json_t *was = json_incref(x->record->value);
    hub_record_put(x->record, json_incref(x->value), x->record->version + 1);
    hub_record_changed_from(x->record, was, x->by.grant);
    json_decref(was);
    end_row_change(x, true);
}

/* It is read when somebody wants it; who watches for changes of records may want it now. */
static void doubt_row(struct hub_record *r, const struct hub_grant *by) {
    struct hub_engine *e = r->all->engine;
    hub_record_doubt(r);
    if (!hub_record_is_heard(r)) HUB_PARTS_CALL(e, record_changed, e, hub_cstr(r->id), by);
}

static void on_change_locked(struct hub_record_lock *lock, enum hub_code code) {
    struct row_change *x = HUB_CONTAINER(lock, struct row_change, lock);
    struct hub_record *r = x->record;
    struct hub_record_row *row = r->row;
    bool newer = !code && row && x->no > row->no;
    if (newer && (x->unknown || x->no <= row->loaded_no)) {
        row->no = x->no;
        doubt_row(r, x->by.grant); /* which waits for the lock */
        newer = false;
    }
    bool same = r->value && x->value ? hub_json_equal(r->value, x->value) : r->value == x->value;
    if (newer) row->no = x->no;
    if (!newer || same || !r->all->engine->config.tables->record) {
        end_row_change(x, true);
        return;
    }
    x->version_row.write = (struct hub_write){.done = on_change_noted, .arg = x};
    write_version(&x->version_row, r, x->value, r->version + 1);
}

static void take_change(struct hub_record *r, int64_t no, json_t *value, bool unknown, const struct hub_grant *by) {
    bool idle = !r->holder && hub_list_empty(&r->waiting);
    if (idle && !hub_record_is_heard(r)) doubt_row(r, by);
    if (idle && !r->loaded) return; /* it is about to be looked up, if anybody is to hear of it */
    struct row_change *x = hub_xcalloc(1, sizeof *x);
    *x = (struct row_change){.record = hub_record_ref(r), .no = no, .value = json_incref(value), .unknown = unknown};
    hub_grant_begin_change((struct hub_grant *)(uintptr_t)by, &x->by);
    hub_record_lock(&x->lock, r, HUB_RECORD_ALONE, on_change_locked);
}

void hub_record_row_written(struct hub_engine *e, const struct hub_write *w, const void *by) {
    struct hub_records *all = hub_records_of(e);
    const struct hub_table *t = w->table;
    if (w->code || w->duplicate || t->id == HUB_NO_ID || !hub_map_len(&all->rows)) return;
    json_t *row = hub_row_json(t, w->row.n ? hub_row(&w->row, 0) : w->cells);
    struct hub_list *list = records_at(all, t->name, json_object_get(row, t->columns[t->id].property));
    json_t *value = list && w->kind != HUB_DELETE ? hub_record_row_value(t, row) : NULL;
    int64_t no = ++all->row_no;
    if (list) HUB_LIST_EACH_SAFE(list, it) {
            struct hub_record_row *at = HUB_CONTAINER(it, struct hub_record_row, link);
            if (by && at->commit == by)
                at->no = no;
            else
                take_change(at->record, no, value, false, hub_guard_writer(e, by));
        }
    json_decref(value);
    json_decref(row);
}

void hub_record_row_changed(struct hub_engine *e, const struct hub_table *t, const json_t *row) {
    struct hub_records *all = hub_records_of(e);
    if (t->id == HUB_NO_ID) return;
    const json_t *id = json_object_get(row, t->columns[t->id].property);
    struct hub_list *list = hub_json_nil(id) ? NULL : records_at(all, t->name, id);
    if (list) HUB_LIST_EACH_SAFE(list, it)
    take_change(HUB_CONTAINER(it, struct hub_record_row, link)->record, ++all->row_no, NULL, true, NULL);
}
