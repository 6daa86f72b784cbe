/* Random bytes. Callable from every thread. */
#ifndef HUB_BASE_RANDOM_H
#define HUB_BASE_RANDOM_H
#include <stddef.h>
#include <stdint.h>

void hub_random(void *out, size_t n); /* getrandom(2); never fails */
/* From now on the calling thread draws what follows from SEED, the same each time: for runs that are to be
 * repeated, never where somebody could guess from it. */
void hub_random_repeat(uint64_t seed);
#endif
