/* What the variables of each hook are. */
#include "base/memory/mem.h"
#include "schema/analysis/analysis_int.h"

#define FIELD(NAME, TYPE) \
    { .name = NAME, .type = HUB_FIELD_##TYPE }
#define RECORD(FIELDS) \
    { .kind = HUB_TYPE_RECORD, .fields = FIELDS, .field_n = HUB_NELEM(FIELDS) }

static const struct hub_def_field connection[] = {
    FIELD("id", ID),          FIELD("clientId", ID), FIELD("userId", ID),        FIELD("address", STRING),
    FIELD("handshake", JSON), FIELD("rooms", JSON),  FIELD("connectedAt", JSON), FIELD("latencyMs", JSON),
    FIELD("metadata", JSON)};
static const struct hub_def_field job[] = {FIELD("id", ID), FIELD("queue", ID), FIELD("data", JSON),
                                           FIELD("attempt", INTEGER)};
static const struct hub_def_field node[] = {FIELD("id", ID), FIELD("name", ID), FIELD("address", STRING),
                                            FIELD("version", STRING), FIELD("startedAt", JSON)};
static const struct hub_def_field client[] = {
    FIELD("clientId", ID),      FIELD("userId", ID),     FIELD("nodeId", ID),       FIELD("address", STRING),
    FIELD("connectedAt", JSON), FIELD("metadata", JSON), FIELD("connections", JSON)};
static const struct hub_def_field socket_[] = {
    FIELD("id", ID),          FIELD("userId", ID),      FIELD("session", JSON),     FIELD("auth", JSON),
    FIELD("data", JSON),      FIELD("handshake", JSON), FIELD("rooms", JSON),       FIELD("recovered", BOOLEAN),
    FIELD("broadcast", JSON), FIELD("emit", JSON),      FIELD("emitWithAck", JSON), FIELD("join", JSON),
    FIELD("leave", JSON),     FIELD("to", JSON),        FIELD("except", JSON),      FIELD("disconnect", JSON)};
static const struct hub_def_field namespace_[] = {FIELD("name", STRING),  FIELD("emit", JSON),
                                                  FIELD("sockets", JSON), FIELD("to", JSON),
                                                  FIELD("except", JSON),  FIELD("broadcastAll", JSON)};
static const struct hub_def_field stream[] = {FIELD("id", ID), FIELD("read", JSON), FIELD("write", JSON),
                                              FIELD("finish", JSON), FIELD("destroy", JSON)};

static const struct hub_type any = {0};

/* ---- of the definition ---- */

static struct hub_type room_type(const struct hub_analysis *a) { return a->room ? hub_type_of_object(a->room) : any; }

static struct hub_type source_type(const struct hub_analysis *a) {
    return a->source ? hub_type_of_object(a->source) : any;
}

/* Of what stands at BASE; where something is wrong there, fields may be missing. */
static struct hub_type of_fields(const struct hub_analysis *a, const void *base, const struct hub_def_field *fields,
                                 size_t n) {
    const struct hub_node *at = hub_place(a->l, base, "");
    if (at && hub_diags_n(a->l->diags) && hub_is_place_wrong(a->l, at->src->name, hub_node_path(a->l->scratch, at)))
        return any;
    return n ? (struct hub_type){.kind = HUB_TYPE_RECORD, .fields = fields, .field_n = n} : any;
}

/* {type, content}, as the handler's type has it. */
static struct hub_type message_type(const struct hub_analysis *a) {
    const struct hub_def_message_handler *h = (const void *)a->script->base;
    const struct hub_def_message_type *t =
        h->message_type ? hub_def_message_type(&a->script->hub->def, hub_cstr(h->message_type)) : NULL;
    if (!t || t->builtin) return any;
    if (hub_is_place_wrong(a->l, a->src->name, "messageSettings.customMessageTypes")) return any;
    struct hub_def_field *f = hub_arena_zalloc(a->l->scratch, 2 * sizeof *f);
    f[0] = (struct hub_def_field){.name = "type", .type = HUB_FIELD_ENUM, .enum_values = {(const char **)&t->name, 1}};
    f[1] =
        (struct hub_def_field){.name = "content", .type = HUB_FIELD_JSON, .fields = t->fields, .field_n = t->field_n};
    return (struct hub_type){.kind = HUB_TYPE_RECORD, .fields = f, .field_n = 2};
}

static struct hub_type payload_type(const struct hub_analysis *a) {
    const struct hub_def_command *c = (const void *)a->script->base;
    return of_fields(a, c, c->fields, c->field_n);
}

static struct hub_type value_type(const struct hub_analysis *a) {
    const struct hub_def_record *r = (const void *)a->script->base;
    if (!r->data_object) return of_fields(a, r, r->fields, r->field_n);
    return hub_is_object_wrong(a->l, r->data_object) ? any : hub_type_of_object(r->data_object);
}

static struct hub_type published_type(const struct hub_analysis *a) {
    const struct hub_def_channel *c = (const void *)a->script->base;
    return of_fields(a, c, c->fields, c->field_n);
}

/* A field for each part in braces; an expression has groups, of which nothing is known. */
static struct hub_type parts_of(const struct hub_analysis *a, const struct hub_def_pattern *p) {
    size_t n = 0, most = p->text ? strlen(p->text) / 2 + 1 : 0;
    struct hub_def_field *f = most ? hub_arena_zalloc(a->l->scratch, most * sizeof *f) : NULL;
    if (!f || p->is_regex || !p->compiled) return any;
    for (const char *at = p->text; (at = strchr(at, '{')); at++) {
        size_t length = strcspn(at + 1, "}");
        f[n++] =
            (struct hub_def_field){.name = hub_arena_dup(a->l->scratch, hub_str(at + 1, length)), .type = HUB_FIELD_ID};
    }
    return (struct hub_type){.kind = HUB_TYPE_RECORD, .fields = f, .field_n = n};
}

static struct hub_type record_parts(const struct hub_analysis *a) {
    return parts_of(a, &((const struct hub_def_record *)(const void *)a->script->base)->pattern);
}
static struct hub_type channel_parts(const struct hub_analysis *a) {
    return parts_of(a, &((const struct hub_def_channel *)(const void *)a->script->base)->pattern);
}
static struct hub_type collection_parts(const struct hub_analysis *a) {
    return parts_of(a, &((const struct hub_def_collection *)(const void *)a->script->base)->pattern);
}

/* One of hubRoles, or that of absoluteRoles. A plugin's script may be in other hubs, too. */
static struct hub_type role_type(const struct hub_analysis *a) {
    const struct hub_def *d = &a->script->hub->def;
    if (hub_analysis_of_plugin(a)) return any;
    struct hub_strs *names = hub_arena_zalloc(a->l->scratch, sizeof *names);
    names->items = hub_arena_zalloc(a->l->scratch, (d->role_n + 1) * sizeof *names->items);
    if (hub_is_place_wrong(a->l, d->file, "hubRoles")) return any;
    for (size_t i = 0; i < d->role_n; i++)
        if (d->roles[i].name) names->items[names->n++] = d->roles[i].name;
    names->items[names->n++] = "system";
    return (struct hub_type){.kind = HUB_TYPE_ENUM, .values = names};
}

/* HOOK: what the path of the script has in it; NULL: wherever there is such a variable. */
static const struct variable_row {
    const char *name, *hook;
    struct hub_type (*make)(const struct hub_analysis *a); /* NULL: TYPE */
    bool of_hub;                                           /* in a namespace there is none */
    struct hub_type type;
} variable_rows[] = {
    {"room", .make = room_type, .of_hub = true},
    {"$room", .make = room_type, .of_hub = true},
    {"record", "condition", .make = source_type, .of_hub = true},
    {"$source", "condition", .make = source_type, .of_hub = true},
    {"message", "messageHandlers.script", .make = message_type, .of_hub = true},
    {"payload", "commands.script", .make = payload_type},
    {"value", "records.canRead", .make = value_type},
    {"value", "records.canWrite", .make = value_type},
    {"value", "records.onChanged", .make = value_type},
    {"was", "records.canWrite", .make = value_type},
    {"was", "records.onChanged", .make = value_type},
    {"data", "channels.canPublish", .make = published_type},
    {"params", "records.canRead", .make = record_parts},
    {"params", "records.canWrite", .make = record_parts},
    {"params", "records.onChanged", .make = record_parts},
    {"params", "channels.canSubscribe", .make = channel_parts},
    {"params", "channels.canPublish", .make = channel_parts},
    {"params", "collections.canRead", .make = collection_parts},
    {"params", "collections.resolver", .make = collection_parts},
    {"hubRole", .make = role_type, .of_hub = true},
    {"connection", .type = RECORD(connection)},
    {"job", .type = RECORD(job)},
    {"node", .type = RECORD(node)},
    {"client", .type = RECORD(client)},
    {"socket", .type = RECORD(socket_)},
    {"namespace", .type = RECORD(namespace_)},
    {"stream", .type = RECORD(stream)},
};

/* "$room" stands for the name that the author gave the room's object. */
static bool is_called(const struct hub_analysis *a, const char *variable, struct hub_str name) {
    if (variable[0] != '$') return hub_str_is(name, variable);
    const struct hub_def_object *o = strcmp(variable, "$room") ? a->source : a->room;
    return o && hub_str_is(name, o->name);
}

static const char *variable_of(const struct hub_analysis *a, struct hub_str name) {
    const char *const *v = a->script && a->script->row->vars ? a->script->row->vars->names : NULL;
    for (; v && *v; v++)
        if (is_called(a, *v, name)) return *v;
    return NULL;
}

bool hub_analysis_has_variable(const struct hub_analysis *a, struct hub_str name) {
    return variable_of(a, name) || (a->src->plugin && hub_str_is(name, "plugin"));
}

struct hub_type hub_analysis_variable(const struct hub_analysis *a, struct hub_str name) {
    const char *variable = a->lib ? NULL : variable_of(a, name); /* of a module, its own locals */
    for (size_t i = 0; variable && i < HUB_NELEM(variable_rows); i++) {
        const struct variable_row *r = &variable_rows[i];
        if (strcmp(r->name, variable) || (r->of_hub && (!a->script->hub || hub_is_template(a->script)))) continue;
        if (r->hook && !hub_hook_ends_in(a->script->script->path, r->hook)) continue;
        return r->make ? r->make(a) : r->type;
    }
    return any;
}
