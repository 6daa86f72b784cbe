/* What hubs and plain namespaces both declare: commands and what is around them. */
#include "base/memory/mem.h"
#include "schema/kw_parts.h"
#include "schema/loader.h"

/* ---- commands ---- */

static void check_command_role(struct hub_loader *l, struct hub_raw *h, const struct hub_def_command *c,
                               const char *name) {
    struct hub_nearest near = {.word = hub_cstr(name)};
    for (size_t i = 0; i < h->def.role_n; i++) {
        if (!h->def.roles[i].name) continue;
        if (!strcmp(h->def.roles[i].name, name)) return;
        hub_nearest_try(&near, h->def.roles[i].name);
    }
    if (hub_is_role_told(l, h, name)) return;
    const struct hub_node *at = hub_place(l, c, "roles");
    hub_complain(l, "H012", at, NULL, near.best, "roles \"%s\" is not defined in hubRoles%s", name, hub_used_by(l, at));
}

static void check_command_room(struct hub_loader *l, struct hub_raw *h, const struct hub_def_command *c) {
    const struct hub_node *room = hub_place(l, c, "room");
    bool misspelt =
        room->kind == HUB_NODE_SCALAR && room->value.n && !hub_str_among(room->value, "none optional required");
    if (misspelt) return; /* which has been said */
    if (!h && c->room != HUB_COMMAND_NO_ROOM)
        hub_complain(l, "E001", room, NULL, "none", "a plain namespace has no rooms of a hub%s", hub_used_by(l, room));
    if (c->roles.n && c->room != HUB_COMMAND_IN_ROOM)
        hub_complain(l, "E001", hub_place(l, c, "roles"), NULL, NULL,
                     "roles are what somebody is in a room: \"%s\" needs room: required", c->name);
    if (c->order == HUB_COMMAND_BY_ROOM && c->room != HUB_COMMAND_IN_ROOM)
        hub_complain(l, "E001", hub_place(l, c, "order"), NULL, NULL,
                     "the queue of a room needs one: \"%s\" needs room: required", c->name);
    if (c->stream && c->room != HUB_COMMAND_NO_ROOM)
        hub_complain(l, "E001", hub_place(l, c, "room"), NULL, "none", "a command with stream: true is about no room");
    for (size_t i = 0; h && i < c->roles.n; i++) check_command_role(l, h, c, c->roles.items[i]);
}

/* Clients emit that event by its name, and the command by its own. */
static void check_custom_event(struct hub_loader *l, const struct hub_raw *h, const struct hub_def_command *c) {
    const struct hub_def_custom_event *e = hub_def_custom_event(&h->def, hub_cstr(c->name));
    const struct hub_node *at = hub_place(l, c, "name");
    if (e && e->direction == HUB_CLIENT_TO_ROOM)
        hub_complain(l, "E002", at, NULL, NULL,
                     "\"%s\" is an event of clients, too (customEvents, %s); only one of them would ever hear of it%s",
                     c->name, hub_line_of(l, hub_place(l, e, "name"), at), hub_used_by(l, at));
}

/* The command's name is an event, too. */
static void check_command_name(struct hub_loader *l, struct hub_raw *h, const struct hub_def_command *c) {
    const struct hub_standard_event *standard = hub_standard_event(hub_cstr(c->name));
    struct hub_node *at = hub_place(l, c, "name");
    if (hub_is_socket_event(c->name))
        hub_complain(l, "E002", at, NULL, NULL, "\"%s\" is an event of Socket.IO itself", c->name);
    else if (h && standard && standard->alias && hub_standard_event_on(&h->def, standard))
        hub_complain(l, "E002", at, NULL, NULL, "\"%s\" is the built-in event that %s turns on%s", c->name,
                     standard->keyword, hub_used_by(l, at));
    if (h) check_custom_event(l, h, c);
}

static void tell_handler(struct hub_loader *l, const struct hub_node *command, const struct hub_node *event) {
    bool plugin = command->src != event->src;
    hub_complain(l, "E002", command, NULL, NULL,
                 "\"%.*s\" is an event of this namespace, too%s%s%s; only one of them would ever hear of it",
                 HUB_FMT(command->value), plugin ? " (" : "", plugin ? hub_line_of(l, event, command) : "",
                 plugin ? ")" : "");
}

static void check_command_handlers(struct hub_loader *l, const struct hub_def_namespace *n,
                                   const struct hub_def_command *c) {
    for (size_t i = 0; i < n->event_n; i++)
        if (n->events[i].name && !strcmp(n->events[i].name, c->name))
            tell_handler(l, hub_place(l, c, "name"), hub_place(l, &n->events[i], "name"));
}

static void check_command(struct hub_loader *l, struct hub_raw *h, struct hub_def_command *c) {
    if (!c->name) return;
    check_command_room(l, h, c);
    check_command_name(l, h, c);
}

/* ---- middleware ---- */

static void check_middleware(struct hub_loader *l, const struct hub_def_middleware *m, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (m[i].name && m[i].before.kind == HUB_SCRIPT_NONE && m[i].after.kind == HUB_SCRIPT_NONE)
            hub_complain(l, "E003", hub_place(l, &m[i], "name"), NULL, NULL,
                         "the middleware \"%s\" does nothing: it has neither before nor after", m[i].name);
}

/* Whether there are plugins whose parts are not among P: what is not there may be in one of them. */
static bool misses_plugins(const struct hub_loader *l, const struct hub_def_parts *p) {
    bool misses = l->as_written && p->plugin_n;
    for (size_t i = 0; i < p->plugin_n; i++) misses = misses || !p->plugins[i].plugin;
    return misses;
}

/* Warns when there is nothing of what M is around: a plain namespace has no messages or events of a hub. */
static void check_around(struct hub_loader *l, struct hub_raw *h, const struct hub_def_parts *p,
                         const struct hub_def_middleware *m) {
    unsigned commands = 1u << HUB_AROUND_COMMANDS, of_hubs = 1u << HUB_AROUND_MESSAGES | 1u << HUB_AROUND_EVENTS;
    unsigned missing = (p->command_n || misses_plugins(l, p) ? 0 : commands) | (h ? 0 : of_hubs);
    if (!m->name || !m->kinds || m->kinds & ~missing) return;
    struct hub_buf none = {0};
    for (size_t i = 0; i < m->on.n; i++) hub_buf_addf(&none, "%s%s", i ? " and no " : "", m->on.items[i]);
    hub_complain(l, "E003", hub_place(l, m, "name"), NULL, NULL,
                 "the middleware \"%s\" does nothing: there are no %s here%s", m->name,
                 none.n ? hub_buf_cstr(&none) : hub_words_around[HUB_AROUND_COMMANDS].word,
                 hub_used_by(l, hub_place(l, m, "name")));
    hub_buf_free(&none);
}

/* ---- guards ---- */

static const struct {
    const char *table, *function, *hint; /* FUNCTION NULL: any */
} unheard[] = {{"db", NULL, "; objects.find and objects.list are heard of"},
               {"redis", NULL, ""},
               {"http", NULL, ""},
               {"queues", "get", ""},
               {"queues", "stats", ""},
               {"nodes", NULL, ""}};

static bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* Whether TEXT goes on with a dot and FUNCTION, or any name if it is NULL. */
static bool goes_on_with(struct hub_str text, const char *function) {
    size_t at = 0;
    while (at < text.n && text.p[at] == ' ') at++;
    if (at == text.n || text.p[at++] != '.') return false;
    while (at < text.n && text.p[at] == ' ') at++;
    struct hub_str rest = hub_str(text.p + at, text.n - at), name = hub_cstr(function ? function : "");
    if (!function) return true;
    return hub_str_starts(rest, name) && (rest.n == name.n || !is_name_byte(rest.p[name.n]));
}

/* As far as its text says so: a module may do it for it, and a comment may speak of it. */
static bool calls_function(struct hub_str text, struct hub_str table, const char *function) {
    bool does = false;
    for (size_t at = 0; at + table.n < text.n && !does; at++) {
        struct hub_str rest = hub_str(text.p + at, text.n - at);
        bool named = hub_str_starts(rest, table) && (!at || !is_name_byte(text.p[at - 1]));
        does = named && goes_on_with(hub_str(rest.p + table.n, rest.n - table.n), function);
    }
    return does;
}

/* What has been granted ends with what its guard has read, where the engine hears of that. */
static void check_guard(struct hub_loader *l, const struct hub_script *s, const struct hub_node *at, bool of_row) {
    for (size_t i = 0; i < HUB_NELEM(unheard) && s->kind != HUB_SCRIPT_NONE; i++) {
        if (of_row && i == 0) continue; /* of its own row it is asked before each change */
        const char *table = unheard[i].table, *function = unheard[i].function;
        if (!calls_function(s->text, hub_cstr(table), function)) continue;
        hub_complain(
            l, "E023", at, NULL, NULL,
            "a guard that reads by %s%s%s is not asked again when that changes: what it has granted goes on%s%s", table,
            function ? "." : "", function ? function : "", unheard[i].hint, hub_used_by(l, at));
    }
}

static void check_channel(struct hub_loader *l, struct hub_def_channel *c) {
    check_guard(l, &c->can_subscribe, hub_place(l, c, "canSubscribe"), false);
    if (c->redis && !l->alone && l->service->cache_url &&
        hub_str_starts(hub_cstr(l->service->cache_url), HUB_STR("memory:")))
        hub_complain(l, "E022", hub_place(l, c, "redis"), NULL, NULL,
                     "nobody else publishes in the cache \"memory:\", nor hears of it; cache.url needs redis://…");
}

static bool has_id_part(const struct hub_def_pattern *p) {
    return strstr(p->text, p->is_regex ? "(?<id>" : "{id}") || (p->is_regex && strstr(p->text, "(?P<id>"));
}

static void check_record(struct hub_loader *l, struct hub_def_record *r) {
    check_guard(l, &r->can_read, hub_place(l, r, "canRead"), r->data_object != NULL);
    if (r->data_object && r->pattern.compiled && !has_id_part(&r->pattern))
        hub_complain(l, "E031", hub_place(l, r, "pattern"), NULL, NULL,
                     "the pattern says not which row of %s it is: it has no part {id}", r->data_object->name);
}

/* ---- collections ---- */

static void check_property(struct hub_loader *l, const struct hub_def_object *o, struct hub_node *at,
                           struct hub_str name) {
    struct hub_nearest near = {.word = name};
    int i = hub_def_property(o, name);
    for (size_t k = 0; k < o->property_n; k++) hub_nearest_try(&near, o->properties[k].name);
    if (i < 0)
        hub_complain(l, "H011", at, NULL, near.best, "\"%.*s\" is not a property of %s", HUB_FMT(name), o->name);
    else if (o->properties[i].type == HUB_FIELD_JSON)
        hub_complain(l, "E032", at, NULL, NULL, "\"%.*s\" is JSON, which has neither order nor equals", HUB_FMT(name));
}

static void check_query(struct hub_loader *l, const struct hub_def_collection *c) {
    struct hub_str by = hub_cstr(c->order_by ? c->order_by : "");
    for (size_t i = 0; i < c->where.n; i++)
        check_property(l, c->data_object, hub_place(l, c, "where"), hub_cstr(c->where.items[i].name));
    if (by.n && by.p[0] == '-') by.p++, by.n--;
    if (by.n) check_property(l, c->data_object, hub_place(l, c, "orderBy"), by);
}

static void check_collection(struct hub_loader *l, const struct hub_def_collection *c) {
    bool query = hub_place(l, c, "dataObject") != hub_place(l, c, ""), script = c->resolver.kind != HUB_SCRIPT_NONE;
    check_guard(l, &c->can_read, hub_place(l, c, "canRead"), false);
    if (!c->pattern.text) return;
    if (query == script)
        hub_complain(l, "E032", hub_place(l, c, query ? "resolver" : "pattern"), NULL, NULL,
                     query ? "a collection has either dataObject or resolver"
                           : "nothing says what is in the collection: it needs dataObject or resolver");
    if (!query && (c->where.n || c->order_by))
        hub_complain(l, "E032", hub_place(l, c, c->where.n ? "where" : "orderBy"), NULL, NULL,
                     "where and orderBy are of a query: they need dataObject");
    if (query && c->watch.n)
        hub_complain(l, "E032", hub_place(l, c, "watch"), NULL, NULL,
                     "watch is of a resolver; a query is kept up to date by itself");
    if (c->data_object) check_query(l, c);
}

void hub_finish_part_fields(struct hub_loader *l, struct hub_def_parts *p) {
    for (size_t i = 0; i < p->command_n; i++) {
        hub_finish_fields(l, p->commands[i].fields, p->commands[i].field_n);
        hub_finish_fields(l, p->commands[i].result, p->commands[i].result_n);
    }
    for (size_t i = 0; i < p->channel_n; i++) hub_finish_fields(l, p->channels[i].fields, p->channels[i].field_n);
    for (size_t i = 0; i < p->record_n; i++) hub_finish_fields(l, p->records[i].fields, p->records[i].field_n);
}

static void check_parts(struct hub_loader *l, struct hub_raw *h, struct hub_def_parts *p) {
    check_middleware(l, p->middleware, p->middleware_n);
    for (size_t i = 0; i < p->middleware_n; i++) check_around(l, h, p, &p->middleware[i]);
    for (size_t i = 0; i < p->command_n; i++) {
        check_command(l, h, &p->commands[i]);
        check_middleware(l, p->commands[i].middleware, p->commands[i].middleware_n);
    }
    for (size_t i = 0; i < p->channel_n; i++) check_channel(l, &p->channels[i]);
    for (size_t i = 0; i < p->record_n; i++) check_record(l, &p->records[i]);
    for (size_t i = 0; i < p->collection_n; i++) check_collection(l, &p->collections[i]);
    hub_finish_part_fields(l, p);
}

void hub_check_hub_parts(struct hub_loader *l, struct hub_raw *h) { check_parts(l, h, &h->def.parts); }

/* A change is no matter of one of the names that an expression fits. */
static void check_record_hook(struct hub_loader *l, const struct hub_def_namespace *n, const struct hub_def_record *r) {
    if (n->pattern.is_regex && r->on_changed.kind != HUB_SCRIPT_NONE)
        hub_complain(l, "E030", hub_place(l, r, "onChanged"), NULL, NULL,
                     "onChanged never runs here: the namespaces of an expression are many, and a change is told once%s",
                     hub_used_by(l, hub_place(l, r, "onChanged")));
}

void hub_check_namespace_parts(struct hub_loader *l, struct hub_def_namespace *n) {
    check_parts(l, NULL, &n->def.parts);
    for (size_t i = 0; i < n->def.parts.record_n; i++) check_record_hook(l, n, &n->def.parts.records[i]);
    for (size_t i = 0; i < n->def.parts.command_n; i++)
        if (n->def.parts.commands[i].name) check_command_handlers(l, n, &n->def.parts.commands[i]);
}
