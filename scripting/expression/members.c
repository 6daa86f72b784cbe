/* Members that scripts name and that are not there: of records, of modules in lib/, of the engine's
 * tables. Only what is certain is reported: a table whose members somebody may add or compute has no list
 * here. */
#include <stdio.h>

#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "schema/analysis/functions.h"
#include "scripting/expression/mscript_int.h"

bool hub_script_is_table(struct hub_str name) {
    const struct hub_function_table *t = hub_function_table(name);
    return t && !t->lua;
}

static const struct hub_script_known *find_known(const struct hub_script_known *list, struct hub_str path) {
    for (; list && list->path; list++)
        if (hub_str_is(path, list->path)) return list;
    return NULL;
}

static bool is_member_listed(const char *const *list, struct hub_str name) {
    for (; list && *list; list++)
        if (hub_str_is(name, *list)) return true;
    return false;
}

bool hub_script_is_lib(struct hub_str name) { return hub_str_is(name, "lib") || hub_str_is(name, "LIB"); }

/* NULL: what stands under PATH may have any member, or is the engine's. */
static const struct hub_script_known *known_members(const struct hub_script_names *names, struct hub_str path) {
    struct hub_buf lib = {0};
    struct hub_str root = hub_str(path.p, hub_str_find(path, '.'));
    if (is_member_listed(names->vars, root)) return find_known(names->known, path);
    if (!hub_script_is_lib(root)) return NULL;
    hub_buf_addz(&lib, "lib");
    hub_buf_add(&lib, path.p + root.n, path.n - root.n);
    const struct hub_script_known *k = find_known(names->known, hub_buf_str(&lib));
    hub_buf_free(&lib);
    return k;
}

static const struct hub_function_table *engine_table(const struct hub_script_names *names, struct hub_str path) {
    const struct hub_function_table *t = is_member_listed(names->vars, path) ? NULL : hub_function_table(path);
    return t && !t->lua ? t : NULL;
}

/* What other libraries call a function of the engine. */
static const struct {
    const char *names, *function;
} called[] = {
    {"insert add new save", "create"},
    {"remove destroy del", "delete"},
    {"get findOne findById load read", "find"},
    {"query search all findAll select where", "list"},
    {"set put modify patch save", "update"},
    {"print log write", "info"},
    {"warning", "warn"},
    {"err", "error"},
    {"add enqueue schedule", "push"},
    {"post put fetch", "request"},
    {"stringify dumps", "encode"},
    {"parse loads", "decode"},
    {"emitTo sendEvent", "emit"},
    {"publish message", "send"},
};

static void suggest_function(const struct hub_function_table *t, struct hub_str name, char out[64]) {
    struct hub_nearest near = {.word = name, .most = 2};
    for (const struct hub_function *f = t->functions; f->name; f++) hub_nearest_try(&near, f->name);
    for (size_t i = 0; !near.best && i < HUB_NELEM(called); i++)
        if (hub_str_among(name, called[i].names) && hub_function_in(t, hub_cstr(called[i].function)))
            near.best = called[i].function;
    snprintf(out, 64, "%s", near.best ? near.best : "");
}

void hub_script_check_member(const struct hub_script_names *names, struct hub_str text, struct hub_str path,
                             struct hub_str name, size_t at) {
    const struct hub_script_known *k = known_members(names, path);
    const struct hub_function_table *t = k ? NULL : engine_table(names, path);
    if (k ? is_member_listed(k->members, name) : !t || hub_function_table_has(t, name)) return;
    struct hub_script_problem problem = {.code = "L004"};
    ms_place(text, at, name.n, &problem);
    snprintf(problem.text, sizeof problem.text, "%.*s has no '%.*s'", HUB_CUT(path, 100), HUB_CUT(name, 100));
    if (k)
        ms_suggest(name, k->members, NULL, problem.suggestion);
    else
        suggest_function(t, name, problem.suggestion);
    names->report(names->arg, &problem);
}
