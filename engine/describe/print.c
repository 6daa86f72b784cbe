/* Documents as text, and the table of languages. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

void hub_describe_print_json(const json_t *document, struct hub_buf *out) {
    char *text = json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (text) hub_buf_addz(out, text);
    hub_buf_addc(out, '\n');
    free(text);
}

static void (*const languages[])(const json_t *types, struct hub_buf *out) = {
    [HUB_DESCRIBE_TYPESCRIPT] = hub_describe_typescript,
    [HUB_DESCRIBE_PYTHON] = hub_describe_python,
    [HUB_DESCRIBE_C] = hub_describe_c,
    [HUB_DESCRIBE_JSON_SCHEMA] = hub_describe_print_json,
};

void hub_describe_print_types(const struct hub_service *service, enum hub_describe_language language,
                              struct hub_buf *out) {
    json_t *types = hub_describe_types(service);
    languages[language](types, out);
    json_decref(types);
}

void hub_describe_print_document(const struct hub_service *service, enum hub_describe_document document,
                                 struct hub_buf *out) {
    if (document == HUB_DESCRIBE_MARKDOWN) {
        hub_describe_markdown(service, out);
        return;
    }
    json_t *made = document == HUB_DESCRIBE_OPENAPI ? hub_describe_openapi(service) : hub_describe_asyncapi(service);
    hub_describe_print_json(made, out);
    json_decref(made);
}
