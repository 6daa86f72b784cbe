/* Whose page asks: own host, listed origins, everybody else's; what trusted proxies say; names that were
 * made to point here. */
#include "fixture.h"

static const char *const listed[] = {"https://app.example.com", "https://*.apps.example.com", "capacitor://localhost"};
static const char *const any[] = {"*"};
static const char *const proxies[] = {"127.0.0.0/8", "fd00::/8"};

static struct hub_transport_config config(const char *const *origins, size_t n) {
    struct hub_transport_config c = app_defaults;
    c.cors_origins = origins;
    c.cors_n = n;
    return c;
}

/* The status of a request whose head is LINE (method and target), HOST and FIELDS. */
static int status_of(const char *line, const char *host, const char *fields) {
    struct peer p = dial();
    char head[2048];
    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", line, host, fields);
    puts_to(&p, head);
    struct answer a = answer_to(&p, strncmp(line, "HEAD", 4) == 0);
    hub_buf_free(&a.body);
    hang_up(&p);
    return a.status;
}

#define UPGRADE                                                                                     \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " \
    "dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define EIO_WS "GET /socket.io/?EIO=4&transport=websocket"

static void assert_admitted(const char *host, const char *fields, bool admitted) {
    char both[1024];
    snprintf(both, sizeof both, UPGRADE "%s", fields);
    const int got[] = {status_of(EIO_WS, host, both),           status_of("GET " EIO_POLLING, host, fields),
                       status_of("POST /echo", host, fields),   status_of("PUT /echo", host, fields),
                       status_of("DELETE /echo", host, fields), status_of("PATCH /echo", host, fields)};
    for (size_t i = 0; i < HUB_NELEM(got); i++)
        if ((got[i] == 403) == admitted) fail_msg("door %zu answered %d to Host %s and %s", i, got[i], host, fields);
}

/* The empty list was taken as "no limit": an upgrade from anywhere was let in, with its visitor's cookies. */
static void without_a_list_only_the_own_host_s_pages_come_in_at_every_door(void **state) {
    (void)state;
    static const struct {
        const char *host, *fields;
        bool admitted;
    } cases[] = {
        {"test", "", true}, /* no page at all */
        {"test", "Origin: http://test\r\n", true},
        {"test", "Origin: https://test\r\n", true},
        {"test:443", "Origin: https://test\r\n", true},
        {"test", "Origin: https://test:443\r\n", true},
        {"test:80", "Origin: http://test\r\n", true},
        {"test:8080", "Origin: http://test:8080\r\n", true},
        {"TEST", "Origin: http://test\r\n", true},
        {"test", "Origin: http://test:8080\r\n", false},
        {"test:8080", "Origin: http://test\r\n", false},
        {"test", "Origin: https://evil.example\r\n", false},
        {"test", "Origin: http://test.evil.example\r\n", false},
        {"test", "Origin: http://eviltest\r\n", false},
        {"test", "Origin: null\r\n", false},
        {"test", "Origin: file://\r\n", false},
        {"test", "Origin: test\r\n", false},
        {"test", "Origin: https://evil.example\r\nCookie: access_token=x\r\n", false},
        {"test", "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n", false}, /* of nobody we trust */
        {"test", "Sec-Fetch-Site: cross-site\r\n", false},
        {"test", "Sec-Fetch-Site: same-site\r\n", false},
        {"test", "Sec-Fetch-Site: same-origin\r\n", true},
        {"test", "Sec-Fetch-Site: none\r\n", true},
        {"test", "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n", false},
    };
    struct hub_transport_config c = config(NULL, 0);
    start(&c);
    for (size_t i = 0; i < HUB_NELEM(cases); i++) assert_admitted(cases[i].host, cases[i].fields, cases[i].admitted);
    stop();
}

static void a_list_adds_to_the_own_host(void **state) {
    (void)state;
    static const struct {
        const char *fields;
        bool admitted;
    } cases[] = {
        {"Origin: https://app.example.com\r\n", true},
        {"Origin: https://app.example.com:443\r\n", true},
        {"Origin: http://app.example.com\r\n", false},
        {"Origin: https://a.b.apps.example.com\r\n", true},
        {"Origin: https://apps.example.com\r\n", false},
        {"Origin: capacitor://localhost\r\n", true},
        {"Origin: http://localhost\r\n", false},
        {"Origin: http://test\r\n", true},
        {"Origin: null\r\n", false},
        {"", true},
    };
    struct hub_transport_config c = config(listed, HUB_NELEM(listed));
    start(&c);
    for (size_t i = 0; i < HUB_NELEM(cases); i++) assert_admitted("test", cases[i].fields, cases[i].admitted);
    stop();
}

static void a_foreign_page_that_only_reads_is_told_nothing_by_browsers(void **state) {
    (void)state;
    struct hub_transport_config c = config(NULL, 0);
    start(&c);
    assert_int_equal(status_of("GET /agent", "test", "Origin: https://evil.example\r\n"), 200);
    assert_int_equal(status_of("HEAD /agent", "test", "Sec-Fetch-Site: cross-site\r\n"), 200);
    assert_int_equal(
        status_of("OPTIONS /agent", "test", "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n"),
        204);
    stop();
}

/* What the handshake shows of the cookie that came with FIELDS. */
static void assert_cookie(const char *fields, const char *seen) {
    char both[1024];
    snprintf(both, sizeof both, UPGRADE "Cookie: access_token=x\r\n%s", fields);
    assert_int_equal(status_of(EIO_WS, "test", both), 101);
    char want[256];
    snprintf(want, sizeof want, "|%s|EIO=4", seen);
    if (!strstr(server.handshake.p, want)) fail_msg("%s does not have %s", server.handshake.p, want);
}

static void cookies_are_those_of_own_and_listed_pages(void **state) {
    (void)state;
    struct hub_transport_config c = config(any, 1);
    start(&c);
    assert_cookie("Origin: https://evil.example\r\n", "");
    assert_cookie("Origin: null\r\n", "");
    assert_cookie("Origin: http://test\r\n", "access_token=x");
    assert_cookie("", "access_token=x");
    stop();
    c = config(listed, HUB_NELEM(listed));
    start(&c);
    assert_cookie("Origin: https://app.example.com\r\n", "access_token=x");
    stop();
}

/* A proxy that rewrites Host names the public host, scheme and client beside it; it is believed when it is
 * listed. */
static void a_trusted_proxy_says_host_scheme_and_client(void **state) {
    (void)state;
    static const struct {
        const char *fields;
        bool admitted;
        const char *peer; /* of a session that was let in */
    } cases[] = {
        {"Origin: https://chat.example.com\r\nX-Forwarded-Host: chat.example.com\r\n", true, "127.0.0.1"},
        {"Origin: https://chat.example.com\r\nX-Forwarded-Host: chat.example.com, inner\r\nX-Forwarded-For: "
         "192.0.2.7\r\n",
         true, "192.0.2.7"},
        {"Origin: https://chat.example.com\r\nX-Forwarded-Host: chat.example.com:443\r\nX-Forwarded-Proto: https\r\n",
         true, "127.0.0.1"},
        {"Origin: https://chat.example.com\r\nX-Forwarded-Host: chat.example.com\r\nX-Forwarded-Proto: wss\r\n", true,
         "127.0.0.1"},
        {"Origin: http://chat.example.com\r\nX-Forwarded-Host: chat.example.com\r\nX-Forwarded-Proto: https\r\n", false,
         ""},
        {"Origin: https://test\r\nX-Forwarded-Host: chat.example.com\r\n", false, ""},
        {"X-Forwarded-For: 1.1.1.1, 192.0.2.7\r\n", true, "192.0.2.7"},
        {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.7\r\n", true, "192.0.2.7"},
        {"X-Forwarded-For: 1.1.1.1, 192.0.2.7, fd00::9, 127.0.0.2\r\n", true, "192.0.2.7"},
        {"X-Forwarded-For: [2001:db8::7]:4711\r\n", true, "2001:db8::7"},
        {"X-Forwarded-For: 192.0.2.7:4711\r\n", true, "192.0.2.7"},
        {"X-Forwarded-For: fd00::8, 127.0.0.3\r\n", true, "fd00::8"},
        {"X-Forwarded-For: unknown, 127.0.0.3\r\n", true, "127.0.0.3"},
        {"X-Forwarded-For: x\r\n", true, "127.0.0.1"},
        {"X-Forwarded-For: ,,\r\n", true, "127.0.0.1"},
    };
    struct hub_transport_config c = config(NULL, 0);
    c.trusted_proxies = proxies;
    c.trusted_n = HUB_NELEM(proxies);
    start(&c);
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        assert_admitted("test", cases[i].fields, cases[i].admitted);
        size_t n = strlen(cases[i].peer);
        if (n && (strncmp(server.handshake.p, cases[i].peer, n) || server.handshake.p[n] != '|'))
            fail_msg("%s instead of %s with %s", server.handshake.p, cases[i].peer, cases[i].fields);
    }
    stop();
    c.trusted_n = 0;
    start(&c);
    assert_admitted("test", cases[0].fields, false);
    assert_admitted("test", cases[6].fields, true);
    assert_true(strncmp(server.handshake.p, "127.0.0.1|", 10) == 0);
    stop();
}

/* http://evil.example:8080 whose name was made to point to 127.0.0.1 is of our own host for the browser;
 * with a service that believes anybody it would be anybody. */
static void where_anybody_is_believed_only_local_names_are_answered(void **state) {
    (void)state;
    static const struct {
        const char *line, *host, *fields;
        bool answered;
    } cases[] = {
        {"GET /agent", "localhost:8080", "", true},
        {"GET /agent", "127.0.0.1", "", true},
        {"GET /agent", "[::1]:80", "", true},
        {"GET /agent", "hubd:8080", "", true},
        {"GET /agent", "a.localhost", "", true},
        {"GET /agent", "app.example.com", "", true}, /* of a listed origin */
        {"GET /agent", "x.apps.example.com", "", true},
        {"GET /agent", "evil.example", "", false},
        {"GET /agent", "evil.example:8080", "Origin: http://evil.example:8080\r\n", false},
        {"GET /agent", "127.0.0.1.evil.example", "", false},
        {"POST /echo", "evil.example", "Origin: http://evil.example\r\n", false},
        {"GET " EIO_POLLING, "evil.example", "", false},
        {"OPTIONS /agent", "evil.example", "", false},
        {EIO_WS, "evil.example", UPGRADE "Origin: http://evil.example\r\n", false},
        {EIO_WS, "evil.example", UPGRADE "Origin: https://evil.example:8080\r\n", false},
        {EIO_WS, "chat.example.com:443", UPGRADE "Origin: https://chat.example.com\r\n",
         true}, /* TLS ends at a proxy */
        {"GET /agent", "localhost", "X-Forwarded-Host: evil.example\r\n", false},
        {"GET /agent", "evil.example", "X-Forwarded-Host: localhost\r\n", false},
    };
    struct hub_transport_config c = config(listed, HUB_NELEM(listed));
    c.local_names = true;
    c.trusted_proxies = proxies;
    c.trusted_n = HUB_NELEM(proxies);
    start(&c);
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        int status = status_of(cases[i].line, cases[i].host, cases[i].fields);
        if ((status == 403) == cases[i].answered) fail_msg("%s of %s: %d", cases[i].line, cases[i].host, status);
    }
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_list_only_the_own_host_s_pages_come_in_at_every_door),
        cmocka_unit_test(a_list_adds_to_the_own_host),
        cmocka_unit_test(a_foreign_page_that_only_reads_is_told_nothing_by_browsers),
        cmocka_unit_test(cookies_are_those_of_own_and_listed_pages),
        cmocka_unit_test(a_trusted_proxy_says_host_scheme_and_client),
        cmocka_unit_test(where_anybody_is_believed_only_local_names_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
