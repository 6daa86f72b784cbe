/* Fields of the definition as schemas. */
#include "describe/describe_int.h"

static HUB_MUST json_t *string_schema(int least, int most) {
    json_t *s = hub_schema_type("string");
    if (least) json_object_set_new(s, "minLength", json_integer(least));
    if (most) json_object_set_new(s, "maxLength", json_integer(most));
    return s;
}

static HUB_MUST json_t *json_schema_of(const struct hub_def_field *f, bool sent) {
    if (f->field_n) return hub_describe_fields(f->fields, f->field_n, sent);
    return json_pack("{s:[s, s]}", "type", "object", "array");
}

static HUB_MUST json_t *element_schema(const struct hub_def_field *f, bool sent) {
    switch (f->type) {
    case HUB_FIELD_STRING: return string_schema(0, 255);
    case HUB_FIELD_TEXT: return hub_schema_type("string");
    case HUB_FIELD_INTEGER: return hub_schema_type("integer");
    case HUB_FIELD_DECIMAL: return hub_schema_type("number");
    case HUB_FIELD_BOOLEAN: return hub_schema_type("boolean");
    case HUB_FIELD_ID: return string_schema(1, 255);
    case HUB_FIELD_DATETIME: return hub_schema_type("string");
    case HUB_FIELD_ENUM: return hub_schema_enum(&f->enum_values);
    case HUB_FIELD_JSON: return json_schema_of(f, sent);
    }
    return hub_schema_never();
}

static HUB_MUST json_t *field_schema(const struct hub_def_field *f, bool sent) {
    json_t *s = element_schema(f, sent);
    if (f->list) s = hub_schema_list(s);
    if (f->default_value) json_object_set(s, "default", f->default_value);
    return s;
}

json_t *hub_describe_fields(const struct hub_def_field *fields, size_t n, bool sent) {
    json_t *object = hub_schema_object();
    for (size_t i = 0; i < n; i++) {
        const struct hub_def_field *f = &fields[i];
        hub_schema_add(object, f->name, field_schema(f, sent), f->default_value ? !sent : f->required, f->description);
    }
    if (sent) json_object_set_new(object, "additionalProperties", json_false());
    return object;
}

/* What has no value is null, or not there. */
static void add_property(json_t *object, const struct hub_def_field *f, bool is_id) {
    json_t *s = field_schema(f, false);
    json_object_del(s, "default");
    if (!is_id && !f->required) s = hub_schema_any_of(json_pack("[o, o]", s, hub_schema_type("null")));
    hub_schema_add(object, f->name, s, is_id || f->required, f->description);
}

json_t *hub_describe_record(const struct hub_def_object *object) {
    json_t *s = hub_schema_object();
    for (size_t i = 0; i < object->property_n; i++) {
        const struct hub_def_field *f = &object->properties[i];
        bool is_id = !strcmp(f->name, object->id_property);
        if (is_id || !hub_def_kept_by_hubd(object, hub_cstr(f->name))) add_property(s, f, is_id);
    }
    return s;
}
