/* A peer that takes less than is sent to it: ephemeral events make way, and one that stays behind is cut
 * off. */
#include "base/telemetry/metric.h"
#include "transport/transport_int.h"

/* False when the session has ended thereby, or is going to. */
static bool flush_eio(struct hub_eio *e) {
    if (e->link)
        hub_link_write(e->link);
    else
        hub_polling_flush(e);
    return e->state == HUB_EIO_RUNNING && !(e->link && e->link->doomed);
}

#define SLOW_BURST 4 /* times max_queue_bytes that one turn may queue for a peer that was not behind */

/* The socket may have room again since the last short write, although this turn has not been told so. */
static bool takes_more(struct hub_eio *e) {
    size_t before = e->q.bytes;
    if (!e->link || !e->link->blocked) return false;
    e->link->blocked = false;
    return flush_eio(e) && e->q.bytes < before;
}

/* Room for LEN more bytes: what the peer takes at once leaves, then ephemeral frames make way, the oldest
 * first and some more than needed, so that the queue is not searched again for every frame. */
bool hub_eio_make_room(struct hub_eio *e, uint32_t len, int flags) {
    size_t max = hub_eio_max_queue(e), wanted = max - max / 8;
    if (!flush_eio(e)) return false;
    if (e->q.bytes && e->q.bytes + len > max && e->q.flagged)
        hub_metric_add(&hub_metric_dropped,
                       (int64_t)hub_outq_drop(&e->q, HUB_SEND_EPHEMERAL, wanted > len ? wanted - len : 0));
    if (!e->q.bytes || e->q.bytes + len <= max) return true;
    /* A burst of one turn is not yet a stalled reader: what was queued before it counts, up to a multiple
     * of the bound. */
    size_t stalled = e->waiting < e->q.bytes ? e->waiting : e->q.bytes;
    if (e->signed_in && stalled + len <= max && e->q.bytes + len <= SLOW_BURST * max) return true;
    if (flags & HUB_SEND_EPHEMERAL) {
        hub_metric_add(&hub_metric_dropped, 1);
        return false;
    }
    if (takes_more(e)) return hub_eio_make_room(e, len, flags);
    if (e->link && e->link->doomed) return false;
    hub_metric_add(&hub_metric_slow, 1);
    hub_eio_end(e, HUB_CLOSE_SLOW, 1013, "slow_reader", HUB_SLOW_TIMEOUT);
    return false;
}
