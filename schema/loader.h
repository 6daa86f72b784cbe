/* One load in progress: what the files of schema/ share while they turn trees into definitions. */
#ifndef HUB_SCHEMA_LOADER_H
#define HUB_SCHEMA_LOADER_H
#include "base/collection/map.h"
#include "base/error/did_you_mean.h"
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
    struct hub_raw *hub; /* being walked; NULL in service.yaml */
    struct hub_raw **hubs;
    size_t hub_n;
    struct hub_map places; /* address of a struct -> the node it was read from */
    struct hub_ref *refs;
    size_t ref_n, ref_cap;
    struct hub_pending_script *scripts;
    size_t script_n, script_cap;
    struct hub_module *modules; /* of lib/, and of those of plugins */
    size_t module_n;
    struct hub_script_known *known; /* what is in lib/; up to an entry without path; NULL: nothing is known of it */
    struct hub_lib_function *lib_functions; /* of the modules (analysis/lib.c); in the scratch arena */
    size_t lib_function_n;
    struct hub_plugin **plugins; /* those that could be read */
    size_t plugin_n;
    const struct hub_plugin_source **uses; /* of plugins */
    size_t use_n;
    bool plugins_missing;              /* there are others: who uses an unknown one may mean one of them */
    bool as_written;                   /* plugins are checked, and not put in */
    const struct hub_source **sources; /* what has been opened */
    size_t source_n;
};

struct hub_lib_function;
struct hub_module {
    const char *name; /* "game.board" */
    const struct hub_source *src;
};

/* A plugin of the service, while it is loaded (plugin.c). */
struct hub_plugin {
    struct hub_raw_plugin *raw;
    const struct hub_source *src; /* of its file */
    bool good, used;
    bool lib_good;                  /* each module of its lib/ could be read */
    struct hub_script_known *known; /* as hub_loader.known: what its scripts find */
};
/* Whose a source is: of a plugin's file as one hub uses it, or of a module of its lib/. */
struct hub_plugin_source {
    struct hub_plugin *plugin;
    const struct hub_def_plugin_use *use; /* NULL: the plugin's file as such */
    const char *user;                     /* the file of the hub or namespace */
    const struct hub_node *node;          /* where it uses it */
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

/* ASCII letters in lower case, in the scratch arena. */
HUB_MUST char *hub_lower(struct hub_loader *l, const char *s);
/* Names that no table of a definition can have, in whatever case: SQLite tells them apart by nothing but
 * their letters. */
bool hub_is_reserved_table(const char *name);
#define HUB_RESERVED_TABLES "tables that start with hubd_ are the engine's own, and those with sqlite_ are SQLite's"

/* ---- walk.c ---- */
/* Reads NODE (NULL: nothing but defaults) into BASE. Findings are reported, never returned. */
void hub_walk(struct hub_loader *l, const struct hub_fields *t, struct hub_node *node, void *base);
/* Reads what N says of ROW, which is not absent. */
void hub_read_row(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, void *base);
/* The node a struct was read from; of a group of it with a dotted key ("guardrails.globalModeration").
 * Falls back to the nearest that exists. */
struct hub_node *hub_place(struct hub_loader *l, const void *base, const char *key);
/* Element I of a list of strings, written as list or comma string. */
struct hub_range hub_strings_span(const struct hub_node *n, size_t i);
bool hub_name_obeys(struct hub_str name, enum hub_name_rule rule);
const char *hub_name_rule_text(enum hub_name_rule rule);
/* What is written of ROW in the mapping NODE, by whichever spelling; NULL: nothing. */
struct hub_node *hub_row_node(const struct hub_row *row, const struct hub_node *node);
/* True for a value that stands for "not given": absent, null, or an empty string where only a reference,
 * list or script makes sense. */
bool hub_is_absent(const struct hub_row *row, struct hub_node *n);

/* ---- meant.c ---- */
/* The row of T that the unknown key of C, in the mapping MAP, was meant to be; NULL: none is near. SURE: what
 * is written there can be read as that row. */
const struct hub_row *hub_meant_row(const struct hub_fields *t, const struct hub_node *map, const struct hub_node *c,
                                    bool *sure);

/* The one of WORDS that other tools call NAME; NULL: none. */
const char *hub_meant_word(const struct hub_words *words, struct hub_str name);
/* ": a, b, c", the names that there are, for a message about one that is not; "" for none and too many. */
const char *hub_list_names(struct hub_loader *l, const char *const *names, size_t n);

/* ---- value.c ---- */
/* TEXT (PLAIN: unquoted) as a value of the field's type; NULL when it does not fit, and then WHY says what
 * was expected. New reference. */
HUB_MUST json_t *hub_value_coerce(const struct hub_def_field *f, struct hub_str text, const char **why);
/* A tree as JSON, scalars by their look. New reference. */
HUB_MUST json_t *hub_value_of_node(struct hub_loader *l, struct hub_node *n);
/* A value for F from N (scalar, or container for JSON and lists), reported with CODE when it does not fit. An
 * object with fields of its own gets their defaults. New reference or NULL. */
HUB_MUST json_t *hub_value_for_field(struct hub_loader *l, const struct hub_def_field *f, struct hub_node *n,
                                     const char *code);

/* ---- the checks, after everything has been walked ---- */
/* A list that was read by hub_fields_field: enum values, defaults, id formats, fields within fields. */
void hub_finish_fields(struct hub_loader *l, struct hub_def_field *fields, size_t n);
void hub_finish_service(struct hub_loader *l); /* defaults that depend on others, columns, implied properties */
void hub_check_service(struct hub_loader *l);
void hub_check_clients(struct hub_loader *l); /* of service.yaml */
bool hub_is_socket_event(const char *name);   /* one that Socket.IO keeps for itself */
void hub_load_seed(struct hub_loader *l, struct hub_node *root);
/* The rows of O that the list N has, with their defaults; what is wrong with them is told with CODE. New
 * reference, an array in any case. */
HUB_MUST json_t *hub_read_rows(struct hub_loader *l, const struct hub_def_object *o, struct hub_node *n,
                               const char *code);
void hub_finish_hub(struct hub_loader *l, struct hub_raw *h);
void hub_check_hub(struct hub_loader *l, struct hub_raw *h);
/* Whether a role that is granted is not known, or one has no name: it may have been meant to be any of
 * them, so nothing that follows from which roles there are is told beside that. */
bool hub_names_unknown_role(struct hub_loader *l, const struct hub_def *d);
void hub_check_hubs_together(struct hub_loader *l);
/* What both may declare (check_parts.c). */
void hub_check_hub_parts(struct hub_loader *l, struct hub_raw *h);
void hub_check_namespace_parts(struct hub_loader *l, struct hub_def_namespace *n);
void hub_finish_part_fields(struct hub_loader *l, struct hub_def_parts *p); /* the lists of fields in them */
void hub_finish_parts(struct hub_def_parts *p);
void hub_resolve(struct hub_loader *l);
/* Whether a reference to the DataObject or property NAME was not found: that has been said. */
bool hub_is_unresolved(const struct hub_loader *l, struct hub_str name);
/* Whether authSources or authScripts of H name the role: if it is not defined, that has been said. */
bool hub_is_role_told(const struct hub_loader *l, const struct hub_raw *h, const char *name);
void hub_check_scripts(struct hub_loader *l);
/* What hub_used_by says of P where PATH ("room.status") begins with a room's record; else "". */
const char *hub_script_used_by(struct hub_loader *l, const struct hub_pending_script *p, struct hub_str path);
/* A finding at bytes [FROM, TO) of the text of a script or, with P NULL, of the module SRC. */
void hub_script_tell(struct hub_loader *l, const struct hub_pending_script *p, const struct hub_source *src,
                     size_t from, size_t to, const char *code, const char *suggestion, const char *text);
/* Whether P stands in a plugin's file as such, where it is never run: in those that use it it is. */
bool hub_is_template(const struct hub_pending_script *p);
/* Warns of what can never have an effect; after everything else has been read. */
void hub_check_effect(struct hub_loader *l);
/* Its part about who may do what (check_reach.c). True: nobody can send anything, which was said. */
bool hub_check_reach(struct hub_loader *l, struct hub_raw *h);
/* What a hook says whatever comes, as far as its text tells: by JavaScript's rules of truth. */
enum hub_constant { HUB_VARIES, HUB_ALWAYS_FALSE, HUB_ALWAYS_TRUE };
enum hub_constant hub_script_constant(const struct hub_script *s);
void hub_check_modules(struct hub_loader *l);
/* Asks the parts that would be started (load.h). FILE is that of service.yaml. */
void hub_check_start(struct hub_loader *l, const char *file, bool whole);

/* ---- load.c, for what it reads and for plugins ---- */
/* DIR/NAME with one of the endings .yaml, .yml, .json; NULL when there is none. Two of them are one too
 * many. */
const char *hub_find_one(struct hub_loader *l, const char *dir, const char *name);
/* Paths of the files below DIR whose names end in one of ENDINGS, in the order of names: an array to be freed
 * of texts that are the load's. A folder that is not there has none. */
size_t hub_find_files(struct hub_loader *l, const char *dir, const char *const *endings, char ***out);
void hub_loader_free_lists(struct hub_loader *l); /* what a load has beside its arenas; at its end */
/* NULL when the file cannot be read (reported). */
HUB_MUST struct hub_source *hub_open_source(struct hub_loader *l, const char *path, char kind);
bool hub_is_mapping(struct hub_loader *l, struct hub_node *root); /* else that is said */
/* Reads the modules below FOLDER into OUT and l->modules. PLUGIN: whose they are, or NULL. False: some
 * could not be read. */
bool hub_load_lib(struct hub_loader *l, const char *folder, const struct hub_plugin_source *plugin,
                  struct hub_def_lib *out);

/* ---- plugin.c ---- */
/* Reads what the service document ROOT lists. */
void hub_load_plugins(struct hub_loader *l, const struct hub_node *root);
/* Reads the document of one plugin; NULL when that is impossible. */
struct hub_plugin *hub_load_plugin(struct hub_loader *l, const struct hub_source *src);
/* Whether the plugin NAME is WANTED, or requires it, by whatever others. */
bool hub_plugin_requires(struct hub_loader *l, const char *name, const char *wanted);
/* What is to be said of a plugin when everything has been read. */
void hub_check_plugins(struct hub_loader *l);

/* ---- plugin_merge.c ---- */
/* Puts the parts of the plugins that MAP, a mapping with the fields of T, uses among its own. FILE: its
 * file. */
void hub_merge_plugins(struct hub_loader *l, struct hub_node *map, const struct hub_fields *t, const char *file);
/* After the walk: fills in what PARTS->plugins are. */
void hub_finish_uses(struct hub_loader *l, struct hub_def_parts *parts);
/* " (used by FILE)" of what stands in a plugin, else "": for findings that depend on who uses it. */
const char *hub_used_by(struct hub_loader *l, const struct hub_node *n);
/* "line 4", or "plugins/a/plugin.yaml, line 4" when N is not in the file of FROM. */
const char *hub_line_of(struct hub_loader *l, const struct hub_node *n, const struct hub_node *from);

/* ---- ignore.c ---- */
/* Takes out the warnings that comments "hubctl:ignore" in the files are about, and tells of those that are
 * about none. At the very end. */
void hub_apply_ignores(struct hub_loader *l);

/* ---- strays.c ---- */
/* Warns of a file that nothing reads; WHY says what would be read. */
void hub_stray(struct hub_loader *l, const char *path, const char *why);
/* Looks for such files in the service directory itself. */
void hub_find_strays(struct hub_loader *l);

/* ---- known.c ---- */
/* What scripts find in lib: of PLUGIN, or NULL for those of the service itself. NULL: it cannot be known. */
struct hub_script_known *hub_know_modules(struct hub_loader *l, const struct hub_plugin *plugin);
/* What a module finds whose text SRC is; in the scratch arena. */
const struct hub_script_known *hub_known_to_module(struct hub_loader *l, const struct hub_source *src);
/* The same and the properties of the records among the variables of a script; in the scratch arena. */
const struct hub_script_known *hub_known_to(struct hub_loader *l, const struct hub_pending_script *p);
/* The object that is named at KEY of the struct BASE (NULL: none); NULL also when it is not sure which
 * properties it has. */
const struct hub_def_object *hub_known_object(struct hub_loader *l, const void *base, const char *key);
/* Whether there is an error at PLACE ("dataObjects[1]") of FILE, or below: what is there may lack what the
 * author wrote down. */
bool hub_is_place_wrong(struct hub_loader *l, const char *file, const char *place);
bool hub_is_object_wrong(struct hub_loader *l, const struct hub_def_object *o);

#endif
