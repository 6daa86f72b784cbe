/* The text of scalars: environment variables in it, and the way back from a character to its place in the
 * file. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "schema/tree.h"

static bool is_name_char(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

struct variable {
    struct hub_str name, fallback;
    bool has_fallback;
    size_t len; /* of the whole "${…}" */
};

static bool variable_at(struct hub_str t, size_t at, struct variable *v) {
    size_t i = at + 2;
    if (t.n - at < 4 || t.p[at] != '$' || t.p[at + 1] != '{' || !is_name_char(t.p[i]) ||
        (t.p[i] >= '0' && t.p[i] <= '9'))
        return false;
    while (i < t.n && is_name_char(t.p[i])) i++;
    *v = (struct variable){.name = hub_str(t.p + at + 2, i - at - 2)};
    if (i + 1 < t.n && t.p[i] == ':' && t.p[i + 1] == '-') {
        size_t end = hub_str_find(hub_str(t.p + i, t.n - i), '}');
        v->fallback = hub_str(t.p + i + 2, end - 2);
        v->has_fallback = true;
        i += end;
    }
    v->len = i + 1 - at;
    return i < t.n && t.p[i] == '}';
}

static const char *lookup_variable(struct hub_str name) {
    char buf[256];
    if (name.n >= sizeof buf) return NULL;
    memcpy(buf, name.p, name.n);
    buf[name.n] = 0;
    return getenv(buf);
}

/* One step of the replacement: what stands at AT of T, how much of T that is, and what it becomes. False:
 * a variable that is missing. */
static bool expand_at(struct hub_str t, size_t at, size_t *taken, struct hub_str *becomes, struct variable *v) {
    if (t.n - at >= 3 && memcmp(t.p + at, "$${", 3) == 0) {
        *taken = 3, *becomes = hub_str(t.p + at + 1, 2);
        return true;
    }
    if (!variable_at(t, at, v)) {
        *taken = 1, *becomes = hub_str(t.p + at, 1);
        return true;
    }
    const char *value = lookup_variable(v->name);
    bool empty = !value || !*value; /* as in sh, ":-" is for both */
    *taken = v->len;
    *becomes = empty && v->has_fallback ? v->fallback : hub_cstr(value);
    return value || v->has_fallback;
}

static void report_missing(struct hub_arena *a, struct hub_node *n, size_t at, const struct variable *v,
                           struct hub_diags *diags) {
    n->value = n->text; /* for the position of the variable itself */
    n->resolved = n->bad = true;
    struct hub_range r = hub_node_span(n, at, at + v->len);
    hub_diags_add(diags, "Y010", n->src, &r, hub_node_path(a, n), NULL,
                  hub_arena_fmt(a, "the environment variable %.*s is not set; set it or write ${%.*s:-default}",
                                HUB_FMT(v->name), HUB_FMT(v->name)));
}

struct hub_str hub_node_value(struct hub_arena *a, struct hub_node *n, struct hub_diags *diags) {
    if (n->resolved) return n->value;
    n->resolved = true;
    n->value = n->text;
    if (!n->text.n || !memmem(n->text.p, n->text.n, "${", 2)) return n->value; /* an alias has no text at all */
    struct hub_buf out = {0};
    bool changed = false;
    for (size_t i = 0, taken; i < n->text.n; i += taken) {
        struct variable v;
        struct hub_str becomes;
        if (!expand_at(n->text, i, &taken, &becomes, &v)) {
            report_missing(a, n, i, &v, diags);
            hub_buf_free(&out);
            return n->value;
        }
        if (taken > 1) changed = true;
        if (taken > 3) n->substituted = true;
        hub_buf_adds(&out, becomes);
        if (out.n > HUB_SOURCE_MAX) break;
    }
    if (changed) n->value = hub_str(hub_arena_dup(a, hub_buf_str(&out)), out.n);
    hub_buf_free(&out);
    return n->value;
}

void hub_tree_escape(struct hub_buf *out, struct hub_str text) {
    for (size_t i = 0; i < text.n; i++) {
        struct variable v;
        bool escape = (text.n - i >= 3 && memcmp(text.p + i, "$${", 3) == 0) || variable_at(text, i, &v);
        if (escape) hub_buf_addc(out, '$');
        hub_buf_addc(out, text.p[i]);
    }
}

/* Offset in the text as YAML reads it of byte AT of the value. */
static size_t raw_offset(const struct hub_node *n, size_t at) {
    if (n->value.p == n->text.p) return at;
    size_t made = 0;
    for (size_t i = 0, taken; i < n->text.n; i += taken) {
        struct variable v;
        struct hub_str becomes;
        expand_at(n->text, i, &taken, &becomes, &v);
        if (made + becomes.n > at) return taken == 1 ? i + (at - made) : i;
        made += becomes.n;
    }
    return n->text.n;
}

static bool is_white(unsigned c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Lines of a block before its first line with text say nothing about the indentation. */
static int block_indent(const struct hub_node *n) {
    struct hub_str rest = n->text, line;
    for (int i = 1; hub_str_split(&rest, '\n', &line); i++) {
        if (!hub_str_trim(line).n) continue;
        struct hub_str src = hub_source_line(n->src, n->range.line + i);
        size_t here = 0, there = 0;
        while (here < line.n && line.p[here] == ' ') here++;
        while (there < src.n && src.p[there] == ' ') there++;
        return there > here ? (int)(there - here) : 0;
    }
    return 0;
}

static void place_in_block(const struct hub_node *n, size_t raw, int *line, int *column) {
    size_t begin = 0;
    *line = n->range.line + 1;
    for (size_t i = 0; i < raw && i < n->text.n; i++)
        if (n->text.p[i] == '\n') ++*line, begin = i + 1;
    *column = 1 + block_indent(n) + (int)hub_utf8_len(hub_str(n->text.p + begin, raw - begin));
}

/* Walks over the source of a scalar one character of its content at a time. */
struct walk {
    const struct hub_node *n;
    const char *p, *end;
    int line, column;
};

static void step_character(struct walk *w) {
    if (*w->p == '\n' || (*w->p == '\r' && (w->p + 1 == w->end || w->p[1] != '\n'))) {
        w->line++, w->column = 1, w->p++;
        return;
    }
    w->p++;
    while (w->p < w->end && ((unsigned char)*w->p & 0xc0) == 0x80) w->p++;
    w->column++;
}

static bool is_surrogate_pair(const struct walk *w) {
    return w->end - w->p >= 11 && w->p[0] == 'u' && (w->p[1] | 32) == 'd' && strchr("89abAB", w->p[2]) &&
           w->p[5] == '\\' && w->p[6] == 'u';
}

/* An escape of a double-quoted scalar; true when it stands for something visible. */
static bool step_escape(struct walk *w) {
    step_character(w);
    if (w->p == w->end) return false;
    char c = *w->p;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (is_surrogate_pair(w)) digits = 10;
    unsigned long code = 0;
    if (digits && w->end - w->p > digits) {
        char hex[9] = {0};
        memcpy(hex, w->p + 1, (size_t)(digits > 8 ? 8 : digits));
        code = strtoul(hex, NULL, 16);
    }
    step_character(w);
    for (int i = 0; i < digits && w->p < w->end; i++) step_character(w);
    if (digits) return !is_white((unsigned)code);
    return !strchr(" \t\n\rntr", c);
}

/* Advances over one unit; true when it stands for a character that is no white space. */
static bool step_unit(struct walk *w) {
    if (w->n->style == HUB_STYLE_DOUBLE && *w->p == '\\') return step_escape(w);
    bool white = is_white((unsigned char)*w->p);
    if (w->n->style == HUB_STYLE_SINGLE && *w->p == '\'') step_character(w);
    if (w->p < w->end) step_character(w);
    return !white;
}

/* Folding changes white space only, so the k-th visible character of the text is the k-th of the source. */
static void place_in_flow(const struct hub_node *n, size_t raw, int *line, int *column) {
    size_t visible = 0;
    bool at_white = raw >= n->text.n || is_white((unsigned char)n->text.p[raw]);
    for (size_t i = 0; i < raw && i < n->text.n; i++)
        visible += ((unsigned char)n->text.p[i] & 0xc0) != 0x80 && !is_white((unsigned char)n->text.p[i]);
    struct walk w = {.n = n, .end = n->src->text.p + n->src->text.n};
    hub_node_content(n, &w.line, &w.column);
    if (n->style == HUB_STYLE_FOLDED) w.column = 1;
    w.p = n->src->text.p + hub_source_offset(n->src, w.line, w.column);
    int was_line = w.line, was_column = w.column;
    *line = w.line, *column = w.column;
    while (w.p < w.end) {
        was_line = w.line, was_column = w.column;
        if (at_white && !visible) break;
        if (!step_unit(&w)) continue;
        if (visible-- == 0) break;
    }
    *line = was_line, *column = was_column;
}

static void place_of(const struct hub_node *n, size_t at, int *line, int *column) {
    size_t raw = raw_offset(n, at);
    if (raw > n->text.n) raw = n->text.n;
    if (n->style == HUB_STYLE_LITERAL)
        place_in_block(n, raw, line, column);
    else
        place_in_flow(n, raw, line, column);
}

void hub_node_content(const struct hub_node *n, int *line, int *column) {
    *line = n->range.line, *column = n->range.column;
    if (n->style == HUB_STYLE_SINGLE || n->style == HUB_STYLE_DOUBLE) ++*column;
    if (n->style == HUB_STYLE_LITERAL || n->style == HUB_STYLE_FOLDED) ++*line, *column = 1 + block_indent(n);
}

struct hub_range hub_node_span(const struct hub_node *n, size_t from, size_t to) {
    struct hub_range r = {0};
    if (!n->range.line || n->kind != HUB_NODE_SCALAR) return hub_node_mark(n);
    place_of(n, from, &r.line, &r.column);
    r.end_line = r.line, r.end_column = r.column + 1;
    if (to > from + 1) {
        place_of(n, to - 1, &r.end_line, &r.end_column);
        r.end_column++;
    }
    return r;
}
