/* /asyncapi.json and /openapi.json: what the loaded definitions are, for tools. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "describe/describe.h"
#include "rest/rest_int.h"

struct document_request {
    struct hub_rest *rest;
    struct hub_http_req *req;
    enum hub_describe_document document;
};

void hub_rest_drop_documents(struct hub_rest *r) {
    for (size_t i = 0; i < HUB_REST_DOCUMENTS; i++) hub_buf_free(&r->documents[i]);
}

static void on_document_user(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct document_request *q = arg;
    struct hub_buf *text = &q->rest->documents[q->document];
    (void)who;
    if (code) {
        hub_rest_fail_code(q->req, code, reason, hub_str(NULL, 0));
    } else {
        if (!text->n) hub_describe_print_document(q->rest->service, q->document, text);
        hub_http_reply(q->req, 200, "application/json; charset=utf-8", hub_buf_str(text), "");
    }
    free(q);
}

bool hub_rest_document(struct hub_rest *r, struct hub_http_req *req, const struct hub_rest_path *path) {
    static const char *const names[HUB_REST_DOCUMENTS] = {
        [HUB_DESCRIBE_ASYNCAPI] = "asyncapi.json", [HUB_DESCRIBE_OPENAPI] = "openapi.json"};
    size_t i = 0;
    while (i < HUB_REST_DOCUMENTS && !hub_str_is(path->segments[0], names[i])) i++;
    if (i == HUB_REST_DOCUMENTS || path->n != 1) return false;
    if (hub_http_method(req) != HUB_HTTP_GET && hub_http_method(req) != HUB_HTTP_HEAD) {
        hub_rest_fail_method(req, "GET, HEAD");
    } else if (hub_rest_no_query(req)) {
        struct document_request *q = hub_xmalloc(sizeof *q);
        *q = (struct document_request){r, req, (enum hub_describe_document)i};
        hub_rest_identify(r, req, on_document_user, q);
    }
    return true;
}
