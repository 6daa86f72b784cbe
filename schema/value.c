/* Values whose type is only known from another field: defaults of fields, cells of seed rows. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "schema/loader.h"

static HUB_MUST json_t *coerce_decimal(struct hub_str s) {
    char buf[64], *end;
    if (!s.n || s.n >= sizeof buf || !strchr("+-.0123456789", s.p[0])) return NULL;
    memcpy(buf, s.p, s.n);
    buf[s.n] = 0;
    double v = strtod(buf, &end);
    return *end || !isfinite(v) || strpbrk(buf, "xX") ? NULL : json_real(v);
}

static HUB_MUST json_t *coerce_boolean(struct hub_str s) {
    if (hub_str_eq_nocase(s, HUB_STR("true"))) return json_true();
    return hub_str_eq_nocase(s, HUB_STR("false")) ? json_false() : NULL;
}

static HUB_MUST json_t *coerce_json(struct hub_str s) {
    struct hub_err err;
    json_t *v = hub_json_parse(s, &err);
    if (v && (json_is_object(v) || json_is_array(v))) return v;
    json_decref(v);
    return NULL;
}

json_t *hub_value_coerce(const struct hub_def_field *f, struct hub_str s, const char **why) {
    int64_t i;
    switch (f->type) {
    case HUB_FIELD_STRING: *why = "at most 255 characters"; return hub_utf8_len(s) <= 255 ? hub_json_string(s) : NULL;
    case HUB_FIELD_TEXT: return hub_json_string(s);
    case HUB_FIELD_INTEGER: *why = "a whole number"; return hub_str_i64(s, &i) ? json_integer(i) : NULL;
    case HUB_FIELD_DECIMAL: *why = "a number"; return coerce_decimal(s);
    case HUB_FIELD_BOOLEAN: *why = "true or false"; return coerce_boolean(s);
    case HUB_FIELD_ID:
        *why = hub_def_id_expected(f->id_format);
        return hub_def_id_fits(f->id_format, s) ? hub_json_string(s) : NULL;
    case HUB_FIELD_DATETIME: *why = HUB_DATETIME_EXPECTED; return hub_datetime_parse(s, &i) ? hub_json_string(s) : NULL;
    case HUB_FIELD_ENUM:
        *why = "one of its enumValues";
        for (size_t k = 0; k < f->enum_values.n; k++)
            if (hub_str_is(s, f->enum_values.items[k])) return hub_json_string(s);
        return NULL;
    case HUB_FIELD_JSON: *why = "a JSON object or array"; return coerce_json(s);
    }
    return NULL;
}

static HUB_MUST json_t *scalar_value(struct hub_loader *l, struct hub_node *n) {
    struct hub_str s = hub_node_value(l->scratch, n, l->diags);
    int64_t i;
    json_t *v;
    if (n->style != HUB_STYLE_PLAIN && !n->substituted) return hub_json_string(s);
    if (hub_node_is_null(n)) return json_null();
    if (hub_str_i64(s, &i)) return json_integer(i);
    if ((v = coerce_boolean(s))) return v;
    if ((v = coerce_decimal(s))) return v;
    return hub_json_string(s);
}

json_t *hub_value_of_node(struct hub_loader *l, struct hub_node *n) {
    if (n->kind == HUB_NODE_SCALAR) return scalar_value(l, n);
    json_t *out = n->kind == HUB_NODE_MAP ? json_object() : json_array();
    for (struct hub_node *c = n->first; c; c = c->next) {
        json_t *v = hub_value_of_node(l, c);
        if (n->kind == HUB_NODE_MAP)
            json_object_setn_new_nocheck(out, c->key.p, c->key.n, v);
        else
            json_array_append_new(out, v);
    }
    return out;
}

static const char *type_word(enum hub_field_type t) { return hub_words_field_type[t].word; }

/* One value while it is read. */
struct reading {
    struct hub_loader *l;
    const char *code;
    size_t filled; /* with defaults of fields within the field, as hub_json_cost() counts */
};

/* Defaults may be lists of objects that have defaults, which may be lists of objects: without a bound each
 * level would multiply. */
enum { FILLED_MAX = 1 << 20, ENUM_LISTED_MAX = 12 };

static void does_not_fit(struct reading *r, const struct hub_def_field *f, const struct hub_node *n,
                         const char *suggestion, const char *why) {
    hub_complain(r->l, r->code, n, NULL, suggestion, "the value of \"%s\" does not fit its type %s: expected %s",
                 f->name ? f->name : "", type_word(f->type), why);
}

static HUB_MUST json_t *scalar_for_field(struct reading *r, const struct hub_def_field *f, struct hub_node *n) {
    const char *why = NULL;
    struct hub_str s = hub_node_value(r->l->scratch, n, r->l->diags);
    json_t *v = n->bad ? NULL : hub_value_coerce(f, s, &why);
    struct hub_nearest near = {.word = s};
    if (v || n->bad) return v;
    for (size_t i = 0; f->type == HUB_FIELD_ENUM && i < f->enum_values.n; i++)
        hub_nearest_try(&near, f->enum_values.items[i]);
    const char *value = n->substituted ? "" : hub_arena_fmt(r->l->scratch, ", not \"%.*s\"", HUB_CUT(s, 60));
    bool few = f->type == HUB_FIELD_ENUM && f->enum_values.n && f->enum_values.n <= ENUM_LISTED_MAX;
    const char *all = few ? hub_list_names(r->l, f->enum_values.items, f->enum_values.n) + 2 : why;
    does_not_fit(r, f, n, near.best,
                 hub_arena_fmt(r->l->scratch, "%s%s%s", few && f->enum_values.n > 1 ? "one of " : "", all, value));
    return NULL;
}

static HUB_MUST json_t *without_nul(struct reading *r, const struct hub_def_field *f, const struct hub_node *n,
                                    json_t *v) {
    if (!v || !hub_json_has_nul(v)) return v;
    hub_complain(r->l, r->code, n, NULL, NULL, "the value of \"%s\" has the character U+0000, which cannot be stored",
                 f->name ? f->name : "");
    json_decref(v);
    return NULL;
}

/* ---- objects with fields, lists ---- */

static HUB_MUST json_t *value_for_field(struct reading *r, const struct hub_def_field *f, struct hub_node *n);

static const struct hub_def_field *field_at(struct reading *r, const struct hub_def_field *f,
                                            const struct hub_node *n) {
    struct hub_nearest near = {.word = n->key};
    for (size_t i = 0; i < f->field_n; i++) {
        if (hub_str_is(n->key, f->fields[i].name)) return &f->fields[i];
        hub_nearest_try(&near, f->fields[i].name);
    }
    hub_complain(r->l, r->code, n, &n->key_range, near.best, "\"%.*s\" is not a field of \"%s\"",
                 (int)(n->key.n > 100 ? 100 : n->key.n), n->key.p, f->name);
    return NULL;
}

/* What is not written of OWN, a field of F. */
static bool complete_field(struct reading *r, const struct hub_def_field *f, const struct hub_def_field *own,
                           const struct hub_node *n, json_t *object) {
    if (!own->default_value && own->required)
        hub_complain(r->l, r->code, n, NULL, NULL, "the value of \"%s\" has no %s, which is required", f->name,
                     own->name);
    if (!own->default_value) return !own->required;
    bool told = r->filled > FILLED_MAX;
    if (!told) r->filled += hub_json_cost(own->default_value);
    if (r->filled <= FILLED_MAX) return json_object_set(object, own->name, own->default_value) == 0;
    if (!told)
        hub_complain(r->l, r->code, n, NULL, NULL, "the value of \"%s\" is too large with the defaults of its fields",
                     f->name);
    return false;
}

static HUB_MUST json_t *object_for_field(struct reading *r, const struct hub_def_field *f, struct hub_node *n) {
    json_t *object = json_object();
    bool good = true;
    for (struct hub_node *c = n->first; c; c = c->next) {
        const struct hub_def_field *own = field_at(r, f, c);
        json_t *v = own && !hub_node_is_null(c) ? value_for_field(r, own, c) : NULL;
        if (v) json_object_set_new(object, own->name, v);
        good = good && own && (v || hub_node_is_null(c));
    }
    for (size_t i = 0; i < f->field_n; i++)
        if (hub_node_is_null(hub_node_get(n, hub_cstr(f->fields[i].name))))
            good = complete_field(r, f, &f->fields[i], n, object) && good;
    if (good) return object;
    json_decref(object);
    return NULL;
}

/* One value of F, whether or not it is a list of them. */
static HUB_MUST json_t *element_for_field(struct reading *r, const struct hub_def_field *f, struct hub_node *n) {
    const char *expected = "a single value";
    if (n->bad) return NULL;
    if (f->list && hub_node_is_null(n))
        expected = "a value, not null";
    else if (f->field_n && n->kind == HUB_NODE_MAP)
        return object_for_field(r, f, n);
    else if (f->field_n)
        expected = "a mapping of its fields";
    else if (n->kind == HUB_NODE_SCALAR)
        return without_nul(r, f, n, scalar_for_field(r, f, n));
    else if (f->type == HUB_FIELD_JSON)
        return without_nul(r, f, n, hub_value_of_node(r->l, n));
    does_not_fit(r, f, n, NULL, expected);
    return NULL;
}

static HUB_MUST json_t *list_for_field(struct reading *r, const struct hub_def_field *f, struct hub_node *n) {
    json_t *list = json_array();
    for (struct hub_node *c = n->first; c; c = c->next) {
        json_t *v = element_for_field(r, f, c);
        if (v) json_array_append_new(list, v);
    }
    if (json_array_size(list) == n->n) return list;
    json_decref(list);
    return NULL;
}

static HUB_MUST json_t *value_for_field(struct reading *r, const struct hub_def_field *f, struct hub_node *n) {
    if (!f->list) return element_for_field(r, f, n);
    if (n->kind == HUB_NODE_SEQ) return list_for_field(r, f, n);
    if (!n->bad)
        hub_complain(r->l, r->code, n, NULL, NULL, "the value of \"%s\" must be a list, not %s", f->name,
                     hub_node_kind_name(n));
    return NULL;
}

json_t *hub_value_for_field(struct hub_loader *l, const struct hub_def_field *f, struct hub_node *n, const char *code) {
    struct reading r = {.l = l, .code = code};
    return value_for_field(&r, f, n);
}
