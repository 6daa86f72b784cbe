/* Lua text as tokens: what lint reads of a chunk. */
#ifndef HUB_SCRIPTING_LUA_TOKENS_H
#define HUB_SCRIPTING_LUA_TOKENS_H
#include <stdbool.h>

#include "base/text/str.h"

enum hub_lua_token_kind { HUB_LUA_NAME, HUB_LUA_WORD /* reserved */, HUB_LUA_VALUE /* literal */, HUB_LUA_OP };
struct hub_lua_token {
    enum hub_lua_token_kind kind;
    size_t at;           /* offset in the text */
    struct hub_str text; /* as written, a view into it */
};
struct hub_lua_tokens {
    struct hub_lua_token *p; /* the caller's to free() */
    size_t n, cap;
};
/* Appends the tokens of S. Comments are left out. */
void hub_lua_split(struct hub_str s, struct hub_lua_tokens *out);
/* Whether token I, if there is one, is TEXT and no literal. */
bool hub_lua_is(const struct hub_lua_tokens *t, size_t i, const char *text);
#endif
