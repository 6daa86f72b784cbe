/* Work under way, by name. A reload keeps the old definitions and a stop keeps store and scripts while
 * something holds; both say in the log what it is, and /metrics counts it (hubd_holds).
 *
 * A hold lies inside its owner's struct, so that taking one allocates nothing. Everything on the loop
 * thread. */
#ifndef HUB_ASYNC_HOLD_H
#define HUB_ASYNC_HOLD_H
#include <stdint.h>

#include "base/collection/list.h"
#include "base/telemetry/metric.h"
#include "base/text/buf.h"
#include "loop/loop.h"

#define HUB_HOLD_KINDS 128 /* names that one engine uses; a bug when there are more */

/* How many holds there are of one name. */
struct hub_hold_kind {
    const char *what;
    size_t n, shown;          /* now; in the gauge */
    struct hub_metric *gauge; /* NULL: not shown yet */
};

/* All holds of one engine. Zero and hub_holds_init. */
struct hub_holds {
    struct hub_list all; /* hub_hold.link, the oldest first */
    size_t n;
    const struct hub_loop *loop;
    struct hub_hold_kind kinds[HUB_HOLD_KINDS]; /* counted on demand: taking a hold does not look for its name */
    size_t kind_n;
};

/* One step that is under way. Zero: it is not. It must not move in memory between hub_hold and
 * hub_unhold. */
struct hub_hold {
    struct hub_list link;
    struct hub_holds *holds; /* NULL: not held */
    const char *what;
    int64_t since; /* loop time */
};

void hub_holds_init(struct hub_holds *all, const struct hub_loop *loop);
/* WHAT lasts as long as the process, is in the singular and has a plural in s: "join decision". It is a bug
 * to hold H twice. */
void hub_hold(struct hub_holds *all, struct hub_hold *h, const char *what);
/* It is a bug to release H when it is not held. */
void hub_unhold(struct hub_hold *h);
static inline bool hub_held(const struct hub_hold *h) { return h->holds; }

/* Appends what is under way since TIME (loop time) or longer with the numbers:
 * "2 join decisions, 1 scheduled action". Nothing when there is none. INT64_MAX: all. */
void hub_holds_describe(struct hub_holds *all, int64_t time, struct hub_buf *out);
/* Brings the gauge hubd_holds{what="…"} up to date, in which the holds of all engines of the process are
 * added up. Before metrics are printed. */
void hub_holds_show(struct hub_holds *all);
/* The owner goes: what it had in the gauge is taken out. */
void hub_holds_deinit(struct hub_holds *all);
#endif
