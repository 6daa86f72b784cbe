/* What the files of the log share.
 *
 *   log.c         levels, fields, escaping: the text of a line
 *   log_limit.c   how many lines of one kind there may be
 *   log_writer.c  the way to stderr */
#ifndef HUB_BASE_LOG_INT_H
#define HUB_BASE_LOG_INT_H
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "base/text/buf.h"

/* ---- limits ---- */

struct hub_log_kind {
    uint64_t key; /* 0: unused */
    int64_t due;  /* when its allowance is whole again, monotonic ms */
    int64_t last; /* when a line was left out last */
    uint32_t left_out;
    enum hub_log_level level;
    const char *component; /* a literal */
    char about[80];        /* the beginning of its message */
};

/* Whether a line of the kind KEY may be written. *left_out says how many were not since the last one that
 * was. */
bool hub_log_admit(enum hub_log_level level, const char *component, uint64_t key, struct hub_str about,
                   uint32_t *left_out);
/* Takes a kind of which lines were left out, but none for QUIET_MS (log_limit.c; ALL: any kind of which lines
 * were left out); false when there is none. */
bool hub_log_take_quiet(struct hub_log_kind *out, bool all);
bool hub_log_any_left_out(void);

/* ---- the writer ---- */

/* A whole line with its end. */
void hub_log_put(enum hub_log_level level, struct hub_str line);
bool hub_log_is_started(void);
/* Wakes the writer, which looks after kinds that have gone quiet. */
void hub_log_nudge(void);

/* ---- lines that the others need ---- */

void hub_log_add_dropped(struct hub_buf *line, uint64_t number);
void hub_log_tell_quiet(bool all);

extern struct hub_metric hub_log_dropped, hub_log_suppressed;
#endif
