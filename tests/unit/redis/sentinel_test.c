/* A cache behind sentinels that say what the test wants, and real servers that are masters or not. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache_fixture.h"

/* ---- sentinels ---- */

enum { PEERS = 32 };

struct sentinel {
    int port, fd;
    struct hub_watch *listener;
    struct sentinel_peer {
        struct sentinel *of;
        int fd;
        struct hub_watch *watch;
        bool listens;
    } peers[PEERS];
    size_t n;
    int master;     /* port; 0: it knows none */
    int next;       /* port of the one that it tells of behind its next answer; 0: none */
    bool dumb;      /* accepts connections and says nothing */
    size_t asked_n; /* questions for the master */
};

static void say(struct sentinel_peer *p, const char *text) {
    assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

static void add_bulk(struct hub_buf *b, const char *text) { hub_buf_addf(b, "$%zu\r\n%s\r\n", strlen(text), text); }

static void say_master(struct sentinel_peer *p) {
    struct hub_buf b = {0};
    char port[12];
    p->of->asked_n++;
    snprintf(port, sizeof port, "%d", p->of->master);
    hub_buf_addz(&b, p->of->master ? "*2\r\n" : "*-1\r\n");
    if (p->of->master) add_bulk(&b, "127.0.0.1"), add_bulk(&b, port);
    say(p, hub_buf_cstr(&b));
    hub_buf_free(&b);
}

static void tell_switch(struct sentinel *s, int from, int to);

/* Answers each command that begins in TEXT; none is parted between two reads here. */
static void answer_commands(struct sentinel_peer *p, const char *text) {
    for (const char *at = text; (at = strstr(at, "\r\n$")); at++) {
        const char *word = strstr(at + 3, "\r\n");
        if (!word) break;
        word += 2;
        if (!strncmp(word, "PING", 4)) say(p, "+PONG\r\n");
        if (!strncmp(word, "CLIENT", 6) || !strncmp(word, "AUTH", 4)) say(p, "+OK\r\n");
        if (!strncmp(word, "GET-MASTER", 10)) {
            say_master(p);
            if (p->of->next) tell_switch(p->of, p->of->master, p->of->next);
            p->of->next = 0;
        }
        if (!strncmp(word, "SUBSCRIBE", 9))
            p->listens = true, say(p, "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n");
    }
}

static void on_said(void *arg, int events) {
    struct sentinel_peer *p = arg;
    char text[2000];
    (void)events;
    ssize_t n = read(p->fd, text, sizeof text - 1);
    if (n > 0) {
        text[n] = 0;
        if (!p->of->dumb) answer_commands(p, text);
        return;
    }
    hub_watch_close(loop, p->watch);
    close(p->fd);
    p->watch = NULL;
    p->listens = false;
}

static void on_dialled(void *arg, int events) {
    struct sentinel *s = arg;
    int at_once = 1;
    (void)events;
    struct sentinel_peer *p = &s->peers[s->n++ % PEERS];
    assert_null(p->watch);
    *p = (struct sentinel_peer){.of = s, .fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    p->watch = hub_watch_new(loop, p->fd, on_said, p);
    hub_watch_set(loop, p->watch, HUB_READABLE);
}

static void open_sentinel(struct sentinel *s, int master) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *s = (struct sentinel){.port = redis_free_port(), .master = master};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    a.sin_port = htons((uint16_t)s->port);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    s->listener = hub_watch_new(loop, s->fd, on_dialled, s);
    hub_watch_set(loop, s->listener, HUB_READABLE);
}

static void close_sentinel(struct sentinel *s) {
    for (size_t i = 0; i < PEERS; i++)
        if (s->peers[i].watch) hub_watch_close(loop, s->peers[i].watch), close(s->peers[i].fd);
    hub_watch_close(loop, s->listener);
    close(s->fd);
}

/* To whoever listens; text is "name old-host old-port host port". */
static void publish(struct sentinel *s, const char *text) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n");
    add_bulk(&b, text);
    for (size_t i = 0; i < PEERS; i++)
        if (s->peers[i].listens) say(&s->peers[i], hub_buf_cstr(&b));
    hub_buf_free(&b);
}

static void tell_switch(struct sentinel *s, int from, int to) {
    char text[100];
    snprintf(text, sizeof text, "mine 127.0.0.1 %d 127.0.0.1 %d", from, to);
    publish(s, text);
}

/* ---- servers ---- */

static struct redis_server other; /* beside SERVER: a master of its own, or its replica */
static struct sentinel one, two, three;

static void open_behind(const char *places) {
    char url[200];
    snprintf(url, sizeof url, "redis+sentinel://%s/mine?timeoutMs=300", places);
    open_at(url);
}

static void open_behind_one(int master) {
    char place[32];
    new_loop();
    open_sentinel(&one, master);
    snprintf(place, sizeof place, "127.0.0.1:%d", one.port);
    open_behind(place);
}

static void close_all(void) {
    cache->ops->close(cache);
    close_sentinel(&one);
    hub_loop_delete(loop);
    hub_clock_deinit(&clock_ahead);
}

static bool is_on(const struct redis_server *r) {
    char reply[4000] = "";
    return is_ready() && redis_tell_as(r, "CLIENT LIST\r\n", reply, sizeof reply) && strstr(reply, "name=hubd-test");
}
static bool is_on_server(void) { return is_on(&server); }
static bool is_on_other(void) { return is_on(&other); }
static bool is_listened_to(void) {
    for (size_t i = 0; i < PEERS; i++)
        if (one.peers[i].listens) return true;
    return false;
}

/* ---- the tests ---- */

static void the_master_that_is_named_is_used(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    close_all();
}

static void what_calls_itself_a_replica_is_no_master(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "REPLICAOF 127.0.0.1 %d", server.port);
    redis_tell(&other, command);
    open_behind_one(other.port);
    reason = "the sentinels call it the master, and it calls itself a replica";
    until(is_reason, 5000);
    one.master = server.port;
    until(is_on_server, 5000);
    close_all();
    redis_tell(&other, "REPLICAOF NO ONE");
}

static void a_fail_over_is_followed_when_it_is_told(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    until(is_listened_to, 5000);
    static const char *const nothing[] = {"yours 127.0.0.1 1 127.0.0.1 2", "mine", "mine 127.0.0.1 1 127.0.0.1 0",
                                          "mine 127.0.0.1 1 /tmp 2",       "",     "mine 127.0.0.1 1 127.0.0.1"};
    for (size_t i = 0; i < HUB_NELEM(nothing); i++) publish(&one, nothing[i]);
    round_trip();
    assert_true(is_on_server());
    one.master = other.port;
    tell_switch(&one, server.port, other.port);
    until(is_on_other, 5000);
    assert_false(is_on_server());
    close_all();
}

/* The old master came back at once, as a master, and the sentinel that was asked had not heard of the
 * fail-over that another one told of: what was written there was lost a moment later. */
static void nobody_goes_back_to_a_master_that_was_just_left(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    until(is_listened_to, 5000);
    tell_switch(&one, server.port, other.port);
    until(is_on_other, 5000);
    size_t asked = one.asked_n;
    redis_tell(&other, "CLIENT KILL TYPE normal SKIPME yes");
    until(is_away, 5000);
    until(is_ready, 5000);
    assert_true(one.asked_n > asked); /* and it still said what it knew */
    assert_true(is_on_other());
    assert_false(is_on_server());
    /* Much later it may well be that one again. */
    until_turned(is_on_server, 25000);
    close_all();
}

/* It was told of while the name of the old master was looked up: hubd went there all the same, and stayed
 * for some seconds, since the old master took itself for one. */
static void a_fail_over_that_is_told_of_during_an_attempt_is_followed(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    until(is_listened_to, 5000);
    round_trip();
    one.next = other.port;
    redis_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
    until(is_away, 5000);
    until(is_ready, 5000);
    assert_int_equal(one.next, 0);
    assert_true(is_on_other());
    close_all();
}

static void a_fail_over_that_is_not_heard_of_is_asked_for(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    until(is_listened_to, 5000);
    round_trip();
    one.master = other.port;
    until_turned(is_on_other, 11000);
    close_all();
}

/* The sentinels know the new one at once; without them the same server is tried for half a minute. */
static void a_master_that_has_become_a_replica_is_left_at_once(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    until(is_listened_to, 5000);
    round_trip();
    one.master = other.port;
    redis_tell(&server, "REPLICAOF 127.0.0.1 1");
    cache->ops->set(cache, HUB_STR("a"), HUB_STR("1"), 0, NULL, NULL);
    round_trip();
    assert_true(is_away());
    until_turned(is_on_other, 4000);
    close_all();
    redis_tell(&server, "REPLICAOF NO ONE");
}

/* Also where it is not heard because nobody was connected to a sentinel at that time. */
static void a_lost_master_is_asked_for_again(void **state) {
    (void)state;
    open_behind_one(server.port);
    until(is_on_server, 5000);
    one.master = other.port;
    redis_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
    until(is_on_other, 5000);
    close_all();
}

static void a_sentinel_that_is_no_use_is_passed_over(void **state) {
    char places[200];
    (void)state;
    new_loop();
    open_sentinel(&one, 0); /* knows no such master */
    open_sentinel(&two, 0);
    two.dumb = true;
    open_sentinel(&three, server.port);
    snprintf(places, sizeof places, "127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", redis_free_port(), one.port,
             two.port, three.port);
    open_behind(places);
    until(is_on_server, 10000);
    three.master = 0; /* it forgets it, and so nobody knows */
    redis_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
    reason = "it knows no master of that name";
    until(is_reason, 10000);
    one.master = server.port;
    until(is_on_server, 15000);
    close_sentinel(&two);
    close_sentinel(&three);
    close_all();
}

static int start_other(void **state) {
    (void)state;
    return redis_start(&other, NULL) ? 0 : -1;
}

static int stop_other(void **state) {
    (void)state;
    redis_remove(&other);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_master_that_is_named_is_used),
        cmocka_unit_test(what_calls_itself_a_replica_is_no_master),
        cmocka_unit_test(a_fail_over_is_followed_when_it_is_told),
        cmocka_unit_test(nobody_goes_back_to_a_master_that_was_just_left),
        cmocka_unit_test(a_fail_over_that_is_told_of_during_an_attempt_is_followed),
        cmocka_unit_test(a_fail_over_that_is_not_heard_of_is_asked_for),
        cmocka_unit_test(a_master_that_has_become_a_replica_is_left_at_once),
        cmocka_unit_test(a_lost_master_is_asked_for_again),
        cmocka_unit_test(a_sentinel_that_is_no_use_is_passed_over),
    };
    RUN_ON_REDIS_WITH(tests, start_other, stop_other);
}
