/* The table every event-bus adapter fills: topics of records, at least once, in order per topic and key.
 * Called on the loop thread; records and answers arrive on the loop thread. */
#ifndef HUB_FANOUT_BUS_H
#define HUB_FANOUT_BUS_H
#include "base/error/code.h"
#include "base/text/buf.h"
#include "loop/loop.h"

struct hub_bus;

/* One setting of service.yaml's bus.options. */
struct hub_bus_option {
    const char *name, *value;
};
struct hub_bus_config {
    const char *url;
    const struct hub_bus_option *options;
    size_t option_n;
    const char *group; /* processes of one group share the records; what it has handled is remembered under this name */
    const char *client_id; /* what the bus knows this process by */
};

struct hub_bus_header {
    struct hub_str name, value; /* value.p NULL: a header without value */
};
/* A record to be published. */
struct hub_bus_message {
    struct hub_str topic, key, value; /* an empty KEY is none */
    const struct hub_bus_header *headers;
    size_t header_n;
};

/* A record on its way to its subscribers. It and its texts live until the last of them has released it. */
struct hub_bus_record {
    struct hub_bus *bus;
    struct hub_str topic, key,
        value; /* bytes as they came: VALUE need not be JSON, value.p NULL = a record without value (a tombstone) */
    const struct hub_bus_header *headers; /* in the order of the record; a name may come twice */
    size_t header_n;
    int32_t
        partition; /* records of one topic and partition arrive in their order; those of one key share a partition */
    uint32_t refs; /* the adapter's */
};
/* Each subscriber calls hub_bus_record_release once per record, from within the callback or later: when
 * everything the record led to has happened. Only then, and when all earlier records of its partition are
 * released too, it counts as handled. While too many are held, no more come. */
typedef void hub_bus_cb(void *arg, struct hub_bus_record *record);
/* ERROR is NULL with HUB_OK; borrowed. */
typedef void hub_bus_done(void *arg, enum hub_code code, const char *error);

struct hub_bus_ops {
    const char *scheme; /* "memory" */
    const char *help;
    bool local; /* lives in this process */
    /* HUB_BAD_REQUEST: open would not take CONFIG. Connects to nothing. */
    enum hub_code (*check)(const struct hub_bus_config *config, struct hub_err *err);
    /* Checks URL and options and begins connecting; never blocks, and is HUB_OK while the brokers are
     * away. HUB_BAD_REQUEST, with a text that shows no password, when a setting is wrong. CONFIG is
     * borrowed for the call. */
    enum hub_code (*open)(struct hub_loop *loop, const struct hub_bus_config *config, struct hub_bus **out,
                          struct hub_err *err);
    /* Records published after this call reach CB; where the group has handled records of the topic before,
     * those since. A topic need not exist yet. */
    void (*subscribe)(struct hub_bus *b, const char *topic, hub_bus_cb *cb, void *arg);
    /* Everything is copied. DONE (NULL = nobody asks) comes once, on a later turn: HUB_OK when the bus has
     * the record. HUB_BAD_REQUEST (no such topic can be) and HUB_TOO_LARGE are final, anything else may go
     * better later: HUB_OVERLOADED (too many wait, or the brokers did not take it in time),
     * HUB_NOT_ALLOWED, HUB_SHUTTING_DOWN, HUB_INTERNAL. */
    void (*publish)(struct hub_bus *b, const struct hub_bus_message *m, hub_bus_done *done, void *arg);
    /* Whether records flow both ways; what does not is appended to WHY_NOT in words, unless that is NULL. */
    bool (*ready)(const struct hub_bus *b, struct hub_buf *why_not);
    /* No further records are delivered, for good: the process is about to stop. Publishing goes on, those
     * delivered may still be released. */
    void (*pause)(struct hub_bus *b);
    /* Waits a bounded time for what was published, leaves the group, then calls DONE (possibly before
     * close returns) and frees. From now on publish answers HUB_SHUTTING_DOWN, and what is released no
     * longer counts as handled; it must be released all the same, before or after DONE. */
    void (*close)(struct hub_bus *b, void (*done)(void *arg), void *arg);
    void (*free_record)(struct hub_bus_record *r); /* hub_bus_record_release's */
};
struct hub_bus {
    const struct hub_bus_ops *ops; /* first member of every adapter's struct */
};
static inline void hub_bus_record_release(struct hub_bus_record *r) {
    if (--r->refs == 0) r->bus->ops->free_record(r);
}
#endif
