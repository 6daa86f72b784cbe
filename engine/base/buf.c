/* The growing byte buffer. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void hub_buf_free(struct hub_buf *b) {
    free(b->p);
    *b = (struct hub_buf){0};
}

char *hub_buf_reserve(struct hub_buf *b, size_t more) {
    if (b->cap - b->n < more) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        while (cap - b->n < more) cap *= 2;
        b->p = hub_xrealloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void hub_buf_addf(struct hub_buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n <= 0) return;
    char *at = hub_buf_reserve(b, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void hub_buf_addu(struct hub_buf *b, uint64_t v) {
    char tmp[20];
    size_t i = sizeof tmp;
    do tmp[--i] = (char)('0' + v % 10), v /= 10;
    while (v);
    hub_buf_add(b, tmp + i, sizeof tmp - i);
}

void hub_buf_addi(struct hub_buf *b, int64_t v) {
    if (v < 0) hub_buf_addc(b, '-');
    hub_buf_addu(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void hub_buf_drop(struct hub_buf *b, size_t n) {
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

const char *hub_buf_cstr(struct hub_buf *b) {
    *hub_buf_reserve(b, 1) = 0;
    return b->p;
}

char *hub_buf_take(struct hub_buf *b, size_t *n) {
    hub_buf_cstr(b);
    char *p = b->p;
    if (n) *n = b->n;
    *b = (struct hub_buf){0};
    return p;
}

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct hub_buf *b, struct hub_str s, const char *alphabet, bool pad) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    for (; i + 3 <= s.n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        char *o = hub_buf_reserve(b, 4);
        o[0] = alphabet[v >> 18], o[1] = alphabet[v >> 12 & 63], o[2] = alphabet[v >> 6 & 63], o[3] = alphabet[v & 63];
        b->n += 4;
    }
    if (i == s.n) return;
    uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < s.n ? (uint32_t)p[i + 1] << 8 : 0);
    hub_buf_addc(b, alphabet[v >> 18]);
    hub_buf_addc(b, alphabet[v >> 12 & 63]);
    if (i + 1 < s.n) hub_buf_addc(b, alphabet[v >> 6 & 63]);
    if (pad) hub_buf_add(b, "==", i + 1 < s.n ? 1 : 2);
}

static bool decode(struct hub_buf *b, struct hub_str s, const char *alphabet) {
    size_t start = b->n;
    uint32_t acc = 0;
    unsigned bits = 0;
    while (s.n && s.p[s.n - 1] == '=') s.n--;
    if (s.n % 4 == 1) return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? memchr(alphabet, s.p[i], 64) : NULL;
        if (!at) {
            b->n = start;
            return false;
        }
        acc = (acc << 6 | (uint32_t)(at - alphabet)) & 0xffffff;
        bits += 6;
        if (bits >= 8) bits -= 8, hub_buf_addc(b, (char)(acc >> bits & 0xff));
    }
    return true;
}

void hub_buf_add_base64(struct hub_buf *b, struct hub_str s) { encode(b, s, plain, true); }
void hub_buf_add_base64url(struct hub_buf *b, struct hub_str s) { encode(b, s, url, false); }
bool hub_buf_add_unbase64(struct hub_buf *b, struct hub_str s) { return decode(b, s, plain); }
bool hub_buf_add_unbase64url(struct hub_buf *b, struct hub_str s) { return decode(b, s, url); }

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hub_buf_add_unescaped(struct hub_buf *b, struct hub_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            hub_buf_addc(b, s.p[i]);
            continue;
        }
        if (s.n - i < 3 || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0) return false;
        hub_buf_addc(b, (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])));
        i += 2;
    }
    return true;
}
