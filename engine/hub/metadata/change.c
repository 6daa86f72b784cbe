/* What a change makes of metadata, and the bounds it keeps. Pure functions. */
#include "hub/metadata/metadata_int.h"

static struct hub_metric changes_total =
    HUB_METRIC(HUB_COUNTER, "hubd_metadata_changes_total", NULL, "Changes of metadata of connections and rooms");

void hub_metadata_count(int64_t changes) { hub_metric_add(&changes_total, changes); }

enum hub_code hub_metadata_strategy(struct hub_str name, enum hub_metadata_strategy *out, struct hub_err *err) {
    static const char *const names[] = {"replace", "merge", "deepMerge"};
    *out = HUB_METADATA_REPLACE;
    for (size_t i = 0; i < HUB_NELEM(names); i++) {
        if (!hub_str_is(name, names[i])) continue;
        *out = (enum hub_metadata_strategy)i;
        return HUB_OK;
    }
    return name.n ? hub_fail(err, HUB_BAD_REQUEST, "strategy: expected replace, merge or deepMerge") : HUB_OK;
}

static HUB_MUST json_t *merged_object(const json_t *old, const json_t *change, bool deep) {
    json_t *out = json_is_object(old) ? json_copy((json_t *)(uintptr_t)old) : json_object(), *v;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)change, key, v) {
        const json_t *was = deep ? json_object_get(out, key) : NULL;
        if (json_is_object(was) && json_is_object(v))
            json_object_set_new(out, key, merged_object(was, v, true));
        else
            json_object_set(out, key, v);
    }
    return out;
}

static HUB_MUST json_t *replaced_object(const json_t *old, const json_t *change, const json_t *only) {
    json_t *out = only ? merged_object(old, change, false) : json_copy((json_t *)(uintptr_t)change);
    for (size_t i = 0; i < json_array_size(only); i++) {
        const char *key = json_string_value(json_array_get(only, i));
        if (key && !hub_json_get(change, key)) json_object_del(out, key);
    }
    return out;
}

json_t *hub_metadata_changed(const json_t *old, const json_t *change, enum hub_metadata_strategy strategy,
                             const json_t *only) {
    if (strategy == HUB_METADATA_REPLACE) return replaced_object(old, change, only);
    return merged_object(old, change, strategy == HUB_METADATA_DEEP_MERGE);
}
