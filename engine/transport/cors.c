/* Cross-origin rules: who may read answers from another origin, and who may open a WebSocket. */
#include "transport/transport_int.h"

static bool is_listed(const struct hub_transport *t, struct hub_str origin) {
    for (size_t i = 0; i < t->cfg.cors_n; i++)
        if (hub_str_is(origin, t->cfg.cors_origins[i])) return true;
    return false;
}

/* A wildcard never goes with credentials; a listed origin does, and then caches must keep origins apart. */
void hub_cors_add(const struct hub_http_req *r, struct hub_buf *head) {
    const struct hub_transport *t = r->conn->t;
    if (!t->cfg.cors_n) return;
    struct hub_str origin = hub_http_header(r, "origin");
    if (t->any_origin) {
        hub_buf_adds(head, HUB_STR("Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n"));
        return;
    }
    hub_buf_adds(head, HUB_STR("Vary: Origin\r\n"));
    if (!origin.n || !is_listed(t, origin)) return;
    hub_buf_addf(head,
                 "Access-Control-Allow-Origin: %.*s\r\nAccess-Control-Allow-Credentials: true\r\n"
                 "Access-Control-Expose-Headers: Retry-After\r\n",
                 HUB_FMT(origin));
}

static bool is_field_list(struct hub_str s) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ";
    for (size_t i = 0; i < s.n; i++)
        if (!memchr(allowed, s.p[i], sizeof allowed - 1)) return false;
    return s.n > 0;
}

/* Without a matching Access-Control-Allow-Origin (which the reply adds) a browser takes no notice of the rest. */
void hub_cors_preflight(struct hub_http_req *r) {
    struct hub_buf h = {0};
    struct hub_str wanted = hub_http_header(r, "access-control-request-headers");
    hub_buf_adds(&h, HUB_STR("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"));
    if (hub_http_header(r, "access-control-request-method").n && r->conn && r->conn->t->cfg.cors_n) {
        hub_buf_adds(&h, HUB_STR("Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\nAccess-Control-Max-Age: 600\r\n"));
        if (is_field_list(wanted)) hub_buf_addf(&h, "Access-Control-Allow-Headers: %.*s\r\n", HUB_FMT(wanted));
    }
    hub_http_reply(r, 204, NULL, HUB_STR(""), hub_buf_cstr(&h));
    hub_buf_free(&h);
}

/* "https://host:port" names the server the request was sent to. */
static bool is_same_host(struct hub_str origin, struct hub_str host) {
    size_t at = hub_str_find(origin, ':');
    if (origin.n - at < 3 || memcmp(origin.p + at, "://", 3) != 0) return false;
    return hub_str_eq_nocase(hub_str(origin.p + at + 3, origin.n - at - 3), host);
}

bool hub_cors_admits_websocket(const struct hub_http_req *r) {
    const struct hub_transport *t = r->conn->t;
    struct hub_str origin = hub_http_header(r, "origin");
    if (!t->cfg.cors_n || t->any_origin || !origin.n) return true;
    return is_listed(t, origin) || is_same_host(origin, hub_http_header(r, "host"));
}
