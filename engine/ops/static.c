/* Static files of a service, from memory: nothing a request says is ever used as a path of the file
 * system. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/collection/map.h"
#include "base/io/deflate.h"
#include "base/io/file.h"
#include "base/memory/mem.h"
#include "ops/console.h"
#include "ops/ops.h"

#define FILES_MAX 1000
#define BYTES_MAX (16u << 20)
#define DEPTH_MAX 8

#define ALWAYS "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-cache\r\n"
#define SERVICE_POLICY                                                                                        \
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: https:; " \
    "object-src 'none'; base-uri 'none'; "                                                                    \
    "frame-ancestors 'none'\r\n" ALWAYS
#define CONSOLE_POLICY                                                                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src " \
    "data:; form-action 'none'; "                                                                                    \
    "base-uri 'none'; frame-ancestors 'none'\r\n" ALWAYS

struct file {
    const char *type;
    char etag[24];
    size_t n, gzip_n;
    char *bytes, *gzip; /* the latter once somebody took it; NULL: nobody did, or it is not shorter */
    bool gzip_tried;
};

struct hub_static {
    const char *policy;   /* headers of every answer */
    struct hub_map files; /* "/app.js" → file */
    size_t bytes;
    hub_static_skipped *skipped; /* while it is loaded; may be NULL */
    void *arg;
};

static const char *type_of(const char *name) {
    static const struct {
        const char *ending, *type;
    } all[] = {{".html", "text/html; charset=utf-8"},
               {".js", "text/javascript; charset=utf-8"},
               {".css", "text/css; charset=utf-8"},
               {".svg", "image/svg+xml"},
               {".json", "application/json; charset=utf-8"},
               {".png", "image/png"},
               {".ico", "image/x-icon"},
               {".woff2", "font/woff2"},
               {".txt", "text/plain; charset=utf-8"}};
    for (size_t i = 0; i < HUB_NELEM(all); i++)
        if (hub_str_ends(hub_cstr(name), hub_cstr(all[i].ending))) return all[i].type;
    return "application/octet-stream";
}

/* NAME says the type. Takes BYTES. */
static void put_file(struct hub_static *s, const char *url, const char *name, char *bytes, size_t n) {
    struct file *f = hub_xcalloc(1, sizeof *f);
    f->type = type_of(name);
    f->bytes = bytes;
    f->n = n;
    snprintf(f->etag, sizeof f->etag, "%016llx", (unsigned long long)hub_hash(bytes, n));
    s->bytes += n;
    hub_map_put(&s->files, hub_cstr(url), f);
}

static enum hub_code add_file(struct hub_static *s, const char *path, const char *url, struct hub_err *err) {
    struct hub_buf b = {0};
    if (s->bytes > BYTES_MAX || hub_map_len(&s->files) >= FILES_MAX)
        return hub_fail(err, HUB_INTERNAL, "%s: more than %d files or %u MiB of static files", path, FILES_MAX,
                        BYTES_MAX >> 20);
    if (hub_file_read(path, BYTES_MAX, &b, err)) {
        hub_buf_free(&b);
        return HUB_INTERNAL;
    }
    size_t n;
    char *bytes = hub_buf_take(&b, &n);
    put_file(s, url, url, bytes, n);
    return HUB_OK;
}

static enum hub_code add_folder(struct hub_static *s, const char *folder, const char *url, int depth,
                                struct hub_err *err);

/* A file, or a folder with what is in it. A link that leads nowhere is left out; anything else that cannot
 * be looked at is an error. */
static enum hub_code add_entry(struct hub_static *s, const char *path, const char *url, int depth,
                               struct hub_err *err) {
    struct stat st;
    if (stat(path, &st) != 0) {
        if (errno != ENOENT && errno != ELOOP)
            return hub_fail(err, HUB_INTERNAL, "cannot look at %s: %s", path, strerror(errno));
        if (s->skipped) s->skipped(s->arg, path);
        return HUB_OK;
    }
    if (S_ISDIR(st.st_mode)) return depth < DEPTH_MAX ? add_folder(s, path, url, depth + 1, err) : HUB_OK;
    return S_ISREG(st.st_mode) ? add_file(s, path, url, err) : HUB_OK;
}

static enum hub_code add_folder(struct hub_static *s, const char *folder, const char *url, int depth,
                                struct hub_err *err) {
    DIR *d = opendir(folder);
    enum hub_code code = HUB_OK;
    if (!d)
        return errno == ENOENT && !depth ? HUB_OK
                                         : hub_fail(err, HUB_INTERNAL, "cannot read %s: %s", folder, strerror(errno));
    for (struct dirent *e; !code && (e = readdir(d));) {
        struct hub_buf path = {0}, at = {0};
        if (e->d_name[0] == '.') continue;
        hub_buf_addf(&path, "%s/%s", folder, e->d_name);
        hub_buf_addf(&at, "%s/%s", url, e->d_name);
        code = add_entry(s, hub_buf_cstr(&path), hub_buf_cstr(&at), depth, err);
        hub_buf_free(&path);
        hub_buf_free(&at);
    }
    closedir(d);
    return code;
}

enum hub_code hub_static_load(const char *folder, hub_static_skipped *skipped, void *arg, struct hub_static **out,
                              struct hub_err *err) {
    struct hub_static *s = hub_xcalloc(1, sizeof *s);
    s->policy = SERVICE_POLICY;
    s->skipped = skipped;
    s->arg = arg;
    enum hub_code code = add_folder(s, folder, "", 0, err);
    *out = NULL;
    if (code || !hub_map_len(&s->files))
        hub_static_free(s);
    else
        *out = s;
    return code;
}

/* FILES as below PREFIX, whose last slashes do not count; NULL when there are none. */
static struct hub_static *from_table(const struct hub_console_file *files, const char *prefix, const char *policy) {
    size_t prefix_n = strlen(prefix);
    while (prefix_n && prefix[prefix_n - 1] == '/') prefix_n--;
    if (!files[0].url) return NULL;
    struct hub_static *s = hub_xcalloc(1, sizeof *s);
    struct hub_buf url = {0};
    s->policy = policy;
    for (const struct hub_console_file *f = files; f->url; f++) {
        hub_buf_clear(&url);
        hub_buf_addf(&url, "%.*s%s", (int)prefix_n, prefix, f->url);
        put_file(s, hub_buf_cstr(&url), f->path, memcpy(hub_xmalloc(f->n), f->bytes, f->n), f->n);
    }
    hub_buf_free(&url);
    return s;
}

struct hub_static *hub_static_console(void) {
    return from_table(hub_console_files, "", CONSOLE_POLICY);
}

struct hub_static *hub_static_client(const char *path) {
    return from_table(hub_client_files, path, SERVICE_POLICY);
}

void hub_static_free(struct hub_static *s) {
    if (!s) return;
    for (struct file *f; (f = hub_map_drain(&s->files));) {
        free(f->bytes);
        free(f->gzip);
        free(f);
    }
    free(s);
}

/* Files stay as they are, so each is compressed once, when somebody takes it so. */
static bool is_gzip(struct file *f, const struct hub_http_req *req) {
    struct hub_str shorter;
    struct hub_buf kept = {0};
    if (!hub_http_takes_gzip(req, f->type, f->n)) return false;
    if (f->gzip_tried) return f->gzip != NULL;
    f->gzip_tried = true;
    struct hub_deflater *z = hub_deflater_new();
    if (hub_deflate_gzip(z, hub_str(f->bytes, f->n), &shorter)) {
        hub_buf_adds(&kept, shorter);
        f->gzip = hub_buf_take(&kept, &f->gzip_n);
    }
    hub_deflater_free(z);
    return f->gzip != NULL;
}

bool hub_static_handle(const struct hub_static *s, struct hub_http_req *req) {
    struct hub_str path = hub_http_path(req);
    enum hub_http_method m = hub_http_method(req);
    if (!s || (m != HUB_HTTP_GET && m != HUB_HTTP_HEAD)) return false;
    struct file *f = hub_map_get(&s->files, hub_str_is(path, "/") || !path.n ? HUB_STR("/index.html") : path);
    if (!f) return false;
    char headers[1024], etag[40];
    bool gzip = is_gzip(f, req);
    snprintf(etag, sizeof etag, "\"%s%s\"", f->etag,
             gzip ? "-gzip" : ""); /* each form has its own (RFC 9110, 8.8.3.3) */
    snprintf(headers, sizeof headers, "%sETag: %s\r\n%s", s->policy, etag,
             gzip ? "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n" : "");
    if (hub_str_is(hub_http_header(req, "if-none-match"), etag))
        hub_http_reply(req, 304, f->type, hub_str(NULL, 0), headers);
    else
        hub_http_reply(req, 200, f->type, gzip ? hub_str(f->gzip, f->gzip_n) : hub_str(f->bytes, f->n), headers);
    return true;
}
