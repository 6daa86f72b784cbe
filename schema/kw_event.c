/* Standard, custom and Kafka events. */
#include "schema/table.h"

#define AT(FIELD) HUB_OFFSET(struct hub_raw, def.FIELD)
#define CUSTOM(FIELD) HUB_OFFSET(struct hub_def_custom_event, FIELD)
#define KAFKA(FIELD) HUB_OFFSET(struct hub_def_kafka_event, FIELD)

static const struct hub_words directions[] = {
    {"clientToRoom", "A client emits, the server broadcasts to the room."},
    {"serverToClient", "The server emits to one client."},
    {"serverToRoom", "The server emits to all members of a room."},
    {0},
};

static const struct hub_row custom[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, CUSTOM(name), .rule = HUB_NAME_EVENT,
     .example = "gameOver", .help = "Name of the Socket.IO event."},
    {"description", HUB_KIND_TEXT, .offset = CUSTOM(description), .help = "When and why the event is emitted."},
    {"ephemeral", HUB_KIND_BOOL, .offset = CUSTOM(ephemeral), .fallback = "true",
     .help = "Broadcast without being persisted."},
    {"compress", HUB_KIND_BOOL, .offset = CUSTOM(compress), .fallback = "true",
     .help = "False: what is broadcast stays as it is where listen.compression is on."},
    {"direction", HUB_KIND_WORD, .offset = CUSTOM(direction), .words = directions, .fallback = "clientToRoom",
     .breaks = HUB_BREAKS_CLIENTS, .help = "Who emits the event and who receives it."},
    {0},
};
static const struct hub_fields table_custom = {"HubCustomEvent", sizeof(struct hub_def_custom_event), custom,
                                               "An app-specific event."};

static const struct hub_vars vars_record = {{"data", "key", "headers"}};

static const struct hub_row kafka[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, KAFKA(name), .rule = HUB_NAME_EVENT,
     .example = "participantAdded", .help = "Name of the event emitted to the room's clients."},
    {"description", HUB_KIND_TEXT, .offset = KAFKA(description), .help = "What the event represents."},
    {"topic", HUB_KIND_NAME, HUB_ROW_REQUIRED, KAFKA(topic), .rule = HUB_NAME_TOPIC, .example = "tutorhub-participants",
     .help = "Kafka topic to consume."},
    {"filterExpression", HUB_KIND_SCRIPT, .offset = KAFKA(filter_expression), .vars = &vars_record,
     .example = "data.eventType === \"participant.added\"",
     .help = "Decides whether a message is bridged; without it all are."},
    {"targetRoomExpression", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, KAFKA(target_room_expression), .vars = &vars_record,
     .example = "data.chatId",
     .help = "Gives the id of the room the event goes to, a list of ids for several, or null for none."},
    {0},
};
static const struct hub_fields table_kafka = {"HubKafkaEvent", sizeof(struct hub_def_kafka_event), kafka,
                                              "Bridges messages of a Kafka topic into rooms."};

static const struct hub_row event[] = {
    {"enableTypingIndicator", HUB_KIND_BOOL, .offset = AT(enable_typing), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Events typing and stopTyping."},
    {"enableRecordingIndicator", HUB_KIND_BOOL, .offset = AT(enable_recording), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Events recording and stopRecording."},
    {"enableReadReceipts", HUB_KIND_BOOL, .offset = AT(enable_read_receipts), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Event messageRead, persisted."},
    {"enableDeliveryReceipts", HUB_KIND_BOOL, .offset = AT(enable_delivery_receipts), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Event messageDelivered, persisted."},
    {"enablePresence", HUB_KIND_BOOL, .offset = AT(enable_presence), .fallback = "false",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "Events online, offline and away."},
    {"autoBridgeDataEvents", HUB_KIND_BOOL, .offset = AT(auto_bridge), .fallback = "true",
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Broadcasts changes of the room, membership and message DataObjects to the rooms they concern."},
    {"customEvents", HUB_KIND_LIST, .offset = AT(custom_events), .count = AT(custom_event_n), .table = &table_custom,
     .breaks = HUB_BREAKS_CLIENTS, .help = "App-specific events beyond the standard set."},
    {"kafkaEvents", HUB_KIND_LIST, .offset = AT(kafka_events), .count = AT(kafka_event_n), .table = &table_kafka,
     .breaks = HUB_BREAKS_CLIENTS, .help = "External Kafka topics bridged into rooms."},
    {0},
};
const struct hub_fields hub_fields_event = {"HubEventSettings", 0, event,
                                            "Configures standard, bridged, custom and Kafka events."};

#define SWITCH(KEYWORD, DESCRIBED, FIELD) KEYWORD, DESCRIBED, offsetof(struct hub_def, FIELD)
const struct hub_standard_event hub_standard_events[] = {
    {"typing", SWITCH("enableTypingIndicator", "typing", enable_typing), .sent = true},
    {"stopTyping", SWITCH("enableTypingIndicator", "typing", enable_typing), .sent = true},
    {"recording", SWITCH("enableRecordingIndicator", "recording", enable_recording), .sent = true},
    {"stopRecording", SWITCH("enableRecordingIndicator", "recording", enable_recording), .sent = true},
    {"messageRead", SWITCH("enableReadReceipts", "readReceipts", enable_read_receipts), .sent = true, .alias = true},
    {"messageDelivered", SWITCH("enableDeliveryReceipts", "deliveryReceipts", enable_delivery_receipts), .sent = true,
     .alias = true},
    {"online", SWITCH("enablePresence", "presence", enable_presence), .sent = true},
    {"offline", SWITCH("enablePresence", "presence", enable_presence), .sent = false},
    {"away", SWITCH("enablePresence", "presence", enable_presence), .sent = true},
    {"presence", SWITCH("enablePresence", "presence", enable_presence), .sent = false},
    {0},
};

const struct hub_standard_event *hub_standard_event(struct hub_str name) {
    for (const struct hub_standard_event *e = hub_standard_events; e->name; e++)
        if (hub_str_is(name, e->name)) return e;
    return NULL;
}

bool hub_standard_event_on(const struct hub_def *d, const struct hub_standard_event *e) {
    return *(const bool *)((const char *)d + e->enabled);
}
