/* Questions to one node, and their answers. */
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"
#include "base/telemetry/metric.h"
#include "mesh/mesh_int.h"

static struct hub_metric waiting_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_node_calls_waiting", NULL, "Questions to nodes that wait for their answers");

static void count_question(const char *outcome) {
    hub_metric_add(hub_metric_labelled("hubd_node_calls_total", "Questions to nodes, by how they ended", HUB_COUNTER,
                                       "outcome", hub_cstr(outcome)),
                   1);
}

/* ---- whoever asks ---- */

static struct hub_str key_of(const uint64_t *id) { return hub_str((const char *)id, sizeof *id); }

static void question_end(struct hub_mesh_question *q, enum hub_code code, json_t *result, const char *text) {
    struct hub_mesh *m = q->mesh;
    hub_map_del(&m->questions, key_of(&q->id));
    hub_list_remove(&q->link);
    hub_timer_stop(m->loop, &q->timer);
    hub_unhold(&q->hold);
    q->mesh = NULL;
    hub_metric_add(&waiting_gauge, -1);
    count_question(hub_code_name(code));
    q->done(q, code, result, text);
}

static void on_timeout(struct hub_timer *t) {
    question_end(HUB_CONTAINER(t, struct hub_mesh_question, timer), HUB_REQUEST_TIMEOUT, NULL,
                 "the node did not answer in time");
}

static void question_wait(struct hub_mesh *m, struct hub_mesh_question *q, struct hub_str to, int64_t timeout_ms,
                          hub_mesh_answered *done) {
    *q = (struct hub_mesh_question){.mesh = m, .id = m->last_id, .done = done};
    memcpy(q->to, to.p, HUB_NODE_ID_LEN);
    hub_map_put(&m->questions, key_of(&q->id), q);
    hub_list_push(&m->asking, &q->link);
    hub_hold(m->holds, &q->hold, "question to a node");
    hub_timer_start(m->loop, &q->timer, timeout_ms, on_timeout);
    hub_metric_add(&waiting_gauge, 1);
}

static enum hub_code send_question(struct hub_mesh *m, struct hub_str to, struct hub_mesh_packet *p, const json_t *data,
                                   struct hub_err *err) {
    struct hub_buf body = {0};
    enum hub_code code = hub_mesh_body(&body, data, err);
    if (!code) {
        p->body = hub_buf_str(&body);
        code = hub_mesh_send(m, to, p);
        if (code) hub_err_set(err, code, code == HUB_OVERLOADED ? "too much waits for that node" : NULL);
    }
    hub_buf_free(&body);
    return code;
}

enum hub_code hub_mesh_ask(struct hub_mesh *m, struct hub_mesh_question *q, struct hub_str to, struct hub_str name,
                           const json_t *data, int64_t timeout_ms, hub_mesh_answered *done, struct hub_err *err) {
    struct hub_mesh_packet p = {.kind = HUB_MESH_ASK, .id = ++m->last_id, .ms = (uint32_t)timeout_ms, .name = name};
    enum hub_code code =
        hub_node_lives(m->nodes, to) ? send_question(m, to, &p, data, err) : hub_fail(err, HUB_NODE_NOT_FOUND, NULL);
    if (code)
        count_question(hub_code_name(code));
    else
        question_wait(m, q, to, timeout_ms, done);
    return code;
}

void hub_mesh_on_answer(struct hub_mesh *m, struct hub_str from, const struct hub_mesh_packet *p) {
    struct hub_mesh_question *q = hub_map_get(&m->questions, key_of(&p->id));
    enum hub_code code = hub_code_of_word(p->name); /* HUB_INTERNAL: one of another version */
    if (!q || !hub_str_is(from, q->to)) return;     /* too late */
    json_t *result = code || !p->body.n ? NULL : hub_json_parse(p->body, NULL);
    char *text = code ? hub_str_dup(p->body) : NULL;
    question_end(q, code, result, text);
    json_decref(result);
    free(text);
}

static struct hub_mesh_question *question_for(const struct hub_mesh *m, struct hub_str node) {
    HUB_LIST_EACH(&m->asking, it) {
        struct hub_mesh_question *q = HUB_CONTAINER(it, struct hub_mesh_question, link);
        if (hub_str_is(node, q->to)) return q;
    }
    return NULL;
}

void hub_mesh_forget(struct hub_mesh *m, struct hub_str node) {
    for (struct hub_mesh_question *q; (q = question_for(m, node));)
        question_end(q, HUB_NODE_NOT_FOUND, NULL, "the node went away before it answered");
}

/* ---- whoever is asked ---- */

static HUB_MUST struct hub_mesh_request *request_new(struct hub_mesh *m, struct hub_str from,
                                                     const struct hub_mesh_packet *p, json_t *data) {
    struct hub_mesh_request *r = hub_xcalloc(1, sizeof *r);
    *r = (struct hub_mesh_request){
        .mesh = m, .id = p->id, .name = hub_str_dup(p->name), .data = data, .timeout_ms = p->ms, .bytes = p->body.n};
    memcpy(r->from, from.p, HUB_NODE_ID_LEN);
    hub_hold(m->holds, &r->hold, "question of a node");
    m->asked_n++;
    m->asked_bytes += r->bytes;
    return r;
}

static void send_answer(struct hub_mesh *m, struct hub_str to, uint64_t id, enum hub_code code, struct hub_str body) {
    struct hub_mesh_packet p = {.kind = HUB_MESH_ANSWER, .id = id, .name = hub_cstr(hub_code_word(code)), .body = body};
    if (hub_mesh_send(m, to, &p) != HUB_OVERLOADED) return;
    p.name = hub_cstr(hub_code_word(HUB_OVERLOADED));
    p.body = HUB_STR("the answer could not be sent: too much waits for whoever has asked");
    HUB_UNUSED(hub_mesh_send(m, to, &p), "not even that, or it is gone: then its time runs out");
}

static bool is_asked_too_much(const struct hub_mesh *m, const struct hub_mesh_packet *p) {
    return m->asked_n >= HUB_MESH_ASKED_MAX || m->asked_bytes + p->body.n > HUB_MESH_ASKED_BYTES_MAX;
}

void hub_mesh_on_ask(struct hub_mesh *m, struct hub_str from, const struct hub_mesh_packet *p) {
    const char *why = is_asked_too_much(m, p) ? "the node is asked too much at a time" : NULL;
    json_t *data = why ? NULL : hub_json_parse(p->body, NULL);
    if (data)
        m->events->asked(m->ctx, request_new(m, from, p, data));
    else
        send_answer(m, from, p->id, why ? HUB_OVERLOADED : HUB_BAD_REQUEST, hub_cstr(why));
}

/* As JSON; too large a result is an error, for it was not sent. */
static void add_result(struct hub_buf *body, enum hub_code *code, const json_t *result) {
    struct hub_err err;
    if (!result || !(*code = hub_mesh_body(body, result, &err))) return;
    hub_buf_clear(body);
    hub_buf_addz(body, err.text);
}

void hub_mesh_answer(struct hub_mesh_request *r, enum hub_code code, const json_t *result, const char *text) {
    struct hub_buf body = {0};
    if (code)
        hub_buf_addz(&body, text ? text : hub_code_text(code));
    else
        add_result(&body, &code, result);
    send_answer(r->mesh, hub_cstr(r->from), r->id, code, hub_buf_str(&body));
    r->mesh->asked_n--;
    r->mesh->asked_bytes -= r->bytes;
    hub_unhold(&r->hold);
    hub_buf_free(&body);
    json_decref(r->data);
    free(r->name);
    free(r);
}
