/* Shared by the files of engine/hub/bridge: a record of the bus, and what is to be done about it. */
#ifndef HUB_BRIDGE_BRIDGE_INT_H
#define HUB_BRIDGE_BRIDGE_INT_H
#include "hub/bridge/bridge.h"

/* What is to be done about a record. */
enum hub_purpose {
    HUB_PURPOSE_ROOMS = 1,     /* rooms hear of it */
    HUB_PURPOSE_RIGHTS = 2,    /* rights that depend on it are worked out again */
    HUB_PURPOSE_LISTENERS = 4, /* kafkaEvents hear of it */
    /* this process made the change: hubs without autoBridgeDataEvents hear of it too, and end the rights
     * that depend on it */
    HUB_PURPOSE_OWN = 8
};

/* A record as rooms and scripts see it. Borrowed by whoever is handed it. */
struct hub_record {
    struct hub_str topic;
    json_t *record, *key, *headers;
    unsigned purposes; /* enum hub_purpose */
};

/* Whether TOPIC is that of a DataObject's events of this kind. */
bool hub_record_is_about(const struct hub_hub *hub, struct hub_str topic, const char *object, enum hub_feed_what what);
/* Ids of existing tables may be numbers; rooms are known by text. The caller frees it. */
HUB_MUST char *hub_record_id_text(const json_t *id);
/* The room in use of that id, or NULL; no reference. */
struct hub_room *hub_record_room(struct hub_hub *hub, const json_t *id);

/* Handles R as an event of the hub's own DataObjects (data_events.c): rooms are told and rights are worked
 * out again, as PURPOSES say. Asynchronous steps hold WORK. */
void hub_data_event(struct hub_hub *hub, const struct hub_record *r, unsigned purposes, struct hub_work *work);
/* What a record of TOPIC lacks for the hubs that read it as a data event, or NULL. The caller frees it. */
HUB_MUST char *hub_data_event_lacks(const struct hub_engine *e, struct hub_str topic, const json_t *record);
/* Handles R as one of the hub's kafkaEvents (kafka_events.c). */
void hub_kafka_event(struct hub_hub *hub, const struct hub_def_kafka_event *event, const struct hub_record *r,
                     struct hub_work *work);
#endif
