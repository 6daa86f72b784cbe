/* Shared by the files of engine/hub/client. */
#ifndef HUB_CLIENT_CLIENT_INT_H
#define HUB_CLIENT_CLIENT_INT_H
#include "hub/client/client.h"

/* A socket of a client: what the part keeps of a connection. */
struct hub_client_socket {
    struct hub_list link;
    struct hub_client_entry *client; /* NULL: another session is that client now */
    struct hub_conn *conn;
};

/* Which nonces have counted, in this process. Those that no proof can have any more are forgotten. */
struct hub_nonces {
    struct hub_map by_text;
    struct hub_list all; /* the oldest first */
};
#define HUB_NONCES_MAX 100000
#define HUB_CLIENTS_AWAY_MAX 10000
#define HUB_CLIENTS_AWAY_USER 1000 /* of one user, so that nobody takes the place of all others */

/* The service's hooks about clients: of one client one after the other, and only so many at a time. */
struct hub_client_news {
    struct hub_map lines;  /* the client's id → those that wait or run */
    struct hub_list ready; /* lines whose first one may run */
    size_t waiting_n, running_n;
    struct hub_timer turn;
};
#define HUB_CLIENT_NEWS_MAX 10000 /* hooks that wait: further clients are overloaded */

struct hub_clients {
    struct hub_engine *engine;
    struct hub_client_news news;
    struct hub_walked connected;
    struct hub_map by_id;      /* also those that are away */
    struct hub_map by_session; /* Engine.IO's id → hub_client_entry */
    struct hub_list away;      /* hub_client_entry.in_away */
    size_t away_n;
    struct hub_map away_of; /* userId → how many of them are his, in the place of pointers */
    struct hub_nonces nonces;
    int64_t invocations; /* that wait */
    bool stopped;
};
struct hub_clients *hub_clients_of(struct hub_engine *e);
static inline const struct hub_def_clients *hub_clients_def(const struct hub_clients *all) {
    return &all->engine->config.service->clients;
}

/* ---- who comes (admission.c) ---- */

/* Finds out its id, and whether it may have it; also once more, when that may have changed meanwhile. */
enum hub_code hub_client_arriving(struct hub_conn *c, struct hub_err *err);

/* ---- proofs (proof.c) ---- */

/* Whether AUTH proves that C's client_id is its own; then what it says of the connection are its metadata. */
enum hub_code hub_client_prove(struct hub_clients *all, struct hub_conn *c, const json_t *auth, struct hub_err *err);
void hub_nonces_free(struct hub_nonces *n);

/* ---- what is asked of clients (invoke.c) ---- */

/* As hub_client_ops.invoke. */
void hub_client_ask(struct hub_clients *all, struct hub_conn *c, const struct hub_client_question *q,
                    hub_client_done *done, void *arg);

/* ---- hooks about clients (news.c) ---- */

void hub_client_news_init(struct hub_client_news *n);
/* SCRIPT with CLIENT, which is given away, when its turn comes; never before this returns. */
void hub_client_tell(struct hub_clients *all, const struct hub_script *script, struct hub_str id, json_t *client);
bool hub_client_news_full(const struct hub_clients *all);
void hub_client_news_stop(struct hub_clients *all); /* those that wait are dropped */

/* ---- ids and who has them (registry.c) ---- */

/* Whether C may be the client whose id it has; CLIENT_CONFLICT. */
enum hub_code hub_client_judge(const struct hub_clients *all, const struct hub_conn *c, struct hub_err *err);
/* From now on it is a socket of that client; those of another session that was it are of none. */
void hub_client_take(struct hub_clients *all, struct hub_conn *c);
/* It is open: those are ended. C may be closed then. */
void hub_client_opened(struct hub_conn *c);
/* Ends the session whose SOCKETS (hub_client_socket.link) these are. */
void hub_client_end(const struct hub_list *sockets);
void hub_client_left(struct hub_conn *c);            /* it is closed */
void hub_client_sweep(struct hub_clients *all);      /* nobody is waited for any more */
void hub_client_forget_all(struct hub_clients *all); /* connections stay; nobody is told */
#endif
