/* Origins and patterns of them, and the names that no page of elsewhere can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/match/origin.h"
#include "base/memory/mem.h"

static bool matches(const char *pattern, const char *origin) {
    struct hub_origin p, o;
    const char *why = hub_origin_pattern(hub_cstr(pattern), &p);
    if (why) fail_msg("%s: %s", pattern, why);
    return hub_origin_parse(hub_cstr(origin), &o) && hub_origin_matches(&p, &o);
}

static void a_pattern_matches_its_origins_and_no_others(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *origin;
        bool match;
    } cases[] = {
        {"https://app.example.com", "https://app.example.com", true},
        {"https://app.example.com", "https://APP.example.com", true},
        {"https://app.example.com", "https://app.example.com:443", true},
        {"https://app.example.com:443", "https://app.example.com", true},
        {"http://app.example.com", "http://app.example.com:80", true},
        {"https://app.example.com", "http://app.example.com", false},
        {"https://app.example.com", "https://app.example.com:8443", false},
        {"https://app.example.com", "https://app.example.com.evil.example", false},
        {"https://app.example.com", "https://x.app.example.com", false},
        {"https://*.example.com", "https://a.example.com", true},
        {"https://*.example.com", "https://a.b.example.com", true},
        {"https://*.example.com", "https://example.com", false},
        {"https://*.example.com", "https://.example.com", false},
        {"https://*.example.com", "https://evilexample.com", false},
        {"https://*.example.com", "https://a.example.com.evil.example", false},
        {"https://*.example.com", "http://a.example.com", false},
        {"https://*.example.com", "https://a.example.com:8443", false},
        {"https://*.example.com:8443", "https://a.example.com:8443", true},
        {"http://*.localhost:3000", "http://a.localhost:3000", true},
        {"capacitor://localhost", "capacitor://localhost", true},
        {"capacitor://localhost", "capacitor://localhost:80", false},
        {"capacitor://localhost", "http://localhost", false},
        {"http://[::1]:3000", "http://[::1]:3000", true},
        {"file://", "file://", true},
        {"chrome-extension://abcdefgh", "chrome-extension://abcdefgh", true},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++)
        if (matches(cases[i].pattern, cases[i].origin) != cases[i].match)
            fail_msg("%s and %s", cases[i].pattern, cases[i].origin);
}

static void what_is_no_origin_matches_nothing(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "null",
                                      "https://",
                                      "https://a/",
                                      "https://a b",
                                      "https://a,https://b",
                                      "//a",
                                      "a.example.com",
                                      "https://a:",
                                      "https://a:0",
                                      "https://a:65536",
                                      "https://a:x",
                                      "https:a",
                                      "1http://a",
                                      "https://u@a",
                                      "https://[::1",
                                      "https://[zz]",
                                      "https://a?b",
                                      "https://*",
                                      "https://a#b",
                                      "https://[::1]x:1",
                                      "https://\xc3\xa4.example"};
    struct hub_origin o;
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (hub_origin_parse(hub_cstr(bad[i]), &o)) fail_msg("\"%s\" was taken as an origin", bad[i]);
}

static void what_can_match_nothing_is_no_pattern(void **state) {
    (void)state;
    static const char *const bad[] = {"https://app.example.com/",
                                      "https://app.example.com/path",
                                      "app.example.com",
                                      "*.example.com",
                                      "null",
                                      "https://*",
                                      "https://*.com",
                                      "https://a.*.example.com",
                                      "https://*example.com",
                                      "https://*.*.example.com",
                                      "https://*.",
                                      "https://\xc3\xa4.example",
                                      "https://a:*",
                                      "https://*.[::1]",
                                      "https://a.example.com:0"};
    struct hub_origin o;
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (!hub_origin_pattern(hub_cstr(bad[i]), &o)) fail_msg("\"%s\" was taken as a pattern", bad[i]);
}

static void a_host_header_has_the_origin_s_own_port_by_default(void **state) {
    (void)state;
    static const struct {
        const char *origin, *host;
        bool same;
    } cases[] = {
        {"https://h", "h", true},
        {"https://h", "h:443", true},
        {"https://h:443", "h", true},
        {"http://h", "h:80", true},
        {"https://h", "H", true},
        {"https://h", "h:80", false},
        {"https://h", "h:8443", false},
        {"http://h", "h:443", false},
        {"https://h", "other", false},
        {"https://h", "", false},
        {"https://h:8443", "h:8443", true},
        {"https://h:8443", "h", false},
        {"http://[::1]", "[::1]", true},
        {"http://[::1]:8080", "[::1]:8080", true},
        {"http://[::1]:8080", "[::1]", false},
        {"capacitor://h", "h", false},
        {"https://h", "h:", true},
        {"https://h", "h:x", false},
        {"https://h", "xh", false},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_origin o;
        assert_true(hub_origin_parse(hub_cstr(cases[i].origin), &o));
        if (hub_origin_is_at(&o, hub_cstr(cases[i].host)) != cases[i].same)
            fail_msg("%s at %s", cases[i].origin, cases[i].host);
    }
}

static void local_names_are_addresses_and_names_outside_the_public_ones(void **state) {
    (void)state;
    static const char *const local[] = {"",         "localhost", "LOCALHOST",    "hubd",    "a.localhost", "127.0.0.1",
                                        "10.0.0.3", "[::1]",     "hub.internal", "a.local", "localhost."};
    static const char *const foreign[] = {"example.com", "127.0.0.1.example.com", "localhost.example.com",
                                          "notlocal.notlocalhost", "xlocalhost.evil"};
    for (size_t i = 0; i < HUB_NELEM(local); i++)
        if (!hub_host_is_local(hub_cstr(local[i]))) fail_msg("\"%s\" was not taken as local", local[i]);
    for (size_t i = 0; i < HUB_NELEM(foreign); i++)
        if (hub_host_is_local(hub_cstr(foreign[i]))) fail_msg("\"%s\" was taken as local", foreign[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_its_origins_and_no_others),
        cmocka_unit_test(what_is_no_origin_matches_nothing),
        cmocka_unit_test(what_can_match_nothing_is_no_pattern),
        cmocka_unit_test(a_host_header_has_the_origin_s_own_port_by_default),
        cmocka_unit_test(local_names_are_addresses_and_names_outside_the_public_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
