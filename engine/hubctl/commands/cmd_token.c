/* hubctl token: a token that the service accepts, for trying things out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt.h"
#include "base/io/file.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "hubctl/hubctl.h"
#include "schema/load.h"
#include "server/server.h"

#define KEY_MAX (256 * 1024)
#define TTL_MAX (10 * 365 * 86400LL)

struct token_options {
    const char *dir, *user, *role, *check;
    int64_t ttl; /* seconds */
};

/* "90", "90s", "15m", "1h", "7d". */
static enum hub_code take_ttl(void *target, char *text, struct hub_err *err) {
    static const struct {
        char unit;
        int64_t factor;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct hub_str s = hub_cstr(text);
    int64_t factor = 1, n;
    for (size_t i = 0; i < HUB_NELEM(units) && s.n; i++) {
        if (s.p[s.n - 1] != units[i].unit) continue;
        factor = units[i].factor;
        s.n--;
        break;
    }
    if (!hub_str_i64(s, &n) || n <= 0 || n > TTL_MAX / factor)
        return hub_fail(err, HUB_BAD_REQUEST, "is not a time such as 90s, 15m, 1h or 7d, of ten years at most");
    ((struct token_options *)target)->ttl = n * factor;
    return HUB_OK;
}

static int fail_token(const char *text) {
    fprintf(stderr, "hubctl token: %s\n", text);
    return HUBCTL_FAILED;
}

static int print_dev(const struct token_options *w) {
    if (strchr(w->user, ':')) return fail_token("a dev token cannot carry a user id with a colon");
    printf("dev:%s%s%s\n", w->user, w->role ? ":" : "", w->role ? w->role : "");
    return HUBCTL_OK;
}

static bool needs_secret(const char *algorithm) { return strncmp(algorithm, "HS", 2) == 0; }

/* The first algorithm of the list that there is a key for. */
static const char *choose_key(const struct hub_def_jwt *jwt, struct hub_buf *key, struct hub_err *err) {
    const char *secret = jwt->secret_env ? getenv(jwt->secret_env) : NULL;
    for (size_t i = 0; i < jwt->algorithms.n; i++) {
        const char *algorithm = jwt->algorithms.items[i];
        if (needs_secret(algorithm) && secret && *secret) {
            hub_buf_addz(key, secret);
            return algorithm;
        }
        if (!needs_secret(algorithm) && jwt->private_key_file)
            return hub_file_read(jwt->private_key_file, KEY_MAX, key, err) ? NULL : algorithm;
    }
    if (jwt->secret_env)
        hub_err_set(err, HUB_INTERNAL, "the environment variable %s (auth.jwt.secretEnv) is not set or empty",
                    jwt->secret_env);
    else
        hub_err_set(err, HUB_INTERNAL,
                    "there is nothing to sign with; set auth.jwt.privateKeyFile to the private key's PEM file");
    return NULL;
}

static HUB_MUST json_t *make_claims(const struct hub_def_jwt *jwt, const struct token_options *w) {
    json_t *claims = json_object();
    int64_t now = hub_clock_wall_ms(NULL) / 1000;
    hub_json_set_str(claims, "sub", hub_cstr(w->user));
    hub_json_set_str(claims, jwt->claim_user_id ? jwt->claim_user_id : "userId", hub_cstr(w->user));
    if (w->role) hub_json_set_str(claims, jwt->claim_role_id ? jwt->claim_role_id : "roleId", hub_cstr(w->role));
    if (jwt->issuer) hub_json_set_str(claims, "iss", hub_cstr(jwt->issuer));
    if (jwt->audience.n) hub_json_set_str(claims, "aud", hub_cstr(jwt->audience.items[0]));
    json_object_set_new(claims, "iat", json_integer(now));
    json_object_set_new(claims, "exp", json_integer(now + w->ttl));
    return claims;
}

/* "auth.jwt.privateKeyFile" goes in front of what is wrong with the key, as its text does not name the
 * file. */
static int print_jwt(const struct hub_def_jwt *jwt, const struct token_options *w) {
    struct hub_buf key = {0}, token = {0};
    struct hub_err err;
    const char *algorithm = choose_key(jwt, &key, &err);
    json_t *claims = make_claims(jwt, w);
    if (algorithm && hub_jwt_sign(algorithm, hub_buf_str(&key), claims, &token, &err)) {
        hub_err_set(&err, HUB_INTERNAL, "%s: %s", needs_secret(algorithm) ? jwt->secret_env : jwt->private_key_file,
                    err.text);
        algorithm = NULL;
    }
    if (algorithm) puts(hub_buf_cstr(&token));
    json_decref(claims);
    hub_buf_free(&key);
    hub_buf_free(&token);
    return algorithm ? HUBCTL_OK : fail_token(err.text);
}

static int check_options(const struct token_options *w) {
    hub_log_setup(HUB_LOG_ERROR, false);
    const struct hub_server_options options = {.dir = w->dir, .token = w->check, .wait_seconds = 5};
    struct hub_service *service = hub_server_load(&options);
    return service ? hub_server_check_token(&options, service) : HUBCTL_FAILED;
}

static int run_token(int argc, char **argv) {
    struct token_options w = {.ttl = 3600};
    int code = hub_cli_parse(&hubctl_token.cli, argc, argv, &w);
    if (code != HUB_CLI_GO_ON) return code;
    if (w.check) return check_options(&w);
    if (!w.user) return hub_cli_fail(&hubctl_token.cli, "for which user? --user ID");
    struct hub_service *service = hubctl_load(w.dir, NULL, &code);
    if (!service) return code;
    if (service->dev)
        code = print_dev(&w);
    else if (service->jwt.on)
        code = print_jwt(&service->jwt, &w);
    else
        code = fail_token(service->anonymous ? "this service asks for no token (auth.anonymous)"
                                             : "this service asks for a cookie, not for a token (auth.session.cookie)");
    if (!code && service->session_redis_key && !service->session_cookie)
        fprintf(stderr, "note: the service also needs a session under %s\n", service->session_redis_key);
    hub_service_free(service);
    return code;
}

#define AT(FIELD) offsetof(struct token_options, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "user",
     .arg = "ID",
     .kind = HUB_CLI_TEXT,
     .at = AT(user),
     .help = "whose token; required without --check"},
    {.name = "role", .arg = "ROLE", .kind = HUB_CLI_TEXT, .at = AT(role), .help = "the user's role (default none)"},
    {.name = "ttl",
     .arg = "TIME",
     .kind = HUB_CLI_CUSTOM,
     .take = take_ttl,
     .help = "after how long a signed token expires: 90s, 15m, 1h, 7d (default 1h)"},
    {.name = "check",
     .arg = "TOKEN",
     .kind = HUB_CLI_TEXT,
     .at = AT(check),
     .help = "says whether the service would accept this token, as whom and until when, or why not"},
};

const struct hubctl_command hubctl_token = {
    .cli = {.program = "hubctl token",
            .summary = "prints a token that the service accepts, or says what the service says of one",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .operand_at = AT(dir),
            .help =
                "With auth.dev the token is the word itself; with auth.jwt it is signed with auth.jwt.privateKeyFile, "
                "or with the secret for HS256 to HS512.\n"
                "--check asks the cache where there is auth.session, fetches the keys of auth.jwt.jwksUrl, and opens "
                "the store for an authenticate hook.\n"
                "Exit codes: 0 printed or accepted, 1 there is nothing to sign with, the definition has errors or "
                "the token is refused, 2 usage or unreadable directory, 4 what --check has to ask is not there.\n"},
    .run = run_token,
};
