/* Collecting diagnostics: the internal side of struct hub_diags. */
#ifndef HUB_SCHEMA_DIAG_H
#define HUB_SCHEMA_DIAG_H
#include "schema/source.h"

enum { HUB_DIAGS_PER_FILE = 200 };

/* Adds one finding; everything is copied. CODE must be a literal of the list in codes.c: it decides the
 * severity. SUGGESTION and PATH may be NULL. RANGE NULL is the file as a whole. Beyond HUB_DIAGS_PER_FILE
 * findings of one file a last one says so and the rest is dropped. */
void hub_diags_add(struct hub_diags *d, const char *code, const struct hub_source *src, const struct hub_range *range,
                   const char *path, const char *suggestion, const char *message);
/* True when findings of this file are being dropped, which has been said: callers may skip work. */
bool hub_diags_full(const struct hub_diags *d, const char *file);

/* Notes that FILE is looked at: JUnit has a case for each. */
void hub_diags_note_file(struct hub_diags *d, const char *file);
/* The files, sorted; the list is the caller's to free(). */
HUB_MUST const char **hub_diags_files(const struct hub_diags *d, size_t *n);
bool hub_diags_strict(const struct hub_diags *d);

/* One row of the catalogue of codes (codes.c). */
struct hub_code_row {
    const char *code;
    enum hub_severity severity;
    bool safe;           /* its suggestion is the only thing that can have been meant */
    const char *title;   /* "a key that this object does not have" */
    const char *meaning; /* sentences */
    const char *wrong, *right;
    const char *run_time; /* what happens, or would happen, in hubd */
};
const struct hub_code_row *hub_code_rows(size_t *n);
const struct hub_code_row *hub_code_row(const char *code); /* NULL when unknown */

/* For the formats in which findings are printed. */
const char *hub_severity_name(enum hub_severity s);
HUB_MUST json_t *hub_diag_text_json(const char *s);                         /* null when S is NULL */
void hub_diag_add_json(json_t *root, struct hub_buf *out);                  /* indented, and a newline; takes ROOT */
void hub_diags_print_sarif(const struct hub_diags *d, struct hub_buf *out); /* diag_sarif.c */
#endif
