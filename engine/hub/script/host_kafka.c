/* What scripts can publish: the table kafka (contract: scripting.md). */
#include "hub/script/script_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/outbox.h"

static void on_published(void *p, enum hub_code code, const char *error) {
    struct hub_host_call *c = p;
    if (code)
        hub_host_fail(c, code, error);
    else
        hub_host_done(c, json_true());
}

void hub_host_kafka_publish(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    struct hub_buf value = {0};
    if (!hub_str_is_topic(hub_host_text(c, 0))) {
        hub_host_fail(c, HUB_BAD_REQUEST, "kafka.publish(topic, value, key): expected as topic " HUB_TOPIC_EXPECTED);
        return;
    }
    const struct hub_bus_header trace = {HUB_STR("traceparent"), hub_cstr(c->traceparent ? c->traceparent : "")};
    struct hub_bus_message m = {.topic = hub_host_text(c, 0),
                                .key = hub_host_text(c, 2),
                                .headers = &trace,
                                .header_n = c->traceparent != NULL};
    hub_json_add(&value, hub_host_arg(c, 1));
    m.value = hub_buf_str(&value);
    if (e->outbox)
        hub_outbox_publish(e->outbox, m.topic, m.key, m.value, c->traceparent, on_published, c);
    else
        e->config.bus->ops->publish(e->config.bus, &m, on_published, c);
    hub_buf_free(&value);
}
