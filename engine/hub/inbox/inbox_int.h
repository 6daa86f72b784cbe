/* Shared by the files of engine/hub/inbox.
 *
 * Nothing of an inbox is stored: which rooms are a user's the records of authSources say, what is unread
 * the messages and the receipts. One's own message counts as read because it is there, so that sending
 * costs no write. */
#ifndef HUB_INBOX_INBOX_INT_H
#define HUB_INBOX_INBOX_INT_H
#include "hub/access/access.h"
#include "hub/inbox/inbox.h"
#include "hub/message/message.h"

#define HUB_INBOX_ROOMS_MAX 20000     /* of one user */
#define HUB_INBOX_WATCHED_MAX 1000000 /* of all users who watch, each of them counted with each of his rooms */
#define HUB_INBOX_WATCHERS_MAX 100    /* connections of one user that watch */
#define HUB_INBOX_DEPTH 1000          /* messages of a room that are looked at: the newest */

/* ---- a room as one user finds it (unread.c) ---- */

/* Inside its owner's struct. HUB, ROOM (held), USER (borrowed until DONE) and DONE are the owner's. */
struct hub_inbox_look {
    struct hub_hub *hub;
    struct hub_room *room; /* which need not be loaded */
    struct hub_str user;
    bool time_only; /* of the last message; nothing else is looked for */
    void (*done)(struct hub_inbox_look *l, enum hub_code code, const char *error); /* once, later */
    void *owner; /* of whose struct it is not a part */
    /* what was found */
    struct hub_buf message; /* the last one that is meant for the user, as JSON; empty: there is none */
    int64_t time;           /* of it, wall ms; 0 likewise */
    int64_t read_seq;       /* up to there he has read, or sent himself */
    int64_t unread;         /* of the newest HUB_INBOX_DEPTH */
    /* unread.c's */
    struct hub_hold hold;
    struct hub_replies replies;
    int64_t newest, floor, last; /* numbers: of the newest message, of the oldest one that is looked at, of the last
                                    one that is meant for him; 0: not known, or none */
    void (*after_floor)(struct hub_inbox_look *l);
};
void hub_inbox_look(struct hub_inbox_look *l);
void hub_inbox_look_free(struct hub_inbox_look *l); /* what was found */
extern const struct hub_cond hub_inbox_numbered;    /* of messages that are part of the room's past */

/* Appends what clients see of it, without braces: "lastMessage":…,"unread":… Without CAN_READ: nothing. */
void hub_inbox_look_json(const struct hub_inbox_look *l, bool can_read, struct hub_buf *out);

/* ---- hub:rooms (rooms.c) ---- */

void hub_inbox_rooms(struct hub_call *call);

/* ---- hub:watchInbox (watch.c) ---- */

/* One room of one user who watches: a change makes it due, then it is looked at, and rests for a second. */
enum hub_inbox_state { HUB_INBOX_IDLE, HUB_INBOX_READY, HUB_INBOX_BUSY, HUB_INBOX_RESTING };
struct hub_inbox_watch;
struct hub_inbox_entry {
    struct hub_inbox_watch *watch;
    struct hub_inbox_watched *room;
    struct hub_list in_room;
    struct hub_list in_queue; /* idle: the room's; ready or resting: the inbox' */
    enum hub_inbox_state state;
    uint64_t seen;       /* changes of the room when the last look began */
    bool due;            /* there has been one for this user alone since */
    uint32_t listing;    /* the last one that found it */
    int64_t rests_until; /* loop ms */
    uint64_t told;       /* a fingerprint of what was told last; 0: nothing */
    struct hub_inbox_telling *telling;
};

/* A room that somebody watches. */
struct hub_inbox_watched {
    struct hub_hub *hub;
    uint64_t changes;        /* for everybody: what was looked at before the latest one is due */
    struct hub_list entries; /* hub_inbox_entry.in_room */
    struct hub_list idle;    /* those of them that nothing is due for: hub_inbox_entry.in_queue */
    char id[];
};

/* A connection that watches. */
struct hub_inbox_watcher {
    struct hub_list link; /* of the watch */
    struct hub_inbox_watch *watch;
    struct hub_conn *conn; /* lasts longer */
};

/* All rooms of one user of a hub, of whom one connection or several watch. */
struct hub_inbox_watch {
    struct hub_inbox *inbox;
    struct hub_hub *hub;
    struct hub_map entries;   /* room id → hub_inbox_entry */
    struct hub_list watchers; /* hub_inbox_watcher.link */
    size_t watcher_n;
    struct hub_list calls;  /* that wait for the first listing */
    struct hub_list checks; /* rooms of which it is asked whether they are his, one after the other */
    size_t check_n;
    struct hub_inbox_check *checking; /* the one under way */
    struct hub_memberships read;      /* the one under way */
    bool reading, found;
    bool listed;   /* all rooms are there */
    bool list_due; /* they are to be listed anew */
    bool gone;     /* nobody watches: freed when the read under way ends */
    bool full;     /* there was no place for a room */
    uint32_t listing;
    struct hub_timer again; /* after the store did not answer */
    char user[];
};

/* Of a service. */
struct hub_inbox {
    struct hub_engine *engine;
    struct hub_map watches; /* "hub NUL user" → hub_inbox_watch */
    struct hub_map rooms;   /* "hub NUL room" → hub_inbox_watched */
    struct hub_list ready, resting;
    size_t entry_n, watcher_n, telling_n;
    struct hub_timer wake; /* when the first one has rested */
    bool stopped;
};

void hub_inbox_watch(struct hub_call *call);
void hub_inbox_leave(struct hub_conn *c); /* it watches no more */
/* The room as USER watches it; NULL: he does not. */
struct hub_inbox_entry *hub_inbox_entry_find(struct hub_inbox *all, const struct hub_hub *hub, struct hub_str user,
                                             struct hub_str room_id);
/* Steps of the part. */
void hub_inbox_rights_changed(struct hub_hub *hub, struct hub_str room_id, struct hub_str user_id);
void hub_inbox_reloaded(struct hub_engine *e);
struct hub_inbox *hub_inbox_of(struct hub_engine *e);
HUB_MUST struct hub_inbox *hub_inbox_new(struct hub_engine *e);
void hub_inbox_stop(struct hub_inbox *all);
void hub_inbox_delete(struct hub_inbox *all);

/* ---- which rooms are watched, and word of their changes (signal.c) ---- */

/* Tells that ROOM_ID changed; of a single node: by the room itself. On several the room's owner is asked. */
struct hub_inbox_signals {
    void (*watch)(struct hub_hub *hub, struct hub_str room_id);
    void (*unwatch)(struct hub_hub *hub, struct hub_str room_id);
};
extern const struct hub_inbox_signals *const hub_inbox_signals;
/* A room is in use from now on. */
void hub_inbox_room_loaded(struct hub_room *room);
HUB_MUST struct hub_inbox_watched *hub_inbox_watched_of(struct hub_inbox *all, struct hub_hub *hub,
                                                        struct hub_str room_id);
struct hub_inbox_watched *hub_inbox_watched_find(const struct hub_inbox *all, const struct hub_hub *hub,
                                                 struct hub_str room_id);        /* or NULL */
void hub_inbox_watched_free(struct hub_inbox *all, struct hub_inbox_watched *w); /* nobody watches it */
/* The key of a map of "hub NUL name", in B. */
struct hub_str hub_inbox_key(struct hub_buf *b, const struct hub_hub *hub, struct hub_str name);

/* ---- telling (tell.c) ---- */

void hub_inbox_due(struct hub_inbox_entry *x); /* it has changed for its user */
/* It has changed for everybody. Costs nothing for those who are to look at it anyway. */
void hub_inbox_all_due(struct hub_inbox *all, struct hub_inbox_watched *w);
void hub_inbox_drop(struct hub_inbox_entry *x); /* it goes: out of the queues */
void hub_inbox_show(void);                      /* registers the metrics */
void hub_inbox_count(const struct hub_inbox *all);
#endif
