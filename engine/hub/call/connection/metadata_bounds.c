/* The bounds of metadata, of connections and rooms. A pure function. */
#include "hub/call/call.h"

enum hub_code hub_metadata_check(const json_t *value, const char *bound, int64_t most, struct hub_err *err) {
    struct hub_buf text = {0};
    if (json_object_size(value) > HUB_METADATA_MEMBERS)
        return hub_fail(err, HUB_TOO_MANY, "metadata may have at most %d members", HUB_METADATA_MEMBERS);
    if (hub_json_is_deeper(value, HUB_METADATA_DEPTH))
        return hub_fail(err, HUB_TOO_LARGE, "metadata may have at most %d levels", HUB_METADATA_DEPTH);
    hub_json_add(&text, value);
    size_t n = text.n;
    hub_buf_free(&text);
    if (n <= (size_t)most) return HUB_OK;
    return hub_fail(err, HUB_TOO_LARGE, "metadata would have %zu bytes; %s is %lld", n, bound, (long long)most);
}
