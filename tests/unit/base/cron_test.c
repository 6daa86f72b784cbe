/* Five fields of cron: which texts are taken, and when they come next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/time/clock.h"
#include "base/time/cron.h"

static void next_is(const char *text, const char *after, const char *expected) {
    struct hub_cron c;
    int64_t ms;
    char iso[HUB_ISO_LEN + 1];
    const char *why = hub_cron_parse(hub_cstr(text), &c);
    if (why) fail_msg("%s: %s", text, why);
    assert_true(hub_iso_parse(hub_cstr(after), &ms));
    hub_iso_format(hub_cron_next(&c, ms), iso);
    assert_string_equal(iso, expected);
}

static void the_next_time_is_after_the_moment(void **state) {
    (void)state;
    next_is("* * * * *", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00.000Z");
    next_is("* * * * *", "2026-01-31T23:59:00Z", "2026-02-01T00:00:00.000Z");
    next_is("0 3 * * *", "2026-01-31T03:00:00Z", "2026-02-01T03:00:00.000Z");
    next_is("0 3 * * *", "2026-01-31T02:59:59.999Z", "2026-01-31T03:00:00.000Z");
    next_is("*/15 8-17 * * mon-fri", "2026-05-01T17:45:00Z", "2026-05-04T08:00:00.000Z");
    next_is("5/20 * * * *", "2026-05-01T10:06:00Z", "2026-05-01T10:25:00.000Z");
    next_is("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00.000Z");
    next_is("30 6 1,15 JAN,jul *", "2026-01-15T06:30:00Z", "2026-07-01T06:30:00.000Z");
    next_is("0 0 * * 7", "2026-05-01T00:00:00Z", "2026-05-03T00:00:00.000Z");
    next_is("  0\t0  *  *  0 ", "2026-05-01T00:00:00Z", "2026-05-03T00:00:00.000Z");
}

/* The 13th, and every Friday. */
static void of_two_limited_days_one_is_enough(void **state) {
    (void)state;
    next_is("0 0 13 * fri", "2026-05-01T00:00:00Z", "2026-05-08T00:00:00.000Z");
    next_is("0 0 13 * fri", "2026-05-08T00:00:00Z", "2026-05-13T00:00:00.000Z");
    next_is("0 0 13 * *", "2026-05-01T00:00:00Z", "2026-05-13T00:00:00.000Z");
    next_is("0 0 */2 * fri", "2026-05-01T00:00:00Z", "2026-05-15T00:00:00.000Z"); /* an odd day, and a Friday */
}

static void what_never_comes_is_told(void **state) {
    struct hub_cron c;
    (void)state;
    assert_null(hub_cron_parse(HUB_STR("0 0 31 2 *"), &c));
    assert_int_equal(hub_cron_next(&c, 1767225600000), 0);
}

static void texts_beyond_the_bounds_are_refused(void **state) {
    static const char *const texts[] = {
        "",           "*",           "* * * *",     "* * * * * *",   "60 * * * *",  "* 24 * * *",  "* * 0 * *",
        "* * 32 * *", "* * * 13 *",  "* * * * 8",   "-1 * * * *",    "5-1 * * * *", "*/0 * * * *", "*/99 * * * *",
        "1, * * * *", "a * * * *",   "* * * foo *", "1-2-3 * * * *", "1/ * * * *",  "/2 * * * *",  "* * * * fri-mon",
        "** * * * *", "1.5 * * * *", "+1 * * * *"};
    struct hub_cron c;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!hub_cron_parse(hub_cstr(texts[i]), &c)) fail_msg("\"%s\" was taken", texts[i]);
    static char longer[HUB_CRON_MAX + 20];
    snprintf(longer, sizeof longer, "%*s* * * * *", HUB_CRON_MAX, "");
    assert_non_null(hub_cron_parse(hub_cstr(longer), &c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_time_is_after_the_moment),
        cmocka_unit_test(of_two_limited_days_one_is_enough),
        cmocka_unit_test(what_never_comes_is_told),
        cmocka_unit_test(texts_beyond_the_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
