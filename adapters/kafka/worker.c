/* A thread for the calls of librdkafka that block. */
#include "adapters/kafka/worker.h"

#include <signal.h>
#include <stdlib.h>

#include "base/memory/mem.h"

static void on_loop(struct hub_task *task) {
    struct hub_kafka_job *job = HUB_CONTAINER(task, struct hub_kafka_job, task);
    job->done(job);
}

static struct hub_kafka_job *next_job(struct hub_kafka_worker *w) {
    pthread_mutex_lock(&w->lock);
    while (hub_list_empty(&w->jobs) && !w->stop) pthread_cond_wait(&w->more, &w->lock);
    struct hub_list *link = w->loop ? hub_list_pop(&w->jobs) : NULL;
    pthread_mutex_unlock(&w->lock);
    return link ? HUB_CONTAINER(link, struct hub_kafka_job, link) : NULL;
}

static void post_finished(struct hub_kafka_worker *w, struct hub_kafka_job *job) {
    pthread_mutex_lock(&w->lock); /* the loop is there as long as nobody abandons the worker */
    if (w->loop) hub_post(w->loop, &job->task);
    pthread_mutex_unlock(&w->lock);
}

static void *work_main(void *arg) {
    struct hub_kafka_worker *w = arg;
    for (struct hub_kafka_job *job; (job = next_job(w));) {
        job->run(job);
        post_finished(w, job);
    }
    return NULL;
}

void hub_kafka_worker_start(struct hub_kafka_worker *w, struct hub_loop *loop) {
    sigset_t all, before;
    w->loop = loop;
    w->stop = false;
    hub_list_init(&w->jobs);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, NULL, work_main, w)) abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void hub_kafka_worker_add(struct hub_kafka_worker *w, struct hub_kafka_job *job) {
    job->worker = w;
    job->task = (struct hub_task){.run = on_loop};
    pthread_mutex_lock(&w->lock);
    hub_list_push(&w->jobs, &job->link);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
}

void hub_kafka_worker_stop(struct hub_kafka_worker *w) {
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
}

void hub_kafka_worker_abandon(struct hub_kafka_worker *w) {
    pthread_mutex_lock(&w->lock);
    w->loop = NULL;
    w->stop = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_detach(w->thread);
}
