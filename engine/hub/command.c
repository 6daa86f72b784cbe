/* Every request a client can make of a hub, one row each (contract: wire.md "Client to server"). */
#include "hub/hub_int.h"

const struct hub_command hub_commands[] = {
    {"hub:join", 0, hub_cmd_join},
    {"hub:leave", HUB_NEEDS_ROOM, hub_cmd_leave},
    {"hub:send", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_send},
    {"hub:edit", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_edit},
    {"hub:delete", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_delete},
    {"hub:react", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_react},
    {"hub:unreact", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_react},
    {"hub:message", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_message},
    {"hub:event", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_event},
    {"hub:requestState", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_request_state},
    {"hub:history", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_history},
    {"hub:members", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_members},
    {"hub:pending", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_pending},
    {"hub:approve", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_approve},
    {"hub:reject", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_reject},
    {"hub:block", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_block},
    {"hub:unblock", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_unblock},
    {"hub:silence", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_silence},
    {"hub:unsilence", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_unsilence},
    {"hub:requestSpeak", HUB_NEEDS_ROOM, hub_cmd_request_speak},
    {"hub:grantSpeak", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE, hub_cmd_grant_speak},
    {"hub:denySpeak", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE, hub_cmd_deny_speak},
    {"hub:kick", HUB_NEEDS_ROOM | HUB_NEEDS_MANAGE | HUB_REST, hub_cmd_kick},
    {"hub:updateRoom", HUB_NEEDS_ROOM | HUB_NEEDS_MANAGE, hub_cmd_update_room},
    {"hub:refreshToken", 0, hub_cmd_refresh_token},
    {"hub:room", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_room},
    {NULL, 0, NULL},
};

const struct hub_command *hub_command_find(struct hub_str event) {
    for (const struct hub_command *c = hub_commands; c->event; c++)
        if (hub_str_is(event, c->event)) return c;
    return NULL;
}
