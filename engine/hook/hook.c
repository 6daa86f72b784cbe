/* What a hook's result means where yes or no was asked. */
#include "hook/hook.h"

#include <math.h>

bool hub_truthy(const json_t *v) {
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE: return false;
    case JSON_INTEGER: return json_integer_value(v) != 0;
    case JSON_REAL: return json_real_value(v) != 0 && !isnan(json_real_value(v));
    case JSON_STRING: return json_string_length(v) > 0;
    default: return true;
    }
}

enum hub_code hub_script_keys(const json_t *object, const char *names, struct hub_err *err) {
    struct hub_str meant;
    const char *key = hub_json_misspelt(object, names, &meant);
    return key ? hub_fail(err, HUB_BAD_REQUEST, "%.64s: unknown key; did you mean \"%.*s\"?", key, HUB_FMT(meant))
               : HUB_OK;
}
