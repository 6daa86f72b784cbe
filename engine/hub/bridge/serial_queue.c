/* One after the other in each queue. */
#include "hub/bridge/bridge.h"

#include <stdlib.h>

#include "hub/bridge/serial_queue.h"

struct hub_serial_queue {
    struct hub_serial_queues *queues;
    struct hub_list waiting;
    struct hub_arrival *at_work; /* or NULL */
    bool running;
};

static void on_handled(struct hub_work *w);

static void run_next(struct hub_serial_queue *queue) {
    struct hub_serial_queues *l = queue->queues;
    if (queue->running) return;
    queue->running = true;
    while (!queue->at_work && !hub_list_empty(&queue->waiting) && !l->stopped) {
        struct hub_arrival *a = HUB_CONTAINER(hub_list_pop(&queue->waiting), struct hub_arrival, link);
        queue->at_work = a;
        hub_hold(l->holds, &a->hold, "bridged event");
        a->work = (struct hub_work){.holds = 1, .done = on_handled};
        a->handle(a);
        hub_work_release(&a->work);
    }
    queue->running = false;
}

static void on_handled(struct hub_work *w) {
    struct hub_arrival *a = HUB_CONTAINER(w, struct hub_arrival, work);
    struct hub_serial_queue *queue = a->queue;
    queue->at_work = NULL;
    hub_unhold(&a->hold);
    if (queue->queues->stopped) {
        hub_list_push(&queue->queues->abandoned, &a->link);
        return;
    }
    a->end(a);
    run_next(queue);
}

static struct hub_serial_queue *queue_of(struct hub_serial_queues *l, struct hub_str name, int32_t partition) {
    struct hub_buf key = {0};
    hub_buf_adds(&key, name);
    hub_buf_add(&key, &partition, sizeof partition);
    struct hub_serial_queue *queue = hub_map_get(&l->all, hub_buf_str(&key));
    if (!queue) {
        queue = hub_xcalloc(1, sizeof *queue);
        queue->queues = l;
        hub_list_init(&queue->waiting);
        hub_map_put(&l->all, hub_buf_str(&key), queue);
    }
    hub_buf_free(&key);
    return queue;
}

void hub_serial_queues_add(struct hub_serial_queues *l, struct hub_str name, int32_t partition, struct hub_arrival *a) {
    a->queue = queue_of(l, name, partition);
    hub_list_push(&a->queue->waiting, &a->link);
    run_next(a->queue);
}

void hub_serial_queues_init(struct hub_serial_queues *l, struct hub_holds *holds) {
    *l = (struct hub_serial_queues){.holds = holds};
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
    for (struct hub_serial_queue *queue; (queue = hub_map_drain(&l->all));) {
        end_all(&queue->waiting);
        free(queue);
    }
    end_all(&l->abandoned);
    hub_map_clear(&l->all);
}
