/* Calls through the hook table: variables in, results and located errors out. What the languages
 * themselves do is in tests/scripting/. */
#include "base/telemetry/metric.h"
#include "script_env.h"

static void a_chunk_returns_its_value(void **state) {
    (void)state;
    json_t *room = json_pack("{s:s,s:i,s:[i,i]}", "title", "Lobby", "size", 3, "tags", 1, 2);
    struct hub_hook_arg args[] = {{"room", room}, {"roomId", NULL}};
    assert_string_equal(
        script_eval(HUB_SCRIPT_LUA, "return {room.title, room.size + 1, #room.tags, roomId == null}", args, 2),
        "[\"Lobby\",4,2,true]");
    assert_string_equal(script_eval(HUB_SCRIPT_EXPR, "room.title + room.tags[0] + roomId", args, 2), "\"Lobby1null\"");
    assert_string_equal(script_eval(HUB_SCRIPT_LUA, "\nerror('no')", args, 2), "handler_failed: t.hub.yaml:8: no");
    json_decref(room);
}

static void an_expression_sees_all_that_it_reads_of_a_variable(void **state) {
    (void)state;
    json_t *room = json_pack("{s:s,s:i,s:{s:i},s:[i]}", "title", "Lobby", "size", 3, "owner", "id", 1, "tags", 7);
    struct hub_hook_arg args[] = {{"room", room}, {"other", room}};
    static const char *const cases[][2] = {
        {"room.title", "\"Lobby\""},
        {"room?.owner?.id", "1"},
        {"room['si' + 'ze']", "3"},
        {"({r: room}).r.size", "3"},
        {"Object.keys(room).length", "4"},
        {"JSON.stringify(room)",
         "\"{\\\"owner\\\":{\\\"id\\\":1},\\\"size\\\":3,\\\"tags\\\":[7],\\\"title\\\":\\\"Lobby\\\"}\""},
        {"room.length", "undefined"},
        {"room == room && other.size", "3"},
        {"room.tags.map(t => room.size + t)[0]", "10"},
        {"typeof room.owner", "\"object\""},
        {"room", "{\"owner\":{\"id\":1},\"size\":3,\"tags\":[7],\"title\":\"Lobby\"}"},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++)
        assert_string_equal(script_eval(HUB_SCRIPT_EXPR, cases[i][0], args, 2), cases[i][1]);
    json_decref(room);
}

static void a_script_changes_its_own_copy(void **state) {
    (void)state;
    json_t *room = json_pack("{s:s}", "title", "Lobby");
    struct hub_hook_arg args[] = {{"room", room}};
    assert_string_equal(script_eval(HUB_SCRIPT_LUA, "room.title = 'x' room.new = 1 return room", args, 1),
                        "{\"new\":1,\"title\":\"x\"}");
    assert_string_equal(json_string_value(json_object_get(room, "title")), "Lobby");
    assert_int_equal(json_object_size(room), 1);
    json_decref(room);
}

static void what_does_not_compile_is_named_with_its_place(void **state) {
    (void)state;
    assert_string_equal(
        script_eval(HUB_SCRIPT_EXPR, "room. = 1", NULL, 0),
        "compile: t.hub.yaml:7:9: unexpected '=' where a member's name is expected: a comparison is written ==");
    assert_string_equal(
        script_eval(HUB_SCRIPT_EXPR, "1 +\n  x y", NULL, 0),
        "compile: t.hub.yaml:8:5: unexpected 'y' where an operator or the end of the expression is expected");
    assert_string_equal(script_eval(HUB_SCRIPT_LUA, "local x\nx = = 1", NULL, 0),
                        "compile: t.hub.yaml:8: unexpected symbol near '='");
    /* Ending the function that the chunk is wrapped in would be well-formed Lua if the chunk were not
     * compiled by itself first. */
    assert_string_equal(script_eval(HUB_SCRIPT_LUA, "end local f = function()", NULL, 0),
                        "compile: t.hub.yaml:7: <eof> expected near 'end'");
}

static void an_error_in_a_later_line_of_an_expression_is_located(void **state) {
    (void)state;
    assert_string_equal(script_eval(HUB_SCRIPT_EXPR, "true &&\n\nlib.x.y()", NULL, 0),
                        "handler_failed: t.hub.yaml:9: cannot call 'y' of undefined");
}

static void long_file_names_keep_their_end(void **state) {
    (void)state;
    struct script_env e;
    struct script_result r = {0};
    script_env_init(&e);
    script_env_add(&e, HUB_SCRIPT_LUA, "error('x')");
    e.actions[0].script.file =
        "/a/very/long/way/to/the/place/where/somebody/keeps/all/the/services/of/his/house/chat.hub.yaml";
    assert_int_equal(script_env_start(&e), HUB_OK);
    script_call(&e, 0, NULL, 0, &r);
    assert_string_equal(r.error, "somebody/keeps/all/the/services/of/his/house/chat.hub.yaml:7: x");
    script_env_end(&e);
}

static void a_script_that_was_not_compiled_fails(void **state) {
    (void)state;
    struct script_env e;
    struct script_result r = {0};
    struct hub_script stray = {
        .kind = HUB_SCRIPT_LUA, .text = HUB_STR("return 1"), .file = "t", .line = 1, .column = 1};
    script_env_init(&e);
    script_env_add(&e, HUB_SCRIPT_NONE, "");
    assert_int_equal(script_env_start(&e), HUB_OK);
    hub_lua_hook_ops.call(e.s, &stray, NULL, NULL, 0, script_done, &r);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.code, HUB_HANDLER_FAILED);
    script_env_end(&e);
}

static int64_t integer_of(struct hub_scripts *s, const struct hub_script *script) {
    struct script_result r = {0};
    hub_lua_hook_ops.call(s, script, NULL, NULL, 0, script_done, &r);
    int64_t n = r.code == HUB_OK ? json_integer_value(r.value) : -1;
    json_decref(r.value);
    return n;
}

static void states_of_one_definition_share_nothing(void **state) {
    (void)state;
    struct script_env e;
    struct hub_scripts *other;
    script_env_init(&e);
    script_env_add(&e, HUB_SCRIPT_LUA, "return room and 1 or 2");
    assert_int_equal(script_env_start(&e), HUB_OK);
    assert_int_equal(hub_scripts_new(&other, e.loop, &e.service, &e.host, &e.err), HUB_OK);
    size_t before = hub_scripts_memory(e.s);
    for (int i = 0; i < 3; i++) assert_int_equal(integer_of(other, script_env_script(&e, 0)), 2);
    assert_int_equal(hub_scripts_memory(e.s), before);
    hub_scripts_delete(other);
    assert_int_equal(integer_of(e.s, script_env_script(&e, 0)), 2); /* what was compiled for it is still there */
    assert_true(hub_lua_hook_ops.wants(e.s, script_env_script(&e, 0), "room"));
    assert_false(hub_lua_hook_ops.wants(NULL, script_env_script(&e, 0), "room"));
    assert_int_equal(integer_of(NULL, script_env_script(&e, 0)), -1);
    script_env_end(&e);
}

static void scripts_before_a_reload_are_found_by_those_behind_it(void **state) {
    (void)state;
    struct script_env e[3];
    for (int i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "return %d", i + 1);
        script_env_init(&e[i]);
        script_env_add(&e[i], HUB_SCRIPT_LUA, text);
        assert_int_equal(script_env_start(&e[i]), HUB_OK);
        if (i) hub_scripts_follow(e[i].s, e[i - 1].s);
    }
    for (size_t i = 0; i < 3; i++) assert_int_equal(integer_of(e[2].s, script_env_script(&e[i], 0)), i + 1);
    script_env_end(&e[1]); /* the one in the middle is the first that nothing uses any more */
    assert_int_equal(integer_of(e[2].s, script_env_script(&e[0], 0)), 1);
    script_env_end(&e[2]); /* a stop ends the newest first */
    assert_int_equal(integer_of(e[0].s, script_env_script(&e[0], 0)), 1);
    script_env_end(&e[0]);
}

static void calls_and_failures_are_counted(void **state) {
    (void)state;
    script_eval(HUB_SCRIPT_LUA, "while true do end", NULL, 0);
    struct hub_buf text = {0};
    hub_metrics_print(&text);
    assert_non_null(strstr(hub_buf_cstr(&text), "hubd_script_calls_total "));
    assert_non_null(strstr(hub_buf_cstr(&text), "hubd_script_failures_total{code=\"handler_failed\"} "));
    assert_non_null(strstr(hub_buf_cstr(&text), "hubd_script_failures_total{code=\"script_timeout\"} 1"));
    hub_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_returns_its_value),
        cmocka_unit_test(an_expression_sees_all_that_it_reads_of_a_variable),
        cmocka_unit_test(a_script_changes_its_own_copy),
        cmocka_unit_test(what_does_not_compile_is_named_with_its_place),
        cmocka_unit_test(an_error_in_a_later_line_of_an_expression_is_located),
        cmocka_unit_test(long_file_names_keep_their_end),
        cmocka_unit_test(a_script_that_was_not_compiled_fails),
        cmocka_unit_test(states_of_one_definition_share_nothing),
        cmocka_unit_test(scripts_before_a_reload_are_found_by_those_behind_it),
        cmocka_unit_test(calls_and_failures_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
