/* Log lines that strangers can cause: of one kind at most ten in ten seconds; the next line says how many were left out. */
#ifndef HUB_BASE_LOG_LIMIT_H
#define HUB_BASE_LOG_LIMIT_H
#include <stdbool.h>
#include <stdint.h>

/* One per kind of line, static and zero-initialised. Loop thread only. */
struct hub_log_limit {
    int64_t since; /* monotonic ms */
    uint32_t written;
    uint64_t left_out;
    char text[24];
};
/* Whether a line of this kind may be written now. Then *left_out is the number of those that were not since the last one, as text for a field of
 * hub_log_kv, or NULL for none. */
bool hub_log_may(struct hub_log_limit *kind, const char **left_out);
#endif
