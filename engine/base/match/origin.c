/* Origins taken apart and compared. */
#include "base/match/origin.h"

#include "base/match/cidr.h"

#define MAX_ORIGIN 300

static bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
static struct hub_str rest_from(struct hub_str s, size_t at) { return hub_str(s.p + at, s.n - at); }

static bool is_scheme(struct hub_str s) {
    if (!s.n || !is_ascii_letter(s.p[0])) return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_ascii_letter(s.p[i]) && !is_ascii_digit(s.p[i]) && !memchr("+-.", s.p[i], 3)) return false;
    return true;
}

static bool is_host(struct hub_str s) {
    if (s.n > 2 && s.p[0] == '[') return hub_ip_parse(s, &(struct hub_ip){{0}});
    for (size_t i = 0; i < s.n; i++)
        if (!is_ascii_letter(s.p[i]) && !is_ascii_digit(s.p[i]) && !memchr("-._", s.p[i], 3)) return false;
    return s.n > 0;
}

static uint32_t own_port(struct hub_str scheme) {
    if (hub_str_eq_nocase(scheme, HUB_STR("https"))) return 443;
    return hub_str_eq_nocase(scheme, HUB_STR("http")) ? 80 : 0;
}

static bool read_port(struct hub_str text, uint32_t *out) {
    uint64_t n;
    if (!hub_str_u64(text, &n) || !n || n > 65535) return false;
    *out = (uint32_t)n;
    return true;
}

struct hub_str hub_authority_host(struct hub_str authority, struct hub_str *port) {
    size_t bracket = authority.n && authority.p[0] == '[' ? hub_str_find(authority, ']') : 0;
    size_t colon = bracket + hub_str_find(rest_from(authority, bracket), ':');
    if (port) *port = colon < authority.n ? rest_from(authority, colon + 1) : hub_str(NULL, 0);
    return hub_str(authority.p, colon);
}

/* Scheme and what follows "://". */
static bool split_scheme(struct hub_str text, struct hub_str *scheme, struct hub_str *rest) {
    size_t colon = hub_str_find(text, ':');
    if (text.n - colon < 3 || memcmp(text.p + colon, "://", 3) != 0) return false;
    *scheme = hub_str(text.p, colon);
    *rest = rest_from(text, colon + 3);
    return is_scheme(*scheme);
}

static bool read_authority(struct hub_str text, struct hub_origin *o) {
    struct hub_str port;
    o->host = hub_authority_host(text, &port);
    o->port = own_port(o->scheme);
    if (!text.n) return hub_str_eq_nocase(o->scheme, HUB_STR("file")); /* pages of some web views: file:// */
    return is_host(o->host) && (!port.p || read_port(port, &o->port));
}

bool hub_origin_parse(struct hub_str text, struct hub_origin *out) {
    struct hub_str rest;
    *out = (struct hub_origin){0};
    return text.n <= MAX_ORIGIN && split_scheme(text, &out->scheme, &rest) && read_authority(rest, out);
}

/* ---- patterns ---- */

static const char *explain_pattern(struct hub_str text) {
    struct hub_str scheme, rest;
    if (hub_str_is(text, "null"))
        return "every page without an origin of its own says \"null\": files, sandboxed frames, anybody's";
    if (!split_scheme(text, &scheme, &rest)) return "it begins with a scheme: https://host[:port]";
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80) return "browsers send the form of a name that begins with xn--";
    if (hub_str_find(rest, '/') < rest.n) return "it ends behind host and port, without a slash or a path";
    if (hub_str_find(rest, '*') < rest.n) return "\"*\" stands for whole labels in front: https://*.example.com";
    return "expected scheme://host[:port]";
}

const char *hub_origin_pattern(struct hub_str text, struct hub_origin *out) {
    struct hub_str scheme, rest;
    *out = (struct hub_origin){0};
    bool wild = split_scheme(text, &scheme, &rest) && hub_str_starts(rest, HUB_STR("*."));
    if (!wild) return hub_origin_parse(text, out) ? NULL : explain_pattern(text);
    out->scheme = scheme;
    out->subdomains = true;
    if (text.n > MAX_ORIGIN || !read_authority(rest_from(rest, 2), out) || out->host.p[0] == '[')
        return explain_pattern(text);
    bool one_label = hub_str_find(out->host, '.') >= out->host.n;
    if (one_label && !hub_str_eq_nocase(out->host, HUB_STR("localhost")))
        return "that is everybody's name below a top-level domain";
    return NULL;
}

bool hub_origin_matches(const struct hub_origin *pattern, const struct hub_origin *origin) {
    struct hub_str host = origin->host;
    if (pattern->port != origin->port || !hub_str_eq_nocase(pattern->scheme, origin->scheme)) return false;
    if (!pattern->subdomains) return hub_str_eq_nocase(pattern->host, host);
    size_t tail = pattern->host.n + 1;
    return host.n > tail && host.p[host.n - tail] == '.' &&
           hub_str_eq_nocase(rest_from(host, host.n - pattern->host.n), pattern->host);
}

bool hub_origin_is_at(const struct hub_origin *origin, struct hub_str authority) {
    struct hub_str port, host = hub_authority_host(authority, &port);
    uint32_t n = own_port(origin->scheme);
    if (!n || (port.n && !read_port(port, &n))) return false;
    return n == origin->port && hub_str_eq_nocase(origin->host, host);
}

/* ---- names that stay at home ---- */

bool hub_host_is_local(struct hub_str host) {
    static const char *const endings[] = {".localhost", ".local", ".internal", ".test", ".home.arpa"};
    if (host.n && host.p[host.n - 1] == '.') host.n--;
    if (!host.n || hub_ip_parse(host, &(struct hub_ip){{0}})) return true;
    if (hub_str_find(host, '.') >= host.n) return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (host.n > n && hub_str_eq_nocase(rest_from(host, host.n - n), hub_cstr(endings[i]))) return true;
    }
    return false;
}
