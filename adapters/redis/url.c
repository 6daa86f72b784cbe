/* redis://[user[:password]@]host[:port][/db][?timeoutMs=N] */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"

#define HOST_MAX 255

static bool decode(struct hub_str text, char **out) {
    struct hub_buf b = {0};
    bool good = hub_buf_add_unescaped(&b, text) && !(b.n && memchr(b.p, 0, b.n));
    if (good) *out = hub_str_dup(hub_buf_str(&b));
    hub_buf_free(&b);
    return good;
}

/* Cuts S at the last C into what is before and after; the whole is after when there is none. */
static struct hub_str cut_last(struct hub_str *s, char c) {
    for (size_t i = s->n; i; i--) {
        if (s->p[i - 1] != c) continue;
        struct hub_str before = hub_str(s->p, i - 1);
        *s = hub_str(s->p + i, s->n - i);
        return before;
    }
    return hub_str(NULL, 0);
}

static const char *take_user(struct hub_redis_url *u, struct hub_str who) {
    struct hub_str user;
    if (!who.p) return NULL;
    hub_str_split(&who, ':', &user);
    if (user.n && !decode(user, &u->user)) return "the user has a broken escape";
    if (who.p && !decode(who, &u->password)) return "the password has a broken escape";
    return NULL;
}

static const char *take_port(struct hub_redis_url *u, struct hub_str port) {
    uint64_t v;
    if (!hub_str_u64(port, &v) || v < 1 || v > 65535) return "the port must be 1 to 65535";
    u->port = (int)v;
    return NULL;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static const char *take_host(struct hub_redis_url *u, struct hub_str s) {
    struct hub_str host = s, port = hub_str(NULL, 0);
    if (s.n && s.p[0] == '[') {
        size_t end = hub_str_find(s, ']');
        if (end == s.n) return "the bracket of the address is not closed";
        host = hub_str(s.p + 1, end - 1);
        s = hub_str(s.p + end + 1, s.n - end - 1);
        if (s.n && s.p[0] != ':') return "after the address comes \":\" and the port, or \"/\" and the database";
        if (s.n) port = hub_str(s.p + 1, s.n - 1);
    } else {
        size_t colon = hub_str_find(s, ':');
        host = hub_str(s.p, colon);
        if (colon < s.n) port = hub_str(s.p + colon + 1, s.n - colon - 1);
        if (hub_str_find(port, ':') < port.n) return "an IPv6 address stands in brackets";
    }
    if (!host.n || host.n > HOST_MAX) return "the host is missing or too long";
    if (!decode(host, &u->host)) return "the host has a broken escape";
    return port.p ? take_port(u, port) : NULL;
}

static const char *take_options(struct hub_redis_url *u, struct hub_str query) {
    struct hub_str pair, key;
    uint64_t v;
    while (query.p && hub_str_split(&query, '&', &pair)) {
        hub_str_split(&pair, '=', &key);
        if (!hub_str_is(key, "timeoutMs") || !pair.p || !hub_str_u64(pair, &v) || v < 50 || v > 60000)
            return "after \"?\" there can be timeoutMs=50 to 60000";
        u->timeout_ms = (int64_t)v;
    }
    return NULL;
}

static const char *take_apart(struct hub_redis_url *u, struct hub_str rest) {
    const struct hub_str scheme = HUB_STR("redis://");
    struct hub_str authority, path;
    uint64_t db = 0;
    if (!hub_str_starts(rest, scheme)) return "it must begin with \"redis://\"";
    rest = hub_str(rest.p + scheme.n, rest.n - scheme.n);
    hub_str_split(&rest, '?', &path);
    const char *wrong = take_options(u, rest);
    hub_str_split(&path, '/', &authority);
    if (!wrong && path.n && (!hub_str_u64(path, &db) || db > 65535))
        wrong = "after the host comes \"/\" and a database number";
    u->db = (int)db;
    struct hub_str who = cut_last(&authority, '@');
    if (!wrong) wrong = take_user(u, who);
    return wrong ? wrong : take_host(u, authority);
}

enum hub_code hub_redis_url_parse(const char *url, struct hub_redis_url *out, struct hub_err *err) {
    *out = (struct hub_redis_url){.port = 6379, .timeout_ms = 1000};
    const char *wrong = take_apart(out, hub_cstr(url));
    if (wrong) {
        hub_redis_url_free(out);
        return hub_fail(err, HUB_BAD_REQUEST, "cache.url: expected redis://[user[:password]@]host[:port][/db]: %s",
                        wrong);
    }
    if (out->host[0] == '/')
        hub_buf_addf(&out->text, "%s", out->host);
    else
        hub_buf_addf(&out->text, strchr(out->host, ':') ? "[%s]:%d" : "%s:%d", out->host, out->port);
    if (out->db) hub_buf_addf(&out->text, "/%d", out->db);
    hub_buf_cstr(&out->text);
    return HUB_OK;
}

void hub_redis_url_free(struct hub_redis_url *u) {
    free(u->host);
    free(u->user);
    free(u->password);
    hub_buf_free(&u->text);
    *u = (struct hub_redis_url){0};
}
