/* Views of bytes. */
#include "base/str.h"

#include "base/mem.h"

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

/* Length of the UTF-8 sequence at the start of P, or 0 when it is not one. */
static size_t utf8_step(const unsigned char *p, size_t n) {
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2) return 0;
    if (p[0] < 0xe0) return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] < 0xf0) {
        if (n < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) return 0;
        if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
        if (p[0] == 0xed && p[1] > 0x9f) return 0; /* surrogate */
        return 3;
    }
    if (p[0] > 0xf4 || n < 4) return 0;
    if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return 4;
}

/* Of fewer than eight bytes. */
static bool is_short_ascii(const unsigned char *p, size_t n) {
    uint32_t first, last;
    unsigned char all = 0;
    for (size_t i = 0; n < 4 && i < n; i++) all |= p[i];
    if (n < 4) return all < 0x80;
    memcpy(&first, p, 4);
    memcpy(&last, p + n - 4, 4);
    return ((first | last) & 0x80808080u) == 0;
}

static uint64_t eight_bytes(const unsigned char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

#define HIGH_BITS 0x8080808080808080u

/* How many bytes at the start are ASCII, in steps of 32, 8, or all of them: nearly all traffic is. */
static size_t ascii_prefix(const unsigned char *p, size_t n) {
    size_t i = 0;
    if (n < 8) return is_short_ascii(p, n) ? n : 0;
    while (n - i >= 32 &&
           !((eight_bytes(p + i) | eight_bytes(p + i + 8) | eight_bytes(p + i + 16) | eight_bytes(p + i + 24)) &
             HIGH_BITS))
        i += 32;
    while (n - i >= 8 && !(eight_bytes(p + i) & HIGH_BITS)) i += 8;
    return n - i < 8 && !(eight_bytes(p + n - 8) & HIGH_BITS) ? n : i;
}

bool hub_utf8_valid(struct hub_str s) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        i += ascii_prefix(p + i, s.n - i);
        if (i == s.n) return true;
        size_t step = utf8_step(p + i, s.n - i);
        if (!step) return false;
        i += step;
    }
    return true;
}

size_t hub_utf8_len(struct hub_str s) {
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++) count += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return count;
}

size_t hub_utf8_prefix(struct hub_str s) {
    size_t i = 0, step;
    while (i < s.n && (step = utf8_step((const unsigned char *)s.p + i, s.n - i))) i += step;
    return i;
}

void hub_utf8_trim(char *text) {
    size_t n = strlen(text), at = n, behind;
    while (at && n - at < 4 && ((unsigned char)text[at - 1] & 0xc0) == 0x80) at--;
    if (!at) return;
    unsigned char first = (unsigned char)text[at - 1];
    behind = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    if (n - at < behind) text[at - 1] = 0;
}

struct hub_str hub_utf8_cut(struct hub_str s, size_t most) {
    if (s.n <= most) return s;
    while (most && ((unsigned char)s.p[most] & 0xc0) == 0x80) most--;
    return hub_str(s.p, most);
}

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

size_t hub_str_distance(struct hub_str a, struct hub_str b, size_t cap) {
    size_t row[65];
    if (a.n > 64 || b.n > 64) return cap;
    for (size_t j = 0; j <= b.n; j++) row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diag = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t keep = diag + (lower_ascii(a.p[i - 1]) != lower_ascii(b.p[j - 1]));
            diag = row[j];
            size_t edit = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = keep < edit ? keep : edit;
        }
    }
    return row[b.n] < cap ? row[b.n] : cap;
}

uint64_t hub_fingerprint(uint64_t h, struct hub_str s) {
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h;
}
