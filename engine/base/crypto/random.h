/* Random bytes. Callable from every thread. */
#ifndef HUB_BASE_RANDOM_H
#define HUB_BASE_RANDOM_H
#include <stddef.h>

void hub_random(void *out, size_t n); /* getrandom(2); never fails */
#endif
