/* What reverse proxies say about whom they speak for. Only listen.trustedProxies are believed: anybody
 * else's X-Forwarded headers are noise that a client may have written. */
#include "transport/transport_int.h"

bool hub_forwarded_trusts(const struct hub_transport *t, const struct hub_ip *ip) {
    for (size_t i = 0; i < t->proxy_n; i++)
        if (hub_cidr_has(&t->proxies[i], ip)) return true;
    return false;
}

void hub_forwarded_read_config(struct hub_transport *t) {
    t->proxies = hub_xcalloc(t->cfg.trusted_n + 1, sizeof *t->proxies);
    for (size_t i = 0; i < t->cfg.trusted_n; i++) {
        struct hub_str text = hub_cstr(t->cfg.trusted_proxies[i]);
        if (hub_str_is(text, "unix:"))
            t->trusts_unix = true;
        else if (!hub_cidr_parse(text, &t->proxies[t->proxy_n])) /* the linter refuses others */
            t->proxy_n++;
    }
}

/* Cuts the last piece off a list with commas. */
static bool last_piece(struct hub_str *list, struct hub_str *piece) {
    if (!list->p) return false;
    size_t at = list->n;
    while (at && list->p[at - 1] != ',') at--;
    *piece = hub_str_trim(hub_str(list->p + at, list->n - at));
    *list = at ? hub_str(list->p, at - 1) : hub_str(NULL, 0);
    return true;
}

/* Each proxy adds the one it talked to at the end, so the last address that is none of ours is the
 * client's; what stands before it may be anything. False when nobody is named. */
static bool client_of(const struct hub_http_req *r, struct hub_ip *out) {
    bool found = false;
    for (uint32_t i = r->fields_n; i-- > 0;) {
        const struct hub_http_field *f = &r->fields[i];
        struct hub_str list = hub_str(r->head.p + f->value, f->value_n), piece;
        if (!hub_str_is(hub_str(r->head.p + f->name, f->name_n), "x-forwarded-for")) continue;
        while (last_piece(&list, &piece)) {
            struct hub_ip ip;
            if (!hub_ip_parse(piece, &ip)) return found;
            *out = ip;
            found = true;
            if (!hub_forwarded_trusts(r->link->t, &ip)) return true;
        }
    }
    return found;
}

static struct hub_str first_piece(struct hub_str list) {
    return hub_str_trim(hub_str(list.p, hub_str_find(list, ',')));
}

bool hub_forwarded_read(struct hub_http_req *r, struct hub_ip *client) {
    struct hub_link *c = r->link;
    r->secure = c->t->io->secure;
    if (c->unix_peer ? !c->t->trusts_unix : !hub_forwarded_trusts(c->t, &c->ip)) return false;
    struct hub_str proto = first_piece(hub_http_header(r, "x-forwarded-proto"));
    r->forwarded_host = first_piece(hub_http_header(r, "x-forwarded-host"));
    if (proto.n) r->secure = hub_str_eq_nocase(proto, HUB_STR("https")) || hub_str_eq_nocase(proto, HUB_STR("wss"));
    if (client_of(r, client))
        hub_ip_format(client, r->peer);
    else if (c->unix_peer)
        return false;
    else
        *client = c->ip; /* who names nobody speaks for himself */
    return true;
}
