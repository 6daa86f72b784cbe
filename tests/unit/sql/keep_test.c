/* Copies of texts that outlive their caller. */
#include "adapters/sql/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void texts_stand_when_the_buffer_has_moved(void **state) {
    (void)state;
    enum { N = 1000 };
    struct hub_buf text = {0};
    struct hub_str kept[N];
    char word[32];
    for (int i = 0; i < N; i++) {
        snprintf(word, sizeof word, "word %d", i);
        kept[i] = hub_sql_keep(&text, hub_cstr(word));
    }
    for (int i = 0; i < N; i++) hub_sql_settle(&text, &kept[i]);
    for (int i = 0; i < N; i++) {
        snprintf(word, sizeof word, "word %d", i);
        assert_string_equal(kept[i].p, word); /* with its NUL */
    }
    hub_buf_free(&text);
}

static struct hub_cell text_cell(char *s) { return (struct hub_cell){.kind = HUB_CELL_TEXT, .s = hub_cstr(s)}; }

static void conditions_outlive_what_they_were_made_of(void **state) {
    (void)state;
    char a[] = "a", b[] = "bb", c[] = "ccc";
    struct hub_cell in[] = {text_cell(a), text_cell(b)};
    struct hub_cond where[] = {{.column = 1, .cmp = HUB_IN, .in = in, .in_n = 2},
                               {.column = 2, .cmp = HUB_EQ, .value = text_cell(c)}};
    const struct hub_select q = {.where = where, .where_n = 2};
    struct hub_buf text = {0};
    struct hub_cell *cells;
    size_t n;
    struct hub_cond *kept = hub_sql_keep_where(&q, &text, &cells, &n);
    memset(a, 'x', 1), memset(b, 'x', 2), memset(c, 'x', 3);
    memset(in, 0, sizeof in);
    memset(where, 0, sizeof where);
    assert_int_equal(n, 2);
    assert_ptr_equal(kept[0].in, cells);
    assert_true(hub_str_is(kept[0].in[0].s, "a"));
    assert_true(hub_str_is(kept[0].in[1].s, "bb"));
    assert_int_equal(kept[1].column, 2);
    assert_true(hub_str_is(kept[1].value.s, "ccc"));
    free(kept);
    free(cells);
    hub_buf_free(&text);
}

static void no_conditions_are_none(void **state) {
    (void)state;
    struct hub_buf text = {0};
    struct hub_cell *cells;
    size_t n = 1;
    struct hub_cond *kept = hub_sql_keep_where(&(struct hub_select){0}, &text, &cells, &n);
    assert_int_equal(n, 0);
    free(kept);
    free(cells);
    hub_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stand_when_the_buffer_has_moved),
        cmocka_unit_test(conditions_outlive_what_they_were_made_of),
        cmocka_unit_test(no_conditions_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
