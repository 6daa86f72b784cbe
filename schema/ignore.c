/* Comments that take warnings out: "# hubctl:ignore H020,L004 -- why", in Lua with "--" in front, on the line
 * of the warning or above it. */
#include <stdio.h>

#include "base/text/utf8.h"
#include "schema/loader.h"

struct ignore {
    const struct hub_source *src;
    int line;  /* whose warnings are meant */
    size_t at; /* of the comment */
    struct hub_str codes;
    bool reason;
};

static const struct hub_str word = {"hubctl:ignore", 13};

/* Whether a quote that was opened before AT still is. An apostrophe within a word opens none. */
static bool is_in_quotes(struct hub_str line, size_t at) {
    char open = 0;
    for (size_t i = 0; i < at; i++) {
        char c = line.p[i];
        if (open)
            open = c == open ? 0 : open;
        else if ((c == '"' || c == '\'') && (!i || strchr(" \t[{(,:=", line.p[i - 1])))
            open = c;
    }
    return open != 0;
}

/* Whether a comment begins right before AT. */
static bool is_in_comment(struct hub_str line, size_t at) {
    if (is_in_quotes(line, at)) return false;
    while (at && (line.p[at - 1] == ' ' || line.p[at - 1] == '\t')) at--;
    return at && (line.p[at - 1] == '#' || (at > 1 && line.p[at - 1] == '-' && line.p[at - 2] == '-'));
}

static bool is_comment_or_blank(struct hub_str line) {
    line = hub_str_trim(line);
    return !line.n || line.p[0] == '#' || hub_str_starts(line, HUB_STR("--"));
}

/* A comment alone on its line is about the next one that says something. */
static int line_meant(const struct hub_source *src, int line) {
    if (!is_comment_or_blank(hub_source_line(src, line))) return line;
    while (line < src->line_n && is_comment_or_blank(hub_source_line(src, line))) line++;
    return line;
}

static bool find_ignore(const struct hub_source *src, int line, struct ignore *out) {
    struct hub_str text = hub_source_line(src, line);
    const char *at = text.n ? memmem(text.p, text.n, word.p, word.n) : NULL;
    if (!at || !is_in_comment(text, (size_t)(at - text.p))) return false;
    struct hub_str rest = hub_str(at + word.n, (size_t)(text.p + text.n - at) - word.n);
    const char *why = rest.n ? memmem(rest.p, rest.n, "--", 2) : NULL;
    size_t n = why ? (size_t)(why - rest.p) : rest.n;
    *out = (struct ignore){.src = src,
                           .line = line_meant(src, line),
                           .at = (size_t)(at - src->text.p),
                           .codes = hub_str_trim(hub_str(rest.p, n)),
                           .reason = why && hub_str_trim(hub_str(why + 2, rest.n - n - 2)).n};
    return true;
}

static void tell_ignore(struct hub_loader *l, const struct ignore *g, struct hub_str at, const char *message) {
    struct hub_range r;
    size_t from = at.n ? (size_t)(at.p - g->src->text.p) : g->at;
    hub_source_place(g->src, from, &r.line, &r.column);
    hub_source_place(g->src, from + (at.n ? at.n : word.n), &r.end_line, &r.end_column);
    hub_diags_add(l->diags, "Y017", g->src, &r, NULL, NULL, message);
}

/* Takes out what CODE says on the line; false: there is nothing. */
static bool drop_code(struct hub_loader *l, const struct ignore *g, struct hub_str code) {
    bool found = false;
    for (size_t i = hub_diags_n(l->diags); i--;) {
        const struct hub_diag *d = hub_diags_at(l->diags, i);
        bool it = d->line == g->line && hub_str_is(code, d->code) && !strcmp(d->file, g->src->name);
        if (!it || d->severity == HUB_SEV_ERROR) continue;
        hub_diags_drop(l->diags, i);
        found = true;
    }
    return found;
}

static void apply_code(struct hub_loader *l, const struct ignore *g, struct hub_str code) {
    char name[8] = "";
    snprintf(name, sizeof name, "%.*s", HUB_CUT(code, 7));
    const struct hub_code_row *row = hub_code_row(name);
    if (!row || code.n > 4)
        tell_ignore(l, g, code, hub_arena_fmt(l->scratch, "there is no code \"%.*s\"", HUB_CUT(code, 40)));
    else if (row->severity == HUB_SEV_ERROR)
        tell_ignore(l, g, code, hub_arena_fmt(l->scratch, "%s is an error, and cannot be ignored", name));
    else if (!drop_code(l, g, code))
        tell_ignore(l, g, code, hub_arena_fmt(l->scratch, "there is no %s on line %d: take this out", name, g->line));
}

static void apply_ignore(struct hub_loader *l, const struct ignore *g) {
    struct hub_str rest = g->codes, code;
    if (!g->codes.n || !g->reason) {
        tell_ignore(l, g, hub_str(NULL, 0),
                    g->codes.n ? "an ignore needs its reason: hubctl:ignore CODE -- why"
                               : "an ignore names codes and its reason: hubctl:ignore CODE,CODE -- why");
        return;
    }
    while (hub_str_split(&rest, ',', &code))
        if (hub_str_trim(code).n) apply_code(l, g, hub_str_trim(code));
}

void hub_apply_ignores(struct hub_loader *l) {
    for (size_t i = 0; i < l->source_n; i++) {
        const struct hub_source *src = l->sources[i];
        struct ignore g;
        if (!src->text.n || !memmem(src->text.p, src->text.n, word.p, word.n)) continue;
        for (int line = 1; line <= src->line_n; line++)
            if (find_ignore(src, line, &g)) apply_ignore(l, &g);
    }
}
