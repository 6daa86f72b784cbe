/* Structured logs: the text of a line, built whole so that threads do not interleave. */
#include "base/telemetry/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/memory/mem.h"
#include "base/telemetry/log_int.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"

static enum hub_log_level max_level = HUB_LOG_INFO;
static bool as_json;
static const char *const names[] = {"error", "warn", "info", "debug"};

void hub_log_setup(enum hub_log_level level, bool json) { max_level = level, as_json = json; }

static hub_log_taker *taker; /* NULL: stderr */
static void *taker_arg;

void hub_log_divert(hub_log_taker *take, void *arg) { taker = take, taker_arg = arg; }

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

static void begin_line(struct hub_buf *b, enum hub_log_level level, const char *component, struct hub_str message) {
    char when[HUB_ISO_LEN + 1];
    hub_iso_format(hub_clock_wall_ms(NULL), when);
    if (as_json) {
        hub_buf_addf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", when, names[level],
                     component);
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

static void add_field(struct hub_buf *b, const char *key, struct hub_str value) {
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

static void number_field(struct hub_buf *b, const char *key, uint64_t n) {
    char digits[24];
    add_field(b, key, hub_str(digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n)));
}

static void finish_line(struct hub_buf *b) {
    if (as_json) hub_buf_addc(b, '}');
    escape_controls(b);
    hub_buf_addc(b, '\n');
}

static void put_line(struct hub_buf *b, enum hub_log_level level, uint32_t left_out) {
    if (left_out) number_field(b, "leftOutBefore", left_out);
    finish_line(b);
    if (taker)
        taker(taker_arg, level, hub_str(b->p, b->n - 1));
    else
        hub_log_put(level, hub_buf_str(b));
    hub_buf_free(b);
}

/* ---- lines about lines ---- */

void hub_log_add_dropped(struct hub_buf *b, uint64_t number) {
    struct hub_buf line = {0};
    begin_line(&line, HUB_LOG_WARN, "log", HUB_STR("lines were dropped here: stderr did not take them"));
    number_field(&line, "number", number);
    finish_line(&line);
    hub_buf_adds(b, hub_buf_str(&line));
    hub_buf_free(&line);
}

void hub_log_tell_quiet(bool all) {
    for (struct hub_log_kind k; hub_log_take_quiet(&k, all);) {
        struct hub_buf b = {0};
        begin_line(&b, k.level, k.component, HUB_STR("further lines like this one were left out"));
        number_field(&b, "number", k.left_out);
        add_field(&b, "line", hub_cstr(k.about));
        put_line(&b, k.level, 0);
    }
}

void hub_log_end(int ms) {
    hub_log_tell_quiet(true);
    hub_log_flush(ms);
}

void hub_log_text(struct hub_str text) {
    if (text.n) hub_log_put(HUB_LOG_ERROR, text);
}

/* ---- lines ---- */

static uint64_t key_of(const char *component, struct hub_str message) {
    return hub_fingerprint(hub_fingerprint(HUB_FINGERPRINT, hub_cstr(component)), message);
}

/* Fields with few values, which name a place of the definition or what happened: one that fails again and
 * again must not hide the others. What strangers choose is none. */
static bool tells_kinds_apart(const char *name) {
    static const char *const names_of[] = {"hub", "hook", "at", "code", "status", "table"};
    for (size_t i = 0; i < HUB_NELEM(names_of); i++)
        if (!strcmp(name, names_of[i])) return true;
    return false;
}

static bool is_admitted(enum hub_log_level level, const char *component, uint64_t key, const char *about,
                        uint32_t *left_out) {
    *left_out = 0;
    return taker || hub_log_admit(level, component, key, hub_cstr(about), left_out);
}

/* A script chooses its message and its fields, all but the first, which is its place. */
static uint64_t key_of_kv(const char *component, const char *message, va_list fields) {
    bool is_script = !strcmp(component, "script");
    uint64_t key = key_of(component, hub_cstr(is_script ? "" : message));
    for (const char *name; (name = va_arg(fields, const char *));) {
        const char *value = va_arg(fields, const char *);
        if (value && tells_kinds_apart(name)) key = hub_fingerprint(key, hub_cstr(value));
        if (is_script) break;
    }
    return key;
}

void hub_logf(enum hub_log_level level, const char *component, const char *fmt, ...) {
    uint32_t left_out;
    if (!hub_log_on(level) || !is_admitted(level, component, key_of(component, hub_cstr(fmt)), fmt, &left_out)) return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    struct hub_buf b = {0};
    begin_line(&b, level, component, hub_str(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
    put_line(&b, level, left_out);
}

void hub_log_kv(enum hub_log_level level, const char *component, const char *message, ...) {
    uint32_t left_out;
    va_list ap;
    if (!hub_log_on(level)) return;
    va_start(ap, message);
    uint64_t key = key_of_kv(component, message, ap);
    va_end(ap);
    if (!is_admitted(level, component, key, message, &left_out)) return;
    struct hub_buf b = {0};
    begin_line(&b, level, component, hub_cstr(message));
    va_start(ap, message);
    for (const char *name; (name = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (value) add_field(&b, name, hub_cstr(value));
    }
    va_end(ap);
    put_line(&b, level, left_out);
}
