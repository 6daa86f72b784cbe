/* bus.url and bus.options: what is accepted, and how refusals are worded. */
#include "adapters/kafka/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/kafka/kafka.h"

static struct hub_kafka_settings settings;
static struct hub_err err;

static enum hub_code read_url(const char *url) {
    return hub_kafka_settings_read(&(struct hub_bus_config){.url = url}, &settings, &err);
}

static void brokers(const char *url, const char *expected) {
    if (read_url(url)) fail_msg("%s: %s", url, err.text);
    assert_string_equal(settings.brokers, expected);
    hub_kafka_settings_free(&settings);
}

static void brokers_are_read_from_the_url(void **state) {
    (void)state;
    brokers("kafka://a:1", "a:1");
    brokers("kafka://a:1,b.example.com:65535", "a:1,b.example.com:65535");
    brokers("kafka://a", "a:9092");
    brokers("kafka://a:1/", "a:1");
    brokers("kafka://[::1]:9093,[fe80::1]", "[::1]:9093,[fe80::1]:9092");
    brokers("kafka://a:1?linger.ms=2", "a:1");
}

static void refused(const char *url, const char *text) {
    assert_int_equal(read_url(url), HUB_BAD_REQUEST);
    assert_null(settings.brokers);
    assert_string_equal(err.text, text);
}

static void urls_that_are_wrong_are_refused_with_what_was_expected(void **state) {
    (void)state;
    static const char *const broken[] = {"kafka://",        "kafka://:1",   "kafka://a:",    "kafka://a:0",
                                         "kafka://a:65536", "kafka://a:1x", "kafka://a b:1", "kafka://[::1",
                                         "kafka://[]:1",    "kafka://a/b"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        refused(broken[i], "bus.url: broker 1: expected kafka://host:port[,host:port…] with at most 64 brokers");
    refused("kafka://a:1,", "bus.url: broker 2: expected kafka://host:port[,host:port…] with at most 64 brokers");
    refused("kafka:a", "bus.url: expected kafka://host:port[,host:port…][?option=value&…]");
    refused("kafka://me:secret@a:1",
            "bus.url: name and password do not go before the host; set sasl.username and sasl.password in bus.options");
}

static void options_are_read_from_the_query_and_from_the_map_and_the_query_wins(void **state) {
    const struct hub_bus_option options[] = {{"sasl.username", "me"}, {"sasl.password", "from the file"}};
    const struct hub_bus_config config = {
        .url = "kafka://a:1?sasl.password=a%26b%3D%25+c&security.protocol=sasl_ssl", .options = options, .option_n = 2};
    (void)state;
    assert_int_equal(hub_kafka_settings_read(&config, &settings, &err), HUB_OK);
    assert_string_equal(hub_kafka_settings_get(&settings, "sasl.username"), "me");
    assert_string_equal(hub_kafka_settings_get(&settings, "sasl.password"), "a&b=%+c");
    assert_string_equal(hub_kafka_settings_get(&settings, "security.protocol"), "sasl_ssl");
    assert_null(hub_kafka_settings_get(&settings, "linger.ms"));
    assert_int_equal(settings.n, 3);
    hub_kafka_settings_free(&settings);
}

static void options_that_do_not_exist_are_named_and_their_values_are_not(void **state) {
    (void)state;
    refused("kafka://a:1?sasl.pasword=secret",
            "bus.url: there is no option \"sasl.pasword\"; did you mean \"sasl.password\"?");
    refused("kafka://a:1?plugin.library.paths=evil.so",
            "bus.url: there is no option \"plugin.library.paths\", or it is not open to be set (see docs/kafka.md)");
    refused("kafka://a:1?%00%1b[m=x",
            "bus.url: there is no option \"??[m\", or it is not open to be set (see docs/kafka.md)");
    refused("kafka://a:1?linger.ms", "bus.url: part 1 behind the \"?\": expected option=value, percent-encoded");
    refused("kafka://a:1?linger.ms=1&client.id=%zz",
            "bus.url: part 2 behind the \"?\": expected option=value, percent-encoded");
    refused("kafka://a:1?sasl.password=%00",
            "bus.url: sasl.password: expected a text of at most 16384 bytes without NUL");
    const struct hub_bus_option option = {"acks", "0"};
    assert_int_equal(
        hub_kafka_settings_read(&(struct hub_bus_config){.url = "kafka://a:1", .options = &option, .option_n = 1},
                                &settings, &err),
        HUB_BAD_REQUEST);
    assert_string_equal(err.text,
                        "bus.options: there is no option \"acks\", or it is not open to be set (see docs/kafka.md)");
}

static void every_option_is_in_the_documentation(void **state) {
    FILE *f = fopen(HUB_SOURCE_DIR "/docs/kafka.md", "r");
    static char page[65536];
    char name[64];
    (void)state;
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    for (const struct hub_kafka_property *p = hub_kafka_properties; p->name; p++) {
        snprintf(name, sizeof name, "`%s`", p->name);
        if (!strstr(page, name)) fail_msg("%s is not on the page", name);
    }
}

/* Values are librdkafka's to judge, when the bus is opened. */
static void values_that_are_wrong_are_refused_without_secrets(void **state) {
    struct hub_loop *loop = hub_loop_new(NULL);
    struct hub_bus *bus;
    (void)state;
    static const struct {
        const char *query, *text;
    } cases[] = {
        {"security.protocol=magic",
         "bus: security.protocol: Invalid value \"magic\" for configuration property \"security.protocol\""},
        {"session.timeout.ms=soon",
         "bus: session.timeout.ms: Invalid value for configuration property \"session.timeout.ms\""},
        {"security.protocol=sasl_plaintext&sasl.mechanism=PLAIN&sasl.username=me",
         "sasl.username and sasl.password must be set"},
        {"security.protocol=ssl&ssl.ca.location=/nowhere.pem", "ssl.ca.location failed"},
        {"security.protocol=ssl&ssl.key.pem=topsecret&ssl.certificate.pem=x", "ssl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hub_buf url = {0};
        hub_buf_addf(&url, "kafka://a:1?%s", cases[i].query);
        const struct hub_bus_config config = {.url = hub_buf_cstr(&url), .group = "g", .client_id = "c"};
        assert_int_equal(hub_kafka_bus_ops.open(loop, &config, &bus, &err), HUB_BAD_REQUEST);
        if (!strstr(err.text, cases[i].text) || strstr(err.text, "topsecret")) fail_msg("%s", err.text);
        hub_buf_free(&url);
    }
    hub_loop_delete(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_are_read_from_the_url),
        cmocka_unit_test(urls_that_are_wrong_are_refused_with_what_was_expected),
        cmocka_unit_test(options_are_read_from_the_query_and_from_the_map_and_the_query_wins),
        cmocka_unit_test(options_that_do_not_exist_are_named_and_their_values_are_not),
        cmocka_unit_test(every_option_is_in_the_documentation),
        cmocka_unit_test(values_that_are_wrong_are_refused_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
