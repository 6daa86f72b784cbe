/* Allocation that cannot fail: out of memory ends the process with one line on stderr.
 * Everything a stranger can make us allocate is bounded before it reaches these functions. */
#ifndef HUB_BASE_MEM_H
#define HUB_BASE_MEM_H
#include <stddef.h>

#include "base/memory/bug.h"

HUB_MUST void *hub_xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
HUB_MUST void *hub_xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
HUB_MUST void *hub_xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
HUB_MUST char *hub_xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
HUB_MUST char *hub_xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* For a process that cannot go on: what the log still has, then TEXT; never waits for long. Also in signal
 * handlers. Defined by the log (base/telemetry/log_writer.c). */
void hub_log_last_words(const char *text);

/* The struct of type T that holds MEMBER at address P. */
#define HUB_CONTAINER(P, T, MEMBER) ((T *)((char *)(P)-offsetof(T, MEMBER)))
#define HUB_NELEM(A) (sizeof(A) / sizeof((A)[0]))
#endif
