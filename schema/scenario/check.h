/* What has to be right about a scenario beyond the types of its fields (check.c). */
#ifndef HUB_SCENARIO_CHECK_H
#define HUB_SCENARIO_CHECK_H
#include "schema/loader.h"
#include "schema/scenario/scenario.h"

/* Findings are reported; what is made of values (users, given, at, advance, each step's action) is filled
 * in. */
void hub_scenario_check(struct hub_loader *l, struct hub_scenario *s);
#endif
