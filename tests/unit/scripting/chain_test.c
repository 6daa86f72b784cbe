/* Scripts that run one after the other as one call, with one table ctx: middleware and what it guards. */
#include "script_env.h"

struct ran {
    struct script_env env;
    struct hub_buf out; /* "result payload", or "code[ thrown][: error]" */
    int calls, asked;
    const char *refusal; /* of its admission; NULL: none, which doubles n then */
};
static bool drops_payload; /* nobody wants what becomes of ctx */
static bool takes_text;    /* the result may come as text */
static bool came_as_text;

static void on_ran(void *arg, const struct hub_hook_outcome *o) {
    struct ran *r = arg;
    r->calls++;
    hub_buf_clear(&r->out);
    if (o->code != HUB_OK) {
        if (o->refused) hub_buf_addz(&r->out, "refused ");
        hub_buf_addz(&r->out, hub_code_name(o->code));
        if (o->thrown) hub_buf_addc(&r->out, ' '), hub_json_add(&r->out, o->thrown);
        if (o->error) hub_buf_addf(&r->out, ": %s", o->error);
    } else {
        came_as_text = o->text.n > 0;
        assert_false(came_as_text && (!takes_text || o->result));
        hub_buf_adds(&r->out, o->text);
        if (o->result) hub_json_add(&r->out, o->result);
        if (!o->result && !came_as_text) hub_buf_addz(&r->out, "nil");
        hub_buf_addc(&r->out, ' ');
        if (o->payload) hub_json_add(&r->out, o->payload);
        if (!o->payload) hub_buf_addz(&r->out, "as it was");
    }
    if (r->env.loop) hub_loop_stop(r->env.loop);
}

static enum hub_code admit(void *arg, json_t *payload, bool *changed, struct hub_err *err) {
    struct ran *r = arg;
    json_t *n = json_object_get(payload, "n");
    r->asked++;
    if (r->refusal) return hub_fail(err, HUB_INVALID_CONTENT, "%s", r->refusal);
    if (!n) return HUB_OK;
    json_integer_set(n, 2 * json_integer_value(n));
    *changed = true;
    return HUB_OK;
}

static const struct hub_script none;

/* Runs the Lua chunks STEPS ("" = not given; one that begins with = is an expression), of which MAIN is
 * the main one, with payload {"n": 1} and userId "ann". */
static struct ran r;
static const char *chain_with(const char *const *steps, size_t n, size_t main_step, bool with_loop,
                              hub_hook_admit *admission, const char *refusal) {
    const struct hub_script *scripts[8];
    size_t index[8];
    json_t *payload = json_pack("{s:i}", "n", 1), *user = json_string("ann");
    const struct hub_hook_arg vars[] = {{"payload", payload}, {"userId", user}};
    hub_buf_free(&r.out);
    r = (struct ran){.refusal = refusal};
    script_env_init(&r.env);
    if (with_loop) r.env.loop = hub_loop_new(NULL);
    for (size_t i = 0; i < n; i++)
        if (steps[i][0])
            index[i] = script_env_add(&r.env, steps[i][0] == '=' ? HUB_SCRIPT_EXPR : HUB_SCRIPT_LUA,
                                      steps[i] + (steps[i][0] == '='));
    assert_int_equal(script_env_start(&r.env), HUB_OK);
    for (size_t i = 0; i < n; i++) scripts[i] = steps[i][0] ? script_env_script(&r.env, index[i]) : &none;
    const struct hub_hook_chain c = {.steps = scripts,
                                     .step_n = n,
                                     .main = main_step,
                                     .admit = admission,
                                     .vars = vars,
                                     .var_n = 2,
                                     .wall_ms = 60,
                                     .keeps_payload = !drops_payload,
                                     .takes_text = takes_text};
    hub_lua_hook_ops.run(r.env.s, &c, on_ran, &r);
    json_decref(payload); /* nothing of it is needed any more */
    json_decref(user);
    if (with_loop && !r.calls) hub_loop_run(r.env.loop);
    assert_int_equal(r.calls, 1);
    script_env_end(&r.env);
    return hub_buf_cstr(&r.out);
}
static const char *chain(const char *const *steps, size_t n, size_t main_step, bool with_loop) {
    return chain_with(steps, n, main_step, with_loop, NULL, NULL);
}
#define CHAIN(MAIN, ...) \
    chain((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), MAIN, false)

static void steps_see_what_the_ones_before_them_left(void **state) {
    (void)state;
    assert_string_equal(CHAIN(1, "ctx.payload.n = payload.n + 1 ctx.seen = userId", "return {payload.n, ctx.seen}"),
                        "[2,\"ann\"] {\"n\":2}");
    assert_string_equal(CHAIN(0, "=payload.n + 1", "ctx.result = {was = ctx.result}"), "{\"was\":2} {\"n\":1}");
    assert_string_equal(CHAIN(1, "ctx.payload = {n = 7}", "=payload.n"), "7 {\"n\":7}");
    assert_string_equal(CHAIN(1, "payload = {n = 7}", "=payload.n"), "1 {\"n\":1}");
    assert_string_equal(CHAIN(2, "ctx.payload = nil", "", "return payload == nil"), "true null");
}

/* Such a script runs without ctx; one with company, or one that names it, has it all the same. */
static void a_payload_that_nobody_wants_is_not_told(void **state) {
    (void)state;
    drops_payload = true;
    assert_string_equal(CHAIN(0, "=payload"), "{\"n\":1} as it was");
    assert_string_equal(CHAIN(0, "=payload.n + 1"), "2 as it was");
    assert_string_equal(CHAIN(0, "return payload.n, userId"), "1 as it was");
    assert_string_equal(CHAIN(0, "return"), "nil as it was");
    assert_string_equal(CHAIN(1, "", "payload.n = 3 return payload", ""), "{\"n\":3} as it was");
    assert_string_equal(CHAIN(0, "ctx.payload.n = 2 return ctx.userId"), "\"ann\" as it was");
    assert_string_equal(CHAIN(1, "ctx.payload.n = 2 ctx.seen = userId", "return {payload.n, ctx.seen}"),
                        "[2,\"ann\"] as it was");
    assert_string_equal(CHAIN(0, "error{code = 'x'}"),
                        "handler_failed {\"code\":\"x\"}: t.hub.yaml:7: x: (a table without message)");
    const char *const patient[] = {"sleep(1) return payload.n, 2"};
    assert_string_equal(chain(patient, 1, 0, true), "1 as it was");
    drops_payload = false;
}

/* The text written by hand is that of the tree. */
static void a_result_is_the_same_as_text(void **state) {
    static const struct {
        const char *script;
        bool text; /* else it is left to the tree */
    } cases[] = {
        {"return payload", true},
        {"return {}", true},
        {"return {zeta = 1, a = {b = true, [\"a\\nb\"] = false}, ab = 'x', a1 = \"\\1 \\u{e4}\\\"\"}", true},
        {"return 'a text'", true},
        {"return ''", true},
        {"local t = {} for i = 1, 16 do t['k' .. i % 7 * i] = i end return t", true},
        {"local t = {long = string.rep('x', 2000), after = 1, [''] = 0} return t", true},
        {"return {a = 1.5, b = -0.0, c = 2^53, d = 2^53 - 1, e = 1e300, f = 1/0, g = 0/0, h = 7.0, i = 2^63}", true},
        {"return {null = null, n = math.mininteger, neg = -17}", true},
        {"=[1, undefined, null, [], {x: [2]}]", true},
        {"=({a: [1, 2.5, 'x'], b: ''})", true},
        {"return {1, 2, 3}", false},
        {"return {[5] = 1, x = 2}", false},
        {"local t = {} for i = 1, 17 do t['k' .. i] = i end return t", false},
        {"local t = {} for i = 1, 17 do t = {t = t} end return t", false},
        {"local t = {} for i = 1, 1100 do t[i] = {x = i} end return t", false},
        {"return string.rep('x', 70000)", false},
        {"return {a = string.rep('x', 60000), b = string.rep('y', 60000), c = string.rep('z', 60000)}", false},
        {"return {x = 1, y = 'a\\xff'}", false},
        {"return {['\\xff'] = 1}", false},
        {"return {x = print}", false},
        {"return setmetatable({x = 1}, {})", false},
        {"=new Date(0)", false},
        {"local t = {} t.t = t return t", false},
    };
    (void)state;
    drops_payload = true;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        char *tree;
        const char *const script[] = {cases[i].script};
        takes_text = false;
        tree = hub_xstrdup(chain(script, 1, 0, false));
        takes_text = true;
        came_as_text = false;
        assert_string_equal(chain(script, 1, 0, false), tree);
        assert_int_equal(came_as_text, cases[i].text);
        free(tree);
    }
    takes_text = drops_payload = false;
}

static void without_a_main_step_the_last_result_counts(void **state) {
    (void)state;
    assert_string_equal(CHAIN(9, "return 1", "return userId"), "\"ann\" as it was");
    assert_string_equal(CHAIN(9, "", ""), "nil as it was");
    assert_string_equal(CHAIN(1, "", "return"), "nil as it was");
    assert_string_equal(CHAIN(0, "return 1", "return 2"), "1 as it was");
}

static void what_a_step_throws_ends_the_chain_and_is_told(void **state) {
    (void)state;
    assert_string_equal(
        CHAIN(1, "error{code = 'too_late', message = 'no', data = {at = 3}}", "return 1"),
        "handler_failed {\"code\":\"too_late\",\"data\":{\"at\":3},\"message\":\"no\"}: t.hub.yaml:7: too_late: no");
    assert_string_equal(CHAIN(0, "error('text')"), "handler_failed: t.hub.yaml:7: text");
    assert_string_equal(CHAIN(0, "error{message = 'no code'}"),
                        "handler_failed {\"message\":\"no code\"}: t.hub.yaml:7: error: no code");
    assert_string_equal(CHAIN(0, "error{data = 1}"), "handler_failed: t.hub.yaml:7: error: (a table without message)");
    assert_string_equal(CHAIN(0, "error{code = 'x', data = print}"),
                        "handler_failed: t.hub.yaml:7: x: (a table without message)");
    assert_string_equal(CHAIN(0, "return print"),
                        "handler_failed: t.hub.yaml:7: the result cannot be used: a function has no JSON form");
    assert_string_equal(CHAIN(0, "return 1", "ctx.result = nil"), "nil {\"n\":1}");
    /* An error of the engine's functions has a metatable. It is nobody's answer, and its text was lost
     * once. */
    assert_string_equal(CHAIN(0, "error(setmetatable({code = 'not_found', message = 'no such queue'}, {}))"),
                        "handler_failed: t.hub.yaml:7: not_found: no such queue");
}

static void a_chain_waits_and_has_a_time_of_its_own(void **state) {
    (void)state;
    const char *const patient[] = {"sleep(1) ctx.payload.n = 2", "sleep(1) return payload.n",
                                   "sleep(1) ctx.result = ctx.result + 1"};
    assert_string_equal(chain(patient, 3, 1, true), "3 {\"n\":2}");
    const char *const late[] = {"sleep(40)", "sleep(60000)"};
    assert_string_equal(chain(late, 2, 1, true), "script_timeout: t.hub.yaml:7: the script was not done after 60 ms");
}

static const char *admitted(const char *before, const char *refusal) {
    const char *const steps[] = {before, "return payload.n", "ctx.result = ctx.result .. ''"};
    return chain_with(steps, 3, 1, false, admit, refusal);
}

static void the_main_step_needs_admission_behind_others(void **state) {
    (void)state;
    assert_string_equal(admitted("ctx.payload.n = 3", NULL), "\"6\" {\"n\":6}");
    assert_string_equal(admitted("return userId", NULL), "\"1\" {\"n\":1}");
    assert_int_equal(r.asked, 1);
    assert_string_equal(admitted("", NULL), "\"1\" {\"n\":1}");
    assert_int_equal(r.asked, 0);
    assert_string_equal(admitted("ctx.payload.n = 3", "not so"), "refused invalid_content: not so");
    assert_string_equal(admitted("error('text')", "not so"), "handler_failed: t.hub.yaml:7: text");
    assert_int_equal(r.asked, 0);
    assert_string_equal(admitted("ctx.payload = print", NULL),
                        "handler_failed: t.hub.yaml:7: ctx.payload cannot be used: a function has no JSON form");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_see_what_the_ones_before_them_left),
        cmocka_unit_test(a_payload_that_nobody_wants_is_not_told),
        cmocka_unit_test(a_result_is_the_same_as_text),
        cmocka_unit_test(without_a_main_step_the_last_result_counts),
        cmocka_unit_test(what_a_step_throws_ends_the_chain_and_is_told),
        cmocka_unit_test(a_chain_waits_and_has_a_time_of_its_own),
        cmocka_unit_test(the_main_step_needs_admission_behind_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
