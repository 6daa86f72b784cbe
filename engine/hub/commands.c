/* Every request a client can make of a hub, one row each (contract: wire.md "Client to server"). */
#include "base/log.h"
#include "hub/engine_int.h"
#include "hub/event/event.h"
#include "hub/join/join.h"
#include "hub/member/member.h"
#include "hub/message/message.h"
#include "hub/moderation/moderation.h"

const struct hub_command hub_commands[] = {
    {"hub:join", HUB_READS | HUB_PAST | HUB_JOINS, hub_cmd_join, "roomId since epoch historyLimit", HUB_LIMIT_JOINS},
    {"hub:leave", HUB_NEEDS_ROOM, hub_cmd_leave, "roomId", 0},
    {"hub:send", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_send,
     "roomId messageType content replyTo forwarded clientMessageId", 0},
    {"hub:edit", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_edit, "roomId messageId content", 0},
    {"hub:delete", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_delete, "roomId messageId", 0},
    {"hub:react", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_react, "roomId messageId emoji remove", 0},
    {"hub:unreact", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST, hub_cmd_react, "roomId messageId emoji", 0},
    {"hub:message", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST | HUB_READS, hub_cmd_message, "roomId messageId",
     HUB_LIMIT_READS},
    {"hub:event", HUB_NEEDS_ROOM | HUB_REST, hub_cmd_event, HUB_EVENT_ARGS, 0},
    {"hub:requestState", HUB_NEEDS_ROOM | HUB_REST | HUB_READS, hub_cmd_request_state, "roomId", HUB_LIMIT_READS},
    {"hub:history", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST | HUB_READS | HUB_PAST, hub_cmd_history,
     "roomId before after limit messageType senderId include offset pageNumber pageRowCount", HUB_LIMIT_READS},
    {"hub:members", HUB_NEEDS_ROOM | HUB_NEEDS_READ | HUB_REST | HUB_READS, hub_cmd_members, "roomId", HUB_LIMIT_READS},
    {"hub:pending", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST | HUB_READS, hub_cmd_pending,
     "roomId afterId limit offset", HUB_LIMIT_READS},
    {"hub:restrictions", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST | HUB_READS, hub_cmd_restrictions, "roomId",
     HUB_LIMIT_READS},
    {"hub:approve", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_approve, "roomId messageId reason", 0},
    {"hub:reject", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_reject, "roomId messageId reason", 0},
    {"hub:block", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_block, "roomId userId seconds reason", 0},
    {"hub:unblock", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_unblock, "roomId userId reason", 0},
    {"hub:silence", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_silence, "roomId userId seconds reason", 0},
    {"hub:unsilence", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE | HUB_REST, hub_cmd_unsilence, "roomId userId reason", 0},
    {"hub:requestSpeak", HUB_NEEDS_ROOM, hub_cmd_request_speak, "roomId", 0},
    {"hub:grantSpeak", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE, hub_cmd_grant_speak, "roomId userId", 0},
    {"hub:denySpeak", HUB_NEEDS_ROOM | HUB_NEEDS_MODERATE, hub_cmd_deny_speak, "roomId userId", 0},
    {"hub:kick", HUB_NEEDS_ROOM | HUB_NEEDS_MANAGE | HUB_REST, hub_cmd_kick, "roomId userId reason", 0},
    {"hub:updateRoom", HUB_NEEDS_ROOM | HUB_NEEDS_MANAGE, hub_cmd_update_room, "roomId changes", 0},
    {"hub:refreshToken", 0, hub_cmd_refresh_token, "token", 0},
    {"hub:room", HUB_NEEDS_ROOM | HUB_REST | HUB_READS, hub_cmd_room, "roomId", HUB_LIMIT_READS},
    {0},
};

const struct hub_command *hub_command_find(struct hub_str event) {
    for (const struct hub_command *c = hub_commands; c->event; c++)
        if (hub_str_is(event, c->event)) return c;
    return NULL;
}
