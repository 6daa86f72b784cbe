/* What clients ask of the metadata of rooms. A change is judged member by member, by the hook canWrite. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "hub/access/access.h"
#include "hub/metadata/metadata_int.h"

/* ---- reading ---- */

static struct hub_buf answer_fields(const json_t *value, int64_t version) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"metadata\":");
    hub_json_add(&b, value);
    hub_buf_addf(&b, ",\"version\":%lld", (long long)version);
    return b;
}

static void on_read(void *arg, enum hub_code code, const char *error, json_t *value, int64_t version) {
    struct hub_call *call = arg;
    if (code) {
        hub_call_fail_store(call, code, error);
        return;
    }
    struct hub_buf b = answer_fields(value, version);
    hub_call_show(call, "metadata", hub_buf_str(&b));
    hub_buf_free(&b);
}

static void read_metadata(struct hub_call *call) { hub_room_metadata_read(call->room, on_read, call); }

/* ---- writing ---- */

/* A change on its way through canWrite. */
struct writing {
    struct hub_hold hold;
    struct hub_call *call;
    json_t *change, *keys; /* the members that are judged, as texts */
    enum hub_metadata_strategy strategy;
    size_t at; /* the next one */
    struct hub_judging judging;
    bool waiting, asking;
    struct hub_err err; /* why it is refused */
};

static void writing_free(struct writing *w) {
    hub_unhold(&w->hold);
    json_decref(w->change);
    json_decref(w->keys);
    free(w);
}

static void on_changed(void *arg, enum hub_code code, const char *error, json_t *value, int64_t version) {
    struct writing *w = arg;
    if (code == HUB_TOO_LARGE || code == HUB_TOO_MANY || code == HUB_OVERLOADED) {
        hub_call_fail(w->call, code, "%s", error);
    } else if (code) {
        hub_call_fail_store(w->call, code, error);
    } else {
        struct hub_buf b = answer_fields(value, version);
        hub_call_ok(w->call, "metadata", hub_buf_str(&b));
        hub_buf_free(&b);
    }
    writing_free(w);
}

static const struct hub_script *can_write_of(const struct hub_call *call) {
    return &call->hub->def->room_metadata.can_write;
}

/* What has waited for a hook finds the world changed. */
static enum hub_code check_still(struct hub_call *call, struct hub_err *err) {
    return hub_room_write_stands(call, can_write_of(call), "metadata", err);
}

static void ask_members(struct writing *w);

static void judge_answer(struct writing *w, enum hub_code code, const json_t *result, const char *error) {
    const char *key = json_string_value(json_array_get(w->keys, w->at++));
    if (code) {
        hub_hook_failed(w->call->hub, &w->judging.def->room_metadata.can_write, code, error);
        hub_err_set(&w->err, code, NULL);
    } else if (!hub_truthy(result)) {
        hub_err_set(&w->err, HUB_NOT_ALLOWED, "metadata%s%.*s: you may not change it", key ? "." : "",
                    HUB_CUTZ(key ? key : "", 64));
    }
}

/* What has changed meanwhile has changed for the members that were judged before, too. */
static void on_judged(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct writing *w = arg;
    w->waiting = false;
    if (!check_still(w->call, &w->err)) {
        if (hub_judging_stands(&w->judging, w->call))
            judge_answer(w, code, result, error);
        else if (!hub_judging_again(&w->judging, &w->err))
            w->at = 0;
    }
    if (!w->asking) ask_members(w);
}

static void ask_member(struct writing *w) {
    json_t *key = json_array_get(w->keys, w->at);
    hub_room_write_ask(w->call, can_write_of(w->call), key, hub_json_get(w->change, json_string_value(key)), on_judged,
                       w);
}

/* A loop, not a recursion: most hooks answer at once. */
static void ask_members(struct writing *w) {
    w->asking = true;
    while (!w->waiting && !w->err.code && w->at < json_array_size(w->keys)) {
        if (check_still(w->call, &w->err)) break;
        w->waiting = true;
        if (!w->at) hub_judging_begin(&w->judging, w->call);
        ask_member(w);
    }
    w->asking = false;
    if (w->waiting) return;
    if (!w->err.code && check_still(w->call, &w->err) == HUB_OK) {
        hub_room_metadata_change(w->call->room, w->change, w->strategy, w->keys, on_changed, w);
        return;
    }
    hub_call_fail_with(w->call, &w->err, hub_str(NULL, 0));
    writing_free(w);
}

static void add_keys(json_t *keys, const json_t *object, const json_t *without) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v) {
        if (!hub_json_get(without, key)) json_array_append_new(keys, json_string(key));
    }
}

/* What a replacement takes out is judged, too. A member that somebody adds after this is not taken out. */
static void on_present(void *arg, enum hub_code code, const char *error, json_t *value, int64_t version) {
    struct writing *w = arg;
    (void)version;
    if (code) {
        on_changed(w, code, error, NULL, 0);
        return;
    }
    add_keys(w->keys, value, w->change);
    if (!json_array_size(w->keys)) json_array_append_new(w->keys, json_null());
    ask_members(w);
}

static void write_metadata(struct hub_call *call) {
    struct hub_err err;
    enum hub_metadata_strategy strategy;
    json_t *change = hub_json_get(call->args, "metadata");
    enum hub_code code = hub_metadata_strategy(hub_call_str(call, "strategy"), &strategy, &err);
    if (!code)
        code = hub_metadata_check(change, "metadata.room.maxBytes", call->hub->def->room_metadata.max_bytes, &err);
    if (!code) code = check_still(call, &err);
    if (code) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        return;
    }
    struct writing *w = hub_xcalloc(1, sizeof *w);
    *w = (struct writing){.call = call, .change = json_incref(change), .keys = json_array(), .strategy = strategy};
    hub_hold(&call->hub->engine->holds, &w->hold, "metadata request");
    add_keys(w->keys, change, NULL);
    if (strategy == HUB_METADATA_REPLACE)
        hub_room_metadata_read(call->room, on_present, w);
    else
        on_present(w, HUB_OK, NULL, NULL, 0);
}

static const struct hub_arg read_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_arg write_args[] = {
    HUB_ARG_ROOM,
    {"metadata", HUB_ARG_OBJECT, HUB_ARG_REQUIRED, .help = "Members to set."},
    {"strategy", HUB_ARG_TEXT, .least = 1, .most = 16,
     .help = "`replace` (the default): what is not in it goes; `merge`; `deepMerge`: also in objects within.",
     .shape = "`replace` or `merge` or `deepMerge`"},
    {0},
};
static const struct hub_field answer[] = {
    {"metadata", "object", .help = "The room's metadata."},
    {"version", "integer", .help = "It grows by one with each change; 0: there has been none."},
    {0},
};

const struct hub_command hub_room_metadata_commands[] = {
    {.name = "hub:roomMetadata",
     .help = "The room's metadata.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room, &hub_gate_read),
     .args = read_args,
     .answer = answer,
     .codes = {HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = read_metadata},
    {.name = "hub:setRoomMetadata",
     .help = "Changes the room's metadata, of which `canWrite` says what clients may.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_read, &hub_gate_running, &hub_gate_args, &hub_gate_metadata),
     .args = write_args,
     .answer = answer,
     .codes = {HUB_NOT_ALLOWED, HUB_TOO_LARGE, HUB_TOO_MANY, HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_OVERLOADED,
               HUB_NOT_FOUND, HUB_STORE_UNAVAILABLE},
     .run = write_metadata},
    {0},
};
