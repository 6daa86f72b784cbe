/* Collections that somebody watches: what is in them, and what changes of it. */
#include <stdlib.h>

#include "hub/collection/collection_int.h"

#define RETRY_MS 1000

static struct hub_metric live_now = HUB_METRIC(HUB_GAUGE, "hubd_collections", NULL, "Collections that are watched");

struct hub_collections *hub_collections_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_collections_part);
}

enum hub_code hub_collection_window(const struct hub_def *def, struct hub_str id, const struct hub_def_collection **out,
                                    json_t **params, struct hub_err *err) {
    enum hub_code code = HUB_NOT_FOUND;
    *out = NULL;
    for (size_t i = 0; code == HUB_NOT_FOUND && i < def->parts.collection_n; i++) {
        code = hub_pattern_match(def->parts.collections[i].pattern.compiled, id, params);
        if (!code) *out = &def->parts.collections[i];
    }
    if (code == HUB_NOT_FOUND) return hub_fail(err, code, "no collection of that id is declared here");
    if (code) return hub_fail(err, code, "collectionId: whether that is one takes too long to find out");
    return HUB_OK;
}

/* ---- items ---- */

int hub_collection_index(const struct hub_collection_items *items, struct hub_str id) {
    for (size_t i = 0; i < items->n; i++)
        if (hub_str_eq(hub_json_get_str(items->all[i].record, "id"), id)) return (int)i;
    return -1;
}

void hub_collection_items_add(struct hub_collection_items *items, size_t at, json_t *record, json_t *sort) {
    items->all = hub_xrealloc(items->all, (items->n + 1) * sizeof *items->all);
    memmove(items->all + at + 1, items->all + at, (items->n - at) * sizeof *items->all);
    items->all[at] = (struct hub_collection_item){json_incref(record), json_incref(sort)};
    items->n++;
}

void hub_collection_items_remove(struct hub_collection_items *items, size_t at) {
    json_decref(items->all[at].record);
    json_decref(items->all[at].sort);
    items->n--;
    memmove(items->all + at, items->all + at + 1, (items->n - at) * sizeof *items->all);
}

struct hub_collection_items hub_collection_items_copy(const struct hub_collection_items *items) {
    struct hub_collection_items copy = {hub_xcalloc(items->n + 1, sizeof *copy.all), items->n};
    for (size_t i = 0; i < items->n; i++)
        copy.all[i] = (struct hub_collection_item){json_incref(items->all[i].record), json_incref(items->all[i].sort)};
    return copy;
}

void hub_collection_items_free(struct hub_collection_items *items) {
    while (items->n) hub_collection_items_remove(items, items->n - 1);
    free(items->all);
    items->all = NULL;
}

/* ---- what changes ---- */

static struct hub_str item_id(const struct hub_collection_items *items, size_t i) {
    return hub_json_get_str(items->all[i].record, "id");
}

static HUB_MUST json_t *ids_of(const struct hub_collection_items *items) {
    json_t *ids = json_array();
    for (size_t i = 0; i < items->n; i++) json_array_append_new(ids, hub_json_string(item_id(items, i)));
    return ids;
}

/* Lists of what was added, changed and removed, and in which order their ids would be without being told. */
struct difference {
    json_t *added, *changed, *removed, *order;
};

static void map_items(struct hub_map *map, const struct hub_collection_items *items) {
    for (size_t i = 0; i < items->n; i++) hub_map_put(map, item_id(items, i), items->all[i].record);
}

static struct difference difference_of(const struct hub_collection_items *was, const struct hub_collection_items *is) {
    struct difference d = {json_array(), json_array(), json_array(), json_array()};
    struct hub_map before = {0}, after = {0};
    map_items(&before, was);
    map_items(&after, is);
    for (size_t i = 0; i < was->n; i++) {
        bool stays = hub_map_get(&after, item_id(was, i));
        json_array_append_new(stays ? d.order : d.removed, hub_json_string(item_id(was, i)));
    }
    for (size_t i = 0; i < is->n; i++) {
        json_t *had = hub_map_get(&before, item_id(is, i)), *has = is->all[i].record;
        if (!had) json_array_append(d.added, has), json_array_append_new(d.order, hub_json_string(item_id(is, i)));
        if (had && had != has && !json_equal(had, has)) json_array_append(d.changed, has);
    }
    hub_map_clear(&before);
    hub_map_clear(&after);
    return d;
}

static void tell_difference(struct hub_collection *c, const struct difference *d, const json_t *order) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "{\"collectionId\":");
    hub_json_add_string(&b, hub_cstr(c->id));
    hub_buf_addf(&b, ",\"version\":%lld,\"added\":", (long long)c->version);
    hub_json_add(&b, d->added);
    hub_buf_addz(&b, ",\"changed\":");
    hub_json_add(&b, d->changed);
    hub_buf_addz(&b, ",\"removed\":");
    hub_json_add(&b, d->removed);
    if (order) hub_buf_addz(&b, ",\"order\":"), hub_json_add(&b, order);
    hub_buf_addc(&b, '}');
    hub_collection_tell(c, hub_buf_str(&b));
    hub_buf_free(&b);
}

void hub_collection_become(struct hub_collection *c, struct hub_collection_items *items) {
    struct difference d = difference_of(&c->items, items);
    json_t *ids = ids_of(items);
    bool moved = !json_equal(ids, d.order);
    bool any = moved || json_array_size(d.added) || json_array_size(d.changed) || json_array_size(d.removed);
    hub_collection_items_free(&c->items);
    c->items = *items;
    for (size_t i = 0; i < json_array_size(d.removed); i++)
        hub_collection_part(c, hub_json_str(json_array_get(d.removed, i)));
    for (size_t i = 0; i < json_array_size(d.added); i++)
        hub_collection_join(c, hub_json_get_str(json_array_get(d.added, i), "id"));
    if (any && c->loaded) {
        c->version++;
        tell_difference(c, &d, moved ? ids : NULL);
    }
    json_decref(ids);
    json_decref(d.added);
    json_decref(d.changed);
    json_decref(d.removed);
    json_decref(d.order);
}

/* ---- their lives ---- */

static void bind_window(struct hub_collection *c) {
    struct hub_err err;
    hub_collection_unbind_query(c);
    hub_collection_unbind_watch(c);
    json_decref(c->params);
    c->params = NULL;
    if (hub_collection_window(c->hub->def, hub_cstr(c->id), &c->window, &c->params, &err)) c->window = NULL;
    if (c->window && c->window->data_object) hub_collection_bind_query(c);
    if (c->window && !c->window->data_object) hub_collection_bind_watch(c);
}

/* Versions of one life are greater than those of lives before: nobody takes an old one for a present one. */
static HUB_MUST struct hub_collection *collection_new(struct hub_hub *hub, struct hub_str id, struct hub_str key) {
    struct hub_collections *all = hub_collections_of(hub->engine);
    struct hub_collection *c = hub_xcalloc(1, sizeof *c);
    *c = (struct hub_collection){.all = all, .hub = hub, .key = hub_str_dup(key), .id = hub_str_dup(id)};
    c->version = hub_loop_wall(hub->engine->config.loop);
    hub_list_init(&c->waiting);
    hub_list_init(&c->subs);
    hub_list_init(&c->in_where);
    hub_list_init(&c->in_reading);
    hub_list_push(&all->list, &c->link);
    hub_map_put(&all->by_key, key, c);
    hub->kept++;
    bind_window(c);
    hub_metric_add(&live_now, 1);
    return c;
}

struct hub_collection *hub_collection_get(struct hub_hub *hub, struct hub_str id) {
    struct hub_buf key = {0};
    hub_buf_addf(&key, "%p ", (void *)hub);
    hub_buf_adds(&key, id);
    struct hub_collection *c = hub_map_get(&hub_collections_of(hub->engine)->by_key, hub_buf_str(&key));
    if (!c) c = collection_new(hub, id, hub_buf_str(&key));
    hub_buf_free(&key);
    return hub_collection_ref(c);
}

void hub_collection_unref(struct hub_collection *c) {
    if (--c->refs) return;
    hub_collection_unbind_query(c);
    hub_collection_unbind_watch(c);
    hub_timer_stop(c->hub->engine->config.loop, &c->debounce);
    hub_map_del(&c->all->by_key, hub_cstr(c->key));
    hub_list_remove(&c->link);
    hub_collection_items_free(&c->items);
    if (c->group) hub_group_delete(c->group);
    c->hub->kept--;
    json_decref(c->params);
    json_decref(c->meanwhile);
    free(c->key);
    free(c->id);
    free(c);
    hub_metric_add(&live_now, -1);
}

/* ---- working out ---- */

void hub_collection_run(struct hub_collection *c) {
    if (c->running) {
        c->again = true;
        return;
    }
    c->running = true;
    c->again = false;
    c->ran = hub_loop_now(c->all->engine->config.loop);
    hub_collection_ref(c);
    hub_hold(&c->all->engine->holds, &c->hold, "collection");
    if (c->window && c->window->data_object)
        hub_collection_query(c);
    else
        hub_collection_resolve(c);
}

static void on_debounced(struct hub_timer *t) { hub_collection_run(HUB_CONTAINER(t, struct hub_collection, debounce)); }

/* A query that could not be read again has missed something. */
static void retry_query(struct hub_collection *c) {
    struct hub_loop *loop = c->all->engine->config.loop;
    if (!c->all->stopped) hub_timer_start(loop, &c->debounce, RETRY_MS, on_debounced);
}

static void serve_waiting(struct hub_collection *c, enum hub_code code) {
    struct hub_list waiting;
    hub_list_init(&waiting);
    hub_list_splice(&waiting, &c->waiting);
    for (struct hub_list *l; (l = hub_list_pop(&waiting));) {
        struct hub_collection_wait *w = HUB_CONTAINER(l, struct hub_collection_wait, link);
        w->loaded(w, c, code);
    }
}

/* What came of other definitions is nothing to anybody: whoever waits goes on waiting. */
static void run_anew(struct hub_collection *c, struct hub_collection_items *items) {
    hub_collection_items_free(items);
    hub_list_remove(&c->in_reading);
    json_decref(c->meanwhile);
    c->meanwhile = NULL;
    hub_collection_run(c);
}

/* One that cannot be worked out stays as it was. */
void hub_collection_ran(struct hub_collection *c, enum hub_code code, struct hub_collection_items *items) {
    bool outdated = c->outdated && !c->all->stopped;
    c->running = c->outdated = false;
    hub_unhold(&c->hold);
    if (outdated) {
        run_anew(c, items);
        hub_collection_unref(c);
        return;
    }
    if (!code) hub_collection_become(c, items);
    if (!code) c->loaded = true;
    if (c->object) hub_collection_queried(c);
    if (c->again && !c->all->stopped && c->loaded) hub_collection_refresh(c);
    if (code && c->object && c->loaded) retry_query(c);
    serve_waiting(c, c->loaded ? HUB_OK : code);
    hub_collection_unref(c);
}

void hub_collection_load(struct hub_collection *c, struct hub_collection_wait *w) {
    hub_list_init(&w->link);
    if (c->loaded && !json_object_size(c->meanwhile)) {
        w->loaded(w, c, HUB_OK);
        return;
    }
    hub_list_push(&c->waiting, &w->link);
    if (!c->running) hub_collection_run(c);
}

void hub_collection_refresh(struct hub_collection *c) {
    struct hub_loop *loop = c->all->engine->config.loop;
    int64_t wait = c->window ? c->ran + c->window->debounce_ms - hub_loop_now(loop) : 0;
    c->again = true;
    if (c->running || c->all->stopped || hub_timer_running(&c->debounce)) return;
    hub_timer_start(loop, &c->debounce, wait > 0 ? wait : 0, on_debounced);
}

/* Whoever may not watch any more is found out by the guards. */
void hub_collections_reloaded(struct hub_engine *e) {
    struct hub_collections *all = hub_collections_of(e);
    HUB_LIST_EACH(&all->list, it) {
        struct hub_collection *c = HUB_CONTAINER(it, struct hub_collection, link);
        bind_window(c);
        c->outdated = c->running;
        if (c->window && (c->loaded || c->running)) hub_collection_refresh(c);
    }
}
