/* Lines and places of a definition's text. */
#include "schema/source.h"

#include "base/text/utf8.h"

/* Bytes of the line break at P, or 0: CR, LF, CRLF, NEL, LS, PS, as libyaml counts them. */
static size_t break_at(const char *p, size_t n) {
    if (p[0] == '\r') return n > 1 && p[1] == '\n' ? 2 : 1;
    if (p[0] == '\n') return 1;
    if (n > 1 && memcmp(p, "\xc2\x85", 2) == 0) return 2;
    if (n > 2 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0)) return 3;
    return 0;
}

static int count_lines(struct hub_str t, size_t *offsets) {
    int n = 0;
    if (offsets) offsets[n] = 0;
    n++;
    for (size_t i = 0, step; i < t.n; i += step ? step : 1) {
        step = break_at(t.p + i, t.n - i);
        if (!step) continue;
        if (offsets) offsets[n] = i + step;
        n++;
    }
    return n;
}

struct hub_source *hub_source_new(struct hub_arena *a, const char *name, char kind, struct hub_str text) {
    struct hub_source *s = hub_arena_zalloc(a, sizeof *s);
    if (hub_str_starts(text, HUB_STR("\xef\xbb\xbf"))) text = hub_str(text.p + 3, text.n - 3);
    s->name = hub_arena_dup(a, hub_cstr(name));
    s->kind = kind;
    s->text = hub_str(hub_arena_dup(a, text), text.n);
    s->line_n = count_lines(s->text, NULL);
    size_t *offsets = hub_arena_zalloc(a, (size_t)s->line_n * sizeof *offsets);
    count_lines(s->text, offsets);
    s->lines = offsets;
    return s;
}

struct hub_str hub_source_line(const struct hub_source *s, int line) {
    if (line < 1 || line > s->line_n) return hub_str("", 0);
    size_t from = s->lines[line - 1], to = line < s->line_n ? s->lines[line] : s->text.n, end = from;
    while (end < to && !break_at(s->text.p + end, s->text.n - end)) end++;
    return hub_str(s->text.p + from, end - from);
}

size_t hub_source_offset(const struct hub_source *s, int line, int column) {
    struct hub_str l = hub_source_line(s, line);
    if (line < 1 || line > s->line_n) return s->text.n;
    size_t i = 0;
    for (int c = 1; c < column && i < l.n; c++) {
        i++;
        while (i < l.n && ((unsigned char)l.p[i] & 0xc0) == 0x80) i++;
    }
    return (size_t)(l.p - s->text.p) + i;
}

void hub_source_place(const struct hub_source *s, size_t offset, int *line, int *column) {
    int lo = 0, hi = s->line_n - 1;
    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;
        if (s->lines[mid] <= offset)
            lo = mid;
        else
            hi = mid - 1;
    }
    if (offset > s->text.n) offset = s->text.n;
    *line = lo + 1;
    *column = 1 + (int)hub_utf8_len(hub_str(s->text.p + s->lines[lo], offset - s->lines[lo]));
}
