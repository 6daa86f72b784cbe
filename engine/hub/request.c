/* Requests by REST: the join decision is made for each, then the same command runs that a socket's event
 * runs. */
#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/engine_int.h"

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                       struct hub_room *room) {
    struct hub_call *call = arg;
    (void)layer;
    if (code) {
        hub_call_fail(call, code, NULL);
        return;
    }
    call->room = hub_room_ref(room);
    call->rights = *rights;
    call->judged = room->judged;
    hub_call_go(call);
}

static void enter(struct hub_call *call) {
    hub_authorize(call->hub, call->who, hub_call_str(call, "roomId"), false, on_decided, call);
}

static const char no_hub[] = "there is no such hub any more";

static void decide(struct hub_read *r) {
    struct hub_call *call = hub_call_of(r);
    if (r->waited && call->gone(call->reply_arg))
        hub_call_fail(call, HUB_OVERLOADED, NULL); /* it waited longer than whoever asked */
    else if (call->hub->gone)
        hub_call_fail(call, HUB_NOT_FOUND, no_hub);
    else
        hub_call_go(call);
}

bool hub_hub_gone(const struct hub_hub *hub) { return hub->gone; }

void hub_engine_request(struct hub_hub *hub, struct hub_identity *who, struct hub_str address,
                        const struct hub_command *command, json_t *args, hub_call_reply *reply, hub_call_gone *gone,
                        void *arg) {
    struct hub_call *call = hub_call_new(hub, NULL, who, command->name, args, -1);
    call->reply = reply;
    call->gone = gone;
    call->reply_arg = arg;
    call->enter = enter;
    call->command = command;
    if (hub->gone)
        hub_call_fail(call, HUB_NOT_FOUND, no_hub);
    else if (!hub_id_ok(hub_call_str(call, "roomId")))
        hub_call_fail(call, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
    else if (hub_call_keys(call, hub_dispatch_find(hub->engine, hub_cstr(command->name))->keys))
        hub_call_queue(call, address, decide);
}

/* GET /{hub}/rooms/{roomId}: the record, my role and permissions, counts. */
void hub_show_room(struct hub_call *call) {
    struct hub_buf b = {0};
    bool silenced = hub_room_is_silenced(call->room, hub_cstr(call->who->user_id), &call->rights,
                                         call->hub->def->default_silenced, hub_loop_wall(call->room->loop));
    hub_buf_addz(&b, "\"room\":");
    hub_json_add(&b, call->room->record);
    hub_buf_addc(&b, ',');
    hub_rights_add_json(&b, &call->rights, silenced);
    hub_buf_addf(&b, ",\"silenced\":%s", silenced ? "true" : "false");
    hub_buf_addf(&b, ",\"memberCount\":%u,\"seq\":%lld,\"epoch\":\"%s\"", call->room->user_n,
                 (long long)call->room->sequence.number, call->room->sequence.epoch);
    hub_call_ok(call, "room", hub_buf_str(&b));
    hub_buf_free(&b);
}

struct hub_reads *hub_engine_reads(struct hub_engine *e) {
    return &e->reads;
}
