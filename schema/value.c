/* Values whose type is only known from another field: defaults of fields, cells of seed rows. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "schema/loader.h"

static json_t *coerce_decimal(struct hub_str s) {
    char buf[64], *end;
    if (!s.n || s.n >= sizeof buf || !strchr("+-.0123456789", s.p[0])) return NULL;
    memcpy(buf, s.p, s.n);
    buf[s.n] = 0;
    double v = strtod(buf, &end);
    return *end || !isfinite(v) || strpbrk(buf, "xX") ? NULL : json_real(v);
}

static json_t *coerce_boolean(struct hub_str s) {
    if (hub_str_eq_nocase(s, HUB_STR("true"))) return json_true();
    return hub_str_eq_nocase(s, HUB_STR("false")) ? json_false() : NULL;
}

static json_t *coerce_json(struct hub_str s) {
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

static json_t *scalar_value(struct hub_loader *l, struct hub_node *n) {
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

json_t *hub_value_for_field(struct hub_loader *l, const struct hub_def_field *f, struct hub_node *n, const char *code) {
    const char *why = "a single value", *suggestion = NULL;
    json_t *v = NULL;
    if (n->bad) return NULL;
    if (n->kind == HUB_NODE_SCALAR) {
        struct hub_str s = hub_node_value(l->scratch, n, l->diags);
        if (n->bad) return NULL;
        v = hub_value_coerce(f, s, &why);
        struct hub_nearest near = {.word = s};
        for (size_t i = 0; !v && f->type == HUB_FIELD_ENUM && i < f->enum_values.n; i++)
            hub_nearest_try(&near, f->enum_values.items[i]);
        suggestion = near.best;
    } else if (f->type == HUB_FIELD_JSON) {
        v = hub_value_of_node(l, n);
    }
    if (v && hub_json_has_nul(v)) {
        hub_complain(l, code, n, NULL, NULL, "the value of \"%s\" has the character U+0000, which cannot be stored",
                     f->name ? f->name : "");
        json_decref(v);
        return NULL;
    }
    if (!v)
        hub_complain(l, code, n, NULL, suggestion, "the value of \"%s\" does not fit its type %s: expected %s",
                     f->name ? f->name : "", type_word(f->type), why);
    return v;
}
