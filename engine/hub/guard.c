/* Users of a hub and what they may use up: connections, rooms, messages per minute. */
#include <stdlib.h>

#include "hub/hub_int.h"

#define MAX_SLOTS 2048 /* memory per user is bounded: beyond this limit one slot stands for several messages */

/* A sliding window as a ring of times. With limits over MAX_SLOTS a slot counts PER_SLOT messages and has the time of its last one, so the
 * window is never more generous than the limit. */
struct hub_rate {
    uint32_t slots, head, n; /* ring: n slots from head */
    uint32_t per_slot, in_last;
    int64_t at[];
};

struct hub_user *hub_user_get(struct hub_hub *hub, struct hub_str id) {
    struct hub_user *u = hub_map_get(&hub->users, id);
    if (u) return u;
    u = hub_xcalloc(1, sizeof *u);
    u->id = hub_str_dup(id);
    hub_map_put(&hub->users, id, u);
    return u;
}

static void forget(struct hub_rate *r, int64_t now) {
    while (r->n && r->at[r->head] <= now - HUB_RATE_WINDOW_MS) {
        r->head = (r->head + 1) % r->slots;
        r->n--;
        if (!r->n) r->in_last = 0;
    }
}

static bool forgettable(struct hub_user *u, int64_t now) {
    if (u->conns || u->rooms) return false;
    if (u->rate) forget(u->rate, now);
    return !u->rate || !u->rate->n;
}

static void free_user(struct hub_hub *hub, struct hub_user *u) {
    hub_map_del(&hub->users, hub_cstr(u->id));
    free(u->id);
    free(u->rate);
    free(u);
}

void hub_user_release(struct hub_hub *hub, struct hub_user *u) {
    if (forgettable(u, hub_loop_now(hub->engine->config.loop))) free_user(hub, u);
}

void hub_rate_sweep(struct hub_hub *hub, int64_t now) {
    void *value;
    void *it = hub_map_next(&hub->users, NULL, NULL, &value);
    while (it) {
        struct hub_user *u = value;
        it = hub_map_next(&hub->users, it, NULL, &value); /* step on before U may go */
        if (forgettable(u, now)) free_user(hub, u);
    }
}

static struct hub_rate *rate_of(struct hub_user *u, int64_t limit) {
    uint32_t slots = limit < MAX_SLOTS ? (uint32_t)limit : MAX_SLOTS;
    if (u->rate && u->rate->slots == slots) return u->rate;
    free(u->rate); /* first use, or the limit was changed by a reload */
    u->rate = hub_xcalloc(1, sizeof *u->rate + slots * sizeof u->rate->at[0]);
    u->rate->slots = slots;
    u->rate->per_slot = (uint32_t)((limit + slots - 1) / slots);
    return u->rate;
}

static int64_t counted(const struct hub_rate *r) { return r->n ? (int64_t)(r->n - 1) * r->per_slot + r->in_last : 0; }

static void count(struct hub_rate *r, int64_t now) {
    if (r->n && r->in_last < r->per_slot) {
        r->in_last++;
        r->at[(r->head + r->n - 1) % r->slots] = now;
        return;
    }
    r->at[(r->head + r->n) % r->slots] = now;
    r->n++;
    r->in_last = 1;
}

static struct hub_rate *window(struct hub_hub *hub, struct hub_str user_id, int64_t now) {
    struct hub_rate *r = rate_of(hub_user_get(hub, user_id), hub->def->message_rate_limit);
    forget(r, now);
    return r;
}

bool hub_rate_take(struct hub_hub *hub, struct hub_str user_id, int64_t now, int64_t *retry_ms) {
    struct hub_rate *r = window(hub, user_id, now);
    if (counted(r) >= hub->def->message_rate_limit) {
        *retry_ms = r->at[r->head] + HUB_RATE_WINDOW_MS - now;
        return false;
    }
    count(r, now);
    return true;
}

void hub_rate_note(struct hub_hub *hub, struct hub_str user_id, int64_t now) {
    struct hub_rate *r = window(hub, user_id, now);
    if (counted(r) < hub->def->message_rate_limit) count(r, now);
}
