/* "Did you mean": which names are near, which one is nearest, and when nothing is said. */
#include "base/error/did_you_mean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *near_to(const char *word, const char *const *candidates) {
    struct hub_nearest near = {.word = hub_cstr(word)};
    for (; *candidates; candidates++) hub_nearest_try(&near, *candidates);
    return near.best ? near.best : "";
}

static void the_nearest_of_several_is_meant(void **state) {
    (void)state;
    static const char *const names[] = {"mail", "mails", "mailing", "bill", NULL};
    assert_string_equal(near_to("mail", names), "mail");
    assert_string_equal(near_to("MAILS", names), "mails");
    assert_string_equal(near_to("maling", names), "mailing");
    assert_string_equal(near_to("bil", names), "bill");
}

/* As many edits as the word has letters make anything of it. */
static void what_is_far_is_not_meant(void **state) {
    (void)state;
    static const char *const names[] = {"big", "expr", "notes", "", NULL};
    assert_string_equal(near_to("", names), "");
    assert_string_equal(near_to("x", names), "");
    assert_string_equal(near_to("quux", names), "");
    assert_string_equal(near_to("entirely", names), "");
}

static void where_there_are_many_candidates_they_must_be_nearer(void **state) {
    (void)state;
    struct hub_nearest near = {.word = HUB_STR("session"), .most = 2};
    hub_nearest_try(&near, "_VERSION");
    assert_null(near.best);
    hub_nearest_try(&near, "sessoin");
    assert_string_equal(near.best, "sessoin");
}

static void the_beginning_of_a_word_means_it_where_that_is_asked_for(void **state) {
    (void)state;
    struct hub_nearest near = {.word = HUB_STR("str"), .begun = true};
    hub_nearest_try_str(&near, hub_str("strict|", 6));
    assert_int_equal(near.best_n, 6);
    near = (struct hub_nearest){.word = HUB_STR(""), .begun = true};
    hub_nearest_try(&near, "strict");
    assert_null(near.best);
}

static void the_hint_is_a_sentence_or_nothing(void **state) {
    (void)state;
    char text[HUB_NEAREST_HINT];
    struct hub_nearest near = {.word = HUB_STR("nots")};
    assert_string_equal(hub_nearest_hint(&near, text), "");
    hub_nearest_try_str(&near, hub_str("notesome", 5));
    assert_string_equal(hub_nearest_hint(&near, text), "; did you mean \"notes\"?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_of_several_is_meant),
        cmocka_unit_test(what_is_far_is_not_meant),
        cmocka_unit_test(where_there_are_many_candidates_they_must_be_nearer),
        cmocka_unit_test(the_beginning_of_a_word_means_it_where_that_is_asked_for),
        cmocka_unit_test(the_hint_is_a_sentence_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
