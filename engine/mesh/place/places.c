/* Places by name, and the queue of those that have to be asked for. */
#include "mesh/place/places.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"

/* ---- the queue: a binary heap, the next one first ---- */

static bool is_before(const struct hub_known_place *a, const struct hub_known_place *b) {
    if (a->due != b->due) return a->due < b->due;
    if (a->first != b->first) return a->first;
    return a->order < b->order;
}

static void queue_put(struct hub_places *all, size_t slot, struct hub_known_place *k) {
    all->queue[slot - 1] = k;
    k->slot = slot;
}

static void queue_up(struct hub_places *all, struct hub_known_place *k) {
    size_t slot = k->slot;
    for (; slot > 1 && is_before(k, all->queue[slot / 2 - 1]); slot /= 2)
        queue_put(all, slot, all->queue[slot / 2 - 1]);
    queue_put(all, slot, k);
}

static void queue_down(struct hub_places *all, struct hub_known_place *k) {
    size_t slot = k->slot;
    for (size_t child; (child = slot * 2) <= all->queued; slot = child) {
        if (child < all->queued && is_before(all->queue[child], all->queue[child - 1])) child++;
        if (!is_before(all->queue[child - 1], k)) break;
        queue_put(all, slot, all->queue[child - 1]);
    }
    queue_put(all, slot, k);
}

static void queue_add(struct hub_places *all, struct hub_known_place *k) {
    if (all->queued == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 64;
        all->queue = hub_xrealloc(all->queue, all->cap * sizeof *all->queue);
    }
    k->order = ++all->orders;
    queue_put(all, ++all->queued, k);
    queue_up(all, k);
}

static void queue_remove(struct hub_places *all, struct hub_known_place *k) {
    if (!k->slot) return;
    struct hub_known_place *last = all->queue[--all->queued];
    if (last != k) {
        queue_put(all, k->slot, last);
        queue_up(all, last);
        queue_down(all, last);
    }
    k->slot = 0;
}

/* ---- when ---- */

/* SplitMix64: spreads nodes in time, guards nothing. */
static int64_t draw_jitter(struct hub_places *all, int64_t below) {
    uint64_t z = all->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return below > 0 ? (int64_t)((z ^ z >> 31) % (uint64_t)below) : 0;
}

static int64_t draw_delay(struct hub_places *all, const struct hub_known_place *k) {
    const struct hub_places_config *c = &all->config;
    switch (k->place.haste) {
    case HUB_PLACE_TAKE_OVER: return draw_jitter(all, c->takeover_ms) + (k->first ? 0 : c->takeover_ms);
    case HUB_PLACE_YIELD: return c->yield_ms + draw_jitter(all, c->yield_ms);
    case HUB_PLACE_RETRY: return c->retry_ms + draw_jitter(all, c->retry_ms);
    case HUB_PLACE_AT_ONCE: break;
    }
    return 0;
}

static void set_under_way(struct hub_places *all, struct hub_known_place *k, bool under_way) {
    if (k->under_way != under_way) all->under_way += under_way ? 1 : (size_t)-1;
    k->under_way = under_way;
}

static void queue_place(struct hub_places *all, struct hub_known_place *k, int64_t now) {
    queue_remove(all, k);
    k->first = k->members > 0;
    k->due = now + draw_delay(all, k);
    queue_add(all, k);
}

/* ---- places ---- */

static struct hub_str name_of(const void *value) { return hub_cstr(((const struct hub_known_place *)value)->name); }

void hub_places_init(struct hub_places *all, const struct hub_places_config *config) {
    HUB_BUG_IF(!config->asks_max);
    *all = (struct hub_places){.config = *config, .random = config->seed};
    hub_keyed_init(&all->by_name, name_of);
}

static void known_place_free(struct hub_known_place *k) {
    free(k->name);
    free(k);
}

void hub_places_deinit(struct hub_places *all) {
    size_t at = 0;
    for (struct hub_known_place *k; (k = hub_places_each(all, &at));) known_place_free(k);
    hub_keyed_clear(&all->by_name);
    free(all->queue);
}

struct hub_known_place *hub_places_find(const struct hub_places *all, struct hub_str name) {
    return hub_keyed_get(&all->by_name, name);
}

struct hub_known_place *hub_places_get(struct hub_places *all, struct hub_str name) {
    struct hub_known_place *k = hub_places_find(all, name);
    if (k) return k;
    k = hub_xcalloc(1, sizeof *k);
    k->name = hub_str_dup(name);
    k->place.ticket = all->last_ticket;
    hub_keyed_put(&all->by_name, k);
    return k;
}

void hub_places_drop(struct hub_places *all, struct hub_known_place *k) {
    HUB_BUG_IF(k->place.state != HUB_PLACE_UNKNOWN || k->slot || k->under_way);
    if (all->last_ticket < k->place.ticket) all->last_ticket = k->place.ticket;
    hub_keyed_del(&all->by_name, hub_cstr(k->name));
    known_place_free(k);
}

struct hub_known_place *hub_places_each(const struct hub_places *all, size_t *at) {
    return hub_keyed_next(&all->by_name, at);
}

unsigned hub_places_step(struct hub_places *all, struct hub_known_place *k, const struct hub_place_event *e,
                         int64_t now) {
    unsigned todo = hub_place_step(&k->place, e);
    enum hub_place_state state = k->place.state;
    if (todo & HUB_PLACE_ASK || (state != HUB_PLACE_ASKING && state != HUB_PLACE_CLAIMING))
        set_under_way(all, k, false);
    if (todo & HUB_PLACE_CLAIM) set_under_way(all, k, true); /* one that was handed here was not asked for */
    if (state != HUB_PLACE_ASKING) queue_remove(all, k);
    if (todo & HUB_PLACE_ASK) queue_place(all, k, now);
    return todo & ~(unsigned)HUB_PLACE_ASK;
}

int64_t hub_places_due(const struct hub_places *all) {
    return all->queued && all->under_way < all->config.asks_max ? all->queue[0]->due : INT64_MAX;
}

struct hub_known_place *hub_places_next(struct hub_places *all, int64_t now) {
    if (hub_places_due(all) > now) return NULL;
    struct hub_known_place *k = all->queue[0];
    queue_remove(all, k);
    set_under_way(all, k, true);
    return k;
}
