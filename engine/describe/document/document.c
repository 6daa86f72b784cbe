/* What the two kinds of documents have in common. */
#include "base/memory/mem.h"
#include "describe/describe_int.h"

/* Documents want a version; what is described has none of its own. */
json_t *hub_describe_info(const struct hub_service *service) {
    return json_pack("{s:s, s:s}", "title", service->name, "version", "1.0.0");
}

static void move_references(json_t *value);

static void move_member(json_t *object, const char *key, json_t *value) {
    static const char from[] = "#/$defs/";
    struct hub_str ref = hub_json_str(value);
    if (strcmp(key, "$ref") || !hub_str_starts(ref, hub_cstr(from))) {
        move_references(value);
        return;
    }
    struct hub_buf to = {0};
    hub_buf_addz(&to, "#/components/schemas/");
    hub_buf_add(&to, ref.p + strlen(from), ref.n - strlen(from));
    hub_json_set_str(object, key, hub_buf_str(&to));
    hub_buf_free(&to);
}

static void move_references(json_t *value) {
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, v) move_references(v);
    }
    json_object_foreach(value, key, v) move_member(value, key, v);
}

json_t *hub_describe_with_types(json_t *document, json_t *defs) {
    json_t *components = json_object_get(document, "components"), *copy;
    if (!components) json_object_set_new(document, "components", components = json_object());
    json_object_set_new(components, "schemas", defs);
    copy = json_deep_copy(document); /* schemas may be shared, and each is moved once */
    json_decref(document);
    move_references(copy);
    return copy;
}
