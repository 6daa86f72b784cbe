/* HTTP requests without a connection behind them: what a test says is asked, and what it was answered. A test
 * that includes this is linked against these functions instead of the transport's. */
#ifndef TEST_SUPPORT_FAKE_HTTP_H
#define TEST_SUPPORT_FAKE_HTTP_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "base/text/buf.h"
#include "transport/transport.h"

struct hub_http_req {
    enum hub_http_method method;
    const char *path, *query, *body, *type; /* NULL: none */
    const char *authorization, *if_none_match;
    bool gone;    /* the peer has closed */
    bool gzip;    /* the client takes it, of any answer */
    bool vouched; /* hub_http_vouch was called */
    int answers;  /* must become 1 */
    int status;   /* of the answer, as all below */
    struct hub_buf answer_type, answer, headers;
};

enum hub_http_method hub_http_method(const struct hub_http_req *r) { return r->method; }
struct hub_str hub_http_path(const struct hub_http_req *r) {
    return hub_cstr(r->path);
}
struct hub_str hub_http_query(const struct hub_http_req *r) {
    return hub_cstr(r->query);
}
struct hub_str hub_http_body(const struct hub_http_req *r) {
    return hub_cstr(r->body);
}
struct hub_str hub_http_peer(const struct hub_http_req *r) {
    (void)r;
    return HUB_STR("192.0.2.1");
}
struct hub_str hub_http_header(const struct hub_http_req *r, const char *name) {
    if (!strcmp(name, "content-type")) return hub_cstr(r->type);
    if (!strcmp(name, "authorization")) return hub_cstr(r->authorization);
    return hub_cstr(strcmp(name, "if-none-match") ? NULL : r->if_none_match);
}
void hub_http_drop_body(struct hub_http_req *r) { r->body = NULL; }
bool hub_http_gone(const struct hub_http_req *r) { return r->gone; }
int64_t hub_http_wall(const struct hub_http_req *r) {
    (void)r;
    return 1767225600000;
}
bool hub_http_takes_gzip(const struct hub_http_req *r, const char *type, size_t n) {
    (void)type, (void)n;
    return r->gzip;
}
void hub_http_vouch(struct hub_http_req *r) { r->vouched = true; }

bool hub_query_get(struct hub_str query, const char *name, struct hub_buf *out) {
    struct hub_str pair;
    while (query.n && hub_str_split(&query, '&', &pair)) {
        size_t eq = hub_str_find(pair, '=');
        if (eq < pair.n && hub_str_is(hub_str(pair.p, eq), name))
            return hub_buf_add_unescaped(out, hub_str(pair.p + eq + 1, pair.n - eq - 1));
    }
    return false;
}

void hub_http_reply(struct hub_http_req *r, int status, const char *type, struct hub_str body, const char *headers) {
    r->answers++;
    r->status = status;
    hub_buf_addz(&r->answer_type, type);
    hub_buf_adds(&r->answer, body);
    hub_buf_addz(&r->headers, headers);
}

/* The request was answered once, with STATUS and WANT in the body ("" is any). */
static inline void fake_is_answered(struct hub_http_req *r, int status, const char *want) {
    if (r->answers != 1) fail_msg("%s was answered %d times", r->path, r->answers);
    if (r->status != status || !strstr(hub_buf_cstr(&r->answer), want))
        fail_msg("%s: \"%s\" is not in %d %s", r->path, want, r->status, hub_buf_cstr(&r->answer));
}
static inline void fake_has_header(struct hub_http_req *r, const char *line) {
    if (!strstr(hub_buf_cstr(&r->headers), line)) fail_msg("%s: \"%s\" is not in %s", r->path, line, r->headers.p);
}
/* Forgets the answer, so that R can be asked again. */
static inline void fake_forget_answer(struct hub_http_req *r) {
    hub_buf_free(&r->answer_type);
    hub_buf_free(&r->answer);
    hub_buf_free(&r->headers);
    r->answers = 0;
}
#endif
