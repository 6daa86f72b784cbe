/* What is allocated, for tests of memory: bytes that were asked for, of all threads. */
#ifndef TEST_SUPPORT_HEAP_H
#define TEST_SUPPORT_HEAP_H
#include <stddef.h>
#include <stdint.h>

/* AddressSanitizer counts them; without it there is nothing to be asked, and such a test is skipped. */
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#define HEAP_COUNTS true
static inline int64_t heap_bytes(void) { return (int64_t)__sanitizer_get_current_allocated_bytes(); }
#else
#define HEAP_COUNTS false
static inline int64_t heap_bytes(void) { return 0; }
#endif
#endif
