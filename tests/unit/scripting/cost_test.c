/* No function and no operator holds up the loop because its input is large: each of them, on the largest
 * inputs, again and again inside pcall, ends soon after the call's CPU time is used up. Measured by the
 * thread's CPU time, so that other work on the machine does not count. */
#include <time.h>
#include <unistd.h>

#include "script_env.h"

enum {
    LIMIT_MS = 20,
    ALLOWED_MS = 480
}; /* the latter with sanitizers; what one call of a function of Lua's own library may take is in it */

/* ---- Lua: the expression F, over and over ---- */

#define BLANKS "local s = (' '):rep(16000000) "
#define DIGITS "local s = ('1'):rep(16000000) "
#define LETTERS "local s = ('x'):rep(16000000) "
#define NULS "local s, t = ('\\0'):rep(8000000) .. 'a', ('\\0'):rep(8000000) .. 'b' "
#define TWO "local s, t = ('x'):rep(8000000) .. 'a', ('x'):rep(8000000) .. 'b' "
#define TWENTY "local s, t = ('\\0'):rep(20000) .. 'a', ('\\0'):rep(20000) .. 'b' "
#define NUMBERS "local t = {} for i = 1, 100000 do t[i] = i end "
#define VIRTUAL(F) "local t = setmetatable({}, {__index = " F ", __newindex = rawlen}) "
#define AGAIN(F) " while true do pcall(function() " F " end) end"

static const struct {
    const char *name, *text;
} chunks[] = {
    {"tonumber of blanks", BLANKS AGAIN("tonumber(s)")},
    {"tonumber of digits", DIGITS AGAIN("tonumber(s)")},
    {"tonumber with a base", DIGITS AGAIN("tonumber(s, 10)")},
    {"tonumber with a base of blanks", BLANKS AGAIN("tonumber('1', s)")},
    {"arithmetic on texts", BLANKS AGAIN("return s + 1")},
    {"arithmetic on two texts", DIGITS AGAIN("return s * s")},
    {"the sign of a text", BLANKS AGAIN("return -s")},
    {"bit operations on texts", BLANKS AGAIN("return s | 1")},
    {"a text as the limit of a loop", BLANKS AGAIN("for i = 1, s do end")},
    {"a text as the step of a loop", BLANKS AGAIN("for i = 1, 2, s do end")},
    {"math functions of texts", BLANKS AGAIN("math.floor(s)")},
    {"math.max of texts", DIGITS AGAIN("math.max(s, s, s, s)")},
    {"math.random of texts", BLANKS AGAIN("math.random(s)")},
    {"select by a text", BLANKS AGAIN("select(s, 1)")},
    {"positions that are texts", BLANKS AGAIN("('x'):sub(s, s)")},
    {"counts that are texts", BLANKS AGAIN("('x'):rep(s)")},
    {"table positions that are texts", BLANKS AGAIN("table.insert({}, s, 1)")},
    {"table.concat with a position that is a text", BLANKS AGAIN("table.concat({}, '', s)")},
    {"table.unpack with a position that is a text", BLANKS AGAIN("table.unpack({}, s)")},
    {"sleep with a text", BLANKS AGAIN("sleep(s)")},
    {"time.iso of a text", BLANKS AGAIN("time.iso(s)")},
    {"crypto.random of a text", BLANKS AGAIN("crypto.random(s)")},
    {"utf8.char of a text", BLANKS AGAIN("utf8.char(s)")},
    {"string.char of a text", BLANKS AGAIN("string.char(s)")},
    {"comparing", TWO AGAIN("return s < t")},
    {"comparing NULs", NULS AGAIN("return s < t")},
    {"comparing NULs, without pauses",
     TWENTY "while true do local _ = s < t, s < t, s < t, s < t, s < t, s < t, s < t, s < t, s < t, s < t end"},
    {"equality", TWO AGAIN("return s == t")},
    {"rawequal", TWO AGAIN("return rawequal(s, t)")},
    {"hashing", LETTERS "local h = {} " AGAIN("h[s .. 'y'] = 1 h = {}")},
    {"hashing by rawget", LETTERS AGAIN("rawget({}, s)")},
    {"joining", LETTERS AGAIN("return s .. s")},
    {"joining with a table", LETTERS AGAIN("return s .. {}")},
    {"string.upper", LETTERS AGAIN("s:upper()")},
    {"string.lower", LETTERS AGAIN("s:lower()")},
    {"string.reverse", LETTERS AGAIN("s:reverse()")},
    {"string.sub", LETTERS AGAIN("s:sub(2)")},
    {"string.byte", LETTERS AGAIN("s:byte(1, -1)")},
    {"string.byte of many", LETTERS AGAIN("s:byte(1, 99000)")},
    {"string.byte of all that a stack holds, passed on",
     LETTERS "local function f(...) return ... end " AGAIN("f(s:byte(1, 450000))")},
    {"string.format %s", LETTERS AGAIN("('%s'):format(s)")},
    {"string.format %q", "local s = ('\\n'):rep(16000000) " AGAIN("('%q'):format(s)")},
    {"string.format %q of all it takes", "local s = ('\\n'):rep(1000000) " AGAIN("('%q'):format(s)")},
    {"string.format %d of a text", BLANKS AGAIN("('%d'):format(s)")},
    {"a format", "local s = ('%%'):rep(8000000) " AGAIN("s:format()")},
    {"string.pack", LETTERS AGAIN("string.pack('z', s)")},
    {"a format of string.pack", "local s = (' '):rep(16000000) " AGAIN("string.pack(s)")},
    {"a format of string.unpack", "local s = ('<>'):rep(8000000) " AGAIN("string.unpack(s, 'x')")},
    {"a format of string.packsize", BLANKS AGAIN("string.packsize(s)")},
    {"string.unpack", LETTERS AGAIN("string.unpack('z', s)")},
    {"utf8.len", LETTERS AGAIN("utf8.len(s)")},
    {"utf8.offset", LETTERS AGAIN("utf8.offset(s, 16000000)")},
    {"utf8.codepoint", LETTERS AGAIN("utf8.codepoint(s, 1, -1)")},
    {"utf8.codes", LETTERS AGAIN("for _ in utf8.codes(s) do end")},
    {"a plain search", LETTERS AGAIN("s:find(('x'):rep(200) .. 'y', 1, true)")},
    {"a plain search for a long text", LETTERS AGAIN("s:find(('x'):rep(8000000) .. 'y', 1, true)")},
    {"a long pattern", LETTERS AGAIN("('x'):find(s)")},
    {"a long set",
     "local s = '[a' .. ('b'):rep(4000000) .. ']' local t = ('a'):rep(100000) " AGAIN("t:find('^' .. s .. '*$')")},
    {"a frontier with a long set",
     "local s = '%f[a' .. ('b'):rep(4000000) .. ']x' local t = ('a'):rep(100000) " AGAIN("t:find(s)")},
    {"back references to a long capture",
     "local t = ('a'):rep(4000000) " AGAIN("(t .. t):find('(' .. ('a'):rep(4096) .. '*)%1b')")},
    {"a long replacement of empty captures", "local s = ('%1'):rep(4000000) " AGAIN("('x'):rep(1000):gsub('()', s)")},
    {"a long replacement of captures without text",
     "local s = ('%1'):rep(4000000) " AGAIN("('x'):rep(1000):gsub('(y?)x', s)")},
    {"gsub", LETTERS AGAIN("s:gsub('x', 'y')")},
    {"gmatch", LETTERS AGAIN("for _ in s:gmatch('.') do end")},
    {"table.concat", NUMBERS AGAIN("table.concat(t, ', ')")},
    {"table.concat of nothing", VIRTUAL("rawlen") AGAIN("table.concat(t, '', 1, 3900000)")},
    {"table.concat with a long separator",
     "local t, s = {}, ('x'):rep(100000) for i = 1, 1000 do t[i] = '' end " AGAIN("table.concat(t, s)")},
    {"table.move", VIRTUAL("rawlen") AGAIN("table.move(t, 1, 3900000, 2)")},
    {"table.insert", NUMBERS AGAIN("table.insert(t, 1, 1)")},
    {"table.remove", NUMBERS AGAIN("table.remove(t, 1)")},
    {"table.unpack", NUMBERS AGAIN("table.unpack(t, 1, 99000)")},
    {"table.unpack of nothing", VIRTUAL("rawlen") AGAIN("table.unpack(t, 1, 99000)")},
    {"table.pack", NUMBERS AGAIN("table.pack(table.unpack(t, 1, 99000))")},
    {"table.sort", NUMBERS AGAIN("table.sort(t, function(a, b) return a > b end)")},
    {"table.sort of long texts",
     TWO "local l = {} for i = 1, 2000 do l[i] = i % 2 == 0 and s or t end " AGAIN("table.sort(l)")},
    {"many values through coroutines",
     NUMBERS AGAIN("coroutine.wrap(function(...) coroutine.yield(...) end)(table.unpack(t, 1, 99000))")},
    {"next over an emptied table",
     "local t = {} for i = 1, 200000 do t['k' .. i] = true end for k in pairs(t) do t[k] = nil end " AGAIN("next(t)")},
    {"tostring", LETTERS AGAIN("tostring(s)")},
    {"print", LETTERS AGAIN("print(s)")},
    {"log of a long text", LETTERS AGAIN("log.debug(s) log.info(s)")},
    {"log of a large table", NUMBERS AGAIN("log.error(t, {a = t, b = t, c = t, d = t, e = t, f = t})")},
    {"errors with long texts", LETTERS AGAIN("error(s)")},
    {"an error with a long text", LETTERS "error(s, 0)"},
    {"an error with a long text of blanks", BLANKS "error({code = s, message = s})"},
    {"json.encode of a long text", "local s = ('\\1'):rep(4000000) " AGAIN("json.encode(s)")},
    {"json.encode of a text that is too long", LETTERS AGAIN("json.encode(s)")},
    {"json.encode of many values", NUMBERS AGAIN("json.encode(t)")},
    {"json.encode of many keys",
     "local t = {} for i = 1, 60000 do t['some longer key ' .. i] = i end " AGAIN("json.encode(t)")},
    {"json.decode", "local s = '[' .. ('1,'):rep(190000) .. '1]' " AGAIN("json.decode(s)")},
    {"json.decode of too many values", "local s = '[' .. ('[],'):rep(1300000) .. '1]' " AGAIN("json.decode(s)")},
    {"json.decode of a long text", "local s = '\"' .. ('\\\\u0001'):rep(690000) .. '\"' " AGAIN("json.decode(s)")},
    {"json.decode of blanks", "local s = (' '):rep(4000000) " AGAIN("json.decode(s)")},
    {"crypto.sha256", LETTERS AGAIN("crypto.sha256(s)")},
    {"crypto.md5", LETTERS AGAIN("crypto.md5(s)")},
    {"crypto.hmac", LETTERS AGAIN("crypto.hmac('k', s)")},
    {"crypto.hmac with a long key", LETTERS AGAIN("crypto.hmac(s, 'x')")},
    {"binary values", LETTERS AGAIN("binary(s)")},
    {"comparing binary values",
     "local s, t = binary(('x'):rep(8000000)), binary(('x'):rep(8000000)) " AGAIN("return s == t")},
    {"binary values as text", "local s = binary(('x'):rep(8000000)) " AGAIN("tostring(s)")},
    {"long arguments of the engine", LETTERS AGAIN("objects.find(s)")},
    {"large arguments of the engine", NUMBERS AGAIN("objects.find(t, t)")},
    {"large answers of the engine", AGAIN("objects.list()")},
    {"modules of long names", LETTERS AGAIN("require(s)")},
    {"members of long names", LETTERS AGAIN("return lib[s]")},
    {"a long result", LETTERS "return s"},
    {"a result with many keys", "local t = {} for i = 1, 60000 do t['some longer key ' .. i] = i end return t"},
};

/* ---- expressions: over a list of 1,000, with variables of these texts ---- */

#define EACH(F) "list.map(i => " F ").length"

static const struct {
    const char *name, *text;
} expressions[] = {
    {"Number of blanks", EACH("Number(blanks)")},
    {"Number of wide blanks", EACH("Number(wide)")},
    {"Number of digits", EACH("Number(digits)")},
    {"+ on texts", EACH("+blanks")},
    {"- on texts", EACH("digits - blanks")},
    {"comparing texts and numbers", EACH("blanks < 5")},
    {"== of texts and numbers", EACH("blanks == 5")},
    {"== of texts", EACH("letters == letters2")},
    {"=== of texts", EACH("letters === letters2")},
    {"< of texts", EACH("letters < letters2")},
    {"trim", EACH("blanks.trim()")},
    {"trim of wide blanks", EACH("wide.trim()")},
    {"length", EACH("umlauts.length")},
    {"one character", EACH("umlauts[3999999]")},
    {"includes", EACH("letters.includes('xxxxxxxxxxxxxxxxy')")},
    {"indexOf", EACH("letters.indexOf('xxxxxxxxxxxxxxxxy')")},
    {"indexOf of a long text", EACH("letters.indexOf(letters2)")},
    {"startsWith", EACH("letters.startsWith(letters2)")},
    {"endsWith", EACH("letters.endsWith(letters2)")},
    {"toUpperCase", EACH("umlauts.toUpperCase()")},
    {"toLowerCase", EACH("umlauts.toLowerCase()")},
    {"split", EACH("letters.split('')")},
    {"split that finds nothing", EACH("letters.split('xxxxxxxxxxxxy')")},
    {"slice", EACH("umlauts.slice(5, -5)")},
    {"concat", EACH("letters.concat('y')")},
    {"templates", EACH("`${letters}!`")},
    {"+ of texts", EACH("letters + 'y'")},
    {"String of arrays", EACH("String(numbers)")},
    {"join", EACH("numbers.join(', ')")},
    {"join of arrays that share their parts", "list.map(a => list.map(b => list)).map(c => '')"},
    {"join of nested arrays", "String(list.map(a => list).map(a => list.map(b => empty)))"},
    {"slice of arrays", EACH("numbers.slice(1)")},
    {"concat of arrays", EACH("numbers.concat(numbers, numbers, numbers)")},
    {"includes of arrays", EACH("numbers.includes(-1)")},
    {"includes of long texts", "list.map(i => letters).includes(letters2)"},
    {"indexOf of long texts", EACH("list.map(i => letters).indexOf(letters2)")},
    {"keys of arrays", EACH("Object.keys(numbers)")},
    {"keys of objects", EACH("Object.keys(object)")},
    {"JSON.stringify", EACH("JSON.stringify(numbers)")},
    {"JSON.stringify of an object", EACH("JSON.stringify(object)")},
    {"JSON.stringify of a long text", EACH("JSON.stringify(letters)")},
    {"JSON.parse", EACH("JSON.parse(commas)")},
    {"JSON.parse of an array", EACH("JSON.parse(numbers)")},
    {"Math.max of texts", EACH("Math.max(blanks, wide)")},
    {"dates of texts", EACH("new Date(blanks)")},
    {"a member of a long name", EACH("object[letters]")},
    {"calling a long name", EACH("object[letters]()")},
};

static struct script_env env;
static size_t chunk_numbers[HUB_NELEM(chunks)], expression_numbers[HUB_NELEM(expressions)];
static struct hub_hook_arg args[12];
static size_t arg_n;
static json_t *many;

static void objects_find(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_OK, NULL, NULL);
}
static void objects_list(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_OK, json_incref(many), NULL);
}
static const struct hub_host_fn fns[] = {
    {"objects", "find", objects_find}, {"objects", "list", objects_list}, {NULL, NULL, NULL}};

static json_t *numbers_to(int n, const char *text) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(array, text ? json_string(text) : json_integer(i));
    return array;
}

static void text_arg(const char *name, const char *unit, size_t n, const char *end) {
    struct hub_buf b = {0};
    for (size_t i = 0; i < n; i++) hub_buf_addz(&b, unit);
    hub_buf_addz(&b, end);
    args[arg_n++] = (struct hub_hook_arg){name, json_stringn(b.p, b.n)};
    hub_buf_free(&b);
}

static void make_args(void) {
    json_t *object = json_object();
    char key[40];
    for (int i = 0; i < 60000; i++) {
        snprintf(key, sizeof key, "some longer key %d", i);
        json_object_set_new(object, key, json_integer(i));
    }
    text_arg("blanks", " ", 8000000, "");
    text_arg("wide", "\xe2\x80\x83", 2600000, "");
    text_arg("digits", "1", 8000000, "");
    text_arg("letters", "x", 8000000, "a");
    text_arg("letters2", "x", 8000000, "b");
    text_arg("umlauts", "\xc3\xa4", 4000000, "");
    text_arg("commas", "[],", 1000000, "");
    args[arg_n++] = (struct hub_hook_arg){"list", numbers_to(1000, NULL)};
    args[arg_n++] = (struct hub_hook_arg){"empty", numbers_to(1000, "")};
    args[arg_n++] = (struct hub_hook_arg){"numbers", numbers_to(60000, NULL)};
    args[arg_n++] = (struct hub_hook_arg){"object", object};
    many = numbers_to(100000, NULL);
}

static int start(void **state) {
    (void)state;
    script_env_init(&env);
    env.host = (struct hub_host){.fns = fns};
    env.service.script_cpu_ms = LIMIT_MS;
    env.service.script_memory_mib = 64;
    for (size_t i = 0; i < HUB_NELEM(chunks); i++)
        chunk_numbers[i] = script_env_add(&env, HUB_SCRIPT_LUA, chunks[i].text);
    for (size_t i = 0; i < HUB_NELEM(expressions); i++)
        expression_numbers[i] = script_env_add(&env, HUB_SCRIPT_EXPR, expressions[i].text);
    if (script_env_start(&env)) fail_msg("%s", env.err.text);
    make_args();
    return 0;
}

static int stop(void **state) {
    (void)state;
    script_env_end(&env);
    while (arg_n) json_decref(args[--arg_n].value);
    json_decref(many);
    return 0;
}

static uint64_t cpu_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void ends_soon(const char *name, size_t script) {
    struct script_result r = {0};
    alarm(60); /* a hang is a failure, not a stuck test run */
    uint64_t from = cpu_ms();
    script_call(&env, script, args, arg_n, &r);
    uint64_t ms = cpu_ms() - from;
    alarm(0);
    json_decref(r.value);
    assert_int_equal(r.calls, 1);
    if (getenv("VERBOSE")) print_message("%4d ms %s (%s)\n", (int)ms, name, r.code ? r.error : "ended");
    if (ms > LIMIT_MS + ALLOWED_MS) fail_msg("%s took %d ms (%s)", name, (int)ms, r.code ? r.error : "ended");
}

static void a_chunk_ends_soon(void **state) {
    size_t i = (size_t)(uintptr_t)*state;
    ends_soon(chunks[i].name, chunk_numbers[i]);
}

static void an_expression_ends_soon(void **state) {
    size_t i = (size_t)(uintptr_t)*state;
    ends_soon(expressions[i].name, expression_numbers[i]);
}

int main(void) {
    struct CMUnitTest tests[HUB_NELEM(chunks) + HUB_NELEM(expressions)];
    for (size_t i = 0; i < HUB_NELEM(tests); i++) {
        bool lua = i < HUB_NELEM(chunks);
        size_t at = lua ? i : i - HUB_NELEM(chunks);
        tests[i] = (struct CMUnitTest){.name = lua ? chunks[at].name : expressions[at].name,
                                       .test_func = lua ? a_chunk_ends_soon : an_expression_ends_soon,
                                       .initial_state = (void *)(uintptr_t)at};
    }
    return cmocka_run_group_tests(tests, start, stop);
}
