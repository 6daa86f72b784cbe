/* What scripts may do with records: the table records. No guard is asked, for scripts are the server. */
#include <stdlib.h>

#include "hub/record/follow/follow.h"
#include "hub/record/host/host.h"
#include "hub/record/record_int.h"

struct hub_hub *hub_record_hub_of(struct hub_engine *e, struct hub_host_call *call) {
    const struct hub_caller *caller = call->caller;
    struct hub_hub *hub = caller ? caller->hub : e->hub_n ? e->hubs[0] : NULL;
    if (!hub) hub_host_fail(call, HUB_BAD_REQUEST, "records are reached from hooks of a hub or namespace");
    return hub;
}

/* False: it was answered. */
static bool are_declared(struct hub_engine *e, struct hub_host_call *call) {
    if (e->config.tables->record) return true;
    hub_host_fail(call, HUB_FEATURE_DISABLED, "no hub or namespace of the service declares records");
    return false;
}

/* ---- records.write, patch, delete ---- */

static void on_script_changed(void *arg, const struct hub_err *err, json_t *results, json_t *data) {
    struct hub_host_call *c = arg;
    (void)data;
    if (err->code)
        hub_host_fail(c, err->code, err->text);
    else
        c->done(c, HUB_OK, json_incref(json_array_get(results, 0)), NULL);
}

static void change_by_script(void *ctx, struct hub_host_call *c, const char *op, const char *value_key) {
    json_t *o = json_object(), *options = json_array_get(c->args, value_key ? 2 : 1);
    struct hub_err err;
    if (json_is_object(options)) json_object_update(o, options);
    json_object_set_new(o, "op", json_string(op));
    json_object_set(o, "recordId", json_array_get(c->args, 0));
    if (value_key) json_object_set(o, value_key, json_array_get(c->args, 1));
    enum hub_code code = hub_record_check_op(o, &err);
    struct hub_hub *hub = code ? NULL : hub_record_hub_of(ctx, c);
    if (code) hub_host_fail(c, code, err.text);
    if (hub) hub_record_change_by(c, hub, json_pack("[O]", o), on_script_changed, c);
    json_decref(o);
}

static void host_write(void *ctx, struct hub_host_call *c) { change_by_script(ctx, c, "write", "value"); }
static void host_patch(void *ctx, struct hub_host_call *c) { change_by_script(ctx, c, "patch", "patch"); }
static void host_delete(void *ctx, struct hub_host_call *c) { change_by_script(ctx, c, "delete", NULL); }

/* ---- records.get ---- */

struct asked {
    const char *otherwise; /* why_not_with_others */
    hub_record_got *done;
    void *arg;
};

static const char *why_not_with_others(struct hub_record *r) {
    switch (hub_record_home_of(r)) {
    case HUB_RECORD_CACHED: return "it is not persisted (persist: false), so nothing can be committed with it";
    case HUB_RECORD_ROW: return "it is a row of a DataObject, which the functions of objects change";
    case HUB_RECORD_STORED: break;
    }
    return NULL;
}

static void on_seen(void *arg, enum hub_code code, const struct hub_record *r) {
    const struct asked a = *(struct asked *)arg;
    json_t *value = code ? NULL : json_incref(r->value);
    free(arg);
    a.done(a.arg, code, code ? 0 : r->version, value, code ? NULL : a.otherwise);
    json_decref(value);
}

void hub_record_get_one(struct hub_engine *e, struct hub_str id, hub_record_got *done, void *arg) {
    struct asked *a = hub_xcalloc(1, sizeof *a);
    struct hub_record *r = hub_record_get(hub_records_of(e), id, INT64_MAX);
    *a = (struct asked){.otherwise = why_not_with_others(r), .done = done, .arg = arg};
    hub_record_see(r, on_seen, a);
}

static void on_get(void *arg, enum hub_code code, int64_t version, json_t *value, const char *otherwise) {
    struct hub_host_call *c = arg;
    json_t *id = json_array_get(c->args, 0), *shown = value ? value : json_null();
    (void)otherwise;
    if (code)
        hub_host_fail(c, code, NULL);
    else
        c->done(c, HUB_OK, json_pack("{s:O, s:I, s:O}", "recordId", id, "version", (json_int_t)version, "value", shown),
                NULL);
}

void hub_record_note_get(struct hub_engine *e, const struct hub_host_call *c, struct hub_str id) {
    const struct hub_caller *caller = c->caller;
    if (!caller || !caller->grant) return;
    struct hub_record *r = hub_record_get(hub_records_of(e), id, INT64_MAX);
    hub_record_note_reader(r, caller->grant);
    hub_record_unref(r);
}

static void host_get(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    struct hub_str id = hub_json_str(json_array_get(c->args, 0));
    if (!hub_id_ok(id))
        hub_host_fail(c, HUB_BAD_REQUEST, "records.get(id): id is " HUB_ID_EXPECTED);
    else if (are_declared(e, c)) {
        hub_record_note_get(e, c, id);
        hub_record_get_one(e, id, on_get, c);
    }
}

/* ---- records.transaction ---- */

/* The function itself is Lua (scripting/host/transaction.c), and asks for its steps by name. */

struct committing {
    struct hub_host_call *call;
    struct hub_records *all;
};

/* ("commit", operations, id, number): of whoever has a turn, that goes with the answer. */
static void end_turn_of(struct hub_records *all, json_t *args) {
    const json_t *number = json_array_get(args, 3);
    if (json_is_integer(number))
        hub_record_turn_end(all, hub_json_str(json_array_get(args, 2)), json_integer_value(number));
}

/* The answer is the record by which it ran into another one, or nil. */
static void on_transaction(void *arg, const struct hub_err *err, json_t *results, json_t *data) {
    struct committing *t = arg;
    struct hub_host_call *c = t->call;
    struct hub_records *all = t->all;
    json_t *args = json_incref(c->args), *met = json_object_get(data, "recordId");
    (void)results;
    free(t);
    if (err->code == HUB_VERSION_CONFLICT && met) /* without, nil would say that it is committed */
        c->done(c, HUB_OK, json_incref(met), NULL);
    else if (err->code)
        hub_host_fail(c, err->code, err->text);
    else
        c->done(c, HUB_OK, NULL, NULL);
    end_turn_of(all, args);
    json_decref(args);
}

static void commit_transaction(struct hub_engine *e, struct hub_host_call *c) {
    json_t *ops = json_array_get(c->args, 1);
    struct hub_err err;
    enum hub_code code = hub_record_check_ops(ops, &err);
    struct hub_hub *hub = code ? NULL : hub_record_hub_of(e, c);
    if (!hub) end_turn_of(hub_records_of(e), c->args);
    if (code) hub_host_fail(c, code, err.text);
    if (!hub) return;
    struct committing *t = hub_xcalloc(1, sizeof *t);
    *t = (struct committing){c, hub_records_of(e)};
    hub_record_change_by(c, hub, json_incref(ops), on_transaction, t);
}

enum hub_code hub_record_apply(const struct hub_hub *hub, const json_t *op, int64_t version, const json_t *was,
                               json_t **out, struct hub_err *err) {
    const struct hub_record_making m = {
        .op = op, .was = was, .id = json_string_value(json_object_get(op, "recordId")), .def = hub->def};
    *out = NULL;
    enum hub_code code = hub_record_check_op(op, err);
    if (code) return code;
    if (!hub_record_version_fits(op, version))
        return hub_fail(err, HUB_VERSION_CONFLICT, "the record \"%s\" has version %lld", m.id, (long long)version);
    code = hub_record_make(&m, out, err);
    if (!code) return HUB_OK;
    json_decref(*out);
    *out = NULL;
    return code;
}

/* ("apply", version, was, operation): the value afterwards, nil: none. */
static void apply_operation(struct hub_engine *e, struct hub_host_call *c) {
    const json_t *was = json_array_get(c->args, 2), *op = json_array_get(c->args, 3);
    struct hub_err err;
    json_t *value = NULL;
    const struct hub_hub *hub = hub_record_hub_of(e, c);
    int64_t version = json_integer_value(json_array_get(c->args, 1));
    if (!hub) return;
    enum hub_code code = hub_record_apply(hub, op, version, hub_json_nil(was) ? NULL : was, &value, &err);
    if (code)
        hub_host_fail(c, code, err.text);
    else
        c->done(c, HUB_OK, value, NULL);
}

void hub_record_turn_wanted(struct hub_engine *e, struct hub_str key, struct hub_host_call *call) {
    hub_record_turn_take(hub_records_of(e), key, call);
}

void hub_record_turn_ended(struct hub_engine *e, struct hub_str key, const json_t *number) {
    hub_record_turn_end(hub_records_of(e), key, json_integer_value(number));
}

static void host_transaction(void *ctx, struct hub_host_call *c) {
    struct hub_str step = hub_json_str(json_array_get(c->args, 0));
    struct hub_records *all = hub_records_of(ctx);
    if (hub_str_is(step, "commit")) {
        commit_transaction(ctx, c);
    } else if (hub_str_is(step, "apply")) {
        apply_operation(ctx, c);
    } else if (hub_str_is(step, "turn")) {
        hub_record_turn_take(all, hub_json_str(json_array_get(c->args, 2)), c);
    } else if (hub_str_is(step, "give up")) {
        hub_host_fail(c, HUB_VERSION_CONFLICT, "records.transaction: others were faster 100 times");
    } else { /* it begins, or has failed */
        end_turn_of(all, c->args);
        c->done(c, HUB_OK, NULL, NULL);
    }
}

const struct hub_host_fn hub_record_host[] = {
    {"records", "get", host_get},
    {"records", "write", host_write},
    {"records", "patch", host_patch},
    {"records", "delete", host_delete},
    {"records", "list", hub_record_host_list},
    {"records", "transaction", host_transaction},
    {NULL, NULL, NULL},
};
