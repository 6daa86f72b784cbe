/* Reading whole files. */
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void a_file_is_appended_whole_or_not_at_all(void **state) {
    (void)state;
    char path[] = "/tmp/hub-file-test-XXXXXX";
    struct hub_buf b = {0};
    struct hub_err err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static char bytes[40000];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
    hub_buf_addc(&b, '>');
    assert_int_equal(hub_file_read(path, sizeof bytes, &b, &err), HUB_OK);
    assert_int_equal(b.n, 1 + sizeof bytes);
    assert_int_equal(hub_file_read(path, sizeof bytes - 1, &b, &err), HUB_TOO_LARGE);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(b.n, 1 + sizeof bytes);
    unlink(path);
    assert_int_equal(hub_file_read(path, sizeof bytes, &b, &err), HUB_NOT_FOUND);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(hub_file_read("/", 10, &b, &err), HUB_NOT_FOUND); /* a directory opens, but does not read */
    assert_int_equal(b.n, 1 + sizeof bytes);
    hub_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file_is_appended_whole_or_not_at_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
