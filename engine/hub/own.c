/* The service's own changes: asking for their events, telling them to this process' own rooms, marking and
 * knowing their records. */
#include "hub/own.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/outbox.h"

#define LIFE_LEN 12 /* digits at the end of an event's id that name the process */

struct hub_own {
    struct hub_buf origin; /* "hubd/<project>-<service>/", as it was at the start */
    struct hub_buf ending; /* what records of this process end with */
    char life[LIFE_LEN + 1];
};

struct hub_own *hub_own_new(struct hub_engine *e) {
    struct hub_own *o = hub_xcalloc(1, sizeof *o);
    char id[HUB_UUID_LEN + 1];
    hub_uuid4(id);
    memcpy(o->life, id + HUB_UUID_LEN - LIFE_LEN, LIFE_LEN);
    hub_buf_addf(&o->origin, "hubd/%s-%s/", e->config.service->project, e->config.service->name);
    hub_buf_addf(&o->ending, "\"_origin\":\"%.*s%s\"}", HUB_FMT(hub_buf_str(&o->origin)), o->life);
    return o;
}

void hub_own_delete(struct hub_own *o) {
    hub_buf_free(&o->origin);
    hub_buf_free(&o->ending);
    free(o);
}

void hub_own_id(const struct hub_own *o, char id[HUB_UUID_LEN + 1]) {
    hub_uuid7(id);
    memcpy(id + HUB_UUID_LEN - LIFE_LEN, o->life, LIFE_LEN);
}

/* ---- records ---- */

json_t *hub_own_updated(const char *object, const json_t *before, const json_t *after) {
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

void hub_own_mark(const struct hub_own *o, struct hub_buf *b, const char *id) {
    const char *life = id + HUB_UUID_LEN - LIFE_LEN;
    while (b->n && b->p[b->n - 1] != '}') b->n--;
    b->n--;
    bool empty = b->p[b->n - 1] == '{';
    hub_buf_addf(b, "%s\"_eventId\":\"%s\",\"_origin\":\"%.*s%s\"}", empty ? "" : ",", id,
                 HUB_FMT(hub_buf_str(&o->origin)), life);
}

bool hub_own_is_mine(const struct hub_own *o, struct hub_str value) {
    return hub_str_ends(value, hub_buf_str(&o->ending));
}

bool hub_own_is_earlier(const struct hub_own *o, const json_t *record) {
    return hub_str_starts(hub_json_get_str(record, "_origin"), hub_buf_str(&o->origin));
}

/* ---- writes ---- */

void hub_own_announce(struct hub_engine *e, struct hub_write *w, bool told) {
    w->announce = e->outbox || hub_bridge_heard(e, w->table, told);
    if (w->announce) hub_own_id(e->own, w->event_id);
}

static json_t *record_of(const struct hub_own *o, const struct hub_write *w) {
    json_t *after = hub_row_json(w->table, w->row.n ? hub_row(&w->row, 0) : w->cells), *record = after;
    if (w->before.n) {
        json_t *before = hub_row_json(w->table, hub_row(&w->before, 0));
        record = hub_own_updated(w->table->name, before, after);
        json_decref(before);
        json_decref(after);
    }
    struct hub_buf origin = {0};
    hub_buf_addf(&origin, "%.*s%s", HUB_FMT(hub_buf_str(&o->origin)), o->life);
    hub_json_set_str(record, "_eventId", hub_cstr(w->event_id));
    hub_json_set_str(record, "_origin", hub_buf_str(&origin));
    hub_buf_free(&origin);
    return record;
}

void hub_own_done(struct hub_engine *e, const struct hub_write *w, bool told, struct hub_work *rights) {
    if (!w->announce || w->code || w->duplicate || !w->changes) return;
    if (e->outbox) hub_outbox_poke(e->outbox);
    if (!hub_bridge_heard(e, w->table, told)) return;
    json_t *record = record_of(e->own, w);
    const json_t *row = w->before.n ? hub_json_get(record, w->table->name) : record;
    hub_bridge_own(e, w->table, hub_write_event(w), hub_json_get(row, w->table->columns[w->table->id].property), record,
                   told, rights);
}
