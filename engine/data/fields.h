/* An object from outside against the fields that a definition gives it (HubCustomField): the content of a
 * message, and whatever else has such fields. Knows nobody; needs no loop and keeps nothing. */
#ifndef HUB_DATA_FIELDS_H
#define HUB_DATA_FIELDS_H
#include "base/error/code.h"
#include "schema/def.h"

/* Lists of objects let a small object ask for many defaults. What one check fills in below the object's own
 * fields is at most this much, as hub_json_cost() counts it. */
#define HUB_FIELDS_FILL_MAX (1u << 20)

/* What a refusal says of the object. Borrowed for the call. */
struct hub_fields_of {
    const char *root;        /* what the object is called: "content" */
    const char *kind, *name; /* what has these fields: "message type", "bid" */
};

/* Checks OBJECT, which must be a JSON object, against FIELDS and fills their defaults into it; a member that
 * is null is taken out, being the same as absent. *CHANGED is set when that altered it. With N 0 any object
 * fits. HUB_INVALID_CONTENT names the exact place ("content.items[2].price: expected a number"),
 * HUB_TOO_LARGE is more than HUB_FIELDS_FILL_MAX of defaults; OBJECT may be partly filled in then. Takes time
 * in proportion to the values in OBJECT times the fields of one level. */
enum hub_code hub_fields_check(const struct hub_def_field *fields, size_t n, json_t *object,
                               const struct hub_fields_of *of, bool *changed, struct hub_err *err);
/* One value against the type of one field, neither its list nor its own fields looked at; NULL when it fits,
 * else what was expected. */
const char *hub_field_mismatch(const struct hub_def_field *field, const json_t *value);
/* The fields as a hub's description shows them: [{name, type, required, description, …}]. New reference. */
HUB_MUST json_t *hub_fields_describe(const struct hub_def_field *fields, size_t n);
#endif
