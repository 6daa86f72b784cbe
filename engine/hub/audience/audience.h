/* Whom a message is for: live, in history, as a target of replies and reactions, and for whatever happens
 * to it later (contract: semantics.md, "keeps its audience"). To everybody else it does not exist; they
 * are told its numbers (hub:skipped).
 *
 * It is stored as JSON in the message's row (HUB_MSG_AUDIENCE; NULL = everybody):
 *   ["ann", "bob"]      these users, and always its sender
 *   {"except": "ann"}   everybody but this user, whenever they join
 * A message that waits for a moderator carries its handler's verdict in the same column: one of these, or
 *   "others"            shown to everybody but its sender when it is approved, for everybody from then on
 *   false               shown to nobody when it is approved, for everybody from then on
 *   {"to": one of all these, "persist": false}   kept only until it is decided on
 *   {"to": ["bob"], "persist": true, "broadcast": false}   shown to nobody when it is approved, for bob
 *     (and its sender) from then on
 * With its approval "broadcast" has had its effect, and the row keeps the rest. The condition for stores
 * is HUB_MEANT_FOR (persist/store.h): the same rule. */
#ifndef HUB_AUDIENCE_AUDIENCE_H
#define HUB_AUDIENCE_AUDIENCE_H
#include "hub/core/core.h"

/* TARGET's texts and ids are borrowed from the row and from JSON; hub_audience_free ends them. */
struct hub_audience {
    struct hub_target target;
    bool silent;    /* announced to nobody, although it has a number */
    bool transient; /* a verdict with persist: false */
    bool wrapped;   /* a verdict of which the row keeps TO only */
    const json_t *to;
    json_t *json;
};
/* CELLS: a row of the message table. For what is told of the message now, or, with VERDICT, when it is
 * approved. */
void hub_audience_of(const struct hub_cell *cells, bool verdict, struct hub_audience *out);
void hub_audience_free(struct hub_audience *a);
/* Whether it is for USER; with an empty USER: for everybody. */
bool hub_audience_has(const struct hub_cell *cells, struct hub_str user);

static inline struct hub_cond hub_audience_cond(struct hub_str user) {
    return (struct hub_cond){.column = HUB_MSG_AUDIENCE,
                             .cmp = HUB_MEANT_FOR,
                             .value = {.kind = HUB_CELL_TEXT, .s = user},
                             .owner = HUB_MSG_SENDER_ID};
}

/* "to"/"broadcastTo" as written in a result: false when it is malformed. *IDS is borrowed. */
bool hub_target_parse(const json_t *v, enum hub_to *to, const json_t **ids);
#endif
