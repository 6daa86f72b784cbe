/* Running a hook of lifecycle, and what its end means; those that are told something wait for their turn. */
#include "hub/lifecycle/lifecycle_int.h"

#include <stdlib.h>

#define RUNNING_MAX 64 /* told at a time: a room of thousands that closes must not fill the memory of scripts */

static struct hub_metric waiting_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_lifecycle_waiting", NULL, "Hooks of lifecycle that wait for their turn");

struct hub_life *hub_life_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_lifecycle_part);
}

bool hub_lifecycle_full(const struct hub_conn *c) {
    const struct hub_def_lifecycle *d = &c->hub->def->parts.lifecycle;
    struct hub_life *life = hub_life_of(c->hub->engine);
    if (d->on_leave.kind == HUB_SCRIPT_NONE && d->on_disconnect.kind == HUB_SCRIPT_NONE) return false;
    return life->waiting_n >= HUB_LIFE_WAITING_MAX ||
           hub_map_count(&life->waiting_of, hub_cstr(c->user->id), 0) >= HUB_LIFE_WAITING_ONE;
}

/* ---- variables ---- */

void hub_life_hook_init(struct hub_life_hook *h, struct hub_hub *hub, const struct hub_script *script,
                        void (*ended)(struct hub_life_hook *h, const struct hub_verdict *v)) {
    *h = (struct hub_life_hook){.hub = hub, .script = script, .ended = ended};
    hub_hold(&hub->engine->holds, &h->hold, "lifecycle hook");
}

bool hub_life_names(const struct hub_hub *hub, const struct hub_script *script, const char *variable) {
    for (; script; script = script->next)
        if (hub_script_wants(hub->engine, script, variable)) return true;
    return false;
}

bool hub_life_wants(const struct hub_life_hook *h, const char *variable) {
    return hub_life_names(h->hub, h->script, variable);
}

void hub_life_var(struct hub_life_hook *h, const char *name, json_t *value) {
    HUB_BUG_IF(h->var_n == HUB_NELEM(h->vars));
    h->vars[h->var_n++] = (struct hub_hook_arg){name, value ? value : json_null()};
}

void hub_life_text(struct hub_life_hook *h, const char *name, struct hub_str value) {
    hub_life_var(h, name, value.n ? hub_json_string(value) : NULL);
}

void hub_life_room_vars(struct hub_life_hook *h, const struct hub_room *room) {
    struct hub_hook_arg args[2];
    size_t n = hub_hook_room_args(h->hub, room->record, args, 0);
    hub_life_text(h, "roomId", hub_cstr(room->id));
    for (size_t i = 0; i < n; i++) hub_life_var(h, args[i].name, json_incref(args[i].value));
}

/* ---- what its end means ---- */

/* A code of the script's own: as the engine's are written. */
static bool is_code(struct hub_str s) {
    if (!s.n || s.n > 64 || s.p[0] < 'a' || s.p[0] > 'z') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_", s.p[i])) return false;
    return true;
}

static struct hub_verdict fail_hook(const struct hub_life_hook *h, enum hub_code code, const char *why) {
    hub_hook_failed(h->hub, h->script, code, why);
    return (struct hub_verdict){.code = HUB_HANDLER_FAILED};
}

/* By error{code, message, data}: one of the first two is enough. */
static bool is_refusal(const json_t *thrown, struct hub_verdict *v) {
    struct hub_str code = hub_json_get_str(thrown, "code"), message = hub_json_get_str(thrown, "message");
    if (code.n ? !is_code(code) : !message.n) return false;
    *v = (struct hub_verdict){.code = HUB_REJECTED,
                              .own_code = code,
                              .message = message.n ? message : code,
                              .data = json_object_get(thrown, "data")};
    return true;
}

/* False, 0 and "" refuse as they do in the authenticate hook; so does {deny: reason}. */
static struct hub_verdict judge_result(const struct hub_life_hook *h, json_t *result) {
    const json_t *deny = hub_json_get(result, "deny");
    struct hub_err err;
    if (hub_script_keys(result, h->keys, &err)) return fail_hook(h, HUB_HANDLER_FAILED, err.text);
    if ((hub_json_nil(result) || hub_truthy(result)) && !(deny && hub_truthy(deny)))
        return (struct hub_verdict){.code = HUB_OK, .result = hub_json_nil(result) ? NULL : result};
    struct hub_str reason = hub_json_str(deny);
    return (struct hub_verdict){.code = HUB_REJECTED,
                                .message = reason.n ? reason : hub_cstr(hub_code_text(HUB_REJECTED))};
}

static struct hub_verdict judge_outcome(const struct hub_life_hook *h, const struct hub_hook_outcome *o) {
    struct hub_verdict v = {.code = HUB_OK};
    if (o->code && h->keys && is_refusal(o->thrown, &v)) return v;
    if (o->code) return fail_hook(h, o->code, o->error);
    return h->keys ? judge_result(h, o->result) : v;
}

/* ---- several hooks, of plugins and of who uses them ---- */

/* Members of NOW go before those of WAS; objects within both are put together. */
static HUB_MUST json_t *merge_objects(const json_t *was, const json_t *now) {
    json_t *all = json_copy((json_t *)(uintptr_t)was), *v;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)now, key, v) {
        json_t *have = json_object_get(all, key);
        if (json_is_object(have) && json_is_object(v))
            json_object_set_new(all, key, merge_objects(have, v));
        else
            json_object_set(all, key, v);
    }
    return all;
}

/* Of lists all elements, of objects all members; an empty object is Lua's empty list, too. What is neither
 * stays alone, to be told of. */
static HUB_MUST json_t *merge_results(json_t *was, json_t *now) {
    if (hub_json_nil(now) || (json_is_object(now) && !json_object_size(now))) return json_incref(was);
    if (hub_json_nil(was) || (json_is_object(was) && !json_object_size(was))) return json_incref(now);
    if (json_is_object(was) && json_is_object(now)) return merge_objects(was, now);
    if (!json_is_array(was)) return json_incref(was);
    if (!json_is_array(now)) return json_incref(now);
    json_t *all = json_copy(was);
    json_array_extend(all, now);
    return all;
}

/* Takes what the script has decided; true: the next one is to be asked. One that is told of something is told
 * whatever became of those before it. */
static bool take_verdict(struct hub_life_hook *h, struct hub_verdict *v) {
    bool goes_on = h->script->next && !(h->keys && v->code) && !hub_life_of(h->hub->engine)->stopped;
    if (!h->keys || v->code) return goes_on;
    json_t *all = merge_results(h->result, v->result);
    json_decref(h->result);
    h->result = all;
    v->result = hub_json_nil(all) ? NULL : all;
    return goes_on;
}

/* ---- running ---- */

static void start_turn(struct hub_life *life);

static void end_hook(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct hub_life *life = h->takes_turn ? hub_life_of(h->hub->engine) : NULL;
    json_t *result = h->result;
    while (h->var_n) json_decref(h->vars[--h->var_n].value);
    hub_unhold(&h->hold);
    h->ended(h, v); /* H may be gone */
    json_decref(result);
    if (!life) return;
    life->running_n--;
    start_turn(life);
}

static void on_ran(void *arg, const struct hub_hook_outcome *o) {
    struct hub_life_hook *h = arg;
    struct hub_verdict v = judge_outcome(h, o);
    if (!take_verdict(h, &v)) {
        end_hook(h, &v);
        return;
    }
    h->script = h->script->next;
    hub_life_run(h);
}

void hub_life_run(struct hub_life_hook *h) {
    const struct hub_engine_config *config = &h->hub->engine->config;
    const struct hub_verdict nothing = {.code = HUB_OK};
    if (h->script->kind == HUB_SCRIPT_NONE) {
        end_hook(h, &nothing);
        return;
    }
    const struct hub_hook_chain chain = {
        .steps = &h->script, .step_n = 1, .caller = &h->hub->caller, .vars = h->vars, .var_n = h->var_n};
    config->hooks->run(config->scripts, &chain, on_ran, h);
}

void hub_life_decide(struct hub_life_hook *h, const char *keys) {
    h->keys = keys;
    hub_life_run(h);
}

/* ---- turns ---- */

/* One more that waits, or one less. */
static void count_waiting(struct hub_life *life, const struct hub_life_hook *h, int by) {
    life->waiting_n += (size_t)by;
    hub_metric_add(&waiting_gauge, by);
    if (h->one)
        HUB_UNUSED(hub_map_count(&life->waiting_of, hub_cstr(h->one), by), "the bound is kept by who is let in");
}

static struct hub_life_hook *next_hook(struct hub_life *life) {
    struct hub_list *first = hub_list_pop(&life->waiting);
    struct hub_life_hook *h = first ? HUB_CONTAINER(first, struct hub_life_hook, link) : NULL;
    if (h) count_waiting(life, h, -1);
    return h;
}

static void on_turn(struct hub_timer *t) {
    struct hub_life *life = HUB_CONTAINER(t, struct hub_life, turn);
    struct hub_life_hook *h;
    for (int n = 0; n < RUNNING_MAX && life->running_n < RUNNING_MAX && (h = next_hook(life)); n++) {
        life->running_n++;
        h->takes_turn = true;
        hub_life_run(h);
    }
    start_turn(life);
}

/* In a turn of the loop of its own: whoever has something to tell is in the midst of it. */
static void start_turn(struct hub_life *life) {
    if (life->stopped || hub_list_empty(&life->waiting) || life->running_n >= RUNNING_MAX) return;
    if (!hub_timer_running(&life->turn)) hub_timer_start(life->engine->config.loop, &life->turn, 0, on_turn);
}

void hub_life_tell(struct hub_life_hook *h) {
    struct hub_life *life = hub_life_of(h->hub->engine);
    hub_list_push(&life->waiting, &h->link);
    count_waiting(life, h, 1);
    if (life->stopped)
        hub_life_drop(life);
    else
        start_turn(life);
}

void hub_life_drop(struct hub_life *life) {
    const struct hub_verdict over = {.code = HUB_SHUTTING_DOWN};
    for (struct hub_life_hook *h; (h = next_hook(life));) end_hook(h, &over);
}
