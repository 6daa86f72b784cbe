/* What lint knows of the tables that scripts find: the modules of lib/ and their members, the properties
 * of records. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "schema/loader.h"

/* An entry of l->known while it grows. */
struct growing {
    const char *path;
    const char **members;
    size_t n, cap;
    bool any; /* a module whose members cannot be known */
};

struct table {
    struct hub_loader *l;
    struct growing *items;
    size_t n;
    struct growing *to; /* that members are added to */
};

static struct growing *entry_at(struct table *t, const char *path) {
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i].path, path) == 0) return &t->items[i];
    t->items = hub_xrealloc(t->items, (t->n + 1) * sizeof *t->items);
    t->items[t->n] = (struct growing){.path = path};
    return &t->items[t->n++];
}

static void add_member(void *arg, struct hub_str name) {
    struct table *t = arg;
    struct growing *g = t->to;
    if (g->n == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 16;
        g->members = hub_xrealloc((void *)g->members, g->cap * sizeof *g->members);
    }
    g->members[g->n++] = hub_arena_dup(t->l->scratch, name);
}

/* "game.board" makes board a member of lib.game, and game one of lib. */
static void add_folders(struct table *t, const char *name) {
    struct hub_str rest = hub_cstr(name), piece;
    const char *path = "lib";
    while (rest.p && hub_str_split(&rest, '.', &piece)) {
        t->to = entry_at(t, path);
        add_member(t, piece);
        path = hub_arena_fmt(t->l->scratch, "%s.%.*s", path, HUB_FMT(piece));
    }
}

/* A module goes before the folder of its name. */
static void add_module(struct table *t, const struct hub_module *m) {
    const struct hub_script_checker *c = t->l->options->checker;
    t->to = entry_at(t, hub_arena_fmt(t->l->scratch, "lib.%s", m->name));
    t->to->n = 0;
    t->to->any = !c->members(c->ctx, m->src->text, add_member, t);
}

static struct hub_script_known *settle_entries(struct table *t) {
    struct hub_arena *a = t->l->scratch;
    size_t n = 0;
    struct hub_script_known *known = hub_arena_zalloc(a, (t->n + 1) * sizeof *known);
    for (size_t i = 0; i < t->n; i++) {
        const struct growing *g = &t->items[i];
        const char **members = hub_arena_zalloc(a, (g->n + 1) * sizeof *members);
        for (size_t k = 0; k < g->n; k++) members[k] = g->members[k];
        if (!g->any) known[n++] = (struct hub_script_known){g->path, members};
        free((void *)g->members);
    }
    free(t->items);
    return known;
}

static const struct hub_plugin *owner_of(const struct hub_module *m) {
    return m->src->plugin ? m->src->plugin->plugin : NULL;
}

/* Whether PLUGIN has a folder with the name of the service's module M: its scripts find the folder. */
static bool is_hidden(const struct hub_loader *l, const struct hub_plugin *plugin, const struct hub_module *m) {
    size_t n = strlen(m->name);
    for (size_t i = 0; plugin && i < l->module_n; i++) {
        const struct hub_module *own = &l->modules[i];
        if (owner_of(own) == plugin && !strncmp(own->name, m->name, n) && own->name[n] == '.') return true;
    }
    return false;
}

/* Those of a plugin come last: of two with one name its own is meant. */
struct hub_script_known *hub_know_modules(struct hub_loader *l, const struct hub_plugin *plugin) {
    struct table t = {.l = l};
    if (!l->options->checker || !l->options->checker->members) return NULL;
    entry_at(&t, "lib");
    for (size_t i = 0; i < l->module_n; i++) {
        const struct hub_plugin *owner = owner_of(&l->modules[i]);
        if (!owner || owner == plugin) add_folders(&t, l->modules[i].name);
    }
    for (int own = 0; own < 2; own++)
        for (size_t i = 0; i < l->module_n; i++)
            if (owner_of(&l->modules[i]) == (own ? plugin : NULL) && (own || !is_hidden(l, plugin, &l->modules[i])))
                add_module(&t, &l->modules[i]);
    return settle_entries(&t);
}

/* ---- plugins ---- */

/* The list with what "plugin" has in front; L's own for what is of no plugin. ROOM: entries that may be
 * added. */
static struct hub_script_known *known_with(struct hub_loader *l, const struct hub_source *src, size_t room, size_t *n) {
    const struct hub_plugin *plugin = src->plugin ? src->plugin->plugin : NULL;
    const struct hub_script_known *lib = plugin ? plugin->known : l->known;
    size_t lib_n = 0;
    while (lib && lib[lib_n].path) lib_n++;
    struct hub_script_known *all = hub_arena_zalloc(l->scratch, (lib_n + room + 2) * sizeof *all);
    if (plugin) {
        const struct hub_def_plugin *p = &plugin->raw->plugin;
        const char **names = hub_arena_zalloc(l->scratch, (p->parameter_n + 1) * sizeof *names);
        for (size_t i = 0, k = 0; i < p->parameter_n; i++)
            if (p->parameters[i].name) names[k++] = p->parameters[i].name;
        all[(*n)++] = (struct hub_script_known){"plugin", names};
    }
    for (size_t i = 0; i < lib_n; i++) all[(*n)++] = lib[i];
    return all;
}

const struct hub_script_known *hub_known_to_module(struct hub_loader *l, const struct hub_source *src) {
    size_t n = 0;
    return known_with(l, src, 0, &n);
}

/* ---- records ---- */

static const char *const *property_names(struct hub_loader *l, const struct hub_def_object *o) {
    const char **names = hub_arena_zalloc(l->scratch, (o->property_n + 1) * sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < o->property_n; i++)
        if (o->properties[i].name) names[n++] = o->properties[i].name;
    return names;
}

/* Whether D is about PLACE, or what lies below it. What is no YAML may be about anything. */
static bool is_within(const struct hub_diag *d, const char *place) {
    size_t n = strlen(place);
    const char *path = d->path ? d->path : "";
    if (d->code[0] == 'L') return false; /* scripts declare nothing */
    if (d->code[0] == 'Y') return true;
    return !strncmp(path, place, n) && (!path[n] || path[n] == '.' || path[n] == '[');
}

/* The first finding that is not in a file before FILE. */
static size_t first_of(const struct hub_diags *d, const char *file) {
    size_t lo = 0, hi = hub_diags_n(d);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (strcmp(hub_diags_at(d, mid)->file, file) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has_error(struct hub_loader *l, const char *file, const char *place, const char *codes) {
    for (size_t i = first_of(l->diags, file); i < hub_diags_n(l->diags); i++) {
        const struct hub_diag *d = hub_diags_at(l->diags, i);
        if (strcmp(d->file, file)) break;
        if (d->severity == HUB_SEV_ERROR && (!codes || hub_str_among(hub_cstr(d->code), codes)) && is_within(d, place))
            return true;
    }
    return false;
}

bool hub_is_place_wrong(struct hub_loader *l, const char *file, const char *place) {
    return has_error(l, file, place, NULL);
}

/* Other errors leave what it is called, and of which type it is. */
bool hub_is_object_wrong(struct hub_loader *l, const struct hub_def_object *o) {
    static const char unclear[] = "S001 S002 S003 S004 S006 S007 Y003 Y004 Y006 Y010";
    const struct hub_node *n = hub_place(l, o, "");
    return n && hub_diags_n(l->diags) && has_error(l, n->src->name, hub_node_path(l->scratch, n), unclear);
}

const struct hub_def_object *hub_known_object(struct hub_loader *l, const void *base, const char *key) {
    const struct hub_node *n = base && !l->alone ? hub_place(l, base, key) : NULL;
    bool named = n && n->kind == HUB_NODE_SCALAR && !n->bad && n->value.n;
    const struct hub_def_object *o = named ? hub_service_object(l->service, n->value) : NULL;
    return o && o->name && !hub_is_object_wrong(l, o) ? o : NULL;
}

static bool has_name(const char *const *names, const char *name) {
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* ALIAS is what stands for the name that the author gave the object. */
static size_t add_record(struct hub_loader *l, const struct hub_pending_script *p, const char *name, const char *alias,
                         const struct hub_def_object *o, struct hub_script_known *out, size_t n) {
    if (!o || !has_name(p->row->vars->names, alias)) return n;
    const char *const *members = property_names(l, o);
    out[n++] = (struct hub_script_known){name, members};
    if (!has_name(p->row->vars->names, o->name)) out[n++] = (struct hub_script_known){o->name, members};
    return n;
}

const struct hub_script_known *hub_known_to(struct hub_loader *l, const struct hub_pending_script *p) {
    size_t n = 0;
    struct hub_script_known *all = known_with(l, p->node->src, 4, &n);
    n = add_record(l, p, "room", "room", hub_known_object(l, p->hub, "roomSettings.roomDataObject"), all, n);
    n = add_record(l, p, "record", "$source", hub_known_object(l, p->base, "sourceObject"), all, n);
    return all;
}
