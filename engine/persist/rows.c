/* Rows between JSON and cells: what scripts, REST and seed files speak on one side, what stores take and
 * give on the other. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/id/uuid.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "persist/store.h"
#include "persist/store_metrics.h"

#define STRING_MAX 255 /* characters of a String */

int hub_table_column(const struct hub_table *t, struct hub_str property) {
    for (size_t i = 0; i < t->column_n; i++)
        if (hub_str_is(property, t->columns[i].property)) return (int)i;
    return -1;
}

void hub_rows_free(struct hub_rows *r) {
    free(r->cells);
    hub_buf_free(&r->text);
    r->cells = NULL;
    r->n = 0;
}

void hub_write_reset(struct hub_write *w) {
    for (; w; w = w->next) {
        hub_rows_free(&w->row);
        hub_rows_free(&w->before);
        w->row = w->before = (struct hub_rows){0};
        w->code = HUB_OK;
        w->error[0] = 0;
        w->failed = NULL;
        w->duplicate = false;
        w->changes = w->number = 0;
    }
}

void hub_write_fail_fenced(struct hub_write *w) {
    w->code = HUB_FENCED;
    snprintf(w->error, sizeof w->error, "%s", HUB_FENCED_TEXT);
}

void hub_write_fail_group(struct hub_write *w, struct hub_write *part) {
    enum hub_code code = part->code;
    char error[sizeof part->error];
    memcpy(error, part->error, sizeof error);
    hub_write_reset(w);
    w->code = code;
    memcpy(w->error, error, sizeof error);
    w->failed = part;
}

void hub_write_judge_group(struct hub_write *w) {
    if (w->next) return;
    if (!w->code && w->duplicate) w->code = HUB_CONFLICT;
    if (w->code) hub_write_fail_group(w, w);
}

size_t hub_write_bytes(const struct hub_write *w) {
    size_t n = 0;
    for (; w; w = w->next)
        for (size_t i = 0; w->cells && i < w->table->column_n; i++)
            if (w->cells[i].kind == HUB_CELL_TEXT) n += w->cells[i].s.n;
    return n;
}

const char *hub_write_event(const struct hub_write *w) {
    if (w->kind == HUB_DELETE) return "deleted";
    return w->kind == HUB_UPDATE || w->before.n ? "updated" : "created";
}

/* ---- cells to JSON ---- */

/* Whoever expects a list must not get a text that looks like one. */
static HUB_MUST json_t *text_json(const struct hub_table *t, const struct hub_column *col, struct hub_str s) {
    if (col->type != HUB_COL_JSON) return hub_json_string(s);
    json_t *v = hub_json_parse(s, NULL);
    if (v) return v;
    hub_store_misfit(t, col, "a text that is not JSON");
    return json_null();
}

static HUB_MUST json_t *cell_json(const struct hub_table *t, const struct hub_column *col, const struct hub_cell *c) {
    char iso[HUB_ISO_LEN + 1];
    switch (c->kind) {
    case HUB_CELL_ABSENT:
    case HUB_CELL_NULL: return json_null();
    case HUB_CELL_BOOL: return json_boolean(c->i != 0);
    case HUB_CELL_REAL: return isfinite(c->r) ? json_real(c->r) : json_null();
    case HUB_CELL_TEXT: return text_json(t, col, c->s);
    case HUB_CELL_INT: break;
    }
    if (col->type != HUB_COL_DATETIME) return json_integer(c->i);
    hub_iso_format(c->i, iso);
    return json_string(iso);
}

json_t *hub_row_json(const struct hub_table *t, const struct hub_cell *row) {
    json_t *o = json_object();
    for (size_t i = 0; i < t->column_n; i++)
        if (row[i].kind != HUB_CELL_ABSENT)
            json_object_set_new(o, t->columns[i].property, cell_json(t, &t->columns[i], &row[i]));
    return o;
}

static bool row_is(const struct hub_table *t, const struct hub_cell *row, const json_t *expected) {
    json_t *is = hub_row_json(t, row), *v;
    const char *name;
    bool same = true;
    json_object_foreach((json_t *)(uintptr_t)expected, name, v) {
        const json_t *now = json_object_get(is, name);
        same = same && now && hub_json_equal(now, v);
    }
    json_decref(is);
    return same;
}

bool hub_rows_equal(const struct hub_rows *rows, const json_t *expected) {
    if (rows->n != json_array_size(expected)) return false;
    for (size_t i = 0; i < rows->n; i++)
        if (!row_is(rows->table, hub_row(rows, i), json_array_get(expected, i))) return false;
    return true;
}

static void add_text(struct hub_buf *b, const struct hub_table *t, const struct hub_column *col, struct hub_str s) {
    if (col->type != HUB_COL_JSON) {
        hub_json_add_string(b, s);
    } else if (hub_json_well_formed(s) && hub_utf8_valid(s)) {
        hub_buf_adds(b, s);
    } else {
        hub_store_misfit(t, col, "a text that is not JSON");
        hub_buf_addz(b, "null");
    }
}

static void add_cell(struct hub_buf *b, const struct hub_table *t, const struct hub_column *col,
                     const struct hub_cell *c) {
    if (c->kind == HUB_CELL_TEXT) {
        add_text(b, t, col, c->s);
    } else if (c->kind == HUB_CELL_INT && col->type != HUB_COL_DATETIME) {
        hub_buf_addi(b, c->i);
    } else {
        json_t *v = cell_json(t, col, c);
        hub_json_add(b, v);
        json_decref(v);
    }
}

void hub_row_add_json(struct hub_buf *b, const struct hub_table *t, const struct hub_cell *row) {
    const char *glue = "{\"";
    for (size_t i = 0; i < t->column_n; i++) {
        if (row[i].kind == HUB_CELL_ABSENT) continue;
        hub_buf_addz(b, glue);
        hub_buf_addz(b, t->columns[i].property);
        hub_buf_addz(b, "\":");
        add_cell(b, t, &t->columns[i], &row[i]);
        glue = ",\"";
    }
    hub_buf_addz(b, *glue == '{' ? "{}" : "}");
}

/* ---- JSON to cells ---- */

static const char *const type_words[] = {
    [HUB_COL_STRING] = "a text of at most 255 characters",
    [HUB_COL_TEXT] = "a text",
    [HUB_COL_INTEGER] = "an integer",
    [HUB_COL_DECIMAL] = "a number",
    [HUB_COL_BOOLEAN] = "true or false",
    [HUB_COL_ID] = "a text",
    [HUB_COL_DATETIME] = HUB_DATETIME_EXPECTED,
    [HUB_COL_ENUM] = "one of",
    [HUB_COL_JSON] = "JSON",
};

static enum hub_code fail_misfit(const struct hub_column *col, struct hub_err *err) {
    if (col->type != HUB_COL_ENUM)
        return hub_fail(err, HUB_INVALID_CONTENT, "\"%s\" must be %s", col->property, type_words[col->type]);
    struct hub_buf list = {0};
    for (const char *const *v = col->enum_values; v && *v; v++) hub_buf_addf(&list, "%s%s", list.n ? ", " : "", *v);
    enum hub_code code =
        hub_fail(err, HUB_INVALID_CONTENT, "\"%s\" must be one of %s", col->property, hub_buf_cstr(&list));
    hub_buf_free(&list);
    return code;
}

static void put_text(struct hub_cell *out, struct hub_buf *text, size_t from) {
    *out = hub_cell_text(hub_str(text->p + from, text->n - from));
}

static bool cell_text(const struct hub_column *col, const json_t *v, struct hub_cell *out, struct hub_buf *text) {
    struct hub_str s = hub_json_str(v);
    size_t from = text->n;
    if (json_is_string(v))
        hub_buf_adds(text, s);
    else if (json_is_number(v))
        hub_json_add(text, v);
    else
        return false;
    if (!text->p) hub_buf_reserve(text, 1); /* an empty text is a text: its view must not be NULL */
    put_text(out, text, from);
    if (col->type == HUB_COL_STRING) return hub_utf8_len(out->s) <= STRING_MAX;
    if (col->type != HUB_COL_ENUM) return true;
    for (const char *const *e = col->enum_values; e && *e; e++)
        if (hub_str_is(out->s, *e)) return true;
    return false;
}

static bool real_is_int(double d) { return d == floor(d) && fabs(d) < 9007199254740992.0 * 1024; }

static bool cell_int(const json_t *v, struct hub_cell *out) {
    out->kind = HUB_CELL_INT;
    if (json_is_integer(v))
        out->i = json_integer_value(v);
    else if (json_is_real(v) && real_is_int(json_real_value(v)))
        out->i = (int64_t)json_real_value(v);
    else
        return json_is_string(v) && hub_str_i64(hub_json_str(v), &out->i);
    return true;
}

static bool cell_real(const json_t *v, struct hub_cell *out) {
    out->kind = HUB_CELL_REAL;
    if (json_is_number(v)) {
        out->r = json_number_value(v);
        return true;
    }
    struct hub_str s = hub_json_str(v);
    if (!s.n || s.n > 64 || memchr(" \t\n\r\f\v", s.p[0], 6)) return false;
    char digits[65], *end;
    memcpy(digits, s.p, s.n);
    digits[s.n] = 0;
    out->r = strtod(digits, &end);
    return end == digits + s.n && isfinite(out->r) && !strpbrk(digits, "xX");
}

static bool cell_bool(const json_t *v, struct hub_cell *out) {
    out->kind = HUB_CELL_BOOL;
    struct hub_str s = hub_json_str(v);
    if (json_is_boolean(v))
        out->i = json_is_true(v);
    else if (json_is_integer(v))
        out->i = json_integer_value(v);
    else if (hub_str_is(s, "true") || hub_str_is(s, "false"))
        out->i = hub_str_is(s, "true");
    else
        return false;
    return out->i == 0 || out->i == 1;
}

static bool cell_datetime(const json_t *v, struct hub_cell *out) {
    out->kind = HUB_CELL_INT;
    if (json_is_string(v)) return hub_datetime_parse(hub_json_str(v), &out->i);
    return cell_int(v, out) && out->i >= HUB_DATETIME_MIN &&
           out->i <= HUB_DATETIME_MAX; /* scripts count in milliseconds */
}

enum hub_code hub_cell_from_json(const struct hub_column *col, const json_t *v, struct hub_cell *out,
                                 struct hub_buf *text, struct hub_err *err) {
    *out = (struct hub_cell){.kind = HUB_CELL_NULL};
    if (hub_json_nil(v))
        return col->required ? hub_fail(err, HUB_INVALID_CONTENT, "\"%s\" is required", col->property) : HUB_OK;
    if (hub_json_has_nul(v))
        return hub_fail(err, HUB_INVALID_CONTENT, "\"%s\": NUL characters cannot be stored", col->property);
    bool fits = false;
    size_t from = text->n;
    switch (col->type) {
    case HUB_COL_STRING:
    case HUB_COL_TEXT:
    case HUB_COL_ID:
    case HUB_COL_ENUM: fits = cell_text(col, v, out, text); break;
    case HUB_COL_INTEGER: fits = cell_int(v, out); break;
    case HUB_COL_DECIMAL: fits = cell_real(v, out); break;
    case HUB_COL_BOOLEAN: fits = cell_bool(v, out); break;
    case HUB_COL_DATETIME: fits = cell_datetime(v, out); break;
    case HUB_COL_JSON:
        hub_json_add(text, v);
        put_text(out, text, from);
        fits = true;
        break;
    }
    if (fits) return HUB_OK;
    text->n = from;
    return fail_misfit(col, err);
}

json_t *hub_value_typed(const struct hub_table *t, const struct hub_column *col, const json_t *v) {
    struct hub_buf text = {0};
    struct hub_cell cell;
    json_t *typed = hub_cell_from_json(col, v, &cell, &text, NULL) ? NULL : cell_json(t, col, &cell);
    hub_buf_free(&text);
    return typed;
}

json_t *hub_row_typed(const struct hub_table *t, const json_t *object) {
    json_t *o = json_object();
    for (size_t i = 0; i < t->column_n; i++) {
        const struct hub_column *col = &t->columns[i];
        const json_t *v = hub_json_get(object, col->property);
        if (!v) continue;
        json_t *typed = hub_value_typed(t, col, v);
        json_object_set_new(o, col->property, typed ? typed : json_null());
    }
    return o;
}

json_t *hub_row_id(const struct hub_table *t, const json_t *id) {
    return t->id == HUB_NO_ID || hub_json_nil(id) ? NULL : hub_value_typed(t, &t->columns[t->id], id);
}

static enum hub_code refuse_unknown(const struct hub_table *t, const json_t *object, struct hub_err *err) {
    struct hub_buf names = {0};
    json_t *o = (json_t *)(uintptr_t)object; /* jansson iterates over non-const objects only */
    for (void *it = json_object_iter(o); it && names.n < 200; it = json_object_iter_next(o, it)) {
        struct hub_str key = hub_str(json_object_iter_key(it), json_object_iter_key_len(it));
        if (hub_table_column(t, key) < 0) hub_buf_addf(&names, "%s\"%.*s\"", names.n ? ", " : "", HUB_CUT(key, 64));
    }
    enum hub_code code = HUB_OK;
    if (names.n) code = hub_fail(err, HUB_INVALID_CONTENT, "%s has no property %s", t->name, hub_buf_cstr(&names));
    hub_buf_free(&names);
    return code;
}

/* What a property gets that the object does not name. */
static enum hub_code fill_cell(const struct hub_table *t, size_t i, struct hub_cell *out, struct hub_buf *text,
                               struct hub_err *err) {
    const struct hub_column *col = &t->columns[i];
    *out = (struct hub_cell){.kind = HUB_CELL_ABSENT};
    if ((int)i == t->created_at || (int)i == t->updated_at) return HUB_OK;
    if (col->default_json) {
        json_t *v = hub_json_parse(hub_cstr(col->default_json), err);
        enum hub_code code = v ? hub_cell_from_json(col, v, out, text, err) : err ? err->code : HUB_INVALID_CONTENT;
        json_decref(v);
        return code;
    }
    if (i == t->id && (col->type == HUB_COL_ID || col->type == HUB_COL_STRING || col->type == HUB_COL_TEXT)) {
        size_t from = text->n;
        hub_uuid7(hub_buf_reserve(text, HUB_UUID_LEN + 1));
        text->n += HUB_UUID_LEN;
        put_text(out, text, from);
        return HUB_OK;
    }
    /* A number for an id comes from the database. */
    if (col->required && i != t->id) return hub_fail(err, HUB_INVALID_CONTENT, "\"%s\" is required", col->property);
    if (t->managed && i != t->id) out->kind = HUB_CELL_NULL;
    return HUB_OK;
}

enum hub_code hub_row_from_json(const struct hub_table *t, const json_t *object, enum hub_row_use use,
                                struct hub_cell *cells, struct hub_buf *text, struct hub_err *err) {
    hub_buf_clear(text);
    if (!json_is_object(object)) return hub_fail(err, HUB_INVALID_CONTENT, "a row of %s must be an object", t->name);
    enum hub_code code = refuse_unknown(t, object, err);
    for (size_t i = 0; !code && i < t->column_n; i++) {
        size_t from = text->n;
        json_t *v = hub_json_get(object, t->columns[i].property);
        cells[i] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
        if (v)
            code = hub_cell_from_json(&t->columns[i], v, &cells[i], text, err);
        else if (use == HUB_ROW_CREATE)
            code = fill_cell(t, i, &cells[i], text, err);
        cells[i].s.p = (const char *)(uintptr_t)from; /* an offset until TEXT stops moving */
    }
    for (size_t i = 0; !code && i < t->column_n; i++)
        if (cells[i].kind == HUB_CELL_TEXT) cells[i].s.p = text->p + (uintptr_t)cells[i].s.p;
    return code;
}
