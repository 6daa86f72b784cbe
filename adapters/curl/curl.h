/* HTTP requests of scripts and of the engine itself, on libcurl's multi interface and the engine's loop
 * (contract: scripting.md, table "http").
 *
 * http.get(url, {headers, timeoutMs}?) and http.request{method, url, headers, body, timeoutMs} answer with
 * {status, headers, body}: header names in lower case, repeated ones joined by ", "; a body that is not
 * UTF-8 is null and comes as bodyBase64. A table as body is sent as JSON. Only http and https, no
 * redirects; certificates are checked against the system's authorities, or those that SSL_CERT_FILE and
 * SSL_CERT_DIR name. At most 64 requests at a time (overloaded), 1 MiB per body either way (too_large), 5
 * s unless timeoutMs says otherwise. What goes wrong on the way is an error of code internal that a script
 * can pcall. */
#ifndef HUB_ADAPTERS_CURL_H
#define HUB_ADAPTERS_CURL_H
#include "auth/fetch.h"
#include "base/error/code.h"
#include "hook/hook.h"
#include "loop/loop.h"

struct hub_curl;
/* One per loop. It sets libcurl up and cleans it up, which libcurl counts but may not be safe in: all are
 * made before loops run on other threads, and deleted when they have ended. */
enum hub_code hub_curl_new(struct hub_loop *loop, struct hub_curl **out, struct hub_err *err);
/* Requests under way are answered with shutting_down. The loop must still be there. */
void hub_curl_delete(struct hub_curl *c);
/* Rows for a hub_host whose ctx is the hub_curl. */
extern const struct hub_host_fn hub_curl_host_fns[];
/* A fetch of the engine's own: CTX is the hub_curl. Not counted among the 64. No proxy stands between for
 * http, which is for loopback. */
void hub_curl_fetch(void *ctx, struct hub_fetch *f);
#endif
