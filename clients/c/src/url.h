/* Where a server is: the parts of an http, https, ws or wss URL, and the proxy that the environment names
 * for it. */
#ifndef HUBC_URL_H
#define HUBC_URL_H
#include "text.h"

struct hubc_url {
    char *host;      /* without the brackets of an IPv6 address */
    char *authority; /* for the header Host */
    char *path;      /* of Socket.IO, with the query of Engine.IO */
    int port;
    bool tls;
};

/* False: URL is none of these. A path stands before /socket.io/, unless it ends with that. */
bool hubc_url_parse(struct hubc_url *u, const char *url);
void hubc_url_free(struct hubc_url *u);

/* Whether LIST, as in no_proxy, names HOST: itself, a domain that it is in, or "*". */
bool hubc_url_is_listed(const char *host, const char *list);
/* "host:port", with "user:password@" in front if it has that, out of a proxy's URL; NULL: it is none that
 * tunnels. */
char *hubc_url_proxy(const char *proxy) __attribute__((warn_unused_result));
#endif
