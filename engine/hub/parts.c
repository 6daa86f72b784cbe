/* The features of hubs. A new one is a folder and a line here. */
#include "hub/hub_int.h"

const struct hub_part *const hub_parts[] = {
    &hub_scheduled_actions,
    NULL,
};
