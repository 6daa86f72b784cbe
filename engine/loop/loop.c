/* The event loop on libuv: an own timer heap on one uv_timer, an own epoll in one uv_poll, deferred and
 * posted tasks. */
#include "loop/loop.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "base/mem.h"

#define MAX_SIGNALS 4
#define READY_MAX 1024     /* descriptors that are told at a time */
#define READY_ROUNDS 16    /* so often in one turn */
#define LOOK_MS 10         /* the turns in which what has arrived is read before a peer is judged */
#define STOOD_STILL_MS 250 /* lateness that is not the load of one turn */

struct signal_watch {
    uv_signal_t handle;
    void (*cb)(void *arg, int signo);
    void *arg;
};

struct hub_loop {
    uv_loop_t uv;
    struct hub_clock *clock; /* NULL: the system's */
    struct hub_clock_listener turned;
    uv_timer_t timer;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_async_t async;
    uv_poll_t poll; /* of EPOLL */
    int epoll;      /* of all watches */
    int ready_n;    /* in this turn */
    size_t watch_n;
    struct epoll_event ready[READY_MAX];
    struct hub_timer **heap;
    uint32_t heap_n, heap_cap;
    uint32_t started; /* counts starts of timers */
    bool fires;       /* since those due have run, until the uv timer is set again */
    struct hub_list deferred;
    pthread_mutex_t posted_lock;
    struct hub_list posted;
    void (*flush)(void *arg);
    void *flush_arg;
    struct signal_watch signals[MAX_SIGNALS];
    int signal_n;
};

/* ---- timers: a binary heap of pointers; each timer knows its slot ---- */

static void heap_set(struct hub_loop *l, uint32_t i, struct hub_timer *t) {
    l->heap[i] = t;
    t->slot = i + 1;
}

/* Of those due at the same time the one that was started first. Only starts that lie 2^31 apart are mistaken
 * for each other. */
static bool is_before(const struct hub_timer *a, const struct hub_timer *b) {
    return a->due < b->due || (a->due == b->due && (int32_t)(a->start - b->start) < 0);
}

static void sift_up(struct hub_loop *l, uint32_t i) {
    struct hub_timer *t = l->heap[i];
    for (; i && is_before(t, l->heap[(i - 1) / 2]); i = (i - 1) / 2) heap_set(l, i, l->heap[(i - 1) / 2]);
    heap_set(l, i, t);
}

static void sift_down(struct hub_loop *l, uint32_t i) {
    struct hub_timer *t = l->heap[i];
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= l->heap_n) break;
        if (c + 1 < l->heap_n && is_before(l->heap[c + 1], l->heap[c])) c++;
        if (!is_before(l->heap[c], t)) break;
        heap_set(l, i, l->heap[c]);
        i = c;
    }
    heap_set(l, i, t);
}

static void on_uv_timer(uv_timer_t *h);

/* The uv timer follows the earliest due time. Where time stands still it has none to wait for: on_turned
 * wakes the loop. While timers run it is left alone: libuv would call one that is due at once within the same
 * phase, before any descriptor. */
static void rearm_timer(struct hub_loop *l) {
    if (l->fires) return;
    int64_t in = hub_loop_next_due(l) - hub_loop_now(l);
    if (!l->heap_n || (in > 0 && l->clock && l->clock->frozen))
        uv_timer_stop(&l->timer);
    else
        uv_timer_start(&l->timer, on_uv_timer, in > 0 ? (uint64_t)in : 0, 0);
}

void hub_timer_stop(struct hub_loop *l, struct hub_timer *t) {
    if (!t->slot) return;
    uint32_t i = t->slot - 1;
    t->slot = 0;
    struct hub_timer *last = l->heap[--l->heap_n];
    if (last != t) {
        heap_set(l, i, last);
        sift_up(l, i);
        sift_down(l, last->slot - 1);
    }
    /* The uv timer may now fire early and find nothing due; that is cheaper than re-arming on every stop. */
}

static void insert_timer(struct hub_loop *l, struct hub_timer *t, int64_t delay_ms) {
    t->due = hub_loop_now(l) + (delay_ms > 0 ? delay_ms : 0);
    t->start = ++l->started;
    if (t->slot) {
        sift_up(l, t->slot - 1);
        sift_down(l, t->slot - 1);
    } else {
        if (l->heap_n == l->heap_cap) {
            l->heap_cap = l->heap_cap ? l->heap_cap * 2 : 256;
            l->heap = hub_xrealloc(l->heap, l->heap_cap * sizeof *l->heap);
        }
        l->heap[l->heap_n++] = t;
        sift_up(l, l->heap_n - 1);
    }
    if (l->heap[0] == t) rearm_timer(l);
}

void hub_timer_start(struct hub_loop *l, struct hub_timer *t, int64_t delay_ms, void (*cb)(struct hub_timer *)) {
    t->cb = cb;
    t->silence = t->looked = 0;
    insert_timer(l, t, delay_ms);
}

/* ---- timers that judge a peer's silence ---- */

static void set_silence(struct hub_timer *t, int64_t ms) {
    t->silence = (ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (uint32_t)ms) & INT32_MAX;
}

void hub_timer_await(struct hub_loop *l, struct hub_timer *t, int64_t delay_ms, void (*cb)(struct hub_timer *)) {
    hub_timer_start(l, t, delay_ms, cb);
    set_silence(t, delay_ms);
}

int64_t hub_timer_late(const struct hub_timer *t) { return t->looked ? t->silence : 0; }

bool hub_timer_is_up(const struct hub_loop *l, const struct hub_timer *t) {
    if (t->looked) return t->silence < STOOD_STILL_MS;
    int64_t late = hub_loop_now(l) - t->due;
    return t->silence && late >= 0 && late < STOOD_STILL_MS;
}

/* Whether T has to wait for what has arrived meanwhile; it runs again then, and may have to wait once more
 * when the process has stood still once more, as long as something is left of what it may be put off by. By a
 * frozen clock nobody stands still, and the look is the next turn. */
static bool looks_first(struct hub_loop *l, struct hub_timer *t) {
    bool frozen = l->clock && l->clock->frozen;
    int64_t late = frozen ? 0 : hub_loop_now(l) - t->due;
    if (!t->silence || (t->looked && (late < STOOD_STILL_MS || !t->extra))) return false;
    if (!t->looked) t->extra = t->silence / 2;
    uint32_t more = late < t->extra ? (uint32_t)late : t->extra;
    t->extra -= more;
    set_silence(t, late);
    t->looked = 1;
    insert_timer(l, t, frozen ? 0 : LOOK_MS + more);
    return true;
}

static void on_uv_timer(uv_timer_t *h) {
    struct hub_loop *l = h->data;
    int64_t now = hub_loop_now(l);
    uint32_t last = l->started; /* one that a callback starts with 0 ms has its turn after the descriptors */
    l->fires = true;
    while (l->heap_n && l->heap[0]->due <= now && (int32_t)(l->heap[0]->start - last) <= 0) {
        struct hub_timer *t = l->heap[0];
        hub_timer_stop(l, t);
        if (!looks_first(l, t)) t->cb(t);
    }
}

/* ---- deferred and posted tasks ---- */

void hub_defer(struct hub_loop *l, struct hub_task *task) {
    if (task->queued) return;
    task->queued = true;
    hub_list_push(&l->deferred, &task->link);
}

void hub_defer_cancel(struct hub_task *task) {
    if (!task->queued) return;
    task->queued = false;
    hub_list_remove(&task->link);
}

static void run_tasks(struct hub_list *tasks) {
    for (struct hub_list *n; (n = hub_list_pop(tasks));) {
        struct hub_task *t = HUB_CONTAINER(n, struct hub_task, link);
        t->queued = false;
        t->run(t);
    }
}

static void end_of_turn(struct hub_loop *l) {
    /* Tasks deferred by tasks run in the same turn, a bounded number of rounds; the rest comes next turn
     * at once. */
    for (int round = 0; round < 8 && !hub_list_empty(&l->deferred); round++) {
        struct hub_list batch;
        hub_list_init(&batch);
        hub_list_splice(&batch, &l->deferred);
        run_tasks(&batch);
    }
    if (l->flush) l->flush(l->flush_arg);
    if (!hub_list_empty(&l->deferred)) uv_async_send(&l->async);
}

static void on_check(uv_check_t *h) { end_of_turn(h->data); }
static void on_prepare(uv_prepare_t *h) {
    struct hub_loop *l = h->data;
    end_of_turn(l);
    if (!l->fires) return;
    l->fires = false;
    rearm_timer(l);
}

void hub_post(struct hub_loop *l, struct hub_task *task) {
    pthread_mutex_lock(&l->posted_lock);
    bool first = hub_list_empty(&l->posted);
    hub_list_push(&l->posted, &task->link);
    pthread_mutex_unlock(&l->posted_lock);
    if (first) uv_async_send(&l->async);
}

static void on_async(uv_async_t *h) {
    struct hub_loop *l = h->data;
    struct hub_list batch;
    hub_list_init(&batch);
    pthread_mutex_lock(&l->posted_lock);
    hub_list_splice(&batch, &l->posted);
    pthread_mutex_unlock(&l->posted_lock);
    run_tasks(&batch);
    if (l->clock) rearm_timer(l); /* it may have been turned */
}

/* ---- time ---- */

/* libuv has read the monotonic clock at the start of the turn: once is enough. */
int64_t hub_loop_now(const struct hub_loop *l) {
    int64_t system_ms = (int64_t)uv_now(&l->uv);
    return l->clock ? hub_clock_mono_at(l->clock, system_ms) : system_ms;
}

int64_t hub_loop_now_exact(const struct hub_loop *l) { return hub_clock_mono_ms(l->clock); }
int64_t hub_loop_wall(const struct hub_loop *l) { return hub_clock_wall_ms(l->clock); }
struct hub_clock *hub_loop_clock(const struct hub_loop *l) {
    return l->clock;
}
int64_t hub_loop_next_due(const struct hub_loop *l) { return l->heap_n ? l->heap[0]->due : INT64_MAX; }

/* On any thread. */
static void on_turned(struct hub_clock_listener *listener) {
    uv_async_send(&HUB_CONTAINER(listener, struct hub_loop, turned)->async);
}

/* ---- descriptors: an epoll of the loop's own, which libuv watches as one ---- */

struct hub_watch {
    void (*cb)(void *arg, int events);
    void *arg;
    int fd;
    int events; /* 0: it is not in the epoll, which would go on to tell of errors */
};

static void change_watched(struct hub_loop *l, struct hub_watch *w, int op) {
    struct epoll_event e = {.events = (w->events & HUB_READABLE ? (uint32_t)EPOLLIN : 0u) |
                                      (w->events & HUB_WRITABLE ? (uint32_t)EPOLLOUT : 0u),
                            .data.ptr = w};
    if (epoll_ctl(l->epoll, op, w->fd, &e) != 0 && op == EPOLL_CTL_ADD)
        hub_log_kv(HUB_LOG_ERROR, "loop", "a descriptor cannot be watched", "error", strerror(errno), NULL);
}

void hub_watch_set(struct hub_loop *l, struct hub_watch *w, int events) {
    if (w->events == events) return;
    int op = !w->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    w->events = events;
    change_watched(l, w, op);
}

/* W may be gone when this returns. */
static void tell_watch(struct hub_loop *l, struct hub_watch *w, uint32_t what) {
    if (!w->events) return; /* since the event was fetched */
    int got = (what & EPOLLIN ? HUB_READABLE : 0) | (what & EPOLLOUT ? HUB_WRITABLE : 0);
    got &= w->events;
    if (what & EPOLLERR) { /* not told again before the next hub_watch_set */
        got = HUB_READABLE | (w->events & HUB_WRITABLE);
        hub_watch_set(l, w, 0);
    } else if (!got && what & EPOLLHUP) {
        got = w->events;
    }
    if (got) w->cb(w->arg, got);
}

/* More than one batch only when the first one was full. */
static void on_poll(uv_poll_t *h, int status, int events) {
    struct hub_loop *l = h->data;
    (void)status, (void)events;
    for (int round = 0; round < READY_ROUNDS; round++) {
        l->ready_n = epoll_wait(l->epoll, l->ready, READY_MAX, 0);
        for (int i = 0; i < l->ready_n; i++)
            if (l->ready[i].data.ptr) tell_watch(l, l->ready[i].data.ptr, l->ready[i].events);
        if (l->ready_n < READY_MAX) break;
    }
    l->ready_n = 0;
}

static bool can_be_watched(struct hub_loop *l, int fd) {
    struct epoll_event none = {0};
    int on = 1;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &none) != 0) return false;
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, &none);
    return ioctl(fd, FIONBIO, &on) == 0;
}

struct hub_watch *hub_watch_new(struct hub_loop *l, int fd, void (*cb)(void *, int), void *arg) {
    if (!can_be_watched(l, fd)) return NULL;
    struct hub_watch *w = hub_xmalloc(sizeof *w);
    *w = (struct hub_watch){.cb = cb, .arg = arg, .fd = fd};
    l->watch_n++;
    return w;
}

void hub_watch_close(struct hub_loop *l, struct hub_watch *w) {
    hub_watch_set(l, w, 0);
    for (int i = 0; i < l->ready_n; i++) /* it may be among those that are told in this turn */
        if (l->ready[i].data.ptr == w) l->ready[i].data.ptr = NULL;
    l->watch_n--;
    free(w);
}

/* ---- names ---- */

#define ADDRESSES_MAX 8
#define ADDRESS_SIZE (INET6_ADDRSTRLEN + IF_NAMESIZE)

struct hub_resolve {
    uv_getaddrinfo_t req;
    hub_resolved *done; /* NULL: cancelled */
    void *arg;
    struct hub_task refused; /* HOST was not even asked for */
    int status;
};

/* getnameinfo keeps the zone of an address that is valid on one link only, "fe80::1%eth0". */
static size_t print_addresses(const struct addrinfo *list, char text[][ADDRESS_SIZE], const char **out) {
    size_t n = 0;
    for (const struct addrinfo *a = list; a && n < ADDRESSES_MAX; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text[n], ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST)) continue;
        out[n] = text[n];
        n++;
    }
    return n;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list) {
    struct hub_resolve *r = req->data;
    char text[ADDRESSES_MAX][ADDRESS_SIZE];
    const char *addresses[ADDRESSES_MAX];
    size_t n = status ? 0 : print_addresses(list, text, addresses);
    if (r->done) r->done(r->arg, addresses, n, n ? NULL : status ? uv_strerror(status) : "the name has no address");
    uv_freeaddrinfo(list);
    free(r);
}

static void on_refused(struct hub_task *t) {
    struct hub_resolve *r = HUB_CONTAINER(t, struct hub_resolve, refused);
    on_resolved(&r->req, r->status, NULL);
}

struct hub_resolve *hub_loop_resolve(struct hub_loop *l, const char *host, hub_resolved *done, void *arg) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct hub_resolve *r = hub_xmalloc(sizeof *r);
    *r = (struct hub_resolve){.done = done, .arg = arg};
    r->refused.run = on_refused;
    r->status = uv_getaddrinfo(&l->uv, &r->req, on_resolved, host, NULL, &hints);
    r->req.data = r;
    if (r->status) hub_defer(l, &r->refused);
    return r;
}

void hub_loop_resolve_cancel(struct hub_resolve *r) {
    r->done = NULL;
    if (r->status)
        hub_defer_cancel(&r->refused), free(r);
    else
        uv_cancel((uv_req_t *)&r->req); /* fails when it is running already: then its result goes nowhere */
}

/* ---- life ---- */

struct hub_loop *hub_loop_new(struct hub_clock *clock) {
    struct hub_loop *l = hub_xcalloc(1, sizeof *l);
    l->clock = clock;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0 || uv_loop_init(&l->uv) != 0) {
        if (l->epoll >= 0) close(l->epoll);
        free(l);
        return NULL;
    }
    hub_list_init(&l->deferred);
    hub_list_init(&l->posted);
    pthread_mutex_init(&l->posted_lock, NULL);
    uv_timer_init(&l->uv, &l->timer);
    uv_check_init(&l->uv, &l->check);
    uv_prepare_init(&l->uv, &l->prepare);
    uv_async_init(&l->uv, &l->async, on_async);
    uv_poll_init(&l->uv, &l->poll, l->epoll);
    uv_poll_start(&l->poll, UV_READABLE, on_poll);
    l->timer.data = l->check.data = l->prepare.data = l->async.data = l->poll.data = l;
    uv_check_start(&l->check, on_check);
    uv_prepare_start(&l->prepare, on_prepare);
    l->turned.turned = on_turned;
    hub_clock_listen(clock, &l->turned);
    return l;
}

void hub_loop_run(struct hub_loop *l) { uv_run(&l->uv, UV_RUN_DEFAULT); }
void hub_loop_stop(struct hub_loop *l) { uv_stop(&l->uv); }

void hub_loop_on_flush(struct hub_loop *l, void (*flush)(void *), void *arg) {
    l->flush = flush;
    l->flush_arg = arg;
}

static void on_signal(uv_signal_t *h, int signo) {
    struct signal_watch *s = h->data;
    s->cb(s->arg, signo);
}

void hub_loop_signal(struct hub_loop *l, int signo, void (*cb)(void *, int), void *arg) {
    if (l->signal_n == MAX_SIGNALS) abort();
    struct signal_watch *s = &l->signals[l->signal_n++];
    s->cb = cb;
    s->arg = arg;
    s->handle.data = s;
    uv_signal_init(&l->uv, &s->handle);
    uv_signal_start(&s->handle, on_signal, signo);
}

void hub_loop_delete(struct hub_loop *l) {
    l->flush = NULL;
    hub_clock_unlisten(l->clock, &l->turned);
    for (int i = 0; i < l->signal_n; i++) uv_close((uv_handle_t *)&l->signals[i].handle, NULL);
    uv_close((uv_handle_t *)&l->timer, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->async, NULL);
    uv_close((uv_handle_t *)&l->poll, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    close(l->epoll);
    if (uv_loop_close(&l->uv) != 0 || l->watch_n) abort(); /* a handle leaked: find it in the debug build */
    pthread_mutex_destroy(&l->posted_lock);
    free(l->heap);
    free(l);
}
