/* The bound of all payloads that wait. */
#include "async/backlog.h"

#include "base/memory/mem.h"
#include "base/telemetry/metric.h"

static struct hub_metric waiting[] = {
    HUB_METRIC(HUB_GAUGE, "hubd_waiting_bytes", "size=\"small\"",
               "Memory of payloads that wait for their turn, a store or a script"),
    HUB_METRIC(HUB_GAUGE, "hubd_waiting_bytes", "size=\"large\"",
               "Memory of payloads that wait for their turn, a store or a script"),
};
static struct hub_metric refused = HUB_METRIC(HUB_COUNTER, "hubd_waiting_refused_total", NULL,
                                              "Payloads refused because listen.maxWaitingBytes of them waited");

/* One payload larger than the bound may wait alone: whatever else is allowed can be sent. */
static bool has_room(const struct hub_backlog *all, size_t bytes, const size_t *mine) {
    size_t taken = all->bytes[bytes > HUB_BACKLOG_SMALL];
    if (!taken || taken + bytes <= all->most) return true;
    return bytes <= HUB_BACKLOG_SMALL && (mine ? *mine : 0) + bytes <= HUB_BACKLOG_SMALL;
}

void hub_backlog_release(struct hub_backlog_entry *e) {
    e->all->bytes[e->bytes > HUB_BACKLOG_SMALL] -= e->bytes;
    if (e->mine) *e->mine -= e->bytes;
    *e = (struct hub_backlog_entry){0};
}

bool hub_backlog_set(struct hub_backlog *all, struct hub_backlog_entry *e, size_t bytes, size_t *mine) {
    hub_backlog_drop(e);
    if (!bytes) return true;
    if (!has_room(all, bytes, mine)) {
        hub_metric_add(&refused, 1);
        return false;
    }
    *e = (struct hub_backlog_entry){all, bytes, mine};
    all->bytes[bytes > HUB_BACKLOG_SMALL] += bytes;
    if (mine) *mine += bytes;
    return true;
}

void hub_backlog_move(struct hub_backlog_entry *from, struct hub_backlog_entry *to) {
    if (from->mine) *from->mine -= from->bytes;
    *to = (struct hub_backlog_entry){from->all, from->bytes, NULL};
    *from = (struct hub_backlog_entry){0};
}

enum hub_code hub_backlog_refuse(const struct hub_backlog *all, struct hub_err *err) {
    return hub_fail(err, HUB_OVERLOADED,
                    "listen.maxWaitingBytes: the payloads that wait here have more than %zu bytes together; try again "
                    "in a moment",
                    all->most);
}

void hub_backlog_show(const struct hub_backlog *all) {
    for (size_t i = 0; i < HUB_NELEM(waiting); i++) hub_metric_set(&waiting[i], (int64_t)all->bytes[i]);
    hub_metric_add(&refused, 0);
}
