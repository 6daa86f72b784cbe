/* UTF-8: whether it is, how long it is, where it may be cut. */
#include "base/text/utf8.h"

#include <string.h>

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
