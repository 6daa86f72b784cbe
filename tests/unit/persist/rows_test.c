/* Rows between JSON and cells: coercion, defaults, refusals that name the property. */
#include "base/text/utf8.h"
#include "persist/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static const char *const colours[] = {"red", "green", NULL};
enum { ID, NAME, NOTE, N, PRICE, ON, AT, COLOUR, DATA, CREATED, COLUMNS };
static const struct hub_column columns[COLUMNS] = {
    [ID] = {.property = "id", .type = HUB_COL_ID, .required = true},
    [NAME] = {.property = "name", .type = HUB_COL_STRING, .required = true},
    [NOTE] = {.property = "note", .type = HUB_COL_TEXT},
    [N] = {.property = "n", .type = HUB_COL_INTEGER, .default_json = "7"},
    [PRICE] = {.property = "price", .type = HUB_COL_DECIMAL},
    [ON] = {.property = "on", .type = HUB_COL_BOOLEAN, .default_json = "true"},
    [AT] = {.property = "at", .type = HUB_COL_DATETIME},
    [COLOUR] = {.property = "colour", .type = HUB_COL_ENUM, .enum_values = colours, .default_json = "\"red\""},
    [DATA] = {.property = "data", .type = HUB_COL_JSON},
    [CREATED] = {.property = "createdAt", .type = HUB_COL_DATETIME, .required = true},
};
static const struct hub_table table = {.name = "thing",
                                       .table = "thing",
                                       .managed = true,
                                       .columns = columns,
                                       .column_n = COLUMNS,
                                       .id = ID,
                                       .active = -1,
                                       .created_at = CREATED,
                                       .updated_at = -1};

static struct hub_cell cells[COLUMNS];
static struct hub_buf text;
static struct hub_err err;

static enum hub_code read_row(const char *json, enum hub_row_use use) {
    json_t *o = hub_json_parse(hub_cstr(json), &err);
    assert_non_null(o);
    enum hub_code code = hub_row_from_json(&table, o, use, cells, &text, &err);
    json_decref(o);
    return code;
}

static void refused(const char *json, const char *says) {
    assert_int_equal(read_row(json, HUB_ROW_CREATE), HUB_INVALID_CONTENT);
    if (!strstr(err.text, says)) fail_msg("%s: %s", json, err.text);
}

static void a_new_row_gets_an_id_and_defaults(void **state) {
    (void)state;
    assert_int_equal(read_row("{\"name\":\"a\"}", HUB_ROW_CREATE), HUB_OK);
    assert_int_equal(cells[ID].s.n, 36);
    assert_int_equal(cells[ID].s.p[14], '7');
    assert_true(hub_str_is(cells[NAME].s, "a"));
    assert_int_equal(
        cells[NOTE].kind,
        HUB_CELL_NULL); /* said outright: what is answered has all properties, whatever the store gives back */
    assert_int_equal(cells[N].i, 7);
    assert_int_equal(cells[ON].kind, HUB_CELL_BOOL);
    assert_true(hub_str_is(cells[COLOUR].s, "red"));
    assert_int_equal(cells[CREATED].kind, HUB_CELL_ABSENT); /* the adapter's, though required */
}

static void a_change_carries_only_what_it_names(void **state) {
    (void)state;
    assert_int_equal(read_row("{\"n\":1,\"note\":null}", HUB_ROW_CHANGE), HUB_OK);
    for (int i = 0; i < COLUMNS; i++)
        if (i != N && i != NOTE) assert_int_equal(cells[i].kind, HUB_CELL_ABSENT);
    assert_int_equal(cells[NOTE].kind, HUB_CELL_NULL);
    assert_int_equal(read_row("{\"name\":null}", HUB_ROW_CHANGE), HUB_INVALID_CONTENT);
}

static void values_are_coerced_as_sql_drivers_do(void **state) {
    (void)state;
    assert_int_equal(read_row("{\"id\":12,\"name\":\"\",\"n\":\"-5\",\"price\":\"1.25\",\"on\":0,\"at\":\"2026-01-"
                              "31T00:00:00Z\",\"data\":[]}",
                              HUB_ROW_CREATE),
                     HUB_OK);
    assert_true(hub_str_is(cells[ID].s, "12"));
    assert_int_equal(cells[NAME].s.n, 0);
    assert_non_null(cells[NAME].s.p);
    assert_int_equal(cells[N].i, -5);
    assert_true(cells[PRICE].r == 1.25);
    assert_int_equal(cells[ON].i, 0);
    assert_int_equal(cells[AT].i, 1769817600000);
    assert_true(hub_str_is(cells[DATA].s, "[]"));
    assert_int_equal(read_row("{\"name\":\"x\",\"n\":3.0,\"price\":2,\"on\":\"true\",\"at\":5}", HUB_ROW_CREATE),
                     HUB_OK);
    assert_int_equal(cells[N].i, 3);
    assert_true(cells[PRICE].r == 2.0);
    assert_int_equal(cells[AT].i, 5);
}

static void what_does_not_fit_is_refused_by_name(void **state) {
    (void)state;
    refused("{}", "\"name\" is required");
    refused("{\"name\":\"x\",\"nam\":1,\"b\":2}", "thing has no property \"nam\", \"b\"");
    refused("{\"name\":\"x\",\"n\":1.5}", "\"n\" must be an integer");
    refused("{\"name\":\"x\",\"n\":\"five\"}", "\"n\" must be an integer");
    refused("{\"name\":\"x\",\"n\":true}", "\"n\" must be an integer");
    refused("{\"name\":\"x\",\"price\":\" 1\"}", "\"price\" must be a number");
    refused("{\"name\":\"x\",\"price\":\"nan\"}", "\"price\" must be a number");
    refused("{\"name\":\"x\",\"on\":2}", "\"on\" must be true or false");
    refused("{\"name\":\"x\",\"at\":\"soon\"}", "\"at\" must be an ISO 8601 date-time");
    refused("{\"name\":\"x\",\"at\":99999999999999999}", "\"at\" must be an ISO 8601 date-time");
    refused("{\"name\":\"x\",\"colour\":\"blue\"}", "\"colour\" must be one of red, green");
    refused("{\"name\":{}}", "\"name\" must be a text");
    refused("{\"name\":\"a\\u0000b\"}", "\"name\": NUL characters cannot be stored");
    refused("{\"name\":\"x\",\"data\":{\"list\":[\"\\u0000\"]}}", "\"data\": NUL characters cannot be stored");
    struct hub_buf json = {0};
    hub_buf_addz(&json, "{\"name\":\"");
    for (int i = 0; i < 256; i++) hub_buf_addz(&json, "é");
    hub_buf_addz(&json, "\"}");
    refused(hub_buf_cstr(&json), "at most 255 characters");
    hub_buf_free(&json);
}

static void a_row_prints_as_the_json_it_came_from(void **state) {
    (void)state;
    assert_int_equal(read_row("{\"id\":\"1\",\"name\":\"n\",\"at\":\"2026-01-31T12:00:00+01:00\",\"data\":{\"a\":[1,"
                              "null]},\"price\":0.5}",
                              HUB_ROW_CHANGE),
                     HUB_OK);
    json_t *o = hub_row_json(&table, cells);
    struct hub_buf out = {0};
    hub_json_add(&out, o);
    assert_string_equal(
        hub_buf_cstr(&out),
        "{\"id\":\"1\",\"name\":\"n\",\"price\":0.5,\"at\":\"2026-01-31T11:00:00.000Z\",\"data\":{\"a\":[1,null]}}");
    hub_buf_free(&out);
    json_decref(o);
}

static void texts_stay_where_the_cells_point(void **state) {
    (void)state;
    struct hub_buf json = {0};
    hub_buf_addz(&json, "{\"name\":\"first\",\"note\":\"");
    for (int i = 0; i < 10000; i++) hub_buf_addc(&json, 'x'); /* moves the buffer after "name" was put there */
    hub_buf_addz(&json, "\",\"data\":{\"k\":1}}");
    hub_buf_free(&text);
    assert_int_equal(read_row(hub_buf_cstr(&json), HUB_ROW_CREATE), HUB_OK);
    assert_true(hub_str_is(cells[NAME].s, "first"));
    assert_int_equal(cells[NOTE].s.n, 10000);
    assert_true(hub_str_is(cells[DATA].s, "{\"k\":1}"));
    hub_buf_free(&json);
    hub_buf_free(&text);
}

/* Both ways of writing a row say the same. */
static void expect_same_json(void) {
    struct hub_buf b = {0};
    hub_row_add_json(&b, &table, cells);
    json_t *from_text = hub_json_parse(hub_buf_str(&b), &err), *tree = hub_row_json(&table, cells);
    if (!from_text || !json_equal(from_text, tree)) fail_msg("%s", hub_buf_cstr(&b));
    json_decref(from_text);
    json_decref(tree);
    hub_buf_free(&b);
}

static void the_text_of_a_row_is_that_of_its_tree(void **state) {
    (void)state;
    assert_int_equal(read_row("{\"name\":\"a \\\"b\\\" "
                              "\\u0001\",\"n\":-5,\"price\":1.25,\"on\":false,\"at\":\"2026-01-02T03:04:05.678Z\","
                              "\"data\":{\"deep\":[1,{\"x\":null}]}}",
                              HUB_ROW_CREATE),
                     HUB_OK);
    expect_same_json();
    cells[DATA].s = HUB_STR("{not json"); /* as somebody else may have left it */
    expect_same_json();
    cells[DATA].s = HUB_STR("\"\xff\"");
    struct hub_buf b = {0};
    hub_row_add_json(&b, &table, cells);
    assert_true(hub_utf8_valid(hub_buf_str(&b)));
    hub_buf_free(&b);
    for (int i = 0; i < COLUMNS; i++) cells[i] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
    expect_same_json();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_a_row_is_that_of_its_tree),
        cmocka_unit_test(a_new_row_gets_an_id_and_defaults),
        cmocka_unit_test(a_change_carries_only_what_it_names),
        cmocka_unit_test(values_are_coerced_as_sql_drivers_do),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(a_row_prints_as_the_json_it_came_from),
        cmocka_unit_test(texts_stay_where_the_cells_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
