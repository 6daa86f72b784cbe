/* Reading whole files, and making the folders that one is to be in. */
#include "base/io/file.h"

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

static void folders_of_a_file_are_made_and_those_there_stay(void **state) {
    (void)state;
    char folder[] = "/tmp/hub-file-test-XXXXXX", path[64];
    struct hub_err err;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a//b/file", folder);
    for (int i = 0; i < 2; i++) assert_int_equal(hub_file_make_folders(path, &err), HUB_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* the file is the caller's */
    assert_int_equal(hub_file_make_folders("file", &err), HUB_OK);
    assert_int_equal(hub_file_make_folders("", &err), HUB_OK);
    assert_int_equal(hub_file_make_folders("/dev/null/a/file", &err), HUB_NOT_FOUND);
    assert_string_equal(err.text, "cannot make the folder /dev/null/a: Not a directory");
    for (const char *const *s = (const char *const[]){"/a/b", "/a", "", NULL}; *s; s++) {
        snprintf(path, sizeof path, "%s%s", folder, *s);
        assert_int_equal(rmdir(path), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_appended_whole_or_not_at_all),
        cmocka_unit_test(folders_of_a_file_are_made_and_those_there_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
