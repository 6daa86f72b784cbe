/* A thread for the calls of librdkafka that block (offsets, metadata, assignments, destruction), one job
 * after the other. */
#ifndef HUB_ADAPTERS_KAFKA_WORKER_H
#define HUB_ADAPTERS_KAFKA_WORKER_H
#include <pthread.h>

#include "loop/loop.h"

/* Inside its owner's struct, which lives until DONE. RUN is called on the thread, then DONE on the loop. */
struct hub_kafka_job {
    struct hub_list link;
    struct hub_task task;
    struct hub_kafka_worker *worker;
    void (*run)(struct hub_kafka_job *job);
    void (*done)(struct hub_kafka_job *job);
};
struct hub_kafka_worker {
    struct hub_loop *loop; /* NULL: abandoned */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct hub_list jobs;
    bool stop;
};
void hub_kafka_worker_start(struct hub_kafka_worker *w, struct hub_loop *loop);
void hub_kafka_worker_add(struct hub_kafka_worker *w, struct hub_kafka_job *job);
/* Every job must be done. */
void hub_kafka_worker_stop(struct hub_kafka_worker *w);
/* Waits for nothing: no further job is begun and none is DONE any more. The worker and the job that runs
 * must stay until the process ends. */
void hub_kafka_worker_abandon(struct hub_kafka_worker *w);
#endif
