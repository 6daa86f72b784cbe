/* The growing byte buffer. */
#include "base/text/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"

void hub_buf_free(struct hub_buf *b) {
    free(b->p);
    *b = (struct hub_buf){0};
}

void hub_buf_fit(struct hub_buf *b) {
    if (b->n) b->p = hub_xrealloc(b->p, b->cap = b->n);
}

void hub_buf_grow(struct hub_buf *b, size_t more) {
    size_t cap = b->cap ? b->cap * 2 : 64;
    while (cap - b->n < more) cap *= 2;
    b->p = hub_xrealloc(b->p, cap);
    b->cap = cap;
}

#define FORMATTED_USUALLY 64u /* bytes, with the NUL behind */

/* Once, when there is room for it: it takes longer than all else that is done to buffers. One that
 * has bytes grows by no more than is needed, for some lie on the stack. */
void hub_buf_addf(struct hub_buf *b, const char *fmt, ...) {
    va_list ap;
    if (!b->cap) hub_buf_grow(b, FORMATTED_USUALLY);
    size_t room = b->cap - b->n;
    va_start(ap, fmt);
    int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    if ((size_t)n >= room) {
        char *at = hub_buf_reserve(b, (size_t)n + 1);
        va_start(ap, fmt);
        vsnprintf(at, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    b->n += (size_t)n;
}

/* V before END; where it begins. */
static HUB_MUST char *put_digits(char *end, uint64_t v) {
    do *--end = (char)('0' + v % 10);
    while (v /= 10);
    return end;
}

static uint64_t without_sign(int64_t v) { return v < 0 ? 0 - (uint64_t)v : (uint64_t)v; }

struct hub_str hub_int_text(char out[HUB_INT_TEXT], int64_t v) {
    char *end = out + HUB_INT_TEXT, *p = put_digits(end, without_sign(v));
    if (v < 0) *--p = '-';
    return hub_str(p, (size_t)(end - p));
}

void hub_buf_addu(struct hub_buf *b, uint64_t v) {
    char text[HUB_INT_TEXT], *end = text + sizeof text, *p = put_digits(end, v);
    hub_buf_add(b, p, (size_t)(end - p));
}

void hub_buf_addi(struct hub_buf *b, int64_t v) {
    char text[HUB_INT_TEXT];
    hub_buf_adds(b, hub_int_text(text, v));
}

void hub_buf_add_valid(struct hub_buf *b, struct hub_str s) {
    for (size_t good; (good = hub_utf8_prefix(s)) < s.n; s = hub_str(s.p + good + 1, s.n - good - 1)) {
        hub_buf_add(b, s.p, good);
        hub_buf_addz(b, HUB_UTF8_INSTEAD);
    }
    hub_buf_adds(b, s);
}

void hub_buf_add_utf8(struct hub_buf *b, uint32_t c) {
    if (c < 0x80) {
        hub_buf_addc(b, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3; /* bytes behind the first, six bits each */
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    hub_buf_addc(b, (char)(first[more] | c >> 6 * more));
    while (more--) hub_buf_addc(b, (char)(0x80 | (c >> 6 * more & 0x3f)));
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

static void encode_base64(struct hub_buf *b, struct hub_str s, const char *alphabet, bool pad) {
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

/* Value of each character plus one; 0 = not in the alphabet. */
#define COMMON                                                                                                     \
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, \
    ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19,    \
    ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,    \
    ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37,    \
    ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,    \
    ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,    \
    ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62
static const unsigned char plain_values[256] = {COMMON, ['+'] = 63, ['/'] = 64};
static const unsigned char url_values[256] = {COMMON, ['-'] = 63, ['_'] = 64};
#define BLANK 65
#define PADDING 66
static const unsigned char lenient_values[256] = {
    COMMON,        ['+'] = 63,     ['/'] = 64,     ['-'] = 63,     ['_'] = 64,
    [' '] = BLANK, ['\t'] = BLANK, ['\r'] = BLANK, ['\n'] = BLANK, ['='] = PADDING};
#undef COMMON

static bool decode_base64(struct hub_buf *b, struct hub_str s, const unsigned char table[256]) {
    if (s.n % 4 == 0)
        for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++) s.n--;
    if (s.n % 4 == 1) return false;
    char *out = hub_buf_reserve(b, s.n / 4 * 3 + 3);
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char v = table[(unsigned char)s.p[i]];
        if (!v) return false;
        acc = acc << 6 | (v - 1u);
        bits += 6;
        if (bits >= 8) bits -= 8, *out++ = (char)(acc >> bits);
    }
    if (acc & ((1u << bits) - 1))
        return false; /* bits that no byte takes up: the same bytes would have several spellings */
    b->n = (size_t)(out - b->p);
    return true;
}

bool hub_buf_add_unbase64_lenient(struct hub_buf *b, struct hub_str s) {
    char *out = hub_buf_reserve(b, s.n / 4 * 3 + 3);
    uint32_t acc = 0;
    unsigned bits = 0;
    bool padded = false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char v = lenient_values[(unsigned char)s.p[i]];
        if (v == BLANK) continue;
        if (v == PADDING) {
            padded = true;
            continue;
        }
        if (!v || padded) return false;
        acc = acc << 6 | (v - 1u);
        bits += 6;
        if (bits >= 8) bits -= 8, *out++ = (char)(acc >> bits);
    }
    if (bits == 6) return false; /* one character alone */
    b->n = (size_t)(out - b->p);
    return true;
}

void hub_buf_add_base64(struct hub_buf *b, struct hub_str s) { encode_base64(b, s, plain, true); }
void hub_buf_add_base64url(struct hub_buf *b, struct hub_str s) { encode_base64(b, s, url, false); }
bool hub_buf_add_unbase64(struct hub_buf *b, struct hub_str s) { return decode_base64(b, s, plain_values); }
bool hub_buf_add_unbase64url(struct hub_buf *b, struct hub_str s) { return decode_base64(b, s, url_values); }

static int hex_digit(char c) {
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
        if (s.n - i < 3 || hex_digit(s.p[i + 1]) < 0 || hex_digit(s.p[i + 2]) < 0) return false;
        hub_buf_addc(b, (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2])));
        i += 2;
    }
    return true;
}

bool hub_buf_add_form(struct hub_buf *b, struct hub_str text) {
    struct hub_str rest = text, piece;
    for (bool first = true; hub_str_split(&rest, '+', &piece); first = false) {
        if (!first) hub_buf_addc(b, ' ');
        if (!hub_buf_add_unescaped(b, piece)) return false;
    }
    return true;
}

void hub_buf_add_le(struct hub_buf *b, uint64_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) hub_buf_addc(b, (char)(v >> (8 * i) & 0xff));
}

uint64_t hub_read_le(const char *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = bytes; i-- > 0;) v = v << 8 | (unsigned char)p[i];
    return v;
}
