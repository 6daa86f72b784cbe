/* When a store may say that what it was asked has waited too long: not right after the process stood still,
 * for answers may lie in the sockets, and the other side may have stood still as well. Then there is the
 * time again that was lost, up to half of the limit however often that is: a process that is held up again
 * and again still answers. */
#ifndef HUB_ADAPTERS_SQL_PATIENCE_H
#define HUB_ADAPTERS_SQL_PATIENCE_H
#include <stdbool.h>
#include <stdint.h>

/* Zeroed at first. */
struct hub_sql_patience {
    int64_t until;   /* ms: until then nothing has waited too long */
    int64_t put_off; /* ms, since something could last be judged */
};

/* At NOW, by a timer that is LATE, of what may take LIMIT; all in ms. The process stood still if LATE is
 * more than STILL. */
static inline bool hub_sql_may_judge(struct hub_sql_patience *p, int64_t now, int64_t late, int64_t still,
                                     int64_t limit) {
    int64_t left = limit / 2 - p->put_off, more = late < left ? late : left;
    if (late > still && more > 0) {
        p->until = now + more;
        p->put_off += more;
    }
    if (now < p->until) return false;
    p->put_off = 0;
    return true;
}
#endif
