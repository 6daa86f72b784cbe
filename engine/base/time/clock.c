/* Time. */
#include "base/time/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory/mem.h"

/* ---- the system's clocks ---- */

static uint64_t system_ns(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int64_t ms_of(clockid_t id) { return (int64_t)(system_ns(id) / 1000000u); }

int64_t hub_real_ms(void) { return ms_of(CLOCK_MONOTONIC); }
uint64_t hub_real_ns(void) { return system_ns(CLOCK_MONOTONIC); }
uint64_t hub_thread_cpu_ns(void) { return system_ns(CLOCK_THREAD_CPUTIME_ID); }

bool hub_process_cpu_ns(int pid, uint64_t *out) {
    clockid_t id;
    struct timespec ts;
    if (clock_getcpuclockid(pid, &id) || clock_gettime(id, &ts)) return false;
    *out = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    return true;
}

/* ---- clocks ---- */

static int64_t load_offset(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }

static void init_clock(struct hub_clock *c, bool frozen, int64_t mono_ms, int64_t wall_ms) {
    *c = (struct hub_clock){.frozen = frozen, .mono_ms = mono_ms, .wall_ms = wall_ms};
    pthread_mutex_init(&c->lock, NULL);
    hub_list_init(&c->listeners);
}

void hub_clock_init(struct hub_clock *c) { init_clock(c, false, 0, 0); }
void hub_clock_init_frozen(struct hub_clock *c, int64_t wall_ms) { init_clock(c, true, HUB_CLOCK_START_MS, wall_ms); }

void hub_clock_deinit(struct hub_clock *c) {
    if (!hub_list_empty(&c->listeners)) abort(); /* somebody still waits by it */
    pthread_mutex_destroy(&c->lock);
}

int64_t hub_clock_wall_ms(const struct hub_clock *c) {
    int64_t own = c ? load_offset(&c->wall_ms) : 0;
    return c && c->frozen ? own : ms_of(CLOCK_REALTIME) + own;
}

int64_t hub_clock_mono_at(const struct hub_clock *c, int64_t system_ms) {
    int64_t own = c ? load_offset(&c->mono_ms) : 0;
    return c && c->frozen ? own : system_ms + own;
}

int64_t hub_clock_mono_ms(const struct hub_clock *c) {
    return hub_clock_mono_at(c, c && c->frozen ? 0 : ms_of(CLOCK_MONOTONIC));
}

int64_t hub_clock_to_real(const struct hub_clock *c, int64_t mono_ms) {
    return c ? hub_real_ms() + (mono_ms - hub_clock_mono_ms(c)) : mono_ms;
}

void hub_clock_turn(struct hub_clock *c, int64_t ms) {
    if (ms < 0) abort(); /* monotonic time never steps back */
    pthread_mutex_lock(&c->lock);
    __atomic_add_fetch(&c->mono_ms, ms, __ATOMIC_RELAXED);
    __atomic_add_fetch(&c->wall_ms, ms, __ATOMIC_RELAXED);
    HUB_LIST_EACH(&c->listeners, it) {
        struct hub_clock_listener *l = HUB_CONTAINER(it, struct hub_clock_listener, link);
        l->turned(l);
    }
    pthread_mutex_unlock(&c->lock);
}

void hub_clock_set_wall(struct hub_clock *c, int64_t wall_ms) {
    pthread_mutex_lock(&c->lock); /* not between the two steps of a turn */
    __atomic_store_n(&c->wall_ms, c->frozen ? wall_ms : wall_ms - ms_of(CLOCK_REALTIME), __ATOMIC_RELAXED);
    pthread_mutex_unlock(&c->lock);
}

void hub_clock_listen(struct hub_clock *c, struct hub_clock_listener *l) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    hub_list_push(&c->listeners, &l->link);
    pthread_mutex_unlock(&c->lock);
}

void hub_clock_unlisten(struct hub_clock *c, struct hub_clock_listener *l) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    hub_list_remove(&l->link);
    pthread_mutex_unlock(&c->lock);
}

/* ---- threads that wait ---- */

void hub_clock_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool hub_clock_wait(const struct hub_clock *c, pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms) {
    if (hub_clock_mono_ms(c) >= until_ms) return false;
    if (c && c->frozen) {
        pthread_cond_wait(cond, lock);
    } else {
        int64_t end = hub_clock_to_real(c, until_ms);
        struct timespec at = {.tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000};
        pthread_cond_timedwait(cond, lock, &at);
    }
    return hub_clock_mono_ms(c) < until_ms;
}

/* ---- dates ---- */

/* Days since 1970-01-01 of a proleptic Gregorian date. */
static int64_t days_from_civil(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t z, int *y, int *m, int *d) {
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

static HUB_MUST char *write_digits(char *out, int v, int width) {
    for (int i = width - 1; i >= 0; i--, v /= 10) out[i] = (char)('0' + v % 10);
    return out + width;
}

void hub_iso_format(int64_t ms, char out[HUB_ISO_LEN + 1]) {
    const int64_t lo = -62167219200000, hi = 253402300799999;
    ms = ms < lo ? lo : ms > hi ? hi : ms;
    int64_t days = (ms >= 0 ? ms : ms - 86399999) / 86400000;
    int rest = (int)(ms - days * 86400000), y, m, d;
    civil_from_days(days, &y, &m, &d);
    out = write_digits(out, y, 4), *out++ = '-';
    out = write_digits(out, m, 2), *out++ = '-';
    out = write_digits(out, d, 2), *out++ = 'T';
    out = write_digits(out, rest / 3600000, 2), *out++ = ':';
    out = write_digits(out, rest / 60000 % 60, 2), *out++ = ':';
    out = write_digits(out, rest / 1000 % 60, 2), *out++ = '.';
    out = write_digits(out, rest % 1000, 3), *out++ = 'Z', *out = 0;
}

/* WIDTH decimal digits off the front of *s. */
static bool take_digits(struct hub_str *s, size_t width, int *out) {
    if (s->n < width) return false;
    *out = 0;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return false;
        *out = *out * 10 + (s->p[i] - '0');
    }
    s->p += width, s->n -= width;
    return true;
}

static bool take_char(struct hub_str *s, char c) {
    if (!s->n || s->p[0] != c) return false;
    s->p++, s->n--;
    return true;
}

static bool take_zone(struct hub_str *s, int64_t *offset_ms) {
    int h, m = 0;
    *offset_ms = 0;
    if (!s->n || take_char(s, 'Z') || take_char(s, 'z')) return true;
    int sign = take_char(s, '+') ? 1 : take_char(s, '-') ? -1 : 0;
    if (!sign || !take_digits(s, 2, &h)) return false;
    bool colon = take_char(s, ':');
    if ((colon || s->n) && !take_digits(s, 2, &m)) return false;
    if (h > 23 || m > 59) return false;
    *offset_ms = sign * (h * 3600000LL + m * 60000LL);
    return true;
}

static bool take_time(struct hub_str *s, int64_t *ms) {
    int h, min, sec = 0;
    if (!take_digits(s, 2, &h) || !take_char(s, ':') || !take_digits(s, 2, &min)) return false;
    if (take_char(s, ':') && !take_digits(s, 2, &sec)) return false;
    int frac = 0, scale = 100, seen = 0;
    if (take_char(s, '.')) {
        for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; s->p++, s->n--, seen++)
            frac += (s->p[0] - '0') * scale, scale /= 10;
        if (!seen) return false;
    }
    if (h > 23 || min > 59 || sec > 60) return false;
    *ms = ((h * 60LL + min) * 60 + sec) * 1000 + frac;
    return true;
}

static bool take_date(struct hub_str *s, int64_t *days) {
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;
    if (!take_digits(s, 4, &y) || !take_char(s, '-') || !take_digits(s, 2, &m) || !take_char(s, '-') ||
        !take_digits(s, 2, &d))
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (m < 1 || m > 12 || d < 1 || d > month_days[m - 1] || (m == 2 && d == 29 && !leap)) return false;
    *days = days_from_civil(y, m, d);
    return true;
}

bool hub_iso_parse(struct hub_str s, int64_t *out) {
    int64_t days, time_ms = 0, zone_ms = 0;
    if (!take_date(&s, &days)) return false;
    if (s.n) {
        if (!take_char(&s, 'T') && !take_char(&s, 't') && !take_char(&s, ' ')) return false;
        if (!take_time(&s, &time_ms) || !take_zone(&s, &zone_ms) || s.n) return false;
    }
    *out = days * 86400000 + time_ms - zone_ms;
    return true;
}

/* Of what hub_iso_parse reads, the forms that ISO 8601 calls a date-time, in one spelling each. */
static bool is_plain_datetime(struct hub_str s) {
    if (s.n < 16 || s.p[10] != 'T') return false;
    struct hub_str time = hub_str(s.p + 11, s.n - 11);
    size_t n = 0, dot, zone;
    while (n < time.n && !memchr("Zz+-", time.p[n], 4)) n++;
    zone = time.n - n;
    if (zone && time.p[n] != 'Z' && (zone != 6 || time.p[n + 3] != ':')) return false;
    if (n > 5 && time.p[6] == '6') return false; /* no leap seconds: they have no number of their own */
    dot = hub_str_find(time, '.');
    return dot >= n || n - dot - 1 <= 9;
}

bool hub_datetime_parse(struct hub_str s, int64_t *out) {
    return is_plain_datetime(s) && hub_iso_parse(s, out) && *out >= HUB_DATETIME_MIN && *out <= HUB_DATETIME_MAX;
}
