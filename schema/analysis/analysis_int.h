/* What the files of schema/analysis share while they look at one script. */
#ifndef HUB_SCHEMA_ANALYSIS_ANALYSIS_INT_H
#define HUB_SCHEMA_ANALYSIS_ANALYSIS_INT_H
#include "schema/analysis/analysis.h"
#include "schema/analysis/functions.h"
#include "schema/analysis/hooks.h"
#include "schema/analysis/syntax.h"
#include "schema/analysis/types.h"
#include "schema/loader.h"

/* What a name stands for in a script that declares it. */
struct hub_binding {
    size_t n;                       /* how often it is declared or assigned: with more than one nothing is known */
    const struct hub_syntax *value; /* NULL: unknown, as a parameter is */
    bool outermost;                 /* a local of the whole chunk, from where it is declared */
    bool element;                   /* it is an element of VALUE, not VALUE itself */
    size_t from, to;                /* of a parameter: where its function is; elsewhere it is another name */
};
/* A function of a module in lib/. */
struct hub_lib_function {
    const char *module, *name; /* "game.board", "move" */
    const struct hub_source *src;
    const struct hub_syntax *function;
};
/* What has been done for one script, to its bounds. */
struct hub_analysis_work {
    size_t depth; /* of types that are looked for within each other */
    size_t steps, told;
};
/* One value of a name, of several that it may have. */
struct hub_alias {
    struct hub_str name;
    const struct hub_syntax *value;
    struct hub_alias *next;
};
struct hub_analysis {
    struct hub_loader *l;
    const struct hub_pending_script *script; /* NULL: a whole module */
    const struct hub_source *src;            /* of the script, or the module */
    struct hub_str text;
    const struct hub_syntax *root;
    bool lua;
    bool lib;   /* the script's result is made in a function of the module SRC, which is looked at */
    bool falls; /* the result is the left of an or: false and null go on to what is on its right */
    struct hub_analysis_work *work;
    const struct hub_hook_row *hook; /* NULL: nothing is known of it */
    const struct hub_script_known *known;
    const struct hub_def_object *room, *source; /* of the variables that stand for their records; NULL: unknown */
    size_t functions;                           /* found so far */
    struct hub_map bindings;                    /* name -> struct hub_binding */
    struct hub_map assigned;                    /* names of members that the script sets: nothing is known of them */
    struct hub_alias *aliases;                  /* the last one first */
    struct hub_map whole; /* "a.b": what goes elsewhere as a whole, where somebody may add to it */
};

/* ---- bind.c ---- */
/* Fills in the maps of A. */
void hub_analysis_bind(struct hub_analysis *a);
void hub_analysis_unbind(struct hub_analysis *a);
/* That of the name X, where it stands; NULL: the script does not declare it. */
const struct hub_binding *hub_analysis_binding(const struct hub_analysis *a, const struct hub_syntax *x);
/* Whether the script declares NAME anywhere. */
bool hub_analysis_declares(const struct hub_analysis *a, struct hub_str name);
/* "a.b" of a chain of names, "" of anything else; in the scratch arena. */
struct hub_str hub_analysis_path(const struct hub_analysis *a, const struct hub_syntax *x);
/* Whether X, or what it is in, goes elsewhere as a whole: whoever got it may have changed it. */
bool hub_analysis_goes_elsewhere(const struct hub_analysis *a, const struct hub_syntax *x);
/* Where X begins: of "a.b(c)" at a. */
size_t hub_analysis_start(const struct hub_syntax *x);

/* ---- variables.c ---- */
/* Of a variable of the hook. */
struct hub_type hub_analysis_variable(const struct hub_analysis *a, struct hub_str name);
bool hub_analysis_has_variable(const struct hub_analysis *a, struct hub_str name);

/* ---- infer.c ---- */
struct hub_type hub_analysis_infer(const struct hub_analysis *a, const struct hub_syntax *x);
/* The engine's or Lua's function that X, what is called, names; NULL: it is none. *TABLE: where it is; NULL:
 * in none. */
const struct hub_function *hub_analysis_function(const struct hub_analysis *a, const struct hub_syntax *x,
                                                 const struct hub_function_table **table);
/* The DataObject that a call of objects.* names first, by a text; NULL: unknown. */
const struct hub_def_object *hub_analysis_object(const struct hub_analysis *a, const struct hub_syntax *call);
/* The module of lib/ that X is, "game.board"; NULL: none. */
const char *hub_analysis_module(const struct hub_analysis *a, const struct hub_syntax *x);
/* One step of work: false when there have been too many, and nothing more is known. */
bool hub_analysis_step(const struct hub_analysis *a);
/* Whether X is the variable NAME of the hook, or the engine's. */
bool hub_analysis_is_free(const struct hub_analysis *a, const struct hub_syntax *x, const char *name);

/* ---- looking at each node ---- */
void hub_analysis_compare(const struct hub_analysis *a, const struct hub_syntax *x);             /* compare.c */
void hub_analysis_logic(const struct hub_analysis *a, const struct hub_syntax *x);               /* compare.c */
void hub_analysis_arithmetic(const struct hub_analysis *a, const struct hub_syntax *x);          /* compare.c */
void hub_analysis_includes(const struct hub_analysis *a, const struct hub_syntax *x);            /* compare.c */
void hub_analysis_member(const struct hub_analysis *a, const struct hub_syntax *x, bool called); /* member.c */
void hub_analysis_assign(const struct hub_analysis *a, const struct hub_syntax *x);              /* compare.c */
void hub_analysis_call(const struct hub_analysis *a, const struct hub_syntax *x);                /* call.c */
void hub_analysis_result(const struct hub_analysis *a);                                          /* result.c */

/* ---- values.c ---- */
/* Whether the literal X fits a field of type T, as a value that is stored; reports it if not. WHAT names
 * the field. */
void hub_analysis_value(const struct hub_analysis *a, struct hub_type t, const char *what, const struct hub_syntax *x,
                        const char *code);
/* The keys and values of the literal OBJECT against FIELDS. PARTIAL: those that are required may be
 * absent. */
void hub_analysis_fields(const struct hub_analysis *a, const struct hub_def_field *fields, size_t n, const char *of,
                         const struct hub_syntax *object, bool partial, const char *code);
const struct hub_def_message_type *hub_analysis_message_type(const struct hub_analysis *a, const struct hub_syntax *x);
/* The same with a finding when there is no such type. */
const struct hub_def_message_type *hub_analysis_check_type(const struct hub_analysis *a, const struct hub_syntax *x,
                                                           const char *code);
/* Whether the script is a plugin's, which more than one hub may use. */
bool hub_analysis_of_plugin(const struct hub_analysis *a);
/* Whether what hub.* does can be compared with the definition of the hub. */
const struct hub_def *hub_analysis_hub(const struct hub_analysis *a);

/* ---- lib.c ---- */
/* NULL: there is none, or it is not known. */
const struct hub_lib_function *hub_analysis_lib(const struct hub_analysis *a, const char *module, struct hub_str name);
/* How many arguments FUNCTION cannot do without: those before one whose absence makes an operation fail that
 * each call comes to. */
size_t hub_analysis_needs(const struct hub_syntax *function);

/* ---- analyse.c ---- */
/* A finding at the stretch AT, N of the script. */
void hub_analysis_tell(const struct hub_analysis *a, const char *code, size_t at, size_t n, const char *suggestion,
                       const char *fmt, ...) __attribute__((format(printf, 6, 7)));
#endif
