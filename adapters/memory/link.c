/* Nodes of one process, each on a loop of its own: packets are queued for the other's loop, which empties its
 * queue in one go. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/memory/memory.h"
#include "base/memory/mem.h"

/* All nodes of a process. Any thread, under LOCK. */
struct hub_memory_nodes {
    pthread_mutex_t lock;
    struct hub_list links;   /* memory_link.in_nodes, in the order of coming */
    struct hub_list leaving; /* the same, of those that are closed, and whose loop has their task still */
    uint64_t last_number;
};

struct memory_link {
    struct hub_mesh_link base; /* first member */
    struct hub_memory_nodes *nodes;
    struct hub_loop *loop;
    const struct hub_mesh_link_events *events;
    void *ctx;
    size_t queue_bytes;
    char *cluster;
    struct hub_node_about about; /* texts are its own */
    bool closed, delivering;     /* loop thread */
    /* under the lock of NODES: */
    struct hub_list in_nodes;
    struct hub_list inbox; /* link_event.link */
    size_t inbox_bytes;
    bool posted; /* TASK is on its way */
    struct hub_task task;
};

enum link_event_kind { LINK_JOINED, LINK_LEFT, LINK_PACKET };
struct link_event {
    struct hub_list link;
    enum link_event_kind kind;
    struct hub_node_about about; /* JOINED; else its id alone. Texts are the event's own */
    size_t n;
    char bytes[]; /* PACKET */
};

struct hub_memory_nodes *hub_memory_nodes_new(void) {
    struct hub_memory_nodes *all = hub_xcalloc(1, sizeof *all);
    pthread_mutex_init(&all->lock, NULL);
    hub_list_init(&all->links);
    hub_list_init(&all->leaving);
    return all;
}

static struct memory_link *link_of(struct hub_mesh_link *l) { return HUB_CONTAINER(l, struct memory_link, base); }

/* ---- what a node says of itself ---- */

static struct hub_str own_text(struct hub_str s) { return hub_str(hub_str_dup(s), s.n); }
static void text_free(struct hub_str s) { free((char *)(uintptr_t)s.p); }

static struct hub_node_about about_copy(const struct hub_node_about *about) {
    struct hub_node_about copy = *about;
    copy.id = own_text(about->id);
    copy.name = own_text(about->name);
    copy.address = own_text(about->address);
    copy.version = own_text(about->version);
    return copy;
}

static void about_free(struct hub_node_about *about) {
    text_free(about->id);
    text_free(about->name);
    text_free(about->address);
    text_free(about->version);
}

/* ---- queues between loops ---- */

static void event_free(struct link_event *e) {
    about_free(&e->about);
    free(e);
}

/* Of the node that ABOUT is about. */
static HUB_MUST struct link_event *event_new(enum link_event_kind kind, const struct hub_node_about *about,
                                             struct hub_str bytes) {
    struct link_event *e = hub_xmalloc(sizeof *e + bytes.n);
    const struct hub_node_about id = {.id = about->id};
    e->kind = kind;
    e->about = about_copy(kind == LINK_JOINED ? about : &id);
    e->n = bytes.n;
    if (bytes.n) memcpy(e->bytes, bytes.p, bytes.n);
    return e;
}

static void deliver_event(struct memory_link *l, const struct link_event *e) {
    switch (e->kind) {
    case LINK_JOINED: l->events->joined(l->ctx, &e->about); break;
    case LINK_LEFT: l->events->left(l->ctx, e->about.id); break;
    case LINK_PACKET: l->events->packet(l->ctx, e->about.id, hub_str(e->bytes, e->n)); break;
    }
}

static void link_free(struct memory_link *l) {
    for (struct hub_list *it; (it = hub_list_pop(&l->inbox));) event_free(HUB_CONTAINER(it, struct link_event, link));
    about_free(&l->about);
    free(l->cluster);
    free(l);
}

/* The loops of those that are leaving have ended without another turn. */
void hub_memory_nodes_delete(struct hub_memory_nodes *all) {
    HUB_BUG_IF(!hub_list_empty(&all->links));
    for (struct hub_list *it; (it = hub_list_pop(&all->leaving));)
        link_free(HUB_CONTAINER(it, struct memory_link, in_nodes));
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static void take_inbox(struct memory_link *l, struct hub_list *batch) {
    hub_list_init(batch);
    pthread_mutex_lock(&l->nodes->lock);
    hub_list_splice(batch, &l->inbox);
    l->inbox_bytes = 0;
    l->posted = false;
    pthread_mutex_unlock(&l->nodes->lock);
}

/* Its loop has nothing of it any more. */
static void link_leave(struct memory_link *l) {
    pthread_mutex_lock(&l->nodes->lock);
    hub_list_remove(&l->in_nodes);
    pthread_mutex_unlock(&l->nodes->lock);
    link_free(l);
}

static void on_inbox(struct hub_task *task) {
    struct memory_link *l = HUB_CONTAINER(task, struct memory_link, task);
    struct hub_list batch;
    if (l->closed) {
        link_leave(l);
        return;
    }
    take_inbox(l, &batch);
    l->delivering = true;
    for (struct hub_list *it; (it = hub_list_pop(&batch));) {
        struct link_event *e = HUB_CONTAINER(it, struct link_event, link);
        if (!l->closed) deliver_event(l, e);
        event_free(e);
    }
    l->delivering = false;
    if (l->closed && !l->posted) link_leave(l);
}

/* Under the lock. */
static void link_push(struct memory_link *to, struct link_event *e) {
    hub_list_push(&to->inbox, &e->link);
    to->inbox_bytes += e->n;
    if (to->posted) return;
    to->posted = true;
    hub_post(to->loop, &to->task);
}

static enum hub_code push_packet(struct memory_link *from, struct memory_link *to, struct hub_str bytes) {
    if (to->inbox_bytes + bytes.n > to->queue_bytes) return HUB_OVERLOADED;
    link_push(to, event_new(LINK_PACKET, &from->about, bytes));
    return HUB_OK;
}

static bool is_same_cluster(const struct memory_link *a, const struct memory_link *b) {
    return strcmp(a->cluster, b->cluster) == 0;
}

/* ---- the table ---- */

/* Under the lock: tells those that are there, and the new one of them. */
static void announce_link(struct memory_link *l) {
    HUB_LIST_EACH(&l->nodes->links, it) {
        struct memory_link *other = HUB_CONTAINER(it, struct memory_link, in_nodes);
        if (!is_same_cluster(l, other)) continue;
        link_push(l, event_new(LINK_JOINED, &other->about, (struct hub_str){0}));
        if (other != l) link_push(other, event_new(LINK_JOINED, &l->about, (struct hub_str){0}));
    }
}

static enum hub_code memory_open(const struct hub_mesh_link_config *config, struct hub_mesh_link **out,
                                 struct hub_err *err) {
    struct hub_memory_nodes *nodes = config->process;
    if (strcmp(config->url, "memory:") != 0)
        return hub_fail(err, HUB_BAD_REQUEST, "cluster.url \"%s\": expected \"memory:\"", config->url);
    struct memory_link *l = hub_xcalloc(1, sizeof *l);
    *l = (struct memory_link){.base.ops = &hub_memory_link_ops,
                              .nodes = nodes,
                              .loop = config->loop,
                              .events = config->events,
                              .ctx = config->ctx,
                              .queue_bytes = config->queue_bytes,
                              .cluster = hub_xstrdup(config->cluster),
                              .about = about_copy(&config->about),
                              .task.run = on_inbox};
    hub_list_init(&l->inbox);
    pthread_mutex_lock(&nodes->lock);
    l->about.number = ++nodes->last_number;
    hub_list_push(&nodes->links, &l->in_nodes);
    announce_link(l);
    pthread_mutex_unlock(&nodes->lock);
    *out = &l->base;
    return HUB_OK;
}

/* Under the lock. NULL: it does not live. */
static struct memory_link *find_link(const struct memory_link *l, struct hub_str id) {
    HUB_LIST_EACH(&l->nodes->links, it) {
        struct memory_link *other = HUB_CONTAINER(it, struct memory_link, in_nodes);
        if (hub_str_eq(other->about.id, id) && is_same_cluster(l, other)) return other;
    }
    return NULL;
}

static enum hub_code memory_send(struct hub_mesh_link *base, struct hub_str id, struct hub_str bytes) {
    struct memory_link *l = link_of(base);
    pthread_mutex_lock(&l->nodes->lock);
    struct memory_link *to = find_link(l, id);
    enum hub_code code = to ? push_packet(l, to, bytes) : HUB_NODE_NOT_FOUND;
    pthread_mutex_unlock(&l->nodes->lock);
    return code;
}

static enum hub_code memory_publish(struct hub_mesh_link *base, struct hub_str bytes) {
    struct memory_link *l = link_of(base);
    enum hub_code code = HUB_OK;
    pthread_mutex_lock(&l->nodes->lock);
    HUB_LIST_EACH(&l->nodes->links, it) {
        struct memory_link *other = HUB_CONTAINER(it, struct memory_link, in_nodes);
        if (other != l && is_same_cluster(l, other) && push_packet(l, other, bytes)) code = HUB_OVERLOADED;
    }
    pthread_mutex_unlock(&l->nodes->lock);
    return code;
}

static void memory_close(struct hub_mesh_link *base) {
    struct memory_link *l = link_of(base);
    l->closed = true;
    pthread_mutex_lock(&l->nodes->lock);
    hub_list_remove(&l->in_nodes);
    HUB_LIST_EACH(&l->nodes->links, it) {
        struct memory_link *other = HUB_CONTAINER(it, struct memory_link, in_nodes);
        if (is_same_cluster(l, other)) link_push(other, event_new(LINK_LEFT, &l->about, (struct hub_str){0}));
    }
    hub_list_push(&l->nodes->leaving, &l->in_nodes);
    bool posted = l->posted;
    pthread_mutex_unlock(&l->nodes->lock);
    if (!posted && !l->delivering) link_leave(l); /* else the task does */
}

const struct hub_mesh_link_ops hub_memory_link_ops = {
    .scheme = "memory",
    .help = "Loops of one process.",
    .open = memory_open,
    .send = memory_send,
    .publish = memory_publish,
    .close = memory_close,
};
