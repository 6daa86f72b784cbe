/* Connecting without ever blocking: names first, then libpq's own steps, one descriptor after the other. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/telemetry/log.h"
#include "persist/store_metrics.h"

#define ADDRESSES_MAX 64 /* tried in one attempt */

static void on_link_notice(void *arg, const PGresult *r) {
    struct link *l = arg;
    const char *level = PQresultErrorField(r, PG_DIAG_SEVERITY), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    hub_log_kv(HUB_LOG_INFO, "store", "the server says", "connection", l->name, "severity", level, "notice", text,
               NULL);
}

static void on_connecting(void *arg, int events);

static bool watch_link(struct link *l, int events, void (*cb)(void *, int)) {
    l->watch = hub_watch_new(l->s->loop, PQsocket(l->pg), cb, l);
    if (l->watch) hub_watch_set(l->s->loop, l->watch, events);
    return l->watch != NULL;
}

static void come_up(struct link *l) {
    PQsetnonblocking(l->pg, 1);
    if (!PQenterPipelineMode(l->pg) || !watch_link(l, HUB_READABLE, hub_pg_link_ready)) {
        hub_pg_link_keep_why(l, "the connection cannot be watched");
        hub_pg_link_lose(l);
        return;
    }
    if (l->was_up) hub_store_count_reconnect();
    hub_log_kv(l->attempts > 1 ? HUB_LOG_INFO : HUB_LOG_DEBUG, "store", "connected", "connection", l->name, "to",
               l->s->conninfo.shown, NULL);
    l->state = LINK_UP;
    l->was_up = true;
    l->attempts = 0;
    l->generation = l->s->generation;
    hub_timer_stop(l->s->loop, &l->timer);
    hub_pg_count_links(l->s, 1);
    l->ops->up(l);
}

static void go_on_connecting(struct link *l, PostgresPollingStatusType next) {
    bool ok = true;
    switch (next) {
    case PGRES_POLLING_OK: come_up(l); return;
    case PGRES_POLLING_READING: ok = watch_link(l, HUB_READABLE, on_connecting); break;
    case PGRES_POLLING_WRITING: ok = watch_link(l, HUB_WRITABLE, on_connecting); break;
    default: ok = false; break;
    }
    if (!ok) hub_pg_link_lose_by_libpq(l);
}

/* libpq may go on with another socket: the watch of the old one ends before. */
static void on_connecting(void *arg, int events) {
    struct link *l = arg;
    (void)events;
    hub_watch_close(l->s->loop, l->watch);
    l->watch = NULL;
    go_on_connecting(l, PQconnectPoll(l->pg));
}

static void on_too_long(struct hub_timer *t) {
    struct link *l = HUB_CONTAINER(t, struct link, timer);
    hub_pg_link_keep_why(l, "the server did not answer in time");
    hub_pg_link_lose(l);
}

static void dial_address(struct link *l, bool urls_own) {
    struct addresses *a = &l->addresses;
    l->pg = urls_own ? hub_pg_conninfo_connect(&l->s->conninfo, NULL, NULL, NULL)
                     : hub_pg_conninfo_connect(&l->s->conninfo, hub_buf_cstr(&a->host), hub_buf_cstr(&a->addr),
                                               hub_buf_cstr(&a->port));
    PQsetNoticeReceiver(l->pg, on_link_notice, l);
    if (PQstatus(l->pg) == CONNECTION_BAD)
        hub_pg_link_lose_by_libpq(l);
    else
        go_on_connecting(l, PGRES_POLLING_WRITING);
}

/* ---- names ---- */

void hub_pg_addresses_free(struct addresses *a) {
    hub_buf_free(&a->host);
    hub_buf_free(&a->addr);
    hub_buf_free(&a->port);
    a->n = 0;
}

static void add_address(struct addresses *a, const struct host *host, const char *address) {
    if (a->n == ADDRESSES_MAX) return;
    const char *glue = a->n++ ? "," : "";
    hub_buf_addf(&a->host, "%s%s", glue, host->name);
    hub_buf_addf(&a->addr, "%s%s", glue, address);
    hub_buf_addf(&a->port, "%s%s", glue, host->port);
}

static void resolve_on(struct link *l);

/* A name without an address leaves the other hosts to be tried. */
static void on_resolved(void *arg, const char *const *addresses, size_t n, const char *error) {
    struct link *l = arg;
    const struct conninfo *c = &l->s->conninfo;
    const struct host *host = &c->hosts[(l->resolved + (size_t)l->attempts) % c->host_n];
    char why[200];
    l->resolving = NULL;
    l->resolved++;
    if (!n) {
        snprintf(why, sizeof why, "%.100s: %.80s", host->name, error ? error : "no address");
        hub_pg_link_keep_why(l, why);
    }
    for (size_t i = 0; i < n; i++) add_address(&l->addresses, host, addresses[i]);
    resolve_on(l);
}

static bool is_literal(const char *host) {
    unsigned char bytes[16];
    return !*host || *host == '/' || *host == '@' || inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

/* Each attempt begins with another host: one that swallows everything until the time is up must not stand
 * before the others for ever. */
static void resolve_on(struct link *l) {
    const struct conninfo *c = &l->s->conninfo;
    while (l->resolved < c->host_n) {
        const struct host *host = &c->hosts[(l->resolved + (size_t)l->attempts) % c->host_n];
        if (!is_literal(host->name)) {
            l->resolving = hub_loop_resolve(l->s->loop, host->name, on_resolved, l);
            return;
        }
        add_address(&l->addresses, host, *host->name == '/' || *host->name == '@' ? "" : host->name);
        l->resolved++;
    }
    if (l->addresses.n)
        dial_address(l, false);
    else
        hub_pg_link_lose(l);
}

void hub_pg_link_connect(struct link *l) {
    l->state = LINK_CONNECTING;
    l->resolved = 0;
    hub_pg_addresses_free(&l->addresses);
    hub_timer_await(l->s->loop, &l->timer, l->s->conninfo.connect_ms, on_too_long);
    if (l->s->conninfo.host_n)
        resolve_on(l);
    else
        dial_address(l, true);
}
