/* Guards of what has a name, a channel or a record: a window of the definition says which script decides
 * about it. What a guard has granted to a connection, a subscription, is asked for again when the
 * connection's token, the rights of its user, the definitions or what the guard has read change. Everything
 * on the loop thread. */
#ifndef HUB_GUARD_GUARD_H
#define HUB_GUARD_GUARD_H
#include "hub/call/call.h"

/* ---- asking (guard.c) ---- */

struct hub_guard_ask;

/* What can be asked for. Constant. */
struct hub_guard {
    const char *variable; /* the name, as scripts know it */
    const char *refusal;  /* the error of whoever is refused */
    bool changes;         /* what it lets through changes something: it is valid after the connection has gone,
                             and refused once the process is about to stop */
    /* Finds what ASK->def says of ASK->name: sets window, script, params and more. An error is in
     * ASK->err. */
    enum hub_code (*find)(struct hub_guard_ask *ask);
    /* Brings what is guarded, for a script that looks at it (value): sets value and version, then calls
     * hub_guard_brought, once, now or later. NULL: none does. */
    void (*bring)(struct hub_guard_ask *ask);
};

/* A guard on its way. Inside its owner's struct. */
struct hub_guard_ask {
    struct hub_hold hold;
    const struct hub_guard *guard;
    struct hub_hub *hub;
    struct hub_conn *conn;    /* reference until DONE returns; NULL: REST */
    struct hub_identity *who; /* likewise; by a new token another one than at first */
    char *name;               /* likewise */
    const struct hub_def *def;
    unsigned tries;
    void (*done)(struct hub_guard_ask *ask, enum hub_code code);
    struct hub_caller caller; /* GRANT is the owner's to set, before it asks */

    /* What FIND has found; borrowed of DEF, and valid as long. */
    const void *window;              /* the owner's, who alone looks at it */
    const struct hub_script *script; /* of kind NONE: OPEN is the answer */
    bool open;
    json_t *params;              /* a reference, which goes with the answer */
    struct hub_hook_arg more[2]; /* what else scripts see: values of the owner's, borrowed until the answer */
    size_t more_n;
    bool looks; /* the script may look at what is guarded */

    /* What BRING has brought, and the script has judged: whoever is let through by that is shown this, not
     * what has come of it meanwhile. */
    bool brought;
    json_t *value; /* NULL: there is none; a reference, which goes with the answer */
    int64_t version;
    struct hub_err err; /* of an answer other than HUB_OK */
};
/* Asks whether WHO, by CONN if it is not NULL, may. The owner has set guard and done. DONE comes once,
 * now or later, and may free ASK; when definitions or CONN's identity have changed meanwhile, the guard
 * was asked again by those. */
void hub_guard_ask(struct hub_guard_ask *ask, struct hub_hub *hub, struct hub_conn *conn, struct hub_identity *who,
                   struct hub_str name);
/* What BRING was asked for is there; an error is in ASK->err. ASK may be gone. */
void hub_guard_brought(struct hub_guard_ask *ask, enum hub_code code);

/* ---- what was granted (grant.c) ---- */

struct hub_grant_request;

/* Something that a guard has read, upon whose change it is asked again. Inside its owner's struct. */
struct hub_grant_read {
    struct hub_list in_grant;
    struct hub_grant *grant;
    const void *what;                          /* of several of one grant no two have the same */
    void (*drop)(struct hub_grant_read *read); /* the grant has ended, or its guard reads anew: frees it */
};
#define HUB_GRANT_READS_MAX 32 /* of a grant: what is more is noted as everything of its kind */

/* A change that a guard has asked for itself, while it is under way: it knows what it has changed. Inside
 * its owner's struct. */
struct hub_grant_change {
    struct hub_list in_grant;
    struct hub_grant *grant; /* NULL: it is of none, or that has ended, or its guard reads anew */
};

struct hub_granting;

/* Inside its owner's struct. */
struct hub_grant {
    struct hub_list link; /* of its connection's */
    const struct hub_granting *of;
    struct hub_conn *conn;
    struct hub_list reads;             /* hub_grant_read.in_grant */
    struct hub_list changes;           /* hub_grant_change.in_grant */
    struct hub_grant_request *pending; /* it was asked for, and has not been granted yet */
    int64_t rounds_paid;               /* loop time: see hub_grant_round */
    uint32_t read_n;                   /* of READS */
    bool due; /* to be asked for again; while it is pending by its request, before the answer */
};

/* One kind of them. A part has at most one, and the data of its connections is theirs. Constant. */
struct hub_granting {
    const struct hub_part *part;
    const struct hub_guard *guard;
    struct hub_metric *now; /* how many there are */
    const char *bound;      /* of limits.subscriptions: "channels may be subscribed to by one connection" */
    struct hub_str (*name)(const struct hub_grant *g); /* of one that was granted */
    struct hub_grant *(*make)(void);
    void (*free)(struct hub_grant *g); /* also takes it out of what it is for */
    /* Of requests. The guard has let it through, for this time: what is asked for is to be looked up, and
     * in the end hub_grant_settle called. */
    void (*judged)(struct hub_grant_request *r);
    void (*drop)(struct hub_grant_request *r); /* it was answered */
};
/* It ends; with REASON its connection is told hub:unsubscribed {<variable>: NAME, reason}. */
void hub_grant_end(struct hub_grant *g, const char *reason);
struct hub_str hub_grant_name(const struct hub_grant *g);              /* of any */
void hub_grant_note(struct hub_grant *g, struct hub_grant_read *read); /* READ->what is new to it */
bool hub_grant_has_noted(const struct hub_grant *g, const void *what);
void hub_grant_begin_change(struct hub_grant *g, struct hub_grant_change *x); /* G may be NULL */
void hub_grant_end_change(struct hub_grant_change *x);
void hub_grant_forget(struct hub_grant *g); /* all that its guard has read, and changes */
/* What it rests on has changed, by the guard of BY, or NULL: it is asked for again, in a step of its own;
 * as the rounds of changes allow. */
void hub_grant_doubt(struct hub_grant *g, const struct hub_grant *by);
struct hub_grant *hub_grant_find(const struct hub_conn *c, const struct hub_granting *of, struct hub_str name);
/* Steps of a part's life. Judging again is done at the end of the turn; WORK, or NULL, waits for it. */
void hub_grants_rejudge(struct hub_conn *c, const struct hub_granting *of, struct hub_work *work);
void hub_grants_leave(struct hub_conn *c, const struct hub_granting *of);

/* ---- what guards read and write (reads.c) ---- */

struct hub_pattern;
extern const struct hub_part hub_guards_part;

/* The guard for which C is called, if it is one, is about to read WHAT of the room NAME of HUB; or of
 * something else of that NAME, HUB being NULL. Its grant is asked for again when that changes, as a part says
 * (hub_part.readable_changed). The same by the grant, which may be NULL. */
void hub_guard_reads(const struct hub_host_call *c, enum hub_readable what, const struct hub_hub *hub,
                     struct hub_str name);
void hub_grant_reads(struct hub_grant *g, enum hub_readable what, const struct hub_hub *hub, struct hub_str name);
void hub_grant_reads_all(struct hub_grant *g, enum hub_readable what); /* everything of that kind */
/* Likewise the row ID of T; rows of T that meet WHERE, as objects.list has it; the records whose ids fit a
 * pattern, PATTERN as the script gave it, and COMPILE as that, a new one; NULL: it is none. */
void hub_guard_reads_row(const struct hub_host_call *c, const struct hub_table *t, const json_t *id);
void hub_guard_reads_rows(const struct hub_host_call *c, const struct hub_table *t, const json_t *where);
void hub_guard_reads_records(const struct hub_host_call *c, const json_t *pattern,
                             struct hub_pattern *(*compile)(const json_t *pattern));
/* Something is changed for C, and BY is what hub_part.row_written and readable_changed have; until that is
 * over, whose guard has asked for it is known. NULL: none has. */
void hub_guard_begins_write(struct hub_engine *e, const struct hub_host_call *c, const void *by);
void hub_grant_begins_write(struct hub_grant *g, const void *by); /* the same by the grant */
void hub_guard_ends_write(struct hub_engine *e, const void *by);
const struct hub_grant *hub_guard_writer(struct hub_engine *e, const void *by);
/* ROW of T, or NULL, was found by ID, for a call that has begun as BY like a write. True: the store takes ID
 * for its own id, which is another one; that is noted now, and ROW may have changed before. */
bool hub_guard_finds_row(struct hub_engine *e, const void *by, const struct hub_table *t, const json_t *id,
                         const json_t *row);

/* Two guards that change what both read would ask each other without end. G is asked for again upon a
 * change, which the guard of BY, or NULL, has made: how long that waits, in ms; 0: not at all. So many
 * rounds may come at once, and then one each HUB_GRANT_ROUND_MS. */
#define HUB_GRANT_ROUNDS_AT_ONCE 16
#define HUB_GRANT_ROUND_MS 250
int64_t hub_grant_round(struct hub_grant *g, const struct hub_grant *by);
/* Before which loop time G, which is due, is not asked for. */
static inline int64_t hub_grant_not_before(const struct hub_grant *g) {
    return g->rounds_paid - (int64_t)HUB_GRANT_ROUNDS_AT_ONCE * HUB_GRANT_ROUND_MS;
}

/* ---- requests for them (grant_request.c) ---- */

/* Inside its owner's struct. */
struct hub_grant_request {
    struct hub_guard_ask ask;
    const struct hub_granting *of;
    struct hub_call *call;
    struct hub_grant *grant; /* NULL: it was ended meanwhile; or: */
    bool again;              /* there was one already, which goes on as it is */
    unsigned starts;
};
/* CALL, which names it by the guard's variable, asks for one: R is asked for, or answered and dropped. */
void hub_grant_request(struct hub_grant_request *r, const struct hub_granting *of, struct hub_call *call);
/* Whether it may be answered now: an error, or *AGAIN, which it may have been before: its guard is to be
 * asked again. */
enum hub_code hub_grant_may_answer(struct hub_grant_request *r, bool *again, struct hub_err *err);
/* With CODE it is refused; with AGAIN its guard is asked again; else it was answered. R may be gone. */
void hub_grant_settle(struct hub_grant_request *r, enum hub_code code, bool again, const struct hub_err *err);
/* What R asked for is granted, or goes on: the grant, which the answer is about. */
struct hub_grant *hub_grant_given(struct hub_grant_request *r);
/* The one that CALL names, or NULL. */
struct hub_grant *hub_grant_named(const struct hub_call *call, const struct hub_granting *of);
#endif
