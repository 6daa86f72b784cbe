/* MScript: one JavaScript expression, from text to a tree (lex, parse), from a tree to Lua source (emit).
 * Pure functions over views; all nodes of a tree live in its arena. */
#ifndef HUB_SCRIPTING_MSCRIPT_INT_H
#define HUB_SCRIPTING_MSCRIPT_INT_H
#include <setjmp.h>

#include "base/collection/map.h"
#include "base/text/buf.h"
#include "schema/load.h"

enum { MS_TEXT_MAX = 64 << 10, MS_DEPTH_MAX = 64, MS_HEIGHT_MAX = 1000 };

enum ms_token_kind {
    MS_END,
    MS_NUMBER,
    MS_STRING,
    MS_TEMPLATE, /* the opening backquote; the parser asks for the pieces */
    MS_NAME,     /* identifiers and words; the parser knows which are reserved */
    MS_OP        /* one of the operators and brackets, text in the view */
};
struct ms_token {
    enum ms_token_kind kind;
    size_t at, n;      /* offset and length in the text */
    struct hub_str op; /* MS_OP, MS_NAME: the spelling */
    bool integer;
    int64_t i;
    double d;
    struct hub_str value; /* MS_STRING: decoded; in the arena */
};

enum ms_kind {
    MS_LIT_NUMBER,
    MS_LIT_STRING,
    MS_LIT_TRUE,
    MS_LIT_FALSE,
    MS_LIT_NULL,
    MS_LIT_UNDEFINED,
    MS_VAR,    /* name */
    MS_MEMBER, /* a.name; optional = ?. */
    MS_INDEX,  /* a[b] */
    MS_CALL,   /* a(list): a is a VAR, a MEMBER or an INDEX */
    MS_UNARY,  /* op: ! - + typeof */
    MS_BINARY, /* op */
    MS_LOGIC,  /* op: && || ?? */
    MS_COND,   /* a ? b : c */
    MS_ARRAY,  /* list */
    MS_OBJECT, /* list of values, names in their key */
    MS_ARROW,  /* params in list, body in a */
    MS_DATE,   /* new Date(list) */
    MS_CONCAT  /* template literal: list of strings and expressions */
};

struct ms_node {
    enum ms_kind kind;
    size_t at, n; /* the stretch of text that a message about it points at */
    int line;     /* from 0 */
    bool optional;
    bool parens;     /* written in parentheses */
    bool statements; /* cannot be written as one Lua expression */
    bool boolean;    /* always gives true or false */
    int height;
    const char *op;
    struct hub_str name; /* MS_VAR, MS_MEMBER: name; MS_LIT_STRING: value; element of an MS_OBJECT: its key is KEY */
    struct hub_str key;
    size_t key_at, key_n; /* where the key is written */
    bool integer;
    int64_t i;
    double d;
    struct ms_node *a, *b, *c;
    struct ms_node *list, *next; /* first element; the element after this one */
};

struct ms_chunk;
struct ms_parse {
    struct hub_str text;
    size_t pos;
    struct ms_token token; /* the current one */
    int depth;
    struct ms_node *root;
    struct ms_chunk *chunks; /* the arena */
    jmp_buf fail;
    struct hub_script_problem problem; /* when parsing failed */
};

/* Parses TEXT. False: p->problem says why. Call ms_free in either case. */
bool ms_parse(struct ms_parse *p, struct hub_str text);
void ms_free(struct ms_parse *p);
HUB_MUST void *ms_alloc(struct ms_parse *p, size_t n); /* zeroed */

/* ---- lex ---- */
void ms_next(struct ms_parse *p); /* moves p->token on */
/* After an MS_TEMPLATE token or the '}' that ends a substitution: the decoded text up to "${" (true) or
 * the closing backquote (false). */
bool ms_template_piece(struct ms_parse *p, size_t open, struct hub_str *piece); /* OPEN: where the literal began */
/* Gives up with a problem at AT. */
_Noreturn void ms_fail(struct ms_parse *p, const char *code, size_t at, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Line, column (in characters) and length (in characters) of a stretch of TEXT, all from 0. */
void ms_place(struct hub_str text, size_t at, size_t n, struct hub_script_problem *out);
int ms_line(struct hub_str text, size_t at);

/* ---- names ---- */
/* Adds the variables of the hook to TEXT of CAP bytes, when they are few; of a plugin's hook they depend on
 * who uses it, and are left out. */
void ms_list_vars(const char *const *vars, char *text, size_t cap);
/* The nearest of the known names to NAME, "" when none is near. */
void ms_suggest(struct hub_str name, const char *const *vars, const char *const *more, char out[64]);
/* Names that every expression and every Lua chunk has beside the tables of
 * schema/analysis/functions.h; NULL-terminated. */
extern const char *const hub_script_expr_globals[];
extern const char *const hub_script_lua_globals[];
/* Reports every variable that is neither in NAMES nor global nor a parameter, and every member that a
 * known table has not. */
void ms_check_names(const struct ms_parse *p, const struct hub_script_names *names);

/* The expression TEXT as schema/analysis reads it (mscript_syntax.c); NULL when its syntax is wrong. */
struct hub_syntax *ms_syntax(struct hub_str text, struct hub_arena *arena);
/* The same for a Lua chunk (lua_syntax.c). */
struct hub_syntax *hub_lua_syntax(struct hub_str text, struct hub_arena *arena);

/* As ms_check_names for a Lua chunk whose syntax is right (lua_names.c). */
void hub_script_lua_names(struct hub_str text, const struct hub_script_names *names);
/* hub_script_checker.members. */
bool hub_script_lua_members(struct hub_str text, void (*each)(void *arg, struct hub_str name), void *arg);

/* ---- members (members.c) ---- */
bool hub_script_is_table(struct hub_str name); /* of the engine, that expressions and chunks have */
bool hub_script_is_lib(struct hub_str name);
/* Reports NAME, at AT in TEXT, if it is known that PATH has no such member. */
void hub_script_check_member(const struct hub_script_names *names, struct hub_str text, struct hub_str path,
                             struct hub_str name, size_t at);
/* Puts into WHOLE every variable that is used other than by reading its members by name. */
void ms_whole_vars(const struct ms_parse *p, struct hub_map *whole);

/* ---- emit ---- */
/* Appends the Lua source of a function(J) that returns function(_ENV): J is the table of js.c. Line 0 of
 * the text becomes line FIRST_LINE (from 1) of the source. False when the expression needs more registers
 * than Lua has; p->problem says so. */
bool ms_emit(struct ms_parse *p, int first_line, struct hub_buf *out);
#endif
