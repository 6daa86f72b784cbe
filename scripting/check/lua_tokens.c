/* Lua text as tokens. Unfinished strings and comments end with the text. */
#include "scripting/check/lua_tokens.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/memory/mem.h"

static bool is_reserved(struct hub_str name) {
    static const char *const words[] = {"and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
                                        "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
                                        "repeat",   "return", "then", "true", "until",  "while"};
    for (size_t i = 0; i < HUB_NELEM(words); i++)
        if (hub_str_is(name, words[i])) return true;
    return false;
}

/* Length of "[==[ … ]==]" at AT, 0 when there is none. */
static size_t long_bracket(struct hub_str s, size_t at) {
    size_t level = 0, i = at + 1;
    while (i < s.n && s.p[i] == '=') level++, i++;
    if (s.p[at] != '[' || i >= s.n || s.p[i] != '[') return 0;
    for (i++; i + level + 1 < s.n; i++) {
        size_t k = 0;
        if (s.p[i] != ']') continue;
        while (k < level && s.p[i + 1 + k] == '=') k++;
        if (k == level && s.p[i + 1 + level] == ']') return i + level + 2 - at;
    }
    return s.n - at;
}

static size_t short_string(struct hub_str s, size_t at) {
    size_t i = at + 1;
    while (i < s.n && s.p[i] != s.p[at]) i += s.p[i] == '\\' ? 2 : 1;
    return (i < s.n ? i + 1 : s.n) - at;
}

static size_t end_of_comment(struct hub_str s, size_t at) {
    size_t block = at + 2 < s.n && s.p[at + 2] == '[' ? long_bracket(s, at + 2) : 0;
    return block ? 2 + block : hub_str_find(hub_str(s.p + at, s.n - at), '\n');
}

static size_t end_of_number(struct hub_str s, size_t at) {
    size_t i = at;
    while (i < s.n &&
           (isalnum((unsigned char)s.p[i]) || s.p[i] == '.' || (strchr("+-", s.p[i]) && strchr("eEpP", s.p[i - 1]))))
        i++;
    return i - at;
}

static size_t name_length(struct hub_str s, size_t at) {
    size_t i = at;
    while (i < s.n && (isalnum((unsigned char)s.p[i]) || s.p[i] == '_')) i++;
    return i - at;
}

static size_t operator_length(struct hub_str s, size_t at) {
    static const char *const longer[] = {"...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>"};
    for (size_t i = 0; i < HUB_NELEM(longer); i++)
        if (hub_str_starts(hub_str(s.p + at, s.n - at), hub_cstr(longer[i]))) return strlen(longer[i]);
    return 1;
}

void hub_lua_split(struct hub_str s, struct hub_lua_tokens *out) {
    for (size_t at = 0, n; at < s.n; at += n) {
        unsigned char c = (unsigned char)s.p[at], next = at + 1 < s.n ? (unsigned char)s.p[at + 1] : 0;
        enum hub_lua_token_kind kind = HUB_LUA_VALUE;
        n = 1;
        if (isspace(c)) continue;
        if (c == '-' && next == '-') {
            n = end_of_comment(s, at);
            continue;
        }
        if (isalpha(c) || c == '_') {
            n = name_length(s, at);
            kind = is_reserved(hub_str(s.p + at, n)) ? HUB_LUA_WORD : HUB_LUA_NAME;
        } else if (isdigit(c) || (c == '.' && isdigit(next))) {
            n = end_of_number(s, at);
        } else if (c == '"' || c == '\'') {
            n = short_string(s, at);
        } else if (c != '[' || !(n = long_bracket(s, at))) {
            n = operator_length(s, at);
            kind = HUB_LUA_OP;
        }
        if (out->n == out->cap) {
            out->cap = out->cap ? 2 * out->cap : 256;
            out->p = hub_xrealloc(out->p, out->cap * sizeof out->p[0]);
        }
        out->p[out->n++] = (struct hub_lua_token){kind, at, hub_str(s.p + at, n)};
    }
}

bool hub_lua_is(const struct hub_lua_tokens *t, size_t i, const char *text) {
    return i < t->n && t->p[i].kind != HUB_LUA_VALUE && hub_str_is(t->p[i].text, text);
}
