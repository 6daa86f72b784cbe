/* hub:setRoomState: a change of a client, which the hook canWrite judges. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "hub/shared_state/shared_state_int.h"

/* On its way through canWrite. */
struct setting {
    struct hub_hold hold;
    struct hub_call *call;
    struct hub_state_change change; /* its key and value are the call's */
    struct hub_judging judging;
};

static void setting_free(struct setting *s) {
    hub_unhold(&s->hold);
    free(s);
}

static void on_set(void *arg, enum hub_code code, const char *error, const struct hub_state_outcome *o) {
    struct setting *s = arg;
    char fields[64];
    if (code && error) {
        hub_call_fail(s->call, code, "%s", error);
    } else if (code) {
        hub_call_fail_store(s->call, code, NULL);
    } else {
        int n = snprintf(fields, sizeof fields, "\"version\":%lld,\"changed\":%s", (long long)o->version,
                         o->changed ? "true" : "false");
        hub_call_ok(s->call, "version", hub_str(fields, (size_t)n));
    }
    setting_free(s);
}

/* What has waited for a hook finds the world changed. */
static enum hub_code check_still(struct hub_call *call, struct hub_err *err) {
    const struct hub_def_shared_state *def = &call->hub->def->shared_state;
    if (!def->on) return hub_fail(err, HUB_FEATURE_DISABLED, NULL);
    return hub_room_write_stands(call, &def->can_write, "state", err);
}

static void refuse_setting(struct setting *s, const struct hub_err *err) {
    hub_call_fail_with(s->call, err, hub_str(NULL, 0));
    setting_free(s);
}

static void judge_answer(struct setting *s, enum hub_code code, const json_t *result, const char *error) {
    struct hub_err err;
    struct hub_str key = s->change.key;
    if (code) {
        hub_hook_failed(s->call->hub, &s->judging.def->shared_state.can_write, code, error);
        hub_err_set(&err, code, NULL);
    } else if (!hub_truthy(result)) {
        code = hub_fail(&err, HUB_NOT_ALLOWED, "state \"%.*s\": you may not change it", HUB_CUT(key, 100));
    }
    if (code)
        refuse_setting(s, &err);
    else
        hub_shared_state_ask(s->call->room, &s->change, on_set, s);
}

static void ask_hook(struct setting *s);

static void on_judged(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct setting *s = arg;
    struct hub_err err;
    enum hub_code ended = check_still(s->call, &err);
    if (!ended && hub_judging_stands(&s->judging, s->call)) {
        judge_answer(s, code, result, error);
        return;
    }
    if (!ended) ended = hub_judging_again(&s->judging, &err);
    if (ended)
        refuse_setting(s, &err);
    else
        ask_hook(s);
}

static void ask_hook(struct setting *s) {
    struct hub_call *call = s->call;
    hub_judging_begin(&s->judging, call);
    hub_room_write_ask(call, &call->hub->def->shared_state.can_write, hub_json_get(call->args, "key"),
                       hub_json_get(call->args, "value"), on_judged, s);
}

static enum hub_code read_change(const struct hub_call *call, struct hub_state_change *c, struct hub_err *err) {
    const json_t *value = hub_json_get(call->args, "value");
    bool gone = hub_json_get_bool(call->args, "deleted", false);
    if (gone && !hub_json_nil(value))
        return hub_fail(err, HUB_BAD_REQUEST, "deleted: a key that is to go has no value");
    if (!gone && !value) return hub_fail(err, HUB_BAD_REQUEST, "value: required, but missing");
    *c = (struct hub_state_change){
        .op = gone ? HUB_STATE_DELETE : HUB_STATE_SET, .key = hub_call_str(call, "key"), .value = gone ? NULL : value};
    return HUB_OK;
}

static void set_state(struct hub_call *call) {
    struct hub_state_change change;
    struct hub_err err;
    enum hub_code code = read_change(call, &change, &err);
    if (!code) code = check_still(call, &err);
    if (code) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        return;
    }
    struct setting *s = hub_xcalloc(1, sizeof *s);
    s->call = call;
    s->change = change;
    hub_hold(&call->hub->engine->holds, &s->hold, "state hook");
    ask_hook(s);
}

static const struct hub_arg set_args[] = {
    HUB_ARG_ROOM,
    {"key", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "The key."},
    {"value", HUB_ARG_ANY, .help = "What it is to be; null is a value."},
    {"deleted", HUB_ARG_BOOL, .help = "True, instead of a value: the key is to go."},
    {0},
};
static const struct hub_field answer[] = {
    {"version", "integer", .help = "The room's version afterwards."},
    {"changed", "boolean", .help = "Whether it changed anything."},
    {0},
};

const struct hub_command hub_shared_state_commands[] = {
    {.name = "hub:setRoomState",
     .help = "Changes a key of the room's state, of which `canWrite` says what clients may.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_read, &hub_gate_running, &hub_gate_args, &hub_gate_writes),
     .args = set_args,
     .answer = answer,
     .codes = {HUB_NOT_ALLOWED, HUB_TOO_MANY, HUB_TOO_LARGE, HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_OVERLOADED,
               HUB_NOT_FOUND, HUB_STORE_UNAVAILABLE, HUB_FEATURE_DISABLED},
     .run = set_state},
    {0},
};
