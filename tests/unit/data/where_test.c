/* Conditions as rows of a table have their values: what meets them in the store meets them here, or nobody
 * says. */
#include "data/where.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct hub_column columns[] = {
    {.property = "id", .type = HUB_COL_ID},        {.property = "title", .type = HUB_COL_STRING},
    {.property = "body", .type = HUB_COL_TEXT},    {.property = "size", .type = HUB_COL_INTEGER},
    {.property = "open", .type = HUB_COL_BOOLEAN}, {.property = "at", .type = HUB_COL_DATETIME},
    {.property = "state", .type = HUB_COL_ENUM},   {.property = "price", .type = HUB_COL_DECIMAL},
    {.property = "extra", .type = HUB_COL_JSON},
};

/* WHERE in the words of rows, as JSON; "unknown": only the store knows. */
static const char *typed(bool managed, const char *where) {
    static char text[200];
    const struct hub_table t = {.name = "t", .columns = columns, .column_n = 9, .managed = managed};
    json_t *given = hub_json_parse(hub_cstr(where), NULL), *got = hub_where_typed(&t, given);
    struct hub_buf b = {0};
    if (got) hub_json_add(&b, got);
    strncpy(text, got ? hub_buf_cstr(&b) : "unknown", sizeof text - 1);
    hub_buf_free(&b);
    json_decref(got);
    json_decref(given);
    return text;
}

static void values_are_of_their_columns(void **state) {
    static const char *const rows[][2] = {
        {"{\"size\":\"42\"}", "{\"size\":42}"},
        {"{\"size\":[\"1\",2]}", "{\"size\":[1,2]}"},
        {"{\"size\":{\"$gt\":\"7\",\"$in\":[\"8\"]}}", "{\"size\":{\"$gt\":7,\"$in\":[8]}}"},
        {"{\"title\":\"x\"}", "{\"title\":\"x\"}"},
        {"{\"nothing\":1}", "unknown"},
        {"{\"size\":\"much\"}", "unknown"},
        {"{\"size\":{\"$gt\":null}}", "unknown"},
        {"{\"open\":{\"$gt\":true}}", "unknown"},
        {"{\"state\":{\"$lt\":\"b\"}}", "unknown"},
        {"{\"title\":\"x\",\"size\":\"much\"}", "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_string_equal(typed(true, rows[i][0]), rows[i][1]);
}

/* They may call texts equal that are not, and keep times that are finer than what is shown. */
static void tables_of_others_have_an_equality_of_their_own(void **state) {
    static const char at[] = "{\"at\":{\"$gt\":\"2026-01-01T00:00:00.000Z\"}}";
    (void)state;
    assert_string_equal(typed(false, "{\"title\":\"x\"}"), "unknown");
    assert_string_equal(typed(false, "{\"body\":[\"x\"]}"), "unknown");
    assert_string_equal(typed(false, "{\"size\":\"42\"}"), "{\"size\":42}");
    assert_string_equal(typed(false, "{\"id\":\"x\"}"), "{\"id\":\"x\"}");
    assert_string_equal(typed(false, at), "unknown");
    assert_string_equal(typed(true, at), at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_of_their_columns),
        cmocka_unit_test(tables_of_others_have_an_equality_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
