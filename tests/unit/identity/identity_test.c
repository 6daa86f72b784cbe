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
static void (*while_getting)(void), (*while_calling)(void); /* what happens before the next answer; NULL: nothing */
static void let_happen(void (**what)(void)) {
    void (*happens)(void) = *what;
    *what = NULL;
    if (happens) happens();
}
static void fake_cache_get(struct hub_cache *c, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb, void *arg) {
    const struct hub_str value = stored ? hub_cstr(stored) : hub_str(NULL, 0);
    (void)c;
    assert_int_equal(n, 1);
    snprintf(asked, sizeof asked, "%.*s", HUB_FMT(keys[0]));
    let_happen(&while_getting);
    cb(arg, cache_code, cache_code ? NULL : &value);
}
/* TTL of that key: a number, or another reply. */
static const char *ttl;
static void fake_cache_call(struct hub_cache *c, const json_t *args, hub_cache_call_cb *cb, void *arg) {
    json_t *reply = hub_json_parse(hub_cstr(ttl), NULL);
    (void)c;
    assert_string_equal(json_string_value(json_array_get(args, 0)), "TTL");
    assert_string_equal(json_string_value(json_array_get(args, 1)), asked);
    let_happen(&while_calling);
    cb(arg, reply ? HUB_OK : HUB_BAD_REQUEST, reply, reply ? NULL : "NOPERM");
    json_decref(reply);
}
static hub_cache_gone_cb *tell_gone;
static void *gone_arg;
static struct hub_cache_watch *fake_cache_watch(struct hub_cache *c, struct hub_str key, hub_cache_gone_cb *cb,
                                                void *arg) {
    static struct hub_cache_watch watch;
    (void)c;
    assert_true(hub_str_is(key, asked));
    tell_gone = cb, gone_arg = arg;
    return &watch;
}
static void fake_cache_unwatch(struct hub_cache_watch *w) { (void)w, tell_gone = NULL; }
static const struct hub_cache_ops cache_ops = {
    .get = fake_cache_get, .call = fake_cache_call, .watch = fake_cache_watch, .unwatch = fake_cache_unwatch};

/* The hook keeps its call until the test answers, unless ANSWER is set. */
static const char *answer; /* JSON; "nil"; "fail"; NULL = later */
static hub_hook_done *hook_done;
static void *hook_arg;
static void *hook_args[16]; /* of those that wait, in their order */
static size_t hook_n;
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
    if (!answer && hook_n < HUB_NELEM(hook_args)) hook_args[hook_n++] = arg;
    if (answer) answer_hook(answer);
}
static const struct hub_hook_ops hooks = {.call = fake_hook};

/* ---- set-up ---- */

static struct hub_loop *loop;
static struct hub_service service;
static struct hub_identity_ctx *ctx;

static int setup(void **state) {
    (void)state;
    hook_n = 0;
    service = (struct hub_service){.max_pending = 100,
                                   .max_pending_per_address = 100,
                                   .jwt = {.claim_user_id = "userId", .claim_role_id = "roleId", .leeway_seconds = 5}};
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
    hub_json_add(b, hub_identity_session(who));
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

/* ---- how many at a time ---- */

static const char *comes_from(const char *address) {
    const struct hub_credentials from = {.address = hub_cstr(address), .authorization = HUB_STR("Bearer dev:ann")};
    hub_buf_clear(&outcome);
    hub_identity_resolve_from(ctx, &from, note, &outcome);
    return hub_buf_cstr(&outcome);
}
static void end_first_hook(void) {
    hook_arg = hook_args[0];
    memmove(hook_args, hook_args + 1, --hook_n * sizeof *hook_args);
    answer_hook("true");
}

/* A stranger who hung up and came again, for ever, started any number of hooks: nobody counted those of
 * connections that are gone. */
static void what_is_asked_for_an_address_is_bounded_whoever_still_waits(void **state) {
    (void)state;
    service.dev = true, service.authenticate.kind = HUB_SCRIPT_EXPR, answer = NULL;
    service.max_pending_per_address = 1, service.max_pending = 3;
    assert_string_equal(comes_from("10.0.0.1"), "");
    assert_string_equal(comes_from("::ffff:10.0.0.1"), "");
    assert_string_equal(comes_from("10.0.0.1"), "overloaded");
    assert_string_equal(comes_from("10.0.0.2"), "");
    assert_string_equal(comes_from("2001:db8::1"), "");
    assert_string_equal(comes_from("2001:db8::2"), "");
    assert_string_equal(comes_from("2001:db8::3"), "overloaded"); /* of the same network */
    assert_int_equal(hook_n, 5);
    end_first_hook();
    assert_string_equal(comes_from("10.0.0.1"), "");
    assert_string_equal(comes_from("unix:"), "");
    assert_string_equal(comes_from("unix:"), "overloaded"); /* altogether */
    assert_string_equal(comes_from("10.0.0.3"), "overloaded");
    while (hook_n) end_first_hook();
    assert_string_equal(comes_from("10.0.0.1"), "");
    end_first_hook();
}

static void so_are_the_new_tokens_of_a_user(void **state) {
    struct hub_identity who = {.user_id = "ann"}, other = {.user_id = "bob"};
    (void)state;
    service.dev = true, service.authenticate.kind = HUB_SCRIPT_EXPR, answer = NULL;
    service.max_pending_per_address = 1;
    for (int i = 0; i < 3; i++) {
        hub_buf_clear(&outcome);
        hub_identity_refresh(ctx, &who, HUB_STR("dev:ann"), note, &outcome);
        assert_string_equal(hub_buf_cstr(&outcome), i < 2 ? "" : "overloaded");
    }
    hub_buf_clear(&outcome);
    hub_identity_refresh(ctx, &other, HUB_STR("dev:bob"), note, &outcome);
    assert_string_equal(hub_buf_cstr(&outcome), "");
    while (hook_n) end_first_hook();
}

/* With the old definitions their scripts end, 15 s after a reload: the hook that is asked then is the new
 * one, and nobody's token is bad because the old one could not answer. */
static void a_hook_that_ends_with_the_old_definitions_refuses_nobody(void **state) {
    struct hub_service other;
    (void)state;
    service.dev = true, service.authenticate.kind = HUB_SCRIPT_EXPR, answer = NULL;
    assert_string_equal(resolved("dev:ann"), "");
    other = service;
    hub_identity_ctx_configure(
        ctx, &(struct hub_identity_config){
                 .loop = loop, .service = &other, .hooks = &hooks, .scripts = (struct hub_scripts *)&other});
    answer_hook("fail");
    assert_int_equal(outcomes, 0);
    answer_hook("{\"roleId\":\"vip\"}");
    assert_string_equal(hub_buf_cstr(&outcome), "ann/vip@0 {\"userId\":\"ann\",\"roleId\":\"vip\"}");
    assert_int_equal(outcomes, 1);
}

/* ---- sockets ---- */

static struct hub_expiry *expiry;
static struct hub_identity *admitted_as;
static int closed_n;

static void on_admitted(void *arg, struct hub_identity *who) {
    struct hub_socket *s = arg;
    admitted_as = hub_identity_ref(who);
    hub_expiry_set(&expiry, loop, s, who);
    hub_socket_accept(s);
}
static void on_connect(struct hub_socket *s, json_t *auth) { hub_identity_admit(ctx, s, auth, on_admitted, s); }
static void on_event(struct hub_socket *s, struct hub_str e, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    (void)s, (void)e, (void)args, (void)bins, (void)ack;
}
static void on_closed(struct hub_socket *s, const char *reason) {
    (void)s, (void)reason;
    closed_n++;
    hub_expiry_stop(&expiry);
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
    hub_clock_set_wall(&turned_clock, admitted_as->expires_at * 1000); /* or lost: that is noticed within the hour */
    turn_clock(loop, HOUR - 1000);
    assert_int_equal(closed_n, 1);
    fake_free(eio);
    hub_sessions_delete(sessions);
}

/* ---- sessions that a cookie names ---- */

#define HELLO "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI" /* "hello", signed with "tobiiscool" */

static struct hub_cookie_secrets *secrets;

static void configure_cookies(const struct hub_service *by) {
    hub_identity_ctx_configure(ctx, &(struct hub_identity_config){.loop = loop,
                                                                  .service = by,
                                                                  .secrets = by->session_cookie ? secrets : NULL,
                                                                  .cache = &cache,
                                                                  .hooks = &hooks,
                                                                  .scripts = (struct hub_scripts *)&service});
}

static int setup_cookies(void **state) {
    struct hub_err err;
    setup(state);
    setenv("HUB_IDENTITY_TEST", "tobiiscool", 1);
    assert_int_equal(hub_cookie_secrets_load("HUB_IDENTITY_TEST", &secrets, &err), HUB_OK);
    service.session_cookie = "connect.sid", service.session_secret_env = "HUB_IDENTITY_TEST";
    service.session_redis_key = "sess:${id}", service.session_user_id = "passport.user";
    configure_cookies(&service);
    stored = "{\"passport\":{\"user\":7}}";
    return 0;
}

static int teardown_cookies(void **state) {
    hub_cookie_secrets_free(secrets);
    return teardown(state);
}

static const char *resolved_from(struct hub_credentials from) {
    outcomes = 0;
    *asked = 0;
    hub_buf_clear(&outcome);
    hub_identity_resolve_from(ctx, &from, note, &outcome);
    return hub_buf_cstr(&outcome);
}
#define assert_cookie(COOKIE, WHAT)                                                                  \
    (assert_string_equal(resolved_from((struct hub_credentials){.cookie = hub_cstr(COOKIE)}), WHAT), \
     assert_int_equal(outcomes, 1))

static void a_signed_cookie_names_the_session(void **state) {
    (void)state;
    assert_cookie("theme=dark; connect.sid=" HELLO,
                  "7/@0 {\"passport\":{\"user\":7},\"userId\":\"7\",\"roleId\":null}");
    assert_string_equal(asked, "sess:hello");
    assert_cookie("connect.sid=s%3Ahullo.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI", "invalid_token");
    assert_string_equal(asked, "");
    assert_cookie("connect.sid=", "invalid_token");
    assert_cookie("theme=dark", "auth_required");
    stored = NULL;
    assert_cookie("connect.sid=" HELLO, "invalid_token");
    stored = "[]";
    assert_cookie("connect.sid=" HELLO, "invalid_token");
    cache_code = HUB_STORE_UNAVAILABLE;
    assert_cookie("connect.sid=" HELLO, "store_unavailable");
}

static void a_session_without_its_user_admits_nobody(void **state) {
    static const struct {
        const char *session, *outcome;
    } cases[] = {
        {"{}", "auth_required"},
        {"{\"passport\":{}}", "auth_required"},
        {"{\"passport\":{\"user\":null}}", "auth_required"},
        {"{\"userId\":\"ann\"}", "auth_required"},
        {"{\"passport\":{\"user\":{\"id\":7}}}", "invalid_token"},
        {"{\"passport\":{\"user\":\"\"}}", "invalid_token"},
        {"{\"passport.user\":\"ann\"}", "ann/@0 {\"passport.user\":\"ann\",\"userId\":\"ann\",\"roleId\":null}"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stored = cases[i].session;
        assert_cookie("connect.sid=" HELLO, cases[i].outcome);
    }
    service.session_user_id = NULL;
    stored = "{\"userId\":\"ann\",\"roleId\":\"admin\"}";
    assert_cookie("connect.sid=" HELLO, "ann/admin@0 {\"userId\":\"ann\",\"roleId\":\"admin\"}");
}

static void a_token_wins_where_tokens_are_taken(void **state) {
    (void)state;
    struct hub_credentials both = {.authorization = HUB_STR("Bearer {\"sub\":\"ann\"}"),
                                   .cookie = HUB_STR("connect.sid=" HELLO)};
    const char *cookie = "7/@0 {\"passport\":{\"user\":7},\"userId\":\"7\",\"roleId\":null}";
    assert_string_equal(resolved_from(both), cookie); /* there is no method for tokens */
    service.jwt.on = true;
    assert_string_equal(resolved_from(both), "ann/@0 {\"sub\":\"ann\",\"userId\":\"ann\",\"roleId\":null}");
    assert_string_equal(asked, ""); /* the key is made of the cookie's id: a token has no stored session */
    both.authorization = HUB_STR("Bearer bad");
    assert_string_equal(resolved_from(both), "invalid_token");
    service.jwt.on = false, service.dev = true;
    assert_string_equal(resolved_from(both), "invalid_token");
    both.authorization = HUB_STR("Bearer dev:bob");
    assert_string_equal(resolved_from(both), "bob/@0 {\"userId\":\"bob\",\"roleId\":null}");
    both.authorization = hub_str(NULL, 0);
    assert_string_equal(resolved_from(both), cookie);
}

static void where_guests_are_let_in_a_cookie_that_admits_nobody_makes_one(void **state) {
    (void)state;
    service.anonymous = true;
    const struct hub_credentials from = {.cookie = HUB_STR("connect.sid=" HELLO)};
    assert_memory_equal(resolved_from(from), "7/@0", 4);
    stored = "{\"cookie\":{\"expires\":\"2001-01-01T00:00:00.000Z\"},\"passport\":{\"user\":7}}", ttl = "-1";
    assert_non_null(strstr(resolved_from(from), "/guest@0 "));
    stored = "{}";
    assert_non_null(strstr(resolved_from(from), "/guest@0 "));
    assert_non_null(strstr(resolved_from((struct hub_credentials){.cookie = HUB_STR("connect.sid=x")}), "/guest@0 "));
    cache_code = HUB_STORE_UNAVAILABLE;
    assert_string_equal(resolved_from(from), "store_unavailable");
}

static void the_end_of_a_session_is_its_keys_or_else_the_one_written_in_it(void **state) {
    static char session[200];
    char iso[HUB_ISO_LEN + 1], expected[40];
    const int64_t now = hub_loop_wall(loop);
    (void)state;
    static const struct {
        int64_t left_ms;
        const char *ttl, *outcome; /* NULL: it expires then */
    } cases[] = {{1500, "-1", NULL},    {1500, "forbidden", NULL},   {1500, "3600", "7/@0 "},
                 {-1, "3600", "7/@0 "}, {-1, "-1", "invalid_token"}, {0, "-1", "invalid_token"},
                 {1500, "-2", "7/@0 "}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hub_iso_format(now + cases[i].left_ms, iso);
        snprintf(session, sizeof session, "{\"cookie\":{\"expires\":\"%s\"},\"passport\":{\"user\":7}}", iso);
        snprintf(expected, sizeof expected, "7/@%lld ", (long long)((now + cases[i].left_ms + 999) / 1000));
        stored = session, ttl = cases[i].ttl;
        const char *got = resolved_from((struct hub_credentials){.cookie = HUB_STR("connect.sid=" HELLO)});
        const char *want = cases[i].outcome ? cases[i].outcome : expected;
        if (strncmp(got, want, strlen(want))) fail_msg("%zu: %s instead of %s", i, got, want);
    }
}

static void the_end_of_a_cookies_session_ends_the_socket(void **state) {
    static char session[200];
    char iso[HUB_ISO_LEN + 1];
    (void)state;
    struct hub_sessions *sessions = new_sessions();
    const char *ended = "42[\"hub:error\",{\"error\":\"The session has ended\",\"code\":\"invalid_token\"}]";
    for (int by_key = 0; by_key < 2; by_key++) {
        hub_iso_format(hub_loop_wall(loop) + 60000, iso);
        snprintf(session, sizeof session, "{\"cookie\":{\"expires\":\"%s\"},\"passport\":{\"user\":7}}", iso);
        stored = session, ttl = by_key ? "60" : "-1", closed_n = 0;
        struct hub_eio *eio = fake_open_with(sessions, (struct hub_handshake){.cookie = HUB_STR("connect.sid=" HELLO)});
        fake_text(eio, "0");
        assert_memory_equal(fake_next(eio), "40{\"sid\"", 8);
        turn_clock(loop, 60000 - 1);
        assert_int_equal(closed_n, 0);
        turn_clock(loop, 1);
        assert_int_equal(closed_n, !by_key);
        if (by_key) tell_gone(gone_arg);
        assert_string_equal(fake_next(eio), ended);
        assert_string_equal(fake_next(eio), "41");
        fake_free(eio);
    }
    hub_sessions_delete(sessions);
}

/* As after a reload: who was let in by other rules is not any more. */
static void other_rules_for_cookies_end_what_rests_on_them(void **state) {
    (void)state;
    struct hub_identity who = {.method = HUB_BY_COOKIE};
    struct hub_service others[5];
    for (size_t i = 0; i < HUB_NELEM(others); i++) others[i] = service;
    others[0].session_user_id = "user.id", others[1].session_secret_env = "HUB_OTHER_TEST";
    others[2].session_redis_key = "session:${id}", others[3].session_cookie = "sid", others[4].session_cookie = NULL;
    assert_true(hub_identity_stands(ctx, &who));
    for (size_t i = 0; i < HUB_NELEM(others); i++) {
        configure_cookies(&others[i]);
        if (hub_identity_stands(ctx, &who)) fail_msg("it stands by the rules of %zu", i);
        who.rules++;
        assert_int_equal(hub_identity_stands(ctx, &who), others[i].session_cookie != NULL);
        configure_cookies(&service);
        who.rules++;
        assert_true(hub_identity_stands(ctx, &who));
    }
}

/* REST and what waits go by it: a session has no token that could be refreshed. */
static void a_session_at_its_end_is_no_expired_token(void **state) {
    (void)state;
    struct hub_identity who = {.method = HUB_BY_COOKIE, .expires_at = hub_loop_wall(loop) / 1000 + 1};
    assert_int_equal(hub_identity_fault(ctx, &who), HUB_OK);
    hub_clock_set_wall(&turned_clock, who.expires_at * 1000);
    assert_int_equal(hub_identity_fault(ctx, &who), HUB_INVALID_TOKEN);
    who.expires_at = 0, who.ended = true;
    assert_int_equal(hub_identity_fault(ctx, &who), HUB_INVALID_TOKEN);
}

static struct hub_service reloaded;
static void reload_cookies(void) {
    reloaded = service;
    reloaded.session_redis_key = "session:${id}";
    configure_cookies(&reloaded);
    stored = "{\"passport\":{\"user\":9}}";
}

/* Whatever the old rules would have said: the session is looked for where it is now. */
static void a_reload_while_the_session_is_asked_for_begins_anew(void **state) {
    static const char *const before[] = {
        NULL, "{}", "{\"cookie\":{\"expires\":\"2001-01-01T00:00:00.000Z\"},\"passport\":{\"user\":7}}"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(before); i++) {
        configure_cookies(&service);
        stored = before[i], ttl = "-1";
        *(i < 2 ? &while_getting : &while_calling) = reload_cookies;
        assert_cookie("connect.sid=" HELLO, "9/@0 {\"passport\":{\"user\":9},\"userId\":\"9\",\"roleId\":null}");
        assert_string_equal(asked, "session:hello");
    }
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
        cmocka_unit_test_setup_teardown(a_signed_cookie_names_the_session, setup_cookies, teardown_cookies),
        cmocka_unit_test_setup_teardown(a_session_without_its_user_admits_nobody, setup_cookies, teardown_cookies),
        cmocka_unit_test_setup_teardown(a_token_wins_where_tokens_are_taken, setup_cookies, teardown_cookies),
        cmocka_unit_test_setup_teardown(where_guests_are_let_in_a_cookie_that_admits_nobody_makes_one, setup_cookies,
                                        teardown_cookies),
        cmocka_unit_test_setup_teardown(the_end_of_a_session_is_its_keys_or_else_the_one_written_in_it, setup_cookies,
                                        teardown_cookies),
        cmocka_unit_test_setup_teardown(the_end_of_a_cookies_session_ends_the_socket, setup_cookies, teardown_cookies),
        cmocka_unit_test_setup_teardown(a_session_at_its_end_is_no_expired_token, setup_cookies, teardown_cookies),
        cmocka_unit_test_setup_teardown(a_reload_while_the_session_is_asked_for_begins_anew, setup_cookies,
                                        teardown_cookies),
        cmocka_unit_test_setup_teardown(other_rules_for_cookies_end_what_rests_on_them, setup_cookies,
                                        teardown_cookies),
        cmocka_unit_test_setup_teardown(the_first_of_four_places_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(dev_tokens_are_taken_at_their_word, setup, teardown),
        cmocka_unit_test_setup_teardown(anonymous_users_get_an_id_and_are_guests, setup, teardown),
        cmocka_unit_test_setup_teardown(jwt_claims_become_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(the_stored_session_replaces_the_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(the_token_itself_is_not_in_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hook_may_deny_or_enrich, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refresh_must_bring_the_same_user, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_for_an_address_is_bounded_whoever_still_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(so_are_the_new_tokens_of_a_user, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hook_that_ends_with_the_old_definitions_refuses_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_is_admitted_or_refused_with_a_code, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_gone_meanwhile_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(the_handshake_token_serves_sockets_too, setup, teardown),
        cmocka_unit_test_setup_teardown(an_expired_token_ends_the_socket_with_an_explanation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_expires_by_the_wall_clock_also_when_that_is_set, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, drop_outcome);
}
