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

#include "base/code.h"
#include "base/json.h"

struct hub_call;
struct hub_conn;
struct hub_engine;
struct hub_host_fn;
struct hub_hub;
struct hub_member;
struct hub_room;
struct hub_room_user;

/* What a user may do so often a minute (call/rate.c). */
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
    HUB_ARG_SOCKET = 32  /* over REST the method says it */
};
struct hub_arg {
    const char *name;
    enum hub_arg_type type;
    unsigned flags;
    int64_t least, most;
    const char *expected; /* "a text, the epoch of hub:joined"; NULL: made of type and range */
    enum hub_code code;   /* when it is something else; 0: HUB_BAD_REQUEST */
    const char *help;
};

/* ---- gates: what a call has to pass before its command runs, in the order of the command's list ---- */

struct hub_gate {
    const char *name; /* as documents name it: "canRead" */
    const char *help;
    /* HUB_OK: passed; else ERR says why not. Or: */
    enum hub_code (*check)(struct hub_call *call, struct hub_err *err);
    /* Ends in hub_call_go(call), or in hub_call_fail: now or later, exactly once. */
    void (*ask)(const struct hub_gate *gate, struct hub_call *call);
    enum hub_limit limit;   /* of a gate that counts */
    bool lasting;           /* a right: checked again when rights have changed while the call waited */
    enum hub_code codes[8]; /* it may refuse with these; ends with HUB_OK */
};
#define HUB_GATES(...) ((const struct hub_gate *const[]){__VA_ARGS__, NULL})

/* ---- commands ---- */

/* A member of an answer, or of an event's payload. */
struct hub_field {
    const char *name, *type, *help;
    bool optional;
};

enum {
    HUB_READS = 1,    /* it reads: the caller's reads take turns (reads/reads.h) */
    HUB_PAST = 2,     /* its answer holds a part of the room's past, by default as much as historyLimit says */
    HUB_JOINS = 4,    /* what the connection sends after it waits for its answer (call/order.c) */
    HUB_REST_ONLY = 8 /* made for a path; clients of the socket have another way, and documents do not list it */
};
struct hub_command {
    const char *name, *help; /* "hub:send" */
    unsigned flags;
    const struct hub_gate *const *gates; /* HUB_GATES(…); NULL: none */
    const struct hub_arg *args;
    struct {
        const char *method, *path; /* "POST", "rooms/:roomId/messages": below /{hub}; NULL: not by REST */
        int status;                /* of success */
    } rest;
    const struct hub_field *answer;     /* the first is the main member; NULL: {ok: true} and no more */
    enum hub_code codes[10];            /* it may refuse with these, besides its gates; ends with HUB_OK */
    void (*run)(struct hub_call *call); /* ends in hub_call_ok or hub_call_fail, now or later */
};

/* ---- events ---- */

/* A standard event that clients may send (schema: hub_standard_events), as it is run. */
struct hub_event_row {
    const char *name;
    enum hub_limit limit;
    void (*tell)(struct hub_room_user *u, struct hub_member *m); /* the sender must be in the room; or: */
    void (*run)(struct hub_call *call);
    size_t goes_on; /* offset of the timer in struct hub_room_user that says that this is nothing new; 0 = none */
};

/* An event that the server sends. */
struct hub_told_event {
    const char *name, *to, *when;
    const struct hub_field *fields;
};

/* ---- parts ---- */

/* A feature of hubs. The parts are listed in parts.c; none of this is on the way of a message. Steps are
 * called in the order of the parts, on the loop thread; the room (but in room_emptied) or connection is held
 * by the caller. NULL: nothing. */
struct hub_part {
    const char *name, *help;
    const struct hub_command *commands;
    const struct hub_event_row *events;
    const struct hub_told_event *told;
    const char *keywords;           /* fields of a definition that it stands for, with a space between */
    const char *tables;             /* per-hub tables that it keeps (persist/tables.h), by suffix, the same way */
    const struct hub_host_fn *host; /* what scripts may call */
    bool room_data;                 /* it keeps something of rooms: hub_room_data */

    void (*started)(struct hub_engine *e);        /* scripts, store and bus are there */
    void (*reloaded)(struct hub_engine *e);       /* new definitions are in force, rights are being worked out again */
    void (*draining)(struct hub_engine *e);       /* commands that change something are refused from now on */
    void (*room_loaded)(struct hub_room *room);   /* sequence, moderation and receipts are there */
    void (*room_entered)(struct hub_room *room);  /* by a connection */
    void (*room_left)(struct hub_room *room);     /* by a connection, which may have been the last one */
    void (*room_reloaded)(struct hub_room *room); /* its hub has a new definition */
    void (*room_closed)(struct hub_room *room);   /* its row is gone or not eligible, or the hub goes */
    void (*room_emptied)(struct hub_room *room);  /* nobody holds it, nor may: what is kept of it is freed */
    void (*disconnected)(struct hub_conn *c);     /* closed; it is still in its rooms until "members" */
    /* Adds to OUT, the hub's public description, what there is to say of it. The members of OUT are there
     * already, as empty objects and lists: their order is not that of the parts. */
    void (*describe)(const struct hub_hub *hub, json_t *out);
};
extern const struct hub_part *const hub_parts[]; /* ends with NULL */
#endif
