/* Paths of hubs to commands. A route's variable parts become members of the command's payload, as do the
 * body and the query. */
#include "rest/rest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "hub/call/args.h"
#include "rest/rest_int.h"

struct hub_rest *hub_rest_new(struct hub_engine *engine, struct hub_identity_ctx *identity,
                              const struct hub_service *service, const struct hub_tables *tables) {
    struct hub_rest *r = hub_xmalloc(sizeof *r);
    *r = (struct hub_rest){.engine = engine, .identity = identity, .service = service, .tables = tables};
    return r;
}

void hub_rest_configure(struct hub_rest *r, const struct hub_service *service, const struct hub_tables *tables) {
    r->service = service;
    r->tables = tables;
    r->definitions++;
    hub_rest_drop_documents(r);
}

void hub_rest_delete(struct hub_rest *r) {
    hub_rest_drop_documents(r);
    free(r);
}

/* ---- requests taken apart ---- */

bool hub_rest_path_parse(struct hub_rest_path *p, struct hub_str raw) {
    *p = (struct hub_rest_path){0};
    hub_buf_reserve(&p->text, raw.n + 1); /* decoded text is never longer, so the views stay valid */
    if (raw.n && raw.p[0] == '/') raw.p++, raw.n--;
    if (raw.n && raw.p[raw.n - 1] == '/') raw.n--;
    for (struct hub_str piece; hub_str_split(&raw, '/', &piece);) {
        size_t from = p->text.n;
        if (p->n == HUB_REST_SEGMENTS) return false;
        if (!hub_buf_add_unescaped(&p->text, piece)) return p->broken = true, false;
        p->segments[p->n++] = hub_str(p->text.p + from, p->text.n - from);
    }
    return true;
}

/* Takes a parameter called charset off the media type; empty when there is none. */
static struct hub_str charset_of(struct hub_str type) {
    struct hub_str piece;
    while (hub_str_split(&type, ';', &piece)) {
        size_t eq = hub_str_find(piece, '=');
        if (eq == piece.n || !hub_str_eq_nocase(hub_str_trim(hub_str(piece.p, eq)), HUB_STR("charset"))) continue;
        struct hub_str value = hub_str_trim(hub_str(piece.p + eq + 1, piece.n - eq - 1));
        bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return quoted ? hub_str(value.p + 1, value.n - 2) : value;
    }
    return HUB_STR("");
}

/* True for application/json in UTF-8 (of which ASCII is a part); anything else is answered with 415. */
static bool is_json_type(struct hub_http_req *req) {
    static const char *const utf8[] = {"", "utf-8", "utf8", "us-ascii", "ascii"};
    struct hub_str type = hub_http_header(req, "content-type"), charset = charset_of(type);
    char text[96] = "Content-Type: expected application/json";
    if (hub_str_eq_nocase(hub_str_trim(hub_str(type.p, hub_str_find(type, ';'))), HUB_STR("application/json"))) {
        for (size_t i = 0; i < HUB_NELEM(utf8); i++)
            if (hub_str_eq_nocase(charset, hub_cstr(utf8[i]))) return true;
        snprintf(text, sizeof text, "Content-Type: charset \"%.*s\" is not supported; send JSON as UTF-8",
                 HUB_CUT(charset, 32));
    }
    hub_rest_fail(req, HUB_BAD_REQUEST, 415, text, hub_str(NULL, 0), "");
    return false;
}

json_t *hub_rest_value(struct hub_http_req *req) {
    struct hub_err err;
    if (!is_json_type(req)) return NULL;
    json_t *v = hub_json_parse(hub_http_body(req), &err);
    hub_http_drop_body(req);
    if (!v) hub_rest_fail_code(req, HUB_BAD_REQUEST, err.text, hub_str(NULL, 0));
    return v;
}

json_t *hub_rest_body(struct hub_http_req *req) {
    if (!hub_http_body(req).n) return json_object();
    json_t *o = hub_rest_value(req);
    if (!o || json_is_object(o)) return o;
    hub_rest_fail_code(req, HUB_BAD_REQUEST, "expected a JSON object as the body", hub_str(NULL, 0));
    json_decref(o);
    return NULL;
}

void hub_rest_identify(struct hub_rest *r, struct hub_http_req *req, hub_identity_done *done, void *arg) {
    const struct hub_credentials from = {.address = hub_http_peer(req),
                                         .authorization = hub_http_header(req, "authorization"),
                                         .query = hub_http_query(req),
                                         .cookie = hub_http_header(req, "cookie")};
    hub_identity_resolve_from(r->identity, &from, done, arg);
}

/* ---- routes: the paths of the commands' rows ---- */

/* Whether the segments after the hub's name fit the command's path; variable parts go into ARGS when it is
 * given. */
static bool matches_route(const struct hub_command *command, const struct hub_rest_path *p, json_t *args) {
    struct hub_str rest = hub_cstr(command->rest.path), piece;
    size_t i = 1;
    for (; hub_str_split(&rest, '/', &piece); i++) {
        if (i >= p->n) return false;
        if (piece.p[0] != ':') {
            if (!hub_str_eq(piece, p->segments[i])) return false;
        } else if (args) {
            char name[16] = {0};
            memcpy(name, piece.p + 1, piece.n - 1);
            hub_json_set_str(args, name, p->segments[i]);
        }
    }
    return i == p->n;
}

/* In the order in which the header Allow lists them. HEAD is a GET. */
static const struct method {
    const char *name, *allow;
} methods[] = {[HUB_HTTP_GET] = {"GET", "GET, HEAD"},
               [HUB_HTTP_POST] = {"POST", "POST"},
               [HUB_HTTP_PUT] = {"PUT", "PUT"},
               [HUB_HTTP_PATCH] = {"PATCH", "PATCH"},
               [HUB_HTTP_DELETE] = {"DELETE", "DELETE"}};

/* A path of a part that the hub does not declare is none. */
static const struct hub_command *command_at(const struct hub_rest *r, const struct hub_hub *hub,
                                            const struct hub_rest_path *p, const char *method) {
    for (const struct hub_command *const *c = hub_engine_commands(r->engine); method && *c; c++)
        if ((*c)->rest.path && !strcmp((*c)->rest.method, method) && matches_route(*c, p, NULL) &&
            hub_hub_declares(hub, *c))
            return *c;
    return NULL;
}

/* The methods that path P has, for 405; empty when there is no such path. */
static void add_allowed(const struct hub_rest *r, const struct hub_hub *hub, const struct hub_rest_path *p,
                        struct hub_buf *out) {
    for (size_t i = 0; i < HUB_NELEM(methods); i++)
        if (command_at(r, hub, p, methods[i].name)) hub_buf_addf(out, "%s%s", out->n ? ", " : "", methods[i].allow);
}

static const struct hub_command *route_of(const struct hub_rest *r, const struct hub_hub *hub, struct hub_http_req *req,
                                          const struct hub_rest_path *p) {
    enum hub_http_method method = hub_http_method(req) == HUB_HTTP_HEAD ? HUB_HTTP_GET : hub_http_method(req);
    return method < HUB_NELEM(methods) ? command_at(r, hub, p, methods[method].name) : NULL;
}

static bool has_pages(const struct hub_command *command) {
    return hub_arg_named(command->args, HUB_STR("pageNumber")) != NULL;
}

/* Only a GET takes parameters: its arguments, but for those of the path. */
static void add_query_names(const struct hub_command *command, struct hub_buf *out) {
    for (const struct hub_arg *a = command->args; !strcmp(command->rest.method, "GET") && a->name; a++) {
        char part[32];
        snprintf(part, sizeof part, ":%s", a->name);
        bool in_path = strstr(command->rest.path, part) != NULL;
        if (!in_path && !(a->flags & HUB_ARG_HIDDEN)) hub_buf_addf(out, "%s%s", out->n ? " " : "", a->name);
    }
}

void hub_rest_add_page(json_t *args) {
    int64_t page = hub_json_get_int(args, "pageNumber", 1),
            rows = hub_json_get_int(args, "pageRowCount", HUB_REST_PAGE);
    if (!hub_json_get(args, "pageNumber") && !hub_json_get(args, "pageRowCount")) return;
    json_object_set_new(args, "limit", json_integer(rows));
    json_object_set_new(args, "offset", json_integer((page - 1) * rows));
}

void hub_rest_add_page_json(struct hub_buf *b, const json_t *args) {
    if (!hub_json_get(args, "pageNumber") && !hub_json_get(args, "pageRowCount")) return;
    hub_buf_addf(b, "\"pageNumber\":%lld,\"pageRowCount\":%lld,", (long long)hub_json_get_int(args, "pageNumber", 1),
                 (long long)hub_json_get_int(args, "pageRowCount", HUB_REST_PAGE));
}

/* Only what the route takes: seconds=5 behind a path that wants them in its body would be passed over. */
static bool are_known(struct hub_http_req *req, json_t *query, const char *names) {
    const char *name;
    json_t *v;
    json_object_foreach(query, name, v) {
        if (names && hub_str_among(hub_cstr(name), names)) continue;
        struct hub_buf text = {0};
        struct hub_str rest = hub_cstr(names), one;
        hub_buf_addz(&text, names ? "unknown; there are" : "unknown; this path takes no parameters");
        for (const char *glue = " "; names && hub_str_split(&rest, ' ', &one); glue = ", ")
            hub_buf_addf(&text, "%s%.*s", glue, HUB_FMT(one));
        hub_rest_bad_parameter(req, hub_cstr(name), hub_buf_cstr(&text));
        hub_buf_free(&text);
        return false;
    }
    return true;
}

bool hub_rest_no_query(struct hub_http_req *req) {
    json_t *query = hub_rest_query(req);
    bool ok = query && are_known(req, query, NULL);
    json_decref(query);
    return ok;
}

bool hub_rest_one_page(struct hub_http_req *req, const json_t *query) {
    static const char *const others[] = {"limit", "offset"};
    if (!json_object_get(query, "pageNumber") && !json_object_get(query, "pageRowCount")) return true;
    for (size_t i = 0; i < HUB_NELEM(others); i++)
        if (json_object_get(query, others[i]))
            return hub_rest_bad_parameter(req, hub_cstr(others[i]), "not together with pageNumber and pageRowCount");
    return true;
}

/* The parameter of row A, typed as the command wants it; what it may be is the command's to say, but for
 * numbers. */
static bool add_row_parameter(struct hub_http_req *req, const struct hub_arg *a, const json_t *query, json_t *args) {
    json_t *v = json_object_get(query, a->name);
    if (a->type == HUB_ARG_INT)
        return hub_rest_query_int(req, query, a->name, a->least, a->flags & HUB_ARG_CAPPED ? INT64_MAX : a->most, args);
    if (v) json_object_set(args, a->name, v);
    return true;
}

/* The query's parameters go into ARGS. False: one is not what it should be, and the request was answered. */
static bool add_query(struct hub_http_req *req, const struct hub_command *command, json_t *args) {
    struct hub_buf names = {0};
    add_query_names(command, &names);
    json_t *q = hub_rest_query(req);
    bool ok = q && are_known(req, q, names.n ? hub_buf_cstr(&names) : NULL) && hub_rest_one_page(req, q);
    for (const struct hub_arg *a = command->args; ok && names.n && a->name; a++)
        ok = add_row_parameter(req, a, q, args);
    json_decref(q);
    hub_buf_free(&names);
    if (ok) hub_rest_add_page(args);
    return ok;
}

/* ---- one request under way ---- */

struct room_request {
    struct hub_http_req *req;
    struct hub_hub *hub;
    const struct hub_command *command;
    json_t *args;
};

static void add_reply_paging(struct hub_buf *b, const json_t *args, struct hub_str fields) {
    int64_t rows = hub_json_get_int(args, "pageRowCount", HUB_REST_PAGE), total;
    hub_buf_addc(b, '{');
    hub_rest_add_page_json(b, args);
    if (hub_str_i64(hub_json_member(fields, "totalRowCount"), &total))
        hub_buf_addf(b, "\"totalRowCount\":%lld,\"pageCount\":%lld,", (long long)total,
                     (long long)((total + rows - 1) / rows));
    hub_buf_addf(b, "\"hasMore\":%s}", hub_str_is(hub_json_member(fields, "hasMore"), "true") ? "true" : "false");
}

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    struct room_request *q = arg;
    struct hub_buf paging = {0};
    if (code && data_name) {
        hub_rest_refuse(q->req, hub_code_http(code), data_name, err->text, fields);
    } else if (code) {
        hub_rest_fail_code(q->req, code, err->text, fields);
    } else {
        if (has_pages(q->command)) add_reply_paging(&paging, q->args, fields);
        hub_rest_ok(q->req, q->command->rest.status, data_name, fields, hub_buf_str(&paging));
    }
    hub_buf_free(&paging);
    json_decref(q->args);
    free(q);
}

/* The body comes to what the path says. False: it says something else, or is none, and the request was
 * answered. */
static bool add_body(struct room_request *q) {
    json_t *body = hub_rest_body(q->req), *v, *given;
    const char *name;
    bool ok = body;
    json_object_foreach(q->args, name, v) {
        given = json_object_get(body, name);
        if (!ok || !given || json_equal(given, v)) continue;
        ok = hub_rest_bad_parameter(q->req, hub_cstr(name), "the body names another one than the path");
    }
    if (ok) json_object_update_missing(q->args, body);
    json_decref(body);
    return ok;
}

static bool is_gone(void *arg) { return hub_http_gone(((const struct room_request *)arg)->req); }

/* A body is made a tree, which is many times as large, only when it is known who sends it. */
static void on_room_user(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct room_request *q = arg;
    if (code)
        hub_rest_fail_code(q->req, code, reason, hub_str(NULL, 0));
    else
        hub_http_vouch(q->req);
    if (code || (strcmp(q->command->rest.method, "GET") && !add_body(q))) {
        json_decref(q->args);
        free(q);
        return;
    }
    json_t *args = q->args;
    q->args = has_pages(q->command) ? json_incref(args) : NULL;
    hub_engine_request(
        q->hub, q->command,
        &(struct hub_request){
            .who = who, .address = hub_http_peer(q->req), .args = args, .reply = on_reply, .gone = is_gone, .arg = q});
}

static void run_route(struct hub_rest *r, struct hub_http_req *req, struct hub_hub *hub,
                      const struct hub_command *command, const struct hub_rest_path *path) {
    json_t *args = json_object();
    matches_route(command, path, args);
    if (!add_query(req, command, args)) {
        json_decref(args);
        return;
    }
    struct room_request *q = hub_xmalloc(sizeof *q);
    *q = (struct room_request){req, hub, command, args};
    hub_rest_identify(r, req, on_room_user, q);
}

/* GET /{hub}: public, but only to those the service admits. */
static void on_describe(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct room_request *q = arg;
    struct hub_buf b = {0};
    (void)who;
    if (code) {
        hub_rest_fail_code(q->req, code, reason, hub_str(NULL, 0));
    } else if (hub_hub_gone(q->hub)) {
        hub_rest_fail_code(q->req, HUB_NOT_FOUND, "there is no such hub any more", hub_str(NULL, 0));
    } else {
        hub_engine_describe(q->hub, &b);
        hub_rest_ok(q->req, 200, "hub", hub_buf_str(&b), hub_str(NULL, 0));
    }
    hub_buf_free(&b);
    free(q);
}

static void describe_hub(struct hub_rest *r, struct hub_http_req *req, struct hub_hub *hub) {
    if (hub_http_method(req) != HUB_HTTP_GET && hub_http_method(req) != HUB_HTTP_HEAD) {
        hub_rest_fail_method(req, "GET, HEAD");
        return;
    }
    if (!hub_rest_no_query(req)) return;
    struct room_request *q = hub_xmalloc(sizeof *q);
    *q = (struct room_request){.req = req, .hub = hub};
    hub_rest_identify(r, req, on_describe, q);
}

static void fail_path(const struct hub_rest *r, const struct hub_hub *hub, struct hub_http_req *req,
                      const struct hub_rest_path *path) {
    struct hub_buf allowed = {0};
    add_allowed(r, hub, path, &allowed);
    if (allowed.n)
        hub_rest_fail_method(req, hub_buf_cstr(&allowed));
    else
        hub_rest_fail_code(req, HUB_NOT_FOUND, "there is no such path below this hub", hub_str(NULL, 0));
    hub_buf_free(&allowed);
}

static void handle_hub(struct hub_rest *r, struct hub_http_req *req, struct hub_hub *hub,
                       const struct hub_rest_path *path) {
    const struct hub_command *command = route_of(r, hub, req, path);
    if (path->n == 1)
        describe_hub(r, req, hub);
    else if (command)
        run_route(r, req, hub, command, path);
    else
        fail_path(r, hub, req, path);
}

/* ---- POST /bus/{topic}: a record put on the bus by hand, where anybody may be anybody anyway ---- */

static void on_published(void *arg, enum hub_code code, const char *error) {
    struct hub_http_req *req = arg;
    if (code)
        hub_rest_fail_code(req, code, error, hub_str(NULL, 0));
    else
        hub_rest_ok(req, 202, NULL, hub_str(NULL, 0), hub_str(NULL, 0));
}

static bool are_texts(const json_t *object) {
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, name, v) {
        if (!json_is_string(v)) return false;
    }
    return json_is_object(object);
}

/* ?key=K&headers={"name":"value"} */
static HUB_MUST json_t *headers_of(struct hub_http_req *req, const json_t *query) {
    const json_t *text = json_object_get(query, "headers");
    json_t *headers = text ? hub_json_parse(hub_json_str(text), NULL) : json_object();
    if (are_texts(headers)) return headers;
    hub_rest_fail_code(req, HUB_BAD_REQUEST, "headers: expected a JSON object of texts", hub_str(NULL, 0));
    json_decref(headers);
    return NULL;
}

static void publish_event(struct hub_rest *r, struct hub_http_req *req, const struct hub_rest_path *path) {
    if (hub_http_method(req) != HUB_HTTP_POST) {
        hub_rest_fail_method(req, "POST");
        return;
    }
    if (!hub_str_is_topic(path->segments[1])) {
        hub_rest_fail_code(req, HUB_BAD_REQUEST, "topic: expected " HUB_TOPIC_EXPECTED, hub_str(NULL, 0));
        return;
    }
    json_t *query = hub_rest_query(req), *headers = NULL, *record = NULL;
    if (query && are_known(req, query, "key headers")) headers = headers_of(req, query);
    if (headers && (record = hub_rest_body(req)))
        hub_engine_publish(r->engine, path->segments[1], hub_json_get_str(query, "key"),
                           json_object_size(headers) ? headers : NULL, record, on_published, req);
    json_decref(record);
    json_decref(headers);
    json_decref(query);
}

/* ---- large bodies: who sends it is asked before it is read, and again once it is there ---- */

static void on_admitted(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct hub_http_req *req = arg;
    (void)who;
    if (code)
        hub_rest_fail_code(req, code, reason, hub_str(NULL, 0));
    else
        hub_http_vouch(req);
}

void hub_rest_admit(struct hub_rest *r, struct hub_http_req *req) { hub_rest_identify(r, req, on_admitted, req); }

bool hub_rest_handle(struct hub_rest *r, struct hub_http_req *req) {
    struct hub_rest_path path;
    bool ours = hub_rest_path_parse(&path, hub_http_path(req)) && path.n;
    struct hub_hub *hub = ours ? hub_engine_hub(r->engine, path.segments[0]) : NULL;
    if (ours && hub_str_is(path.segments[0], "objects"))
        hub_rest_objects(r, req, &path);
    else if (ours && hub_str_is(path.segments[0], "channels"))
        hub_rest_channels(r, req, &path);
    else if (ours && hub_str_is(path.segments[0], "records"))
        hub_rest_records(r, req, &path);
    else if (ours && r->service->dev && path.n == 2 && hub_str_is(path.segments[0], "bus"))
        publish_event(r, req, &path);
    else if (hub)
        handle_hub(r, req, hub, &path);
    else
        ours = ours && hub_rest_document(r, req, &path);
    if (path.broken)
        hub_rest_fail_code(req, HUB_BAD_REQUEST, "the path has a % that is not followed by two hexadecimal digits",
                           hub_str(NULL, 0));
    hub_buf_free(&path.text);
    return ours || path.broken;
}
