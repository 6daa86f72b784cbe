/* What a payload takes while it waits. JSON is up to eighty times as large as a tree, so of a large payload
 * nothing waits but what may be of use, and that as text: the tree of it is made when its turn has come. */
#include "hub/call/call.h"

#define TINY 1024 /* bytes of JSON: it is counted only where it may wait among many */

/* Something of V's kind, which is refused or accepted as V would be but for its size. */
static HUB_MUST json_t *empty_like(const json_t *v) {
    return json_is_object(v) ? json_object() : json_is_array(v) ? json_array() : json_string("");
}

/* What is over maxMessageSize can only be refused, in words that tell its size. */
static void keep_text(struct hub_call *call, const char *key, const json_t *v) {
    hub_json_add(&call->text, v);
    if ((int64_t)call->text.n > call->hub->def->max_message_size) {
        call->oversize = call->text.n;
        hub_buf_free(&call->text);
    }
    hub_buf_fit(&call->text);
    json_object_set_new(call->args, key, empty_like(v));
    call->late = true;
}

void hub_call_lighten(struct hub_call *call, const struct hub_command *command, const char *keys) {
    struct hub_str meant;
    const char *key;
    json_t *v;
    void *next;
    if (command->flags & HUB_READS) return;                  /* it will be refused for its size */
    if (hub_json_misspelt(call->args, keys, &meant)) return; /* and for that */
    hub_call_log_unknown(call, keys);
    json_object_foreach_safe(call->args, next, key, v) {
        const struct hub_arg *row = hub_arg_named(command->args, hub_cstr(key));
        if (!row)
            json_object_del(call->args, key);
        else if ((row->flags & HUB_ARG_LARGE) && hub_json_cost(v) > HUB_CALL_LARGE)
            keep_text(call, row->name, v);
    }
}

json_t *hub_call_tree(const struct hub_call *call, const char *key, const struct hub_buf *text) {
    return call->late ? hub_json_parse(hub_buf_str(text), NULL) : json_incref(hub_json_get(call->args, key));
}

bool hub_call_waits(struct hub_call *call, size_t more) {
    struct hub_backlog *all = &call->hub->engine->backlog;
    size_t bytes = sizeof *call + hub_json_cost(call->args) + call->text.cap + call->bytes.cap + more;
    struct hub_err err;
    if (hub_backlog_set(all, &call->waits, bytes, call->conn ? &call->conn->payload_bytes : NULL)) return true;
    HUB_UNUSED(hub_backlog_refuse(all, &err), "err has the code");
    hub_call_fail_with(call, &err, hub_str(NULL, 0));
    return false;
}

bool hub_call_came(struct hub_call *call, size_t bytes) {
    return bytes + call->bytes.n <= TINY || hub_call_waits(call, 0);
}

bool hub_call_arrived(struct hub_call *call, size_t bytes) {
    const struct hub_dispatch *d = bytes > HUB_CALL_LARGE && !call->late ? call->dispatch : NULL;
    if (d) hub_call_lighten(call, d->command, d->keys);
    return hub_call_came(call, bytes);
}

static const struct hub_arg *large_arg(const struct hub_call *call) {
    for (const struct hub_arg *row = call->command->args; row && row->name; row++)
        if (row->flags & HUB_ARG_LARGE) return row;
    return NULL;
}

json_t *hub_call_payload(const struct hub_call *call) {
    const struct hub_arg *large = call->late ? large_arg(call) : NULL;
    if (!large) return json_incref(call->args);
    json_t *payload = json_copy(call->args);
    json_object_set_new(payload, large->name, hub_call_tree(call, large->name, &call->text));
    return payload;
}

void hub_call_take_payload(struct hub_call *call, json_t *payload) {
    const struct hub_dispatch *row = hub_dispatch_find(call->hub->engine, hub_cstr(call->command->name));
    json_decref(call->args);
    call->args = payload;
    hub_scratch_give(call->hub->engine, &call->text);
    call->late = false;
    call->oversize = 0;
    if (hub_json_cost(payload) > HUB_CALL_LARGE) hub_call_lighten(call, row->command, row->keys);
}
