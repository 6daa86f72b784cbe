/* Several loops of one process, each on a thread of its own. */
#ifndef HUB_TESTS_LOOP_THREADS_H
#define HUB_TESTS_LOOP_THREADS_H
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "loop/loop.h"

/* BEGIN runs as the loop's first task; the thread ends with hub_loop_stop. */
struct loop_thread {
    struct hub_loop *loop;
    pthread_t thread;
    struct hub_task first;
    void (*begin)(void *arg);
    void *arg;
};

static inline void loop_thread_begin(struct hub_task *task) {
    struct loop_thread *t = HUB_CONTAINER(task, struct loop_thread, first);
    t->begin(t->arg);
}

static inline void *loop_thread_main(void *arg) {
    struct loop_thread *t = arg;
    hub_loop_run(t->loop);
    return NULL;
}

/* What the loop is needed for before it runs is made by the caller. */
static inline void loop_thread_run(struct loop_thread *t, void (*begin)(void *arg), void *arg) {
    t->first = (struct hub_task){.run = loop_thread_begin};
    t->begin = begin;
    t->arg = arg;
    hub_post(t->loop, &t->first);
    if (pthread_create(&t->thread, NULL, loop_thread_main, t)) abort();
}

static inline void loop_thread_join(struct loop_thread *t) { pthread_join(t->thread, NULL); }
#endif
