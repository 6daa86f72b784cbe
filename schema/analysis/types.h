/* What a value of a script is, as far as the definition tells: properties of records, contents of
 * messages, payloads of commands, the engine's own variables. */
#ifndef HUB_SCHEMA_ANALYSIS_TYPES_H
#define HUB_SCHEMA_ANALYSIS_TYPES_H
#include "schema/def.h"

enum hub_type_kind {
    HUB_TYPE_ANY, /* nothing is known */
    HUB_TYPE_BOOLEAN,
    HUB_TYPE_NUMBER,
    HUB_TYPE_TEXT,
    HUB_TYPE_ENUM,   /* a text, one of VALUES */
    HUB_TYPE_MOMENT, /* a text, ISO 8601 */
    HUB_TYPE_RECORD  /* an object with FIELDS and nothing else */
};
/* Whatever it is, it may be null or absent, too. */
struct hub_type {
    enum hub_type_kind kind;
    bool list; /* a list of such values */
    const struct hub_strs *values;
    const struct hub_def_field *fields;
    size_t field_n;
};

struct hub_type hub_type_of_field(const struct hub_def_field *f);
struct hub_type hub_type_of_object(const struct hub_def_object *o);
/* NULL: no such member. Of RECORD only. */
const struct hub_def_field *hub_type_member(struct hub_type t, struct hub_str name);
const char *hub_type_name(struct hub_type t); /* "a Boolean", for messages */
#endif
