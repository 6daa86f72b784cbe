/* Health, readiness, metrics. */
#include "ops/ops.h"

#include "base/json/json.h"
#include "base/telemetry/metric.h"

static struct hub_metric build_info =
    HUB_METRIC(HUB_GAUGE, "hubd_build_info", "version=\"" HUB_VERSION "\"", "Always 1; the version is in the label");

static struct hub_metric start_time =
    HUB_METRIC(HUB_GAUGE, "hubd_start_time_seconds", NULL, "When the process started, in seconds since 1970 (UTC)");

static void add_reason(struct hub_buf *b, const char *part, struct hub_str why) {
    if (b->n > 1) hub_buf_addc(b, ',');
    hub_buf_addf(b, "{\"part\":\"%s\",\"reason\":", part);
    hub_json_add_string(b, why);
    hub_buf_addc(b, '}');
}

static void answer_ready(const struct hub_ops_config *c, struct hub_http_req *req) {
    struct hub_buf list = {0}, why = {0}, body = {0};
    hub_buf_addc(&list, '[');
    if (!c->store)
        add_reason(&list, "store", HUB_STR("not reached yet"));
    else if (!c->store->ops->ready(c->store, &why))
        add_reason(&list, "store", hub_buf_str(&why));
    hub_buf_clear(&why);
    if (!c->cache->ops->ready(c->cache, &why)) add_reason(&list, "cache", hub_buf_str(&why));
    hub_buf_clear(&why);
    if (!c->bus->ops->ready(c->bus, &why)) add_reason(&list, "bus", hub_buf_str(&why));
    hub_buf_clear(&why);
    if (c->identity && !hub_identity_ready(c->identity, &why)) add_reason(&list, "keys", hub_buf_str(&why));
    if (*c->draining) add_reason(&list, "service", HUB_STR("draining"));
    if (!*c->open && list.n == 1) add_reason(&list, "service", HUB_STR("starting"));
    bool ok = list.n == 1;
    hub_buf_addc(&list, ']');
    hub_buf_addf(&body, "{\"ready\":%s,\"notReady\":", ok ? "true" : "false");
    hub_buf_adds(&body, hub_buf_str(&list));
    hub_buf_addc(&body, '}');
    hub_http_reply(req, ok ? 200 : 503, "application/json; charset=utf-8", hub_buf_str(&body),
                   "Cache-Control: no-store\r\n");
    hub_buf_free(&list);
    hub_buf_free(&why);
    hub_buf_free(&body);
}

static void answer_metrics(const struct hub_ops_config *c, struct hub_http_req *req) {
    struct hub_buf b = {0};
    if (c->holds) hub_holds_show(c->holds);
    if (c->backlog) hub_backlog_show(c->backlog);
    hub_metric_set(&build_info, 1);
    hub_metric_set(&start_time, c->started_ms / 1000);
    hub_metrics_print(&b);
    hub_http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", hub_buf_str(&b),
                   "Cache-Control: no-store\r\n");
    hub_buf_free(&b);
}

bool hub_ops_handle(const struct hub_ops_config *c, struct hub_http_req *req) {
    struct hub_str path = hub_http_path(req);
    bool health = hub_str_is(path, "/healthz"), is_ready = hub_str_is(path, "/readyz"),
         is_metrics = hub_str_is(path, "/metrics");
    if (!health && !is_ready && !is_metrics) return false;
    if (hub_http_method(req) != HUB_HTTP_GET && hub_http_method(req) != HUB_HTTP_HEAD)
        hub_http_reply(req, 405, "text/plain; charset=utf-8", HUB_STR("only GET\n"), "Allow: GET, HEAD\r\n");
    else if (health)
        hub_http_reply(req, 200, "application/json; charset=utf-8", HUB_STR("{\"status\":\"ok\"}"),
                       "Cache-Control: no-store\r\n");
    else if (is_ready)
        answer_ready(c, req);
    else
        answer_metrics(c, req);
    return true;
}
