/* Literals that are stored or sent: of rows, messages, results. */
#include "base/error/did_you_mean.h"
#include "base/text/utf8.h"
#include "schema/analysis/analysis_int.h"

static const char *word_of_literal(const struct hub_syntax *x) {
    switch (x->kind) {
    case HUB_SYNTAX_TEXT: return "a text";
    case HUB_SYNTAX_NUMBER: return "a number";
    case HUB_SYNTAX_BOOLEAN: return "a Boolean";
    case HUB_SYNTAX_LIST: return "a list";
    case HUB_SYNTAX_OBJECT: return "an object";
    default: return NULL;
    }
}

static bool is_value(const struct hub_strs *values, struct hub_str s) {
    for (size_t i = 0; i < values->n; i++)
        if (hub_str_is(s, values->items[i])) return true;
    return false;
}

static void check_enum_value(const struct hub_analysis *a, const struct hub_strs *values, const char *what,
                             const struct hub_syntax *x, const char *code) {
    struct hub_nearest near = {.word = x->text};
    struct hub_buf b = {0};
    if (is_value(values, x->text)) return;
    for (size_t i = 0; i < values->n; i++) {
        hub_nearest_try(&near, values->items[i]);
        if (i < 8) hub_buf_addf(&b, "%s\"%s\"", i ? ", " : "", values->items[i]);
    }
    hub_analysis_tell(a, code, x->at, x->n, near.best, "%s is never \"%.*s\": its values are %s%s", what,
                      HUB_CUT(x->text, 60), hub_buf_cstr(&b), values->n > 8 ? ", …" : "");
    hub_buf_free(&b);
}

static bool fits_type(struct hub_type t, const struct hub_syntax *x) {
    switch (t.kind) {
    case HUB_TYPE_BOOLEAN: return x->kind == HUB_SYNTAX_BOOLEAN;
    case HUB_TYPE_NUMBER: return x->kind == HUB_SYNTAX_NUMBER;
    case HUB_TYPE_TEXT:
    case HUB_TYPE_ENUM: return x->kind == HUB_SYNTAX_TEXT;
    case HUB_TYPE_MOMENT: return x->kind == HUB_SYNTAX_TEXT || x->kind == HUB_SYNTAX_NUMBER;
    case HUB_TYPE_RECORD: return x->kind == HUB_SYNTAX_OBJECT;
    default: return true;
    }
}

/* Elements of a list one by one. */
void hub_analysis_value(const struct hub_analysis *a, struct hub_type t, const char *what, const struct hub_syntax *x,
                        const char *code) {
    const char *word = word_of_literal(x);
    if (!word || t.kind == HUB_TYPE_ANY) return;
    if (t.list && x->kind == HUB_SYNTAX_LIST) {
        t.list = false;
        for (const struct hub_syntax *e = x->list; e; e = e->next) hub_analysis_value(a, t, what, e, code);
    } else if (t.list || !fits_type(t, x)) {
        hub_analysis_tell(a, code, x->at, x->n, NULL, "%s is %s, not %s", what, hub_type_name(t), word);
    } else if (t.kind == HUB_TYPE_ENUM) {
        check_enum_value(a, t.values, what, x, code);
    } else if (t.kind == HUB_TYPE_RECORD) {
        hub_analysis_fields(a, t.fields, t.field_n, what, x, false, code);
    }
}

static const struct hub_syntax *element_at(const struct hub_syntax *object, const char *key) {
    for (const struct hub_syntax *e = object->list; e; e = e->next)
        if (hub_str_is(e->key, key)) return e;
    return NULL;
}

static bool is_missing(const struct hub_def_field *f, const struct hub_syntax *object) {
    const struct hub_syntax *e = f->name ? element_at(object, f->name) : NULL;
    return f->name && f->required && !f->default_value && (!e || e->kind == HUB_SYNTAX_NULL);
}

/* All that is missing is one mistake. */
static void check_missing(const struct hub_analysis *a, const struct hub_def_field *fields, size_t n, const char *of,
                          const struct hub_syntax *object, const char *code) {
    const char *all = NULL;
    for (size_t i = 0; i < n; i++)
        if (is_missing(&fields[i], object))
            all = hub_arena_fmt(a->l->scratch, "%s%s\"%s\"", all ? all : "", all ? ", " : "", fields[i].name);
    if (all) hub_analysis_tell(a, code, object->at, object->n, NULL, "%s needs %s", of, all);
}

/* One that is misspelt is not missing, too. */
void hub_analysis_fields(const struct hub_analysis *a, const struct hub_def_field *fields, size_t n, const char *of,
                         const struct hub_syntax *object, bool partial, const char *code) {
    const struct hub_type all = {.kind = HUB_TYPE_RECORD, .fields = fields, .field_n = n};
    bool whole = !partial && !object->open;
    for (const struct hub_syntax *e = object->list; e; e = e->next) {
        struct hub_nearest near = {.word = e->key};
        const struct hub_def_field *f = e->key.n ? hub_type_member(all, e->key) : NULL;
        for (size_t i = 0; i < n; i++)
            if (fields[i].name) hub_nearest_try(&near, fields[i].name);
        if (f) hub_analysis_value(a, hub_type_of_field(f), f->name, e, code);
        if (!f) whole = false;
        if (!f && e->key.n && e->kind != HUB_SYNTAX_NULL)
            hub_analysis_tell(a, code, e->key_at, e->key_n, near.best, "%s has no \"%.*s\"", of, HUB_CUT(e->key, 60));
    }
    if (whole) check_missing(a, fields, n, of, object, code);
}

/* ---- message types ---- */

bool hub_analysis_of_plugin(const struct hub_analysis *a) {
    return a->src->plugin || (a->script && a->script->node->src->plugin);
}

const struct hub_def *hub_analysis_hub(const struct hub_analysis *a) {
    return a->script && a->script->hub && !hub_is_template(a->script) ? &a->script->hub->def : NULL;
}

const struct hub_def_message_type *hub_analysis_message_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_def *d = hub_analysis_hub(a);
    return d && x && x->kind == HUB_SYNTAX_TEXT && !hub_analysis_of_plugin(a) ? hub_def_message_type(d, x->text) : NULL;
}

const struct hub_def_message_type *hub_analysis_check_type(const struct hub_analysis *a, const struct hub_syntax *x,
                                                           const char *code) {
    const struct hub_def *d = hub_analysis_hub(a);
    const struct hub_def_message_type *t = hub_analysis_message_type(a, x);
    if (!d || t || x->kind != HUB_SYNTAX_TEXT || hub_analysis_of_plugin(a)) return t;
    struct hub_nearest near = {.word = x->text};
    for (size_t i = 0; i < d->message_type_n; i++)
        if (d->message_types[i].name) hub_nearest_try(&near, d->message_types[i].name);
    hub_analysis_tell(a, code, x->at, x->n, near.best, "the hub has no message type \"%.*s\"", HUB_CUT(x->text, 60));
    return NULL;
}
