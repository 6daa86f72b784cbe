/* What was granted to a connection is judged again: one guard after the other, from the beginning when
 * there is a change meanwhile. */
#include <stdlib.h>

#include "hub/guard/guard_int.h"

struct hub_rejudging {
    struct hub_guard_ask ask;
    const struct hub_granting *of;
    struct hub_conn *conn; /* reference */
    struct hub_list works; /* waiting_work.link */
    bool asking, going_on;
    struct hub_task next;
};

struct waiting_work {
    struct hub_list link;
    struct hub_work *work;
};

void hub_rejudging_leave(struct hub_rejudging *r, const struct hub_grant *g) {
    if (r->ask.caller.grant == g) r->ask.caller.grant = NULL;
}

static void end_again(struct hub_rejudging *r) {
    struct hub_conn *c = r->conn;
    struct hub_grants *all = hub_grants_of(c, r->of);
    if (all) all->again = NULL;
    if (c->closed) hub_grants_leave(c, r->of);
    hub_defer_cancel(&r->next);
    for (struct hub_list *l; (l = hub_list_pop(&r->works));) {
        struct waiting_work *w = HUB_CONTAINER(l, struct waiting_work, link);
        hub_work_release(w->work);
        free(w);
    }
    free(r);
    hub_conn_unref(c);
}

static struct hub_grant *next_due(const struct hub_conn *c, const struct hub_granting *of) {
    struct hub_grants *all = hub_grants_of(c, of);
    if (!all || c->closed) return NULL;
    HUB_LIST_EACH(&all->all, it) {
        struct hub_grant *g = HUB_CONTAINER(it, struct hub_grant, link);
        if (g->due && !g->pending) return g;
    }
    return NULL;
}

static void on_again_judged(struct hub_guard_ask *ask, enum hub_code code);

/* A loop, not a recursion: most guards answer at once. */
static void go_on(struct hub_rejudging *r) {
    struct hub_grant *g;
    if (r->going_on) return;
    r->going_on = true;
    while (!r->asking && (g = next_due(r->conn, r->of))) {
        g->due = false;
        r->asking = true;
        hub_grant_forget(g);
        r->ask = (struct hub_guard_ask){.guard = r->of->guard, .done = on_again_judged, .caller.grant = g};
        hub_guard_ask(&r->ask, r->conn->hub, r->conn, r->conn->identity, hub_grant_name(g));
    }
    r->going_on = false;
    if (!r->asking) end_again(r);
}

static void on_again_judged(struct hub_guard_ask *ask, enum hub_code code) {
    struct hub_rejudging *r = HUB_CONTAINER(ask, struct hub_rejudging, ask);
    struct hub_grant *g = code ? hub_grant_find(r->conn, r->of, hub_cstr(ask->name)) : NULL;
    r->asking = false;
    if (g && !g->pending) hub_grant_end(g, hub_code_name(code));
    go_on(r);
}

static void on_doubt(struct hub_task *t) { go_on(HUB_CONTAINER(t, struct hub_rejudging, next)); }

static struct hub_rejudging *rejudging_of(struct hub_grants *all, struct hub_conn *c, const struct hub_granting *of) {
    if (all->again) return all->again;
    struct hub_rejudging *r = all->again = hub_xcalloc(1, sizeof *r);
    *r = (struct hub_rejudging){.of = of, .conn = hub_conn_ref(c), .next = {.run = on_doubt}};
    hub_list_init(&r->works);
    return r;
}

void hub_grant_doubt(struct hub_grant *g) {
    struct hub_conn *c = g->conn;
    g->due = true;
    if (c->closed || g->pending) return;
    hub_defer(c->hub->engine->config.loop, &rejudging_of(hub_grants_of(c, g->of), c, g->of)->next);
}

static void wait_for(struct hub_rejudging *r, struct hub_work *work) {
    if (!work) return;
    struct waiting_work *w = hub_xcalloc(1, sizeof *w);
    w->work = hub_work_hold(work);
    hub_list_push(&r->works, &w->link);
}

/* Not from inside the call: a guard may put out those whom its caller goes through. */
void hub_grants_rejudge(struct hub_conn *c, const struct hub_granting *of, struct hub_work *work) {
    struct hub_grants *all = hub_grants_of(c, of);
    if (c->closed || !all || !all->n) return;
    HUB_LIST_EACH(&all->all, it) HUB_CONTAINER(it, struct hub_grant, link)->due = true;
    struct hub_rejudging *r = rejudging_of(all, c, of);
    wait_for(r, work);
    hub_defer(c->hub->engine->config.loop, &r->next);
}
