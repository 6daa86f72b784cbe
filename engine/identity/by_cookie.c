/* The stored session that a cookie names: who it is and what he has, in one. */
#include "identity/identity_int.h"

#include "auth/session_cookie.h"
#include "base/time/clock.h"

/* Where guests are let in, a cookie that admits nobody makes one of its bearer. */
static void refuse_cookie(struct hub_resolution *r, enum hub_code code, const char *why) {
    if (r->ctx->config.service->anonymous) {
        hub_resolution_forget(r);
        hub_identity_by_nothing(r);
    } else {
        hub_resolution_refuse(r, code, why);
    }
}

static void authenticate_cookie(struct hub_resolution *r, int64_t expires_at) {
    r->expires_at = expires_at;
    if (expires_at && expires_at * 1000 <= hub_loop_wall(r->ctx->config.loop))
        refuse_cookie(r, HUB_INVALID_TOKEN, "its session has expired");
    else
        hub_resolution_authenticate(r);
}

/* Seconds since the epoch, rounded up; 0 = never. */
static int64_t cookie_expiry(const json_t *session) {
    int64_t ms;
    struct hub_str text = hub_json_get_str(hub_json_get(session, "cookie"), "expires");
    return text.n && hub_iso_parse(text, &ms) ? (ms + 999) / 1000 : 0;
}

/* A visit that changes nothing in the session prolongs the key and leaves the text as it is (touch of
 * connect-redis): so a key with an end of its own says how long, and watching it tells. */
static void on_ttl(void *arg, enum hub_code code, json_t *reply, const char *error) {
    struct hub_resolution *r = arg;
    (void)error;
    if (code == HUB_STORE_UNAVAILABLE)
        hub_resolution_unasked(r, code);
    else if (hub_resolution_outdated(r))
        hub_resolution_start_over(r);
    else
        authenticate_cookie(r,
                            json_is_integer(reply) && json_integer_value(reply) != -1 ? 0 : cookie_expiry(r->session));
}

static void ask_for_ttl(struct hub_resolution *r) {
    struct hub_cache *cache = r->ctx->config.cache;
    json_t *command = json_pack("[ss]", "TTL", r->session_key);
    cache->ops->call(cache, command, on_ttl, r); /* R may be gone */
    json_decref(command);
}

static void on_cookie_session(void *arg, enum hub_code code, const struct hub_str *values) {
    struct hub_resolution *r = arg;
    const struct hub_service *service = r->ctx->config.service;
    const char *why = NULL;
    if (code != HUB_OK) {
        hub_resolution_unasked(r, code);
        return;
    }
    if (hub_resolution_outdated(r)) {
        hub_resolution_start_over(r);
        return;
    }
    r->session = hub_session_parse(values[0], &why);
    json_t *user = hub_claim_take(r->session, service->session_user_id ? service->session_user_id : "userId");
    if (!r->session || hub_json_nil(user)) {
        refuse_cookie(r, r->session ? HUB_AUTH_REQUIRED : HUB_INVALID_TOKEN,
                      r->session ? "its session has no user at auth.session.userId" : why);
        return;
    }
    json_object_set(r->session, "userId", user);
    r->claims = json_object();
    if (cookie_expiry(r->session))
        ask_for_ttl(r);
    else
        authenticate_cookie(r, 0);
}

struct hub_str hub_resolution_cookie(const struct hub_resolution *r) {
    const char *name = r->ctx->config.service->session_cookie;
    return name && r->cookies ? hub_cookie_find(hub_cstr(r->cookies), hub_cstr(name)) : hub_str(NULL, 0);
}

/* The key of the session that the cookie names; false when it names none. */
static bool cookie_key(const struct hub_resolution *r, struct hub_buf *key) {
    const struct hub_identity_config *c = &r->ctx->config;
    struct hub_buf id = {0};
    json_t *names = json_object();
    bool good = c->secrets && hub_cookie_unsign(c->secrets, hub_resolution_cookie(r), &id);
    if (good) hub_json_set_str(names, "id", hub_buf_str(&id));
    good = good && hub_session_key(key, hub_cstr(c->service->session_redis_key), names);
    json_decref(names);
    hub_buf_free(&id);
    return good;
}

void hub_identity_by_cookie(struct hub_resolution *r) {
    struct hub_cache *cache = r->ctx->config.cache;
    struct hub_buf key = {0};
    r->method = HUB_BY_COOKIE;
    if (!cache || !cookie_key(r, &key)) {
        hub_buf_free(&key);
        refuse_cookie(r, HUB_INVALID_TOKEN, "its cookie is not signed with a secret of auth.session.secretEnv");
        return;
    }
    r->session_key = hub_buf_take(&key, NULL);
    const struct hub_str asked = hub_cstr(r->session_key);
    cache->ops->get(cache, &asked, 1, on_cookie_session, r); /* R may be gone */
}
