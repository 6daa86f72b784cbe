/* Who is in a room: entering, leaving and being put out; what the room is told of it: presence, indicators,
 * permissions. A member is one connection in one room (room/room.h). */
#ifndef HUB_MEMBER_MEMBER_H
#define HUB_MEMBER_MEMBER_H
#include "hub/call/call.h"

void hub_member_enter(struct hub_member *m, struct hub_conn *c, struct hub_room *room, const struct hub_rights *rights);
/* Leaves by itself; gives up the member, tells presence. The socket itself is told nothing: see
 * hub_member_expel. */
void hub_member_exit(struct hub_member *m, const struct hub_leave *why);
/* EVENT to this connection, then out. */
void hub_member_expel(struct hub_member *m, const char *event, struct hub_str reason);
/* All connections of a user: event to each, then out. Sends of theirs that wait for their turn are refused
 * with CODE. */
void hub_room_expel(struct hub_room *room, struct hub_str user_id, const char *event, struct hub_str reason,
                    enum hub_code code);
/* Everybody out, after the readers were told why; those without canRead get hub:kicked with REASON. */
void hub_room_empty(struct hub_room *room, struct hub_str reason);
void hub_members_json(struct hub_room *room, struct hub_buf *out); /* appends an array */
HUB_MUST json_t *hub_member_json(const struct hub_room_user *u);   /* one of them, who has members; a new reference */
/* hub:permissions to this connection: rights or silence have changed. */
void hub_permissions_tell(struct hub_member *m);
void hub_permissions_tell_user(struct hub_room *room,
                               struct hub_str user_id); /* to all connections of the user in the room */
/* Sets the end of a silence: wall ms, 0 = none, INT64_MAX = unlimited; when it expires the room and the
 * user are told. */
void hub_silence_set(struct hub_moderated *m, int64_t until);
/* The user's request to speak was answered. */
void hub_speak_answered(struct hub_room *room, struct hub_str user_id);
/* Of connection M; NULL: of all the user's. Told when it changes anything. */
void hub_presence_online(struct hub_room_user *u, struct hub_member *m);
/* To those who did not know of him when his state was told (presence_state.c). */
void hub_presence_state_again(struct hub_room_user *u);
void hub_indicators_stop(struct hub_room_user *u);
/* A message of USER_ID was announced, so its typing indicator ends. */
void hub_indicators_message(struct hub_room *room, struct hub_str user_id);

extern const struct hub_part hub_members_part, hub_presence_part, hub_presence_states_part, hub_indicators_part,
    hub_kick_part;
#endif
