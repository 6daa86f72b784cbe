/* Structured logs: one event per line on stderr, as text or JSON. Callable from every thread.
 * A line is: time, level, component ("transport", "room", …), message, then key/value fields. */
#ifndef HUB_BASE_LOG_H
#define HUB_BASE_LOG_H
#include <stdbool.h>

enum hub_log_level { HUB_LOG_ERROR, HUB_LOG_WARN, HUB_LOG_INFO, HUB_LOG_DEBUG };

void hub_log_setup(enum hub_log_level level, bool json);
/* "error" … "debug"; false when NAME is none of them. */
bool hub_log_level_parse(const char *name, enum hub_log_level *out);
bool hub_log_on(enum hub_log_level level);

/* Message by format. */
void hub_logf(enum hub_log_level level, const char *component, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Fixed message and fields: const char *key, const char *value, …, NULL. A NULL value skips its field. Values may come from
 * strangers; they are escaped and cut at 512 bytes. */
void hub_log_kv(enum hub_log_level level, const char *component, const char *message, ...) __attribute__((sentinel));
#endif
