/* The store's URL: libpq's options, with those of ours that it does not set, and what may be shown of it. */
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"

/* Reads that follow a write must see it, so readers go to the primary as well. A peer that is gone without
 * a word is noticed within 15 s, on both sides: the server's settings free what a dead hubd held. */
static const char *const defaults[][2] = {
    {"client_encoding", "UTF8"},
    {"keepalives", "1"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "3"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "15000"},
    {"fallback_application_name", "hubd"},
    {"target_session_attrs", "read-write"},
};
static const char server_settings[] =
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3 -c tcp_user_timeout=15000";
/* The forms in which values are read here. After the URL's own options, so that they win. */
static const char forms[] =
    "-c DateStyle=ISO -c TimeZone=UTC -c extra_float_digits=1 -c bytea_output=hex -c standard_conforming_strings=on";

#define CONNECT_MS 5000 /* unless the URL says something else */

static void put_option(struct conninfo *c, const char *key, char *value) {
    c->keys = hub_xrealloc(c->keys, (c->n + 2) * sizeof *c->keys);
    c->values = hub_xrealloc(c->values, (c->n + 2) * sizeof *c->values);
    c->keys[c->n] = hub_xstrdup(key);
    c->values[c->n++] = value;
    c->keys[c->n] = c->values[c->n] = NULL;
}

static const char *get_option(const PQconninfoOption *options, const char *key) {
    for (; options->keyword; options++)
        if (!strcmp(options->keyword, key)) return options->val;
    return NULL;
}

static void show_host(struct hub_buf *b, struct hub_str host, struct hub_str port) {
    bool v6 = memchr(host.p, ':', host.n) != NULL;
    hub_buf_addf(b, v6 ? "[%.*s]" : "%.*s", HUB_FMT(host));
    if (port.n) hub_buf_addf(b, ":%.*s", HUB_FMT(port));
}

static HUB_MUST char *shown_url(const PQconninfoOption *options) {
    struct hub_buf b = {0};
    struct hub_str hosts = hub_cstr(get_option(options, "host")), ports = hub_cstr(get_option(options, "port")), host,
                   port = {0};
    bool socket = hosts.n && *hosts.p == '/';
    hub_buf_addz(&b, "postgresql://");
    if (get_option(options, "user")) hub_buf_addf(&b, "%s@", get_option(options, "user"));
    for (const char *glue = ""; !socket && hub_str_split(&hosts, ',', &host); glue = ",") {
        hub_str_split(&ports, ',', &port); /* one port may stand for all hosts */
        hub_buf_addz(&b, glue);
        show_host(&b, host, port);
    }
    if (get_option(options, "dbname")) hub_buf_addf(&b, "/%s", get_option(options, "dbname"));
    if (socket) hub_buf_addf(&b, "?host=%s", get_option(options, "host"));
    return hub_buf_take(&b, NULL);
}

static HUB_MUST char *application_name(const char *service) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "hubd %s", service ? service : "");
    return hub_buf_take(&b, NULL);
}

static HUB_MUST char *server_options(const char *own, int64_t statement_timeout_ms) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "-c statement_timeout=%lld %s %s %s", (long long)statement_timeout_ms, server_settings,
                 own ? own : "", forms);
    return hub_buf_take(&b, NULL);
}

/* Names that must be looked up before libpq may have them: it would wait for the answer. */
static void take_hosts(struct conninfo *c, const PQconninfoOption *options) {
    const char *names = get_option(options, "host") ? get_option(options, "host") : getenv("PGHOST");
    struct hub_str hosts = hub_cstr(names), ports = hub_cstr(get_option(options, "port")), host, port = {0};
    if (!names || get_option(options, "hostaddr") || get_option(options, "service")) return;
    while (hub_str_split(&hosts, ',', &host)) {
        hub_str_split(&ports, ',', &port); /* one port may stand for all hosts */
        c->hosts = hub_xrealloc(c->hosts, (c->host_n + 1) * sizeof *c->hosts);
        c->hosts[c->host_n++] = (struct host){.name = hub_str_dup(host), .port = hub_str_dup(port)};
    }
}

static int64_t connect_ms(const PQconninfoOption *options) {
    int64_t seconds;
    if (!get_option(options, "connect_timeout") ||
        !hub_str_i64(hub_cstr(get_option(options, "connect_timeout")), &seconds))
        return CONNECT_MS;
    return seconds < 1 || seconds > 60 ? 60000 : seconds * 1000;
}

PGconn *hub_pg_conninfo_connect(const struct conninfo *c, const char *host, const char *hostaddr, const char *port) {
    const char **keys = hub_xcalloc(c->n + 4, sizeof *keys), **values = hub_xcalloc(c->n + 4, sizeof *values);
    size_t n = c->n;
    memcpy(keys, c->keys, n * sizeof *keys);
    memcpy(values, c->values, n * sizeof *values);
    if (host) { /* the last of a keyword counts */
        keys[n] = "host", values[n++] = host;
        keys[n] = "hostaddr", values[n++] = hostaddr;
        keys[n] = "port", values[n++] = port;
    }
    PGconn *pg = PQconnectStartParams(keys, values, 0);
    if (!pg) abort();
    free(keys);
    free(values);
    return pg;
}

/* libpq ends its complaints with the text in question, which may be the password. A name that it does not
 * know is told. */
static enum hub_code refuse_url(const char *why, struct hub_err *err) {
    const char *quoted = strstr(why, ": \""), *name = quoted ? quoted + 3 : "";
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_");
    bool is_option = strstr(why, "query parameter") && !strcmp(name + n, "\"\n") && n < 40;
    int shown = quoted && !is_option ? (int)(quoted - why) : (int)strcspn(why, "\n");
    return hub_fail(
        err, HUB_BAD_REQUEST,
        "store.url: %.*s; in names and passwords, \"%%\", \"/\", \"@\" and \"?\" are written %%25, %%2F, %%40, %%3F",
        shown, why);
}

/* What stands unescaped in a password would otherwise pass for a host or a port, and be shown as such. */
static bool hosts_are_sane(const PQconninfoOption *options) {
    const char *host = get_option(options, "host"), *port = get_option(options, "port");
    bool socket = host && (*host == '/' || *host == '@');
    return (!host || socket || !strchr(host, '@')) && (!port || strspn(port, "0123456789,") == strlen(port));
}

enum hub_code hub_pg_conninfo_parse(const char *url, const char *service, int64_t statement_timeout_ms,
                                    struct conninfo *out, struct hub_err *err) {
    char *why = NULL;
    *out = (struct conninfo){0};
    PQconninfoOption *options = PQconninfoParse(url, &why);
    if (!options) {
        enum hub_code code = refuse_url(why ? why : "not understood", err);
        PQfreemem(why);
        return code;
    }
    if (!hosts_are_sane(options)) {
        PQconninfoFree(options);
        return refuse_url("a host or a port is none", err);
    }
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->val && strcmp(o->keyword, "options")) put_option(out, o->keyword, hub_xstrdup(o->val));
    for (size_t i = 0; i < HUB_NELEM(defaults); i++)
        if (!get_option(options, defaults[i][0])) put_option(out, defaults[i][0], hub_xstrdup(defaults[i][1]));
    if (!get_option(options, "application_name")) put_option(out, "application_name", application_name(service));
    put_option(out, "options", server_options(get_option(options, "options"), statement_timeout_ms));
    take_hosts(out, options);
    out->connect_ms = connect_ms(options);
    out->shown = shown_url(options);
    PQconninfoFree(options);
    return HUB_OK;
}

#define NOWHERE "/hubd-connects-to-nobody"

static enum hub_code check_with_port(const struct conninfo *c, const char *port, struct hub_err *err) {
    PGconn *pg = hub_pg_conninfo_connect(c, NOWHERE, "", port);
    const char *why = PQstatus(pg) == CONNECTION_BAD ? PQerrorMessage(pg) : "";
    enum hub_code code = *why && !strstr(why, NOWHERE) ? refuse_url(why, err) : HUB_OK;
    PQfinish(pg);
    return code;
}

enum hub_code hub_pg_conninfo_check(const struct conninfo *c, struct hub_err *err) {
    enum hub_code code = c->host_n ? HUB_OK : check_with_port(c, "", err);
    for (size_t i = 0; i < c->host_n && !code; i++)
        code = check_with_port(c, c->hosts[i].port ? c->hosts[i].port : "", err);
    return code;
}

void hub_pg_conninfo_free(struct conninfo *c) {
    for (size_t i = 0; i < c->n; i++) {
        free((void *)(uintptr_t)c->keys[i]);
        free((void *)(uintptr_t)c->values[i]);
    }
    for (size_t i = 0; i < c->host_n; i++) {
        free(c->hosts[i].name);
        free(c->hosts[i].port);
    }
    free(c->hosts);
    free(c->keys);
    free(c->values);
    free(c->shown);
    *c = (struct conninfo){0};
}
