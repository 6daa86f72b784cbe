/* stateScript: what a client needs to know of the room, on join and on request. */
#include "hub/join/join.h"

#include <stdlib.h>

#include "hub/access/access.h"

struct state {
    struct hub_room *room; /* reference */
    struct hub_conn *conn; /* reference, or NULL for REST */
    struct hub_call *call; /* the request, or NULL on join */
    struct hub_read slot;  /* of the join */
};

/* Unasked for those who may read; whoever asks only has to be in the room (contract: wire.md). */
static void emit_state(struct hub_conn *c, struct hub_room *room, struct hub_str event, struct hub_str fields,
                       bool asked) {
    const struct hub_member *m = c->closed ? NULL : hub_conn_member(c, room);
    if (!m || (!asked && !m->rights.can_read)) return;
    struct hub_event_json e = hub_event_json(room);
    hub_buf_adds(hub_event_json_more(&e), fields);
    hub_event_json_tell_one(&e, &c->outlet, event);
}

/* Whoever has joined waits for the state, and is told that it does not come; a state of null would be a
 * state. */
static void emit_failure(struct hub_conn *c, struct hub_room *room, enum hub_code code) {
    struct hub_buf fields = {0};
    hub_buf_addz(&fields, "\"error\":");
    hub_json_add_string(&fields, hub_cstr(hub_code_text(code)));
    hub_buf_addf(&fields, ",\"code\":\"%s\",\"event\":\"hub:state\"", hub_code_name(code));
    emit_state(c, room, HUB_STR("hub:error"), hub_buf_str(&fields), false);
    hub_buf_free(&fields);
}

static void on_state(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct state *s = arg;
    struct hub_hub *hub = hub_of(s->room);
    struct hub_buf fields = {0};
    if (code) {
        hub_hook_failed(hub, &hub->def->state_script, code, error);
        if (s->call)
            hub_call_fail(s->call, code, NULL);
        else if (s->conn)
            emit_failure(s->conn, s->room, code);
    } else {
        hub_buf_addz(&fields, "\"state\":");
        hub_json_add(&fields, result);
        if (s->conn) emit_state(s->conn, s->room, HUB_STR("hub:state"), hub_buf_str(&fields), s->call != NULL);
        if (s->call) hub_call_show(s->call, "state", hub_buf_str(&fields));
    }
    hub_buf_free(&fields);
    hub_read_over(&hub->engine->reads, &s->slot);
    hub_room_unref(s->room);
    if (s->conn) hub_conn_unref(s->conn);
    free(s);
}

void hub_state_send(struct hub_room *room, struct hub_conn *conn, struct hub_call *call, struct hub_read *slot) {
    struct hub_hub *hub = hub_of(room);
    if (hub->def->state_script.kind == HUB_SCRIPT_NONE) {
        if (call) hub_call_fail(call, HUB_FEATURE_DISABLED, "this hub has no stateScript");
        return;
    }
    struct state *s = hub_xmalloc(sizeof *s);
    *s = (struct state){.room = hub_room_ref(room), .conn = conn ? hub_conn_ref(conn) : NULL, .call = call};
    if (slot) hub_read_move(&s->slot, slot);
    json_t *id = json_string(room->id);
    struct hub_hook_arg args[5] = {{"session", hub_identity_session(conn ? conn->identity : call->who)},
                                   {"roomId", id}};
    size_t n = hub_hook_room_args(hub, room->record, args, 2);
    hub_hook_call(hub, &hub->def->state_script, args, n, on_state, s);
    json_decref(id);
}

static void request_state(struct hub_call *call) { hub_state_send(call->room, call->conn, call, NULL); }

/* ---- the part ---- */

static bool has_state(const struct hub_def *def) { return def->state_script.kind != HUB_SCRIPT_NONE; }
static const struct hub_arg state_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_field state_answer[] = {{"state", "JSON", .help = "What the state script returns."}, {0}};

static const struct hub_command state_commands[] = {
    {.name = "hub:requestState",
     .help = "Asks for the room's state anew.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room),
     .args = state_args,
     .rest = {"GET", "rooms/:roomId/state", 200},
     .on = has_state,
     .answer = state_answer,
     .codes = {HUB_OVERLOADED, HUB_FEATURE_DISABLED, HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT},
     .run = request_state},
    {0},
};

static const struct hub_field state_fields[] = {
    {"roomId", "id", .help = "The room."}, {"state", "JSON", .help = "What the state script returns."}, {0}};
static const struct hub_told_event state_told[] = {
    {"hub:state", "the connection", "it joined, after the history, or asked for it", state_fields},
    {0},
};
static bool tells_state(const struct hub_def *def, const char *event) { return (void)event, has_state(def); }

const struct hub_part hub_state_part = {
    .name = "state",
    .help = "What a client needs to know of a room, made by the state script.",
    .commands = state_commands,
    .told = state_told,
    .tells = tells_state,
    .keywords = "stateScript",
};
