/* The part: events of clients, functions of scripts. */
#include "hub/record/record.h"

#include <stdlib.h>

#include "hub/record/follow/follow.h"
#include "hub/record/host/host.h"
#include "hub/record/record_int.h"

/* ---- changes by clients ---- */

static void answer_change(struct hub_call *call, const struct hub_err *err, const struct hub_buf *fields) {
    if (err->code)
        hub_call_fail_with(call, err, fields->n ? hub_str(fields->p, fields->n) : hub_str(NULL, 0));
    else
        hub_call_ok(call, "version", hub_str(fields->p, fields->n));
}

/* {version, changed} of the only one. */
static void on_one_changed(void *arg, const struct hub_err *err, json_t *results, json_t *data) {
    struct hub_buf fields = {0};
    const json_t *one = json_array_get(results, 0);
    if (data) hub_buf_addz(&fields, "\"data\":"), hub_json_add(&fields, data);
    if (one)
        hub_buf_addf(&fields, "\"version\":%lld,\"changed\":%s",
                     (long long)json_integer_value(json_object_get(one, "version")),
                     json_is_true(json_object_get(one, "changed")) ? "true" : "false");
    answer_change(arg, err, &fields);
    hub_buf_free(&fields);
}

static void on_all_changed(void *arg, const struct hub_err *err, json_t *results, json_t *data) {
    struct hub_buf fields = {0};
    if (data) hub_buf_addz(&fields, "\"data\":"), hub_json_add(&fields, data);
    if (results) hub_buf_addz(&fields, "\"results\":"), hub_json_add(&fields, results);
    answer_change(arg, err, &fields);
    hub_buf_free(&fields);
}

static HUB_MUST json_t *one_op(const char *op, const json_t *args) {
    json_t *o = json_copy((json_t *)(uintptr_t)args);
    json_object_set_new(o, "op", json_string(op));
    return json_pack("[o]", o);
}

static void write_record(struct hub_call *call) {
    hub_record_change(call->hub, call, one_op("write", call->args), on_one_changed, call);
}
static void patch_record(struct hub_call *call) {
    hub_record_change(call->hub, call, one_op("patch", call->args), on_one_changed, call);
}
static void delete_record(struct hub_call *call) {
    hub_record_change(call->hub, call, one_op("delete", call->args), on_one_changed, call);
}

/* ---- transactions ---- */

static void run_transaction(struct hub_call *call) {
    json_t *ops = json_object_get(call->args, "operations");
    struct hub_err err;
    if (hub_record_check_ops(ops, &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        hub_record_change(call->hub, call, json_incref(ops), on_all_changed, call);
}

/* ---- gates ---- */

static enum hub_code check_strategy_of(struct hub_call *call, struct hub_err *err) {
    return hub_record_check_strategy(call->args, err);
}
static const struct hub_gate gate_strategy = {.name = "strategy",
                                              .help = "The strategy is replace, merge or deepMerge.",
                                              .check = check_strategy_of,
                                              .codes = {HUB_BAD_REQUEST}};

static enum hub_code check_mode(struct hub_call *call, struct hub_err *err) {
    struct hub_str mode = hub_call_str(call, "mode");
    if (!mode.n || hub_str_among(mode, "full patch")) return HUB_OK;
    return hub_fail(err, HUB_BAD_REQUEST, "mode: expected full or patch");
}
static const struct hub_gate gate_mode = {
    .name = "mode", .help = "The mode is full or patch.", .check = check_mode, .codes = {HUB_BAD_REQUEST}};

/* ---- the part ---- */

static bool is_declared(const struct hub_def *def) { return def->parts.record_n > 0; }
static void make_records(struct hub_engine *e) { *hub_engine_part(e, &hub_records_part) = hub_records_new(e); }
static void free_records(struct hub_engine *e) { hub_records_delete(hub_records_of(e)); }
static bool hears_of_object(const struct hub_def *def, const struct hub_def_object *o) {
    bool any = false;
    for (size_t i = 0; i < def->parts.record_n; i++) any |= def->parts.records[i].data_object == o;
    return any;
}
static void reload_records(struct hub_engine *e) { hub_records_reloaded(hub_records_of(e)); }
static void stop_records(struct hub_engine *e) { hub_records_stop(hub_records_of(e)); }
static void leave_records(struct hub_conn *c) { hub_grants_leave(c, &hub_record_following); }
static void rejudge_followers(struct hub_conn *c, struct hub_work *work) {
    hub_grants_rejudge(c, &hub_record_following, work);
}

#define RECORD_ARG \
    { "recordId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "The record." }
#define VERSION_ARG                                                                                 \
    {                                                                                               \
        "ifVersion", HUB_ARG_INT, .least = 0, .most = INT64_MAX,                                    \
                                  .help = "The version that it must have, else `version_conflict`." \
    }
static const struct hub_arg follow_args[] = {
    RECORD_ARG,
    {"mode", HUB_ARG_TEXT, .most = 16, .help = "`full` (default) or `patch`: what changes are told as.",
     .shape = "`full` or `patch`"},
    {"version", HUB_ARG_INT, .least = 0, .most = INT64_MAX,
     .help = "The version at hand: then no record is sent for it."},
    {0},
};
static const struct hub_arg record_args[] = {RECORD_ARG, {0}};
#define STRATEGY "`replace` or `merge` or `deepMerge`"
static const struct hub_arg write_args[] = {
    RECORD_ARG,
    {"value", HUB_ARG_ANY, HUB_ARG_REQUIRED, .help = "An object, list, text, number or Boolean."},
    {"strategy", HUB_ARG_TEXT, .most = 16, .help = "`replace` (default), `merge` or `deepMerge`.", .shape = STRATEGY},
    VERSION_ARG,
    {0},
};
static const struct hub_arg patch_args[] = {
    RECORD_ARG,
    {"patch", HUB_ARG_ANY, HUB_ARG_REQUIRED, .help = "A list of operations, RFC 6902.", .shape = "list of object"},
    VERSION_ARG,
    {0}};
static const struct hub_arg delete_args[] = {RECORD_ARG, VERSION_ARG, {0}};
static const struct hub_arg transaction_args[] = {
    {"operations", HUB_ARG_ANY, HUB_ARG_REQUIRED,
     .help = "1 to 100 of {op, recordId, value?, patch?, strategy?, ifVersion?}, each record once.",
     .shape =
         "list of {op: `write` or `patch` or `delete` or `check`, recordId: id, value?: any, patch?: list of object, "
         "strategy?: " STRATEGY ", ifVersion?: integer}"},
    {0},
};
static const struct hub_field follow_answer[] = {
    {"recordId", "id", .help = "The record."},
    {"version", "integer", .help = "0: there never was one."},
    {"record", "any", .help = "The value, null when there is none; absent at the version at hand.", .optional = true},
    {0},
};
static const struct hub_field read_answer[] = {
    {"record", "any", .help = "Its value."},
    {"recordId", "id", .help = "The record."},
    {"version", "integer", .help = "Its version."},
    {0},
};
static const struct hub_field change_answer[] = {
    {"version", "integer", .help = "The version afterwards."},
    {"changed", "boolean", .help = "Whether it changed anything."},
    {0},
};
static const struct hub_field transaction_answer[] = {
    {"results", "list of {version: integer, changed: boolean}", .help = "`{version, changed}` of each."}, {0}};

#define GUARD_CODES                                                                                       \
    HUB_NOT_FOUND, HUB_NOT_ALLOWED, HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_OVERLOADED, HUB_TOO_MANY, \
        HUB_STORE_UNAVAILABLE
#define CHANGE_CODES \
    { GUARD_CODES, HUB_VERSION_CONFLICT, HUB_INVALID_CONTENT, HUB_TOO_LARGE, HUB_BAD_REQUEST }
static const struct hub_command commands[] = {
    {.name = "hub:subscribeRecord",
     .help = "Follows a record from its present version on, through its deletion too.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &gate_mode, &hub_gate_reads),
     .args = follow_args,
     .answer = follow_answer,
     .codes = {GUARD_CODES},
     .run = hub_record_follow},
    {.name = "hub:unsubscribeRecord",
     .help = "Follows it no longer.",
     .gates = HUB_GATES(&hub_gate_args),
     .args = record_args,
     .run = hub_record_unfollow},
    {.name = "hub:readRecord",
     .help = "A record as it is now.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_args, &hub_gate_reads),
     .args = record_args,
     .answer = read_answer,
     .codes = {GUARD_CODES},
     .run = hub_record_show},
    {.name = "hub:writeRecord",
     .help = "Writes a record.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &gate_strategy, &hub_gate_writes),
     .args = write_args,
     .answer = change_answer,
     .codes = CHANGE_CODES,
     .run = write_record},
    {.name = "hub:patchRecord",
     .help = "Changes a record by a patch.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &hub_gate_writes),
     .args = patch_args,
     .answer = change_answer,
     .codes = CHANGE_CODES,
     .run = patch_record},
    {.name = "hub:deleteRecord",
     .help = "Deletes a record; its versions go on.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &hub_gate_writes),
     .args = delete_args,
     .answer = change_answer,
     .codes = CHANGE_CODES,
     .run = delete_record},
    {.name = "hub:transaction",
     .help = "Changes several records, all or none.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &hub_gate_writes),
     .args = transaction_args,
     .answer = transaction_answer,
     .codes = CHANGE_CODES,
     .run = run_transaction},
    {0},
};

static const struct hub_field updated_fields[] = {
    {"recordId", "id", .help = "The record."},
    {"version", "integer", .help = "Its version."},
    {"full", "any", .help = "The value.", .optional = true},
    {"patch", "list of object", .help = "What changed, RFC 6902.", .optional = true},
    {0},
};
static const struct hub_field deleted_fields[] = {
    {"recordId", "id", .help = "The record."}, {"version", "integer", .help = "That of the deletion."}, {0}};
static const struct hub_field unsubscribed_fields[] = {
    {"recordId", "id", .help = "The record."}, {"reason", "text", .help = "An error code."}, {0}};
static const struct hub_told_event told[] = {
    {"hub:recordUpdated", "who follows it", "a record has changed", updated_fields},
    {"hub:recordDeleted", "who follows it", "a record was deleted; the subscription stays", deleted_fields},
    {"hub:unsubscribed", "the connection", "a subscription has ended: its guard, which was asked again, has refused",
     unsubscribed_fields},
    {0},
};

static void describe_records(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_parts *p = &hub->def->parts;
    json_t *all = json_array();
    for (size_t i = 0; i < p->record_n; i++) json_array_append_new(all, hub_def_pattern_json(&p->records[i].pattern));
    if (p->record_n) json_object_set(out, "records", all);
    json_decref(all);
}

const struct hub_part hub_records_part = {
    .name = "records",
    .help = "Values with an id that clients follow and write, in versions.",
    .commands = commands,
    .told = told,
    .keywords = "records",
    .slot = "recordId",
    .one_slot = true,
    .host_at[HUB_HOST_OF_SLOT] = hub_record_host,
    .plain = true,
    .of_guests = true,
    .conn_data = true,
    .engine_data = true,
    .declared = is_declared,
    .created = make_records,
    .reloaded = reload_records,
    .hears = hears_of_object,
    .row_written = hub_record_row_written,
    .row_changed = hub_record_row_changed,
    .rejudged = rejudge_followers,
    .disconnected = leave_records,
    .stopped = stop_records,
    .deleted = free_records,
    .describe = describe_records,
};
