/* What scripts may ask of the engine, and what they do by themselves at their time. The functions are rows of
 * the part's host functions (hook/hook.h). */
#ifndef HUB_SCRIPT_SCRIPT_H
#define HUB_SCRIPT_SCRIPT_H
#include "hub/core/core.h"

extern const struct hub_part hub_scheduled_actions_part, hub_scripts_part;
#endif
