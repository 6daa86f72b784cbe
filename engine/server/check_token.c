/* hubctl token --check: what the service says of a token, and why. */
#include "server/server_int.h"

#include <stdio.h>

#include "base/memory/mem.h"
#include "base/time/clock.h"

#define START_STEP_MS 20 /* between two looks at a backend that is away at start */

/* What a token says of itself, whether it is true or not. */
static void print_part(const char *what, struct hub_str part) {
    struct hub_buf text = {0}, line = {0};
    json_t *v = hub_buf_add_unbase64url(&text, part) ? hub_json_parse(hub_buf_str(&text), NULL) : NULL;
    if (v) hub_json_add(&line, v), printf("%s %s\n", what, hub_buf_cstr(&line));
    json_decref(v);
    hub_buf_free(&text);
    hub_buf_free(&line);
}

static void print_token(const char *token) {
    struct hub_str rest = hub_cstr(token), header, claims;
    if (hub_str_split(&rest, '.', &header) && rest.p && hub_str_split(&rest, '.', &claims) && rest.p) {
        print_part("header  ", header);
        print_part("claims  ", claims);
    }
}

static void on_detail(void *arg, const char *text) { printf("because  %s\n", text), (void)arg; }

static void print_end(const struct hub_loop *loop, int64_t expires_at) {
    char when[HUB_ISO_LEN + 1];
    if (!expires_at) return;
    hub_iso_format(expires_at * 1000, when);
    printf("until    %s, in %lld s\n", when, (long long)(expires_at - hub_loop_wall(loop) / 1000));
}

static void on_checked(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct hub_server *s = arg;
    struct hub_buf session = {0};
    if (code) {
        if (reason) printf("reason   %s\n", reason);
        printf("refused: %s (%s)\n", hub_code_name(code), hub_code_text(code));
    } else {
        hub_json_add(&session, hub_identity_session(who));
        printf("session  %s\n", hub_buf_cstr(&session));
        print_end(s->loop, who->expires_at);
        printf("accepted as %s\n", who->user_id);
    }
    hub_buf_free(&session);
    s->exit_code = code == HUB_STORE_UNAVAILABLE ? HUB_EXIT_BACKEND : code ? 1 : HUB_EXIT_OK;
    hub_loop_stop(s->loop);
}

static void on_token_keys(void *arg, const char *error) {
    struct hub_server *s = arg;
    if (error) printf("because  the keys of auth.jwt.jwksUrl: %s\n", error);
    s->exit_code = error ? HUB_EXIT_BACKEND : HUB_EXIT_OK;
    hub_loop_stop(s->loop);
}

/* What resolves tokens, with no more around it than they need. */
static int open_identity(struct hub_server *s) {
    struct hub_err err;
    if (s->now.service->authenticate.kind) {
        int code = hub_server_open_to_look(s);
        return code ? code : hub_server_make_engine(s);
    }
    const struct hub_cache_ops *ops =
        s->now.service->session_redis_key ? hub_backends_cache(s->now.service->cache_url, &err) : NULL;
    const struct hub_cache_config cache = {
        .loop = s->loop, .url = s->now.service->cache_url, .name = s->now.service->name};
    if (ops && ops->open(&cache, &s->cache, &err)) return hub_server_failed(&err, HUB_EXIT_INVALID);
    return hub_server_make_identity(s);
}

/* The cache connects by itself, and needs a moment. */
static void on_token_turn(struct hub_timer *t) {
    struct hub_server *s = HUB_CONTAINER(t, struct hub_server, start);
    bool wait = s->cache && s->now.service->session_redis_key && !s->cache->ops->ready(s->cache, NULL);
    if (wait && hub_loop_now_exact(s->loop) < s->started + s->options->wait_seconds * 1000)
        hub_timer_start(s->loop, t, START_STEP_MS, on_token_turn);
    else
        hub_identity_resolve(s->identity, hub_cstr(s->options->token), on_checked, s);
}

int hub_server_check_token(const struct hub_server_options *options, struct hub_service *service) {
    struct hub_server s = {.options = options, .now.service = service, .first = service, .loop = hub_loop_new(NULL)};
    s.started = hub_loop_now_exact(s.loop);
    hub_list_init(&s.retired);
    print_token(options->token);
    int code = open_identity(&s);
    if (!code && s.now.jwks) {
        hub_jwks_start(s.now.jwks, on_token_keys, &s);
        hub_loop_run(s.loop);
        code = s.exit_code;
    }
    if (!code) {
        hub_identity_explain(s.identity, on_detail, &s);
        hub_timer_start(s.loop, &s.start, 0, on_token_turn);
        hub_loop_run(s.loop);
        code = s.exit_code;
    }
    hub_server_free(&s);
    return code;
}
