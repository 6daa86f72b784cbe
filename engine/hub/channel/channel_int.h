/* Shared by the files of engine/hub/channel. */
#ifndef HUB_CHANNEL_CHANNEL_INT_H
#define HUB_CHANNEL_CHANNEL_INT_H
#include "data/numbered.h"
#include "hub/channel/channel.h"
#include "hub/guard/guard.h"

struct hub_channel;
struct hub_post;

/* ---- what is kept of a channel (log_memory.c, log_cache.c, log_store.c) ---- */

#define HUB_CHANNEL_READ_MAX 1000 /* messages of one answer */

/* Messages with numbers above AFTER up to UPTO, published at OLDEST (wall ms) or later; of more than LIMIT
 * the newest. */
struct hub_channel_span {
    int64_t after, upto, oldest, limit;
};
/* JSON objects {offset, at, data, publisher?} with commas between, ascending. */
struct hub_channel_page {
    struct hub_buf json;
    size_t n;
    int64_t first; /* number of the first one */
    bool cut;      /* it is as much as one answer takes: there may be older ones */
};
typedef void hub_channel_read_done(void *arg, enum hub_code code, const struct hub_channel_page *page);
typedef void hub_channel_loaded(struct hub_channel *c, enum hub_code code);

struct hub_channel_log {
    /* Sets number and epoch of C's sequence, then calls DONE once, now or later. */
    void (*load)(struct hub_channel *c, hub_channel_loaded *done);
    /* Takes a place in the sequence, gives POST a number and keeps it, in the order of the calls; ends in
     * hub_post_end once, now or later, after it was announced. */
    void (*append)(struct hub_post *post);
    /* DONE comes once, now or later. SPAN is borrowed for the call. C is held by the caller. */
    void (*read)(struct hub_channel *c, const struct hub_channel_span *span, hub_channel_read_done *done, void *arg);
    void (*forget)(struct hub_channel *c); /* it goes from memory */
    bool volatile_here;                    /* what is kept goes with the struct */
};
extern const struct hub_channel_log hub_channel_in_memory, hub_channel_in_cache, hub_channel_in_store;

/* Appends a message to PAGE. REST: the members behind "at". */
void hub_channel_page_add(struct hub_channel_page *page, int64_t number, int64_t at, struct hub_str rest);

/* ---- channels (channels.c) ---- */

/* What is promised of a channel: by all windows to it together, each of which shows what it promises
 * itself. */
struct hub_channel_keep {
    int64_t history, seconds;
    bool persist, redis;
};

enum hub_channel_state { HUB_CHANNEL_NEW, HUB_CHANNEL_LOADING, HUB_CHANNEL_LOADED };
struct hub_channel {
    struct hub_channels *all;
    struct hub_sequence sequence;
    const struct hub_channel_log *log;
    const struct hub_channel_log *loading; /* the one that is asked: not LOG when it was moved meanwhile */
    struct hub_channel_keep keep;
    struct hub_group *group; /* its subscribers' seats; NULL while there were none */
    struct hub_list subs;    /* hub_subscription.in_channel */
    struct hub_list waiting; /* hub_channel_wait.link */
    struct hub_list used;    /* in all->idle while nobody holds it and nobody has subscribed */
    struct hub_list kept;    /* in memory: the oldest first (log_memory.c) */
    struct hub_channel_outside *outside;
    uint32_t refs, sub_n;
    enum hub_channel_state state;
    size_t kept_n;
    int64_t answered; /* in the cache: the last number that it gave */
    size_t name_n;
    char name[];
};
static inline struct hub_str hub_channel_name(const struct hub_channel *c) { return hub_str(c->name, c->name_n); }

/* All channels of an engine. */
struct hub_channels {
    struct hub_engine *engine;
    char *scope;          /* of counters in the store, which several services may share; no hub is called so */
    struct hub_map map;   /* name -> hub_channel */
    struct hub_list idle; /* the least recently used first */
    struct hub_list kept; /* in memory: of all channels, the oldest first */
    size_t kept_bytes;
    struct hub_timer sweep;
    bool stopped;
};
struct hub_channels *hub_channels_of(struct hub_engine *e);

/* Waits for a channel to be loaded. LOADED comes once, now or later, with the channel held until it
 * returns. */
struct hub_channel_wait {
    struct hub_list link;
    void (*loaded)(struct hub_channel_wait *w, struct hub_channel *c, enum hub_code code);
};
/* Finds or makes the channel NAME and holds it: *OUT. TOO_MANY (limits.channels of DEF): all that are in
 * memory are in use. */
enum hub_code hub_channel_get(struct hub_engine *e, const struct hub_def *def, struct hub_str name,
                              struct hub_channel **out, struct hub_err *err);
struct hub_channel *hub_channel_find(struct hub_engine *e, struct hub_str name); /* or NULL; not held */
void hub_channel_ref(struct hub_channel *c);
void hub_channel_unref(struct hub_channel *c); /* it may be gone */
void hub_channel_load(struct hub_channel *c, struct hub_channel_wait *w);
/* Everybody loses the subscription: what was told before and what comes do not fit together any more. */
void hub_channel_reset(struct hub_channel *c, const char *reason);
/* Whether C is kept elsewhere than in FROM since a message was given to it: the message's number, which may
 * have become the channel's, is none of the channel any more. It is read anew then, and nobody is to be told
 * of the message. C is held by the caller. */
bool hub_channel_has_moved(struct hub_channel *c, const struct hub_channel_log *from);
/* It goes from memory; nobody may hold it. */
void hub_channel_drop(struct hub_channel *c);
void hub_channel_memory_trim(struct hub_channel *c); /* forgets what is over */
void hub_channel_store_sweep(struct hub_engine *e);  /* the same, of all channels that are in the store */
int64_t hub_channel_oldest(const struct hub_channel *c, int64_t seconds); /* the wall ms so many SECONDS ago */
/* Steps of the part's life. */
void hub_channels_created(struct hub_engine *e);
void hub_channels_started(struct hub_engine *e);
void hub_channels_reloaded(struct hub_engine *e);
void hub_channels_stopped(struct hub_engine *e);
void hub_channels_deleted(struct hub_engine *e);

/* ---- messages on their way (post.c) ---- */

typedef void hub_post_done(void *arg, enum hub_code code, const char *error, int64_t number);
struct hub_post {
    struct hub_numbered numbered;         /* in the store */
    struct hub_announcement announcement; /* elsewhere */
    struct hub_hold hold;
    struct hub_channel *channel; /* reference */
    int64_t at, number;          /* wall ms; 0: none */
    struct hub_buf data, rest;   /* JSON; "\"data\":…,\"publisher\":{…}" */
    char *user, *name;           /* of the publisher; NULL: the server */
    void *log;                   /* the log's own */
    hub_post_done *done;         /* NULL once it was told that nobody knows */
    void *arg;
};
/* Publishes DATA, JSON text, to C, which is loaded. WHO NULL: the server. DONE comes once, now or later. */
void hub_channel_publish(struct hub_channel *c, const struct hub_identity *who, struct hub_str data,
                         hub_post_done *done, void *arg);
/* The members behind "at". USER, NAME empty: none. */
void hub_channel_add_rest(struct hub_buf *b, struct hub_str data, struct hub_str user, struct hub_str name);
/* Its turn: tells subscribers, with the post's number, which becomes the channel's. */
void hub_post_tell(struct hub_post *post);
void hub_post_end(struct hub_post *post, enum hub_code code, const char *error); /* frees it */
/* Tells of a message that has no post: from outside (NUMBER 0), or found in the log. BY: see
 * hub_part.readable_changed. */
void hub_channel_tell(struct hub_channel *c, int64_t number, int64_t at, struct hub_str rest, const void *by);

/* ---- windows (window.c), and their guards (guards.c) ---- */

#define HUB_CHANNEL_NAME_MAX 255
enum hub_code hub_channel_window(const struct hub_def *def, struct hub_str channel, const struct hub_def_channel **out,
                                 json_t **params, struct hub_err *err);
/* What all windows of the service to NAME promise; false: there is none. */
bool hub_channel_promised(struct hub_engine *e, struct hub_str name, struct hub_channel_keep *out);

/* Of an ask WINDOW is the struct hub_def_channel; a publish has data in MORE. */
extern const struct hub_guard hub_channel_subscribe_guard, hub_channel_publish_guard;
/* Whether there is a guard that could let a client publish. */
enum hub_code hub_channel_may_publish(const struct hub_def_channel *w, struct hub_err *err);

/* ---- subscriptions (subscribe.c) ---- */

struct hub_subscription {
    struct hub_seat seat;
    struct hub_grant grant;
    struct hub_list in_channel;
    struct hub_channel *channel; /* NULL until its seat is taken */
};
extern const struct hub_granting hub_channel_subscribing;
void hub_channel_subscribe(struct hub_call *call);
void hub_channel_unsubscribe(struct hub_call *call);
/* ---- publish and history as commands; what scripts may call ---- */

/* DATA as the window W wants it, defaults filled in, as JSON. */
enum hub_code hub_channel_check_data(const struct hub_def *def, const struct hub_def_channel *w, json_t *data,
                                     struct hub_buf *json, struct hub_err *err);
#define HUB_CHANNEL_PAGE 50
/* What a window that shows the last HISTORY messages of so many SECONDS shows of C below BEFORE; LIMIT 0:
 * nothing. */
struct hub_channel_span hub_channel_kept_span(const struct hub_channel *c, int64_t history, int64_t seconds,
                                              int64_t before, int64_t limit);
void hub_channel_run_publish(struct hub_call *call);
void hub_channel_run_history(struct hub_call *call);
extern const struct hub_host_fn hub_channel_host[];

/* ---- Redis channels (redis_channel.c) ---- */

void hub_channel_outside_follow(struct hub_channel *c); /* subscribers have come or gone */
void hub_channel_outside_publish(struct hub_channel *c, struct hub_str data);
#endif
