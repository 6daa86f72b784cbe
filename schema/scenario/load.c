/* From scenarios/ to scenarios: files, trees, and the walk over them. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/time/clock.h"
#include "schema/loader.h"
#include "schema/scenario/check.h"
#include "schema/scenario/rows.h"

struct hub_scenarios {
    struct hub_arena *arena;
    struct hub_scenario **items;
    size_t n;
};

size_t hub_scenarios_n(const struct hub_scenarios *s) { return s->n; }
const struct hub_scenario *hub_scenarios_at(const struct hub_scenarios *s, size_t i) { return s->items[i]; }

void hub_scenarios_free(struct hub_scenarios *s) {
    if (!s) return;
    hub_arena_free(s->arena);
    free(s->items);
    free(s);
}

/* Texts are what they are: nothing is replaced in them from the environment. */
static void take_as_written(struct hub_node *n) {
    if (n->kind == HUB_NODE_SCALAR && !n->bad) n->resolved = true, n->value = n->text;
    for (struct hub_node *c = n->first; c; c = c->next) take_as_written(c);
}

struct hub_node *hub_scenario_said(const struct hub_scenario_step *s, const char *key) {
    struct hub_node *n =
        hub_node_get(hub_node_get(s->node, hub_cstr(hub_scenario_action_names[s->action])), hub_cstr(key));
    return n;
}

struct hub_node *hub_scenario_expected(const struct hub_scenario_step *s, const char *key) {
    return hub_node_get(hub_node_get(s->node, HUB_STR("expect")), hub_cstr(key));
}

json_t *hub_scenario_json(const struct hub_node *n) {
    struct hub_loader none = {0}; /* of a resolved tree nothing is asked of it */
    return n ? hub_value_of_node(&none, (struct hub_node *)(uintptr_t)n) : json_null();
}

bool hub_scenario_duration(struct hub_str text, int64_t *ms) {
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    *ms = 0;
    while (text.n) {
        size_t digits = 0, letters = 0, u = 0;
        int64_t n = 0;
        while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') digits++;
        while (digits + letters < text.n && text.p[digits + letters] >= 'a') letters++;
        struct hub_str unit = hub_str(text.p + digits, letters);
        while (u < HUB_NELEM(units) && !hub_str_is(unit, units[u].name)) u++;
        if (digits > 9 || !hub_str_i64(hub_str(text.p, digits), &n) || u == HUB_NELEM(units)) return false;
        *ms += n * units[u].ms;
        text = hub_str(text.p + digits + letters, text.n - digits - letters);
        if (!text.n) return true;
    }
    return false;
}

/* ---- one document ---- */

/* The walk leaves values to whoever knows what they are: here the nodes themselves. */
static void keep_nodes(struct hub_scenario *s) {
    struct hub_node *stubs = hub_node_get(s->node, HUB_STR("stubs"));
    struct hub_node *lists[] = {hub_node_get(s->node, HUB_STR("steps")), hub_node_get(s->node, HUB_STR("decisions")),
                                hub_node_get(stubs, HUB_STR("http")), hub_node_get(stubs, HUB_STR("db"))};
    size_t at[HUB_NELEM(lists)] = {0};
    for (size_t i = 0; i < HUB_NELEM(lists); i++)
        for (struct hub_node *c = lists[i] ? lists[i]->first : NULL; c; c = c->next) {
            if (c->kind != HUB_NODE_MAP) continue;
            size_t k = at[i]++;
            if (i == 0 && k < s->step_n) s->steps[k].node = c;
            if (i == 1 && k < s->decision_n) s->decisions[k].node = c;
            if (i == 2 && k < s->http_n) s->http[k].node = c;
            if (i == 3 && k < s->db_n) s->db[k].node = c;
        }
}

static void load_document(struct hub_loader *l, struct hub_scenarios *all, const struct hub_source *src) {
    struct hub_node *root = src ? hub_tree_parse(l->scratch, src, l->diags) : NULL;
    if (!root || !hub_is_mapping(l, root)) return;
    struct hub_scenario *s = hub_arena_zalloc(l->keep, sizeof *s);
    take_as_written(root);
    s->src = src;
    s->node = root;
    hub_walk(l, &hub_fields_scenario, root, s);
    keep_nodes(s);
    hub_scenario_check(l, s);
    all->items = hub_xrealloc(all->items, (all->n + 1) * sizeof(struct hub_scenario *));
    all->items[all->n++] = s;
}

static void load_folder(struct hub_loader *l, struct hub_scenarios *all) {
    static const char *const endings[] = {".yaml", ".yml", NULL};
    char **files;
    size_t n = hub_find_files(l, hub_arena_fmt(l->scratch, "%s/scenarios", l->dir), endings, &files);
    for (size_t i = 0; i < n; i++) load_document(l, all, hub_open_source(l, files[i], 'T'));
    free(files);
}

static struct hub_loader begin_scenarios(const struct hub_service *service, const struct hub_load_options *options,
                                         struct hub_diags *diags, struct hub_scenarios **out) {
    static const struct hub_load_options none;
    struct hub_scenarios *all = *out = hub_xcalloc(1, sizeof *all);
    all->arena = hub_arena_new();
    return (struct hub_loader){.keep = all->arena,
                               .scratch = all->arena,
                               .options = options ? options : &none,
                               .diags = diags,
                               .dir = service->dir,
                               .service = (struct hub_service *)(uintptr_t)service};
}

static enum hub_code end_scenarios(struct hub_loader *l, size_t errors_before) {
    hub_apply_ignores(l);
    hub_loader_free_lists(l);
    if (hub_diags_count(l->diags, HUB_SEV_ERROR) == errors_before) return HUB_OK;
    return l->unreadable ? HUB_NOT_FOUND : HUB_BAD_REQUEST;
}

enum hub_code hub_scenarios_load(const struct hub_service *service, char *const *files, size_t file_n,
                                 const struct hub_load_options *options, struct hub_diags *diags,
                                 struct hub_scenarios **out) {
    size_t errors = hub_diags_count(diags, HUB_SEV_ERROR);
    struct hub_loader l = begin_scenarios(service, options, diags, out);
    for (size_t i = 0; i < file_n; i++) load_document(&l, *out, hub_open_source(&l, files[i], 'T'));
    if (!file_n) load_folder(&l, *out);
    return end_scenarios(&l, errors);
}

enum hub_code hub_scenario_text_load(const struct hub_service *service, struct hub_str text, struct hub_diags *diags,
                                     struct hub_scenarios **out) {
    size_t errors = hub_diags_count(diags, HUB_SEV_ERROR);
    struct hub_loader l = begin_scenarios(service, NULL, diags, out);
    load_document(&l, *out, hub_source_new(l.scratch, "scenario.yaml", 'T', text));
    return end_scenarios(&l, errors);
}

void hub_scenarios_lint(const struct hub_service *service, const struct hub_load_options *options,
                        struct hub_diags *diags) {
    struct hub_scenarios *all;
    HUB_UNUSED(hub_scenarios_load(service, NULL, 0, options, diags, &all), "what is wrong is in DIAGS");
    hub_scenarios_free(all);
}
