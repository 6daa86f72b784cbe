/* Rights of a member. */
#include "room/rights.h"

#include "base/json.h"

struct hub_rights hub_rights_system(void) {
    return (struct hub_rights){.system = true,
                               .can_read = true,
                               .can_send = true,
                               .can_moderate = true,
                               .can_delete_any = true,
                               .can_manage_room = true};
}

struct hub_rights hub_rights_of(const struct hub_def_role *role) {
    if (!role) return (struct hub_rights){.can_read = true, .can_send = true};
    return (struct hub_rights){.role = role,
                               .can_read = role->can_read,
                               .can_send = role->can_send,
                               .moderated = role->moderated,
                               .can_moderate = role->can_moderate,
                               .can_delete_any = role->can_delete_any,
                               .can_manage_room = role->can_manage_room};
}

bool hub_rights_allow_type(const struct hub_rights *r, const char *type) {
    if (!r->role || !r->role->allowed_message_types.n) return true;
    for (size_t i = 0; i < r->role->allowed_message_types.n; i++)
        if (!strcmp(r->role->allowed_message_types.items[i], type)) return true;
    return false;
}

static const struct hub_strs *types_of(const struct hub_rights *r) {
    static const struct hub_strs all = {NULL, 0};
    return r->role ? &r->role->allowed_message_types : &all;
}

static bool same_types(const struct hub_strs *a, const struct hub_strs *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i], b->items[i])) return false;
    return true;
}

bool hub_rights_equal(const struct hub_rights *a, const struct hub_rights *b) {
    const char *name = hub_rights_name(a), *other = hub_rights_name(b);
    if ((name || other) && (!name || !other || strcmp(name, other))) return false;
    return a->can_read == b->can_read && a->can_send == b->can_send && a->moderated == b->moderated &&
           a->can_moderate == b->can_moderate && a->can_delete_any == b->can_delete_any &&
           a->can_manage_room == b->can_manage_room && same_types(types_of(a), types_of(b));
}

const char *hub_rights_name(const struct hub_rights *r) {
    return r->system ? "system" : r->role ? r->role->name : NULL;
}

static void add_flag(struct hub_buf *b, const char *key, bool v) {
    hub_json_add_key(b, key);
    hub_buf_addz(b, v ? "true," : "false,");
}

void hub_rights_add_json(struct hub_buf *b, const struct hub_rights *r, bool silenced) {
    const char *name = hub_rights_name(r);
    hub_json_add_key(b, "hubRole");
    if (name)
        hub_json_add_string(b, hub_cstr(name));
    else
        hub_buf_addz(b, "null");
    hub_buf_addz(b, ",\"permissions\":{");
    add_flag(b, "canRead", r->can_read);
    add_flag(b, "canSend", r->can_send && !silenced);
    add_flag(b, "moderated", r->moderated);
    add_flag(b, "canModerate", r->can_moderate);
    add_flag(b, "canDeleteAny", r->can_delete_any);
    add_flag(b, "canManageRoom", r->can_manage_room);
    hub_json_add_key(b, "allowedMessageTypes");
    hub_buf_addc(b, '[');
    for (size_t i = 0; r->role && i < r->role->allowed_message_types.n; i++) {
        if (i) hub_buf_addc(b, ',');
        hub_json_add_string(b, hub_cstr(r->role->allowed_message_types.items[i]));
    }
    hub_buf_addz(b, "]}");
}
