/* Between the files of the Redis adapter: the URL, TLS, a connection (link.c), replies, watched keys. */
#ifndef HUB_ADAPTERS_REDIS_INT_H
#define HUB_ADAPTERS_REDIS_INT_H
#include <hiredis/async.h>
#include <openssl/ssl.h>

#include "adapters/redis/redis.h"

/* ---- the URL (url.c) ---- */

struct hub_redis_place {
    char *host; /* name, address, or path of a socket (begins with "/") */
    int port;
};

struct hub_redis_url {
    struct hub_redis_place *places; /* one, the server's; or of sentinels, 16 at most */
    size_t place_n;
    char *master;                            /* as the sentinels call it; NULL: the place is the server's */
    char *user, *password;                   /* NULL = none */
    char *sentinel_user, *sentinel_password; /* likewise */
    char *ca_file, *cert_file, *key_file;    /* absolute paths, or NULL */
    char *server_name;                       /* that the certificate must have; NULL: the host's */
    bool tls, insecure;                      /* insecure: whatever certificate is shown */
    int db;
    int64_t timeout_ms;
    struct hub_buf text; /* hosts, ports, master and db for people: without the password */
};
/* HUB_BAD_REQUEST with a text that does not show the password; then OUT needs no freeing. */
enum hub_code hub_redis_url_parse(const char *url, struct hub_redis_url *out, struct hub_err *err);
void hub_redis_url_free(struct hub_redis_url *u);

/* ---- TLS (tls.c): hiredis 0.14 has none, so what it reads and writes goes through here ---- */

/* What connections to URL share; NULL in *OUT without TLS. HUB_BAD_REQUEST: a file cannot be used, the
 * text says which. */
enum hub_code hub_redis_tls_new(const struct hub_redis_url *url, SSL_CTX **out, struct hub_err *err);
void hub_redis_tls_free(SSL_CTX *tls); /* NULL is fine */

enum hub_redis_tls_end { HUB_REDIS_TLS_DONE, HUB_REDIS_TLS_READ, HUB_REDIS_TLS_WRITE, HUB_REDIS_TLS_BROKEN };
/* A connection over the connected socket FD, which stays the caller's, to a server whose certificate
 * must name HOST (or what the URL says). NULL: there is no memory. SSL_free() ends it. */
HUB_MUST SSL *hub_redis_tls_open(SSL_CTX *tls, const struct hub_redis_url *url, const char *host, int fd);
/* Goes on with the handshake. READ and WRITE: when the socket is ready for that; BROKEN: WHY, of SIZE
 * bytes, is for people. */
enum hub_redis_tls_end hub_redis_tls_shake(SSL *ssl, char *why, size_t size);
/* Sends what AC has to send; DONE: all of it. */
enum hub_redis_tls_end hub_redis_tls_write(SSL *ssl, redisAsyncContext *ac);
/* Hands AC what has come, one record at most, and calls its callbacks, after which AC may be gone. DONE:
 * there was something; nothing is left inside SSL that the socket would not tell of. */
enum hub_redis_tls_end hub_redis_tls_read(SSL *ssl, redisAsyncContext *ac);

/* ---- replies (reply.c) ---- */

/* The reply as JSON. NULL and ERR when it is an error (the server's text), holds one, or holds what is no
 * UTF-8. */
HUB_MUST json_t *hub_redis_reply_json(const redisReply *reply, struct hub_err *err);
/* The text at place I of an array; p is NULL where there is none. */
struct hub_str hub_redis_reply_text(const redisReply *reply, size_t i);
/* Why a script may not call this command on a connection that everybody shares; NULL: it may. ARGS begins
 * with the command. */
const char *hub_redis_refused(const json_t *args);

/* ---- the master that sentinels name (sentinel.c) ---- */

/* Somebody who connects to the master: a member of a connection's own struct. */
struct hub_redis_follower {
    struct hub_list link;
    bool seeking;
    /* FOUND answers a seek, MOVED comes at any other time when the sentinels have named a master, the same or
     * another. HOST is borrowed. Neither comes from inside hub_redis_sentinel_seek(). */
    void (*found)(struct hub_redis_follower *f, const char *host, int port);
    void (*moved)(struct hub_redis_follower *f, const char *host, int port);
};

struct hub_redis_sentinel_config {
    struct hub_loop *loop;
    const struct hub_redis_url *url; /* with a master; must outlive it, as must what follows */
    SSL_CTX *tls;
    const char *name; /* of the client */
};
struct hub_redis_sentinel;
/* Asks the sentinels of the URL one after the other, whichever answers, hears of fail-overs from one of them
 * (+switch-master), and asks again every ten seconds, in case that was not heard. */
HUB_MUST struct hub_redis_sentinel *hub_redis_sentinel_new(const struct hub_redis_sentinel_config *config);
/* Nobody is told anything any more. Not from inside its callbacks. */
void hub_redis_sentinel_stop(struct hub_redis_sentinel *s);
void hub_redis_sentinel_delete(struct hub_redis_sentinel *s); /* nobody may follow */
void hub_redis_sentinel_follow(struct hub_redis_sentinel *s, struct hub_redis_follower *f);
void hub_redis_sentinel_leave(struct hub_redis_follower *f);
void hub_redis_sentinel_seek(struct hub_redis_sentinel *s, struct hub_redis_follower *f);
/* What keeps the sentinels from answering, for people; "" when one is there. */
const char *hub_redis_sentinel_why(const struct hub_redis_sentinel *s);

/* ---- a connection (link.c) ---- */

/* Connects, introduces itself (AUTH, CLIENT SETNAME, SELECT, PING), and does so again, with growing jittered
 * pauses, whenever the connection is lost. A sentinel has to know the master, and what one named has to be it
 * by its own words (role). Callbacks UP and DOWN alternate, UP first; commands can be sent from UP on until
 * DOWN. */
struct hub_redis_link_config {
    struct hub_loop *loop;
    const struct hub_redis_url *url;     /* must outlive the link */
    SSL_CTX *tls;                        /* NULL without TLS; must outlive the link */
    struct hub_redis_sentinel *sentinel; /* says where the master is; NULL: the URL does */
    bool to_sentinel;                    /* goes to one of the URL's sentinels itself, in turn */
    const char *name;                    /* CLIENT SETNAME; must outlive the link */
    void (*up)(void *arg);
    void (*down)(void *arg);
    void *arg;
};
struct hub_redis_link;
HUB_MUST struct hub_redis_link *hub_redis_link_new(const struct hub_redis_link_config *config);
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

/* ---- channels (channels.c) ---- */

struct hub_redis_channels_config {
    struct hub_loop *loop;
    const struct hub_redis_url *url;
    SSL_CTX *tls;
    struct hub_redis_sentinel *sentinel;
    const char *name;            /* of the client */
    struct hub_redis_link *main; /* publishes the proofs of life */
};
HUB_MUST struct hub_redis_channels *hub_redis_channels_new(const struct hub_redis_channels_config *config);
void hub_redis_channels_stop(struct hub_redis_channels *c); /* nothing comes any more */
void hub_redis_channels_delete(struct hub_redis_channels *c);
struct hub_cache_listener *hub_redis_listen(struct hub_redis_channels *c, struct hub_str channel,
                                            hub_cache_message_cb *cb, void *arg);
void hub_redis_unlisten(struct hub_cache_listener *l);

/* ---- watched keys (watch.c) ---- */

struct hub_redis_watches_config {
    struct hub_loop *loop;
    const struct hub_redis_url *url;
    SSL_CTX *tls;
    struct hub_redis_sentinel *sentinel;
    const char *name;                                                        /* of the client */
    struct hub_redis_link *main;                                             /* asked whether keys exist */
    void (*refused)(void *arg, struct hub_str key, const redisReply *error); /* that question was refused */
    void *arg;
};
HUB_MUST struct hub_redis_watches *hub_redis_watches_new(const struct hub_redis_watches_config *config);
void hub_redis_watches_stop(struct hub_redis_watches *w); /* nothing is told any more */
void hub_redis_watches_delete(struct hub_redis_watches *w);
/* The main link is up (again): whatever happened meanwhile is looked for. */
void hub_redis_watches_wake(struct hub_redis_watches *w);
struct hub_cache_watch *hub_redis_watch(struct hub_redis_watches *w, struct hub_str key, hub_cache_gone_cb *cb,
                                        void *arg);
void hub_redis_unwatch(struct hub_cache_watch *watch);

#endif
