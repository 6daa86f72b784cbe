/* The request parser: http_parser's callbacks and the checks it leaves to us. */
#include "transport/http/http_parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"

static struct hub_http_req *request_of(http_parser *p) { return p->data; }

static struct hub_str slice_of_head(const struct hub_http_req *r, uint32_t off, uint32_t n) {
    return n ? hub_str(r->head.p + off, n) : HUB_STR("");
}

static int refuse_message(struct hub_http_req *r, int status) {
    r->status = status;
    return -1;
}

static int refuse_with_problem(struct hub_http_req *r, int status, const char *problem) {
    snprintf(r->problem, sizeof r->problem, "%s", problem);
    return refuse_message(r, status);
}

/* ---- callbacks, in the order in which they come ---- */

static int on_url(http_parser *p, const char *at, size_t n) {
    hub_buf_add(&request_of(p)->head, at, n);
    return 0;
}

static HUB_MUST struct hub_http_field *new_field(struct hub_http_req *r) {
    if (r->fields_n == r->fields_cap) {
        r->fields_cap = r->fields_cap ? 2 * r->fields_cap : 16;
        r->fields = hub_xrealloc(r->fields, r->fields_cap * sizeof *r->fields);
    }
    struct hub_http_field *f = &r->fields[r->fields_n++];
    *f = (struct hub_http_field){.name = (uint32_t)r->head.n};
    return f;
}

static char lower_field(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static int on_field(http_parser *p, const char *at, size_t n) {
    struct hub_http_req *r = request_of(p);
    if (r->head_done) return 0; /* trailers are of no use to anybody here */
    bool first = r->in_value || !r->fields_n;
    if (first && r->fields_n == HUB_HTTP_MAX_FIELDS) return refuse_message(r, 431);
    struct hub_http_field *f = first ? new_field(r) : &r->fields[r->fields_n - 1];
    char *to = hub_buf_reserve(&r->head, n);
    for (size_t i = 0; i < n; i++) to[i] = lower_field(at[i]);
    r->head.n += n;
    f->name_n += (uint32_t)n;
    r->in_value = false;
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t n) {
    struct hub_http_req *r = request_of(p);
    if (r->head_done) return 0;
    struct hub_http_field *f = &r->fields[r->fields_n - 1];
    if (!r->in_value) f->value = (uint32_t)r->head.n;
    hub_buf_add(&r->head, at, n);
    f->value_n += (uint32_t)n;
    r->in_value = true;
    return 0;
}

static bool split_target(struct hub_http_req *r) {
    uint32_t n = r->fields_n ? r->fields[0].name : (uint32_t)r->head.n;
    struct hub_str target = slice_of_head(r, 0, n);
    if (hub_str_is(target, "*")) {
        r->path_n = 1;
        return true;
    }
    struct http_parser_url u;
    http_parser_url_init(&u);
    if (http_parser_parse_url(target.p, target.n, 0, &u) != 0) return false;
    if (!(u.field_set & 1 << UF_PATH)) return false;
    r->path = u.field_data[UF_PATH].off, r->path_n = u.field_data[UF_PATH].len;
    if (u.field_set & 1 << UF_QUERY) r->query = u.field_data[UF_QUERY].off, r->query_n = u.field_data[UF_QUERY].len;
    return true;
}

static size_t count_fields(const struct hub_http_req *r, const char *name) {
    size_t count = 0;
    for (uint32_t i = 0; i < r->fields_n; i++)
        count += hub_str_is(slice_of_head(r, r->fields[i].name, r->fields[i].name_n), name);
    return count;
}

/* The parser was built to let blanks pass, which proxies read differently (RFC 9112 5.1). */
static bool names_are_tokens(const struct hub_http_req *r) {
    for (uint32_t i = 0; i < r->fields_n; i++) {
        struct hub_str name = slice_of_head(r, r->fields[i].name, r->fields[i].name_n);
        if (!name.n || hub_str_find(name, ' ') < name.n) return false;
    }
    return true;
}

/* Bodies in another encoding would be read as what they are not. */
static int check_encoding(struct hub_http_req *r, const http_parser *p) {
    struct hub_str coding = hub_http_header(r, "content-encoding");
    bool has_body = p->flags & F_CHUNKED || (p->content_length && p->content_length != UINT64_MAX);
    if (!has_body || !coding.n || hub_str_eq_nocase(coding, HUB_STR("identity"))) return 0;
    snprintf(r->problem, sizeof r->problem, "Content-Encoding: \"%.*s\" is not supported; send the body as it is",
             HUB_CUT(coding, 32));
    return refuse_message(r, 415);
}

static bool length_is_known(const http_parser *p) { return !(p->flags & F_CHUNKED) && p->content_length != UINT64_MAX; }

static int on_head(http_parser *p) {
    struct hub_http_req *r = request_of(p);
    r->head_done = true;
    if (p->http_major != 1) return refuse_message(r, 505);
    size_t hosts = count_fields(r, "host");
    if (hosts > 1 || (hosts == 0 && p->http_minor > 0)) return refuse_message(r, 400); /* RFC 9112 3.2 */
    if (hub_http_method(r) == HUB_HTTP_OTHER) return refuse_message(r, 405);
    if (!names_are_tokens(r) || !split_target(r)) return refuse_message(r, 400);
    if (p->http_minor == 0 &&
        count_fields(r, "transfer-encoding")) /* RFC 9112 6.1: whoever passed it on may have read it differently */
        return refuse_with_problem(r, 400, "HTTP/1.0 has no Transfer-Encoding");
    size_t codings = count_fields(r, "transfer-encoding");
    if (codings && (codings > 1 ||
                    !hub_str_eq_nocase(hub_http_header(r, "transfer-encoding"), HUB_STR("chunked")))) /* RFC 9112 6.1 */
        return refuse_with_problem(r, 400,
                                   "Transfer-Encoding: only \"chunked\" is supported, once; send the body as it is");
    if (length_is_known(p) && p->content_length > r->max_body) return refuse_message(r, 413);
    struct hub_str expect = hub_http_header(r, "expect");
    r->expects_continue = p->http_minor > 0 && hub_str_eq_nocase(expect, HUB_STR("100-continue"));
    if (expect.n && !r->expects_continue && p->http_minor > 0) return refuse_message(r, 417);
    r->websocket =
        p->upgrade && p->http_minor > 0 && p->method == HTTP_GET && hub_http_has_token(r, "upgrade", "websocket");
    if (!r->websocket) p->upgrade = 0; /* any other Upgrade is an offer that we do not take */
    return check_encoding(r, p);
}

static int on_body(http_parser *p, const char *at, size_t n) {
    hub_buf_add(&request_of(p)->body, at, n); /* bounded by on_head and on_chunk */
    return 0;
}

static int on_chunk(http_parser *p) {
    struct hub_http_req *r = request_of(p);
    return p->content_length > r->max_body - r->body.n ? refuse_message(r, 413) : 0;
}

static int on_whole(http_parser *p) {
    request_of(p)->keep_alive = http_should_keep_alive(p) != 0;
    http_parser_pause(p, 1); /* what follows belongs to the next request */
    return 0;
}

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_chunk_header = on_chunk,
    .on_message_complete = on_whole,
};

/* ---- the request ---- */

struct hub_http_req *hub_http_req_new(size_t max_body) {
    struct hub_http_req *r = hub_xcalloc(1, sizeof *r);
    http_parser_set_max_header_size(HUB_HTTP_MAX_HEAD); /* a global of the library */
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
    r->max_body = max_body;
    return r;
}

void hub_http_req_free(struct hub_http_req *r) {
    hub_held_drop(&r->held);
    hub_buf_free(&r->head);
    hub_buf_free(&r->body);
    free(r->fields);
    free(r);
}

/* The status that tells what the parser disliked. AT is the byte it stopped at. */
static int status_of(const struct hub_http_req *r, enum http_errno e, char at) {
    if (r->status) return r->status;
    if (e == HPE_HEADER_OVERFLOW && !r->head_done) return r->fields_n ? 431 : 414;
    if (e == HPE_INVALID_METHOD && at >= 'A' && at <= 'Z') return 501;
    return 400;
}

static const char folded[] = "A line of the head begins with a blank; folded header lines are not accepted";
static const char bare_return[] = "A carriage return in the head is not followed by a line feed";

/* What is wrong with the lines of the head in P, or NULL. A line that begins with a blank continues the
 * one before (obs-fold), and a carriage return by itself may end one: proxies read both differently, RFC
 * 9112 5.2 and 2.2 have them refused, and the parser would take them. */
static const char *line_fault(struct hub_http_req *r, const char *p, size_t n) {
    for (size_t i = 0; i < n && !r->head_ended; i++) {
        if (r->after_return && p[i] != '\n') return bare_return;
        bool end_of_line = p[i] == '\n' || p[i] == '\r';
        if (r->at_line_start && (p[i] == ' ' || p[i] == '\t')) return folded;
        r->in_last_line = (r->at_line_start && end_of_line) || (r->in_last_line && r->after_return);
        r->begun = r->begun || !end_of_line; /* empty lines in front of the request are skipped */
        const char *next = memchr(p + i, '\n', n - i), *end = next ? next : p + n;
        const char *carriage = memchr(p + i, '\r', (size_t)(end - p) - i);
        if (carriage && carriage + 1 != end) return bare_return;
        r->after_return = carriage && !next;
        r->head_ended = r->in_last_line && next;
        i = (size_t)(end - p);
        r->at_line_start = next && r->begun;
    }
    return NULL;
}

enum hub_http_feed hub_http_feed(struct hub_http_req *r, const char *p, size_t n, size_t *used) {
    const char *fault = line_fault(r, p, n);
    if (fault) {
        *used = 0;
        refuse_with_problem(r, 400, fault);
        return HUB_HTTP_BAD;
    }
    *used = http_parser_execute(&r->parser, &callbacks, p, n);
    enum http_errno e = HTTP_PARSER_ERRNO(&r->parser);
    if (e == HPE_PAUSED) return HUB_HTTP_WHOLE;
    if (e == HPE_OK) return HUB_HTTP_MORE;
    r->status = status_of(r, e, *used < n ? p[*used] : 0);
    return HUB_HTTP_BAD;
}

bool hub_http_has(const struct hub_http_req *r, const char *name) { return count_fields(r, name) > 0; }

bool hub_http_has_token(const struct hub_http_req *r, const char *name, const char *token) {
    struct hub_str rest = hub_http_header(r, name), piece;
    while (hub_str_split(&rest, ',', &piece))
        if (hub_str_eq_nocase(hub_str_trim(piece), hub_cstr(token))) return true;
    return false;
}

/* ---- what the layer above reads ---- */

enum hub_http_method hub_http_method(const struct hub_http_req *r) {
    switch (r->parser.method) {
    case HTTP_GET: return HUB_HTTP_GET;
    case HTTP_HEAD: return HUB_HTTP_HEAD;
    case HTTP_POST: return HUB_HTTP_POST;
    case HTTP_PUT: return HUB_HTTP_PUT;
    case HTTP_PATCH: return HUB_HTTP_PATCH;
    case HTTP_DELETE: return HUB_HTTP_DELETE;
    case HTTP_OPTIONS: return HUB_HTTP_OPTIONS;
    default: return HUB_HTTP_OTHER;
    }
}

struct hub_str hub_http_path(const struct hub_http_req *r) {
    struct hub_str path = slice_of_head(r, r->path, r->path_n);
    path = hub_str(path.p + r->base_n, path.n - r->base_n);
    return path.n ? path : HUB_STR("/");
}

bool hub_http_keep_base(struct hub_http_req *r) {
    bool had = r->base_n > 0;
    r->base_n = 0;
    return had;
}

struct hub_str hub_http_query(const struct hub_http_req *r) {
    return slice_of_head(r, r->query, r->query_n);
}

struct hub_str hub_http_header(const struct hub_http_req *r, const char *name) {
    const struct hub_str wanted = hub_cstr(name); /* once: a handshake asks for a dozen of them */
    for (uint32_t i = 0; i < r->fields_n; i++) {
        const struct hub_http_field *f = &r->fields[i];
        if (f->name_n == wanted.n && hub_str_eq(slice_of_head(r, f->name, f->name_n), wanted))
            return hub_str_trim(slice_of_head(r, f->value, f->value_n));
    }
    return HUB_STR("");
}

struct hub_str hub_http_body(const struct hub_http_req *r) {
    return hub_buf_str(&r->body);
}
struct hub_str hub_http_peer(const struct hub_http_req *r) {
    return hub_cstr(r->peer);
}

static bool add_form_decoded(struct hub_buf *out, struct hub_str text) {
    struct hub_str rest = text, piece;
    for (bool first = true; hub_str_split(&rest, '+', &piece); first = false) {
        if (!first) hub_buf_addc(out, ' ');
        if (!hub_buf_add_unescaped(out, piece)) return false;
    }
    return true;
}

bool hub_query_get(struct hub_str query, const char *name, struct hub_buf *out) {
    const struct hub_str wanted = hub_cstr(name);
    struct hub_str pair;
    while (query.n && hub_str_split(&query, '&', &pair)) {
        if (!hub_str_starts(pair, wanted) || (pair.n > wanted.n && pair.p[wanted.n] != '=')) continue;
        size_t eq = wanted.n;
        size_t start = out->n;
        if (eq == pair.n || add_form_decoded(out, hub_str(pair.p + eq + 1, pair.n - eq - 1))) return true;
        out->n = start;
        return false;
    }
    return false;
}
