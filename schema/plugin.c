/* The plugins of a service: reading plugin.yaml and lib/ of each folder that service.yaml lists, and what
 * is wrong with a plugin whoever uses it. */
#include "base/memory/mem.h"
#include "schema/kw_parts.h"
#include "schema/loader.h"

/* ---- one plugin ---- */

static HUB_MUST struct hub_plugin_source *whose_source(struct hub_loader *l, struct hub_plugin *p) {
    struct hub_plugin_source *s = hub_arena_zalloc(l->scratch, sizeof *s);
    s->plugin = p;
    return s;
}

static void note_part(struct hub_loader *l, struct hub_strs *parts, const struct hub_node *n) {
    const char **grown = hub_arena_zalloc(l->keep, (parts->n + 1) * sizeof *grown);
    if (parts->n) memcpy((void *)grown, (const void *)parts->items, parts->n * sizeof *grown);
    parts->items = grown;
    parts->items[parts->n++] = hub_arena_dup(l->keep, hub_cstr(hub_node_path(l->scratch, n)));
}

static void note_parts(struct hub_loader *l, struct hub_strs *parts, const struct hub_fields *t,
                       const struct hub_node *map) {
    for (struct hub_node *c = map->first; c; c = c->next) {
        const struct hub_row *row = hub_fields_row(t, c->key);
        if (!row || hub_is_absent(row, c)) continue;
        if (hub_row_has_parts(row))
            note_parts(l, parts, row->table, c);
        else
            note_part(l, parts, c);
    }
}

static void read_document(struct hub_loader *l, struct hub_plugin *p, struct hub_node *root) {
    struct hub_raw *outer = l->hub;
    l->hub = &p->raw->hub;
    hub_walk(l, &hub_fields_plugin, root, p->raw);
    hub_finish_fields(l, p->raw->plugin.parameters, p->raw->plugin.parameter_n);
    hub_finish_parts(&p->raw->hub.def.parts);
    hub_finish_part_fields(l, &p->raw->hub.def.parts);
    hub_finish_fields(l, p->raw->hub.def.presence_state.fields, p->raw->hub.def.presence_state.field_n);
    note_parts(l, &p->raw->plugin.parts, &hub_fields_hub_parts, root);
    l->hub = outer;
}

struct hub_plugin *hub_load_plugin(struct hub_loader *l, const struct hub_source *src) {
    size_t errors = hub_diags_count(l->diags, HUB_SEV_ERROR);
    struct hub_source *own = hub_arena_zalloc(l->scratch, sizeof *own);
    struct hub_plugin *p = hub_arena_zalloc(l->scratch, sizeof *p);
    *own = *src;
    own->plugin = whose_source(l, p);
    struct hub_node *root = hub_tree_parse(l->scratch, own, l->diags);
    if (!root || !hub_is_mapping(l, root)) return NULL;
    p->src = src;
    p->raw = hub_arena_zalloc(l->keep, sizeof *p->raw);
    p->raw->plugin.file = hub_arena_dup(l->keep, hub_cstr(src->name));
    read_document(l, p, root);
    p->good = hub_diags_count(l->diags, HUB_SEV_ERROR) == errors;
    return p;
}

/* ---- those of the service ---- */

static void add_plugin(struct hub_loader *l, struct hub_plugin *p) {
    l->plugins = hub_xrealloc(l->plugins, (l->plugin_n + 1) * sizeof *l->plugins);
    l->plugins[l->plugin_n++] = p;
    l->service->plugins[l->service->plugin_n++] = &p->raw->plugin;
}

static bool is_relative(const char *dir) { return *dir && *dir != '/'; }

/* The file in DIR; NULL when there is none, which is said at RANGE of LIST. */
static const char *plugin_file(struct hub_loader *l, const struct hub_node *list, const struct hub_range *range,
                               const char *dir) {
    const char *path = NULL;
    if (!is_relative(dir))
        hub_complain(l, "E040", list, range, NULL, "\"%s\" is no folder relative to the service directory", dir);
    else if (!(path = hub_find_one(l, hub_arena_fmt(l->scratch, "%s/%s", l->dir, dir), "plugin")))
        hub_complain(l, "E040", list, range, NULL, "there is no %s/plugin.yaml", dir);
    return path;
}

static struct hub_plugin *read_plugin(struct hub_loader *l, const struct hub_node *list, size_t i, const char *dir) {
    struct hub_range range = hub_strings_span(list, i);
    const char *path = plugin_file(l, list, &range, dir);
    const struct hub_source *src = path ? hub_open_source(l, path, 'H') : NULL;
    struct hub_plugin *p = src ? hub_load_plugin(l, src) : NULL;
    if (!p) return NULL;
    struct hub_def_plugin *def = &p->raw->plugin;
    def->lib_name = hub_arena_fmt(l->keep, "%s/lib", dir);
    p->lib_good =
        hub_load_lib(l, hub_arena_fmt(l->scratch, "%s/%s", l->dir, def->lib_name), whose_source(l, p), &def->lib);
    return p;
}

void hub_load_plugins(struct hub_loader *l, const struct hub_node *root) {
    const struct hub_row *row = hub_fields_row(&hub_fields_service, HUB_STR("plugins"));
    struct hub_node *list = hub_node_get(root, hub_cstr(row->key));
    if (!l->dir || hub_is_absent(row, list)) return;
    hub_read_row(l, row, list, l->service); /* the walk does so again, when namespaces have what plugins bring */
    const struct hub_strs *dirs = &l->service->plugin_dirs;
    l->service->plugins = hub_arena_zalloc(l->keep, (dirs->n + 1) * sizeof *l->service->plugins);
    for (size_t i = 0; i < dirs->n; i++) {
        struct hub_plugin *p = read_plugin(l, list, i, dirs->items[i]);
        if (p) add_plugin(l, p);
        if (!p || !p->raw->plugin.name) l->plugins_missing = true;
    }
}

/* ---- checks ---- */

static void check_name(struct hub_loader *l, const struct hub_plugin *p, struct hub_map *names) {
    const char *name = p->raw->plugin.name;
    struct hub_node *at = hub_place(l, p->raw, "name"), *before = name ? hub_map_get(names, hub_cstr(name)) : NULL;
    if (before)
        hub_complain(l, "E040", at, NULL, NULL, "there are two plugins \"%s\"; the first one is in %s", name,
                     hub_line_of(l, before, at));
    else if (name)
        hub_map_put(names, hub_cstr(name), at);
}

static bool is_plugin(struct hub_loader *l, const char *name, struct hub_nearest *near) {
    for (size_t i = 0; i < l->plugin_n; i++) {
        const char *is = l->plugins[i]->raw->plugin.name;
        if (is && !strcmp(is, name)) return true;
        if (is) hub_nearest_try(near, is);
    }
    return l->plugins_missing;
}

static size_t plugin_index(const struct hub_loader *l, const char *name) {
    size_t i = 0;
    while (i < l->plugin_n && !(l->plugins[i]->raw->plugin.name && !strcmp(l->plugins[i]->raw->plugin.name, name))) i++;
    return i;
}

/* SEEN: by the place of a plugin, whether it has been asked. */
static bool requires_at_last(const struct hub_loader *l, const char *name, const char *wanted, bool *seen) {
    size_t at = plugin_index(l, name);
    if (!strcmp(name, wanted)) return true;
    if (at == l->plugin_n || seen[at]) return false;
    seen[at] = true;
    const struct hub_strs *names = &l->plugins[at]->raw->plugin.requires;
    for (size_t i = 0; i < names->n; i++)
        if (requires_at_last(l, names->items[i], wanted, seen)) return true;
    return false;
}

bool hub_plugin_requires(struct hub_loader *l, const char *name, const char *wanted) {
    return requires_at_last(l, name, wanted, hub_arena_zalloc(l->scratch, l->plugin_n + 1));
}

static void check_requires(struct hub_loader *l, const struct hub_plugin *p) {
    const struct hub_strs *names = &p->raw->plugin.requires;
    struct hub_node *at = hub_place(l, p->raw, "requires");
    for (size_t i = 0; i < names->n; i++) {
        struct hub_nearest near = {.word = hub_cstr(names->items[i])};
        struct hub_range range = hub_strings_span(at, i);
        bool itself = p->raw->plugin.name && !strcmp(p->raw->plugin.name, names->items[i]);
        if (itself)
            hub_complain(l, "E041", at, &range, NULL, "a plugin cannot require itself");
        else if (p->raw->plugin.name && hub_plugin_requires(l, names->items[i], p->raw->plugin.name))
            hub_complain(l, "E041", at, &range, NULL,
                         "\"%s\" requires \"%s\" in turn: neither can stand before the other", names->items[i],
                         p->raw->plugin.name);
        else if (!is_plugin(l, names->items[i], &near))
            hub_complain(l, "E041", at, &range, near.best, "there is no plugin \"%s\" in service.yaml",
                         names->items[i]);
    }
}

void hub_check_plugins(struct hub_loader *l) {
    struct hub_map names = {0};
    for (size_t i = 0; i < l->plugin_n; i++) {
        struct hub_plugin *p = l->plugins[i];
        check_name(l, p, &names);
        check_requires(l, p);
        if (p->good && !p->used)
            hub_complain(l, "E044", hub_place(l, p->raw, "name"), NULL, NULL,
                         "the plugin \"%s\" does nothing: no hub and no namespace uses it", p->raw->plugin.name);
    }
    hub_map_clear(&names);
}
