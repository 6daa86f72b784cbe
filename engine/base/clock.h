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
/* What databases and people write: YYYY-MM-DD[(T| )HH:MM[:SS[.f…]][Z|±HH[:]MM]]; no zone means UTC. For
 * reading only. */
bool hub_iso_parse(struct hub_str text, int64_t *wall_ms);

/* The first and the last moment that a DateTime can be: what both stores can keep and hub_iso_format can
 * write. */
#define HUB_DATETIME_MIN (-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define HUB_DATETIME_MAX 253402300799999   /* 9999-12-31T23:59:59.999Z */
/* The type DateTime, wherever somebody gives a value of it: YYYY-MM-DDTHH:MM[:SS[.f…]][Z|±HH:MM] with a
 * "T", of one to nine digits f, and 59 as the last second; no zone means UTC. */
bool hub_datetime_parse(struct hub_str text, int64_t *wall_ms);
#define HUB_DATETIME_EXPECTED "an ISO 8601 date-time, such as 2026-01-31T23:59:59Z"
#endif
