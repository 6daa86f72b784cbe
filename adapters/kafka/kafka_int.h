/* Shared by the files of adapters/kafka only: the bus, its producer and its consumer. Everything on the
 * loop thread, except what runs as a job. */
#ifndef HUB_ADAPTERS_KAFKA_INT_H
#define HUB_ADAPTERS_KAFKA_INT_H
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "adapters/kafka/settings.h"
#include "adapters/kafka/worker.h"
#include "base/collection/map.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"

struct kafka_bus;

/* ---- publishing (producer.c) ---- */

struct producer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    bool broken;             /* a fatal error: made anew when every record of it has been answered */
    struct hub_list taken;   /* by librdkafka, not answered yet */
    struct hub_list refused; /* those that librdkafka did not take, to be answered at the end of the turn */
    struct hub_task answer;
    size_t waiting; /* published and not yet answered */
};
enum hub_code hub_kafka_producer_open(struct kafka_bus *b, struct hub_err *err);
void hub_kafka_publish(struct hub_bus *base, const struct hub_bus_message *m, hub_bus_done *done, void *arg);
bool hub_kafka_producer_drain(struct kafka_bus *b); /* true: there may be more */
void hub_kafka_producer_tick(struct kafka_bus *b);
void hub_kafka_producer_abandon(struct kafka_bus *b); /* what waits is answered soon, as failed */
void hub_kafka_producer_destroy(struct kafka_bus *b);
bool hub_kafka_producer_idle(const struct kafka_bus *b);
void hub_kafka_producer_end(struct kafka_bus *b); /* whatever waits still is answered now, as failed */

/* ---- consuming (consumer.c, partition.c, rebalance.c) ---- */

struct kafka_subscriber {
    struct hub_list link;
    hub_bus_cb *cb;
    void *arg;
};
struct kafka_topic {
    char *name;
    struct hub_list subscribers;
    int64_t since;     /* wall ms of the first subscription */
    bool missing;      /* was seen not to exist then: all of it is new */
    size_t partitions; /* assigned here */
    int64_t *handled;  /* of partitions that were given back: all before it was handled here; by number */
    size_t handled_n;
    struct hub_metric *lag;
};

struct kafka_record {
    struct hub_bus_record base;
    struct hub_bus_header *headers; /* base.headers */
    struct hub_list link;           /* partition->records */
    struct partition *partition;
    int64_t offset;
    size_t bytes;
    bool released;
    char text[];
};

/* A partition while it is assigned; after that as long as records of it are held. */
struct partition {
    struct hub_list link; /* consumer->partitions; unlinked = given back */
    struct kafka_bus *bus;
    struct kafka_topic *topic;
    int32_t number;
    rd_kafka_queue_t *queue; /* NULL = given back */
    bool stopping;           /* no more records are taken from it */
    struct hub_list records; /* delivered, in the order of offsets, without those at the front that are released */
    size_t held, held_bytes;
    int64_t last;        /* offset delivered last */
    int64_t next;        /* all before it is handled */
    int64_t sent, acked; /* committed: asked, answered */
    int64_t end;         /* what a probe found to be the partition's end and fetching has not reached, or -1 */
    int64_t asked;       /* when, ms of the loop */
    bool alive;          /* fetching has reached it */
};

struct turn; /* a rebalance (rebalance.c) */
struct consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    bool broken; /* made anew as soon as nothing uses it any more */
    int64_t opened_at;
    struct hub_map topics;
    struct hub_list partitions;
    struct hub_task resubscribe;
    bool joined; /* a first assignment has come */
    struct hub_list turns;
    struct turn *turn; /* the one at work */
    struct hub_timer turn_timer;
    struct hub_task commit;
    struct hub_timer commit_timer;
    bool committing;
    int64_t committed_at;
};
enum hub_code hub_kafka_consumer_open(struct kafka_bus *b, struct hub_err *err);
void hub_kafka_subscribe(struct hub_bus *base, const char *topic, hub_bus_cb *cb, void *arg);
bool hub_kafka_consumer_drain(struct kafka_bus *b);
void hub_kafka_consumer_tick(struct kafka_bus *b);
void hub_kafka_consumer_restart(struct kafka_bus *b, const char *why); /* soon */
void hub_kafka_consumer_destroy(
    struct kafka_bus *b); /* or leaves it to the end of the process, when that is not safe */
bool hub_kafka_consumer_joining(const struct kafka_bus *b); /* between subscribing and the first assignment */
struct partition *hub_kafka_partition(struct kafka_bus *b, const char *topic,
                                      int32_t number); /* NULL when not assigned */
struct kafka_topic *hub_kafka_topic(struct kafka_bus *b, const char *name);
bool hub_kafka_awaited(
    const struct kafka_bus *b); /* some topic is not known to be missing: the group will assign its partitions */
void hub_kafka_topics_free(struct kafka_bus *b);

/* Begins to take records of a partition: all before NEXT counts as handled, COMMITTED of that the group
 * knows (-1 = nothing). Before it is assigned. */
void hub_kafka_partition_open(struct kafka_bus *b, const char *topic, int32_t number, int64_t next, int64_t committed);
void hub_kafka_partition_close(struct partition *p); /* given back: what is held no longer counts */
/* Where to go on with a partition: after what this process has handled, also when the brokers went away
 * before that was committed. */
int64_t hub_kafka_partition_resume(const struct kafka_topic *t, int32_t number, int64_t committed);
bool hub_kafka_partition_drain(struct partition *p);
void hub_kafka_deliver(struct kafka_bus *b, const rd_kafka_message_t *m);
void hub_kafka_free_record(struct hub_bus_record *r);

/* Commits what has been handled: soon, or at once (false when there is nothing to commit, or a commit is
 * under way already). */
void hub_kafka_commit_soon(struct kafka_bus *b);
bool hub_kafka_commit_now(struct kafka_bus *b);
void hub_kafka_on_commit(struct kafka_bus *b, rd_kafka_event_t *ev);

void hub_kafka_on_rebalance(struct kafka_bus *b, rd_kafka_event_t *ev);
void hub_kafka_rebalance_step(struct kafka_bus *b); /* a revocation may be able to go on */
bool hub_kafka_rebalance_idle(const struct kafka_bus *b);

/* ---- where to begin (start.c): runs as a job ---- */

struct hub_kafka_start {
    char *topic;
    int32_t partition;
    int64_t since;     /* wall ms: of a topic the group never committed for, what came after it */
    bool all;          /* or everything */
    int64_t committed; /* found: -1 = nothing */
    int64_t offset;    /* found: where to begin */
};
/* Fills them all; tries until that succeeds or *CANCEL. Blocking. */
bool hub_kafka_find_starts(rd_kafka_t *rk, struct hub_kafka_start *starts, size_t n, const atomic_bool *cancel);

/* ---- whether it works (probe.c) ---- */

struct probe {
    struct hub_kafka_job job;
    bool running;
    rd_kafka_t *producer, *consumer;
    rd_kafka_topic_partition_list_t *ends; /* asked for: partitions, found: their ends */
    rd_kafka_resp_err_t err;
    int64_t due;
    struct hub_timer timer;
};
void hub_kafka_probe_in(struct kafka_bus *b, int64_t ms);  /* asks at the latest then */
void hub_kafka_lost(struct kafka_bus *b, const char *why); /* no broker can be reached */

/* ---- the bus (bus.c) ---- */

struct kafka_bus {
    struct hub_bus base; /* first member */
    struct hub_loop *loop;
    struct hub_kafka_settings settings;
    char *group, *client_id;
    struct hub_kafka_worker worker;
    int wake; /* eventfd that librdkafka's threads write to */
    struct hub_watch *watch;
    struct hub_task drain;
    struct hub_timer again, tick;
    struct producer producer;
    struct consumer consumer;
    struct probe probe;
    bool reached;       /* the last probe got its answers */
    bool was_reached;   /* any did */
    char trouble[200];  /* the last error of a connection */
    int64_t trouble_at; /* logged */
    unsigned log_n, log_lost;
    int64_t log_at;
    size_t held; /* records delivered and not released */
    size_t jobs; /* under way, apart from the probe */
    struct hub_list destructions;
    bool paused, closing, closed;
    bool left; /* a handle was not destroyed */
    struct kafka_bus *next_left;
    int64_t close_by;
    int close_step;
    void (*close_done)(void *arg);
    void *close_arg;
};
static inline struct kafka_bus *hub_kafka_bus(struct hub_bus *b) { return HUB_CONTAINER(b, struct kafka_bus, base); }
/* After the end, with the last record. */
void hub_kafka_free(struct kafka_bus *b);
/* Drains queues at the end of this turn. */
void hub_kafka_wake(struct kafka_bus *b);
/* A handle's configuration. NULL and ERR when librdkafka refuses a setting. */
HUB_MUST rd_kafka_conf_t *hub_kafka_conf(struct kafka_bus *b, enum hub_kafka_role role, struct hub_err *err);
/* Makes a queue's events wake the loop. */
void hub_kafka_watch_queue(struct kafka_bus *b, rd_kafka_queue_t *queue);
/* Destroys a handle that nothing uses any more, on a thread of its own: that may take for ever. */
void hub_kafka_destroy(struct kafka_bus *b, rd_kafka_t *rk);
/* Logs what librdkafka says, at a bounded rate. */
void hub_kafka_log(struct kafka_bus *b, int level, const char *message, const char *key, const char *value);
void hub_kafka_on_log(struct kafka_bus *b, rd_kafka_event_t *ev);
void hub_kafka_on_error(struct kafka_bus *b, rd_kafka_event_t *ev, const char *who);
#endif
