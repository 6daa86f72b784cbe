/* hubctl why: the join decision of a running service's rules, printed layer by layer. */
#include "server/server_int.h"

#include <stdio.h>

/* For commands that only look: the database must be as the definitions want it already. */
static enum hub_code expect_tables(struct hub_server *s, struct hub_err *err) {
    struct hub_buf plan = {0};
    enum hub_code code = s->store->ops->plan(s->store, &plan, err);
    if (!code && plan.n)
        code = hub_fail(err, HUB_STORE_UNAVAILABLE,
                        "the store does not have the service's tables yet: start hubd, or hubctl migrate --apply");
    hub_buf_free(&plan);
    return code;
}

int hub_server_open_to_look(struct hub_server *s) {
    struct hub_err err;
    if (hub_backends_tables(s->now.service, &s->now.tables, &err)) return hub_server_failed(&err, HUB_EXIT_INVALID);
    if (hub_server_open_store(s, true, &err) || expect_tables(s, &err))
        return hub_server_failed(&err, err.code == HUB_STORE_UNAVAILABLE ? HUB_EXIT_BACKEND : HUB_EXIT_FAILED);
    return hub_server_open_cache_and_bus(s);
}

static void print_layer(void *arg, const char *layer, const char *outcome, const json_t *value) {
    struct hub_buf b = {0};
    (void)arg;
    hub_buf_addf(&b, "  %-32s %s", layer, outcome ? outcome : "");
    if (value && !json_is_boolean(value)) hub_buf_addz(&b, "  "), hub_json_add(&b, value);
    puts(hub_buf_cstr(&b));
    hub_buf_free(&b);
}

static void on_why(void *arg, enum hub_code code, const char *role) {
    struct hub_server *s = arg;
    if (code)
        printf("refused: %s (%s)\n", hub_code_name(code), hub_code_text(code));
    else
        printf("admitted as %s\n", role ? role : "null (no specific role)");
    s->exit_code = code ? 1 : HUB_EXIT_OK;
    hub_loop_stop(s->loop);
}

struct why_run {
    struct hub_server *server;
    struct hub_hub *hub;
    const struct hub_server_question *question;
};

static void on_asker(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    const struct why_run *w = arg;
    if (code) {
        printf("refused: authenticate: %s\n", reason ? reason : hub_code_text(code));
        w->server->exit_code = 1;
        hub_loop_stop(w->server->loop);
        return;
    }
    print_layer(NULL, "session", "", hub_identity_session(who));
    hub_engine_why(w->hub, who, hub_cstr(w->question->room), print_layer, on_why, w->server);
}

/* As a token with these claims would come in, the authenticate hook included. */
static void ask_why(struct hub_server *s, const struct hub_server_question *q) {
    const struct hub_def_jwt *jwt = &s->now.service->jwt;
    struct why_run w = {s, hub_engine_hub(s->engine, hub_cstr(q->hub)), q};
    if (!w.hub) {
        fprintf(stderr, "hubctl why: there is no hub \"%s\" in this service\n", q->hub);
        s->exit_code = HUB_EXIT_USAGE;
        return;
    }
    json_t *claims = q->claims ? json_deep_copy(q->claims) : json_object();
    hub_json_set_str(claims, jwt->claim_user_id ? jwt->claim_user_id : "userId", hub_cstr(q->user));
    if (q->role) hub_json_set_str(claims, jwt->claim_role_id ? jwt->claim_role_id : "roleId", hub_cstr(q->role));
    printf("%s wants to enter %s of hub %s\n", q->user, q->room, q->hub);
    s->exit_code = -1;
    hub_identity_of_claims(s->identity, claims, on_asker, &w);
    hub_loop_run(s->loop);
    json_decref(claims);
}

int hub_server_why(const struct hub_server_options *options, struct hub_service *service,
                   const struct hub_server_question *q) {
    struct hub_server s = {.options = options, .now.service = service, .first = service, .loop = hub_loop_new(NULL)};
    hub_list_init(&s.retired);
    int code = hub_server_open_to_look(&s);
    if (!code) code = hub_server_make_engine(&s);
    if (!code) {
        ask_why(&s, q);
        code = s.exit_code;
    }
    hub_server_free(&s);
    return code;
}
