/* What of another language stands in a Lua chunk that does not compile: words and signs of JavaScript
 * mostly, and brackets and blocks that nobody closes. */
#ifndef HUB_SCRIPTING_LUA_FOREIGN_H
#define HUB_SCRIPTING_LUA_FOREIGN_H
#include "schema/load.h"

/* TEXT does not compile, Lua says MESSAGE, and its lexer was at AT. True: *OUT says where the mistake was
 * made, and what to write instead. */
bool hub_lua_foreign(struct hub_str text, const char *message, size_t at, struct hub_script_problem *out);
/* What to say of an unknown variable NAME that is known elsewhere, and what to take instead (a name, or
 * ""); NULL: nothing. */
const char *hub_lua_foreign_name(struct hub_str name, const char **instead);
#endif
