/* hubctl lint --format sarif: SARIF 2.1.0, which code scanning of forges reads. */
#include "base/collection/map.h"
#include "schema/diag.h"

static HUB_MUST json_t *message_json(const char *text) { return json_pack("{s:o}", "text", hub_diag_text_json(text)); }

static HUB_MUST json_t *sarif_result(const struct hub_diag *g) {
    json_t *physical = json_pack("{s:{s:o}}", "artifactLocation", "uri", hub_diag_text_json(g->file));
    if (g->line)
        json_object_set_new(physical, "region",
                            json_pack("{s:i,s:i,s:i,s:i}", "startLine", g->line, "startColumn", g->column, "endLine",
                                      g->end_line, "endColumn", g->end_column));
    return json_pack("{s:o,s:o,s:o,s:[{s:o}]}", "ruleId", hub_diag_text_json(g->code), "level",
                     hub_diag_text_json(hub_severity_name(g->severity)), "message", message_json(g->message),
                     "locations", "physicalLocation", physical);
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
