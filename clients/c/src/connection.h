/* A connection over all its lines: it comes back by itself, asks, renews its token, and says how it is. */
#ifndef HUBC_CONNECTION_H
#define HUBC_CONNECTION_H
#include "hubd-client.h"
#include "session.h"

/* Why something was not done. */
struct hubc_failure {
    struct hubd_error error;
    bool unknown; /* it may have been done */
};

/* Whether the same may be granted a little later; whether it has to be asked again to know what became of
 * it. */
bool hubc_is_temporary(const struct hubc_failure *f);
bool hubc_is_lost(const struct hubc_failure *f);
/* A failure of the client's own; MESSAGE NULL: what the code says. */
struct hubc_failure hubc_failure_of(const char *code, const char *message);

/* Called once, where the answer stands among the events; FAILURE NULL: it went well. */
typedef void hubc_done_fn(void *arg, const struct hubc_failure *failure, const json_t *answer);

/* Whom a connection tells. Any of them may close it. */
struct hubc_connection_owner {
    void (*up)(void *owner);   /* requests can be made */
    void (*down)(void *owner); /* they cannot any more; each that was open fails behind this */
    /* Refused, for good or not: who waits for a connection need not. */
    void (*refused)(void *owner, const struct hubc_failure *why);
    void (*became)(void *owner, enum hubd_state state);
    void (*trouble)(void *owner, const char *why); /* another attempt follows */
    void (*told)(void *owner, const struct hubc_incoming *event);
    void (*want_token)(void *owner); /* hubc_connection_token(), now or later */
};

struct hubc_request;

struct hubc_connection {
    const struct hubc_connection_owner *owner_fns;
    void *owner;
    struct hubc_timers timers;
    struct hubc_session session;
    char *client_id;
    int timeout_ms, first_ms, most_ms;
    enum hubd_state state;
    bool live;
    unsigned attempts, refusals, heard;
    int64_t wait_ms;           /* at least, before the next attempt: what hub:draining has said */
    struct hubc_timer retry;   /* of an attempt that is due */
    struct hubc_timer attempt; /* of one that must not take for ever */
    struct hubc_timer renewal; /* of the token */
    char *token;
    bool asks_for_tokens, token_wanted, opens_with_it;
    struct hubc_request *first, *last; /* open ones, in their order */
    size_t open_count;
    int64_t next_id;
};

/* TRANSPORT is taken over. NSP is the namespace. The fields asks_for_tokens, token, client_id and
 * timeout_ms are set by the caller before hubc_connection_start(). */
void hubc_connection_init(struct hubc_connection *c, struct hubc_transport *transport, const char *nsp,
                          const struct hubc_connection_owner *fns, void *owner);
void hubc_connection_start(struct hubc_connection *c);
void hubc_connection_close(struct hubc_connection *c);
/* Answers all that is still open with closed. */
void hubc_connection_end_requests(struct hubc_connection *c);
/* Closed, and nothing open. */
void hubc_connection_free(struct hubc_connection *c);

/* Whether there will be no connection unless somebody does something. */
bool hubc_connection_ended(const struct hubc_connection *c);

/* Asks for EVENT with PAYLOAD (taken over). DONE is called exactly once, never from inside; NULL: no
 * answer is asked for. BINARY as in hubc_session_emit(). */
void hubc_connection_ask(struct hubc_connection *c, const char *event, json_t *payload, hubc_done_fn *done, void *arg);
void hubc_connection_emit(struct hubc_connection *c, const char *event, json_t *payload, const void *binary, size_t len,
                          hubc_done_fn *done, void *arg);
/* Calls DONE with CODE in the next turn. */
void hubc_connection_fail_soon(struct hubc_connection *c, const char *code, hubc_done_fn *done, void *arg);

/* As hubd_client_token(). */
void hubc_connection_token(struct hubc_connection *c, const char *token);

/* When a token should be renewed, in ms from NOW_S (seconds since 1970): before the end that a JSON Web
 * Token names, by 10 s, or a tenth of its life where that is more. -1: it names none. */
int64_t hubc_renewal_in(const char *token, double now_s);
#endif
