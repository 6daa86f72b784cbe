/* Definitions from memory: for fuzzing, and for tests that need no directory. */
#ifndef HUB_SCHEMA_MEMORY_H
#define HUB_SCHEMA_MEMORY_H
#include "schema/load.h"

/* Checks a service document and a hub document; the text of either may be {NULL, 0}: a hub alone is
 * checked as by hub_file_check. No file is looked for, so paths of keys are not followed. OUT (may be
 * NULL) is set when there is a service and no error; free with hub_service_free. */
enum hub_code hub_text_load(struct hub_str service, struct hub_str hub, const struct hub_load_options *options,
                            struct hub_diags *diags, struct hub_service **out);
#endif
