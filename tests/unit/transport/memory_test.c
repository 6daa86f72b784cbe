/* What a WebSocket takes in memory while it does nothing, and that it is given back. The rest of a
 * connection is above: unit.hub.memory_test. */
#include "fixture.h"
#include "heap.h"

enum { MANY = 400 };

static void a_websocket_that_does_nothing_takes_500_bytes_which_come_back(void **state) {
    struct peer *all = hub_xcalloc(MANY, sizeof *all);
    (void)state;
    if (!HEAP_COUNTS) skip();
    all[0] = dial();
    open_websocket(&all[0]); /* what is made once */
    hang_up(&all[0]);
    wait_for_closed(1);
    settle();
    int64_t before = heap_bytes();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            all[i] = dial();
            open_websocket(&all[i]);
            hub_buf_free(&all[i].in);
        }
        settle();
        int64_t each = (heap_bytes() - before) / MANY;
        if (each > 500) fail_msg("%lld bytes for each", (long long)each);
        for (int i = 0; i < MANY; i++) hang_up(&all[i]);
        wait_for_closed(1 + (round + 1) * MANY);
        settle();
        int64_t left = heap_bytes() - before; /* the heap of timers is as large as it had to be */
        if (left > 16 * MANY) fail_msg("%lld bytes are left of %d connections", (long long)left, MANY);
    }
    free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_websocket_that_does_nothing_takes_500_bytes_which_come_back, start_defaults,
                                        stop_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
