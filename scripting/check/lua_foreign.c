/* Signs of other languages in Lua, found among the tokens before the place where compiling failed. */
#include "scripting/check/lua_foreign.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "scripting/check/lua_tokens.h"
#include "scripting/expression/mscript_int.h"

/* Signs that Lua has not, longest first; what to say of them. A chunk with one of them never compiles. */
static const struct {
    const char *sign, *say, *fix;
} signs[] = {
    {"!==", "Lua writes ~= for !==", "~="},
    {"!=", "Lua writes ~= for !=", "~="},
    {"===", "Lua writes == for ===", "=="},
    {"&&", "Lua writes and for &&", "and"},
    {"||", "Lua writes or for ||", "or"},
    {"=>", "Lua writes function(x) … end for an arrow function", NULL},
    {"??", "Lua writes or for ??", "or"},
    {"?.", "Lua has no ?. : write a and a.b", NULL},
    {"++", "Lua has no ++ : write n = n + 1", NULL},
    {"/*", "a comment of Lua is written --[[ … ]]", NULL},
    {"!", "Lua writes not for !", "not"},
    {"?", "Lua has no a ? b : c : write a and b or c, or if … then … else … end", NULL},
    {"`", "Lua has no text in backticks: write \"…\" .. value", NULL},
    {"$", "Lua has no $ : join texts by ..", NULL},
};

/* Names of other languages, as a variable that is not there. */
static const struct {
    const char *name, *instead, *say;
} names[] = {
    {"console", "log", "log.info(…) writes to the log"},
    {"printf", "log", "log.info(…) writes to the log"},
    {"JSON", "json", "json.encode and json.decode"},
    {"Math", "math", "Lua's library is math"},
    {"Date", "time", "time.now() is in milliseconds, time.iso() a text"},
    {"parseInt", "tonumber", "tonumber(text) makes a number"},
    {"parseFloat", "tonumber", "tonumber(text) makes a number"},
    {"Number", "tonumber", "tonumber(text) makes a number"},
    {"String", "tostring", "tostring(value) makes a text"},
    {"str", "tostring", "tostring(value) makes a text"},
    {"Object", "pairs", "for key, value in pairs(t) do … end"},
    {"Array", "ipairs", "for i, value in ipairs(t) do … end"},
    {"len", "", "#x is the length of x"},
    {"undefined", "nil", "it is nil, and null what is stored as nothing"},
    {"None", "nil", "it is nil, and null what is stored as nothing"},
    {"NULL", "null", "it is null"},
    {"True", "true", "it is true"},
    {"False", "false", "it is false"},
    {"await", "", "functions of hubd wait by themselves: leave it out"},
    {"async", "", "functions of hubd wait by themselves: leave it out"},
    {"throw", "error", "error{code = …, message = …} raises an error"},
    {"raise", "error", "error{code = …, message = …} raises an error"},
    {"try", "pcall", "pcall(f, …) catches errors"},
    {"this", "", "what the hook has are its variables"},
    {"setTimeout", "sleep", "sleep(ms) waits"},
    {"fetch", "http", "http.request{…} asks a server"},
    {"axios", "http", "http.request{…} asks a server"},
};

const char *hub_lua_foreign_name(struct hub_str name, const char **instead) {
    for (size_t i = 0; i < HUB_NELEM(names); i++) {
        if (!hub_str_is(name, names[i].name)) continue;
        *instead = names[i].instead;
        return names[i].say;
    }
    return NULL;
}

struct search {
    struct hub_str text;
    const struct hub_lua_tokens *t;
    const char *message;
    size_t at; /* where compiling failed */
    struct hub_script_problem *out;
};

static bool say_foreign(const struct search *s, size_t at, size_t n, const char *text) {
    *s->out = (struct hub_script_problem){.code = "L001"};
    ms_place(s->text, at, n, s->out);
    snprintf(s->out->text, sizeof s->out->text, "%s", text);
    return true;
}

/* The same, where what should stand there is known: a word is kept apart from its neighbours. */
static bool say_with(const struct search *s, size_t at, size_t n, const char *fix, const char *text) {
    bool word = fix[0] >= 'a' && fix[0] <= 'z';
    bool before = word && at && s->text.p[at - 1] != ' ',
         behind = word && at + n < s->text.n && s->text.p[at + n] != ' ';
    say_foreign(s, at, n, text);
    snprintf(s->out->suggestion, sizeof s->out->suggestion, "%s%s%s", before ? " " : "", fix, behind ? " " : "");
    return true;
}

static bool is_kind(const struct search *s, size_t i, enum hub_lua_token_kind kind) {
    return i < s->t->n && s->t->p[i].kind == kind;
}

static bool is_at(const struct search *s, size_t i, const char *text) { return hub_lua_is(s->t, i, text); }

static size_t line_of(const struct search *s, size_t at) {
    while (at && s->text.p[at - 1] != '\n') at--;
    return at;
}

static size_t indent_at(const struct search *s, size_t at) {
    size_t start = line_of(s, at), n = 0;
    while (s->text.p[start + n] == ' ') n++;
    return n;
}

static bool is_first(const struct search *s, size_t i) {
    return !i || line_of(s, s->t->p[i - 1].at) != line_of(s, s->t->p[i].at);
}

/* ---- signs ---- */

static bool try_sign(const struct search *s, size_t i) {
    struct hub_str rest = hub_str(s->text.p + s->t->p[i].at, s->text.n - s->t->p[i].at);
    for (size_t k = 0; k < HUB_NELEM(signs); k++) {
        if (!hub_str_starts(rest, hub_cstr(signs[k].sign))) continue;
        size_t at = s->t->p[i].at, n = strlen(signs[k].sign);
        return signs[k].fix ? say_with(s, at, n, signs[k].fix, signs[k].say) : say_foreign(s, at, n, signs[k].say);
    }
    return false;
}

/* "n += 1" and the like. */
static bool try_assignment(const struct search *s, size_t i) {
    static const char *const operators[] = {"+", "-", "*", "/", ".."};
    char text[160];
    for (size_t k = 0; k < HUB_NELEM(operators); k++) {
        if (!is_at(s, i, operators[k]) || !is_at(s, i + 1, "=") || !i) continue;
        struct hub_str name = s->t->p[i - 1].text;
        snprintf(text, sizeof text, "Lua has no %s= : write %.*s = %.*s %s …", operators[k], HUB_CUT(name, 40),
                 HUB_CUT(name, 40), operators[k]);
        return say_foreign(s, s->t->p[i].at, strlen(operators[k]) + 1, text);
    }
    return false;
}

/* "//" divides whole numbers, between two values of one statement. */
static bool try_comment(const struct search *s, size_t i) {
    if (!is_at(s, i, "//")) return false;
    bool words =
        is_kind(s, i + 1, HUB_LUA_NAME) && (is_kind(s, i + 2, HUB_LUA_NAME) || is_kind(s, i + 2, HUB_LUA_WORD));
    return (is_first(s, i) || words) && say_with(s, s->t->p[i].at, 2, "--", "a comment of Lua begins with --");
}

/* ---- words ---- */

/* Whether statements follow the parentheses that are open at I. */
static bool has_body(const struct search *s, size_t i) {
    while (i < s->t->n && !is_at(s, i, ")") && !is_at(s, i, "(")) i++;
    return is_at(s, i, ")") && (is_at(s, i + 1, "return") || is_at(s, i + 1, "local") || is_at(s, i + 1, "if"));
}

static bool try_word(const struct search *s, size_t i) {
    const struct hub_lua_token *t = &s->t->p[i];
    bool name = is_kind(s, i, HUB_LUA_NAME), before_name = is_kind(s, i + 1, HUB_LUA_NAME);
    if (name && before_name && hub_str_among(t->text, "let const var"))
        return say_with(s, t->at, t->text.n, "local", "Lua declares with local");
    bool elseif = hub_str_among(t->text, "elif elsif") || hub_str_eq_nocase(t->text, HUB_STR("elseif"));
    if (name && elseif && is_first(s, i)) return say_with(s, t->at, t->text.n, "elseif", "Lua writes elseif");
    if (name && before_name && hub_str_is(t->text, "new"))
        return say_foreign(s, t->at, t->text.n, "Lua has no new: call a function, as time.now()");
    if (name && hub_str_among(t->text, "switch case catch") && (is_at(s, i + 1, "(") || is_first(s, i)))
        return say_foreign(s, t->at, t->text.n, "Lua has no such statement: write if … then … elseif … end, or pcall");
    if (name && hub_str_among(t->text, "func def fn fun") && is_at(s, i + 1, "(") && has_body(s, i + 2))
        return say_foreign(s, t->at, t->text.n, "Lua writes function(x) … end");
    if (is_at(s, i, "for") && is_at(s, i + 1, "("))
        return say_foreign(s, s->t->p[i + 1].at, 1,
                           "Lua writes for _, x in ipairs(list) do … end, or for i = 1, n do … end");
    if (is_at(s, i, "=") && strstr(s->message, "'then' expected near '='"))
        return s->t->p[i].at >= line_of(s, s->at - 1) && say_with(s, t->at, 1, "==", "a comparison is written ==");
    return false;
}

/* A key of a table: "name: value"; a method's call has parentheses. */
static bool try_colon(const struct search *s, size_t i) {
    if (!is_at(s, i, ":") || !i || !(is_kind(s, i - 1, HUB_LUA_NAME) || is_kind(s, i - 1, HUB_LUA_VALUE))) return false;
    bool call = is_kind(s, i + 1, HUB_LUA_NAME) && i + 2 < s->t->n &&
                (is_at(s, i + 2, "(") || is_at(s, i + 2, "{") || is_kind(s, i + 2, HUB_LUA_VALUE));
    bool text = is_kind(s, i - 1, HUB_LUA_VALUE);
    return !call && say_foreign(s, s->t->p[i].at, 1,
                                text ? "a key of a table is written [\"key\"] = value"
                                     : "a key of a table is written key = value");
}

/* "if (a) {" and the like: what follows the brace is no table. */
static bool try_brace(const struct search *s, size_t i) {
    if (!is_at(s, i, "{") || !i || !(is_at(s, i - 1, ")") || is_at(s, i - 1, "else"))) return false;
    size_t first = i;
    while (first && line_of(s, s->t->p[first - 1].at) == line_of(s, s->t->p[i].at)) first--;
    bool loop = is_at(s, first, "for") || is_at(s, first, "while");
    bool block =
        loop || is_at(s, first, "if") || is_at(s, first, "else") || is_at(s, first, "elseif") || is_at(s, first, "}");
    if (block)
        return say_foreign(s, s->t->p[i].at, 1,
                           loop ? "Lua writes do … end for { … }" : "Lua writes then … end for { … }");
    for (size_t k = first; k < i; k++)
        if (is_at(s, k, "function"))
            return say_foreign(s, s->t->p[i].at, 1, "a function's body ends with end, without braces");
    return false;
}

/* ---- what is not closed ---- */

enum { OPEN_MAX = 200 };

static bool opens_block(const struct search *s, size_t i, bool *loop) {
    if (is_at(s, i, "for") || is_at(s, i, "while")) {
        *loop = true; /* its do is the same block */
        return true;
    }
    if (is_at(s, i, "do") && *loop) {
        *loop = false;
        return false;
    }
    return is_at(s, i, "if") || is_at(s, i, "function") || is_at(s, i, "do") || is_at(s, i, "repeat");
}

/* An end that stands elsewhere than what it closes belongs to something before. */
static bool find_open_block(const struct search *s) {
    size_t open[OPEN_MAX], n = 0;
    bool loop = false;
    for (size_t i = 0; i < s->t->n; i++) {
        if (is_at(s, i, "else") && is_at(s, i + 1, "if") && !is_first(s, i + 1))
            return say_with(s, s->t->p[i].at, s->t->p[i + 1].at + 2 - s->t->p[i].at, "elseif",
                            "Lua writes elseif, in one word");
        if (opens_block(s, i, &loop) && n < OPEN_MAX) open[n++] = i;
        if (!n || !(is_at(s, i, "end") || is_at(s, i, "until"))) continue;
        size_t o = open[--n];
        if (is_first(s, i) && indent_at(s, s->t->p[o].at) > indent_at(s, s->t->p[i].at))
            return say_foreign(s, s->t->p[o].at, s->t->p[o].text.n, "this block is not closed: its end is missing");
    }
    return n && say_foreign(s, s->t->p[open[n - 1]].at, s->t->p[open[n - 1]].text.n,
                            "this block is not closed: its end is missing");
}

/* Compiling failed at a word that stands no deeper than what opens the block around it. */
static bool find_block_before(const struct search *s) {
    size_t open[OPEN_MAX], n = 0, i = 0;
    bool loop = false;
    for (; i + 1 < s->t->n && s->t->p[i + 1].at < s->at; i++) {
        if (opens_block(s, i, &loop) && n < OPEN_MAX) open[n++] = i;
        if (n && (is_at(s, i, "end") || is_at(s, i, "until"))) n--;
    }
    if (!n || indent_at(s, s->t->p[i].at) > indent_at(s, s->t->p[open[n - 1]].at)) return false;
    return say_foreign(s, s->t->p[open[n - 1]].at, s->t->p[open[n - 1]].text.n,
                       "this block is not closed: its end is missing");
}

static bool find_open_bracket(const struct search *s) {
    size_t open[OPEN_MAX], n = 0;
    for (size_t i = 0; i < s->t->n && s->t->p[i].at < s->at; i++) {
        if ((is_at(s, i, "(") || is_at(s, i, "{") || is_at(s, i, "[")) && n < OPEN_MAX) open[n++] = s->t->p[i].at;
        if (n && (is_at(s, i, ")") || is_at(s, i, "}") || is_at(s, i, "]"))) n--;
    }
    return n && say_foreign(s, open[n - 1], 1, "the bracket that opens here is not closed");
}

static bool find_unclosed(const struct search *s) {
    if (strstr(s->message, "unfinished string")) {
        size_t at = s->at;
        const char *near = strstr(s->message, "near '");
        while (near && at && s->text.p[at - 1] != near[6]) at--;
        return say_foreign(s, at ? at - 1 : 0, 1, "the text that opens here is not closed");
    }
    if (strstr(s->message, "'end' expected") && strstr(s->message, "<eof>")) return find_open_block(s);
    if (strstr(s->message, "'end' expected (to close '")) return find_block_before(s);
    bool bracket = strstr(s->message, "(to close '(' at") || strstr(s->message, "(to close '{' at");
    return bracket && find_open_bracket(s);
}

bool hub_lua_foreign(struct hub_str text, const char *message, size_t at, struct hub_script_problem *out) {
    struct hub_lua_tokens t = {0};
    struct search s = {text, &t, message, at < text.n ? at : text.n, out};
    bool found = false;
    hub_lua_split(text, &t);
    for (size_t i = 0; i < t.n && t.p[i].at <= s.at && !found; i++) {
        bool op = t.p[i].kind == HUB_LUA_OP;
        found = (op && (try_sign(&s, i) || try_assignment(&s, i) || try_comment(&s, i) || try_colon(&s, i) ||
                        try_brace(&s, i))) ||
                (!op && try_word(&s, i)) || (is_at(&s, i, "=") && try_word(&s, i));
    }
    size_t end = s.at + hub_str_find(hub_str(text.p + s.at, text.n - s.at), '\n');
    for (size_t i = 0; i < t.n && t.p[i].at < end && !found; i++) /* "(a, b) => …" fails at the comma */
        found = hub_lua_is(&t, i, "=") && hub_lua_is(&t, i + 1, ">") && try_sign(&s, i);
    if (!found) found = find_unclosed(&s);
    free(t.p);
    return found;
}
