/* The URLs of a Redis cache (redis.h has their forms), split by libcurl. What libcurl lets pass that is a
 * mistake here (a broken escape, port 0) is refused afterwards. */
#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/memory/mem.h"

#define HOST_MAX 255
#define DB_MAX 65535
#define PLACES_MAX 16
#define REDIS_PORT 6379
#define SENTINEL_PORT 26379

enum { LOCAL = 1, TLS = 2, SENTINEL = 4, ALWAYS = 8 };

static const struct scheme {
    const char *name, *form;
    unsigned is;
} schemes[] = {
    {"redis://", "redis://[user[:password]@]host[:port][/db]", 0},
    {"rediss://", "rediss://[user[:password]@]host[:port][/db]", TLS},
    {"redis+unix://", "redis+unix://[user[:password]@]/path[?db=N]", LOCAL},
    {"redis+sentinel://", "redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/master-name[/db]", SENTINEL},
    {"rediss+sentinel://", "rediss+sentinel://[user[:password]@]host[:port][,host[:port]…]/master-name[/db]",
     SENTINEL | TLS},
};

/* What is known while a URL is taken apart. */
struct url_parts {
    struct hub_redis_url *out;
    const struct scheme *scheme;
    CURLU *url;
    struct hub_str more; /* hosts behind the first one: ",host2,host3:port" */
    char wrong[320];     /* of a text that is put together */
};

/* What libcurl finds wrong, in words that name the part and never quote it: it may be the password. */
static const char *explain_error(CURLUcode code) {
    switch (code) {
    case CURLUE_NO_HOST: return "the host is missing";
    case CURLUE_BAD_PORT_NUMBER: return "the port must be 1 to 65535; an IPv6 address stands in brackets";
    case CURLUE_BAD_IPV6: return "the address in brackets is no IPv6 address, or the bracket is not closed";
    case CURLUE_BAD_HOSTNAME: return "no host is called so; in the user and the password @ is written %40";
    default: return curl_url_strerror(code);
    }
}

/* The part, still escaped; NULL when there is none. Free with curl_free. */
static HUB_MUST char *get_part(CURLU *u, CURLUPart which) {
    char *text = NULL;
    return curl_url_get(u, which, &text, 0) ? NULL : text;
}

/* Unescapes TEXT into OUT, which stays NULL when it is empty. False when an escape is broken or hides a
 * NUL. */
static bool unescape_text(struct hub_str text, char **out) {
    struct hub_buf b = {0};
    bool good = hub_buf_add_unescaped(&b, text) && !(b.n && memchr(b.p, 0, b.n));
    if (text.n && good) *out = hub_str_dup(hub_buf_str(&b));
    hub_buf_free(&b);
    return good;
}

static bool take_text(CURLU *u, CURLUPart which, char **out) {
    char *text = get_part(u, which);
    bool good = unescape_text(hub_cstr(text ? text : ""), out);
    curl_free(text);
    return good;
}

/* ---- hosts ---- */

/* HOST, "[ADDRESS]", becomes the address and, behind a %, its zone, as getaddrinfo takes it. libcurl keeps
 * the zone apart, without the "%" or "%25" in front of it. */
static HUB_MUST char *join_zone(char *host, CURLU *url) {
    struct hub_buf b = {0};
    char *zone = get_part(url, CURLUPART_ZONEID);
    hub_buf_add(&b, host + 1, strlen(host) - 2);
    if (zone) hub_buf_addf(&b, "%%%s", zone);
    free(host);
    curl_free(zone);
    return hub_buf_take(&b, NULL);
}

static const char *take_host(struct hub_redis_place *place, CURLU *url) {
    if (!take_text(url, CURLUPART_HOST, &place->host)) return "the host has a broken escape";
    if (!place->host) return explain_error(CURLUE_NO_HOST);
    if (strlen(place->host) > HOST_MAX) return "the host is too long";
    if (strchr(place->host, '%')) return "the host has a broken escape";
    if (place->host[0] == '[') place->host = join_zone(place->host, url);
    return NULL;
}

static const char *take_port(struct hub_redis_place *place, CURLU *url) {
    char *text = get_part(url, CURLUPART_PORT);
    uint64_t v;
    bool good = !text || (hub_str_u64(hub_cstr(text), &v) && v >= 1 && v <= 65535);
    if (text && good) place->port = (int)v;
    curl_free(text);
    return good ? NULL : explain_error(CURLUE_BAD_PORT_NUMBER);
}

static struct hub_redis_place *add_place(struct url_parts *p) {
    struct hub_redis_place *place = &p->out->places[p->out->place_n++];
    place->port = p->scheme->is & SENTINEL ? SENTINEL_PORT : REDIS_PORT;
    return place;
}

static const char *take_place(struct url_parts *p, CURLU *url) {
    struct hub_redis_place *place = add_place(p);
    const char *wrong = take_host(place, url);
    return wrong ? wrong : take_port(place, url);
}

/* One of the hosts behind a comma: the host of a URL that has nothing else. */
static const char *take_other_place(struct url_parts *p, struct hub_str host) {
    struct hub_buf b = {0};
    CURLU *url = curl_url();
    hub_buf_addf(&b, "redis://%.*s", HUB_FMT(host));
    CURLUcode code = curl_url_set(url, CURLUPART_URL, hub_buf_cstr(&b), CURLU_NON_SUPPORT_SCHEME);
    const char *wrong = p->out->place_n == PLACES_MAX ? "there can be 16 sentinels"
                        : code                        ? explain_error(code)
                                                      : take_place(p, url);
    hub_buf_free(&b);
    curl_url_cleanup(url);
    return wrong;
}

/* What split put there is the host, and nothing else. */
static const char *check_no_host(CURLU *url) {
    char *host = get_part(url, CURLUPART_HOST);
    bool none = host && !strcmp(host, "localhost");
    curl_free(host);
    return none ? NULL : "a socket has no host: redis+unix:///path/of/the.sock";
}

static const char *take_places(struct url_parts *p) {
    struct hub_str rest = p->more, host;
    if (p->scheme->is & LOCAL) return check_no_host(p->url);
    const char *wrong = take_place(p, p->url);
    if (rest.n) hub_str_split(&rest, ',', &host); /* nothing stands before the first comma */
    while (!wrong && p->more.n && hub_str_split(&rest, ',', &host)) wrong = take_other_place(p, host);
    return wrong;
}

/* ---- the path ---- */

static bool read_db(struct hub_redis_url *u, const char *text) {
    uint64_t v;
    if (!hub_str_u64(hub_cstr(text), &v) || v > DB_MAX) return false;
    u->db = (int)v;
    return true;
}

/* "/path" of the socket. */
static const char *take_socket(struct url_parts *p, struct hub_str path) {
    char *text = NULL;
    if (!unescape_text(path, &text)) return "the path has a broken escape";
    add_place(p)->host = text;
    return text && text[0] == '/' && text[1] ? NULL : "the path of the socket is missing";
}

/* "", "/" or "/db". */
static const char *take_db(struct url_parts *p, struct hub_str path) {
    char *text = NULL;
    bool escaped = unescape_text(path, &text);
    bool good = escaped && (!text || !text[1] || read_db(p->out, text + 1));
    free(text);
    if (!escaped) return "the path has a broken escape";
    return good ? NULL : "after the host comes \"/\" and a database number";
}

/* "/name" or "/name/db". */
static const char *take_master(struct url_parts *p, struct hub_str path) {
    struct hub_str rest = path.n ? hub_str(path.p + 1, path.n - 1) : hub_str("", 0), name;
    hub_str_split(&rest, '/', &name);
    if (!unescape_text(name, &p->out->master)) return "the path has a broken escape";
    if (!p->out->master) return "after the hosts come \"/\" and the name by which the sentinels know the master";
    if (strchr(p->out->master, '@'))
        return "in the user and the password / is written %2F"; /* no master is called so */
    return rest.p ? take_db(p, hub_str(rest.p - 1, rest.n + 1)) : NULL;
}

static const char *take_path(struct url_parts *p) {
    char *text = get_part(p->url, CURLUPART_PATH);
    struct hub_str path = hub_cstr(text ? text : "");
    const char *wrong = p->scheme->is & LOCAL      ? take_socket(p, path)
                        : p->scheme->is & SENTINEL ? take_master(p, path)
                                                   : take_db(p, path);
    curl_free(text);
    return wrong;
}

/* ---- options ---- */

static bool set_text(char **out, const char *value) {
    if (*out || !*value) return false;
    *out = hub_xstrdup(value);
    return true;
}
/* hubd may run in any folder. */
static bool set_file(char **out, const char *value) { return value[0] == '/' && set_text(out, value); }

static bool set_timeout(struct hub_redis_url *u, const char *value) {
    uint64_t v;
    if (!hub_str_u64(hub_cstr(value), &v) || v < 50 || v > 60000) return false;
    u->timeout_ms = (int64_t)v;
    return true;
}
static bool set_ca(struct hub_redis_url *u, const char *value) { return set_file(&u->ca_file, value); }
static bool set_cert(struct hub_redis_url *u, const char *value) { return set_file(&u->cert_file, value); }
static bool set_key(struct hub_redis_url *u, const char *value) { return set_file(&u->key_file, value); }
static bool set_server_name(struct hub_redis_url *u, const char *value) { return set_text(&u->server_name, value); }
static bool set_insecure(struct hub_redis_url *u, const char *value) {
    u->insecure = !strcmp(value, "true");
    return u->insecure || !strcmp(value, "false");
}
static bool set_sentinel_user(struct hub_redis_url *u, const char *value) { return set_text(&u->sentinel_user, value); }
static bool set_sentinel_password(struct hub_redis_url *u, const char *value) {
    return set_text(&u->sentinel_password, value);
}

static const struct option {
    const char *name, *values;
    unsigned of; /* schemes */
    bool (*set)(struct hub_redis_url *u, const char *value);
} options[] = {
    {"db", "0 to 65535", LOCAL, read_db},
    {"timeoutMs", "50 to 60000", ALWAYS, set_timeout},
    {"cacert", "/path", TLS, set_ca},
    {"cert", "/path", TLS, set_cert},
    {"key", "/path", TLS, set_key},
    {"servername", "name", TLS, set_server_name},
    {"insecure", "true", TLS, set_insecure},
    {"sentinelUser", "name", SENTINEL, set_sentinel_user},
    {"sentinelPassword", "password", SENTINEL, set_sentinel_password},
};

static bool take_option(struct url_parts *p, struct hub_str key, struct hub_str value) {
    const struct option *found = NULL;
    char *text = NULL;
    for (size_t i = 0; i < HUB_NELEM(options); i++)
        if (hub_str_is(key, options[i].name) && options[i].of & (p->scheme->is | ALWAYS)) found = &options[i];
    bool good = found && unescape_text(value, &text) && text && found->set(p->out, text);
    free(text);
    return good;
}

static const char *list_options(struct url_parts *p) {
    struct hub_buf b = {0};
    for (size_t i = 0; i < HUB_NELEM(options); i++)
        if (options[i].of & (p->scheme->is | ALWAYS))
            hub_buf_addf(&b, "%s%s=%s", b.n ? ", " : "", options[i].name, options[i].values);
    snprintf(p->wrong, sizeof p->wrong, "after \"?\" there can be %s", hub_buf_cstr(&b));
    hub_buf_free(&b);
    return p->wrong;
}

static const char *take_options(struct url_parts *p) {
    char *text = get_part(p->url, CURLUPART_QUERY);
    struct hub_str query = hub_cstr(text ? text : ""), pair, key;
    bool good = true;
    while (good && query.n && hub_str_split(&query, '&', &pair)) {
        hub_str_split(&pair, '=', &key);
        good = take_option(p, key, pair);
    }
    curl_free(text);
    if (!good) return list_options(p);
    if (!p->out->cert_file != !p->out->key_file) return "cert and key belong together: a certificate of hubd's own";
    if (p->out->insecure && (p->out->ca_file || p->out->server_name))
        return "insecure=true looks at no certificate: cacert and servername would have no effect";
    return NULL;
}

/* ---- all of it ---- */

static const char *take_parts(struct url_parts *p) {
    char *fragment = get_part(p->url, CURLUPART_FRAGMENT);
    curl_free(fragment);
    if (fragment) return "in the user and the password # is written %23";
    if (!take_text(p->url, CURLUPART_USER, &p->out->user)) return "the user has a broken escape";
    if (!take_text(p->url, CURLUPART_PASSWORD, &p->out->password)) return "the password has a broken escape";
    const char *wrong = take_places(p);
    if (!wrong) wrong = take_path(p);
    return wrong ? wrong : take_options(p);
}

/* Where the list of hosts goes on behind the first one, and where it ends. A comma in a password is none of
 * the list. */
static void find_more(struct hub_str text, size_t *from, size_t *to) {
    size_t begin = hub_str_find(text, ':') + 3;
    for (*to = begin; *to < text.n && !strchr("/?#", text.p[*to]);) ++*to;
    for (size_t i = begin; i < *to; i++)
        if (text.p[i] == '@') begin = i + 1;
    for (*from = begin; *from < *to && text.p[*from] != ',';) ++*from;
}

/* libcurl wants one host; a socket is given one between "//" or "@" and the path, of several the first is
 * left. "x/.." stays in the path: where it leads when x is a link, the system knows. */
static CURLUcode split_url(struct url_parts *p, struct hub_str text) {
    struct hub_buf b = {0};
    size_t from = text.n, to = text.n;
    if (p->scheme->is & SENTINEL) find_more(text, &from, &to);
    if (p->scheme->is & LOCAL)
        for (from = strlen(p->scheme->name); from < text.n && text.p[from] != '/';) from++;
    if (p->scheme->is & LOCAL) to = from;
    p->more = hub_str(text.p + from, to - from);
    hub_buf_add(&b, text.p, from);
    if (p->scheme->is & LOCAL) hub_buf_addz(&b, "localhost");
    hub_buf_add(&b, text.p + to, text.n - to);
    CURLUcode code = curl_url_set(p->url, CURLUPART_URL, hub_buf_cstr(&b), CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
    hub_buf_free(&b);
    return code;
}

static const char *take_apart(struct url_parts *p, struct hub_str text) {
    p->out->places = hub_xcalloc(PLACES_MAX, sizeof *p->out->places);
    p->out->tls = p->scheme->is & TLS;
    p->url = curl_url();
    CURLUcode code = split_url(p, text);
    const char *wrong = code ? explain_error(code) : take_parts(p);
    curl_url_cleanup(p->url);
    return wrong;
}

static void add_text(struct hub_redis_url *u) {
    for (size_t i = 0; i < u->place_n; i++) {
        const struct hub_redis_place *place = &u->places[i];
        if (i) hub_buf_addc(&u->text, ',');
        if (place->host[0] == '/')
            hub_buf_addz(&u->text, place->host);
        else
            hub_buf_addf(&u->text, strchr(place->host, ':') ? "[%s]:%d" : "%s:%d", place->host, place->port);
    }
    if (u->master) hub_buf_addf(&u->text, "/%s", u->master);
    if (u->db) hub_buf_addf(&u->text, "/%d", u->db);
    hub_buf_cstr(&u->text);
}

enum hub_code hub_redis_url_parse(const char *url, struct hub_redis_url *out, struct hub_err *err) {
    struct url_parts p = {.out = out, .scheme = NULL};
    *out = (struct hub_redis_url){.timeout_ms = 1000};
    for (size_t i = 0; i < HUB_NELEM(schemes); i++)
        if (hub_str_starts(hub_cstr(url), hub_cstr(schemes[i].name))) p.scheme = &schemes[i];
    const char *wrong = p.scheme ? take_apart(&p, hub_cstr(url))
                                 : "it must begin with \"redis://\", \"rediss://\", \"redis+unix://\" or "
                                   "\"redis+sentinel://\"";
    if (wrong) {
        hub_err_set(err, HUB_BAD_REQUEST, "cache.url: expected %s: %s", (p.scheme ? p.scheme : schemes)->form, wrong);
        hub_redis_url_free(out);
        return HUB_BAD_REQUEST;
    }
    add_text(out);
    return HUB_OK;
}

void hub_redis_url_free(struct hub_redis_url *u) {
    char *const texts[] = {u->master,  u->user,      u->password, u->sentinel_user, u->sentinel_password,
                           u->ca_file, u->cert_file, u->key_file, u->server_name};
    for (size_t i = 0; i < HUB_NELEM(texts); i++) free(texts[i]);
    for (size_t i = 0; i < u->place_n; i++) free(u->places[i].host);
    free(u->places);
    hub_buf_free(&u->text);
    *u = (struct hub_redis_url){0};
}
