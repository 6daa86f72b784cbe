/* References by name, once everything has been read: roles, DataObjects, properties. */
#include "schema/loader.h"

enum { LISTED_MAX = 16 }; /* names that are told where none is near; more of them would be no help */

static void undefined_object(struct hub_loader *l, const struct hub_ref *r, struct hub_str name) {
    struct hub_nearest near = {.word = name};
    const char *all[LISTED_MAX];
    size_t n = 0;
    for (size_t i = 0; i < l->service->object_n; i++, n++) {
        if (l->service->objects[i].name) hub_nearest_try(&near, l->service->objects[i].name);
        if (n < LISTED_MAX) all[n] = l->service->objects[i].name;
    }
    hub_complain(l, "H010", r->node, NULL, near.best, "%s \"%.*s\" is not a DataObject of service.yaml%s", r->row->key,
                 HUB_FMT(name), near.best ? "" : hub_list_names(l, all, n));
}

static void resolve_object(struct hub_loader *l, const struct hub_ref *r, struct hub_str name) {
    if (l->alone) return;
    const struct hub_def_object *o = NULL;
    for (size_t i = 0; i < l->service->object_n && !o; i++)
        if (l->service->objects[i].name && hub_str_is(name, l->service->objects[i].name)) o = &l->service->objects[i];
    if (!o) undefined_object(l, r, name);
    memcpy(r->base + r->row->offset, &o, sizeof o);
}

static const struct hub_fields *table_with(const struct hub_fields *t, const struct hub_row *row) {
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        if (r == row) return t;
        const struct hub_fields *below = hub_row_below(t, r), *found = below ? table_with(below, row) : NULL;
        if (found) return found;
    }
    return NULL;
}

static void resolve_property(struct hub_loader *l, const struct hub_ref *r, struct hub_str name) {
    const struct hub_row *beside = hub_fields_row(table_with(&hub_fields_hub, r->row), hub_cstr(r->row->of));
    const struct hub_def_object *o;
    memcpy(&o, r->base + beside->offset, sizeof o);
    if (!o) return; /* reported there, or nothing to compare with */
    int index = hub_def_property(o, name);
    memcpy(r->base + r->row->offset, &index, sizeof index);
    if (index >= 0) return;
    struct hub_nearest near = {.word = name};
    const char *all[LISTED_MAX];
    for (size_t i = 0; i < o->property_n; i++) {
        hub_nearest_try(&near, o->properties[i].name);
        if (i < LISTED_MAX) all[i] = o->properties[i].name;
    }
    hub_complain(l, "H011", r->node, NULL, near.best, "%s \"%.*s\" is not a property of %s%s", r->row->key,
                 HUB_FMT(name), o->name, near.best ? "" : hub_list_names(l, all, o->property_n));
}

/* One that is not defined is told where the hub names it first, however often that is. */
static bool is_named_before(const struct hub_loader *l, const struct hub_ref *r, struct hub_str name) {
    for (const struct hub_ref *e = l->refs; e < r; e++)
        if (e->row->kind == HUB_KIND_ROLE && e->hub == r->hub && hub_str_eq(e->node->value, name)) return true;
    return false;
}

bool hub_is_role_told(const struct hub_loader *l, const struct hub_raw *h, const char *name) {
    for (size_t i = 0; i < l->ref_n; i++)
        if (l->refs[i].row->kind == HUB_KIND_ROLE && l->refs[i].hub == h && hub_str_is(l->refs[i].node->value, name))
            return true;
    return false;
}

bool hub_is_unresolved(const struct hub_loader *l, struct hub_str name) {
    for (size_t i = 0; i < l->ref_n; i++) {
        const struct hub_ref *r = &l->refs[i];
        const struct hub_def_object *o = NULL;
        int property = 0;
        if (r->row->kind == HUB_KIND_ROLE || !hub_str_eq(r->node->value, name)) continue;
        if (r->row->kind == HUB_KIND_OBJECT)
            memcpy(&o, r->base + r->row->offset, sizeof o);
        else
            memcpy(&property, r->base + r->row->offset, sizeof property);
        if (r->row->kind == HUB_KIND_OBJECT ? !o : property < 0) return true;
    }
    return false;
}

static void resolve_role(struct hub_loader *l, const struct hub_ref *r, struct hub_str name) {
    const struct hub_def *d = &r->hub->def;
    struct hub_nearest near = {.word = name};
    const char *all[LISTED_MAX];
    for (size_t i = 0; i < d->role_n; i++) {
        const struct hub_def_role *role = &d->roles[i];
        if (i < LISTED_MAX) all[i] = role->name;
        if (!role->name) continue;
        if (hub_str_is(name, role->name)) {
            memcpy(r->base + r->row->offset, &role, sizeof role);
            return;
        }
        hub_nearest_try(&near, role->name);
    }
    if (is_named_before(l, r, name)) return;
    hub_complain(l, "H012", r->node, NULL, near.best, "%s \"%.*s\" is not defined in hubRoles%s", r->row->key,
                 HUB_FMT(name), near.best ? "" : hub_list_names(l, all, d->role_n));
}

void hub_resolve(struct hub_loader *l) {
    for (size_t i = 0; i < l->ref_n; i++) {
        const struct hub_ref *r = &l->refs[i];
        struct hub_str name = r->node->value;
        if (r->row->kind == HUB_KIND_OBJECT) resolve_object(l, r, name);
        if (r->row->kind == HUB_KIND_PROPERTY) resolve_property(l, r, name); /* its object has come before it */
        if (r->row->kind == HUB_KIND_ROLE) resolve_role(l, r, name);
    }
}
