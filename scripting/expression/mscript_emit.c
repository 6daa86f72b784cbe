/* From MScript's tree to Lua source. JavaScript's semantics live in the functions of js_*.c and prelude.c,
 * called by one-word names; this file decides what can be written as one nested Lua expression and what
 * (short circuits, very long chains) becomes statements over numbered locals, "registers". */
#include <math.h>
#include <stdio.h>

#include "scripting/expression/mscript_int.h"

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
static void emit_statements(struct emit *e, const struct ms_node *x, int dst);

static struct hub_buf *body_of(struct emit *e) { return &e->f->body; }
static void put_text(struct emit *e, const char *s) { hub_buf_addz(body_of(e), s); }

/* Moves on to the line of X, so that Lua's positions are the text's. */
static void sync_line(struct emit *e, const struct ms_node *x) {
    for (; e->line < x->line; e->line++) hub_buf_addc(body_of(e), '\n');
}

static void quote_text(struct emit *e, struct hub_str s) {
    hub_buf_addc(body_of(e), '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == '"' || c == '\\' || c >= 0x7f)
            hub_buf_addf(body_of(e), "\\%03u", c);
        else
            hub_buf_addc(body_of(e), (char)c);
    }
    hub_buf_addc(body_of(e), '"');
}

static void literal_number(struct emit *e, const struct ms_node *x) {
    if (x->integer)
        hub_buf_addi(body_of(e), x->i);
    else if (isinf(x->d))
        put_text(e, "1e999");
    else
        hub_buf_addf(body_of(e), "%.17g", x->d);
}

static void emit_variable(struct emit *e, const struct ms_node *x) {
    for (const struct function *f = e->f; f; f = f->outer) {
        int i = 0, found = -1;
        for (const struct ms_node *v = f->params; v; v = v->next, i++) {
            if (hub_str_eq(v->name, x->name)) found = i;
        }
        if (found < 0) continue;
        hub_buf_addf(body_of(e), "p%d_%d", f->level, found);
        return;
    }
    put_text(e, "_ENV[");
    quote_text(e, x->name);
    put_text(e, "]");
}

/* Needs no register: reading it has no effect and cannot fail. */
static bool is_simple(const struct ms_node *x) { return x->kind <= MS_VAR; }

/* The I-th operand of an operation whose operands are in registers from BASE on; BASE < 0: written in
 * place. */
static void emit_operand(struct emit *e, const struct ms_node *x, int base, int i) {
    if (base < 0 || is_simple(x))
        inline_expr(e, x, -1);
    else
        hub_buf_addf(body_of(e), "r%d", base + i);
}

static void check_register(struct emit *e, int reg) {
    if (reg > REGISTERS_MAX)
        ms_fail(e->p, "L001", 0, 0, "the expression is too complex: it needs more than %d intermediate values",
                REGISTERS_MAX);
    if (reg > e->f->registers) e->f->registers = reg;
}

static void emit_truth(struct emit *e, const struct ms_node *x, int reg) {
    if (x->boolean)
        hub_buf_addf(body_of(e), "r%d", reg);
    else
        hub_buf_addf(body_of(e), "T(r%d)", reg);
}

/* ---- operations ---- */

static const char *helper_of(const char *op) {
    static const char *const names[][2] = {{"==", "EQ"}, {"!=", "not EQ"}, {"<", "LT"},  {"<=", "LE"},
                                           {">", "GT"},  {">=", "GE"},     {"+", "ADD"}, {"-", "SUB"},
                                           {"*", "MUL"}, {"/", "DIV"},     {"%", "MOD"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], op) == 0) return names[i][1];
    }
    return "";
}

static void emit_binary(struct emit *e, const struct ms_node *x, int base) {
    bool strict = x->op[1] == '=' && x->op[2] == '=';
    if (strict) {
        put_text(e, "(");
        emit_operand(e, x->a, base, 0);
        put_text(e, x->op[0] == '!' ? "~=" : "==");
        emit_operand(e, x->b, base, 1);
        put_text(e, ")");
        return;
    }
    put_text(e, "(");
    put_text(e, helper_of(x->op));
    put_text(e, "(");
    emit_operand(e, x->a, base, 0);
    put_text(e, ",");
    emit_operand(e, x->b, base, 1);
    put_text(e, "))");
}

static void emit_unary(struct emit *e, const struct ms_node *x, int base) {
    if (x->op[0] == '-' && x->a->kind == MS_LIT_NUMBER && (!x->a->integer || x->a->i)) {
        put_text(e, "(-");
        literal_number(e, x->a);
        put_text(e, ")");
        return;
    }
    const char *f = x->op[0] == '!'   ? (x->a->boolean ? "(not (" : "(not T(")
                    : x->op[0] == '-' ? "(NEG("
                    : x->op[0] == '+' ? "(NUM("
                                      : "(TYPEOF(";
    put_text(e, f);
    emit_operand(e, x->a, base, 0);
    put_text(e, "))");
}

static void emit_list(struct emit *e, const struct ms_node *x, int base, int i, bool first) {
    for (; x; x = x->next, i++, first = false) {
        if (!first) put_text(e, ",");
        emit_operand(e, x, base, i);
    }
}

static void emit_concat(struct emit *e, const struct ms_node *x) {
    int n = 0;
    for (const struct ms_node *v = x->list; v; v = v->next) n++;
    for (int i = 0; i <= (n - 1) / CONCAT_MAX; i++) put_text(e, "CAT(");
    int i = 0;
    for (const struct ms_node *v = x->list; v; v = v->next, i++) {
        if (i && i % CONCAT_MAX == 0) put_text(e, ")");
        if (i) put_text(e, ",");
        inline_expr(e, v, -1);
    }
    put_text(e, ")");
}

static int count_nodes(const struct ms_node *x) {
    int n = 0;
    for (; x; x = x->next) n++;
    return n;
}

static void emit_object(struct emit *e, const struct ms_node *x) {
    put_text(e, "{");
    for (const struct ms_node *v = x->list; v; v = v->next) {
        put_text(e, "[");
        quote_text(e, v->key);
        put_text(e, "]=");
        inline_expr(e, v, -1);
        put_text(e, ",");
    }
    put_text(e, "}");
}

static struct function *begin_function(struct emit *e, const struct ms_node *params) {
    struct function *f = ms_alloc(e->p, sizeof *f);
    f->params = params;
    f->outer = e->f;
    f->level = e->f ? e->f->level + 1 : 0;
    f->registers = 1;
    e->f = f;
    return f;
}

/* Appends the function being written, its registers declared, and goes back to the outer one. */
static void end_function(struct emit *e, struct hub_buf *out) {
    struct function *f = e->f;
    for (int i = 1; i <= f->registers; i++) hub_buf_addf(out, "%s r%d", i == 1 ? " local" : ",", i);
    hub_buf_adds(out, hub_buf_str(&f->body));
    hub_buf_addz(out, " return r1 end");
    hub_buf_free(&f->body);
    e->f = f->outer;
}

static void emit_arrow(struct emit *e, const struct ms_node *x) {
    put_text(e, "function(");
    for (int i = 0, n = count_nodes(x->list); i < n; i++)
        hub_buf_addf(body_of(e), "%sp%d_%d", i ? "," : "", e->f->level + 1, i);
    put_text(e, ")");
    struct hub_buf *outer = body_of(e);
    begin_function(e, x->list);
    emit_statements(e, x->a, 1);
    end_function(e, outer);
}

/* f(…), or a.b(…), a[b](…) with the object (and the key) as first operands. */
static void emit_call(struct emit *e, const struct ms_node *x, int base) {
    const struct ms_node *f = x->a;
    if (f->kind == MS_VAR) {
        emit_variable(e, f);
        put_text(e, "(");
        emit_list(e, x->list, base, 0, true);
    } else {
        put_text(e, "M(");
        emit_operand(e, f->a, base, 0);
        put_text(e, ",");
        if (f->kind == MS_MEMBER)
            quote_text(e, f->name);
        else
            emit_operand(e, f->b, base, 1);
        emit_list(e, x->list, base, 2, false);
    }
    put_text(e, ")");
}

/* Writes the operation X; its operands are written in place, or are in the registers from BASE on. */
static void inline_expr(struct emit *e, const struct ms_node *x, int base) {
    sync_line(e, x);
    switch (x->kind) {
    case MS_LIT_NUMBER: literal_number(e, x); break;
    case MS_LIT_STRING: quote_text(e, x->name); break;
    case MS_LIT_TRUE: put_text(e, "true"); break;
    case MS_LIT_FALSE: put_text(e, "false"); break;
    case MS_LIT_NULL: put_text(e, "N"); break;
    case MS_LIT_UNDEFINED: put_text(e, "nil"); break;
    case MS_VAR: emit_variable(e, x); break;
    case MS_MEMBER:
        put_text(e, "G(");
        emit_operand(e, x->a, base, 0);
        put_text(e, ",");
        quote_text(e, x->name);
        put_text(e, ")");
        break;
    case MS_INDEX:
        put_text(e, "G(");
        emit_operand(e, x->a, base, 0);
        put_text(e, ",");
        emit_operand(e, x->b, base, 1);
        put_text(e, ")");
        break;
    case MS_CALL: emit_call(e, x, base); break;
    case MS_UNARY: emit_unary(e, x, base); break;
    case MS_BINARY: emit_binary(e, x, base); break;
    case MS_ARRAY:
        hub_buf_addf(body_of(e), "ARR(%d", count_nodes(x->list));
        emit_list(e, x->list, base, 0, false);
        put_text(e, ")");
        break;
    case MS_OBJECT: emit_object(e, x); break;
    case MS_ARROW: emit_arrow(e, x); break;
    case MS_DATE:
        put_text(e, "DATE(");
        emit_list(e, x->list, base, 0, true);
        put_text(e, ")");
        break;
    case MS_CONCAT: emit_concat(e, x); break;
    case MS_LOGIC:
    case MS_COND: break; /* always statements */
    }
}

/* ---- statements ---- */

static void set_register(struct emit *e, int reg) { hub_buf_addf(body_of(e), " r%d=", reg); }

/* Evaluates X into REG unless it needs none. */
static void prepare_operand(struct emit *e, const struct ms_node *x, int reg) {
    if (is_simple(x)) return;
    check_register(e, reg);
    emit_statements(e, x, reg);
}

static void emit_logic(struct emit *e, const struct ms_node *x, int dst) {
    emit_statements(e, x->a, dst);
    if (x->op[0] == '?') {
        hub_buf_addf(body_of(e), " if r%d==nil or r%d==N then", dst, dst);
    } else {
        put_text(e, x->op[0] == '|' ? " if not " : " if ");
        emit_truth(e, x->a, dst);
        put_text(e, " then");
    }
    emit_statements(e, x->b, dst);
    put_text(e, " end");
}

static void emit_conditional(struct emit *e, const struct ms_node *x, int dst) {
    emit_statements(e, x->a, dst);
    put_text(e, " if ");
    emit_truth(e, x->a, dst);
    put_text(e, " then");
    emit_statements(e, x->b, dst);
    put_text(e, " else");
    emit_statements(e, x->c, dst);
    put_text(e, " end");
}

static void emit_aggregate(struct emit *e, const struct ms_node *x, int dst) {
    int i = 0;
    set_register(e, dst);
    put_text(e, x->kind == MS_ARRAY ? "ARR(0)" : x->kind == MS_OBJECT ? "{}" : "\"\"");
    check_register(e, dst + 1);
    for (const struct ms_node *v = x->list; v; v = v->next) {
        prepare_operand(e, v, dst + 1);
        if (x->kind == MS_ARRAY) {
            hub_buf_addf(body_of(e), " PUT(r%d,%d,", dst, ++i);
            emit_operand(e, v, dst + 1, 0);
            put_text(e, ")");
        } else if (x->kind == MS_OBJECT) {
            hub_buf_addf(body_of(e), " r%d[", dst);
            quote_text(e, v->key);
            put_text(e, "]=");
            emit_operand(e, v, dst + 1, 0);
        } else {
            hub_buf_addf(body_of(e), " r%d=CAT(r%d,", dst, dst);
            emit_operand(e, v, dst + 1, 0);
            put_text(e, ")");
        }
    }
}

static bool link_of_chain(const struct ms_node *x) {
    return x->kind == MS_MEMBER || x->kind == MS_INDEX || (x->kind == MS_CALL && x->a->kind != MS_VAR);
}

/* One step of a chain on the value in DST. */
static void chain_link(struct emit *e, const struct ms_node *y, const struct ms_node *called, int dst) {
    sync_line(e, y);
    if (y->kind == MS_INDEX) prepare_operand(e, y->b, dst + 1);
    int i = 2;
    for (const struct ms_node *v = called ? called->list : NULL; v; v = v->next, i++) prepare_operand(e, v, dst + i);
    set_register(e, dst);
    hub_buf_addf(body_of(e), "%s(r%d,", called ? "M" : "G", dst);
    if (y->kind == MS_MEMBER)
        quote_text(e, y->name);
    else
        emit_operand(e, y->b, dst, 1);
    if (called) emit_list(e, called->list, dst, 2, false);
    put_text(e, ")");
}

/* a?.b.c(d)[e]: a missing value at "?." skips the rest of the chain, arguments included. */
static void emit_chain(struct emit *e, const struct ms_node *x, int dst) {
    const struct ms_node **links = ms_alloc(e->p, sizeof *links * (size_t)x->height), *base = x;
    int n = 0, open = 0;
    for (; link_of_chain(base) && (base == x || !base->parens); base = base->a) links[n++] = base;
    emit_statements(e, base, dst);
    while (n--) {
        const struct ms_node *y = links[n], *called = n && links[n - 1]->kind == MS_CALL ? links[n - 1] : NULL;
        if (y->optional) {
            if (++open > OPTIONAL_MAX)
                ms_fail(e->p, "L001", y->at, y->n, "more than %d '?.' in one chain", OPTIONAL_MAX);
            hub_buf_addf(body_of(e), " if r%d~=nil and r%d~=N then", dst, dst);
        }
        chain_link(e, y, called, dst);
        n -= called != NULL;
    }
    while (open--) hub_buf_addf(body_of(e), " else r%d=nil end", dst);
}

static void emit_statements(struct emit *e, const struct ms_node *x, int dst) {
    check_register(e, dst);
    if (!x->statements && x->height <= NESTED_MAX) {
        set_register(e, dst);
        inline_expr(e, x, -1);
        return;
    }
    switch (x->kind) {
    case MS_LOGIC: emit_logic(e, x, dst); return;
    case MS_COND: emit_conditional(e, x, dst); return;
    case MS_ARRAY:
    case MS_OBJECT:
    case MS_CONCAT: emit_aggregate(e, x, dst); return;
    default: break;
    }
    if (link_of_chain(x)) {
        emit_chain(e, x, dst);
        return;
    }
    int i = 0;
    if (x->kind == MS_UNARY || x->kind == MS_BINARY) prepare_operand(e, x->a, dst + i++);
    if (x->kind == MS_BINARY) prepare_operand(e, x->b, dst + i++);
    for (const struct ms_node *v = x->kind == MS_ARROW ? NULL : x->list; v; v = v->next)
        prepare_operand(e, v, dst + i++);
    set_register(e, dst);
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
    begin_function(&e, NULL);
    emit_statements(&e, p->root, 1);
    end_function(&e, out);
    return true;
}
