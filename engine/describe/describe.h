/* What clients may send to a service, what they are told and answered, as types and documents: one
 * description, a JSON Schema, made of the rows of the parts and of the loaded definition, and printed in
 * several languages. Pure functions: the same service gives the same bytes, without a time, a version or a
 * path. From any thread. */
#ifndef HUB_DESCRIBE_DESCRIBE_H
#define HUB_DESCRIBE_DESCRIBE_H
#include "base/json/json.h"
#include "schema/def.h"

/* A JSON Schema (2020-12) whose $defs are the types, each behind those that it refers to. New reference. */
HUB_MUST json_t *hub_describe_types(const struct hub_service *service);

enum hub_describe_language { HUB_DESCRIBE_TYPESCRIPT, HUB_DESCRIBE_PYTHON, HUB_DESCRIBE_C, HUB_DESCRIBE_JSON_SCHEMA };
/* The types of SERVICE in a language. */
void hub_describe_print_types(const struct hub_service *service, enum hub_describe_language language,
                              struct hub_buf *out);
/* What SERVICE is told and tells: AsyncAPI 3.0, a channel for each hub and plain namespace, from the server's
 * side (it receives requests, and sends what it tells). And what it has over HTTP: OpenAPI 3.1. New
 * references. */
HUB_MUST json_t *hub_describe_asyncapi(const struct hub_service *service);
HUB_MUST json_t *hub_describe_openapi(const struct hub_service *service);

enum hub_describe_document { HUB_DESCRIBE_ASYNCAPI, HUB_DESCRIBE_OPENAPI, HUB_DESCRIBE_MARKDOWN };
/* One of the documents as text; the last is both for people. */
void hub_describe_print_document(const struct hub_service *service, enum hub_describe_document document,
                                 struct hub_buf *out);
/* A document as text: two blanks a level, and a line feed at the end. */
void hub_describe_print_json(const json_t *document, struct hub_buf *out);
#endif
