/* Everything that hangs or exhausts a naive embedding of Lua: each ends in time, with the right code, and
 * the next call works. */
#include <unistd.h>

#include "script_env.h"

/* How a trap must end. */
enum end { ENDS_TIMEOUT, ENDS_FAILED, ENDS_WELL, ENDS_SOMEHOW /* time or memory, whichever is used up first */ };
struct trap {
    const char *name;
    enum end end;
    const char *text; /* the chunk */
    const char *says; /* part of the error, or the JSON result */
};

#define LOOP "while true do end"
static const struct trap traps[] = {
    {"an endless loop ends", ENDS_TIMEOUT, LOOP, "t.hub.yaml:7: the script used more than 100 ms of CPU time"},
    {"an endless loop on a later line is located", ENDS_TIMEOUT, "local x = 1\n\nwhile true do x = x + 1 end",
     "t.hub.yaml:9: "},
    {"pcall does not catch the end", ENDS_TIMEOUT, "while true do pcall(function() " LOOP " end) end", NULL},
    {"nested pcall does not catch the end", ENDS_TIMEOUT,
     "local function f() pcall(f) while true do pcall(function() " LOOP " end) end end f()", NULL},
    {"recursion with pcall ends", ENDS_TIMEOUT, "local function f() pcall(f) pcall(f) end f()", NULL},
    {"xpcall with an endless message handler does not exist", ENDS_FAILED, "xpcall(error, function() " LOOP " end)",
     "xpcall is not available"},
    {"an endless finalizer cannot be installed", ENDS_FAILED, "setmetatable({}, {__gc = function() " LOOP " end})",
     "__gc is not available"},
    {"a finalizer added later does not run", ENDS_WELL,
     "local mt = {} for i = 1, 100 do setmetatable({}, mt) end mt.__gc = function() " LOOP
     " end local t = {} for i = 1, 50000 do t = {t} end return 1",
     "1"},
    {"an endless __close handler ends", ENDS_TIMEOUT,
     "local x <close> = setmetatable({}, {__close = function() " LOOP " end}) " LOOP, NULL},
    {"an endless __close handler with pcall ends", ENDS_FAILED,
     "local x <close> = setmetatable({}, {__close = function() while true do pcall(function() " LOOP
     " end) end end}) error('first')",
     "first"},
    {"many endless __close handlers end", ENDS_TIMEOUT,
     "local mt = {__close = function() " LOOP
     " end} local a <close> = setmetatable({}, mt) local b <close> = setmetatable({}, mt) "
     "local c <close> = setmetatable({}, mt) " LOOP,
     NULL},
    {"an endless __close handler after an end below a C function ends", ENDS_TIMEOUT,
     "local x <close> = setmetatable({}, {__close = function() " LOOP
     " end}) tostring(setmetatable({}, {__tostring = function() " LOOP " end}))",
     NULL},
    {"an endless __close handler inside pcall and below a C function ends", ENDS_TIMEOUT,
     "tostring(setmetatable({}, {__tostring = function() while true do pcall(function() local x <close> = "
     "setmetatable({}, {__close = "
     "function() " LOOP " end}) " LOOP " end) end end}))",
     NULL},
    {"an endless __tostring ends", ENDS_TIMEOUT, "tostring(setmetatable({}, {__tostring = function() " LOOP " end}))",
     NULL},
    {"an endless __tostring below pcall ends", ENDS_TIMEOUT,
     "while true do pcall(tostring, setmetatable({}, {__tostring = function() " LOOP " end})) end", NULL},
    {"an endless __index below a C function ends", ENDS_TIMEOUT,
     "table.concat(setmetatable({}, {__index = function() " LOOP " end}), ',', 1, 5)", NULL},
    {"an error value with an endless __tostring is reported", ENDS_FAILED,
     "error(setmetatable({message = 'm'}, {__tostring = function() " LOOP " end, __index = function() " LOOP " end}))",
     "error: m"},
    {"a result with endless metamethods is converted raw", ENDS_WELL,
     "local f = function() " LOOP " end return setmetatable({a = 1}, {__index = f, __pairs = f, __len = f})",
     "{\"a\":1}"},
    {"a coroutine loop ends", ENDS_TIMEOUT, "while true do coroutine.wrap(function() end)() end", NULL},
    {"an endless loop inside coroutines ends", ENDS_TIMEOUT,
     "coroutine.wrap(function() coroutine.wrap(function() while true do pcall(function() " LOOP
     " end) end end)() end)()",
     NULL},
    {"an endless loop around an ended coroutine ends", ENDS_TIMEOUT,
     "while true do coroutine.resume(coroutine.create(function() " LOOP " end)) end", NULL},
    {"coroutines inside coroutines without end fail", ENDS_FAILED, "local function f() coroutine.wrap(f)() end f()",
     "C stack overflow"},
    {"recursion without end ends", ENDS_SOMEHOW, "local function f() return 1 + f() end f()", NULL},
    {"an endless sort comparison ends", ENDS_TIMEOUT, "table.sort({3, 2, 1}, function() " LOOP " end)", NULL},
    {"an inconsistent comparison ends", ENDS_WELL,
     "local t = {} for i = 1, 200 do t[i] = i end table.sort(t, function() return true end) return #t", "200"},
    {"sorting long strings ends", ENDS_TIMEOUT,
     "local a, b, t = ('x'):rep(4000000) .. 'a', ('x'):rep(4000000) .. 'b', {} for i = 1, 100000 do t[i] = i % 2 == 0 "
     "and a or b end table.sort(t)",
     NULL},
    {"an endless gsub callback ends", ENDS_TIMEOUT, "('abc'):gsub('.', function() " LOOP " end)", NULL},
    {"a pattern with many wildcards ends", ENDS_TIMEOUT, "return ('a'):rep(100):find(('.-'):rep(30) .. 'b')", NULL},
    {"a*b over a long text ends", ENDS_TIMEOUT, "return ('a'):rep(300000):find('a*b')", NULL},
    {"a match with many wildcards ends", ENDS_TIMEOUT, "return ('a'):rep(100):match(('.*'):rep(20) .. 'b')", NULL},
    {"gmatch with many wildcards ends", ENDS_TIMEOUT, "for _ in ('a'):rep(100):gmatch(('a*'):rep(20) .. 'b') do end",
     NULL},
    {"gsub with many wildcards ends", ENDS_TIMEOUT, "return ('a'):rep(100):gsub(('a*'):rep(20) .. 'b', '')", NULL},
    {"back references over a long text end", ENDS_TIMEOUT, "return ('a'):rep(200000):find('(.-)%1b')", NULL},
    {"%b over a long text ends", ENDS_TIMEOUT, "return ('('):rep(1000000):find('%b()')", NULL},
    {"a large character set over a long text ends", ENDS_TIMEOUT,
     "return ('a'):rep(3000000):find('[' .. ('bc'):rep(3000) .. ']')", NULL},
    {"a pattern nested too deeply fails", ENDS_FAILED, "return ('x'):rep(1000):find(('x?'):rep(500))",
     "pattern too complex"},
    {"pcall around slow patterns ends", ENDS_TIMEOUT,
     "while true do pcall(string.find, ('a'):rep(100), ('.-'):rep(30) .. 'b') end", NULL},
    {"a plain search is fast", ENDS_WELL, "return (('a'):rep(2000000) .. 'b'):find(('a'):rep(1000) .. 'b', 1, true)",
     "1999001"},
    {"a repeat of nothing is fast", ENDS_WELL, "return (''):rep(1e15)", "\"\""},
    {"a huge repeat fails", ENDS_FAILED, "return ('x'):rep(1e9)", "string.rep: the result would be larger"},
    {"a huge repeat with a separator fails", ENDS_FAILED, "return (''):rep(1e15, ',')",
     "string.rep: the result would be larger"},
    {"a huge table.move fails", ENDS_FAILED, "table.move({}, 1, 1e15, 2)", "table.move: more than"},
    {"table.move over all integers fails", ENDS_FAILED, "table.move({}, math.mininteger, math.maxinteger, 1)",
     "table.move: more than"},
    {"table.insert with a lying __len fails", ENDS_FAILED,
     "table.insert(setmetatable({}, {__len = function() return 1e15 // 1 | 0 end}), 1, 1)", "__len is not accepted"},
    {"table.remove with a lying __len fails", ENDS_FAILED,
     "table.remove(setmetatable({}, {__len = function() return 1 << 50 end}), 1)", "__len is not accepted"},
    {"table.concat with a lying __len fails", ENDS_FAILED,
     "table.concat(setmetatable({}, {__len = function() return 1 << 50 end}))", "__len is not accepted"},
    {"table.unpack with a lying __len fails", ENDS_FAILED,
     "table.unpack(setmetatable({}, {__len = function() return 1 << 50 end}))", "__len is not accepted"},
    {"a huge table.unpack fails", ENDS_FAILED, "return table.unpack({}, 1, 1e8)", "table.unpack: too many results"},
    {"table.unpack over all integers fails", ENDS_FAILED, "return table.unpack({}, math.mininteger, math.maxinteger)",
     "table.unpack: too many results"},
    {"table.concat of a virtual table ends", ENDS_FAILED,
     "return table.concat(setmetatable({}, {__index = tostring}), '', 1, 1e15)", "table.concat: more than"},
    {"table.concat up to the largest integer fails", ENDS_FAILED,
     "return table.concat({}, '', math.maxinteger - 1, math.maxinteger)", "is a nil"},
    {"inserting in front again and again ends", ENDS_TIMEOUT,
     "local t = {} for i = 1, 1e6 do table.insert(t, 1, i) end", NULL},
    {"next over an emptied table ends", ENDS_TIMEOUT,
     "local t = {} for i = 1, 200000 do t['k' .. i] = true end for k in pairs(t) do t[k] = nil end while true do "
     "next(t) end",
     NULL},
    {"growing a string without end fails", ENDS_FAILED, "local s = 'x' while true do s = s .. s end",
     "not enough memory"},
    {"growing a string slowly ends", ENDS_TIMEOUT, "local s = ('x'):rep(1000000) while true do s = s .. 'x' end", NULL},
    {"growing a table without end ends", ENDS_SOMEHOW, "local t = {} while true do t[#t + 1] = {} end", NULL},
    {"pcall does not catch the lack of memory", ENDS_FAILED,
     "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end", "not enough memory"},
    {"a coroutine does not catch the lack of memory", ENDS_FAILED,
     "while true do coroutine.resume(coroutine.create(function() local s = 'x' while true do s = s .. s end end)) end",
     "not enough memory"},
    {"comparing long strings again and again ends", ENDS_TIMEOUT,
     "local a, b = ('x'):rep(8000000) .. 'a', ('x'):rep(8000000) .. 'b' while true do local _ = a < b end", NULL},
    {"string functions over long strings end", ENDS_TIMEOUT, "local s = ('x'):rep(8000000) while true do s:upper() end",
     NULL},
    {"utf8 functions over long strings end", ENDS_TIMEOUT, "local s = ('x'):rep(8000000) while true do utf8.len(s) end",
     NULL},
    {"string.format with a huge width fails", ENDS_FAILED, "return ('%999999999d'):format(1)", "invalid"},
    {"string.format with long strings ends", ENDS_TIMEOUT,
     "local s = ('x'):rep(4000000) while true do ('%s%s'):format(s, s) end", NULL},
    {"string.pack with a huge size fails", ENDS_FAILED, "return string.pack('c1000000000', 'x')", "not enough memory"},
    {"hashing long strings ends", ENDS_TIMEOUT, "local s = ('x'):rep(8000000) while true do crypto.sha256(s) end",
     NULL},
    {"json of a table that contains itself fails", ENDS_FAILED, "local t = {} t[1] = t json.encode(t)",
     "nested deeper"},
    {"json of a table that shares its parts fails", ENDS_FAILED,
     "local t = {} for i = 1, 60 do t = {t, t} end json.encode(t)", "values"},
    {"encoding again and again ends", ENDS_TIMEOUT,
     "local t = {} for i = 1, 10000 do t[i] = i end while true do json.encode(t) end", NULL},
    {"decoding again and again ends", ENDS_TIMEOUT,
     "local s = '[' .. ('1,'):rep(10000) .. '1]' while true do json.decode(s) end", NULL},
    {"decoding a huge text fails", ENDS_FAILED, "return json.decode(('[]'):rep(4000000))", "larger than 4 MiB"},
    {"logging without end is cut", ENDS_WELL,
     "for i = 1, 5000 do log.debug('x') end for i = 1, 3000 do log.error('flood') end return 1", "1"},
    {"weak tables do not exist", ENDS_FAILED, "setmetatable({}, {__mode = 'k'})", "__mode is not available"},
    {"binary chunks do not exist", ENDS_FAILED, "return load('\\27Lua')", "load is not available"},
    {"an iterator without end ends", ENDS_TIMEOUT, "for _ in function() return 1 end do end", NULL},
    {"goto without end ends", ENDS_TIMEOUT, "::top:: goto top", NULL},
    {"string to number of a long string is bounded", ENDS_WELL,
     "return tonumber(('1'):rep(1000000)) ~= nil and tonumber(('1'):rep(3000000), 10) ~= 5", "true"},
};

static struct script_env env;
static size_t numbers[HUB_NELEM(traps)], normal;

static void ends_in_time(void **state) {
    const struct trap *t = *state;
    static const enum hub_code codes[] = {HUB_SCRIPT_TIMEOUT, HUB_HANDLER_FAILED, HUB_OK};
    struct script_result r = {0};
    /* Where memory has to run out first, there is time enough for a slow machine. */
    env.service.script_cpu_ms = t->says && strcmp(t->says, "not enough memory") == 0 ? 5000 : 100;
    uint64_t start = hub_thread_cpu_ns(); /* other work on the machine does not count */
    alarm(30);                            /* a hang is a failure, not a stuck test run */
    script_call(&env, numbers[t - traps], NULL, 0, &r);
    alarm(0);
    uint64_t ms = (hub_thread_cpu_ns() - start) / 1000000;
    enum hub_code expected = t->end == ENDS_SOMEHOW ? (r.code == HUB_OK ? HUB_SCRIPT_TIMEOUT : r.code) : codes[t->end];
    if (r.code != expected) print_error("%s: %s\n", hub_code_name(r.code), r.error);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.code, expected);
    if (t->end == ENDS_WELL) {
        struct hub_buf b = {0};
        hub_json_add(&b, r.value);
        assert_string_equal(hub_buf_cstr(&b), t->says);
        hub_buf_free(&b);
    } else if (t->says && !strstr(r.error, t->says)) {
        print_error("\"%s\" is not in \"%s\"\n", t->says, r.error);
        fail();
    }
    if (ms > 300) print_message("%s: %d ms\n", t->name, (int)ms);
    assert_true(ms < 500);
    json_decref(r.value);
    struct script_result next = {0};
    script_call(&env, normal, NULL, 0, &next);
    assert_int_equal(next.code, HUB_OK);
    assert_int_equal(json_integer_value(next.value), 42);
    json_decref(next.value);
}

static int start(void **state) {
    (void)state;
    script_env_init(&env);
    for (size_t i = 0; i < HUB_NELEM(traps); i++) numbers[i] = script_env_add(&env, HUB_SCRIPT_LUA, traps[i].text);
    normal =
        script_env_add(&env, HUB_SCRIPT_LUA, "local t = {} for i = 1, 100 do t[i] = ('x'):rep(i) end return #t - 58");
    return script_env_start(&env) == HUB_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    script_env_end(&env);
    return 0;
}

int main(void) {
    struct CMUnitTest tests[HUB_NELEM(traps)];
    for (size_t i = 0; i < HUB_NELEM(traps); i++) {
        tests[i] = (struct CMUnitTest){
            .name = traps[i].name, .test_func = ends_in_time, .initial_state = (void *)(uintptr_t)&traps[i]};
    }
    return cmocka_run_group_tests(tests, start, stop);
}
