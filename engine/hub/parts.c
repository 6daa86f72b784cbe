/* The features of hubs. A new one is a folder or a file, and a line here. */
#include "hub/bridge/bridge.h"
#include "hub/engine_int.h"
#include "hub/event/event.h"
#include "hub/join/join.h"
#include "hub/member/member.h"
#include "hub/message/message.h"
#include "hub/moderation/moderation.h"
#include "hub/script/script.h"

const struct hub_part *const hub_parts[] = {
    &hub_joining_part,       &hub_members_part,    &hub_messages_part,
    &hub_history_part,       &hub_approval_part,   &hub_moderation_part,
    &hub_custom_events_part, &hub_receipts_part,   &hub_indicators_part,
    &hub_presence_part,      &hub_state_part,      &hub_kick_part,
    &hub_room_update_part,   &hub_bridge_part,     &hub_scheduled_actions_part,
    &hub_scripts_part,       &hub_connection_part, NULL,
};
