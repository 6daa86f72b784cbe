/* The table every event-bus adapter fills: topics of JSON records, at least once, in order per topic and key.
 * Called on the loop thread; records arrive on the loop thread. */
#ifndef HUB_FANOUT_BUS_H
#define HUB_FANOUT_BUS_H
#include "base/code.h"
#include "base/json.h"
#include "loop/loop.h"

struct hub_bus;
/* VALUE is the record's JSON text, borrowed. */
typedef void hub_bus_cb(void *arg, struct hub_str topic, struct hub_str key, struct hub_str value);
typedef void hub_bus_done(void *arg, enum hub_code code, const char *error);

struct hub_bus_ops {
    const char *scheme; /* "memory" */
    const char *help;
    enum hub_code (*open)(struct hub_loop *loop, const char *url, const char *group, struct hub_bus **out, struct hub_err *err);
    /* Before the first turn, or later: records published after this call reach CB. */
    void (*subscribe)(struct hub_bus *b, const char *topic, hub_bus_cb *cb, void *arg);
    void (*publish)(struct hub_bus *b, struct hub_str topic, struct hub_str key, struct hub_str value, hub_bus_done *done, void *arg);
    bool (*ready)(const struct hub_bus *b, struct hub_buf *why_not);
    void (*close)(struct hub_bus *b);
};
struct hub_bus {
    const struct hub_bus_ops *ops;
};
#endif
