/* From a script into the engine: rows of the host table become functions, an answer that comes later
 * suspends the script. Also sleep, which waits for a timer in the same way. */
#include <stdlib.h>

#include "scripting/scripting_int.h"

struct hub_script_call {
    struct hub_host_call pub;
    struct hub_script_task *task;              /* NULL: nobody waits any more */
    json_t *of;                                /* the text of PUB.OF */
    char traceparent[HUB_TRACEPARENT_LEN + 1]; /* pub has it, also when the task is gone */
    bool asking, answered;
    enum hub_code code;
    json_t *result;
    struct hub_hook_bins bins; /* of RESULT: views and bytes in one allocation */
    char *text;
};

static void free_call(struct hub_script_call *c) {
    json_decref(c->pub.args);
    json_decref(c->pub.room_id);
    json_decref(c->result);
    json_decref(c->of);
    if (c->pub.bins) free(c->pub.bins->items);
    free((void *)(uintptr_t)c->pub.bins);
    free(c->bins.items);
    free(c->text);
    free(c);
}

static void keep_bins(struct hub_script_call *c, const struct hub_hook_bins *bins) {
    size_t bytes = 0;
    for (size_t i = 0; i < bins->n; i++) bytes += bins->items[i].n;
    c->bins = (struct hub_hook_bins){hub_xmalloc(bins->n * sizeof *bins->items + bytes + 1), bins->n};
    char *at = (char *)(c->bins.items + bins->n);
    for (size_t i = 0; i < bins->n; at += bins->items[i++].n) {
        if (bins->items[i].n) memcpy(at, bins->items[i].p, bins->items[i].n);
        c->bins.items[i] = hub_str(at, bins->items[i].n);
    }
}

/* The engine's answer. */
static void on_answer(struct hub_host_call *pub, enum hub_code code, json_t *result, const char *text) {
    struct hub_script_call *c = HUB_CONTAINER(pub, struct hub_script_call, pub);
    c->answered = true;
    c->code = code;
    c->result = result;
    if (pub->answer_bins) keep_bins(c, pub->answer_bins);
    if (code != HUB_OK) c->text = hub_xstrdup(text ? text : hub_code_text(code));
    if (!c->task)
        free_call(c);
    else if (!c->asking)
        hub_script_wake(c->task);
}

void hub_script_call_abandon(struct hub_script_task *t) {
    struct hub_script_call *c = t->call;
    t->call = NULL;
    c->task = NULL;
    if (c->answered) free_call(c);
}

/* Gives the answer to the script: pushes the result, or raises {code, message}. */
static int deliver_answer(lua_State *L) {
    struct hub_script_task *t = hub_scripts_of(L)->current;
    struct hub_script_call *c = t->call;
    if (c->code == HUB_OK) {
        hub_lua_push_json(L, c->result, c->bins.n ? &c->bins : NULL);
    } else {
        lua_createtable(L, 0, 3);
        if (c->code == HUB_STORE_UNDECIDED) {
            lua_pushliteral(L, "unknown");
            lua_setfield(L, -2, "outcome");
        }
        lua_pushstring(L, hub_code_name(c->code));
        lua_setfield(L, -2, "code");
        lua_pushstring(L, c->text);
        lua_setfield(L, -2, "message");
        lua_rawgeti(L, LUA_REGISTRYINDEX, hub_scripts_of(L)->ref_error_mt);
        lua_setmetatable(L, -2);
    }
    bool failed = c->code != HUB_OK;
    t->call = NULL;
    free_call(c);
    return failed ? lua_error(L) : 1;
}

/* CTX: what is to be done with the answer (hub_lua_ask_then). */
static int answered_later(lua_State *L, int status, lua_KContext ctx) {
    int (*then)(lua_State * L) = (int (*)(lua_State *))ctx;
    (void)status;
    int n = deliver_answer(L);
    return then ? then(L) : n;
}

static void check_can_wait(lua_State *L, const char *table, const char *name) {
    if (hub_lua_can_wait(L)) return;
    hub_lua_fail(L,
                 "%s%s%s cannot be called here: it may have to wait, which is not possible while a module is loaded, "
                 "nor below a metamethod or an "
                 "iterator called from C",
                 table, table[0] ? "." : "", name);
}

/* Converts the arguments; on failure everything is released before the error is raised. */
static HUB_MUST struct hub_script_call *new_call(lua_State *L, const struct hub_host_fn *fn) {
    struct hub_to_json o = {.binary = true};
    int n = lua_gettop(L), bad = 0;
    json_t *args = json_array();
    for (int i = 1; i <= n && !bad; i++) {
        json_t *v = hub_lua_to_json(L, i, &o);
        if (v)
            json_array_append_new(args, v);
        else
            bad = i;
    }
    hub_lua_charge(L, 1024);
    if (bad) {
        json_decref(args);
        hub_to_json_drop(&o);
        hub_lua_fail(L, "%s.%s, argument %d: %s", fn->table, fn->name, bad, o.why);
    }
    hub_to_json_end(&o);
    struct hub_script_call *c = hub_xcalloc(1, sizeof *c);
    c->pub.args = args;
    c->pub.done = on_answer;
    if (o.bins.n) {
        struct hub_hook_bins *bins = hub_xmalloc(sizeof *bins);
        *bins = o.bins; /* the bytes stay alive on the Lua stack until the answer */
        c->pub.bins = bins;
    }
    return c;
}

/* The function after FN (NULL: the first) over the whole chain of hosts; *H is the host it belongs to. */
static const struct hub_host_fn *next_fn(const struct hub_scripts *s, const struct hub_host **h,
                                         const struct hub_host_fn *fn) {
    if (fn)
        fn++;
    else
        *h = &s->host, fn = s->host.fns;
    while (*h && (!fn || !fn->table)) {
        *h = (*h)->next;
        fn = *h ? (*h)->fns : NULL;
    }
    return fn;
}

/* Whose function it is: several owners give rows, each with a ctx of its own. */
static const struct hub_host *host_of(const struct hub_scripts *s, const struct hub_host_fn *wanted) {
    const struct hub_host *h;
    for (const struct hub_host_fn *fn = NULL; (fn = next_fn(s, &h, fn));)
        if (fn == wanted) return h;
    return NULL;
}

/* What serves in a transaction in the place of FN, and its owner. NULL: nothing does. */
static const struct hub_host_fn *within_fn(const struct hub_scripts *s, const struct hub_host_fn *fn,
                                           const struct hub_host **owner) {
    for (const struct hub_host *h = &s->host; h; h = h->next)
        for (const struct hub_host_fn *in = h->within; in && in->table; in++)
            if (!strcmp(in->table, fn->table) && !strcmp(in->name, fn->name)) return *owner = h, in;
    return NULL;
}

/* FN, or what serves in the transaction that the script is in. Raises. */
static const struct hub_host_fn *serving_fn(lua_State *L, const struct hub_host_fn *fn, const struct hub_host **owner) {
    const struct hub_scripts *s = hub_scripts_of(L);
    const struct hub_host_fn *within = s->current->tx ? within_fn(s, fn, owner) : NULL;
    if (s->current->tx && !within)
        hub_lua_fail(L, "%s.%s cannot be called inside db.transaction: call it before or after", fn->table, fn->name);
    if (!within) *owner = host_of(s, fn);
    return within ? within : fn;
}

static void call_fn(const struct hub_host *owner, const struct hub_host_fn *fn, struct hub_host_call *call) {
    bool elsewhere = owner->elsewhere && owner->elsewhere(owner->ctx, fn, call);
    if (!elsewhere) fn->call(owner->ctx, call);
}

/* OF: as in struct hub_host_call; NULL: the caller's own. THEN: what is done with the answer; NULL:
 * nothing. */
static int ask_of(lua_State *L, const struct hub_host_fn *fn, const char *of, int (*then)(lua_State *L)) {
    struct hub_scripts *s = hub_scripts_of(L);
    struct hub_script_task *t = s->current;
    const struct hub_host *owner;
    check_can_wait(L, fn->table, fn->name);
    const struct hub_host_fn *serves = serving_fn(L, fn, &owner);
    struct hub_script_call *c = new_call(L, fn);
    t->call = c;
    c->task = t;
    c->pub.caller = t->caller;
    if (of) c->of = json_string(of);
    c->pub.of = hub_json_str(c->of);
    c->pub.room_id = json_incref(t->room_id);
    c->pub.event_arg = t->event_done ? t->arg : NULL;
    memcpy(c->traceparent, t->traceparent, sizeof c->traceparent);
    if (c->traceparent[0]) c->pub.traceparent = c->traceparent;
    c->pub.tx = &t->tx;
    c->asking = true;
    call_fn(owner, serves, &c->pub);
    c->asking = false;
    c->pub.tx = NULL;
    t->tx_thread = !t->tx ? NULL : t->tx_thread ? t->tx_thread : L;
    if (c->answered) return answered_later(L, LUA_OK, (lua_KContext)then);
    t->waiting = true;
    return lua_yieldk(L, 0, (lua_KContext)then, answered_later);
}

int hub_lua_ask_then(lua_State *L, const struct hub_host_fn *fn, int (*then)(lua_State *L)) {
    return ask_of(L, fn, NULL, then);
}

int hub_lua_ask(lua_State *L, const struct hub_host_fn *fn) { return ask_of(L, fn, NULL, NULL); }

static int ask_host(lua_State *L) { return hub_lua_ask(L, lua_touserdata(L, lua_upvalueindex(1))); }

const struct hub_host_fn *hub_scripts_host_fn(const struct hub_scripts *s, const char *table, const char *name) {
    const struct hub_host *h;
    for (const struct hub_host_fn *fn = NULL; (fn = next_fn(s, &h, fn));)
        if (strcmp(fn->table, table) == 0 && strcmp(fn->name, name) == 0) return fn;
    return NULL;
}

/* ---- hubs and plain namespaces by name ---- */

/* Upvalues: the function, the name of whom it is about. */
static int ask_named(lua_State *L) {
    return ask_of(L, lua_touserdata(L, lua_upvalueindex(1)), lua_tostring(L, lua_upvalueindex(2)), NULL);
}

/* Puts the functions of TABLE, about the name at 1, into the table on top. */
static void add_named(lua_State *L, const char *table) {
    const struct hub_host *h;
    for (const struct hub_host_fn *fn = NULL; (fn = next_fn(hub_scripts_of(L), &h, fn));) {
        if (strcmp(fn->table, table) != 0) continue;
        lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, ask_named, 2);
        lua_setfield(L, -2, fn->name);
    }
}

/* hubs.get(name) has the functions of hub, and rooms; namespaces.get(path) those of namespace. Upvalue: the
 * function that knows whether there is such a one, which answers at once. */
static int get_named(lua_State *L) {
    const struct hub_host_fn *fn = lua_touserdata(L, lua_upvalueindex(1));
    static const char *const within[] = {"rooms", "state"};
    bool of_hub = strcmp(fn->table, "hubs") == 0;
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    hub_lua_ask(L, fn);
    lua_settop(L, 1);
    lua_newtable(L);
    add_named(L, of_hub ? "hub" : "namespace");
    for (size_t i = 0; of_hub && i < HUB_NELEM(within); i++) {
        lua_newtable(L);
        add_named(L, within[i]);
        lua_setfield(L, -2, within[i]);
    }
    hub_lua_freeze(L, lua_tostring(L, 1));
    return 1;
}

static bool is_getter(const struct hub_host_fn *fn) {
    return (strcmp(fn->table, "hubs") == 0 || strcmp(fn->table, "namespaces") == 0) && strcmp(fn->name, "get") == 0;
}

/* ---- sleep ---- */

static void on_sleep(struct hub_timer *timer) { hub_script_wake(HUB_CONTAINER(timer, struct hub_script_task, sleep)); }

static int on_slept(lua_State *L, int status, lua_KContext ctx) {
    (void)L, (void)status, (void)ctx;
    return 0;
}

static int do_sleep(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    lua_Number ms = luaL_checknumber(L, 1);
    luaL_argcheck(L, ms >= 0 && ms <= 1e12, 1, "must be milliseconds, not negative");
    check_can_wait(L, "", "sleep");
    if (!s->loop) return hub_lua_fail(L, "sleep is not possible here: there is no event loop");
    if (s->current->tx) return hub_lua_fail(L, "sleep cannot be called inside db.transaction");
    s->current->waiting = true;
    /* At least 1 ms: a timer that is due at once and set again at once would keep the loop from its other
     * work. */
    hub_script_timer_start(s, &s->current->sleep, ms < 1 ? 1 : (int64_t)ms, on_sleep);
    return lua_yieldk(L, 0, 0, on_slept);
}

/* ---- errors of the engine ---- */

static int error_text(lua_State *L) {
    lua_pushliteral(L, "code");
    lua_rawget(L, 1);
    lua_pushliteral(L, "message");
    lua_rawget(L, 1);
    lua_pushfstring(L, "%s: %s", lua_isstring(L, -2) ? lua_tostring(L, -2) : "error",
                    lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
    return 1;
}

static int error_concat(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

/* A method of an object, and no function of a table: socket.c. */
static bool is_of_object(const struct hub_host_fn *fn) {
    return strcmp(fn->table, "socket") == 0 || strcmp(fn->table, "stream") == 0;
}

/* records.transaction and db.transaction, which run a function of the script, are written in Lua and ask for
 * their steps by FN. The globals are on the stack, and on top the table of FN. */
static void push_transaction(lua_State *L, const struct hub_host_fn *fn) {
    const struct hub_scripts *s = hub_scripts_of(L);
    int globals = lua_gettop(L) - 1;
    lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
    lua_pushcclosure(L, ask_host, 1);
    bool of_records = strcmp(fn->table, "records") == 0;
    if (of_records) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)hub_scripts_host_fn(s, "records", "get"));
        lua_pushcclosure(L, ask_host, 1);
    } else {
        lua_pushnil(L);
    }
    lua_getfield(L, globals, "pcall");
    lua_getfield(L, globals, "error");
    hub_lua_make_transaction(L, of_records ? "records.transaction" : "db.transaction");
}

static void push_function(lua_State *L, const struct hub_host_fn *fn) {
    if (strcmp(fn->name, "transaction") == 0) {
        push_transaction(L, fn);
        return;
    }
    lua_pushlightuserdata(L, (void *)(uintptr_t)fn);
    lua_pushcclosure(L, is_getter(fn) ? get_named : ask_host, 1);
}

/* Into the table on top: one read-only table for each table of the host. */
void hub_lua_open_host(lua_State *L) {
    struct hub_scripts *s = hub_scripts_of(L);
    static const luaL_Reg error_methods[] = {{"__tostring", error_text}, {"__concat", error_concat}, {NULL, NULL}};
    luaL_newlib(L, error_methods);
    lua_pushliteral(L, "error");
    lua_setfield(L, -2, "__metatable");
    s->ref_error_mt = luaL_ref(L, LUA_REGISTRYINDEX);
    const struct hub_host *h;
    for (const struct hub_host_fn *fn = NULL; (fn = next_fn(s, &h, fn));) {
        if (is_of_object(fn)) continue;
        if (lua_getfield(L, -1, fn->table) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -1);
            lua_setfield(L, -3, fn->table);
        }
        push_function(L, fn);
        lua_setfield(L, -2, fn->name);
        lua_pop(L, 1);
    }
    for (const struct hub_host_fn *fn = NULL; (fn = next_fn(s, &h, fn));) {
        if (is_of_object(fn)) continue;
        lua_getfield(L, -1, fn->table);
        if (hub_lua_thaw(L, -1)) { /* frozen already */
            lua_pop(L, 2);
            continue;
        }
        hub_lua_freeze_flat(L, fn->table);
        lua_setfield(L, -2, fn->table);
    }
    lua_pushcfunction(L, do_sleep);
    lua_setfield(L, -2, "sleep");
}
