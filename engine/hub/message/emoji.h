/* What a reaction may be. Pure functions. */
#ifndef HUB_MESSAGE_EMOJI_H
#define HUB_MESSAGE_EMOJI_H
#include "base/text/str.h"

#define HUB_EMOJI_MAX 64 /* bytes */
#define HUB_EMOJI_EXPECTED "expected an emoji, or a name of 1 to 64 characters out of a-z, 0-9, _, + and -"

/* One emoji, in any of the forms that Unicode gives them (a keycap, a flag, a base with a skin tone, a tag
 * sequence, several joined by U+200D), or a name of [a-z0-9_+-]; at most HUB_EMOJI_MAX bytes. S is UTF-8. */
bool hub_emoji_ok(struct hub_str s);
/* Whether they are one reaction: equal but for U+FE0F, which only asks for a picture in place of a
 * character. */
bool hub_emoji_same(struct hub_str a, struct hub_str b);
#endif
