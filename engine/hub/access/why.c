/* hubctl why: a decision that tells what each layer said. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/access/access_int.h"

static void trace_as(const struct hub_decision *d, const char *layer, const char *outcome, const json_t *value) {
    const struct hub_engine *e = d->hub->engine;
    if (e->trace) e->trace(e->trace_arg, layer, outcome, value);
}

void hub_decision_trace(const struct hub_decision *d, const char *outcome, const json_t *value) {
    trace_as(d, hub_decision_layer(d), outcome, value);
}

void hub_decision_trace_new(const struct hub_decision *d, const char *outcome, json_t *value) {
    hub_decision_trace(d, outcome, value);
    json_decref(value);
}

void hub_decision_trace_part(const struct hub_decision *d, const char *name, const char *outcome, const json_t *value) {
    char layer[96];
    snprintf(layer, sizeof layer, "%s%s%s", hub_decision_layer(d), name ? "." : "", name ? name : "");
    trace_as(d, layer, outcome, value);
}

/* What a script is: an expression as it stands, of a Lua chunk where it stands. */
json_t *hub_script_shown(const struct hub_script *s) {
    return s->kind == HUB_SCRIPT_EXPR ? json_stringn(s->text.p, s->text.n)
                                      : json_sprintf("Lua, %s:%d", s->file, s->line);
}

void hub_decision_trace_script(const struct hub_decision *d, const char *name, const struct hub_script *s,
                               const char *outcome, json_t *result) {
    if (!hub_decision_is_traced(d)) return;
    bool none = s->kind == HUB_SCRIPT_NONE;
    json_t *value = none ? NULL : json_pack("{s:o, s:O?}", "script", hub_script_shown(s), "result", result);
    hub_decision_trace_part(d, name, none ? "none is set: passes" : outcome, value);
    json_decref(value);
}

void hub_decision_trace_roles(const struct hub_decision *d, const struct hub_strs *roles, const char *outcome) {
    if (!hub_decision_is_traced(d)) return;
    json_t *have = hub_json_get(hub_identity_session(d->who), "roleId");
    hub_decision_trace_new(d, roles->n ? outcome : "none are set: passes",
                           json_pack("{s:O?, s:o}", "roleId", have, hub_decision_layer(d), hub_strs_json(roles)));
}

struct why {
    struct hub_engine *engine;
    hub_why_done *done;
    void *arg;
};

static void on_why(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                   struct hub_room *room) {
    struct why *w = arg;
    (void)layer, (void)room;
    w->engine->trace = NULL;
    w->done(w->arg, code, rights ? hub_rights_name(rights) : NULL);
    free(w);
}

void hub_engine_why(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, hub_trace *tell,
                    hub_why_done *done, void *arg) {
    struct why *w = hub_xmalloc(sizeof *w);
    *w = (struct why){hub->engine, done, arg};
    hub->engine->trace = tell;
    hub->engine->trace_arg = arg;
    hub_authorize(hub, who, room_id, true, on_why, w);
}
