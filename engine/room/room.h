/* A room while somebody uses it: its members and users, who is silenced or blocked, its
 * sequence, and a queue that keeps its order. Knows nothing of stores, scripts or commands; engine/hub
 * drives it.
 *
 * A member is one connection in the room; a user is all connections of one userId in it. A room is
 * reference counted: members, work under way and lingering presence hold it; the last unref takes it out
 * of its registry and frees it. */
#ifndef HUB_ROOM_ROOM_H
#define HUB_ROOM_ROOM_H
#include "async/sequence.h"
#include "base/collection/keyed.h"
#include "base/collection/map.h"
#include "base/collection/walk.h"
#include "base/error/code.h"
#include "base/id/uuid.h"
#include "base/json/json.h"
#include "base/memory/mem.h"
#include "fanout/fanout.h"
#include "room/rights.h"

struct hub_hub;
struct hub_conn;

/* What a user says of himself, beside being there; the owner's. */
struct hub_user_state {
    struct hub_room_user *user;
    struct hub_timer over; /* running: until it expires */
    bool told;             /* as it is; not, if it was set silently */
    size_t n;
    char text[]; /* an object, as JSON */
};

/* Those of a user of a room; the owner's but for their end. */
enum hub_user_timer {
    HUB_USER_OFFLINE, /* grace after the last connection left */
    HUB_USER_TYPING,  /* running = the indicator is on */
    HUB_USER_RECORDING,
    HUB_USER_TIMERS
};
struct hub_user_timers {
    struct hub_room_user *user;
    struct hub_timer of[HUB_USER_TIMERS];
};

struct hub_room_user {
    struct hub_room *room;
    struct hub_list in_room; /* the room's users, in the order of coming */
    struct hub_list members;
    uint32_t member_n;
    uint32_t marked;                /* room->marks when it was last among those that were named */
    int64_t asked_to_speak;         /* wall clock, the first time; 0 = not, or answered */
    char *name, *avatar;            /* of the session that joined last; may be NULL */
    bool announced, away;           /* presence as last told to the room */
    bool returned;                  /* within the grace: to be told again */
    bool state_seen;                /* the room was told of a state last, and not that there is none */
    struct hub_user_timers *timers; /* hub_user_timer; NULL: none has run */
    struct hub_user_state *state;   /* NULL: he says nothing */
    char id[];
};

struct hub_member {
    struct hub_list in_user;
    struct hub_list in_conn; /* the owner's list of this connection's memberships */
    struct hub_room *room;   /* holds a reference */
    struct hub_room_user *user;
    struct hub_conn *conn; /* the owner's connection */
    struct hub_outlet *outlet;
    struct hub_seat seat; /* taken only with canRead */
    struct hub_rights rights;
    bool away;      /* this connection has said so */
    bool gone;      /* out again: by itself, or for the reason PUT_OUT; ROOM, USER and SEAT are nothing any more */
    uint32_t place; /* room->places when it took its seat last */
    uint32_t joins; /* hub:join requests so far: only the latest one lets the seat go live */
    uint32_t refs;  /* the owner's: calls that wait know what became of it */
    enum hub_code put_out;
    /* numbers that were not for this member and that it has not been told yet, or NULL (skips.c) */
    struct hub_skips *skips;
};

/* Moderation of one user in the room, as stored (actions block, silence, speak). Times in wall ms; 0 =
 * not, INT64_MAX = without end. */
struct hub_moderated {
    struct hub_room *room; /* whose it is */
    int64_t blocked_until, silenced_until;
    bool may_speak;                /* granted under defaultSilenced */
    struct hub_timer silence_over; /* the owner's; stopped when the room is freed */
    char user_id[];
};

/* How far one user has read and received, as stored. */
struct hub_receipt {
    int64_t read_seq, read_time, delivered_seq; /* 0 = never; time in wall ms */
};

/* Work that must run one after the other in the room: scripts and what waits behind them. run is called
 * when the op reaches the front and must lead to exactly one hub_room_op_done. The room is held while an
 * op is queued or running. */
struct hub_room_op {
    struct hub_list link;
    void (*run)(struct hub_room_op *op);
};

/* The life of a room in memory. hub_room_set_state is the only place where it moves on.
 *
 *   new     → loading, gone
 *   loading → open, ended (its end came while it was read), new (it could not be read)
 *   open    → ended, closed (its hub goes), gone
 *   ended   → closed, open (its row is there or eligible again), gone
 *   closed  → open, ended (closed once more), gone
 */
enum hub_room_state {
    HUB_ROOM_NEW,     /* nothing of it has been read */
    HUB_ROOM_LOADING, /* seq, epoch, moderated and receipts are being read */
    HUB_ROOM_OPEN,    /* they are there */
    HUB_ROOM_ENDED,   /* nothing is sent here any more; its members are still to hear of it */
    HUB_ROOM_CLOSED,  /* they have heard, and nothing of it runs by itself; or its hub goes */
    HUB_ROOM_GONE,    /* nobody holds it; it is about to be freed */
    HUB_ROOM_STATES
};

/* What the owner does in a room's life. The room is held by the caller, except in UNUSED, and in EMPTIED,
 * where nobody may take hold of it again. UNUSED may be NULL. */
struct hub_room_ops {
    void (*loaded)(struct hub_room *r);  /* it is open, or has ended while it was loading */
    void (*closed)(struct hub_room *r);  /* nothing of it may run by itself any more. It may open again */
    bool (*unused)(struct hub_room *r);  /* its last reference is given up. True: there is another one by now */
    void (*emptied)(struct hub_room *r); /* what is in part_data is freed */
};

struct hub_target;
#define HUB_ROOM_PARTS 6 /* owner's features that keep something of each room */

struct hub_room {
    uint32_t refs;
    int64_t used;             /* loop ms: when members, requests or scripts used it last (hub_room_use) */
    struct hub_map *registry; /* where it is found by id */
    struct hub_loop *loop;
    const struct hub_room_ops *life;
    struct hub_hub *owner;
    enum hub_room_state state;
    char *id;
    struct hub_keyed users;    /* userId → hub_room_user */
    struct hub_list user_list; /* the same: hub_room_user.in_room */
    uint32_t user_n;           /* users with at least one member */
    uint32_t marks;
    struct hub_group *readers;
    struct hub_map moderated; /* userId → hub_moderated */
    struct hub_map receipts;  /* userId → hub_receipt */
    json_t *record;           /* the room object's row as last read */
    uint32_t record_no;       /* changes of it that this process made */
    enum hub_code
        ended;       /* HUB_OK, or why nothing is sent here any more: the row is gone, or is no longer eligible. Also
                            of a room that is not loaded */
    uint32_t places; /* seats that were taken so far */
    uint32_t
        judged; /* grows with whatever may have changed somebody's standing here: rights, moderation, the room's end */
    struct hub_sequence sequence; /* of its messages; number and epoch are loaded when the room opens */
    size_t row_bytes;             /* the owner's: what its messages take in a result, about; 0 = not known yet */
    struct hub_list waiting;      /* for it to be loaded; the owner's */
    struct hub_list ops;
    uint32_t op_n; /* waiting in ops */
    struct hub_room_op *running;
    bool draining;
    struct hub_list skipping;   /* members' skips that are to be told */
    struct hub_timer skips_due; /* tells them when no numbered event does */
    struct hub_list repeatable; /* the owner's: sends under way that can be repeated, or were told already */
    struct hub_list receiving;  /* the owner's: receipts on their way to the store */
    /* The owner's, NULL: nobody wants to know. What the room's messages are, or how far somebody has read
     * them, has changed for TARGET; NULL: for whoever finds it. */
    void (*changed)(struct hub_room *r, const struct hub_target *target);
    struct hub_walked_item in_hub;   /* the owner's: in its list of rooms */
    void *part_data[HUB_ROOM_PARTS]; /* the owner's; NULL: there is nothing */
};

/* Finds or makes. The caller gets a reference. OPS lasts as long as the room. */
HUB_MUST struct hub_room *hub_room_get(struct hub_map *registry, struct hub_loop *loop, const struct hub_room_ops *ops,
                                       struct hub_hub *owner, struct hub_str id);
struct hub_room *hub_room_find(struct hub_map *registry, struct hub_str id); /* no reference; NULL when not in use */
struct hub_room *hub_room_ref(struct hub_room *r);
static inline void hub_room_use(struct hub_room *r) { r->used = hub_loop_now(r->loop); }
void hub_room_unref(struct hub_room *r);

/* The next step of its life: calls what the owner does then. An impossible step is a bug. */
void hub_room_set_state(struct hub_room *r, enum hub_room_state state);
static inline bool hub_room_loaded(const struct hub_room *r) { return r->state >= HUB_ROOM_OPEN; }
/* Nothing is sent here any more: WHY is the answer to those who try. The owner tells the members, then closes
 * it. */
void hub_room_end(struct hub_room *r, enum hub_code why);
void hub_room_stop(struct hub_room *r);   /* nothing, of one that is not loaded or is closed */
void hub_room_reopen(struct hub_room *r); /* it has not ended, or does so no longer */

struct hub_room_user *hub_room_user(const struct hub_room *r,
                                    struct hub_str user_id); /* NULL when unknown; may have no members */
/* U may be forgotten by the body, but nobody else. */
#define HUB_ROOM_EACH_USER(ROOM, U)                                                               \
    for (struct hub_room_user *U = hub_room_user_behind(ROOM, (ROOM)->user_list.next),            \
                              *U##_next = U ? hub_room_user_behind(ROOM, U->in_room.next) : NULL; \
         U; U = U##_next, U##_next = U ? hub_room_user_behind(ROOM, U->in_room.next) : NULL)
static inline struct hub_room_user *hub_room_user_behind(const struct hub_room *r, struct hub_list *at) {
    return at == &r->user_list ? NULL : HUB_CONTAINER(at, struct hub_room_user, in_room);
}
/* One of the user's timers, to be started; and whether it runs. */
struct hub_timer *hub_user_timer(struct hub_room_user *u, enum hub_user_timer which);
static inline bool hub_user_timer_runs(const struct hub_room_user *u, enum hub_user_timer which) {
    return u->timers && hub_timer_running(&u->timers->of[which]);
}
void hub_user_timer_stop(struct hub_room_user *u, enum hub_user_timer which);
/* Seats a connection (held when it may read). M is the caller's memory. */
void hub_room_join(struct hub_room *r, struct hub_member *m, struct hub_str user_id, struct hub_outlet *o,
                   const struct hub_rights *rights);
/* Takes it out again; true when it was the user's last connection. The member's reference to the room is
 * given up: the room may be gone then unless the caller holds one. */
bool hub_room_leave(struct hub_member *m);
/* Frees a user without members whose presence is told no more. */
void hub_room_forget_user(struct hub_room_user *u);
/* From now on it is told what is told, once the seat is released. */
void hub_member_take_seat(struct hub_member *m, bool held);
/* New rights: takes or gives up the seat as canRead says. */
void hub_member_set_rights(struct hub_member *m, const struct hub_rights *rights);

struct hub_moderated *hub_room_moderated(struct hub_room *r, struct hub_str user_id, bool create);
bool hub_room_is_blocked(struct hub_room *r, struct hub_str user_id, int64_t now);
/* Own silence, or defaultSilenced without a grant. Moderators are exempt from the latter. */
bool hub_room_is_silenced(struct hub_room *r, struct hub_str user_id, const struct hub_rights *rights,
                          bool default_silenced, int64_t now);

struct hub_receipt *hub_receipt_of(struct hub_room *r, struct hub_str user_id, bool create);

void hub_room_enqueue(struct hub_room *r, struct hub_room_op *op);
void hub_room_op_done(struct hub_room *r, struct hub_room_op *op);
/* So many ops wait that those who ask for another one are to be refused. */
#define HUB_ROOM_OPS_MAX 16384
static inline bool hub_room_full_of_ops(const struct hub_room *r) { return r->op_n >= HUB_ROOM_OPS_MAX; }
/* True while an op runs or waits: what must not overtake it queues behind. */
static inline bool hub_room_busy(const struct hub_room *r) { return r->running != NULL; }

/* Events to the room's readers; ARGS is JSON text without brackets. */
enum hub_to { HUB_TO_ALL, HUB_TO_OTHERS, HUB_TO_SENDER, HUB_TO_IDS, HUB_TO_MODERATORS };
struct hub_target {
    enum hub_to to;
    struct hub_str sender; /* userId, for OTHERS and SENDER; for IDS one more of them, or empty */
    const json_t *ids;     /* array of userIds, for IDS */
    struct hub_str also;   /* MODERATORS: this user too */
};
void hub_room_emit(struct hub_room *r, const struct hub_target *target, struct hub_str event, struct hub_str args,
                   int flags);
/* An event that has the room's NUMBER (0 = none): readers outside TARGET are told the number by
 * hub:skipped, before their next numbered event or within HUB_SKIPS_MS, several merged. TARGET NULL: it is
 * for nobody. */
#define HUB_SKIPS_MS 250
void hub_room_emit_numbered(struct hub_room *r, const struct hub_target *target, struct hub_str event,
                            struct hub_str args, int64_t number, int flags);
/* An event for all, with the room's NUMBER (0 = none), that means something only to those who had their seats
 * when room->places was PLACES: the others get OTHER_EVENT with OTHER_ARGS, or with an empty one nothing. */
void hub_room_emit_parted(struct hub_room *r, uint32_t places, struct hub_str event, struct hub_str args,
                          struct hub_str other_event, struct hub_str other_args, int64_t number, int flags);
void hub_member_unref(struct hub_member *m); /* NULL is fine */
/* The member is told nothing of the numbers so far: it left, or starts over from where the sequence is. */
void hub_member_forget_skips(struct hub_member *m);
#endif
