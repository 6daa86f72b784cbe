/* The service's own changes: asking for their events, telling them to this process' own rooms, marking and
 * knowing their records. */
#include "data/change_feed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "data/outbox.h"

struct hub_feed {
    hub_feed_changed *changed;
    void *ctx;
    struct hub_outbox *outbox;
    struct hub_map subscribed; /* tables that somebody in this process listens to -> struct subscription */
    struct hub_buf origin;     /* "hubd/<project>-<service>/", as it was at the start */
    struct hub_buf ending;     /* what records of this node end with */
    const struct hub_nodes *nodes;
    hub_feed_seen *seen; /* NULL: nobody wants to see all */
    void *seen_ctx;
};

/* ---- who listens in this process ---- */

struct subscription {
    bool bridge, listeners;
};

static void forget_hearing(struct hub_feed *f) {
    for (struct subscription *h; (h = hub_map_drain(&f->subscribed));) free(h);
    hub_map_clear(&f->subscribed);
}

const char *const hub_feed_what_names[HUB_FEED_WHATS] = {"created", "updated", "deleted"};

struct hub_feed *hub_feed_new(const struct hub_service *service, const struct hub_nodes *nodes,
                              hub_feed_changed *changed, void *ctx) {
    struct hub_feed *f = hub_xcalloc(1, sizeof *f);
    f->changed = changed;
    f->ctx = ctx;
    f->nodes = nodes;
    hub_buf_addf(&f->origin, "hubd/%s-%s/", service->project, service->name);
    hub_buf_addf(&f->ending, "\"_origin\":\"%.*s%s\"}", HUB_FMT(hub_buf_str(&f->origin)), f->nodes->self);
    return f;
}

void hub_feed_delete(struct hub_feed *f) {
    hub_buf_free(&f->origin);
    hub_buf_free(&f->ending);
    forget_hearing(f);
    free(f);
}

void hub_feed_event_id(const struct hub_feed *f, char id[HUB_UUID_LEN + 1]) {
    hub_uuid7(id);
    memcpy(id + HUB_UUID_LEN - HUB_NODE_ID_LEN, f->nodes->self, HUB_NODE_ID_LEN);
}

void hub_feed_show(struct hub_feed *f, hub_feed_seen *seen, void *ctx) { f->seen = seen, f->seen_ctx = ctx; }

void hub_feed_set_outbox(struct hub_feed *f, struct hub_outbox *o) { f->outbox = o; }

void hub_feed_tables(struct hub_feed *f, const struct hub_table *const *all, size_t n, const struct hub_table *outbox) {
    forget_hearing(f);
    for (size_t i = 0; i < n; i++)
        if (all[i] != outbox)
            hub_map_put(&f->subscribed, hub_cstr(all[i]->name), hub_xcalloc(1, sizeof(struct subscription)));
}

void hub_feed_hear_object(struct hub_feed *f, const char *object) {
    struct subscription *h = hub_map_get(&f->subscribed, hub_cstr(object));
    if (h) h->bridge = true;
}

static bool is_topic_of(const struct hub_service *service, struct hub_str object, const char *topic) {
    char *name = hub_str_dup(object);
    bool found = false;
    for (size_t i = 0; i < HUB_FEED_WHATS && !found; i++) {
        struct hub_buf b = {0};
        hub_feed_topic(&b, service, name, hub_feed_what_names[i]);
        found = hub_str_is(hub_buf_str(&b), topic);
        hub_buf_free(&b);
    }
    free(name);
    return found;
}

void hub_feed_hear_topic(struct hub_feed *f, const struct hub_service *service, const char *topic) {
    struct hub_str object;
    struct subscription *h;
    for (void *it = NULL; (it = hub_map_next(&f->subscribed, it, &object, (void **)&h));)
        if (is_topic_of(service, object, topic)) h->listeners = true;
}

/* Whether anybody listens to changes of TABLE: a hub's bridge or a kafkaEvent; after ROOMS_NOTIFIED only the
 * latter counts. */
static bool is_heard(const struct hub_feed *f, const struct hub_table *table, bool rooms_notified) {
    const struct subscription *h = hub_map_get(&f->subscribed, hub_cstr(table->name));
    return h && (h->listeners || (h->bridge && !rooms_notified));
}

/* ---- records ---- */

void hub_feed_topic(struct hub_buf *b, const struct hub_service *s, const char *object, const char *what) {
    size_t from = b->n;
    hub_buf_addf(b, "%s-%s-service-dbevent-%s-%s", s->project, s->name, object, what);
    for (size_t i = from; i < b->n; i++) b->p[i] = (char)tolower((unsigned char)b->p[i]);
}

json_t *hub_feed_updated(const char *object, const json_t *before, const json_t *after) {
    json_t *old_values = json_object(), *new_values = json_object(), *event = json_object(), *v;
    const char *key;
    struct hub_buf old_name = {0};
    json_object_foreach((json_t *)(uintptr_t)after, key, v) {
        json_t *was = json_object_get(before, key);
        if (was && hub_json_equal(was, v)) continue;
        json_object_set_new(old_values, key, was ? json_incref(was) : json_null());
        json_object_set(new_values, key, v);
    }
    hub_buf_addf(&old_name, "old_%s", object);
    json_object_set(event, hub_buf_cstr(&old_name), (json_t *)(uintptr_t)before);
    json_object_set(event, object, (json_t *)(uintptr_t)after);
    json_object_set_new(event, "oldDataValues", old_values);
    json_object_set_new(event, "newDataValues", new_values);
    hub_buf_free(&old_name);
    return event;
}

void hub_feed_mark(const struct hub_feed *f, struct hub_buf *b, const char *id) {
    const char *node = id + HUB_UUID_LEN - HUB_NODE_ID_LEN;
    while (b->n && b->p[b->n - 1] != '}') b->n--;
    b->n--;
    bool empty = b->p[b->n - 1] == '{';
    hub_buf_addf(b, "%s\"_eventId\":\"%s\",\"_origin\":\"%.*s%s\"}", empty ? "" : ",", id,
                 HUB_FMT(hub_buf_str(&f->origin)), node);
}

bool hub_feed_is_mine(const struct hub_feed *f, struct hub_str value) {
    return hub_str_ends(value, hub_buf_str(&f->ending));
}

bool hub_feed_is_history(const struct hub_feed *f, const json_t *record) {
    struct hub_str origin = hub_json_get_str(record, "_origin"), ours = hub_buf_str(&f->origin);
    if (!hub_str_starts(origin, ours)) return false;
    struct hub_str node = hub_str(origin.p + ours.n, origin.n - ours.n);
    return hub_node_is_self(f->nodes, node) || !hub_node_lives(f->nodes, node);
}

/* ---- writes ---- */

void hub_feed_announce(struct hub_feed *f, struct hub_write *w, bool rooms_notified) {
    w->announce = f->outbox || f->seen || is_heard(f, w->table, rooms_notified);
    if (w->announce) hub_feed_event_id(f, w->event_id);
}

static HUB_MUST json_t *record_of(const struct hub_feed *f, const struct hub_write *w) {
    json_t *after = hub_row_json(w->table, w->row.n ? hub_row(&w->row, 0) : w->cells), *record = after;
    if (w->before.n) {
        json_t *before = hub_row_json(w->table, hub_row(&w->before, 0));
        record = hub_feed_updated(w->table->name, before, after);
        json_decref(before);
        json_decref(after);
    }
    struct hub_buf origin = {0};
    hub_buf_addf(&origin, "%.*s%s", HUB_FMT(hub_buf_str(&f->origin)), f->nodes->self);
    hub_json_set_str(record, "_eventId", hub_cstr(w->event_id));
    hub_json_set_str(record, "_origin", hub_buf_str(&origin));
    hub_buf_free(&origin);
    return record;
}

void hub_feed_done(struct hub_feed *f, const struct hub_write *w, bool rooms_notified, struct hub_work *rights) {
    if (!w->announce || w->code || w->duplicate || !w->changes) return;
    if (f->outbox) hub_outbox_poke(f->outbox);
    bool heard = is_heard(f, w->table, rooms_notified);
    if (!heard && !f->seen) return;
    json_t *record = record_of(f, w);
    const json_t *row = w->before.n ? hub_json_get(record, w->table->name) : record;
    const json_t *key = w->table->id == HUB_NO_ID ? NULL : hub_json_get(row, w->table->columns[w->table->id].property);
    if (f->seen) f->seen(f->seen_ctx, w->table, hub_write_event(w), key, record);
    if (heard)
        f->changed(f->ctx, w->table, hub_write_event(w), key, record, rooms_notified, rights);
    else
        json_decref(record);
}
