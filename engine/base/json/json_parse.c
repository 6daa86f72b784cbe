/* JSON text to a jansson tree, in one pass over the bytes. jansson's own parser reads through a callback
 * per character, needs a second pass for our depth limit, and takes three times as long; every packet
 * passes here. */
#include <math.h>
#include <stdlib.h>

#include "base/json/json_event.h"
#include "base/text/utf8.h"

struct parser {
    const char *start, *p, *end;
    bool utf8; /* all of it; else each string is looked at, so that the complaint says which */
    int depth;
    struct hub_err *err;
};

static HUB_MUST json_t *parse_value(struct parser *s);

/* Where the parser stands is where it went wrong. */
static bool complain_at(struct parser *s, const char *what) {
    hub_err_set(s->err, HUB_BAD_REQUEST, "invalid JSON at byte %zu: %s", (size_t)(s->p - s->start), what);
    return false;
}

static HUB_MUST json_t *no_value(struct parser *s, const char *what) { return complain_at(s, what), NULL; }

static void skip_space(struct parser *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) s->p++;
}

/* The next byte that is not white space; 0 at the end, where a literal 0 is no JSON either. */
static char peek_byte(struct parser *s) {
    skip_space(s);
    return s->p < s->end ? *s->p : 0;
}

/* ---- strings ---- */

static int parse_hex4(struct parser *s) {
    int v = 0;
    if (s->end - s->p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = s->p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return -1;
        v = v << 4 | d;
    }
    s->p += 4;
    return v;
}

/* After "\u". */
static bool unicode_escape(struct parser *s, struct hub_buf *out) {
    int c = parse_hex4(s);
    if (c < 0) return complain_at(s, "four hexadecimal digits expected after \\u");
    if (c >= 0xd800 && c < 0xdc00 && s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == 'u') {
        s->p += 2;
        int low = parse_hex4(s);
        if (low < 0xdc00 || low > 0xdfff) return complain_at(s, "the second half of a surrogate pair expected");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c >= 0xd800 && c <= 0xdfff) return complain_at(s, "half a surrogate pair");
    hub_buf_add_utf8(out, (uint32_t)c);
    return true;
}

/* After the backslash. */
static bool parse_escape(struct parser *s, struct hub_buf *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = s->p < s->end ? *s->p : 0;
    const char *at = c ? strchr(from, c) : NULL;
    if (c != 'u' && !at) return complain_at(s, "unknown escape in a string");
    s->p++;
    if (c == 'u') return unicode_escape(s, out);
    hub_buf_addc(out, to[at - from]);
    return true;
}

/* Moves over the bytes of a string that stand for themselves. */
static void skip_plain(struct parser *s) { s->p += hub_json_plain(hub_str(s->p, (size_t)(s->end - s->p))); }

/* At the opening quote. *OUT points into the text, or into SCRATCH when there were escapes. */
static bool parse_string(struct parser *s, struct hub_buf *scratch, struct hub_str *out) {
    const char *from = ++s->p;
    for (;;) {
        skip_plain(s);
        struct hub_str piece = hub_str(from, (size_t)(s->p - from));
        if (s->p == s->end) return complain_at(s, "the string does not end");
        if ((unsigned char)*s->p < 0x20) return complain_at(s, "a control character in a string");
        if (!s->utf8 && !hub_utf8_valid(piece)) return complain_at(s, "a string that is not UTF-8");
        if (*s->p++ == '"') {
            if (scratch->p) hub_buf_adds(scratch, piece);
            *out = scratch->p ? hub_buf_str(scratch) : piece;
            return true;
        }
        hub_buf_adds(scratch, piece);
        if (!parse_escape(s, scratch)) return false;
        from = s->p;
    }
}

static HUB_MUST json_t *string_value(struct parser *s) {
    struct hub_buf scratch = {0};
    struct hub_str text;
    json_t *v = parse_string(s, &scratch, &text) ? json_stringn_nocheck(text.p, text.n) : NULL;
    hub_buf_free(&scratch);
    return v;
}

/* ---- numbers ---- */

static bool skip_digits(struct parser *s) {
    const char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    return s->p > from;
}

static HUB_MUST json_t *parse_real(struct parser *s, struct hub_str text) {
    char *copy = hub_str_dup(text); /* strtod wants an end */
    double v = strtod(copy, NULL);
    free(copy);
    return isfinite(v) ? json_real(v) : no_value(s, "a number too large");
}

static HUB_MUST json_t *parse_number(struct parser *s) {
    const char *from = s->p;
    bool integral = true;
    int64_t v;
    if (*s->p == '-') s->p++;
    bool zero = s->p < s->end && *s->p == '0';
    const char *first = s->p;
    if (!skip_digits(s)) return no_value(s, "a digit expected");
    if (zero && s->p - first > 1) return no_value(s, "a number with a leading zero");
    if (s->p < s->end && *s->p == '.') {
        s->p++, integral = false;
        if (!skip_digits(s)) return no_value(s, "a digit expected");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++, integral = false;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (!skip_digits(s)) return no_value(s, "a digit expected");
    }
    struct hub_str text = hub_str(from, (size_t)(s->p - from));
    return integral && hub_str_i64(text, &v) ? json_integer(v) : parse_real(s, text);
}

/* ---- containers ---- */

static bool enter_container(struct parser *s) {
    s->p++;
    if (++s->depth <= HUB_JSON_DEPTH) return true;
    hub_err_set(s->err, HUB_BAD_REQUEST, "JSON nested deeper than %d levels", HUB_JSON_DEPTH);
    return false;
}

/* After a member: true when there is another, false at the end or, with *OK false, at something else. */
static bool has_another(struct parser *s, char close, bool *ok) {
    char c = peek_byte(s);
    *ok = c == ',' || c == close;
    if (*ok) s->p++;
    return c == ',';
}

static bool array_items(struct parser *s, json_t *array) {
    bool ok = true;
    if (peek_byte(s) == ']') return s->p++, true;
    do {
        json_t *v = parse_value(s);
        if (!v) return false;
        json_array_append_new(array, v);
    } while (has_another(s, ']', &ok));
    return ok || complain_at(s, "',' or ']' expected");
}

/* The N-th. */
static bool object_member(struct parser *s, json_t *object, size_t n, struct hub_buf *scratch) {
    struct hub_str key;
    if (peek_byte(s) != '"') return complain_at(s, "a key in quotes expected");
    if (!parse_string(s, scratch, &key)) return false;
    if (scratch->p && memchr(key.p, 0, key.n)) return complain_at(s, "a NUL in a key"); /* by an escape */
    if (peek_byte(s) != ':') return complain_at(s, "':' expected");
    s->p++;
    json_t *v = parse_value(s);
    if (!v) return false;
    json_object_setn_new_nocheck(object, key.p, key.n, v);
    return json_object_size(object) == n || complain_at(s, "a duplicate key");
}

static bool object_members(struct parser *s, json_t *object) {
    bool ok = true;
    size_t n = 0;
    if (peek_byte(s) == '}') return s->p++, true;
    do {
        struct hub_buf scratch = {0};
        bool good = object_member(s, object, ++n, &scratch);
        hub_buf_free(&scratch);
        if (!good) return false;
    } while (has_another(s, '}', &ok));
    return ok || complain_at(s, "',' or '}' expected");
}

static HUB_MUST json_t *parse_container(struct parser *s) {
    bool is_object = *s->p == '{';
    if (!enter_container(s)) return NULL;
    json_t *v = is_object ? json_object() : json_array();
    if (is_object ? object_members(s, v) : array_items(s, v)) {
        s->depth--;
        return v;
    }
    json_decref(v);
    return NULL;
}

static HUB_MUST json_t *parse_literal(struct parser *s, struct hub_str word, json_t *v) {
    if (!hub_str_starts(hub_str(s->p, (size_t)(s->end - s->p)), word)) return no_value(s, "a value expected");
    s->p += word.n;
    return v;
}

static HUB_MUST json_t *parse_value(struct parser *s) {
    switch (peek_byte(s)) {
    case '{':
    case '[': return parse_container(s);
    case '"': return string_value(s);
    case 't': return parse_literal(s, HUB_STR("true"), json_true());
    case 'f': return parse_literal(s, HUB_STR("false"), json_false());
    case 'n': return parse_literal(s, HUB_STR("null"), json_null());
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return parse_number(s);
    default: return no_value(s, "a value expected");
    }
}

static struct parser parser_of(struct hub_str text, struct hub_err *err) {
    return (struct parser){
        .start = text.p, .p = text.p, .end = text.p + text.n, .utf8 = hub_utf8_valid(text), .err = err};
}

/* V, unless it is followed by something. */
static HUB_MUST json_t *only_value(struct parser *s, json_t *v) {
    skip_space(s);
    if (!v || s->p == s->end) return v;
    json_decref(v);
    return no_value(s, "something after the value");
}

json_t *hub_json_parse(struct hub_str text, struct hub_err *err) {
    struct parser s = parser_of(text, err);
    if (!text.n) {
        hub_err_set(err, HUB_BAD_REQUEST, "empty JSON text");
        return NULL;
    }
    return only_value(&s, parse_value(&s));
}

/* ---- events ---- */

/* Over ["name" into *NAME; false when TEXT does not begin so, or has an escape there. */
static bool take_name(struct parser *s, struct hub_str *name) {
    if (peek_byte(s) != '[') return false;
    s->p++;
    if (peek_byte(s) != '"') return false;
    const char *from = ++s->p;
    skip_plain(s);
    *name = hub_str(from, (size_t)(s->p - from));
    return s->p < s->end && *s->p++ == '"' && (s->utf8 || hub_utf8_valid(*name));
}

static HUB_MUST json_t *parse_arguments(struct parser *s) {
    json_t *array = json_array(), *v;
    bool ok;
    s->depth = 1;
    while (has_another(s, ']', &ok)) {
        if ((v = parse_value(s)) && json_array_append_new(array, v) == 0) continue;
        json_decref(array);
        return NULL;
    }
    if (ok) return array;
    json_decref(array);
    return no_value(s, "',' or ']' expected");
}

json_t *hub_json_parse_event(struct hub_str text, struct hub_str *name, struct hub_err *err) {
    struct parser s = parser_of(text, err);
    if (take_name(&s, name)) return only_value(&s, parse_arguments(&s));
    *name = hub_str(NULL, 0);
    return hub_json_parse(text, err);
}
