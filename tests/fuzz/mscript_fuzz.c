/* Expressions: any text is either refused with a place inside it, or compiles and runs within its limits,
 * and both languages' checkers agree with the compiler. A first byte of 'L' makes the rest a Lua chunk. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "scripting/expression/direct.h"
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

struct answer {
    int calls;
    enum hub_code code;
    json_t *value; /* own reference */
};

static void on_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct answer *a = arg;
    a->calls++;
    a->code = code;
    a->value = json_incref(result);
    if (code != HUB_OK && (result || !error || !error[0])) abort();
    if (code != HUB_OK && code != HUB_HANDLER_FAILED && code != HUB_SCRIPT_TIMEOUT) abort();
}

static struct hub_hook_arg args[] = {{"room", NULL}, {"user", NULL}, {"roomId", NULL}};

static void make_args(void) {
    struct hub_err err;
    json_t *room = hub_json_parse(
        HUB_STR("{\"title\":\"Lobby\",\"size\":3,\"tags\":[\"a\",null,{\"x\":1.5}],\"none\":null,\"o\":{}}"), &err);
    args[0].value = room;
    args[2].value = json_array_get(json_object_get(room, "tags"), 0);
}

/* A service whose only script this is; NULL: it does not compile. */
static struct hub_scripts *start(struct hub_service *service, struct hub_def *hub,
                                 struct hub_def_scheduled_action *action, struct hub_script **script) {
    struct hub_scripts *s;
    struct hub_err err;
    *script = &action->script;
    *hub = (struct hub_def){.scheduled_actions = action, .scheduled_action_n = 1};
    *service = (struct hub_service){.dir = ".",
                                    .name = "fuzz",
                                    .script_cpu_ms = 5,
                                    .script_wall_ms = 100,
                                    .script_memory_mib = 4,
                                    .hubs = hub,
                                    .hub_n = 1,
                                    .scripts = script,
                                    .script_n = 1};
    return hub_scripts_new(&s, NULL, service, NULL, &err) == HUB_OK ? s : NULL;
}

static json_t *call(struct hub_scripts *s, const struct hub_script *script, enum hub_code *code) {
    struct answer a = {0};
    hub_lua_hook_ops.call(s, script, NULL, args, HUB_NELEM(args), on_done, &a);
    if (a.calls != 1) abort();
    *code = a.code;
    return a.value;
}

/* What is told without Lua is what Lua tells of the same as the element of an array that is indexed. */
static void compare_answers(const struct hub_script *script, const json_t *told) {
    struct hub_service service;
    struct hub_def hub;
    struct hub_script *only;
    struct hub_buf text = {0};
    hub_buf_addf(&text, "[%.*s\n][0]", HUB_FMT(script->text));
    struct hub_def_scheduled_action action = {.script = *script};
    action.script.text = hub_buf_str(&text);
    struct hub_scripts *s = start(&service, &hub, &action, &only);
    enum hub_code code = HUB_INTERNAL;
    json_t *value = s ? call(s, only, &code) : NULL;
    if (code == HUB_OK && (!told != !value || (told && !json_equal(told, value)))) abort();
    json_decref(value);
    if (s) hub_scripts_delete(s);
    hub_buf_free(&text);
}

static void run(struct hub_scripts *s, const struct hub_script *script) {
    struct ms_parse p;
    json_t *told = NULL;
    enum hub_code code;
    json_decref(call(s, script, &code));
    if (script->kind != HUB_SCRIPT_EXPR) return;
    struct hub_direct *d = ms_parse(&p, script->text) ? hub_direct_new(p.root) : NULL;
    ms_free(&p);
    if (d && hub_direct_value(d, args, HUB_NELEM(args), NULL, &told)) compare_answers(script, told);
    json_decref(told);
    hub_direct_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct hub_def_scheduled_action action;
    hub_log_setup(HUB_LOG_ERROR, false);
    bool lua = n && data[0] == 'L';
    struct hub_service service;
    struct hub_def hub;
    struct hub_script *script = &action.script;
    *script =
        (struct hub_script){.kind = lua ? HUB_SCRIPT_LUA : HUB_SCRIPT_EXPR, .file = "f.yaml", .line = 1, .column = 1};
    script->text = hub_str((const char *)data + lua, n - lua);
    syntax_problems = 0;
    if (!args[0].value) make_args();
    hub_lua_checker.check(NULL, script, &(struct hub_script_names){vars, NULL, on_problem, script});
    struct hub_scripts *s = start(&service, &hub, &action, &script);
    if ((s != NULL) != (syntax_problems == 0)) abort();
    if (s) run(s, script), hub_scripts_delete(s);
    return 0;
}
