/* Who is asking: from a token to a session that hubs, plain namespaces and REST trust. Tokens are verified
 * (auth.jwt), taken at their word (auth.dev) or done without (auth.anonymous); then comes the stored
 * session (auth.session) and last the authenticate hook. Where a cookie names the stored session
 * (auth.session.cookie), it says by itself who asks, unless there is a token. Loop thread only.
 *
 * The authenticate hook sees "session" and "claims". false, 0, "" and {deny: "reason"} refuse; an object's
 * members are laid over the session; anything else (nil and null too) accepts. A hook that fails refuses,
 * and so does one that gives nearly deny ("denied"). */
#ifndef HUB_IDENTITY_IDENTITY_H
#define HUB_IDENTITY_IDENTITY_H
#include "auth/jwks.h"
#include "auth/jwt.h"
#include "auth/session_cookie.h"
#include "hook/hook.h"
#include "loop/loop.h"
#include "persist/cache.h"
#include "schema/def.h"
#include "session/session.h"

enum hub_auth_method { HUB_BY_TOKEN, HUB_BY_WORD, HUB_BY_NOTHING, HUB_BY_COOKIE, HUB_BY_VOUCHED };

/* Never changed once made, but that it ends. Its session is text while nobody asks for it: a tree of five
 * members takes a kilobyte, and ten thousand connections may do nothing. */
struct hub_identity {
    uint32_t refs;
    bool ended;              /* its stored session is gone */
    uint8_t method;          /* enum hub_auth_method */
    const char *user_id;     /* session.userId: what hub_str_is_id takes */
    const char *role_id;     /* session.roleId, of a list the first; "" when there is none */
    int64_t expires_at;      /* seconds since the epoch; 0 = never */
    uint64_t signed_by;      /* of a token: hub_jwt_used */
    char *session_key;       /* where its stored session lies; NULL = it has none */
    struct hub_cache *cache; /* and in what */
    json_t *tree;            /* hub_identity_session; NULL: nobody has asked lately */
    struct hub_trees *trees; /* those that are kept; NULL: TREE stays once it is made (trees.c) */
    struct hub_list in_trees;
    uint32_t rules;  /* of the session and the authenticate hook, as they were */
    uint32_t json_n; /* bytes of the session in TEXT */
    char text[];     /* the session as JSON, then user id and role id */
};
/* Its session, an object; always has "userId" (string) and "roleId" (string, list of strings, or null); never
 * the token itself. Borrowed until the end of the turn: take a reference to keep it, and change nothing. */
HUB_MUST json_t *hub_identity_session(const struct hub_identity *who);
static inline struct hub_identity *hub_identity_ref(struct hub_identity *who) { return who->refs++, who; }
void hub_identity_unref(struct hub_identity *who); /* NULL is fine */
/* Somebody who was not asked who he is: without id and with an empty session. A new reference. */
struct hub_identity *hub_identity_stranger(void);
/* Whether they came with the same session, whatever their tokens. */
static inline bool hub_identity_same_session(const struct hub_identity *a, const struct hub_identity *b) {
    return a == b || hub_json_equal(hub_identity_session(a), hub_identity_session(b));
}
static inline bool hub_identity_is_stranger(const struct hub_identity *who) { return !who->user_id[0]; }

/* How the service authenticates. Everything pointed to must outlive the ctx, or be replaced in it first. */
struct hub_identity_config {
    struct hub_loop *loop;
    const struct hub_service *service;
    const struct hub_jwt_keys *keys;          /* NULL without auth.jwt */
    struct hub_jwks *jwks;                    /* what fills them; NULL without auth.jwt.jwksUrl */
    const struct hub_cookie_secrets *secrets; /* NULL without auth.session.cookie */
    struct hub_cache *cache;                  /* for auth.session; may be NULL without */
    const struct hub_hook_ops *hooks;
    struct hub_scripts *scripts; /* NULL: an authenticate hook, if there is one, refuses everybody */
    /* Who vouches for a token without any check of it: its claims, a new reference, or NULL, and then it is
     * judged as any other. NULL: nobody. */
    json_t *(*vouch)(void *arg, struct hub_str token);
    void *vouch_arg;
};
struct hub_identity_ctx;
HUB_MUST struct hub_identity_ctx *hub_identity_ctx_new(const struct hub_identity_config *config);
/* Replaces the configuration (scripts made, definitions reloaded). Resolutions under way end by the new
 * one. */
void hub_identity_ctx_configure(struct hub_identity_ctx *ctx, const struct hub_identity_config *config);
/* Whether WHO would still be admitted, after the configuration was replaced: by that method, with that
 * key, issuer and audience. */
bool hub_identity_stands(const struct hub_identity_ctx *ctx, const struct hub_identity *who);
/* For what has waited: HUB_OK, HUB_INVALID_TOKEN when WHO does not stand or its session is gone, or
 * HUB_TOKEN_EXPIRED. */
enum hub_code hub_identity_fault(const struct hub_identity_ctx *ctx, const struct hub_identity *who);
/* Ends a socket whose identity does not stand (WHO NULL: that has none where one is needed now):
 * hub:error, then DISCONNECT. */
void hub_identity_end_socket(struct hub_socket *s, const struct hub_identity *who);
/* False, with the reason appended to WHY, while tokens cannot be verified. */
bool hub_identity_ready(const struct hub_identity_ctx *ctx, struct hub_buf *why);
/* Resolutions under way must be over (cache closed, key set and scripts deleted). */
void hub_identity_ctx_delete(struct hub_identity_ctx *ctx);

/* Who brings one, and where a token may be, in order of precedence. Empty views are skipped. */
struct hub_credentials {
    struct hub_str address;       /* whose they are counted as (hub_handshake.peer) */
    const json_t *auth;           /* CONNECT's auth object: member "token"; NULL for REST */
    struct hub_str authorization; /* header: "Bearer …" */
    struct hub_str query;         /* raw query string: access_token */
    struct hub_str cookie;        /* header: access_token; and, last of all, auth.session.cookie */
};
/* Appends the first token there is to OUT. HUB_AUTH_REQUIRED: there is none; HUB_INVALID_TOKEN: it is over
 * 8 KiB or no text. */
enum hub_code hub_token_find(const struct hub_credentials *from, struct hub_buf *out);

/* CODE is HUB_OK with WHO (borrowed; take a reference to keep it), or HUB_AUTH_REQUIRED,
 * HUB_INVALID_TOKEN, HUB_TOKEN_EXPIRED, HUB_STORE_UNAVAILABLE when the stored session cannot be looked up
 * or there are no keys yet, HUB_SHUTTING_DOWN when there are no scripts any more, HUB_OVERLOADED when too
 * many of the same address (of a refresh: the same user), or altogether, are under way. REASON: what the
 * authenticate hook said for the client, or NULL. */
typedef void hub_identity_done(void *arg, enum hub_code code, struct hub_identity *who, const char *reason);
/* Works out who bears TOKEN (empty: nobody gave one; copied). DONE comes exactly once, possibly before
 * this returns. */
void hub_identity_resolve(struct hub_identity_ctx *ctx, struct hub_str token, hub_identity_done *done, void *arg);
/* The same for CLAIMS that somebody vouches for: no signature is checked, no stored session looked up
 * (hubctl why). */
void hub_identity_of_claims(struct hub_identity_ctx *ctx, const json_t *claims, hub_identity_done *done, void *arg);
/* From now on TELL hears what exactly is wrong with each token that is refused (hubctl token --check). */
typedef void hub_identity_detail(void *arg, const char *text);
void hub_identity_explain(struct hub_identity_ctx *ctx, hub_identity_detail *tell, void *arg);
/* hub_token_find and hub_identity_resolve in one, for REST. */
void hub_identity_resolve_from(struct hub_identity_ctx *ctx, const struct hub_credentials *from,
                               hub_identity_done *done, void *arg);
/* The same for somebody who is WHO already and brings a new token: another user's is HUB_INVALID_TOKEN. */
void hub_identity_refresh(struct hub_identity_ctx *ctx, struct hub_identity *who, struct hub_str token,
                          hub_identity_done *done, void *arg);

/* WHO as an object, for another node of the service; and who that is there. New references; NULL: it is
 * none. */
HUB_MUST json_t *hub_identity_packed(const struct hub_identity *who);
HUB_MUST struct hub_identity *hub_identity_unpacked(const struct hub_identity_ctx *ctx, const json_t *packed);

/* ---- sockets ---- */

/* WHO is borrowed. Accepts the socket or refuses it, at once or later. */
typedef void hub_identity_admitted(void *arg, struct hub_identity *who);
/* For hub_namespace_ops.connect: resolves the token of AUTH or of the handshake, then calls ADMITTED, or
 * refuses S with CONNECT_ERROR (contract: wire.md). Nothing happens to a socket that closed meanwhile. Keeps
 * S alive until then; ARG may be S. */
void hub_identity_admit(struct hub_identity_ctx *ctx, struct hub_socket *s, json_t *auth,
                        hub_identity_admitted *admitted, void *arg);
/* That CONNECT_ERROR. REASON may be NULL. */
void hub_identity_refuse_socket(struct hub_socket *s, enum hub_code code, const char *reason);

/* Ends a socket when its token expires (hub:error token_expired, then DISCONNECT) or its stored session is
 * gone (hub:error invalid_token, likewise; at once or within 30 s, see hub_cache_ops.watch; a cache that
 * is away ends nothing). NULL where neither can come. Belongs to the socket's owner, who stops it when the
 * socket closes. */
struct hub_expiry;
/* Starts it at *EXPIRY, or moves it to another identity. */
void hub_expiry_set(struct hub_expiry **expiry, struct hub_loop *loop, struct hub_socket *s, struct hub_identity *who);
void hub_expiry_stop(struct hub_expiry **expiry); /* *EXPIRY is NULL then */
#endif
