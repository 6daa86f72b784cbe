/* From a service directory to frozen definitions, or to a list of located complaints. Every problem of
 * every file is found in one run. The same checker serves hubd, hubd --check and hubctl lint. No network,
 * no database. */
#ifndef HUB_SCHEMA_LOAD_H
#define HUB_SCHEMA_LOAD_H
#include "base/error/code.h"
#include "base/text/buf.h"
#include "schema/def.h"

enum hub_severity { HUB_SEV_ERROR, HUB_SEV_WARNING, HUB_SEV_INFO /* only by .hubctl.yaml */ };

struct hub_diag {
    const char *code; /* "H012" */
    enum hub_severity severity;
    const char *message;
    const char *file; /* as given on the command line + relative path */
    const char *path; /* "roomSettings.authSources[1].hubRole" */
    int line, column, end_line,
        end_column;         /* from 1; columns count characters; the end is exclusive; 0 = the file as a whole */
    const char *suggestion; /* NULL or e.g. "moderator" */
    /* for the caret; NULL when there is none; of a very long line only the part around the finding */
    const char *source_line;
    int source_column; /* the column at which source_line starts: 1 unless it was cut */
};

struct hub_diags; /* owns its diagnostics */
HUB_MUST struct hub_diags *hub_diags_new(void);
void hub_diags_free(struct hub_diags *d);
size_t hub_diags_count(const struct hub_diags *d, enum hub_severity sev);
size_t hub_diags_n(const struct hub_diags *d);
const struct hub_diag *hub_diags_at(const struct hub_diags *d, size_t i); /* sorted by file, line, column */
void hub_diags_drop(struct hub_diags *d, size_t i);
void hub_diags_set_file(struct hub_diags *d, size_t i, const char *file); /* copied; the order stays */
void hub_diags_set_severity(struct hub_diags *d, size_t i, enum hub_severity severity);
/* What its suggestion replaces: OUT is that range without the quotes around the word. False: there is none,
 * or it is over several lines. */
struct hub_edit {
    int line, column, end_column; /* from 1, in characters; the end is exclusive */
    const char *text;
    bool safe; /* it can only have been meant so: hubctl lint --fix */
};
bool hub_diag_edit(const struct hub_diag *g, struct hub_edit *out);
/* With STRICT "valid" of JSON, and failures of JUnit, count warnings, too. */
void hub_diags_set_strict(struct hub_diags *d, bool strict);
/* Formats of hubctl lint (contract: cli.md). */
enum hub_diag_format { HUB_DIAG_TEXT, HUB_DIAG_JSON, HUB_DIAG_SARIF, HUB_DIAG_JUNIT, HUB_DIAG_GITHUB };
void hub_diags_print(const struct hub_diags *d, enum hub_diag_format format, struct hub_buf *out);

/* What scripting offers the checker, so that schema needs no Lua. Each problem is reported through REPORT
 * with a position relative to the script's text: line 0 = its first line, column 0 = its first character;
 * columns and length count characters. */
struct hub_script_problem {
    int line, column, length;
    const char *code; /* "L001" syntax, "L002" unsupported construct, "L003" unknown variable, … */
    char text[240];
    char suggestion[64];
};
typedef void hub_script_report(void *arg, const struct hub_script_problem *p);
/* All members of what scripts find under a path: "room", "lib", "lib.chess". What has no such entry may
 * have any. */
struct hub_script_known {
    const char *path;
    const char *const *members; /* NULL-terminated */
};
/* What a script can name. */
struct hub_script_names {
    const char *const *vars; /* the variables of this hook, aliases included, NULL-terminated; NULL: none (a module) */
    /* up to an entry without path; NULL: nothing. The engine's own tables are always known */
    const struct hub_script_known *known;
    hub_script_report *report;
    void *arg;
};
struct hub_syntax;
struct hub_arena;
struct hub_script_checker {
    /* The globals of scripting.md are always there. */
    void (*check)(void *ctx, const struct hub_script *script, const struct hub_script_names *names);
    /* Whole Lua module of lib/. */
    void (*check_file)(void *ctx, struct hub_str text, const struct hub_script_names *names);
    /* Tells the members of the table that the module TEXT returns. False: they cannot be known for sure.
     * NULL: they never are. */
    bool (*members)(void *ctx, struct hub_str text, void (*each)(void *arg, struct hub_str name), void *arg);
    /* TEXT as a tree in ARENA, for schema/analysis; NULL when its syntax is wrong. NULL: scripts are not
     * analysed. */
    struct hub_syntax *(*syntax)(void *ctx, enum hub_script_kind kind, struct hub_str text, struct hub_arena *arena);
    void *ctx;
};

/* What the parts that are started say of a service: keys, certificates, URLs, modules. So that what lints
 * clean starts, the same is asked before. */
struct hub_start_report {
    /* Whether something at PLACE of service.yaml ("auth.jwt") is wrong already: then it need not be looked
     * at. */
    bool (*is_wrong)(void *arg, const char *place);
    /* TEXT may begin with a place below PLACE and ": ", which is then where it is shown. */
    void (*tell)(void *arg, const char *code, const char *place, const char *text);
    /* Of a module of lib/; LINE 0: the file as a whole. */
    void (*tell_module)(void *arg, const char *file, int line, const char *text);
    void *arg;
};
/* WHOLE: there is no error, so SERVICE is complete; otherwise only what comes from service.yaml is there,
 * and hubs are not. Connects to nothing. */
typedef void hub_start_check(struct hub_service *service, bool whole, const struct hub_start_report *report);

struct hub_override { /* --set key=value, e.g. store.url */
    const char *key, *value;
};
/* TEXT stands for the file PATH, which need not exist. PATH as findings show it. */
struct hub_overlay {
    const char *path;
    struct hub_str text;
};
struct hub_load_options {
    const struct hub_overlay *overlays;
    size_t overlay_n;
    const struct hub_override *overrides;
    size_t override_n;
    const struct hub_script_checker *checker; /* NULL: scripts are not checked */
    hub_start_check *start_check;             /* NULL: not asked */
    bool ignore_environment;                  /* HUBD_* are not applied (tests) */
    bool as_written; /* after all checks plugins are left out of what uses them: for hub_service_dump() */
};

/* Loads and checks. *OUT is set (also with warnings) only when there is no error; free with
 * hub_service_free. Returns HUB_OK, HUB_BAD_REQUEST (errors are in DIAGS) or HUB_NOT_FOUND (the directory
 * or its service.yaml cannot be read; also in DIAGS). */
enum hub_code hub_service_load(const char *dir, const struct hub_load_options *options, struct hub_diags *diags,
                               struct hub_service **out);
void hub_service_free(struct hub_service *s);
/* On a reload: options of NOW that only a restart changes, and that differ from those of FIRST, with which
 * the process was started, get the values of FIRST back, so that none is applied by halves. TELL comes for
 * each ("store.readConnections: 2 -> 4 needs a restart"). FIRST must outlive NOW. */
void hub_service_keep(struct hub_service *now, const struct hub_service *first,
                      void (*tell)(void *arg, const char *text), void *arg);
/* A single *.hub.yaml, or plugin.yaml, outside a service directory: checks everything but references into
 * service.yaml, and of a plugin what is about those who use it. */
enum hub_code hub_file_check(const char *path, const struct hub_load_options *options, struct hub_diags *diags);
/* The effective definition with all defaults, as YAML: one document per file, opened by "--- # NAME". A
 * service with plugins has to be loaded AS_WRITTEN. Saved under those names they load as the same service,
 * but for passwords in URLs and in bus.options: they are "***". */
void hub_service_dump(const struct hub_service *s, struct hub_buf *out);
/* JSON Schema (draft 2020-12) of a document, from the table. */
enum hub_schema_kind { HUB_SCHEMA_HUB, HUB_SCHEMA_SERVICE, HUB_SCHEMA_PLUGIN, HUB_SCHEMA_SCENARIO, HUB_SCHEMA_KINDS };
void hub_schema_print(enum hub_schema_kind kind, struct hub_buf *out);
/* The same as a field reference in Markdown: docs/reference. */
void hub_reference_print(enum hub_schema_kind kind, struct hub_buf *out);
/* What a lint code means, wrong and right example, run-time consequence. False when CODE is unknown. */
bool hub_explain(const char *code, struct hub_buf *out);
#endif
