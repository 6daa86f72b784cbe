/* What guards have granted to connections. */
#include <stdlib.h>

#include "hub/guard/guard_int.h"

/* ---- what a connection has ---- */

void hub_grant_add(struct hub_conn *c, const struct hub_granting *of, struct hub_grant *g) {
    struct hub_grants *all = hub_grants_of(c, of);
    if (!all) {
        *hub_conn_data(c, of->part) = all = hub_xcalloc(1, sizeof *all);
        hub_list_init(&all->all);
    }
    g->of = of;
    g->conn = c;
    hub_list_init(&g->reads);
    hub_list_init(&g->changes);
    hub_list_push(&all->all, &g->link);
    all->n++;
    hub_metric_add(of->now, 1);
}

struct hub_str hub_grant_name(const struct hub_grant *g) {
    return g->pending ? hub_call_str(g->pending->call, g->of->guard->variable) : g->of->name(g);
}

void hub_grant_note(struct hub_grant *g, struct hub_grant_read *read) {
    read->grant = g;
    hub_list_push(&g->reads, &read->in_grant);
    g->read_n++;
}

bool hub_grant_has_noted(const struct hub_grant *g, const void *what) {
    HUB_LIST_EACH(&g->reads, it) {
        if (HUB_CONTAINER(it, struct hub_grant_read, in_grant)->what == what) return true;
    }
    return false;
}

void hub_grant_begin_change(struct hub_grant *g, struct hub_grant_change *x) {
    x->grant = g;
    hub_list_init(&x->in_grant);
    if (g) hub_list_push(&g->changes, &x->in_grant);
}

void hub_grant_end_change(struct hub_grant_change *x) {
    hub_list_remove(&x->in_grant);
    x->grant = NULL;
}

void hub_grant_forget(struct hub_grant *g) {
    for (struct hub_list *l; (l = hub_list_pop(&g->changes));)
        HUB_CONTAINER(l, struct hub_grant_change, in_grant)->grant = NULL;
    for (struct hub_list *l; (l = hub_list_pop(&g->reads));) {
        struct hub_grant_read *read = HUB_CONTAINER(l, struct hub_grant_read, in_grant);
        read->drop(read);
    }
    g->read_n = 0;
}

struct hub_grant *hub_grant_find(const struct hub_conn *c, const struct hub_granting *of, struct hub_str name) {
    struct hub_grants *all = hub_grants_of(c, of);
    if (!all) return NULL;
    HUB_LIST_EACH(&all->all, it) {
        struct hub_grant *g = HUB_CONTAINER(it, struct hub_grant, link);
        if (hub_str_eq(hub_grant_name(g), name)) return g;
    }
    return NULL;
}

size_t hub_grants_n(const struct hub_conn *c, const struct hub_granting *of) {
    const struct hub_grants *all = hub_grants_of(c, of);
    return all ? all->n : 0;
}

void hub_grants_leave(struct hub_conn *c, const struct hub_granting *of) {
    struct hub_grants *all = hub_grants_of(c, of);
    if (!all) return;
    while (!hub_list_empty(&all->all)) hub_grant_end(HUB_CONTAINER(all->all.next, struct hub_grant, link), NULL);
    if (all->again) { /* which frees it */
        hub_rejudging_close(all->again);
        return;
    }
    *hub_conn_data(c, of->part) = NULL;
    free(all);
}

static void tell_end(struct hub_conn *c, const struct hub_granting *of, const char *name, const char *reason) {
    if (c->closed) return;
    struct hub_buf b = hub_scratch_take(c->hub->engine);
    hub_buf_addf(&b, "{\"%s\":", of->guard->variable);
    hub_json_add_string(&b, hub_cstr(name));
    hub_buf_addz(&b, ",\"reason\":");
    hub_json_add_string(&b, hub_cstr(reason));
    hub_buf_addc(&b, '}');
    hub_outlet_emit(&c->outlet, HUB_STR("hub:unsubscribed"), hub_buf_str(&b), 0);
    hub_scratch_give(c->hub->engine, &b);
}

/* What its guard reads, which may be running, is noted nowhere. */
static void leave_asks(struct hub_grants *all, struct hub_grant *g) {
    hub_grant_forget(g);
    if (g->pending) g->pending->ask.caller.grant = g->pending->grant = NULL;
    if (all->again) hub_rejudging_leave(all->again, g);
}

/* A request answers by itself. What it was told before comes before the end of it. */
void hub_grant_end(struct hub_grant *g, const char *reason) {
    const struct hub_granting *of = g->of;
    struct hub_conn *c = g->conn;
    char *told = reason && !g->pending ? hub_str_dup(of->name(g)) : NULL;
    leave_asks(hub_grants_of(c, of), g);
    hub_list_remove(&g->link);
    hub_grants_of(c, of)->n--;
    hub_metric_add(of->now, -1);
    of->free(g);
    if (told) tell_end(c, of, told, reason);
    free(told);
}
