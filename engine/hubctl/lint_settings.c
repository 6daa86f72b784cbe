/* .hubctl.yaml: how severe warnings are in this folder, and which baseline holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/file.h"
#include "base/json/json.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "hubctl/lint.h"
#include "schema/diag.h"
#include "schema/tree.h"

enum { SETTINGS_MAX = 1 << 16 };

/* While the file is read. */
struct settings_reading {
    const char *path, *dir;
    struct hub_lint_settings *out;
    struct hub_err *err;
};

static enum hub_code refuse_setting(const struct settings_reading *r, const struct hub_node *n, const char *why) {
    return hub_fail(r->err, HUB_BAD_REQUEST, "%s:%d: %s", r->path,
                    n->key_range.line ? n->key_range.line : n->range.line, why);
}

static enum hub_code read_severity(const struct settings_reading *r, const struct hub_node *n) {
    char code[8];
    snprintf(code, sizeof code, "%.*s", HUB_CUT(n->key, 7));
    const struct hub_code_row *row = hub_code_row(code);
    if (!row) return refuse_setting(r, n, "there is no such code");
    if (row->severity == HUB_SEV_ERROR) return refuse_setting(r, n, "this code is an error, and stays one");
    if (n->kind != HUB_NODE_SCALAR || !hub_str_among(n->text, "warning info off"))
        return refuse_setting(r, n, "a severity is warning, info or off");
    json_object_set_new(r->out->severity, row->code, hub_json_string(n->text));
    return HUB_OK;
}

static enum hub_code read_baseline(const struct settings_reading *r, const struct hub_node *n) {
    struct hub_buf path = {0};
    if (n->kind != HUB_NODE_SCALAR || !n->text.n) return refuse_setting(r, n, "baseline is the path of a file");
    if (n->text.p[0] != '/') hub_buf_addf(&path, "%s/", r->dir);
    hub_buf_adds(&path, n->text);
    r->out->baseline = hub_xstrdup(hub_buf_cstr(&path));
    hub_buf_free(&path);
    return HUB_OK;
}

static enum hub_code read_lint(const struct settings_reading *r, const struct hub_node *lint) {
    enum hub_code code = HUB_OK;
    if (lint->kind != HUB_NODE_MAP) return refuse_setting(r, lint, "lint is a mapping of severity and baseline");
    for (const struct hub_node *n = lint->first; n && !code; n = n->next) {
        if (hub_str_is(n->key, "baseline")) {
            code = read_baseline(r, n);
        } else if (!hub_str_is(n->key, "severity") || n->kind != HUB_NODE_MAP) {
            code = refuse_setting(r, n, "lint has severity, a mapping of codes, and baseline");
        } else {
            for (const struct hub_node *c = n->first; c && !code; c = c->next) code = read_severity(r, c);
        }
    }
    return code;
}

static enum hub_code read_document(const struct settings_reading *r, struct hub_str text) {
    struct hub_arena *arena = hub_arena_new();
    struct hub_diags *diags = hub_diags_new();
    const struct hub_node *root = hub_tree_parse(arena, hub_source_new(arena, r->path, 'S', text), diags);
    enum hub_code code = HUB_OK;
    if (hub_diags_n(diags) && (root || hub_diags_count(diags, HUB_SEV_ERROR))) {
        const struct hub_diag *g = hub_diags_at(diags, 0);
        code = hub_fail(r->err, HUB_BAD_REQUEST, "%s:%d: %s", r->path, g->line, g->message);
    }
    for (const struct hub_node *n = root && root->kind == HUB_NODE_MAP ? root->first : NULL; n && !code; n = n->next)
        code = hub_str_is(n->key, "lint") ? read_lint(r, n) : refuse_setting(r, n, "there is nothing but lint here");
    hub_diags_free(diags);
    hub_arena_free(arena);
    return code;
}

enum hub_code hub_lint_settings_read(const char *dir, struct hub_lint_settings *out, struct hub_err *err) {
    struct hub_buf path = {0}, text = {0};
    enum hub_code code = HUB_OK;
    *out = (struct hub_lint_settings){.severity = json_object()};
    hub_buf_addf(&path, "%s/.hubctl.yaml", dir);
    const struct settings_reading r = {hub_buf_cstr(&path), dir, out, err};
    if (!access(r.path, F_OK)) code = hub_file_read(r.path, SETTINGS_MAX, &text, err);
    if (!code && text.n) code = read_document(&r, hub_buf_str(&text));
    hub_buf_free(&text);
    hub_buf_free(&path);
    return code;
}

void hub_lint_settings_apply(const struct hub_lint_settings *s, struct hub_diags *d) {
    for (size_t i = hub_diags_n(d); i--;) {
        const struct hub_diag *g = hub_diags_at(d, i);
        const char *severity = json_string_value(json_object_get(s->severity, g->code));
        if (!severity || g->severity == HUB_SEV_ERROR) continue;
        if (!strcmp(severity, "off"))
            hub_diags_drop(d, i);
        else
            hub_diags_set_severity(d, i, strcmp(severity, "info") ? HUB_SEV_WARNING : HUB_SEV_INFO);
    }
}

void hub_lint_settings_free(struct hub_lint_settings *s) {
    json_decref(s->severity);
    free(s->baseline);
}
