/* A bug ends the process, and says where it was. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/bug.h"

static bool seats_are_empty = true;

/* What a child that runs into FAULTY writes; *STATUS is how it ended. */
static void run_child(bool faulty, char *out, size_t size, int *status) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        HUB_BUG_IF(faulty && seats_are_empty);
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n < size - 1 && (got = read(ends[0], out + n, size - 1 - n)) > 0;) n += (size_t)got;
    out[n] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, status, 0), child);
}

static void what_cannot_be_ends_the_process_and_says_where(void **state) {
    char text[4096];
    int status = 0;
    (void)state;
    run_child(true, text, sizeof text, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "hubd: bug: faulty && seats_are_empty, in run_child ("));
    assert_non_null(strstr(text, "bug_test.c:"));
    assert_non_null(strstr(text, "bug_test(")); /* the stack */
}

static void what_is_as_it_must_be_costs_nothing(void **state) {
    char text[4096];
    int status = 0;
    (void)state;
    run_child(false, text, sizeof text, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_ends_the_process_and_says_where),
        cmocka_unit_test(what_is_as_it_must_be_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
