/* What one call leaves behind never reaches another: every way in which a call can end, and after each of
 * them what the next calls see. */
#include "script_env.h"

static struct script_env env;
static struct hub_host_call *held[16]; /* db.never: answered when the call has ended */
static size_t held_n;

static void objects_find(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_OK, json_pack("{s:O}", "asked", call->args), NULL);
}

static void db_fail(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_STORE_UNAVAILABLE, NULL, "the store sleeps");
}

static void db_never(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    assert_true(held_n < HUB_NELEM(held));
    held[held_n++] = call;
}

static void nested_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_host_call *call = arg;
    call->done(call, code, json_incref(result), error);
}

/* hub.hook(i): runs script I inside the call. */
static void hub_hook(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    hub_lua_hook_ops.call(env.s, script_env_script(&env, (size_t)json_integer_value(json_array_get(call->args, 0))),
                          NULL, NULL, 0, nested_done, call);
}

static void socket_emit(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_OK, json_incref(json_array_get(call->args, 0)), NULL);
}

static const struct hub_host_fn fns[] = {{"objects", "find", objects_find}, {"db", "fail", db_fail},
                                         {"db", "never", db_never},         {"hub", "hook", hub_hook},
                                         {"socket", "emit", socket_emit},   {NULL, NULL, NULL}};

/* ---- how calls end ---- */

struct end {
    const char *name, *text;
    bool waits; /* ends when the loop has run */
};

#define SECRET "'stranger', {secret = 1}, print"

static const struct end ends[] = {
    {"a result", "return " SECRET, false},
    {"no result", "local a, b = " SECRET, false},
    {"many results", "local t = {} for i = 1, 900 do t[i] = 'stranger' end return table.unpack(t)", false},
    {"a second result that is no UTF-8", "return true, ('Gr\\195\\188\\195\\159e'):sub(1, 3)", false},
    {"a first result that is no UTF-8", "return ('\\xff'), " SECRET, false},
    {"a later result without a JSON form", "return " SECRET ", function() end, coroutine.create(print)", false},
    {"a result that contains itself", "local t = {} t.t = t return 'stranger', t", false},
    {"a result that is too large", "local t = {} for i = 1, 300 do t[i] = ('x'):rep(60000) end return 'stranger', t",
     false},
    {"binary results", "return 'stranger', binary('secret'), binary('more')", false},
    {"binary results and one that cannot be used", "return binary('secret'), 'stranger', print", false},
    {"an error", "local a, b = " SECRET " error('no')", false},
    {"an error that is a table", "local a, b = " SECRET " error({code = 'x', secret = {}})", false},
    {"an error with metamethods",
     "error(setmetatable({}, {__tostring = function() return 'stranger' end, __name = 'stranger'}))", false},
    {"an error that is a coroutine", "error(coroutine.create(function() coroutine.yield('stranger') end))", false},
    {"an error of the engine", "local a, b = " SECRET " db.fail()", false},
    {"arguments without a JSON form", "objects.find('stranger', print)", false},
    {"an error in a deep recursion",
     "local function f(n) if n == 0 then error('x') end return 'stranger' .. f(n - 1) end return f(150)", false},
    {"recursion without end", "local function f() return 'stranger', f() end return f()", false},
    {"CPU time", "local a, b = " SECRET " while true do end", false},
    {"CPU time inside pcall", "while true do pcall(function() while true do end end) end", false},
    {"CPU time below a C function",
     "return tostring(setmetatable({}, {__tostring = function() while true do end end})), " SECRET, false},
    {"CPU time inside coroutines",
     "local f = coroutine.wrap(function() coroutine.wrap(function() local a, b = " SECRET
     " while true do end end)() end) f()",
     false},
    {"memory", "local t = {'stranger'} while true do t[#t + 1] = ('x'):rep(1000000) .. #t end", false},
    {"memory inside pcall",
     "while true do pcall(string.rep, 'x', 16000000) local t = {} while true do t[#t + 1] = {t} end end", false},
    {"a __close handler that runs",
     "local x <close> = setmetatable({}, {__close = function() y = 'stranger' end}) return " SECRET, false},
    {"a __close handler that fails",
     "local x <close> = setmetatable({}, {__close = function() error('stranger') end}) return 'stranger'", false},
    {"a __close handler that fails after an error",
     "local x <close> = setmetatable({}, {__close = function() error('stranger') end}) local y = 'stranger' "
     "error('first')",
     false},
    {"a __close handler that never ends",
     "local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x')", false},
    {"a __close handler that never ends after a result",
     "local x <close> = setmetatable({}, {__close = function() while true do end end}) return 1", false},
    {"a __close handler that asks the engine",
     "local x <close> = setmetatable({}, {__close = function() db.never() end}) error('x')", false},
    {"a __close handler that starts coroutines",
     "local x <close> = setmetatable({}, {__close = function() coroutine.wrap(function() coroutine.yield('stranger') "
     "end)() end}) error('x')",
     false},
    {"a coroutine that is suspended",
     "local f = coroutine.wrap(function(...) coroutine.yield(...) end) return f(" SECRET ")", false},
    {"a coroutine that failed",
     "local co = coroutine.create(function() error('stranger') end) coroutine.resume(co) return 'stranger'", false},
    {"a coroutine that waits when the call ends", "coroutine.wrap(function() local a, b = " SECRET " db.never() end)()",
     true},
    {"globals", "x, y, print, json, lib, string = 'stranger', 2, 3, 4, 5, 6 return x", false},
    {"globals of the environment", "rawset(_ENV, 'objects', 'stranger') _ENV.lib = nil _ENV.rawget = error return 1",
     false},
    {"a call inside the call that fails", "local ok, e = pcall(hub.hook, 3) return 'stranger', ok, print", false},
    {"a call inside the call", "return hub.hook(0), 'stranger'", false},
    {"waiting for ever", "local a, b = " SECRET " db.never()", true},
    {"waiting for ever inside pcall", "local a, b = " SECRET " return pcall(pcall, db.never)", true},
    {"sleeping for ever", "local a, b = " SECRET " sleep(100000)", true},
    {"waiting below a sort", "table.sort({3, 1, 2}, function() db.never() end)", true},
    {"waiting with a __close handler",
     "local x <close> = setmetatable({}, {__close = function() return 'stranger' end}) db.never()", true},
    {"waiting with a __close handler that never ends",
     "local x <close> = setmetatable({}, {__close = function() while true do end end}) sleep(100000)", true},
    {"sleeping in a __close handler",
     "do local x <close> = setmetatable({}, {__close = function() sleep(100000) end}) end return 'stranger'", true},
    {"a pause and a result that cannot be used", "sleep(1) return 'stranger', '\\xff'", true},
};

/* Calls that come after: what they give, whatever came before. */
static const struct {
    const char *text, *gives;
} probes[] = {
    {"return 'mine'", "\"mine\""},
    {"return", "undefined"},
    {"local a, b, c, d = ... return {a == nil, b == nil, c == nil, d == nil, select('#', ...)}",
     "[true,true,true,true,0]"},
    {"error('mine')", "handler_failed: t.hub.yaml:7: mine"},
    {"local e = _ENV return {e.x == nil, e.y == nil, type(print), type(json), type(lib), type(string), type(objects), "
     "type(rawget)}",
     "[true,true,\"function\",\"table\",\"table\",\"table\",\"table\",\"function\"]"},
    {"local x for i = 1, 3 do x = objects.find(i) end return x.asked", "[3]"},
    {"return ('x'):upper() .. #json.array() .. tostring(null)", "\"X0null\""},
    {"local f = coroutine.wrap(function() coroutine.yield(1) return 2 end) return {f(), f()}", "[1,2]"},
};

enum { PROBES = 8 };
static size_t numbers[HUB_NELEM(ends)];

static int start(void **state) {
    (void)state;
    script_env_init(&env);
    env.loop = hub_loop_new(NULL);
    env.host = (struct hub_host){.fns = fns};
    env.service.script_cpu_ms = 20;
    env.service.script_wall_ms = 40;
    env.service.script_memory_mib = 16;
    for (size_t i = 0; i < PROBES; i++) script_env_add(&env, HUB_SCRIPT_LUA, probes[i].text);
    for (size_t i = 0; i < HUB_NELEM(ends); i++) numbers[i] = script_env_add(&env, HUB_SCRIPT_LUA, ends[i].text);
    if (script_env_start(&env)) fail_msg("%s", env.err.text);
    return 0;
}

static int stop(void **state) {
    (void)state;
    script_env_end(&env);
    return 0;
}

/* ---- looking ---- */

static void event_done(void *arg, enum hub_code code, json_t *results, const struct hub_hook_bins *bins,
                       const char *error) {
    struct script_result *r = arg;
    (void)bins;
    script_done(r, code, results, error);
}

static void call_event(size_t i, struct script_result *r) {
    json_t *socket = json_pack("{s:s,s:s}", "id", "s1", "userId", "ann"), *args = json_array();
    hub_lua_hook_ops.event(env.s, script_env_script(&env, i), socket, args, NULL, NULL, 0, event_done, r);
    json_decref(socket);
    json_decref(args);
}

static void text_of(const struct script_result *r, char *out, size_t size) {
    struct hub_buf b = {0};
    if (r->code)
        hub_buf_addf(&b, "%s: %s", hub_code_name(r->code), r->error);
    else if (!r->value)
        hub_buf_addz(&b, "undefined");
    else
        hub_json_add(&b, r->value);
    snprintf(out, size, "%s", hub_buf_cstr(&b));
    hub_buf_free(&b);
}

static void see_only_their_own(const char *after) {
    char got[600], wanted[600];
    for (size_t i = 0; i < PROBES; i++) {
        struct script_result hook = {0}, event = {0};
        script_call(&env, i, NULL, 0, &hook);
        text_of(&hook, got, sizeof got);
        if (strcmp(got, probes[i].gives) != 0) fail_msg("after %s, \"%s\" gives %s", after, probes[i].text, got);
        call_event(i, &event);
        text_of(&event, got, sizeof got);
        bool plain = event.code || !hook.value;
        snprintf(wanted, sizeof wanted, plain ? "%s" : "[%s]",
                 event.code   ? probes[i].gives
                 : hook.value ? probes[i].gives
                              : "[]");
        if (strcmp(got, wanted) != 0)
            fail_msg("after %s, the event handler \"%s\" gives %s", after, probes[i].text, got);
        json_decref(hook.value);
        json_decref(event.value);
    }
}

static void answer_late(void) {
    while (held_n) {
        struct hub_host_call *call = held[--held_n];
        call->done(call, HUB_OK, json_string("stranger"), NULL);
    }
}

static void ended(struct script_result *r, bool waits) {
    r->stop = env.loop;
    if (!r->calls && waits) hub_loop_run(env.loop);
    assert_int_equal(r->calls, 1);
    json_decref(r->value);
    answer_late();
}

static void the_next_call_sees_nothing_of_it(void **state) {
    const struct end *end = *state;
    for (int round = 0; round < 3; round++) { /* the pool gives the same thread again */
        struct script_result hook = {0}, event = {0};
        script_call(&env, numbers[end - ends], NULL, 0, &hook);
        ended(&hook, end->waits);
        see_only_their_own(end->name);
        call_event(numbers[end - ends], &event);
        ended(&event, end->waits);
        see_only_their_own(end->name);
    }
}

static void calls_that_are_ended_by_a_shutdown_leave_nothing(void **state) {
    (void)state;
    struct script_result r[HUB_NELEM(ends)] = {0};
    for (size_t i = 0; i < HUB_NELEM(ends); i++)
        if (ends[i].waits) call_event(numbers[i], &r[i]);
    hub_scripts_delete(env.s);
    env.s = NULL;
    for (size_t i = 0; i < HUB_NELEM(ends); i++) {
        assert_int_equal(r[i].calls, ends[i].waits ? 1 : 0);
        json_decref(r[i].value);
    }
    answer_late();
}

int main(void) {
    struct CMUnitTest tests[HUB_NELEM(ends)];
    for (size_t i = 0; i < HUB_NELEM(ends); i++)
        tests[i] = (struct CMUnitTest){.name = ends[i].name,
                                       .test_func = the_next_call_sees_nothing_of_it,
                                       .initial_state = (void *)(uintptr_t)&ends[i]};
    const struct CMUnitTest last[] = {cmocka_unit_test(calls_that_are_ended_by_a_shutdown_leave_nothing)};
    int failed = cmocka_run_group_tests(tests, start, stop);
    return failed + cmocka_run_group_tests(last, start, stop);
}
