/* What the files of engine/server share: one process with everything in it, and the steps of its life. All of
 * it is for the loop's thread. Functions that return an int return an exit code of server.h, HUB_EXIT_OK to
 * go on, and have told on stderr why not. */
#ifndef HUB_SERVER_INT_H
#define HUB_SERVER_INT_H
#include "adapters/curl/curl.h"
#include "auth/jwks.h"
#include "hub/engine.h"
#include "namespace/namespace.h"
#include "ops/ops.h"
#include "rest/rest.h"
#include "scripting/scripts.h"
#include "server/backends.h"
#include "server/server.h"

/* What one load of the definitions made. After a reload the old one stays until nothing uses it any more. */
struct hub_generation {
    struct hub_service *service;
    struct hub_tables *tables;
    struct hub_jwt_keys *keys;
    struct hub_jwks *jwks; /* NULL without auth.jwt.jwksUrl */
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

struct hub_server {
    const struct hub_server_options *options;
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
    struct hub_namespaces *namespaces;
    struct hub_sessions *sessions;
    struct hub_static *console, *client; /* inside the program; NULL in a build without npm */
    struct hub_transport *transport;
    struct hub_rest *rest;
    struct hub_ops_config ops;
    struct hub_curl *curl;
    struct hub_host engine_host, socket_host, http_host;
    int64_t started; /* monotonic ms */
    bool subscribed; /* the engine has been started */
    bool open;       /* store, cache and bus have been there */
    bool serving;    /* the keys, too: the start is over */
    bool waiting_said;
    struct hub_timer start, retry_keys;
    bool draining;
    int64_t drain_until, drain_said; /* loop time; when it was last said what it waits for */
    struct hub_timer drain;
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
/* The keys that tokens are checked with, into G. Those of a URL are not asked for yet. */
enum hub_code hub_server_load_keys(struct hub_server *s, struct hub_generation *g, struct hub_err *err);
struct hub_identity_config hub_server_identity_config(const struct hub_server *s, const struct hub_generation *g);
/* What resolves tokens: keys, and the fetches of keys. The cache is open, if there is one. */
int hub_server_make_identity(struct hub_server *s);
/* Everything between the backends and the listener. */
int hub_server_make_engine(struct hub_server *s);

/* ---- start.c ---- */
/* The start's timer: tries what is missing, and itself again, until all is there or --wait is over. */
void hub_server_on_start(struct hub_timer *t);

/* ---- reload.c ---- */
void hub_server_on_hangup(void *server, int signo);
void hub_server_free_generation(struct hub_generation *g);
void hub_server_free_retired(struct hub_retired *r);

/* ---- drain.c ---- */
void hub_server_on_stop(void *server, int signo);
/* Another process has the store now: hub_store_config.taken; ends everything, to begin anew and wait. */
void hub_server_on_taken(void *server);
/* Ends the process with EXIT_CODE, draining what is there. */
void hub_server_give_up(struct hub_server *s, int exit_code);
/* Takes everything apart, after the loop has stopped or when the start failed half-way. */
void hub_server_free(struct hub_server *s);

/* ---- why.c ---- */
/* For commands that only look: backends, with the database as the definitions want it already. */
int hub_server_open_to_look(struct hub_server *s);
#endif
