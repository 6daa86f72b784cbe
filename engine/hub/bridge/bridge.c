/* Events from the bus: those of the hub's own DataObjects (autoBridgeDataEvents) and kafkaEvents
 * (contract: semantics.md "Bridged events").
 *
 * A topic is subscribed to once for the whole service; what a record means is looked up when it arrives,
 * so a reload needs no unsubscribing. */
#include "hub/bridge/bridge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/access/access.h"
#include "hub/bridge/serial_queue.h"
#include "hub/join/join.h"

#define REMEMBERED 4096     /* _eventIds by which repeats are recognised */
#define MAX_VALUE (4 << 20) /* bytes of a record; more would hold everybody up */
#define MAX_OWN 10000       /* changes of our own that wait to be told */
#define SKIPPED_EVERY_MS 10000

/* What is to be done about a record. */
enum purpose {
    TELL = 1,      /* rooms hear of it */
    RIGHTS = 2,    /* what rests on it is worked out again */
    LISTENERS = 4, /* kafkaEvents hear of it */
    OWN = 8 /* this process made the change: also hubs without autoBridgeDataEvents know of it, and end the rights that
               rest on it */
};

/* A record of the bus, or a change of our own. */
struct arrival {
    struct hub_arrival base;
    struct hub_bridge *bridge;
    struct hub_bus_record *record; /* NULL: a change of our own, which has the others */
    json_t *own;
    char *key;          /* of own: the row's id */
    const char *object; /* its table's name */
    char *topic;
    unsigned purposes;
    struct hub_work *rights; /* of a change of our own: held until its rights are on their way, or NULL */
    bool counted;            /* in own_n */
};

struct hub_bridge {
    struct hub_engine *engine;
    struct hub_map topics; /* subscribed ones; the value is the engine */
    struct hub_serial_queues lanes;
    struct hub_list own; /* arrivals that go to their lanes at the end of the turn */
    struct hub_task own_task;
    size_t own_n;
    struct hub_map seen; /* _eventId → its slot in ring */
    char *ring[REMEMBERED];
    size_t at;
    size_t skipped; /* records, since that was last logged */
    int64_t skipped_at;
};

static struct hub_metric bridged =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_records_total", NULL, "Records received from the bus");
static struct hub_metric dropped =
    HUB_METRIC(HUB_COUNTER, "hubd_own_events_dropped_total", NULL,
               "Changes of the service's own that were not told to its rooms: too many waited");
static struct hub_metric malformed =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_malformed_total", NULL, "Records skipped because they could not be understood");

static bool is_topic(const struct hub_hub *hub, struct hub_str topic, const char *object, enum hub_feed_what what) {
    struct hub_buf b = {0};
    hub_feed_topic(&b, hub->engine->config.service, object, hub_feed_what_names[what]);
    bool same = hub_str_eq(hub_buf_str(&b), topic);
    hub_buf_free(&b);
    return same;
}

/* ---- repeats ---- */

/* True the first time; records without an id are always new. */
static bool is_new(struct hub_bridge *br, const json_t *record) {
    struct hub_str id = hub_json_get_str(record, "_eventId");
    if (!id.n || id.n > 64) return true;
    if (hub_map_get(&br->seen, id)) return false;
    char **slot = &br->ring[br->at++ % REMEMBERED];
    if (*slot) hub_map_del(&br->seen, hub_cstr(*slot));
    free(*slot);
    *slot = hub_str_dup(id);
    hub_map_put(&br->seen, id, br);
    return true;
}

/* Ids of existing tables may be numbers; rooms are known by text. */
static char *id_text(const json_t *v) {
    struct hub_buf b = {0};
    if (json_is_string(v))
        hub_buf_adds(&b, hub_json_str(v));
    else
        hub_json_add(&b, v);
    return hub_buf_take(&b, NULL);
}

static struct hub_room *room_of(struct hub_hub *hub, const json_t *id) {
    char *text = id_text(id);
    struct hub_room *room = hub_json_nil(id) ? NULL : hub_room_find(&hub->rooms, hub_cstr(text));
    free(text);
    return room;
}

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
    (void)error;
    if (room->record_no == r->record_no) { /* else it is newer than what was read */
        json_decref(room->record);
        room->record = !code && rows->n ? hub_row_json(rows->table, hub_row(rows, 0))
                                        : hub_row_typed(hub_record_table(hub_of(room)), r->row);
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

static void reread(struct hub_room *room, json_t *row, json_t *changes, struct hub_work *work) {
    struct rereading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct rereading){hub_room_ref(room), json_incref(row), json_incref(changes), room->record_no, {0},
                            hub_work_hold(work)};
    hub_authorize_record_changed(hub_of(room), hub_cstr(room->id));
    if (!hub_record_read(hub_of(room), room->id, &r->hold, on_reread, r)) on_reread(r, HUB_NOT_FOUND, NULL, NULL);
}

/* Nobody is in, but decisions may be cached. */
static void forget_room(struct hub_hub *hub, const json_t *id, struct hub_work *work) {
    char *text = id_text(id);
    if (!hub_json_nil(id)) hub_authorize_forget(hub, hub_cstr(text), hub_str(NULL, 0), work);
    free(text);
}

static bool is_inactive(const struct hub_hub *hub, const char *object, const json_t *row) {
    const struct hub_table *t = hub_tables_find(hub->engine->config.tables, hub_cstr(object));
    return t && t->active >= 0 && json_is_false(hub_json_get(row, t->columns[t->active].property));
}

/* The row before an update: as the record gives it, or as far as it and the old values say, which may be
 * the changed properties only. New reference, or NULL. */
static json_t *row_before(const json_t *record, const char *object, const json_t *row) {
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
    struct hub_room *room = room_of(hub, id);
    if (!(purposes & RIGHTS)) return;
    if (room && !(purposes & (TELL | OWN)))
        hub_room_recheck(room, work); /* an earlier process told it; somebody may have made it anew */
    else if (room)
        hub_room_close(room, HUB_ROOM_NOT_FOUND, work);
    else
        forget_room(hub, id, work);
}

static void room_updated(struct hub_hub *hub, json_t *row, const json_t *record, unsigned purposes,
                         struct hub_work *work) {
    const json_t *id = hub_json_get(row, hub->def->room_object->id_property);
    struct hub_room *room = room_of(hub, id);
    json_t *changes = hub_json_get(record, "newDataValues");
    if (!room) {
        if (purposes & RIGHTS) forget_room(hub, id, work);
        return;
    }
    hub_room_ref(room);
    if ((purposes & TELL) && (purposes & RIGHTS))
        reread(room, row, changes, work);
    else if (purposes & TELL)
        hub_room_tell(room, "roomUpdated", row, changes, work);
    else
        hub_room_recheck(room, work); /* its record is newer than the event, or was set at the commit */
    hub_room_unref(room);
}

static void on_room_event(struct hub_hub *hub, enum hub_feed_what what, const json_t *record, unsigned purposes,
                          struct hub_work *work) {
    const struct hub_def_object *o = hub->def->room_object;
    json_t *row = what == HUB_FEED_UPDATED ? hub_json_get(record, o->name) : (json_t *)(uintptr_t)record;
    const json_t *id = hub_json_get(row, o->id_property);
    if (what == HUB_FEED_CREATED) return;
    if (what == HUB_FEED_DELETED || is_inactive(hub, o->name, row)) {
        room_gone(hub, id, purposes, work);
        return;
    }
    json_t *before = row_before(record, o->name, row);
    const json_t *old_id = hub_json_get(before, o->id_property);
    if (!hub_json_nil(old_id) && !hub_json_equal(old_id, id)) room_gone(hub, old_id, purposes, work);
    room_updated(hub, row, record, purposes, work);
    json_decref(before);
}

/* ---- membership objects ---- */

/* One user's rights in one room rest, or rested, on ROW. EVENT is what the room is told of it, or NULL. */
static void concern(struct hub_hub *hub, const struct hub_def_auth_source *s, const json_t *row, const char *event,
                    unsigned purposes, struct hub_work *work) {
    const struct hub_def_object *o = s->source_object;
    const json_t *room_id = hub_json_get(row, o->properties[s->room_field].name),
                 *user_id = hub_json_get(row, o->properties[s->user_field].name);
    struct hub_room *room = room_of(hub, room_id);
    if (hub_json_nil(room_id)) return;
    char *id = id_text(room_id), *user = id_text(user_id);
    bool rights = (purposes & RIGHTS) && !hub_json_nil(user_id);
    if (room) {
        hub_room_ref(room);
        if (event && (purposes & TELL)) hub_room_tell(room, event, row, NULL, work);
        if (rights) hub_reauthorize_user(room, hub_cstr(user), work);
        hub_room_unref(room);
    } else if (rights) {
        hub_authorize_forget(hub, hub_cstr(id), hub_cstr(user), work); /* nobody is in, but a decision may be cached */
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
        concern(hub, s, row, !announce || was == is ? NULL : is ? "memberJoined" : "memberLeft", purposes, work);
    } else {
        concern(hub, s, before, announce && was ? "memberLeft" : NULL, purposes, work);
        concern(hub, s, row, announce && is ? "memberJoined" : NULL, purposes, work);
    }
    json_decref(before);
}

static void on_membership(struct hub_hub *hub, const struct hub_def_auth_source *s, enum hub_feed_what what,
                          const json_t *record, bool announce, unsigned purposes, struct hub_work *work) {
    if (what == HUB_FEED_UPDATED)
        on_moved(hub, s, record, announce, purposes, work);
    else
        concern(hub, s, record,
                !announce                  ? NULL
                : what == HUB_FEED_CREATED ? "memberJoined"
                                           : "memberLeft",
                purposes, work);
}

/* A room object's own row is the room event's; but it may also link a user with another room. */
static bool is_of_room_event(const struct hub_hub *hub, const struct hub_def_auth_source *s) {
    const struct hub_def_object *o = s->source_object;
    return o == hub->def->room_object && !strcmp(o->properties[s->room_field].name, o->id_property);
}

/* Sources often name one object several times, for several roles: it is announced once. */
static void on_source_event(struct hub_hub *hub, struct hub_str topic, enum hub_feed_what what, const json_t *record,
                            unsigned purposes, struct hub_work *work) {
    bool announced = false;
    for (size_t i = 0; i < hub->def->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &hub->def->auth_sources[i];
        if (is_of_room_event(hub, s) || !is_topic(hub, topic, s->source_object->name, what)) continue;
        on_membership(hub, s, what, record, !announced && s->source_object != hub->def->room_object, purposes, work);
        announced = true;
    }
}

/* ---- the hub's own messages ---- */

static void on_message_event(struct hub_hub *hub, enum hub_feed_what what, const json_t *record,
                             struct hub_work *work) {
    const json_t *row = what == HUB_FEED_UPDATED ? hub_json_get(record, hub->tables->message->name) : record;
    if (what != HUB_FEED_CREATED) hub_external_edit(hub, row, what == HUB_FEED_DELETED, work);
}

/* ---- kafkaEvents ---- */

/* A record as the rooms and scripts see it. */
struct seen {
    struct hub_str topic;
    json_t *record, *key, *headers;
    unsigned purposes;
};

struct external {
    struct hub_hub *hub;
    const struct hub_def_kafka_event *event;
    json_t *data, *key, *headers; /* references */
    struct hub_work *work;
};

static void free_external(struct external *x) {
    hub_work_release(x->work);
    json_decref(x->data);
    json_decref(x->key);
    json_decref(x->headers);
    free(x);
}

/* By what hubs know records again is nothing for clients. */
static json_t *unmarked(const json_t *record) {
    json_t *copy = json_copy((json_t *)(uintptr_t)record);
    json_object_del(copy, "_eventId");
    json_object_del(copy, "_origin");
    return copy;
}

static void tell_external(const struct external *x, struct hub_room *room, struct hub_str data) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_buf args = {0};
    hub_buf_addz(&args, "{\"roomId\":");
    hub_json_add_string(&args, hub_cstr(room->id));
    hub_buf_addz(&args, ",\"data\":");
    hub_buf_adds(&args, data);
    hub_buf_addc(&args, '}');
    hub_room_emit(room, &all, hub_cstr(x->event->name), hub_buf_str(&args), 0);
    hub_buf_free(&args);
}

/* Nothing for "no room"; else ids, as texts or numbers. */
static bool is_target(const json_t *v) { return hub_json_nil(v) || json_is_string(v) || json_is_number(v); }

/* What the expression gave: one id, or a list of them, each room once. False: something in it is no id. */
static bool tell_targets(const struct external *x, json_t *result) {
    bool list = json_is_array(result), good = true;
    size_t n = list ? json_array_size(result) : 1;
    struct hub_map told = {0};
    json_t *data = unmarked(x->data);
    struct hub_buf text = {0};
    hub_json_add(&text, data);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = list ? json_array_get(result, i) : result;
        struct hub_room *room = is_target(id) ? room_of(x->hub, id) : NULL;
        good &= is_target(id);
        if (room && !hub_map_put(&told, hub_cstr(room->id), room)) tell_external(x, room, hub_buf_str(&text));
    }
    hub_buf_free(&text);
    json_decref(data);
    hub_map_clear(&told);
    return good;
}

static void on_target(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct external *x = arg;
    if (!code && !tell_targets(x, result))
        code = HUB_HANDLER_FAILED,
        error = "expected the id of a room (a text or a number), a list of ids, or null for no room";
    if (code) hub_hook_failed(x->hub, &x->event->target_room_expression, code, error);
    free_external(x);
}

static void ask(struct external *x, const struct hub_script *script, hub_hook_done *done) {
    const struct hub_hook_arg args[] = {{"data", x->data}, {"key", x->key}, {"headers", x->headers}};
    hub_hook_call(x->hub, script, args, HUB_NELEM(args), done, x);
}

static void aim(struct external *x) { ask(x, &x->event->target_room_expression, on_target); }

static void on_filtered(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct external *x = arg;
    if (code) hub_hook_failed(x->hub, &x->event->filter_expression, code, error);
    if (!code && hub_truthy(result))
        aim(x);
    else
        free_external(x);
}

static void on_external(struct hub_hub *hub, const struct hub_def_kafka_event *event, const struct seen *s,
                        struct hub_work *work) {
    struct external *x = hub_xmalloc(sizeof *x);
    *x = (struct external){
        hub, event, json_incref(s->record), json_incref(s->key), json_incref(s->headers), hub_work_hold(work)};
    if (event->filter_expression.kind == HUB_SCRIPT_NONE)
        aim(x);
    else
        ask(x, &event->filter_expression, on_filtered);
}

/* ---- records ---- */

/* What publishers put beside a record's own fields is nothing for clients: ids of events and requests, the
 * actor's whole session, tokens. */
static json_t *bare(json_t *record) {
    json_t *copy = json_copy(record), *v;
    const char *key;
    void *next;
    json_object_foreach_safe(copy, next, key, v) {
        if (key[0] == '_' || !strcmp(key, "session") || !strcmp(key, "M2MToken")) json_object_del(copy, key);
    }
    return copy;
}

static void bridge(struct hub_hub *hub, const struct seen *s, unsigned purposes, struct hub_work *work) {
    json_t *row = bare(s->record);
    for (enum hub_feed_what what = HUB_FEED_CREATED; what <= HUB_FEED_DELETED; what++) {
        if (is_topic(hub, s->topic, hub->def->room_object->name, what)) on_room_event(hub, what, row, purposes, work);
        if ((purposes & TELL) && is_topic(hub, s->topic, hub->tables->message->name, what))
            on_message_event(hub, what, row, work);
        on_source_event(hub, s->topic, what, row, purposes, work);
    }
    json_decref(row);
}

static void dispatch(struct hub_engine *e, const struct seen *s, struct hub_work *work) {
    for (size_t i = 0; i < e->hub_n; i++) {
        const struct hub_def *def = e->hubs[i]->def;
        unsigned known = def->auto_bridge ? TELL | RIGHTS : s->purposes & OWN ? RIGHTS : 0;
        if (s->purposes & known) bridge(e->hubs[i], s, s->purposes & (known | OWN), work);
        for (size_t j = 0; (s->purposes & LISTENERS) && j < def->kafka_event_n; j++)
            if (hub_str_is(s->topic, def->kafka_events[j].topic))
                on_external(e->hubs[i], &def->kafka_events[j], s, work);
    }
}

/* Bytes as a text; null for what is none. */
static json_t *text_or_null(struct hub_str s) {
    json_t *text = s.p && hub_utf8_valid(s) ? json_stringn(s.p, s.n) : NULL;
    return text ? text : json_null();
}

/* Of several headers of one name the last counts. */
static json_t *headers_json(const struct hub_bus_record *r) {
    json_t *all = json_object();
    for (size_t i = 0; i < r->header_n; i++) {
        char *name = hub_str_dup(r->headers[i].name);
        if (hub_utf8_valid(hub_cstr(name))) json_object_set_new(all, name, text_or_null(r->headers[i].value));
        free(name);
    }
    return all;
}

/* ---- records that are JSON, and not what their topic is for ---- */

struct wanted {
    struct hub_str topic;
    const json_t *record;
    char *why; /* what it lacks */
};

/* Of a record about OBJECT: its row, and in that FIELD, which may be null. */
static void want(struct wanted *w, const struct hub_hub *hub, const char *object, const char *field) {
    for (enum hub_feed_what what = HUB_FEED_CREATED; !w->why && what <= HUB_FEED_DELETED; what++) {
        struct hub_buf why = {0};
        if (!is_topic(hub, w->topic, object, what)) continue;
        const json_t *row = what == HUB_FEED_UPDATED ? hub_json_get(w->record, object) : w->record;
        if (!json_is_object(row))
            hub_buf_addf(&why, "expected {\"%s\": {...}, \"newDataValues\": {...}}", object);
        else if (!hub_json_get(row, field))
            hub_buf_addf(&why, "expected a record with \"%s\"", field);
        if (why.n) w->why = hub_buf_take(&why, NULL);
    }
}

/* What the record lacks for the hubs that read its topic, or NULL. */
static char *lacking(const struct hub_engine *e, struct hub_str topic, const json_t *record) {
    static const char mark[] = "-service-dbevent-";
    struct wanted w = {.topic = topic, .record = record};
    if (!memmem(topic.p, topic.n, mark, sizeof mark - 1)) return NULL;
    for (size_t i = 0; i < e->hub_n; i++) {
        const struct hub_hub *hub = e->hubs[i];
        const struct hub_def *def = hub->def;
        if (!def->auto_bridge) continue;
        want(&w, hub, def->room_object->name, def->room_object->id_property);
        want(&w, hub, hub->tables->message->name, "id");
        for (size_t j = 0; j < def->auth_source_n; j++) {
            const struct hub_def_auth_source *s = &def->auth_sources[j];
            if (s->source_object == def->room_object) continue;
            want(&w, hub, s->source_object->name, s->source_object->properties[s->room_field].name);
            want(&w, hub, s->source_object->name, s->source_object->properties[s->user_field].name);
        }
    }
    return w.why;
}

static json_t *parse(struct hub_str value, struct hub_err *err) {
    if (!value.p) return hub_fail(err, HUB_BAD_REQUEST, "there is no value"), NULL;
    if (value.n > MAX_VALUE)
        return hub_fail(err, HUB_TOO_LARGE, "%zu bytes; at most %d are read", value.n, MAX_VALUE), NULL;
    json_t *record = hub_json_parse(value, err);
    if (!record || json_is_object(record)) return record;
    json_decref(record);
    return hub_fail(err, HUB_BAD_REQUEST, "expected an object"), NULL;
}

/* Whoever writes nonsense may write much of it: it is counted, and every now and then a line says what it
 * is. */
static void skipped(struct hub_bridge *br, struct hub_str topic, const char *why) {
    char name[128], number[24];
    int64_t now = hub_loop_now(br->engine->config.loop);
    hub_metric_add(&malformed, 1);
    br->skipped++;
    if (br->skipped_at && now < br->skipped_at + SKIPPED_EVERY_MS) return;
    snprintf(name, sizeof name, "%.*s", topic.n < 127 ? (int)topic.n : 127, topic.p);
    snprintf(number, sizeof number, "%zu", br->skipped);
    hub_log_kv(HUB_LOG_WARN, "bus", "record skipped", "topic", name, "error", why, "since the last such line",
               br->skipped > 1 ? number : NULL, NULL);
    br->skipped = 0;
    br->skipped_at = now;
}

static void handle_record(struct hub_engine *e, const struct hub_bus_record *r, struct hub_work *work) {
    struct hub_err err;
    hub_metric_add(&bridged, 1);
    if (r->value.p && hub_feed_is_mine(e->data.feed, r->value)) return;
    json_t *record = parse(r->value, &err);
    char *lacks = record ? lacking(e, r->topic, record) : NULL;
    if (!record || lacks) skipped(e->bridge, r->topic, lacks ? lacks : err.text);
    free(lacks);
    if (record && is_new(e->bridge, record)) { /* also one that lacks something: an event may be made of its topic */
        const struct seen s = {.topic = r->topic,
                               .record = record,
                               .key = text_or_null(r->key.n ? r->key : hub_str(NULL, 0)),
                               .headers = headers_json(r),
                               .purposes =
                                   hub_feed_is_earlier(e->data.feed, record) ? RIGHTS : TELL | RIGHTS | LISTENERS};
        dispatch(e, &s, work);
        json_decref(s.key);
        json_decref(s.headers);
    }
    json_decref(record);
}

static void handle_own(struct hub_engine *e, const struct arrival *a, struct hub_work *work) {
    const struct seen s = {.topic = hub_cstr(a->topic),
                           .record = a->own,
                           .key = text_or_null(hub_cstr(a->key)),
                           .headers = json_object(),
                           .purposes = a->purposes};
    dispatch(e, &s, work);
    json_decref(s.key);
    json_decref(s.headers);
}

static void handle(struct hub_arrival *base) {
    struct arrival *a = HUB_CONTAINER(base, struct arrival, base);
    struct hub_engine *e = a->bridge->engine;
    if (a->record)
        handle_record(e, a->record, &base->work);
    else
        handle_own(e, a, &base->work);
}

static void end(struct hub_arrival *base) {
    struct arrival *a = HUB_CONTAINER(base, struct arrival, base);
    if (a->record)
        hub_bus_record_release(a->record);
    else if (a->counted)
        a->bridge->own_n--;
    hub_work_release(a->rights);
    json_decref(a->own);
    free(a->key);
    free(a->topic);
    free(a);
}

static void on_record(void *arg, struct hub_bus_record *record) {
    struct hub_engine *e = arg;
    struct arrival *a = hub_xmalloc(sizeof *a);
    *a = (struct arrival){.base = {.handle = handle, .end = end}, .bridge = e->bridge, .record = record};
    hub_serial_queues_add(&e->bridge->lanes, record->topic, record->partition, &a->base);
}

/* ---- changes of our own ---- */

/* Rights do not wait in the lane: whoever made the change waits for them. */
static void settle_rights(struct hub_bridge *br, const char *topic, json_t *record, struct hub_work *rights) {
    const struct seen s = {.topic = hub_cstr(topic), .record = record, .purposes = RIGHTS | OWN};
    dispatch(br->engine, &s, rights);
}

static void start_own(struct hub_bridge *br, struct arrival *a) {
    json_t *record = json_incref(a->own);
    char *topic = hub_xstrdup(a->topic);
    struct hub_work *rights = a->rights;
    bool concerns = a->purposes & TELL;
    a->rights = NULL;
    if (a->counted)
        hub_serial_queues_add(&br->lanes, hub_cstr(a->object), -1, &a->base); /* which may end it */
    else
        end(&a->base);
    if (concerns) settle_rights(br, topic, record, rights);
    hub_work_release(rights);
    json_decref(record);
    free(topic);
}

static void on_own(struct hub_task *t) {
    struct hub_bridge *br = HUB_CONTAINER(t, struct hub_bridge, own_task);
    for (struct hub_list *l; (l = hub_list_pop(&br->own));) start_own(br, HUB_CONTAINER(l, struct arrival, base.link));
}

/* False: too many wait to be told; what rests on it is worked out all the same. */
static bool may_tell(struct hub_bridge *br, const char *object) {
    if (br->own_n < MAX_OWN) return true;
    if (!dropped.value) hub_log_kv(HUB_LOG_ERROR, "bus", "changes are not told: too many wait", "object", object, NULL);
    hub_metric_add(&dropped, 1);
    return false;
}

void hub_bridge_changed(void *ctx, const struct hub_table *table, const char *what, const json_t *key, json_t *record,
                        bool rooms_notified, struct hub_work *rights) {
    struct hub_engine *e = ctx;
    struct hub_bridge *br = e->bridge;
    const char *object = table->name;
    struct hub_buf topic = {0};
    bool tells = !br->lanes.stopped && may_tell(br, object);
    if (br->lanes.stopped || (rooms_notified && !tells)) {
        json_decref(record);
        return;
    }
    struct arrival *a = hub_xcalloc(1, sizeof *a);
    hub_feed_topic(&topic, e->config.service, object, what);
    *a = (struct arrival){.base = {.handle = handle, .end = end},
                          .bridge = br,
                          .own = record,
                          .key = hub_json_nil(key) ? NULL : id_text(key),
                          .object = object,
                          .topic = hub_buf_take(&topic, NULL),
                          .purposes = OWN | LISTENERS | (rooms_notified ? 0 : TELL),
                          .rights = hub_work_hold(rights),
                          .counted = tells};
    br->own_n += tells;
    hub_list_push(&br->own, &a->base.link);
    hub_defer(e->config.loop, &br->own_task);
}

/* ---- subscriptions ---- */

static void subscribe(struct hub_engine *e, const char *topic) {
    if (hub_map_put(&e->bridge->topics, hub_cstr(topic), e)) return;
    e->config.bus->ops->subscribe(e->config.bus, topic, on_record, e);
}

static void subscribe_object(struct hub_engine *e, const char *object) {
    for (enum hub_feed_what what = HUB_FEED_CREATED; what <= HUB_FEED_DELETED; what++) {
        struct hub_buf topic = {0};
        hub_feed_topic(&topic, e->config.service, object, hub_feed_what_names[what]);
        subscribe(e, hub_buf_cstr(&topic));
        hub_buf_free(&topic);
    }
}

static void bridge_hub(struct hub_engine *e, const struct hub_hub *hub) {
    const struct hub_def *def = hub->def;
    hub_feed_hear_object(e->data.feed, hub->tables->message->name);
    subscribe_object(e, def->room_object->name);
    subscribe_object(e, hub->tables->message->name);
    for (size_t j = 0; j < def->auth_source_n; j++) subscribe_object(e, def->auth_sources[j].source_object->name);
}

void hub_bridge_subscribe(struct hub_engine *e) {
    const struct hub_tables *t = e->config.tables;
    hub_feed_tables(e->data.feed, t->all, t->n, t->outbox);
    for (size_t i = 0; i < e->hub_n; i++) {
        const struct hub_def *def = e->hubs[i]->def;
        hub_feed_hear_object(
            e->data.feed, def->room_object->name); /* rights end with own changes also where nobody is told of them */
        for (size_t j = 0; j < def->auth_source_n; j++)
            hub_feed_hear_object(e->data.feed, def->auth_sources[j].source_object->name);
        if (def->auto_bridge) bridge_hub(e, e->hubs[i]);
        for (size_t j = 0; j < def->kafka_event_n; j++) {
            hub_feed_hear_topic(e->data.feed, e->config.service, def->kafka_events[j].topic);
            subscribe(e, def->kafka_events[j].topic);
        }
    }
}

void hub_engine_publish(struct hub_engine *e, struct hub_str topic, struct hub_str key, const json_t *headers,
                        const json_t *record, hub_bus_done *done, void *arg) {
    struct hub_buf value = {0};
    struct hub_bus_header *list = hub_xcalloc(json_object_size(headers), sizeof *list);
    size_t n = 0;
    const char *name;
    json_t *text;
    json_object_foreach((json_t *)(uintptr_t)headers, name, text) list[n++] =
        (struct hub_bus_header){hub_cstr(name), hub_json_str(text)};
    hub_json_add(&value, record);
    const struct hub_bus_message m = {
        .topic = topic, .key = key, .value = hub_buf_str(&value), .headers = list, .header_n = n};
    e->config.bus->ops->publish(e->config.bus, &m, done, arg);
    free(list);
    hub_buf_free(&value);
}

struct hub_bridge *hub_bridge_new(struct hub_engine *e) {
    struct hub_bridge *br = hub_xcalloc(1, sizeof *br);
    br->engine = e;
    hub_serial_queues_init(&br->lanes, e);
    hub_list_init(&br->own);
    br->own_task.run = on_own;
    return br;
}

void hub_bridge_stop(struct hub_bridge *br) {
    hub_serial_queues_stop(&br->lanes);
    hub_defer_cancel(&br->own_task);
    HUB_LIST_EACH(&br->own, it) {
        struct arrival *a = HUB_CONTAINER(it, struct arrival, base.link);
        hub_work_release(a->rights);
        a->rights = NULL;
    }
}

void hub_bridge_delete(struct hub_bridge *br) {
    hub_serial_queues_free(&br->lanes);
    for (struct hub_list *l; (l = hub_list_pop(&br->own));) end(HUB_CONTAINER(l, struct hub_arrival, link));
    hub_map_clear(&br->topics);
    hub_map_clear(&br->seen);
    for (size_t i = 0; i < REMEMBERED; i++) free(br->ring[i]);
    free(br);
}
