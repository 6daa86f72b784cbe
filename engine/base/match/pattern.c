/* Patterns by PCRE2: a text with {name} parts becomes an expression. */
#include "base/match/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"

#define STEPS_MAX 20000 /* calls of the matcher for one name: about 1 ms */
#define DEPTH_MAX 2000
#define HEAP_MAX_KIB 512
#define NEST_MAX 50
#define PART_NAME_MAX 32 /* as PCRE2 has it */

struct hub_pattern {
    pcre2_code *code;
    pcre2_match_context *bounds;
    uint32_t name_n, name_size; /* of PCRE2's table of names */
    PCRE2_SPTR names;
};

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_part_name(struct hub_str s) {
    if (!s.n || s.n > PART_NAME_MAX || (s.p[0] >= '0' && s.p[0] <= '9')) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i])) return false;
    return true;
}

/* ---- a text as an expression ---- */

static void add_literal(struct hub_buf *out, char c) {
    if (!is_word(c) && (unsigned char)c < 0x80) hub_buf_addc(out, '\\');
    hub_buf_addc(out, c);
}

/* The part that begins at TEXT[AT]; its end, or 0 with ERR. */
static size_t add_part(struct hub_str text, size_t at, struct hub_buf *out, struct hub_err *err) {
    struct hub_str rest = hub_str(text.p + at + 1, text.n - at - 1), name = hub_str(rest.p, hub_str_find(rest, '}'));
    enum hub_code code = HUB_OK;
    if (name.n == rest.n)
        code = hub_fail(err, HUB_BAD_REQUEST, "\"{\" has no \"}\" behind it");
    else if (!is_part_name(name))
        code = hub_fail(err, HUB_BAD_REQUEST, "{%.*s}: expected a name of at most %d letters, digits and _",
                        HUB_CUT(name, 100), PART_NAME_MAX);
    else if (at && text.p[at - 1] == '}')
        code = hub_fail(err, HUB_BAD_REQUEST, "nothing tells where the part before {%.*s} ends", HUB_FMT(name));
    hub_buf_addf(out, "(?<%.*s>[^:/]+)", HUB_FMT(name));
    return code ? 0 : at + name.n + 2;
}

static enum hub_code text_expression(struct hub_str text, struct hub_buf *out, size_t *at, struct hub_err *err) {
    for (size_t i = 0; i < text.n;) {
        *at = i;
        if (text.p[i] == '}') return hub_fail(err, HUB_BAD_REQUEST, "\"}\" has no \"{\" before it");
        if (text.p[i] != '{')
            add_literal(out, text.p[i++]);
        else if (!(i = add_part(text, i, out, err)))
            return HUB_BAD_REQUEST;
    }
    return HUB_OK;
}

/* ---- compiling ---- */

static enum hub_code compile_pattern(struct hub_pattern *p, struct hub_str expression, bool whole, size_t *at,
                                     struct hub_err *err) {
    int error;
    PCRE2_SIZE offset;
    pcre2_compile_context *bounds = pcre2_compile_context_create(NULL);
    pcre2_set_parens_nest_limit(bounds, NEST_MAX);
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    if (whole) options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    p->code = pcre2_compile((PCRE2_SPTR)expression.p, expression.n, options, &error, &offset, bounds);
    pcre2_compile_context_free(bounds);
    if (p->code) return HUB_OK;
    char text[160];
    pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
    if (!whole) *at = offset < expression.n ? offset : expression.n;
    return hub_fail(err, HUB_BAD_REQUEST, "%s", text);
}

static void learn_names(struct hub_pattern *p) {
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &p->name_n);
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &p->name_size);
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &p->names);
    p->bounds = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(p->bounds, STEPS_MAX);
    pcre2_set_depth_limit(p->bounds, DEPTH_MAX);
    pcre2_set_heap_limit(p->bounds, HEAP_MAX_KIB);
}

enum hub_code hub_pattern_new(struct hub_str text, bool is_regex, struct hub_pattern **out, size_t *at,
                              struct hub_err *err) {
    size_t place = 0;
    struct hub_buf expression = {0};
    struct hub_pattern *p = hub_xcalloc(1, sizeof *p);
    enum hub_code code = HUB_OK;
    if (!text.n || text.n > HUB_PATTERN_MAX)
        code = hub_fail(err, HUB_BAD_REQUEST, "expected 1 to %d bytes", HUB_PATTERN_MAX);
    if (!code && !is_regex) code = text_expression(text, &expression, &place, err);
    if (!code) code = compile_pattern(p, is_regex ? text : hub_buf_str(&expression), !is_regex, &place, err);
    if (!code)
        learn_names(p);
    else
        hub_pattern_free(p), p = NULL;
    hub_buf_free(&expression);
    if (at) *at = place;
    *out = p;
    return code;
}

void hub_pattern_free(struct hub_pattern *p) {
    if (!p) return;
    pcre2_code_free(p->code);
    pcre2_match_context_free(p->bounds);
    free(p);
}

/* ---- matching ---- */

static HUB_MUST json_t *named_parts(const struct hub_pattern *p, struct hub_str name, pcre2_match_data *match) {
    json_t *o = json_object();
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    PCRE2_SPTR row = p->names;
    for (uint32_t i = 0; i < p->name_n; i++, row += p->name_size) {
        size_t group = (size_t)row[0] << 8 | row[1];
        PCRE2_SIZE from = at[2 * group], to = at[2 * group + 1];
        if (from == PCRE2_UNSET || to < from) continue; /* an alternative that was not taken */
        hub_json_set_str(o, (const char *)row + 2, hub_str(name.p + from, to - from));
    }
    return o;
}

enum hub_code hub_pattern_match(const struct hub_pattern *p, struct hub_str name, json_t **params) {
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(p->code, NULL);
    int n = pcre2_match(p->code, (PCRE2_SPTR)(name.n ? name.p : ""), name.n, 0, 0, match, p->bounds);
    if (n > 0 && params) *params = named_parts(p, name, match);
    pcre2_match_data_free(match);
    return n > 0 ? HUB_OK : n == PCRE2_ERROR_NOMATCH ? HUB_NOT_FOUND : HUB_BAD_REQUEST;
}
