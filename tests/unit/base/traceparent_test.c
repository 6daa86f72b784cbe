/* traceparent as W3C Trace Context writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/id/traceparent.h"
#include "base/memory/mem.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static void expect_taken(const char *text, const char *as) {
    char out[HUB_TRACEPARENT_LEN + 1];
    assert_true(hub_traceparent_parse(hub_cstr(text), out));
    assert_string_equal(out, as);
}

static void a_good_one_is_taken(void **state) {
    (void)state;
    expect_taken("00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01");
    expect_taken("00-" TRACE "-" PARENT "-ff", "00-" TRACE "-" PARENT "-ff");
}

static void of_a_later_version_what_is_known_is_taken(void **state) {
    (void)state;
    expect_taken("01-" TRACE "-" PARENT "-07-more", "00-" TRACE "-" PARENT "-01");
    expect_taken("fe-" TRACE "-" PARENT "-fe", "00-" TRACE "-" PARENT "-00");
}

static void anything_else_is_none(void **state) {
    char out[HUB_TRACEPARENT_LEN + 1];
    static const char *const bad[] = {"",
                                      "00",
                                      "ff-" TRACE "-" PARENT "-01",
                                      "0g-" TRACE "-" PARENT "-01",
                                      "00-" TRACE "-" PARENT "-0",
                                      "00-" TRACE "-" PARENT "-01-more",
                                      "01-" TRACE "-" PARENT "-01more",
                                      "00_" TRACE "-" PARENT "-01",
                                      "00-" TRACE "_" PARENT "-01",
                                      "00-" TRACE "-" PARENT "_01",
                                      "00-" TRACE "-" PARENT "-0x",
                                      "00-0AF7651916cd43dd8448eb211c80319c-" PARENT "-01",
                                      "00-00000000000000000000000000000000-" PARENT "-01",
                                      "00-" TRACE "-0000000000000000-01",
                                      "00-" TRACE "-b7ad6b716920333\n-01",
                                      " 00-" TRACE "-" PARENT "-01"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (hub_traceparent_parse(hub_cstr(bad[i]), out)) fail_msg("%s", bad[i]);
    assert_false(hub_traceparent_parse(hub_str("00-" TRACE "-" PARENT "-0\0", HUB_TRACEPARENT_LEN), out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_taken),
        cmocka_unit_test(of_a_later_version_what_is_known_is_taken),
        cmocka_unit_test(anything_else_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
