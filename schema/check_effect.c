/* What is well formed and can never have an effect: a limit of something that is off, a right that needs
 * another one, a hook that always says the same, an event that nobody can emit. Each is a warning, and
 * only where it is certain. */
#include "base/memory/mem.h"
#include "schema/loader.h"

#define LIKELY_EDITS 2 /* edits that make a topic a likely misspelling; with more it may be another program's */
#define WITHOUT_EFFECT "\"%s\" has no effect: %s"

/* What is written at PATH of the struct at BASE; NULL: nothing. */
static struct hub_node *written_at(struct hub_loader *l, const void *base, const char *path) {
    struct hub_node *n = hub_place(l, base, "");
    struct hub_str rest = hub_cstr(path), key;
    while (n && hub_str_split(&rest, '.', &key)) n = hub_node_get(n, key);
    return n && !n->bad && !hub_node_is_null(n) ? n : NULL;
}

/* As a dump has it: what is as it would be without being written need not act. */
static bool is_default(const struct hub_fields *t, const char *path, const struct hub_node *n) {
    const struct hub_row *row = NULL;
    struct hub_str rest = hub_cstr(path), key;
    while (t && hub_str_split(&rest, '.', &key)) {
        row = hub_fields_row(t, key);
        t = row ? row->table : NULL;
    }
    return row && row->fallback && n->kind == HUB_NODE_SCALAR && hub_str_is(n->value, row->fallback);
}

static void warn_at_key(struct hub_loader *l, const char *code, const struct hub_node *n, const char *why) {
    char key[HUB_NAME_MAX + 1] = {0};
    memcpy(key, n->key.p, n->key.n < HUB_NAME_MAX ? n->key.n : HUB_NAME_MAX);
    hub_complain(l, code, n, n->key_range.line ? &n->key_range : NULL, NULL, WITHOUT_EFFECT "%s", key, why,
                 hub_used_by(l, n));
}

static bool has_word(struct hub_str text, const char *word) {
    return text.n && memmem(text.p, text.n, word, strlen(word));
}

/* Whether a script of the service has one of WORDS in it: in a hook, or in lib/. */
static bool scripts_name(struct hub_loader *l, const char *const *words) {
    for (size_t w = 0; words[w]; w++) {
        for (size_t i = 0; i < l->script_n; i++)
            if (has_word(l->scripts[i].script->text, words[w])) return true;
        for (size_t i = 0; i < l->module_n; i++)
            if (has_word(l->modules[i].src->text, words[w])) return true;
    }
    return false;
}

/* ---- hooks that always say the same ---- */

static struct hub_str without_parentheses(struct hub_str t) {
    while (t.n >= 2 && t.p[0] == '(' && t.p[t.n - 1] == ')') {
        struct hub_str inner = hub_str(t.p + 1, t.n - 2);
        if (hub_str_find(inner, '(') < inner.n || hub_str_find(inner, ')') < inner.n) break;
        t = hub_str_trim(inner);
    }
    return t;
}

static enum hub_constant literal_constant(struct hub_str t) {
    static const char *const falsy[] = {"false", "null", "undefined", "NaN", "0", "''", "\"\""};
    for (size_t i = 0; i < HUB_NELEM(falsy); i++)
        if (hub_str_is(t, falsy[i])) return HUB_ALWAYS_FALSE;
    if (hub_str_is(t, "true")) return HUB_ALWAYS_TRUE;
    uint64_t number;
    if (hub_str_u64(t, &number)) return number ? HUB_ALWAYS_TRUE : HUB_ALWAYS_FALSE;
    bool quoted = t.n > 2 && (t.p[0] == '\'' || t.p[0] == '"') && t.p[t.n - 1] == t.p[0];
    struct hub_str inner = quoted ? hub_str(t.p + 1, t.n - 2) : hub_str("'", 1);
    bool whole = quoted && hub_str_find(inner, t.p[0]) == inner.n && hub_str_find(inner, '\\') == inner.n;
    return whole ? HUB_ALWAYS_TRUE : HUB_VARIES;
}

enum hub_constant hub_script_constant(const struct hub_script *s) {
    struct hub_str t = hub_str_trim(s->text);
    if (s->kind == HUB_SCRIPT_LUA) {
        if (!hub_str_starts(t, HUB_STR("return "))) return HUB_VARIES;
        t = hub_str_trim(hub_str(t.p + 7, t.n - 7));
        return hub_str_is(t, "true")                                                     ? HUB_ALWAYS_TRUE
               : hub_str_is(t, "false") || hub_str_is(t, "nil") || hub_str_is(t, "null") ? HUB_ALWAYS_FALSE
                                                                                         : HUB_VARIES;
    }
    if (s->kind != HUB_SCRIPT_EXPR) return HUB_VARIES;
    t = without_parentheses(t);
    bool negated = t.n && t.p[0] == '!';
    enum hub_constant c = literal_constant(negated ? without_parentheses(hub_str_trim(hub_str(t.p + 1, t.n - 1))) : t);
    return c == HUB_VARIES || !negated ? c : c == HUB_ALWAYS_TRUE ? HUB_ALWAYS_FALSE : HUB_ALWAYS_TRUE;
}

static void check_constant(struct hub_loader *l, const void *base, const char *path, const struct hub_script *s,
                           const char *so) {
    if (hub_script_constant(s) == HUB_ALWAYS_FALSE)
        hub_complain(l, "H031", hub_place(l, base, path), NULL, NULL, "this is never true: %s", so);
}

static void check_constants(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    check_constant(l, h, "roomSettings.roomEligibility", &d->room_eligibility, "nobody can join any room");
    check_constant(l, h, "roomSettings.checkScript", &d->check_script, "nobody but absoluteRoles gets in");
    for (size_t i = 0; i < d->auth_source_n; i++)
        check_constant(l, &d->auth_sources[i], "condition", &d->auth_sources[i].condition,
                       "the auth source matches nobody");
    for (size_t i = 0; i < d->auth_script_n; i++)
        check_constant(l, &d->auth_scripts[i], "script", &d->auth_scripts[i].script, "the auth script admits nobody");
    for (size_t i = 0; i < d->kafka_event_n; i++) {
        const struct hub_def_kafka_event *e = &d->kafka_events[i];
        check_constant(l, e, "filterExpression", &e->filter_expression, "no record is bridged");
        check_constant(l, e, "targetRoomExpression", &e->target_room_expression, "no room is told");
    }
}

/* ---- limits and switches of what is off ---- */

static bool no_reactions(const struct hub_def *d) { return !d->enable_reaction; }
static bool no_receipts(const struct hub_def *d) { return !d->enable_read_receipts && !d->enable_delivery_receipts; }
static bool no_decision(const struct hub_def *d) { return !d->auth_source_n && !d->auth_script_n; }

static bool no_state(const struct hub_def *d) { return !d->shared_state.on; }
static bool no_presence(const struct hub_def *d) { return !d->enable_presence; }

static bool no_kept_events(const struct hub_def *d) {
    for (size_t i = 0; i < d->custom_event_n; i++)
        if (d->custom_events[i].direction == HUB_CLIENT_TO_ROOM && !d->custom_events[i].ephemeral) return false;
    return true;
}

static bool no_events(const struct hub_def *d) {
    for (size_t i = 0; i < d->custom_event_n; i++)
        if (d->custom_events[i].direction == HUB_CLIENT_TO_ROOM && d->custom_events[i].ephemeral) return false;
    return !d->enable_typing && !d->enable_recording && !d->enable_presence;
}

/* A user without a role may do nothing but read and send, and one of absoluteRoles everything. */
static bool nobody_manages(const struct hub_def *d) {
    for (size_t i = 0; i < d->role_n; i++)
        if (d->roles[i].can_manage_room && hub_def_is_granted(d, &d->roles[i])) return false;
    return !d->absolute_roles.n;
}

static bool all_moderate(const struct hub_def *d) {
    bool any = false;
    for (size_t i = 0; i < d->role_n; i++) {
        if (!hub_def_is_granted(d, &d->roles[i])) continue;
        if (!d->roles[i].can_moderate) return false;
        any = true;
    }
    return any && !hub_def_is_granted(d, NULL);
}

static bool has_handler(const struct hub_def *d, const char *type) {
    for (size_t i = 0; i < d->message_handler_n; i++)
        if (d->message_handlers[i].message_type && !strcmp(d->message_handlers[i].message_type, type)) return true;
    return false;
}

static bool nothing_is_told_first(const struct hub_def *d) {
    for (size_t i = 0; !d->global_moderation && i < d->message_type_n; i++) {
        const struct hub_def_message_type *t = &d->message_types[i];
        if (t->name && (!t->builtin || !strcmp(t->name, "text")) && !has_handler(d, t->name)) return false;
    }
    return true;
}

static const struct {
    const char *path;
    bool (*is_idle)(const struct hub_def *d);
    const char *why;
} needs[] = {
    {"hubExtensions.limits.reactions", no_reactions, "messageSettings.enableReaction is off"},
    {"hubExtensions.limits.reactionsPerMessage", no_reactions, "messageSettings.enableReaction is off"},
    {"hubExtensions.limits.receipts", no_receipts, "enableReadReceipts and enableDeliveryReceipts are off"},
    {"hubExtensions.limits.keptEvents", no_kept_events,
     "there is no custom event of clients (clientToRoom) with ephemeral: false"},
    {"hubExtensions.limits.events", no_events, "indicators, presence and custom events of clients are off"},
    {"hubExtensions.delivery", nothing_is_told_first,
     "all messages are stored first: none of them is plain (text or custom, without handler, not moderated)"},
    {"hubExtensions.limits.stateBytes", no_state, "there is no state"},
    {"hubExtensions.presence.state", no_presence, "eventSettings.enablePresence is off"},
    {"hubExtensions.roomUpdate", nobody_manages, "nobody can get canManageRoom, which hub:updateRoom asks for"},
    {"guardrails.authCacheTTL", no_decision, "there are no authSources and authScripts, whose decision is remembered"},
};

/* Heartbeats find out earlier, unless it is shorter than they take. */
static void check_idle_timeout(struct hub_loader *l, struct hub_raw *h) {
    static const char path[] = "guardrails.connectionTimeout";
    struct hub_node *n = written_at(l, h, path);
    int64_t given;
    if (!n || l->alone || is_default(&hub_fields_hub, path, n) || !hub_str_i64(n->value, &given)) return;
    if (given == h->def.connection_timeout && given > l->service->ping_interval + l->service->ping_timeout)
        warn_at_key(l, "H030", n, "listen.pingInterval and pingTimeout end a silent connection before");
}

static void check_needs(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < HUB_NELEM(needs); i++) {
        struct hub_node *n = written_at(l, h, needs[i].path);
        if (n && !is_default(&hub_fields_hub, needs[i].path, n) && needs[i].is_idle(&h->def))
            warn_at_key(l, "H030", n, needs[i].why);
    }
    check_idle_timeout(l, h);
    struct hub_node *silenced = written_at(l, h, "guardrails.defaultSilenced");
    if (silenced && h->def.default_silenced && all_moderate(&h->def))
        warn_at_key(l, "H030", silenced, "every role that is granted has canModerate, and is exempt");
}

/* ---- roles ---- */

static void check_role(struct hub_loader *l, const struct hub_def_role *r) {
    struct hub_node *moderated = written_at(l, r, "moderated"), *types = written_at(l, r, "allowedMessageTypes");
    if (!r->can_send && r->moderated && moderated) warn_at_key(l, "H030", moderated, "canSend of the role is false");
    if (!r->can_send && r->allowed_message_types.n && types)
        warn_at_key(l, "H030", types, "canSend of the role is false");
    for (size_t i = 0; r->can_send && types && i < r->allowed_message_types.n; i++) {
        struct hub_range at = hub_strings_span(types, i);
        if (!strcmp(r->allowed_message_types.items[i], "system"))
            hub_complain(l, "H030", types, &at, NULL, WITHOUT_EFFECT, "system", "system messages are the server's own");
    }
}

static bool has_string(const struct hub_strs *list, const char *s) {
    for (size_t i = 0; i < list->n; i++)
        if (!strcmp(list->items[i], s)) return true;
    return false;
}

/* "*" stands for everybody in the api of a DataObject, and nowhere else. */
static void check_star(struct hub_loader *l, struct hub_raw *h, const char *path, const struct hub_strs *roles) {
    struct hub_node *n = written_at(l, h, path);
    for (size_t i = 0; n && i < roles->n; i++) {
        struct hub_range at = hub_strings_span(n, i);
        if (!strcmp(roles->items[i], "*"))
            hub_complain(l, "H030", n, &at, NULL, "\"*\" is no pattern here: it is a role of that name only");
    }
}

static bool everybody_is_guest(const struct hub_loader *l) {
    return !l->alone && l->service->anonymous && !l->service->session_cookie &&
           l->service->authenticate.kind == HUB_SCRIPT_NONE;
}

static void check_session_roles(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    struct hub_node *check = written_at(l, h, "roomSettings.checkRoles"),
                    *absolute = written_at(l, h, "roomSettings.absoluteRoles");
    bool all_absolute = d->check_roles.n > 0;
    check_star(l, h, "roomSettings.checkRoles", &d->check_roles);
    check_star(l, h, "roomSettings.absoluteRoles", &d->absolute_roles);
    for (size_t i = 0; i < d->check_roles.n; i++)
        all_absolute &= has_string(&d->absolute_roles, d->check_roles.items[i]);
    if (all_absolute && check)
        hub_complain(
            l, "H030", check, NULL, NULL,
            "each of these is one of absoluteRoles too: nobody else gets in, and what comes after is never asked");
    if (!everybody_is_guest(l)) return;
    if (check && d->check_roles.n && !has_string(&d->check_roles, "guest"))
        hub_complain(l, "H030", check, NULL, NULL,
                     "with auth.anonymous everybody has the role guest, which is not among these: nobody gets in");
    if (absolute && d->absolute_roles.n && !has_string(&d->absolute_roles, "guest"))
        warn_at_key(l, "H030", absolute, "with auth.anonymous everybody has the role guest");
}

/* ---- authSources ---- */

/* The id of a user or room is a text, and is never that of such a value. */
static void check_id_property(struct hub_loader *l, const struct hub_def_auth_source *s, const char *key,
                              int property) {
    if (!s->source_object || property < 0) return;
    enum hub_field_type type = s->source_object->properties[property].type;
    if (type == HUB_FIELD_BOOLEAN || type == HUB_FIELD_DATETIME || type == HUB_FIELD_JSON)
        hub_complain(l, "H032", hub_place(l, s, key), NULL, NULL,
                     "%s \"%s\" has the type %s, which no id is: the auth source matches nobody", key,
                     s->source_object->properties[property].name, hub_words_field_type[type].word);
}

/* ---- messages ---- */

static void check_required(struct hub_loader *l, const char *code, const char *what, const struct hub_def_field *fields,
                           size_t n, int level) {
    for (size_t i = 0; i < n && level <= HUB_FIELD_DEPTH; i++) {
        struct hub_node *required = written_at(l, &fields[i], "required");
        if (required && fields[i].required && fields[i].default_value)
            warn_at_key(l, code, required, hub_arena_fmt(l->scratch, "%s without it gets the defaultValue", what));
        check_required(l, code, what, fields[i].fields, fields[i].field_n, level + 1);
    }
}

static void check_defaults(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->custom_type_n; i++)
        check_required(l, "H030", "a message", h->custom_types[i].fields, h->custom_types[i].field_n, 1);
    for (size_t i = 0; i < h->def.parts.command_n; i++)
        check_required(l, "H030", "a command", h->def.parts.commands[i].fields, h->def.parts.commands[i].field_n, 1);
}

static bool somebody_sends(const struct hub_def *d, const char *type) {
    if (d->absolute_roles.n || hub_def_is_granted(d, NULL)) return true;
    for (size_t i = 0; i < d->role_n; i++) {
        const struct hub_def_role *r = &d->roles[i];
        if (r->can_send && hub_def_is_granted(d, r) &&
            (!r->allowed_message_types.n || has_string(&r->allowed_message_types, type)))
            return true;
    }
    return false;
}

static void check_handled_types(struct hub_loader *l, struct hub_raw *h) {
    for (size_t i = 0; i < h->def.message_handler_n; i++) {
        const char *type = h->def.message_handlers[i].message_type;
        if (type && !somebody_sends(&h->def, type))
            hub_complain(l, "H030", hub_place(l, &h->def.message_handlers[i], "messageType"), NULL, NULL,
                         "the handler is never called: no role that is granted may send \"%s\"", type);
    }
}

static void check_system_type(struct hub_loader *l, struct hub_raw *h) {
    static const char *const words[] = {"hub.send", "serverMessages", NULL};
    struct hub_node *n = written_at(l, h, "messageSettings.messageTypes");
    if (n && !l->alone && !h->def.auto_bridge && hub_def_message_type(&h->def, HUB_STR("system")) &&
        !scripts_name(l, words))
        hub_complain(l, "H030", n, NULL, NULL, WITHOUT_EFFECT, "system",
                     "autoBridgeDataEvents is off, and no script sends messages");
}

/* ---- events ---- */

static void check_custom_events(struct hub_loader *l, struct hub_raw *h) {
    static const char *const words[] = {"broadcast", "emit", NULL};
    for (size_t i = 0; i < h->def.custom_event_n; i++) {
        const struct hub_def_custom_event *e = &h->def.custom_events[i];
        struct hub_node *kept = written_at(l, e, "ephemeral");
        if (!e->name || e->direction == HUB_CLIENT_TO_ROOM) continue;
        if (kept && !e->ephemeral && e->direction == HUB_SERVER_TO_CLIENT)
            warn_at_key(l, "H030", kept, "events to single users are not kept");
        if (!l->alone && !scripts_name(l, words))
            hub_complain(l, "H033", hub_place(l, e, "name"), NULL, NULL,
                         "nobody emits \"%s\": it is the server's, and no script of the service calls hub.broadcast or "
                         "hub.emit",
                         e->name);
    }
}

/* TOPIC without PREFIX, or NULL. */
static const char *below_prefix(const char *topic, const char *prefix) {
    size_t n = strlen(prefix);
    return strncmp(topic, prefix, n) ? NULL : topic + n;
}

static void try_changes_of(struct hub_loader *l, struct hub_nearest *near, const char *object) {
    static const char *const changes[] = {"created", "updated", "deleted"};
    for (size_t i = 0; i < HUB_NELEM(changes); i++)
        hub_nearest_try(near, hub_arena_fmt(l->scratch, "%s-%s", hub_lower(l, object), changes[i]));
}

static void try_changes_in_hub(struct hub_loader *l, struct hub_nearest *near, const struct hub_def *d) {
    static const char *const suffixes[] = {"Moderation", "Event"};
    if (!d->name) return;
    for (size_t i = 0; i < HUB_NELEM(suffixes); i++)
        try_changes_of(l, near, hub_arena_fmt(l->scratch, "%s%s", d->name, suffixes[i]));
    try_changes_of(l, near, d->data_object_name);
}

/* What the topic of a change of the service itself ends in, the one nearest to REST. */
static struct hub_nearest nearest_change(struct hub_loader *l, const char *rest) {
    struct hub_nearest near = {.word = hub_cstr(rest)};
    for (size_t i = 0; i < l->service->object_n; i++)
        if (l->service->objects[i].name) try_changes_of(l, &near, l->service->objects[i].name);
    for (size_t i = 0; i < l->hub_n; i++) try_changes_in_hub(l, &near, &l->hubs[i]->def);
    return near;
}

/* Whether nobody but the engine writes to the bus. With any other bus, other programs may. */
static bool has_bus_alone(struct hub_loader *l) {
    static const char *const words[] = {"kafka", NULL};
    const struct hub_service *s = l->service;
    return hub_str_starts(hub_cstr(s->bus_url), HUB_STR("memory:")) && !s->dev && !scripts_name(l, words);
}

/* REST: what stands behind PREFIX, in lower case. */
static void check_own_topic(struct hub_loader *l, const struct hub_def_kafka_event *e, const char *prefix,
                            const char *rest) {
    struct hub_nearest near = nearest_change(l, rest);
    bool likely = near.best && near.distance <= LIKELY_EDITS;
    if (near.best && !near.distance && !strcmp(hub_lower(l, e->topic), e->topic)) return;
    if (likely || has_bus_alone(l))
        hub_complain(
            l, "H034", hub_place(l, e, "topic"), NULL,
            likely ? hub_arena_fmt(l->scratch, "%s%s", prefix, near.best) : NULL,
            "no change of this service comes by \"%s\": they are at %s{object}-{created|updated|deleted}, with "
            "an object of its own in lower case",
            e->topic, prefix);
}

/* The topics of the service's own changes, and where others' records could come from. */
static void check_topic(struct hub_loader *l, const struct hub_def_kafka_event *e) {
    const struct hub_service *s = l->service;
    if (!e->topic || l->alone || !s->name) return;
    const char *prefix = hub_lower(l, hub_arena_fmt(l->scratch, "%s-%s-service-dbevent-", s->project, s->name));
    const char *rest = below_prefix(hub_lower(l, e->topic), prefix);
    if (rest)
        check_own_topic(l, e, prefix, rest);
    else if (has_bus_alone(l))
        hub_complain(l, "H034", hub_place(l, e, "topic"), NULL, NULL,
                     "no record comes by \"%s\": the bus \"memory:\" carries what this service writes, and none of its "
                     "scripts calls kafka.publish",
                     e->topic);
}

static void check_hub(struct hub_loader *l, struct hub_raw *h) {
    check_constants(l, h);
    check_needs(l, h);
    check_session_roles(l, h);
    check_defaults(l, h);
    if (!hub_check_reach(l, h)) check_handled_types(l, h);
    check_system_type(l, h);
    check_custom_events(l, h);
    for (size_t i = 0; i < h->def.role_n; i++) check_role(l, &h->def.roles[i]);
    for (size_t i = 0; i < h->def.kafka_event_n; i++) check_topic(l, &h->def.kafka_events[i]);
    for (size_t i = 0; i < h->def.auth_source_n; i++) {
        const struct hub_def_auth_source *s = &h->def.auth_sources[i];
        check_id_property(l, s, "userField", s->user_field);
        check_id_property(l, s, "roomField", s->room_field);
    }
}

/* ---- the service ---- */

static bool on_sqlite(const struct hub_service *s) {
    return hub_str_starts(hub_cstr(s->store_url), HUB_STR("sqlite:"));
}
static bool on_socket_file(const struct hub_service *s) { return strncmp(s->host, "unix:", 5) == 0; }
static bool shares_secret(const struct hub_service *s) { return s->jwt.secret_env != NULL; }
/* null and nothing let in as it is. */
static bool refuses_all(const struct hub_service *s) {
    struct hub_str t = hub_str_trim(s->authenticate.text);
    return s->authenticate.kind != HUB_SCRIPT_NONE && (hub_str_is(t, "false") || hub_str_is(t, "return false"));
}

static bool has_no_queue(const struct hub_service *s) { return !s->queue_n; }
static bool names_no_client(const struct hub_service *s) { return !s->clients.id; }
static bool knows_no_client(const struct hub_service *s) { return !s->clients.on; }
static bool asks_no_client(const struct hub_service *s) { return !s->clients.invocation_n; }
static bool asks_no_node(const struct hub_service *s) { return !s->node_handler_n; }
static bool compresses_nothing(const struct hub_service *s) { return !s->deflate_websocket && !s->gzip_http; }

static const struct {
    const char *path;
    bool (*is_idle)(const struct hub_service *s);
    const char *why;
} service_needs[] = {
    {"store.readConnections", on_sqlite, "the embedded store has readers of its own"},
    {"store.statementTimeout", on_sqlite, "it is for PostgreSQL"},
    {"listen.compression.threshold", compresses_nothing, "nothing is compressed"},
    {"listen.port", on_socket_file, "listen.host is a socket file"},
    {"limits.jobs", has_no_queue, "there are no queues"},
    {"limits.invocations", asks_no_client, "there are no clients.invocations"},
    {"limits.nodeCalls", asks_no_node, "there are no nodeHandlers"},
    {"lifecycle.onClientConnected", knows_no_client, "clients is not given"},
    {"lifecycle.onClientDisconnected", knows_no_client, "clients is not given"},
    {"lifecycle.onClientsOrphaned", knows_no_client, "clients is not given"},
    {"clients.collision", names_no_client, "without clients.id no two clients have the same id"},
    {"clients.graceMs", names_no_client, "without clients.id no client comes back"},
    {"auth.jwt.privateKeyFile", shares_secret, "tokens are signed with the secret of secretEnv"},
};

/* What an override leaves unused is meant for other places. */
static void check_service_needs(struct hub_loader *l, const struct hub_source *file) {
    for (size_t i = 0; i < HUB_NELEM(service_needs); i++) {
        struct hub_node *n = written_at(l, l->service, service_needs[i].path);
        if (n && n->src == file && !is_default(&hub_fields_service, service_needs[i].path, n) &&
            service_needs[i].is_idle(l->service))
            warn_at_key(l, "S045", n, service_needs[i].why);
    }
    struct hub_node *console = written_at(l, l->service, "console");
    if (console && l->service->dev && !l->service->console)
        warn_at_key(l, "S045", console, "auth.dev turns the page on");
    if (refuses_all(l->service))
        hub_complain(l, "S045", hub_place(l, l->service, "auth.authenticate"), NULL, NULL,
                     "this is never true: nobody is let in");
}

static void check_api(struct hub_loader *l, const struct hub_def_object *o) {
    const struct {
        const char *path;
        const struct hub_strs *roles;
    } lists[] = {{"api.read", &o->api_read},
                 {"api.create", &o->api_create},
                 {"api.update", &o->api_update},
                 {"api.delete", &o->api_delete}};
    for (size_t i = 0; i < HUB_NELEM(lists); i++) {
        struct hub_node *n = written_at(l, o, lists[i].path);
        if (n && lists[i].roles->n && !has_string(lists[i].roles, "guest") && !has_string(lists[i].roles, "*"))
            warn_at_key(l, "S045", n, "with auth.anonymous everybody has the role guest");
    }
}

static void check_properties(struct hub_loader *l, const struct hub_def_object *o) {
    struct hub_node *list = hub_node_get(hub_place(l, o, ""), HUB_STR("properties"));
    for (struct hub_node *c = list ? list->first : NULL; c; c = c->next) {
        struct hub_node *name = hub_node_get(c, HUB_STR("name")), *required = hub_node_get(c, HUB_STR("required"));
        int i = name && name->kind == HUB_NODE_SCALAR ? hub_def_property(o, name->value) : -1;
        if (i >= 0 && required && o->properties[i].required && o->properties[i].default_value)
            warn_at_key(l, "S045", required, "a new row without it gets the defaultValue");
    }
}

/* By any of its rows, so that a new part counts, too, but those that only accompany the others. */
static bool serves_clients(const struct hub_def_namespace *n) {
    for (const struct hub_row *row = hub_rows(&hub_fields_namespace); row->key; row = hub_row_next(row)) {
        const char *base = (const char *)n;
        if (hub_str_among(hub_cstr(row->key), "middleware outgoing recovery")) continue;
        if (row->kind == HUB_KIND_LIST && *(const size_t *)(base + row->count)) return true;
        if (row->kind == HUB_KIND_SCRIPT && ((const struct hub_script *)(base + row->offset))->kind) return true;
    }
    const struct hub_def_lifecycle *life = &n->def.parts.lifecycle;
    return n->def.parts.metadata.on || n->def.parts.streams.can_open.kind || life->on_connect.kind ||
           life->on_disconnect.kind;
}

static void check_service(struct hub_loader *l) {
    const struct hub_service *s = l->service;
    const struct hub_node *root = hub_place(l, s, "");
    if (root) check_service_needs(l, root->src);
    if (s->script_wall_ms < s->script_cpu_ms)
        hub_complain(l, "S043", hub_place(l, s, "scripting.cpuMs"), NULL, NULL,
                     "cpuMs %lld is never reached: wallMs %lld ends a call before", (long long)s->script_cpu_ms,
                     (long long)s->script_wall_ms);
    for (size_t i = 0; i < s->namespace_n; i++) {
        const struct hub_def_namespace *n = &s->namespaces[i];
        if (n->path && !serves_clients(n))
            hub_complain(l, "S045", hub_place(l, n, "path"), NULL, NULL,
                         "the namespace \"%s\" does nothing but carry broadcasts: it has no handlers and no part "
                         "that clients can ask",
                         n->path);
    }
    for (size_t i = 0; i < s->object_n; i++) check_properties(l, &s->objects[i]);
    for (size_t i = 0; everybody_is_guest(l) && i < s->object_n; i++) check_api(l, &s->objects[i]);
}

void hub_check_effect(struct hub_loader *l) {
    for (size_t i = 0; i < l->hub_n; i++) check_hub(l, l->hubs[i]);
    if (!l->alone) check_service(l);
}
