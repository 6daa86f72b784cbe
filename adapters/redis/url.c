/* redis://[user[:password]@]host[:port][/db][?timeoutMs=N] and
 * redis+unix://[user[:password]@]/path[?db=N][&timeoutMs=N], split by libcurl. What libcurl lets pass that is
 * a mistake here (a broken escape, port 0) is refused afterwards. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"

#define HOST_MAX 255
#define DB_MAX 65535

static const struct hub_str scheme_tcp = {"redis://", 8}, scheme_unix = {"redis+unix://", 13};

/* What libcurl finds wrong, in words that name the part and never quote it: it may be the password. */
static const char *explain(CURLUcode code) {
    switch (code) {
    case CURLUE_NO_HOST: return "the host is missing";
    case CURLUE_BAD_PORT_NUMBER: return "the port must be 1 to 65535; an IPv6 address stands in brackets";
    case CURLUE_BAD_IPV6: return "the address in brackets is no IPv6 address, or the bracket is not closed";
    case CURLUE_BAD_HOSTNAME: return "no host is called so; in the user and the password @ is written %40";
    default: return curl_url_strerror(code);
    }
}

/* The part, still escaped; NULL when there is none. Free with curl_free. */
static char *part(CURLU *u, CURLUPart which) {
    char *text = NULL;
    return curl_url_get(u, which, &text, 0) ? NULL : text;
}

/* Unescapes a part into OUT, which stays NULL without one. False when an escape is broken or hides a NUL. */
static bool take_text(CURLU *u, CURLUPart which, char **out) {
    struct hub_buf b = {0};
    char *text = part(u, which);
    bool good = !text || (hub_buf_add_unescaped(&b, hub_cstr(text)) && !(b.n && memchr(b.p, 0, b.n)));
    if (text && *text && good) *out = hub_str_dup(hub_buf_str(&b));
    hub_buf_free(&b);
    curl_free(text);
    return good;
}

static const char *take_host(struct hub_redis_url *u, CURLU *url) {
    if (!take_text(url, CURLUPART_HOST, &u->host)) return "the host has a broken escape";
    size_t n = strlen(u->host);
    if (n > HOST_MAX) return "the host is too long";
    if (strchr(u->host, '%')) return "the host has a broken escape";
    if (u->host[0] != '[') return NULL;
    memmove(u->host, u->host + 1, n - 2);
    u->host[n - 2] = 0;
    return NULL;
}

static const char *take_port(struct hub_redis_url *u, CURLU *url) {
    char *text = part(url, CURLUPART_PORT);
    uint64_t v;
    bool good = !text || (hub_str_u64(hub_cstr(text), &v) && v >= 1 && v <= 65535);
    if (text && good) u->port = (int)v;
    curl_free(text);
    return good ? NULL : explain(CURLUE_BAD_PORT_NUMBER);
}

static bool read_db(struct hub_redis_url *u, struct hub_str text) {
    uint64_t v;
    if (!hub_str_u64(text, &v) || v > DB_MAX) return false;
    u->db = (int)v;
    return true;
}

/* Of a server the path is a database's number, of a socket it is the socket. */
static const char *take_path(struct hub_redis_url *u, CURLU *url, bool local) {
    char *text = NULL;
    if (!take_text(url, CURLUPART_PATH, &text)) return "the path has a broken escape";
    bool named = text && text[0] == '/' && text[1];
    bool good = local ? named : !named || read_db(u, hub_cstr(text + 1));
    if (local && good) {
        u->host = text;
        text = NULL;
    }
    free(text);
    if (good) return NULL;
    return local ? "the path of the socket is missing" : "after the host comes \"/\" and a database number";
}

static bool take_option(struct hub_redis_url *u, struct hub_str key, struct hub_str value, bool local) {
    uint64_t v;
    if (local && hub_str_is(key, "db")) return read_db(u, value);
    if (!hub_str_is(key, "timeoutMs") || !hub_str_u64(value, &v) || v < 50 || v > 60000) return false;
    u->timeout_ms = (int64_t)v;
    return true;
}

static const char *take_options(struct hub_redis_url *u, CURLU *url, bool local) {
    char *text = part(url, CURLUPART_QUERY);
    struct hub_str query = hub_cstr(text ? text : ""), pair, key;
    bool good = true;
    while (good && query.n && hub_str_split(&query, '&', &pair)) {
        hub_str_split(&pair, '=', &key);
        good = take_option(u, key, pair, local);
    }
    curl_free(text);
    if (good) return NULL;
    return local ? "after \"?\" there can be db=0 to 65535 and timeoutMs=50 to 60000"
                 : "after \"?\" there can be timeoutMs=50 to 60000";
}

/* What split put there is the host, and nothing else. */
static const char *check_no_host(CURLU *url) {
    char *host = part(url, CURLUPART_HOST);
    bool none = host && !strcmp(host, "localhost");
    curl_free(host);
    return none ? NULL : "a socket has no host: redis+unix:///path/of/the.sock";
}

static const char *take_parts(struct hub_redis_url *u, CURLU *url, bool local) {
    char *fragment = part(url, CURLUPART_FRAGMENT);
    curl_free(fragment);
    if (fragment) return "in the user and the password # is written %23";
    if (!take_text(url, CURLUPART_USER, &u->user)) return "the user has a broken escape";
    if (!take_text(url, CURLUPART_PASSWORD, &u->password)) return "the password has a broken escape";
    const char *wrong = local ? check_no_host(url) : take_host(u, url);
    if (!wrong && !local) wrong = take_port(u, url);
    if (!wrong) wrong = take_path(u, url, local);
    return wrong ? wrong : take_options(u, url, local);
}

/* libcurl wants a host; a socket is given one between "//" or "@" and the path. */
static CURLUcode split(CURLU *url, struct hub_str text, bool local) {
    struct hub_buf b = {0};
    size_t before = local ? scheme_unix.n : text.n;
    while (before < text.n && text.p[before] != '/') before++;
    hub_buf_add(&b, text.p, before);
    if (local) hub_buf_addz(&b, "localhost");
    hub_buf_add(&b, text.p + before, text.n - before);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, hub_buf_cstr(&b), CURLU_NON_SUPPORT_SCHEME);
    hub_buf_free(&b);
    return code;
}

static const char *take_apart(struct hub_redis_url *u, struct hub_str text) {
    bool local = hub_str_starts(text, scheme_unix);
    if (!local && !hub_str_starts(text, scheme_tcp)) return "it must begin with \"redis://\" or \"redis+unix://\"";
    CURLU *url = curl_url();
    CURLUcode code = split(url, text, local);
    const char *wrong = code ? explain(code) : take_parts(u, url, local);
    curl_url_cleanup(url);
    return wrong;
}

enum hub_code hub_redis_url_parse(const char *url, struct hub_redis_url *out, struct hub_err *err) {
    *out = (struct hub_redis_url){.port = 6379, .timeout_ms = 1000};
    const char *wrong = take_apart(out, hub_cstr(url));
    if (wrong) {
        hub_redis_url_free(out);
        return hub_fail(err, HUB_BAD_REQUEST, "cache.url: expected %s: %s",
                        hub_str_starts(hub_cstr(url), scheme_unix) ? "redis+unix://[user[:password]@]/path[?db=N]"
                                                                   : "redis://[user[:password]@]host[:port][/db]",
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
