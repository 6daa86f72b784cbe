/* For hub_load_options.start_check: everything that a start asks of a service, without connecting to
 * anybody. hubd and hubctl lint use it both. */
#ifndef HUB_PREFLIGHT_H
#define HUB_PREFLIGHT_H
#include "schema/load.h"

hub_start_check hub_preflight;
#endif
