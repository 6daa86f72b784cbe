/* JSON Patch (RFC 6902), all six operations. */
#ifndef HUBC_PATCH_H
#define HUBC_PATCH_H
#include <jansson.h>
#include <stdbool.h>

/* Changes *DOCUMENT (owned by the caller, who shares it with nobody) as PATCH says; values of the patch
 * are copied. False: the patch does not fit, and *DOCUMENT is what the operations before have made of it,
 * or NULL. */
bool hubc_patch(json_t **document, const json_t *patch) __attribute__((warn_unused_result));
#endif
