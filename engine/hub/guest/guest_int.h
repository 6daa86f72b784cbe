/* Shared by the files of engine/hub/guest. */
#ifndef HUB_GUEST_GUEST_INT_H
#define HUB_GUEST_GUEST_INT_H
#include "hub/guest/guest.h"
#include "hub/namespace/namespace.h"
#include "hub/node/node.h"
#include "session/guest.h"

/* ---- packets (packet.c) ---- */

/* In brackets who sends it, and which members it has beside SID, the socket. */
enum hub_guest_kind {
    HUB_GUEST_HELLO = 1, /* [edge] HUB, BODY: hello.c. Again when something of it has changed; ID: 0, or that of the
                            RENEWED which tells when that counts */
    HUB_GUEST_CALL,      /* [edge] ID, NAME of the command, BODY: its arguments as JSON, TEXT: its bytes, FLAGS,
                            HUB: hub_call.oversize in digits, empty: 0 */
    HUB_GUEST_REQUEST,   /* [edge] by REST, no SID: ID, HUB, NAME as CALL, TEXT: the address, BODY: hello.c */
    HUB_GUEST_SCRIPT,    /* [edge] a function that a script calls, no SID: ID, HUB, NAME "table.name", TEXT: the room
                            that its hook is about, BODY: its arguments as JSON, FLAGS: 0, or 1 + the enum hub_readable
                            of the room that a guard reads by it */
    HUB_GUEST_GONE,      /* [edge] TEXT: Socket.IO's reason */
    HUB_GUEST_ROW,       /* [any] NAME: a DataObject, BODY: a row of it that was written, as JSON; no SID (changes.c) */
    HUB_GUEST_RECORD,    /* [owner] NAME: a record that has changed; no SID */
    HUB_GUEST_CAST,      /* [any] what a handler sends: HUB: a plain namespace, FLAGS: hub_namespace_cast.unseen,
                         TEXT: a list of its rooms, its except and its values as JSON, BODY: its binary values;
                         no SID (changes.c) */
    HUB_GUEST_ANSWER,   /* [owner] ID of the call; NAME: the word of a code, TEXT its text, BODY members as JSON, HUB: a
                            script's own code or, without a code, the main member's name. Of a script's: BODY
                            is the result as JSON, empty: none */
    HUB_GUEST_SEND,     /* [owner] FLAGS, BODY: frames, encoded for the hub's usual name */
    HUB_GUEST_ENDED,    /* [owner] FLAGS: enum hub_guest_end, ID: enum hub_close_reason, TEXT for the log */
    HUB_GUEST_SEATED,   /* [owner] HUB, TEXT and NAME: kind and name of the audience, FLAGS: whether held */
    HUB_GUEST_RELEASED, /* [owner] HUB, TEXT, NAME */
    HUB_GUEST_LEFT,     /* [owner] HUB, TEXT, NAME */
    HUB_GUEST_KEPT,     /* [owner] HUB, TEXT, NAME, FLAGS, BODY as SEND */
    HUB_GUEST_GATHERED, /* [owner] HUB, TEXT, NAME, FLAGS, BODY as SEND; for all seats, no SID */
    HUB_GUEST_RENEWED,  /* [owner] ID, no SID */
    HUB_GUEST_READABLE, /* [owner] HUB, NAME: a room, FLAGS: enum hub_readable: what a guard has read of it has changed;
                           once for each time that it was read, no SID */
    HUB_GUEST_REJUDGED, /* [owner] its user's rights have changed there: what rests on them is asked again */
    HUB_GUEST_KINDS
};
enum {
    HUB_GUEST_ACK = 1,  /* of a call: the client waits for an acknowledgement */
    HUB_GUEST_BYTES = 2 /* there are bytes */
};
/* Little endian: a byte each of kind and flags, 8 of id, the four texts with 4 bytes of length each; the rest
 * is BODY. */
struct hub_guest_packet {
    enum hub_guest_kind kind;
    uint8_t flags;
    uint64_t id;
    struct hub_str sid, hub, name, text, body;
};
void hub_guest_packet_add(struct hub_buf *out, const struct hub_guest_packet *p); /* appends */
/* Of what came from another node; P borrows from BYTES. False: it is none. */
bool hub_guest_packet_read(struct hub_str bytes, struct hub_guest_packet *p);
void hub_guest_text_add(struct hub_buf *out, struct hub_str s); /* one of the texts */
/* Takes one off BYTES; false: it is longer than what is left. */
bool hub_guest_text_read(struct hub_str *bytes, struct hub_str *out);

/* ---- the part (part.c) ---- */

struct hub_guests {
    struct hub_engine *engine;
    struct hub_map nodes; /* id → hub_guest_node */
    bool serving;  /* a request of another node is being started: it stays here, whoever seems to own its place */
    bool renewing; /* a guest is judged again because its node says so */
    bool hearing;  /* what is told has come from another node */
    void (*run_request_here)(struct hub_call *call, struct hub_str address); /* hub_engine.run_request of one node */
    struct hub_buf packet;
    /* of the rooms of others (edge.c): */
    struct hub_map places;       /* hub, kind and name → place */
    struct hub_map calls;        /* id, as its bytes → edge_call */
    struct hub_map script_calls; /* the same of scripts' calls → script_call (script_calls.c) */
    uint64_t last_call;
    bool stopped; /* nothing may be sent or run any more */
};
struct hub_guests *hub_guests_of(struct hub_engine *e);
static inline struct hub_str hub_guest_id_key(const uint64_t *id) { return hub_str((const char *)id, sizeof *id); }

/* Another node. */
struct hub_guest_node {
    struct hub_guests *all;
    /* of its connections in rooms of this node (owner.c): */
    struct hub_map sockets;       /* sid → hub_socket */
    struct hub_list relays;       /* one for each hub */
    struct hub_list requests;     /* of it, by REST, that are not answered */
    struct hub_list script_calls; /* of its scripts, likewise */
    struct hub_list renewing;     /* of its connections, likewise (renewal.c) */
    struct hub_list awaited;      /* what connections of here wait for (renewal.c) */
    struct hub_map readings;      /* what its guards have read of rooms of here (readings.c) */
    char id[HUB_NODE_ID_LEN + 1];
};
/* P, to N. HUB_OVERLOADED, HUB_NODE_NOT_FOUND, HUB_SHUTTING_DOWN: it was not sent. */
enum hub_code hub_guest_try(const struct hub_guest_node *n, const struct hub_guest_packet *p);
/* The same for what has to come; what does not fit is said in the log: a link within a process is wide
 * enough. */
void hub_guest_post(const struct hub_guest_node *n, const struct hub_guest_packet *p);
void hub_guest_say_full(const struct hub_guest_node *n); /* that, in the log */
/* The answer to the call ID of N, when the one that there is does not fit: overloaded. */
void hub_guest_refuse(const struct hub_guest_node *n, uint64_t id);

/* ---- what a connection says of itself (hello.c) ---- */

HUB_MUST char *hub_guest_hello(const struct hub_conn *c); /* as JSON */
/* The namespace of HUB as its node writes it. */
void hub_guest_add_namespace(struct hub_buf *out, struct hub_str hub);
/* The hub, or plain namespace by its path, of that name; NULL: there is none. Whoever goes on with a
 * namespace counts in its KEPT. */
struct hub_hub *hub_guest_hub(struct hub_engine *e, struct hub_str name);
/* What came so, in views of HELLO, which it keeps; false: it is no hello. */
struct hub_guest_greeting {
    json_t *hello;
    struct hub_handshake handshake;
    json_t *identity; /* of hub_identity_packed; borrowed */
};
bool hub_guest_greeting_read(struct hub_str json, struct hub_guest_greeting *g);
HUB_MUST char *hub_guest_asks(const struct hub_call *call); /* what a request by REST brings, as JSON */
/* ARGS and WHO of that, new references; false: it is none. */
bool hub_guest_asks_read(const struct hub_identity_ctx *ctx, struct hub_str json, json_t **args,
                         struct hub_identity **who);

/* ---- rooms of others (edge.c) ---- */

/* Runs CALL here, or where its room is. */
void hub_guest_route(struct hub_call *call);
void hub_guest_route_request(struct hub_call *call, struct hub_str address);
void hub_guest_closed(struct hub_conn *c); /* a connection of this node */
/* Its identity, or what its rights rest on; but for THERE, who knows (NULL: nobody). WORK, or NULL, waits
 * until it counts everywhere. */
void hub_guest_changed(struct hub_conn *c, const struct hub_guest_node *there, struct hub_work *work);
void hub_guest_from_owner(struct hub_guest_node *n, const struct hub_guest_packet *p);
void hub_guest_owner_left(struct hub_guests *all, struct hub_guest_node *n);
void hub_guest_edge_free(struct hub_guests *all);

/* ---- what scripts call (script_calls.c) ---- */

/* hub_engine.run_script_call */
bool hub_guest_route_script_call(struct hub_engine *e, const struct hub_host_fn *fn, struct hub_host_call *call);
void hub_guest_script_answered(const struct hub_guest_node *from, const struct hub_guest_packet *p);
void hub_guest_script_calls_fail(struct hub_guests *all, const struct hub_guest_node *n); /* its owner */
void hub_guest_run_script_call(struct hub_guest_node *n, const struct hub_guest_packet *p);
void hub_guest_drop_script_calls(struct hub_guest_node *n); /* answers are for nobody any more */

/* ---- what other nodes have changed (changes.c) ---- */

void hub_guest_row_written(struct hub_engine *e, const struct hub_write *w, const void *by);
void hub_guest_record_changed(struct hub_engine *e, struct hub_str id, const struct hub_grant *by);
void hub_guest_on_row(struct hub_guest_node *n, const struct hub_guest_packet *p);
void hub_guest_on_record(struct hub_guest_node *n, const struct hub_guest_packet *p);
void hub_guest_cast_elsewhere(struct hub_engine *e, const struct hub_namespace_cast *cast); /* hub_engine's */
void hub_guest_on_cast(struct hub_guest_node *n, const struct hub_guest_packet *p);

/* ---- what guards read of rooms of others (readings.c) ---- */

/* The guard for which CALL of FN is called, if one is, is about to read something of a place of another node,
 * and is asked again when that changes. HUB: whose room it is; NULL: it is a record. 1 + enum hub_readable,
 * which the owner is to note; 0: nothing. */
uint8_t hub_guest_note_reading(const struct hub_hub *hub, const struct hub_host_fn *fn,
                               const struct hub_host_call *call);
/* A guard of N reads what P, a SCRIPT, says of the room ROOM. False: N has read too much. */
bool hub_guest_keep_reading(struct hub_guest_node *n, const struct hub_guest_packet *p, struct hub_str room);
void hub_guest_readable_changed(struct hub_engine *e, enum hub_readable what, const struct hub_hub *hub,
                                struct hub_str name, const void *by);
void hub_guest_on_readable(struct hub_guest_node *n, const struct hub_guest_packet *p);

/* ---- new tokens (renewal.c) ---- */

/* Holds WORK until N has said that ID, which is returned, counts there, or has left. 0: nobody waits. */
uint64_t hub_guest_await_renewal(struct hub_guest_node *n, struct hub_work *work);
void hub_guest_renewed(struct hub_guest_node *n, uint64_t id);
void hub_guest_drop_awaited(struct hub_guest_node *n);
/* Held once, for the caller; N is told when it is done. NULL: nobody waits. */
HUB_MUST struct hub_work *hub_guest_renewing(struct hub_guest_node *n, uint64_t id);
void hub_guest_drop_renewing(struct hub_guest_node *n);

/* CALL of FN, for HUB (empty: nobody's), to N, which answers it, or the link does. READING: of
 * hub_guest_note_reading. */
void hub_guest_ask_script(struct hub_guest_node *n, struct hub_str hub, const struct hub_host_fn *fn,
                          struct hub_host_call *call, uint8_t reading);

/* ---- what scripts call about connections, wherever they are (everywhere.c) ---- */

/* AT: one of those that are about connections. */
void hub_guest_everywhere(struct hub_guests *all, enum hub_host_at at, struct hub_str hub, const struct hub_host_fn *fn,
                          struct hub_host_call *call);

/* ---- guests (owner.c) ---- */

void hub_guest_from_edge(struct hub_guest_node *n, const struct hub_guest_packet *p);
void hub_guest_edge_left(struct hub_guest_node *n); /* its guests go */
void hub_guest_rejudged(struct hub_conn *c);        /* a guest, by what has changed here */
/* Before something that came behind what rooms have told: what they have gathered for N goes first. */
void hub_guest_sync(const struct hub_guest_node *n);
#endif
