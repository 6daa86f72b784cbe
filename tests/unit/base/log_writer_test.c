/* The log against a stderr that does not take it: nobody waits, what is lost is counted and told of. One
 * process, so one writer for all. */
#include "base/telemetry/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/telemetry/metric.h"
#include "base/text/buf.h"
#include "base/time/clock.h"

static int saved = -1, out = -1; /* the real stderr; our end of the pipe that stands in for it */

static void into(int fd) {
    dup2(fd, STDERR_FILENO);
    close(fd);
    hub_log_start(); /* to look at it anew */
}

/* stderr goes into a new pipe. */
static void capture(void) {
    int fds[2];
    hub_log_flush(5000);
    assert_int_equal(pipe(fds), 0);
    if (saved < 0) saved = dup(STDERR_FILENO);
    into(fds[1]);
    out = fds[0];
}

/* Reads until WHAT has come. */
static char *read_until(const char *what) {
    static char text[4 << 20];
    size_t n = 0;
    text[0] = 0;
    while (!strstr(text, what)) {
        ssize_t got = read(out, text + n, sizeof text - 1 - n);
        if (got <= 0) fail_msg("the end came before \"%s\"", what);
        n += (size_t)got;
        text[n] = 0;
    }
    return text;
}

static void release(void) {
    hub_log_flush(5000);
    dup2(saved, STDERR_FILENO);
    close(out);
    hub_log_start();
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) n++;
    return n;
}

static unsigned long number_behind(const char *text, const char *what) {
    const char *at = strstr(text, what);
    assert_non_null(at);
    const char *number = strstr(at, "number=");
    assert_non_null(number);
    return strtoul(number + 7, NULL, 10);
}

enum { LINES = 20000 };

static void *log_many(void *arg) {
    (void)arg;
    for (int i = 0; i < LINES; i++)
        hub_log_kv(HUB_LOG_DEBUG, "flood", "filler", "text", "some words to make it longer", NULL);
    return NULL;
}

/* A paused pipe on stderr and a few thousand bad requests: the loop stood in write(2), and no member got
 * an answer any more. */
static void a_pipe_that_nobody_reads_holds_up_no_thread(void **state) {
    (void)state;
    capture();
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, log_many, NULL), 0);
    log_many(NULL);
    pthread_join(other, NULL);
    hub_log_kv(HUB_LOG_ERROR, "flood", "room is kept for errors", NULL);
    int64_t before = hub_real_ms();
    hub_log_flush(50);
    assert_true(hub_real_ms() - before < 20000);
    const char *text = read_until("stderr did not take them");
    size_t came = count(text, "filler");
    assert_int_equal(came + number_behind(text, "stderr did not take them"), 2 * LINES);
    assert_true(came > 1000);
    assert_int_equal(count(text, "room is kept for errors"), 1);
    hub_log_kv(HUB_LOG_INFO, "flood", "and on it goes", NULL);
    read_until("and on it goes\n");
    release();
    struct hub_buf metrics = {0};
    hub_metrics_print(&metrics);
    char want[64];
    snprintf(want, sizeof want, "hubd_log_dropped_total %zu\n", 2 * LINES - came);
    assert_non_null(strstr(hub_buf_cstr(&metrics), want));
    hub_buf_free(&metrics);
}

/* Waits until the writer has given up what was put. */
static void fails(const char *message) {
    hub_logf(HUB_LOG_WARN, message, "lost");
    hub_logf(HUB_LOG_WARN, message, "lost");
    hub_log_flush(5000);
}

/* Nobody waits, yet what is told is told before the call returns, where stderr takes it. */
static void a_line_is_out_when_the_call_returns(void **state) {
    (void)state;
    char text[200];
    for (int i = 0; i < 2; i++) {
        int fds[2];
        hub_log_flush(5000);
        assert_int_equal(i ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds), 0);
        if (saved < 0) saved = dup(STDERR_FILENO);
        into(fds[1]);
        out = fds[0];
        fcntl(out, F_SETFL, O_NONBLOCK);
        for (int k = 0; k < 50; k++) {
            hub_logf(HUB_LOG_DEBUG, "x", "here");
            assert_true(read(out, text, sizeof text) > 0);
        }
        release();
    }
}

static void lines_that_cannot_be_written_are_counted(void **state) {
    (void)state;
    static const char *const disks[] = {"/dev/full", "closed pipe", "not open for writing"};
    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        capture();
        int end = out;
        if (!i)
            into(open(disks[i], O_WRONLY));
        else if (i == 1)
            close(out), end = -1;
        else
            into(open("/dev/null", O_RDONLY));
        fails(disks[i]);
        if (end >= 0) close(end);
        capture();
        hub_logf(HUB_LOG_WARN, "after", "it works again %zu", i);
        char want[32];
        snprintf(want, sizeof want, "it works again %zu\n", i);
        assert_int_equal(number_behind(read_until(want), "lines were dropped here"), 2);
        release();
    }
}

static void a_pipe_that_somebody_made_non_blocking_loses_nothing_while_there_is_room(void **state) {
    (void)state;
    capture();
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1500; i++)
        hub_log_kv(HUB_LOG_DEBUG, "flood", "filler", "text", "some words to make it longer", NULL); /* 130 KB */
    hub_logf(HUB_LOG_DEBUG, "flood", "the last one");
    assert_int_equal(count(read_until("the last one\n"), "filler"), 1500);
    release();
}

static void lines_of_one_kind_are_limited_and_the_rest_counted(void **state) {
    (void)state;
    capture();
    for (int i = 0; i < 3000; i++) {
        char peer[16];
        snprintf(peer, sizeof peer, "%d", i);
        hub_log_kv(HUB_LOG_INFO, "transport", "request refused", "status", "400", "peer", peer, NULL);
        hub_logf(HUB_LOG_INFO, "transport", "number %d", i);
        hub_log_kv(HUB_LOG_WARN, "hub", "hook failed", "hub", "chat", "hook", "scheduledActions[0]", NULL);
    }
    hub_log_kv(HUB_LOG_WARN, "hub", "hook failed", "hub", "chat", "hook", "scheduledActions[1]", NULL);
    hub_log_kv(HUB_LOG_INFO, "transport", "request refused", "status", "415", "peer", "x", NULL);
    for (int i = 0; i < 300; i++) {
        char chosen[16];
        snprintf(chosen, sizeof chosen, "%d", i);
        hub_log_kv(HUB_LOG_INFO, "script", chosen, "at", "a.lua:1", "code", chosen,
                   NULL); /* whatever a script says, it is one place */
    }
    hub_log_end(5000);
    hub_logf(HUB_LOG_DEBUG, "end", "of it");
    const char *text = read_until("of it");
    assert_int_equal(count(text, "further lines"), 4);
    assert_int_equal(count(text, "request refused status=400"), 20);
    assert_int_equal(count(text, "request refused status=415"), 1);
    assert_in_range(count(text, "script: "), 200, 230);
    assert_int_equal(count(text, "transport: number "), 20);
    assert_int_equal(count(text, "hook=scheduledActions[0]"), 20);
    assert_int_equal(count(text, "hook=scheduledActions[1]"),
                     1); /* one that fails again and again does not hide another */
    assert_int_equal(count(text, "number=2980"), 3);
    release();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_nobody_reads_holds_up_no_thread),
        cmocka_unit_test(a_line_is_out_when_the_call_returns),
        cmocka_unit_test(lines_that_cannot_be_written_are_counted),
        cmocka_unit_test(a_pipe_that_somebody_made_non_blocking_loses_nothing_while_there_is_room),
        cmocka_unit_test(lines_of_one_kind_are_limited_and_the_rest_counted),
    };
    signal(SIGPIPE, SIG_IGN);
    hub_log_setup(HUB_LOG_DEBUG, false);
    hub_log_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
