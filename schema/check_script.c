/* Scripts: which variables each hook has, and where in the YAML a script's problem stands. */
#include "schema/loader.h"

struct report {
    struct hub_loader *l;
    const struct hub_pending_script *script; /* NULL: a whole module */
    const struct hub_source *src;
    struct hub_str text;
};

/* AT moved on by N characters, not beyond END. */
static size_t forward(struct hub_str text, size_t at, size_t end, int n) {
    while (n-- > 0 && at < end) {
        at++;
        while (at < end && ((unsigned char)text.p[at] & 0xc0) == 0x80) at++;
    }
    return at;
}

/* Byte range of a problem in the text; its line, column and length count characters from the text's start. */
static void bytes_of(struct hub_str text, const struct hub_script_problem *p, size_t *from, size_t *to) {
    size_t at = 0;
    for (int line = 0; line < p->line && at < text.n; at++)
        if (text.p[at] == '\n') line++;
    size_t end = at + hub_str_find(hub_str(text.p + at, text.n - at), '\n');
    *from = forward(text, at, end, p->column);
    *to = forward(text, *from, end, p->length > 0 ? p->length : 1);
    if (*to == *from) ++*to;
}

static void on_problem(void *arg, const struct hub_script_problem *p) {
    struct report *r = arg;
    size_t from, to;
    const char *suggestion = p->suggestion[0] ? p->suggestion : NULL;
    bytes_of(r->text, p, &from, &to);
    if (r->script) {
        struct hub_range range = hub_node_span(r->script->node, from, to);
        hub_complain(r->l, p->code, r->script->node, &range, suggestion, "%s", p->text);
        return;
    }
    struct hub_range range;
    hub_source_place(r->src, from, &range.line, &range.column);
    hub_source_place(r->src, to, &range.end_line, &range.end_column);
    if (range.end_line != range.line) range.end_line = range.line, range.end_column = range.column + 1;
    hub_diags_add(r->l->diags, p->code, r->src, &range, NULL, suggestion, p->text);
}

static const char *text_of_node(struct hub_node *n) {
    return n && n->kind == HUB_NODE_SCALAR && !n->bad && n->value.n ? n->value.p : NULL;
}

/* "$room" and "$source" become the names the author gave, even if they are not defined anywhere: that is
 * said elsewhere. */
static void variables(struct hub_loader *l, const struct hub_pending_script *p, const char *out[8]) {
    size_t n = 0;
    for (const char *const *name = p->row->vars->names; *name; name++) {
        const char *is = *name;
        if (strcmp(is, "$room") == 0) is = text_of_node(hub_place(l, p->hub, "roomSettings.roomDataObject"));
        if (strcmp(*name, "$source") == 0) is = text_of_node(hub_place(l, p->base, "sourceObject"));
        if (is) out[n++] = is;
    }
    out[n] = NULL;
}

static void check_style(struct hub_loader *l, const struct hub_pending_script *p) {
    const struct hub_node *n = p->node;
    if (p->script->kind != HUB_SCRIPT_LUA || n->style == HUB_STYLE_LITERAL) return;
    if (n->style == HUB_STYLE_FOLDED || n->range.end_line != n->range.line)
        hub_complain(l, "L010", n, NULL, NULL, "the line breaks of this Lua chunk are lost; write it as a | block");
}

void hub_check_scripts(struct hub_loader *l) {
    const struct hub_script_checker *c = l->options->checker;
    l->in_error = hub_diags_count(l->diags, HUB_SEV_ERROR) > 0;
    for (size_t i = 0; i < l->script_n; i++) {
        const struct hub_pending_script *p = &l->scripts[i];
        check_style(l, p);
        if (!c || hub_diags_full(l->diags, p->node->src->name)) continue;
        const char *vars[8];
        variables(l, p, vars);
        struct report r = {.l = l, .script = p, .text = p->script->text};
        c->check(c->ctx, p->script, &(struct hub_script_names){vars, hub_known_to(l, p), on_problem, &r});
    }
}

void hub_check_modules(struct hub_loader *l) {
    const struct hub_script_checker *c = l->options->checker;
    for (size_t i = 0; i < l->module_n && c && c->check_file; i++) {
        struct report r = {.l = l, .src = l->modules[i].src, .text = l->modules[i].src->text};
        c->check_file(c->ctx, r.text, &(struct hub_script_names){.known = l->known, .report = on_problem, .arg = &r});
    }
}
