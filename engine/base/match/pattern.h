/* Patterns of names: a text with {name} parts, or a regular expression (PCRE2). Both say whether a name fits,
 * and give the parts that have names. A match is bounded in steps and memory, whatever the expression: a name
 * from outside cannot keep the caller busy. A pattern is not changed by matching and may be used by several
 * threads. */
#ifndef HUB_BASE_PATTERN_H
#define HUB_BASE_PATTERN_H
#include "base/error/code.h"
#include "base/json/json.h"

#define HUB_PATTERN_MAX 1000 /* bytes of a pattern */

struct hub_pattern;
/* Of a text: "chat:{room}", where {room} stands for one or more characters but ":" and "/"; it has to fit
 * the whole name. Part names are identifiers, each once, with something between two of them. Of an
 * expression: it may fit anywhere unless it says "^" and "$"; "$" is the very end. A name that fits must
 * not be a name in part only by accident, so say both. HUB_BAD_REQUEST: it is none; ERR says what is
 * wrong, *AT (may be NULL) the byte where. */
enum hub_code hub_pattern_new(struct hub_str text, bool is_regex, struct hub_pattern **out, size_t *at,
                              struct hub_err *err);
void hub_pattern_free(struct hub_pattern *p); /* NULL is fine */
/* HUB_OK: NAME fits, and *PARAMS (may be NULL) is a new object of the named parts. HUB_NOT_FOUND: it does
 * not. HUB_BAD_REQUEST: that could not be found out within the bounds, or NAME is no UTF-8; to be refused,
 * not passed on to the next pattern. */
enum hub_code hub_pattern_match(const struct hub_pattern *p, struct hub_str name, json_t **params);
#endif
