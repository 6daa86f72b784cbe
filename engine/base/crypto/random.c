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

/* Where the thread's sequence is that hub_random_repeat began; 0: it has none. */
static _Thread_local uint64_t sequence;

void hub_random_repeat(uint64_t seed) { sequence = seed | 1; }

/* Weyl's sequence, mixed as SplitMix64 does. */
static void repeat_random(void *out, size_t n) {
    for (unsigned char *p = out; n; p++, n--) {
        uint64_t z = sequence += 0x9e3779b97f4a7c15 * 2;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        *p = (unsigned char)((z ^ (z >> 31)) >> 56);
    }
}

void hub_random(void *out, size_t n) {
    /* A pool turns one system call per id into one per about thirty ids. */
    static _Thread_local unsigned char pool[512];
    static _Thread_local size_t left;
    if (sequence) {
        repeat_random(out, n);
        return;
    }
    if (n > sizeof pool) {
        refill_random(out, n);
        return;
    }
    if (left < n) refill_random(pool, sizeof pool), left = sizeof pool;
    left -= n;
    memcpy(out, pool + left, n);
    memset(pool + left, 0, n);
}
