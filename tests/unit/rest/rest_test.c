/* REST: paths become commands, what was not asked for in a known way is refused by name, and answers have
 * their two forms. */
#include "fake_http.h"
#include "fake_hub.h"
#include "rest/rest_int.h"

#define HUB                                  \
    "roomSettings: {roomDataObject: room}\n" \
    "messageSettings: {messageTypes: [text]}\n"
#define ANN "Bearer dev:ann"
#define ADMIN "Bearer dev:root:admin"
#define JSON "application/json"
#define HELLO "{\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}"

static struct hub_rest *new_rest(struct fake_hub *f) {
    return hub_rest_new(f->engine, f->identity, f->service, f->tables);
}

/* Asked and answered. */
static void request(struct fake_hub *f, struct hub_rest *rest, struct hub_http_req *r, int status, const char *want) {
    if (!hub_rest_handle(rest, r)) fail_msg("%s was not taken", r->path);
    fake_settle(f);
    fake_is_answered(r, status, want);
}
static void get(struct fake_hub *f, struct hub_rest *rest, const char *path, const char *query, int status,
                const char *want) {
    struct hub_http_req r = {.path = path, .query = query, .authorization = ANN};
    request(f, rest, &r, status, want);
    fake_forget_answer(&r);
}
static void post(struct fake_hub *f, struct hub_rest *rest, const char *path, const char *type, const char *body,
                 int status, const char *want) {
    struct hub_http_req r = {.method = HUB_HTTP_POST, .path = path, .type = type, .body = body, .authorization = ANN};
    request(f, rest, &r, status, want);
    fake_forget_answer(&r);
}

static void a_path_is_cut_at_its_slashes_and_decoded_behind_them(void **state) {
    static const struct {
        const char *raw;
        size_t n;
        const char *last;
        bool good, broken;
    } cases[] = {
        {"/a/b", 2, "b", true, false},
        {"/a/b/", 2, "b", true, false},
        {"/a%2Fb", 1, "a/b", true, false},
        {"/a/%C3%A9", 2, "\xc3\xa9", true, false},
        {"/a//b", 3, "b", true, false},
        {"/a/%2", 1, "a", false, true},
        {"/a/%zz", 1, "a", false, true},
        {"/1/2/3/4/5/6/7/8", 8, "8", true, false},
        {"/1/2/3/4/5/6/7/8/9", 8, "8", false, false},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_rest_path p;
        char *raw = strndup(cases[i].raw, strlen(cases[i].raw));
        bool good = hub_rest_path_parse(&p, hub_cstr(raw));
        free(raw); /* what was decoded is the path's own */
        if (good != cases[i].good || p.broken != cases[i].broken || p.n != cases[i].n ||
            !hub_str_is(p.segments[p.n - 1], cases[i].last))
            fail_msg("%s", cases[i].raw);
        hub_buf_free(&p.text);
    }
}

static void what_is_of_nobody_is_left_to_others(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    const char *const foreign[] = {"/", "/nothing", "/nothing/rooms/r1", "/1/2/3/4/5/6/7/8/9"};
    for (size_t i = 0; i < HUB_NELEM(foreign); i++) {
        struct hub_http_req r = {.path = foreign[i]};
        assert_false(hub_rest_handle(rest, &r));
        assert_int_equal(r.answers, 0);
    }
    get(f, rest, "/chat/%zz", NULL, 400, "two hexadecimal digits");
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void a_path_becomes_a_command_with_its_variable_parts_as_arguments(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    post(f, rest, "/chat/rooms/r1/messages", JSON, HELLO, 201, "\"dataName\":\"message\"");
    post(f, rest, "/chat/rooms/r9/messages", JSON, HELLO, 404, "\"errCode\":\"room_not_found\"");
    post(f, rest, "/chat/rooms/r1/messages", JSON, "{\"roomId\":\"r2\"}", 400, "roomId: the body names another one");
    post(f, rest, "/chat/rooms/r1/messages", JSON, "{\"messagetype\":\"text\"}", 400, "did you mean");
    get(f, rest, "/chat/rooms/r1/messages", NULL, 200, "\"rowCount\":1");
    get(f, rest, "/chat/rooms/r1", NULL, 200, "\"memberCount\":0");
    get(f, rest, "/chat", NULL, 200, "\"roomDataObject\":\"room\"");
    get(f, rest, "/chat/rooms/r1/nothing", NULL, 404, "no such path below this hub");
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void a_method_that_a_path_does_not_have_is_answered_with_those_it_has(void **state) {
    static const struct {
        enum hub_http_method method;
        const char *path, *allow;
    } cases[] = {
        {HUB_HTTP_DELETE, "/chat/rooms/r1/messages", "Allow: GET, HEAD, POST\r\n"},
        {HUB_HTTP_OTHER, "/chat/rooms/r1", "Allow: GET, HEAD\r\n"},
        {HUB_HTTP_POST, "/chat", "Allow: GET, HEAD\r\n"},
        {HUB_HTTP_PUT, "/objects/room", "Allow: GET, HEAD, POST\r\n"},
        {HUB_HTTP_POST, "/objects/room/r1", "Allow: GET, HEAD, PATCH, DELETE\r\n"},
        {HUB_HTTP_GET, "/bus/news", "Allow: POST\r\n"},
    };
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_http_req r = {.method = cases[i].method, .path = cases[i].path, .authorization = ANN};
        request(f, rest, &r, 405, "takes");
        fake_has_header(&r, cases[i].allow);
        fake_forget_answer(&r);
    }
    struct hub_http_req head = {.method = HUB_HTTP_HEAD, .path = "/chat/rooms/r1", .authorization = ANN};
    request(f, rest, &head, 200, "\"room\"");
    fake_forget_answer(&head);
    hub_rest_delete(rest);
    fake_hub_free(f);
}

/* A condition that is dropped without a word shows what was not asked for. */
static void parameters_that_nobody_knows_or_that_come_twice_are_refused_by_name(void **state) {
    static const struct {
        const char *path, *query, *says;
    } cases[] = {
        {"/chat/rooms/r1/messages", "limit=1&limit=2", "limit: given twice"},
        {"/chat/rooms/r1/messages", "limits=1", "limits: unknown; there are"},
        {"/chat/rooms/r1/messages", "limit=x", "limit: expected a whole number"},
        {"/chat/rooms/r1/messages", "limit=%2", "two hexadecimal digits"},
        {"/chat/rooms/r1/messages", "=1", "expected name=value"},
        {"/chat/rooms/r1/messages", "limit=%ff", "expected name=value, in UTF-8"},
        {"/chat/rooms/r1/messages", "limit=1&pageNumber=1", "limit: not together with pageNumber"},
        {"/chat/rooms/r1/messages", "pageNumber=0", "pageNumber: expected a whole number from 1 to"},
        {"/chat/rooms/r1", "x=1", "x: unknown; this path takes no parameters"},
        {"/chat", "x=1", "x: unknown"},
        {"/objects/room", "cat=1", "cat: room has no such property"},
        {"/objects/room", "limit=0", "limit: expected a whole number of 1 or more"},
        {"/objects/room/r1", "title=a", "title: unknown"},
    };
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) get(f, rest, cases[i].path, cases[i].query, 400, cases[i].says);
    get(f, rest, "/chat/rooms/r1/messages", "access_token=dev:ann&&limit=5", 200,
        "\"hasMore\":false"); /* the identity's */
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void a_body_is_a_json_object_in_utf_8(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    const char *const path = "/chat/rooms/r1/messages";
    (void)state;
    post(f, rest, path, "text/plain", HELLO, 415, "expected application/json");
    post(f, rest, path, NULL, HELLO, 415, "expected application/json");
    post(f, rest, path, JSON "; charset=latin1", HELLO, 415, "charset \\\"latin1\\\" is not supported");
    post(f, rest, path, "APPLICATION/JSON; x=y; charset=\"UTF-8\"", HELLO, 201, "");
    post(f, rest, path, JSON, "[1]", 400, "expected a JSON object");
    post(f, rest, path, JSON, "{\"a\":1", 400, "\"result\":\"ERR\",\"status\":400");
    post(f, rest, path, NULL, NULL, 400, "bad_request"); /* no body is an empty object: something is missing */
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void who_is_nobody_is_asked_for_a_token_and_its_body_is_not_read_on(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    struct hub_http_req r = {.path = "/chat/rooms/r1"};
    request(f, rest, &r, 401, "\"errCode\":\"auth_required\"");
    fake_has_header(&r, "WWW-Authenticate: Bearer\r\n");
    assert_false(r.vouched);
    fake_forget_answer(&r);
    hub_rest_admit(rest, &r);
    fake_is_answered(&r, 401, "");
    assert_false(r.vouched);
    fake_forget_answer(&r);
    r.authorization = ANN;
    hub_rest_admit(rest, &r);
    assert_true(r.vouched);
    assert_int_equal(r.answers, 0); /* its body is there later */
    hub_rest_delete(rest);
    fake_hub_free(f);
}

/* ---- waiting ---- */

static void a_request_whose_peer_has_gone_is_answered_all_the_same_and_what_waits_is_not_begun(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    struct hub_http_req r[HUB_READS_UNDER_WAY + 2];
    (void)state;
    fake_store_hold(&f->store, true);
    for (size_t i = 0; i < HUB_NELEM(r); i++) {
        r[i] = (struct hub_http_req){.path = i ? "/objects/room" : "/chat/rooms/r1", .authorization = ANN};
        assert_true(hub_rest_handle(rest, &r[i]));
    }
    assert_int_equal(fake_store_waiting(&f->store), HUB_READS_UNDER_WAY);
    r[HUB_READS_UNDER_WAY].gone = true;
    size_t asked = f->store.asked[FAKE_SELECT];
    fake_store_hold(&f->store, false);
    fake_settle(f);
    fake_is_answered(&r[HUB_READS_UNDER_WAY], 503, "overloaded");
    fake_is_answered(&r[HUB_READS_UNDER_WAY + 1], 200, "\"rowCount\":3");
    assert_int_equal(f->store.asked[FAKE_SELECT] - asked, 1 + 1); /* what waited, and the room's moderation */
    for (size_t i = 0; i < HUB_NELEM(r); i++) {
        assert_int_equal(r[i].answers, 1);
        fake_forget_answer(&r[i]);
    }
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void lists_that_wait_go_by_the_definitions_that_are_in_force_when_they_begin(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    struct hub_http_req r[HUB_READS_UNDER_WAY + 1];
    struct hub_service bare = *f->service;
    (void)state;
    bare.object_n = 0;
    fake_store_hold(&f->store, true);
    for (size_t i = 0; i < HUB_NELEM(r); i++) {
        r[i] = (struct hub_http_req){.path = "/objects/room", .authorization = ANN};
        assert_true(hub_rest_handle(rest, &r[i]));
    }
    hub_rest_configure(rest, &bare, f->tables); /* objects are gone */
    fake_store_hold(&f->store, false);
    fake_settle(f);
    fake_is_answered(&r[0], 200, "");
    fake_is_answered(&r[HUB_READS_UNDER_WAY], 404, "there is no such object");
    for (size_t i = 0; i < HUB_NELEM(r); i++) fake_forget_answer(&r[i]);
    hub_rest_delete(rest);
    fake_hub_free(f);
}

/* ---- objects ---- */

static void rows_are_for_the_roles_that_the_object_names(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    post(f, rest, "/objects/room", JSON, "{\"id\":\"r4\"}", 403, "your role may not create rows of room");
    get(f, rest, "/objects/seat", NULL, 403, "may not read rows of seat"); /* nobody is named */
    struct hub_http_req r = {.method = HUB_HTTP_POST,
                             .path = "/objects/room",
                             .type = JSON,
                             .body = "{\"id\":\"r4\",\"title\":\"new\"}",
                             .authorization = ADMIN};
    request(f, rest, &r, 201, "\"title\":\"new\"");
    fake_forget_answer(&r);
    r.body = "{\"id\":\"r5\",\"createdAt\":\"2026-01-01T00:00:00Z\"}";
    request(f, rest, &r, 400, "createdAt\\\" is kept by hubd");
    fake_forget_answer(&r);
    get(f, rest, "/objects/room", "title=new", 200, "\"rowCount\":1");
    get(f, rest, "/objects/room", "pageNumber=2&pageRowCount=3", 200,
        "\"paging\":{\"pageNumber\":2,\"pageRowCount\":3,\"hasMore\":false}");
    get(f, rest, "/objects/room", "limit=3", 200, "\"hasMore\":true");
    get(f, rest, "/objects/room/r9", NULL, 404, "no row");
    get(f, rest, "/objects/nothing", NULL, 404, "no such object");
    f->store.away = HUB_STORE_UNAVAILABLE;
    get(f, rest, "/objects/room/r1", NULL, 503, "\"message\":\"The store is not available\""); /* and no more of it */
    f->store.away = HUB_OK;
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void a_record_can_be_put_on_the_bus_by_hand_where_anybody_may_be_anybody(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_rest *rest = new_rest(f);
    (void)state;
    post(f, rest, "/bus/news", JSON, "{\"a\":1}", 202, "\"status\":\"OK\"");
    assert_string_equal(hub_buf_cstr(&f->bus.published), "news  {\"a\":1}\n");
    post(f, rest, "/bus/a%20topic", JSON, "{\"a\":1}", 400, "topic: expected");
    f->bus.refuses = HUB_OVERLOADED;
    post(f, rest, "/bus/news", JSON, "{\"a\":1}", 503, "overloaded");
    f->service->dev = false;
    struct hub_http_req r = {.method = HUB_HTTP_POST, .path = "/bus/news"};
    assert_false(hub_rest_handle(rest, &r));
    hub_rest_delete(rest);
    fake_hub_free(f);
}

static void a_rate_that_is_exceeded_says_when_to_come_again(void **state) {
    struct hub_http_req r = {.path = "/x"};
    (void)state;
    hub_rest_fail_code(&r, HUB_RATE_LIMITED, NULL, HUB_STR("\"retryAfterMs\":1001"));
    fake_is_answered(&r, 429, "\"detail\":{\"retryAfterMs\":1001}");
    fake_has_header(&r, "Retry-After: 2\r\n");
    assert_non_null(strstr(hub_buf_cstr(&r.answer), "\"date\":\"2026-01-01T00:00:00.000Z\""));
    fake_forget_answer(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_cut_at_its_slashes_and_decoded_behind_them),
        cmocka_unit_test(what_is_of_nobody_is_left_to_others),
        cmocka_unit_test(a_path_becomes_a_command_with_its_variable_parts_as_arguments),
        cmocka_unit_test(a_method_that_a_path_does_not_have_is_answered_with_those_it_has),
        cmocka_unit_test(parameters_that_nobody_knows_or_that_come_twice_are_refused_by_name),
        cmocka_unit_test(a_body_is_a_json_object_in_utf_8),
        cmocka_unit_test(who_is_nobody_is_asked_for_a_token_and_its_body_is_not_read_on),
        cmocka_unit_test(a_request_whose_peer_has_gone_is_answered_all_the_same_and_what_waits_is_not_begun),
        cmocka_unit_test(lists_that_wait_go_by_the_definitions_that_are_in_force_when_they_begin),
        cmocka_unit_test(rows_are_for_the_roles_that_the_object_names),
        cmocka_unit_test(a_record_can_be_put_on_the_bus_by_hand_where_anybody_may_be_anybody),
        cmocka_unit_test(a_rate_that_is_exceeded_says_when_to_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
