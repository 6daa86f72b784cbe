/* What is in the database, compared with what the service wants; and the rows a new table starts with.
 * Blocking. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"

#define START_LIMIT_MS 3600000 /* a large table may take its time at start */
#define LOCK_LIMIT "30s"       /* for another hubd's migration to end */

/* Of every service in the schema. */
static const char bookkeeping[] =
    "CREATE TABLE hubd_room (scope text NOT NULL, \"roomId\" text NOT NULL, seq bigint NOT NULL, epoch text NOT NULL, "
    "fence bigint NOT NULL DEFAULT 0, owner text, PRIMARY KEY (scope, \"roomId\")) WITH (fillfactor = 50);\n";
/* Where it was made before it had them. */
static const char fences[] = "ALTER TABLE hubd_room ADD COLUMN fence bigint NOT NULL DEFAULT 0;\n"
                             "ALTER TABLE hubd_room ADD COLUMN owner text;\n";
static const char markers[] =
    "CREATE TABLE hubd_writer (service text PRIMARY KEY, segment bigint NOT NULL) WITH (fillfactor = 50);\n";

struct migration {
    struct pg_store *s;
    struct session session;
    struct hub_err *err;
    bool broken; /* a question went without an answer */
};

static HUB_MUST PGresult *ask_server(struct migration *m, const char *sql, const char *param) {
    PGresult *r = hub_pg_session_run(&m->session, sql, &param, param ? 1 : 0, m->broken ? NULL : m->err);
    m->broken |= !r;
    return r;
}

static HUB_MUST char *text_of(const PGresult *r, int row, int column) {
    return PQgetisnull(r, row, column) ? NULL : hub_xstrdup(PQgetvalue(r, row, column));
}

static bool is_true(const PGresult *r, int row, int column) { return hub_str_is(hub_pg_text(r, row, column), "t"); }

/* ---- what is there ---- */

static HUB_MUST char **enum_values(struct migration *m, const char *type_oid) {
    PGresult *r =
        ask_server(m, "SELECT enumlabel FROM pg_enum WHERE enumtypid = $1::oid ORDER BY enumsortorder", type_oid);
    if (!r) return NULL;
    int n = PQntuples(r);
    char **list = hub_xcalloc((size_t)n + 1, sizeof *list);
    for (int i = 0; i < n; i++) list[i] = text_of(r, i, 0);
    PQclear(r);
    return list;
}

/* What a column of a base type can be the column of. */
#define BIT(TYPE) (1u << HUB_COL_##TYPE)
#define TEXTS (BIT(STRING) | BIT(TEXT) | BIT(ID) | BIT(ENUM))
#define WORDS (BIT(STRING) | BIT(TEXT))
static const struct {
    const char *name;
    unsigned fits;
    enum hub_stored stored;
} base_types[] = {
    {"text", TEXTS, HUB_STORED_AS_DECLARED},
    {"varchar", TEXTS, HUB_STORED_AS_DECLARED},
    {"bpchar", TEXTS, HUB_STORED_TEXT},
    {"char", TEXTS, HUB_STORED_OTHER},
    {"name", TEXTS, HUB_STORED_OTHER},
    {"citext", TEXTS, HUB_STORED_OTHER},
    {"uuid", WORDS | BIT(ID), HUB_STORED_UUID},
    {"int2", BIT(INTEGER) | BIT(DECIMAL) | BIT(ID), HUB_STORED_NUMBER},
    {"int4", BIT(INTEGER) | BIT(DECIMAL) | BIT(ID), HUB_STORED_NUMBER},
    {"int8", BIT(INTEGER) | BIT(DECIMAL) | BIT(ID), HUB_STORED_NUMBER},
    {"oid", BIT(INTEGER) | BIT(DECIMAL) | BIT(ID), HUB_STORED_NUMBER},
    {"numeric", BIT(DECIMAL), HUB_STORED_NUMBER},
    {"float4", BIT(DECIMAL), HUB_STORED_AS_DECLARED},
    {"float8", BIT(DECIMAL), HUB_STORED_AS_DECLARED},
    {"bool", BIT(BOOLEAN), HUB_STORED_AS_DECLARED},
    {"timestamptz", BIT(DATETIME), HUB_STORED_AS_DECLARED},
    {"timestamp", BIT(DATETIME), HUB_STORED_AS_DECLARED},
    {"date", BIT(DATETIME), HUB_STORED_AS_DECLARED},
    {"json", BIT(JSON), HUB_STORED_AS_DECLARED},
    {"jsonb", BIT(JSON), HUB_STORED_AS_DECLARED},
    {"inet", WORDS, HUB_STORED_OTHER},
    {"cidr", WORDS, HUB_STORED_OTHER},
    {"macaddr", WORDS, HUB_STORED_OTHER},
    {"macaddr8", WORDS, HUB_STORED_OTHER},
    {"xml", WORDS, HUB_STORED_OTHER},
    {"time", WORDS, HUB_STORED_OTHER},
    {"timetz", WORDS, HUB_STORED_OTHER},
    {"interval", WORDS, HUB_STORED_OTHER},
};

/* KIND: what the type is below its domains: its name; "[]" for an array, "enum", "0" for a numeric without
 * fraction; empty for all others. LOOSE: by its collation different texts are equal. */
static void judge_type(struct hub_str kind, bool loose, struct hub_sql_have_column *h) {
    if (hub_str_is(kind, "[]")) h->fits = BIT(JSON), h->stored = HUB_STORED_ARRAY;
    if (hub_str_is(kind, "enum")) h->fits = WORDS | BIT(ENUM), h->stored = HUB_STORED_OTHER;
    if (hub_str_is(kind, "0")) h->fits = BIT(INTEGER) | BIT(DECIMAL) | BIT(ID), h->stored = HUB_STORED_NUMBER;
    for (size_t i = 0; i < HUB_NELEM(base_types); i++)
        if (hub_str_is(kind, base_types[i].name)) h->fits = base_types[i].fits, h->stored = base_types[i].stored;
    if (loose && (h->fits & WORDS)) h->stored = HUB_STORED_OTHER;
}

#define KIND_OF_TYPE                                                                                                  \
    "(WITH RECURSIVE b AS (SELECT t.oid, a.atttypmod AS typmod UNION ALL SELECT n.typbasetype, n.typtypmod FROM b "   \
    "JOIN pg_type n "                                                                                                 \
    "ON n.oid = b.oid AND n.typtype = 'd') SELECT CASE WHEN n.typcategory = 'A' THEN '[]' WHEN n.typtype = 'e' THEN " \
    "'enum' "                                                                                                         \
    "WHEN n.typname = 'numeric' AND (b.typmod = -1 OR ((b.typmod - 4) & 2047) = 0) THEN '0' WHEN n.typtype = 'b' "    \
    "THEN n.typname::text END "                                                                                       \
    "FROM b JOIN pg_type n ON n.oid = b.oid AND n.typtype <> 'd')"

/* Another collation than "C" or "POSIX", on a column whose type may be altered: a view, a trigger or a
 * policy that names it forbids that. */
#define OTHER_ORDER                                                                                     \
    "a.attcollation NOT IN (0, 950, 951) AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.refclassid = " \
    "'pg_class'::regclass "                                                                             \
    "AND x.refobjid = a.attrelid AND x.refobjsubid = a.attnum "                                         \
    "AND x.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass))"

static void read_columns(struct migration *m, const char *oid, struct hub_sql_have *have) {
    PGresult *r = ask_server(
        m,
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(pg_get_expr(d.adbin, d.adrelid), "
        "nullif(a.attidentity::text "
        "|| a.attgenerated::text, '')), a.attnotnull, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid "
        "AND i.indisprimary "
        "AND a.attnum = ANY (i.indkey)), CASE WHEN t.typtype = 'e' THEN t.oid END, t.oid::regtype, " OTHER_ORDER
        ", " KIND_OF_TYPE ", EXISTS (SELECT FROM pg_collation l WHERE l.oid = a.attcollation AND NOT "
        "l.collisdeterministic) "
        "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid "
        "AND d.adnum = a.attnum "
        "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        oid);
    if (!r) return;
    have->column_n = (size_t)PQntuples(r);
    have->columns = hub_xcalloc(have->column_n, sizeof *have->columns);
    for (int i = 0; i < PQntuples(r); i++) {
        bool is_enum = !PQgetisnull(r, i, 5); /* and not a domain over one */
        have->columns[i] =
            (struct hub_sql_have_column){.name = text_of(r, i, 0),
                                         .type = text_of(r, i, is_enum ? 6 : 1),
                                         .default_sql = text_of(r, i, 2),
                                         .not_null = is_true(r, i, 3),
                                         .primary = is_true(r, i, 4),
                                         .other_order = is_true(r, i, 7),
                                         .enum_values = is_enum ? enum_values(m, PQgetvalue(r, i, 5)) : NULL};
        judge_type(hub_pg_text(r, i, 8), is_true(r, i, 9), &have->columns[i]);
    }
    PQclear(r);
}

static void read_indexes(struct migration *m, const char *oid, struct hub_sql_have *have) {
    PGresult *r =
        ask_server(m,
                   "SELECT string_agg(coalesce(a.attname, '?'), ',' ORDER BY k.n), bool_and(i.indisunique), "
                   "bool_and(i.indpred IS NOT NULL) "
                   "FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, n) LEFT JOIN pg_attribute a ON "
                   "a.attrelid = $1::oid AND "
                   "a.attnum = k.attnum WHERE i.indrelid = $1::oid AND i.indisvalid AND k.n <= i.indnkeyatts GROUP "
                   "BY i.indexrelid",
                   oid);
    if (!r) return;
    have->index_n = (size_t)PQntuples(r);
    have->indexes = hub_xcalloc(have->index_n, sizeof *have->indexes);
    for (int i = 0; i < PQntuples(r); i++)
        have->indexes[i] = (struct hub_sql_have_index){
            .columns = text_of(r, i, 0), .unique = is_true(r, i, 1), .partial = is_true(r, i, 2)};
    PQclear(r);
}

static void read_have(struct migration *m, const char *table, struct hub_sql_have *have) {
    struct hub_buf name = {0};
    *have = (struct hub_sql_have){0};
    hub_sql_table(&hub_sql_postgres, &name, table);
    PGresult *r =
        ask_server(m, "SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = to_regclass($1)", hub_buf_cstr(&name));
    if (r && PQntuples(r)) {
        have->exists = true;
        have->view = !strchr("rp", *PQgetvalue(r, 0, 1));
        char *oid = text_of(r, 0, 0);
        read_columns(m, oid, have);
        read_indexes(m, oid, have);
        free(oid);
    }
    hub_buf_free(&name);
    PQclear(r);
}

/* ---- the plan ---- */

static bool any_row(void *ctx, const char *sql, struct hub_buf *value) {
    PGresult *r = ask_server(ctx, sql, NULL);
    bool yes = r && PQntuples(r);
    if (yes && value) hub_buf_adds(value, hub_pg_text(r, 0, 0));
    PQclear(r);
    return yes;
}

static bool table_missing(struct migration *m, const char *table) {
    PGresult *r = ask_server(m, "SELECT to_regclass($1) IS NULL", table);
    bool yes = r && is_true(r, 0, 0);
    PQclear(r);
    return yes;
}

static bool fence_missing(struct migration *m) {
    PGresult *r = ask_server(m,
                             "SELECT NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname "
                             "= 'fence' AND NOT attisdropped)",
                             "hubd_room");
    bool yes = r && is_true(r, 0, 0);
    PQclear(r);
    return yes;
}

static enum hub_code made_plan(const struct migration *m, const struct hub_sql_planner *p) {
    if (m->broken) return m->err->code;
    return p->refused ? HUB_NOT_ALLOWED : HUB_OK;
}

/* CREATED, when given, says for each table whether the plan makes it. */
static enum hub_code make_plan(struct migration *m, struct hub_buf *plan, bool *created) {
    const struct pg_store *s = m->s;
    struct hub_sql_planner p = {.d = &hub_sql_postgres,
                                .any = any_row,
                                .ctx = m,
                                .make_type = hub_pg_make_enum,
                                .alter = hub_pg_alter_column,
                                .plan = plan,
                                .err = m->err};
    if (table_missing(m, "hubd_room"))
        hub_buf_addz(plan, bookkeeping);
    else if (fence_missing(m))
        hub_buf_addz(plan, fences);
    if (table_missing(m, "hubd_writer")) hub_buf_addz(plan, markers);
    for (size_t i = 0; !m->broken && i < s->table_n; i++) {
        struct hub_sql_have have;
        read_have(m, s->tables[i]->table, &have);
        if (!m->broken) hub_sql_plan(&p, s->tables[i], &have);
        if (created) created[i] = !have.exists && s->tables[i]->managed;
        hub_sql_have_free(&have);
    }
    return made_plan(m, &p);
}

/* ---- carrying it out ---- */

static void build_insert(struct hub_buf *sql, const struct hub_write *w) { hub_sql_write(&hub_sql_postgres, w, sql); }

static enum hub_code plant_row(struct migration *m, const struct hub_table *t, size_t at, const json_t *row) {
    struct hub_cell *cells = hub_xcalloc(t->column_n, sizeof *cells);
    struct hub_buf texts = {0}, sql = {0};
    struct params params = {0};
    struct hub_err why = {0};
    struct hub_write w = {.table = t, .kind = HUB_INSERT, .cells = cells};
    enum hub_code code = hub_row_from_json(t, row, HUB_ROW_CREATE, cells, &texts, &why);
    if (!code) {
        hub_sql_set_times(hub_loop_clock(m->s->loop), &w);
        for (size_t i = 0; i < t->column_n; i++)
            if (cells[i].kind != HUB_CELL_ABSENT) hub_pg_param_cell(&params, &t->columns[i], &cells[i]);
        build_insert(&sql, &w);
        PGresult *r =
            hub_pg_session_run(&m->session, hub_buf_cstr(&sql), hub_pg_params_values(&params), (int)params.n, &why);
        if (!r) code = why.code;
        PQclear(r);
    }
    if (code) hub_err_set(m->err, code, "seed.yaml: %s[%zu]: %s", t->name, at, why.text);
    hub_pg_params_free(&params);
    hub_buf_free(&sql);
    hub_buf_free(&texts);
    free(cells);
    return code;
}

static enum hub_code plant_seed(struct migration *m, const struct hub_table *t) {
    enum hub_code code = HUB_OK;
    for (size_t i = 0; !code && i < json_array_size(t->seed); i++)
        code = plant_row(m, t, i, json_array_get(t->seed, i));
    return code;
}

static enum hub_code run_sql(struct migration *m, const char *sql) {
    PGresult *r = hub_pg_session_run(&m->session, sql, NULL, 0, m->err);
    PQclear(r);
    return r ? HUB_OK : m->err->code;
}

static enum hub_code carry_out(struct migration *m) {
    struct hub_buf plan = {0};
    bool *created = hub_xcalloc(m->s->table_n, sizeof *created);
    enum hub_code code = make_plan(m, &plan, created);
    if (!code && plan.n) code = run_sql(m, hub_buf_cstr(&plan));
    for (size_t i = 0; !code && i < m->s->table_n; i++)
        if (created[i]) code = plant_seed(m, m->s->tables[i]);
    free(created);
    hub_buf_free(&plan);
    return code;
}

/* Two that start at once take turns: the second finds everything done. */
static enum hub_code begin_migration(struct migration *m) {
    return run_sql(m, "BEGIN; SET LOCAL lock_timeout = '" LOCK_LIMIT "'; SELECT pg_advisory_xact_lock(7523094285)");
}

/* Another process serves it: nothing may change under it. Our own sessions are no others. */
static enum hub_code check_owner(struct migration *m) {
    struct writer *x = &m->s->writer;
    struct hub_buf names = {0}, ours = {0};
    char why[sizeof x->why];
    if (!m->s->owner || table_missing(m, "hubd_writer") || m->broken) return m->broken ? m->err->code : HUB_OK;
    hub_pg_lock_names(m->s, &names);
    hub_buf_addf(&ours, "%d,%d", (int)x->pid, x->link.pg ? PQbackendPID(x->link.pg) : 0);
    hub_pg_process_sessions(m->s->process, &ours);
    const char *const params[] = {hub_buf_cstr(&names), hub_buf_cstr(&ours)};
    PGresult *r = hub_pg_session_run(
        &m->session, "SELECT " HUB_PG_HOLDER "AND l.pid <> ALL (string_to_array($2, ',')::int[]) LIMIT 1", params, 2,
        m->err);
    bool held = r && PQntuples(r);
    if (held) hub_pg_say_holder(r, why, sizeof why);
    enum hub_code code = !r     ? m->err->code
                         : held ? hub_fail(m->err, HUB_CONFLICT, "%s: %s", m->s->conninfo.shown, why)
                                : HUB_OK;
    if (held && !m->s->applied) snprintf(x->why, sizeof x->why, "%s", why);
    PQclear(r);
    hub_buf_free(&names);
    hub_buf_free(&ours);
    return code;
}

static enum hub_code run_migration(struct pg_store *s, const PGconn *like, int64_t limit_ms, struct hub_err *err) {
    struct hub_err mine;
    struct migration m = {.s = s, .err = err ? err : &mine};
    enum hub_code code = hub_pg_session_open(&m.session, &s->conninfo, like, limit_ms, m.err);
    if (code) return code;
    char limit[64];
    snprintf(limit, sizeof limit, "SET statement_timeout = %lld", (long long)limit_ms);
    code = run_sql(&m, limit);
    if (!code) code = begin_migration(&m);
    if (!code) code = check_owner(&m);
    if (!code) code = carry_out(&m);
    if (!code) code = run_sql(&m, "COMMIT");
    hub_pg_session_close(&m.session); /* which undoes what is not committed */
    return code;
}

enum hub_code hub_pg_plan(struct hub_store *base, struct hub_buf *plan, struct hub_err *err) {
    struct pg_store *s = HUB_CONTAINER(base, struct pg_store, base);
    struct hub_err mine;
    struct migration m = {.s = s, .err = err ? err : &mine};
    enum hub_code code = hub_pg_session_open(&m.session, &s->conninfo, NULL, START_LIMIT_MS, m.err);
    size_t before = plan->n;
    if (!code) code = make_plan(&m, plan, NULL);
    hub_pg_session_close(&m.session);
    s->readable |= !code && plan->n == before; /* whoever only looks reads without applying anything */
    return code;
}

enum hub_code hub_pg_apply(struct hub_store *base, struct hub_err *err) {
    struct pg_store *s = HUB_CONTAINER(base, struct pg_store, base);
    const struct link *l = &s->writer.link;
    /* Whoever tries again from the loop is not held up by a server that is known to be away. */
    if (l->started && l->state != LINK_UP)
        return hub_fail(err, HUB_STORE_UNAVAILABLE, "%s: %s", s->conninfo.shown, l->why);
    enum hub_code code = run_migration(s, NULL, START_LIMIT_MS, err);
    if (code) return code;
    s->applied = s->readable = true;
    hub_pg_claim(&s->writer);
    hub_pg_readers_pump(s);
    return HUB_OK;
}

/* The message tables that are new are locked at the next claim. One may be under way, of a reload just
 * before. */
enum hub_code hub_pg_adopt(struct hub_store *base, const struct hub_store_config *config, struct hub_err *err) {
    struct pg_store *s = HUB_CONTAINER(base, struct pg_store, base);
    const struct hub_table *const *old = s->tables;
    size_t old_n = s->table_n;
    if (s->writer.link.state != LINK_UP)
        return hub_fail(err, HUB_STORE_UNAVAILABLE, "%s: %s", s->conninfo.shown, hub_pg_writer_why(&s->writer));
    s->tables = config->tables;
    s->table_n = config->table_n;
    enum hub_code code = run_migration(s, s->writer.link.pg, s->statement_timeout_ms, err);
    if (code) {
        s->tables = old;
        s->table_n = old_n;
    } else {
        s->outbox = config->outbox;
        s->writer.reclaim = true;
        hub_pg_process_adopt(s);
        hub_pg_writer_pump(&s->writer);
    }
    s->generation++;
    hub_sql_cells_free(&s->writer.cells); /* a new table may stand where an old one stood */
    return code;
}
