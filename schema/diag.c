/* A sorted, bounded list of findings that owns its strings. */
#include "schema/diag.h"

#include <stdlib.h>

#include "base/collection/map.h"
#include "base/memory/mem.h"
#include "base/text/secret.h"
#include "base/text/utf8.h"

enum { WINDOW = 200 }; /* longest part of a source line that is kept, in characters */

struct per_file {
    size_t n;
    const char *name;
};

struct hub_diags {
    struct hub_arena *arena;
    struct hub_diag **items; /* sorted by file, line, column; equal ones in the order found */
    size_t n, cap;
    struct hub_map files; /* file -> struct per_file */
    bool strict;
};

struct hub_diags *hub_diags_new(void) {
    struct hub_diags *d = hub_xcalloc(1, sizeof *d);
    d->arena = hub_arena_new();
    return d;
}

void hub_diags_free(struct hub_diags *d) {
    if (!d) return;
    hub_map_clear(&d->files);
    free(d->items);
    hub_arena_free(d->arena);
    free(d);
}

size_t hub_diags_count(const struct hub_diags *d, enum hub_severity sev) {
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) n += d->items[i]->severity == sev;
    return n;
}

size_t hub_diags_n(const struct hub_diags *d) { return d->n; }
const struct hub_diag *hub_diags_at(const struct hub_diags *d, size_t i) { return d->items[i]; }

bool hub_diags_full(const struct hub_diags *d, const char *file) {
    struct per_file *f = hub_map_get(&d->files, hub_cstr(file));
    return f && f->n > HUB_DIAGS_PER_FILE;
}

static int compare_diags(const struct hub_diag *a, const struct hub_diag *b) {
    int c = strcmp(a->file, b->file);
    if (!c) c = a->line - b->line;
    if (!c) c = a->column - b->column;
    return c;
}

/* Where G belongs: behind all that are not after it. */
static size_t slot_of(const struct hub_diags *d, const struct hub_diag *g) {
    size_t lo = 0, hi = d->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (compare_diags(d->items[mid], g) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* What a plugin is told for each hub that uses it is the same, if it is not about the hub. */
static bool is_told(const struct hub_diags *d, const struct hub_diag *g) {
    for (size_t i = slot_of(d, g); i-- && !compare_diags(d->items[i], g);)
        if (!strcmp(d->items[i]->code, g->code) && !strcmp(d->items[i]->message, g->message)) return true;
    return false;
}

static void insert_diag(struct hub_diags *d, struct hub_diag *g) {
    if (d->n == d->cap) d->cap = d->cap ? 2 * d->cap : 16, d->items = hub_xrealloc(d->items, d->cap * sizeof *d->items);
    size_t lo = slot_of(d, g);
    memmove(d->items + lo + 1, d->items + lo, (d->n - lo) * sizeof *d->items);
    d->items[lo] = g;
    d->n++;
}

/* Copies text that may come from a definition to where people read it: what is no printable UTF-8 becomes
 * a question mark. */
static HUB_MUST char *printable_text(struct hub_diags *d, struct hub_str s) {
    char *out = hub_arena_dup(d->arena, s);
    for (size_t i = 0, step; i < s.n; i += step) {
        for (step = 1; step < 4 && i + step < s.n && ((unsigned char)s.p[i + step] & 0xc0) == 0x80;) step++;
        bool control = ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127;
        if (control || !hub_utf8_valid(hub_str(s.p + i, step))) step = 1, out[i] = '?';
    }
    return out;
}

/* Keeps the line, or for very long ones the part around the finding. What is said at the start goes into
 * logs: without passwords. */
static void keep_line(struct hub_diags *d, struct hub_diag *g, const struct hub_source *src) {
    int from = g->column > WINDOW - 40 ? g->column - 40 : 1;
    size_t whole = hub_source_offset(src, g->line, 1), begin = hub_source_offset(src, g->line, from),
           end = hub_source_offset(src, g->line, from + WINDOW);
    char *line = hub_str_dup(hub_str(src->text.p + whole, end - whole));
    hub_secret_blot(line, end - whole);
    g->source_line = printable_text(d, hub_str(line + (begin - whole), end - begin));
    free(line);
    g->source_column = from;
}

static struct per_file *count_file(struct hub_diags *d, const char *file) {
    struct per_file *f = hub_map_get(&d->files, hub_cstr(file));
    if (f) return f;
    f = hub_arena_zalloc(d->arena, sizeof *f);
    f->name = hub_arena_dup(d->arena, hub_cstr(file));
    hub_map_put(&d->files, hub_cstr(file), f);
    return f;
}

static HUB_MUST struct hub_diag *new_diag(struct hub_diags *d, const char *code, const struct hub_source *src,
                                          const struct hub_range *range, const char *message) {
    const struct hub_code_row *row = hub_code_row(code);
    struct hub_diag *g = hub_arena_zalloc(d->arena, sizeof *g);
    g->code = code;
    g->severity = row ? row->severity : HUB_SEV_ERROR;
    g->message = printable_text(d, hub_cstr(message));
    g->file = hub_arena_dup(d->arena, hub_cstr(src->name));
    if (!range || !range->line) return g;
    g->line = range->line, g->column = range->column;
    g->end_line = range->end_line, g->end_column = range->end_column;
    return g;
}

void hub_diags_add(struct hub_diags *d, const char *code, const struct hub_source *src, const struct hub_range *range,
                   const char *path, const char *suggestion, const char *message) {
    struct per_file *file = count_file(d, src->name);
    if (file->n > HUB_DIAGS_PER_FILE) return;
    bool last = file->n == HUB_DIAGS_PER_FILE;
    struct hub_diag *g = last
                             ? new_diag(d, "Y016", src, range, "too many problems in this file; the rest is not listed")
                             : new_diag(d, code, src, range, message);
    if (is_told(d, g)) return;
    file->n++;
    g->path = hub_arena_dup(d->arena, hub_cstr(path));
    g->suggestion = suggestion && !last ? printable_text(d, hub_cstr(suggestion)) : NULL;
    if (g->line) keep_line(d, g, src);
    insert_diag(d, g);
}

void hub_diags_drop(struct hub_diags *d, size_t i) {
    memmove(d->items + i, d->items + i + 1, (--d->n - i) * sizeof *d->items);
}

void hub_diags_set_file(struct hub_diags *d, size_t i, const char *file) {
    d->items[i]->file = hub_arena_dup(d->arena, hub_cstr(file));
}

void hub_diags_set_severity(struct hub_diags *d, size_t i, enum hub_severity severity) {
    d->items[i]->severity = severity;
}

void hub_diags_set_strict(struct hub_diags *d, bool strict) { d->strict = strict; }
bool hub_diags_strict(const struct hub_diags *d) { return d->strict; }

void hub_diags_note_file(struct hub_diags *d, const char *file) {
    HUB_UNUSED(count_file(d, file), "it is there from now on");
}

static int files_by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **hub_diags_files(const struct hub_diags *d, size_t *n) {
    size_t cap = 0;
    void *value;
    const char **names = NULL;
    *n = 0;
    for (void *it = NULL; (it = hub_map_next(&d->files, it, NULL, &value));) {
        if (*n == cap) cap = cap ? 2 * cap : 16, names = hub_xrealloc((void *)names, cap * sizeof *names);
        names[(*n)++] = ((struct per_file *)value)->name;
    }
    if (*n) qsort((void *)names, *n, sizeof *names, files_by_name);
    return names;
}

/* ---- edits ---- */

/* Byte offset of a column in the line that is kept. */
static size_t kept_offset(const struct hub_diag *g, int column) {
    size_t i = 0, n = strlen(g->source_line);
    for (int c = g->source_column; c < column && i < n; c++)
        for (i++; i < n && ((unsigned char)g->source_line[i] & 0xc0) == 0x80;) i++;
    return i;
}

bool hub_diag_edit(const struct hub_diag *g, struct hub_edit *out) {
    if (!g->suggestion || !g->line || g->end_line != g->line || !g->source_line) return false;
    const struct hub_code_row *row = hub_code_row(g->code);
    size_t from = kept_offset(g, g->column), to = kept_offset(g, g->end_column);
    if (to <= from) return false;
    char first = g->source_line[from], last = g->source_line[to - 1];
    bool quoted = to - from > 1 && (first == '"' || first == '\'') && first == last;
    bool bare = row && row->safe; /* there the quotes themselves are the mistake */
    int inner = quoted && !bare && g->suggestion[0] != first;
    *out = (struct hub_edit){g->line, g->column + inner, g->end_column - inner, g->suggestion, bare};
    return true;
}
