/* /channels/{channel} and /channels/{channel}/messages: channels of the service, under the guards of the
 * first window that fits. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "rest/rest_int.h"

struct channel_request {
    struct hub_http_req *req;
    struct hub_engine *engine;
    bool publish;
    char *channel;
    json_t *args;
};

static void free_channel_request(struct channel_request *q) {
    json_decref(q->args);
    free(q->channel);
    free(q);
}

static void on_channel_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                             struct hub_str fields) {
    struct channel_request *q = arg;
    if (code && data_name)
        hub_rest_refuse(q->req, hub_code_http(code), data_name, err->text, fields);
    else if (code)
        hub_rest_fail_code(q->req, code, err->text, fields);
    else
        hub_rest_ok(q->req, q->publish ? 201 : 200, data_name, fields, hub_str(NULL, 0));
    free_channel_request(q);
}

static bool is_channel_gone(void *arg) { return hub_http_gone(((const struct channel_request *)arg)->req); }

/* {data}. False: it was answered. */
static bool add_data(struct channel_request *q) {
    json_t *body = hub_rest_body(q->req), *data = json_object_get(body, "data");
    if (body && !data)
        hub_rest_fail_code(q->req, HUB_BAD_REQUEST, "data: expected what is to be published", hub_str(NULL, 0));
    if (data) json_object_set(q->args, "data", data);
    json_decref(body);
    return data;
}

/* A body is made a tree only when it is known who sends it. */
static void on_user(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct channel_request *q = arg;
    if (code)
        hub_rest_fail_code(q->req, code, reason, hub_str(NULL, 0));
    else
        hub_http_vouch(q->req);
    if (code || (q->publish && !add_data(q))) {
        free_channel_request(q);
        return;
    }
    hub_engine_channel_request(q->engine, q->publish ? "hub:publish" : "hub:channelHistory", hub_cstr(q->channel),
                               &(struct hub_request){.who = who,
                                                     .address = hub_http_peer(q->req),
                                                     .args = json_incref(q->args),
                                                     .reply = on_channel_reply,
                                                     .gone = is_channel_gone,
                                                     .arg = q});
}

/* ?before=N&limit=N. False: it was answered. */
static bool add_paging(struct hub_http_req *req, json_t *args) {
    json_t *query = hub_rest_query(req);
    const char *name;
    json_t *v;
    bool ok = query;
    json_object_foreach(query, name, v) {
        if (ok && !hub_str_among(hub_cstr(name), "before limit"))
            ok = hub_rest_bad_parameter(req, hub_cstr(name), "unknown; there are before, limit");
    }
    ok = ok && hub_rest_query_int(req, query, "before", 1, INT64_MAX, args) &&
         hub_rest_query_int(req, query, "limit", 1, INT64_MAX, args);
    json_decref(query);
    return ok;
}

void hub_rest_channels(struct hub_rest *r, struct hub_http_req *req, struct hub_rest_path *path) {
    bool messages = path->n == 3 && hub_str_is(path->segments[2], "messages");
    enum hub_http_method method = hub_http_method(req);
    json_t *args = json_object();
    if (path->n != 2 && !messages)
        hub_rest_fail_code(req, HUB_NOT_FOUND, "there is no such path below /channels", hub_str(NULL, 0));
    else if (messages ? method != HUB_HTTP_GET && method != HUB_HTTP_HEAD : method != HUB_HTTP_POST)
        hub_rest_fail_method(req, messages ? "GET, HEAD" : "POST");
    else if (messages ? add_paging(req, args) : hub_rest_no_query(req)) {
        struct channel_request *q = hub_xmalloc(sizeof *q);
        *q = (struct channel_request){req, r->engine, !messages, hub_str_dup(path->segments[1]), json_incref(args)};
        hub_json_set_str(args, "channel", path->segments[1]);
        hub_rest_identify(r, req, on_user, q);
    }
    json_decref(args);
}
