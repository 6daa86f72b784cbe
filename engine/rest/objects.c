/* /objects/{name}[/{id}]: DataObject CRUD for the roles that the object's api names. */
#include <stdlib.h>

#include "base/mem.h"
#include "hub/objects.h"
#include "rest/rest_int.h"

enum action { LIST, FIND, CREATE, UPDATE, DELETE };

struct request {
    struct hub_rest *rest;
    struct hub_http_req *req;
    const struct hub_table *table;
    const struct hub_strs *roles;
    enum action action;
    json_t *id, *body;
};

static void end(struct request *q) {
    json_decref(q->id);
    json_decref(q->body);
    free(q);
}

static void fail(struct request *q, enum hub_code code, const char *text) {
    hub_rest_fail_code(q->req, code, text, hub_str(NULL, 0));
    end(q);
}

static void on_done(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct request *q = arg;
    struct hub_buf fields = {0};
    if (code) {
        fail(q, code, error && error[0] ? error : NULL);
        return;
    }
    const char *name = q->action == LIST ? "rows" : "row";
    hub_buf_addf(&fields, "\"%s\":", name);
    hub_json_add(&fields, result);
    hub_rest_ok(q->req, q->action == CREATE ? 201 : 200, name, hub_buf_str(&fields), hub_str(NULL, 0));
    hub_buf_free(&fields);
    end(q);
}

/* ?property=value are conditions; limit, offset, orderBy are options. */
static void list(struct request *q) {
    struct hub_buf v = {0};
    json_t *where = json_object(), *options = json_object();
    for (size_t i = 0; i < q->table->column_n; i++) {
        hub_buf_clear(&v);
        if (hub_query_get(hub_http_query(q->req), q->table->columns[i].property, &v))
            hub_json_set_str(where, q->table->columns[i].property, hub_buf_str(&v));
    }
    for (int i = 0; i < 3; i++) {
        static const char *const keys[] = {"limit", "offset", "orderBy"};
        int64_t n;
        hub_buf_clear(&v);
        if (!hub_query_get(hub_http_query(q->req), keys[i], &v)) continue;
        if (hub_str_i64(hub_buf_str(&v), &n))
            json_object_set_new(options, keys[i], json_integer(n));
        else
            hub_json_set_str(options, keys[i], hub_buf_str(&v));
    }
    hub_object_list(q->rest->engine, q->table, where, options, on_done, q);
    json_decref(where);
    json_decref(options);
    hub_buf_free(&v);
}

static void on_identified(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    struct request *q = arg;
    struct hub_engine *e = q->rest->engine;
    if (code) {
        fail(q, code, reason);
        return;
    }
    if (!hub_session_has_role(who->session, q->roles)) {
        fail(q, HUB_NOT_ALLOWED, "your role may not do this with that object");
        return;
    }
    switch (q->action) {
    case LIST: list(q); break;
    case FIND: hub_object_find(e, q->table, q->id, on_done, q); break;
    case CREATE: hub_object_create(e, q->table, q->body, on_done, q); break;
    case UPDATE: hub_object_update(e, q->table, q->id, q->body, on_done, q); break;
    case DELETE: hub_object_delete(e, q->table, q->id, on_done, q); break;
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
        hub_rest_fail(req, HUB_NOT_ALLOWED, 405, "this path does not take that method", hub_str(NULL, 0), "");
        return;
    }
    const struct hub_strs *const roles[] = {&o->api_read, &o->api_read, &o->api_create, &o->api_update, &o->api_delete};
    json_t *body = action == CREATE || action == UPDATE ? hub_rest_body(req) : NULL;
    if ((action == CREATE || action == UPDATE) && !body) return;
    struct request *q = hub_xmalloc(sizeof *q);
    *q = (struct request){r, req, hub_tables_find(r->tables, hub_cstr(o->name)), roles[action], action, NULL, body};
    if (path->n == 3) q->id = hub_json_string(path->segments[2]);
    hub_rest_identify(r, req, on_identified, q);
}
