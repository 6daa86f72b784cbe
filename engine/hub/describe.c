/* The hub's public description, from its definition (GET /{hub}, the console's forms). Nothing about how
 * access is decided. */
#include "hub/call/call.h"

static const char *const field_types[] = {"String", "Text",     "Integer", "Decimal", "Boolean",
                                          "ID",     "DateTime", "Enum",    "JSON"};
static const char *const directions[] = {"clientToRoom", "serverToClient", "serverToRoom"};

static json_t *strings(const struct hub_strs *s) {
    json_t *a = json_array();
    for (size_t i = 0; i < s->n; i++) json_array_append_new(a, json_string(s->items[i]));
    return a;
}

static json_t *field(const struct hub_def_field *f) {
    json_t *o = json_pack("{s:s, s:s, s:b, s:s}", "name", f->name, "type", field_types[f->type], "required",
                          f->required, "description", f->description ? f->description : "");
    if (f->type == HUB_FIELD_ENUM) json_object_set_new(o, "enumValues", strings(&f->enum_values));
    if (f->type == HUB_FIELD_ID)
        json_object_set_new(o, "format", json_string(f->id_format == HUB_ID_ANY ? "any" : "reference"));
    if (f->default_value) json_object_set(o, "defaultValue", f->default_value);
    return o;
}

static json_t *message_types(const struct hub_def *d) {
    json_t *all = json_array();
    for (size_t i = 0; i < d->message_type_n; i++) {
        const struct hub_def_message_type *t = &d->message_types[i];
        json_t *fields = json_array();
        for (size_t j = 0; j < t->field_n; j++) json_array_append_new(fields, field(&t->fields[j]));
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:b, s:o}", "name", t->name, "description",
                                        t->description ? t->description : "", "builtin", t->builtin, "fields", fields));
    }
    return all;
}

static json_t *events(const struct hub_def *d) {
    json_t *custom = json_array();
    for (size_t i = 0; i < d->custom_event_n; i++) {
        const struct hub_def_custom_event *e = &d->custom_events[i];
        json_array_append_new(custom, json_pack("{s:s, s:s, s:b, s:s}", "name", e->name, "description",
                                                e->description ? e->description : "", "ephemeral", e->ephemeral,
                                                "direction", directions[e->direction]));
    }
    return json_pack("{s:b, s:b, s:b, s:b, s:b, s:o}", "typing", d->enable_typing, "recording", d->enable_recording,
                     "readReceipts", d->enable_read_receipts, "deliveryReceipts", d->enable_delivery_receipts,
                     "presence", d->enable_presence, "custom", custom);
}

static json_t *roles(const struct hub_def *d) {
    json_t *all = json_array();
    for (size_t i = 0; i < d->role_n; i++) {
        const struct hub_def_role *r = &d->roles[i];
        json_t *role = json_pack("{s:s}", "name", r->name);
        for (size_t right = 0; right < HUB_RIGHT_COUNT; right++)
            json_object_set_new(role, hub_right_rows[right].name, json_boolean(hub_role_has(r, right)));
        json_object_set_new(role, "allowedMessageTypes", strings(&r->allowed_message_types));
        json_array_append_new(all, role);
    }
    return all;
}

static json_t *limits(const struct hub_def *d) {
    json_t *all = json_object();
    for (int i = HUB_LIMIT_EVENTS; i < HUB_LIMIT_COUNT; i++)
        json_object_set_new(all, strchr(hub_limit_name((enum hub_limit)i), '.') + 1,
                            json_integer(hub_limit_of(d, (enum hub_limit)i)));
    json_object_set_new(all, "reactionsPerMessage", json_integer(d->limits.reactions_per_message));
    return all;
}

void hub_engine_describe(const struct hub_hub *hub, struct hub_buf *out) {
    const struct hub_def *d = hub->def;
    json_t *guardrails = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "maxUsersPerRoom", (json_int_t)d->max_users_per_room, "maxRoomsPerUser",
        (json_int_t)d->max_rooms_per_user, "messageRateLimit", (json_int_t)d->message_rate_limit, "maxMessageSize",
        (json_int_t)d->max_message_size, "connectionTimeout", (json_int_t)d->connection_timeout, "globalModeration",
        d->global_moderation, "defaultSilenced", d->default_silenced);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:{s:b, s:b, s:b}, s:{s:b, s:I}}", "name", d->name,
                  "description", d->description ? d->description : "", "roomDataObject", d->room_object->name,
                  "messageTypes", message_types(d), "events", events(d), "roles", roles(d), "guardrails", guardrails,
                  "features", "replyTo", d->enable_reply_to, "reaction", d->enable_reaction, "forwarded",
                  d->enable_forwarded, "history", "enabled", d->history_enabled, "limit", (json_int_t)d->history_limit);
    json_object_set_new(o, "limits", limits(d));
    hub_buf_addz(out, "\"hub\":");
    hub_json_add(out, o);
    json_decref(o);
}
