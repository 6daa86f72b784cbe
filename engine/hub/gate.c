/* The first gates of a send, which an edit goes through too (contract: semantics.md "Gates of a send, in order"). */
#include <stdio.h>

#include "base/clock.h"
#include "hub/hub_int.h"

enum hub_code hub_gate_sender(const struct hub_call *c, struct hub_err *err) {
    const struct hub_def *def = c->hub->def;
    struct hub_str user = hub_cstr(c->who->user_id);
    int64_t now = hub_wall_ms();
    if (c->hub->engine->draining) return hub_fail(err, HUB_SHUTTING_DOWN, NULL);
    if (hub_room_is_blocked(c->room, user, now)) return hub_fail(err, HUB_BLOCKED, NULL);
    if (!c->rights.can_send) return hub_fail(err, HUB_CANNOT_SEND, NULL);
    if (hub_room_is_silenced(c->room, user, &c->rights, def->default_silenced, now)) return hub_fail(err, HUB_SILENCED, NULL);
    return HUB_OK;
}

enum hub_code hub_gate_size(const struct hub_call *c, struct hub_buf *text, struct hub_err *err) {
    const json_t *content = hub_json_get(c->args, "content");
    if (!json_is_object(content)) return hub_fail(err, HUB_INVALID_CONTENT, "content: expected an object");
    hub_json_add(text, content);
    if ((int64_t)text->n > c->hub->def->max_message_size)
        return hub_fail(err, HUB_TOO_LARGE, "content: %zu bytes of JSON, at most %lld are allowed", text->n,
                        (long long)c->hub->def->max_message_size);
    return HUB_OK;
}

bool hub_gate_rate(struct hub_call *c) {
    int64_t retry;
    if (hub_rate_take(c->hub, hub_cstr(c->who->user_id), hub_loop_now(c->hub->engine->config.loop), &retry)) return true;
    struct hub_err err;
    char fields[48];
    hub_fail(&err, HUB_RATE_LIMITED, "at most %lld messages per minute; try again in %lld ms", (long long)c->hub->def->message_rate_limit,
             (long long)retry);
    int n = snprintf(fields, sizeof fields, "\"retryAfterMs\":%lld", (long long)retry);
    hub_call_fail_with(c, &err, hub_str(fields, (size_t)n));
    return false;
}
