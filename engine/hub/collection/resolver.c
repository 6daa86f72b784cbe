/* Collections by a script: run when somebody begins to watch, when a record that `watch` names has
 * changed, and when a script says so. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "hub/collection/collection_int.h"

/* ---- what is watched for ---- */

/* A pattern of watch, with the collection's parts in their places. */
static HUB_MUST char *fill_pattern(const char *text, const json_t *params) {
    struct hub_buf b = {0};
    while (*text) {
        size_t n = *text == '{' ? strcspn(text, "}") : 0;
        char *name = n && text[n] ? hub_str_dup(hub_str(text + 1, n - 1)) : NULL;
        const json_t *v = name ? json_object_get(params, name) : NULL;
        free(name);
        if (v)
            hub_buf_adds(&b, hub_json_str(v)), text += n + 1;
        else
            hub_buf_addc(&b, *text++);
    }
    return hub_buf_take(&b, NULL);
}

void hub_collection_bind_watch(struct hub_collection *c) {
    const struct hub_strs *watch = &c->window->watch;
    struct hub_err err;
    c->watch = hub_xcalloc(watch->n + 1, sizeof *c->watch);
    c->all->watching++;
    for (size_t i = 0; i < watch->n; i++) {
        char *text = fill_pattern(watch->items[i], c->params);
        struct hub_str prefix;
        if (!hub_record_glob(hub_cstr(text), &c->watch[c->watch_n], &prefix, &err)) c->watch_n++;
        free(text);
    }
}

void hub_collection_unbind_watch(struct hub_collection *c) {
    if (!c->watch) return;
    c->all->watching--;
    while (c->watch_n) hub_pattern_free(c->watch[--c->watch_n]);
    free(c->watch);
    c->watch = NULL;
}

static bool is_watching(const struct hub_collection *c, struct hub_str id) {
    for (size_t i = 0; i < c->watch_n; i++)
        if (!hub_pattern_match(c->watch[i], id, NULL)) return true;
    return false;
}

void hub_collection_record_changed(struct hub_engine *e, struct hub_str id, const struct hub_grant *by) {
    struct hub_collections *all = hub_collections_of(e);
    (void)by;
    if (!all->watching) return;
    HUB_LIST_EACH(&all->list, it) {
        struct hub_collection *c = HUB_CONTAINER(it, struct hub_collection, link);
        if (c->watch_n && (c->loaded || c->running) && is_watching(c, id)) hub_collection_refresh(c);
    }
}

/* ---- running ---- */

/* What a script gives is a list of objects with an id each. */
static enum hub_code take_result(const json_t *result, struct hub_collection_items *items, struct hub_err *err) {
    size_t n = json_array_size(result);
    if (!json_is_array(result) && !(json_is_object(result) && !json_object_size(result)))
        return hub_fail(err, HUB_HANDLER_FAILED, "resolver: expected a list of objects with an id");
    if (n > HUB_COLLECTION_ITEMS_MAX)
        return hub_fail(err, HUB_HANDLER_FAILED, "resolver: at most %d records", HUB_COLLECTION_ITEMS_MAX);
    for (size_t i = 0; i < n; i++) {
        json_t *record = json_array_get(result, i);
        struct hub_str id = hub_json_get_str(record, "id");
        if (!id.n) return hub_fail(err, HUB_HANDLER_FAILED, "resolver: record %zu has no id that is a text", i + 1);
        if (hub_collection_index(items, id) >= 0)
            return hub_fail(err, HUB_HANDLER_FAILED, "resolver: two records have the id \"%.*s\"", HUB_CUT(id, 64));
        hub_collection_items_add(items, items->n, record, NULL);
    }
    return HUB_OK;
}

static void on_resolved(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_collection *c = arg;
    struct hub_collection_items items = {0};
    struct hub_err err;
    json_t *own = json_deep_copy(result); /* it is borrowed */
    if (!code && take_result(own, &items, &err)) code = err.code, error = err.text;
    if (code && c->window) hub_hook_failed(c->hub, &c->window->resolver, code, error);
    if (code) hub_collection_items_free(&items);
    json_decref(own);
    hub_collection_ran(c, code, &items);
}

void hub_collection_resolve(struct hub_collection *c) {
    struct hub_collection_items none = {0};
    json_t *id = json_string(c->id);
    const struct hub_hook_arg args[] = {{"params", c->params}, {"collectionId", id}};
    if (c->window && c->window->resolver.kind != HUB_SCRIPT_NONE)
        hub_hook_call(c->hub, &c->window->resolver, args, HUB_NELEM(args), on_resolved, c);
    else
        hub_collection_ran(c, HUB_NOT_FOUND, &none); /* new definitions do without it */
    json_decref(id);
}
