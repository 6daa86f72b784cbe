/* lib/: modules, folders, what they may do while they load, and that nobody can change them from outside. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/text/buf.h"
#include "script_env.h"

static struct script_env env;
static char dir[64];
static const char *paths[16], *names[16];
static size_t path_n;

static int start(void **state) {
    (void)state;
    script_env_init(&env);
    snprintf(dir, sizeof dir, "/tmp/hub_lib_XXXXXX");
    if (!mkdtemp(dir)) return -1;
    env.service.dir = dir;
    path_n = 0;
    return 0;
}

static int stop(void **state) {
    (void)state;
    char command[100];
    script_env_end(&env);
    for (size_t i = 0; i < path_n; i++) {
        free((char *)(uintptr_t)paths[i]);
        free((char *)(uintptr_t)names[i]);
    }
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? 0 : -1;
}

/* Writes lib/NAME; folders on the way are made. */
static void module(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/lib", dir);
    mkdir(path, 0700);
    for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
        snprintf(path, sizeof path, "%s/lib/%.*s", dir, (int)(slash - name), name);
        mkdir(path, 0700);
    }
    snprintf(path, sizeof path, "%s/lib/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    names[path_n] = hub_xstrdup(name);
    paths[path_n++] = hub_xstrdup(path);
    env.service.lib.files = (struct hub_strs){paths, path_n};
    env.service.lib.names = (struct hub_strs){names, path_n};
}

static size_t lua(const char *text) { return script_env_add(&env, HUB_SCRIPT_LUA, text); }
static size_t expr(const char *text) { return script_env_add(&env, HUB_SCRIPT_EXPR, text); }

static void compiled(void) {
    if (script_env_start(&env)) fail_msg("%s", env.err.text);
}

static void refused(const char *text) {
    assert_int_equal(script_env_start(&env), HUB_HANDLER_FAILED);
    if (!strstr(env.err.text, text)) fail_msg("\"%s\" is not in \"%s\"", text, env.err.text);
}

static void gives(size_t i, const char *json) {
    struct script_result r = {0};
    struct hub_buf b = {0};
    script_call(&env, i, NULL, 0, &r);
    assert_int_equal(r.calls, 1);
    if (r.code) fail_msg("%s: %s", hub_code_name(r.code), r.error);
    hub_json_add(&b, r.value);
    assert_string_equal(hub_buf_cstr(&b), json);
    hub_buf_free(&b);
    json_decref(r.value);
}

static void fails(size_t i, enum hub_code code, const char *text) {
    struct script_result r = {0};
    script_call(&env, i, NULL, 0, &r);
    assert_int_equal(r.code, code);
    if (!strstr(r.error, text)) fail_msg("\"%s\" is not in \"%s\"", text, r.error);
    json_decref(r.value);
}

static void functions_of_modules_are_called_from_both_languages(void **state) {
    (void)state;
    module("chess.lua", "local M = {} function M.move(a, b) return {a = a, b = b, list = {1, 2}} end function "
                        "M.flags() return {} end return M");
    size_t a = lua("return lib.chess.move(1, {2})"), b = expr("lib.chess.move('x', [1, null]).list[1]"),
           c = expr("LIB.chess.move(1).list.length"), d = lua("return require('chess').move(1).a"),
           e = expr("lib.chess.flags().length"), f = expr("lib.chess.nope()"), g = expr("lib.none.f()"),
           h = expr("lib?.none?.f(1) ?? 'no module'"), i = expr("lib['chess']['move'](5).a");
    compiled();
    gives(a, "{\"a\":1,\"b\":[2],\"list\":[1,2]}");
    gives(b, "2");
    gives(c, "2");
    gives(d, "1");
    gives(e, "0");
    fails(f, HUB_HANDLER_FAILED, "t.hub.yaml:7: cannot call 'nope' of object");
    fails(g, HUB_HANDLER_FAILED, "t.hub.yaml:7: cannot call 'f' of undefined");
    gives(h, "\"no module\"");
    gives(i, "5");
}

static void folders_become_tables(void **state) {
    (void)state;
    module("a/b.lua", "return {f = function() return 'ab' end}");
    module("a/c/d.lua", "return {f = function() return require('a.b').f() .. lib.a.b.f() end}");
    size_t a = lua("return lib.a.b.f()"), b = lua("return require('a.c.d').f()"), c = expr("lib.a.c.d.f()"),
           d = lua("return lib.a.x == nil"),
           e = lua("return lib.a == lib.a and lib.a.b == lib.a.b and require('a.b') == lib.a.b");
    compiled();
    gives(a, "\"ab\"");
    gives(b, "\"abab\"");
    gives(c, "\"abab\"");
    gives(d, "true");
    gives(e, "true");
}

/* Nothing of a module runs outside a call: lib is listed by reading its folders. */
static void a_module_beside_a_folder_of_its_name_is_not_asked_for_what_is_in_it(void **state) {
    (void)state;
    module("a.lua", "return setmetatable({v = 1}, {__index = function() sleep(1) while true do end end})");
    module("a/b.lua", "return {v = 2}");
    module("c/d/e.lua", "return {v = 3}");
    size_t a = lua("local names = {} for k in pairs(lib) do names[#names + 1] = k end table.sort(names) return names"),
           b = lua("return {lib.a.v, require('a.b').v, lib.c.d.e.v, (next(lib.c)), (next(lib.c.d))}");
    compiled();
    gives(a, "[\"a\",\"c\"]");
    gives(b, "[1,2,3,\"d\",\"e\"]");
}

static void modules_load_each_other_whatever_the_order(void **state) {
    (void)state;
    module("first.lua", "local z = require('last') return {v = z.v + 1, w = lib.last.v}");
    module("last.lua", "return {v = 41}");
    size_t a = lua("return {lib.first.v, lib.first.w}");
    compiled();
    gives(a, "[42,41]");
}

static void modules_in_a_circle_are_refused(void **state) {
    (void)state;
    module("a.lua", "return {b = require('b')}");
    module("b.lua", "return {a = require('a')}");
    refused("modules that require each other");
}

static void a_module_is_run_once_and_keeps_its_locals(void **state) {
    (void)state;
    module("counter.lua", "local n = 0 return {add = function() n = n + 1 return n end}");
    size_t a = lua("return lib.counter.add()"), b = expr("lib.counter.add()");
    compiled();
    gives(a, "1");
    gives(b, "2");
    gives(a, "3");
}

/* Every way to write, to every table that all scripts see. */
static void nothing_changes_what_is_read_only(void **state) {
    (void)state;
    module("m.lua",
           "local M = {n = 1, list = {1, 2, 3}, none = {}, deep = {x = {y = {z = 1}}}, marked = json.array({3, 2, 1})} "
           "M.meta = setmetatable({}, {__index = {inner = {v = 1}}}) "
           "function M.keep(d) M.date = d end function M.time() return json.encode(M.date) end return M");
    module("a/b.lua", "return {v = 1}");
    size_t keep = expr("lib.m.keep(new Date(5))");
    size_t attack = lua(
        "local targets = {lib, LIB, lib.a, lib.a.b, lib.m, require('m'), require('a.b'), lib.m.list, lib.m.none, "
        "lib.m.deep, lib.m.deep.x.y, "
        "lib.m.marked,"
        "  lib.m.meta, lib.m.meta.inner, lib.m.date, string, table, math, utf8, coroutine, json, time, crypto, log} "
        "for _, t in ipairs({lib.m, lib.a}) do for _, v in pairs(t) do targets[#targets + 1] = v end end "
        "for k, v in next, lib do targets[#targets + 1] = v end "
        "local function bad() return 'changed' end "
        "local writes = {"
        "  function(t) t.n = bad end, function(t) t[1] = bad end, function(t) t.upper = nil end, function(t) t.x = nil "
        "t.y = 1 end,"
        "  function(t) rawset(t, 'm', bad) end, function(t) rawset(t, 'upper', bad) end, function(t) rawset(t, 1, 9) "
        "end, function(t) rawset(t, 'a', "
        "{}) end,"
        "  function(t) table.insert(t, bad) end, function(t) table.insert(t, 1, bad) end, function(t) table.remove(t) "
        "end,"
        "  function(t) table.remove(t, 1) end, function(t) table.sort(t, function(a, b) return a > b end) end,"
        "  function(t) table.move({bad, bad}, 1, 2, 1, t) end, function(t) table.move(t, 1, 3, 2) end,"
        "  function(t) setmetatable(t, {__index = bad}) end, function(t) setmetatable(t, nil) end, function(t) "
        "getmetatable(t).__index = bad end,"
        "  function(t) json.array(t) t[1] = bad end, function(t) json.object(t) t.v = bad end,"
        "  function(t) for k in pairs(t) do t[k] = bad end end, function(t) for k in next, t do rawset(t, k, bad) end "
        "end,"
        "  function(t) local f = t.upper f.x = 1 end} "
        "local n = 0 "
        "for _, t in ipairs(targets) do if type(t) == 'table' then for _, w in ipairs(writes) do pcall(w, t) n = n + 1 "
        "end end end return n > 500");
    size_t listed =
        lua("local names = {} for k in pairs(lib) do names[#names + 1] = k end table.sort(names) return names");
    size_t state_of = lua("local m = lib.m return {m.n, m.list, m.none, m.deep, m.marked, m.meta.inner, m.time(), "
                          "lib.a.b.v, lib.x or 0, lib.m == require('m'), "
                          "('x'):upper(), #string.rep('x', 3), lib.upper or 0, getmetatable('') == false}");
    compiled();
    static const char expected[] = "[1,[1,2,3],{},{\"x\":{\"y\":{\"z\":1}}},[3,2,1],{\"v\":1},\"\\\"1970-01-01T00:00:"
                                   "00.005Z\\\"\",1,0,true,\"X\",3,0,true]";
    struct script_result r = {0};
    script_call(&env, keep, NULL, 0, &r);
    gives(state_of, expected);
    gives(attack, "true");
    gives(state_of, expected);
    gives(listed, "[\"a\",\"m\"]");
}

/* An expression cannot write, but it can hand its globals to a function that does. */
static void functions_of_modules_cannot_change_the_globals_of_expressions(void **state) {
    (void)state;
    module(
        "evil.lua",
        "local function bad() return 'changed' end return {set = function(t) t.max = bad t.keys = bad t.now = bad "
        "t.parse = bad end, "
        "raw = function(t) for _, k in ipairs{'max', 'keys', 'now', 'parse', 'isArray'} do rawset(t, k, bad) end end}");
    static const char *const tables[] = {"Math", "JSON", "Object", "Array", "Date"};
    char text[10][40];
    size_t n[10],
        probe = expr("[Math.max(1, 2), Object.keys({a: 1}), Date.now() > 5, JSON.parse('1'), Array.isArray([])]");
    for (size_t i = 0; i < 10; i++) {
        snprintf(text[i], sizeof text[i], "lib.evil.%s(%s)", i % 2 ? "raw" : "set", tables[i / 2]);
        n[i] = expr(text[i]);
    }
    compiled();
    for (size_t i = 0; i < 10; i++) fails(n[i], HUB_HANDLER_FAILED, "read-only");
    gives(probe, "[2,[\"a\"],true,1,true]");
}

static void a_module_may_change_itself_and_nobody_else_may(void **state) {
    (void)state;
    module("m.lua", "local M = {n = 0, list = {1, 2, 3}, deep = {x = {y = 1}}} function M.set(v) M.n = v M.list[4] = v "
                    "return M.n end return M");
    size_t a = lua("return lib.m.set(5)"), b = lua("return {lib.m.n, #lib.m.list, lib.m.list[4]}"),
           c = lua("lib.m.n = 6"), d = lua("lib.m.set = nil"), e = lua("lib.m.list[1] = 9"),
           f = lua("table.insert(lib.m.list, 9)"), g = lua("rawset(lib.m.deep.x, 'y', 2)"),
           h = lua("local s = 0 for i, v in ipairs(lib.m.list) do s = s + v end for k, v in pairs(lib.m.deep.x) do s = "
                   "s + v end return s"),
           i = lua("table.sort(lib.m.list, function(a, b) return a > b end)"), j = lua("lib.m.deep.x.y = 2"),
           k = lua("return lib.m.list"),
           l = expr("lib.m.list.map(x => x * 2).concat(lib.m.list.length, lib.m.deep.x.y, lib.m.list[0])"),
           m = lua("setmetatable(lib.m, {})"), n = lua("table.remove(lib.m.list)"),
           o = lua("table.move(lib.m.list, 1, 2, 2)"), p = lua("return lib.m.deep == lib.m.deep"),
           q = expr("Object.keys(lib.m.deep)"), r = lua("return json.encode(lib.m.deep)");
    compiled();
    gives(a, "5");
    gives(b, "[5,4,5]");
    fails(c, HUB_HANDLER_FAILED, "'m' is read-only");
    fails(d, HUB_HANDLER_FAILED, "'m' is read-only");
    fails(e, HUB_HANDLER_FAILED, "'list' is read-only");
    fails(f, HUB_HANDLER_FAILED, "'list' is read-only");
    fails(g, HUB_HANDLER_FAILED, "a read-only table");
    gives(h, "12");
    fails(i, HUB_HANDLER_FAILED, "'list' is read-only");
    fails(j, HUB_HANDLER_FAILED, "'x' is read-only");
    gives(k, "[1,2,3,5]");
    gives(l, "[2,4,6,10,4,1,1]");
    fails(m, HUB_HANDLER_FAILED, "protected");
    fails(n, HUB_HANDLER_FAILED, "'list' is read-only");
    fails(o, HUB_HANDLER_FAILED, "'list' is read-only");
    gives(p, "true");
    gives(q, "[\"x\"]");
    gives(r, "\"{\\\"x\\\":{\\\"y\\\":1}}\"");
}

static void globals_of_a_module_are_its_own(void **state) {
    (void)state;
    module("m.lua", "helper = function() return 'mine' end return {f = function() return helper() end}");
    size_t a = lua("return {lib.m.f(), helper == nil}");
    compiled();
    gives(a, "[\"mine\",true]");
}

static void errors_in_modules_name_file_and_line(void **state) {
    (void)state;
    module("m.lua", "local M = {}\nfunction M.f(x)\n  return x.y.z\nend\nfunction M.g() error({code = 'c', message = "
                    "'m'}) end\nreturn M");
    size_t a = lua("return lib.m.f({})"), b = expr("lib.m.f(({}))"), c = lua("lib.m.g()"),
           d = lua("while true do lib.m.f({y = {}}) end");
    compiled();
    fails(a, HUB_HANDLER_FAILED, "lib/m.lua:3: attempt to index a nil value (field 'y')");
    fails(b, HUB_HANDLER_FAILED, "lib/m.lua:3: ");
    fails(c, HUB_HANDLER_FAILED, "lib/m.lua:5: c: m");
    fails(d, HUB_SCRIPT_TIMEOUT, "CPU time");
}

static void a_module_with_a_syntax_error_is_refused(void **state) {
    (void)state;
    module("m.lua", "return {\n  a = = 1}");
    refused("lib/m.lua:2: unexpected symbol near '='");
}

static void a_module_that_fails_is_refused(void **state) {
    (void)state;
    module("m.lua", "\nerror('cannot start')");
    refused("lib/m.lua:2: cannot start");
}

static void a_module_must_return_a_table(void **state) {
    (void)state;
    module("m.lua", "return 5");
    refused("lib/m.lua:1: a module must return a table, not a number");
}

static void a_module_that_never_ends_loading_is_refused(void **state) {
    (void)state;
    module("m.lua", "while true do pcall(function() while true do end end) end");
    refused("CPU time");
}

static void a_module_cannot_wait_while_it_loads(void **state) {
    (void)state;
    env.loop = hub_loop_new(NULL);
    module("m.lua", "sleep(1) return {}");
    refused("lib/m.lua:1: sleep cannot be called here");
}

static void a_missing_file_is_named(void **state) {
    (void)state;
    module("m.lua", "return {}");
    assert_int_equal(unlink(paths[0]), 0);
    refused("lib/m.lua: No such file");
}

static void a_coroutine_that_waits_belongs_to_its_call(void **state) {
    (void)state;
    env.loop = hub_loop_new(NULL);
    module("m.lua", "local kept return {keep = function(c) kept = c end, get = function() return kept end}");
    size_t a = lua("local co = coroutine.create(function() sleep(20) return 'mine' end) lib.m.keep(co) return "
                   "select(2, coroutine.resume(co))"),
           b = lua("return {coroutine.resume(lib.m.get())}"), c = lua("return coroutine.status(lib.m.get())"),
           d = lua("coroutine.close(lib.m.get())");
    compiled();
    struct script_result r = {.stop = env.loop};
    script_call(&env, a, NULL, 0, &r);
    gives(b, "[false,\"the coroutine waits in another call\"]");
    gives(c, "\"normal\"");
    fails(d, HUB_HANDLER_FAILED, "cannot close this coroutine now");
    hub_loop_run(env.loop);
    assert_string_equal(json_string_value(r.value), "mine");
    json_decref(r.value);
    gives(c, "\"dead\"");
}

/* A coroutine that the hook ended by an error has its hooks switched off for good: running its __close
 * handlers would never end. */
static void a_coroutine_that_was_ended_cannot_be_closed_by_a_later_call(void **state) {
    (void)state;
    module("m.lua", "local kept return {keep = function(c) kept = c end, get = function() return kept end}");
    size_t a = lua("local co = coroutine.create(function()\n"
                   "  local x <close> = setmetatable({}, {__close = function() while true do end end})\n"
                   "  tostring(setmetatable({}, {__tostring = function() while true do end end}))\n"
                   "end) lib.m.keep(co) coroutine.resume(co)"),
           b = lua("return (pcall(coroutine.close, lib.m.get()))"), c = lua("return (coroutine.resume(lib.m.get()))");
    compiled();
    alarm(30);
    fails(a, HUB_SCRIPT_TIMEOUT, "CPU time");
    gives(b, "false");
    gives(c, "false");
    alarm(0);
}

int main(void) {
#define T(F) cmocka_unit_test_setup_teardown(F, start, stop)
    const struct CMUnitTest tests[] = {
        T(functions_of_modules_are_called_from_both_languages),
        T(folders_become_tables),
        T(a_module_beside_a_folder_of_its_name_is_not_asked_for_what_is_in_it),
        T(modules_load_each_other_whatever_the_order),
        T(modules_in_a_circle_are_refused),
        T(a_module_is_run_once_and_keeps_its_locals),
        T(a_module_may_change_itself_and_nobody_else_may),
        T(nothing_changes_what_is_read_only),
        T(functions_of_modules_cannot_change_the_globals_of_expressions),
        T(globals_of_a_module_are_its_own),
        T(errors_in_modules_name_file_and_line),
        T(a_module_with_a_syntax_error_is_refused),
        T(a_module_that_fails_is_refused),
        T(a_module_must_return_a_table),
        T(a_module_that_never_ends_loading_is_refused),
        T(a_module_cannot_wait_while_it_loads),
        T(a_missing_file_is_named),
        T(a_coroutine_that_waits_belongs_to_its_call),
        T(a_coroutine_that_was_ended_cannot_be_closed_by_a_later_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
