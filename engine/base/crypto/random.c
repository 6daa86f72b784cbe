/* Random bytes of the kernel, with a stock for each thread. */
#include "base/crypto/random.h"

#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

static void refill_random(void *out, size_t n) {
    unsigned char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) continue; /* EINTR: the only failure with a valid buffer and no flags */
        p += got, n -= (size_t)got;
    }
}

void hub_random(void *out, size_t n) {
    /* A pool turns one system call per id into one per about thirty ids. */
    static _Thread_local unsigned char pool[512];
    static _Thread_local size_t left;
    if (n > sizeof pool) {
        refill_random(out, n);
        return;
    }
    if (left < n) refill_random(pool, sizeof pool), left = sizeof pool;
    left -= n;
    memcpy(out, pool + left, n);
    memset(pool + left, 0, n);
}
