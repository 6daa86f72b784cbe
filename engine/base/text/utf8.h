/* UTF-8 in views. */
#ifndef HUB_BASE_UTF8_H
#define HUB_BASE_UTF8_H
#include "base/text/str.h"

/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool hub_utf8_valid(struct hub_str s);
/* Number of code points of valid UTF-8. */
size_t hub_utf8_len(struct hub_str s);
/* How many bytes from the beginning on are valid. */
size_t hub_utf8_prefix(struct hub_str s);
/* Takes away a character that the end of TEXT cuts through. */
void hub_utf8_trim(char *text);
/* The first MOST bytes at most; no character is cut through. */
struct hub_str hub_utf8_cut(struct hub_str s, size_t most);
/* For printf: "%.*s", HUB_CUT(view, 64), and of a text that ends with NUL. */
#define HUB_CUT(S, MOST) HUB_FMT(hub_utf8_cut(S, MOST))
#define HUB_CUTZ(S, MOST) HUB_CUT(hub_cstr(S), MOST)
#endif
