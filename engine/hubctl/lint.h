/* The parts of hubctl lint: settings of a folder, baselines, edits of files. */
#ifndef HUB_HUBCTL_LINT_H
#define HUB_HUBCTL_LINT_H
#include "base/error/code.h"
#include "base/text/buf.h"
#include "schema/load.h"

/* ---- lint_settings.c ---- */
/* What .hubctl.yaml in the folder DIR says of lint. */
struct hub_lint_settings {
    json_t *severity; /* code -> "warning", "info" or "off" */
    char *baseline;   /* a path, or NULL */
};
/* There need be no such file. BAD_REQUEST: it is wrong, and ERR says where. Free with
 * hub_lint_settings_free. */
enum hub_code hub_lint_settings_read(const char *dir, struct hub_lint_settings *out, struct hub_err *err);
void hub_lint_settings_free(struct hub_lint_settings *s);
/* Gives warnings the severities of S, and takes out those that are off. */
void hub_lint_settings_apply(const struct hub_lint_settings *s, struct hub_diags *d);

/* ---- lint_baseline.c ---- */
/* Takes out the findings that are in the file PATH, each as often as it is there. */
enum hub_code hub_baseline_apply(const char *path, struct hub_diags *d, struct hub_err *err);
/* Writes all findings to PATH, by rename. */
enum hub_code hub_baseline_write(const char *path, const struct hub_diags *d, struct hub_err *err);

/* ---- lint_fix.c ---- */
/* Files as they are to be; each text without a byte order mark. */
struct hub_fixed_file {
    char *path;
    struct hub_buf was, now;
    bool mark; /* the file begins with a byte order mark */
};
struct hub_fixes {
    struct hub_fixed_file *files;
    size_t n;
    struct hub_overlay *overlays; /* the same, for hub_load_options */
};
/* Adds a file whose text does not come from the disk; it is never written. */
void hub_fixes_add(struct hub_fixes *f, const char *path, struct hub_str text);
/* Makes the edits that D suggests: safe ones, with ALL those that are likely, too. How many. */
size_t hub_fixes_apply(struct hub_fixes *f, const struct hub_diags *d, bool all);
/* What would change, as a unified diff. */
void hub_fixes_diff(const struct hub_fixes *f, struct hub_buf *out);
/* Writes what has changed, by rename. */
enum hub_code hub_fixes_write(const struct hub_fixes *f, struct hub_err *err);
void hub_fixes_free(struct hub_fixes *f);
#endif
