/* The world of a simulation of several nodes: time, a network, what says who may try (Redis), and a store
 * with its fences. Everything happens in an order that a seed decides; nothing is waited for.
 *
 * Messages to one server or node arrive in the order sent; packets between nodes may be late, lost or
 * repeated. A node that stands still takes nothing until it goes on, then all of it. The store watches over
 * what must never happen, whoever asks it to: sim_fail. */
#ifndef TEST_SUPPORT_SIM_WORLD_H
#define TEST_SUPPORT_SIM_WORLD_H
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "mesh/place/lease.h"
#include "mesh/place/places.h"
#include "mesh/window/window.h"

#define SIM_NODES 8
#define SIM_PLACES 3
#define SIM_IDS 24 /* of nodes that live, or whose lease is not over */
#define SIM_NUMBERS 4096
#define SIM_TTL_MS 8000
#define SIM_HEARTBEAT_MS 2000
#define SIM_BYTES 160

typedef char sim_id[HUB_NODE_ID_LEN + 1];

enum sim_message_kind {
    SIM_RENEW, /* of the lease of ID, which begins with it; answered by what lives */
    SIM_LEAVE,
    SIM_ASK,
    SIM_RELEASE,
    SIM_HAND, /* OTHER is named instead */
    SIM_TO_STORE,
    SIM_CLAIM = SIM_TO_STORE,
    SIM_WRITE,
    SIM_READ, /* the last number */
    SIM_LOOK, /* at the fence */
    /* answers */
    SIM_RENEWED,
    SIM_NAMED_OTHER,
    SIM_NAMED_SELF,
    SIM_UNANSWERED,
    SIM_HANDED,
    SIM_CLAIMED,
    SIM_REFUSED,
    SIM_WRITTEN,
    SIM_FENCED,
    SIM_LAST_NUMBER,
    SIM_LOOKED
};
struct sim_message {
    enum sim_message_kind kind;
    int node;
    uint32_t life; /* of the node's process */
    int place;
    sim_id id, other;
    uint64_t term, ticket;
    int64_t fence, number, value, sent_at;
    int living_n;
    sim_id living[SIM_IDS];
};

enum sim_event_kind { SIM_TURN, SIM_AT_REDIS, SIM_AT_STORE, SIM_AT_NODE, SIM_PACKET, SIM_FAULT };
struct sim_event {
    int64_t at;
    uint64_t order;
    enum sim_event_kind kind;
    struct sim_message m; /* PACKET: from id to other, for its node */
    size_t n;
    char bytes[SIM_BYTES];
};

struct sim_redis {
    struct {
        sim_id node; /* "": nobody is named */
        uint64_t term;
    } places[SIM_PLACES];
    struct {
        sim_id id;
        int64_t until;
    } leases[SIM_IDS];
    uint64_t last_term;
    int64_t silent_until; /* it was empty: no verdicts yet */
};

struct sim_row {
    int64_t fence, number;
    sim_id owner;
    int64_t values[SIM_NUMBERS], fences[SIM_NUMBERS]; /* by number */
};

enum sim_broken { SIM_SOUND, SIM_NO_FENCE, SIM_LATE_LEASE, SIM_NO_DEDUPE, SIM_BROKEN_COUNT };

/* Of a node, as the world sees it. */
struct sim_reach {
    bool alive, no_out, no_in, no_store;
    uint32_t life;
    int64_t paused_until;
};

struct sim_world {
    uint64_t seed, random, orders;
    int64_t now;
    enum sim_broken broken;
    int node_n;
    struct sim_event **heap;
    size_t heap_n, heap_cap;
    struct sim_event *spare; /* by the pointer in bytes */
    struct sim_redis redis, redis_before;
    struct sim_row rows[SIM_PLACES];
    struct sim_reach reach[SIM_NODES];
    int64_t redis_down_until, slow_until, lossy_until;
    int64_t last_arrival[SIM_NODES + 2][SIM_NODES + 2]; /* nodes, Redis, the store */
    int64_t values;                                     /* last one drawn */
    bool committed[SIM_NUMBERS * SIM_PLACES];           /* by value */
    char failure[300];                                  /* the first one */
    size_t commits, claims, happened, again;
    size_t steps[HUB_PLACE_STATE_COUNT][HUB_PLACE_EVENT_COUNT];
    bool traced;
};
enum { SIM_REDIS = SIM_NODES, SIM_STORE };

static inline void sim_fail(struct sim_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void sim_fail(struct sim_world *w, const char *fmt, ...) {
    va_list args;
    if (*w->failure) return;
    int n =
        snprintf(w->failure, sizeof w->failure, "seed %llu, %lld ms: ", (unsigned long long)w->seed, (long long)w->now);
    va_start(args, fmt);
    vsnprintf(w->failure + n, sizeof w->failure - (size_t)n, fmt, args);
    va_end(args);
}

/* ---- chance ---- */

static inline uint64_t sim_draw(struct sim_world *w, uint64_t below) {
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}
static inline bool sim_chance(struct sim_world *w, unsigned of_1000) { return sim_draw(w, 1000) < of_1000; }

/* ---- what will happen ---- */

static inline bool sim_before(const struct sim_event *a, const struct sim_event *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void sim_push(struct sim_world *w, struct sim_event *e) {
    if (w->heap_n == w->heap_cap) {
        w->heap_cap = w->heap_cap ? w->heap_cap * 2 : 256;
        w->heap = hub_xrealloc(w->heap, w->heap_cap * sizeof *w->heap);
    }
    size_t at = w->heap_n++;
    for (; at && sim_before(e, w->heap[(at - 1) / 2]); at = (at - 1) / 2) w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = e;
}

static inline struct sim_event *sim_pop(struct sim_world *w) {
    struct sim_event *first = w->heap[0], *last = w->heap[--w->heap_n];
    size_t at = 0;
    for (size_t child; (child = at * 2 + 1) < w->heap_n; at = child) {
        if (child + 1 < w->heap_n && sim_before(w->heap[child + 1], w->heap[child])) child++;
        if (!sim_before(w->heap[child], last)) break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return first;
}

static inline struct sim_event *sim_event_new(struct sim_world *w, enum sim_event_kind kind, int64_t at) {
    struct sim_event *e = w->spare;
    if (e)
        memcpy(&w->spare, e->bytes, sizeof w->spare);
    else
        e = hub_xcalloc(1, sizeof *e);
    e->kind = kind;
    e->at = at;
    e->order = ++w->orders;
    e->n = 0;
    return e;
}

static inline void sim_event_free(struct sim_world *w, struct sim_event *e) {
    memcpy(e->bytes, &w->spare, sizeof w->spare);
    w->spare = e;
}

/* ---- ways ---- */

static inline int64_t sim_delay(struct sim_world *w) {
    int64_t delay = 1 + (int64_t)sim_draw(w, 4);
    if (w->now < w->slow_until && sim_chance(w, 300)) delay += (int64_t)sim_draw(w, 4000);
    return delay;
}

/* In order from FROM to TO. */
static inline int64_t sim_arrival(struct sim_world *w, int from, int to) {
    int64_t at = w->now + sim_delay(w);
    if (at < w->last_arrival[from][to]) at = w->last_arrival[from][to];
    w->last_arrival[from][to] = at;
    return at;
}

static inline bool sim_can_send(const struct sim_world *w, int from, bool to_store) {
    const struct sim_reach *r = &w->reach[from];
    if (!r->alive) return false;
    return to_store ? !r->no_store : !r->no_out && w->now >= w->redis_down_until;
}

static inline bool sim_can_hear(const struct sim_world *w, int to, bool from_store) {
    const struct sim_reach *r = &w->reach[to];
    return from_store ? !r->no_store : !r->no_in && w->now >= w->redis_down_until;
}

/* M goes to Redis or the store. */
static inline void sim_request(struct sim_world *w, const struct sim_message *m) {
    bool store = m->kind >= SIM_TO_STORE;
    if (!sim_can_send(w, m->node, store)) return;
    struct sim_event *e =
        sim_event_new(w, store ? SIM_AT_STORE : SIM_AT_REDIS, sim_arrival(w, m->node, store ? SIM_STORE : SIM_REDIS));
    e->m = *m;
    e->m.life = w->reach[m->node].life;
    sim_push(w, e);
}

static inline void sim_answer(struct sim_world *w, const struct sim_message *m, enum sim_message_kind kind,
                              bool store) {
    if (!sim_can_hear(w, m->node, store)) return;
    struct sim_event *e = sim_event_new(w, SIM_AT_NODE, sim_arrival(w, store ? SIM_STORE : SIM_REDIS, m->node));
    e->m = *m;
    e->m.kind = kind;
    sim_push(w, e);
}

static inline int sim_index(const char *id) { return (id[1] - '0') * 10 + id[2] - '0'; }

static inline void sim_carry(struct sim_world *w, const char *from, const char *to, struct hub_str bytes, int64_t at) {
    struct sim_event *e = sim_event_new(w, SIM_PACKET, at);
    HUB_BUG_IF(bytes.n > SIM_BYTES);
    e->m = (struct sim_message){.node = sim_index(to), .life = w->reach[sim_index(to)].life};
    memcpy(e->m.id, from, sizeof e->m.id);
    memcpy(e->m.other, to, sizeof e->m.other);
    memcpy(e->bytes, bytes.p, bytes.n);
    e->n = bytes.n;
    sim_push(w, e);
}

/* From one node to another: may be lost, or come once more and later. */
static inline void sim_packet(struct sim_world *w, const char *from, const char *to, struct hub_str bytes) {
    unsigned lost = w->now < w->lossy_until ? 300 : 10;
    int a = sim_index(from), b = sim_index(to);
    if (!sim_can_send(w, a, false) || !sim_can_hear(w, b, false) || sim_chance(w, lost)) return;
    int64_t at = sim_arrival(w, a, b);
    sim_carry(w, from, to, bytes, at);
    if (sim_chance(w, w->now < w->lossy_until ? 200 : 20))
        sim_carry(w, from, to, bytes, at + (int64_t)sim_draw(w, 400));
}

/* ---- who may try ---- */

static inline int64_t *sim_lease(struct sim_redis *r, const char *id, bool make) {
    int free_at = -1;
    for (int i = 0; i < SIM_IDS; i++) {
        if (strcmp(r->leases[i].id, id) == 0) return &r->leases[i].until;
        if (!*r->leases[i].id) free_at = i;
    }
    if (!make || free_at < 0) return NULL;
    strcpy(r->leases[free_at].id, id);
    return &r->leases[free_at].until;
}

static inline bool sim_lives(struct sim_world *w, const char *id) {
    int64_t *until = sim_lease(&w->redis, id, false);
    return until && *until > w->now;
}

static inline void sim_expire(struct sim_world *w) {
    for (int i = 0; i < SIM_IDS; i++)
        if (w->redis.leases[i].until <= w->now) *w->redis.leases[i].id = 0;
}

static inline void sim_renew(struct sim_world *w, struct sim_message *m) {
    sim_expire(w);
    int64_t *until = sim_lease(&w->redis, m->id, true);
    HUB_BUG_IF(!until);
    *until = w->now + SIM_TTL_MS;
    m->living_n = 0;
    for (int i = 0; i < SIM_IDS; i++)
        if (*w->redis.leases[i].id) strcpy(m->living[m->living_n++], w->redis.leases[i].id);
    m->number = w->now < w->redis.silent_until; /* who is not there may only not have come back */
    sim_answer(w, m, SIM_RENEWED, false);
}

/* The script of decision 0039: the owner that is there and lives, else the asker. */
static inline void sim_ask(struct sim_world *w, struct sim_message *m) {
    sim_id *named = &w->redis.places[m->place].node;
    uint64_t *term = &w->redis.places[m->place].term;
    bool refused = *m->other && strcmp(*named, m->other) == 0 && *term == m->term;
    if (**named && !refused && strcmp(*named, m->id) != 0 && sim_lives(w, *named)) {
        strcpy(m->other, *named);
        m->term = *term;
        sim_answer(w, m, SIM_NAMED_OTHER, false);
        return;
    }
    if (w->now < w->redis.silent_until || !sim_lives(w, m->id)) {
        sim_answer(w, m, SIM_UNANSWERED, false);
        return;
    }
    strcpy(*named, m->id);
    m->term = *term = ++w->redis.last_term;
    sim_answer(w, m, SIM_NAMED_SELF, false);
}

static inline void sim_at_redis(struct sim_world *w, struct sim_message *m) {
    bool holds = m->kind >= SIM_RELEASE && strcmp(w->redis.places[m->place].node, m->id) == 0 &&
                 w->redis.places[m->place].term == m->term;
    int64_t *until;
    if (w->now < w->redis_down_until) return;
    switch (m->kind) {
    case SIM_RENEW: sim_renew(w, m); break;
    case SIM_LEAVE:
        if ((until = sim_lease(&w->redis, m->id, false))) *until = w->now;
        break;
    case SIM_ASK: sim_ask(w, m); break;
    case SIM_RELEASE:
        if (holds) *w->redis.places[m->place].node = 0;
        break;
    case SIM_HAND:
        if (!holds) break;
        strcpy(w->redis.places[m->place].node, m->other);
        m->term = w->redis.places[m->place].term = ++w->redis.last_term;
        sim_answer(w, m, SIM_HANDED, false);
        break;
    default: HUB_BUG_IF(true);
    }
}

/* ---- the store ---- */

static inline void sim_claim(struct sim_world *w, struct sim_message *m) {
    struct sim_row *row = &w->rows[m->place];
    if (sim_chance(w, 20)) {
        sim_answer(w, m, SIM_REFUSED, true);
        return;
    }
    w->claims++;
    strcpy(row->owner, m->id);
    m->fence = ++row->fence;
    m->number = row->number;
    sim_answer(w, m, SIM_CLAIMED, true);
}

/* What must not be is found here, not refused: of that the fence is in charge, unless it is broken. */
static inline void sim_commit(struct sim_world *w, struct sim_message *m) {
    struct sim_row *row = &w->rows[m->place];
    if (m->fence != row->fence || strcmp(m->id, row->owner) != 0)
        sim_fail(w, "%s wrote to place %d by fence %lld; %s holds fence %lld", m->id, m->place, (long long)m->fence,
                 row->owner, (long long)row->fence);
    if (w->committed[m->value]) sim_fail(w, "call %lld was carried out twice", (long long)m->value);
    w->committed[m->value] = true;
    m->number = ++row->number;
    row->values[m->number] = m->value;
    row->fences[m->number] = m->fence;
    if (row->fences[m->number - 1] > m->fence) sim_fail(w, "number %lld has a lower fence", (long long)m->number);
    w->commits++;
    sim_answer(w, m, SIM_WRITTEN, true);
}

static inline void sim_at_store(struct sim_world *w, struct sim_message *m) {
    struct sim_row *row = &w->rows[m->place];
    if (w->reach[m->node].no_store) return;
    switch (m->kind) {
    case SIM_CLAIM: sim_claim(w, m); break;
    case SIM_WRITE:
        if (m->fence == row->fence || w->broken == SIM_NO_FENCE)
            sim_commit(w, m);
        else
            sim_answer(w, m, SIM_FENCED, true);
        break;
    case SIM_READ:
        m->number = row->number;
        sim_answer(w, m, SIM_LAST_NUMBER, true);
        break;
    case SIM_LOOK:
        m->number = row->fence;
        sim_answer(w, m, SIM_LOOKED, true);
        break;
    default: HUB_BUG_IF(true);
    }
}

static inline void sim_world_free(struct sim_world *w) {
    while (w->heap_n) free(sim_pop(w));
    for (struct sim_event *e; (e = w->spare);) {
        memcpy(&w->spare, e->bytes, sizeof w->spare);
        free(e);
    }
    free(w->heap);
}
#endif
