/* Steps that find the store away: they are tried again together, and what waits behind them waits too. */
#include "async/work.h"

#define RETRY_MS 1000

static void on_timer(struct hub_timer *t) {
    struct hub_retries *all = HUB_CONTAINER(t, struct hub_retries, timer);
    struct hub_list due;
    hub_list_init(&due);
    hub_list_splice(&due, &all->all);
    for (struct hub_list *l; (l = hub_list_pop(&due));) {
        struct hub_retry *r = HUB_CONTAINER(l, struct hub_retry, link);
        r->again(r, all->stopped);
    }
}

void hub_retries_init(struct hub_retries *all, struct hub_loop *loop) {
    all->loop = loop;
    hub_list_init(&all->all);
}

bool hub_retry_anyway(struct hub_retries *all, struct hub_retry *r, enum hub_code code) {
    if ((code != HUB_STORE_UNAVAILABLE && code != HUB_OVERLOADED) || all->stopped) return false;
    hub_list_push(&all->all, &r->link);
    if (!hub_timer_running(&all->timer)) hub_timer_start(all->loop, &all->timer, RETRY_MS, on_timer);
    return true;
}

bool hub_retry_later(struct hub_retries *all, struct hub_retry *r, const struct hub_work *work, enum hub_code code) {
    return work && hub_retry_anyway(all, r, code);
}

void hub_retries_stop(struct hub_retries *all) {
    all->stopped = true;
    hub_timer_stop(all->loop, &all->timer);
    on_timer(&all->timer);
}
