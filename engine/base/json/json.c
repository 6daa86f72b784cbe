/* JSON on jansson. */
#include "base/json/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/error/did_you_mean.h"
#include "base/text/utf8.h"

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

/* Of the eight bytes at P, the first one that is to be escaped; 8: none. */
static size_t plain_of_eight(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    uint64_t found = HAS_BELOW(w, 0x20) | HAS_ZERO(w ^ EACH('"')) | HAS_ZERO(w ^ EACH('\\'));
    if (!found) return 8;
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        return (size_t)__builtin_ctzll(found) / 8; /* only the first is sure */
    size_t i = 0;
    while (!escapes[(unsigned char)p[i]]) i++;
    return i;
}

#ifdef __SSE2__
/* The same of sixteen. */
static size_t plain_of_sixteen(const char *p) {
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p), last = _mm_set1_epi8(0x1f);
    __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(b, last), last);
    __m128i special = _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('"')), _mm_cmpeq_epi8(b, _mm_set1_epi8('\\')));
    return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(_mm_or_si128(control, special)) | 1u << 16);
}
#else
static size_t plain_of_sixteen(const char *p) {
    size_t n = plain_of_eight(p);
    return n < 8 ? n : n + plain_of_eight(p + 8);
}
#endif

size_t hub_json_plain(struct hub_str s) {
    size_t i = 0, n;
    for (; s.n - i >= 16; i += 16)
        if ((n = plain_of_sixteen(s.p + i)) < 16) return i + n;
    if (s.n >= 16) return s.n - 16 + plain_of_sixteen(s.p + s.n - 16); /* what was looked at before is plain */
    for (; s.n - i >= 8; i += 8)
        if ((n = plain_of_eight(s.p + i)) < 8) return i + n;
    if (s.n >= 8) return s.n - 8 + plain_of_eight(s.p + s.n - 8);
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

/* In one piece where nothing is to be escaped, as in nearly all texts. */
void hub_json_add_utf8(struct hub_buf *b, struct hub_str s) {
    char *at = hub_buf_reserve(b, s.n + 2);
    size_t plain = hub_json_plain(s);
    *at++ = '"';
    if (plain) memcpy(at, s.p, plain);
    b->n += 1 + plain;
    if (plain < s.n) add_escaped(b, hub_str(s.p + plain, s.n - plain));
    hub_buf_addc(b, '"');
}

void hub_json_add_string(struct hub_buf *b, struct hub_str s) {
    if (hub_utf8_valid(s)) {
        hub_json_add_utf8(b, s);
        return;
    }
    hub_buf_addc(b, '"');
    while (!hub_utf8_valid(s)) {
        size_t good = hub_utf8_prefix(s);
        add_escaped(b, hub_str(s.p, good));
        hub_buf_addz(b, HUB_UTF8_INSTEAD);
        s = hub_str(s.p + good + 1, s.n - good - 1);
    }
    add_escaped(b, s);
    hub_buf_addc(b, '"');
}

void hub_json_add_key(struct hub_buf *b, const char *key) {
    size_t n = strlen(key);
    char *at = hub_buf_reserve(b, n + 3);
    *at = '"';
    memcpy(at + 1, key, n);
    memcpy(at + 1 + n, "\":", 2);
    b->n += n + 3;
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

bool hub_json_is_deeper(const json_t *v, int left) {
    json_t *child;
    const char *key;
    size_t i;
    if (!json_is_object(v) && !json_is_array(v)) return false;
    if (!left) return true;
    json_object_foreach((json_t *)(uintptr_t)v, key, child) if (hub_json_is_deeper(child, left - 1)) return true;
    json_array_foreach(v, i, child) if (hub_json_is_deeper(child, left - 1)) return true;
    return false;
}

/* Unless what was written has an exponent, and so comes back as a real anyway. */
static void add_fraction(struct hub_buf *b, double v) {
    if (v == floor(v) && fabs(v) < 1e21) hub_buf_add(b, ".0", 2);
}

static void add_json_value(struct hub_buf *b, const json_t *v, bool exact) {
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL: hub_buf_add(b, "null", 4); break;
    case JSON_TRUE: hub_buf_add(b, "true", 4); break;
    case JSON_FALSE: hub_buf_add(b, "false", 5); break;
    case JSON_INTEGER: hub_buf_addi(b, json_integer_value(v)); break;
    case JSON_REAL:
        hub_json_add_real(b, json_real_value(v));
        if (exact) add_fraction(b, json_real_value(v));
        break;
    case JSON_STRING: /* jansson only holds valid UTF-8 */ hub_json_add_utf8(b, hub_json_str(v)); break;
    case JSON_ARRAY: {
        size_t n = json_array_size(v);
        hub_buf_addc(b, '[');
        for (size_t i = 0; i < n; i++) {
            if (i) hub_buf_addc(b, ',');
            add_json_value(b, json_array_get(v, i), exact);
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
            hub_json_add_utf8(b, hub_str(json_object_iter_key(it), json_object_iter_key_len(it)));
            hub_buf_addc(b, ':');
            add_json_value(b, json_object_iter_value(it), exact);
        }
        hub_buf_addc(b, '}');
        break;
    }
    }
}

void hub_json_add(struct hub_buf *b, const json_t *v) { add_json_value(b, v, false); }
void hub_json_add_exact(struct hub_buf *b, const json_t *v) { add_json_value(b, v, true); }

struct hub_str hub_json_str(const json_t *v) {
    return v && json_is_string(v) ? hub_str(json_string_value(v), json_string_length(v)) : hub_str(NULL, 0);
}

#define FEW_KEYS 4 /* looking at so many takes less than hashing one */

static HUB_MUST json_t *get_of_few(json_t *o, const char *key) {
    size_t n = strlen(key);
    for (void *it = json_object_iter(o); it; it = json_object_iter_next(o, it)) {
        if (json_object_iter_key_len(it) == n && !memcmp(json_object_iter_key(it), key, n))
            return json_object_iter_value(it);
    }
    return NULL;
}

json_t *hub_json_get(const json_t *o, const char *key) {
    return !o || !json_is_object(o)          ? NULL
           : json_object_size(o) <= FEW_KEYS ? get_of_few((json_t *)(uintptr_t)o, key)
                                             : json_object_get(o, key);
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
    struct hub_nearest near = {.word = key, .most = key.n > 4 ? 2 : 1};
    struct hub_str rest = hub_cstr(names), name;
    while (hub_str_split(&rest, ' ', &name))
        if (!json_object_getn(object, name.p, name.n)) hub_nearest_try_str(&near, name);
    return hub_str(near.best, near.best_n);
}

const char *hub_json_misspelt(const json_t *object, const char *names, struct hub_str *meant) {
    json_t *o = (json_t *)(uintptr_t)object;
    size_t unknown = 0;
    for (void *it = json_object_iter(o); it; it = json_object_iter_next(o, it)) {
        const char *key = json_object_iter_key(it);
        if (hub_str_among(hub_str(key, json_object_iter_key_len(it)), names)) continue;
        if (++unknown > UNKNOWN_KEYS_MAX) return NULL;
        *meant = meant_by(object, names, hub_cstr(key));
        if (meant->n) return key;
    }
    return NULL;
}

json_t *hub_json_string(struct hub_str s) {
    return hub_utf8_valid(s) ? json_stringn_nocheck(s.p ? s.p : "", s.n) : json_null();
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
    size_t i, n;
    const char *key;
    json_t *item;
    if (json_is_string(v)) return memchr(json_string_value(v), 0, json_string_length(v)) != NULL;
    json_array_foreach((json_t *)(uintptr_t)v, i, item) if (hub_json_has_nul(item)) return true;
    json_object_keylen_foreach((json_t *)(uintptr_t)v, key, n,
                               item) if (memchr(key, 0, n) || hub_json_has_nul(item)) return true;
    return false;
}

/* What jansson and the allocator take for a value itself: an empty array has room for 8 values, an empty
 * object 8 buckets, and true, false and null are there once for all. */
static size_t own_cost(const json_t *v) {
    size_t n = json_array_size(v);
    if (json_is_string(v)) return 80 + json_string_length(v);
    if (json_is_array(v)) return 128 + (n > 8 ? 2 * n * sizeof v : 0);
    return json_is_object(v) ? 224 : json_is_number(v) ? 32 : 0;
}

#define MEMBER_COST 96 /* and its key */

size_t hub_json_cost(const json_t *v) {
    size_t i, cost = own_cost(v);
    const char *key;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)v, i, item) cost += hub_json_cost(item);
    json_object_foreach((json_t *)(uintptr_t)v, key, item) cost += MEMBER_COST + strlen(key) + hub_json_cost(item);
    return cost;
}
