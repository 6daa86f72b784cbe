/* Shared by the files of engine/hub only: the running hub, a connection to it, a call, and the steps they
 * go through. */
#ifndef HUB_HUB_HUB_INT_H
#define HUB_HUB_HUB_INT_H
#include "base/mem.h"
#include "base/metric.h"
#include "data/change_feed.h"
#include "data/objects.h"
#include "hub/engine.h"
#include "hub/reads.h"
#include "identity/identity.h"
#include "room/room.h"
#include "work/work.h"

/* A feature of hubs: what it does in their life. The parts are listed in parts.c; none of this is on the
 * way of a message. In all of them the room is held by the caller; NULL: nothing. */
struct hub_part {
    const char *name;
    void (*started)(struct hub_engine *e);        /* scripts, store and bus are there */
    void (*room_entered)(struct hub_room *room);  /* by a connection */
    void (*room_left)(struct hub_room *room);     /* by a connection, which may have been the last one */
    void (*room_reloaded)(struct hub_room *room); /* its hub has a new definition */
    void (*room_closed)(struct hub_room *room);   /* its row is gone or not eligible, or the hub goes */
};
extern const struct hub_part *const hub_parts[]; /* ends with NULL */
/* Calls STEP of all parts of engine E that have it. */
#define HUB_PARTS_CALL(e, step, ...)                                        \
    for (const struct hub_part *const *part_ = (e)->parts; *part_; part_++) \
        if ((*part_)->step) (*part_)->step(__VA_ARGS__)

struct hub_engine {
    struct hub_engine_config config;
    const struct hub_part *const *parts; /* hub_parts; a test may have others */
    struct hub_hub **hubs;               /* rooms and connections point at them, so they never move */
    size_t hub_n;
    struct hub_hub **gone; /* hubs that a reload took out of service; kept until the end */
    size_t gone_n;
    bool draining;
    size_t pending;
    struct hub_bridge *bridge;
    struct hub_data data;
    struct hub_outbox *outbox; /* NULL: the bus is in this process */
    hub_trace *trace;          /* hubctl why: told of every layer of a decision; NULL in a server */
    void *trace_arg;
    struct hub_timer sweep; /* forgets idle users' rate windows */
    struct hub_retries retries;
    struct hub_reads reads;
};

/* For whom a hook runs, as the engine functions that it calls see it. A hook that decides who may enter
 * must not wait for decisions: they might wait for it. */
struct hub_caller {
    struct hub_hub *hub;
    bool decides;
};

struct hub_hub {
    struct hub_engine *engine;
    struct hub_caller caller, decider;
    const struct hub_def *def;
    const struct hub_hub_tables *tables;
    struct hub_map rooms; /* id → hub_room */
    struct hub_map users; /* userId → hub_user */
    struct hub_list conns;
    struct hub_list decisions;  /* under way */
    struct hub_map redecisions; /* under way (redecide.c) */
    bool forget_lost; /* the cache did not hear of something that is to be forgotten: it is not asked until it has
                         forgotten everything */
    bool forgetting;  /* everything, just now */
    uint64_t rules;   /* what decisions follow from: part of their keys */
};

/* What a user may do so often a minute (guard.c). */
enum hub_limit {
    HUB_LIMIT_MESSAGES, /* guardrails.messageRateLimit; the others are hubExtensions.limits */
    HUB_LIMIT_EVENTS,
    HUB_LIMIT_KEPT_EVENTS,
    HUB_LIMIT_REACTIONS,
    HUB_LIMIT_RECEIPTS,
    HUB_LIMIT_JOINS,
    HUB_LIMIT_READS,
    HUB_LIMIT_COUNT
};

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
extern const struct hub_namespace_ops hub_conn_ops;

/* ---- the order of what a connection sends (order.c) ---- */

/* Until the connection's hub:join is answered; then RUN(call). */
void hub_order_wait(struct hub_call *call, void (*run)(struct hub_call *call));
void hub_order_joining(struct hub_call *call); /* a hub:join, before it may have to wait for its turn */
void hub_order_joined(struct hub_conn *c);     /* it was answered: what waited goes on */
void hub_order_drop(struct hub_conn *c);       /* the connection is closed */
/* A call that has waited is the user's as he is by now (hub:refreshToken). True: he was another when he
 * sent it. */
bool hub_call_renew(struct hub_call *call);

struct hub_hub *hub_hub_new(struct hub_engine *e, size_t index); /* of the engine's present service */
void hub_hub_close_rooms(struct hub_hub *hub); /* nothing of it runs on by itself: it goes, or the process */

/* ---- calls ---- */

struct hub_command {
    const char *event;
    unsigned needs;
    void (*run)(struct hub_call *call); /* ends in hub_call_ok or hub_call_fail, now or later */
    const char *args;                   /* keys of the payload, with a space between */
    enum hub_limit limit;               /* counted before it runs; HUB_LIMIT_MESSAGES: not here */
};
enum {
    HUB_NEEDS_ROOM = 1, /* the caller is in the room (REST: may enter it): room and rights are set */
    HUB_NEEDS_READ = 2, /* canRead */
    HUB_NEEDS_MODERATE = 4,
    HUB_NEEDS_MANAGE = 8,
    HUB_REST = 16,  /* also by hub_engine_request */
    HUB_READS = 32, /* it reads: the caller's reads take turns (reads.h) */
    HUB_PAST = 64,  /* its answer holds a part of the room's past, by default as much as historyLimit says */
    HUB_JOINS = 128 /* what the connection sends after it waits for its answer (order.c) */
};
extern const struct hub_command hub_commands[]; /* ends with event == NULL */
const struct hub_command *hub_command_find(struct hub_str event);
/* Whether every key of the payload is one of NAMES, or none that resembles one: others may be of newer
 * clients, and are passed over. False when the call was refused (and is gone). */
bool hub_call_keys(struct hub_call *call, const char *names);
/* Whether the call's rights are what NEEDS asks for; false when it was answered with a refusal. */
bool hub_call_permitted(struct hub_call *call, unsigned needs);
/* Finds the room and rights of a socket's call; false when it was answered with a refusal. */
bool hub_call_settle(struct hub_call *call, unsigned needs);

/* One request on its way. Owned by whoever works on it; hub_call_ok and hub_call_fail end and free it. */
struct hub_call {
    struct hub_hub *hub;
    struct hub_conn *conn;    /* reference; NULL for REST */
    struct hub_identity *who; /* reference */
    char event[64];           /* as the client wrote it, for hub:error */
    json_t *args;             /* object, reference; NULL once a message was submitted that will be acknowledged */
    int64_t ack;
    struct hub_room *room; /* reference, or NULL */
    struct hub_rights rights;
    unsigned needs;                     /* of its command */
    uint32_t judged;                    /* room->judged when the rights were found */
    struct hub_member *member;          /* reference; NULL for REST and outside rooms */
    struct hub_list in_waiting;         /* conn->waiting */
    void (*run)(struct hub_call *call); /* when it has waited there */
    bool joining;                       /* a hub:join: its end lets conn->waiting go on (order.c) */
    hub_call_reply *reply;              /* REST */
    hub_call_gone *gone;
    void *reply_arg;
    const struct hub_command *command;
    const void *subject;  /* what it is about, from one of its steps to the next */
    struct hub_read read; /* its slot, until the answer */
};
/* Runs START(call) at once or, of a read, when its turn comes; the call is refused when too many reads of
 * the connection, or by REST (from ADDRESS) of the user, wait. */
void hub_call_queue(struct hub_call *call, const struct hub_command *command, struct hub_str address,
                    void (*start)(struct hub_read *r));
/* Counts the call as one of its command's limit, then THEN(call, true); false: it was refused (and is
 * gone). */
void hub_call_count(struct hub_call *call, void (*then)(void *call, bool allowed));
static inline struct hub_call *hub_call_of(struct hub_read *r) { return HUB_CONTAINER(r, struct hub_call, read); }

struct hub_call *hub_call_new(struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who, const char *event,
                              json_t *args, int64_t ack);
void hub_call_ok(struct hub_call *call, const char *data_name, struct hub_str fields);
void hub_call_fail(struct hub_call *call, enum hub_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* With extra members for the error object, e.g. "\"retryAfterMs\":1200". */
void hub_call_fail_with(struct hub_call *call, const struct hub_err *err, struct hub_str fields);
/* ---- calls that have waited (standing.c) ---- */

/* Nothing has happened in the room since the call was judged that could have changed what it may do. */
static inline bool hub_call_fresh(const struct hub_call *c) {
    return c->member && !c->member->gone && c->judged == c->room->judged && !c->room->ended;
}
/* Finds room and rights of a call anew and passes the gates of its command again. THEN comes once,
 * possibly before this returns; with false when the call was refused (and is gone). */
typedef void hub_call_judged(void *arg, bool stands);
void hub_call_stands(struct hub_call *call, hub_call_judged *then, void *arg);
/* hub_call_ok for what was read: not for those who may not see it any more. */
void hub_call_show(struct hub_call *call, const char *data_name, struct hub_str fields);

static inline bool hub_id_ok(struct hub_str id) { return hub_str_is_id(id); }
/* args[key] as text; empty when absent. For ids a number is not accepted. */
static inline struct hub_str hub_call_str(const struct hub_call *c, const char *key) {
    return hub_json_get_str(c->args, key);
}

/* args.userId, a text of 1 to 255 bytes; false when the call was refused (and is gone). */
bool hub_call_user(struct hub_call *call, struct hub_str *user);
/* args.reason, if given, is a text of bounded length; false when the call was refused (and is gone). */
bool hub_call_reason(struct hub_call *call);

/* ---- deciding who may enter (decide.c) ---- */

/* LAYER names what decided ("authSources.owner", "cache", …). RECORD is the room's row (borrowed). CODE !=
 * HUB_OK: refused. */
typedef void hub_decide_done(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                             struct hub_room *room);
/* Works out whether WHO may enter ROOM_ID, all layers in order, the room opened (a reference given to DONE
 * for the call only). */
void hub_decide(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, bool skip_cache,
                hub_decide_done *done, void *arg);
/* Drops cached decisions: of one user in a room, of a room (USER_ID empty), or of the whole hub (both
 * empty). Those under way start over. WORK (may be NULL) waits until the cache knows. */
void hub_decide_forget(struct hub_hub *hub, struct hub_str room_id, struct hub_str user_id, struct hub_work *work);
/* The room's row is another by now: decisions under way that read it before read it again. */
void hub_decide_record_changed(struct hub_hub *hub, struct hub_str room_id);

/* The definition is new: decisions that follow from other rules are not found any more. */
void hub_decide_rules(struct hub_hub *hub);

/* Rights of those who are in worked out again, cached decisions dropped (redecide.c): announced when they
 * changed, kicked when lost. */
void hub_redecide_user(struct hub_room *room, struct hub_str user_id, struct hub_work *work);
void hub_redecide_room(struct hub_room *room, struct hub_work *work);

/* ---- events from the bus (bridge.c) ---- */

struct hub_bridge *hub_bridge_new(struct hub_engine *e);
void hub_bridge_stop(struct hub_bridge *b); /* records whose work is not over do not count as handled any more */
void hub_bridge_delete(struct hub_bridge *b);
hub_feed_changed hub_bridge_changed;             /* its ctx is the engine */
void hub_bridge_subscribe(struct hub_engine *e); /* to every topic the present definitions name; again after a reload */
/* A system message {systemAction, systemData} to TARGET, where the hub has that type (notice.c). */
void hub_bridge_system_message(struct hub_room *room, const struct hub_target *target, const char *action,
                               const json_t *data, struct hub_work *work);
/* ROW is a message as it is after somebody else changed or deleted it: the change takes its number and is
 * told to the room (behind.c). */
void hub_bridge_message(struct hub_hub *hub, const json_t *row, bool deleted, struct hub_work *work);
/* "hub:EVENT" and the system message of the same name to everybody: RECORD is the row it is about, as it is
 * now, CHANGES what changed of it, or NULL. */
void hub_room_tell(struct hub_room *room, const char *event, const json_t *record, const json_t *changes,
                   struct hub_work *work);
/* After the room's record changed: closes the room when it is no longer eligible, else works out
 * everybody's rights again. ROOM must be held by the caller. */
void hub_room_recheck(struct hub_room *room, struct hub_work *work);
/* hub:roomClosed to everybody, and out. WHY is HUB_ROOM_NOT_FOUND or HUB_ROOM_NOT_ELIGIBLE. */
void hub_room_close(struct hub_room *room, enum hub_code why, struct hub_work *work);

/* ---- the room's record in memory (record.c) ---- */

/* Reads the row of room ROOM_ID; false when no row can have that id. HOLD backs the condition until the
 * answer. */
bool hub_record_read(struct hub_hub *hub, const char *room_id, struct hub_buf *hold, hub_rows_cb *done, void *arg);
/* hub_data.written, whose ctx is the engine. W, a write of an object's row, is through: rooms in use have
 * the new row at once, those whose row is gone have ended. */
void hub_record_written(void *ctx, const struct hub_write *w);
/* TEXT as a value of the column; false when it can never match (a word against a number). */
bool hub_cond_of_text(struct hub_cond *cond, const struct hub_table *t, int column, const char *text,
                      struct hub_buf *hold);

/* ---- opening rooms (open.c) ---- */

/* Makes sure seq, epoch and moderation are loaded. DONE may come at once. ROOM must be held by the caller
 * until then. */
typedef void hub_open_done(void *arg, enum hub_code code);
void hub_room_open(struct hub_room *room, hub_open_done *done, void *arg);
static inline struct hub_hub *hub_of(const struct hub_room *room) { return room->hub; }

/* ---- members (member.c) ---- */

void hub_member_enter(struct hub_member *m, struct hub_conn *c, struct hub_room *room, const struct hub_rights *rights);
/* Leaves by itself; gives up the member, tells presence. The socket itself is told nothing: see
 * hub_member_expel. */
void hub_member_exit(struct hub_member *m);
/* EVENT to this connection, then out. */
void hub_member_expel(struct hub_member *m, const char *event, struct hub_str reason);
/* All connections of a user: event to each, then out. Sends of theirs that wait for their turn are refused
 * with CODE. */
void hub_room_expel(struct hub_room *room, struct hub_str user_id, const char *event, struct hub_str reason,
                    enum hub_code code);
/* Everybody out, after the readers were told why; those without canRead get hub:kicked with REASON. */
void hub_room_empty(struct hub_room *room, struct hub_str reason);
void hub_members_json(struct hub_room *room, struct hub_buf *out); /* appends an array */
/* hub:permissions to this connection: rights or silence have changed. */
void hub_permissions_tell(struct hub_member *m);
void hub_permissions_tell_user(struct hub_room *room,
                               struct hub_str user_id); /* to all connections of the user in the room */
/* Of connection M; NULL: of all the user's. Told when it changes anything. */
void hub_presence_online(struct hub_room_user *u, struct hub_member *m);
void hub_presence_away(struct hub_room_user *u, struct hub_member *m);
/* What is told of a user, of connection M; NULL: by REST, and so of all his connections. */
void hub_indicator_typing(struct hub_room_user *u, struct hub_member *m);
void hub_indicator_stop_typing(struct hub_room_user *u, struct hub_member *m);
void hub_indicator_recording(struct hub_room_user *u, struct hub_member *m);
void hub_indicator_stop_recording(struct hub_room_user *u, struct hub_member *m);
void hub_indicators_stop(struct hub_room_user *u);
/* A message of USER_ID is told: he types it no more. */
void hub_indicators_message(struct hub_room *room, struct hub_str user_id);

/* ---- moderation (moderation.c) ---- */

/* Wall ms, 0 = not, INT64_MAX = without end; when it ends by itself the room and the user are told. */
void hub_silence_set(struct hub_moderated *m, int64_t until);
/* ---- scheduled actions (schedule.c) ---- */

extern const struct hub_part hub_scheduled_actions;

/* ---- users and limits (guard.c) ---- */

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

/* ---- gates that a send and an edit share (gate.c), in this order ---- */

/* Not draining, not blocked, canSend, not silenced. */
enum hub_code hub_gate_sender(const struct hub_call *c, struct hub_err *err);
/* The same for what was accepted before: it is still worked on while the process ends. */
enum hub_code hub_gate_again(const struct hub_call *c, struct hub_err *err);
/* args.content is an object within maxMessageSize; its JSON is appended to TEXT. */
enum hub_code hub_gate_size(const struct hub_call *c, struct hub_buf *text, struct hub_err *err);
/* The JSON of CONTENT, into which defaults were filled, in the place of TEXT: it must still be within
 * maxMessageSize. */
enum hub_code hub_gate_filled(const struct hub_hub *hub, const json_t *content, struct hub_buf *text,
                              struct hub_err *err);
/* Counts one of LIMIT, in the cache when all processes share it, else (and while that is away) in this
 * process' window. THEN comes once, in the order of the calls, possibly before this returns; with false
 * when the call was refused (and is gone). */
typedef void hub_gate_counted(void *arg, bool allowed);
void hub_gate_limit(struct hub_call *c, enum hub_limit limit, hub_gate_counted *then, void *arg);
static inline void hub_gate_rate(struct hub_call *c, hub_gate_counted *then, void *arg) {
    hub_gate_limit(c, HUB_LIMIT_MESSAGES, then, arg);
}
/* What was counted last is not to count: it came to nothing. */
void hub_gate_give_back(const struct hub_call *c, enum hub_limit limit);
/* Refuses with too_many, naming the limit. */
enum hub_code hub_gate_too_many(const char *limit, int64_t most, const char *what, struct hub_err *err);

/* ---- content (content.c) ---- */

/* Checks CONTENT against the type and fills defaults in. *CHANGED is set when that altered it. */
enum hub_code hub_content_check(const struct hub_def_message_type *type, json_t *content, bool *changed,
                                struct hub_err *err);
/* One value against one field type; NULL when it fits, else what was expected. */
const char *hub_field_mismatch(const struct hub_def_field *field, const json_t *value);

/* ---- messages (message.c) ---- */

/* Places in a text where the previews of messages replied to belong (preview.c). */
struct hub_reply {
    size_t at; /* of "null", which stands for the preview */
    char id[65];
};
struct hub_replies {
    struct hub_reply *items;
    size_t n, cap;
};
/* Appends the message as the wire shows it (wire.md "A message on the wire"). CELLS are those of TABLE, a
 * message table. A message that replies to another one adds a place to REPLIES for hub_previews_fill; with
 * NULL its preview is null. */
void hub_message_json(struct hub_buf *b, const struct hub_table *table, const struct hub_cell *cells,
                      struct hub_replies *replies);
/* Appends ,"sender":{…} or nothing for a system message. */
void hub_message_sender_json(struct hub_buf *b, const struct hub_cell *cells);
/* Appends "messages":[…] of the first TAKE of ROWS, ascending seq (reversed when they come newest first). */
void hub_messages_json(struct hub_buf *b, const struct hub_rows *rows, size_t take, bool reversed,
                       struct hub_replies *replies);

/* What a message says in a line, a JSON text: its body, or what names it, or its type. The server's word:
 * a preview cannot be forged. */
json_t *hub_message_preview(const struct hub_cell *cells);
/* Who is shown previews. */
struct hub_viewer {
    struct hub_str user; /* empty: everybody */
    bool own_only;       /* he may not read here, and knows his own messages only */
};
static inline struct hub_viewer hub_viewer_of(const struct hub_call *c) {
    return (struct hub_viewer){hub_cstr(c->who->user_id), !c->rights.can_read};
}
/* Puts previews into TEXT at the places REPLIES, as the messages replied to are now: null for those that
 * are gone, do not count (yet), or are not for VIEWER. TEXT and REPLIES are the caller's and VIEWER's text
 * must stay until DONE, which comes at once when there are no places. REPLIES is empty then. A store that
 * does not answer leaves the previews null. */
typedef void hub_previews_done(void *arg);
void hub_previews_fill(struct hub_room *room, struct hub_viewer viewer, struct hub_buf *text,
                       struct hub_replies *replies, hub_previews_done *done, void *arg);
void hub_replies_add(struct hub_replies *r, size_t at, struct hub_str id);
void hub_replies_free(struct hub_replies *r);
/* The same from memory: PREVIEWS has them by id. */
void hub_previews_put(struct hub_buf *text, struct hub_replies *replies, const json_t *previews);

/* What asks the store in its turn of a room is refused when it has waited longer: one by one, each would
 * wait anew for a store that is away. */
#define HUB_TURN_PATIENCE_MS 30000

/* A write to the message table that the room is told of in its order (numbered.c). Part of its owner's
 * struct, which lives until announce. */
struct hub_numbered {
    struct hub_write write;  /* table, kind, cells, where, conflict, numbering, return_row are the owner's to fill */
    struct hub_room_out out; /* numbered.c's */
    struct hub_room *room;   /* numbered.c's: a reference while under way */
    bool quiet;              /* no event of it, for there was one that led to it */
    void (*undecided)(struct hub_numbered *n); /* hub_write.undecided: whoever waits is to be told. May be NULL */
    /* After the commit, or write.code: the only time write.row can be read. False: the announcement waits
     * for hub_numbered_ready. */
    bool (*written)(struct hub_numbered *n);
    void (*announce)(struct hub_numbered *n); /* its turn: room->seq is raised; frees the owner */
};
void hub_numbered_write(struct hub_room *room, struct hub_numbered *n);
void hub_numbered_ready(struct hub_numbered *n); /* later than WRITTEN, which returned false */
/* Only takes its turn: for what is told and not stored. Written is not called. */
void hub_numbered_pass(struct hub_room *room, struct hub_numbered *n);

/* A message to be sent: by a member, by REST, or by a script. Copied where needed. */
struct hub_draft {
    struct hub_str sender_id;                  /* empty = system */
    struct hub_str sender_name, sender_avatar; /* empty = none */
    const char *type;                          /* of the definition: lives as long as it */
    struct hub_str content;                    /* JSON text, checked already */
    struct hub_str reply_id;                   /* of the message replied to; empty = none */
    const json_t *previews;                    /* {reply_id: its preview}; without it there is none */
    bool forwarded;
    struct hub_str client_message_id; /* empty = none */
    bool persist, pending;
    bool own_only;        /* the sender may not read here (struct hub_viewer) */
    bool announce;        /* tell the room (broadcast) */
    enum hub_to to;       /* whom */
    const json_t *to_ids; /* for HUB_TO_IDS */
    struct hub_str
        led_by;   /* the system's: the user whose message led to it, whom "sender" and "others" mean; empty = nobody */
    bool patient; /* DONE wants to know how it ended, not that the store is away and nobody can tell */
};
/* How a submitted draft ended: after the commit, before the announcement. MESSAGE (JSON) is borrowed. */
typedef void hub_submitted(void *arg, enum hub_code code, const char *error, struct hub_str message);
/* Gives the draft its place in the room's order, persists it, reports it to DONE (may be NULL), announces
 * it. Everything in DRAFT is borrowed for the call only. */
void hub_room_submit(struct hub_room *room, const struct hub_draft *draft, hub_submitted *done, void *arg);
/* Whether a message that SENDER_ID sent with this clientMessageId is on its way to the store: a look there
 * would not find it yet. */
bool hub_room_submitting(const struct hub_room *room, struct hub_str sender_id, struct hub_str client_message_id);
/* Name and avatar as copied into messages. */
struct hub_str hub_session_name(const json_t *session);
struct hub_str hub_session_avatar(const json_t *session);
/* A draft of the system, or in the name of SENDER, checked against the hub's types: HUB_INVALID_CONTENT,
 * HUB_UNKNOWN_TYPE. CONTENT_TEXT receives the content and must live until the draft is submitted. */
enum hub_code hub_draft_from_script(struct hub_room *room, struct hub_str type, json_t *content, struct hub_str sender,
                                    struct hub_draft *out, struct hub_buf *content_text, struct hub_err *err);

/* ---- hooks ---- */

/* Context shared by hooks: room under "room" and under the room object's name. */
size_t hub_hook_room_args(const struct hub_hub *hub, json_t *record, struct hub_hook_arg *args, size_t n);
static inline void hub_hook_call(struct hub_hub *hub, const struct hub_script *script, const struct hub_hook_arg *args,
                                 size_t n, hub_hook_done *done, void *arg) {
    hub->engine->config.hooks->call(hub->engine->config.scripts, script, &hub->caller, args, n, done, arg);
}
/* A hook that is part of a decision. */
static inline void hub_hook_decide(struct hub_hub *hub, const struct hub_script *script,
                                   const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    hub->engine->config.hooks->call(hub->engine->config.scripts, script, &hub->decider, args, n, done, arg);
}
/* Logs and counts a failed hook. */
void hub_hook_failed(const struct hub_hub *hub, const struct hub_script *script, enum hub_code code, const char *error);

/* Runs a handler's or action's serverMessages (array) in ROOM; SENDER empty for actions. */
void hub_server_messages(struct hub_room *room, const json_t *messages, struct hub_str sender, const char *origin);
/* Whether all of them could be sent; else ERR says which one not and why ("serverMessages[1].to: expected
 * …"). NULL messages are none. */
bool hub_server_messages_ok(struct hub_room *room, const json_t *messages, struct hub_err *err);
/* "to"/"broadcastTo" as written in a result: false when it is malformed. *IDS is borrowed. */
bool hub_target_parse(const json_t *v, enum hub_to *to, const json_t **ids);
/* Whom something is told to that is for the users of D: with a sender of its own, he is one of them. */
struct hub_target hub_draft_target(const struct hub_draft *d);

/* Stores the custom event E (ephemeral: false) of ROOM; SENDER empty for the server's own. DONE comes
 * once, later, with DATA as JSON text. */
typedef void hub_event_kept(void *arg, enum hub_code code, struct hub_str data);
void hub_event_keep(struct hub_room *room, struct hub_str sender, const struct hub_def_custom_event *e,
                    const json_t *data, hub_event_kept *done, void *arg);

/* ---- commands, by file ---- */
void hub_cmd_join(struct hub_call *c);
void hub_cmd_leave(struct hub_call *c);
void hub_cmd_send(struct hub_call *c);
void hub_cmd_edit(struct hub_call *c);
void hub_cmd_delete(struct hub_call *c);
void hub_cmd_react(struct hub_call *c);   /* also as hub:unreact (REST) */
void hub_cmd_message(struct hub_call *c); /* REST: GET one message */
void hub_cmd_pending(struct hub_call *c);
void hub_cmd_restrictions(struct hub_call *c);
void hub_cmd_approve(struct hub_call *c);
void hub_cmd_reject(struct hub_call *c);
void hub_cmd_block(struct hub_call *c);
void hub_cmd_unblock(struct hub_call *c);
void hub_cmd_silence(struct hub_call *c);
void hub_cmd_unsilence(struct hub_call *c);
void hub_cmd_request_speak(struct hub_call *c);
void hub_cmd_grant_speak(struct hub_call *c);
void hub_cmd_deny_speak(struct hub_call *c);
void hub_cmd_kick(struct hub_call *c);
void hub_cmd_update_room(struct hub_call *c);
void hub_cmd_history(struct hub_call *c);
void hub_cmd_members(struct hub_call *c);
/* Keys of the payload of hub:event, and of events under their own names; the later ones are of receipts. */
#define HUB_EVENT_ARGS "roomId event data lastReadTimestamp lastReadSeq messageId seq"
void hub_cmd_event(struct hub_call *c);
void hub_cmd_request_state(struct hub_call *c);
void hub_cmd_refresh_token(struct hub_call *c);
void hub_cmd_room(struct hub_call *c); /* REST: GET /{hub}/rooms/{id} */
void hub_receipt_read(struct hub_call *c);
void hub_receipt_delivered(struct hub_call *c);
/* A part of a room's past, from the time of message number START up to, not including, that of message
 * number END; 0 = open on that side. */
struct hub_span {
    int64_t start, end;
};
/* The events kept in that span, the newest 1,000 (of 4 MiB at most), in the order of time: JSON is an
 * array, borrowed. */
typedef void hub_kept_done(void *arg, enum hub_code code, struct hub_str json);
void hub_kept_events(struct hub_room *room, const struct hub_span *span, hub_kept_done *done, void *arg);
/* Built-in and custom names that may be emitted as events of their own: true when it was one and is dealt
 * with. */
bool hub_event_alias(struct hub_call *c, struct hub_str event);

/* What a read of ROOM holds of results (reads.h): asked for by the number of rows, then as much as they
 * are (ROWS may be NULL). */
#define HUB_ROW_BYTES 2048 /* until the room's messages are known */
/* How many rows to select for LIMIT of them: one more, which tells whether there are others, or as many as
 * an answer can hold. */
int64_t hub_rows_wanted(const struct hub_room *room, int64_t limit);
void hub_rows_ask(struct hub_room *room, struct hub_result *r, struct hub_str who, int64_t rows);
void hub_rows_are(struct hub_room *room, struct hub_result *r, const struct hub_rows *rows);

/* History of a room up to and including UPTO, of what is for READER (copied); FIELDS get
 * "messages":…,"hasMore":…[,"changes":…],"recovered":… */
typedef void hub_history_done(void *arg, enum hub_code code, struct hub_str fields);
void hub_history_on_join(struct hub_room *room, struct hub_str reader, int64_t upto, int64_t limit, bool has_since,
                         int64_t since, struct hub_str epoch, hub_history_done *done, void *arg);
/* SLOT (may be NULL): of the read that it is part of; moved. */
void hub_state_send(struct hub_room *room, struct hub_conn *conn, struct hub_call *call, struct hub_read *slot);
#endif
