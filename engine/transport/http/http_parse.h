/* One HTTP/1.1 request while it is read and until it is answered: request line, fields, body, and what is
 * wrong with it. On Debian's http_parser; no sockets here. */
#ifndef HUB_TRANSPORT_HTTP_PARSE_H
#define HUB_TRANSPORT_HTTP_PARSE_H
#include <http_parser.h>

#include "transport/limits/held.h"
#include "transport/transport.h"

#define HUB_HTTP_MAX_HEAD 16384
#define HUB_HTTP_MAX_FIELDS 128

struct hub_link;

struct hub_http_field { /* offsets into head */
    uint32_t name, name_n, value, value_n;
};

struct hub_http_req {
    struct hub_link *link;       /* where it came from; NULL once the peer is gone */
    struct hub_eio *eio;         /* the session whose held GET or unfinished POST this is */
    struct hub_held_input *held; /* its head and body */
    http_parser parser;
    struct hub_buf head; /* the target, then names (lower-cased) and values */
    struct hub_buf body;
    struct hub_http_field *fields;
    uint32_t fields_n, fields_cap;
    uint32_t path, path_n, query, query_n;
    size_t max_body;
    size_t base_n; /* bytes of the base path at the front of the path */
    int status;    /* what to answer a request that is wrong */
    bool head_done, in_value, keep_alive, websocket, expects_continue;
    bool begun, at_line_start, after_return, in_last_line,
        head_ended;                /* of the raw head, as far as its lines were looked through */
    char problem[96];              /* what to say of a request that is wrong; empty: what the status says */
    bool routed;                   /* the connection has looked at the head already */
    bool secure;                   /* came by TLS, here or at a trusted proxy */
    bool judged;                   /* SITE is set */
    bool vouched;                  /* a user is known behind it: the bounds of strangers do not apply */
    bool asking;                   /* the layer above is asked whether the body may come */
    uint8_t site;                  /* enum hub_site */
    size_t body_n;                 /* bytes of the body, when they are known beforehand */
    struct hub_str forwarded_host; /* by a trusted proxy; in head */
    char peer[46];
};

HUB_MUST struct hub_http_req *hub_http_req_new(size_t max_body);
void hub_http_req_free(struct hub_http_req *req);

enum hub_http_feed { HUB_HTTP_MORE, HUB_HTTP_WHOLE, HUB_HTTP_BAD };
/* Takes bytes of the request; *used says how many when it is whole (what follows belongs to the next one).
 * After HUB_HTTP_BAD, status is the answer to give and the connection is of no further use. */
enum hub_http_feed hub_http_feed(struct hub_http_req *req, const char *p, size_t n, size_t *used);
bool hub_http_has(const struct hub_http_req *req, const char *lower_case_name); /* also an empty one */
/* True when a comma-separated field of that name has TOKEN in it. */
bool hub_http_has_token(const struct hub_http_req *req, const char *lower_case_name, const char *token);
#endif
