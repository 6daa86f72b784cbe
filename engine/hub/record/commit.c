/* Commits: what records are to be goes to where they are kept, all of it or nothing. */
#include <stdlib.h>

#include "hub/record/record_int.h"

static struct hub_engine *engine_of(const struct hub_record_commit *c) { return c->all->engine; }

static void end_commit(struct hub_record_commit *c, enum hub_code code, const char *error) {
    for (size_t i = 0; c->rows && i < c->n; i++) hub_buf_free(&c->rows[i].text);
    free(c->rows);
    c->rows = NULL;
    c->done(c, code, error);
}

/* ---- the cache ---- */

static void add_key(struct hub_buf *b, const struct hub_record *r) {
    const struct hub_service *s = r->all->engine->config.service;
    hub_buf_addf(b, "hubd:%s:%s:record:%s", s->project, s->name, r->id);
}

static void set_cached(const struct hub_record_next *next, hub_cache_done *done, void *arg) {
    struct hub_cache *cache = next->record->all->engine->config.cache;
    struct hub_buf key = {0}, value = {0};
    add_key(&key, next->record);
    hub_buf_addf(&value, "{\"version\":%lld,\"value\":", (long long)next->record->version + 1);
    hub_json_add(&value, next->value ? next->value : json_null());
    hub_buf_addc(&value, '}');
    cache->ops->set(cache, hub_buf_str(&key), hub_buf_str(&value), 0, done, arg);
    hub_buf_free(&key);
    hub_buf_free(&value);
}

/* A set that got no answer may have been carried out. */
static void on_cached(void *arg, enum hub_code code) {
    struct hub_record_commit *c = arg;
    if (code) c->code = HUB_STORE_UNDECIDED;
    if (!--c->waiting) end_commit(c, c->code, NULL);
}

/* Once the store has carried out its part nothing can be taken back: then what the cache does not take is
 * what it has lost, as it may lose anything. */
static void commit_cached(struct hub_record_commit *c, bool rest) {
    c->waiting = 1;
    for (size_t i = 0; i < c->n; i++) {
        if (hub_record_home_of(c->items[i].record) != HUB_RECORD_CACHED) continue;
        c->waiting += !rest;
        set_cached(&c->items[i], rest ? NULL : on_cached, c);
    }
    if (!--c->waiting) end_commit(c, c->code, NULL);
}

struct cached_load {
    hub_record_loaded *done;
    void *arg;
};

static void on_cached_value(void *arg, enum hub_code code, const struct hub_str *values) {
    struct cached_load *l = arg;
    json_t *kept = !code && values[0].p ? hub_json_parse(values[0], NULL) : NULL;
    json_t *value = json_object_get(kept, "value");
    l->done(l->arg, code, hub_json_nil(value) ? NULL : json_incref(value), hub_json_get_int(kept, "version", 0));
    json_decref(kept);
    free(l);
}

void hub_record_load_cached(struct hub_record *r, hub_record_loaded *done, void *arg) {
    struct hub_cache *cache = r->all->engine->config.cache;
    struct cached_load *l = hub_xcalloc(1, sizeof *l);
    struct hub_buf text = {0};
    *l = (struct cached_load){done, arg};
    add_key(&text, r);
    struct hub_str key = hub_buf_str(&text);
    cache->ops->get(cache, &key, 1, on_cached_value, l);
    hub_buf_free(&text);
}

/* ---- the store ---- */

static void on_stored(struct hub_record_commit *c, enum hub_code code, const char *error) {
    if (code)
        end_commit(c, code, error);
    else
        commit_cached(c, true);
}

static void on_written(struct hub_write *w) {
    const struct hub_record_commit *c = w->arg;
    if (c->with) hub_write_judge_group(w);
    on_stored(w->arg, w->code, w->error);
}

static void on_write_undecided(struct hub_write *w) {
    struct hub_record_commit *c = w->arg;
    c->undecided(c);
}

void hub_record_fill_version(struct hub_record_version *v, struct hub_record *r, const json_t *value, int64_t version) {
    hub_buf_clear(&v->text);
    if (value) hub_json_add(&v->text, value);
    v->cells[HUB_REC_ID] = hub_cell_text(hub_cstr(r->id));
    v->cells[HUB_REC_VERSION] = hub_cell_int(version);
    v->cells[HUB_REC_VALUE] = value ? hub_cell_text(hub_buf_str(&v->text)) : (struct hub_cell){.kind = HUB_CELL_NULL};
    v->cells[HUB_REC_UPDATED_AT] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
    v->write.table = r->all->engine->config.tables->record;
    v->write.kind = HUB_UPSERT;
    v->write.cells = v->cells;
    v->write.conflict = "id";
}

/* Behind those of others, whose checks come first. */
static struct hub_write *stored_group(struct hub_record_commit *c) {
    struct hub_write *first = c->with, **next = &first;
    while (*next) next = &(*next)->next;
    c->rows = hub_xcalloc(c->n, sizeof *c->rows);
    for (size_t i = 0; i < c->n; i++) {
        if (hub_record_home_of(c->items[i].record) != HUB_RECORD_STORED) continue;
        hub_record_fill_version(&c->rows[i], c->items[i].record, c->items[i].value, c->items[i].record->version + 1);
        *next = &c->rows[i].write;
        next = &c->rows[i].write.next;
    }
    return first;
}

static void write_group(struct hub_record_commit *c) {
    struct hub_store *store = engine_of(c)->config.store;
    struct hub_write *first = stored_group(c);
    first->done = on_written;
    first->undecided = c->undecided ? on_write_undecided : NULL;
    first->arg = c;
    store->ops->write(store, first);
}

void hub_record_commit(struct hub_record_commit *c) {
    size_t stored = 0, rows = 0;
    for (size_t i = 0; i < c->n; i++) {
        enum hub_record_home home = hub_record_home_of(c->items[i].record);
        stored += home == HUB_RECORD_STORED;
        rows += home == HUB_RECORD_ROW;
    }
    if (rows && (c->n > 1 || c->with))
        end_commit(c, HUB_BAD_REQUEST, "operations: a record that is a row of a DataObject changes by itself only");
    else if (rows)
        hub_record_commit_row(c);
    else if (stored && !engine_of(c)->config.tables->record)
        end_commit(c, HUB_FEATURE_DISABLED, NULL); /* a reload has taken the last window away */
    else if (stored || c->with)
        write_group(c);
    else
        commit_cached(c, false);
}
