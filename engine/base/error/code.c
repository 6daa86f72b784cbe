/* The error vocabulary. */
#include "base/error/code.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text/str.h"
#include "base/text/utf8.h"

static const struct {
    const char *name, *text, *word;
    int http;
} codes[HUB_CODE_COUNT] = {
    /* clang-format off */
    [HUB_OK] = {"ok", "OK", "ok", 200},
#define X(ID, NAME, STATUS, TEXT) [HUB_##ID] = {NAME, TEXT, #ID, STATUS},
    HUB_CODES(X)
#undef X
    /* clang-format on */
};

const char *hub_code_name(enum hub_code code) { return codes[code].name; }

const char *hub_code_word(enum hub_code code) { return codes[code].word; }

enum hub_code hub_code_of_word(struct hub_str word) {
    for (int code = HUB_OK; code < HUB_CODE_COUNT; code++)
        if (hub_str_is(word, codes[code].word)) return (enum hub_code)code;
    return HUB_INTERNAL;
}

int hub_code_http(enum hub_code code) { return codes[code].http; }
const char *hub_code_text(enum hub_code code) { return codes[code].text; }
const char *hub_code_fields(enum hub_code code) { return code == HUB_STORE_UNDECIDED ? "\"outcome\":\"unknown\"" : ""; }

static void set_err(struct hub_err *err, enum hub_code code, const char *fmt, va_list ap) {
    if (!err) return;
    struct hub_err made = {.code = code}; /* beside *err: the arguments may quote its text */
    if (!fmt)
        snprintf(made.text, sizeof made.text, "%s", hub_code_text(code));
    else if (vsnprintf(made.text, sizeof made.text, fmt, ap) >= (int)sizeof made.text)
        hub_utf8_trim(made.text);
    *err = made;
}

void hub_err_set(struct hub_err *err, enum hub_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    set_err(err, code, fmt, ap);
    va_end(ap);
}

enum hub_code hub_fail(struct hub_err *err, enum hub_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    set_err(err, code, fmt, ap);
    va_end(ap);
    return code;
}
