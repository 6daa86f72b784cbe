/* Windows: which declaration a record's id fits. */
#include "base/match/pattern.h"
#include "hub/namespace/namespace.h"
#include "hub/record/record_int.h"

enum hub_code hub_record_window(const struct hub_def *def, struct hub_str id, const struct hub_def_record **out,
                                json_t **params, struct hub_err *err) {
    enum hub_code code = HUB_NOT_FOUND;
    *out = NULL;
    for (size_t i = 0; code == HUB_NOT_FOUND && i < def->parts.record_n; i++) {
        code = hub_pattern_match(def->parts.records[i].pattern.compiled, id, params);
        if (!code) *out = &def->parts.records[i];
    }
    if (code == HUB_NOT_FOUND) return hub_fail(err, code, "no record of that id is declared here");
    if (code) return hub_fail(err, code, "recordId: whether that is the id of a record takes too long to find out");
    return HUB_OK;
}

struct hub_hub *hub_record_owner(struct hub_engine *e, size_t *at) {
    const struct hub_service *s = e->config.service;
    struct hub_hub *found = NULL;
    while (!found && *at < e->hub_n + s->namespace_n) {
        size_t i = (*at)++;
        const struct hub_def_namespace *n = i < e->hub_n ? NULL : &s->namespaces[i - e->hub_n];
        if (!n)
            found = e->hubs[i];
        else if (!n->pattern.is_regex)
            found = hub_namespaces_hub(e, hub_cstr(n->path));
    }
    return found;
}

/* A window of which it takes too long to find out is not passed over: it refuses. */
struct hub_hub *hub_record_window_owner(struct hub_engine *e, struct hub_str id) {
    const struct hub_def_record *w;
    struct hub_hub *hub = NULL;
    struct hub_err err;
    enum hub_code code = HUB_NOT_FOUND;
    for (size_t at = 0; code == HUB_NOT_FOUND && (hub = hub_record_owner(e, &at));)
        code = hub_record_window(hub->def, id, &w, NULL, &err);
    return hub;
}

/* ---- what all windows of the service say of a record ---- */

static const struct hub_script *hook_of(const struct hub_hub *hub, const struct hub_record *r, json_t **params) {
    const struct hub_def_record *w;
    struct hub_err err;
    if (!hub->def->parts.record_n || hub_record_window(hub->def, hub_cstr(r->id), &w, params, &err)) return NULL;
    if (w->on_changed.kind != HUB_SCRIPT_NONE) return &w->on_changed;
    if (params) json_decref(*params), *params = NULL;
    return NULL;
}

/* A change is told once. */
const struct hub_script *hub_record_hook(const struct hub_record *r, struct hub_hub **hub, json_t **params) {
    const struct hub_script *script = NULL;
    for (size_t at = 0; !script && (*hub = hub_record_owner(r->all->engine, &at));) script = hook_of(*hub, r, params);
    return script;
}

/* What the windows of the service say of an id. */
struct home {
    unsigned windows;
    bool kept; /* one of them says so */
    const struct hub_def_object *object;
    json_t *params; /* with OBJECT */
};

/* The first window of DEF that fits ID. */
static void ask_window(struct home *h, const struct hub_def *def, struct hub_str id) {
    const struct hub_def_record *w;
    struct hub_err err;
    json_t *params = NULL;
    if (!def->parts.record_n || hub_record_window(def, id, &w, h->object ? NULL : &params, &err)) return;
    h->windows++;
    h->kept |= w->persist;
    if (!h->object && w->data_object)
        h->object = w->data_object, h->params = params;
    else
        json_decref(params);
}

/* A row, if any window says so; else in the safest place that one asks for. Scripts need none. */
static struct home find_home(const struct hub_records *all, struct hub_str id) {
    const struct hub_service *s = all->engine->config.service;
    struct home h = {0};
    for (size_t i = 0; i < s->hub_n; i++) ask_window(&h, &s->hubs[i], id);
    for (size_t i = 0; i < s->namespace_n; i++) ask_window(&h, &s->namespaces[i].def, id);
    return h;
}

bool hub_record_is_row(const struct hub_records *all, struct hub_str id) {
    struct home h = find_home(all, id);
    json_decref(h.params);
    return h.object;
}

static void look_up_home(struct hub_record *r) {
    struct home h = find_home(r->all, hub_cstr(r->id));
    r->home = h.object ? HUB_RECORD_ROW : h.windows && !h.kept ? HUB_RECORD_CACHED : HUB_RECORD_STORED;
    if (h.object)
        hub_record_row_bind(r, h.object->name, hub_json_get_str(h.params, "id"));
    else
        hub_record_row_unbind(r);
    json_decref(h.params);
}

static void look_up_windows(struct hub_record *r) {
    struct hub_hub *hub;
    if (r->known_by == r->all->definitions) return;
    r->watched = hub_record_hook(r, &hub, NULL);
    look_up_home(r);
    r->known_by = r->all->definitions;
}

bool hub_record_is_watched(struct hub_record *r) { return look_up_windows(r), r->watched; }
enum hub_record_home hub_record_home_of(struct hub_record *r) { return look_up_windows(r), r->home; }
