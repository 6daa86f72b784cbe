/* Shared by the files of engine/mesh. */
#ifndef HUB_MESH_MESH_INT_H
#define HUB_MESH_MESH_INT_H
#include "mesh/mesh.h"

/* ---- packets (packet.c) ---- */

enum hub_mesh_kind {
    HUB_MESH_ASK = 1, /* NAME with BODY, data as JSON; MS: how long whoever asks waits */
    HUB_MESH_ANSWER,  /* NAME is a code's name; BODY the result as JSON, empty: none, or with an error its text */
    HUB_MESH_TELL,    /* as ASK; ID and MS are 0 */
    HUB_MESH_PASS     /* BODY: whatever; no more */
};
/* Little endian: a byte of kind, 8 bytes of id, 4 of ms, 2 of the name's length, the name; the rest is
 * BODY. */
struct hub_mesh_packet {
    enum hub_mesh_kind kind;
    uint64_t id; /* of the question, by whoever has asked it */
    uint32_t ms;
    struct hub_str name, body;
};
#define HUB_MESH_NAME_MAX 200
/* Appends; the name is cut at HUB_MESH_NAME_MAX bytes. */
void hub_mesh_packet_add(struct hub_buf *out, const struct hub_mesh_packet *p);
/* Of what came over a link; P borrows from BYTES. False: it is none. */
bool hub_mesh_packet_read(struct hub_str bytes, struct hub_mesh_packet *p);
/* Appends DATA as JSON, NULL as null. HUB_TOO_LARGE: more than HUB_MESH_BYTES_MAX. */
enum hub_code hub_mesh_body(struct hub_buf *out, const json_t *data, struct hub_err *err);

/* ---- the node (mesh.c) ---- */

struct hub_mesh {
    struct hub_loop *loop;
    struct hub_nodes *nodes;
    struct hub_holds *holds;
    const struct hub_mesh_events *events;
    void *ctx;
    struct hub_mesh_link *link; /* NULL: alone */
    bool joined;                /* it has been, at least */
    struct hub_map questions;   /* id, as its bytes → hub_mesh_question */
    struct hub_list asking;     /* the same, hub_mesh_question.link, the oldest first */
    uint64_t last_id;
    size_t asked_n, asked_bytes; /* hub_mesh_request that are not answered */
    struct hub_list own;         /* packets to itself (mesh.c), */
    size_t own_bytes;            /* and what they take */
    struct hub_task turn;
};

/* Sends P to TO, which may be this node. HUB_OVERLOADED: too much waits for it; but an answer that says what
 * went wrong always reaches this one. */
enum hub_code hub_mesh_send(struct hub_mesh *m, struct hub_str to, const struct hub_mesh_packet *p);

/* ---- questions (question.c) ---- */

void hub_mesh_on_ask(struct hub_mesh *m, struct hub_str from, const struct hub_mesh_packet *p);
void hub_mesh_on_answer(struct hub_mesh *m, struct hub_str from, const struct hub_mesh_packet *p);
void hub_mesh_forget(struct hub_mesh *m, struct hub_str node); /* its questions fail: it is gone */
#endif
