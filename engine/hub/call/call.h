/* One request of a client: who asks, over which connection or by REST, with which arguments; the gates it
 * passes, the limits it is counted by, and its answer, which it gets exactly once. */
#ifndef HUB_CALL_CALL_H
#define HUB_CALL_CALL_H
#include "hub/call/args.h"
#include "hub/core/core.h"

/* A user of the hub, over all connections and rooms. Kept while connected or while the rate window
 * remembers something. */
struct hub_user {
    char *id;
    uint32_t conns, rooms;
    struct hub_rate *rates; /* one for each limit that remembers something */
};

/* One socket of a hub. */
struct hub_call;
struct hub_conn {
    uint32_t refs;
    bool closed;
    struct hub_hub *hub;
    struct hub_socket *socket; /* holds a reference */
    struct hub_outlet outlet;
    struct hub_identity *identity;
    struct hub_user *user;
    struct hub_list members; /* hub_member.in_conn */
    struct hub_list link;    /* hub->conns */
    struct hub_timer idle;
    struct hub_lease lease;    /* until the token expires */
    struct hub_reader *reader; /* NULL while it reads nothing */
    bool joining;              /* a hub:join is not answered yet: what follows waits (order.c) */
    bool going_on;
    struct hub_list waiting; /* hub_call.in_waiting */
    size_t waiting_n, waiting_cost;
};
void hub_conn_unref(struct hub_conn *c);
static inline struct hub_conn *hub_conn_ref(struct hub_conn *c) { return c->refs++, c; }
struct hub_member *hub_conn_member(struct hub_conn *c, const struct hub_room *room); /* NULL when not in it */

/* ---- the order of what a connection sends (order.c) ---- */

/* Until the connection's hub:join is answered; then RUN(call). */
void hub_order_wait(struct hub_call *call, void (*run)(struct hub_call *call));
void hub_order_joining(struct hub_call *call); /* a hub:join, before it may have to wait for its turn */
void hub_order_joined(struct hub_conn *c);     /* it was answered: what waited goes on */
void hub_order_drop(struct hub_conn *c);       /* the connection is closed */
/* A call that has waited is the user's as he is by now (hub:refreshToken). True: he was another when he
 * sent it. */
bool hub_call_renew(struct hub_call *call);

/* ---- calls ---- */

/* Whether every key of the payload is one of NAMES, with a space between, or none that resembles one: others
 * may be of newer clients, and are passed over. False when the call was refused (and is gone). */
bool hub_call_keys(struct hub_call *call, const char *names);
/* On to the next gate of the call's command, or behind the last one, to the command. From outside: at the
 * call's start, and by a gate that was asked and is passed. The call may be gone when it returns. */
void hub_call_go(struct hub_call *call);
/* Whether the call's rights, which have changed, are still what the lasting gates of its command ask for;
 * false when it was answered with a refusal. */
bool hub_call_permitted(struct hub_call *call);

/* One request on its way. Owned by whoever works on it; hub_call_ok and hub_call_fail end and free it. */
struct hub_call {
    struct hub_hub *hub;
    struct hub_conn *conn;        /* reference; NULL for REST */
    struct hub_identity *who;     /* reference */
    char event[HUB_NAME_MAX + 1]; /* as the client wrote it, for hub:error; cut when it is longer */
    json_t *args;                 /* object, reference; NULL once a message was submitted that will be acknowledged */
    int64_t ack;
    struct hub_room *room; /* reference, or NULL */
    struct hub_rights rights;
    uint32_t judged;                    /* room->judged when the rights were found */
    struct hub_member *member;          /* reference; NULL for REST and outside rooms */
    struct hub_list in_waiting;         /* conn->waiting */
    void (*run)(struct hub_call *call); /* when it has waited there */
    bool joining;                       /* a hub:join: its end lets conn->waiting go on (order.c) */
    hub_call_reply *reply;              /* REST */
    hub_call_gone *gone;
    void *reply_arg;
    void (*enter)(struct hub_call *call); /* REST: sets room and rights, then hub_call_go; or refuses */
    const struct hub_command *command;
    uint8_t gate;         /* the next one, of its command */
    const void *subject;  /* what it is about, from one of its steps to the next */
    struct hub_read read; /* its slot, until the answer */
    struct hub_buf text;  /* what it brings, as JSON, once that was written: args.content by hub_gate_size */
};

/* Runs START(call) at once or, of a read, when its turn comes; the call is refused when too many reads of
 * the connection, or by REST (from ADDRESS) of the user, wait. */
void hub_call_queue(struct hub_call *call, struct hub_str address, void (*start)(struct hub_read *r));
static inline struct hub_call *hub_call_of(struct hub_read *r) { return HUB_CONTAINER(r, struct hub_call, read); }

struct hub_call *hub_call_new(struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who, const char *event,
                              json_t *args, int64_t ack);
void hub_call_ok(struct hub_call *call, const char *data_name, struct hub_str fields);
void hub_call_fail(struct hub_call *call, enum hub_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The words for clients of what a store answered with CODE and ERROR (may be NULL): those of a database
 * that refused something, for they are its owner's. NULL: those of the code; nothing else of a store is
 * for clients. */
static inline const char *hub_store_words(enum hub_code code, const char *error) {
    return code == HUB_BAD_REQUEST && error && error[0] ? error : NULL;
}
void hub_call_fail_store(struct hub_call *call, enum hub_code code, const char *error);
/* With extra members for the error object, e.g. "\"retryAfterMs\":1200". */
void hub_call_fail_with(struct hub_call *call, const struct hub_err *err, struct hub_str fields);

static inline bool hub_id_ok(struct hub_str id) { return hub_str_is_id(id); }
/* args[key] as text; empty when absent. For ids a number is not accepted. */
static inline struct hub_str hub_call_str(const struct hub_call *c, const char *key) {
    return hub_json_get_str(c->args, key);
}

/* ---- users and limits (rate.c) ---- */

struct hub_user *hub_user_get(struct hub_hub *hub, struct hub_str id);
void hub_user_release(struct hub_hub *hub, struct hub_user *u); /* frees it when nothing is left to remember */
void hub_user_free(struct hub_user *u);
#define HUB_RATE_WINDOW_MS 60000
int64_t hub_limit_of(const struct hub_def *def, enum hub_limit limit); /* how many a minute */
const char *hub_limit_name(enum hub_limit limit);                      /* as it is written in a definition */
/* Counts one in this process' window of U; false when that is full, *RETRY_MS until it has room. */
bool hub_rate_take(struct hub_hub *hub, struct hub_user *u, enum hub_limit limit, int64_t now, int64_t *retry_ms);
/* All processes together have no place UNTIL then: nobody needs to be asked again before. */
void hub_rate_close(struct hub_hub *hub, struct hub_user *u, enum hub_limit limit, int64_t until);
int64_t hub_rate_closed(struct hub_user *u, enum hub_limit limit); /* until when; 0 = never was */
/* Counts one that the shared limiter (the cache) has admitted, so that counting here alone would start
 * from the true number. */
void hub_rate_note(struct hub_hub *hub, struct hub_user *u, enum hub_limit limit, int64_t now);
/* Takes back the last one that was counted. */
void hub_rate_give(struct hub_user *u, enum hub_limit limit);
void hub_rate_sweep(struct hub_hub *hub, int64_t now);

/* ---- what a read holds (row_reads.c) ---- */

#define HUB_PAGE_MAX 1000     /* messages of one answer */
#define HUB_PAGES_MAX 1000000 /* the last page by number */
/* What a read of ROOM holds of results (reads.h): asked for by the number of rows, then as much as they
 * are (ROWS may be NULL). */
#define HUB_ROW_BYTES 2048 /* until the room's messages are known */
/* How many rows to select for LIMIT of them: one more, which tells whether there are others, or as many as
 * an answer can hold. */
int64_t hub_rows_wanted(const struct hub_room *room, int64_t limit);
void hub_rows_ask(struct hub_room *room, struct hub_result *r, struct hub_str who, int64_t rows);
void hub_rows_are(struct hub_room *room, struct hub_result *r, const struct hub_rows *rows);

/* ---- gates (gate.c) ---- */

extern const struct hub_gate hub_gate_running, hub_gate_room, hub_gate_args; /* the arguments, but for later ones */
#define HUB_REASON_MAX 1000 /* bytes that a moderator may give as reason */
/* The argument that hub_gate_room checks, the first row of most commands. */
#define HUB_ARG_ROOM \
    { "roomId", HUB_ARG_ID, HUB_ARG_REQUIRED | HUB_ARG_LATER, .help = "The room." }
#define HUB_MESSAGE_ID_MAX 64
#define HUB_ARG_MESSAGE \
    { "messageId", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .most = HUB_MESSAGE_ID_MAX, .help = "The message." }
extern const struct hub_gate hub_gate_read, hub_gate_moderate, hub_gate_manage;
/* Not blocked; canSend, and not silenced. */
extern const struct hub_gate hub_gate_unblocked, hub_gate_speaker;
/* args.content is an object within maxMessageSize. */
extern const struct hub_gate hub_gate_size;
/* Counts one of a limit; the last ones of a list, or before the room is looked for. */
extern const struct hub_gate hub_gate_messages, hub_gate_reactions, hub_gate_joins, hub_gate_reads;

/* What hub_gate_unblocked and hub_gate_speaker say, for a call that has waited since. */
enum hub_code hub_gate_again(struct hub_call *c, struct hub_err *err);
/* The JSON of CONTENT, into which defaults were filled, in the place of TEXT: it must still be within
 * maxMessageSize. */
enum hub_code hub_gate_filled(const struct hub_hub *hub, const json_t *content, struct hub_buf *text,
                              struct hub_err *err);
/* Counts one of LIMIT, in the cache when all processes share it, else (and while that is away) in this
 * process' window. THEN comes once, in the order of the calls, possibly before this returns; with false
 * when the call was refused (and is gone). */
typedef void hub_gate_counted(void *arg, bool allowed);
void hub_gate_limit(struct hub_call *c, enum hub_limit limit, hub_gate_counted *then, void *arg);
/* What was counted last is not to count: it came to nothing. */
void hub_gate_give_back(const struct hub_call *c, enum hub_limit limit);
/* Refuses with too_many, naming the limit. */
enum hub_code hub_gate_too_many(const char *limit, int64_t most, const char *what, struct hub_err *err);
#endif
