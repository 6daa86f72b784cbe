/* JSON Patch (RFC 6902) and the pointers in it (RFC 6901): carrying out a patch, and finding one. */
#ifndef HUB_BASE_JSON_PATCH_H
#define HUB_BASE_JSON_PATCH_H
#include "base/error/code.h"
#include "base/json/json.h"
#include "base/memory/bug.h"

/* VALUE with PATCH carried out, as a new tree; VALUE stays as it is. NULL when PATCH is no patch, names a
 * place that is not there, a test of it fails, or the result would cost more than MAX_COST (hub_json_cost;
 * copies could double it with each step): ERR, HUB_BAD_REQUEST or HUB_TOO_LARGE, says which operation and
 * why. */
HUB_MUST json_t *hub_json_patch(const json_t *value, const json_t *patch, size_t max_cost, struct hub_err *err);
/* A patch that makes NOW of WAS; an empty list when they are equal. Numbers of other types are not equal, so
 * that values come back exactly as they are. New reference. */
HUB_MUST json_t *hub_json_diff(const json_t *was, json_t *now);
#endif
