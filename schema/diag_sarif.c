/* hubctl lint --format sarif: SARIF 2.1.0, which code scanning of forges reads. */
#include <stdio.h>

#include "base/collection/map.h"
#include "schema/diag.h"

static HUB_MUST json_t *message_json(const char *text) { return json_pack("{s:o}", "text", hub_diag_text_json(text)); }

/* A path as a URI reference (RFC 3986). */
static HUB_MUST json_t *uri_json(const char *path) {
    struct hub_buf b = {0};
    for (; *path; path++) {
        bool plain = (*path >= 'a' && *path <= 'z') || (*path >= 'A' && *path <= 'Z') || (*path >= '0' && *path <= '9');
        if (plain || strchr("-._~/@!$&'()*+,;=", *path))
            hub_buf_addc(&b, *path);
        else
            hub_buf_addf(&b, "%%%02X", (unsigned char)*path);
    }
    json_t *uri = hub_json_string(hub_buf_str(&b));
    hub_buf_free(&b);
    return uri;
}

static HUB_MUST json_t *fixes_json(const struct hub_diag *g, const struct hub_edit *e) {
    char text[200];
    snprintf(text, sizeof text, "replace it with %s", e->text);
    json_t *replacement =
        json_pack("{s:{s:i,s:i,s:i,s:i},s:o}", "deletedRegion", "startLine", e->line, "startColumn", e->column,
                  "endLine", e->line, "endColumn", e->end_column, "insertedContent", message_json(e->text));
    return json_pack("[{s:o,s:[{s:{s:o},s:[o]}]}]", "description", message_json(text), "artifactChanges",
                     "artifactLocation", "uri", uri_json(g->file), "replacements", replacement);
}

static const char *level_of(const struct hub_diag *g) {
    return g->severity == HUB_SEV_INFO ? "note" : hub_severity_name(g->severity);
}

static HUB_MUST json_t *sarif_result(const struct hub_diag *g) {
    struct hub_edit edit;
    json_t *physical = json_pack("{s:{s:o}}", "artifactLocation", "uri", uri_json(g->file));
    if (g->line)
        json_object_set_new(physical, "region",
                            json_pack("{s:i,s:i,s:i,s:i}", "startLine", g->line, "startColumn", g->column, "endLine",
                                      g->end_line, "endColumn", g->end_column));
    json_t *result = json_pack("{s:o,s:o,s:o,s:[{s:o}]}", "ruleId", hub_diag_text_json(g->code), "level",
                               hub_diag_text_json(level_of(g)), "message", message_json(g->message), "locations",
                               "physicalLocation", physical);
    if (hub_diag_edit(g, &edit)) json_object_set_new(result, "fixes", fixes_json(g, &edit));
    return result;
}

static HUB_MUST json_t *sarif_rules(const struct hub_diags *d) {
    json_t *rules = json_array();
    struct hub_map seen = {0};
    for (size_t i = 0; i < hub_diags_n(d); i++) {
        const struct hub_diag *g = hub_diags_at(d, i);
        if (hub_map_put(&seen, hub_cstr(g->code), (void *)g)) continue;
        const struct hub_code_row *row = hub_code_row(g->code);
        json_array_append_new(rules, json_pack("{s:o,s:o}", "id", hub_diag_text_json(g->code), "shortDescription",
                                               message_json(row ? row->title : g->code)));
    }
    hub_map_clear(&seen);
    return rules;
}

void hub_diags_print_sarif(const struct hub_diags *d, struct hub_buf *out) {
    json_t *results = json_array();
    for (size_t i = 0; i < hub_diags_n(d); i++) json_array_append_new(results, sarif_result(hub_diags_at(d, i)));
    json_t *driver = json_pack("{s:s,s:s,s:o}", "name", "hubctl lint", "version", HUB_VERSION, "rules", sarif_rules(d));
    hub_diag_add_json(json_pack("{s:s,s:s,s:[{s:{s:o},s:s,s:o}]}", "$schema",
                                "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
                                "driver", driver, "columnKind", "unicodeCodePoints", "results", results),
                      out);
}
