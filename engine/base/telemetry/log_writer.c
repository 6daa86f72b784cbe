/* The way of lines to stderr. Once started, a line is written at once where that cannot wait: into a pipe
 * or terminal through a descriptor of our own that does not block, into a socket by a send that does not.
 * What is not taken so, and everything for a file, is left to a thread, so that a pipe that nobody reads,
 * a terminal that stands still or a slow disk holds up that thread and nobody else. What waits for it is
 * bounded: lines that find no room are dropped, counted, and told of when there is room. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory/mem.h"
#include "base/telemetry/log_int.h"
#include "base/time/clock.h"

#define RING 262144    /* bytes that wait */
#define RESERVED 65536 /* of them for warnings and errors only */
#define CHUNK 65536    /* most bytes of one write */
#define SWEEP_MS 1000  /* how often to look for kinds that have gone quiet, while there are any */
#define STACK 262144   /* of the thread */
#define RETRY_MS 200   /* after a write that failed */

struct hub_metric hub_log_dropped =
    HUB_METRIC(HUB_COUNTER, "hubd_log_dropped_total", NULL,
               "Log lines dropped because stderr was not writable and the buffer was full");
struct hub_metric hub_log_suppressed =
    HUB_METRIC(HUB_COUNTER, "hubd_log_suppressed_total", NULL, "Log lines suppressed by the rate limit of their kind");

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool started, waiting;
    bool socket;         /* what stderr is */
    int own;             /* it again, without blocking, or -1 */
    bool failing;        /* the last write did not succeed */
    bool mid_line;       /* what was written last was not the end of a line */
    uint64_t head, tail; /* positions in all that was ever put; HEAD - TAIL bytes wait. Only the writer moves TAIL */
    uint64_t dropped;    /* lines that nobody has been told of */
    uint64_t notice_at, notice_n; /* where the latest line about dropped ones stands, and how many it tells of */
    char ring[RING];
} w = {.lock = PTHREAD_MUTEX_INITIALIZER, .own = -1};

bool hub_log_is_started(void) { return __atomic_load_n(&w.started, __ATOMIC_RELAXED); }

/* ---- putting (with the lock) ---- */

static size_t ring_room(void) { return RING - (size_t)(w.head - w.tail); }

static void append_bytes(struct hub_str s) {
    size_t at = (size_t)(w.head % RING), first = s.n < RING - at ? s.n : RING - at;
    memcpy(w.ring + at, s.p, first);
    if (s.n > first) memcpy(w.ring, s.p + first, s.n - first);
    __atomic_store_n(&w.head, w.head + s.n, __ATOMIC_RELEASE);
}

static void drop_lines(uint64_t lines) {
    w.dropped += lines;
    hub_metric_add(&hub_log_dropped, (int64_t)lines);
}

/* It flows again: the next line says what is missing before it. */
static void tell_dropped(void) {
    struct hub_buf line = {0};
    if (!w.dropped || ring_room() < RESERVED + 1024) return;
    if (w.mid_line && w.head == w.tail) hub_buf_addc(&line, '\n');
    hub_log_add_dropped(&line, w.dropped);
    w.notice_at = w.head;
    w.notice_n = w.dropped;
    w.dropped = 0;
    append_bytes(hub_buf_str(&line));
    hub_buf_free(&line);
}

/* Without the thread: on the caller's time. */
static void write_now(struct hub_str line) {
    for (size_t done = 0; done < line.n;) {
        ssize_t n = write(STDERR_FILENO, line.p + done, line.n - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* a closed or full stderr must not stop anybody */
        done += (size_t)n;
    }
}

/* What stderr takes of LINE without waiting; returns the rest. */
static struct hub_str write_at_once(struct hub_str line) {
    ssize_t n = w.socket     ? send(STDERR_FILENO, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL)
                : w.own >= 0 ? write(w.own, line.p, line.n)
                             : 0;
    return n > 0 ? hub_str(line.p + n, line.n - (size_t)n) : line; /* the thread finds out what is wrong */
}

void hub_log_put(enum hub_log_level level, struct hub_str line) {
    if (!hub_log_is_started()) {
        write_now(line);
        return;
    }
    pthread_mutex_lock(&w.lock);
    tell_dropped();
    size_t reserved = level <= HUB_LOG_WARN ? 0 : RESERVED;
    bool flows = w.head == w.tail && !w.failing; /* the thread is not in the midst of a write then */
    struct hub_str rest = flows ? write_at_once(line) : line;
    if (rest.n + reserved > ring_room())
        drop_lines(1);
    else if (rest.n)
        append_bytes(rest);
    if (rest.n && w.waiting) pthread_cond_signal(&w.more);
    pthread_mutex_unlock(&w.lock);
}

void hub_log_nudge(void) {
    if (!hub_log_is_started()) return;
    pthread_mutex_lock(&w.lock);
    if (w.waiting) pthread_cond_signal(&w.more);
    pthread_mutex_unlock(&w.lock);
}

/* ---- writing ---- */

/* Waits for lines; false when it is time to look for quiet kinds. */
static bool wait_for_lines(void) {
    bool in_time = true;
    w.waiting = true;
    if (hub_log_any_left_out())
        in_time = hub_clock_wait(NULL, &w.more, &w.lock, hub_clock_mono_ms(NULL) + SWEEP_MS);
    else
        pthread_cond_wait(&w.more, &w.lock);
    w.waiting = false;
    return in_time;
}

/* The N bytes at the tail cannot be written: the whole lines among them are given up, or all of them when
 * there is no whole one. */
static void lose_bytes(const char *p, size_t n) {
    uint64_t lines = 0, whole = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] == '\n') lines++, whole = i + 1;
    if (!whole) whole = n, lines = 1;
    bool notice = w.notice_n && w.notice_at >= w.tail && w.notice_at < w.tail + whole;
    w.dropped += notice ? w.notice_n : 0; /* they have been counted */
    drop_lines(lines - (notice && lines));
    if (notice) w.notice_n = 0;
    __atomic_store_n(&w.tail, w.tail + whole, __ATOMIC_RELEASE);
}

static void pause_ms(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* One write, without the lock: producers only touch what is free. */
static void write_to_stderr(void) {
    size_t at = (size_t)(w.tail % RING), n = (size_t)(w.head - w.tail);
    if (n > RING - at) n = RING - at;
    if (n > CHUNK) n = CHUNK;
    pthread_mutex_unlock(&w.lock);
    ssize_t done = write(STDERR_FILENO, w.ring + at, n);
    int e = errno;
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (done < 0 && (e == EAGAIN || e == EWOULDBLOCK))
        poll(&p, 1, SWEEP_MS); /* whoever shares it has made it non-blocking */
    pthread_mutex_lock(&w.lock);
    if (done > 0) {
        w.mid_line = w.ring[at + (size_t)done - 1] != '\n';
        w.failing = false;
        __atomic_store_n(&w.tail, w.tail + (uint64_t)done, __ATOMIC_RELEASE);
    } else if (e != EINTR && e != EAGAIN && e != EWOULDBLOCK) {
        lose_bytes(w.ring + at, n);
        w.failing = true;
        pthread_mutex_unlock(&w.lock);
        pause_ms(RETRY_MS);
        pthread_mutex_lock(&w.lock);
    }
}

static void *run_writer(void *arg) {
    (void)arg;
    pthread_mutex_lock(&w.lock);
    for (;;) {
        if (!w.failing) tell_dropped(); /* where it fails, the next line tries again */
        if (w.head != w.tail) {
            write_to_stderr();
        } else if (!wait_for_lines()) {
            pthread_mutex_unlock(&w.lock);
            hub_log_tell_quiet(false);
            pthread_mutex_lock(&w.lock);
        }
    }
    return NULL;
}

/* ---- beginning and end ---- */

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void on_fatal(int signo) {
    char text[] = "hubd: ended by signal 00\n";
    text[sizeof text - 4] = (char)('0' + signo / 10 % 10);
    text[sizeof text - 3] = (char)('0' + signo % 10);
    hub_log_last_words(text);
    raise(signo); /* SA_RESETHAND: the default now, with its core */
}

/* Sanitizers and debuggers that have handlers of their own keep them. */
static void catch_fatal_signals(void) {
    struct sigaction ours = {.sa_handler = on_fatal, .sa_flags = SA_RESETHAND | SA_NODEFER}, old;
    for (size_t i = 0; i < HUB_NELEM(fatal); i++)
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) sigaction(fatal[i], &ours, NULL);
}

/* O_NONBLOCK belongs to the open file, which others share: a pipe or terminal is opened once more. */
static void look_at_stderr(void) {
    struct stat st;
    pthread_mutex_lock(&w.lock);
    if (w.own >= 0) close(w.own);
    w.own = -1;
    bool known = fstat(STDERR_FILENO, &st) == 0;
    w.socket = known && S_ISSOCK(st.st_mode);
    if (known && (S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)))
        w.own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    pthread_mutex_unlock(&w.lock);
}

void hub_log_start(void) {
    look_at_stderr();
    if (hub_log_is_started()) return;
    pthread_attr_t small;
    pthread_t thread;
    sigset_t all, old;
    hub_metric_register(&hub_log_dropped);
    hub_metric_register(&hub_log_suppressed);
    hub_clock_cond_init(&w.more);
    sigfillset(&all); /* signals are for the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    bool made = pthread_create(&thread, &small, run_writer, NULL) == 0;
    pthread_attr_destroy(&small);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!made) return; /* lines are written by their callers, as before */
    pthread_detach(thread);
    __atomic_store_n(&w.started, true, __ATOMIC_RELEASE);
    catch_fatal_signals();
}

void hub_log_flush(int ms) {
    if (!hub_log_is_started()) return;
    for (int i = 0; i < ms && __atomic_load_n(&w.head, __ATOMIC_ACQUIRE) != __atomic_load_n(&w.tail, __ATOMIC_ACQUIRE);
         i++)
        pause_ms(1);
}

void hub_log_last_words(const char *text) {
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    hub_log_flush(500);
    if (poll(&p, 1, 100) == 1 && p.revents & POLLOUT)
        write_now(hub_cstr(text)); /* a pipe with room takes a short text at once */
}
