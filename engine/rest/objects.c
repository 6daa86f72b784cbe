/* /objects/{name}[/{id}]: DataObject CRUD for the roles that the object's api names. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "hub/objects.h"
#include "hub/reads.h"
#include "rest/rest_int.h"

enum action { LIST, FIND, CREATE, UPDATE, DELETE };

struct request {
    struct hub_rest *rest;
    struct hub_http_req *req;
    const struct hub_table *table;
    const struct hub_strs *roles;
    enum action action;
    json_t *id, *body, *options, *where; /* the latter two of a list */
    struct hub_read read;                /* its turn among the caller's */
    struct hub_result result;
};

static void end(struct request *q) {
    json_decref(q->id);
    json_decref(q->body);
    json_decref(q->options);
    json_decref(q->where);
    hub_result_over(hub_engine_reads(q->rest->engine), &q->result);
    hub_read_over(hub_engine_reads(q->rest->engine), &q->read);
    free(q);
}

static void fail(struct request *q, enum hub_code code, const char *text) {
    bool away = code == HUB_STORE_UNAVAILABLE || code == HUB_STORE_UNDECIDED; /* where the store is, is nothing for clients */
    hub_rest_fail_code(q->req, code, away ? NULL : text, hub_cstr(hub_code_fields(code)));
    end(q);
}

/* One row more than asked for says that there are more. */
static void add_paging(struct request *q, json_t *rows, struct hub_buf *b) {
    size_t limit = (size_t)hub_json_get_int(q->options, "limit", HUB_OBJECT_LIST);
    if (limit > HUB_OBJECT_LIST_MAX) limit = HUB_OBJECT_LIST_MAX;
    bool more = json_array_size(rows) > limit;
    if (more) json_array_remove(rows, limit);
    hub_buf_addc(b, '{');
    hub_rest_add_page_json(b, q->options);
    hub_buf_addf(b, "\"hasMore\":%s}", more ? "true" : "false");
}

static void on_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct request *q = arg;
    struct hub_buf fields = {0}, paging = {0};
    if (code) {
        fail(q, code, error && error[0] ? error : NULL);
        return;
    }
    const char *name = q->action == LIST ? "rows" : "row";
    if (q->action == LIST) add_paging(q, result, &paging);
    hub_buf_addf(&fields, "\"%s\":", name);
    hub_json_add(&fields, result);
    hub_rest_ok(q->req, q->action == CREATE ? 201 : 200, name, hub_buf_str(&fields), hub_buf_str(&paging));
    hub_buf_free(&fields);
    hub_buf_free(&paging);
    end(q);
}

/* One parameter of the query: a condition, an option, or nothing that there is. */
static bool take_parameter(struct request *q, struct hub_str key, json_t *where, json_t *options) {
    static const char *const numbers[] = {"limit", "offset", "pageNumber", "pageRowCount", "access_token"};
    struct hub_buf v = {0};
    char name[64], text[300];
    for (size_t i = 0; i < HUB_NELEM(numbers); i++)
        if (hub_str_is(key, numbers[i])) return true; /* read by list */
    bool known = hub_str_is(key, "orderBy") || hub_table_column(q->table, key) >= 0;
    snprintf(name, sizeof name, "%.*s", key.n < sizeof name ? (int)key.n : (int)sizeof name - 1, key.p);
    if (known && hub_query_get(hub_http_query(q->req), name, &v))
        hub_json_set_str(hub_str_is(key, "orderBy") ? options : where, name, hub_buf_str(&v));
    hub_buf_free(&v);
    if (known) return true;
    snprintf(text, sizeof text, "%s: %s has no such property to compare with, and the others are limit, offset, orderBy, pageNumber, pageRowCount",
             name, q->table->name);
    hub_rest_fail_code(q->req, HUB_BAD_REQUEST, text, hub_str(NULL, 0));
    return false;
}

/* ?property=value are conditions. False: the request was answered. */
static bool take_query(struct request *q, json_t *where, json_t *options) {
    struct hub_str rest = hub_http_query(q->req), piece;
    while (hub_str_split(&rest, '&', &piece)) {
        struct hub_buf key = {0};
        bool ok = !piece.n ||
                  (hub_buf_add_unescaped(&key, hub_str(piece.p, hub_str_find(piece, '='))) && take_parameter(q, hub_buf_str(&key), where, options));
        hub_buf_free(&key);
        if (!ok) return false;
    }
    return hub_rest_query_int(q->req, "limit", 1, INT64_MAX, options) && hub_rest_query_int(q->req, "offset", 0, INT64_MAX, options) &&
           hub_rest_query_int(q->req, "pageNumber", 1, HUB_REST_PAGES, options) &&
           hub_rest_query_int(q->req, "pageRowCount", 1, HUB_REST_PAGE_MAX, options);
}

#define ROW_BYTES 2048 /* of a result, about */

static void start_list(struct hub_result *r) {
    struct request *q = HUB_CONTAINER(r, struct request, result);
    hub_object_list(q->rest->engine, q->table, q->where, q->options, on_done, q);
}

static void on_turn(struct hub_read *r) {
    struct request *q = HUB_CONTAINER(r, struct request, read);
    int64_t rows = hub_json_get_int(q->options, "limit", HUB_OBJECT_LIST);
    if (r->waited && hub_http_gone(q->req)) {
        fail(q, HUB_OVERLOADED, NULL); /* it waited longer than whoever asked */
        return;
    }
    q->result.start = start_list;
    hub_result_ask(hub_engine_reads(q->rest->engine), &q->result, ROW_BYTES * (size_t)(rows < HUB_OBJECT_LIST_MAX ? rows : HUB_OBJECT_LIST_MAX));
}

static void on_drop(struct hub_read *r) { fail(HUB_CONTAINER(r, struct request, read), HUB_SHUTTING_DOWN, NULL); }

static void list(struct request *q, const struct hub_identity *who) {
    struct hub_engine *e = q->rest->engine;
    q->where = json_object();
    q->options = json_object();
    if (!take_query(q, q->where, q->options)) {
        end(q);
        return;
    }
    hub_rest_add_page(q->options);
    json_object_set_new(q->options, "probe", json_true());
    q->read = (struct hub_read){.start = on_turn, .drop = on_drop};
    if (!hub_read_ask(hub_engine_reads(e), hub_engine_reader(e, who, hub_http_peer(q->req)), &q->read, HUB_READS_WAITING))
        fail(q, HUB_OVERLOADED, "too many of your reads wait already; ask again when they are answered");
}

static void on_identified(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct request *q = arg;
    struct hub_engine *e = q->rest->engine;
    if (code) {
        fail(q, code, reason);
        return;
    }
    if (!hub_session_has_role(who->session, q->roles)) {
        static const char *const verbs[] = {"read", "read", "create", "update", "delete"};
        char text[200];
        snprintf(text, sizeof text, "your role may not %s rows of %s: its api.%s does not name it", verbs[q->action], q->table->name,
                 verbs[q->action]);
        fail(q, HUB_NOT_ALLOWED, text);
        return;
    }
    switch (q->action) {
    case LIST: list(q, who); break;
    case FIND: hub_object_find(e, q->table, q->id, on_done, q); break;
    case CREATE: hub_object_create(e, q->table, q->body, true, on_done, q); break;
    case UPDATE: hub_object_update(e, q->table, q->id, q->body, true, on_done, q); break;
    case DELETE: hub_object_delete(e, q->table, q->id, true, on_done, q); break;
    }
}

static bool action_of(enum hub_http_method m, bool with_id, enum action *out) {
    if (m == HUB_HTTP_GET || m == HUB_HTTP_HEAD)
        *out = with_id ? FIND : LIST;
    else if (m == HUB_HTTP_POST && !with_id)
        *out = CREATE;
    else if (m == HUB_HTTP_PATCH && with_id)
        *out = UPDATE;
    else if (m == HUB_HTTP_DELETE && with_id)
        *out = DELETE;
    else
        return false;
    return true;
}

void hub_rest_objects(struct hub_rest *r, struct hub_http_req *req, struct hub_rest_path *path) {
    const struct hub_def_object *o = path->n > 1 ? hub_service_object(r->service, path->segments[1]) : NULL;
    enum action action;
    if (!o || path->n > 3) {
        hub_rest_fail_code(req, HUB_NOT_FOUND, "there is no such object", hub_str(NULL, 0));
        return;
    }
    if (!action_of(hub_http_method(req), path->n == 3, &action)) {
        hub_rest_fail_method(req, path->n == 3 ? "GET, HEAD, PATCH, DELETE" : "GET, HEAD, POST");
        return;
    }
    const struct hub_strs *const roles[] = {&o->api_read, &o->api_read, &o->api_create, &o->api_update, &o->api_delete};
    json_t *body = action == CREATE || action == UPDATE ? hub_rest_body(req) : NULL;
    if ((action == CREATE || action == UPDATE) && !body) return;
    struct request *q = hub_xmalloc(sizeof *q);
    *q = (struct request){
        .rest = r, .req = req, .table = hub_tables_find(r->tables, hub_cstr(o->name)), .roles = roles[action], .action = action, .body = body};
    if (path->n == 3) q->id = hub_json_string(path->segments[2]);
    hub_rest_identify(r, req, on_identified, q);
}
