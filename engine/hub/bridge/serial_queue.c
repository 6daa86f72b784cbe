/* One after the other in each lane. */
#include "hub/bridge/bridge.h"

#include <stdlib.h>

#include "hub/bridge/serial_queue.h"

struct hub_serial_queue {
    struct hub_serial_queues *lanes;
    struct hub_list waiting;
    struct hub_arrival *at_work; /* or NULL */
    bool running;
};

static void on_handled(struct hub_work *w);

static void run(struct hub_serial_queue *lane) {
    struct hub_serial_queues *l = lane->lanes;
    if (lane->running) return;
    lane->running = true;
    while (!lane->at_work && !hub_list_empty(&lane->waiting) && !l->stopped) {
        struct hub_arrival *a = HUB_CONTAINER(hub_list_pop(&lane->waiting), struct hub_arrival, link);
        lane->at_work = a;
        l->engine->pending++;
        a->work = (struct hub_work){.holds = 1, .done = on_handled};
        a->handle(a);
        hub_work_release(&a->work);
    }
    lane->running = false;
}

static void on_handled(struct hub_work *w) {
    struct hub_arrival *a = HUB_CONTAINER(w, struct hub_arrival, work);
    struct hub_serial_queue *lane = a->lane;
    lane->at_work = NULL;
    lane->lanes->engine->pending--;
    if (lane->lanes->stopped) {
        hub_list_push(&lane->lanes->abandoned, &a->link);
        return;
    }
    a->end(a);
    run(lane);
}

static struct hub_serial_queue *lane_of(struct hub_serial_queues *l, struct hub_str name, int32_t partition) {
    struct hub_buf key = {0};
    hub_buf_adds(&key, name);
    hub_buf_add(&key, &partition, sizeof partition);
    struct hub_serial_queue *lane = hub_map_get(&l->all, hub_buf_str(&key));
    if (!lane) {
        lane = hub_xcalloc(1, sizeof *lane);
        lane->lanes = l;
        hub_list_init(&lane->waiting);
        hub_map_put(&l->all, hub_buf_str(&key), lane);
    }
    hub_buf_free(&key);
    return lane;
}

void hub_serial_queues_add(struct hub_serial_queues *l, struct hub_str name, int32_t partition, struct hub_arrival *a) {
    a->lane = lane_of(l, name, partition);
    hub_list_push(&a->lane->waiting, &a->link);
    run(a->lane);
}

void hub_serial_queues_init(struct hub_serial_queues *l, struct hub_engine *e) {
    *l = (struct hub_serial_queues){.engine = e};
    hub_list_init(&l->abandoned);
}

void hub_serial_queues_stop(struct hub_serial_queues *l) { l->stopped = true; }

static void end_all(struct hub_list *list) {
    for (struct hub_list *n; (n = hub_list_pop(list));) {
        struct hub_arrival *a = HUB_CONTAINER(n, struct hub_arrival, link);
        a->end(a);
    }
}

void hub_serial_queues_free(struct hub_serial_queues *l) {
    for (struct hub_serial_queue *lane; (lane = hub_map_drain(&l->all));) {
        end_all(&lane->waiting);
        free(lane);
    }
    end_all(&l->abandoned);
    hub_map_clear(&l->all);
}
