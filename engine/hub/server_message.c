/* Messages that scripts send: serverMessages of handlers and scheduled actions, hub.send. */
#include <stdio.h>

#include "base/log.h"
#include "hub/hub_int.h"

#define MAX_MESSAGES 1000 /* of one result */

enum hub_code hub_draft_from_script(struct hub_room *room, struct hub_str type, json_t *content, struct hub_str sender, struct hub_draft *out,
                                    struct hub_buf *text, struct hub_err *err) {
    const struct hub_def *def = hub_of(room)->def;
    const struct hub_def_message_type *t = hub_def_message_type(def, type);
    bool changed;
    if (!t)
        return hub_fail(err, HUB_UNKNOWN_TYPE, "type: there is no message type \"%.*s\" in hub %s", type.n < 64 ? (int)type.n : 64, type.p,
                        def->name);
    enum hub_code code = hub_content_check(t, content, &changed, err);
    if (code) return code;
    hub_json_add(text, content);
    if ((int64_t)text->n > def->max_message_size) return hub_fail(err, HUB_TOO_LARGE, "content: over maxMessageSize");
    *out =
        (struct hub_draft){.sender_id = sender, .type = t->name, .content = hub_buf_str(text), .persist = true, .announce = true, .to = HUB_TO_ALL};
    return HUB_OK;
}

/* "sender" and "others" mean the user whose message led to this one, although the message itself is the system's. */
static void aim(struct hub_draft *d, struct hub_room *room, struct hub_str sender, json_t **ids) {
    if (d->to == HUB_TO_SENDER) {
        *ids = json_array();
        json_array_append_new(*ids, hub_json_string(sender));
    } else if (d->to == HUB_TO_OTHERS && sender.n) {
        struct hub_str key;
        *ids = json_array();
        for (void *it = NULL; (it = hub_map_next(&room->users, it, &key, NULL));)
            if (!hub_str_eq(key, sender)) json_array_append_new(*ids, hub_json_string(key));
    } else {
        return;
    }
    d->to = HUB_TO_IDS;
    d->to_ids = *ids;
}

static enum hub_code send_one(struct hub_room *room, const json_t *m, struct hub_str sender, struct hub_err *err) {
    struct hub_draft d;
    struct hub_buf text = {0};
    enum hub_to to;
    const json_t *to_ids;
    json_t *ids = NULL;
    if (!json_is_object(m)) return hub_fail(err, HUB_HANDLER_FAILED, "expected an object {type, content, to}");
    if (!hub_target_parse(hub_json_get(m, "to"), &to, &to_ids))
        return hub_fail(err, HUB_HANDLER_FAILED, "to: expected \"all\", \"others\", \"sender\" or an array of user ids");
    json_t *content = json_deep_copy(hub_json_get(m, "content"));
    enum hub_code code = content ? hub_draft_from_script(room, hub_json_get_str(m, "type"), content, hub_str(NULL, 0), &d, &text, err)
                                 : hub_fail(err, HUB_HANDLER_FAILED, "content: required, but missing");
    if (!code) {
        d.to = to;
        d.to_ids = to_ids;
        d.persist = hub_json_get_bool(m, "persist", true);
        aim(&d, room, sender, &ids);
        hub_room_submit(room, &d, NULL, NULL);
    }
    json_decref(ids);
    json_decref(content);
    hub_buf_free(&text);
    return code;
}

void hub_server_messages(struct hub_room *room, const json_t *messages, struct hub_str sender, const char *origin) {
    size_t n = json_array_size(messages);
    for (size_t i = 0; i < n && i < MAX_MESSAGES; i++) {
        struct hub_err err;
        char at[96];
        if (!send_one(room, json_array_get(messages, i), sender, &err)) continue;
        snprintf(at, sizeof at, "%s serverMessages[%zu]", origin, i);
        hub_log_kv(HUB_LOG_WARN, "hub", "server message not sent", "hub", hub_of(room)->def->name, "room", room->id, "at", at, "error", err.text,
                   NULL);
    }
}
