/* Which names an expression may use, and "did you mean". */
#include <stdio.h>

#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "schema/analysis/functions.h"
#include "scripting/expression/mscript_int.h"

const char *const hub_script_expr_globals[] = {"lib",   "LIB",    "Math",   "JSON",    "Object", "Date",
                                               "Array", "String", "Number", "Boolean", "NaN",    "Infinity",
                                               "uuid",  "sleep",  "binary", "noAck",   NULL};

enum { SHORT_NAME = 7 };

void ms_suggest(struct hub_str name, const char *const *vars, const char *const *more, char out[64]) {
    const char *const *lists[] = {vars, more};
    struct hub_nearest near = {.word = name, .most = 2};
    for (size_t i = 0; i < HUB_NELEM(lists); i++) {
        for (const char *const *v = lists[i]; v && *v; v++) hub_nearest_try(&near, *v);
        if (name.n <= SHORT_NAME) near.most = 1; /* "member" is not Number */
    }
    for (const struct hub_function_table *t = hub_function_tables; more && t->name && !t->lua; t++)
        hub_nearest_try(&near, t->name);
    snprintf(out, 64, "%s", near.best ? near.best : "");
}

void ms_list_vars(const char *const *vars, char *text, size_t cap) {
    enum { MOST = 8 };
    size_t n = strlen(text), count = 0;
    while (vars && vars[count]) count++;
    if (!count || count > MOST || !strcmp(vars[count - 1], "plugin")) return;
    for (const char *const *v = vars; *v && n + strlen(*v) + 16 < cap; v++)
        n += (size_t)snprintf(text + n, cap - n, "%s%s", v == vars ? "; the hook has " : ", ", *v);
}

struct scope {
    const struct ms_node *params;
    const struct scope *outer;
};
struct names {
    const struct ms_parse *p;
    const struct hub_script_names *in;
    struct hub_map whole; /* variables that go elsewhere as a whole: who takes them may add to them */
};

static bool in_list(const char *const *list, struct hub_str name) {
    for (; list && *list; list++) {
        if (hub_str_is(name, *list)) return true;
    }
    return false;
}

static bool is_param(const struct scope *scope, struct hub_str name) {
    for (; scope; scope = scope->outer) {
        for (const struct ms_node *v = scope->params; v; v = v->next) {
            if (hub_str_eq(v->name, name)) return true;
        }
    }
    return false;
}

static void check_name(const struct names *n, const struct ms_node *x, const struct scope *scope) {
    if (is_param(scope, x->name) || in_list(n->in->vars, x->name) || in_list(hub_script_expr_globals, x->name) ||
        hub_script_is_table(x->name))
        return;
    struct hub_script_problem problem = {.code = "L003"};
    ms_place(n->p->text, x->at, x->n, &problem);
    snprintf(problem.text, sizeof problem.text, "unknown variable '%.*s'", HUB_CUT(x->name, 100));
    static const char *const others[][2] = {
        {"nil", "null"},  {"None", "null"}, {"NULL", "null"},   {"True", "true"},       {"False", "false"},
        {"math", "Math"}, {"json", "JSON"}, {"console", "log"}, {"tonumber", "Number"}, {"tostring", "String"}};
    for (size_t i = 0; i < HUB_NELEM(others); i++)
        if (hub_str_is(x->name, others[i][0]))
            snprintf(problem.suggestion, sizeof problem.suggestion, "%s", others[i][1]);
    if (!*problem.suggestion) ms_suggest(x->name, n->in->vars, hub_script_expr_globals, problem.suggestion);
    if (!*problem.suggestion) ms_list_vars(n->in->vars, problem.text, sizeof problem.text);
    n->in->report(n->in->arg, &problem);
}

/* "lib.chess" of a chain of names; false for anything else, and for parameters. */
static bool path_of(const struct names *n, const struct ms_node *x, const struct scope *scope, struct hub_buf *out) {
    if (x->kind == MS_MEMBER) {
        if (!path_of(n, x->a, scope, out)) return false;
        hub_buf_addc(out, '.');
    } else if (x->kind != MS_VAR || is_param(scope, x->name)) {
        return false;
    }
    hub_buf_adds(out, x->name);
    return true;
}

static void check_member(struct names *n, const struct ms_node *x, const struct scope *scope) {
    struct hub_buf path = {0};
    const struct ms_node *root = x->a;
    while (root->kind == MS_MEMBER) root = root->a;
    if (path_of(n, x->a, scope, &path) && !(in_list(n->in->vars, root->name) && hub_map_get(&n->whole, root->name)))
        hub_script_check_member(n->in, n->p->text, hub_buf_str(&path), x->name, x->at);
    hub_buf_free(&path);
}

static void walk_node(struct names *n, const struct ms_node *x, const struct scope *scope) {
    if (!x) return;
    if (x->kind == MS_VAR) {
        check_name(n, x, scope);
        return;
    }
    if (x->kind == MS_ARROW) {
        walk_node(n, x->a, &(struct scope){x->list, scope});
        return;
    }
    /* typeof asks whether there is such a variable, or member. */
    bool asked = x->kind == MS_UNARY && x->op[0] == 't';
    if (asked && x->a->kind == MS_VAR) return;
    if (asked && x->a->kind == MS_MEMBER) {
        walk_node(n, x->a->a, scope);
        return;
    }
    if (x->kind == MS_MEMBER) check_member(n, x, scope);
    walk_node(n, x->a, scope);
    walk_node(n, x->b, scope);
    walk_node(n, x->c, scope);
    for (const struct ms_node *e = x->list; e; e = e->next) walk_node(n, e, scope);
}

static void walk_whole(const struct ms_node *x, struct hub_map *whole) {
    static char mark;
    if (!x) return;
    if (x->kind == MS_VAR) {
        hub_map_put(whole, x->name, &mark);
        return;
    }
    if (x->kind == MS_MEMBER && x->a->kind == MS_VAR) return;
    if (x->kind == MS_CALL && x->a->kind == MS_MEMBER)
        walk_whole(x->a->a, whole); /* a method sees all of its object */
    else
        walk_whole(x->a, whole);
    walk_whole(x->b, whole);
    walk_whole(x->c, whole);
    for (const struct ms_node *e = x->list; e; e = e->next) walk_whole(e, whole);
}

void ms_whole_vars(const struct ms_parse *p, struct hub_map *whole) { walk_whole(p->root, whole); }

void ms_check_names(const struct ms_parse *p, const struct hub_script_names *names) {
    struct names n = {.p = p, .in = names};
    ms_whole_vars(p, &n.whole);
    walk_node(&n, p->root, NULL);
    hub_map_clear(&n.whole);
}
