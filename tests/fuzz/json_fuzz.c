/* The JSON parser beside jansson's own: both take and refuse the same texts and build equal trees, and
 * what is printed reads back equal. */
#include <math.h>
#include <stdlib.h>

#include "base/json/json.h"

/* jansson refuses large integers, or reads all integers as reals when asked to; depth it leaves to 2048. */
static json_t *reference(struct hub_str text) {
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_error_t why;
    json_t *v = json_loadb(text.p, text.n, flags, &why);
    if (!v && json_error_code(&why) == json_error_numeric_overflow)
        v = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, &why);
    return v;
}

static int depth_of(const json_t *v) {
    int deepest = 0;
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item) {
            int d = depth_of(item);
            if (d > deepest) deepest = d;
        }
        return deepest + 1;
    }
    if (!json_is_object(v)) return 0;
    json_object_foreach((json_t *)(uintptr_t)v, key, item) {
        int d = depth_of(item);
        if (d > deepest) deepest = d;
    }
    return deepest + 1;
}

/* Equal as JavaScript would see it: with INT_AS_REAL the reference may have lost digits that ours keeps. */
static bool alike(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b)) return false;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!alike(json_array_get(a, i), json_array_get(b, i))) return false;
        return true;
    }
    if (json_is_object(a) && json_is_object(b)) {
        const char *key;
        size_t n;
        json_t *item;
        if (json_object_size(a) != json_object_size(b)) return false;
        json_object_keylen_foreach((json_t *)(uintptr_t)a, key, n,
                                   item) if (!alike(item, json_object_getn(b, key, n))) return false;
        return true;
    }
    return a && b && json_equal(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct hub_str text = hub_str((const char *)data, n);
    struct hub_err err;
    json_t *ours = hub_json_parse(text, &err), *theirs = reference(text);
    if (theirs && depth_of(theirs) > HUB_JSON_DEPTH) {
        if (ours) abort();
    } else if (ours ? !alike(ours, theirs)
                    : theirs && !memchr(data, 0, n)) { /* jansson passes over a NUL behind a number */
        abort();
    }
    if (ours && !hub_json_well_formed(text)) abort();
    if (ours) {
        struct hub_buf printed = {0};
        hub_json_add(&printed, ours);
        json_t *again = hub_json_parse(hub_buf_str(&printed), &err);
        if (!again || !alike(ours, again)) abort();
        json_decref(again);
        hub_buf_free(&printed);
    }
    json_decref(ours);
    json_decref(theirs);
    return 0;
}
