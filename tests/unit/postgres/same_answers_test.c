/* Two stores, one answer: SQLite and a PostgreSQL whose own collation is another one are asked the same
 * questions about the same rows. Each difference is printed; none may be left. */
#include "store_fixture.h"

#include "adapters/postgres/postgres.h"
#include "adapters/sqlite/sqlite.h"
#include "postgres_server.h"

#define ROWS 122 /* with three titles, as the question was once that lost 29 of them */

static struct postgres_server server;
static struct hub_store *stores[2]; /* SQLite, PostgreSQL */
static char folder[64];
static int asked, differences;

/* ---- the rows ---- */

enum { C_ID, TITLE, BODY, COUNT, PRICE, OPEN, WHEN, KIND, DATA, REF, LIVE, CREATED, C_COLUMNS };
static const char *const kinds[] = {"medium", "Large", "small", "élan", NULL}; /* in no order that any collation has */
static const struct hub_column columns[C_COLUMNS] = {
    [C_ID] = {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
    [TITLE] = {.property = "title", .column = "title", .type = HUB_COL_STRING},
    [BODY] = {.property = "body", .column = "body", .type = HUB_COL_TEXT},
    [COUNT] = {.property = "count", .column = "count", .type = HUB_COL_INTEGER},
    [PRICE] = {.property = "price", .column = "price", .type = HUB_COL_DECIMAL},
    [OPEN] = {.property = "open", .column = "open", .type = HUB_COL_BOOLEAN},
    [WHEN] = {.property = "when", .column = "when", .type = HUB_COL_DATETIME},
    [KIND] =
        {.property = "kind", .column = "kind", .type = HUB_COL_ENUM, .enum_values = kinds, .default_json = "\"small\""},
    [DATA] = {.property = "data", .column = "data", .type = HUB_COL_JSON},
    [REF] = {.property = "ref", .column = "ref", .type = HUB_COL_ID},
    [LIVE] = {.property = "isActive",
              .column = "isActive",
              .type = HUB_COL_BOOLEAN,
              .required = true,
              .default_json = "true"},
    [CREATED] = {.property = "createdAt", .column = "createdAt", .type = HUB_COL_DATETIME},
};
static const struct hub_index indexes[] = {{.columns = "title,ref", .unique = true}};
static const struct hub_table table = {.name = "item",
                                       .table = "item",
                                       .managed = true,
                                       .columns = columns,
                                       .column_n = C_COLUMNS,
                                       .id = C_ID,
                                       .active = LIVE,
                                       .created_at = CREATED,
                                       .updated_at = -1,
                                       .indexes = indexes,
                                       .index_n = 1};
static const struct hub_table *const tables[] = {&table};

static const char *const titles[] = {"\"one\"", "\"Two\"", "null"};
static const char *const bodies[] = {"\"\"",
                                     "\"a\"",
                                     "\"B\"",
                                     "\"ä\"",
                                     "\"Z\"",
                                     "\"z\"",
                                     "null",
                                     "\"a b\"",
                                     "\"ab\"",
                                     "\"10\"",
                                     "\"9\"",
                                     "\"-1\"",
                                     "\"_x\"",
                                     "\"É\"",
                                     "\"日本\"",
                                     "\"\\u2764\"",
                                     "\"\\ud83d\\ude00\"",
                                     "\"  a\""};
static const char *const counts[] = {
    "0", "-1", "7", "null", "9007199254740993", "-9223372036854775808", "9223372036854775807", "10", "7"};
static const char *const prices[] = {"0",   "1.5", "-2.25",    "null", "1e300",
                                     "0.1", "3",   "4.9e-324", "-0.0", "123456789.123456789"};
static const char *const whens[] = {
    "\"2026-01-31T00:00:00Z\"", "\"2026-01-31T23:59:59.123Z\"", "\"2026-02-01T01:59:59.123+02:00\"", "null",
    "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59.999Z\"", "\"1969-12-31T23:59:59.999Z\"",      "1767225600123"};
static const char *const opens[] = {"true", "false", "null"};
static const char *const datas[] = {"{\"a\":1,\"b\":[true,null,\"x\"]}",
                                    "[]",
                                    "null",
                                    "\"text\"",
                                    "5",
                                    "1.5",
                                    "{\"deep\":{\"er\":{}}}",
                                    "false",
                                    "[\"é\"]"};
#define PICK(LIST, I) ((LIST)[(size_t)(I) % HUB_NELEM(LIST)])

static void made_row(int i, struct hub_buf *out) {
    hub_buf_clear(out);
    hub_buf_addf(
        out,
        "{\"id\":\"%s%03d\",\"title\":%s,\"body\":%s,\"count\":%s,\"price\":%s,\"open\":%s,\"when\":%s,\"data\":%s",
        i % 2 ? "a" : "B", i * 37 % ROWS, PICK(titles, i), PICK(bodies, i), PICK(counts, i), PICK(prices, i),
        PICK(opens, i), PICK(whens, i), PICK(datas, i));
    if (i % 5) hub_buf_addf(out, ",\"kind\":\"%s\"", kinds[i % 4]);
    if (i % 4) hub_buf_addf(out, ",\"ref\":\"r%d\"", i);
    hub_buf_addf(out, ",\"isActive\":%s,\"createdAt\":%d}", i % 11 ? "true" : "false", i / 4);
}

/* ---- one question, two answers ---- */

/* 4 and 4.0 are equal, but Lua tells them apart. */
static bool same_kinds(const json_t *a, const json_t *b) {
    const char *key;
    json_t *v;
    size_t i;
    if (json_typeof(a) != json_typeof(b)) return false;
    json_array_foreach((json_t *)(uintptr_t)a, i, v) if (!same_kinds(v, json_array_get(b, i))) return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, v) if (!same_kinds(v, json_object_get(b, key))) return false;
    return true;
}

static void expect_same(const char *question, json_t *a, json_t *b) {
    struct hub_buf ta = {0}, tb = {0};
    asked++;
    if (!hub_json_equal(a, b) || !same_kinds(a, b)) {
        hub_json_add(&ta, a);
        hub_json_add(&tb, b);
        if (differences++ < 25)
            fprintf(stderr, "%s\n  sqlite:     %.600s\n  postgresql: %.600s\n", question, hub_buf_cstr(&ta),
                    hub_buf_cstr(&tb));
    }
    hub_buf_free(&ta);
    hub_buf_free(&tb);
    json_decref(a);
    json_decref(b);
}

/* Rows or a code; what an error says is the database's own business. */
static json_t *selected(struct hub_store *s, const struct hub_select *q) {
    struct rows_answer a = {0};
    s->ops->select(s, q, take_rows, &a);
    hub_loop_run(loop);
    if (!a.code) return a.rows;
    json_decref(a.rows);
    return json_string(hub_code_name(a.code));
}

static void ask(const char *question, const struct hub_select *q) {
    expect_same(question, selected(stores[0], q), selected(stores[1], q));
}

static json_t *queried(struct hub_store *s, const char *text, const char *params) {
    store = s;
    struct sql_answer a = sql(text, params);
    if (!a.code) return a.result;
    json_decref(a.result);
    return json_string(hub_code_name(a.code));
}

static json_t *written(struct hub_store *s, enum hub_write_kind kind, const char *json, struct hub_cond *where,
                       const char *conflict) {
    struct hub_cell cells[C_COLUMNS];
    struct hub_buf text = {0};
    struct hub_err err;
    int left = 1;
    struct message m = {.left = &left};
    json_t *row = hub_json_parse(hub_cstr(json), &err);
    if (!row) fail_msg("%s: %s", json, err.text);
    enum hub_code code = hub_row_from_json(
        &table, row, kind == HUB_UPDATE || kind == HUB_DELETE ? HUB_ROW_CHANGE : HUB_ROW_CREATE, cells, &text, &err);
    json_decref(row);
    if (!code) {
        m.w = (struct hub_write){.table = &table,
                                 .kind = kind,
                                 .cells = cells,
                                 .where = where,
                                 .where_n = where ? 1 : 0,
                                 .conflict = conflict,
                                 .done = message_done,
                                 .arg = &m};
        s->ops->write(s, &m.w);
        hub_loop_run(loop);
        code = m.w.code;
    }
    hub_buf_free(&text);
    return json_pack("{s:s, s:b, s:I}", "code", hub_code_name(code), "duplicate", m.w.duplicate, "changes",
                     (json_int_t)(kind == HUB_UPDATE ? m.w.changes : 0));
}

static void write_both(enum hub_write_kind kind, const char *json, struct hub_cond *where, const char *conflict) {
    expect_same(json, written(stores[0], kind, json, where, conflict), written(stores[1], kind, json, where, conflict));
}

/* ---- opening ---- */

static struct hub_store *open_one(const struct hub_store_ops *ops) {
    struct hub_err err;
    if (open_with(ops, tables, 1, &err) || store->ops->apply(store, &err)) fail_msg("%s", err.text);
    return store;
}

static int open_both(void **state) {
    (void)state;
    struct hub_buf row = {0};
    loop = hub_loop_new(NULL);
    snprintf(folder, sizeof folder, "/tmp/hubd-same-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/test.db", folder);
    stores[0] = open_one(&hub_sqlite_ops);
    assert_true(postgres_sql(&server, "postgres",
                             "CREATE DATABASE same TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'", NULL, 0));
    postgres_url(&server, "same", url, sizeof url);
    stores[1] = open_one(&hub_postgres_ops);
    for (int i = 0; i < ROWS; i++) made_row(i, &row), write_both(HUB_INSERT, hub_buf_cstr(&row), NULL, NULL);
    hub_buf_free(&row);
    assert_int_equal(differences, 0);
    return 0;
}

static int close_both(void **state) {
    (void)state;
    char command[128];
    for (int i = 0; i < 2; i++) store = stores[i], close_store_only();
    hub_loop_delete(loop);
    snprintf(command, sizeof command, "rm -rf --one-file-system %s", folder);
    return system(command);
}

static void none_may_be_left(int at_least) {
    int n = asked, differ = differences;
    asked = differences = 0;
    if (differ) fail_msg("%d of %d answers differ", differ, n);
    assert_true(n >= at_least);
}

/* ---- the questions ---- */

static void pages_of_every_order_are_the_same(void **state) {
    (void)state;
    char question[120];
    for (int c = -1; c < C_COLUMNS; c++)
        for (int down = 0; down < 2; down++)
            for (int offset = 0; c != DATA && offset < ROWS; offset += 17) {
                const struct hub_select q = {.table = &table,
                                             .order_by = c,
                                             .descending = down,
                                             .limit = 17,
                                             .offset = offset,
                                             .with_inactive = offset % 2};
                snprintf(question, sizeof question, "orderBy %s%s, offset %d", down ? "-" : "",
                         c < 0 ? "nothing" : columns[c].property, offset);
                ask(question, &q);
            }
    none_may_be_left(150);
}

static void all_pages_together_are_all_rows(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        json_t *seen = json_object();
        for (int offset = 0; offset < ROWS; offset += 7) {
            const struct hub_select q = {
                .table = &table, .order_by = TITLE, .limit = 7, .offset = offset, .with_inactive = true};
            store = stores[i];
            json_t *rows = select_rows(&q), *row;
            size_t at;
            json_array_foreach(rows, at, row)
                json_object_set_new(seen, json_string_value(json_object_get(row, "id")), json_true());
            json_decref(rows);
        }
        assert_int_equal(json_object_size(seen), ROWS);
        json_decref(seen);
    }
}

static void ask_condition(int column, enum hub_cmp cmp, const char *value) {
    static const char *const words[] = {"=", "<>", "<", "<=", ">", ">=", "in"};
    char question[160];
    struct hub_buf text = {0};
    struct hub_err err;
    struct hub_cond where = {.column = column, .cmp = cmp};
    struct hub_cell in[2] = {{0}, {.kind = HUB_CELL_NULL}};
    json_t *v = hub_json_parse(hub_cstr(value), &err);
    if (!v) fail_msg("%s: %s", value, err.text);
    struct hub_column loose = columns[column]; /* a condition may have any value of the type, and null */
    loose.required = false;
    if (!hub_cell_from_json(&loose, v, &where.value, &text, &err)) {
        if (cmp == HUB_IN) in[0] = where.value, where.in = in, where.in_n = 2;
        const struct hub_select q = {
            .table = &table, .where = &where, .where_n = 1, .order_by = C_ID, .limit = 200, .with_inactive = true};
        snprintf(question, sizeof question, "%s %s %s", columns[column].property, words[cmp], value);
        ask(question, &q);
    }
    json_decref(v);
    hub_buf_free(&text);
}

static void every_condition_has_the_same_rows(void **state) {
    (void)state;
    static const char *const odd[] = {"null",
                                      "\"\"",
                                      "\"x'; --\"",
                                      "0",
                                      "1",
                                      "1.5",
                                      "true",
                                      "\"true\"",
                                      "\"7\"",
                                      "\"medium\"",
                                      "\"2026-01-31T00:00:00Z\"",
                                      "\"a\""};
    for (int c = 0; c < C_COLUMNS; c++)
        for (enum hub_cmp cmp = HUB_EQ; cmp <= HUB_IN; cmp++) {
            if (c == DATA) continue; /* has no order, and is compared by nobody */
            for (size_t i = 0; i < HUB_NELEM(odd); i++) ask_condition(c, cmp, odd[i]);
            for (size_t i = 0; c == BODY && i < HUB_NELEM(bodies); i++) ask_condition(c, cmp, bodies[i]);
            for (size_t i = 0; c == COUNT && i < HUB_NELEM(counts); i++) ask_condition(c, cmp, counts[i]);
            for (size_t i = 0; c == PRICE && i < HUB_NELEM(prices); i++) ask_condition(c, cmp, prices[i]);
            for (size_t i = 0; c == WHEN && i < HUB_NELEM(whens); i++) ask_condition(c, cmp, whens[i]);
        }
    none_may_be_left(600);
}

static void the_first_row_of_each_value_is_the_same_one(void **state) {
    (void)state;
    struct hub_cell in[] = {text_cell("one"), text_cell("Two"), text_cell("no such title")};
    for (int c = 0; c < C_COLUMNS; c++)
        for (size_t i = 0; c != DATA && i <= HUB_NELEM(in) * 2; i++) {
            bool all = i == HUB_NELEM(in) * 2;
            const struct hub_cond where[] = {
                {.column = TITLE, .cmp = HUB_IN, .in = all ? in : &in[i / 2], .in_n = all ? HUB_NELEM(in) : 1},
                {.column = BODY, .cmp = HUB_NE, .value = {.kind = HUB_CELL_NULL}},
            };
            const struct hub_select q = {.table = &table,
                                         .where = where,
                                         .where_n = 2,
                                         .order_by = c,
                                         .descending = i % 2,
                                         .limit = 9,
                                         .first_of_each = true,
                                         .only = all ? HUB_ONLY(LIVE) : 0}; /* of several the order is not settled */
            char question[80];
            snprintf(question, sizeof question, "first of each %zu by %s", i, columns[c].property);
            ask(question, &q);
        }
    none_may_be_left(70);
}

/* As a caller may write them who does not go through JSON. */
static void values_that_no_row_can_have_find_nothing(void **state) {
    (void)state;
    const struct hub_cell odd[] = {
        text_cell("no such kind"), {.kind = HUB_CELL_TEXT, .s = HUB_STR("a\0b")}, text_cell("")};
    for (int c = KIND; c < C_COLUMNS; c += REF - KIND)
        for (enum hub_cmp cmp = HUB_EQ; cmp <= HUB_GE && c <= REF; cmp++)
            for (size_t i = 0; i < HUB_NELEM(odd); i++) {
                const struct hub_cond where = {.column = c, .cmp = cmp, .value = odd[i]};
                const struct hub_select q = {
                    .table = &table, .where = &where, .where_n = 1, .order_by = -1, .limit = 200};
                char question[80];
                snprintf(question, sizeof question, "%s, comparison %d, odd value %zu", columns[c].property, cmp, i);
                ask(question, &q);
            }
    none_may_be_left(30);
}

static void scripts_get_values_of_the_same_types(void **state) {
    (void)state;
    static const struct {
        const char *text, *params;
    } all[] = {
        {"SELECT count(*) AS v FROM item", NULL},
        {"SELECT sum(\"count\") AS v FROM item WHERE abs(\"count\" / 2) < 100", NULL},
        {"SELECT avg(\"count\") AS v FROM item WHERE \"count\" IN (7, 10)", NULL},
        {"SELECT avg(\"count\") AS v FROM item WHERE \"count\" = 7", NULL},
        {"SELECT sum(price) AS v, min(price) AS a, max(price) AS b FROM item WHERE price IN (3, 1.5)", NULL},
        {"SELECT sum(price) AS v FROM item WHERE price = 3", NULL},
        {"SELECT avg(price) AS v FROM item WHERE price = 3", NULL},
        {"SELECT id, \"count\", price, open, kind, title, ref FROM item ORDER BY id", NULL},
        {"SELECT id, \"when\", \"createdAt\" FROM item ORDER BY id", NULL},
        {"SELECT id, data FROM item ORDER BY id", NULL},
        {"SELECT max(\"when\") AS v, min(\"when\") AS a FROM item", NULL},
        {"SELECT id, title FROM item ORDER BY body NULLS LAST, id LIMIT 30", NULL},
        {"SELECT min(body) AS a, max(body) AS b FROM item", NULL},
        {"SELECT id FROM item WHERE body > $1 ORDER BY id", "[\"a\"]"},
        {"SELECT id FROM item WHERE \"count\" = $1 ORDER BY id", "[7]"},
        {"SELECT id FROM item WHERE \"count\" = $1 ORDER BY id", "[\"7\"]"},
        {"SELECT id FROM item WHERE price > $1 ORDER BY id", "[1.5]"},
        {"SELECT id FROM item WHERE open = $1 ORDER BY id", "[true]"},
        {"SELECT id FROM item WHERE title = $1 ORDER BY id", "[null]"},
        {"SELECT id FROM item WHERE \"when\" >= $1 ORDER BY id", "[\"2026-01-31T00:00:00.000Z\"]"},
        {"SELECT id FROM item WHERE title = ? AND \"count\" > ? ORDER BY id", "[\"one\", 0]"},
        {"SELECT id FROM item WHERE title = $1", "[\"a\\u0000b\"]"},
        {"SELECT id FROM item WHERE title = $1", "[]"},
        {"SELECT id FROM item WHERE title = 'x'", "[1]"},
        {"SELECT id FROM nothing", NULL},
        {"SELECT nothing FROM item", NULL},
        {"SELEC id FROM item", NULL},
        {"", NULL},
        {"SELECT 1 AS v; SELECT 2 AS v", NULL},
        {"SELECT 1 AS v, 1.5 AS r, 'x' AS t, NULL AS n", NULL},
        {"SELECT CAST(1 AS INTEGER) AS v, CAST('2' AS INTEGER) AS w, CAST(3 AS TEXT) AS t", NULL},
        {"SELECT length(body) AS v FROM item WHERE body IS NOT NULL ORDER BY id", NULL},
        {"SELECT title, count(*) AS v FROM item GROUP BY title ORDER BY title NULLS LAST", NULL},
        {"SELECT id FROM item WHERE id IN (SELECT ref FROM item) ORDER BY id", NULL},
        {"UPDATE item SET body = 'changed' WHERE id = 'nobody'", NULL},
        {"UPDATE item SET body = $1 WHERE \"count\" = $2", "[\"changed\", 10]"},
        {"INSERT INTO item (id, title, ref) VALUES ('x1', 'one', 'r1') RETURNING id, kind, \"isActive\"", NULL},
        {"INSERT INTO item (id, title, ref) VALUES ('x1', 'two', 'r2')", NULL},
        {"INSERT INTO item (id, kind) VALUES ('x2', 'huge')", NULL},
        {"INSERT INTO item (title) VALUES ('no id')", NULL},
        {"DELETE FROM item WHERE id = 'x1'", NULL},
        {"UPDATE hubd_room SET seq = 1", NULL},
        {"BEGIN", NULL},
    };
    for (size_t i = 0; i < HUB_NELEM(all); i++)
        expect_same(all[i].text, queried(stores[0], all[i].text, all[i].params),
                    queried(stores[1], all[i].text, all[i].params));
    none_may_be_left(40);
}

static void writes_end_alike(void **state) {
    (void)state;
    struct hub_cond one = {.column = C_ID, .value = text_cell("w1")},
                    none = {.column = C_ID, .value = text_cell("nobody")},
                    many = {.column = TITLE, .value = text_cell("one")};
    static const char *const rows[] = {
        "{\"id\":\"w1\",\"title\":\"t\",\"ref\":\"r\"}",
        "{\"id\":\"w1\",\"title\":\"again\"}",
        "{\"id\":\"w2\",\"title\":\"t\",\"ref\":\"r\"}",
        "{\"id\":\"w3\",\"title\":\"t\",\"ref\":null}",
        "{\"id\":\"w4\",\"title\":\"t\",\"ref\":null}",
        "{\"id\":\"w5\",\"kind\":\"huge\"}",
        "{\"id\":\"w6\",\"kind\":null}",
        "{\"id\":\"w7\",\"count\":\"12\",\"price\":\"1e2\",\"open\":\"true\",\"title\":5,\"when\":0}",
        "{\"id\":\"w8\",\"count\":1.5}",
        "{\"id\":\"w9\",\"count\":3.0,\"open\":1}",
        "{\"id\":\"w10\",\"when\":\"2026-02-30\"}",
        "{\"id\":\"w11\",\"when\":\"2026-06-30T23:59:60Z\"}",
        "{\"id\":\"w12\",\"when\":\"0000-01-01\"}",
        "{\"id\":\"w13\",\"when\":\"0001-01-01T00:00:00+14:00\"}",
        "{\"id\":\"w14\",\"when\":\"9999-12-31T23:59:59-14:00\"}",
        "{\"id\":\"w15\",\"when\":-62167219200000}",
        "{\"id\":\"w16\",\"isActive\":null}",
        "{\"id\":\"\"}",
        "{\"id\":\"w17\",\"data\":\"\\ud83d\\ude00\"}",
        "{\"id\":\"w18\",\"data\":{\"n\":1e300}}",
        "{\"id\":null}",
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) write_both(HUB_INSERT, rows[i], NULL, NULL);
    write_both(HUB_INSERT, rows[0], NULL, "id");
    write_both(HUB_INSERT, rows[2], NULL, "title,ref");
    write_both(HUB_UPSERT, "{\"id\":\"w20\",\"title\":\"t\",\"ref\":\"r\",\"body\":\"upserted\"}", NULL, "title,ref");
    write_both(HUB_UPDATE, "{\"body\":\"new\"}", &one, NULL);
    write_both(HUB_UPDATE, "{\"body\":\"new\"}", &none, NULL);
    write_both(HUB_UPDATE, "{\"count\":1}", &many, NULL);
    write_both(HUB_UPDATE, "{\"kind\":\"Large\"}", &one, NULL);
    write_both(HUB_DELETE, "{}", &one, NULL);
    write_both(HUB_DELETE, "{}", &one, NULL);
    write_both(HUB_DELETE, "{}", &none, NULL);
    const struct hub_select q = {.table = &table, .order_by = -1, .limit = 500, .with_inactive = true};
    json_t *all[2];
    for (int i = 0; i < 2; i++) {
        size_t at;
        json_t *row;
        all[i] = selected(stores[i], &q);
        json_array_foreach(all[i], at, row)
            json_object_del(row, "createdAt"); /* the moment of each store's own write */
    }
    expect_same("the rows after all that", all[0], all[1]);
    none_may_be_left(30);
}

static void a_text_with_a_nul_is_refused(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hub_cell cells[C_COLUMNS];
        int left = 1;
        struct message m = {.left = &left};
        for (int c = 0; c < C_COLUMNS; c++) cells[c] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
        cells[C_ID] = (struct hub_cell){.kind = HUB_CELL_TEXT, .s = HUB_STR("a\0b")};
        m.w = (struct hub_write){.table = &table, .kind = HUB_INSERT, .cells = cells, .done = message_done, .arg = &m};
        stores[i]->ops->write(stores[i], &m.w);
        hub_loop_run(loop);
        assert_int_equal(m.w.code, HUB_BAD_REQUEST);
        assert_non_null(strstr(m.w.error, "U+0000"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_every_order_are_the_same),
        cmocka_unit_test(all_pages_together_are_all_rows),
        cmocka_unit_test(every_condition_has_the_same_rows),
        cmocka_unit_test(the_first_row_of_each_value_is_the_same_one),
        cmocka_unit_test(values_that_no_row_can_have_find_nothing),
        cmocka_unit_test(scripts_get_values_of_the_same_types),
        cmocka_unit_test(writes_end_alike),
        cmocka_unit_test(a_text_with_a_nul_is_refused),
    };
    const char *reason = "";
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    int failed = cmocka_run_group_tests(tests, open_both, close_both);
    postgres_stop(&server);
    return failed;
}
