/* hub:readRecord: one record as it is now, for those who may follow it. */
#include <stdlib.h>

#include "hub/record/follow/follow.h"
#include "hub/record/record_int.h"

#define STARTS_MAX 3 /* times that definitions, rights or the record changed before the answer */

struct reading {
    struct hub_guard_ask ask;
    struct hub_call *call;
    struct hub_record *record; /* reference, or NULL */
    struct hub_record_lock lock;
    const struct hub_def *def; /* by which it was judged, */
    struct hub_identity *who;  /* and for whom: a reference, or NULL */
    unsigned starts;
    struct hub_record_shown shown;
};

static struct hub_identity *reader_of(const struct hub_call *call) {
    return call->conn ? call->conn->identity : call->who;
}

static void end_reading(struct reading *g) {
    if (g->record) hub_record_unref(g->record);
    hub_identity_unref(g->who);
    json_decref(g->shown.value);
    free(g);
}

static void refuse_reading(struct reading *g, const struct hub_err *err) {
    hub_call_fail_with(g->call, err, hub_str(NULL, 0));
    end_reading(g);
}

static void answer_reading(const struct reading *g) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"recordId\":");
    hub_json_add_string(&b, hub_cstr(g->record->id));
    hub_buf_addf(&b, ",\"version\":%lld,\"record\":", (long long)g->shown.version);
    hub_json_add(&b, g->shown.value);
    hub_call_ok(g->call, "record", hub_buf_str(&b));
    hub_buf_free(&b);
}

static void ask_to_read(struct reading *g);

static void on_read_locked(struct hub_record_lock *lock, enum hub_code code) {
    struct reading *g = HUB_CONTAINER(lock, struct reading, lock);
    struct hub_err err = {.code = HUB_OK};
    bool again = !code && (g->def != g->call->hub->def || g->who != reader_of(g->call) ||
                           !hub_record_show_now(&g->shown, g->record));
    if (again && ++g->starts == STARTS_MAX)
        code = hub_fail(&err, HUB_OVERLOADED, "it, or rights to it, change faster than they can be looked at");
    else if (code)
        hub_err_set(&err, code, NULL);
    else if (!again && !g->shown.value)
        code = hub_fail(&err, HUB_NOT_FOUND, "there is no record \"%s\"", g->record->id);
    else if (!again)
        answer_reading(g);
    hub_record_unlock(lock);
    if (code)
        refuse_reading(g, &err);
    else if (again)
        ask_to_read(g);
    else
        end_reading(g);
}

static void on_reader_judged(struct hub_guard_ask *ask, enum hub_code code) {
    struct reading *g = HUB_CONTAINER(ask, struct reading, ask);
    struct hub_hub *hub = g->call->hub;
    if (!code && !g->record) {
        g->record = hub_record_get(hub_records_of(hub->engine), hub_cstr(ask->name), hub->def->limits.records);
        if (!g->record) code = hub_fail(&ask->err, HUB_TOO_MANY, "limits.records: too many records are in use");
    }
    if (!code) hub_record_show_judged(&g->shown, ask);
    g->def = ask->def;
    hub_identity_unref(g->who);
    g->who = hub_identity_ref(ask->who);
    if (code)
        refuse_reading(g, &ask->err);
    else
        hub_record_lock(&g->lock, g->record, HUB_RECORD_ALONE, on_read_locked);
}

static void ask_to_read(struct reading *g) {
    struct hub_call *call = g->call;
    g->ask = (struct hub_guard_ask){.guard = &hub_record_read_guard, .done = on_reader_judged};
    hub_guard_ask(&g->ask, call->hub, call->conn, reader_of(call), hub_call_str(call, "recordId"));
}

void hub_record_show(struct hub_call *call) {
    struct reading *g = hub_xcalloc(1, sizeof *g);
    g->call = call;
    ask_to_read(g);
}
