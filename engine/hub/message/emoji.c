/* Reactions: emoji as Unicode TS #51 (ED-15 to ED-17) composes them, out of the ranges that hold emoji,
 * and names. */
#include "hub/message/message.h"

#include <stddef.h>
#include <stdint.h>

#include "base/memory/mem.h"
#include "hub/message/emoji.h"

enum { ZWJ = 0x200D, PICTURE = 0xFE0F, KEYCAP = 0x20E3, TAG_FIRST = 0xE0020, TAG_LAST = 0xE007E, TAG_END = 0xE007F };

/* Where emoji stand. Blocks that hold little else are taken as a whole, so that those of the next years
 * need no new table. */
static const struct {
    uint32_t from, to;
} bases[] = {
    {0x00A9, 0x00A9},   {0x00AE, 0x00AE},   {0x203C, 0x203C},   {0x2049, 0x2049},   {0x2122, 0x2122},
    {0x2139, 0x2139},   {0x2194, 0x2199},   {0x21A9, 0x21AA},   {0x231A, 0x231B},   {0x2328, 0x2328},
    {0x23CF, 0x23CF},   {0x23E9, 0x23F3},   {0x23F8, 0x23FA},   {0x24C2, 0x24C2},   {0x25AA, 0x25AB},
    {0x25B6, 0x25B6},   {0x25C0, 0x25C0},   {0x25FB, 0x25FE},   {0x2600, 0x27BF},   {0x2934, 0x2935},
    {0x2B05, 0x2B07},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x3030, 0x3030},
    {0x303D, 0x303D},   {0x3297, 0x3297},   {0x3299, 0x3299},   {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF},
    {0x1F170, 0x1F171}, {0x1F17E, 0x1F17F}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F201, 0x1F202},
    {0x1F21A, 0x1F21A}, {0x1F22F, 0x1F22F}, {0x1F232, 0x1F23A}, {0x1F250, 0x1F251}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F7F0, 0x1F7F0}, {0x1F900, 0x1F9FF}, {0x1FA70, 0x1FAFF},
};

/* The next code point of valid UTF-8, taken off S; 0 at the end. */
static uint32_t next_point(struct hub_str *s) {
    static const unsigned char first[] = {0, 0x7F, 0x1F, 0x0F, 0x07}; /* bits of the first byte, by length */
    if (!s->n) return 0;
    unsigned char c = (unsigned char)s->p[0];
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (n > s->n) n = s->n; /* never with valid text */
    uint32_t v = c & first[n];
    for (size_t i = 1; i < n; i++) v = v << 6 | ((unsigned char)s->p[i] & 0x3F);
    *s = hub_str(s->p + n, s->n - n);
    return v;
}

static uint32_t peek_point(struct hub_str s) { return next_point(&s); }

static bool take_between(struct hub_str *s, uint32_t from, uint32_t to) {
    uint32_t c = peek_point(*s);
    if (c < from || c > to) return false;
    next_point(s);
    return true;
}

static bool is_base(uint32_t c) {
    for (size_t i = 0; i < HUB_NELEM(bases); i++)
        if (c >= bases[i].from && c <= bases[i].to) return true;
    return false;
}

/* A digit, # or * in a key. */
static bool take_keycap(struct hub_str *s) {
    next_point(s);
    take_between(s, PICTURE, PICTURE);
    return take_between(s, KEYCAP, KEYCAP);
}

/* What stands between joiners: a flag of two letters, or a base with a skin tone, a presentation or tags. */
static bool take_element(struct hub_str *s) {
    uint32_t c = peek_point(*s);
    if ((c >= '0' && c <= '9') || c == '#' || c == '*') return take_keycap(s);
    if (take_between(s, 0x1F1E6, 0x1F1FF)) return take_between(s, 0x1F1E6, 0x1F1FF);
    if (!is_base(c)) return false;
    next_point(s);
    take_between(s, PICTURE, PICTURE);
    take_between(s, 0x1F3FB, 0x1F3FF);
    take_between(s, PICTURE, PICTURE);
    if (!take_between(s, TAG_FIRST, TAG_LAST)) return true;
    while (take_between(s, TAG_FIRST, TAG_LAST)) {}
    return take_between(s, TAG_END, TAG_END);
}

static bool is_name(struct hub_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-')) return false;
    }
    return s.n > 0;
}

bool hub_emoji_ok(struct hub_str s) {
    if (s.n > HUB_EMOJI_MAX) return false;
    if (is_name(s)) return true;
    do {
        if (!take_element(&s)) return false;
    } while (take_between(&s, ZWJ, ZWJ));
    return !s.n;
}

/* The next code point that is no U+FE0F; 0 at the end. */
static uint32_t next_telling(struct hub_str *s) {
    uint32_t c;
    while ((c = next_point(s)) == PICTURE) {}
    return c;
}

bool hub_emoji_same(struct hub_str a, struct hub_str b) {
    for (uint32_t c; (c = next_telling(&a)) == next_telling(&b);)
        if (!c) return true;
    return false;
}
