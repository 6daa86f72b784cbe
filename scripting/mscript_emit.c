/* From MScript's tree to Lua source. JavaScript's semantics live in the functions of js_*.c and prelude.c,
 * called by one-word names; this file decides what can be written as one nested Lua expression and what
 * (short circuits, very long chains) becomes statements over numbered locals, "registers". */
#include <math.h>
#include <stdio.h>

#include "scripting/mscript_int.h"

enum { NESTED_MAX = 40, REGISTERS_MAX = 160, OPTIONAL_MAX = 60, CONCAT_MAX = 40 };

struct function { /* one Lua function: the expression, or an arrow function inside it. In the arena. */
    const struct ms_node *params;
    struct function *outer;
    int level, registers;
    struct hub_buf body;
};
struct emit {
    struct ms_parse *p;
    struct function *f; /* being written */
    int line;           /* of the text, from 0, that the output has reached */
};

static void inline_expr(struct emit *e, const struct ms_node *x, int base);
static void statements(struct emit *e, const struct ms_node *x, int dst);

static struct hub_buf *out(struct emit *e) { return &e->f->body; }
static void put(struct emit *e, const char *s) { hub_buf_addz(out(e), s); }

/* Moves on to the line of X, so that Lua's positions are the text's. */
static void sync(struct emit *e, const struct ms_node *x) {
    for (; e->line < x->line; e->line++) hub_buf_addc(out(e), '\n');
}

static void quote(struct emit *e, struct hub_str s) {
    hub_buf_addc(out(e), '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == '"' || c == '\\' || c >= 0x7f)
            hub_buf_addf(out(e), "\\%03u", c);
        else
            hub_buf_addc(out(e), (char)c);
    }
    hub_buf_addc(out(e), '"');
}

static void literal_number(struct emit *e, const struct ms_node *x) {
    if (x->integer)
        hub_buf_addi(out(e), x->i);
    else if (isinf(x->d))
        put(e, "1e999");
    else
        hub_buf_addf(out(e), "%.17g", x->d);
}

static void variable(struct emit *e, const struct ms_node *x) {
    for (const struct function *f = e->f; f; f = f->outer) {
        int i = 0, found = -1;
        for (const struct ms_node *v = f->params; v; v = v->next, i++) {
            if (hub_str_eq(v->name, x->name)) found = i;
        }
        if (found < 0) continue;
        hub_buf_addf(out(e), "p%d_%d", f->level, found);
        return;
    }
    put(e, "_ENV[");
    quote(e, x->name);
    put(e, "]");
}

/* Needs no register: reading it has no effect and cannot fail. */
static bool simple(const struct ms_node *x) { return x->kind <= MS_VAR; }

/* The I-th operand of an operation whose operands are in registers from BASE on; BASE < 0: written in
 * place. */
static void operand(struct emit *e, const struct ms_node *x, int base, int i) {
    if (base < 0 || simple(x))
        inline_expr(e, x, -1);
    else
        hub_buf_addf(out(e), "r%d", base + i);
}

static void reserve(struct emit *e, int reg) {
    if (reg > REGISTERS_MAX)
        ms_fail(e->p, "L001", 0, 0, "the expression is too complex: it needs more than %d intermediate values",
                REGISTERS_MAX);
    if (reg > e->f->registers) e->f->registers = reg;
}

static void truth(struct emit *e, const struct ms_node *x, int reg) {
    if (x->boolean)
        hub_buf_addf(out(e), "r%d", reg);
    else
        hub_buf_addf(out(e), "T(r%d)", reg);
}

/* ---- operations ---- */

static const char *helper(const char *op) {
    static const char *const names[][2] = {{"==", "EQ"}, {"!=", "not EQ"}, {"<", "LT"},  {"<=", "LE"},
                                           {">", "GT"},  {">=", "GE"},     {"+", "ADD"}, {"-", "SUB"},
                                           {"*", "MUL"}, {"/", "DIV"},     {"%", "MOD"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], op) == 0) return names[i][1];
    }
    return "";
}

static void binary(struct emit *e, const struct ms_node *x, int base) {
    bool strict = x->op[1] == '=' && x->op[2] == '=';
    if (strict) {
        put(e, "(");
        operand(e, x->a, base, 0);
        put(e, x->op[0] == '!' ? "~=" : "==");
        operand(e, x->b, base, 1);
        put(e, ")");
        return;
    }
    put(e, "(");
    put(e, helper(x->op));
    put(e, "(");
    operand(e, x->a, base, 0);
    put(e, ",");
    operand(e, x->b, base, 1);
    put(e, "))");
}

static void unary(struct emit *e, const struct ms_node *x, int base) {
    if (x->op[0] == '-' && x->a->kind == MS_LIT_NUMBER && (!x->a->integer || x->a->i)) {
        put(e, "(-");
        literal_number(e, x->a);
        put(e, ")");
        return;
    }
    const char *f = x->op[0] == '!'   ? (x->a->boolean ? "(not (" : "(not T(")
                    : x->op[0] == '-' ? "(NEG("
                    : x->op[0] == '+' ? "(NUM("
                                      : "(TYPEOF(";
    put(e, f);
    operand(e, x->a, base, 0);
    put(e, "))");
}

static void list(struct emit *e, const struct ms_node *x, int base, int i, bool first) {
    for (; x; x = x->next, i++, first = false) {
        if (!first) put(e, ",");
        operand(e, x, base, i);
    }
}

static void concat(struct emit *e, const struct ms_node *x) {
    int n = 0;
    for (const struct ms_node *v = x->list; v; v = v->next) n++;
    for (int i = 0; i <= (n - 1) / CONCAT_MAX; i++) put(e, "CAT(");
    int i = 0;
    for (const struct ms_node *v = x->list; v; v = v->next, i++) {
        if (i && i % CONCAT_MAX == 0) put(e, ")");
        if (i) put(e, ",");
        inline_expr(e, v, -1);
    }
    put(e, ")");
}

static int count(const struct ms_node *x) {
    int n = 0;
    for (; x; x = x->next) n++;
    return n;
}

static void object(struct emit *e, const struct ms_node *x) {
    put(e, "{");
    for (const struct ms_node *v = x->list; v; v = v->next) {
        put(e, "[");
        quote(e, v->key);
        put(e, "]=");
        inline_expr(e, v, -1);
        put(e, ",");
    }
    put(e, "}");
}

static struct function *begin(struct emit *e, const struct ms_node *params) {
    struct function *f = ms_alloc(e->p, sizeof *f);
    f->params = params;
    f->outer = e->f;
    f->level = e->f ? e->f->level + 1 : 0;
    f->registers = 1;
    e->f = f;
    return f;
}

/* Appends the function being written, its registers declared, and goes back to the outer one. */
static void end(struct emit *e, struct hub_buf *out) {
    struct function *f = e->f;
    for (int i = 1; i <= f->registers; i++) hub_buf_addf(out, "%s r%d", i == 1 ? " local" : ",", i);
    hub_buf_adds(out, hub_buf_str(&f->body));
    hub_buf_addz(out, " return r1 end");
    hub_buf_free(&f->body);
    e->f = f->outer;
}

static void arrow(struct emit *e, const struct ms_node *x) {
    put(e, "function(");
    for (int i = 0, n = count(x->list); i < n; i++) hub_buf_addf(out(e), "%sp%d_%d", i ? "," : "", e->f->level + 1, i);
    put(e, ")");
    struct hub_buf *outer = out(e);
    begin(e, x->list);
    statements(e, x->a, 1);
    end(e, outer);
}

/* f(…), or a.b(…), a[b](…) with the object (and the key) as first operands. */
static void call(struct emit *e, const struct ms_node *x, int base) {
    const struct ms_node *f = x->a;
    if (f->kind == MS_VAR) {
        variable(e, f);
        put(e, "(");
        list(e, x->list, base, 0, true);
    } else {
        put(e, "M(");
        operand(e, f->a, base, 0);
        put(e, ",");
        if (f->kind == MS_MEMBER)
            quote(e, f->name);
        else
            operand(e, f->b, base, 1);
        list(e, x->list, base, 2, false);
    }
    put(e, ")");
}

/* Writes the operation X; its operands are written in place, or are in the registers from BASE on. */
static void inline_expr(struct emit *e, const struct ms_node *x, int base) {
    sync(e, x);
    switch (x->kind) {
    case MS_LIT_NUMBER: literal_number(e, x); break;
    case MS_LIT_STRING: quote(e, x->name); break;
    case MS_LIT_TRUE: put(e, "true"); break;
    case MS_LIT_FALSE: put(e, "false"); break;
    case MS_LIT_NULL: put(e, "N"); break;
    case MS_LIT_UNDEFINED: put(e, "nil"); break;
    case MS_VAR: variable(e, x); break;
    case MS_MEMBER:
        put(e, "G(");
        operand(e, x->a, base, 0);
        put(e, ",");
        quote(e, x->name);
        put(e, ")");
        break;
    case MS_INDEX:
        put(e, "G(");
        operand(e, x->a, base, 0);
        put(e, ",");
        operand(e, x->b, base, 1);
        put(e, ")");
        break;
    case MS_CALL: call(e, x, base); break;
    case MS_UNARY: unary(e, x, base); break;
    case MS_BINARY: binary(e, x, base); break;
    case MS_ARRAY:
        hub_buf_addf(out(e), "ARR(%d", count(x->list));
        list(e, x->list, base, 0, false);
        put(e, ")");
        break;
    case MS_OBJECT: object(e, x); break;
    case MS_ARROW: arrow(e, x); break;
    case MS_DATE:
        put(e, "DATE(");
        list(e, x->list, base, 0, true);
        put(e, ")");
        break;
    case MS_CONCAT: concat(e, x); break;
    case MS_LOGIC:
    case MS_COND: break; /* always statements */
    }
}

/* ---- statements ---- */

static void set(struct emit *e, int reg) { hub_buf_addf(out(e), " r%d=", reg); }

/* Evaluates X into REG unless it needs none. */
static void prepare(struct emit *e, const struct ms_node *x, int reg) {
    if (simple(x)) return;
    reserve(e, reg);
    statements(e, x, reg);
}

static void logic(struct emit *e, const struct ms_node *x, int dst) {
    statements(e, x->a, dst);
    if (x->op[0] == '?') {
        hub_buf_addf(out(e), " if r%d==nil or r%d==N then", dst, dst);
    } else {
        put(e, x->op[0] == '|' ? " if not " : " if ");
        truth(e, x->a, dst);
        put(e, " then");
    }
    statements(e, x->b, dst);
    put(e, " end");
}

static void conditional(struct emit *e, const struct ms_node *x, int dst) {
    statements(e, x->a, dst);
    put(e, " if ");
    truth(e, x->a, dst);
    put(e, " then");
    statements(e, x->b, dst);
    put(e, " else");
    statements(e, x->c, dst);
    put(e, " end");
}

static void fill(struct emit *e, const struct ms_node *x, int dst) {
    int i = 0;
    set(e, dst);
    put(e, x->kind == MS_ARRAY ? "ARR(0)" : x->kind == MS_OBJECT ? "{}" : "\"\"");
    reserve(e, dst + 1);
    for (const struct ms_node *v = x->list; v; v = v->next) {
        prepare(e, v, dst + 1);
        if (x->kind == MS_ARRAY) {
            hub_buf_addf(out(e), " PUT(r%d,%d,", dst, ++i);
            operand(e, v, dst + 1, 0);
            put(e, ")");
        } else if (x->kind == MS_OBJECT) {
            hub_buf_addf(out(e), " r%d[", dst);
            quote(e, v->key);
            put(e, "]=");
            operand(e, v, dst + 1, 0);
        } else {
            hub_buf_addf(out(e), " r%d=CAT(r%d,", dst, dst);
            operand(e, v, dst + 1, 0);
            put(e, ")");
        }
    }
}

static bool link_of_chain(const struct ms_node *x) {
    return x->kind == MS_MEMBER || x->kind == MS_INDEX || (x->kind == MS_CALL && x->a->kind != MS_VAR);
}

/* One step of a chain on the value in DST. */
static void chain_link(struct emit *e, const struct ms_node *y, const struct ms_node *called, int dst) {
    sync(e, y);
    if (y->kind == MS_INDEX) prepare(e, y->b, dst + 1);
    int i = 2;
    for (const struct ms_node *v = called ? called->list : NULL; v; v = v->next, i++) prepare(e, v, dst + i);
    set(e, dst);
    hub_buf_addf(out(e), "%s(r%d,", called ? "M" : "G", dst);
    if (y->kind == MS_MEMBER)
        quote(e, y->name);
    else
        operand(e, y->b, dst, 1);
    if (called) list(e, called->list, dst, 2, false);
    put(e, ")");
}

/* a?.b.c(d)[e]: a missing value at "?." skips the rest of the chain, arguments included. */
static void chain(struct emit *e, const struct ms_node *x, int dst) {
    const struct ms_node **links = ms_alloc(e->p, sizeof *links * (size_t)x->height), *base = x;
    int n = 0, open = 0;
    for (; link_of_chain(base) && (base == x || !base->parens); base = base->a) links[n++] = base;
    statements(e, base, dst);
    while (n--) {
        const struct ms_node *y = links[n], *called = n && links[n - 1]->kind == MS_CALL ? links[n - 1] : NULL;
        if (y->optional) {
            if (++open > OPTIONAL_MAX)
                ms_fail(e->p, "L001", y->at, y->n, "more than %d '?.' in one chain", OPTIONAL_MAX);
            hub_buf_addf(out(e), " if r%d~=nil and r%d~=N then", dst, dst);
        }
        chain_link(e, y, called, dst);
        n -= called != NULL;
    }
    while (open--) hub_buf_addf(out(e), " else r%d=nil end", dst);
}

static void statements(struct emit *e, const struct ms_node *x, int dst) {
    reserve(e, dst);
    if (!x->statements && x->height <= NESTED_MAX) {
        set(e, dst);
        inline_expr(e, x, -1);
        return;
    }
    switch (x->kind) {
    case MS_LOGIC: logic(e, x, dst); return;
    case MS_COND: conditional(e, x, dst); return;
    case MS_ARRAY:
    case MS_OBJECT:
    case MS_CONCAT: fill(e, x, dst); return;
    default: break;
    }
    if (link_of_chain(x)) {
        chain(e, x, dst);
        return;
    }
    int i = 0;
    if (x->kind == MS_UNARY || x->kind == MS_BINARY) prepare(e, x->a, dst + i++);
    if (x->kind == MS_BINARY) prepare(e, x->b, dst + i++);
    for (const struct ms_node *v = x->kind == MS_ARROW ? NULL : x->list; v; v = v->next) prepare(e, v, dst + i++);
    set(e, dst);
    inline_expr(e, x, dst);
}

/* ---- the whole ---- */

bool ms_emit(struct ms_parse *p, int first_line, struct hub_buf *out) {
    struct emit e = {.p = p};
    size_t kept = out->n;
    if (setjmp(p->fail)) {
        for (struct function *f = e.f; f; f = f->outer) hub_buf_free(&f->body);
        out->n = kept;
        return false;
    }
    for (int i = 1; i < first_line; i++) hub_buf_addc(out, '\n');
    hub_buf_addz(out, "local J=... local T,G,M,EQ,LT,LE,GT,GE,ADD,SUB,MUL,DIV,MOD,NEG,NUM,TYPEOF,CAT,ARR,PUT,DATE,N="
                      "J.T,J.G,J.M,J.EQ,J.LT,J.LE,J.GT,J.GE,J.ADD,J.SUB,J.MUL,J.DIV,J.MOD,J.NEG,J.NUM,J.TYPEOF,J.CAT,J."
                      "ARR,J.PUT,J.DATE,J.N "
                      "return function(_ENV)");
    begin(&e, NULL);
    statements(&e, p->root, 1);
    end(&e, out);
    return true;
}
