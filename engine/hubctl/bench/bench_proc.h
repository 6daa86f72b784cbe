/* What the server under test costs: CPU time and resident memory of another process. Linux only. */
#ifndef HUB_HUBCTL_BENCH_PROC_H
#define HUB_HUBCTL_BENCH_PROC_H
#include <stdbool.h>
#include <stdint.h>

/* User plus system time of the process, all threads, living and gone, in seconds. The process's CPU clock,
 * because the figures of /proc/PID/stat come in ticks of 10 ms, too coarse for a few thousand connects. */
bool hub_bench_cpu_seconds(int pid, double *out);
/* Resident set in bytes. */
bool hub_bench_rss_bytes(int pid, int64_t *out);
#endif
