/* The features of hubs. A new one is a folder or a file, and a line here. */
#include "hub/bridge/bridge.h"
#include "hub/channel/channel.h"
#include "hub/client/client.h"
#include "hub/collection/collection.h"
#include "hub/command/command.h"
#include "hub/engine_int.h"
#include "hub/event/event.h"
#include "hub/guard/guard.h"
#include "hub/guest/guest.h"
#include "hub/inbox/inbox.h"
#include "hub/join/join.h"
#include "hub/lifecycle/lifecycle.h"
#include "hub/member/member.h"
#include "hub/message/message.h"
#include "hub/metadata/metadata.h"
#include "hub/moderation/moderation.h"
#include "hub/namespace/namespace.h"
#include "hub/node/node.h"
#include "hub/queue/queue.h"
#include "hub/record/record.h"
#include "hub/retention/retention.h"
#include "hub/script/script.h"
#include "hub/shared_state/shared_state.h"
#include "hub/stream/stream.h"
#include "hub/transaction/transaction.h"

/* A line for each, so that one more is a change of one line. */
/* clang-format off */
const struct hub_part *const hub_parts[] = {
    &hub_joining_part,
    &hub_members_part,
    &hub_messages_part,
    &hub_history_part,
    &hub_approval_part,
    &hub_moderation_part,
    &hub_custom_events_part,
    &hub_receipts_part,
    &hub_indicators_part,
    &hub_presence_part,
    &hub_presence_states_part,
    &hub_state_part,
    &hub_kick_part,
    &hub_room_update_part,
    &hub_bridge_part,
    &hub_scheduled_actions_part,
    &hub_scripts_part,
    &hub_connection_part,
    &hub_namespaces_part,
    &hub_commands_part,
    &hub_metadata_part,
    &hub_room_metadata_part,
    &hub_shared_state_part,
    &hub_guards_part,
    &hub_records_part,
    &hub_collections_part,
    &hub_queues_part,
    &hub_transactions_part,
    &hub_channels_part,
    &hub_inbox_part,
    &hub_retention_part,
    &hub_streams_part,
    &hub_lifecycle_part, /* behind members: onDisconnect comes after onLeave */
    &hub_clients_part,
    &hub_nodes_part,
    &hub_guests_part, /* behind nodes, which it hears of */
    NULL,
};
/* clang-format on */
