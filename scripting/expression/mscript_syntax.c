/* An expression as the tree that schema/analysis reads. */
#include "schema/analysis/syntax.h"
#include "scripting/expression/mscript_int.h"

static struct hub_syntax *convert_node(struct hub_arena *arena, const struct ms_node *x);

static struct hub_syntax *convert_list(struct hub_arena *arena, const struct ms_node *x) {
    struct hub_syntax *first = NULL, **end = &first;
    for (; x; x = x->next) hub_syntax_add(&end, convert_node(arena, x));
    return first;
}

static enum hub_syntax_kind binary_kind(const char *op) {
    if (op[0] == '=' || op[0] == '!') return HUB_SYNTAX_EQUAL;
    if (op[0] == '<' || op[0] == '>') return HUB_SYNTAX_ORDER;
    return op[0] == '+' ? HUB_SYNTAX_OTHER : HUB_SYNTAX_ARITHMETIC;
}

/* `text` without substitutions. */
static bool is_plain_template(const struct ms_node *x) {
    return x->kind == MS_CONCAT && x->list && !x->list->next && x->list->kind == MS_LIT_STRING;
}

static enum hub_syntax_kind syntax_kind(const struct ms_node *x) {
    switch (x->kind) {
    case MS_LIT_NUMBER: return HUB_SYNTAX_NUMBER;
    case MS_LIT_STRING: return HUB_SYNTAX_TEXT;
    case MS_LIT_TRUE:
    case MS_LIT_FALSE: return HUB_SYNTAX_BOOLEAN;
    case MS_LIT_NULL:
    case MS_LIT_UNDEFINED: return HUB_SYNTAX_NULL;
    case MS_VAR: return HUB_SYNTAX_NAME;
    case MS_MEMBER: return HUB_SYNTAX_MEMBER;
    case MS_INDEX: return x->b->kind == MS_LIT_STRING ? HUB_SYNTAX_MEMBER : HUB_SYNTAX_INDEX;
    case MS_CALL: return HUB_SYNTAX_CALL;
    case MS_UNARY: return x->op[0] == '!' ? HUB_SYNTAX_NOT : HUB_SYNTAX_OTHER;
    case MS_BINARY: return binary_kind(x->op);
    case MS_LOGIC: return x->op[0] == '&' ? HUB_SYNTAX_AND : HUB_SYNTAX_OR;
    case MS_COND: return HUB_SYNTAX_CHOICE;
    case MS_ARRAY: return HUB_SYNTAX_LIST;
    case MS_OBJECT: return HUB_SYNTAX_OBJECT;
    case MS_ARROW: return HUB_SYNTAX_FUNCTION;
    default: return is_plain_template(x) ? HUB_SYNTAX_TEXT : HUB_SYNTAX_OTHER;
    }
}

/* "typeof a.b" asks whether there is such a member: it is none that has to be there. */
static bool asks_type(const struct ms_node *x) { return x->kind == MS_UNARY && x->op[0] == 't'; }

static void convert_parts(struct hub_arena *arena, const struct ms_node *x, struct hub_syntax *out) {
    struct hub_syntax **end = &out->list;
    if (out->kind == HUB_SYNTAX_OTHER) {
        if (x->a && !asks_type(x)) hub_syntax_add(&end, convert_node(arena, x->a));
        if (x->b) hub_syntax_add(&end, convert_node(arena, x->b));
        *end = convert_list(arena, x->list);
        return;
    }
    if (out->kind == HUB_SYNTAX_TEXT) return;
    out->a = x->a ? convert_node(arena, x->a) : NULL;
    out->b = x->b && x->kind != MS_INDEX ? convert_node(arena, x->b) : NULL;
    if (out->kind == HUB_SYNTAX_INDEX) out->b = convert_node(arena, x->b);
    out->c = x->c ? convert_node(arena, x->c) : NULL;
    out->list = convert_list(arena, x->list);
}

static struct hub_syntax *convert_node(struct hub_arena *arena, const struct ms_node *x) {
    const struct ms_node *named = x->kind == MS_INDEX && x->b->kind == MS_LIT_STRING ? x->b : x;
    struct hub_syntax *out = hub_syntax_new(arena, syntax_kind(x), named->at, named->n);
    out->text = hub_syntax_text(arena, is_plain_template(x) ? x->list->name : named->name);
    out->key = x->key.p ? hub_syntax_text(arena, x->key) : x->key;
    out->key_at = x->key_at;
    out->key_n = x->key_n;
    out->truth = x->kind == MS_LIT_TRUE;
    out->number = x->integer ? (double)x->i : x->d;
    if (out->kind == HUB_SYNTAX_EQUAL) {
        out->negated = x->op[0] == '!';
        out->exact = strlen(x->op) == 3;
    }
    convert_parts(arena, x, out);
    return out;
}

struct hub_syntax *ms_syntax(struct hub_str text, struct hub_arena *arena) {
    struct ms_parse p;
    bool good = ms_parse(&p, text);
    struct hub_syntax *x = good ? convert_node(arena, p.root) : NULL;
    ms_free(&p);
    return x;
}
