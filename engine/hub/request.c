/* Requests by REST: the join decision is made for each, then the same command runs that a socket's event
 * runs. */
#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/channel/channel.h"
#include "hub/engine_int.h"
#include "hub/lifecycle/lifecycle.h"
#include "hub/record/record.h"

static void enter_call(struct hub_call *call);

/* What a call that has waited is refused with because its token counts no more. */
static enum hub_code asker_fault(const struct hub_call *call) {
    return hub_identity_fault(call->hub->engine->config.identity, call->who);
}

static void on_usable(void *arg, enum hub_code code) {
    struct hub_call *call = arg;
    if (!code) code = asker_fault(call);
    if (code)
        hub_call_fail(call, code, NULL);
    else
        enter_call(call); /* what was decided before it waited may hold no more */
}

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                       struct hub_room *room) {
    struct hub_call *call = arg;
    (void)layer;
    if (code) {
        hub_call_fail(call, code, NULL);
        return;
    }
    if (!hub_lifecycle_use(room, on_usable, call)) return;
    call->room = hub_room_ref(room);
    call->rights = *rights;
    call->judged = room->judged;
    hub_call_go(call);
}

static void enter_call(struct hub_call *call) {
    hub_authorize(call->hub, call->who, hub_call_str(call, "roomId"), false, on_decided, call);
}

static const char no_hub[] = "there is no such hub any more";

static void decide_read(struct hub_read *r) {
    struct hub_call *call = hub_call_of(r);
    if (r->waited && call->gone(call->reply_arg))
        hub_call_fail(call, HUB_OVERLOADED, NULL); /* it waited longer than whoever asked */
    else if (call->hub->gone)
        hub_call_fail(call, HUB_NOT_FOUND, no_hub);
    else if (r->waited && asker_fault(call))
        hub_call_fail(call, asker_fault(call), NULL);
    else
        hub_call_go(call);
}

bool hub_hub_gone(const struct hub_hub *hub) { return hub->gone; }

bool hub_hub_declares(const struct hub_hub *hub, const struct hub_command *command) {
    const struct hub_part *part = hub_dispatch_find(hub->engine, hub_cstr(command->name))->part;
    return !part->declared || part->declared(hub->def);
}

/* False when it was refused. */
static bool take_request(struct hub_call *call, const struct hub_dispatch *row) {
    if (hub_json_cost(call->args) > HUB_CALL_LARGE) hub_call_lighten(call, row->command, row->keys);
    return hub_call_waits(call, 0);
}

void hub_request_run(struct hub_call *call, struct hub_str address) {
    if (call->hub->def->parts.around) hub_middleware_begin(call);
    hub_call_queue(call, address, decide_read);
}

static bool is_about_room(const struct hub_command *command) {
    return hub_arg_named(command->args, HUB_STR("roomId")) != NULL;
}

static HUB_MUST struct hub_call *call_of(const struct hub_request *q, struct hub_hub *hub, const char *command) {
    struct hub_call *call = hub_call_new(hub, NULL, q->who, command, q->args, -1);
    call->reply = q->reply;
    call->gone = q->gone;
    call->reply_arg = q->arg;
    return call;
}

void hub_engine_request(struct hub_hub *hub, const struct hub_command *command, const struct hub_request *q) {
    struct hub_call *call = call_of(q, hub, command->name);
    call->enter = enter_call;
    const struct hub_dispatch *row = hub_dispatch_find(hub->engine, hub_cstr(command->name));
    bool declared = hub->gone || hub_hub_declares(hub, command);
    if (declared) call->command = command; /* whose rows say what else it may be refused with */
    if (hub->gone)
        hub_call_fail(call, HUB_NOT_FOUND, no_hub);
    else if (!declared)
        hub_call_fail(call, HUB_FEATURE_DISABLED, "%s is not declared here", row->part->name);
    else if (is_about_room(command) && !hub_id_ok(hub_call_str(call, "roomId")))
        hub_call_fail(call, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
    else if (take_request(call, row) && hub_call_keys(call, row->keys))
        hub->engine->run_request(call, q->address);
}

/* One that is about no room, to HUB, to whom what it names belongs; NULL: there is NONE. */
static void request_window(struct hub_engine *e, struct hub_hub *hub, const char *none, const char *command,
                           const struct hub_request *q) {
    const struct hub_dispatch *row = hub_dispatch_find(e, hub_cstr(command));
    struct hub_err err;
    if (!hub) {
        enum hub_code code = hub_fail(&err, HUB_NOT_FOUND, "no %s is declared", none);
        json_decref(q->args);
        q->reply(q->arg, code, &err, NULL, hub_str(NULL, 0));
        return;
    }
    struct hub_call *call = call_of(q, hub, command);
    call->command = row->command;
    if (take_request(call, row) && hub_call_keys(call, row->keys)) e->run_request(call, q->address);
}

void hub_engine_channel_request(struct hub_engine *e, const char *command, struct hub_str channel,
                                const struct hub_request *q) {
    request_window(e, hub_channel_owner(e, channel), "channel of that name", command, q);
}

void hub_engine_record_request(struct hub_engine *e, const char *command, struct hub_str id,
                               const struct hub_request *q) {
    request_window(e, hub_record_window_owner(e, id), "record of that id", command, q);
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
