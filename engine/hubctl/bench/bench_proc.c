/* Another process's CPU clock, and /proc/PID/status. */
#include "hubctl/bench/bench_proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time/clock.h"

/* The beginning of /proc/PID/NAME, NUL-terminated. */
static bool read_proc(int pid, const char *name, char *out, size_t cap) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(out, 1, cap - 1, f);
    fclose(f);
    out[n] = 0;
    return n > 0;
}

bool hub_bench_cpu_seconds(int pid, double *out) {
    uint64_t ns;
    if (!hub_process_cpu_ns(pid, &ns)) return false;
    *out = (double)ns / 1e9;
    return true;
}

bool hub_bench_rss_bytes(int pid, int64_t *out) {
    char text[4096];
    if (!read_proc(pid, "status", text, sizeof text)) return false;
    const char *p = strstr(text, "\nVmRSS:");
    if (!p) return false;
    *out = strtoll(p + 7, NULL, 10) * 1024;
    return true;
}
