/* Lines of one kind are bounded, and what is left out is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log_limit.h"

static void ten_lines_of_a_kind_are_written_and_the_rest_is_counted(void **state) {
    (void)state;
    static struct hub_log_limit one, other;
    const char *left_out = "?";
    int written = 0;
    for (int i = 0; i < 3000; i++) written += hub_log_may(&one, &left_out);
    assert_int_equal(written, 10);
    assert_null(left_out);
    assert_true(hub_log_may(&other, &left_out)); /* another kind has a count of its own */
    assert_null(left_out);
    one.since -= 10000;
    assert_true(hub_log_may(&one, &left_out));
    assert_string_equal(left_out, "2990");
    assert_true(hub_log_may(&one, &left_out));
    assert_null(left_out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_lines_of_a_kind_are_written_and_the_rest_is_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
