/* Which tables hubd makes for itself, for linting and for the store alike. */
#include "schema/def.h"

/* ---- of a hub ---- */

static bool keeps_room_metadata(const struct hub_def *d) { return d->room_metadata.on && d->room_metadata.persist; }
static bool removes_messages(const struct hub_def *d) { return d->retention.on; }
static bool keeps_room_state(const struct hub_def *d) { return d->shared_state.on && d->shared_state.persist; }

const struct hub_own_table_row hub_own_tables[HUB_OWN_TABLES] = {
    [HUB_OWN_MESSAGE] = {"Message"},
    [HUB_OWN_MODERATION] = {"Moderation"},
    [HUB_OWN_RECEIPT] = {"Receipt"},
    [HUB_OWN_EVENT] = {"Event"},
    [HUB_OWN_ROOM_METADATA] = {"RoomMetadata", keeps_room_metadata},
    [HUB_OWN_REMOVED] = {"Removed", removes_messages},
    [HUB_OWN_ROOM_STATE] = {"State", keeps_room_state},
};

/* ---- of the service ---- */

static bool has_queues(const struct hub_service *s) { return s->queue_n > 0; }
static bool has_records(const struct hub_def_parts *p) { return p->record_n > 0; }
static bool keeps_channels(const struct hub_def_parts *p) {
    for (size_t i = 0; i < p->channel_n; i++)
        if (p->channels[i].persist) return true;
    return false;
}

const struct hub_service_table_row hub_service_tables[HUB_SERVICE_TABLES] = {
    [HUB_SERVICE_RECORD] = {"Record", .wanted_by = has_records},
    [HUB_SERVICE_JOB] = {"Job", .wanted = has_queues},
    [HUB_SERVICE_CHANNEL] = {"Channel", .wanted_by = keeps_channels},
};
