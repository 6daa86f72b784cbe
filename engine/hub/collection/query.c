/* Collections by a query: read once, then kept by what changes. A changed row is looked for in the
 * collections that it is in, and in those whose equal properties it has: an index leads to these, so that
 * others cost nothing. Where rows behind the last item come into view the collection is read again. */
#include <stdlib.h>

#include "data/objects.h"
#include "hub/collection/collection_int.h"

/* ---- the index ---- */

/* VALUES: of the properties that SETTINGS name, as rows have them. */
static void add_where_key(struct hub_buf *b, const char *object, const struct hub_settings *settings,
                          const json_t *values) {
    hub_buf_addf(b, "%s?", object);
    for (size_t i = 0; i < settings->n; i++) {
        const json_t *v = json_object_get(values, settings->items[i].name);
        hub_buf_addf(b, "%s=", settings->items[i].name);
        if (v) hub_json_add(b, v);
        hub_buf_addc(b, '&');
    }
}

/* "{userId}" and what else is in TEXT, with the pattern's parts in their places. */
static HUB_MUST json_t *fill_text(const char *text, const json_t *params) {
    struct hub_buf b = {0};
    for (const char *p = text; *p;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        char *name = end ? hub_str_dup(hub_str(p + 1, (size_t)(end - p - 1))) : NULL;
        const json_t *v = name ? json_object_get(params, name) : NULL;
        free(name);
        if (v)
            hub_buf_adds(&b, hub_json_str(v)), p = end + 1;
        else
            hub_buf_addc(&b, *p++);
    }
    json_t *filled = hub_json_string(hub_buf_str(&b));
    hub_buf_free(&b);
    return filled;
}

static const struct hub_table *table_of(const struct hub_collection *c) {
    return hub_tables_find(c->all->engine->config.tables, hub_cstr(c->window->data_object->name));
}

void hub_collection_bind_query(struct hub_collection *c) {
    const struct hub_settings *settings = &c->window->where;
    const struct hub_table *t = table_of(c);
    struct hub_buf key = {0};
    json_t *texts = json_object();
    for (size_t i = 0; i < settings->n; i++)
        json_object_set_new(texts, settings->items[i].name, fill_text(settings->items[i].value, c->params));
    c->where = t ? hub_row_typed(t, texts) : json_object();
    add_where_key(&key, c->window->data_object->name, settings, c->where);
    json_decref(texts);
    struct hub_list *list = hub_map_get(&c->all->by_where, hub_buf_str(&key));
    if (!list) {
        list = hub_xmalloc(sizeof *list);
        hub_list_init(list);
        hub_map_put(&c->all->by_where, hub_buf_str(&key), list);
    }
    hub_list_push(list, &c->in_where);
    c->where_key = hub_buf_take(&key, NULL);
    c->object = hub_xstrdup(c->window->data_object->name);
    for (size_t i = 0; i < c->items.n; i++) hub_collection_join(c, hub_json_get_str(c->items.all[i].record, "id"));
}

void hub_collection_unbind_query(struct hub_collection *c) {
    if (!c->where_key) return;
    for (size_t i = 0; i < c->items.n; i++) hub_collection_part(c, hub_json_get_str(c->items.all[i].record, "id"));
    hub_list_remove(&c->in_where);
    hub_list_remove(&c->in_reading);
    free(c->object);
    c->object = NULL;
    struct hub_list *list = hub_map_get(&c->all->by_where, hub_cstr(c->where_key));
    if (hub_list_empty(list)) free(hub_map_del(&c->all->by_where, hub_cstr(c->where_key)));
    free(c->where_key);
    c->where_key = NULL;
    json_decref(c->where);
    c->where = NULL;
}

/* ---- which rows are in which ---- */

struct membership {
    struct hub_list link;
    struct hub_collection *collection;
};

static void add_member_key(struct hub_buf *b, const char *object, struct hub_str id) {
    hub_buf_addf(b, "%s/", object);
    hub_buf_adds(b, id);
}

static struct hub_list *members_at(struct hub_collections *all, const char *object, struct hub_str id) {
    struct hub_buf key = {0};
    add_member_key(&key, object, id);
    struct hub_list *list = hub_map_get(&all->members, hub_buf_str(&key));
    hub_buf_free(&key);
    return list;
}

void hub_collection_join(struct hub_collection *c, struct hub_str id) {
    if (!c->object) return;
    struct hub_list *list = members_at(c->all, c->object, id);
    struct membership *m = hub_xmalloc(sizeof *m);
    m->collection = c;
    if (!list) {
        struct hub_buf key = {0};
        add_member_key(&key, c->object, id);
        list = hub_xmalloc(sizeof *list);
        hub_list_init(list);
        hub_map_put(&c->all->members, hub_buf_str(&key), list);
        hub_buf_free(&key);
    }
    hub_list_push(list, &m->link);
}

void hub_collection_part(struct hub_collection *c, struct hub_str id) {
    struct hub_list *list = c->object ? members_at(c->all, c->object, id) : NULL;
    if (!list) return;
    HUB_LIST_EACH_SAFE(list, it) {
        struct membership *m = HUB_CONTAINER(it, struct membership, link);
        if (m->collection != c) continue;
        hub_list_remove(&m->link);
        free(m);
    }
    if (!hub_list_empty(list)) return;
    struct hub_buf key = {0};
    add_member_key(&key, c->object, id);
    free(hub_map_del(&c->all->members, hub_buf_str(&key)));
    hub_buf_free(&key);
}

/* ---- the order, as the store's ---- */

static const char *order_of(const struct hub_collection *c, bool *descending) {
    const char *by = c->window->order_by;
    *descending = by && by[0] == '-';
    return *descending ? by + 1 : by;
}

static int compare_json(const json_t *a, const json_t *b) {
    if (json_is_string(a) && json_is_string(b)) return strcmp(json_string_value(a), json_string_value(b));
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) - (json_integer_value(a) < json_integer_value(b));
    if (json_is_number(a) && json_is_number(b))
        return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
    return json_is_true(a) - json_is_true(b);
}

/* Ids that the database has as whole numbers go by these, whatever they are shown as. */
static int64_t whole_number(const json_t *v) {
    return json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : json_integer_value(v);
}

static int compare_values(const struct hub_column *column, const json_t *a, const json_t *b) {
    if (column->type != HUB_COL_ID || hub_stored(column) != HUB_STORED_NUMBER) return compare_json(a, b);
    int64_t x = whole_number(a), y = whole_number(b);
    return (x > y) - (x < y);
}

/* The property that a query orders by, and in which direction. */
struct ordering {
    const struct hub_table *table;
    const struct hub_column *by; /* NULL: the id alone decides */
    bool descending;
};

static struct ordering ordering_of(const struct hub_collection *c, const struct hub_table *t) {
    struct ordering o = {.table = t};
    const char *by = order_of(c, &o.descending);
    int column = by ? hub_table_column(t, hub_cstr(by)) : -1;
    if (column >= 0) o.by = &t->columns[column];
    return o;
}

static int compare_items(const struct ordering *o, const struct hub_collection_item *a,
                         const struct hub_collection_item *b) {
    bool x = !hub_json_nil(a->sort), y = !hub_json_nil(b->sort);
    if (x != y) return x ? -1 : 1; /* nulls last, either way */
    int order = x && o->by ? compare_values(o->by, a->sort, b->sort) : 0;
    if (!order)
        order = compare_values(&o->table->columns[o->table->id], json_object_get(a->record, "id"),
                               json_object_get(b->record, "id"));
    return o->descending ? -order : order;
}

/* Whether the store may tell two values apart that are the same as JSON: the microseconds of a moment and
 * the digits of a number in a table that hubd has not made. */
static bool is_rounded(const struct ordering *o) {
    return o->by && !o->table->managed && (o->by->type == HUB_COL_DATETIME || o->by->type == HUB_COL_DECIMAL);
}

/* Whether only the store knows the order of ITEM, which would be at AT, and the one beside it. */
static bool is_undecided(const struct ordering *o, const struct hub_collection_items *items, size_t at,
                         const struct hub_collection_item *item) {
    if (!is_rounded(o) || hub_json_nil(item->sort)) return false;
    for (size_t i = at ? at - 1 : 0; i <= at && i < items->n; i++)
        if (!hub_json_nil(items->all[i].sort) && !compare_values(o->by, items->all[i].sort, item->sort)) return true;
    return false;
}

static HUB_MUST char *id_text(const struct hub_table *t, const json_t *row) {
    const json_t *id = json_object_get(row, t->columns[t->id].property);
    struct hub_buf b = {0};
    if (json_is_string(id))
        hub_buf_adds(&b, hub_json_str(id));
    else if (!hub_json_nil(id))
        hub_json_add(&b, id);
    return hub_buf_take(&b, NULL);
}

/* ROW, an object by properties, as an item; its id is called id, and is a text, whatever the table has. */
static struct hub_collection_item item_of(const struct hub_collection *c, const struct hub_table *t,
                                          const json_t *row) {
    bool descending;
    const char *by = order_of(c, &descending), *id = t->columns[t->id].property;
    struct hub_collection_item item = {.record = hub_record_row_value(t, row)};
    if (item.record && (strcmp(id, "id") || !json_is_string(json_object_get(row, id)))) {
        char *text = id_text(t, row);
        json_object_set_new(item.record, "id", json_string(text));
        free(text);
    }
    if (by) item.sort = json_incref(json_object_get(row, by));
    return item;
}

static void free_item(struct hub_collection_item *item) {
    json_decref(item->record);
    json_decref(item->sort);
}

/* ---- reading ---- */

static void on_listed(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_collection *c = arg;
    struct hub_collection_items items = {0};
    const struct hub_table *t = c->window && c->window->data_object ? table_of(c) : NULL;
    (void)error;
    if (!code && !t) code = HUB_NOT_FOUND; /* new definitions do without it */
    size_t n = code ? 0 : json_array_size(result);
    bool more = !code && (int64_t)n > c->window->limit;
    for (size_t i = 0; i < n - more; i++) {
        struct hub_collection_item item = item_of(c, t, json_array_get(result, i));
        if (item.record) hub_collection_items_add(&items, items.n, item.record, item.sort);
        free_item(&item);
    }
    if (!code) c->more = more;
    hub_collection_ran(c, code, &items);
}

/* A part of its id that is no value of the property, as a text for a number: no row has it. */
static bool has_none(const struct hub_collection *c) {
    const char *name;
    json_t *v;
    json_object_foreach(c->where, name, v) if (json_is_null(v)) return true;
    return false;
}

/* What changes from now on may or may not be in what is read: it is looked at once more afterwards. */
void hub_collection_query(struct hub_collection *c) {
    const struct hub_table *t = table_of(c);
    json_t *options = json_pack("{s:I, s:b}", "limit", (json_int_t)c->window->limit, "probe", 1);
    if (c->window->order_by) json_object_set_new(options, "orderBy", json_string(c->window->order_by));
    json_decref(c->meanwhile);
    c->meanwhile = json_object();
    hub_list_push(&c->all->reading, &c->in_reading);
    if (t && t->id != HUB_NO_ID && has_none(c)) {
        struct hub_collection_items none = {0};
        hub_collection_ran(c, HUB_OK, &none);
    } else if (t && t->id != HUB_NO_ID) {
        hub_object_list(&c->all->engine->data, t, c->where, options, on_listed, c);
    } else {
        struct hub_collection_items none = {0};
        hub_collection_ran(c, HUB_FEATURE_DISABLED, &none);
    }
    json_decref(options);
}

/* ---- changes ---- */

static bool meets_where(const struct hub_collection *c, const json_t *row) {
    const char *name;
    json_t *v;
    json_object_foreach(c->where, name, v) {
        const json_t *has = json_object_get(row, name);
        if (hub_json_nil(v) || !has || !hub_json_equal(has, v)) return false;
    }
    return true;
}

static size_t place_of(const struct ordering *o, const struct hub_collection_items *items,
                       const struct hub_collection_item *item) {
    size_t low = 0, high = items->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_items(o, &items->all[middle], item) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The row ID is ROW now, null: gone. */
static void apply_row(struct hub_collection *c, const struct hub_table *t, const char *id, const json_t *row) {
    const struct ordering order = ordering_of(c, t);
    struct hub_collection_item item = {0};
    int at = hub_collection_index(&c->items, hub_cstr(id));
    if (json_is_object(row) && meets_where(c, row)) item = item_of(c, t, row);
    if (at < 0 && !item.record) return;
    struct hub_collection_items items = hub_collection_items_copy(&c->items);
    if (at >= 0) hub_collection_items_remove(&items, (size_t)at);
    size_t place = item.record ? place_of(&order, &items, &item) : 0;
    bool undecided = item.record && is_undecided(&order, &items, place, &item);
    bool behind = item.record && place == items.n && c->more; /* or another row is before it */
    if (item.record && !behind) hub_collection_items_add(&items, place, item.record, item.sort);
    free_item(&item);
    if ((int64_t)items.n > c->window->limit) {
        hub_collection_items_remove(&items, items.n - 1);
        c->more = true;
    }
    bool short_of = c->more && (int64_t)items.n < c->window->limit;
    hub_collection_become(c, &items);
    if (short_of || undecided) hub_collection_refresh(c);
}

static void take_row(struct hub_collection *c, const struct hub_table *t, const char *id, json_t *row) {
    if (c->meanwhile)
        json_object_set(c->meanwhile, id, row);
    else if (c->loaded && c->window && c->window->data_object)
        apply_row(c, t, id, row);
}

void hub_collection_queried(struct hub_collection *c) {
    const struct hub_table *t = table_of(c);
    json_t *changes = c->meanwhile, *row;
    const char *id;
    c->meanwhile = NULL;
    hub_list_remove(&c->in_reading);
    if (t) json_object_foreach(changes, id, row) apply_row(c, t, id, row);
    json_decref(changes);
}

/* Of one window: the collections whose equal properties ROW has. */
static void tell_window(struct hub_collections *all, const struct hub_def_collection *w, const struct hub_table *t,
                        const char *id, json_t *row) {
    struct hub_buf key = {0};
    if (!w->data_object || strcmp(w->data_object->name, t->name)) return;
    add_where_key(&key, t->name, &w->where, row);
    struct hub_list *list = hub_map_get(&all->by_where, hub_buf_str(&key));
    hub_buf_free(&key);
    if (list) HUB_LIST_EACH(list, it) take_row(HUB_CONTAINER(it, struct hub_collection, in_where), t, id, row);
}

static void tell_windows(struct hub_collections *all, const struct hub_def *def, const struct hub_table *t,
                         const char *id, json_t *row) {
    for (size_t i = 0; i < def->parts.collection_n; i++) tell_window(all, &def->parts.collections[i], t, id, row);
}

/* Those that it is in. Each may leave the list by it. */
static void tell_members(struct hub_collections *all, const struct hub_table *t, const char *id, json_t *row) {
    struct hub_list *list = members_at(all, t->name, hub_cstr(id));
    size_t n = 0, i = 0;
    if (!list) return;
    HUB_LIST_EACH(list, it) n++;
    struct hub_collection **in = hub_xcalloc(n, sizeof(struct hub_collection *));
    HUB_LIST_EACH(list, it) in[i++] = HUB_CONTAINER(it, struct membership, link)->collection;
    for (i = 0; i < n; i++) take_row(in[i], t, id, row);
    free(in);
}

/* A collection that is being read may get a row that has left it meanwhile, or not one that has come. */
static void note_meanwhile(struct hub_collections *all, const struct hub_table *t, const char *id, json_t *row) {
    HUB_LIST_EACH(&all->reading, it) {
        struct hub_collection *c = HUB_CONTAINER(it, struct hub_collection, in_reading);
        if (hub_str_is(hub_cstr(c->object), t->name)) json_object_set(c->meanwhile, id, row);
    }
}

static bool is_watched(const struct hub_collections *all) { return hub_map_len(&all->by_where) && !all->stopped; }

/* ROW: what it is; null: gone. */
static void tell_row(struct hub_collections *all, const struct hub_table *t, const char *id, json_t *row) {
    const struct hub_service *s = all->engine->config.service;
    note_meanwhile(all, t, id, row);
    tell_members(all, t, id, row);
    for (size_t i = 0; i < s->hub_n && json_is_object(row); i++) tell_windows(all, &s->hubs[i], t, id, row);
    for (size_t i = 0; i < s->namespace_n && json_is_object(row); i++)
        tell_windows(all, &s->namespaces[i].def, t, id, row);
}

/* A row that others have changed, being read. What is read may be older than a write of this process that
 * was told meanwhile, and that write older than the change of the others: it is read once more then. */
struct rereading {
    struct hub_collections *all;
    const struct hub_table *table;
    char *id;
    json_t *row_id;
    bool again;
};

static struct rereading *rereading_at(struct hub_collections *all, const struct hub_table *t, const char *id) {
    struct hub_buf key = {0};
    add_member_key(&key, t->name, hub_cstr(id));
    struct rereading *r = hub_map_get(&all->rereading, hub_buf_str(&key));
    hub_buf_free(&key);
    return r;
}

void hub_collection_row_written(struct hub_engine *e, const struct hub_write *w, const void *by) {
    struct hub_collections *all = hub_collections_of(e);
    const struct hub_table *t = w->table;
    (void)by;
    if (w->code || w->duplicate || t->id == HUB_NO_ID || !is_watched(all)) return;
    json_t *row = hub_row_json(t, w->row.n ? hub_row(&w->row, 0) : w->cells);
    char *id = id_text(t, row);
    struct rereading *r = rereading_at(all, t, id);
    if (r) r->again = true;
    tell_row(all, t, id, w->kind == HUB_DELETE ? json_null() : row);
    free(id);
    json_decref(row);
}

/* ---- changes by others ---- */

/* What the row is could not be read: all that may have it are, until that is possible. */
static void refresh_all(struct hub_collections *all, const struct hub_table *t) {
    HUB_LIST_EACH(&all->list, it) {
        struct hub_collection *c = HUB_CONTAINER(it, struct hub_collection, link);
        if (c->object && c->loaded && !strcmp(c->object, t->name)) hub_collection_refresh(c);
    }
}

static void end_rereading(struct rereading *r) {
    struct hub_buf key = {0};
    add_member_key(&key, r->table->name, hub_cstr(r->id));
    hub_map_del(&r->all->rereading, hub_buf_str(&key));
    hub_buf_free(&key);
    json_decref(r->row_id);
    free(r->id);
    free(r);
}

static void reread_row(struct rereading *r);

static void on_reread(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct rereading *r = arg;
    bool known = !code || code == HUB_NOT_FOUND;
    (void)error;
    if (known && r->again && is_watched(r->all)) {
        reread_row(r);
        return;
    }
    if (known && is_watched(r->all))
        tell_row(r->all, r->table, r->id, code ? json_null() : result);
    else if (!known)
        refresh_all(r->all, r->table);
    end_rereading(r);
}

static void reread_row(struct rereading *r) {
    r->again = false;
    hub_object_find(&r->all->engine->data, r->table, r->row_id, on_reread, r);
}

static HUB_MUST struct rereading *rereading_new(struct hub_collections *all, const struct hub_table *t, char *id,
                                                json_t *row_id) {
    struct rereading *r = hub_xcalloc(1, sizeof *r);
    struct hub_buf key = {0};
    *r = (struct rereading){.all = all, .table = t, .id = id, .row_id = json_incref(row_id)};
    add_member_key(&key, t->name, hub_cstr(id));
    hub_map_put(&all->rereading, hub_buf_str(&key), r);
    hub_buf_free(&key);
    return r;
}

void hub_collection_row_changed(struct hub_engine *e, const struct hub_table *t, const json_t *row) {
    struct hub_collections *all = hub_collections_of(e);
    if (t->id == HUB_NO_ID || !is_watched(all)) return;
    char *id = id_text(t, row);
    struct rereading *r = rereading_at(all, t, id);
    if (!r) {
        reread_row(rereading_new(all, t, id, json_object_get(row, t->columns[t->id].property)));
        return;
    }
    r->again = true;
    free(id);
}
