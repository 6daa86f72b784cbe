/* A sorted list: nearly all timers have the same length, so that a new one belongs at the end. */
#include "timer.h"

static void wake_for_first(struct hubc_timers *all) {
    struct hubc_transport *t = all->transport;
    t->ops->wake_at(t, all->first ? all->first->at : INT64_MAX);
}

static void unlink_timer(struct hubc_timers *all, struct hubc_timer *t) {
    if (t->prev)
        t->prev->next = t->next;
    else
        all->first = t->next;
    if (t->next)
        t->next->prev = t->prev;
    else
        all->last = t->prev;
    t->is_set = false;
}

static void link_timer(struct hubc_timers *all, struct hubc_timer *t) {
    struct hubc_timer *before = all->last;
    while (before && before->at > t->at) before = before->prev;
    t->prev = before;
    t->next = before ? before->next : all->first;
    if (t->next)
        t->next->prev = t;
    else
        all->last = t;
    if (before)
        before->next = t;
    else
        all->first = t;
    t->is_set = true;
}

void hubc_timer_set(struct hubc_timers *all, struct hubc_timer *t, int64_t delay_ms) {
    if (t->is_set) unlink_timer(all, t);
    t->at = all->transport->ops->now_ms(all->transport) + (delay_ms > 0 ? delay_ms : 0);
    link_timer(all, t);
    if (all->first == t) wake_for_first(all);
}

void hubc_timer_clear(struct hubc_timers *all, struct hubc_timer *t) {
    if (!t->is_set) return;
    bool was_first = all->first == t;
    unlink_timer(all, t);
    if (was_first) wake_for_first(all);
}

void hubc_timers_run(struct hubc_timers *all) {
    int64_t now = all->transport->ops->now_ms(all->transport);
    /* A timer of no length that is set meanwhile stands behind this one, which is due last. */
    struct hubc_timer mark = {.at = now};
    link_timer(all, &mark);
    while (all->first != &mark) {
        struct hubc_timer *t = all->first;
        unlink_timer(all, t);
        t->fn(t->arg);
    }
    unlink_timer(all, &mark);
    wake_for_first(all);
}
