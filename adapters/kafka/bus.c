/* The bus as a whole: opening, turning events of librdkafka's queues into calls, logs, readiness, closing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "adapters/kafka/kafka.h"
#include "adapters/kafka/kafka_int.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"

enum {
    TICK_MS = 1000,
    LOG_PERIOD_MS = 10000, /* in which at most LOG_LINES are written */
    LOG_LINES = 10,
    /* Closing: the longest waits for what was published and handled, for the group to let go, for
     * librdkafka's threads to end. */
    FINISH_MS = 5000,
    LEAVE_MS = 2000,
    DESTROY_MS = 1000,
    UNREACHED_MS = 200, /* in place of these when no broker has ever answered */
    CLOSE_STEP_MS = 20,
};

static struct hub_metric up = HUB_METRIC(HUB_GAUGE, "hubd_bus_up", NULL, "1 while the brokers of the bus answer");

/* ---- logs ---- */

void hub_kafka_log(struct kafka_bus *b, int level, const char *message, const char *key, const char *value) {
    char lost[24];
    int64_t now = hub_loop_now(b->loop);
    if (!hub_log_on((enum hub_log_level)level)) return;
    if (now - b->log_at >= LOG_PERIOD_MS) {
        snprintf(lost, sizeof lost, "%u", b->log_lost);
        if (b->log_lost)
            hub_log_kv(HUB_LOG_WARN, "bus", "further lines about the bus were left out", "number", lost, NULL);
        b->log_at = now;
        b->log_n = b->log_lost = 0;
    }
    if (b->log_n < LOG_LINES) {
        b->log_n++;
        hub_log_kv((enum hub_log_level)level, "bus", message, key, value, NULL);
    } else {
        b->log_lost++;
    }
}

void hub_kafka_on_log(struct kafka_bus *b, rd_kafka_event_t *ev) {
    const char *facility, *text;
    int level;
    if (rd_kafka_event_log(ev, &facility, &text, &level)) return;
    /* What ends a connection also comes as an error event. */
    hub_kafka_log(b, level <= 4 && strcmp(facility, "FAIL") ? HUB_LOG_WARN : HUB_LOG_DEBUG, text, "by", facility);
}

void hub_kafka_on_error(struct kafka_bus *b, rd_kafka_event_t *ev, const char *who) {
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    const char *text = rd_kafka_event_error_string(ev);
    hub_metric_add(hub_metric_labelled("hubd_bus_errors_total", "Errors that the bus reported, by name", HUB_COUNTER,
                                       "error", hub_cstr(rd_kafka_err2name(err))),
                   1);
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        hub_kafka_lost(b, b->trouble[0] ? b->trouble : text);
        return;
    }
    bool connection = err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__RESOLVE ||
                      err == RD_KAFKA_RESP_ERR__SSL || err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                      err == RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (connection) snprintf(b->trouble, sizeof b->trouble, "%s", text ? text : rd_kafka_err2str(err));
    /* A connection that breaks is made anew; only when none can be made is it worth a line. Wrong
     * credentials do not mend. */
    hub_kafka_log(b,
                  connection && err != RD_KAFKA_RESP_ERR__AUTHENTICATION && err != RD_KAFKA_RESP_ERR__SSL
                      ? HUB_LOG_DEBUG
                      : HUB_LOG_WARN,
                  text, "by", who);
}

/* ---- events ---- */

static void on_drain(struct hub_task *task);
static void on_again(struct hub_timer *t) { hub_kafka_wake(HUB_CONTAINER(t, struct kafka_bus, again)); }

void hub_kafka_wake(struct kafka_bus *b) {
    b->drain.run = on_drain;
    hub_defer(b->loop, &b->drain);
}

static void on_drain(struct hub_task *task) {
    struct kafka_bus *b = HUB_CONTAINER(task, struct kafka_bus, drain);
    bool more = hub_kafka_producer_drain(b);
    more |= hub_kafka_consumer_drain(b);
    hub_kafka_rebalance_step(b);
    if (more && !b->closing) hub_timer_start(b->loop, &b->again, 0, on_again); /* a step of closing drains, too */
}

static void on_wake(void *arg, int events) {
    struct kafka_bus *b = arg;
    uint64_t n;
    (void)events;
    if (read(b->wake, &n, sizeof n) < 0 && errno != EAGAIN) return;
    hub_kafka_wake(b);
}

void hub_kafka_watch_queue(struct kafka_bus *b, rd_kafka_queue_t *queue) {
    const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, b->wake, &one, sizeof one);
    hub_kafka_wake(b); /* what is there already woke nobody */
}

static void on_tick(struct hub_timer *t) {
    struct kafka_bus *b = HUB_CONTAINER(t, struct kafka_bus, tick);
    hub_timer_start(b->loop, t, TICK_MS, on_tick);
    hub_kafka_producer_tick(b);
    hub_kafka_consumer_tick(b);
    hub_metric_set(&up, b->reached);
    hub_kafka_wake(b); /* a consumer that does not ask for a long time would be put out of its group */
}

/* ---- configuration ---- */

struct fixed {
    const char *name, *value;
    enum hub_kafka_role role;
};

/* Those a user may set, too, come before what was set. */
static const struct fixed defaults[] = {
    {"socket.keepalive.enable", "true", HUB_KAFKA_BOTH},
    {"socket.nagle.disable", "true", HUB_KAFKA_BOTH},
    {"socket.timeout.ms", "10000", HUB_KAFKA_BOTH},
    {"socket.connection.setup.timeout.ms", "10000", HUB_KAFKA_BOTH},
    {"reconnect.backoff.max.ms", "2000", HUB_KAFKA_BOTH},
    {"topic.metadata.refresh.interval.ms", "3000", HUB_KAFKA_BOTH}, /* how soon a new topic is seen */
    {"allow.auto.create.topics", "true", HUB_KAFKA_CONSUMER},
    {"session.timeout.ms", "10000", HUB_KAFKA_CONSUMER}, /* how long a killed process holds its partitions */
    {"heartbeat.interval.ms", "2000", HUB_KAFKA_CONSUMER},
    /* When either is reached librdkafka 2.0 looks again after a second: together they bound what one
     * partition brings per second. */
    {"queued.min.messages", "100000", HUB_KAFKA_CONSUMER},
    {"queued.max.messages.kbytes", "8192", HUB_KAFKA_CONSUMER}, /* of each partition */
    {"linger.ms", "1", HUB_KAFKA_PRODUCER},
    {"delivery.timeout.ms", "10000", HUB_KAFKA_PRODUCER},
    {"queue.buffering.max.messages", "10000", HUB_KAFKA_PRODUCER},
    {"queue.buffering.max.kbytes", "16384", HUB_KAFKA_PRODUCER},
    {"partitioner", "murmur2_random",
     HUB_KAFKA_PRODUCER}, /* as other clients do, so that one key is one partition whoever writes */
    {0},
};
static const struct fixed always[] = {
    {"log.queue", "true", HUB_KAFKA_BOTH},
    {"auto.offset.reset", "earliest",
     HUB_KAFKA_CONSUMER}, /* when what was committed is gone; where to begin at first is decided by start.c */
    {"enable.auto.commit", "false", HUB_KAFKA_CONSUMER},
    {"enable.auto.offset.store", "false", HUB_KAFKA_CONSUMER},
    {"partition.assignment.strategy", "cooperative-sticky",
     HUB_KAFKA_CONSUMER}, /* others keep running when one comes or a topic is added */
    {"enable.idempotence", "true", HUB_KAFKA_PRODUCER},
    {0},
};

static enum hub_code set_property(rd_kafka_conf_t *conf, const char *name, const char *value, bool secret,
                                  struct hub_err *err) {
    char why[300];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return HUB_OK;
    return hub_fail(err, HUB_BAD_REQUEST, "bus: %s: %s", name, secret ? "the value is not accepted" : why);
}

static enum hub_code set_fixed(rd_kafka_conf_t *conf, const struct fixed *f, enum hub_kafka_role role,
                               struct hub_err *err) {
    enum hub_code code = HUB_OK;
    for (; !code && f->name; f++)
        if (f->role & role) code = set_property(conf, f->name, f->value, false, err);
    return code;
}

static enum hub_code set_given(rd_kafka_conf_t *conf, const struct hub_kafka_settings *s, enum hub_kafka_role role,
                               struct hub_err *err) {
    enum hub_code code = HUB_OK;
    for (size_t i = 0; !code && i < s->n; i++) {
        const struct hub_kafka_property *p = s->items[i].property;
        if (p->role & role) code = set_property(conf, p->name, s->items[i].value, p->secret, err);
    }
    return code;
}

rd_kafka_conf_t *hub_kafka_conf(struct kafka_bus *b, enum hub_kafka_role role, struct hub_err *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum hub_code code = set_fixed(conf, defaults, role, err);
    if (!code) code = set_property(conf, "bootstrap.servers", b->settings.brokers, false, err);
    if (!code) code = set_property(conf, "client.id", b->client_id, false, err);
    if (!code && role == HUB_KAFKA_CONSUMER) code = set_property(conf, "group.id", b->group, false, err);
    if (!code) code = set_given(conf, &b->settings, role, err);
    if (!code) code = set_fixed(conf, always, role, err);
    if (code) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf, role == HUB_KAFKA_PRODUCER
                                       ? RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG
                                       : RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE |
                                             RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    return conf;
}

/* ---- life ---- */

struct destruction {
    struct hub_list link; /* bus->destructions */
    struct hub_kafka_worker worker;
    struct hub_kafka_job job;
    struct kafka_bus *bus;
    rd_kafka_t *rk;
};

static void destroy_handle(struct hub_kafka_job *job) {
    rd_kafka_destroy_flags(HUB_CONTAINER(job, struct destruction, job)->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void on_destroyed(struct hub_kafka_job *job) {
    struct destruction *d = HUB_CONTAINER(job, struct destruction, job);
    d->bus->jobs--;
    hub_list_remove(&d->link);
    hub_kafka_worker_stop(&d->worker);
    free(d);
}

void hub_kafka_destroy(struct kafka_bus *b, rd_kafka_t *rk) {
    struct destruction *d = hub_xcalloc(1, sizeof *d);
    *d = (struct destruction){.job = {.run = destroy_handle, .done = on_destroyed}, .bus = b, .rk = rk};
    b->jobs++;
    hub_list_push(&b->destructions, &d->link);
    hub_kafka_worker_start(&d->worker, b->loop);
    hub_kafka_worker_add(&d->worker, &d->job);
}

void hub_kafka_free(struct kafka_bus *b) {
    hub_kafka_settings_free(&b->settings);
    free(b->group);
    free(b->client_id);
    free(b);
}

/* Some settings only fit together, or do not, when a client is made of them. One that knows no broker
 * connects to nobody. */
static enum hub_code try_settings(struct kafka_bus *b, enum hub_kafka_role role, struct hub_err *err) {
    char why[300];
    rd_kafka_conf_t *conf = hub_kafka_conf(b, role, err);
    if (!conf) return err->code;
    rd_kafka_conf_set(conf, "bootstrap.servers", "", NULL, 0);
    rd_kafka_t *rk =
        rd_kafka_new(role == HUB_KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return hub_fail(err, HUB_BAD_REQUEST, "bus: %s", why);
    }
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return HUB_OK;
}

static enum hub_code bus_check(const struct hub_bus_config *config, struct hub_err *err) {
    struct kafka_bus *b = hub_xcalloc(1, sizeof *b);
    b->group = hub_xstrdup(config->group);
    b->client_id = hub_xstrdup(config->client_id);
    enum hub_code code = hub_kafka_settings_read(config, &b->settings, err);
    if (!code) code = try_settings(b, HUB_KAFKA_PRODUCER, err);
    if (!code) code = try_settings(b, HUB_KAFKA_CONSUMER, err);
    hub_kafka_free(b);
    return code;
}

static enum hub_code bus_open(struct hub_loop *loop, const struct hub_bus_config *config, struct hub_bus **out,
                              struct hub_err *err) {
    struct kafka_bus *b = hub_xcalloc(1, sizeof *b);
    enum hub_code code = hub_kafka_settings_read(config, &b->settings, err);
    if (code) {
        free(b);
        return code;
    }
    b->base.ops = &hub_kafka_bus_ops;
    b->loop = loop;
    b->group = hub_xstrdup(config->group);
    b->client_id = hub_xstrdup(config->client_id);
    hub_list_init(&b->destructions);
    hub_list_init(&b->producer.taken);
    hub_list_init(&b->producer.refused);
    hub_list_init(&b->consumer.partitions);
    hub_list_init(&b->consumer.turns);
    b->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    b->watch = b->wake < 0 ? NULL : hub_watch_new(loop, b->wake, on_wake, b);
    if (!b->watch) abort(); /* no descriptors at the start */
    hub_watch_set(b->loop, b->watch, HUB_READABLE);
    hub_kafka_worker_start(&b->worker, loop);
    code = hub_kafka_producer_open(b, err);
    if (!code) code = hub_kafka_consumer_open(b, err);
    if (code) {
        hub_defer_cancel(&b->drain);
        if (b->producer.rk) rd_kafka_queue_destroy(b->producer.queue), rd_kafka_destroy(b->producer.rk);
        hub_kafka_worker_stop(&b->worker);
        hub_watch_close(b->loop, b->watch);
        close(b->wake);
        hub_kafka_free(b);
        return code;
    }
    hub_timer_start(loop, &b->tick, 0, on_tick);
    hub_kafka_probe_in(b, 0);
    *out = &b->base;
    return HUB_OK;
}

static bool parts_ready(const struct kafka_bus *b, struct hub_buf *why_not) {
    const struct consumer *c = &b->consumer;
    size_t before = why_not->n, dead = 0;
    if (!b->reached) {
        hub_buf_addf(why_not, "no broker of %s answers", b->settings.brokers);
        if (b->trouble[0]) hub_buf_addf(why_not, ": %s", b->trouble);
        return false;
    }
    if (b->producer.broken) hub_buf_addz(why_not, "the producer is being made anew");
    HUB_LIST_EACH(&c->partitions, it) dead += !HUB_CONTAINER(it, struct partition, link)->alive;
    if (!c->joined && hub_kafka_awaited(b))
        hub_buf_addf(why_not, "%sthe consumer group has not assigned its partitions yet",
                     why_not->n > before ? "; " : "");
    else if (dead)
        hub_buf_addf(why_not, "%s%zu partitions have not been read from yet", why_not->n > before ? "; " : "", dead);
    return why_not->n == before;
}

static bool bus_ready(const struct hub_bus *base, struct hub_buf *why_not) {
    struct hub_buf nobody_asks = {0};
    bool is = parts_ready(HUB_CONTAINER(base, struct kafka_bus, base), why_not ? why_not : &nobody_asks);
    hub_buf_free(&nobody_asks);
    return is;
}

static void bus_pause(struct hub_bus *base) { hub_kafka_bus(base)->paused = true; }

/* ---- closing: every step has its end, whatever librdkafka does; what has not ended by then is left to the
 *   process's end ---- */

enum { FINISHING, LEAVING, DESTROYING };

static void on_close_step(struct hub_timer *t);

static void begin_step(struct kafka_bus *b, int step, int64_t longest_ms) {
    b->close_step = step;
    b->close_by = hub_loop_now(b->loop) + longest_ms;
}

/* What was handled is committed, what was published is delivered, no rebalance waits for an answer; or the
 * time is over. */
static void finish_closing(struct kafka_bus *b, bool late) {
    bool committing = b->consumer.committing || hub_kafka_commit_now(b);
    bool joining = b->reached && hub_kafka_consumer_joining(b);
    if ((committing || joining || !hub_kafka_rebalance_idle(b) || !hub_kafka_producer_idle(b)) && !late) return;
    if (!hub_kafka_producer_idle(b) && b->producer.rk) hub_kafka_producer_abandon(b);
    rd_kafka_error_t *err = b->consumer.rk ? rd_kafka_consumer_close_queue(b->consumer.rk, b->consumer.queue) : NULL;
    if (err) rd_kafka_error_destroy(err);
    begin_step(b, LEAVING, b->was_reached ? LEAVE_MS : UNREACHED_MS);
}

/* The group has let go, and no job uses a handle; or the time is over. */
static void let_go(struct kafka_bus *b, bool late) {
    bool used = b->probe.running || b->jobs || !hub_kafka_rebalance_idle(b);
    bool closed = !b->consumer.rk || rd_kafka_consumer_closed(b->consumer.rk);
    if ((used || !closed || !hub_kafka_producer_idle(b)) && !late) return;
    if (used) {
        b->left = true;
    } else {
        hub_kafka_consumer_destroy(b);
        hub_kafka_producer_destroy(b);
    }
    begin_step(b, DESTROYING, used ? 0 : b->was_reached ? DESTROY_MS : UNREACHED_MS);
}

/* With TLS, threads of librdkafka would go on in OpenSSL while exit() takes that down. */
static void exit_at_once(int status, void *arg) {
    (void)arg;
    fflush(NULL);
    _exit(status);
}

static struct kafka_bus *left; /* what is left stays within reach of its threads */

static void leave_to_exit(struct kafka_bus *b) {
    const char *protocol = hub_kafka_settings_get(&b->settings, "security.protocol");
    HUB_LIST_EACH(&b->destructions, it) hub_kafka_worker_abandon(&HUB_CONTAINER(it, struct destruction, link)->worker);
    hub_kafka_worker_abandon(&b->worker);
    if (protocol && strcmp(protocol, "plaintext") != 0) on_exit(exit_at_once, NULL);
    b->next_left = left;
    left = b;
}

static void end_bus(struct kafka_bus *b) {
    void (*done)(void *) = b->close_done;
    void *arg = b->close_arg;
    hub_kafka_producer_end(b);
    hub_timer_stop(b->loop, &b->again);
    hub_timer_stop(b->loop, &b->tick);
    hub_timer_stop(b->loop, &b->probe.timer);
    hub_timer_stop(b->loop, &b->consumer.commit_timer);
    hub_timer_stop(b->loop, &b->consumer.turn_timer);
    hub_defer_cancel(&b->consumer.commit);
    hub_defer_cancel(&b->consumer.resubscribe);
    hub_defer_cancel(&b->drain);
    hub_watch_close(b->loop, b->watch);
    hub_metric_set(&up, 0);
    b->left |= b->jobs > 0;
    if (b->left) {
        leave_to_exit(b);
    } else {
        hub_kafka_worker_stop(&b->worker);
        close(b->wake);
        hub_kafka_topics_free(b);
        b->closed = true;
        if (!b->held) hub_kafka_free(b);
    }
    done(arg);
}

static void on_close_step(struct hub_timer *t) {
    struct kafka_bus *b = HUB_CONTAINER(t, struct kafka_bus, again);
    bool late = hub_loop_now(b->loop) >= b->close_by;
    hub_kafka_producer_drain(b);
    hub_kafka_consumer_drain(b);
    hub_kafka_rebalance_step(b);
    switch (b->close_step) {
    case FINISHING: finish_closing(b, late); break;
    case LEAVING: let_go(b, late); break;
    default:
        if (!b->jobs || late) {
            end_bus(b);
            return;
        }
    }
    hub_timer_start(b->loop, &b->again, CLOSE_STEP_MS, on_close_step);
}

static void bus_close(struct hub_bus *base, void (*done)(void *arg), void *arg) {
    struct kafka_bus *b = hub_kafka_bus(base);
    b->paused = b->closing = true;
    b->close_done = done;
    b->close_arg = arg;
    /* Where trying has failed all the time there is nothing to wait for. */
    begin_step(b, FINISHING, b->was_reached || !b->trouble_at ? FINISH_MS : 0);
    HUB_LIST_EACH(&b->consumer.partitions, it) HUB_CONTAINER(it, struct partition, link)->stopping = true;
    hub_kafka_rebalance_step(b);
    hub_timer_start(b->loop, &b->again, 0, on_close_step);
}

const struct hub_bus_ops hub_kafka_bus_ops = {
    .scheme = "kafka",
    .help = "kafka://host:port[,host:port…][?property=value&…] - Apache Kafka",
    .check = bus_check,
    .open = bus_open,
    .subscribe = hub_kafka_subscribe,
    .publish = hub_kafka_publish,
    .ready = bus_ready,
    .pause = bus_pause,
    .close = bus_close,
    .free_record = hub_kafka_free_record,
};
