/* Records in memory: loaded when they are first wanted, locked by one at a time, forgotten when nobody has
 * wanted them for long and others need the room. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/record/follow/follow.h"
#include "hub/record/host/host.h"
#include "hub/record/record_int.h"

#define IDLE_MAX_BYTES (64u << 20) /* of values that nobody follows */
#define IDLE_MAX 100000
#define SERVED_AT_ONCE 64 /* of those who wait for one record: others have a turn, too */

static struct hub_metric in_memory = HUB_METRIC(HUB_GAUGE, "hubd_records", NULL, "Records in memory");

struct hub_records *hub_records_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_records_part);
}

struct hub_records *hub_records_new(struct hub_engine *e) {
    struct hub_records *all = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_list_init(&all->idle);
    hub_list_init(&all->behind);
    hub_record_hearings_init(all);
    hub_record_hooks_init(all);
    return all;
}

static void free_record(struct hub_record *r) {
    hub_map_del(&r->all->by_id, hub_cstr(r->id));
    hub_list_remove(&r->idle);
    hub_defer_cancel(&r->hand_over);
    r->all->bytes -= r->cost;
    hub_metric_add(&in_memory, -1);
    if (r->full) hub_group_delete(r->full);
    if (r->patch) hub_group_delete(r->patch);
    hub_record_row_unbind(r);
    json_decref(r->value);
    free(r->id);
    free(r);
}

static struct hub_record *longest_idle(struct hub_records *all) {
    return hub_list_empty(&all->idle) ? NULL : HUB_CONTAINER(all->idle.next, struct hub_record, idle);
}

void hub_records_delete(struct hub_records *all) {
    hub_record_turns_delete(all);
    for (struct hub_record *r; (r = longest_idle(all));) free_record(r);
    hub_map_clear(&all->by_id);
    free(all);
}

static void on_hand_over(struct hub_task *t);

static HUB_MUST struct hub_record *record_new(struct hub_records *all, struct hub_str id) {
    struct hub_record *r = hub_xcalloc(1, sizeof *r);
    r->all = all;
    r->id = hub_str_dup(id);
    hub_list_init(&r->idle);
    hub_list_init(&r->waiting);
    r->hand_over.run = on_hand_over;
    hub_list_init(&r->followers);
    hub_list_init(&r->readers);
    hub_map_put(&all->by_id, id, r);
    hub_metric_add(&in_memory, 1);
    return r;
}

struct hub_record *hub_record_get(struct hub_records *all, struct hub_str id, int64_t most) {
    struct hub_record *r = hub_map_get(&all->by_id, id);
    if (!r && (int64_t)hub_map_len(&all->by_id) >= most && longest_idle(all)) free_record(longest_idle(all));
    if (!r && (int64_t)hub_map_len(&all->by_id) >= most) return NULL;
    if (!r) r = record_new(all, id);
    return hub_record_ref(r);
}

/* Those that nobody uses may stay as long as there is room. */
static void make_room(struct hub_records *all) {
    while ((all->bytes > IDLE_MAX_BYTES || hub_map_len(&all->by_id) > IDLE_MAX) && longest_idle(all))
        free_record(longest_idle(all));
}

void hub_record_unref(struct hub_record *r) {
    if (--r->refs) return;
    if (r->loaded) {
        hub_list_push(&r->all->idle, &r->idle);
        make_room(r->all);
    } else {
        free_record(r);
    }
}

void hub_record_put(struct hub_record *r, json_t *value, int64_t version) {
    json_decref(r->value);
    r->value = value;
    r->version = version;
    r->loaded = true;
    r->all->bytes -= r->cost;
    r->cost = value ? hub_json_cost(value) : 0;
    r->all->bytes += r->cost;
}

/* ---- loading ---- */

static bool may_read(const struct hub_record *r) {
    return r->loaded && r->holder && r->holder->use == HUB_RECORD_JUDGING;
}

/* A guard of the holder may be among them: it cannot wait for the holder's end. */
static void serve_readers(struct hub_record *r) {
    struct hub_list readers;
    hub_list_init(&readers);
    HUB_LIST_EACH_SAFE(&r->waiting, it) {
        if (HUB_CONTAINER(it, struct hub_record_lock, link)->use != HUB_RECORD_READING) continue;
        hub_list_remove(it);
        hub_list_push(&readers, it);
    }
    for (struct hub_list *l; (l = hub_list_pop(&readers));) {
        struct hub_record_lock *reader = HUB_CONTAINER(l, struct hub_record_lock, link);
        hub_unhold(&reader->hold);
        reader->then(reader, HUB_OK);
    }
}

static void has_lock(struct hub_record_lock *lock, enum hub_code code) {
    hub_unhold(&lock->hold);
    if (!code && may_read(lock->record)) serve_readers(lock->record);
    lock->then(lock, code);
}

/* What is read after a doubt is a change, if the version is another one. A cache that has lost it, or has an
 * older one, knows less than memory does. VALUE is given away. */
static void on_loaded(void *arg, enum hub_code code, json_t *value, int64_t version) {
    struct hub_record_lock *lock = arg;
    struct hub_record *r = lock->record;
    json_t *was = json_incref(r->value);
    int64_t before = r->version;
    if (!code && version < before && hub_record_home_of(r) == HUB_RECORD_CACHED)
        hub_record_put(r, json_incref(was), before);
    else if (!code)
        hub_record_put(r, json_incref(value), version);
    if (!code && r->doubted && r->version != before) hub_record_changed_from(r, was, NULL);
    if (!code) r->doubted = false;
    json_decref(was);
    json_decref(value);
    has_lock(lock, code);
}

void hub_record_changed_from(struct hub_record *r, json_t *was, const struct hub_grant *by) {
    hub_record_tell(r, was, by);
    hub_record_doubt_readers(r, by);
    HUB_PARTS_CALL(r->all->engine, record_changed, r->all->engine, hub_cstr(r->id), by);
    if (hub_record_is_watched(r)) hub_record_hooks_add(r, was);
}

/* A value that is no JSON was put there by hand: nothing may take its place unseen. */
static void on_row(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_record_lock *lock = arg;
    const struct hub_cell *row = !code && rows->n ? hub_row(rows, 0) : NULL;
    bool there = row && row[HUB_REC_VALUE].kind == HUB_CELL_TEXT;
    json_t *value = there ? hub_json_parse(row[HUB_REC_VALUE].s, NULL) : NULL;
    (void)error;
    if (there && !value) {
        hub_log_kv(HUB_LOG_ERROR, "record", "the value in the table is no JSON", "id", lock->record->id, NULL);
        code = HUB_INTERNAL;
    }
    on_loaded(lock, code, value, row ? row[HUB_REC_VERSION].i : 0);
}

static void load_stored(struct hub_record_lock *lock) {
    const struct hub_engine_config *config = &lock->record->all->engine->config;
    const struct hub_cond where[] = {
        {.column = HUB_REC_ID, .value = hub_cell_text(hub_cstr(lock->record->id))},
    };
    const struct hub_select q = {
        .table = config->tables->record, .where = where, .where_n = 1, .order_by = -1, .limit = 1};
    if (q.table)
        config->store->ops->select(config->store, &q, on_row, lock);
    else
        has_lock(lock, HUB_FEATURE_DISABLED); /* a reload has taken the last window away */
}

static void load_record(struct hub_record_lock *lock) {
    switch (hub_record_home_of(lock->record)) {
    case HUB_RECORD_STORED: load_stored(lock); break;
    case HUB_RECORD_CACHED: hub_record_load_cached(lock->record, on_loaded, lock); break;
    case HUB_RECORD_ROW: hub_record_load_row(lock->record, on_loaded, lock); break;
    }
}

/* ---- locks ---- */

/* New definitions have made it a row, which is another value; versions go on. */
static void note_move(struct hub_record *r) {
    bool is_row = hub_record_home_of(r) == HUB_RECORD_ROW;
    if (!r->moved) return;
    r->moved = false;
    if (!is_row || !r->loaded) return;
    r->loaded = false;
    r->doubted = true;
}

static void take_lock(struct hub_record_lock *lock) {
    lock->record->holder = lock;
    note_move(lock->record);
    if (lock->record->loaded)
        has_lock(lock, HUB_OK);
    else
        load_record(lock);
}

void hub_record_lock(struct hub_record_lock *lock, struct hub_record *r, enum hub_record_use use,
                     void (*then)(struct hub_record_lock *lock, enum hub_code code)) {
    *lock = (struct hub_record_lock){.record = hub_record_ref(r), .use = use, .then = then};
    hub_list_init(&lock->link);
    if (use == HUB_RECORD_READING && may_read(r)) {
        then(lock, HUB_OK);
        return;
    }
    hub_hold(&r->all->engine->holds, &lock->hold, "record lock");
    if (!r->holder && hub_list_empty(&r->waiting)) {
        take_lock(lock);
        return;
    }
    hub_list_push(&r->waiting, &lock->link);
}

/* In a step of its own: whoever lets go answers first. A loop, not a recursion: many end at once. */
static void on_hand_over(struct hub_task *t) {
    struct hub_record *r = hub_record_ref(HUB_CONTAINER(t, struct hub_record, hand_over));
    for (int n = 0; n < SERVED_AT_ONCE && !r->holder && !hub_list_empty(&r->waiting); n++) {
        hub_defer_cancel(&r->hand_over);
        take_lock(HUB_CONTAINER(hub_list_pop(&r->waiting), struct hub_record_lock, link));
    }
    hub_record_unref(r);
}

void hub_record_unlock(struct hub_record_lock *lock) {
    struct hub_record *r = lock->record;
    if (r->holder == lock) r->holder = NULL; /* a reader beside it has none */
    lock->record = NULL;
    if (!r->holder && !hub_list_empty(&r->waiting)) hub_defer(r->all->engine->config.loop, &r->hand_over);
    hub_record_unref(r);
}

/* ---- only to read ---- */

struct sight {
    struct hub_record *record; /* reference */
    struct hub_record_lock lock;
    hub_record_seen *seen;
    void *arg;
};

/* Whoever sees it may do anything, and others may have it by then. */
static void on_sight(struct hub_record_lock *lock, enum hub_code code) {
    struct sight *s = HUB_CONTAINER(lock, struct sight, lock);
    struct sight was = *s;
    hub_record_unlock(lock);
    free(s);
    was.seen(was.arg, code, was.record);
    hub_record_unref(was.record);
}

void hub_record_see(struct hub_record *r, hub_record_seen *seen, void *arg) {
    struct sight *s = hub_xcalloc(1, sizeof *s);
    *s = (struct sight){.record = r, .seen = seen, .arg = arg};
    hub_record_lock(&s->lock, r, HUB_RECORD_READING, on_sight);
}

/* ---- doubts ---- */

struct looking {
    struct hub_record *record; /* reference */
    struct hub_record_lock lock;
    struct hub_retry retry;
};

static void look_up(struct looking *l);

static void end_looking(struct looking *l) {
    hub_record_unref(l->record);
    free(l);
}

bool hub_record_is_heard(struct hub_record *r) {
    return !hub_list_empty(&r->followers) || !hub_list_empty(&r->readers) || hub_record_is_watched(r);
}

static void look_again(struct hub_retry *retry, bool give_up) {
    struct looking *l = HUB_CONTAINER(retry, struct looking, retry);
    if (give_up || !hub_record_is_heard(l->record))
        end_looking(l);
    else
        look_up(l);
}

static void on_looked_up(struct hub_record_lock *lock, enum hub_code code) {
    struct looking *l = HUB_CONTAINER(lock, struct looking, lock);
    struct hub_retries *retries = &l->record->all->engine->retries;
    hub_record_unlock(lock);
    if (!code || !hub_retry_anyway(retries, &l->retry, code)) end_looking(l);
}

static void look_up(struct looking *l) { hub_record_lock(&l->lock, l->record, HUB_RECORD_ALONE, on_looked_up); }

static void begin_looking(struct hub_record *r) {
    struct looking *l = hub_xcalloc(1, sizeof *l);
    *l = (struct looking){.record = hub_record_ref(r), .retry.again = look_again};
    look_up(l);
}

void hub_record_doubt(struct hub_record *r) {
    r->loaded = false;
    r->doubted = true;
    if (hub_record_is_heard(r)) begin_looking(r);
}

/* What nobody follows is looked at when somebody uses it. */
void hub_records_reloaded(struct hub_records *all) {
    void *v;
    all->definitions++;
    for (void *it = NULL; (it = hub_map_next(&all->by_id, it, NULL, &v));) {
        struct hub_record *r = v;
        if (hub_list_empty(&r->followers) && hub_list_empty(&r->readers)) continue;
        HUB_UNUSED(hub_record_home_of(r), "it binds the record to its row");
        if (r->moved) begin_looking(r);
    }
}

void hub_records_stop(struct hub_records *all) {
    hub_timer_stop(all->engine->config.loop, &all->catch_up);
    hub_record_hooks_stop(all);
    hub_record_hearings_stop(all);
    hub_record_turns_stop(all);
}
