/* A clock that stands still until a test turns it, and a loop that goes by it: nothing is waited for. */
#ifndef TEST_SUPPORT_TURNED_CLOCK_H
#define TEST_SUPPORT_TURNED_CLOCK_H
#include "base/memory/mem.h"
#include "base/time/clock.h"
#include "loop/loop.h"

#define TURNED_WALL_MS 1767225600000 /* 2026-01-01T00:00:00Z, when each such clock begins */

static struct hub_clock turned_clock;

struct turned_stop {
    struct hub_timer timer;
    struct hub_loop *loop;
};

static inline void turned_on_stop(struct hub_timer *t) {
    hub_loop_stop(HUB_CONTAINER(t, struct turned_stop, timer)->loop);
}

/* Runs what is due, and what it puts off to the end of the turn. What threads or sockets bring may take
 * longer. */
static inline void turned_run_due(struct hub_loop *of) {
    struct turned_stop stop = {.loop = of};
    hub_timer_start(of, &stop.timer, 0, turned_on_stop);
    while (hub_timer_running(&stop.timer)) hub_loop_run(of); /* others may stop the loop, too */
}

/* Turns the clock by MS, from one due timer to the next, so that none runs late: one that starts itself again
 * each second runs sixty times in a minute. What is to be done now is done before. */
static inline void turn_clock(struct hub_loop *of, int64_t ms) {
    int64_t end = hub_loop_now(of) + ms;
    turned_run_due(of);
    while (hub_loop_next_due(of) <= end) {
        int64_t left = hub_loop_next_due(of) - hub_loop_now(of);
        hub_clock_turn(&turned_clock, left > 0 ? left : 0);
        turned_run_due(of);
    }
    hub_clock_turn(&turned_clock, end - hub_loop_now(of));
    turned_run_due(of);
}

static inline struct hub_loop *turned_loop_new(void) {
    hub_clock_init_frozen(&turned_clock, TURNED_WALL_MS);
    return hub_loop_new(&turned_clock);
}

static inline void turned_loop_delete(struct hub_loop *of) {
    hub_loop_delete(of);
    hub_clock_deinit(&turned_clock);
}
#endif
