/* Inside the PostgreSQL store. Everything runs on the thread of its loop; what the loops of a process share
 * is struct pg_process.
 *
 * conninfo.c: the URL. link.c, connect.c, reconnect.c: one connection in pipeline mode, its prepared
 * statements. value.c: values in and out. counter.c: the rooms' counters as the writer knows them. fence.c:
 * whether their places are still this node's. writer.c: segments. single.c: a refused segment, write by
 * write. only_writer.c: who may write, and what became of a segment whose connection was lost. read.c:
 * selects. claim.c: claims of places. loops.c: several loops of a process. scan.c: scripts' statements.
 * blocking.c, schema.c, alter.c: migration. postgres.c: the store's table. */
#ifndef HUB_ADAPTERS_POSTGRES_INT_H
#define HUB_ADAPTERS_POSTGRES_INT_H
#include <libpq-fe.h>
#include <pthread.h>

#include "adapters/postgres/postgres.h"
#include "adapters/sql/cells.h"
#include "adapters/sql/keep.h"
#include "adapters/sql/migration/plan.h"
#include "adapters/sql/patience.h"
#include "adapters/sql/statement.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/memory/mem.h"

#define TIMEOUT_MS 5000                    /* the longest that anything waits before it fails */
#define MAX_BATCH 1000                     /* writes in one transaction */
#define RUN_MAX 64                         /* rows that are collected before they are sent */
#define MAX_OUTSTANDING 100000             /* writes and reads without an answer; more are refused */
#define MAX_OUTSTANDING_BYTES (256u << 20) /* of their texts */
#define MAX_STATEMENTS 256                 /* prepared ones kept by a connection */
#define MAX_COUNTERS 100000                /* rooms whose counters are kept in memory */
#define MAX_SQL_ROWS 10000                 /* of a script's query */
#define MAX_SQL_BYTES (16u << 20)
#define READ_DEPTH 16 /* selects under way on one connection */

struct pg_store;

/* ---- conninfo.c ---- */

struct host {
    char *name, *port; /* the latter may be empty: the default */
};
struct conninfo {
    const char **keys, **values; /* NULL-terminated, for PQconnectStartParams; owned */
    size_t n;
    struct host *hosts; /* of the URL; none where it gives addresses, or leaves hosts to a service file */
    size_t host_n;
    int64_t connect_ms; /* for one attempt */
    char *shown;        /* the URL without what is secret */
};
enum hub_code hub_pg_conninfo_parse(const char *url, const char *service, int64_t statement_timeout_ms,
                                    struct conninfo *out, struct hub_err *err);
/* Whether libpq takes the values, most of which it looks at only when it connects: asked of a socket that
 * is not there, so nothing is resolved and nobody connected to. */
enum hub_code hub_pg_conninfo_check(const struct conninfo *c, struct hub_err *err);
void hub_pg_conninfo_free(struct conninfo *c);
/* Begins connecting; with HOST to these comma-separated lists in the place of the URL's hosts. */
HUB_MUST PGconn *hub_pg_conninfo_connect(const struct conninfo *c, const char *host, const char *hostaddr,
                                         const char *port);

/* ---- value.c ---- */

/* Parameters of a statement, as text. Zero-initialised is empty. */
struct params {
    struct hub_buf text; /* NUL-terminated, one after the other */
    size_t *at;          /* offset + 1; 0 = NULL */
    const char **values; /* filled by hub_pg_params_values */
    size_t n, cap;
    bool has_nul; /* a text with U+0000, which PostgreSQL cannot hold */
};
void hub_pg_params_clear(struct params *p);
void hub_pg_params_free(struct params *p);
void hub_pg_param_str(struct params *p, struct hub_str s);
void hub_pg_param_int(struct params *p, int64_t v);
void hub_pg_param_cell(struct params *p, const struct hub_column *col,
                       const struct hub_cell *cell); /* COL NULL: of no column */
void hub_pg_param_conds(struct params *p, const struct hub_table *t, const struct hub_cond *where, size_t n);
/* An element of an array that hub_pg_param_str takes when it is closed: {"a","b"}. */
void hub_pg_array_add(struct hub_buf *array, struct hub_str s);
const char *const *hub_pg_params_values(struct params *p);
/* Row I of R, whose first columns are those of T, at the end of ROWS. Texts are offsets until
 * hub_sql_settle_rows. */
void hub_pg_take_row(const PGresult *r, int i, const struct hub_table *t, struct hub_rows *rows, size_t *cap);
/* Its first row, or as many as MOST, if there is one, in the place of what is in ROWS. */
void hub_pg_take_rows(const PGresult *r, const struct hub_table *t, int most, struct hub_rows *rows);
void hub_pg_take_first(const PGresult *r, const struct hub_table *t, struct hub_rows *rows);
struct hub_str hub_pg_text(const PGresult *r, int row, int column); /* {NULL, 0} for NULL */
int64_t hub_pg_int(const PGresult *r, int row, int column);         /* 0 for NULL */
int64_t hub_pg_changes(const PGresult *r);
/* What a script sees of a value of type OID. New reference. */
HUB_MUST json_t *hub_pg_json(struct hub_str text, Oid type);

/* ---- link.c: a connection in pipeline mode ---- */

struct failure {
    char state[6]; /* SQLSTATE; empty: the connection itself */
    char text[200];
};
/* What an SQLSTATE means for the one who asked. */
enum hub_code hub_pg_code(const char *state);
/* The prepared statements are of no use any more: they have gone, or somebody has altered a table ("cached
 * plan must not change result type"). */
bool hub_pg_stale(const char *state);
/* A failure that is over when it is tried again: serialization, deadlock, a prepared statement that has
 * gone. */
bool hub_pg_passing(const char *state);
/* A statement that took too long: the others of its segment need not suffer for it. */
bool hub_pg_alone(const char *state);
/* The connection is of no use any more: it ends, or the server is not the one that may be written to. */
bool hub_pg_unusable(const char *state);

enum link_state { LINK_AWAY, LINK_CONNECTING, LINK_UP }; /* CONNECTING: from the look-up of names on */

struct link;
/* R is a good result (rows, or a command's end), borrowed. It comes once per command, or per row in
 * single-row mode. */
typedef void result_fn(void *arg, const PGresult *r);
/* The segment's end. F: what its first failure was; then it was rolled back, and of its results only those
 * before the failure came. */
typedef void synced_fn(void *arg, const struct failure *f);

struct link_ops {
    void (*up)(struct link *l);   /* connected: pipeline mode, nothing under way */
    void (*lost)(struct link *l); /* nothing of what was under way will be answered; l->why tells */
};

struct expected { /* what the server still owes */
    result_fn *result;
    synced_fn *synced; /* the entry is a sync */
    struct statement *prepared;
    void *arg;
};

/* What is known of the hosts' addresses: lists of the same length, as libpq takes them. */
struct addresses {
    struct hub_buf host, addr, port;
    size_t n;
};

struct link {
    struct pg_store *s;
    const struct link_ops *ops;
    const char *name; /* "writer", "reader 1" */
    enum link_state state;
    PGconn *pg;
    struct hub_watch *watch;
    struct hub_timer timer;        /* to the next attempt, or to the end of this one */
    struct hub_resolve *resolving; /* the host at RESOLVED, in turn from the attempt's first */
    size_t resolved;
    struct addresses addresses;
    int attempts;
    bool started, was_up, losing;
    struct hub_task flush;
    struct expected *expected; /* a ring */
    size_t head, n, cap;
    size_t syncs;           /* of them: segments under way */
    int64_t replied_at;     /* loop time: the last sign of life while something was under way */
    struct failure failure; /* of the segment being answered */
    bool failed;
    struct hub_map statements;
    size_t statement_n;
    unsigned statement_serial, generation;
    struct hub_buf key, sql;
    struct params params;
    char why[200]; /* why it is away */
};

void hub_pg_link_init(struct link *l, struct pg_store *s, const struct link_ops *ops, const char *name);
/* connect.c: looks names up and dials; ends in ops->up, or in hub_pg_link_lose. */
void hub_pg_link_connect(struct link *l);
void hub_pg_addresses_free(struct addresses *a);
/* For connect.c: what came in (a watch's callback), why it is away, and that it is. */
void hub_pg_link_ready(void *link, int events);
void hub_pg_link_start(struct link *l); /* begins connecting, and does so again after each loss */
void hub_pg_link_close(struct link *l); /* without a word to anybody; it may be started again */
/* Gives it up as lost, on a later turn, and connects anew. */
void hub_pg_link_drop(struct link *l, const char *why);

/* Sends the statement kept under l->key, or a new one of the text that BUILD puts into l->sql, with
 * l->params. */
typedef void build_fn(struct hub_buf *sql, const void *what);
void hub_pg_link_send(struct link *l, build_fn *build, const void *what, result_fn *result, void *arg);
/* The same for a fixed text; parameters in l->params. */
void hub_pg_link_send_text(struct link *l, const char *sql, result_fn *result, void *arg);
/* A fixed text without parameters or a result that matters. */
void hub_pg_link_command(struct link *l, const char *sql);
/* Once, without keeping a statement; parameters in l->params. */
void hub_pg_link_send_once(struct link *l, const char *sql, result_fn *result, void *arg);
void hub_pg_link_sync(struct link *l, synced_fn *synced, void *arg);
void hub_pg_link_forget(struct link *l); /* all that was prepared: the server does not know it any more */

/* reconnect.c: when it is lost */
void hub_pg_link_keep_why(struct link *l, const char *why);
void hub_pg_link_lose(struct link *l);
void hub_pg_link_lose_by_libpq(struct link *l); /* libpq says why */
void hub_pg_link_disconnect(struct link *l);    /* without a word to anybody; its memory stays */

/* ---- counter.c: rooms' counters ---- */

struct pg_counter {
    int64_t seq;  /* committed */
    int64_t next; /* with the segment under way */
    char epoch[HUB_UUID_LEN + 1];
    struct hub_list in_segment; /* counters.touched, when the segment under way takes numbers of it */
    int64_t fence;              /* that its place has then; 0: that is not looked at */
    size_t scope_n;
    size_t key_n;
    char key[]; /* scope, NUL, room */
};
struct pg_counters {
    struct hub_map map;
    struct hub_list touched; /* by the segment under way */
    size_t touched_n, n;
    size_t fenced_n; /* of those touched */
    struct hub_buf key;
};
static inline struct hub_str hub_pg_counter_scope(const struct pg_counter *c) { return hub_str(c->key, c->scope_n); }
static inline struct hub_str hub_pg_counter_room(const struct pg_counter *c) {
    return hub_str(c->key + c->scope_n + 1, c->key_n - c->scope_n - 1);
}
struct pg_counter *hub_pg_counter_find(struct pg_counters *k, struct hub_str scope,
                                       struct hub_str room); /* NULL: not loaded */
struct pg_counter *hub_pg_counter_put(struct pg_counters *k, struct hub_str scope, struct hub_str room, int64_t seq,
                                      struct hub_str epoch);
int64_t hub_pg_counter_take(struct pg_counters *k, struct pg_counter *c); /* the next number */
void hub_pg_counters_keep(struct pg_counters *k);                         /* the segment was committed */
void hub_pg_counters_undo(struct pg_counters *k);                         /* it was not */
void hub_pg_counters_clear(struct pg_counters *k);

/* ---- fence.c: the fences that the writes of a segment name ---- */

struct writer;
struct pg_fences {
    struct hub_map map;
    struct hub_buf key;
};
void hub_pg_fences_clear(struct pg_fences *k);
/* Asks for those of the segment's writes, all of which were sent; it fails unless their places have them. */
void hub_pg_fences_send(struct writer *x);
/* For a segment that is carried out write by write: asks which of them their places have, and keeps those. */
void hub_pg_fences_hold(struct writer *x);
/* False: the place of W, or of one of its group, has another one. W has its code then. */
bool hub_pg_fences_pass(struct writer *x, struct hub_write *w);

/* ---- work ---- */

/* A question for the counter. Where writes that take its numbers are under way it goes through the
 * writer's queue, as the write in it; else to a reader, so that opening a room does not wait for the
 * writes of others. And what a claim of its place asks for. */
struct count_job {
    struct hub_write w; /* w.adapter points back here */
    hub_counter_cb *cb;
    hub_place_cb *place_cb; /* of a claim */
    void *arg;
    int64_t seq, fence;
    char epoch[HUB_UUID_LEN + 1];
    struct hub_str scope, room, node; /* into text */
    char text[];
};

/* Writes that take numbers, by their room's hash: rooms may share a place, and are only careful for each
 * other then. */
#define ROOM_PLACES 4096
struct room_place {
    uint32_t waiting; /* without an answer */
    uint32_t begun;   /* ever */
};

enum pg_job_kind { JOB_SELECT, JOB_COUNTER, JOB_SQL, JOB_CLAIM };
struct pg_job {
    struct hub_list link;
    struct pg_store *s;
    struct reader *reader; /* that has it */
    enum pg_job_kind kind;
    hub_rows_cb *rows_cb;
    hub_sql_cb *sql_cb;
    void *arg;
    struct count_job *count; /* JOB_COUNTER, JOB_CLAIM; of JOB_SQL the place and the fence that it holds by, or NULL */
    uint32_t begun;          /* of its room's place, when it was asked */
    struct hub_select q;     /* a copy, with its own conditions and texts */
    struct hub_cell *cells;
    size_t cell_n;
    struct hub_buf text;  /* of the conditions; of a script's statement, as it is sent */
    struct params params; /* of a script's statement */
    bool again;           /* may be asked again when the connection is lost */
    bool tried_again;     /* after a failure that passes */
    bool asked, held;     /* JOB_SQL: it was carried out, and the fence was asked for; the place has it */
    int64_t submitted;
    uint64_t sent; /* hub_real_ns */
    size_t bytes;
    bool answered; /* it took too long; what still comes is thrown away */
    enum hub_code code;
    char error[200];
    struct hub_rows rows;
    size_t rows_cap;
    json_t *result;
    size_t result_n, result_bytes;
};

static inline struct pg_job *hub_pg_job_of(struct hub_list *l) { return HUB_CONTAINER(l, struct pg_job, link); }
static inline struct hub_write *hub_pg_write_of(struct hub_list *l) { return HUB_CONTAINER(l, struct hub_write, link); }

struct reader {
    struct link link;          /* first member */
    struct hub_list under_way; /* jobs */
    size_t under_way_n;
    bool alone;            /* with a script's statement, or with claims: nothing else meanwhile */
    struct hub_map claims; /* those under way, when they are several: jobs by place */
    struct hub_buf key;
};

/* ---- writer.c ---- */

enum phase {
    PHASE_IDLE,
    PHASE_COUNTERS, /* counters are being read */
    PHASE_SEGMENT,
    PHASE_SINGLE /* a refused segment, write by write */
};

/* INSERTs of one shape that follow each other in a segment and have not been sent yet. */
struct run {
    size_t rows;
    struct hub_buf key; /* their shape */
    struct hub_write *items[RUN_MAX];
};

struct writer {
    struct link link;
    bool reclaim;          /* the tables have changed: claim again when nothing is under way */
    bool claimed;          /* the database knows that we and nobody else write */
    bool is_ours;          /* the process that it says serves is this one */
    int tries;             /* how often the segment met something that passes, less those committed since */
    bool served;           /* it has been claimed before */
    struct hub_list queue; /* writes that have not been sent */
    enum phase phase;
    struct hub_list segment; /* writes that have */
    size_t segment_n;
    struct run run;
    int64_t segment_id; /* of the segment under way, or the last one */
    bool segment_open;  /* it was sent and its outcome is not known */
    uint64_t began;
    struct pg_counters counters;
    struct pg_fences fences;
    struct hub_sql_cells cells;
    struct hub_buf outbox_text;
    struct hub_write *single; /* the write, or the first of the group, being carried out alone, */
    struct hub_write *part;   /* and which one of the group */
    bool single_again;        /* for the second time, with statements prepared anew */
    struct hub_list done;     /* of these: those through */
    int64_t marked;           /* what hubd_writer says */
    int64_t committed;        /* the last segment that was */
    int32_t pid;              /* of the session that had the claim last */
    int32_t asking, asked;    /* of the session that asks for locks, and of the one that did before */
    char pid_started[40];
    char contested[80]; /* what somebody else has locked */
    char why[260];      /* why there is no claim, or writing does not work; empty = all is well */
    bool told, down;
    struct hub_timer retry;
};

/* What several loops of a process have in common. */
struct pg_process {
    pthread_mutex_t lock;
    struct hub_list stores; /* pg_store.in_process; under the lock, as what follows */
    int joined;
    bool ending; /* the first is closed, and goes with the last of the others */
    /* fixed */
    int64_t id; /* drawn; what the database knows it by */
    char *url;
    struct pg_store *first;
    bool serves; /* atomic: the first has had the database say so once */
};

struct pg_store {
    struct hub_store base; /* first member */
    struct hub_loop *loop;
    struct pg_process *process;
    struct hub_list in_process;
    int number;              /* of the loop: 0 is the first */
    bool shared;             /* there are other loops, or will be */
    struct hub_buf marker;   /* its row in hubd_writer */
    int32_t sessions[2];     /* of the writer, this one and the one before; under the process' lock */
    struct hub_task adopted; /* other tables */
    bool adopting;           /* atomic: that task is posted */
    struct hub_task alone;   /* of the first: no other loop has the store any more */
    struct conninfo conninfo;
    char *service;
    bool owner; /* serves the service, or will */
    void (*taken)(void *arg);
    void *taken_arg;
    int64_t statement_timeout_ms;
    const struct hub_table *const *tables;
    size_t table_n;
    const struct hub_table *outbox; /* NULL = none */
    unsigned generation;            /* grows with each set of tables */
    bool applied;                   /* the tables are as they should be, and ours to write */
    bool readable;                  /* they are as they should be */
    struct writer writer;
    int64_t fences; /* of all writes and claims so far, or-ed: 0 = there is no other node */
    struct reader *readers;
    size_t reader_n;
    struct hub_list reads, claims, scripts; /* jobs that wait for a connection */
    struct hub_list late_claims;            /* likewise: each for itself */
    struct hub_list answers;                /* writes to be answered on a later turn */
    struct hub_list read_answers;
    struct hub_task turn, answer;
    struct hub_timer start, timeouts;
    struct hub_sql_patience patience; /* by the exact time of the loop */
    struct room_place places[ROOM_PLACES];
    int64_t outstanding;
    size_t outstanding_bytes;
    size_t up_n;       /* connections that are up */
    char trouble[220]; /* what a statement of the engine's own failed of; good until TROUBLE_UNTIL (loop time) */
    int64_t trouble_until, trouble_told;
    bool answering; /* the answer task is posted */
    bool closing, freeing;
    int64_t closing_since;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* ---- loops.c ---- */

HUB_MUST struct pg_process *hub_pg_process_new(struct pg_store *first, const char *url);
void hub_pg_process_join(struct pg_process *p, struct pg_store *s);
void hub_pg_process_leave(struct pg_store *s); /* frees P with the last */
/* Of a store that is closed; false: others have it still, and its task alone comes with the last of them. */
bool hub_pg_process_may_end(struct pg_store *s);
void hub_pg_process_note_session(struct pg_store *s, int32_t pid); /* its writer's, before that asks for locks */
void hub_pg_process_sessions(struct pg_process *p,
                             struct hub_buf *out); /* appends ",pid" for each that may have locks */
void hub_pg_process_adopt(struct pg_store *from);  /* all take its tables */

void hub_pg_writer_init(struct pg_store *s);
void hub_pg_writer_free(struct pg_store *s);
/* Sends what waits, if nothing is under way. */
void hub_pg_writer_pump(struct writer *x);
const char *hub_pg_writer_why(const struct writer *x); /* why it does not write */
/* What was submitted before BEFORE is answered, as far as it can be. */
void hub_pg_writer_expire(struct writer *x, int64_t before);
/* What was sent goes back into the queue, in the order in which it came; nothing of it was carried out. */
void hub_pg_writer_take_back(struct writer *x);
/* Asks for the counter of a room, made when there is none: scope, room, seq, epoch. */
void hub_pg_send_counter(struct link *l, struct hub_str scope, struct hub_str room, result_fn *result, void *arg);
/* The same for the writer, into x->counters. */
void hub_pg_load_counter(struct writer *x, struct hub_str scope, struct hub_str room);
/* The same, and nobody else numbers there until the transaction ends. */
void hub_pg_hold_counter(struct writer *x, struct hub_str scope, struct hub_str room);
/* Ends the segment: the touched counters and the marker, as one statement that fails unless the counters
 * stand where we left them. */
void hub_pg_send_close(struct writer *x);
/* The segment's writes have what they get; answers them. */
void hub_pg_segment_over(struct writer *x, bool committed);
void hub_pg_single_begin(struct writer *x);
/* The names of the locks that this process needs, as an array of the database. */
void hub_pg_lock_names(const struct pg_store *s, struct hub_buf *array);
#define HUB_PG_LOCK_KEY "(('hubd_writer'::regclass::oid::bigint << 32) | (hashtext(n)::bigint & 4294967295))"
/* The holders of the locks of the names in $1, as rows for hub_pg_say_holder; conditions may follow. */
#define HUB_PG_HOLDER                                                                                            \
    "a.application_name, a.pid, coalesce(nullif(a.client_hostname, ''), host(a.client_addr), 'of the server'), " \
    "to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), n FROM pg_locks l JOIN "     \
    "pg_stat_activity a USING (pid) JOIN unnest($1::text[]) AS n ON "                                            \
    "((l.classid::bigint << 32) | l.objid::bigint) = " HUB_PG_LOCK_KEY " WHERE l.locktype = 'advisory' AND "     \
    "l.objsubid = 1 AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
void hub_pg_say_holder(const PGresult *r, char *out, size_t size);
void hub_pg_claim(struct writer *x); /* once connected, and the tables are there */
/* While writing fails and nobody writes: does it work again? */
void hub_pg_writer_probe(struct writer *x);
void hub_pg_set_down(struct writer *x, const char *why); /* NULL: writing works */

/* ---- write.c ---- */

void hub_pg_fail(struct hub_write *w, enum hub_code code, const char *why);
/* Sends the statement of a write. STRICT: anything but the expected outcome (one row for what is numbered,
 * no duplicate) is an error. False: the write was refused, its code is set, nothing was sent. */
bool hub_pg_send_write(struct writer *x, struct hub_write *w, bool strict, int64_t number, result_fn *result);
/* Several INSERTs of a segment as one statement: nothing is asked back of them. */
bool hub_pg_can_join(const struct hub_write *w);
/* Keeps W, which can join, for the next hub_pg_send_run, or sends what is kept first. False as with
 * hub_pg_send_write. */
bool hub_pg_join_run(struct writer *x, struct hub_write *w, int64_t number);
void hub_pg_send_run(struct writer *x);
#define HUB_PG_UNANSWERED (-1) /* hub_write.changes of a part of a group whose last statement has not come back */
void hub_pg_take_outcome(struct hub_write *w, const PGresult *r);
/* It cannot be sent before it is known what the writes before it did. */
bool hub_pg_goes_alone(const struct hub_write *w);
/* The row of the outbox that tells of it. */
void hub_pg_send_outbox(struct writer *x, const struct hub_write *w);
/* Asks for the row that it is about to change; it comes into w->before. */
void hub_pg_send_before(struct writer *x, struct hub_write *w);
/* Sends W, which goes alone: a check, or the statement of a write, and before it that question where
 * others are to hear of it. False as with hub_pg_send_write. */
bool hub_pg_send_part(struct writer *x, struct hub_write *w, int64_t number, result_fn *result);
/* Asks for the row that has the conflict's columns in common with it. */
void hub_pg_send_existing(struct writer *x, struct hub_write *w, result_fn *result);

/* ---- postgres.c ---- */

/* A statement of the engine's own has failed of something that is not in its values: a table that has
 * gone, a right that was taken, damaged pages. True: it was that; the log and the metrics say so, and
 * readiness where it was a READ: what a write fails of may be a right that was never given, or somebody's
 * trigger, and then anybody could make the service look down. */
bool hub_pg_note_trouble(struct pg_store *s, const struct failure *f, bool read);

/* Answers W, whose code is set: the first on a later turn of the loop, the second at once, which is
 * allowed when a result arrives and never inside a call by the store's user. */
void hub_pg_answer(struct pg_store *s, struct hub_write *w);
void hub_pg_answer_now(struct pg_store *s, struct hub_write *w);
void hub_pg_answer_count(struct pg_store *s, struct count_job *job, const struct pg_counter *c);
void hub_pg_answer_job(struct pg_store *s, struct pg_job *j);
void hub_pg_maybe_closed(struct pg_store *s);
void hub_pg_count_links(struct pg_store *s, int change);

/* Asks for the fence of a script's statement, behind it: fails where the place has another one. */
void hub_pg_fence_send(struct link *l, struct pg_job *j);

/* ---- read.c, script.c ---- */

void hub_pg_readers_init(struct pg_store *s, size_t n);
void hub_pg_readers_free(struct pg_store *s);
void hub_pg_readers_pump(struct pg_store *s);
void hub_pg_job_free(struct pg_job *j);
void hub_pg_job_fail(struct pg_job *j, enum hub_code code, const char *why);
/* Checks a script's statement, and puts it with $1… for ? into OUT. READS: by its words it changes
 * nothing, and calls nothing that may, so that it may be asked again. */
enum hub_code hub_pg_scan(struct hub_str sql, size_t given, struct hub_buf *out, bool *reads, struct hub_err *err);

/* ---- functions.c ---- */

/* Whether what stands before a parenthesis calls nothing that may change something: a function of
 * PostgreSQL's own, or a word of SQL. */
bool hub_pg_is_harmless(struct hub_str name, bool quoted);
const char *hub_pg_harmless(void); /* the functions, with spaces around them */

/* ---- claim.c ---- */

/* A claim that may wait for who holds the place. */
void hub_pg_send_claim(struct link *l, struct pg_job *j, synced_fn *synced);
/* Whether J, which waits, can be one of those that R claims with one statement. */
bool hub_pg_join_claims(struct reader *r, struct pg_job *j);
/* Sends it for all that are under way there; SYNCED gets R. Which ones it took their fences say: of rows that
 * are held, or not there, they stay 0. */
void hub_pg_send_claims(struct reader *r, synced_fn *synced);

/* ---- blocking.c: for start, hubctl and reloads ---- */

struct session {
    PGconn *pg;
    const struct conninfo *conninfo;
    int64_t limit_ms; /* of each statement */
};
/* LIKE: a connection whose server it shall go to; NULL: the URL's. */
enum hub_code hub_pg_session_open(struct session *x, const struct conninfo *c, const PGconn *like, int64_t limit_ms,
                                  struct hub_err *err);
/* NULL and ERR on failure. PARAMS: texts, N of them. */
HUB_MUST PGresult *hub_pg_session_run(struct session *x, const char *sql, const char *const *params, int n,
                                      struct hub_err *err);
void hub_pg_session_close(struct session *x);

/* ---- schema.c ---- */
enum hub_code hub_pg_plan(struct hub_store *s, struct hub_buf *plan, struct hub_err *err);
enum hub_code hub_pg_apply(struct hub_store *s, struct hub_err *err);
enum hub_code hub_pg_adopt(struct hub_store *s, const struct hub_store_config *config, struct hub_err *err);

/* ---- alter.c: of struct hub_sql_planner (adapters/sql/migration/plan.h) ---- */
void hub_pg_make_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c);
void hub_pg_alter_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                         const struct hub_sql_have_column *have, bool tighter, bool looser);
#endif
