/* What the files of engine/server share: one loop with everything in it, and the steps of its life. The first
 * loop of a process is the main thread's: what is done once for all loops is done there (definitions and
 * their reload, signals, the hooks of the service's life, what stands in the store), and the others are made
 * there and follow it (siblings.c). All of it is for the loop's thread. Functions that return an int return
 * an exit code of server.h, HUB_EXIT_OK to go on, and have told on stderr why not. */
#ifndef HUB_SERVER_INT_H
#define HUB_SERVER_INT_H
#include "adapters/curl/curl.h"
#include "auth/jwks.h"
#include "hub/engine.h"
#include "ops/ops.h"
#include "rest/rest.h"
#include "scripting/scripts.h"
#include "server/backends.h"
#include "server/server.h"

/* What one load of the definitions made. After a reload the old one stays until nothing uses it any more. */
struct hub_generation {
    struct hub_service *service;
    struct hub_tables *tables;
    int *users; /* loops that have these two, atomically; the last one frees them. NULL: one */
    struct hub_jwt_keys *keys;
    struct hub_jwks *jwks;              /* NULL without auth.jwt.jwksUrl */
    struct hub_cookie_secrets *secrets; /* NULL without auth.session.cookie */
    struct hub_scripts *scripts;
    struct hub_static *files;
};

struct hub_retired {
    struct hub_list link;
    struct hub_timer timer;
    struct hub_server *server;
    struct hub_generation generation;
    int64_t since; /* loop time */
};

enum hub_bootstrap { HUB_BOOTSTRAP_DUE, HUB_BOOTSTRAP_RUNNING, HUB_BOOTSTRAP_OVER };

/* What a program gives a service that runs inside it, with clients of the program's own (hubctl test).
 * Nothing is listened on, connections come by hub_transport_adopt; tokens are not checked, and nothing is
 * fetched. */
struct hub_server_inside {
    json_t *(*vouch)(void *arg, struct hub_str token); /* hub_identity_config.vouch */
    const struct hub_host_fn *http;                    /* serves scripts' table "http" */
    void *arg;                                         /* of both */
};

struct hub_siblings;
struct hub_server {
    const struct hub_server_options *options;
    const struct hub_server_inside *inside; /* NULL: it is a process of its own */
    struct hub_siblings *siblings;          /* of the first loop: the others, once they are there */
    bool follows;                           /* one of the others */
    struct hub_transport_group *group;      /* of the listeners of all; NULL: there is one */
    unsigned place;                         /* in it, from 0 on */
    struct hub_loop *loop;
    struct hub_generation now;
    struct hub_generation coming; /* a reload that waits for its keys; without service when there is none */
    struct hub_list retired;
    struct hub_service *first; /* the transport holds strings of it: kept to the end */
    struct hub_buf store_url;
    const struct hub_store_ops *store_ops;
    struct hub_store *store;
    struct hub_cache *cache;
    struct hub_bus *bus;
    struct hub_identity_ctx *identity;
    struct hub_engine *engine;
    struct hub_sessions *sessions;
    struct hub_static *console, *client; /* inside the program; NULL in a build without npm */
    struct hub_transport *transport;
    struct hub_rest *rest;
    struct hub_ops_config ops;
    struct hub_curl *curl;
    struct hub_host engine_hosts[HUB_ENGINE_HOSTS], http_host;
    const struct hub_host *host; /* what scripts may call: those, as a chain */
    void *nodes;                 /* of this process (server/backends.h) */
    int64_t started;             /* monotonic ms */
    enum hub_bootstrap bootstrap;
    bool subscribed; /* the engine has been started */
    bool open;       /* store, cache and bus have been there */
    bool serving;    /* the keys, too: the start is over */
    bool waiting_said;
    bool reload_again; /* asked for while one was under way */
    struct hub_timer start, retry_keys;
    bool draining;
    int64_t drain_until, drain_said; /* loop time; when it was last said what it waits for */
    int64_t fetch_until;             /* the same: when clients that poll have had time to fetch what is queued */
    struct hub_timer drain;
    struct hub_timer give_back;
    size_t given_back; /* bytes that are free for the allocator, and whose pages the system has (give_back.c) */
    void (*shut_down)(struct hub_server *s); /* when onShutdown is over */
    bool rooms_closed;                       /* clients are gone, and those who hear of rooms have been told */
    int exit_code;
    bool again; /* not the end of the process, but of what it has in memory */
};

/* ---- server.c ---- */
/* Tells ERR; returns EXIT_CODE. */
int hub_server_failed(const struct hub_err *err, int exit_code);
/* Logs TEXT with what is under way since the loop time SINCE (loop.h); nothing when there is none. */
void hub_server_say_holds(const struct hub_server *s, int64_t since, const char *text);
/* Opens the store of the definitions in force. LOOK: as it is, without becoming its owner. */
enum hub_code hub_server_open_store(struct hub_server *s, bool look, struct hub_err *err);
/* Neither waits for anybody: cache and bus connect by themselves. */
int hub_server_open_cache_and_bus(struct hub_server *s);
/* Listens, where BESIDE does (NULL: as the definitions say), and lets nobody in yet. */
int hub_server_listen(struct hub_server *s, const struct hub_transport *beside);
/* The keys that tokens are checked with, into G. Those of a URL are not asked for yet. */
enum hub_code hub_server_load_keys(struct hub_server *s, struct hub_generation *g, struct hub_err *err);
/* What public/ holds, into G. */
enum hub_code hub_server_load_files(struct hub_generation *g, struct hub_err *err);
struct hub_identity_config hub_server_identity_config(const struct hub_server *s, const struct hub_generation *g);
/* What resolves tokens: keys, and the fetches of keys. The cache is open, if there is one. */
int hub_server_make_identity(struct hub_server *s);
/* Everything between the backends and the listener. */
int hub_server_make_engine(struct hub_server *s);

/* ---- start.c ---- */
/* The start's timer: tries what is missing, and itself again, until all is there or --wait is over. */
void hub_server_on_start(struct hub_timer *t);
void hub_server_give_back(struct hub_server *s); /* from now on, memory that became free (give_back.c) */

/* What is listened on, as it is: 0.0.0.0 is every address of the machine, and not only loopback. */
void hub_server_add_address(const struct hub_server *s, struct hub_buf *out);

/* ---- siblings.c ---- */
/* The loops beside the first one, S, as listen.threads says: makes them when it is called first. True: all of
 * them serve, or there are none. False: not yet; the start goes on by itself then, or the process ends. */
bool hub_siblings_serve(struct hub_server *s);
void hub_siblings_served(struct hub_server *s); /* S, one of them, lets clients in */
/* They drain like S. */
void hub_siblings_drain(struct hub_server *s);
/* None of them is there any more, so that S may close what they share. */
bool hub_siblings_are_gone(const struct hub_server *s);
void hub_siblings_free(struct hub_server *s); /* all are gone */
/* A reload: each makes of S->coming what is its own, and then THEN is called, with what is wrong or NULL.
 * False: there are none. */
bool hub_siblings_prepare(struct hub_server *s, void (*then)(struct hub_server *s, const char *error));
bool hub_siblings_are_preparing(const struct hub_server *s);
/* While no other loop is in a turn: S takes over what it has prepared, or not, and each of the others does
 * the same. */
void hub_siblings_meet(struct hub_server *s, bool (*take_over)(struct hub_server *s));
void hub_siblings_give_up(struct hub_server *s); /* what they have prepared is dropped */

/* ---- lifecycle.c ---- */
int hub_server_join(struct hub_server *s); /* the engine becomes a node among those of its cluster */
/* Starts onBootstrap, once. False: it is not over; then the start goes on by itself, or the process ends. */
bool hub_server_is_bootstrapped(struct hub_server *s);
void hub_server_tell_started(struct hub_server *s);
/* onShutdown, of a service that was open, for at most MOST_MS. THEN comes when it is over, possibly before
 * this returns. */
void hub_server_tell_shutdown(struct hub_server *s, int64_t most_ms, void (*then)(struct hub_server *s));

/* ---- reload.c ---- */
void hub_server_on_hangup(void *server, int signo);
/* Makes what G, which has its service, lacks; tables too if there are none. */
enum hub_code hub_server_prepare(struct hub_server *s, struct hub_generation *g, struct hub_err *err);
void hub_server_switch_to(struct hub_server *s, const struct hub_generation *g);
void hub_server_free_generation(struct hub_generation *g);
void hub_server_free_retired(struct hub_retired *r);

/* ---- drain.c ---- */
void hub_server_on_stop(void *server, int signo);
/* Another process has the store now: hub_store_config.taken; ends everything, to begin anew and wait. */
void hub_server_on_taken(void *server);
/* The same of a loop that follows another: until that one's time. */
void hub_server_follow_drain(struct hub_server *s);
/* Ends the process with EXIT_CODE, draining what is there. */
void hub_server_give_up(struct hub_server *s, int exit_code);
/* Takes everything apart, after the loop has stopped or when the start failed half-way. What is left are the
 * definitions in force, which are given away, and S->first, which must outlive them (load.h). */
HUB_MUST struct hub_service *hub_server_take_apart(struct hub_server *s);
/* The same with both. */
void hub_server_free(struct hub_server *s);

/* ---- why.c ---- */
/* For commands that only look: backends, with the database as the definitions want it already. */
int hub_server_open_to_look(struct hub_server *s);
#endif
