/* A plugin where it is used: its document is read anew for each use and put, as a tree, among what the hub
 * or namespace has written, before anything is walked. So all checks see the whole, each node knows its
 * own file, and each use has scripts of its own. */
#include "base/memory/mem.h"
#include "schema/kw_parts.h"
#include "schema/loader.h"

enum { USES_MAX = 64 }; /* plugins of one hub or namespace */

struct merge {
    struct hub_loader *l;
    struct hub_node *uses; /* the list of them */
    struct hub_node *at;   /* the use */
    struct hub_plugin *plugin;
    const char *file; /* of who uses it */
    const char *what; /* "a plain namespace" */
};

const char *hub_used_by(struct hub_loader *l, const struct hub_node *n) {
    const struct hub_plugin_source *s = n->src->plugin;
    return s && s->user ? hub_arena_fmt(l->scratch, " (used by %s)", s->user) : "";
}

const char *hub_line_of(struct hub_loader *l, const struct hub_node *n, const struct hub_node *from) {
    int line = n->key_range.line ? n->key_range.line : n->range.line;
    if (!strcmp(n->src->name, from->src->name)) return hub_arena_fmt(l->scratch, "line %d", line);
    return hub_arena_fmt(l->scratch, "%s, line %d", n->src->name, line);
}

/* Whether N has come from a plugin. */
static bool is_borrowed(const struct hub_node *n) { return n->src->plugin && n->src->plugin->use; }

/* ---- trees ---- */

/* C keeps its parent, and with it its path in its own file. */
static void put_borrowed(struct hub_node *map, struct hub_node *c) {
    struct hub_node **at = &map->first;
    while (*at && !hub_str_eq((*at)->key, c->key)) at = &(*at)->next;
    bool there = *at != NULL;
    c->next = there ? (*at)->next : NULL;
    if (!there || map->last == *at) map->last = c;
    if (!there) map->n++;
    *at = c;
}

/* Behind those of other plugins, before the list's own. */
static void insert_borrowed(struct hub_node *list, struct hub_node *borrowed) {
    struct hub_node **at = &list->first;
    if (!borrowed->first) return;
    while (*at && is_borrowed(*at)) at = &(*at)->next;
    borrowed->last->next = *at;
    if (!*at) list->last = borrowed->last;
    *at = borrowed->first;
    list->n += borrowed->n;
}

/* Behind the hooks of other plugins, before the map's own. */
static void chain_borrowed(struct hub_node *map, struct hub_node *have, struct hub_node *c) {
    struct hub_node *last = NULL;
    for (struct hub_node *n = have; n && is_borrowed(n); n = n->more) last = n;
    c->more = last ? last->more : have;
    if (last)
        last->more = c;
    else
        put_borrowed(map, c);
}

/* ---- parts ---- */

/* HAVE stands there already, of the hub or of a plugin before; BORROWED is in this one. */
static void tell_collision(const struct merge *m, const struct hub_node *have, const struct hub_node *borrowed) {
    const char *name = m->plugin->raw->plugin.name, *part = hub_node_path(m->l->scratch, borrowed);
    if (!is_borrowed(have)) {
        hub_complain(m->l, "E043", have, &have->key_range, NULL,
                     "%s is in the plugin \"%s\", too (%s); only one of them can say it", part, name,
                     hub_line_of(m->l, borrowed, have));
        return;
    }
    hub_complain(m->l, "E043", borrowed, &borrowed->key_range, NULL,
                 "%s is in the plugin \"%s\", too (%s), and %s uses both; only one of them can say it", part,
                 have->src->plugin->use->name, hub_line_of(m->l, have, borrowed), m->file);
}

static void tell_impossible(const struct merge *m, const struct hub_node *c) {
    hub_complain(m->l, "E043", m->at, NULL, NULL, "the plugin \"%s\" has %s (%s), which %s cannot have",
                 m->plugin->raw->plugin.name, hub_node_path(m->l->scratch, c), hub_line_of(m->l, c, m->at), m->what);
}

static void merge_members(const struct merge *m, struct hub_node *map, struct hub_node *from,
                          const struct hub_fields *t, const struct hub_fields *whole);

/* C without its members, put into MAP. */
static struct hub_node *put_empty(struct hub_arena *a, struct hub_node *map, const struct hub_node *c) {
    struct hub_node *n = hub_arena_zalloc(a, sizeof *n);
    *n = *c;
    n->first = n->last = NULL;
    n->n = 0;
    put_borrowed(map, n);
    return n;
}

static void merge_node(const struct merge *m, struct hub_node *map, struct hub_node *c, const struct hub_row *row,
                       const struct hub_row *whole) {
    struct hub_node *have = hub_node_get(map, c->key);
    bool absent = hub_is_absent(row, have), parts = hub_row_has_parts(row);
    if (absent && parts && c->kind == HUB_NODE_MAP)
        merge_members(m, put_empty(m->l->scratch, map, c), c, row->table, whole->table);
    else if (absent)
        put_borrowed(map, c);
    else if (row->flags & HUB_ROW_CHAIN)
        chain_borrowed(map, have, c);
    else if (have->kind != c->kind)
        return; /* one of them is wrong, and the walk says so */
    else if (row->kind == HUB_KIND_LIST)
        insert_borrowed(have, c);
    else if (parts)
        merge_members(m, have, c, row->table, whole->table);
    else
        tell_collision(m, have, c);
}

/* T: what MAP may have; WHOLE: what a plugin may have there. */
static void merge_members(const struct merge *m, struct hub_node *map, struct hub_node *from,
                          const struct hub_fields *t, const struct hub_fields *whole) {
    for (struct hub_node *c = from->first, *next; c; c = next) {
        next = c->next;
        const struct hub_row *theirs = hub_fields_row(whole, c->key), *row = hub_fields_row(t, c->key);
        if (!theirs || hub_is_absent(theirs, c)) continue;
        if (row)
            merge_node(m, map, c, row, theirs);
        else
            tell_impossible(m, c);
    }
}

/* ---- one use ---- */

/* An empty mapping where "with" would stand. */
static HUB_MUST struct hub_node *nothing_with(const struct merge *m) {
    struct hub_node *n = hub_arena_zalloc(m->l->scratch, sizeof *n);
    n->kind = HUB_NODE_MAP;
    n->src = m->at->src;
    n->parent = m->at->parent;
    n->range = m->at->range;
    n->key = HUB_STR("with");
    return n;
}

/* The values of the parameters; NULL: they do not fit, and that is said. */
static HUB_MUST json_t *read_with(const struct merge *m) {
    const struct hub_def_plugin *p = &m->plugin->raw->plugin;
    const struct hub_row row = {.kind = HUB_KIND_VALUE};
    struct hub_node *n = hub_node_get(m->at->parent, HUB_STR("with"));
    const struct hub_def_field f = {
        .name = "with", .type = HUB_FIELD_JSON, .fields = p->parameters, .field_n = p->parameter_n};
    if (hub_is_absent(&row, n)) n = nothing_with(m);
    if (f.field_n) return hub_arena_json(m->l->keep, hub_value_for_field(m->l, &f, n, "E042"));
    if (n->kind == HUB_NODE_MAP && !n->n) return hub_arena_json(m->l->keep, json_object());
    hub_complain(m->l, "E042", n, NULL, NULL, "the plugin \"%s\" has no parameters", p->name);
    return NULL;
}

static HUB_MUST struct hub_plugin_source *new_use(const struct merge *m) {
    struct hub_loader *l = m->l;
    struct hub_plugin_source *whose = hub_arena_zalloc(l->scratch, sizeof *whose);
    struct hub_def_plugin_use *use = hub_arena_zalloc(l->keep, sizeof *use);
    *use = (struct hub_def_plugin_use){.name = m->plugin->raw->plugin.name,
                                       .with = read_with(m),
                                       .plugin = &m->plugin->raw->plugin,
                                       .index = l->use_n};
    *whose = (struct hub_plugin_source){m->plugin, use, m->file, m->at->parent};
    l->uses = hub_xrealloc((void *)l->uses, (l->use_n + 1) * sizeof *l->uses);
    l->uses[l->use_n++] = whose;
    return whose;
}

/* The plugin's document once more, as this use of it. */
static struct hub_node *plugin_tree(const struct merge *m, const struct hub_plugin_source *whose) {
    struct hub_source *src = hub_arena_zalloc(m->l->scratch, sizeof *src);
    *src = *m->plugin->src;
    src->plugin = whose;
    return hub_tree_parse(m->l->scratch, src, m->l->diags);
}

/* The name that is written at USE of a list; NULL: none. */
static struct hub_node *name_of_use(struct hub_loader *l, const struct hub_node *use) {
    struct hub_node *n = hub_node_get(use, HUB_STR("plugin"));
    if (!n || n->kind != HUB_NODE_SCALAR || n->bad) return NULL;
    hub_node_value(l->scratch, n, l->diags);
    return n->bad || !n->value.n ? NULL : n;
}

static bool is_used_at(const struct merge *m, const struct hub_node *use, const char *name) {
    const struct hub_node *n = name_of_use(m->l, use);
    return n && hub_str_is(n->value, name);
}

/* What it requires stands before it. */
static void check_requirement(const struct merge *m, const char *required) {
    bool passed = false, behind = false;
    for (struct hub_node *c = m->uses->first; c; c = c->next) {
        bool is = is_used_at(m, c, required);
        if (is && !passed) return;
        behind = behind || is;
        passed = passed || c == m->at->parent;
    }
    if (behind && hub_plugin_requires(m->l, required, m->plugin->raw->plugin.name)) return; /* said in the plugin */
    hub_complain(m->l, "E041", m->at, NULL, NULL,
                 behind ? "the plugin \"%s\" requires \"%s\", which must stand before it"
                        : "the plugin \"%s\" requires \"%s\", which is not used here",
                 m->plugin->raw->plugin.name, required);
}

static struct hub_plugin *find_plugin(struct hub_loader *l, const struct hub_node *name) {
    struct hub_nearest near = {.word = name->value};
    for (size_t i = 0; i < l->plugin_n; i++) {
        const char *is = l->plugins[i]->raw->plugin.name;
        if (is && hub_str_is(name->value, is)) return l->plugins[i];
        if (is) hub_nearest_try(&near, is);
    }
    if (!l->plugins_missing)
        hub_complain(l, "E040", name, NULL, near.best, "there is no plugin \"%.*s\" in service.yaml",
                     (int)(name->value.n > 100 ? 100 : name->value.n), name->value.p);
    return NULL;
}

/* Whether the list has named it before: that is said by the walk. */
static bool is_repeated(const struct merge *m) {
    for (struct hub_node *c = m->uses->first; c && c != m->at->parent; c = c->next)
        if (is_used_at(m, c, m->at->value.p)) return true;
    return false;
}

void hub_finish_uses(struct hub_loader *l, struct hub_def_parts *parts) {
    for (size_t i = 0; i < parts->plugin_n; i++)
        for (size_t k = 0; k < l->use_n; k++)
            if (l->uses[k]->node == hub_place(l, &parts->plugins[i], "")) parts->plugins[i] = *l->uses[k]->use;
}

static void merge_use(struct merge *m, struct hub_node *map, const struct hub_fields *t) {
    if (is_repeated(m) || !(m->plugin = find_plugin(m->l, m->at))) return;
    m->plugin->used = true;
    for (size_t i = 0; i < m->plugin->raw->plugin.requires.n; i++)
        check_requirement(m, m->plugin->raw->plugin.requires.items[i]);
    if (!m->plugin->good) return; /* and so nothing comes of this load */
    struct hub_node *tree = plugin_tree(m, new_use(m));
    if (tree && !m->l->as_written) merge_members(m, map, tree, t, &hub_fields_hub_parts);
}

void hub_merge_plugins(struct hub_loader *l, struct hub_node *map, const struct hub_fields *t, const char *file) {
    struct hub_node *uses = map && map->kind == HUB_NODE_MAP ? hub_node_get(map, HUB_STR("plugins")) : NULL;
    if (l->alone || !l->dir || !uses || uses->kind != HUB_NODE_SEQ) return;
    if (uses->n > USES_MAX) {
        hub_complain(l, hub_common_code(uses, HUB_COMMON_RANGE), uses, NULL, NULL,
                     "plugins has %zu entries; at most %d are possible", uses->n, USES_MAX);
        return;
    }
    struct merge m = {
        .l = l, .uses = uses, .file = file, .what = t == &hub_fields_namespace ? "a plain namespace" : "a hub"};
    for (struct hub_node *c = uses->first; c; c = c->next)
        if ((m.at = name_of_use(l, c))) merge_use(&m, map, t);
}
