/* Whom a message is for, as rows and verdicts say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/audience/audience.h"

/* A row whose sender is ann, unless SENDER says otherwise ("": the system). AUDIENCE NULL: everybody. */
static void fill_row(struct hub_cell *cells, const char *sender, const char *audience) {
    for (size_t i = 0; i < HUB_MSG_FIXED; i++) cells[i] = (struct hub_cell){.kind = HUB_CELL_NULL};
    if (*sender) cells[HUB_MSG_SENDER_ID] = hub_cell_text(hub_cstr(sender));
    if (audience) cells[HUB_MSG_AUDIENCE] = hub_cell_text(hub_cstr(audience));
}

static void a_message_is_for_whom_its_row_names_and_always_for_its_sender(void **state) {
    static const struct {
        const char *sender, *audience, *user;
        bool has;
    } cases[] = {
        {"ann", NULL, "bob", true},
        {"ann", NULL, "", true},
        {"ann", "[\"bob\"]", "bob", true},
        {"ann", "[\"bob\"]", "ann", true},
        {"ann", "[\"bob\"]", "eve", false},
        {"ann", "[\"bob\"]", "", false}, /* not for everybody */
        {"ann", "[]", "ann", true},
        {"ann", "[]", "bob", false},
        {"", "[\"bob\"]", "bob", true},
        {"", "[\"bob\"]", "eve", false},
        {"", "[\"\"]", "", false},
        {"", "{\"except\":\"ann\"}", "ann", false},
        {"", "{\"except\":\"ann\"}", "bob", true},
        {"", "{\"except\":\"ann\"}", "", false},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_cell cells[HUB_MSG_FIXED];
        fill_row(cells, cases[i].sender, cases[i].audience);
        if (hub_audience_has(cells, hub_cstr(cases[i].user)) != cases[i].has)
            fail_msg("%s of \"%s\" for \"%s\"", cases[i].audience ? cases[i].audience : "everybody", cases[i].sender,
                     cases[i].user);
    }
}

/* With VERDICT what counts is whom it is shown to when it is approved. */
static void a_verdict_is_shown_as_it_says_when_the_message_is_approved(void **state) {
    static const struct {
        const char *audience;
        bool verdict;
        enum hub_to to;
        bool silent, transient, wrapped;
    } cases[] = {
        {NULL, true, HUB_TO_ALL, false, false, false},
        {"[\"bob\"]", true, HUB_TO_IDS, false, false, false},
        {"\"others\"", true, HUB_TO_OTHERS, false, false, false},
        {"\"others\"", false, HUB_TO_ALL, false, false, false}, /* for everybody from then on */
        {"false", true, HUB_TO_ALL, true, false, false},
        {"false", false, HUB_TO_ALL, false, false, false},
        {"{\"except\":\"ann\"}", true, HUB_TO_OTHERS, false, false, false},
        {"{\"to\":\"others\",\"persist\":false}", true, HUB_TO_OTHERS, false, true, true},
        {"{\"to\":false,\"persist\":false}", true, HUB_TO_ALL, true, true, true},
        {"{\"to\":[\"bob\"],\"persist\":false}", true, HUB_TO_IDS, false, true, true},
        {"{\"to\":null,\"persist\":false}", true, HUB_TO_ALL, false, true, true},
        {"{\"to\":[\"bob\"],\"persist\":true,\"broadcast\":false}", true, HUB_TO_IDS, true, false, true},
        {"{\"to\":[\"bob\"],\"persist\":true,\"broadcast\":false}", false, HUB_TO_IDS, false, false, true},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_cell cells[HUB_MSG_FIXED];
        struct hub_audience a;
        fill_row(cells, "ann", cases[i].audience);
        hub_audience_of(cells, cases[i].verdict, &a);
        if (a.target.to != cases[i].to || a.silent != cases[i].silent || a.transient != cases[i].transient ||
            a.wrapped != cases[i].wrapped)
            fail_msg("%s", cases[i].audience);
        assert_true(hub_str_is(a.target.sender, "ann"));
        hub_audience_free(&a);
    }
}

static void a_target_is_all_others_the_sender_or_a_list_of_texts(void **state) {
    static const struct {
        const char *json;
        bool good;
        enum hub_to to;
    } cases[] = {
        {"null", true, HUB_TO_ALL},
        {"\"all\"", true, HUB_TO_ALL},
        {"\"others\"", true, HUB_TO_OTHERS},
        {"\"sender\"", true, HUB_TO_SENDER},
        {"[\"a\",\"b\"]", true, HUB_TO_IDS},
        {"[]", true, HUB_TO_IDS},
        {"\"All\"", false, HUB_TO_ALL},
        {"\"\"", false, HUB_TO_ALL},
        {"[\"a\",1]", false, HUB_TO_ALL},
        {"true", false, HUB_TO_ALL},
        {"{\"to\":\"all\"}", false, HUB_TO_ALL},
    };
    enum hub_to to;
    const json_t *ids;
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        json_t *v = hub_json_parse(hub_cstr(cases[i].json), NULL);
        if (hub_target_parse(v, &to, &ids) != cases[i].good) fail_msg("%s", cases[i].json);
        if (cases[i].good) assert_int_equal(to, cases[i].to);
        assert_ptr_equal(ids, cases[i].good && json_is_array(v) ? v : NULL); /* borrowed */
        json_decref(v);
    }
    assert_true(hub_target_parse(NULL, &to, &ids));
    assert_int_equal(to, HUB_TO_ALL);
}

static void stores_are_asked_by_the_sender_and_the_column_of_the_audience(void **state) {
    const struct hub_cond c = hub_audience_cond(HUB_STR("bob"));
    (void)state;
    assert_int_equal(c.cmp, HUB_MEANT_FOR);
    assert_int_equal(c.column, HUB_MSG_AUDIENCE);
    assert_int_equal(c.owner, HUB_MSG_SENDER_ID);
    assert_true(hub_str_is(c.value.s, "bob"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_for_whom_its_row_names_and_always_for_its_sender),
        cmocka_unit_test(a_verdict_is_shown_as_it_says_when_the_message_is_approved),
        cmocka_unit_test(a_target_is_all_others_the_sender_or_a_list_of_texts),
        cmocka_unit_test(stores_are_asked_by_the_sender_and_the_column_of_the_audience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
