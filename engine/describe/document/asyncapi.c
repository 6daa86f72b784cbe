/* AsyncAPI 3.0: a channel for each hub and plain namespace, with the messages that go both ways. */
#include "base/memory/mem.h"
#include "describe/describe_int.h"

struct asyncapi {
    json_t *channels, *operations;
    const char *channel; /* the key of the one that is being made */
    json_t *messages;    /* its messages */
};

static HUB_MUST json_t *message_of(const char *event, const json_t *described, const json_t *payload) {
    json_t *m = json_pack("{s:s}", "name", event), *help = hub_json_get(described, "description");
    if (help) json_object_set(m, "summary", help);
    json_object_set(m, "payload", (json_t *)(uintptr_t)payload);
    return m;
}

static HUB_MUST json_t *ref_to_message(const struct asyncapi *a, const char *key) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "#/channels/%s/messages/", a->channel);
    for (const char *p = key; *p; p++) { /* RFC 6901, in a fragment of a URI */
        if (*p == '~' || *p == '/')
            hub_buf_addz(&b, *p == '~' ? "~0" : "~1");
        else
            hub_buf_addc(&b, *p);
    }
    json_t *ref = json_pack("{s:s}", "$ref", hub_buf_cstr(&b));
    hub_buf_free(&b);
    return ref;
}

static HUB_MUST json_t *ref_to_channel(const struct asyncapi *a) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "#/channels/%s", a->channel);
    json_t *ref = json_pack("{s:s}", "$ref", hub_buf_cstr(&b));
    hub_buf_free(&b);
    return ref;
}

static void add_operation(struct asyncapi *a, const char *action, const char *key, json_t *reply) {
    struct hub_buf name = {0};
    hub_buf_addf(&name, "%s.%s.%s", a->channel, action, key);
    json_t *o = json_pack("{s:s, s:o, s:[o]}", "action", action, "channel", ref_to_channel(a), "messages",
                          ref_to_message(a, key));
    if (reply) json_object_set_new(o, "reply", reply);
    json_object_set_new(a->operations, hub_buf_cstr(&name), o);
    hub_buf_free(&name);
}

/* {"ok": true} and what the command adds, or the failure. */
static HUB_MUST json_t *answer_schema(json_t *answer) {
    json_t *ok = hub_schema_object();
    hub_schema_add(ok, "ok", json_pack("{s:b}", "const", 1), true, NULL);
    json_t *success = json_object_size(json_object_get(answer, "properties")) || json_object_get(answer, "$ref")
                          ? json_pack("{s:[o, O]}", "allOf", ok, answer)
                          : ok;
    return json_pack("{s:[o, o]}", "anyOf", success, hub_schema_ref("Failure", NULL));
}

static void add_request_message(struct asyncapi *a, const char *event, json_t *request) {
    json_t *both = json_object_get(request, "properties");
    struct hub_buf key = {0};
    hub_buf_addf(&key, "%s.answer", event);
    json_object_set_new(a->messages, event, message_of(event, request, json_object_get(both, "payload")));
    json_t *answer = answer_schema(json_object_get(both, "answer"));
    json_object_set_new(a->messages, hub_buf_cstr(&key), message_of(event, NULL, answer));
    json_decref(answer);
    add_operation(
        a, "receive", event,
        json_pack("{s:o, s:[o]}", "channel", ref_to_channel(a), "messages", ref_to_message(a, hub_buf_cstr(&key))));
    hub_buf_free(&key);
}

/* An event that goes both ways is two messages. */
static void add_told_message(struct asyncapi *a, const char *event, json_t *payload) {
    struct hub_buf key = {0};
    hub_buf_addf(&key, json_object_get(a->messages, event) ? "%s.told" : "%s", event);
    json_object_set_new(a->messages, hub_buf_cstr(&key), message_of(event, payload, payload));
    add_operation(a, "send", hub_buf_cstr(&key), NULL);
    hub_buf_free(&key);
}

static HUB_MUST json_t *members_of_type(const struct hub_describing *d, const char *name) {
    struct hub_buf full = {0};
    json_t *members = json_object_get(json_object_get(d->defs, hub_describe_name(d, name, &full)), "properties");
    hub_buf_free(&full);
    return members;
}

static void add_channel(struct hub_describing *d, void *arg) {
    struct asyncapi *a = arg;
    struct hub_buf address = {0};
    const char *event;
    json_t *v;
    hub_buf_addf(&address, d->namespace ? "%s" : "/hub/%s", d->namespace ? d->namespace->path : d->def->name);
    json_t *channel = json_pack("{s:s, s:{}}", "address", hub_buf_cstr(&address), "messages");
    if (d->def->description) json_object_set_new(channel, "description", json_string(d->def->description));
    a->channel = d->namespace ? d->prefix : d->def->name;
    a->messages = json_object_get(channel, "messages");
    json_object_foreach(members_of_type(d, "clientToServer"), event, v) add_request_message(a, event, v);
    json_object_foreach(members_of_type(d, "serverToClient"), event, v) add_told_message(a, event, v);
    json_object_set_new(a->channels, a->channel, channel);
    hub_buf_free(&address);
}

json_t *hub_describe_asyncapi(const struct hub_service *service) {
    struct asyncapi a = {.channels = json_object(), .operations = json_object()};
    json_t *defs = json_object();
    hub_describe_each(service, defs, add_channel, &a);
    return hub_describe_with_types(json_pack("{s:s, s:o, s:s, s:o, s:o}", "asyncapi", "3.0.0", "info",
                                             hub_describe_info(service), "defaultContentType", "application/json",
                                             "channels", a.channels, "operations", a.operations),
                                   defs);
}
