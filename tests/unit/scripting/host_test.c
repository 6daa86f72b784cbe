/* Functions of the engine in scripts: answers at once and later, errors, limits while waiting, sockets,
 * modules, shutdown. A fake host, on a loop whose clock is turned: what a script waits for takes no time. */
#include "script_env.h"
#include "turned_clock.h"

static struct script_env env;

/* ---- the fake host ---- */

struct later { /* an answer that comes after some milliseconds */
    struct hub_timer timer;
    struct hub_host_call *call;
    int64_t ms;
};
static struct later laters[256];
static size_t later_n;
static struct hub_host_call *held; /* db.never: answered by the test, if at all */
static json_t *seen;               /* the calls of table socket: [name, args, number of binaries] */

static void answer_later(struct hub_timer *t) {
    struct later *l = HUB_CONTAINER(t, struct later, timer);
    json_t *args = json_incref(l->call->args);
    l->call->done(l->call, HUB_OK, args, NULL);
}

static void objects_find(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_OK, json_pack("{s:O}", "asked", call->args), NULL);
}

static void db_query(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    assert_true(later_n < HUB_NELEM(laters));
    struct later *l = &laters[later_n++];
    *l = (struct later){.call = call};
    hub_timer_start(env.loop, &l->timer, json_integer_value(json_array_get(call->args, 0)), answer_later);
}

static void db_fail(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    call->done(call, HUB_STORE_UNAVAILABLE, NULL, "the store sleeps");
}

static void db_never(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    held = call;
}

static void note(const char *name, struct hub_host_call *call) {
    json_array_append_new(seen, json_pack("[s,O,i]", name, call->args, call->bins ? (int)call->bins->n : 0));
    call->done(call, HUB_OK, NULL, NULL);
}
static void socket_emit(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    if (hub_str_is(hub_json_str(json_array_get(call->args, 1)), "forget"))
        hub_lua_hook_ops.forget_socket(env.s, json_string_value(json_array_get(call->args, 0)));
    note("emit", call);
}
static void socket_join(void *ctx, struct hub_host_call *call) { (void)ctx, note("join", call); }
static void socket_cast(void *ctx, struct hub_host_call *call) { (void)ctx, note("cast", call); }
static void socket_disconnect(void *ctx, struct hub_host_call *call) { (void)ctx, note("disconnect", call); }

/* hub.hook(i): runs script I inside the call and answers with its result. */
static void nested_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_host_call *call = arg;
    call->done(call, code, json_incref(result), error);
}
static void hub_hook(void *ctx, struct hub_host_call *call) {
    (void)ctx;
    size_t i = (size_t)json_integer_value(json_array_get(call->args, 0));
    hub_lua_hook_ops.call(env.s, script_env_script(&env, i), NULL, NULL, 0, nested_done, call);
}

/* db.transaction, whose first LOSES commits meet somebody else. */
static struct {
    int loses, begun, committed, turns, over;
    int in_turn; /* commits that came with the turn that was given */
    struct hub_host_tx tx;
} met;
static void drop_transaction(struct hub_host_tx *tx) { (void)tx, met.over++; }
static void db_transaction(void *ctx, struct hub_host_call *call) {
    struct hub_str step = hub_json_str(json_array_get(call->args, 0));
    json_t *answer = NULL;
    (void)ctx;
    met.tx.drop = drop_transaction;
    *call->tx = hub_str_is(step, "begin") ? &met.tx : NULL;
    if (hub_str_is(step, "begin")) {
        met.begun++;
    } else if (hub_str_is(step, "commit")) {
        met.in_turn += json_integer_value(json_array_get(call->args, 3)) == 7;
        if (met.committed++ < met.loses) answer = json_string("seat/1");
    } else if (hub_str_is(step, "turn")) {
        assert_string_equal(json_string_value(json_array_get(call->args, 2)), "seat/1");
        met.turns++;
        answer = json_integer(7);
    } else if (hub_str_is(step, "give up")) {
        call->done(call, HUB_VERSION_CONFLICT, NULL, "others were faster");
        return;
    }
    call->done(call, HUB_OK, answer, NULL);
}

static const struct hub_host_fn fns[] = {{"objects", "find", objects_find},
                                         {"db", "transaction", db_transaction},
                                         {"db", "query", db_query},
                                         {"db", "fail", db_fail},
                                         {"db", "never", db_never},
                                         {"socket", "emit", socket_emit},
                                         {"socket", "join", socket_join},
                                         {"socket", "castEmit", socket_cast},
                                         {"socket", "disconnect", socket_disconnect},
                                         {"hub", "hook", hub_hook},
                                         {NULL, NULL, NULL}};

static const struct hub_host_fn within_fns[] = {
    {"objects", "find", objects_find}, {"db", "transaction", db_transaction}, {NULL, NULL, NULL}};

/* ---- set-up ---- */

static int start(void **state) {
    (void)state;
    script_env_init(&env);
    env.loop = turned_loop_new();
    env.host = (struct hub_host){.fns = fns, .within = within_fns};
    memset(&met, 0, sizeof met);
    later_n = 0;
    held = NULL;
    seen = json_array();
    return 0;
}

static int stop(void **state) {
    (void)state;
    script_env_end(&env);
    hub_clock_deinit(&turned_clock);
    json_decref(seen);
    return 0;
}

static size_t lua(const char *text) { return script_env_add(&env, HUB_SCRIPT_LUA, text); }
static size_t expr(const char *text) { return script_env_add(&env, HUB_SCRIPT_EXPR, text); }

static void compiled(void) {
    if (script_env_start(&env)) fail_msg("%s", env.err.text);
}

/* Longer than any script may take. */
static void let_all_end(void) { turn_clock(env.loop, 60000); }

/* Calls script I and turns the clock until it has ended. */
static struct script_result run(size_t i) {
    struct script_result r = {0};
    script_call(&env, i, NULL, 0, &r);
    if (!r.calls) let_all_end();
    assert_int_equal(r.calls, 1);
    return r;
}

static void gives(size_t i, const char *json) {
    struct script_result r = run(i);
    struct hub_buf b = {0};
    if (r.code) fail_msg("%s: %s", hub_code_name(r.code), r.error);
    hub_json_add(&b, r.value);
    assert_string_equal(hub_buf_cstr(&b), json);
    hub_buf_free(&b);
    json_decref(r.value);
}

static void fails(size_t i, enum hub_code code, const char *text) {
    struct script_result r = run(i);
    assert_int_equal(r.code, code);
    if (!strstr(r.error, text)) fail_msg("\"%s\" is not in \"%s\"", text, r.error);
    json_decref(r.value);
}

/* ---- answers ---- */

static void an_answer_at_once_is_the_result(void **state) {
    (void)state;
    size_t a = lua("return objects.find('user', 5, {x = json.array()}).asked");
    size_t b = expr("objects.find('user', room).asked.length");
    compiled();
    gives(a, "[\"user\",5,{\"x\":[]}]");
    gives(b, "2");
}

static void a_later_answer_suspends_the_script_and_not_the_loop(void **state) {
    (void)state;
    size_t a = lua("local r = db.query(20, 'a') local s = db.query(5, 'b') return {r[2], s[2]}");
    size_t b = expr("db.query(5, 'x')[1] + db.query(1, 'y')[1]");
    size_t c = expr("[3, 1, 2].map(n => db.query(n, n * 10)[1]).filter(n => db.query(1, n > 10)[1])");
    size_t d = expr("db.query(2, 0)[1] || db.query(1, 'z')[1]");
    compiled();
    gives(a, "[\"a\",\"b\"]");
    gives(b, "\"xy\"");
    gives(c, "[30,20]");
    gives(d, "\"z\"");
}

static void scripts_wait_beside_each_other(void **state) {
    (void)state;
    size_t a = lua("return db.query(15, 'slow')[2]"),
           b = lua("x = 'mine' local r = db.query(1, 'fast')[2] return x .. r"), c = lua("return tostring(x)");
    compiled();
    struct script_result slow = {0}, fast = {0}, other = {0};
    script_call(&env, a, NULL, 0, &slow);
    script_call(&env, b, NULL, 0, &fast);
    script_call(&env, c, NULL, 0, &other);
    assert_int_equal(other.calls, 1);
    assert_string_equal(json_string_value(other.value), "nil"); /* a global of another call is not seen */
    let_all_end();
    assert_int_equal(fast.calls, 1);
    assert_string_equal(json_string_value(fast.value), "minefast");
    assert_string_equal(json_string_value(slow.value), "slow");
    json_decref(slow.value);
    json_decref(fast.value);
    json_decref(other.value);
}

static void an_error_of_the_engine_can_be_caught(void **state) {
    (void)state;
    size_t a = lua("local ok, e = pcall(db.fail) return {ok, e.code, e.message, tostring(e), 'x ' .. e}");
    size_t b = lua("local x = 1\ndb.fail()");
    size_t c = expr("db.fail() ?? 1");
    compiled();
    gives(a, "[false,\"store_unavailable\",\"the store sleeps\",\"store_unavailable: the store sleeps\",\"x "
             "store_unavailable: the store sleeps\"]");
    fails(b, HUB_HANDLER_FAILED, "t.hub.yaml:8: store_unavailable: the store sleeps");
    fails(c, HUB_HANDLER_FAILED, "t.hub.yaml:7: store_unavailable");
}

static void waiting_works_below_pcall_coroutines_sort_and_gsub(void **state) {
    (void)state;
    size_t a = lua("local ok, r = pcall(function() return db.query(1, 'p')[2] end) return {ok, r}");
    size_t b = lua("local co = coroutine.wrap(function() local r = db.query(1, 'in')[2] coroutine.yield(r) return "
                   "db.query(1, 'out')[2] end)"
                   " return {co(), co()}");
    size_t c = lua("local t = {3, 1, 2} table.sort(t, function(a, b) return db.query(1, a < b)[2] end) return t");
    size_t d = lua("return (('ab'):gsub('.', function(c) return db.query(1, c:upper())[2] end))");
    size_t e = lua("local f = coroutine.wrap(function() return coroutine.wrap(function() return db.query(1, 7)[2] "
                   "end)() end) return f()");
    compiled();
    gives(a, "[true,\"p\"]");
    gives(b, "[\"in\",\"out\"]");
    gives(c, "[1,2,3]");
    gives(d, "\"AB\"");
    gives(e, "7");
}

static void waiting_below_a_c_function_is_refused_clearly(void **state) {
    (void)state;
    size_t a = lua("return tostring(setmetatable({}, {__tostring = function() return db.query(1, 'x')[2] end}))");
    size_t b = lua("return tostring(setmetatable({}, {__tostring = function() return coroutine.wrap(function() return "
                   "db.query(1, 'x') end)() end}))");
    compiled();
    fails(a, HUB_HANDLER_FAILED, "db.query cannot be called here: it may have to wait");
    fails(b, HUB_HANDLER_FAILED, "db.query cannot be called here: it may have to wait");
}

static void arguments_without_a_json_form_are_refused(void **state) {
    (void)state;
    size_t a = lua("return objects.find(print)"),
           b = lua("local ok, e = pcall(objects.find, 'a', {f = print}) return e");
    compiled();
    fails(a, HUB_HANDLER_FAILED, "objects.find, argument 1: a function has no JSON form");
    gives(b, "\"t.hub.yaml:7: objects.find, argument 2: a function has no JSON form\"");
}

static void tables_of_the_host_are_read_only(void **state) {
    (void)state;
    size_t a = lua("db.query = nil");
    compiled();
    fails(a, HUB_HANDLER_FAILED, "'db' is read-only");
}

/* ---- limits ---- */

static void sleep_suspends(void **state) {
    (void)state;
    size_t a = lua("local t = time.now() sleep(2000) return time.now() - t");
    size_t b = expr("sleep(1) ?? 'slept'");
    compiled();
    struct script_result r = {0};
    script_call(&env, a, NULL, 0, &r);
    turn_clock(env.loop, 1999);
    assert_int_equal(r.calls, 0);
    turn_clock(env.loop, 1);
    assert_int_equal(json_integer_value(r.value), 2000);
    json_decref(r.value);
    gives(b, "\"slept\"");
}

static void a_script_tells_time_by_the_clock_of_the_loop(void **state) {
    (void)state;
    size_t a = lua("return {time.now(), time.iso()}");
    size_t b = expr("[Date.now(), new Date().getTime(), new Date().toISOString()]");
    compiled();
    gives(a, "[1767225600000,\"2026-01-01T00:00:00.000Z\"]");
    hub_clock_turn(&turned_clock, 86400000);
    gives(b, "[1767312000000,1767312000000,\"2026-01-02T00:00:00.000Z\"]");
    hub_clock_set_wall(&turned_clock, 0);
    gives(b, "[0,0,\"1970-01-01T00:00:00.000Z\"]");
}

static void the_time_limit_is_that_of_the_clock(void **state) {
    (void)state;
    size_t a = lua("sleep(4000) sleep(4000)");
    compiled();
    struct script_result r = {0};
    script_call(&env, a, NULL, 0, &r);
    turn_clock(env.loop, 4999);
    assert_int_equal(r.calls, 0);
    turn_clock(env.loop, 1);
    assert_int_equal(r.code, HUB_SCRIPT_TIMEOUT);
}

static void waiting_too_long_is_a_timeout(void **state) {
    (void)state;
    env.service.script_wall_ms = 30;
    size_t a = lua("\nsleep(5000)"), b = lua("db.never()"), c = lua("while true do sleep(1) end"),
           d = lua("local f = coroutine.wrap(function() while true do pcall(sleep, 2) end end) f()");
    compiled();
    fails(a, HUB_SCRIPT_TIMEOUT, "t.hub.yaml:8: the script was not done after 30 ms");
    fails(b, HUB_SCRIPT_TIMEOUT, "t.hub.yaml:7: ");
    held->done(held, HUB_OK, json_true(), NULL); /* the answer comes too late, and nobody is hurt */
    fails(c, HUB_SCRIPT_TIMEOUT, "not done after 30 ms");
    fails(d, HUB_SCRIPT_TIMEOUT, "not done after 30 ms");
}

static void cpu_time_adds_up_over_the_pauses(void **state) {
    (void)state;
    env.service.script_cpu_ms = 20;
    size_t a = lua("while true do for i = 1, 50000 do end sleep(0) end");
    compiled();
    fails(a, HUB_SCRIPT_TIMEOUT, "more than 20 ms of CPU time");
}

static void sleeping_again_and_again_lets_the_loop_work(void **state) {
    (void)state;
    env.service.script_wall_ms = 60;
    size_t a = lua("while true do sleep(0) end"), b = lua("sleep(5) return 'on time'");
    compiled();
    struct script_result busy = {0}, other = {0};
    script_call(&env, a, NULL, 0, &busy);
    script_call(&env, b, NULL, 0, &other);
    let_all_end();
    assert_int_equal(other.calls, 1);
    assert_int_equal(busy.code, HUB_SCRIPT_TIMEOUT);
    json_decref(other.value);
}

static void close_handlers_run_when_a_waiting_call_ends(void **state) {
    (void)state;
    env.service.script_wall_ms = 20;
    size_t a =
        lua("local x <close> = setmetatable({}, {__close = function() socket = 1 while true do end end}) sleep(1000)");
    compiled();
    fails(a, HUB_SCRIPT_TIMEOUT, "not done after 20 ms");
}

static void shutting_down_ends_waiting_calls(void **state) {
    (void)state;
    size_t a = lua("db.never()"), b = lua("sleep(1000)");
    compiled();
    struct script_result r[2] = {0};
    script_call(&env, a, NULL, 0, &r[0]);
    script_call(&env, b, NULL, 0, &r[1]);
    hub_scripts_delete(env.s);
    env.s = NULL;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(r[i].calls, 1);
        assert_int_equal(r[i].code, HUB_HANDLER_FAILED);
        assert_string_equal(r[i].error, "shutting down");
    }
    held->done(held, HUB_OK, json_pack("[i]", 1), NULL);
}

static void hooks_that_start_each_other_without_end_are_stopped(void **state) {
    (void)state;
    size_t a = lua("return hub.hook(1) + 1"), b = lua("return 41"),
           c = lua("local ok, e = pcall(hub.hook, 2) return ok and e or e.message");
    (void)b;
    compiled();
    gives(a, "42");
    gives(c, "\"too many hooks that start each other\"");
}

/* ---- many calls ---- */

static void ten_thousand_calls_leave_nothing_behind(void **state) {
    (void)state;
    size_t a = lua(
               "local t = {} for i = 1, 20 do t[i] = {i, tostring(i)} end return {accept = true, room = room, t = t}"),
           b = expr("room.tags.map(t => t + '!').join()"), c = lua("error('x')"), d = lua("return objects.find(1)");
    compiled();
    json_t *room = json_pack("{s:s,s:[s,s],s:{s:i}}", "title", "Lobby", "tags", "a", "b", "owner", "id", 1);
    struct hub_hook_arg args[] = {{"room", room}};
    for (int i = 0; i < 10000; i++) {
        struct script_result r = {0};
        const size_t which[] = {a, b, c, d};
        script_call(&env, which[i % 4], args, 1, &r);
        assert_int_equal(r.calls, 1);
        json_decref(r.value);
    }
    json_decref(room); /* the leak checker sees the rest */
    assert_true(hub_scripts_memory(env.s) < 4u << 20);
}

/* ---- plain namespaces ---- */

struct event_result {
    int calls;
    enum hub_code code;
    char results[600], error[300];
    size_t bins;
    char first_bin[32];
};

static void event_done(void *arg, enum hub_code code, json_t *results, const struct hub_hook_bins *bins,
                       const char *error) {
    struct event_result *r = arg;
    struct hub_buf b = {0};
    r->calls++;
    r->code = code;
    hub_json_add(&b, results);
    snprintf(r->results, sizeof r->results, "%s", hub_buf_cstr(&b));
    snprintf(r->error, sizeof r->error, "%s", error ? error : "");
    r->bins = bins ? bins->n : 0;
    if (r->bins) snprintf(r->first_bin, sizeof r->first_bin, "%.*s", HUB_FMT(bins->items[0]));
    hub_buf_free(&b);
}

static struct event_result event(size_t i, const char *sid, const char *args, const struct hub_hook_bins *bins) {
    struct event_result r = {0};
    json_t *socket = json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "id", sid, "userId", "ann", "session", "userId", "ann",
                               "auth", "token", "t");
    json_t *list = hub_json_parse(hub_cstr(args), NULL);
    json_t *name = json_string("message");
    struct hub_hook_arg extra[] = {{"event", name}};
    hub_lua_hook_ops.event(env.s, script_env_script(&env, i), socket, list, bins, extra, 1, event_done, &r);
    json_decref(socket);
    json_decref(list);
    json_decref(name);
    assert_int_equal(r.calls, 1);
    return r;
}

static void event_gives(size_t i, const char *sid, const char *args, const char *results) {
    struct event_result r = event(i, sid, args, NULL);
    if (r.code) fail_msg("%s", r.error);
    assert_string_equal(r.results, results);
}

static void handlers_get_arguments_and_give_results(void **state) {
    (void)state;
    size_t a = lua("return ..."), b = lua("local x, y = ... return y, x, event"), c = lua("return"),
           d = lua("return nil"), e = lua("return socket.id, socket.userId, socket.auth.token, socket.session.userId"),
           f = expr("socket.userId"), g = expr("undefined"), h = lua("error('x')");
    compiled();
    event_gives(a, "s1", "[1,{\"a\":[]},null]", "[1,{\"a\":[]},null]");
    event_gives(a, "s1", "[]", "[]");
    event_gives(b, "s1", "[1,2]", "[2,1,\"message\"]");
    event_gives(c, "s1", "[1]", "[]");
    event_gives(d, "s1", "[1]", "[null]");
    event_gives(e, "s1", "[]", "[\"s1\",\"ann\",\"t\",\"ann\"]");
    event_gives(f, "s1", "[]", "[\"ann\"]");
    event_gives(g, "s1", "[]", "[]");
    struct event_result r = event(h, "s1", "[]", NULL);
    assert_int_equal(r.code, HUB_HANDLER_FAILED);
    assert_string_equal(r.error, "t.hub.yaml:7: x");
}

static void sockets_emit_join_and_leave(void **state) {
    (void)state;
    size_t a = lua("socket:emit('back', ...) socket:join('r') socket:to('r'):emit('hi', 1) "
                   "socket.broadcast:emit('all') socket:disconnect('bye')");
    size_t b = lua("socket.emit('x')");
    size_t c = expr("socket.emit('e', 1)");
    compiled();
    event_gives(a, "s1", "[7]", "[]");
    event_gives(c, "s2", "[]", "[]");
    struct hub_buf text = {0};
    hub_json_add(&text, seen);
    assert_string_equal(
        hub_buf_cstr(&text),
        "[[\"emit\",[\"s1\",\"back\",7],0],[\"join\",[\"s1\",\"r\"],0],[\"cast\",[\"s1\",{\"rooms\":[\"r\"]},\"hi\",1],"
        "0],"
        "[\"cast\",[\"s1\",{},\"all\"],0],[\"disconnect\",[\"s1\",\"bye\"],0],[\"emit\",[\"s2\",\"e\",1],0]]");
    hub_buf_free(&text);
    assert_string_equal(event(b, "s1", "[]", NULL).error, "t.hub.yaml:7: call it with a colon: socket:emit(…)");
}

static void socket_data_lasts_until_the_socket_is_gone(void **state) {
    (void)state;
    size_t a = lua("socket.data.n = (socket.data.n or 0) + 1 return socket.data.n"), b = lua("socket.data = {n = 10}");
    compiled();
    event_gives(a, "s1", "[]", "[1]");
    event_gives(a, "s1", "[]", "[2]");
    event_gives(a, "s2", "[]", "[1]");
    event_gives(b, "s2", "[]", "[]");
    event_gives(a, "s2", "[]", "[11]");
    hub_lua_hook_ops.forget_socket(env.s, "s1");
    event_gives(a, "s1", "[]", "[1]");
    event_gives(a, "s2", "[]", "[12]");
}

/* A script that has waited may still have the object: what it keeps there nobody would ever take away. */
static void the_data_of_a_socket_that_is_gone_is_not_kept(void **state) {
    (void)state;
    size_t a = lua("socket.data.n = 1 socket:emit('forget') socket.data.n = 2 return socket.data.n"),
           b = lua("socket:emit('forget') socket.data = {n = 3} return socket.data.n"), c = lua("return socket.data.n");
    compiled();
    event_gives(a, "s1", "[]", "[null]");
    event_gives(c, "s1", "[]", "[null]");
    event_gives(b, "s1", "[]", "[null]");
    event_gives(c, "s1", "[]", "[null]");
}

/* The id that counts is not the field: a script that sets it reaches nobody else. */
static void a_socket_is_who_it_is_whatever_its_fields_say(void **state) {
    (void)state;
    size_t a = lua("socket.data.secret = 1"),
           b = lua("socket.id = 's1' rawset(socket, 'id', 's1') return socket.data.secret, socket.id"),
           c = lua("local other = {id = 's1'} local ok, e = pcall(socket.emit, other, 'x') "
                   "return ok, e, getmetatable(socket), (pcall(setmetatable, other, getmetatable(socket)))"),
           d = lua("socket.id = 's1' socket:emit('x') local to = socket:to('r') to.id = 's1' to:emit('y') local b = "
                   "socket.broadcast b.id = 's1' "
                   "b:emit('z')"),
           e = lua("socket.data = {mine = true} socket.id = 's1' socket.data = {stolen = true}"),
           f = lua("return socket.data.secret, socket.data.stolen");
    compiled();
    event_gives(a, "s1", "[]", "[]");
    event_gives(b, "s2", "[]", "[null,\"s1\"]");
    event_gives(c, "s2", "[]", "[false,\"t.hub.yaml:7: call it with a colon: socket:emit(…)\",\"socket\",false]");
    event_gives(d, "s2", "[]", "[]");
    event_gives(e, "s2", "[]", "[]");
    event_gives(f, "s1", "[]", "[1,null]");
    struct hub_buf text = {0};
    hub_json_add(&text, seen);
    assert_string_equal(
        hub_buf_cstr(&text),
        "[[\"emit\",[\"s2\",\"x\"],0],[\"cast\",[\"s2\",{\"rooms\":[\"r\"]},\"y\"],0],[\"cast\",[\"s2\",{},\"z\"],0]]");
    hub_buf_free(&text);
}

static void binary_values_travel_beside_the_json(void **state) {
    (void)state;
    struct hub_str items[] = {HUB_STR("by\0te"), HUB_STR("two")};
    struct hub_hook_bins bins = {items, 2};
    size_t a = lua("local b = ... return #b, binary('x' .. tostring(b):sub(4))"),
           b = lua("socket:emit('b', ..., binary('new'))");
    compiled();
    struct event_result r = event(a, "s1", "[{\"_placeholder\":true,\"num\":0}]", &bins);
    assert_string_equal(r.results, "[5,{\"_placeholder\":true,\"num\":0}]");
    assert_int_equal(r.bins, 1);
    assert_string_equal(r.first_bin, "xte");
    r = event(b, "s1", "[{\"_placeholder\":true,\"num\":1}]", &bins);
    assert_int_equal(r.code, HUB_OK);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(seen, 0), 2)), 2);
    r = event(a, "s1", "[{\"_placeholder\":true,\"num\":9}]", &bins); /* a stranger's lie: there is no such binary */
    assert_int_equal(r.code, HUB_OK);
    assert_memory_equal(r.results, "[0,", 3);
}

/* The contract has a hundred runs; then whoever asks is told. */
static void a_transaction_that_meets_others_runs_a_hundred_times(void **state) {
    size_t i = lua("local n = 0 return db.transaction(function() n = n + 1 objects.find('a', 1) return n end)");
    (void)state;
    compiled();
    met.loses = 99;
    struct script_result r = run(i);
    assert_int_equal(r.code, HUB_OK);
    assert_int_equal(json_integer_value(r.value), 100);
    assert_int_equal(met.begun, 100);
    assert_int_equal(met.turns, 99);
    assert_int_equal(met.in_turn, 99);
    json_decref(r.value);
    memset(&met, 0, sizeof met);
    met.loses = 1000;
    r = run(i);
    assert_int_equal(r.code, HUB_HANDLER_FAILED);
    assert_non_null(strstr(r.error, "others were faster"));
    assert_int_equal(met.begun, 100);
    assert_int_equal(met.committed, 100);
    assert_int_equal(met.turns, 99);
}

int main(void) {
#define T(F) cmocka_unit_test_setup_teardown(F, start, stop)
    const struct CMUnitTest tests[] = {
        T(an_answer_at_once_is_the_result),
        T(a_later_answer_suspends_the_script_and_not_the_loop),
        T(scripts_wait_beside_each_other),
        T(an_error_of_the_engine_can_be_caught),
        T(waiting_works_below_pcall_coroutines_sort_and_gsub),
        T(waiting_below_a_c_function_is_refused_clearly),
        T(arguments_without_a_json_form_are_refused),
        T(tables_of_the_host_are_read_only),
        T(sleep_suspends),
        T(a_script_tells_time_by_the_clock_of_the_loop),
        T(the_time_limit_is_that_of_the_clock),
        T(waiting_too_long_is_a_timeout),
        T(cpu_time_adds_up_over_the_pauses),
        T(sleeping_again_and_again_lets_the_loop_work),
        T(close_handlers_run_when_a_waiting_call_ends),
        T(shutting_down_ends_waiting_calls),
        T(hooks_that_start_each_other_without_end_are_stopped),
        T(ten_thousand_calls_leave_nothing_behind),
        T(handlers_get_arguments_and_give_results),
        T(sockets_emit_join_and_leave),
        T(socket_data_lasts_until_the_socket_is_gone),
        T(the_data_of_a_socket_that_is_gone_is_not_kept),
        T(a_socket_is_who_it_is_whatever_its_fields_say),
        T(binary_values_travel_beside_the_json),
        T(a_transaction_that_meets_others_runs_a_hundred_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
