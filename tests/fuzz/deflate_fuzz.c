/* Compressed messages of strangers: what is inflated keeps its bound, and is the same however often it is
 * done; what is deflated comes back. */
#include <stdlib.h>

#include "base/io/deflate.h"
#include "base/text/buf.h"

#define MAX 5000

static struct hub_deflater *deflater;
static struct hub_inflater *inflater;

static enum hub_inflate inflate_into(struct hub_str bytes, size_t max, struct hub_buf *out) {
    enum hub_inflate end = hub_inflate_message(inflater, bytes, max, out);
    if (out->n > max + 1 || (end != HUB_INFLATE_TOO_LARGE && out->n > max)) abort();
    return end;
}

static void inflate_twice(struct hub_str bytes) {
    struct hub_buf first = {0}, second = {0};
    enum hub_inflate a = inflate_into(bytes, MAX, &first), b = inflate_into(bytes, MAX, &second);
    if (a != b || !hub_str_eq(hub_buf_str(&first), hub_buf_str(&second))) abort();
    hub_buf_free(&first);
    hub_buf_free(&second);
}

static void come_back(struct hub_str text) {
    struct hub_buf back = {0};
    struct hub_str deflated;
    if (hub_deflate_message(deflater, text, &deflated)) {
        if (deflated.n >= text.n || inflate_into(deflated, text.n, &back) != HUB_INFLATE_OK) abort();
        if (!hub_str_eq(hub_buf_str(&back), text)) abort();
    }
    if (hub_deflate_gzip(deflater, text, &deflated) && (deflated.n >= text.n || deflated.n < 18)) abort();
    hub_buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!deflater) deflater = hub_deflater_new(), inflater = hub_inflater_new();
    inflate_twice(hub_str((const char *)data, n));
    come_back(hub_str((const char *)data, n));
    return 0;
}
