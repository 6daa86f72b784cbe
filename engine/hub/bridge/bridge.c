/* Records of the bus and changes of the service's own, from their arrival to the hubs that they concern. What
 * they mean there: data_events.c, kafka_events.c.
 *
 * A topic is subscribed to once for the whole service; what a record means is looked up when it arrives,
 * so a reload needs no unsubscribing. */
#include "base/text/utf8.h"
#include "hub/bridge/bridge_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/bridge/serial_queue.h"

#define REMEMBERED 4096     /* _eventIds by which repeats are recognised */
#define MAX_VALUE (4 << 20) /* bytes of a record; more would hold everybody up */
#define MAX_OWN 10000       /* change events of this process that are queued to be announced */
#define SKIPPED_EVERY_MS 10000

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
    /* of a change of our own: held until the rights that depend on it are being worked out, or NULL */
    struct hub_work *rights;
    bool counted; /* in own_n */
};

struct hub_bridge {
    struct hub_engine *engine;
    struct hub_map topics; /* subscribed ones; the value is the engine */
    struct hub_map rows;   /* topics of objects that parts hear of → the table */
    struct hub_serial_queues queues;
    struct hub_list own; /* arrivals that go to their queues at the end of the turn */
    struct hub_task own_task;
    size_t own_n;
    struct hub_map seen; /* _eventId → its slot in ring */
    char *ring[REMEMBERED];
    size_t at;
    size_t skipped; /* malformed records since the last log line */
    int64_t skipped_at;
};

static struct hub_metric bridged =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_records_total", NULL, "Records received from the bus");
static struct hub_metric dropped =
    HUB_METRIC(HUB_COUNTER, "hubd_own_events_dropped_total", NULL,
               "Own change events dropped because the queue to the service's rooms was full");
static struct hub_metric malformed =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_malformed_total", NULL, "Malformed records that were skipped");

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

/* ---- what a record means ---- */

static void dispatch_record(struct hub_engine *e, const struct hub_record *s, struct hub_work *work) {
    for (size_t i = 0; i < e->hub_n; i++) {
        const struct hub_def *def = e->hubs[i]->def;
        unsigned known = def->auto_bridge                ? HUB_PURPOSE_ROOMS | HUB_PURPOSE_RIGHTS
                         : s->purposes & HUB_PURPOSE_OWN ? HUB_PURPOSE_RIGHTS
                                                         : 0;
        if (s->purposes & known) hub_data_event(e->hubs[i], s, s->purposes & (known | HUB_PURPOSE_OWN), work);
        for (size_t j = 0; (s->purposes & HUB_PURPOSE_LISTENERS) && j < def->kafka_event_n; j++)
            if (hub_str_is(s->topic, def->kafka_events[j].topic))
                hub_kafka_event(e->hubs[i], &def->kafka_events[j], s, work);
    }
}

/* Bytes as a text; null for what is none. */
static HUB_MUST json_t *text_or_null(struct hub_str s) {
    json_t *text = s.p && hub_utf8_valid(s) ? json_stringn(s.p, s.n) : NULL;
    return text ? text : json_null();
}

/* Of several headers of one name the last counts. */
static HUB_MUST json_t *headers_json(const struct hub_bus_record *r) {
    json_t *all = json_object();
    for (size_t i = 0; i < r->header_n; i++) {
        char *name = hub_str_dup(r->headers[i].name);
        if (hub_utf8_valid(hub_cstr(name))) json_object_set_new(all, name, text_or_null(r->headers[i].value));
        free(name);
    }
    return all;
}

static HUB_MUST json_t *parse_value(struct hub_str value, struct hub_err *err) {
    if (!value.p) return hub_err_set(err, HUB_BAD_REQUEST, "there is no value"), NULL;
    if (value.n > MAX_VALUE)
        return hub_err_set(err, HUB_TOO_LARGE, "%zu bytes; at most %d are read", value.n, MAX_VALUE), NULL;
    json_t *record = hub_json_parse(value, err);
    if (!record || json_is_object(record)) return record;
    json_decref(record);
    return hub_err_set(err, HUB_BAD_REQUEST, "expected an object"), NULL;
}

/* A producer of malformed records may produce many: they are counted, and logged at most once per
 * interval. */
static void count_skipped(struct hub_bridge *br, struct hub_str topic, const char *why) {
    char name[128], number[24];
    int64_t now = hub_loop_now(br->engine->config.loop);
    hub_metric_add(&malformed, 1);
    br->skipped++;
    if (br->skipped_at && now < br->skipped_at + SKIPPED_EVERY_MS) return;
    snprintf(name, sizeof name, "%.*s", HUB_CUT(topic, sizeof name - 1));
    snprintf(number, sizeof number, "%zu", br->skipped);
    hub_log_kv(HUB_LOG_WARN, "bus", "record skipped", "topic", name, "error", why, "since the last such line",
               br->skipped > 1 ? number : NULL, NULL);
    br->skipped = 0;
    br->skipped_at = now;
}

/* RECORD is the row, or of an update has it under the object's name. */
static void tell_parts(struct hub_engine *e, struct hub_str topic, const json_t *record) {
    const struct hub_table *t = hub_map_get(&e->bridge->rows, topic);
    if (!t) return;
    const json_t *within = json_object_get(record, t->name);
    HUB_PARTS_CALL(e, row_changed, e, t, json_is_object(within) ? within : record);
}

static void handle_record(struct hub_engine *e, const struct hub_bus_record *r, struct hub_work *work) {
    struct hub_err err;
    hub_metric_add(&bridged, 1);
    if (r->value.p && hub_feed_is_mine(e->data.feed, r->value)) return;
    json_t *record = parse_value(r->value, &err);
    char *lacks = record ? hub_data_event_lacks(e, r->topic, record) : NULL;
    if (!record || lacks) count_skipped(e->bridge, r->topic, lacks ? lacks : err.text);
    free(lacks);
    if (record && is_new(e->bridge, record)) { /* also one that lacks something: an event may be made of its topic */
        const struct hub_record s = {.topic = r->topic,
                                     .record = record,
                                     .key = text_or_null(r->key.n ? r->key : hub_str(NULL, 0)),
                                     .headers = headers_json(r),
                                     .purposes = hub_feed_is_history(e->data.feed, record)
                                                     ? HUB_PURPOSE_RIGHTS
                                                     : HUB_PURPOSE_ROOMS | HUB_PURPOSE_RIGHTS | HUB_PURPOSE_LISTENERS};
        tell_parts(e, r->topic, record);
        dispatch_record(e, &s, work);
        json_decref(s.key);
        json_decref(s.headers);
    }
    json_decref(record);
}

static void handle_own(struct hub_engine *e, const struct arrival *a, struct hub_work *work) {
    const struct hub_record s = {.topic = hub_cstr(a->topic),
                                 .record = a->own,
                                 .key = text_or_null(hub_cstr(a->key)),
                                 .headers = json_object(),
                                 .purposes = a->purposes};
    dispatch_record(e, &s, work);
    json_decref(s.key);
    json_decref(s.headers);
}

static void handle_arrival(struct hub_arrival *base) {
    struct arrival *a = HUB_CONTAINER(base, struct arrival, base);
    struct hub_engine *e = a->bridge->engine;
    if (a->record)
        handle_record(e, a->record, &base->work);
    else
        handle_own(e, a, &base->work);
}

static void end_arrival(struct hub_arrival *base) {
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
    *a =
        (struct arrival){.base = {.handle = handle_arrival, .end = end_arrival}, .bridge = e->bridge, .record = record};
    hub_serial_queues_add(&e->bridge->queues, record->topic, record->partition, &a->base);
}

/* ---- changes of our own ---- */

/* Rights are not worked out in queue order, since the caller that made the change waits for them. */
static void settle_rights(struct hub_bridge *br, const char *topic, json_t *record, struct hub_work *rights) {
    const struct hub_record s = {
        .topic = hub_cstr(topic), .record = record, .purposes = HUB_PURPOSE_RIGHTS | HUB_PURPOSE_OWN};
    dispatch_record(br->engine, &s, rights);
}

static void start_own(struct hub_bridge *br, struct arrival *a) {
    json_t *record = json_incref(a->own);
    char *topic = hub_xstrdup(a->topic);
    struct hub_work *rights = a->rights;
    bool concerns = a->purposes & HUB_PURPOSE_ROOMS;
    a->rights = NULL;
    if (a->counted)
        hub_serial_queues_add(&br->queues, hub_cstr(a->object), -1, &a->base); /* which may end it */
    else
        end_arrival(&a->base);
    if (concerns) settle_rights(br, topic, record, rights);
    hub_work_release(rights);
    json_decref(record);
    free(topic);
}

static void on_own(struct hub_task *t) {
    struct hub_bridge *br = HUB_CONTAINER(t, struct hub_bridge, own_task);
    for (struct hub_list *l; (l = hub_list_pop(&br->own));) start_own(br, HUB_CONTAINER(l, struct arrival, base.link));
}

/* False: the queue is full and the change is not announced; rights that depend on it are worked out all
 * the same. */
static bool may_tell(struct hub_bridge *br, const char *object) {
    if (br->own_n < MAX_OWN) return true;
    if (!hub_metric_value(&dropped))
        hub_log_kv(HUB_LOG_ERROR, "bus", "own change events are dropped: the queue is full", "object", object, NULL);
    hub_metric_add(&dropped, 1);
    return false;
}

void hub_bridge_changed(void *ctx, const struct hub_table *table, const char *what, const json_t *key, json_t *record,
                        bool rooms_notified, struct hub_work *rights) {
    struct hub_engine *e = ctx;
    struct hub_bridge *br = e->bridge;
    const char *object = table->name;
    struct hub_buf topic = {0};
    bool tells = !br->queues.stopped && may_tell(br, object);
    if (br->queues.stopped || (rooms_notified && !tells)) {
        json_decref(record);
        return;
    }
    struct arrival *a = hub_xcalloc(1, sizeof *a);
    hub_feed_topic(&topic, e->config.service, object, what);
    *a =
        (struct arrival){.base = {.handle = handle_arrival, .end = end_arrival},
                         .bridge = br,
                         .own = record,
                         .key = hub_json_nil(key) ? NULL : hub_record_id_text(key),
                         .object = object,
                         .topic = hub_buf_take(&topic, NULL),
                         .purposes = HUB_PURPOSE_OWN | HUB_PURPOSE_LISTENERS | (rooms_notified ? 0 : HUB_PURPOSE_ROOMS),
                         .rights = hub_work_hold(rights),
                         .counted = tells};
    br->own_n += tells;
    hub_list_push(&br->own, &a->base.link);
    hub_defer(e->config.loop, &br->own_task);
}

/* ---- subscriptions ---- */

static void subscribe_topic(struct hub_engine *e, const char *topic) {
    if (hub_map_put(&e->bridge->topics, hub_cstr(topic), e)) return;
    e->config.bus->ops->subscribe(e->config.bus, topic, on_record, e);
}

static void subscribe_object(struct hub_engine *e, const char *object) {
    for (enum hub_feed_what what = HUB_FEED_CREATED; what <= HUB_FEED_DELETED; what++) {
        struct hub_buf topic = {0};
        hub_feed_topic(&topic, e->config.service, object, hub_feed_what_names[what]);
        subscribe_topic(e, hub_buf_cstr(&topic));
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

static bool is_heard_by_parts(struct hub_engine *e, const struct hub_def_object *o) {
    const struct hub_service *s = e->config.service;
    bool any = false;
    HUB_PARTS_EACH(e, hears, part) {
        for (size_t i = 0; i < s->hub_n; i++) any |= (*part)->hears(&s->hubs[i], o);
        for (size_t i = 0; i < s->namespace_n; i++) any |= (*part)->hears(&s->namespaces[i].def, o);
    }
    return any;
}

static void subscribe_rows(struct hub_engine *e, const struct hub_def_object *o) {
    const struct hub_table *t = hub_tables_find(e->config.tables, hub_cstr(o->name));
    if (!t || !is_heard_by_parts(e, o)) return;
    subscribe_object(e, o->name);
    for (enum hub_feed_what what = HUB_FEED_CREATED; what <= HUB_FEED_DELETED; what++) {
        struct hub_buf topic = {0};
        hub_feed_topic(&topic, e->config.service, o->name, hub_feed_what_names[what]);
        hub_map_put(&e->bridge->rows, hub_buf_str(&topic), (void *)(uintptr_t)t);
        hub_buf_free(&topic);
    }
}

static void subscribe_topics(struct hub_engine *e) {
    const struct hub_tables *t = e->config.tables;
    hub_map_clear(&e->bridge->rows);
    for (size_t i = 0; i < e->config.service->object_n; i++) subscribe_rows(e, &e->config.service->objects[i]);
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
            subscribe_topic(e, def->kafka_events[j].topic);
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
    hub_serial_queues_init(&br->queues, &e->holds);
    hub_list_init(&br->own);
    br->own_task.run = on_own;
    return br;
}

void hub_bridge_stop(struct hub_bridge *br) {
    hub_serial_queues_stop(&br->queues);
    hub_defer_cancel(&br->own_task);
    HUB_LIST_EACH(&br->own, it) {
        struct arrival *a = HUB_CONTAINER(it, struct arrival, base.link);
        hub_work_release(a->rights);
        a->rights = NULL;
    }
}

void hub_bridge_delete(struct hub_bridge *br) {
    hub_serial_queues_free(&br->queues);
    for (struct hub_list *l; (l = hub_list_pop(&br->own));) end_arrival(HUB_CONTAINER(l, struct hub_arrival, link));
    hub_map_clear(&br->topics);
    hub_map_clear(&br->rows);
    hub_map_clear(&br->seen);
    for (size_t i = 0; i < REMEMBERED; i++) free(br->ring[i]);
    free(br);
}

/* ---- the part ---- */

static void pause_bus(struct hub_engine *e) { e->config.bus->ops->pause(e->config.bus); }

static const struct hub_field record_fields[] = {
    {"roomId", "id", .help = "The room."}, {"record", "object", .help = "The membership's row."}, {0}};
static bool tells_members(const struct hub_def *def, const char *event) { return (void)event, def->auto_bridge; }
static const struct hub_told_event bridge_told[] = {
    {"hub:memberJoined", "those with canRead", "a row of an authSource's object makes somebody a member",
     record_fields},
    {"hub:memberLeft", "those with canRead", "that row is gone, or does so no more", record_fields},
    {0},
};

const struct hub_part hub_bridge_part = {
    .name = "bridge",
    .help = "What the bus brings: changes of DataObjects, and records of Kafka topics.",
    .told = bridge_told,
    .tells = tells_members,
    .keywords = "autoBridgeDataEvents",
    .started = subscribe_topics,
    .reloaded = subscribe_topics,
    .draining = pause_bus,
};
