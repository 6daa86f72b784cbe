/* Structured logs. Each line is built whole and written with one write(2), so threads do not interleave. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

static enum hub_log_level max_level = HUB_LOG_INFO;
static bool as_json;
static const char *const names[] = {"error", "warn", "info", "debug"};

void hub_log_setup(enum hub_log_level level, bool json) { max_level = level, as_json = json; }

bool hub_log_level_parse(const char *name, enum hub_log_level *out) {
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) return *out = (enum hub_log_level)i, true;
    return false;
}

bool hub_log_on(enum hub_log_level level) { return level <= max_level; }

/* Bytes from strangers must neither break a line nor reach a terminal raw. */
static void add_value(struct hub_buf *b, struct hub_str v) {
    bool quote = v.n == 0;
    for (size_t i = 0; i < v.n && !quote; i++)
        quote = (unsigned char)v.p[i] <= ' ' || v.p[i] == '"' || v.p[i] == '=' || v.p[i] == '\\' || v.p[i] == 127;
    if (!quote && hub_utf8_valid(v))
        hub_buf_adds(b, v);
    else
        hub_json_add_string(b, v);
}

static void begin(struct hub_buf *b, enum hub_log_level level, const char *component, struct hub_str message) {
    char when[HUB_ISO_LEN + 1];
    hub_iso_format(hub_wall_ms(), when);
    if (as_json) {
        hub_buf_addf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", when, names[level], component);
        hub_json_add_string(b, message);
        return;
    }
    hub_buf_addf(b, "%s %-5s %s: ", when, names[level], component);
    bool utf8 = hub_utf8_valid(message);
    for (size_t i = 0; i < message.n; i++) {
        unsigned char c = (unsigned char)message.p[i];
        hub_buf_addc(b, c < ' ' ? ' ' : c >= 0x80 && !utf8 ? '?' : (char)c);
    }
}

static void field(struct hub_buf *b, const char *key, struct hub_str value) {
    if (value.n > 512) value.n = 512;
    if (as_json) {
        hub_buf_addc(b, ',');
        hub_json_add_string(b, hub_cstr(key));
        hub_buf_addc(b, ':');
        hub_json_add_string(b, value);
    } else {
        hub_buf_addc(b, ' ');
        hub_buf_addz(b, key);
        hub_buf_addc(b, '=');
        add_value(b, value);
    }
}

/* DEL and U+0080 to U+009F steer terminals, too, and JSON leaves them as they are. */
static void escape_controls(struct hub_buf *b) {
    struct hub_buf safe = {0};
    for (size_t i = 0; i < b->n; i++) {
        unsigned char c = (unsigned char)b->p[i], next = i + 1 < b->n ? (unsigned char)b->p[i + 1] : 0;
        bool two = c == 0xc2 && next >= 0x80 && next < 0xa0;
        if (two || c == 0x7f)
            hub_buf_addf(&safe, "\\u%04x", two ? next : c), i += two;
        else
            hub_buf_addc(&safe, (char)c);
    }
    hub_buf_free(b);
    *b = safe;
}

static void finish(struct hub_buf *b) {
    if (as_json) hub_buf_addc(b, '}');
    escape_controls(b);
    hub_buf_addc(b, '\n');
    size_t done = 0;
    while (done < b->n) {
        ssize_t n = write(STDERR_FILENO, b->p + done, b->n - done);
        if (n <= 0) break; /* a closed or full stderr must not stop the server */
        done += (size_t)n;
    }
    hub_buf_free(b);
}

void hub_logf(enum hub_log_level level, const char *component, const char *fmt, ...) {
    if (!hub_log_on(level)) return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    struct hub_buf b = {0};
    begin(&b, level, component, hub_str(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
    finish(&b);
}

void hub_log_kv(enum hub_log_level level, const char *component, const char *message, ...) {
    if (!hub_log_on(level)) return;
    struct hub_buf b = {0};
    begin(&b, level, component, hub_cstr(message));
    va_list ap;
    va_start(ap, message);
    for (const char *key; (key = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (value) field(&b, key, hub_cstr(value));
    }
    va_end(ap);
    finish(&b);
}
