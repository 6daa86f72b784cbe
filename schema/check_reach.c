/* Roles and who is ever reached: rights that contradict each other, a hub in which nobody can do what it is
 * for, authSources that compare with the wrong id. Warnings, and only what is certain. */
#include "base/memory/mem.h"
#include "schema/loader.h"

/* The node of a right of R; NULL: it is not written. */
static struct hub_node *right_at(struct hub_loader *l, const struct hub_def_role *r, const char *key) {
    struct hub_node *n = hub_node_get(hub_place(l, r, ""), hub_cstr(key));
    return n && !n->bad && !hub_node_is_null(n) ? n : NULL;
}

static void tell_right(struct hub_loader *l, const struct hub_def_role *r, const char *key, const char *why) {
    struct hub_node *n = right_at(l, r, key);
    if (n)
        hub_complain(l, "H035", n, &n->key_range, NULL, "%s contradicts another right of the role \"%s\": %s", key,
                     r->name ? r->name : "", why);
}

/* ---- rights ---- */

static void check_rights(struct hub_loader *l, const struct hub_def_role *r) {
    static const char unread[] = "canRead is false, and whoever cannot read sees no message to decide about";
    if (!r->can_read && r->can_moderate) tell_right(l, r, "canModerate", unread);
    if (!r->can_read && r->can_delete_any) tell_right(l, r, "canDeleteAny", unread);
    if (r->moderated && r->can_moderate && r->can_send)
        tell_right(l, r, "moderated", "canModerate is true, so who has it approves his own messages");
}

/* ---- nobody ---- */

static bool allows_type(const struct hub_def_role *r, const char *type) {
    for (size_t i = 0; i < r->allowed_message_types.n; i++)
        if (!strcmp(r->allowed_message_types.items[i], type)) return true;
    return !r->allowed_message_types.n;
}

static bool may_be_sent(const struct hub_def *d, const char *type) {
    if (d->absolute_roles.n || hub_def_is_granted(d, NULL)) return true;
    for (size_t i = 0; i < d->role_n; i++)
        if (d->roles[i].can_send && hub_def_is_granted(d, &d->roles[i]) && allows_type(&d->roles[i], type)) return true;
    return false;
}

static bool scripts_send(const struct hub_loader *l) {
    static const char *const words[] = {"hub.send", "serverMessages", "hubs.get", "hub[", ".send"};
    for (size_t w = 0; w < HUB_NELEM(words); w++) {
        for (size_t i = 0; i < l->script_n; i++)
            if (memmem(l->scripts[i].script->text.p, l->scripts[i].script->text.n, words[w], strlen(words[w])))
                return true;
        for (size_t i = 0; i < l->module_n; i++)
            if (memmem(l->modules[i].src->text.p, l->modules[i].src->text.n, words[w], strlen(words[w]))) return true;
    }
    return false;
}

/* The messages that a hub lists, when nobody can send any of them: true. "system" is the server's. */
static bool check_senders(struct hub_loader *l, struct hub_raw *h) {
    const struct hub_def *d = &h->def;
    struct hub_node *n = hub_node_get(hub_place(l, h, ""), HUB_STR("messageSettings"));
    bool own = false;
    if (!n || n->bad || hub_node_is_null(n) || l->alone) return false;
    for (size_t i = 0; i < d->message_type_n; i++) {
        const char *type = d->message_types[i].name;
        if (!type || !strcmp(type, "system")) continue;
        if (may_be_sent(d, type)) return false;
        own = true;
    }
    if (!own || scripts_send(l)) return false;
    hub_complain(
        l, "H036", n, &n->key_range, NULL,
        "nobody can ever send a message here: no role that is granted has canSend and a type of the hub, there "
        "are no absoluteRoles, and no script sends any");
    return true;
}

/* A command for roles that nobody gets. */
static void check_callers(struct hub_loader *l, const struct hub_def *d, const struct hub_def_command *c) {
    struct hub_node *n = hub_node_get(hub_place(l, c, ""), HUB_STR("roles"));
    if (!c->roles.n || !n || d->absolute_roles.n || c->room != HUB_COMMAND_IN_ROOM) return;
    for (size_t i = 0; i < c->roles.n; i++) {
        const struct hub_def_role *r = hub_def_role(d, hub_cstr(c->roles.items[i]));
        if (!r || hub_def_is_granted(d, r)) return;
    }
    hub_complain(l, "H036", n, &n->key_range, NULL, "nobody can ever call \"%s\": none of these roles is granted",
                 c->name ? c->name : "");
}

/* ---- authSources ---- */

/* Of the room's own object the id is the room's; of another one it is that of the record, unless both share
 * it: told is only one that has the room's id beside it. */
static void check_room_field(struct hub_loader *l, const struct hub_def *d, const struct hub_def_auth_source *s) {
    const struct hub_def_object *o = s->source_object;
    if (!o || !d->room_object || o == d->room_object || s->room_field < 0) return;
    if (strcmp(o->id_property, "id") || strcmp(o->properties[s->room_field].name, "id")) return;
    const char *meant = NULL, *own = hub_arena_fmt(l->scratch, "%sId", d->room_object->name);
    for (size_t i = 0; i < o->property_n; i++)
        if (hub_str_eq_nocase(hub_cstr(o->properties[i].name), hub_cstr(own))) meant = o->properties[i].name;
    if (!meant) return;
    hub_complain(l, "H037", hub_place(l, s, "roomField"), NULL, meant,
                 "roomField \"%s\" is the id of each record of %s, not of a room of %s", o->id_property, o->name,
                 d->room_object->name);
}

static void check_number_field(struct hub_loader *l, const struct hub_def_auth_source *s, const char *key,
                               int property) {
    if (!s->source_object || property < 0) return;
    enum hub_field_type type = s->source_object->properties[property].type;
    bool enumerated = type == HUB_FIELD_ENUM && strcmp(key, "roomField") != 0; /* rooms may be few, and known */
    if (enumerated || type == HUB_FIELD_DECIMAL)
        hub_complain(l, "H032", hub_place(l, s, key), NULL, NULL,
                     "%s \"%s\" has the type %s, which no id is: the auth source matches nobody", key,
                     s->source_object->properties[property].name, hub_words_field_type[type].word);
}

bool hub_check_reach(struct hub_loader *l, struct hub_raw *h) {
    bool silent = false;
    const struct hub_def *d = &h->def;
    bool sure = !hub_names_unknown_role(l, d) && !hub_is_place_wrong(l, d->file, "hubRoles") &&
                !hub_is_place_wrong(l, d->file, "roomSettings");
    for (size_t i = 0; i < d->role_n; i++) check_rights(l, &d->roles[i]);
    if (sure && !hub_is_place_wrong(l, d->file, "messageSettings")) silent = check_senders(l, h);
    for (size_t i = 0; sure && i < d->parts.command_n; i++) check_callers(l, d, &d->parts.commands[i]);
    for (size_t i = 0; i < d->auth_source_n; i++) {
        check_room_field(l, d, &d->auth_sources[i]);
        check_number_field(l, &d->auth_sources[i], "userField", d->auth_sources[i].user_field);
        check_number_field(l, &d->auth_sources[i], "roomField", d->auth_sources[i].room_field);
    }
    return silent;
}
