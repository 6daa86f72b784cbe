/* A script as a tree, the same for expressions and Lua chunks: what the analysis of schema/analysis reads.
 * scripting/ makes it (hub_script_checker.syntax). Everything lives in the arena it was made in; texts may
 * be views into the script. */
#ifndef HUB_SCHEMA_ANALYSIS_SYNTAX_H
#define HUB_SCHEMA_ANALYSIS_SYNTAX_H
#include "base/text/str.h"

enum hub_syntax_kind {
    HUB_SYNTAX_OTHER, /* whatever is none of these: only its parts count, in LIST */
    HUB_SYNTAX_NULL,
    HUB_SYNTAX_BOOLEAN, /* TRUTH */
    HUB_SYNTAX_NUMBER,  /* NUMBER */
    HUB_SYNTAX_TEXT,    /* TEXT: the decoded value, with a NUL behind it */
    HUB_SYNTAX_NAME,    /* a variable, TEXT */
    HUB_SYNTAX_MEMBER,  /* A.TEXT; also A["TEXT"] */
    HUB_SYNTAX_INDEX,   /* A[B] */
    HUB_SYNTAX_CALL,    /* A(LIST); of A a member written with a colon: METHOD */
    HUB_SYNTAX_EQUAL,   /* A == B; with NEGATED != */
    HUB_SYNTAX_ORDER,   /* A < B and the like */
    HUB_SYNTAX_AND,
    HUB_SYNTAX_OR, /* also ?? */
    HUB_SYNTAX_NOT,
    HUB_SYNTAX_ARITHMETIC, /* A - B, * / %; not +, which joins texts, too */
    HUB_SYNTAX_CHOICE,     /* A ? B : C */
    HUB_SYNTAX_LIST,       /* elements in LIST */
    HUB_SYNTAX_OBJECT,     /* values in LIST, each with its KEY; a computed key is empty */
    HUB_SYNTAX_FUNCTION,   /* parameters in LIST, names; body in A: an expression or a block */
    HUB_SYNTAX_BLOCK,      /* statements in LIST */
    HUB_SYNTAX_TEST,       /* A is a condition of a statement */
    HUB_SYNTAX_LOCAL,      /* A: group of names (OTHER), B: group of values */
    HUB_SYNTAX_ASSIGN,     /* the same of variables and members; also "function a.b()" */
    HUB_SYNTAX_EACH,       /* for A in B do C */
    HUB_SYNTAX_RETURN      /* values in LIST */
};
struct hub_syntax {
    enum hub_syntax_kind kind;
    size_t at, n;  /* the stretch of the script that a message about it points at */
    bool negated;  /* EQUAL */
    bool exact;    /* EQUAL, ORDER: no conversion between types */
    bool method;   /* MEMBER: written with a colon. FUNCTION: it has self, which is not in LIST */
    bool open;     /* FUNCTION: it takes any number of arguments. CALL, LIST, OBJECT: there may be further ones */
    bool truth;    /* BOOLEAN */
    double number; /* NUMBER */
    struct hub_str text;
    struct hub_str key; /* as an element of an OBJECT; */
    size_t key_at, key_n;
    struct hub_syntax *a, *b, *c, *list, *next;
};

struct hub_arena;
/* A node without parts. */
HUB_MUST struct hub_syntax *hub_syntax_new(struct hub_arena *arena, enum hub_syntax_kind kind, size_t at, size_t n);
/* Puts X at **END, the end of a list, which moves behind it. NULL is passed over. */
void hub_syntax_add(struct hub_syntax ***end, struct hub_syntax *x);
/* A copy of S in the arena. */
struct hub_str hub_syntax_text(struct hub_arena *arena, struct hub_str s);
#endif
