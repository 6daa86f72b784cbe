/* Calls: how many arguments, of which kind, names of things that are not there, and places where a call
 * makes no sense. */
#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "schema/analysis/analysis_int.h"

#define CODE "L007"
enum { MANY_USERS = 1000 }; /* in a room: more make each call at a join one that counts */

static size_t count_arguments(const struct hub_syntax *x) {
    size_t n = 0;
    for (const struct hub_syntax *e = x->list; e; e = e->next) n++;
    return n;
}

static const struct hub_syntax *argument_at(const struct hub_syntax *call, size_t i) {
    const struct hub_syntax *e = call->list;
    while (e && i--) e = e->next;
    return e;
}

static const char *plural_of(size_t n) { return n == 1 ? "" : "s"; }

/* Too many: at the first that nobody takes. Too few: at the function's name. */
static void check_number(const struct hub_analysis *a, const struct hub_syntax *x, const char *name, size_t least,
                         size_t most) {
    size_t n = count_arguments(x);
    const struct hub_syntax *at = n > most ? argument_at(x, most) : x->a;
    if (n > most)
        hub_analysis_tell(a, CODE, at->at, at->n, NULL, "%s takes %s%zu argument%s, not %zu", name,
                          least < most ? "at most " : "", most, plural_of(most), n);
    else if (n < least && !x->open)
        hub_analysis_tell(a, CODE, at->at, at->n, NULL, "%s needs %s%zu argument%s, not %zu", name,
                          least < most ? "at least " : "", least, plural_of(least), n);
}

/* ---- names ---- */

/* The names of one kind, told to TRY. */
static void each_object(struct hub_loader *l, struct hub_nearest *near) {
    for (size_t i = 0; i < l->service->object_n; i++)
        if (l->service->objects[i].name) hub_nearest_try(near, l->service->objects[i].name);
    for (size_t i = 0; i < l->hub_n; i++) {
        const struct hub_def *d = &l->hubs[i]->def;
        if (d->data_object_name) hub_nearest_try(near, d->data_object_name);
        for (size_t k = 0; d->name && k < HUB_OWN_TABLES; k++)
            hub_nearest_try(near, hub_arena_fmt(l->scratch, "%s%s", d->name, hub_own_tables[k].suffix));
    }
    for (size_t i = 0; l->service->name && i < HUB_SERVICE_TABLES; i++)
        hub_nearest_try(near, hub_arena_fmt(l->scratch, "%s%s", l->service->name, hub_service_tables[i].suffix));
}
static void each_hub(struct hub_loader *l, struct hub_nearest *near) {
    for (size_t i = 0; i < l->hub_n; i++)
        if (l->hubs[i]->def.name) hub_nearest_try(near, l->hubs[i]->def.name);
}
static void each_queue(struct hub_loader *l, struct hub_nearest *near) {
    for (size_t i = 0; i < l->service->queue_n; i++)
        if (l->service->queues[i].name) hub_nearest_try(near, l->service->queues[i].name);
}
static void each_node_handler(struct hub_loader *l, struct hub_nearest *near) {
    for (size_t i = 0; i < l->service->node_handler_n; i++)
        if (l->service->node_handlers[i].name) hub_nearest_try(near, l->service->node_handlers[i].name);
}
static void each_broadcast(struct hub_loader *l, struct hub_nearest *near) {
    for (size_t i = 0; i < l->service->broadcast_n; i++)
        if (l->service->broadcasts[i].name) hub_nearest_try(near, l->service->broadcasts[i].name);
}
static void each_invocation(struct hub_loader *l, struct hub_nearest *near) {
    for (size_t i = 0; i < l->service->clients.invocation_n; i++)
        if (l->service->clients.invocations[i].type) hub_nearest_try(near, l->service->clients.invocations[i].type);
}

static const struct named_things {
    enum hub_takes kind;
    void (*each)(struct hub_loader *l, struct hub_nearest *near);
    const char *what;
} named_things[] = {{HUB_TAKES_DATA_OBJECT, each_object, "DataObject"},
                    {HUB_TAKES_HUB, each_hub, "hub"},
                    {HUB_TAKES_QUEUE, each_queue, "queue"},
                    {HUB_TAKES_NODE_HANDLER, each_node_handler, "nodeHandler"},
                    {HUB_TAKES_NODE_BROADCAST, each_broadcast, "broadcast"},
                    {HUB_TAKES_INVOCATION, each_invocation, "type of clients.invocations"}};

/* Names count letter by letter; the nearest one may be the same in other letters. */
static void check_named(const struct hub_analysis *a, const struct named_things *t, const struct hub_syntax *x) {
    struct hub_nearest near = {.word = x->text};
    if (t->kind == HUB_TAKES_DATA_OBJECT && hub_service_object(a->l->service, x->text)) return;
    t->each(a->l, &near);
    if (near.best && hub_str_is(x->text, near.best)) return;
    hub_analysis_tell(a, CODE, x->at, x->n, near.best, "there is no %s \"%.*s\"", t->what, HUB_CUT(x->text, 60));
}

/* ---- arguments ---- */

static void check_table_keys(const struct hub_analysis *a, const struct hub_function_arg *arg, const char *name,
                             const struct hub_syntax *x) {
    for (const struct hub_syntax *e = x->kind == HUB_SYNTAX_OBJECT && arg->keys ? x->list : NULL; e; e = e->next) {
        struct hub_nearest near = {.word = e->key};
        struct hub_str rest = hub_cstr(arg->keys), key;
        if (!e->key.n || hub_str_among(e->key, arg->keys)) continue;
        while (rest.p && hub_str_split(&rest, ' ', &key)) hub_nearest_try_str(&near, key);
        if (hub_str_among(e->key, "max top count take size") && hub_str_among(HUB_STR("limit"), arg->keys))
            near.best = "limit", near.best_n = 5;
        if (hub_str_among(e->key, "order sort sortBy order_by") && hub_str_among(HUB_STR("orderBy"), arg->keys))
            near.best = "orderBy", near.best_n = 7;
        const char *meant = near.best ? hub_arena_dup(a->l->scratch, hub_str(near.best, near.best_n)) : NULL;
        hub_analysis_tell(a, CODE, e->key_at, e->key_n, meant, "%s of %s has no \"%.*s\"", arg->name, name,
                          HUB_CUT(e->key, 60));
    }
}

static void check_order(const struct hub_analysis *a, const struct hub_def_object *o,
                        const struct hub_syntax *options) {
    for (const struct hub_syntax *e = options->kind == HUB_SYNTAX_OBJECT ? options->list : NULL; e; e = e->next) {
        if (!hub_str_is(e->key, "orderBy") || e->kind != HUB_SYNTAX_TEXT) continue;
        struct hub_str by = e->text;
        if (by.n && by.p[0] == '-') by.p++, by.n--;
        struct hub_nearest near = {.word = by};
        for (size_t i = 0; i < o->property_n; i++)
            if (o->properties[i].name) hub_nearest_try(&near, o->properties[i].name);
        if (by.n && hub_def_property(o, by) < 0)
            hub_analysis_tell(a, CODE, e->at, e->n, near.best, "%s has no \"%.*s\"", o->name, HUB_CUT(by, 60));
    }
}

/* The operand of a condition: a value, a list of them, {$op: value}. */
static void check_operand(const struct hub_analysis *a, const struct hub_def_field *f, const struct hub_syntax *x) {
    static const char operators[] = "$eq $ne $lt $lte $gt $gte $in";
    struct hub_type t = hub_type_of_field(f);
    for (const struct hub_syntax *e = x->kind == HUB_SYNTAX_OBJECT ? x->list : NULL; e; e = e->next) {
        if (e->key.n && !hub_str_among(e->key, operators))
            hub_analysis_tell(a, CODE, e->key_at, e->key_n, NULL, "there is no operator \"%.*s\": they are %s",
                              HUB_CUT(e->key, 60), operators);
        else
            check_operand(a, f, e);
    }
    if (x->kind == HUB_SYNTAX_LIST) {
        for (const struct hub_syntax *e = x->list; e; e = e->next) hub_analysis_value(a, t, f->name, e, CODE);
    } else if (x->kind != HUB_SYNTAX_OBJECT) {
        hub_analysis_value(a, t, f->name, x, CODE);
    }
}

static void check_where(const struct hub_analysis *a, const struct hub_def_object *o, const struct hub_syntax *x) {
    for (const struct hub_syntax *e = x->kind == HUB_SYNTAX_OBJECT ? x->list : NULL; e; e = e->next) {
        struct hub_nearest near = {.word = e->key};
        int i = e->key.n ? hub_def_property(o, e->key) : -1;
        for (size_t k = 0; k < o->property_n; k++)
            if (o->properties[k].name) hub_nearest_try(&near, o->properties[k].name);
        if (i >= 0)
            check_operand(a, &o->properties[i], e);
        else if (e->key.n)
            hub_analysis_tell(a, CODE, e->key_at, e->key_n, near.best, "%s has no \"%.*s\"", o->name,
                              HUB_CUT(e->key, 60));
    }
}

/* {} may be a list of Lua, too. */
static bool is_object(const struct hub_syntax *x) {
    bool empty = x->kind == HUB_SYNTAX_OTHER && !x->list && hub_str_is(x->text, "{");
    return x->kind == HUB_SYNTAX_OBJECT || empty;
}

/* A new row of a table of hubd needs what is required; in one of others the database may have defaults. */
static void check_row(const struct hub_analysis *a, const struct hub_syntax *call, const char *name,
                      const struct hub_syntax *x) {
    const struct hub_def_object *o = hub_analysis_object(a, call);
    bool whole = o && o->managed && !strcmp(name, "objects.create");
    if (o && is_object(x)) hub_analysis_fields(a, o->properties, o->property_n, o->name, x, !whole, CODE);
}

static void check_content_of(const struct hub_analysis *a, const struct hub_syntax *call, const struct hub_syntax *x) {
    const struct hub_def_message_type *t = hub_analysis_message_type(a, argument_at(call, 1));
    if (t && t->field_n && is_object(x)) hub_analysis_fields(a, t->fields, t->field_n, t->name, x, false, CODE);
}

static bool is_kind(const struct hub_function_arg *arg, const struct hub_syntax *x) {
    bool text = x->kind == HUB_SYNTAX_TEXT, number = x->kind == HUB_SYNTAX_NUMBER,
         boolean = x->kind == HUB_SYNTAX_BOOLEAN, table = x->kind == HUB_SYNTAX_LIST || x->kind == HUB_SYNTAX_OBJECT;
    switch (arg->kind) {
    case HUB_TAKES_ANY:
    case HUB_TAKES_AUDIENCE:
    case HUB_TAKES_NONE: return true;
    case HUB_TAKES_FUNCTION: return !text && !number && !boolean && !table;
    case HUB_TAKES_NUMBER: return !boolean && !table && !(text && !x->text.n);
    case HUB_TAKES_TABLE:
    case HUB_TAKES_WHERE:
    case HUB_TAKES_ROW:
    case HUB_TAKES_CONTENT:
    case HUB_TAKES_LIST_OPTIONS: return !text && !number && !boolean;
    default: return !table && !boolean;
    }
}

static const char *expected_kind(const struct hub_function_arg *arg) {
    switch (arg->kind) {
    case HUB_TAKES_FUNCTION: return "a function";
    case HUB_TAKES_NUMBER: return "a number";
    case HUB_TAKES_TABLE:
    case HUB_TAKES_WHERE:
    case HUB_TAKES_ROW:
    case HUB_TAKES_CONTENT:
    case HUB_TAKES_LIST_OPTIONS: return "an object";
    default: return "a text";
    }
}

static void check_argument(const struct hub_analysis *a, const struct hub_function_arg *arg, const char *name,
                           const struct hub_syntax *call, const struct hub_syntax *x) {
    const struct hub_def_object *o = hub_analysis_object(a, call);
    if (!is_kind(arg, x)) {
        hub_analysis_tell(a, CODE, x->at, x->n, NULL, "%s of %s has to be %s", arg->name, name, expected_kind(arg));
        return;
    }
    for (size_t i = 0; i < sizeof named_things / sizeof *named_things && !a->l->alone; i++)
        if (named_things[i].kind == arg->kind && x->kind == HUB_SYNTAX_TEXT) check_named(a, &named_things[i], x);
    if (arg->kind == HUB_TAKES_TABLE || arg->kind == HUB_TAKES_LIST_OPTIONS) check_table_keys(a, arg, name, x);
    if (arg->kind == HUB_TAKES_AUDIENCE && x->kind == HUB_SYNTAX_TEXT && !hub_str_is(x->text, "all"))
        hub_analysis_tell(a, CODE, x->at, x->n, "all", "%s of %s has to be \"all\" or a list of user ids", arg->name,
                          name);
    if (arg->kind == HUB_TAKES_LIST_OPTIONS && o) check_order(a, o, x);
    if (arg->kind == HUB_TAKES_WHERE && o) check_where(a, o, x);
    if (arg->kind == HUB_TAKES_ROW) check_row(a, call, name, x);
    if (arg->kind == HUB_TAKES_CONTENT) check_content_of(a, call, x);
    if (arg->kind == HUB_TAKES_MESSAGE_TYPE && !hub_analysis_check_type(a, x, CODE)) return;
}

/* ---- places ---- */

/* Elsewhere than in a hub "hub" is the one that the service has. */
static void check_hub_meant(const struct hub_analysis *a, const struct hub_function_table *t, const char *name,
                            const struct hub_syntax *x) {
    bool outside = a->script && !a->script->hub && !a->script->node->src->plugin && !a->l->alone;
    if (t && t->of_hub && outside && a->l->hub_n != 1)
        hub_analysis_tell(a, "L008", x->a->at, x->a->n, NULL, "%s is about the script's own hub, and here is none%s",
                          name, a->l->hub_n ? ": use hubs.get(name)" : "");
}

/* Who counts how often something is done counts where it is decided. */
static bool counts_how_often(const struct hub_analysis *a, const char *name) {
    static const char *const places[] = {"canPublish", "canWrite", "canOpen"};
    if (strcmp(name, "state.incr") && !hub_str_starts(hub_cstr(name), HUB_STR("redis."))) return false;
    for (size_t i = 0; i < HUB_NELEM(places); i++)
        if (hub_hook_ends_in(a->script->script->path, places[i])) return true;
    return false;
}

/* What somebody asks for again and again, and nobody knows how often. */
static void check_place(const struct hub_analysis *a, const struct hub_function *f, const char *name,
                        const struct hub_syntax *x) {
    const struct hub_hook_row *h = a->hook;
    const struct hub_def *d = hub_analysis_hub(a);
    if (!h || !a->script) return;
    if (h->decides && (f->does & HUB_DOES_SEND || !strcmp(name, "sleep") || !strcmp(name, "hub.kick")))
        hub_analysis_tell(a, "L008", x->a->at, x->a->n, NULL, "%s makes no sense in %s, which only decides", name,
                          a->script->row->key);
    else if (h->decides && f->does & HUB_DOES_CHANGE && !counts_how_often(a, name) &&
             !hub_hook_ends_in(a->script->script->path, "authScripts.script"))
        hub_analysis_tell(a, "L008", x->a->at, x->a->n, NULL,
                          "%s changes something each time that %s is asked, which only decides", name,
                          a->script->row->key);
    else if (h->each_join && f->does & HUB_DOES_ASK && d && d->max_users_per_room > MANY_USERS)
        hub_analysis_tell(a, "L008", x->a->at, x->a->n, NULL,
                          "%s is called for everybody who joins, and maxUsersPerRoom is %lld: keep the answer in the "
                          "room's record",
                          name, (long long)d->max_users_per_room);
}

/* ---- lib ---- */

static void check_require(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *arg = x->list;
    struct hub_nearest near = {0};
    bool outermost = !a->script; /* of a module: running it says so */
    if (outermost || !hub_analysis_is_free(a, x->a, "require") || !arg || arg->kind != HUB_SYNTAX_TEXT || !a->l->known)
        return;
    near.word = arg->text;
    for (size_t i = 0; i < a->l->module_n; i++) {
        if (hub_str_is(arg->text, a->l->modules[i].name)) return;
        hub_nearest_try(&near, a->l->modules[i].name);
    }
    hub_analysis_tell(a, CODE, arg->at, arg->n, near.best, "there is no module \"%.*s\" in lib",
                      HUB_CUT(arg->text, 60));
}

static void check_lib(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *f = x->a;
    const char *module = f->kind == HUB_SYNTAX_MEMBER ? hub_analysis_module(a, f->a) : NULL;
    const struct hub_lib_function *lib = module ? hub_analysis_lib(a, module, f->text) : NULL;
    if (!lib || (lib->function->method && !f->method)) return;
    size_t most = 0, least = hub_analysis_needs(lib->function), own = f->method && !lib->function->method;
    for (const struct hub_syntax *p = lib->function->list; p; p = p->next) most++;
    if (own) return; /* the table itself is the first argument */
    const char *name = hub_arena_fmt(a->l->scratch, "lib.%s.%.*s", module, HUB_FMT(f->text));
    check_number(a, x, name, least, lib->function->open ? SIZE_MAX : most);
}

/* ---- colons ---- */

static const char methods[] = "emit emitWithAck join leave to except disconnect sockets read write finish destroy";

static bool is_own_variable(const struct hub_analysis *a, const struct hub_syntax *x) {
    return hub_analysis_has_variable(a, x->text) && !hub_analysis_binding(a, x);
}

/* In Lua methods have a colon, and functions of a table have none. */
static void check_colon(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *f = x->a, *object = f->a, *first = x->list;
    if (!a->lua || f->kind != HUB_SYNTAX_MEMBER || object->kind != HUB_SYNTAX_NAME) return;
    bool has_methods = is_own_variable(a, object) && hub_str_among(object->text, "socket namespace stream");
    bool self = first && first->kind == HUB_SYNTAX_NAME && hub_str_eq(first->text, object->text);
    if (has_methods && !f->method && hub_str_among(f->text, methods) && !self)
        hub_analysis_tell(a, CODE, f->at, f->n, NULL, "it is called with a colon: %.*s:%.*s(…)", HUB_FMT(object->text),
                          HUB_FMT(f->text));
    const struct hub_function_table *t =
        has_methods || hub_analysis_binding(a, object) || hub_analysis_has_variable(a, object->text)
            ? NULL
            : hub_function_table(object->text);
    if (t && f->method && hub_function_in(t, f->text))
        hub_analysis_tell(a, CODE, f->at, f->n, NULL, "it is called with a dot: %s.%.*s(…)", t->name, HUB_FMT(f->text));
}

void hub_analysis_call(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_function_table *t;
    const struct hub_function *f = hub_analysis_function(a, x->a, &t);
    check_require(a, x);
    check_lib(a, x);
    check_colon(a, x);
    if (!f) return;
    const char *name = t ? hub_arena_fmt(a->l->scratch, "%s.%s", t->name, f->name) : f->name;
    const struct hub_syntax *e = x->list;
    check_number(a, x, name, hub_function_least(f), hub_function_most(f));
    for (size_t i = 0; f->args[i].kind && e; i++, e = e->next) check_argument(a, &f->args[i], name, x, e);
    check_hub_meant(a, t, name, x);
    check_place(a, f, name, x);
}
