/* What service.yaml must hold beyond its fields' own types. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/match/cidr.h"
#include "base/match/origin.h"
#include "base/memory/mem.h"
#include "schema/loader.h"

static const char *const sockets_own[] = {"connect",       "connect_error", "disconnect",
                                          "disconnecting", "newListener",   "removeListener"};

bool hub_is_socket_event(const char *name) {
    for (size_t i = 0; i < sizeof sockets_own / sizeof *sockets_own; i++)
        if (strcmp(name, sockets_own[i]) == 0) return true;
    return false;
}

/* Reached from this machine only. 127.0.0.1.example.com is not. */
static bool is_loopback(const char *host) {
    static const struct hub_ip v6 = {{[15] = 1}};
    struct hub_ip ip;
    if (strncmp(host, "unix:", 5) == 0 || strcmp(host, "localhost") == 0) return true;
    if (!hub_ip_parse(hub_cstr(host), &ip)) return false;
    return memcmp(&ip, &v6, sizeof ip) == 0 || (hub_ip_is_v4(&ip) && ip.bytes[12] == 127);
}

static void check_methods(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    struct hub_node *auth = hub_place(l, s, "auth");
    int methods = s->jwt.on + s->dev + s->anonymous;
    bool unclear = hub_is_place_wrong(l, auth->src->name, "auth");
    if (!methods && !s->session_cookie && !unclear)
        hub_complain(l, "S011", auth, NULL, NULL, "auth names no method: give one of jwt, dev, anonymous");
    if (methods > 1)
        hub_complain(l, "S012", auth, NULL, NULL,
                     "auth names several methods (%s%s%s); give one of jwt, dev, anonymous", s->jwt.on ? "jwt" : "",
                     s->dev ? (s->jwt.on ? ", dev" : "dev") : "", s->anonymous ? ", anonymous" : "");
    const char *allow = getenv("HUBD_ALLOW_DEV_AUTH");
    if (s->dev && !is_loopback(s->host) && !(allow && strcmp(allow, "1") == 0))
        hub_complain(l, "S013", hub_place(l, s, "auth.dev"), NULL, NULL,
                     "dev authentication lets everyone be anyone; it needs a loopback listen.host, not \"%s\", or "
                     "HUBD_ALLOW_DEV_AUTH=1",
                     s->host);
}

/* The name is written as it stands in the header: a token (RFC 6265). */
static bool is_cookie_name(const char *name) {
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p >= 127 || strchr("()<>@,;:\\\"/[]?={}", *p)) return false;
    return *name;
}

/* With one key for all of them, everybody would have the same session. */
static bool is_key_of_id(const char *key) {
    const char *id = strstr(key, "${id}");
    if (!id) return false;
    for (const char *p = key; (p = strstr(p, "${")); p += 2)
        if (strncmp(p, "${id}", 5)) return false;
    return true;
}

static void check_session_cookie(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    const char *key = s->session_redis_key, *alone = s->session_secret_env ? "secretEnv" : "userId";
    struct hub_node *at = hub_place(l, s, "auth.session");
    if (!s->session_cookie && (s->session_secret_env || s->session_user_id))
        hub_complain(l, "S048", at, NULL, NULL, "session.%s belongs to a cookie: name it with session.cookie", alone);
    if (!s->session_cookie) return;
    if (!is_cookie_name(s->session_cookie))
        hub_complain(l, "S048", hub_place(l, s, "auth.session.cookie"), NULL, NULL,
                     "\"%s\" cannot be the name of a cookie", s->session_cookie);
    if (!s->session_secret_env)
        hub_complain(l, "S048", at, NULL, NULL,
                     "session.cookie needs session.secretEnv: the environment variable with the secret that signs it");
    if (key && !is_key_of_id(key))
        hub_complain(l, "S048", hub_place(l, s, "auth.session.redisKey"), NULL, NULL,
                     "with session.cookie the key is made of ${id}, the id in the cookie, and of nothing else that "
                     "varies: \"sess:${id}\"");
}

static void check_session(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    if (s->session_redis_key && !s->jwt.on && !s->session_cookie)
        hub_complain(l, "S028", hub_place(l, s, "auth.session"), NULL, NULL,
                     "auth.session is a second step after auth.jwt, which is not given; without it a session is named "
                     "by session.cookie");
    if (s->session_redis_key && (s->jwt.on || s->session_cookie) &&
        hub_str_starts(hub_cstr(s->cache_url), HUB_STR("memory:")))
        hub_complain(l, "S030", hub_place(l, s, "auth.session"), NULL, NULL,
                     "auth.session looks sessions up in the cache, and no other program can put them into \"memory:\"; "
                     "cache.url needs redis://…");
}

/* A key without a part that varies finds the same session for everybody. */
static void check_session_key(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    if (s->session_redis_key && s->jwt.on && !s->session_cookie && !strstr(s->session_redis_key, "${"))
        hub_complain(l, "S049", hub_place(l, s, "auth.session.redisKey"), NULL, NULL,
                     "the key \"%s\" is the same for everybody: name a claim in it, as in \"%s:${sessionId}\"",
                     s->session_redis_key, s->session_redis_key);
}

static bool has_part(CURLU *u, CURLUPart which) {
    char *text = NULL;
    bool there = !curl_url_get(u, which, &text, 0);
    curl_free(text);
    return there;
}

/* Read by the library that fetches them. 127.0.0.1.example.com is not loopback. */
static bool is_at_loopback(CURLU *u) {
    char *host = NULL;
    if (curl_url_get(u, CURLUPART_HOST, &host, 0)) return false;
    bool good = !strcmp(host, "localhost") || !strcmp(host, "[::1]") ||
                (!strncmp(host, "127.", 4) && !host[strspn(host, "0123456789.")]);
    curl_free(host);
    return good;
}

/* Whoever can change the keys on their way can sign tokens. */
static bool is_key_url(const char *url) {
    CURLU *u = curl_url();
    bool good = !curl_url_set(u, CURLUPART_URL, url, 0) && has_part(u, CURLUPART_HOST) &&
                !has_part(u, CURLUPART_USER) && !has_part(u, CURLUPART_PASSWORD) &&
                (strncmp(url, "http://", 7) || is_at_loopback(u));
    curl_url_cleanup(u);
    return good;
}

static void check_jwt(struct hub_loader *l) {
    const struct hub_def_jwt *j = &l->service->jwt;
    if (!j->on) return;
    struct hub_node *at = hub_place(l, l->service, "auth.jwt");
    int sources = !!j->public_key_file + !!j->secret_env + !!j->jwks_url + !!j->jwks_file;
    if (sources != 1)
        hub_complain(l, "S015", at, NULL, NULL, "jwt needs %s of publicKeyFile, secretEnv, jwksUrl, jwksFile",
                     sources ? "only one" : "one");
    if (j->jwks_url && hub_str_starts(hub_cstr(j->jwks_url), HUB_STR("http")) && !is_key_url(j->jwks_url))
        hub_complain(l, "S029", hub_place(l, l->service, "auth.jwt.jwksUrl"), NULL, NULL,
                     "keys are fetched by https, or by http from loopback, and without a user name in the URL");
    struct hub_node *list = hub_place(l, l->service, "auth.jwt.algorithms");
    for (size_t i = 0; sources == 1 && i < j->algorithms.n; i++) {
        bool shared = strncmp(j->algorithms.items[i], "HS", 2) == 0;
        struct hub_range r = hub_strings_span(list, i);
        if (shared && j->public_key_file)
            hub_complain(l, "S027", list, &r, NULL, "%s needs a shared secret (secretEnv), not publicKeyFile",
                         j->algorithms.items[i]);
        if (!shared && j->secret_env)
            hub_complain(l, "S027", list, &r, NULL, "%s needs a public key, not secretEnv", j->algorithms.items[i]);
    }
}

/* ---- DataObjects: SQL does not tell upper from lower case everywhere ---- */

static void check_columns(struct hub_loader *l, const struct hub_def_object *o) {
    struct hub_map seen = {0};
    for (size_t i = 0; i < o->property_n; i++) {
        const struct hub_def_field *f = &o->properties[i];
        const struct hub_def_field *before =
            f->name ? hub_map_put(&seen, hub_cstr(hub_lower(l, f->column)), (void *)f) : NULL;
        if (before && strcmp(before->name, f->name))
            hub_complain(l, "S007", hub_place(l, o, "properties"), NULL, NULL,
                         "properties \"%s\" and \"%s\" of %s have the same column \"%s\"", before->name, f->name,
                         o->name ? o->name : "", f->column);
    }
    hub_map_clear(&seen);
}

bool hub_is_reserved_table(const char *name) {
    struct hub_str s = hub_cstr(name);
    return (s.n >= 5 && hub_str_eq_nocase(hub_str(s.p, 5), HUB_STR("hubd_"))) ||
           (s.n >= 7 && hub_str_eq_nocase(hub_str(s.p, 7), HUB_STR("sqlite_")));
}

/* Two views of one existing table are fine, two owners are not. */
static void check_tables(struct hub_loader *l, struct hub_map *tables, const struct hub_def_object *o) {
    struct hub_node *at = hub_place(l, o, "table");
    const struct hub_def_object *before = hub_map_put(tables, hub_cstr(hub_lower(l, o->table)), (void *)o);
    if (before && (before->managed || o->managed) && strcmp(before->name, o->name))
        hub_complain(l, "S007", at, NULL, NULL, "the DataObjects \"%s\" and \"%s\" have the same table \"%s\"",
                     before->name, o->name, o->table);
    if (hub_is_reserved_table(o->table))
        hub_complain(l, "S019", at, NULL, NULL, "\"%s\" cannot be the table of a DataObject: " HUB_RESERVED_TABLES,
                     o->table);
}

static void check_objects(struct hub_loader *l) {
    struct hub_map tables = {0};
    for (size_t i = 0; i < l->service->object_n; i++) {
        check_columns(l, &l->service->objects[i]);
        if (l->service->objects[i].name) check_tables(l, &tables, &l->service->objects[i]);
    }
    hub_map_clear(&tables);
}

/* ---- the listener ---- */

static bool is_any(const struct hub_strs *origins) { return origins->n == 1 && strcmp(origins->items[0], "*") == 0; }

/* What TEXT was probably meant to be, or NULL. */
static const char *likely_origin(struct hub_loader *l, const char *text) {
    struct hub_origin o;
    if (strcmp(text, "null") == 0) return NULL;
    bool bare = !strstr(text, "://");
    const char *host = bare ? text : strstr(text, "://") + 3;
    const char *guess =
        hub_arena_fmt(l->scratch, "%s%.*s", bare ? "https://" : "", (int)(host - text + strcspn(host, "/?#")), text);
    return hub_origin_pattern(hub_cstr(guess), &o) ? NULL : guess;
}

static void check_origins(struct hub_loader *l) {
    const struct hub_strs *o = &l->service->cors_origins;
    struct hub_node *list = hub_place(l, l->service, "listen.corsOrigins");
    for (size_t i = 0; i < o->n; i++) {
        struct hub_range r = hub_strings_span(list, i);
        struct hub_origin parsed;
        const char *why = strcmp(o->items[i], "*") ? hub_origin_pattern(hub_cstr(o->items[i]), &parsed) : NULL;
        if (strcmp(o->items[i], "*") == 0 && o->n > 1)
            hub_complain(l, "S024", list, &r, NULL, "\"*\" allows every origin and stands alone");
        else if (why)
            hub_complain(l, "S024", list, &r, likely_origin(l, o->items[i]), "\"%s\" cannot be listed: %s", o->items[i],
                         why);
    }
    if (l->service->dev && is_any(o))
        hub_complain(l, "S044", list, NULL, NULL,
                     "with auth.dev and \"*\" every web page that a developer opens may come in as anybody");
}

static void check_proxies(struct hub_loader *l) {
    const struct hub_strs *o = &l->service->trusted_proxies;
    struct hub_node *list = hub_place(l, l->service, "listen.trustedProxies");
    for (size_t i = 0; i < o->n; i++) {
        struct hub_range r = hub_strings_span(list, i);
        struct hub_cidr parsed;
        bool file = strcmp(o->items[i], "unix:") == 0;
        const char *why = file ? NULL : hub_cidr_parse(hub_cstr(o->items[i]), &parsed);
        if (why) hub_complain(l, "S040", list, &r, NULL, "\"%s\" is no range of addresses: %s", o->items[i], why);
        if (file && strncmp(l->service->host, "unix:", 5))
            hub_complain(l, "S040", list, &r, NULL, "unix: matches no peer, since listen.host is not a socket file");
    }
}

/* Where something else is served, or nothing can be. */
static const char *why_no_path(const struct hub_service *s) {
    static const char *const taken[] = {"/console", "/objects", "/bus", "/healthz", "/readyz", "/metrics"};
    const char *path = s->listen_path;
    if (path[0] != '/' || !path[1]) return "expected a path that starts with \"/\" and has a name behind it";
    if (strpbrk(path, " ?#%\"\\") || strstr(path, "//")) return "a path has no space, quote, ?, #, % or doubled slash";
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        size_t n = strlen(taken[i]);
        if (strncmp(path, taken[i], n) == 0 && (!path[n] || path[n] == '/')) return "something else is served there";
    }
    return NULL;
}

/* What no resolver makes an address of. A name that it does not know may be known elsewhere. */
static bool is_no_host(const char *host) {
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    struct in6_addr v6;
    struct in_addr v4;
    size_t n = strlen(host);
    char inner[INET6_ADDRSTRLEN] = "";
    if (n && (host[0] == '[' || strchr(host, ':'))) {
        bool bracketed = host[0] == '[' && host[n - 1] == ']';
        if (n - 2 * bracketed >= sizeof inner) return true;
        memcpy(inner, host + bracketed, n - 2 * bracketed);
        inner[strcspn(inner, "%")] = 0; /* the interface of a link-local address */
        return inet_pton(AF_INET6, inner, &v6) != 1;
    }
    if (n && strspn(host, "0123456789.") == n) return !inet_aton(host, &v4);
    return !n || strspn(host, name) != n;
}

/* With /healthz as the prefix, /healthz would be the root of the service. */
static bool is_taken_prefix(const struct hub_service *s) {
    const char *const taken[] = {"/console", "/healthz", "/readyz", "/metrics", s->listen_path};
    for (size_t i = 0; i < HUB_NELEM(taken); i++)
        if (strcmp(s->base_path, taken[i]) == 0) return true;
    return false;
}

static void check_listen(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    const char *why = why_no_path(s);
    if (why)
        hub_complain(l, "S041", hub_place(l, s, "listen.path"), NULL, NULL, "path \"%s\" cannot be used: %s",
                     s->listen_path, why);
    if (!why && is_taken_prefix(s))
        hub_complain(l, "S025", hub_place(l, s, "service.basePath"), NULL, NULL,
                     "basePath \"%s\" cannot be used: hubd serves something at this path itself", s->base_path);
    if (strncmp(s->host, "unix:", 5) && is_no_host(s->host))
        hub_complain(
            l, "S047", hub_place(l, s, "listen.host"), NULL, NULL,
            "\"%s\" is no address: expected an IPv4 or IPv6 address, a name, or unix:/path; the port is listen.port",
            s->host);
    if (strncmp(s->host, "unix:", 5) == 0 &&
        (s->host[5] != '/' || strlen(s->host + 5) >= sizeof(struct sockaddr_un){0}.sun_path))
        hub_complain(l, "S042", hub_place(l, s, "listen.host"), NULL, NULL,
                     "expected unix: and an absolute path of at most %zu bytes, not \"%s\"",
                     sizeof(struct sockaddr_un){0}.sun_path - 1, s->host);
    if (s->threads > 1)
        hub_complain(l, "S034", hub_place(l, s, "listen.threads"), NULL, NULL,
                     "several loops do not serve in this version of hubd: expected 1, not %lld", (long long)s->threads);
    if (s->max_pending_per_address > s->max_pending)
        hub_complain(l, "S043", hub_place(l, s, "listen.maxPendingPerAddress"), NULL, NULL,
                     "maxPendingPerAddress %lld is never reached: maxPending is %lld",
                     (long long)s->max_pending_per_address, (long long)s->max_pending);
}

static void check_handled_events(struct hub_loader *l, const struct hub_def_namespace *s) {
    for (size_t i = 0; i < s->event_n; i++)
        if (s->events[i].name && hub_is_socket_event(s->events[i].name))
            hub_complain(l, "S019", hub_place(l, &s->events[i], "name"), NULL, NULL,
                         "\"%s\" is an event of Socket.IO itself; use onConnect and onDisconnect", s->events[i].name);
    for (size_t i = 0; i < s->outgoing_n; i++)
        if (s->outgoing[i].name && hub_is_socket_event(s->outgoing[i].name))
            hub_complain(l, "S019", hub_place(l, &s->outgoing[i], "name"), NULL, NULL,
                         "\"%s\" is an event of Socket.IO itself, which handlers never send", s->outgoing[i].name);
}

static void check_namespace(struct hub_loader *l, const struct hub_def_namespace *s) {
    struct hub_node *at = hub_place(l, s, "path");
    if (s->pattern.is_regex) {
        check_handled_events(l, s);
        return;
    }
    if (s->path && (s->path[0] != '/' || strpbrk(s->path, " ,?#\"{}") || strlen(s->path) > 200))
        hub_complain(l, "S022", at, NULL, s->path[0] == '/' ? NULL : hub_arena_fmt(l->scratch, "/%s", s->path),
                     "a namespace's path starts with \"/\", has no space, comma, ?, #, quote or brace, and at most 200 "
                     "bytes; names that follow a rule are {regex: …}");
    else if (s->path && strncmp(s->path, "/hub/", 5) == 0)
        hub_complain(l, "S022", at, NULL, NULL, "paths below /hub/ belong to hubs");
    check_handled_events(l, s);
}

void hub_check_service(struct hub_loader *l) {
    check_methods(l);
    check_session(l);
    check_session_key(l);
    check_session_cookie(l);
    check_jwt(l);
    check_listen(l);
    check_origins(l);
    check_proxies(l);
    check_objects(l);
    hub_check_clients(l);
    for (size_t i = 0; i < l->service->namespace_n; i++) {
        check_namespace(l, &l->service->namespaces[i]);
        hub_check_namespace_parts(l, &l->service->namespaces[i]);
    }
}
