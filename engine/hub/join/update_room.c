/* hub:updateRoom: the room's record, changed by those who manage the room. */
#include "base/text/utf8.h"
#include "hub/join/join.h"

#include <stdlib.h>

#include "hub/access/access.h"

static enum hub_code check_changes(const struct hub_def *def, const json_t *changes, struct hub_err *err) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)changes, key, v) {
        if (hub_def_property(def->room_object, hub_cstr(key)) >= 0 && !hub_def_may_update(def, hub_cstr(key)))
            return hub_fail(err, HUB_NOT_ALLOWED, "changes.%.*s: this property cannot be changed", HUB_CUTZ(key, 64));
    }
    return HUB_OK;
}

/* The changed properties as they are stored. */
static HUB_MUST json_t *stored_changes(const json_t *changes, const json_t *record) {
    json_t *stored = json_object(), *v;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)changes, key, v)
        json_object_set(stored, key, json_object_get(record, key));
    return stored;
}

static void on_updated(void *arg, enum hub_code code, json_t *record, const char *error) {
    struct hub_call *call = arg;
    struct hub_buf fields = {0};
    if (code) {
        hub_call_fail(call, code, "%s", error && error[0] ? error : hub_code_text(code));
        return;
    }
    struct hub_room *room = hub_room_ref(call->room);
    json_t *changes = stored_changes(hub_json_get(call->args, "changes"), record);
    hub_buf_addz(&fields, "\"room\":");
    hub_json_add(&fields, record);
    hub_call_ok(call, "room", hub_buf_str(&fields));
    if (!hub_of(room)->def->auto_bridge)
        hub_room_tell(room, "roomUpdated", record, changes,
                      NULL); /* else the event that the write raised does it, for every hub */
    hub_buf_free(&fields);
    json_decref(changes);
    hub_room_unref(room);
}

static void update_room(struct hub_call *call) {
    const struct hub_table *t = hub_record_table(call->hub);
    const json_t *changes = hub_json_get(call->args, "changes");
    struct hub_err err;
    if (check_changes(call->hub->def, changes, &err)) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        return;
    }
    const json_t *id = t->id == HUB_NO_ID ? NULL : json_object_get(call->room->record, t->columns[t->id].property);
    hub_object_update(&call->hub->engine->data, t, id, changes, true, on_updated, call);
}

/* ---- the part ---- */

static const struct hub_arg update_args[] = {
    HUB_ARG_ROOM,
    {"changes", HUB_ARG_OBJECT, HUB_ARG_REQUIRED, .least = 1, .expected = "an object with the properties to change",
     .help = "New values of properties of the room's record."},
    {0},
};
static const struct hub_field update_answer[] = {{"room", "object", .help = "The record as it is now."}, {0}};

static const struct hub_command update_commands[] = {
    {.name = "hub:updateRoom",
     .help = "Changes the room's record.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_manage, &hub_gate_running, &hub_gate_args),
     .args = update_args,
     .answer = update_answer,
     .codes = {HUB_NOT_ALLOWED, HUB_INVALID_CONTENT, HUB_NOT_FOUND, HUB_STORE_UNAVAILABLE},
     .run = update_room},
    {0},
};

const struct hub_part hub_room_update_part = {
    .name = "roomUpdate",
    .help = "The room's record, changed by those who manage the room.",
    .commands = update_commands,
    .keywords = "roomUpdate",
};
