/* seed.yaml: rows for managed DataObjects, checked against their properties. */
#include "schema/loader.h"

static void unknown_object(struct hub_loader *l, struct hub_node *n) {
    struct hub_nearest near = {.word = n->key};
    for (size_t i = 0; i < l->service->object_n; i++)
        if (l->service->objects[i].name) hub_nearest_try(&near, l->service->objects[i].name);
    hub_complain(l, "S023", n, &n->key_range, near.best, "\"%.*s\" is not a DataObject of service.yaml",
                 HUB_FMT(n->key));
}

static void read_cell(struct hub_loader *l, const struct hub_def_object *o, struct hub_node *cell, json_t *row,
                      const char *code) {
    int i = hub_def_property(o, cell->key);
    if (i < 0) {
        struct hub_nearest near = {.word = cell->key};
        for (size_t k = 0; k < o->property_n; k++)
            if (o->properties[k].name) hub_nearest_try(&near, o->properties[k].name);
        hub_complain(l, code, cell, &cell->key_range, near.best, "\"%.*s\" is not a property of %s", HUB_FMT(cell->key),
                     o->name);
        if (near.best) cell->key = hub_cstr(near.best); /* its own absence is no second mistake */
        return;
    }
    if (hub_node_is_null(cell)) return;
    json_t *v = hub_value_for_field(l, &o->properties[i], cell, code);
    if (v) json_object_set_new(row, o->properties[i].name, v);
}

/* A cell that was refused has been told of already. */
static bool is_missing(struct hub_node *row, const char *name) {
    struct hub_node *cell = hub_node_get(row, hub_cstr(name));
    return !cell || hub_node_is_null(cell);
}

static void complete_row(struct hub_loader *l, const struct hub_def_object *o, struct hub_node *n, json_t *row,
                         const char *code) {
    for (size_t i = 0; i < o->property_n; i++) {
        const struct hub_def_field *f = &o->properties[i];
        if (!f->name || json_object_get(row, f->name)) continue;
        if (f->default_value)
            json_object_set(row, f->name, f->default_value);
        else if ((f->required || strcmp(f->name, o->id_property) == 0) && is_missing(n, f->name))
            hub_complain(l, code, n, NULL, NULL, "this row of %s has no %s", o->name, f->name);
    }
}

/* Where rows go to, and the code of what is wrong with them. */
struct row_list {
    json_t *rows;
    const char *code;
    struct hub_map ids;
};

static void read_row(struct hub_loader *l, const struct hub_def_object *o, struct hub_node *n, struct row_list *to) {
    const char *code = to->code;
    if (n->kind != HUB_NODE_MAP) {
        if (!n->bad) hub_complain(l, code, n, NULL, NULL, "a row must be a mapping, not %s", hub_node_kind_name(n));
        return;
    }
    json_t *row = json_object();
    json_array_append_new(to->rows, row);
    for (struct hub_node *c = n->first; c; c = c->next) read_cell(l, o, c, row, code);
    complete_row(l, o, n, row, code);
    struct hub_node *id = hub_node_get(n, hub_cstr(o->id_property));
    if (id && id->kind == HUB_NODE_SCALAR && !id->bad && id->value.n && hub_map_put(&to->ids, id->value, id))
        hub_complain(l, code, id, NULL, NULL, "two rows of %s have the %s \"%.*s\"", o->name, o->id_property,
                     HUB_FMT(id->value));
}

json_t *hub_read_rows(struct hub_loader *l, const struct hub_def_object *o, struct hub_node *n, const char *code) {
    struct row_list to = {.rows = json_array(), .code = code};
    if (n->kind == HUB_NODE_SEQ)
        for (struct hub_node *row = n->first; row; row = row->next) read_row(l, o, row, &to);
    else if (!n->bad)
        hub_complain(l, code, n, NULL, NULL, "the rows of %s must be a list, not %s", o->name, hub_node_kind_name(n));
    hub_map_clear(&to.ids);
    return to.rows;
}

static void read_object(struct hub_loader *l, struct hub_node *n) {
    struct hub_def_object *o = NULL;
    for (size_t i = 0; i < l->service->object_n && !o; i++)
        if (l->service->objects[i].name && hub_str_is(n->key, l->service->objects[i].name)) o = &l->service->objects[i];
    if (!o) {
        unknown_object(l, n);
    } else if (!o->managed) {
        hub_complain(l, "S023", n, &n->key_range, NULL,
                     "%s is not managed: hubd does not insert rows into existing tables", o->name);
    } else {
        o->seed = hub_arena_json(l->keep, hub_read_rows(l, o, n, "S023"));
    }
}

void hub_load_seed(struct hub_loader *l, struct hub_node *root) {
    if (hub_node_is_null(root)) return;
    if (root->kind != HUB_NODE_MAP) {
        hub_complain(l, "S023", root, NULL, NULL, "seed.yaml must map DataObjects to lists of rows, not be %s",
                     hub_node_kind_name(root));
        return;
    }
    for (struct hub_node *n = root->first; n; n = n->next)
        if (!hub_node_is_null(n)) read_object(l, n);
}
