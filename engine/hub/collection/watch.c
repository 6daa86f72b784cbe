/* Who watches collections: subscribed together with what the answer holds, so that nothing is missed or
 * told twice. Each change is encoded once; whoever is slow is sent all of it once, with reset, when his
 * queue is short again. */
#include <stdlib.h>

#include "hub/collection/collection_int.h"

#define BEHIND_BYTES (256u << 10) /* queued */
#define CATCH_UP_MS 100

struct watcher {
    struct hub_grant grant;
    struct hub_list in_collection, behind;
    struct hub_collection *collection; /* reference, once it is granted */
    struct hub_seat seat;
};

/* hub:subscribeCollection on its way. */
struct watching {
    struct hub_grant_request request;
    struct hub_collection_wait wait;
    struct hub_collection *collection; /* reference, or NULL */
};

static struct hub_metric watchers_now =
    HUB_METRIC(HUB_GAUGE, "hubd_collection_watchers", NULL, "Subscriptions to collections");

static struct watcher *watcher_at(const struct hub_grant *g) {
    return HUB_CONTAINER((struct hub_grant *)(uintptr_t)g, struct watcher, grant);
}

static struct hub_str watched_id(const struct hub_grant *g) { return hub_cstr(watcher_at(g)->collection->id); }

static HUB_MUST struct hub_grant *watcher_new(void) {
    struct watcher *w = hub_xcalloc(1, sizeof *w);
    hub_list_init(&w->in_collection);
    hub_list_init(&w->behind);
    return &w->grant;
}

static void free_watcher(struct hub_grant *g) {
    struct watcher *w = watcher_at(g);
    hub_list_remove(&w->in_collection);
    hub_list_remove(&w->behind);
    hub_seat_leave(&w->seat);
    if (w->collection) hub_collection_unref(w->collection);
    free(w);
}

/* ---- the guard ---- */

static enum hub_code find_watcher_guard(struct hub_guard_ask *ask) {
    const struct hub_def_collection *w;
    enum hub_code code = hub_collection_window(ask->def, hub_cstr(ask->name), &w, &ask->params, &ask->err);
    if (code) return code;
    ask->script = &w->can_read;
    ask->open = !w->data_object;
    return HUB_OK;
}
static const struct hub_guard watch_guard = {
    .variable = "collectionId", .refusal = "you may not watch that collection", .find = find_watcher_guard};

/* ---- telling ---- */

void hub_collection_add_snapshot(struct hub_buf *b, const struct hub_collection *c) {
    hub_buf_addz(b, "\"collectionId\":");
    hub_json_add_string(b, hub_cstr(c->id));
    hub_buf_addf(b, ",\"version\":%lld,\"ids\":[", (long long)c->version);
    for (size_t i = 0; i < c->items.n; i++) {
        if (i) hub_buf_addc(b, ',');
        hub_json_add(b, json_object_get(c->items.all[i].record, "id"));
    }
    hub_buf_addz(b, "],\"records\":[");
    for (size_t i = 0; i < c->items.n; i++) {
        if (i) hub_buf_addc(b, ',');
        hub_json_add(b, c->items.all[i].record);
    }
    hub_buf_addc(b, ']');
}

static void on_catch_up(struct hub_timer *t) {
    struct hub_collections *all = HUB_CONTAINER(t, struct hub_collections, catch_up);
    HUB_LIST_EACH_SAFE(&all->behind, it) {
        struct watcher *w = HUB_CONTAINER(it, struct watcher, behind);
        struct hub_buf b = {0};
        if (hub_socket_queued(w->grant.conn->socket) > BEHIND_BYTES / 2) continue;
        hub_list_remove(&w->behind);
        hub_buf_addz(&b, "{\"reset\":true,");
        hub_collection_add_snapshot(&b, w->collection);
        hub_buf_addc(&b, '}');
        hub_outlet_emit(&w->grant.conn->outlet, HUB_STR("hub:collectionChanged"), hub_buf_str(&b), 0);
        hub_buf_free(&b);
    }
    if (!hub_list_empty(&all->behind)) hub_timer_start(all->engine->config.loop, t, CATCH_UP_MS, on_catch_up);
}

/* Other nodes get it once, if all who watch are told. False: somebody is to hear it in another way. */
static bool tell_nodes(const struct hub_collection *c, struct hub_str args) {
    if (!hub_group_has_guests(c->group)) return false;
    HUB_LIST_EACH(&c->subs, it) {
        const struct watcher *w = HUB_CONTAINER(it, struct watcher, in_collection);
        if (!hub_list_empty(&w->behind) || hub_socket_queued(w->grant.conn->socket) > BEHIND_BYTES) return false;
    }
    hub_group_send(c->group, HUB_STR("hub:collectionChanged"), args, 0);
    return true;
}

void hub_collection_tell(struct hub_collection *c, struct hub_str args) {
    struct hub_collections *all = c->all;
    struct hub_cast cast;
    if (!c->group || tell_nodes(c, args)) return;
    hub_cast_begin(&cast, c->group, HUB_STR("hub:collectionChanged"), args, 0);
    HUB_LIST_EACH(&c->subs, it) {
        struct watcher *w = HUB_CONTAINER(it, struct watcher, in_collection);
        if (!hub_list_empty(&w->behind)) continue;
        if (hub_socket_queued(w->grant.conn->socket) > BEHIND_BYTES)
            hub_list_push(&all->behind, &w->behind);
        else
            hub_cast_to(&cast, &w->seat);
    }
    hub_cast_end(&cast);
    if (!hub_list_empty(&all->behind) && !hub_timer_running(&all->catch_up))
        hub_timer_start(all->engine->config.loop, &all->catch_up, CATCH_UP_MS, on_catch_up);
}

/* ---- subscribing ---- */

static struct watching *watching_at(struct hub_grant_request *r) { return HUB_CONTAINER(r, struct watching, request); }

static void free_watching(struct hub_grant_request *r) {
    struct watching *s = watching_at(r);
    if (s->collection) hub_collection_unref(s->collection);
    free(s);
}

static void take_seat(struct watcher *w) {
    struct hub_collection *c = w->collection;
    if (!c->group)
        c->group =
            hub_group_new(c->all->engine->config.loop, (struct hub_group_place){"collectionId", hub_cstr(c->id)});
    hub_list_push(&c->subs, &w->in_collection);
    hub_seat_take(&w->seat, c->group, &w->grant.conn->outlet, false);
}

/* With the version that the client has already, no records. */
static void answer_watched(struct hub_call *call, const struct hub_collection *c) {
    struct hub_buf b = {0};
    if (hub_json_get_int(call->args, "version", -1) == c->version) {
        hub_buf_addz(&b, "\"collectionId\":");
        hub_json_add_string(&b, hub_cstr(c->id));
        hub_buf_addf(&b, ",\"version\":%lld", (long long)c->version);
    } else {
        hub_collection_add_snapshot(&b, c);
    }
    hub_call_ok(call, "records", hub_buf_str(&b));
    hub_buf_free(&b);
}

/* Who watches already is sent all of it by the answer. */
static void watch_collection(struct watching *s) {
    struct watcher *w = watcher_at(hub_grant_given(&s->request));
    hub_list_remove(&w->behind);
    if (!w->collection) {
        w->collection = hub_collection_ref(s->collection);
        take_seat(w);
    }
    answer_watched(s->request.call, s->collection);
}

static void on_collection(struct hub_collection_wait *wait, struct hub_collection *c, enum hub_code code) {
    struct watching *s = HUB_CONTAINER(wait, struct watching, wait);
    struct hub_err err;
    bool again = false;
    (void)c;
    if (code)
        hub_err_set(&err, code, NULL);
    else
        code = hub_grant_may_answer(&s->request, &again, &err);
    if (!code && !again) watch_collection(s);
    hub_grant_settle(&s->request, code, again, &err);
}

static void on_watch_judged(struct hub_grant_request *r) {
    struct watching *s = watching_at(r);
    if (!s->collection) s->collection = hub_collection_get(r->call->hub, hub_cstr(r->ask.name));
    s->wait.loaded = on_collection;
    hub_collection_load(s->collection, &s->wait);
}

const struct hub_granting hub_collection_watching = {.part = &hub_collections_part,
                                                     .guard = &watch_guard,
                                                     .now = &watchers_now,
                                                     .bound = "collections may be watched by one connection",
                                                     .name = watched_id,
                                                     .make = watcher_new,
                                                     .free = free_watcher,
                                                     .judged = on_watch_judged,
                                                     .drop = free_watching};

void hub_collection_subscribe(struct hub_call *call) {
    struct watching *s = hub_xcalloc(1, sizeof *s);
    hub_grant_request(&s->request, &hub_collection_watching, call);
}

void hub_collection_unsubscribe(struct hub_call *call) {
    struct hub_grant *g = hub_grant_named(call, &hub_collection_watching);
    if (g) hub_grant_end(g, NULL);
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}
