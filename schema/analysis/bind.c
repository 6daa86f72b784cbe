/* What the names of a script stand for, found before anything else is looked at: by name alone, wherever
 * they are declared, so that a name which is declared twice is one of which nothing is known. */
#include "base/memory/mem.h"
#include "schema/analysis/analysis_int.h"

enum { FUNCTIONS_MAX = 2000 }; /* of a script whose extent is looked for */

static void mark_name(struct hub_map *map, struct hub_str name) {
    static const char mark[] = "";
    hub_map_put(map, name, (void *)(uintptr_t)mark); /* the map does not touch it */
}

static void add_alias(struct hub_analysis *a, struct hub_str name, const struct hub_syntax *value) {
    if (!value) return;
    struct hub_alias *alias = hub_arena_zalloc(a->l->scratch, sizeof *alias);
    *alias = (struct hub_alias){.name = name, .value = value, .next = a->aliases};
    a->aliases = alias;
}

static void bind_name(struct hub_analysis *a, const struct hub_syntax *name, const struct hub_syntax *value,
                      bool element) {
    struct hub_binding *b = hub_map_get(&a->bindings, name->text);
    if (!b) {
        b = hub_arena_zalloc(a->l->scratch, sizeof *b);
        hub_map_put(&a->bindings, name->text, b);
    }
    b->n++;
    b->value = value;
    b->element = element;
    add_alias(a, name->text, value);
}

const struct hub_binding *hub_analysis_binding(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_binding *b = hub_map_get(&a->bindings, x->text);
    bool outside = b && b->n == 1 && b->to && (x->at < b->from || x->at > b->to);
    return outside ? NULL : b;
}

bool hub_analysis_declares(const struct hub_analysis *a, struct hub_str name) {
    return hub_map_get(&a->bindings, name) != NULL;
}

static bool add_path(const struct hub_syntax *x, struct hub_buf *out) {
    if (x->kind == HUB_SYNTAX_MEMBER) {
        if (!add_path(x->a, out)) return false;
        hub_buf_addc(out, '.');
    } else if (x->kind != HUB_SYNTAX_NAME) {
        return false;
    }
    hub_buf_adds(out, x->text);
    return true;
}

struct hub_str hub_analysis_path(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_buf path = {0};
    struct hub_str s = hub_str("", 0);
    if (add_path(x, &path)) s = hub_str(hub_arena_dup(a->l->scratch, hub_buf_str(&path)), path.n);
    hub_buf_free(&path);
    return s;
}

bool hub_analysis_goes_elsewhere(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_str path = hub_analysis_path(a, x);
    for (size_t n = 1; n <= path.n; n++)
        if ((n == path.n || path.p[n] == '.') && hub_map_get(&a->whole, hub_str(path.p, n))) return true;
    return false;
}

size_t hub_analysis_start(const struct hub_syntax *x) {
    while (x->a && (x->kind == HUB_SYNTAX_MEMBER || x->kind == HUB_SYNTAX_INDEX || x->kind == HUB_SYNTAX_CALL))
        x = x->a;
    return x->at;
}

/* ---- declarations ---- */

/* X, or what it is a part of, as far as it has a name. */
static void mark_whole(struct hub_analysis *a, const struct hub_syntax *x) {
    for (; x; x = x->kind == HUB_SYNTAX_MEMBER || x->kind == HUB_SYNTAX_INDEX ? x->a : NULL) {
        struct hub_str path = hub_analysis_path(a, x);
        if (path.n) {
            mark_name(&a->whole, path);
            return;
        }
    }
}

/* Whatever X may be, or has in it. */
static void mark_value(struct hub_analysis *a, const struct hub_syntax *x) {
    if (!x) return;
    switch (x->kind) {
    case HUB_SYNTAX_OBJECT:
    case HUB_SYNTAX_LIST:
        for (const struct hub_syntax *e = x->list; e; e = e->next) mark_value(a, e);
        break;
    case HUB_SYNTAX_CHOICE:
    case HUB_SYNTAX_AND:
    case HUB_SYNTAX_OR:
        mark_value(a, x->a);
        mark_value(a, x->b);
        mark_value(a, x->c);
        break;
    default: mark_whole(a, x);
    }
}

static void mark_outermost(struct hub_analysis *a) {
    for (const struct hub_syntax *s = a->lua && !a->lib ? a->root->list : NULL; s; s = s->next) {
        for (const struct hub_syntax *t = s->kind == HUB_SYNTAX_LOCAL ? s->a->list : NULL; t; t = t->next) {
            struct hub_binding *b = hub_map_get(&a->bindings, t->text);
            if (b) b->outermost = true;
        }
    }
}

/* What goes elsewhere under another name. From the last one: names of names come before what they name. */
static void mark_aliases(struct hub_analysis *a) {
    for (const struct hub_alias *alias = a->aliases; alias; alias = alias->next)
        if (hub_map_get(&a->whole, alias->name)) mark_value(a, alias->value);
}

/* a.b[c] = value: A may be VALUE in part. */
static void bind_part(struct hub_analysis *a, const struct hub_syntax *target, const struct hub_syntax *value) {
    if (target->kind == HUB_SYNTAX_MEMBER) mark_name(&a->assigned, target->text);
    if (target->kind == HUB_SYNTAX_INDEX) mark_whole(a, target->a);
    while (target->kind == HUB_SYNTAX_MEMBER || target->kind == HUB_SYNTAX_INDEX) target = target->a;
    if (target->kind == HUB_SYNTAX_NAME) add_alias(a, target->text, value);
}

/* Of several values only those in front of a call belong to one name each. */
static void bind_targets(struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *value = x->b->list;
    for (const struct hub_syntax *t = x->a->list; t; t = t->next) {
        bool sure = value && (t == x->a->list || value->kind != HUB_SYNTAX_CALL || value->next);
        if (t->kind == HUB_SYNTAX_NAME)
            bind_name(a, t, sure ? value : NULL, false);
        else
            bind_part(a, t, value);
        value = value ? value->next : NULL;
    }
}

/* for i, v in ipairs(list): only V is known. */
static void bind_each(struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *call = x->b->list, *list = NULL;
    bool walks = !x->negated && call && call->kind == HUB_SYNTAX_CALL && call->a->kind == HUB_SYNTAX_NAME &&
                 hub_str_among(call->a->text, "ipairs pairs");
    if (walks) list = call->list;
    for (const struct hub_syntax *t = x->a->list; t; t = t->next)
        bind_name(a, t, t == x->a->list ? NULL : list, list != NULL);
}

/* The last place of X and what is in it. */
static size_t last_place(const struct hub_syntax *x) {
    size_t last = x->at + x->n;
    const struct hub_syntax *parts[] = {x->a, x->b, x->c};
    for (size_t i = 0; i < HUB_NELEM(parts); i++) {
        size_t at = parts[i] ? last_place(parts[i]) : 0;
        if (at > last) last = at;
    }
    for (const struct hub_syntax *e = x->list; e; e = e->next) {
        size_t at = last_place(e);
        if (at > last) last = at;
    }
    return last;
}

/* A function in another one is looked through for each of them, to a bound: beyond that a parameter's name is
 * one of the whole script. */
static void bind_parameters(struct hub_analysis *a, const struct hub_syntax *f, const struct hub_syntax *list) {
    size_t to = f->list && a->functions++ < FUNCTIONS_MAX ? last_place(f) : 0;
    for (const struct hub_syntax *t = f->list; t; t = t->next) {
        bind_name(a, t, t == f->list ? list : NULL, list != NULL);
        struct hub_binding *b = hub_map_get(&a->bindings, t->text);
        b->from = f->list->at;
        b->to = to;
    }
}

static void bind_node(struct hub_analysis *a, const struct hub_syntax *x, const struct hub_syntax *list);

static void bind_all(struct hub_analysis *a, const struct hub_syntax *x) {
    for (; x; x = x->next) bind_node(a, x, NULL);
}

/* ---- what goes elsewhere ---- */

/* Functions that look at what they are given, and leave it as it is. */
static bool only_reads(const struct hub_syntax *f) {
    static const char own[] =
        "tostring tonumber type ipairs pairs next select rawequal rawget rawlen print assert error "
        "String Number Boolean";
    if (f->kind == HUB_SYNTAX_NAME) return hub_str_among(f->text, own) || hub_global_function(f->text);
    if (f->kind != HUB_SYNTAX_MEMBER || f->a->kind != HUB_SYNTAX_NAME) return false;
    if (hub_str_among(f->text, "insert assign")) return false;
    return hub_function_table(f->a->text) || hub_str_among(f->a->text, "JSON Object Math Array Date");
}

static void mark_arguments(struct hub_analysis *a, const struct hub_syntax *call) {
    if (only_reads(call->a)) return;
    for (const struct hub_syntax *e = call->list; e; e = e->next) mark_value(a, e);
}

/* list.filter(x => …): X is an element. */
static const struct hub_syntax *walked_list(const struct hub_syntax *call) {
    bool walks = call->a->kind == HUB_SYNTAX_MEMBER && hub_str_among(call->a->text, "some every filter map find");
    return walks ? call->a->a : NULL;
}

static void bind_call(struct hub_analysis *a, const struct hub_syntax *x) {
    mark_arguments(a, x);
    const struct hub_syntax *list = a->lua ? NULL : walked_list(x);
    bind_node(a, x->a, NULL);
    for (const struct hub_syntax *e = x->list; e; e = e->next) bind_node(a, e, list);
}

/* LIST: what a function that is X itself is called with the elements of; NULL: unknown. */
static void bind_node(struct hub_analysis *a, const struct hub_syntax *x, const struct hub_syntax *list) {
    if (!x) return;
    switch (x->kind) {
    case HUB_SYNTAX_CALL: bind_call(a, x); return;
    case HUB_SYNTAX_LOCAL:
    case HUB_SYNTAX_ASSIGN: bind_targets(a, x); break;
    case HUB_SYNTAX_EACH: bind_each(a, x); break;
    case HUB_SYNTAX_FUNCTION: bind_parameters(a, x, list); break;
    default: break;
    }
    bind_node(a, x->a, NULL);
    bind_node(a, x->b, NULL);
    bind_node(a, x->c, NULL);
    bind_all(a, x->list);
}

void hub_analysis_bind(struct hub_analysis *a) {
    bind_node(a, a->root, NULL);
    mark_outermost(a);
    mark_aliases(a);
}

void hub_analysis_unbind(struct hub_analysis *a) {
    hub_map_clear(&a->bindings);
    hub_map_clear(&a->assigned);
    hub_map_clear(&a->whole);
}
