/* Schemas out of schemas. */
#include "describe/describe_int.h"

json_t *hub_schema_type(const char *type) { return json_pack("{s:s}", "type", type); }

json_t *hub_schema_list(json_t *items) { return json_pack("{s:s, s:o}", "type", "array", "items", items); }

json_t *hub_schema_const(const char *text) { return json_pack("{s:s}", "const", text); }

json_t *hub_schema_never(void) { return json_pack("{s:{}}", "not"); }

json_t *hub_schema_enum(const struct hub_strs *words) {
    if (!words->n) return hub_schema_never();
    json_t *list = json_array();
    for (size_t i = 0; i < words->n; i++) json_array_append_new(list, json_string(words->items[i]));
    return json_pack("{s:o}", "enum", list);
}

json_t *hub_schema_ref(const char *def, const char *member) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "#/$defs/%s", def);
    if (member) {
        hub_buf_addz(&b, "/properties/");
        for (const char *p = member; *p; p++) { /* RFC 6901 */
            if (*p == '~' || *p == '/')
                hub_buf_addf(&b, "~%c", *p == '~' ? '0' : '1');
            else
                hub_buf_addc(&b, *p);
        }
    }
    json_t *ref = json_pack("{s:s}", "$ref", hub_buf_cstr(&b));
    hub_buf_free(&b);
    return ref;
}

json_t *hub_schema_object(void) { return json_pack("{s:s, s:{}}", "type", "object", "properties"); }

void hub_schema_add(json_t *object, const char *name, json_t *schema, bool required, const char *help) {
    if (help && *help && !json_object_get(schema, "description"))
        json_object_set_new(schema, "description", json_string(help));
    json_object_set_new(json_object_get(object, "properties"), name, schema);
    if (!required) return;
    if (!json_object_get(object, "required")) json_object_set_new(object, "required", json_array());
    json_array_append_new(json_object_get(object, "required"), json_string(name));
}

/* Constants become one enumeration, at the place of the first. */
static HUB_MUST json_t *join_constants(json_t *schemas) {
    json_t *out = json_array(), *s, *words = NULL;
    size_t i;
    json_array_foreach(schemas, i, s) {
        json_t *word = json_object_get(s, "const");
        if (!word) json_array_append(out, s);
        if (word && !words) {
            json_array_append_new(out, json_pack("{s:o}", "enum", words = json_array()));
        }
        if (word) json_array_append(words, word);
    }
    json_decref(schemas);
    return out;
}

/* {"type": "x"} or {"type": "null"} is {"type": ["x", "null"]}. */
static HUB_MUST json_t *with_null(json_t *schemas) {
    json_t *first = json_array_get(schemas, 0), *last = json_array_get(schemas, 1);
    if (json_array_size(schemas) != 2 || json_object_size(first) != 1 ||
        !json_is_string(json_object_get(first, "type")))
        return NULL;
    if (!hub_str_is(hub_json_get_str(last, "type"), "null")) return NULL;
    return json_pack("{s:[O, O]}", "type", json_object_get(first, "type"), json_object_get(last, "type"));
}

json_t *hub_schema_any_of(json_t *schemas) {
    json_t *joined = join_constants(schemas), *short_form = with_null(joined), *out;
    if (short_form)
        out = short_form;
    else if (!json_array_size(joined))
        out = hub_schema_never();
    else if (json_array_size(joined) == 1)
        out = json_incref(json_array_get(joined, 0));
    else
        return json_pack("{s:o}", "anyOf", joined);
    json_decref(joined);
    return out;
}
