/* A connection moves to another loop: its request is about a session there. Transports of a process that
 * share a port stand in a group; the last character of a session's id is the place of its transport. Once the
 * head of a request says that the session is elsewhere, the connection is taken out of its transport at the
 * end of the turn, with the request as far as it was read and what came behind it, and goes on over there.
 *
 * A connection belongs to one thread at a time: to its transport's, or to nobody while it is in an inbox. */
#include <pthread.h>
#include <stdlib.h>

#include "transport/transport_int.h"

struct group_place {
    struct hub_transport *t; /* NULL: it is not there yet, or any more. All under the group's lock */
    struct hub_loop *loop;   /* as long as T */
    struct hub_list inbox;   /* hub_link.node */
    bool posted;
    struct hub_task task;
    struct hub_transport_group *group;
};

struct hub_transport_group {
    pthread_mutex_t lock;
    struct group_place places[HUB_SID_MARKS];
};

static void on_inbox(struct hub_task *task);

struct hub_transport_group *hub_transport_group_new(void) {
    struct hub_transport_group *g = hub_xcalloc(1, sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    for (size_t i = 0; i < HUB_NELEM(g->places); i++) {
        g->places[i].group = g;
        g->places[i].task.run = on_inbox;
        hub_list_init(&g->places[i].inbox);
    }
    return g;
}

void hub_transport_group_free(struct hub_transport_group *g) {
    if (!g) return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static struct group_place *own_place(const struct hub_transport *t) {
    return t->cfg.group ? &t->cfg.group->places[t->cfg.place] : NULL;
}

/* ---- coming and going ---- */

void hub_move_open(struct hub_transport *t) {
    struct group_place *m = own_place(t);
    if (!m) return;
    pthread_mutex_lock(&m->group->lock);
    HUB_BUG_IF(m->t);
    m->t = t;
    m->loop = t->loop;
    pthread_mutex_unlock(&m->group->lock);
}

/* What has not arrived is for nobody. */
void hub_move_close(struct hub_transport *t) {
    struct group_place *m = own_place(t);
    struct hub_list left;
    hub_list_init(&left);
    if (!m) return;
    pthread_mutex_lock(&m->group->lock);
    m->t = NULL;
    hub_list_splice(&left, &m->inbox);
    pthread_mutex_unlock(&m->group->lock);
    for (struct hub_list *n; (n = hub_list_pop(&left));) hub_link_attach(t, HUB_CONTAINER(n, struct hub_link, node));
}

static bool is_there(struct group_place *m) {
    pthread_mutex_lock(&m->group->lock);
    bool there = m->t != NULL;
    pthread_mutex_unlock(&m->group->lock);
    return there;
}

/* ---- moving ---- */

bool hub_move_begin(struct hub_link *c, struct hub_str sid, bool whole) {
    const struct hub_transport *t = c->t;
    if (!t->cfg.group) return false;
    unsigned place = hub_sid_mark(sid);
    if (place == t->cfg.place || place >= HUB_SID_MARKS || !is_there(&t->cfg.group->places[place])) return false;
    c->edge->moves = true;
    c->edge->moves_whole = whole;
    c->edge->moves_to = (uint8_t)place;
    hub_list_push(&c->t->moving, &c->edge->moving);
    hub_transport_work(c->t);
    return true;
}

/* False: whom it was for has gone. */
static bool hand_link_over(struct group_place *m, struct hub_link *c) {
    pthread_mutex_lock(&m->group->lock);
    bool there = m->t != NULL;
    if (there) hub_list_push(&m->inbox, &c->node);
    if (there && !m->posted) {
        m->posted = true;
        hub_post(m->loop, &m->task);
    }
    pthread_mutex_unlock(&m->group->lock);
    return there;
}

/* Behind the end of those that are doomed. */
void hub_move_all(struct hub_transport *t) {
    for (struct hub_list *n; (n = hub_list_pop(&t->moving));) {
        struct hub_link *c = HUB_CONTAINER(n, struct hub_link_edge, moving)->link;
        struct group_place *to = &t->cfg.group->places[c->edge->moves_to];
        hub_link_detach(c);
        if (!hand_link_over(to, c))
            hub_link_arrive(t, c); /* there is no such session any more, and that is said here */
    }
}

static void on_inbox(struct hub_task *task) {
    struct group_place *m = HUB_CONTAINER(task, struct group_place, task);
    struct hub_list batch;
    hub_list_init(&batch);
    pthread_mutex_lock(&m->group->lock);
    struct hub_transport *t = m->t;
    m->posted = false;
    hub_list_splice(&batch, &m->inbox);
    pthread_mutex_unlock(&m->group->lock);
    for (struct hub_list *n; (n = hub_list_pop(&batch));) hub_link_arrive(t, HUB_CONTAINER(n, struct hub_link, node));
}
