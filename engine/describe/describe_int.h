/* Shared by the files of engine/describe only. A schema is a json_t of JSON Schema; whoever makes one gives
 * up the reference. */
#ifndef HUB_DESCRIBE_DESCRIBE_INT_H
#define HUB_DESCRIBE_DESCRIBE_INT_H
#include "describe/describe.h"
#include "hub/core/part.h"

/* One hub or plain namespace while its types are made. */
struct hub_describing {
    const struct hub_service *service;
    const struct hub_def *def;
    const struct hub_def_namespace *namespace; /* NULL: a hub */
    const char *prefix;                        /* of the names of its types: "Chat" */
    json_t *defs;                              /* types that are there already, by name */
};

#define HUB_EACH_PART(PART) for (const struct hub_part *const *PART = hub_parts; *PART; PART++)
#define HUB_EACH_ROW(TYPE, ROW, ROWS) for (const struct TYPE *ROW = (ROWS); ROW && ROW->name; ROW++)

/* ---- schema.c: schemas out of schemas; all arguments of type json_t * are taken over ---- */

HUB_MUST json_t *hub_schema_type(const char *type);
HUB_MUST json_t *hub_schema_list(json_t *items);
HUB_MUST json_t *hub_schema_const(const char *text);
HUB_MUST json_t *hub_schema_enum(const struct hub_strs *words);
HUB_MUST json_t *hub_schema_never(void);
/* One of SCHEMAS, an array; what can be said shorter is. */
HUB_MUST json_t *hub_schema_any_of(json_t *schemas);
HUB_MUST json_t *hub_schema_object(void);
/* Adds a member to one, which stays the caller's. HELP may be NULL. */
void hub_schema_add(json_t *object, const char *name, json_t *schema, bool required, const char *help);
/* {"$ref": "#/$defs/…"}, of a member of such a type when MEMBER is given. */
HUB_MUST json_t *hub_schema_ref(const char *def, const char *member);

/* ---- field.c: fields of the definition ---- */

/* What a list of fields asks for; without any: anything. SENT: what has a default may be left out, and
 * nothing else may come. */
HUB_MUST json_t *hub_describe_fields(const struct hub_def_field *fields, size_t n, bool sent);
/* A row of a DataObject: properties and id only. */
HUB_MUST json_t *hub_describe_record(const struct hub_def_object *object);

/* ---- shape.c: the types of rows, as part.h writes them ---- */

/* What TEXT means in this hub. Named shapes are added to the types when they are not there yet. */
HUB_MUST json_t *hub_describe_shape(struct hub_describing *d, const char *text);
/* What FIELDS make; a reference where a named shape is made of the same. Named: NULL where none is. */
HUB_MUST json_t *hub_describe_named(struct hub_describing *d, const struct hub_field *fields);
HUB_MUST json_t *hub_describe_answer(struct hub_describing *d, const struct hub_field *fields);
HUB_MUST json_t *hub_describe_argument(struct hub_describing *d, const struct hub_arg *arg);
/* "#/$defs/{prefix}{NAME}", the first letter made large. */
HUB_MUST json_t *hub_describe_ref(const struct hub_describing *d, const char *name, const char *member);
/* The name itself, until the next call with the same buffer. */
const char *hub_describe_name(const struct hub_describing *d, const char *name, struct hub_buf *buf);

/* ---- variants.c: payloads of which one member says what another one has to be ---- */

/* The choices of the member of type WORD: a list of {name, schema}, for the member that depends on it, whose
 * type is in *REST. NULL: WORD is no such type. New reference. */
HUB_MUST json_t *hub_describe_choices(struct hub_describing *d, const char *word, const char **rest);

/* ---- events.c ---- */

/* Whether the hub has what PART stands for. */
bool hub_describe_has(const struct hub_describing *d, const struct hub_part *part);
/* What clients may send: name → {payload, answer}. */
HUB_MUST json_t *hub_describe_requests(struct hub_describing *d);
/* What they are told: name → payload. */
HUB_MUST json_t *hub_describe_told(struct hub_describing *d);

/* ---- model.c ---- */

/* Adds all types to DEFS. SEE, or NULL, is called for each hub and plain namespace, in their order, when its
 * types are there. */
void hub_describe_each(const struct hub_service *service, json_t *defs,
                       void (*see)(struct hub_describing *d, void *arg), void *arg);

/* ---- documents ---- */

/* DOCUMENT with its types, DEFS, as components, and all its references made those of such a document. Takes
 * both over. */
HUB_MUST json_t *hub_describe_with_types(json_t *document, json_t *defs);
HUB_MUST json_t *hub_describe_info(const struct hub_service *service);
void hub_describe_markdown(const struct hub_service *service, struct hub_buf *out);

/* ---- languages ---- */

/* SCHEMA as TypeScript writes it, on one line. */
void hub_describe_ts_type(const json_t *schema, struct hub_buf *out);

void hub_describe_typescript(const json_t *types, struct hub_buf *out);
void hub_describe_python(const json_t *types, struct hub_buf *out);
void hub_describe_c(const json_t *types, struct hub_buf *out);
#endif
