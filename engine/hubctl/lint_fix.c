/* hubctl lint --fix: edits of files, made in memory until nothing changes any more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "hubctl/lint.h"

enum { FILE_MAX = 1 << 20, CONTEXT = 3 };
static const struct hub_str mark = {"\xef\xbb\xbf", 3};

static struct hub_fixed_file *add_file(struct hub_fixes *f, const char *path) {
    f->files = hub_xrealloc(f->files, (f->n + 1) * sizeof *f->files);
    f->overlays = hub_xrealloc(f->overlays, (f->n + 1) * sizeof *f->overlays);
    f->files[f->n] = (struct hub_fixed_file){.path = hub_xstrdup(path)};
    return &f->files[f->n++];
}

static void settle_file(struct hub_fixes *f, struct hub_fixed_file *file) {
    f->overlays[file - f->files] = (struct hub_overlay){file->path, hub_buf_str(&file->now)};
}

void hub_fixes_add(struct hub_fixes *f, const char *path, struct hub_str text) {
    struct hub_fixed_file *file = add_file(f, path);
    file->mark = hub_str_starts(text, mark);
    if (file->mark) text = hub_str(text.p + mark.n, text.n - mark.n);
    hub_buf_adds(&file->was, text);
    hub_buf_adds(&file->now, text);
    settle_file(f, file);
}

/* That of PATH, read from the disk when it is new; NULL when it cannot be read. */
static struct hub_fixed_file *fixed_file_of(struct hub_fixes *f, const char *path) {
    struct hub_buf text = {0};
    struct hub_err err;
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->files[i].path, path)) return &f->files[i];
    if (hub_file_read(path, FILE_MAX, &text, &err)) return NULL;
    hub_fixes_add(f, path, hub_buf_str(&text));
    hub_buf_free(&text);
    return &f->files[f->n - 1];
}

/* ---- edits ---- */

/* The place of a line and a column, both from 1, or the end of that line; text.n when there is none. Lines as
 * libyaml breaks them. */
static size_t offset_of(struct hub_str t, int line, int column) {
    size_t at = 0;
    for (int l = 1; l < line && at < t.n; l++) {
        while (at < t.n && t.p[at] != '\n' && t.p[at] != '\r') at++;
        at += at + 1 < t.n && t.p[at] == '\r' && t.p[at + 1] == '\n' ? 2 : at < t.n;
    }
    for (int c = 1; c < column && at < t.n && t.p[at] != '\n' && t.p[at] != '\r'; c++)
        for (at++; at < t.n && ((unsigned char)t.p[at] & 0xc0) == 0x80;) at++;
    return at;
}

/* From the last finding of a file to the first: what is before an edit stays where it is. LIMIT: where the
 * edit behind begins. */
static bool make_edit(struct hub_fixed_file *file, const struct hub_edit *e, size_t *limit) {
    struct hub_str t = hub_buf_str(&file->now);
    size_t from = offset_of(t, e->line, e->column), to = offset_of(t, e->line, e->end_column);
    if (from >= to || to > *limit || to > t.n) return false;
    struct hub_buf out = {0};
    hub_buf_add(&out, t.p, from);
    hub_buf_addz(&out, e->text);
    hub_buf_add(&out, t.p + to, t.n - to);
    hub_buf_free(&file->now);
    file->now = out;
    *limit = from;
    return true;
}

size_t hub_fixes_apply(struct hub_fixes *f, const struct hub_diags *d, bool all) {
    const char *name = NULL;
    struct hub_fixed_file *file = NULL;
    size_t made = 0, limit = SIZE_MAX;
    for (size_t i = hub_diags_n(d); i--;) {
        const struct hub_diag *g = hub_diags_at(d, i);
        struct hub_edit edit;
        if (!hub_diag_edit(g, &edit) || (!all && !edit.safe)) continue;
        if (!name || strcmp(name, g->file)) name = g->file, file = fixed_file_of(f, name), limit = SIZE_MAX;
        if (!file || !make_edit(file, &edit, &limit)) continue;
        settle_file(f, file);
        made++;
    }
    return made;
}

/* ---- what has changed ---- */

static bool has_changed(const struct hub_fixed_file *file) {
    return !hub_str_eq(hub_buf_str(&file->was), hub_buf_str(&file->now));
}

static struct hub_str line_at(struct hub_str t, size_t wanted) {
    struct hub_str line = {0};
    for (size_t i = 0; i <= wanted; i++)
        if (!hub_str_split(&t, '\n', &line)) return hub_str("", 0);
    return line;
}

static bool is_same_text(const struct hub_fixed_file *file, size_t line) {
    return hub_str_eq(line_at(hub_buf_str(&file->was), line), line_at(hub_buf_str(&file->now), line));
}

static void add_lines(struct hub_buf *out, char sign, struct hub_str text, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) hub_buf_addf(out, "%c%.*s\n", sign, HUB_FMT(line_at(text, i)));
}

/* No edit makes a line more or less, so both sides have the same lines. */
static void add_hunk(const struct hub_fixed_file *file, size_t from, size_t to, size_t lines, struct hub_buf *out) {
    size_t first = from > CONTEXT ? from - CONTEXT : 0, last = to + CONTEXT < lines ? to + CONTEXT : lines;
    struct hub_str was = hub_buf_str(&file->was), now = hub_buf_str(&file->now);
    hub_buf_addf(out, "@@ -%zu,%zu +%zu,%zu @@\n", first + 1, last - first, first + 1, last - first);
    add_lines(out, ' ', was, first, from);
    for (size_t i = from; i < to; i++) {
        if (is_same_text(file, i)) {
            add_lines(out, ' ', was, i, i + 1);
            continue;
        }
        add_lines(out, '-', was, i, i + 1);
        add_lines(out, '+', now, i, i + 1);
    }
    add_lines(out, ' ', was, to, last);
}

static void add_diff(const struct hub_fixed_file *file, struct hub_buf *out) {
    struct hub_str rest = hub_buf_str(&file->was), line;
    size_t lines = 0;
    while (hub_str_split(&rest, '\n', &line)) lines += rest.p || line.n;
    hub_buf_addf(out, "--- %s\n+++ %s\n", file->path, file->path);
    for (size_t i = 0; i < lines; i++) {
        if (is_same_text(file, i)) continue;
        size_t end = i + 1;
        for (size_t k = end; k < lines && k < end + 2 * CONTEXT; k++)
            if (!is_same_text(file, k)) end = k + 1;
        add_hunk(file, i, end, lines, out);
        i = end;
    }
}

void hub_fixes_diff(const struct hub_fixes *f, struct hub_buf *out) {
    for (size_t i = 0; i < f->n; i++)
        if (has_changed(&f->files[i])) add_diff(&f->files[i], out);
}

/* Beside the file itself where the path is a link, which stays one. */
static enum hub_code write_fixed(const struct hub_fixed_file *file, struct hub_err *err) {
    struct stat st;
    struct hub_buf path = {0};
    char *real = realpath(file->path, NULL);
    hub_buf_addf(&path, "%s.hubctl-%d", real ? real : file->path, (int)getpid());
    const char *temporary = hub_buf_cstr(&path);
    FILE *out = !real || stat(real, &st) ? NULL : fopen(temporary, "wx");
    bool good = out != NULL;
    if (out) {
        if (file->mark) good = fwrite(mark.p, 1, mark.n, out) == mark.n;
        good =
            good && fwrite(file->now.p, 1, file->now.n, out) == file->now.n && !fchmod(fileno(out), st.st_mode & 07777);
        good = !fclose(out) && good && !rename(temporary, real);
        if (!good) unlink(temporary);
    }
    if (!good) hub_err_set(err, HUB_NOT_FOUND, "%s cannot be written: %s", file->path, strerror(errno));
    free(real);
    hub_buf_free(&path);
    return good ? HUB_OK : HUB_NOT_FOUND;
}

enum hub_code hub_fixes_write(const struct hub_fixes *f, struct hub_err *err) {
    for (size_t i = 0; i < f->n; i++)
        if (has_changed(&f->files[i]) && write_fixed(&f->files[i], err)) return HUB_NOT_FOUND;
    return HUB_OK;
}

void hub_fixes_free(struct hub_fixes *f) {
    for (size_t i = 0; i < f->n; i++) {
        free(f->files[i].path);
        hub_buf_free(&f->files[i].was);
        hub_buf_free(&f->files[i].now);
    }
    free(f->files);
    free(f->overlays);
}
