/* `hubctl bench`: runs a load and prints what came of it, as text or as one line of JSON. */
#include <stdio.h>

#include "base/json/json.h"
#include "hubctl/bench/bench_load.h"
#include "hubctl/hubctl.h"

static double per_second(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

/* Connections are measured in growing steps: the cost of the first and of the last ones tells whether it
 * grows with their number. */
static double connects_per_cpu(const struct hub_bench_result *r, int step) {
    uint32_t before = step ? r->step_n[step - 1] : 0;
    return per_second(r->step_n[step] - before, r->connect[step].cpu);
}

static double rss_per(const struct hub_bench_result *r, int64_t at) {
    return at < 0 || r->rss_start < 0 ? -1 : (double)(at - r->rss_start) / r->connections;
}

/* Of each subscription of --event channel. */
static double rss_per_subscription(const struct hub_bench_options *o, const struct hub_bench_result *r) {
    return (double)(r->rss_joined - r->rss_connected) / ((double)r->connections * o->subscriptions);
}

/* ---- text ---- */

static void print_connects(const struct hub_bench_options *o, const struct hub_bench_result *r) {
    uint32_t from = 0;
    for (int s = 0; s < HUB_BENCH_STEPS; from = r->step_n[s++]) {
        if (r->step_n[s] == from) continue;
        printf("connections %6u to %6u: %8.0f/s", from, r->step_n[s],
               per_second(r->step_n[s] - from, r->connect[s].seconds));
        if (o->pid) printf(" %8.0f per server-CPU-second", connects_per_cpu(r, s));
        puts("");
    }
    if (o->task == HUB_BENCH_IDLE) {
        printf("joins:                       %8.0f/s", per_second(r->connections, r->join.seconds));
        if (o->pid) printf(" %8.0f per server-CPU-second", per_second(r->connections, r->join.cpu));
        puts("");
    }
    if (o->pid) {
        printf("resident bytes per connection: %.0f connected", rss_per(r, r->rss_connected));
        if (o->task == HUB_BENCH_IDLE) printf(", %.0f joined", rss_per(r, r->rss_joined));
        printf(" (%lld KiB before)\n", (long long)r->rss_start / 1024);
        if (o->task == HUB_BENCH_IDLE && o->event == HUB_BENCH_CHANNEL)
            printf("resident bytes per subscription: %.0f\n", rss_per_subscription(o, r));
    }
}

static void print_latency(const char *name, const struct hub_bench_hist *h) {
    if (!h->count) return;
    printf("%s latency, ms: p50 %.3f  p90 %.3f  p99 %.3f  max %.3f\n", name,
           (double)hub_bench_hist_quantile(h, 0.5) / 1e6, (double)hub_bench_hist_quantile(h, 0.9) / 1e6,
           (double)hub_bench_hist_quantile(h, 0.99) / 1e6, (double)h->max / 1e6);
}

static void print_load(const struct hub_bench_options *o, const struct hub_bench_result *r) {
    const struct hub_bench_span *run = &r->run;
    printf("%u connections, %.2f s measured, generator CPU %.0f %%\n", r->connections, run->seconds,
           100 * per_second(run->own_cpu, run->seconds));
    printf("published  %10.0f/s\n", per_second((double)r->published, run->seconds));
    if (r->deliveries) printf("deliveries %10.0f/s", per_second((double)r->deliveries, run->seconds));
    if (r->deliveries && o->pid) printf(" %10.0f per server-CPU-second", per_second((double)r->deliveries, run->cpu));
    if (r->deliveries) printf(", %.0f bytes each\n", (double)r->bytes_in / (double)r->deliveries);
    if (r->acks) printf("acks       %10.0f/s", per_second((double)r->acks, run->seconds));
    if (r->acks && o->pid) printf(" %10.0f per server-CPU-second", per_second((double)r->acks, run->cpu));
    if (r->acks) puts("");
    if (o->readers) printf("receipts   %10.0f/s, seen by members\n", per_second((double)r->receipts, run->seconds));
    if (o->pid)
        printf("server CPU %.0f %%, %lld KiB resident\n", 100 * per_second(run->cpu, run->seconds),
               (long long)r->rss_end / 1024);
    print_latency("delivery", &r->delivery);
    print_latency("ack", &r->ack);
    printf("lost %llu, duplicate %llu, out of order %llu, breaks in the room's seq %llu (of %llu published)\n",
           (unsigned long long)r->lost, (unsigned long long)r->duplicate, (unsigned long long)r->out_of_order,
           (unsigned long long)r->seq_breaks, (unsigned long long)r->published_all);
    if (r->timeouts) printf("given up after 5 s: %llu\n", (unsigned long long)r->timeouts);
    if (r->skipped) printf("not sent, too many undelivered: %llu\n", (unsigned long long)r->skipped);
    if (r->errors) printf("refused by the server: %llu, first: %s\n", (unsigned long long)r->errors, r->error);
}

/* ---- JSON ---- */

static void add_number(struct hub_buf *b, const char *key, double value) {
    hub_buf_addf(b, ",\"%s\":%.3f", key, value);
}
static void add_count(struct hub_buf *b, const char *key, uint64_t value) {
    hub_buf_addf(b, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void add_latency(struct hub_buf *b, const char *name, const struct hub_bench_hist *h) {
    static const struct {
        const char *name;
        double share;
    } points[] = {{"P50", 0.5}, {"P90", 0.9}, {"P99", 0.99}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        hub_buf_addf(b, ",\"%s%sMs\":%.4f", name, points[i].name,
                     (double)hub_bench_hist_quantile(h, points[i].share) / 1e6);
    hub_buf_addf(b, ",\"%sMaxMs\":%.4f", name, (double)h->max / 1e6);
}

static void add_connects(struct hub_buf *b, const struct hub_bench_options *o, const struct hub_bench_result *r) {
    static const char *const names[HUB_BENCH_STEPS] = {"connectsPerCpuSecondQuarter", "connectsPerCpuSecondHalf",
                                                       "connectsPerCpuSecondAll"};
    double seconds = 0;
    for (int s = 0; s < HUB_BENCH_STEPS; s++) {
        if (r->connect[s].cpu >= 0) add_number(b, names[s], connects_per_cpu(r, s));
        seconds += r->connect[s].seconds;
    }
    add_number(b, "connectsPerSecond", per_second(r->connections, seconds));
    if (r->join.cpu > 0) add_number(b, "joinsPerCpuSecond", per_second(r->connections, r->join.cpu));
    if (r->join.seconds > 0) add_number(b, "joinsPerSecond", per_second(r->connections, r->join.seconds));
    if (r->rss_start < 0) return;
    add_count(b, "rssStart", (uint64_t)r->rss_start);
    add_count(b, "rssEnd", (uint64_t)r->rss_end);
    add_number(b, "rssPerConnection", rss_per(r, r->rss_connected));
    add_number(b, "rssPerJoined", rss_per(r, r->rss_joined));
    if (o->event == HUB_BENCH_CHANNEL) add_number(b, "rssPerSubscription", rss_per_subscription(o, r));
}

static void add_load(struct hub_buf *b, const struct hub_bench_result *r) {
    const struct hub_bench_span *run = &r->run;
    add_number(b, "seconds", run->seconds);
    add_number(b, "generatorCpuSeconds", run->own_cpu);
    if (run->cpu >= 0) {
        add_number(b, "serverCpuSeconds", run->cpu);
        add_number(b, "deliveriesPerCpuSecond", per_second((double)r->deliveries, run->cpu));
        add_number(b, "acksPerCpuSecond", per_second((double)r->acks, run->cpu));
    }
    add_count(b, "published", r->published);
    add_count(b, "deliveries", r->deliveries);
    add_count(b, "acks", r->acks);
    add_count(b, "receipts", r->receipts);
    add_number(b, "bytesPerDelivery", r->deliveries ? (double)r->bytes_in / (double)r->deliveries : 0);
    add_number(b, "deliveriesPerSecond", per_second((double)r->deliveries, run->seconds));
    add_number(b, "acksPerSecond", per_second((double)r->acks, run->seconds));
    add_latency(b, "delivery", &r->delivery);
    add_latency(b, "ack", &r->ack);
    add_count(b, "publishedAll", r->published_all);
    add_count(b, "acksAll", r->acks_all);
    add_count(b, "receiptsAll", r->receipts_all);
    add_count(b, "lost", r->lost);
    add_count(b, "duplicate", r->duplicate);
    add_count(b, "outOfOrder", r->out_of_order);
    add_count(b, "seqBreaks", r->seq_breaks);
    add_count(b, "timeouts", r->timeouts);
    add_count(b, "skipped", r->skipped);
    add_count(b, "errors", r->errors);
    if (!r->errors) return;
    hub_buf_addz(b, ",\"firstError\":");
    hub_json_add_string(b, hub_cstr(r->error));
}

static void print_json(const struct hub_bench_options *o, const struct hub_bench_result *r) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "{\"connections\":%u", r->connections);
    add_connects(&b, o, r);
    if (o->task == HUB_BENCH_LOAD) add_load(&b, r);
    hub_buf_addz(&b, "}");
    puts(hub_buf_cstr(&b));
    hub_buf_free(&b);
}

int hub_bench(int argc, char **argv) {
    static struct hub_bench_result result; /* its histograms are too large for a stack frame */
    struct hub_bench_options options;
    char why[320];
    int code = hub_bench_parse(argc, argv, &options);
    if (code != HUB_CLI_GO_ON) return code;
    if (!hub_bench_run(&options, &result, why)) {
        fprintf(stderr, "hubctl bench: %s\n", why);
        if (result.errors)
            fprintf(stderr, "hubctl bench: %llu refusals before, first: %s\n", (unsigned long long)result.errors,
                    result.error);
        return HUBCTL_FAILED;
    }
    if (options.format)
        print_json(&options, &result);
    else if (options.task == HUB_BENCH_LOAD)
        print_load(&options, &result);
    else
        print_connects(&options, &result);
    bool broken = options.event == HUB_BENCH_MESSAGE &&
                  (result.lost || result.duplicate || result.out_of_order || result.seq_breaks);
    return broken ? HUBCTL_FAILED : HUBCTL_OK;
}
