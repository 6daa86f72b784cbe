/* The event loop on libuv: an own timer heap on one uv_timer, poll handles, deferred and posted tasks. */
#include "loop/loop.h"

#include <stdlib.h>
#include <uv.h>

#include "base/mem.h"

#define MAX_SIGNALS 4
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
    struct hub_timer **heap;
    uint32_t heap_n, heap_cap;
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

static void sift_up(struct hub_loop *l, uint32_t i) {
    struct hub_timer *t = l->heap[i];
    for (; i && l->heap[(i - 1) / 2]->due > t->due; i = (i - 1) / 2) heap_set(l, i, l->heap[(i - 1) / 2]);
    heap_set(l, i, t);
}

static void sift_down(struct hub_loop *l, uint32_t i) {
    struct hub_timer *t = l->heap[i];
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= l->heap_n) break;
        if (c + 1 < l->heap_n && l->heap[c + 1]->due < l->heap[c]->due) c++;
        if (l->heap[c]->due >= t->due) break;
        heap_set(l, i, l->heap[c]);
        i = c;
    }
    heap_set(l, i, t);
}

static void on_uv_timer(uv_timer_t *h);

/* The uv timer follows the earliest due time. Where time stands still it has none to wait for: on_turned
 * wakes the loop. */
static void rearm_timer(struct hub_loop *l) {
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

/* Whether T has to wait for what has arrived meanwhile; it runs again then. By a frozen clock nobody stands
 * still, and the look is the next turn. */
static bool looks_first(struct hub_loop *l, struct hub_timer *t) {
    bool frozen = l->clock && l->clock->frozen;
    int64_t late = frozen ? 0 : hub_loop_now(l) - t->due, most = t->looked ? t->silence : t->silence / 2;
    if (!t->silence || (t->looked && late < STOOD_STILL_MS)) return false;
    set_silence(t, late);
    t->looked = 1;
    insert_timer(l, t, frozen ? 0 : LOOK_MS + (late < most ? late : most));
    return true;
}

static void on_uv_timer(uv_timer_t *h) {
    struct hub_loop *l = h->data;
    int64_t now = hub_loop_now(l);
    /* A callback that re-arms itself with 0 ms is due again next turn, not in this loop. */
    uint32_t budget = l->heap_n;
    while (l->heap_n && budget-- && l->heap[0]->due <= now) {
        struct hub_timer *t = l->heap[0];
        hub_timer_stop(l, t);
        if (!looks_first(l, t)) t->cb(t);
    }
    rearm_timer(l);
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
static void on_prepare(uv_prepare_t *h) { end_of_turn(h->data); }

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

/* ---- descriptors ---- */

struct hub_watch {
    uv_poll_t poll;
    void (*cb)(void *arg, int events);
    void *arg;
    int events;
};

static void on_poll(uv_poll_t *h, int status, int events) {
    struct hub_watch *w = h->data;
    int got = 0;
    if (status < 0) { /* libuv has stopped watching: the next hub_watch_set shall start again */
        got = HUB_READABLE | (w->events & HUB_WRITABLE);
        w->events = 0;
    }
    if (events & UV_READABLE) got |= HUB_READABLE;
    if (events & UV_WRITABLE) got |= HUB_WRITABLE;
    w->cb(w->arg, got);
}

struct hub_watch *hub_watch_new(struct hub_loop *l, int fd, void (*cb)(void *, int), void *arg) {
    struct hub_watch *w = hub_xcalloc(1, sizeof *w);
    w->cb = cb;
    w->arg = arg;
    w->poll.data = w;
    if (uv_poll_init(&l->uv, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    return w;
}

void hub_watch_set(struct hub_watch *w, int events) {
    if (w->events == events) return;
    w->events = events;
    int uv = (events & HUB_READABLE ? UV_READABLE : 0) | (events & HUB_WRITABLE ? UV_WRITABLE : 0);
    if (uv)
        uv_poll_start(&w->poll, uv, on_poll);
    else
        uv_poll_stop(&w->poll);
}

static void free_watch(uv_handle_t *h) { free(h->data); }

void hub_watch_close(struct hub_watch *w) { uv_close((uv_handle_t *)&w->poll, free_watch); }

/* ---- names ---- */

#define ADDRESSES_MAX 8

struct hub_resolve {
    uv_getaddrinfo_t req;
    hub_resolved *done; /* NULL: cancelled */
    void *arg;
    struct hub_task refused; /* HOST was not even asked for */
    int status;
};

static size_t print_addresses(const struct addrinfo *list, char text[][INET6_ADDRSTRLEN], const char **out) {
    size_t n = 0;
    for (const struct addrinfo *a = list; a && n < ADDRESSES_MAX; a = a->ai_next) {
        int failed = a->ai_family == AF_INET6
                         ? uv_ip6_name((const struct sockaddr_in6 *)(const void *)a->ai_addr, text[n], INET6_ADDRSTRLEN)
                         : uv_ip4_name((const struct sockaddr_in *)(const void *)a->ai_addr, text[n], INET6_ADDRSTRLEN);
        if (failed) continue;
        out[n] = text[n];
        n++;
    }
    return n;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list) {
    struct hub_resolve *r = req->data;
    char text[ADDRESSES_MAX][INET6_ADDRSTRLEN];
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
    if (uv_loop_init(&l->uv) != 0) {
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
    l->timer.data = l->check.data = l->prepare.data = l->async.data = l;
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
    uv_run(&l->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&l->uv) != 0) abort(); /* a handle leaked: find it in the debug build */
    pthread_mutex_destroy(&l->posted_lock);
    free(l->heap);
    free(l);
}
