/* Whether text is JSON at all, for callers that must tell "refused" from "malformed": no depth limit, no
 * stack, no tree. */
#include "base/json/json.h"

struct json_scan {
    const char *p, *end;
};

static bool is_json_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_at(const struct json_scan *s, char c) { return s->p < s->end && *s->p == c; }

static void skip_blanks(struct json_scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n')) s->p++;
}

static bool scan_string(struct json_scan *s) {
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

static bool scan_digits(struct json_scan *s) {
    const char *from = s->p;
    while (s->p < s->end && is_json_digit(*s->p)) s->p++;
    return s->p > from;
}

static bool scan_number(struct json_scan *s) {
    if (is_at(s, '-')) s->p++;
    if (is_at(s, '0'))
        s->p++;
    else if (!scan_digits(s))
        return false;
    if (is_at(s, '.') && (s->p++, !scan_digits(s))) return false;
    if (!is_at(s, 'e') && !is_at(s, 'E')) return true;
    s->p++;
    if (is_at(s, '+') || is_at(s, '-')) s->p++;
    return scan_digits(s);
}

static bool scan_scalar(struct json_scan *s) {
    static const struct hub_str words[] = {HUB_STR_INIT("true"), HUB_STR_INIT("false"), HUB_STR_INIT("null")};
    if (is_at(s, '"')) return scan_string(s);
    for (size_t i = 0; i < 3; i++)
        if (hub_str_starts(hub_str(s->p, (size_t)(s->end - s->p)), words[i])) return s->p += words[i].n, true;
    return scan_number(s);
}

/* "key": up to the value. */
static bool scan_key(struct json_scan *s) {
    skip_blanks(s);
    if (!is_at(s, '"') || !scan_string(s)) return false;
    skip_blanks(s);
    return is_at(s, ':') && s->p++;
}

/* A value's first token; opening brackets go onto OPEN. *WHOLE: the value is complete. */
static bool scan_value(struct json_scan *s, struct hub_buf *open, bool *whole) {
    *whole = true;
    skip_blanks(s);
    if (s->p == s->end) return false;
    char c = *s->p;
    if (c != '[' && c != '{') return scan_scalar(s);
    s->p++;
    skip_blanks(s);
    if (is_at(s, c == '[' ? ']' : '}')) return s->p++, true;
    hub_buf_addc(open, c);
    *whole = false;
    return c == '[' || scan_key(s);
}

/* After a complete value: closing brackets up to a comma. *DONE: nothing is open any more. */
static bool scan_after(struct json_scan *s, struct hub_buf *open, bool *done) {
    for (;; s->p++, open->n--) {
        *done = !open->n;
        if (*done) return true;
        skip_blanks(s);
        if (s->p == s->end) return false;
        char in = open->p[open->n - 1];
        if (*s->p == ',') return s->p++, in == '[' || scan_key(s);
        if (*s->p != (in == '[' ? ']' : '}')) return false;
    }
}

bool hub_json_well_formed(struct hub_str text) {
    struct json_scan s = {text.p, text.p + text.n};
    struct hub_buf open = {0};
    bool ok = true, whole = false, done = false;
    while (ok && !done) {
        ok = scan_value(&s, &open, &whole);
        if (ok && whole) ok = scan_after(&s, &open, &done);
    }
    hub_buf_free(&open);
    skip_blanks(&s);
    return ok && s.p == s.end;
}

/* ---- what we have written ourselves ---- */

/* Behind the string that begins at P. */
static const char *string_end(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++) p += *p == '\\';
    return p < end ? p + 1 : end;
}

/* The next comma, or END, that is inside of nothing that begins from P on. */
static const char *comma_from(const char *p, const char *end) {
    for (int depth = 0; p < end && (depth || *p != ','); p++) {
        if (*p == '"') p = string_end(p, end) - 1;
        depth += (*p == '[' || *p == '{') - (*p == ']' || *p == '}');
    }
    return p < end ? p : end;
}

struct hub_str hub_json_member(struct hub_str members, const char *key) {
    const char *p = members.p, *end = members.p + members.n;
    size_t n = strlen(key);
    while (p < end) {
        const char *colon = string_end(p, end), *next = comma_from(p, end);
        if ((size_t)(colon - p) == n + 2 && !memcmp(p + 1, key, n) && colon < next)
            return hub_str(colon + 1, (size_t)(next - colon - 1));
        p = next + 1;
    }
    return hub_str(NULL, 0);
}

size_t hub_json_items(struct hub_str value) {
    size_t n = 1;
    if (!value.n || hub_str_is(value, "null")) return 0;
    if (*value.p != '[') return 1;
    if (hub_str_is(value, "[]")) return 0;
    const char *end = value.p + value.n - 1; /* the bracket */
    for (const char *p = value.p + 1; (p = comma_from(p, end)) < end; p++) n++;
    return n;
}
