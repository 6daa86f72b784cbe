/* Scripts of plugins: plugin.NAME, and modules of their own before those of the service, once for each
 * use. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/text/buf.h"
#include "script_env.h"

enum { USES = 2, MODULES = 8 };

static struct script_env env;
static char dir[64];
static char *kept[2 * MODULES];
static size_t kept_n;
static const char *paths[2][MODULES], *names[2][MODULES];
static struct hub_def_lib libs[2]; /* of the service, of the plugin */
static struct hub_def_plugin plugin;
static struct hub_def_plugin_use uses[USES];
static const struct hub_def_plugin_use *use_list[USES];

static int start(void **state) {
    (void)state;
    script_env_init(&env);
    snprintf(dir, sizeof dir, "/tmp/hub_plugin_XXXXXX");
    if (!mkdtemp(dir)) return -1;
    kept_n = 0;
    for (size_t i = 0; i < 2; i++) libs[i] = (struct hub_def_lib){{paths[i], 0}, {names[i], 0}};
    for (size_t i = 0; i < USES; i++) {
        uses[i] = (struct hub_def_plugin_use){
            .name = "p", .plugin = &plugin, .index = i, .with = json_pack("{s:i,s:[i]}", "max", (int)i, "list", 1)};
        use_list[i] = &uses[i];
    }
    env.service.uses = use_list;
    env.service.use_n = USES;
    return 0;
}

static int stop(void **state) {
    (void)state;
    char command[100];
    script_env_end(&env);
    for (size_t i = 0; i < kept_n; i++) free(kept[i]);
    for (size_t i = 0; i < USES; i++) json_decref(uses[i].with);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? 0 : -1;
}

/* NAME is flat in the file system: only where it stands below lib/ counts. */
static void module(bool of_plugin, const char *name, const char *text) {
    char path[200];
    struct hub_def_lib *lib = &libs[of_plugin];
    snprintf(path, sizeof path, "%s/%d.%zu.lua", dir, of_plugin, lib->names.n);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    names[of_plugin][lib->names.n++] = kept[kept_n++] = hub_xstrdup(name);
    paths[of_plugin][lib->files.n++] = kept[kept_n++] = hub_xstrdup(path);
}

/* USE: number of the use, -1: a script of the service itself. */
static size_t script(int use, enum hub_script_kind kind, const char *text) {
    size_t i = script_env_add(&env, kind, text);
    if (use >= 0) env.actions[i].script.use = &uses[use];
    return i;
}
static size_t lua(int use, const char *text) { return script(use, HUB_SCRIPT_LUA, text); }
static size_t expr(int use, const char *text) { return script(use, HUB_SCRIPT_EXPR, text); }

static void give_libraries(void) {
    plugin = (struct hub_def_plugin){.name = "p", .lib_name = "plugins/p/lib", .lib = libs[1]};
    env.service.lib = libs[0];
}

static void compiled(void) {
    give_libraries();
    if (script_env_start(&env)) fail_msg("%s", env.err.text);
}

static void gives(size_t i, const char *json) {
    struct script_result r = {0};
    struct hub_buf b = {0};
    script_call(&env, i, NULL, 0, &r);
    if (r.code) fail_msg("%s: %s", hub_code_name(r.code), r.error);
    hub_json_add(&b, r.value);
    assert_string_equal(hub_buf_cstr(&b), json);
    hub_buf_free(&b);
    json_decref(r.value);
}

static void fails(size_t i, const char *text) {
    struct script_result r = {0};
    script_call(&env, i, NULL, 0, &r);
    assert_int_equal(r.code, HUB_HANDLER_FAILED);
    if (!strstr(r.error, text)) fail_msg("\"%s\" is not in \"%s\"", text, r.error);
    json_decref(r.value);
}

static void parameters_are_those_of_the_use(void **state) {
    (void)state;
    size_t a = lua(0, "return plugin.max"), b = expr(1, "plugin.max"), c = expr(1, "plugin.none == null"),
           d = lua(-1, "return plugin == nil"), e = expr(0, "plugin.list[0] + plugin.list.length");
    compiled();
    gives(a, "0");
    gives(b, "1");
    gives(c, "true");
    gives(d, "true");
    gives(e, "2");
}

static void nobody_changes_the_parameters(void **state) {
    (void)state;
    size_t a = lua(0, "plugin.max = 5"), b = lua(0, "plugin.list[1] = 5"), c = lua(0, "rawset(plugin, 'max', 5)"),
           d = lua(0, "plugin = {max = 6} return plugin.max"), e = lua(0, "return {plugin.max, plugin.list[1]}");
    compiled();
    fails(a, "'plugin' is read-only");
    fails(b, "'list' is read-only");
    fails(c, "read-only");
    gives(d, "6");
    gives(e, "[0,1]");
}

static void its_own_modules_come_first(void **state) {
    (void)state;
    module(false, "words.lua", "return {of = 'service'}");
    module(false, "more/deep.lua", "return {of = 'service'}");
    module(false, "game.lua", "return {of = 'service'}");
    module(true, "words.lua", "return {of = 'plugin', other = require('more.deep').of, max = plugin.max}");
    module(true, "more/own.lua", "return {of = 'plugin', via = lib.words.of}");
    module(true, "game/board.lua", "return {of = 'plugin'}");
    size_t a = lua(1, "return {require('words').of, lib.words.of, LIB.words.other, lib.words.max}"),
           b = expr(1, "[lib.words.of, lib.more.own.via, lib.more.deep.of, lib.game.board.of]"),
           c = lua(-1, "return {require('words').of, lib.words.of, lib.game.of, lib.more.own == nil}"),
           d = lua(-1, "require('more.own')"),
           e = lua(0,
                   "local n = {} for k in pairs(lib) do n[#n + 1] = k end table.sort(n) return {n, require('game').of, "
                   "lib.words == require('words')}");
    compiled();
    gives(a, "[\"plugin\",\"plugin\",\"service\",1]");
    gives(b, "[\"plugin\",\"plugin\",\"service\",\"plugin\"]");
    gives(c, "[\"service\",\"service\",\"service\",true]");
    fails(d, "there is no module 'more.own'");
    gives(e, "[[\"game\",\"more\",\"words\"],\"service\",true]");
}

/* What a module keeps is for one hub that uses the plugin: others do not see it. */
static void each_use_has_modules_of_its_own(void **state) {
    (void)state;
    module(false, "all.lua", "local n = 0 return {add = function() n = n + 1 return n end}");
    module(true, "own.lua", "local n = plugin.max * 10 return {add = function() n = n + 1 return n end}");
    size_t a = lua(0, "return {lib.own.add(), lib.all.add()}"), b = expr(1, "[lib.own.add(), lib.all.add()]");
    compiled();
    gives(a, "[1,1]");
    gives(b, "[11,2]");
    gives(a, "[2,3]");
}

static void told(void *arg, const char *file, int line, const char *text) {
    hub_buf_addf(arg, "%s:%d: %s\n", file, line, text);
}

static enum hub_code check_scripts(struct hub_buf *out) {
    give_libraries();
    return hub_scripts_check(&env.service, NULL, told, out, &env.err);
}

static void its_modules_are_told_of_by_their_place(void **state) {
    (void)state;
    struct hub_buf out = {0};
    module(false, "fine.lua", "return {}");
    module(true, "first.lua", "\n\nreturn {v = require('own')}");
    module(true, "own.lua", "\nerror('of the plugin ' .. plugin.max)");
    assert_int_equal(check_scripts(&out), HUB_BAD_REQUEST);
    assert_string_equal(hub_buf_cstr(&out), "plugins/p/lib/own.lua:2: of the plugin 0\n"
                                            "plugins/p/lib/own.lua:2: of the plugin 1\n");
    hub_buf_free(&out);
}

/* Steps of one chain are the plugin's and the hub's. */
static void ran(void *arg, const struct hub_hook_outcome *o) {
    if (o->error) fail_msg("%s", o->error);
    *(json_t **)arg = json_incref(o->result);
}

static void each_step_of_a_chain_finds_its_own(void **state) {
    (void)state;
    module(false, "words.lua", "return {of = 'service'}");
    module(true, "words.lua", "return {of = 'plugin ' .. plugin.max}");
    size_t a = lua(1, "ctx.first = lib.words.of"), b = lua(-1, "return {ctx.first, lib.words.of, plugin == nil}");
    compiled();
    const struct hub_script *steps[] = {script_env_script(&env, a), script_env_script(&env, b)};
    const struct hub_hook_chain chain = {.steps = steps, .step_n = 2, .main = 1};
    json_t *result = NULL;
    hub_lua_hook_ops.run(env.s, &chain, ran, &result);
    char *text = json_dumps(result, JSON_COMPACT);
    assert_string_equal(text, "[\"plugin 1\",\"service\",true]");
    free(text);
    json_decref(result);
}

int main(void) {
#define T(F) cmocka_unit_test_setup_teardown(F, start, stop)
    const struct CMUnitTest tests[] = {
        T(parameters_are_those_of_the_use),
        T(nobody_changes_the_parameters),
        T(its_own_modules_come_first),
        T(each_use_has_modules_of_its_own),
        T(its_modules_are_told_of_by_their_place),
        T(each_step_of_a_chain_finds_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
