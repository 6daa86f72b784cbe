/* Types of values from definitions of fields. */
#include "schema/analysis/types.h"

/* An id comes as text or, from an existing table, as a number: nothing is known of it. */
struct hub_type hub_type_of_field(const struct hub_def_field *f) {
    static const enum hub_type_kind kinds[] = {
        [HUB_FIELD_STRING] = HUB_TYPE_TEXT,     [HUB_FIELD_TEXT] = HUB_TYPE_TEXT,
        [HUB_FIELD_INTEGER] = HUB_TYPE_NUMBER,  [HUB_FIELD_DECIMAL] = HUB_TYPE_NUMBER,
        [HUB_FIELD_BOOLEAN] = HUB_TYPE_BOOLEAN, [HUB_FIELD_ID] = HUB_TYPE_ANY,
        [HUB_FIELD_DATETIME] = HUB_TYPE_MOMENT, [HUB_FIELD_ENUM] = HUB_TYPE_ENUM,
        [HUB_FIELD_JSON] = HUB_TYPE_ANY};
    struct hub_type t = {.kind = kinds[f->type], .list = f->list};
    if (f->type == HUB_FIELD_ENUM) t.values = &f->enum_values;
    if (f->type == HUB_FIELD_ENUM && !f->enum_values.n) t.kind = HUB_TYPE_ANY;
    if (f->type == HUB_FIELD_JSON && f->field_n) {
        t.kind = HUB_TYPE_RECORD;
        t.fields = f->fields;
        t.field_n = f->field_n;
    }
    return t;
}

struct hub_type hub_type_of_object(const struct hub_def_object *o) {
    return (struct hub_type){.kind = HUB_TYPE_RECORD, .fields = o->properties, .field_n = o->property_n};
}

const struct hub_def_field *hub_type_member(struct hub_type t, struct hub_str name) {
    for (size_t i = 0; i < t.field_n; i++)
        if (t.fields[i].name && hub_str_is(name, t.fields[i].name)) return &t.fields[i];
    return NULL;
}

const char *hub_type_name(struct hub_type t) {
    static const char *const names[] = {"anything",   "a Boolean", "a number", "a text", "one of a list of texts",
                                        "a DateTime", "an object"};
    return t.list ? "a list" : names[t.kind];
}
