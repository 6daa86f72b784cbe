/* The features of hubs. A new one is a folder and a line here. */
#include "hub/script/script.h"

const struct hub_part *const hub_parts[] = {
    &hub_scheduled_actions,
    NULL,
};
