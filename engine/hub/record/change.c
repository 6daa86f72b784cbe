/* Changes: locks in the order of ids, each operation computed and judged, all of them committed at once,
 * told. */
#include <stdlib.h>

#include "hub/record/record_int.h"

#define TRIES_MAX 3    /* all guards are asked again when rights or definitions have changed meanwhile */
#define ROUNDS_MAX 100 /* a row is read again, and its change made anew, when somebody else has changed it meanwhile */

/* One operation on its record. */
struct operation {
    struct change *change;
    struct hub_record_lock lock;
    struct hub_guard_ask ask;
    struct hub_record *record; /* reference */
    json_t *op;                /* borrowed: in change->ops */
    json_t *value;             /* what it makes of the record; NULL: nothing is left, or it only checks */
    bool changes;
    struct hub_err fault; /* what is wrong with it, for those who may read the record */
    bool stale;           /* it is its version */
};

struct change {
    struct hub_hold hold;
    struct hub_hub *hub;
    struct hub_call *call; /* NULL: a script's */
    struct hub_grant_change by;
    json_t *ops;
    struct operation *items;
    size_t n, locked, at;      /* AT: the one being worked on */
    const struct hub_def *def; /* by which the first one was judged, */
    struct hub_identity *who;  /* and for whom: a reference */
    unsigned tries, rounds;
    struct operation **sorted;
    size_t promised; /* of room for hooks behind it */
    struct hub_record_commit commit;
    struct hub_record_with *with; /* of a transaction, or NULL */
    bool told;                    /* that nobody knows what has become of it */
    hub_record_changed *done;
    void *arg;
};

static struct hub_metric changes_total =
    HUB_METRIC(HUB_COUNTER, "hubd_record_changes_total", NULL, "Changes of records that were committed");

static void free_change(struct change *c) {
    hub_record_hooks_keep(hub_records_of(c->hub->engine), c->promised);
    for (size_t i = 0; i < c->n; i++) {
        if (c->items[i].record) hub_record_unref(c->items[i].record);
        json_decref(c->items[i].value);
    }
    hub_identity_unref(c->who);
    hub_grant_end_change(&c->by);
    c->hub->kept--;
    hub_unhold(&c->hold);
    free(c->commit.items);
    json_decref(c->commit.row_value);
    json_decref(c->ops);
    free(c->sorted);
    free(c->items);
    free(c);
}

static void unlock_all(struct change *c) {
    while (c->locked) hub_record_unlock(&c->sorted[--c->locked]->lock);
}

static void fail_change(struct change *c, const struct hub_err *err, json_t *data) {
    unlock_all(c);
    c->done(c->arg, err, NULL, data);
    free_change(c);
}

static void refuse_change(struct change *c, enum hub_code code, const char *text) {
    struct hub_err err;
    hub_err_set(&err, code, text ? "%s" : NULL, text);
    fail_change(c, &err, NULL);
}

/* ---- the end ---- */

static HUB_MUST json_t *result_of(const struct operation *o) {
    return json_pack("{s:I, s:b}", "version", (json_int_t)o->record->version, "changed", o->changes);
}

static void tell_change(struct operation *o) {
    struct hub_record *r = o->record;
    json_t *was = json_incref(r->value);
    hub_record_put(r, json_incref(o->value), r->version + 1);
    hub_metric_add(&changes_total, 1);
    hub_record_changed_from(r, was, o->change->by.grant);
    json_decref(was);
}

static void finish_change(struct change *c) {
    json_t *results = json_array();
    struct hub_err ok = {.code = HUB_OK};
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].changes) tell_change(&c->items[i]);
    for (size_t i = 0; i < c->n; i++) json_array_append_new(results, result_of(&c->items[i]));
    unlock_all(c);
    c->done(c->arg, &ok, results, NULL);
    json_decref(results);
    free_change(c);
}

/* What a row has become may be more than was asked for, or nothing new. */
static void take_committed(struct change *c) {
    const struct hub_record_next *next = c->commit.items;
    for (size_t i = 0; next->record->row && i < c->n; i++) {
        struct operation *o = &c->items[i];
        if (!o->changes) continue;
        json_decref(o->value);
        o->value = json_incref(next->value);
        o->changes = !o->value || !o->record->value || !hub_json_equal(o->value, o->record->value);
    }
}

static HUB_MUST json_t *conflict_data(const struct hub_record *r) {
    return json_pack("{s:s, s:I}", "recordId", r->id, "version", (json_int_t)r->version);
}

static void lock_next(struct change *c);

/* What it was made for is no longer there: once more by what is, behind those who have waited meanwhile. */
static void begin_again(struct change *c) {
    hub_record_hooks_keep(hub_records_of(c->hub->engine), c->promised);
    c->promised = 0;
    free(c->commit.items);
    json_decref(c->commit.row_value);
    c->commit = (struct hub_record_commit){0};
    unlock_all(c);
    lock_next(c);
}

static void fail_stale(struct change *c) {
    struct hub_err err;
    json_t *data = conflict_data(c->commit.items[0].record);
    hub_err_set(&err, HUB_VERSION_CONFLICT, NULL);
    fail_change(c, &err, data);
    json_decref(data);
}

/* Nobody knows whether it was carried out: what is in memory is read anew by whoever comes next. */
static void doubt_all(struct change *c) {
    for (size_t i = 0; i < c->commit.n; i++) hub_record_doubt(c->commit.items[i].record);
}

static void on_change_undecided(struct hub_record_commit *commit) {
    struct change *c = HUB_CONTAINER(commit, struct change, commit);
    struct hub_err err;
    hub_err_set(&err, HUB_STORE_UNDECIDED, NULL);
    c->told = true;
    doubt_all(c);
    unlock_all(c);
    c->done(c->arg, &err, NULL, NULL);
}

/* At last; others may have gone on with the records since. */
static void end_undecided(struct change *c, enum hub_code code) {
    if (!code) doubt_all(c);
    c->with->decided(c->with, code);
    free_change(c);
}

static void on_committed(struct hub_record_commit *commit, enum hub_code code, const char *error) {
    struct change *c = HUB_CONTAINER(commit, struct change, commit);
    struct hub_record_with *with = c->with;
    if (c->told) {
        end_undecided(c, code);
        return;
    }
    if (!code) {
        if (commit->n == 1) take_committed(c);
        finish_change(c);
        return;
    }
    if (code == HUB_VERSION_CONFLICT) {
        if (++c->rounds < ROUNDS_MAX)
            begin_again(c);
        else
            fail_stale(c);
        return;
    }
    if (code == HUB_STORE_UNDECIDED) doubt_all(c);
    refuse_change(c, code, code == HUB_INVALID_CONTENT ? error : hub_store_words(code, error));
    if (code == HUB_STORE_UNDECIDED && with) with->decided(with, code);
}

/* A change is refused where its hook could not wait for its turn: none of them is left out. */
static enum hub_code promise_hooks(struct change *c, struct hub_err *err) {
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) n += c->items[i].changes && hub_record_is_watched(c->items[i].record);
    enum hub_code code = hub_record_hooks_promise(hub_records_of(c->hub->engine), n, err);
    if (!code) c->promised = n;
    return code;
}

/* What is in memory is not read any more until it is known what has become of it. */
static void begin_commit(struct change *c) {
    for (size_t i = 0; i < c->n; i++) c->items[i].lock.use = HUB_RECORD_ALONE;
    hub_record_commit(&c->commit);
}

static void commit_change(struct change *c) {
    struct hub_err err;
    struct hub_record_commit *commit = &c->commit;
    *commit = (struct hub_record_commit){.all = hub_records_of(c->hub->engine), .done = on_committed};
    commit->with = c->with ? c->with->first : NULL;
    commit->undecided = c->with ? on_change_undecided : NULL;
    commit->items = hub_xcalloc(c->n, sizeof *commit->items);
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].changes)
            commit->items[commit->n++] = (struct hub_record_next){c->items[i].record, c->items[i].value};
    if (!commit->n && !commit->with)
        finish_change(c);
    else if (promise_hooks(c, &err))
        fail_change(c, &err, NULL);
    else
        begin_commit(c);
}

/* ---- what an operation makes of its record ---- */

static enum hub_code make_value(struct operation *o, const struct hub_def_record *def, struct hub_err *err) {
    const struct hub_record_making m = {.op = o->op,
                                        .was = o->record->value,
                                        .id = o->record->id,
                                        .def = o->change->hub->def,
                                        .window = def,
                                        .row = hub_record_home_of(o->record) == HUB_RECORD_ROW ? o->record : NULL};
    json_decref(o->value);
    enum hub_code code = hub_record_make(&m, &o->value, err);
    o->changes = o->value && o->record->value ? !json_equal(o->record->value, o->value) : o->value != o->record->value;
    return code;
}

/* DEF may be NULL. */
static enum hub_code prepare_operation(struct operation *o, const struct hub_def_record *def) {
    o->fault.code = HUB_OK;
    o->stale = !hub_record_version_fits(o->op, o->record->version);
    if (!o->stale) return make_value(o, def, &o->fault);
    return hub_fail(&o->fault, HUB_VERSION_CONFLICT, "the record \"%s\" has version %lld", o->record->id,
                    (long long)o->record->version);
}

static void refuse_operation(const struct operation *o) {
    json_t *data = o->stale ? conflict_data(o->record) : NULL;
    fail_change(o->change, &o->fault, data);
    json_decref(data);
}

/* ---- whether it may ---- */

/* Whether the fault says something about what is there, which not everybody may know who may write. */
static bool fault_tells(const struct operation *o) {
    struct hub_str strategy = hub_json_get_str(o->op, "strategy");
    return o->stale || hub_record_op_is(o->op, "patch") || (strategy.n && !hub_str_is(strategy, "replace"));
}

/* Who may read checks a version, and is told what is wrong; canWrite decides about what would be done. */
static enum hub_code find_writer(struct hub_guard_ask *ask) {
    struct operation *o = HUB_CONTAINER(ask, struct operation, ask);
    const struct hub_def_record *w;
    enum hub_code code = hub_record_window(ask->def, hub_cstr(ask->name), &w, &ask->params, &ask->err);
    if (code) return code;
    code = prepare_operation(o, w);
    if (code && !fault_tells(o)) {
        ask->err = o->fault;
        return code;
    }
    bool reads = code || hub_record_op_is(o->op, "check");
    ask->script = reads ? &w->can_read : &w->can_write;
    ask->open = reads && !w->data_object;
    ask->more[0] = (struct hub_hook_arg){"value", reads ? o->record->value : o->value};
    ask->more[1] = (struct hub_hook_arg){"was", o->record->value};
    ask->more_n = reads ? 1 : 2;
    return HUB_OK;
}

static const struct hub_guard writing = {
    .variable = "recordId", .refusal = "you may not do that with that record", .changes = true, .find = find_writer};

static void judge_next(struct change *c);

static void on_judged(struct hub_guard_ask *ask, enum hub_code code) {
    struct operation *o = HUB_CONTAINER(ask, struct operation, ask);
    struct change *c = o->change;
    if (code) {
        fail_change(c, &ask->err, NULL);
    } else if (o->fault.code) {
        refuse_operation(o);
    } else {
        c->at++;
        judge_next(c);
    }
}

/* Its hub's window says what fields there are, if it has one. */
static void prepare_unasked(struct operation *o) {
    struct change *c = o->change;
    const struct hub_def_record *w;
    struct hub_err err;
    HUB_UNUSED(hub_record_window(c->hub->def, hub_cstr(o->record->id), &w, NULL, &err), "there may be none");
    if (prepare_operation(o, w)) {
        refuse_operation(o);
    } else {
        c->at++;
        judge_next(c);
    }
}

static struct hub_identity *writer_of(const struct change *c) {
    return c->call->conn ? c->call->conn->identity : c->call->who;
}

static void begin_judging(struct change *c) {
    c->at = 0;
    c->def = c->hub->def;
    if (c->call) {
        hub_identity_unref(c->who);
        c->who = hub_identity_ref(writer_of(c));
    }
    judge_next(c);
}

/* All of them together: what was allowed first must still be when the last one is. */
static void end_judging(struct change *c) {
    if (!c->call || (c->def == c->hub->def && c->who == writer_of(c)))
        commit_change(c);
    else if (++c->tries < TRIES_MAX)
        begin_judging(c);
    else
        refuse_change(c, HUB_OVERLOADED, "rights change faster than they can be looked at");
}

static void judge_next(struct change *c) {
    struct operation *o = &c->items[c->at];
    if (c->at == c->n) {
        end_judging(c);
    } else if (c->call) {
        o->ask = (struct hub_guard_ask){.guard = &writing, .done = on_judged};
        hub_guard_ask(&o->ask, c->hub, c->call->conn, writer_of(c), hub_cstr(o->record->id));
    } else {
        prepare_unasked(o);
    }
}

/* ---- locks ---- */

static void on_locked(struct hub_record_lock *lock, enum hub_code code) {
    struct operation *o = HUB_CONTAINER(lock, struct operation, lock);
    struct change *c = o->change;
    c->locked++;
    if (code)
        refuse_change(c, code, NULL);
    else
        lock_next(c);
}

static void lock_next(struct change *c) {
    if (c->locked == c->n)
        begin_judging(c);
    else
        hub_record_lock(&c->sorted[c->locked]->lock, c->sorted[c->locked]->record, HUB_RECORD_JUDGING, on_locked);
}

static int compare_ids(const void *a, const void *b) {
    return strcmp((*(struct operation *const *)a)->record->id, (*(struct operation *const *)b)->record->id);
}

static enum hub_code take_record(struct change *c, size_t i, struct hub_err *err) {
    struct operation *o = &c->items[i];
    struct hub_str id = hub_json_get_str(o->op, "recordId");
    const struct hub_def_record *w;
    enum hub_code code = hub_record_window(c->hub->def, id, &w, NULL, err);
    if (code && (c->call || code != HUB_NOT_FOUND)) return code; /* scripts need no window */
    o->record = hub_record_get(hub_records_of(c->hub->engine), id, c->hub->def->limits.records);
    return o->record ? HUB_OK : hub_fail(err, HUB_TOO_MANY, "limits.records: too many records are in use");
}

static enum hub_code refuse_twice(const struct change *c, struct hub_err *err) {
    for (size_t i = 1; i < c->n; i++)
        if (c->sorted[i]->record == c->sorted[i - 1]->record)
            return hub_fail(err, HUB_BAD_REQUEST, "operations: \"%s\" is there twice", c->sorted[i]->record->id);
    return HUB_OK;
}

static HUB_MUST struct change *change_new(struct hub_hub *hub, json_t *ops, hub_record_changed *done, void *arg) {
    struct change *c = hub_xcalloc(1, sizeof *c);
    *c = (struct change){.hub = hub, .ops = ops, .n = json_array_size(ops), .done = done, .arg = arg};
    c->items = hub_xcalloc(c->n, sizeof *c->items);
    c->sorted = hub_xcalloc(c->n, sizeof(struct operation *));
    hub_hold(&hub->engine->holds, &c->hold, "record change");
    hub_grant_begin_change(NULL, &c->by);
    hub->kept++; /* a script may ask for it, and its client be gone before the store answers */
    for (size_t i = 0; i < c->n; i++) {
        c->items[i] = (struct operation){.change = c, .op = json_array_get(ops, i)};
        c->sorted[i] = &c->items[i];
    }
    return c;
}

static void begin_change(struct change *c) {
    struct hub_err err;
    enum hub_code code = HUB_OK;
    if (!c->hub->engine->config.tables->record)
        code = hub_fail(&err, HUB_FEATURE_DISABLED, "no hub or namespace of the service declares records");
    for (size_t i = 0; !code && i < c->n; i++) code = take_record(c, i, &err);
    if (!code) qsort(c->sorted, c->n, sizeof(struct operation *), compare_ids);
    if (!code) code = refuse_twice(c, &err);
    if (code)
        fail_change(c, &err, NULL);
    else
        lock_next(c);
}

void hub_record_change(struct hub_hub *hub, struct hub_call *call, json_t *ops, hub_record_changed *done, void *arg) {
    struct change *c = change_new(hub, ops, done, arg);
    c->call = call;
    begin_change(c);
}

static void begin_change_by(struct change *c, const struct hub_host_call *script) {
    const struct hub_caller *caller = script->caller;
    if (caller) hub_grant_begin_change(caller->grant, &c->by);
    begin_change(c);
}

void hub_record_change_by(const struct hub_host_call *script, struct hub_hub *hub, json_t *ops,
                          hub_record_changed *done, void *arg) {
    begin_change_by(change_new(hub, ops, done, arg), script);
}

static void on_changed_with(void *arg, const struct hub_err *err, json_t *results, json_t *data) {
    struct hub_record_with *with = arg;
    (void)results;
    with->done(with, err, data);
}

void hub_record_change_with(const struct hub_host_call *script, struct hub_hub *hub, json_t *ops,
                            struct hub_record_with *with) {
    struct change *c = change_new(hub, ops, on_changed_with, with);
    c->with = with;
    begin_change_by(c, script);
}
