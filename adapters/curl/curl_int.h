/* Between curl.c, which drives libcurl, and request.c, which says what one request is and what came of it. */
#ifndef HUB_ADAPTERS_CURL_INT_H
#define HUB_ADAPTERS_CURL_INT_H
#include <curl/curl.h>

#include "adapters/curl/curl.h"
#include "base/memory/mem.h"
#include "base/text/buf.h"

#define HUB_CURL_BODY_MAX (1 << 20)

/* One request under way. */
struct hub_curl_request {
    struct hub_list link;
    struct hub_curl *curl;
    struct hub_host_call *call;
    CURL *easy;
    struct curl_slist *headers; /* to be sent */
    struct hub_buf body;        /* received */
    json_t *received;           /* headers received */
    size_t header_bytes;
    int64_t timeout_ms;
    bool too_large;
    char error[CURL_ERROR_SIZE];
};

/* Makes an easy handle of what the script wants; ARGS is {method, url, headers, body, timeoutMs}. */
enum hub_code hub_curl_prepare(struct hub_curl_request *r, const json_t *args, struct hub_err *err);
/* Answers the script and frees the request. */
void hub_curl_finish(struct hub_curl_request *r, CURLcode code);
void hub_curl_refuse(struct hub_curl_request *r, enum hub_code code, const char *text);
#endif
