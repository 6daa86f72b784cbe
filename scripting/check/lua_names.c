/* Unknown variables of a Lua chunk, found by its tokens alone. A name counts as known when it is declared
 * or assigned anywhere in the chunk, so what is reported is nil whenever it is read. The chunk's syntax is
 * known to be right. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "scripting/check/lua_foreign.h"
#include "scripting/check/lua_tokens.h"
#include "scripting/expression/mscript_int.h"

const char *const hub_script_lua_globals[] = {
    "assert",       "error",    "getmetatable", "ipairs",    "next",     "pairs",   "pcall",
    "print",        "rawequal", "rawget",       "rawlen",    "rawset",   "require", "select",
    "setmetatable", "tonumber", "tostring",     "type",      "_VERSION", "_ENV",    "string",
    "table",        "math",     "utf8",         "coroutine", "null",     "uuid",    "sleep",
    "binary",       "lib",      "LIB",          "noAck",     NULL};

/* Lua's own that the sandbox has not, with what to use instead. */
static const char *const removed[][2] = {
    {"os", "time"},     {"io", "log"},       {"debug", ""},  {"package", "require"}, {"load", ""},
    {"loadstring", ""}, {"loadfile", ""},    {"dofile", ""}, {"xpcall", "pcall"},    {"collectgarbage", ""},
    {"_G", "_ENV"},     {"unpack", "table"}, {"nil", "null"}};

enum { NAMES_MAX = 32 }; /* of one list that are looked at: lists of arguments may be long */

static bool is_name(const struct hub_lua_tokens *t, size_t i) { return i < t->n && t->p[i].kind == HUB_LUA_NAME; }

/* ---- declarations ---- */

static void declare_name(struct hub_map *known, struct hub_str name) {
    static char mark;
    hub_map_put(known, name, &mark);
}

/* Names from I on, separated by commas, attributes between. The token after them. */
static size_t name_list(const struct hub_lua_tokens *t, size_t i, struct hub_map *known) {
    while (is_name(t, i)) {
        declare_name(known, t->p[i++].text);
        if (hub_lua_is(t, i, "<")) i += 3;
        if (!hub_lua_is(t, i, ",")) break;
        i++;
    }
    return i;
}

/* A statement "a, b = …" at I. */
static void assigned_list(const struct hub_lua_tokens *t, size_t i, struct hub_map *known) {
    size_t end = i;
    while (is_name(t, end) && hub_lua_is(t, end + 1, ",")) end += 2;
    if (end > i && is_name(t, end) && hub_lua_is(t, end + 1, "=")) name_list(t, i, known);
}

static void find_declarations(const struct hub_lua_tokens *t, struct hub_map *known) {
    for (size_t i = 0; i < t->n; i++) {
        if (hub_lua_is(t, i, "local")) {
            name_list(t, i + 1, known);
        } else if (hub_lua_is(t, i, "for")) {
            name_list(t, i + 1, known);
        } else if (hub_lua_is(t, i, "function")) {
            size_t k = i + 1;
            if (is_name(t, k) && hub_lua_is(t, k + 1, "(")) declare_name(known, t->p[k].text);
            while (k < t->n && !hub_lua_is(t, k, "(")) {
                if (hub_lua_is(t, k, ":")) declare_name(known, HUB_STR("self"));
                k++;
            }
            name_list(t, k + 1, known);
        } else if (is_name(t, i) && hub_lua_is(t, i + 1, "=")) {
            declare_name(known, t->p[i].text);
        } else if (is_name(t, i) && !(i && (hub_lua_is(t, i - 1, ",") || hub_lua_is(t, i - 1, "(")))) {
            assigned_list(t, i, known);
        }
    }
}

/* ---- uses ---- */

/* The nearest of the chunk's own names, where none of the hook's is as near. */
static void suggest_local(struct hub_str name, const struct hub_map *own, char out[64]) {
    struct hub_nearest near = {.word = name, .most = 2};
    struct hub_str key;
    char before[64];
    snprintf(before, sizeof before, "%s", out);
    if (*before) hub_nearest_try(&near, before);
    for (void *it = NULL; (it = hub_map_next(own, it, &key, NULL));)
        if (!hub_str_eq(key, name)) hub_nearest_try_str(&near, key);
    snprintf(out, 64, "%.*s", near.best ? (int)near.best_n : 0, near.best ? near.best : "");
}

static void report_unknown(struct hub_str text, const struct hub_lua_token *name, const struct hub_map *own,
                           const struct hub_script_names *names) {
    struct hub_script_problem q = {.code = "L003"};
    ms_place(text, name->at, name->text.n, &q);
    snprintf(q.text, sizeof q.text, "unknown variable '%.*s'", HUB_CUT(name->text, 100));
    ms_suggest(name->text, names->vars, hub_script_lua_globals, q.suggestion);
    suggest_local(name->text, own, q.suggestion);
    const char *instead = NULL, *foreign = hub_lua_foreign_name(name->text, &instead);
    if (foreign) {
        snprintf(q.text, sizeof q.text, "unknown variable '%.*s': %s", HUB_CUT(name->text, 60), foreign);
        snprintf(q.suggestion, sizeof q.suggestion, "%s", instead);
    } else if (!*q.suggestion) {
        ms_list_vars(names->vars, q.text, sizeof q.text);
    }
    for (size_t i = 0; i < HUB_NELEM(removed); i++) {
        if (!hub_str_is(name->text, removed[i][0])) continue;
        snprintf(q.text, sizeof q.text, "'%.*s' is not available to scripts", HUB_CUT(name->text, 100));
        snprintf(q.suggestion, sizeof q.suggestion, "%s", removed[i][1]);
    }
    names->report(names->arg, &q);
}

static bool is_listed_in(const char *const *list, struct hub_str name) {
    for (; list && *list; list++)
        if (hub_str_is(name, *list)) return true;
    return false;
}

/* Whether the name at I is read as a variable: not a field, a label or a key of a table constructor (those
 * are declared by "="). */
static bool is_variable(const struct hub_lua_tokens *t, size_t i) {
    if (!is_name(t, i)) return false;
    if (i && hub_lua_is(t, i - 1, "<") && hub_lua_is(t, i + 1, ">") &&
        (hub_lua_is(t, i, "const") || hub_lua_is(t, i, "close")))
        return false;
    return !(i && (hub_lua_is(t, i - 1, ".") || hub_lua_is(t, i - 1, ":") || hub_lua_is(t, i - 1, "::") ||
                   hub_lua_is(t, i - 1, "goto")));
}

/* Where the name at I is used other than by reading a member: whoever gets it, or writes to it, may add
 * members. */
static bool goes_elsewhere(const struct hub_lua_tokens *t, size_t i) {
    size_t k = i + 3;
    if (!hub_lua_is(t, i + 1, ".") || (i && hub_lua_is(t, i - 1, "function"))) return true;
    for (int n = 0; hub_lua_is(t, k, ","); n++) { /* "a.b, c.d = …" */
        if (n == NAMES_MAX) return true;
        k++;
        while (is_name(t, k) || hub_lua_is(t, k, ".")) k++;
    }
    return hub_lua_is(t, k, "=");
}

/* Members along the chain of names that begins at I. */
static void check_chain(const struct hub_lua_tokens *t, size_t i, struct hub_str text,
                        const struct hub_script_names *names) {
    struct hub_buf path = {0};
    hub_buf_adds(&path, t->p[i].text);
    for (; (hub_lua_is(t, i + 1, ".") || hub_lua_is(t, i + 1, ":")) && i + 2 < t->n && t->p[i + 2].kind == HUB_LUA_NAME;
         i += 2) {
        hub_script_check_member(names, text, hub_buf_str(&path), t->p[i + 2].text, t->p[i + 2].at);
        hub_buf_addc(&path, '.');
        hub_buf_adds(&path, t->p[i + 2].text);
    }
    hub_buf_free(&path);
}

static void check_members(const struct hub_lua_tokens *t, struct hub_str text, const struct hub_map *declared,
                          const struct hub_script_names *names) {
    struct hub_map elsewhere = {0};
    for (size_t i = 0; i < t->n; i++)
        if (is_variable(t, i) && is_listed_in(names->vars, t->p[i].text) && goes_elsewhere(t, i))
            declare_name(&elsewhere, t->p[i].text);
    for (size_t i = 0; i < t->n; i++) {
        struct hub_str name = t->p[i].text;
        if (is_variable(t, i) && !hub_map_get(declared, name) && !hub_map_get(&elsewhere, name))
            check_chain(t, i, text, names);
    }
    hub_map_clear(&elsewhere);
}

void hub_script_lua_names(struct hub_str text, const struct hub_script_names *names) {
    struct hub_lua_tokens t = {0};
    struct hub_map known = {0};
    hub_lua_split(text, &t);
    find_declarations(&t, &known);
    bool own_globals = hub_map_get(&known, HUB_STR("_ENV")) != NULL;
    if (!own_globals) check_members(&t, text, &known, names);
    for (size_t i = 0; i < t.n && !own_globals; i++) {
        struct hub_str name = t.p[i].text;
        if (!is_variable(&t, i) || hub_map_get(&known, name) || is_listed_in(names->vars, name) ||
            is_listed_in(hub_script_lua_globals, name) || hub_script_is_table(name))
            continue;
        report_unknown(text, &t.p[i], &known, names);
        declare_name(&known, name); /* once is enough */
    }
    hub_map_clear(&known);
    free(t.p);
}

/* ---- what a module returns ---- */

/* The bracket that closes the one at I; t->n when there is none. */
static size_t find_closing(const struct hub_lua_tokens *t, size_t i) {
    int depth = 0;
    for (; i < t->n; i++) {
        if (hub_lua_is(t, i, "{") || hub_lua_is(t, i, "(") || hub_lua_is(t, i, "[")) depth++;
        if ((hub_lua_is(t, i, "}") || hub_lua_is(t, i, ")") || hub_lua_is(t, i, "]")) && --depth == 0) return i;
    }
    return t->n;
}

/* Names before "=" in the constructor that opens at I, those of functions' bodies in it too: one too many
 * does no harm. False for computed keys. */
static bool constructor_keys(const struct hub_lua_tokens *t, size_t i, struct hub_map *keys) {
    size_t end = find_closing(t, i);
    for (size_t k = i + 1; k < end; k++) {
        bool first = hub_lua_is(t, k - 1, "{") || hub_lua_is(t, k - 1, ",") || hub_lua_is(t, k - 1, ";");
        if (first && hub_lua_is(t, k, "[")) return false;
        if (first && is_name(t, k) && hub_lua_is(t, k + 1, "=")) declare_name(keys, t->p[k].text);
    }
    return end < t->n;
}

/* NAME is declared once, as a table, and everything else only reads or writes its members by name; as
 * "self" too, in functions of its own. */
static bool named_keys(const struct hub_lua_tokens *t, struct hub_str name, struct hub_map *keys) {
    bool declared = false;
    for (size_t i = 0; i + 1 < t->n; i++) { /* the last one is what is returned */
        bool it = is_name(t, i) && (hub_str_eq(t->p[i].text, name) || hub_lua_is(t, i, "self"));
        if (!it || (i && (hub_lua_is(t, i - 1, ".") || hub_lua_is(t, i - 1, ":")))) continue;
        if (!declared && i && hub_lua_is(t, i - 1, "local") && hub_lua_is(t, i + 1, "=") && hub_lua_is(t, i + 2, "{") &&
            constructor_keys(t, i + 2, keys))
            declared = true;
        else if ((hub_lua_is(t, i + 1, ".") || hub_lua_is(t, i + 1, ":")) && is_name(t, i + 2))
            declare_name(keys, t->p[i + 2].text);
        else
            return false;
    }
    return declared;
}

static bool returned_keys(const struct hub_lua_tokens *t, struct hub_map *keys) {
    size_t n = t->n;
    while (n && hub_lua_is(t, n - 1, ";")) n--;
    const struct hub_lua_tokens all = {t->p, n, n};
    for (size_t i = 0; i < n; i++)
        if (hub_lua_is(&all, i, "_ENV")) return false;
    if (n > 2 && is_name(&all, n - 1) && hub_lua_is(&all, n - 2, "return"))
        return named_keys(&all, all.p[n - 1].text, keys);
    for (size_t i = n; i-- > 0;)
        if (hub_lua_is(&all, i, "return") && hub_lua_is(&all, i + 1, "{") && find_closing(&all, i + 1) == n - 1)
            return constructor_keys(&all, i + 1, keys);
    return false;
}

bool hub_script_lua_members(struct hub_str text, void (*each)(void *arg, struct hub_str name), void *arg) {
    struct hub_lua_tokens t = {0};
    struct hub_map keys = {0};
    struct hub_str key;
    hub_lua_split(text, &t);
    bool good = returned_keys(&t, &keys);
    for (void *it = NULL; good && (it = hub_map_next(&keys, it, &key, NULL));) each(arg, key);
    hub_map_clear(&keys);
    free(t.p);
    return good;
}
