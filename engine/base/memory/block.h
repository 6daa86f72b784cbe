/* Small blocks of memory that come and go with every request. What is given is kept for the next who takes,
 * which needs a third of the instructions of malloc and free. Blocks are malloc's: any of them may be grown
 * by hub_xrealloc and freed by free, and any small block of malloc may be given. */
#ifndef HUB_BASE_BLOCK_H
#define HUB_BASE_BLOCK_H
#include <stddef.h>

#include "base/memory/bug.h"

/* The calling thread, which runs a loop, keeps blocks from here on, a bounded number of bytes, also those
 * of trees of JSON; for all others, and before and afterwards, taking and giving are malloc and free. With
 * AddressSanitizer they always are: it sees a use after the end only where blocks end. The first call comes
 * while no other thread makes or frees JSON; a block may be given on another thread than it was taken on. */
void hub_block_keep(void);
void hub_block_drop(void);

HUB_MUST void *hub_block_take(size_t n) __attribute__((returns_nonnull)); /* what is in it is undefined */
HUB_MUST void *hub_block_find(size_t n);                                  /* only of those that are kept; or NULL */
void hub_block_give(void *p);                                             /* NULL is fine */
/* As many as malloc has to be asked for where N are wanted that are given as N one day: not every malloc
 * rounds up as this does. */
size_t hub_block_bytes(size_t n);
/* The same as hub_block_give, of what was taken or found as N bytes, or asked of malloc as
 * hub_block_bytes(N), so that nobody has to look how large it is. */
void hub_block_give_sized(void *p, size_t n);
#endif
