/* The work a bench run does: connect, join, publish, count, and what came of it. One run per process;
 * blocking. */
#ifndef HUB_HUBCTL_BENCH_LOAD_H
#define HUB_HUBCTL_BENCH_LOAD_H
#include "hubctl/bench/bench_options.h"
#include "hubctl/bench/bench_stats.h"

#define HUB_BENCH_STEPS 3

/* The part of a run between two readings of the clocks. cpu is the server's, negative when it is not
 * known. */
struct hub_bench_span {
    double seconds, cpu, own_cpu;
};

struct hub_bench_result {
    /* --connect-only, --idle, and the beginning of every other run */
    uint32_t connections;
    uint32_t step_n[HUB_BENCH_STEPS]; /* connections opened at the end of each step: a quarter, half, all */
    struct hub_bench_span connect[HUB_BENCH_STEPS]; /* since the end of the step before */
    struct hub_bench_span join;
    int64_t rss_start, rss_connected, rss_joined, rss_end; /* bytes, -1 = not known */
    /* the measured time */
    struct hub_bench_span run;
    uint64_t published, deliveries, acks;
    uint64_t bytes_in; /* of all connections together */
    uint64_t receipts; /* read receipts that reached a member */
    struct hub_bench_hist delivery, ack;
    /* the whole load, warm-up and drain included */
    uint64_t published_all, acks_all, receipts_all, lost, duplicate, out_of_order;
    uint64_t seq_breaks; /* members that saw a message whose seq was not the room's next */
    uint64_t timeouts;   /* messages given up 5 s after they were sent */
    uint64_t skipped;    /* open loop: messages not sent because too many were undelivered */
    uint64_t errors;     /* refusals by the server */
    char error[256];     /* the first refusal */
};

/* False with a text in WHY when the run could not be carried through: a connection failed, a join was
 * refused, the server hung up. */
bool hub_bench_run(const struct hub_bench_options *o, struct hub_bench_result *out, char why[320]);
#endif
