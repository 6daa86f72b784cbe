/* Where metadata of rooms is kept: a table of the hub, or the cache. Numbers are written so that they come
 * back as the same kind of number. */
#include <stdlib.h>

#include "hub/metadata/metadata_int.h"

#define CACHE_MS (7LL * 24 * 3600 * 1000) /* since the last change */

/* hub_json_add writes 1.0 as 1, which would come back as an integer. Freed by free. */
static HUB_MUST char *text_of(const json_t *value) { return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY); }

/* ---- the store ---- */

struct loading {
    struct hub_hold hold;
    hub_metadata_loaded *done;
    void *arg;
};

static void on_row(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct loading *l = arg;
    const struct hub_cell *row = !code && rows->n ? hub_row(rows, 0) : NULL;
    (void)error;
    hub_unhold(&l->hold);
    l->done(l->arg, code, row ? row[HUB_RMD_METADATA].s : hub_str(NULL, 0), row ? row[HUB_RMD_VERSION].i : 0);
    free(l);
}

static void load_row(struct hub_room *room, hub_metadata_loaded *done, void *arg) {
    struct hub_engine *e = hub_of(room)->engine;
    struct loading *l = hub_xcalloc(1, sizeof *l);
    l->done = done;
    l->arg = arg;
    const struct hub_cond where = {.column = HUB_RMD_ROOM_ID, .value = hub_cell_text(hub_cstr(room->id))};
    const struct hub_select q = {.table = hub_of(room)->tables->room_metadata,
                                 .where = &where,
                                 .where_n = 1,
                                 .order_by = HUB_RMD_ROOM_ID,
                                 .limit = 1};
    hub_hold(&e->holds, &l->hold, "metadata read");
    e->config.store->ops->select(e->config.store, &q, on_row, l);
}

struct saving {
    struct hub_hold hold;
    struct hub_write write;
    struct hub_cell cells[HUB_RMD_COLUMNS];
    char *text;
    hub_metadata_saved *done;
    void *arg;
};

static void on_written(struct hub_write *w) {
    struct saving *s = w->arg;
    hub_unhold(&s->hold);
    s->done(s->arg, w->code, w->error);
    free(s->text);
    free(s);
}

static void save_row(struct hub_room *room, const json_t *value, int64_t version, hub_metadata_saved *done, void *arg) {
    struct hub_engine *e = hub_of(room)->engine;
    struct saving *s = hub_xcalloc(1, sizeof *s);
    *s = (struct saving){.text = text_of(value), .done = done, .arg = arg};
    s->cells[HUB_RMD_ROOM_ID] = hub_cell_text(hub_cstr(room->id));
    s->cells[HUB_RMD_METADATA] = hub_cell_text(hub_cstr(s->text));
    s->cells[HUB_RMD_VERSION] = hub_cell_int(version);
    s->write = (struct hub_write){.table = hub_of(room)->tables->room_metadata,
                                  .kind = HUB_UPSERT,
                                  .cells = s->cells,
                                  .conflict = HUB_RMD_CONFLICT,
                                  .done = on_written,
                                  .arg = s};
    hub_hold(&e->holds, &s->hold, "metadata write");
    e->config.store->ops->write(e->config.store, &s->write);
}

const struct hub_metadata_keeper hub_metadata_in_store = {.load = load_row, .save = save_row};

/* ---- the cache ---- */

static void add_key(struct hub_buf *b, const struct hub_room *room) {
    const struct hub_service *s = hub_of(room)->engine->config.service;
    hub_buf_addf(b, "hubd:%s:%s:roomMetadata:%s:%s", s->project, s->name, hub_of(room)->def->name, room->id);
}

/* "<version> <object>" */
static void on_value(void *arg, enum hub_code code, const struct hub_str *values) {
    struct loading *l = arg;
    struct hub_str rest = code ? hub_str(NULL, 0) : values[0], number;
    uint64_t version = 0;
    hub_unhold(&l->hold);
    if (!rest.p || !hub_str_split(&rest, ' ', &number) || !hub_str_u64(number, &version)) rest = hub_str(NULL, 0);
    l->done(l->arg, code, rest, rest.p ? (int64_t)version : 0);
    free(l);
}

static void load_value(struct hub_room *room, hub_metadata_loaded *done, void *arg) {
    struct hub_engine *e = hub_of(room)->engine;
    struct hub_buf key = {0};
    struct loading *l = hub_xcalloc(1, sizeof *l);
    l->done = done;
    l->arg = arg;
    add_key(&key, room);
    const struct hub_str k = hub_buf_str(&key);
    hub_hold(&e->holds, &l->hold, "metadata read");
    e->config.cache->ops->get(e->config.cache, &k, 1, on_value, l);
    hub_buf_free(&key);
}

static void on_set(void *arg, enum hub_code code) {
    struct saving *s = arg;
    hub_unhold(&s->hold);
    s->done(s->arg, code, NULL);
    free(s->text);
    free(s);
}

static void save_value(struct hub_room *room, const json_t *value, int64_t version, hub_metadata_saved *done,
                       void *arg) {
    struct hub_engine *e = hub_of(room)->engine;
    struct hub_buf key = {0}, text = {0};
    struct saving *s = hub_xcalloc(1, sizeof *s);
    *s = (struct saving){.text = text_of(value), .done = done, .arg = arg};
    add_key(&key, room);
    hub_buf_addf(&text, "%lld %s", (long long)version, s->text);
    hub_hold(&e->holds, &s->hold, "metadata write");
    e->config.cache->ops->set(e->config.cache, hub_buf_str(&key), hub_buf_str(&text), CACHE_MS, on_set, s);
    hub_buf_free(&key);
    hub_buf_free(&text);
}

const struct hub_metadata_keeper hub_metadata_in_cache = {.load = load_value, .save = save_value};
