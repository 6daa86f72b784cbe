/* Fills a topic: COUNT records {"kind","roomId","n"} for the rooms r0 to r(ROOMS-1), as fast as the broker
 * takes them. Usage: produce HOST:PORT TOPIC COUNT ROOMS */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *why) {
    fprintf(stderr, "produce: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(name, why);
}

static unsigned long failed;
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void)producer, (void)opaque;
    if (message->err && failed++ == 0) fprintf(stderr, "produce: %s\n", rd_kafka_err2str(message->err));
}

int main(int argc, char **argv) {
    char why[256], value[160];
    if (argc != 5) fail("usage", "produce HOST:PORT TOPIC COUNT ROOMS");
    unsigned long count = strtoul(argv[3], NULL, 10), rooms = strtoul(argv[4], NULL, 10);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "linger.ms", "20");
    set(conf, "queue.buffering.max.messages", "1000000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer) fail(argv[1], why);
    for (unsigned long i = 0; i < count;) {
        int n =
            snprintf(value, sizeof value,
                     "{\"kind\":\"wanted\",\"roomId\":\"r%lu\",\"n\":%lu,\"text\":\"a value that somebody waits for\"}",
                     rooms ? i % rooms : 0, i);
        rd_kafka_resp_err_t err =
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_VALUE(value, (size_t)n),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, 10);
        else if (err)
            fail(argv[2], rd_kafka_err2str(err));
        else
            i++;
        if (i % 1000 == 0) rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 30000);
    rd_kafka_destroy(producer);
    return failed ? 1 : 0;
}
