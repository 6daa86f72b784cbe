/* The formats of hubctl lint; SARIF is in diag_sarif.c. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "schema/diag.h"

const char *hub_severity_name(enum hub_severity s) {
    static const char *const names[] = {
        [HUB_SEV_ERROR] = "error", [HUB_SEV_WARNING] = "warning", [HUB_SEV_INFO] = "info"};
    return names[s];
}

/* ---- text ---- */

/* The caret line: what stands before it is repeated as spaces, tabs as tabs, so that it lines up. */
static void add_carets(const struct hub_diag *g, struct hub_buf *out) {
    struct hub_str line = hub_cstr(g->source_line);
    int column = g->source_column, carets = g->end_line > g->line ? 1 << 20 : g->end_column - g->column;
    size_t i = 0;
    for (; column < g->column; column++) {
        bool tab = i < line.n && line.p[i] == '\t';
        for (i++; i < line.n && ((unsigned char)line.p[i] & 0xc0) == 0x80;) i++;
        hub_buf_addc(out, tab ? '\t' : ' ');
    }
    size_t left = i < line.n ? hub_utf8_len(hub_str(line.p + i, line.n - i)) : 0;
    if (carets > (int)left) carets = (int)left;
    do hub_buf_addc(out, '^');
    while (--carets > 0);
}

static void print_text(const struct hub_diag *g, struct hub_buf *out) {
    hub_buf_addf(out, "%s:", g->file);
    if (g->line) hub_buf_addf(out, "%d:%d:", g->line, g->column);
    hub_buf_addf(out, " %s[%s]: %s\n", hub_severity_name(g->severity), g->code, g->message);
    if (g->source_line) {
        hub_buf_addf(out, "%5d |%s\n      |", g->line, g->source_line);
        add_carets(g, out);
        if (g->suggestion) hub_buf_addf(out, " did you mean \"%s\"?", g->suggestion);
        hub_buf_addc(out, '\n');
    } else if (g->suggestion) {
        hub_buf_addf(out, "      did you mean \"%s\"?\n", g->suggestion);
    }
}

/* ---- JSON ---- */

static HUB_MUST json_t *place_json(int line, int column) {
    return json_pack("{s:i,s:i}", "line", line, "column", column);
}

json_t *hub_diag_text_json(const char *s) { return s ? hub_json_string(hub_cstr(s)) : json_null(); }

static HUB_MUST json_t *diag_json(const struct hub_diag *g) {
    json_t *o = json_object();
    json_object_set_new(o, "code", hub_diag_text_json(g->code));
    json_object_set_new(o, "severity", hub_diag_text_json(hub_severity_name(g->severity)));
    json_object_set_new(o, "message", hub_diag_text_json(g->message));
    json_object_set_new(o, "file", hub_diag_text_json(g->file));
    json_object_set_new(o, "path", hub_diag_text_json(g->path));
    json_t *range = json_null();
    if (g->line) {
        range = json_object();
        json_object_set_new(range, "start", place_json(g->line, g->column));
        json_object_set_new(range, "end", place_json(g->end_line, g->end_column));
    }
    json_object_set_new(o, "range", range);
    json_object_set_new(o, "suggestion", hub_diag_text_json(g->suggestion));
    return o;
}

void hub_diag_add_json(json_t *root, struct hub_buf *out) {
    char *text = json_dumps(root, JSON_INDENT(2));
    hub_buf_addz(out, text);
    hub_buf_addc(out, '\n');
    free(text);
    json_decref(root);
}

static void print_json(const struct hub_diags *d, struct hub_buf *out) {
    size_t errors = hub_diags_count(d, HUB_SEV_ERROR), warnings = hub_diags_count(d, HUB_SEV_WARNING);
    json_t *list = json_array(), *root = json_object();
    for (size_t i = 0; i < hub_diags_n(d); i++) json_array_append_new(list, diag_json(hub_diags_at(d, i)));
    json_object_set_new(root, "formatVersion", json_string("1.0"));
    json_object_set_new(root, "valid", json_boolean(!errors && !(hub_diags_strict(d) && warnings)));
    json_object_set_new(root, "errorCount", json_integer((json_int_t)errors));
    json_object_set_new(root, "warningCount", json_integer((json_int_t)warnings));
    json_object_set_new(root, "diagnostics", list);
    hub_diag_add_json(root, out);
}

/* ---- JUnit ---- */

static void add_xml(struct hub_buf *out, const char *s) {
    for (; *s; s++) {
        const char *entity = *s == '&'   ? "&amp;"
                             : *s == '<' ? "&lt;"
                             : *s == '>' ? "&gt;"
                             : *s == '"' ? "&quot;"
                                         : NULL;
        if (entity)
            hub_buf_addz(out, entity);
        else if ((unsigned char)*s >= ' ' || *s == '\n' || *s == '\t')
            hub_buf_addc(out, *s);
        else
            hub_buf_addc(out, '?'); /* XML 1.0 has no way to write it */
    }
}

static bool is_failure(const struct hub_diags *d, const struct hub_diag *g) {
    return g->severity == HUB_SEV_ERROR || (g->severity == HUB_SEV_WARNING && hub_diags_strict(d));
}

/* The findings of FILE of one kind, one below the other. */
static size_t add_findings(const struct hub_diags *d, const char *file, bool failures, struct hub_buf *out) {
    struct hub_buf text = {0};
    size_t n = 0;
    for (size_t i = 0; i < hub_diags_n(d); i++) {
        const struct hub_diag *g = hub_diags_at(d, i);
        if (strcmp(g->file, file) || is_failure(d, g) != failures) continue;
        print_text(g, &text);
        n++;
    }
    if (n) add_xml(out, hub_buf_cstr(&text));
    hub_buf_free(&text);
    return n;
}

/* A case for each file that was looked at. True: it failed. */
static bool junit_case(const struct hub_diags *d, const char *file, struct hub_buf *out) {
    struct hub_buf failures = {0}, others = {0};
    size_t n = add_findings(d, file, true, &failures), m = add_findings(d, file, false, &others);
    hub_buf_addz(out, "    <testcase name=\"");
    add_xml(out, file);
    hub_buf_addz(out, n || m ? "\" classname=\"hubctl lint\">\n" : "\" classname=\"hubctl lint\"/>\n");
    if (n)
        hub_buf_addf(out, "      <failure type=\"lint\" message=\"%zu %s\">%s</failure>\n", n,
                     n == 1 ? "finding" : "findings", hub_buf_cstr(&failures));
    if (m) hub_buf_addf(out, "      <system-out>%s</system-out>\n", hub_buf_cstr(&others));
    if (n || m) hub_buf_addz(out, "    </testcase>\n");
    hub_buf_free(&failures);
    hub_buf_free(&others);
    return n > 0;
}

static void print_junit(const struct hub_diags *d, struct hub_buf *out) {
    struct hub_buf cases = {0};
    size_t n, failures = 0;
    const char **files = hub_diags_files(d, &n);
    for (size_t i = 0; i < n; i++) failures += junit_case(d, files[i], &cases);
    if (!n) hub_buf_addz(&cases, "    <testcase name=\"definitions\" classname=\"hubctl lint\"/>\n");
    hub_buf_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\">\n",
                 n ? n : 1, failures);
    hub_buf_addf(out, "  <testsuite name=\"hubctl lint\" tests=\"%zu\" failures=\"%zu\">\n", n ? n : 1, failures);
    hub_buf_adds(out, hub_buf_str(&cases));
    hub_buf_addz(out, "  </testsuite>\n</testsuites>\n");
    hub_buf_free(&cases);
    free((void *)files);
}

/* ---- GitHub workflow commands ---- */

static void add_command_text(struct hub_buf *out, const char *s, const char *special) {
    for (; *s; s++) {
        if (strchr(special, *s))
            hub_buf_addf(out, "%%%02X", (unsigned char)*s);
        else
            hub_buf_addc(out, *s);
    }
}

static void print_github(const struct hub_diag *g, struct hub_buf *out) {
    hub_buf_addf(out, "::%s file=", g->severity == HUB_SEV_INFO ? "notice" : hub_severity_name(g->severity));
    add_command_text(out, g->file, "%\r\n:,");
    if (g->line)
        hub_buf_addf(out, ",line=%d,col=%d,endLine=%d,endColumn=%d", g->line, g->column, g->end_line, g->end_column);
    hub_buf_addf(out, ",title=%s::", g->code);
    add_command_text(out, g->message, "%\r\n");
    if (g->suggestion) {
        hub_buf_addz(out, "; did you mean \"");
        add_command_text(out, g->suggestion, "%\r\n");
        hub_buf_addz(out, "\"?");
    }
    hub_buf_addc(out, '\n');
}

void hub_diags_print(const struct hub_diags *d, enum hub_diag_format format, struct hub_buf *out) {
    if (format == HUB_DIAG_JSON) print_json(d, out);
    if (format == HUB_DIAG_SARIF) hub_diags_print_sarif(d, out);
    if (format == HUB_DIAG_JUNIT) print_junit(d, out);
    for (size_t i = 0; i < hub_diags_n(d); i++) {
        if (format == HUB_DIAG_TEXT) print_text(hub_diags_at(d, i), out);
        if (format == HUB_DIAG_GITHUB) print_github(hub_diags_at(d, i), out);
    }
}
