/* Where a web page comes from (RFC 6454): scheme, host and port; and the patterns of such that a
 * definition lists. */
#ifndef HUB_BASE_ORIGIN_H
#define HUB_BASE_ORIGIN_H
#include "base/text/str.h"

struct hub_origin {
    struct hub_str scheme, host; /* views into the text; an IPv6 address with its brackets */
    uint32_t port;               /* the scheme's own when none is written; 0: it has none */
    bool subdomains;             /* of a pattern: HOST stands for every name below it, and not for itself */
};

/* An Origin header's value; false for "null" and for anything else that is no origin. */
bool hub_origin_parse(struct hub_str text, struct hub_origin *out);
/* An origin, or one with "*." before its host for all names below that. NULL, or what is wrong with it. */
const char *hub_origin_pattern(struct hub_str text, struct hub_origin *out);
bool hub_origin_matches(const struct hub_origin *pattern, const struct hub_origin *origin);
/* Whether AUTHORITY, "host" or "host:port" as in a Host header, names where the origin's page was served.
 * Without a port it has the one of the origin's scheme. */
bool hub_origin_is_at(const struct hub_origin *origin, struct hub_str authority);
/* The host of "host", "host:port", "[::1]" or "[::1]:port"; PORT (may be NULL) becomes the rest behind the
 * colon, or empty. */
struct hub_str hub_authority_host(struct hub_str authority, struct hub_str *port);
/* A name that no public name server answers for, or an address: no web page of elsewhere can have it as
 * its own host. */
bool hub_host_is_local(struct hub_str host);
#endif
