/* The URLs of a Redis cache: every part, and what is wrong with those that are none. */
#include "adapters/redis/redis_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static void every_part_is_found(void **state) {
    static const struct {
        const char *url, *host, *user, *password, *text;
        int port, db;
        int64_t timeout;
    } good[] = {
        {"redis://cache", "cache", NULL, NULL, "cache:6379", 6379, 0, 1000},
        {"redis://cache/", "cache", NULL, NULL, "cache:6379", 6379, 0, 1000},
        {"redis://cache:7000/15", "cache", NULL, NULL, "cache:7000/15", 7000, 15, 1000},
        {"redis://:secret@cache", "cache", NULL, "secret", "cache:6379", 6379, 0, 1000},
        {"redis://ann@cache", "cache", "ann", NULL, "cache:6379", 6379, 0, 1000},
        {"redis://ann:se%40cr%3At%2f@cache:1/2?timeoutMs=50", "cache", "ann", "se@cr:t/", "cache:1/2", 1, 2, 50},
        {"redis://ann:a:b@cache", "cache", "ann", "a:b", "cache:6379", 6379, 0, 1000},
        {"redis://cache:", "cache", NULL, NULL, "cache:6379", 6379, 0, 1000},
        {"redis://[::1]", "::1", NULL, NULL, "[::1]:6379", 6379, 0, 1000},
        {"redis://u:p@[2001:db8::7]:6380/1", "2001:db8::7", "u", "p", "[2001:db8::7]:6380/1", 6380, 1, 1000},
        {"redis://[fe80::7%25eth0]:6380/1", "fe80::7%eth0", NULL, NULL, "[fe80::7%eth0]:6380/1", 6380, 1, 1000},
        {"redis://[fe80::7%eth0]", "fe80::7%eth0", NULL, NULL, "[fe80::7%eth0]:6379", 6379, 0, 1000},
        {"redis+unix:///run/../redis/./a.sock", "/run/../redis/./a.sock", NULL, NULL, "/run/../redis/./a.sock", 6379, 0,
         1000},
        {"redis+unix:///run/redis/redis.sock", "/run/redis/redis.sock", NULL, NULL, "/run/redis/redis.sock", 6379, 0,
         1000},
        {"redis+unix://ann:se%40cret@/run/a%20b.sock?db=3&timeoutMs=70", "/run/a b.sock", "ann", "se@cret",
         "/run/a b.sock/3", 6379, 3, 70},
        {"redis://cache?timeoutMs=60000", "cache", NULL, NULL, "cache:6379", 6379, 0, 60000},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++) {
        struct hub_redis_url u;
        struct hub_err err;
        if (hub_redis_url_parse(good[i].url, &u, &err)) fail_msg("%s: %s", good[i].url, err.text);
        assert_string_equal(u.places[0].host, good[i].host);
        assert_string_equal(u.user ? u.user : "-", good[i].user ? good[i].user : "-");
        assert_string_equal(u.password ? u.password : "-", good[i].password ? good[i].password : "-");
        assert_string_equal(hub_buf_cstr(&u.text), good[i].text);
        assert_int_equal(u.places[0].port, good[i].port);
        assert_int_equal(u.db, good[i].db);
        assert_int_equal(u.timeout_ms, good[i].timeout);
        hub_redis_url_free(&u);
    }
}

static void what_is_wrong_is_said_without_the_password(void **state) {
    static const struct {
        const char *url, *says;
    } bad[] = {
        {"redis:cache", "redis://"},
        {"redis://", "host"},
        {"redis://:hush@", "host"},
        {"redis://:hush@:6379", "host"},
        {"redis://:hush@cache:0", "port"},
        {"redis://:hush@cache:65536", "port"},
        {"redis://:hush@cache:six", "port"},
        {"redis://ann:hush@b@cache", "%40"},
        {"redis://:hush#b@cache", "port"},
        {"redis://:hush@cache/1#b", "%23"},
        {"redis://:hush@ca che", "host"},
        {"redis+unix://:hush@", "path"},
        {"redis+unix://:hush@/", "path"},
        {"redis+unix://:hush@cache/x", "host"},
        {"redis+unix:///x?db=one", "db="},
        {"redis://:hush@cache?db=1", "timeoutMs"},
        {"redis://:hush@::1", "brackets"},
        {"redis://:hush@[::1", "bracket"},
        {"redis://:hush@[::1]6379", "port"},
        {"redis://:hush@[::zz]", "IPv6"},
        {"redis://:hush@[fe80::7%]", "IPv6"},
        {"redis://:hush@cache/1/../2", "database"},
        {"redis://:hush@cache/one", "database"},
        {"redis://:hush@cache/-1", "database"},
        {"redis://:hush@cache/1/2", "database"},
        {"redis://:hush@cache/70000", "database"},
        {"redis://:hush%zz@cache", "password"},
        {"redis://:hush%00@cache", "password"},
        {"redis://a%z:hush@cache", "user"},
        {"redis://:hush@ca%2", "host"},
        {"redis://:hush@cache?timeoutMs=49", "timeoutMs"},
        {"redis://:hush@cache?timeoutMs", "timeoutMs"},
        {"redis://:hush@cache?tls=1", "timeoutMs"},
        {"redis://:hush@cache?cacert=/ca.pem", "timeoutMs"},
        {"redis+tls://:hush@cache", "rediss://"},
        {"rediss://:hush@", "host"},
        {"rediss://:hush@cache?cacert=ca.pem", "cacert=/path"},
        {"rediss://:hush@cache?cacert=/a&cacert=/b", "cacert=/path"},
        {"rediss://:hush@cache?insecure=1", "insecure=true"},
        {"rediss://:hush@cache?insecure", "insecure=true"},
        {"rediss://:hush@cache?insecure=true&cacert=/ca.pem", "no certificate"},
        {"rediss://:hush@cache?insecure=true&servername=x", "no certificate"},
        {"rediss://:hush@cache?cert=/c.pem", "belong together"},
        {"rediss://:hush@cache?key=/c.pem", "belong together"},
        {"rediss://:hush@cache?servername=", "servername=name"},
        {"rediss://:hush@cache?servername=%zz", "servername=name"},
        {"rediss://:hush@cache?sentinelUser=x", "timeoutMs"},
        {"rediss://:hush@cache,other", "host"},
        {"redis+sentinel://:hush@a,b", "name"},
        {"redis+sentinel://ann:12/hush@a,b", "%2F"}, /* it was told as the name of the master */
        {"redis+sentinel://:hush@a,b/", "name"},
        {"redis+sentinel://:hush@a,b/mine/one", "database"},
        {"redis+sentinel://:hush@a,b/mine/1/2", "database"},
        {"redis+sentinel://:hush@a,b/mi%zzne", "path"},
        {"redis+sentinel://:hush@a,/mine", "host"},
        {"redis+sentinel://:hush@,a/mine", "host"},
        {"redis+sentinel://:hush@a,b:0/mine", "port"},
        {"redis+sentinel://:hush@a,[::1/mine", "bracket"},
        {"redis+sentinel://:hush@a,b%2/mine", "host"},
        {"redis+sentinel://:hush@/mine", "host"},
        {"redis+sentinel://:hush@a/mine?sentinelPassword=", "sentinelPassword="},
        {"redis+sentinel://:hush@a/mine?cacert=/x", "sentinelUser="},
        {"redis+sentinel://a/mine?sentinelPassword=hush&sentinelPassword=hush", "sentinelPassword="},
        {"redis+sentinel://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a/hush", "16"},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_redis_url u;
        struct hub_err err;
        if (hub_redis_url_parse(bad[i].url, &u, &err) != HUB_BAD_REQUEST) fail_msg("%s was taken", bad[i].url);
        if (!strstr(strstr(err.text, "]: "), bad[i].says)) fail_msg("%s: %s", bad[i].url, err.text);
        assert_null(strstr(err.text, "hush"));
    }
}

static void the_options_of_tls_are_found(void **state) {
    struct hub_redis_url u;
    struct hub_err err;
    (void)state;
    const char *url = "rediss://ann:a@cache:6380/2?cacert=/a%20b.pem&cert=/c.pem&key=/k.pem&servername=redis.example";
    if (hub_redis_url_parse(url, &u, &err)) fail_msg("%s", err.text);
    assert_true(u.tls && !u.insecure && !u.master);
    assert_string_equal(u.ca_file, "/a b.pem");
    assert_string_equal(u.cert_file, "/c.pem");
    assert_string_equal(u.key_file, "/k.pem");
    assert_string_equal(u.server_name, "redis.example");
    assert_string_equal(hub_buf_cstr(&u.text), "cache:6380/2");
    hub_redis_url_free(&u);
    assert_int_equal(hub_redis_url_parse("rediss://cache?insecure=true", &u, &err), HUB_OK);
    assert_true(u.tls && u.insecure && u.places[0].port == 6379);
    hub_redis_url_free(&u);
    assert_int_equal(hub_redis_url_parse("redis://cache", &u, &err), HUB_OK);
    assert_false(u.tls);
    hub_redis_url_free(&u);
}

static void several_sentinels_and_the_master_they_know_are_found(void **state) {
    static const struct {
        const char *url, *text, *user, *password;
        bool tls;
    } good[] = {
        {"redis+sentinel://a/mine", "a:26379/mine", "-", "-", false},
        {"redis+sentinel://a:1,b,[::1]:3,[fe80::7%25eth0]/mine/4", "a:1,b:26379,[::1]:3,[fe80::7%eth0]:26379/mine/4",
         "-", "-", false},
        {"redis+sentinel://ann:a,b%2F@a,b/mine/", "a:26379,b:26379/mine", "ann", "a,b/", false},
        {"rediss+sentinel://:x@a,b/my%2Fne?cacert=/ca.pem", "a:26379,b:26379/my/ne", "-", "x", true},
        {"redis+sentinel://a,b/mine/?timeoutMs=60", "a:26379,b:26379/mine", "-", "-", false},
        {"redis+sentinel://a,b/mine?timeoutMs=60", "a:26379,b:26379/mine", "-", "-", false},
    };
    struct hub_redis_url u;
    struct hub_err err;
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++) {
        if (hub_redis_url_parse(good[i].url, &u, &err)) fail_msg("%s: %s", good[i].url, err.text);
        assert_string_equal(hub_buf_cstr(&u.text), good[i].text);
        assert_string_equal(u.user ? u.user : "-", good[i].user);
        assert_string_equal(u.password ? u.password : "-", good[i].password);
        assert_int_equal(u.tls, good[i].tls);
        assert_memory_equal(u.master, "m", 1);
        hub_redis_url_free(&u);
    }
    const char *url = "redis+sentinel://a/mine?sentinelUser=s%20u&sentinelPassword=p%26q";
    assert_int_equal(hub_redis_url_parse(url, &u, &err), HUB_OK);
    assert_string_equal(u.sentinel_user, "s u");
    assert_string_equal(u.sentinel_password, "p&q");
    assert_null(u.password);
    hub_redis_url_free(&u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_options_of_tls_are_found),
        cmocka_unit_test(several_sentinels_and_the_master_they_know_are_found),
        cmocka_unit_test(every_part_is_found),
        cmocka_unit_test(what_is_wrong_is_said_without_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
