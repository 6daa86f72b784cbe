/* The loss of a connection, and reconnecting after a while that grows: exponential backoff with jitter. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/crypto/random.h"
#include "base/telemetry/log.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 2000

static void on_retry_due(struct hub_timer *t) { hub_pg_link_connect(HUB_CONTAINER(t, struct link, timer)); }

static void retry_later(struct link *l) {
    int64_t most = RETRY_MIN_MS << (l->attempts < 6 ? l->attempts : 6);
    uint32_t dice;
    hub_random(&dice, sizeof dice);
    if (most > RETRY_MAX_MS) most = RETRY_MAX_MS;
    l->attempts++;
    hub_timer_start(l->s->loop, &l->timer, most / 2 + dice % (most / 2 + 1), on_retry_due);
}

void hub_pg_link_disconnect(struct link *l) {
    hub_timer_stop(l->s->loop, &l->timer);
    hub_defer_cancel(&l->flush);
    if (l->resolving) hub_loop_resolve_cancel(l->resolving);
    l->resolving = NULL;
    if (l->watch) hub_watch_close(l->s->loop, l->watch);
    l->watch = NULL;
    if (l->pg) PQfinish(l->pg);
    l->pg = NULL;
    hub_pg_link_forget(l);
    l->n = l->head = l->syncs = 0;
    l->failed = l->losing = false;
    if (l->state == LINK_UP) hub_pg_count_links(l->s, -1);
    l->state = LINK_AWAY;
}

/* One line, without the newline that libpq's messages end with. */
void hub_pg_link_keep_why(struct link *l, const char *why) {
    snprintf(l->why, sizeof l->why, "%s", why);
    for (char *p = l->why; *p; p++)
        if (*p == '\n' || *p == '\t') *p = ' ';
    for (size_t n = strlen(l->why); n && l->why[n - 1] == ' ';) l->why[--n] = 0;
}

void hub_pg_link_lose(struct link *l) {
    bool was_up = l->state == LINK_UP;
    if (was_up || l->attempts == 0)
        hub_log_kv(HUB_LOG_WARN, "store", was_up ? "connection lost" : "cannot connect", "connection", l->name, "to",
                   l->s->conninfo.shown, "error", l->why, NULL);
    hub_pg_link_disconnect(l);
    retry_later(l);
    if (was_up) l->ops->lost(l);
}

void hub_pg_link_lose_by_libpq(struct link *l) {
    const char *why = PQerrorMessage(l->pg);
    hub_pg_link_keep_why(l, l->failure.text[0] && l->failed ? l->failure.text
                            : *why                          ? why
                                                            : "the connection was closed");
    hub_pg_link_lose(l);
}
