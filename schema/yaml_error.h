/* What is wrong with a text that libyaml cannot read, and where it was made: libyaml says where it gave up,
 * which may be a hundred lines later. */
#ifndef HUB_SCHEMA_YAML_ERROR_H
#define HUB_SCHEMA_YAML_ERROR_H
#include "schema/source.h"

/* As libyaml has it; lines and columns from 1. */
struct hub_yaml_problem {
    const char *problem, *context; /* the latter may be NULL */
    int line, column, context_line, context_column;
};
struct hub_yaml_error {
    const char *code;
    struct hub_range at;
    const char *message; /* in the arena */
    const char *fix;     /* what should stand at AT, when only that can have been meant; else NULL */
};
struct hub_yaml_error hub_yaml_error(struct hub_arena *a, const struct hub_source *src,
                                     const struct hub_yaml_problem *p);
#endif
