/* Who may enter a room, and as what: the layers of the specification in their order (contract:
 * semantics.md "Join"). A layer that has to wait returns, and its callback goes on with the next. */
#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/access/access_int.h"

#define STARTS_MAX 20 /* restarts of a decision whose inputs keep changing */

/* The first that refuses or admits ends it. The names are those that hubctl why prints. */
static const struct layer {
    const char *name;
    void (*check)(struct hub_decision *d);
} layers[] = {
    {"room", hub_layer_room},                    /* its record exists */
    {"roomEligibility", hub_layer_eligibility},  /* and is for realtime */
    {"store", hub_layer_load},                   /* passes once sequence and moderation are there */
    {"blocked", hub_layer_blocked},              /* refuses */
    {"absoluteRoles", hub_layer_absolute_roles}, /* admits as system */
    {"checkRoles", hub_layer_check_roles},       /* refuses */
    {"checkScript", hub_layer_check_script},     /* refuses */
    {"cache", hub_layer_cache},                  /* admits as the two below did */
    {"authSources", hub_layer_sources},          /* admits */
    {"authScripts", hub_layer_scripts},          /* admits, or refuses */
};

const char *hub_decision_layer(const struct hub_decision *d) { return layers[d->layer].name; }

static void begin_decision(struct hub_decision *d) {
    d->layer = 0;
    layers[0].check(d);
}

void hub_decision_pass(struct hub_decision *d) {
    d->item = 0;
    layers[++d->layer].check(d);
}

static void start_over(struct hub_decision *d) {
    if (d->room) hub_room_unref(d->room);
    json_decref(d->record);
    json_decref(d->rows_json);
    d->room = NULL;
    d->record = d->rows_json = NULL;
    d->item = d->row_at = 0;
    d->decided_by[0] = 0;
    d->def = d->hub->def;
    d->overtaken = d->may_remember = d->stamped = false;
    begin_decision(d);
}

bool hub_decision_restart(struct hub_decision *d) {
    if (++d->starts >= STARTS_MAX) return false;
    start_over(d);
    return true;
}

static void free_decision(struct hub_decision *d) {
    hub_unhold(&d->hold);
    hub_list_remove(&d->link);
    if (d->room) hub_room_unref(d->room);
    hub_identity_unref(d->who);
    json_decref(d->record);
    json_decref(d->rows_json);
    hub_buf_free(&d->text);
    hub_buf_free(&d->was);
    free(d->room_id);
    free(d);
}

static void finish_decision(struct hub_decision *d, enum hub_code code, const struct hub_rights *rights) {
    if (hub_decision_is_outdated(d)) {
        start_over(d);
        return;
    }
    if (d->hub->gone) code = HUB_ROOM_NOT_FOUND;
    if (d->overtaken && hub_decision_restart(d)) return;
    if (!code && d->overtaken) code = HUB_OVERLOADED;
    if (!code && hub_room_is_blocked(d->room, hub_cstr(d->who->user_id), hub_loop_wall(d->room->loop)))
        code = HUB_BLOCKED; /* since it was asked first */
    if (hub_log_on(HUB_LOG_DEBUG))
        hub_log_kv(HUB_LOG_DEBUG, "hub", code ? "entry refused" : "entry granted", "hub", d->def->name, "room",
                   d->room_id, "user", d->who->user_id, "by", d->decided_by, "code", code ? hub_code_name(code) : NULL,
                   NULL);
    d->done(d->arg, code, rights, d->decided_by, d->room);
    free_decision(d);
}

/* The layer under way has decided; NAME: which of its parts. */
static void note_layer(struct hub_decision *d, const char *name) {
    snprintf(d->decided_by, sizeof d->decided_by, "%s%s%s", hub_decision_layer(d), name ? "." : "", name ? name : "");
}

void hub_decision_refuse(struct hub_decision *d, enum hub_code code) {
    note_layer(d, NULL);
    finish_decision(d, code, NULL);
}

void hub_decision_admit(struct hub_decision *d, const struct hub_rights *rights) {
    note_layer(d, NULL);
    finish_decision(d, HUB_OK, rights);
}

void hub_decision_grant(struct hub_decision *d, const struct hub_def_role *role, const char *name, bool by_session) {
    struct hub_rights rights = hub_rights_of(role);
    note_layer(d, name);
    hub_decision_remember(d, role, by_session);
    finish_decision(d, HUB_OK, &rights);
}

void hub_authorize(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, bool skip_cache,
                   hub_authorize_done *done, void *arg) {
    struct hub_decision *d = hub_xcalloc(1, sizeof *d);
    *d = (struct hub_decision){.hub = hub,
                               .def = hub->def,
                               .who = hub_identity_ref(who),
                               .room_id = hub_str_dup(room_id),
                               .skip_cache = skip_cache,
                               .done = done,
                               .arg = arg};
    hub_hold(&hub->engine->holds, &d->hold, "join decision");
    hub_list_push(&hub->decisions, &d->link);
    begin_decision(d);
}

void hub_authorize_record_changed(struct hub_hub *hub, struct hub_str room) {
    HUB_LIST_EACH(&hub->decisions, it) {
        struct hub_decision *d = HUB_CONTAINER(it, struct hub_decision, link);
        if (hub_str_is(room, d->room_id)) d->stale = true;
    }
}
