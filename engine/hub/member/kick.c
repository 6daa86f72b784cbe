/* hub:kick: a user is put out of the room by those who manage it. */
#include "hub/member/member.h"

static void kick_user(struct hub_call *call) {
    struct hub_str user = hub_call_str(call, "userId");
    const struct hub_room_user *u = hub_room_user(call->room, user);
    if (!u || !u->member_n) {
        hub_call_fail(call, HUB_NOT_FOUND, "the user is not in this room");
        return;
    }
    hub_room_expel(call->room, user, "hub:kicked", hub_call_str(call, "reason"), HUB_NOT_IN_ROOM);
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}

/* ---- the part ---- */

static const struct hub_arg kick_args[] = {
    HUB_ARG_ROOM,
    {"userId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "Who is put out."},
    {"reason", HUB_ARG_TEXT, .most = HUB_REASON_MAX, .help = "What the user is told."},
    {0},
};

static const struct hub_command kick_commands[] = {
    {.name = "hub:kick",
     .help = "Puts a user out of the room; he may join again.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_manage, &hub_gate_args),
     .args = kick_args,
     .rest = {"DELETE", "rooms/:roomId/members/:userId", 200},
     .codes = {HUB_NOT_FOUND},
     .run = kick_user},
    {0},
};

const struct hub_part hub_kick_part = {
    .name = "kick",
    .help = "Users put out of the room by those who manage it.",
    .commands = kick_commands,
};
