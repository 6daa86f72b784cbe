/* Windows: which of them fits a channel, and what all of them promise together. */
#include "base/match/pattern.h"
#include "hub/channel/channel_int.h"
#include "hub/namespace/namespace.h"

enum hub_code hub_channel_window(const struct hub_def *def, struct hub_str channel, const struct hub_def_channel **out,
                                 json_t **params, struct hub_err *err) {
    enum hub_code code = HUB_NOT_FOUND;
    *out = NULL;
    for (size_t i = 0; code == HUB_NOT_FOUND && i < def->parts.channel_n; i++) {
        code = hub_pattern_match(def->parts.channels[i].pattern.compiled, channel, params);
        if (!code) *out = &def->parts.channels[i];
    }
    if (code == HUB_NOT_FOUND) return hub_fail(err, code, "no channel of that name is declared here");
    if (code) return hub_fail(err, code, "channel: whether that name is one of a channel takes too long to find out");
    return HUB_OK;
}

/* ---- all windows of the service ---- */

static void promise_more(struct hub_channel_keep *k, const struct hub_def_channel *w) {
    if (w->history > k->history) k->history = w->history;
    if (w->history_seconds > k->seconds) k->seconds = w->history_seconds;
    k->persist |= w->persist;
    k->redis |= w->redis;
}

static bool add_promise(const struct hub_def *def, struct hub_str name, struct hub_channel_keep *out) {
    const struct hub_def_channel *window;
    struct hub_err err;
    if (!def->parts.channel_n || hub_channel_window(def, name, &window, NULL, &err)) return false;
    promise_more(out, window);
    return true;
}

bool hub_channel_promised(struct hub_engine *e, struct hub_str name, struct hub_channel_keep *out) {
    const struct hub_service *s = e->config.service;
    bool any = false;
    *out = (struct hub_channel_keep){0};
    for (size_t i = 0; i < s->hub_n; i++) any |= add_promise(&s->hubs[i], name, out);
    for (size_t i = 0; i < s->namespace_n; i++) any |= add_promise(&s->namespaces[i].def, name, out);
    return any;
}

static bool has_window(const struct hub_def *def, struct hub_str channel) {
    const struct hub_def_channel *window;
    struct hub_err err;
    return def->parts.channel_n && hub_channel_window(def, channel, &window, NULL, &err) != HUB_NOT_FOUND;
}

struct hub_hub *hub_channel_owner(struct hub_engine *e, struct hub_str channel) {
    const struct hub_service *s = e->config.service;
    for (size_t i = 0; i < e->hub_n; i++)
        if (has_window(e->hubs[i]->def, channel)) return e->hubs[i];
    for (size_t i = 0; i < s->namespace_n; i++)
        /* One by an expression has no name of its own, so nobody can be asked for it. */
        if (!s->namespaces[i].pattern.is_regex && has_window(&s->namespaces[i].def, channel))
            return hub_namespaces_hub(e, hub_cstr(s->namespaces[i].path));
    return NULL;
}
