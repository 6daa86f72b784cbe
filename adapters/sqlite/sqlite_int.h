/* Inside the SQLite store: connections, the queue to the writer, jobs for readers.
 *
 * What there is of a store once is struct sqlite_store; each loop that works with it has a handle of it.
 * Three kinds of threads: a loop's thread owns its handle; the writer owns the writer connection while it
 * holds db_lock (plan and apply take it on the thread of the first handle, which also owns what is not
 * mentioned here); each reader owns its connection. Lists marked "lock" are shared. */
#ifndef HUB_ADAPTERS_SQLITE_INT_H
#define HUB_ADAPTERS_SQLITE_INT_H
#include <pthread.h>
#include <sqlite3.h>

#include "adapters/sql/cells.h"
#include "adapters/sql/keep.h"
#include "adapters/sql/migration/plan.h"
#include "adapters/sql/patience.h"
#include "adapters/sql/statement.h"
#include "adapters/sqlite/sqlite.h"
#include "base/collection/map.h"
#include "base/id/uuid.h"
#include "base/memory/mem.h"

#define READERS 2
#define TIMEOUT_MS 5000 /* the longest that anything waits before it fails */
#define MAX_BATCH 2000  /* writes in one transaction */
#define HAND_OVER 40    /* writes after which the loop does not wait for the end of its turn (docs/performance.md) */
#define CHECKPOINT_PAGES \
    "2000" /* of the write-ahead log, after which a commit brings them to the file (SQLite's default is 1000) */
#define MAX_COUNTERS 10000                 /* of rooms, kept from one transaction to the next */
#define MAX_OUTSTANDING 100000             /* writes and reads without an answer; more are refused */
#define MAX_OUTSTANDING_BYTES (256u << 20) /* of their texts */
#define MAX_STATEMENTS 256                 /* prepared ones kept by a connection */
#define MAX_SQL_ROWS 10000                 /* of a script's query */
#define MAX_SQL_BYTES (16u << 20)

/* ---- conn.c: a connection and its prepared statements ---- */

struct sqlite_conn {
    sqlite3 *db; /* NULL = closed */
    struct hub_map statements;
    size_t statement_n;
    struct hub_buf key, sql, text;
    struct hub_sql_cells cells;
    const struct hub_table *outbox; /* the writer's: where announced changes go, or NULL */
    int64_t deadline; /* hub_real_ms, 0 = none: statements are interrupted and locks no longer waited for */
    int64_t busy_ms;
    unsigned generation; /* of the tables whose statements it holds */
    bool script;         /* the authorizer is strict: a script's statement is being prepared */
};

struct sqlite_options {
    char *path;  /* NULL = in memory */
    bool normal; /* synchronous=normal */
    int64_t busy_ms;
};

enum hub_code hub_sqlite_conn_open(struct sqlite_conn *c, const struct sqlite_options *o, bool reader,
                                   struct hub_err *err);
void hub_sqlite_conn_close(struct sqlite_conn *c);
void hub_sqlite_conn_forget(struct sqlite_conn *c); /* finalizes the prepared statements */
/* The statement kept under c->key, or a new one of the text that BUILD puts into c->sql. NULL:
 * sqlite3_errmsg tells. */
typedef void build_fn(struct hub_buf *sql, const void *what);
HUB_MUST sqlite3_stmt *hub_sqlite_prepare(struct sqlite_conn *c, build_fn *build, const void *what);
HUB_MUST sqlite3_stmt *hub_sqlite_prepare_text(struct sqlite_conn *c, const char *sql);
int hub_sqlite_exec(struct sqlite_conn *c, const char *sql);
/* SQLite result code: a text may be too large. */
int hub_sqlite_bind(sqlite3_stmt *st, int at, const struct hub_column *col, const struct hub_cell *cell);
/* The same in a condition: NULL, which meets nothing, for what no row of the column can have. */
int hub_sqlite_bind_cond(sqlite3_stmt *st, int at, const struct hub_column *col, enum hub_cmp cmp,
                         const struct hub_cell *cell);
/* The current row of ST, whose columns are those of T, at the end of ROWS. Texts are offsets until
 * hub_sql_settle_rows. */
void hub_sqlite_take_row(sqlite3_stmt *st, const struct hub_table *t, struct hub_rows *rows, size_t *cap);
/* What an SQLite result code means for the one who asked. */
enum hub_code hub_sqlite_code(int rc);

/* ---- write.c: one write on the writer's connection, inside a transaction ---- */

struct sqlite_counter {
    struct hub_list dirty; /* in the counters' while it has to be written */
    int64_t seq, fence;
    char epoch[HUB_UUID_LEN + 1];
    struct hub_buf key; /* scope, NUL, room */
    size_t scope_n;
};
/* The writer's knowledge of hubd_room, good for as long as no other connection commits and no transaction
 * of its own is lost. */
struct sqlite_counters {
    struct hub_map map; /* owns them */
    struct hub_list dirty;
    int64_t version; /* PRAGMA data_version of the last transaction */
};
void hub_sqlite_counters_init(struct sqlite_counters *k);
void hub_sqlite_counters_free(struct sqlite_counters *k); /* leaves it empty */
/* First thing in a transaction: forgets what may be stale. SQLite result code. */
int hub_sqlite_counters_begin(struct sqlite_counters *k, struct sqlite_conn *c);
/* Writes the changed ones. SQLite result code. */
int hub_sqlite_counters_flush(struct sqlite_counters *k, struct sqlite_conn *c);
/* Made when missing. SQLite result code. */
int hub_sqlite_counter(struct sqlite_counters *k, struct sqlite_conn *c, struct hub_str scope, struct hub_str room,
                       struct sqlite_counter **out);
/* The same with the next fence, for NODE. */
int hub_sqlite_claim_place(struct sqlite_counters *k, struct sqlite_conn *c, struct hub_str scope, struct hub_str room,
                           struct hub_str node, struct sqlite_counter **out);
/* Runs the write's statement and fills w->changes in; the first row that it returns, of a take all, goes to
 * ROW (NULL: it returns none). SQLite result code. */
int hub_sqlite_run(struct sqlite_conn *c, struct hub_write *w, struct hub_rows *row);
/* Fills w->code and everything else. False when the whole transaction is lost (sqlite3_errmsg tells). */
typedef bool hub_sqlite_write_fn(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w);
hub_sqlite_write_fn hub_sqlite_write;
/* The same where writes may have a fence. */
hub_sqlite_write_fn hub_sqlite_write_fenced;
/* Whether the place of W has the fence of W, if that has any; else W has a code. */
void hub_sqlite_check_fence(struct sqlite_conn *c, struct sqlite_counters *k, struct hub_write *w);

/* ---- announce.c ---- */

/* The outbox row of a write that was carried out, with its rows settled. SQLite result code. */
int hub_sqlite_announce(struct sqlite_conn *c, const struct hub_write *w);

/* ---- jobs: what is not a plain write. For the writer, a job is the write embedded in it ---- */

enum sqlite_job_kind { JOB_SELECT, JOB_SQL, JOB_COUNTER, JOB_CLAIM };
struct sqlite_job {
    /* w.adapter points back here; w.link, w.code, w.error, w.submitted are used, of JOB_SQL w.fence and its
     * place */
    struct hub_write w;
    struct sqlite_handle *h;
    enum sqlite_job_kind kind;
    void *arg;
    hub_rows_cb *rows_cb;
    hub_sql_cb *sql_cb;
    hub_counter_cb *counter_cb;
    hub_place_cb *place_cb;
    struct hub_select q;    /* JOB_SELECT: a copy, with its own conditions and texts */
    struct hub_cell *cells; /* of the conditions' IN lists, or a script's parameters */
    size_t cell_n;
    struct hub_buf text;
    struct hub_str sql, scope, room, node; /* into text */
    bool to_writer;                        /* set by a reader that cannot do it */
    bool rows_wanted;
    uint64_t ns; /* how long it took */
    struct hub_rows rows;
    json_t *result;
    int64_t seq, fence;
    char epoch[HUB_UUID_LEN + 1];
};
struct sqlite_job *hub_sqlite_job(struct sqlite_handle *h, enum sqlite_job_kind kind, void *arg);
void hub_sqlite_job_free(struct sqlite_job *j);
void hub_sqlite_run_select(struct sqlite_conn *c, struct sqlite_job *j);
/* READ_ONLY: a statement that writes sets to_writer and is not run. */
void hub_sqlite_run_sql(struct sqlite_conn *c, struct sqlite_job *j, bool read_only);
void hub_sqlite_run_counter_read(struct sqlite_conn *c,
                                 struct sqlite_job *j); /* sets to_writer when there is no counter yet */
void hub_sqlite_job_fail(struct sqlite_job *j, struct sqlite_conn *c, int rc);

/* ---- sqlite.c and writer.c: the store ---- */

/* Writes that are through, on their way back to the loop that they came from. */
struct batch {
    struct hub_task task;
    struct hub_list link; /* while they are parted by handles */
    struct sqlite_handle *h;
    struct hub_list writes;
    size_t n;       /* of the transaction, of all loops */
    uint64_t ns;    /* of the transaction */
    bool committed; /* count it as a commit */
};

/* A loop's way to the store. Its loop's thread, but for what says otherwise. */
struct sqlite_handle {
    struct hub_store base; /* first member */
    struct sqlite_store *s;
    struct hub_loop *loop;
    struct hub_list turn; /* writes of this turn that were not handed over yet */
    int turn_n;
    int64_t turn_fences; /* of all writes so far, or-ed: 0 = none has ever had one */
    struct hub_task turn_task;
    struct hub_timer timeouts;
    int64_t outstanding;
    size_t outstanding_bytes;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

struct sqlite_store {
    struct sqlite_handle first; /* what open gave: it is closed when all others are */
    struct hub_clock *clock;    /* that of its loop */
    struct hub_clock_listener turned;
    struct sqlite_options options;
    const struct hub_table *const *tables;
    size_t table_n;
    struct hub_task alone_task, closed_task; /* the other handles have gone; the threads have ended */
    bool threads_gone;
    char *service;
    bool owner;          /* this process serves the service, or will */
    bool claimed;        /* and nobody else does */
    int claim_fd;        /* -1: none. Closing it would take SQLite's own locks with it: the last thing that goes */
    char contested[320]; /* who else does */
    struct hub_timer watch;
    /* lock */
    pthread_mutex_t lock;
    pthread_cond_t writer_wake, reader_wake;
    struct hub_list waiting; /* writes */
    struct hub_list reads;   /* jobs */
    bool fenced;             /* what waits may have a fence */
    bool writer_idle, stop;
    bool ending;                      /* the first handle is closed, and the threads end with the last of the others */
    struct hub_sql_patience patience; /* by the exact time of the loops */
    int readers_running;
    bool down;
    char why_down[200];
    char trouble[260]; /* what reads, or statements of the engine, failed of; good until TROUBLE_UNTIL (loop time) */
    int64_t trouble_until; /* INT64_MAX: the file is damaged, which does not pass */
    int64_t trouble_told;
    /* atomic, changed under lock: the handles, and how much one of them may have without an answer */
    int handle_n;
    int64_t outstanding_max;
    size_t outstanding_bytes_max;
    /* fixed after open */
    pthread_t writer_thread, reader_threads[READERS];
    int reader_n;
    /* atomic: grows with each set of tables. Statements are kept by a table's address, which another table
     * may have got since */
    unsigned generation;
    const char *lost_file; /* why the file is not the one that is meant any more; NULL: it is */
    /* writer thread, or the loop thread under db_lock */
    pthread_mutex_t db_lock;
    struct sqlite_conn writer;
    struct sqlite_counters counters;
};

void *hub_sqlite_writer_main(void *store);
void *hub_sqlite_reader_main(void *store);
/* From any thread: hands WRITES (all of it) back to the loops that they came from. */
void hub_sqlite_post(struct sqlite_store *s, struct hub_list *writes, uint64_t ns, bool committed);
void hub_sqlite_set_down(struct sqlite_store *s, const char *why); /* NULL: up again */
void hub_sqlite_fail_write(struct hub_write *w, enum hub_code code, const char *why);

/* From any thread, after a failure of the code RC: says so in the log, in readiness and in the metrics, if
 * it is not the asker's own fault. A write that failed alone may have met somebody's trigger: it does not
 * count for readiness, or anybody could make the service look down. */
void hub_sqlite_note_trouble(struct sqlite_store *s, int rc, const char *why, bool write_alone);

/* ---- only_writer.c ---- */

/* Takes the locks of an owner, and opens the writer's connection; what is there already stays.
 * HUB_CONFLICT: another process has one of them, and s->contested says who. */
enum hub_code hub_sqlite_claim(struct sqlite_store *s, struct hub_err *err);
/* After a refused reload: gives back what was claimed for those of TABLES that are not the store's. */
void hub_sqlite_let_go(struct sqlite_store *s, const struct hub_table *const *tables, size_t n);
/* In a transaction: writes down who the owner is. False: sqlite3_errmsg tells. */
bool hub_sqlite_sign(struct sqlite_store *s);
/* Looks after the claimed file from now on (sqlite.c). */
void hub_sqlite_watch(struct sqlite_store *s);
/* Why the claimed file is no longer what its path leads to; NULL when it is. */
const char *hub_sqlite_lost_file(const struct sqlite_store *s);

/* ---- schema.c ---- */
enum hub_code hub_sqlite_plan(struct hub_store *s, struct hub_buf *plan, struct hub_err *err);
enum hub_code hub_sqlite_apply(struct hub_store *s, struct hub_err *err);
enum hub_code hub_sqlite_adopt(struct hub_store *s, const struct hub_store_config *config, struct hub_err *err);

/* ---- rebuild.c: of struct hub_sql_planner (adapters/sql/migration/plan.h) ---- */
void hub_sqlite_rebuild(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_sql_have *have);
#endif
