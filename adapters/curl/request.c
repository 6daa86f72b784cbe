/* One request of a script: what it asks for, checked; what came back, as JSON. */
#include <ctype.h>
#include <stdlib.h>

#include "adapters/curl/curl_int.h"
#include "base/text/utf8.h"

#define URL_MAX 8192
#define HEADERS_MAX 100
#define HEADER_BYTES_MAX 65536 /* of all received */
#define TIMEOUT_MS 5000
#define TIMEOUT_MAX_MS 60000

static void free_request(struct hub_curl_request *r) {
    if (r->easy) curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    hub_buf_free(&r->body);
    json_decref(r->received);
    free(r);
}

void hub_curl_refuse(struct hub_curl_request *r, enum hub_code code, const char *text) {
    struct hub_host_call *call = r->call;
    call->done(call, code, NULL, text);
    free_request(r);
}

/* ---- what comes back ---- */

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    struct hub_curl_request *r = arg;
    n *= size;
    r->too_large = r->body.n + n > HUB_CURL_BODY_MAX;
    if (r->too_large) return 0;
    hub_buf_add(&r->body, p, n);
    return n;
}

static void add_header(json_t *all, struct hub_str name, struct hub_str value) {
    char key[256];
    struct hub_buf joined = {0};
    if (!name.n || name.n >= sizeof key) return;
    for (size_t i = 0; i < name.n; i++) key[i] = (char)tolower((unsigned char)name.p[i]);
    key[name.n] = 0;
    struct hub_str before = hub_json_get_str(all, key);
    hub_buf_adds(&joined, before);
    if (before.n) hub_buf_addz(&joined, ", ");
    hub_buf_adds(&joined, value);
    hub_json_set_str(all, key, hub_buf_str(&joined));
    hub_buf_free(&joined);
}

/* One line of the head. A second status line follows 100 and 103: what came before is not the answer's. */
static size_t on_header(char *p, size_t size, size_t n, void *arg) {
    struct hub_curl_request *r = arg;
    struct hub_str line = hub_str(p, n * size), name;
    r->header_bytes += line.n;
    r->too_large = r->header_bytes > HEADER_BYTES_MAX;
    if (r->too_large) return 0;
    if (hub_str_starts(line, HUB_STR("HTTP/")))
        json_object_clear(r->received);
    else if (memchr(line.p, ':', line.n) && hub_str_split(&line, ':', &name))
        add_header(r->received, name, hub_str_trim(line));
    return n * size;
}

static HUB_MUST json_t *answer_json(const struct hub_curl_request *r) {
    long status = 0;
    json_t *o = json_object(), *body = hub_json_string(hub_buf_str(&r->body));
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    json_object_set_new(o, "status", json_integer(status));
    json_object_set(o, "headers", r->received);
    if (hub_json_nil(body)) {
        struct hub_buf text = {0};
        hub_buf_add_base64(&text, hub_buf_str(&r->body));
        hub_json_set_str(o, "bodyBase64", hub_buf_str(&text));
        hub_buf_free(&text);
    }
    json_object_set_new(o, "body", body);
    return o;
}

/* Whose word was not enough. The result is 1 when OpenSSL had nothing to object: a certificate for another
 * name speaks for itself. */
static const char *trusted_ca(const struct hub_curl_request *r) {
    long result = 0;
    curl_easy_getinfo(r->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    return result > 1 ? " (trusted are the system's authorities, or those in SSL_CERT_FILE)" : "";
}

void hub_curl_finish(struct hub_curl_request *r, CURLcode code) {
    struct hub_host_call *call = r->call;
    struct hub_err err;
    if (!code) {
        call->done(call, HUB_OK, answer_json(r), NULL);
        free_request(r);
        return;
    }
    if (r->too_large)
        hub_err_set(&err, HUB_TOO_LARGE, "http: the answer has more than %d bytes (%d of headers)", HUB_CURL_BODY_MAX,
                    HEADER_BYTES_MAX);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        hub_err_set(&err, HUB_INTERNAL, "http: not done after %lld ms", (long long)r->timeout_ms);
    else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
        hub_err_set(&err, HUB_BAD_REQUEST, "http: url: expected an address with http:// or https://");
    else
        hub_err_set(&err, HUB_INTERNAL, "http: %s%s", r->error[0] ? r->error : curl_easy_strerror(code),
                    code == CURLE_PEER_FAILED_VERIFICATION ? trusted_ca(r) : "");
    hub_curl_refuse(r, err.code, err.text);
}

/* ---- what is asked for ---- */

static bool is_token(struct hub_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !memchr("!#$%&'*+-.^_`|~", s.p[i], 15)) return false;
    return s.n > 0;
}

static bool is_one_line(struct hub_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') return false;
    return true;
}

static enum hub_code set_header(struct hub_curl_request *r, struct hub_str name, struct hub_str value,
                                struct hub_err *err) {
    struct hub_buf line = {0};
    if (!is_token(name) || !is_one_line(value))
        return hub_fail(err, HUB_BAD_REQUEST, "http: headers: expected names and values of one line each");
    hub_buf_adds(&line, name);
    hub_buf_addz(&line, value.n ? ": " : ";"); /* so libcurl sends one without a value */
    hub_buf_adds(&line, value);
    r->headers = curl_slist_append(r->headers, hub_buf_cstr(&line));
    hub_buf_free(&line);
    return HUB_OK;
}

static enum hub_code set_headers(struct hub_curl_request *r, const json_t *headers, struct hub_err *err) {
    const char *key;
    json_t *v;
    enum hub_code code = HUB_OK;
    if (hub_json_nil(headers)) return HUB_OK;
    if (!json_is_object(headers) || json_object_size(headers) > HEADERS_MAX)
        return hub_fail(err, HUB_BAD_REQUEST, "http: headers: expected a table of at most %d texts", HEADERS_MAX);
    json_object_foreach((json_t *)(uintptr_t)headers, key, v) {
        if (!json_is_string(v))
            return hub_fail(err, HUB_BAD_REQUEST, "http: headers.%.*s: expected a text", HUB_CUTZ(key, 64));
        if (!code) code = set_header(r, hub_cstr(key), hub_json_str(v), err);
    }
    return code;
}

static bool has_header(const json_t *headers, const char *name) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)headers, key, v) if (!strcasecmp(key, name)) return true;
    return false;
}

/* The trace goes on with the request, unless the script has said otherwise. */
static enum hub_code set_trace(struct hub_curl_request *r, const json_t *headers, struct hub_err *err) {
    const char *trace = r->call->traceparent;
    return trace && !has_header(headers, "traceparent") ? set_header(r, HUB_STR("traceparent"), hub_cstr(trace), err)
                                                        : HUB_OK;
}

/* Texts as they are, everything else as JSON. */
static enum hub_code set_body(struct hub_curl_request *r, const json_t *args, struct hub_err *err) {
    const json_t *body = hub_json_get(args, "body");
    struct hub_buf text = {0};
    enum hub_code code = HUB_OK;
    if (hub_json_nil(body)) return HUB_OK;
    if (json_is_string(body))
        hub_buf_adds(&text, hub_json_str(body));
    else
        hub_json_add(&text, body);
    if (text.n > HUB_CURL_BODY_MAX) {
        code = hub_fail(err, HUB_TOO_LARGE, "http: body: %zu bytes, at most %d are allowed", text.n, HUB_CURL_BODY_MAX);
    } else {
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE, (long)text.n);
        curl_easy_setopt(r->easy, CURLOPT_COPYPOSTFIELDS, text.n ? text.p : "");
        if (!has_header(hub_json_get(args, "headers"), "content-type"))
            code = set_header(r, HUB_STR("Content-Type"),
                              json_is_string(body) ? HUB_STR("text/plain; charset=utf-8") : HUB_STR("application/json"),
                              err);
        r->headers = curl_slist_append(r->headers, "Expect:"); /* no round trip for leave to send */
    }
    hub_buf_free(&text);
    return code;
}

static enum hub_code set_method(struct hub_curl_request *r, const json_t *args, struct hub_err *err) {
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    const json_t *given = hub_json_get(args, "method");
    struct hub_str name = hub_json_nil(given) ? HUB_STR("GET") : hub_json_str(given);
    size_t i = 0;
    while (i < HUB_NELEM(methods) && !hub_str_is(name, methods[i])) i++;
    if (i == HUB_NELEM(methods))
        return hub_fail(err, HUB_BAD_REQUEST, "http: method: expected GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS");
    if (hub_str_is(name, "HEAD"))
        curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, methods[i]);
    return HUB_OK;
}

static enum hub_code set_timeout(struct hub_curl_request *r, const json_t *args, struct hub_err *err) {
    const json_t *given = hub_json_get(args, "timeoutMs");
    r->timeout_ms = hub_json_nil(given) ? TIMEOUT_MS : hub_json_get_int(args, "timeoutMs", 0);
    if (r->timeout_ms < 1 || r->timeout_ms > TIMEOUT_MAX_MS)
        return hub_fail(err, HUB_BAD_REQUEST, "http: timeoutMs: expected a whole number from 1 to %d", TIMEOUT_MAX_MS);
    curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    return HUB_OK;
}

static enum hub_code set_url(struct hub_curl_request *r, const json_t *args, struct hub_err *err) {
    const json_t *url = hub_json_get(args, "url");
    struct hub_str s = hub_json_str(url);
    if (!s.n || s.n > URL_MAX || memchr(s.p, 0, s.n))
        return hub_fail(err, HUB_BAD_REQUEST, "http: url: expected a text of 1 to %d bytes", URL_MAX);
    curl_easy_setopt(r->easy, CURLOPT_URL, json_string_value(url));
    return HUB_OK;
}

/* As OpenSSL's own programs and curl's do; libcurl does not look by itself. */
static void set_authorities(struct hub_curl_request *r) {
    const char *file = getenv("SSL_CERT_FILE"), *folder = getenv("SSL_CERT_DIR");
    if (file && *file) curl_easy_setopt(r->easy, CURLOPT_CAINFO, file);
    if (folder && *folder) curl_easy_setopt(r->easy, CURLOPT_CAPATH, folder);
}

static void set_rules(struct hub_curl_request *r) {
    curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(r->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(r->easy, CURLOPT_QUICK_EXIT,
                     1L); /* a name server that does not answer must not hold up the end of the process */
    curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "hubd/" HUB_VERSION);
    curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

enum hub_code hub_curl_prepare(struct hub_curl_request *r, const json_t *args, struct hub_err *err) {
    r->easy = curl_easy_init();
    r->received = json_object();
    if (!r->easy) return hub_fail(err, HUB_INTERNAL, "http: libcurl gave no handle");
    if (!json_is_object(args))
        return hub_fail(err, HUB_BAD_REQUEST, "http.request: expected a table {method, url, headers, body, timeoutMs}");
    struct hub_str meant;
    const char *key = hub_json_misspelt(args, "method url headers body timeoutMs", &meant);
    if (key)
        return hub_fail(err, HUB_BAD_REQUEST, "http: %.*s: unknown key; did you mean \"%.*s\"?", HUB_CUTZ(key, 64),
                        HUB_FMT(meant));
    enum hub_code code = set_url(r, args, err);
    if (!code) code = set_timeout(r, args, err);
    if (!code) code = set_headers(r, hub_json_get(args, "headers"), err);
    if (!code) code = set_trace(r, hub_json_get(args, "headers"), err);
    if (!code) code = set_body(r, args, err);
    if (!code) code = set_method(r, args, err); /* after the body, which makes it a POST */
    if (!code) set_rules(r);
    if (!code) set_authorities(r);
    return code;
}
