/* Expressions that need no Lua: which they are, what they give, and that Lua gives the same. */
#include "script_env.h"
#include "scripting/expression/direct.h"

static const char variables[] =
    "{\"room\":{\"id\":\"r1\",\"open\":true,\"size\":12,\"price\":2.5,\"whole\":3.0,\"none\":null,"
    "\"tags\":[\"vip\",7,null,2.0],\"big\":9007199254740993,\"blank\":\"\",\"zero\":0,\"o\":{},"
    "\"owner\":{\"id\":\"u1\"}},\"user\":{\"userId\":\"u1\",\"roleId\":\"admin\"},"
    "\"roomId\":\"r1\",\"nothing\":null}";

static struct hub_hook_arg args[8];
static size_t arg_n;

static int set_up(void **state) {
    struct hub_err err;
    json_t *all = hub_json_parse(hub_cstr(variables), &err), *v;
    const char *key;
    assert_non_null(all);
    json_object_foreach(all, key, v) args[arg_n++] = (struct hub_hook_arg){key, json_is_null(v) ? NULL : v};
    *state = all;
    return 0;
}

static int tear_down(void **state) {
    json_decref(*state);
    arg_n = 0;
    return 0;
}

static struct hub_direct *build(const char *text) {
    struct ms_parse p;
    assert_true(ms_parse(&p, hub_cstr(text)));
    struct hub_direct *d = hub_direct_new(p.root);
    ms_free(&p);
    return d;
}

/* "Lua" when it has to. */
static const char *told(const char *text, bool written) {
    static char out[4000];
    struct hub_buf b = {0};
    json_t *result = NULL;
    struct hub_direct *d = build(text);
    bool known = d && hub_direct_value(d, args, arg_n, written ? &b : NULL, &result);
    if (known && !written && result) hub_json_add(&b, result);
    snprintf(out, sizeof out, "%.*s", (int)b.n, b.n ? b.p : "");
    if (known && !b.n) snprintf(out, sizeof out, "undefined");
    if (!known) snprintf(out, sizeof out, "Lua");
    assert_true(known || !b.n);
    json_decref(result);
    hub_direct_free(d);
    hub_buf_free(&b);
    return out;
}

static const struct {
    const char *text, *value;
} cases[] = {
    {"true", "true"},
    {"null", "null"},
    {"undefined", "undefined"},
    {"'a\\n'", "\"a\\n\""},
    {"-3", "-3"},
    {"2.5", "2.5"},
    {"3.0", "3"},
    {"roomId", "\"r1\""},
    {"nothing", "null"},
    {"nothing.at.all", "undefined"},
    {"room.open", "true"},
    {"room?.owner?.id", "\"u1\""},
    {"room.whole", "3"},
    {"room.big", "9007199254740993"},
    {"room.stauts", "undefined"},
    {"room.size.much", "undefined"},
    {"!room.blank", "true"},
    {"!!room.zero", "false"},
    {"!room.o", "false"},
    {"room.owner.id === user.userId", "true"},
    {"room.owner.id !== user.userId", "false"},
    {"room.size == 12", "true"},
    {"room.whole === 3", "true"},
    {"room.none == undefined", "true"},
    {"room.none === undefined", "false"},
    {"room.none != null", "false"},
    {"room == null", "false"},
    {"room.size === '12'", "false"},
    {"room.size > 11 && room.size <= 12", "true"},
    {"room.price >= 2.5", "true"},
    {"room.price < room.size", "true"},
    {"'b' > 'a'", "true"},
    {"'a' > 'aa'", "false"},
    {"room.blank || 'x'", "\"x\""},
    {"room.blank ?? 'x'", "\"\""},
    {"room.none ?? 'x'", "\"x\""},
    {"room.size && room.none", "null"},
    {"room.open ? 1 : 2", "1"},
    {"['admin','mod'].includes(user.roleId)", "true"},
    {"['admin','mod'].includes(roomId)", "false"},
    {"[].includes(1)", "false"},
    {"room.tags.includes(2)", "true"},
    {"room.tags.includes('VIP')", "false"},
    {"room.tags.includes(undefined)", "false"},
    {"room.tags.includes(null)", "true"},
    /* beyond doubt only for Lua */
    {"room", "Lua"},
    {"room.tags", "Lua"},
    {"stranger", "Lua"},
    {"room.tags.length", "Lua"},
    {"room.o.length", "Lua"},
    {"roomId.length", "Lua"},
    {"room.size == '12'", "Lua"},
    {"room.open == 1", "Lua"},
    {"room.size < '13'", "Lua"},
    {"room.none < 1", "Lua"},
    {"room === room", "Lua"},
    {"room.tags.includes(room)", "false"},
    {"room.big === 9007199254740993.5", "Lua"},
    {"room.big > 9007199254740992.0", "Lua"},
    {"10000000000000001 > 1e16", "Lua"},
    {"roomId.includes('r')", "Lua"},
    {"user.includes('r')", "Lua"},
    {"room.none.includes(1)", "Lua"},
    {"[1].includes(1, 1)", "Lua"},
    {"[room].includes(1)", "Lua"},
    {"[1]", "Lua"},
    {"({})", "Lua"},
    {"room['id']", "Lua"},
    {"1 + 1", "Lua"},
    {"`a${roomId}`", "Lua"},
    {"Math.max(1, 2)", "Lua"},
    {"new Date()", "Lua"},
    {"room.open || stranger", "true"}, /* is not asked for */
    {"room.blank || stranger", "Lua"},
};

static void what_is_beyond_doubt_is_told(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        if (strcmp(told(cases[i].text, false), cases[i].value) == 0) continue;
        fail_msg("%s: %s, not %s", cases[i].text, told(cases[i].text, false), cases[i].value);
    }
}

static void lua_tells_the_same(void **state) {
    char indirect[400];
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        if (strcmp(cases[i].value, "Lua") == 0) continue;
        snprintf(indirect, sizeof indirect, "[%s][0]", cases[i].text); /* an array that is indexed needs Lua */
        assert_string_equal(told(indirect, false), "Lua");
        assert_string_equal(script_eval(HUB_SCRIPT_EXPR, indirect, args, arg_n), cases[i].value);
    }
}

static void objects_are_only_written_down(void **state) {
    (void)state;
    assert_string_equal(told("room.owner", false), "Lua");
    assert_string_equal(told("room.owner", true), "{\"id\":\"u1\"}");
    assert_string_equal(told("room.tags", true), "[\"vip\",7,null,2]");
    assert_string_equal(told("undefined", true), "null");
    assert_string_equal(told("room.price", true), "2.5");
}

static void of_two_variables_the_last_one_counts(void **state) {
    (void)state;
    args[arg_n++] = (struct hub_hook_arg){"roomId", json_true()};
    assert_string_equal(told("roomId", false), "true");
    arg_n--;
}

static void large_expressions_and_lists_are_left_to_lua(void **state) {
    struct hub_buf text = {0};
    (void)state;
    hub_buf_addz(&text, "true");
    for (int i = 0; i < 60; i++) hub_buf_addz(&text, " && true");
    assert_null(build(hub_buf_cstr(&text)));
    hub_buf_free(&text);
    json_t *many = json_array();
    for (int i = 0; i < 1001; i++) json_array_append_new(many, json_integer(i));
    args[arg_n++] = (struct hub_hook_arg){"many", many};
    assert_string_equal(told("many.includes(1000)", false), "Lua");
    assert_string_equal(told("many.includes(999)", false), "true");
    arg_n--;
    json_decref(many);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_beyond_doubt_is_told),
        TEST(lua_tells_the_same),
        TEST(objects_are_only_written_down),
        TEST(of_two_variables_the_last_one_counts),
        TEST(large_expressions_and_lists_are_left_to_lua),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
