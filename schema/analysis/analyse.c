/* One script, or one module, from its text to findings. */
#include <stdarg.h>
#include <stdio.h>

#include "base/text/utf8.h"
#include "schema/analysis/analysis_int.h"

enum { TOLD_MAX = 100 }; /* of one script */

void hub_analysis_tell(const struct hub_analysis *a, const char *code, size_t at, size_t n, const char *suggestion,
                       const char *fmt, ...) {
    char text[400];
    va_list ap;
    if (a->work->told >= TOLD_MAX) return;
    bool last = ++a->work->told == TOLD_MAX;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hub_utf8_trim(text);
    hub_script_tell(a->l, a->lib ? NULL : a->script, a->src, at, at + (n ? n : 1), code, suggestion,
                    last ? hub_arena_fmt(a->l->scratch, "%s; more that is found in this script is not told", text)
                         : text);
}

static void look_at_node(const struct hub_analysis *a, const struct hub_syntax *x, bool called) {
    switch (x->kind) {
    case HUB_SYNTAX_EQUAL:
    case HUB_SYNTAX_ORDER: hub_analysis_compare(a, x); break;
    case HUB_SYNTAX_AND:
    case HUB_SYNTAX_OR: hub_analysis_logic(a, x); break;
    case HUB_SYNTAX_ARITHMETIC: hub_analysis_arithmetic(a, x); break;
    case HUB_SYNTAX_ASSIGN: hub_analysis_assign(a, x); break;
    case HUB_SYNTAX_MEMBER: hub_analysis_member(a, x, called); break;
    case HUB_SYNTAX_CALL:
        hub_analysis_call(a, x);
        hub_analysis_includes(a, x);
        break;
    default: break;
    }
}

/* Targets of assignments are no members that have to be there. */
static void look_at_all(const struct hub_analysis *a, const struct hub_syntax *x, bool called) {
    if (!x) return;
    look_at_node(a, x, called);
    bool target = x->kind == HUB_SYNTAX_ASSIGN;
    if (x->a && !target) look_at_all(a, x->a, x->kind == HUB_SYNTAX_CALL);
    for (const struct hub_syntax *t = target ? x->a->list : NULL; t; t = t->next)
        if (t->a) look_at_all(a, t->a, false);
    look_at_all(a, x->b, false);
    look_at_all(a, x->c, false);
    for (const struct hub_syntax *e = x->list; e; e = e->next) look_at_all(a, e, false);
}

/* A chunk that makes globals of its own is no chunk of which anything is known. */
static bool is_plain(const struct hub_analysis *a) {
    return !hub_analysis_declares(a, HUB_STR("_ENV")) && !hub_analysis_declares(a, HUB_STR("require"));
}

static void analyse_text(struct hub_analysis *a, enum hub_script_kind kind) {
    const struct hub_script_checker *c = a->l->options->checker;
    a->lua = kind == HUB_SCRIPT_LUA;
    a->root = c->syntax(c->ctx, kind, a->text, a->l->scratch);
    if (!a->root) return;
    hub_analysis_bind(a);
    if (is_plain(a)) {
        look_at_all(a, a->root, false);
        hub_analysis_result(a);
    }
    hub_analysis_unbind(a);
}

static bool has_variable(const struct hub_pending_script *p, const char *name) {
    for (const char *const *v = p->row->vars ? p->row->vars->names : NULL; v && *v; v++)
        if (!strcmp(*v, name)) return true;
    return false;
}

void hub_analyse_script(struct hub_loader *l, const struct hub_pending_script *p,
                        const struct hub_script_known *known) {
    struct hub_analysis_work work = {0};
    struct hub_analysis a = {.l = l, .script = p, .src = p->node->src, .text = p->script->text, .work = &work};
    if (!l->options->checker->syntax) return;
    a.hook = hub_hook_row(p->script->path);
    a.known = known;
    if (has_variable(p, "room")) a.room = hub_known_object(l, p->hub, "roomSettings.roomDataObject");
    if (has_variable(p, "$source")) a.source = hub_known_object(l, p->base, "sourceObject");
    analyse_text(&a, p->script->kind);
}

void hub_analyse_module(struct hub_loader *l, const struct hub_source *src, const struct hub_script_known *known) {
    struct hub_analysis_work work = {0};
    struct hub_analysis a = {.l = l, .src = src, .text = src->text, .work = &work};
    if (!l->options->checker->syntax) return;
    a.known = known;
    analyse_text(&a, HUB_SCRIPT_LUA);
}
