/* Other sites: which page a request comes from, what it may do here, and what browsers are told about it
 * (decision 0017).
 *
 * A browser says by Origin (and Sec-Fetch-Site) whose page asks; other programs say nothing and are
 * nobody's page. A page of elsewhere that is not listed gets nothing: no session, no upgrade, no change,
 * and its visitor's cookies are not looked at. */
#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "transport/transport_int.h"

void hub_site_read_config(struct hub_transport *t) {
    t->origins = hub_xcalloc(t->cfg.cors_n + 1, sizeof *t->origins);
    for (size_t i = 0; i < t->cfg.cors_n; i++) {
        struct hub_str text = hub_cstr(t->cfg.cors_origins[i]);
        if (hub_str_is(text, "*"))
            t->any_origin = true;
        else if (!hub_origin_pattern(text, &t->origins[t->origin_n])) /* the linter refuses others */
            t->origin_n++;
    }
}

/* ---- whose page ---- */

static bool is_listed(const struct hub_transport *t, const struct hub_origin *o) {
    for (size_t i = 0; i < t->origin_n; i++)
        if (hub_origin_matches(&t->origins[i], o)) return true;
    return false;
}

static struct hub_str host_of(const struct hub_http_req *r) {
    return r->forwarded_host.n ? r->forwarded_host : hub_http_header(r, "host");
}

/* Without TLS of our own a proxy may have it, so https is believed; where TLS is known, a page that came
 * without was open to changes. */
static bool is_own(const struct hub_http_req *r, const struct hub_origin *o) {
    if (r->secure && !hub_str_eq_nocase(o->scheme, HUB_STR("https"))) return false;
    return hub_origin_is_at(o, host_of(r));
}

/* The browser knows of another site, though it (or a proxy) left Origin out: images and links do so. */
static bool is_cross_site(const struct hub_http_req *r) {
    struct hub_str site = hub_http_header(r, "sec-fetch-site");
    return hub_str_is(site, "cross-site") || hub_str_is(site, "same-site");
}

static enum hub_site site_of(const struct hub_http_req *r) {
    const struct hub_transport *t = r->link->t;
    struct hub_str origin = hub_http_header(r, "origin");
    struct hub_origin o;
    enum hub_site other = t->any_origin ? HUB_SITE_ANY : HUB_SITE_FOREIGN;
    if (!origin.n) return is_cross_site(r) ? other : HUB_SITE_OWN;
    if (!hub_origin_parse(origin, &o)) return other;
    if (is_own(r, &o)) return HUB_SITE_OWN;
    return is_listed(t, &o) ? HUB_SITE_LISTED : other;
}

void hub_site_judge(struct hub_http_req *r) {
    if (r->judged) return;
    r->judged = true;
    r->site = (uint8_t)site_of(r);
    if (r->site != HUB_SITE_ANY && r->site != HUB_SITE_FOREIGN) return;
    for (uint32_t i = 0; i < r->fields_n; i++) /* nobody above shall take them for the page's own */
        if (hub_str_is(hub_str(r->head.p + r->fields[i].name, r->fields[i].name_n), "cookie")) r->fields[i].value_n = 0;
}

/* ---- whose name ---- */

/* A page under a public name that was made to point here would be of our own host. It cannot have the name
 * of an origin that is listed, nor be served by https here while we speak plain HTTP: then a proxy with a
 * certificate of that name stands in front. */
static bool is_ours(const struct hub_http_req *r, struct hub_str authority) {
    const struct hub_transport *t = r->link->t;
    struct hub_str host = hub_authority_host(authority, NULL);
    struct hub_origin page;
    if (hub_host_is_local(host) || hub_str_eq_nocase(host, hub_cstr(t->cfg.host))) return true;
    for (size_t i = 0; i < t->origin_n; i++) {
        struct hub_origin o = t->origins[i];
        o.host = host;
        if (hub_origin_matches(&t->origins[i], &o)) return true;
    }
    bool proxied = !t->io->secure && t->port != 80 && t->port != 443 &&
                   hub_origin_parse(hub_http_header(r, "origin"), &page) && page.port == 443 &&
                   hub_str_eq_nocase(page.scheme, HUB_STR("https"));
    return proxied && hub_origin_is_at(&page, authority);
}

bool hub_site_names_us(const struct hub_http_req *r) {
    if (!r->link->t->cfg.local_names) return true;
    return is_ours(r, hub_http_header(r, "host")) && is_ours(r, r->forwarded_host);
}

/* ---- refusals ---- */

static const char *why_foreign(const struct hub_http_req *r) {
    struct hub_str origin = hub_http_header(r, "origin"), claimed = hub_http_header(r, "x-forwarded-host");
    struct hub_origin o;
    if (!origin.n)
        return "Sec-Fetch-Site says that a page of another site asks, and there is no Origin to look up in "
               "listen.corsOrigins";
    if (!hub_origin_parse(origin, &o))
        return "a page without an origin of its own (a file, a sandboxed frame) cannot be told from any other";
    if (claimed.n && !r->forwarded_host.n &&
        hub_origin_is_at(&o, hub_str_trim(hub_str(claimed.p, hub_str_find(claimed, ',')))))
        return "X-Forwarded-Host names it, but the peer is not one of listen.trustedProxies";
    if (r->secure && hub_origin_is_at(&o, host_of(r))) return "it is this host, but its page came without TLS";
    return "it is neither the host asked for nor in listen.corsOrigins";
}

static void log_refusal(const struct hub_http_req *r, const char *message, const char *why) {
    struct hub_str origin = hub_http_header(r, "origin"), host = host_of(r), path = hub_http_path(r);
    char texts[3][256];
    snprintf(texts[0], sizeof texts[0], "%.*s", HUB_FMT(origin));
    snprintf(texts[1], sizeof texts[1], "%.*s", HUB_FMT(host));
    snprintf(texts[2], sizeof texts[2], "%.*s", HUB_FMT(path));
    hub_log_kv(HUB_LOG_INFO, "transport", message, "origin", origin.n ? texts[0] : NULL, "host", texts[1], "path",
               texts[2], "reason", why, "peer", r->peer, NULL);
}

bool hub_site_is_refused(const struct hub_http_req *r) {
    enum hub_http_method m = hub_http_method(r);
    bool reads = m == HUB_HTTP_GET || m == HUB_HTTP_HEAD;
    return r->site == HUB_SITE_FOREIGN && m != HUB_HTTP_OPTIONS && (!reads || hub_eio_is_path(r));
}

void hub_site_refuse(struct hub_http_req *r) {
    if (!hub_site_names_us(r)) {
        const char *why = "with auth.dev only local names are answered, and those of listen.corsOrigins: another one "
                          "may be made to point here";
        log_refusal(r, "host refused", why);
        hub_http_fail(r, 403,
                      "With auth.dev this service answers only to local names: open it as localhost, or list the "
                      "origin of this name in "
                      "listen.corsOrigins");
        return;
    }
    log_refusal(r, "origin refused", why_foreign(r));
    if (hub_eio_is_path(r))
        hub_eio_forbid(r);
    else
        hub_http_fail(r, 403, "Pages of this origin may not do that here; listen.corsOrigins says which may");
}

/* ---- what browsers are told ---- */

/* A wildcard never goes with credentials; a listed origin does, and then caches must keep origins apart. */
void hub_cors_add(struct hub_http_req *r, struct hub_buf *head) {
    const struct hub_transport *t = r->link->t;
    if (!t->cfg.cors_n) return;
    struct hub_str origin = hub_http_header(r, "origin");
    if (t->any_origin) {
        hub_buf_adds(head, HUB_STR("Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n"));
        return;
    }
    hub_buf_adds(head, HUB_STR("Vary: Origin\r\n"));
    hub_site_judge(r);
    if (!origin.n || r->site != HUB_SITE_LISTED) return;
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

/* Without a matching Access-Control-Allow-Origin (which the reply adds) a browser takes no notice of the
 * rest. */
void hub_cors_preflight(struct hub_http_req *r) {
    struct hub_buf h = {0};
    struct hub_str wanted = hub_http_header(r, "access-control-request-headers");
    bool asks = hub_http_header(r, "access-control-request-method").n > 0;
    if (asks && r->site == HUB_SITE_FOREIGN) log_refusal(r, "origin refused", why_foreign(r));
    hub_buf_adds(&h, HUB_STR("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"));
    if (asks && r->link && r->link->t->cfg.cors_n) {
        hub_buf_adds(&h, HUB_STR("Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, "
                                 "DELETE\r\nAccess-Control-Max-Age: 600\r\n"));
        if (is_field_list(wanted)) hub_buf_addf(&h, "Access-Control-Allow-Headers: %.*s\r\n", HUB_FMT(wanted));
    }
    hub_http_reply(r, 204, NULL, HUB_STR(""), hub_buf_cstr(&h));
    hub_buf_free(&h);
}
