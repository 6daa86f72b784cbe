/* What is in the file, compared with what the service wants; and the rows a new table starts with. Runs on
 * the loop thread at start. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/sqlite/sqlite_int.h"
#include "base/time/clock.h"

/* ---- what is there ---- */

static HUB_MUST sqlite3_stmt *prepare_query(struct sqlite_conn *c, const char *sql, const char *param) {
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(c->db, sql, -1, &st, NULL) != SQLITE_OK) return NULL;
    if (param) sqlite3_bind_text(st, 1, param, -1, SQLITE_STATIC);
    return st;
}

static HUB_MUST char *text_of(sqlite3_stmt *st, int i) {
    const char *s = (const char *)sqlite3_column_text(st, i);
    return s ? hub_xstrdup(s) : NULL;
}

static void push_string(char ***list, size_t *n, char *s) {
    *list = hub_xrealloc(*list, (*n + 2) * sizeof **list);
    (*list)[(*n)++] = s;
    (*list)[*n] = NULL;
}

/* P stands on a literal's first quote; returns what follows its last. */
static const char *read_literal(const char *p, struct hub_buf *value) {
    for (p++; *p && (*p != '\'' || p[1] == '\''); p++) {
        if (*p == '\'') p++;
        hub_buf_addc(value, *p);
    }
    return *p ? p + 1 : p;
}

/* The literals in DDL behind BEFORE, with BETWEEN between them; NULL when there are none. */
static HUB_MUST char **literals_of(const char *ddl, const char *before, const char *between) {
    char **values = NULL;
    size_t n = 0;
    const char *p = strstr(ddl, before);
    struct hub_buf value = {0};
    for (p = p ? p + strlen(before) : NULL; p && *p == '\'';) {
        p = read_literal(p, &value);
        push_string(&values, &n, hub_buf_take(&value, NULL));
        p = strncmp(p, between, strlen(between)) == 0 ? p + strlen(between) : NULL;
    }
    return values;
}

/* The values of CHECK ("column" = 'a' OR "column" = 'b') or CHECK ("column" IN ('a', 'b')) as
 * hub_sql_create_table writes them; NULL when there is no such check. */
static HUB_MUST char **enum_of(const char *ddl, const char *column) {
    struct hub_buf name = {0}, before = {0}, between = {0};
    hub_sql_name(&name, column);
    hub_buf_addf(&before, "CHECK (%s = ", hub_buf_cstr(&name));
    hub_buf_addf(&between, " OR %s = ", hub_buf_cstr(&name));
    char **values = ddl ? literals_of(ddl, hub_buf_cstr(&before), hub_buf_cstr(&between)) : NULL;
    if (ddl && !values) {
        hub_buf_clear(&before);
        hub_buf_addf(&before, "CHECK (%s IN (", hub_buf_cstr(&name));
        values = literals_of(ddl, hub_buf_cstr(&before), ", ");
    }
    hub_buf_free(&name);
    hub_buf_free(&before);
    hub_buf_free(&between);
    return values;
}

#define BIT(TYPE) (1u << HUB_COL_##TYPE)
#define TEXTS (BIT(STRING) | BIT(TEXT) | BIT(ID) | BIT(ENUM))
#define ANY ((1u << (HUB_COL_JSON + 1)) - 1)

/* What a column can be the column of, by a word in its declared type; the first that occurs counts. SQLite
 * itself does not hold anybody to them, so the values are looked at one by one as well. */
static const struct {
    const char *word;
    unsigned fits;
    enum hub_stored stored;
} declared[] = {
    {"json", BIT(JSON), HUB_STORED_AS_DECLARED},
    {"date", BIT(DATETIME), HUB_STORED_MOMENT},
    {"timestamp", BIT(DATETIME), HUB_STORED_MOMENT},
    {"bool", BIT(BOOLEAN), HUB_STORED_AS_DECLARED},
    {"interval", BIT(STRING) | BIT(TEXT), HUB_STORED_AS_DECLARED},
    {"int", BIT(INTEGER) | BIT(DECIMAL) | BIT(ID) | BIT(BOOLEAN), HUB_STORED_NUMBER},
    {"char", TEXTS | BIT(DATETIME) | BIT(JSON), HUB_STORED_AS_DECLARED},
    {"text", TEXTS | BIT(DATETIME) | BIT(JSON), HUB_STORED_AS_DECLARED},
    {"clob", TEXTS | BIT(DATETIME) | BIT(JSON), HUB_STORED_AS_DECLARED},
    {"uuid", TEXTS, HUB_STORED_LOOSE},
    {"real", BIT(DECIMAL), HUB_STORED_AS_DECLARED},
    {"doub", BIT(DECIMAL), HUB_STORED_AS_DECLARED},
    {"floa", BIT(DECIMAL), HUB_STORED_AS_DECLARED},
    {"num", BIT(DECIMAL) | BIT(INTEGER) | BIT(ID) | BIT(BOOLEAN), HUB_STORED_NUMBER},
    {"dec", BIT(DECIMAL) | BIT(INTEGER), HUB_STORED_AS_DECLARED},
    {"blob", 0, HUB_STORED_AS_DECLARED},
};

static void judge_type(struct hub_sql_have_column *h) {
    h->fits = ANY; /* no type, as the columns of many views, or one of somebody's own making */
    h->stored = *h->type ? HUB_STORED_LOOSE : HUB_STORED_OTHER;
    for (size_t i = 0; i < HUB_NELEM(declared); i++) {
        if (!strcasestr(h->type, declared[i].word)) continue;
        h->fits = declared[i].fits;
        h->stored = declared[i].stored;
        return;
    }
}

static void read_columns(struct sqlite_conn *c, const char *table, const char *ddl, struct hub_sql_have *have) {
    sqlite3_stmt *st =
        prepare_query(c, "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1)", table);
    while (st && sqlite3_step(st) == SQLITE_ROW) {
        have->columns = hub_xrealloc(have->columns, (have->column_n + 1) * sizeof *have->columns);
        struct hub_sql_have_column *h = &have->columns[have->column_n++];
        *h =
            (struct hub_sql_have_column){.name = text_of(st, 0), .type = text_of(st, 1), .default_sql = text_of(st, 3)};
        h->not_null = sqlite3_column_int(st, 2) != 0;
        h->primary = sqlite3_column_int(st, 4) != 0;
        h->enum_values = enum_of(ddl, h->name);
        if (!h->type) h->type = hub_xstrdup("");
        judge_type(h);
    }
    sqlite3_finalize(st);
}

static void read_indexes(struct sqlite_conn *c, const char *table, struct hub_sql_have *have) {
    sqlite3_stmt *st =
        prepare_query(c,
                      "SELECT l.\"unique\", l.partial, (SELECT group_concat(coalesce(name, '?'), ',') FROM "
                      "(SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) FROM pragma_index_list(?1) AS l",
                      table);
    while (st && sqlite3_step(st) == SQLITE_ROW) {
        char *columns = text_of(st, 2);
        if (!columns) continue;
        have->indexes = hub_xrealloc(have->indexes, (have->index_n + 1) * sizeof *have->indexes);
        have->indexes[have->index_n++] = (struct hub_sql_have_index){
            .columns = columns, .unique = sqlite3_column_int(st, 0) != 0, .partial = sqlite3_column_int(st, 1) != 0};
    }
    sqlite3_finalize(st);
}

static void read_attached(struct sqlite_conn *c, const char *table, struct hub_sql_have *have) {
    sqlite3_stmt *st =
        prepare_query(c,
                      "SELECT sql FROM sqlite_master WHERE tbl_name = ?1 COLLATE NOCASE AND type IN ('index', "
                      "'trigger') AND sql IS NOT NULL",
                      table);
    size_t n = 0;
    while (st && sqlite3_step(st) == SQLITE_ROW) push_string(&have->attached, &n, text_of(st, 0));
    sqlite3_finalize(st);
}

static void read_have(struct sqlite_conn *c, const char *table, struct hub_sql_have *have) {
    *have = (struct hub_sql_have){0};
    sqlite3_stmt *st = prepare_query(
        c, "SELECT type, sql FROM sqlite_master WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')", table);
    if (st && sqlite3_step(st) == SQLITE_ROW) {
        have->exists = true;
        have->view = !strcmp((const char *)sqlite3_column_text(st, 0), "view");
        read_columns(c, table, (const char *)sqlite3_column_text(st, 1), have);
        read_indexes(c, table, have);
        read_attached(c, table, have);
    }
    sqlite3_finalize(st);
}

/* ---- the plan ---- */

static bool any_row(void *ctx, const char *sql, struct hub_buf *value) {
    sqlite3_stmt *st = prepare_query(ctx, sql, NULL);
    bool yes = st && sqlite3_step(st) == SQLITE_ROW;
    if (yes && value) hub_buf_add(value, sqlite3_column_text(st, 0), (size_t)sqlite3_column_bytes(st, 0));
    sqlite3_finalize(st);
    return yes;
}

static void plan_room_table(struct sqlite_conn *c, struct hub_buf *plan) {
    if (!any_row(c, "SELECT 1 FROM sqlite_master WHERE name = 'hubd_room'", NULL))
        hub_buf_addz(plan, "CREATE TABLE hubd_room (scope TEXT NOT NULL, \"roomId\" TEXT NOT NULL, seq INTEGER NOT "
                           "NULL, epoch TEXT NOT NULL, fence INTEGER NOT NULL DEFAULT 0, owner TEXT, PRIMARY KEY "
                           "(scope, \"roomId\")) WITHOUT ROWID;\n");
    else if (!any_row(c, "SELECT 1 FROM pragma_table_info('hubd_room') WHERE name = 'fence'", NULL))
        hub_buf_addz(plan, "ALTER TABLE hubd_room ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;\n"
                           "ALTER TABLE hubd_room ADD COLUMN owner TEXT;\n");
}

/* CREATED, when given, says for each table whether the plan makes it. */
static enum hub_code make_plan(struct sqlite_store *s, struct hub_buf *plan, bool *created, struct hub_err *err) {
    struct hub_sql_planner p = {.d = &hub_sql_sqlite,
                                .any = any_row,
                                .ctx = &s->writer,
                                .rebuild = hub_sqlite_rebuild,
                                .plan = plan,
                                .err = err};
    plan_room_table(&s->writer, plan);
    for (size_t i = 0; i < s->table_n; i++) {
        struct hub_sql_have have;
        read_have(&s->writer, s->tables[i]->table, &have);
        hub_sql_plan(&p, s->tables[i], &have);
        if (created) created[i] = !have.exists && s->tables[i]->managed;
        hub_sql_have_free(&have);
    }
    return p.refused ? HUB_NOT_ALLOWED : HUB_OK;
}

/* ---- carrying it out ---- */

static enum hub_code fail_migration(struct sqlite_store *s, const char *what, struct hub_err *err) {
    return hub_fail(err, HUB_STORE_UNAVAILABLE, "sqlite:%s: %s: %s",
                    s->options.path ? s->options.path : ":memory:", what, sqlite3_errmsg(s->writer.db));
}

static enum hub_code plant_row(struct sqlite_store *s, const struct hub_table *t, size_t at, const json_t *row,
                               struct hub_err *err) {
    struct hub_cell *cells = hub_xcalloc(t->column_n, sizeof *cells);
    struct hub_buf texts = {0};
    struct sqlite_counters counters;
    struct hub_err why = {0};
    struct hub_write w = {.table = t, .kind = HUB_INSERT, .cells = cells};
    hub_sqlite_counters_init(&counters);
    enum hub_code code = hub_row_from_json(t, row, HUB_ROW_CREATE, cells, &texts, &why);
    if (!code) {
        hub_sqlite_write(&s->writer, &counters, &w);
        code = w.code;
    }
    if (code) hub_err_set(err, code, "seed.yaml: %s[%zu]: %s", t->name, at, w.code ? w.error : why.text);
    hub_sqlite_counters_free(&counters);
    hub_buf_free(&texts);
    free(cells);
    return code;
}

static enum hub_code plant_seed(struct sqlite_store *s, const struct hub_table *t, struct hub_err *err) {
    enum hub_code code = HUB_OK;
    for (size_t i = 0; !code && i < json_array_size(t->seed); i++)
        code = plant_row(s, t, i, json_array_get(t->seed, i), err);
    return code;
}

static enum hub_code carry_out_migration(struct sqlite_store *s, struct hub_err *err) {
    struct hub_buf plan = {0};
    bool *created = hub_xcalloc(s->table_n, sizeof *created);
    enum hub_code code = make_plan(s, &plan, created, err);
    if (!code && hub_sqlite_exec(&s->writer, hub_buf_cstr(&plan)) != SQLITE_OK)
        code = fail_migration(s, "migration failed", err);
    for (size_t i = 0; !code && i < s->table_n; i++)
        if (created[i]) code = plant_seed(s, s->tables[i], err);
    free(created);
    hub_buf_free(&plan);
    return code;
}

enum hub_code hub_sqlite_plan(struct hub_store *base, struct hub_buf *plan, struct hub_err *err) {
    struct sqlite_store *s = HUB_CONTAINER(base, struct sqlite_store, first.base);
    pthread_mutex_lock(&s->db_lock);
    enum hub_code code = make_plan(s, plan, NULL, err);
    pthread_mutex_unlock(&s->db_lock);
    return code;
}

enum hub_code hub_sqlite_apply(struct hub_store *base, struct hub_err *err) {
    struct sqlite_store *s = HUB_CONTAINER(base, struct sqlite_store, first.base);
    pthread_mutex_lock(&s->db_lock);
    enum hub_code code = hub_sqlite_claim(s, err);
    if (code) {
        pthread_mutex_unlock(&s->db_lock);
        return code;
    }
    s->writer.deadline = hub_real_ms() + s->options.busy_ms;
    if (hub_sqlite_exec(&s->writer, "BEGIN IMMEDIATE") != SQLITE_OK) code = fail_migration(s, "cannot begin", err);
    s->writer.deadline = 0; /* a large table may take its time */
    if (!code) {
        code = carry_out_migration(s, err);
        if (!code && !hub_sqlite_sign(s)) code = fail_migration(s, "cannot write hubd_owner", err);
        if (!code && hub_sqlite_exec(&s->writer, "COMMIT") != SQLITE_OK) code = fail_migration(s, "cannot commit", err);
        if (code) hub_sqlite_exec(&s->writer, "ROLLBACK");
    }
    hub_sqlite_conn_forget(&s->writer);
    hub_sqlite_counters_free(&s->counters); /* changes of one's own do not show in data_version */
    pthread_mutex_unlock(&s->db_lock);
    if (!code) hub_sqlite_watch(s);
    return code;
}

enum hub_code hub_sqlite_adopt(struct hub_store *base, const struct hub_store_config *config, struct hub_err *err) {
    struct sqlite_store *s = HUB_CONTAINER(base, struct sqlite_store, first.base);
    const struct hub_table *const *old = s->tables;
    size_t old_n = s->table_n;
    s->tables = config->tables;
    s->table_n = config->table_n;
    enum hub_code code = hub_sqlite_apply(base, err);
    if (code) {
        s->tables = old;
        s->table_n = old_n;
        hub_sqlite_let_go(s, config->tables, config->table_n);
    } else {
        pthread_mutex_lock(&s->db_lock);
        s->writer.outbox = config->outbox;
        pthread_mutex_unlock(&s->db_lock);
    }
    __atomic_add_fetch(&s->generation, 1, __ATOMIC_RELEASE);
    return code;
}
