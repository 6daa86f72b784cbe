/* An owned, growing byte buffer. Zero-initialised is empty and valid: struct hub_buf b = {0};
 * Appending never fails (see mem.h). The bytes are not NUL-terminated unless hub_buf_cstr was called last. */
#ifndef HUB_BASE_BUF_H
#define HUB_BASE_BUF_H
#include "base/text/str.h"

struct hub_buf {
    char *p;
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
};

void hub_buf_free(struct hub_buf *b); /* leaves it empty and usable */
void hub_buf_fit(struct hub_buf *b);  /* what is to be kept, and does not grow any more, takes no more than its bytes */
void hub_buf_grow(struct hub_buf *b, size_t more); /* what hub_buf_reserve does when there is not enough room */
/* Makes room for MORE bytes beyond n and returns where they go; the caller adds to n what it wrote. */
static inline char *hub_buf_reserve(struct hub_buf *b, size_t more) {
    if (__builtin_expect(b->cap - b->n < more, 0)) hub_buf_grow(b, more);
    return b->p + b->n;
}
static inline struct hub_str hub_buf_str(const struct hub_buf *b) { return hub_str(b->p, b->n); }
static inline void hub_buf_clear(struct hub_buf *b) { b->n = 0; }
static inline void hub_buf_add(struct hub_buf *b, const void *p, size_t n) {
    if (n) memcpy(hub_buf_reserve(b, n), p, n), b->n += n;
}
static inline void hub_buf_adds(struct hub_buf *b, struct hub_str s) { hub_buf_add(b, s.p, s.n); }
static inline void hub_buf_addz(struct hub_buf *b, const char *s) { hub_buf_add(b, s, strlen(s)); }
static inline void hub_buf_addc(struct hub_buf *b, char c) { *hub_buf_reserve(b, 1) = c, b->n++; }
void hub_buf_addf(struct hub_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define HUB_INT_TEXT 24
/* V in decimal, a view into OUT: for who needs the text, without a buffer. */
struct hub_str hub_int_text(char out[HUB_INT_TEXT], int64_t v);
void hub_buf_addu(struct hub_buf *b, uint64_t v); /* decimal */
void hub_buf_addi(struct hub_buf *b, int64_t v);
/* One code point (up to U+10FFFF, no surrogate) as UTF-8. */
void hub_buf_add_utf8(struct hub_buf *b, uint32_t code_point);
/* S with U+FFFD for each byte that belongs to no character. */
void hub_buf_add_valid(struct hub_buf *b, struct hub_str s);
#define HUB_UTF8_INSTEAD "\xef\xbf\xbd"
/* Removes the first N bytes, moving the rest down. */
void hub_buf_drop(struct hub_buf *b, size_t n);
const char *hub_buf_cstr(struct hub_buf *b); /* terminated; valid until the next change */
/* The bytes, NUL-terminated, now the caller's to free(); leaves the buffer empty. */
HUB_MUST char *hub_buf_take(struct hub_buf *b, size_t *n);
/* Base64 (RFC 4648). URL form has no padding. Decoding accepts text with or without padding; false on any
 * other character or length and on stray bits in the last character (3.5), and then nothing was appended. */
void hub_buf_add_base64(struct hub_buf *b, struct hub_str bytes);
void hub_buf_add_base64url(struct hub_buf *b, struct hub_str bytes);
bool hub_buf_add_unbase64(struct hub_buf *b, struct hub_str text);
bool hub_buf_add_unbase64url(struct hub_buf *b, struct hub_str text);
/* As MIME decoders read it: both alphabets, white space anywhere, any number of '=' at the end, stray
 * bits. For bytes whose spelling proves nothing. False on other characters, text behind the padding, and
 * half a byte; then nothing was appended. */
bool hub_buf_add_unbase64_lenient(struct hub_buf *b, struct hub_str text);
/* Percent-decoding of a URI component; '+' stays. False on a broken escape. */
bool hub_buf_add_unescaped(struct hub_buf *b, struct hub_str text);
/* The same of a name or value of a query, where '+' is a space. */
bool hub_buf_add_form(struct hub_buf *b, struct hub_str text);

/* V, little endian, in the number of BYTES (1 to 8) that the other side knows of; and what was written so. */
void hub_buf_add_le(struct hub_buf *b, uint64_t v, unsigned bytes);
uint64_t hub_read_le(const char *p, unsigned bytes);
#endif
