/* Grammar of MScript: precedence climbing over JavaScript's operators. Whatever JavaScript has and MScript
 * has not is recognised and named. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "scripting/expression/mscript_int.h"

/* ---- arena ---- */

struct ms_chunk {
    struct ms_chunk *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

void *ms_alloc(struct ms_parse *p, size_t n) {
    n = (n + 15) & ~(size_t)15;
    if (!p->chunks || p->chunks->size - p->chunks->used < n) {
        size_t size = n > 8000 ? n : 8000;
        struct ms_chunk *c = hub_xcalloc(1, sizeof *c + size);
        c->size = size;
        c->next = p->chunks;
        p->chunks = c;
    }
    void *at = p->chunks->bytes + p->chunks->used;
    p->chunks->used += n;
    return at;
}

void ms_free(struct ms_parse *p) {
    while (p->chunks) {
        struct ms_chunk *c = p->chunks;
        p->chunks = c->next;
        free(c);
    }
}

/* ---- nodes ---- */

static HUB_MUST struct ms_node *new_node(struct ms_parse *p, enum ms_kind kind, size_t at, size_t n) {
    struct ms_node *x = ms_alloc(p, sizeof *x);
    x->kind = kind;
    x->at = at;
    x->n = n;
    x->line = ms_line(p->text, at);
    x->height = 1;
    return x;
}

/* Takes CHILD into account: how deep the tree is, whether it needs statements. */
static void adopt_node(struct ms_parse *p, struct ms_node *x, const struct ms_node *child) {
    if (child->height >= x->height) x->height = child->height + 1;
    if (child->statements) x->statements = true;
    if (x->height > MS_HEIGHT_MAX)
        ms_fail(p, "L001", x->at, x->n, "the expression is too long: more than %d chained operators", MS_HEIGHT_MAX);
}

static struct ms_node *parse_expression(struct ms_parse *p);

static bool is_op(const struct ms_parse *p, const char *op) {
    return p->token.kind == MS_OP && hub_str_is(p->token.op, op);
}
static bool is_word(const struct ms_parse *p, const char *word) {
    return p->token.kind == MS_NAME && hub_str_is(p->token.op, word);
}

/* What expressions have for a word or sign of elsewhere. */
static const struct {
    const char *names, *say;
} instead[] = {
    {"if else then", "write condition ? a : b"},
    {"return", "leave return out: an expression is its value"},
    {"var let const local function for while do switch try throw await async", "a chunk of Lua can: {lua: …}"},
    {"in", "write list.includes(x)"},
    {"is", "write =="},
    {"equals eq", "write =="},
    {"= :=", "a comparison is written =="},
    {"& &=", "write &&"},
    {"| |=", "write ||"},
    {"#", "write x.length"},
    {"--", "a comment begins with //"},
    {"contains has include indexof exists find_one matches", "write includes"},
    {"lower lowercase toLower to_lower downcase", "write toLowerCase()"},
    {"upper uppercase toUpper to_upper upcase", "write toUpperCase()"},
    {"len length size count getLength strlen", "write x.length"},
    {"strip", "write trim()"},
    {"startswith starts_with beginsWith", "write startsWith"},
    {"endswith ends_with", "write endsWith"},
    {"isEmpty empty isempty", "write x.length == 0"},
    {"now", "write Date.now()"},
    {"int parseInt parseFloat float tonumber", "write Number(x)"},
    {"str tostring toString", "write String(x)"},
    {"bool", "write Boolean(x)"},
};

static const char *hint_for(struct hub_str name) {
    for (size_t i = 0; i < HUB_NELEM(instead); i++)
        if (hub_str_among(name, instead[i].names)) return instead[i].say;
    return NULL;
}

static const char *colon_and(const char *hint) { return hint ? ": " : ""; }
static const char *text_of(const char *hint) { return hint ? hint : ""; }

_Noreturn static void unsupported(struct ms_parse *p, const char *what) {
    const char *hint = hint_for(hub_str(p->text.p + p->token.at, p->token.n));
    ms_fail(p, "L002", p->token.at, p->token.n, "%s not supported in expressions%s%s", what, colon_and(hint),
            text_of(hint));
}

/* The last bracket that nobody closes; text.n: none. */
static size_t open_bracket(struct hub_str t) {
    size_t open[64], n = 0;
    char quote = 0;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (quote && c == '\\')
            i++;
        else if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'' || c == '`')
            quote = c;
        else if (strchr("([{", c) && n < HUB_NELEM(open))
            open[n++] = i;
        else if (strchr(")]}", c) && n)
            n--;
    }
    return n ? open[n - 1] : t.n;
}

_Noreturn static void unexpected(struct ms_parse *p, const char *wanted) {
    size_t bracket = open_bracket(p->text);
    if (p->token.kind == MS_END && bracket < p->text.n && strchr("')' ']' '}'", wanted[1]) && wanted[0] == '\'')
        ms_fail(p, "L001", bracket, 1, "the bracket that opens here is not closed");
    if (p->token.kind == MS_END) ms_fail(p, "L001", p->token.at, 0, "the expression ends where %s is expected", wanted);
    struct hub_str token = hub_str(p->text.p + p->token.at, p->token.n);
    const char *hint = hint_for(token);
    ms_fail(p, "L001", p->token.at, p->token.n, "unexpected '%.*s' where %s is expected%s%s", HUB_CUT(token, 40),
            wanted, colon_and(hint), text_of(hint));
}

static void expect_op(struct ms_parse *p, const char *op, const char *wanted) {
    if (!is_op(p, op)) unexpected(p, wanted);
    ms_next(p);
}

static void enter_level(struct ms_parse *p) {
    if (++p->depth > MS_DEPTH_MAX)
        ms_fail(p, "L001", p->token.at, p->token.n, "nested deeper than %d levels", MS_DEPTH_MAX);
}

/* ---- what JavaScript has and MScript has not ---- */

static const struct {
    const char *word, *what;
} no_operand[] = {
    {"function", "functions ('function') are"},
    {"async", "'async' is"},
    {"await", "'await' is"},
    {"yield", "'yield' is"},
    {"class", "classes ('class') are"},
    {"this", "'this' is"},
    {"super", "'super' is"},
    {"import", "'import' is"},
    {"export", "'export' is"},
    {"delete", "'delete' is"},
    {"void", "'void' is"},
    {"var", "declarations ('var') are"},
    {"let", "declarations ('let') are"},
    {"const", "declarations ('const') are"},
    {"local", "declarations ('local') are"},
    {"if", "statements ('if') are"},
    {"else", "statements ('else') are"},
    {"for", "statements ('for') are"},
    {"while", "statements ('while') are"},
    {"do", "statements ('do') are"},
    {"return", "statements ('return') are"},
    {"throw", "statements ('throw') are"},
    {"try", "statements ('try') are"},
    {"switch", "statements ('switch') are"},
    {"break", "statements ('break') are"},
    {"continue", "statements ('continue') are"},
    {"debugger", "statements ('debugger') are"},
    {"with", "statements ('with') are"},
    {"case", "statements ('case') are"},
};

static const struct {
    const char *op, *what;
} no_operator[] = {
    {"=", "assignment ('=') is"},
    {"+=", "assignment ('+=') is"},
    {"-=", "assignment ('-=') is"},
    {"*=", "assignment ('*=') is"},
    {"/=", "assignment ('/=') is"},
    {"%=", "assignment ('%=') is"},
    {"**=", "assignment ('**=') is"},
    {"&=", "assignment ('&=') is"},
    {"|=", "assignment ('|=') is"},
    {"^=", "assignment ('^=') is"},
    {"<<=", "assignment ('<<=') is"},
    {">>=", "assignment ('>>=') is"},
    {">>>=", "assignment ('>>>=') is"},
    {"&&=", "assignment ('&&=') is"},
    {"||=", "assignment ('||=') is"},
    {"\?\?=", "assignment ('\?\?=') is"},
    {"++", "'++' is"},
    {"--", "'--' is"},
    {"**", "the operator '**' is"},
    {"&", "the operator '&' is"},
    {"|", "the operator '|' is"},
    {"^", "the operator '^' is"},
    {"~", "the operator '~' is"},
    {"<<", "the operator '<<' is"},
    {">>", "the operator '>>' is"},
    {">>>", "the operator '>>>' is"},
    {"...", "spread ('...') is"},
    {";", "statements (';') are"},
    {",", "the comma operator is"},
    {"=>", "arrow functions outside of a call's arguments are"},
    {"#", "the operator '#' is"},
    {"@", "'@' is"},
    {"::", "'::' is"},
};

static void refuse_operator(struct ms_parse *p) {
    if (p->token.kind == MS_TEMPLATE) unsupported(p, "tagged templates are");
    if (is_word(p, "in") || is_word(p, "instanceof")) {
        char what[40];
        snprintf(what, sizeof what, "the operator '%.*s' is", HUB_FMT(p->token.op));
        unsupported(p, what);
    }
    if (p->token.kind != MS_OP) return;
    for (size_t i = 0; i < HUB_NELEM(no_operator); i++) {
        if (hub_str_is(p->token.op, no_operator[i].op)) unsupported(p, no_operator[i].what);
    }
}

/* The token cannot begin an operand: say what it is. */
_Noreturn static void refuse_operand(struct ms_parse *p) {
    if (is_op(p, "/") || is_op(p, "/=")) unsupported(p, "regular expression literals are");
    for (size_t i = 0; i < HUB_NELEM(no_operand); i++) {
        if (is_word(p, no_operand[i].word)) unsupported(p, no_operand[i].what);
    }
    if (!is_op(p, ",")) refuse_operator(p);
    unexpected(p, "a value");
}

/* ---- literals ---- */

static struct ms_node *parse_array(struct ms_parse *p) {
    struct ms_node *x = new_node(p, MS_ARRAY, p->token.at, p->token.n), **end = &x->list;
    ms_next(p);
    while (!is_op(p, "]")) {
        if (is_op(p, ",")) unsupported(p, "array literals with holes are");
        *end = parse_expression(p);
        adopt_node(p, x, *end);
        end = &(*end)->next;
        if (is_op(p, "]")) break;
        expect_op(p, ",", "',' or ']'");
    }
    ms_next(p);
    return x;
}

static struct ms_node *parse_property(struct ms_parse *p) {
    struct ms_token key = p->token;
    if (is_op(p, "[")) unsupported(p, "computed property names are");
    if (is_op(p, "...")) unsupported(p, "spread ('...') is");
    if (key.kind != MS_NAME && key.kind != MS_STRING && !(key.kind == MS_NUMBER && key.integer))
        unexpected(p, "a property name");
    ms_next(p);
    struct hub_str name = key.kind == MS_STRING ? key.value : hub_str(p->text.p + key.at, key.n);
    if (is_op(p, "(")) unsupported(p, "methods in object literals are");
    if (p->token.kind == MS_NAME && (hub_str_is(name, "get") || hub_str_is(name, "set") || hub_str_is(name, "async"))) {
        unsupported(p, "getters, setters and methods in object literals are");
    }
    struct ms_node *value;
    if (key.kind == MS_NAME && (is_op(p, ",") || is_op(p, "}"))) {
        value = new_node(p, MS_VAR, key.at, key.n);
        value->name = name;
    } else {
        if (is_op(p, "=")) refuse_operator(p);
        expect_op(p, ":", "':'");
        value = parse_expression(p);
    }
    value->key = name;
    value->key_at = key.at;
    value->key_n = key.n;
    return value;
}

static struct ms_node *parse_object(struct ms_parse *p) {
    struct ms_node *x = new_node(p, MS_OBJECT, p->token.at, p->token.n), **end = &x->list;
    ms_next(p);
    while (!is_op(p, "}")) {
        *end = parse_property(p);
        adopt_node(p, x, *end);
        end = &(*end)->next;
        if (is_op(p, "}")) break;
        expect_op(p, ",", "',' or '}'");
    }
    ms_next(p);
    return x;
}

static struct ms_node *parse_template(struct ms_parse *p) {
    struct ms_node *x = new_node(p, MS_CONCAT, p->token.at, p->token.n), **end = &x->list;
    for (bool more = true; more;) {
        size_t at = p->pos;
        struct hub_str piece;
        more = ms_template_piece(p, x->at, &piece);
        *end = new_node(p, MS_LIT_STRING, at, piece.n);
        (*end)->name = piece;
        adopt_node(p, x, *end);
        end = &(*end)->next;
        if (!more) break;
        ms_next(p);
        *end = parse_expression(p);
        adopt_node(p, x, *end);
        end = &(*end)->next;
        if (!is_op(p, "}")) unexpected(p, "'}'");
        /* The token after '}' is template text: the position is just behind the brace. */
        p->pos = p->token.at + 1;
    }
    ms_next(p);
    return x;
}

/* From the opening parenthesis to behind the closing one: what stands between is added at END as children
 * of X. */
static void parse_arguments(struct ms_parse *p, struct ms_node *x, struct ms_node **end) {
    int n = 0;
    ms_next(p);
    while (!is_op(p, ")")) {
        if (++n > 50) ms_fail(p, "L001", p->token.at, p->token.n, "more than 50 arguments");
        if (is_op(p, "...")) unsupported(p, "spread ('...') is");
        *end = parse_expression(p);
        adopt_node(p, x, *end);
        end = &(*end)->next;
        if (is_op(p, ")")) break;
        expect_op(p, ",", "',' or ')'");
    }
    ms_next(p);
}

static struct ms_node *parse_date(struct ms_parse *p) {
    size_t at = p->token.at;
    ms_next(p);
    if (!is_word(p, "Date")) unsupported(p, "'new' of anything but Date is");
    struct ms_node *x = new_node(p, MS_DATE, at, p->token.at + p->token.n - at), **end = &x->list;
    ms_next(p);
    if (!is_op(p, "(")) return x;
    parse_arguments(p, x, end);
    return x;
}

/* ---- parentheses and arrow functions ---- */

static struct ms_node *parse_arrow(struct ms_parse *p, struct ms_node *params, size_t at) {
    struct ms_node *x = new_node(p, MS_ARROW, at, p->token.at + p->token.n - at);
    for (struct ms_node *v = params; v; v = v->next) {
        if (v->kind == MS_OBJECT || v->kind == MS_ARRAY)
            ms_fail(p, "L002", v->at, v->n, "destructuring parameters are not supported in expressions");
        if (v->kind != MS_VAR || v->parens) ms_fail(p, "L001", v->at, v->n, "a parameter must be a name");
    }
    x->list = params;
    ms_next(p);
    if (is_op(p, "{")) unsupported(p, "arrow functions with statements ('{') are");
    x->a = parse_expression(p);
    adopt_node(p, x, x->a);
    x->statements = false;
    return x;
}

/* "(" … ")": a group, or the parameters of an arrow function. */
static struct ms_node *parse_group(struct ms_parse *p) {
    struct ms_token open = p->token;
    struct ms_node *first = NULL, **end = &first;
    struct ms_token comma = {.n = 0};
    ms_next(p);
    while (!is_op(p, ")")) {
        if (is_op(p, "...")) unsupported(p, "rest parameters ('...') are");
        *end = parse_expression(p);
        end = &(*end)->next;
        if (is_op(p, ")")) break;
        if (!is_op(p, ",")) refuse_operator(p);
        if (!comma.n) comma = p->token;
        expect_op(p, ",", "')'");
    }
    ms_next(p);
    if (is_op(p, "=>")) return parse_arrow(p, first, open.at);
    if (!first) ms_fail(p, "L001", open.at, 2, "empty parentheses where a value is expected");
    if (comma.n) ms_fail(p, "L002", comma.at, comma.n, "the comma operator is not supported in expressions");
    first->parens = true;
    return first;
}

static struct ms_node *parse_name(struct ms_parse *p) {
    static const struct {
        const char *word;
        enum ms_kind kind;
    } words[] = {
        {"true", MS_LIT_TRUE}, {"false", MS_LIT_FALSE}, {"null", MS_LIT_NULL}, {"undefined", MS_LIT_UNDEFINED}};
    for (size_t i = 0; i < HUB_NELEM(no_operand); i++) {
        if (is_word(p, no_operand[i].word)) refuse_operand(p);
    }
    if (is_word(p, "in") || is_word(p, "instanceof") || is_word(p, "and") || is_word(p, "or")) unexpected(p, "a value");
    struct ms_node *x = new_node(p, MS_VAR, p->token.at, p->token.n);
    x->name = p->token.op;
    for (size_t i = 0; i < HUB_NELEM(words); i++) {
        if (is_word(p, words[i].word)) x->kind = words[i].kind;
    }
    x->boolean = x->kind == MS_LIT_TRUE || x->kind == MS_LIT_FALSE;
    ms_next(p);
    if (is_op(p, "=>") && x->kind == MS_VAR) return parse_arrow(p, x, x->at);
    return x;
}

static struct ms_node *parse_primary(struct ms_parse *p) {
    struct ms_token t = p->token;
    struct ms_node *x;
    switch (t.kind) {
    case MS_NUMBER:
        x = new_node(p, MS_LIT_NUMBER, t.at, t.n);
        x->integer = t.integer, x->i = t.i, x->d = t.d;
        ms_next(p);
        return x;
    case MS_STRING:
        x = new_node(p, MS_LIT_STRING, t.at, t.n);
        x->name = t.value;
        ms_next(p);
        return x;
    case MS_TEMPLATE: return parse_template(p);
    case MS_NAME: return is_word(p, "new") ? parse_date(p) : parse_name(p);
    default: break;
    }
    if (is_op(p, "(")) return parse_group(p);
    if (is_op(p, "[")) return parse_array(p);
    if (is_op(p, "{")) return parse_object(p);
    refuse_operand(p);
}

/* ---- members and calls ---- */

static const char *const methods[] = {"includes",    "indexOf",     "startsWith", "endsWith", "toLowerCase",
                                      "toUpperCase", "trim",        "split",      "join",     "slice",
                                      "concat",      "some",        "every",      "filter",   "map",
                                      "find",        "toISOString", "getTime",    NULL};
static const char *const math_members[] = {"abs", "ceil", "floor", "round", "trunc", "sign",   "min",   "max",
                                           "pow", "sqrt", "cbrt",  "exp",   "log",   "log2",   "log10", "sin",
                                           "cos", "tan",  "asin",  "acos",  "atan",  "atan2",  "hypot", "random",
                                           "PI",  "E",    "LN2",   "LN10",  "LOG2E", "LOG10E", "SQRT2", NULL};
static const char *const json_members[] = {"stringify", "parse", NULL};
static const char *const object_members[] = {"keys", NULL};
static const char *const date_members[] = {"now", NULL};
static const char *const array_members[] = {"isArray", NULL};
static const char *const no_members[] = {NULL};
static const struct {
    const char *name;
    const char *const *members;
} statics[] = {{"Math", math_members},   {"JSON", json_members}, {"Object", object_members}, {"Date", date_members},
               {"Array", array_members}, {"String", no_members}, {"Number", no_members},     {"Boolean", no_members}};

static bool is_listed(const char *const *list, struct hub_str name) {
    for (; *list; list++) {
        if (hub_str_is(name, *list)) return true;
    }
    return false;
}

/* Whether the chain begins with an object of plain namespaces: socket.to("a").emit("x"). */
static bool of_namespace(const struct ms_node *x) {
    while (x->kind == MS_MEMBER || x->kind == MS_INDEX || x->kind == MS_CALL) x = x->a;
    return x->kind == MS_VAR && (hub_str_is(x->name, "socket") || hub_str_is(x->name, "namespace"));
}

/* Whether the chain ROOT.a.b… begins with a table of functions, whose members are called by whatever name
 * they have. */
static bool function_table(const struct ms_node *x) {
    if (of_namespace(x)) return true;
    while (x->kind == MS_MEMBER || x->kind == MS_INDEX) x = x->a;
    return x->kind == MS_VAR && (hub_script_is_table(x->name) || hub_script_is_lib(x->name));
}

static void check_static(struct ms_parse *p, const struct ms_node *object, const struct ms_token *member) {
    for (size_t i = 0; object->kind == MS_VAR && i < HUB_NELEM(statics); i++) {
        if (!hub_str_is(object->name, statics[i].name) || is_listed(statics[i].members, member->op)) continue;
        ms_fail(p, "L002", member->at, member->n, "%s.%.*s is not supported in expressions", statics[i].name,
                HUB_FMT(member->op));
    }
}

static void check_callee(struct ms_parse *p, const struct ms_node *f) {
    static const char *const functions[] = {"String", "Number", "Boolean", "uuid", "sleep", "binary", NULL};
    if (f->parens || (f->kind != MS_VAR && f->kind != MS_MEMBER && f->kind != MS_INDEX)) {
        ms_fail(p, "L002", f->at, f->n, "calls of anything but a function's name are not supported in expressions");
    }
    if (f->kind == MS_VAR && !is_listed(functions, f->name)) {
        ms_fail(p, "L002", f->at, f->n, "'%.*s' is not a function that expressions can call%s%s", HUB_FMT(f->name),
                colon_and(hint_for(f->name)), text_of(hint_for(f->name)));
    }
    bool fixed = f->kind == MS_MEMBER && f->a->kind == MS_VAR;
    for (size_t i = 0; fixed && i < HUB_NELEM(statics); i++) {
        if (hub_str_is(f->a->name, statics[i].name)) return; /* checked as a member */
    }
    if (f->kind == MS_MEMBER && !function_table(f) && !is_listed(methods, f->name)) {
        ms_fail(p, "L002", f->at, f->n, "the method '%.*s' is not supported in expressions%s%s", HUB_FMT(f->name),
                colon_and(hint_for(f->name)), text_of(hint_for(f->name)));
    }
}

static struct ms_node *parse_call(struct ms_parse *p, struct ms_node *f) {
    check_callee(p, f);
    struct ms_node *x = new_node(p, MS_CALL, f->at, f->n), **end = &x->list;
    x->a = f;
    adopt_node(p, x, f);
    parse_arguments(p, x, end);
    return x;
}

static struct ms_node *parse_member(struct ms_parse *p, struct ms_node *object, bool optional) {
    if (p->token.kind != MS_NAME) unexpected(p, "a member's name");
    check_static(p, object, &p->token);
    struct ms_node *x = new_node(p, MS_MEMBER, p->token.at, p->token.n);
    x->a = object;
    x->name = p->token.op;
    x->optional = x->statements = optional;
    adopt_node(p, x, object);
    ms_next(p);
    return x;
}

static struct ms_node *parse_element(struct ms_parse *p, struct ms_node *object, bool optional) {
    struct ms_node *x = new_node(p, MS_INDEX, p->token.at, p->token.n);
    ms_next(p);
    x->a = object;
    x->b = parse_expression(p);
    x->optional = x->statements = optional;
    adopt_node(p, x, object);
    adopt_node(p, x, x->b);
    expect_op(p, "]", "']'");
    return x;
}

static struct ms_node *parse_postfix(struct ms_parse *p) {
    struct ms_node *x = parse_primary(p);
    for (;;) {
        if (x->kind == MS_ARROW && !x->parens) return x;
        if (is_op(p, "(")) {
            x = parse_call(p, x);
        } else if (is_op(p, "[")) {
            x = parse_element(p, x, false);
        } else if (is_op(p, ".")) {
            ms_next(p);
            x = parse_member(p, x, false);
        } else if (is_op(p, "?.")) {
            ms_next(p);
            if (is_op(p, "(")) unsupported(p, "optional calls ('?.(') are");
            x = is_op(p, "[") ? parse_element(p, x, true) : parse_member(p, x, true);
        } else {
            return x;
        }
    }
}

/* ---- operators ---- */

static const struct operator{
    const char *op, *as; /* spelling; what the tree calls it */
    int power;
    enum ms_kind kind;
    bool boolean;
}
binary[] = {
    {"?"
     "?",
     "?"
     "?",
     5, MS_LOGIC, false},
    {"||", "||", 6, MS_LOGIC, false},
    {"or", "||", 6, MS_LOGIC, false},
    {"&&", "&&", 7, MS_LOGIC, false},
    {"and", "&&", 7, MS_LOGIC, false},
    {"==", "==", 11, MS_BINARY, true},
    {"!=", "!=", 11, MS_BINARY, true},
    {"~=", "!=", 11, MS_BINARY, true},
    {"===", "===", 11, MS_BINARY, true},
    {"!==", "!==", 11, MS_BINARY, true},
    {"<", "<", 12, MS_BINARY, true},
    {"<=", "<=", 12, MS_BINARY, true},
    {">", ">", 12, MS_BINARY, true},
    {">=", ">=", 12, MS_BINARY, true},
    {"..", "..", 13, MS_CONCAT, false},
    {"+", "+", 14, MS_BINARY, false},
    {"-", "-", 14, MS_BINARY, false},
    {"*", "*", 15, MS_BINARY, false},
    {"/", "/", 15, MS_BINARY, false},
    {"%", "%", 15, MS_BINARY, false},
};
enum { TERNARY = 4, UNARY = 16 };

static const struct operator* binary_op(const struct ms_parse *p) {
    if (p->token.kind != MS_OP && p->token.kind != MS_NAME) return NULL;
    for (size_t i = 0; i < HUB_NELEM(binary); i++) {
        if (hub_str_is(p->token.op, binary[i].op)) return &binary[i];
    }
    return NULL;
}

static struct ms_node *parse_unary(struct ms_parse *p) {
    const char *op = is_op(p, "!") || is_word(p, "not") ? "!"
                     : is_op(p, "-")                    ? "-"
                     : is_op(p, "+")                    ? "+"
                     : is_word(p, "typeof")             ? "typeof"
                                                        : NULL;
    if (!op) return parse_postfix(p);
    struct ms_node *x = new_node(p, MS_UNARY, p->token.at, p->token.n);
    x->op = op;
    x->boolean = op[0] == '!';
    ms_next(p);
    enter_level(p);
    x->a = parse_unary(p);
    p->depth--;
    adopt_node(p, x, x->a);
    return x;
}

static void check_mix(struct ms_parse *p, const struct operator* op, const struct ms_node *x) {
    if (op->kind != MS_LOGIC || x->kind != MS_LOGIC || x->parens) return;
    if ((op->op[0] == '?') != (x->op[0] == '?')) {
        ms_fail(p, "L001", p->token.at, p->token.n, "'\?\?' mixed with '&&' or '||' needs parentheses");
    }
}

static struct ms_node *climb_operators(struct ms_parse *p, int power) {
    struct ms_node *x = parse_unary(p);
    const struct operator* op;
    while ((op = binary_op(p)) && op->power > power) {
        if (x->kind == MS_ARROW && !x->parens) unexpected(p, "the end of the arrow function");
        check_mix(p, op, x);
        struct ms_node *y = new_node(p, op->kind, p->token.at, p->token.n);
        struct ms_token at = p->token;
        ms_next(p);
        struct ms_node *right = climb_operators(p, op->power);
        if (op->kind == MS_LOGIC && right->kind == MS_LOGIC && !right->parens &&
            (op->op[0] == '?') != (right->op[0] == '?')) {
            ms_fail(p, "L001", at.at, at.n, "'\?\?' mixed with '&&' or '||' needs parentheses");
        }
        y->op = op->as;
        y->boolean = op->boolean || (op->kind == MS_LOGIC && op->as[0] != '?' && x->boolean && right->boolean);
        y->statements = op->kind == MS_LOGIC;
        adopt_node(p, y, x);
        adopt_node(p, y, right);
        if (op->kind == MS_CONCAT) {
            y->list = x;
            x->next = right;
        } else {
            y->a = x;
            y->b = right;
        }
        x = y;
    }
    return x;
}

static struct ms_node *parse_expression(struct ms_parse *p) {
    enter_level(p);
    struct ms_node *x = climb_operators(p, TERNARY);
    if (is_op(p, "?") && !(x->kind == MS_ARROW && !x->parens)) {
        struct ms_node *y = new_node(p, MS_COND, p->token.at, p->token.n);
        ms_next(p);
        y->a = x;
        y->b = parse_expression(p);
        expect_op(p, ":", "':'");
        y->c = parse_expression(p);
        adopt_node(p, y, y->a);
        adopt_node(p, y, y->b);
        adopt_node(p, y, y->c);
        y->statements = true;
        y->boolean = y->b->boolean && y->c->boolean;
        x = y;
    }
    p->depth--;
    if (!is_op(p, ",") && !is_op(p, ";"))
        refuse_operator(p); /* a comma may be the list's; a semicolon is looked at by the caller */
    return x;
}

/* Arrow functions are arguments; anywhere else they would be values, which MScript has not. */
static void check_arrows(struct ms_parse *p, const struct ms_node *x) {
    if (!x) return;
    if (x->kind == MS_ARROW)
        ms_fail(p, "L002", x->at, x->n,
                "arrow functions outside of a call's arguments are not supported in expressions");
    check_arrows(p, x->a);
    check_arrows(p, x->b);
    check_arrows(p, x->c);
    for (const struct ms_node *e = x->list; e; e = e->next)
        check_arrows(p, x->kind == MS_CALL && e->kind == MS_ARROW ? e->a : e);
}

/* "module.exports =" at the beginning is skipped. */
static bool is_wrapper(struct ms_parse *p) {
    if (!is_word(p, "module")) return false;
    struct ms_token first = p->token;
    size_t pos = p->pos;
    ms_next(p);
    if (is_op(p, ".")) {
        ms_next(p);
        if (is_word(p, "exports")) {
            ms_next(p);
            if (is_op(p, "=")) {
                ms_next(p);
                return true;
            }
        }
    }
    p->token = first;
    p->pos = pos;
    return false;
}

bool ms_parse(struct ms_parse *p, struct hub_str text) {
    *p = (struct ms_parse){.text = text};
    if (setjmp(p->fail)) return false;
    if (text.n > MS_TEXT_MAX) ms_fail(p, "L001", 0, 0, "an expression may have at most %d KiB", MS_TEXT_MAX >> 10);
    if (!hub_utf8_valid(text)) ms_fail(p, "L001", 0, 0, "the text is not valid UTF-8");
    ms_next(p);
    if (p->token.kind == MS_END) ms_fail(p, "L001", 0, 0, "the expression is empty");
    bool wrapped = is_wrapper(p);
    if (!wrapped && is_op(p, "{")) {
        ms_fail(p, "L002", p->token.at, 1,
                "statements ('{') are not supported in expressions; an object literal needs parentheses around it");
    }
    struct ms_node *x = parse_expression(p);
    if (wrapped && is_op(p, ";")) ms_next(p);
    if (is_op(p, ";") || is_op(p, ",")) refuse_operator(p);
    if (p->token.kind != MS_END) unexpected(p, "an operator or the end of the expression");
    check_arrows(p, x);
    p->root = x;
    return true;
}
