/* Shared by the files of engine/rest only. */
#ifndef HUB_REST_REST_INT_H
#define HUB_REST_REST_INT_H
#include "base/json/json.h"
#include "rest/rest.h"

enum { HUB_REST_DOCUMENTS = 2 };
struct hub_rest {
    struct hub_engine *engine;
    struct hub_identity_ctx *identity;
    const struct hub_service *service;
    const struct hub_tables *tables;
    uint32_t definitions;                         /* counts them: another number, other definitions */
    struct hub_buf documents[HUB_REST_DOCUMENTS]; /* of these definitions, by enum hub_describe_document; empty until
                                                     somebody has asked */
};

#define HUB_REST_PAGE 25       /* pageRowCount when only pageNumber is given */
#define HUB_REST_PAGE_MAX 1000 /* rows of one page */
#define HUB_REST_PAGES 1000000 /* the last pageNumber */

#define HUB_REST_SEGMENTS 8
/* A path cut at its slashes and percent-decoded. */
struct hub_rest_path {
    size_t n;
    struct hub_str segments[HUB_REST_SEGMENTS];
    struct hub_buf text;
    bool broken;
};
/* False when there are too many segments; p->broken is set when an escape is none. */
bool hub_rest_path_parse(struct hub_rest_path *p, struct hub_str raw);

/* /asyncapi.json and /openapi.json, for whoever may read GET /{hub}. False: the path is neither. */
bool hub_rest_document(struct hub_rest *r, struct hub_http_req *req, const struct hub_rest_path *path);
/* Those that are kept are made anew, for there are other definitions. */
void hub_rest_drop_documents(struct hub_rest *r);

/* CODE with its own HTTP status, Retry-After and WWW-Authenticate as fits. MESSAGE NULL: the code's text. */
void hub_rest_fail_code(struct hub_http_req *req, enum hub_code code, const char *message, struct hub_str detail);
/* STATUS with an error code that is not the engine's: of a script. */
void hub_rest_refuse(struct hub_http_req *req, int status, const char *code, const char *message,
                     struct hub_str detail);
/* 405; ALLOW are the methods there are: "GET, HEAD". */
void hub_rest_fail_method(struct hub_http_req *req, const char *allow);
/* The success form; FIELDS are JSON members, PAGING an object or empty. */
void hub_rest_ok(struct hub_http_req *req, int status, const char *data_name, struct hub_str fields,
                 struct hub_str paging);
/* The same with HEADERS, which are whole lines. */
void hub_rest_ok_with(struct hub_http_req *req, int status, const char *data_name, struct hub_str fields,
                      struct hub_str paging, const char *headers);
/* The request's JSON body, any value, once; NULL after the request was answered, as below. An empty one is
 * none. */
HUB_MUST json_t *hub_rest_value(struct hub_http_req *req);
/* The request's JSON body as a new object, once: its text is gone afterwards. NULL after the request was
 * answered with 400, 413 or 415. An empty body is {}. */
HUB_MUST json_t *hub_rest_body(struct hub_http_req *req);
/* The query's parameter KEY as a whole number of LOW or more, if it is there. False: the request was
 * answered. */
bool hub_rest_query_int(struct hub_http_req *req, const json_t *query, const char *key, int64_t low, int64_t high,
                        json_t *out);
/* The query's parameters as texts, without access_token: a new object, or NULL when a name comes twice or
 * is none (and the request was answered). */
HUB_MUST json_t *hub_rest_query(struct hub_http_req *req);
/* Whether the query has no parameter but access_token. False: the request was answered. */
bool hub_rest_no_query(struct hub_http_req *req);
/* Whether a page is asked for in one way only: by its number, or by limit and offset. False: the request
 * was answered. */
bool hub_rest_one_page(struct hub_http_req *req, const json_t *query);
/* Answers 400 "NAME: FAULT"; always false. */
bool hub_rest_bad_parameter(struct hub_http_req *req, struct hub_str name, const char *fault);
/* pageNumber (from 1) and pageRowCount of ARGS, when given, as limit and offset. */
void hub_rest_add_page(json_t *args);
/* Appends "pageNumber" and "pageRowCount" as asked for, if they were. */
void hub_rest_add_page_json(struct hub_buf *b, const json_t *args);
/* Who asks, by header, query or cookie. */
void hub_rest_identify(struct hub_rest *r, struct hub_http_req *req, hub_identity_done *done, void *arg);
void hub_rest_channels(struct hub_rest *r, struct hub_http_req *req, struct hub_rest_path *path);
void hub_rest_records(struct hub_rest *r, struct hub_http_req *req, struct hub_rest_path *path);
void hub_rest_objects(struct hub_rest *r, struct hub_http_req *req, struct hub_rest_path *path);
#endif
