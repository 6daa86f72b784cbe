/* The numbers of a link: a sliding window at each end of the way from one node to another (decision 0039,
 * "The link on Redis"). What the sender adds has a number, from 1 on. The receiver gives each number up
 * once and in order; it drops what comes twice, keeps what is behind a hole, and asks for what is missing.
 * What cannot be had any more is told as a hole, so that the layer above mends it from elsewhere.
 *
 * A link is between two ids of nodes, which are new at each start: numbers never begin again within one,
 * so that its windows are kept for as long as the other id may come back (the time of a lease). Each end is
 * told what came over the link, whatever carried it, and is given somewhere to send. Knows no clock: NOW is
 * the caller's, in ms, always of the same one. Callbacks come inside the calls, and must not call the same
 * window, nor end it. One thread. */
#ifndef HUB_MESH_WINDOW_H
#define HUB_MESH_WINDOW_H
#include "base/collection/list.h"
#include "base/collection/map.h"
#include "base/error/code.h"
#include "base/text/buf.h"

/* ---- packets (packet.c) ---- */

enum hub_window_kind {
    HUB_WINDOW_DATA = 1, /* NUMBER with BODY */
    HUB_WINDOW_MARK,     /* NUMBER is the last that was sent, 0: none; TO the last that came from the other */
    HUB_WINDOW_AGAIN,    /* NUMBER to TO are wanted once more */
    HUB_WINDOW_HOLE      /* NUMBER to TO are not there any more */
};
/* Little endian: a byte of kind, 8 bytes of number, 8 of to; the rest is the body. */
struct hub_window_packet {
    enum hub_window_kind kind;
    uint64_t number, to;
    struct hub_str body; /* DATA alone has one */
};
#define HUB_WINDOW_NUMBER_MAX INT64_MAX
void hub_window_packet_add(struct hub_buf *out, const struct hub_window_packet *p);
/* Of what came over a link; P borrows from BYTES. False: it is none. */
HUB_MUST bool hub_window_packet_read(struct hub_str bytes, struct hub_window_packet *p);

/* ---- the sender ---- */

/* What becomes of a packet that the link has no room for. */
enum hub_window_class {
    HUB_WINDOW_EPHEMERAL, /* it is dropped */
    HUB_WINDOW_NUMBERED,  /* it is dropped, and its place is behind: what has to be told instead is from where on */
    HUB_WINDOW_REQUEST    /* it is refused */
};
struct hub_window_item {
    enum hub_window_class class;
    struct hub_str place; /* NUMBERED: whose number AT is; from there on the place is behind without it */
    int64_t at;
    struct hub_str body;
};

struct hub_window_config {
    size_t keep_bytes;  /* of what was sent, to send it once more */
    size_t queue_bytes; /* that may wait to leave for the other node */
    size_t behind_max;  /* places that are behind, before all are */
};
#define HUB_WINDOW_KEEP_BYTES (4u << 20)
#define HUB_WINDOW_BEHIND_MAX 10000

struct hub_send_window {
    struct hub_window_config config;
    void (*send)(void *ctx, struct hub_str bytes); /* a packet for the other node; borrowed */
    void *ctx;
    uint64_t last;          /* number */
    struct hub_list kept;   /* of what was sent, the newest; by number */
    size_t kept_bytes;      /* of it */
    struct hub_list queued; /* lengths of what has not left */
    size_t queued_bytes;
    struct hub_map behind; /* place → the number from which on, as an allocation */
    bool all_behind;       /* too many of them to remember */
};

/* Zero and init. SEND is called with each packet. */
void hub_send_window_init(struct hub_send_window *w, const struct hub_window_config *config,
                          void (*send)(void *ctx, struct hub_str bytes), void *ctx);
void hub_send_window_deinit(struct hub_send_window *w);
/* HUB_OK: it was sent. HUB_OVERLOADED: the link is full, or of a NUMBERED one its place is behind already. */
enum hub_code hub_send_window_add(struct hub_send_window *w, const struct hub_window_item *item);
/* Everything up to NUMBER is on its way and waits here no more. */
void hub_send_window_left(struct hub_send_window *w, uint64_t number);
/* The other node has everything up to NUMBER: it need not be kept. */
void hub_send_window_confirmed(struct hub_send_window *w, uint64_t number);
/* Sends the last number, so that a lost last packet is noticed: with each heartbeat. RECEIVED is the last
 * number that was given up here of what comes from the other node. */
void hub_send_window_mark(struct hub_send_window *w, uint64_t received);
/* Sends FROM to TO once more as far as there is room, and says which of them are not there any more. */
void hub_send_window_again(struct hub_send_window *w, uint64_t from, uint64_t to);
/* A place that is behind, if the link has room to say so again; the caller then says "bring PLACE up to
 * date from *FROM", in a packet of its class REQUEST, and when that was sent hub_send_window_caught_up.
 * PLACE is borrowed until then; empty: all places are behind, from wherever the other node is. False: there
 * is none, or no room. */
HUB_MUST bool hub_send_window_behind(const struct hub_send_window *w, struct hub_str *place, int64_t *from);
void hub_send_window_caught_up(struct hub_send_window *w, struct hub_str place);

/* ---- the receiver ---- */

struct hub_receive_window_events {
    void (*data)(void *ctx, struct hub_str body);        /* the next one; borrowed */
    void (*hole)(void *ctx, uint64_t from, uint64_t to); /* these never come, and were between two of them */
    void (*send)(void *ctx, struct hub_str bytes);       /* a packet for the other node; borrowed */
};

#define HUB_WINDOW_HOLE_MS 200           /* packets wait behind a hole, from when it is noticed */
#define HUB_WINDOW_HELD_BYTES (4u << 20) /* of them, with what each takes here */

struct hub_receive_window {
    const struct hub_receive_window_events *events;
    void *ctx;
    uint64_t given;       /* the last number that was given up, or told as a hole */
    uint64_t known;       /* the highest number that is known of */
    struct hub_list held; /* behind the hole, by number */
    size_t held_bytes, held_max;
    bool waits;         /* for the hole behind GIVEN to be filled */
    uint64_t asked_to;  /* WAITS: the hole's end, when it was asked for */
    int64_t give_up_at; /* WAITS */
    int64_t ask_at;     /* WAITS: once more */
};

/* HELD_MAX: bytes that may be kept back, HUB_WINDOW_HELD_BYTES. */
void hub_receive_window_init(struct hub_receive_window *w, size_t held_max,
                             const struct hub_receive_window_events *events, void *ctx);
void hub_receive_window_deinit(struct hub_receive_window *w);
/* P is DATA, MARK or HOLE, and came from the other node. */
void hub_receive_window_take(struct hub_receive_window *w, const struct hub_window_packet *p, int64_t now);
/* What has waited long enough: to be called at hub_receive_window_due, and after everything that had arrived
 * by then was taken, or a node that stood still gives up what lies in its inbox. */
void hub_receive_window_turn(struct hub_receive_window *w, int64_t now);
int64_t hub_receive_window_due(const struct hub_receive_window *w); /* INT64_MAX: nothing waits */
#endif
