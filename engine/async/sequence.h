/* A sequence: the number of the last change that was announced, and the order in which the next ones are.
 * Knows nothing of what is numbered: rooms own one.
 *
 * Places are given in the order of hub_sequence_announce; an announcement leaves when it is ready and so is
 * everything before it. Everything on the loop thread. */
#ifndef HUB_ASYNC_SEQUENCE_H
#define HUB_ASYNC_SEQUENCE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/collection/list.h"
#include "base/id/uuid.h"

struct hub_sequence;
/* What the owner does for work under way on it: it stays until as many references are given up. */
struct hub_sequence_owner {
    void (*ref)(struct hub_sequence *s);
    void (*unref)(struct hub_sequence *s);
};

/* Inside its owner's struct. Zero and hub_sequence_init; holds no memory of its own. */
struct hub_sequence {
    const struct hub_sequence_owner *owner;
    int64_t number; /* of the last announced change; the owner loads it with the epoch */
    char epoch[HUB_UUID_LEN + 1];
    struct hub_list announcements;
};

/* What is about to be announced. Inside its owner's struct, which ANNOUNCE may free. */
struct hub_announcement {
    struct hub_list link;
    bool ready, undecided;
    void (*announce)(struct hub_announcement *a);
};

void hub_sequence_init(struct hub_sequence *s, const struct hub_sequence_owner *owner);
void hub_sequence_announce(struct hub_sequence *s, struct hub_announcement *a); /* decides its place */
/* Announces it and everything ready before and behind it, in order. The owner must be held by the caller. */
void hub_sequence_ready(struct hub_sequence *s, struct hub_announcement *a);
/* Nobody knows when it will be ready, nor whether it will be: those behind it no longer wait for it. Its
 * place it keeps: what it would have to come before does not become ready while it is undecided (numbers:
 * store.h, hub_write.undecided). The owner must be held by the caller. */
void hub_sequence_undecided(struct hub_sequence *s, struct hub_announcement *a);
#endif
