/* Log lines as they arrive on stderr. */
#include "base/telemetry/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/json/json.h"
#include "base/text/buf.h"

static int saved = -1, pipe_out = -1;

/* Until released(), stderr goes into a pipe. */
static void capture(void) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    pipe_out = fds[0];
}

static char *released(void) {
    static char text[8192];
    dup2(saved, STDERR_FILENO);
    close(saved);
    size_t n = 0;
    for (ssize_t got; (got = read(pipe_out, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    close(pipe_out);
    text[n] = 0;
    return text;
}

/* The line after its time. */
static const char *after_time(const char *line) {
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    return line + 25;
}

static void text_lines_carry_level_component_message_and_fields(void **state) {
    (void)state;
    hub_log_setup(HUB_LOG_INFO, false);
    capture();
    hub_log_kv(HUB_LOG_WARN, "room", "user left", "user", "u1", "skipped", NULL, "why", "two words", "empty", "", NULL);
    assert_string_equal(after_time(released()), "warn  room: user left user=u1 why=\"two words\" empty=\"\"\n");
    capture();
    hub_logf(HUB_LOG_ERROR, "store", "lost after %d s", 5);
    assert_string_equal(after_time(released()), "error store: lost after 5 s\n");
}

static void json_lines_are_json(void **state) {
    (void)state;
    hub_log_setup(HUB_LOG_INFO, true);
    capture();
    hub_log_kv(HUB_LOG_INFO, "auth", "token \"refused\"", "reason", "a\nb\"c\xff", NULL);
    char *line = released();
    json_t *v = hub_json_parse(hub_str_trim(hub_cstr(line)), NULL);
    assert_non_null(v);
    assert_true(hub_str_is(hub_json_get_str(v, "level"), "info"));
    assert_true(hub_str_is(hub_json_get_str(v, "component"), "auth"));
    assert_true(hub_str_is(hub_json_get_str(v, "message"), "token \"refused\""));
    assert_true(hub_str_is(hub_json_get_str(v, "reason"), "a\nb\"c\xef\xbf\xbd"));
    assert_int_equal(hub_json_get_str(v, "time").n, 24);
    json_decref(v);
}

static void strangers_cannot_forge_lines_or_colour_the_terminal(void **state) {
    (void)state;
    hub_log_setup(HUB_LOG_INFO, false);
    capture();
    hub_log_kv(HUB_LOG_INFO, "x", "m", "name", "a\n2026-01-01T00:00:00.000Z error root: owned", "esc", "\x1b[31mred",
               "del", "\x7f", "c1",
               "\xc2\x9b"
               "31m",
               NULL);
    hub_logf(HUB_LOG_INFO, "x", "name is %s, \xc3\xa4",
             "a\r\nb\x1b[31m\x7f\xc2\x9b"
             "2J");
    char *text = released();
    int lines = 0;
    for (const char *c = text; *c; c++) {
        lines += *c == '\n';
        assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
    }
    assert_int_equal(lines, 2);
    assert_null(strstr(text, "\xc2\x9b"));
}

static void long_values_and_messages_are_cut(void **state) {
    (void)state;
    static char value[4000];
    memset(value, 'v', sizeof value - 1);
    hub_log_setup(HUB_LOG_INFO, false);
    capture();
    hub_log_kv(HUB_LOG_INFO, "x", "m", "k", value, NULL);
    assert_int_equal(strlen(after_time(released())), strlen("info  x: m k=\n") + 512);
    capture();
    hub_logf(HUB_LOG_INFO, "x", "%s", value);
    assert_int_equal(strlen(after_time(released())), strlen("info  x: \n") + 1023);
}

static void levels_hide_what_is_below_them(void **state) {
    (void)state;
    hub_log_setup(HUB_LOG_WARN, false);
    assert_true(hub_log_on(HUB_LOG_ERROR));
    assert_false(hub_log_on(HUB_LOG_INFO));
    capture();
    hub_logf(HUB_LOG_INFO, "x", "hidden");
    hub_log_kv(HUB_LOG_DEBUG, "x", "hidden", NULL);
    assert_string_equal(released(), "");
}

static void keep_line(void *arg, enum hub_log_level level, struct hub_str line) {
    struct hub_buf *b = arg;
    hub_buf_addf(b, "%d %.*s|", level, HUB_FMT(line));
}

/* As many as there are: nobody reads them but a program. */
static void lines_that_are_diverted_are_all_there_and_not_on_stderr(void **state) {
    (void)state;
    struct hub_buf lines = {0};
    size_t n = 0;
    hub_log_setup(HUB_LOG_INFO, false);
    hub_log_divert(keep_line, &lines);
    capture();
    for (int i = 0; i < 100; i++) hub_log_kv(HUB_LOG_WARN, "x", "said", "n", "1", NULL);
    hub_logf(HUB_LOG_DEBUG, "x", "hidden");
    hub_log_divert(NULL, NULL);
    assert_string_equal(released(), "");
    for (const char *p = hub_buf_cstr(&lines); (p = strchr(p, '|')); p++) n++;
    assert_int_equal(n, 100);
    assert_non_null(strstr(hub_buf_cstr(&lines), "warn  x: said n=1|"));
    assert_null(strchr(hub_buf_cstr(&lines), '\n'));
    hub_buf_free(&lines);
    capture();
    hub_logf(HUB_LOG_INFO, "x", "back");
    assert_non_null(strstr(released(), "back"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines_carry_level_component_message_and_fields),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(strangers_cannot_forge_lines_or_colour_the_terminal),
        cmocka_unit_test(long_values_and_messages_are_cut),
        cmocka_unit_test(levels_hide_what_is_below_them),
        cmocka_unit_test(lines_that_are_diverted_are_all_there_and_not_on_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
