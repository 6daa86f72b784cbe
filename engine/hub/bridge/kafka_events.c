/* kafkaEvents: records of any topic, filtered, and told to the rooms that an expression names. */
#include "hub/bridge/bridge_int.h"

#include <stdlib.h>

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

/* Strips _eventId and _origin, the fields by which hubs de-duplicate records: they are internal. */
static HUB_MUST json_t *unmarked_record(const json_t *record) {
    json_t *copy = json_copy((json_t *)(uintptr_t)record);
    json_object_del(copy, "_eventId");
    json_object_del(copy, "_origin");
    return copy;
}

static void tell_external(const struct external *x, struct hub_room *room, struct hub_str data) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_event_json e = hub_event_json(room);
    hub_event_json_raw(&e, "data", data);
    hub_event_json_tell(&e, &all, hub_cstr(x->event->name), 0);
}

/* Nothing for "no room"; else ids, as texts or numbers. */
static bool is_target(const json_t *v) { return hub_json_nil(v) || json_is_string(v) || json_is_number(v); }

/* Collects what the expression gave: one id, or a list of ids, each room once. False: something in it is
 * no id. */
static bool tell_targets(const struct external *x, json_t *result) {
    bool list = json_is_array(result), good = true;
    size_t n = list ? json_array_size(result) : 1;
    struct hub_map told = {0};
    json_t *data = unmarked_record(x->data);
    struct hub_buf text = {0};
    hub_json_add(&text, data);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = list ? json_array_get(result, i) : result;
        struct hub_room *room = is_target(id) ? hub_record_room(x->hub, id) : NULL;
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

static void ask_script(struct external *x, const struct hub_script *script, hub_hook_done *done) {
    const struct hub_hook_arg args[] = {{"data", x->data}, {"key", x->key}, {"headers", x->headers}};
    hub_hook_call(x->hub, script, args, HUB_NELEM(args), done, x);
}

static void find_target(struct external *x) { ask_script(x, &x->event->target_room_expression, on_target); }

static void on_filtered(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct external *x = arg;
    if (code) hub_hook_failed(x->hub, &x->event->filter_expression, code, error);
    if (!code && hub_truthy(result))
        find_target(x);
    else
        free_external(x);
}

void hub_kafka_event(struct hub_hub *hub, const struct hub_def_kafka_event *event, const struct hub_record *s,
                     struct hub_work *work) {
    struct external *x = hub_xmalloc(sizeof *x);
    *x = (struct external){
        hub, event, json_incref(s->record), json_incref(s->key), json_incref(s->headers), hub_work_hold(work)};
    if (event->filter_expression.kind == HUB_SCRIPT_NONE)
        find_target(x);
    else
        ask_script(x, &event->filter_expression, on_filtered);
}
