/* Arguments of commands, as their rows say. Pure functions. */
#ifndef HUB_CALL_ARGS_H
#define HUB_CALL_ARGS_H
#include "hub/core/part.h"

/* Whether the argument of ROW in the object ARGS, where null is as good as absent, is what the row allows;
 * else ERR says what was expected: "seconds: expected a whole number from 1 to 3600". */
enum hub_code hub_arg_check(const struct hub_arg *row, const json_t *args, struct hub_err *err);
/* All of ROWS but those that are checked later, in their order. */
enum hub_code hub_args_check(const struct hub_arg *rows, const json_t *args, struct hub_err *err);
/* Those that are checked later, whose turn has come. */
enum hub_code hub_args_check_later(const struct hub_arg *rows, const json_t *args, struct hub_err *err);
/* What ROW expects, in words: appends "a whole number from 1 to 3600". */
void hub_arg_expected(const struct hub_arg *row, struct hub_buf *out);
/* NULL: there is none of that name. */
const struct hub_arg *hub_arg_named(const struct hub_arg *rows, struct hub_str name);
/* The whole number NAME of ARGS, checked before: FALLBACK when it is absent, what its row allows at most when
 * it is more. A row of that name must be there. */
int64_t hub_arg_int(const struct hub_arg *rows, const json_t *args, const char *name, int64_t fallback);
#endif
