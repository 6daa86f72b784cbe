/* Calls of Lua chunks and expressions through the hook table. */
#include "script_env.h"

static void a_chunk_returns_its_value(void **state) {
    (void)state;
    json_t *room = json_pack("{s:s,s:i,s:[i,i]}", "title", "Lobby", "size", 3, "tags", 1, 2);
    struct hub_hook_arg args[] = {{"room", room}, {"roomId", NULL}};
    assert_string_equal(script_eval(HUB_SCRIPT_LUA, "return {room.title, room.size + 1, #room.tags, roomId == null}", args, 2),
                        "[\"Lobby\",4,2,true]");
    assert_string_equal(script_eval(HUB_SCRIPT_EXPR, "room.title + room.tags[0] + roomId", args, 2), "\"Lobby1null\"");
    assert_string_equal(script_eval(HUB_SCRIPT_LUA, "\nerror('no')", args, 2), "handler_failed: t.hub.yaml:8: no");
    json_decref(room);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_chunk_returns_its_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
