/* A call: take a coroutine from the pool, run it until it ends or waits, take its result. The only door
 * into Lua. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/metric.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "scripting/expression/direct.h"
#include "scripting/scripting_int.h"

enum { IDLE_MAX = 64, NESTED_MAX = 16 };
static const uint64_t CLOSING_NS = 5000000; /* for the __close handlers of a call that was ended */

/* ---- tasks ---- */

static int new_thread(lua_State *L) {
    struct hub_script_task *t = lua_touserdata(L, 1);
    t->co = lua_newthread(L);
    t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int drop_thread(lua_State *L) {
    const struct hub_script_task *t = lua_touserdata(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, t->ref);
    return 0;
}

bool hub_scripts_protect(struct hub_scripts *s, lua_CFunction fn, void *arg, struct hub_err *err) {
    lua_pushcfunction(s->L, fn);
    lua_pushlightuserdata(s->L, arg);
    if (lua_pcall(s->L, 1, 0, 0) == LUA_OK) return true;
    const char *text = lua_tostring(s->L, -1);
    hub_err_set(err, HUB_HANDLER_FAILED, "%s", text ? text : "an error that is not a string");
    lua_pop(s->L, 1);
    return false;
}

struct hub_script_task *hub_script_task_take(struct hub_scripts *s) {
    struct hub_list *idle = hub_list_pop(&s->idle);
    struct hub_script_task *t;
    if (idle) {
        t = HUB_CONTAINER(idle, struct hub_script_task, link);
        s->idle_n--;
    } else {
        t = hub_xcalloc(1, sizeof *t);
        t->s = s;
        hub_list_init(&t->link);
        hub_list_init(&t->ready);
        if (!hub_scripts_protect(s, new_thread, t, NULL)) {
            free(t);
            return NULL;
        }
    }
    t->cpu_limit = (uint64_t)s->service->script_cpu_ms * 1000000u;
    t->cpu_used = 0;
    t->started = hub_clock_mono_ms(s->clock);
    t->wall_ms = s->service->script_wall_ms;
    hub_lua_arm(t->co);
    hub_list_push(&s->active, &t->link);
    return t;
}

/* ---- what a call leaves behind ---- */

/* Unwinds a thread that did not return. Its __close handlers get a small budget of their own; no other
 * code of the script runs. */
static void unwind_task(struct hub_script_task *t) {
    struct hub_scripts *s = t->s;
    lua_State *running = s->running;
    struct hub_script_task *current = s->current;
    t->doom = HUB_DOOM_NONE;
    t->cpu_limit = CLOSING_NS;
    t->cpu_used = 0;
    s->current = t;
    s->running = t->co;
    hub_lua_arm(t->co);
    hub_script_slice_begin(t);
    lua_resetthread(t->co);
    s->current = current;
    s->running = running;
}

static bool has_frames(lua_State *co) {
    lua_Debug ar;
    return lua_status(co) != LUA_OK || lua_getstack(co, 0, &ar);
}

/* Takes everything of the call out of T's thread, whatever ended it, and says whether it worked: no value,
 * no function, no __close handler that still waits, no question to the engine, hooks that are alive. Only
 * such a thread may serve another call, for what is left on its stack would be read as the first result of
 * that one. */
static bool scrub_thread(struct hub_script_task *t) {
    if (t->call) hub_script_call_abandon(t);
    if (t->tx) t->tx->drop(t->tx);
    t->tx = NULL;
    if (t->hook_raised) return false;
    bool frames = has_frames(t->co);
    if (frames) {
        unwind_task(t);
        frames = has_frames(t->co);
    }
    lua_settop(t->co, 0);
    return !frames && !t->hook_raised && !t->call && !*(void **)lua_getextraspace(t->co);
}

static void reset_task(struct hub_script_task *t) {
    *t = (struct hub_script_task){.s = t->s, .co = t->co, .ref = t->ref};
    hub_list_init(&t->link);
    hub_list_init(&t->ready);
}

/* Nothing can end T any more, nor wake it. */
static void retire_task(struct hub_script_task *t) {
    struct hub_scripts *s = t->s;
    hub_list_remove(&t->link);
    hub_list_remove(&t->ready);
    if (!s->loop) return;
    hub_timer_stop(s->loop, &t->wall);
    hub_timer_stop(s->loop, &t->sleep);
}

/* Back to the pool, or away with it: the only way that a call's task goes. */
void hub_script_task_drop(struct hub_script_task *t) {
    struct hub_scripts *s = t->s;
    retire_task(t);
    bool clean = scrub_thread(t);
    json_decref(t->room_id);
    free(t->steps);
    if (!clean || s->idle_n >= IDLE_MAX) {
        hub_scripts_protect(s, drop_thread, t, NULL);
        free(t);
        return;
    }
    reset_task(t);
    hub_list_push_front(&s->idle, &t->link);
    s->idle_n++;
}

/* ---- into the script ---- */

static bool is_mentioned(const struct hub_compiled *c, const char *name) {
    return (c->beginnings & hub_word_bit(name[0], name[0] ? name[1] : 0)) && hub_map_get(&c->words, hub_cstr(name));
}

/* Of an object whose members the expression only reads by name: those that it names. */
static void push_members(lua_State *L, const struct hub_compiled *c, json_t *object) {
    lua_createtable(L, 0, 4);
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        struct hub_str key = hub_str(json_object_iter_key(it), json_object_iter_key_len(it));
        if (!hub_map_get(&c->words, key)) continue;
        lua_pushlstring(L, key.p, key.n);
        hub_lua_push_json(L, json_object_iter_value(it), NULL);
        lua_rawset(L, -3);
    }
}

static void push_arg(lua_State *L, const struct hub_compiled *c, const struct hub_hook_arg *arg) {
    /* An empty table may be an empty array, which has a length: then nothing is left out. */
    bool members = c->expr && json_is_object(arg->value) && !hub_map_get(&c->whole, hub_cstr(arg->name)) &&
                   !is_mentioned(c, "length");
    if (members)
        push_members(L, c, arg->value);
    else
        hub_lua_push_json(L, arg->value ? arg->value : json_null(), NULL);
}

/* To the environment on top. */
static void set_globals(lua_State *L, const struct hub_compiled *c) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->expr ? c->library->ref_expr_mt : c->library->ref_env_mt);
    lua_setmetatable(L, -2);
}

/* Most scripts name few of their variables, and a table costs by its size. */
static void push_env(lua_State *L, const struct hub_script_task *t) {
    lua_createtable(L, 0, t->arg_n < 4 ? (int)t->arg_n : 4);
    for (size_t i = 0; i < t->arg_n; i++) {
        if (!is_mentioned(t->script, t->args[i].name)) continue;
        if (t->socket && strcmp(t->args[i].name, "namespace") == 0)
            hub_lua_push_namespace(L, t->args[i].value);
        else
            push_arg(L, t->script, &t->args[i]);
        lua_setfield(L, -2, t->args[i].name);
    }
    if (t->socket && is_mentioned(t->script, "socket")) {
        hub_lua_push_socket(L, t->socket);
        lua_setfield(L, -2, "socket");
    }
    set_globals(L, t->script);
}

static int entry_done(lua_State *L, int status, lua_KContext ctx) {
    (void)status, (void)ctx;
    return lua_gettop(L);
}

/* The first function of every task's coroutine: all that may raise happens inside it. */
static int task_entry(lua_State *L) {
    const struct hub_script_task *t = hub_scripts_of(L)->current;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->script->ref);
    push_env(L, t);
    size_t n = t->event_args ? json_array_size(t->event_args) : 0;
    luaL_checkstack(L, (int)n + 8, "too many arguments");
    for (size_t i = 0; i < n; i++) hub_lua_push_json(L, json_array_get(t->event_args, i), t->bins);
    lua_callk(L, 1 + (int)n, LUA_MULTRET, 0, entry_done);
    return entry_done(L, LUA_OK, 0);
}

/* ---- chains ---- */

/* Of the first N steps. */
static bool any_of_wants(const struct hub_script_task *t, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (is_mentioned(t->steps[i], name)) return true;
    return false;
}
static bool any_step_wants(const struct hub_script_task *t, const char *name) {
    return any_of_wants(t, t->step_n, name);
}

/* The table that all steps share; whoever names it may read any of it. */
static void push_ctx(lua_State *L, const struct hub_script_task *t) {
    bool all = any_step_wants(t, "ctx");
    lua_createtable(L, 0, (int)t->arg_n + 1);
    for (size_t i = 0; i < t->arg_n; i++) {
        if (!all && !any_step_wants(t, t->args[i].name)) continue;
        hub_lua_push_json(L, t->args[i].value ? t->args[i].value : json_null(), NULL);
        lua_setfield(L, 1, t->args[i].name);
    }
    const char *key;
    json_t *v;
    if (all) json_object_foreach((json_t *)(uintptr_t)t->added, key, v) {
            hub_lua_push_json(L, v, NULL);
            lua_setfield(L, 1, key);
        }
    if (!t->stream || !(all || any_step_wants(t, "stream"))) return;
    hub_lua_push_stream(L, t->stream);
    lua_setfield(L, 1, "stream");
}

/* The names of a chain's variables are needed for every step, when the arguments are gone. */
static void push_names(lua_State *L, const struct hub_script_task *t) {
    lua_createtable(L, (int)t->arg_n, 0);
    for (size_t i = 0; i < t->arg_n; i++) {
        lua_pushstring(L, t->args[i].name);
        lua_rawseti(L, 2, (int)i + 1);
    }
    if (!t->stream) return;
    lua_pushliteral(L, "stream");
    lua_rawseti(L, 2, (int)t->arg_n + 1);
}

enum { CHAIN_CTX = 1, CHAIN_NAMES, CHAIN_TOP = CHAIN_NAMES };

static void push_step_env(lua_State *L, const struct hub_script_task *t) {
    lua_newtable(L);
    for (int i = 1; lua_rawgeti(L, CHAIN_NAMES, i) == LUA_TSTRING; i++) {
        if (is_mentioned(t->script, lua_tostring(L, -1))) {
            lua_pushvalue(L, -1);
            lua_pushvalue(L, -1);
            lua_rawget(L, CHAIN_CTX);
            lua_rawset(L, -4);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, CHAIN_CTX);
    lua_setfield(L, -2, "ctx");
    set_globals(L, t->script);
}

static bool is_chain_name(lua_State *L, int key) {
    bool is = false;
    for (int i = 1; !is && lua_rawgeti(L, CHAIN_NAMES, i) == LUA_TSTRING; i++) {
        is = lua_rawequal(L, -1, key);
        lua_pop(L, 1);
    }
    if (!is) lua_pop(L, 1);
    return is;
}

/* A table of what the steps have put into ctx beside its variables and the result. */
static void push_added(lua_State *L) {
    lua_newtable(L);
    int out = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, CHAIN_CTX)) {
        bool theirs = lua_type(L, out + 1) == LUA_TSTRING && !is_chain_name(L, out + 1);
        if (theirs && strcmp(lua_tostring(L, out + 1), "result") != 0) {
            lua_pushvalue(L, out + 1);
            lua_pushvalue(L, out + 2);
            lua_rawset(L, out);
        }
        lua_settop(L, out + 1);
    }
}

/* ctx.payload as JSON into *HELD. */
static void hold_payload(lua_State *L, json_t **held) {
    struct hub_to_json o = {0};
    lua_pushliteral(L, "payload");
    lua_rawget(L, CHAIN_CTX);
    *held = hub_lua_to_json(L, -1, &o);
    hub_to_json_drop(&o);
    if (!*held) hub_lua_fail(L, "ctx.payload cannot be used: %s", o.why);
}

static void ask_admission(lua_State *L, struct hub_script_task *t) {
    struct hub_err err;
    bool changed = false;
    json_t **payload = hub_lua_hold(L);
    if (any_of_wants(t, t->main_step, "ctx") || any_of_wants(t, t->main_step, "payload")) hold_payload(L, payload);
    t->refused = t->admit(t->arg, *payload, &changed, &err);
    if (t->refused) {
        lua_pushstring(L, err.text);
        lua_error(L);
    }
    if (changed) {
        hub_lua_push_json(L, *payload, NULL);
        lua_setfield(L, CHAIN_CTX, "payload");
    }
    json_decref(*payload);
    *payload = NULL;
    lua_settop(L, CHAIN_TOP);
}

/* AT: the step that has just ended, its result on top; -1: none yet. Returns the result, ctx.payload if any
 * step may have changed it, and what was added to ctx if that is wanted. */
static int run_steps(lua_State *L, int status, lua_KContext at) {
    struct hub_script_task *t = hub_scripts_of(L)->current;
    (void)status;
    for (;; at++) {
        if (at >= 0 && (size_t)at == t->main_step) {
            lua_pushvalue(L, -1);
            lua_setfield(L, CHAIN_CTX, "result");
        }
        if ((size_t)(at + 1) == t->step_n) break;
        lua_settop(L, CHAIN_TOP);
        if (t->admit && at >= 0 && (size_t)(at + 1) == t->main_step) ask_admission(L, t);
        t->script = t->steps[at + 1];
        lua_rawgeti(L, LUA_REGISTRYINDEX, t->script->ref);
        push_step_env(L, t);
        lua_callk(L, 1, 1, at + 1, run_steps);
    }
    if (t->main_step < t->step_n) {
        lua_pushliteral(L, "result");
        lua_rawget(L, CHAIN_CTX);
    }
    if (!t->keeps_payload || (!any_step_wants(t, "ctx") && !any_step_wants(t, "payload"))) return 1;
    lua_pushliteral(L, "payload");
    lua_rawget(L, CHAIN_CTX);
    if (!t->keeps_added || !any_step_wants(t, "ctx")) return 2;
    push_added(L);
    return 3;
}

/* The only step of a chain that nobody asks what became of ctx: it needs no table but its variables. */
static int lone_entry(lua_State *L) {
    const struct hub_script_task *t = hub_scripts_of(L)->current;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->script->ref);
    push_env(L, t);
    lua_callk(L, 1, 1, 0, entry_done);
    return entry_done(L, LUA_OK, 0);
}

static int chain_entry(lua_State *L) {
    const struct hub_script_task *t = hub_scripts_of(L)->current;
    luaL_checkstack(L, 16, "a chain");
    push_ctx(L, t);
    push_names(L, t);
    return run_steps(L, LUA_OK, -1);
}

/* ---- out of the script ---- */

static bool has_position(const char *text) {
    const char *colon = strchr(text, ':');
    if (!colon || !isdigit((unsigned char)colon[1])) return false;
    return strchr(colon + 1, ':') != NULL;
}

static void describe_error(struct hub_script_task *t, int status, char *out, size_t size) {
    lua_State *co = t->co;
    char where[160];
    const struct hub_service *service = t->s->service;
    hub_lua_where(co, 0, where, sizeof where);
    if (!where[0]) snprintf(where, sizeof where, "%s:%d", t->script->script->file, t->script->script->line);
    const char *at = t->where[0] ? t->where : where;
    if (t->doom == HUB_DOOM_CPU) {
        snprintf(out, size, "%s: the script used more than %lld ms of CPU time", at,
                 (long long)(t->cpu_limit / 1000000));
    } else if (t->doom == HUB_DOOM_WALL) {
        snprintf(out, size, "%s: the script was not done after %lld ms", at, (long long)t->wall_ms);
    } else if (t->doom == HUB_DOOM_MEMORY || status == LUA_ERRMEM) {
        snprintf(out, size, "%s: not enough memory: the service's scripts may use %lld MiB", at,
                 (long long)service->script_memory_mib);
    } else if (t->doom == HUB_DOOM_SHUTDOWN) {
        snprintf(out, size, "shutting down");
    } else if (lua_type(co, -1) == LUA_TSTRING) {
        char text[400];
        snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, lua_tostring(co, -1)); /* it may be long */
        hub_utf8_trim(text);
        snprintf(out, size, "%s%s%s", has_position(text) ? "" : where, has_position(text) ? "" : ": ", text);
    } else if (lua_type(co, -1) == LUA_TTABLE) { /* error{code=, message=}; read raw */
        lua_checkstack(co, 4);
        lua_pushliteral(co, "code");
        lua_rawget(co, -2);
        lua_pushliteral(co, "message");
        lua_rawget(co, -3);
        const char *code = lua_type(co, -2) == LUA_TSTRING ? lua_tostring(co, -2) : "error";
        const char *text = lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : "(a table without message)";
        snprintf(out, size, "%s: %.*s: %.*s", where, HUB_CUTZ(code, 100), HUB_CUTZ(text, 300));
    } else {
        snprintf(out, size, "%s: the error is a %s", where, luaL_typename(co, -1));
    }
    hub_utf8_trim(out);
}

static struct hub_metric calls_total =
    HUB_METRIC(HUB_COUNTER, "hubd_script_calls_total", NULL, "Calls of hooks and handlers");

static void count_failure(enum hub_code code) {
    const char *help = "Calls of hooks and handlers that failed, by reason";
    hub_metric_add(
        hub_metric_labelled("hubd_script_failures_total", help, HUB_COUNTER, "code", hub_cstr(hub_code_name(code))), 1);
}

/* Results of an ended run as JSON; NULL and a text when they have no JSON form. */
static HUB_MUST json_t *results_of(struct hub_script_task *t, int n, struct hub_to_json *o) {
    lua_State *co = t->co;
    if (!t->event_done) return n ? hub_lua_to_json(co, lua_gettop(co) - n + 1, o) : json_null();
    json_t *all = json_array();
    o->binary = true;
    int first = lua_gettop(co) - n + 1;
    if (t->script->expr && lua_isnil(co, first)) n = 0; /* an expression that gives undefined answers nothing */
    if (n && lua_touserdata(co, first) == t->s->no_ack) {
        json_decref(all);
        return json_null();
    }
    for (int i = 0; i < n; i++) {
        json_t *v = hub_lua_to_json(co, first + i, o);
        if (v) {
            json_array_append_new(all, v);
            continue;
        }
        json_decref(all);
        return NULL;
    }
    return all;
}

static void deliver_result(struct hub_script_task *t, enum hub_code code, json_t *result, const struct hub_to_json *o,
                           const char *error) {
    /* Copied: the task goes back first, so that what DONE starts can use it. Only binary results keep it:
     * their bytes live in Lua. */
    struct hub_script_task ended = *t;
    bool borrowed = code == HUB_OK && o->bins.n;
    if (code != HUB_OK) count_failure(code);
    if (borrowed)
        retire_task(t);
    else
        hub_script_task_drop(t);
    if (ended.event_done)
        ended.event_done(ended.arg, code, result, code == HUB_OK ? &o->bins : NULL, error);
    else if (ended.done)
        ended.done(ended.arg, code, result, error);
    if (borrowed) hub_script_task_drop(t);
}

/* What a script throws on purpose, for whoever called: error{code = …}, or with a message. What the
 * engine's functions raise is not that. */
static HUB_MUST json_t *thrown_by(struct hub_script_task *t) {
    lua_State *co = t->co;
    struct hub_to_json o = {0};
    if (t->doom || lua_type(co, -1) != LUA_TTABLE) return NULL;
    if (lua_getmetatable(co, -1)) {
        lua_pop(co, 1); /* what describes the error looks at the top */
        return NULL;
    }
    json_t *thrown = hub_lua_to_json(co, -1, &o);
    hub_to_json_drop(&o);
    if (json_is_string(json_object_get(thrown, "code")) || json_is_string(json_object_get(thrown, "message")))
        return thrown;
    json_decref(thrown);
    return NULL;
}

/* The value at AT of the coroutine's stack into *OUT, which stays NULL for nil; false, with a text. */
static bool chain_value(struct hub_script_task *t, int at, json_t **out, char *error, size_t size) {
    struct hub_to_json o = {0};
    if (lua_isnil(t->co, at)) return true;
    *out = hub_lua_to_json(t->co, at, &o);
    if (!*out)
        snprintf(error, size, "%s:%d: the result cannot be used: %s", t->script->script->file, t->script->script->line,
                 o.why);
    hub_to_json_drop(&o);
    return *out != NULL;
}

/* What of the table at AT has a JSON form. */
static HUB_MUST json_t *chain_added(struct hub_script_task *t, int at) {
    json_t *all = json_object();
    struct hub_to_json o = {0}; /* of all together, so that they are bounded together */
    lua_checkstack(t->co, 4);
    lua_pushnil(t->co);
    while (lua_next(t->co, at)) {
        json_t *v = hub_lua_to_json(t->co, -1, &o);
        if (v) json_object_set_new(all, lua_tostring(t->co, -2), v);
        lua_pop(t->co, 1);
    }
    hub_to_json_drop(&o);
    return all;
}

/* TEXT: where the result goes that may be a text. */
static bool chain_results(struct hub_script_task *t, int n, struct hub_buf *text, struct hub_hook_outcome *o,
                          char *error, size_t size) {
    int first = lua_gettop(t->co) - n + 1;
    if (t->takes_text && n == 1 && hub_lua_to_text(t->co, first, text)) {
        o->text = hub_buf_str(text);
        return true;
    }
    if (!chain_value(t, first, &o->result, error, size)) return false;
    if (n == 1) return true;
    if (!chain_value(t, first + 1, &o->payload, error, size)) return false;
    if (!o->payload) o->payload = json_null();
    if (n == 3) o->added = chain_added(t, first + 2);
    return true;
}

/* The task goes back first, so that what is started now can use it. */
static void deliver_chain(struct hub_script_task *t, struct hub_hook_outcome *o) {
    hub_hook_ran *ran = t->ran;
    void *arg = t->arg;
    if (o->code != HUB_OK && !o->refused) count_failure(o->code);
    hub_script_task_drop(t);
    ran(arg, o);
    json_decref(o->result);
    json_decref(o->payload);
    json_decref(o->added);
    json_decref(o->thrown);
}

static enum hub_code failure_of(const struct hub_script_task *t) {
    return t->doom == HUB_DOOM_CPU || t->doom == HUB_DOOM_WALL ? HUB_SCRIPT_TIMEOUT : HUB_HANDLER_FAILED;
}

static void finish_chain(struct hub_script_task *t, int status, int results) {
    struct hub_scripts *s = t->s;
    struct hub_hook_outcome o = {.code = HUB_OK};
    struct hub_buf text = s->text; /* whoever is told may start others */
    char error[sizeof((struct hub_err){0}.text)];
    error[0] = 0;
    hub_buf_clear(&text);
    s->text = (struct hub_buf){0};
    if (t->refused && !t->doom && status == LUA_ERRRUN) {
        o.code = o.refused = t->refused;
        snprintf(error, sizeof error, "%s", lua_tostring(t->co, -1));
    } else if (t->doom || status != LUA_OK) {
        o.code = failure_of(t);
        if (status == LUA_ERRRUN) o.thrown = thrown_by(t);
        describe_error(t, status, error, sizeof error);
    } else if (!chain_results(t, results, &text, &o, error, sizeof error)) {
        o.code = HUB_HANDLER_FAILED;
    }
    o.script = t->script->script;
    o.error = error[0] ? error : NULL;
    deliver_chain(t, &o);
    hub_buf_free(&s->text);
    s->text = text;
}

static void collect_garbage(struct hub_scripts *s) {
    s->full_gc = false;
    lua_gc(s->L, LUA_GCCOLLECT);
}

static void finish_call(struct hub_script_task *t, int status, int results) {
    char error[400] = "";
    enum hub_code code = HUB_OK;
    struct hub_to_json o = {0};
    json_t *result = NULL;
    if (t->doom || status != LUA_OK) {
        code = failure_of(t);
        describe_error(t, status, error, sizeof error);
    } else {
        bool nothing = !results || lua_isnil(t->co, lua_gettop(t->co) - results + 1);
        result = results_of(t, results, &o);
        if (!result) {
            code = HUB_HANDLER_FAILED;
            snprintf(error, sizeof error, "%s:%d: the result cannot be used: %s", t->script->script->file,
                     t->script->script->line, o.why);
        } else if (nothing && !t->event_done) {
            json_decref(result);
            result = NULL;
        }
    }
    if (result) hub_to_json_end(&o);
    deliver_result(t, code, result, &o, error[0] ? error : NULL);
    json_decref(result);
    hub_to_json_drop(&o);
}

static void finish_task(struct hub_script_task *t, int status, int results) {
    struct hub_scripts *s = t->s;
    bool failed = t->doom || status != LUA_OK;
    if (failed) s->full_gc = t->doom == HUB_DOOM_MEMORY || status == LUA_ERRMEM;
    if (t->ran)
        finish_chain(t, status, results);
    else
        finish_call(t, status, results);
    if (s->full_gc && !s->running) collect_garbage(s);
}

/* ---- running ---- */

/* Runs T until it ends or waits; true when it ended. */
static bool resume_task(struct hub_script_task *t, int *status, int *results) {
    struct hub_scripts *s = t->s;
    struct hub_script_task *outer = s->current;
    lua_State *outer_running = s->running;
    if (outer) hub_script_slice_end(outer);
    s->current = t;
    s->running = t->co;
    s->depth++;
    hub_script_slice_begin(t);
    hub_lua_rearm(t->co);
    *status = lua_resume(t->co, outer_running, 0, results);
    hub_script_slice_end(t);
    s->depth--;
    s->current = outer;
    s->running = outer_running;
    if (outer) hub_script_slice_begin(outer);
    return *status != LUA_YIELD || !t->waiting || t->doom;
}

void hub_script_timer_start(struct hub_scripts *s, struct hub_timer *timer, int64_t ms,
                            void (*cb)(struct hub_timer *timer)) {
    int64_t late = hub_loop_now_exact(s->loop) - hub_loop_now(s->loop);
    hub_timer_start(s->loop, timer, ms + (late > 0 ? late : 0), cb);
}

static void on_wall(struct hub_timer *timer) {
    hub_script_kill(HUB_CONTAINER(timer, struct hub_script_task, wall), HUB_DOOM_WALL);
}

static void run_task(struct hub_script_task *t) {
    struct hub_scripts *s = t->s;
    int status, results;
    if (resume_task(t, &status, &results)) {
        finish_task(t, status, results);
        return;
    }
    t->args = NULL;
    t->added = NULL;
    t->socket = t->event_args = t->stream = NULL;
    t->bins = NULL;
    if (!s->loop || hub_timer_running(&t->wall)) return;
    int64_t left = t->wall_ms - (hub_loop_now_exact(s->loop) - t->started);
    hub_script_timer_start(s, &t->wall, left > 0 ? left : 0, on_wall);
}

static void drain_queue(struct hub_scripts *s) {
    struct hub_list *link;
    while (!s->current && (link = hub_list_pop(&s->ready)))
        run_task(HUB_CONTAINER(link, struct hub_script_task, ready));
}

bool hub_lua_can_wait(lua_State *L) {
    const struct hub_script_task *t = hub_scripts_of(L)->current;
    return lua_isyieldable(L) && !t->pinned && (t->done || t->event_done || t->ran);
}

void hub_script_wake(struct hub_script_task *t) {
    t->waiting = false;
    hub_list_remove(&t->ready);
    hub_list_push(&t->s->ready, &t->ready);
    drain_queue(t->s);
}

void hub_script_kill(struct hub_script_task *t, enum hub_script_doom why) {
    hub_list_remove(&t->ready);
    hub_script_doom_set(t, why, t->co);
    finish_task(t, LUA_YIELD, 0);
}

enum hub_code hub_script_run_now(struct hub_script_task *t, int *results, struct hub_err *err) {
    int status;
    resume_task(t, &status, results);
    if (status == LUA_OK) return HUB_OK;
    char text[400];
    describe_error(t, status, text, sizeof text);
    return hub_fail(err, HUB_HANDLER_FAILED, "%s", text);
}

/* ---- the start of a call ---- */

/* What S, or a state before it, has made of SCRIPT: work that began before a reload goes on calling scripts
 * of its own definition, which run in the state they were compiled for. NULL: nothing, or it has ended. */
static struct hub_compiled *find_compiled(const struct hub_scripts *s, const struct hub_script *script) {
    for (; s; s = s->older) {
        struct hub_compiled *c = script->number < s->service->script_n ? s->handles[script->number] : NULL;
        if (c && c->script == script) return c;
    }
    return NULL;
}

/* C: NULL is refused, as everything else that cannot be run. */
static struct hub_script_task *start_task(const struct hub_compiled *c, lua_CFunction first, const char **why) {
    hub_metric_add(&calls_total, 1);
    struct hub_scripts *s = c ? c->owner : NULL;
    struct hub_script_task *t = NULL;
    if (!c)
        *why = "the script was not compiled, or has ended with the service";
    else if (s->closing)
        *why = "shutting down";
    else if (s->depth >= NESTED_MAX)
        *why = "too many hooks that start each other";
    else if (!(t = hub_script_task_take(s)))
        *why = "not enough memory";
    if (!t) {
        count_failure(HUB_HANDLER_FAILED);
        return NULL;
    }
    t->script = c;
    lua_pushcfunction(t->co, first);
    return t;
}

/* ---- without Lua ---- */

/* What may run, and be told without Lua, or NULL. C may be NULL. */
static const struct hub_direct *direct_of(const struct hub_compiled *c) {
    return c && !c->owner->closing && c->owner->depth < NESTED_MAX ? c->direct : NULL;
}

/* False: it has to run in Lua. */
static bool call_directly(const struct hub_compiled *c, const struct hub_hook_arg *args, size_t n, hub_hook_done *done,
                          void *arg) {
    const struct hub_direct *d = direct_of(c);
    json_t *result;
    if (!d || !hub_direct_value(d, args, n, NULL, &result)) return false;
    hub_metric_add(&calls_total, 1);
    done(arg, HUB_OK, result, NULL);
    json_decref(result);
    return true;
}

/* The same for the only step of CHAIN. */
static bool run_directly(const struct hub_compiled *c, const struct hub_hook_chain *chain, hub_hook_ran *done,
                         void *arg) {
    const struct hub_direct *d = direct_of(c);
    if (!d) return false;
    struct hub_scripts *s = c->owner;
    struct hub_hook_outcome o = {.code = HUB_OK, .script = c->script};
    struct hub_buf text = s->text; /* whoever is told may start others */
    hub_buf_clear(&text);
    s->text = (struct hub_buf){0};
    bool known = hub_direct_value(d, chain->vars, chain->var_n, chain->takes_text ? &text : NULL, &o.result);
    if (known) {
        hub_metric_add(&calls_total, 1);
        o.text = hub_buf_str(&text);
        done(arg, &o);
        json_decref(o.result);
    }
    hub_buf_free(&s->text);
    s->text = text;
    return known;
}

/* ---- the hook table ---- */

/* The room that a hook is about, by its variables: roomId, or the record that room shows. */
static HUB_MUST json_t *room_of(const struct hub_hook_arg *args, size_t n) {
    json_t *room = NULL;
    for (size_t i = 0; i < n; i++) {
        if (args[i].name[0] != 'r') continue;
        if (strcmp(args[i].name, "roomId") == 0) return args[i].value;
        if (strcmp(args[i].name, "room") == 0) room = json_object_get(args[i].value, "id");
    }
    return room;
}

void hub_lua_call(struct hub_scripts *s, const struct hub_script *script, void *caller, const struct hub_hook_arg *args,
                  size_t n, hub_hook_done *done, void *arg) {
    const char *why;
    const struct hub_compiled *compiled = find_compiled(s, script);
    if (call_directly(compiled, args, n, done, arg)) return;
    struct hub_script_task *t = start_task(compiled, task_entry, &why);
    if (!t) {
        done(arg, HUB_HANDLER_FAILED, NULL, why);
        return;
    }
    s = t->s;
    t->args = args;
    t->arg_n = n;
    t->caller = caller;
    t->room_id = json_incref(room_of(args, n));
    t->done = done;
    t->arg = arg;
    run_task(t);
    drain_queue(s);
}

bool hub_lua_wants(const struct hub_scripts *s, const struct hub_script *script, const char *variable) {
    const struct hub_compiled *c = find_compiled(s, script);
    return c && (is_mentioned(c, variable) || is_mentioned(c, "ctx"));
}

/* The steps of CHAIN, which belong to one definition, into T. */
static void take_steps(struct hub_script_task *t, const struct hub_hook_chain *chain) {
    t->steps = hub_xcalloc(chain->step_n, sizeof *t->steps);
    t->main_step = chain->step_n;
    for (size_t i = 0; i < chain->step_n; i++) {
        if (chain->steps[i]->kind == HUB_SCRIPT_NONE) continue;
        if (i == chain->main) t->main_step = t->step_n;
        t->steps[t->step_n++] = find_compiled(t->s, chain->steps[i]);
    }
}

/* The first script of CHAIN, or one that is not compiled if there is such; NULL: there is nothing to run. */
static const struct hub_script *first_step(const struct hub_scripts *s, const struct hub_hook_chain *chain) {
    const struct hub_script *first = NULL;
    for (size_t i = 0; i < chain->step_n; i++) {
        const struct hub_script *script = chain->steps[i];
        if (script->kind == HUB_SCRIPT_NONE) continue;
        if (!find_compiled(s, script)) return script;
        if (!first) first = script;
    }
    return first;
}

/* Whether FIRST is all that CHAIN runs, and neither it nor whoever asked looks at ctx. */
static bool stands_alone(const struct hub_hook_chain *chain, const struct hub_compiled *first) {
    if (!first || is_mentioned(first, "ctx") || chain->keeps_payload || chain->stream) return false;
    size_t n = 0;
    for (size_t i = 0; i < chain->step_n; i++) n += chain->steps[i]->kind != HUB_SCRIPT_NONE;
    return n == 1;
}

void hub_lua_run(struct hub_scripts *s, const struct hub_hook_chain *chain, hub_hook_ran *done, void *arg) {
    const char *why;
    const struct hub_script *first = first_step(s, chain);
    if (!first) {
        done(arg, &(struct hub_hook_outcome){
                      .code = HUB_OK,
                  });
        return;
    }
    const struct hub_compiled *compiled = find_compiled(s, first);
    lua_CFunction entry = stands_alone(chain, compiled) ? lone_entry : chain_entry;
    if (entry == lone_entry && run_directly(compiled, chain, done, arg)) return;
    struct hub_script_task *t = start_task(compiled, entry, &why);
    if (!t) {
        done(arg, &(struct hub_hook_outcome){.code = HUB_HANDLER_FAILED, .script = first, .error = why});
        return;
    }
    s = t->s;
    if (entry == chain_entry) take_steps(t, chain);
    t->args = chain->vars;
    t->arg_n = chain->var_n;
    t->added = chain->added;
    t->stream = chain->stream;
    t->keeps_payload = chain->keeps_payload;
    t->keeps_added = chain->keeps_added;
    t->takes_text = chain->takes_text;
    t->admit = chain->admit;
    t->caller = chain->caller;
    t->room_id = json_incref(room_of(chain->vars, chain->var_n));
    if (chain->traceparent) snprintf(t->traceparent, sizeof t->traceparent, "%s", chain->traceparent);
    if (chain->wall_ms) t->wall_ms = chain->wall_ms;
    t->ran = done;
    t->arg = arg;
    run_task(t);
    drain_queue(s);
}

void hub_lua_event(struct hub_scripts *s, const struct hub_script *script, json_t *socket, json_t *args,
                   const struct hub_hook_bins *bins, const struct hub_hook_arg *extra, size_t n,
                   hub_hook_event_done *done, void *arg) {
    const char *why;
    struct hub_script_task *t = start_task(find_compiled(s, script), task_entry, &why);
    if (!t) {
        done(arg, HUB_HANDLER_FAILED, NULL, NULL, why);
        return;
    }
    s = t->s;
    t->args = extra;
    t->arg_n = n;
    t->socket = socket;
    t->event_args = args;
    t->bins = bins;
    t->event_done = done;
    t->arg = arg;
    run_task(t);
    drain_queue(s);
}
