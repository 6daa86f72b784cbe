/* The count of each kind of line. */
#include "base/log_limit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define WINDOW_MS 10000
#define LINES 10

bool hub_log_may(struct hub_log_limit *kind, const char **left_out) {
    int64_t now = hub_mono_ms();
    if (!kind->since || now - kind->since >= WINDOW_MS) kind->since = now, kind->written = 0;
    *left_out = NULL;
    if (kind->written == LINES) {
        kind->left_out++;
        return false;
    }
    kind->written++;
    if (kind->left_out) {
        snprintf(kind->text, sizeof kind->text, "%" PRIu64, kind->left_out);
        *left_out = kind->text;
    }
    kind->left_out = 0;
    return true;
}
