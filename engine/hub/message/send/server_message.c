/* Messages that scripts send: serverMessages of handlers and scheduled actions, hub.send. */
#include "base/text/utf8.h"
#include "hub/message/message.h"

#include <stdio.h>

#include "base/telemetry/log.h"

#define MAX_MESSAGES 1000 /* of one result */

enum hub_code hub_draft_from_script(struct hub_room *room, struct hub_str type, json_t *content, struct hub_str sender,
                                    struct hub_draft *out, struct hub_buf *text, struct hub_err *err) {
    const struct hub_def *def = hub_of(room)->def;
    const struct hub_def_message_type *t = hub_def_message_type(def, type);
    bool changed;
    if (!t)
        return hub_fail(err, HUB_UNKNOWN_TYPE, "type: there is no message type \"%.*s\" in hub %s", HUB_CUT(type, 64),
                        def->name);
    enum hub_code code = hub_content_check(t, content, &changed, err);
    if (code) return code;
    hub_json_add(text, content);
    if ((int64_t)text->n > def->max_message_size) return hub_fail(err, HUB_TOO_LARGE, "content: over maxMessageSize");
    *out = (struct hub_draft){.sender_id = sender,
                              .type = t->name,
                              .content = hub_buf_str(text),
                              .persist = true,
                              .announce = true,
                              .to = HUB_TO_ALL};
    return HUB_OK;
}

/* One element of serverMessages as a draft. CONTENT (a copy, to be freed) and TEXT back it. */
static enum hub_code make_draft(struct hub_room *room, const json_t *m, struct hub_draft *d, json_t **content,
                                struct hub_buf *text, struct hub_err *err) {
    enum hub_to to;
    const json_t *ids, *persist = hub_json_get(m, "persist");
    if (!json_is_object(m)) return hub_fail(err, HUB_HANDLER_FAILED, "expected an object {type, content, to}");
    if (hub_script_keys(m, "type content to persist", err)) return HUB_HANDLER_FAILED;
    if (!hub_target_parse(hub_json_get(m, "to"), &to, &ids))
        return hub_fail(err, HUB_HANDLER_FAILED,
                        "to: expected \"all\", \"others\", \"sender\" or an array of user ids");
    if (!hub_json_nil(persist) && !json_is_boolean(persist))
        return hub_fail(err, HUB_HANDLER_FAILED, "persist: expected true or false");
    if (!hub_json_get_str(m, "type").n)
        return hub_fail(err, HUB_HANDLER_FAILED, "type: expected the name of a message type");
    if (!json_is_object(hub_json_get(m, "content")))
        return hub_fail(err, HUB_HANDLER_FAILED, "content: expected an object");
    *content = json_deep_copy(hub_json_get(m, "content"));
    enum hub_code code =
        hub_draft_from_script(room, hub_json_get_str(m, "type"), *content, hub_str(NULL, 0), d, text, err);
    if (code) return code;
    d->to = to;
    d->to_ids = ids;
    d->persist = hub_json_get_bool(m, "persist", true);
    return HUB_OK;
}

static enum hub_code send_one(struct hub_room *room, const json_t *m, struct hub_str sender, struct hub_err *err) {
    struct hub_draft d;
    struct hub_buf text = {0};
    json_t *content = NULL;
    enum hub_code code = make_draft(room, m, &d, &content, &text, err);
    if (!code) {
        d.led_by = sender;
        hub_room_submit(room, &d, NULL, NULL);
    }
    json_decref(content);
    hub_buf_free(&text);
    return code;
}

bool hub_server_messages_ok(struct hub_room *room, const json_t *messages, struct hub_err *err) {
    size_t n = json_array_size(messages);
    if (hub_json_nil(messages)) return true;
    if (!json_is_array(messages) || n > MAX_MESSAGES)
        return hub_err_set(err, HUB_HANDLER_FAILED, "serverMessages: expected an array of at most %d", MAX_MESSAGES),
               false;
    for (size_t i = 0; i < n; i++) {
        struct hub_draft d;
        struct hub_buf text = {0};
        struct hub_err why;
        json_t *content = NULL;
        enum hub_code code = make_draft(room, json_array_get(messages, i), &d, &content, &text, &why);
        json_decref(content);
        hub_buf_free(&text);
        if (code)
            return hub_err_set(err, HUB_HANDLER_FAILED, "serverMessages[%zu]%s%.*s", i,
                               json_is_object(json_array_get(messages, i)) ? "." : ": ", HUB_CUTZ(why.text, 300)),
                   false;
    }
    return true;
}

void hub_server_messages(struct hub_room *room, const json_t *messages, struct hub_str sender, const char *origin) {
    size_t n = room->ended == HUB_ROOM_NOT_FOUND
                   ? 0
                   : json_array_size(messages); /* where the room is gone, nothing is stored */
    for (size_t i = 0; i < n && i < MAX_MESSAGES; i++) {
        struct hub_err err;
        char at[160];
        if (!send_one(room, json_array_get(messages, i), sender, &err)) continue;
        snprintf(at, sizeof at, "%s serverMessages[%zu]", origin, i);
        hub_log_kv(HUB_LOG_WARN, "hub", "server message not sent", "hub", hub_of(room)->def->name, "room", room->id,
                   "at", at, "error", err.text, NULL);
    }
}
