/* JSON on jansson (docs/decisions/0002-json.md). The tree type of the whole program is json_t: reference
 * counted, insertion ordered. Ownership words: "new" = the caller owns one reference; "borrowed" = valid
 * while its owner is. Threads: one tree belongs to one thread at a time. Those of SQLite's readers build
 * trees and hand them over by hub_post; nobody keeps a part of one. Reference counts are atomic in
 * Debian's build, the trees are not. */
#ifndef HUB_BASE_JSON_H
#define HUB_BASE_JSON_H
#include <jansson.h>

#include "base/error/code.h"
#include "base/text/buf.h"

#define HUB_JSON_DEPTH 64 /* deepest nesting accepted from outside */

/* Parses exactly one JSON value (any kind). NULL on failure with err->code HUB_BAD_REQUEST and text naming
 * position and cause. Rejects nesting beyond HUB_JSON_DEPTH, invalid UTF-8, duplicate object keys,
 * trailing bytes. "\u0000" in strings is accepted (json_string_length tells). Integers beyond 64 bits
 * become reals, as in JavaScript. New reference. */
HUB_MUST json_t *hub_json_parse(struct hub_str text, struct hub_err *err);
/* Whether TEXT is one JSON value by the grammar of RFC 8259 alone, whatever its depth: tells JSON that
 * hub_json_parse refused for what it says from bytes that are no JSON. Does not look at UTF-8. */
bool hub_json_well_formed(struct hub_str text);
/* Of JSON of our own making, which is well formed, without a tree of it: the value of the member KEY of
 * what stands between an object's braces; {NULL, 0} when there is none. */
struct hub_str hub_json_member(struct hub_str members, const char *key);
size_t hub_json_items(struct hub_str value); /* elements of an array; 1 of everything else but null, which has none */

/* Appends compact JSON. Reals print as JavaScript prints them: the shortest form that reads back the same,
 * no fraction when there is none, an exponent from 1e21 up and below 1e-6. NULL prints null. (jansson
 * holds no NaN and no infinity.) */
void hub_json_add(struct hub_buf *b, const json_t *value);
/* The same, but a real without a fraction is written with one: 1.0 comes back as a real. */
void hub_json_add_exact(struct hub_buf *b, const json_t *value);
/* Appends one such real, finite. At most 25 bytes, for which no more than 64 have to be free. */
void hub_json_add_real(struct hub_buf *b, double v);
/* Appends a JSON string literal, quotes included. Invalid UTF-8 bytes become U+FFFD. */
void hub_json_add_string(struct hub_buf *b, struct hub_str s);
void hub_json_add_utf8(struct hub_buf *b, struct hub_str s); /* the same of what is UTF-8 for certain */
/* How many bytes at the start of S a string literal holds as they are: up to the first quote, backslash or
 * control character. */
size_t hub_json_plain(struct hub_str s);
/* Appends "key": with the quotes; no comma. KEY must need no escaping (a literal). */
void hub_json_add_key(struct hub_buf *b, const char *key);

/* Borrowed views into a tree. A value that is absent or of another type gives {NULL, 0} or the fallback. */
struct hub_str hub_json_str(const json_t *value);
struct hub_str hub_json_get_str(const json_t *object, const char *key);
int64_t hub_json_get_int(const json_t *object, const char *key,
                         int64_t fallback); /* integral reals count as integers */
bool hub_json_get_bool(const json_t *object, const char *key, bool fallback);
/* New string value from a view (must be UTF-8; otherwise the value is json null). */
HUB_MUST json_t *hub_json_string(struct hub_str s);
/* object[key] = new string. */
void hub_json_set_str(json_t *object, const char *key, struct hub_str s);
/* Absent or JSON null. */
static inline bool hub_json_nil(const json_t *v) { return !v || json_is_null(v); }
/* A member of an object, NULL when absent or when OBJECT is no object (jansson wants json_t* without
 * const). */
HUB_MUST json_t *hub_json_get(const json_t *object, const char *key);
/* A key of OBJECT that is a misspelling: none of NAMES (apart by spaces), but near one that OBJECT does
 * not have, which MEANT becomes. NULL: there is none among the first few unknown keys. */
const char *hub_json_misspelt(const json_t *object, const char *names, struct hub_str *meant);
/* Whether any text in it has U+0000, which not every store can hold (keys never have it). */
bool hub_json_has_nul(const json_t *v);
/* Roughly what a tree takes in memory, in bytes. Depth is bounded by the parser. */
size_t hub_json_cost(const json_t *v);
/* Whether objects and lists are in one another in more than so many levels. */
bool hub_json_is_deeper(const json_t *v, int levels);
/* Deep equality with numbers compared by value (1 == 1.0). */
bool hub_json_equal(const json_t *a, const json_t *b);
#endif
