/* Scripts: which variables each hook has, and where in the YAML a script's problem stands. */
#include "schema/analysis/analysis.h"
#include "schema/loader.h"

struct report {
    struct hub_loader *l;
    const struct hub_pending_script *script; /* NULL: a whole module */
    const struct hub_source *src;
    struct hub_str text;
};

/* AT moved on by N characters, not beyond END. */
static size_t skip_characters(struct hub_str text, size_t at, size_t end, int n) {
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
    *from = skip_characters(text, at, end, p->column);
    *to = skip_characters(text, *from, end, p->length > 0 ? p->length : 1);
    if (*to == *from) ++*to;
}

static const char *text_of_node(struct hub_node *n) {
    return n && n->kind == HUB_NODE_SCALAR && !n->bad && n->value.n ? n->value.p : NULL;
}

/* Whether NAME is a room's record in some hub: what scripts of a plugin know of it depends on who uses it. */
static bool is_room_record(struct hub_loader *l, struct hub_str name) {
    bool is = hub_str_is(name, "room");
    for (size_t i = 0; i < l->hub_n && !is; i++) {
        const char *object = text_of_node(hub_place(l, l->hubs[i], "roomSettings.roomDataObject"));
        is = object && hub_str_is(name, object);
    }
    return is;
}

const char *hub_script_used_by(struct hub_loader *l, const struct hub_pending_script *p, struct hub_str path) {
    struct hub_str root = hub_str(path.p, hub_str_find(path, '.'));
    return p && is_room_record(l, root) ? hub_used_by(l, p->node) : "";
}

/* Unknown variables are what the script has there; of unknown members the text begins with whose they are. */
static const char *used_by(const struct report *r, const struct hub_script_problem *p, struct hub_str at) {
    struct hub_str first = hub_str(p->text, strcspn(p->text, " "));
    bool depends = is_room_record(r->l, at) || is_room_record(r->l, first);
    return depends ? hub_used_by(r->l, r->script->node) : "";
}

/* Scripts that name what a reference could not find are the same mistake. */
static bool is_told_by_reference(struct hub_loader *l, const char *code, struct hub_str word) {
    if (strcmp(code, "L004") && strcmp(code, "L007")) return false;
    if (word.n > 2 && (word.p[0] == '"' || word.p[0] == '\'')) word = hub_str(word.p + 1, word.n - 2);
    return hub_is_unresolved(l, word);
}

void hub_script_tell(struct hub_loader *l, const struct hub_pending_script *p, const struct hub_source *src,
                     size_t from, size_t to, const char *code, const char *suggestion, const char *text) {
    struct hub_range range;
    struct hub_str all = p ? p->script->text : src->text;
    if (to <= all.n && is_told_by_reference(l, code, hub_str(all.p + from, to - from))) return;
    if (p) {
        range = hub_node_span(p->node, from, to);
        hub_complain(l, code, p->node, &range, suggestion, "%s", text);
        return;
    }
    hub_source_place(src, from, &range.line, &range.column);
    hub_source_place(src, to, &range.end_line, &range.end_column);
    if (range.end_line != range.line) range.end_line = range.line, range.end_column = range.column + 1;
    hub_diags_add(l->diags, code, src, &range, NULL, suggestion, text);
}

static bool has_enum_value(const struct hub_def_object *o, struct hub_str word) {
    for (size_t i = 0; i < o->property_n; i++)
        for (size_t k = 0; k < o->properties[i].enum_values.n; k++)
            if (hub_str_is(word, o->properties[i].enum_values.items[k])) return true;
    return false;
}

/* An unknown variable that is a value of an Enum was meant as a text. */
static const char *word_in_quotes(struct hub_loader *l, struct hub_str word) {
    for (size_t i = 0; !l->alone && i < l->service->object_n; i++)
        if (has_enum_value(&l->service->objects[i], word)) return hub_arena_fmt(l->scratch, "\"%.*s\"", HUB_FMT(word));
    return NULL;
}

static void on_problem(void *arg, const struct hub_script_problem *p) {
    struct report *r = arg;
    size_t from, to;
    const char *suggestion = p->suggestion[0] ? p->suggestion : NULL, *text = p->text;
    bytes_of(r->text, p, &from, &to);
    if (r->script)
        text = hub_arena_fmt(r->l->scratch, "%s%s", text, used_by(r, p, hub_str(r->text.p + from, to - from)));
    bool whole = to >= r->text.n || !strchr(".[(:", r->text.p[to]);
    const char *word =
        whole && !strcmp(p->code, "L003") ? word_in_quotes(r->l, hub_str(r->text.p + from, to - from)) : NULL;
    if (word) text = hub_arena_fmt(r->l->scratch, "unknown variable '%.*s'", (int)(to - from), r->text.p + from);
    hub_script_tell(r->l, r->script, r->src, from, to, p->code, word ? word : suggestion, text);
}

/* "$room" and "$source" become the names the author gave, even if they are not defined anywhere: that is
 * said elsewhere. */
static void hook_variables(struct hub_loader *l, const struct hub_pending_script *p,
                           const char *out[HUB_VARS_MAX + 2]) {
    size_t n = 0;
    for (const char *const *name = p->row->vars->names; *name; name++) {
        const char *is = *name;
        if (strcmp(is, "$room") == 0) is = text_of_node(hub_place(l, p->hub, "roomSettings.roomDataObject"));
        if (strcmp(*name, "$source") == 0) is = text_of_node(hub_place(l, p->base, "sourceObject"));
        if (is) out[n++] = is;
    }
    if (p->node->src->plugin) out[n++] = "plugin";
    out[n] = NULL;
}

static void check_style(struct hub_loader *l, const struct hub_pending_script *p) {
    const struct hub_node *n = p->node;
    if (p->script->kind != HUB_SCRIPT_LUA || n->style == HUB_STYLE_LITERAL) return;
    if (n->style == HUB_STYLE_FOLDED || n->range.end_line != n->range.line)
        hub_complain(l, "L010", n, NULL, NULL, "the line breaks of this Lua chunk are lost; write it as a | block");
}

bool hub_is_template(const struct hub_pending_script *p) {
    const struct hub_plugin_source *whose = p->node->src->plugin;
    return whose && !whose->use;
}

static bool is_merged(const struct hub_plugin *plugin) { return plugin->used && plugin->good; }

void hub_check_scripts(struct hub_loader *l) {
    const struct hub_script_checker *c = l->options->checker;
    for (size_t i = 0; i < l->script_n; i++) {
        const struct hub_pending_script *p = &l->scripts[i];
        if (hub_is_template(p) && is_merged(p->node->src->plugin->plugin)) continue; /* checked where it is used */
        check_style(l, p);
        if (!c || hub_diags_full(l->diags, p->node->src->name)) continue;
        const char *vars[HUB_VARS_MAX + 2];
        hook_variables(l, p, vars);
        struct report r = {.l = l, .script = p, .text = p->script->text};
        const struct hub_script_known *known = hub_known_to(l, p);
        c->check(c->ctx, p->script, &(struct hub_script_names){vars, known, on_problem, &r});
        hub_analyse_script(l, p, known);
    }
}

void hub_check_modules(struct hub_loader *l) {
    const struct hub_script_checker *c = l->options->checker;
    for (size_t i = 0; i < l->module_n && c && c->check_file; i++) {
        static const char *const of_plugin[] = {"plugin", NULL};
        const struct hub_source *src = l->modules[i].src;
        struct report r = {.l = l, .src = src, .text = src->text};
        const struct hub_script_known *known = hub_known_to_module(l, src);
        c->check_file(c->ctx, r.text,
                      &(struct hub_script_names){src->plugin ? of_plugin : NULL, known, on_problem, &r});
        hub_analyse_module(l, src, known);
    }
}
