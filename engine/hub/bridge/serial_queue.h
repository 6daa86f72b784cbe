/* Serial queues: what arrives for the bridge, in one queue for each partition of a topic and for the own
 * changes of each object. In a queue one record follows the other, each when all that the one before led
 * to has happened; queues do not wait for each other. */
#ifndef HUB_BRIDGE_SERIAL_QUEUE_H
#define HUB_BRIDGE_SERIAL_QUEUE_H
#include "hub/bridge/bridge.h"

struct hub_serial_queue;
/* Inside its owner's struct. */
struct hub_arrival {
    struct hub_list link;
    struct hub_serial_queue *queue;
    struct hub_work work;
    struct hub_hold hold;                  /* while it is at work */
    void (*handle)(struct hub_arrival *a); /* it is at the head of the queue: asynchronous steps hold a->work */
    void (*end)(struct hub_arrival *a);    /* handled, or given up: frees the owner */
};

struct hub_serial_queues {
    struct hub_holds *holds;
    struct hub_map all;
    struct hub_list abandoned;
    bool stopped;
};
void hub_serial_queues_init(struct hub_serial_queues *l, struct hub_holds *holds);
/* Its turn may come at once. */
void hub_serial_queues_add(struct hub_serial_queues *l, struct hub_str name, int32_t partition, struct hub_arrival *a);
/* Nothing further is handled; what is under way is ended by hub_serial_queues_free, since its scripts may be
 * stopped half-way. */
void hub_serial_queues_stop(struct hub_serial_queues *l);
void hub_serial_queues_free(struct hub_serial_queues *l);
#endif
