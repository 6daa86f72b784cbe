/* JSON: parsing with its refusals, printing as JavaScript prints, accessors, equality. */
#include "base/json/json.h"
#include "base/json/json_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory/mem.h"

static char *printed(const json_t *v) {
    struct hub_buf b = {0};
    hub_json_add(&b, v);
    return hub_buf_take(&b, NULL);
}

static void text_reads_and_prints_as_javascript_does(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        /* JSON.stringify(JSON.parse(left)) === right */
        {" { \"b\" : [ 1 , -2.50 , true , false , null ] , \"a\" : { } , \"c\" : [ ] } ",
         "{\"b\":[1,-2.5,true,false,null],\"a\":{},\"c\":[]}"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"\"\\u00e4\\u20AC\\ud83d\\uDE00 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\u0000\"", "\"\\u0000\""},
        {"{\"\\u0061\\n\":1}", "{\"a\\n\":1}"},
        {"\n\t\r 7 \n", "7"},
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"1.0", "1"},
        {"1e3", "1000"},
        {"1E+2", "100"},
        {"100e-2", "1"},
        {"9223372036854775807", "9223372036854775807"}, /* more exact than JavaScript */
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775808", "9223372036854776000"},
        {"123456789012345678901234567890", "1.2345678901234568e+29"},
        {"1e-400", "0"},
        {"0.1", "0.1"},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        struct hub_err err;
        json_t *v = hub_json_parse(hub_cstr(rows[i][0]), &err);
        if (!v) fail_msg("%s: %s", rows[i][0], err.text);
        char *text = printed(v);
        assert_string_equal(text, rows[i][1]);
        free(text);
        json_decref(v);
    }
}

static void reals_print_as_javascript_prints_them(void **state) {
    (void)state;
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0.1 + 0.2, "0.30000000000000004"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {1e-6, "0.000001"},
        {1.5e-6, "0.0000015"},
        {1e-7, "1e-7"},
        {-1.25e-10, "-1.25e-10"},
        {1e15, "1000000000000000"},
        {1234567.875, "1234567.875"},
        {4.35, "4.35"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0x1p89, "6.189700196426902e+26"},
        {9007199254740993.0, "9007199254740992"},
        {0.000001234567890123456, "0.000001234567890123456"},
        {1.0 / 3, "0.3333333333333333"},
        {-0.0, "0"},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        json_t *v = json_real(rows[i].v);
        struct hub_buf b = {0};
        hub_json_add(&b, v);
        assert_string_equal(hub_buf_cstr(&b), rows[i].text);
        hub_buf_free(&b);
        json_decref(v);
    }
}

static void refusals_say_where_and_why(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "empty JSON text"},
        {"   ", "at byte 3: a value expected"},
        {"nul", "at byte 0: a value expected"},
        {"truex", "at byte 4: something after the value"},
        {"1 2", "at byte 2: something after the value"},
        {"{\"a\":1,\"a\":2}", "a duplicate key"},
        {"{\"a\":1,\"\\u0061\":2}", "a duplicate key"},
        {"{\"a\" 1}", "at byte 5: ':' expected"},
        {"{a:1}", "at byte 1: a key in quotes expected"},
        {"{\"a\":1,}", "at byte 7: a key in quotes expected"},
        {"{\"a\":}", "at byte 5: a value expected"},
        {"{\"a\":1]", "at byte 6: ',' or '}' expected"},
        {"{\"a\\u0000b\":1}", "a NUL in a key"},
        {"{", "a key in quotes expected"},
        {"[", "at byte 1: a value expected"},
        {"[1,]", "at byte 3: a value expected"},
        {"[1 2]", "at byte 3: ',' or ']' expected"},
        {"[1", "',' or ']' expected"},
        {"\"abc", "at byte 4: the string does not end"},
        {"\"abc\\", "unknown escape"},
        {"\"\\x41\"", "unknown escape"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"\\u12", "four hexadecimal digits"},
        {"\"\\ud800\"", "half a surrogate pair"},
        {"\"\\udc00\"", "half a surrogate pair"},
        {"\"\\ud800\\u0041\"", "second half of a surrogate pair"},
        {"\"\\ud800\\ud800\"", "second half of a surrogate pair"},
        {"\"a\tb\"", "control character"},
        {"\"\xff\"", "not UTF-8"},
        {"\"\xed\xa0\x80\"", "not UTF-8"},
        {"\xef\xbb\xbf{}", "a value expected"},
        {"01", "leading zero"},
        {"-", "a digit expected"},
        {"-a", "a digit expected"},
        {"+1", "a value expected"},
        {".5", "a value expected"},
        {"1.", "a digit expected"},
        {"1e", "a digit expected"},
        {"1e+", "a digit expected"},
        {"1e999", "a number too large"},
        {"NaN", "a value expected"},
        {"'a'", "a value expected"},
        {"/* no */ 1", "a value expected"},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        struct hub_err err = {0};
        json_t *v = hub_json_parse(hub_cstr(rows[i][0]), &err);
        if (v) fail_msg("taken: %s", rows[i][0]);
        assert_int_equal(err.code, HUB_BAD_REQUEST);
        if (!strstr(err.text, rows[i][1])) fail_msg("%s: expected \"%s\" in \"%s\"", rows[i][0], rows[i][1], err.text);
        assert_null(hub_json_parse(hub_cstr(rows[i][0]), NULL));
    }
    assert_null(hub_json_parse(hub_str("1\0", 2), NULL));
    assert_null(hub_json_parse(hub_str("\"a\0b\"", 5), NULL));
}

static void the_view_ends_the_text_whatever_follows(void **state) {
    (void)state;
    static const char text[] = "[12345]trueee\"x\"";
    json_t *v = hub_json_parse(hub_str(text + 1, 3), NULL);
    assert_int_equal(json_integer_value(v), 123);
    json_decref(v);
    assert_null(hub_json_parse(hub_str(text + 7, 3), NULL));
    v = hub_json_parse(hub_str(text + 7, 4), NULL);
    assert_true(json_is_true(v));
    json_decref(v);
}

static void nesting_ends_at_64_levels(void **state) {
    (void)state;
    for (int levels = 64; levels <= 65; levels++) {
        struct hub_buf b = {0};
        struct hub_err err;
        for (int i = 0; i < levels; i++) hub_buf_addz(&b, i % 2 ? "{\"a\":" : "[");
        hub_buf_addz(&b, "1");
        for (int i = levels - 1; i >= 0; i--) hub_buf_addc(&b, i % 2 ? '}' : ']');
        json_t *v = hub_json_parse(hub_buf_str(&b), &err);
        assert_true((v != NULL) == (levels == 64));
        if (!v) assert_non_null(strstr(err.text, "64 levels"));
        json_decref(v);
        hub_buf_free(&b);
    }
    struct hub_buf flat = {0}; /* depth is what is open, not what was */
    hub_buf_addc(&flat, '[');
    for (int i = 0; i < 1000; i++) hub_buf_addz(&flat, "[[]],");
    hub_buf_addz(&flat, "1]");
    json_t *v = hub_json_parse(hub_buf_str(&flat), NULL);
    assert_int_equal(json_array_size(v), 1001);
    json_decref(v);
    hub_buf_free(&flat);
}

static void strings_print_escaped_and_repaired(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_json_add_string(&b, HUB_STR("a\xff"
                                    "b\xe2\x82"
                                    "c\xc3\xa4\xf0\x9f"));
    assert_string_equal(hub_buf_cstr(&b), "\"a\xef\xbf\xbd"
                                          "b\xef\xbf\xbd\xef\xbf\xbd"
                                          "c\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\"");
    hub_buf_clear(&b);
    hub_json_add_string(&b, hub_str(NULL, 0));
    hub_json_add_key(&b, "key");
    assert_string_equal(hub_buf_cstr(&b), "\"\"\"key\":");
    hub_buf_free(&b);
}

/* A long run of broken bytes must not take quadratic time. */
static void repairing_a_megabyte_is_linear(void **state) {
    (void)state;
    struct hub_buf in = {0}, out = {0};
    for (int i = 0; i < 1 << 19; i++) hub_buf_addz(&in, "a\xff");
    hub_json_add_string(&out, hub_buf_str(&in));
    assert_int_equal(out.n, 2 + (1 << 19) * 4);
    hub_buf_free(&in);
    hub_buf_free(&out);
}

static void accessors_fall_back_on_absent_and_other_types(void **state) {
    (void)state;
    json_t *o = hub_json_parse(
        HUB_STR("{\"s\":\"x\\u0000y\",\"i\":7,\"r\":8.0,\"f\":8.5,\"b\":true,\"n\":null,\"big\":1e300}"), NULL);
    assert_true(hub_str_eq(hub_json_get_str(o, "s"), HUB_STR("x\0y")));
    assert_null(hub_json_get_str(o, "i").p);
    assert_null(hub_json_get_str(o, "none").p);
    assert_null(hub_json_get_str(NULL, "s").p);
    assert_int_equal(hub_json_get_int(o, "i", -1), 7);
    assert_int_equal(hub_json_get_int(o, "r", -1), 8);
    assert_int_equal(hub_json_get_int(o, "f", -1), -1);
    assert_int_equal(hub_json_get_int(o, "big", -1), -1);
    assert_int_equal(hub_json_get_int(o, "s", -1), -1);
    assert_true(hub_json_get_bool(o, "b", false));
    assert_true(hub_json_get_bool(o, "i", true));
    assert_true(hub_json_nil(hub_json_get(o, "n")) && hub_json_nil(hub_json_get(o, "none")) &&
                !hub_json_nil(hub_json_get(o, "i")));
    assert_null(hub_json_get(hub_json_get(o, "i"), "x"));
    hub_json_set_str(o, "s", HUB_STR("new"));
    hub_json_set_str(o, "bad", HUB_STR("\xff"));
    assert_true(hub_str_is(hub_json_get_str(o, "s"), "new"));
    assert_true(json_is_null(hub_json_get(o, "bad")));
    json_decref(o);
}

static void equality_compares_numbers_by_value(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1", "1.0", true},
        {"1", "1.5", false},
        {"[1,{\"a\":2}]", "[1.0,{\"a\":2.0}]", true},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"[1]", "[1,1]", false},
        {"[1]", "{}", false},
        {"null", "false", false},
        {"\"1\"", "1", false},
        {"\"a\"", "\"a\"", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"9223372036854775807", "9223372036854775806", false},
        {"{\"a\":null}", "{}", false},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        json_t *a = hub_json_parse(hub_cstr(rows[i].a), NULL), *b = hub_json_parse(hub_cstr(rows[i].b), NULL);
        if (hub_json_equal(a, b) != rows[i].equal || hub_json_equal(b, a) != rows[i].equal)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        json_decref(a);
        json_decref(b);
    }
}

static void members_of_our_own_text_are_found_without_a_tree(void **state) {
    (void)state;
    struct hub_str text = HUB_STR("\"messages\":[{\"a\":\"x,]\\\"\",\"more\":[1,2]},\"\\\\\",null],\"more\":true,"
                                  "\"total\":-12,\"one\":{\"k\":[1,2]},"
                                  "\"none\":null,\"empty\":[]");
    static const struct {
        const char *key, *value;
        size_t items;
    } want[] = {{"messages", "[{\"a\":\"x,]\\\"\",\"more\":[1,2]},\"\\\\\",null]", 3},
                {"more", "true", 1},
                {"total", "-12", 1},
                {"one", "{\"k\":[1,2]}", 1},
                {"none", "null", 0},
                {"empty", "[]", 0},
                {"a", "", 0},
                {"", "", 0},
                {"messages\"", "", 0}};
    for (size_t i = 0; i < HUB_NELEM(want); i++) {
        struct hub_str v = hub_json_member(text, want[i].key);
        assert_true(hub_str_is(v, want[i].value));
        assert_int_equal(hub_json_items(v), want[i].items);
    }
    assert_int_equal(hub_json_member(hub_str(NULL, 0), "a").n, 0);
}

/* What jansson has at the moment, each piece rounded up as an allocator does it, with its size in front. */
static size_t allocated;

/* With the name put back, or left where it was: the same tree, and the same faults. */
static void an_events_array_is_that_of_the_parser_without_its_name(void **state) {
    static const char *const texts[] = {"[\"a\"]",
                                        "[ \"hub:send\" , {\"a\":[1]} ,2 ]",
                                        "[\"\",1]",
                                        "[\"a\\u0062\",1]",
                                        "[1,2]",
                                        "[]",
                                        "[\"a\",]",
                                        "[\"a\" 1]",
                                        "[\"a\",1",
                                        "[\"a\"",
                                        "[\"a",
                                        "[\"a\",1]]",
                                        "[\"a\n\",1]",
                                        "[\"a\xff\",1]",
                                        "[\"\xc3\xa4\",\"\xc3\xa4\"]",
                                        "{\"a\":1}",
                                        "\"a\"",
                                        "",
                                        "[\"a\",{\"b\":1,\"b\":2}]",
                                        "[",
                                        " ",
                                        "[\"a\",01]"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(texts); i++) {
        struct hub_err want = {.code = HUB_OK}, got = {.code = HUB_OK};
        struct hub_str name;
        json_t *whole = hub_json_parse(hub_cstr(texts[i]), &want),
               *rest = hub_json_parse_event(hub_cstr(texts[i]), &name, &got);
        if (rest && name.p) json_array_insert_new(rest, 0, hub_json_string(name));
        if (!whole != !rest || (whole && !json_equal(whole, rest))) fail_msg("%s: another value", texts[i]);
        assert_int_equal(got.code, want.code);
        if (!whole) assert_string_equal(got.text, want.text);
        json_decref(whole);
        json_decref(rest);
    }
}

/* Sixty-four levels are allowed, and not one more, whether the name is taken or not. */
static void an_events_array_is_as_deep_as_others(void **state) {
    (void)state;
    for (int depth = HUB_JSON_DEPTH - 1; depth <= HUB_JSON_DEPTH + 1; depth++) {
        struct hub_buf text = {0};
        struct hub_str name;
        hub_buf_addz(&text, "[\"a\",");
        for (int i = 1; i < depth; i++) hub_buf_addc(&text, '[');
        for (int i = 0; i < depth; i++) hub_buf_addc(&text, ']');
        json_t *whole = hub_json_parse(hub_buf_str(&text), NULL),
               *rest = hub_json_parse_event(hub_buf_str(&text), &name, NULL);
        assert_int_equal(!whole, depth > HUB_JSON_DEPTH);
        assert_int_equal(!rest, !whole);
        json_decref(whole);
        json_decref(rest);
        hub_buf_free(&text);
    }
}

static void *counted_malloc(size_t n) {
    size_t *p = hub_xmalloc(n + 16);
    *p = (n + 8 + 15) / 16 * 16;
    allocated += *p;
    return p + 2;
}

static void counted_free(void *p) {
    if (!p) return;
    size_t *head = (size_t *)p - 2;
    allocated -= *head;
    free(head);
}

static void a_tree_costs_what_jansson_allocates_for_it(void **state) {
    static const char *const values[] = {
        "[]", "{}", "12345", "\"ab\"", "true", "[[],[]]", "{\"id\":1,\"name\":\"somebody\",\"on\":true}"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(values); i++) {
        struct hub_buf text = {0};
        for (int j = 0; j < 1000; j++) hub_buf_addf(&text, "%c%s", j ? ',' : '[', values[i]);
        hub_buf_addc(&text, ']');
        json_set_alloc_funcs(counted_malloc, counted_free);
        allocated = 0;
        json_t *tree = hub_json_parse(hub_buf_str(&text), NULL);
        size_t cost = hub_json_cost(tree), real = allocated;
        json_decref(tree);
        json_set_alloc_funcs(malloc, free);
        if (cost < real * 9 / 10 || cost > real * 2) fail_msg("%s: %zu bytes, %zu allocated", values[i], cost, real);
        hub_buf_free(&text);
    }
}

static void a_plain_text_ends_where_something_has_to_be_escaped(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++)
        for (size_t n = 0; n < 40; n++)
            for (size_t at = 0; at < n; at++) {
                char text[40];
                memset(text, '\x7f', sizeof text);
                text[at] = (char)c;
                if (at + 1 < n) text[at + 1] = '"'; /* the first one counts */
                bool ends = c < 0x20 || c == '"' || c == '\\';
                assert_int_equal(hub_json_plain(hub_str(text, n)), ends ? at : at + 1);
            }
}

static void printed_exactly_a_number_comes_back_as_the_same_kind(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"[1,1.0,-2.0,0.5,0.1]", "[1,1.0,-2.0,0.5,0.1]"},
        {"1e20", "100000000000000000000.0"},
        {"1e21", "1e+21"},
        {"{\"a\":{\"b\":1e-7}}", "{\"a\":{\"b\":1e-7}}"},
        {"9223372036854775807", "9223372036854775807"},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        struct hub_buf b = {0};
        json_t *v = hub_json_parse(hub_cstr(rows[i][0]), NULL);
        hub_json_add_exact(&b, v);
        assert_string_equal(hub_buf_cstr(&b), rows[i][1]);
        json_t *again = hub_json_parse(hub_buf_str(&b), NULL);
        assert_true(json_equal(v, again));
        json_decref(v);
        json_decref(again);
        hub_buf_free(&b);
    }
}

static void levels_are_counted_down_to_the_innermost(void **state) {
    (void)state;
    json_t *v = hub_json_parse(HUB_STR("{\"a\":[1,{\"b\":[]}]}"), NULL), *flat = json_integer(1);
    assert_true(hub_json_is_deeper(v, 3));
    assert_false(hub_json_is_deeper(v, 4));
    assert_false(hub_json_is_deeper(flat, 0));
    assert_false(hub_json_is_deeper(NULL, 0));
    json_decref(v);
    json_decref(flat);
}

static void keys_with_nul_are_known_for_what_they_are(void **state) {
    (void)state;
    json_t *o = json_object(), *within = json_array();
    json_object_setn_new(o, "a\0b", 3, json_true());
    assert_null(hub_json_get(o, "a"));
    assert_true(hub_json_has_nul(o));
    json_array_append(within, o);
    assert_true(hub_json_has_nul(within));
    json_object_clear(o);
    json_object_set_new(o, "a", json_true());
    assert_non_null(hub_json_get(o, "a"));
    assert_false(hub_json_has_nul(within));
    json_decref(within);
    json_decref(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_with_nul_are_known_for_what_they_are),
        cmocka_unit_test(a_plain_text_ends_where_something_has_to_be_escaped),
        cmocka_unit_test(text_reads_and_prints_as_javascript_does),
        cmocka_unit_test(an_events_array_is_that_of_the_parser_without_its_name),
        cmocka_unit_test(an_events_array_is_as_deep_as_others),
        cmocka_unit_test(a_tree_costs_what_jansson_allocates_for_it),
        cmocka_unit_test(reals_print_as_javascript_prints_them),
        cmocka_unit_test(refusals_say_where_and_why),
        cmocka_unit_test(the_view_ends_the_text_whatever_follows),
        cmocka_unit_test(nesting_ends_at_64_levels),
        cmocka_unit_test(strings_print_escaped_and_repaired),
        cmocka_unit_test(repairing_a_megabyte_is_linear),
        cmocka_unit_test(accessors_fall_back_on_absent_and_other_types),
        cmocka_unit_test(printed_exactly_a_number_comes_back_as_the_same_kind),
        cmocka_unit_test(levels_are_counted_down_to_the_innermost),
        cmocka_unit_test(equality_compares_numbers_by_value),
        cmocka_unit_test(members_of_our_own_text_are_found_without_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
