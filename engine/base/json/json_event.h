/* The JSON of an event, ["name",argument,…], without a value for the name: every event passes here. */
#ifndef HUB_BASE_JSON_EVENT_H
#define HUB_BASE_JSON_EVENT_H
#include "base/json/json.h"

/* As hub_json_parse. When TEXT is an array that begins with a text without escapes, *NAME becomes that, a
 * view into TEXT, and the array has only what follows; otherwise *NAME is {NULL, 0}. New reference. */
HUB_MUST json_t *hub_json_parse_event(struct hub_str text, struct hub_str *name, struct hub_err *err);
#endif
