/* Between the files of the Redis adapter: the URL, a connection (link.c), replies, watched keys. */
#ifndef HUB_ADAPTERS_REDIS_INT_H
#define HUB_ADAPTERS_REDIS_INT_H
#include <hiredis/async.h>

#include "adapters/redis/redis.h"

/* ---- the URL (url.c) ---- */

struct hub_redis_url {
    char *host; /* name, address, or path of a socket (begins with "/") */
    int port;
    char *user, *password; /* NULL = none */
    int db;
    int64_t timeout_ms;
    struct hub_buf text; /* host, port and db for people: without the password */
};
/* HUB_BAD_REQUEST with a text that does not show the password; then OUT needs no freeing. */
enum hub_code hub_redis_url_parse(const char *url, struct hub_redis_url *out, struct hub_err *err);
void hub_redis_url_free(struct hub_redis_url *u);

/* ---- replies (reply.c) ---- */

/* The reply as JSON. NULL and ERR when it is an error (the server's text), holds one, or holds what is no
 * UTF-8. */
json_t *hub_redis_reply_json(const redisReply *reply, struct hub_err *err);
/* Why a script may not call this command on a connection that everybody shares; NULL: it may. ARGS begins
 * with the command. */
const char *hub_redis_refused(const json_t *args);

/* ---- a connection (link.c) ---- */

/* Connects, introduces itself (AUTH, CLIENT SETNAME, SELECT, PING), and does so again, with growing
 * jittered pauses, whenever the connection is lost. Callbacks UP and DOWN alternate, UP first; commands
 * can be sent from UP on until DOWN. */
struct hub_redis_link_config {
    struct hub_loop *loop;
    const struct hub_redis_url *url; /* must outlive the link */
    const char *name;                /* CLIENT SETNAME; must outlive the link */
    void (*up)(void *arg);
    void (*down)(void *arg);
    void *arg;
};
struct hub_redis_link;
struct hub_redis_link *hub_redis_link_new(const struct hub_redis_link_config *config);
/* Ends it for good: what is open is answered (with NULL), UP and DOWN do not come any more. Not from
 * inside its callbacks. */
void hub_redis_link_stop(struct hub_redis_link *l);
void hub_redis_link_delete(struct hub_redis_link *l);
bool hub_redis_link_up(const struct hub_redis_link *l);
/* What keeps it from being up, for people; "" when it is. */
const char *hub_redis_link_why(const struct hub_redis_link *l);

/* REPLY is borrowed; NULL: the connection was lost or the time was up, and the command may have been
 * carried out or not. */
typedef void hub_redis_reply_cb(void *arg, const redisReply *reply);
/* Sends one command; V are its N words. False when it is not up or too much is open already: nothing was
 * sent and CB does not come. */
bool hub_redis_send(struct hub_redis_link *l, const struct hub_str *v, size_t n, hub_redis_reply_cb *cb, void *arg);
/* For a link that only listens: (un)subscribes to CHANNEL. ON_MESSAGE gets every message and every
 * confirmation of all channels, as the server sends them (an array whose first element tells which); the
 * same for all subscriptions of a link. */
bool hub_redis_subscribe(struct hub_redis_link *l, struct hub_str channel, hub_redis_reply_cb *on_message, void *arg);
void hub_redis_unsubscribe(struct hub_redis_link *l, struct hub_str channel);
/* The connection is of no use any more: ends it and connects anew. WHY is for people, and copied. */
void hub_redis_link_drop(struct hub_redis_link *l, const char *why);

/* ---- watched keys (watch.c) ---- */

struct hub_redis_watches_config {
    struct hub_loop *loop;
    const struct hub_redis_url *url;
    const char *name;                                                        /* of the client */
    struct hub_redis_link *main;                                             /* asked whether keys exist */
    void (*refused)(void *arg, struct hub_str key, const redisReply *error); /* that question was refused */
    void *arg;
};
struct hub_redis_watches *hub_redis_watches_new(const struct hub_redis_watches_config *config);
void hub_redis_watches_stop(struct hub_redis_watches *w); /* nothing is told any more */
void hub_redis_watches_delete(struct hub_redis_watches *w);
/* The main link is up (again): whatever happened meanwhile is looked for. */
void hub_redis_watches_wake(struct hub_redis_watches *w);
struct hub_cache_watch *hub_redis_watch(struct hub_redis_watches *w, struct hub_str key, hub_cache_gone_cb *cb,
                                        void *arg);
void hub_redis_unwatch(struct hub_cache_watch *watch);

#endif
