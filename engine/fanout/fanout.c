/* Groups, seats and outlets: see fanout.h for the idea. */
#include "fanout/fanout.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/metric.h"
#include "packet/ws.h"
#include "session/guest.h"

#define CHUNK_FIRST 1024u       /* first capacity of a turn's chunk */
#define CAST_MORE 32u           /* what a packet has beside its name, event and arguments */
#define CHUNK_FULL (256u << 10) /* a chunk beyond this is handed over early */

/* The sockets of a group mostly share one namespace name; each name in use has its own encoding. */
struct hub_group_name {
    struct hub_list link;
    struct hub_nsp *nsp; /* borrowed from the seats' sockets: at least one seat uses it */
    uint32_t seats;
    struct hub_chunk *chunk; /* what the group gathered this turn, or NULL */
    struct hub_chunk *cast;  /* the one frame of the current cast, or NULL */
    /* of guests, whose relay gets what the chunk has, once for all of them: */
    struct hub_group *group;
    struct hub_list in_pending; /* the relay's: there is a chunk */
};

struct hub_group {
    struct hub_loop *loop;
    struct hub_group_place of;
    struct hub_list seats;
    struct hub_list names;
    size_t size;
    int flags; /* of what is gathered */
    struct hub_task hand_over;
};

struct held_piece {
    struct hub_chunk *chunk;
    uint32_t off, len;
    int flags;
};

struct hub_held {
    size_t n, cap, bytes;
    struct held_piece pieces[];
};

static struct hub_metric deliveries =
    HUB_METRIC(HUB_COUNTER, "hubd_deliveries_total", NULL, "Messages and events handed to members' connections");

/* ---- guests ---- */

/* So that a guest's seat is never behind: nothing is handed to it by itself. */
#define SYNCED_BY_RELAY UINT32_MAX

static struct hub_relay *relay_of(const struct hub_group_name *n) { return hub_relay_of(n->nsp); }

static void give_to_relay(struct hub_group_name *n) {
    struct hub_chunk *chunk = n->chunk;
    n->chunk = NULL;
    hub_list_remove(&n->in_pending);
    relay_of(n)->ops->gathered(relay_of(n), n->group, hub_str(chunk->p, chunk->n), n->group->flags);
    hub_chunk_unref(chunk);
}

void hub_relay_sync(struct hub_relay *r) {
    while (!hub_list_empty(&r->pending))
        give_to_relay(HUB_CONTAINER(r->pending.next, struct hub_group_name, in_pending));
}

/* The seat of a guest is in no list of the group: what the group has for all is not handed to it. */
static void seat_guest(struct hub_seat *seat) {
    struct hub_relay *r = relay_of(seat->name);
    hub_relay_sync(r);
    seat->name->group = seat->group;
    seat->synced = SYNCED_BY_RELAY;
    hub_list_init(&seat->in_group);
    r->ops->seated(seat->outlet->socket, seat->group, seat->held);
}

/* SAYs something of its seat, behind all that its group has sent so far. */
static void tell_relay(const struct hub_seat *seat, void (*say)(struct hub_socket *s, struct hub_group *g)) {
    hub_relay_sync(relay_of(seat->name));
    say(seat->outlet->socket, seat->group);
}

/* ---- seats ---- */

static void keep_for_guest(const struct hub_seat *seat, const struct hub_chunk *chunk, uint32_t off, uint32_t len,
                           int flags) {
    struct hub_relay *r = relay_of(seat->name);
    hub_relay_sync(r);
    r->ops->kept(seat->outlet->socket, seat->group, hub_str(chunk->p + off, len), flags);
}

static void keep_piece(struct hub_seat *seat, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    struct hub_held *h = seat->kept;
    if (seat->overflowed || (h ? h->bytes : 0) + len > HUB_SEAT_HELD_MAX) {
        seat->overflowed = true;
        return;
    }
    if (!h || h->n == h->cap) {
        size_t cap = h ? h->cap * 2 : 8;
        struct hub_held *grown = hub_xrealloc(h, sizeof *h + cap * sizeof *h->pieces);
        if (!h) grown->n = grown->bytes = 0;
        grown->cap = cap;
        h = seat->kept = grown;
    }
    h->pieces[h->n++] = (struct held_piece){hub_chunk_ref(chunk), off, len, flags};
    h->bytes += len;
}

static void drop_kept(struct hub_seat *seat) {
    for (size_t i = 0; seat->kept && i < seat->kept->n; i++) hub_chunk_unref(seat->kept->pieces[i].chunk);
    free(seat->kept);
    seat->kept = NULL;
}

static void deliver_piece(struct hub_seat *seat, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    if (!seat->held)
        hub_socket_send_chunk(seat->outlet->socket, chunk, off, len, flags);
    else if (seat->name->nsp->relayed)
        keep_for_guest(seat, chunk, off, len, flags);
    else
        keep_piece(seat, chunk, off, len, flags);
}

/* Hands over what the seat's group has gathered and the seat has not got yet. */
static void sync_seat(struct hub_seat *seat) {
    struct hub_chunk *chunk = seat->name->chunk;
    if (!chunk || seat->synced >= chunk->n) return;
    deliver_piece(seat, chunk, seat->synced, chunk->n - seat->synced, seat->group->flags);
    seat->synced = chunk->n;
}

void hub_outlet_sync(struct hub_outlet *o) {
    HUB_LIST_EACH(&o->seats, it) sync_seat(HUB_CONTAINER(it, struct hub_seat, in_outlet));
}

static struct hub_group_name *name_for(struct hub_group *g, struct hub_nsp *nsp) {
    HUB_LIST_EACH(&g->names, it) {
        struct hub_group_name *n = HUB_CONTAINER(it, struct hub_group_name, link);
        if (n->nsp == nsp) return n;
    }
    struct hub_group_name *n = hub_xcalloc(1, sizeof *n);
    n->nsp = nsp;
    hub_list_push(&g->names, &n->link);
    return n;
}

void hub_seat_take(struct hub_seat *seat, struct hub_group *g, struct hub_outlet *o, bool held) {
    *seat = (struct hub_seat){.outlet = o, .group = g, .held = held};
    seat->name = name_for(g, o->socket->nsp);
    seat->name->seats++;
    hub_list_push(&o->seats, &seat->in_outlet);
    g->size++;
    if (seat->name->nsp->relayed) {
        seat_guest(seat);
        return;
    }
    seat->synced = seat->name->chunk ? seat->name->chunk->n : 0;
    hub_list_push(&g->seats, &seat->in_group);
}

bool hub_seat_release(struct hub_seat *seat) {
    sync_seat(seat); /* into what is kept, so that the order holds */
    seat->held = false;
    for (size_t i = 0; seat->kept && i < seat->kept->n && !seat->overflowed; i++) {
        struct held_piece *h = &seat->kept->pieces[i];
        hub_socket_send_chunk(seat->outlet->socket, h->chunk, h->off, h->len, h->flags);
    }
    drop_kept(seat);
    if (seat->name->nsp->relayed) tell_relay(seat, relay_of(seat->name)->ops->released);
    return !seat->overflowed;
}

static void unlink_seat(struct hub_seat *seat) {
    struct hub_group_name *n = seat->name;
    if (n->nsp->relayed) tell_relay(seat, relay_of(n)->ops->left);
    hub_list_remove(&seat->in_group);
    hub_list_remove(&seat->in_outlet);
    seat->group->size--;
    drop_kept(seat);
    seat->group = NULL;
    if (--n->seats) return;
    hub_list_remove(&n->link);
    hub_chunk_unref(n->chunk);
    free(n);
}

void hub_seat_leave(struct hub_seat *seat) {
    if (!seat->group) return;
    if (!seat->held) sync_seat(seat);
    unlink_seat(seat);
}

/* ---- outlets ---- */

void hub_outlet_init(struct hub_outlet *o, struct hub_socket *s) {
    o->socket = s;
    hub_list_init(&o->seats);
}

void hub_outlet_deinit(struct hub_outlet *o) {
    while (!hub_list_empty(&o->seats)) unlink_seat(HUB_CONTAINER(o->seats.next, struct hub_seat, in_outlet));
}

void hub_outlet_emit(struct hub_outlet *o, struct hub_str event, struct hub_str args, int flags) {
    hub_outlet_sync(o);
    hub_socket_emit(o->socket, event, args, flags);
}

void hub_outlet_ack(struct hub_outlet *o, int64_t ack, struct hub_str args) {
    if (ack < 0) return;
    hub_outlet_sync(o);
    hub_socket_ack(o->socket, ack, args, NULL);
}

/* ---- groups ---- */

static void let_go(struct hub_group_name *n) {
    if (n->group) {
        give_to_relay(n);
        return;
    }
    hub_chunk_unref(n->chunk);
    n->chunk = NULL;
}

/* Every seat gets its piece, and the chunks are let go. */
static void hand_over(struct hub_group *g) {
    HUB_LIST_EACH(&g->seats, it) {
        struct hub_seat *seat = HUB_CONTAINER(it, struct hub_seat, in_group);
        sync_seat(seat);
        seat->synced = 0;
    }
    HUB_LIST_EACH(&g->names, it) {
        struct hub_group_name *n = HUB_CONTAINER(it, struct hub_group_name, link);
        if (n->chunk) let_go(n);
    }
}

static void on_turn_end(struct hub_task *t) { hand_over(HUB_CONTAINER(t, struct hub_group, hand_over)); }

struct hub_group *hub_group_new(struct hub_loop *loop, struct hub_group_place of) {
    struct hub_group *g = hub_xcalloc(1, sizeof *g);
    g->loop = loop;
    g->of = of;
    g->hand_over.run = on_turn_end;
    hub_list_init(&g->seats);
    hub_list_init(&g->names);
    return g;
}

void hub_group_delete(struct hub_group *g) {
    hub_defer_cancel(&g->hand_over);
    free(g);
}

struct hub_group_place hub_group_place(const struct hub_group *g) {
    return g->of;
}

size_t hub_group_size(const struct hub_group *g) { return g->size; }

bool hub_group_has_guests(const struct hub_group *g) {
    HUB_LIST_EACH(&g->names, it) {
        if (HUB_CONTAINER(it, struct hub_group_name, link)->group) return true;
    }
    return false;
}

static void add_event_frame(struct hub_chunk *chunk, struct hub_nsp *nsp, struct hub_str event, struct hub_str args) {
    struct hub_buf packet;
    hub_chunk_begin_frame(chunk, &packet);
    hub_sio_event(&packet, nsp->name, -1, event, args);
    hub_chunk_end_frame(chunk, HUB_WS_TEXT, &packet);
}

static bool must_hand_over_first(const struct hub_group *g, int flags) {
    HUB_LIST_EACH(&g->names, it) {
        const struct hub_chunk *chunk = HUB_CONTAINER(it, struct hub_group_name, link)->chunk;
        if (chunk && (flags != g->flags || chunk->n > CHUNK_FULL)) return true;
    }
    return false;
}

/* What is gathered this turn lies in its chunk. */
static void open_chunk(struct hub_group_name *n) {
    if (n->chunk) return;
    n->chunk = hub_chunk_new(CHUNK_FIRST);
    if (n->group) hub_list_push(&relay_of(n)->pending, &n->in_pending);
}

/* What is about to be gathered has FLAGS: nothing else goes together with it. */
static void begin_gathering(struct hub_group *g, int flags) {
    if (must_hand_over_first(g, flags)) hand_over(g);
    g->flags = flags;
}

/* What goes to all guests of a node is counted there. */
static size_t seats_here(const struct hub_group *g) {
    size_t n = 0;
    HUB_LIST_EACH(&g->names, it) {
        const struct hub_group_name *name = HUB_CONTAINER(it, struct hub_group_name, link);
        if (!name->group) n += name->seats;
    }
    return n;
}

static void end_gathering(struct hub_group *g) {
    hub_metric_add(&deliveries, (int64_t)seats_here(g));
    hub_defer(g->loop, &g->hand_over);
}

void hub_group_send(struct hub_group *g, struct hub_str event, struct hub_str args, int flags) {
    if (!g->size) return;
    begin_gathering(g, flags);
    HUB_LIST_EACH(&g->names, it) {
        struct hub_group_name *n = HUB_CONTAINER(it, struct hub_group_name, link);
        open_chunk(n);
        add_event_frame(n->chunk, n->nsp, event, args);
    }
    end_gathering(g);
}

void hub_group_send_frames(struct hub_group *g, struct hub_str name, struct hub_str frames, int flags) {
    if (!g->size) return;
    begin_gathering(g, flags);
    HUB_LIST_EACH(&g->names, it) {
        struct hub_group_name *n = HUB_CONTAINER(it, struct hub_group_name, link);
        open_chunk(n);
        hub_nsp_add_frames(n->nsp, n->chunk, name, frames);
    }
    end_gathering(g);
}

void hub_seat_send(struct hub_seat *seat, struct hub_chunk *chunk, int flags) {
    if (seat->held)
        sync_seat(seat);
    else
        hub_outlet_sync(seat->outlet);
    deliver_piece(seat, chunk, 0, chunk->n, flags);
}

/* ---- casts ---- */

void hub_cast_begin(struct hub_cast *c, struct hub_group *g, struct hub_str event, struct hub_str args, int flags) {
    *c = (struct hub_cast){g, event, args, flags};
}

void hub_cast_to(struct hub_cast *c, struct hub_seat *seat) {
    if (seat->group != c->group) return;
    struct hub_group_name *n = seat->name;
    if (!n->cast) {
        n->cast = hub_chunk_new(c->event.n + c->args.n + n->nsp->name.n + CAST_MORE);
        add_event_frame(n->cast, n->nsp, c->event, c->args);
    }
    hub_seat_send(seat, n->cast, c->flags);
    hub_metric_add(&deliveries, 1);
}

void hub_cast_end(struct hub_cast *c) {
    HUB_LIST_EACH(&c->group->names, it) {
        struct hub_group_name *n = HUB_CONTAINER(it, struct hub_group_name, link);
        hub_chunk_unref(n->cast);
        n->cast = NULL;
    }
}

/* ---- spreads ---- */

void hub_spread_begin(struct hub_spread *s, struct hub_str event, struct hub_str args) {
    *s = (struct hub_spread){.event = event, .args = args};
}

static void drop_encoding(struct hub_spread *s, size_t i) {
    if (!s->names[i].socket) return;
    hub_chunk_unref(s->names[i].chunk);
    hub_socket_unref(s->names[i].socket);
    s->names[i].socket = NULL;
}

/* The place of what sockets of that name are sent. */
static size_t encoding_for(struct hub_spread *s, struct hub_socket *socket) {
    for (size_t i = 0; i < HUB_SPREAD_NAMES && s->names[i].socket; i++)
        if (s->names[i].socket->nsp == socket->nsp) return i;
    size_t at = s->made++ % HUB_SPREAD_NAMES;
    drop_encoding(s, at);
    s->names[at].socket = hub_socket_ref(socket);
    s->names[at].chunk = hub_chunk_new(s->event.n + s->args.n + socket->nsp->name.n + CAST_MORE);
    add_event_frame(s->names[at].chunk, socket->nsp, s->event, s->args);
    return at;
}

void hub_spread_to(struct hub_spread *s, struct hub_outlet *o) {
    struct hub_chunk *chunk = s->names[encoding_for(s, o->socket)].chunk;
    hub_outlet_sync(o);
    hub_socket_send_chunk(o->socket, chunk, 0, chunk->n, 0);
    hub_metric_add(&deliveries, 1);
}

void hub_spread_end(struct hub_spread *s) {
    for (size_t i = 0; i < HUB_SPREAD_NAMES; i++) drop_encoding(s, i);
}
