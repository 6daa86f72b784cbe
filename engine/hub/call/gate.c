/* The first gates of a send, which an edit goes through too (contract: semantics.md "Gates of a send, in
 * order"). */
#include "hub/call/call.h"

#include <stdio.h>
#include <stdlib.h>

enum hub_code hub_gate_again(const struct hub_call *c, struct hub_err *err) {
    const struct hub_def *def = c->hub->def;
    struct hub_str user = hub_cstr(c->who->user_id);
    int64_t now = hub_loop_wall(c->room->loop);
    if (hub_room_is_blocked(c->room, user, now)) return hub_fail(err, HUB_BLOCKED, NULL);
    if (!c->rights.can_send) return hub_fail(err, HUB_CANNOT_SEND, NULL);
    if (hub_room_is_silenced(c->room, user, &c->rights, def->default_silenced, now))
        return hub_fail(err, HUB_SILENCED, NULL);
    return HUB_OK;
}

enum hub_code hub_gate_sender(const struct hub_call *c, struct hub_err *err) {
    return c->hub->engine->draining ? hub_fail(err, HUB_SHUTTING_DOWN, NULL) : hub_gate_again(c, err);
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

enum hub_code hub_gate_filled(const struct hub_hub *hub, const json_t *content, struct hub_buf *text,
                              struct hub_err *err) {
    hub_buf_clear(text);
    hub_json_add(text, content);
    if ((int64_t)text->n > hub->def->max_message_size)
        return hub_fail(err, HUB_TOO_LARGE,
                        "content: %zu bytes of JSON with the type's defaults, at most %lld are allowed", text->n,
                        (long long)hub->def->max_message_size);
    return HUB_OK;
}

/* ---- the rate ---- */

struct counting {
    struct hub_hold hold;
    struct hub_call *call;
    enum hub_limit limit;
    hub_gate_counted *then;
    void *arg;
};

static void count_refusal(const char *limit) {
    hub_metric_add(hub_metric_labelled("hubd_limited_total", "Requests over a limit, by limit", HUB_COUNTER, "limit",
                                       hub_cstr(limit)),
                   1);
}

enum hub_code hub_gate_too_many(const char *limit, int64_t most, const char *what, struct hub_err *err) {
    count_refusal(limit);
    return hub_fail(err, HUB_TOO_MANY, "%s: at most %lld %s", limit, (long long)most, what);
}

static void refuse(struct hub_call *c, enum hub_limit limit, int64_t retry) {
    struct hub_err err;
    char fields[48];
    count_refusal(hub_limit_name(limit));
    hub_fail(&err, HUB_RATE_LIMITED, "%s: at most %lld per minute; try again in %lld ms", hub_limit_name(limit),
             (long long)hub_limit_of(c->hub->def, limit), (long long)retry);
    int n = snprintf(fields, sizeof fields, "\"retryAfterMs\":%lld", (long long)retry);
    hub_call_fail_with(c, &err, hub_str(fields, (size_t)n));
}

/* Who counts: the user; where every request is another one, the address by which its reads take turns. */
static struct hub_str counted_as(const struct hub_call *c) {
    const struct hub_reader *r = c->read.reader;
    return r && r->key ? hub_cstr(r->key + (r->key[0] == '=')) : hub_cstr(c->who->user_id);
}

/* The same as a record, which lasts at least until the end of this turn. */
static struct hub_user *counted_user(const struct hub_call *c) {
    bool by_user = !c->read.reader || !c->read.reader->key;
    if (by_user && c->conn && c->conn->user) return c->conn->user; /* at hand: no search for each event */
    return hub_user_get(c->hub, counted_as(c));
}

static int64_t now_of(const struct hub_call *c) { return hub_loop_now(c->hub->engine->config.loop); }

static void count_here(struct hub_call *c, enum hub_limit limit, hub_gate_counted *then, void *arg) {
    int64_t retry;
    bool allowed = hub_rate_take(c->hub, counted_user(c), limit, now_of(c), &retry);
    if (!allowed) refuse(c, limit, retry);
    then(arg, allowed);
}

/* What the cache allowed is noted here too: should it go away now, the window does not begin anew. */
static void on_taken(void *arg, enum hub_code code, int64_t wait_ms) {
    struct counting *w = arg;
    struct hub_call *c = w->call;
    hub_unhold(&w->hold);
    if (code) {
        count_here(c, w->limit, w->then, w->arg);
    } else if (wait_ms) {
        if (w->limit != HUB_LIMIT_MESSAGES) hub_rate_close(c->hub, counted_user(c), w->limit, now_of(c) + wait_ms);
        refuse(c, w->limit, wait_ms);
        w->then(w->arg, false);
    } else {
        hub_rate_note(c->hub, counted_user(c), w->limit, now_of(c));
        w->then(w->arg, true);
    }
    free(w);
}

static void add_key(struct hub_buf *key, const struct hub_call *c, enum hub_limit limit) {
    const struct hub_service *s = c->hub->engine->config.service;
    struct hub_str who = counted_as(c);
    const char *what = limit == HUB_LIMIT_MESSAGES ? "rate" : hub_limit_name(limit);
    hub_buf_addf(key, "hubd:%s:%s:%s:%s:%.*s", s->project, s->name, what, c->hub->def->name, HUB_FMT(who));
}

/* Who was refused is not asked about again before there is room. (Of messages some are given back.) */
void hub_gate_limit(struct hub_call *c, enum hub_limit limit, hub_gate_counted *then, void *arg) {
    struct hub_engine *e = c->hub->engine;
    struct hub_cache *cache = e->config.cache;
    if (!cache->ops->take) {
        count_here(c, limit, then, arg);
        return;
    }
    int64_t closed = hub_rate_closed(counted_user(c), limit) - now_of(c);
    if (closed > 0) {
        refuse(c, limit, closed);
        then(arg, false);
        return;
    }
    struct hub_buf key = {0};
    struct counting *w = hub_xmalloc(sizeof *w);
    *w = (struct counting){.call = c, .limit = limit, .then = then, .arg = arg};
    hub_hold(&e->holds, &w->hold, "rate count");
    add_key(&key, c, limit);
    cache->ops->take(cache, hub_buf_str(&key), hub_limit_of(c->hub->def, limit), HUB_RATE_WINDOW_MS, on_taken, w);
    hub_buf_free(&key);
}

void hub_gate_give_back(const struct hub_call *c, enum hub_limit limit) {
    struct hub_cache *cache = c->hub->engine->config.cache;
    struct hub_buf key = {0};
    hub_rate_give(counted_user(c), limit);
    if (!cache->ops->give) return;
    add_key(&key, c, limit);
    cache->ops->give(cache, hub_buf_str(&key), HUB_RATE_WINDOW_MS);
    hub_buf_free(&key);
}
