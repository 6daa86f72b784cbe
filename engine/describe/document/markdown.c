/* What a service has, for people: made of its types and its OpenAPI document. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

/* Into a cell of a table: on one line, with bars that do not end the cell. */
static void add_cell(struct hub_buf *b, struct hub_str text) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|') hub_buf_addc(b, '\\');
        hub_buf_addc(b, text.p[i] == '\n' ? ' ' : text.p[i]);
    }
}

static void add_type_cell(struct hub_buf *b, const json_t *schema) {
    struct hub_buf type = {0};
    hub_describe_ts_type(schema, &type);
    hub_buf_addz(b, "`");
    add_cell(b, hub_buf_str(&type));
    hub_buf_addz(b, "` | ");
    hub_buf_free(&type);
}

/* A table of a type's members; COLUMNS are members of each, apart by blanks, or NULL: the member itself. */
static void add_table(struct hub_buf *b, const struct hub_describing *d, const char *type, const char *heading,
                      const char *head, const char *columns) {
    struct hub_buf full = {0};
    const json_t *def = json_object_get(d->defs, hub_describe_name(d, type, &full));
    const char *name;
    json_t *v;
    hub_buf_free(&full);
    if (!json_object_size(hub_json_get(def, "properties"))) return;
    hub_buf_addf(b, "\n### %s\n\n| Name | %s | |\n| --- | %s | --- |\n", heading, head,
                 strchr(head, '|') ? "--- | ---" : "---");
    json_object_foreach(hub_json_get(def, "properties"), name, v) {
        struct hub_str rest = hub_cstr(columns), column;
        hub_buf_addf(b, "| `%s` | ", name);
        if (!columns) add_type_cell(b, v);
        while (columns && hub_str_split(&rest, ' ', &column)) {
            char *key = hub_str_dup(column);
            add_type_cell(b, hub_json_get(hub_json_get(v, "properties"), key));
            free(key);
        }
        add_cell(b, hub_json_get_str(v, "description"));
        hub_buf_addz(b, " |\n");
    }
}

static void add_roles(struct hub_buf *b, const struct hub_def *def) {
    if (!def->role_n) return;
    hub_buf_addz(b, "\n### Roles\n\n");
    for (size_t i = 0; i < def->role_n; i++) hub_buf_addf(b, "- `%s`\n", def->roles[i].name);
}

static void add_section(struct hub_describing *d, void *arg) {
    struct hub_buf *b = arg;
    hub_buf_addf(b, "\n## %s\n", d->def->name);
    if (d->def->description) hub_buf_addf(b, "\n%s\n", d->def->description);
    if (d->namespace)
        hub_buf_addf(b, "\nSocket.IO namespace `%s`.\n", d->namespace->path);
    else
        hub_buf_addf(b, "\nSocket.IO namespace `/hub/%s`, REST below `/%s`.\n", d->def->name, d->def->name);
    add_roles(b, d->def);
    add_table(b, d, "input", "Messages", "Content as sent", NULL);
    add_table(b, d, "commands", "Commands", "Payload | Result", "payload result");
    add_table(b, d, "channels", "Channels", "Data", "data");
    add_table(b, d, "records", "Records", "Value", "value");
    add_table(b, d, "clientToServer", "What clients may send", "Payload | The answer adds", "payload answer");
    add_table(b, d, "serverToClient", "What clients are told", "Payload", NULL);
}

static void add_paths(struct hub_buf *b, const json_t *document) {
    const char *path, *method;
    json_t *methods, *operation;
    hub_buf_addz(b, "\n## REST\n\n| Method | Path | Does |\n| --- | --- | --- |\n");
    json_object_foreach(hub_json_get(document, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            hub_buf_addz(b, "| ");
            for (const char *p = method; *p; p++) hub_buf_addc(b, (char)(*p & ~0x20));
            hub_buf_addf(b, " | `%s` | ", path);
            add_cell(b, hub_json_get_str(operation, "summary"));
            hub_buf_addz(b, " |\n");
        }
    }
}

static void add_types_list(struct hub_buf *b, const json_t *defs) {
    const char *name;
    json_t *def;
    hub_buf_addz(b, "\n## Types\n\nThat the tables above name.\n\n| Name | Type |\n| --- | --- |\n");
    json_object_foreach((json_t *)(uintptr_t)defs, name, def) {
        if (hub_str_ends(hub_cstr(name), HUB_STR("ServerToClient")) ||
            hub_str_ends(hub_cstr(name), HUB_STR("ClientToServer")))
            continue;
        hub_buf_addf(b, "| `%s` | ", name);
        add_type_cell(b, def);
        hub_buf_addz(b, "\n");
    }
}

void hub_describe_markdown(const struct hub_service *service, struct hub_buf *out) {
    json_t *defs = json_object(), *document = hub_describe_openapi(service);
    hub_buf_addf(out, "# %s\n\nMade by hubctl docs. Types are written as in TypeScript.\n", service->name);
    hub_describe_each(service, defs, add_section, out);
    add_paths(out, document);
    add_types_list(out, defs);
    json_decref(document);
    json_decref(defs);
}
