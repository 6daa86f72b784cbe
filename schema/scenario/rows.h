/* The tables of a scenario document (rows.c). */
#ifndef HUB_SCENARIO_ROWS_H
#define HUB_SCENARIO_ROWS_H
#include "schema/scenario/scenario.h"
#include "schema/table.h"

extern const struct hub_fields hub_fields_scenario, hub_fields_step;
#endif
