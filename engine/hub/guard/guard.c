/* Whether a window's guard lets somebody through. */
#include "hub/guard/guard.h"

#include <stdlib.h>

#define TRIES_MAX 3 /* a guard is asked again when rights or definitions have changed meanwhile */

static void ask_guard(struct hub_guard_ask *a);

/* Whom it was asked for lives as long as DONE, which may free A. */
static void end_ask(struct hub_guard_ask *a, enum hub_code code) {
    struct hub_conn *conn = a->conn;
    struct hub_identity *who = a->who;
    char *name = a->name;
    json_t *value = a->value;
    json_decref(a->params);
    a->params = NULL;
    a->done(a, code);
    json_decref(value);
    free(name);
    hub_identity_unref(who);
    if (conn) hub_conn_unref(conn);
}

static enum hub_code ended_meanwhile(struct hub_guard_ask *a) {
    const struct hub_identity_ctx *identity = a->hub->engine->config.identity;
    enum hub_code code = hub_identity_is_stranger(a->who) ? HUB_OK : hub_identity_fault(identity, a->who);
    if (a->hub->gone) return hub_fail(&a->err, HUB_NOT_FOUND, "the hub is no longer served");
    if (code) return hub_fail(&a->err, code, NULL);
    if (!a->guard->changes)
        return a->conn && a->conn->closed ? hub_fail(&a->err, HUB_NOT_ALLOWED, "the connection is closed") : HUB_OK;
    return a->hub->engine->draining ? hub_fail(&a->err, HUB_SHUTTING_DOWN, NULL) : HUB_OK;
}

static bool is_current(const struct hub_guard_ask *a) {
    return a->def == a->hub->def && (!a->conn || a->conn->identity == a->who);
}

static void judge_answer(struct hub_guard_ask *a, enum hub_code code, const json_t *result, const char *error) {
    if (code) {
        hub_hook_failed(a->hub, a->script, code, error);
        hub_err_set(&a->err, code, "%s", hub_code_text(code));
    } else if (!hub_truthy(result)) {
        code = hub_fail(&a->err, HUB_NOT_ALLOWED, "%s", a->guard->refusal);
    }
    end_ask(a, code);
}

/* After a while: false when it has ended, or was asked again. */
static bool goes_on(struct hub_guard_ask *a) {
    bool current = is_current(a);
    if (!current && a->conn) {
        hub_identity_unref(a->who);
        a->who = hub_identity_ref(a->conn->identity);
    }
    enum hub_code ended = ended_meanwhile(a);
    if (ended)
        end_ask(a, ended);
    else if (!current && ++a->tries < TRIES_MAX)
        ask_guard(a);
    else if (!current)
        end_ask(a, hub_fail(&a->err, HUB_OVERLOADED, "rights change faster than they can be looked at"));
    return !ended && current;
}

static void on_guard(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_guard_ask *a = arg;
    hub_unhold(&a->hold);
    if (goes_on(a)) judge_answer(a, code, result, error);
}

static void call_guard(struct hub_guard_ask *a) {
    const struct hub_hook_ops *hooks = a->hub->engine->config.hooks;
    json_t *connection =
        a->conn && hub_script_wants(a->hub->engine, a->script, "connection") ? hub_conn_json(a->conn) : NULL;
    json_t *name = json_string(a->name);
    struct hub_hook_arg args[7] = {{"session", hub_identity_session(a->who)},
                                   {"connection", connection},
                                   {a->guard->variable, name},
                                   {"params", a->params}};
    size_t n = 4;
    if (a->brought) args[n++] = (struct hub_hook_arg){"value", a->value};
    for (size_t i = 0; i < a->more_n; i++) args[n++] = a->more[i];
    if (connection) hub_grant_reads(a->caller.grant, HUB_READABLE_CONNECTION, NULL, hub_cstr(a->conn->socket->sid));
    hub_hold(&a->hub->engine->holds, &a->hold, "guard");
    a->caller.hub = a->hub;
    a->caller.decides = true;
    hooks->call(a->hub->engine->config.scripts, a->script, &a->caller, args, n, on_guard, a); /* A may be gone */
    json_decref(connection);
    json_decref(name);
}

void hub_guard_brought(struct hub_guard_ask *a, enum hub_code code) {
    a->brought = !code;
    if (code)
        end_ask(a, code);
    else if (goes_on(a))
        call_guard(a);
}

static void forget_last(struct hub_guard_ask *a) {
    json_decref(a->params);
    json_decref(a->value);
    a->params = a->value = NULL;
    a->brought = a->looks = false;
}

static void ask_guard(struct hub_guard_ask *a) {
    forget_last(a);
    a->def = a->hub->def;
    enum hub_code code = a->guard->find(a);
    if (code)
        end_ask(a, code);
    else if (a->looks)
        a->guard->bring(a);
    else if (a->script->kind != HUB_SCRIPT_NONE)
        call_guard(a);
    else
        end_ask(a, a->open ? HUB_OK : hub_fail(&a->err, HUB_NOT_ALLOWED, "%s", a->guard->refusal));
}

void hub_guard_ask(struct hub_guard_ask *a, struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who,
                   struct hub_str name) {
    a->hub = hub;
    a->conn = conn ? hub_conn_ref(conn) : NULL;
    a->who = hub_identity_ref(who);
    a->name = hub_str_dup(name);
    enum hub_code ended = ended_meanwhile(a);
    if (ended)
        end_ask(a, ended);
    else
        ask_guard(a);
}
