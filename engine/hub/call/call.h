/* One request of a client: who asks, over which connection or by REST, with which arguments; the gates it
 * passes, the limits it is counted by, and its answer, which it gets exactly once. */
#ifndef HUB_CALL_CALL_H
#define HUB_CALL_CALL_H
#include "base/id/traceparent.h"
#include "hub/call/args.h"
#include "hub/call/connection/connection.h"

/* ---- what a hook's answer is worth (call.c) ---- */

/* A hook judges a call by the token, the role in the room and the definitions of the moment in which it is
 * asked. Whoever asks it keeps this meanwhile. */
struct hub_judging {
    const struct hub_def *def;
    const struct hub_def_role *role;
    int tries; /* answers that were not worth anything */
};
/* The hook is about to be asked, by what the caller is now. */
void hub_judging_begin(struct hub_judging *j, struct hub_call *call);
/* Whether its answer, which has come, counts: false when one of these is another one by now. The call's
 * rights are those of the moment. */
bool hub_judging_stands(const struct hub_judging *j, struct hub_call *call);
/* It does not count: HUB_OK when the hook is to be asked again, which it is not for ever. */
enum hub_code hub_judging_again(struct hub_judging *j, struct hub_err *err);

/* ---- what members change of a room by the hook canWrite (room_write.c) ---- */

/* Whether CALL, of a member, may still be asked about, also after it has waited; its rights are those of the
 * moment. CAN_WRITE is no script: nobody may change WHAT, "state". */
enum hub_code hub_room_write_stands(struct hub_call *call, const struct hub_script *can_write, const char *what,
                                    struct hub_err *err);
/* Asks whether KEY may become VALUE. */
void hub_room_write_ask(struct hub_call *call, const struct hub_script *can_write, json_t *key, json_t *value,
                        hub_hook_done *done, void *arg);

/* ---- calls ---- */

/* Whether every key of the payload is one of NAMES, with a space between, or none that resembles one: others
 * may be of newer clients, and are passed over. False when the call was refused (and is gone). */
bool hub_call_keys(struct hub_call *call, const char *names);
void hub_call_log_unknown(const struct hub_call *call, const char *names); /* which others there are; at debug */
/* On to the next gate of the call's command, or behind the last one, to the command. From outside: at the
 * call's start, and by a gate that was asked and is passed. The call may be gone when it returns. */
void hub_call_go(struct hub_call *call);
/* The same from the first gate on, for a call that has waited or has other arguments now. Its limits are not
 * counted again. */
void hub_call_again(struct hub_call *call);
/* Ends the call without an answer: nobody is there to read it. */
void hub_call_drop(struct hub_call *call);
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
    void (*run)(struct hub_call *call); /* when it has waited there; then as a gate has found it */
    bool joining;                       /* a hub:join: its end lets conn->waiting go on (order.c) */
    bool judging;                       /* so does the run of this one, or its end */
    bool counted;                       /* gates that count have been passed once */
    struct hub_wrapping *wrapping;      /* the middleware around it; NULL: none (middleware.c) */
    bool uncounted;        /* the service itself wants it: gates do not count it, no middleware is around it */
    hub_call_reply *reply; /* REST */
    hub_call_gone *gone;
    void *reply_arg;
    void (*enter)(struct hub_call *call); /* REST: sets room and rights, then hub_call_go; or refuses */
    const struct hub_dispatch *dispatch;  /* of an event; NULL: there is none of that name */
    const struct hub_command *command;
    uint8_t gate;         /* the next one, of its command */
    const void *subject;  /* what it is about, from one of its steps to the next */
    struct hub_read read; /* its slot, until the answer */
    struct hub_buf text;  /* what it brings, as JSON, once that was written: args.content by hub_gate_size */
    bool late;            /* from the beginning, and ARGS have something empty in its place (hub_call_lighten) */
    size_t oversize;      /* bytes of that, when it was over maxMessageSize and is gone; 0: it is there */
    bool has_bytes;
    struct hub_buf bytes;           /* the binary value that came with it (HUB_BYTES) */
    struct hub_backlog_entry waits; /* what it takes until the answer */
};

/* Runs START(call) at once or, of a read, when its turn comes; the call is refused when too many reads of
 * the connection, or by REST (from ADDRESS) of the user, wait. */
void hub_call_queue(struct hub_call *call, struct hub_str address, void (*start)(struct hub_read *r));
static inline struct hub_call *hub_call_of(struct hub_read *r) { return HUB_CONTAINER(r, struct hub_call, read); }

HUB_MUST struct hub_call *hub_call_new(struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who,
                                       const char *event, json_t *args, int64_t ack);
/* What C has sent as an event, as what it is by its name; NULL: it was refused, since it is no object, or has
 * attachments, or a name that none can have. */
struct hub_call *hub_call_of_event(struct hub_conn *c, struct hub_str event, json_t *args,
                                   const struct hub_binaries *bins, int64_t ack);
/* UNKNOWN_EVENT. */
void hub_call_fail_unknown(struct hub_call *call);
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
/* A refusal in the words of the hub's own script: CODE, which ends with a NUL, is its own, too; DATA is a
 * member of the error, NULL: none. */
void hub_call_refuse(struct hub_call *call, struct hub_str code, struct hub_str message, const json_t *data);
/* With extra members for the error object, e.g. "\"retryAfterMs\":1200". As for the others, the code must be
 * one that the call's command, once it has one, may refuse with. */
void hub_call_fail_with(struct hub_call *call, const struct hub_err *err, struct hub_str fields);

/* ---- what a call may be refused with (refusal.c) ---- */

/* Any command, whatever its rows name. Ends with HUB_OK. */
struct hub_refusal {
    enum hub_code code;
    const char *when; /* for documents */
};
extern const struct hub_refusal hub_refusals[];
/* Whether it is one of these, or the row of C, of one of its gates or of its arguments names CODE. */
bool hub_command_may_refuse(const struct hub_command *c, enum hub_code code);

static inline bool hub_id_ok(struct hub_str id) { return hub_str_is_id(id); }
/* args[key] as text; empty when absent. For ids a number is not accepted. */
static inline struct hub_str hub_call_str(const struct hub_call *c, const char *key) {
    return hub_json_get_str(c->args, key);
}

/* ---- middleware around calls (middleware.c) ---- */

/* The trace that CALL belongs to by its argument traceparent or its connection, as text (borrowed from
 * OUT or the connection); NULL: unknown. */
const char *hub_call_traceparent(const struct hub_call *call, char out[HUB_TRACEPARENT_LEN + 1]);
/* What middleware and commands see, as variables; their values are references. */
struct hub_call_context {
    struct hub_hook_arg vars[11];
    size_t n;
    const char *trace; /* the value of traceparent; NULL: unknown */
};
void hub_context_add(struct hub_call_context *x, const char *name, json_t *value); /* given away; NULL: null */
struct hub_steps;
/* All of CALL, which is NAME with PAYLOAD (given away), that is made for it and one of STEPS wants. */
void hub_context_fill(struct hub_call_context *x, const struct hub_call *call, struct hub_str name, json_t *payload,
                      const struct hub_steps *steps);
void hub_context_free(struct hub_call_context *x);

/* The scripts around something in their order: all befores, what it is, all afters backwards. */
struct hub_steps {
    const struct hub_script **items;
    size_t n, main; /* MAIN: the place of what they are around; N: it is no script */
};
/* Those of ALL that are around AROUND, and inside of them the command OWN with its own. */
struct hub_steps hub_steps_of(const struct hub_def_parts *all, const struct hub_def_command *own,
                              enum hub_around around);
/* Only what comes before, or after. */
struct hub_steps hub_steps_before(const struct hub_def_parts *all, enum hub_around around);
struct hub_steps hub_steps_after(const struct hub_def_parts *all, enum hub_around around);
void hub_steps_free(struct hub_steps *s);
bool hub_steps_want(const struct hub_engine *e, const struct hub_steps *s, const char *variable);
/* Whether S may be a code of a script's own: written as the engine's are. */
bool hub_code_of_script(struct hub_str s);

/* When CALL, whose command is known, is about to be judged: what follows it on its connection waits until
 * it runs, if there is something before it. */
void hub_middleware_begin(struct hub_call *call);
/* All gates are passed. False: nothing is left to be asked, the command runs now. Else the call comes back
 * by hub_call_again, or is refused; it may be gone. */
bool hub_middleware_ask(struct hub_call *call);
/* It was answered with FIELDS, and is about to be freed. */
void hub_middleware_succeeded(struct hub_call *call, struct hub_str fields);
void hub_middleware_end(struct hub_call *call); /* it is freed */

/* ---- what a payload takes while it waits (large_payload.c) ---- */

#define HUB_CALL_LARGE 16384 /* bytes of JSON: to be lightened */
/* Lets go of what is of no use in the payload: keys that COMMAND, whose keys are KEYS, does not know. Its
 * argument HUB_ARG_LARGE goes on as CALL->text, if it is large. */
void hub_call_lighten(struct hub_call *call, const struct hub_command *command, const char *keys);
/* All arguments of CALL, with the tree of that one in its place. New reference. */
HUB_MUST json_t *hub_call_payload(const struct hub_call *call);
/* PAYLOAD, an object (given away), in the place of the arguments, as if they had come so. */
void hub_call_take_payload(struct hub_call *call, json_t *payload);
/* The tree of args[KEY], the argument HUB_ARG_LARGE, whose text may be in TEXT by now. New reference. */
HUB_MUST json_t *hub_call_tree(const struct hub_call *call, const char *key, const struct hub_buf *text);
/* Counts what the call takes: as it came, with BYTES of JSON; and anew, with MORE bytes elsewhere, before it
 * waits among many. False when there is no room: it was refused, and is gone. */
bool hub_call_came(struct hub_call *call, size_t bytes);
bool hub_call_waits(struct hub_call *call, size_t more);
/* The first of these for a call of a hub, which is lightened before if it is large. */
bool hub_call_arrived(struct hub_call *call, size_t bytes);

/* ---- limits (rate.c) ---- */

#define HUB_RATE_WINDOW_MS 60000
int64_t hub_limit_of(const struct hub_def *def, enum hub_limit limit); /* how many a minute */
const char *hub_limit_name(enum hub_limit limit);                      /* as it is written in a definition */
/* One of the limits of a definition, or something that has a limit of its own. */
struct hub_counted {
    uint32_t id; /* enum hub_limit, or of hub_limit_id */
    const char *name;
    int64_t most; /* a minute */
};
/* The same number for NAME as long as E lives. */
uint32_t hub_limit_id(struct hub_engine *e, const char *name);
/* Counts one in this process' window of U; false when that is full, *RETRY_MS until it has room. */
bool hub_rate_take(struct hub_user *u, const struct hub_counted *limit, int64_t now, int64_t *retry_ms);
/* All processes together have no place UNTIL then: nobody needs to be asked again before. */
void hub_rate_close(struct hub_user *u, const struct hub_counted *limit, int64_t until);
int64_t hub_rate_closed(struct hub_user *u, uint32_t limit); /* until when; 0 = never was */
/* Counts one that the shared limiter (the cache) has admitted, so that counting here alone would start
 * from the true number. */
void hub_rate_note(struct hub_user *u, const struct hub_counted *limit, int64_t now);
/* Takes back the last one that was counted. */
void hub_rate_give(struct hub_user *u, uint32_t limit);
/* Forgets what is over; whether nothing is left. */
bool hub_rates_forget(struct hub_user *u, int64_t now);
void hub_rates_free(struct hub_user *u);

/* ---- commands by name (dispatch.c) ---- */

struct hub_dispatch {
    const struct hub_part *part;
    const struct hub_command *command;
    char *keys; /* names of its arguments, with a space between */
};
/* Maps the commands of all parts of E; a name that two of them have is a bug, and ends the process. */
void hub_dispatch_init(struct hub_engine *e);
void hub_dispatch_deinit(struct hub_engine *e);
const struct hub_dispatch *hub_dispatch_find(const struct hub_engine *e, struct hub_str name); /* or NULL */
/* What EVENT with PAYLOAD (NULL: none) is in HUB, by its name or as another name for a command; NULL:
 * nothing.
 * *ARGS: the command's arguments, a new reference, NULL: none. */
const struct hub_dispatch *hub_dispatch_of(const struct hub_hub *hub, struct hub_str event, json_t *payload,
                                           json_t **args);
/* Runs CALL as what its dispatch says, when that part is declared in the call's hub; NULL: unknown_event. */
void hub_dispatch_run(struct hub_call *call);

/* ---- what a read holds (row_reads.c) ---- */

#define HUB_PAGE_MAX 1000     /* messages of one answer */
#define HUB_PAGES_MAX 1000000 /* the last page by number */
/* What a read of ROOM holds of results (read_turns.h): asked for by the number of rows, then as much as they
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
extern const struct hub_gate hub_gate_messages, hub_gate_reactions, hub_gate_joins, hub_gate_reads, hub_gate_writes,
    hub_gate_metadata, hub_gate_publishes, hub_gate_events;

/* Sets member, room and rights of CALL, of a connection, by args.roomId: what hub_gate_room does. */
enum hub_code hub_call_find_room(struct hub_call *call, struct hub_err *err);
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
/* The same with a limit of its own, MOST a minute, counted apart by NAME, which lasts until THEN. */
void hub_gate_own_limit(struct hub_call *c, const char *name, int64_t most, hub_gate_counted *then, void *arg);
/* Uncounts what was counted last, because the request had no effect. */
void hub_gate_give_back(const struct hub_call *c, enum hub_limit limit);
/* Refuses with too_many, naming the limit. */
enum hub_code hub_gate_too_many(const char *limit, int64_t most, const char *what, struct hub_err *err);
#endif
