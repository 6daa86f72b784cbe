/* Characters that look like another one, or like nothing. */
#include "base/text/odd_character.h"

#include <stdint.h>
#include <stdio.h>

static const struct {
    uint32_t from, to;
    const char *name;
    bool letter; /* odd only beside Latin letters */
} odd[] = {
    {0x00a0, 0x00a0, "a no-break space", false},       {0x00ad, 0x00ad, "a soft hyphen", false},
    {0x037e, 0x037e, "a Greek question mark", false},  {0x0370, 0x03ff, "a Greek letter", true},
    {0x0400, 0x052f, "a Cyrillic letter", true},       {0x2000, 0x200a, "a typographic space", false},
    {0x200b, 0x200b, "a zero-width space", false},     {0x200c, 0x200f, "an invisible mark", false},
    {0x2010, 0x2015, "a typographic dash", false},     {0x2018, 0x201f, "a typographic quote", false},
    {0x2028, 0x202e, "an invisible mark", false},      {0x202f, 0x202f, "a narrow no-break space", false},
    {0x2060, 0x2064, "an invisible mark", false},      {0x2212, 0x2212, "a typographic minus", false},
    {0x3000, 0x3000, "an ideographic space", false},   {0xfeff, 0xfeff, "a byte order mark", false},
    {0xff01, 0xff5e, "a full-width character", false},
};

/* The character at the beginning of S, and its bytes. */
static uint32_t first_character(struct hub_str s, size_t *n) {
    unsigned char c = (unsigned char)s.p[0];
    *n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*n > s.n) *n = 1;
    uint32_t v = *n == 1 ? c : c & (0xffu >> (*n + 1));
    for (size_t i = 1; i < *n; i++) v = v << 6 | ((unsigned char)s.p[i] & 0x3f);
    return v;
}

static bool is_latin(struct hub_str s, size_t at) {
    unsigned char c = at < s.n ? (unsigned char)s.p[at] : 0;
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool describe_odd(struct hub_str s, size_t at, struct hub_odd_character *out) {
    size_t n;
    uint32_t c = first_character(hub_str(s.p + at, s.n - at), &n);
    for (size_t i = 0; c >= 0x80 && i < sizeof odd / sizeof *odd; i++) {
        if (c < odd[i].from || c > odd[i].to) continue;
        if (odd[i].letter && !is_latin(s, at + n) && !(at && is_latin(s, at - 1))) return false;
        snprintf(out->text, sizeof out->text, "%s (U+%04X)", odd[i].name, (unsigned)c);
        out->name = out->text, out->at = at, out->n = n;
        return true;
    }
    return false;
}

bool hub_odd_at(struct hub_str s, struct hub_odd_character *out) { return s.n && describe_odd(s, 0, out); }

bool hub_odd_character(struct hub_str s, struct hub_odd_character *out) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0xc0 && describe_odd(s, i, out)) return true;
    return false;
}
