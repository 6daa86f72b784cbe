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
    {"hub:refreshToken", 0, hub_cmd_refresh_token},
    {"hub:room", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_room},
    {NULL, 0, NULL},
};

const struct hub_command *hub_command_find(struct hub_str event) {
    for (const struct hub_command *c = hub_commands; c->event; c++)
        if (hub_str_is(event, c->event)) return c;
    return NULL;
}
