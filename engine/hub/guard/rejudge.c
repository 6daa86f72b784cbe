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
    struct hub_timer later; /* some are due at a later time */
};

struct waiting_work {
    struct hub_list link;
    struct hub_work *work;
};

void hub_rejudging_leave(struct hub_rejudging *r, const struct hub_grant *g) {
    if (r->ask.caller.grant == g) r->ask.caller.grant = NULL;
}

static void release_works(struct hub_rejudging *r) {
    struct hub_list works;
    hub_list_init(&works);
    hub_list_splice(&works, &r->works);
    for (struct hub_list *l; (l = hub_list_pop(&works));) {
        struct waiting_work *w = HUB_CONTAINER(l, struct waiting_work, link);
        hub_work_release(w->work);
        free(w);
    }
}

static void end_again(struct hub_rejudging *r) {
    struct hub_conn *c = r->conn;
    struct hub_grants *all = hub_grants_of(c, r->of);
    if (all) all->again = NULL;
    if (c->closed) hub_grants_leave(c, r->of);
    hub_defer_cancel(&r->next);
    hub_timer_stop(c->hub->engine->config.loop, &r->later);
    release_works(r);
    free(r);
    hub_conn_unref(c);
}

/* *WAIT: how long it is to the first that is due later; 0: none is. */
static struct hub_grant *next_due(const struct hub_conn *c, const struct hub_granting *of, int64_t *wait) {
    struct hub_grants *all = hub_grants_of(c, of);
    int64_t now = hub_loop_now(c->hub->engine->config.loop);
    *wait = 0;
    if (!all || c->closed) return NULL;
    HUB_LIST_EACH(&all->all, it) {
        struct hub_grant *g = HUB_CONTAINER(it, struct hub_grant, link);
        if (!g->due || g->pending) continue;
        int64_t left = hub_grant_not_before(g) - now;
        if (left <= 0) return g;
        if (!*wait || left < *wait) *wait = left;
    }
    return NULL;
}

static void on_again_judged(struct hub_guard_ask *ask, enum hub_code code);

static void on_later(struct hub_timer *t);

/* Whoever waits for rights does not wait for those that are due later: they follow from other changes. */
static void wait_or_end(struct hub_rejudging *r, int64_t wait) {
    if (!wait) {
        end_again(r);
        return;
    }
    hub_timer_stop(r->conn->hub->engine->config.loop, &r->later);
    hub_timer_start(r->conn->hub->engine->config.loop, &r->later, wait, on_later);
    release_works(r); /* R may be gone */
}

/* A loop, not a recursion: most guards answer at once. */
static void go_on(struct hub_rejudging *r) {
    struct hub_grant *g;
    int64_t wait = 0;
    if (r->going_on) return;
    r->going_on = true;
    while (!r->asking && (g = next_due(r->conn, r->of, &wait))) {
        g->due = false;
        r->asking = true;
        hub_grant_forget(g);
        r->ask = (struct hub_guard_ask){.guard = r->of->guard, .done = on_again_judged, .caller.grant = g};
        hub_guard_ask(&r->ask, r->conn->hub, r->conn, r->conn->identity, hub_grant_name(g));
    }
    r->going_on = false;
    if (!r->asking) wait_or_end(r, wait);
}

static void on_later(struct hub_timer *t) { go_on(HUB_CONTAINER(t, struct hub_rejudging, later)); }

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

void hub_rejudging_close(struct hub_rejudging *r) { hub_defer(r->conn->hub->engine->config.loop, &r->next); }

void hub_grant_doubt(struct hub_grant *g, const struct hub_grant *by) {
    struct hub_conn *c = g->conn;
    bool known = g->due;
    g->due = true;
    if (c->closed || g->pending) return;
    if (!known) HUB_UNUSED(hub_grant_round(g, by), "it is kept with the grant");
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
    HUB_LIST_EACH(&all->all, it) {
        struct hub_grant *g = HUB_CONTAINER(it, struct hub_grant, link);
        g->due = true;
        g->rounds_paid = 0; /* rights do not wait */
    }
    struct hub_rejudging *r = rejudging_of(all, c, of);
    wait_for(r, work);
    hub_defer(c->hub->engine->config.loop, &r->next);
}
