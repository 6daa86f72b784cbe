/* Telling those who watch what has changed in a room: hub:roomActivity.
 *
 * A change makes a room due for each of its users who watches. Due ones take turns, TELLINGS_MAX at a
 * time: each is looked at in the store, then it is decided whether the user's connections may still know,
 * and they are told in the same turn. Then it rests for a second, and when something has changed since the
 * look began, it is due again: so the last thing told is always true, and a busy room costs a look in a
 * second. */
#include <stdlib.h>

#include "hub/inbox/inbox_int.h"

#define TELLINGS_MAX 16 /* under way at a time */
#define REST_MS 1000    /* between two looks at a room */

static struct hub_metric watching =
    HUB_METRIC(HUB_GAUGE, "hubd_inbox_watching", NULL, "Connections that watch their inbox");
static struct hub_metric watched =
    HUB_METRIC(HUB_GAUGE, "hubd_inbox_rooms", NULL, "Rooms that are watched, each counted with each user");
static struct hub_metric told =
    HUB_METRIC(HUB_COUNTER, "hubd_inbox_told_total", NULL, "Changes of rooms told to users who watch their inbox");

void hub_inbox_show(void) {
    hub_metric_register(&watching);
    hub_metric_register(&watched);
    hub_metric_register(&told);
}

void hub_inbox_count(const struct hub_inbox *all) {
    hub_metric_set(&watching, (int64_t)all->watcher_n);
    hub_metric_set(&watched, (int64_t)all->entry_n);
}

/* One room that is looked at for a user. ENTRY is NULL once he watches it no more. */
struct hub_inbox_telling {
    struct hub_hold hold;
    struct hub_inbox *inbox;
    struct hub_inbox_entry *entry;
    struct hub_room *room; /* reference */
    char *user;
    struct hub_inbox_look look;
    struct hub_identity **judged; /* the sessions of his connections, the one under way last; references */
    size_t judged_n;
    uint64_t fingerprint;
    bool told, again;
};

static void begin_tellings(struct hub_inbox *all);

/* ---- the queues ---- */

static void on_rested(struct hub_timer *t);

static void wake_at_first(struct hub_inbox *all) {
    struct hub_loop *loop = all->engine->config.loop;
    if (hub_list_empty(&all->resting) || all->stopped || hub_timer_running(&all->wake)) return;
    struct hub_inbox_entry *x = HUB_CONTAINER(all->resting.next, struct hub_inbox_entry, in_queue);
    int64_t left = x->rests_until - hub_loop_now(loop);
    hub_timer_start(loop, &all->wake, left > 0 ? left : 0, on_rested);
}

static void make_ready(struct hub_inbox_entry *x) {
    x->state = HUB_INBOX_READY;
    hub_list_remove(&x->in_queue);
    hub_list_push(&x->watch->inbox->ready, &x->in_queue);
}

/* It has rested. */
static void wake_entry(struct hub_inbox_entry *x) {
    if (x->due || x->seen != x->room->changes) {
        make_ready(x);
        return;
    }
    x->state = HUB_INBOX_IDLE;
    hub_list_remove(&x->in_queue);
    hub_list_push(&x->room->idle, &x->in_queue);
}

/* All rest equally long, so the first one is the first to be over. */
static void on_rested(struct hub_timer *t) {
    struct hub_inbox *all = HUB_CONTAINER(t, struct hub_inbox, wake);
    int64_t now = hub_loop_now(all->engine->config.loop);
    while (!hub_list_empty(&all->resting)) {
        struct hub_inbox_entry *x = HUB_CONTAINER(all->resting.next, struct hub_inbox_entry, in_queue);
        if (x->rests_until > now) break;
        wake_entry(x);
    }
    wake_at_first(all);
    begin_tellings(all);
}

void hub_inbox_due(struct hub_inbox_entry *x) {
    x->due = true;
    if (x->state != HUB_INBOX_IDLE) return;
    make_ready(x);
    begin_tellings(x->watch->inbox);
}

void hub_inbox_all_due(struct hub_inbox *all, struct hub_inbox_watched *w) {
    w->changes++;
    while (!hub_list_empty(&w->idle)) make_ready(HUB_CONTAINER(w->idle.next, struct hub_inbox_entry, in_queue));
    begin_tellings(all);
}

void hub_inbox_drop(struct hub_inbox_entry *x) {
    hub_list_remove(&x->in_queue);
    if (x->telling) x->telling->entry = NULL;
    x->telling = NULL;
}

static void rest_entry(struct hub_inbox_entry *x) {
    struct hub_inbox *all = x->watch->inbox;
    x->state = HUB_INBOX_RESTING;
    x->rests_until = hub_loop_now(all->engine->config.loop) + REST_MS;
    hub_list_push(&all->resting, &x->in_queue);
    wake_at_first(all);
}

/* ---- one telling ---- */

static void end_telling(struct hub_inbox_telling *t) {
    struct hub_inbox *all = t->inbox;
    struct hub_inbox_entry *x = t->entry;
    if (x) {
        x->telling = NULL;
        x->due |= t->again;
        if (t->told && !t->again) x->told = t->fingerprint; /* else some of his connections have not heard of it */
        rest_entry(x);
    }
    while (t->judged_n) hub_identity_unref(t->judged[--t->judged_n]);
    free(t->judged);
    hub_inbox_look_free(&t->look);
    hub_room_unref(t->room);
    hub_unhold(&t->hold);
    free(t->user);
    free(t);
    all->telling_n--;
    begin_tellings(all);
}

static bool has_session(const struct hub_inbox_watcher *w, const struct hub_identity *who) {
    return hub_identity_same_session(w->conn->identity, who);
}

/* Somebody whose session was not judged yet; NULL: there is none. */
static struct hub_inbox_watcher *next_watcher(const struct hub_inbox_telling *t) {
    if (!t->entry) return NULL;
    HUB_LIST_EACH(&t->entry->watch->watchers, it) {
        struct hub_inbox_watcher *w = HUB_CONTAINER(it, struct hub_inbox_watcher, link);
        bool judged = false;
        for (size_t i = 0; i < t->judged_n && !judged; i++) judged = has_session(w, t->judged[i]);
        if (!judged) return w;
    }
    return NULL;
}

static HUB_MUST struct hub_buf told_of(const struct hub_inbox_telling *t) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "{\"roomId\":");
    hub_json_add_string(&b, hub_cstr(t->room->id));
    hub_buf_addf(&b, ",\"seq\":%lld,", (long long)t->room->sequence.number);
    hub_inbox_look_json(&t->look, true, &b);
    hub_buf_addc(&b, '}');
    return b;
}

static void tell_session(struct hub_inbox_telling *t, const struct hub_identity *who) {
    struct hub_buf args = told_of(t);
    int flags = hub_message_flags(hub_of(t->room)->def, hub_buf_str(&t->look.message));
    HUB_LIST_EACH(&t->entry->watch->watchers, it) {
        struct hub_inbox_watcher *w = HUB_CONTAINER(it, struct hub_inbox_watcher, link);
        if (!has_session(w, who)) continue;
        hub_outlet_emit(&w->conn->outlet, HUB_STR("hub:roomActivity"), hub_buf_str(&args), flags);
        hub_metric_add(&told, 1);
    }
    hub_buf_free(&args);
    t->told = true;
}

static void judge_next(struct hub_inbox_telling *t);

/* What was read is told in the turn in which it is decided that it may be. */
static void on_telling_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                               struct hub_room *room) {
    struct hub_inbox_telling *t = arg;
    (void)layer, (void)room;
    t->again |= code == HUB_STORE_UNAVAILABLE || code == HUB_OVERLOADED;
    if (!code && rights->can_read && t->entry) tell_session(t, t->judged[t->judged_n - 1]);
    judge_next(t);
}

static void judge_next(struct hub_inbox_telling *t) {
    struct hub_inbox_watcher *w = next_watcher(t);
    if (!w) {
        end_telling(t);
        return;
    }
    t->judged = hub_xrealloc(t->judged, (t->judged_n + 1) * sizeof(struct hub_identity *));
    t->judged[t->judged_n++] = hub_identity_ref(w->conn->identity);
    hub_authorize(hub_of(t->room), w->conn->identity, hub_cstr(t->room->id), false, on_telling_decided, t);
}

/* What repeats is told once. Numbers of what is for others count for nothing. */
static uint64_t fingerprint_of(const struct hub_inbox_look *l) {
    struct hub_buf b = {0};
    hub_inbox_look_json(l, true, &b);
    uint64_t h = hub_fingerprint(0, hub_buf_str(&b));
    hub_buf_free(&b);
    return h ? h : 1;
}

static void on_telling_looked(struct hub_inbox_look *l, enum hub_code code, const char *error) {
    struct hub_inbox_telling *t = HUB_CONTAINER(l, struct hub_inbox_telling, look);
    (void)error;
    t->again = code != HUB_OK; /* the store is away: in a second once more */
    if (!code) t->fingerprint = fingerprint_of(l);
    if (code || !t->entry || t->entry->told == t->fingerprint)
        end_telling(t);
    else
        judge_next(t);
}

static void begin_telling(struct hub_inbox_entry *x) {
    struct hub_inbox *all = x->watch->inbox;
    struct hub_inbox_telling *t = hub_xcalloc(1, sizeof *t);
    x->state = HUB_INBOX_BUSY;
    x->due = false;
    x->seen = x->room->changes;
    x->telling = t;
    *t = (struct hub_inbox_telling){.inbox = all,
                                    .entry = x,
                                    .room = hub_room_of(x->watch->hub, hub_cstr(x->room->id)),
                                    .user = hub_xstrdup(x->watch->user)};
    t->look = (struct hub_inbox_look){
        .hub = x->watch->hub, .room = t->room, .user = hub_cstr(t->user), .done = on_telling_looked};
    hub_hold(&all->engine->holds, &t->hold, "inbox read");
    all->telling_n++;
    hub_inbox_look(&t->look);
}

static void begin_tellings(struct hub_inbox *all) {
    while (!all->stopped && all->telling_n < TELLINGS_MAX && !hub_list_empty(&all->ready)) {
        struct hub_inbox_entry *x = HUB_CONTAINER(hub_list_pop(&all->ready), struct hub_inbox_entry, in_queue);
        begin_telling(x);
    }
}
