/* Members that are not there: of messages and payloads, of records that a script has found, of modules and
 * Lua's libraries. Those of the variables themselves scripting/expression/members.c looks at, too; what both
 * find is told once. */
#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "schema/analysis/analysis_int.h"

static void tell_missing(const struct hub_analysis *a, const struct hub_syntax *x, const char *near) {
    struct hub_str path = hub_analysis_path(a, x->a);
    hub_analysis_tell(a, "L004", x->at, x->n, near, "%.*s has no '%.*s'%s",
                      HUB_CUT(path.n ? path : HUB_STR("this"), 100), HUB_CUT(x->text, 100),
                      hub_script_used_by(a->l, a->script, path));
}

static void check_record_member(const struct hub_analysis *a, struct hub_type t, const struct hub_syntax *x) {
    struct hub_nearest near = {.word = x->text, .most = 2};
    if (hub_type_member(t, x->text) || hub_map_get(&a->assigned, x->text)) return;
    for (size_t i = 0; i < t.field_n; i++)
        if (t.fields[i].name) hub_nearest_try(&near, t.fields[i].name);
    tell_missing(a, x, near.best);
}

/* Of text and lists expressions read length, and call methods, which the parser knows. */
static void check_text_member(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_nearest near = {.word = x->text, .most = 3};
    hub_nearest_try(&near, "length");
    if (!hub_str_is(x->text, "length")) tell_missing(a, x, near.best);
}

/* What Lua has for a member that JavaScript's lists and texts have. */
static const struct {
    const char *names, *say;
} in_lua[] = {
    {"length size count len", "its length is #"},
    {"push append add insert unshift", "table.insert(list, x) adds to a list"},
    {"pop shift splice", "table.remove(list, i) takes out of a list"},
    {"sort reverse", "table.sort(list) sorts a list"},
    {"join", "table.concat(list, \", \") joins a list"},
    {"includes indexOf some every find contains", "a loop looks for it: for _, x in ipairs(list) do … end"},
    {"map filter reduce forEach each entries keys values", "a loop does it: for i, x in ipairs(list) do … end"},
    {"toLowerCase", "string.lower(text)"},
    {"toUpperCase", "string.upper(text)"},
    {"startsWith endsWith split trim replace substring slice charAt match", "the functions for texts are in string"},
};

/* Lists of Lua have numbered members only, and texts the functions of string. */
static void check_value_member(const struct hub_analysis *a, struct hub_type t, const struct hub_syntax *x) {
    if (hub_map_get(&a->assigned, x->text) || hub_analysis_goes_elsewhere(a, x->a)) return;
    if (!t.list && hub_function_table_has(hub_function_table(HUB_STR("string")), x->text)) return;
    const char *say = NULL;
    for (size_t i = 0; i < HUB_NELEM(in_lua) && !say; i++)
        if (hub_str_among(x->text, in_lua[i].names)) say = in_lua[i].say;
    struct hub_str path = hub_analysis_path(a, x->a);
    if (say || !t.list)
        hub_analysis_tell(a, "L004", x->at, x->n, NULL, "%.*s has no '%.*s'%s%s",
                          HUB_CUT(path.n ? path : HUB_STR("this"), 100), HUB_CUT(x->text, 100), say ? ": " : "",
                          say ? say : "");
}

static void check_library(const struct hub_analysis *a, const struct hub_function_table *t,
                          const struct hub_syntax *x) {
    struct hub_nearest near = {.word = x->text, .most = 2};
    if (hub_function_table_has(t, x->text)) return;
    for (const struct hub_function *f = t->functions; f->name; f++) hub_nearest_try(&near, f->name);
    tell_missing(a, x, near.best);
}

/* The members of the module that a local stands for; what is reached by lib itself is looked at elsewhere. */
static void check_module_member(const struct hub_analysis *a, const struct hub_syntax *x) {
    const char *module = x->a->kind == HUB_SYNTAX_NAME ? hub_analysis_module(a, x->a) : NULL;
    const struct hub_script_known *k = module ? a->known : NULL;
    const char *path = module ? hub_arena_fmt(a->l->scratch, "lib.%s", module) : NULL;
    struct hub_nearest near = {.word = x->text, .most = 2};
    while (k && k->path && strcmp(k->path, path)) k++;
    if (!k || !k->path || hub_map_get(&a->assigned, x->text)) return;
    if (hub_analysis_goes_elsewhere(a, x->a)) return;
    for (const char *const *m = k->members; *m; m++) {
        if (hub_str_is(x->text, *m)) return;
        hub_nearest_try(&near, *m);
    }
    tell_missing(a, x, near.best);
}

/* A text's methods are those of string. */
static void check_method(const struct hub_analysis *a, struct hub_type t, const struct hub_syntax *x) {
    if (t.kind != HUB_TYPE_TEXT && t.kind != HUB_TYPE_ENUM && t.kind != HUB_TYPE_MOMENT) return;
    check_library(a, hub_function_table(HUB_STR("string")), x);
}

static const struct hub_function_table *library_of(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_function_table *t =
        a->lua && x->kind == HUB_SYNTAX_NAME && !hub_analysis_binding(a, x) ? hub_function_table(x->text) : NULL;
    return t && t->lua ? t : NULL;
}

void hub_analysis_member(const struct hub_analysis *a, const struct hub_syntax *x, bool called) {
    const struct hub_function_table *library = library_of(a, x->a);
    struct hub_type t = hub_analysis_infer(a, x->a);
    if (library) {
        check_library(a, library, x);
    } else if (t.list) {
        if (a->lua)
            check_value_member(a, t, x);
        else if (!called)
            check_text_member(a, x);
    } else if (t.kind == HUB_TYPE_RECORD) {
        check_record_member(a, t, x);
    } else if (x->method) {
        check_method(a, t, x);
    } else if (a->lua && (t.kind == HUB_TYPE_TEXT || t.kind == HUB_TYPE_ENUM || t.kind == HUB_TYPE_MOMENT)) {
        check_value_member(a, t, x);
    } else if ((t.kind == HUB_TYPE_NUMBER || t.kind == HUB_TYPE_BOOLEAN) && !called && !a->lua) {
        tell_missing(a, x, NULL);
    } else if (t.kind != HUB_TYPE_ANY && !called && !a->lua) {
        check_text_member(a, x);
    } else {
        check_module_member(a, x);
    }
}
