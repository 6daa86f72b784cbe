/* Expressions whose value can be told without Lua: literals, variables and their members, comparisons,
 * && || ?? ! ?:, includes of a list. Most conditions of definitions are no more than that, and Lua needs
 * tables made for what they read. Only what is beyond doubt is told here: wherever the languages of JSON and
 * MScript leave room (two objects compared, a text with a number, a name that is no variable of the call),
 * the expression runs in Lua, which also has the words for every error. Nothing is kept, nothing called. */
#ifndef HUB_SCRIPTING_DIRECT_H
#define HUB_SCRIPTING_DIRECT_H
#include "hook/hook.h"
#include "scripting/expression/mscript_int.h"

struct hub_direct;
/* The tree under ROOT, copied; NULL: it needs Lua. Any thread. hub_direct_free takes NULL. */
HUB_MUST struct hub_direct *hub_direct_new(const struct ms_node *root);
void hub_direct_free(struct hub_direct *d);
/* Its value for these variables, or false: Lua has to tell. *RESULT becomes a new reference; NULL: undefined.
 * With TEXT the value is appended there as JSON instead, undefined as null; without it an object or an array
 * is left to Lua, for whoever gets a result may change it. */
HUB_MUST bool hub_direct_value(const struct hub_direct *d, const struct hub_hook_arg *args, size_t n,
                               struct hub_buf *text, json_t **result);
#endif
