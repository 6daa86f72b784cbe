/* Steps of a record from the bus that find the store away: the record waits, and with it those behind it;
 * what the bus keeps is not lost for it. */
#include "hub/hub_int.h"

#define RETRY_MS 1000

static void on_timer(struct hub_timer *t) {
    struct hub_engine *e = HUB_CONTAINER(t, struct hub_engine, retry_timer);
    struct hub_list due;
    hub_list_init(&due);
    hub_list_splice(&due, &e->retries);
    for (struct hub_list *l; (l = hub_list_pop(&due));) {
        struct hub_retry *r = HUB_CONTAINER(l, struct hub_retry, link);
        r->again(r, e->stopped);
    }
}

bool hub_retry_anyway(struct hub_engine *e, struct hub_retry *r, enum hub_code code) {
    if ((code != HUB_STORE_UNAVAILABLE && code != HUB_OVERLOADED) || e->stopped) return false;
    hub_list_push(&e->retries, &r->link);
    if (!hub_timer_running(&e->retry_timer)) hub_timer_start(e->config.loop, &e->retry_timer, RETRY_MS, on_timer);
    return true;
}

bool hub_retry_later(struct hub_engine *e, struct hub_retry *r, const struct hub_work *work, enum hub_code code) {
    return work && hub_retry_anyway(e, r, code);
}

void hub_retry_stop(struct hub_engine *e) {
    e->stopped = true;
    hub_timer_stop(e->config.loop, &e->retry_timer);
    on_timer(&e->retry_timer);
}
