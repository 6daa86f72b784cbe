/* JSON on jansson. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* jansson parses recursively up to its own limit of 2048; ours is checked by a scan before it sees the text. */
static bool too_deep(struct hub_str s) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > HUB_JSON_DEPTH) return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

json_t *hub_json_parse(struct hub_str text, struct hub_err *err) {
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_error_t why;
    if (!text.n) {
        hub_fail(err, HUB_BAD_REQUEST, "empty JSON text");
        return NULL;
    }
    if (too_deep(text)) {
        hub_fail(err, HUB_BAD_REQUEST, "JSON nested deeper than %d levels", HUB_JSON_DEPTH);
        return NULL;
    }
    json_t *v = json_loadb(text.p, text.n, flags, &why);
    if (!v && json_error_code(&why) == json_error_numeric_overflow) v = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, &why);
    if (!v) hub_fail(err, HUB_BAD_REQUEST, "invalid JSON at byte %d: %s", why.position, why.text);
    return v;
}

/* ---- grammar only ---- */

struct scan {
    const char *p, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool at(const struct scan *s, char c) { return s->p < s->end && *s->p == c; }

static void skip_space(struct scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n')) s->p++;
}

static bool scan_string(struct scan *s) {
    for (s->p++; s->p < s->end && (unsigned char)*s->p >= ' '; s->p++) {
        if (*s->p == '"') return s->p++, true;
        if (*s->p != '\\') continue;
        if (++s->p == s->end) return false;
        if (*s->p == 'u') {
            for (int i = 0; i < 4; i++)
                if (++s->p == s->end || !memchr("0123456789abcdefABCDEF", *s->p, 22)) return false;
        } else if (!memchr("\"\\/bfnrt", *s->p, 8)) {
            return false;
        }
    }
    return false;
}

static bool scan_digits(struct scan *s) {
    const char *from = s->p;
    while (s->p < s->end && is_digit(*s->p)) s->p++;
    return s->p > from;
}

static bool scan_number(struct scan *s) {
    if (at(s, '-')) s->p++;
    if (at(s, '0'))
        s->p++;
    else if (!scan_digits(s))
        return false;
    if (at(s, '.') && (s->p++, !scan_digits(s))) return false;
    if (!at(s, 'e') && !at(s, 'E')) return true;
    s->p++;
    if (at(s, '+') || at(s, '-')) s->p++;
    return scan_digits(s);
}

static bool scan_scalar(struct scan *s) {
    static const struct hub_str words[] = {HUB_STR_INIT("true"), HUB_STR_INIT("false"), HUB_STR_INIT("null")};
    if (at(s, '"')) return scan_string(s);
    for (size_t i = 0; i < 3; i++)
        if (hub_str_starts(hub_str(s->p, (size_t)(s->end - s->p)), words[i])) return s->p += words[i].n, true;
    return scan_number(s);
}

/* "key": up to the value. */
static bool scan_key(struct scan *s) {
    skip_space(s);
    if (!at(s, '"') || !scan_string(s)) return false;
    skip_space(s);
    return at(s, ':') && s->p++;
}

/* A value's first token; opening brackets go onto OPEN. *WHOLE: the value is complete. */
static bool scan_value(struct scan *s, struct hub_buf *open, bool *whole) {
    *whole = true;
    skip_space(s);
    if (s->p == s->end) return false;
    char c = *s->p;
    if (c != '[' && c != '{') return scan_scalar(s);
    s->p++;
    skip_space(s);
    if (at(s, c == '[' ? ']' : '}')) return s->p++, true;
    hub_buf_addc(open, c);
    *whole = false;
    return c == '[' || scan_key(s);
}

/* After a complete value: closing brackets up to a comma. *DONE: nothing is open any more. */
static bool scan_after(struct scan *s, struct hub_buf *open, bool *done) {
    for (;; s->p++, open->n--) {
        *done = !open->n;
        if (*done) return true;
        skip_space(s);
        if (s->p == s->end) return false;
        char in = open->p[open->n - 1];
        if (*s->p == ',') return s->p++, in == '[' || scan_key(s);
        if (*s->p != (in == '[' ? ']' : '}')) return false;
    }
}

bool hub_json_well_formed(struct hub_str text) {
    struct scan s = {text.p, text.p + text.n};
    struct hub_buf open = {0};
    bool ok = true, whole = false, done = false;
    while (ok && !done) {
        ok = scan_value(&s, &open, &whole);
        if (ok && whole) ok = scan_after(&s, &open, &done);
    }
    hub_buf_free(&open);
    skip_space(&s);
    return ok && s.p == s.end;
}

/* ---- writing ---- */

/* 0 = copy as it is; otherwise the character after the backslash, or 'u'. */
static const char escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', [0] = 'u',  [1] = 'u',
    [2] = 'u',   [3] = 'u',     [4] = 'u',    [5] = 'u',    [6] = 'u',    [7] = 'u',    [11] = 'u',   [14] = 'u', [15] = 'u',
    [16] = 'u',  [17] = 'u',    [18] = 'u',   [19] = 'u',   [20] = 'u',   [21] = 'u',   [22] = 'u',   [23] = 'u', [24] = 'u',
    [25] = 'u',  [26] = 'u',    [27] = 'u',   [28] = 'u',   [29] = 'u',   [30] = 'u',   [31] = 'u',
};

static void add_escaped(struct hub_buf *b, struct hub_str s) {
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        char e = escapes[(unsigned char)s.p[i]];
        if (!e) continue;
        hub_buf_add(b, s.p + from, i - from);
        from = i + 1;
        if (e == 'u')
            hub_buf_addf(b, "\\u%04x", (unsigned char)s.p[i]);
        else
            hub_buf_addc(b, '\\'), hub_buf_addc(b, e);
    }
    hub_buf_add(b, s.p + from, s.n - from);
}

/* Length of the longest valid UTF-8 prefix. */
static size_t valid_prefix(struct hub_str s) {
    size_t lo = 0;
    while (lo < s.n) {
        size_t step = 1;
        while (step <= 4 && lo + step <= s.n && !hub_utf8_valid(hub_str(s.p + lo, step))) step++;
        if (step > 4 || lo + step > s.n) break;
        lo += step;
    }
    return lo;
}

void hub_json_add_string(struct hub_buf *b, struct hub_str s) {
    hub_buf_addc(b, '"');
    while (!hub_utf8_valid(s)) {
        size_t good = valid_prefix(s);
        add_escaped(b, hub_str(s.p, good));
        hub_buf_addz(b, "\xef\xbf\xbd");
        s = hub_str(s.p + good + 1, s.n - good - 1);
    }
    add_escaped(b, s);
    hub_buf_addc(b, '"');
}

void hub_json_add_key(struct hub_buf *b, const char *key) {
    hub_buf_addc(b, '"');
    hub_buf_addz(b, key);
    hub_buf_add(b, "\":", 2);
}

static void add_real(struct hub_buf *b, double v) {
    if (!isfinite(v)) { /* JSON has no such numbers; JSON.stringify says null */
        hub_buf_addz(b, "null");
        return;
    }
    if (fabs(v) < 1e15 && v == floor(v)) {
        hub_buf_addi(b, (int64_t)v);
        return;
    }
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, v);
        if (strtod(text, NULL) == v) break;
    }
    hub_buf_addz(b, text);
}

void hub_json_add(struct hub_buf *b, const json_t *v) {
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL: hub_buf_add(b, "null", 4); break;
    case JSON_TRUE: hub_buf_add(b, "true", 4); break;
    case JSON_FALSE: hub_buf_add(b, "false", 5); break;
    case JSON_INTEGER: hub_buf_addi(b, json_integer_value(v)); break;
    case JSON_REAL: add_real(b, json_real_value(v)); break;
    case JSON_STRING: /* jansson only holds valid UTF-8 */
        hub_buf_addc(b, '"');
        add_escaped(b, hub_json_str(v));
        hub_buf_addc(b, '"');
        break;
    case JSON_ARRAY: {
        size_t n = json_array_size(v);
        hub_buf_addc(b, '[');
        for (size_t i = 0; i < n; i++) {
            if (i) hub_buf_addc(b, ',');
            hub_json_add(b, json_array_get(v, i));
        }
        hub_buf_addc(b, ']');
        break;
    }
    case JSON_OBJECT: {
        json_t *o = (json_t *)(uintptr_t)v;
        bool first = true;
        hub_buf_addc(b, '{');
        for (void *it = json_object_iter(o); it; it = json_object_iter_next(o, it)) {
            if (!first) hub_buf_addc(b, ',');
            first = false;
            hub_buf_addc(b, '"');
            add_escaped(b, hub_str(json_object_iter_key(it), json_object_iter_key_len(it)));
            hub_buf_add(b, "\":", 2);
            hub_json_add(b, json_object_iter_value(it));
        }
        hub_buf_addc(b, '}');
        break;
    }
    }
}

struct hub_str hub_json_str(const json_t *v) {
    return v && json_is_string(v) ? hub_str(json_string_value(v), json_string_length(v)) : hub_str(NULL, 0);
}

json_t *hub_json_get(const json_t *o, const char *key) { return o && json_is_object(o) ? json_object_get(o, key) : NULL; }

struct hub_str hub_json_get_str(const json_t *o, const char *key) {
    return hub_json_str(hub_json_get(o, key));
}

int64_t hub_json_get_int(const json_t *o, const char *key, int64_t fallback) {
    const json_t *v = hub_json_get(o, key);
    if (v && json_is_integer(v)) return json_integer_value(v);
    if (v && json_is_real(v)) {
        double d = json_real_value(v);
        if (d == floor(d) && fabs(d) < 9e18) return (int64_t)d;
    }
    return fallback;
}

bool hub_json_get_bool(const json_t *o, const char *key, bool fallback) {
    const json_t *v = hub_json_get(o, key);
    return v && json_is_boolean(v) ? json_is_true(v) : fallback;
}

json_t *hub_json_string(struct hub_str s) {
    json_t *v = json_stringn(s.p ? s.p : "", s.n);
    return v ? v : json_null();
}

void hub_json_set_str(json_t *o, const char *key, struct hub_str s) { json_object_set_new(o, key, hub_json_string(s)); }

bool hub_json_equal(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) {
        if (json_is_integer(a) && json_is_integer(b)) return json_integer_value(a) == json_integer_value(b);
        return json_number_value(a) == json_number_value(b);
    }
    if (json_typeof(a) != json_typeof(b)) return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b)) return false;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!hub_json_equal(json_array_get(a, i), json_array_get(b, i))) return false;
        return true;
    }
    if (json_is_object(a)) {
        if (json_object_size(a) != json_object_size(b)) return false;
        json_t *o = (json_t *)(uintptr_t)a;
        for (void *it = json_object_iter(o); it; it = json_object_iter_next(o, it)) {
            const json_t *other = json_object_get(b, json_object_iter_key(it));
            if (!other || !hub_json_equal(json_object_iter_value(it), other)) return false;
        }
        return true;
    }
    return json_equal(a, b);
}
