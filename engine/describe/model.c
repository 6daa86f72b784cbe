/* The types of a service: those that all hubs share, then those of each hub and plain namespace. */
#include <ctype.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

/* ---- shared by all ---- */

static HUB_MUST json_t *error_codes(void) {
    json_t *all = json_array(), *words = json_object();
    for (int code = HUB_OK + 1; code < HUB_CODE_COUNT; code++) {
        const char *name = hub_code_name((enum hub_code)code);
        if (!json_object_get(words, name)) json_array_append_new(all, json_string(name));
        json_object_set_new(words, name, json_true());
    }
    json_decref(words);
    return json_pack("{s:o}", "enum", all);
}

static const struct hub_field error_fields[] = {
    {"code", "code", .help = "For programs. Commands may have codes of their own."},
    {"message", "text", .help = "For people."},
    {"retryAfterMs", "integer", .help = "Milliseconds until a retry may succeed.", .optional = true},
    {"outcome", "`unknown`", .help = "It may have been carried out.", .optional = true},
    {"data", "any", .help = "What there is to say of it.", .optional = true},
    {0},
};

static void add_shared(struct hub_describing *d) {
    json_t *failure = hub_schema_object();
    json_object_set_new(d->defs, "Json", json_pack("{s:s}", "description", "Any JSON."));
    json_object_set_new(d->defs, "ErrorCode", error_codes());
    hub_schema_add(failure, "ok", json_pack("{s:b}", "const", 0), true, NULL);
    hub_schema_add(failure, "error", hub_describe_answer(d, error_fields), true, NULL);
    json_object_set_new(d->defs, "Failure", failure);
}

/* ---- of a hub ---- */

static void add_type(struct hub_describing *d, const char *name, json_t *schema, const char *help) {
    struct hub_buf full = {0};
    if (help && *help && !json_object_get(schema, "description"))
        json_object_set_new(schema, "description", json_string(help));
    json_object_set_new(d->defs, hub_describe_name(d, name, &full), schema);
    hub_buf_free(&full);
}

static HUB_MUST json_t *roles_schema(const struct hub_def *def) {
    json_t *all = json_array();
    for (size_t i = 0; i < def->role_n; i++) json_array_append_new(all, json_string(def->roles[i].name));
    if (def->role_n) return json_pack("{s:o}", "enum", all);
    json_decref(all);
    return hub_schema_never();
}

static HUB_MUST json_t *contents_schema(const struct hub_def *def, bool sent) {
    json_t *object = hub_schema_object();
    for (size_t i = 0; i < def->message_type_n; i++) {
        const struct hub_def_message_type *t = &def->message_types[i];
        hub_schema_add(object, t->name,
                       t->field_n ? hub_describe_fields(t->fields, t->field_n, sent) : hub_schema_type("object"), true,
                       t->description);
    }
    return object;
}

static HUB_MUST json_t *messages_schema(struct hub_describing *d) {
    json_t *all = json_array();
    for (size_t i = 0; i < d->def->message_type_n; i++) {
        json_t *own = hub_schema_object();
        hub_schema_add(own, "messageType", hub_schema_const(d->def->message_types[i].name), true, NULL);
        hub_schema_add(own, "content", hub_describe_ref(d, "content", d->def->message_types[i].name), true, NULL);
        json_array_append_new(all, json_pack("{s:[o, o]}", "allOf", hub_describe_shape(d, "common"), own));
    }
    return hub_schema_any_of(all);
}

static HUB_MUST json_t *commands_schema(const struct hub_def_parts *p) {
    json_t *object = hub_schema_object();
    for (size_t i = 0; i < p->command_n; i++) {
        const struct hub_def_command *c = &p->commands[i];
        json_t *one = hub_schema_object();
        hub_schema_add(one, "payload", c->field_n ? hub_describe_fields(c->fields, c->field_n, true) : json_object(),
                       true, NULL);
        hub_schema_add(one, "result", c->result_n ? hub_describe_fields(c->result, c->result_n, false) : json_object(),
                       true, NULL);
        hub_schema_add(object, c->name, one, true, c->description);
    }
    return object;
}

static void add_window(json_t *object, const char *pattern, const char *member, json_t *schema) {
    json_t *one = hub_schema_object();
    hub_schema_add(one, member, schema, true, NULL);
    hub_schema_add(object, pattern, one, true, NULL);
}

static HUB_MUST json_t *channels_schema(const struct hub_def_parts *p) {
    json_t *object = hub_schema_object();
    for (size_t i = 0; i < p->channel_n; i++) {
        const struct hub_def_channel *c = &p->channels[i];
        add_window(object, c->pattern.text, "data",
                   c->field_n ? hub_describe_fields(c->fields, c->field_n, true) : json_object());
    }
    return object;
}

static HUB_MUST json_t *records_schema(const struct hub_def_parts *p) {
    json_t *object = hub_schema_object();
    for (size_t i = 0; i < p->record_n; i++) {
        const struct hub_def_record *r = &p->records[i];
        json_t *value = r->data_object ? hub_describe_record(r->data_object)
                        : r->field_n   ? hub_describe_fields(r->fields, r->field_n, true)
                                       : json_object();
        add_window(object, r->pattern.text, "value", value);
    }
    return object;
}

/* What @hubd/client takes: where everything stands. */
static HUB_MUST json_t *whole_schema(const struct hub_describing *d) {
    static const char *const members[] = {"serverToClient", "clientToServer", "content",  "input",  "message",
                                          "role",           "commands",       "channels", "records"};
    json_t *object = hub_schema_object();
    for (size_t i = 0; i < HUB_NELEM(members); i++)
        hub_schema_add(object, members[i], hub_describe_ref(d, members[i], NULL), true, NULL);
    return object;
}

static void add_types(struct hub_describing *d) {
    add_type(d, "role", roles_schema(d->def), "Roles that the hub gives.");
    add_type(d, "content", contents_schema(d->def, false), "Contents as received, by the type of the message.");
    add_type(d, "input", contents_schema(d->def, true), "Contents as sent: what has a default may be left out.");
    add_type(d, "message", messages_schema(d), "A message.");
    add_type(d, "commands", commands_schema(&d->def->parts), "Commands: what they are called with, and answer.");
    add_type(d, "channels", channels_schema(&d->def->parts), "What is published, by the pattern of the channel.");
    add_type(d, "records", records_schema(&d->def->parts), "Values, by the pattern of the record.");
    json_t *requests = hub_describe_requests(d), *told = hub_describe_told(d);
    add_type(d, "clientToServer", requests, "What clients may send, and what an answer adds to `ok: true`.");
    add_type(d, "serverToClient", told, "What clients are told.");
    json_object_set_new(d->defs, d->prefix, whole_schema(d));
}

/* "/notify" is "Notify"; what no name has in it parts words. A name that is taken gets "Hub" behind it. */
static const char *prefix_of(const char *name, const json_t *defs, struct hub_buf *buf) {
    bool start = true;
    hub_buf_clear(buf);
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c)) hub_buf_addc(buf, start ? (char)toupper(c) : *p);
        start = !isalnum(c);
    }
    if (!buf->n || isdigit((unsigned char)buf->p[0])) {
        struct hub_buf with = {0};
        hub_buf_addf(&with, "Namespace%.*s", HUB_FMT(hub_buf_str(buf)));
        hub_buf_free(buf);
        *buf = with;
    }
    while (json_object_get(defs, hub_buf_cstr(buf)) || hub_str_is(hub_buf_str(buf), "Ack")) hub_buf_addz(buf, "Hub");
    return hub_buf_cstr(buf);
}

void hub_describe_each(const struct hub_service *service, json_t *defs,
                       void (*see)(struct hub_describing *d, void *arg), void *arg) {
    struct hub_buf prefix = {0};
    struct hub_describing d = {.service = service, .defs = defs};
    add_shared(&d);
    for (size_t i = 0; i < service->hub_n + service->namespace_n; i++) {
        d.namespace = i < service->hub_n ? NULL : &service->namespaces[i - service->hub_n];
        d.def = d.namespace ? &d.namespace->def : &service->hubs[i];
        d.prefix = prefix_of(d.namespace ? d.namespace->path : d.def->name, d.defs, &prefix);
        add_types(&d);
        if (see) see(&d, arg);
    }
    hub_buf_free(&prefix);
}

json_t *hub_describe_types(const struct hub_service *service) {
    json_t *defs = json_object();
    hub_describe_each(service, defs, NULL, NULL);
    return json_pack("{s:s, s:s, s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                     service->name, "$defs", defs);
}
