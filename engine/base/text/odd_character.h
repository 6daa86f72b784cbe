/* Characters that look like another one, or like nothing: what an author cannot see in his own text. */
#ifndef HUB_BASE_ODD_CHARACTER_H
#define HUB_BASE_ODD_CHARACTER_H
#include <stdbool.h>
#include <stddef.h>

#include "base/text/str.h"

struct hub_odd_character {
    size_t at, n;     /* bytes in the text */
    const char *name; /* "a no-break space (U+00A0)"; in the buffer TEXT of the struct */
    char text[64];
};
/* The first of S, which is UTF-8: an invisible character, a typographic sign, or a letter of another script
 * within a word of Latin ones. False: there is none. */
bool hub_odd_character(struct hub_str s, struct hub_odd_character *out);
/* The same for what stands at the beginning of S only, where a space or a quote may be meant. */
bool hub_odd_at(struct hub_str s, struct hub_odd_character *out);
#endif
