/* Time. Wall time is for records and tokens, monotonic time for every interval and deadline. The only
 * module that reads the system's clocks (a test, tests/clocks.sh, looks for others).
 *
 * Whoever waits, or asks what time it is, asks a clock. NULL stands for the system's everywhere; a clock of
 * one's own is for tests, which turn it instead of waiting. It is handed to a loop, and what runs on the loop
 * asks there (loop/loop.h). Reading a clock is free to every thread. */
#ifndef HUB_BASE_CLOCK_H
#define HUB_BASE_CLOCK_H
#include <pthread.h>

#include "base/collection/list.h"
#include "base/text/str.h"

/* ---- clocks ---- */

struct hub_clock {
    bool frozen;
    int64_t mono_ms, wall_ms; /* atomic. Frozen: what it shows; else: how far it is ahead of the system's */
    pthread_mutex_t lock;
    struct hub_list listeners;
};
/* A running clock shows the system's time, and however far it was turned beyond it. A frozen one stands
 * still but for hub_clock_turn: it begins at WALL_MS, and at the monotonic time HUB_CLOCK_START_MS, which
 * is none of the system's, so that a mixture of the two is seen. The owner ends it after everything that
 * uses it. */
#define HUB_CLOCK_START_MS 1000000000
void hub_clock_init(struct hub_clock *c);
void hub_clock_init_frozen(struct hub_clock *c, int64_t wall_ms);
void hub_clock_deinit(struct hub_clock *c);

int64_t hub_clock_wall_ms(const struct hub_clock *c); /* since 1970-01-01 UTC; may step back */
int64_t hub_clock_mono_ms(const struct hub_clock *c); /* never steps back */
/* What C showed when the system's monotonic clock showed SYSTEM_MS: for who has that already. */
int64_t hub_clock_mono_at(const struct hub_clock *c, int64_t system_ms);

/* What the system's monotonic clock shows when C, if nobody turns it, shows MONO_MS (a frozen one: if it ran
 * on from now): for limits on work, which goes on in the system's time. */
int64_t hub_clock_to_real(const struct hub_clock *c, int64_t mono_ms);

/* From any thread: moves both times forward by MS, not negative, and wakes those who wait by the clock. */
void hub_clock_turn(struct hub_clock *c, int64_t ms);
/* From any thread: sets the wall time alone, forward or back, as NTP or somebody with a date does. Deadlines
 * do not notice. */
void hub_clock_set_wall(struct hub_clock *c, int64_t wall_ms);

/* Told of each turn, on the thread that turned, with the clock locked: it may wake somebody, and of the
 * clock it may call what reads it. With the system's clock both calls do nothing, and nothing is told. */
struct hub_clock_listener {
    struct hub_list link;
    void (*turned)(struct hub_clock_listener *l);
};
void hub_clock_listen(struct hub_clock *c, struct hub_clock_listener *l);
void hub_clock_unlisten(struct hub_clock *c, struct hub_clock_listener *l); /* no call is under way afterwards */

/* For threads: a condition that hub_clock_wait can wait for. */
void hub_clock_cond_init(pthread_cond_t *cond);
/* Waits for COND, with LOCK held, until C's monotonic time is UNTIL_MS. False: that is now. A clock that is
 * turned wakes nobody here by itself: a listener has to signal COND. */
bool hub_clock_wait(const struct hub_clock *c, pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);

/* ---- what really took time ---- */

/* The system's monotonic time, for what no turned clock makes faster or slower: how long something took, and
 * limits on work while it is being done. Never for what only waits. */
int64_t hub_real_ms(void);
uint64_t hub_real_ns(void);
/* CPU time of the calling thread, and of a whole process (false: there is none). */
uint64_t hub_thread_cpu_ns(void);
bool hub_process_cpu_ns(int pid, uint64_t *out);

/* ---- dates ---- */

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
