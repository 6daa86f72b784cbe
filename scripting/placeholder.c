/* Stands in for the Lua engine until it lands: every hook returns true. Delete this file together with the arrival of scripts.c. */
#include "scripting/scripts.h"
static void call(struct hub_scripts *s, const struct hub_script *script, const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    (void)s;
    (void)script;
    (void)args;
    (void)n;
    done(arg, HUB_OK, json_true(), NULL);
}
static void event(struct hub_scripts *s, const struct hub_script *script, json_t *socket, json_t *args, const struct hub_hook_bins *bins,
                  const struct hub_hook_arg *extra, size_t n, hub_hook_event_done *done, void *arg) {
    (void)s;
    (void)script;
    (void)socket;
    (void)bins;
    (void)extra;
    (void)n;
    done(arg, HUB_OK, args, NULL, NULL);
}
static void forget(struct hub_scripts *s, const char *sid) {
    (void)s;
    (void)sid;
}
const struct hub_hook_ops hub_lua_hook_ops = {call, event, forget};
static void check(void *ctx, const struct hub_script *script, const char *const *vars, hub_script_report *report, void *arg) {
    (void)ctx;
    (void)script;
    (void)vars;
    (void)report;
    (void)arg;
}
static void check_file(void *ctx, const char *path, struct hub_str text, hub_script_report *report, void *arg) {
    (void)ctx;
    (void)path;
    (void)text;
    (void)report;
    (void)arg;
}
const struct hub_script_checker hub_lua_checker = {check, check_file, NULL};
enum hub_code hub_scripts_new(struct hub_scripts **out, struct hub_loop *loop, struct hub_service *service, const struct hub_host *host,
                              struct hub_err *err) {
    (void)loop;
    (void)service;
    (void)host;
    (void)err;
    *out = NULL;
    return HUB_OK;
}
void hub_scripts_delete(struct hub_scripts *s) { (void)s; }
