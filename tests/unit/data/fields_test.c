/* Objects against fields: a table of values that fit their types and values that do not, then lists, fields
 * within fields, defaults, and what a refusal says. */
#include "data/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static const char *const colours[] = {"red", "green"};

static struct hub_def_field field(const char *name, enum hub_field_type type, bool required) {
    return (struct hub_def_field){.name = name,
                                  .type = type,
                                  .required = required,
                                  .enum_values = {.items = (const char **)(uintptr_t)colours, .n = 2}};
}

static void values_fit_their_field_types_or_are_refused(void **state) {
    static const struct {
        enum hub_field_type type;
        const char *json;
        bool fits;
    } cases[] = {
        {HUB_FIELD_STRING, "\"a\"", true},
        {HUB_FIELD_STRING, "\"\"", true},
        {HUB_FIELD_STRING, "1", false},
        {HUB_FIELD_STRING, "\"a\\u0000b\"", false},
        {HUB_FIELD_TEXT, "\"long\"", true},
        {HUB_FIELD_TEXT, "[]", false},
        {HUB_FIELD_INTEGER, "3", true},
        {HUB_FIELD_INTEGER, "3.0", true},
        {HUB_FIELD_INTEGER, "3.5", false},
        {HUB_FIELD_INTEGER, "\"3\"", false},
        {HUB_FIELD_INTEGER, "1e300", false},
        {HUB_FIELD_INTEGER, "9223372036854775807", true},
        {HUB_FIELD_DECIMAL, "3.5", true},
        {HUB_FIELD_DECIMAL, "3", true},
        {HUB_FIELD_DECIMAL, "\"3.5\"", false},
        {HUB_FIELD_BOOLEAN, "true", true},
        {HUB_FIELD_BOOLEAN, "0", false},
        {HUB_FIELD_ID, "\"u1\"", true},
        {HUB_FIELD_ID, "\"\"", false},
        {HUB_FIELD_ID, "7", false},
        {HUB_FIELD_DATETIME, "\"2026-01-31T10:00:00Z\"", true},
        {HUB_FIELD_DATETIME, "\"2026-02-31\"", false},
        {HUB_FIELD_DATETIME, "5", false},
        {HUB_FIELD_ENUM, "\"red\"", true},
        {HUB_FIELD_ENUM, "\"Red\"", false},
        {HUB_FIELD_ENUM, "1", false},
        {HUB_FIELD_JSON, "{\"a\":[1]}", true},
        {HUB_FIELD_JSON, "[]", true},
        {HUB_FIELD_JSON, "\"text\"", false},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_def_field f = field("f", cases[i].type, true);
        json_t *v = hub_json_parse(hub_cstr(cases[i].json), NULL);
        if (!hub_field_mismatch(&f, v) != cases[i].fits)
            fail_msg("type %d, value %s", (int)cases[i].type, cases[i].json);
        json_decref(v);
    }
}

static void a_string_is_counted_in_characters_not_bytes(void **state) {
    struct hub_def_field f = field("f", HUB_FIELD_STRING, true);
    struct hub_buf b = {0};
    (void)state;
    for (int i = 0; i < 255; i++) hub_buf_addz(&b, "\xc3\xa9");
    json_t *v = hub_json_string(hub_buf_str(&b));
    assert_null(hub_field_mismatch(&f, v));
    json_decref(v);
    hub_buf_addz(&b, "x");
    v = hub_json_string(hub_buf_str(&b));
    assert_non_null(hub_field_mismatch(&f, v));
    json_decref(v);
    hub_buf_free(&b);
}

/* ---- whole objects ---- */

static const struct hub_fields_of order_of = {"content", "message type", "order"};

struct answer {
    enum hub_code code;
    char after[600]; /* the object as it is then */
    struct hub_err err;
};

static struct answer check(const struct hub_def_field *fields, size_t n, const char *text) {
    struct answer a = {0};
    json_t *object = hub_json_parse(hub_cstr(text), NULL);
    struct hub_buf b = {0};
    bool changed;
    assert_non_null(object);
    a.code = hub_fields_check(fields, n, object, &order_of, &changed, &a.err);
    hub_json_add(&b, object);
    snprintf(a.after, sizeof a.after, "%s", hub_buf_cstr(&b));
    assert_int_equal(changed, strcmp(text, a.after) != 0);
    hub_buf_free(&b);
    json_decref(object);
    return a;
}

static void becomes(const struct hub_def_field *fields, size_t n, const char *text, const char *after) {
    struct answer a = check(fields, n, text);
    if (a.code) fail_msg("%s: %s", text, a.err.text);
    assert_string_equal(a.after, after);
}

static void is_refused(const struct hub_def_field *fields, size_t n, const char *text, const char *why) {
    struct answer a = check(fields, n, text);
    assert_int_equal(a.code, HUB_INVALID_CONTENT);
    assert_int_equal(a.err.code, HUB_INVALID_CONTENT);
    assert_string_equal(a.err.text, why);
}

static void defaults_are_filled_in_and_faults_name_the_field(void **state) {
    struct hub_def_field fields[] = {field("amount", HUB_FIELD_INTEGER, true), field("colour", HUB_FIELD_ENUM, false),
                                     field("note", HUB_FIELD_TEXT, false)};
    fields[1].default_value = json_string("green");
    (void)state;
    becomes(fields, 3, "{\"amount\":5}", "{\"amount\":5,\"colour\":\"green\"}");
    becomes(fields, 3, "{\"amount\":5,\"colour\":\"red\"}", "{\"amount\":5,\"colour\":\"red\"}");
    becomes(fields, 3, "{\"amount\":5,\"note\":null}", "{\"amount\":5,\"colour\":\"green\"}"); /* null is absent */
    is_refused(fields, 3, "{\"colour\":\"red\"}", "content.amount: required, but missing");
    is_refused(fields, 3, "{\"amount\":5,\"colour\":\"blue\"}", "content.colour: expected one of red, green");
    is_refused(fields, 3, "{\"amount\":5,\"extra\":1}", "content.extra: the message type \"order\" has no such field");
    json_decref(fields[1].default_value);
}

static void without_fields_any_object_fits(void **state) {
    (void)state;
    becomes(NULL, 0, "{\"a\":{\"b\":[1,null]}}", "{\"a\":{\"b\":[1,null]}}");
    is_refused(NULL, 0, "[1]", "content: expected an object");
}

static void each_element_of_a_list_is_checked(void **state) {
    struct hub_def_field tags = field("tags", HUB_FIELD_STRING, true), parts = field("parts", HUB_FIELD_JSON, false);
    struct hub_def_field fields[2];
    (void)state;
    tags.list = parts.list = true;
    fields[0] = tags, fields[1] = parts;
    becomes(fields, 2, "{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"a\",\"b\"]}");
    becomes(fields, 2, "{\"tags\":[]}", "{\"tags\":[]}"); /* required means that it is there */
    becomes(fields, 2, "{\"tags\":[],\"parts\":[{\"any\":null},[]]}", "{\"tags\":[],\"parts\":[{\"any\":null},[]]}");
    is_refused(fields, 2, "{}", "content.tags: required, but missing");
    is_refused(fields, 2, "{\"tags\":null}", "content.tags: required, but missing");
    is_refused(fields, 2, "{\"tags\":\"a\"}", "content.tags: expected a list");
    is_refused(fields, 2, "{\"tags\":{}}", "content.tags: expected a list");
    is_refused(fields, 2, "{\"tags\":[\"a\",7]}", "content.tags[1]: expected a text");
    is_refused(fields, 2, "{\"tags\":[null]}", "content.tags[0]: expected a text");
    is_refused(fields, 2, "{\"tags\":[[\"a\"]]}", "content.tags[0]: expected a text");
    is_refused(fields, 2, "{\"tags\":[],\"parts\":[{},5]}", "content.parts[1]: expected an object or array");
}

/* items: a list of {price, count = 1, size: {unit = "red"}}. */
static void fields_within_fields_are_checked_and_filled_in_each_at_its_place(void **state) {
    struct hub_def_field unit[] = {field("unit", HUB_FIELD_ENUM, false), field("w", HUB_FIELD_INTEGER, true)};
    struct hub_def_field item[] = {field("price", HUB_FIELD_DECIMAL, true), field("count", HUB_FIELD_INTEGER, false),
                                   field("size", HUB_FIELD_JSON, false)};
    struct hub_def_field items[] = {field("items", HUB_FIELD_JSON, true)};
    (void)state;
    unit[0].default_value = json_string("red");
    item[1].default_value = json_integer(1);
    item[2].fields = unit, item[2].field_n = 2;
    items[0].fields = item, items[0].field_n = 3, items[0].list = true;
    becomes(items, 1, "{\"items\":[{\"price\":2.5},{\"price\":1,\"size\":{\"w\":3},\"count\":null}]}",
            "{\"items\":[{\"price\":2.5,\"count\":1},"
            "{\"price\":1,\"size\":{\"w\":3,\"unit\":\"red\"},\"count\":1}]}");
    is_refused(items, 1, "{\"items\":[{\"price\":1},{\"price\":1},{\"price\":\"1\"}]}",
               "content.items[2].price: expected a number");
    is_refused(items, 1, "{\"items\":[{}]}", "content.items[0].price: required, but missing");
    is_refused(items, 1, "{\"items\":[{\"price\":1,\"prize\":1}]}",
               "content.items[0].prize: the field \"items\" has no such field");
    is_refused(items, 1, "{\"items\":[{\"price\":1,\"size\":{\"w\":1,\"unit\":\"blue\"}}]}",
               "content.items[0].size.unit: expected one of red, green");
    is_refused(items, 1, "{\"items\":[{\"price\":1,\"size\":[]}]}", "content.items[0].size: expected an object");
    is_refused(items, 1, "{\"items\":{\"price\":1}}", "content.items: expected a list");
    is_refused(items, 1, "{\"items\":[[]]}", "content.items[0]: expected an object");
    json_decref(unit[0].default_value);
    json_decref(item[1].default_value);
}

/* Each element takes three bytes to send, and would take a kilobyte to keep. */
static void a_list_cannot_ask_for_defaults_without_end(void **state) {
    struct hub_def_field note[] = {field("note", HUB_FIELD_TEXT, false)};
    struct hub_def_field items[] = {field("items", HUB_FIELD_JSON, true)};
    struct hub_buf padding = {0};
    struct hub_err err;
    bool changed;
    (void)state;
    for (int i = 0; i < 1000; i++) hub_buf_addc(&padding, 'x');
    note[0].default_value = hub_json_string(hub_buf_str(&padding));
    items[0].fields = note, items[0].field_n = 1, items[0].list = true;
    json_t *list = json_array(), *object = json_pack("{s:o}", "items", list);
    for (int i = 0; i < 800; i++) json_array_append_new(list, json_object());
    assert_int_equal(hub_fields_check(items, 1, object, &order_of, &changed, &err), HUB_OK);
    for (int i = 0; i < 800; i++) json_array_append_new(list, json_object());
    assert_int_equal(hub_fields_check(items, 1, object, &order_of, &changed, &err),
                     HUB_OK); /* half of them are complete */
    json_array_clear(list);
    for (int i = 0; i < 1000; i++) json_array_append_new(list, json_object());
    assert_int_equal(hub_fields_check(items, 1, object, &order_of, &changed, &err), HUB_TOO_LARGE);
    assert_non_null(strstr(err.text, "].note: too many defaults to fill in"));
    json_decref(object);
    json_decref(note[0].default_value);
    hub_buf_free(&padding);
}

/* What a definition says of the object itself comes once, however much it is. */
static void a_large_default_of_the_object_itself_is_filled_in(void **state) {
    struct hub_def_field note[] = {field("note", HUB_FIELD_TEXT, false)};
    struct hub_buf padding = {0};
    struct hub_err err;
    json_t *object = json_object();
    bool changed;
    (void)state;
    for (size_t i = 0; i <= HUB_FIELDS_FILL_MAX; i++) hub_buf_addc(&padding, 'x');
    note[0].default_value = hub_json_string(hub_buf_str(&padding));
    assert_int_equal(hub_fields_check(note, 1, object, &order_of, &changed, &err), HUB_OK);
    assert_true(changed && hub_json_get_str(object, "note").n == padding.n);
    json_decref(object);
    json_decref(note[0].default_value);
    hub_buf_free(&padding);
}

/* The deepest place there can be, with the longest names: the reason is still there. */
static void a_long_path_keeps_its_end_and_the_reason(void **state) {
    struct hub_def_field level[HUB_FIELD_DEPTH];
    struct hub_err err;
    char name[HUB_NAME_MAX + 1];
    bool changed;
    (void)state;
    memset(name, 'n', HUB_NAME_MAX);
    name[HUB_NAME_MAX] = 0;
    json_t *object = json_pack("{s:[s]}", name, "no number");
    for (size_t i = 0; i < HUB_FIELD_DEPTH; i++) {
        level[i] = field(name, i + 1 < HUB_FIELD_DEPTH ? HUB_FIELD_JSON : HUB_FIELD_INTEGER, true);
        level[i].list = true;
        if (i + 1 == HUB_FIELD_DEPTH) break;
        level[i].fields = &level[i + 1], level[i].field_n = 1;
        object = json_pack("{s:[o]}", name, object);
    }
    assert_int_equal(hub_fields_check(level, 1, object, &order_of, &changed, &err), HUB_INVALID_CONTENT);
    assert_true(hub_str_starts(hub_cstr(err.text), HUB_STR("…n")));
    assert_non_null(strstr(err.text, "nnn[0]: expected a whole number"));
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fit_their_field_types_or_are_refused),
        cmocka_unit_test(a_string_is_counted_in_characters_not_bytes),
        cmocka_unit_test(defaults_are_filled_in_and_faults_name_the_field),
        cmocka_unit_test(without_fields_any_object_fits),
        cmocka_unit_test(each_element_of_a_list_is_checked),
        cmocka_unit_test(fields_within_fields_are_checked_and_filled_in_each_at_its_place),
        cmocka_unit_test(a_list_cannot_ask_for_defaults_without_end),
        cmocka_unit_test(a_large_default_of_the_object_itself_is_filled_in),
        cmocka_unit_test(a_long_path_keeps_its_end_and_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
