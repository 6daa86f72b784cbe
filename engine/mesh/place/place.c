/* The steps of a place: one function for each event, which all change the state in one. */
#include "mesh/place/place.h"

#include <string.h>

#define BIT(STATE) (1u << HUB_PLACE_##STATE)

/* Which states may follow a state. */
static const unsigned may_follow[HUB_PLACE_STATE_COUNT] = {
    [HUB_PLACE_UNKNOWN] = BIT(ASKING) | BIT(CLAIMING),
    [HUB_PLACE_ASKING] = BIT(UNKNOWN) | BIT(CLAIMING) | BIT(EDGE) | BIT(LOST),
    [HUB_PLACE_CLAIMING] = BIT(UNKNOWN) | BIT(ASKING) | BIT(OWNER) | BIT(LOST),
    [HUB_PLACE_OWNER] = BIT(UNKNOWN) | BIT(FREEZING) | BIT(LOST),
    [HUB_PLACE_FREEZING] = BIT(UNKNOWN) | BIT(EDGE) | BIT(LOST),
    [HUB_PLACE_EDGE] = BIT(UNKNOWN) | BIT(ASKING) | BIT(CLAIMING) | BIT(LOST),
    [HUB_PLACE_LOST] = BIT(UNKNOWN) | BIT(ASKING) | BIT(EDGE),
};

/* ---- changes of state, and what they lead to ---- */

static void node_copy(char to[HUB_NODE_ID_LEN + 1], struct hub_str id) {
    HUB_BUG_IF(id.n != HUB_NODE_ID_LEN);
    memmove(to, id.p, HUB_NODE_ID_LEN); /* it may be the place's own */
    to[HUB_NODE_ID_LEN] = 0;
}

/* Answers that were waited for are too late now. */
static void place_enter(struct hub_place *p, enum hub_place_state state) {
    HUB_BUG_IF(!(may_follow[p->state] & 1u << state));
    p->state = state;
    p->ticket++;
}

static bool place_runs(const struct hub_place *p) {
    return p->state == HUB_PLACE_OWNER || p->state == HUB_PLACE_FREEZING;
}

/* Of an edge the term is another node's. */
static unsigned place_release(struct hub_place *p) {
    if (!p->term || p->state == HUB_PLACE_EDGE) return 0;
    p->released = p->term;
    p->term = 0;
    return HUB_PLACE_RELEASE;
}

static unsigned enter_asking(struct hub_place *p, enum hub_place_haste haste) {
    place_enter(p, HUB_PLACE_ASKING);
    p->haste = haste;
    *p->refused = 0;
    return HUB_PLACE_ASK;
}

static unsigned enter_claiming(struct hub_place *p, uint64_t term) {
    place_enter(p, HUB_PLACE_CLAIMING);
    p->term = term;
    return HUB_PLACE_CLAIM;
}

/* Others take this node for the owner as long as its name stands. */
static unsigned enter_edge(struct hub_place *p, struct hub_str owner, uint64_t term) {
    unsigned release = place_release(p);
    place_enter(p, HUB_PLACE_EDGE);
    node_copy(p->owner, owner);
    p->term = term;
    return release | HUB_PLACE_GREET | HUB_PLACE_DISOWN;
}

static unsigned enter_unknown(struct hub_place *p) {
    unsigned release = place_release(p), close = place_runs(p) ? HUB_PLACE_CLOSE : 0;
    place_enter(p, HUB_PLACE_UNKNOWN);
    p->term = 0;
    return release | close | HUB_PLACE_DISOWN;
}

static unsigned enter_lost(struct hub_place *p) {
    bool ran = place_runs(p);
    place_enter(p, HUB_PLACE_LOST);
    p->haste = HUB_PLACE_AT_ONCE;
    *p->owner = 0;
    return ran ? HUB_PLACE_CLOSE : 0;
}

/* ---- of this node ---- */

static unsigned on_needed(struct hub_place *p, const struct hub_place_event *e) {
    (void)e;
    p->needed = true;
    return p->state == HUB_PLACE_UNKNOWN ? enter_asking(p, HUB_PLACE_AT_ONCE) : 0;
}

/* A claim is waited for: its answer says what has to be given back. */
static unsigned on_unneeded(struct hub_place *p, const struct hub_place_event *e) {
    (void)e;
    p->needed = false;
    switch (p->state) {
    case HUB_PLACE_ASKING:
    case HUB_PLACE_OWNER: return enter_unknown(p);
    case HUB_PLACE_EDGE: return enter_unknown(p) | HUB_PLACE_PART;
    default: return 0;
    }
}

static unsigned on_drain(struct hub_place *p, const struct hub_place_event *e) {
    if (p->state != HUB_PLACE_OWNER) return 0;
    place_enter(p, HUB_PLACE_FREEZING);
    node_copy(p->successor, e->node);
    return HUB_PLACE_FREEZE;
}

static unsigned on_flushed(struct hub_place *p, const struct hub_place_event *e) {
    (void)e;
    return p->state == HUB_PLACE_FREEZING ? HUB_PLACE_HAND_OVER : 0;
}

/* The successor may have the fence all the same, so that nothing may go on here without a new one. */
static unsigned on_not_handed(struct hub_place *p, const struct hub_place_event *e) {
    (void)e;
    return p->state == HUB_PLACE_FREEZING ? enter_lost(p) | HUB_PLACE_DISOWN : 0;
}

/* Nothing is said to anybody: the node is none any more. */
static unsigned on_lease_lapsed(struct hub_place *p, const struct hub_place_event *e) {
    (void)e;
    unsigned todo = p->state == HUB_PLACE_UNKNOWN || p->state == HUB_PLACE_LOST ? 0 : enter_lost(p);
    p->term = 0;
    *p->owner = 0; /* whom its old links told of */
    return todo;
}

static unsigned on_resumed(struct hub_place *p, const struct hub_place_event *e) {
    (void)e;
    HUB_BUG_IF(p->state != HUB_PLACE_LOST);
    if (!p->needed) return enter_unknown(p);
    return *p->owner ? enter_edge(p, hub_cstr(p->owner), 0) : enter_asking(p, p->haste);
}

/* ---- who may try ---- */

/* An answer that comes too late is none; one whose ticket stands and that nobody has asked for is a bug. */
static bool is_answer(const struct hub_place *p, const struct hub_place_event *e, enum hub_place_state state) {
    HUB_BUG_IF(e->ticket > p->ticket);
    if (e->ticket != p->ticket) return false;
    HUB_BUG_IF(p->state != state);
    return true;
}

static unsigned on_named_other(struct hub_place *p, const struct hub_place_event *e) {
    if (!is_answer(p, e, HUB_PLACE_ASKING)) return 0;
    p->term = 0; /* whatever this node was named under before has gone */
    return enter_edge(p, e->node, e->term);
}

/* Too late, it would keep others from being named as long as this node lives. */
static unsigned on_named_self(struct hub_place *p, const struct hub_place_event *e) {
    if (is_answer(p, e, HUB_PLACE_ASKING)) return enter_claiming(p, e->term);
    p->released = e->term;
    return HUB_PLACE_RELEASE;
}

static unsigned on_unanswered(struct hub_place *p, const struct hub_place_event *e) {
    if (!is_answer(p, e, HUB_PLACE_ASKING)) return 0;
    p->ticket++;
    p->haste = HUB_PLACE_RETRY;
    return HUB_PLACE_ASK;
}

/* ---- the store ---- */

static unsigned on_claimed(struct hub_place *p, const struct hub_place_event *e) {
    if (!is_answer(p, e, HUB_PLACE_CLAIMING)) return 0;
    if (!p->needed) return enter_unknown(p);
    place_enter(p, HUB_PLACE_OWNER);
    p->fence = e->fence;
    return HUB_PLACE_OPEN;
}

static unsigned on_refused(struct hub_place *p, const struct hub_place_event *e) {
    if (!is_answer(p, e, HUB_PLACE_CLAIMING)) return 0;
    if (!p->needed) return enter_unknown(p);
    return place_release(p) | enter_asking(p, HUB_PLACE_YIELD);
}

static unsigned on_store_away(struct hub_place *p, const struct hub_place_event *e) {
    if (p->state == HUB_PLACE_CLAIMING) return on_refused(p, e);
    if (!place_runs(p)) return 0;
    unsigned todo = place_release(p) | HUB_PLACE_DISOWN;
    todo |= enter_lost(p);
    p->haste = HUB_PLACE_YIELD;
    return todo;
}

static unsigned on_fenced(struct hub_place *p, const struct hub_place_event *e) {
    return place_runs(p) && e->fence == p->fence ? enter_lost(p) | HUB_PLACE_DISOWN : 0;
}

/* ---- other nodes ---- */

/* The successor has it, and is named for it. */
static unsigned on_succeeded(struct hub_place *p, const struct hub_place_event *e) {
    p->term = 0;
    p->fence = e->fence;
    return p->needed ? HUB_PLACE_CLOSE | enter_edge(p, e->node, 0) : enter_unknown(p);
}

/* A running owner hears of a higher fence than its own from who has it. */
static unsigned on_superseded(struct hub_place *p, const struct hub_place_event *e) {
    p->fence = e->fence;
    unsigned todo = enter_lost(p) | HUB_PLACE_DISOWN;
    node_copy(p->owner, e->node);
    return todo;
}

/* An edge greets whom it did not take for the owner before. */
static unsigned edge_follows(struct hub_place *p, const struct hub_place_event *e) {
    if (hub_str_is(e->node, p->owner)) return 0;
    node_copy(p->owner, e->node);
    p->term = 0;
    return HUB_PLACE_GREET;
}

/* A claim under way is not called back: its fence will be the higher one, or it fails. */
static unsigned on_owned(struct hub_place *p, const struct hub_place_event *e) {
    if (e->fence < p->fence) return 0;
    if (p->state == HUB_PLACE_FREEZING && hub_str_is(e->node, p->successor)) return on_succeeded(p, e);
    if (place_runs(p)) return e->fence > p->fence ? on_superseded(p, e) : 0;
    if (p->state == HUB_PLACE_UNKNOWN || p->state == HUB_PLACE_CLAIMING) return 0;
    p->fence = e->fence;
    if (p->state == HUB_PLACE_ASKING) return enter_edge(p, e->node, 0);
    if (p->state == HUB_PLACE_EDGE) return edge_follows(p, e);
    node_copy(p->owner, e->node); /* LOST */
    return 0;
}

static unsigned on_not_owned(struct hub_place *p, const struct hub_place_event *e) {
    if (p->state == HUB_PLACE_LOST && hub_str_is(e->node, p->owner)) *p->owner = 0;
    if (p->state != HUB_PLACE_EDGE || !hub_str_is(e->node, p->owner)) return 0;
    unsigned todo = enter_asking(p, HUB_PLACE_AT_ONCE);
    memcpy(p->refused, p->owner, sizeof p->refused);
    p->refused_term = p->term;
    p->term = 0;
    return todo;
}

static unsigned on_owner_gone(struct hub_place *p, const struct hub_place_event *e) {
    if (p->state == HUB_PLACE_FREEZING && hub_str_is(e->node, p->successor)) return on_not_handed(p, e);
    if (p->state == HUB_PLACE_LOST && hub_str_is(e->node, p->owner)) *p->owner = 0;
    if (p->state != HUB_PLACE_EDGE || !hub_str_is(e->node, p->owner)) return 0;
    p->term = 0;
    return enter_asking(p, HUB_PLACE_TAKE_OVER);
}

/* Whoever is handed a place has a use for it: its edges. */
static unsigned on_handed(struct hub_place *p, const struct hub_place_event *e) {
    if (p->state != HUB_PLACE_UNKNOWN && p->state != HUB_PLACE_ASKING && p->state != HUB_PLACE_EDGE) return 0;
    p->needed = true;
    return enter_claiming(p, e->term);
}

/* ---- the function ---- */

static const struct {
    const char *name;
    unsigned (*step)(struct hub_place *p, const struct hub_place_event *e);
} events[HUB_PLACE_EVENT_COUNT] = {
    [HUB_PLACE_NEEDED] = {"needed", on_needed},
    [HUB_PLACE_UNNEEDED] = {"unneeded", on_unneeded},
    [HUB_PLACE_DRAIN] = {"drain", on_drain},
    [HUB_PLACE_FLUSHED] = {"flushed", on_flushed},
    [HUB_PLACE_NOT_HANDED] = {"not handed", on_not_handed},
    [HUB_PLACE_LEASE_LAPSED] = {"lease lapsed", on_lease_lapsed},
    [HUB_PLACE_RESUMED] = {"resumed", on_resumed},
    [HUB_PLACE_NAMED_OTHER] = {"named other", on_named_other},
    [HUB_PLACE_NAMED_SELF] = {"named self", on_named_self},
    [HUB_PLACE_UNANSWERED] = {"unanswered", on_unanswered},
    [HUB_PLACE_CLAIMED] = {"claimed", on_claimed},
    [HUB_PLACE_REFUSED] = {"refused", on_refused},
    [HUB_PLACE_STORE_AWAY] = {"store away", on_store_away},
    [HUB_PLACE_FENCED] = {"fenced", on_fenced},
    [HUB_PLACE_OWNED] = {"owned", on_owned},
    [HUB_PLACE_NOT_OWNED] = {"not owned", on_not_owned},
    [HUB_PLACE_OWNER_GONE] = {"owner gone", on_owner_gone},
    [HUB_PLACE_HANDED] = {"handed", on_handed},
};

unsigned hub_place_step(struct hub_place *p, const struct hub_place_event *e) {
    HUB_BUG_IF((unsigned)e->kind >= HUB_PLACE_EVENT_COUNT);
    return events[e->kind].step(p, e);
}

const char *hub_place_event_name(enum hub_place_event_kind kind) { return events[kind].name; }

const char *hub_place_state_name(enum hub_place_state state) {
    static const char *const names[HUB_PLACE_STATE_COUNT] = {"unknown",  "asking", "claiming", "owner",
                                                             "freezing", "edge",   "lost"};
    return names[state];
}

enum hub_place_reception hub_place_receives(const struct hub_place *p) {
    static const enum hub_place_reception by_state[HUB_PLACE_STATE_COUNT] = {
        [HUB_PLACE_UNKNOWN] = HUB_PLACE_TURN_AWAY, [HUB_PLACE_ASKING] = HUB_PLACE_KEEP,
        [HUB_PLACE_CLAIMING] = HUB_PLACE_KEEP,     [HUB_PLACE_OWNER] = HUB_PLACE_SERVE,
        [HUB_PLACE_FREEZING] = HUB_PLACE_KEEP,     [HUB_PLACE_EDGE] = HUB_PLACE_TURN_AWAY,
        [HUB_PLACE_LOST] = HUB_PLACE_KEEP,
    };
    return by_state[p->state];
}
