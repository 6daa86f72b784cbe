/* Payloads of which one member says what another one has to be: the type of a message and its content, a
 * command and its payload, what a client is asked and with what. */
#include "base/memory/mem.h"
#include "describe/describe_int.h"

static HUB_MUST json_t *message_choices(struct hub_describing *d) {
    json_t *all = json_object();
    for (size_t i = 0; i < d->def->message_type_n; i++) {
        const char *name = d->def->message_types[i].name;
        json_object_set_new(all, name, hub_describe_ref(d, "input", name));
    }
    return all;
}

/* Those that get bytes are called by streams. */
static HUB_MUST json_t *command_choices(struct hub_describing *d) {
    const struct hub_def_parts *p = &d->def->parts;
    json_t *all = json_object();
    for (size_t i = 0; i < p->command_n; i++)
        if (!p->commands[i].stream)
            json_object_set_new(all, p->commands[i].name,
                                p->commands[i].field_n
                                    ? hub_describe_fields(p->commands[i].fields, p->commands[i].field_n, true)
                                    : json_object());
    return all;
}

static HUB_MUST json_t *invocation_choices(struct hub_describing *d) {
    const struct hub_def_clients *c = &d->service->clients;
    json_t *all = json_object();
    for (size_t i = 0; i < c->invocation_n; i++)
        json_object_set_new(all, c->invocations[i].type,
                            c->invocations[i].field_n
                                ? hub_describe_fields(c->invocations[i].fields, c->invocations[i].field_n, false)
                                : json_object());
    return all;
}

static const struct variant {
    const char *choice, *rest;
    json_t *(*choices)(struct hub_describing *d);
} variants[] = {{"type", "input", message_choices},
                {"command", "payload", command_choices},
                {"invocation", "data", invocation_choices}};

json_t *hub_describe_choices(struct hub_describing *d, const char *word, const char **rest) {
    for (size_t i = 0; word && i < HUB_NELEM(variants); i++) {
        if (strcmp(variants[i].choice, word)) continue;
        *rest = variants[i].rest;
        return variants[i].choices(d);
    }
    return NULL;
}
