/* JSON Schema (draft 2020-12) of the documents, from the table: for completion and checks in editors. */
#include <stdlib.h>

#include "schema/load.h"
#include "schema/scenario/rows.h"
#include "schema/table.h"

static const char *const reference = "$ref";

static HUB_MUST json_t *json_text(const char *s) { return hub_json_string(hub_cstr(s)); }

static HUB_MUST json_t *of_type(const char *type) { return json_pack("{s:s}", "type", type); }

/* Every value may also come from the environment. */
static HUB_MUST json_t *or_variable(json_t *schema) {
    return json_pack("{s:[o,{s:s,s:s}]}", "anyOf", schema, "type", "string", "pattern",
                     "^\\$\\{[A-Z_][A-Z0-9_]*(:-.*)?\\}$");
}

static HUB_MUST json_t *words_schema(const struct hub_words *words) {
    json_t *list = json_array();
    for (; words->word; words++) json_array_append_new(list, json_text(words->word));
    return json_pack("{s:o}", "enum", list);
}

static HUB_MUST json_t *int_schema(const struct hub_row *r) {
    json_t *s = of_type("integer");
    if (r->max) {
        json_object_set_new(s, "minimum", json_integer(r->min));
        json_object_set_new(s, "maximum", json_integer(r->max));
    }
    return or_variable(s);
}

static HUB_MUST json_t *duration_schema(const struct hub_row *r) {
    return json_pack("{s:[o,{s:s,s:s}]}", "anyOf", int_schema(r), "type", "string", "pattern", "^[0-9]+[smhd]$");
}

static HUB_MUST json_t *name_schema(const struct hub_row *r) {
    static const char *const pattern[] = {
        [HUB_NAME_CODE] = "^[a-z][a-zA-Z0-9]*$",
        [HUB_NAME_IDENTIFIER] = "^[A-Za-z_$][A-Za-z0-9_$]*$",
        [HUB_NAME_LABEL] = "^[A-Za-z_][A-Za-z0-9_-]*$",
        [HUB_NAME_TOPIC] = "^[A-Za-z0-9._-]+$",
        [HUB_NAME_EVENT] = "^\\S+$",
        [HUB_NAME_TABLE] = "^[A-Za-z_$][A-Za-z0-9_$]*(\\.[A-Za-z_$][A-Za-z0-9_$]*)*$",
    };
    json_t *s = of_type("string");
    json_object_set_new(s, "pattern", json_text(pattern[r->rule]));
    json_object_set_new(s, "maxLength", json_integer(r->max ? r->max : HUB_NAME_MAX));
    return or_variable(s);
}

static HUB_MUST json_t *list_schema(json_t *items) {
    return json_pack("{s:s,s:o,s:i}", "type", "array", "items", items, "maxItems", HUB_LIST_MAX);
}

static HUB_MUST json_t *strings_schema(json_t *items) {
    return json_pack("{s:[{s:s},o]}", "anyOf", "type", "string", list_schema(items));
}

static HUB_MUST json_t *script_schema(void) {
    return json_pack("{s:[{s:[s,s]},{s:s,s:{s:{s:s}},s:[s],s:b}]}", "anyOf", "type", "string", "boolean", "type",
                     "object", "properties", "lua", "type", "string", "required", "lua", "additionalProperties", 0);
}

static HUB_MUST json_t *pattern_schema(void) {
    return json_pack("{s:[{s:s},{s:s,s:{s:{s:s}},s:[s],s:b}]}", "anyOf", "type", "string", "type", "object",
                     "properties", "regex", "type", "string", "required", "regex", "additionalProperties", 0);
}

static void set_reference(json_t *schema, const struct hub_fields *t) {
    struct hub_buf path = {0};
    hub_buf_addf(&path, "#/$defs/%s", t->name);
    json_object_set_new(schema, reference, json_text(hub_buf_cstr(&path)));
    hub_buf_free(&path);
}

static HUB_MUST json_t *ref_schema(const struct hub_fields *t) {
    json_t *s = json_object();
    set_reference(s, t);
    return s;
}

static HUB_MUST json_t *value_schema(const struct hub_row *r) {
    switch (r->kind) {
    case HUB_KIND_BOOL: return or_variable(of_type("boolean"));
    case HUB_KIND_INT: return int_schema(r);
    case HUB_KIND_DURATION: return duration_schema(r);
    case HUB_KIND_NAME: return name_schema(r);
    case HUB_KIND_SCRIPT: return script_schema();
    case HUB_KIND_PATTERN: return pattern_schema();
    case HUB_KIND_STRINGS: return strings_schema(json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean"));
    case HUB_KIND_WORD: return or_variable(words_schema(r->words));
    case HUB_KIND_WORDS: return strings_schema(words_schema(r->words));
    case HUB_KIND_GROUP: return ref_schema(r->table);
    case HUB_KIND_LIST: return list_schema(ref_schema(r->table));
    case HUB_KIND_VALUE: return json_object();
    case HUB_KIND_MAP:
        return json_pack("{s:s,s:{s:[s,s,s]}}", "type", "object", "additionalProperties", "type", "string", "number",
                         "boolean");
    case HUB_KIND_COLUMNS:
        return json_pack("{s:s,s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    default: return of_type("string");
    }
}

static HUB_MUST json_t *default_value(const struct hub_row *r) {
    int64_t i = 0;
    if (r->kind == HUB_KIND_BOOL) return json_boolean(strcmp(r->fallback, "true") == 0);
    if ((r->kind == HUB_KIND_INT || r->kind == HUB_KIND_DURATION) && hub_str_i64(hub_cstr(r->fallback), &i))
        return json_integer(i);
    if (r->kind == HUB_KIND_WORDS) return json_pack("[s]", r->fallback);
    return json_text(r->fallback);
}

static HUB_MUST json_t *field_schema(const struct hub_row *r) {
    json_t *value = value_schema(r), *s;
    bool optional = !(r->flags & HUB_ROW_REQUIRED);
    s = optional ? json_pack("{s:[o,{s:s}]}", "anyOf", value, "type", "null") : value;
    json_object_set_new(s, "description", json_text(r->help));
    if (r->fallback) json_object_set_new(s, "default", default_value(r));
    return s;
}

/* One of the two spellings of a key and not both; neither only where it may be left out. */
static HUB_MUST json_t *spelling_schema(const struct hub_row *r) {
    if (r->flags & HUB_ROW_REQUIRED)
        return json_pack("{s:[{s:[s]},{s:[s]}]}", "oneOf", "required", r->key, "required", r->alias);
    return json_pack("{s:{s:[s,s]}}", "not", "required", r->key, r->alias);
}

static HUB_MUST json_t *table_schema(const struct hub_fields *t) {
    json_t *properties = json_object(), *required = json_array(), *spellings = json_array();
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        json_object_set_new(properties, r->key, field_schema(r));
        if (r->alias) {
            json_object_set_new(properties, r->alias, field_schema(r));
            json_array_append_new(spellings, spelling_schema(r));
        } else if (r->flags & HUB_ROW_REQUIRED) {
            json_array_append_new(required, json_text(r->key));
        }
    }
    json_t *s = json_pack("{s:s,s:o,s:o,s:b}", "type", "object", "description", json_text(t->help), "properties",
                          properties, "additionalProperties", 0);
    if (json_array_size(required))
        json_object_set_new(s, "required", required);
    else
        json_decref(required);
    if (json_array_size(spellings))
        json_object_set_new(s, "allOf", spellings);
    else
        json_decref(spellings);
    return s;
}

static void add_definitions(json_t *defs, const struct hub_fields *t) {
    if (json_object_get(defs, t->name)) return;
    json_object_set_new(defs, t->name, table_schema(t));
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r))
        if (r->table) add_definitions(defs, r->table);
}

void hub_schema_print(enum hub_schema_kind kind, struct hub_buf *out) {
    static const struct hub_fields *const tables[] = {[HUB_SCHEMA_HUB] = &hub_fields_hub,
                                                      [HUB_SCHEMA_SERVICE] = &hub_fields_service,
                                                      [HUB_SCHEMA_PLUGIN] = &hub_fields_plugin,
                                                      [HUB_SCHEMA_SCENARIO] = &hub_fields_scenario};
    const struct hub_fields *t = tables[kind];
    json_t *defs = json_object(), *root = json_object();
    add_definitions(defs, t);
    json_object_set_new(root, "$schema", json_text("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(root, "title", json_text(t->name));
    if (kind == HUB_SCHEMA_HUB)
        json_object_set_new(root, "anyOf",
                            json_pack("[o,{s:s,s:{s:o},s:[s],s:b}]", ref_schema(t), "type", "object", "properties",
                                      "realtimeHub", ref_schema(t), "required", "realtimeHub", "additionalProperties",
                                      0));
    else
        set_reference(root, t);
    json_object_set_new(root, "$defs", defs);
    char *printed = json_dumps(root, JSON_INDENT(2));
    hub_buf_addz(out, printed);
    hub_buf_addc(out, '\n');
    free(printed);
    json_decref(root);
}
