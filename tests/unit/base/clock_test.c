/* Wall and monotonic time, and ISO 8601. */
#include "base/time/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static const struct {
    int64_t ms;
    const char *text;
} instants[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {1769903999123, "2026-01-31T23:59:59.123Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
};

static void instants_print_and_read_back(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(instants); i++) {
        char text[HUB_ISO_LEN + 1];
        int64_t ms;
        hub_iso_format(instants[i].ms, text);
        assert_string_equal(text, instants[i].text);
        assert_true(hub_iso_parse(hub_cstr(text), &ms));
        assert_int_equal(ms, instants[i].ms);
    }
}

static void instants_outside_four_digit_years_are_clamped(void **state) {
    (void)state;
    char text[HUB_ISO_LEN + 1];
    hub_iso_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    hub_iso_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void every_written_form_is_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-02", 86400000},         {"1970-01-01T00:01", 60000},     {"1970-01-01 00:01", 60000},
        {"1970-01-01t00:01:02z", 62000},  {"1970-01-01T00:00:00.5", 500},  {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T02:00:00+02:00", 0}, {"1970-01-01T02:00:00+0200", 0}, {"1970-01-01T02:00+02", 0},
        {"1969-12-31T22:30:00-01:30", 0}, {"1970-01-01T00:00:60Z", 60000}, /* a leap second is the next minute's first
                                                                            */
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        int64_t ms;
        if (!hub_iso_parse(hub_cstr(rows[i].text), &ms)) fail_msg("refused: %s", rows[i].text);
        if (ms != rows[i].ms) fail_msg("%s is %lld", rows[i].text, (long long)ms);
    }
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01",
        "2026-1-1",
        "26-01-01",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2026-02-29",
        "2100-02-29",
        "2026-01-31T",
        "2026-01-31 ",
        "2026-01-31Z",
        "2026-01-31T1",
        "2026-01-31T10",
        "2026-01-31T10:",
        "2026-01-31T10:00:",
        "2026-01-31T24:00",
        "2026-01-31T10:60",
        "2026-01-31T10:00:61",
        "2026-01-31T10:00:00.",
        "2026-01-31T10:00.5.5",
        "2026-01-31T10:00:00+",
        "2026-01-31T10:00:00+1",
        "2026-01-31T10:00:00+24:00",
        "2026-01-31T10:00:00+01:60",
        "2026-01-31T10:00:00+01:",
        "2026-01-31T10:00:00ZZ",
        "2026-01-31T10:00:00 Z",
        " 2026-01-31",
        "2026-01-31x",
        "2026/01/31",
        "+2026-01-31",
    };
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        int64_t ms;
        if (hub_iso_parse(hub_cstr(bad[i]), &ms)) fail_msg("taken: \"%s\"", bad[i]);
    }
    int64_t ms;
    assert_false(hub_iso_parse(hub_str("2026-01-31", 9), &ms)); /* the view ends before the last digit */
}

/* The type DateTime: exactly what its reference says. */
static void a_datetime_is_a_date_and_a_time_in_one_spelling(void **state) {
    (void)state;
    static const char *const good[] = {"2026-01-31T23:59",
                                       "2026-01-31T23:59:59",
                                       "2026-01-31T23:59:59Z",
                                       "2026-01-31T23:59:59.1Z",
                                       "2026-01-31T23:59:59.123456789+05:30",
                                       "2026-01-31T23:59-08:00",
                                       "0001-01-01T00:00:00Z",
                                       "9999-12-31T23:59:59.999Z"};
    static const char *const bad[] = {"2026-01-31",
                                      "2026-01-31 23:59:59Z",
                                      "2026-01-31t23:59:59Z",
                                      "2026-01-31T23:59:59z",
                                      "2026-01-31T23",
                                      "2026-01-31T23Z",
                                      "2026-01-31T24:00:00Z",
                                      "2026-01-31T23:59:60Z",
                                      "2026-02-30T00:00:00Z",
                                      "2026-01-31T23:59:59.1234567890Z",
                                      "2026-01-31T23:59:59,5Z",
                                      "2026-01-31T23:59:59+0530",
                                      "2026-01-31T23:59:59+05",
                                      "2026-01-31T23:59:59+24:00",
                                      "0000-12-31T00:00:00Z",
                                      "0001-01-01T00:00:00+14:00",
                                      "9999-12-31T23:59:59-14:00",
                                      "20260131T235959Z",
                                      "1769903999",
                                      ""};
    int64_t ms;
    for (size_t i = 0; i < HUB_NELEM(good); i++)
        if (!hub_datetime_parse(hub_cstr(good[i]), &ms)) fail_msg("refused: \"%s\"", good[i]);
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (hub_datetime_parse(hub_cstr(bad[i]), &ms)) fail_msg("taken: \"%s\"", bad[i]);
    assert_true(hub_datetime_parse(HUB_STR("1970-01-01T01:00:00.5+01:00"), &ms));
    assert_int_equal(ms, 500);
}

/* ---- clocks ---- */

static void the_systems_clocks_agree_on_their_units(void **state) {
    (void)state;
    int64_t wall = hub_clock_wall_ms(NULL), ms = hub_clock_mono_ms(NULL), real = hub_real_ms();
    uint64_t ns = hub_real_ns(), cpu, own = hub_thread_cpu_ns();
    assert_true(wall > 1767225600000); /* later than 2026-01-01: this file did not exist before */
    assert_in_range(real - ms, 0, 1000);
    assert_in_range(ns / 1000000 - (uint64_t)real, 0, 1000);
    assert_true(hub_real_ns() >= ns);
    assert_true(hub_process_cpu_ns(getpid(), &cpu));
    assert_true(own > 0 && cpu >= own);
    assert_false(hub_process_cpu_ns(0x3ffffff, &cpu));
}

static void a_frozen_clock_moves_when_it_is_turned(void **state) {
    struct hub_clock c;
    (void)state;
    hub_clock_init_frozen(&c, 5000);
    assert_int_equal(hub_clock_wall_ms(&c), 5000);
    assert_int_equal(hub_clock_mono_ms(&c), HUB_CLOCK_START_MS);
    assert_int_equal(hub_clock_mono_at(&c, 77), HUB_CLOCK_START_MS);
    hub_clock_turn(&c, 250);
    hub_clock_turn(&c, 0);
    assert_int_equal(hub_clock_wall_ms(&c), 5250);
    assert_int_equal(hub_clock_mono_ms(&c), HUB_CLOCK_START_MS + 250);
    hub_clock_deinit(&c);
}

static void a_running_clock_goes_on_from_where_it_was_turned_to(void **state) {
    enum { HOUR = 3600000 };
    struct hub_clock c;
    (void)state;
    hub_clock_init(&c);
    hub_clock_turn(&c, HOUR);
    int64_t mono = hub_real_ms(), wall = hub_clock_wall_ms(NULL);
    assert_in_range(hub_clock_mono_ms(&c) - mono, HOUR, HOUR + 1000);
    assert_in_range(hub_clock_wall_ms(&c) - wall, HOUR, HOUR + 1000);
    assert_int_equal(hub_clock_mono_at(&c, 77), HOUR + 77);
    int64_t shown = hub_clock_mono_ms(&c);
    while (hub_clock_mono_ms(&c) == shown) {} /* it runs */
    hub_clock_deinit(&c);
}

static void limits_on_work_are_kept_in_the_systems_time(void **state) {
    struct hub_clock running, frozen;
    (void)state;
    assert_int_equal(hub_clock_to_real(NULL, 77), 77);
    hub_clock_init(&running);
    hub_clock_init_frozen(&frozen, 0);
    hub_clock_turn(&running, 3600000);
    int64_t now = hub_real_ms();
    assert_in_range(hub_clock_to_real(&running, hub_clock_mono_ms(&running) + 50), now + 49, now + 1050);
    assert_in_range(hub_clock_to_real(&frozen, HUB_CLOCK_START_MS + 50), now + 50, now + 1050);
    hub_clock_deinit(&running);
    hub_clock_deinit(&frozen);
}

/* NTP, or somebody with a date: deadlines do not notice. */
static void the_wall_time_can_be_set_alone(void **state) {
    struct hub_clock c;
    int64_t mono = hub_real_ms();
    (void)state;
    hub_clock_init_frozen(&c, 5000);
    hub_clock_set_wall(&c, 1000);
    assert_int_equal(hub_clock_wall_ms(&c), 1000);
    assert_int_equal(hub_clock_mono_ms(&c), HUB_CLOCK_START_MS);
    hub_clock_deinit(&c);
    hub_clock_init(&c);
    hub_clock_set_wall(&c, 1000);
    assert_in_range(hub_clock_wall_ms(&c), 1000, 2000);
    assert_in_range(hub_clock_mono_ms(&c) - mono, 0, 1000);
    hub_clock_deinit(&c);
}

static struct waiting {
    struct hub_clock clock;
    struct hub_clock_listener listener;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int turns;
    bool waits, over;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_turned(struct hub_clock_listener *l) {
    struct waiting *w = HUB_CONTAINER(l, struct waiting, listener);
    pthread_mutex_lock(&w->lock);
    w->turns++;
    pthread_cond_broadcast(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void *wait_a_minute(void *arg) {
    struct waiting *w = arg;
    pthread_mutex_lock(&w->lock);
    int64_t until = hub_clock_mono_ms(&w->clock) + 60000;
    w->waits = true;
    pthread_cond_broadcast(&w->cond);
    while (hub_clock_wait(&w->clock, &w->cond, &w->lock, until)) {}
    w->over = true;
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void a_minute_for_a_thread(struct waiting *w) {
    pthread_t thread;
    w->waits = w->over = false, w->turns = 0;
    w->listener.turned = on_turned;
    hub_clock_listen(&w->clock, &w->listener);
    hub_clock_cond_init(&w->cond);
    assert_int_equal(pthread_create(&thread, NULL, wait_a_minute, w), 0);
    pthread_mutex_lock(&w->lock);
    while (!w->waits) pthread_cond_wait(&w->cond, &w->lock);
    pthread_mutex_unlock(&w->lock);
    hub_clock_turn(&w->clock, 30000);
    pthread_mutex_lock(&w->lock); /* it may be awake now, and must find that it is too early */
    assert_false(w->over);
    pthread_mutex_unlock(&w->lock);
    hub_clock_turn(&w->clock, 30000);
    pthread_join(thread, NULL);
    assert_true(w->over);
    assert_int_equal(w->turns, 2);
    hub_clock_unlisten(&w->clock, &w->listener);
    hub_clock_turn(&w->clock, 1);
    assert_int_equal(w->turns, 2);
    pthread_cond_destroy(&w->cond);
    hub_clock_deinit(&w->clock);
}

static void a_thread_that_waits_is_woken_when_the_clock_is_turned(void **state) {
    (void)state;
    hub_clock_init_frozen(&waiting.clock, 0);
    a_minute_for_a_thread(&waiting);
    hub_clock_init(&waiting.clock);
    a_minute_for_a_thread(&waiting);
}

static void a_thread_that_waits_by_the_systems_clock_is_not_forgotten(void **state) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    (void)state;
    hub_clock_cond_init(&cond);
    pthread_mutex_lock(&lock);
    int64_t until = hub_clock_mono_ms(NULL) + 5;
    while (hub_clock_wait(NULL, &cond, &lock, until)) {}
    assert_true(hub_clock_mono_ms(NULL) >= until);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&cond);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_print_and_read_back),
        cmocka_unit_test(instants_outside_four_digit_years_are_clamped),
        cmocka_unit_test(every_written_form_is_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_datetime_is_a_date_and_a_time_in_one_spelling),
        cmocka_unit_test(the_systems_clocks_agree_on_their_units),
        cmocka_unit_test(a_frozen_clock_moves_when_it_is_turned),
        cmocka_unit_test(a_running_clock_goes_on_from_where_it_was_turned_to),
        cmocka_unit_test(limits_on_work_are_kept_in_the_systems_time),
        cmocka_unit_test(the_wall_time_can_be_set_alone),
        cmocka_unit_test(a_thread_that_waits_is_woken_when_the_clock_is_turned),
        cmocka_unit_test(a_thread_that_waits_by_the_systems_clock_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
