/* authSources: records that link the user with the room, source by source; the first that matches grants its
 * role. */
#include "hub/access/access_int.h"

#define SOURCE_ROWS 100 /* records of one source that are tried against its condition */

static void try_source(struct hub_decision *d);

static void try_next_source(struct hub_decision *d) {
    json_decref(d->rows_json);
    d->rows_json = NULL;
    d->item++;
    try_source(d);
}

static void try_row(struct hub_decision *d);

static void trace_source(const struct hub_decision *d, const char *outcome, json_t *record) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->item];
    json_t *value = hub_decision_is_traced(d) ? json_pack("{s:O}", "record", record) : NULL;
    if (value && s->condition.kind) json_object_set_new(value, "condition", hub_script_shown(&s->condition));
    hub_decision_trace_part(d, s->name, outcome, value);
    json_decref(value);
}

/* What was looked for. */
static void trace_no_record(const struct hub_decision *d) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->item];
    const struct hub_def_object *o = s->source_object;
    json_t *value = hub_decision_is_traced(d)
                        ? json_pack("{s:s, s:s, s:s}", "object", o->name, o->properties[s->user_field].name,
                                    d->who->user_id, o->properties[s->room_field].name, d->room_id)
                        : NULL;
    hub_decision_trace_part(d, s->name, "no record of this user and room", value);
    json_decref(value);
}

static void on_condition(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct hub_decision *d = arg;
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->item];
    if (code) hub_hook_failed(d->hub, &s->condition, code, error);
    const char *outcome = code                 ? error
                          : hub_truthy(result) ? "its condition holds for this record: decides"
                                               : "its condition does not hold for this record";
    trace_source(d, outcome, json_array_get(d->rows_json, d->row_at));
    if (!code && hub_truthy(result)) {
        hub_decision_grant(d, s->hub_role, s->name, false);
        return;
    }
    d->row_at++;
    try_row(d);
}

static void try_row(struct hub_decision *d) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->item];
    json_t *record = json_array_get(d->rows_json, d->row_at);
    if (!record) {
        try_next_source(d);
        return;
    }
    if (s->condition.kind == HUB_SCRIPT_NONE) {
        trace_source(d, "found a record: decides", record);
        hub_decision_grant(d, s->hub_role, s->name, false);
        return;
    }
    const struct hub_hook_arg args[2] = {{"record", record}, {s->source_object->name, record}};
    hub_hook_decide(d->hub, &s->condition, args, strcmp(s->source_object->name, "record") ? 2 : 1, on_condition, d);
}

/* Borrowed rows to the records that are tried. */
static void take_rows(struct hub_decision *d, const struct hub_rows *rows) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->item];
    const struct hub_def_field *fields = s->source_object->properties;
    d->rows_json = json_array();
    for (size_t i = 0; i < rows->n; i++) {
        json_t *row = hub_row_json(rows->table, hub_row(rows, i));
        bool meant = hub_id_is_spelt(row, fields[s->user_field].name, d->who->user_id) &&
                     hub_id_is_spelt(row, fields[s->room_field].name, d->room_id);
        if (meant) json_array_append(d->rows_json, row);
        json_decref(row);
    }
}

static void on_source_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_decision *d = arg;
    (void)error;
    if (code) {
        hub_decision_refuse(d, code);
        return;
    }
    take_rows(d, rows);
    d->row_at = 0;
    if (!json_array_size(d->rows_json)) trace_no_record(d);
    try_row(d);
}

static void try_source(struct hub_decision *d) {
    struct hub_store *store = d->hub->engine->config.store;
    if (d->item == d->def->auth_source_n) {
        if (!d->item) hub_decision_trace(d, "there are none: goes on", NULL);
        hub_decision_pass(d);
        return;
    }
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->item];
    const struct hub_table *t = hub_tables_find(d->hub->engine->config.tables, hub_cstr(s->source_object->name));
    struct hub_cond where[2];
    if (!t) { /* a reload came between: it starts over */
        hub_decision_refuse(d, HUB_NOT_AUTHORIZED);
        return;
    }
    hub_buf_clear(&d->text);
    hub_buf_reserve(&d->text, strlen(d->who->user_id) + strlen(d->room_id) +
                                  64); /* so that the first cell's text does not move */
    if (!hub_cond_of_text(&where[0], t, s->user_field, d->who->user_id, &d->text) ||
        !hub_cond_of_text(&where[1], t, s->room_field, d->room_id, &d->text)) {
        try_next_source(d);
        return;
    }
    const struct hub_select q = {.table = t, .where = where, .where_n = 2, .order_by = -1, .limit = SOURCE_ROWS};
    store->ops->select(store, &q, on_source_rows, d);
}

void hub_layer_sources(struct hub_decision *d) { try_source(d); }
