/* /objects/{name}[/{id}]: DataObject CRUD for the roles that the object's api names. */
#include <stdio.h>
#include <stdlib.h>

#include "async/backlog.h"
#include "base/memory/mem.h"
#include "data/objects.h"
#include "hub/read_turns/read_turns.h"
#include "rest/rest_int.h"

enum action { LIST, FIND, CREATE, UPDATE, DELETE };

struct object_request {
    struct hub_rest *rest;
    struct hub_http_req *req;
    char *name;           /* of the object */
    uint32_t definitions; /* by which it was judged; OBJECT and TABLE are good as long as these are in force */
    const struct hub_table *table;
    const struct hub_def_object *object;
    enum action action;
    json_t *id, *body, *options, *where; /* the latter two of a list */
    struct hub_identity *who;            /* of a list, which may wait; reference */
    struct hub_read read;                /* its turn among the caller's */
    struct hub_result result;
    struct hub_backlog_entry waits; /* what BODY takes in the store */
};

static void end_request(struct object_request *q) {
    json_decref(q->id);
    json_decref(q->body);
    json_decref(q->options);
    json_decref(q->where);
    hub_identity_unref(q->who);
    free(q->name);
    hub_backlog_drop(&q->waits);
    hub_result_over(hub_engine_reads(q->rest->engine), &q->result);
    hub_read_over(hub_engine_reads(q->rest->engine), &q->read);
    free(q);
}

static void fail_request(struct object_request *q, enum hub_code code, const char *text) {
    bool away =
        code == HUB_STORE_UNAVAILABLE || code == HUB_STORE_UNDECIDED; /* where the store is, is nothing for clients */
    hub_rest_fail_code(q->req, code, away ? NULL : text, hub_cstr(hub_code_fields(code)));
    end_request(q);
}

/* One row more than asked for says that there are more. */
static void add_list_paging(struct object_request *q, json_t *rows, struct hub_buf *b) {
    size_t limit = (size_t)hub_json_get_int(q->options, "limit", HUB_OBJECT_LIST);
    if (limit > HUB_OBJECT_LIST_MAX) limit = HUB_OBJECT_LIST_MAX;
    bool more = json_array_size(rows) > limit;
    if (more) json_array_remove(rows, limit);
    hub_buf_addc(b, '{');
    hub_rest_add_page_json(b, q->options);
    hub_buf_addf(b, "\"hasMore\":%s}", more ? "true" : "false");
}

static void on_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct object_request *q = arg;
    struct hub_buf fields = {0}, paging = {0};
    if (code) {
        fail_request(q, code, error && error[0] ? error : NULL);
        return;
    }
    const char *name = q->action == LIST ? "rows" : "row";
    if (q->action == LIST) add_list_paging(q, result, &paging);
    hub_buf_addf(&fields, "\"%s\":", name);
    hub_json_add(&fields, result);
    hub_rest_ok(q->req, q->action == CREATE ? 201 : 200, name, hub_buf_str(&fields), hub_buf_str(&paging));
    hub_buf_free(&fields);
    hub_buf_free(&paging);
    end_request(q);
}

static bool is_option(const char *name) {
    static const char *const options[] = {"limit", "offset", "pageNumber", "pageRowCount"};
    for (size_t i = 0; i < HUB_NELEM(options); i++)
        if (!strcmp(name, options[i])) return true;
    return false;
}

/* Rows that were deleted are not listed, however the question is spelt. */
static HUB_MUST json_t *condition_of(const struct object_request *q, int column, json_t *v) {
    return column == q->table->active ? json_pack("{s:O, s:b}", "$eq", v, "$ne", 0) : json_incref(v);
}

/* One parameter of the query: a condition, an option, or nothing that there is. */
static bool take_parameter(struct object_request *q, const char *name, json_t *v, json_t *where) {
    int column = hub_table_column(q->table, hub_cstr(name));
    char text[300];
    if (is_option(name)) return true;
    if (!strcmp(name, "orderBy")) return json_object_set(q->options, name, v), true;
    if (column >= 0 && column == q->table->active && hub_str_is(hub_json_str(v), "false"))
        return hub_rest_bad_parameter(q->req, hub_cstr(name), "rows that were deleted are not listed");
    if (column >= 0) return json_object_set_new(where, name, condition_of(q, column, v)), true;
    snprintf(text, sizeof text,
             "%.64s has no such property to compare with, and the others are limit, offset, orderBy, pageNumber, "
             "pageRowCount",
             q->table->name);
    return hub_rest_bad_parameter(q->req, hub_cstr(name), text);
}

static bool take_parameters(struct object_request *q, json_t *query, json_t *where) {
    const char *name;
    json_t *v;
    json_object_foreach(query, name, v) {
        if (!take_parameter(q, name, v, where)) return false;
    }
    return hub_rest_one_page(q->req, query) && hub_rest_query_int(q->req, query, "limit", 1, INT64_MAX, q->options) &&
           hub_rest_query_int(q->req, query, "offset", 0, INT64_MAX, q->options) &&
           hub_rest_query_int(q->req, query, "pageNumber", 1, HUB_REST_PAGES, q->options) &&
           hub_rest_query_int(q->req, query, "pageRowCount", 1, HUB_REST_PAGE_MAX, q->options);
}

/* ?property=value are conditions. False: the request was answered. */
static bool take_query(struct object_request *q, json_t *where) {
    json_t *query = hub_rest_query(q->req);
    bool ok = query && take_parameters(q, query, where);
    json_decref(query);
    return ok;
}

/* ---- rights ---- */

/* "*" stands for everybody whom the service admits. */
static bool may_access(const struct hub_identity *who, const struct hub_strs *roles) {
    for (size_t i = 0; i < roles->n; i++)
        if (!strcmp(roles->items[i], "*")) return true;
    return hub_session_has_role(hub_identity_session(who), roles);
}

static const struct hub_strs *roles_for(const struct hub_def_object *o, enum action action) {
    const struct hub_strs *const roles[] = {&o->api_read, &o->api_read, &o->api_create, &o->api_update, &o->api_delete};
    return roles[action];
}

/* A row that is set inactive is deleted. */
static bool is_deletion(const struct object_request *q) {
    const struct hub_table *t = q->table;
    return q->action == UPDATE && t->active >= 0 && hub_json_get(q->body, t->columns[t->active].property);
}

/* False: the request was answered, and is gone. */
static bool has_right(struct object_request *q, const struct hub_identity *who, enum action action) {
    static const char *const verbs[] = {"read", "read", "create", "update", "delete"};
    char text[200];
    if (may_access(who, roles_for(q->object, action))) return true;
    snprintf(text, sizeof text, "your role may not %s rows of %s: its api.%s does not name it", verbs[action],
             q->table->name, verbs[action]);
    fail_request(q, HUB_NOT_ALLOWED, text);
    return false;
}

static const char no_object[] = "there is no such object";

/* Judges the request by the definitions as they are now. False: it was answered, and is gone. */
static bool judge_request(struct object_request *q, const struct hub_identity *who) {
    const struct hub_rest *r = q->rest;
    q->definitions = r->definitions;
    q->object = hub_service_object(r->service, hub_cstr(q->name));
    q->table = q->object ? hub_tables_find(r->tables, hub_cstr(q->object->name)) : NULL;
    if (!q->table) {
        fail_request(q, HUB_NOT_FOUND, no_object);
        return false;
    }
    return has_right(q, who, q->action);
}

/* ---- lists ---- */

/* What the query asks for. False: the request was answered, and is gone. */
static bool read_query(struct object_request *q) {
    json_decref(q->where);
    json_decref(q->options);
    q->where = json_object();
    q->options = json_object();
    if (!take_query(q, q->where)) {
        end_request(q);
        return false;
    }
    hub_rest_add_page(q->options);
    json_object_set_new(q->options, "probe", json_true());
    return true;
}

/* After a list has waited: for whom nobody waits any more, who is not admitted any more, and what new
 * definitions say. False: it was answered, and is gone. */
static bool still_stands(struct object_request *q) {
    enum hub_code code = hub_http_gone(q->req) ? HUB_OVERLOADED : hub_identity_fault(q->rest->identity, q->who);
    if (code) {
        fail_request(q, code, NULL);
        return false;
    }
    return q->definitions == q->rest->definitions || (judge_request(q, q->who) && read_query(q));
}

#define ROW_BYTES 2048 /* of a result, about */

static void start_list(struct hub_result *r) {
    struct object_request *q = HUB_CONTAINER(r, struct object_request, result);
    if (still_stands(q)) hub_object_list(hub_engine_data(q->rest->engine), q->table, q->where, q->options, on_done, q);
}

static void on_turn(struct hub_read *r) {
    struct object_request *q = HUB_CONTAINER(r, struct object_request, read);
    if (r->waited && !still_stands(q)) return;
    int64_t rows = hub_json_get_int(q->options, "limit", HUB_OBJECT_LIST);
    q->result.start = start_list;
    hub_result_ask(hub_engine_reads(q->rest->engine), &q->result, hub_cstr(r->reader->key),
                   ROW_BYTES * (size_t)(rows < HUB_OBJECT_LIST_MAX ? rows : HUB_OBJECT_LIST_MAX));
}

static void on_drop(struct hub_read *r) {
    fail_request(HUB_CONTAINER(r, struct object_request, read), HUB_SHUTTING_DOWN, NULL);
}

static void list_rows(struct object_request *q, struct hub_identity *who) {
    struct hub_engine *e = q->rest->engine;
    if (!read_query(q)) return;
    q->who = hub_identity_ref(who);
    q->read = (struct hub_read){.start = on_turn, .drop = on_drop};
    if (!hub_read_ask(hub_engine_reads(e), hub_engine_reader(e, who, hub_http_peer(q->req)), &q->read,
                      HUB_READS_WAITING))
        fail_request(q, HUB_OVERLOADED, "too many of your reads wait already; ask again when they are answered");
}

/* ---- requests ---- */

/* A property of the body that only hubd sets, or NULL. */
static const char *kept_column(const struct object_request *q) {
    const struct hub_table *t = q->table;
    const int kept[] = {t->created_at, t->updated_at, q->action == CREATE ? t->active : -1};
    for (size_t i = 0; i < HUB_NELEM(kept); i++)
        if (kept[i] >= 0 && hub_json_get(q->body, t->columns[kept[i]].property)) return t->columns[kept[i]].property;
    return NULL;
}

static bool takes_body(const struct object_request *q) { return q->action == CREATE || q->action == UPDATE; }

/* Once it is known who sends it, and that he may. False: the request was answered, and is gone. */
static bool take_body(struct object_request *q, const struct hub_identity *who) {
    struct hub_backlog *all = hub_engine_backlog(q->rest->engine);
    size_t bytes = hub_http_body(q->req).n;
    struct hub_err err;
    if (!(q->body = hub_rest_body(q->req))) {
        end_request(q);
        return false;
    }
    if (!hub_backlog_set(all, &q->waits, bytes, NULL)) {
        fail_request(q, hub_backlog_refuse(all, &err), err.text);
        return false;
    }
    return !is_deletion(q) || has_right(q, who, DELETE);
}

static void on_object_user(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct object_request *q = arg;
    struct hub_engine *e = q->rest->engine;
    if (code) {
        fail_request(q, code, reason);
        return;
    }
    hub_http_vouch(q->req);
    if (!judge_request(q, who)) return;
    if (q->action != LIST && !hub_rest_no_query(q->req)) {
        end_request(q);
        return;
    }
    if (takes_body(q) && !take_body(q, who)) return;
    const char *kept = q->body ? kept_column(q) : NULL;
    if (kept) {
        char text[200];
        snprintf(text, sizeof text, "\"%s\" is kept by hubd and cannot be set", kept);
        fail_request(q, HUB_INVALID_CONTENT, text);
        return;
    }
    json_t *body = q->body;
    q->body = NULL;
    switch (q->action) {
    case LIST: list_rows(q, who); break;
    case FIND: hub_object_find(hub_engine_data(e), q->table, q->id, on_done, q); break;
    case CREATE: hub_object_create(hub_engine_data(e), q->table, body, true, on_done, q); break;
    case UPDATE: hub_object_update(hub_engine_data(e), q->table, q->id, body, true, on_done, q); break;
    case DELETE: hub_object_delete(hub_engine_data(e), q->table, q->id, true, on_done, q); break;
    }
    json_decref(body); /* what is written is a copy */
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
        hub_rest_fail_code(req, HUB_NOT_FOUND, no_object, hub_str(NULL, 0));
        return;
    }
    if (!action_of(hub_http_method(req), path->n == 3, &action)) {
        hub_rest_fail_method(req, path->n == 3 ? "GET, HEAD, PATCH, DELETE" : "GET, HEAD, POST");
        return;
    }
    struct object_request *q = hub_xmalloc(sizeof *q);
    *q = (struct object_request){.rest = r, .req = req, .name = hub_xstrdup(o->name), .action = action};
    if (path->n == 3) q->id = hub_json_string(path->segments[2]);
    hub_rest_identify(r, req, on_object_user, q);
}
