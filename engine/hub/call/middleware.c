/* Middleware around what clients ask for: scripts before it, which may refuse it or change its arguments,
 * and scripts after it (contract: extensions.md "middleware and commands"). Here for messages, events and
 * requests; commands run theirs as one with their own script (hub/command).
 *
 * A call is judged by all gates before its middleware sees it, so that nobody makes scripts run by what he
 * may not do, and by all gates again afterwards, since arguments, rights and the room may be others by
 * then. */
#include <stdlib.h>

#include "base/memory/block.h"
#include "hub/call/call.h"

/* The middleware around one call, until its last script has ended. */
struct hub_wrapping {
    struct hub_hold hold; /* so that its definition stays */
    struct hub_hub *hub;
    const struct hub_def_parts *parts; /* those of the definition under which it began */
    enum hub_around around;
    struct hub_call *call; /* NULL once it was answered */
    bool asked;            /* those before it */
    json_t *payload;       /* as it was carried out, if those after it want that; else NULL */
    json_t *added;         /* what those before it have put into ctx; NULL: nothing */
    /* Of those after it: */
    struct hub_task task;
    struct hub_conn *conn; /* reference; NULL for REST */
    struct hub_call_context context;
    struct hub_backlog_entry waits;
};

static struct hub_metric around_total =
    HUB_METRIC(HUB_COUNTER, "hubd_middleware_total", NULL, "Messages, events and requests that middleware was around");

/* ---- steps ---- */

static bool is_around(const struct hub_def_middleware *m, enum hub_around around) {
    return !m->kinds || m->kinds & 1u << around; /* what stands in a command has no kinds */
}

static void add_befores(struct hub_steps *s, const struct hub_def_middleware *m, size_t n, enum hub_around around) {
    for (size_t i = 0; i < n; i++)
        if (is_around(&m[i], around) && m[i].before.kind != HUB_SCRIPT_NONE) s->items[s->n++] = &m[i].before;
}

static void add_afters(struct hub_steps *s, const struct hub_def_middleware *m, size_t n, enum hub_around around) {
    while (n--)
        if (is_around(&m[n], around) && m[n].after.kind != HUB_SCRIPT_NONE) s->items[s->n++] = &m[n].after;
}

static struct hub_steps steps_new(size_t most) {
    return (struct hub_steps){.items = hub_block_take(most * sizeof(const struct hub_script *))};
}

struct hub_steps hub_steps_of(const struct hub_def_parts *all, const struct hub_def_command *own,
                              enum hub_around around) {
    struct hub_steps s = steps_new(2 * (all->middleware_n + own->middleware_n) + 1);
    add_befores(&s, all->middleware, all->middleware_n, around);
    add_befores(&s, own->middleware, own->middleware_n, around);
    s.main = s.n;
    s.items[s.n++] = &own->script;
    add_afters(&s, own->middleware, own->middleware_n, around);
    add_afters(&s, all->middleware, all->middleware_n, around);
    return s;
}

struct hub_steps hub_steps_before(const struct hub_def_parts *all, enum hub_around around) {
    struct hub_steps s = steps_new(all->middleware_n);
    add_befores(&s, all->middleware, all->middleware_n, around);
    s.main = s.n;
    return s;
}

struct hub_steps hub_steps_after(const struct hub_def_parts *all, enum hub_around around) {
    struct hub_steps s = steps_new(all->middleware_n);
    add_afters(&s, all->middleware, all->middleware_n, around);
    s.main = s.n;
    return s;
}

void hub_steps_free(struct hub_steps *s) {
    hub_block_give(s->items);
    *s = (struct hub_steps){0};
}

bool hub_steps_want(const struct hub_engine *e, const struct hub_steps *s, const char *variable) {
    for (size_t i = 0; i < s->n; i++)
        if (hub_script_wants(e, s->items[i], variable)) return true;
    return false;
}

bool hub_code_of_script(struct hub_str s) {
    if (!s.n || s.n > 64 || s.p[0] < 'a' || s.p[0] > 'z') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", s.p[i])) return false;
    return true;
}

/* ---- what scripts see ---- */

void hub_context_add(struct hub_call_context *x, const char *name, json_t *value) {
    x->vars[x->n++] = (struct hub_hook_arg){name, value ? value : json_null()};
}

/* Of a call that is about a room which it is not in, as hub:join is, the id that it names. */
static HUB_MUST json_t *room_id_of(const struct hub_call *call) {
    struct hub_str named = hub_call_str(call, "roomId");
    if (call->room) return json_string(call->room->id);
    return hub_id_ok(named) ? hub_json_string(named) : NULL;
}

static void add_room(struct hub_call_context *x, const struct hub_call *call) {
    const struct hub_room *room = call->room;
    const char *object = room ? call->hub->def->room_object->name : "room";
    hub_context_add(x, "roomId", room_id_of(call));
    hub_context_add(x, "room", room ? json_incref(room->record) : NULL);
    if (strcmp(object, "room") != 0) hub_context_add(x, object, json_incref(room->record));
    hub_context_add(x, "hubRole", room ? hub_rights_name_json(&call->rights) : NULL);
}

void hub_context_fill(struct hub_call_context *x, const struct hub_call *call, struct hub_str name, json_t *payload,
                      const struct hub_steps *steps) {
    const struct hub_engine *e = call->hub->engine;
    static const char *const kinds[] = {[HUB_AROUND_REQUESTS] = "request",
                                        [HUB_AROUND_COMMANDS] = "command",
                                        [HUB_AROUND_MESSAGES] = "message",
                                        [HUB_AROUND_EVENTS] = "event"};
    char own[HUB_TRACEPARENT_LEN + 1];
    if (hub_steps_want(e, steps, "kind"))
        hub_context_add(x, "kind", hub_json_string(hub_cstr(kinds[call->command->around])));
    if (hub_steps_want(e, steps, "name")) hub_context_add(x, "name", hub_json_string(name));
    hub_context_add(x, "payload", payload);
    hub_context_add(x, "session", json_incref(hub_identity_session(call->who)));
    if (hub_steps_want(e, steps, "connection"))
        hub_context_add(x, "connection", call->conn ? hub_conn_json(call->conn) : NULL);
    add_room(x, call);
    const char *trace = hub_call_traceparent(call, own);
    json_t *told = trace ? json_string(trace) : NULL;
    hub_context_add(x, "traceparent", told);
    x->trace = told ? json_string_value(told) : NULL;
}

void hub_context_free(struct hub_call_context *x) {
    while (x->n) json_decref(x->vars[--x->n].value);
}

/* What a client of the socket would call it, whatever path or other name it came by. */
static struct hub_str name_of(const struct hub_call *call) {
    const char *other = call->command->stands_for.name;
    return hub_cstr(other ? other : call->command->name);
}

static HUB_MUST json_t *payload_of(const struct hub_call *call) {
    json_t *payload = hub_call_payload(call);
    const char *flag = call->command->stands_for.flag;
    if (!flag) return payload;
    json_t *told = json_copy(payload);
    json_object_set_new(told, flag, json_true());
    json_decref(payload);
    return told;
}

/* ---- before ---- */

static bool any_step(const struct hub_def_parts *p, enum hub_around around, size_t script) {
    for (size_t i = 0; i < p->middleware_n; i++) {
        const struct hub_def_middleware *m = &p->middleware[i];
        const struct hub_script *step = (const struct hub_script *)((const char *)m + script);
        if (is_around(m, around) && step->kind != HUB_SCRIPT_NONE) return true;
    }
    return false;
}
static bool any_before(const struct hub_def_parts *p, enum hub_around around) {
    return any_step(p, around, offsetof(struct hub_def_middleware, before));
}
static bool any_after(const struct hub_def_parts *p, enum hub_around around) {
    return any_step(p, around, offsetof(struct hub_def_middleware, after));
}

void hub_middleware_begin(struct hub_call *call) {
    const struct hub_def_parts *parts = &call->hub->def->parts;
    enum hub_around around = call->command->around;
    bool before = any_before(parts, around);
    if (call->uncounted || around == HUB_AROUND_COMMANDS || (!before && !any_after(parts, around))) return;
    struct hub_wrapping *w = call->wrapping = hub_xcalloc(1, sizeof *w);
    *w = (struct hub_wrapping){.hub = call->hub, .parts = parts, .around = around, .call = call, .asked = !before};
    hub_hold(&call->hub->engine->holds, &w->hold, "middleware");
    hub_metric_add(&around_total, 1);
    /* Reads change nothing, and wait for their turn anyway; a hub:join has an order of its own. */
    if (before && call->conn && !(call->command->flags & HUB_READS)) hub_order_judging(call);
}

static void wrapping_free(struct hub_wrapping *w) {
    hub_unhold(&w->hold);
    hub_backlog_drop(&w->waits);
    json_decref(w->payload);
    json_decref(w->added);
    hub_context_free(&w->context);
    if (w->conn) hub_conn_unref(w->conn);
    free(w);
}

static void refuse_failed(struct hub_call *call, const struct hub_script *step, enum hub_code code, const char *error) {
    hub_hook_failed(call->hub, step, code, error);
    hub_call_fail(call, code, NULL);
}

/* What middleware has made of the arguments. False: it cannot be used, and the call was refused. */
static bool take_changes(struct hub_wrapping *w, json_t *payload) {
    struct hub_call *call = w->call;
    const struct hub_dispatch *row = hub_dispatch_find(call->hub->engine, hub_cstr(call->command->name));
    if (!json_is_object(payload)) {
        struct hub_steps s = hub_steps_before(w->parts, w->around);
        refuse_failed(call, s.items[s.n - 1], HUB_HANDLER_FAILED, "ctx.payload is no object any more");
        hub_steps_free(&s);
        return false;
    }
    if (call->command->stands_for.flag) json_object_del(payload, call->command->stands_for.flag);
    hub_call_take_payload(call, json_incref(payload));
    return hub_call_keys(call, row->keys) && hub_call_waits(call, 0);
}

static void on_before(void *arg, const struct hub_hook_outcome *o) {
    struct hub_wrapping *w = arg;
    struct hub_call *call = w->call;
    struct hub_str code = hub_json_get_str(o->thrown, "code"), message = hub_json_get_str(o->thrown, "message");
    if (o->code && hub_code_of_script(code)) {
        hub_call_refuse(call, code, message.n ? message : code, json_object_get(o->thrown, "data"));
    } else if (o->code) {
        refuse_failed(call, o->script, o->code, o->error);
    } else {
        w->added = json_incref(o->added);
        if (!o->payload || take_changes(w, o->payload)) hub_call_again(call);
    }
}

/* Runs STEPS with what X holds, and what CHAIN says beside that; frees both. W and its call may be gone. */
static void run_steps(struct hub_wrapping *w, struct hub_steps *steps, struct hub_call_context *x,
                      struct hub_hook_chain chain, hub_hook_ran *done) {
    const struct hub_engine_config *config = &w->hub->engine->config;
    chain.steps = steps->items;
    chain.step_n = steps->n;
    chain.main = steps->main;
    chain.caller = &w->hub->caller;
    chain.vars = x->vars;
    chain.var_n = x->n;
    chain.traceparent = x->trace;
    config->hooks->run(config->scripts, &chain, done, w);
    hub_context_free(x);
    hub_steps_free(steps);
}

static void ask_befores(struct hub_wrapping *w) {
    struct hub_steps steps = hub_steps_before(w->parts, w->around);
    struct hub_call_context x = {.n = 0};
    hub_context_fill(&x, w->call, name_of(w->call), payload_of(w->call), &steps);
    const struct hub_hook_chain chain = {.keeps_payload = true, .keeps_added = any_after(w->parts, w->around)};
    run_steps(w, &steps, &x, chain, on_before);
}

/* Those after it see the arguments that it ran with. */
static void keep_payload(struct hub_wrapping *w) {
    struct hub_steps steps = hub_steps_after(w->parts, w->around);
    if (hub_steps_want(w->hub->engine, &steps, "payload")) w->payload = payload_of(w->call);
    hub_steps_free(&steps);
}

bool hub_middleware_ask(struct hub_call *call) {
    struct hub_wrapping *w = call->wrapping;
    if (w->asked) {
        keep_payload(w);
        return false;
    }
    w->asked = true;
    if (hub_call_waits(call, 0)) ask_befores(w);
    return true;
}

/* ---- after ---- */

static void on_after(void *arg, const struct hub_hook_outcome *o) {
    struct hub_wrapping *w = arg;
    struct hub_conn *c = w->conn ? hub_conn_ref(w->conn) : NULL;
    if (o->code) hub_hook_failed(w->hub, o->script, o->code, o->error);
    wrapping_free(w);
    if (!c) return;
    hub_order_after(c);
    hub_conn_unref(c);
}

static void run_afters(struct hub_task *task) {
    struct hub_wrapping *w = HUB_CONTAINER(task, struct hub_wrapping, task);
    struct hub_steps steps = hub_steps_after(w->parts, w->around);
    struct hub_call_context x = w->context;
    w->context.n = 0;
    run_steps(w, &steps, &x, (struct hub_hook_chain){.added = w->added}, on_after);
}

static HUB_MUST json_t *result_json(struct hub_str fields) {
    struct hub_buf b = {0};
    hub_buf_addc(&b, '{');
    hub_buf_adds(&b, fields);
    hub_buf_addc(&b, '}');
    json_t *result = hub_json_parse(hub_buf_str(&b), NULL);
    hub_buf_free(&b);
    return result;
}

/* There is no room for what waits: it is as if the script had failed. */
static bool may_wait(struct hub_wrapping *w, const struct hub_steps *steps) {
    struct hub_backlog *all = &w->hub->engine->backlog;
    struct hub_err err;
    size_t bytes = sizeof *w;
    for (size_t i = 0; i < w->context.n; i++) bytes += hub_json_cost(w->context.vars[i].value);
    if (hub_backlog_set(all, &w->waits, bytes, NULL)) return true;
    HUB_UNUSED(hub_backlog_refuse(all, &err), "err has the code");
    hub_hook_failed(w->hub, steps->items[0], err.code, err.text);
    return false;
}

/* Not at once: the room is told of it first, and whoever has answered may be in the midst of something. */
void hub_middleware_succeeded(struct hub_call *call, struct hub_str fields) {
    struct hub_wrapping *w = call->wrapping;
    struct hub_steps steps = hub_steps_after(w->parts, w->around);
    if (steps.n) {
        hub_context_fill(&w->context, call, name_of(call), w->payload, &steps);
        hub_context_add(&w->context, "result",
                        hub_steps_want(w->hub->engine, &steps, "result") ? result_json(fields) : NULL);
        w->payload = NULL;
    }
    if (steps.n && may_wait(w, &steps)) {
        call->wrapping = NULL;
        w->call = NULL;
        w->conn = call->conn ? hub_conn_ref(call->conn) : NULL;
        if (w->conn) hub_order_afterwards(w->conn);
        w->task.run = run_afters;
        hub_defer(w->hub->engine->config.loop, &w->task);
    }
    hub_steps_free(&steps);
}

void hub_middleware_end(struct hub_call *call) {
    wrapping_free(call->wrapping);
    call->wrapping = NULL;
}
