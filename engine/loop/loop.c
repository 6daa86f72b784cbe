/* The event loop: an epoll that all waiting is done in, a heap of timers, deferred and posted tasks. libuv
 * has the signals and the threads that look names up; its own epoll is one descriptor of ours, and it runs
 * when that says that something has come, or after something was begun there. */
#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"

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

/* Whether somebody who wakes the loop has to write to its eventfd. */
enum { AWAKE, ASLEEP, WOKEN };

struct hub_loop {
    struct hub_clock *clock; /* NULL: the system's */
    struct hub_clock_listener turned;
    int64_t now; /* of the system's monotonic clock: when this turn began, or woke */
    bool stopped;
    bool uv_due;  /* something was begun in libuv, whose epoll does not know of it before it has run */
    int epoll;    /* of all watches, of WAKING and of libuv's epoll */
    int waking;   /* an eventfd. Edge-triggered, so nobody has to read it */
    int sleeping; /* atomic: AWAKE, ASLEEP or WOKEN */
    int ready_n;  /* in this turn */
    size_t watch_n;
    struct epoll_event ready[READY_MAX];
    struct hub_timer **heap;
    uint32_t heap_n, heap_cap;
    uint32_t started; /* counts starts of timers */
    struct hub_list deferred;
    pthread_mutex_t posted_lock;
    struct hub_list posted;
    void (*flush)(void *arg);
    void *flush_arg;
    uv_loop_t uv;
    uv_async_t alive; /* libuv polls only while something is active: what nobody waits for would stay readable */
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

static void run_timers(struct hub_loop *l) {
    int64_t now = hub_loop_now(l);
    uint32_t last = l->started; /* one that a callback starts with 0 ms has its turn after the descriptors */
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
}

/* On any thread. A loop that is awake looks for itself before it sleeps. */
static void wake_loop(struct hub_loop *l) {
    if (__atomic_exchange_n(&l->sleeping, WOKEN, __ATOMIC_SEQ_CST) == ASLEEP)
        HUB_UNUSED(write(l->waking, &(uint64_t){1}, sizeof(uint64_t)), "it would be full after 2^64 of these");
}

void hub_post(struct hub_loop *l, struct hub_task *task) {
    pthread_mutex_lock(&l->posted_lock);
    bool first = hub_list_empty(&l->posted);
    hub_list_push(&l->posted, &task->link);
    if (first) wake_loop(l); /* with the lock: once the task has run, the loop may go */
    pthread_mutex_unlock(&l->posted_lock);
}

static void run_posted(struct hub_loop *l) {
    struct hub_list batch;
    hub_list_init(&batch);
    pthread_mutex_lock(&l->posted_lock);
    hub_list_splice(&batch, &l->posted);
    pthread_mutex_unlock(&l->posted_lock);
    run_tasks(&batch);
}

/* ---- time ---- */

int64_t hub_loop_now(const struct hub_loop *l) { return l->clock ? hub_clock_mono_at(l->clock, l->now) : l->now; }

int64_t hub_loop_now_exact(const struct hub_loop *l) { return hub_clock_mono_ms(l->clock); }
int64_t hub_loop_wall(const struct hub_loop *l) { return hub_clock_wall_ms(l->clock); }
struct hub_clock *hub_loop_clock(const struct hub_loop *l) {
    return l->clock;
}
int64_t hub_loop_next_due(const struct hub_loop *l) { return l->heap_n ? l->heap[0]->due : INT64_MAX; }

bool hub_loop_is_idle(struct hub_loop *l) {
    if (l->uv_due || !hub_list_empty(&l->deferred) || hub_loop_next_due(l) <= hub_loop_now(l)) return false;
    pthread_mutex_lock(&l->posted_lock);
    bool none = hub_list_empty(&l->posted);
    pthread_mutex_unlock(&l->posted_lock);
    return none;
}

/* On any thread. */
static void on_turned(struct hub_clock_listener *listener) {
    wake_loop(HUB_CONTAINER(listener, struct hub_loop, turned));
}

/* ---- descriptors ---- */

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
    l->uv_due = true;
    return r;
}

void hub_loop_resolve_cancel(struct hub_resolve *r) {
    r->done = NULL;
    if (r->status)
        hub_defer_cancel(&r->refused), free(r);
    else
        uv_cancel((uv_req_t *)&r->req); /* fails when it is running already: then its result goes nowhere */
}

/* ---- turns ---- */

static void run_uv(struct hub_loop *l) {
    l->uv_due = false;
    uv_run(&l->uv, UV_RUN_NOWAIT);
}

/* How long the loop may sleep, in ms; -1: until something happens. Where time stands still there is no due
 * time to wait for: on_turned wakes the loop. */
static int sleep_ms(const struct hub_loop *l) {
    if (l->stopped || l->uv_due || !hub_list_empty(&l->deferred)) return 0;
    if (!l->heap_n) return -1;
    int64_t in = hub_loop_next_due(l) - hub_loop_now(l);
    if (in <= 0) return 0;
    if (l->clock && l->clock->frozen) return -1;
    return in < INT_MAX ? (int)in : INT_MAX;
}

/* False: a task was posted, or the clock turned, since the loop woke, so it must not sleep. */
static bool begin_sleep(struct hub_loop *l) {
    int awake = AWAKE;
    return __atomic_compare_exchange_n(&l->sleeping, &awake, ASLEEP, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Returns whether a task was posted, or the clock turned. */
static bool end_sleep(struct hub_loop *l) {
    return __atomic_exchange_n(&l->sleeping, AWAKE, __ATOMIC_SEQ_CST) == WOKEN;
}

static void tell_ready(struct hub_loop *l, int n) {
    l->ready_n = n;
    for (int i = 0; i < l->ready_n; i++) {
        void *to = l->ready[i].data.ptr;
        if (to == &l->uv)
            run_uv(l);
        else if (to) /* not the eventfd, nor a watch that was closed meanwhile */
            tell_watch(l, to, l->ready[i].events);
    }
    l->ready_n = 0;
}

/* Sleeps, then tells what has come: in more than one batch only when the first one was full. */
static void wait_and_tell(struct hub_loop *l) {
    int ms = sleep_ms(l);
    if (ms && !begin_sleep(l)) ms = 0;
    int n = epoll_wait(l->epoll, l->ready, READY_MAX, ms);
    bool woken = end_sleep(l);
    l->now = hub_real_ms();
    tell_ready(l, n);
    for (int round = 1; n == READY_MAX && round < READY_ROUNDS; round++) {
        n = epoll_wait(l->epoll, l->ready, READY_MAX, 0);
        tell_ready(l, n);
    }
    if (woken) run_posted(l);
    if (l->uv_due) run_uv(l);
}

static void run_turn(struct hub_loop *l) {
    l->now = hub_real_ms();
    run_timers(l);
    end_of_turn(l);
    wait_and_tell(l);
    end_of_turn(l);
}

void hub_loop_run(struct hub_loop *l) {
    while (!l->stopped) run_turn(l);
    l->stopped = false;
}

void hub_loop_stop(struct hub_loop *l) { l->stopped = true; }

/* ---- life ---- */

/* What is told to nobody as a watch: NULL, and libuv. */
static bool watch_own(struct hub_loop *l) {
    struct epoll_event waking = {.events = EPOLLIN | EPOLLET}, uv = {.events = EPOLLIN, .data.ptr = &l->uv};
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->waking, &waking) == 0 &&
           epoll_ctl(l->epoll, EPOLL_CTL_ADD, uv_backend_fd(&l->uv), &uv) == 0;
}

static void close_own(struct hub_loop *l) {
    if (l->epoll >= 0) close(l->epoll);
    if (l->waking >= 0) close(l->waking);
    free(l);
}

static bool open_own(struct hub_loop *l) {
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->waking = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->epoll < 0 || l->waking < 0 || uv_loop_init(&l->uv) != 0) return false;
    if (watch_own(l) && uv_async_init(&l->uv, &l->alive, NULL) == 0) return true;
    uv_loop_close(&l->uv);
    return false;
}

struct hub_loop *hub_loop_new(struct hub_clock *clock) {
    struct hub_loop *l = hub_xcalloc(1, sizeof *l);
    if (!open_own(l)) {
        close_own(l);
        return NULL;
    }
    l->clock = clock;
    l->now = hub_real_ms();
    hub_list_init(&l->deferred);
    hub_list_init(&l->posted);
    pthread_mutex_init(&l->posted_lock, NULL);
    l->turned.turned = on_turned;
    hub_clock_listen(clock, &l->turned);
    return l;
}

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
    l->uv_due = true;
}

void hub_loop_delete(struct hub_loop *l) {
    l->flush = NULL;
    hub_clock_unlisten(l->clock, &l->turned);
    for (int i = 0; i < l->signal_n; i++) uv_close((uv_handle_t *)&l->signals[i].handle, NULL);
    uv_close((uv_handle_t *)&l->alive, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&l->uv) != 0 || l->watch_n) abort(); /* a handle leaked: find it in the debug build */
    pthread_mutex_destroy(&l->posted_lock);
    free(l->heap);
    close_own(l);
}
