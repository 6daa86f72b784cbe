/* One walk over a tree, driven by the table: types, ranges, names, defaults and unknown keys. References
 * and scripts are noted for later. */
#include "base/text/odd_character.h"
#include "base/text/utf8.h"
#include "schema/loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/match/pattern.h"
#include "base/memory/mem.h"
#include "schema/scenario/rows.h"

/* Of documents of hubs, of service.yaml and of scenarios, which do not have all of them. */
static const char *const common_codes[][3] = {
    [HUB_COMMON_UNKNOWN_KEY] = {"H001", "S001", "T001"},
    [HUB_COMMON_TYPE] = {"H002", "S002", "T002"},
    [HUB_COMMON_MISSING] = {"H003", "S003", "T003"},
    [HUB_COMMON_NAME] = {"H004", "S004", "T004"},
    [HUB_COMMON_RANGE] = {"H005", "S005", "T005"},
    [HUB_COMMON_WORD] = {"H006", "S006", "T006"},
    [HUB_COMMON_DUPLICATE] = {"H007", "S007", NULL},
    [HUB_COMMON_ENUM_EMPTY] = {"H016", "S016"},
    [HUB_COMMON_DEFAULT] = {"H017", "S017"},
    [HUB_COMMON_ENUM_UNUSED] = {"H018", "S018"},
    [HUB_COMMON_RESERVED] = {"H019", "S019"},
};

const char *hub_common_code(const struct hub_node *n, enum hub_common what) {
    return common_codes[what][n->src->kind == 'S' ? 1 : n->src->kind == 'T' ? 2 : 0];
}

/* What an author cannot see is told by name, in names and values that are not known. */
static void name_odd_character(const char *code, const struct hub_source *src, const struct hub_range *r, char *message,
                               size_t cap) {
    struct hub_odd_character odd;
    size_t n = strlen(message);
    const struct hub_code_row *row = hub_code_row(code);
    if (!strchr("HSE", *code) || !row || row->severity != HUB_SEV_ERROR || !r->line || r->end_line != r->line) return;
    size_t from = hub_source_offset(src, r->line, r->column), to = hub_source_offset(src, r->line, r->end_column);
    if (to > from && to - from < 200 && hub_odd_character(hub_str(src->text.p + from, to - from), &odd))
        snprintf(message + n, cap - n, "; there is %s in it", odd.name);
}

void hub_complain(struct hub_loader *l, const char *code, const struct hub_node *node, const struct hub_range *range,
                  const char *suggestion, const char *fmt, ...) {
    const struct hub_code_row *row = hub_code_row(code);
    if (hub_diags_full(l->diags, node->src->name)) return;
    if (node->meant && row && row->severity == HUB_SEV_WARNING) return;
    char message[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    struct hub_range mark = range ? *range : hub_node_mark(node);
    name_odd_character(code, node->src, &mark, message, sizeof message);
    hub_diags_add(l->diags, code, node->src, &mark, hub_node_path(l->scratch, node), suggestion, message);
}

char *hub_lower(struct hub_loader *l, const char *s) {
    char *out = hub_arena_dup(l->scratch, hub_cstr(s));
    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    return out;
}

/* ---- places ---- */

static struct hub_str address_key(const void *const *p) { return hub_str((const char *)p, sizeof *p); }

static void note_place(struct hub_loader *l, const void *base, struct hub_node *node) {
    hub_map_put(&l->places, address_key(&base), node);
}

struct hub_node *hub_place(struct hub_loader *l, const void *base, const char *key) {
    struct hub_node *n = hub_map_get(&l->places, address_key(&base));
    struct hub_str rest = hub_cstr(key), part;
    while (n && rest.n && hub_str_split(&rest, '.', &part)) {
        struct hub_node *child = hub_node_get(n, part);
        if (!child) break;
        n = child;
    }
    return n;
}

/* ---- names ---- */

static bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_identifier(struct hub_str s, const char *also) {
    if (!s.n || is_digit(s.p[0])) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && !(s.p[i] && strchr(also, s.p[i]))) return false;
    return true;
}

static bool is_event_name(struct hub_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127) return false;
    return s.n > 0;
}

bool hub_name_obeys(struct hub_str s, enum hub_name_rule rule) {
    struct hub_str part;
    switch (rule) {
    case HUB_NAME_CODE: return hub_str_is_code_name(s);
    case HUB_NAME_IDENTIFIER: return is_identifier(s, "_$");
    case HUB_NAME_LABEL: return is_identifier(s, "_-") && s.p[0] != '-';
    case HUB_NAME_EVENT: return is_event_name(s);
    case HUB_NAME_TABLE:
        while (hub_str_split(&s, '.', &part))
            if (!is_identifier(part, "_$")) return false;
        return true;
    case HUB_NAME_TOPIC: return hub_str_is_topic(s);
    }
    return false;
}

const char *hub_name_rule_text(enum hub_name_rule rule) {
    static const char *const text[] = {
        [HUB_NAME_CODE] = "a lower-case letter followed by letters and digits",
        [HUB_NAME_IDENTIFIER] = "letters, digits, _ and $, not starting with a digit",
        [HUB_NAME_LABEL] = "letters, digits, _ and -, starting with a letter",
        [HUB_NAME_EVENT] = "no spaces or control characters",
        [HUB_NAME_TOPIC] = "letters, digits, dots, _ and -",
        [HUB_NAME_TABLE] = "letters, digits and _, optionally with a schema and a dot in front",
    };
    return text[rule];
}

/* What the author probably meant: "Chat Hub" -> "chatHub". */
static const char *repair_name(struct hub_loader *l, struct hub_str s, enum hub_name_rule rule) {
    char *out = hub_arena_zalloc(l->scratch, s.n + 1);
    size_t n = 0;
    bool upper = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool keeps = is_alpha(c) || (is_digit(c) && n) || (rule != HUB_NAME_CODE && c == '_') ||
                     (rule == HUB_NAME_LABEL && c == '-' && n);
        if (!keeps) {
            upper = n > 0;
            continue;
        }
        if (upper && c >= 'a' && c <= 'z') c = (char)(c - 32);
        if (!n && rule == HUB_NAME_CODE && c >= 'A' && c <= 'Z') c = (char)(c + 32);
        out[n++] = c;
        upper = false;
    }
    return n && hub_name_obeys(hub_str(out, n), rule) ? out : NULL;
}

/* ---- scalars ---- */

enum look { LOOK_STRING, LOOK_INT, LOOK_NUMBER, LOOK_BOOL, LOOK_NULL };

static bool is_number(struct hub_str s) {
    char buf[64], *end;
    if (!s.n || s.n >= sizeof buf || !(is_digit(s.p[0]) || s.p[0] == '-' || s.p[0] == '+' || s.p[0] == '.'))
        return false;
    memcpy(buf, s.p, s.n);
    buf[s.n] = 0;
    strtod(buf, &end);
    return end == buf + s.n && !strpbrk(buf, "xXnNpP");
}

static enum look look_of(struct hub_str s) {
    int64_t i;
    if (hub_str_is(s, "true") || hub_str_is(s, "false") || hub_str_is(s, "True") || hub_str_is(s, "False") ||
        hub_str_is(s, "TRUE") || hub_str_is(s, "FALSE"))
        return LOOK_BOOL;
    if (!s.n || hub_str_is(s, "~") || hub_str_is(s, "null") || hub_str_is(s, "Null") || hub_str_is(s, "NULL"))
        return LOOK_NULL;
    if (hub_str_i64(s, &i)) return LOOK_INT;
    return is_number(s) ? LOOK_NUMBER : LOOK_STRING;
}

/* What the scalar is when nobody asks for a type: quoted ones are strings; values from the environment may
 * be either. */
static enum look node_look(const struct hub_node *n) {
    return n->style == HUB_STYLE_PLAIN || n->substituted ? look_of(n->resolved ? n->value : n->text) : LOOK_STRING;
}

bool hub_node_is_text(const struct hub_node *n) {
    return n->kind == HUB_NODE_SCALAR && (n->substituted || node_look(n) == LOOK_STRING);
}

const char *hub_node_kind_name(const struct hub_node *n) {
    static const char *const name[] = {"a string", "an integer", "a number", "true or false", "null"};
    if (n->kind == HUB_NODE_MAP) return "a mapping";
    if (n->kind == HUB_NODE_SEQ) return "a list";
    return name[node_look(n)];
}

/* As it is written at N. */
static const char *key_at(const struct hub_row *row, const struct hub_node *n) {
    return row->alias && hub_str_is(n->key, row->alias) ? row->alias : row->key;
}

static const char *quote_of(const struct hub_node *n) { return node_look(n) == LOOK_STRING ? "\"" : ""; }

static void wrong_type(struct hub_loader *l, const struct hub_row *row, const struct hub_node *n, const char *expected,
                       const char *suggestion) {
    bool plain = n->kind == HUB_NODE_SCALAR && n->style == HUB_STYLE_PLAIN;
    bool comment =
        plain && n->text.n && (memmem(n->text.p, n->text.n, " //", 3) || memmem(n->text.p, n->text.n, " /*", 3));
    const char *is = hub_node_kind_name(n); /* what comes from the environment may be a secret */
    if (n->kind == HUB_NODE_SCALAR && n->resolved && !n->substituted && n->value.n && node_look(n) != LOOK_NULL)
        is = hub_arena_fmt(l->scratch, "%s (%s%.*s%s)", is, quote_of(n), HUB_CUT(n->value, 60), quote_of(n));
    hub_complain(l, hub_common_code(n, HUB_COMMON_TYPE), n, NULL, suggestion, "%s must be %s, not %s%s", key_at(row, n),
                 expected, is, comment ? ": a comment begins with #" : "");
}

/* The scalar's text, or false after a complaint. */
static bool scalar_text(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, const char *expected,
                        struct hub_str *out) {
    if (n->bad) return false;
    if (n->kind != HUB_NODE_SCALAR) {
        wrong_type(l, row, n, expected, NULL);
        return false;
    }
    *out = hub_node_value(l->scratch, n, l->diags);
    return !n->bad;
}

static bool has_control(struct hub_str s, const char *except) {
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && !(s.p[i] && strchr(except, s.p[i]))) || s.p[i] == 127) return true;
    return false;
}

static const char *keep_in_arena(struct hub_loader *l, struct hub_str s) { return hub_arena_dup(l->keep, s); }

/* ---- readers, one per kind ---- */

static void read_bool(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    if (!scalar_text(l, row, n, "true or false", &s)) return;
    if (node_look(n) == LOOK_BOOL) {
        *(bool *)(base + row->offset) = (s.p[0] | 32) == 't';
        return;
    }
    bool yes = hub_str_eq_nocase(s, HUB_STR("yes")) || hub_str_eq_nocase(s, HUB_STR("on")) ||
               hub_str_eq_nocase(s, HUB_STR("true")) || hub_str_is(s, "1");
    bool no = hub_str_eq_nocase(s, HUB_STR("no")) || hub_str_eq_nocase(s, HUB_STR("off")) ||
              hub_str_eq_nocase(s, HUB_STR("false")) || hub_str_is(s, "0");
    wrong_type(l, row, n, "true or false", yes ? "true" : no ? "false" : NULL);
}

static bool in_range(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, int64_t v) {
    if (!row->max || (v >= row->min && v <= row->max)) return true;
    hub_complain(l, hub_common_code(n, HUB_COMMON_RANGE), n, NULL, NULL, "%s must be between %lld and %lld, not %lld",
                 row->key, (long long)row->min, (long long)row->max, (long long)v);
    return false;
}

/* What can only have been meant: "65_536", "50.0", and 50 in quotes. NULL: nobody knows. */
static const char *repair_number(struct hub_loader *l, struct hub_str s) {
    char digits[20];
    size_t n = 0, i = 0;
    int64_t v;
    for (; i < s.n && (is_digit(s.p[i]) || (n && (s.p[i] == '_' || s.p[i] == ','))); i++)
        if (is_digit(s.p[i]) && n < sizeof digits) digits[n++] = s.p[i];
    struct hub_str rest = hub_str(s.p + i, s.n - i);
    bool whole = !rest.n || hub_str_is(rest, ".0");
    if (whole && n && n < 13 && hub_str_i64(hub_str(digits, n), &v))
        return hub_arena_fmt(l->scratch, "%lld", (long long)v);
    return NULL;
}

static void read_int(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    int64_t v;
    if (!scalar_text(l, row, n, "an integer", &s)) return;
    if (node_look(n) != LOOK_INT) {
        bool huge = node_look(n) == LOOK_NUMBER && s.n > 18 && !memchr(s.p, '.', s.n);
        if (!huge)
            wrong_type(l, row, n, look_of(s) == LOOK_INT ? "an integer without quotes" : "an integer",
                       repair_number(l, s));
        if (huge) hub_complain(l, hub_common_code(n, HUB_COMMON_RANGE), n, NULL, NULL, "%s is out of range", row->key);
        return;
    }
    hub_str_i64(s, &v);
    if (!in_range(l, row, n, v)) return;
    if (v < row->advised)
        hub_complain(l, "H008", n, NULL, NULL, "%s should be at least %lld; %lld costs much", row->key,
                     (long long)row->advised, (long long)v);
    *(int64_t *)(base + row->offset) = v;
}

/* ---- times ---- */

/* Milliseconds in one of the letter's unit; 0: there is no such unit. */
static int64_t ms_of_unit(char letter) {
    switch (letter) {
    case 's': return 1000;
    case 'm': return 60 * 1000;
    case 'h': return 3600 * 1000;
    case 'd': return 24LL * 3600 * 1000;
    default: return 0;
    }
}

/* "30d" in ROW's own unit; false: it is no time. More than anybody can mean is INT64_MAX. */
static bool duration_of(const struct hub_row *row, struct hub_str s, int64_t *out) {
    int64_t v, unit = s.n ? ms_of_unit(s.p[s.n - 1]) : 0, own = row->unit ? row->unit : 1;
    if (!unit || !is_digit(s.p[0]) || !hub_str_i64(hub_str(s.p, s.n - 1), &v)) return false;
    *out = v > INT64_MAX / unit ? INT64_MAX : v * unit / own;
    return true;
}

static void read_duration(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    int64_t v;
    if (!scalar_text(l, row, n, "a time", &s)) return;
    if (look_of(s) == LOOK_INT)
        read_int(l, row, n, base);
    else if (!duration_of(row, s, &v))
        wrong_type(l, row, n,
                   row->unit ? "a time in seconds, or a whole number with s, m, h or d behind it (30d)"
                             : "a time in milliseconds, or a whole number with s, m, h or d behind it (30d)",
                   NULL);
    else if (in_range(l, row, n, v))
        *(int64_t *)(base + row->offset) = v;
}

static bool read_text(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, struct hub_str *s) {
    if (!scalar_text(l, row, n, "a string", s)) return false;
    if (node_look(n) != LOOK_STRING && !n->substituted && s->n) {
        wrong_type(l, row, n, "a string (in quotes)", NULL);
        return false;
    }
    size_t most = row->max && row->kind != HUB_KIND_NAME ? (size_t)row->max : row->kind == HUB_KIND_TEXT ? 65536 : 1024;
    if (s->n > most) {
        hub_complain(l, hub_common_code(n, HUB_COMMON_RANGE), n, NULL, NULL, "%s is longer than %zu bytes", row->key,
                     most);
        return false;
    }
    if (has_control(*s, row->kind == HUB_KIND_TEXT ? "\n\t\r" : "")) {
        hub_complain(l, hub_common_code(n, HUB_COMMON_TYPE), n, NULL, NULL,
                     "%s must be one line without control characters", row->key);
        return false;
    }
    return true;
}

static bool check_url(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, struct hub_str s) {
    struct hub_buf all = {0};
    struct hub_nearest near = {.word = hub_str(s.p, hub_str_find(s, ':') + (hub_str_find(s, ':') < s.n))};
    for (const struct hub_words *w = row->words; w->word; w++) {
        if (hub_str_starts(s, hub_cstr(w->word))) {
            hub_buf_free(&all);
            return true;
        }
        hub_buf_addf(&all, "%s%s", all.n ? ", " : "", w->word);
        hub_nearest_try(&near, w->word);
    }
    hub_complain(l, "S021", n, NULL, near.best, "%s must start with one of %s", hub_node_path(l->scratch, n),
                 hub_buf_cstr(&all));
    hub_buf_free(&all);
    return false;
}

static const char *resolve_file(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, struct hub_str s) {
    if (!l->dir) return keep_in_arena(l, s);
    const char *path =
        s.n && s.p[0] == '/' ? keep_in_arena(l, s) : hub_arena_fmt(l->keep, "%s/%.*s", l->dir, HUB_FMT(s));
    struct stat st;
    if (stat(path, &st) || access(path, R_OK))
        hub_complain(l, "S014", n, NULL, NULL, "%s: %s cannot be read: %s", row->key, path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        hub_complain(l, "S014", n, NULL, NULL, "%s: %s is not a file", row->key, path);
    return path;
}

static void read_string(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    if (!read_text(l, row, n, &s)) return;
    if (row->flags & HUB_ROW_URL && s.n && !check_url(l, row, n, s)) return;
    if (row->flags & HUB_ROW_REQUIRED && !s.n) {
        hub_complain(l, hub_common_code(n, HUB_COMMON_MISSING), n, NULL, NULL, "%s must not be empty", row->key);
        return;
    }
    if (row->flags & HUB_ROW_NOT_YET && s.n) {
        hub_complain(l, "S034", n, NULL, NULL, "%s does nothing in this version of hubd; leave it out",
                     hub_node_path(l->scratch, n));
        return;
    }
    *(const char **)(base + row->offset) = row->flags & HUB_ROW_FILE ? resolve_file(l, row, n, s) : keep_in_arena(l, s);
}

static void read_name(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    size_t most = row->max ? (size_t)row->max : HUB_NAME_MAX;
    if (!read_text(l, row, n, &s)) return;
    *(const char **)(base + row->offset) = keep_in_arena(l, s);
    if (!hub_name_obeys(s, row->rule))
        hub_complain(l, hub_common_code(n, HUB_COMMON_NAME), n, NULL, repair_name(l, s, row->rule),
                     "\"%.*s\" is not a valid %s: expected %s", HUB_CUT(s, 100), row->key,
                     hub_name_rule_text(row->rule));
    else if (s.n > most)
        hub_complain(l, hub_common_code(n, HUB_COMMON_NAME), n, NULL, NULL,
                     "%s has %zu characters; at most %zu are possible", row->key, s.n, most);
}

static void note_script(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base,
                        struct hub_script *script) {
    if (l->script_n == l->script_cap) {
        l->script_cap = l->script_cap ? 2 * l->script_cap : 32;
        l->scripts = hub_xrealloc(l->scripts, l->script_cap * sizeof *l->scripts);
    }
    l->scripts[l->script_n++] = (struct hub_pending_script){script, row, n, base, l->hub};
}

static void read_script_at(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base,
                           struct hub_script *script) {
    struct hub_node *text = n;
    struct hub_str s;
    if (n->kind == HUB_NODE_MAP) {
        text = hub_node_get(n, HUB_STR("lua"));
        for (struct hub_node *c = n->first; c; c = c->next)
            if (c != text)
                hub_complain(l, hub_common_code(n, HUB_COMMON_UNKNOWN_KEY), c, &c->key_range, text ? NULL : "lua",
                             "unknown key \"%.*s\": a hook is an expression or {lua: …}", HUB_FMT(c->key));
        if (!text) return;
    }
    if (!scalar_text(l, row, text, "an expression or {lua: …}", &s)) return;
    script->kind = text == n ? HUB_SCRIPT_EXPR : HUB_SCRIPT_LUA;
    script->text = hub_str(keep_in_arena(l, s), s.n);
    script->file = keep_in_arena(l, hub_cstr(n->src->name));
    hub_node_content(text, &script->line, &script->column);
    script->use = n->src->plugin ? n->src->plugin->use : NULL;
    script->path = script->use
                       ? hub_arena_fmt(l->keep, "plugins.%s.%s", script->use->name, hub_node_path(l->scratch, n))
                       : keep_in_arena(l, hub_cstr(hub_node_path(l->scratch, n)));
    note_script(l, row, text, base, script);
}

static void read_script(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_script *script = (struct hub_script *)(base + row->offset);
    read_script_at(l, row, n, base, script);
    while ((n = n->more)) {
        struct hub_script *next = hub_arena_zalloc(l->keep, sizeof *next);
        script->next = next;
        read_script_at(l, row, n, base, next);
        script = next;
    }
}

/* An expression has backslashes, and quotes around it may hide some of them: the place within is the author's
 * only when the text is as it stands. */
static void wrong_pattern(struct hub_loader *l, const struct hub_node *n, size_t at, const char *why) {
    bool as_written = n->style == HUB_STYLE_PLAIN;
    struct hub_range range = hub_node_span(n, at, at + 1);
    hub_complain(l, "E020", n, as_written && at < n->value.n ? &range : NULL, NULL, "no pattern: %s", why);
}

/* A part in braces says which names there are; an expression may forget its ends. */
static void check_ends(struct hub_loader *l, struct hub_node *n, struct hub_str s) {
    if (s.p[0] == '^' && s.p[s.n - 1] == '$') return;
    hub_complain(l, "E021", n, NULL, NULL,
                 "the expression fits names that only contain what it says; begin it with ^ and end it with $");
}

static void free_pattern(void *p) { hub_pattern_free(p); }

/* What is the pattern's text in N; NULL: a mapping without one, and that was said. */
static struct hub_node *pattern_text(struct hub_loader *l, struct hub_node *n) {
    if (n->kind != HUB_NODE_MAP) return n;
    struct hub_node *text = hub_node_get(n, HUB_STR("regex"));
    for (struct hub_node *c = n->first; c; c = c->next)
        if (c != text)
            hub_complain(l, hub_common_code(n, HUB_COMMON_UNKNOWN_KEY), c, &c->key_range, text ? NULL : "regex",
                         "unknown key \"%.*s\": a pattern is a text or {regex: …}", HUB_FMT(c->key));
    return text;
}

static void read_pattern(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_def_pattern *out = (struct hub_def_pattern *)(base + row->offset);
    struct hub_node *text = pattern_text(l, n);
    struct hub_str s;
    struct hub_err err;
    size_t at;
    if (!text || !scalar_text(l, row, text, "a text with {name} parts, or {regex: …}", &s)) return;
    out->text = keep_in_arena(l, s);
    out->is_regex = text != n;
    if (hub_pattern_new(s, out->is_regex, &out->compiled, &at, &err)) {
        wrong_pattern(l, text, at, err.text);
        return;
    }
    hub_arena_own(l->keep, out->compiled, free_pattern);
    if (out->is_regex) check_ends(l, n, s);
}

static bool comma_piece(struct hub_str *rest, struct hub_str *piece) {
    while (hub_str_split(rest, ',', piece)) {
        *piece = hub_str_trim(*piece);
        if (piece->n) return true;
    }
    return false;
}

struct hub_range hub_strings_span(const struct hub_node *n, size_t i) {
    if (n->kind == HUB_NODE_SEQ) {
        const struct hub_node *c = n->first;
        while (c && (c->bad || i--)) c = c->next; /* what is bad was no element */
        return hub_node_mark(c ? c : n);
    }
    struct hub_str rest = n->value, piece;
    while (comma_piece(&rest, &piece))
        if (!i--) return hub_node_span(n, (size_t)(piece.p - n->value.p), (size_t)(piece.p - n->value.p) + piece.n);
    return hub_node_mark(n);
}

static size_t count_pieces(struct hub_str s) {
    size_t n = 0;
    for (struct hub_str piece; comma_piece(&s, &piece);) n++;
    return n;
}

static bool too_many(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, size_t count) {
    if (count <= HUB_LIST_MAX) return false;
    hub_complain(l, hub_common_code(n, HUB_COMMON_RANGE), n, NULL, NULL, "%s has %zu entries; at most %d are allowed",
                 row->key, count, HUB_LIST_MAX);
    return true;
}

static void check_repeats(struct hub_loader *l, const struct hub_row *row, struct hub_node *n,
                          const struct hub_strs *list) {
    struct hub_map seen = {0};
    for (size_t i = 0; row->flags & HUB_ROW_UNIQUE && i < list->n; i++) {
        if (!hub_map_put(&seen, hub_cstr(list->items[i]), n)) continue;
        struct hub_range r = hub_strings_span(n, i);
        hub_complain(l, hub_common_code(n, HUB_COMMON_DUPLICATE), n, &r, NULL, "%s lists \"%s\" twice", row->key,
                     list->items[i]);
    }
    hub_map_clear(&seen);
}

/* Not a Boolean, a number or nothing: as a text, "api: {read: true}" would be a role called "true". */
static bool is_meant_as_text(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, struct hub_str s) {
    bool as_written = row->flags & HUB_ROW_AS_WRITTEN && node_look(n) != LOOK_NULL;
    bool text = (as_written || hub_node_is_text(n)) && hub_str_trim(s).n;
    if (!text && n->style == HUB_STYLE_PLAIN)
        wrong_type(l, row, n, "a list of strings (in quotes)", NULL);
    else if (!text)
        hub_complain(l, hub_common_code(n, HUB_COMMON_TYPE), n, NULL, NULL, "%s must not have an empty entry",
                     row->key);
    return text;
}

static void read_strings(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_strs *out = (struct hub_strs *)(base + row->offset);
    struct hub_str s, piece;
    if (n->bad) return;
    out->n = 0;
    if (n->kind == HUB_NODE_MAP) {
        wrong_type(l, row, n, "a list or a comma-separated string", NULL);
        return;
    }
    size_t count = n->n;
    if (n->kind == HUB_NODE_SCALAR) {
        s = hub_node_value(l->scratch, n, l->diags);
        if (n->bad || (hub_str_trim(s).n && !is_meant_as_text(l, row, n, s))) return;
        count = count_pieces(s);
    }
    if (too_many(l, row, n, count)) return;
    out->items = hub_arena_zalloc(l->keep, (count + 1) * sizeof *out->items);
    if (n->kind == HUB_NODE_SCALAR)
        while (comma_piece(&s, &piece)) out->items[out->n++] = keep_in_arena(l, piece);
    else
        for (struct hub_node *c = n->first; c; c = c->next)
            if (scalar_text(l, row, c, "a list of strings", &s) && is_meant_as_text(l, row, c, s))
                out->items[out->n++] = keep_in_arena(l, s);
            else
                c->bad = true;
    if (out->n == count) check_repeats(l, row, n, out);
}

static const char *nearest_word(const struct hub_words *words, struct hub_str s) {
    struct hub_nearest near = {.word = s};
    for (const struct hub_words *w = words; w->word; w++) hub_nearest_try(&near, w->word);
    return near.best ? near.best : hub_meant_word(words, s);
}

static void unknown_word(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, const struct hub_range *r,
                         struct hub_str s) {
    struct hub_buf all = {0};
    for (const struct hub_words *w = row->words; w->word; w++) hub_buf_addf(&all, "%s%s", all.n ? ", " : "", w->word);
    hub_complain(l, hub_common_code(n, HUB_COMMON_WORD), n, r, nearest_word(row->words, s),
                 "\"%.*s\" is not one of %s's values: %s", HUB_CUT(s, 100), key_at(row, n), hub_buf_cstr(&all));
    hub_buf_free(&all);
}

static void read_word(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    if (!scalar_text(l, row, n, "a string", &s)) return;
    int i = hub_words_index(row->words, s);
    if (i < 0)
        unknown_word(l, row, n, NULL, s);
    else
        memcpy(base + row->offset, &i, sizeof i);
}

static void read_words(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    read_strings(l, row, n, base);
    struct hub_strs *list = (struct hub_strs *)(base + row->offset);
    size_t good = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (hub_words_index(row->words, hub_cstr(list->items[i])) >= 0) {
            list->items[good++] = list->items[i];
            continue;
        }
        struct hub_range r = hub_strings_span(n, i);
        unknown_word(l, row, n, &r, hub_cstr(list->items[i]));
    }
    list->n = good;
}

static void read_group(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    if (row->count) *(bool *)(base + row->count - 1) = true;
    if (n->kind != HUB_NODE_MAP) {
        if (!n->bad) wrong_type(l, row, n, "a mapping", NULL);
        n = NULL;
    }
    hub_walk(l, row->table, n, base);
}

/* What is the text of N, which is one, or a pattern's expression; NULL: it has none that could be
 * compared. */
static struct hub_node *comparable_text(struct hub_node *n) {
    if (n && n->kind == HUB_NODE_MAP) n = hub_node_get(n, HUB_STR("regex"));
    return n && n->kind == HUB_NODE_SCALAR && !n->bad && n->value.n ? n : NULL;
}

/* The text of the field that must differ between the elements of a list. */
static void check_unique(struct hub_loader *l, const struct hub_fields *t, struct hub_node *list) {
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        if (!(r->flags & HUB_ROW_UNIQUE) || r->kind == HUB_KIND_STRINGS || r->kind == HUB_KIND_WORDS) continue;
        struct hub_map seen = {0};
        for (struct hub_node *item = list->first; item; item = item->next) {
            struct hub_node *whole = hub_node_get(item, hub_cstr(r->key)), *n = comparable_text(whole), *before;
            if (!n) continue;
            if (!(before = hub_map_get(&seen, n->value)))
                hub_map_put(&seen, n->value, whole);
            else if (before->kind == whole->kind) /* a text is never what an expression is */
                hub_complain(l, hub_common_code(n, HUB_COMMON_DUPLICATE), n, NULL, NULL,
                             "%s \"%.*s\" is used twice in %.*s; the first one is %s%s%s", r->key, HUB_FMT(n->value),
                             HUB_FMT(list->key), before->src->name == n->src->name ? "on " : "in ",
                             hub_line_of(l, before, n), hub_used_by(l, n));
        }
        hub_map_clear(&seen);
    }
}

static void read_list(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    if (n->kind != HUB_NODE_SEQ) {
        if (!n->bad) wrong_type(l, row, n, "a list", NULL);
        return;
    }
    if (too_many(l, row, n, n->n)) return;
    const struct hub_fields *t = row->table;
    char *items = hub_arena_zalloc(l->keep, (n->n + 1) * t->size);
    size_t count = 0;
    for (struct hub_node *c = n->first; c; c = c->next) {
        if (c->kind != HUB_NODE_MAP) {
            if (!c->bad) wrong_type(l, row, c, "a list of mappings", NULL);
            continue;
        }
        hub_walk(l, t, c, items + count++ * t->size);
    }
    *(char **)(base + row->offset) = items;
    *(size_t *)(base + row->count) = count;
    check_unique(l, t, n);
}

static void read_reference(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_str s;
    if (!read_text(l, row, n, &s)) return;
    if (l->ref_n == l->ref_cap) {
        l->ref_cap = l->ref_cap ? 2 * l->ref_cap : 32;
        l->refs = hub_xrealloc(l->refs, l->ref_cap * sizeof *l->refs);
    }
    l->refs[l->ref_n++] = (struct hub_ref){row, n, base, l->hub};
}

/* Whatever a scalar looks like, it is meant as it is written. */
static void read_map(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    struct hub_settings *out = (struct hub_settings *)(base + row->offset);
    struct hub_str s;
    if (n->kind != HUB_NODE_MAP) {
        if (!n->bad) wrong_type(l, row, n, "a mapping", NULL);
        return;
    }
    if (too_many(l, row, n, n->n)) return;
    out->items = hub_arena_zalloc(l->keep, (n->n + 1) * sizeof *out->items);
    for (struct hub_node *c = n->first; c; c = c->next) {
        if (!scalar_text(l, row, c, "a mapping of strings", &s)) continue;
        if (s.n > (size_t)row->max)
            hub_complain(l, hub_common_code(c, HUB_COMMON_RANGE), c, NULL, NULL, "%.*s is longer than %lld bytes",
                         HUB_FMT(c->key), (long long)row->max);
        else if (has_control(s, "\n\t\r"))
            hub_complain(l, hub_common_code(c, HUB_COMMON_TYPE), c, NULL, NULL,
                         "%.*s must be text without control characters", HUB_FMT(c->key));
        else
            out->items[out->n++] = (struct hub_setting){keep_in_arena(l, c->key), keep_in_arena(l, s)};
    }
}

static void read_later(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, char *base) {
    (void)l, (void)row, (void)n, (void)base; /* the checks read the node when they know the type */
}

static void (*const readers[HUB_KIND_COUNT])(struct hub_loader *, const struct hub_row *, struct hub_node *, char *) = {
    [HUB_KIND_BOOL] = read_bool,          [HUB_KIND_INT] = read_int,         [HUB_KIND_STRING] = read_string,
    [HUB_KIND_DURATION] = read_duration,  [HUB_KIND_TEXT] = read_string,     [HUB_KIND_NAME] = read_name,
    [HUB_KIND_SCRIPT] = read_script,      [HUB_KIND_PATTERN] = read_pattern, [HUB_KIND_STRINGS] = read_strings,
    [HUB_KIND_WORD] = read_word,          [HUB_KIND_WORDS] = read_words,     [HUB_KIND_GROUP] = read_group,
    [HUB_KIND_LIST] = read_list,          [HUB_KIND_VALUE] = read_later,     [HUB_KIND_MAP] = read_map,
    [HUB_KIND_COLUMNS] = read_later,      [HUB_KIND_ROLE] = read_reference,  [HUB_KIND_OBJECT] = read_reference,
    [HUB_KIND_PROPERTY] = read_reference,
};

void hub_read_row(struct hub_loader *l, const struct hub_row *row, struct hub_node *n, void *base) {
    readers[row->kind](l, row, n, base);
}

/* ---- defaults ---- */

static void fill_strings(struct hub_loader *l, struct hub_strs *out, const char *text) {
    struct hub_str rest = hub_cstr(text), piece;
    out->items = hub_arena_zalloc(l->keep, (count_pieces(rest) + 1) * sizeof *out->items);
    while (comma_piece(&rest, &piece)) out->items[out->n++] = keep_in_arena(l, piece);
}

static void fill_default(struct hub_loader *l, const struct hub_row *row, char *base) {
    char *at = base + row->offset;
    int64_t i = 0;
    int word;
    if (row->kind == HUB_KIND_GROUP) hub_walk(l, row->table, NULL, base);
    if (row->kind == HUB_KIND_PROPERTY) memcpy(at, &(int){-1}, sizeof(int));
    if (!row->fallback) return;
    switch (row->kind) {
    case HUB_KIND_BOOL: *(bool *)at = strcmp(row->fallback, "true") == 0; break;
    case HUB_KIND_INT:
    case HUB_KIND_DURATION: hub_str_i64(hub_cstr(row->fallback), &i), *(int64_t *)at = i; break;
    case HUB_KIND_STRING:
    case HUB_KIND_TEXT:
    case HUB_KIND_NAME: *(const char **)at = keep_in_arena(l, hub_cstr(row->fallback)); break;
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS: fill_strings(l, (struct hub_strs *)at, row->fallback); break;
    case HUB_KIND_WORD:
        word = hub_words_index(row->words, hub_cstr(row->fallback)), memcpy(at, &word, sizeof word);
        break;
    default: break;
    }
}

/* ---- the walk ---- */

bool hub_is_absent(const struct hub_row *row, struct hub_node *n) {
    if (!n || hub_node_is_null(n)) return true;
    if (n->kind == HUB_NODE_MAP && row->kind == HUB_KIND_SCRIPT) {
        struct hub_node *lua = hub_node_get(n, HUB_STR("lua"));
        return lua && n->n == 1 &&
               (hub_node_is_null(lua) || (lua->kind == HUB_NODE_SCALAR && !lua->bad && !hub_str_trim(lua->text).n));
    }
    bool may_be_empty = row->kind != HUB_KIND_STRING && row->kind != HUB_KIND_TEXT && row->kind != HUB_KIND_BOOL &&
                        row->kind != HUB_KIND_INT && row->kind != HUB_KIND_DURATION && row->kind != HUB_KIND_STRINGS &&
                        row->kind != HUB_KIND_WORDS;
    return may_be_empty && n->kind == HUB_NODE_SCALAR && !n->bad && !hub_str_trim(n->text).n;
}

/* Tables below T that have KEY, as the path to the only one; NULL when there is none or several. */
static const char *path_elsewhere(struct hub_loader *l, const struct hub_fields *t, struct hub_str key,
                                  const char *path, int *found) {
    const char *where = NULL;
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        const struct hub_fields *below = hub_row_below(t, r);
        if (!below) continue;
        const char *here = *path ? hub_arena_fmt(l->scratch, "%s.%s", path, r->key) : r->key;
        if (hub_fields_row(below, key)) ++*found, where = here;
        const char *deeper = path_elsewhere(l, below, key, here, found);
        if (deeper) where = deeper;
    }
    return where;
}

static const struct hub_fields *document_of(const struct hub_loader *l, const struct hub_node *n) {
    if (n->src->kind == 'T') return &hub_fields_scenario;
    return n->src->plugin ? &hub_fields_plugin : l->hub ? &hub_fields_hub : &hub_fields_service;
}

/* The row's key, or its alias when that is nearer to NAME. */
static const char *spelling_near(const struct hub_row *row, struct hub_str name) {
    struct hub_nearest near = {.word = name};
    hub_nearest_try(&near, row->key);
    if (row->alias) hub_nearest_try(&near, row->alias);
    return near.best ? near.best : row->key;
}

/* What was meant is read as that, so that nothing is said of what would follow from the misspelling. */
static void read_as_meant(struct hub_loader *l, struct hub_node *c, const char *key) {
    c->key = hub_str(hub_arena_dup(l->scratch, hub_cstr(key)), strlen(key));
    c->meant = true;
}

static bool is_glued(const struct hub_fields *t, const struct hub_node *c, size_t *colon) {
    *colon = hub_str_find(c->key, ':');
    return *colon < c->key.n && hub_fields_row(t, hub_str(c->key.p, *colon));
}

static void unknown_key(struct hub_loader *l, const struct hub_fields *t, struct hub_node *map, struct hub_node *c) {
    if (hub_diags_full(l->diags, c->src->name)) return; /* and that has been said */
    const char *code = hub_common_code(c, HUB_COMMON_UNKNOWN_KEY);
    size_t colon;
    if (is_glued(t, c, &colon)) {
        hub_complain(l, code, c, &c->key_range, NULL, "there is no space behind the colon: write \"%.*s: …\"",
                     (int)colon, c->key.p);
        read_as_meant(l, c, hub_fields_row(t, hub_str(c->key.p, colon))->key);
        c->bad = true;
        return;
    }
    bool sure;
    const struct hub_row *meant = hub_meant_row(t, map, c, &sure);
    int found = 0;
    const char *where = meant ? NULL : path_elsewhere(l, document_of(l, c), c->key, "", &found);
    if (!meant && hub_fields_row(document_of(l, c), c->key)) found = 1, where = "the top level";
    bool several = found != 1;
    hub_complain(l, code, c, &c->key_range, meant ? spelling_near(meant, c->key) : NULL,
                 "unknown key \"%.*s\" in %s%s%s", HUB_CUT(c->key, 100), t->name,
                 several || !where ? "" : "; it belongs in ", several || !where ? "" : where);
    if (meant && sure) read_as_meant(l, c, meant->key);
}

/* Whether the field of ROW is there under another key, which has been said. */
static bool is_misspelt(const struct hub_fields *t, const struct hub_row *row, const struct hub_node *node) {
    bool sure;
    for (const struct hub_node *c = node->first; c; c = c->next)
        if (!hub_fields_row(t, c->key) && hub_meant_row(t, node, c, &sure) == row) return true;
    return false;
}

static void complain_missing(struct hub_loader *l, const struct hub_fields *t, const struct hub_row *row,
                             struct hub_node *node, struct hub_node *given) {
    struct hub_range key;
    if (given)
        hub_complain(l, hub_common_code(node, HUB_COMMON_MISSING), given, NULL, NULL,
                     "%s is required and must not be empty", key_at(row, given));
    else if (node->parent && node->parent->kind == HUB_NODE_MAP && (key = node->key_range, key.line))
        hub_complain(l, hub_common_code(node, HUB_COMMON_MISSING), node, &key, NULL, "%s needs %s (%s)", t->name,
                     row->key, row->help);
    else
        hub_complain(l, hub_common_code(node, HUB_COMMON_MISSING), node, NULL, NULL, "%s needs %s (%s)", t->name,
                     row->key, row->help);
}

struct hub_node *hub_row_node(const struct hub_row *row, const struct hub_node *node) {
    struct hub_node *n = hub_node_get(node, hub_cstr(row->key));
    struct hub_node *other = row->alias ? hub_node_get(node, hub_cstr(row->alias)) : NULL;
    return other && hub_is_absent(row, n) ? other : n;
}

static void check_spellings(struct hub_loader *l, const struct hub_row *row, const struct hub_node *node) {
    struct hub_node *n = hub_node_get(node, hub_cstr(row->key)), *other = hub_node_get(node, hub_cstr(row->alias));
    if (!hub_is_absent(row, n) && !hub_is_absent(row, other))
        hub_complain(l, hub_common_code(other, HUB_COMMON_DUPLICATE), other, &other->key_range, NULL,
                     "%s and %s are two spellings of one field; keep one of them", row->key, row->alias);
}

void hub_walk(struct hub_loader *l, const struct hub_fields *t, struct hub_node *node, void *base) {
    if (node && t->size) note_place(l, base, node);
    for (struct hub_node *c = node ? node->first : NULL; c; c = c->next)
        if (!hub_fields_row(t, c->key)) unknown_key(l, t, node, c);
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        struct hub_node *n = hub_row_node(r, node);
        bool absent = hub_is_absent(r, n);
        if (r->alias) check_spellings(l, r, node);
        if (absent || r->kind != HUB_KIND_GROUP) fill_default(l, r, base);
        if (!absent)
            hub_read_row(l, r, n, base);
        else if (node && r->flags & HUB_ROW_REQUIRED && !is_misspelt(t, r, node))
            complain_missing(l, t, r, node, n);
    }
}
