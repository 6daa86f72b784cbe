/* A service's nodes, and what they ask and tell each other (contract: cluster.md "Nodes"). Knows nothing
 * of hubs or scripts; the engine serves what is asked of it.
 *
 * A question goes to one node and is answered once, or fails in time; a word goes to all and is not
 * answered. A node may ask itself: that takes the same way but for the link. Bounds: the HUB_MESH_…_MAX.
 * Everything on the loop thread; callbacks never come from inside a call made
 * downwards, but those of hub_mesh_leave and hub_mesh_delete. */
#ifndef HUB_MESH_MESH_H
#define HUB_MESH_MESH_H
#include "async/hold.h"
#include "mesh/link.h"

#define HUB_MESH_BYTES_MAX (1u << 20)        /* of the data of a question, an answer or a word, as JSON */
#define HUB_MESH_ASKED_MAX 10000             /* questions that one node is asked at a time; others are overloaded */
#define HUB_MESH_ASKED_BYTES_MAX (64u << 20) /* of their data, as JSON; likewise */
#define HUB_MESH_OWN_BYTES_MAX (16u << 20)   /* of what a node has sent to itself in a turn; what is more is refused */

struct hub_mesh;

/* A question that another node, or this one, has put. Whoever serves it keeps it until hub_mesh_answer. */
struct hub_mesh_request {
    struct hub_mesh *mesh;
    struct hub_hold hold;
    uint64_t id;
    char from[HUB_NODE_ID_LEN + 1];
    char *name;
    json_t *data;       /* a reference; never NULL */
    int64_t timeout_ms; /* that whoever asks waits for */
    size_t bytes;       /* of DATA, as it came */
};

/* What the engine does about the others. NODE is borrowed for the call. */
struct hub_mesh_events {
    void (*joined)(void *ctx, const struct hub_live_node *node); /* not this one */
    void (*left)(void *ctx, const struct hub_live_node *node);   /* it is not in the list any more */
    void (*asked)(void *ctx, struct hub_mesh_request *r);        /* ends in hub_mesh_answer, now or later */
    void (*told)(void *ctx, struct hub_str from, struct hub_str name, json_t *data); /* DATA is borrowed */
    void (*passed)(void *ctx, struct hub_str from, struct hub_str bytes);            /* by hub_mesh_pass */
};

/* NODES is the list that it keeps up to date; it and HOLDS outlive the mesh. Until hub_mesh_join this node
 * is alone. */
HUB_MUST struct hub_mesh *hub_mesh_new(struct hub_loop *loop, struct hub_nodes *nodes, struct hub_holds *holds,
                                       const struct hub_mesh_events *events, void *ctx);
/* From now on it is one of the nodes that CONFIG's link joins; its loop, events, ctx and the id in about
 * are set here. At most once. */
enum hub_code hub_mesh_join(struct hub_mesh *m, const struct hub_mesh_link_ops *link,
                            struct hub_mesh_link_config *config, struct hub_err *err);
/* It is gone for the others, and asks and tells nobody but itself any more; questions to others fail with
 * HUB_NODE_NOT_FOUND. Harmless again. */
void hub_mesh_leave(struct hub_mesh *m);
/* Leaves; questions to itself fail. All that it was asked must be answered. */
void hub_mesh_delete(struct hub_mesh *m);

/* ---- questions ---- */

struct hub_mesh_question;
/* HUB_OK with RESULT (borrowed; NULL: nothing), else TEXT says why not: HUB_REQUEST_TIMEOUT, whatever
 * comes later is dropped; HUB_NODE_NOT_FOUND, the node went away, and nobody knows what it has done; or
 * the code of whoever has answered. */
typedef void hub_mesh_answered(struct hub_mesh_question *q, enum hub_code code, json_t *result, const char *text);
/* One that waits for its answer, inside a struct of its owner. Zero: it does not. */
struct hub_mesh_question {
    struct hub_list link;
    struct hub_hold hold;
    struct hub_timer timer;
    struct hub_mesh *mesh;
    uint64_t id;
    char to[HUB_NODE_ID_LEN + 1];
    hub_mesh_answered *done;
};
/* HUB_OK: DONE comes exactly once, after this call and about TIMEOUT_MS from now at the latest; it may
 * free Q. HUB_NODE_NOT_FOUND, HUB_OVERLOADED, HUB_TOO_LARGE: it does not come. NAME and DATA (NULL: null)
 * are borrowed. */
enum hub_code hub_mesh_ask(struct hub_mesh *m, struct hub_mesh_question *q, struct hub_str to, struct hub_str name,
                           const json_t *data, int64_t timeout_ms, hub_mesh_answered *done, struct hub_err *err);
/* Answers R and frees it: with RESULT (borrowed; NULL: nothing), or with CODE and why. */
void hub_mesh_answer(struct hub_mesh_request *r, enum hub_code code, const json_t *result, const char *text);

/* ---- bytes ---- */

/* BYTES (borrowed), whose meaning is the engine's, to another node, in one order with all that goes there.
 * HUB_NODE_NOT_FOUND, HUB_OVERLOADED: nothing was sent. */
enum hub_code hub_mesh_pass(struct hub_mesh *m, struct hub_str to, struct hub_str bytes);

/* ---- words ---- */

/* To every node, this one too unless SKIP_SELF. HUB_OVERLOADED: some node has too much waiting and does
 * not get it. HUB_TOO_LARGE. */
enum hub_code hub_mesh_tell(struct hub_mesh *m, struct hub_str name, const json_t *data, bool skip_self,
                            struct hub_err *err);
#endif
