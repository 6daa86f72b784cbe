/* What follows from several fields together: computed defaults, implied properties, the list of all
 * message types. */
#include "base/memory/mem.h"
#include "schema/kw_parts.h"
#include "schema/loader.h"

/* ---- fields and properties ---- */

/* "" is a value of a text, and no default of anything else: exported definitions write it for none. A
 * field of a message that must be there has no use for it either. */
static bool is_empty_text(const struct hub_def_field *f, const struct hub_node *value, bool is_property) {
    if (hub_node_is_null(value) || value->kind != HUB_NODE_SCALAR || value->bad || value->text.n) return false;
    if (f->list || (f->required && !is_property)) return false;
    return f->type == HUB_FIELD_STRING || f->type == HUB_FIELD_TEXT;
}

static void read_default(struct hub_loader *l, struct hub_def_field *f, bool is_property) {
    const struct hub_row row = {.kind = HUB_KIND_VALUE};
    struct hub_node *value = hub_node_get(hub_place(l, f, ""), HUB_STR("defaultValue"));
    if (hub_is_absent(&row, value) && !is_empty_text(f, value, is_property)) return;
    f->default_value =
        hub_arena_json(l->keep, hub_value_for_field(l, f, value, hub_common_code(value, HUB_COMMON_DEFAULT)));
}

static void warn_unused(struct hub_loader *l, const struct hub_def_field *f, const struct hub_node *node) {
    const struct hub_node *values = hub_node_get(node, HUB_STR("enumValues")),
                          *format = hub_node_get(node, HUB_STR("format"));
    if (f->type != HUB_FIELD_ENUM && f->enum_values.n)
        hub_complain(l, hub_common_code(node, HUB_COMMON_ENUM_UNUSED), values, &values->key_range, NULL,
                     "enumValues of \"%s\" has no effect: its type is %s", f->name, hub_words_field_type[f->type].word);
    bool given = format && !format->bad && f->id_format != HUB_ID_REFERENCE; /* a dump has the default, too */
    if (f->type != HUB_FIELD_ID && given)
        hub_complain(l, hub_common_code(node, HUB_COMMON_ENUM_UNUSED), format, &format->key_range, NULL,
                     "format of \"%s\" has no effect: its type is %s", f->name, hub_words_field_type[f->type].word);
}

/* Whether F can be used, so that a value can be compared with it; TYPE is where its type is written. */
static bool check_type(struct hub_loader *l, const struct hub_def_field *f, const struct hub_node *type) {
    const struct hub_node *node = hub_place(l, f, ""), *values = hub_node_get(node, HUB_STR("enumValues"));
    if (!f->name || !type || hub_words_index(hub_words_field_type, type->value) < 0) return false;
    if (f->type == HUB_FIELD_ENUM && !f->enum_values.n) {
        if (!values || !values->bad)
            hub_complain(l, hub_common_code(node, HUB_COMMON_ENUM_EMPTY), values ? values : type, NULL, NULL,
                         "\"%s\" is an Enum without values; list them in enumValues", f->name);
        return false;
    }
    warn_unused(l, f, node);
    if (f->type == HUB_FIELD_JSON || !f->field_n) return true;
    hub_complain(l, hub_common_code(node, HUB_COMMON_WORD), type, NULL, "JSON",
                 "\"%s\" has fields of its own, which only the type JSON can have, not %s", f->name,
                 hub_words_field_type[f->type].word);
    return false;
}

static bool check_level(struct hub_loader *l, struct hub_def_field *fields, size_t n, int level);

static bool check_own_fields(struct hub_loader *l, struct hub_def_field *f, int level) {
    if (!f->field_n) return true;
    if (level <= HUB_FIELD_DEPTH) return check_level(l, f->fields, f->field_n, level);
    const struct hub_node *n = hub_place(l, f, "fields");
    hub_complain(l, hub_common_code(n, HUB_COMMON_RANGE), n, &n->key_range, NULL,
                 "fields within fields may be %d levels deep, and these are the next", HUB_FIELD_DEPTH);
    return false;
}

/* Inner ones first: a default is compared with them, and completed from theirs. */
static bool check_level(struct hub_loader *l, struct hub_def_field *fields, size_t n, int level) {
    const struct hub_row *type = hub_fields_row(&hub_fields_field, HUB_STR("fieldType"));
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        bool inner = check_own_fields(l, &fields[i], level + 1);
        bool usable = check_type(l, &fields[i], hub_row_node(type, hub_place(l, &fields[i], ""))) && inner;
        if (usable) read_default(l, &fields[i], false);
        good = good && usable;
    }
    return good;
}

void hub_finish_fields(struct hub_loader *l, struct hub_def_field *fields, size_t n) { check_level(l, fields, n, 1); }

/* ---- DataObjects ---- */

static void read_column(struct hub_loader *l, struct hub_def_field *f, struct hub_node *n) {
    struct hub_str name = hub_node_value(l->scratch, n, l->diags);
    if (n->bad) return;
    if (!hub_name_obeys(name, HUB_NAME_IDENTIFIER) || name.n > HUB_SQL_NAME_MAX)
        hub_complain(l, "S004", n, NULL, NULL, "\"%.*s\" is not a valid column: expected %s, at most %d characters",
                     (int)(name.n > 100 ? 100 : name.n), name.p, hub_name_rule_text(HUB_NAME_IDENTIFIER),
                     HUB_SQL_NAME_MAX);
    else
        f->column = hub_arena_dup(l->keep, name);
}

static void read_columns(struct hub_loader *l, struct hub_def_object *o) {
    struct hub_node *columns = hub_node_get(hub_place(l, o, ""), HUB_STR("columns"));
    for (size_t i = 0; i < o->property_n; i++) o->properties[i].column = o->properties[i].name;
    if (hub_node_is_null(columns) || columns->bad) return;
    if (columns->kind != HUB_NODE_MAP) {
        hub_complain(l, "S002", columns, NULL, NULL, "columns must be a mapping of properties to columns, not %s",
                     hub_node_kind_name(columns));
        return;
    }
    for (struct hub_node *c = columns->first; c; c = c->next) {
        int i = hub_def_property(o, c->key);
        struct hub_nearest near = {.word = c->key};
        for (size_t k = 0; i < 0 && k < o->property_n; k++)
            hub_nearest_try(&near, o->properties[k].name ? o->properties[k].name : "");
        if (i < 0)
            hub_complain(l, "S020", c, &c->key_range, near.best,
                         "columns names \"%.*s\", which is not a property of %s", HUB_FMT(c->key), o->name);
        else if (!hub_node_is_text(c))
            hub_complain(l, "S002", c, NULL, NULL, "the column of \"%.*s\" must be a string (in quotes), not %s",
                         HUB_FMT(c->key), hub_node_kind_name(c));
        else
            read_column(l, &o->properties[i], c);
    }
}

static void imply_property(struct hub_loader *l, struct hub_def_object *o, const char *name, enum hub_field_type type) {
    int i = hub_def_property(o, hub_cstr(name));
    if (i < 0) {
        o->properties[o->property_n++] = (struct hub_def_field){.name = name, .type = type};
        return;
    }
    if (o->properties[i].type == type) return;
    struct hub_node *list = hub_node_get(hub_place(l, o, ""), HUB_STR("properties"));
    for (struct hub_node *c = list->first; c; c = c->next)
        if (hub_node_get(c, HUB_STR("name")) && hub_str_is(hub_node_get(c, HUB_STR("name"))->value, name))
            hub_complain(l, "S019", c, NULL, NULL, "\"%s\" of a managed object is kept by hubd and has type %s", name,
                         hub_words_field_type[type].word);
}

/* hubd sets it in every new row. */
static void check_kept_default(struct hub_loader *l, const struct hub_def_object *o, const char *name) {
    int i = hub_def_property(o, hub_cstr(name));
    struct hub_node *n = i < 0 ? NULL : hub_node_get(hub_place(l, &o->properties[i], ""), HUB_STR("defaultValue"));
    if (n && !hub_node_is_null(n))
        hub_complain(l, "S045", n, &n->key_range, NULL, "\"defaultValue\" has no effect: hubd sets %s itself", name);
}

static void finish_object(struct hub_loader *l, struct hub_def_object *o) {
    for (size_t i = 0; i < o->property_n; i++)
        if (check_type(l, &o->properties[i], hub_node_get(hub_place(l, &o->properties[i], ""), HUB_STR("type"))))
            read_default(l, &o->properties[i], true);
    if (o->managed) {
        check_kept_default(l, o, "createdAt");
        check_kept_default(l, o, "updatedAt");
    }
    if (!o->table) o->table = o->name;
    struct hub_def_field *all = hub_arena_zalloc(l->keep, (o->property_n + 4) * sizeof *all);
    bool lists_id = hub_def_property(o, hub_cstr(o->id_property)) >= 0;
    if (!lists_id) all[0] = (struct hub_def_field){.name = o->id_property, .type = HUB_FIELD_ID};
    if (o->property_n) memcpy(all + !lists_id, o->properties, o->property_n * sizeof *all);
    o->properties = all;
    o->property_n += !lists_id;
    if (o->managed) {
        imply_property(l, o, "createdAt", HUB_FIELD_DATETIME);
        imply_property(l, o, "updatedAt", HUB_FIELD_DATETIME);
        imply_property(l, o, "isActive", HUB_FIELD_BOOLEAN);
    }
    read_columns(l, o);
    int id = hub_def_property(o, hub_cstr(o->id_property));
    o->id_column = id < 0 ? o->id_property : o->properties[id].column;
}

static void finish_base_path(struct hub_loader *l) {
    struct hub_service *s = l->service;
    size_t n = strlen(s->base_path);
    if (n && s->base_path[0] != '/') {
        hub_complain(l, "S025", hub_place(l, s, "service.basePath"), NULL,
                     hub_arena_fmt(l->scratch, "/%s", s->base_path), "basePath must start with \"/\"");
        return;
    }
    while (n && s->base_path[n - 1] == '/') n--;
    if (strpbrk(s->base_path, " ?#\"\\") || strstr(s->base_path, "//"))
        hub_complain(l, "S025", hub_place(l, s, "service.basePath"), NULL, NULL,
                     "no path begins with \"%s\": basePath has no space, quote, ?, # or doubled slash", s->base_path);
    s->base_path = hub_arena_dup(l->keep, hub_str(s->base_path, n));
}

static void finish_listen_path(struct hub_loader *l) {
    struct hub_service *s = l->service;
    size_t n = strlen(s->listen_path);
    while (n > 1 && s->listen_path[n - 1] == '/') n--;
    s->listen_path = hub_arena_dup(l->keep, hub_str(s->listen_path, n));
}

/* ---- middleware ---- */

void hub_finish_parts(struct hub_def_parts *p) {
    for (size_t i = 0; i < p->middleware_n; i++) {
        struct hub_def_middleware *m = &p->middleware[i];
        for (size_t k = 0; k < m->on.n; k++) {
            int around = hub_words_index(hub_words_around, hub_cstr(m->on.items[k]));
            if (around >= 0) m->kinds |= 1u << around;
        }
        if (!m->on.n) m->kinds = 1u << HUB_AROUND_COMMANDS;
        p->around |= m->kinds;
    }
}

/* ---- plain namespaces ---- */

/* What is not written of it is as in a hub where nothing is written. */
static void finish_namespace(struct hub_loader *l, struct hub_def_namespace *n) {
    struct hub_raw raw = {0};
    n->path = n->pattern.text;
    hub_walk(l, &hub_fields_hub, NULL, &raw);
    hub_finish_uses(l, &n->def.parts);
    raw.def.parts = n->def.parts;
    hub_finish_parts(&raw.def.parts);
    n->def = raw.def;
    n->def.name = n->path ? n->path : "";
    n->def.file = "service.yaml";
}

void hub_finish_service(struct hub_loader *l) {
    struct hub_service *s = l->service;
    if (!s->store_url) s->store_url = hub_arena_fmt(l->keep, "sqlite:data/%s.db", s->name ? s->name : "hubd");
    if (!s->project) s->project = "hubd";
    finish_base_path(l);
    finish_listen_path(l);
    for (size_t i = 0; i < s->object_n; i++) finish_object(l, &s->objects[i]);
    for (size_t i = 0; i < s->namespace_n; i++) finish_namespace(l, &s->namespaces[i]);
}

/* ---- hubs ---- */

static void add_builtin_types(struct hub_loader *l, struct hub_raw *h, struct hub_def_message_type *out) {
    for (size_t i = 0; i < h->builtin_types.n; i++) {
        int word = hub_words_index(hub_words_message_type, hub_cstr(h->builtin_types.items[i]));
        const struct hub_content *content = &hub_contents[word];
        out[i] = (struct hub_def_message_type){.name = h->builtin_types.items[i],
                                               .description = hub_words_message_type[word].help,
                                               .builtin = true,
                                               .compress = true};
        out[i].fields = hub_arena_zalloc(l->keep, content->n * sizeof *content->fields);
        memcpy(out[i].fields, content->fields, content->n * sizeof *content->fields);
        out[i].field_n = content->n;
    }
}

void hub_finish_hub(struct hub_loader *l, struct hub_raw *h) {
    struct hub_def *d = &h->def;
    hub_finish_parts(&d->parts);
    hub_finish_uses(l, &d->parts);
    for (size_t i = 0; i < h->custom_type_n; i++)
        hub_finish_fields(l, h->custom_types[i].fields, h->custom_types[i].field_n);
    if (!d->data_object_name) d->data_object_name = hub_arena_fmt(l->keep, "%sMessage", d->name ? d->name : "");
    d->message_type_n = h->builtin_types.n + h->custom_type_n;
    d->message_types = hub_arena_zalloc(l->keep, (d->message_type_n + 1) * sizeof *d->message_types);
    add_builtin_types(l, h, d->message_types);
    if (h->custom_type_n)
        memcpy(d->message_types + h->builtin_types.n, h->custom_types, h->custom_type_n * sizeof *h->custom_types);
    for (size_t i = 0; i < d->message_handler_n; i++)
        for (size_t k = 0; k < d->message_type_n; k++)
            if (d->message_handlers[i].message_type &&
                hub_str_is(hub_cstr(d->message_types[k].name), d->message_handlers[i].message_type))
                d->message_types[k].handler = &d->message_handlers[i].script;
}
