/* Data events, by which rows that were changed from outside (or by scripts) become changes of rooms: a row of
 * the room object updates or ends its room, a row of an object that rights rest on lets its user's rights be
 * worked out again; a row of a message is handed on to external_message_edit.c (contract: semantics.md
 * "Bridged events"). */
#include "hub/bridge/bridge_int.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/join/join.h"
#include "hub/member/member.h"

bool hub_record_is_about(const struct hub_hub *hub, struct hub_str topic, const char *object, enum hub_feed_what what) {
    struct hub_buf b = {0};
    hub_feed_topic(&b, hub->engine->config.service, object, hub_feed_what_names[what]);
    bool same = hub_str_eq(hub_buf_str(&b), topic);
    hub_buf_free(&b);
    return same;
}

/* Ids of existing tables may be numbers; rooms are known by text. */
char *hub_record_id_text(const json_t *v) {
    struct hub_buf b = {0};
    if (json_is_string(v))
        hub_buf_adds(&b, hub_json_str(v));
    else
        hub_json_add(&b, v);
    return hub_buf_take(&b, NULL);
}

struct hub_room *hub_record_room(struct hub_hub *hub, const json_t *id) {
    char *text = hub_record_id_text(id);
    struct hub_room *room = hub_json_nil(id) ? NULL : hub_room_find(&hub->rooms, hub_cstr(text));
    free(text);
    return room;
}

/* ---- the room object ---- */

/* Somebody else's change of the room's row. The record says what it was at that time; meanwhile it may
 * have changed again. */
struct rereading {
    struct hub_room *room; /* reference */
    json_t *row, *changes; /* references; changes may be NULL */
    uint32_t record_no;
    struct hub_buf hold;
    struct hub_work *work;
};

static void on_reread(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct rereading *r = arg;
    struct hub_room *room = r->room;
    const struct hub_table *t = hub_record_table(hub_of(room)); /* NULL: a reload has taken the hub out of service */
    (void)error;
    if (t && room->record_no == r->record_no) { /* else it is newer than what was read */
        json_decref(room->record);
        room->record = !code && rows->n ? hub_row_json(rows->table, hub_row(rows, 0)) : hub_row_typed(t, r->row);
        hub_room_record_changed(room);
    }
    hub_room_tell(room, "roomUpdated", r->row, r->changes, r->work);
    hub_room_recheck(room, r->work);
    hub_room_unref(room);
    hub_work_release(r->work);
    hub_buf_free(&r->hold);
    json_decref(r->row);
    json_decref(r->changes);
    free(r);
}

static void reread_room(struct hub_room *room, json_t *row, json_t *changes, struct hub_work *work) {
    struct rereading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct rereading){hub_room_ref(room), json_incref(row), json_incref(changes), room->record_no, {0},
                            hub_work_hold(work)};
    hub_authorize_record_changed(hub_of(room), hub_cstr(room->id));
    if (!hub_record_read(hub_of(room), room->id, &r->hold, on_reread, r)) on_reread(r, HUB_NOT_FOUND, NULL, NULL);
}

/* The room has no members, but decisions may be cached. */
static void forget_room(struct hub_hub *hub, const json_t *id, struct hub_work *work) {
    char *text = hub_record_id_text(id);
    if (!hub_json_nil(id)) hub_authorize_forget(hub, hub_cstr(text), hub_str(NULL, 0), work);
    free(text);
}

static bool is_inactive(const struct hub_hub *hub, const char *object, const json_t *row) {
    const struct hub_table *t = hub_tables_find(hub->engine->config.tables, hub_cstr(object));
    return t && t->active >= 0 && json_is_false(hub_json_get(row, t->columns[t->active].property));
}

/* The row before an update: as the record has it, or put together from the row and the old values, which
 * may name the changed properties only. New reference, or NULL. */
static HUB_MUST json_t *row_before(const json_t *record, const char *object, const json_t *row) {
    struct hub_buf name = {0};
    hub_buf_addf(&name, "old_%s", object);
    json_t *before = hub_json_get(record, hub_buf_cstr(&name)), *old = hub_json_get(record, "oldDataValues");
    hub_buf_free(&name);
    if (!json_is_object(before) && !json_is_object(old)) return NULL;
    json_t *whole = json_copy((json_t *)(uintptr_t)row);
    if (json_is_object(old)) json_object_update(whole, old);
    if (json_is_object(before)) json_object_update(whole, before);
    return whole;
}

static void room_gone(struct hub_hub *hub, const json_t *id, unsigned purposes, struct hub_work *work) {
    struct hub_room *room = hub_record_room(hub, id);
    if (!(purposes & HUB_PURPOSE_RIGHTS)) return;
    if (room && !(purposes & (HUB_PURPOSE_ROOMS | HUB_PURPOSE_OWN)))
        hub_room_recheck(room, work); /* an earlier process told it; somebody may have made it anew */
    else if (room)
        hub_room_close(room, HUB_ROOM_NOT_FOUND, work);
    else
        forget_room(hub, id, work);
}

static void room_updated(struct hub_hub *hub, json_t *row, const json_t *record, unsigned purposes,
                         struct hub_work *work) {
    const json_t *id = hub_json_get(row, hub->def->room_object->id_property);
    struct hub_room *room = hub_record_room(hub, id);
    json_t *changes = hub_json_get(record, "newDataValues");
    if (!room) {
        if (purposes & HUB_PURPOSE_RIGHTS) forget_room(hub, id, work);
        return;
    }
    hub_room_ref(room);
    if ((purposes & HUB_PURPOSE_ROOMS) && (purposes & HUB_PURPOSE_RIGHTS))
        reread_room(room, row, changes, work);
    else if (purposes & HUB_PURPOSE_ROOMS)
        hub_room_tell(room, "roomUpdated", row, changes, work);
    else
        hub_room_recheck(room, work); /* its record is newer than the event, or was set at the commit */
    hub_room_unref(room);
}

/* A room object's own row is the room event's; but it may also link a user with another room. */
static bool is_of_room_event(const struct hub_hub *hub, const struct hub_def_auth_source *s) {
    const struct hub_def_object *o = s->source_object;
    return o == hub->def->room_object && !strcmp(o->properties[s->room_field].name, o->id_property);
}

/* Whom ROW, of the room object, makes somebody's room. */
static void concern_owners(struct hub_hub *hub, const json_t *row) {
    char *id = hub_record_id_text(hub_json_get(row, hub->def->room_object->id_property));
    for (size_t i = 0; i < hub->def->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &hub->def->auth_sources[i];
        const json_t *user = hub_json_get(row, s->source_object->properties[s->user_field].name);
        if (!is_of_room_event(hub, s) || hub_json_nil(user)) continue;
        char *user_id = hub_record_id_text(user);
        HUB_PARTS_CALL(hub->engine, rights_changed, hub, hub_cstr(id), hub_cstr(user_id));
        free(user_id);
    }
    free(id);
}

static void on_room_event(struct hub_hub *hub, enum hub_feed_what what, const json_t *record, unsigned purposes,
                          struct hub_work *work) {
    const struct hub_def_object *o = hub->def->room_object;
    json_t *row = what == HUB_FEED_UPDATED ? hub_json_get(record, o->name) : (json_t *)(uintptr_t)record;
    const json_t *id = hub_json_get(row, o->id_property);
    if (purposes & HUB_PURPOSE_RIGHTS) concern_owners(hub, row);
    if (what == HUB_FEED_CREATED) return;
    if (what == HUB_FEED_DELETED || is_inactive(hub, o->name, row)) {
        room_gone(hub, id, purposes, work);
        return;
    }
    json_t *before = row_before(record, o->name, row);
    const json_t *old_id = hub_json_get(before, o->id_property);
    if (before && (purposes & HUB_PURPOSE_RIGHTS)) concern_owners(hub, before);
    if (!hub_json_nil(old_id) && !hub_json_equal(old_id, id)) room_gone(hub, old_id, purposes, work);
    room_updated(hub, row, record, purposes, work);
    json_decref(before);
}

/* ---- membership objects ---- */

/* One user's rights in one room depend, or depended, on ROW. EVENT is what the room is told of it, or
 * NULL. */
static void concern_user(struct hub_hub *hub, const struct hub_def_auth_source *s, const json_t *row, const char *event,
                         unsigned purposes, struct hub_work *work) {
    const struct hub_def_object *o = s->source_object;
    const json_t *room_id = hub_json_get(row, o->properties[s->room_field].name),
                 *user_id = hub_json_get(row, o->properties[s->user_field].name);
    struct hub_room *room = hub_record_room(hub, room_id);
    if (hub_json_nil(room_id)) return;
    char *id = hub_record_id_text(room_id), *user = hub_record_id_text(user_id);
    bool rights = (purposes & HUB_PURPOSE_RIGHTS) && !hub_json_nil(user_id);
    if (room) {
        hub_room_ref(room);
        if (event && (purposes & HUB_PURPOSE_ROOMS)) hub_room_tell(room, event, row, NULL, work);
        if (rights) hub_reauthorize_user(room, hub_cstr(user), work);
        hub_room_unref(room);
    } else if (rights) {
        /* the room has no members, but a decision may be cached */
        hub_authorize_forget(hub, hub_cstr(id), hub_cstr(user), work);
    }
    free(id);
    free(user);
}

static bool same_value(const json_t *a, const json_t *b, const struct hub_def_object *o, int property) {
    const json_t *x = hub_json_get(a, o->properties[property].name), *y = hub_json_get(b, o->properties[property].name);
    return x && y ? hub_json_equal(x, y) : hub_json_nil(x) == hub_json_nil(y);
}

/* An update counts for the user and the room of the row as it was and as it is. */
static void on_moved(struct hub_hub *hub, const struct hub_def_auth_source *s, const json_t *record, bool announce,
                     unsigned purposes, struct hub_work *work) {
    const struct hub_def_object *o = s->source_object;
    const json_t *row = hub_json_get(record, o->name);
    json_t *before = row_before(record, o->name, row);
    bool stays = !before || (same_value(before, row, o, s->room_field) && same_value(before, row, o, s->user_field));
    bool was = before ? !is_inactive(hub, o->name, before) : true, is = !is_inactive(hub, o->name, row);
    if (stays) {
        concern_user(hub, s, row, !announce || was == is ? NULL : is ? "memberJoined" : "memberLeft", purposes, work);
    } else {
        concern_user(hub, s, before, announce && was ? "memberLeft" : NULL, purposes, work);
        concern_user(hub, s, row, announce && is ? "memberJoined" : NULL, purposes, work);
    }
    json_decref(before);
}

static void on_membership(struct hub_hub *hub, const struct hub_def_auth_source *s, enum hub_feed_what what,
                          const json_t *record, bool announce, unsigned purposes, struct hub_work *work) {
    if (what == HUB_FEED_UPDATED)
        on_moved(hub, s, record, announce, purposes, work);
    else
        concern_user(hub, s, record,
                     !announce                  ? NULL
                     : what == HUB_FEED_CREATED ? "memberJoined"
                                                : "memberLeft",
                     purposes, work);
}

/* Sources often name one object several times, for several roles: it is announced once. */
static void on_source_event(struct hub_hub *hub, struct hub_str topic, enum hub_feed_what what, const json_t *record,
                            unsigned purposes, struct hub_work *work) {
    bool announced = false;
    for (size_t i = 0; i < hub->def->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &hub->def->auth_sources[i];
        if (is_of_room_event(hub, s) || !hub_record_is_about(hub, topic, s->source_object->name, what)) continue;
        on_membership(hub, s, what, record, !announced && s->source_object != hub->def->room_object, purposes, work);
        announced = true;
    }
}

/* ---- the hub's own messages ---- */

static void on_message_event(struct hub_hub *hub, enum hub_feed_what what, const json_t *record,
                             struct hub_work *work) {
    const json_t *row = what == HUB_FEED_UPDATED ? hub_json_get(record, hub->tables->message->name) : record;
    if (what != HUB_FEED_CREATED) hub_external_message_edit(hub, row, what == HUB_FEED_DELETED, work);
}

/* ---- a record ---- */

/* Removes what publishers put beside a record's own fields and clients must not see: ids of events and
 * requests, the actor's whole session, tokens. */
static HUB_MUST json_t *bare_record(json_t *record) {
    json_t *copy = json_copy(record), *v;
    const char *key;
    void *next;
    json_object_foreach_safe(copy, next, key, v) {
        if (key[0] == '_' || !strcmp(key, "session") || !strcmp(key, "M2MToken")) json_object_del(copy, key);
    }
    return copy;
}

void hub_data_event(struct hub_hub *hub, const struct hub_record *s, unsigned purposes, struct hub_work *work) {
    json_t *row = bare_record(s->record);
    for (enum hub_feed_what what = HUB_FEED_CREATED; what <= HUB_FEED_DELETED; what++) {
        if (hub_record_is_about(hub, s->topic, hub->def->room_object->name, what))
            on_room_event(hub, what, row, purposes, work);
        if ((purposes & HUB_PURPOSE_ROOMS) && hub_record_is_about(hub, s->topic, hub->tables->message->name, what))
            on_message_event(hub, what, row, work);
        on_source_event(hub, s->topic, what, row, purposes, work);
    }
    json_decref(row);
}

/* ---- records that are JSON, and not what their topic is for ---- */

struct wanted {
    struct hub_str topic;
    const json_t *record;
    char *why; /* what it lacks */
};

/* A record about OBJECT must have its row, and in that FIELD, which may be null. */
static void want_field(struct wanted *w, const struct hub_hub *hub, const char *object, const char *field) {
    for (enum hub_feed_what what = HUB_FEED_CREATED; !w->why && what <= HUB_FEED_DELETED; what++) {
        struct hub_buf why = {0};
        if (!hub_record_is_about(hub, w->topic, object, what)) continue;
        const json_t *row = what == HUB_FEED_UPDATED ? hub_json_get(w->record, object) : w->record;
        if (!json_is_object(row))
            hub_buf_addf(&why, "expected {\"%s\": {...}, \"newDataValues\": {...}}", object);
        else if (!hub_json_get(row, field))
            hub_buf_addf(&why, "expected a record with \"%s\"", field);
        if (why.n) w->why = hub_buf_take(&why, NULL);
    }
}

/* What the record lacks for the hubs that read its topic, or NULL. */
char *hub_data_event_lacks(const struct hub_engine *e, struct hub_str topic, const json_t *record) {
    static const char mark[] = "-service-dbevent-";
    struct wanted w = {.topic = topic, .record = record};
    if (!memmem(topic.p, topic.n, mark, sizeof mark - 1)) return NULL;
    for (size_t i = 0; i < e->hub_n; i++) {
        const struct hub_hub *hub = e->hubs[i];
        const struct hub_def *def = hub->def;
        if (!def->auto_bridge) continue;
        want_field(&w, hub, def->room_object->name, def->room_object->id_property);
        want_field(&w, hub, hub->tables->message->name, "id");
        for (size_t j = 0; j < def->auth_source_n; j++) {
            const struct hub_def_auth_source *s = &def->auth_sources[j];
            if (s->source_object == def->room_object) continue;
            want_field(&w, hub, s->source_object->name, s->source_object->properties[s->room_field].name);
            want_field(&w, hub, s->source_object->name, s->source_object->properties[s->user_field].name);
        }
    }
    return w.why;
}
