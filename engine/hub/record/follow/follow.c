/* Followers of records: subscribed while the record is locked, so that no change is missed or told twice;
 * each change is encoded once for all who follow in one mode. Whoever is slow is sent the whole value
 * once, when his queue is short again, instead of what he has missed. */
#include <stdlib.h>

#include "base/json/json_patch.h"
#include "hub/record/follow/follow.h"
#include "hub/record/record_int.h"

#define BEHIND_BYTES (256u << 10) /* queued: patches would only make it longer */
#define CATCH_UP_MS 100

/* hub:subscribeRecord on its way. */
struct following {
    struct hub_grant_request request;
    struct hub_record *record; /* reference, or NULL */
    struct hub_record_lock lock;
    struct hub_record_shown shown;
};

static struct hub_metric followers_now =
    HUB_METRIC(HUB_GAUGE, "hubd_record_followers", NULL, "Subscriptions to records");

static struct hub_follower *follower_at(const struct hub_grant *g) {
    return HUB_CONTAINER((struct hub_grant *)(uintptr_t)g, struct hub_follower, grant);
}

static struct hub_str followed_id(const struct hub_grant *g) { return hub_cstr(follower_at(g)->record->id); }

static HUB_MUST struct hub_grant *follower_new(void) {
    struct hub_follower *f = hub_xcalloc(1, sizeof *f);
    hub_list_init(&f->in_record);
    hub_list_init(&f->behind);
    hub_list_init(&f->due);
    return &f->grant;
}

static void leave_record(struct hub_follower *f) {
    hub_list_remove(&f->in_record);
    hub_list_remove(&f->behind);
    hub_follower_ask_no_more(f);
    hub_seat_leave(&f->seat);
}

static void free_follower(struct hub_grant *g) {
    struct hub_follower *f = follower_at(g);
    leave_record(f);
    if (f->record) hub_record_unref(f->record);
    free(f);
}

/* ---- telling ---- */

static void begin_event(struct hub_buf *b, const struct hub_record *r) {
    hub_buf_addz(b, "{\"recordId\":");
    hub_json_add_string(b, hub_cstr(r->id));
    hub_buf_addf(b, ",\"version\":%lld", (long long)r->version);
}

static void add_full(struct hub_buf *b, const struct hub_record *r) {
    begin_event(b, r);
    if (r->value) hub_buf_addz(b, ",\"full\":"), hub_json_add(b, r->value);
    hub_buf_addc(b, '}');
}

static struct hub_str event_of(const json_t *value) {
    return value ? HUB_STR("hub:recordUpdated") : HUB_STR("hub:recordDeleted");
}

static void send_full(struct hub_follower *f) {
    struct hub_buf b = {0};
    add_full(&b, f->record);
    f->told = f->record->version;
    hub_outlet_emit(&f->grant.conn->outlet, event_of(f->record->value), hub_buf_str(&b), 0);
    hub_buf_free(&b);
}

static void on_catch_up(struct hub_timer *t) {
    struct hub_records *all = HUB_CONTAINER(t, struct hub_records, catch_up);
    HUB_LIST_EACH_SAFE(&all->behind, it) {
        struct hub_follower *f = HUB_CONTAINER(it, struct hub_follower, behind);
        if (hub_socket_queued(f->grant.conn->socket) > BEHIND_BYTES / 2) continue;
        hub_list_remove(&f->behind);
        if (hub_follower_is_asked(f))
            hub_follower_ask(f, NULL);
        else
            send_full(f);
    }
    if (!hub_list_empty(&all->behind)) hub_timer_start(all->engine->config.loop, t, CATCH_UP_MS, on_catch_up);
}

static void fall_behind(struct hub_follower *f) {
    struct hub_records *all = f->record->all;
    hub_list_push(&all->behind, &f->behind);
    if (!hub_timer_running(&all->catch_up))
        hub_timer_start(all->engine->config.loop, &all->catch_up, CATCH_UP_MS, on_catch_up);
}

static bool is_told(struct hub_follower *f, enum hub_follow_mode mode) {
    return f->mode == mode && hub_list_empty(&f->behind) && !hub_follower_is_asked(f);
}

/* Other nodes get it once, if all who follow are told. False: somebody is to hear it in another way. */
static bool tell_nodes(struct hub_record *r, enum hub_follow_mode mode, struct hub_group *group, struct hub_str args) {
    size_t n = 0;
    if (!hub_group_has_guests(group)) return false;
    HUB_LIST_EACH(&r->followers, it) {
        struct hub_follower *f = HUB_CONTAINER(it, struct hub_follower, in_record);
        if (is_told(f, mode) && hub_socket_queued(f->grant.conn->socket) <= BEHIND_BYTES) n++;
    }
    if (n < hub_group_size(group)) return false;
    HUB_LIST_EACH(&r->followers, it) {
        struct hub_follower *f = HUB_CONTAINER(it, struct hub_follower, in_record);
        if (f->mode == mode) f->told = r->version;
    }
    hub_group_send(group, event_of(r->value), args, 0);
    return true;
}

static void tell_mode(struct hub_record *r, enum hub_follow_mode mode, struct hub_str args) {
    struct hub_group *group = mode == HUB_FOLLOW_FULL ? r->full : r->patch;
    struct hub_cast cast;
    if (!group || tell_nodes(r, mode, group, args)) return;
    hub_cast_begin(&cast, group, event_of(r->value), args, 0);
    HUB_LIST_EACH(&r->followers, it) {
        struct hub_follower *f = HUB_CONTAINER(it, struct hub_follower, in_record);
        if (!is_told(f, mode)) continue;
        if (hub_socket_queued(f->grant.conn->socket) > BEHIND_BYTES)
            fall_behind(f);
        else
            hub_cast_to(&cast, &f->seat), f->told = r->version;
    }
    hub_cast_end(&cast);
}

/* A patch, where that says less than the value. */
static void add_patch(struct hub_buf *b, const struct hub_record *r, const json_t *was, const struct hub_buf *full) {
    json_t *patch = hub_json_diff(was, r->value);
    begin_event(b, r);
    hub_buf_addz(b, ",\"patch\":");
    hub_json_add(b, patch);
    hub_buf_addc(b, '}');
    json_decref(patch);
    if (b->n <= full->n) return;
    hub_buf_clear(b);
    hub_buf_adds(b, hub_buf_str((struct hub_buf *)(uintptr_t)full));
}

static HUB_MUST struct hub_record_news *news_new(const struct hub_record *r, struct hub_buf full,
                                                 struct hub_buf patch) {
    struct hub_record_news *news = hub_xcalloc(1, sizeof *news);
    *news = (struct hub_record_news){.refs = 1, .version = r->version, .value = json_incref(r->value), full, patch};
    return news;
}

struct hub_record_news *hub_record_news_of(const struct hub_record *r) {
    struct hub_buf full = {0};
    add_full(&full, r);
    return news_new(r, full, (struct hub_buf){0});
}

void hub_follower_hear(struct hub_follower *f, const struct hub_record_news *news) {
    bool next = f->mode == HUB_FOLLOW_PATCH && news->patch.n && f->told == news->version - 1;
    if (hub_socket_queued(f->grant.conn->socket) > BEHIND_BYTES) {
        fall_behind(f);
        return;
    }
    f->told = news->version;
    if (f->told != f->record->version) hub_follower_ask(f, NULL);
    hub_outlet_emit(&f->grant.conn->outlet, event_of(news->value), hub_buf_str(next ? &news->patch : &news->full), 0);
}

/* Those first whom nobody has to ask for. FULL and PATCH are given away. */
static void tell_rest(struct hub_record *r, struct hub_buf full, struct hub_buf patch, const struct hub_grant *by) {
    HUB_LIST_EACH(&r->followers, it) {
        struct hub_follower *f = HUB_CONTAINER(it, struct hub_follower, in_record);
        if (hub_follower_is_asked(f)) hub_follower_ask(f, by);
    }
    hub_record_hearing_begin(r, news_new(r, full, patch));
}

void hub_record_tell(struct hub_record *r, const json_t *was, const struct hub_grant *by) {
    struct hub_buf full = {0}, patch = {0};
    if (hub_list_empty(&r->followers)) return;
    add_full(&full, r);
    tell_mode(r, HUB_FOLLOW_FULL, hub_buf_str(&full));
    if (r->patch && was && r->value) add_patch(&patch, r, was, &full);
    if (r->patch) tell_mode(r, HUB_FOLLOW_PATCH, patch.n ? hub_buf_str(&patch) : hub_buf_str(&full));
    tell_rest(r, full, patch, by);
}

/* ---- subscribing ---- */

static struct following *following_at(struct hub_grant_request *r) {
    return HUB_CONTAINER(r, struct following, request);
}

static void free_following(struct hub_grant_request *r) {
    struct following *s = following_at(r);
    if (s->record) hub_record_unref(s->record);
    json_decref(s->shown.value);
    free(s);
}

static enum hub_follow_mode mode_of(const struct hub_call *call) {
    return hub_str_is(hub_call_str(call, "mode"), "patch") ? HUB_FOLLOW_PATCH : HUB_FOLLOW_FULL;
}

static struct hub_group *group_of(struct hub_record *r, enum hub_follow_mode mode) {
    struct hub_group **at = mode == HUB_FOLLOW_FULL ? &r->full : &r->patch;
    const char *kind = mode == HUB_FOLLOW_FULL ? "recordId" : "recordId patch";
    if (!*at) *at = hub_group_new(r->all->engine->config.loop, (struct hub_group_place){kind, hub_cstr(r->id)});
    return *at;
}

static void take_seat(struct hub_follower *f, enum hub_follow_mode mode) {
    f->mode = mode;
    hub_list_push(&f->record->followers, &f->in_record);
    hub_seat_take(&f->seat, group_of(f->record, mode), &f->grant.conn->outlet, false);
}

/* With the version that the client has already, no record; but when a cache may have lost it meanwhile,
 * versions may have begun again. */
static void answer_followed(struct hub_call *call, struct hub_record *r, const struct hub_record_shown *shown) {
    const json_t *known = json_object_get(call->args, "version");
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"recordId\":");
    hub_json_add_string(&b, hub_cstr(r->id));
    hub_buf_addf(&b, ",\"version\":%lld", (long long)shown->version);
    bool has = json_is_integer(known) && json_integer_value(known) == shown->version;
    if (!has || hub_record_home_of(r) == HUB_RECORD_CACHED) {
        hub_buf_addz(&b, ",\"record\":");
        hub_json_add(&b, shown->value ? shown->value : json_null());
    }
    hub_call_ok(call, "record", hub_buf_str(&b));
    hub_buf_free(&b);
}

/* The lock is held, the record is loaded: what the answer does not hold comes live. */
static void follow_record(struct following *s) {
    struct hub_call *call = s->request.call;
    struct hub_follower *f = follower_at(hub_grant_given(&s->request));
    if (f->record)
        leave_record(f);
    else
        f->record = hub_record_ref(s->record);
    take_seat(f, mode_of(call));
    f->told = s->shown.version;
    if (f->told != f->record->version) hub_follower_ask(f, NULL);
    answer_followed(call, s->record, &s->shown);
}

/* Of who follows already: he was told of a later version than his guard has looked at. */
static bool is_older(const struct following *s) {
    const struct hub_grant *g = s->request.grant ? NULL : hub_grant_named(s->request.call, &hub_record_following);
    return g && !g->pending && follower_at(g)->told > s->shown.version;
}

static void on_follow_locked(struct hub_record_lock *lock, enum hub_code code) {
    struct following *s = HUB_CONTAINER(lock, struct following, lock);
    struct hub_err err;
    bool again = !code && (!hub_record_show_now(&s->shown, s->record) || is_older(s));
    if (code)
        hub_err_set(&err, code, NULL);
    else
        code = hub_grant_may_answer(&s->request, &again, &err);
    if (!code && !again) follow_record(s);
    hub_record_unlock(lock);
    hub_grant_settle(&s->request, code, again, &err);
}

static void on_read_judged(struct hub_grant_request *r) {
    struct following *s = following_at(r);
    const struct hub_hub *hub = r->call->hub;
    struct hub_err err;
    if (!s->record)
        s->record = hub_record_get(hub_records_of(hub->engine), hub_cstr(r->ask.name), hub->def->limits.records);
    hub_record_show_judged(&s->shown, &r->ask);
    if (s->record)
        hub_record_lock(&s->lock, s->record, HUB_RECORD_ALONE, on_follow_locked);
    else
        hub_grant_settle(r, hub_fail(&err, HUB_TOO_MANY, "limits.records: too many records are in use"), false, &err);
}

const struct hub_granting hub_record_following = {.part = &hub_records_part,
                                                  .guard = &hub_record_read_guard,
                                                  .now = &followers_now,
                                                  .bound = "records may be subscribed to by one connection",
                                                  .name = followed_id,
                                                  .make = follower_new,
                                                  .free = free_follower,
                                                  .judged = on_read_judged,
                                                  .drop = free_following};

void hub_record_follow(struct hub_call *call) {
    struct following *s = hub_xcalloc(1, sizeof *s);
    hub_grant_request(&s->request, &hub_record_following, call);
}

void hub_record_unfollow(struct hub_call *call) {
    struct hub_grant *g = hub_grant_named(call, &hub_record_following);
    if (g) hub_grant_end(g, NULL);
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}
