/* Reading whole files, and making the folders that one is to be in. */
#include "base/io/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory/mem.h"

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

enum hub_code hub_file_make_folders(const char *path, struct hub_err *err) {
    char *folder = hub_xstrdup(path);
    enum hub_code code = HUB_OK;
    for (char *slash = folder; !code && *slash && (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        if (mkdir(folder, 0777) && errno != EEXIST)
            code = hub_fail(err, HUB_NOT_FOUND, "cannot make the folder %s: %s", folder, strerror(errno));
        *slash = '/';
    }
    free(folder);
    return code;
}
