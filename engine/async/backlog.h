/* Payloads that are whole and wait: for their turn, a store, a script. Counted in the memory that they take,
 * for all senders of an engine together, so that they fill none of it by being many: what comes when there
 * is no room is refused. (What has arrived in part is transport/limits/held.h.)
 *
 * Large payloads and small ones are counted each by themselves, so that many large ones keep out no small
 * one; and a sender of whom next to nothing waits may always send something small. An entry lies inside its
 * owner's struct. Everything on the loop thread. */
#ifndef HUB_ASYNC_BACKLOG_H
#define HUB_ASYNC_BACKLOG_H
#include <stdbool.h>
#include <stddef.h>

#include "base/error/code.h"

#define HUB_BACKLOG_SMALL ((size_t)64 << 10) /* bytes of memory; larger payloads are large */

/* Zero, and MOST set. */
struct hub_backlog {
    size_t most;     /* listen.maxWaitingBytes: of either size; may change */
    size_t bytes[2]; /* of small payloads, of large ones */
};

/* What one payload takes. Zero: nothing. */
struct hub_backlog_entry {
    struct hub_backlog *all; /* NULL while it takes nothing */
    size_t bytes;
    size_t *mine; /* NULL, or of what its sender has waiting altogether; kept up to date here */
};

/* The payload takes BYTES from now on, whatever it took before. False when there is no room: then it takes
 * nothing. MINE must outlive the entry (or hub_backlog_move). */
bool hub_backlog_set(struct hub_backlog *all, struct hub_backlog_entry *e, size_t bytes, size_t *mine);
void hub_backlog_release(struct hub_backlog_entry *e); /* of one that takes something; or: */
/* It takes nothing any more. */
static inline void hub_backlog_drop(struct hub_backlog_entry *e) {
    if (e->all) hub_backlog_release(e);
}
/* TO, which takes nothing yet, stands for FROM's payload from now on, but not with its sender, who may be
 * gone before. */
void hub_backlog_move(struct hub_backlog_entry *from, struct hub_backlog_entry *to);
/* HUB_OVERLOADED, in words that name the limit. */
enum hub_code hub_backlog_refuse(const struct hub_backlog *all, struct hub_err *err);
/* Brings the gauge hubd_waiting_bytes up to date; before metrics are printed. */
void hub_backlog_show(const struct hub_backlog *all);
#endif
