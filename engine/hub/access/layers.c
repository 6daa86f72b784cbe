/* The first layers of a decision: the room, and what admits or refuses without asking who is linked with
 * it. */
#include "hub/access/access_int.h"

bool hub_id_is_spelt(const json_t *row, const char *property, const char *id) {
    const json_t *v = hub_json_get(row, property);
    struct hub_buf text = {0};
    if (json_is_string(v))
        hub_buf_adds(&text, hub_json_str(v));
    else
        hub_json_add(&text, v);
    while (text.n > strlen(id) && text.p[text.n - 1] == ' ') text.n--;
    bool same = hub_str_is(hub_buf_str(&text), id);
    hub_buf_free(&text);
    return same;
}

/* ---- room ---- */

void hub_decision_read(struct hub_decision *d, enum hub_code code, json_t *record, const char *error) {
    if (!record) {
        hub_decision_trace(d, code ? error : "there is no such record", NULL);
        hub_decision_refuse(d, code ? code : HUB_ROOM_NOT_FOUND);
        return;
    }
    d->record = json_incref(record);
    bool spelt = hub_id_is_spelt(d->record, d->def->room_object->id_property, d->room_id);
    hub_decision_trace(d, spelt ? "found" : "its id is spelt otherwise", d->record);
    if (spelt)
        hub_decision_pass(d);
    else
        hub_decision_refuse(d, HUB_ROOM_NOT_FOUND);
}

void hub_layer_room(struct hub_decision *d) {
    d->stale = false;
    hub_decision_read_room(d);
}

/* ---- roomEligibility ---- */

/* What the hook SCRIPT said, which passes, or refuses with CODE, told in the words REFUSED. */
static void judge_script(struct hub_decision *d, const struct hub_script *script, enum hub_code failed,
                         const char *error, json_t *result, enum hub_code code, const char *refused) {
    bool passes = !failed && hub_truthy(result);
    if (failed) hub_hook_failed(d->hub, script, failed, error);
    hub_decision_trace_script(d, NULL, script, failed ? error : passes ? "true: passes" : refused, result);
    if (passes)
        hub_decision_pass(d);
    else
        hub_decision_refuse(d, code);
}

/* Without a script there is nothing that could refuse. */
static bool is_without(struct hub_decision *d, const struct hub_script *script) {
    if (script->kind != HUB_SCRIPT_NONE) return false;
    hub_decision_trace_script(d, NULL, script, NULL, NULL);
    hub_decision_pass(d);
    return true;
}

static void on_eligibility(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_decision *d = arg;
    judge_script(d, &d->def->room_eligibility, code, error, result, HUB_ROOM_NOT_ELIGIBLE, "false: nobody may enter");
}

void hub_layer_eligibility(struct hub_decision *d) {
    struct hub_hook_arg args[3];
    if (is_without(d, &d->def->room_eligibility)) return;
    size_t n = hub_hook_room_args(d->hub, d->record, args, 0);
    hub_hook_decide(d->hub, &d->def->room_eligibility, args, n, on_eligibility, d);
}

/* ---- store: the room is opened ---- */

static void on_loaded(void *arg, enum hub_code code) {
    if (code)
        hub_decision_refuse(arg, code);
    else
        hub_decision_pass(arg);
}

/* A row that was read must not overwrite a newer one. */
void hub_layer_load(struct hub_decision *d) {
    if ((d->stale || d->overtaken) && hub_decision_restart(d)) return;
    d->room = hub_room_of(d->hub, hub_cstr(d->room_id));
    hub_room_reopen(d->room);
    json_decref(d->room->record);
    d->room->record = json_incref(d->record);
    hub_room_load(d->room, on_loaded, d);
}

/* ---- blocked, absoluteRoles, checkRoles ---- */

void hub_layer_blocked(struct hub_decision *d) {
    bool blocked = hub_room_is_blocked(d->room, hub_cstr(d->who->user_id), hub_loop_wall(d->room->loop));
    if (hub_decision_is_traced(d))
        hub_decision_trace_new(d, blocked ? "yes: refused" : "no: passes",
                               json_pack("{s:s}", "userId", d->who->user_id));
    if (blocked)
        hub_decision_refuse(d, HUB_BLOCKED);
    else
        hub_decision_pass(d);
}

bool hub_session_has_role(const json_t *session, const struct hub_strs *roles) {
    const json_t *role = hub_json_get(session, "roleId");
    size_t n = json_is_array(role) ? json_array_size(role) : 1;
    for (size_t i = 0; i < n; i++) {
        struct hub_str have = hub_json_str(json_is_array(role) ? json_array_get(role, i) : role);
        for (size_t j = 0; have.n && j < roles->n; j++)
            if (hub_str_is(have, roles->items[j])) return true;
    }
    return false;
}

void hub_layer_absolute_roles(struct hub_decision *d) {
    bool has = hub_session_has_role(hub_identity_session(d->who), &d->def->absolute_roles);
    struct hub_rights rights = hub_rights_system();
    hub_decision_trace_roles(d, &d->def->absolute_roles,
                             has ? "has one of them: the system role" : "has none of them: goes on");
    if (has)
        hub_decision_admit(d, &rights);
    else
        hub_decision_pass(d);
}

void hub_layer_check_roles(struct hub_decision *d) {
    const struct hub_strs *roles = &d->def->check_roles;
    bool passes = !roles->n || hub_session_has_role(hub_identity_session(d->who), roles);
    hub_decision_trace_roles(d, roles, passes ? "has one of them: passes" : "has none of them: refused");
    if (passes)
        hub_decision_pass(d);
    else
        hub_decision_refuse(d, HUB_ROLE_REQUIRED);
}

/* ---- checkScript ---- */

static void on_check_script(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_decision *d = arg;
    judge_script(d, &d->def->check_script, code, error, result, HUB_CHECK_FAILED, "false: refused");
}

void hub_layer_check_script(struct hub_decision *d) {
    struct hub_hook_arg args[4] = {{"user", hub_identity_session(d->who)}};
    if (is_without(d, &d->def->check_script)) return;
    size_t n = hub_hook_room_args(d->hub, d->record, args, 1);
    hub_hook_decide(d->hub, &d->def->check_script, args, n, on_check_script, d);
}
