/* Expressions without Lua: a small tree in one block, walked over JSON. */
#include "scripting/expression/direct.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory/mem.h"

enum { NODES_MAX = 100, ELEMENTS_MAX = 1000 };
static const int64_t EXACT_MAX = (int64_t)1 << 53; /* whole numbers up to here are the same as reals */

enum kind { NOTHING, NIL, BOOLEAN, WHOLE, REAL, TEXT, TREE }; /* undefined, null, …, an object or an array */

struct value {
    enum kind kind;
    union {
        bool truth;
        int64_t whole;
        double real;
        struct hub_str text;
        const json_t *tree;
    };
};

enum op { CONSTANT, VARIABLE, MEMBER, NOT, SAME, EQUAL, LESS, LESS_EQUAL, AND, OR, ELSE, CHOICE, LIST, INCLUDES };

struct direct_node {
    enum op op;
    bool negated;       /* of SAME and EQUAL */
    uint16_t a, b, c;   /* operands; LIST: the first element, and how many follow each other */
    struct value value; /* CONSTANT */
    const char *name;   /* VARIABLE, MEMBER: ends with 0, N long */
    size_t n;
};

struct hub_direct {
    size_t node_n, text_n;
    uint16_t root;
    char *text; /* what names and constants point to */
    struct direct_node nodes[];
};

/* ---- from the parser's tree ---- */

static bool build_node(struct hub_direct *d, const struct ms_node *x, uint16_t *at);

/* How much room TREE needs at the most; false: too much, or something in it needs Lua. */
static bool measure_tree(const struct ms_node *x, size_t *nodes, size_t *text) {
    if (!x) return true;
    if (++*nodes > NODES_MAX) return false;
    *text += x->name.n + 1;
    for (const struct ms_node *v = x->list; v; v = v->next)
        if (!measure_tree(v, nodes, text)) return false;
    return measure_tree(x->a, nodes, text) && measure_tree(x->b, nodes, text) && measure_tree(x->c, nodes, text);
}

static const char *keep_text(struct hub_direct *d, struct hub_str s) {
    char *at = d->text + d->text_n;
    if (s.n) memcpy(at, s.p, s.n);
    at[s.n] = 0;
    d->text_n += s.n + 1;
    return at;
}

static struct direct_node *add_node(struct hub_direct *d, enum op op, uint16_t *at) {
    *at = (uint16_t)d->node_n++;
    struct direct_node *node = &d->nodes[*at];
    *node = (struct direct_node){.op = op};
    return node;
}

static bool constant_of(struct hub_direct *d, const struct ms_node *x, struct value *out) {
    switch (x->kind) {
    case MS_LIT_NUMBER:
        *out = x->integer ? (struct value){.kind = WHOLE, .whole = x->i} : (struct value){.kind = REAL, .real = x->d};
        return x->integer || fabs(x->d) < (double)EXACT_MAX; /* larger whole ones become integers in Lua */
    case MS_LIT_STRING:
        *out = (struct value){.kind = TEXT, .text = hub_str(keep_text(d, x->name), x->name.n)};
        return true;
    case MS_LIT_TRUE:
    case MS_LIT_FALSE: *out = (struct value){.kind = BOOLEAN, .truth = x->kind == MS_LIT_TRUE}; return true;
    case MS_LIT_NULL: out->kind = NIL; return true;
    case MS_LIT_UNDEFINED: out->kind = NOTHING; return true;
    default: return false;
    }
}

static bool build_constant(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    struct value v;
    if (!constant_of(d, x, &v)) return false;
    add_node(d, CONSTANT, at)->value = v;
    return true;
}

static bool build_named(struct hub_direct *d, enum op op, const struct ms_node *x, uint16_t *at) {
    uint16_t of = 0;
    if (x->a && !build_node(d, x->a, &of)) return false;
    struct direct_node *node = add_node(d, op, at);
    node->a = of;
    node->name = keep_text(d, x->name);
    node->n = x->name.n;
    return !memchr(node->name, 0, node->n);
}

static bool build_two(struct hub_direct *d, enum op op, const struct ms_node *x, const struct ms_node *y,
                      uint16_t *at) {
    uint16_t left, right;
    if (!build_node(d, x, &left) || !build_node(d, y, &right)) return false;
    struct direct_node *node = add_node(d, op, at);
    node->a = left, node->b = right;
    return true;
}

static bool build_binary(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    static const struct {
        const char *op;
        enum op as;
        bool negated, swapped;
    } ops[] = {{"===", SAME, false, false},      {"!==", SAME, true, false},     {"==", EQUAL, false, false},
               {"!=", EQUAL, true, false},       {"<", LESS, false, false},      {">", LESS, false, true},
               {"<=", LESS_EQUAL, false, false}, {">=", LESS_EQUAL, false, true}};
    for (size_t i = 0; i < HUB_NELEM(ops); i++) {
        if (strcmp(x->op, ops[i].op) != 0) continue;
        bool swapped = ops[i].swapped;
        if (!build_two(d, ops[i].as, swapped ? x->b : x->a, swapped ? x->a : x->b, at)) return false;
        d->nodes[*at].negated = ops[i].negated;
        return true;
    }
    return false;
}

static bool build_logic(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    return build_two(d, x->op[0] == '&' ? AND : x->op[0] == '|' ? OR : ELSE, x->a, x->b, at);
}

static bool build_choice(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    uint16_t otherwise;
    if (!build_node(d, x->c, &otherwise) || !build_two(d, CHOICE, x->a, x->b, at)) return false;
    d->nodes[*at].c = otherwise;
    return true;
}

/* !x, and -1. */
static bool build_unary(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    uint16_t of;
    if (x->op[0] == '!') {
        if (!build_node(d, x->a, &of)) return false;
        add_node(d, NOT, at)->a = of;
        return true;
    }
    if (x->op[0] != '-' || x->a->kind != MS_LIT_NUMBER || !x->a->integer || !x->a->i) return false;
    add_node(d, CONSTANT, at)->value = (struct value){.kind = WHOLE, .whole = -x->a->i};
    return true;
}

/* Of literals only. */
static bool build_list(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    uint16_t first = (uint16_t)d->node_n, n = 0, element;
    for (const struct ms_node *v = x->list; v; v = v->next, n++)
        if (!build_constant(d, v, &element)) return false;
    struct direct_node *node = add_node(d, LIST, at);
    node->a = first, node->b = n;
    return true;
}

static bool build_call(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    const struct ms_node *of = x->a;
    bool one = x->list && !x->list->next;
    if (of->kind != MS_MEMBER || !hub_str_is(of->name, "includes") || !one) return false;
    return build_two(d, INCLUDES, of->a, x->list, at);
}

static bool build_node(struct hub_direct *d, const struct ms_node *x, uint16_t *at) {
    switch (x->kind) {
    case MS_VAR: return build_named(d, VARIABLE, x, at);
    case MS_MEMBER: return build_named(d, MEMBER, x, at);
    case MS_UNARY: return build_unary(d, x, at);
    case MS_BINARY: return build_binary(d, x, at);
    case MS_LOGIC: return build_logic(d, x, at);
    case MS_COND: return build_choice(d, x, at);
    case MS_ARRAY: return build_list(d, x, at);
    case MS_CALL: return build_call(d, x, at);
    default: return build_constant(d, x, at);
    }
}

struct hub_direct *hub_direct_new(const struct ms_node *root) {
    size_t nodes = 0, text = 0;
    if (!measure_tree(root, &nodes, &text)) return NULL;
    struct hub_direct *d = hub_xcalloc(1, sizeof *d + nodes * sizeof d->nodes[0] + text);
    d->text = (char *)&d->nodes[nodes];
    if (build_node(d, root, &d->root)) return d;
    free(d);
    return NULL;
}

void hub_direct_free(struct hub_direct *d) { free(d); }

/* ---- its value ---- */

struct evaluation {
    const struct hub_direct *d;
    const struct hub_hook_arg *args;
    size_t arg_n;
};

static HUB_MUST bool value_at(const struct evaluation *r, uint16_t at, struct value *out);

static struct value value_of(const json_t *json) {
    if (!json) return (struct value){.kind = NIL};
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE: return (struct value){.kind = BOOLEAN, .truth = json_is_true(json)};
    case JSON_INTEGER: return (struct value){.kind = WHOLE, .whole = json_integer_value(json)};
    case JSON_REAL: return (struct value){.kind = REAL, .real = json_real_value(json)};
    case JSON_STRING: return (struct value){.kind = TEXT, .text = hub_json_str(json)};
    case JSON_NULL: return (struct value){.kind = NIL};
    default: return (struct value){.kind = TREE, .tree = json};
    }
}

static bool is_true(const struct value *v) {
    switch (v->kind) {
    case NOTHING:
    case NIL: return false;
    case BOOLEAN: return v->truth;
    case WHOLE: return v->whole != 0;
    case REAL: return v->real != 0; /* JSON and literals have no NaN */
    case TEXT: return v->text.n > 0;
    case TREE: break;
    }
    return true;
}

/* What else has this name, functions of the engine for one, is Lua's to say. Of two the last one counts. */
static HUB_MUST bool variable_value(const struct evaluation *r, const struct direct_node *node, struct value *out) {
    for (size_t i = r->arg_n; i--;) {
        if (strcmp(r->args[i].name, node->name) != 0) continue;
        *out = value_of(r->args[i].value);
        return true;
    }
    return false;
}

/* Texts and arrays have elements and a length; an object that is empty may be an array to Lua. */
static HUB_MUST bool member_value(const struct evaluation *r, const struct direct_node *node, struct value *out) {
    struct value of;
    if (!value_at(r, node->a, &of)) return false;
    *out = (struct value){.kind = NOTHING};
    if (of.kind != TREE) return of.kind != TEXT;
    if (!json_is_object(of.tree) || strcmp(node->name, "length") == 0) return false;
    const json_t *member = hub_json_get(of.tree, node->name);
    if (member) *out = value_of(member);
    return true;
}

static bool is_number(const struct value *v) { return v->kind == WHOLE || v->kind == REAL; }
static double number_of(const struct value *v) { return v->kind == WHOLE ? (double)v->whole : v->real; }
/* The same as a whole number and as a real. */
static bool is_small(const struct value *v) {
    return v->kind != WHOLE || (v->whole > -EXACT_MAX && v->whole < EXACT_MAX);
}
static bool is_nothing(const struct value *v) { return v->kind == NOTHING || v->kind == NIL; }

static HUB_MUST bool same_numbers(const struct value *a, const struct value *b, bool *same) {
    if (a->kind == b->kind) {
        *same = a->kind == WHOLE ? a->whole == b->whole : a->real == b->real;
        return true;
    }
    *same = number_of(a) == number_of(b);
    return is_small(a) && is_small(b);
}

/* === */
static HUB_MUST bool are_same(const struct value *a, const struct value *b, bool *same) {
    *same = false;
    if (is_number(a) && is_number(b)) return same_numbers(a, b, same);
    if (a->kind != b->kind) return true;
    if (a->kind == TREE) return false; /* whether it is one object or two alike */
    *same = a->kind == BOOLEAN ? a->truth == b->truth : a->kind != TEXT || hub_str_eq(a->text, b->text);
    return true;
}

/* == of different types is Lua's, but for null and undefined. */
static HUB_MUST bool are_equal(const struct value *a, const struct value *b, bool *equal) {
    *equal = is_nothing(a) && is_nothing(b);
    if (is_nothing(a) || is_nothing(b)) return true;
    if (a->kind != b->kind && !(is_number(a) && is_number(b))) return false;
    return are_same(a, b, equal);
}

static int compare_texts(struct hub_str a, struct hub_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* Of two texts or two numbers. */
static HUB_MUST bool compare_values(const struct value *a, const struct value *b, int *order) {
    if (a->kind == TEXT && b->kind == TEXT) {
        *order = compare_texts(a->text, b->text);
    } else if (a->kind == WHOLE && b->kind == WHOLE) {
        *order = (a->whole > b->whole) - (a->whole < b->whole);
    } else if (is_number(a) && is_number(b)) {
        double x = number_of(a), y = number_of(b);
        *order = (x > y) - (x < y);
        return is_small(a) && is_small(b); /* to Lua a literal such as 1e16 is an integer */
    } else {
        return false;
    }
    return true;
}

static HUB_MUST bool comparison_value(const struct evaluation *r, const struct direct_node *node, struct value *out) {
    struct value a, b;
    int order = 0;
    bool holds = false, known = value_at(r, node->a, &a) && value_at(r, node->b, &b);
    if (!known) return false;
    switch (node->op) {
    case SAME: known = are_same(&a, &b, &holds); break;
    case EQUAL: known = are_equal(&a, &b, &holds); break;
    default: known = compare_values(&a, &b, &order); holds = node->op == LESS ? order < 0 : order <= 0;
    }
    *out = (struct value){.kind = BOOLEAN, .truth = holds != node->negated};
    return known;
}

static HUB_MUST bool logic_value(const struct evaluation *r, const struct direct_node *node, struct value *out) {
    if (!value_at(r, node->a, out)) return false;
    bool goes_on = node->op == AND ? is_true(out) : node->op == OR ? !is_true(out) : is_nothing(out);
    return !goes_on || value_at(r, node->b, out);
}

/* Element I of what LIST, an array or literals, has; false: no more. */
static bool element_of(const struct evaluation *r, const struct direct_node *list, const struct value *of, size_t i,
                       struct value *out) {
    if (list->op == LIST) {
        if (i < list->b) *out = r->d->nodes[list->a + i].value;
        return i < list->b;
    }
    if (i >= json_array_size(of->tree)) return false;
    *out = value_of(json_array_get(of->tree, i));
    return true;
}

static HUB_MUST bool includes_value(const struct evaluation *r, const struct direct_node *node, struct value *out) {
    const struct direct_node *list = &r->d->nodes[node->a];
    struct value of = {.kind = TREE}, wanted, element;
    bool same = false;
    if (list->op != LIST && (!value_at(r, node->a, &of) || of.kind != TREE || !json_is_array(of.tree))) return false;
    if (!value_at(r, node->b, &wanted)) return false;
    for (size_t i = 0; !same && element_of(r, list, &of, i, &element); i++)
        if (i == ELEMENTS_MAX || !are_same(&element, &wanted, &same)) return false;
    *out = (struct value){.kind = BOOLEAN, .truth = same};
    return true;
}

static bool value_at(const struct evaluation *r, uint16_t at, struct value *out) {
    const struct direct_node *node = &r->d->nodes[at];
    switch (node->op) {
    case CONSTANT: *out = node->value; return true;
    case VARIABLE: return variable_value(r, node, out);
    case MEMBER: return member_value(r, node, out);
    case NOT:
        if (!value_at(r, node->a, out)) return false;
        *out = (struct value){.kind = BOOLEAN, .truth = !is_true(out)};
        return true;
    case SAME:
    case EQUAL:
    case LESS:
    case LESS_EQUAL: return comparison_value(r, node, out);
    case AND:
    case OR:
    case ELSE: return logic_value(r, node, out);
    case CHOICE: return value_at(r, node->a, out) && value_at(r, is_true(out) ? node->b : node->c, out);
    case INCLUDES: return includes_value(r, node, out);
    case LIST: break; /* as a value, it is a new one each time */
    }
    return false;
}

/* ---- out ---- */

/* Whole ones are integers, as all that comes from Lua. */
static HUB_MUST json_t *new_real(double d) {
    return d == floor(d) && fabs(d) <= (double)EXACT_MAX ? json_integer((json_int_t)d) : json_real(d);
}

static HUB_MUST json_t *new_json(const struct value *v) {
    switch (v->kind) {
    case BOOLEAN: return json_boolean(v->truth);
    case WHOLE: return json_integer(v->whole);
    case REAL: return new_real(v->real);
    case TEXT: return hub_json_string(v->text);
    case NIL: return json_null();
    default: return NULL;
    }
}

static void write_told(const struct value *v, struct hub_buf *text) {
    switch (v->kind) {
    case NOTHING:
    case NIL: hub_buf_addz(text, "null"); break;
    case BOOLEAN: hub_buf_addz(text, v->truth ? "true" : "false"); break;
    case WHOLE: hub_buf_addi(text, v->whole); break;
    case REAL: hub_json_add_real(text, v->real); break;
    case TEXT: hub_json_add_utf8(text, v->text); break;
    case TREE: hub_json_add(text, v->tree); break;
    }
}

bool hub_direct_value(const struct hub_direct *d, const struct hub_hook_arg *args, size_t n, struct hub_buf *text,
                      json_t **result) {
    const struct evaluation r = {.d = d, .args = args, .arg_n = n};
    struct value v;
    *result = NULL;
    if (!value_at(&r, d->root, &v) || (v.kind == TREE && !text)) return false;
    if (text)
        write_told(&v, text);
    else
        *result = new_json(&v);
    return true;
}
