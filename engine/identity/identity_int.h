/* How identities are made, and which of them have a tree of their session. Private to engine/identity.
 *
 * identity.c: from a token to an identity. by_cookie.c: the same by a stored session that a cookie names.
 * trees.c: trees of sessions. token_expiry.c: the end of what admitted a socket. */
#ifndef HUB_IDENTITY_IDENTITY_INT_H
#define HUB_IDENTITY_IDENTITY_INT_H
#include "base/collection/map.h"
#include "identity/identity.h"

/* The trees of a ctx: those that were asked for last. Lives as long as an identity refers to it. */
struct hub_trees;
#define HUB_TREES_MAX 512 /* beyond the present turn */
HUB_MUST struct hub_trees *hub_trees_new(struct hub_loop *loop);
void hub_trees_unref(struct hub_trees *t);       /* NULL is fine */
void hub_trees_forget(struct hub_identity *who); /* its tree goes */

/* With SESSION, which has what hub_identity_session says, as its session; TREES may be NULL. */
HUB_MUST struct hub_identity *hub_identity_new(json_t *session, struct hub_trees *trees);

/* ---- one token on its way (identity.c) ---- */

struct hub_identity_ctx {
    struct hub_identity_config config;
    hub_identity_detail *detail; /* hubctl token --check: told why; NULL in a server */
    void *detail_arg;
    uint32_t rules; /* changes of what every identity rests on */
    struct hub_trees *trees;
    uint32_t generation;      /* of definitions */
    size_t asking_n;          /* resolutions under way */
    struct hub_map asking_of; /* address or user → how many of them are his, in the place of pointers */
};

/* One token on its way. Freed by finish_resolution(). */
struct hub_resolution {
    struct hub_identity_ctx *ctx;
    uint32_t generation;  /* by whose rules it began */
    struct hub_str asker; /* owned: whose it is counted as, empty: nobody's */
    enum hub_auth_method method;
    uint64_t signed_by;
    char *token;                 /* NUL-terminated */
    char *cookies;               /* the Cookie header, where cookies name sessions; NULL: none */
    char *instead;               /* of a token, what was given, for the log; NULL: nothing */
    char *same_user;             /* NULL, or who it must turn out to be */
    struct hub_jwks_waiter keys; /* while the key set is fetched */
    bool keys_fetched;           /* no second time */
    json_t *claims;
    json_t *session;
    int64_t expires_at;
    char *session_key;
    hub_identity_done *done;
    void *arg;
};

/* Each of these ends R, or leads to its next step; it may be gone when they return. */
void hub_resolution_refuse(struct hub_resolution *r, enum hub_code code, const char *why); /* WHY is for the log */
void hub_resolution_unasked(struct hub_resolution *r, enum hub_code code); /* its session could not be read */
void hub_resolution_authenticate(struct hub_resolution *r);                /* the hook, if there is one */
void hub_resolution_start_over(struct hub_resolution *r);                  /* by the definitions in force */
void hub_identity_by_nothing(struct hub_resolution *r);                    /* as a guest */
void hub_identity_by_cookie(struct hub_resolution *r);                     /* by_cookie.c */

void hub_resolution_forget(struct hub_resolution *r);         /* what was found out about its session */
bool hub_resolution_outdated(const struct hub_resolution *r); /* by definitions that are not in force any more */
struct hub_str hub_resolution_cookie(const struct hub_resolution *r); /* that of auth.session.cookie; p NULL: none */
/* What a cache has kept; not an object: NULL, and *WHY says so. New reference. */
HUB_MUST json_t *hub_session_parse(struct hub_str value, const char **why);
/* A claim by its name, or by a path with dots ("realm_access.roles"); NULL: there is none. Borrowed. */
HUB_MUST json_t *hub_claim_take(json_t *claims, const char *name);
/* TEMPLATE with each ${claim} replaced; false: one is missing. */
bool hub_session_key(struct hub_buf *out, struct hub_str template, const json_t *claims);
#endif
