/* Views of bytes. */
#include "base/text/str.h"

#include "base/memory/mem.h"

static char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool hub_str_eq_nocase(struct hub_str a, struct hub_str b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower_ascii(a.p[i]) != lower_ascii(b.p[i])) return false;
    return true;
}

bool hub_str_starts(struct hub_str s, struct hub_str prefix) {
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

bool hub_str_ends(struct hub_str s, struct hub_str suffix) {
    return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

size_t hub_str_find(struct hub_str s, char c) {
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct hub_str hub_str_trim(struct hub_str s) {
    while (s.n && is_space(s.p[0])) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

bool hub_str_split(struct hub_str *rest, char sep, struct hub_str *piece) {
    if (!rest->p) return false;
    size_t at = hub_str_find(*rest, sep);
    *piece = hub_str(rest->p, at);
    if (at == rest->n)
        *rest = hub_str(NULL, 0);
    else
        *rest = hub_str(rest->p + at + 1, rest->n - at - 1);
    return true;
}

bool hub_str_among(struct hub_str s, const char *names) {
    const char *at = names;
    for (size_t i; *at; at += i + 1) { /* by hand: each event is looked at so, and libc takes five times as long */
        for (i = 0; i < s.n && at[i] > ' ' && at[i] == s.p[i];) i++;
        if (i == s.n && (at[i] == ' ' || !at[i])) return true;
        while (at[i] && at[i] != ' ') i++;
        if (!at[i]) return false;
    }
    return false;
}

bool hub_str_u64(struct hub_str s, uint64_t *out) {
    uint64_t v = 0;
    if (!s.n) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v)) return false;
    }
    *out = v;
    return true;
}

bool hub_str_i64(struct hub_str s, int64_t *out) {
    bool neg = s.n && s.p[0] == '-';
    uint64_t v;
    if (!hub_str_u64(neg ? hub_str(s.p + 1, s.n - 1) : s, &v)) return false;
    if (v > (uint64_t)INT64_MAX + (neg ? 1u : 0u)) return false;
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

char *hub_str_dup(struct hub_str s) { return hub_xstrndup(s.n ? s.p : "", s.n); }

static bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool hub_str_is_code_name(struct hub_str s) {
    if (!s.n || s.p[0] < 'a' || s.p[0] > 'z') return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_alnum(s.p[i])) return false;
    return true;
}

bool hub_str_is_id(struct hub_str s) {
    if (!s.n || s.n > 255) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return false;
    return true;
}

bool hub_str_is_topic(struct hub_str s) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(letters, s.p[i])) return false;
    return s.n && s.n <= 249 && !hub_str_is(s, ".") && !hub_str_is(s, "..");
}

/* Two neighbours that have changed places are one edit (optimal string alignment). */
size_t hub_str_distance(struct hub_str a, struct hub_str b, size_t cap) {
    size_t rows[3][65] = {{0}};
    if (a.n > 64 || b.n > 64) return cap;
    for (size_t j = 0; j <= b.n; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower_ascii(a.p[i - 1]), y = lower_ascii(b.p[j - 1]);
            size_t keep = above[j - 1] + (x != y), edit = (above[j] < row[j - 1] ? above[j] : row[j - 1]) + 1;
            row[j] = keep < edit ? keep : edit;
            bool swapped = i > 1 && j > 1 && x == lower_ascii(b.p[j - 2]) && lower_ascii(a.p[i - 2]) == y;
            if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
        }
    }
    size_t distance = rows[a.n % 3][b.n];
    return distance < cap ? distance : cap;
}

uint64_t hub_fingerprint(uint64_t h, struct hub_str s) {
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h;
}
