/* Rights of a member. What they have in common is a loop over their rows; what each of them means is said
 * where it acts. */
#include "room/rights.h"

#include "base/json/json.h"

#define ROW(ID, FIELD, NAME, FALLBACK, SYSTEM, REFUSAL, HELP) \
    {NAME, offsetof(struct hub_rights, FIELD), offsetof(struct hub_def_role, FIELD), FALLBACK, SYSTEM, REFUSAL},
const struct hub_right_row hub_right_rows[HUB_RIGHT_COUNT] = {HUB_RIGHTS(ROW)};

static void set_right(struct hub_rights *r, size_t i, bool has) {
    *(bool *)((char *)r + hub_right_rows[i].offset) = has;
}

struct hub_rights hub_rights_system(void) {
    struct hub_rights r = {.system = true};
    for (size_t i = 0; i < HUB_RIGHT_COUNT; i++) set_right(&r, i, hub_right_rows[i].system);
    return r;
}

struct hub_rights hub_rights_of(const struct hub_def_role *role) {
    struct hub_rights r = {.role = role};
    for (size_t i = 0; i < HUB_RIGHT_COUNT; i++)
        set_right(&r, i, role ? hub_role_has(role, i) : hub_right_rows[i].fallback);
    return r;
}

enum hub_code hub_rights_need(const struct hub_rights *r, enum hub_right right, struct hub_err *err) {
    const struct hub_right_row *row = &hub_right_rows[right];
    if (hub_rights_have(r, right)) return HUB_OK;
    return row->refusal == HUB_NOT_ALLOWED ? hub_fail(err, HUB_NOT_ALLOWED, "this needs a role with %s", row->name)
                                           : hub_fail(err, row->refusal, NULL);
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
    for (size_t i = 0; i < HUB_RIGHT_COUNT; i++)
        if (hub_rights_have(a, i) != hub_rights_have(b, i)) return false;
    return same_types(types_of(a), types_of(b));
}

const char *hub_rights_name(const struct hub_rights *r) {
    return r->system ? "system" : r->role ? r->role->name : NULL;
}

void hub_rights_add_json(struct hub_buf *b, const struct hub_rights *r, bool silenced) {
    const char *name = hub_rights_name(r);
    const struct hub_strs *types = types_of(r);
    hub_json_add_key(b, "hubRole");
    if (name)
        hub_json_add_string(b, hub_cstr(name));
    else
        hub_buf_addz(b, "null");
    hub_buf_addz(b, ",\"permissions\":{");
    for (size_t i = 0; i < HUB_RIGHT_COUNT; i++) {
        bool has = hub_rights_have(r, i) && !(silenced && i == HUB_RIGHT_SEND);
        hub_json_add_key(b, hub_right_rows[i].name);
        hub_buf_addz(b, has ? "true," : "false,");
    }
    hub_json_add_key(b, "allowedMessageTypes");
    hub_buf_addc(b, '[');
    for (size_t i = 0; i < types->n; i++) {
        if (i) hub_buf_addc(b, ',');
        hub_json_add_string(b, hub_cstr(types->items[i]));
    }
    hub_buf_addz(b, "]}");
}
