/* What a reaction may be, and which of them are one. */
#include "base/memory/mem.h"
#include "hub/message/emoji.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void emoji_of_every_form_are_reactions(void **state) {
    static const char *const good[] = {"👍",
                                       "👍🏽",
                                       "❤",
                                       "❤️",
                                       "❤️‍🔥",
                                       "1️⃣",
                                       "#⃣",
                                       "🇩🇪",
                                       "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
                                       "👩🏽‍❤️‍💋‍👨🏿",
                                       "👨‍👩‍👧‍👦",
                                       "🏳️‍🌈",
                                       "🧑‍🚀",
                                       "☺",
                                       "✅",
                                       "🫠",
                                       "🕵️‍♀️",
                                       "✌🏿",
                                       "©",
                                       "0️⃣",
                                       "🏽"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++)
        if (!hub_emoji_ok(hub_cstr(good[i]))) fail_msg("refused: %s", good[i]);
}

static void names_are_reactions(void **state) {
    static const char *const good[] = {"like", "+1", "-1", "thumbs_up", "100", "a", "e-mail"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++) assert_true(hub_emoji_ok(hub_cstr(good[i])));
}

static void nothing_else_is(void **state) {
    static const char *const bad[] = {
        "",
        " ",
        "Like",
        "a b",
        "ä",
        "👍👍",
        "👍x",
        "x👍",
        "👍 ",
        "<b>",
        "1\xEF\xB8\x8F",
        "#",
        "🇩",
        "🇩🇪🇫",
        "\xE2\x80\x8D",
        "👍\xE2\x80\x8D",
        "\xEF\xB8\x8F",
        "e\xCC\x81",
        "漢",
        ":like:",
        "like\n",
        "🏴\U000E0067",
        "0123456789012345678901234567890123456789012345678901234567890123x",
        "👨‍👩‍👧‍👦‍👨‍👩‍👧‍👦‍👨‍👩‍👧‍👦"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (hub_emoji_ok(hub_cstr(bad[i]))) fail_msg("accepted: %s", bad[i]);
    assert_false(hub_emoji_ok(hub_str("👍\0", 5)));
}

static void the_presentation_makes_no_other_reaction(void **state) {
    (void)state;
    assert_true(hub_emoji_same(HUB_STR("👍"), HUB_STR("👍\xEF\xB8\x8F")));
    assert_true(hub_emoji_same(HUB_STR("❤️‍🔥"), HUB_STR("❤\xE2\x80\x8D🔥")));
    assert_true(hub_emoji_same(HUB_STR("like"), HUB_STR("like")));
    assert_false(hub_emoji_same(HUB_STR("like"), HUB_STR("lik")));
    assert_false(hub_emoji_same(HUB_STR("👍"), HUB_STR("👎")));
    assert_false(hub_emoji_same(HUB_STR("👍"), HUB_STR("👍🏽")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emoji_of_every_form_are_reactions),
        cmocka_unit_test(names_are_reactions),
        cmocka_unit_test(nothing_else_is),
        cmocka_unit_test(the_presentation_makes_no_other_reaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
