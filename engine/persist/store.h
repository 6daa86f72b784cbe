/* The table every store adapter fills, and the tables it is asked to hold.
 *
 * A process opens a store once; each of its loops has a handle of it (struct hub_store): the first loop
 * what open gave, any other what attach gave. All functions are called on the thread of their handle's loop
 * and never block it. Every asynchronous call ends in its callback exactly once, on that thread, in a later
 * turn. Writes of one handle are carried out in the order submitted; those of several share transactions,
 * numbers, fences and what is unique, as if one loop had submitted them in some order. Adapters may commit
 * many writes as one transaction, but never delay a lone one for the sake of a batch; a callback with
 * HUB_OK follows the commit. Failures: HUB_STORE_UNAVAILABLE (away, disk full, …: nothing was written),
 * HUB_STORE_UNDECIDED (away; what was asked for may have been carried out; see hub_write.undecided),
 * HUB_NOT_FOUND, HUB_BAD_REQUEST (the row violates the table: that write failed alone), HUB_FENCED (another
 * node has the place of the write: that write failed alone). */
#ifndef HUB_PERSIST_STORE_H
#define HUB_PERSIST_STORE_H
#include "base/error/code.h"
#include "base/id/uuid.h"
#include "base/json/json.h"
#include "base/text/buf.h"
#include "loop/loop.h"

/* Column types: the nine of HubCustomFieldType. */
enum hub_col_type {
    HUB_COL_STRING, /* text up to 255 characters */
    HUB_COL_TEXT,
    HUB_COL_INTEGER, /* 64 bit */
    HUB_COL_DECIMAL, /* double */
    HUB_COL_BOOLEAN,
    HUB_COL_ID,       /* text */
    HUB_COL_DATETIME, /* in cells: milliseconds since the epoch; SQLite text in ISO 8601, PostgreSQL timestamptz */
    HUB_COL_ENUM,     /* text out of enum_values */
    HUB_COL_JSON      /* JSON text; jsonb on PostgreSQL */
};

/* How the column of a table that others made keeps its values, as far as that is not how a managed one
 * would. */
enum hub_stored {
    HUB_STORED_AS_DECLARED,
    HUB_STORED_TEXT,   /* a text with padding */
    HUB_STORED_NUMBER, /* of an ID: a whole number */
    HUB_STORED_UUID,
    HUB_STORED_OTHER, /* what has a text form: an enum, a time, an address, a text with an equality of its own */
    HUB_STORED_LOOSE, /* of SQLite: numbers and texts side by side; a text that reads as a number is equal to it */
    HUB_STORED_ARRAY, /* of a JSON property: a list of the database */
    HUB_STORED_MOMENT /* of a DateTime: a text in another spelling than ours, or a number */
};

struct hub_column {
    const char *property; /* what hubs and scripts call it */
    const char *column;   /* in the database */
    enum hub_col_type type;
    bool required;                  /* NOT NULL */
    const char *const *enum_values; /* NULL-terminated, for HUB_COL_ENUM */
    const char *default_json; /* filled in by the engine on create; NULL = none. Also the DDL default where the database
                                 can express it */
    /* filled by the adapter that has seen the table, before anything is read; NULL: as declared */
    enum hub_stored *stored;
};
static inline enum hub_stored hub_stored(const struct hub_column *c) {
    return c->stored ? *c->stored : HUB_STORED_AS_DECLARED;
}

struct hub_index {
    const char *columns; /* comma-separated properties */
    bool unique;         /* rows where one of them is NULL do not collide */
    bool sparse;         /* rows where the last column is NULL stay out of the index: for columns that few rows have */
};

#define HUB_NO_ID ((size_t)-1)

struct hub_table {
    const char *name;  /* what hubs and scripts call it (DataObject name) */
    const char *table; /* in the database */
    bool managed; /* created and migrated by hubd; otherwise it must exist and only its mapped columns are touched */
    const struct hub_column *columns;
    size_t column_n;
    size_t id;  /* index of the id column, the primary key; HUB_NO_ID: none (rows are told apart by a unique index) */
    int active; /* index of the soft-delete column ("isActive"), or -1 */
    int created_at, updated_at; /* index of these columns, or -1; set by the adapter on insert and update */
    int deleted_at;             /* the same, set by a soft delete; 0 = none, for the first column is none of these */
    const struct hub_index *indexes;
    size_t index_n;
    json_t *seed; /* array of row objects inserted when the table is created empty, or NULL; borrowed */
};
int hub_table_column(const struct hub_table *t, struct hub_str property); /* index or -1 */

/* One value. Text is borrowed from its holder (see each use). */
enum hub_cell_kind { HUB_CELL_ABSENT, HUB_CELL_NULL, HUB_CELL_INT, HUB_CELL_REAL, HUB_CELL_BOOL, HUB_CELL_TEXT };
struct hub_cell {
    enum hub_cell_kind kind;
    union {
        int64_t i; /* INT, BOOL, and DATETIME columns */
        double r;
    };
    struct hub_str s; /* TEXT; JSON columns carry JSON text */
};

static inline struct hub_cell hub_cell_text(struct hub_str s) {
    return (struct hub_cell){.kind = HUB_CELL_TEXT, .s = s};
}
/* Also times: milliseconds of the wall clock. */
static inline struct hub_cell hub_cell_int(int64_t i) { return (struct hub_cell){.kind = HUB_CELL_INT, .i = i}; }
static inline struct hub_cell hub_cell_bool(bool b) { return (struct hub_cell){.kind = HUB_CELL_BOOL, .i = b}; }

/* Rows of a result: cell (r, c) is cells[r * table->column_n + c]; texts live in the result. */
struct hub_rows {
    const struct hub_table *table;
    size_t n;
    struct hub_cell *cells;
    struct hub_buf text; /* backing of the cells' texts */
    bool cut;            /* there may be more: see max_bytes */
};
static inline const struct hub_cell *hub_row(const struct hub_rows *r, size_t i) {
    return r->cells + i * r->table->column_n;
}
/* New JSON object of a row by property names: DateTime as ISO text, JSON parsed, NULL as json null. */
HUB_MUST json_t *hub_row_json(const struct hub_table *t, const struct hub_cell *row);
/* The same as JSON text, appended. */
void hub_row_add_json(struct hub_buf *b, const struct hub_table *t, const struct hub_cell *row);
/* What somebody else says of a row: of OBJECT the properties of the table, as hub_row_json gives them; null
 * for values that are not of their types. New reference. */
HUB_MUST json_t *hub_row_typed(const struct hub_table *t, const json_t *object);
/* V, of COL of T, and ID, as hub_row_json gives them, "42" being 42 for numbers. NULL: no row can have that.
 * New references. */
HUB_MUST json_t *hub_value_typed(const struct hub_table *t, const struct hub_column *col, const json_t *v);
HUB_MUST json_t *hub_row_id(const struct hub_table *t, const json_t *id);
/* Whether ROWS are what EXPECTED says, a list of objects as hub_row_json gives them: as many, in its order,
 * and equal in the properties that it has. What reads as the same value is the same, however the database
 * spells it. */
bool hub_rows_equal(const struct hub_rows *rows, const json_t *expected);
/* JSON value → cell for a column, with coercion as SQL drivers do (number text to number …) and check of
 * type, length and enum. Texts (also JSON dumps) are appended to TEXT: take offsets only after the last
 * append, or give each row its own buffer reserved beforehand; hub_row_from_json does that for whole rows.
 * Failure: HUB_INVALID_CONTENT naming the property. */
enum hub_code hub_cell_from_json(const struct hub_column *col, const json_t *v, struct hub_cell *out,
                                 struct hub_buf *text, struct hub_err *err);

enum hub_row_use {
    HUB_ROW_CREATE, /* missing properties get their defaults, of managed tables NULL where there is none; an id of type
                       String, Text or ID a new UUIDv7; required ones must be there */
    HUB_ROW_CHANGE  /* missing properties stay ABSENT */
};
/* JSON object → CELLS (column_n of them, the caller's). Texts go into TEXT, which is cleared first; the
 * cells point into it until it changes. Unknown properties, missing required ones and values that do not
 * fit: HUB_INVALID_CONTENT naming them. createdAt and updatedAt stay ABSENT unless given: the adapter sets
 * them. */
enum hub_code hub_row_from_json(const struct hub_table *t, const json_t *object, enum hub_row_use use,
                                struct hub_cell *cells, struct hub_buf *text, struct hub_err *err);

/* ---- reading ---- */

enum hub_cmp {
    HUB_EQ,
    HUB_NE,
    HUB_LT,
    HUB_LE,
    HUB_GT,
    HUB_GE,
    HUB_IN,
    /* The row is meant for the user VALUE (a text): COLUMN is a JSON column that holds an audience (NULL:
     * everybody; an array: these users; {"except": id}: everybody but this one; anything else: everybody),
     * and who is in the column OWNER is always meant. */
    HUB_MEANT_FOR
};
struct hub_cond {
    int column;
    enum hub_cmp cmp;
    struct hub_cell value;
    const struct hub_cell *in; /* HUB_IN */
    size_t in_n;
    int owner; /* HUB_MEANT_FOR: a text column */
};
struct hub_select {
    const struct hub_table *table;
    const struct hub_cond *where; /* all must hold */
    size_t where_n;
    /* Column index, or -1. Nulls come last in both directions; texts go by the bytes of their UTF-8; among
     * equals the id decides, in the same direction. Without a column the id alone does. JSON has no order,
     * and compares with NULL only. */
    int order_by;
    bool descending;
    int64_t limit; /* > 0 */
    int64_t offset;
    bool with_inactive; /* also soft-deleted rows */
    bool count; /* one row, whose first cell is the number of rows as text (the first column must be of a text type) */
    size_t max_bytes; /* 0 = any; else the result ends with the row that brings its texts over it, and is cut */
    /* Of a table with an id: the first condition is an IN, and of the rows that have one of its values
     * only the first one by ORDER_BY, a column, that meets the others is in the result, which has no
     * order. With an index over both columns that costs a look for each value, however many rows there
     * are. */
    bool first_of_each;
    uint64_t only; /* HUB_ONLY of each column that is read; the others come as NULL. 0: all */
};
#define HUB_ONLY(COLUMN) ((uint64_t)1 << (COLUMN))
/* ROWS is borrowed during the call and NULL on failure. */
typedef void hub_rows_cb(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error);
/* RESULT is a new array of row objects for a query, or {"changes":n}; borrowed during the call. */
typedef void hub_sql_cb(void *arg, enum hub_code code, json_t *result, const char *error);

/* ---- writing ---- */

enum hub_write_kind {
    HUB_INSERT,
    HUB_UPDATE, /* sets the cells that are not ABSENT in the rows that meet WHERE. Soft-deleted rows are left alone,
                   unless WHERE or the cells name the active column. No row: HUB_NOT_FOUND; so with DELETE */
    HUB_DELETE, /* soft where the table has an active column, else really */
    HUB_UPSERT, /* INSERT, or on a conflict over CONFLICT's columns UPDATE of the cells that are not ABSENT (id and
                   createdAt stay) */
    HUB_CHECK   /* changes nothing: what CHECK finds must be as EXPECTED says, else HUB_CONFLICT */
};
/* Numbers from a room's counter (contract: semantics.md "Order and durability"): taken inside the same
 * transaction, only when the write changed exactly one row, so committed numbers have no gaps. */
enum hub_numbering {
    HUB_NUMBER_NONE,
    HUB_NUMBER_NEW,   /* the next number goes into columns "seq" and "changeSeq" */
    HUB_NUMBER_CHANGE /* the next number goes into column "changeSeq" */
};

/* Which of the rows that meet the conditions an UPDATE or a DELETE is about, when it is not about all: the
 * first LIMIT by ORDER_BY, which is null in none of them. Rows that another transaction is changing are
 * passed over and not waited for, so that several may take from one table at once. */
struct hub_take {
    int order_by;
    int64_t limit;
    int raised[2]; /* UPDATE: Integer columns, not null, that grow by one; -1: none */
};

struct hub_write {
    /* filled by the caller; texts of cells and conditions must live until the callback */
    const struct hub_table *table;
    enum hub_write_kind kind;
    /* column_n of them; numbers and times that the adapter sets are put here (any value after a failure) */
    struct hub_cell *cells;
    struct hub_cond *where;
    size_t where_n;
    const char *conflict; /* INSERT: comma-separated properties of a unique index; a conflict is answered with
                             duplicate=true and the existing row instead of an error. UPSERT: the key. */
    enum hub_numbering numbering;
    const char *counter_scope; /* the hub's name */
    struct hub_str counter_room;
    /* What claim_place gave for the place that leads to this write: counter_scope and counter_room, which are
     * there then even if nothing is numbered. It is looked at in the same transaction, and where the place
     * has another one the write fails alone, with HUB_FENCED. 0: nothing is looked at. */
    int64_t fence;
    /* NULL: all that meet WHERE. Of a table with an id; not numbered, not announced. With return_row all rows
     * are in row, in no order; when they were lost with the connection it is HUB_STORE_UNDECIDED, though it
     * was carried out. */
    const struct hub_take *take;
    /* HUB_CHECK: the rows, and what they were when they were read: a list of objects, in the order of the
     * select, by as many properties as count (hub_rows_equal). Where a write behind it in its group is of the
     * same table, the database keeps others from changing them until the commit. */
    const struct hub_select *check;
    const json_t *expected; /* the store's until done: a tree of its own */
    /* A group: the writes that are carried out with this one, behind it, all of them or none. Only the first
     * is submitted, and answered for all; with its code FAILED says which one it was, and in a group a
     * duplicate is HUB_CONFLICT. None of them is numbered or takes; each may have a fence. */
    struct hub_write *next;
    bool keeps_rows; /* ROW and BEFORE are freed by the owner of the write; so of all those behind the first */
    bool purge;      /* DELETE: really, also where the table has an active column */
    bool
        return_row; /* UPDATE, DELETE, duplicates: the row after the write is in row (after a real DELETE: as it was) */
    /* A change that others are to hear of (contract: semantics.md "Bridged events"): one row at most may
     * meet WHERE, else the write fails alone with HUB_BAD_REQUEST. The row before an UPDATE or an UPSERT
     * of an existing one is put into before, the row after a write into row (after an INSERT it may be
     * left empty: it is the cells then). With an outbox (hub_store_config), a row of it tells of the
     * change in the same transaction: its id is event_id. Nothing changed, a duplicate, a failure: no row. */
    bool announce;
    char
        event_id[HUB_UUID_LEN + 1]; /* announce: a new UUIDv7, so that the outbox is read in the order of the changes */
    void (*done)(struct hub_write *w);
    /* The store went away in the middle of the write, and for 5 s nobody could tell whether it was carried
     * out: whoever waits should be told that the store is not available. Comes at most once, before done,
     * which follows when the outcome is known; the store sets it to NULL then. With NULL, done comes with
     * HUB_STORE_UNDECIDED instead, and the outcome stays unknown. */
    void (*undecided)(struct hub_write *w);
    void *arg;
    /* filled before done is called */
    enum hub_code code;
    char error[200];
    struct hub_write *failed; /* of a group of several; NULL: it failed as a whole */
    bool duplicate;
    int64_t changes;     /* rows changed */
    int64_t number;      /* taken from the counter, 0 = none */
    struct hub_rows row; /* return_row, announce, or duplicate: one row (freed by hub_rows_free after done returns) */
    struct hub_rows before; /* announce: likewise */
    /* the adapter's */
    struct hub_list link;
    struct hub_store *through; /* what it was submitted to */
    int64_t submitted;         /* loop time */
    size_t bytes;              /* of its texts */
    void *adapter;
};

/* ---- room counters ---- */

/* The counter as committed now. A room without one gets a row with seq 0 and a new epoch. */
typedef void hub_counter_cb(void *arg, enum hub_code code, int64_t seq, const char *epoch);

/* ---- places ---- */

/* A place and what claim_place gave for it, where there is no hub_write to say so. */
struct hub_fence {
    const char *scope;
    struct hub_str room;
    int64_t fence;
};

/* FENCE is greater than any that the place had before; SEQ and EPOCH are as with a counter. With another
 * code than HUB_OK they are 0 and empty, and the place may have a fence that nobody knows: whoever wants it
 * claims it again. */
typedef void hub_place_cb(void *arg, enum hub_code code, int64_t fence, int64_t seq, const char *epoch);

/* ---- the outbox ---- */

/* Columns of the outbox, for events that a bus outside the process has not taken yet. A row of a change
 * says what kind of change and gives the rows as JSON objects as hub_row_json makes them; a row of kind
 * "published" carries a script's record for a topic of its own. */
enum hub_outbox_column {
    HUB_OUT_ID,     /* UUIDv7; becomes _eventId */
    HUB_OUT_OBJECT, /* hub_table.name; NULL with "published" */
    HUB_OUT_KIND,   /* "created", "updated", "deleted", "published" */
    HUB_OUT_TOPIC,  /* NULL but with "published" */
    HUB_OUT_KEY,    /* the row's id as text; NULL where the table has none */
    HUB_OUT_BEFORE, /* "updated": the row before; "published": its headers, or NULL */
    HUB_OUT_AFTER,  /* the row after, of "deleted" the row that went, inactive or gone; of "published" the record */
    HUB_OUT_ERROR,  /* NULL, or why the bus will never take it: kept for people to look at */
    HUB_OUT_COLUMNS
};

/* Of W, which did not succeed, and of those behind it nothing is known any more: as before they were
 * tried. */
void hub_write_reset(struct hub_write *w);
/* The place of W has not the fence of W. */
void hub_write_fail_fenced(struct hub_write *w);
#define HUB_FENCED_TEXT "its fence is not that of the place any more: another node has it"
/* PART, which has a code, fails the group of W. */
void hub_write_fail_group(struct hub_write *w, struct hub_write *part);
/* W, answered, was submitted as a group: one of a single write is answered as one of several is. */
void hub_write_judge_group(struct hub_write *w);
size_t hub_write_bytes(const struct hub_write *w); /* of the texts of its cells, and of those behind it */

/* A DELETE that is no change of the active column. */
static inline bool hub_write_removes(const struct hub_write *w) {
    return w->kind == HUB_DELETE && (w->purge || w->table->active < 0);
}
/* What an announced write was, once it has been carried out: "created", "updated" or "deleted". */
const char *hub_write_event(const struct hub_write *w);

struct hub_store_config {
    const char *url;
    const struct hub_table *const *tables; /* valid until close or a successful adopt */
    size_t table_n;
    /* one of the tables, with the columns above; NULL: nothing outside the process wants events */
    const struct hub_table *outbox;
    const char *service; /* for names that administrators see */
    bool owner; /* will serve the service: one process at a time may. Without it the store is only looked at, or
                   migrated */
    /* On the loop, at most once: another process has served the service, or does, since this one did. What is
     * remembered of rooms is not so any more. NULL: nobody wants to know. */
    void (*taken)(void *arg);
    void *taken_arg;
    int64_t loops;                /* handles that there will be, with the first; 0: one */
    int64_t read_connections;     /* of a handle, for reads beside the one that writes; adapters may use fewer */
    int64_t statement_timeout_ms; /* a statement that takes longer fails with HUB_STORE_UNAVAILABLE */
};

struct hub_store;
struct hub_store_ops {
    const char *scheme; /* "sqlite"; several are separated by commas */
    const char *help;   /* URL forms, one line */
    bool local;         /* lives in this process or its files: a failure to open it will not mend by waiting */
    /* HUB_BAD_REQUEST: open would not take CONFIG. Connects to nothing, looks at no file. */
    enum hub_code (*check)(const struct hub_store_config *config, struct hub_err *err);
    /* Opens or begins connecting. A store that must be there but is not: HUB_STORE_UNAVAILABLE with one
     * line naming the URL (without password) and the cause. CONFIG is copied, what it points to is not. */
    enum hub_code (*open)(struct hub_loop *loop, const struct hub_store_config *config, struct hub_store **out,
                          struct hub_err *err);
    /* A handle for LOOP, another one of this process, which must not run yet: its own thread may run it from
     * then on. On the thread of S, what open gave, after apply. NULL: several loops cannot share it. */
    enum hub_code (*attach)(struct hub_store *s, struct hub_loop *loop, struct hub_store **out, struct hub_err *err);
    /* This and the next two: of what open gave alone, on its thread; what they do holds for all handles.
     * Statements that bring the database to the tables, one per line, into PLAN; refuses (HUB_NOT_ALLOWED,
     * text names what and where) anything that would lose data. Blocking: for start-up and hubctl only. */
    enum hub_code (*plan)(struct hub_store *s, struct hub_buf *plan, struct hub_err *err);
    /* Carries the plan out in one transaction and inserts seeds into tables it created. Blocking.
     * HUB_CONFLICT: another process serves it; nothing was done, ready() says who it is, and a later call
     * may find it gone. */
    enum hub_code (*apply)(struct hub_store *s, struct hub_err *err);
    /* A reload: takes other tables from now on, planned and applied like at the start; no other loop that has
     * a handle is in a turn meanwhile. On a refusal the old ones stay. The old tables may go when every write
     * and select that names them has been answered. Blocking. */
    enum hub_code (*adopt)(struct hub_store *s, const struct hub_store_config *config,
                           struct hub_err *err); /* its tables and its outbox */
    void (*select)(struct hub_store *s, const struct hub_select *q, hub_rows_cb *cb, void *arg); /* Q is copied */
    void (*write)(struct hub_store *s, struct hub_write *w);
    /* Scripts' db.query: one statement, PARAMS a JSON array (borrowed) bound to $1… or ?. BY: the place that
     * leads to it, borrowed: what the statement changes stays only if the place has that fence, as with
     * hub_write.fence. NULL: nothing is looked at. */
    void (*sql)(struct hub_store *s, struct hub_str text, const json_t *params, const struct hub_fence *by,
                hub_sql_cb *cb, void *arg);
    void (*counter)(struct hub_store *s, const char *scope, struct hub_str room, hub_counter_cb *cb, void *arg);
    /* Makes NODE, an id for people to read, the owner of a place: of a room, or of whatever else has an order
     * of its own and with it a row like a room's counter. A transaction that has written by the fence before
     * is waited for; writes by that fence whose transaction comes later are fenced. It may overtake
     * writes that were submitted before. */
    void (*claim_place)(struct hub_store *s, const char *scope, struct hub_str room, struct hub_str node,
                        hub_place_cb *cb, void *arg);
    bool (*ready)(const struct hub_store *s, struct hub_buf *why_not);
    /* Finishes what was submitted by this handle, then calls DONE, in a later turn, and frees the handle.
     * Handles may be closed in any order; the store itself goes with what open gave, whose DONE comes when
     * all others are through. */
    void (*close)(struct hub_store *s, void (*done)(void *arg), void *arg);
};
struct hub_store {
    const struct hub_store_ops *ops; /* first member of every adapter's struct */
};
void hub_rows_free(struct hub_rows *r);
#endif
