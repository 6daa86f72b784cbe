/* Commands: found by name, judged, run with the middleware around them, answered. */
#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/memory/block.h"
#include "base/telemetry/log.h"
#include "base/text/utf8.h"
#include "data/fields.h"
#include "hub/command/command_int.h"

static struct hub_metric commands_total =
    HUB_METRIC(HUB_COUNTER, "hubd_commands_total", NULL, "Commands that were run");

static struct hub_command_answers *answers_of(struct hub_engine *e) { return *hub_engine_part(e, &hub_commands_part); }

/* ---- by name ---- */

static const struct hub_def_command *command_named(const struct hub_def *def, struct hub_str name) {
    for (size_t i = 0; i < def->parts.command_n; i++)
        if (hub_str_is(name, def->parts.commands[i].name)) return &def->parts.commands[i];
    return NULL;
}

static void fail_unknown(struct hub_call *call, struct hub_str name) {
    const struct hub_def_parts *p = &call->hub->def->parts;
    struct hub_nearest near = {.word = name};
    char hint[HUB_NEAREST_HINT];
    for (size_t i = 0; i < p->command_n; i++) hub_nearest_try(&near, p->commands[i].name);
    hub_call_fail(call, HUB_UNKNOWN_COMMAND, "there is no command \"%.*s\"%s", HUB_CUT(name, 100),
                  hub_nearest_hint(&near, hint));
}

/* ---- the end ---- */

static void run_free(struct hub_command_run *run) {
    hub_unhold(&run->hold);
    hub_conn_unref(run->conn);
    if (run->room) hub_room_unref(run->room);
    hub_block_give(run);
}

static void tell_stream(struct hub_command_run *run, const struct hub_command_end *end) {
    struct hub_command_stream *s = run->stream;
    if (s) s->over(s, end->refused ? hub_cstr(hub_code_name(end->refused)) : end->code);
}

/* It was answered. */
static void run_over(struct hub_command_run *run) {
    run->call = NULL;
    hub_command_turn_over(run);
    run_free(run);
}

static void run_end(struct hub_command_run *run, const struct hub_command_end *end) {
    tell_stream(run, end);
    if (run->call) hub_command_answer(run->answer, run->call, end);
    run_over(run);
}

static void run_fail(struct hub_command_run *run, enum hub_code code, const char *text) {
    run_end(run, &(struct hub_command_end){.refused = code, .message = hub_cstr(text)});
}

void hub_command_drop(struct hub_command_run *run) {
    const struct hub_command_end end = {.refused = HUB_NOT_IN_ROOM};
    hub_command_refuse(run->answer, run->call, &end); /* nobody is there to read it */
    run_free(run);
}

static void end_thrown(struct hub_command_run *run, const json_t *thrown) {
    struct hub_str code = hub_json_get_str(thrown, "code"), message = hub_json_get_str(thrown, "message");
    run_end(run, &(struct hub_command_end){
                     .code = code, .message = message.n ? message : code, .data = json_object_get(thrown, "data")});
}

/* Whether the answer is what the definition says. */
static bool result_fits(struct hub_command_run *run, json_t *result) {
    const struct hub_fields_of of = {"result", "command", run->def->name};
    struct hub_err err;
    bool changed;
    if (!run->def->result_n || !hub_fields_check(run->def->result, run->def->result_n, result, &of, &changed, &err))
        return true;
    hub_hook_failed(run->call->hub, &run->def->script, HUB_HANDLER_FAILED, err.text);
    return false;
}

static void end_with(struct hub_command_run *run, const struct hub_hook_outcome *o) {
    json_t *result = o->result;
    if (run->stream || o->text.n) {
        run_end(run, &(struct hub_command_end){.refused = HUB_OK, .result = o->text});
        return;
    }
    if (!result_fits(run, result)) {
        run_fail(run, HUB_HANDLER_FAILED, "the command's result is not what its definition says");
        return;
    }
    struct hub_engine *e = run->conn->hub->engine;
    struct hub_buf json = hub_scratch_take(e);
    hub_json_add(&json, result ? result : json_null());
    run_end(run, &(struct hub_command_end){.result = hub_buf_str(&json)}); /* RUN is gone */
    hub_scratch_give(e, &json);
}

static void on_ran(void *arg, const struct hub_hook_outcome *o) {
    struct hub_command_run *run = arg;
    if (o->code == HUB_OK) {
        end_with(run, o);
    } else if (o->refused) {
        run_fail(run, o->refused, o->error);
    } else if (hub_code_of_script(hub_json_get_str(o->thrown, "code"))) {
        end_thrown(run, o->thrown);
    } else {
        hub_hook_failed(run->conn->hub, o->script, o->code, o->error);
        run_fail(run, o->code, hub_code_text(o->code));
    }
}

/* ---- who may ---- */

/* The system role may call everything. */
static enum hub_code check_role(const struct hub_call *call, const struct hub_def_command *def, struct hub_err *err) {
    if (call->rights.system) return HUB_OK;
    for (size_t i = 0; i < def->roles.n; i++)
        if (call->rights.role && !strcmp(def->roles.items[i], call->rights.role->name)) return HUB_OK;
    return def->roles.n ? hub_fail(err, HUB_NOT_ALLOWED, "your role in the room may not call \"%s\"", def->name)
                        : HUB_OK;
}

/* What has waited is judged by what the caller is now. */
static enum hub_code judge_again(struct hub_command_run *run, struct hub_err *err) {
    struct hub_call *call = run->call;
    struct hub_member *m = call->member;
    if (call->hub->engine->draining) return hub_fail(err, HUB_SHUTTING_DOWN, NULL);
    if (run->stream && run->stream->unwanted) return hub_fail(err, HUB_CLIENT_DISCONNECTED, NULL);
    if (!m) {
        hub_call_renew(call);
        return HUB_OK;
    }
    if (m->gone) return hub_fail(err, m->put_out ? m->put_out : HUB_NOT_IN_ROOM, NULL);
    if (call->room->ended) return hub_fail(err, call->room->ended, NULL);
    call->rights = m->rights;
    return check_role(call, run->def, err);
}

/* OBJECT: the caller's payload, or what middleware has made of it. */
static enum hub_code check_payload(const struct hub_def_command *def, json_t *object, bool *changed,
                                   struct hub_err *err) {
    const struct hub_fields_of of = {"payload", "command", def->name};
    return def->field_n ? hub_fields_check(def->fields, def->field_n, object, &of, changed, err) : HUB_OK;
}

static void accept_stream(struct hub_command_run *run) {
    struct hub_call *call = run->call;
    run->call = NULL;
    hub_call_ok(call, NULL, hub_str(NULL, 0));
    run->stream->accepted(run->stream);
}

/* Middleware may have waited, and have changed the payload. */
static enum hub_code admit_main(void *arg, json_t *payload, bool *changed, struct hub_err *err) {
    struct hub_command_run *run = arg;
    enum hub_code code = judge_again(run, err);
    if (!code && payload) code = check_payload(run->def, payload, changed, err);
    if (!code && run->stream) accept_stream(run);
    return code;
}

/* ---- running ---- */

static void run_scripts(struct hub_command_run *run) {
    struct hub_hub *hub = run->call->hub;
    const struct hub_engine_config *config = &hub->engine->config;
    struct hub_steps steps = hub_steps_of(&hub->def->parts, run->def, HUB_AROUND_COMMANDS);
    struct hub_call_context x = {.n = 0};
    hub_context_fill(&x, run->call, hub_cstr(run->def->name), json_incref(hub_json_get(run->call->args, "payload")),
                     &steps);
    const struct hub_hook_chain chain = {.steps = steps.items,
                                         .step_n = steps.n,
                                         .main = steps.main,
                                         .admit = admit_main,
                                         .stream = run->stream ? run->stream->about : NULL,
                                         .caller = &hub->caller,
                                         .vars = x.vars,
                                         .var_n = x.n,
                                         .takes_text = !run->def->result_n,
                                         .wall_ms = run->def->timeout_ms,
                                         .traceparent = x.trace};
    hub_metric_add(&commands_total, 1);
    if (run->stream && !steps.main) accept_stream(run);
    config->hooks->run(config->scripts, &chain, on_ran, run); /* RUN may be gone */
    hub_context_free(&x);
    hub_steps_free(&steps);
}

void hub_command_start(struct hub_command_run *run) {
    struct hub_err err;
    enum hub_code code = judge_again(run, &err);
    if (!code) {
        run_scripts(run);
        return;
    }
    const struct hub_command_end end = {.refused = code, .message = hub_cstr(err.text)};
    tell_stream(run, &end);
    hub_command_refuse(run->answer, run->call, &end);
    run_over(run);
}

void hub_command_new(struct hub_call *call) {
    const struct hub_def_command *def = call->subject;
    struct hub_err err;
    if (call->conn->closed) {
        hub_call_drop(call);
        return;
    }
    struct hub_str id = hub_call_str(call, "requestId");
    struct hub_command_answer *answer = NULL;
    if (id.n && hub_command_repeats(answers_of(call->hub->engine), call, id, &answer)) return;
    struct hub_command_run *run = hub_block_take(sizeof *run);
    *run = (struct hub_command_run){.call = call,
                                    .def = def,
                                    .conn = hub_conn_ref(call->conn),
                                    .room = call->room ? hub_room_ref(call->room) : NULL,
                                    .answer = answer};
    hub_list_init(&run->link);
    hub_hold(&call->hub->engine->holds, &run->hold, "command");
    if (!hub_command_turn_ask(run, &err)) return;
    hub_command_refuse(answer, call, &(struct hub_command_end){.refused = err.code, .message = hub_cstr(err.text)});
    run_free(run);
}

static enum hub_code check_room(struct hub_call *call, const struct hub_def_command *def, struct hub_err *err) {
    const json_t *room = hub_json_get(call->args, "roomId");
    bool named = !hub_json_nil(room);
    if (def->room == HUB_COMMAND_NO_ROOM && named)
        return hub_fail(err, HUB_BAD_REQUEST, "roomId: the command \"%s\" is about no room", def->name);
    if (!named && def->room != HUB_COMMAND_IN_ROOM) return HUB_OK;
    if (!hub_id_ok(hub_json_str(room))) return hub_fail(err, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
    return hub_call_find_room(call, err);
}

static void on_counted(void *arg, bool allowed) {
    struct hub_call *call = arg;
    struct hub_err err;
    bool changed;
    if (!allowed) return;     /* and the call is gone */
    if (call->conn->closed) { /* while it was counted elsewhere: nobody is there to hear of it */
        hub_call_drop(call);
        return;
    }
    const struct hub_def_command *def = call->subject;
    enum hub_code code = check_room(call, def, &err);
    if (!code) code = check_role(call, def, &err);
    if (!code) code = check_payload(def, hub_json_get(call->args, "payload"), &changed, &err);
    if (code)
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        hub_command_new(call);
}

static void run_command(struct hub_call *call) {
    struct hub_str name = hub_call_str(call, "command");
    const struct hub_def_command *def = command_named(call->hub->def, name);
    if (!def) {
        fail_unknown(call, name);
        return;
    }
    if (def->stream) {
        hub_call_fail(call, HUB_BAD_REQUEST, "the command \"%s\" has a stream: call it by hub:streamOpen", def->name);
        return;
    }
    call->subject = def;
    hub_gate_own_limit(call, def->name, def->rate_limit ? def->rate_limit : call->hub->def->message_rate_limit,
                       on_counted, call);
}

/* ---- with a stream ---- */

/* A call that is on its way to be one. */
struct opening {
    struct hub_call *call;
    struct hub_command_stream *stream;
    const struct hub_def_command *def;
};

static void start_open(const struct opening *o) {
    struct hub_command_run *run = hub_block_take(sizeof *run);
    *run = (struct hub_command_run){
        .call = o->call, .stream = o->stream, .def = o->def, .conn = hub_conn_ref(o->call->conn)};
    hub_list_init(&run->link);
    hub_hold(&o->call->hub->engine->holds, &run->hold, "command with a stream");
    hub_command_start(run);
}

static void refuse_open(const struct opening *o, const struct hub_err *err) {
    o->stream->over(o->stream, hub_cstr(hub_code_name(err->code)));
    hub_call_fail_with(o->call, err, hub_str(NULL, 0));
}

static void on_open_counted(void *arg, bool allowed) {
    struct opening *p = arg;
    const struct opening o = *p;
    struct hub_err err = {.code = HUB_OK};
    bool changed;
    free(p);
    if (!allowed) { /* and the call is gone */
        o.stream->over(o.stream, hub_cstr(hub_code_name(HUB_RATE_LIMITED)));
    } else if (o.call->conn->closed) {
        o.stream->over(o.stream, hub_cstr(hub_code_name(HUB_CLIENT_DISCONNECTED)));
        hub_call_drop(o.call);
    } else if (check_payload(o.def, json_object_get(o.call->args, "payload"), &changed, &err)) {
        refuse_open(&o, &err);
    } else {
        start_open(&o);
    }
}

void hub_command_open(struct hub_call *call, struct hub_str command, json_t *payload, struct hub_command_stream *s) {
    const struct hub_def_command *def = command_named(call->hub->def, command);
    struct opening *o = hub_xmalloc(sizeof *o);
    struct hub_err err;
    *o = (struct opening){.call = call, .stream = s, .def = def};
    if (!def || !def->stream) {
        HUB_UNUSED(def ? hub_fail(&err, HUB_BAD_REQUEST, "the command \"%s\" has no stream", def->name)
                       : hub_fail(&err, HUB_UNKNOWN_COMMAND, "there is no command of that name"),
                   "told to the caller");
        refuse_open(o, &err);
        free(o);
        return;
    }
    json_t *args = json_pack("{s:O}", "payload", payload ? payload : json_null());
    json_decref(call->args);
    call->args = args;
    hub_gate_own_limit(call, def->name, def->rate_limit ? def->rate_limit : call->hub->def->message_rate_limit,
                       on_open_counted, o);
}

/* ---- the part ---- */

static bool is_declared(const struct hub_def *def) { return def->parts.command_n > 0; }

/* The command's own name, with its payload. */
static const char *command_alias(const struct hub_def *def, struct hub_str event, json_t *payload, json_t **args) {
    if (!command_named(def, event)) return NULL;
    json_t *o = *args = json_object(), *body = json_is_object(payload) ? json_copy(payload) : json_incref(payload);
    static const char *const beside[] = {"roomId", "requestId"};
    for (size_t i = 0; json_is_object(body) && i < HUB_NELEM(beside); i++) {
        json_t *v = json_object_get(body, beside[i]);
        if (v) json_object_set(o, beside[i], v);
        json_object_del(body, beside[i]);
    }
    hub_json_set_str(o, "command", event);
    json_object_set_new(o, "payload", body ? body : json_null());
    return "hub:command";
}

static void on_created(struct hub_engine *e) { *hub_engine_part(e, &hub_commands_part) = hub_command_answers_new(e); }
static void on_deleted(struct hub_engine *e) { hub_command_answers_delete(answers_of(e)); }

static void describe_commands(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_parts *p = &hub->def->parts;
    static const char *const rooms[] = {"none", "optional", "required"};
    json_t *all = json_array();
    if (!p->command_n) {
        json_decref(all);
        return;
    }
    for (size_t i = 0; i < p->command_n; i++) {
        const struct hub_def_command *c = &p->commands[i];
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "name", c->name, "description",
                                        c->description ? c->description : "", "room", rooms[c->room], "roles",
                                        hub_strs_json(&c->roles), "fields", hub_fields_describe(c->fields, c->field_n),
                                        "result", hub_fields_describe(c->result, c->result_n)));
    }
    for (size_t i = 0; i < p->command_n; i++)
        if (p->commands[i].stream) json_object_set_new(json_array_get(all, i), "stream", json_true());
    json_object_set_new(out, "commands", all);
}

static const struct hub_arg command_args[] = {
    {"command", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .most = HUB_NAME_MAX, .help = "Name of the command.",
     .shape = "command"},
    {"payload", HUB_ARG_ANY, .help = "What it is called with: what its fields say.", .shape = "payload"},
    {"roomId", HUB_ARG_ID, HUB_ARG_LATER, .help = "The room that it is about."},
    {"requestId", HUB_ARG_TEXT, .least = 1, .most = 64,
     .help = "Chosen by the client: a repeat within a minute gets the first answer and runs nothing."},
    {"traceparent", HUB_ARG_ANY,
     .help = "The trace it belongs to, as W3C Trace Context writes it; anything else is passed over."},
    {0},
};
static const struct hub_field command_answer[] = {{"result", "any", .help = "What the script returned, or null."}, {0}};

static const struct hub_command commands[] = {
    {.name = "hub:command",
     .help = "Calls a command of the hub or namespace; so does an event of the command's own name, with the payload.",
     .around = HUB_AROUND_COMMANDS,
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args),
     .args = command_args,
     .answer = command_answer,
     .codes = {HUB_UNKNOWN_COMMAND, HUB_NOT_IN_ROOM, HUB_NOT_ALLOWED, HUB_INVALID_CONTENT, HUB_RATE_LIMITED,
               HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_OVERLOADED},
     .run = run_command},
    {0},
};

const struct hub_part hub_commands_part = {
    .name = "commands",
    .help = "Requests of clients that scripts answer, with middleware around them.",
    .commands = commands,
    .keywords = "commands middleware",
    .plain = true,
    .conn_data = true,
    .engine_data = true,
    .declared = is_declared,
    .alias = command_alias,
    .created = on_created,
    .deleted = on_deleted,
    .of_guests = true,
    .disconnected = hub_command_turns_drop,
    .describe = describe_commands,
};
