/* Reading whole files. */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum hub_code hub_file_read(const char *path, size_t max, struct hub_buf *out, struct hub_err *err) {
    FILE *f = fopen(path, "rbe");
    if (!f) return hub_fail(err, HUB_NOT_FOUND, "%s: %s", path, strerror(errno));
    size_t start = out->n, got;
    do {
        got = fread(hub_buf_reserve(out, 16384), 1, 16384, f);
        out->n += got;
    } while (got && out->n - start <= max);
    int cause = ferror(f) ? errno : 0;
    fclose(f);
    if (!cause && out->n - start <= max) return HUB_OK;
    bool large = !cause;
    out->n = start;
    if (large) return hub_fail(err, HUB_TOO_LARGE, "%s: larger than %zu bytes", path, max);
    return hub_fail(err, HUB_NOT_FOUND, "%s: %s", path, strerror(cause));
}
