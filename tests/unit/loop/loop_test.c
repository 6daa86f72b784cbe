/* The loop: timer order, deferred and posted tasks, the flush hook, watches. */
#include "loop/loop.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "turned_clock.h"

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
    loop = hub_loop_new(NULL);
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

/* ---- a process that stood still ---- */

static int pipe_fds[2];
static struct hub_timer silence;
static int64_t judged_at, late;

static void stand_still(struct hub_timer *t) {
    const struct timespec time = {.tv_nsec = 300 * 1000000};
    (void)t;
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    nanosleep(&time, NULL);
}

static void on_silence(struct hub_timer *t) {
    order[order_n++] = 2;
    judged_at = hub_loop_now(loop);
    late = hub_timer_late(t);
    hub_loop_stop(loop);
}

static void note_heard(void *arg, int events) {
    char c;
    (void)events;
    assert_int_equal(read(*(int *)arg, &c, 1), 1);
    order[order_n++] = 1;
    assert_true(hub_timer_running(&silence));
    assert_false(hub_timer_is_up(loop, &silence));
}

/* Timers come before descriptors in a turn: whoever had answered while the process was stopped was judged
 * before the answer was read. */
static void a_peer_is_judged_after_what_it_sent_was_read(void **state) {
    (void)state;
    struct hub_timer stall = {0};
    assert_int_equal(pipe(pipe_fds), 0);
    loop = hub_loop_new(NULL);
    order_n = 0;
    struct hub_watch *w = hub_watch_new(loop, pipe_fds[0], note_heard, &pipe_fds[0]);
    hub_watch_set(loop, w, HUB_READABLE);
    int64_t began = hub_loop_now(loop);
    hub_timer_start(loop, &stall, 0, stand_still);
    hub_timer_await(loop, &silence, 40, on_silence);
    hub_loop_run(loop);
    assert_int_equal(order_n, 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_in_range(late, 250, 10000);
    assert_in_range(judged_at - began, 320, 10000); /* half of its time again */
    hub_watch_close(loop, w);
    hub_loop_delete(loop);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static struct hub_clock slow_clock; /* runs, and is turned by what is said to take long */

static void see_whether_it_is_up(struct hub_timer *t) {
    (void)t;
    order[order_n++] = hub_timer_is_up(loop, &silence);
    if (order_n == 1) hub_clock_turn(&slow_clock, 20000);
}

static void a_peer_that_says_nothing_is_judged_in_time(void **state) {
    (void)state;
    struct hub_timer before = {0}, after = {0};
    hub_clock_init(&slow_clock);
    loop = hub_loop_new(&slow_clock);
    order_n = 0;
    int64_t began = hub_loop_now(loop);
    hub_timer_await(loop, &silence, 40000, on_silence);
    hub_timer_start(loop, &before, 20000, see_whether_it_is_up);
    hub_timer_start(loop, &after, 40001, see_whether_it_is_up);
    hub_clock_turn(&slow_clock, 20000);
    hub_loop_run(loop);
    assert_int_equal(order_n, 3);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 1); /* what depends on it need not wait for the last look */
    assert_in_range(judged_at - began, 40000, 60000);
    hub_loop_delete(loop);
    hub_clock_deinit(&slow_clock);
}

/* Each turn takes 800 ms, and somebody waits for 1300: it was put off by the lateness of the last turn each
 * time, without an end. */
static void take_long(struct hub_timer *t) {
    hub_clock_turn(&slow_clock, 800);
    hub_timer_start(loop, t, 0, take_long);
    if (++order_n == 12) hub_loop_stop(loop);
}

static void a_process_that_always_stands_still_judges_all_the_same(void **state) {
    struct hub_timer load = {0};
    (void)state;
    hub_clock_init(&slow_clock);
    loop = hub_loop_new(&slow_clock);
    order_n = 0;
    judged_at = 0;
    int64_t began = hub_loop_now(loop);
    hub_timer_start(loop, &load, 0, take_long);
    hub_timer_await(loop, &silence, 1300, on_silence);
    hub_loop_run(loop);
    assert_in_range(judged_at - began, 1300 + 650, 1300 + 650 + 3 * 800);
    assert_in_range(late, 300, 800);
    hub_loop_delete(loop);
    hub_clock_deinit(&slow_clock);
}

/* ---- timers that are due at once ---- */

static void start_again(struct hub_timer *t) {
    hub_timer_start(loop, t, 0, start_again);
    if (++order_n == 100000) hub_loop_stop(loop);
}

static void hear_once(void *arg, int events) {
    char c;
    (void)events;
    assert_int_equal(read(*(int *)arg, &c, 1), 1);
    hub_loop_stop(loop);
}

/* It ran again and again within one phase of libuv, and nothing was read meanwhile. */
static void a_timer_that_is_always_due_lets_descriptors_have_their_turn(void **state) {
    struct hub_timer again = {0};
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    loop = hub_loop_new(NULL);
    order_n = 0;
    struct hub_watch *w = hub_watch_new(loop, pipe_fds[0], hear_once, &pipe_fds[0]);
    hub_watch_set(loop, w, HUB_READABLE);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    hub_timer_start(loop, &again, 0, start_again);
    hub_loop_run(loop);
    assert_int_equal(order_n, 1);
    hub_watch_close(loop, w);
    hub_loop_delete(loop);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void count_turn(void *arg) {
    int *turns = arg;
    if (++*turns == 100) hub_loop_stop(loop);
}
static void stop_loop(struct hub_timer *t) {
    (void)t;
    hub_loop_stop(loop);
}

static void stop_when_found(void *arg, const char *const *addresses, size_t n, const char *error) {
    (void)arg;
    (void)addresses;
    (void)error;
    assert_int_equal(n, 1);
    hub_loop_stop(loop);
}

static bool is_eventfd(int fd) {
    char path[40], to[40] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, to, sizeof to - 1) > 0 && !strcmp(to, "anon_inode:[eventfd]");
}

/* As when two names are found at once: the second one wakes libuv when both have been told. Its epoll was
 * readable from then on, and the loop never slept again. */
static void what_libuv_is_woken_for_by_nobody_does_not_keep_the_loop_awake(void **state) {
    struct hub_timer end = {0};
    bool before[64];
    int turns = 0, woken = 0;
    (void)state;
    for (int fd = 0; fd < 64; fd++) before[fd] = is_eventfd(fd);
    loop = hub_loop_new(NULL);
    assert_non_null(hub_loop_resolve(loop, "127.0.0.1", stop_when_found, NULL)); /* libuv has polled */
    hub_loop_run(loop);
    for (int fd = 0; fd < 64; fd++)
        if (!before[fd] && is_eventfd(fd)) woken += write(fd, &(uint64_t){1}, sizeof(uint64_t)) > 0;
    assert_int_equal(woken, 2); /* the loop's own, too */
    hub_loop_on_flush(loop, count_turn, &turns);
    hub_timer_start(loop, &end, 50, stop_loop);
    hub_loop_run(loop);
    assert_true(turns < 20);
    hub_loop_delete(loop);
}

static void start_others(struct hub_timer *t) {
    struct numbered *n = HUB_CONTAINER(t, struct numbered, timer);
    order[order_n++] = n->number;
    if (n->number < 4) hub_timer_start(loop, &n[4].timer, 0, note_timer);
}

/* Those that are due start others: these come behind all of them, each once. */
static void those_due_at_one_time_run_in_the_order_of_their_starts(void **state) {
    struct numbered n[8] = {0};
    (void)state;
    loop = turned_loop_new();
    for (int i = 0; i < 8; i++) n[i].number = i;
    order_n = 0;
    for (int i = 0; i < 4; i++) hub_timer_start(loop, &n[i].timer, 0, start_others);
    turned_run_due(loop);
    turned_run_due(loop);
    for (int i = 0; i < 8; i++) assert_int_equal(order[i], i);
    assert_int_equal(order_n, 8);
    turned_loop_delete(loop);
}

static void *poster(void *arg) {
    hub_post(loop, arg);
    return NULL;
}

static void posted_work_defers_and_then_flushes(void **state) {
    (void)state;
    struct hub_task posted = {.run = post_then_defer};
    pthread_t thread;
    loop = hub_loop_new(NULL);
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
    loop = hub_loop_new(NULL);
    struct hub_watch *w = hub_watch_new(loop, fds[0], on_readable, &fds[0]);
    hub_watch_set(loop, w, HUB_READABLE);
    assert_int_equal(write(fds[1], "x", 1), 1);
    hub_loop_run(loop);
    hub_watch_close(loop, w);
    hub_loop_delete(loop);
    close(fds[0]);
    close(fds[1]);
}

/* Of two that are readable in one turn each closes the other: only one of them is called. */
static struct hub_watch *pair[2];
static int told;

static void close_other(void *arg, int events) {
    int me = *(int *)arg;
    (void)events;
    told++;
    hub_watch_close(loop, pair[1 - me]);
    pair[1 - me] = NULL;
    hub_watch_set(loop, pair[me], 0);
}

static void stop_run(struct hub_timer *t) {
    (void)t;
    hub_loop_stop(loop);
}

static void run_for(int64_t ms) {
    struct hub_timer over = {0};
    hub_timer_start(loop, &over, ms, stop_run);
    hub_loop_run(loop);
}

static void a_watch_that_is_closed_is_told_nothing_in_the_same_turn(void **state) {
    (void)state;
    int fds[2][2], number[2] = {0, 1};
    loop = hub_loop_new(NULL);
    told = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(fds[i]), 0);
        pair[i] = hub_watch_new(loop, fds[i][0], close_other, &number[i]);
        hub_watch_set(loop, pair[i], HUB_READABLE);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    }
    run_for(20);
    assert_int_equal(told, 1);
    hub_watch_close(loop, pair[0] ? pair[0] : pair[1]);
    hub_loop_delete(loop);
    for (int i = 0; i < 4; i++) close(fds[i / 2][i % 2]);
}

static void count_call(void *arg, int events) {
    told++;
    *(int *)arg = events;
    hub_watch_set(loop, pair[0], 0);
}

static void a_hangup_is_told_to_who_listens_and_wakes_nobody_else(void **state) {
    (void)state;
    int fds[2], seen = 0;
    assert_int_equal(pipe(fds), 0);
    loop = hub_loop_new(NULL);
    told = 0;
    pair[0] = hub_watch_new(loop, fds[0], count_call, &seen);
    close(fds[1]);
    run_for(20);
    assert_int_equal(told, 0);
    hub_watch_set(loop, pair[0], HUB_READABLE);
    run_for(20);
    assert_int_equal(told, 1);
    assert_int_equal(seen, HUB_READABLE);
    hub_watch_close(loop, pair[0]);
    hub_loop_delete(loop);
    close(fds[0]);
}

/* The writing end of a pipe that nobody reads: an error, told once, until somebody listens anew. */
static void an_error_is_told_as_readable_and_not_over_and_over(void **state) {
    (void)state;
    int fds[2], seen = 0;
    assert_int_equal(pipe(fds), 0);
    loop = hub_loop_new(NULL);
    told = 0;
    pair[0] = hub_watch_new(loop, fds[1], count_call, &seen);
    close(fds[0]);
    for (int i = 1; i <= 2; i++) {
        hub_watch_set(loop, pair[0], HUB_WRITABLE);
        run_for(20);
        assert_int_equal(told, i);
        assert_int_equal(seen, HUB_READABLE | HUB_WRITABLE);
    }
    hub_watch_close(loop, pair[0]);
    hub_loop_delete(loop);
    close(fds[1]);
}

static void a_file_cannot_be_watched(void **state) {
    (void)state;
    FILE *f = tmpfile();
    loop = hub_loop_new(NULL);
    assert_null(hub_watch_new(loop, fileno(f), count_call, NULL));
    hub_loop_delete(loop);
    fclose(f);
}

/* Its descriptor gets the number of one whose event has been fetched already, and hears nothing of that. */
static int reused[2][2];

static void replace_other(void *arg, int events) {
    int me = *(int *)arg, other = 1 - me, old = reused[other][0];
    (void)events;
    told++;
    hub_watch_set(loop, pair[me], 0);
    if (told > 1) return;
    hub_watch_close(loop, pair[other]);
    close(old);
    close(reused[other][1]);
    assert_int_equal(pipe(reused[other]), 0);
    assert_true(reused[other][0] == old || reused[other][1] == old);
    pair[other] = hub_watch_new(loop, reused[other][0], replace_other, arg);
    hub_watch_set(loop, pair[other], HUB_READABLE);
}

static void a_descriptor_that_takes_a_closed_ones_number_hears_nothing_of_it(void **state) {
    int number[2] = {0, 1};
    (void)state;
    loop = hub_loop_new(NULL);
    told = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(reused[i]), 0);
        pair[i] = hub_watch_new(loop, reused[i][0], replace_other, &number[i]);
        hub_watch_set(loop, pair[i], HUB_READABLE);
        assert_int_equal(write(reused[i][1], "x", 1), 1);
    }
    run_for(20);
    assert_int_equal(told, 1);
    for (int i = 0; i < 2; i++) hub_watch_close(loop, pair[i]);
    hub_loop_delete(loop);
    for (int i = 0; i < 4; i++) close(reused[i / 2][i % 2]);
}

/* ---- more that is ready than one turn tells, for ever ---- */

enum { BUSY = 1500, BY_TIMER = 1, BY_POST = 2, BY_NAME = 4, BY_SIGNAL = 8, BY_ALL = 15 };
static int came;

static void note_came(int what) {
    came |= what;
    if (came == BY_ALL) hub_loop_stop(loop);
}
static void never_read(void *arg, int events) { (void)events, ++*(int *)arg; }
static void timer_came(struct hub_timer *t) { (void)t, note_came(BY_TIMER); }
static void post_came(struct hub_task *t) { (void)t, note_came(BY_POST); }
static void signal_came(void *arg, int signo) { (void)arg, (void)signo, note_came(BY_SIGNAL); }
static void name_came(void *arg, const char *const *addresses, size_t n, const char *error) {
    (void)arg, (void)addresses, (void)n, (void)error;
    note_came(BY_NAME);
}

static void *post_and_signal(void *arg) {
    hub_post(loop, arg);
    kill(getpid(), SIGUSR1);
    return NULL;
}

static void have_descriptors(rlim_t n) {
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur >= n) return;
    files.rlim_cur = files.rlim_max < n ? files.rlim_max : n;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void descriptors_that_are_always_ready_keep_nothing_else_out(void **state) {
    static struct hub_watch *watches[BUSY];
    static int fds[BUSY], calls[BUSY];
    struct hub_timer timer = {0};
    struct hub_task posted = {.run = post_came};
    pthread_t thread;
    (void)state;
    have_descriptors(BUSY + 100);
    loop = hub_loop_new(NULL);
    came = 0;
    for (int i = 0; i < BUSY; i++) {
        fds[i] = i ? dup(fds[0]) : eventfd(1, EFD_CLOEXEC);
        assert_true(fds[i] >= 0);
        calls[i] = 0;
        watches[i] = hub_watch_new(loop, fds[i], never_read, &calls[i]);
        hub_watch_set(loop, watches[i], HUB_READABLE);
    }
    hub_loop_signal(loop, SIGUSR1, signal_came, NULL);
    hub_timer_start(loop, &timer, 5, timer_came);
    hub_loop_resolve(loop, "127.0.0.1", name_came, NULL);
    assert_int_equal(pthread_create(&thread, NULL, post_and_signal, &posted), 0);
    hub_loop_run(loop);
    pthread_join(thread, NULL);
    assert_int_equal(came, BY_ALL);
    for (int i = 0; i < BUSY; i++) {
        assert_true(calls[i] > 0); /* nor one of them another */
        hub_watch_close(loop, watches[i]);
        close(fds[i]);
    }
    hub_loop_delete(loop);
}

/* ---- what wakes a loop that sleeps without an end ---- */

enum { POSTS = 3000, POSTERS = 2 };

struct counted {
    struct hub_task task;
    int by, number;
    bool *ran;
};
static int last_of[POSTERS], ran_n;

static void count_post(struct hub_task *t) {
    struct counted *c = HUB_CONTAINER(t, struct counted, task);
    assert_int_equal(last_of[c->by] + 1, c->number);
    last_of[c->by] = c->number;
    if (++ran_n == POSTERS * POSTS) hub_loop_stop(loop);
    __atomic_store_n(c->ran, true, __ATOMIC_RELEASE);
}

/* Every other time it waits until the loop has run the task, and so is about to sleep, or does. */
static void *post_many(void *arg) {
    struct counted *c = arg;
    for (int i = 0; i < POSTS; i++) {
        hub_post(loop, &c[i].task);
        while (i % 2 && !__atomic_load_n(c[i].ran, __ATOMIC_ACQUIRE)) sched_yield();
    }
    return NULL;
}

static void every_post_wakes_and_those_of_a_thread_come_in_order(void **state) {
    static struct counted tasks[POSTERS][POSTS];
    static bool ran[POSTERS][POSTS];
    pthread_t threads[POSTERS];
    (void)state;
    loop = hub_loop_new(NULL);
    ran_n = 0;
    for (int by = 0; by < POSTERS; by++) {
        last_of[by] = -1;
        for (int i = 0; i < POSTS; i++)
            tasks[by][i] = (struct counted){.task = {.run = count_post}, .by = by, .number = i, .ran = &ran[by][i]};
        assert_int_equal(pthread_create(&threads[by], NULL, post_many, tasks[by]), 0);
    }
    hub_loop_run(loop);
    for (int by = 0; by < POSTERS; by++) pthread_join(threads[by], NULL);
    assert_int_equal(ran_n, POSTERS * POSTS);
    hub_loop_delete(loop);
}

static void post_itself(struct hub_task *t) {
    if (++ran_n < 100)
        hub_post(loop, t);
    else
        hub_loop_stop(loop);
}

static void what_the_loop_posts_to_itself_is_not_slept_through(void **state) {
    struct hub_task again = {.run = post_itself};
    (void)state;
    loop = hub_loop_new(NULL);
    ran_n = 0;
    hub_post(loop, &again); /* before it runs */
    hub_loop_run(loop);
    assert_int_equal(ran_n, 100);
    hub_loop_delete(loop);
}

static void stop_by_task(struct hub_task *t) {
    (void)t;
    hub_loop_stop(loop);
}
static struct hub_task by_flush = {.run = stop_by_task};

static void defer_once(void *arg) {
    (void)arg;
    if (!ran_n++) hub_defer(loop, &by_flush);
}

static void what_the_flush_hook_defers_is_not_slept_through(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    ran_n = 0;
    hub_loop_on_flush(loop, defer_once, NULL);
    hub_loop_run(loop);
    assert_false(by_flush.queued);
    hub_loop_delete(loop);
}

static void *signal_process(void *arg) {
    (void)arg;
    kill(getpid(), SIGUSR1);
    return NULL;
}

static void stop_by_signal(void *arg, int signo) {
    *(int *)arg = signo;
    hub_loop_stop(loop);
}

static void a_signal_wakes_a_sleeping_loop(void **state) {
    int seen = 0;
    pthread_t thread;
    (void)state;
    for (int sooner = 0; sooner < 2; sooner++) { /* also one that came before the loop ran at all */
        loop = hub_loop_new(NULL);
        hub_loop_signal(loop, SIGUSR1, stop_by_signal, &seen);
        seen = 0;
        if (sooner) kill(getpid(), SIGUSR1);
        if (!sooner) assert_int_equal(pthread_create(&thread, NULL, signal_process, NULL), 0);
        hub_loop_run(loop);
        if (!sooner) pthread_join(thread, NULL);
        assert_int_equal(seen, SIGUSR1);
        hub_loop_delete(loop);
    }
}

static void not_expected(void *arg, const char *const *addresses, size_t n, const char *error) {
    (void)arg, (void)addresses, (void)n, (void)error;
    fail();
}

static void a_loop_ends_while_a_name_is_being_looked_up(void **state) {
    (void)state;
    for (int turns = 0; turns < 2; turns++) {
        loop = hub_loop_new(NULL);
        struct hub_resolve *r = hub_loop_resolve(loop, turns ? "127.0.0.2" : "127.0.0.1", not_expected, NULL);
        hub_loop_resolve_cancel(r);
        if (turns) run_for(1);
        hub_loop_delete(loop);
    }
}

static void a_loop_that_was_stopped_does_not_run_and_then_does(void **state) {
    struct numbered n = {.number = 7};
    (void)state;
    loop = hub_loop_new(NULL);
    order_n = 0;
    hub_timer_start(loop, &n.timer, 0, note_timer);
    hub_loop_stop(loop);
    hub_loop_run(loop);
    assert_int_equal(order_n, 0);
    run_for(1);
    assert_int_equal(order_n, 1);
    hub_loop_delete(loop);
}

/* ---- turned clocks ---- */

struct alarm {
    struct hub_timer timer;
    int64_t due, rang; /* loop time */
    int times;
    int64_t again; /* > 0: it starts itself again */
};

static void on_alarm(struct hub_timer *t) {
    struct alarm *a = HUB_CONTAINER(t, struct alarm, timer);
    a->rang = hub_loop_now(loop);
    a->times++;
    order[order_n++ % 16] = (int)(a->due - HUB_CLOCK_START_MS);
    if (a->again) a->due += a->again, hub_timer_start(loop, t, a->again, on_alarm);
}

static void set_alarm(struct alarm *a, int64_t ms, int64_t again) {
    *a = (struct alarm){.due = hub_loop_now(loop) + ms, .again = again};
    hub_timer_start(loop, &a->timer, ms, on_alarm);
}

static void a_turned_clock_runs_what_is_due_in_order(void **state) {
    struct alarm a[4];
    (void)state;
    loop = turned_loop_new();
    order_n = 0;
    assert_int_equal(hub_loop_next_due(loop), INT64_MAX);
    const int delay[] = {5000, 1000, 90000, 3000};
    for (int i = 0; i < 4; i++) set_alarm(&a[i], delay[i], 0);
    assert_int_equal(hub_loop_next_due(loop), HUB_CLOCK_START_MS + 1000);
    hub_clock_turn(&turned_clock, 999);
    turned_run_due(loop);
    assert_int_equal(order_n, 0);
    hub_clock_turn(&turned_clock, 10000); /* all at once, beyond three of them */
    turned_run_due(loop);
    assert_int_equal(order_n, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(order[i], 1000 + 2000 * i);
    for (int i = 0; i < 4; i++) assert_true(i == 2 ? !a[i].rang : a[i].rang >= a[i].due);
    assert_int_equal(hub_loop_now(loop), HUB_CLOCK_START_MS + 10999);
    assert_int_equal(hub_loop_now_exact(loop), hub_loop_now(loop));
    assert_int_equal(hub_loop_wall(loop), TURNED_WALL_MS + 10999);
    hub_timer_stop(loop, &a[2].timer);
    turned_loop_delete(loop);
}

static void from_one_timer_to_the_next_none_runs_late(void **state) {
    struct alarm every_second, once;
    (void)state;
    loop = turned_loop_new();
    set_alarm(&every_second, 1000, 1000);
    set_alarm(&once, 30500, 0);
    turn_clock(loop, 60000);
    assert_int_equal(every_second.times, 60);
    assert_int_equal(every_second.rang, HUB_CLOCK_START_MS + 60000);
    assert_int_equal(once.rang, once.due);
    assert_int_equal(hub_loop_now(loop), HUB_CLOCK_START_MS + 60000);
    hub_timer_stop(loop, &every_second.timer);
    turned_loop_delete(loop);
}

static void wall_time_that_is_set_moves_no_timer(void **state) {
    struct alarm a;
    (void)state;
    loop = turned_loop_new();
    set_alarm(&a, 1000, 0);
    hub_clock_set_wall(&turned_clock, TURNED_WALL_MS + 86400000);
    turn_clock(loop, 999);
    assert_int_equal(a.times, 0);
    hub_clock_set_wall(&turned_clock, 0);
    turn_clock(loop, 1);
    assert_int_equal(a.times, 1);
    assert_int_equal(hub_loop_wall(loop), 1);
    turned_loop_delete(loop);
}

static void *turn_an_hour(void *arg) {
    hub_clock_turn(arg, 3600000);
    return NULL;
}

static void stop_at(struct hub_timer *t) {
    on_alarm(t);
    hub_loop_stop(loop);
}

/* The loop sleeps, without an end, or until long after this test, when another thread turns its clock. */
static void a_turn_wakes_a_sleeping_loop(void **state) {
    struct hub_clock running;
    struct alarm a;
    pthread_t thread;
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        struct hub_clock *c = frozen ? &turned_clock : &running;
        hub_clock_init(&running);
        hub_clock_init_frozen(&turned_clock, 0);
        loop = hub_loop_new(c);
        set_alarm(&a, 3600000, 0);
        a.timer.cb = stop_at;
        assert_int_equal(pthread_create(&thread, NULL, turn_an_hour, c), 0);
        hub_loop_run(loop);
        pthread_join(thread, NULL);
        assert_true(a.rang >= a.due);
        assert_ptr_equal(hub_loop_clock(loop), c);
        turned_loop_delete(loop);
        hub_clock_deinit(&running);
    }
}

static void note_address(void *arg, const char *const *addresses, size_t n, const char *error) {
    snprintf(arg, 64, "%s", n ? addresses[0] : error);
    hub_loop_stop(loop);
}

/* The zone was lost, and without it no such address can be connected to. */
static void an_address_is_looked_up_with_its_zone(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "::1", "fe80::7%lo"};
    for (size_t i = 0; i < HUB_NELEM(hosts); i++) {
        char text[64] = "";
        loop = hub_loop_new(NULL);
        hub_loop_resolve(loop, hosts[i], note_address, text);
        hub_loop_run(loop);
        hub_loop_delete(loop);
        assert_string_equal(text, hosts[i]);
    }
}

static void a_loop_is_idle_when_the_next_turn_has_nothing_to_do(void **state) {
    (void)state;
    struct numbered n[2] = {0};
    loop = turned_loop_new();
    order_n = 0;
    turned_run_due(loop);
    assert_true(hub_loop_is_idle(loop));
    hub_timer_start(loop, &n[0].timer, 1000, note_timer);
    assert_true(hub_loop_is_idle(loop)); /* it waits for time */
    hub_clock_turn(&turned_clock, 1000);
    assert_false(hub_loop_is_idle(loop));
    turned_run_due(loop);
    assert_true(hub_loop_is_idle(loop));
    n[1].task.run = note_task;
    hub_post(loop, &n[1].task);
    assert_false(hub_loop_is_idle(loop));
    turned_run_due(loop);
    hub_defer(loop, &n[1].task);
    assert_false(hub_loop_is_idle(loop));
    turned_run_due(loop);
    assert_true(hub_loop_is_idle(loop));
    turned_loop_delete(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_due_time),
        cmocka_unit_test(posted_work_defers_and_then_flushes),
        cmocka_unit_test(a_watch_reports_readable_data),
        cmocka_unit_test(a_watch_that_is_closed_is_told_nothing_in_the_same_turn),
        cmocka_unit_test(a_hangup_is_told_to_who_listens_and_wakes_nobody_else),
        cmocka_unit_test(an_error_is_told_as_readable_and_not_over_and_over),
        cmocka_unit_test(a_file_cannot_be_watched),
        cmocka_unit_test(a_descriptor_that_takes_a_closed_ones_number_hears_nothing_of_it),
        cmocka_unit_test(descriptors_that_are_always_ready_keep_nothing_else_out),
        cmocka_unit_test(every_post_wakes_and_those_of_a_thread_come_in_order),
        cmocka_unit_test(what_the_loop_posts_to_itself_is_not_slept_through),
        cmocka_unit_test(what_the_flush_hook_defers_is_not_slept_through),
        cmocka_unit_test(a_signal_wakes_a_sleeping_loop),
        cmocka_unit_test(a_loop_ends_while_a_name_is_being_looked_up),
        cmocka_unit_test(a_loop_that_was_stopped_does_not_run_and_then_does),
        cmocka_unit_test(a_turned_clock_runs_what_is_due_in_order),
        cmocka_unit_test(from_one_timer_to_the_next_none_runs_late),
        cmocka_unit_test(wall_time_that_is_set_moves_no_timer),
        cmocka_unit_test(a_turn_wakes_a_sleeping_loop),
        cmocka_unit_test(a_peer_is_judged_after_what_it_sent_was_read),
        cmocka_unit_test(a_peer_that_says_nothing_is_judged_in_time),
        cmocka_unit_test(a_process_that_always_stands_still_judges_all_the_same),
        cmocka_unit_test(a_timer_that_is_always_due_lets_descriptors_have_their_turn),
        cmocka_unit_test(what_libuv_is_woken_for_by_nobody_does_not_keep_the_loop_awake),
        cmocka_unit_test(those_due_at_one_time_run_in_the_order_of_their_starts),
        cmocka_unit_test(an_address_is_looked_up_with_its_zone),
        cmocka_unit_test(a_loop_is_idle_when_the_next_turn_has_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
