/* What a feature of hubs consists of, as rows: the commands that clients may send, with their arguments,
 * gates, REST path and answer; the standard events it runs; the events it tells; and what it does in the
 * life of the engine and its rooms. One row serves dispatch, the checks and their messages, REST routing,
 * GET /{hub} and docs/protocol.md. All rows are constant, live as long as the process and are shared by
 * all engines; arrays end with a row whose name is NULL. */
#ifndef HUB_CORE_PART_H
#define HUB_CORE_PART_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error/code.h"
#include "base/json/json.h"
#include "schema/def.h"

struct hub_call;
struct hub_conn;
struct hub_def;
struct hub_engine;
struct hub_grant;
struct hub_host_fn;
struct hub_hub;
struct hub_member;
struct hub_room;
struct hub_room_user;
struct hub_table;
struct hub_work;
struct hub_write;

/* Why a connection is out of a room. */
struct hub_leave {
    const char *reason;    /* "left", "kicked", "blocked", "closed" (the room), "orphaned" or "disconnected" */
    struct hub_str detail; /* the cause: what a moderator said, a code, Socket.IO's reason; may be empty */
};

/* What a user may do so often a minute (call/rate.c). */
enum hub_limit {
    HUB_LIMIT_MESSAGES, /* guardrails.messageRateLimit; the others are hubExtensions.limits */
    HUB_LIMIT_EVENTS,
    HUB_LIMIT_KEPT_EVENTS,
    HUB_LIMIT_REACTIONS,
    HUB_LIMIT_RECEIPTS,
    HUB_LIMIT_JOINS,
    HUB_LIMIT_READS,
    HUB_LIMIT_WRITES,
    HUB_LIMIT_METADATA,
    HUB_LIMIT_PUBLISHES,
    HUB_LIMIT_COUNT
};

/* What scripts can read of a service, and guards are asked again for (guard/guard.h). */
enum hub_readable {
    HUB_READABLE_RECORD,        /* one, by its id, */
    HUB_READABLE_RECORDS,       /* those whose ids fit a pattern */
    HUB_READABLE_ROW,           /* of a DataObject, by its id, */
    HUB_READABLE_ROWS,          /* those that meet conditions */
    HUB_READABLE_STATE,         /* of a room: its shared state, */
    HUB_READABLE_ROOM_METADATA, /* its metadata, */
    HUB_READABLE_MEMBERS,       /* who is in it, and as what */
    HUB_READABLE_CONNECTION,    /* its metadata and rooms; by its id or its client's */
    HUB_READABLE_CONNECTIONS,   /* the same of all that a user has, by his id; empty: everybody's */
    HUB_READABLE_ONLINE,        /* which of these there are, and no more */
    HUB_READABLE_ROOMS,         /* of a hub: those in use, with record and number of members; no name */
    HUB_READABLE_CHANNEL,       /* what is kept of its messages, */
    HUB_READABLE_SUBSCRIBERS    /* and how many have subscribed to it */
};

/* ---- arguments ---- */

enum hub_arg_type {
    HUB_ARG_ID,     /* a text of 1 to 255 bytes without control characters */
    HUB_ARG_TEXT,   /* of LEAST to MOST bytes, without NUL characters; MOST 0: any */
    HUB_ARG_INT,    /* from LEAST to MOST */
    HUB_ARG_BOOL,   /* */
    HUB_ARG_OBJECT, /* with LEAST members or more */
    HUB_ARG_ANY
};
enum {
    HUB_ARG_REQUIRED = 1,
    HUB_ARG_LATER = 2,   /* a later gate or the command itself checks it, at its turn */
    HUB_ARG_CAPPED = 4,  /* above MOST counts as MOST */
    HUB_ARG_PAGE = 8,    /* of pages by number, which come by REST only */
    HUB_ARG_HIDDEN = 16, /* made of other arguments: nobody may send it */
    HUB_ARG_SOCKET = 32, /* over REST the method says it */
    HUB_ARG_LARGE =
        64 /* what a client has to say: a large one waits as text (call/large_payload.c); one of a command */
};
struct hub_arg {
    const char *name;
    enum hub_arg_type type;
    unsigned flags;
    int64_t least, most;
    const char *expected; /* "a text, the epoch of hub:joined"; NULL: made of type and range */
    enum hub_code code;   /* when it is something else; 0: HUB_BAD_REQUEST */
    const char *help;
    const char *shape;                     /* what it is, more closely, as types of hub_field; NULL: what TYPE says */
    bool (*on)(const struct hub_def *def); /* whether the hub has what it is for; NULL: every hub does */
};

/* ---- gates: what a call has to pass before its command runs, in the order of the command's list ---- */

struct hub_gate {
    const char *name; /* as documents name it: "canRead" */
    const char *help;
    /* HUB_OK: passed; else ERR says why not. Or: */
    enum hub_code (*check)(struct hub_call *call, struct hub_err *err);
    /* Ends by calling hub_call_go(call) or hub_call_fail, now or later, exactly once. */
    void (*ask)(const struct hub_gate *gate, struct hub_call *call);
    enum hub_limit limit;   /* of a gate that counts */
    bool lasting;           /* a right: checked again when rights have changed while the call waited */
    enum hub_code codes[8]; /* it may refuse with these; fewer end with HUB_OK */
};
#define HUB_GATES(...) ((const struct hub_gate *const[]){__VA_ARGS__, NULL})

/* ---- commands ---- */

/* A member of an answer, or of an event's payload. TYPE is one or several of these, with " or " between:
 *
 *   id text integer boolean time JSON any object binary true null
 *   code (an error's), role, type (of messages), content, input, event, presenceState: as the definition says
 *   command and payload, type and input, invocation and data: two members that go together
 *   `word`, which is that text; the name of a hub_shape
 *   list of TYPE, map of TYPE (with all that is behind an " or "), {name: TYPE, other?: TYPE}
 *
 * It is what engine/describe makes types and documents of. */
struct hub_field {
    const char *name, *type, *help;
    bool optional;
    bool (*on)(const struct hub_def *def); /* as of hub_arg */
};

/* An object that several answers and payloads have in them. */
struct hub_shape {
    const char *name, *help; /* "member" */
    const struct hub_field *fields;
};

enum {
    HUB_READS = 1,     /* it reads: the caller's reads take turns (read_turns/read_turns.h) */
    HUB_PAST = 2,      /* its answer holds a part of the room's past, by default as much as historyLimit says */
    HUB_JOINS = 4,     /* what the connection sends after it waits for its answer (call/order.c) */
    HUB_REST_ONLY = 8, /* made for a path; clients of the socket have another way, and documents do not list it */
    HUB_BYTES = 16     /* it may have one binary value: hub_call.bytes */
};
struct hub_command {
    const char *name, *help; /* "hub:send" */
    unsigned flags;
    enum hub_around around; /* for middleware; what is no message, event or command is a request */
    struct {
        const char *name, *flag;
    } stands_for; /* made for a path: the command with this argument true, as middleware sees it; NULL: none */
    const struct hub_gate *const *gates; /* HUB_GATES(…); NULL: none */
    const struct hub_arg *args;
    struct {
        const char *method, *path; /* "POST", "rooms/:roomId/messages": below /{hub}; NULL: not by REST */
        int status;                /* of success */
    } rest;
    const struct hub_field *answer;        /* the first is the main member; NULL: {ok: true} and no more */
    bool (*on)(const struct hub_def *def); /* whether the hub has what it is for, beside what its part's DECLARED
                                              says: for documents, as a gate refuses it; NULL: every hub does */
    enum hub_code codes[14];               /* it may refuse with these, besides its gates; fewer end with HUB_OK */
    void (*run)(struct hub_call *call);    /* ends in hub_call_ok or hub_call_fail, now or later */
};

/* ---- events ---- */

/* A standard event that clients may send (schema: hub_standard_events), as it is run. */
struct hub_event_row {
    const char *name;
    enum hub_limit limit;
    void (*tell)(struct hub_room_user *u, struct hub_member *m); /* the sender must be in the room; or: */
    void (*run)(struct hub_call *call);
    uint8_t goes_on; /* enum hub_user_timer: running, this is nothing new; 0 = none */
};

/* An event that the server sends. */
struct hub_told_event {
    const char *name, *to, *when;
    const struct hub_field *fields;
};

/* ---- parts ---- */

/* Which nodes carry a function of scripts out. */
enum hub_host_at {
    HUB_HOST_OF_ROOM, /* the owner of the room whose id is the first argument, */
    HUB_HOST_OF_SLOT, /* of the name that is (hub_part.slot) */
    HUB_HOST_OF_ONE,  /* this one, and if it answers nil, false, CLIENT_NOT_FOUND or CLIENT_DISCONNECTED, all others:
                         whoever knows better */
    HUB_HOST_OF_EACH, /* all, whose numbers are added up */
    HUB_HOST_OF_PAGE, /* one after the other: each gives {items, next} by {limit, after} */
    HUB_HOST_ATS
};

/* A feature of hubs. The parts are listed in parts.c; none of this is on the way of a message. Steps are
 * called in the order of the parts, on the loop thread; the room (but in room_emptied) or connection is held
 * by the caller. NULL: nothing. */
struct hub_part {
    const char *name, *help;
    const struct hub_command *commands;
    const struct hub_event_row *events;
    const struct hub_told_event *told;
    const struct hub_shape *shapes;
    const char *keywords;           /* fields of a definition that it stands for, with a space between */
    const char *tables;             /* per-hub tables that it keeps (persist/tables.h), by suffix, the same way */
    const struct hub_host_fn *host; /* what scripts may call */
    const struct hub_host_fn *host_at[HUB_HOST_ATS]; /* likewise, what need not be carried out by this node */
    /* What it has of the service lies in slots, of which each has a node that owns it, and not at every
     * node: its commands that have the argument SLOT, a name, are carried out by the owner of that name.
     * NULL: it has nothing of that kind. With ONE_SLOT all names lie in the same one, for they are changed
     * together; so do all its commands and functions. */
    const char *slot;
    bool one_slot;
    const struct hub_host_fn *host_within; /* and in a transaction instead (hub_host.within) */
    bool room_data;                        /* it keeps something of rooms: hub_room_data */
    bool conn_data;                        /* of connections: hub_conn_data */
    bool engine_data;                      /* of the service: hub_engine_part */
    bool of_guests;                        /* its disconnected is for guests, too (guest/guest.h) */
    bool plain;                            /* plain namespaces may have it, too: its commands, its life but for rooms */
    /* Whether DEF, a hub's or a plain namespace's, has it; else its commands are feature_disabled, in a plain
     * namespace unknown. NULL: every hub has it. */
    bool (*declared)(const struct hub_def *def);
    /* Likewise of the service; NULL: every one has it. */
    bool (*in_service)(const struct hub_service *service);
    /* Whether a hub ever tells EVENT, one of the above; NULL: each. Standard events go by their switches. */
    bool (*tells)(const struct hub_def *def, const char *event);
    const char *acknowledged; /* events, of those above, that clients acknowledge, with a space between */

    /* Whether EVENT, which is no command's name, stands for one of the part's commands in DEF: its name,
     * with the command's arguments, a new reference, in *ARGS. PAYLOAD is what came with it, NULL:
     * nothing. NULL: it does not. */
    const char *(*alias)(const struct hub_def *def, struct hub_str event, json_t *payload, json_t **args);

    void (*created)(struct hub_engine *e);   /* definitions are there, and nothing else yet */
    void (*started)(struct hub_engine *e);   /* scripts, store and bus are there */
    void (*reloading)(struct hub_engine *e); /* new definitions are there; hubs still have the old ones */
    void (*reloaded)(struct hub_engine *e);  /* new definitions are in force, rights are being worked out again */
    /* Its user's rights or token are new: what rests on them is asked again at the end of the turn, for
     * whoever calls may be going through members. WORK, or NULL, waits for it. */
    void (*rejudged)(struct hub_conn *c, struct hub_work *work);
    void (*rights_changed)(struct hub_hub *hub, struct hub_str room_id, struct hub_str user_id); /* who may enter is
                                                       decided anew: USER_ID's or, when empty, everybody's entry into
                                                       ROOM_ID; both empty: everything */
    /* Whether the part is to hear of the rows of O, for what DEF declares. */
    bool (*hears)(const struct hub_def *def, const struct hub_def_object *o);
    /* This process has written a row of a DataObject, which may have failed; in the order of commits. BY: the
     * argument of whoever asked for it (data/objects.h). */
    void (*row_written)(struct hub_engine *e, const struct hub_write *w, const void *by);
    /* The bus says that somebody else has changed a row of T. ROW is as it may have been for a while: what it
     * is now has to be read. */
    void (*row_changed)(struct hub_engine *e, const struct hub_table *t, const json_t *row);
    /* One of the service, after its commit. BY: whose guard has asked for that; NULL: none has. */
    void (*record_changed)(struct hub_engine *e, struct hub_str id, const struct hub_grant *by);
    /* WHAT of the room NAME of HUB has changed, or of what is no room's and has NAME, in which case HUB is
     * NULL. BY: as of row_written, before that is answered; NULL: nobody in particular. */
    void (*readable_changed)(struct hub_engine *e, enum hub_readable what, const struct hub_hub *hub,
                             struct hub_str name, const void *by);
    void (*draining)(struct hub_engine *e);      /* commands that change something are refused from now on */
    void (*room_loaded)(struct hub_room *room);  /* sequence, moderation and receipts are there */
    void (*room_entered)(struct hub_room *room); /* by a connection */
    void (*room_left)(struct hub_room *room);    /* by a connection, which may have been the last one */
    /* The same, and why; M has its connection and its rights still. The room is held, M is in it no more. */
    void (*member_left)(struct hub_member *m, struct hub_room *room, const struct hub_leave *why);
    void (*room_reloaded)(struct hub_room *room); /* its hub has a new definition */
    void (*room_closed)(struct hub_room *room);   /* its row is gone or not eligible, or the hub goes */
    /* Nobody holds it. True: the part has taken hold of it, or of what keeps it; others are not asked
     * then. */
    bool (*room_unused)(struct hub_room *room);
    bool (*room_keeps)(struct hub_room *room);   /* whether it has something that ends with the room and is nowhere
                                                  else: then the room lingers */
    void (*room_emptied)(struct hub_room *room); /* nobody holds it, and nobody may any more: its data is freed */
    /* Before anybody else has to do with C, while CONNECT's auth is there; and before it is open. Any other
     * code than HUB_OK refuses it with ERR, and other parts are not asked. No script runs in them. */
    enum hub_code (*arriving)(struct hub_conn *c, struct hub_err *err);
    enum hub_code (*opening)(struct hub_conn *c, struct hub_err *err);
    void (*opened)(struct hub_conn *c);       /* CONNECT was answered */
    void (*disconnected)(struct hub_conn *c); /* closed, having been open; it is still in its rooms until "members" */
    void (*stopping)(struct hub_engine *e);   /* the time for what is under way is over: the last writes, whose answers
                                               come while the store closes, may be after all parts have stopped */
    void (*stopped)(struct hub_engine *e);    /* no script, store or bus may be called any more */
    void (*deleted)(struct hub_engine *e);    /* nothing can call it any more: it frees its data of E */
    /* Adds to OUT, the hub's public description, what there is to say of it. The members of OUT are there
     * already, as empty objects and lists: their order is not that of the parts. */
    void (*describe)(const struct hub_hub *hub, json_t *out);
};
extern const struct hub_part *const hub_parts[]; /* ends with NULL */
#endif
