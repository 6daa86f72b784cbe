/* The bus on Apache Kafka, by librdkafka (docs/decisions):
 * kafka://host:port[,host:port…][?property=value&…].
 *
 * Publishing is idempotent and acknowledged by all replicas, records of one key go to one partition.
 * Consuming commits what was released, per partition, in order. A group that never committed for a topic
 * begins with what came after it subscribed; everything after that is delivered, also from topics and
 * partitions that appear later. Of librdkafka's properties those that hubd leaves open are taken from the
 * URL and from bus.options (hub_kafka_properties). */
#ifndef HUB_ADAPTERS_KAFKA_H
#define HUB_ADAPTERS_KAFKA_H
#include "fanout/bus.h"

extern const struct hub_bus_ops hub_kafka_bus_ops;
#endif
