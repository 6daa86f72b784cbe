/* Where to begin with partitions that were just assigned. */
#include <time.h>

#include "adapters/kafka/kafka_int.h"

enum { TIMEOUT_MS = 5000, RETRY_MS = 200 };

static HUB_MUST rd_kafka_topic_partition_t *list_entry(rd_kafka_topic_partition_list_t *list, const char *topic,
                                                       int32_t partition) {
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_find(list, topic, partition);
    return at ? at : rd_kafka_topic_partition_list_add(list, topic, partition);
}

/* What the group has committed, of these and of the first partition of each topic. False: not known. */
static bool find_committed(rd_kafka_t *rk, struct hub_kafka_start *starts, size_t n,
                           rd_kafka_topic_partition_list_t *list) {
    for (size_t i = 0; i < n; i++) {
        HUB_UNUSED(list_entry(list, starts[i].topic, 0), "the list is what is asked about");
        HUB_UNUSED(list_entry(list, starts[i].topic, starts[i].partition), "the same");
    }
    if (rd_kafka_committed(rk, list, TIMEOUT_MS)) return false;
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err) return false;
    for (size_t i = 0; i < n; i++) {
        int64_t offset = list_entry(list, starts[i].topic, starts[i].partition)->offset;
        starts[i].committed = starts[i].offset = offset >= 0 ? offset : -1;
        /* Of a topic that the group knows, an unknown partition was added since. */
        starts[i].all |= list_entry(list, starts[i].topic, 0)->offset >= 0;
    }
    return true;
}

/* The first record since then. The end is asked for before the time is: what comes in between is new. */
static bool find_since(rd_kafka_t *rk, struct hub_kafka_start *s) {
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(rk, s->topic, s->partition, &low, &high, TIMEOUT_MS)) return false;
    s->offset = low;
    if (s->all || low == high) return true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, s->topic, s->partition);
    at->offset = s->since;
    bool ok = !rd_kafka_offsets_for_times(rk, list, TIMEOUT_MS) && !at->err;
    s->offset = at->offset >= 0 && at->offset < high ? at->offset : high;
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static bool find_all_starts(rd_kafka_t *rk, struct hub_kafka_start *starts, size_t n, const atomic_bool *cancel) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    bool ok = find_committed(rk, starts, n, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (size_t i = 0; ok && i < n && !*cancel; i++)
        if (starts[i].committed < 0) ok = find_since(rk, &starts[i]);
    return ok && !*cancel;
}

bool hub_kafka_find_starts(rd_kafka_t *rk, struct hub_kafka_start *starts, size_t n, const atomic_bool *cancel) {
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    while (!*cancel) {
        if (find_all_starts(rk, starts, n, cancel)) return true;
        if (!*cancel) nanosleep(&pause, NULL);
    }
    return false;
}
