/* What a member may do in a room: a role of the definition, the built-in system role, or no role at all.
 * Pure functions. */
#ifndef HUB_ROOM_RIGHTS_H
#define HUB_ROOM_RIGHTS_H
#include "base/buf.h"
#include "schema/def.h"

struct hub_rights {
    const struct hub_def_role *role; /* NULL: the null role, or system */
    bool system;                     /* the built-in role of absoluteRoles */
    bool can_read, can_send, moderated, can_moderate, can_delete_any, can_manage_room;
};

struct hub_rights hub_rights_system(void);
/* ROLE NULL: may read and send every type, unmoderated, and nothing more (contract: hub-definition.md). */
struct hub_rights hub_rights_of(const struct hub_def_role *role);
bool hub_rights_allow_type(const struct hub_rights *r, const char *message_type);
bool hub_rights_equal(const struct hub_rights *a, const struct hub_rights *b);
/* "system", the role's name, or NULL. */
const char *hub_rights_name(const struct hub_rights *r);
/* Appends "hubRole":…,"permissions":{…} (wire.md hub:joined), no comma around. Who is silenced cannot
 * send, whatever his role. */
void hub_rights_add_json(struct hub_buf *b, const struct hub_rights *r, bool silenced);
#endif
