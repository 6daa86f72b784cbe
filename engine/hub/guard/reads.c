/* What guards have read beside single records, and what they write. Who has read what is found by a key;
 * lists are looked through, and their patterns and conditions compared with what has changed. */
#include <stdlib.h>

#include "base/match/pattern.h"
#include "base/telemetry/log.h"
#include "data/where.h"
#include "hub/guard/guard_int.h"

#define KEY_MAX 1024       /* bytes: what has a longer one is noted as everything of its kind */
#define LOG_EVERY_MS 60000 /* of guards that have no end of it */

/* Something that guards have read. There as long as there are any. */
struct noted {
    struct hub_list link; /* of lists: in all->lists */
    struct hub_guards *all;
    struct hub_buf key; /* what a script brings may have NUL characters in it */
    enum hub_readable what;
    struct hub_list readers;     /* reading.in_noted */
    struct hub_pattern *pattern; /* of HUB_READABLE_RECORDS */
    char *object;                /* of HUB_READABLE_ROWS */
    json_t *where;               /* NULL: all of them */
};

struct reading {
    struct hub_grant_read read;
    struct hub_list in_noted;
    struct noted *noted;
};

/* A change that a guard has asked for, while it is under way. */
struct writing {
    struct hub_grant_change change;
};

struct hub_guards {
    struct hub_map by_key; /* → noted */
    struct hub_list lists; /* noted.link */
    struct hub_map writes; /* who asks → writing */
    bool logged;
    int64_t logged_at;
};

static struct hub_guards *guards_of(struct hub_engine *e) { return *hub_engine_part(e, &hub_guards_part); }

/* ---- keys ---- */

/* KIND alone is everything of it. */
static void add_kind(struct hub_buf *b, enum hub_readable what) { hub_buf_addf(b, "%d", what); }

static void add_name(struct hub_buf *b, enum hub_readable what, const struct hub_hub *hub, struct hub_str name) {
    add_kind(b, what);
    hub_buf_addf(b, " %s\n", hub ? hub->def->name : "");
    hub_buf_adds(b, name);
}

static void add_row_key(struct hub_buf *b, const struct hub_table *t, const json_t *id) {
    add_kind(b, HUB_READABLE_ROW);
    hub_buf_addf(b, " %s\n", t->name);
    if (json_is_string(id))
        hub_buf_adds(b, hub_json_str(id));
    else if (id)
        hub_json_add(b, id);
}

static void add_list_key(struct hub_buf *b, enum hub_readable what, const char *of, const json_t *list) {
    add_kind(b, what);
    hub_buf_addf(b, " %s\n", of);
    if (!hub_json_nil(list)) hub_json_add(b, list);
}

/* ---- noting ---- */

static void free_noted(struct noted *n) {
    hub_map_del(&n->all->by_key, hub_buf_str(&n->key));
    hub_list_remove(&n->link);
    hub_pattern_free(n->pattern);
    json_decref(n->where);
    free(n->object);
    hub_buf_free(&n->key);
    free(n);
}

static void drop_reading(struct hub_grant_read *read) {
    struct reading *r = HUB_CONTAINER(read, struct reading, read);
    struct noted *n = r->noted;
    hub_list_remove(&r->in_noted);
    free(r);
    if (hub_list_empty(&n->readers)) free_noted(n);
}

static HUB_MUST struct noted *noted_new(struct hub_guards *all, enum hub_readable what, struct hub_str key) {
    struct noted *n = hub_xcalloc(1, sizeof *n);
    *n = (struct noted){.all = all, .what = what};
    hub_buf_adds(&n->key, key);
    hub_list_init(&n->link);
    hub_list_init(&n->readers);
    hub_map_put(&all->by_key, key, n);
    return n;
}

static void add_reading(struct hub_grant *g, struct noted *n) {
    if (hub_grant_has_noted(g, n)) return;
    struct reading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct reading){.read = {.what = n, .drop = drop_reading}, .noted = n};
    hub_list_push(&n->readers, &r->in_noted);
    hub_grant_note(g, &r->read);
}

void hub_grant_reads_all(struct hub_grant *g, enum hub_readable what) {
    struct hub_guards *all = guards_of(g->conn->hub->engine);
    struct hub_buf key = {0};
    add_kind(&key, what);
    struct noted *n = hub_map_get(&all->by_key, hub_buf_str(&key));
    add_reading(g, n ? n : noted_new(all, what, hub_buf_str(&key)));
    hub_buf_free(&key);
}

/* The one of KEY, which is freed; *FRESH: it was made, and is a list's to be filled. NULL: it was noted as
 * everything of its kind. */
static struct noted *note_key(struct hub_grant *g, enum hub_readable what, struct hub_buf *key, bool *fresh) {
    struct hub_guards *all = guards_of(g->conn->hub->engine);
    bool fits = g->read_n < HUB_GRANT_READS_MAX && key->n <= KEY_MAX;
    struct noted *n = fits ? hub_map_get(&all->by_key, hub_buf_str(key)) : NULL;
    *fresh = fits && !n;
    if (*fresh) n = noted_new(all, what, hub_buf_str(key));
    if (n)
        add_reading(g, n);
    else
        hub_grant_reads_all(g, what);
    hub_buf_free(key);
    return n;
}

static struct hub_grant *grant_of(const struct hub_host_call *c) {
    const struct hub_caller *caller = c->caller;
    return caller ? caller->grant : NULL;
}

void hub_grant_reads(struct hub_grant *g, enum hub_readable what, const struct hub_hub *hub, struct hub_str name) {
    struct hub_buf key = {0};
    bool fresh;
    if (!g) return;
    add_name(&key, what, hub, name);
    note_key(g, what, &key, &fresh);
}

void hub_guard_reads(const struct hub_host_call *c, enum hub_readable what, const struct hub_hub *hub,
                     struct hub_str name) {
    hub_grant_reads(grant_of(c), what, hub, name);
}

static void note_row(struct hub_grant *g, const struct hub_table *t, const json_t *id) {
    struct hub_buf key = {0};
    bool fresh;
    add_row_key(&key, t, id);
    note_key(g, HUB_READABLE_ROW, &key, &fresh);
}

/* An id that no row can have is none that a change could be of. */
void hub_guard_reads_row(const struct hub_host_call *c, const struct hub_table *t, const json_t *id) {
    json_t *own = grant_of(c) ? hub_row_id(t, id) : NULL;
    if (own) note_row(grant_of(c), t, own);
    json_decref(own);
}

/* Conditions that are none are refused by whoever reads; then there is nothing that could change. Those that
 * cannot be compared here are noted as all rows. */
void hub_guard_reads_rows(const struct hub_host_call *c, const struct hub_table *t, const json_t *where) {
    struct hub_grant *g = grant_of(c);
    struct hub_buf key = {0};
    struct hub_err err;
    bool fresh;
    if (!g) return;
    json_t *typed = hub_json_nil(where) || hub_where_check(where, &err) ? NULL : hub_where_typed(t, where);
    add_list_key(&key, HUB_READABLE_ROWS, t->name, typed);
    struct noted *n = note_key(g, HUB_READABLE_ROWS, &key, &fresh);
    if (fresh) {
        n->object = hub_xstrdup(t->name);
        n->where = json_incref(typed);
        hub_list_push(&n->all->lists, &n->link);
    }
    json_decref(typed);
}

void hub_guard_reads_records(const struct hub_host_call *c, const json_t *pattern,
                             struct hub_pattern *(*compile)(const json_t *pattern)) {
    struct hub_grant *g = grant_of(c);
    struct hub_buf key = {0};
    bool fresh;
    if (!g) return;
    add_list_key(&key, HUB_READABLE_RECORDS, "", pattern);
    struct noted *n = note_key(g, HUB_READABLE_RECORDS, &key, &fresh);
    if (!fresh) return;
    n->pattern = compile(pattern);
    hub_list_push(&n->all->lists, &n->link);
}

/* ---- changes ---- */

/* Their guards are asked in a step of its own: the list stays as it is. */
static void doubt_readers(struct noted *n, const struct hub_grant *by) {
    HUB_LIST_EACH(&n->readers, it) {
        struct hub_grant *g = HUB_CONTAINER(it, struct reading, in_noted)->read.grant;
        if (g != by) hub_grant_doubt(g, by);
    }
}

/* KEY is freed. */
static void doubt_key(struct hub_guards *all, struct hub_buf *key, const struct hub_grant *by) {
    struct noted *n = hub_map_get(&all->by_key, hub_buf_str(key));
    if (n) doubt_readers(n, by);
    hub_buf_free(key);
}

static void doubt_kind(struct hub_guards *all, enum hub_readable what, const struct hub_grant *by) {
    struct hub_buf key = {0};
    add_kind(&key, what);
    doubt_key(all, &key, by);
}

static void on_readable_changed(struct hub_engine *e, enum hub_readable what, const struct hub_hub *hub,
                                struct hub_str name, const void *by) {
    struct hub_guards *all = guards_of(e);
    struct hub_buf key = {0};
    if (!hub_map_len(&all->by_key)) return;
    add_name(&key, what, hub, name);
    doubt_key(all, &key, hub_guard_writer(e, by));
    doubt_kind(all, what, hub_guard_writer(e, by));
}

/* One of which it takes too long to find out fits. */
static void on_record_changed(struct hub_engine *e, struct hub_str id, const struct hub_grant *by) {
    struct hub_guards *all = guards_of(e);
    if (!hub_map_len(&all->by_key)) return;
    doubt_kind(all, HUB_READABLE_RECORD, by);
    doubt_kind(all, HUB_READABLE_RECORDS, by);
    HUB_LIST_EACH(&all->lists, it) {
        struct noted *n = HUB_CONTAINER(it, struct noted, link);
        if (n->what != HUB_READABLE_RECORDS) continue;
        if (!n->pattern || hub_pattern_match(n->pattern, id, NULL) != HUB_NOT_FOUND) doubt_readers(n, by);
    }
}

/* Of the list of rooms; whatever it was that has changed. */
static void on_room_changed(struct hub_room *room) {
    on_readable_changed(hub_of(room)->engine, HUB_READABLE_ROOMS, hub_of(room), HUB_STR(""), NULL);
}

/* One that was never open was in no list: a guard that looks at such a room is not asked again for that. */
static void on_room_emptied(struct hub_room *room) {
    if (room->sequence.epoch[0]) on_room_changed(room);
}

/* BEFORE or AFTER may be NULL, unknown: then it is a change for every list. */
static void doubt_row(struct hub_guards *all, const struct hub_table *t, const json_t *before, const json_t *after,
                      const struct hub_grant *by) {
    struct hub_buf key = {0};
    const json_t *known = after ? after : before;
    add_row_key(&key, t, json_object_get(known, t->columns[t->id].property));
    doubt_key(all, &key, by);
    doubt_kind(all, HUB_READABLE_ROW, by);
    doubt_kind(all, HUB_READABLE_ROWS, by);
    HUB_LIST_EACH(&all->lists, it) {
        struct noted *n = HUB_CONTAINER(it, struct noted, link);
        if (n->what != HUB_READABLE_ROWS || strcmp(n->object, t->name)) continue;
        bool known_both = before && after;
        if (!known_both || !n->where || hub_where_meets(n->where, before) || hub_where_meets(n->where, after))
            doubt_readers(n, by);
    }
}

/* A row that came or went is the same before and afterwards, as far as conditions are concerned. What an
 * update has changed is not known where nobody has asked for it. */
static void on_row_written(struct hub_engine *e, const struct hub_write *w, const void *by) {
    struct hub_guards *all = guards_of(e);
    const struct hub_table *t = w->table;
    if (!hub_map_len(&all->by_key) || w->code || w->duplicate || t->id == HUB_NO_ID) return;
    json_t *row = hub_row_json(t, w->row.n ? hub_row(&w->row, 0) : w->cells), *before = NULL;
    if (w->before.n)
        before = hub_row_json(t, hub_row(&w->before, 0));
    else if (w->kind == HUB_INSERT || w->kind == HUB_DELETE)
        before = json_incref(row);
    doubt_row(all, t, before, row, hub_guard_writer(e, by));
    json_decref(before);
    json_decref(row);
}

static void on_row_changed(struct hub_engine *e, const struct hub_table *t, const json_t *row) {
    struct hub_guards *all = guards_of(e);
    if (!hub_map_len(&all->by_key) || t->id == HUB_NO_ID) return;
    json_t *typed = hub_row_typed(t, row);
    doubt_row(all, t, NULL, typed, NULL);
    json_decref(typed);
}

/* ---- what guards have asked for ---- */

static struct hub_str key_of(const void *const *by) { return hub_str((const char *)by, sizeof *by); }

void hub_grant_begins_write(struct hub_grant *g, const void *by) {
    struct writing *w = hub_xcalloc(1, sizeof *w);
    hub_grant_begin_change(g, &w->change);
    hub_map_put(&guards_of(g->conn->hub->engine)->writes, key_of(&by), w);
}

void hub_guard_begins_write(struct hub_engine *e, const struct hub_host_call *c, const void *by) {
    (void)e;
    if (grant_of(c)) hub_grant_begins_write(grant_of(c), by);
}

void hub_guard_ends_write(struct hub_engine *e, const void *by) {
    struct writing *w = hub_map_del(&guards_of(e)->writes, key_of(&by));
    if (!w) return;
    hub_grant_end_change(&w->change);
    free(w);
}

static struct hub_grant *asker_of(struct hub_engine *e, const void *by) {
    const struct writing *w = by ? hub_map_get(&guards_of(e)->writes, key_of(&by)) : NULL;
    return w ? w->change.grant : NULL;
}

const struct hub_grant *hub_guard_writer(struct hub_engine *e, const void *by) { return asker_of(e, by); }

bool hub_guard_finds_row(struct hub_engine *e, const void *by, const struct hub_table *t, const json_t *id,
                         const json_t *row) {
    struct hub_grant *g = row ? asker_of(e, by) : NULL;
    json_t *asked = g ? hub_row_id(t, id) : NULL;
    const json_t *own = g ? json_object_get(row, t->columns[t->id].property) : NULL;
    bool other = asked && own && !hub_json_equal(asked, own);
    if (other) note_row(g, t, own);
    json_decref(asked);
    return other;
}

/* ---- guards without end ---- */

static struct hub_metric put_off = HUB_METRIC(HUB_COUNTER, "hubd_guards_put_off_total", NULL,
                                              "Guards asked again later: what they read does not rest");

/* Where the script of G's guard stands in the definition. Valid as long as that. */
static const char *hook_of(const struct hub_grant *g) {
    char *name = hub_str_dup(hub_grant_name(g));
    struct hub_conn *c = g->conn;
    struct hub_guard_ask ask = {.guard = g->of->guard,
                                .hub = c->hub,
                                .conn = c,
                                .who = c->identity,
                                .name = name,
                                .def = c->hub->def,
                                .caller.grant = (struct hub_grant *)(uintptr_t)g};
    enum hub_code code = g->of->guard->find(&ask);
    json_decref(ask.params);
    free(name);
    return code || !ask.script ? NULL : ask.script->path;
}

static void log_put_off(const struct hub_grant *g, const struct hub_grant *by) {
    struct hub_engine *e = g->conn->hub->engine;
    struct hub_guards *all = guards_of(e);
    int64_t now = hub_loop_now(e->config.loop);
    if (all->logged && now < all->logged_at + LOG_EVERY_MS) return;
    all->logged = true;
    all->logged_at = now;
    hub_log_kv(HUB_LOG_WARN, "hub",
               by ? "a guard changes what another one reads: that is asked again, but not at once any more"
                  : "what a guard reads changes all the time: it is asked again, but not at once any more",
               "hub", g->conn->hub->def->name, "guard", hook_of(g), "changedBy", by ? hook_of(by) : NULL, NULL);
}

int64_t hub_grant_round(struct hub_grant *g, const struct hub_grant *by) {
    int64_t now = hub_loop_now(g->conn->hub->engine->config.loop);
    g->rounds_paid = (g->rounds_paid > now ? g->rounds_paid : now) + HUB_GRANT_ROUND_MS;
    int64_t wait = hub_grant_not_before(g) - now;
    if (wait <= 0) return 0;
    hub_metric_add(&put_off, 1);
    log_put_off(g, by);
    return wait;
}

/* ---- the part ---- */

static void make_guards(struct hub_engine *e) {
    struct hub_guards *all = *hub_engine_part(e, &hub_guards_part) = hub_xcalloc(1, sizeof *all);
    hub_list_init(&all->lists);
}

static void free_guards(struct hub_engine *e) {
    struct hub_guards *all = guards_of(e);
    for (struct writing *w; (w = hub_map_drain(&all->writes));) free(w);
    hub_map_clear(&all->writes);
    hub_map_clear(&all->by_key);
    free(all);
}

static bool mentions_name(struct hub_str text, struct hub_str name) {
    bool does = false;
    for (; text.n >= name.n && !does; text.p++, text.n--) does = hub_str_starts(text, name);
    return does;
}

/* As far as its text says so: a module may read rows for it. */
static bool may_read_rows(const struct hub_script *s) {
    const char *const names[] = {"objects", "require", "lib", "LIB"};
    bool may = false;
    for (size_t i = 0; i < HUB_NELEM(names) && s->kind != HUB_SCRIPT_NONE; i++)
        may |= mentions_name(s->text, hub_cstr(names[i]));
    return may;
}

/* A guard that may read rows has to hear of those that others change. */
static bool hears_of_object(const struct hub_def *def, const struct hub_def_object *o) {
    bool any = false;
    (void)o;
    for (size_t i = 0; i < def->parts.channel_n; i++) any |= may_read_rows(&def->parts.channels[i].can_subscribe);
    for (size_t i = 0; i < def->parts.record_n; i++) any |= may_read_rows(&def->parts.records[i].can_read);
    for (size_t i = 0; i < def->parts.collection_n; i++) any |= may_read_rows(&def->parts.collections[i].can_read);
    return any;
}

const struct hub_part hub_guards_part = {
    .name = "guards",
    .help = "Guards are asked again when what they have read changes.",
    .engine_data = true,
    .created = make_guards,
    .hears = hears_of_object,
    .row_written = on_row_written,
    .row_changed = on_row_changed,
    .record_changed = on_record_changed,
    .readable_changed = on_readable_changed,
    .room_loaded = on_room_changed,
    .room_entered = on_room_changed,
    .room_left = on_room_changed,
    .room_closed = on_room_changed,
    .room_emptied = on_room_emptied,
    .opened = hub_conn_came_or_went,
    .disconnected = hub_conn_came_or_went,
    .deleted = free_guards,
};
