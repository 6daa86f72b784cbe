/* Packets, URLs and tokens: what is taken, what is refused, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connection.h"
#include "url.h"

static void packets_read_back_as_they_were_written(void **state) {
    (void)state;
    static const char *const texts[] = {"40/hub/chat,{\"token\":\"t\"}", "41/hub/chat,",
                                        "42/hub/chat,12[\"e\",{\"a\":1}]", "43/hub/chat,0[{\"ok\":true}]",
                                        "451-/hub/chat,3[\"e\",{\"_placeholder\":true,\"num\":0}]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hubc_packet p;
        struct hubc_buf out = {0};
        assert_true(hubc_packet_parse(&p, texts[i] + 1, strlen(texts[i]) - 1));
        hubc_packet_write(&out, p.type, "/hub/chat", p.attachments, p.id, p.data);
        assert_string_equal(out.at, texts[i]);
        hubc_buf_free(&out);
        json_decref(p.data);
    }
}

static void what_is_no_packet_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "7",
                                        "x",
                                        "2",
                                        "2[]",
                                        "2[1]",
                                        "2{\"a\":1}",
                                        "2/hub/chat,[\"e\"",
                                        "3[1]",
                                        "31",
                                        "4",
                                        "4[1]",
                                        "0[1]",
                                        "1[1]",
                                        "5[\"e\"]",
                                        "517-[\"e\"]",
                                        "5-[\"e\"]",
                                        "51[\"e\"]",
                                        "29999999999999999[\"e\"]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hubc_packet p;
        if (hubc_packet_parse(&p, texts[i], strlen(texts[i]))) fail_msg("%s", texts[i]);
        assert_null(p.data);
    }
}

static void a_number_too_large_for_an_integer_is_a_real(void **state) {
    (void)state;
    struct hubc_packet p;
    const char *text = "2[\"e\",123456789012345678901234567890]";
    assert_true(hubc_packet_parse(&p, text, strlen(text)));
    assert_true(json_is_real(json_array_get(p.data, 1)));
    json_decref(p.data);
}

static void urls_are_taken_apart(void **state) {
    (void)state;
    static const struct {
        const char *url, *host, *path;
        int port;
        bool tls;
    } urls[] = {
        {"http://example.com", "example.com", "/socket.io/", 80, false},
        {"https://example.com/", "example.com", "/socket.io/", 443, true},
        {"ws://10.0.0.1:8080", "10.0.0.1", "/socket.io/", 8080, false},
        {"WSS://example.com:1/api/", "example.com", "/api/socket.io/", 1, true},
        {"http://[::1]:9/a/b?x#y", "::1", "/a/b/socket.io/", 9, false},
        {"http://[::1]", "::1", "/socket.io/", 80, false},
        {"http://h/own/socket.io/", "h", "/own/socket.io/", 80, false},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct hubc_url u;
        assert_true(hubc_url_parse(&u, urls[i].url));
        assert_string_equal(u.host, urls[i].host);
        assert_int_equal(u.port, urls[i].port);
        assert_int_equal(u.tls, urls[i].tls);
        size_t n = strlen(urls[i].path);
        assert_int_equal(strncmp(u.path, urls[i].path, n), 0);
        assert_string_equal(u.path + n, "?EIO=4&transport=websocket");
        hubc_url_free(&u);
    }
    static const char *const bad[] = {
        "",           "example.com",    "ftp://x",      "http://",     "http://:80",    "http://x:",
        "http://x:0", "http://x:70000", "http://u:p@x", "http://[::1", "http://[::1]x", NULL};
    for (size_t i = 0; bad[i]; i++) {
        struct hubc_url u;
        bool colon_only = !strcmp(bad[i], "http://x:"); /* the usual port, RFC 3986 */
        if (hubc_url_parse(&u, bad[i]) && !colon_only) fail_msg("%s", bad[i]);
        hubc_url_free(&u);
    }
}

static void proxies_are_those_of_the_environment(void **state) {
    (void)state;
    assert_true(hubc_url_is_listed("127.0.0.1", "localhost, 127.0.0.1"));
    assert_true(hubc_url_is_listed("a.example.com", ".example.com"));
    assert_true(hubc_url_is_listed("a.example.com", "example.com"));
    assert_true(hubc_url_is_listed("anything", "*"));
    assert_false(hubc_url_is_listed("badexample.com", "example.com"));
    assert_false(hubc_url_is_listed("a", ""));
    assert_false(hubc_url_is_listed("a", NULL));
    char *proxy = hubc_url_proxy("http://user:word@proxy:3128/");
    assert_string_equal(proxy, "user:word@proxy:3128");
    free(proxy);
    assert_null(hubc_url_proxy("socks5://proxy:1080"));
    assert_null(hubc_url_proxy("proxy"));
}

static void a_token_is_renewed_before_it_ends(void **state) {
    (void)state;
    /* {"exp": 10000, "iat": 9000}, {"exp": 10000}, {"sub": "x"} */
    assert_int_equal(hubc_renewal_in("e30.eyJleHAiOiAxMDAwMCwgImlhdCI6IDkwMDB9.x", 9000), 900000);
    assert_int_equal(hubc_renewal_in("e30.eyJleHAiOiAxMDAwMH0.x", 9950), 40000);
    assert_int_equal(hubc_renewal_in("e30.eyJleHAiOiAxMDAwMH0.x", 9999), 1000);
    assert_int_equal(hubc_renewal_in("e30.eyJzdWIiOiAieCJ9.x", 9000), -1);
    assert_int_equal(hubc_renewal_in("dev:ann", 9000), -1);
    assert_int_equal(hubc_renewal_in("a.b", 9000), -1);
    assert_int_equal(hubc_renewal_in("a.!.c", 9000), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_read_back_as_they_were_written),
        cmocka_unit_test(what_is_no_packet_is_refused),
        cmocka_unit_test(a_number_too_large_for_an_integer_is_a_real),
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(proxies_are_those_of_the_environment),
        cmocka_unit_test(a_token_is_renewed_before_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
