/* The first gates of a send, which an edit goes through too (contract: semantics.md "Gates of a send, in order"). */
#include <stdio.h>
#include <stdlib.h>

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

enum hub_code hub_gate_filled(const struct hub_hub *hub, const json_t *content, struct hub_buf *text, struct hub_err *err) {
    hub_buf_clear(text);
    hub_json_add(text, content);
    if ((int64_t)text->n > hub->def->max_message_size)
        return hub_fail(err, HUB_TOO_LARGE, "content: %zu bytes of JSON with the type's defaults, at most %lld are allowed", text->n,
                        (long long)hub->def->max_message_size);
    return HUB_OK;
}

/* ---- the rate ---- */

struct counting {
    struct hub_call *call;
    hub_gate_counted *then;
    void *arg;
};

static void refuse(struct hub_call *c, int64_t retry) {
    struct hub_err err;
    char fields[48];
    hub_fail(&err, HUB_RATE_LIMITED, "at most %lld messages per minute; try again in %lld ms", (long long)c->hub->def->message_rate_limit,
             (long long)retry);
    int n = snprintf(fields, sizeof fields, "\"retryAfterMs\":%lld", (long long)retry);
    hub_call_fail_with(c, &err, hub_str(fields, (size_t)n));
}

static void count_here(struct hub_call *c, hub_gate_counted *then, void *arg) {
    int64_t retry;
    bool allowed = hub_rate_take(c->hub, hub_cstr(c->who->user_id), hub_loop_now(c->hub->engine->config.loop), &retry);
    if (!allowed) refuse(c, retry);
    then(arg, allowed);
}

/* What the cache allowed is noted here too: should it go away now, the window does not begin anew. */
static void on_taken(void *arg, enum hub_code code, int64_t wait_ms) {
    struct counting *w = arg;
    struct hub_call *c = w->call;
    struct hub_engine *e = c->hub->engine;
    if (code) {
        count_here(c, w->then, w->arg);
    } else if (wait_ms) {
        refuse(c, wait_ms);
        w->then(w->arg, false);
    } else {
        hub_rate_note(c->hub, hub_cstr(c->who->user_id), hub_loop_now(e->config.loop));
        w->then(w->arg, true);
    }
    e->pending--;
    free(w);
}

void hub_gate_rate(struct hub_call *c, hub_gate_counted *then, void *arg) {
    struct hub_engine *e = c->hub->engine;
    struct hub_cache *cache = e->config.cache;
    if (!cache->ops->take) {
        count_here(c, then, arg);
        return;
    }
    struct hub_buf key = {0};
    struct counting *w = hub_xmalloc(sizeof *w);
    *w = (struct counting){c, then, arg};
    e->pending++;
    hub_buf_addf(&key, "hubd:%s:%s:rate:%s:%s", e->config.service->project, e->config.service->name, c->hub->def->name, c->who->user_id);
    cache->ops->take(cache, hub_buf_str(&key), c->hub->def->message_rate_limit, HUB_RATE_WINDOW_MS, on_taken, w);
    hub_buf_free(&key);
}
