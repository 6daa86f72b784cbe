/* The functions of the modules in lib/, with their parameters. */
#include "base/memory/mem.h"
#include "schema/analysis/analysis_int.h"

struct collecting {
    struct hub_loader *l;
    const struct hub_module *module;
    const char *table; /* the local that the module returns */
    bool lost;         /* what it has in it may be something else in the end */
};

static void add_function(const struct collecting *c, struct hub_str name, const struct hub_syntax *f) {
    struct hub_loader *l = c->l;
    if ((l->lib_function_n & (l->lib_function_n - 1)) == 0) { /* a power of two: full */
        size_t cap = l->lib_function_n ? 2 * l->lib_function_n : 1;
        struct hub_lib_function *more = hub_arena_zalloc(l->scratch, cap * sizeof *more);
        if (l->lib_function_n) memcpy(more, l->lib_functions, l->lib_function_n * sizeof *more);
        l->lib_functions = more;
    }
    l->lib_functions[l->lib_function_n++] =
        (struct hub_lib_function){c->module->name, hub_arena_dup(l->scratch, name), c->module->src, f};
}

/* Whether S sets or declares NAME. */
static bool sets_name(const struct hub_syntax *s, struct hub_str name) {
    if (s->kind != HUB_SYNTAX_LOCAL && s->kind != HUB_SYNTAX_ASSIGN) return false;
    for (const struct hub_syntax *t = s->a->list; t; t = t->next)
        if (t->kind == HUB_SYNTAX_NAME && hub_str_eq(t->text, name)) return true;
    return false;
}

/* {move = function … end, …}; of names, those of functions that STATEMENTS declare. Of one that gets another
 * value, too, nothing is known: it has no function. */
static void add_local(const struct collecting *c, struct hub_str name, const struct hub_syntax *statements,
                      struct hub_str wanted) {
    for (const struct hub_syntax *s = statements; s; s = s->next) {
        if (!sets_name(s, wanted)) continue;
        bool function = s->kind == HUB_SYNTAX_LOCAL && s->b->list && s->b->list->kind == HUB_SYNTAX_FUNCTION;
        add_function(c, name, function ? s->b->list : NULL);
    }
}

static void add_members(const struct collecting *c, const struct hub_syntax *object,
                        const struct hub_syntax *statements) {
    for (const struct hub_syntax *e = object->kind == HUB_SYNTAX_OBJECT ? object->list : NULL; e; e = e->next) {
        if (e->kind == HUB_SYNTAX_FUNCTION && e->key.n) add_function(c, e->key, e);
        if (e->kind == HUB_SYNTAX_NAME && e->key.n) add_local(c, e->key, statements, e->text);
    }
}

/* local M = {…}; function M.move(); M.move = function; return M. */
static void add_statement(const struct collecting *c, const struct hub_syntax *s, const struct hub_syntax *all) {
    if (s->kind != HUB_SYNTAX_LOCAL && s->kind != HUB_SYNTAX_ASSIGN) return;
    const struct hub_syntax *target = s->a->list, *value = s->b->list;
    if (!target || !value || target->next) return;
    if (s->kind == HUB_SYNTAX_LOCAL && hub_str_is(target->text, c->table)) add_members(c, value, all);
    bool member = target->kind == HUB_SYNTAX_MEMBER && target->a->kind == HUB_SYNTAX_NAME &&
                  hub_str_is(target->a->text, c->table);
    if (member && value->kind == HUB_SYNTAX_NAME)
        add_local(c, target->text, all, value->text);
    else if (member)
        add_function(c, target->text, value->kind == HUB_SYNTAX_FUNCTION ? value : NULL);
}

/* ---- what may be something else in the end ---- */

static bool is_table(const struct collecting *c, const struct hub_syntax *x) {
    return x->kind == HUB_SYNTAX_NAME && hub_str_is(x->text, c->table);
}

/* M = …, M[name] = …, and M.move = … in a condition, a loop or a function. */
static void lose_target(struct collecting *c, const struct hub_syntax *target, bool outermost) {
    if (is_table(c, target) || (target->kind == HUB_SYNTAX_INDEX && is_table(c, target->a))) c->lost = true;
    if (target->kind == HUB_SYNTAX_MEMBER && is_table(c, target->a) && !outermost) add_function(c, target->text, NULL);
}

/* Also wrap(M). */
static void find_lost(struct collecting *c, const struct hub_syntax *x, bool outermost) {
    for (; x; x = x->next) {
        bool single = outermost && x->kind == HUB_SYNTAX_ASSIGN && !x->a->list->next;
        for (const struct hub_syntax *t = x->kind == HUB_SYNTAX_ASSIGN ? x->a->list : NULL; t; t = t->next)
            lose_target(c, t, single);
        for (const struct hub_syntax *e = x->kind == HUB_SYNTAX_CALL ? x->list : NULL; e; e = e->next)
            c->lost = c->lost || is_table(c, e);
        find_lost(c, x->a, false);
        find_lost(c, x->b, false);
        find_lost(c, x->c, false);
        find_lost(c, x->list, false);
    }
}

static void read_module(struct hub_loader *l, const struct hub_module *m) {
    const struct hub_script_checker *checker = l->options->checker;
    const struct hub_syntax *root = checker->syntax(checker->ctx, HUB_SCRIPT_LUA, m->src->text, l->scratch);
    const struct hub_syntax *last = root ? root->list : NULL;
    while (last && last->next) last = last->next;
    const struct hub_syntax *result = last && last->kind == HUB_SYNTAX_RETURN ? last->list : NULL;
    struct collecting c = {.l = l, .module = m};
    if (!result) return;
    if (result->kind != HUB_SYNTAX_NAME) {
        add_members(&c, result, root->list);
        return;
    }
    c.table = hub_arena_dup(l->scratch, result->text);
    find_lost(&c, root->list, true);
    for (const struct hub_syntax *s = root->list; s && !c.lost; s = s->next) add_statement(&c, s, root->list);
}

void hub_analysis_begin(struct hub_loader *l) {
    const struct hub_script_checker *checker = l->options->checker;
    for (size_t i = 0; i < l->module_n && checker && checker->syntax; i++) read_module(l, &l->modules[i]);
}

/* A module of a plugin goes before the service's; one that is defined twice is left alone. */
const struct hub_lib_function *hub_analysis_lib(const struct hub_analysis *a, const char *module, struct hub_str name) {
    const struct hub_plugin *plugin = a->src->plugin ? a->src->plugin->plugin : NULL;
    const struct hub_lib_function *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < a->l->lib_function_n; i++) {
        const struct hub_lib_function *f = &a->l->lib_functions[i];
        const struct hub_plugin *owner = f->src->plugin ? f->src->plugin->plugin : NULL;
        if (strcmp(f->module, module) || !hub_str_is(name, f->name) || (owner && owner != plugin)) continue;
        found = f;
        n++;
    }
    return n == 1 && found->function ? found : NULL;
}

/* ---- which parameters have to be given ---- */

struct looking {
    struct hub_str name;
    bool tested; /* somewhere it is looked at whether there is one, or it gets another value */
    bool needed; /* without one an operation on it fails */
    bool may;    /* what comes now may be left out: it is behind a branch, a result, or in a function */
};

static void look_at(struct looking *w, const struct hub_syntax *x);

static bool is_it(const struct looking *w, const struct hub_syntax *x) {
    return x && x->kind == HUB_SYNTAX_NAME && hub_str_eq(x->text, w->name);
}

static void look_at_list(struct looking *w, const struct hub_syntax *x) {
    for (; x; x = x->next) look_at(w, x);
}

/* Behind what is no statement of its own there may be a branch. */
static bool may_branch(const struct hub_syntax *x) {
    switch (x->kind) {
    case HUB_SYNTAX_TEST:
    case HUB_SYNTAX_AND:
    case HUB_SYNTAX_OR:
    case HUB_SYNTAX_CHOICE:
    case HUB_SYNTAX_BLOCK:
    case HUB_SYNTAX_EACH:
    case HUB_SYNTAX_FUNCTION: return true;
    default: return false;
    }
}

static void look_at(struct looking *w, const struct hub_syntax *x) {
    if (!x) return;
    bool touches = is_it(w, x->a) || is_it(w, x->b);
    w->may = w->may || may_branch(x);
    switch (x->kind) {
    case HUB_SYNTAX_TEST:
    case HUB_SYNTAX_AND:
    case HUB_SYNTAX_OR:
    case HUB_SYNTAX_NOT:
    case HUB_SYNTAX_EQUAL: w->tested = w->tested || touches; break;
    case HUB_SYNTAX_MEMBER:
    case HUB_SYNTAX_INDEX: w->needed = w->needed || (!w->may && is_it(w, x->a)); break;
    case HUB_SYNTAX_ORDER:
    case HUB_SYNTAX_ARITHMETIC: w->needed = w->needed || (!w->may && touches); break;
    case HUB_SYNTAX_LOCAL:
    case HUB_SYNTAX_ASSIGN:
        for (const struct hub_syntax *t = x->a->list; t; t = t->next) w->tested = w->tested || is_it(w, t);
        break;
    case HUB_SYNTAX_CALL:
        for (const struct hub_syntax *e = x->list; e; e = e->next) /* type(x), tonumber(x) may be such a look */
            w->tested = w->tested || (is_it(w, e) && x->a->kind == HUB_SYNTAX_NAME);
        break;
    default: break;
    }
    look_at(w, x->a);
    look_at(w, x->b);
    look_at(w, x->c);
    look_at_list(w, x->list);
}

size_t hub_analysis_needs(const struct hub_syntax *function) {
    size_t least = 0, i = 0;
    const struct hub_syntax *body = function->a && function->a->kind == HUB_SYNTAX_BLOCK ? function->a->list : NULL;
    for (const struct hub_syntax *p = function->list; p; p = p->next) {
        struct looking w = {.name = p->text};
        for (const struct hub_syntax *s = body; s; s = s->next) {
            w.may = w.may || s->kind == HUB_SYNTAX_OTHER;
            look_at(&w, s);
            w.may = w.may || s->kind == HUB_SYNTAX_RETURN;
        }
        i++;
        if (w.needed && !w.tested) least = i;
    }
    return least;
}
