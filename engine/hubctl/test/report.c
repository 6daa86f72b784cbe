/* Reports: for people, TAP 14, JUnit XML and JSON. */
#include "hubctl/test/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"

/* NAME below DIR, without it. */
static const char *name_below(const char *dir, const char *name) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    return strncmp(name, dir, n) == 0 && name[n] == '/' ? name + n + 1 : name;
}

static size_t count_failed(const struct hub_test_result *results, size_t n) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) failed += results[i].failure_n > 0;
    return failed;
}

static const char *file_of(const struct hub_test_result *r, const char *dir) {
    return name_below(dir, r->scenario->src->name);
}

/* A line of the log: level, component, message, and what else there is. */
static void add_log_line(struct hub_buf *out, const json_t *line) {
    const char *key;
    json_t *v;
    hub_buf_addf(out, "%s %s: %s", json_string_value(hub_json_get(line, "level")),
                 json_string_value(hub_json_get(line, "component")), json_string_value(hub_json_get(line, "message")));
    json_object_foreach((json_t *)(uintptr_t)line, key, v) {
        if (!strcmp(key, "level") || !strcmp(key, "component") || !strcmp(key, "message")) continue;
        hub_buf_addf(out, " %s=", key);
        hub_json_add(out, v);
    }
}

static void add_logs(struct hub_buf *out, const struct hub_test_result *r, const char *indent) {
    if (json_array_size(r->logs)) hub_buf_addf(out, "%slog:\n", indent);
    for (size_t i = 0; i < json_array_size(r->logs); i++) {
        hub_buf_addf(out, "%s  ", indent);
        add_log_line(out, json_array_get(r->logs, i));
        hub_buf_addc(out, '\n');
    }
}

static void add_failure(struct hub_buf *out, const struct hub_test_failure *f, const char *dir, const char *indent) {
    hub_buf_addf(out, "%s%s:%d:%d: ", indent, name_below(dir, f->file), f->line, f->column);
    if (f->step) hub_buf_addf(out, "%s %zu", strcmp(f->does, "decision") ? "step" : "decision", f->step);
    if (f->step && strcmp(f->does, "decision") != 0) hub_buf_addf(out, " (%s)", f->does);
    hub_buf_addf(out, "%s%s\n%s  expected: %s\n%s  seen:     %s\n", f->step ? ": " : "", f->path, indent, f->expected,
                 indent, f->seen);
}

static void add_failures(struct hub_buf *out, const struct hub_test_result *r, const char *dir, const char *indent) {
    for (size_t i = 0; i < r->failure_n; i++) add_failure(out, &r->failures[i], dir, indent);
    add_logs(out, r, indent);
}

/* ---- text ---- */

static void report_text(const struct hub_test_result *results, size_t n, const char *dir, struct hub_buf *out) {
    size_t failed = count_failed(results, n);
    for (size_t i = 0; i < n; i++) {
        hub_buf_addf(out, "%s %s (%s)\n", results[i].failure_n ? "FAILED" : "passed", results[i].scenario->name,
                     file_of(&results[i], dir));
        add_failures(out, &results[i], dir, "  ");
    }
    hub_buf_addf(out, "%zu scenario%s: %zu passed, %zu failed\n", n, n == 1 ? "" : "s", n - failed, failed);
}

/* ---- TAP ---- */

static void report_tap(const struct hub_test_result *results, size_t n, const char *dir, struct hub_buf *out) {
    hub_buf_addf(out, "TAP version 14\n1..%zu\n", n);
    for (size_t i = 0; i < n; i++) {
        hub_buf_addf(out, "%sok %zu - ", results[i].failure_n ? "not " : "", i + 1);
        for (const char *p = results[i].scenario->name; *p; p++) {
            if (*p == '#' || *p == '\\') hub_buf_addc(out, '\\');
            hub_buf_addc(out, *p);
        }
        hub_buf_addc(out, '\n');
        if (!results[i].failure_n) continue;
        hub_buf_addz(out, "  ---\n  message: |\n");
        add_failures(out, &results[i], dir, "    ");
        hub_buf_addz(out, "  ...\n");
    }
}

/* ---- JUnit ---- */

static void add_xml(struct hub_buf *out, struct hub_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *entity = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
        if (entity)
            hub_buf_addz(out, entity);
        else
            hub_buf_addc(out, (unsigned char)c < ' ' && c != '\n' && c != '\t' ? '?' : c);
    }
}

static void add_case(struct hub_buf *out, const struct hub_test_result *r, const char *dir) {
    hub_buf_addz(out, "  <testcase classname=\"");
    add_xml(out, hub_cstr(file_of(r, dir)));
    hub_buf_addz(out, "\" name=\"");
    add_xml(out, hub_cstr(r->scenario->name));
    hub_buf_addf(out, "\" time=\"%lld.%03lld\"", (long long)(r->duration_ms / 1000),
                 (long long)(r->duration_ms % 1000));
    if (!r->failure_n) {
        hub_buf_addz(out, "/>\n");
        return;
    }
    struct hub_buf text = {0};
    add_failures(&text, r, dir, "");
    hub_buf_addf(out, ">\n    <failure message=\"");
    add_xml(out, hub_cstr(r->failures[0].path));
    hub_buf_addz(out, "\">");
    add_xml(out, hub_buf_str(&text));
    hub_buf_addz(out, "</failure>\n  </testcase>\n");
    hub_buf_free(&text);
}

static void report_junit(const struct hub_test_result *results, size_t n, const char *dir, struct hub_buf *out) {
    hub_buf_addf(out,
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                 "<testsuite name=\"scenarios\" tests=\"%zu\" failures=\"%zu\">\n",
                 n, count_failed(results, n));
    for (size_t i = 0; i < n; i++) add_case(out, &results[i], dir);
    hub_buf_addz(out, "</testsuite>\n");
}

/* ---- JSON ---- */

static HUB_MUST json_t *failure_json(const struct hub_test_result *r, const struct hub_test_failure *f,
                                     const char *dir) {
    return json_pack("{s:s,s:i,s:i,s:I,s:s,s:s,s:s,s:o}", "file", name_below(dir, f->file), "line", f->line, "column",
                     f->column, "step", (json_int_t)f->step, "path", f->path, "expected", f->expected, "seen", f->seen,
                     "logs", r->logs ? json_incref(r->logs) : json_array());
}

static HUB_MUST json_t *result_json(const struct hub_test_result *r, const char *dir) {
    const struct hub_node *name = hub_node_get(r->scenario->node, HUB_STR("name"));
    json_t *failures = json_array();
    for (size_t i = 0; i < r->failure_n; i++) json_array_append_new(failures, failure_json(r, &r->failures[i], dir));
    return json_pack("{s:s,s:s,s:i,s:s,s:b,s:I,s:o}", "name", r->scenario->name, "file", file_of(r, dir), "line",
                     name ? name->range.line : 1, "hub", r->scenario->hub, "passed", r->failure_n == 0, "durationMs",
                     (json_int_t)r->duration_ms, "failures", failures);
}

static void report_json(const struct hub_test_result *results, size_t n, const char *dir, struct hub_buf *out) {
    size_t failed = count_failed(results, n);
    int64_t ms = 0;
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        ms += results[i].duration_ms;
        json_array_append_new(all, result_json(&results[i], dir));
    }
    json_t *root = json_pack("{s:i,s:I,s:I,s:I,s:o}", "formatVersion", 1, "passed", (json_int_t)(n - failed), "failed",
                             (json_int_t)failed, "durationMs", (json_int_t)ms, "scenarios", all);
    char *printed = json_dumps(root, JSON_INDENT(2));
    hub_buf_addf(out, "%s\n", printed);
    free(printed);
    json_decref(root);
}

void hub_test_report(const struct hub_test_result *results, size_t n, const char *dir, enum hub_test_format format,
                     struct hub_buf *out) {
    static void (*const reports[])(const struct hub_test_result *, size_t, const char *, struct hub_buf *) = {
        [HUB_TEST_TEXT] = report_text,
        [HUB_TEST_TAP] = report_tap,
        [HUB_TEST_JUNIT] = report_junit,
        [HUB_TEST_JSON] = report_json,
    };
    reports[format](results, n, dir, out);
}
