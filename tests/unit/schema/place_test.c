/* Positions inside scalars: whatever way YAML writes a text, a problem in it is shown where its author
 * wrote it. */
#include "schema/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "schema/memory.h"

/* A checker that takes every "BAD" for a problem, at lines and columns of the text as a script compiler
 * would count them. */
static void find_bad(void *ctx, const struct hub_script *script, const struct hub_script_names *names) {
    (void)ctx;
    struct hub_script_problem p = {.code = "L001", .length = 3, .text = "bad"};
    for (size_t i = 0; i + 3 <= script->text.n; i++) {
        if (memcmp(script->text.p + i, "BAD", 3) == 0) names->report(names->arg, &p);
        if (script->text.p[i] == '\n')
            p.line++, p.column = 0;
        else
            p.column += ((unsigned char)script->text.p[i] & 0xc0) != 0x80;
    }
}

static const struct hub_script_checker checker = {.check = find_bad};

struct found {
    int line, column, end_line, end_column;
};

static size_t check(const char *script, struct found *out, size_t max) {
    struct hub_buf text = {0};
    hub_buf_addz(
        &text,
        "hubBasics: {name: chat}\nroomSettings:\n  roomDataObject: r\n  authScripts: [{name: a, script: user.x}]\n");
    hub_buf_addz(&text, script);
    struct hub_diags *diags = hub_diags_new();
    const struct hub_load_options options = {.checker = &checker};
    enum hub_code code = hub_text_load(hub_str(NULL, 0), hub_buf_str(&text), &options, diags, NULL);
    assert_int_equal(code, hub_diags_n(diags) ? HUB_BAD_REQUEST : HUB_OK);
    size_t n = 0;
    for (size_t i = 0; i < hub_diags_n(diags); i++) {
        const struct hub_diag *g = hub_diags_at(diags, i);
        if (strcmp(g->code, "L001")) fprintf(stderr, "%s %d:%d %s\n", g->code, g->line, g->column, g->message);
        assert_string_equal(g->code, "L001");
        if (n < max) out[n++] = (struct found){g->line, g->column, g->end_line, g->end_column};
    }
    hub_diags_free(diags);
    hub_buf_free(&text);
    return n;
}

/* The "BAD"s of the script must be found exactly where they stand. */
static void found_in_place(const char *script) {
    struct found found[8];
    size_t n = check(script, found, 8), k = 0;
    int line = 5, column = 1;
    for (const char *c = script; *c; c++) {
        if (strncmp(c, "BAD", 3) == 0) {
            assert_true(k < n);
            if (found[k].line != line || found[k].column != column)
                fprintf(stderr, "%s: expected %d:%d, found %d:%d\n", script, line, column, found[k].line,
                        found[k].column);
            assert_int_equal(found[k].line, line);
            assert_int_equal(found[k].column, column);
            assert_int_equal(found[k].end_column, column + 3);
            k++;
        }
        if (*c == '\n')
            line++, column = 1;
        else
            column += ((unsigned char)*c & 0xc0) != 0x80;
    }
    assert_int_equal(k, n);
    assert_true(n > 0);
}

static void problems_of_plain_scalars_are_in_place(void **state) {
    (void)state;
    found_in_place("  checkScript: BAD\n");
    found_in_place("  checkScript:   user.x == BAD && BAD\n");
    found_in_place("  checkScript: größe == BAD\n");
    found_in_place("  checkScript: user.x ==\n    BAD &&\n\n      BAD\n");
}

static void problems_of_quoted_scalars_are_in_place(void **state) {
    (void)state;
    found_in_place("  checkScript: 'user.x == ''a'' && BAD'\n");
    found_in_place("  checkScript: \"user.x == \\\"a\\\" && BAD\"\n");
    found_in_place("  checkScript: \"\\x41 \\u00e4 \\U0001F600 \\t \\n BAD\"\n");
    found_in_place("  checkScript: \"über &&\n      BAD && \\\n      BAD\"\n");
    found_in_place("  checkScript: 'one &&\n\n    BAD'\n");
}

static void problems_of_blocks_are_in_place(void **state) {
    (void)state;
    found_in_place("  checkScript: |\n    BAD\n      + BAD\n");
    found_in_place("  checkScript: |  # why\n\n    user.x\n    == BAD\n");
    found_in_place("  checkScript: |2-\n      BAD\n    BAD\n");
    found_in_place("  checkScript: >\n    user.x\n    == BAD\n\n    && BAD\n");
    found_in_place("  checkScript: >-\n    BAD\n      more BAD\n    BAD\n");
    found_in_place("  checkScript: {lua: \"return BAD\"}\n");
    found_in_place("  checkScript:\n    lua: |\n      local x = 1\n      return BAD\n");
}

static void variables_shift_nothing(void **state) {
    (void)state;
    setenv("HUBD_TEST_LONG", "a rather long value with many words", 1);
    found_in_place("  checkScript: \"${HUBD_TEST_LONG} BAD\"\n");
    found_in_place("  checkScript: '$${NOT} ${HUBD_TEST_NONE:-} ${HUBD_TEST_NONE:-x} BAD'\n");
    found_in_place("  checkScript: |\n    ${HUBD_TEST_LONG}\n    BAD\n");
}

static void a_problem_in_a_variable_is_at_the_variable(void **state) {
    (void)state;
    setenv("HUBD_TEST_BAD", "x BAD", 1);
    struct found found[2];
    assert_int_equal(check("  checkScript: user.${HUBD_TEST_BAD}\n", found, 2), 1);
    assert_int_equal(found[0].line, 5);
    assert_int_equal(found[0].column, 21);
}

static void json_surrogate_pairs_are_one_character(void **state) {
    (void)state;
    static const char text[] =
        "{\"hubBasics\": "
        "{\"name\":\"chat\",\"description\":\"\\ud83d\\ude00\\/\"},\n\"roomSettings\":{\"roomDataObject\":\"r\",\n"
        "\"authScripts\":[{\"name\":\"a\",\"script\":\"BAD\"}]}}";
    struct hub_diags *diags = hub_diags_new();
    const struct hub_load_options options = {.checker = &checker};
    assert_int_equal(hub_text_load(hub_str(NULL, 0), hub_cstr(text), &options, diags, NULL), HUB_BAD_REQUEST);
    assert_int_equal(hub_diags_n(diags), 1);
    assert_int_equal(hub_diags_at(diags, 0)->line, 3);
    assert_int_equal(hub_diags_at(diags, 0)->column, 38);
    hub_diags_free(diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_of_plain_scalars_are_in_place),
        cmocka_unit_test(problems_of_quoted_scalars_are_in_place),
        cmocka_unit_test(problems_of_blocks_are_in_place),
        cmocka_unit_test(variables_shift_nothing),
        cmocka_unit_test(a_problem_in_a_variable_is_at_the_variable),
        cmocka_unit_test(json_surrogate_pairs_are_one_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
