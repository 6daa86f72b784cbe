/* Shared by the files of engine/hub/lifecycle. */
#ifndef HUB_LIFECYCLE_LIFECYCLE_INT_H
#define HUB_LIFECYCLE_LIFECYCLE_INT_H
#include "hub/lifecycle/lifecycle.h"

/* ---- one hook (hook.c) ---- */

/* Lies in its owner's struct, from hub_life_hook_init to ENDED, which may free it. Until then it holds the
 * definition. */
struct hub_life_hook {
    struct hub_hold hold;
    struct hub_list link; /* while it waits for its turn */
    struct hub_hub *hub;
    const struct hub_script *script; /* that runs, of those that are run one after the other (hub_script.next) */
    json_t *result;                  /* of those before it that decide, put together, or NULL */
    const char *keys; /* of one that decides: those that its result may have, with a space between; else NULL */
    struct hub_hook_arg vars[9]; /* references */
    size_t var_n;
    bool takes_turn; /* one of those that run at a time */
    const char *one; /* whose it is, while it waits: the owner's, as long; NULL: nobody's */
    void (*ended)(struct hub_life_hook *h, const struct hub_verdict *v);
};

void hub_life_hook_init(struct hub_life_hook *h, struct hub_hub *hub, const struct hub_script *script,
                        void (*ended)(struct hub_life_hook *h, const struct hub_verdict *v));
bool hub_life_wants(const struct hub_life_hook *h, const char *variable);
/* Whether SCRIPT, or one that is run after it, names VARIABLE. */
bool hub_life_names(const struct hub_hub *hub, const struct hub_script *script, const char *variable);
void hub_life_var(struct hub_life_hook *h, const char *name, json_t *value); /* VALUE is given away; NULL: null */
void hub_life_text(struct hub_life_hook *h, const char *name, struct hub_str value);
void hub_life_room_vars(struct hub_life_hook *h, const struct hub_room *room);
/* One that decides: now. */
void hub_life_decide(struct hub_life_hook *h, const char *keys);
/* The same for one that is told, and waited for. */
void hub_life_run(struct hub_life_hook *h);
/* One that is told: when its turn comes, never before this returns. */
void hub_life_tell(struct hub_life_hook *h);

/* ---- the service (hook.c) ---- */

struct hub_life {
    struct hub_engine *engine;
    struct hub_list waiting; /* hub_life_hook.link */
    size_t waiting_n, running_n;
    struct hub_map waiting_of;  /* how many of those that wait each user has, or a stranger's network */
    size_t arriving_n;          /* connections that onConnect or admission judges */
    struct hub_map arriving_at; /* how many of them each address has (hub_ip_network) */
    struct hub_timer turn;
    bool stopped;              /* no script may be called any more */
    struct hub_list lingering; /* rooms that nobody uses, the longest first (room_life.c) */
    size_t lingering_n;
};
struct hub_life *hub_life_of(struct hub_engine *e);
void hub_life_drop(struct hub_life *life); /* all that wait are over, with HUB_SHUTTING_DOWN */
#define HUB_LIFE_WAITING_MAX 10000         /* hooks that wait for their turn: hub_lifecycle_full */
#define HUB_LIFE_WAITING_ONE 1000          /* of one user, so that nobody who comes again and again keeps out others */
#define HUB_LIFE_ARRIVING_MAX 10000        /* those beyond are overloaded: scripts share one memory */
#define HUB_LIFE_ARRIVING_ONE 1000         /* of one address, so that nobody keeps out all others */

/* ---- the end of connections (departure.c) ---- */

/* What is kept of a connection whose hub has onJoin, onLeave or onDisconnect. */
struct hub_life_conn {
    struct hub_hold hold; /* since it has ended */
    struct hub_conn *conn;
    char *one;                              /* whom its hooks count for: hub_life_hook.one */
    json_t *about;                          /* as it was when it came; NULL: no script wants it */
    json_t *rooms;                          /* that it was in when it ended */
    struct hub_list leaving;                /* its onLeave that are not over */
    uint32_t entering;                      /* struct hub_entry that have not ended */
    const struct hub_script *on_disconnect; /* since it has ended */
    struct hub_life_hook hook;
    struct hub_life_hook *join; /* an onJoin that waits for the onLeave of JOIN_ROOM; one at a time */
    const struct hub_room *join_room;
};
/* What onLeave and onDisconnect want to know of it, while it is there; NULL: nothing. */
HUB_MUST json_t *hub_life_about(const struct hub_conn *c);
/* When it is open; ABOUT is given away, NULL: it is made. */
void hub_life_opened(struct hub_conn *c, json_t *about);
/* It has ended without having been open, and onConnect has let it in. ONE: whom its hooks count for, copied.
 * ABOUT is given away. */
void hub_life_turned_back(struct hub_conn *c, const char *one, json_t *about);
void hub_life_left(struct hub_member *m, struct hub_room *room, const struct hub_leave *why); /* the part's steps */
void hub_life_disconnected(struct hub_conn *c);
void hub_life_reloaded(struct hub_engine *e);

/* ---- rooms (room_life.c) ---- */

void hub_life_room_leaving(struct hub_room *room, int change); /* so many more onLeave are under way, or may follow */
bool hub_life_room_unused(struct hub_room *room);              /* the part's steps */
void hub_life_room_closed(struct hub_room *room);
void hub_life_room_emptied(struct hub_room *room);
#endif
