/* The hub's public description (GET /{hub}, the console's forms): what the parts say of its definition.
 * Nothing about how access is decided. */
#include "hub/call/call.h"

/* The switches of the standard events; a switch is of several. */
static HUB_MUST json_t *describe_switches(const struct hub_def *d) {
    json_t *all = json_object();
    for (const struct hub_standard_event *e = hub_standard_events; e->name; e++)
        json_object_set_new(all, e->described, json_boolean(hub_standard_event_on(d, e)));
    return all;
}

static HUB_MUST json_t *describe_limits(const struct hub_def *d) {
    json_t *all = json_object();
    for (int i = HUB_LIMIT_EVENTS; i < HUB_LIMIT_COUNT; i++)
        json_object_set_new(all, strchr(hub_limit_name((enum hub_limit)i), '.') + 1,
                            json_integer(hub_limit_of(d, (enum hub_limit)i)));
    json_object_set_new(all, "reactionsPerMessage", json_integer(d->limits.reactions_per_message));
    return all;
}

static HUB_MUST json_t *describe_guardrails(const struct hub_def *d) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "maxUsersPerRoom", (json_int_t)d->max_users_per_room,
                     "maxRoomsPerUser", (json_int_t)d->max_rooms_per_user, "messageRateLimit",
                     (json_int_t)d->message_rate_limit, "maxMessageSize", (json_int_t)d->max_message_size,
                     "connectionTimeout", (json_int_t)d->connection_timeout, "globalModeration", d->global_moderation,
                     "defaultSilenced", d->default_silenced);
}

/* What the parts fill comes empty: its place is fixed. */
void hub_engine_describe(const struct hub_hub *hub, struct hub_buf *out) {
    const struct hub_def *d = hub->def;
    json_t *o = json_pack("{s:s, s:s, s:s, s:[], s:o, s:[], s:o, s:{}, s:{}, s:o}", "name", d->name, "description",
                          d->description ? d->description : "", "roomDataObject", d->room_object->name, "messageTypes",
                          "events", describe_switches(d), "roles", "guardrails", describe_guardrails(d), "features",
                          "history", "limits", describe_limits(d));
    HUB_PARTS_CALL(hub->engine, describe, hub, o);
    hub_buf_addz(out, "\"hub\":");
    hub_json_add(out, o);
    json_decref(o);
}
