/* Makes the rows, takes the times, reports. Usage: PROGRAM WHERE [SENDERS [SECONDS [WARMUP]]] */
#include "insert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_NS 20000u /* of the latencies that are told apart */
#define STEPS 100000
#define IN_A_ROOM 10 /* senders */

struct insert_row *insert_rows;
uint32_t insert_senders = 200;
static uint64_t measure_from, stop_at, first_ns, last_ns, durable;
static uint32_t latency[STEPS];

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void insert_fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* In the form and the order of UUIDv7. */
static void put_id(char out[40]) {
    static uint64_t count;
    uint64_t ms = now_ns(CLOCK_REALTIME) / 1000000, n = ++count * 0x9e3779b97f4a7c15u;
    snprintf(out, 40, "%08x-%04x-7%03x-8%03x-%012llx", (unsigned)(ms >> 16), (unsigned)(ms & 0xffff),
             (unsigned)(count >> 12 & 0xfff), (unsigned)(count & 0xfff), (unsigned long long)(n & 0xffffffffffffu));
}

static void put_time(char out[32]) {
    uint64_t ms = now_ns(CLOCK_REALTIME) / 1000000;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03uZ", (unsigned)(ms % 1000));
}

void insert_next(uint32_t sender) {
    struct insert_row *r = &insert_rows[sender];
    put_id(r->id);
    put_time(r->timestamp);
    snprintf(r->seq, sizeof r->seq, "%llu", (unsigned long long)++insert_rows[sender / IN_A_ROOM * IN_A_ROOM].room_seq);
    r->number++;
    snprintf(r->content, sizeof r->content, "{\"body\":\"~%08x%08xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
             sender, (unsigned)r->number);
    r->sent_ns = now_ns(CLOCK_MONOTONIC);
}

bool insert_durable(uint32_t sender) {
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    if (now >= stop_at) return false;
    if (now < measure_from) return true;
    if (!first_ns) first_ns = now;
    last_ns = now;
    durable++;
    uint64_t step = (now - insert_rows[sender].sent_ns) / STEP_NS;
    latency[step < STEPS ? step : STEPS - 1]++;
    return true;
}

static double quantile_ms(double share) {
    uint64_t seen = 0, want = (uint64_t)(share * (double)durable);
    for (int i = 0; i < STEPS; i++)
        if ((seen += latency[i]) >= want) return (i + 1) * (STEP_NS / 1e6);
    return STEPS * (STEP_NS / 1e6);
}

int main(int argc, char **argv) {
    if (argc < 2) insert_fail(argv[0], "WHERE [SENDERS [SECONDS [WARMUP]]]");
    if (argc > 2) insert_senders = (uint32_t)atoi(argv[2]);
    double seconds = argc > 3 ? atof(argv[3]) : 3, warmup = argc > 4 ? atof(argv[4]) : 1;
    if (insert_senders < 1 || seconds <= 0) insert_fail(argv[0], "at least one sender and some time are needed");
    insert_rows = calloc(insert_senders, sizeof *insert_rows);
    if (!insert_rows) insert_fail(argv[0], "out of memory");
    for (uint32_t i = 0; i < insert_senders; i++) {
        struct insert_row *r = &insert_rows[i];
        snprintf(r->room, sizeof r->room, "r%u", i / IN_A_ROOM);
        snprintf(r->sender, sizeof r->sender, "u%u", i);
        const char *const value[INSERT_COLUMNS] = {r->id,  r->room,    r->sender,    NULL,       NULL,
                                                   "note", r->content, r->timestamp, "approved", r->seq,
                                                   r->seq, NULL,       NULL,         "1"};
        memcpy(r->value, value, sizeof value);
    }
    measure_from = now_ns(CLOCK_MONOTONIC) + (uint64_t)(warmup * 1e9);
    stop_at = measure_from + (uint64_t)(seconds * 1e9);
    insert_run(argv[1]);
    double took = (double)(last_ns - first_ns) / 1e9;
    printf("{\"connections\":%u,\"seconds\":%.3f,\"acks\":%llu,\"acksPerSecond\":%.3f,\"ackP50Ms\":%.3f,\"ackP99Ms\":%."
           "3f}\n",
           insert_senders, took, (unsigned long long)durable, took > 0 ? (double)durable / took : 0, quantile_ms(0.5),
           quantile_ms(0.99));
    return 0;
}
