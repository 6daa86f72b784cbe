/* Server-side hooks. */
#include "schema/table.h"

#define AT(FIELD) HUB_OFFSET(struct hub_raw, def.FIELD)
#define HANDLER(FIELD) HUB_OFFSET(struct hub_def_message_handler, FIELD)
#define ACTION(FIELD) HUB_OFFSET(struct hub_def_scheduled_action, FIELD)

static const struct hub_vars vars_state = {{"session", "roomId", "room"}};
static const struct hub_vars vars_message = {{"session", "message", "roomId", "room", "$room"}};
static const struct hub_vars vars_tick = {{"roomId", "room"}};

static const struct hub_row handler[] = {
    {"messageType", HUB_KIND_STRING, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, HANDLER(message_type), .example = "chessMove",
     .help = "The custom message type to intercept."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, HANDLER(script), .vars = &vars_message,
     .example = "lib.chess.processMove(roomId, session, message)",
     .help = "Called instead of the standard flow; returns an object with accept, rejectReason, broadcast, "
             "broadcastTo, modifiedContent, "
             "persist, serverMessages."},
    {0},
};
static const struct hub_fields table_handler = {"HubMessageHandler", sizeof(struct hub_def_message_handler), handler,
                                                "Intercepts a custom message type before it is broadcast."};

static const struct hub_row action[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, ACTION(name), .rule = HUB_NAME_LABEL,
     .example = "worldTick", .help = "Unique identifier of the action, for logs."},
    {"intervalMs", HUB_KIND_INT, HUB_ROW_REQUIRED, ACTION(interval_ms), .min = 10, .max = 86400000, .advised = 100,
     .example = "1000", .help = "Milliseconds between calls; at least 100 is recommended."},
    {"keepAlive", HUB_KIND_BOOL, .offset = ACTION(keep_alive), .fallback = "false",
     .help = "Also runs while no client is connected to the room."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, ACTION(script), .vars = &vars_tick,
     .example = "lib.world.tick(roomId)", .help = "Called on every tick; may return serverMessages."},
    {0},
};
static const struct hub_fields table_action = {"HubScheduledAction", sizeof(struct hub_def_scheduled_action), action,
                                               "A recurring action that runs for each active room."};

static const struct hub_row logic[] = {
    {"stateScript", HUB_KIND_SCRIPT, .offset = AT(state_script), .vars = &vars_state,
     .example = "lib.chess.getState(roomId)", .help = "Gives the room's state to a user who joins or asks for it."},
    {"messageHandlers", HUB_KIND_LIST, .offset = AT(message_handlers), .count = AT(message_handler_n),
     .table = &table_handler, .help = "Interceptors of custom message types, processed one after the other per room."},
    {"scheduledActions", HUB_KIND_LIST, .offset = AT(scheduled_actions), .count = AT(scheduled_action_n),
     .table = &table_action,
     .help = "Actions that run on an interval while a room has users, or always with keepAlive."},
    {0},
};
const struct hub_fields hub_fields_logic = {"HubLogic", 0, logic, "Server-side logic hooks."};
