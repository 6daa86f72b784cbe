/* What scripts may do with channels: the table channels. No guard is asked, for scripts are the server;
 * names and fields are those that the service declares. */
#include <stdlib.h>

#include "base/text/utf8.h"
#include "hub/channel/channel_int.h"

#define REASON_MAX 1000 /* bytes */

/* The definition whose window decides: that of the script's own hub, else the first of the service. NULL:
 * there is none, or no such name, and it was answered. */
static const struct hub_def *def_of(struct hub_engine *e, struct hub_host_call *call,
                                    const struct hub_def_channel **window) {
    const struct hub_caller *caller = call->caller;
    struct hub_str name = hub_host_text(call, 0);
    struct hub_err err;
    if (!name.n || name.n > HUB_CHANNEL_NAME_MAX) {
        hub_host_fail(call, HUB_BAD_REQUEST, "channels: expected as channel a text of 1 to 255 bytes");
        return NULL;
    }
    if (caller && !caller->hub->gone && !hub_channel_window(caller->hub->def, name, window, NULL, &err))
        return caller->hub->def;
    const struct hub_hub *owner = hub_channel_owner(e, name);
    enum hub_code code = owner ? hub_channel_window(owner->def, name, window, NULL, &err)
                               : hub_fail(&err, HUB_NOT_FOUND, "no channel of that name is declared");
    if (code) hub_host_fail(call, code, err.text);
    return code ? NULL : owner->def;
}

/* ---- channels.publish ---- */

struct host_publishing {
    struct hub_channel_wait wait;
    struct hub_host_call *call;
    struct hub_buf data;
    struct hub_channel *channel; /* reference */
};

static void end_host_publishing(struct host_publishing *p) {
    if (p->channel) hub_channel_unref(p->channel);
    hub_buf_free(&p->data);
    free(p);
}

static void on_host_published(void *arg, enum hub_code code, const char *error, int64_t number) {
    struct host_publishing *p = arg;
    struct hub_host_call *call = p->call;
    hub_guard_ends_write(p->channel->all->engine, p);
    end_host_publishing(p);
    if (code)
        hub_host_fail(call, code, error && error[0] ? error : NULL);
    else
        call->done(call, HUB_OK, json_pack("{s:I}", "offset", (json_int_t)number), NULL);
}

static void on_host_loaded(struct hub_channel_wait *w, struct hub_channel *c, enum hub_code code) {
    struct host_publishing *p = HUB_CONTAINER(w, struct host_publishing, wait);
    if (!code) {
        hub_guard_begins_write(c->all->engine, p->call, p);
        hub_channel_publish(c, NULL, hub_buf_str(&p->data), on_host_published, p);
        return;
    }
    hub_host_fail(p->call, code, NULL);
    end_host_publishing(p);
}

static void channels_publish(void *ctx, struct hub_host_call *call) {
    struct hub_engine *e = ctx;
    const struct hub_def_channel *window;
    struct hub_err err;
    const struct hub_def *def = def_of(e, call, &window);
    if (!def) return;
    json_t *given = json_array_get(call->args, 1), *data = given ? json_deep_copy(given) : json_null();
    struct host_publishing *p = hub_xcalloc(1, sizeof *p);
    *p = (struct host_publishing){.wait.loaded = on_host_loaded, .call = call};
    enum hub_code code = hub_channel_check_data(def, window, data, &p->data, &err);
    json_decref(data);
    if (!code) code = hub_channel_get(e, def, hub_host_text(call, 0), &p->channel, &err);
    if (!code) {
        hub_channel_load(p->channel, &p->wait);
        return;
    }
    hub_host_fail(call, code, err.text);
    end_host_publishing(p);
}

/* ---- channels.history ---- */

struct host_reading {
    struct hub_channel_wait wait;
    struct hub_host_call *call;
    struct hub_channel *channel; /* reference */
    int64_t before, limit, history, seconds;
    struct hub_channel_span span;
};

static void end_host_reading(struct host_reading *r) {
    hub_channel_unref(r->channel);
    free(r);
}

static void on_host_page(void *arg, enum hub_code code, const struct hub_channel_page *page) {
    struct host_reading *r = arg;
    struct hub_buf text = {0};
    if (code) {
        hub_host_fail(r->call, code, NULL);
        end_host_reading(r);
        return;
    }
    hub_buf_addc(&text, '[');
    hub_buf_adds(&text, hub_buf_str(&page->json));
    hub_buf_addc(&text, ']');
    bool more = page->n && page->first > r->span.after + 1;
    json_t *result = json_pack("{s:o}", "items", hub_json_parse(hub_buf_str(&text), NULL));
    if (more) json_object_set_new(result, "next", json_integer(page->first));
    r->call->done(r->call, HUB_OK, result, NULL);
    hub_buf_free(&text);
    end_host_reading(r);
}

static void on_history_loaded(struct hub_channel_wait *w, struct hub_channel *c, enum hub_code code) {
    struct host_reading *r = HUB_CONTAINER(w, struct host_reading, wait);
    const struct hub_channel_page none = {0};
    r->span = hub_channel_kept_span(c, r->history, r->seconds, r->before, r->limit);
    if (!code && r->span.limit)
        c->log->read(c, &r->span, on_host_page, r);
    else
        on_host_page(r, code, &none);
}

static void channels_history(void *ctx, struct hub_host_call *call) {
    struct hub_engine *e = ctx;
    const struct hub_def_channel *window;
    const json_t *opts = json_array_get(call->args, 1);
    struct hub_err err;
    struct hub_channel *c;
    const struct hub_def *def = def_of(e, call, &window);
    if (!def) return;
    enum hub_code code = json_is_object(opts) ? hub_script_keys(opts, "before after limit", &err) : HUB_OK;
    if (!code) code = hub_channel_get(e, def, hub_host_text(call, 0), &c, &err);
    if (code) {
        hub_host_fail(call, code, err.text);
        return;
    }
    hub_guard_reads(call, HUB_READABLE_CHANNEL, NULL, hub_host_text(call, 0));
    struct host_reading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct host_reading){.wait.loaded = on_history_loaded,
                               .call = call,
                               .channel = c,
                               .before = hub_json_get_int(opts, "before", hub_json_get_int(opts, "after", INT64_MAX)),
                               .limit = hub_json_get_int(opts, "limit", HUB_CHANNEL_PAGE),
                               .history = window->history,
                               .seconds = window->history_seconds};
    hub_channel_load(c, &r->wait);
}

/* ---- who has subscribed ---- */

/* Whether CALL's guard is asked about a subscription to C, which has its seat already. */
static bool has_seat_in(const struct hub_channel *c, const struct hub_host_call *call) {
    const struct hub_caller *caller = call->caller;
    struct hub_grant *g = caller ? caller->grant : NULL;
    return g && g->of == &hub_channel_subscribing && HUB_CONTAINER(g, struct hub_subscription, grant)->channel == c;
}

/* For the guard of such a subscription these are the others, before it has a seat and afterwards: by a bound
 * that lets it in it stays. */
static void channels_subscribers(void *ctx, struct hub_host_call *call) {
    const struct hub_channel *c = hub_channel_find(ctx, hub_host_text(call, 0));
    hub_guard_reads(call, HUB_READABLE_SUBSCRIBERS, NULL, hub_host_text(call, 0));
    call->done(call, HUB_OK, json_integer(c ? (json_int_t)c->sub_n - has_seat_in(c, call) : 0), NULL);
}

static int64_t end_subscriptions(struct hub_channel *c, struct hub_str user, const char *why) {
    int64_t n = 0;
    hub_channel_ref(c);
    HUB_LIST_EACH_SAFE(&c->subs, it) {
        struct hub_subscription *s = HUB_CONTAINER(it, struct hub_subscription, in_channel);
        if (s->grant.pending || (user.p && !hub_str_is(user, s->grant.conn->identity->user_id))) continue;
        hub_grant_end(&s->grant, why);
        n++;
    }
    hub_channel_unref(c);
    return n;
}

/* channels.disconnect(channel, userId?, reason?): how many it were. What is no id does not stand for all. */
static void channels_disconnect(void *ctx, struct hub_host_call *call) {
    struct hub_channel *c = hub_channel_find(ctx, hub_host_text(call, 0));
    struct hub_str user = hub_host_text(call, 1), reason = hub_host_text(call, 2);
    if (!hub_json_nil(json_array_get(call->args, 1)) && !hub_str_is_id(user)) {
        hub_host_fail(call, HUB_BAD_REQUEST,
                      "channels.disconnect: userId: expected " HUB_ID_EXPECTED ", or nil for all");
        return;
    }
    char *why = reason.n ? hub_str_dup(hub_utf8_cut(reason, REASON_MAX)) : hub_xstrdup("disconnected");
    int64_t n = c ? end_subscriptions(c, user, why) : 0;
    free(why);
    call->done(call, HUB_OK, json_integer(n), NULL);
}

const struct hub_host_fn hub_channel_host[] = {
    {"channels", "publish", channels_publish},
    {"channels", "history", channels_history},
    {"channels", "subscribers", channels_subscribers},
    {"channels", "disconnect", channels_disconnect},
    {NULL, NULL, NULL},
};
