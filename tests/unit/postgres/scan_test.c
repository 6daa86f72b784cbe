/* Scripts' SQL before it is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/postgres/postgres_int.h"

static void expect_sent(const char *sql, size_t given, const char *expected) {
    struct hub_buf out = {0};
    struct hub_err err = {0};
    bool reads;
    if (hub_pg_scan(hub_cstr(sql), given, &out, &reads, &err)) fail_msg("%s: %s", sql, err.text);
    if (strcmp(hub_buf_cstr(&out), expected)) fail_msg("%s\nbecame %s\nnot    %s", sql, out.p, expected);
    hub_buf_free(&out);
}

static void expect_refused(const char *sql, size_t given, enum hub_code code, const char *says) {
    struct hub_buf out = {0};
    struct hub_err err = {0};
    bool reads;
    enum hub_code got = hub_pg_scan(hub_cstr(sql), given, &out, &reads, &err);
    if (got != code || !strstr(err.text, says)) fail_msg("%s: %s, %s", sql, hub_code_name(got), err.text);
    hub_buf_free(&out);
}

static void question_marks_become_numbers(void **state) {
    (void)state;
    expect_sent("SELECT ?, ? + ?", 3, "SELECT $1, $2 + $3");
    expect_sent("SELECT x?5", 1, "SELECT x $1 5"); /* not the name x$15 */
    expect_sent("SELECT $2, $1", 2, "SELECT $2, $1");
    expect_sent("SELECT extra ? 'key' FROM t WHERE id = $1", 1,
                "SELECT extra ? 'key' FROM t WHERE id = $1"); /* jsonb's operator */
}

static void what_is_quoted_is_left_alone(void **state) {
    (void)state;
    expect_sent("SELECT 'what?', \"a?\", 'it''s ?', ?", 1, "SELECT 'what?', \"a?\", 'it''s ?', $1");
    expect_sent("SELECT E'\\'?', e'\\\\', ?", 1, "SELECT E'\\'?', e'\\\\', $1");
    expect_sent("SELECT '\\', ?", 1, "SELECT '\\', $1"); /* no escape in a plain text */
    expect_sent("SELECT $$ ? ; $1 $$, $tag$ $$ ? $tag$, ?", 1, "SELECT $$ ? ; $1 $$, $tag$ $$ ? $tag$, $1");
    expect_sent("SELECT ? -- and ? ; $2\n, 1", 1, "SELECT $1 -- and ? ; $2\n, 1");
    expect_sent("SELECT /* ? /* ; */ ? */ ?", 1, "SELECT /* ? /* ; */ ? */ $1");
    expect_sent("SELECT a$1b FROM t", 0, "SELECT a$1b FROM t"); /* a dollar inside a name */
}

static void one_statement_may_end_with_a_semicolon(void **state) {
    (void)state;
    expect_sent("SELECT 1 ; -- done\n /* really */ ", 0, "SELECT 1   -- done\n /* really */ ");
    expect_refused("SELECT 1; SELECT 2", 0, HUB_BAD_REQUEST, "one statement");
    expect_refused("SELECT 1; 'x'", 0, HUB_BAD_REQUEST, "one statement");
    expect_refused("  -- nothing", 0, HUB_BAD_REQUEST, "no statement");
    expect_refused(";", 0, HUB_BAD_REQUEST, "no statement");
}

static void parameters_are_counted(void **state) {
    (void)state;
    expect_refused("SELECT ?, ?", 1, HUB_BAD_REQUEST, "more parameters");
    expect_refused("SELECT $3", 2, HUB_BAD_REQUEST, "more parameters");
    expect_refused("SELECT $99999999999999999999999", 2, HUB_BAD_REQUEST, "more parameters");
    expect_refused("SELECT ?", 2, HUB_BAD_REQUEST, "more values");
}

static void settings_transactions_and_our_tables_are_out_of_reach(void **state) {
    (void)state;
    static const char *const refused[] = {
        "BEGIN",
        "commit",
        "/* x */ Rollback",
        "SET search_path = x",
        "reset all",
        "COPY t TO STDOUT",
        "DO $$BEGIN END$$",
        "CALL p()",
        "LISTEN x",
        "LOCK TABLE t",
        "PREPARE x AS SELECT 1",
        "VACUUM",
        "GRANT ALL ON t TO u",
        "SELECT set_config('a', 'b', false)",
        "SELECT \"set_config\"('a', 'b', false)",
        "SELECT pg_catalog.pg_terminate_backend(1)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock(1)",
        "UPDATE hubd_room SET seq = 0",
        "DELETE FROM \"hubd_room\"",
        "drop table HUBD_WRITER",
        "WITH x AS (DELETE FROM public.hubd_room RETURNING 1) SELECT * FROM x",
        "INSERT INTO hubd_outbox_shop DEFAULT VALUES",
        "DELETE FROM U&\"\\0068ubd_room\"",
        "SELECT 1 INTO hubd_x",
        "TRUNCATE hubd_room",
    };
    for (size_t i = 0; i < HUB_NELEM(refused); i++) expect_refused(refused[i], 0, HUB_NOT_ALLOWED, "scripts may not");
    expect_sent("SELECT \"roomId\" FROM hubd_room", 0, "SELECT \"roomId\" FROM hubd_room");
    expect_sent("UPDATE t SET note = 'hubd_room'", 0, "UPDATE t SET note = 'hubd_room'");
}

static void what_only_reads_is_told_from_what_writes(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        bool reads;
    } cases[] = {{"SELECT 1", true},
                 {"(SELECT 1)", true},
                 {"values (1)", true},
                 {"WITH x AS (SELECT 1) SELECT * FROM x", true},
                 {"UPDATE t SET a = 1", false},
                 {"WITH x AS (UPDATE t SET a = 1 RETURNING 1) SELECT * FROM x", false},
                 {"EXPLAIN SELECT 1", false},
                 {"SELECT 'update'", true},
                 {"SELECT charge_card(7)", false},
                 {"SELECT * FROM charge_card (7) AS x", false},
                 {"SELECT charge_card/* it */\n(7)", false},
                 {"SELECT nextval('numbers')", false},
                 {"SELECT billing.lower('X')", false},
                 {"SELECT billing . \"lower\" ('X')", false},
                 {"SELECT \"Lower\"('X')", false}, /* not that of PostgreSQL */
                 {"SELECT pg_catalog.lower('X'), \"lower\"('Y')", true},
                 {"SELECT pg_catalog.nextval('numbers')", false},
                 {"SELECT LOWER(a), count(*), 'f(x)', -- f(x)\n (SELECT max(b) FROM t) FROM t", true},
                 {"SELECT a::numeric(10, 2) FROM t WHERE b IN (1, 2) AND (c OR EXISTS (SELECT 1))", true},
                 {"WITH x AS (VALUES (1)) SELECT sum(a) OVER (PARTITION BY (b)) FROM x, LATERAL (SELECT 1) y", true},
                 {"SELECT 1 FROM t WHERE e'x' = $$f(x)$$ AND a = 1.5 AND (b)", true}};
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_buf out = {0};
        bool reads = !cases[i].reads;
        assert_int_equal(hub_pg_scan(hub_cstr(cases[i].sql), 0, &out, &reads, NULL), HUB_OK);
        if (reads != cases[i].reads) fail_msg("%s", cases[i].sql);
        hub_buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question_marks_become_numbers),
        cmocka_unit_test(what_is_quoted_is_left_alone),
        cmocka_unit_test(one_statement_may_end_with_a_semicolon),
        cmocka_unit_test(parameters_are_counted),
        cmocka_unit_test(settings_transactions_and_our_tables_are_out_of_reach),
        cmocka_unit_test(what_only_reads_is_told_from_what_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
