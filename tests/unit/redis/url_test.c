/* The URLs of a Redis cache: every part, and what is wrong with those that are none. */
#include "adapters/redis/redis_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

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
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.user ? u.user : "-", good[i].user ? good[i].user : "-");
        assert_string_equal(u.password ? u.password : "-", good[i].password ? good[i].password : "-");
        assert_string_equal(hub_buf_cstr(&u.text), good[i].text);
        assert_int_equal(u.port, good[i].port);
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
        {"rediss://:hush@cache", "redis://"},
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_found),
        cmocka_unit_test(what_is_wrong_is_said_without_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
