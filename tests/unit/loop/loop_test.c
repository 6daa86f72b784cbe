/* The loop: timer order, deferred and posted tasks, the flush hook, watches. */
#include "loop/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static struct hub_loop *loop;
static int order[16], order_n;

struct numbered {
    struct hub_timer timer;
    struct hub_task task;
    int number;
};

static void note_timer(struct hub_timer *t) {
    order[order_n++] = HUB_CONTAINER(t, struct numbered, timer)->number;
    if (order_n == 4) hub_loop_stop(loop);
}

static void timers_fire_in_order_of_due_time(void **state) {
    (void)state;
    struct numbered n[6] = {0};
    loop = hub_loop_new();
    order_n = 0;
    const int delay[] = {30, 10, 20, 5, 15, 1};
    for (int i = 0; i < 6; i++) n[i].number = i, hub_timer_start(loop, &n[i].timer, delay[i], note_timer);
    hub_timer_stop(loop, &n[4].timer);
    hub_timer_stop(loop, &n[5].timer);
    hub_timer_start(loop, &n[3].timer, 40, note_timer); /* moved behind all others */
    hub_loop_run(loop);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
    assert_int_equal(order[3], 3);
    hub_loop_delete(loop);
}

static void note_task(struct hub_task *t) { order[order_n++] = HUB_CONTAINER(t, struct numbered, task)->number; }

static void flush(void *arg) {
    (void)arg;
    if (order_n < 2) return;
    order[order_n++] = 99;
    hub_loop_stop(loop);
}

static struct numbered deferred = {.number = 2, .task = {.run = note_task}};

static void post_then_defer(struct hub_task *t) {
    order[order_n++] = 1;
    (void)t;
    hub_defer(loop, &deferred.task);
    hub_defer(loop, &deferred.task); /* twice is once */
}

static void *poster(void *arg) {
    hub_post(loop, arg);
    return NULL;
}

static void posted_work_defers_and_then_flushes(void **state) {
    (void)state;
    struct hub_task posted = {.run = post_then_defer};
    pthread_t thread;
    loop = hub_loop_new();
    order_n = 0;
    hub_loop_on_flush(loop, flush, NULL);
    assert_int_equal(pthread_create(&thread, NULL, poster, &posted), 0);
    hub_loop_run(loop);
    pthread_join(thread, NULL);
    assert_int_equal(order_n, 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 99);
    hub_loop_delete(loop);
}

static void on_readable(void *arg, int events) {
    char c;
    assert_true(events & HUB_READABLE);
    assert_int_equal(read(*(int *)arg, &c, 1), 1);
    hub_loop_stop(loop);
}

static void a_watch_reports_readable_data(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    loop = hub_loop_new();
    struct hub_watch *w = hub_watch_new(loop, fds[0], on_readable, &fds[0]);
    hub_watch_set(w, HUB_READABLE);
    assert_int_equal(write(fds[1], "x", 1), 1);
    hub_loop_run(loop);
    hub_watch_close(w);
    hub_loop_delete(loop);
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_due_time),
        cmocka_unit_test(posted_work_defers_and_then_flushes),
        cmocka_unit_test(a_watch_reports_readable_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
