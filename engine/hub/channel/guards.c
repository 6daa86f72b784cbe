/* Who may subscribe to a channel, and who may publish there: what its window says. */
#include "hub/channel/channel_int.h"

static enum hub_code find_window(struct hub_guard_ask *ask) {
    const struct hub_def_channel *w;
    enum hub_code code = hub_channel_window(ask->def, hub_cstr(ask->name), &w, &ask->params, &ask->err);
    ask->window = w;
    return code;
}

static enum hub_code find_subscriber(struct hub_guard_ask *ask) {
    enum hub_code code = find_window(ask);
    if (code) return code;
    ask->script = &((const struct hub_def_channel *)ask->window)->can_subscribe;
    ask->open = true;
    return HUB_OK;
}

enum hub_code hub_channel_may_publish(const struct hub_def_channel *w, struct hub_err *err) {
    return w->can_publish.kind ? HUB_OK : hub_fail(err, HUB_NOT_ALLOWED, "only the server publishes to that channel");
}

static enum hub_code find_publisher(struct hub_guard_ask *ask) {
    enum hub_code code = find_window(ask);
    if (code) return code;
    ask->script = &((const struct hub_def_channel *)ask->window)->can_publish;
    return hub_channel_may_publish(ask->window, &ask->err);
}

const struct hub_guard hub_channel_subscribe_guard = {
    .variable = "channel", .refusal = "you may not subscribe to that channel", .find = find_subscriber};
const struct hub_guard hub_channel_publish_guard = {
    .variable = "channel", .refusal = "you may not publish to that channel", .changes = true, .find = find_publisher};
