/* Five fields of cron, and when they come next. */
#include "base/time/cron.h"

#define MINUTE_MS 60000
#define DAY_MINUTES 1440
#define SEARCH_DAYS (9 * 366) /* 29 February comes again within eight years, also around 2100 */

struct range {
    const char *name;
    int low, high;
    const char *words; /* three letters each, from LOW on; NULL: numbers only */
};
static const struct range ranges[5] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};
static const char *const wrong[5] = {
    "the minute is 0-59, *, a list, a range or a step of them",
    "the hour is 0-23, *, a list, a range or a step of them",
    "the day of the month is 1-31, *, a list, a range or a step of them",
    "the month is 1-12 or jan-dec, *, a list, a range or a step of them",
    "the day of the week is 0-7 or sun-sat, *, a list, a range or a step of them",
};

/* ---- reading ---- */

static int word_value(const struct range *r, struct hub_str s) {
    size_t n = r->words && s.n == 3 ? strlen(r->words) / 3 : 0;
    for (size_t i = 0; i < n; i++)
        if (hub_str_eq_nocase(s, hub_str(r->words + 3 * i, 3))) return r->low + (int)i;
    return -1;
}

/* -1: none of the field. */
static int read_value(const struct range *r, struct hub_str s) {
    uint64_t v;
    if (!hub_str_u64(s, &v)) return word_value(r, s);
    return v >= (uint64_t)r->low && v <= (uint64_t)r->high ? (int)v : -1;
}

static bool read_span(const struct range *r, struct hub_str s, int *from, int *to) {
    struct hub_str rest = s, first;
    *from = r->low, *to = r->high;
    if (hub_str_is(s, "*")) return true;
    hub_str_split(&rest, '-', &first);
    *from = read_value(r, first);
    *to = rest.p ? read_value(r, rest) : *from;
    return *from >= 0 && *from <= *to;
}

/* "a-b/n". A single value with a step goes on to the end of the field. */
static bool read_item(const struct range *r, struct hub_str item, uint64_t *bits) {
    struct hub_str step = item, span;
    uint64_t by = 1;
    int from, to;
    hub_str_split(&step, '/', &span);
    if (!read_span(r, span, &from, &to)) return false;
    if (step.p && (!hub_str_u64(step, &by) || !by || by > (uint64_t)r->high)) return false;
    if (step.p && hub_str_find(span, '-') == span.n) to = r->high;
    for (int v = from; v <= to; v += (int)by) *bits |= 1ull << v;
    return true;
}

static bool read_field(const struct range *r, struct hub_str field, uint64_t *bits) {
    struct hub_str item;
    *bits = 0;
    while (hub_str_split(&field, ',', &item))
        if (!read_item(r, item, bits)) return false;
    return *bits != 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Cuts the first word off; empty at the end. */
static struct hub_str next_word(struct hub_str *rest) {
    while (rest->n && is_blank(*rest->p)) rest->p++, rest->n--;
    size_t n = 0;
    while (n < rest->n && !is_blank(rest->p[n])) n++;
    struct hub_str word = hub_str(rest->p, n);
    *rest = hub_str(rest->p + n, rest->n - n);
    return word;
}

const char *hub_cron_parse(struct hub_str text, struct hub_cron *out) {
    uint64_t bits[5];
    struct hub_str fields[5];
    if (text.n > HUB_CRON_MAX) return "a text of more than 200 bytes";
    for (size_t i = 0; i < 5; i++) {
        fields[i] = next_word(&text);
        if (!fields[i].n) return "five fields are wanted: minute, hour, day of the month, month, day of the week";
        if (!read_field(&ranges[i], fields[i], &bits[i])) return wrong[i];
    }
    if (next_word(&text).n) return "there are more than five fields";
    *out = (struct hub_cron){.minutes = bits[0],
                             .hours = (uint32_t)bits[1],
                             .days = (uint32_t)bits[2],
                             .months = (uint32_t)bits[3],
                             .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f),
                             .any_day = *fields[2].p == '*',
                             .any_weekday = *fields[4].p == '*'};
    return NULL;
}

/* ---- the next time ---- */

/* Month and day of a day since 1970 (Howard Hinnant, chrono-compatible low-level date algorithms). */
static void civil_day(int64_t day, int *month, int *of_month) {
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *of_month = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
}

static bool is_day(const struct hub_cron *c, int64_t day) {
    int month, of_month;
    civil_day(day, &month, &of_month);
    if (!(c->months >> month & 1)) return false;
    bool by_day = c->days >> of_month & 1, by_week = c->weekdays >> (day + 4) % 7 & 1;
    return c->any_day || c->any_weekday ? by_day && by_week : by_day || by_week;
}

/* The first minute of a day, from FROM on; -1: none. */
static int minute_of_day(const struct hub_cron *c, int from) {
    for (int m = from; m < DAY_MINUTES; m++) {
        if (!(c->hours >> m / 60 & 1))
            m += 59 - m % 60;
        else if (c->minutes >> m % 60 & 1)
            return m;
    }
    return -1;
}

int64_t hub_cron_next(const struct hub_cron *c, int64_t after_ms) {
    int64_t minute = (after_ms > 0 ? after_ms : 0) / MINUTE_MS + 1, first = minute / DAY_MINUTES;
    for (int64_t day = first; day < first + SEARCH_DAYS; day++) {
        int at = is_day(c, day) ? minute_of_day(c, day == first ? (int)(minute % DAY_MINUTES) : 0) : -1;
        if (at >= 0) return (day * DAY_MINUTES + at) * MINUTE_MS;
    }
    return 0;
}
