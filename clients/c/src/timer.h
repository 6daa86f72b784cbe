/* Timers of one client. They share the alarm of its transport, and run at its top: never inside a call. */
#ifndef HUBC_TIMER_H
#define HUBC_TIMER_H
#include "transport.h"

struct hubc_timers {
    struct hubc_transport *transport;
    struct hubc_timer *first, *last; /* sorted by when they are due */
};

/* Embedded where it belongs; zero is one that is not set. */
struct hubc_timer {
    void (*fn)(void *arg);
    void *arg;
    int64_t at;
    struct hubc_timer *next, *prev;
    bool is_set;
};

/* Calls fn(arg) in DELAY_MS; set again it moves. */
void hubc_timer_set(struct hubc_timers *all, struct hubc_timer *t, int64_t delay_ms);
void hubc_timer_clear(struct hubc_timers *all, struct hubc_timer *t);
/* Runs those that are due. One that is set meanwhile waits for the next turn, so that none keeps the
 * others from it. */
void hubc_timers_run(struct hubc_timers *all);
#endif
