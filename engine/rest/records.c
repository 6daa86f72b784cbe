/* /records/{id}: records of the service, under the guards of the first window that fits. Their version is the
 * entity tag. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "rest/rest_int.h"

/* What a method does, and what its body is; NULL: it has none. */
static const struct record_action {
    enum hub_http_method method;
    const char *command, *body;
} actions[] = {
    {HUB_HTTP_GET, "hub:readRecord", NULL},      {HUB_HTTP_HEAD, "hub:readRecord", NULL},
    {HUB_HTTP_PUT, "hub:writeRecord", "value"},  {HUB_HTTP_PATCH, "hub:patchRecord", "patch"},
    {HUB_HTTP_DELETE, "hub:deleteRecord", NULL},
};

struct record_request {
    struct hub_http_req *req;
    struct hub_engine *engine;
    const struct record_action *action;
    json_t *args;
};

static void free_record_request(struct record_request *q) {
    json_decref(q->args);
    free(q);
}

static void on_record_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                            struct hub_str fields) {
    struct record_request *q = arg;
    struct hub_str version = hub_json_member(fields, "version");
    char headers[64] = "";
    if (version.n && version.n < 24) snprintf(headers, sizeof headers, "ETag: \"%.*s\"\r\n", HUB_FMT(version));
    if (code && data_name)
        hub_rest_refuse(q->req, hub_code_http(code), data_name, err->text, fields);
    else if (code)
        hub_rest_fail_code(q->req, code, err->text, fields);
    else
        hub_rest_ok_with(q->req, 200, data_name, fields, hub_str(NULL, 0), headers);
    free_record_request(q);
}

static bool is_record_gone(void *arg) { return hub_http_gone(((const struct record_request *)arg)->req); }

/* If-Match: "3". False: it was answered. */
static bool add_condition(struct record_request *q) {
    struct hub_str tag = hub_str_trim(hub_http_header(q->req, "if-match"));
    uint64_t version;
    if (!tag.n) return true;
    bool quoted = tag.n > 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"';
    if (quoted && hub_str_u64(hub_str(tag.p + 1, tag.n - 2), &version) && version <= INT64_MAX) {
        json_object_set_new(q->args, "ifVersion", json_integer((json_int_t)version));
        return true;
    }
    hub_rest_fail_code(q->req, HUB_BAD_REQUEST, "If-Match: expected one version in quotes, as ETag gives it",
                       hub_str(NULL, 0));
    return false;
}

/* False: it was answered. */
static bool add_value(struct record_request *q) {
    json_t *value = q->action->body ? hub_rest_value(q->req) : NULL;
    if (value) json_object_set_new(q->args, q->action->body, value);
    return value || !q->action->body;
}

/* A body is made a tree only when it is known who sends it. */
static void on_record_user(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct record_request *q = arg;
    if (code)
        hub_rest_fail_code(q->req, code, reason, hub_str(NULL, 0));
    else
        hub_http_vouch(q->req);
    if (code || !add_value(q)) {
        free_record_request(q);
        return;
    }
    hub_engine_record_request(q->engine, q->action->command, hub_json_get_str(q->args, "recordId"),
                              &(struct hub_request){.who = who,
                                                    .address = hub_http_peer(q->req),
                                                    .args = json_incref(q->args),
                                                    .reply = on_record_reply,
                                                    .gone = is_record_gone,
                                                    .arg = q});
}

static const struct record_action *record_action_of(enum hub_http_method method) {
    for (size_t i = 0; i < HUB_NELEM(actions); i++)
        if (actions[i].method == method) return &actions[i];
    return NULL;
}

void hub_rest_records(struct hub_rest *r, struct hub_http_req *req, struct hub_rest_path *path) {
    const struct record_action *action = record_action_of(hub_http_method(req));
    if (path->n != 2) {
        hub_rest_fail_code(req, HUB_NOT_FOUND, "there is no such path below /records", hub_str(NULL, 0));
    } else if (!action) {
        hub_rest_fail_method(req, "GET, HEAD, PUT, PATCH, DELETE");
    } else if (hub_rest_no_query(req)) {
        struct record_request *q = hub_xmalloc(sizeof *q);
        *q = (struct record_request){req, r->engine, action, json_object()};
        hub_json_set_str(q->args, "recordId", path->segments[1]);
        if (hub_http_method(req) < HUB_HTTP_PUT || add_condition(q))
            hub_rest_identify(r, req, on_record_user, q);
        else
            free_record_request(q);
    }
}
