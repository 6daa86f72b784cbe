/* Calls: made from an event or a REST request, answered exactly once, freed with the answer. */
#include "hub/call/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

struct hub_call *hub_call_new(struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who, const char *event,
                              json_t *args, int64_t ack) {
    struct hub_call *call = hub_xmalloc(sizeof *call);
    *call = (struct hub_call){
        .hub = hub, .conn = conn ? hub_conn_ref(conn) : NULL, .who = hub_identity_ref(who), .args = args, .ack = ack};
    memcpy(call->event, event, strnlen(event, sizeof call->event - 1)); /* the rest is zero */
    return call;
}

static void free_call(struct hub_call *call) {
    struct hub_conn *joining = call->joining ? hub_conn_ref(call->conn) : NULL;
    hub_read_over(&call->hub->engine->reads, &call->read);
    hub_member_unref(call->member);
    if (call->room) hub_room_unref(call->room);
    if (call->conn) hub_conn_unref(call->conn);
    hub_identity_unref(call->who);
    json_decref(call->args);
    hub_scratch_give(call->hub->engine, &call->text);
    free(call);
    if (!joining) return;
    hub_order_joined(joining);
    hub_conn_unref(joining);
}

static void answer(struct hub_call *call, struct hub_str json) {
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
        answer(call, hub_buf_str(&b));
        hub_scratch_give(call->hub->engine, &b);
    }
    free_call(call);
}

static void count_reject(enum hub_code code) {
    hub_metric_add(hub_metric_labelled("hubd_rejects_total", "Refused requests by error code", HUB_COUNTER, "code",
                                       hub_cstr(hub_code_name(code))),
                   1);
}

static void fail_ack(struct hub_call *call, const struct hub_err *err, struct hub_str fields) {
    struct hub_buf b = hub_scratch_take(call->hub->engine);
    hub_buf_addf(&b, "{\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":", hub_code_name(err->code));
    hub_json_add_string(&b, hub_cstr(err->text));
    if (fields.n) hub_buf_addc(&b, ','), hub_buf_adds(&b, fields);
    hub_buf_addz(&b, "}}");
    answer(call, hub_buf_str(&b));
    hub_scratch_give(call->hub->engine, &b);
}

static void fail_event(struct hub_call *call, const struct hub_err *err, struct hub_str fields) {
    struct hub_str room = hub_call_str(call, "roomId");
    if (!call->conn || call->conn->closed) return;
    struct hub_buf b = hub_scratch_take(call->hub->engine);
    hub_buf_addz(&b, "{\"error\":");
    hub_json_add_string(&b, hub_cstr(err->text));
    hub_buf_addf(&b, ",\"code\":\"%s\",\"event\":", hub_code_name(err->code));
    hub_json_add_string(&b, hub_cstr(call->event));
    if (room.n && room.n <= 255) hub_buf_addz(&b, ",\"roomId\":"), hub_json_add_string(&b, room);
    if (fields.n) hub_buf_addc(&b, ','), hub_buf_adds(&b, fields);
    hub_buf_addc(&b, '}');
    hub_outlet_emit(&call->conn->outlet, HUB_STR("hub:error"), hub_buf_str(&b), 0);
    hub_scratch_give(call->hub->engine, &b);
}

void hub_call_fail_with(struct hub_call *call, const struct hub_err *err, struct hub_str fields) {
    if (!fields.n) fields = hub_cstr(hub_code_fields(err->code));
    count_reject(err->code);
    if (call->reply)
        call->reply(call->reply_arg, err->code, err, NULL, fields);
    else if (call->ack >= 0)
        fail_ack(call, err, fields);
    else
        fail_event(call, err, fields);
    free_call(call);
}

void hub_call_fail(struct hub_call *call, enum hub_code code, const char *fmt, ...) {
    struct hub_err err = {.code = code};
    va_list ap;
    va_start(ap, fmt);
    if (fmt && code != HUB_STORE_UNAVAILABLE &&
        code != HUB_STORE_UNDECIDED) /* where the store is, and why it is away, is nothing for clients */
        vsnprintf(err.text, sizeof err.text, fmt, ap);
    else
        hub_fail(&err, code, NULL);
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

/* ---- reads ---- */

#define PAYLOAD_MAX 4096 /* of a read, which may wait */
#define JOINS_WAITING 1024
#define ROW_BYTES 512 /* of an answer, about */

/* About what the answer will have; a command whose answer has no rows gets what the hub's shortest usual
 * one has. */
static size_t weight_of(const struct hub_call *call) {
    const char *key = json_object_get(call->args, "historyLimit") ? "historyLimit" : "limit";
    bool past = call->command->flags & HUB_PAST;
    int64_t rows = hub_json_get_int(call->args, key, past ? call->hub->def->history_limit : 50);
    return ROW_BYTES * (size_t)(rows < 1 ? 1 : rows > 1000 ? 1000 : rows);
}

static void drop(struct hub_read *r) {
    struct hub_call *call = hub_call_of(r);
    if (call->reply)
        hub_call_fail(call, HUB_SHUTTING_DOWN, NULL);
    else
        free_call(call); /* nobody is there to read it */
}

/* Whoever comes back after a lost connection may join all his rooms in one go. */
static uint32_t joins_may_wait(const struct hub_def *def) {
    int64_t rooms = def->max_rooms_per_user < JOINS_WAITING ? def->max_rooms_per_user : JOINS_WAITING;
    return rooms > HUB_READS_WAITING ? (uint32_t)rooms : HUB_READS_WAITING;
}

struct hub_reader *hub_engine_reader(struct hub_engine *e, const struct hub_identity *who, struct hub_str address) {
    bool anonymous = e->config.service->anonymous;
    struct hub_buf key = {0};
    hub_buf_addc(&key, anonymous ? '@' : '=');
    hub_buf_adds(&key, anonymous ? address : hub_cstr(who->user_id));
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
    call->read = (struct hub_read){.start = start, .drop = drop, .weight = weight_of(call)};
    uint32_t may_wait = call->command->flags & HUB_JOINS ? joins_may_wait(call->hub->def) : HUB_READS_WAITING;
    if (!hub_read_ask(&call->hub->engine->reads, reader_of(call, address), &call->read, may_wait))
        hub_call_fail(call, HUB_OVERLOADED, "%u of your reads wait already", may_wait);
}

/* ---- keys of a payload ---- */

static void log_unknown(const struct hub_call *call, const char *names) {
    const char *key;
    json_t *v;
    json_object_foreach(call->args, key, v) {
        if (!hub_str_among(hub_cstr(key), names))
            hub_log_kv(HUB_LOG_DEBUG, "hub", "unknown key in a payload", "event", call->event, "key", key, NULL);
    }
}

bool hub_call_keys(struct hub_call *call, const char *names) {
    struct hub_str meant;
    const char *key = hub_json_misspelt(call->args, names, &meant);
    if (!key) {
        if (hub_log_on(HUB_LOG_DEBUG)) log_unknown(call, names);
        return true;
    }
    hub_call_fail(call, HUB_BAD_REQUEST, "unknown key \"%s\"; did you mean \"%.*s\"?", key, HUB_FMT(meant));
    return false;
}
