/* Structured logs: one event per line on stderr, as text or JSON, of the process: engines that run side by
 * side share it. Callable from every thread, but where it says main. A line is:
 * time, level, component ("transport", "room", …), message, then key/value fields.
 *
 * Lines of one kind are limited: 20 at once and one in 10 s, those of scripts 200 at once and 20 a second;
 * debug lines are not. A kind is the component and the message (of hub_logf: its format) with the fields
 * hub, hook, at, code and status; of scripts it is the place. The next line of the kind says how many were
 * left out, or a line of its own once they have stopped.
 *
 * After hub_log_start no call waits for stderr: what it does not take at once a thread writes, 256 KiB
 * wait for it at most, the last quarter of that for warnings and errors. What finds no room, or cannot be
 * written, is dropped, counted, and told of in a line when it flows again. */
#ifndef HUB_BASE_LOG_H
#define HUB_BASE_LOG_H
#include <stdbool.h>

#include "base/text/str.h"

enum hub_log_level { HUB_LOG_ERROR, HUB_LOG_WARN, HUB_LOG_INFO, HUB_LOG_DEBUG };

/* From main, before there are other threads. */
void hub_log_setup(enum hub_log_level level, bool json);
/* From now on TAKE has the lines instead of stderr, all of them, whole and without their end; NULL: stderr
 * again. Comes on any thread. From main. */
typedef void hub_log_taker(void *arg, enum hub_log_level level, struct hub_str line);
void hub_log_divert(hub_log_taker *take, void *arg);
bool hub_log_on(enum hub_log_level level);

/* From now on a thread writes. Fatal signals that nobody handles wait for it, 500 ms at most, before they
 * end the process. From main, and again when stderr has become another file. */
void hub_log_start(void);
/* Waits until what was put has been written, at most about MS. Also in signal handlers. */
void hub_log_flush(int ms);
/* The end of the process: tells what was left out, then the same. */
void hub_log_end(int ms);
/* Text for people, as it is, in its order among the lines. */
void hub_log_text(struct hub_str text);

/* Message by format. */
void hub_logf(enum hub_log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Fixed message and fields: const char *key, const char *value, …, NULL. A NULL value skips its field.
 * Values may come from strangers; they are escaped and cut at 512 bytes. */
void hub_log_kv(enum hub_log_level level, const char *component, const char *message, ...) __attribute__((sentinel));
#endif
