/* What the bus is configured with: brokers and properties, from bus.url and bus.options. */
#ifndef HUB_ADAPTERS_KAFKA_SETTINGS_H
#define HUB_ADAPTERS_KAFKA_SETTINGS_H
#include "fanout/bus.h"

enum hub_kafka_role { HUB_KAFKA_CONSUMER = 1, HUB_KAFKA_PRODUCER = 2, HUB_KAFKA_BOTH = 3 };

struct hub_kafka_property {
    const char *name;
    enum hub_kafka_role role;
    bool secret; /* never shown */
};
/* Those that may be set; ended by a row without name. */
extern const struct hub_kafka_property hub_kafka_properties[];

struct hub_kafka_setting {
    const struct hub_kafka_property *property;
    char *value;
};
struct hub_kafka_settings {
    char *brokers; /* host:port,host:port */
    struct hub_kafka_setting *items;
    size_t n;
};

/* Reads URL and options; the URL's query wins. HUB_BAD_REQUEST with a text that says which part is wrong,
 * and shows no value of it. */
enum hub_code hub_kafka_settings_read(const struct hub_bus_config *config, struct hub_kafka_settings *out,
                                      struct hub_err *err);
void hub_kafka_settings_free(struct hub_kafka_settings *s);
const char *hub_kafka_settings_get(const struct hub_kafka_settings *s, const char *name); /* NULL when not given */
#endif
