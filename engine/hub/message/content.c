/* The content of a message against its type (specification: HubCustomMessageType). */
#include "data/fields.h"
#include "hub/message/message.h"

enum hub_code hub_content_check(const struct hub_def_message_type *t, json_t *content, bool *changed,
                                struct hub_err *err) {
    const struct hub_fields_of of = {"content", "message type", t->name};
    *changed = false;
    if (json_is_object(content) && hub_json_has_nul(content))
        return hub_fail(err, HUB_INVALID_CONTENT, "content: NUL characters cannot be stored");
    return hub_fields_check(t->fields, t->field_n, content, &of, changed, err);
}
