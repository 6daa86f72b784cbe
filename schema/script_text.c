/* Texts of scripts without what means nothing. */
#include "schema/script_text.h"

#include <ctype.h>

static bool is_script_word_byte(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* The length of a long bracket's opening at P, "[[" or "[==["; 0: there is none. */
static size_t long_bracket(struct hub_str s) {
    size_t n = 1;
    if (!s.n || s.p[0] != '[') return 0;
    while (n < s.n && s.p[n] == '=') n++;
    return n < s.n && s.p[n] == '[' ? n + 1 : 0;
}

/* Bytes up to the end of the long bracket that S begins with; its opening has OPEN bytes. */
static size_t long_length(struct hub_str s, size_t open) {
    for (size_t i = open; i + open <= s.n; i++) {
        bool closes = s.p[i] == ']' && s.p[i + open - 1] == ']';
        for (size_t k = 1; closes && k + 1 < open; k++) closes = s.p[i + k] == '=';
        if (closes) return i + open;
    }
    return s.n;
}

static size_t quoted_length(struct hub_str s) {
    size_t i = 1;
    while (i < s.n && s.p[i] != s.p[0]) i += s.p[i] == '\\' ? 2 : 1;
    return i + 1 < s.n ? i + 1 : s.n;
}

static size_t line_length(struct hub_str s) { return hub_str_find(s, '\n'); }

/* The length of the comment that S begins with; 0: it begins with none. */
static size_t comment_length(struct hub_str s, bool lua) {
    if (!lua || !hub_str_starts(s, HUB_STR("--"))) return 0;
    size_t open = long_bracket(hub_str(s.p + 2, s.n - 2));
    return open ? 2 + long_length(hub_str(s.p + 2, s.n - 2), open) : line_length(s);
}

/* The length of the text in quotes that S begins with, or 0. */
static size_t literal_length(struct hub_str s, bool lua) {
    if (s.p[0] == '"' || s.p[0] == '\'' || (!lua && s.p[0] == '`')) return quoted_length(s);
    size_t open = lua ? long_bracket(s) : 0;
    return open ? long_length(s, open) : 0;
}

static bool is_operator_byte(char c) { return c && strchr("+-*/%^#&|~<>=!?:.", c) != NULL; }

/* A blank counts between two words, and between two operators, which would be another one together. */
static void add_after_blank(struct hub_buf *out, bool blank, char next) {
    if (!blank || !out->n) return;
    char last = out->p[out->n - 1];
    if ((is_script_word_byte(last) && is_script_word_byte(next)) || (is_operator_byte(last) && is_operator_byte(next)))
        hub_buf_addc(out, ' ');
}

void hub_script_text_normal(struct hub_str text, bool lua, struct hub_buf *out) {
    bool blank = false;
    while (text.n) {
        size_t comment = comment_length(text, lua), literal = comment ? 0 : literal_length(text, lua);
        size_t n = comment ? comment : literal ? literal : 1;
        bool passes = comment || isspace((unsigned char)text.p[0]);
        if (!passes) {
            add_after_blank(out, blank, text.p[0]);
            hub_buf_add(out, text.p, n);
        }
        blank = passes;
        text = hub_str(text.p + n, text.n - n);
    }
}

bool hub_script_text_names(struct hub_str text, bool lua, struct hub_str name) {
    struct hub_buf normal = {0};
    bool found = false;
    hub_script_text_normal(text, lua, &normal);
    for (size_t i = 0; name.n && !found && i + name.n <= normal.n; i++) {
        bool begins = !i || !is_script_word_byte(normal.p[i - 1]),
             ends = i + name.n == normal.n || !is_script_word_byte(normal.p[i + name.n]);
        found = begins && ends && !memcmp(normal.p + i, name.p, name.n);
    }
    hub_buf_free(&normal);
    return found;
}
