/* Texts of scripts, cut into words, blanks and comments: enough to see whether two are the same program, and
 * whether one names something. Pure functions. */
#ifndef HUB_SCHEMA_SCRIPT_TEXT_H
#define HUB_SCHEMA_SCRIPT_TEXT_H
#include "base/text/buf.h"

/* TEXT without comments (LUA: those of Lua) and without blanks that part nothing. Two texts that come out the
 * same are the same program; what is in quotes stays as it is. */
void hub_script_text_normal(struct hub_str text, bool lua, struct hub_buf *out);
/* Whether TEXT has NAME as a word, comments left out. */
bool hub_script_text_names(struct hub_str text, bool lua, struct hub_str name);
#endif
