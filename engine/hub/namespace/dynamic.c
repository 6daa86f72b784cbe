/* Dynamic namespaces: those whose path is an expression. Each name that fits it and that somebody connects
 * to is a namespace of its own, with its own rooms, from the first CONNECT until no socket of it is left. */
#include <stdlib.h>

#include "base/match/pattern.h"
#include "base/telemetry/metric.h"
#include "hub/namespace/namespace_int.h"

static struct hub_metric live_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_dynamic_namespaces", NULL, "Names of namespaces by expression that are in use");
static struct hub_metric refusals = HUB_METRIC(HUB_COUNTER, "hubd_dynamic_namespace_refusals_total", NULL,
                                               "CONNECTs refused because maxNames names were in use");

/* How many names of DEF, an expression of the service, are in use. */
static size_t *names_of(const struct hub_namespaces *n, const struct hub_def_namespace *def) {
    return &n->names_of[def - n->engine->config.service->namespaces];
}

/* What stands for all names of DEF beyond the bound: whoever connects to it is refused. */
static struct hub_ns *full_namespace(struct hub_namespaces *n, const struct hub_def_namespace *def) {
    if (!n->full) n->full = hub_ns_new(n, def, def->path);
    n->full->def = def; /* nothing else of it is read */
    return n->full;
}

static struct hub_ns *open_namespace(struct hub_namespaces *n, const struct hub_def_namespace *def,
                                     struct hub_str name) {
    if (*names_of(n, def) >= (size_t)def->max_names) {
        hub_metric_add(&refusals, 1);
        return full_namespace(n, def);
    }
    char *text = hub_str_dup(name);
    struct hub_ns *ns = hub_ns_new(n, def, text);
    free(text);
    hub_list_push(&n->dynamic, &ns->link);
    hub_map_put(&n->names, name, ns);
    ++*names_of(n, def);
    hub_metric_add(&live_gauge, 1);
    hub_ns_unused(ns); /* if nobody comes to use it */
    return ns;
}

void hub_ns_unused(struct hub_ns *ns) {
    if (ns == ns->all->full) return;
    if (!hub_list_linked(&ns->unused)) hub_list_push(&ns->all->unused, &ns->unused);
    hub_defer(hub_ns_loop(ns), &ns->all->prune);
}

/* The first in the order of the file. A name that takes too long to match is no name. */
static const struct hub_def_namespace *definition_for(const struct hub_namespaces *n, struct hub_str name) {
    const struct hub_service *service = n->engine->config.service;
    if (hub_str_starts(name, HUB_STR("/hub/"))) return NULL; /* these belong to hubs */
    for (size_t i = 0; i < service->namespace_n; i++) {
        const struct hub_def_namespace *def = &service->namespaces[i];
        if (!def->pattern.is_regex) continue;
        enum hub_code code = hub_pattern_match(def->pattern.compiled, name, NULL);
        if (code != HUB_NOT_FOUND) return code == HUB_OK ? def : NULL;
    }
    return NULL;
}

struct hub_ns *hub_ns_dynamic(struct hub_namespaces *n, struct hub_str name) {
    struct hub_ns *ns = hub_map_get(&n->names, name);
    if (ns) return ns;
    const struct hub_def_namespace *def = definition_for(n, name);
    return def ? open_namespace(n, def, name) : NULL;
}

static void forget_name(struct hub_ns *ns) {
    hub_map_del(&ns->all->names, hub_cstr(ns->name));
    hub_list_remove(&ns->link);
    hub_metric_add(&live_gauge, -1);
}

void hub_ns_prune(struct hub_task *t) {
    struct hub_namespaces *n = HUB_CONTAINER(t, struct hub_namespaces, prune);
    HUB_LIST_EACH_SAFE(&n->unused, it) {
        struct hub_ns *ns = HUB_CONTAINER(it, struct hub_ns, unused);
        if (!ns->uses && ns->hub.kept) continue; /* work goes on that refers to it: it is looked at again */
        hub_list_remove(&ns->unused);
        if (ns->uses) continue;
        if (ns->def) {
            --*names_of(n, ns->def);
            forget_name(ns);
        } else {
            hub_list_remove(&ns->link); /* a reload has ended it */
        }
        hub_ns_free(ns);
    }
}

/* All but the one in force. */
static void drop_past(struct hub_ns *ns) {
    HUB_LIST_EACH_SAFE(&ns->owns, it) {
        if (it->next == &ns->owns) return;
        hub_list_remove(it);
        free(HUB_CONTAINER(it, struct hub_ns_own, link));
    }
}

/* Definitions before a reload go as those of the service do: when nothing is under way. */
void hub_ns_sweep_dynamic(struct hub_namespaces *n) {
    hub_defer(n->engine->config.loop, &n->prune);
    if (n->engine->holds.n) return;
    HUB_LIST_EACH(&n->dynamic, it) drop_past(HUB_CONTAINER(it, struct hub_ns, link));
}

static bool has_exact(const struct hub_namespaces *n, const char *name) {
    const struct hub_service *service = n->engine->config.service;
    for (size_t i = 0; i < service->namespace_n; i++)
        if (!service->namespaces[i].pattern.is_regex && !strcmp(service->namespaces[i].path, name)) return true;
    return false;
}

static void recount_names(struct hub_namespaces *n) {
    free(n->names_of);
    n->names_of = hub_xcalloc(n->engine->config.service->namespace_n, sizeof *n->names_of);
    HUB_LIST_EACH(&n->dynamic, it)++ *names_of(n, HUB_CONTAINER(it, struct hub_ns, link)->def);
}

void hub_ns_reload_dynamic(struct hub_namespaces *n) {
    HUB_LIST_EACH_SAFE(&n->dynamic, it) {
        struct hub_ns *ns = HUB_CONTAINER(it, struct hub_ns, link);
        const struct hub_def_namespace *def = has_exact(n, ns->name) ? NULL : definition_for(n, hub_cstr(ns->name));
        if (def) {
            hub_ns_define(ns, def);
            continue;
        }
        forget_name(ns);
        hub_list_push(&n->list, &ns->link);
        hub_ns_retire(ns);
    }
    recount_names(n);
}

void hub_ns_delete_dynamic(struct hub_namespaces *n) {
    hub_defer_cancel(&n->prune);
    for (struct hub_list *l; (l = hub_list_pop(&n->dynamic));) {
        hub_metric_add(&live_gauge, -1);
        hub_ns_free(HUB_CONTAINER(l, struct hub_ns, link));
    }
    hub_map_clear(&n->names);
    free(n->names_of);
    if (n->full) hub_ns_free(n->full);
}
