/* hub:publish and hub:channelHistory. */
#include <stdlib.h>

#include "data/fields.h"
#include "hub/channel/channel_int.h"

/* ---- hub:publish ---- */

struct publishing {
    struct hub_guard_ask ask;
    struct hub_channel_wait wait;
    struct hub_call *call;
    json_t *given;       /* a reference */
    struct hub_buf data; /* JSON, with defaults filled in */
    const struct hub_def_channel *window;
    struct hub_identity *who;    /* that the guard let through: a reference, or NULL */
    struct hub_channel *channel; /* reference, or NULL */
};

static void free_publishing(struct publishing *p) {
    hub_identity_unref(p->who);
    if (p->channel) hub_channel_unref(p->channel);
    hub_buf_free(&p->data);
    json_decref(p->given);
    free(p);
}

static void refuse_publishing(struct publishing *p, const struct hub_err *err) {
    hub_call_fail_with(p->call, err, hub_str(NULL, 0));
    free_publishing(p);
}

enum hub_code hub_channel_check_data(const struct hub_def *def, const struct hub_def_channel *w, json_t *data,
                                     struct hub_buf *json, struct hub_err *err) {
    const struct hub_fields_of of = {"data", "channel", w->pattern.text};
    bool changed;
    enum hub_code code = w->field_n ? hub_fields_check(w->fields, w->field_n, data, &of, &changed, err) : HUB_OK;
    if (code) return code;
    hub_buf_clear(json);
    hub_json_add(json, data);
    if ((int64_t)json->n <= def->max_message_size) return HUB_OK;
    return hub_fail(err, HUB_TOO_LARGE, "data: %zu bytes of JSON, at most %lld are allowed", json->n,
                    (long long)def->max_message_size);
}

static void on_published(void *arg, enum hub_code code, const char *error, int64_t number) {
    struct hub_call *call = arg;
    char fields[48];
    if (code) {
        hub_call_fail_store(call, code, error);
        return;
    }
    int n = snprintf(fields, sizeof fields, "\"offset\":%lld", (long long)number);
    hub_call_ok(call, "offset", hub_str(fields, (size_t)n));
}

static void on_publish_loaded(struct hub_channel_wait *w, struct hub_channel *c, enum hub_code code) {
    struct publishing *p = HUB_CONTAINER(w, struct publishing, wait);
    struct hub_err err;
    if (code) {
        hub_err_set(&err, code, "%s", hub_code_text(code));
        refuse_publishing(p, &err);
        return;
    }
    hub_channel_publish(c, p->who, hub_buf_str(&p->data), on_published, p->call);
    free_publishing(p);
}

static void on_publish_judged(struct hub_guard_ask *a, enum hub_code code) {
    struct publishing *p = HUB_CONTAINER(a, struct publishing, ask);
    const struct hub_def *def = p->call->hub->def;
    if (!code && a->window != p->window) /* a reload came between */
        code = hub_channel_check_data(def, a->window, p->given, &p->data, &a->err);
    if (!code)
        code = hub_channel_get(p->call->hub->engine, def, hub_call_str(p->call, "channel"), &p->channel, &a->err);
    if (code) {
        refuse_publishing(p, &a->err);
    } else {
        p->who = hub_identity_ref(a->who);
        hub_channel_load(p->channel, &p->wait);
    }
}

void hub_channel_run_publish(struct hub_call *call) {
    struct hub_err err;
    const struct hub_def *def = call->hub->def;
    struct hub_str name = hub_call_str(call, "channel");
    json_t *data = json_object_get(call->args, "data");
    struct publishing *p = hub_xcalloc(1, sizeof *p);
    p->call = call;
    p->wait.loaded = on_publish_loaded;
    p->given = json_incref(data);
    p->ask = (struct hub_guard_ask){
        .guard = &hub_channel_publish_guard, .done = on_publish_judged, .more = {{"data", data}}, .more_n = 1};
    enum hub_code code = data ? HUB_OK : hub_fail(&err, HUB_BAD_REQUEST, "data: expected what is to be published");
    if (!code) code = hub_channel_window(def, name, &p->window, NULL, &err);
    if (!code) code = hub_channel_may_publish(p->window, &err); /* before he is told what it would have to be */
    if (!code) code = hub_channel_check_data(def, p->window, data, &p->data, &err);
    if (code)
        refuse_publishing(p, &err);
    else
        hub_guard_ask(&p->ask, call->hub, call->conn, call->who, name);
}

/* ---- hub:channelHistory ---- */

struct hub_channel_span hub_channel_kept_span(const struct hub_channel *c, int64_t history, int64_t seconds,
                                              int64_t before, int64_t limit) {
    int64_t number = c->sequence.number;
    struct hub_channel_span span = {.after = number > history ? number - history : 0,
                                    .upto = before <= number ? before - 1 : number,
                                    .oldest = hub_channel_oldest(c, seconds),
                                    .limit = limit < 1                      ? 1
                                             : limit < HUB_CHANNEL_READ_MAX ? limit
                                                                            : HUB_CHANNEL_READ_MAX};
    if (span.upto <= span.after) span.limit = 0;
    return span;
}

struct paging {
    struct hub_guard_ask ask;
    struct hub_channel_wait wait;
    struct hub_call *call;
    struct hub_channel *channel; /* reference, or NULL */
    struct hub_channel_span span;
    int64_t history, seconds;
};

static void free_paging(struct paging *p) {
    if (p->channel) hub_channel_unref(p->channel);
    free(p);
}

static void on_page(void *arg, enum hub_code code, const struct hub_channel_page *page) {
    struct paging *p = arg;
    if (code) {
        hub_call_fail_store(p->call, code, NULL);
        free_paging(p);
        return;
    }
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"history\":[");
    hub_buf_adds(&b, hub_buf_str(&page->json));
    hub_buf_addf(&b, "],\"hasMore\":%s", page->n && page->first > p->span.after + 1 ? "true" : "false");
    hub_call_ok(p->call, "history", hub_buf_str(&b));
    hub_buf_free(&b);
    free_paging(p);
}

static void on_channel(struct hub_channel_wait *w, struct hub_channel *c, enum hub_code code) {
    struct paging *p = HUB_CONTAINER(w, struct paging, wait);
    const json_t *args = p->call->args;
    const struct hub_channel_page none = {0};
    p->span = hub_channel_kept_span(c, p->history, p->seconds, hub_json_get_int(args, "before", INT64_MAX),
                                    hub_json_get_int(args, "limit", HUB_CHANNEL_PAGE));
    if (!code && p->span.limit)
        c->log->read(c, &p->span, on_page, p);
    else
        on_page(p, code, &none);
}

static void on_reader_judged(struct hub_guard_ask *a, enum hub_code code) {
    struct paging *p = HUB_CONTAINER(a, struct paging, ask);
    struct hub_call *call = p->call;
    if (!code)
        code = hub_channel_get(call->hub->engine, call->hub->def, hub_call_str(call, "channel"), &p->channel, &a->err);
    if (code) {
        hub_call_fail_with(call, &a->err, hub_str(NULL, 0));
        free_paging(p);
        return;
    }
    const struct hub_def_channel *window = a->window;
    p->history = window->history;
    p->seconds = window->history_seconds;
    hub_channel_load(p->channel, &p->wait);
}

void hub_channel_run_history(struct hub_call *call) {
    struct paging *p = hub_xcalloc(1, sizeof *p);
    p->call = call;
    p->wait.loaded = on_channel;
    p->ask = (struct hub_guard_ask){.guard = &hub_channel_subscribe_guard, .done = on_reader_judged};
    hub_guard_ask(&p->ask, call->hub, call->conn, call->who, hub_call_str(call, "channel"));
}
