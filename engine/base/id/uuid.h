/* Identifiers. Callable from every thread. The times in identifiers are the system's,
 * whatever clocks there are: they are there to be different, and to sort. */
#ifndef HUB_BASE_UUID_H
#define HUB_BASE_UUID_H
#include "base/text/str.h"

#define HUB_UUID_LEN 36
/* Writes 36 characters and a NUL. Version 7 (RFC 9562 5.7): each is larger than those that calls which had
 * returned before brought, in all threads of this process and also within one millisecond. */
void hub_uuid7(char out[HUB_UUID_LEN + 1]);
struct hub_clock;
/* From now on the calling thread's have the time of CLOCK (NULL: the system's again), and are larger than
 * those only that it has made since: with hub_random_repeat they are the same each time. */
void hub_uuid7_by(const struct hub_clock *clock);
/* How long ago ID, an UUID of version 7, was made; 0 when its time is still to come. */
int64_t hub_uuid7_age_ms(const char id[HUB_UUID_LEN + 1]);
void hub_uuid4(char out[HUB_UUID_LEN + 1]);
/* 20 URL-safe characters carrying 120 random bits; for Engine.IO and Socket.IO session ids. */
#define HUB_SID_LEN 20
void hub_sid(char out[HUB_SID_LEN + 1]);
/* A number of one's own in place of the last six bits, for who is to find out where an id was made. */
#define HUB_SID_MARKS 64
void hub_sid_set_mark(char sid[HUB_SID_LEN + 1], unsigned mark); /* below HUB_SID_MARKS */
unsigned hub_sid_mark(struct hub_str sid);                       /* of whatever came; HUB_SID_MARKS: it is no sid */
#endif
