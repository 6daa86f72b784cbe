/* Memory, buffers, ids and small questions to JSON. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void *hubc_alloc(size_t n) {
    void *p = calloc(1, n ? n : 1);
    if (!p) abort();
    return p;
}

char *hubc_copy(const char *s) {
    if (!s) return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(hubc_alloc(n), s, n);
}

void hubc_buf_add(struct hubc_buf *b, const void *data, size_t n) {
    if (b->len + n + 1 > b->size) {
        size_t size = (b->len + n + 1) * 3 / 2;
        char *at = realloc(b->at, size);
        if (!at) abort();
        b->at = at;
        b->size = size;
    }
    if (n) memcpy(b->at + b->len, data, n);
    b->len += n;
    b->at[b->len] = 0;
}

void hubc_buf_text(struct hubc_buf *b, const char *s) { hubc_buf_add(b, s, strlen(s)); }

void hubc_buf_free(struct hubc_buf *b) {
    free(b->at);
    *b = (struct hubc_buf){0};
}

static void fill_random(void *at, size_t n) {
    if (getrandom(at, n, 0) != (ssize_t)n) abort(); /* whole for so few bytes, once the kernel has started */
}

void hubc_new_id(char id[HUBC_ID]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    fill_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        id[i * 2] = digits[bytes[i] >> 4];
        id[i * 2 + 1] = digits[bytes[i] & 15];
    }
    id[HUBC_ID - 1] = 0;
}

int64_t hubc_random(int64_t most) {
    uint32_t n;
    fill_random(&n, sizeof n);
    return most > 0 ? (int64_t)((double)n / UINT32_MAX * (double)most) : 0;
}

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

bool hubc_base64url(struct hubc_buf *out, const char *text, size_t n) {
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0) return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        char byte = (char)(bits >> have & 255);
        hubc_buf_add(out, &byte, 1);
    }
    return true;
}

json_t *hubc_json(const char *text, size_t n) {
    json_error_t error;
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow)
        value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    return value;
}

const char *hubc_text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

int64_t hubc_int_of(const json_t *object, const char *key, int64_t missing) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : missing;
}
