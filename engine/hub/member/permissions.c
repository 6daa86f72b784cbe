/* hub:permissions: what a member may do, told again when rights or silence change. */
#include "hub/member/member.h"

void hub_permissions_tell(struct hub_member *m) {
    struct hub_room *room = m->room;
    bool silenced = hub_room_is_silenced(room, hub_cstr(m->user->id), &m->rights, hub_of(room)->def->default_silenced,
                                         hub_loop_wall(room->loop));
    struct hub_event_json e = hub_event_json(room);
    hub_rights_add_json(hub_event_json_more(&e), &m->rights, silenced);
    hub_event_json_bool(&e, "silenced", silenced);
    hub_event_json_tell_one(&e, m->outlet, HUB_STR("hub:permissions"));
    struct hub_engine *engine = hub_of(room)->engine;
    HUB_PARTS_CALL(engine, readable_changed, engine, HUB_READABLE_MEMBERS, hub_of(room), hub_cstr(room->id), NULL);
    HUB_PARTS_CALL(engine, rejudged, m->conn, NULL);
}

void hub_permissions_tell_user(struct hub_room *room, struct hub_str user_id) {
    const struct hub_room_user *u = hub_room_user(room, user_id);
    if (!u) return;
    HUB_LIST_EACH(&u->members, it) hub_permissions_tell(HUB_CONTAINER(it, struct hub_member, in_user));
}
