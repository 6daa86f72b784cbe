/* Identifiers. */
#include "base/id/uuid.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto/random.h"
#include "base/time/clock.h"

static void format_uuid(const unsigned char b[16], char *out) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = 0;
}

/* The 60 bits that ids are ordered by, unix_ts_ms and rand_a, of the last one made in this process. */
static uint64_t last_v7;

/* Of a thread with a clock of its own. */
static _Thread_local const struct hub_clock *own_clock;
static _Thread_local uint64_t own_last_v7;

void hub_uuid7_by(const struct hub_clock *clock) {
    own_clock = clock;
    own_last_v7 = 0;
}

/* RANDOM in a new millisecond (with room to count up from), the next number within one; when all are used
 * up the time runs ahead. */
static uint64_t next_v7(uint64_t ms, uint64_t random) {
    uint64_t *of = own_clock ? &own_last_v7 : &last_v7;
    uint64_t last = __atomic_load_n(of, __ATOMIC_RELAXED), next;
    do next = ms > last >> 12 ? ms << 12 | (random & 0x7ff) : last + 1;
    while (!__atomic_compare_exchange_n(of, &last, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return next;
}

void hub_uuid7(char out[HUB_UUID_LEN + 1]) {
    unsigned char b[16];
    hub_random(b + 6, 10);
    uint64_t v = next_v7((uint64_t)hub_clock_wall_ms(own_clock), (uint64_t)b[6] << 8 | b[7]);
    for (int i = 0; i < 6; i++) b[i] = (unsigned char)(v >> (52 - 8 * i));
    b[6] = (unsigned char)(0x70 | (v >> 8 & 15));
    b[7] = (unsigned char)v;
    b[8] = (b[8] & 0x3f) | 0x80;
    format_uuid(b, out);
}

int64_t hub_uuid7_age_ms(const char id[HUB_UUID_LEN + 1]) {
    char digits[13];
    memcpy(digits, id, 8);
    memcpy(digits + 8, id + 9, 4);
    digits[12] = 0;
    int64_t age = hub_clock_wall_ms(own_clock) - strtoll(digits, NULL, 16);
    return age > 0 ? age : 0;
}

void hub_uuid4(char out[HUB_UUID_LEN + 1]) {
    unsigned char b[16];
    hub_random(b, sizeof b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    format_uuid(b, out);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hub_sid(char out[HUB_SID_LEN + 1]) {
    unsigned char b[HUB_SID_LEN];
    hub_random(b, sizeof b);
    for (int i = 0; i < HUB_SID_LEN; i++) out[i] = alphabet[b[i] & 63];
    out[HUB_SID_LEN] = 0;
}

void hub_sid_set_mark(char sid[HUB_SID_LEN + 1], unsigned mark) { sid[HUB_SID_LEN - 1] = alphabet[mark]; }

unsigned hub_sid_mark(struct hub_str sid) {
    const char *at = sid.n == HUB_SID_LEN && sid.p[HUB_SID_LEN - 1] ? strchr(alphabet, sid.p[HUB_SID_LEN - 1]) : NULL;
    return at ? (unsigned)(at - alphabet) : HUB_SID_MARKS;
}
