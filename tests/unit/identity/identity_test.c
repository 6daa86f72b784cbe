/* From tokens to sessions: where tokens are found, the three methods, the stored session, the hook, and
 * sockets admitted by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_eio.h"
#include "identity/identity.h"
#include "turned_clock.h"

/* ---- fakes: keys, cache, hook ---- */

static bool newest_key; /* the key of token "newest" is there */
static struct hub_fetch *fetch;
static void fake_fetch(void *arg, struct hub_fetch *f) { (void)arg, fetch = f; }
static void answer_fetch(const char *body) {
    struct hub_fetch *f = fetch;
    fetch = NULL;
    f->done(f, &(struct hub_fetched){.body = hub_cstr(body)}, body ? NULL : "no answer");
}
enum hub_code hub_jwt_keys_set_jwks(struct hub_jwt_keys *keys, json_t *jwks, struct hub_err *err) {
    (void)keys, (void)err;
    newest_key = json_is_true(jwks);
    return HUB_OK;
}
bool hub_jwt_names_unknown_key(const struct hub_jwt_keys *keys, struct hub_str token) {
    (void)keys;
    return hub_str_is(token, "newest");
}

uint64_t hub_jwt_used(const struct hub_jwt_keys *keys) {
    (void)keys;
    return 1;
}
bool hub_jwt_still_good(const struct hub_jwt_keys *keys, uint64_t used, const json_t *claims) {
    (void)keys, (void)claims;
    return used == 1;
}

/* A token is its claims as JSON; "expired" and anything that is no JSON object are refused. */
enum hub_code hub_jwt_verify(const struct hub_jwt_keys *keys, struct hub_str token, int64_t now, json_t **claims,
                             struct hub_err *err) {
    (void)keys;
    (void)now;
    if (hub_str_is(token, "newest") && newest_key) token = HUB_STR("{\"userId\":\"ann\"}");
    if (hub_str_is(token, "expired")) return hub_fail(err, HUB_TOKEN_EXPIRED, "it has expired");
    *claims = hub_json_parse(token, err);
    if (json_is_object(*claims)) return HUB_OK;
    json_decref(*claims);
    *claims = NULL;
    return hub_fail(err, HUB_INVALID_TOKEN, "bad signature");
}

static struct hub_cache cache;
static const char *stored; /* what the cache holds under the key asked for; NULL = nothing */
static enum hub_code cache_code;
static char asked[2000];
static void fake_cache_get(struct hub_cache *c, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb, void *arg) {
    const struct hub_str value = stored ? hub_cstr(stored) : hub_str(NULL, 0);
    (void)c;
    assert_int_equal(n, 1);
    snprintf(asked, sizeof asked, "%.*s", HUB_FMT(keys[0]));
    cb(arg, cache_code, cache_code ? NULL : &value);
}
static const struct hub_cache_ops cache_ops = {.get = fake_cache_get};

/* The hook keeps its call until the test answers, unless ANSWER is set. */
static const char *answer; /* JSON; "nil"; "fail"; NULL = later */
static hub_hook_done *hook_done;
static void *hook_arg;
static char hook_saw[500];
static void answer_hook(const char *text) {
    json_t *v = strcmp(text, "nil") && strcmp(text, "fail") ? hub_json_parse(hub_cstr(text), NULL) : NULL;
    if (!strcmp(text, "fail"))
        hook_done(hook_arg, HUB_HANDLER_FAILED, NULL, "service.yaml:3: boom");
    else
        hook_done(hook_arg, HUB_OK, v, NULL);
    json_decref(v);
}
static void fake_hook(struct hub_scripts *s, const struct hub_script *script, void *caller,
                      const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    struct hub_buf b = {0};
    (void)s, (void)caller;
    (void)script;
    for (size_t i = 0; i < n; i++) {
        hub_buf_addf(&b, "%s=", args[i].name);
        hub_json_add(&b, args[i].value);
        hub_buf_addc(&b, ' ');
    }
    snprintf(hook_saw, sizeof hook_saw, "%s", hub_buf_cstr(&b));
    hub_buf_free(&b);
    hook_done = done, hook_arg = arg;
    if (answer) answer_hook(answer);
}
static const struct hub_hook_ops hooks = {.call = fake_hook};

/* ---- set-up ---- */

static struct hub_loop *loop;
static struct hub_service service;
static struct hub_identity_ctx *ctx;

static int setup(void **state) {
    (void)state;
    service = (struct hub_service){.jwt = {.claim_user_id = "userId", .claim_role_id = "roleId", .leeway_seconds = 5}};
    cache = (struct hub_cache){.ops = &cache_ops};
    stored = NULL, cache_code = HUB_OK, answer = "nil";
    loop = turned_loop_new();
    ctx = hub_identity_ctx_new(&(struct hub_identity_config){.loop = loop,
                                                             .service = &service,
                                                             .cache = &cache,
                                                             .hooks = &hooks,
                                                             .scripts = (struct hub_scripts *)&service});
    return 0;
}

static int teardown(void **state) {
    (void)state;
    newest_key = false;
    hub_identity_ctx_delete(ctx);
    turned_loop_delete(loop);
    return 0;
}

/* The outcome as text: "<code>[ <reason>]" or "<userId>/<roleId>@<expiry> <session>". */
static struct hub_buf outcome;
static int outcomes;
static void note(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct hub_buf *b = arg;
    outcomes++;
    hub_buf_clear(b);
    if (code != HUB_OK) {
        assert_null(who);
        hub_buf_addf(b, "%s%s%s", hub_code_name(code), reason ? " " : "", reason ? reason : "");
        return;
    }
    hub_buf_addf(b, "%s/%s@%lld ", who->user_id, who->role_id, (long long)who->expires_at);
    hub_json_add(b, who->session);
}

static const char *resolved(const char *token) {
    outcomes = 0;
    hub_buf_clear(&outcome);
    hub_identity_resolve(ctx, hub_cstr(token), note, &outcome);
    return hub_buf_cstr(&outcome);
}

#define assert_resolved(TOKEN, WHAT) (assert_string_equal(resolved(TOKEN), WHAT), assert_int_equal(outcomes, 1))

/* ---- finding the token ---- */

static void assert_found(const struct hub_credentials *from, const char *want) {
    struct hub_buf b = {0};
    enum hub_code code = hub_token_find(from, &b);
    assert_string_equal(code == HUB_OK ? hub_buf_cstr(&b) : hub_code_name(code), want);
    hub_buf_free(&b);
}

static void the_first_of_four_places_counts(void **state) {
    (void)state;
    json_t *auth = json_pack("{s:s}", "token", "from-auth"), *none = json_pack("{s:n}", "token"),
           *number = json_pack("{s:i}", "token", 5);
    struct hub_credentials from = {.auth = auth,
                                   .authorization = HUB_STR("bearer  from-header "),
                                   .query = HUB_STR("EIO=4&access_token=from%2Dquery&x=1"),
                                   .cookie = HUB_STR("a=b; access_token=from-cookie; xaccess_token=no")};
    assert_found(&from, "from-auth");
    from.auth = none;
    assert_found(&from, "from-header");
    from.authorization = HUB_STR("Basic abc");
    assert_found(&from, "from-query");
    from.query = HUB_STR("xaccess_token=1&access_token=");
    assert_found(&from, "from-cookie");
    from.cookie = HUB_STR("xaccess_token=no");
    assert_found(&from, "auth_required");
    from.auth = number;
    assert_found(&from, "invalid_token");
    from = (struct hub_credentials){.query = HUB_STR("access_token=%zz")};
    assert_found(&from, "invalid_token");
    char *big = hub_xcalloc(1, 9001);
    memset(big, 'x', 9000);
    from = (struct hub_credentials){.auth = NULL, .authorization = HUB_STR("Bearer ")};
    assert_found(&from, "auth_required");
    json_object_set_new(auth, "token", json_string(big));
    from.auth = auth;
    assert_found(&from, "invalid_token");
    free(big);
    json_decref(auth);
    json_decref(none);
    json_decref(number);
}

/* ---- methods ---- */

static void dev_tokens_are_taken_at_their_word(void **state) {
    (void)state;
    service.dev = true;
    assert_resolved("dev:ann", "ann/@0 {\"userId\":\"ann\",\"roleId\":null}");
    assert_resolved("dev:ann:admin", "ann/admin@0 {\"userId\":\"ann\",\"roleId\":\"admin\"}");
    assert_resolved("dev:", "invalid_token");
    assert_resolved("dev::admin", "invalid_token");
    assert_resolved("dev:a\nb", "invalid_token");
    assert_resolved("ann", "invalid_token");
    assert_resolved("", "auth_required");
    service.dev = false;
    assert_resolved("dev:ann", "invalid_token");
}

static void anonymous_users_get_an_id_and_are_guests(void **state) {
    (void)state;
    service.anonymous = true;
    struct hub_buf first = {0};
    hub_buf_addz(&first, resolved(""));
    assert_memory_equal(first.p, "anon-", 5);
    assert_non_null(strstr(hub_buf_cstr(&first), "/guest@0 "));
    assert_string_not_equal(resolved(""), first.p);
    assert_non_null(strstr(resolved("stale"), "/guest@0 "));
    hub_buf_free(&first);
    service.dev = true;
    assert_resolved("dev:ann", "ann/@0 {\"userId\":\"ann\",\"roleId\":null}");
    assert_resolved("stale", "invalid_token");
}

/* Who could join with a longer one could not be blocked: commands take ids of 255 bytes. */
static void a_user_id_is_as_long_as_every_other_id(void **state) {
    (void)state;
    char token[300], expected[600];
    service.jwt.on = true;
    snprintf(token, sizeof token, "{\"userId\":\"%0255d\"}", 0);
    snprintf(expected, sizeof expected, "%0255d/@0 {\"userId\":\"%0255d\",\"roleId\":null}", 0, 0);
    assert_resolved(token, expected);
    snprintf(token, sizeof token, "{\"userId\":\"%0256d\"}", 0);
    assert_resolved(token, "invalid_token");
}

static void jwt_claims_become_the_session(void **state) {
    (void)state;
    service.jwt.on = true;
    assert_resolved("", "auth_required");
    assert_resolved("nonsense", "invalid_token");
    assert_resolved("expired", "token_expired");
    assert_resolved("{\"userId\":\"u1\",\"roleId\":\"r\",\"exp\":99999999999,\"x\":[1]}",
                    "u1/r@99999999999 {\"userId\":\"u1\",\"roleId\":\"r\",\"exp\":99999999999,\"x\":[1]}");
    assert_resolved("{\"sub\":\"u2\"}", "u2/@0 {\"sub\":\"u2\",\"userId\":\"u2\",\"roleId\":null}");
    assert_resolved("{\"sub\":7,\"roleId\":[\"a\",\"b\"]}",
                    "7/a@0 {\"sub\":7,\"roleId\":[\"a\",\"b\"],\"userId\":\"7\"}");
    assert_resolved("{\"roleId\":\"r\"}", "invalid_token");
    assert_resolved("{\"userId\":{}}", "invalid_token");
    assert_resolved("{\"userId\":\"\",\"sub\":\"u\"}", "invalid_token");
    assert_resolved("{\"userId\":\"a\\nb\"}", "invalid_token");
    /* One store could hold it, the other could not: a member whose messages fail is no use to anybody. */
    assert_resolved("{\"userId\":\"ann\",\"name\":\"a\\u0000b\"}", "invalid_token");
    assert_resolved("{\"userId\":\"ann\",\"deep\":[{\"er\":\"\\u0000\"}]}", "invalid_token");
    assert_resolved("{\"sub\":\"u\",\"exp\":1e300}",
                    "u/@0 {\"sub\":\"u\",\"exp\":1e+300,\"userId\":\"u\",\"roleId\":null}");
    assert_resolved("{\"sub\":\"u\",\"exp\":100}",
                    "u/@105 {\"sub\":\"u\",\"exp\":100,\"userId\":\"u\",\"roleId\":null}"); /* within the leeway */
    service.jwt.claim_user_id = "user.id", service.jwt.claim_role_id = "https://x.example/role";
    assert_resolved(
        "{\"user\":{\"id\":\"u3\"},\"https://x.example/role\":\"r\"}",
        "u3/r@0 {\"user\":{\"id\":\"u3\"},\"https://x.example/role\":\"r\",\"userId\":\"u3\",\"roleId\":\"r\"}");
}

static void the_stored_session_replaces_the_claims(void **state) {
    (void)state;
    service.jwt.on = true;
    service.session_redis_key = "hexasession:${sessionId}$:${n}";
    stored = "{\"userId\":\"u1\",\"roleId\":\"admin\",\"city\":\"Ulm\"}";
    assert_resolved(
        "{\"sub\":\"u1\",\"sessionId\":\"s1\",\"n\":4,\"roleId\":\"guest\"}",
        "u1/admin@0 "
        "{\"userId\":\"u1\",\"roleId\":\"admin\",\"city\":\"Ulm\",\"sub\":\"u1\",\"sessionId\":\"s1\",\"n\":4}");
    assert_string_equal(asked, "hexasession:s1$:4");
    assert_resolved("{\"sub\":\"u1\",\"sessionId\":\"s1\"}", "invalid_token"); /* a claim of the key is missing */
    stored = NULL;                                                             /* the session was revoked */
    assert_resolved("{\"sub\":\"u1\",\"sessionId\":\"s1\",\"n\":4}", "invalid_token");
    stored = "[]";
    assert_resolved("{\"sub\":\"u1\",\"sessionId\":\"s1\",\"n\":4}", "invalid_token");
    stored = "{broken";
    assert_resolved("{\"sub\":\"u1\",\"sessionId\":\"s1\",\"n\":4}", "invalid_token");
    cache_code = HUB_STORE_UNAVAILABLE;
    assert_resolved("{\"sub\":\"u1\",\"sessionId\":\"s1\",\"n\":4}", "store_unavailable");
}

static void the_token_itself_is_not_in_the_session(void **state) {
    (void)state;
    service.dev = true;
    service.authenticate.kind = HUB_SCRIPT_EXPR;
    answer = "{\"accessToken\":\"dev:ann\",\"city\":\"Ulm\"}";
    assert_resolved("dev:ann", "ann/@0 {\"userId\":\"ann\",\"city\":\"Ulm\",\"roleId\":null}");
}

static void the_hook_may_deny_or_enrich(void **state) {
    (void)state;
    service.jwt.on = true;
    service.authenticate.kind = HUB_SCRIPT_EXPR;
    const char *token = "{\"sub\":\"u\"}", *as_it_was = "u/@0 {\"sub\":\"u\",\"userId\":\"u\",\"roleId\":null}";
    assert_resolved(token, as_it_was);
    assert_string_equal(hook_saw, "session={\"sub\":\"u\",\"userId\":\"u\"} claims={\"sub\":\"u\"} ");
    static const char *const accepting[] = {"true", "null", "1", "\"yes\"", "{}"};
    for (size_t i = 0; i < sizeof accepting / sizeof *accepting; i++)
        answer = accepting[i], assert_resolved(token, as_it_was);
    static const char *const denying[] = {"false", "0", "\"\"", "{\"deny\":true}", "fail"};
    for (size_t i = 0; i < sizeof denying / sizeof *denying; i++)
        answer = denying[i], assert_resolved(token, "invalid_token");
    answer = "{\"deny\":\"banned\"}";
    assert_resolved(token, "invalid_token banned");
    answer = "{\"roleId\":\"vip\",\"deny\":false}";
    assert_resolved(token, "u/vip@0 {\"sub\":\"u\",\"userId\":\"u\",\"roleId\":\"vip\",\"deny\":false}");
    answer = "{\"userId\":\"\"}";
    assert_resolved(token, "invalid_token");
    hub_identity_ctx_configure(ctx, &(struct hub_identity_config){.loop = loop, .service = &service, .hooks = &hooks});
    assert_resolved(token, "shutting_down");
}

static void a_refresh_must_bring_the_same_user(void **state) {
    (void)state;
    service.dev = true;
    struct hub_identity who = {.user_id = "ann"};
    hub_identity_refresh(ctx, &who, HUB_STR("dev:ann:admin"), note, &outcome);
    assert_string_equal(hub_buf_cstr(&outcome), "ann/admin@0 {\"userId\":\"ann\",\"roleId\":\"admin\"}");
    hub_identity_refresh(ctx, &who, HUB_STR("dev:bob"), note, &outcome);
    assert_string_equal(hub_buf_cstr(&outcome), "invalid_token the token names another user");
}

/* ---- sockets ---- */

static struct hub_lease lease;
static struct hub_identity *admitted_as;
static int closed_n;

static void on_admitted(void *arg, struct hub_identity *who) {
    struct hub_socket *s = arg;
    admitted_as = hub_identity_ref(who);
    hub_lease_set(&lease, loop, s, who);
}
static void on_connect(struct hub_socket *s, json_t *auth) { hub_identity_admit(ctx, s, auth, on_admitted, s); }
static void on_event(struct hub_socket *s, struct hub_str e, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    (void)s, (void)e, (void)args, (void)bins, (void)ack;
}
static void on_closed(struct hub_socket *s, const char *reason) {
    (void)s, (void)reason;
    closed_n++;
    hub_lease_stop(&lease);
    hub_identity_unref(admitted_as);
    admitted_as = NULL;
}
static const struct hub_namespace_ops ops = {.connect = on_connect, .event = on_event, .closed = on_closed};
static bool find(void *arg, struct hub_str name, const struct hub_namespace_ops **out, void **owner) {
    (void)arg, (void)name;
    *owner = NULL;
    return *out = &ops, true;
}
static struct hub_sessions *new_sessions(void) {
    return hub_sessions_new(loop, &(struct hub_sessions_config){.find = find});
}

static void a_socket_is_admitted_or_refused_with_a_code(void **state) {
    (void)state;
    struct hub_sessions *sessions = new_sessions();
    struct hub_eio *eio = fake_open(sessions);
    service.jwt.on = true;
    service.authenticate.kind = HUB_SCRIPT_EXPR;
    fake_text(eio, "0");
    assert_string_equal(fake_next(eio),
                        "44{\"message\":\"Authentication required\",\"data\":{\"code\":\"auth_required\"}}");
    fake_text(eio, "0{\"token\":\"bad\"}");
    assert_string_equal(fake_next(eio), "44{\"message\":\"Invalid token\",\"data\":{\"code\":\"invalid_token\"}}");
    fake_text(eio, "0{\"token\":\"expired\"}");
    assert_string_equal(fake_next(eio), "44{\"message\":\"Invalid token\",\"data\":{\"code\":\"token_expired\"}}");
    answer = "{\"deny\":\"banned\"}";
    fake_text(eio, "0{\"token\":\"{\\\"sub\\\":\\\"u\\\"}\"}");
    assert_string_equal(
        fake_next(eio),
        "44{\"message\":\"Invalid token\",\"data\":{\"code\":\"invalid_token\",\"reason\":\"banned\"}}");
    answer = NULL;
    fake_text(eio, "0{\"token\":\"{\\\"sub\\\":\\\"u\\\"}\"}");
    assert_string_equal(fake_next(eio), "");
    answer_hook("true");
    assert_memory_equal(fake_next(eio), "40{\"sid\"", 8);
    assert_string_equal(admitted_as->user_id, "u");
    fake_free(eio);
    hub_sessions_delete(sessions);
}

static void a_socket_gone_meanwhile_is_left_alone(void **state) {
    (void)state;
    struct hub_sessions *sessions = new_sessions();
    struct hub_eio *eio = fake_open(sessions);
    service.dev = true;
    service.authenticate.kind = HUB_SCRIPT_EXPR;
    answer = NULL;
    fake_text(eio, "0{\"token\":\"dev:ann\"}");
    fake_free(eio);
    hub_sessions_delete(sessions);
    answer_hook("true");
    assert_null(admitted_as);
}

static void the_handshake_token_serves_sockets_too(void **state) {
    (void)state;
    struct hub_sessions *sessions = new_sessions();
    service.dev = true;
    struct hub_eio *eio = fake_open_with(sessions, (struct hub_handshake){.cookie = HUB_STR("access_token=dev%3Aann")});
    fake_text(eio, "0");
    assert_memory_equal(fake_next(eio), "40{\"sid\"", 8);
    fake_free(eio);
    hub_sessions_delete(sessions);
}

/* A socket of somebody whose token expires SECONDS from now. */
static struct hub_eio *admitted_for(struct hub_sessions *sessions, int64_t seconds) {
    struct hub_eio *eio = fake_open(sessions);
    char connect[100];
    service.jwt.on = true;
    closed_n = 0;
    snprintf(connect, sizeof connect, "0{\"token\":\"{\\\"sub\\\":\\\"u\\\",\\\"exp\\\":%lld}\"}",
             (long long)(hub_loop_wall(loop) / 1000 + seconds));
    fake_text(eio, connect);
    assert_memory_equal(fake_next(eio), "40{\"sid\"", 8);
    assert_string_equal(fake_next(eio), "");
    return eio;
}

static void an_expired_token_ends_the_socket_with_an_explanation(void **state) {
    (void)state;
    struct hub_sessions *sessions = new_sessions();
    struct hub_eio *eio = admitted_for(sessions, 86400);
    turn_clock(loop, 86400000 - 1);
    assert_string_equal(fake_next(eio), "");
    assert_int_equal(closed_n, 0);
    turn_clock(loop, 1);
    assert_string_equal(fake_next(eio),
                        "42[\"hub:error\",{\"error\":\"The token has expired\",\"code\":\"token_expired\"}]");
    assert_string_equal(fake_next(eio), "41");
    assert_int_equal(closed_n, 1);
    fake_free(eio);
    hub_sessions_delete(sessions);
}

static void a_token_expires_by_the_wall_clock_also_when_that_is_set(void **state) {
    enum { DAY = 86400, HOUR = 3600000 };
    (void)state;
    struct hub_sessions *sessions = new_sessions();
    struct hub_eio *eio = admitted_for(sessions, DAY);
    hub_clock_set_wall(&turned_clock, TURNED_WALL_MS - DAY * 1000LL); /* a day is gained */
    turn_clock(loop, 2 * DAY * 1000LL - 1);
    assert_int_equal(closed_n, 0);
    turn_clock(loop, 1);
    assert_int_equal(closed_n, 1);
    fake_free(eio);
    eio = admitted_for(sessions, DAY);
    turn_clock(loop, 1000);
    hub_clock_set_wall(&turned_clock, lease.expires_at * 1000); /* or lost: that is noticed within the hour */
    turn_clock(loop, HOUR - 1000);
    assert_int_equal(closed_n, 1);
    fake_free(eio);
    hub_sessions_delete(sessions);
}

static int drop_outcome(void **state) {
    (void)state;
    hub_buf_free(&outcome);
    return 0;
}

/* ---- keys by URL ---- */

static void started(void *arg, const char *error) { (void)arg, assert_null(error); }

static struct hub_jwks *with_key_set(void) {
    static struct hub_jwt_keys *const no_keys = NULL;
    struct hub_jwks *set = hub_jwks_new(&(struct hub_jwks_config){
        .loop = loop, .url = "https://issuer.example/jwks", .keys = no_keys, .fetch = fake_fetch});
    service.jwt.on = true;
    hub_identity_ctx_configure(ctx,
                               &(struct hub_identity_config){
                                   .loop = loop, .service = &service, .jwks = set, .cache = &cache, .hooks = &hooks});
    return set;
}

static void without_keys_nobody_is_told_that_a_token_is_bad(void **state) {
    (void)state;
    struct hub_jwks *set = with_key_set();
    struct hub_buf why = {0};
    assert_resolved("newest", "store_unavailable");
    assert_false(hub_identity_ready(ctx, &why));
    assert_string_equal(hub_buf_cstr(&why), "the keys of auth.jwt.jwksUrl have not been fetched yet");
    hub_jwks_start(set, started, NULL);
    answer_fetch("false");
    assert_true(hub_identity_ready(ctx, &why));
    assert_resolved("{\"userId\":\"bob\"}", "bob/@0 {\"userId\":\"bob\",\"roleId\":null}");
    hub_buf_free(&why);
    hub_jwks_delete(set);
}

static void a_token_of_an_unknown_key_waits_for_one_fetch(void **state) {
    (void)state;
    struct hub_jwks *set = with_key_set();
    hub_jwks_start(set, started, NULL);
    answer_fetch("false");
    assert_string_equal(resolved("newest"), "");
    answer_fetch("true");
    assert_string_equal(hub_buf_cstr(&outcome), "ann/@0 {\"userId\":\"ann\",\"roleId\":null}");
    assert_int_equal(outcomes, 1);
    newest_key = false;
    assert_resolved("newest", "invalid_token"); /* too soon for another */
    assert_null(fetch);
    hub_jwks_delete(set);
}

static void a_token_whose_key_does_not_come_is_refused(void **state) {
    (void)state;
    struct hub_jwks *set = with_key_set();
    hub_jwks_start(set, started, NULL);
    answer_fetch("false");
    assert_string_equal(resolved("newest"), "");
    answer_fetch(NULL);
    assert_string_equal(hub_buf_cstr(&outcome), "invalid_token");
    assert_int_equal(outcomes, 1);
    hub_jwks_delete(set);
}

static void a_token_that_waits_for_keys_ends_with_the_set_or_by_the_new_definitions(void **state) {
    (void)state;
    struct hub_jwks *set = with_key_set();
    hub_jwks_start(set, started, NULL);
    answer_fetch("false");
    assert_string_equal(resolved("newest"), "");
    service.jwt.on = false, service.anonymous = true; /* a reload */
    hub_identity_ctx_configure(
        ctx, &(struct hub_identity_config){.loop = loop, .service = &service, .cache = &cache, .hooks = &hooks});
    answer_fetch("true");
    assert_int_equal(strncmp(hub_buf_cstr(&outcome), "anon-", 5), 0);
    hub_jwks_delete(set);
    set = with_key_set();
    hub_jwks_start(set, started, NULL);
    answer_fetch("false");
    assert_string_equal(resolved("newest"), "");
    hub_jwks_delete(set);
    assert_string_equal(hub_buf_cstr(&outcome), "shutting_down");
    answer_fetch("true"); /* frees the set */
    assert_int_equal(outcomes, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_user_id_is_as_long_as_every_other_id, setup, teardown),
        cmocka_unit_test_setup_teardown(without_keys_nobody_is_told_that_a_token_is_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_of_an_unknown_key_waits_for_one_fetch, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_whose_key_does_not_come_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_that_waits_for_keys_ends_with_the_set_or_by_the_new_definitions, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_first_of_four_places_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(dev_tokens_are_taken_at_their_word, setup, teardown),
        cmocka_unit_test_setup_teardown(anonymous_users_get_an_id_and_are_guests, setup, teardown),
        cmocka_unit_test_setup_teardown(jwt_claims_become_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(the_stored_session_replaces_the_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(the_token_itself_is_not_in_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hook_may_deny_or_enrich, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refresh_must_bring_the_same_user, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_is_admitted_or_refused_with_a_code, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_gone_meanwhile_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(the_handshake_token_serves_sockets_too, setup, teardown),
        cmocka_unit_test_setup_teardown(an_expired_token_ends_the_socket_with_an_explanation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_expires_by_the_wall_clock_also_when_that_is_set, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, drop_outcome);
}
