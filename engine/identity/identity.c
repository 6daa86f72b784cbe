/* From a token to a session, step by step: method, stored session, authenticate hook. And what a socket
 * does with the result. */
#include "identity/identity_int.h"

#include <stdlib.h>

#include "base/id/uuid.h"
#include "base/match/cidr.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "base/time/clock.h"

#define MAX_TOKEN 8192
#define PENDING_KINDS 2 /* requests, and sessions: as many of each as may be pending may be resolved at a time */
#define MAX_SCHEME 16   /* bytes of an Authorization header's scheme that are shown */
#define MAX_KEY 1024

static struct hub_metric refusals = HUB_METRIC(HUB_COUNTER, "hubd_auth_refusals_total", NULL,
                                               "Authentications refused because the token was missing or invalid");
#define TOO_MANY(LIMIT)                                                          \
    HUB_METRIC(HUB_COUNTER, "hubd_auth_overloaded_total", "limit=\"" LIMIT "\"", \
               "Authentications refused because too many were under way")
static struct hub_metric too_many_of_one = TOO_MANY("asker"), too_many = TOO_MANY("total");

void hub_identity_unref(struct hub_identity *who) {
    if (!who || --who->refs) return;
    hub_trees_forget(who);
    hub_trees_unref(who->trees);
    free(who->session_key);
    free(who);
}

struct hub_identity *hub_identity_stranger(void) {
    json_t *session = json_object();
    struct hub_identity *who = hub_identity_new(session, NULL);
    who->method = HUB_BY_NOTHING;
    json_decref(session);
    return who;
}

struct hub_identity_ctx *hub_identity_ctx_new(const struct hub_identity_config *config) {
    struct hub_identity_ctx *ctx = hub_xcalloc(1, sizeof *ctx);
    ctx->config = *config;
    ctx->trees = hub_trees_new(config->loop);
    return ctx;
}

static bool same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

/* It may call what is in lib/. */
static bool calls_library(const struct hub_script *s) {
    return s->text.n && (memmem(s->text.p, s->text.n, "lib", 3) || memmem(s->text.p, s->text.n, "require", 7));
}

static bool same_hook(const struct hub_service *a, const struct hub_service *b) {
    const struct hub_script *x = &a->authenticate, *y = &b->authenticate;
    if (x->kind != y->kind || !hub_str_eq(x->text, y->text)) return false;
    return a->lib_fingerprint == b->lib_fingerprint || !calls_library(x);
}

static bool same_rules(const struct hub_service *a, const struct hub_service *b) {
    return same_hook(a, b) && same_text(a->session_redis_key, b->session_redis_key) &&
           same_text(a->session_cookie, b->session_cookie) && same_text(a->session_secret_env, b->session_secret_env) &&
           same_text(a->session_user_id, b->session_user_id) && same_text(a->jwt.claim_user_id, b->jwt.claim_user_id) &&
           same_text(a->jwt.claim_role_id, b->jwt.claim_role_id);
}

void hub_identity_ctx_configure(struct hub_identity_ctx *ctx, const struct hub_identity_config *config) {
    bool reloaded = ctx->config.service != config->service;
    if (reloaded && !same_rules(ctx->config.service, config->service)) ctx->rules++;
    ctx->generation += reloaded;
    ctx->config = *config;
}

bool hub_identity_stands(const struct hub_identity_ctx *ctx, const struct hub_identity *who) {
    const struct hub_identity_config *c = &ctx->config;
    if (who->rules != ctx->rules) return false;
    if (who->method == HUB_BY_WORD) return c->service->dev;
    if (who->method == HUB_BY_VOUCHED) return c->vouch != NULL;
    if (who->method == HUB_BY_NOTHING) return c->service->anonymous;
    if (who->method == HUB_BY_COOKIE) return c->service->session_cookie != NULL;
    return c->service->jwt.on && hub_jwt_still_good(c->keys, who->signed_by, hub_identity_session(who));
}

enum hub_code hub_identity_fault(const struct hub_identity_ctx *ctx, const struct hub_identity *who) {
    if (who->ended || !hub_identity_stands(ctx, who)) return HUB_INVALID_TOKEN;
    if (!who->expires_at || hub_loop_wall(ctx->config.loop) < who->expires_at * 1000) return HUB_OK;
    return who->method == HUB_BY_COOKIE ? HUB_INVALID_TOKEN : HUB_TOKEN_EXPIRED;
}

void hub_identity_ctx_delete(struct hub_identity_ctx *ctx) {
    hub_map_clear(&ctx->asking_of);
    hub_trees_unref(ctx->trees);
    free(ctx);
}

void hub_identity_explain(struct hub_identity_ctx *ctx, hub_identity_detail *tell, void *arg) {
    ctx->detail = tell;
    ctx->detail_arg = arg;
}

bool hub_identity_ready(const struct hub_identity_ctx *ctx, struct hub_buf *why) {
    return !ctx->config.jwks || hub_jwks_ready(ctx->config.jwks, why);
}

/* ---- finding the token ---- */

/* Value of access_token in "a=b;access_token=…" or "a=b&access_token=…"; empty when absent. */
static struct hub_str listed_token(struct hub_str list, char separator) {
    const struct hub_str key = HUB_STR("access_token=");
    struct hub_str piece;
    while (list.p && hub_str_split(&list, separator, &piece)) {
        piece = hub_str_trim(piece);
        if (hub_str_starts(piece, key)) return hub_str(piece.p + key.n, piece.n - key.n);
    }
    return hub_str(NULL, 0);
}

static struct hub_str bearer_token(struct hub_str header) {
    header = hub_str_trim(header);
    if (header.n < 7 || !hub_str_eq_nocase(hub_str(header.p, 7), HUB_STR("Bearer "))) return hub_str(NULL, 0);
    return hub_str_trim(hub_str(header.p + 7, header.n - 7));
}

static enum hub_code take_token(struct hub_buf *out, struct hub_str token, bool escaped) {
    if (token.n > MAX_TOKEN) return HUB_INVALID_TOKEN;
    if (!escaped) return hub_buf_adds(out, token), HUB_OK;
    return hub_buf_add_unescaped(out, token) ? HUB_OK : HUB_INVALID_TOKEN;
}

enum hub_code hub_token_find(const struct hub_credentials *from, struct hub_buf *out) {
    const json_t *given = hub_json_get(from->auth, "token");
    struct hub_str token = hub_json_str(given);
    if (!hub_json_nil(given) && !json_is_string(given)) return HUB_INVALID_TOKEN;
    if (token.n) return take_token(out, token, false);
    if ((token = bearer_token(from->authorization)).n) return take_token(out, token, false);
    if ((token = listed_token(from->query, '&')).n) return take_token(out, token, true);
    if ((token = listed_token(from->cookie, ';')).n) return take_token(out, token, true);
    return HUB_AUTH_REQUIRED;
}

/* The scheme of an Authorization header, when it is a word that cannot be a token itself. */
static struct hub_str scheme_of(struct hub_str header) {
    size_t n = hub_str_find(header, ' ');
    for (size_t i = 0; i < n && i < header.n; i++)
        if (!((header.p[i] | 32) >= 'a' && (header.p[i] | 32) <= 'z') && header.p[i] != '-') n = header.n;
    return n < header.n && n <= MAX_SCHEME ? hub_str(header.p, n) : hub_str(NULL, 0);
}

/* What was given that is no token, so that whoever set it up need not guess. Nothing secret stands in it. */
static HUB_MUST char *given_instead(const struct hub_credentials *from) {
    struct hub_buf b = {0};
    struct hub_str header = hub_str_trim(from->authorization), scheme = scheme_of(header);
    if (hub_str_eq_nocase(header, HUB_STR("Bearer")))
        hub_buf_addz(&b, "the header Authorization has the scheme Bearer and no token");
    else if (scheme.n)
        hub_buf_addf(&b, "the header Authorization has the scheme %.*s; expected is Bearer TOKEN", HUB_FMT(scheme));
    else if (header.n)
        hub_buf_addz(&b, "the header Authorization has no scheme; expected is Bearer TOKEN");
    else if (json_object_size(from->auth))
        hub_buf_addz(&b, "auth of CONNECT has no member \"token\"");
    return b.n ? hub_buf_take(&b, NULL) : NULL;
}

/* ---- how many at a time ---- */

/* Whoever hangs up does not end what a hook or the cache is asked for him, so that these are counted by
 * themselves, with the bounds of those who are pending: who waits for his answer hardly ever passes them. */
static bool take_place(struct hub_resolution *r) {
    struct hub_identity_ctx *ctx = r->ctx;
    const struct hub_service *s = ctx->config.service;
    bool total = ++ctx->asking_n > PENDING_KINDS * (size_t)s->max_pending;
    bool one =
        r->asker.n && hub_map_count(&ctx->asking_of, r->asker, 1) > PENDING_KINDS * (size_t)s->max_pending_per_address;
    if (!total && !one) return true;
    hub_metric_add(one ? &too_many_of_one : &too_many, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", "refused: too many are being authenticated", "limit",
               one ? "maxPendingPerAddress" : "maxPending", NULL);
    return false;
}

static void give_place(struct hub_resolution *r) {
    r->ctx->asking_n--;
    if (r->asker.n) hub_map_count(&r->ctx->asking_of, r->asker, -1);
    free((char *)(uintptr_t)r->asker.p);
}

static HUB_MUST struct hub_str asker_at(struct hub_str address) {
    struct hub_ip ip;
    if (!hub_ip_parse_network(address, &ip)) return hub_str(NULL, 0);
    return hub_str(hub_str_dup(hub_ip_key(&ip)), sizeof ip.bytes);
}

/* No network: an id has no zero bytes. */
static HUB_MUST struct hub_str asker_who_is(const struct hub_identity *who) {
    return hub_str(hub_xstrdup(who->user_id), strlen(who->user_id));
}

/* ---- the end of a resolution ---- */

static void finish_resolution(struct hub_resolution *r, enum hub_code code, struct hub_identity *who,
                              const char *reason) {
    if (code != HUB_OK) hub_metric_add(&refusals, 1);
    give_place(r);
    r->done(r->arg, code, who, reason);
    hub_identity_unref(who);
    json_decref(r->claims);
    json_decref(r->session);
    free(r->session_key);
    free(r->same_user);
    free(r->cookies);
    free(r->token);
    free(r->instead);
    free(r);
}

/* One line for operators, since clients are told the code only: what exactly is wrong with a token is
 * nobody's business outside. Never the token. Those without one are another kind of line, so that they do
 * not hide the others. */
static void log_refusal(const struct hub_identity_ctx *ctx, const struct hub_resolution *r, enum hub_code code,
                        const char *why, const char *said) {
    const char *message = r && r->session_key         ? "stored session refused"
                          : code == HUB_AUTH_REQUIRED ? "token missing"
                          : code == HUB_TOKEN_EXPIRED ? "token expired"
                                                      : "token refused";
    json_t *user = r ? hub_json_get(r->session ? r->session : r->claims, "userId") : NULL;
    hub_log_kv(HUB_LOG_INFO, "auth", message, "code", hub_code_name(code), "reason", why, "user",
               json_string_value(user), "said", said, NULL);
    if (ctx->detail) ctx->detail(ctx->detail_arg, why);
}

void hub_resolution_refuse(struct hub_resolution *r, enum hub_code code, const char *why) {
    log_refusal(r->ctx, r, code, why, NULL);
    finish_resolution(r, code, NULL, NULL);
}

/* ---- the session object ---- */

/* Ids may be numbers in tokens and databases; here they are text. */
static void make_text(json_t *object, const char *key) {
    const json_t *v = hub_json_get(object, key);
    if (!json_is_integer(v)) return;
    struct hub_buf b = {0};
    hub_buf_addi(&b, json_integer_value(v));
    hub_json_set_str(object, key, hub_buf_str(&b));
    hub_buf_free(&b);
}

/* Whatever sessions hold, scripts must not find the token in them. */
static void remove_token(json_t *session, const char *token) {
    void *next;
    if (!*token) return;
    for (void *it = json_object_iter(session); it; it = next) {
        next = json_object_iter_next(session, it);
        const json_t *v = json_object_iter_value(it);
        if (json_is_string(v) && !strcmp(json_string_value(v), token))
            json_object_del(session, json_object_iter_key(it));
    }
}

static void by_method(struct hub_resolution *r);

void hub_resolution_forget(struct hub_resolution *r) {
    json_decref(r->claims);
    json_decref(r->session);
    free(r->session_key);
    r->claims = r->session = NULL;
    r->session_key = NULL;
    r->expires_at = 0;
}

/* The definitions were replaced meanwhile: another method, hook or key decides. */
void hub_resolution_start_over(struct hub_resolution *r) {
    hub_resolution_forget(r);
    r->generation = r->ctx->generation;
    by_method(r);
}

bool hub_resolution_outdated(const struct hub_resolution *r) { return r->generation != r->ctx->generation; }

static void complete_resolution(struct hub_resolution *r) {
    if (hub_resolution_outdated(r)) {
        hub_resolution_start_over(r);
        return;
    }
    make_text(r->session, "userId");
    make_text(r->session, "roleId");
    remove_token(r->session, r->token);
    struct hub_str id = hub_json_get_str(r->session, "userId");
    if (!hub_str_is_id(id)) {
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, id.n ? "its user id is not " HUB_ID_EXPECTED : "it names no user");
        return;
    }
    if (hub_json_has_nul(r->session)) { /* names and pictures are stored with messages */
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, "one of its texts has a U+0000, which cannot be stored");
        return;
    }
    if (r->same_user && !hub_str_is(id, r->same_user)) {
        log_refusal(r->ctx, r, HUB_INVALID_TOKEN, "the new token names another user", NULL);
        finish_resolution(r, HUB_INVALID_TOKEN, NULL, "the token names another user");
        return;
    }
    const json_t *role = hub_json_get(r->session, "roleId");
    if (!json_is_string(role) && !json_is_array(role)) json_object_set_new(r->session, "roleId", json_null());
    struct hub_identity *who = hub_identity_new(r->session, r->ctx->trees);
    who->expires_at = r->expires_at;
    who->method = (uint8_t)r->method;
    who->signed_by = r->signed_by;
    who->rules = r->ctx->rules;
    who->session_key = r->session_key;
    who->cache = r->ctx->config.cache;
    r->session_key = NULL;
    finish_resolution(r, HUB_OK, who, NULL);
}

/* ---- last step: the authenticate hook ---- */

/* {denied: "banned"} would let in, with one more member of the session. */
static const char *other_deny(const json_t *result) {
    static const char *const names[] = {"deny", "denied", "denies", "denyReason"};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)result, key, v) {
        for (size_t i = 0; i < HUB_NELEM(names); i++)
            if (hub_str_eq_nocase(hub_cstr(key), hub_cstr(names[i]))) return key;
    }
    return NULL;
}

static void on_authenticated(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_resolution *r = arg;
    if (hub_resolution_outdated(r)) { /* it may have failed because it was ended with the old definitions */
        hub_resolution_start_over(r);
        return;
    }
    if (code != HUB_OK) {
        hub_log_kv(HUB_LOG_ERROR, "auth", "the authenticate hook failed", "error", error, NULL);
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, "the authenticate hook failed");
        return;
    }
    const json_t *deny = hub_json_get(result, "deny");
    const char *other = deny ? NULL : other_deny(result);
    if (other) {
        hub_log_kv(HUB_LOG_ERROR, "auth", "the authenticate hook gave a key that is nearly deny", "key", other, NULL);
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, "the authenticate hook failed");
        return;
    }
    if ((!hub_json_nil(result) && !hub_truthy(result)) || (deny && hub_truthy(deny))) {
        log_refusal(r->ctx, r, HUB_INVALID_TOKEN, "the authenticate hook refuses it", hub_json_str(deny).p);
        finish_resolution(r, HUB_INVALID_TOKEN, NULL, hub_json_str(deny).p);
        return;
    }
    if (json_is_object(result)) json_object_update(r->session, result);
    complete_resolution(r);
}

void hub_resolution_authenticate(struct hub_resolution *r) {
    const struct hub_identity_config *c = &r->ctx->config;
    if (c->service->authenticate.kind == HUB_SCRIPT_NONE) {
        complete_resolution(r);
        return;
    }
    if (!c->scripts) {
        finish_resolution(r, HUB_SHUTTING_DOWN, NULL, NULL);
        return;
    }
    const struct hub_hook_arg args[] = {{"session", r->session}, {"claims", r->claims}};
    c->hooks->call(c->scripts, &c->service->authenticate, NULL, args, HUB_NELEM(args), on_authenticated, r);
}

/* ---- second step: the stored session ---- */

void hub_resolution_unasked(struct hub_resolution *r, enum hub_code code) {
    hub_log_kv(HUB_LOG_WARN, "auth", "the cache cannot be asked for a session", "code", hub_code_name(code), NULL);
    finish_resolution(r, HUB_STORE_UNAVAILABLE, NULL, NULL);
}

json_t *hub_session_parse(struct hub_str value, const char **why) {
    json_t *stored = value.p ? hub_json_parse(value, NULL) : NULL;
    if (json_is_object(stored)) return stored;
    *why = !value.p ? "its session is gone" : stored ? "its session is no JSON object" : "its session is no JSON";
    json_decref(stored);
    return NULL;
}

static void on_session(void *arg, enum hub_code code, const struct hub_str *values) {
    struct hub_resolution *r = arg;
    const char *why;
    if (code != HUB_OK) {
        hub_resolution_unasked(r, code);
        return;
    }
    json_t *stored = hub_session_parse(values[0], &why);
    if (!stored) {
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, why);
        return;
    }
    json_object_update_missing(stored, r->session);
    json_decref(r->session);
    r->session = stored;
    hub_resolution_authenticate(r);
}

/* Appends the claim's value; false unless it is text or an integer. */
static bool add_claim(struct hub_buf *out, const json_t *claims, struct hub_str name) {
    char *key = hub_str_dup(name);
    const json_t *v = hub_json_get(claims, key);
    free(key);
    if (json_is_string(v))
        hub_buf_adds(out, hub_json_str(v));
    else if (json_is_integer(v))
        hub_buf_addi(out, json_integer_value(v));
    return (json_is_string(v) && json_string_length(v)) || json_is_integer(v);
}

bool hub_session_key(struct hub_buf *out, struct hub_str template, const json_t *claims) {
    while (template.n) {
        size_t at = hub_str_find(template, '$');
        hub_buf_add(out, template.p, at);
        template = hub_str(template.p + at, template.n - at);
        if (!template.n) break;
        size_t end = hub_str_find(template, '}');
        if (template.n > 1 && template.p[1] == '{' && end < template.n) {
            if (!add_claim(out, claims, hub_str(template.p + 2, end - 2))) return false;
            template = hub_str(template.p + end + 1, template.n - end - 1);
        } else {
            hub_buf_addc(out, '$');
            template = hub_str(template.p + 1, template.n - 1);
        }
    }
    return out->n && out->n <= MAX_KEY && !memchr(out->p, 0, out->n);
}

/* Only verified tokens have a session elsewhere, and none where it is a cookie that names sessions. */
static void look_up_session(struct hub_resolution *r) {
    const struct hub_identity_config *c = &r->ctx->config;
    if (!c->service->session_redis_key || c->service->session_cookie || !c->cache) {
        hub_resolution_authenticate(r);
        return;
    }
    struct hub_buf key = {0};
    if (!hub_session_key(&key, hub_cstr(c->service->session_redis_key), r->claims)) {
        hub_buf_free(&key);
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, "it lacks a claim of auth.session.redisKey");
        return;
    }
    r->session_key = hub_buf_take(&key, NULL);
    const struct hub_str asked = hub_cstr(r->session_key);
    c->cache->ops->get(c->cache, &asked, 1, on_session, r); /* R may be gone */
}

/* ---- first step: the method ---- */

json_t *hub_claim_take(json_t *claims, const char *name) {
    json_t *v = hub_json_get(claims, name);
    struct hub_str rest = hub_cstr(name), piece;
    if (v || !strchr(name, '.')) return v;
    for (v = claims; v && rest.p && hub_str_split(&rest, '.', &piece);) {
        char *key = hub_str_dup(piece);
        v = hub_json_get(v, key);
        free(key);
    }
    return v;
}

/* Seconds since the epoch; 0 = never. A token accepted within the leeway is good until the leeway's end. */
static int64_t expiry_of(const json_t *claims, int64_t now, int64_t leeway) {
    double exp = json_number_value(hub_json_get(claims, "exp"));
    if (!(exp > 0 && exp < 2.5e11)) return 0; /* beyond the year 9000 nobody waits */
    return (int64_t)exp <= now ? (int64_t)exp + leeway : (int64_t)exp;
}

static void on_keys(struct hub_jwks_waiter *w, bool closing) {
    struct hub_resolution *r = HUB_CONTAINER(w, struct hub_resolution, keys);
    if (closing)
        finish_resolution(r, HUB_SHUTTING_DOWN, NULL, NULL);
    else
        by_method(r); /* the definitions may be others by now */
}

/* The token may be signed with a key that is newer than ours. False when nothing can come of asking;
 * otherwise R goes on, and may be over. */
static bool ask_for_keys(struct hub_resolution *r) {
    const struct hub_identity_config *c = &r->ctx->config;
    if (!c->jwks || r->keys_fetched || !hub_jwt_names_unknown_key(c->keys, hub_cstr(r->token))) return false;
    r->keys_fetched = true;
    r->keys.done = on_keys;
    return hub_jwks_wait(c->jwks, &r->keys);
}

/* The session that r->claims make. */
static void take_claims(struct hub_resolution *r, int64_t now) {
    const struct hub_def_jwt *def = &r->ctx->config.service->jwt;
    json_t *user = hub_claim_take(r->claims, def->claim_user_id ? def->claim_user_id : "userId");
    json_t *role = hub_claim_take(r->claims, def->claim_role_id ? def->claim_role_id : "roleId");
    if (hub_json_nil(user)) user = hub_json_get(r->claims, "sub");
    r->session = json_copy(r->claims);
    if (user) json_object_set(r->session, "userId", user);
    if (role) json_object_set(r->session, "roleId", role);
    r->expires_at = expiry_of(r->claims, now, def->leeway_seconds);
}

static void by_jwt(struct hub_resolution *r) {
    const int64_t now = hub_loop_wall(r->ctx->config.loop) / 1000;
    struct hub_err err;
    struct hub_buf why = {0};
    bool ready = hub_identity_ready(r->ctx, &why);
    if (!ready)
        hub_log_kv(HUB_LOG_WARN, "auth", "tokens cannot be judged", "reason", why.n ? hub_buf_cstr(&why) : NULL, NULL);
    hub_buf_free(&why);
    if (!ready) {
        finish_resolution(r, HUB_STORE_UNAVAILABLE, NULL, NULL);
        return;
    }
    enum hub_code code = hub_jwt_verify(r->ctx->config.keys, hub_cstr(r->token), now, &r->claims, &err);
    if (code != HUB_OK) {
        if (code != HUB_INVALID_TOKEN || !ask_for_keys(r)) hub_resolution_refuse(r, code, err.text);
        return;
    }
    r->method = HUB_BY_TOKEN;
    r->signed_by = hub_jwt_used(r->ctx->config.keys);
    take_claims(r, now);
    look_up_session(r);
}

/* "dev:<userId>[:<roleId>]" */
static void by_word(struct hub_resolution *r) {
    struct hub_str id = hub_str(r->token + 4, strlen(r->token + 4)), role;
    size_t colon = hub_str_find(id, ':');
    role = colon < id.n ? hub_str(id.p + colon + 1, id.n - colon - 1) : hub_str(NULL, 0);
    r->method = HUB_BY_WORD;
    r->claims = json_object();
    hub_json_set_str(r->claims, "userId", hub_str(id.p, colon));
    if (role.n) hub_json_set_str(r->claims, "roleId", role);
    r->session = json_copy(r->claims);
    hub_resolution_authenticate(r);
}

void hub_identity_by_nothing(struct hub_resolution *r) {
    char id[5 + HUB_SID_LEN + 1] = "anon-";
    hub_sid(id + 5);
    r->method = HUB_BY_NOTHING;
    r->claims = json_object();
    hub_json_set_str(r->claims, "userId", hub_cstr(id));
    hub_json_set_str(r->claims, "roleId", HUB_STR("guest"));
    r->session = json_copy(r->claims);
    hub_resolution_authenticate(r);
}

/* ---- which of them ---- */

static const char *why_no_method(const struct hub_resolution *r) {
    const struct hub_service *service = r->ctx->config.service;
    if (*r->token)
        return service->dev ? "no method takes such a token; auth.dev takes dev:<userId>[:<roleId>]"
                            : "no method takes such a token";
    if (service->session_cookie)
        return "neither a token nor the cookie of auth.session.cookie came from a page of this "
               "host or of listen.corsOrigins";
    return r->instead ? r->instead : "none given";
}

static bool by_vouched(struct hub_resolution *r) {
    const struct hub_identity_config *c = &r->ctx->config;
    r->claims = c->vouch && *r->token ? c->vouch(c->vouch_arg, hub_cstr(r->token)) : NULL;
    if (!r->claims) return false;
    r->method = HUB_BY_VOUCHED;
    take_claims(r, hub_loop_wall(c->loop) / 1000);
    hub_resolution_authenticate(r);
    return true;
}

/* A token wins over a cookie wherever tokens are taken. */
static void by_method(struct hub_resolution *r) {
    const struct hub_service *service = r->ctx->config.service;
    if (by_vouched(r)) return;
    bool given = *r->token && (service->jwt.on || service->dev || !service->session_cookie);
    if (service->dev && hub_str_starts(hub_cstr(r->token), HUB_STR("dev:")))
        by_word(r);
    else if (service->jwt.on && given)
        by_jwt(r);
    else if (!given && hub_resolution_cookie(r).p)
        hub_identity_by_cookie(r);
    else if (service->anonymous && (!given || !service->dev)) /* a cookie of somebody else's may well come along */
        hub_identity_by_nothing(r);
    else
        hub_resolution_refuse(r, given ? HUB_INVALID_TOKEN : HUB_AUTH_REQUIRED, why_no_method(r));
}

/* START has what is known of it beside TOKEN, which it is given away with. */
static void begin_resolution(struct hub_identity_ctx *ctx, struct hub_str token, const struct hub_resolution *start) {
    struct hub_resolution *r = hub_xcalloc(1, sizeof *r);
    *r = *start;
    r->ctx = ctx;
    r->generation = ctx->generation;
    r->token = hub_str_dup(token);
    if (!take_place(r))
        finish_resolution(r, HUB_OVERLOADED, NULL, NULL);
    else if (token.n > MAX_TOKEN || strlen(r->token) != token.n)
        hub_resolution_refuse(r, HUB_INVALID_TOKEN, "it is too long or holds a NUL");
    else
        by_method(r);
}

void hub_identity_of_claims(struct hub_identity_ctx *ctx, const json_t *claims, hub_identity_done *done, void *arg) {
    struct hub_resolution *r = hub_xcalloc(1, sizeof *r);
    *r = (struct hub_resolution){
        .ctx = ctx, .generation = ctx->generation, .done = done, .arg = arg, .token = hub_xstrdup("")};
    ctx->asking_n++;
    r->claims = json_deep_copy(claims);
    take_claims(r, hub_loop_wall(ctx->config.loop) / 1000);
    hub_resolution_authenticate(r);
}

void hub_identity_resolve(struct hub_identity_ctx *ctx, struct hub_str token, hub_identity_done *done, void *arg) {
    begin_resolution(ctx, token, &(struct hub_resolution){.done = done, .arg = arg});
}

void hub_identity_refresh(struct hub_identity_ctx *ctx, struct hub_identity *who, struct hub_str token,
                          hub_identity_done *done, void *arg) {
    begin_resolution(ctx, token,
                     &(struct hub_resolution){
                         .done = done, .arg = arg, .asker = asker_who_is(who), .same_user = hub_xstrdup(who->user_id)});
}

void hub_identity_resolve_from(struct hub_identity_ctx *ctx, const struct hub_credentials *from,
                               hub_identity_done *done, void *arg) {
    struct hub_buf token = {0};
    enum hub_code code = hub_token_find(from, &token);
    if (code == HUB_INVALID_TOKEN) {
        hub_metric_add(&refusals, 1);
        log_refusal(ctx, NULL, code, "it is over 8 KiB, or no text", NULL);
        done(arg, code, NULL, NULL);
    } else {
        begin_resolution(ctx, hub_buf_str(&token),
                         &(struct hub_resolution){
                             .done = done,
                             .arg = arg,
                             .asker = asker_at(from->address),
                             .instead = token.n ? NULL : given_instead(from),
                             .cookies = ctx->config.service->session_cookie ? hub_str_dup(from->cookie) : NULL});
    }
    hub_buf_free(&token);
}

/* ---- sockets ---- */

struct admission {
    struct hub_socket *socket; /* reference */
    hub_identity_admitted *admitted;
    void *arg;
};

void hub_identity_refuse_socket(struct hub_socket *s, enum hub_code code, const char *reason) {
    struct hub_buf data = {0};
    const char *message = code == HUB_TOKEN_EXPIRED ? "Invalid token" : hub_code_text(code);
    hub_buf_addf(&data, "{\"code\":\"%s\"", hub_code_name(code));
    if (reason) hub_buf_addz(&data, ",\"reason\":"), hub_json_add_string(&data, hub_cstr(reason));
    hub_buf_addc(&data, '}');
    hub_socket_refuse(s, message, hub_buf_str(&data));
    hub_buf_free(&data);
}

static void on_resolved(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct admission *a = arg;
    if (a->socket->state == HUB_SOCKET_CONNECTING) {
        if (code == HUB_OK)
            a->admitted(a->arg, who);
        else
            hub_identity_refuse_socket(a->socket, code, reason);
    }
    hub_socket_unref(a->socket);
    free(a);
}

void hub_identity_admit(struct hub_identity_ctx *ctx, struct hub_socket *s, json_t *auth,
                        hub_identity_admitted *admitted, void *arg) {
    const struct hub_handshake hs = hub_socket_handshake(s);
    const struct hub_credentials from = {
        .address = hs.peer, .auth = auth, .authorization = hs.authorization, .query = hs.query, .cookie = hs.cookie};
    struct admission *a = hub_xmalloc(sizeof *a);
    *a = (struct admission){hub_socket_ref(s), admitted, arg};
    hub_identity_resolve_from(ctx, &from, on_resolved, a);
}
