/* HTTP requests from strangers, as a connection reads them: one request after the other off a pipelined
 * stream. The first byte says how the stream is cut into reads; however it is cut, the same requests must
 * come out. */
#include <stdlib.h>

#include "transport/http/http_parse.h"

#define MAX_BODY 5000

static void note_request(struct hub_buf *log, const struct hub_http_req *r) {
    static const char *const names[] = {"host", "content-length", "origin", "connection", "upgrade"};
    hub_buf_addf(log, "%d %d %d ", hub_http_method(r), r->keep_alive, r->websocket);
    hub_buf_adds(log, hub_http_path(r));
    hub_buf_adds(log, hub_http_query(r));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) hub_buf_adds(log, hub_http_header(r, names[i]));
    hub_buf_adds(log, hub_http_body(r));
    hub_query_get(hub_http_query(r), "sid", log);
    hub_http_has_token(r, "connection", "upgrade");
    if (hub_http_body(r).n > MAX_BODY) abort();
    if (r->head.n > 2 * HUB_HTTP_MAX_HEAD) abort();
}

/* Appends what came out to LOG. */
static void read_stream(struct hub_str in, size_t step, struct hub_buf *log) {
    struct hub_http_req *r = NULL;
    while (in.n) {
        size_t n = step < in.n ? step : in.n, used = 0;
        char *exact = malloc(n); /* so that reading beyond shows */
        memcpy(exact, in.p, n);
        if (!r) r = hub_http_req_new(MAX_BODY);
        enum hub_http_feed end = hub_http_feed(r, exact, n, &used);
        free(exact);
        if (end == HUB_HTTP_WHOLE && (used == 0 || used > n)) abort();
        if (end == HUB_HTTP_WHOLE) note_request(log, r);
        if (end == HUB_HTTP_BAD && (r->status < 400 || r->status > 599)) abort();
        in = end == HUB_HTTP_WHOLE ? hub_str(in.p + used, in.n - used) : hub_str(in.p + n, in.n - n);
        if (end == HUB_HTTP_MORE) continue;
        bool stop = end == HUB_HTTP_BAD || r->websocket; /* after an upgrade the bytes are no HTTP any more */
        hub_http_req_free(r);
        r = NULL;
        if (stop) break;
    }
    if (r) hub_http_req_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!n) return 0;
    struct hub_str in = hub_str((const char *)data + 1, n - 1);
    struct hub_buf whole = {0}, pieces = {0};
    read_stream(in, in.n, &whole);
    read_stream(in, data[0] % 61 + 1, &pieces);
    if (!hub_str_eq(hub_buf_str(&whole), hub_buf_str(&pieces))) abort();
    hub_buf_free(&whole);
    hub_buf_free(&pieces);
    return 0;
}
