/* What a member may do in a room: a role of the definition, the built-in system role, or no role at all.
 * Pure functions. */
#ifndef HUB_ROOM_RIGHTS_H
#define HUB_ROOM_RIGHTS_H
#include <stddef.h>

#include "base/error/code.h"
#include "base/text/buf.h"
#include "schema/def.h"

struct hub_rights {
    const struct hub_def_role *role; /* NULL: the null role, or system */
    bool system;                     /* the built-in role of absoluteRoles */
    HUB_RIGHTS(HUB_RIGHT_FIELD)
};

/* A row of the list of rights (HUB_RIGHTS in def.h). */
struct hub_right_row {
    const char *name;
    size_t offset, role_offset; /* of its bool: here; in the definition's role */
    bool fallback, system;      /* what somebody without a role has; what the system role has */
    enum hub_code refusal;      /* the answer to who lacks it; HUB_OK: it only changes what happens */
};
extern const struct hub_right_row hub_right_rows[HUB_RIGHT_COUNT];

static inline bool hub_rights_have(const struct hub_rights *r, enum hub_right right) {
    return *(const bool *)((const char *)r + hub_right_rows[right].offset);
}
static inline bool hub_role_has(const struct hub_def_role *role, enum hub_right right) {
    return *(const bool *)((const char *)role + hub_right_rows[right].role_offset);
}
/* HUB_OK, or what is said to who lacks it. */
enum hub_code hub_rights_need(const struct hub_rights *r, enum hub_right right, struct hub_err *err);

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
