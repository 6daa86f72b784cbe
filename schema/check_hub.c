/* What a hub must hold beyond its fields' own types: names that mean something to others, roles that make
 * sense together. */
#include <strings.h>

#include "schema/loader.h"

static const char *name_or(const char *s) { return s ? s : ""; }

/* The text written at KEY of a struct; empty when there is none. */
static struct hub_str text_of_key(struct hub_loader *l, const void *base, const char *key) {
    struct hub_node *n = hub_node_get(hub_place(l, base, ""), hub_cstr(key));
    if (n && n->kind == HUB_NODE_MAP) n = hub_node_get(n, HUB_STR("lua"));
    return n && n->kind == HUB_NODE_SCALAR && !hub_node_is_null(n) ? hub_str_trim(n->value) : hub_str("", 0);
}

/* ---- names ---- */

/* Inside hooks the room record has the name of its DataObject. */
static void check_room_name(struct hub_loader *l, struct hub_raw *h) {
    static const char *const variables[] = {"user", "session", "message", "roomId"};
    struct hub_node *n = hub_place(l, h, "roomSettings.roomDataObject");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (n->kind == HUB_NODE_SCALAR && hub_str_is(n->value, variables[i]))
            hub_complain(l, "H019", n, NULL, NULL,
                         "\"%s\" is a variable of hooks, so the room's DataObject needs another name", variables[i]);
}

static void check_basics(struct hub_loader *l, struct hub_raw *h) {
    static const char *const taken[] = {"objects", "healthz", "readyz",   "metrics",
                                        "console", "hub",     "channels", "records"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name_or(h->def.name), taken[i]) == 0)
            hub_complain(l, "H019", hub_place(l, h, "hubBasics.name"), NULL, NULL,
                         "\"%s\" is a path of hubd itself and cannot name a hub", taken[i]);
}

static void check_roles(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->def.role_n; i++)
        if (strcmp(name_or(h->def.roles[i].name), "system") == 0)
            hub_complain(l, "H019", hub_place(l, &h->def.roles[i], "name"), NULL, NULL,
                         "the role \"system\" is built in (it is what absoluteRoles get) and cannot be redefined");
}

static bool has_type(const struct hub_raw *h, const char *name) {
    return hub_def_message_type(&h->def, hub_cstr(name)) != NULL;
}

/* A type that is misspelt in the list of them may be any. */
static bool are_types_wrong(struct hub_loader *l, const struct hub_raw *h) {
    return hub_is_place_wrong(l, h->def.file, "messageSettings.messageTypes");
}

static void unknown_type(struct hub_loader *l, struct hub_raw *h, const char *code, struct hub_node *n,
                         const struct hub_range *r, const char *name) {
    struct hub_nearest near = {.word = hub_cstr(name)};
    for (size_t i = 0; i < h->def.message_type_n; i++) hub_nearest_try(&near, name_or(h->def.message_types[i].name));
    bool builtin = hub_words_index(hub_words_message_type, hub_cstr(name)) >= 0;
    if (builtin && are_types_wrong(l, h)) return;
    if (builtin)
        hub_complain(l, code, n, r, NULL, "message type \"%s\" is not enabled in messageSettings.messageTypes", name);
    else
        hub_complain(l, code, n, r, near.best, "message type \"%s\" is not defined in messageSettings", name);
}

/* Whether one of the first N roles allows the type: if there is none, that has been said. */
static bool is_allowed_before(const struct hub_def *d, size_t n, const char *type) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d->roles[i].allowed_message_types.n; k++)
            if (!strcmp(d->roles[i].allowed_message_types.items[k], type)) return true;
    return false;
}

static void check_allowed_types(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->def.role_n; i++) {
        const struct hub_strs *types = &h->def.roles[i].allowed_message_types;
        struct hub_node *n = hub_place(l, &h->def.roles[i], "allowedMessageTypes");
        for (size_t k = 0; k < types->n; k++) {
            if (has_type(h, types->items[k]) || is_allowed_before(&h->def, i, types->items[k])) continue;
            struct hub_range r = hub_strings_span(n, k);
            unknown_type(l, h, "H013", n, &r, types->items[k]);
        }
    }
}

static void check_custom_types(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->custom_type_n; i++)
        if (hub_words_index(hub_words_message_type, hub_cstr(h->custom_types[i].name)) >= 0)
            hub_complain(l, "H019", hub_place(l, &h->custom_types[i], "name"), NULL, NULL,
                         "\"%s\" is a built-in message type; give the custom one another name",
                         h->custom_types[i].name);
    if (!h->def.message_type_n)
        hub_complain(l, "H027", hub_place(l, h, "messageSettings.messageTypes"), NULL, NULL,
                     "the hub has no message types: nobody can send anything");
}

static void check_handlers(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->def.message_handler_n; i++) {
        const char *type = h->def.message_handlers[i].message_type;
        struct hub_node *n = hub_place(l, &h->def.message_handlers[i], "messageType");
        if (!type) continue;
        if (hub_words_index(hub_words_message_type, hub_cstr(type)) >= 0)
            hub_complain(l, "H015", n, NULL, NULL,
                         "\"%s\" is a built-in message type; handlers intercept custom message types", type);
        else if (!has_type(h, type) && !is_allowed_before(&h->def, h->def.role_n, type))
            unknown_type(l, h, "H014", n, NULL, type);
    }
}

/* ---- events ---- */

static void check_event_name(struct hub_loader *l, struct hub_raw *h, struct hub_node *n, const char *name) {
    const struct hub_standard_event *standard = hub_standard_event(hub_cstr(name));
    if (strncmp(name, "hub:", 4) == 0)
        hub_complain(l, "H019", n, NULL, hub_arena_dup(l->scratch, hub_cstr(name + 4)),
                     "event names that start with \"hub:\" belong to hubd");
    else if (hub_is_socket_event(name))
        hub_complain(l, "H019", n, NULL, NULL, "\"%s\" is an event of Socket.IO itself", name);
    else if (standard && hub_standard_event_on(&h->def, standard)) /* while it is off, the hub may have its own */
        hub_complain(l, "H019", n, NULL, NULL, "\"%s\" is the built-in event that %s turns on", name,
                     standard->keyword);
}

static void check_events(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->def.custom_event_n; i++) {
        const struct hub_def_custom_event *e = &h->def.custom_events[i];
        if (e->name) check_event_name(l, h, hub_place(l, e, "name"), e->name);
    }
    for (size_t i = 0; i < h->def.kafka_event_n; i++) {
        const struct hub_def_kafka_event *e = &h->def.kafka_events[i];
        if (!e->name) continue;
        check_event_name(l, h, hub_place(l, e, "name"), e->name);
        if (hub_def_custom_event(&h->def, hub_cstr(e->name)))
            hub_complain(l, "H007", hub_place(l, e, "name"), NULL, NULL,
                         "name \"%s\" is used twice: it is also a custom event", e->name);
    }
}

/* ---- authorisation ---- */

static bool have_same_text(struct hub_loader *l, const void *a, const void *b, const char *key) {
    return hub_str_eq(text_of_key(l, a, key), text_of_key(l, b, key));
}

static bool covers_source(struct hub_loader *l, const struct hub_def_auth_source *a,
                          const struct hub_def_auth_source *b) {
    if (!text_of_key(l, a, "sourceObject").n) return false;
    return have_same_text(l, a, b, "sourceObject") && have_same_text(l, a, b, "userField") &&
           have_same_text(l, a, b, "roomField") &&
           (a->condition.kind == HUB_SCRIPT_NONE || hub_script_constant(&a->condition) == HUB_ALWAYS_TRUE ||
            have_same_text(l, a, b, "condition"));
}

static void check_auth_sources(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    for (size_t b = 1; b < d->auth_source_n; b++)
        for (size_t a = 0; a < b; a++) {
            if (!covers_source(l, &d->auth_sources[a], &d->auth_sources[b])) continue;
            struct hub_node *first = hub_place(l, &d->auth_sources[a], "");
            hub_complain(l, "H020", hub_place(l, &d->auth_sources[b], ""), NULL, NULL,
                         "this auth source is never reached: \"%s\" on line %d matches whenever it would",
                         name_or(d->auth_sources[a].name), hub_node_mark(first).line);
            break;
        }
}

static void check_auth_scripts(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    for (size_t b = 1; b < d->auth_script_n; b++)
        for (size_t a = 0; a < b; a++) {
            const struct hub_script *one = &d->auth_scripts[a].script, *two = &d->auth_scripts[b].script;
            bool equal = one->kind != HUB_SCRIPT_NONE && one->kind == two->kind &&
                         hub_str_eq(hub_str_trim(one->text), hub_str_trim(two->text));
            if (!equal && hub_script_constant(one) != HUB_ALWAYS_TRUE) continue;
            struct hub_node *first = hub_place(l, &d->auth_scripts[a], "");
            hub_complain(l, "H021", hub_place(l, &d->auth_scripts[b], ""), NULL, NULL,
                         "this auth script is never reached: \"%s\" on line %d matches whenever it would",
                         name_or(d->auth_scripts[a].name), hub_node_mark(first).line);
            break;
        }
}

/* A role that was named but not found may have been meant to be any of them. */
bool hub_names_unknown_role(struct hub_loader *l, const struct hub_def *d) {
    for (size_t i = 0; i < d->role_n; i++)
        if (!d->roles[i].name) return true;
    for (size_t i = 0; i < d->auth_source_n; i++)
        if (!d->auth_sources[i].hub_role && text_of_key(l, &d->auth_sources[i], "hubRole").n) return true;
    for (size_t i = 0; i < d->auth_script_n; i++)
        if (!d->auth_scripts[i].hub_role && text_of_key(l, &d->auth_scripts[i], "hubRole").n) return true;
    return false;
}

/* Somebody who can moderate: a granted role, or the built-in role of absoluteRoles. */
static bool has_moderator(const struct hub_def *d, bool *defined) {
    bool found = d->absolute_roles.n > 0;
    *defined = found;
    for (size_t i = 0; i < d->role_n; i++) {
        if (!d->roles[i].can_moderate) continue;
        *defined = true;
        if (hub_def_is_granted(d, &d->roles[i])) found = true;
    }
    return found;
}

static void check_moderation(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    bool defined;
    if (has_moderator(d, &defined) || hub_names_unknown_role(l, d) || hub_is_place_wrong(l, d->file, "hubRoles"))
        return;
    const char *who =
        defined ? "no role with canModerate is granted by authSources or authScripts, and there are no absoluteRoles"
                : "there is no role with canModerate and there are no absoluteRoles";
    for (size_t i = 0; i < d->role_n; i++)
        if (d->roles[i].moderated && d->roles[i].can_send && (!defined || hub_def_is_granted(d, &d->roles[i])))
            hub_complain(l, "H022", hub_place(l, &d->roles[i], "moderated"), NULL, NULL,
                         "messages of \"%s\" wait for approval, but %s", name_or(d->roles[i].name), who);
    if (d->global_moderation)
        hub_complain(l, "H022", hub_place(l, h, "guardrails.globalModeration"), NULL, NULL,
                     "all messages wait for approval, but %s", who);
    if (d->default_silenced)
        hub_complain(l, "H023", hub_place(l, h, "guardrails.defaultSilenced"), NULL, NULL,
                     "everybody joins silenced and nobody can let them speak: %s", who);
}

static void check_roles_granted(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    struct hub_node *room = hub_place(l, h, "roomSettings");
    if (!d->auth_source_n && !d->auth_script_n && hub_node_get(hub_place(l, h, ""), HUB_STR("roomSettings")))
        hub_complain(l, "H025", room, &room->key_range, NULL,
                     "without authSources and authScripts every authenticated user who passes the checks is admitted, "
                     "with no specific role");
    for (size_t i = 0; i < d->role_n && !hub_names_unknown_role(l, d); i++)
        if (d->roles[i].name && hub_def_role(d, hub_cstr(d->roles[i].name)) == &d->roles[i] &&
            !hub_def_is_granted(d, &d->roles[i]))
            hub_complain(l, "H026", hub_place(l, &d->roles[i], "name"), NULL, NULL,
                         "no authSource and no authScript grants the role \"%s\"", d->roles[i].name);
}

/* ---- limits ---- */

/* The REST endpoints of a hub lie below its name. */
static void check_listen_path(struct hub_loader *l, struct hub_raw *h) {
    const char *path = l->alone || !l->service->listen_path ? "" : l->service->listen_path;
    size_t n = h->def.name ? strlen(h->def.name) : 0;
    if (!n || strncmp(path, "/", 1) || strncmp(path + 1, h->def.name, n) || (path[n + 1] && path[n + 1] != '/')) return;
    hub_complain(l, "S041", hub_place(l, l->service, "listen.path"), NULL, NULL,
                 "path \"%s\" cannot be used: the hub %s is served there", path, h->def.name);
}

static const struct hub_fields *table_of_guardrails(void) {
    return hub_fields_row(&hub_fields_hub, HUB_STR("guardrails"))->table;
}

/* Whichever of the two somebody has set: of maxPayload all hubs may be too large, which is told once. */
static void check_size(struct hub_loader *l, struct hub_raw *h) {
    if (l->alone || h->def.max_message_size < l->service->max_payload) return;
    struct hub_node *size = hub_node_get(hub_place(l, h, "guardrails"), HUB_STR("maxMessageSize")),
                    *payload = hub_node_get(hub_place(l, l->service, "listen"), HUB_STR("maxPayload"));
    int64_t usual = 0;
    hub_str_i64(hub_cstr(hub_fields_row(table_of_guardrails(), HUB_STR("maxMessageSize"))->fallback), &usual);
    if (payload && (!size || h->def.max_message_size <= usual))
        hub_complain(
            l, "H024", payload, NULL, NULL,
            "maxPayload %lld must be larger than maxMessageSize of each hub, which is %lld where it is not written",
            (long long)l->service->max_payload, (long long)usual);
    else
        hub_complain(
            l, "H024", size ? size : hub_place(l, h, "guardrails.maxMessageSize"), NULL, NULL,
            "maxMessageSize %lld does not fit into listen.maxPayload %lld of service.yaml, which must be larger",
            (long long)h->def.max_message_size, (long long)l->service->max_payload);
}

/* ---- hubExtensions ---- */

static void check_room_update(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    struct hub_node *n = hub_place(l, h, "hubExtensions.roomUpdate.properties");
    for (size_t i = 0; d->room_object && i < d->room_update.n; i++) {
        struct hub_str name = hub_cstr(d->room_update.items[i]);
        struct hub_range r = hub_strings_span(n, i);
        struct hub_nearest near = {.word = name};
        for (size_t k = 0; k < d->room_object->property_n; k++)
            hub_nearest_try(&near, name_or(d->room_object->properties[k].name));
        if (hub_def_property(d->room_object, name) < 0)
            hub_complain(l, "H011", n, &r, near.best, "\"%s\" is not a property of %s%s", name.p, d->room_object->name,
                         hub_used_by(l, n));
        else if (hub_def_kept_by_hubd(d->room_object, name))
            hub_complain(l, "H029", n, &r, NULL, "\"%s\" is kept by hubd and cannot be changed by hub:updateRoom%s",
                         name.p, hub_used_by(l, n));
        else if (hub_def_sources_read(d, name))
            hub_complain(l, "H029", n, &r, NULL,
                         "\"%s\" is read by an authSource of this hub: whoever may change it by hub:updateRoom could "
                         "give himself a role%s",
                         name.p, hub_used_by(l, n));
    }
}

static void check_presence_state(struct hub_loader *l, struct hub_raw *h) {
    hub_finish_fields(l, h->def.presence_state.fields, h->def.presence_state.field_n);
}

static bool names_a_source(const struct hub_def *d, struct hub_str name, struct hub_nearest *near) {
    for (size_t i = 0; i < d->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &d->auth_sources[i];
        if (hub_def_inbox_names(s, name)) return true;
        hub_nearest_try(near, name_or(s->name));
        if (s->source_object) hub_nearest_try(near, s->source_object->name);
    }
    return false;
}

static void check_inbox(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    if (!hub_def_has_inbox(d)) return;
    if (!d->auth_source_n) {
        struct hub_node *inbox = hub_place(l, h, "hubExtensions.inbox");
        hub_complain(l, "E060", inbox, NULL, NULL,
                     "%s: records of authSources say which rooms are a user's, and there are none%s",
                     d->auth_script_n ? "a hub with authScripts only has no inbox" : "this hub has no inbox",
                     hub_used_by(l, inbox));
        return;
    }
    struct hub_node *n = hub_place(l, h, "hubExtensions.inbox.roomsBy");
    for (size_t i = 0; i < d->inbox.rooms_by.n; i++) {
        struct hub_range r = hub_strings_span(n, i);
        struct hub_nearest near = {.word = hub_cstr(d->inbox.rooms_by.items[i])};
        if (!names_a_source(d, near.word, &near))
            hub_complain(l, "E061", n, &r, near.best, "\"%s\" is no authSource of this hub, nor an object of one%s",
                         d->inbox.rooms_by.items[i], hub_used_by(l, n));
    }
}

void hub_check_hub(struct hub_loader *l, struct hub_raw *h) {
    check_basics(l, h);
    check_room_name(l, h);
    check_roles(l, h);
    check_allowed_types(l, h);
    check_custom_types(l, h);
    check_handlers(l, h);
    check_events(l, h);
    check_auth_sources(l, h);
    check_auth_scripts(l, h);
    check_moderation(l, h);
    check_roles_granted(l, h);
    check_size(l, h);
    check_listen_path(l, h);
    check_room_update(l, h);
    check_presence_state(l, h);
    check_inbox(l, h);
    hub_check_hub_parts(l, h);
}

/* ---- hubs of one service together ---- */

static void check_generated(struct hub_loader *l, struct hub_map *names, struct hub_raw *h, struct hub_node *n,
                            const char *name) {
    const char *owner = hub_map_put(names, hub_cstr(hub_lower(l, name)), (void *)h->def.name);
    if (owner)
        hub_complain(l, "H028", n, NULL, NULL, "the generated DataObject \"%s\" has the name of another one (%s)", name,
                     owner);
    if (hub_is_reserved_table(name))
        hub_complain(l, "H019", n, NULL, NULL, "\"%s\" cannot be a table: " HUB_RESERVED_TABLES, name);
}

/* A hub answers below any prefix, and is asked first. */
static void check_shadowed(struct hub_loader *l, const struct hub_def_namespace *n) {
    for (size_t i = 0; n->path && !n->pattern.is_regex && i < l->hub_n; i++) {
        const char *name = l->hubs[i]->def.name, *path = name ? hub_arena_fmt(l->scratch, "/hub/%s", name) : NULL;
        if (path && hub_str_ends(hub_cstr(n->path), hub_cstr(path)))
            hub_complain(l, "S022", hub_place(l, n, "path"), NULL, NULL,
                         "\"%s\" ends in %s, and whatever does is the hub %s", n->path, path, name);
    }
}

static void check_own_tables(struct hub_loader *l, struct hub_map *names, struct hub_raw *h) {
    for (size_t i = 0; i < HUB_OWN_TABLES; i++) {
        const struct hub_own_table_row *row = &hub_own_tables[i];
        if (i == HUB_OWN_MESSAGE || (row->wanted && !row->wanted(&h->def))) continue; /* messages may have a name */
        check_generated(l, names, h, hub_place(l, h, "hubBasics.name"),
                        hub_arena_fmt(l->scratch, "%s%s", h->def.name, row->suffix));
    }
}

static bool any_part(const struct hub_loader *l, bool (*says)(const struct hub_def_parts *parts)) {
    for (size_t i = 0; i < l->hub_n; i++)
        if (says(&l->hubs[i]->def.parts)) return true;
    for (size_t i = 0; i < l->service->namespace_n; i++)
        if (says(&l->service->namespaces[i].def.parts)) return true;
    return false;
}

static void check_service_tables(struct hub_loader *l, struct hub_map *names) {
    for (size_t i = 0; l->service->name && i < HUB_SERVICE_TABLES; i++) {
        const struct hub_service_table_row *row = &hub_service_tables[i];
        if (row->wanted ? !row->wanted(l->service) : !any_part(l, row->wanted_by)) continue;
        const char *name = hub_arena_fmt(l->scratch, "%s%s", l->service->name, row->suffix);
        const char *owner = hub_map_put(names, hub_cstr(hub_lower(l, name)), (void *)(uintptr_t)row->suffix);
        if (owner)
            hub_complain(l, "H028", hub_place(l, l->service, "service.name"), NULL, NULL,
                         "the generated DataObject \"%s\" has the name of another one (%s)", name, owner);
    }
}

void hub_check_hubs_together(struct hub_loader *l) {
    struct hub_map hubs = {0}, names = {0};
    for (size_t i = 0; i < l->service->object_n; i++) {
        const struct hub_def_object *o = &l->service->objects[i];
        if (!o->name) continue;
        char *what = hub_arena_fmt(l->scratch, "the DataObject of service.yaml on line %d",
                                   hub_node_mark(hub_place(l, o, "name")).line);
        hub_map_put(&names, hub_cstr(hub_lower(l, o->table)), what);
        hub_map_put(&names, hub_cstr(hub_lower(l, o->name)), what);
    }
    for (size_t i = 0; i < l->hub_n; i++) {
        struct hub_raw *h = l->hubs[i];
        if (!h->def.name) continue;
        struct hub_raw *before = hub_map_get(&hubs, hub_cstr(h->def.name));
        if (before) {
            hub_complain(l, "H009", hub_place(l, h, "hubBasics.name"), NULL, NULL,
                         "the hub \"%s\" is already defined in %s", h->def.name, before->def.file);
            continue;
        }
        hub_map_put(&hubs, hub_cstr(h->def.name), h);
        check_generated(l, &names, h, hub_place(l, h, "messageSettings.dataObjectName"), h->def.data_object_name);
        check_own_tables(l, &names, h);
    }
    check_service_tables(l, &names);
    for (size_t i = 0; i < l->service->namespace_n; i++) check_shadowed(l, &l->service->namespaces[i]);
    hub_map_clear(&hubs);
    hub_map_clear(&names);
}
