/* One turn at a time: timers, readiness of descriptors, work put off to the end of the turn, and a safe
 * way in for other threads. The only module that knows libuv. Everything here is called on the loop thread
 * unless it says otherwise.
 *
 * A turn: due timers, then descriptors and posted tasks. Behind each of the two come the tasks that were
 * deferred meanwhile and then the flush hook, so that nothing queued waits while the loop sleeps. */
#ifndef HUB_LOOP_LOOP_H
#define HUB_LOOP_LOOP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/collection/list.h"
#include "base/memory/bug.h"
#include "base/time/clock.h"

struct hub_loop;
/* On CLOCK, which must outlive the loop; NULL: the system's. Timers and the times below go by it; turning it,
 * from any thread, runs what has become due on the loop's next turn. */
HUB_MUST struct hub_loop *hub_loop_new(struct hub_clock *clock);
/* Runs until hub_loop_stop. */
void hub_loop_run(struct hub_loop *loop);
void hub_loop_stop(struct hub_loop *loop);
/* All watches must be closed and all work done; runs the last turns that closing needs, then frees. */
void hub_loop_delete(struct hub_loop *loop);
/* Monotonic milliseconds as of this turn's start, for descriptors and tasks as of when the loop last woke:
 * cheap, for deadlines. (A clock turned in the middle of the turn shows at once.) */
int64_t hub_loop_now(const struct hub_loop *loop);
/* The same, read anew: for what must not count what this turn has taken so far. */
int64_t hub_loop_now_exact(const struct hub_loop *loop);
/* Milliseconds since 1970-01-01 UTC, read anew: for records and tokens. */
int64_t hub_loop_wall(const struct hub_loop *loop);
/* For what the loop's work hands to threads of its own; NULL: the system's. */
struct hub_clock *hub_loop_clock(const struct hub_loop *loop);
/* When the next timer is due, as hub_loop_now tells time; INT64_MAX: none runs. For who turns the clock from
 * one timer to the next, so that none runs late. */
int64_t hub_loop_next_due(const struct hub_loop *loop);
/* Whether the next turn would find nothing to do: no timer is due, and no task waits. What threads are about
 * to post, or descriptors to bring, cannot be known. */
bool hub_loop_is_idle(struct hub_loop *loop);
/* One hook, called after each batch of callbacks; flushes what became due for connections. */
void hub_loop_on_flush(struct hub_loop *loop, void (*flush)(void *arg), void *arg);

/* A one-shot timer inside its owner's struct. Zero-initialised is stopped. Starting a running timer moves
 * it. The callback may start it again, or free the struct that holds it. Those due run in the order of their
 * due times, and of one time in the order in which they were started; one that a callback of a timer starts
 * with 0 ms runs in the next turn, after descriptors. Resolution is one millisecond. O(log n). */
struct hub_timer {
    int64_t due;
    void (*cb)(struct hub_timer *t);
    uint32_t slot;         /* place in the heap + 1; 0 = stopped */
    uint32_t start;        /* which start of the loop's it was */
    uint32_t silence : 31; /* of hub_timer_await: DELAY_MS, and once LOOKED how late the timer was */
    uint32_t looked : 1;   /* its time is up; what has arrived is being read */
    uint32_t extra;        /* ms that it may still be put off by, once LOOKED */
};
void hub_timer_start(struct hub_loop *loop, struct hub_timer *t, int64_t delay_ms, void (*cb)(struct hub_timer *t));
/* The same for what ends because a peer was silent, or took nothing, for so long. A process that did not
 * run (stopped, suspended, in a long callback) cannot say that: CB comes after everything that had arrived
 * was read, some turns later, and peers have the time again that the process stood still, up to half of
 * DELAY_MS however often that is. */
void hub_timer_await(struct hub_loop *loop, struct hub_timer *t, int64_t delay_ms, void (*cb)(struct hub_timer *t));
/* In CB of hub_timer_await: ms between the end of DELAY_MS and the turn that noticed it; when the process
 * stood still again while it was put off, that of the last time. */
int64_t hub_timer_late(const struct hub_timer *t);
/* Whether DELAY_MS of a running hub_timer_await are over, although CB has not come; not after the process
 * stood still. */
bool hub_timer_is_up(const struct hub_loop *loop, const struct hub_timer *t);
void hub_timer_stop(struct hub_loop *loop, struct hub_timer *t);
static inline bool hub_timer_running(const struct hub_timer *t) { return t->slot != 0; }

/* Readiness of a descriptor, which is made non-blocking. The watch does not own FD; close the watch before
 * closing FD. After hub_watch_close, also inside a callback, no callback comes. An error of FD comes as
 * HUB_READABLE, so that a read finds out what it is. */
enum { HUB_READABLE = 1, HUB_WRITABLE = 2 };
struct hub_watch;
HUB_MUST struct hub_watch *hub_watch_new(struct hub_loop *loop, int fd, void (*cb)(void *arg, int events), void *arg);
/* Which events to report; none at first. Costs system calls only when it changes. */
void hub_watch_set(struct hub_loop *loop, struct hub_watch *w, int events);
void hub_watch_close(struct hub_loop *loop, struct hub_watch *w);

/* A task runs once, later. Zero-initialise, set run, then defer or post; it may be reused from inside run. */
struct hub_task {
    struct hub_list link;
    void (*run)(struct hub_task *task);
    bool queued;
};
/* Before the next flush hook; one that the hook itself defers, or that comes of tasks deferring others more
 * than eight times, in the next turn, for which the loop does not sleep. Deferring a queued task again does
 * nothing. */
void hub_defer(struct hub_loop *loop, struct hub_task *task);
void hub_defer_cancel(struct hub_task *task);
/* From any thread: runs on the loop thread soon. Tasks of one thread run in the order posted. The task
 * belongs to the loop until it runs. */
void hub_post(struct hub_loop *loop, struct hub_task *task);

/* Looks up the addresses of HOST (a name or an address) off the loop. DONE comes once, in a later turn: N
 * numeric texts ("127.0.0.1", "::1", "fe80::1%eth0") in the order to try them, at most 8, borrowed; N == 0:
 * ERROR says why. */
typedef void hub_resolved(void *arg, const char *const *addresses, size_t n, const char *error);
struct hub_resolve;
struct hub_resolve *hub_loop_resolve(struct hub_loop *loop, const char *host, hub_resolved *done, void *arg);
void hub_loop_resolve_cancel(struct hub_resolve *r); /* before DONE came: it does not come any more */

/* Calls back on each delivery of SIGNO. */
void hub_loop_signal(struct hub_loop *loop, int signo, void (*cb)(void *arg, int signo), void *arg);
#endif
