/* URLs of servers and of proxies. */
#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char tail[] = "socket.io/";
static const char query[] = "?EIO=4&transport=websocket";

/* The first N bytes of S. */
static char *copy_part(const char *s, size_t n) { return memcpy(hubc_alloc(n + 1), s, n); }

static const char *read_scheme(const char *url, bool *tls) {
    static const struct {
        const char *name;
        bool tls;
    } schemes[] = {{"http://", false}, {"https://", true}, {"ws://", false}, {"wss://", true}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i].name);
        if (strncasecmp(url, schemes[i].name, n) != 0) continue;
        *tls = schemes[i].tls;
        return url + n;
    }
    return NULL;
}

static bool read_port(const char *at, const char *end, int *port) {
    int n = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9' || (n = n * 10 + (*at - '0')) > 65535) return false;
    }
    *port = n;
    return n > 0;
}

static bool read_authority(struct hubc_url *u, const char *at, const char *end) {
    if (at == end || memchr(at, '@', (size_t)(end - at))) return false;
    u->authority = copy_part(at, (size_t)(end - at));
    bool bracket = *at == '[';
    const char *close = bracket ? memchr(at, ']', (size_t)(end - at)) : memchr(at, ':', (size_t)(end - at));
    if (bracket && !close) return false;
    const char *host_end = close ? close : end, *colon = bracket ? close + 1 : close;
    u->host = copy_part(at + bracket, (size_t)(host_end - at) - bracket);
    u->port = u->tls ? 443 : 80;
    if (!*u->host) return false;
    return !colon || colon == end || (*colon == ':' && read_port(colon + 1, end, &u->port));
}

static void write_path(struct hubc_url *u, const char *path) {
    struct hubc_buf b = {0};
    size_t n = strcspn(path, "?#");
    hubc_buf_text(&b, "/");
    while (n && *path == '/') path++, n--;
    while (n && path[n - 1] == '/') n--;
    hubc_buf_add(&b, path, n);
    if (n) hubc_buf_text(&b, "/");
    size_t whole = sizeof tail - 1;
    if (b.len < whole || strcmp(b.at + b.len - whole, tail) != 0) hubc_buf_text(&b, tail);
    hubc_buf_text(&b, query);
    u->path = b.at;
}

bool hubc_url_parse(struct hubc_url *u, const char *url) {
    *u = (struct hubc_url){0};
    const char *at = url ? read_scheme(url, &u->tls) : NULL;
    if (!at) return false;
    const char *end = at + strcspn(at, "/?#");
    if (!read_authority(u, at, end)) {
        hubc_url_free(u);
        return false;
    }
    write_path(u, end);
    return true;
}

void hubc_url_free(struct hubc_url *u) {
    free(u->host);
    free(u->authority);
    free(u->path);
    *u = (struct hubc_url){0};
}

static bool is_within(const char *host, const char *domain, size_t n) {
    size_t whole = strlen(host);
    if (n && *domain == '.') domain++, n--;
    if (!n || n > whole || strncasecmp(host + whole - n, domain, n) != 0) return false;
    return n == whole || host[whole - n - 1] == '.';
}

bool hubc_url_is_listed(const char *host, const char *list) {
    while (list && *list) {
        size_t n = strcspn(list, ", ");
        if ((n == 1 && *list == '*') || is_within(host, list, n)) return true;
        list += n;
        list += strspn(list, ", ");
    }
    return false;
}

char *hubc_url_proxy(const char *proxy) {
    if (!strncasecmp(proxy, "http://", strlen("http://")))
        proxy += strlen("http://");
    else if (strstr(proxy, "://"))
        return NULL;
    size_t n = strcspn(proxy, "/");
    return n && memchr(proxy, ':', n) ? copy_part(proxy, n) : NULL;
}
