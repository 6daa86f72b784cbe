/* Shared by the files of engine/hub/stream. */
#ifndef HUB_STREAM_STREAM_INT_H
#define HUB_STREAM_STREAM_INT_H
#include "hub/client/client.h"
#include "hub/command/command.h"
#include "hub/stream/stream.h"

/* Who it was opened by, and who it was opened to. */
enum hub_stream_side { HUB_STREAM_OPENER, HUB_STREAM_TARGET };

/* One side, and what it sends. */
struct hub_stream_end {
    struct hub_list link;  /* in its connection's; removed: the stream is broken */
    struct hub_conn *conn; /* reference; NULL: a command */
    int64_t sent, acked;   /* bytes that it has sent, and that the other side has taken */
    uint32_t pieces;       /* that a client was sent, and has not taken */
    uint32_t piece_first, piece_cap;
    uint32_t *piece_ends; /* of these, a ring of PIECE_CAP from PIECE_FIRST on */
    bool finished;        /* it sends no more */
    bool is_target;
};

/* What its command's script waits for, and what waits for that. */
struct hub_stream_script {
    struct hub_command_stream command;
    struct hub_buf unread;         /* what the opener has sent */
    struct hub_backlog_entry held; /* the same, counted */
    struct hub_host_call *read, *write;
    struct hub_buf unsent; /* of WRITE */
    bool runs;             /* its command is not over */
};

struct hub_stream {
    struct hub_engine *engine;
    char *id;
    struct hub_stream_end ends[2];
    bool open;   /* the target has accepted */
    bool broken; /* nothing goes through any more; it is there until its command, or its target's answer, comes */
    char *error; /* why; NULL: it has ended */
    bool to_client;
    struct hub_stream_script script; /* unless TO_CLIENT */
    struct hub_pending_ack asked;    /* else: the target is asked */
    struct hub_call *call;           /* the same: hub:streamOpen, until it is answered */
    struct hub_hold hold;            /* as long */
};

/* ---- streams (stream.c) ---- */

/* That C has opened, or with FROM, an id of a connection, that one has opened to it; NULL: there is none. */
struct hub_stream *hub_stream_find(const struct hub_conn *c, struct hub_str id, struct hub_str from,
                                   enum hub_stream_side *side);
/* Both sides that are still there but BUT (-1: none) are told; scripts that wait hear ERROR, which may be
 * empty. Nothing when it is broken already. It may be gone when this returns. */
void hub_stream_break(struct hub_stream *s, int but, struct hub_str error);
/* Of one that may have ended in both directions. */
void hub_stream_settle(struct hub_stream *s);

/* ---- bytes (flow.c) ---- */

/* SIDE sends; an error breaks the stream. */
enum hub_code hub_stream_send(struct hub_stream *s, enum hub_stream_side side, int64_t offset, struct hub_str bytes,
                              struct hub_err *err);
/* SIDE has taken all up to OFFSET of what the other one has sent. Nothing when that is old or wrong. */
void hub_stream_ack(struct hub_stream *s, enum hub_stream_side side, int64_t offset);
void hub_stream_finish(struct hub_stream *s, enum hub_stream_side side);
/* How much SIDE may send now. */
size_t hub_stream_credit(const struct hub_stream *s, enum hub_stream_side side);
/* EVENT to SIDE, if that is a client. MORE: further members, each with a comma before it. */
void hub_stream_tell(struct hub_stream *s, enum hub_stream_side side, const char *event, struct hub_str more,
                     const struct hub_str *bytes);

/* ---- what scripts do (host.c) ---- */

extern const struct hub_host_fn hub_stream_host[];
void hub_stream_wake(struct hub_stream *s);                   /* there is something for it, or an end */
struct hub_map *hub_streams_of_scripts(struct hub_engine *e); /* id that scripts know → hub_stream */
#endif
