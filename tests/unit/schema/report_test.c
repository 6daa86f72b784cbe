/* What people and tools read: the formats of lint, the catalogue of codes, the generated references. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "schema/diag.h"
#include "schema/load.h"
#include "schema/memory.h"

static void print(const char *hub, enum hub_diag_format format, struct hub_buf *out) {
    struct hub_diags *diags = hub_diags_new();
    assert_int_equal(hub_text_load(hub_str(NULL, 0), hub_cstr(hub), NULL, diags, NULL), HUB_BAD_REQUEST);
    hub_diags_print(diags, format, out);
    hub_buf_cstr(out);
    hub_diags_free(diags);
}

static void the_contracts_example_comes_out_exactly(void **state) {
    (void)state;
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    struct hub_buf out = {0};
    assert_int_equal(hub_service_load("tests/schema/bad/undefined-role", NULL, diags, &s), HUB_BAD_REQUEST);
    hub_diags_print(diags, HUB_DIAG_TEXT, &out);
    assert_string_equal(hub_buf_cstr(&out),
                        "tests/schema/bad/undefined-role/"
                        "chat.hub.yaml:31:17: error[H012]: hubRole \"moderater\" is not defined in hubRoles\n"
                        "   31 |       hubRole: moderater\n"
                        "      |                ^^^^^^^^^ did you mean \"moderator\"?\n");
    hub_buf_free(&out);
    hub_diags_free(diags);
}

static const char two_findings[] = "hubBasics: {name: chat}\nroomSettings: {roomDataObject: r}\nhubRoles:\n  - {name: "
                                   "a, canReed: \"<&>%,\"}\n  - {name: a}\n";

static void json_has_the_shape_of_the_contract(void **state) {
    (void)state;
    struct hub_buf out = {0};
    struct hub_err err;
    print(two_findings, HUB_DIAG_JSON, &out);
    json_t *root = hub_json_parse(hub_buf_str(&out), &err), *first;
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "formatVersion")), "1.0");
    assert_true(json_is_false(json_object_get(root, "valid")));
    assert_int_equal(hub_json_get_int(root, "errorCount", -1), 2);
    assert_int_equal(hub_json_get_int(root, "warningCount", -1),
                     2); /* open to all, and the role is granted by nobody */
    assert_int_equal(json_array_size(json_object_get(root, "diagnostics")), 4);
    json_t *list = json_object_get(root, "diagnostics");
    for (size_t i = 0; (first = json_array_get(list, i)) && !hub_str_is(hub_json_get_str(first, "code"), "H001");) i++;
    json_t *want =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:{s:i,s:i},s:{s:i,s:i}},s:s}", "code", "H001", "severity", "error",
                  "message", "unknown key \"canReed\" in HubRole", "file", "hub.yaml", "path", "hubRoles[0].canReed",
                  "range", "start", "line", 4, "column", 15, "end", "line", 4, "column", 22, "suggestion", "canRead");
    assert_true(hub_json_equal(first, want));
    json_decref(want);
    json_decref(root);
    hub_buf_free(&out);
}

static void nothing_to_say_is_valid_in_every_format(void **state) {
    (void)state;
    struct hub_diags *diags = hub_diags_new();
    struct hub_buf out = {0};
    struct hub_err err;
    hub_diags_print(diags, HUB_DIAG_TEXT, &out);
    hub_diags_print(diags, HUB_DIAG_GITHUB, &out);
    assert_int_equal(out.n, 0);
    hub_diags_print(diags, HUB_DIAG_JSON, &out);
    json_t *root = hub_json_parse(hub_buf_str(&out), &err);
    assert_true(json_is_true(json_object_get(root, "valid")));
    json_decref(root);
    hub_buf_clear(&out);
    hub_diags_print(diags, HUB_DIAG_JUNIT, &out);
    assert_non_null(strstr(hub_buf_cstr(&out), "failures=\"0\""));
    hub_buf_free(&out);
    hub_diags_free(diags);
}

static void sarif_names_rules_and_regions(void **state) {
    (void)state;
    struct hub_buf out = {0};
    struct hub_err err;
    print(two_findings, HUB_DIAG_SARIF, &out);
    json_t *root = hub_json_parse(hub_buf_str(&out), &err);
    json_t *run = json_array_get(json_object_get(root, "runs"), 0);
    assert_string_equal(json_string_value(json_object_get(root, "version")), "2.1.0");
    assert_int_equal(json_array_size(json_object_get(run, "results")), 4);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json_object_get(run, "tool"), "driver"), "rules")),
                     4);
    json_t *place = json_object_get(
        json_array_get(json_object_get(json_array_get(json_object_get(run, "results"), 0), "locations"), 0),
        "physicalLocation");
    assert_int_equal(hub_json_get_int(json_object_get(place, "region"), "startLine", 0), 2);
    json_decref(root);
    hub_buf_free(&out);
}

static void junit_and_github_escape_what_definitions_contain(void **state) {
    (void)state;
    struct hub_buf out = {0};
    print(two_findings, HUB_DIAG_JUNIT, &out);
    assert_non_null(strstr(out.p, "canReed: &quot;&lt;&amp;&gt;%,&quot;"));
    assert_null(strstr(out.p, "\"<&>"));
    hub_buf_clear(&out);
    print("hubBasics: {name: \"100%\\nx::y\"}\nroomSettings: {roomDataObject: r}\n", HUB_DIAG_GITHUB, &out);
    assert_non_null(
        strstr(out.p, "::error file=hub.yaml,line=1,col=19,endLine=1,endColumn=31,title=H002::name must be one line"));
    print("hubBasics: {name: \"100%\"}\nroomSettings: {roomDataObject: r}\n", HUB_DIAG_GITHUB, &out);
    assert_non_null(strstr(hub_buf_cstr(&out), "\"100%25\" is not a valid name"));
    hub_buf_free(&out);
}

static void a_very_long_line_is_cut_around_the_finding(void **state) {
    (void)state;
    struct hub_buf text = {0}, out = {0};
    hub_buf_addz(&text, "{\"hubBasics\": {\"name\": \"chat\", \"description\": \"");
    for (int i = 0; i < 5000; i++) hub_buf_addz(&text, "xy");
    hub_buf_addz(&text, "\"}, \"roomSettings\": {\"roomDataObject\": \"r\", \"chekRoles\": [], \"authScripts\": "
                        "[{\"name\": \"a\", \"script\": \"true\"}]}}");
    print(hub_buf_cstr(&text), HUB_DIAG_TEXT, &out);
    assert_true(out.n < 2000);
    char *line = strstr(out.p, "chekRoles\": [");
    char *carets = strstr(line, "^^^");
    char *start = carets, *from = line;
    while (start[-1] != '\n') start--;
    while (from[-1] != '\n') from--;
    assert_int_equal(carets - start, line - 1 - from);
    hub_buf_free(&text);
    hub_buf_free(&out);
}

/* ---- explanations ---- */

static bool is_code(const char *p) {
    return p[0] == '"' && strchr("YSHELT", p[1]) && p[2] >= '0' && p[2] <= '9' && p[3] >= '0' && p[3] <= '9' &&
           p[4] >= '0' && p[4] <= '9' && p[5] == '"';
}

static size_t codes_without_explanation(const char *folder) {
    DIR *d = opendir(folder);
    size_t missing = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        struct hub_buf text = {0}, out = {0};
        struct hub_err err;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (!hub_str_ends(hub_cstr(path), HUB_STR(".c")) || hub_file_read(path, 1 << 22, &text, &err)) continue;
        for (const char *p = hub_buf_cstr(&text); *p; p++) {
            if (!is_code(p)) continue;
            char code[5] = {p[1], p[2], p[3], p[4], 0};
            if (hub_explain(code, &out)) continue;
            missing++;
            fprintf(stderr, "%s: %s has no explanation\n", path, code);
        }
        hub_buf_free(&text);
        hub_buf_free(&out);
    }
    closedir(d);
    return missing;
}

static void every_code_that_can_be_given_is_explained(void **state) {
    (void)state;
    assert_int_equal(codes_without_explanation("schema") + codes_without_explanation("schema/scenario") +
                         codes_without_explanation("scripting"),
                     0);
}

static void every_explanation_is_complete_and_in_order(void **state) {
    (void)state;
    size_t n;
    const struct hub_code_row *rows = hub_code_rows(&n);
    const char *order = "YSHELT";
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(rows[i].title) > 0 && strlen(rows[i].meaning) > 20);
        assert_true(strcmp(rows[i].code, "Y016") == 0 || (*rows[i].wrong && *rows[i].right && *rows[i].run_time));
        if (!i) continue;
        const char *was = strchr(order, rows[i - 1].code[0]), *is = strchr(order, rows[i].code[0]);
        assert_true(is > was || (is == was && strcmp(rows[i - 1].code, rows[i].code) < 0));
    }
    struct hub_buf out = {0};
    assert_false(hub_explain("H999", &out));
    assert_int_equal(out.n, 0);
    hub_buf_free(&out);
}

/* ---- what is generated from the table ---- */

static void the_reference_is_current(void **state) {
    (void)state;
    static const char *const path[] = {[HUB_SCHEMA_HUB] = "docs/reference/hub.md",
                                       [HUB_SCHEMA_SERVICE] = "docs/reference/service.md",
                                       [HUB_SCHEMA_PLUGIN] = "docs/reference/plugin.md",
                                       [HUB_SCHEMA_SCENARIO] = "docs/reference/scenario.md"};
    for (int kind = HUB_SCHEMA_HUB; kind < HUB_SCHEMA_KINDS; kind++) {
        struct hub_buf now = {0}, written = {0};
        struct hub_err err;
        hub_reference_print((enum hub_schema_kind)kind, &now);
        assert_int_equal(hub_file_read(path[kind], 1 << 20, &written, &err), HUB_OK);
        bool same = hub_str_eq(hub_buf_str(&now), hub_buf_str(&written));
        if (!same) fprintf(stderr, "%s is not what hubctl schema --format markdown prints\n", path[kind]);
        hub_buf_free(&now);
        hub_buf_free(&written);
        assert_true(same);
    }
}

static const json_t *definition_of(const json_t *root, const json_t *field) {
    const char *ref = json_string_value(hub_json_get(field, "$ref"));
    return ref ? hub_json_get(hub_json_get(root, "$defs"), strrchr(ref, '/') + 1) : NULL;
}

static void every_reference_of_the_json_schema_is_defined(void **state) {
    (void)state;
    for (int kind = HUB_SCHEMA_HUB; kind < HUB_SCHEMA_KINDS; kind++) {
        struct hub_buf out = {0};
        struct hub_err err;
        hub_schema_print((enum hub_schema_kind)kind, &out);
        json_t *root = hub_json_parse(hub_buf_str(&out), &err);
        assert_non_null(root);
        size_t refs = 0;
        for (const char *p = hub_buf_cstr(&out); (p = strstr(p, "\"$ref\": \"#/$defs/")); refs++) {
            p += strlen("\"$ref\": \"#/$defs/");
            char name[64] = {0};
            memcpy(name, p, strcspn(p, "\""));
            assert_non_null(hub_json_get(hub_json_get(root, "$defs"), name));
        }
        assert_true(refs > 5);
        json_decref(root);
        hub_buf_free(&out);
    }
}

static void the_json_schema_knows_defaults_ranges_and_words(void **state) {
    (void)state;
    struct hub_buf out = {0};
    struct hub_err err;
    hub_schema_print(HUB_SCHEMA_HUB, &out);
    json_t *root = hub_json_parse(hub_buf_str(&out), &err);
    json_t *hub = hub_json_get(hub_json_get(root, "$defs"), "RealtimeHub");
    const json_t *basics = definition_of(root, hub_json_get(hub_json_get(hub, "properties"), "hubBasics"));
    assert_string_equal(json_string_value(json_array_get(hub_json_get(basics, "required"), 0)), "name");
    assert_true(json_is_false(hub_json_get(basics, "additionalProperties")));
    json_t *limit = hub_json_get(
        hub_json_get(hub_json_get(hub_json_get(root, "$defs"), "HubHistorySettings"), "properties"), "historyLimit");
    assert_int_equal(hub_json_get_int(limit, "default", 0), 50);
    assert_non_null(strstr(hub_buf_cstr(&out), "\"maximum\": 1000"));
    assert_non_null(strstr(out.p, "\"sticker\""));
    json_decref(root);
    hub_buf_free(&out);
}

static void the_json_schema_takes_one_spelling_of_a_key_and_fields_within_fields(void **state) {
    (void)state;
    struct hub_buf out = {0};
    struct hub_err err;
    hub_schema_print(HUB_SCHEMA_HUB, &out);
    json_t *root = hub_json_parse(hub_buf_str(&out), &err);
    const json_t *field = hub_json_get(hub_json_get(root, "$defs"), "HubCustomField");
    const json_t *properties = hub_json_get(field, "properties");
    assert_true(hub_json_equal(hub_json_get(properties, "fieldType"), hub_json_get(properties, "type")));
    json_t *required = json_pack("[s]", "name");
    json_t *one = json_pack("[{s:[{s:[s]},{s:[s]}]}]", "oneOf", "required", "fieldType", "required", "type");
    assert_true(hub_json_equal(hub_json_get(field, "required"), required));
    assert_true(hub_json_equal(hub_json_get(field, "allOf"), one));
    const json_t *own = json_array_get(hub_json_get(hub_json_get(properties, "fields"), "anyOf"), 0);
    assert_string_equal(json_string_value(hub_json_get(hub_json_get(own, "items"), "$ref")), "#/$defs/HubCustomField");
    json_decref(required);
    json_decref(one);
    json_decref(root);
    hub_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contracts_example_comes_out_exactly),
        cmocka_unit_test(json_has_the_shape_of_the_contract),
        cmocka_unit_test(nothing_to_say_is_valid_in_every_format),
        cmocka_unit_test(sarif_names_rules_and_regions),
        cmocka_unit_test(junit_and_github_escape_what_definitions_contain),
        cmocka_unit_test(a_very_long_line_is_cut_around_the_finding),
        cmocka_unit_test(every_code_that_can_be_given_is_explained),
        cmocka_unit_test(every_explanation_is_complete_and_in_order),
        cmocka_unit_test(the_reference_is_current),
        cmocka_unit_test(every_reference_of_the_json_schema_is_defined),
        cmocka_unit_test(the_json_schema_knows_defaults_ranges_and_words),
        cmocka_unit_test(the_json_schema_takes_one_spelling_of_a_key_and_fields_within_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
