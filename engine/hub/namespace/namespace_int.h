/* What the files of plain namespaces share; nobody else includes it. namespace.c has them all and lets
 * sockets in and out, handlers.c runs the handlers of a socket one after the other, members.c has rooms
 * and what is sent to them, methods.c what handlers call. Loop thread only. */
#ifndef HUB_HUB_NAMESPACE_INT_H
#define HUB_HUB_NAMESPACE_INT_H
#include "hub/namespace/namespace.h"

#define HUB_NS_MAX_NAME 256 /* bytes of the name of a room or an event */
#define HUB_NS_TOO_MANY_BINARIES "clients take at most 10 binary values in an event or an acknowledgement"

struct hub_namespaces {
    struct hub_engine *engine;
    struct hub_list list;
    struct hub_map conns;   /* socket id → struct hub_namespace_conn */
    struct hub_map members; /* socket id → struct hub_ns_member */
    uint64_t numbers;       /* given to members and places so far */
    uint64_t casts;         /* made so far (hub_ns_member.cast) */
    bool stopped;           /* no handler may start any more */
    /* dynamic.c */
    struct hub_list dynamic; /* hub_ns.link of those in use; LIST has the others */
    struct hub_map names;    /* the same, by name */
    struct hub_ns *full;     /* what refuses when there are too many; NULL: it was not needed */
    struct hub_list unused;  /* hub_ns.unused */
    size_t *names_of;        /* of each namespace of the service, in its order: names in use */
    struct hub_task prune;
    /* recovery.c */
    struct hub_map sessions; /* pid → struct hub_ns_member */
    size_t waiting_n, kept_bytes;
    uint64_t packets; /* numbered so far */
    struct hub_timer sweep;
};

struct hub_ns {
    struct hub_hub hub; /* what it has of one */
    struct hub_namespaces *all;
    struct hub_list link;                /* in all->list */
    const struct hub_def_namespace *def; /* NULL: no longer defined */
    struct hub_list owns;                /* hub_ns_own.link, of a dynamic one; the last is in force */
    size_t uses;                         /* of a dynamic one: names as clients write it that are in use */
    struct hub_list unused;              /* while it may have to go */
    char *name;
    json_t *about;           /* what scripts see of it: {"name"} */
    struct hub_list conns;   /* those whose last handler is not done included */
    struct hub_list members; /* hub_ns_member.link, by number */
    struct hub_map rooms;    /* name → struct hub_ns_room */
};

/* The definition of a dynamic namespace, under its own name. What began under it may refer to it after a
 * reload, and what has waited knows by its address whether there was one. */
struct hub_ns_own {
    struct hub_list link;
    struct hub_def def;
};
static inline bool hub_ns_is_dynamic(const struct hub_ns *ns) { return !hub_list_empty(&ns->owns); }

struct hub_ns_room {
    struct hub_ns *ns;
    struct hub_list places; /* by number */
    char *name;
};

/* Whom events of a namespace reach: a socket that is connected, or whose client may come back. */
struct hub_ns_member {
    struct hub_ns *ns;
    struct hub_list link;
    struct hub_socket *socket;       /* reference; closed while the client is away */
    struct hub_namespace_conn *conn; /* NULL: the client is away */
    struct hub_ns_session *session;  /* NULL: without recovery */
    struct hub_list places;          /* hub_ns_place.of_member */
    size_t place_n;
    uint64_t number; /* the later it came, the larger */
    uint64_t cast;   /* the last one that has reached it, or left it out */
};

/* A member in a room. */
struct hub_ns_place {
    struct hub_list in_room, of_member;
    struct hub_ns_room *room;
    struct hub_ns_member *member;
    uint64_t number;
};

/* One accepted socket. Lives until it is closed and its last handler is done. */
struct hub_namespace_conn {
    struct hub_ns *ns;
    struct hub_list link;         /* in ns->conns */
    struct hub_conn *base;        /* reference */
    struct hub_socket *socket;    /* base's */
    struct hub_ns_member *member; /* NULL: closed */
    json_t *about;                /* what scripts see of it: {"id","userId","session","auth"} */
    json_t *handshake;            /* as scripts see it; NULL: nobody has asked yet */
    struct hub_list queue;
    size_t queue_n, queue_cost; /* the latter kept by the items' WAITS */
    struct hub_task again;
    char *reason; /* why it closed */
    int64_t ack;  /* of the running handler, or -1 */
    bool running; /* a handler */
    struct hub_hold handler;
    bool watching; /* that handler is one of outgoing: what it sends is seen by none of them */
};

static inline struct hub_namespaces *hub_ns_all(struct hub_engine *e) {
    return *hub_engine_part(e, &hub_namespaces_part);
}
static inline struct hub_loop *hub_ns_loop(const struct hub_ns *ns) { return ns->all->engine->config.loop; }

/* As scripts see it, borrowed; NULL when nobody has asked for it before the socket was closed. */
HUB_MUST json_t *hub_ns_handshake(struct hub_namespace_conn *c);
/* Frees C, whose handlers are done. */
void hub_ns_conn_free(struct hub_namespace_conn *c);

/* NAME as DEF says. */
HUB_MUST struct hub_ns *hub_ns_new(struct hub_namespaces *n, const struct hub_def_namespace *def, const char *name);
void hub_ns_define(struct hub_ns *ns, const struct hub_def_namespace *def); /* DEF is in force from now on */
/* It is no longer defined. Sockets that still connect refer to it: it stays, without a definition. */
void hub_ns_retire(struct hub_ns *ns);
void hub_ns_free(struct hub_ns *ns);

/* ---- namespaces by expression (dynamic.c) ---- */

/* The one of that name, or the one that says that there are too many; NULL: no expression fits. */
struct hub_ns *hub_ns_dynamic(struct hub_namespaces *n, struct hub_str name);
/* Those that nobody uses go; run by n->prune. */
void hub_ns_prune(struct hub_task *t);
void hub_ns_unused(struct hub_ns *ns); /* a dynamic one, by nobody for now */
/* Now and then: what was still referred to when the last client left. */
void hub_ns_sweep_dynamic(struct hub_namespaces *n);
void hub_ns_reload_dynamic(struct hub_namespaces *n);
void hub_ns_delete_dynamic(struct hub_namespaces *n);

/* ---- handlers (handlers.c) ---- */

void hub_ns_handlers_init(struct hub_namespace_conn *c);
/* Each has its turn after what waits already. */
void hub_ns_connected(struct hub_namespace_conn *c);
void hub_ns_disconnected(struct hub_namespace_conn *c);
void hub_ns_handle(struct hub_namespace_conn *c, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                   int64_t ack);
bool hub_ns_handles(const struct hub_ns *ns, struct hub_str event);
void hub_ns_drop_queue(struct hub_namespace_conn *c);
struct hub_ns_message;
/* M is being sent to C: its handler of outgoing, if there is one, has its turn, too. */
void hub_ns_see(struct hub_namespace_conn *c, struct hub_ns_message *m);
/* JSON texts of VALUES[FROM…] with commas between. */
void hub_ns_add_values(struct hub_buf *b, const json_t *values, size_t from);

/* ---- hub:refreshToken (refresh.c) ---- */

void hub_ns_refresh_token(struct hub_namespace_conn *c, const json_t *args, int64_t ack);

/* ---- members, their rooms, and what is sent to them (members.c) ---- */

HUB_MUST struct hub_ns_member *hub_ns_member_new(struct hub_namespace_conn *c);
/* Leaves its rooms. */
void hub_ns_member_free(struct hub_ns_member *m);
/* The same of one that no connection has: its socket.data goes, too. */
void hub_ns_forget(struct hub_ns_member *m);
/* TOO_MANY_ROOMS names the bound in ERR. */
enum hub_code hub_ns_join(struct hub_ns_member *m, struct hub_str room, struct hub_err *err);
void hub_ns_leave(struct hub_ns_member *m, struct hub_str room);
HUB_MUST json_t *hub_ns_rooms(const struct hub_ns_member *m); /* their names; M may be NULL */

/* An event on its way: to one, or by hub_ns_cast to several; encoded once per namespace name, of which there
 * are one or two (basePath). BINS may be NULL. */
struct hub_ns_message {
    struct hub_buf name, args; /* JSON */
    const struct hub_binaries *bins;
    json_t *values; /* borrowed array with NAME at AT and ARGS behind it */
    size_t at;
    bool unseen;  /* a handler of outgoing sends it: none of them may see it */
    json_t *seen; /* ARGS for outgoing, once they were needed */
    const struct hub_nsp *nsp[2];
    struct hub_chunk *chunk[2];
    struct hub_ns_packet *packet[2]; /* where sessions keep it */
    uint64_t number;                 /* the same: its offset, which is behind ARGS then; 0: it has none yet */
};
void hub_ns_send(struct hub_ns_message *m, struct hub_ns_member *to);
void hub_ns_message_deinit(struct hub_ns_message *m);

/* Who gets a message: everybody in one of ROOMS, an array of texts (NULL: in the whole namespace), but
 * FROM (NULL: nobody) and those in one of EXCEPT, an array, too, or NULL. The id of a socket stands for a
 * room that it is alone in. */
struct hub_ns_audience {
    struct hub_ns *ns;
    struct hub_ns_member *from;
    const json_t *rooms, *except;
};
/* How many of those it has reached are connected. */
size_t hub_ns_cast(struct hub_ns_message *m, const struct hub_ns_audience *to);

/* ---- clients that may come back (recovery.c) ---- */

bool hub_ns_recovers(const struct hub_ns *ns);
void hub_ns_session_new(struct hub_ns_member *m, const char *user);
void hub_ns_session_free(struct hub_ns_member *m); /* harmless when there is none */
const char *hub_ns_pid(const struct hub_ns_member *m);
void hub_ns_recovery_start(struct hub_namespaces *all); /* sessions end by themselves from now on */

/* One reference. CHUNK holds the event NUMBER for the members that keep it. */
HUB_MUST struct hub_ns_packet *hub_ns_packet_new(struct hub_namespaces *all, struct hub_chunk *chunk, uint64_t number);
void hub_ns_packet_unref(struct hub_ns_packet *p); /* NULL is fine */
void hub_ns_keep(struct hub_ns_member *m, struct hub_ns_packet *p);
void hub_ns_not_kept(struct hub_ns_member *m); /* something was sent that has no number: M cannot be recovered */

/* M's connection has closed for REASON. True: it stays, and its client may come back. */
bool hub_ns_await(struct hub_ns_member *m, const char *reason);
void hub_ns_drop_waiting(struct hub_ns *ns);
/* The member that S, which connects as USER, comes back to by CONNECT's pid and offset; NULL: none, or it
 * would miss something. *FROM is the number of the last event that the client has had. */
struct hub_ns_member *hub_ns_find_session(struct hub_ns *ns, struct hub_socket *s, const char *user, int64_t *from);
void hub_ns_take_over(struct hub_ns_member *m, struct hub_namespace_conn *c);
void hub_ns_send_missed(struct hub_ns_member *m, int64_t from);

/* ---- what handlers call (methods.c) ---- */

extern const struct hub_host_fn hub_ns_host_fns[];
/* Those of NAME, NULL: there is none. */
struct hub_ns *hub_ns_named(const struct hub_namespaces *n, struct hub_str name);
#endif
