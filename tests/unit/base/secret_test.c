/* Passwords in URLs, settings and lines of definitions are hidden, and nothing else is. */
#include "base/text/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void shows(const char *url, const char *expected) {
    struct hub_buf once = {0}, twice = {0};
    hub_secret_add_url(&once, hub_cstr(url));
    assert_string_equal(hub_buf_cstr(&once), expected);
    hub_secret_add_url(&twice, hub_buf_str(&once));
    assert_string_equal(hub_buf_cstr(&twice), expected);
    hub_buf_free(&once);
    hub_buf_free(&twice);
}

static void the_password_before_the_host_is_hidden(void **state) {
    (void)state;
    shows("postgresql://hub:geheim@db1:5432,db2/chat?sslmode=require",
          "postgresql://hub:***@db1:5432,db2/chat?sslmode=require");
    shows("redis://:geheim@[::1]:6379/2", "redis://:***@[::1]:6379/2");
    shows("redis://hub:a:b@host", "redis://hub:***@host");
}

static void a_password_that_was_not_escaped_is_hidden_as_a_whole(void **state) {
    (void)state;
    shows("redis://hub:a@b/c@host/2", "redis://hub:***@host/2");
    shows("postgresql://hub:a?b@host/chat", "postgresql://hub:***@host/chat");
    shows("postgresql://hub:a b\"c@host/chat", "postgresql://hub:***@host/chat");
}

static void passwords_and_keys_in_the_query_are_hidden(void **state) {
    (void)state;
    shows("postgresql://db/chat?user=hub&password=geheim&sslmode=require",
          "postgresql://db/chat?user=hub&password=***&sslmode=require");
    shows("kafka://b1:9092,b2?sasl.username=a@b&sasl.password=p@ss&ssl.key.pem=MII",
          "kafka://b1:9092,b2?sasl.username=a@b&sasl.password=***&ssl.key.pem=***");
    shows("postgresql://u:one@db/chat?PASSWORD=two&sslpassword=three",
          "postgresql://u:***@db/chat?PASSWORD=***&sslpassword=***");
}

static void what_is_hidden_once_does_not_show_more_the_second_time(void **state) {
    (void)state;
    shows("redis://a&token=x?password=://&:@h", "redis://a&token=***&:@h");
    shows("kafka://b?x=://&token=a?password=&c:d@h", "kafka://b?x=://&token=***&c:d@h");
    shows("://:// @&token=x?password=://&:@", "://:***@");
}

static void what_holds_no_password_stays(void **state) {
    (void)state;
    shows("sqlite:data/chat:a@b.db", "sqlite:data/chat:a@b.db");
    shows("memory:", "memory:");
    shows("", "");
    shows("postgresql://hub@db/chat", "postgresql://hub@db/chat");
    shows("redis://host:6379/0?timeoutMs=500", "redis://host:6379/0?timeoutMs=500");
    shows("redis+sentinel://u:pw@a:1,b:2/name/0?sentinelUser=s&sentinelPassword=pw",
          "redis+sentinel://u:***@a:1,b:2/name/0?sentinelUser=s&sentinelPassword=***");
    shows("rediss://u:pw@h/0?cacert=/a.pem&key=/k.pem", "rediss://u:***@h/0?cacert=/a.pem&key=/k.pem");
    shows("kafka://host:9092?client.id=a@b", "kafka://host:9092?client.id=a@b");
    shows("postgresql://db/chat?sslkey=/etc/key.file&passfile=/etc/pass.file",
          "postgresql://db/chat?sslkey=/etc/key.file&passfile=/etc/pass.file");
}

static void names_tell_what_is_secret(void **state) {
    (void)state;
    assert_true(hub_secret_name(HUB_STR("sasl.password")));
    assert_true(hub_secret_name(HUB_STR("ssl.key.pem")));
    assert_true(hub_secret_name(HUB_STR("Sasl.Pasword")));
    assert_true(hub_secret_name(HUB_STR("client_secret")));
    assert_false(hub_secret_name(HUB_STR("sasl.username")));
    assert_false(hub_secret_name(HUB_STR("ssl.key.location")));
    assert_false(hub_secret_name(HUB_STR("secretEnv")));
    assert_false(hub_secret_name(HUB_STR("")));
}

static void blots(const char *line, const char *expected) {
    char text[200];
    snprintf(text, sizeof text, "%s", line);
    hub_secret_blot(text, strlen(text));
    assert_string_equal(text, expected);
}

static void lines_keep_their_columns(void **state) {
    (void)state;
    blots("store: {url: \"postgresql://u:pw@h/db\", sise: 2}", "store: {url: \"postgresql://u:**@h/db\", sise: 2}");
    blots("  sasl.password: geheim", "  sasl.password: ******");
    blots("  \"ssl.key.password\": 'geheim'", "  \"ssl.key.password\": '*******");
    blots("a: x://u:pw@h b: y://v:qw@i?token=t", "a: x://u:**@h b: y://v:**@i?token=*");
    blots("jwt: {secretEnv: SECRET, password: }", "jwt: {secretEnv: SECRET, password: *");
    blots("lua: return room.token == 'x'", "lua: return room.token == 'x'");
    blots("", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_password_before_the_host_is_hidden),
        cmocka_unit_test(a_password_that_was_not_escaped_is_hidden_as_a_whole),
        cmocka_unit_test(passwords_and_keys_in_the_query_are_hidden),
        cmocka_unit_test(what_is_hidden_once_does_not_show_more_the_second_time),
        cmocka_unit_test(what_holds_no_password_stays),
        cmocka_unit_test(names_tell_what_is_secret),
        cmocka_unit_test(lines_keep_their_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
