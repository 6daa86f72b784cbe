/* What the parts of MScript's runtime (js_*.c) share. Functions that push may raise, the others do not,
 * unless they say so.
 *
 * Values are Lua's: undefined is nil, null the sentinel, an array a marked table whose element i is at i +
 * 1, a Date a table {ms}. A nil inside an array is kept as the sentinel "undefined" and turned back when
 * it is read. Strings are UTF-8; positions count UTF-16 units. */
#ifndef HUB_SCRIPTING_JS_INT_H
#define HUB_SCRIPTING_JS_INT_H
#include "scripting/scripting_int.h"

/* ---- js_convert.c ---- */
bool hub_js_is_null(lua_State *L, int i);
bool hub_js_is_undefined(lua_State *L, int i);
bool hub_js_is_nothing(lua_State *L, int i); /* null or undefined */
bool hub_js_is_date(lua_State *L, int i);
/* Marked, or a plain table with elements, or a view of one. */
bool hub_js_is_array(lua_State *L, int i);
bool hub_js_truth(lua_State *L, int i);

lua_Integer hub_js_length(lua_State *L, int i);                       /* of an array */
void hub_js_push_element(lua_State *L, int i, lua_Integer at);        /* from 0; undefined gives nil */
void hub_js_set_element(lua_State *L, int i, lua_Integer at);         /* pops the value */
void hub_js_join(lua_State *L, int i, struct hub_str sep, int depth); /* pushes the text of an array */

enum { HUB_JS_NUMBER_MAX = 64 };
/* String(D), without a NUL; returns the length. */
size_t hub_js_number_text(double d, char out[HUB_JS_NUMBER_MAX]);
double hub_js_number(lua_State *L, int i);             /* Number(value); raises on lack of memory */
void hub_js_push_number(lua_State *L, double d);       /* as an integer when it is one */
void hub_js_push_text(lua_State *L, int i, int depth); /* String(value); DEPTH: arrays around it */

struct hub_str hub_js_string(lua_State *L, int i); /* of a string or number */
struct hub_str hub_js_trimmed(struct hub_str s);
size_t hub_js_char_length(struct hub_str s, size_t at); /* bytes of the character at AT */
lua_Integer hub_js_units(struct hub_str s);
/* Byte offset of unit AT. *HALF: AT is the second half of a character beyond U+FFFF, the offset is that of
 * its end. */
size_t hub_js_offset(struct hub_str s, lua_Integer at, bool *half);
void hub_js_push_units(lua_State *L, struct hub_str s, lua_Integer from, lua_Integer to);

/* memmem in stretches, with looks at the clock between them. Raises. */
const char *hub_js_find(lua_State *L, struct hub_str s, struct hub_str sub);

/* Argument I as text, in place; undefined is "undefined", as in JavaScript. Raises. */
struct hub_str hub_js_arg_text(lua_State *L, int i);
/* Argument I as a position clamped to 0…N; FALLBACK when it is not given. Negative ones count from the end
 * if FROM_END. */
lua_Integer hub_js_arg_position(lua_State *L, int i, lua_Integer n, lua_Integer fallback, bool from_end);

/* ---- the other parts: into the table on top, or pushing a table ---- */
void hub_js_open_operators(lua_State *L);
void hub_js_open_members(lua_State *L);
void hub_js_open_globals(lua_State *L);
void hub_js_push_strings(lua_State *L);
void hub_js_push_arrays(lua_State *L);
void hub_js_push_dates(lua_State *L); /* two: the methods and, above, the global Date */
int hub_js_new_date(lua_State *L);    /* new Date(…) */
#endif
