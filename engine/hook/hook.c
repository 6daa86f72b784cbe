/* What a hook's result means where yes or no was asked. */
#include "hook/hook.h"

#include <math.h>

#include "base/telemetry/log.h"
#include "base/text/utf8.h"

bool hub_hook_wants(const struct hub_hook_ops *ops, const struct hub_scripts *s, const struct hub_script *script,
                    const char *variable) {
    return script->kind != HUB_SCRIPT_NONE && (!ops->wants || ops->wants(s, script, variable));
}

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

/* Such a key does nothing, and whoever wrote it has meant something by it. */
static void log_unknown_key(const json_t *object, const char *names) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v) {
        if (hub_str_among(hub_cstr(key), names)) continue;
        hub_log_kv(HUB_LOG_WARN, "hub", "a script gave a key that nothing reads", "key", key, "known", names, NULL);
        return;
    }
}

enum hub_code hub_script_keys(const json_t *object, const char *names, struct hub_err *err) {
    struct hub_str meant;
    const char *key = hub_json_misspelt(object, names, &meant);
    if (key)
        return hub_fail(err, HUB_BAD_REQUEST, "%.*s: unknown key; did you mean \"%.*s\"?", HUB_CUTZ(key, 64),
                        HUB_FMT(meant));
    log_unknown_key(object, names);
    return HUB_OK;
}
