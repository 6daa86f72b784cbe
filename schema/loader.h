/* One load in progress: what the files of schema/ share while they turn trees into definitions. */
#ifndef HUB_SCHEMA_LOADER_H
#define HUB_SCHEMA_LOADER_H
#include "base/map.h"
#include "schema/table.h"
#include "schema/tree.h"

/* A reference that is resolved when everything has been read. */
struct hub_ref {
    const struct hub_row *row;
    struct hub_node *node;
    char *base; /* the struct that ROW's offset is for */
    struct hub_raw *hub;
};

/* A script waiting for its check. */
struct hub_pending_script {
    struct hub_script *script;
    const struct hub_row *row;
    struct hub_node *node; /* the scalar with the text */
    char *base;
    struct hub_raw *hub;
};

struct hub_loader {
    struct hub_arena *keep;    /* the service's: whatever outlives the load */
    struct hub_arena *scratch; /* trees and lists that end with it */
    const struct hub_load_options *options;
    struct hub_diags *diags;
    const char *dir; /* NULL: text from memory, files are not looked for */
    struct hub_service *service;
    bool alone;          /* there is no service: references into it are not checked */
    bool unreadable;     /* a file or folder could not be read */
    bool in_error;       /* there are errors already: objects may lack properties that the author wrote down */
    struct hub_raw *hub; /* being walked; NULL in service.yaml */
    struct hub_raw **hubs;
    size_t hub_n;
    struct hub_map places; /* address of a struct -> the node it was read from */
    struct hub_ref *refs;
    size_t ref_n, ref_cap;
    struct hub_pending_script *scripts;
    size_t script_n, script_cap;
    struct hub_module *modules; /* of lib/ */
    size_t module_n;
    struct hub_script_known *known; /* what is in lib/; up to an entry without path; NULL: nothing is known of it */
};

struct hub_module {
    const char *name; /* "game.board" */
    const struct hub_source *src;
};

/* Codes that exist for hub documents (H…) and service documents (S…) alike. */
enum hub_common {
    HUB_COMMON_UNKNOWN_KEY,
    HUB_COMMON_TYPE,
    HUB_COMMON_MISSING,
    HUB_COMMON_NAME,
    HUB_COMMON_RANGE,
    HUB_COMMON_WORD,
    HUB_COMMON_DUPLICATE,
    HUB_COMMON_ENUM_EMPTY,
    HUB_COMMON_DEFAULT,
    HUB_COMMON_ENUM_UNUSED,
    HUB_COMMON_RESERVED
};
const char *hub_common_code(const struct hub_node *n, enum hub_common what);

/* Adds a finding at NODE. RANGE NULL takes hub_node_mark(NODE); SUGGESTION may be NULL. */
void hub_complain(struct hub_loader *l, const char *code, const struct hub_node *node, const struct hub_range *range,
                  const char *suggestion, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* The nearest of several candidates, for "did you mean". Start with {.word = …}; BEST stays NULL when none
 * is near. */
struct hub_nearest {
    struct hub_str word;
    const char *best;
    size_t distance;
};
void hub_nearest_try(struct hub_nearest *n, const char *candidate);

/* ASCII letters in lower case, in the scratch arena. */
char *hub_lower(struct hub_loader *l, const char *s);
/* Names that no table of a definition can have, in whatever case: SQLite tells them apart by nothing but
 * their letters. */
bool hub_is_reserved_table(const char *name);
#define HUB_RESERVED_TABLES "tables that start with hubd_ are the engine's own, and those with sqlite_ are SQLite's"

/* ---- walk.c ---- */
/* Reads NODE (NULL: nothing but defaults) into BASE. Findings are reported, never returned. */
void hub_walk(struct hub_loader *l, const struct hub_fields *t, struct hub_node *node, void *base);
/* The node a struct was read from; of a group of it with a dotted key ("guardrails.globalModeration").
 * Falls back to the nearest that exists. */
struct hub_node *hub_place(struct hub_loader *l, const void *base, const char *key);
/* Element I of a list of strings, written as list or comma string. */
struct hub_range hub_strings_span(const struct hub_node *n, size_t i);
bool hub_name_obeys(struct hub_str name, enum hub_name_rule rule);
const char *hub_name_rule_text(enum hub_name_rule rule);
/* True for a value that stands for "not given": absent, null, or an empty string where only a reference,
 * list or script makes sense. */
bool hub_is_absent(const struct hub_row *row, struct hub_node *n);

/* ---- value.c ---- */
/* TEXT (PLAIN: unquoted) as a value of the field's type; NULL when it does not fit, and then WHY says what
 * was expected. New reference. */
json_t *hub_value_coerce(const struct hub_def_field *f, struct hub_str text, const char **why);
/* A tree as JSON, scalars by their look. New reference. */
json_t *hub_value_of_node(struct hub_loader *l, struct hub_node *n);
/* A value for F from N (scalar, or container for JSON), reported with CODE when it does not fit.
 * New reference or NULL. */
json_t *hub_value_for_field(struct hub_loader *l, const struct hub_def_field *f, struct hub_node *n, const char *code);

/* ---- the checks, after everything has been walked ---- */
void hub_check_field(struct hub_loader *l, struct hub_def_field *f, const char *type_key);
void hub_finish_service(struct hub_loader *l); /* defaults that depend on others, columns, implied properties */
void hub_check_service(struct hub_loader *l);
bool hub_is_socket_event(const char *name); /* one that Socket.IO keeps for itself */
void hub_load_seed(struct hub_loader *l, struct hub_node *root);
void hub_finish_hub(struct hub_loader *l, struct hub_raw *h);
void hub_check_hub(struct hub_loader *l, struct hub_raw *h);
void hub_check_hubs_together(struct hub_loader *l);
void hub_resolve(struct hub_loader *l);
void hub_check_scripts(struct hub_loader *l);
/* Warns of what can never have an effect; after everything else has been read. */
void hub_check_effect(struct hub_loader *l);
/* What a hook says whatever comes, as far as its text tells: by JavaScript's rules of truth. */
enum hub_constant { HUB_VARIES, HUB_ALWAYS_FALSE, HUB_ALWAYS_TRUE };
enum hub_constant hub_script_constant(const struct hub_script *s);
void hub_check_modules(struct hub_loader *l);
/* Asks the parts that would be started (load.h). FILE is that of service.yaml. */
void hub_check_start(struct hub_loader *l, const char *file, bool whole);

/* ---- strays.c ---- */
/* Warns of a file that nothing reads; WHY says what would be read. */
void hub_stray(struct hub_loader *l, const char *path, const char *why);
/* Looks for such files in the service directory itself. */
void hub_find_strays(struct hub_loader *l);

/* ---- known.c ---- */
/* Fills l->known from l->modules. */
void hub_know_modules(struct hub_loader *l);
/* l->known and the properties of the records among the variables of a script; in the scratch arena. */
const struct hub_script_known *hub_known_to(struct hub_loader *l, const struct hub_pending_script *p);

#endif
