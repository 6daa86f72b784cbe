/* Events from the bus: those of the hub's own DataObjects (autoBridgeDataEvents) and kafkaEvents (contract: semantics.md "Bridged events").
 *
 * A topic is subscribed to once for the whole service; what a record means is looked up when it arrives, so a reload needs no
 * unsubscribing. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/hub_int.h"

#define REMEMBERED 4096 /* _eventIds by which repeats are recognised */

enum what { CREATED, UPDATED, DELETED };
static const char *const what_names[] = {"created", "updated", "deleted"};

struct hub_bridge {
    struct hub_map topics; /* subscribed ones; the value is the engine */
    struct hub_map seen;   /* _eventId → its slot in ring */
    char *ring[REMEMBERED];
    size_t at;
};

static struct hub_metric bridged = HUB_METRIC(HUB_COUNTER, "hubd_bus_records_total", NULL, "Records received from the bus");
static struct hub_metric malformed =
    HUB_METRIC(HUB_COUNTER, "hubd_bus_malformed_total", NULL, "Records skipped because they could not be understood");

void hub_bridge_topic(struct hub_buf *b, const struct hub_service *s, const char *object, const char *what) {
    size_t from = b->n;
    hub_buf_addf(b, "%s-%s-service-dbevent-%s-%s", s->project, s->name, object, what);
    for (size_t i = from; i < b->n; i++) b->p[i] = (char)tolower((unsigned char)b->p[i]);
}

static bool is_topic(const struct hub_hub *hub, struct hub_str topic, const char *object, enum what what) {
    struct hub_buf b = {0};
    hub_bridge_topic(&b, hub->engine->config.service, object, what_names[what]);
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

void hub_bridge_remember(struct hub_engine *e, const char *event_id) {
    json_t *record = json_pack("{s:s}", "_eventId", event_id);
    is_new(e->bridge, record);
    json_decref(record);
}

/* ---- telling rooms ---- */

void hub_bridge_system_message(struct hub_room *room, const char *action, const json_t *data) {
    json_t *list = json_pack("[{s:s, s:{s:s, s:O}, s:s}]", "type", "system", "content", "systemAction", action, "systemData", data, "to", "all");
    if (hub_def_message_type(hub_of(room)->def, HUB_STR("system"))) hub_server_messages(room, list, hub_str(NULL, 0), "autoBridge");
    json_decref(list);
}

static void tell(struct hub_room *room, const char *event, const json_t *record, const json_t *changes) {
    struct hub_buf args = {0};
    char name[40];
    const struct hub_target all = {.to = HUB_TO_ALL};
    snprintf(name, sizeof name, "hub:%s", event);
    hub_buf_addz(&args, "{\"roomId\":");
    hub_json_add_string(&args, hub_cstr(room->id));
    hub_buf_addz(&args, ",\"record\":");
    hub_json_add(&args, record);
    if (changes) hub_buf_addz(&args, ",\"changes\":"), hub_json_add(&args, changes);
    hub_buf_addc(&args, '}');
    hub_room_emit(room, &all, hub_cstr(name), hub_buf_str(&args), 0);
    hub_buf_free(&args);
    hub_bridge_system_message(room, event, changes ? changes : record);
}

void hub_room_close(struct hub_room *room) {
    hub_room_ref(room);
    tell(room, "roomClosed", room->record, NULL);
    hub_room_empty(room, HUB_STR("room_not_eligible"));
    hub_actions_stop(room); /* those with keepAlive too */
    hub_room_unref(room);
}

/* ---- the room object ---- */

static void on_eligible(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_room *room = arg;
    struct hub_hub *hub = hub_of(room);
    if (code) hub_hook_failed(hub, &hub->def->room_eligibility, code, error);
    if (code || !hub_truthy(result))
        hub_room_close(room);
    else
        hub_redecide_room(room);
    hub_room_unref(room);
}

/* After the record changed: still eligible? Then everybody's rights once more. */
void hub_room_recheck(struct hub_room *room) {
    struct hub_hub *hub = hub_of(room);
    struct hub_hook_arg args[3];
    if (hub->def->room_eligibility.kind == HUB_SCRIPT_NONE) {
        hub_redecide_room(room);
        return;
    }
    size_t n = hub_hook_room_args(hub, room->record, args, 0);
    hub_hook_call(hub, &hub->def->room_eligibility, args, n, on_eligible, hub_room_ref(room));
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

void hub_room_updated(struct hub_room *room, const json_t *record, const json_t *changes) {
    json_t *now = json_incref((json_t *)(uintptr_t)record);
    json_decref(room->record);
    room->record = now;
    tell(room, "roomUpdated", record, changes);
    hub_room_recheck(room);
}

static void on_room_event(struct hub_hub *hub, enum what what, const json_t *record) {
    const struct hub_def_object *o = hub->def->room_object;
    const json_t *row = what == UPDATED ? hub_json_get(record, o->name) : record;
    struct hub_room *room = room_of(hub, hub_json_get(row, o->id_property));
    if (!room || what == CREATED) return;
    hub_room_ref(room);
    if (what == DELETED) {
        hub_room_close(room);
    } else {
        hub_room_updated(room, row, hub_json_get(record, "newDataValues"));
    }
    hub_room_unref(room);
}

/* ---- membership objects ---- */

static void on_membership(struct hub_hub *hub, const struct hub_def_auth_source *s, enum what what, const json_t *record, bool announce) {
    const struct hub_def_object *o = s->source_object;
    const json_t *row = what == UPDATED ? hub_json_get(record, o->name) : record;
    struct hub_room *room = room_of(hub, hub_json_get(row, o->properties[s->room_field].name));
    char *user = id_text(hub_json_get(row, o->properties[s->user_field].name));
    if (room) {
        hub_room_ref(room);
        if (announce && what != UPDATED) tell(room, what == CREATED ? "memberJoined" : "memberLeft", row, NULL);
        hub_redecide_user(room, hub_cstr(user));
        hub_room_unref(room);
    } else if (!hub_json_nil(hub_json_get(row, o->properties[s->room_field].name))) {
        char *id = id_text(hub_json_get(row, o->properties[s->room_field].name));
        hub_decide_forget(hub, hub_cstr(id), hub_cstr(user)); /* nobody is in, but a decision may be cached */
        free(id);
    }
    free(user);
}

/* Sources often name one object several times, for several roles: it is announced once. */
static void on_source_event(struct hub_hub *hub, struct hub_str topic, enum what what, const json_t *record) {
    bool announced = false;
    for (size_t i = 0; i < hub->def->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &hub->def->auth_sources[i];
        if (s->source_object == hub->def->room_object || !is_topic(hub, topic, s->source_object->name, what)) continue;
        on_membership(hub, s, what, record, !announced);
        announced = true;
    }
}

/* ---- the hub's own messages ---- */

static void on_message_event(struct hub_hub *hub, enum what what, const json_t *record) {
    if (what != CREATED) hub_bridge_message(hub, what == UPDATED ? hub_json_get(record, hub->tables->message->name) : record, what == DELETED);
}

/* ---- kafkaEvents ---- */

struct external {
    struct hub_hub *hub;
    const struct hub_def_kafka_event *event;
    json_t *data;
};

static void free_external(struct external *x) {
    json_decref(x->data);
    free(x);
}

static void on_target(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct external *x = arg;
    struct hub_room *room = code ? NULL : room_of(x->hub, result);
    if (code) hub_hook_failed(x->hub, &x->event->target_room_expression, code, error);
    if (room) {
        struct hub_buf args = {0};
        const struct hub_target all = {.to = HUB_TO_ALL};
        hub_buf_addz(&args, "{\"roomId\":");
        hub_json_add_string(&args, hub_cstr(room->id));
        hub_buf_addz(&args, ",\"data\":");
        hub_json_add(&args, x->data);
        hub_buf_addc(&args, '}');
        hub_room_emit(room, &all, hub_cstr(x->event->name), hub_buf_str(&args), 0);
        hub_buf_free(&args);
    }
    free_external(x);
}

static void aim(struct external *x) {
    const struct hub_hook_arg args[] = {{"data", x->data}};
    hub_hook_call(x->hub, &x->event->target_room_expression, args, 1, on_target, x);
}

static void on_filtered(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct external *x = arg;
    if (code) hub_hook_failed(x->hub, &x->event->filter_expression, code, error);
    if (!code && hub_truthy(result))
        aim(x);
    else
        free_external(x);
}

static void on_external(struct hub_hub *hub, const struct hub_def_kafka_event *event, json_t *data) {
    struct external *x = hub_xmalloc(sizeof *x);
    *x = (struct external){hub, event, json_incref(data)};
    const struct hub_hook_arg args[] = {{"data", data}};
    if (event->filter_expression.kind == HUB_SCRIPT_NONE)
        aim(x);
    else
        hub_hook_call(hub, &event->filter_expression, args, 1, on_filtered, x);
}

/* ---- records ---- */

/* What publishers put beside a record's own fields is nothing for clients: ids of events and requests, the actor's whole session, tokens. */
static json_t *bare(json_t *record) {
    json_t *copy = json_copy(record), *v;
    const char *key;
    void *next;
    json_object_foreach_safe(copy, next, key, v) {
        if (key[0] == '_' || !strcmp(key, "session") || !strcmp(key, "M2MToken")) json_object_del(copy, key);
    }
    return copy;
}

static void dispatch(struct hub_hub *hub, struct hub_str topic, json_t *record) {
    json_t *row = bare(record);
    for (enum what what = CREATED; hub->def->auto_bridge && what <= DELETED; what++) {
        if (is_topic(hub, topic, hub->def->room_object->name, what)) on_room_event(hub, what, row);
        if (is_topic(hub, topic, hub->tables->message->name, what)) on_message_event(hub, what, row);
        on_source_event(hub, topic, what, row);
    }
    json_decref(row);
    for (size_t i = 0; i < hub->def->kafka_event_n; i++)
        if (hub_str_is(topic, hub->def->kafka_events[i].topic)) on_external(hub, &hub->def->kafka_events[i], record);
}

static void on_record(void *arg, struct hub_str topic, struct hub_str key, struct hub_str value) {
    struct hub_engine *e = arg;
    struct hub_err err;
    char name[128];
    (void)key;
    hub_metric_add(&bridged, 1);
    json_t *record = hub_json_parse(value, &err);
    if (!json_is_object(record)) {
        hub_metric_add(&malformed, 1);
        snprintf(name, sizeof name, "%.*s", topic.n < 127 ? (int)topic.n : 127, topic.p);
        hub_log_kv(HUB_LOG_WARN, "bus", "record skipped", "topic", name, "error", record ? "expected an object" : err.text, NULL);
    } else if (is_new(e->bridge, record)) {
        for (size_t i = 0; i < e->hub_n; i++) dispatch(e->hubs[i], topic, record);
    }
    json_decref(record);
}

/* ---- subscriptions ---- */

static void subscribe(struct hub_engine *e, const char *topic) {
    if (hub_map_put(&e->bridge->topics, hub_cstr(topic), e)) return;
    e->config.bus->ops->subscribe(e->config.bus, topic, on_record, e);
}

static void subscribe_object(struct hub_engine *e, const char *object) {
    for (enum what what = CREATED; what <= DELETED; what++) {
        struct hub_buf topic = {0};
        hub_bridge_topic(&topic, e->config.service, object, what_names[what]);
        subscribe(e, hub_buf_cstr(&topic));
        hub_buf_free(&topic);
    }
}

void hub_bridge_subscribe(struct hub_engine *e) {
    for (size_t i = 0; i < e->hub_n; i++) {
        const struct hub_def *def = e->hubs[i]->def;
        if (def->auto_bridge) {
            subscribe_object(e, def->room_object->name);
            subscribe_object(e, e->hubs[i]->tables->message->name);
            for (size_t j = 0; j < def->auth_source_n; j++) subscribe_object(e, def->auth_sources[j].source_object->name);
        }
        for (size_t j = 0; j < def->kafka_event_n; j++) subscribe(e, def->kafka_events[j].topic);
    }
}

void hub_engine_publish(struct hub_engine *e, struct hub_str topic, const json_t *record, hub_bus_done *done, void *arg) {
    struct hub_buf value = {0};
    hub_json_add(&value, record);
    e->config.bus->ops->publish(e->config.bus, topic, hub_str(NULL, 0), hub_buf_str(&value), done, arg);
    hub_buf_free(&value);
}

struct hub_bridge *hub_bridge_new(void) {
    return hub_xcalloc(1, sizeof(struct hub_bridge));
}

void hub_bridge_delete(struct hub_bridge *br) {
    hub_map_clear(&br->topics);
    hub_map_clear(&br->seen);
    for (size_t i = 0; i < REMEMBERED; i++) free(br->ring[i]);
    free(br);
}
