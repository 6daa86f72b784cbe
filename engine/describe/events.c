/* What clients may send and what they are told, of the rows of the parts that a hub has. */
#include "describe/describe_int.h"

bool hub_describe_has(const struct hub_describing *d, const struct hub_part *part) {
    if (d->namespace && !part->plain) return false;
    if (part->in_service && !part->in_service(d->service)) return false;
    return !part->declared || part->declared(d->def);
}

/* ---- objects of which one member depends on another ---- */

/* A member of a payload, from a row of either kind. */
struct part_member {
    const char *name, *help, *word;
    bool required;
};

/* Two members that go together, if a payload has such. */
struct pair {
    struct part_member choice, rest;
    json_t *choices; /* name → schema of the rest; NULL: none has been found */
    const char *rest_word;
};

/* True: M is one of the two, and is not to be added as others are. */
static bool take_pair(struct hub_describing *d, struct pair *p, const struct part_member *m) {
    if (p->choices && m->word && !strcmp(m->word, p->rest_word)) return p->rest = *m, true;
    json_t *choices = p->choices ? NULL : hub_describe_choices(d, m->word, &p->rest_word);
    if (!choices) return false;
    p->choice = *m;
    p->choices = choices;
    return true;
}

/* OBJECT once for each choice. Takes over OBJECT and what P has. */
static HUB_MUST json_t *expand_pair(json_t *object, struct pair *p) {
    const char *name;
    json_t *schema, *all = json_array();
    if (!p->choices) {
        json_decref(all);
        return object;
    }
    json_object_foreach(p->choices, name, schema) {
        json_t *one = json_deep_copy(object);
        bool required = p->rest.required || json_object_get(schema, "required");
        hub_schema_add(one, p->choice.name, hub_schema_const(name), p->choice.required, p->choice.help);
        hub_schema_add(one, p->rest.name, json_incref(schema), required, p->rest.help);
        json_array_append_new(all, one);
    }
    json_decref(object);
    json_decref(p->choices);
    return hub_schema_any_of(all);
}

/* ---- requests ---- */

static bool takes_argument(const struct hub_describing *d, const struct hub_arg *a) {
    return !(a->flags & (HUB_ARG_PAGE | HUB_ARG_HIDDEN)) && (!a->on || a->on(d->def));
}

static HUB_MUST json_t *payload_of(struct hub_describing *d, const struct hub_command *c) {
    json_t *object = hub_schema_object();
    struct pair pair = {0};
    HUB_EACH_ROW(hub_arg, a, c->args) {
        const struct part_member m = {a->name, a->help, a->shape, (a->flags & HUB_ARG_REQUIRED) != 0};
        if (takes_argument(d, a) && !take_pair(d, &pair, &m))
            hub_schema_add(object, a->name, hub_describe_argument(d, a), m.required, a->help);
    }
    return expand_pair(object, &pair);
}

static void add_request(json_t *all, const char *name, const char *help, json_t *payload, json_t *answer) {
    json_t *request = hub_schema_object();
    hub_schema_add(request, "payload", payload,
                   json_object_get(payload, "required") || json_object_get(payload, "anyOf"), NULL);
    hub_schema_add(request, "answer", answer, true, NULL);
    hub_schema_add(all, name, request, true, help);
}

static void add_commands(struct hub_describing *d, const struct hub_part *part, json_t *all) {
    HUB_EACH_ROW(hub_command, c, part->commands) {
        if (!(c->flags & HUB_REST_ONLY) && (!c->on || c->on(d->def)))
            add_request(all, c->name, c->help, payload_of(d, c), hub_describe_answer(d, c->answer));
    }
}

static const struct hub_command *command_named(const char *name) {
    HUB_EACH_PART(part) HUB_EACH_ROW(hub_command, c, (*part)->commands) {
        if (!strcmp(c->name, name)) return c;
    }
    return NULL;
}

/* A payload of hub:event, without the event's name. WITH_DATA: of a custom one, which says what it wants;
 * else of a receipt. */
static HUB_MUST json_t *event_payload(struct hub_describing *d, bool with_data) {
    json_t *object = hub_schema_object();
    HUB_EACH_ROW(hub_arg, a, command_named("hub:event")->args) {
        bool is_room = !strcmp(a->name, "roomId"), is_data = !strcmp(a->name, "data");
        if (!takes_argument(d, a) || !strcmp(a->name, "event") || !(is_room || is_data == with_data)) continue;
        hub_schema_add(object, a->name, hub_describe_argument(d, a), is_room, a->help);
    }
    return object;
}

/* Events that may be emitted under their own name. */
static void add_own_events(struct hub_describing *d, json_t *all) {
    for (const struct hub_standard_event *e = hub_standard_events; e->name; e++) {
        struct hub_buf name = {0};
        if (!e->alias || !hub_standard_event_on(d->def, e)) continue;
        hub_buf_addf(&name, "hub:%s", e->name);
        add_request(all, e->name, NULL, event_payload(d, false), hub_schema_object());
        add_request(all, hub_buf_cstr(&name), NULL, event_payload(d, false), hub_schema_object());
        hub_buf_free(&name);
    }
    for (size_t i = 0; i < d->def->custom_event_n; i++) {
        const struct hub_def_custom_event *e = &d->def->custom_events[i];
        if (e->direction == HUB_CLIENT_TO_ROOM)
            add_request(all, e->name, e->description, event_payload(d, true), hub_schema_object());
    }
}

/* The payload of a command that is sent as an event of its own: what is beside it comes among its fields. */
static HUB_MUST json_t *own_payload(const struct hub_def_command *c) {
    json_t *payload = c->field_n ? hub_describe_fields(c->fields, c->field_n, true) : json_object();
    json_t *properties = json_object_get(payload, "properties");
    if (!properties && c->room != HUB_COMMAND_IN_ROOM) return payload;
    if (!properties) {
        json_decref(payload);
        payload = hub_schema_object();
        properties = json_object_get(payload, "properties");
    }
    if (c->room != HUB_COMMAND_NO_ROOM && !json_object_get(properties, "roomId"))
        hub_schema_add(payload, "roomId", hub_schema_type("string"), c->room == HUB_COMMAND_IN_ROOM, "The room.");
    if (!json_object_get(properties, "requestId"))
        hub_schema_add(payload, "requestId", hub_schema_type("string"), false,
                       "A repeat within a minute gets the first answer.");
    return payload;
}

static void add_own_commands(struct hub_describing *d, json_t *all) {
    for (size_t i = 0; i < d->def->parts.command_n; i++) {
        const struct hub_def_command *c = &d->def->parts.commands[i];
        json_t *answer = hub_schema_object();
        if (c->stream) {
            json_decref(answer);
            continue;
        }
        hub_schema_add(answer, "result",
                       c->result_n ? hub_describe_fields(c->result, c->result_n, false) : json_object(), true, NULL);
        add_request(all, c->name, c->description, own_payload(c), answer);
    }
}

json_t *hub_describe_requests(struct hub_describing *d) {
    json_t *all = hub_schema_object();
    HUB_EACH_PART(part) {
        if (hub_describe_has(d, *part)) add_commands(d, *part, all);
    }
    if (!d->namespace) add_own_events(d, all);
    add_own_commands(d, all);
    for (size_t i = 0; d->namespace && i < d->namespace->event_n; i++)
        if (strcmp(d->namespace->events[i].name, "*"))
            add_request(all, d->namespace->events[i].name, NULL, json_object(), json_object());
    return all;
}

/* ---- what the server tells_event ---- */

static HUB_MUST json_t *told_payload(struct hub_describing *d, const struct hub_told_event *e) {
    struct pair pair = {0};
    json_t *named = hub_describe_named(d, e->fields), *object = named ? NULL : hub_schema_object();
    if (named) return named;
    HUB_EACH_ROW(hub_field, f, e->fields) {
        const struct part_member m = {f->name, f->help, f->type, !f->optional};
        if (take_pair(d, &pair, &m)) continue;
        if (!f->on || f->on(d->def))
            hub_schema_add(object, f->name, hub_describe_shape(d, f->type), m.required, f->help);
    }
    return expand_pair(object, &pair);
}

/* One name may be told of several things. */
static void add_told(json_t *all, const char *name, json_t *payload, const char *help) {
    json_t *there = json_object_get(json_object_get(all, "properties"), name),
           *options = json_object_get(there, "anyOf");
    if (!there) {
        hub_schema_add(all, name, payload, true, help);
    } else if (options) {
        json_array_append_new(options, payload);
    } else {
        json_t *both = json_pack("{s:[O, o]}", "anyOf", there, payload);
        json_object_set_new(both, "description", json_incref(json_object_get(there, "description")));
        json_object_set_new(json_object_get(all, "properties"), name, both);
    }
}

static void add_custom_events(struct hub_describing *d, json_t *all, const struct hub_told_event *e) {
    for (size_t i = 0; i < d->def->custom_event_n; i++)
        add_told(all, d->def->custom_events[i].name, told_payload(d, e), d->def->custom_events[i].description);
    for (size_t i = 0; i < d->def->kafka_event_n; i++)
        add_told(all, d->def->kafka_events[i].name, told_payload(d, e), d->def->kafka_events[i].description);
}

static bool tells_event(const struct hub_describing *d, const struct hub_part *part, const char *event) {
    const struct hub_standard_event *standard = hub_standard_event(hub_cstr(event + strlen("hub:")));
    if (standard && !hub_standard_event_on(d->def, standard)) return false;
    return !part->tells || part->tells(d->def, event);
}

json_t *hub_describe_told(struct hub_describing *d) {
    json_t *all = hub_schema_object();
    HUB_EACH_PART(part) HUB_EACH_ROW(hub_told_event, e, (*part)->told) {
        if (!hub_describe_has(d, *part)) continue;
        if (e->name[0] == '<')
            add_custom_events(d, all, e);
        else if (tells_event(d, *part, e->name))
            add_told(all, e->name, told_payload(d, e), e->when);
        json_t *payload = json_object_get(json_object_get(all, "properties"), e->name);
        if (payload && (*part)->acknowledged && hub_str_among(hub_cstr(e->name), (*part)->acknowledged))
            json_object_set_new(payload, "x-acknowledged", json_true());
    }
    return all;
}
