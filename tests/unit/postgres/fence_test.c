/* A claim of a place meets transactions of the owner before, at every point of their way: it waits for them,
 * or they fail. */
#include "store_fixture.h"

#include "adapters/postgres/postgres.h"
#include "base/id/uuid.h"
#include "base/time/clock.h"
#include "postgres_server.h"

static struct postgres_server server;
static PGconn *control;              /* ours, beside hubd's */
static struct hub_clock clock_ahead; /* runs, for the server does; turned where only hubd waits */

/* ---- the server, by hand ---- */

static int64_t run_by_hand(const char *statement) {
    PGresult *r = PQexec(control, statement);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("%s: %s", statement, PQerrorMessage(control));
    int64_t v = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    return v;
}

static void start_on(const char *database) {
    char create[64];
    snprintf(create, sizeof create, "CREATE DATABASE %s", database);
    assert_true(postgres_sql(&server, "postgres", create, NULL, 0));
    postgres_url(&server, database, url, sizeof url);
    hub_clock_init(&clock_ahead);
    loop = hub_loop_new(&clock_ahead);
    open_messages(&hub_postgres_ops);
    assert_int_equal(counter("r1").code, HUB_OK);
    control = PQconnectdb(url);
}

/* Of a test that failed as well: what it held is held no more. */
static int let_go(void **state) {
    (void)state;
    PQfinish(control);
    control = NULL;
    return 0;
}

static void finish(void) {
    let_go(NULL);
    close_store_only();
    hub_loop_delete(loop);
    hub_clock_deinit(&clock_ahead);
}

/* ---- waiting ---- */

static struct hub_timer tick;
static bool (*awaited)(void);
static int64_t await_until;

static void on_tick(struct hub_timer *t) {
    if (hub_real_ms() > await_until) fail_msg("what was waited for did not come");
    if (awaited())
        hub_loop_stop(loop);
    else
        hub_timer_start(loop, t, 10, on_tick);
}

static void await(bool (*holds)(void)) {
    awaited = holds;
    await_until = hub_real_ms() + 30000;
    hub_timer_start(loop, &tick, 0, on_tick);
    hub_loop_run(loop);
}

static bool waiting_are(int64_t n) { return run_by_hand("SELECT count(*) FROM pg_locks WHERE NOT granted") == n; }
static bool none_waits(void) { return waiting_are(0); }
static bool one_waits(void) { return waiting_are(1); }
static bool two_wait(void) { return waiting_are(2); }

/* ---- a write and a claim ---- */

static struct message one;
static bool one_is_answered;

static void on_one(struct hub_write *w) {
    (void)w;
    one_is_answered = true;
}
static bool is_one_answered(void) { return one_is_answered; }

static void submit_one(int i, int64_t fence, bool numbered, const char *room) {
    new_message(&one, room, i, NULL);
    one.w.fence = fence;
    if (!numbered) one.w.numbering = HUB_NUMBER_NONE;
    one.w.done = on_one;
    one_is_answered = false;
    store->ops->write(store, &one.w);
}

/* A change that others are to hear of, which is carried out write by write. */
static void submit_edit(int64_t fence) {
    new_change(&one, HUB_UPDATE, "r1", "r1-1", NULL);
    one.cells[CONTENT] = text_cell("{\"text\":\"edited\"}");
    one.w.announce = true;
    hub_uuid7(one.w.event_id);
    one.w.fence = fence;
    one.w.done = on_one;
    one_is_answered = false;
    store->ops->write(store, &one.w);
}

static struct {
    enum hub_code code;
    int64_t fence, seq;
    bool answered;
} claimed;

static void on_claim(void *arg, enum hub_code code, int64_t fence, int64_t seq, const char *epoch) {
    (void)arg;
    (void)epoch;
    claimed.code = code;
    claimed.fence = fence;
    claimed.seq = seq;
    claimed.answered = true;
}
static bool is_claimed(void) { return claimed.answered; }

static void submit_claim_of(const char *room) {
    claimed.answered = false;
    store->ops->claim_place(store, "chat", hub_cstr(room), HUB_STR("bob"), on_claim, NULL);
}
static void submit_claim(void) { submit_claim_of("r1"); }

static int64_t claim(void) {
    submit_claim();
    await(is_claimed);
    assert_int_equal(claimed.code, HUB_OK);
    return claimed.fence;
}

static int64_t rows(void) { return run_by_hand("SELECT count(*) FROM \"chatMessage\""); }

/* What a trigger of the table waits for. */
#define HOLDING                                                                   \
    "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM " \
    "pg_advisory_xact_lock(4711); RETURN NEW; END$$; SELECT pg_advisory_lock(4711); CREATE "
#define RELEASE "SELECT pg_advisory_unlock(4711)"
#define AT_COMMIT                                                                                    \
    HOLDING "CONSTRAINT TRIGGER hold AFTER INSERT ON \"chatMessage\" DEFERRABLE INITIALLY DEFERRED " \
            "FOR EACH ROW EXECUTE FUNCTION hold()"
#define BEFORE_CHANGE HOLDING "TRIGGER hold BEFORE UPDATE ON \"chatMessage\" FOR EACH ROW EXECUTE FUNCTION hold()"

/* ---- tests ---- */

static void a_transaction_that_had_not_come_to_its_end_is_defeated(void **state) {
    (void)state;
    for (int numbered = 0; numbered < 2; numbered++) {
        start_on(numbered ? "defeated_1" : "defeated_0");
        int64_t fence = claim();
        run_by_hand("BEGIN; LOCK TABLE \"chatMessage\" IN SHARE MODE");
        submit_one(1, fence, numbered, "r1");
        await(one_waits);
        assert_int_equal(claim(), fence + 1);
        assert_false(one_is_answered);
        run_by_hand("COMMIT");
        await(is_one_answered);
        assert_int_equal(one.w.code, HUB_FENCED);
        assert_int_equal(rows(), 0);
        assert_int_equal(counter("r1").seq, 0);
        finish();
    }
}

static void a_transaction_that_commits_is_waited_for(void **state) {
    (void)state;
    for (int numbered = 0; numbered < 2; numbered++) {
        start_on(numbered ? "waited_1" : "waited_0");
        int64_t fence = claim();
        run_by_hand(AT_COMMIT);
        submit_one(1, fence, numbered, "r1");
        await(one_waits);
        submit_claim();
        await(two_wait);
        assert_false(claimed.answered);
        run_by_hand(RELEASE);
        await(is_claimed);
        assert_int_equal(claimed.fence, fence + 1);
        assert_int_equal(claimed.seq, numbered);
        await(is_one_answered);
        assert_int_equal(one.w.code, HUB_OK);
        submit_one(2, claimed.fence, true, "r1");
        await(is_one_answered);
        assert_int_equal(one.w.code, HUB_OK);
        assert_int_equal(one.w.number, numbered + 1);
        finish();
    }
}

/* Carried out write by write the row is held from the beginning, and numbered at the end: a claim that stands
 * between the two does not keep one from the other. */
static void a_claim_that_waits_is_in_nobody_s_way(void **state) {
    (void)state;
    start_on("in_the_way");
    int64_t fence = claim();
    submit_one(1, fence, true, "r1");
    await(is_one_answered);
    run_by_hand(BEFORE_CHANGE);
    submit_edit(fence);
    await(one_waits);
    submit_claim();
    await(two_wait);
    run_by_hand(RELEASE);
    await(is_one_answered);
    assert_int_equal(one.w.code, HUB_OK);
    assert_int_equal(one.w.number, 2);
    await(is_claimed);
    assert_int_equal(claimed.fence, fence + 1);
    assert_int_equal(claimed.seq, 2);
    finish();
}

/* By a claim that went another way than over this store. */
static void what_is_known_of_a_number_is_read_again_with_the_fence(void **state) {
    (void)state;
    start_on("read_again");
    submit_one(1, claim(), true, "r1");
    await(is_one_answered);
    run_by_hand("UPDATE hubd_room SET seq = 41, fence = 5 WHERE \"roomId\" = 'r1'");
    submit_edit(5);
    await(is_one_answered);
    assert_int_equal(one.w.code, HUB_OK);
    assert_int_equal(one.w.number, 42);
    submit_one(2, 5, true, "r1");
    await(is_one_answered);
    assert_int_equal(one.w.number, 43);
    finish();
}

static void while_claims_wait_other_rooms_are_written_and_read(void **state) {
    (void)state;
    const struct hub_select q = {.table = &msg_table, .order_by = SEQ, .limit = 10};
    start_on("meanwhile");
    assert_int_equal(counter("r3").code, HUB_OK);
    run_by_hand("BEGIN; UPDATE hubd_room SET seq = 7");
    for (int i = 0; i < 3; i++) submit_claim_of("r3");
    submit_claim();
    await(one_waits);
    submit_one(1, 0, true, "r2");
    await(is_one_answered);
    assert_int_equal(one.w.code, HUB_OK);
    json_t *found = select_rows(&q);
    assert_int_equal(json_array_size(found), 1);
    json_decref(found);
    assert_false(claimed.answered);
    run_by_hand("COMMIT");
    await(is_claimed);
    assert_int_equal(claimed.seq, 7);
    claim();
    finish();
}

/* ---- many claims ---- */

enum { PLACES = 40, HELD = 7 };
static char places[PLACES][16];
static int answered_claims;
static int64_t fences_of[PLACES];

static void on_one_of_many(void *arg, enum hub_code code, int64_t fence, int64_t seq, const char *epoch) {
    (void)seq;
    (void)epoch;
    assert_int_equal(code, HUB_OK);
    *(int64_t *)arg = fence;
    answered_claims++;
}

static void submit_many(void) {
    answered_claims = 0;
    for (int i = 0; i < PLACES; i++) {
        snprintf(places[i], sizeof places[0], "p%d", i);
        store->ops->claim_place(store, "chat", hub_cstr(places[i]), HUB_STR("bob"), on_one_of_many, &fences_of[i]);
    }
}
static bool all_are_claimed(void) { return answered_claims == PLACES; }
static bool all_but_one_are_claimed(void) { return answered_claims == PLACES - 1; }

static void of_many_claims_that_of_a_held_place_alone_waits(void **state) {
    (void)state;
    start_on("many");
    submit_many();
    await(all_are_claimed);
    run_by_hand("BEGIN; UPDATE hubd_room SET seq = 7 WHERE \"roomId\" = 'p7'");
    fences_of[HELD] = 0;
    submit_many();
    await(all_but_one_are_claimed);
    await(one_waits);
    assert_int_equal(fences_of[HELD], 0);
    run_by_hand("COMMIT");
    await(all_are_claimed);
    for (int i = 0; i < PLACES; i++) assert_int_equal(fences_of[i], 2);
    finish();
}

static void a_claim_whose_connection_is_lost_fails_and_is_not_made_again(void **state) {
    (void)state;
    start_on("lost_claim");
    int64_t fence = claim();
    run_by_hand("BEGIN; UPDATE hubd_room SET seq = 7 WHERE \"roomId\" = 'r1'");
    submit_claim();
    await(one_waits);
    run_by_hand("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted");
    await(none_waits);
    run_by_hand("ROLLBACK");
    await(is_claimed);
    assert_int_equal(claimed.code, HUB_STORE_UNAVAILABLE);
    assert_int_equal(claimed.fence, 0);
    assert_int_equal(claim(), fence + 1);
    finish();
}

/* They have their rows when the commit fails: the fences that came with these are nobody's. */
static void many_claims_whose_commit_fails_are_made_again(void **state) {
    (void)state;
    start_on("no_commit");
    submit_many();
    await(all_are_claimed);
    run_by_hand("CREATE SEQUENCE times; CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF "
                "nextval('times') = 1 THEN RAISE EXCEPTION 'not now'; END IF; RETURN NULL; END$$; CREATE CONSTRAINT "
                "TRIGGER fails AFTER UPDATE ON hubd_room DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN "
                "(NEW.\"roomId\" = 'p20') EXECUTE FUNCTION fail_once()");
    submit_many();
    await(all_are_claimed);
    for (int i = 0; i < PLACES; i++) assert_int_equal(fences_of[i], 2);
    assert_int_equal(run_by_hand("SELECT count(*) FROM hubd_room WHERE fence = 2 AND \"roomId\" LIKE 'p%'"), PLACES);
    assert_int_equal(run_by_hand("SELECT last_value FROM times"), 2);
    finish();
}

static int turns;
static bool some_turns_have_passed(void) { return ++turns > 3; }

/* Nobody waits for it any more, so it is not tried again. */
static void a_claim_that_took_too_long_may_fail_in_passing(void **state) {
    (void)state;
    start_on("too_long");
    int64_t fence = claim();
    run_by_hand("CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM "
                "pg_advisory_xact_lock(4711); RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END$$; SELECT "
                "pg_advisory_lock(4711); CREATE TRIGGER conflicts BEFORE UPDATE ON hubd_room FOR EACH ROW EXECUTE "
                "FUNCTION conflict()");
    submit_claim();
    await(one_waits);
    for (int i = 0; i < 40 && !claimed.answered; i++) {
        hub_clock_turn(&clock_ahead, 250);
        turns = 0;
        await(some_turns_have_passed);
    }
    assert_int_equal(claimed.code, HUB_STORE_UNAVAILABLE);
    run_by_hand(RELEASE);
    await(none_waits);
    run_by_hand("DROP TRIGGER conflicts ON hubd_room");
    assert_int_equal(claim(), fence + 1);
    finish();
}

static int stop_server(void **state) {
    (void)state;
    postgres_stop(&server);
    return 0;
}

int main(void) {
    const char *reason = "";
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_transaction_that_had_not_come_to_its_end_is_defeated, let_go),
        cmocka_unit_test_teardown(a_transaction_that_commits_is_waited_for, let_go),
        cmocka_unit_test_teardown(a_claim_that_waits_is_in_nobody_s_way, let_go),
        cmocka_unit_test_teardown(what_is_known_of_a_number_is_read_again_with_the_fence, let_go),
        cmocka_unit_test_teardown(while_claims_wait_other_rooms_are_written_and_read, let_go),
        cmocka_unit_test_teardown(of_many_claims_that_of_a_held_place_alone_waits, let_go),
        cmocka_unit_test_teardown(many_claims_whose_commit_fails_are_made_again, let_go),
        cmocka_unit_test_teardown(a_claim_that_took_too_long_may_fail_in_passing, let_go),
        cmocka_unit_test_teardown(a_claim_whose_connection_is_lost_fails_and_is_not_made_again, let_go),
    };
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
