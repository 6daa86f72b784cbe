/* The two envelopes of REST answers. */
#include <stdio.h>

#include "base/time/clock.h"
#include "rest/rest_int.h"

#define JSON_TYPE "application/json; charset=utf-8"

static void send_failure(struct hub_http_req *req, const char *code, int status, const char *message,
                         struct hub_str detail, const char *headers) {
    struct hub_buf b = {0};
    char now[HUB_ISO_LEN + 1];
    hub_iso_format(hub_http_wall(req), now);
    hub_buf_addf(&b, "{\"result\":\"ERR\",\"status\":%d,\"message\":", status);
    hub_json_add_string(&b, hub_cstr(message));
    hub_buf_addf(&b, ",\"errCode\":\"%s\",\"date\":\"%s\",\"detail\":{", code, now);
    hub_buf_adds(&b, detail);
    hub_buf_addz(&b, "}}");
    hub_http_reply(req, status, JSON_TYPE, hub_buf_str(&b), headers);
    hub_buf_free(&b);
}

void hub_rest_fail(struct hub_http_req *req, enum hub_code code, int status, const char *message, struct hub_str detail,
                   const char *headers) {
    send_failure(req, hub_code_name(code), status, message, detail, headers);
}

void hub_rest_refuse(struct hub_http_req *req, int status, const char *code, const char *message,
                     struct hub_str detail) {
    send_failure(req, code, status, message, detail, "");
}

void hub_rest_fail_code(struct hub_http_req *req, enum hub_code code, const char *message, struct hub_str detail) {
    char headers[96] = "";
    json_t *o = NULL;
    struct hub_buf text = {0};
    hub_buf_addc(&text, '{'), hub_buf_adds(&text, detail), hub_buf_addc(&text, '}');
    if (detail.n) o = hub_json_parse(hub_buf_str(&text), NULL);
    int64_t retry = hub_json_get_int(o, "retryAfterMs", 0);
    if (code == HUB_RATE_LIMITED)
        snprintf(headers, sizeof headers, "Retry-After: %lld\r\n", (long long)(retry + 999) / 1000);
    else if (code == HUB_OVERLOADED)
        snprintf(headers, sizeof headers, "Retry-After: 1\r\n");
    else if (hub_code_http(code) == 401)
        snprintf(headers, sizeof headers, "WWW-Authenticate: Bearer\r\n");
    hub_rest_fail(req, code, hub_code_http(code), message ? message : hub_code_text(code), detail, headers);
    json_decref(o);
    hub_buf_free(&text);
}

void hub_rest_fail_method(struct hub_http_req *req, const char *allow) {
    char headers[96], text[96];
    snprintf(headers, sizeof headers, "Allow: %s\r\n", allow);
    snprintf(text, sizeof text, "this path takes %s only", allow);
    hub_rest_fail(req, HUB_NOT_ALLOWED, 405, text, hub_str(NULL, 0), headers);
}

void hub_rest_ok(struct hub_http_req *req, int status, const char *data_name, struct hub_str fields,
                 struct hub_str paging) {
    hub_rest_ok_with(req, status, data_name, fields, paging, "");
}

void hub_rest_ok_with(struct hub_http_req *req, int status, const char *data_name, struct hub_str fields,
                      struct hub_str paging, const char *headers) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "{\"status\":\"OK\",\"statusCode\":%d", status);
    if (data_name) hub_buf_addf(&b, ",\"dataName\":\"%s\"", data_name);
    if (fields.n) hub_buf_addc(&b, ','), hub_buf_adds(&b, fields);
    hub_buf_addf(&b, ",\"rowCount\":%zu", hub_json_items(hub_json_member(fields, data_name ? data_name : "")));
    if (paging.n) hub_buf_addz(&b, ",\"paging\":"), hub_buf_adds(&b, paging);
    hub_buf_addc(&b, '}');
    hub_http_reply(req, status, JSON_TYPE, hub_buf_str(&b), headers);
    hub_buf_free(&b);
}
