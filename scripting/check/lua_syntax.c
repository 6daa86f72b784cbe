/* A Lua chunk as the tree that schema/analysis reads: recursive descent over its tokens. What it is no Lua
 * for gives no tree; why is the compiler's to say. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "schema/analysis/syntax.h"
#include "scripting/check/lua_tokens.h"
#include "scripting/expression/mscript_int.h"

enum { LEVELS_MAX = 150, CHAIN_MAX = 300 }; /* of nesting (Lua itself has 200); of operators or members in a row */

struct parse {
    struct hub_arena *arena;
    struct hub_str text;
    struct hub_lua_tokens t;
    size_t i;
    int level;
    bool bad; /* not Lua, or nested too deeply: everything stops */
};

static struct hub_syntax *parse_expr(struct parse *p, int power);
static struct hub_syntax *parse_block(struct parse *p);

static bool at_token(const struct parse *p, const char *text) { return hub_lua_is(&p->t, p->i, text); }
static bool at_chunk_end(const struct parse *p) { return p->bad || p->i >= p->t.n; }
static bool at_name(const struct parse *p) { return p->i < p->t.n && p->t.p[p->i].kind == HUB_LUA_NAME; }

static bool take_token(struct parse *p, const char *text) {
    if (p->bad || !at_token(p, text)) return false;
    p->i++;
    return true;
}

static void expect_token(struct parse *p, const char *text) {
    if (!take_token(p, text)) p->bad = true;
}

/* A node for the token at hand, which is passed. */
static struct hub_syntax *node_here(struct parse *p, enum hub_syntax_kind kind) {
    struct hub_lua_token none = {.at = p->text.n}, *t = p->i < p->t.n ? &p->t.p[p->i] : &none;
    struct hub_syntax *x = hub_syntax_new(p->arena, kind, t->at, t->text.n);
    x->text = t->text;
    p->i++;
    return x;
}

static struct hub_syntax *expect_name(struct parse *p) {
    if (!at_name(p)) p->bad = true;
    return node_here(p, HUB_SYNTAX_NAME);
}

/* A node that no token of its own stands for. */
static struct hub_syntax *group_of(struct parse *p, struct hub_syntax *list) {
    struct hub_syntax *x = hub_syntax_new(p->arena, HUB_SYNTAX_OTHER, p->i < p->t.n ? p->t.p[p->i].at : p->text.n, 0);
    x->list = list;
    return x;
}

/* ---- literals ---- */

static bool is_digit(char c, int base) {
    return (c >= '0' && c <= '9') || (base == 16 && ((c | 32) >= 'a' && (c | 32) <= 'f'));
}

/* The character that the escape at *P (behind the backslash) stands for; those that are rare become "?": a
 * text with one is compared with nothing. */
static char decode_escape(const char **p, const char *end) {
    static const char from[] = "abfnrtv\\\"'\n", to[] = "\a\b\f\n\r\t\v\\\"'\n";
    const char *at = *p < end ? memchr(from, **p, sizeof from - 1) : NULL;
    if (*p < end) ++*p;
    return at ? to[at - from] : '?';
}

static struct hub_str quoted_value(struct parse *p, struct hub_str s, bool *plain) {
    char *out = (char *)(uintptr_t)hub_syntax_text(p->arena, s).p;
    size_t n = 0;
    for (const char *c = s.p + 1, *end = s.p + s.n - 1; c < end;) {
        if (*c != '\\') {
            out[n++] = *c++;
            continue;
        }
        c++;
        char decoded = decode_escape(&c, end);
        *plain = *plain && decoded != '?';
        out[n++] = decoded;
    }
    out[n] = 0;
    return hub_str(out, n);
}

/* Between [==[ and ]==]; a line break right behind the first is not part of it. */
static struct hub_str bracket_value(struct hub_str s) {
    if (s.n < 4) return hub_str(s.p, 0); /* not closed */
    size_t open = 1 + hub_str_find(hub_str(s.p + 1, s.n - 1), '[') + 1;
    if (s.n < 2 * open) return hub_str(s.p, 0);
    struct hub_str v = hub_str(s.p + open, s.n - 2 * open);
    if (v.n && v.p[0] == '\n') v.p++, v.n--;
    return v;
}

static struct hub_syntax *parse_literal(struct parse *p) {
    struct hub_str s = p->t.p[p->i].text;
    bool plain = true;
    if (s.n && (s.p[0] == '.' || is_digit(s.p[0], 10))) {
        struct hub_syntax *x = node_here(p, HUB_SYNTAX_NUMBER);
        char digits[64] = {0};
        memcpy(digits, s.p, s.n < sizeof digits ? s.n : sizeof digits - 1);
        x->number = strtod(digits, NULL);
        return x;
    }
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_TEXT);
    x->text = s.p[0] == '[' ? hub_syntax_text(p->arena, bracket_value(s)) : quoted_value(p, s, &plain);
    if (!plain) x->kind = HUB_SYNTAX_OTHER;
    return x;
}

static struct hub_syntax *parse_lua_element(struct parse *p, bool *array) {
    struct hub_syntax *x;
    if (take_token(p, "[")) {
        struct hub_lua_token key = p->i < p->t.n ? p->t.p[p->i] : (struct hub_lua_token){0};
        struct hub_syntax *k = parse_expr(p, 0);
        expect_token(p, "]");
        expect_token(p, "=");
        x = parse_expr(p, 0);
        if (k && k->kind == HUB_SYNTAX_TEXT) x->key = k->text;
        x->key_at = key.at;
        x->key_n = key.text.n;
        *array = false;
        return x;
    }
    if (at_name(p) && hub_lua_is(&p->t, p->i + 1, "=")) {
        struct hub_syntax *key = node_here(p, HUB_SYNTAX_NAME);
        p->i++;
        x = parse_expr(p, 0);
        x->key = key->text;
        x->key_at = key->at;
        x->key_n = key->n;
        *array = false;
        return x;
    }
    return parse_expr(p, 0);
}

static bool may_be_many(const struct hub_syntax *x) {
    return x->kind == HUB_SYNTAX_CALL || (x->kind == HUB_SYNTAX_OTHER && hub_str_is(x->text, "..."));
}

/* A constructor is a list when no element has a key; {} may be either, and is OTHER. */
static struct hub_syntax *parse_table(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_LIST), **end = &x->list, *last = NULL;
    bool array = true;
    while (!at_chunk_end(p) && !at_token(p, "}")) {
        hub_syntax_add(&end, last = parse_lua_element(p, &array));
        if (!take_token(p, ",") && !take_token(p, ";")) break;
    }
    expect_token(p, "}");
    x->kind = !last ? HUB_SYNTAX_OTHER : array ? HUB_SYNTAX_LIST : HUB_SYNTAX_OBJECT;
    x->open = last && !last->key.p && may_be_many(last);
    return x;
}

/* ---- functions ---- */

static struct hub_syntax *parse_function_body(struct parse *p, struct hub_syntax *x, bool method) {
    struct hub_syntax **end = &x->list;
    x->method = method;
    expect_token(p, "(");
    while (!at_chunk_end(p) && !at_token(p, ")")) {
        if (take_token(p, "..."))
            x->open = true;
        else
            hub_syntax_add(&end, expect_name(p));
        if (!take_token(p, ",")) break;
    }
    expect_token(p, ")");
    x->a = parse_block(p);
    expect_token(p, "end");
    return x;
}

/* ---- expressions ---- */

static struct hub_syntax *parse_list(struct parse *p) {
    struct hub_syntax *first = NULL, **end = &first;
    do hub_syntax_add(&end, parse_expr(p, 0));
    while (take_token(p, ","));
    return first;
}

static struct hub_syntax *parse_lua_call(struct parse *p, struct hub_syntax *f) {
    struct hub_syntax *x = hub_syntax_new(p->arena, HUB_SYNTAX_CALL, f->at, f->n);
    x->a = f;
    if (!at_token(p, "(")) {
        x->list = at_token(p, "{") ? parse_table(p) : parse_literal(p);
        return x;
    }
    p->i++;
    if (!at_token(p, ")")) x->list = parse_list(p);
    expect_token(p, ")");
    for (const struct hub_syntax *e = x->list; e; e = e->next)
        if (!e->next) x->open = may_be_many(e);
    return x;
}

static struct hub_syntax *parse_lua_member(struct parse *p, struct hub_syntax *object) {
    bool method = at_token(p, ":");
    p->i++;
    struct hub_syntax *x = expect_name(p);
    x->kind = HUB_SYNTAX_MEMBER;
    x->method = method;
    x->a = object;
    return x;
}

static struct hub_syntax *parse_index(struct parse *p, struct hub_syntax *object) {
    p->i++;
    struct hub_syntax *key = parse_expr(p, 0);
    expect_token(p, "]");
    if (p->bad) return key;
    bool named = key->kind == HUB_SYNTAX_TEXT;
    struct hub_syntax *x = hub_syntax_new(p->arena, named ? HUB_SYNTAX_MEMBER : HUB_SYNTAX_INDEX, key->at, key->n);
    x->a = object;
    if (named)
        x->text = key->text;
    else
        x->b = key;
    return x;
}

static bool is_argument(const struct parse *p) {
    if (p->i >= p->t.n) return false;
    const struct hub_lua_token *t = &p->t.p[p->i];
    bool string = t->kind == HUB_LUA_VALUE && (t->text.p[0] == '"' || t->text.p[0] == '\'' || t->text.p[0] == '[');
    return string || at_token(p, "(") || at_token(p, "{");
}

static struct hub_syntax *parse_suffixes(struct parse *p, struct hub_syntax *x) {
    for (int n = 0; !at_chunk_end(p); n++) {
        if (n > CHAIN_MAX) p->bad = true;
        if (at_token(p, ".") || at_token(p, ":"))
            x = parse_lua_member(p, x);
        else if (at_token(p, "["))
            x = parse_index(p, x);
        else if (is_argument(p))
            x = parse_lua_call(p, x);
        else
            break;
    }
    return x;
}

static struct hub_syntax *parse_lua_primary(struct parse *p) {
    if (at_name(p)) return parse_suffixes(p, node_here(p, HUB_SYNTAX_NAME));
    if (!at_token(p, "(")) {
        p->bad = true;
        return node_here(p, HUB_SYNTAX_OTHER);
    }
    p->i++;
    struct hub_syntax *x = parse_expr(p, 0);
    expect_token(p, ")");
    if (x->kind == HUB_SYNTAX_CALL) x = group_of(p, x); /* one result, however many there are */
    return parse_suffixes(p, x);
}

static struct hub_syntax *parse_simple(struct parse *p) {
    if (at_chunk_end(p)) p->bad = true;
    if (p->bad) return node_here(p, HUB_SYNTAX_OTHER);
    if (p->t.p[p->i].kind == HUB_LUA_VALUE) return parse_literal(p);
    if (at_token(p, "nil")) return node_here(p, HUB_SYNTAX_NULL);
    if (at_token(p, "...")) return node_here(p, HUB_SYNTAX_OTHER);
    if (at_token(p, "{")) return parse_table(p);
    if (at_token(p, "function")) return parse_function_body(p, node_here(p, HUB_SYNTAX_FUNCTION), false);
    if (at_token(p, "true") || at_token(p, "false")) {
        bool truth = at_token(p, "true");
        struct hub_syntax *x = node_here(p, HUB_SYNTAX_BOOLEAN);
        x->truth = truth;
        return x;
    }
    struct hub_syntax *x = parse_lua_primary(p);
    if (x->kind == HUB_SYNTAX_NAME && hub_str_is(x->text, "null")) x->kind = HUB_SYNTAX_NULL;
    return x;
}

static const struct lua_operator {
    const char *op;
    int left, right; /* how strongly it binds */
    enum hub_syntax_kind kind;
} lua_operators[] = {
    {"or", 1, 1, HUB_SYNTAX_OR},           {"and", 2, 2, HUB_SYNTAX_AND},        {"==", 3, 3, HUB_SYNTAX_EQUAL},
    {"~=", 3, 3, HUB_SYNTAX_EQUAL},        {"<", 3, 3, HUB_SYNTAX_ORDER},        {">", 3, 3, HUB_SYNTAX_ORDER},
    {"<=", 3, 3, HUB_SYNTAX_ORDER},        {">=", 3, 3, HUB_SYNTAX_ORDER},       {"|", 4, 4, HUB_SYNTAX_OTHER},
    {"~", 5, 5, HUB_SYNTAX_OTHER},         {"&", 6, 6, HUB_SYNTAX_OTHER},        {"<<", 7, 7, HUB_SYNTAX_OTHER},
    {">>", 7, 7, HUB_SYNTAX_OTHER},        {"..", 9, 8, HUB_SYNTAX_OTHER},       {"+", 10, 10, HUB_SYNTAX_ARITHMETIC},
    {"-", 10, 10, HUB_SYNTAX_ARITHMETIC},  {"*", 11, 11, HUB_SYNTAX_ARITHMETIC}, {"/", 11, 11, HUB_SYNTAX_ARITHMETIC},
    {"//", 11, 11, HUB_SYNTAX_ARITHMETIC}, {"%", 11, 11, HUB_SYNTAX_ARITHMETIC}, {"^", 14, 13, HUB_SYNTAX_ARITHMETIC},
};
enum { UNARY_POWER = 12 };

static const struct lua_operator *operator_here(const struct parse *p) {
    for (size_t i = 0; i < HUB_NELEM(lua_operators); i++)
        if (at_token(p, lua_operators[i].op)) return &lua_operators[i];
    return NULL;
}

static struct hub_syntax *parse_lua_unary(struct parse *p) {
    bool is_not = at_token(p, "not");
    if (!is_not && !at_token(p, "-") && !at_token(p, "#") && !at_token(p, "~")) return parse_simple(p);
    struct hub_syntax *x = node_here(p, is_not ? HUB_SYNTAX_NOT : HUB_SYNTAX_OTHER);
    struct hub_syntax *operand = parse_expr(p, UNARY_POWER);
    if (is_not)
        x->a = operand;
    else
        x->list = operand;
    return x;
}

static void join_operands(struct hub_syntax *x, struct hub_syntax *left, struct hub_syntax *right) {
    x->exact = true;
    if (x->kind == HUB_SYNTAX_OTHER) {
        x->list = left;
        left->next = right;
        return;
    }
    x->a = left;
    x->b = right;
}

static struct hub_syntax *parse_expr(struct parse *p, int power) {
    if (++p->level > LEVELS_MAX) p->bad = true;
    struct hub_syntax *x = parse_lua_unary(p);
    const struct lua_operator *op;
    for (int n = 0; !at_chunk_end(p) && (op = operator_here(p)) && op->left > power; n++) {
        if (n > CHAIN_MAX) p->bad = true;
        struct hub_syntax *y = node_here(p, op->kind);
        y->negated = op->op[0] == '~';
        join_operands(y, x, parse_expr(p, op->right));
        x = y;
    }
    p->level--;
    return x;
}

/* ---- statements ---- */

static struct hub_syntax *parse_names(struct parse *p) {
    struct hub_syntax *first = NULL, **end = &first;
    do {
        hub_syntax_add(&end, expect_name(p));
        if (take_token(p, "<")) p->i += 2; /* an attribute */
    } while (take_token(p, ","));
    return first;
}

/* X = LOCAL or ASSIGN of the function whose name is TARGET. */
static struct hub_syntax *named_function(struct parse *p, struct hub_syntax *x, struct hub_syntax *target,
                                         bool method) {
    struct hub_syntax *f = hub_syntax_new(p->arena, HUB_SYNTAX_FUNCTION, target->at, target->n);
    x->a = group_of(p, target);
    x->b = group_of(p, parse_function_body(p, f, method));
    return x;
}

static struct hub_syntax *parse_local(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_LOCAL);
    if (take_token(p, "function")) return named_function(p, x, expect_name(p), false);
    x->a = group_of(p, parse_names(p));
    x->b = group_of(p, take_token(p, "=") ? parse_list(p) : NULL);
    return x;
}

static struct hub_syntax *parse_function_statement(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_ASSIGN), *target = expect_name(p);
    bool method = false;
    while (!at_chunk_end(p) && (at_token(p, ".") || at_token(p, ":"))) {
        method = at_token(p, ":");
        target = parse_lua_member(p, target);
    }
    return named_function(p, x, target, method);
}

static struct hub_syntax *parse_test(struct parse *p) {
    struct hub_syntax *x = group_of(p, NULL);
    x->kind = HUB_SYNTAX_TEST;
    x->a = parse_expr(p, 0);
    return x;
}

/* if, with whatever else it has. */
static struct hub_syntax *parse_if(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_OTHER), **end = &x->list;
    for (;;) {
        hub_syntax_add(&end, parse_test(p));
        expect_token(p, "then");
        hub_syntax_add(&end, parse_block(p));
        if (take_token(p, "elseif")) continue;
        if (take_token(p, "else")) hub_syntax_add(&end, parse_block(p));
        expect_token(p, "end");
        return x;
    }
}

static struct hub_syntax *parse_while(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_OTHER), **end = &x->list;
    hub_syntax_add(&end, parse_test(p));
    expect_token(p, "do");
    hub_syntax_add(&end, parse_block(p));
    expect_token(p, "end");
    return x;
}

static struct hub_syntax *parse_repeat(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_OTHER), **end = &x->list;
    hub_syntax_add(&end, parse_block(p));
    expect_token(p, "until");
    hub_syntax_add(&end, parse_test(p));
    return x;
}

static struct hub_syntax *parse_for(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_EACH);
    x->a = group_of(p, parse_names(p));
    x->negated = take_token(p, "="); /* counting */
    if (!x->negated) expect_token(p, "in");
    x->b = group_of(p, parse_list(p));
    expect_token(p, "do");
    x->c = parse_block(p);
    expect_token(p, "end");
    return x;
}

static struct hub_syntax *parse_do(struct parse *p) {
    p->i++;
    struct hub_syntax *x = parse_block(p);
    expect_token(p, "end");
    return x;
}

static struct hub_syntax *parse_return(struct parse *p) {
    struct hub_syntax *x = node_here(p, HUB_SYNTAX_RETURN);
    bool none = p->i >= p->t.n || at_token(p, ";") || at_token(p, "end") || at_token(p, "else") ||
                at_token(p, "elseif") || at_token(p, "until");
    if (!none) x->list = parse_list(p);
    take_token(p, ";");
    return x;
}

/* A call, or "a, b.c = …". */
static struct hub_syntax *parse_simple_statement(struct parse *p) {
    struct hub_syntax *first = parse_lua_primary(p), **end = &first->next;
    if (!at_token(p, ",") && !at_token(p, "=")) return first;
    while (take_token(p, ",")) hub_syntax_add(&end, parse_lua_primary(p));
    struct hub_syntax *x = group_of(p, NULL);
    x->kind = HUB_SYNTAX_ASSIGN;
    expect_token(p, "=");
    x->a = group_of(p, first);
    x->b = group_of(p, parse_list(p));
    return x;
}

static struct hub_syntax *skip_tokens(struct parse *p, size_t n) {
    p->i += n;
    return NULL;
}

static struct hub_syntax *parse_statement(struct parse *p) {
    static const struct {
        const char *word;
        struct hub_syntax *(*parse)(struct parse *p);
    } statements[] = {{"local", parse_local},   {"function", parse_function_statement},
                      {"if", parse_if},         {"while", parse_while},
                      {"repeat", parse_repeat}, {"for", parse_for},
                      {"do", parse_do},         {"return", parse_return}};
    for (size_t i = 0; i < HUB_NELEM(statements); i++)
        if (at_token(p, statements[i].word)) return statements[i].parse(p);
    if (at_token(p, ";") || at_token(p, "break")) return skip_tokens(p, 1);
    if (at_token(p, "::")) return skip_tokens(p, 3);
    if (at_token(p, "goto")) return skip_tokens(p, 2);
    return parse_simple_statement(p);
}

static struct hub_syntax *parse_block(struct parse *p) {
    struct hub_syntax *x = group_of(p, NULL), **end = &x->list;
    x->kind = HUB_SYNTAX_BLOCK;
    if (++p->level > LEVELS_MAX) p->bad = true;
    while (!at_chunk_end(p) && !at_token(p, "end") && !at_token(p, "else") && !at_token(p, "elseif") &&
           !at_token(p, "until"))
        hub_syntax_add(&end, parse_statement(p));
    p->level--;
    return x;
}

struct hub_syntax *hub_lua_syntax(struct hub_str text, struct hub_arena *arena) {
    struct parse p = {.arena = arena, .text = text};
    hub_lua_split(text, &p.t);
    struct hub_syntax *x = parse_block(&p);
    bool good = !p.bad && p.i == p.t.n;
    free(p.t.p);
    return good ? x : NULL;
}
