/* The header traceparent of W3C Trace Context: which request of which trace asks. Pure. */
#ifndef HUB_BASE_TRACEPARENT_H
#define HUB_BASE_TRACEPARENT_H
#include <stdbool.h>

#include "base/text/str.h"

#define HUB_TRACEPARENT_LEN 55 /* "00-" trace id of 32 "-" parent id of 16 "-" flags of 2 */
/* Whether S is one; OUT, with a NUL, is then the same as of version 00, without what later versions add. */
bool hub_traceparent_parse(struct hub_str s, char out[HUB_TRACEPARENT_LEN + 1]);
#endif
