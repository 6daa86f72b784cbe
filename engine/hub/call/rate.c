/* What users of a hub may use up: messages and other things per minute. */
#include "hub/call/call.h"

#include <stdlib.h>

/* Memory per user is bounded: beyond this limit one slot stands for several. Messages are counted one by
 * one as far as possible. */
#define MESSAGE_SLOTS 2048
#define OTHER_SLOTS 16
#define FIRST_SLOTS 1

/* A sliding window as a ring of times. With limits over its slots a slot counts PER_SLOT of them and has
 * the time of its last one, so the window is never more generous than the limit. */
struct hub_rate {
    struct hub_rate *next; /* another one of the user's */
    uint32_t limit;
    uint16_t slots, cap, head, n; /* ring: n slots from head, of CAP that there are and SLOTS that there may be */
    uint32_t per_slot, in_last;
    int64_t most;   /* what the limit was when this was made */
    int64_t closed; /* until then the shared limiter is full */
    int64_t at[];
};

static const struct {
    const char *name;
    size_t at; /* in struct hub_def */
} limits[HUB_LIMIT_COUNT] = {
    [HUB_LIMIT_MESSAGES] = {"messageRateLimit", offsetof(struct hub_def, message_rate_limit)},
    [HUB_LIMIT_EVENTS] = {"limits.events", offsetof(struct hub_def, limits.events)},
    [HUB_LIMIT_KEPT_EVENTS] = {"limits.keptEvents", offsetof(struct hub_def, limits.kept_events)},
    [HUB_LIMIT_REACTIONS] = {"limits.reactions", offsetof(struct hub_def, limits.reactions)},
    [HUB_LIMIT_RECEIPTS] = {"limits.receipts", offsetof(struct hub_def, limits.receipts)},
    [HUB_LIMIT_JOINS] = {"limits.joins", offsetof(struct hub_def, limits.joins)},
    [HUB_LIMIT_WRITES] = {"limits.writes", offsetof(struct hub_def, limits.writes)},
    [HUB_LIMIT_READS] = {"limits.reads", offsetof(struct hub_def, limits.reads)},
    [HUB_LIMIT_METADATA] = {"limits.metadata", offsetof(struct hub_def, limits.metadata)},
    [HUB_LIMIT_PUBLISHES] = {"limits.publishes", offsetof(struct hub_def, limits.publishes)},
};

int64_t hub_limit_of(const struct hub_def *def, enum hub_limit limit) {
    return *(const int64_t *)((const char *)def + limits[limit].at);
}

const char *hub_limit_name(enum hub_limit limit) { return limits[limit].name; }

uint32_t hub_limit_id(struct hub_engine *e, const char *name) {
    uintptr_t id = (uintptr_t)hub_map_get(&e->limit_ids, hub_cstr(name));
    if (!id) {
        id = HUB_LIMIT_COUNT + hub_map_len(&e->limit_ids);
        hub_map_put(&e->limit_ids, hub_cstr(name), (void *)id);
    }
    return (uint32_t)id;
}

static void forget_old(struct hub_rate *r, int64_t now) {
    while (r->n && r->at[r->head] <= now - HUB_RATE_WINDOW_MS) {
        r->head = (uint16_t)((r->head + 1) % r->cap);
        r->n--;
        if (!r->n) r->in_last = 0;
    }
}

bool hub_rates_forget(struct hub_user *u, int64_t now) {
    for (struct hub_rate **at = &u->rates, *r; (r = *at);) {
        forget_old(r, now);
        bool empty = !r->n && r->closed <= now;
        if (empty) *at = r->next;
        if (empty) free(r);
        if (!empty) at = &r->next;
    }
    return !u->rates;
}

void hub_rates_free(struct hub_user *u) {
    for (struct hub_rate *r; (r = u->rates);) {
        u->rates = r->next;
        free(r);
    }
}

static struct hub_rate **find_rate(struct hub_user *u, uint32_t limit) {
    struct hub_rate **at = &u->rates;
    while (*at && (*at)->limit != limit) at = &(*at)->next;
    return at;
}

static struct hub_rate *rate_of(struct hub_user *u, uint32_t limit, int64_t most) {
    struct hub_rate **at = find_rate(u, limit), *r = *at;
    if (r && r->most == most) return r;
    uint16_t max = limit == HUB_LIMIT_MESSAGES ? MESSAGE_SLOTS : OTHER_SLOTS, slots = most < max ? (uint16_t)most : max;
    uint32_t per_slot = (uint32_t)((most + slots - 1) / slots);
    struct hub_rate *next = r ? r->next : NULL;
    free(r); /* the limit was changed by a reload */
    r = *at = hub_xmalloc(sizeof *r + FIRST_SLOTS * sizeof r->at[0]);
    *r = (struct hub_rate){
        .next = next, .limit = limit, .slots = slots, .cap = FIRST_SLOTS, .per_slot = per_slot, .most = most};
    return r;
}

/* The ring grows on demand, since most users need few slots. */
static struct hub_rate *with_room(struct hub_user *u, struct hub_rate *r) {
    if (r->n < r->cap) return r;
    struct hub_rate **at = find_rate(u, r->limit), *more;
    more = hub_xmalloc(sizeof *r + 2u * r->cap * sizeof r->at[0]);
    *more = *r;
    for (uint16_t i = 0; i < r->n; i++) more->at[i] = r->at[(r->head + i) % r->cap];
    more->head = 0;
    more->cap = (uint16_t)(2 * r->cap);
    free(r);
    return *at = more;
}

static int64_t rate_count(const struct hub_rate *r) {
    return r->n ? (int64_t)(r->n - 1) * r->per_slot + r->in_last : 0;
}

static void count_one(struct hub_user *u, struct hub_rate *r, int64_t now) {
    if (r->n && r->in_last < r->per_slot) {
        r->in_last++;
        r->at[(r->head + r->n - 1) % r->cap] = now;
        return;
    }
    r = with_room(u, r);
    r->at[(r->head + r->n) % r->cap] = now;
    r->n++;
    r->in_last = 1;
}

static struct hub_rate *open_window(struct hub_user *u, const struct hub_counted *limit, int64_t now) {
    struct hub_rate *r = rate_of(u, limit->id, limit->most);
    forget_old(r, now);
    return r;
}

void hub_rate_close(struct hub_user *u, const struct hub_counted *limit, int64_t until) {
    open_window(u, limit, until - HUB_RATE_WINDOW_MS)->closed = until;
}

int64_t hub_rate_closed(struct hub_user *u, uint32_t limit) {
    const struct hub_rate *r = *find_rate(u, limit);
    return r ? r->closed : 0;
}

bool hub_rate_take(struct hub_user *u, const struct hub_counted *limit, int64_t now, int64_t *retry_ms) {
    struct hub_rate *r = open_window(u, limit, now);
    if (rate_count(r) >= r->most) {
        *retry_ms = r->at[r->head] + HUB_RATE_WINDOW_MS - now;
        return false;
    }
    count_one(u, r, now);
    return true;
}

void hub_rate_note(struct hub_user *u, const struct hub_counted *limit, int64_t now) {
    struct hub_rate *r = open_window(u, limit, now);
    if (rate_count(r) < r->most) count_one(u, r, now);
}

void hub_rate_give(struct hub_user *u, uint32_t limit) {
    struct hub_rate *r = *find_rate(u, limit);
    if (!r || !r->n || --r->in_last) return;
    r->n--;
    r->in_last = r->n ? r->per_slot : 0; /* all slots but the last one are full */
}
