/* Memory that thousands of connections have left behind goes back to the system: the allocator keeps what
 * lies below something that is still in use, though whole pages of it are free. */
#include <malloc.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "server/server_int.h"

#define LOOK_MS 60000
#define WORTH_BYTES (1u << 20) /* free and not given back yet, and a sixteenth of what is in use */

static void on_look(struct hub_timer *t) {
    struct hub_server *s = HUB_CONTAINER(t, struct hub_server, give_back);
    struct mallinfo2 heap = mallinfo2();
    if (heap.fordblks < s->given_back) s->given_back = heap.fordblks;
    size_t kept = heap.fordblks - s->given_back;
    if (kept >= WORTH_BYTES && kept >= heap.uordblks / 16) {
        malloc_trim(0);
        s->given_back = mallinfo2().fordblks;
        hub_logf(HUB_LOG_DEBUG, "server", "gave memory back: of %zu MiB free, beside %zu in use", kept >> 20,
                 heap.uordblks >> 20);
    }
    hub_timer_start(s->loop, t, LOOK_MS, on_look);
}

void hub_server_give_back(struct hub_server *s) { hub_timer_start(s->loop, &s->give_back, LOOK_MS, on_look); }
