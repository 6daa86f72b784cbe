/* bus.url of a Kafka bus: whatever is accepted has brokers that librdkafka's list takes apart again, and
 * known options. */
#include <ctype.h>
#include <stdlib.h>

#include "adapters/kafka/settings.h"

static void check(const struct hub_kafka_settings *s) {
    if (!s->brokers || !*s->brokers || s->brokers[strlen(s->brokers) - 1] == ',') abort();
    for (const char *p = s->brokers; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("[]:,.-_", *p)) abort();
    for (size_t i = 0; i < s->n; i++)
        if (hub_kafka_settings_get(s, s->items[i].property->name) != s->items[i].value) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct hub_kafka_settings s;
    struct hub_err err;
    char *url = malloc(n + 1);
    memcpy(url, data, n);
    url[n] = 0;
    const struct hub_bus_option option = {url, url};
    if (!hub_kafka_settings_read(&(struct hub_bus_config){.url = url}, &s, &err)) {
        check(&s);
        hub_kafka_settings_free(&s);
    } else if (!err.text[0]) {
        abort();
    }
    if (!hub_kafka_settings_read(&(struct hub_bus_config){.url = "kafka://a", .options = &option, .option_n = 1}, &s,
                                 &err))
        hub_kafka_settings_free(&s);
    free(url);
    return 0;
}
