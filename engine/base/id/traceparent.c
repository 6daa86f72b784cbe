/* W3C Trace Context, traceparent. */
#include "base/id/traceparent.h"

#include <string.h>

enum { TRACE_AT = 3, TRACE_N = 32, PARENT_AT = 36, PARENT_N = 16, FLAGS_AT = 53, FLAGS_N = 2 };

static bool is_hex(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!p[i] || !strchr("0123456789abcdef", p[i])) return false;
    return true;
}

static bool is_id(const char *p, size_t n) {
    size_t zeros = 0;
    while (zeros < n && p[zeros] == '0') zeros++;
    return zeros < n && is_hex(p, n);
}

bool hub_traceparent_parse(struct hub_str s, char out[HUB_TRACEPARENT_LEN + 1]) {
    if (s.n < HUB_TRACEPARENT_LEN || !is_hex(s.p, 2) || memcmp(s.p, "ff", 2) == 0) return false;
    bool first = memcmp(s.p, "00", 2) == 0;
    if (s.n > HUB_TRACEPARENT_LEN && (first || s.p[HUB_TRACEPARENT_LEN] != '-')) return false;
    if (s.p[2] != '-' || s.p[PARENT_AT - 1] != '-' || s.p[FLAGS_AT - 1] != '-') return false;
    if (!is_id(s.p + TRACE_AT, TRACE_N) || !is_id(s.p + PARENT_AT, PARENT_N)) return false;
    if (!is_hex(s.p + FLAGS_AT, FLAGS_N)) return false;
    memcpy(out, s.p, HUB_TRACEPARENT_LEN);
    out[HUB_TRACEPARENT_LEN] = 0;
    if (first) return true;
    /* Of the flags of a later version only "sampled" is known. */
    const char *odd = "13579bdf";
    memcpy(out, "00", 2);
    out[FLAGS_AT] = '0';
    out[FLAGS_AT + 1] = strchr(odd, out[FLAGS_AT + 1]) ? '1' : '0';
    return true;
}
