/* What the difference between two services means, and whom it breaks (hubctl diff). Driven by the table: the
 * rows say what a change of theirs breaks. */
#ifndef HUB_SCHEMA_DIFF_H
#define HUB_SCHEMA_DIFF_H
#include "schema/def.h"

/* Every difference between OLD and NOW, in the order of the table: a list of
 *
 *   {"grades": ["data", "clients", "rights"], "rights": "more" | "less" | "changed", "path", "message",
 *    "old": {"file", "line", "text"}, "new": the same}
 *
 * without grades where it breaks nobody; "old" or "new" is absent where there is none. Files are named
 * relative to the directories of their services, which are read again for the places. New reference. */
HUB_MUST json_t *hub_service_diff(const struct hub_service *old, const struct hub_service *now);
#endif
