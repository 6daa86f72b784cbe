/* Watched keys on a real redis-server: their end is noticed with and without keyspace events, through
 * outages, and when a connection only seems to be alive. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache_fixture.h"

#define KEYS 100 /* asked for in a ring, an average one comes round after more than ten seconds */

static struct hub_cache_watch *watches[KEYS];
static bool gone[KEYS];
static size_t gone_n;

static void on_gone(void *arg) {
    bool *flag = arg;
    assert_false(*flag);
    *flag = true;
    gone_n++;
    watches[flag - gone] = NULL;
}

static void set_key(int i) {
    char command[64];
    snprintf(command, sizeof command, "SET session:%d {}", i);
    redis_tell(&server, command);
}

static void del_key(int i) {
    char command[64];
    snprintf(command, sizeof command, "DEL session:%d", i);
    redis_tell(&server, command);
}

static void watch_key(int i) {
    char key[32];
    snprintf(key, sizeof key, "session:%d", i);
    gone[i] = false;
    watches[i] = cache->ops->watch(cache, hub_cstr(key), on_gone, &gone[i]);
}

static void end_watches(void) {
    for (int i = 0; i < KEYS; i++) {
        if (watches[i]) cache->ops->unwatch(watches[i]);
        watches[i] = NULL;
    }
}

static int key; /* that is waited for */
static bool is_gone(void) { return gone[key]; }
static void until_gone(int i, int64_t ms) {
    key = i;
    until(is_gone, ms);
}

static bool all_are_gone(void) { return gone_n == KEYS; }

static bool events_arrive(void) { return metric("hubd_cache_keyspace_events") == 1; }
static bool no_events_arrive(void) { return metric("hubd_cache_keyspace_events") == 0; }

static void open_at_port(int port) {
    char url[64];
    new_loop();
    gone_n = 0;
    snprintf(url, sizeof url, "redis://127.0.0.1:%d?timeoutMs=200", port);
    open_at(url);
    until(is_ready, 5000);
}

static void watch_all(void) {
    for (int i = 0; i < KEYS; i++) set_key(i), watch_key(i);
}

static void close_all(void) {
    end_watches();
    close_cache();
}

static void events(bool on) {
    redis_tell(&server, on ? "CONFIG SET notify-keyspace-events Kgx" : "CONFIG SET notify-keyspace-events \"\"");
}

static void without_events_a_key_is_asked_for(void **state) {
    (void)state;
    events(false);
    open_at_port(server.port);
    set_key(1), set_key(2);
    watch_key(1), watch_key(2);
    watch_key(3); /* never there */
    until_gone(3, 1000);
    del_key(1);
    until_gone(1, 5000);
    assert_int_equal(gone_n, 2);
    until(no_events_arrive, 5000);
    close_all();
}

static void with_events_it_is_known_at_once(void **state) {
    (void)state;
    events(true);
    open_at_port(server.port);
    watch_all();
    until(events_arrive, 5000);
    int64_t began = hub_real_ms();
    del_key(50);
    until_gone(50, 1000);
    redis_tell(&server, "PEXPIRE session:51 1");
    redis_tell(&server, "EXISTS session:51"); /* which is when Redis notices */
    until_gone(51, 1000);
    redis_tell(&server, "RENAME session:52 elsewhere");
    until_gone(52, 1000);
    assert_true(hub_real_ms() - began < BUSY_MS); /* not with the next round of questions */
    del_key(53), set_key(53);                     /* still, or again, there */
    turn_for(50);
    assert_int_equal(gone_n, 3);
    assert_int_equal(metric("hubd_cache_watched_keys"), KEYS - 3);
    close_all();
}

static void events_that_begin_later_are_noticed(void **state) {
    (void)state;
    events(false);
    open_at_port(server.port);
    watch_all();
    until(no_events_arrive, 5000);
    events(true);
    until_turned(events_arrive, 20000);
    events(false);
    until_turned(no_events_arrive, 20000);
    close_all();
}

/* Two of a user's sockets share the session, and one of them closes the other as it goes. */
static struct hub_cache_watch *other;
static void end_the_other(void *arg) {
    *(bool *)arg = true;
    cache->ops->unwatch(other);
}
static void must_not_come(void *arg) {
    (void)arg;
    fail_msg("an ended watch was told");
}

static void a_callback_may_end_other_watches_and_begin_new_ones(void **state) {
    (void)state;
    events(true);
    open_at_port(server.port);
    set_key(1);
    cache->ops->watch(cache, HUB_STR("session:1"), end_the_other, &gone[1]);
    other = cache->ops->watch(cache, HUB_STR("session:1"), must_not_come, NULL);
    gone[1] = false;
    del_key(1);
    until_gone(1, 3000);
    turn_for(20);
    set_key(1);
    watch_key(1);
    turn_for(50);
    assert_false(gone[1]);
    del_key(1);
    until_gone(1, 3000);
    close_all();
}

static void an_outage_ends_nothing_and_hides_nothing(void **state) {
    (void)state;
    events(true);
    open_at_port(server.port);
    watch_all();
    until(events_arrive, 5000);
    redis_signal(&server, SIGSTOP);
    turn_for(1500);
    redis_signal(&server, SIGCONT);
    until(is_ready, 5000);
    assert_int_equal(gone_n, 0);
    redis_tell(&server, "SAVE");
    redis_kill(&server);
    redis_start(&server, NULL); /* with what was saved, and without events */
    del_key(77);
    until(is_ready, 5000);
    until_gone(77, 3000);
    assert_int_equal(gone_n, 1);
    redis_tell(&server, "FLUSHALL"); /* of which there are no events either */
    until_turned(all_are_gone, 30000);
    close_all();
}

static void a_lost_second_connection_is_made_anew(void **state) {
    (void)state;
    events(true);
    open_at_port(server.port);
    watch_all();
    until(events_arrive, 5000);
    redis_tell(&server, "CLIENT KILL TYPE pubsub");
    del_key(10); /* nobody hears of it */
    until_gone(10, 5000);
    turn_for(300);
    del_key(11);
    until_gone(11, 1000);
    close_all();
}

static void where_subscribing_is_not_allowed_keys_are_asked_for(void **state) {
    char url[64];
    (void)state;
    events(true);
    redis_tell(&server, "ACL SETUSER mute on >word ~* resetchannels +@all");
    new_loop();
    gone_n = 0;
    snprintf(url, sizeof url, "redis://mute:word@127.0.0.1:%d", server.port);
    open_at(url);
    until(is_ready, 5000);
    set_key(1);
    watch_key(1);
    turn_by(2000);
    assert_true(is_ready());
    assert_int_equal(metric("hubd_cache_keyspace_events"), 0);
    del_key(1);
    until_gone(1, 5000);
    close_all();
}

static void where_asking_is_not_allowed_the_cache_is_not_ready(void **state) {
    (void)state;
    redis_tell(&server, "ACL SETUSER blind on >word ~* &* +@all -exists");
    char url[64];
    new_loop();
    gone_n = 0;
    snprintf(url, sizeof url, "redis://blind:word@127.0.0.1:%d", server.port);
    open_at(url);
    until(is_ready, 5000);
    set_key(1);
    watch_key(1);
    until(is_away, 5000);
    redis_tell(&server, "ACL SETUSER blind +@all");
    until(is_ready, 5000);
    del_key(1);
    until_gone(1, 5000);
    close_all();
}

/* ---- a connection that only seems to be alive: a relay that swallows what comes back ---- */

#define PAIRS 8
static volatile sig_atomic_t swallow;
static void on_swallow(int signo) {
    (void)signo;
    swallow = 1;
}

struct pair {
    int client, server;
    bool subscribed, deaf;
};

static bool pass(int from, int to, bool *subscribed, bool deaf) {
    char bytes[16384];
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n <= 0) return n < 0 && errno == EINTR;
    if (subscribed && memmem(bytes, (size_t)n, "SUBSCRIBE", 9)) *subscribed = true;
    return deaf || write(to, bytes, (size_t)n) == n;
}

/* After SIGUSR1 the subscribed connections of that moment are deaf. */
static void relay(int listener, int port) {
    struct pair pairs[PAIRS];
    int n = 0;
    signal(SIGUSR1, on_swallow);
    signal(SIGPIPE, SIG_IGN); /* a side that is gone ends its pair */
    for (;;) {
        struct pollfd fds[1 + 2 * PAIRS] = {{.fd = listener, .events = POLLIN}};
        for (int i = 0; i < n; i++)
            fds[1 + 2 * i] = (struct pollfd){.fd = pairs[i].client, .events = POLLIN},
                        fds[2 + 2 * i] = (struct pollfd){.fd = pairs[i].server, .events = POLLIN};
        int got = poll(fds, (nfds_t)(1 + 2 * n), -1);
        for (int i = 0; swallow && i < n; i++) pairs[i].deaf = pairs[i].subscribed;
        swallow = 0;
        if (got < 0) continue;
        for (int i = n - 1; i >= 0; i--) {
            bool good = !fds[1 + 2 * i].revents || pass(pairs[i].client, pairs[i].server, &pairs[i].subscribed, false);
            if (good && fds[2 + 2 * i].revents) good = pass(pairs[i].server, pairs[i].client, NULL, pairs[i].deaf);
            if (good) continue;
            close(pairs[i].client), close(pairs[i].server);
            pairs[i] = pairs[--n];
        }
        if (fds[0].revents && n < PAIRS)
            pairs[n++] = (struct pair){.client = accept(listener, NULL, NULL), .server = redis_dial(port)};
    }
}

static pid_t start_relay(int *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n) || listen(fd, 8) || getsockname(fd, (struct sockaddr *)&a, &n),
                     0);
    *port = ntohs(a.sin_port);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        relay(fd, server.port);
    }
    close(fd);
    return pid;
}

static void a_subscription_that_brings_nothing_is_made_anew(void **state) {
    int port;
    (void)state;
    events(true);
    pid_t pid = start_relay(&port);
    open_at_port(port);
    watch_all();
    until(events_arrive, 5000);
    kill(pid, SIGUSR1);
    turn_for(20);
    turn_by(3000); /* within two beats of a second each */
    del_key(90);
    until_gone(90, 1000);
    close_all();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_events_a_key_is_asked_for),
        cmocka_unit_test(with_events_it_is_known_at_once),
        cmocka_unit_test(events_that_begin_later_are_noticed),
        cmocka_unit_test(a_callback_may_end_other_watches_and_begin_new_ones),
        cmocka_unit_test(an_outage_ends_nothing_and_hides_nothing),
        cmocka_unit_test(a_lost_second_connection_is_made_anew),
        cmocka_unit_test(where_subscribing_is_not_allowed_keys_are_asked_for),
        cmocka_unit_test(where_asking_is_not_allowed_the_cache_is_not_ready),
        cmocka_unit_test(a_subscription_that_brings_nothing_is_made_anew),
    };
    RUN_ON_REDIS(tests);
}
