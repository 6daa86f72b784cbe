/* What service.yaml must hold beyond its fields' own types. */
#include <stdlib.h>

#include "schema/loader.h"

static const char *const sockets_own[] = {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};

bool hub_is_socket_event(const char *name) {
    for (size_t i = 0; i < sizeof sockets_own / sizeof *sockets_own; i++)
        if (strcmp(name, sockets_own[i]) == 0) return true;
    return false;
}

static bool is_loopback(const char *host) {
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0;
}

static void check_methods(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    struct hub_node *auth = hub_place(l, s, "auth");
    int methods = s->jwt.on + s->dev + s->anonymous;
    if (!methods) hub_complain(l, "S011", auth, NULL, NULL, "auth names no method: give one of jwt, dev, anonymous");
    if (methods > 1)
        hub_complain(l, "S012", auth, NULL, NULL, "auth names several methods (%s%s%s); give one of jwt, dev, anonymous", s->jwt.on ? "jwt" : "",
                     s->dev ? (s->jwt.on ? ", dev" : "dev") : "", s->anonymous ? ", anonymous" : "");
    const char *allow = getenv("HUBD_ALLOW_DEV_AUTH");
    if (s->dev && !is_loopback(s->host) && !(allow && strcmp(allow, "1") == 0))
        hub_complain(l, "S013", hub_place(l, s, "auth.dev"), NULL, NULL,
                     "dev authentication lets everyone be anyone; it needs a loopback listen.host, not \"%s\", or HUBD_ALLOW_DEV_AUTH=1", s->host);
    if (s->session_redis_key && !s->jwt.on)
        hub_complain(l, "S028", hub_place(l, s, "auth.session"), NULL, NULL, "auth.session is a second step after auth.jwt, which is not given");
    if (s->session_redis_key && s->jwt.on && hub_str_starts(hub_cstr(s->cache_url), HUB_STR("memory:")))
        hub_complain(l, "S030", hub_place(l, s, "auth.session"), NULL, NULL,
                     "auth.session looks sessions up in the cache, and no other program can put them into \"memory:\"; cache.url needs redis://…");
}

/* Whoever can change the keys on their way can sign tokens. 127.0.0.1.example.com is not loopback. */
static bool is_key_url(const char *url) {
    bool plain = strncmp(url, "http://", 7) == 0;
    const char *host = url + (plain ? 7 : 8);
    size_t n = strcspn(host, "/?#");
    if (!n || memchr(host, '@', n)) return false;
    if (!plain) return true;
    if (strncmp(host, "[::1]", 5) == 0) return n == 5 || host[5] == ':';
    n = strcspn(host, ":/?#");
    if (n == 9 && strncmp(host, "localhost", 9) == 0) return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}

static void check_jwt(struct hub_loader *l) {
    const struct hub_def_jwt *j = &l->service->jwt;
    if (!j->on) return;
    struct hub_node *at = hub_place(l, l->service, "auth.jwt");
    int sources = !!j->public_key_file + !!j->secret_env + !!j->jwks_url + !!j->jwks_file;
    if (sources != 1)
        hub_complain(l, "S015", at, NULL, NULL, "jwt needs %s of publicKeyFile, secretEnv, jwksUrl, jwksFile", sources ? "only one" : "one");
    if (j->jwks_url && hub_str_starts(hub_cstr(j->jwks_url), HUB_STR("http")) && !is_key_url(j->jwks_url))
        hub_complain(l, "S029", hub_place(l, l->service, "auth.jwt.jwksUrl"), NULL, NULL,
                     "keys are fetched by https, or by http from loopback, and without a user name in the URL");
    struct hub_node *list = hub_place(l, l->service, "auth.jwt.algorithms");
    for (size_t i = 0; sources == 1 && i < j->algorithms.n; i++) {
        bool shared = strncmp(j->algorithms.items[i], "HS", 2) == 0;
        struct hub_range r = hub_strings_span(list, i);
        if (shared && j->public_key_file)
            hub_complain(l, "S027", list, &r, NULL, "%s needs a shared secret (secretEnv), not publicKeyFile", j->algorithms.items[i]);
        if (!shared && j->secret_env) hub_complain(l, "S027", list, &r, NULL, "%s needs a public key, not secretEnv", j->algorithms.items[i]);
    }
}

/* ---- DataObjects: SQL does not tell upper from lower case everywhere ---- */

static void check_columns(struct hub_loader *l, const struct hub_def_object *o) {
    struct hub_map seen = {0};
    for (size_t i = 0; i < o->property_n; i++) {
        const struct hub_def_field *f = &o->properties[i];
        const struct hub_def_field *before = f->name ? hub_map_put(&seen, hub_cstr(hub_lower(l, f->column)), (void *)f) : NULL;
        if (before && strcmp(before->name, f->name))
            hub_complain(l, "S007", hub_place(l, o, "properties"), NULL, NULL, "properties \"%s\" and \"%s\" of %s have the same column \"%s\"",
                         before->name, f->name, o->name ? o->name : "", f->column);
    }
    hub_map_clear(&seen);
}

/* Two views of one existing table are fine, two owners are not. */
static void check_tables(struct hub_loader *l, struct hub_map *tables, const struct hub_def_object *o) {
    struct hub_node *at = hub_place(l, o, "table");
    const struct hub_def_object *before = hub_map_put(tables, hub_cstr(hub_lower(l, o->table)), (void *)o);
    if (before && (before->managed || o->managed) && strcmp(before->name, o->name))
        hub_complain(l, "S007", at, NULL, NULL, "the DataObjects \"%s\" and \"%s\" have the same table \"%s\"", before->name, o->name, o->table);
    if (strncmp(o->table, "hubd_", 5) == 0)
        hub_complain(l, "S019", at, NULL, NULL, "\"%s\" cannot be the table of a DataObject: tables that start with hubd_ are the engine's own",
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

static bool is_origin(struct hub_str s) {
    struct hub_str rest;
    if (hub_str_starts(s, HUB_STR("http://")))
        rest = hub_str(s.p + 7, s.n - 7);
    else if (hub_str_starts(s, HUB_STR("https://")))
        rest = hub_str(s.p + 8, s.n - 8);
    else
        return false;
    for (size_t i = 0; i < rest.n; i++)
        if (strchr("/ ?#@,", rest.p[i])) return false;
    return rest.n > 0;
}

static void check_origins(struct hub_loader *l) {
    const struct hub_strs *o = &l->service->cors_origins;
    struct hub_node *list = hub_place(l, l->service, "listen.corsOrigins");
    for (size_t i = 0; i < o->n; i++) {
        struct hub_range r = hub_strings_span(list, i);
        if (strcmp(o->items[i], "*") == 0 && o->n > 1)
            hub_complain(l, "S024", list, &r, NULL, "\"*\" allows every origin and stands alone");
        else if (strcmp(o->items[i], "*") && !is_origin(hub_cstr(o->items[i])))
            hub_complain(l, "S024", list, &r, NULL, "\"%s\" is not an origin; expected http(s)://host[:port] without a path", o->items[i]);
    }
}

static void check_namespace(struct hub_loader *l, const struct hub_def_namespace *s) {
    struct hub_node *at = hub_place(l, s, "path");
    if (s->path && (s->path[0] != '/' || strpbrk(s->path, " ,?#\"")))
        hub_complain(l, "S022", at, NULL, s->path[0] == '/' ? NULL : hub_arena_fmt(l->scratch, "/%s", s->path),
                     "a namespace's path starts with \"/\" and has no space, comma, ?, # or quote");
    else if (s->path && strncmp(s->path, "/hub/", 5) == 0)
        hub_complain(l, "S022", at, NULL, NULL, "paths below /hub/ belong to hubs");
    for (size_t i = 0; i < s->event_n; i++)
        if (s->events[i].name && hub_is_socket_event(s->events[i].name))
            hub_complain(l, "S019", hub_place(l, &s->events[i], "name"), NULL, NULL,
                         "\"%s\" is an event of Socket.IO itself; use onConnect and onDisconnect", s->events[i].name);
}

void hub_check_service(struct hub_loader *l) {
    check_methods(l);
    check_jwt(l);
    check_origins(l);
    check_objects(l);
    for (size_t i = 0; i < l->service->namespace_n; i++) check_namespace(l, &l->service->namespaces[i]);
}
