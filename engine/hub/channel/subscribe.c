/* Subscriptions: a seat among a channel's subscribers, taken held, so that what is read of the past and
 * what is told live meet at one number. */
#include <stdlib.h>

#include "hub/channel/channel_int.h"

static struct hub_metric subscriptions_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_channel_subscriptions", NULL, "Subscriptions of connections to channels");

/* hub:subscribe on its way. */
struct subscribing {
    struct hub_grant_request request;
    struct hub_channel_wait wait;
    struct hub_hold hold;
    struct hub_channel *channel; /* reference, or NULL */
    bool has_since, replay;
    int64_t since, limit, offset, history, seconds;
};

/* ---- what a connection has ---- */

static struct hub_subscription *sub_at(const struct hub_grant *g) {
    return HUB_CONTAINER((struct hub_grant *)(uintptr_t)g, struct hub_subscription, grant);
}

static struct hub_str subscribed_name(const struct hub_grant *g) { return hub_channel_name(sub_at(g)->channel); }

static HUB_MUST struct hub_grant *sub_new(void) {
    struct hub_subscription *s = hub_xcalloc(1, sizeof *s);
    hub_list_init(&s->in_channel);
    return &s->grant;
}

/* Of others: what its own guard has read of it, it was not counted in. */
static void tell_counters(struct hub_subscription *s, struct hub_channel *c) {
    struct hub_engine *e = c->all->engine;
    hub_grant_begins_write(&s->grant, s);
    HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_SUBSCRIBERS, NULL, hub_channel_name(c), s);
    hub_guard_ends_write(e, s);
}

static void take_seat(struct hub_subscription *s, struct hub_channel *c) {
    if (!c->group)
        c->group = hub_group_new(c->all->engine->config.loop, (struct hub_group_place){"channel", hub_channel_name(c)});
    hub_seat_take(&s->seat, c->group, &s->grant.conn->outlet, true);
    s->channel = c;
    hub_list_push(&c->subs, &s->in_channel);
    c->sub_n++;
    tell_counters(s, c);
    hub_channel_outside_follow(c);
}

static void leave_channel(struct hub_subscription *s) {
    struct hub_channel *c = s->channel;
    if (!c) return;
    hub_channel_ref(c);
    hub_seat_leave(&s->seat);
    hub_list_remove(&s->in_channel);
    c->sub_n--;
    tell_counters(s, c); /* it still has its channel's name, for the log */
    s->channel = NULL;
    hub_channel_outside_follow(c);
    hub_channel_unref(c);
}

static void free_sub(struct hub_grant *g) {
    leave_channel(sub_at(g));
    free(sub_at(g));
}

/* ---- the end of a request ---- */

static struct subscribing *subscribing_at(struct hub_grant_request *r) {
    return HUB_CONTAINER(r, struct subscribing, request);
}

static void free_subscribing(struct hub_grant_request *r) {
    struct subscribing *s = subscribing_at(r);
    hub_unhold(&s->hold);
    if (s->channel) hub_channel_unref(s->channel);
    free(s);
}

/* The subscription that is being made; NULL: it was ended, or there is one already. */
static struct hub_subscription *own_sub(const struct subscribing *s) {
    return s->request.grant ? sub_at(s->request.grant) : NULL;
}

/* Otherwise it was answered, or it begins anew: rights have changed since the guard was asked, or more was
 * published than a held seat keeps. */
static bool goes_on(struct subscribing *s, enum hub_code code) {
    struct hub_subscription *own = own_sub(s);
    bool again = own && own->seat.overflowed;
    struct hub_err err;
    if (code)
        hub_err_set(&err, code, "%s", hub_code_text(code));
    else
        code = hub_grant_may_answer(&s->request, &again, &err);
    if (!code && !again) return true;
    if (own) leave_channel(own);
    hub_grant_settle(&s->request, code, again, &err);
    return false;
}

static const char *recovered_word(const struct subscribing *s) {
    return !s->has_since ? "null" : s->replay ? "true" : "false";
}

static void answer_subscribing(struct subscribing *s, struct hub_str history) {
    struct hub_engine *e = s->channel->all->engine;
    struct hub_buf b = hub_scratch_take(e);
    struct hub_subscription *own = own_sub(s);
    hub_buf_addz(&b, "\"channel\":");
    hub_json_add_string(&b, hub_channel_name(s->channel));
    hub_buf_addz(&b, ",\"history\":[");
    hub_buf_adds(&b, history);
    hub_buf_addf(&b, "],\"offset\":%lld,\"epoch\":\"%s\",\"recovered\":%s", (long long)s->offset,
                 s->channel->sequence.epoch, recovered_word(s));
    hub_grant_given(&s->request);
    hub_call_ok(s->request.call, "history", hub_buf_str(&b));
    hub_scratch_give(e, &b);
    if (own) HUB_UNUSED(hub_seat_release(&own->seat), "it was looked at before the answer");
    free_subscribing(&s->request);
}

/* ---- past and present ---- */

static void start_reading(struct subscribing *s);

static void on_read(void *arg, enum hub_code code, const struct hub_channel_page *page) {
    struct subscribing *s = arg;
    if (!goes_on(s, code)) return;
    if (s->replay && (int64_t)page->n != s->offset - s->since) {
        s->replay = false; /* some of it is gone */
        start_reading(s);
    } else {
        answer_subscribing(s, hub_buf_str(&page->json));
    }
}

static void start_reading(struct subscribing *s) {
    int64_t n = s->replay ? s->offset - s->since : s->limit;
    if (n > s->history) n = s->history;
    const struct hub_channel_span span = {
        .after = s->offset - n, .upto = s->offset, .oldest = hub_channel_oldest(s->channel, s->seconds), .limit = n};
    if (n && s->offset)
        s->channel->log->read(s->channel, &span, on_read, s);
    else
        answer_subscribing(s, hub_str(NULL, 0));
}

/* Nothing but what is kept can be given back. */
static bool may_replay(const struct subscribing *s) {
    struct hub_str epoch = hub_call_str(s->request.call, "epoch");
    int64_t missed = s->offset - s->since;
    return s->has_since && (!epoch.n || hub_str_is(epoch, s->channel->sequence.epoch)) && missed >= 0 &&
           missed <= s->history && missed <= HUB_CHANNEL_READ_MAX;
}

static void on_subscribe_loaded(struct hub_channel_wait *w, struct hub_channel *c, enum hub_code code) {
    struct subscribing *s = HUB_CONTAINER(w, struct subscribing, wait);
    if (!goes_on(s, code)) return;
    if (own_sub(s)) take_seat(own_sub(s), c);
    s->offset = c->sequence.number;
    s->replay = may_replay(s);
    start_reading(s);
}

static void on_subscribe_judged(struct hub_grant_request *r) {
    struct subscribing *s = subscribing_at(r);
    const struct hub_hub *hub = r->call->hub;
    const struct hub_def_channel *window = r->ask.window;
    struct hub_err err;
    enum hub_code code = HUB_OK;
    s->history = window->history;
    s->seconds = window->history_seconds;
    if (!s->channel) code = hub_channel_get(hub->engine, hub->def, hub_cstr(r->ask.name), &s->channel, &err);
    if (code)
        hub_grant_settle(r, code, false, &err);
    else
        hub_channel_load(s->channel, &s->wait);
}

const struct hub_granting hub_channel_subscribing = {.part = &hub_channels_part,
                                                     .guard = &hub_channel_subscribe_guard,
                                                     .now = &subscriptions_metric,
                                                     .bound = "channels may be subscribed to by one connection",
                                                     .name = subscribed_name,
                                                     .make = sub_new,
                                                     .free = free_sub,
                                                     .judged = on_subscribe_judged,
                                                     .drop = free_subscribing};

/* ---- the commands ---- */

void hub_channel_subscribe(struct hub_call *call) {
    struct subscribing *s = hub_xcalloc(1, sizeof *s);
    s->has_since = !hub_json_nil(hub_json_get(call->args, "since"));
    s->since = hub_json_get_int(call->args, "since", 0);
    s->limit = hub_json_get_int(call->args, "historyLimit", 0);
    s->wait.loaded = on_subscribe_loaded;
    hub_hold(&call->hub->engine->holds, &s->hold, "subscription");
    hub_grant_request(&s->request, &hub_channel_subscribing, call);
}

void hub_channel_unsubscribe(struct hub_call *call) {
    struct hub_grant *g = hub_grant_named(call, &hub_channel_subscribing);
    if (!g) {
        hub_call_fail(call, HUB_NOT_FOUND, "that channel is not subscribed to");
        return;
    }
    hub_grant_end(g, NULL);
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}
