/* From what libyaml trips over to what its author did: a scan of the text up to there knows which quotes,
 * brackets and blocks are open, and the lines around have a look of their own. */
#include "schema/yaml_error.h"

#include "base/memory/mem.h"
#include "base/text/odd_character.h"
#include "schema/tree.h"

struct opened {
    size_t at;
    char bracket;
};

/* What has been read up to somewhere. */
struct scan {
    struct hub_str t;
    size_t at;
    struct opened open[HUB_TREE_DEPTH + 1];
    size_t depth;
    size_t quote, quote_end; /* the last quoted text; QUOTE_END 0: it is not closed before LIMIT */
    size_t block, block_end; /* the last block of text (| and >): its sign, and where its lines end */
    size_t comment;          /* the first "//" or slash and star where a value could begin */
    size_t crooked;          /* the first bracket that is closed by another kind, or on a line of another indentation */
    bool quoted, has_block, has_comment, has_crooked;
};

/* ---- lines ---- */

static size_t line_start(struct hub_str t, size_t at) {
    while (at && t.p[at - 1] != '\n') at--;
    return at;
}

static size_t line_end(struct hub_str t, size_t at) {
    while (at < t.n && t.p[at] != '\n' && t.p[at] != '\r') at++;
    return at;
}

static size_t next_line(struct hub_str t, size_t at) {
    at += hub_str_find(hub_str(t.p + at, t.n - at), '\n');
    return at < t.n ? at + 1 : t.n;
}

static size_t indent_of(struct hub_str t, size_t start) {
    size_t n = 0;
    while (start + n < t.n && t.p[start + n] == ' ') n++;
    return n;
}

static bool is_blank_line(struct hub_str t, size_t start) {
    size_t at = start + indent_of(t, start);
    return at == t.n || t.p[at] == '\n' || t.p[at] == '\r' || t.p[at] == '#';
}

/* The last line before that of START that says something; START itself when there is none. */
static size_t line_before(struct hub_str t, size_t start) {
    for (size_t at = start; at;) {
        at = line_start(t, at - 1);
        if (!is_blank_line(t, at)) return at;
    }
    return start;
}

static bool is_break(struct hub_str t, size_t at) {
    return at >= t.n || t.p[at] == ' ' || t.p[at] == '\t' || t.p[at] == '\n' || t.p[at] == '\r';
}

/* ---- the scan ---- */

static void scan_quoted(struct scan *s, size_t limit) {
    char quote = s->t.p[s->at];
    s->quoted = true;
    s->quote = s->at++, s->quote_end = 0;
    for (; s->at < limit; s->at++) {
        if (quote == '"' && s->t.p[s->at] == '\\') {
            s->at++;
        } else if (s->t.p[s->at] == quote) {
            if (quote == '\'' && s->at + 1 < s->t.n && s->t.p[s->at + 1] == quote) {
                s->at++;
                continue;
            }
            s->quote_end = ++s->at;
            return;
        }
    }
}

/* The lines of a block are those deeper than KEY, the column of what it belongs to. */
static void scan_block(struct scan *s, size_t key) {
    s->has_block = true;
    s->block = s->at;
    s->at = next_line(s->t, s->at);
    while (s->at < s->t.n && (is_break(s->t, s->at + indent_of(s->t, s->at)) || indent_of(s->t, s->at) > key)) {
        size_t next = next_line(s->t, s->at);
        if (next == s->at) break;
        s->at = next;
    }
    s->block_end = s->at;
}

static void scan_closing(struct scan *s) {
    const struct opened *o = s->depth ? &s->open[--s->depth] : NULL;
    size_t start = line_start(s->t, s->at);
    bool first = start + indent_of(s->t, start) == s->at;
    if (o && !s->has_crooked &&
        (o->bracket != (s->t.p[s->at] == ']' ? '[' : '{') ||
         (first && indent_of(s->t, line_start(s->t, o->at)) != s->at - start)))
        s->has_crooked = true, s->crooked = o->at;
    s->at++;
}

static bool ends_plain(const struct scan *s, size_t at) {
    char c = s->t.p[at];
    if (c == '\n') return true;
    if (c == ':' && (is_break(s->t, at + 1) || (s->depth && strchr(",[]{}", s->t.p[at + 1])))) return true;
    if (c == '#' && is_break(s->t, at - 1)) return true;
    return s->depth && strchr(",[]{}", c);
}

static void scan_plain(struct scan *s, size_t limit) {
    struct hub_str rest = hub_str(s->t.p + s->at, s->t.n - s->at);
    bool comment = hub_str_starts(rest, HUB_STR("//")) || hub_str_starts(rest, HUB_STR("/*"));
    if (comment && !s->has_comment) s->has_comment = true, s->comment = s->at;
    if (comment) {
        s->at = line_end(s->t, s->at);
        return;
    }
    do s->at++;
    while (s->at < limit && !ends_plain(s, s->at));
}

static void scan_until(struct scan *s, size_t limit) {
    size_t key = 0; /* the column of the last key or dash on the line */
    while (s->at < limit) {
        char c = s->t.p[s->at];
        size_t column = s->at - line_start(s->t, s->at);
        if (strchr(" \t\r\n,", c)) {
            s->at++;
        } else if (c == '#') {
            s->at = line_end(s->t, s->at);
        } else if (c == '"' || c == '\'') {
            key = column;
            scan_quoted(s, limit);
        } else if (c == '[' || c == '{') {
            if (s->depth <= HUB_TREE_DEPTH) s->open[s->depth++] = (struct opened){s->at, c};
            s->at++;
        } else if (c == ']' || c == '}') {
            scan_closing(s);
        } else if ((c == '|' || c == '>') && !s->depth) {
            scan_block(s, key);
        } else if (c == '-' && is_break(s->t, s->at + 1)) {
            key = column;
            s->at++;
        } else if (c == ':') {
            s->at++;
        } else {
            size_t from = s->at;
            scan_plain(s, limit);
            if (s->at < s->t.n && s->t.p[s->at] == ':') key = from - line_start(s->t, from);
        }
    }
}

static HUB_MUST struct scan *new_scan(struct hub_arena *a, const struct hub_source *src, size_t limit) {
    struct scan *s = hub_arena_zalloc(a, sizeof *s);
    s->t = src->text;
    scan_until(s, limit);
    return s;
}

/* ---- what is said ---- */

struct judge {
    struct hub_arena *a;
    const struct hub_source *src;
    const struct hub_yaml_problem *p;
    struct hub_str t;
    size_t problem, context; /* offsets */
    struct hub_yaml_error *out;
};

static bool say_error(const struct judge *j, size_t at, size_t n, const char *code, const char *message) {
    struct hub_range r;
    hub_source_place(j->src, at, &r.line, &r.column);
    hub_source_place(j->src, at + (n ? n : 1), &r.end_line, &r.end_column);
    if (r.end_line != r.line || r.end_column <= r.column) r.end_line = r.line, r.end_column = r.column + 1;
    *j->out = (struct hub_yaml_error){code, r, message, NULL};
    return true;
}

static int line_number(const struct judge *j, size_t at) {
    int line, column;
    hub_source_place(j->src, at, &line, &column);
    return line;
}

/* The same, where what should stand there is known. */
static bool say_with(const struct judge *j, size_t at, size_t n, const char *fix, const char *message) {
    bool said = say_error(j, at, n, "Y001", message);
    j->out->fix = fix;
    return said;
}

static bool say_open_quote(const struct judge *j, size_t at) {
    return say_error(j, at, 1, "Y001", "the quote that opens here is not closed where its text ends");
}

static bool say_open_bracket(const struct judge *j, size_t at) {
    return say_error(j, at, 1, "Y001",
                     hub_arena_fmt(j->a, "the bracket \"%c\" that opens here is not closed", j->t.p[at]));
}

/* ---- lines that have a look of their own ---- */

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

static size_t word_length(struct hub_str t, size_t at) {
    size_t n = 0;
    while (at + n < t.n && is_word_byte(t.p[at + n])) n++;
    return n;
}

static bool judge_merge(const struct judge *j) {
    static const char *const marks[] = {"<<<<<<<", "=======", ">>>>>>>", "|||||||"};
    for (size_t at = 0; at < j->t.n; at = next_line(j->t, at))
        for (size_t i = 0; i < HUB_NELEM(marks); i++)
            if (hub_str_starts(hub_str(j->t.p + at, j->t.n - at), hub_cstr(marks[i])) && is_break(j->t, at + 7))
                return say_error(j, at, line_end(j->t, at) - at, "Y001",
                                 "a merge conflict is left here: decide for one side and take its marks out");
    return false;
}

static bool judge_odd(const struct judge *j, size_t start) {
    size_t at = start;
    struct hub_odd_character odd;
    while (at < j->t.n && (j->t.p[at] == ' ' || j->t.p[at] == '-')) at++;
    struct hub_str rest = hub_str(j->t.p + at, line_end(j->t, at) - at);
    if (hub_odd_at(rest, &odd))
        return say_error(j, at, odd.n, "Y001", hub_arena_fmt(j->a, "%s stands here: write an ordinary one", odd.name));
    size_t word = word_length(j->t, at), colon = at + word;
    if (!word || colon >= j->t.n) return false;
    bool typed = j->t.p[colon] == ':';
    rest = hub_str(j->t.p + colon + typed, line_end(j->t, at) - colon - typed);
    if (hub_odd_at(rest, &odd))
        return say_error(
            j, at, word + typed + odd.n, "Y001",
            hub_arena_fmt(j->a, "%s stands behind \"%.*s\": write an ordinary one", odd.name, (int)word, j->t.p + at));
    return false;
}

static bool judge_dash(const struct judge *j, size_t start) {
    size_t at = start + indent_of(j->t, start);
    if (at + 1 >= j->t.n || j->t.p[at] != '-' || !(is_word_byte(j->t.p[at + 1]) || strchr("{[\"'", j->t.p[at + 1])))
        return false;
    if (j->t.p[at + 1] >= '0' && j->t.p[at + 1] <= '9') return false;
    return say_with(j, at, 1, "- ", "there is no space behind the dash: an element of a list begins with \"- \"");
}

static bool judge_colon(const struct judge *j, size_t start) {
    size_t at = start + indent_of(j->t, start);
    while (at + 1 < j->t.n && j->t.p[at] == '-' && j->t.p[at + 1] == ' ') at += 2;
    size_t n = word_length(j->t, at), colon = at + n;
    if (!n || colon + 1 >= j->t.n || j->t.p[colon] != ':' || is_break(j->t, colon + 1) || j->t.p[colon + 1] == ':' ||
        j->t.p[colon + 1] == '/')
        return false;
    return say_with(j, at, n + 1, hub_arena_fmt(j->a, "%.*s: ", (int)n, j->t.p + at),
                    hub_arena_fmt(j->a, "there is no space behind the colon: write \"%.*s: …\"", (int)n, j->t.p + at));
}

static bool judge_comment(const struct judge *j, size_t start) {
    size_t at = start + indent_of(j->t, start);
    struct hub_str rest = hub_str(j->t.p + at, j->t.n - at);
    if (!hub_str_starts(rest, HUB_STR("//")) && !hub_str_starts(rest, HUB_STR("/*"))) return false;
    return say_with(j, at, 2, rest.p[1] == '/' ? "#" : NULL, "a comment begins with #");
}

/* Whether the line at START is text of a block. */
static bool is_in_block(const struct judge *j, size_t start) {
    const struct scan *s = new_scan(j->a, j->src, start);
    return s->has_block && s->block_end > start;
}

static bool judge_line(const struct judge *j, size_t start) {
    if (is_in_block(j, start)) return false;
    return judge_comment(j, start) || judge_odd(j, start) || judge_dash(j, start) || judge_colon(j, start);
}

/* ---- what libyaml says ---- */

/* A line that is no key: its colon is missing, or it was meant for the block before. */
static bool judge_no_key(const struct judge *j) {
    size_t start = line_start(j->t, j->context), at = start + indent_of(j->t, start);
    const struct scan *s = new_scan(j->a, j->src, start);
    bool header = s->has_block && s->block_end <= start && line_before(j->t, start) >= line_start(j->t, s->block);
    if (header && line_before(j->t, start) < s->block_end)
        return say_error(
            j, at, line_end(j->t, at) - at, "Y001",
            hub_arena_fmt(j->a,
                          "this belongs to the text that begins on line %d: indent it like its other lines, "
                          "deeper than the key",
                          line_number(j, s->block)));
    size_t word = word_length(j->t, at);
    return say_error(j, at, word, "Y001",
                     word ? hub_arena_fmt(j->a, "there is no colon behind \"%.*s\": write \"%.*s: …\"", (int)word,
                                          j->t.p + at, (int)word, j->t.p + at)
                          : "this is no key: a key ends with a colon");
}

/* A colon within what was begun before: of the same line, or of the one before. */
static bool judge_second_colon(const struct judge *j) {
    size_t start = line_start(j->t, j->problem), first = start + indent_of(j->t, start), at = first;
    while (at + 1 < j->t.n && j->t.p[at] == '-' && j->t.p[at + 1] == ' ') at += 2, first = at;
    at += word_length(j->t, at);
    if (at >= j->problem) {
        size_t before = line_before(j->t, start);
        if (judge_line(j, before)) return true;
        return say_error(j, first, at - first, "Y001",
                         hub_arena_fmt(j->a, "this line is indented deeper than line %d, which has a value already",
                                       line_number(j, before)));
    }
    size_t word = j->problem;
    while (word > start && is_word_byte(j->t.p[word - 1])) word--;
    size_t value = at + 1 + indent_of(j->t, at + 1);
    struct hub_str before = hub_str(j->t.p + value, word > value ? word - value : 0);
    bool whole = hub_str_is(before, "true ") || hub_str_is(before, "false ") ||
                 (before.n && strspn(before.p, "0123456789 ") >= before.n);
    if (whole) return say_error(j, word, j->problem - word, "Y001", "a key begins on a line of its own");
    return say_error(j, j->problem, 1, "Y001", "a text with a colon and a space in it needs quotes around all of it");
}

static bool is_closing(char c) { return c == ']' || c == '}'; }

/* Where a key or an element should be. */
static bool judge_unexpected(const struct judge *j) {
    const struct scan *s = new_scan(j->a, j->src, j->problem);
    size_t start = line_start(j->t, j->problem), first = start + indent_of(j->t, start);
    bool many_lines = s->quoted && s->quote_end && line_start(j->t, s->quote) != line_start(j->t, s->quote_end - 1);
    if (many_lines && s->quote_end >= start) return say_open_quote(j, s->quote);
    if (j->problem < j->t.n && is_closing(j->t.p[j->problem]))
        return say_error(j, j->problem, 1, "Y001",
                         hub_arena_fmt(j->a, "\"%c\" closes nothing: no bracket is open here", j->t.p[j->problem]));
    if (j->problem == first) {
        if (judge_line(j, start)) return true;
        if (judge_line(j, line_before(j->t, start))) return true;
        return say_error(j, first, line_end(j->t, first) - first, "Y001",
                         hub_arena_fmt(j->a, "the indentation by %zu does not fit the lines around, which have %zu",
                                       first - start, indent_of(j->t, line_before(j->t, start))));
    }
    bool quote = s->quoted && s->quote_end && s->quote >= start;
    if (quote && j->t.p[s->quote] == '\'' && is_word_byte(j->t.p[j->problem]))
        return say_error(j, j->problem, 1, "Y001",
                         "the text ends at the apostrophe before: in single quotes an apostrophe is written twice");
    return say_error(j, j->problem, 1, "Y001",
                     "the text goes on behind its closing quote or bracket: it needs quotes around all of it");
}

/* Whether a bracket outside of the innermost one waits for C. */
static bool closes_outer(const struct scan *s, char c) {
    for (size_t i = 1; i < s->depth; i++)
        if (s->open[i - 1].bracket == (c == ']' ? '[' : '{')) return true;
    return false;
}

/* In brackets, where a comma or the end should be. */
static bool judge_flow(const struct judge *j) {
    const struct scan *s = new_scan(j->a, j->src, j->problem);
    size_t start = line_start(j->t, j->problem), first = start + indent_of(j->t, start);
    size_t open_line = line_start(j->t, j->context);
    if (s->has_comment && s->comment >= open_line)
        return say_error(j, s->comment, 2, "Y001", "a comment begins with #");
    if (s->quoted && s->quote_end && line_start(j->t, s->quote) != line_start(j->t, s->quote_end - 1))
        return say_open_quote(j, s->quote);
    if (j->problem >= j->t.n) return say_open_bracket(j, s->has_crooked ? s->crooked : j->context);
    char c = j->t.p[j->problem];
    if (open_line != start && indent_of(j->t, start) <= indent_of(j->t, open_line) && !is_closing(c) && c != '"')
        return say_open_bracket(j, j->context);
    if (is_closing(c) && closes_outer(s, c)) return say_open_bracket(j, s->open[s->depth - 1].at);
    if (is_closing(c))
        return say_error(j, j->problem, 1, "Y001",
                         hub_arena_fmt(j->a, "\"%c\" does not close the \"%c\" of line %d", c, j->t.p[j->context],
                                       line_number(j, j->context)));
    size_t word = j->problem;
    while (c == ':' && word > first && is_word_byte(j->t.p[word - 1])) word--;
    return say_error(j, word, 1, "Y001", "a comma is missing before this, or the text before needs quotes");
}

static bool judge_end(const struct judge *j) {
    const struct scan *s = new_scan(j->a, j->src, j->t.n);
    if (s->quoted && !s->quote_end) return say_open_quote(j, s->quote);
    if (s->depth) return say_open_bracket(j, s->has_crooked ? s->crooked : s->open[s->depth - 1].at);
    return false;
}

static bool judge_sign(const struct judge *j) {
    char c = j->problem < j->t.n ? j->t.p[j->problem] : 0;
    if (c != '@' && c != '`' && c != '%') return false;
    return say_error(j, j->problem, 1, "Y001",
                     hub_arena_fmt(j->a, "a text that begins with %c needs quotes around it", c));
}

static bool judge_decoration(const struct judge *j) {
    char c = j->context < j->t.n ? j->t.p[j->context] : 0;
    const struct scan *s = new_scan(j->a, j->src, j->context);
    if (c != '*' && c != '&' && c != '!') return false;
    if (s->quoted && s->quote_end && s->quote >= line_start(j->t, j->context))
        return say_error(j, j->context, 1, "Y001",
                         "the text goes on behind its closing quote: it needs quotes around all of it");
    return say_error(j, j->context, 1, c == '!' ? "Y013" : "Y004",
                     hub_arena_fmt(j->a, "a text that begins with %c needs quotes around it", c));
}

static bool judge_escape(const struct judge *j) {
    return say_error(j, j->problem, 2, "Y001",
                     "in double quotes a backslash begins an escape: write it twice, or take single quotes");
}

static bool judge_block_header(const struct judge *j) {
    return say_error(j, j->problem, 1, "Y001", "the text of a block begins on the line behind | or >");
}

static bool judge_entry(const struct judge *j) {
    if (judge_line(j, line_before(j->t, line_start(j->t, j->problem)))) return true;
    return say_error(j, j->problem, 1, "Y001", "a list begins on a line of its own, below its key");
}

static const struct {
    const char *problem;
    bool (*judge)(const struct judge *j);
} judges[] = {
    {"could not find expected ':'", judge_no_key},
    {"mapping values are not allowed", judge_second_colon},
    {"did not find expected key", judge_unexpected},
    {"did not find expected '-' indicator", judge_unexpected},
    {"did not find expected ',' or", judge_flow},
    {"found unexpected end of stream", judge_end},
    {"found character that cannot start any token", judge_sign},
    {"alphabetic or numeric character", judge_decoration},
    {"did not find expected whitespace or line break", judge_decoration},
    {"found undefined tag handle", judge_decoration},
    {"did not find expected tag URI", judge_decoration},
    {"found unknown escape character", judge_escape},
    {"did not find expected comment or line break", judge_block_header},
    {"block sequence entries are not allowed", judge_entry},
    {"did not find the expected", judge_end},
};

/* libyaml trips over a tab somewhere behind it; the tab is what the author has to see. */
static bool judge_tab(const struct judge *j) {
    size_t start = line_start(j->t, j->problem);
    for (int i = 0; i < 2; i++, start = line_before(j->t, start)) {
        size_t at = start + indent_of(j->t, start);
        if (at < j->t.n && j->t.p[at] == '\t')
            return say_error(j, at, 1, "Y002", "a tab cannot indent YAML; use spaces");
    }
    return false;
}

/* As libyaml puts it. */
static void say_plainly(const struct judge *j) {
    const struct hub_yaml_problem *p = j->p;
    const char *message = p->problem ? p->problem : "not YAML";
    if (p->context && p->context_line != p->line)
        message = hub_arena_fmt(j->a, "%s (%s that starts on line %d)", message, p->context, p->context_line);
    else if (p->context)
        message = hub_arena_fmt(j->a, "%s (%s)", message, p->context);
    say_error(j, j->problem, 1, "Y001", message);
}

struct hub_yaml_error hub_yaml_error(struct hub_arena *a, const struct hub_source *src,
                                     const struct hub_yaml_problem *p) {
    struct hub_yaml_error out;
    struct judge j = {.a = a, .src = src, .p = p, .t = src->text, .out = &out};
    j.problem = hub_source_offset(src, p->line, p->column);
    j.context = p->context ? hub_source_offset(src, p->context_line, p->context_column) : j.problem;
    if (judge_merge(&j) || judge_tab(&j)) return out;
    bool of_line = p->problem && strstr(p->problem, "could not find expected ':'");
    if (of_line && judge_line(&j, line_start(j.t, j.context))) return out;
    for (size_t i = 0; p->problem && i < HUB_NELEM(judges); i++)
        if (strstr(p->problem, judges[i].problem) && judges[i].judge(&j)) return out;
    say_plainly(&j);
    return out;
}
