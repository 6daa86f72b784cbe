/* The queues of a service: which there are, and the part. */
#include "hub/queue/queue_int.h"

#include <stdlib.h>

struct hub_queues *hub_queues_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_queues_part);
}

struct hub_queue *hub_queue_named(const struct hub_queues *all, struct hub_str name) {
    struct hub_queue *q = hub_map_get(&all->by_name, name);
    return q && q->def ? q : NULL;
}

/* ---- life ---- */

static struct hub_queue *queue_of(struct hub_queues *all, const char *name) {
    struct hub_queue *q = hub_map_get(&all->by_name, hub_cstr(name));
    if (q) return q;
    q = hub_xcalloc(1, sizeof *q);
    *q = (struct hub_queue){.all = all, .name = hub_xstrdup(name), .wake_at = INT64_MAX, .turn.run = hub_queue_on_turn};
    q->usual_us = q->usual_bytes = -1;
    hub_list_init(&q->runs);
    hub_list_init(&q->hand);
    hub_map_put(&all->by_name, hub_cstr(name), q);
    return q;
}

static void forget_defs(struct hub_queues *all) {
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));)
        ((struct hub_queue *)value)->def = NULL;
}

static void end_figures(struct hub_queues *all) {
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));)
        if (!((struct hub_queue *)value)->def) hub_queue_is_gone(value);
}

/* Jobs that run go on by the definition that they were begun with. */
static void configure_queues(struct hub_engine *e) {
    struct hub_queues *all = hub_queues_of(e);
    const struct hub_service *s = e->config.service;
    forget_defs(all);
    for (size_t i = 0; i < s->queue_n; i++) {
        struct hub_queue *q = queue_of(all, s->queues[i].name);
        q->def = &s->queues[i];
        q->hungry = q->dirty = true;
    }
    end_figures(all);
}

static void start_queues(struct hub_engine *e) {
    struct hub_queues *all = hub_queues_of(e);
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));) hub_queue_turn(value);
    hub_queues_poll(all);
}

static void on_created(struct hub_engine *e) {
    struct hub_queues *all = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_uuid7(all->worker);
    *hub_engine_part(e, &hub_queues_part) = all;
    configure_queues(e);
}

static void on_reloaded(struct hub_engine *e) {
    configure_queues(e);
    if (!e->draining) start_queues(e);
}

static void give_back_all(struct hub_engine *e) {
    struct hub_queues *all = hub_queues_of(e);
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));) {
        struct hub_queue *q = value;
        HUB_LIST_EACH_SAFE(&q->hand, l) hub_job_give_back(HUB_CONTAINER(l, struct hub_job_run, link));
        HUB_LIST_EACH(&q->runs, l) hub_job_give_back(HUB_CONTAINER(l, struct hub_job_run, link));
    }
}

static void on_stopped(struct hub_engine *e) {
    struct hub_queues *all = hub_queues_of(e);
    struct hub_loop *loop = e->config.loop;
    void *value;
    all->stopped = true;
    hub_timer_stop(loop, &all->poll);
    for (void *it = NULL; (it = hub_map_next(&all->by_name, it, NULL, &value));) {
        struct hub_queue *q = value;
        hub_timer_stop(loop, &q->timer);
        hub_timer_stop(loop, &q->retry);
        hub_timer_stop(loop, &q->letting_go);
        hub_timer_stop(loop, &q->next_turn);
        hub_defer_cancel(&q->turn);
    }
}

static void on_deleted(struct hub_engine *e) {
    struct hub_queues *all = hub_queues_of(e);
    on_stopped(e); /* an engine that was never stopped, as hubctl why has one */
    for (struct hub_queue *q; (q = hub_map_drain(&all->by_name));) {
        free(q->name);
        free(q);
    }
    free(all);
}

const struct hub_part hub_queues_part = {
    .name = "queues",
    .help = "Work that is kept in the store and carried out later.",
    .engine_data = true,
    .host = hub_queue_host,
    .created = on_created,
    .started = start_queues,
    .reloaded = on_reloaded,
    .stopping = give_back_all,
    .stopped = on_stopped,
    .deleted = on_deleted,
};
