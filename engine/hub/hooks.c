/* Calling the scripts' side: shared context variables, failures logged and counted. */
#include "base/log.h"
#include "hub/hub_int.h"

size_t hub_hook_room_args(const struct hub_hub *hub, json_t *record, struct hub_hook_arg *args, size_t n) {
    args[n++] = (struct hub_hook_arg){"room", record};
    if (strcmp(hub->def->room_object->name, "room"))
        args[n++] = (struct hub_hook_arg){hub->def->room_object->name, record};
    return n;
}

void hub_hook_failed(const struct hub_hub *hub, const struct hub_script *script, enum hub_code code,
                     const char *error) {
    hub_metric_add(hub_metric_labelled("hubd_hook_failures_total", "Failed hooks by place in the definition",
                                       HUB_COUNTER, "hook", hub_cstr(script->path)),
                   1);
    hub_log_kv(HUB_LOG_WARN, "hub", "hook failed", "hub", hub->def->name, "hook", script->path, "code",
               hub_code_name(code), "error", error, NULL);
}

bool hub_target_parse(const json_t *v, enum hub_to *to, const json_t **ids) {
    struct hub_str s = hub_json_str(v);
    *ids = NULL;
    if (hub_json_nil(v) || hub_str_is(s, "all")) return *to = HUB_TO_ALL, true;
    if (hub_str_is(s, "others")) return *to = HUB_TO_OTHERS, true;
    if (hub_str_is(s, "sender")) return *to = HUB_TO_SENDER, true;
    if (!json_is_array(v)) return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i))) return false;
    *to = HUB_TO_IDS;
    *ids = v;
    return true;
}
