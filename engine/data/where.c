/* Conditions on objects that are in memory: the same words as those of objects.list. */
#include "data/where.h"

#include <string.h>

#include "base/text/utf8.h"

static const char *const operators[] = {"$eq", "$gt", "$gte", "$lt", "$lte", "$ne", "$in", NULL};

static bool is_operator(const char *name) {
    for (size_t i = 0; operators[i]; i++)
        if (!strcmp(name, operators[i])) return true;
    return false;
}

static enum hub_code check_condition(const char *member, const json_t *v, struct hub_err *err) {
    const char *op;
    json_t *of;
    if (json_is_array(v) && json_array_size(v) > HUB_WHERE_VALUES_MAX)
        return hub_fail(err, HUB_BAD_REQUEST, "where.%.*s: at most %d values", HUB_CUTZ(member, 64),
                        HUB_WHERE_VALUES_MAX);
    if (!json_is_object(v)) return HUB_OK;
    json_object_foreach((json_t *)(uintptr_t)v, op, of) {
        if (!is_operator(op))
            return hub_fail(err, HUB_BAD_REQUEST, "where.%.*s: unknown operator \"%.*s\"", HUB_CUTZ(member, 64),
                            HUB_CUTZ(op, 32));
        if (!strcmp(op, "$in") && (!json_is_array(of) || json_array_size(of) > HUB_WHERE_VALUES_MAX))
            return hub_fail(err, HUB_BAD_REQUEST, "where.%.*s: $in takes a list of at most %d values",
                            HUB_CUTZ(member, 64), HUB_WHERE_VALUES_MAX);
    }
    return HUB_OK;
}

enum hub_code hub_where_check(const json_t *where, struct hub_err *err) {
    const char *member;
    json_t *v;
    if (hub_json_nil(where)) return HUB_OK;
    if (!json_is_object(where)) return hub_fail(err, HUB_BAD_REQUEST, "where: expected an object");
    if (json_object_size(where) > HUB_WHERE_MAX)
        return hub_fail(err, HUB_BAD_REQUEST, "where: at most %d conditions", HUB_WHERE_MAX);
    json_object_foreach((json_t *)(uintptr_t)where, member, v) {
        enum hub_code code = check_condition(member, v, err);
        if (code) return code;
    }
    return HUB_OK;
}

static bool is_same(const json_t *a, const json_t *b) {
    return hub_json_nil(a) || hub_json_nil(b) ? hub_json_nil(a) && hub_json_nil(b) : hub_json_equal(a, b);
}

/* Below 0, 0, above 0; *COMPARABLE false: numbers compare with numbers, texts by their bytes with texts. */
static int compare_values(const json_t *a, const json_t *b, bool *comparable) {
    *comparable = true;
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) - (json_integer_value(a) < json_integer_value(b));
    if (json_is_number(a) && json_is_number(b))
        return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
    if (json_is_string(a) && json_is_string(b)) return strcmp(json_string_value(a), json_string_value(b));
    *comparable = false;
    return 0;
}

static bool is_among(const json_t *v, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_same(v, json_array_get(list, i))) return true;
    return false;
}

static bool meets_operator(const json_t *v, const char *op, const json_t *of) {
    bool comparable;
    if (!strcmp(op, "$eq")) return is_same(v, of);
    if (!strcmp(op, "$ne")) return !is_same(v, of);
    if (!strcmp(op, "$in")) return is_among(v, of);
    int order = compare_values(v, of, &comparable);
    if (!comparable) return false;
    if (op[1] == 'g') return op[3] ? order >= 0 : order > 0;
    return op[3] ? order <= 0 : order < 0;
}

static bool meets_condition(const json_t *v, const json_t *condition) {
    const char *op;
    json_t *of;
    if (json_is_array(condition)) return is_among(v, condition);
    if (!json_is_object(condition)) return is_same(v, condition);
    json_object_foreach((json_t *)(uintptr_t)condition, op, of) if (!meets_operator(v, op, of)) return false;
    return true;
}

bool hub_where_meets(const json_t *where, const json_t *object) {
    const char *member;
    json_t *condition;
    json_object_foreach((json_t *)(uintptr_t)where, member, condition) {
        if (!meets_condition(hub_json_get(object, member), condition)) return false;
    }
    return true;
}

/* ---- of rows ---- */

/* A text column of a table that others made may call texts equal that are not (citext, NOCASE). */
static bool has_equality_here(const struct hub_table *t, const struct hub_column *col) {
    return t->managed || (col->type != HUB_COL_STRING && col->type != HUB_COL_TEXT);
}

/* Of their types in the store, too; a time of others' may be finer than what a row shows. */
static bool has_order_here(const struct hub_table *t, const struct hub_column *col) {
    if (col->type == HUB_COL_DATETIME) return t->managed;
    return col->type != HUB_COL_BOOLEAN && col->type != HUB_COL_ENUM && col->type != HUB_COL_JSON;
}

static HUB_MUST json_t *typed_list(const struct hub_table *t, const struct hub_column *col, const json_t *list) {
    json_t *typed = json_array();
    bool fits = true;
    for (size_t i = 0; fits && i < json_array_size(list); i++)
        fits = !json_array_append_new(typed, hub_value_typed(t, col, json_array_get(list, i)));
    if (fits) return typed;
    json_decref(typed);
    return NULL;
}

static HUB_MUST json_t *typed_operand(const struct hub_table *t, const struct hub_column *col, const char *op,
                                      const json_t *of) {
    bool orders = op[1] == 'g' || op[1] == 'l';
    if (!strcmp(op, "$in")) return typed_list(t, col, of);
    return orders && (!has_order_here(t, col) || hub_json_nil(of)) ? NULL : hub_value_typed(t, col, of);
}

static HUB_MUST json_t *typed_condition(const struct hub_table *t, const struct hub_column *col, const json_t *v) {
    const char *op;
    json_t *of, *typed;
    if (json_is_array(v)) return typed_list(t, col, v);
    if (!json_is_object(v)) return hub_value_typed(t, col, v);
    typed = json_object();
    json_object_foreach((json_t *)(uintptr_t)v, op, of) {
        if (!json_object_set_new(typed, op, typed_operand(t, col, op, of))) continue;
        json_decref(typed);
        return NULL;
    }
    return typed;
}

json_t *hub_where_typed(const struct hub_table *t, const json_t *where) {
    json_t *typed = json_object(), *v;
    const char *member;
    json_object_foreach((json_t *)(uintptr_t)where, member, v) {
        int column = hub_table_column(t, hub_cstr(member));
        const struct hub_column *col = column < 0 ? NULL : &t->columns[column];
        json_t *condition = col && has_equality_here(t, col) ? typed_condition(t, col, v) : NULL;
        if (!json_object_set_new(typed, member, condition)) continue;
        json_decref(typed);
        return NULL;
    }
    return typed;
}
