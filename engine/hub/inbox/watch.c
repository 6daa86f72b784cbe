/* hub:watchInbox: which rooms are those of a user who watches, kept up to date as long as one of his
 * connections does.
 *
 * They are listed once, by the records of authSources, before the request is answered. Whenever rights of
 * the user in a room change, that room is asked about by itself: one after the other and after a listing,
 * so that an answer is never older than one that was taken already. What is kept may be too much, for each
 * time before something is told it is decided whether it may be; it is never too little. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/inbox/inbox_int.h"

#define CHECKS_MAX 100 /* rooms that wait to be asked about; with more all are listed anew */
#define AGAIN_MS 1000  /* after the store did not answer */

struct hub_inbox_check {
    struct hub_list link;
    size_t id_n;
    char id[];
};

/* A request that waits for the first listing. */
struct waiting_call {
    struct hub_list link;
    struct hub_call *call;
};

static void go_on(struct hub_inbox_watch *w);

struct hub_inbox *hub_inbox_of(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_inbox_part);
}

static struct hub_loop *loop_of(const struct hub_inbox_watch *w) { return w->inbox->engine->config.loop; }

/* ---- rooms of a watch ---- */

static void free_entry(struct hub_inbox_entry *x) {
    struct hub_inbox *all = x->watch->inbox;
    struct hub_inbox_watched *room = x->room;
    hub_inbox_drop(x);
    hub_map_del(&x->watch->entries, hub_cstr(room->id));
    hub_list_remove(&x->in_room);
    if (hub_list_empty(&room->entries)) hub_inbox_watched_free(all, room);
    all->entry_n--;
    free(x);
}

static HUB_MUST struct hub_inbox_entry *new_entry(struct hub_inbox_watch *w, struct hub_str room_id) {
    struct hub_inbox_entry *x = hub_xcalloc(1, sizeof *x);
    *x = (struct hub_inbox_entry){.watch = w, .room = hub_inbox_watched_of(w->inbox, w->hub, room_id)};
    x->seen = x->room->changes;
    hub_list_push(&x->room->idle, &x->in_queue);
    hub_list_push(&x->room->entries, &x->in_room);
    hub_map_put(&w->entries, room_id, x);
    w->inbox->entry_n++;
    return x;
}

/* Which bound leaves no place for another room; NULL: none. */
static const char *bound_of(const struct hub_inbox_watch *w, int64_t *most) {
    *most = HUB_INBOX_ROOMS_MAX;
    if (hub_map_len(&w->entries) >= HUB_INBOX_ROOMS_MAX) return "inbox.rooms";
    *most = HUB_INBOX_WATCHED_MAX;
    return w->inbox->entry_n >= HUB_INBOX_WATCHED_MAX ? "inbox.watched" : NULL;
}

/* A room that comes later is a change of the inbox. */
static bool on_room_seen(struct hub_memberships *m, struct hub_str id) {
    struct hub_inbox_watch *w = HUB_CONTAINER(m, struct hub_inbox_watch, read);
    struct hub_inbox_entry *x = hub_map_get(&w->entries, id);
    int64_t most;
    w->found = true;
    if (w->gone) return false;
    if (!x && bound_of(w, &most)) {
        w->full = true;
        return false;
    }
    if (!x) {
        x = new_entry(w, id);
        if (w->listed) hub_inbox_due(x);
    }
    x->listing = w->listing;
    return true;
}

/* ---- the end of a watch ---- */

static void forget_checks(struct hub_inbox_watch *w) {
    for (struct hub_list *l; (l = hub_list_pop(&w->checks));) free(HUB_CONTAINER(l, struct hub_inbox_check, link));
    w->check_n = 0;
}

/* Nobody watches any more. A read under way keeps what it needs until it ends. */
static void end_watch(struct hub_inbox_watch *w) {
    struct hub_buf key = {0};
    struct hub_str id;
    void *x;
    if (!w->gone) hub_map_del(&w->inbox->watches, hub_inbox_key(&key, w->hub, hub_cstr(w->user)));
    hub_buf_free(&key);
    w->gone = true;
    while (hub_map_next(&w->entries, NULL, &id, &x)) free_entry(x);
    hub_map_clear(&w->entries);
    forget_checks(w);
    hub_timer_stop(loop_of(w), &w->again);
    if (!w->reading) free(w);
}

static void remove_watcher(struct hub_inbox_watcher *r) {
    struct hub_inbox *all = r->watch->inbox;
    *hub_conn_data(r->conn, &hub_inbox_part) = NULL;
    hub_list_remove(&r->link);
    r->watch->watcher_n--;
    all->watcher_n--;
    free(r);
    hub_inbox_count(all);
}

/* What it has asked for and waits is dropped: nobody is there to read it. */
static void drop_calls(struct hub_inbox_watch *w, const struct hub_conn *c) {
    HUB_LIST_EACH_SAFE(&w->calls, it) {
        struct waiting_call *one = HUB_CONTAINER(it, struct waiting_call, link);
        if (one->call->conn != c) continue;
        hub_list_remove(it);
        hub_call_drop(one->call);
        free(one);
    }
}

void hub_inbox_leave(struct hub_conn *c) {
    struct hub_inbox_watcher *r = hub_conn_kept(c, &hub_inbox_part);
    if (!r) return;
    struct hub_inbox_watch *w = r->watch;
    drop_calls(w, c);
    remove_watcher(r);
    if (hub_list_empty(&w->watchers)) end_watch(w);
    hub_inbox_count(hub_inbox_of(c->hub->engine));
}

/* ---- answers ---- */

static void refuse_full(const struct hub_inbox_watch *w, struct hub_call *call) {
    struct hub_err err;
    int64_t most;
    const char *bound = bound_of(w, &most);
    HUB_UNUSED(hub_gate_too_many(bound ? bound : "inbox.rooms", most, "watched rooms", &err), "it is in ERR");
    hub_call_fail_with(call, &err, hub_str(NULL, 0));
}

static void refuse_call(struct hub_inbox_watch *w, struct hub_call *call, enum hub_code code, const char *error) {
    struct hub_inbox_watcher *r = hub_conn_kept(call->conn, &hub_inbox_part);
    if (w->full)
        refuse_full(w, call);
    else
        hub_call_fail_store(call, code, error);
    if (r) remove_watcher(r);
}

/* Those that wait. */
static void take_calls(struct hub_inbox_watch *w, struct hub_list *calls) {
    hub_list_init(calls);
    hub_list_splice(calls, &w->calls);
}

/* NULL: that was the last one. */
static struct hub_call *next_call(struct hub_list *calls) {
    struct hub_list *l = hub_list_pop(calls);
    struct waiting_call *one = l ? HUB_CONTAINER(l, struct waiting_call, link) : NULL;
    struct hub_call *call = one ? one->call : NULL;
    free(one);
    return call;
}

/* A first listing has ended, with CODE. W may be gone then. */
static void answer_calls(struct hub_inbox_watch *w, enum hub_code code, const char *error) {
    struct hub_list calls;
    take_calls(w, &calls);
    for (struct hub_call *call; (call = next_call(&calls));) {
        if (code || w->full)
            refuse_call(w, call, code, error);
        else
            hub_call_ok(call, NULL, hub_str(NULL, 0));
    }
    if (hub_list_empty(&w->watchers)) end_watch(w);
}

/* ---- reading ---- */

static void on_again(struct hub_timer *t) { go_on(HUB_CONTAINER(t, struct hub_inbox_watch, again)); }

static void try_again(struct hub_inbox_watch *w) {
    if (!w->inbox->stopped) hub_timer_start(loop_of(w), &w->again, AGAIN_MS, on_again);
}

/* Rooms that the last listing did not find. */
static void forget_old(struct hub_inbox_watch *w) {
    size_t n = 0;
    void *x;
    struct hub_inbox_entry **old = hub_xcalloc(hub_map_len(&w->entries) + 1, sizeof *old);
    for (void *it = NULL; (it = hub_map_next(&w->entries, it, NULL, &x));)
        if (((struct hub_inbox_entry *)x)->listing != w->listing) old[n++] = x;
    while (n) free_entry(old[--n]);
    free(old);
}

static void note_full(struct hub_inbox_watch *w) {
    if (!w->full) return;
    w->full = false;
    hub_log_kv(HUB_LOG_WARN, "hub", "an inbox is watched in part: there are too many rooms", "hub", w->hub->def->name,
               "user", w->user, NULL);
}

static void end_listing(struct hub_inbox_watch *w, enum hub_code code, const char *error) {
    bool good = !code && !w->full;
    if (good) forget_old(w);
    hub_inbox_count(w->inbox);
    if (!w->listed) {
        w->listed = good;
        if (good) go_on(w); /* rights may have changed meanwhile */
        answer_calls(w, code, error);
        return;
    }
    note_full(w);
    w->list_due |= code != HUB_OK;
    if (code)
        try_again(w);
    else
        go_on(w);
}

/* The read under way is over. False: so is the watch. */
static bool read_over(struct hub_inbox_watch *w) {
    w->reading = false;
    if (!w->gone) return true;
    free(w->checking);
    free(w);
    return false;
}

static void on_listed(struct hub_memberships *m, enum hub_code code, const char *error) {
    struct hub_inbox_watch *w = HUB_CONTAINER(m, struct hub_inbox_watch, read);
    if (read_over(w)) end_listing(w, code, error);
}

static struct hub_inbox_check *first_check(const struct hub_inbox_watch *w) {
    return hub_list_empty(&w->checks) ? NULL : HUB_CONTAINER(w->checks.next, struct hub_inbox_check, link);
}

/* A room that is his, still or now, may have something to tell. */
static void on_checked(struct hub_memberships *m, enum hub_code code, const char *error) {
    struct hub_inbox_watch *w = HUB_CONTAINER(m, struct hub_inbox_watch, read);
    (void)error;
    if (!read_over(w)) return;
    struct hub_inbox_entry *x = hub_map_get(&w->entries, hub_str(w->checking->id, w->checking->id_n));
    free(w->checking);
    w->checking = NULL;
    if (x && !code && w->found) hub_inbox_due(x);
    if (x && !code && !w->found) free_entry(x);
    note_full(w);
    hub_inbox_count(w->inbox);
    if (code) {
        w->list_due = true;
        try_again(w);
        return;
    }
    go_on(w);
}

static void start_read(struct hub_inbox_watch *w, struct hub_str room_id,
                       void (*done)(struct hub_memberships *m, enum hub_code code, const char *error)) {
    w->reading = true;
    w->found = false;
    w->read.seen = on_room_seen;
    w->read.done = done;
    hub_memberships_read(&w->read, w->hub, hub_cstr(w->user), room_id);
}

static void start_listing(struct hub_inbox_watch *w) {
    w->list_due = false;
    w->listing++;
    forget_checks(w);
    start_read(w, hub_str(NULL, 0), on_listed);
}

static void start_check(struct hub_inbox_watch *w) {
    struct hub_inbox_check *c = w->checking = first_check(w);
    hub_list_remove(&c->link);
    w->check_n--;
    start_read(w, hub_str(c->id, c->id_n), on_checked);
}

static void go_on(struct hub_inbox_watch *w) {
    if (w->reading || w->inbox->stopped || hub_timer_running(&w->again)) return;
    if (w->list_due)
        start_listing(w);
    else if (first_check(w))
        start_check(w);
}

/* ---- what is asked of it ---- */

static struct hub_inbox_watch *watch_find(struct hub_inbox *all, const struct hub_hub *hub, struct hub_str user) {
    struct hub_buf key = {0};
    struct hub_inbox_watch *w = hub_map_get(&all->watches, hub_inbox_key(&key, hub, user));
    hub_buf_free(&key);
    return w;
}

static struct hub_inbox_watch *watch_of(struct hub_inbox *all, struct hub_hub *hub, struct hub_str user) {
    struct hub_inbox_watch *w = watch_find(all, hub, user);
    struct hub_buf key = {0};
    if (w) return w;
    w = hub_xcalloc(1, sizeof *w + user.n + 1);
    w->inbox = all;
    w->hub = hub;
    w->list_due = true;
    memcpy(w->user, user.p, user.n);
    hub_list_init(&w->watchers);
    hub_list_init(&w->calls);
    hub_list_init(&w->checks);
    hub_map_put(&all->watches, hub_inbox_key(&key, hub, user), w);
    hub_buf_free(&key);
    return w;
}

struct hub_inbox_entry *hub_inbox_entry_find(struct hub_inbox *all, const struct hub_hub *hub, struct hub_str user,
                                             struct hub_str room_id) {
    const struct hub_inbox_watch *w = watch_find(all, hub, user);
    return w ? hub_map_get(&w->entries, room_id) : NULL;
}

static void add_watcher(struct hub_inbox_watch *w, struct hub_conn *c) {
    void **at = hub_conn_data(c, &hub_inbox_part);
    if (*at) return; /* it watches already */
    struct hub_inbox_watcher *r = *at = hub_xcalloc(1, sizeof *r);
    *r = (struct hub_inbox_watcher){.watch = w, .conn = c};
    hub_list_push(&w->watchers, &r->link);
    w->watcher_n++;
    w->inbox->watcher_n++;
    hub_inbox_count(w->inbox);
}

static bool may_watch(struct hub_call *call, const struct hub_inbox_watch *w) {
    struct hub_err err;
    if (!w || w->watcher_n < HUB_INBOX_WATCHERS_MAX || hub_conn_kept(call->conn, &hub_inbox_part)) return true;
    HUB_UNUSED(hub_gate_too_many("inbox.watchers", HUB_INBOX_WATCHERS_MAX, "connections of one user", &err),
               "it is in ERR");
    hub_call_fail_with(call, &err, hub_str(NULL, 0));
    return false;
}

void hub_inbox_watch(struct hub_call *call) {
    struct hub_inbox *all = hub_inbox_of(call->hub->engine);
    struct hub_str user = hub_cstr(call->conn->identity->user_id);
    if (!may_watch(call, watch_find(all, call->hub, user))) return;
    struct hub_inbox_watch *w = watch_of(all, call->hub, user);
    add_watcher(w, call->conn);
    if (w->listed) {
        hub_call_ok(call, NULL, hub_str(NULL, 0));
        return;
    }
    struct waiting_call *one = hub_xcalloc(1, sizeof *one);
    one->call = call;
    hub_list_push(&w->calls, &one->link);
    go_on(w);
}

void hub_inbox_rights_changed(struct hub_hub *hub, struct hub_str room_id, struct hub_str user_id) {
    struct hub_inbox *all = hub_inbox_of(hub->engine);
    struct hub_inbox_watch *w = user_id.n && all->watcher_n ? watch_find(all, hub, user_id) : NULL;
    if (!w || w->list_due) return;
    if (w->check_n == CHECKS_MAX) {
        w->list_due = true;
        go_on(w);
        return;
    }
    struct hub_inbox_check *c = hub_xcalloc(1, sizeof *c + room_id.n);
    c->id_n = room_id.n;
    memcpy(c->id, room_id.p, room_id.n);
    hub_list_push(&w->checks, &c->link);
    w->check_n++;
    go_on(w);
}

/* ---- the life of a service ---- */

/* The hub's definition has an inbox no more. */
static void switch_off(struct hub_inbox_watch *w) {
    struct hub_list calls;
    take_calls(w, &calls);
    for (struct hub_call *call; (call = next_call(&calls));)
        hub_call_fail(call, HUB_FEATURE_DISABLED, "inbox is not declared here any more");
    while (!hub_list_empty(&w->watchers))
        remove_watcher(HUB_CONTAINER(w->watchers.next, struct hub_inbox_watcher, link));
    end_watch(w);
}

void hub_inbox_reloaded(struct hub_engine *e) {
    struct hub_inbox *all = hub_inbox_of(e);
    size_t n = 0;
    void *w;
    struct hub_inbox_watch **list = hub_xcalloc(hub_map_len(&all->watches) + 1, sizeof *list);
    for (void *it = NULL; (it = hub_map_next(&all->watches, it, NULL, &w));) list[n++] = w;
    for (size_t i = 0; i < n; i++) {
        list[i]->list_due = true;
        if (hub_def_has_inbox(list[i]->hub->def))
            go_on(list[i]);
        else
            switch_off(list[i]);
    }
    free(list);
    hub_inbox_count(all);
}

struct hub_inbox *hub_inbox_new(struct hub_engine *e) {
    struct hub_inbox *all = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_list_init(&all->ready);
    hub_list_init(&all->resting);
    hub_inbox_show();
    return all;
}

void hub_inbox_stop(struct hub_inbox *all) {
    void *w;
    all->stopped = true;
    hub_timer_stop(all->engine->config.loop, &all->wake);
    for (void *it = NULL; (it = hub_map_next(&all->watches, it, NULL, &w));)
        hub_timer_stop(all->engine->config.loop, &((struct hub_inbox_watch *)w)->again);
}

void hub_inbox_delete(struct hub_inbox *all) {
    hub_map_clear(&all->watches);
    hub_map_clear(&all->rooms);
    free(all);
}
