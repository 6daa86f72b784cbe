/* OpenAPI 3.1: the paths of the commands' rows, of channels, records and DataObjects. */
#include <stdio.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"
#include "hub/call/args.h"

/* ---- parts of an operation ---- */

static HUB_MUST json_t *make_parameter(const char *name, const char *in, json_t *schema, bool required,
                                       const char *help) {
    json_t *p = json_pack("{s:s, s:s, s:b, s:o}", "name", name, "in", in, "required", required, "schema", schema);
    if (help) json_object_set_new(p, "description", json_string(help));
    return p;
}

static HUB_MUST json_t *json_content(json_t *schema) {
    return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static HUB_MUST json_t *request_body(json_t *schema, bool required) {
    return json_pack("{s:b, s:o}", "required", required, "content", json_content(schema));
}

/* The success form around FIELDS, an object or a reference to one. Takes FIELDS over. */
static HUB_MUST json_t *envelope_schema(json_t *fields, bool paged) {
    json_t *e = hub_schema_object();
    hub_schema_add(e, "status", hub_schema_const("OK"), true, NULL);
    hub_schema_add(e, "statusCode", hub_schema_type("integer"), true, NULL);
    hub_schema_add(e, "dataName", hub_schema_type("string"), false, "The member that has the data.");
    hub_schema_add(e, "rowCount", hub_schema_type("integer"), true, NULL);
    if (paged) hub_schema_add(e, "paging", hub_schema_type("object"), true, NULL);
    return json_pack("{s:[o, o]}", "allOf", e, fields);
}

static HUB_MUST json_t *make_responses(int status, json_t *fields, bool paged) {
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    return json_pack("{s:{s:s, s:o}, s:{s:s}}", text, "description", "Done.", "content",
                     json_content(envelope_schema(fields, paged)), "default", "$ref", "#/components/responses/Failure");
}

static HUB_MUST json_t *make_operation(const char *id, const char *tag, const char *help, json_t *answers) {
    return json_pack("{s:s, s:[s], s:s, s:o}", "operationId", id, "tags", tag, "summary", help, "responses", answers);
}

static void add_parameter(json_t *op, json_t *made) {
    if (!json_object_get(op, "parameters")) json_object_set_new(op, "parameters", json_array());
    json_array_append_new(json_object_get(op, "parameters"), made);
}

static void add_path(json_t *paths, const char *path, const char *method, json_t *op) {
    char lower[8] = "";
    for (size_t i = 0; method[i] && i + 1 < sizeof lower; i++) lower[i] = (char)(method[i] | 0x20);
    if (!json_object_get(paths, path)) json_object_set_new(paths, path, json_object());
    json_object_set_new(json_object_get(paths, path), lower, op);
}

/* ---- commands ---- */

static bool is_in_path(const char *path, const char *name) {
    struct hub_str rest = hub_cstr(path), piece;
    while (hub_str_split(&rest, '/', &piece))
        if (piece.n && piece.p[0] == ':' && hub_str_is(hub_str(piece.p + 1, piece.n - 1), name)) return true;
    return false;
}

/* "rooms/:roomId" is "/chat/rooms/{roomId}". */
static void add_template(struct hub_buf *b, const char *hub, const char *path) {
    struct hub_str rest = hub_cstr(path), piece;
    hub_buf_addf(b, "/%s", hub);
    while (hub_str_split(&rest, '/', &piece)) {
        bool variable = piece.n && piece.p[0] == ':';
        hub_buf_addf(b, variable ? "/{%.*s}" : "/%.*s", HUB_FMT(hub_str(piece.p + variable, piece.n - variable)));
    }
}

/* What its path does not say comes with the query of a GET, else in the body. */
static void add_arguments(struct hub_describing *d, const struct hub_command *c, json_t *op) {
    bool is_get = !strcmp(c->rest.method, "GET"), required = false;
    json_t *body = hub_schema_object();
    HUB_EACH_ROW(hub_arg, a, c->args) {
        bool must = (a->flags & HUB_ARG_REQUIRED) != 0;
        if (a->flags & HUB_ARG_HIDDEN || (a->on && !a->on(d->def))) continue;
        if (is_in_path(c->rest.path, a->name)) {
            add_parameter(op, make_parameter(a->name, "path", hub_describe_argument(d, a), true, a->help));
        } else if (is_get) {
            add_parameter(op, make_parameter(a->name, "query", hub_describe_argument(d, a), must, a->help));
        } else if (!(a->flags & (HUB_ARG_SOCKET | HUB_ARG_PAGE))) {
            hub_schema_add(body, a->name, hub_describe_argument(d, a), must, a->help);
            required |= must;
        }
    }
    if (json_object_size(json_object_get(body, "properties")))
        json_object_set_new(op, "requestBody", request_body(body, required));
    else
        json_decref(body);
}

static void add_command(struct hub_describing *d, const struct hub_command *c, json_t *paths) {
    struct hub_buf path = {0}, id = {0};
    bool paged = hub_arg_named(c->args, HUB_STR("pageNumber")) != NULL;
    add_template(&path, d->def->name, c->rest.path);
    hub_buf_addf(&id, "%s.%s", d->def->name, c->name + strlen("hub:"));
    json_t *op = make_operation(hub_buf_cstr(&id), d->def->name, c->help,
                                make_responses(c->rest.status, hub_describe_answer(d, c->answer), paged));
    add_arguments(d, c, op);
    add_path(paths, hub_buf_cstr(&path), c->rest.method, op);
    hub_buf_free(&path);
    hub_buf_free(&id);
}

static HUB_MUST json_t *description_schema(void) {
    json_t *o = hub_schema_object();
    hub_schema_add(o, "hub", hub_schema_type("object"), true, "Message types with fields, events, roles, guardrails.");
    return o;
}

static void add_hub(struct hub_describing *d, void *arg) {
    struct hub_buf path = {0}, id = {0};
    if (d->namespace) return;
    hub_buf_addf(&path, "/%s", d->def->name);
    hub_buf_addf(&id, "%s.describe", d->def->name);
    add_path(arg, hub_buf_cstr(&path), "GET",
             make_operation(hub_buf_cstr(&id), d->def->name, "The hub's public description.",
                            make_responses(200, description_schema(), false)));
    HUB_EACH_PART(part) HUB_EACH_ROW(hub_command, c, (*part)->commands) {
        if (c->rest.path && hub_describe_has(d, *part) && (!c->on || c->on(d->def))) add_command(d, c, arg);
    }
    hub_buf_free(&path);
    hub_buf_free(&id);
}

/* ---- channels and records: paths of the service ---- */

/* Which command each is, as engine/rest/channels.c and records.c run them. BODY: the argument that comes in
 * the body; WHOLE: it is the body itself, not a member. */
static const struct service_path {
    const char *method, *path, *key, *command, *body;
    int status;
    bool whole;
} service_paths[] = {
    {"POST", "/channels/{channel}", "channel", "hub:publish", "data", 201, false},
    {"GET", "/channels/{channel}/messages", "channel", "hub:channelHistory", NULL, 200, false},
    {"GET", "/records/{recordId}", "recordId", "hub:readRecord", NULL, 200, false},
    {"PUT", "/records/{recordId}", "recordId", "hub:writeRecord", "value", 200, true},
    {"PATCH", "/records/{recordId}", "recordId", "hub:patchRecord", "patch", 200, true},
    {"DELETE", "/records/{recordId}", "recordId", "hub:deleteRecord", NULL, 200, false},
};

static void add_service_argument(struct hub_describing *d, const struct service_path *s, const struct hub_arg *a,
                                 json_t *op) {
    json_t *schema = hub_describe_argument(d, a), *body = s->whole ? NULL : hub_schema_object();
    if (!strcmp(a->name, s->key)) {
        add_parameter(op, make_parameter(a->name, "path", schema, true, a->help));
    } else if (!strcmp(a->name, "ifVersion")) {
        json_decref(schema);
        add_parameter(op, make_parameter("If-Match", "header", hub_schema_type("string"), false,
                                         "A version in quotes, as ETag gives it: another one is 409."));
    } else if (s->body && !strcmp(a->name, s->body)) {
        if (body) hub_schema_add(body, a->name, schema, true, a->help);
        json_object_set_new(op, "requestBody", request_body(body ? json_incref(body) : schema, true));
    } else if (!strcmp(s->method, "GET")) {
        add_parameter(op, make_parameter(a->name, "query", schema, false, a->help));
    } else {
        json_decref(schema);
    }
    json_decref(body);
}

static void add_service_path(struct hub_describing *d, const struct service_path *s, const struct hub_command *c,
                             json_t *paths) {
    struct hub_buf tag = {0};
    hub_buf_addf(&tag, "%.*s", (int)strcspn(s->path + 1, "/"), s->path + 1);
    json_t *op = make_operation(c->name + strlen("hub:"), hub_buf_cstr(&tag), c->help,
                                make_responses(s->status, hub_describe_answer(d, c->answer), false));
    HUB_EACH_ROW(hub_arg, a, c->args) add_service_argument(d, s, a, op);
    add_path(paths, s->path, s->method, op);
    hub_buf_free(&tag);
}

/* Those of the parts that any hub or namespace has. */
static void add_windows(struct hub_describing *d, void *arg) {
    HUB_EACH_PART(part) HUB_EACH_ROW(hub_command, c, (*part)->commands) {
        for (size_t i = 0; hub_describe_has(d, *part) && i < HUB_NELEM(service_paths); i++)
            if (!strcmp(c->name, service_paths[i].command)) add_service_path(d, &service_paths[i], c, arg);
    }
}

static void add_hub_and_windows(struct hub_describing *d, void *arg) {
    add_hub(d, arg);
    add_windows(d, arg);
}

/* ---- DataObjects ---- */

static HUB_MUST json_t *row_answer(const char *name, json_t *schema) {
    json_t *o = hub_schema_object();
    hub_schema_add(o, name, schema, true, NULL);
    return o;
}

static void add_list_parameters(const struct hub_def_object *o, json_t *op) {
    static const char *const numbers[] = {"limit", "offset", "pageNumber", "pageRowCount"};
    for (size_t i = 0; i < HUB_NELEM(numbers); i++)
        add_parameter(op, make_parameter(numbers[i], "query", hub_schema_type("integer"), false, NULL));
    add_parameter(op, make_parameter("orderBy", "query", hub_schema_type("string"), false,
                                     "A property; - in front: descending."));
    for (size_t i = 0; i < o->property_n; i++)
        add_parameter(op, make_parameter(o->properties[i].name, "query", hub_schema_type("string"), false,
                                         "Rows with that value."));
}

/* What a method does with rows; those with ID have the row's id in their path. */
static const struct row_action {
    const char *method, *verb, *help;
    int status;
    bool id, body, list;
    size_t roles; /* offset of those who may */
} row_actions[] = {
    {"GET", "list", "Rows, by conditions.", 200, false, false, true, offsetof(struct hub_def_object, api_read)},
    {"POST", "create", "A new row.", 201, false, true, false, offsetof(struct hub_def_object, api_create)},
    {"GET", "find", "One row.", 200, true, false, false, offsetof(struct hub_def_object, api_read)},
    {"PATCH", "update", "Changes a row.", 200, true, true, false, offsetof(struct hub_def_object, api_update)},
    {"DELETE", "delete", "Deletes a row.", 200, true, false, false, offsetof(struct hub_def_object, api_delete)},
};

static void add_row_action(const struct hub_def_object *o, const struct row_action *a, json_t *paths) {
    struct hub_buf path = {0}, id = {0};
    hub_buf_addf(&path, a->id ? "/objects/%s/{id}" : "/objects/%s", o->name);
    hub_buf_addf(&id, "objects.%s.%s", o->name, a->verb);
    json_t *schema = a->list ? hub_schema_list(hub_describe_record(o)) : hub_describe_record(o);
    json_t *op = make_operation(hub_buf_cstr(&id), "objects", a->help,
                                make_responses(a->status, row_answer(a->list ? "rows" : "row", schema), a->list));
    if (a->id) add_parameter(op, make_parameter("id", "path", hub_schema_type("string"), true, "The row's id."));
    if (a->list) add_list_parameters(o, op);
    if (a->body) json_object_set_new(op, "requestBody", request_body(hub_schema_type("object"), true));
    add_path(paths, hub_buf_cstr(&path), a->method, op);
    hub_buf_free(&path);
    hub_buf_free(&id);
}

static void add_objects(const struct hub_service *s, json_t *paths) {
    for (size_t i = 0; i < s->object_n; i++) {
        for (size_t k = 0; k < HUB_NELEM(row_actions); k++) {
            const struct hub_strs *roles = (const void *)((const char *)&s->objects[i] + row_actions[k].roles);
            if (roles->n) add_row_action(&s->objects[i], &row_actions[k], paths);
        }
    }
}

/* ---- the document ---- */

static HUB_MUST json_t *failure_response(void) {
    json_t *f = hub_schema_object();
    hub_schema_add(f, "result", hub_schema_const("ERR"), true, NULL);
    hub_schema_add(f, "status", hub_schema_type("integer"), true, NULL);
    hub_schema_add(f, "message", hub_schema_type("string"), true, "For people.");
    hub_schema_add(f, "errCode", hub_schema_type("string"), true, "For programs: an ErrorCode, or a script's own.");
    hub_schema_add(f, "date", hub_schema_type("string"), true, NULL);
    hub_schema_add(f, "detail", hub_schema_type("object"), true, NULL);
    return json_pack("{s:s, s:o}", "description", "Refused.", "content", json_content(f));
}

json_t *hub_describe_openapi(const struct hub_service *service) {
    json_t *defs = json_object(), *paths = json_object();
    hub_describe_each(service, defs, add_hub_and_windows, paths);
    add_objects(service, paths);
    json_t *components = json_pack("{s:{s:{s:s, s:s}}, s:{s:o}}", "securitySchemes", "token", "type", "http", "scheme",
                                   "bearer", "responses", "Failure", failure_response());
    json_t *document =
        json_pack("{s:s, s:o, s:[{s:s}], s:[{s:[]}], s:o, s:o}", "openapi", "3.1.0", "info", hub_describe_info(service),
                  "servers", "url", service->base_path[0] ? service->base_path : "/", "security", "token", "paths",
                  paths, "components", components);
    return hub_describe_with_types(document, defs);
}
