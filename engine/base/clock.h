/* Time. Wall time is for records and tokens, monotonic time for every interval and deadline. */
#ifndef HUB_BASE_CLOCK_H
#define HUB_BASE_CLOCK_H
#include "base/str.h"

int64_t hub_wall_ms(void); /* since 1970-01-01 UTC */
int64_t hub_mono_ms(void); /* never steps back */
uint64_t hub_mono_ns(void);

#define HUB_ISO_LEN 24
/* "2026-01-31T23:59:59.123Z" and a NUL (ISO 8601, UTC, milliseconds). Years 0000 to 9999. */
void hub_iso_format(int64_t wall_ms, char out[HUB_ISO_LEN + 1]);
/* ISO 8601 date or date-time: YYYY-MM-DD[(T| )HH:MM[:SS[.f…]][Z|±HH[:]MM]]; no zone means UTC. */
bool hub_iso_parse(struct hub_str text, int64_t *wall_ms);
#endif
