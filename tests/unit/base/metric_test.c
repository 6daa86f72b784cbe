/* Metrics as Prometheus reads them. */
#include "base/telemetry/metric.h"
#include "base/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>

static char *printed(void) {
    struct hub_buf b = {0};
    hub_metrics_print(&b);
    return hub_buf_take(&b, NULL);
}

static void assert_prints(const char *want) {
    char *text = printed();
    if (!strstr(text, want)) fail_msg("expected:\n%s\nin:\n%s", want, text);
    free(text);
}

static void unused_metrics_do_not_appear_used_ones_do(void **state) {
    (void)state;
    static struct hub_metric counter = HUB_METRIC(HUB_COUNTER, "t_messages_total", NULL, "Messages.");
    char *before = printed();
    assert_null(strstr(before, "t_messages_total"));
    free(before);
    hub_metric_add(&counter, 2);
    hub_metric_add(&counter, 3);
    assert_prints("# HELP t_messages_total Messages.\n# TYPE t_messages_total counter\nt_messages_total 5\n");
}

static void samples_of_one_name_stand_together_under_one_heading(void **state) {
    (void)state;
    static struct hub_metric a = HUB_METRIC(HUB_GAUGE, "t_open", "kind=\"a\"", "Open."),
                             other = HUB_METRIC(HUB_GAUGE, "t_other", NULL, "Other."),
                             b = HUB_METRIC(HUB_GAUGE, "t_open", "kind=\"b\"", "Open.");
    hub_metric_set(&a, 1);
    hub_metric_set(&other, -7);
    hub_metric_set(&b, 2);
    assert_prints("# TYPE t_open gauge\nt_open{kind=\"a\"} 1\nt_open{kind=\"b\"} 2\n");
    assert_prints("t_other -7\n");
}

static void labelled_metrics_are_made_once_per_value_and_escaped(void **state) {
    (void)state;
    struct hub_metric *m = hub_metric_labelled("t_rejects", "Rejects.", HUB_COUNTER, "code", HUB_STR("rate_limited"));
    assert_ptr_equal(m, hub_metric_labelled("t_rejects", "Rejects.", HUB_COUNTER, "code", HUB_STR("rate_limited")));
    assert_ptr_not_equal(m, hub_metric_labelled("t_rejects", "Rejects.", HUB_COUNTER, "code", HUB_STR("rate_limite")));
    hub_metric_add(hub_metric_labelled("t_rejects", "Rejects.", HUB_COUNTER, "code", HUB_STR("a\"b\\c\nd")), 1);
    assert_prints("t_rejects{code=\"a\\\"b\\\\c?d\"} 1\n");
}

/* The values may be chosen by strangers: neither count nor length nor bad bytes may get through to the
 * scraper. */
static void label_values_are_bounded(void **state) {
    (void)state;
    char value[100];
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(value, sizeof value, "event-%d", i);
        hub_metric_add(hub_metric_labelled("t_events", "Events.", HUB_COUNTER, "event", hub_str(value, (size_t)n)), 1);
    }
    char *text = printed();
    int samples = 0;
    for (const char *at = text; (at = strstr(at, "\nt_events{")); at++) samples++;
    assert_int_equal(samples, 257);
    assert_non_null(strstr(text, "t_events{event=\"other\"} 744\n"));
    free(text);
    memset(value, 'x', sizeof value);
    value[63] = '\xc3', value[64] = '\xa4'; /* cut in the middle of a character */
    hub_metric_labelled("t_cut", "Cut.", HUB_COUNTER, "v", hub_str(value, sizeof value));
    hub_metric_labelled("t_cut", "Cut.", HUB_COUNTER, "v", HUB_STR("\xff"));
    text = printed();
    assert_true(hub_utf8_valid(hub_cstr(text)));
    free(text);
}

static void histograms_accumulate_in_seconds(void **state) {
    (void)state;
    static struct hub_histogram store = HUB_HISTOGRAM("t_seconds", "op=\"store\"", "Time."),
                                cache = HUB_HISTOGRAM("t_seconds", "op=\"cache\"", "Time."),
                                plain = HUB_HISTOGRAM("t_plain_seconds", NULL, "Time.");
    hub_histogram_add(&store, 50000); /* on the bound: counts below it */
    hub_histogram_add(&store, 50001);
    hub_histogram_add(&store, 20000000000); /* 20 s: beyond the last bound */
    hub_histogram_add(&cache, 1);
    hub_histogram_add(&plain, 1000000);
    assert_prints("t_seconds_bucket{op=\"store\",le=\"5e-05\"} 1\nt_seconds_bucket{op=\"store\",le=\"0.0001\"} 2\n");
    assert_prints("t_seconds_bucket{op=\"store\",le=\"10\"} 2\nt_seconds_bucket{op=\"store\",le=\"+Inf\"} "
                  "3\nt_seconds_sum{op=\"store\"} 20.000100001\n"
                  "t_seconds_count{op=\"store\"} 3\n");
    assert_prints("t_plain_seconds_sum 0.001000000\nt_plain_seconds_count 1\n");
    char *text = printed();
    const char *first = strstr(text, "# TYPE t_seconds ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE t_seconds "));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unused_metrics_do_not_appear_used_ones_do),
        cmocka_unit_test(samples_of_one_name_stand_together_under_one_heading),
        cmocka_unit_test(labelled_metrics_are_made_once_per_value_and_escaped),
        cmocka_unit_test(label_values_are_bounded),
        cmocka_unit_test(histograms_accumulate_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
