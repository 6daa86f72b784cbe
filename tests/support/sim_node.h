/* A node of the simulation: what a hub's engine and the adapters will do around places, leases and windows,
 * as small as it can be. A place is a row of numbers; its members see them in order. An edge calls the
 * owner, which writes to the store and tells its edges; whoever finds a number missing reads it from the
 * store. */
#ifndef TEST_SUPPORT_SIM_NODE_H
#define TEST_SUPPORT_SIM_NODE_H
#include "sim_world.h"

#define SIM_KEPT 8
#define SIM_ASK_MS 1000  /* for the answer of who may try */
#define SIM_HAND_MS 2000 /* for the successor */

enum sim_body_kind {
    SIM_HELLO = 1,
    SIM_BYE,
    SIM_OWNED, /* FENCE, and NUMBER, the last one */
    SIM_NOT_OWNED,
    SIM_CALL,  /* VALUE is to be written */
    SIM_FRAME, /* NUMBER is VALUE */
    SIM_TICK,
    SIM_YOURS, /* NUMBER is the term */
    SIM_AGAIN  /* say hello for all places anew: something of it is lost */
};
struct sim_body {
    enum sim_body_kind kind;
    int place;
    int64_t number, value, fence;
};

struct sim_node;
/* To and from one other node. */
struct sim_link {
    sim_id id;       /* "": unused */
    int64_t gone_at; /* it is not in the list; 0: it is. Its numbers go on if it comes back */
    struct sim_node *node;
    struct hub_send_window out;
    struct hub_receive_window in;
    int64_t last_fence[SIM_PLACES], last_number[SIM_PLACES]; /* of frames */
};

/* What a node has of a place beside its state. */
struct sim_seat {
    bool wants;               /* it has members */
    int64_t seen;             /* by them; -1: they begin with what is the last when it is read */
    int64_t known;            /* the last number that was heard of */
    int64_t read_at;          /* a read is under way since; 0: none */
    int64_t heard_at;         /* EDGE: from the owner */
    int64_t asked_at;         /* who may try, or the store for a fence */
    int64_t number;           /* OWNER: the last */
    uint64_t writes, written; /* OWNER: the last one sent, and the last one answered; those between are under way */
    int64_t wrote_at;         /* the oldest of them, or since then none came back */
    int64_t frozen_at;        /* FREEZING */
    sim_id edges[SIM_IDS];    /* "": free */
    int64_t kept[SIM_KEPT];   /* calls that wait for the next step */
    int kept_n;
};

struct sim_node {
    struct sim_world *w;
    int index;
    unsigned incarnations;
    sim_id id;
    int64_t clock_ahead; /* of the world's time */
    struct hub_lease lease;
    bool registered, draining, jammed;
    bool quiet;           /* its members only listen */
    int64_t granted_from; /* when the renewal that was granted last was sent, whatever the lease makes of it */
    int64_t heartbeat_at, tick_at, drained_by;
    struct hub_places places;
    struct sim_seat seats[SIM_PLACES];
    struct sim_link links[SIM_IDS];
    size_t ticks;
};

static inline void sim_step(struct sim_node *n, int place, struct hub_place_event e);

static inline int64_t sim_clock(const struct sim_node *n) { return n->w->now + n->clock_ahead; }
static inline struct hub_str sim_name(int place) {
    static const char *const names[SIM_PLACES] = {"hall", "attic", "cellar"};
    return hub_cstr(names[place]);
}
static inline int sim_place_of(const struct hub_known_place *k) {
    return *k->name == 'h' ? 0 : *k->name == 'a' ? 1 : 2;
}
static inline struct hub_place *sim_place(struct sim_node *n, int place) {
    struct hub_known_place *k = hub_places_find(&n->places, sim_name(place));
    return k ? &k->place : NULL;
}
static inline bool sim_owns(struct sim_node *n, int place) {
    const struct hub_place *p = sim_place(n, place);
    return p && (p->state == HUB_PLACE_OWNER || p->state == HUB_PLACE_FREEZING);
}

static inline bool sim_writes(const struct sim_node *n, int place) {
    return n->seats[place].writes != n->seats[place].written;
}

/* A node says nothing behind its lease, but that it wants a new one. */
static inline void sim_check_lease(const struct sim_node *n, const char *what) {
    if (!n->registered || sim_clock(n) >= n->granted_from + SIM_TTL_MS)
        sim_fail(n->w, "%s %s after its lease", n->id, what);
}

/* ---- out ---- */

static inline struct sim_message sim_message(const struct sim_node *n, enum sim_message_kind kind, int place) {
    struct sim_message m = {.kind = kind, .node = n->index, .place = place, .sent_at = sim_clock(n)};
    memcpy(m.id, n->id, sizeof m.id);
    return m;
}

static inline void sim_send_request(struct sim_node *n, const struct sim_message *m) {
    if (m->kind != SIM_RENEW) sim_check_lease(n, "asks a server");
    sim_request(n->w, m);
}

static inline void on_sim_send(void *ctx, struct hub_str bytes) {
    struct sim_link *l = ctx;
    sim_packet(l->node->w, l->node->id, l->id, bytes);
}

static inline struct sim_link *sim_link_of(struct sim_node *n, const char *id) {
    for (int i = 0; i < SIM_IDS; i++)
        if (*n->links[i].id && strcmp(n->links[i].id, id) == 0) return &n->links[i];
    return NULL;
}

static inline void sim_send(struct sim_node *n, const char *to, enum hub_window_class class, struct sim_body body) {
    struct sim_link *l = sim_link_of(n, to);
    sim_check_lease(n, "sends a packet");
    if (!l || l->gone_at) return;
    const struct hub_window_item item = {.class = class,
                                         .place = sim_name(body.place),
                                         .at = body.number,
                                         .body = hub_str((const char *)&body, sizeof body)};
    HUB_UNUSED(hub_send_window_add(&l->out, &item), "what is refused is lost, as with a node that is gone");
    if (!n->jammed) hub_send_window_left(&l->out, l->out.last);
}

static inline void sim_tell_edges(struct sim_node *n, int place, enum hub_window_class class, struct sim_body body) {
    for (int i = 0; i < SIM_IDS; i++)
        if (*n->seats[place].edges[i]) sim_send(n, n->seats[place].edges[i], class, body);
}

/* ---- members ---- */

static inline void sim_read(struct sim_node *n, int place) {
    struct sim_seat *s = &n->seats[place];
    const struct sim_message m = sim_message(n, SIM_READ, place);
    if (s->read_at && sim_clock(n) < s->read_at + SIM_ASK_MS) return;
    s->read_at = sim_clock(n);
    sim_send_request(n, &m);
}

/* A number that follows what they have seen is given to them; another one says that they have missed some. */
static inline void sim_show(struct sim_node *n, int place, int64_t number, int64_t value) {
    struct sim_seat *s = &n->seats[place];
    if (!s->wants || s->seen < 0) return;
    if (number > s->known) s->known = number;
    if (number != s->seen + 1) {
        if (number > s->seen) sim_read(n, place);
        return;
    }
    if (number > n->w->rows[place].number || n->w->rows[place].values[number] != value)
        sim_fail(n->w, "%s shows %lld as number %lld of place %d, which the store has not", n->id, (long long)value,
                 (long long)number, place);
    s->seen = number;
}

static inline void sim_heard_of(struct sim_node *n, int place, int64_t number) {
    struct sim_seat *s = &n->seats[place];
    if (number > s->known) s->known = number;
    if (s->wants && s->known > s->seen) sim_read(n, place);
}

static inline void on_sim_last_number(struct sim_node *n, const struct sim_message *m) {
    struct sim_seat *s = &n->seats[m->place];
    s->read_at = 0;
    if (s->wants && s->seen < 0) s->seen = m->number;
    while (s->wants && s->seen < m->number)
        sim_show(n, m->place, s->seen + 1, n->w->rows[m->place].values[s->seen + 1]);
    if (s->wants && s->known > s->seen) sim_read(n, m->place);
}

/* ---- calls ---- */

static inline void sim_write(struct sim_node *n, int place, int64_t value) {
    struct sim_seat *s = &n->seats[place];
    struct sim_message m = sim_message(n, SIM_WRITE, place);
    m.value = value;
    m.fence = sim_place(n, place)->fence;
    if (s->writes == s->written) s->wrote_at = sim_clock(n);
    m.term = ++s->writes;
    sim_send_request(n, &m);
}

static inline void sim_keep(struct sim_seat *s, int64_t value) {
    if (s->kept_n < SIM_KEPT) s->kept[s->kept_n++] = value; /* the others fail with an error */
}

/* Calls that a node makes for its own members. */
static inline void sim_call(struct sim_node *n, int place, int64_t value) {
    const struct hub_place *p = sim_place(n, place);
    if (!p) return;
    if (p->state == HUB_PLACE_OWNER)
        sim_write(n, place, value);
    else if (p->state == HUB_PLACE_EDGE)
        sim_send(n, p->owner, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_CALL, .place = place, .value = value});
    else
        sim_keep(&n->seats[place], value);
}

static inline void sim_carry_out_kept(struct sim_node *n, int place) {
    struct sim_seat *s = &n->seats[place];
    int kept_n = s->kept_n;
    s->kept_n = 0;
    for (int i = 0; i < kept_n; i++) sim_call(n, place, s->kept[i]);
}

/* ---- what a step leads to ---- */

static inline void sim_close(struct sim_node *n, int place, unsigned todo) {
    struct sim_seat *s = &n->seats[place];
    s->written = s->writes;
    if (!(todo & HUB_PLACE_DISOWN)) memset(s->edges, 0, sizeof s->edges);
}

static inline void sim_disown(struct sim_node *n, int place) {
    sim_tell_edges(n, place, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_NOT_OWNED, .place = place});
    memset(n->seats[place].edges, 0, sizeof n->seats[place].edges);
}

static inline void sim_release(struct sim_node *n, int place) {
    struct sim_message m = sim_message(n, SIM_RELEASE, place);
    m.term = sim_place(n, place)->released;
    sim_send_request(n, &m);
}

static inline void sim_greet(struct sim_node *n, int place) {
    n->seats[place].heard_at = sim_clock(n);
    sim_send(n, sim_place(n, place)->owner, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_HELLO, .place = place});
}

static inline void sim_claim_fence(struct sim_node *n, int place) {
    struct sim_message m = sim_message(n, SIM_CLAIM, place);
    m.ticket = sim_place(n, place)->ticket;
    n->seats[place].asked_at = sim_clock(n);
    sim_send_request(n, &m);
}

static inline struct sim_body sim_owned(struct sim_node *n, int place) {
    return (struct sim_body){
        .kind = SIM_OWNED, .place = place, .fence = sim_place(n, place)->fence, .number = n->seats[place].number};
}

static inline void sim_open(struct sim_node *n, int place) {
    for (int i = 0; i < SIM_IDS; i++)
        if (*n->links[i].id) sim_send(n, n->links[i].id, HUB_WINDOW_REQUEST, sim_owned(n, place));
    sim_heard_of(n, place, n->seats[place].number);
    sim_carry_out_kept(n, place);
}

static inline void sim_hand_over(struct sim_node *n, int place) {
    struct sim_message m = sim_message(n, SIM_HAND, place);
    m.term = sim_place(n, place)->term;
    memcpy(m.other, sim_place(n, place)->successor, sizeof m.other);
    sim_send_request(n, &m);
}

static inline void sim_flush(struct sim_node *n, int place) {
    const struct hub_place *p = sim_place(n, place);
    if (p && p->state == HUB_PLACE_FREEZING && !sim_writes(n, place))
        sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_FLUSHED});
}

static inline void sim_do(struct sim_node *n, int place, unsigned todo) {
    if (todo & HUB_PLACE_CLOSE) sim_close(n, place, todo);
    if (todo & HUB_PLACE_RELEASE) sim_release(n, place);
    if (todo & HUB_PLACE_DISOWN) sim_disown(n, place);
    if (todo & HUB_PLACE_GREET) sim_greet(n, place);
    if (todo & HUB_PLACE_GREET) sim_carry_out_kept(n, place);
    if (todo & HUB_PLACE_PART)
        sim_send(n, sim_place(n, place)->owner, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_BYE, .place = place});
    if (todo & HUB_PLACE_CLAIM) sim_claim_fence(n, place);
    if (todo & HUB_PLACE_OPEN) sim_open(n, place);
    if (todo & HUB_PLACE_FREEZE) n->seats[place].frozen_at = sim_clock(n);
    if (todo & HUB_PLACE_FREEZE) sim_flush(n, place);
    if (todo & HUB_PLACE_HAND_OVER) sim_hand_over(n, place);
}

/* A node that is leaving asks for nothing any more. */
static inline void sim_resume(struct sim_node *n, int place) {
    const struct hub_place *p = sim_place(n, place);
    if (!p || p->state != HUB_PLACE_LOST || !n->registered) return;
    if (n->draining) sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_UNNEEDED});
    sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_RESUMED});
}

static inline void sim_trace(struct sim_node *n, int place, const struct hub_place_event *e, enum hub_place_state was) {
    const struct hub_place *p = sim_place(n, place);
    n->w->steps[was][e->kind]++;
    if (n->w->traced)
        printf("%6lld %s place %d %s: %s -> %s, fence %lld\n", (long long)n->w->now, n->id, place,
               hub_place_event_name(e->kind), hub_place_state_name(was), hub_place_state_name(p->state),
               (long long)p->fence);
}

static inline void sim_step(struct sim_node *n, int place, struct hub_place_event e) {
    struct hub_known_place *k = hub_places_get(&n->places, sim_name(place));
    enum hub_place_state was = k->place.state;
    k->members = n->seats[place].wants;
    unsigned todo = hub_places_step(&n->places, k, &e, sim_clock(n));
    sim_trace(n, place, &e, was);
    sim_do(n, place, todo);
    k = hub_places_find(&n->places, sim_name(place)); /* a step within may have dropped it */
    if (k && k->place.state == HUB_PLACE_LOST && was != HUB_PLACE_LOST) sim_resume(n, place);
    k = hub_places_find(&n->places, sim_name(place));
    if (k && k->place.state == HUB_PLACE_UNKNOWN) hub_places_drop(&n->places, k);
}

/* ---- links ---- */

static inline void sim_add_edge(struct sim_node *n, int place, const char *id) {
    int free_at = -1;
    for (int i = SIM_IDS; i-- > 0;) {
        if (strcmp(n->seats[place].edges[i], id) == 0) return;
        if (!*n->seats[place].edges[i]) free_at = i;
    }
    if (free_at >= 0) strcpy(n->seats[place].edges[free_at], id);
}

static inline void sim_drop_edge(struct sim_node *n, int place, const char *id) {
    for (int i = 0; i < SIM_IDS; i++)
        if (strcmp(n->seats[place].edges[i], id) == 0) *n->seats[place].edges[i] = 0;
}

static inline void on_sim_hello(struct sim_node *n, const char *from, int place) {
    const struct hub_place *p = sim_place(n, place);
    enum hub_place_reception reception = p ? hub_place_receives(p) : HUB_PLACE_TURN_AWAY;
    if (reception == HUB_PLACE_TURN_AWAY) {
        sim_send(n, from, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_NOT_OWNED, .place = place});
        return;
    }
    sim_add_edge(n, place, from);
    if (reception == HUB_PLACE_SERVE) sim_send(n, from, HUB_WINDOW_REQUEST, sim_owned(n, place));
}

static inline void on_sim_call(struct sim_node *n, const char *from, const struct sim_body *b) {
    const struct hub_place *p = sim_place(n, b->place);
    enum hub_place_reception reception = p ? hub_place_receives(p) : HUB_PLACE_TURN_AWAY;
    if (reception == HUB_PLACE_SERVE) sim_write(n, b->place, b->value);
    if (reception == HUB_PLACE_KEEP) sim_keep(&n->seats[b->place], b->value);
    if (reception == HUB_PLACE_TURN_AWAY)
        sim_send(n, from, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_NOT_OWNED, .place = b->place});
}

static inline void on_sim_owned(struct sim_node *n, const char *from, const struct sim_body *b) {
    const struct hub_place *p = sim_place(n, b->place);
    if (!p) return;
    if (p->state == HUB_PLACE_OWNER && p->fence > b->fence)
        sim_send(n, from, HUB_WINDOW_REQUEST, sim_owned(n, b->place));
    sim_step(n, b->place, (struct hub_place_event){.kind = HUB_PLACE_OWNED, .node = hub_cstr(from), .fence = b->fence});
    p = sim_place(n, b->place);
    if (!p || p->state != HUB_PLACE_EDGE || strcmp(p->owner, from) != 0) return;
    n->seats[b->place].heard_at = sim_clock(n);
    sim_heard_of(n, b->place, b->number);
}

/* The frames of one owner come over a link in the order of their numbers. */
static inline void on_sim_frame(struct sim_link *l, const struct sim_body *b) {
    if (b->fence == l->last_fence[b->place] && b->number <= l->last_number[b->place])
        sim_fail(l->node->w, "%s got number %lld of place %d behind %lld", l->node->id, (long long)b->number, b->place,
                 (long long)l->last_number[b->place]);
    l->last_fence[b->place] = b->fence;
    l->last_number[b->place] = b->number;
    sim_show(l->node, b->place, b->number, b->value);
}

static inline void sim_greet_again(struct sim_node *n, const char *owner) {
    for (int place = 0; place < SIM_PLACES; place++) {
        const struct hub_place *p = sim_place(n, place);
        if (p && p->state == HUB_PLACE_EDGE && strcmp(p->owner, owner) == 0) sim_greet(n, place);
    }
}

static inline void on_sim_data(void *ctx, struct hub_str bytes) {
    struct sim_link *l = ctx;
    struct sim_node *n = l->node;
    struct sim_body b;
    HUB_BUG_IF(bytes.n != sizeof b);
    memcpy(&b, bytes.p, sizeof b);
    switch (b.kind) {
    case SIM_HELLO: on_sim_hello(n, l->id, b.place); break;
    case SIM_BYE: sim_drop_edge(n, b.place, l->id); break;
    case SIM_OWNED: on_sim_owned(n, l->id, &b); break;
    case SIM_NOT_OWNED:
        if (sim_place(n, b.place))
            sim_step(n, b.place, (struct hub_place_event){.kind = HUB_PLACE_NOT_OWNED, .node = hub_cstr(l->id)});
        break;
    case SIM_CALL: on_sim_call(n, l->id, &b); break;
    case SIM_FRAME: on_sim_frame(l, &b); break;
    case SIM_TICK: break;
    case SIM_YOURS:
        sim_step(
            n, b.place,
            (struct hub_place_event){.kind = HUB_PLACE_HANDED, .node = hub_cstr(l->id), .term = (uint64_t)b.number});
        break;
    case SIM_AGAIN: sim_greet_again(n, l->id); break;
    }
}

/* What was in it nobody knows: both directions of greeting begin again. */
static inline void on_sim_hole(void *ctx, uint64_t from, uint64_t to) {
    struct sim_link *l = ctx;
    HUB_BUG_IF(from > to);
    sim_greet_again(l->node, l->id);
    sim_send(l->node, l->id, HUB_WINDOW_REQUEST, (struct sim_body){.kind = SIM_AGAIN});
}

static inline struct sim_link *sim_link_begin(struct sim_node *n, const char *id) {
    static const struct hub_receive_window_events events = {on_sim_data, on_sim_hole, on_sim_send};
    static const struct hub_window_config config = {.keep_bytes = 3000, .queue_bytes = 1000, .behind_max = 2};
    int at = 0;
    while (*n->links[at].id) HUB_BUG_IF(++at == SIM_IDS);
    struct sim_link *l = &n->links[at];
    *l = (struct sim_link){.node = n};
    memcpy(l->id, id, sizeof l->id);
    hub_send_window_init(&l->out, &config, on_sim_send, l);
    hub_receive_window_init(&l->in, 4000, &events, l);
    return l;
}

static inline void sim_link_end(struct sim_link *l) {
    hub_send_window_deinit(&l->out);
    hub_receive_window_deinit(&l->in);
    *l = (struct sim_link){0};
}

static inline void on_sim_packet(struct sim_node *n, const struct sim_event *e) {
    struct sim_link *l = sim_link_of(n, e->m.id);
    struct hub_window_packet p;
    if (!l || l->gone_at || !n->registered || strcmp(e->m.other, n->id) != 0) return;
    HUB_BUG_IF(!hub_window_packet_read(hub_str(e->bytes, e->n), &p));
    if (p.kind == HUB_WINDOW_AGAIN) {
        hub_send_window_again(&l->out, p.number, p.to);
        return;
    }
    if (p.kind == HUB_WINDOW_MARK) hub_send_window_confirmed(&l->out, p.to);
    if (n->w->broken == SIM_NO_DEDUPE && p.kind == HUB_WINDOW_DATA && p.number <= l->in.given)
        on_sim_data(l, p.body);
    else
        hub_receive_window_take(&l->in, &p, sim_clock(n));
}

/* "Bring it up to date from there" is what the owner's last number says. */
static inline void sim_catch_up(struct sim_node *n, struct sim_link *l) {
    struct hub_str place;
    int64_t from;
    while (hub_send_window_behind(&l->out, &place, &from)) {
        for (int i = 0; i < SIM_PLACES; i++)
            if (sim_owns(n, i) && (!place.n || hub_str_eq(sim_name(i), place)))
                sim_send(n, l->id, HUB_WINDOW_REQUEST, sim_owned(n, i));
        hub_send_window_caught_up(&l->out, place);
    }
}

/* ---- who lives ---- */

static inline void sim_owner_gone(struct sim_node *n, const char *id) {
    for (int place = 0; place < SIM_PLACES; place++) {
        sim_drop_edge(n, place, id);
        if (sim_place(n, place))
            sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_OWNER_GONE, .node = hub_cstr(id)});
    }
}

static inline bool sim_is_among(const struct sim_message *m, const char *id) {
    for (int i = 0; i < m->living_n; i++)
        if (strcmp(m->living[i], id) == 0) return true;
    return false;
}

/* Longer than a lease no node comes back under its id. */
static inline void sim_link_gone(struct sim_node *n, struct sim_link *l) {
    sim_id id;
    memcpy(id, l->id, sizeof id);
    if (l->gone_at && sim_clock(n) - l->gone_at > SIM_TTL_MS) sim_link_end(l);
    if (l->gone_at) return;
    l->gone_at = sim_clock(n);
    sim_owner_gone(n, id);
}

static inline void sim_link_lives(struct sim_node *n, const char *id) {
    struct sim_link *l = sim_link_of(n, id);
    if (strcmp(id, n->id) == 0 || (l && !l->gone_at)) return;
    if (!l) l = sim_link_begin(n, id);
    l->gone_at = 0;
    sim_greet_again(n, id);
}

static inline void sim_update_links(struct sim_node *n, const struct sim_message *m) {
    for (int i = 0; i < SIM_IDS && !m->number; i++)
        if (*n->links[i].id && !sim_is_among(m, n->links[i].id)) sim_link_gone(n, &n->links[i]);
    for (int i = 0; i < m->living_n; i++) sim_link_lives(n, m->living[i]);
    for (int place = 0; place < SIM_PLACES && !m->number; place++) { /* of whom it was told, and who never came */
        const struct hub_place *p = sim_place(n, place);
        sim_id owner;
        if (!p || p->state != HUB_PLACE_EDGE || sim_is_among(m, p->owner)) continue;
        strcpy(owner, p->owner);
        sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_OWNER_GONE, .node = hub_cstr(owner)});
    }
}

static inline void on_sim_renewed(struct sim_node *n, const struct sim_message *m) {
    int64_t now = sim_clock(n);
    if (strcmp(m->id, n->id) != 0) return; /* of who it was before */
    if (!hub_lease_granted(&n->lease, n->w->broken == SIM_LATE_LEASE ? now : m->sent_at, now)) return;
    if (m->sent_at > n->granted_from) n->granted_from = m->sent_at;
    bool was_registered = n->registered;
    n->registered = true;
    sim_update_links(n, m);
    for (int place = 0; place < SIM_PLACES && !was_registered; place++) sim_resume(n, place);
}

static inline void sim_new_id(struct sim_node *n) {
    snprintf(n->id, sizeof n->id, "n%02d-%08u", n->index, ++n->incarnations % 100000000);
    hub_lease_init(&n->lease, SIM_TTL_MS);
    n->registered = false;
    n->granted_from = INT64_MIN / 2;
    n->heartbeat_at = sim_clock(n);
}

static inline void sim_end_links(struct sim_node *n) {
    for (int i = 0; i < SIM_IDS; i++)
        if (*n->links[i].id) sim_link_end(&n->links[i]);
}

static inline void sim_lapse(struct sim_node *n) {
    sim_end_links(n);
    n->registered = false;
    for (int place = 0; place < SIM_PLACES; place++) {
        if (sim_place(n, place)) sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_LEASE_LAPSED});
        memset(n->seats[place].edges, 0, sizeof n->seats[place].edges);
        n->seats[place].read_at = 0;
    }
    sim_new_id(n);
}

/* Each turn begins with it. */
static inline void sim_look_at_lease(struct sim_node *n) {
    if (n->registered && hub_lease_at(&n->lease, sim_clock(n)) == HUB_LEASE_LAPSED) sim_lapse(n);
}

/* ---- answers ---- */

static inline void on_sim_written(struct sim_node *n, const struct sim_message *m) {
    struct sim_seat *s = &n->seats[m->place];
    const struct hub_place *p = sim_place(n, m->place);
    if (!sim_owns(n, m->place) || p->fence != m->fence) return; /* whoever owns it now has read it */
    s->written = m->term;                                       /* what was sent before and not answered is lost */
    s->wrote_at = sim_clock(n);
    s->number = m->number;
    sim_show(n, m->place, m->number, m->value);
    sim_tell_edges(
        n, m->place, HUB_WINDOW_NUMBERED,
        (struct sim_body){
            .kind = SIM_FRAME, .place = m->place, .number = m->number, .value = m->value, .fence = m->fence});
    sim_flush(n, m->place);
}

static inline void on_sim_handed(struct sim_node *n, const struct sim_message *m) {
    const struct hub_place *p = sim_place(n, m->place);
    if (!p || p->state != HUB_PLACE_FREEZING || strcmp(p->successor, m->other) != 0) return;
    sim_send(n, m->other, HUB_WINDOW_REQUEST,
             (struct sim_body){.kind = SIM_YOURS, .place = m->place, .number = (int64_t)m->term});
}

static inline void on_sim_claimed(struct sim_node *n, const struct sim_message *m) {
    const struct hub_place *p = sim_place(n, m->place);
    if (p && p->state == HUB_PLACE_CLAIMING && p->ticket == m->ticket) n->seats[m->place].number = m->number;
    sim_step(n, m->place, (struct hub_place_event){.kind = HUB_PLACE_CLAIMED, .ticket = m->ticket, .fence = m->fence});
}

static inline void sim_fenced(struct sim_node *n, int place, int64_t fence) {
    if (sim_place(n, place)) sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_FENCED, .fence = fence});
}

/* Node answers of another incarnation are told apart by their tickets, fences and ids. */
static inline void on_sim_answer(struct sim_node *n, const struct sim_message *m) {
    struct hub_place_event e = {.node = hub_cstr(m->other), .term = m->term, .ticket = m->ticket};
    if (m->kind != SIM_RENEWED && !n->registered) return;
    switch (m->kind) {
    case SIM_RENEWED: on_sim_renewed(n, m); return;
    case SIM_NAMED_OTHER: e.kind = HUB_PLACE_NAMED_OTHER; break;
    case SIM_NAMED_SELF:
        if (strcmp(m->id, n->id) != 0) return; /* who was named is none any more */
        e.kind = HUB_PLACE_NAMED_SELF;
        break;
    case SIM_UNANSWERED: e.kind = HUB_PLACE_UNANSWERED; break;
    case SIM_REFUSED: e.kind = HUB_PLACE_REFUSED; break;
    case SIM_HANDED: on_sim_handed(n, m); return;
    case SIM_CLAIMED: on_sim_claimed(n, m); return;
    case SIM_WRITTEN: on_sim_written(n, m); return;
    case SIM_FENCED: sim_fenced(n, m->place, m->fence); return;
    case SIM_LAST_NUMBER: on_sim_last_number(n, m); return;
    case SIM_LOOKED:
        if (m->number > m->fence) sim_fenced(n, m->place, m->fence);
        return;
    default: HUB_BUG_IF(true);
    }
    sim_step(n, m->place, e);
}

/* ---- by time ---- */

static inline void sim_look_at_fence(struct sim_node *n, int place) {
    struct sim_message m = sim_message(n, SIM_LOOK, place);
    m.fence = sim_place(n, place)->fence;
    sim_send_request(n, &m);
}

static inline void sim_beat_place(struct sim_node *n, int place) {
    const struct hub_place *p = sim_place(n, place);
    if (!p) return;
    if (p->state == HUB_PLACE_OWNER) {
        sim_tell_edges(n, place, HUB_WINDOW_REQUEST, sim_owned(n, place));
        sim_look_at_fence(n, place);
    }
    if (p->state == HUB_PLACE_EDGE && sim_clock(n) - n->seats[place].heard_at > 2 * SIM_HEARTBEAT_MS)
        sim_greet(n, place);
}

static inline void sim_beat(struct sim_node *n) {
    const struct sim_message m = sim_message(n, SIM_RENEW, 0);
    n->heartbeat_at = sim_clock(n) + SIM_HEARTBEAT_MS;
    sim_send_request(n, &m);
    if (!n->registered) return;
    for (int place = 0; place < SIM_PLACES; place++) sim_beat_place(n, place);
    for (int i = 0; i < SIM_IDS; i++)
        if (*n->links[i].id && !n->links[i].gone_at) hub_send_window_mark(&n->links[i].out, n->links[i].in.given);
}

static inline void sim_ask_next(struct sim_node *n) {
    for (struct hub_known_place *k; (k = hub_places_next(&n->places, sim_clock(n)));) {
        struct sim_message m = sim_message(n, SIM_ASK, sim_place_of(k));
        m.ticket = k->place.ticket;
        m.term = k->place.refused_term;
        memcpy(m.other, k->place.refused, sizeof m.other);
        n->seats[m.place].asked_at = sim_clock(n);
        sim_send_request(n, &m);
    }
}

/* What an adapter finds to have taken too long. */
static inline void sim_time_out(struct sim_node *n, int place) {
    struct hub_known_place *k = hub_places_find(&n->places, sim_name(place));
    const struct sim_seat *s = &n->seats[place];
    struct hub_place_event e = {.ticket = k ? k->place.ticket : 0};
    int64_t now = sim_clock(n);
    if (!k) return;
    if (k->place.state == HUB_PLACE_ASKING && k->under_way && now - s->asked_at > SIM_ASK_MS)
        e.kind = HUB_PLACE_UNANSWERED;
    else if (k->place.state == HUB_PLACE_CLAIMING && now - s->asked_at > HUB_PLACE_STORE_MS)
        e.kind = HUB_PLACE_STORE_AWAY;
    else if (sim_owns(n, place) && sim_writes(n, place) && now - s->wrote_at > HUB_PLACE_STORE_MS)
        e.kind = HUB_PLACE_STORE_AWAY;
    else if (k->place.state == HUB_PLACE_FREEZING && now - s->frozen_at > SIM_HAND_MS)
        e.kind = HUB_PLACE_NOT_HANDED;
    else
        return;
    sim_step(n, place, e);
}

/* Whether anybody needs it. */
static inline void sim_look_at_need(struct sim_node *n, int place) {
    struct sim_seat *s = &n->seats[place];
    const struct hub_place *p = sim_place(n, place);
    bool edges = false;
    for (int i = 0; i < SIM_IDS; i++) edges |= *s->edges[i] != 0;
    if (s->wants && (!p || !p->needed)) sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_NEEDED});
    if (s->wants && s->seen < 0) sim_read(n, place);
    if (s->wants || edges || sim_writes(n, place) || !p || !p->needed) return;
    sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_UNNEEDED});
}

/* Only a whole lease lets a node tell what no fence guards. */
static inline void sim_tick(struct sim_node *n) {
    if (sim_clock(n) < n->tick_at || hub_lease_at(&n->lease, sim_clock(n)) != HUB_LEASE_WHOLE) return;
    n->tick_at = sim_clock(n) + 300;
    for (int place = 0; place < SIM_PLACES; place++) {
        const struct hub_place *p = sim_place(n, place);
        if (!p || p->state != HUB_PLACE_OWNER) continue;
        sim_check_lease(n, "ticks");
        n->ticks++;
        sim_tell_edges(n, place, HUB_WINDOW_EPHEMERAL, (struct sim_body){.kind = SIM_TICK, .place = place});
    }
}

static inline void sim_serve_links(struct sim_node *n) {
    for (int i = 0; i < SIM_IDS; i++) {
        struct sim_link *l = &n->links[i];
        if (!*l->id || l->gone_at) continue;
        hub_receive_window_turn(&l->in, sim_clock(n));
        if (!n->jammed) hub_send_window_left(&l->out, l->out.last);
        sim_catch_up(n, l);
    }
}

static inline void sim_give_away(struct sim_node *n, int place) {
    const char *successor = NULL;
    for (int i = 0; i < SIM_IDS; i++)
        if (*n->links[i].id && !n->links[i].gone_at && (!successor || sim_chance(n->w, 500)))
            successor = n->links[i].id;
    const struct hub_place *p = sim_place(n, place);
    if (successor && p && p->state == HUB_PLACE_OWNER)
        sim_step(n, place, (struct hub_place_event){.kind = HUB_PLACE_DRAIN, .node = hub_cstr(successor)});
}

static inline void sim_node_turn(struct sim_node *n) {
    if (sim_clock(n) >= n->heartbeat_at) sim_beat(n);
    if (!n->registered) return;
    sim_serve_links(n);
    for (int place = 0; place < SIM_PLACES; place++) {
        sim_time_out(n, place);
        sim_look_at_need(n, place);
        if (n->draining) sim_give_away(n, place);
    }
    sim_ask_next(n);
    sim_tick(n);
}

/* ---- life ---- */

static inline void sim_node_begin(struct sim_node *n) {
    const struct hub_places_config config = {.asks_max = 2,
                                             .takeover_ms = 500,
                                             .yield_ms = 1000,
                                             .retry_ms = 200,
                                             .seed = n->w->seed * 100 + (uint64_t)n->index};
    unsigned incarnations = n->incarnations;
    int64_t ahead = n->clock_ahead;
    *n = (struct sim_node){.w = n->w, .index = n->index, .incarnations = incarnations, .clock_ahead = ahead};
    n->w->reach[n->index] = (struct sim_reach){.alive = true, .life = n->w->reach[n->index].life + 1};
    hub_places_init(&n->places, &config);
    for (int place = 0; place < SIM_PLACES; place++) n->seats[place].seen = -1;
    sim_new_id(n);
}

static inline void sim_node_end(struct sim_node *n) {
    n->w->reach[n->index].alive = false;
    sim_end_links(n);
    hub_places_deinit(&n->places);
}

static inline void sim_want(struct sim_node *n, int place, bool wants) {
    struct sim_seat *s = &n->seats[place];
    if (s->wants == wants || (wants && n->draining)) return;
    s->wants = wants;
    s->seen = -1;
    s->known = 0;
    s->read_at = 0;
}

/* Its members go elsewhere, its places to another node (sim_give_away), and then it leaves. */
static inline void sim_drain(struct sim_node *n) {
    n->draining = true;
    n->drained_by = sim_clock(n) + 5000;
    for (int place = 0; place < SIM_PLACES; place++) sim_want(n, place, false);
}

static inline bool sim_is_drained(const struct sim_node *n) {
    return n->draining && (!hub_keyed_len(&n->places.by_name) || sim_clock(n) >= n->drained_by);
}
#endif
