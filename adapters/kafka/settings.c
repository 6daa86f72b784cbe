/* bus.url and bus.options: brokers and librdkafka's properties. */
#include "adapters/kafka/settings.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"

enum { MAX_BROKERS = 64, MAX_SETTINGS = 64, MAX_VALUE = 16384, DEFAULT_PORT = 9092 };

#define BOTH HUB_KAFKA_BOTH
#define CONSUMER HUB_KAFKA_CONSUMER
#define PRODUCER HUB_KAFKA_PRODUCER

/* Left out: what the adapter relies on being as it set it (acks, enable.idempotence, enable.auto.commit,
 * partition.assignment.strategy …), and what would let a setting load code or run a command
 * (plugin.library.paths, ssl.engine.location, sasl.kerberos.kinit.cmd …). */
const struct hub_kafka_property hub_kafka_properties[] = {
    {"security.protocol", BOTH, false},
    {"sasl.mechanism", BOTH, false},
    {"sasl.mechanisms", BOTH, false},
    {"sasl.username", BOTH, false},
    {"sasl.password", BOTH, true},
    {"ssl.ca.location", BOTH, false},
    {"ssl.ca.pem", BOTH, false},
    {"ssl.certificate.location", BOTH, false},
    {"ssl.certificate.pem", BOTH, false},
    {"ssl.key.location", BOTH, false},
    {"ssl.key.pem", BOTH, true},
    {"ssl.key.password", BOTH, true},
    {"ssl.keystore.location", BOTH, false},
    {"ssl.keystore.password", BOTH, true},
    {"ssl.crl.location", BOTH, false},
    {"ssl.cipher.suites", BOTH, false},
    {"ssl.curves.list", BOTH, false},
    {"ssl.sigalgs.list", BOTH, false},
    {"ssl.endpoint.identification.algorithm", BOTH, false},
    {"enable.ssl.certificate.verification", BOTH, false},
    {"client.id", BOTH, false},
    {"client.rack", BOTH, false},
    {"broker.address.family", BOTH, false},
    {"broker.address.ttl", BOTH, false},
    {"connections.max.idle.ms", BOTH, false},
    {"socket.timeout.ms", BOTH, false},
    {"socket.connection.setup.timeout.ms", BOTH, false},
    {"socket.send.buffer.bytes", BOTH, false},
    {"socket.receive.buffer.bytes", BOTH, false},
    {"reconnect.backoff.ms", BOTH, false},
    {"reconnect.backoff.max.ms", BOTH, false},
    {"message.max.bytes", BOTH, false},
    {"receive.message.max.bytes", BOTH, false},
    {"topic.metadata.refresh.interval.ms", BOTH, false},
    {"metadata.max.age.ms", BOTH, false},
    {"group.id", CONSUMER, false},
    {"group.instance.id", CONSUMER, false},
    {"session.timeout.ms", CONSUMER, false},
    {"heartbeat.interval.ms", CONSUMER, false},
    {"max.poll.interval.ms", CONSUMER, false},
    {"auto.offset.reset", CONSUMER, false},
    {"allow.auto.create.topics", CONSUMER, false},
    {"isolation.level", CONSUMER, false},
    {"check.crcs", CONSUMER, false},
    {"fetch.wait.max.ms", CONSUMER, false},
    {"fetch.min.bytes", CONSUMER, false},
    {"fetch.max.bytes", CONSUMER, false},
    {"max.partition.fetch.bytes", CONSUMER, false},
    {"queued.min.messages", CONSUMER, false},
    {"queued.max.messages.kbytes", CONSUMER, false},
    {"linger.ms", PRODUCER, false},
    {"batch.size", PRODUCER, false},
    {"batch.num.messages", PRODUCER, false},
    {"compression.type", PRODUCER, false},
    {"compression.codec", PRODUCER, false},
    {"compression.level", PRODUCER, false},
    {"queue.buffering.max.messages", PRODUCER, false},
    {"queue.buffering.max.kbytes", PRODUCER, false},
    {"request.timeout.ms", PRODUCER, false},
    {"delivery.timeout.ms", PRODUCER, false},
    {"retry.backoff.ms", PRODUCER, false},
    {"partitioner", PRODUCER, false},
    {0},
};

/* ---- properties ---- */

static const struct hub_kafka_property *find_property(struct hub_str name) {
    for (const struct hub_kafka_property *p = hub_kafka_properties; p->name; p++)
        if (hub_str_is(name, p->name)) return p;
    return NULL;
}

static struct hub_nearest nearest_property(struct hub_str name) {
    struct hub_nearest near = {.word = name};
    for (const struct hub_kafka_property *p = hub_kafka_properties; p->name; p++) hub_nearest_try(&near, p->name);
    return near;
}

/* NAME comes from a file or a URL: only what is printable is repeated. */
static enum hub_code unknown_property(const char *where, struct hub_str name, struct hub_err *err) {
    char text[81];
    size_t n = 0;
    for (; n < name.n && n < sizeof text - 1; n++) text[n] = isgraph((unsigned char)name.p[n]) ? name.p[n] : '?';
    text[n] = 0;
    struct hub_nearest near = nearest_property(name);
    char hint[HUB_NEAREST_HINT];
    return near.best ? hub_fail(err, HUB_BAD_REQUEST, "%s: there is no option \"%s\"%s", where, text,
                                hub_nearest_hint(&near, hint))
                     : hub_fail(err, HUB_BAD_REQUEST,
                                "%s: there is no option \"%s\", or it is not open to be set (see docs/kafka.md)", where,
                                text);
}

/* The later of two of one name counts. */
static enum hub_code add_property(struct hub_kafka_settings *s, const char *where, struct hub_str name,
                                  struct hub_str value, struct hub_err *err) {
    const struct hub_kafka_property *p = find_property(name);
    if (!p) return unknown_property(where, name, err);
    if (value.n > MAX_VALUE || (value.n && memchr(value.p, 0, value.n)))
        return hub_fail(err, HUB_BAD_REQUEST, "%s: %s: expected a text of at most %d bytes without NUL", where, p->name,
                        MAX_VALUE);
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].property != p) continue;
        free(s->items[i].value);
        s->items[i].value = hub_str_dup(value);
        return HUB_OK;
    }
    if (s->n == MAX_SETTINGS) return hub_fail(err, HUB_BAD_REQUEST, "%s: at most %d options", where, MAX_SETTINGS);
    s->items = hub_xrealloc(s->items, (s->n + 1) * sizeof *s->items);
    s->items[s->n++] = (struct hub_kafka_setting){p, hub_str_dup(value)};
    return HUB_OK;
}

/* ---- the URL ---- */

static bool is_host(struct hub_str host) {
    bool v6 = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (v6) host = hub_str(host.p + 1, host.n - 2);
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.p[i];
        if (v6 ? !isxdigit(c) && c != ':' && c != '.' : !isalnum(c) && c != '.' && c != '-' && c != '_') return false;
    }
    return host.n && host.n <= 255;
}

/* host, host:port, [v6], [v6]:port */
static bool add_broker(struct hub_buf *out, struct hub_str broker) {
    size_t end = broker.n && broker.p[0] == '[' ? hub_str_find(broker, ']') + 1 : hub_str_find(broker, ':');
    uint64_t port = DEFAULT_PORT;
    if (end > broker.n) return false;
    struct hub_str host = hub_str(broker.p, end), rest = hub_str(broker.p + end, broker.n - end);
    if (rest.n && (rest.p[0] != ':' || rest.n > 6 || !hub_str_u64(hub_str(rest.p + 1, rest.n - 1), &port) || !port ||
                   port > 65535))
        return false;
    if (!is_host(host)) return false;
    if (out->n) hub_buf_addc(out, ',');
    hub_buf_adds(out, host);
    hub_buf_addf(out, ":%u", (unsigned)port);
    return true;
}

static enum hub_code read_brokers(struct hub_kafka_settings *s, struct hub_str list, struct hub_err *err) {
    struct hub_buf out = {0};
    struct hub_str broker;
    size_t n = 0;
    enum hub_code code = HUB_OK;
    if (memchr(list.p, '@', list.n))
        return hub_fail(
            err, HUB_BAD_REQUEST,
            "bus.url: name and password do not go before the host; set sasl.username and sasl.password in bus.options");
    while (!code && hub_str_split(&list, ',', &broker)) {
        n++;
        if (n > MAX_BROKERS || !add_broker(&out, broker))
            code = hub_fail(err, HUB_BAD_REQUEST,
                            "bus.url: broker %zu: expected kafka://host:port[,host:port…] with at most %d brokers", n,
                            MAX_BROKERS);
    }
    if (!code)
        s->brokers = hub_buf_take(&out, NULL);
    else
        hub_buf_free(&out);
    return code;
}

static enum hub_code read_query(struct hub_kafka_settings *s, struct hub_str query, struct hub_err *err) {
    struct hub_str pair;
    enum hub_code code = HUB_OK;
    for (size_t n = 1; !code && hub_str_split(&query, '&', &pair); n++) {
        struct hub_buf name = {0}, value = {0};
        size_t eq = hub_str_find(pair, '=');
        if (eq == pair.n || !hub_buf_add_unescaped(&name, hub_str(pair.p, eq)) ||
            !hub_buf_add_unescaped(&value, hub_str(pair.p + eq + 1, pair.n - eq - 1)))
            code = hub_fail(err, HUB_BAD_REQUEST,
                            "bus.url: part %zu behind the \"?\": expected option=value, percent-encoded", n);
        else
            code = add_property(s, "bus.url", hub_buf_str(&name), hub_buf_str(&value), err);
        hub_buf_free(&name);
        hub_buf_free(&value);
    }
    return code;
}

static enum hub_code read_url(struct hub_kafka_settings *s, struct hub_str url, struct hub_err *err) {
    struct hub_str scheme = HUB_STR("kafka://");
    if (!hub_str_starts(url, scheme))
        return hub_fail(err, HUB_BAD_REQUEST, "bus.url: expected kafka://host:port[,host:port…][?option=value&…]");
    url = hub_str(url.p + scheme.n, url.n - scheme.n);
    size_t mark = hub_str_find(url, '?');
    struct hub_str list = hub_str(url.p, mark);
    if (list.n && list.p[list.n - 1] == '/') list.n--;
    enum hub_code code = read_brokers(s, list, err);
    if (!code && mark < url.n) code = read_query(s, hub_str(url.p + mark + 1, url.n - mark - 1), err);
    return code;
}

/* ---- all of it ---- */

enum hub_code hub_kafka_settings_read(const struct hub_bus_config *config, struct hub_kafka_settings *out,
                                      struct hub_err *err) {
    enum hub_code code = HUB_OK;
    *out = (struct hub_kafka_settings){0};
    for (size_t i = 0; !code && i < config->option_n; i++)
        code = add_property(out, "bus.options", hub_cstr(config->options[i].name), hub_cstr(config->options[i].value),
                            err);
    if (!code) code = read_url(out, hub_cstr(config->url), err);
    if (code) hub_kafka_settings_free(out);
    return code;
}

void hub_kafka_settings_free(struct hub_kafka_settings *s) {
    for (size_t i = 0; i < s->n; i++) free(s->items[i].value);
    free(s->items);
    free(s->brokers);
    *s = (struct hub_kafka_settings){0};
}

const char *hub_kafka_settings_get(const struct hub_kafka_settings *s, const char *name) {
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->items[i].property->name, name)) return s->items[i].value;
    return NULL;
}
