/* For tests of scripting: a service without files, scripts made from text, calls that remember how they
 * ended. */
#ifndef HUB_TEST_SCRIPT_ENV_H
#define HUB_TEST_SCRIPT_ENV_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "base/time/clock.h"
#include "scripting/scripts.h"

/* The scripts of the service are its hub's scheduled actions: as many as wanted, compiled like all others. */
struct script_env {
    struct hub_service service;
    struct hub_def hub;
    struct hub_def_scheduled_action *actions;
    struct hub_script **scripts;
    struct hub_loop *loop;
    struct hub_scripts *s;
    struct hub_host host;
    struct hub_err err;
};

struct script_result {
    int calls;
    enum hub_code code;
    json_t *value; /* own reference */
    char error[400];
    struct hub_loop *stop; /* stopped when the call ends */
};

static inline void script_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct script_result *r = arg;
    r->calls++;
    r->code = code;
    json_decref(r->value);
    r->value = json_incref(result);
    snprintf(r->error, sizeof r->error, "%s", error ? error : "");
    if (r->stop) hub_loop_stop(r->stop);
}

static inline void script_env_init(struct script_env *e) {
    *e = (struct script_env){0};
    e->service = (struct hub_service){
        .dir = ".", .name = "test", .script_cpu_ms = 100, .script_wall_ms = 5000, .script_memory_mib = 64};
    e->service.hubs = &e->hub;
    e->service.hub_n = 1;
}

/* Adds a script; returns its number. */
static inline size_t script_env_add(struct script_env *e, enum hub_script_kind kind, const char *text) {
    size_t i = e->hub.scheduled_action_n++;
    e->actions = hub_xrealloc(e->actions, e->hub.scheduled_action_n * sizeof e->actions[0]);
    e->actions[i] = (struct hub_def_scheduled_action){
        .script = {.kind = kind, .text = hub_cstr(text), .file = "t.hub.yaml", .line = 7, .column = 3}};
    e->hub.scheduled_actions = e->actions;
    return i;
}

static inline enum hub_code script_env_start(struct script_env *e) {
    e->scripts = hub_xrealloc(e->scripts, (e->hub.scheduled_action_n + 1) * sizeof(struct hub_script *));
    for (size_t i = 0; i < e->hub.scheduled_action_n; i++) {
        e->scripts[i] = &e->actions[i].script;
        e->actions[i].script.number = i;
    }
    e->service.scripts = e->scripts;
    e->service.script_n = e->hub.scheduled_action_n;
    return hub_scripts_new(&e->s, e->loop, &e->service, &e->host, &e->err);
}

static inline void script_env_end(struct script_env *e) {
    hub_scripts_delete(e->s);
    free(e->actions);
    free(e->scripts);
    if (e->loop) hub_loop_delete(e->loop);
}

static inline const struct hub_script *script_env_script(const struct script_env *e, size_t i) {
    return &e->actions[i].script;
}

static inline void script_call(struct script_env *e, size_t i, const struct hub_hook_arg *args, size_t n,
                               struct script_result *r) {
    hub_lua_hook_ops.call(e->s, script_env_script(e, i), NULL, args, n, script_done, r);
}

/* Compiles and runs one script in a service of its own. The result is as JSON text in a static buffer, or
 * "CODE: error". */
static inline const char *script_eval(enum hub_script_kind kind, const char *text, const struct hub_hook_arg *args,
                                      size_t n) {
    static char out[8000];
    struct script_env e;
    struct script_result r = {0};
    script_env_init(&e);
    script_env_add(&e, kind, text);
    if (script_env_start(&e)) {
        snprintf(out, sizeof out, "compile: %s", e.err.text);
        script_env_end(&e);
        return out;
    }
    script_call(&e, 0, args, n, &r);
    if (r.code) {
        snprintf(out, sizeof out, "%s: %s", hub_code_name(r.code), r.error);
    } else {
        struct hub_buf b = {0};
        if (r.value)
            hub_json_add(&b, r.value);
        else
            hub_buf_addz(&b, "undefined");
        snprintf(out, sizeof out, "%.*s", HUB_FMT(b));
        hub_buf_free(&b);
    }
    json_decref(r.value);
    script_env_end(&e);
    return out;
}
#endif
