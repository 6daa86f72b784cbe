/* The type of an expression, as far as it is certain. */
#include "base/memory/mem.h"
#include "schema/analysis/analysis_int.h"

static const struct hub_type any = {0};
static const struct hub_def_field answer[] = {{.name = "status", .type = HUB_FIELD_INTEGER},
                                              {.name = "headers", .type = HUB_FIELD_JSON},
                                              {.name = "body", .type = HUB_FIELD_STRING},
                                              {.name = "bodyBase64", .type = HUB_FIELD_STRING}};
enum { DEPTH_MAX = 50, STEPS_MAX = 200000 }; /* of one script */

bool hub_analysis_step(const struct hub_analysis *a) { return a->work->steps++ < STEPS_MAX; }

bool hub_analysis_is_free(const struct hub_analysis *a, const struct hub_syntax *x, const char *name) {
    return x->kind == HUB_SYNTAX_NAME && hub_str_is(x->text, name) && !hub_analysis_binding(a, x);
}

/* Whether what X stands for is known where it is used: it is written before. So chains of names end. */
static bool is_settled(const struct hub_binding *b, const struct hub_syntax *x) {
    return b->n == 1 && b->value && b->value->at < x->at;
}

static const char *module_of(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_binding *b = x->kind == HUB_SYNTAX_NAME ? hub_analysis_binding(a, x) : NULL;
    if (b) return is_settled(b, x) && !b->element ? hub_analysis_module(a, b->value) : NULL;
    if (x->kind == HUB_SYNTAX_CALL)
        return hub_analysis_is_free(a, x->a, "require") && x->list && x->list->kind == HUB_SYNTAX_TEXT ? x->list->text.p
                                                                                                       : NULL;
    if (x->kind != HUB_SYNTAX_MEMBER) return NULL;
    if (hub_analysis_is_free(a, x->a, "lib") || hub_analysis_is_free(a, x->a, "LIB"))
        return hub_arena_dup(a->l->scratch, x->text);
    const char *folder = hub_analysis_module(a, x->a);
    return folder ? hub_arena_fmt(a->l->scratch, "%s.%.*s", folder, HUB_FMT(x->text)) : NULL;
}

const char *hub_analysis_module(const struct hub_analysis *a, const struct hub_syntax *x) {
    if (a->work->depth >= DEPTH_MAX || !hub_analysis_step(a)) return NULL;
    a->work->depth++;
    const char *module = module_of(a, x);
    a->work->depth--;
    return module;
}

/* ---- the engine's functions ---- */

const struct hub_function *hub_analysis_function(const struct hub_analysis *a, const struct hub_syntax *x,
                                                 const struct hub_function_table **table) {
    *table = NULL;
    if (a->lib) return NULL; /* the module may have its own of that name */
    if (x->kind == HUB_SYNTAX_NAME)
        return hub_analysis_binding(a, x) || hub_analysis_has_variable(a, x->text) ? NULL
                                                                                   : hub_global_function(x->text);
    if (x->kind != HUB_SYNTAX_MEMBER || x->method || x->a->kind != HUB_SYNTAX_NAME) return NULL;
    if (hub_analysis_binding(a, x->a) || hub_analysis_has_variable(a, x->a->text)) return NULL;
    const struct hub_function_table *t = hub_function_table(x->a->text);
    if (!t || (t->lua && !a->lua)) return NULL;
    *table = t;
    return hub_function_in(t, x->text);
}

const struct hub_def_object *hub_analysis_object(const struct hub_analysis *a, const struct hub_syntax *call) {
    const struct hub_syntax *name = call->list;
    if (!name || name->kind != HUB_SYNTAX_TEXT || a->l->alone) return NULL;
    const struct hub_def_object *o = hub_service_object(a->l->service, name->text);
    return o && !hub_is_object_wrong(a->l, o) ? o : NULL;
}

static struct hub_type result_of(const struct hub_analysis *a, const struct hub_function *f,
                                 const struct hub_syntax *call) {
    static const enum hub_type_kind kinds[] = {[HUB_GIVES_TEXT] = HUB_TYPE_TEXT,
                                               [HUB_GIVES_NUMBER] = HUB_TYPE_NUMBER,
                                               [HUB_GIVES_BOOLEAN] = HUB_TYPE_BOOLEAN,
                                               [HUB_GIVES_RECORDS] = HUB_TYPE_ANY};
    if (f->gives == HUB_GIVES_ANSWER)
        return (struct hub_type){.kind = HUB_TYPE_RECORD, .fields = answer, .field_n = HUB_NELEM(answer)};
    if (f->gives != HUB_GIVES_RECORD && f->gives != HUB_GIVES_RECORDS)
        return (struct hub_type){.kind = kinds[f->gives]};
    const struct hub_def_object *o = hub_analysis_object(a, call);
    struct hub_type t = o ? hub_type_of_object(o) : any;
    t.list = o && f->gives == HUB_GIVES_RECORDS;
    return t;
}

/* ---- methods of texts and lists, in expressions ---- */

static struct hub_type method_type(const struct hub_analysis *a, const struct hub_syntax *call) {
    const struct hub_syntax *f = call->a;
    static const struct {
        const char *names;
        enum hub_type_kind kind;
    } methods[] = {{"toLowerCase toUpperCase trim join toISOString", HUB_TYPE_TEXT},
                   {"includes startsWith endsWith some every", HUB_TYPE_BOOLEAN},
                   {"indexOf getTime", HUB_TYPE_NUMBER}};
    if (f->kind != HUB_SYNTAX_MEMBER || a->lua) return any;
    if (hub_analysis_is_free(a, f->a, "Date") && hub_str_is(f->text, "now"))
        return (struct hub_type){.kind = HUB_TYPE_NUMBER};
    if (hub_analysis_path(a, f).n && hub_analysis_module(a, f->a)) return any;
    struct hub_type t = hub_analysis_infer(a, f->a);
    if (t.list && hub_str_among(f->text, "filter slice")) return t;
    if (t.list && hub_str_is(f->text, "find")) {
        t.list = false;
        return t;
    }
    bool known = t.list || (t.kind != HUB_TYPE_ANY && t.kind != HUB_TYPE_RECORD);
    for (size_t i = 0; known && i < sizeof methods / sizeof *methods; i++)
        if (hub_str_among(f->text, methods[i].names)) return (struct hub_type){.kind = methods[i].kind};
    return any;
}

/* String(x) and tostring(x) are texts, and of a text that text. */
static struct hub_type conversion_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_type t = x->list ? hub_analysis_infer(a, x->list) : any;
    bool text = t.kind == HUB_TYPE_ENUM || t.kind == HUB_TYPE_MOMENT;
    return text && !t.list ? t : (struct hub_type){.kind = HUB_TYPE_TEXT};
}

static struct hub_type call_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    if (hub_analysis_is_free(a, x->a, a->lua ? "tostring" : "String")) return conversion_type(a, x);
    const struct hub_function_table *t;
    const struct hub_function *f = hub_analysis_function(a, x->a, &t);
    return f ? result_of(a, f, x) : method_type(a, x);
}

/* ---- names and members ---- */

/* Only records and lists can be changed by whoever gets them. */
static struct hub_type unless_elsewhere(const struct hub_analysis *a, const struct hub_syntax *x, struct hub_type t) {
    bool changes = t.list || t.kind == HUB_TYPE_RECORD;
    return changes && hub_analysis_goes_elsewhere(a, x) ? any : t;
}

/* A variable of the hook whose name the script has for others, too, may be either, unless it is known
 * where. */
static struct hub_type name_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_binding *b = hub_analysis_binding(a, x);
    const struct hub_binding *declared = hub_map_get(&a->bindings, x->text);
    bool sure = !declared || (declared->n == 1 && (declared->outermost || declared->to));
    if (!sure && hub_analysis_has_variable(a, x->text)) return any;
    if (!b) return unless_elsewhere(a, x, hub_analysis_variable(a, x->text));
    if (!is_settled(b, x)) return any;
    struct hub_type t = hub_analysis_infer(a, b->value);
    if (b->element && !t.list) return any;
    if (b->element) t.list = false;
    return unless_elsewhere(a, x, t);
}

/* ctx.payload is what the variable payload is. */
static bool is_payload(const struct hub_analysis *a, const struct hub_syntax *x) {
    return hub_str_is(x->text, "payload") && hub_analysis_is_free(a, x->a, "ctx") &&
           hub_analysis_has_variable(a, HUB_STR("payload")) && !hub_analysis_declares(a, HUB_STR("payload"));
}

static struct hub_type member_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    if (is_payload(a, x) && !hub_map_get(&a->assigned, x->text))
        return unless_elsewhere(a, x, hub_analysis_variable(a, HUB_STR("payload")));
    struct hub_type t = hub_analysis_infer(a, x->a);
    if (hub_map_get(&a->assigned, x->text)) return any;
    if (!a->lua && hub_str_is(x->text, "length") && (t.list || t.kind == HUB_TYPE_TEXT || t.kind == HUB_TYPE_ENUM))
        return (struct hub_type){.kind = HUB_TYPE_NUMBER};
    if (t.kind != HUB_TYPE_RECORD || t.list) return any;
    const struct hub_def_field *f = hub_type_member(t, x->text);
    return f ? unless_elsewhere(a, x, hub_type_of_field(f)) : any;
}

static struct hub_type element_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_type t = hub_analysis_infer(a, x->a);
    if (!t.list) return any;
    t.list = false;
    return t;
}

/* What has no kind of its own: x .. y, #x. */
static struct hub_type other_type(const struct hub_analysis *a, const struct hub_syntax *x) {
    bool length = a->lua && hub_str_is(x->text, "#"), joined = a->lua && hub_str_is(x->text, "..");
    return (struct hub_type){.kind = length ? HUB_TYPE_NUMBER : joined ? HUB_TYPE_TEXT : HUB_TYPE_ANY};
}

static struct hub_type type_of(const struct hub_analysis *a, const struct hub_syntax *x) {
    switch (x->kind) {
    case HUB_SYNTAX_NAME: return name_type(a, x);
    case HUB_SYNTAX_MEMBER: return member_type(a, x);
    case HUB_SYNTAX_INDEX: return element_type(a, x);
    case HUB_SYNTAX_CALL: return call_type(a, x);
    case HUB_SYNTAX_BOOLEAN:
    case HUB_SYNTAX_NOT:
    case HUB_SYNTAX_EQUAL:
    case HUB_SYNTAX_ORDER: return (struct hub_type){.kind = HUB_TYPE_BOOLEAN};
    case HUB_SYNTAX_NUMBER:
    case HUB_SYNTAX_ARITHMETIC: return (struct hub_type){.kind = HUB_TYPE_NUMBER};
    case HUB_SYNTAX_TEXT: return (struct hub_type){.kind = HUB_TYPE_TEXT};
    case HUB_SYNTAX_LIST: return (struct hub_type){.list = true};
    case HUB_SYNTAX_OTHER: return other_type(a, x);
    default: return any;
    }
}

struct hub_type hub_analysis_infer(const struct hub_analysis *a, const struct hub_syntax *x) {
    if (a->work->depth >= DEPTH_MAX || !hub_analysis_step(a)) return any;
    a->work->depth++;
    struct hub_type t = type_of(a, x);
    a->work->depth--;
    return t;
}
