/* authScripts: the last layer. The first script that is true grants its role; nobody passes. */
#include "hub/access/access_int.h"

static void try_script(struct hub_decision *d);

static void on_auth_script(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_decision *d = arg;
    const struct hub_def_auth_script *s = &d->def->auth_scripts[d->item];
    if (code) hub_hook_failed(d->hub, &s->script, code, error);
    const char *outcome = code ? error : hub_truthy(result) ? "true: decides" : "false: not this one";
    hub_decision_trace_script(d, s->name, &s->script, outcome, result);
    if (!code && hub_truthy(result)) {
        hub_decision_grant(d, s->hub_role, s->name, true);
        return;
    }
    d->item++;
    try_script(d);
}

static void try_script(struct hub_decision *d) {
    if (d->item == d->def->auth_script_n) {
        hub_decision_trace(d, d->item ? "none of them decides: refused" : "there are none: refused", NULL);
        hub_decision_refuse(d, HUB_NOT_AUTHORIZED);
        return;
    }
    struct hub_hook_arg args[4] = {{"user", hub_identity_session(d->who)}};
    size_t n = hub_hook_room_args(d->hub, d->record, args, 1);
    hub_hook_decide(d->hub, &d->def->auth_scripts[d->item].script, args, n, on_auth_script, d);
}

/* A hub that names neither sources nor scripts is open to all. */
void hub_layer_scripts(struct hub_decision *d) {
    if (d->def->auth_source_n || d->def->auth_script_n) {
        try_script(d);
        return;
    }
    hub_decision_trace(d, "there are none: whoever comes here is admitted", NULL);
    hub_decision_grant(d, NULL, NULL, false);
}
