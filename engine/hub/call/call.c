/* Calls: made from an event or a REST request, answered exactly once, freed with the answer. */
#include "hub/call/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/match/cidr.h"
#include "base/memory/block.h"
#include "base/telemetry/log.h"

struct hub_call *hub_call_new(struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who, const char *event,
                              json_t *args, int64_t ack) {
    struct hub_call *call = hub_block_take(sizeof *call);
    *call = (struct hub_call){
        .hub = hub, .conn = conn ? hub_conn_ref(conn) : NULL, .who = hub_identity_ref(who), .args = args, .ack = ack};
    memcpy(call->event, event, strnlen(event, sizeof call->event - 1)); /* the rest is zero */
    return call;
}

void hub_call_fail_unknown(struct hub_call *call) {
    hub_call_fail(call, HUB_UNKNOWN_EVENT, "there is no event \"%s\" in this %s", call->event,
                  call->conn && call->conn->plain ? "namespace" : "hub");
}

static bool take_bytes(struct hub_call *call, const struct hub_binaries *bins) {
    if (bins->n != 1 || !call->dispatch || !(call->dispatch->command->flags & HUB_BYTES)) return false;
    call->has_bytes = true;
    hub_buf_adds(&call->bytes, bins->items[0]);
    return true;
}

struct hub_call *hub_call_of_event(struct hub_conn *c, struct hub_str event, json_t *args,
                                   const struct hub_binaries *bins, int64_t ack) {
    json_t *object;
    char name[HUB_NAME_MAX + 1];
    bool can_exist = event.n <= HUB_NAME_MAX && !memchr(event.p, 0, event.n);
    size_t n = event.n < sizeof name ? event.n : sizeof name - 1;
    memcpy(name, event.p, n);
    name[n] = 0;
    const struct hub_dispatch *d = hub_dispatch_of(c->hub, event, json_array_get(args, 0), &object);
    struct hub_call *call = hub_call_new(c->hub, c, c->identity, name, object, ack);
    call->dispatch = d;
    if (bins && bins->n && !take_bytes(call, bins))
        hub_call_fail(call, HUB_BAD_REQUEST, "binary values are not part of this event; send JSON");
    else if (object && !json_is_object(object))
        hub_call_fail(call, HUB_BAD_REQUEST, "expected one object as the event's payload");
    else if (!object)
        hub_call_fail(call, HUB_BAD_REQUEST, "expected an object as the event's payload");
    else if (!can_exist)
        hub_call_fail_unknown(call);
    else
        return call;
    return NULL;
}

static void free_call(struct hub_call *call) {
    struct hub_conn *joining = call->joining ? hub_conn_ref(call->conn) : NULL,
                    *judging = call->judging ? hub_conn_ref(call->conn) : NULL;
    if (call->wrapping) hub_middleware_end(call);
    hub_read_over(&call->hub->engine->reads, &call->read);
    hub_backlog_drop(&call->waits);
    hub_member_unref(call->member);
    if (call->room) hub_room_unref(call->room);
    if (call->conn) hub_conn_unref(call->conn);
    hub_identity_unref(call->who);
    json_decref(call->args);
    hub_scratch_give(call->hub->engine, &call->text);
    hub_buf_free(&call->bytes);
    hub_block_give(call);
    if (judging) {
        hub_order_judged(judging);
        hub_conn_unref(judging);
    }
    if (!joining) return;
    hub_order_joined(joining);
    hub_conn_unref(joining);
}

void hub_call_drop(struct hub_call *call) {
    struct hub_err err;
    if (call->reply) { /* of a guest: its node hears no answer, but the call has ended */
        enum hub_code code = hub_fail(&err, HUB_CLIENT_DISCONNECTED, NULL);
        call->reply(call->reply_arg, code, &err, NULL, hub_str(NULL, 0));
    }
    free_call(call);
}

static void answer_call(struct hub_call *call, struct hub_str json) {
    if (call->conn && !call->conn->closed) hub_outlet_ack(&call->conn->outlet, call->ack, json);
}

void hub_call_ok(struct hub_call *call, const char *data_name, struct hub_str fields) {
    if (call->reply) {
        call->reply(call->reply_arg, HUB_OK, NULL, data_name, fields);
    } else if (call->ack >= 0) {
        struct hub_buf b = hub_scratch_take(call->hub->engine);
        hub_buf_reserve(&b, fields.n + 16);
        hub_buf_addz(&b, "{\"ok\":true");
        if (fields.n) hub_buf_addc(&b, ',');
        hub_buf_adds(&b, fields);
        hub_buf_addc(&b, '}');
        answer_call(call, hub_buf_str(&b));
        hub_scratch_give(call->hub->engine, &b);
    }
    if (call->wrapping) hub_middleware_succeeded(call, fields);
    free_call(call);
}

static void count_reject(enum hub_code code) {
    hub_metric_add(hub_metric_labelled("hubd_rejects_total", "Refused requests by error code", HUB_COUNTER, "code",
                                       hub_cstr(hub_code_name(code))),
                   1);
}

/* As clients read it. */
struct refusal {
    struct hub_str code, message, fields; /* FIELDS: further members, as JSON */
};

static void fail_ack(struct hub_call *call, const struct refusal *r) {
    struct hub_buf b = hub_scratch_take(call->hub->engine);
    hub_buf_addf(&b, "{\"ok\":false,\"error\":{\"code\":\"%.*s\",\"message\":", HUB_FMT(r->code));
    hub_json_add_string(&b, r->message);
    if (r->fields.n) hub_buf_addc(&b, ','), hub_buf_adds(&b, r->fields);
    hub_buf_addz(&b, "}}");
    answer_call(call, hub_buf_str(&b));
    hub_scratch_give(call->hub->engine, &b);
}

static void fail_event(struct hub_call *call, const struct refusal *r) {
    struct hub_str room = hub_call_str(call, "roomId");
    if (!call->conn || call->conn->closed) return;
    struct hub_buf b = hub_scratch_take(call->hub->engine);
    hub_buf_addz(&b, "{\"error\":");
    hub_json_add_string(&b, r->message);
    hub_buf_addf(&b, ",\"code\":\"%.*s\",\"event\":", HUB_FMT(r->code));
    hub_json_add_string(&b, hub_cstr(call->event));
    if (room.n && room.n <= 255) hub_buf_addz(&b, ",\"roomId\":"), hub_json_add_string(&b, room);
    if (r->fields.n) hub_buf_addc(&b, ','), hub_buf_adds(&b, r->fields);
    hub_buf_addc(&b, '}');
    hub_outlet_emit(&call->conn->outlet, HUB_STR("hub:error"), hub_buf_str(&b), 0);
    hub_scratch_give(call->hub->engine, &b);
}

static void fail_socket(struct hub_call *call, const struct refusal *r) {
    if (call->ack >= 0)
        fail_ack(call, r);
    else
        fail_event(call, r);
}

/* The rows are what documents tell clients. A document that is wrong is no reason to end a service, so only
 * builds without NDEBUG look. */
#ifdef NDEBUG
#define CHECK_REFUSAL(CALL, CODE) ((void)0)
#else
#define CHECK_REFUSAL(CALL, CODE) check_refusal((CALL)->command, CODE)
static void check_refusal(const struct hub_command *c, enum hub_code code) {
    bool named = !c || hub_command_may_refuse(c, code);
    if (!named) fprintf(stderr, "%s: its rows do not name the code %s\n", c->name, hub_code_name(code));
    HUB_BUG_IF(!named);
}
#endif

void hub_call_fail_with(struct hub_call *call, const struct hub_err *err, struct hub_str fields) {
    CHECK_REFUSAL(call, err->code);
    if (!fields.n) fields = hub_cstr(hub_code_fields(err->code));
    count_reject(err->code);
    if (call->reply)
        call->reply(call->reply_arg, err->code, err, NULL, fields);
    else
        fail_socket(call, &(struct refusal){hub_cstr(hub_code_name(err->code)), hub_cstr(err->text), fields});
    free_call(call);
}

static void reply_refused(struct hub_call *call, struct hub_str code, struct hub_str message, struct hub_str fields) {
    struct hub_err err;
    hub_err_set(&err, HUB_REJECTED, "%.*s", HUB_FMT(message));
    call->reply(call->reply_arg, HUB_REJECTED, &err, code.p, fields);
}

void hub_call_refuse(struct hub_call *call, struct hub_str code, struct hub_str message, const json_t *data) {
    struct hub_buf fields = {0};
    count_reject(HUB_REJECTED); /* the words are the script's: a label for each would be without bound */
    if (data) hub_buf_addz(&fields, "\"data\":"), hub_json_add(&fields, data);
    if (call->reply)
        reply_refused(call, code, message, hub_buf_str(&fields));
    else
        fail_socket(call, &(struct refusal){code, message, hub_buf_str(&fields)});
    hub_buf_free(&fields);
    free_call(call);
}

void hub_call_fail(struct hub_call *call, enum hub_code code, const char *fmt, ...) {
    struct hub_err err = {.code = code};
    va_list ap;
    va_start(ap, fmt);
    if (fmt && code != HUB_STORE_UNAVAILABLE &&
        code != HUB_STORE_UNDECIDED) /* where the store is, and why it is unreachable, is not for clients */
        vsnprintf(err.text, sizeof err.text, fmt, ap);
    else
        hub_err_set(&err, code, NULL);
    va_end(ap);
    hub_call_fail_with(call, &err, hub_str(NULL, 0));
}

void hub_call_fail_store(struct hub_call *call, enum hub_code code, const char *error) {
    const char *words = hub_store_words(code, error);
    hub_call_fail(call, code, "%s", words ? words : hub_code_text(code));
}

bool hub_call_renew(struct hub_call *call) {
    if (!call->conn || call->who == call->conn->identity) return false;
    hub_identity_unref(call->who);
    call->who = hub_identity_ref(call->conn->identity);
    return true;
}

/* ---- what a hook's answer is worth ---- */

#define TRIES_MAX 3

void hub_judging_begin(struct hub_judging *j, struct hub_call *call) {
    hub_call_renew(call);
    j->def = call->hub->def;
    j->role = call->rights.role;
}

bool hub_judging_stands(const struct hub_judging *j, struct hub_call *call) {
    bool renewed = hub_call_renew(call);
    return !renewed && j->def == call->hub->def && j->role == call->rights.role;
}

enum hub_code hub_judging_again(struct hub_judging *j, struct hub_err *err) {
    return ++j->tries < TRIES_MAX ? HUB_OK
                                  : hub_fail(err, HUB_OVERLOADED, "rights change faster than they can be looked at");
}

/* ---- reads ---- */

#define PAYLOAD_MAX 4096 /* bytes of the payload of a read, since that may be queued */
#define JOINS_WAITING 1024
#define ROW_BYTES 512 /* of one row of an answer, estimated */

/* Estimates the size of the answer by the rows that are asked for: as many as the limit given, else a usual
 * page. */
static size_t weight_of(const struct hub_call *call) {
    const char *key = json_object_get(call->args, "historyLimit") ? "historyLimit" : "limit";
    bool past = call->command->flags & HUB_PAST;
    int64_t rows = hub_json_get_int(call->args, key, past ? call->hub->def->history_limit : 50);
    return ROW_BYTES * (size_t)(rows < 1 ? 1 : rows > 1000 ? 1000 : rows);
}

static void drop_read(struct hub_read *r) {
    struct hub_call *call = hub_call_of(r);
    if (call->reply)
        hub_call_fail(call, HUB_SHUTTING_DOWN, NULL);
    else
        free_call(call); /* nobody is there to read it */
}

/* A client that reconnects may join all of its rooms at once. */
static uint32_t joins_may_wait(const struct hub_def *def) {
    int64_t rooms = def->max_rooms_per_user < JOINS_WAITING ? def->max_rooms_per_user : JOINS_WAITING;
    return rooms > HUB_READS_WAITING ? (uint32_t)rooms : HUB_READS_WAITING;
}

struct hub_reader *hub_engine_reader(struct hub_engine *e, const struct hub_identity *who, struct hub_str address) {
    bool anonymous = e->config.service->anonymous;
    struct hub_buf key = {0};
    char network[HUB_IP_TEXT];
    hub_buf_addc(&key, anonymous ? '@' : '=');
    hub_buf_adds(&key, anonymous ? hub_ip_counted(address, network) : hub_cstr(who->user_id));
    struct hub_reader *r = hub_reader_of(&e->reads, hub_buf_str(&key));
    hub_buf_free(&key);
    return r;
}

static struct hub_reader *reader_of(struct hub_call *call, struct hub_str address) {
    struct hub_conn *c = call->conn;
    return c ? hub_reader_at(&c->reader, c->socket) : hub_engine_reader(call->hub->engine, call->who, address);
}

void hub_call_queue(struct hub_call *call, struct hub_str address, void (*start)(struct hub_read *r)) {
    if (!(call->command->flags & HUB_READS)) {
        start(&call->read);
        return;
    }
    if (json_dumpb(call->args, NULL, 0, 0) > PAYLOAD_MAX) {
        hub_call_fail(call, HUB_BAD_REQUEST, "the payload is too large for a read: at most %d bytes of JSON",
                      PAYLOAD_MAX);
        return;
    }
    call->read = (struct hub_read){.start = start, .drop = drop_read, .weight = weight_of(call)};
    uint32_t may_wait = call->command->flags & HUB_JOINS ? joins_may_wait(call->hub->def) : HUB_READS_WAITING;
    if (!hub_read_ask(&call->hub->engine->reads, reader_of(call, address), &call->read, may_wait))
        hub_call_fail(call, HUB_OVERLOADED, "%u of your reads are queued already", may_wait);
}

/* ---- keys of a payload ---- */

void hub_call_log_unknown(const struct hub_call *call, const char *names) {
    const char *key;
    json_t *v;
    if (!hub_log_on(HUB_LOG_DEBUG)) return;
    json_object_foreach(call->args, key, v) {
        if (!hub_str_among(hub_cstr(key), names))
            hub_log_kv(HUB_LOG_DEBUG, "hub", "unknown key in a payload", "event", call->event, "key", key, NULL);
    }
}

static bool is_arg(const struct hub_arg *rows, const char *key) {
    for (const struct hub_arg *row = rows; row->name; row++)
        if (row->name[0] == key[0] && !strcmp(row->name, key)) return true;
    return false;
}

/* As nearly all calls are: then nobody has to look further. */
static bool all_known(const struct hub_call *call, const char *names) {
    const struct hub_dispatch *d = call->dispatch;
    void *it = json_object_iter(call->args);
    if (!d || d->keys != names) return false;
    while (it && is_arg(d->command->args, json_object_iter_key(it))) it = json_object_iter_next(call->args, it);
    return !it;
}

bool hub_call_keys(struct hub_call *call, const char *names) {
    struct hub_str meant;
    if (all_known(call, names)) return true;
    const char *key = hub_json_misspelt(call->args, names, &meant);
    if (!key) {
        hub_call_log_unknown(call, names);
        return true;
    }
    hub_call_fail(call, HUB_BAD_REQUEST, "unknown key \"%s\"; did you mean \"%.*s\"?", key, HUB_FMT(meant));
    return false;
}
