/* Definitions as data: each folder of tests/schema/good, and each example in hubs, must load without any
 * finding, each of tests/schema/bad must give exactly the findings in its "expected.txt". A folder may
 * hold "set" (overrides, key=value per line) and "alone" (the name of one hub file to check by itself).
 * HUB_GOLDEN=write writes the expected findings anew; look at the difference before committing it. */
#include "schema/load.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "schema/diag.h"
#include "schema/scenario/scenario.h"
#include "scripting/scripts.h"
#include "server/preflight.h"

enum { MAX_FOLDERS = 128, MAX_OVERRIDES = 16 };

static struct hub_str read_file(struct hub_buf *b, const char *dir, const char *name) {
    char path[512];
    struct hub_err err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    hub_buf_clear(b);
    if (hub_file_read(path, 1 << 22, b, &err)) return hub_str(NULL, 0);
    hub_buf_cstr(b);
    return hub_buf_str(b);
}

/* Cuts "key=value" lines apart in place. */
static size_t read_overrides(struct hub_buf *text, struct hub_override *out) {
    size_t n = 0;
    char *save = NULL;
    for (char *line = strtok_r(text->p, "\n", &save); line && n < MAX_OVERRIDES; line = strtok_r(NULL, "\n", &save)) {
        char *equals = strchr(line, '=');
        assert_non_null(equals);
        *equals = 0;
        out[n++] = (struct hub_override){line, equals + 1};
    }
    return n;
}

/* Checks one folder; the service is kept only when asked for. */
static struct hub_diags *check(const char *dir, struct hub_service **keep) {
    struct hub_diags *diags = hub_diags_new();
    struct hub_override overrides[MAX_OVERRIDES];
    struct hub_load_options options = {.overrides = overrides,
                                       .checker = &hub_lua_checker,
                                       .start_check = hub_preflight,
                                       .ignore_environment = true,
                                       .as_written = keep != NULL};
    struct hub_buf text = {0};
    struct hub_service *service = NULL;
    if (read_file(&text, dir, "set").p) options.override_n = read_overrides(&text, overrides);
    struct hub_buf alone = {0};
    enum hub_code code;
    struct hub_str name = hub_str_trim(read_file(&alone, dir, "alone"));
    if (name.n) {
        char path[512];
        snprintf(path, sizeof path, "%s/%.*s", dir, HUB_FMT(name));
        code = hub_file_check(path, &options, diags);
    } else {
        code = hub_service_load(dir, &options, diags, &service);
    }
    assert_int_equal(code == HUB_OK, hub_diags_count(diags, HUB_SEV_ERROR) == 0);
    if (service) hub_scenarios_lint(service, NULL, diags);
    hub_buf_free(&text);
    hub_buf_free(&alone);
    if (keep)
        *keep = service;
    else
        hub_service_free(service);
    return diags;
}

static void show_difference(const char *dir, const struct hub_buf *found) {
    char path[] = "/tmp/hub-found-XXXXXX", command[600];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, found->p, found->n), found->n);
    close(fd);
    snprintf(command, sizeof command, "diff -u '%s/expected.txt' %s >&2", dir, path);
    if (system(command) == 0) fprintf(stderr, "(no difference?)\n");
    unlink(path);
}

static void has_the_expected_findings(void **state) {
    const char *dir = *state;
    struct hub_diags *diags = check(dir, NULL);
    struct hub_buf found = {0}, expected = {0};
    hub_diags_print(diags, HUB_DIAG_TEXT, &found);
    hub_diags_free(diags);
    const char *golden = getenv("HUB_GOLDEN");
    if (golden && strcmp(golden, "write") == 0) {
        char path[512];
        snprintf(path, sizeof path, "%s/expected.txt", dir);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fwrite(found.p, 1, found.n, f);
        fclose(f);
    }
    bool same = hub_str_eq(read_file(&expected, dir, "expected.txt"), hub_buf_str(&found)) && found.n;
    if (!same) show_difference(dir, &found);
    hub_buf_free(&found);
    hub_buf_free(&expected);
    assert_true(same);
}

static void loads_without_findings(void **state) {
    struct hub_diags *diags = check(*state, NULL);
    struct hub_buf found = {0};
    hub_diags_print(diags, HUB_DIAG_TEXT, &found);
    if (found.n) fwrite(found.p, 1, found.n, stderr);
    hub_diags_free(diags);
    bool clean = !found.n;
    hub_buf_free(&found);
    assert_true(clean);
}

/* ---- dump ---- */

static void save(const char *dir, struct hub_str name, struct hub_str text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%.*s", dir, HUB_FMT(name));
    for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); *slash++ = '/')
        *slash = 0, mkdir(path, 0700);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(text.p, 1, text.n, f);
    fclose(f);
}

/* Saves each "--- # NAME" document under its name. */
static void unpack(const char *dir, struct hub_str dump) {
    const struct hub_str mark = HUB_STR("--- # ");
    while (dump.n) {
        assert_true(hub_str_starts(dump, mark));
        size_t end = hub_str_find(dump, '\n');
        struct hub_str name = hub_str(dump.p + mark.n, end - mark.n);
        const char *next = memmem(dump.p + end, dump.n - end, "\n--- # ", 7);
        struct hub_str body = hub_str(dump.p, next ? (size_t)(next + 1 - dump.p) : dump.n);
        save(dir, name, body);
        dump = hub_str(dump.p + body.n, dump.n - body.n);
    }
}

static void link_folders(const char *from, const char *to) {
    static const char *const folders[] = {"lib", "keys", "plugins/links/lib"};
    for (size_t i = 0; i < HUB_NELEM(folders); i++) {
        char source[512], target[512];
        snprintf(source, sizeof source, "%s/%s/%s", HUB_SOURCE_DIR, from, folders[i]);
        snprintf(target, sizeof target, "%s/%s", to, folders[i]);
        if (access(source, F_OK) == 0) assert_int_equal(symlink(source, target), 0);
    }
}

static void remove_tree(const char *dir) {
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void dump_of(const char *dir, struct hub_buf *out) {
    struct hub_service *service = NULL;
    struct hub_diags *diags = check(dir, &service);
    struct hub_buf found = {0};
    hub_diags_print(diags, HUB_DIAG_TEXT, &found);
    if (found.n) fwrite(found.p, 1, found.n, stderr);
    hub_buf_free(&found);
    hub_diags_free(diags);
    assert_non_null(service);
    hub_service_dump(service, out);
    hub_service_free(service);
}

static void its_dump_loads_as_the_same_service(void **state) {
    char dir[] = "/tmp/hub-dump-XXXXXX";
    struct hub_buf first = {0}, second = {0};
    assert_non_null(mkdtemp(dir));
    dump_of(*state, &first);
    unpack(dir, hub_buf_str(&first));
    link_folders(*state, dir);
    dump_of(dir, &second);
    remove_tree(dir);
    assert_string_equal(hub_buf_cstr(&first), hub_buf_cstr(&second));
    hub_buf_free(&first);
    hub_buf_free(&second);
}

/* ---- the catalogue of codes ---- */

static bool expects(const char *dir, const char *code) {
    struct hub_buf text = {0};
    char bracketed[16];
    snprintf(bracketed, sizeof bracketed, "[%s]: ", code);
    struct hub_str s = read_file(&text, dir, "expected.txt");
    bool found = s.p && memmem(s.p, s.n, bracketed, strlen(bracketed));
    hub_buf_free(&text);
    return found;
}

static char *bad[MAX_FOLDERS + 1];

static void every_code_is_found_in_a_bad_definition(void **state) {
    (void)state;
    size_t n, missing = 0;
    const struct hub_code_row *rows = hub_code_rows(&n);
    for (size_t i = 0; i < n; i++) {
        bool found = strcmp(rows[i].code, "Y008") == 0; /* needs a file of 1 MiB: load_test.c makes one */
        for (size_t k = 0; bad[k] && !found; k++) found = expects(bad[k], rows[i].code);
        if (!found) missing++, fprintf(stderr, "no bad definition gives %s\n", rows[i].code);
    }
    assert_int_equal(missing, 0);
}

/* ---- the list of tests ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static size_t folders_of(const char *root, char **out) {
    DIR *d = opendir(root);
    size_t n = 0;
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d)) && n < MAX_FOLDERS;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", root, e->d_name);
        if (e->d_name[0] != '.') out[n++] = hub_xstrdup(path);
    }
    closedir(d);
    qsort(out, n, sizeof *out, by_name);
    return n;
}

static bool holds_a_service(const char *dir) {
    char path[512];
    snprintf(path, sizeof path, "%s/service.yaml", dir);
    return access(path, R_OK) == 0;
}

int main(void) {
    static char *good[MAX_FOLDERS], *hubs[MAX_FOLDERS];
    static struct CMUnitTest tests[4 * MAX_FOLDERS + 1];
    size_t good_n = folders_of("tests/schema/good", good), bad_n = folders_of("tests/schema/bad", bad), n = 0;
    unsetenv("HUBD_ALLOW_DEV_AUTH");
    unsetenv("HUBD_TEST_UNSET");
    for (size_t i = 0; i < good_n; i++) {
        tests[n++] = (struct CMUnitTest){good[i], loads_without_findings, NULL, NULL, good[i]};
        tests[n++] = (struct CMUnitTest){good[i], its_dump_loads_as_the_same_service, NULL, NULL, good[i]};
    }
    size_t hub_n = folders_of("hubs", hubs);
    for (size_t i = 0; i < hub_n; i++)
        if (holds_a_service(hubs[i]))
            tests[n++] = (struct CMUnitTest){hubs[i], loads_without_findings, NULL, NULL, hubs[i]};
    for (size_t i = 0; i < bad_n; i++)
        tests[n++] = (struct CMUnitTest){bad[i], has_the_expected_findings, NULL, NULL, bad[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_code_is_found_in_a_bad_definition);
    int failed = _cmocka_run_group_tests("definitions", tests, n, NULL, NULL);
    for (size_t i = 0; i < good_n; i++) free(good[i]);
    for (size_t i = 0; i < hub_n; i++) free(hubs[i]);
    for (size_t i = 0; i < bad_n; i++) free(bad[i]);
    return failed || !good_n || !bad_n;
}
