/* Streams from their opening to their end, and the events of clients about them. */
#include "hub/stream/stream_int.h"

#include <stdlib.h>

#define ACCEPT_MS 10000 /* how long a client may take to accept */

static struct hub_metric open_gauge = HUB_METRIC(HUB_GAUGE, "hubd_streams", NULL, "Streams that are open");

/* Of the service. */
struct streams {
    struct hub_map of_scripts; /* by the id that scripts know */
    uint64_t number;
};
static struct streams *streams_of(struct hub_engine *e) { return *hub_engine_part(e, &hub_streams_part); }

struct hub_map *hub_streams_of_scripts(struct hub_engine *e) {
    return &streams_of(e)->of_scripts;
}

/* Of a connection. */
struct conn_streams {
    struct hub_list ends; /* hub_stream_end.link */
    size_t n;
};

static const struct hub_def_streams *streams_def(const struct hub_hub *hub) { return &hub->def->parts.streams; }

/* ---- its ends ---- */

static struct hub_stream *stream_of_end(struct hub_stream_end *e, enum hub_stream_side side) {
    return HUB_CONTAINER(e - side, struct hub_stream, ends[0]);
}

static struct hub_stream *stream_at(struct hub_list *l, enum hub_stream_side *side) {
    struct hub_stream_end *e = HUB_CONTAINER(l, struct hub_stream_end, link);
    *side = e->is_target ? HUB_STREAM_TARGET : HUB_STREAM_OPENER;
    return stream_of_end(e, *side);
}

static size_t streams_n(const struct hub_conn *c) {
    const struct conn_streams *all = hub_conn_kept(c, &hub_streams_part);
    return all ? all->n : 0;
}

static void link_end(struct hub_stream *s, enum hub_stream_side side, struct hub_conn *c) {
    void **at = hub_conn_data(c, &hub_streams_part);
    struct conn_streams *all = *at;
    if (!all) {
        *at = all = hub_xcalloc(1, sizeof *all);
        hub_list_init(&all->ends);
    }
    s->ends[side].conn = hub_conn_ref(c);
    hub_list_push(&all->ends, &s->ends[side].link);
    all->n++;
}

static void unlink_end(struct hub_stream_end *e) {
    if (!hub_list_linked(&e->link)) return;
    struct conn_streams *all = hub_conn_kept(e->conn, &hub_streams_part);
    hub_list_remove(&e->link);
    all->n--;
}

struct hub_stream *hub_stream_find(const struct hub_conn *c, struct hub_str id, struct hub_str from,
                                   enum hub_stream_side *side) {
    const struct conn_streams *all = hub_conn_kept(c, &hub_streams_part);
    if (!all) return NULL;
    HUB_LIST_EACH(&all->ends, it) {
        struct hub_stream *s = stream_at(it, side);
        if (s->broken || !hub_str_is(id, s->id) || (*side == HUB_STREAM_TARGET) != (from.n > 0)) continue;
        if (!from.n || hub_str_is(from, s->ends[HUB_STREAM_OPENER].conn->socket->sid)) return s;
    }
    return NULL;
}

/* ---- its life ---- */

static HUB_MUST struct hub_stream *stream_new(struct hub_call *call) {
    struct hub_stream *s = hub_xcalloc(1, sizeof *s);
    s->engine = call->hub->engine;
    s->id = hub_str_dup(hub_call_str(call, "streamId"));
    s->ends[HUB_STREAM_TARGET].is_target = true;
    hub_list_init(&s->ends[HUB_STREAM_TARGET].link);
    link_end(s, HUB_STREAM_OPENER, call->conn);
    hub_metric_add(&open_gauge, 1);
    return s;
}

static void stream_free(struct hub_stream *s) {
    struct hub_stream_script *x = &s->script;
    for (size_t i = 0; i < 2; i++) {
        unlink_end(&s->ends[i]);
        if (s->ends[i].conn) hub_conn_unref(s->ends[i].conn);
        free(s->ends[i].piece_ends);
    }
    if (x->command.about) hub_map_del(hub_streams_of_scripts(s->engine), hub_json_get_str(x->command.about, "id"));
    json_decref(x->command.about);
    hub_backlog_drop(&x->held);
    hub_buf_free(&x->unread);
    hub_buf_free(&x->unsent);
    free(s->error);
    free(s->id);
    free(s);
    hub_metric_add(&open_gauge, -1);
}

/* Its opener was waiting for the target to accept. */
static void fail_open(struct hub_stream *s, enum hub_code code, const char *text) {
    struct hub_call *call = s->call;
    hub_pending_ack_cancel(&s->asked);
    s->call = NULL;
    hub_unhold(&s->hold);
    hub_call_fail(call, code, text ? "%s" : NULL, text);
}

static void tell_end(struct hub_stream *s, enum hub_stream_side side, struct hub_str error) {
    struct hub_buf more = {0};
    if (error.n) {
        hub_buf_addz(&more, ",\"error\":");
        hub_json_add_string(&more, error);
    }
    hub_stream_tell(s, side, "hub:streamDestroy", hub_buf_str(&more), NULL);
    hub_buf_free(&more);
}

void hub_stream_break(struct hub_stream *s, int but, struct hub_str error) {
    if (s->broken) return;
    s->broken = s->script.command.unwanted = true;
    if (error.n) s->error = hub_str_dup(error);
    for (int i = 0; i < 2; i++) /* a client that is still asked for its acceptance hears of the end, too */
        if (i != but && (s->open || s->call)) tell_end(s, i, error);
    if (s->call) fail_open(s, HUB_CLIENT_DISCONNECTED, s->error);
    if (!s->script.runs)
        stream_free(s);
    else
        hub_stream_wake(s); /* S may be gone */
}

void hub_stream_settle(struct hub_stream *s) {
    if (s->ends[HUB_STREAM_OPENER].finished && s->ends[HUB_STREAM_TARGET].finished) stream_free(s);
}

/* ---- to a command ---- */

static struct hub_stream *stream_of_command(struct hub_command_stream *c) {
    return HUB_CONTAINER(c, struct hub_stream, script.command);
}

static void on_accepted(struct hub_command_stream *c) { stream_of_command(c)->open = true; }

/* Nobody reads or writes at this side any more. */
static void end_well(struct hub_stream *s) {
    hub_stream_finish(s, HUB_STREAM_TARGET);
    if (!s->ends[HUB_STREAM_OPENER].finished) tell_end(s, HUB_STREAM_OPENER, hub_str(NULL, 0));
    s->broken = true;
}

static void on_command_over(struct hub_command_stream *c, struct hub_str error) {
    struct hub_stream *s = stream_of_command(c);
    if (s->open && !s->broken && !error.n) end_well(s);
    if (s->open) hub_stream_break(s, -1, error);
    s->broken = true;
    s->script.runs = false;
    stream_free(s);
}

static void open_to_command(struct hub_call *call, const json_t *target) {
    struct streams *all = streams_of(call->hub->engine);
    struct hub_stream *s = stream_new(call);
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)++all->number);
    s->script.runs = true;
    s->script.command = (struct hub_command_stream){
        .about = json_pack("{s:s}", "id", number), .accepted = on_accepted, .over = on_command_over};
    hub_map_put(&all->of_scripts, hub_cstr(number), s);
    hub_command_open(call, hub_json_get_str(target, "command"), json_object_get(target, "payload"), &s->script.command);
}

/* ---- to a client ---- */

static void on_asked(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                     const struct hub_binaries *bins) {
    struct hub_stream *s = HUB_CONTAINER(p, struct hub_stream, asked);
    const json_t *answer = json_array_get(args, 0);
    struct hub_call *call = s->call;
    (void)bins;
    if (result == HUB_ACK_RECEIVED && json_is_true(hub_json_get(answer, "ok"))) {
        s->call = NULL;
        s->open = true;
        hub_unhold(&s->hold);
        hub_call_ok(call, NULL, hub_str(NULL, 0));
        return;
    }
    enum hub_code code = result == HUB_ACK_TIMED_OUT      ? HUB_REQUEST_TIMEOUT
                         : result == HUB_ACK_DISCONNECTED ? HUB_CLIENT_DISCONNECTED
                                                          : HUB_REJECTED;
    if (result == HUB_ACK_TIMED_OUT) /* it may accept later, and would wait for what never comes */
        tell_end(s, HUB_STREAM_TARGET, hub_cstr(hub_code_name(code)));
    fail_open(s, code, NULL);
    s->broken = true;
    stream_free(s);
}

static bool ask_client(struct hub_stream *s, struct hub_conn *target) {
    const json_t *meta = json_object_get(s->call->args, "meta");
    struct hub_buf args = {0};
    hub_buf_addz(&args, "{\"streamId\":");
    hub_json_add_string(&args, hub_cstr(s->id));
    hub_buf_addf(&args, ",\"from\":\"%s\",\"meta\":", s->ends[HUB_STREAM_OPENER].conn->socket->sid);
    hub_json_add(&args, meta ? meta : json_null());
    hub_buf_addc(&args, '}');
    hub_outlet_sync(&target->outlet);
    bool asked = hub_socket_emit_with_ack(target->socket, HUB_STR("hub:streamOpen"), hub_buf_str(&args), NULL,
                                          &s->asked, ACCEPT_MS, on_asked);
    hub_buf_free(&args);
    return asked;
}

/* By the id of a socket, which nobody can choose, or that of a client. */
static struct hub_conn *find_target(struct hub_engine *e, struct hub_str id, const struct hub_hub *hub) {
    struct hub_conn *c = hub_directory_find(&e->directory, id);
    const struct hub_client_entry *client = c ? NULL : hub_client_find(e, id);
    return client ? hub_client_seen(client, hub) : c;
}

static void open_to_client(struct hub_call *call) {
    struct hub_str id = hub_json_get_str(json_object_get(call->args, "target"), "clientId");
    struct hub_conn *c = find_target(call->hub->engine, id, call->hub);
    if (!c || c->hub != call->hub || c->closed) {
        hub_call_fail(call, HUB_CLIENT_NOT_FOUND, NULL);
        return;
    }
    if (streams_n(c) >= (size_t)streams_def(call->hub)->max_open) {
        hub_call_fail(call, HUB_TOO_MANY, "the client has as many streams as streams.maxOpen allows");
        return;
    }
    struct hub_stream *s = stream_new(call);
    s->to_client = true;
    link_end(s, HUB_STREAM_TARGET, c);
    s->call = call;
    hub_hold(&s->engine->holds, &s->hold, "stream to a client");
    if (ask_client(s, c)) return;
    fail_open(s, HUB_OVERLOADED, NULL);
    s->broken = true;
    stream_free(s);
}

/* ---- hub:streamOpen ---- */

/* Asks canOpen. */
struct asking {
    struct hub_hold hold;
    struct hub_call *call;
    const struct hub_script *script;
    struct hub_judging judging;
};

/* OK as long as nothing waits. */
static enum hub_code check_open(const struct hub_call *call, struct hub_err *err) {
    enum hub_stream_side side;
    int64_t most = streams_def(call->hub)->max_open;
    if (hub_stream_find(call->conn, hub_call_str(call, "streamId"), hub_str(NULL, 0), &side))
        return hub_fail(err, HUB_CONFLICT, "streamId: this connection has a stream of that id");
    if (streams_n(call->conn) >= (size_t)most)
        return hub_fail(err, HUB_TOO_MANY, "a connection may have %lld streams at a time (streams.maxOpen)",
                        (long long)most);
    return HUB_OK;
}

/* Opens to commands have the limit of the command. */
static void on_counted(void *arg, bool allowed) {
    struct hub_call *call = arg;
    struct hub_err err;
    if (!allowed) return; /* and the call is gone */
    if (call->conn->closed)
        hub_call_drop(call);
    else if (check_open(call, &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        open_to_client(call);
}

static void start_stream(struct hub_call *call) {
    json_t *target = json_incref(json_object_get(call->args, "target"));
    struct hub_err err;
    if (check_open(call, &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else if (hub_json_get_str(target, "command").n)
        open_to_command(call, target);
    else
        hub_gate_own_limit(call, "hub:streamOpen", call->hub->def->message_rate_limit, on_counted, call);
    json_decref(target);
}

static void judge_opening(struct hub_call *call, const struct hub_script *script, enum hub_code code,
                          const json_t *result, const char *error) {
    if (code) hub_hook_failed(call->hub, script, code, error);
    if (code)
        hub_call_fail(call, HUB_HANDLER_FAILED, NULL);
    else if (!hub_truthy(result))
        hub_call_fail(call, HUB_NOT_ALLOWED, "canOpen does not let you open this stream");
    else
        start_stream(call);
}

static void begin_opening(struct hub_call *call, struct hub_judging judging);

static void on_can_open(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct asking a = *(struct asking *)arg;
    struct hub_call *call = a.call;
    struct hub_err err;
    hub_unhold(&((struct asking *)arg)->hold);
    free(arg);
    if (call->conn->closed)
        hub_call_drop(call);
    else if (call->hub->engine->draining)
        hub_call_fail(call, HUB_SHUTTING_DOWN, NULL);
    else if (hub_judging_stands(&a.judging, call))
        judge_opening(call, a.script, code, result, error);
    else if (hub_judging_again(&a.judging, &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        begin_opening(call, a.judging);
}

static void ask_can_open(struct hub_call *call, struct hub_judging judging) {
    struct asking *a = hub_xcalloc(1, sizeof *a);
    *a = (struct asking){.call = call, .script = &streams_def(call->hub)->can_open, .judging = judging};
    hub_judging_begin(&a->judging, call);
    hub_hold(&call->hub->engine->holds, &a->hold, "canOpen");
    json_t *connection = hub_conn_json(call->conn);
    const struct hub_hook_arg args[] = {{"session", hub_identity_session(call->who)},
                                        {"connection", connection},
                                        {"target", json_object_get(call->args, "target")},
                                        {"meta", json_object_get(call->args, "meta")}};
    hub_hook_call(call->hub, a->script, args, HUB_NELEM(args), on_can_open, a);
    json_decref(connection);
}

static void begin_opening(struct hub_call *call, struct hub_judging judging) {
    const json_t *target = json_object_get(call->args, "target");
    if (streams_def(call->hub)->can_open.kind != HUB_SCRIPT_NONE)
        ask_can_open(call, judging);
    else if (hub_json_get_str(target, "clientId").n)
        hub_call_fail(call, HUB_NOT_ALLOWED, "streams to clients need streams.canOpen");
    else
        start_stream(call);
}

static void open_stream(struct hub_call *call) {
    const json_t *target = json_object_get(call->args, "target");
    bool command = hub_json_get_str(target, "command").n, client = hub_json_get_str(target, "clientId").n;
    struct hub_err err;
    if (call->conn->closed) /* it has waited for middleware */
        hub_call_drop(call);
    else if (command == client)
        hub_call_fail(call, HUB_BAD_REQUEST, "target: expected {command, payload} or {clientId}");
    else if (check_open(call, &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        begin_opening(call, (struct hub_judging){0});
}

/* ---- the other events ---- */

/* NULL: it is none of the connection's, and the call is gone; without an acknowledgement nobody hears of it,
 * so that it costs nothing. */
static struct hub_stream *stream_named(struct hub_call *call, enum hub_stream_side *side) {
    struct hub_stream *s = call->conn->closed ? NULL
                                              : hub_stream_find(call->conn, hub_call_str(call, "streamId"),
                                                                hub_call_str(call, "from"), side);
    if (s) return s;
    if (call->ack < 0)
        hub_call_drop(call);
    else
        hub_call_fail(call, HUB_NOT_FOUND, "there is no stream of that id");
    return NULL;
}

static void call_done(struct hub_call *call) { hub_call_ok(call, NULL, hub_str(NULL, 0)); }

static void take_data(struct hub_call *call) {
    enum hub_stream_side side;
    struct hub_err err;
    struct hub_stream *s = stream_named(call, &side);
    if (!s) return;
    if (!call->has_bytes || !json_is_true(hub_json_get(json_object_get(call->args, "data"), "_placeholder")))
        hub_call_fail(call, HUB_BAD_REQUEST, "data: expected a binary value");
    else if (hub_stream_send(s, side, hub_json_get_int(call->args, "offset", 0), hub_buf_str(&call->bytes), &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        call_done(call);
}

static void take_ack(struct hub_call *call) {
    enum hub_stream_side side;
    struct hub_stream *s = stream_named(call, &side);
    if (!s) return;
    hub_stream_ack(s, side, hub_json_get_int(call->args, "offset", 0));
    call_done(call);
}

static void take_finish(struct hub_call *call) {
    enum hub_stream_side side;
    struct hub_stream *s = stream_named(call, &side);
    if (!s) return;
    if (s->open)
        hub_stream_finish(s, side);
    else
        hub_stream_break(s, (int)side, hub_cstr(hub_code_name(HUB_BAD_REQUEST)));
    call_done(call);
}

static void take_destroy(struct hub_call *call) {
    enum hub_stream_side side;
    struct hub_stream *s = stream_named(call, &side);
    if (!s) return;
    hub_stream_break(s, (int)side, hub_call_str(call, "error"));
    call_done(call);
}

/* ---- the part ---- */

static void on_created(struct hub_engine *e) {
    *hub_engine_part(e, &hub_streams_part) = hub_xcalloc(1, sizeof(struct streams));
}

static void on_deleted(struct hub_engine *e) {
    hub_map_clear(hub_streams_of_scripts(e));
    free(streams_of(e));
}

/* Whoever is at the other end hears of it. */
static void on_disconnected(struct hub_conn *c) {
    struct conn_streams *all = hub_conn_kept(c, &hub_streams_part);
    if (!all) return;
    while (!hub_list_empty(&all->ends)) {
        enum hub_stream_side side;
        struct hub_stream *s = stream_at(all->ends.next, &side);
        unlink_end(&s->ends[side]);
        hub_stream_break(s, (int)side, hub_cstr(hub_code_name(HUB_CLIENT_DISCONNECTED)));
    }
    *hub_conn_data(c, &hub_streams_part) = NULL;
    free(all);
}

static bool has_streams(const struct hub_def *def) {
    bool any = def->parts.streams.can_open.kind != HUB_SCRIPT_NONE;
    for (size_t i = 0; i < def->parts.command_n; i++) any |= def->parts.commands[i].stream;
    return any;
}

#define ID_ARG                                                               \
    {                                                                        \
        "streamId", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .most = 64,  \
                                                    .help = "Chosen by the " \
                                                            "opener."        \
    }
#define FROM_ARG                                                                       \
    {                                                                                  \
        "from", HUB_ARG_ID,                                                            \
            .help = "Of a stream that somebody else has opened: whose, as its events " \
                    "say."                                                             \
    }
static const struct hub_arg open_args[] = {
    ID_ARG,
    {"target", HUB_ARG_OBJECT, HUB_ARG_REQUIRED, .least = 1,
     .help = "`{command, payload}`, or `{clientId}`, a client by its id, or by that of its socket, of this hub or "
             "namespace.",
     .shape = "{command: text, payload?: any} or {clientId: id}"},
    {"meta", HUB_ARG_ANY, .help = "Anything; for canOpen, and for the client that is the target."},
    {0},
};
static const struct hub_arg data_args[] = {
    ID_ARG,
    FROM_ARG,
    {"offset", HUB_ARG_INT, HUB_ARG_REQUIRED, .least = 0, .most = INT64_MAX,
     .help = "How many bytes were sent before."},
    {"data", HUB_ARG_ANY, HUB_ARG_REQUIRED, .help = "A binary value.", .shape = "binary"},
    {0},
};
static const struct hub_arg ack_args[] = {
    ID_ARG,
    FROM_ARG,
    {"offset", HUB_ARG_INT, HUB_ARG_REQUIRED, .least = 0, .most = INT64_MAX,
     .help = "How many bytes have been taken altogether."},
    {0},
};
static const struct hub_arg finish_args[] = {ID_ARG, FROM_ARG, {0}};
static const struct hub_arg destroy_args[] = {
    ID_ARG, FROM_ARG, {"error", HUB_ARG_TEXT, .most = 1000, .help = "Why."}, {0}};

static const struct hub_command commands[] = {
    {.name = "hub:streamOpen",
     .help = "Opens a stream to a command or a client; answered when that has accepted.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args),
     .args = open_args,
     .codes = {HUB_UNKNOWN_COMMAND, HUB_NOT_ALLOWED, HUB_TOO_MANY, HUB_CONFLICT, HUB_CLIENT_NOT_FOUND,
               HUB_CLIENT_DISCONNECTED, HUB_REQUEST_TIMEOUT, HUB_REJECTED, HUB_INVALID_CONTENT, HUB_RATE_LIMITED,
               HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_OVERLOADED},
     .run = open_stream},
    {.name = "hub:streamData",
     .help = "The next bytes, at most 256 KiB of which may be unacknowledged.",
     .flags = HUB_BYTES,
     .gates = HUB_GATES(&hub_gate_args),
     .args = data_args,
     .codes = {HUB_NOT_FOUND, HUB_TOO_LARGE, HUB_OVERLOADED},
     .run = take_data},
    {.name = "hub:streamAck",
     .help = "Bytes have been taken, and as many more may be sent.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = ack_args,
     .codes = {HUB_NOT_FOUND},
     .run = take_ack},
    {.name = "hub:streamFinish",
     .help = "No more bytes come from this side.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = finish_args,
     .codes = {HUB_NOT_FOUND},
     .run = take_finish},
    {.name = "hub:streamDestroy",
     .help = "Ends the stream at once, in both directions.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = destroy_args,
     .codes = {HUB_NOT_FOUND},
     .run = take_destroy},
    {0},
};

#define STREAM_FIELDS                                                                                    \
    {"streamId", "text", .help = "As its opener has called it."}, {                                      \
        "from", "id", .help = "The connection at the other end; without it a command.", .optional = true \
    }
static const struct hub_field opened_fields[] = {
    STREAM_FIELDS, {"meta", "any", .help = "What the opener has said."}, {0}};
static const struct hub_field data_fields[] = {
    STREAM_FIELDS,
    {"offset", "integer", .help = "How many bytes came before."},
    {"data", "binary", .help = "The next ones."},
    {0},
};
static const struct hub_field ack_fields[] = {
    STREAM_FIELDS, {"offset", "integer", .help = "How many bytes have been taken altogether."}, {0}};
static const struct hub_field finish_fields[] = {STREAM_FIELDS, {0}};
static const struct hub_field destroy_fields[] = {
    STREAM_FIELDS, {"error", "text", .help = "A code, or what the other side said.", .optional = true}, {0}};
static const struct hub_told_event told[] = {
    {"hub:streamOpen", "the target", "a client wants to open a stream to it; it acknowledges {ok: true}, or refuses",
     opened_fields},
    {"hub:streamData", "who reads it", "bytes have come", data_fields},
    {"hub:streamAck", "who has sent them", "bytes were taken", ack_fields},
    {"hub:streamFinish", "the other side", "no more bytes come", finish_fields},
    {"hub:streamDestroy", "the other side", "the stream has ended before both sides had finished", destroy_fields},
    {0},
};

const struct hub_part hub_streams_part = {
    .name = "streams",
    .help = "Bytes between clients and commands, and between clients.",
    .commands = commands,
    .told = told,
    .acknowledged = "hub:streamOpen",
    .keywords = "streams",
    .host = hub_stream_host,
    .plain = true,
    .conn_data = true,
    .engine_data = true,
    .declared = has_streams,
    .created = on_created,
    .deleted = on_deleted,
    .disconnected = on_disconnected,
};
