/* The rows of hooks.h. What a result means is where the engine reads it: engine/hub/message/send/send.c for
 * handlers, engine/hub/lifecycle/hook.c, … */
#include "schema/analysis/hooks.h"

#include "base/memory/mem.h"

static const struct hub_result_key handler_keys[] = {
    {"accept", HUB_KEY_BOOLEAN, .required = true},    {"rejectReason", .kind = HUB_KEY_TEXT},
    {"broadcast", .kind = HUB_KEY_BOOLEAN},           {"broadcastTo", .kind = HUB_KEY_AUDIENCE},
    {"modifiedContent", .kind = HUB_KEY_OWN_CONTENT}, {"persist", .kind = HUB_KEY_BOOLEAN},
    {"serverMessages", .kind = HUB_KEY_MESSAGES},     {0}};
static const struct hub_result_key action_keys[] = {{"serverMessages", .kind = HUB_KEY_MESSAGES}, {0}};
static const struct hub_result_key connect_keys[] = {
    {"deny", .kind = HUB_KEY_ANY}, {"metadata", .kind = HUB_KEY_OBJECT}, {0}};
static const struct hub_result_key deny_keys[] = {{"deny", .kind = HUB_KEY_ANY}, {0}};
const struct hub_result_key hub_message_keys[] = {{"type", HUB_KEY_MESSAGE_TYPE, .required = true},
                                                  {"content", HUB_KEY_CONTENT, .required = true},
                                                  {"to", .kind = HUB_KEY_AUDIENCE},
                                                  {"persist", .kind = HUB_KEY_BOOLEAN},
                                                  {0}};

#define TRUTH .gives = HUB_HOOK_GIVES_TRUTH, .returns = true, .decides = true
#define NOTHING .gives = HUB_HOOK_GIVES_NOTHING
#define RESULT(KEYS) .gives = HUB_HOOK_GIVES_RESULT, .keys = KEYS

static const struct hub_hook_row rows[] = {
    {"roomSettings.roomEligibility", TRUTH, .each_join = true},
    {"roomSettings.checkScript", TRUTH, .each_join = true},
    {"authSources.condition", TRUTH},
    {"authScripts.script", TRUTH},
    {"kafkaEvents.filterExpression", TRUTH},
    {"kafkaEvents.targetRoomExpression", .gives = HUB_HOOK_GIVES_ROOMS, .returns = true},
    {"hubLogic.stateScript", .gives = HUB_HOOK_GIVES_VALUE, .returns = true},
    {"messageHandlers.script", RESULT(handler_keys), .returns = true},
    {"scheduledActions.script", RESULT(action_keys)},
    {"lifecycle.onConnect", RESULT(connect_keys)},
    {"lifecycle.admission", .gives = HUB_HOOK_GIVES_LIST, .keys = deny_keys},
    {"lifecycle.onJoin", RESULT(deny_keys)},
    {"lifecycle.onLeave", NOTHING},
    {"lifecycle.onDisconnect", NOTHING},
    {"lifecycle.onRoomOpened", NOTHING},
    {"lifecycle.onRoomClosed", NOTHING},
    {"records.onChanged", NOTHING},
    {"middleware.before", NOTHING},
    {"middleware.after", NOTHING},
    {"auth.authenticate", .gives = HUB_HOOK_GIVES_SESSION},
    {"records.canRead", TRUTH},
    {"records.canWrite", TRUTH},
    {"channels.canSubscribe", TRUTH},
    {"channels.canPublish", TRUTH},
    {"collections.canRead", TRUTH},
    {"collections.resolver", .gives = HUB_HOOK_GIVES_LIST, .returns = true},
    {"metadata.room.canWrite", TRUTH},
    {"state.canWrite", TRUTH},
    {"streams.canOpen", TRUTH},
    {"commands.script", .gives = HUB_HOOK_GIVES_FIELDS},
    {"nodeHandlers.script", .gives = HUB_HOOK_GIVES_ANYTHING},
};

/* Compared backwards. */
bool hub_hook_ends_in(const char *path, const char *end) {
    const char *p = path + strlen(path), *e = end + strlen(end);
    while (e > end) {
        if (p > path && p[-1] == ']')
            while (p > path && *--p != '[') {}
        if (p == path || *--p != *--e) return false;
    }
    return p == path || p[-1] == '.';
}

const struct hub_hook_row *hub_hook_row(const char *path) {
    for (size_t i = 0; path && i < HUB_NELEM(rows); i++)
        if (hub_hook_ends_in(path, rows[i].path)) return &rows[i];
    return NULL;
}
