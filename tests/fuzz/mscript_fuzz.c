/* Expressions: any text is either refused with a place inside it, or compiles and runs within its limits,
 * and both languages' checkers agree with the compiler. A first byte of 'L' makes the rest a Lua chunk. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "scripting/scripts.h"

static const char *const vars[] = {"room", "user", "roomId", NULL};
static int syntax_problems;

static void on_problem(void *arg, const struct hub_script_problem *p) {
    const struct hub_script *script = arg;
    int lines = 0;
    for (size_t i = 0; i < script->text.n; i++) lines += script->text.p[i] == '\n';
    if (p->line < 0 || p->line > lines || p->column < 0 || (size_t)p->column > script->text.n || p->length < 0 ||
        !p->text[0])
        abort();
    if (p->code[3] < '3') syntax_problems++;
}

static void on_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    int *calls = arg;
    ++*calls;
    if (code != HUB_OK && (result || !error || !error[0])) abort();
    if (code != HUB_OK && code != HUB_HANDLER_FAILED && code != HUB_SCRIPT_TIMEOUT) abort();
}

static void run(struct hub_scripts *s, const struct hub_script *script) {
    static json_t *room;
    struct hub_err err;
    if (!room)
        room = hub_json_parse(
            HUB_STR("{\"title\":\"Lobby\",\"size\":3,\"tags\":[\"a\",null,{\"x\":1.5}],\"none\":null,\"o\":{}}"), &err);
    struct hub_hook_arg args[] = {
        {"room", room}, {"user", NULL}, {"roomId", json_array_get(json_object_get(room, "tags"), 0)}};
    int calls = 0;
    hub_lua_hook_ops.call(s, script, NULL, args, HUB_NELEM(args), on_done, &calls);
    if (calls != 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct hub_def_scheduled_action action;
    hub_log_setup(HUB_LOG_ERROR, false);
    bool lua = n && data[0] == 'L';
    struct hub_def hub = {.scheduled_actions = &action, .scheduled_action_n = 1};
    struct hub_script *script = &action.script;
    struct hub_service service = {.dir = ".",
                                  .name = "fuzz",
                                  .script_cpu_ms = 5,
                                  .script_wall_ms = 100,
                                  .script_memory_mib = 4,
                                  .hubs = &hub,
                                  .hub_n = 1,
                                  .scripts = &script,
                                  .script_n = 1};
    *script =
        (struct hub_script){.kind = lua ? HUB_SCRIPT_LUA : HUB_SCRIPT_EXPR, .file = "f.yaml", .line = 1, .column = 1};
    script->text = hub_str((const char *)data + lua, n - lua);
    syntax_problems = 0;
    hub_lua_checker.check(NULL, script, &(struct hub_script_names){vars, NULL, on_problem, script});
    struct hub_scripts *s;
    struct hub_err err;
    enum hub_code code = hub_scripts_new(&s, NULL, &service, NULL, &err);
    if ((code == HUB_OK) != (syntax_problems == 0)) abort();
    if (code == HUB_OK) run(s, script);
    hub_scripts_delete(s);
    return 0;
}
