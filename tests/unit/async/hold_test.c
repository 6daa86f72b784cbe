/* Holds: what is under way is counted and told by name, and an unbalanced release ends the process. */
#include "async/hold.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct hub_loop *loop;
static struct hub_holds holds;
static struct hub_buf text;

static int set_up(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    holds = (struct hub_holds){0};
    hub_holds_init(&holds, loop);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hub_holds_deinit(&holds);
    hub_loop_delete(loop);
    hub_buf_free(&text);
    return 0;
}

static const char *described(int64_t time) {
    hub_buf_clear(&text);
    hub_holds_describe(&holds, time, &text);
    return hub_buf_cstr(&text);
}

static const char *shown(void) {
    hub_holds_show(&holds);
    hub_buf_clear(&text);
    hub_metrics_print(&text);
    return hub_buf_cstr(&text);
}

static void what_is_under_way_is_told_by_name_with_its_number(void **state) {
    (void)state;
    struct hub_hold a = {0}, b = {0}, c = {0};
    assert_string_equal(described(INT64_MAX), "");
    hub_hold(&holds, &a, "join decision");
    hub_hold(&holds, &b, "scheduled action");
    hub_hold(&holds, &c, "join decision");
    assert_int_equal(holds.n, 3);
    assert_string_equal(described(INT64_MAX), "2 join decisions, 1 scheduled action");
    hub_unhold(&a);
    hub_unhold(&b);
    assert_string_equal(described(INT64_MAX), "1 join decision");
    hub_unhold(&c);
    assert_int_equal(holds.n, 0);
    assert_string_equal(described(INT64_MAX), "");
}

static void only_what_began_until_then_is_told(void **state) {
    (void)state;
    struct hub_hold old = {0};
    int64_t now = hub_loop_now(loop);
    hub_hold(&holds, &old, "send");
    assert_string_equal(described(now), "1 send");
    assert_string_equal(described(now - 1), "");
    hub_unhold(&old);
}

static void the_gauge_has_what_is_under_way_and_goes_back_to_zero(void **state) {
    (void)state;
    struct hub_hold a = {0}, b = {0};
    hub_hold(&holds, &a, "receipt");
    hub_hold(&holds, &b, "receipt");
    assert_non_null(strstr(shown(), "hubd_holds{what=\"receipt\"} 2\n"));
    hub_unhold(&a);
    assert_non_null(strstr(shown(), "hubd_holds{what=\"receipt\"} 1\n"));
    hub_unhold(&b);
    assert_non_null(strstr(shown(), "hubd_holds{what=\"receipt\"} 0\n"));
}

static void the_holds_of_two_engines_are_added_up(void **state) {
    (void)state;
    struct hub_holds other = {0};
    struct hub_hold a = {0}, b = {0};
    hub_holds_init(&other, loop);
    hub_hold(&holds, &a, "read");
    hub_hold(&other, &b, "read");
    hub_holds_show(&other);
    assert_non_null(strstr(shown(), "hubd_holds{what=\"read\"} 2\n"));
    hub_unhold(&b);
    hub_holds_deinit(&other);
    assert_non_null(strstr(shown(), "hubd_holds{what=\"read\"} 1\n"));
    hub_unhold(&a);
}

/* What the process says on its way out when it does STEP. */
static void expect_the_end(void (*step)(void), const char *said) {
    int out[2], status;
    char got[512] = "";
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    if (!child) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(out[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        step();
        _exit(0);
    }
    close(out[1]);
    assert_true(read(out[0], got, sizeof got - 1) > 0);
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(got, said));
}

static void release_twice(void) {
    struct hub_hold h = {0};
    hub_hold(&holds, &h, "send");
    hub_unhold(&h);
    hub_unhold(&h);
}

static void hold_twice(void) {
    struct hub_hold h = {0};
    hub_hold(&holds, &h, "send");
    hub_hold(&holds, &h, "send");
}

static void a_hold_is_released_exactly_once(void **state) {
    (void)state;
    expect_the_end(release_twice, "bug: !h->holds, in hub_unhold");
    expect_the_end(hold_twice, "bug: h->holds, in hub_hold");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_under_way_is_told_by_name_with_its_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_began_until_then_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_gauge_has_what_is_under_way_and_goes_back_to_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_holds_of_two_engines_are_added_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hold_is_released_exactly_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
