/* What the server under test costs, read from /proc: CPU time of all its threads and resident memory. Linux only. */
#ifndef HUB_HUBCTL_BENCH_PROC_H
#define HUB_HUBCTL_BENCH_PROC_H
#include <stdbool.h>
#include <stdint.h>

/* User plus system time of the process, all threads, living and gone, in seconds (resolution: one clock tick, usually 10 ms). */
bool hub_bench_cpu_seconds(int pid, double *out);
/* Resident set in bytes. */
bool hub_bench_rss_bytes(int pid, int64_t *out);
#endif
