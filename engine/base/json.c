/* JSON on jansson. */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- writing ---- */

/* 0 = copy as it is; otherwise the character after the backslash, or 'u'. */
static const char escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    [0] = 'u',   [1] = 'u',     [2] = 'u',    [3] = 'u',    [4] = 'u',    [5] = 'u',    [6] = 'u',
    [7] = 'u',   [11] = 'u',    [14] = 'u',   [15] = 'u',   [16] = 'u',   [17] = 'u',   [18] = 'u',
    [19] = 'u',  [20] = 'u',    [21] = 'u',   [22] = 'u',   [23] = 'u',   [24] = 'u',   [25] = 'u',
    [26] = 'u',  [27] = 'u',    [28] = 'u',   [29] = 'u',   [30] = 'u',   [31] = 'u',
};

/* Whether one of eight bytes is 0; whether one is below N, for N up to 128. */
#define EACH(BYTE) (0x0101010101010101u * (BYTE))
#define HAS_ZERO(W) (((W)-EACH(1)) & ~(W)&EACH(0x80))
#define HAS_BELOW(W, N) (((W)-EACH(N)) & ~(W)&EACH(0x80))

size_t hub_json_plain(struct hub_str s) {
    size_t i = 0;
    for (uint64_t w; s.n - i >= 8; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (HAS_BELOW(w, 0x20) | HAS_ZERO(w ^ EACH('"')) | HAS_ZERO(w ^ EACH('\\'))) break;
    }
    while (i < s.n && !escapes[(unsigned char)s.p[i]]) i++;
    return i;
}

/* By hand: a text may consist of them, and format functions take twenty times as long. */
static void add_control(struct hub_buf *b, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    hub_buf_add(b, text, sizeof text);
}

static void add_escaped(struct hub_buf *b, struct hub_str s) {
    size_t from = 0;
    for (size_t i = hub_json_plain(s); i < s.n; i++) {
        char e = escapes[(unsigned char)s.p[i]];
        if (!e) continue;
        hub_buf_add(b, s.p + from, i - from);
        from = i + 1;
        if (e == 'u')
            add_control(b, (unsigned char)s.p[i]);
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

/* ---- numbers, as ECMAScript's Number::toString writes them ---- */

/* The significant digits of V > 0 without trailing zeros, and the power of ten E so that V = 0.DIGITS *
 * 10^E. */
struct decimal {
    char digits[24];
    int n, e;
};

static bool reads_back(const struct decimal *d, double v) {
    char text[40];
    snprintf(text, sizeof text, "0.%.*se%d", d->n, d->digits, d->e);
    return strtod(text, NULL) == v;
}

/* V rounded to N digits; true when that reads back as V. */
static bool round_to(double v, int n, struct decimal *d) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", n - 1, v);
    d->n = 0;
    char *c = text;
    for (; *c != 'e'; c++)
        if (*c != '.') d->digits[d->n++] = *c;
    d->e = (int)strtol(c + 1, NULL, 10) + 1;
    return strtod(text, NULL) == v;
}

/* The next larger decimal of as many digits. */
static void step_up(struct decimal *d) {
    int i = d->n - 1;
    while (i >= 0 && d->digits[i] == '9') d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1'; /* 99 -> 10, one place up */
        d->e++;
    }
}

/* The shortest decimal that reads back as V. 15 digits always survive the way into a double and back, so
 * when 15 are enough, dropping their zeros gives the shortest; denormals keep fewer. Just below a power of
 * two doubles lie closer: there the neighbour above may read back when the nearest decimal does not. */
static void shortest_decimal(double v, struct decimal *d) {
    for (int n = v < DBL_MIN ? 1 : 15; !round_to(v, n, d) && n < 17; n++) {
        if (n < 15) continue;
        struct decimal up = *d;
        step_up(&up);
        if (reads_back(&up, v)) {
            *d = up;
            break;
        }
    }
    while (d->n > 1 && d->digits[d->n - 1] == '0') d->n--;
}

static void add_zeros(struct hub_buf *b, int n) {
    while (n-- > 0) hub_buf_addc(b, '0');
}

static void add_decimal(struct hub_buf *b, const struct decimal *d) {
    if (d->e > 21 || d->e < -5) { /* 1.5e+21 */
        hub_buf_addc(b, d->digits[0]);
        if (d->n > 1) hub_buf_addc(b, '.'), hub_buf_add(b, d->digits + 1, (size_t)d->n - 1);
        hub_buf_addf(b, "e%+d", d->e - 1);
    } else if (d->e <= 0) { /* 0.0015 */
        hub_buf_addz(b, "0.");
        add_zeros(b, -d->e);
        hub_buf_add(b, d->digits, (size_t)d->n);
    } else if (d->e >= d->n) { /* 1500 */
        hub_buf_add(b, d->digits, (size_t)d->n);
        add_zeros(b, d->e - d->n);
    } else { /* 1.5 */
        hub_buf_add(b, d->digits, (size_t)d->e);
        hub_buf_addc(b, '.');
        hub_buf_add(b, d->digits + d->e, (size_t)(d->n - d->e));
    }
}

void hub_json_add_real(struct hub_buf *b, double v) {
    struct decimal d;
    if (fabs(v) < 1e15 && v == floor(v)) {
        hub_buf_addi(b, (int64_t)v); /* -0 prints as 0, too */
    } else {
        if (v < 0) hub_buf_addc(b, '-');
        shortest_decimal(fabs(v), &d);
        add_decimal(b, &d);
    }
}

void hub_json_add(struct hub_buf *b, const json_t *v) {
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL: hub_buf_add(b, "null", 4); break;
    case JSON_TRUE: hub_buf_add(b, "true", 4); break;
    case JSON_FALSE: hub_buf_add(b, "false", 5); break;
    case JSON_INTEGER: hub_buf_addi(b, json_integer_value(v)); break;
    case JSON_REAL: hub_json_add_real(b, json_real_value(v)); break;
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

json_t *hub_json_get(const json_t *o, const char *key) {
    return o && json_is_object(o) ? json_object_get(o, key) : NULL;
}

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

enum { UNKNOWN_KEYS_MAX = 16 /* that are looked at; an object may have any number */ };

/* A name that is near KEY, and that OBJECT does not have as well. Empty: none. */
static struct hub_str meant_by(const json_t *object, const char *names, struct hub_str key) {
    struct hub_str rest = hub_cstr(names), name;
    size_t most = key.n > 4 ? 2 : 1;
    while (hub_str_split(&rest, ' ', &name)) {
        bool near = hub_str_eq_nocase(name, key) || hub_str_distance(name, key, most + 1) <= most;
        if (near && !json_object_getn(object, name.p, name.n)) return name;
    }
    return hub_str(NULL, 0);
}

const char *hub_json_misspelt(const json_t *object, const char *names, struct hub_str *meant) {
    const char *key;
    json_t *v;
    size_t unknown = 0;
    json_object_foreach((json_t *)object, key, v) {
        if (hub_str_among(hub_cstr(key), names)) continue;
        if (++unknown > UNKNOWN_KEYS_MAX) return NULL;
        *meant = meant_by(object, names, hub_cstr(key));
        if (meant->n) return key;
    }
    return NULL;
}

json_t *hub_json_string(struct hub_str s) {
    json_t *v = json_stringn(s.p ? s.p : "", s.n);
    return v ? v : json_null();
}

void hub_json_set_str(json_t *o, const char *key, struct hub_str s) { json_object_set_new(o, key, hub_json_string(s)); }

/* An integer beyond 2^53 has no double of its own, so the double goes to the integer and not the other way
 * round. */
static bool same_number(const json_t *integer, const json_t *real) {
    double d = json_real_value(real);
    return d >= -0x1p63 && d < 0x1p63 && d == floor(d) && (int64_t)d == json_integer_value(integer);
}

bool hub_json_equal(const json_t *a, const json_t *b) {
    if (json_is_integer(a) && json_is_real(b)) return same_number(a, b);
    if (json_is_real(a) && json_is_integer(b)) return same_number(b, a);
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

bool hub_json_has_nul(const json_t *v) {
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_string(v)) return memchr(json_string_value(v), 0, json_string_length(v)) != NULL;
    json_array_foreach((json_t *)(uintptr_t)v, i, item) if (hub_json_has_nul(item)) return true;
    json_object_foreach((json_t *)(uintptr_t)v, key, item) if (hub_json_has_nul(item)) return true;
    return false;
}

size_t hub_json_cost(const json_t *v) {
    size_t i, cost = 48 + (json_is_string(v) ? json_string_length(v) : 0);
    const char *key;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)v, i, item) cost += hub_json_cost(item);
    json_object_foreach((json_t *)(uintptr_t)v, key, item) cost += 64 + strlen(key) + hub_json_cost(item);
    return cost;
}
