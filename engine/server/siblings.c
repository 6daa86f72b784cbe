/* The other loops of a process: each is a struct hub_server of its own, made by the first loop before its
 * thread begins and gone before the first loop takes apart what they share. Loops speak to each other by
 * posted tasks; only for the moment of a reload all of them stand still together. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/memory/block.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "server/server_int.h"

struct hub_sibling {
    struct hub_server server; /* of its thread, once that has begun */
    struct hub_siblings *all;
    pthread_t thread;
    /* of the first loop: */
    bool is_gone;
    struct hub_generation asked; /* to be prepared, until PREPARE has run */
    /* of whoever posts them, until they have run: to its loop, */
    struct hub_task drain, prepare, drop, meet;
    /* and to the first one */
    struct hub_task served, prepared, over;
    char error[512]; /* why it has not prepared; empty: it has. Its own until PREPARED is posted */
};

struct hub_siblings {
    struct hub_server *first;
    struct hub_sibling *items;
    size_t n, serving, living;
    bool draining;
    /* of a reload: */
    size_t preparing; /* how many have not answered */
    char error[512];  /* of one of them */
    void (*then)(struct hub_server *s, const char *error);
    pthread_barrier_t barrier;
    bool taken_over; /* written by the first loop between the two meetings at BARRIER */
};

/* ---- their life ---- */

/* In the first loop: the thread has nothing more to do. */
static void on_over(struct hub_task *task) {
    struct hub_sibling *b = HUB_CONTAINER(task, struct hub_sibling, over);
    struct hub_server *first = b->all->first;
    pthread_join(b->thread, NULL);
    hub_loop_delete(b->server.loop);
    b->is_gone = true;
    b->all->living--;
    if (!first->draining) hub_server_give_up(first, b->server.exit_code ? b->server.exit_code : HUB_EXIT_FAILED);
}

static void *run_sibling(void *arg) {
    struct hub_sibling *b = arg;
    hub_block_keep();
    hub_loop_run(b->server.loop);
    HUB_UNUSED(hub_server_take_apart(&b->server), "definitions are the first loop's to give away");
    hub_block_drop();
    hub_post(b->all->first->loop, &b->over);
    return NULL;
}

static void on_served(struct hub_task *task) {
    struct hub_siblings *all = HUB_CONTAINER(task, struct hub_sibling, served)->all;
    if (++all->serving == all->n && !all->first->draining)
        hub_timer_start(all->first->loop, &all->first->start, 0, hub_server_on_start);
}

static struct hub_sibling *sibling_of(struct hub_server *s) { return HUB_CONTAINER(s, struct hub_sibling, server); }

void hub_siblings_served(struct hub_server *s) { hub_post(sibling_of(s)->all->first->loop, &sibling_of(s)->served); }

static void on_drain(struct hub_task *task) {
    hub_server_follow_drain(&HUB_CONTAINER(task, struct hub_sibling, drain)->server);
}

void hub_siblings_drain(struct hub_server *s) {
    struct hub_siblings *all = s->siblings;
    if (!all || all->draining) return;
    all->draining = true;
    for (size_t i = 0; i < all->n; i++)
        if (!all->items[i].is_gone) hub_post(all->items[i].server.loop, &all->items[i].drain);
}

bool hub_siblings_are_gone(const struct hub_server *s) { return !s->siblings || !s->siblings->living; }

void hub_siblings_free(struct hub_server *s) {
    struct hub_siblings *all = s->siblings;
    if (!all) return;
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].asked.service) hub_server_free_generation(&all->items[i].asked);
        HUB_BUG_IF(!all->items[i].is_gone);
    }
    pthread_barrier_destroy(&all->barrier);
    free(all->items);
    free(all);
    s->siblings = NULL;
}

/* ---- beginning ---- */

/* Everything that it has for itself; an exit code. */
static int make_sibling(struct hub_server *s, const struct hub_server *first) {
    struct hub_err err;
    if (!first->store->ops->attach) {
        HUB_UNUSED(hub_fail(&err, HUB_BAD_REQUEST, "listen.threads: this store serves one loop only"), "told here");
        return hub_server_failed(&err, HUB_EXIT_INVALID);
    }
    if (first->store->ops->attach(first->store, s->loop, &s->store, &err))
        return hub_server_failed(&err, HUB_EXIT_BACKEND);
    int code = hub_server_open_cache_and_bus(s);
    if (!code) code = hub_server_listen(s, first->transport);
    s->ops.store = s->store;
    if (!code) code = hub_server_make_engine(s);
    return code ? code : hub_server_join(s);
}

static void on_prepare(struct hub_task *task);
static void on_drop(struct hub_task *task);
static void on_meet(struct hub_task *task);
static void on_sibling_prepared(struct hub_task *task);

static void init_sibling(struct hub_sibling *b, struct hub_siblings *all) {
    struct hub_server *first = all->first;
    *b = (struct hub_sibling){.all = all,
                              .drain.run = on_drain,
                              .prepare.run = on_prepare,
                              .drop.run = on_drop,
                              .meet.run = on_meet,
                              .served.run = on_served,
                              .prepared.run = on_sibling_prepared,
                              .over.run = on_over};
    b->server = (struct hub_server){
        .options = first->options,
        .follows = true,
        .first = first->first,
        .now = {.service = first->now.service, .tables = first->now.tables, .users = first->now.users},
        .nodes = first->nodes,
        .group = first->group,
        .place = (unsigned)(b - all->items) + 1,
        .store_ops = first->store_ops,
        .started = first->started,
        .loop = hub_loop_new(NULL)};
    hub_list_init(&b->server.retired);
}

/* Signals are the first loop's to take. */
static bool begin_thread(struct hub_sibling *b) {
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    hub_timer_start(b->server.loop, &b->server.start, 0, hub_server_on_start);
    bool begun = pthread_create(&b->thread, NULL, run_sibling, b) == 0;
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    b->all->living += begun;
    return begun;
}

/* Those that have no thread. */
static void end_unbegun(struct hub_siblings *all, size_t from) {
    for (size_t i = from; i < all->n; i++) {
        HUB_UNUSED(hub_server_take_apart(&all->items[i].server), "definitions are the first loop's to give away");
        hub_loop_delete(all->items[i].server.loop);
        all->items[i].is_gone = true;
    }
}

/* All are made before one begins, so that each has heard of the others when it lets somebody in. An exit
 * code. */
static int begin_all(struct hub_server *s) {
    struct hub_siblings *all = s->siblings = hub_xcalloc(1, sizeof *all);
    size_t n = (size_t)s->now.service->threads - 1, begun = 0;
    int code = HUB_EXIT_OK;
    all->first = s;
    all->items = hub_xcalloc(n, sizeof *all->items);
    pthread_barrier_init(&all->barrier, NULL, (unsigned)n + 1);
    s->now.users = hub_xmalloc(sizeof *s->now.users);
    *s->now.users = 1;
    while (!code && all->n < n) {
        ++*s->now.users;
        init_sibling(&all->items[all->n], all);
        code = make_sibling(&all->items[all->n++].server, s);
    }
    while (!code && begun < n) {
        if (begin_thread(&all->items[begun]))
            begun++;
        else
            code = HUB_EXIT_FAILED;
    }
    end_unbegun(all, begun);
    return code;
}

bool hub_siblings_serve(struct hub_server *s) {
    if (s->follows || s->now.service->threads < 2) return true;
    int code = s->siblings ? HUB_EXIT_OK : begin_all(s);
    if (code) hub_server_give_up(s, code);
    return !code && s->siblings->serving == s->siblings->n;
}

/* ---- a reload ---- */

static void answer_prepare(void *arg, const char *error) {
    struct hub_sibling *b = sibling_of(arg);
    snprintf(b->error, sizeof b->error, "%s", error ? error : "");
    hub_post(b->all->first->loop, &b->prepared);
}

static void on_prepare(struct hub_task *task) {
    struct hub_sibling *b = HUB_CONTAINER(task, struct hub_sibling, prepare);
    struct hub_server *s = &b->server;
    struct hub_err err;
    s->coming = b->asked;
    b->asked = (struct hub_generation){0};
    enum hub_code code = hub_server_prepare(s, &s->coming, &err);
    if (!code && s->coming.jwks && !hub_jwks_inherit(s->coming.jwks, s->now.jwks))
        hub_jwks_start(s->coming.jwks, answer_prepare, s);
    else
        answer_prepare(s, code ? err.text : NULL);
}

static void on_sibling_prepared(struct hub_task *task) {
    struct hub_sibling *b = HUB_CONTAINER(task, struct hub_sibling, prepared);
    struct hub_siblings *all = b->all;
    if (b->error[0]) memcpy(all->error, b->error, sizeof all->error);
    if (--all->preparing) return;
    if (all->first->draining) snprintf(all->error, sizeof all->error, "the service is stopping");
    all->then(all->first, all->error[0] ? all->error : NULL);
}

bool hub_siblings_prepare(struct hub_server *s, void (*then)(struct hub_server *s, const char *error)) {
    struct hub_siblings *all = s->siblings;
    struct hub_generation *g = &s->coming;
    if (!all) return false;
    g->users = hub_xmalloc(sizeof *g->users);
    *g->users = (int)all->n + 1;
    all->then = then;
    all->error[0] = 0;
    all->preparing = all->n;
    for (size_t i = 0; i < all->n; i++) {
        struct hub_sibling *b = &all->items[i];
        b->asked = (struct hub_generation){.service = g->service, .tables = g->tables, .users = g->users};
        hub_post(b->server.loop, &b->prepare);
    }
    return true;
}

bool hub_siblings_are_preparing(const struct hub_server *s) { return s->siblings && s->siblings->preparing; }

static void drop_coming(struct hub_server *s) {
    if (s->coming.service) hub_server_free_generation(&s->coming);
}

static void on_drop(struct hub_task *task) { drop_coming(&HUB_CONTAINER(task, struct hub_sibling, drop)->server); }

void hub_siblings_give_up(struct hub_server *s) {
    for (size_t i = 0; i < s->siblings->n; i++)
        if (!s->siblings->items[i].is_gone) hub_post(s->siblings->items[i].server.loop, &s->siblings->items[i].drop);
}

/* What another loop tells this one meanwhile comes behind. */
static void on_meet(struct hub_task *task) {
    struct hub_sibling *b = HUB_CONTAINER(task, struct hub_sibling, meet);
    struct hub_generation g = b->server.coming;
    pthread_barrier_wait(&b->all->barrier);
    pthread_barrier_wait(&b->all->barrier);
    if (!b->all->taken_over) {
        drop_coming(&b->server);
        return;
    }
    b->server.coming = (struct hub_generation){0};
    hub_server_switch_to(&b->server, &g);
}

void hub_siblings_meet(struct hub_server *s, bool (*take_over)(struct hub_server *s)) {
    struct hub_siblings *all = s->siblings;
    for (size_t i = 0; i < all->n; i++) hub_post(all->items[i].server.loop, &all->items[i].meet);
    pthread_barrier_wait(&all->barrier);
    all->taken_over = take_over(s);
    pthread_barrier_wait(&all->barrier);
}
