/* Requests by REST: the join decision is made for each, then the same command runs that a socket's event runs. */
#include <stdlib.h>

#include "hub/hub_int.h"

struct request {
    struct hub_call *call;
    const struct hub_command *command;
};

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer, struct hub_room *room) {
    struct request *r = arg;
    struct hub_call *call = r->call;
    const struct hub_command *command = r->command;
    (void)layer;
    free(r);
    if (code) {
        hub_call_fail(call, code, NULL);
        return;
    }
    call->room = hub_room_ref(room);
    call->rights = *rights;
    if (hub_call_permitted(call, command->needs)) command->run(call);
}

void hub_engine_request(struct hub_hub *hub, struct hub_identity *who, const char *event, json_t *args, hub_call_reply *reply, void *arg) {
    const struct hub_command *command = hub_command_find(hub_cstr(event));
    struct hub_call *call = hub_call_new(hub, NULL, who, event, args, -1);
    call->reply = reply;
    call->reply_arg = arg;
    struct hub_str id = hub_call_str(call, "roomId");
    if (!command || !(command->needs & HUB_REST)) {
        hub_call_fail(call, HUB_NOT_FOUND, NULL);
    } else if (!hub_id_ok(id)) {
        hub_call_fail(call, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
    } else if (hub_call_keys(call, command->args)) {
        struct request *r = hub_xmalloc(sizeof *r);
        *r = (struct request){call, command};
        hub_decide(hub, who, id, false, on_decided, r);
    }
}

/* GET /{hub}/rooms/{roomId}: the record, my role and permissions, counts. */
void hub_cmd_room(struct hub_call *call) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"room\":");
    hub_json_add(&b, call->room->record);
    hub_buf_addc(&b, ',');
    hub_rights_add_json(&b, &call->rights);
    hub_buf_addf(&b, ",\"memberCount\":%u,\"seq\":%lld,\"epoch\":\"%s\"", call->room->user_n, (long long)call->room->seq, call->room->epoch);
    hub_call_ok(call, "room", hub_buf_str(&b));
    hub_buf_free(&b);
}
