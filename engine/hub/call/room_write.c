/* What members change of a room by the hook canWrite: its shared state, its metadata. */
#include "hub/call/call.h"

enum hub_code hub_room_write_stands(struct hub_call *call, const struct hub_script *can_write, const char *what,
                                    struct hub_err *err) {
    const struct hub_member *m = call->member;
    if (call->hub->engine->draining) return hub_fail(err, HUB_SHUTTING_DOWN, NULL);
    if (m->gone) return hub_fail(err, m->put_out ? m->put_out : HUB_NOT_IN_ROOM, NULL);
    if (call->room->ended) return hub_fail(err, call->room->ended, NULL);
    call->rights = m->rights;
    if (!call->rights.can_read) return hub_fail(err, HUB_CANNOT_READ, NULL);
    if (can_write->kind == HUB_SCRIPT_NONE)
        return hub_fail(err, HUB_NOT_ALLOWED, "scripts only change the %s of this hub's rooms", what);
    return HUB_OK;
}

void hub_room_write_ask(struct hub_call *call, const struct hub_script *can_write, json_t *key, json_t *value,
                        hub_hook_done *done, void *arg) {
    json_t *about = hub_script_wants(call->hub->engine, can_write, "connection") ? hub_conn_json(call->conn) : NULL;
    json_t *id = json_string(call->room->id), *role = hub_rights_name_json(&call->rights);
    struct hub_hook_arg args[8] = {{"session", hub_identity_session(call->who)},
                                   {"connection", about},
                                   {"roomId", id},
                                   {"hubRole", role},
                                   {"key", key},
                                   {"value", value}};
    size_t n = hub_hook_room_args(call->hub, call->room->record, args, 6);
    hub_hook_call(call->hub, can_write, args, n, done, arg);
    json_decref(about);
    json_decref(id);
    json_decref(role);
}
