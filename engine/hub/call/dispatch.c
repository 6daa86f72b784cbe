/* Every request a client can make of a hub, by its name: the rows of all parts (contract: wire.md "Client to
 * server"). */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/call/call.h"

static HUB_MUST char *keys_of(const struct hub_command *command) {
    struct hub_buf keys = {0};
    for (const struct hub_arg *a = command->args; a->name; a++) hub_buf_addf(&keys, "%s%s", keys.n ? " " : "", a->name);
    return hub_buf_take(&keys, NULL);
}

static void add_command(struct hub_engine *e, const struct hub_part *part, const struct hub_command *command) {
    struct hub_dispatch *d = hub_xmalloc(sizeof *d);
    size_t n = hub_map_len(&e->commands);
    *d = (struct hub_dispatch){part, command, keys_of(command)};
    if (hub_map_put(&e->commands, hub_cstr(command->name), d)) {
        hub_log_kv(HUB_LOG_ERROR, "hub", "two parts have one command", "command", command->name, NULL);
        abort();
    }
    e->rows = hub_xrealloc(e->rows, (n + 2) * sizeof(struct hub_command *));
    e->rows[n] = command;
    e->rows[n + 1] = NULL;
}

void hub_dispatch_init(struct hub_engine *e) {
    e->run_call = hub_dispatch_run;
    for (const struct hub_part *const *part = e->parts; *part; part++)
        for (const struct hub_command *c = (*part)->commands; c && c->name; c++) add_command(e, *part, c);
}

void hub_dispatch_deinit(struct hub_engine *e) {
    for (struct hub_dispatch *d; (d = hub_map_drain(&e->commands));) {
        free(d->keys);
        free(d);
    }
    free(e->rows);
}

const struct hub_dispatch *hub_dispatch_find(const struct hub_engine *e, struct hub_str name) {
    return hub_map_get(&e->commands, name);
}

const struct hub_command *const *hub_engine_commands(const struct hub_engine *e) { return e->rows; }

static void start_read(struct hub_read *r) { hub_call_go(hub_call_of(r)); }

const struct hub_dispatch *hub_dispatch_of(const struct hub_hub *hub, struct hub_str event, json_t *payload,
                                           json_t **args) {
    const struct hub_dispatch *d = hub_dispatch_find(hub->engine, event);
    for (const struct hub_part *const *part = hub->engine->parts; !d && *part; part++) {
        const char *command = (*part)->alias ? (*part)->alias(hub->def, event, payload, args) : NULL;
        if (command) return hub_dispatch_find(hub->engine, hub_cstr(command));
    }
    *args = json_incref(payload);
    return d;
}

void hub_dispatch_run(struct hub_call *call) {
    const struct hub_dispatch *d = call->dispatch;
    if (!d) {
        hub_call_fail_unknown(call);
        return;
    }
    if (d->part->declared && !d->part->declared(call->hub->def)) {
        hub_call_fail(call, HUB_FEATURE_DISABLED, "%s is not declared here", d->part->name);
        return;
    }
    if (!hub_call_keys(call, d->keys)) return;
    call->command = d->command;
    if (call->command->flags & HUB_JOINS) hub_order_joining(call);
    if (call->hub->def->parts.around) hub_middleware_begin(call);
    hub_call_queue(call, hub_str(NULL, 0), start_read);
}
