/* Tokens of MScript, with the literals decoded. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text/odd_character.h"
#include "scripting/expression/mscript_int.h"

/* ---- positions and failures ---- */

void ms_place(struct hub_str text, size_t at, size_t n, struct hub_script_problem *out) {
    out->line = out->column = out->length = 0;
    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n')
            out->line++, out->column = 0;
        else if (((unsigned char)text.p[i] & 0xc0) != 0x80)
            out->column++;
    }
    for (size_t i = at; i < at + n && i < text.n && text.p[i] != '\n'; i++)
        out->length += ((unsigned char)text.p[i] & 0xc0) != 0x80;
}

int ms_line(struct hub_str text, size_t at) {
    int line = 0;
    for (const char *p = text.p, *end = p + at; (p = memchr(p, '\n', (size_t)(end - p))); p++) line++;
    return line;
}

_Noreturn void ms_fail(struct ms_parse *p, const char *code, size_t at, size_t n, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->problem.text, sizeof p->problem.text, fmt, ap);
    va_end(ap);
    p->problem.code = code;
    ms_place(p->text, at, n, &p->problem);
    longjmp(p->fail, 1);
}

/* ---- characters ---- */

static int peek_char(const struct ms_parse *p, size_t ahead) {
    return p->pos + ahead < p->text.n ? (unsigned char)p->text.p[p->pos + ahead] : 0;
}

static bool at_end(const struct ms_parse *p) { return p->pos >= p->text.n; }
static bool name_start(int c) { return isalpha(c) || c == '_' || c == '$'; }
static bool name_part(int c) { return isalnum(c) || c == '_' || c == '$'; }

/* Length of the white space character at the position, 0 when there is none. Beyond ASCII: no-break space,
 * byte order mark, U+2028/9. */
static size_t space_length(const struct ms_parse *p) {
    int c = peek_char(p, 0);
    if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
    if (c == 0xc2 && peek_char(p, 1) == 0xa0) return 2;
    if (c == 0xef && peek_char(p, 1) == 0xbb && peek_char(p, 2) == 0xbf) return 3;
    if (c == 0xe2 && peek_char(p, 1) == 0x80 && (peek_char(p, 2) == 0xa8 || peek_char(p, 2) == 0xa9)) return 3;
    return 0;
}

static void skip_space(struct ms_parse *p) {
    for (;;) {
        size_t n = space_length(p);
        if (n) {
            p->pos += n;
        } else if (peek_char(p, 0) == '/' && peek_char(p, 1) == '/') {
            while (!at_end(p) && peek_char(p, 0) != '\n') p->pos++;
        } else if (peek_char(p, 0) == '/' && peek_char(p, 1) == '*') {
            const char *end = memmem(p->text.p + p->pos + 2, p->text.n - p->pos - 2, "*/", 2);
            if (!end) ms_fail(p, "L001", p->pos, 2, "the comment is not closed");
            p->pos = (size_t)(end - p->text.p) + 2;
        } else {
            return;
        }
    }
}

static size_t utf8_length(struct hub_str s, size_t at) {
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80) n++;
    return n;
}

/* ---- strings ---- */

static void add_code_point(struct hub_buf *b, uint32_t c) {
    if (c >= 0xd800 && c <= 0xdfff) c = 0xfffd; /* half of a pair has no UTF-8 form */
    hub_buf_add_utf8(b, c);
}

/* MIN to MAX hexadecimal digits at the position; -1 when there are fewer. */
static int64_t lex_hex(struct ms_parse *p, int min, int max) {
    int64_t v = 0;
    int n = 0;
    for (; n < max && isxdigit(peek_char(p, 0)); n++, p->pos++) {
        int c = peek_char(p, 0);
        v = v * 16 + (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return n < min ? -1 : v;
}

/* After "\u": four digits or {digits}, and the second half of a pair. */
static uint32_t unicode_escape(struct ms_parse *p, size_t at) {
    int64_t c;
    if (peek_char(p, 0) == '{') {
        p->pos++;
        c = lex_hex(p, 1, 6);
        if (c < 0 || c > 0x10ffff || peek_char(p, 0) != '}')
            ms_fail(p, "L001", at, p->pos - at, "invalid Unicode escape");
        p->pos++;
        return (uint32_t)c;
    }
    c = lex_hex(p, 4, 4);
    if (c < 0) ms_fail(p, "L001", at, p->pos - at, "invalid Unicode escape");
    if (c < 0xd800 || c > 0xdbff || peek_char(p, 0) != '\\' || peek_char(p, 1) != 'u') return (uint32_t)c;
    size_t back = p->pos;
    p->pos += 2;
    int64_t low = lex_hex(p, 4, 4);
    if (low >= 0xdc00 && low <= 0xdfff) return (uint32_t)(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
    p->pos = back;
    return (uint32_t)c;
}

static void lex_escape(struct ms_parse *p, struct hub_buf *b) {
    size_t at = p->pos++;
    int c = peek_char(p, 0);
    p->pos++;
    static const char from[] = "ntrbfv", to[] = "\n\t\r\b\f\v";
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        hub_buf_addc(b, to[simple - from]);
    } else if (c == 'u') {
        add_code_point(b, unicode_escape(p, at));
    } else if (c == 'x') {
        int64_t v = lex_hex(p, 2, 2);
        if (v < 0) ms_fail(p, "L001", at, p->pos - at, "invalid hexadecimal escape");
        add_code_point(b, (uint32_t)v);
    } else if (isdigit(c)) {
        if (c != '0' || isdigit(peek_char(p, 0)))
            ms_fail(p, "L002", at, 2, "octal escapes are not supported in expressions");
        hub_buf_addc(b, 0);
    } else if (c == '\r') {
        if (peek_char(p, 0) == '\n') p->pos++;
    } else if (c != '\n') {
        hub_buf_addc(b, (char)c);
    }
}

/* Decoded text is never longer than its spelling, so it is built in a piece of the arena, which a failure
 * cannot leak. */
static struct hub_buf scratch_buf(struct ms_parse *p, size_t n) {
    return (struct hub_buf){.p = ms_alloc(p, n + 8), .cap = n + 8};
}

static void lex_string(struct ms_parse *p) {
    size_t at = p->pos;
    char quote = p->text.p[p->pos++];
    size_t end = p->pos;
    for (; end < p->text.n && p->text.p[end] != quote && p->text.p[end] != '\n'; end++) end += p->text.p[end] == '\\';
    if (end >= p->text.n || p->text.p[end] != quote) ms_fail(p, "L001", at, 1, "the string is not closed");
    struct hub_buf b = scratch_buf(p, end - at);
    while (p->pos < end) {
        if (peek_char(p, 0) == '\\')
            lex_escape(p, &b);
        else
            hub_buf_addc(&b, p->text.p[p->pos++]);
    }
    p->pos = end + 1;
    p->token.kind = MS_STRING;
    p->token.value = hub_buf_str(&b);
}

bool ms_template_piece(struct ms_parse *p, size_t open, struct hub_str *piece) {
    size_t at = p->pos, end = at;
    while (end < p->text.n && p->text.p[end] != '`' &&
           !(p->text.p[end] == '$' && end + 1 < p->text.n && p->text.p[end + 1] == '{')) {
        end += p->text.p[end] == '\\' ? 2 : 1;
    }
    if (end >= p->text.n) ms_fail(p, "L001", open, 1, "the template literal is not closed");
    struct hub_buf b = scratch_buf(p, end - at);
    while (p->pos < end) {
        if (peek_char(p, 0) == '\\')
            lex_escape(p, &b);
        else
            hub_buf_addc(&b, p->text.p[p->pos++]);
    }
    *piece = hub_buf_str(&b);
    bool more = p->text.p[end] == '$';
    p->pos = end + (more ? 2 : 1);
    return more;
}

/* ---- numbers ---- */

static bool lex_radix(struct ms_parse *p, int base) {
    size_t at = p->pos;
    double d = 0;
    p->pos += 2;
    size_t digits = p->pos;
    for (;; p->pos++) {
        int c = peek_char(p, 0), v = isdigit(c) ? c - '0' : isalpha(c) ? tolower(c) - 'a' + 10 : 99;
        if (c == '_') continue;
        if (v >= base) break;
        d = d * base + v;
    }
    if (p->pos == digits) ms_fail(p, "L001", at, p->pos - at, "a number without digits");
    p->token.d = d;
    p->token.integer = d <= 9007199254740992.0;
    p->token.i = p->token.integer ? (int64_t)d : 0;
    return true;
}

static void lex_decimal(struct ms_parse *p) {
    char text[400];
    size_t n = 0, at = p->pos;
    bool whole = true;
    for (;; p->pos++) {
        int c = peek_char(p, 0);
        bool sign = (c == '+' || c == '-') && n && tolower(text[n - 1]) == 'e';
        if (c == '_') continue;
        if (c == '.' && (!whole || peek_char(p, 1) == '.')) break; /* "1..2" is Lua's concatenation */
        if (!isdigit(c) && c != '.' && tolower(c) != 'e' && !sign) break;
        if (tolower(c) == 'e' && !isdigit(peek_char(p, 1)) &&
            !((peek_char(p, 1) == '+' || peek_char(p, 1) == '-') && isdigit(peek_char(p, 2))))
            break;
        if (!isdigit(c)) whole = false;
        if (n == sizeof text - 1) ms_fail(p, "L001", at, p->pos - at, "a number with too many digits");
        text[n++] = (char)c;
    }
    text[n] = 0;
    if (n > 1 && text[0] == '0' && isdigit((unsigned char)text[1]))
        ms_fail(p, "L002", at, n, "octal numbers are not supported in expressions");
    p->token.d = strtod(text, NULL);
    p->token.integer = whole && hub_str_i64(hub_str(text, n), &p->token.i);
}

static void lex_number(struct ms_parse *p) {
    size_t at = p->pos;
    int c = tolower(peek_char(p, 1));
    p->token.kind = MS_NUMBER;
    if (peek_char(p, 0) != '0' || (c != 'x' && c != 'b' && c != 'o'))
        lex_decimal(p);
    else
        lex_radix(p, c == 'x' ? 16 : c == 'b' ? 2 : 8);
    if (peek_char(p, 0) == 'n' && !name_part(peek_char(p, 1)))
        ms_fail(p, "L002", at, p->pos + 1 - at, "BigInt literals are not supported in expressions");
    if (name_start(peek_char(p, 0))) ms_fail(p, "L001", p->pos, 1, "a number directly followed by a name");
}

/* ---- tokens ---- */

/* Longest first. All of JavaScript's, so that an unsupported one can be named. */
static const char *const operators[] = {
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "\?\?=", "=>", "==", "!=", "~=", "<=",
    ">=",   "&&",  "||",  "??",  "?.",  "++",  "--",  "+=",  "-=",  "*=",  "/=",    "%=", "&=", "|=", "^=", "**",
    "<<",   ">>",  "..",  "::",  "+",   "-",   "*",   "/",   "%",   "<",   ">",     "!",  "=",  "?",  ":",  "(",
    ")",    "[",   "]",   "{",   "}",   ",",   ".",   ";",   "&",   "|",   "^",     "~",  "#",  "@"};

static void operator_token(struct ms_parse *p) {
    struct hub_str rest = hub_str(p->text.p + p->pos, p->text.n - p->pos);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        struct hub_str op = hub_cstr(operators[i]);
        if (!hub_str_starts(rest, op)) continue;
        if (hub_str_is(op, "?.") && rest.n > 2 && isdigit((unsigned char)rest.p[2])) continue; /* a ?.5 : b */
        if (hub_str_starts(rest, HUB_STR("<>"))) ms_fail(p, "L001", p->pos, 2, "unequal is written !=");
        p->token.kind = MS_OP;
        p->token.op = op;
        p->pos += op.n;
        return;
    }
    size_t n = utf8_length(p->text, p->pos);
    struct hub_odd_character odd;
    if (hub_odd_at(rest, &odd)) ms_fail(p, "L001", p->pos, n, "%s: write an ordinary one", odd.name);
    ms_fail(p, "L001", p->pos, n, "unexpected character '%.*s'", (int)n, p->text.p + p->pos);
}

void ms_next(struct ms_parse *p) {
    skip_space(p);
    p->token = (struct ms_token){.at = p->pos};
    int c = peek_char(p, 0);
    if (at_end(p)) {
        p->token.kind = MS_END;
    } else if (isdigit(c) || (c == '.' && isdigit(peek_char(p, 1)))) {
        lex_number(p);
    } else if (name_start(c)) {
        p->token.kind = MS_NAME;
        while (name_part(peek_char(p, 0))) p->pos++;
        p->token.op = hub_str(p->text.p + p->token.at, p->pos - p->token.at);
    } else if (c == '"' || c == '\'') {
        lex_string(p);
    } else if (c == '`') {
        p->token.kind = MS_TEMPLATE;
        p->pos++;
    } else {
        operator_token(p);
    }
    p->token.n = p->pos - p->token.at;
}
