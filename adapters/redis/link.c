/* One connection to Redis: hiredis on the engine's loop, introduced, watched over, made anew when it is
 * lost.
 *
 * hiredis calls the hooks below; what it wants written leaves once per turn, in one write. "Gone" (the
 * cleanup hook) is the only place where a connection ends, whoever ended it. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/redis_int.h"
#include "base/crypto/random.h"
#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"

#define OPEN_MAX 20000             /* commands without an answer */
#define OPEN_BYTES_MAX (32u << 20) /* and their size */
#define READS_MAX 4096             /* of 16 KiB each without one whole answer: nobody wants a reply of 64 MiB */
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 2000
#define STEADY_MS 5000 /* a connection that held so long was a good one */
#define ADDRESSES_MAX 8
#define ADDRESS_SIZE 64
#define SETUP_MAX 5
#define TEXT_KEEP 65536 /* a larger buffer for a command's text is given back after use */

/* What the answer to a step of the introduction has to be. */
enum setup_step { MAY_FAIL, MUST_WORK, MUST_BE_MASTER, MUST_KNOW_MASTER };

struct command {
    struct hub_list link;
    struct hub_redis_link *owner;
    int64_t asked; /* loop time */
    size_t bytes;
    hub_redis_reply_cb *cb;
    void *arg;
};

struct hub_redis_link {
    struct hub_redis_link_config config;
    redisAsyncContext *ac; /* NULL: none */
    SSL *ssl;              /* NULL: none, or not yet */
    bool shaking;          /* the handshake of TLS is under way */
    struct hub_watch *watch;
    int events;   /* watched for */
    bool writing; /* inside hiredis' write */
    bool up, stopped, late_once, ever_logged;
    struct hub_task flush;
    struct hub_timer timer; /* pause, time limit of the introduction, or of the oldest command */
    struct hub_list open;   /* commands, oldest first */
    struct hub_buf text;    /* of the command that is being sent */
    size_t open_n, open_bytes, reads;
    size_t unsent;            /* how many of the newest were not begun to be written */
    int64_t replied_at, sent; /* loop time of the last answer; when the server last came to owe something */
    hub_redis_reply_cb *on_message;
    void *message_arg;
    struct hub_redis_follower follower; /* of the sentinels */
    char *host;                         /* where the present attempt or connection leads */
    int port;
    struct hub_resolve *resolving;
    char addresses[ADDRESSES_MAX][ADDRESS_SIZE];
    size_t address_n, address_at;
    unsigned setup_n, setup_at, tries;
    enum setup_step steps[SETUP_MAX];
    int64_t up_since;
    char why[400], cause[200]; /* why: where, and the cause */
};

static void on_timer(struct hub_timer *t);
static void connect_next(struct hub_redis_link *l);

bool hub_redis_link_up(const struct hub_redis_link *l) { return l->up; }
const char *hub_redis_link_why(const struct hub_redis_link *l) {
    const char *sentinels = l->config.sentinel && l->follower.seeking ? hub_redis_sentinel_why(l->config.sentinel) : "";
    return l->up ? "" : *sentinels ? sentinels : l->why;
}

/* ---- the end of a connection, and the next attempt ---- */

/* Once per outage, and again when the cause is another one: of several places the next one is as good. */
static void set_why(struct hub_redis_link *l, const char *cause) {
    char text[sizeof l->cause];
    snprintf(text, sizeof text, "%s", cause); /* it may be this link's own */
    if (l->config.url->master && l->host)
        snprintf(l->why, sizeof l->why, "redis%s at %s:%d, of %s: %s", l->config.to_sentinel ? " sentinel" : "",
                 l->host, l->port, l->config.url->text.p, text);
    else
        snprintf(l->why, sizeof l->why, "redis at %s: %s", l->config.url->text.p, text);
    if (l->ever_logged && !strcmp(text, l->cause)) return;
    memcpy(l->cause, text, sizeof text);
    l->ever_logged = true;
    hub_log_kv(HUB_LOG_WARN, "cache", "not connected, trying on", "cause", l->why, NULL);
}

/* Grows when all places have been tried. */
static void pause_then_connect(struct hub_redis_link *l) {
    uint32_t dice;
    int64_t most = PAUSE_MIN_MS;
    for (size_t i = 0; i < l->tries / l->config.url->place_n && most < PAUSE_MAX_MS; i++) most *= 2;
    if (most > PAUSE_MAX_MS) most = PAUSE_MAX_MS;
    l->tries++;
    l->address_n = l->address_at = 0;
    hub_random(&dice, sizeof dice);
    hub_timer_start(l->config.loop, &l->timer, most / 2 + dice % (most / 2 + 1), on_timer);
}

/* The cleanup hook: the commands have been answered, the descriptor is about to be closed. */
static void on_gone(void *arg) {
    struct hub_redis_link *l = arg;
    bool was_up = l->up;
    if (!l->stopped && l->ac->err) set_why(l, l->ac->errstr);
    hub_watch_close(l->config.loop, l->watch);
    hub_defer_cancel(&l->flush);
    hub_timer_stop(l->config.loop, &l->timer);
    SSL_free(l->ssl);
    l->ssl = NULL;
    l->watch = NULL;
    l->ac = NULL;
    l->events = 0;
    l->up = false;
    if (l->stopped) return;
    if (!was_up && l->address_at < l->address_n) {
        hub_timer_start(l->config.loop, &l->timer, 0,
                        on_timer); /* the name's next address, but not from inside hiredis */
        return;
    }
    if (was_up && hub_loop_now(l->config.loop) - l->up_since >= STEADY_MS) l->tries = 0;
    pause_then_connect(l);
    if (was_up) l->config.down(l->config.arg);
}

void hub_redis_link_drop(struct hub_redis_link *l, const char *why) {
    if (!l->ac) return;
    set_why(l, why);
    redisAsyncFree(l->ac); /* puts it off by itself when one of its callbacks is running */
}

/* ---- readiness ---- */

static void want_events(struct hub_redis_link *l, int events) {
    l->events = events;
    hub_watch_set(l->config.loop, l->watch, events);
}

static void add_read(void *arg) {
    struct hub_redis_link *l = arg;
    want_events(l, l->events | HUB_READABLE);
}
static void del_read(void *arg) {
    struct hub_redis_link *l = arg;
    want_events(l, l->events & ~HUB_READABLE);
}
static void add_write(void *arg) {
    struct hub_redis_link *l = arg;
    if (l->shaking) return; /* nothing is to be said yet */
    if (l->writing || !(l->ac->c.flags & REDIS_CONNECTED))
        want_events(l, l->events | HUB_WRITABLE);
    else
        hub_defer(l->config.loop, &l->flush);
}
static void del_write(void *arg) {
    struct hub_redis_link *l = arg;
    want_events(l, l->events & ~HUB_WRITABLE);
}

/* ---- TLS ---- */

static void introduce_self(struct hub_redis_link *l);

static void write_tls(struct hub_redis_link *l) {
    enum hub_redis_tls_end end = hub_redis_tls_write(l->ssl, l->ac);
    if (end == HUB_REDIS_TLS_BROKEN)
        hub_redis_link_drop(l, "Server closed the connection");
    else
        want_events(l, HUB_READABLE | (end == HUB_REDIS_TLS_DONE ? 0 : HUB_WRITABLE));
}

static void shake_tls(struct hub_redis_link *l) {
    char why[sizeof l->cause];
    enum hub_redis_tls_end end = hub_redis_tls_shake(l->ssl, why, sizeof why);
    if (end == HUB_REDIS_TLS_BROKEN) {
        hub_redis_link_drop(l, why);
        return;
    }
    want_events(l, end == HUB_REDIS_TLS_WRITE ? HUB_WRITABLE : HUB_READABLE);
    if (end != HUB_REDIS_TLS_DONE) return;
    l->shaking = false;
    introduce_self(l);
}

/* hiredis finds out whether the socket is connected; it has nothing to write yet. */
static void connect_tls(struct hub_redis_link *l) {
    redisAsyncHandleWrite(l->ac);
    if (!l->ac || !(l->ac->c.flags & REDIS_CONNECTED)) return;
    l->ssl = hub_redis_tls_open(l->config.tls, l->config.url, l->host, l->ac->c.fd);
    if (l->ssl)
        shake_tls(l);
    else
        hub_redis_link_drop(l, "there is no memory for TLS, or no certificate could have that name");
}

/* ---- reading and writing ---- */

/* A burst may take this process long: the server owes nothing before it is asked. */
static void do_write(struct hub_redis_link *l) {
    if (l->unsent >= l->open_n) l->sent = hub_loop_now_exact(l->config.loop);
    l->unsent = 0;
    l->writing = true;
    if (l->ssl)
        write_tls(l);
    else
        redisAsyncHandleWrite(l->ac);
    l->writing = false;
}

static void do_read(struct hub_redis_link *l) {
    l->reads++;
    if (!l->ssl)
        redisAsyncHandleRead(l->ac);
    else if (hub_redis_tls_read(l->ssl, l->ac) == HUB_REDIS_TLS_BROKEN)
        hub_redis_link_drop(l, "Server closed the connection");
    if (l->ac && l->reads > READS_MAX) hub_redis_link_drop(l, "a reply is larger than 64 MiB");
}

static void on_flush(struct hub_task *t) { do_write(HUB_CONTAINER(t, struct hub_redis_link, flush)); }

static void on_events(void *arg, int events) {
    struct hub_redis_link *l = arg;
    if (l->shaking) {
        if (l->ssl)
            shake_tls(l);
        else
            connect_tls(l);
        return;
    }
    if (events & HUB_WRITABLE) do_write(l);
    if (l->ac && (events & HUB_READABLE)) do_read(l);
}

/* ---- commands ---- */

/* How long the server has owed an answer, and given none: one that works off a long queue is not given up. */
static int64_t silent_for(const struct hub_redis_link *l) {
    const struct command *oldest = HUB_CONTAINER(l->open.next, struct command, link);
    int64_t since = oldest->asked > l->replied_at ? oldest->asked : l->replied_at;
    return hub_loop_now(l->config.loop) - (since > l->sent ? since : l->sent);
}

static void arm_timer(struct hub_redis_link *l) {
    if (hub_list_empty(&l->open) || hub_timer_running(&l->timer)) return;
    int64_t left = l->config.url->timeout_ms - silent_for(l);
    hub_timer_start(l->config.loop, &l->timer, left > 1 ? left : 1, on_timer);
}

/* If it was this process that stood still, the answer may lie in the socket: one more turn shows. */
static void check_time(struct hub_redis_link *l) {
    if (hub_list_empty(&l->open)) return;
    bool late = silent_for(l) >= l->config.url->timeout_ms;
    if (late && l->late_once) {
        hub_redis_link_drop(l, "it does not answer in time");
        return;
    }
    l->late_once = late;
    arm_timer(l);
}

static void on_reply(redisAsyncContext *ac, void *reply, void *arg) {
    struct command *c = arg;
    struct hub_redis_link *l = c->owner;
    (void)ac;
    l->reads = 0;
    l->late_once = false;
    l->replied_at = hub_loop_now(l->config.loop);
    l->open_n--;
    l->open_bytes -= c->bytes;
    hub_list_remove(&c->link);
    c->cb(c->arg, reply);
    free(c);
}

static void add_length(struct hub_buf *b, char kind, size_t n) {
    hub_buf_addc(b, kind);
    hub_buf_addu(b, n);
    hub_buf_add(b, "\r\n", 2);
}

/* Not hiredis' redisAsyncCommandArgv(): it counts and copies each word several times, which was half of what
 * a command took. */
static bool append_command(struct hub_redis_link *l, const struct hub_str *v, size_t n, struct command *c) {
    struct hub_buf *b = &l->text;
    hub_buf_clear(b);
    add_length(b, '*', n);
    for (size_t i = 0; i < n; i++) {
        add_length(b, '$', v[i].n);
        hub_buf_adds(b, v[i]);
        hub_buf_add(b, "\r\n", 2);
    }
    bool sent = redisAsyncFormattedCommand(l->ac, on_reply, c, b->p, b->n) == REDIS_OK;
    if (b->cap > TEXT_KEEP) hub_buf_free(b);
    return sent;
}

bool hub_redis_send(struct hub_redis_link *l, const struct hub_str *v, size_t n, hub_redis_reply_cb *cb, void *arg) {
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += v[i].n + 16;
    if (!l->up || l->open_n >= OPEN_MAX || (l->open_n && l->open_bytes + bytes > OPEN_BYTES_MAX)) return false;
    struct command *c = hub_xmalloc(sizeof *c);
    *c = (struct command){.owner = l, .asked = hub_loop_now(l->config.loop), .bytes = bytes, .cb = cb, .arg = arg};
    if (!append_command(l, v, n, c)) {
        free(c);
        return false;
    }
    hub_list_push(&l->open, &c->link);
    l->open_n++;
    l->unsent++;
    l->open_bytes += bytes;
    arm_timer(l);
    return true;
}

/* Also comes for messages of no known channel, with whatever callback hiredis used last: so all have this
 * one. */
static void on_link_push(redisAsyncContext *ac, void *reply, void *arg) {
    struct hub_redis_link *l = arg;
    (void)ac;
    l->reads = 0;
    if (reply) l->on_message(l->message_arg, reply);
}

bool hub_redis_subscribe(struct hub_redis_link *l, struct hub_str channel, hub_redis_reply_cb *on_message, void *arg) {
    l->on_message = on_message;
    l->message_arg = arg;
    return l->up && redisAsyncCommand(l->ac, on_link_push, l, "SUBSCRIBE %b", channel.p, channel.n) == REDIS_OK;
}

void hub_redis_unsubscribe(struct hub_redis_link *l, struct hub_str channel) {
    if (l->up) redisAsyncCommand(l->ac, on_link_push, l, "UNSUBSCRIBE %b", channel.p, channel.n);
}

/* ---- the introduction ---- */

static void say_connected(const struct hub_redis_link *l) {
    char place[ADDRESS_SIZE + 8];
    snprintf(place, sizeof place, "%.60s:%d", l->host, l->port);
    if (l->ever_logged)
        hub_log_kv(HUB_LOG_INFO, "cache", "connected", "redis", l->config.url->text.p,
                   l->config.to_sentinel ? "sentinel" : "master", l->config.url->master ? place : NULL, NULL);
}

static void be_up(struct hub_redis_link *l) {
    hub_timer_stop(l->config.loop, &l->timer);
    l->up = true;
    l->up_since = hub_loop_now(l->config.loop);
    say_connected(l);
    l->ever_logged = false;
    l->config.up(l->config.arg);
}

/* What is wrong with the answer to STEP, or NULL. What is forbidden to ask has to be taken on trust. */
static const char *wrong_answer(enum setup_step step, const redisReply *r) {
    if (r->type == REDIS_REPLY_ERROR) return step != MAY_FAIL && strncmp(r->str, "NOPERM", 6) ? r->str : NULL;
    if (step == MUST_KNOW_MASTER) return r->type == REDIS_REPLY_ARRAY ? NULL : "it knows no master of that name";
    if (step != MUST_BE_MASTER) return NULL;
    bool master = r->type == REDIS_REPLY_ARRAY && r->elements && r->element[0]->type == REDIS_REPLY_STRING &&
                  !strcmp(r->element[0]->str, "master");
    return master ? NULL : "the sentinels call it the master, and it calls itself a replica";
}

static void on_setup(redisAsyncContext *ac, void *answer, void *arg) {
    struct hub_redis_link *l = arg;
    const redisReply *r = answer;
    (void)ac;
    if (!r || l->up) return;
    const char *wrong = wrong_answer(l->steps[l->setup_at++], r);
    if (wrong)
        hub_redis_link_drop(l, wrong);
    else if (l->setup_at == l->setup_n)
        be_up(l);
}

static void say_step(struct hub_redis_link *l, enum setup_step step, int n, const char **words) {
    l->steps[l->setup_n++] = step;
    redisAsyncCommandArgv(l->ac, on_setup, l, n, words, NULL);
}

static void say_who(struct hub_redis_link *l, const char *user, const char *password) {
    if (user)
        say_step(l, MUST_WORK, 3, (const char *[]){"AUTH", user, password ? password : ""});
    else if (password)
        say_step(l, MUST_WORK, 2, (const char *[]){"AUTH", password});
    say_step(l, MAY_FAIL, 3, (const char *[]){"CLIENT", "SETNAME", l->config.name});
}

/* Everything in one write: the order holds. PING tells a server that is still loading. */
static void introduce_self(struct hub_redis_link *l) {
    const struct hub_redis_url *u = l->config.url;
    char db[12];
    bool sentinel = l->config.to_sentinel;
    l->setup_n = l->setup_at = 0;
    say_who(l, sentinel ? u->sentinel_user : u->user, sentinel ? u->sentinel_password : u->password);
    snprintf(db, sizeof db, "%d", u->db);
    if (u->db && !sentinel) say_step(l, MUST_WORK, 2, (const char *[]){"SELECT", db});
    if (l->config.sentinel) say_step(l, MUST_BE_MASTER, 1, (const char *[]){"ROLE"});
    if (sentinel) say_step(l, MUST_KNOW_MASTER, 3, (const char *[]){"SENTINEL", "GET-MASTER-ADDR-BY-NAME", u->master});
    say_step(l, MUST_WORK, 1, (const char *[]){"PING"});
    hub_timer_await(l->config.loop, &l->timer, u->timeout_ms, on_timer);
}

/* ---- connecting ---- */

static void on_refused(struct hub_redis_link *l, redisAsyncContext *ac, const char *why) {
    set_why(l, ac && ac->err ? ac->errstr : why);
    if (ac) redisAsyncFree(ac);
    if (l->address_at < l->address_n)
        hub_timer_start(l->config.loop, &l->timer, 0, on_timer);
    else
        pause_then_connect(l);
}

static void take_context(struct hub_redis_link *l, redisAsyncContext *ac) {
    if (!ac || ac->err) {
        on_refused(l, ac, "there is no memory for a connection");
        return;
    }
    struct hub_watch *w = hub_watch_new(l->config.loop, ac->c.fd, on_events, l);
    if (!w) {
        on_refused(l, ac, "the socket cannot be watched");
        return;
    }
    l->watch = w;
    l->ac = ac;
    l->reads = 0;
    l->late_once = false;
    ac->ev.data = l;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = on_gone;
    l->shaking = l->config.tls != NULL;
    if (!l->shaking) {
        introduce_self(l);
        return;
    }
    want_events(l, HUB_WRITABLE);
    hub_timer_await(l->config.loop, &l->timer, l->config.url->timeout_ms, on_timer);
}

static void connect_next(struct hub_redis_link *l) {
    const char *address = l->addresses[l->address_at++];
    redisAsyncContext *ac = redisAsyncConnect(address, l->port);
    if (ac && !ac->err) redisEnableKeepAlive(&ac->c);
    take_context(l, ac);
}

static void on_resolved(void *arg, const char *const *addresses, size_t n, const char *error) {
    struct hub_redis_link *l = arg;
    l->resolving = NULL;
    l->address_at = 0;
    l->address_n = n < ADDRESSES_MAX ? n : ADDRESSES_MAX;
    for (size_t i = 0; i < l->address_n; i++) snprintf(l->addresses[i], ADDRESS_SIZE, "%s", addresses[i]);
    if (n)
        connect_next(l);
    else
        on_refused(l, NULL, error);
}

static void connect_to(struct hub_redis_link *l, const char *host, int port) {
    char *was = l->host;
    l->host = hub_xstrdup(host);
    l->port = port;
    free(was);
    if (host[0] == '/')
        take_context(l, redisAsyncConnectUnix(host));
    else
        l->resolving = hub_loop_resolve(l->config.loop, l->host, on_resolved, l);
}

static void begin_connect(struct hub_redis_link *l) {
    const struct hub_redis_url *u = l->config.url;
    const struct hub_redis_place *place = &u->places[l->tries % u->place_n];
    if (l->config.sentinel)
        hub_redis_sentinel_seek(l->config.sentinel, &l->follower);
    else
        connect_to(l, place->host, place->port);
}

static void on_found(struct hub_redis_follower *f, const char *host, int port) {
    connect_to(HUB_CONTAINER(f, struct hub_redis_link, follower), host, port);
}

/* Also an attempt that is under way leads to the wrong one, and so would the lookup of its name and the other
 * addresses of it: the old master may be there, and call itself one. */
static void on_moved(struct hub_redis_follower *f, const char *host, int port) {
    struct hub_redis_link *l = HUB_CONTAINER(f, struct hub_redis_link, follower);
    char why[sizeof l->cause];
    if (!l->host || (!strcmp(l->host, host) && l->port == port)) return;
    l->tries = 0;
    l->address_n = l->address_at = 0;
    snprintf(why, sizeof why, "the sentinels have another master by now, %.100s:%d", host, port);
    if (l->ac) hub_redis_link_drop(l, why);
    if (!l->resolving) return; /* the next attempt begins by asking the sentinels */
    hub_loop_resolve_cancel(l->resolving);
    connect_to(l, host, port);
}

static void on_timer(struct hub_timer *t) {
    struct hub_redis_link *l = HUB_CONTAINER(t, struct hub_redis_link, timer);
    if (l->up)
        check_time(l);
    else if (l->ac)
        hub_redis_link_drop(l, "it does not answer in time");
    else if (l->address_at < l->address_n)
        connect_next(l);
    else
        begin_connect(l);
}

/* ---- life ---- */

struct hub_redis_link *hub_redis_link_new(const struct hub_redis_link_config *config) {
    struct hub_redis_link *l = hub_xcalloc(1, sizeof *l);
    l->config = *config;
    l->flush.run = on_flush;
    hub_list_init(&l->open);
    l->follower.found = on_found;
    l->follower.moved = on_moved;
    if (config->sentinel) hub_redis_sentinel_follow(config->sentinel, &l->follower);
    snprintf(l->why, sizeof l->why, "redis at %s: connecting", config->url->text.p);
    begin_connect(l);
    return l;
}

void hub_redis_link_stop(struct hub_redis_link *l) {
    l->stopped = true;
    if (l->resolving) hub_loop_resolve_cancel(l->resolving);
    l->resolving = NULL;
    if (l->ac) redisAsyncFree(l->ac);
    hub_timer_stop(l->config.loop, &l->timer);
    if (l->config.sentinel) hub_redis_sentinel_leave(&l->follower);
    snprintf(l->why, sizeof l->why, "stopped");
}

void hub_redis_link_delete(struct hub_redis_link *l) {
    hub_redis_link_stop(l);
    hub_buf_free(&l->text);
    free(l->host);
    free(l);
}
