/* Calling the scripts' side: shared context variables, failures logged and counted. */
#include "base/text/utf8.h"
#include "hub/core/core.h"

#include <stdio.h>

#include "base/telemetry/log.h"

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
    hub_log_kv(HUB_LOG_WARN, "hub", "hook failed", "hub", hub ? hub->def->name : NULL, "hook", script->path, "code",
               hub_code_name(code), "error", error, NULL);
}

json_t *hub_strs_json(const struct hub_strs *names) {
    json_t *all = json_array();
    for (size_t i = 0; i < names->n; i++) json_array_append_new(all, json_string(names->items[i]));
    return all;
}

const struct hub_table *hub_host_table(struct hub_engine *e, struct hub_host_call *c) {
    struct hub_str name = hub_host_text(c, 0);
    const struct hub_table *t = hub_tables_find(e->config.tables, name);
    char text[160];
    if (t) return t;
    snprintf(text, sizeof text, "there is no DataObject \"%.*s\"", HUB_CUT(name, 64));
    hub_host_fail(c, HUB_NOT_FOUND, text);
    return NULL;
}
