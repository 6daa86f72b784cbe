/* From a directory to definitions: finding files, overrides and environment, and the order of the passes. */
#include "schema/load.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "schema/analysis/analysis.h"
#include "schema/loader.h"
#include "schema/memory.h"

enum { MAX_FOLDERS_DEEP = 16, MAX_FILES = 1000 };

/* ---- files ---- */

struct paths {
    char **items;
    size_t n, cap;
};

static void append_path(struct paths *p, char *path) {
    if (p->n == p->cap) p->cap = p->cap ? 2 * p->cap : 16, p->items = hub_xrealloc(p->items, p->cap * sizeof *p->items);
    p->items[p->n++] = path;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool ends_as(const char *name, const char *const *endings) {
    for (; *endings; endings++)
        if (hub_str_ends(hub_cstr(name), hub_cstr(*endings)) && strlen(name) > strlen(*endings)) return true;
    return false;
}

static bool is_ending(const char *name, const char *const *endings) {
    for (; *endings; endings++)
        if (hub_str_eq_nocase(hub_cstr(name), hub_cstr(*endings))) return true;
    return false;
}

/* A name that has an ending in another case, or is nothing but one. */
static bool nearly_ends_as(const char *name, const char *const *endings) {
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (is_ending(dot, endings)) return true;
    return false;
}

static const char *const hub_endings[] = {".hub.yaml", ".hub.yml", ".hub.json", NULL};
static const char *const lua_endings[] = {".lua", NULL};

static void file_unreadable(struct hub_loader *l, const char *code, const char *path, const char *message) {
    hub_diags_add(l->diags, code, hub_source_new(l->scratch, path, 'S', hub_str("", 0)), NULL, NULL, NULL, message);
}

/* A part of the definition may be in it: passing it over could mean to serve without that part. */
static void cannot_read(struct hub_loader *l, const char *path, const char *why) {
    l->unreadable = true;
    file_unreadable(l, "Y011", path, hub_arena_fmt(l->scratch, "cannot be read: %s", why));
}

static void find_files(struct hub_loader *l, const char *dir, const char *const *endings, int depth, struct paths *out);

/* A folder that a link leads to may be anywhere, and may lead back here: it is not entered, and that is
 * said where it holds such files. */
static void look_behind_link(struct hub_loader *l, const char *path, const char *const *endings) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && ends_as(e->d_name, endings)) {
            hub_stray(l, path, "it is a link to a folder; put the folder itself here, or links to its files");
            break;
        }
    if (d) closedir(d);
}

static void find_file(struct hub_loader *l, const char *path, const char *name, const char *const *endings, int depth,
                      struct paths *out) {
    struct stat st;
    if (lstat(path, &st))
        cannot_read(l, path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        find_files(l, path, endings, depth + 1, out);
    else if (S_ISLNK(st.st_mode) && !stat(path, &st) && S_ISDIR(st.st_mode))
        look_behind_link(l, path, endings);
    else if (ends_as(name, endings))
        append_path(out, hub_arena_dup(l->scratch, hub_cstr(path)));
    else if (nearly_ends_as(name, endings))
        hub_stray(l, path, hub_arena_fmt(l->scratch, "its name does not end in %s with a name before it", *endings));
}

/* Files below DIR whose names end in one of ENDINGS; folders that start with a dot and node_modules are
 * left out. */
static void find_files(struct hub_loader *l, const char *dir, const char *const *endings, int depth,
                       struct paths *out) {
    DIR *d = opendir(dir);
    if (!d || depth == MAX_FOLDERS_DEEP) {
        cannot_read(l, dir, d ? "folders are nested too deeply" : strerror(errno));
        if (d) closedir(d);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' && !is_ending(e->d_name, endings)) continue;
        if (strcmp(e->d_name, "node_modules") == 0) continue;
        find_file(l, hub_arena_fmt(l->scratch, "%s/%s", dir, e->d_name), e->d_name, endings, depth, out);
    }
    closedir(d);
}

/* In the order of names. */
static struct paths files_below(struct hub_loader *l, const char *dir, const char *const *endings) {
    struct paths files = {0};
    find_files(l, dir, endings, 0, &files);
    if (files.n) qsort(files.items, files.n, sizeof *files.items, by_name);
    if (files.n > MAX_FILES) {
        cannot_read(l, files.items[MAX_FILES],
                    hub_arena_fmt(l->scratch, "there are more than %d files of its kind", MAX_FILES));
        files.n = MAX_FILES;
    }
    return files;
}

size_t hub_find_files(struct hub_loader *l, const char *dir, const char *const *endings, char ***out) {
    struct stat st;
    struct paths files = {0};
    if (!lstat(dir, &st)) files = files_below(l, dir, endings);
    *out = files.items;
    return files.n;
}

const char *hub_find_one(struct hub_loader *l, const char *dir, const char *name) {
    static const char *const endings[] = {"yaml", "yml", "json"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct stat st;
        const char *path = hub_arena_fmt(l->scratch, "%s/%s.%s", dir, name, endings[i]);
        if (lstat(path, &st)) continue; /* a link that leads nowhere is there, and is complained about */
        if (found) {
            struct hub_source *src = hub_source_new(l->scratch, path, 'S', hub_str("", 0));
            hub_diags_add(l->diags, "S026", src, NULL, NULL, NULL,
                          hub_arena_fmt(l->scratch, "there is also %s; keep one of them", found));
            continue;
        }
        found = path;
    }
    return found;
}

static const struct hub_overlay *overlay_of(const struct hub_loader *l, const char *path) {
    for (size_t i = 0; i < l->options->overlay_n; i++)
        if (!strcmp(l->options->overlays[i].path, path)) return &l->options->overlays[i];
    return NULL;
}

static void note_source(struct hub_loader *l, const struct hub_source *src) {
    l->sources = hub_xrealloc((void *)l->sources, (l->source_n + 1) * sizeof *l->sources);
    l->sources[l->source_n++] = src;
}

struct hub_source *hub_open_source(struct hub_loader *l, const char *path, char kind) {
    struct hub_buf text = {0};
    struct hub_source *src = NULL;
    struct hub_err err;
    struct stat st;
    const struct hub_overlay *o = overlay_of(l, path);
    hub_diags_note_file(l->diags, path);
    if (o)
        src = hub_source_new(l->scratch, path, kind, o->text);
    else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        cannot_read(l, path, "this is not a regular file");
    else if (hub_file_read(path, HUB_SOURCE_MAX, &text, &err) == HUB_OK)
        src = hub_source_new(l->scratch, path, kind, hub_buf_str(&text));
    else if (err.code == HUB_TOO_LARGE)
        file_unreadable(l, "Y008", path, hub_arena_fmt(l->scratch, "cannot be read: %s", err.text));
    else
        cannot_read(l, path, err.text);
    hub_buf_free(&text);
    if (src) note_source(l, src);
    return src;
}

/* ---- overrides ---- */

static bool is_value(const struct hub_row *r) {
    return r->kind != HUB_KIND_GROUP && r->kind != HUB_KIND_LIST && r->kind != HUB_KIND_MAP &&
           r->kind != HUB_KIND_COLUMNS;
}

static void bad_override(struct hub_loader *l, const struct hub_source *src, const char *suggestion,
                         const char *message) {
    hub_diags_add(l->diags, "S010", src, NULL, NULL, suggestion, message);
}

static struct hub_node *group_node(struct hub_loader *l, struct hub_node *map, const char *key) {
    struct hub_node *n = hub_node_get(map, hub_cstr(key));
    if (n && n->kind == HUB_NODE_MAP) return n;
    n = hub_arena_zalloc(l->scratch, sizeof *n);
    n->kind = HUB_NODE_MAP;
    n->src = map->src;
    hub_node_put(l->scratch, map, key, n);
    return n;
}

/* Puts VALUE where the file might have had it; the walk then treats it like any other. */
static void override_key(struct hub_loader *l, struct hub_node *root, const char *key, const char *value,
                         const char *origin) {
    const struct hub_source *src = hub_source_new(l->scratch, origin, 'S', hub_str("", 0));
    const struct hub_fields *t = &hub_fields_service;
    struct hub_str rest = hub_cstr(key), part;
    while (hub_str_split(&rest, '.', &part)) {
        const struct hub_row *row = hub_fields_row(t, part);
        if (!row) {
            struct hub_nearest near = {.word = part};
            for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) hub_nearest_try(&near, r->key);
            bad_override(l, src, near.best,
                         hub_arena_fmt(l->scratch, "there is no \"%.*s\" in %s", HUB_FMT(part), t->name));
            return;
        }
        if (row->kind == HUB_KIND_GROUP && rest.p) {
            t = row->table;
            root = group_node(l, root, row->key);
        } else if (is_value(row) && !rest.p) {
            hub_node_put(l->scratch, root, row->key, hub_tree_scalar(l->scratch, src, hub_cstr(value)));
            return;
        } else {
            break;
        }
    }
    bad_override(l, src, NULL, hub_arena_fmt(l->scratch, "%s is not a single value of service.yaml", key));
}

static void apply_overrides(struct hub_loader *l, struct hub_node *root) {
    static const struct {
        const char *name, *key;
    } environment[] = {
        {"HUBD_STORE_URL", "store.url"},     {"HUBD_CACHE_URL", "cache.url"},     {"HUBD_BUS_URL", "bus.url"},
        {"HUBD_CLUSTER_URL", "cluster.url"}, {"HUBD_LISTEN_HOST", "listen.host"}, {"HUBD_LISTEN_PORT", "listen.port"},
    };
    for (size_t i = 0; !l->options->ignore_environment && i < sizeof environment / sizeof *environment; i++) {
        const char *value = getenv(environment[i].name);
        if (value && *value)
            override_key(l, root, environment[i].key, value,
                         environment[i].name); /* container tools pass unset ones as empty */
    }
    for (size_t i = 0; i < l->options->override_n; i++) {
        const struct hub_override *o = &l->options->overrides[i];
        override_key(l, root, o->key, o->value, hub_arena_fmt(l->scratch, "--set %s", o->key));
    }
}

/* ---- documents ---- */

bool hub_is_mapping(struct hub_loader *l, struct hub_node *root) {
    if (root->kind == HUB_NODE_MAP) return true;
    if (!root->bad)
        hub_complain(l, hub_common_code(root, HUB_COMMON_TYPE), root, NULL, NULL,
                     "a definition must be a mapping, not %s", hub_node_kind_name(root));
    return false;
}

static void merge_into_namespaces(struct hub_loader *l, const struct hub_node *root) {
    struct hub_node *list = hub_node_get(root, HUB_STR("namespaces"));
    for (struct hub_node *c = list && list->kind == HUB_NODE_SEQ ? list->first : NULL; c; c = c->next)
        hub_merge_plugins(l, c, &hub_fields_namespace, root->src->name);
}

static bool load_service_document(struct hub_loader *l, const struct hub_source *src) {
    struct hub_node *root = hub_tree_parse(l->scratch, src, l->diags);
    if (!root || !hub_is_mapping(l, root)) return false;
    apply_overrides(l, root);
    hub_load_plugins(l, root);
    merge_into_namespaces(l, root);
    hub_walk(l, &hub_fields_service, root, l->service);
    hub_finish_service(l);
    hub_check_service(l);
    return true;
}

static void load_hub_document(struct hub_loader *l, const struct hub_source *src) {
    struct hub_node *root = hub_tree_parse(l->scratch, src, l->diags);
    if (!root || !hub_is_mapping(l, root)) return;
    struct hub_node *inner = hub_node_get(root, HUB_STR("realtimeHub"));
    for (struct hub_node *c = root->first; inner && c; c = c->next)
        if (c != inner)
            hub_complain(l, "H001", c, &c->key_range, NULL, "unknown key \"%.*s\" beside realtimeHub", HUB_FMT(c->key));
    if (inner && !hub_is_mapping(l, inner)) return;
    if (inner) inner->parent = NULL, root = inner; /* paths start inside the wrapper */
    struct hub_raw *h = hub_arena_zalloc(l->keep, sizeof *h);
    h->def.file = hub_arena_dup(l->keep, hub_cstr(src->name));
    l->hubs = hub_xrealloc(l->hubs, (l->hub_n + 1) * sizeof *l->hubs);
    l->hubs[l->hub_n++] = h;
    l->hub = h;
    hub_merge_plugins(l, hub_node_get(root, HUB_STR("hubExtensions")), &hub_fields_extensions, src->name);
    hub_walk(l, &hub_fields_hub, root, h);
    hub_finish_hub(l, h);
    l->hub = NULL;
}

/* ---- the passes ---- */

static void begin_load(struct hub_loader *l, const struct hub_load_options *options, struct hub_diags *diags,
                       const char *dir) {
    static const struct hub_load_options none;
    *l = (struct hub_loader){.keep = hub_arena_new(),
                             .scratch = hub_arena_new(),
                             .options = options ? options : &none,
                             .diags = diags,
                             .dir = dir};
    l->service = hub_arena_zalloc(l->keep, sizeof *l->service);
    l->service->arena = l->keep;
    l->service->dir = hub_arena_dup(l->keep, hub_cstr(dir));
    l->service->lib_fingerprint = HUB_FINGERPRINT;
}

static void check_all(struct hub_loader *l) {
    hub_resolve(l);
    for (size_t i = 0; i < l->hub_n; i++) hub_check_hub(l, l->hubs[i]);
    hub_check_hubs_together(l);
    hub_check_plugins(l);
    hub_check_scripts(l);
    hub_check_effect(l);
}

/* Where a script of a hub stands once the hub has been copied to its place. */
static struct hub_script *script_place(struct hub_loader *l, struct hub_script *script) {
    for (size_t i = 0; i < l->hub_n; i++) {
        const char *raw = (const char *)&l->hubs[i]->def, *at = (const char *)script;
        if (at >= raw && at < raw + sizeof(struct hub_def))
            return (struct hub_script *)(void *)((char *)&l->service->hubs[i] + (at - raw));
    }
    return script;
}

static void list_scripts(struct hub_loader *l) {
    struct hub_service *s = l->service;
    s->scripts = hub_arena_zalloc(l->keep, (l->script_n + 1) * sizeof(struct hub_script *));
    for (size_t i = 0; i < l->script_n; i++) {
        if (hub_is_template(&l->scripts[i])) continue;
        struct hub_script *script = script_place(l, l->scripts[i].script);
        script->number = s->script_n;
        s->scripts[s->script_n++] = script;
    }
}

static void list_uses(struct hub_loader *l) {
    struct hub_service *s = l->service;
    s->uses = hub_arena_zalloc(l->keep, (l->use_n + 1) * sizeof *s->uses);
    for (size_t i = 0; i < l->use_n; i++) s->uses[s->use_n++] = l->uses[i]->use;
}

static void freeze_service(struct hub_loader *l) {
    struct hub_service *s = l->service;
    s->hub_n = l->hub_n;
    s->hubs = hub_arena_zalloc(l->keep, (l->hub_n + 1) * sizeof *s->hubs);
    for (size_t i = 0; i < l->hub_n; i++) s->hubs[i] = l->hubs[i]->def;
    list_scripts(l);
    list_uses(l);
}

void hub_loader_free_lists(struct hub_loader *l) {
    hub_map_clear(&l->places);
    free(l->refs);
    free(l->scripts);
    free(l->hubs);
    free(l->modules);
    free(l->plugins);
    free((void *)l->uses);
    free((void *)l->sources);
}

/* Ends the load: hands the service over when it may be used, else drops it. */
static enum hub_code end_load(struct hub_loader *l, size_t errors_before, struct hub_service **out) {
    hub_apply_ignores(l);
    bool good = hub_diags_count(l->diags, HUB_SEV_ERROR) == errors_before;
    if (good && out) {
        *out = l->service;
    } else {
        hub_arena_free(l->keep);
    }
    hub_arena_free(l->scratch);
    hub_loader_free_lists(l);
    return good ? HUB_OK : l->unreadable ? HUB_NOT_FOUND : HUB_BAD_REQUEST;
}

/* A hub that is not saved yet. */
static void add_overlay(struct hub_loader *l, const char *path, struct paths *files) {
    size_t n = strlen(l->dir);
    bool below = !strncmp(path, l->dir, n) && path[n] == '/' && ends_as(path, hub_endings);
    for (size_t i = 0; i < files->n; i++) below = below && strcmp(files->items[i], path);
    if (below) append_path(files, hub_arena_dup(l->scratch, hub_cstr(path)));
}

static void load_hubs(struct hub_loader *l) {
    struct paths files = files_below(l, l->dir, hub_endings);
    for (size_t i = 0; i < l->options->overlay_n; i++) add_overlay(l, l->options->overlays[i].path, &files);
    for (size_t i = 0; i < files.n; i++) {
        struct hub_source *src = hub_open_source(l, files.items[i], 'H');
        if (src) load_hub_document(l, src);
    }
    free(files.items);
}

/* Comments alone are a seed without rows. */
static bool says_something(struct hub_str text) {
    struct hub_str line;
    while (hub_str_split(&text, '\n', &line)) {
        line = hub_str_trim(line);
        if (line.n && line.p[0] != '#') return true;
    }
    return false;
}

static void load_seed_file(struct hub_loader *l) {
    const char *path = hub_find_one(l, l->dir, "seed");
    struct hub_source *src = path ? hub_open_source(l, path, 'S') : NULL;
    struct hub_node *root = src && says_something(src->text) ? hub_tree_parse(l->scratch, src, l->diags) : NULL;
    if (root) hub_load_seed(l, root);
}

/* Without the directory, which is another one on other machines; the NUL keeps name and text apart. */
static void add_fingerprint(struct hub_service *s, const char *name, struct hub_str text) {
    s->lib_fingerprint = hub_fingerprint(s->lib_fingerprint, hub_str(name, strlen(name) + 1));
    s->lib_fingerprint = hub_fingerprint(s->lib_fingerprint, text);
}

/* REST of "game/board.lua" is game.board. */
static const char *module_name(struct hub_loader *l, const char *rest) {
    char *name = hub_arena_dup(l->scratch, hub_str(rest, strlen(rest) - strlen(".lua")));
    for (char *p = name; *p; p++)
        if (*p == '/') *p = '.';
    return name;
}

/* "lib/game.board.lua" would be the module of "lib/game/board.lua". */
static void check_module_name(struct hub_loader *l, const struct hub_source *src, const char *rest) {
    if (hub_str_find(hub_cstr(rest), '.') < strlen(rest) - strlen(".lua"))
        hub_diags_add(
            l->diags, "L011", src, NULL, NULL, NULL,
            "no script can reach this module: a dot in its name, or in that of a folder, stands for a folder");
}

static void load_module(struct hub_loader *l, const char *path, const char *rest,
                        const struct hub_plugin_source *plugin, struct hub_def_lib *out) {
    struct hub_source *src = hub_open_source(l, path, 'L');
    char *absolute = src ? realpath(path, NULL) : NULL;
    if (src) src->plugin = plugin, check_module_name(l, src, rest);
    if (!absolute) return;
    out->files.items[out->files.n++] = hub_arena_dup(l->keep, hub_cstr(absolute));
    out->names.items[out->names.n++] = hub_arena_dup(l->keep, hub_cstr(rest));
    if (!plugin) add_fingerprint(l->service, path + strlen(l->dir), src->text); /* it is about the service's scripts */
    l->modules[l->module_n++] = (struct hub_module){module_name(l, rest), src};
    free(absolute);
}

bool hub_load_lib(struct hub_loader *l, const char *folder, const struct hub_plugin_source *plugin,
                  struct hub_def_lib *out) {
    struct stat st;
    struct paths files = {0};
    if (!lstat(folder, &st)) files = files_below(l, folder, lua_endings);
    out->files.items = hub_arena_zalloc(l->keep, (files.n + 1) * sizeof *out->files.items);
    out->names.items = hub_arena_zalloc(l->keep, (files.n + 1) * sizeof *out->names.items);
    l->modules = hub_xrealloc(l->modules, (l->module_n + files.n + 1) * sizeof *l->modules);
    for (size_t i = 0; i < files.n; i++)
        load_module(l, files.items[i], files.items[i] + strlen(folder) + 1, plugin, out);
    free(files.items);
    return out->files.n == files.n;
}

/* Those of plugins have been read with them. */
static void load_modules(struct hub_loader *l) {
    struct hub_service *s = l->service;
    bool good = hub_load_lib(l, hub_arena_fmt(l->scratch, "%s/lib", l->dir), NULL, &s->lib);
    if (good) l->known = hub_know_modules(l, NULL);
    for (size_t i = 0; i < l->plugin_n; i++)
        if (good && l->plugins[i]->lib_good) l->plugins[i]->known = hub_know_modules(l, l->plugins[i]);
    hub_analysis_begin(l);
    hub_check_modules(l);
}

static enum hub_code load_directory(struct hub_loader *l, struct hub_service **out) {
    size_t errors = hub_diags_count(l->diags, HUB_SEV_ERROR);
    const char *path = hub_find_one(l, l->dir, "service");
    struct hub_source *src = path ? hub_open_source(l, path, 'S') : NULL;
    if (!path)
        file_unreadable(l, "S026", hub_arena_fmt(l->scratch, "%s/service.yaml", l->dir),
                        "there is no service.yaml: this is not a service directory");
    if (!src) {
        HUB_UNUSED(end_load(l, errors, NULL), "nothing was read, whatever else there was to find");
        return HUB_NOT_FOUND;
    }
    l->alone = !load_service_document(l, src);
    load_hubs(l);
    if (!l->alone) load_seed_file(l);
    load_modules(l);
    hub_find_strays(l);
    if (!l->hub_n && !l->service->namespace_n && !l->alone && hub_diags_count(l->diags, HUB_SEV_ERROR) == errors)
        hub_diags_add(l->diags, "S009", src, NULL, NULL, NULL,
                      "the service has no hub (*.hub.yaml) and no namespaces: it serves nothing");
    check_all(l);
    freeze_service(l);
    if (!l->alone) hub_check_start(l, src->name, hub_diags_count(l->diags, HUB_SEV_ERROR) == errors);
    return end_load(l, errors, out);
}

static const char *trimmed_dir(struct hub_arena *a, const char *dir) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    return hub_arena_dup(a, hub_str(dir, n));
}

static enum hub_code load_service(const char *dir, const struct hub_load_options *options, bool as_written,
                                  struct hub_diags *diags, struct hub_service **out) {
    struct hub_loader l;
    begin_load(&l, options, diags, "");
    l.dir = l.service->dir = trimmed_dir(l.keep, dir);
    l.as_written = as_written;
    return load_directory(&l, out);
}

/* What has been checked, without what plugins bring. */
static enum hub_code load_as_written(const char *dir, const struct hub_load_options *options,
                                     struct hub_service **out) {
    struct hub_load_options quiet = {.overrides = options->overrides,
                                     .override_n = options->override_n,
                                     .ignore_environment = options->ignore_environment};
    struct hub_diags *diags = hub_diags_new();
    enum hub_code code = load_service(dir, &quiet, true, diags, out);
    hub_diags_free(diags);
    return code;
}

enum hub_code hub_service_load(const char *dir, const struct hub_load_options *options, struct hub_diags *diags,
                               struct hub_service **out) {
    enum hub_code code = load_service(dir, options, false, diags, out);
    if (code || !options || !options->as_written || !out || !(*out)->use_n) return code;
    hub_service_free(*out);
    *out = NULL;
    return load_as_written(dir, options, out);
}

static bool is_plugin_file(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return !strcmp(name, "plugin.yaml") || !strcmp(name, "plugin.yml") || !strcmp(name, "plugin.json");
}

static void load_plugin_alone(struct hub_loader *l, const struct hub_source *src) {
    HUB_UNUSED(hub_load_plugin(l, src), "what is wrong with it has been said; nobody uses it here");
}

enum hub_code hub_file_check(const char *path, const struct hub_load_options *options, struct hub_diags *diags) {
    struct hub_loader l;
    size_t errors = hub_diags_count(diags, HUB_SEV_ERROR);
    begin_load(&l, options, diags, NULL);
    l.alone = true;
    struct hub_source *src = hub_open_source(&l, path, 'H');
    if (src) is_plugin_file(path) ? load_plugin_alone(&l, src) : load_hub_document(&l, src);
    check_all(&l);
    enum hub_code code = end_load(&l, errors, NULL);
    return src ? code : HUB_NOT_FOUND;
}

enum hub_code hub_text_load(struct hub_str service, struct hub_str hub, const struct hub_load_options *options,
                            struct hub_diags *diags, struct hub_service **out) {
    struct hub_loader l;
    size_t errors = hub_diags_count(diags, HUB_SEV_ERROR);
    begin_load(&l, options, diags, NULL);
    l.alone = true;
    if (service.p) l.alone = !load_service_document(&l, hub_source_new(l.scratch, "service.yaml", 'S', service));
    if (hub.p) load_hub_document(&l, hub_source_new(l.scratch, "hub.yaml", 'H', hub));
    check_all(&l);
    freeze_service(&l);
    return end_load(&l, errors, l.alone ? NULL : out);
}

void hub_service_free(struct hub_service *s) {
    if (s) hub_arena_free(s->arena);
}
