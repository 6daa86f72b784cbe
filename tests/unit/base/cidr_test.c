/* Addresses and ranges of both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/match/cidr.h"
#include "base/memory/mem.h"

static bool has(const char *range, const char *address) {
    struct hub_cidr c;
    struct hub_ip ip;
    const char *why = hub_cidr_parse(hub_cstr(range), &c);
    if (why) fail_msg("%s: %s", range, why);
    if (!hub_ip_parse(hub_cstr(address), &ip)) fail_msg("%s is no address", address);
    return hub_cidr_has(&c, &ip);
}

static void a_range_has_its_addresses_and_no_others(void **state) {
    (void)state;
    static const struct {
        const char *range, *address;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.4/30", "10.1.2.7", true},
        {"10.1.2.4/30", "10.1.2.8", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "1.2.3.4", true},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fe80::1", false},
        {"::1", "::1", true},
        {"::1/128", "::2", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++)
        if (has(cases[i].range, cases[i].address) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].range);
}

static void what_is_no_range_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",           "10.0.0.0/33", "10.0.0.0/",   "10.0.0.1/8",  "10.0.0/8",     "::1/129",
        "fd00::1/8",  "localhost",   "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/8/8", "[::1]",
        "1.2.3.4:80", "/8",          "010.0.0.0/8"};
    struct hub_cidr c;
    for (size_t i = 0; i < HUB_NELEM(bad); i++)
        if (!hub_cidr_parse(hub_cstr(bad[i]), &c)) fail_msg("\"%s\" was taken as a range", bad[i]);
}

static void addresses_are_read_as_proxies_write_them(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"1.2.3.4:5678", "1.2.3.4"},
        {"::1", "::1"},
        {"[::1]", "::1"},
        {"[::1]:80", "::1"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"2001:DB8::1", "2001:db8::1"},
        {"unknown", NULL},
        {"", NULL},
        {"1.2.3.4:", NULL},
        {"1.2.3.4:x", NULL},
        {"[::1]x", NULL},
        {"1.2.3", NULL},
        {"_hidden", NULL},
        {"1.2.3.4 ", NULL},
        {":80", NULL},
        {"[1.2.3.4", NULL},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_ip ip;
        char text[HUB_IP_TEXT] = "";
        bool ok = hub_ip_parse(hub_cstr(cases[i].text), &ip);
        if (ok != (cases[i].want != NULL)) fail_msg("\"%s\"", cases[i].text);
        if (ok) hub_ip_format(&ip, text), assert_string_equal(text, cases[i].want);
    }
}

static void an_address_counts_as_what_its_client_cannot_change(void **state) {
    static const struct {
        const char *address, *want;
    } cases[] = {{"10.0.0.1", "10.0.0.1"},
                 {"::ffff:10.0.0.1", "10.0.0.1"},
                 {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                 {"2001:db8:1:2::", "2001:db8:1:2::"},
                 {"::1", "::"},
                 {"unix:", "unix:"},
                 {"", ""}};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        char out[HUB_IP_TEXT];
        struct hub_str got = hub_ip_counted(hub_cstr(cases[i].address), out);
        if (!hub_str_is(got, cases[i].want)) fail_msg("%s counts as %.*s", cases[i].address, HUB_FMT(got));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_has_its_addresses_and_no_others),
        cmocka_unit_test(what_is_no_range_is_refused),
        cmocka_unit_test(addresses_are_read_as_proxies_write_them),
        cmocka_unit_test(an_address_counts_as_what_its_client_cannot_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
