/* Scripts' SQL before it is sent: is it one statement, may it run, how many parameters has it, and $1… in
 * the place of ?. Knows PostgreSQL's lexical rules (strings, quoted names, dollar quotes, nested comments)
 * and nothing of its grammar: what stands before a parenthesis is taken for a function. */
#include "adapters/postgres/postgres_int.h"

struct sql_scan {
    const char *p, *end;
    struct hub_buf *out;
    struct hub_str first; /* word of the statement */
    bool any;             /* something but white space and comments */
    bool writes;          /* a word that changes data or tables occurs */
    bool own_table;       /* a name of the engine's own occurs */
    bool setting;         /* a function that changes the session occurs */
    bool ended;           /* a semicolon was met */
    uint64_t numbered;    /* the largest $n */
    size_t marks;         /* ? */
    bool dollars;         /* there are $n: ? is an operator */
    bool calls;           /* a function that may change something occurs */
    struct hub_str name;  /* the last token, if it was a name; and a dot may follow it */
    bool quoted, dotted;
    bool elsewhere; /* of a schema other than pg_catalog */
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '$'; }
static char peek_char(const struct sql_scan *s, size_t i) { return s->p + i < s->end ? s->p[i] : 0; }

static void copy_to(struct sql_scan *s, const char *to) {
    if (s->out) hub_buf_add(s->out, s->p, (size_t)(to - s->p));
    s->p = to;
}

static bool starts_nocase(struct hub_str s, struct hub_str prefix) {
    return s.n >= prefix.n && hub_str_eq_nocase(hub_str(s.p, prefix.n), prefix);
}

static bool word_in(struct hub_str word, const char *const *list) {
    for (; *list; list++)
        if (hub_str_eq_nocase(word, hub_cstr(*list))) return true;
    return false;
}

/* ---- tokens; each returns where it ends ---- */

/* 'text' with '' inside, and with backslashes when it is E'…'; "name" likewise without. */
static const char *end_of_quoted(const struct sql_scan *s, size_t from, char quote, bool backslash) {
    for (const char *p = s->p + from; p < s->end; p++) {
        if (backslash && *p == '\\') {
            if (++p == s->end) break;
        } else if (*p == quote) {
            if (p + 1 < s->end && p[1] == quote)
                p++;
            else
                return p + 1;
        }
    }
    return s->end;
}

static const char *line_comment(const struct sql_scan *s) {
    const char *p = memchr(s->p, '\n', (size_t)(s->end - s->p));
    return p ? p + 1 : s->end;
}

static const char *block_comment(const struct sql_scan *s) {
    int depth = 0;
    for (const char *p = s->p; p + 1 < s->end; p++) {
        if (p[0] == '/' && p[1] == '*')
            depth++, p++;
        else if (p[0] == '*' && p[1] == '/') {
            p++;
            if (!--depth) return p + 1;
        }
    }
    return s->end;
}

/* $tag$ … $tag$; NULL when it is none. */
static const char *dollar_quote(const struct sql_scan *s) {
    const char *p = s->p + 1;
    if (p < s->end && is_letter(*p))
        while (p < s->end && (is_letter(*p) || is_digit(*p))) p++;
    if (p >= s->end || *p != '$') return NULL;
    size_t n = (size_t)(p + 1 - s->p);
    for (p++; p + n <= s->end; p++)
        if (!memcmp(p, s->p, n)) return p + n;
    return s->end;
}

static void note_identifier(struct sql_scan *s, struct hub_str name, bool quoted) {
    s->elsewhere = s->dotted && !hub_str_eq_nocase(s->name, HUB_STR("pg_catalog"));
    s->name = name;
    s->quoted = quoted;
    s->dotted = false;
}

/* What is neither a name nor a space. */
static void note_other(struct sql_scan *s, char c) {
    bool called = c == '(' && s->name.n && !s->dotted;
    if (called && (s->elsewhere || !hub_pg_is_harmless(s->name, s->quoted))) s->calls = true;
    s->dotted = c == '.' && s->name.n;
    if (!s->dotted) s->name = hub_str(NULL, 0);
}

static void note_name(struct sql_scan *s, struct hub_str name) {
    static const char *const settings[] = {"set_config", "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf",
                                           NULL};
    if (starts_nocase(name, HUB_STR("hubd_"))) s->own_table = true;
    if (word_in(name, settings) || starts_nocase(name, HUB_STR("pg_advisory")) ||
        starts_nocase(name, HUB_STR("pg_try_advisory")))
        s->setting = true;
}

static void note_word(struct sql_scan *s, struct hub_str word) {
    static const char *const writing[] = {"insert",   "update",  "delete",  "merge",   "create",  "alter", "drop",
                                          "truncate", "comment", "reindex", "refresh", "analyze", "into",  NULL};
    if (!s->first.n) s->first = word;
    if (word_in(word, writing)) s->writes = true;
    note_name(s, word);
    note_identifier(s, word, false);
}

static void scan_word(struct sql_scan *s) {
    const char *p = s->p;
    while (p < s->end && is_word(*p)) p++;
    note_word(s, hub_str(s->p, (size_t)(p - s->p)));
    copy_to(s, p);
}

static void scan_parameter(struct sql_scan *s) {
    const char *p = s->p + 1;
    while (p < s->end && is_digit(*p)) p++;
    uint64_t n = 0;
    if (!hub_str_u64(hub_str(s->p + 1, (size_t)(p - s->p - 1)), &n)) n = UINT64_MAX;
    if (n > s->numbered) s->numbered = n;
    s->dollars = true;
    copy_to(s, p);
}

/* A space keeps the number apart from a word or a number beside it. */
static void scan_mark(struct sql_scan *s) {
    s->marks++;
    if (s->out && !s->dollars) {
        bool after = s->out->n && is_word(s->out->p[s->out->n - 1]);
        hub_buf_addf(s->out, "%s$%zu%s", after ? " " : "", s->marks, is_word(peek_char(s, 1)) ? " " : "");
        s->p++;
    } else
        copy_to(s, s->p + 1);
}

static const char *next_token(struct sql_scan *s) {
    char c = *s->p, next = peek_char(s, 1);
    if (c == '-' && next == '-') return line_comment(s);
    if (c == '/' && next == '*') return block_comment(s);
    if (c == '\'') return end_of_quoted(s, 1, '\'', false);
    if ((c == 'e' || c == 'E') && next == '\'') return end_of_quoted(s, 2, '\'', true);
    if (c == '"') {
        const char *to = end_of_quoted(s, 1, '"', false);
        bool closed = to - s->p > 1 && to[-1] == '"';
        const struct hub_str name = hub_str(s->p + 1, (size_t)(to - s->p - 1 - closed));
        note_name(s, name);
        note_identifier(s, name, true);
        return to;
    }
    if ((c == 'u' || c == 'U') && next == '&') { /* U&"\0068ubd_room": a name that cannot be read off */
        s->own_table |= peek_char(s, 2) == '"';
        return s->p + 2;
    }
    return c == '$' ? dollar_quote(s) : NULL;
}

static bool is_comment(const struct sql_scan *s) {
    return (*s->p == '-' && peek_char(s, 1) == '-') || (*s->p == '/' && peek_char(s, 1) == '*');
}

/* One pass; false when something follows the semicolon. */
static bool pass_token(struct sql_scan *s) {
    while (s->p < s->end) {
        bool comment = is_comment(s);
        if (s->ended && !comment && !is_space(*s->p) && *s->p != ';') return false;
        s->any |= !comment && !is_space(*s->p) && *s->p != ';';
        if (!comment && !is_space(*s->p) && !is_letter(*s->p) && *s->p != '"') note_other(s, *s->p);
        const char *to = next_token(s);
        if (to)
            copy_to(s, to);
        else if (*s->p == '$' && is_digit(peek_char(s, 1)))
            scan_parameter(s);
        else if (is_letter(*s->p))
            scan_word(s);
        else if (is_digit(*s->p)) {
            const char *p = s->p;
            while (p < s->end && (is_letter(*p) || is_digit(*p) || *p == '.')) p++;
            copy_to(s, p);
        } else if (*s->p == '?')
            scan_mark(s);
        else if (*s->p == ';') {
            s->ended = true;
            if (s->out) hub_buf_addc(s->out, ' '); /* what it stood between stays apart */
            s->p++;
        } else
            copy_to(s, s->p + 1);
    }
    return true;
}

enum hub_code hub_pg_scan(struct hub_str sql, size_t given, struct hub_buf *out, bool *reads, struct hub_err *err) {
    static const char *const reading[] = {"select", "with", "values", "table", "show", NULL};
    struct sql_scan s = {.p = sql.p, .end = sql.p + sql.n};
    if (sql.n && memchr(sql.p, 0, sql.n)) return hub_fail(err, HUB_BAD_REQUEST, "the statement has a U+0000");
    if (!pass_token(&s)) return hub_fail(err, HUB_BAD_REQUEST, "one statement at a time");
    if (!s.any) return hub_fail(err, HUB_BAD_REQUEST, "there is no statement");
    static const char *const refused[] = {
        "begin",  "start",   "commit",  "end",     "rollback",   "abort",    "savepoint", "release", "set",
        "reset",  "discard", "prepare", "execute", "deallocate", "listen",   "unlisten",  "notify",  "load",
        "lock",   "copy",    "do",      "call",    "declare",    "fetch",    "move",      "close",   "checkpoint",
        "vacuum", "cluster", "grant",   "revoke",  "reassign",   "security", "import",    NULL};
    if (word_in(s.first, refused))
        return hub_fail(err, HUB_NOT_ALLOWED,
                        "scripts may not change settings, begin transactions, copy, or run procedures");
    if (s.setting) return hub_fail(err, HUB_NOT_ALLOWED, "scripts may not change settings or take the session's locks");
    if (s.writes && s.own_table) return hub_fail(err, HUB_NOT_ALLOWED, "scripts may not write hubd's own tables");
    size_t params = s.dollars ? (size_t)s.numbered : s.marks;
    if (params > given)
        return hub_fail(err, HUB_BAD_REQUEST, "the statement has more parameters than values were given");
    if (params < given)
        return hub_fail(err, HUB_BAD_REQUEST, "more values were given than the statement has parameters");
    *reads = !s.writes && !s.calls && word_in(s.first, reading);
    struct sql_scan again = {.p = sql.p, .end = sql.p + sql.n, .out = out, .dollars = s.dollars};
    pass_token(&again);
    return HUB_OK;
}
