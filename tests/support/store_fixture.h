/* A store with a table of messages, a loop, and calls that wait for their answer. Where the store is, its
 * includer says. */
#ifndef HUB_TESTS_STORE_FIXTURE_H
#define HUB_TESTS_STORE_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "persist/store.h"

static struct hub_loop *loop;
static struct hub_store *store;
static char url[256];

static const char *const msg_types[] = {"text", "image", NULL};
enum { ID, ROOM, SENDER, TYPE, CONTENT, AT, SEQ, CHANGE, CLIENT, ACTIVE, COLUMNS };
static const struct hub_column msg_columns[COLUMNS] = {
    [ID] = {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
    [ROOM] = {.property = "roomId", .column = "roomId", .type = HUB_COL_ID, .required = true},
    [SENDER] = {.property = "senderId", .column = "senderId", .type = HUB_COL_ID},
    [TYPE] = {.property = "messageType",
              .column = "messageType",
              .type = HUB_COL_ENUM,
              .required = true,
              .enum_values = msg_types},
    [CONTENT] = {.property = "content", .column = "content", .type = HUB_COL_JSON},
    [AT] = {.property = "timestamp", .column = "timestamp", .type = HUB_COL_DATETIME},
    [SEQ] = {.property = "seq", .column = "seq", .type = HUB_COL_INTEGER},
    [CHANGE] = {.property = "changeSeq", .column = "changeSeq", .type = HUB_COL_INTEGER},
    [CLIENT] = {.property = "clientMessageId", .column = "clientMessageId", .type = HUB_COL_TEXT},
    [ACTIVE] = {.property = "isActive",
                .column = "isActive",
                .type = HUB_COL_BOOLEAN,
                .required = true,
                .default_json = "true"},
};
static const struct hub_index msg_indexes[] = {
    {.columns = "roomId,seq", .unique = true},
    {.columns = "roomId,changeSeq"},
    {.columns = "roomId,senderId,clientMessageId", .unique = true, .sparse = true},
};
static const struct hub_table msg_table = {
    .name = "chatMessage",
    .table = "chatMessage",
    .managed = true,
    .columns = msg_columns,
    .column_n = COLUMNS,
    .id = ID,
    .active = ACTIVE,
    .created_at = -1,
    .updated_at = -1,
    .indexes = msg_indexes,
    .index_n = 3,
};
static const struct hub_table *const msg_tables[] = {&msg_table};
static struct hub_store_config opened_with = {.url = url,
                                              .tables = msg_tables,
                                              .table_n = 1,
                                              .service = "test",
                                              .loops = 4,
                                              .read_connections = 2,
                                              .statement_timeout_ms = 5000};

static inline struct hub_cell text_cell(const char *s) {
    return (struct hub_cell){.kind = HUB_CELL_TEXT, .s = hub_cstr(s)};
}
static inline struct hub_cell int_cell(int64_t i) { return (struct hub_cell){.kind = HUB_CELL_INT, .i = i}; }

static inline enum hub_code open_with(const struct hub_store_ops *ops, const struct hub_table *const *tables, size_t n,
                                      struct hub_err *err) {
    struct hub_store_config config = opened_with;
    config.tables = tables;
    config.table_n = n;
    return ops->open(loop, &config, &store, err);
}

/* Opens what opened_with says. */
static inline void open_messages(const struct hub_store_ops *ops) {
    struct hub_err err = {0};
    enum hub_code code = ops->open(loop, &opened_with, &store, &err);
    if (code) fail_msg("%s", err.text);
    code = store->ops->apply(store, &err);
    if (code) fail_msg("%s", err.text);
}

static inline void stop_loop(void *arg) {
    (void)arg;
    hub_loop_stop(loop);
}

static inline void close_store_only(void) {
    store->ops->close(store, stop_loop, NULL);
    hub_loop_run(loop);
}

/* A message of its own memory. */
struct message {
    struct hub_write w;
    struct hub_cell cells[COLUMNS];
    struct hub_cond where;
    char id[40], content[64];
    int *left; /* stops the loop at 0 */
    int order; /* when done was called */
};
static int done_n;

static inline void message_done(struct hub_write *w) {
    struct message *m = w->arg;
    m->order = done_n++;
    if (--*m->left == 0) hub_loop_stop(loop);
}

static inline void new_message(struct message *m, const char *room, int i, int *left) {
    *m = (struct message){.left = left};
    snprintf(m->id, sizeof m->id, "%s-%d", room, i);
    snprintf(m->content, sizeof m->content, "{\"text\":\"message %d\"}", i);
    m->cells[ID] = text_cell(m->id);
    m->cells[ROOM] = text_cell(room);
    m->cells[SENDER] = text_cell("u1");
    m->cells[TYPE] = text_cell("text");
    m->cells[CONTENT] = text_cell(m->content);
    m->cells[AT] = int_cell(1767225600123);
    m->cells[ACTIVE] = (struct hub_cell){.kind = HUB_CELL_BOOL, .i = 1};
    m->w = (struct hub_write){.table = &msg_table,
                              .kind = HUB_INSERT,
                              .cells = m->cells,
                              .conflict = "roomId,senderId,clientMessageId",
                              .numbering = HUB_NUMBER_NEW,
                              .counter_scope = "chat",
                              .counter_room = hub_cstr(room),
                              .done = message_done,
                              .arg = m};
}

/* An update (or deletion) of one message. */
static inline void new_change(struct message *m, enum hub_write_kind kind, const char *room, const char *id,
                              int *left) {
    *m = (struct message){.left = left};
    snprintf(m->id, sizeof m->id, "%s", id);
    m->where = (struct hub_cond){.column = ID, .cmp = HUB_EQ, .value = text_cell(m->id)};
    m->w = (struct hub_write){.table = &msg_table,
                              .kind = kind,
                              .cells = m->cells,
                              .where = &m->where,
                              .where_n = 1,
                              .numbering = HUB_NUMBER_CHANGE,
                              .counter_scope = "chat",
                              .counter_room = hub_cstr(room),
                              .done = message_done,
                              .arg = m};
}

static inline void write_and_wait(struct message *m) {
    int left = 1;
    m->left = &left;
    store->ops->write(store, &m->w);
    hub_loop_run(loop);
}

struct counter_answer {
    enum hub_code code;
    int64_t seq;
    char epoch[40];
};
static inline void take_counter(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    struct counter_answer *a = arg;
    a->code = code;
    a->seq = seq;
    snprintf(a->epoch, sizeof a->epoch, "%s", epoch);
    hub_loop_stop(loop);
}
static inline struct counter_answer counter(const char *room) {
    struct counter_answer a = {0};
    store->ops->counter(store, "chat", hub_cstr(room), take_counter, &a);
    hub_loop_run(loop);
    return a;
}

struct sql_answer {
    enum hub_code code;
    json_t *result;
    char error[200];
};
static inline void take_sql(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct sql_answer *a = arg;
    a->code = code;
    a->result = json_incref(result);
    snprintf(a->error, sizeof a->error, "%s", error ? error : "");
    hub_loop_stop(loop);
}
/* PARAMS is JSON text or NULL. */
static inline struct sql_answer sql(const char *text, const char *params) {
    struct sql_answer a = {0};
    json_t *p = params ? hub_json_parse(hub_cstr(params), NULL) : NULL;
    store->ops->sql(store, hub_cstr(text), p, NULL, take_sql, &a);
    json_decref(p);
    hub_loop_run(loop);
    return a;
}
/* The first column "v" of the first row as an integer. */
static inline int64_t sql_int(const char *text) {
    struct sql_answer a = sql(text, NULL);
    if (a.code) fail_msg("%s", a.error);
    int64_t v = hub_json_get_int(json_array_get(a.result, 0), "v", -1);
    json_decref(a.result);
    return v;
}

struct rows_answer {
    enum hub_code code;
    json_t *rows; /* array of objects */
};
static inline void take_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct rows_answer *a = arg;
    (void)error;
    a->code = code;
    a->rows = json_array();
    for (size_t i = 0; rows && i < rows->n; i++)
        json_array_append_new(a->rows, hub_row_json(rows->table, hub_row(rows, i)));
    hub_loop_stop(loop);
}
static inline json_t *select_rows(const struct hub_select *q) {
    struct rows_answer a = {0};
    store->ops->select(store, q, take_rows, &a);
    hub_loop_run(loop);
    assert_int_equal(a.code, HUB_OK);
    return a.rows;
}
#endif
