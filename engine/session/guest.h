/* Sockets whose client is on another node, as the owner of a place that they use sees them (decision 0039).
 *
 * A guest is a struct hub_socket in every respect but that what goes to it takes a way back: the table of
 * its relay. Rooms, members, rights and limits see no difference. Guests of one node in one hub share a
 * name (struct hub_nsp) and with it a relay; a group (fanout.h) gives the relay once what it has for all of
 * them. Loop thread only; the relay's functions are called from inside the functions of sockets, seats and
 * groups, and call none of these for a guest. */
#ifndef HUB_SESSION_GUEST_H
#define HUB_SESSION_GUEST_H
#include "base/memory/mem.h"
#include "session/session.h"

struct hub_group;
struct hub_relay;

/* What becomes of the client of a guest. */
enum hub_guest_end {
    HUB_GUEST_DISCONNECT, /* hub_socket_disconnect: its socket of this hub is closed */
    HUB_GUEST_CLOSE,      /* the same, and all others of its client */
    HUB_GUEST_DROP        /* hub_socket_drop */
};

/* FRAMES are whole WebSocket frames (packet/chunk.h), encoded for the relay's name; borrowed for the call.
 * All of them take one way, in the order of the calls. SEND and ENDED begin with hub_relay_sync
 * (fanout.h). */
struct hub_relay_ops {
    /* To the client of S alone. FLAGS: HUB_SEND_EPHEMERAL. */
    void (*send)(struct hub_socket *s, struct hub_str frames, int flags);
    /* The client is to be put out. S is closed, and about to be freed unless others hold it. TEXT: for the
     * log, may be NULL. */
    void (*ended)(struct hub_socket *s, enum hub_guest_end how, enum hub_close_reason reason, const char *text);
    /* S has taken a seat in G; HELD: what goes to G is kept for it until RELEASED. */
    void (*seated)(struct hub_socket *s, struct hub_group *g, bool held);
    void (*released)(struct hub_socket *s, struct hub_group *g);
    void (*left)(struct hub_socket *s, struct hub_group *g); /* also while held */
    /* To S alone, behind what is kept for its seat in G, which is held. */
    void (*kept)(struct hub_socket *s, struct hub_group *g, struct hub_str frames, int flags);
    /* To all of the relay's seats in G. */
    void (*gathered)(struct hub_relay *r, struct hub_group *g, struct hub_str frames, int flags);
    /* It was given up by hub_relay_leave, and nothing refers to it any more: it may be freed. */
    void (*unused)(struct hub_relay *r);
};

/* The way to the guests of one node in one hub; inside a struct of its owner. It outlives their sockets,
 * which may be held after they are closed. */
struct hub_relay {
    const struct hub_relay_ops *ops;
    bool left;               /* the node is gone */
    struct hub_nsp nsp;      /* the name that they share */
    struct hub_list pending; /* fanout's: groups that have gathered something */
};
/* NAME, borrowed as long as R lives, is how clients write the namespace that SERVED_BY and OWNER serve; of
 * SERVED_BY nothing but its closed is called for guests. */
void hub_relay_init(struct hub_relay *r, const struct hub_relay_ops *ops, struct hub_str name,
                    const struct hub_namespace_ops *served_by, void *owner);
/* Its node is gone: all guests are closed. UNUSED comes once the last of them is freed, possibly before this
 * returns, and no other function after this. */
void hub_relay_leave(struct hub_relay *r);
static inline struct hub_relay *hub_relay_of(const struct hub_nsp *nsp) {
    return nsp->relayed ? HUB_CONTAINER(nsp, struct hub_relay, nsp) : NULL;
}

/* Adds FRAMES, which are encoded for sockets that write the namespace NAME, to CHUNK as those of NSP get
 * them; and a chunk of them, refs = 1. */
void hub_nsp_add_frames(const struct hub_nsp *nsp, struct hub_chunk *chunk, struct hub_str name, struct hub_str frames);
HUB_MUST struct hub_chunk *hub_nsp_frames_chunk(const struct hub_nsp *nsp, struct hub_str name, struct hub_str frames);

/* The socket SID of R's node, open. HS is copied in part, as of every socket. refs = 1, which is given back
 * when it is closed. */
HUB_MUST struct hub_socket *hub_guest_new(struct hub_relay *r, const char sid[HUB_SID_LEN + 1],
                                          const struct hub_handshake *hs);
/* Its client has gone: the namespace's closed callback with REASON. No effect on one that is closed. */
void hub_guest_close(struct hub_socket *s, const char *reason);
#endif
