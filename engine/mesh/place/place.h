/* What a node knows of a place: whose it is, and what has to be done next (decision 0039, "Who owns a
 * place").
 *
 * A place is whatever has an order of its own and so one owner at a time: a room, or a slot. One function
 * makes each step; it does nothing itself, but says what the caller has to do. So the same steps run on
 * Redis and PostgreSQL, within a process, and in a simulation. An event that comes too late (an answer to a
 * question that stands no more, a word of who is not the owner any more) changes nothing; a step that
 * cannot be unless the code is wrong ends the process. Knows no time: places.h does. One thread. */
#ifndef HUB_MESH_PLACE_H
#define HUB_MESH_PLACE_H
#include "mesh/nodes.h"

enum hub_place_state {
    HUB_PLACE_UNKNOWN,  /* nobody here needs it */
    HUB_PLACE_ASKING,   /* who may try is asked for, or will be */
    HUB_PLACE_CLAIMING, /* this node may: the store is asked for a fence */
    HUB_PLACE_OWNER,    /* it runs here, by its fence */
    HUB_PLACE_FREEZING, /* it runs here, takes nothing new, and goes to its successor */
    HUB_PLACE_EDGE,     /* another node owns it; members are here */
    HUB_PLACE_LOST,     /* this node may not run it any more, and has not asked yet whose it is */
    HUB_PLACE_STATE_COUNT
};

enum hub_place_event_kind {
    /* Of this node. */
    HUB_PLACE_NEEDED,       /* somebody here has a use for it, or an edge of it has */
    HUB_PLACE_UNNEEDED,     /* nobody has any more, and nothing of it is under way */
    HUB_PLACE_DRAIN,        /* give it to NODE */
    HUB_PLACE_FLUSHED,      /* frozen, and what was under way is committed */
    HUB_PLACE_NOT_HANDED,   /* the successor did not take it in time */
    HUB_PLACE_LEASE_LAPSED, /* each place of a node hears of it, before anything else is done */
    HUB_PLACE_RESUMED,      /* of a place that is LOST: what ran is put away, and the node has a lease */
    /* Who may try; TICKET is the question's. */
    HUB_PLACE_NAMED_OTHER, /* NODE, with TERM */
    HUB_PLACE_NAMED_SELF,  /* with TERM */
    HUB_PLACE_UNANSWERED,  /* it is away, or does not say yet */
    /* The store; TICKET is the claim's. */
    HUB_PLACE_CLAIMED,    /* with FENCE */
    HUB_PLACE_REFUSED,    /* it gives none */
    HUB_PLACE_STORE_AWAY, /* it is away for HUB_PLACE_STORE_MS; of an owner TICKET does not matter */
    HUB_PLACE_FENCED,     /* a write with FENCE was refused, or a look at the row found a higher one */
    /* Other nodes. */
    HUB_PLACE_OWNED,      /* NODE says that it owns it, by FENCE */
    HUB_PLACE_NOT_OWNED,  /* NODE says that it does not */
    HUB_PLACE_OWNER_GONE, /* NODE does not live any more */
    HUB_PLACE_HANDED,     /* NODE, the owner, gives it to this one, which may try with TERM */
    HUB_PLACE_EVENT_COUNT
};

#define HUB_PLACE_STORE_MS 5000 /* for which a store may be away before the place goes to another node */

struct hub_place_event {
    enum hub_place_event_kind kind;
    struct hub_str node; /* an id of HUB_NODE_ID_LEN, borrowed */
    uint64_t term;       /* which naming it was: a number of whoever says who may try */
    uint64_t ticket;     /* of the question or the claim that this answers: hub_place.ticket when it was put */
    int64_t fence;
};

/* What has to be done, in this order, before the next event. */
enum hub_place_action {
    HUB_PLACE_CLOSE = 1 << 0,    /* what runs here ends: nothing is written or told in its name any more */
    HUB_PLACE_RELEASE = 1 << 1,  /* this node does not want to be named under hub_place.released any more */
    HUB_PLACE_DISOWN = 1 << 2,   /* tell the nodes that take this one for its owner that it is not */
    HUB_PLACE_GREET = 1 << 3,    /* say hello to hub_place.owner, for everybody here who needs it */
    HUB_PLACE_PART = 1 << 4,     /* tell who was its owner for this node that nobody here needs it any more */
    HUB_PLACE_ASK = 1 << 5,      /* ask who may try; who was refused is not named: hub_place.refused */
    HUB_PLACE_CLAIM = 1 << 6,    /* ask the store for a fence */
    HUB_PLACE_OPEN = 1 << 7,     /* run it, by hub_place.fence, and tell the other nodes whose it is */
    HUB_PLACE_FREEZE = 1 << 8,   /* take nothing new; FLUSHED follows */
    HUB_PLACE_HAND_OVER = 1 << 9 /* name hub_place.successor instead of this node, and tell it so */
};

/* Why an ASK need not be at once (places.h). */
enum hub_place_haste {
    HUB_PLACE_AT_ONCE,
    HUB_PLACE_TAKE_OVER, /* others ask, too: the owner is gone */
    HUB_PLACE_YIELD,     /* another node shall have it first: this one had no use of its chance */
    HUB_PLACE_RETRY      /* there was no answer */
};

/* Inside its owner's struct; zero is UNKNOWN. What the state does not say of a field, it does not mean. */
struct hub_place {
    enum hub_place_state state;
    bool needed;
    enum hub_place_haste haste;          /* ASKING */
    uint64_t ticket;                     /* of the question or claim that is, or will be, under way */
    char owner[HUB_NODE_ID_LEN + 1];     /* EDGE; LOST: who said so meanwhile, or "" */
    char successor[HUB_NODE_ID_LEN + 1]; /* FREEZING */
    uint64_t term;                       /* EDGE, CLAIMING, OWNER, FREEZING: how its owner was named; 0: not known */
    uint64_t released;                   /* of RELEASE */
    char refused[HUB_NODE_ID_LEN + 1];   /* ASKING: who said that it was not named rightly, or "" */
    uint64_t refused_term;
    int64_t fence; /* OWNER, FREEZING: its own; else the highest that is known */
};

/* Makes the step that E asks for. What is to be done: a set of hub_place_action. */
HUB_MUST unsigned hub_place_step(struct hub_place *p, const struct hub_place_event *e);
/* "unknown", "store away": as logs and operators see them. */
const char *hub_place_state_name(enum hub_place_state state);
const char *hub_place_event_name(enum hub_place_event_kind kind);

/* What becomes of what another node brings for the place, taking this one for its owner. */
enum hub_place_reception {
    HUB_PLACE_SERVE,    /* run it */
    HUB_PLACE_KEEP,     /* until the next step, within the caller's bounds and its deadline */
    HUB_PLACE_TURN_AWAY /* "not the owner" */
};
enum hub_place_reception hub_place_receives(const struct hub_place *p);
#endif
