/* Times of a clock, as cron writes them: "0 3 * * 1" is Mondays at three. Always in UTC. */
#ifndef HUB_BASE_CRON_H
#define HUB_BASE_CRON_H
#include "base/text/str.h"

/* Bit n of a field: the value n is among its values. */
struct hub_cron {
    uint64_t minutes;
    uint32_t hours, days, months;
    uint32_t weekdays; /* 0 = Sunday */
    /* As in Vixie cron: when neither field begins with "*", one of the two is enough; else both have to
     * fit. */
    bool any_day, any_weekday;
};

#define HUB_CRON_MAX 200 /* bytes of a text that is looked at */

/* Five fields with white space between: minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or
 * jan-dec), day of the week (0-7 or sun-sat, 0 and 7 are Sunday); each "*", a value, a range "a-b", any of
 * them with a step "/n", or a list of these with commas. NULL, or what is wrong. */
const char *hub_cron_parse(struct hub_str text, struct hub_cron *out);
/* The first such time after the moment, in ms since 1970; 0: there is none within nine years, and so never
 * ("0 0 31 2 *"). */
int64_t hub_cron_next(const struct hub_cron *c, int64_t after_ms);
#endif
