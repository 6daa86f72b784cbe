/* What C does not bring: memory that is there or ends the process, a buffer that grows, random ids,
 * base64url. Internal names of the library begin with hubc_; only hubd_* is exported. */
#ifndef HUBC_TEXT_H
#define HUBC_TEXT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, never NULL; free() it. */
void *hubc_alloc(size_t n) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* A copy of S, NUL-terminated; NULL of NULL. free() it. */
char *hubc_copy(const char *s) __attribute__((warn_unused_result));

struct hubc_buf {
    char *at; /* NUL-terminated once something was added */
    size_t len, size;
};
void hubc_buf_add(struct hubc_buf *b, const void *data, size_t n);
void hubc_buf_text(struct hubc_buf *b, const char *s);
void hubc_buf_free(struct hubc_buf *b);

enum { HUBC_ID = 33 };
/* 128 random bits in hexadecimal. */
void hubc_new_id(char id[HUBC_ID]);
/* From 0 to MOST. */
int64_t hubc_random(int64_t most);

/* Decodes base64url without padding. False: it is none. */
bool hubc_base64url(struct hubc_buf *out, const char *text, size_t n);

/* JSON of any kind, also with numbers that are too large for an integer (as reals). NULL: none. */
json_t *hubc_json(const char *text, size_t n) __attribute__((warn_unused_result));
/* The members of an object, or what stands for "it is not there": NULL, MISSING. */
const char *hubc_text_of(const json_t *object, const char *key);
int64_t hubc_int_of(const json_t *object, const char *key, int64_t missing);
#endif
