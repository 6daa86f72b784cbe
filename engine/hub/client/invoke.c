/* Asking a client: what the server sends it, and what it answers. */

#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/text/utf8.h"
#include "data/fields.h"
#include "hub/client/client_int.h"

/* One that waits. */
struct invocation {
    struct hub_pending_ack ack;
    struct hub_hold hold; /* so that the definition stays */
    struct hub_clients *all;
    const struct hub_def_invocation *def;
    hub_client_done *done;
    void *arg;
};

static struct hub_metric waiting_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_invocations_waiting", NULL, "Invocations that wait for the answer of a client");

static void count_invocation(const char *outcome) {
    hub_metric_add(hub_metric_labelled("hubd_invocations_total", "Invocations of clients, by how they ended",
                                       HUB_COUNTER, "outcome", hub_cstr(outcome)),
                   1);
}

/* ---- answers ---- */

/* The client's own words. */
static void add_words(struct hub_buf *b, const json_t *error) {
    struct hub_str message = json_is_string(error) ? hub_json_str(error) : hub_json_get_str(error, "message");
    if (message.n)
        hub_buf_adds(b, message);
    else if (!hub_json_nil(error))
        hub_json_add(b, error);
    else
        hub_buf_addz(b, hub_code_text(HUB_CLIENT_FAILED));
}

static enum hub_code read_result(const struct hub_def_invocation *def, json_t *answer, json_t **result,
                                 struct hub_err *err) {
    const struct hub_fields_of of = {"result", "invocation", def->type};
    const json_t *ok = hub_json_get(answer, "ok");
    struct hub_buf words = {0};
    bool changed;
    *result = hub_json_get(answer, "result");
    if (!json_is_boolean(ok))
        return hub_fail(err, HUB_CLIENT_FAILED, "the answer is neither {ok: true, result} nor {ok: false, error}");
    if (json_is_true(ok)) {
        if (!def->result_n || !hub_fields_check(def->result, def->result_n, *result, &of, &changed, err)) return HUB_OK;
        err->code = HUB_CLIENT_FAILED;
        return HUB_CLIENT_FAILED;
    }
    add_words(&words, hub_json_get(answer, "error"));
    enum hub_code code = hub_fail(err, HUB_CLIENT_FAILED, "%.*s", HUB_CUT(hub_buf_str(&words), sizeof err->text - 1));
    hub_buf_free(&words);
    return code;
}

static enum hub_code read_answer(const struct hub_def_invocation *def, enum hub_ack_result how, const json_t *args,
                                 json_t **result, struct hub_err *err) {
    *result = NULL;
    switch (how) {
    case HUB_ACK_RECEIVED: return read_result(def, json_array_get(args, 0), result, err);
    case HUB_ACK_INVALID: return hub_fail(err, HUB_CLIENT_FAILED, "the answer is beyond the limits of JSON here");
    case HUB_ACK_TIMED_OUT: return hub_fail(err, HUB_REQUEST_TIMEOUT, NULL);
    case HUB_ACK_DISCONNECTED: return hub_fail(err, HUB_CLIENT_DISCONNECTED, NULL);
    }
    return HUB_INTERNAL;
}

static void on_acknowledged(struct hub_pending_ack *p, enum hub_ack_result how, json_t *args,
                            const struct hub_binaries *bins) {
    struct invocation *own = HUB_CONTAINER(p, struct invocation, ack);
    const struct invocation i = *own;
    const struct hub_hook_bins given = {bins ? bins->items : NULL, bins ? bins->n : 0};
    struct hub_err err;
    json_t *result;
    enum hub_code code = read_answer(i.def, how, args, &result, &err);
    i.all->invocations--;
    hub_metric_add(&waiting_gauge, -1);
    count_invocation(hub_code_name(code));
    hub_unhold(&own->hold);
    free(own);
    i.done(i.arg, code, code ? NULL : json_incref(result), bins ? &given : NULL, code ? err.text : NULL);
}

/* ---- questions ---- */

static const struct hub_def_invocation *invocation_named(const struct hub_def_clients *def, struct hub_str type,
                                                         struct hub_err *err) {
    struct hub_nearest near = {.word = type};
    char hint[HUB_NEAREST_HINT];
    for (size_t i = 0; i < def->invocation_n; i++) {
        const char *name = def->invocations[i].type;
        if (hub_str_is(type, name)) return &def->invocations[i];
        hub_nearest_try(&near, name);
    }
    hub_err_set(err, HUB_NOT_FOUND, "clients.invocations has no \"%.*s\"%s", HUB_CUT(type, 100),
                hub_nearest_hint(&near, hint));
    return NULL;
}

static enum hub_code check_question(struct hub_clients *all, const struct hub_def_invocation *def,
                                    const struct hub_client_question *q, struct hub_err *err) {
    const struct hub_fields_of of = {"data", "invocation", def->type};
    int64_t most = all->engine->config.service->limit_invocations;
    bool changed;
    if (all->invocations >= most)
        return hub_gate_too_many("limits.invocations", most, "invocations may wait for clients", err);
    if (q->bins && q->bins->n > HUB_SIO_MAX_SENT)
        return hub_fail(err, HUB_BAD_REQUEST, "clients take at most %d binary values in an event", HUB_SIO_MAX_SENT);
    return def->field_n ? hub_fields_check(def->fields, def->field_n, q->data, &of, &changed, err) : HUB_OK;
}

/* {type, data}; handlers of outgoing of a plain namespace see it as an event. */
static HUB_MUST json_t *question_json(const struct hub_client_question *q) {
    json_t *o = json_object();
    hub_json_set_str(o, "type", q->type);
    json_object_set(o, "data", q->data ? q->data : json_null());
    return o;
}

static void show_question(struct hub_conn *c, json_t *payload, bool unseen) {
    const struct hub_namespace_event event = {json_string("hub:invoke"), payload, unseen};
    hub_namespace_show(c->plain, &event);
    json_decref(event.name);
}

static bool send_question(struct invocation *i, struct hub_conn *c, const struct hub_client_question *q) {
    const struct hub_binaries bins = {q->bins ? q->bins->items : NULL, q->bins ? q->bins->n : 0};
    json_t *payload = question_json(q);
    struct hub_buf args = {0};
    hub_json_add(&args, payload);
    hub_outlet_sync(&c->outlet);
    bool sent = hub_socket_emit_with_ack(c->socket, HUB_STR("hub:invoke"), hub_buf_str(&args), &bins, &i->ack,
                                         q->timeout_ms, on_acknowledged);
    if (sent && c->plain) show_question(c, payload, q->unseen);
    hub_buf_free(&args);
    json_decref(payload);
    return sent;
}

static enum hub_code begin_invocation(struct hub_clients *all, struct hub_conn *c, const struct hub_client_question *q,
                                      hub_client_done *done, void *arg, struct hub_err *err) {
    const struct hub_def_invocation *def = invocation_named(hub_clients_def(all), q->type, err);
    enum hub_code code = def ? check_question(all, def, q, err) : HUB_NOT_FOUND;
    if (code) return code;
    struct invocation *i = hub_xcalloc(1, sizeof *i);
    *i = (struct invocation){.all = all, .def = def, .done = done, .arg = arg};
    if (send_question(i, c, q)) {
        hub_hold(&all->engine->holds, &i->hold, "client invocation");
        all->invocations++;
        hub_metric_add(&waiting_gauge, 1);
        return HUB_OK;
    }
    free(i);
    if (c->socket->state != HUB_SOCKET_OPEN) return hub_fail(err, HUB_CLIENT_DISCONNECTED, NULL);
    return hub_gate_too_many("acknowledgements", HUB_PENDING_ACKS_MAX, "of one client are waited for", err);
}

void hub_client_ask(struct hub_clients *all, struct hub_conn *c, const struct hub_client_question *q,
                    hub_client_done *done, void *arg) {
    struct hub_err err;
    enum hub_code code = begin_invocation(all, c, q, done, arg, &err);
    if (code) done(arg, code, NULL, NULL, err.text);
}
