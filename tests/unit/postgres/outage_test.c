/* PostgreSQL that goes away, hangs, comes back, and loses its answers: whatever was answered HUB_OK is
 * there, once, under its number; what was answered otherwise is not; numbers have no gaps. */
#include "store_fixture.h"

#include <sys/wait.h>

#include "adapters/postgres/postgres_int.h"
#include "base/id/uuid.h"
#include "base/time/clock.h"
#include "postgres_server.h"
#include "tcp_proxy.h"

static struct postgres_server server;
static struct tcp_proxy proxy;
static struct hub_clock clock_ahead; /* runs, for the server does; turned where only hubd waits */

/* ---- the store, through the proxy ---- */

static void start_on(const char *database) {
    char create[64];
    snprintf(create, sizeof create, "CREATE DATABASE %s", database);
    assert_true(postgres_sql(&server, "postgres", create, NULL, 0));
    proxy_start(&proxy, server.port);
    snprintf(url, sizeof url, "postgresql://postgres@127.0.0.1:%d/%s", proxy.port, database);
    hub_clock_init(&clock_ahead);
    loop = hub_loop_new(&clock_ahead);
    open_messages(&hub_postgres_ops);
    assert_int_equal(counter("r1").code, HUB_OK);
}

static void finish(void) {
    close_store_only();
    hub_loop_delete(loop);
    hub_clock_deinit(&clock_ahead);
    proxy_stop(&proxy);
}

/* A test that failed has left it running. */
static int stop_proxy(void **state) {
    (void)state;
    proxy_stop(&proxy);
    return 0;
}

static struct message one;
static int heard_undecided, heard_done;
static struct hub_timer tick;
static bool (*awaited)(void);
static int64_t await_until;

static void on_tick(struct hub_timer *t) {
    if (hub_real_ms() > await_until)
        fail_msg("what was waited for did not come (undecided %d, done %d: %s)", heard_undecided, heard_done,
                 one.w.error);
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

static int turns;
static bool some_turns_have_passed(void) { return ++turns > 3; }

/* How far the clock was turned until HOLDS, MS at most; a quarter of a second at a time, with some turns of
 * the loop in between. */
static int64_t turned_until(bool (*holds)(void), int64_t ms) {
    int64_t passed = 0;
    for (; !holds() && passed < ms; passed += 250) {
        hub_clock_turn(&clock_ahead, 250);
        turns = 0;
        await(some_turns_have_passed);
    }
    assert_true(holds());
    return passed;
}
static bool is_ready(void) { return store->ops->ready(store, NULL); }
static bool is_not_ready(void) { return !is_ready(); }

/* ---- one write, and what it hears ---- */

static void on_one_undecided(struct hub_write *w) {
    assert_ptr_equal(w, &one.w);
    assert_int_equal(heard_done, 0);
    heard_undecided++;
}
static void on_one_done(struct hub_write *w) {
    assert_ptr_equal(w, &one.w);
    heard_done++;
}
static bool one_is_done(void) { return heard_done > 0; }
static bool one_is_undecided(void) { return heard_undecided > 0; }
static bool replies_were_lost(void) { return proxy.lost > 0; }

static void send_one(int i) {
    static int left = 1 << 30;
    new_message(&one, "r1", i, &left);
    one.w.done = on_one_done;
    one.w.undecided = on_one_undecided;
    heard_done = heard_undecided = 0;
    proxy.lost = 0;
    store->ops->write(store, &one.w);
}

static int unanswered;
static bool none_is_left(void) { return unanswered == 0; }

static int64_t rows(void) { return sql_int("SELECT count(*) AS v FROM \"chatMessage\""); }

/* ---- what becomes of a write whose answer is lost ---- */

static void a_commit_whose_answer_was_lost_is_found_and_not_repeated(void **state) {
    (void)state;
    start_on("lost_answer");
    send_one(1);
    await(one_is_done);
    assert_int_equal(one.w.number, 1);
    proxy_set(&proxy, PROXY_LOSE_REPLIES);
    send_one(2);
    await(replies_were_lost);
    proxy_set(&proxy, PROXY_PASS);
    proxy_cut(&proxy);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_OK);
    assert_int_equal(one.w.number, 2);
    assert_int_equal(heard_undecided, 0);
    assert_int_equal(rows(), 2);
    assert_int_equal(counter("r1").seq, 2);
    finish();
}

static void a_write_that_did_not_reach_the_server_is_carried_out_later(void **state) {
    (void)state;
    start_on("lost_request");
    proxy_set(&proxy, PROXY_HOLD_REQUESTS);
    send_one(1);
    turns = 0;
    await(some_turns_have_passed);
    proxy_cut(&proxy);
    proxy_set(&proxy, PROXY_PASS);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_OK);
    assert_int_equal(one.w.number, 1);
    assert_int_equal(rows(), 1);
    finish();
}

static char changed_id[40];
static void on_change_done(struct hub_write *w) {
    if (w->row.n) snprintf(changed_id, sizeof changed_id, "%.*s", HUB_FMT(hub_row(&w->row, 0)[ID].s));
    on_one_done(w);
}

static void the_row_of_a_change_whose_answer_was_lost_is_read_again(void **state) {
    (void)state;
    start_on("lost_change");
    send_one(1);
    await(one_is_done);
    static int left = 1 << 30;
    new_change(&one, HUB_UPDATE, "r1", "r1-1", &left);
    one.cells[CONTENT] = text_cell("{\"text\":\"edited\"}");
    one.w.return_row = true;
    heard_done = 0;
    proxy.lost = 0;
    proxy_set(&proxy, PROXY_LOSE_REPLIES);
    one.w.done = on_change_done;
    store->ops->write(store, &one.w);
    await(replies_were_lost);
    proxy_set(&proxy, PROXY_PASS);
    proxy_cut(&proxy);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_OK);
    assert_int_equal(one.w.number, 2);
    assert_int_equal(one.w.changes, 1);
    assert_string_equal(changed_id, "r1-1");
    assert_int_equal(counter("r1").seq, 2);
    finish();
}

/* The rows that are still to be taken are not those that were: nobody is told of one as if he had it. */
static void a_take_whose_answer_was_lost_gives_no_row_that_it_did_not_take(void **state) {
    static const struct hub_take take = {.order_by = SEQ, .limit = 1, .raised = {-1, -1}};
    (void)state;
    start_on("lost_take");
    for (int i = 1; i <= 2; i++) send_one(i), await(one_is_done);
    one = (struct message){.where = {.column = SENDER, .cmp = HUB_NE, .value = text_cell("taken")}};
    one.cells[SENDER] = text_cell("taken");
    one.w = (struct hub_write){.table = &msg_table,
                               .kind = HUB_UPDATE,
                               .cells = one.cells,
                               .where = &one.where,
                               .where_n = 1,
                               .take = &take,
                               .return_row = true,
                               .done = on_one_done};
    heard_done = 0;
    proxy.lost = 0;
    proxy_set(&proxy, PROXY_LOSE_REPLIES);
    store->ops->write(store, &one.w);
    await(replies_were_lost);
    proxy_set(&proxy, PROXY_PASS);
    proxy_cut(&proxy);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_STORE_UNDECIDED);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\" WHERE \"senderId\" = 'taken'"), 1);
    finish();
}

/* ---- what becomes of a script's statement ---- */

static enum hub_code sql_code;
static void on_sql_answer(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)arg, (void)result, (void)error;
    sql_code = code;
    heard_done++;
}

/* The answer to it is lost with the connection. */
static enum hub_code sql_without_answer(const char *text) {
    heard_done = 0;
    proxy.lost = 0;
    proxy_set(&proxy, PROXY_LOSE_REPLIES);
    store->ops->sql(store, hub_cstr(text), NULL, NULL, on_sql_answer, NULL);
    await(replies_were_lost);
    proxy_set(&proxy, PROXY_PASS);
    proxy_cut(&proxy);
    await(one_is_done);
    await(is_ready);
    return sql_code;
}

/* It was called again, like everything that begins with SELECT. */
static void a_function_whose_answer_was_lost_is_not_called_again(void **state) {
    (void)state;
    start_on("lost_call");
    assert_true(postgres_sql(&server, "lost_call", "CREATE TABLE called (n int)", NULL, 0));
    assert_true(postgres_sql(&server, "lost_call",
                             "CREATE FUNCTION charge() RETURNS int LANGUAGE sql AS 'INSERT INTO called VALUES (1) "
                             "RETURNING n'",
                             NULL, 0));
    assert_int_equal(sql_without_answer("SELECT charge()"), HUB_STORE_UNDECIDED);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM called"), 1);
    assert_int_equal(sql_without_answer("SELECT lower('A'), count(*) FROM called"), HUB_OK);
    finish();
}

/* As PostgreSQL itself has them; those that give something else each time change nothing all the same. */
static void functions_that_may_be_called_again_change_nothing(void **state) {
    static const char again[] = "'random', 'clock_timestamp', 'timeofday', 'gen_random_uuid', 'pg_database_size', "
                                "'pg_relation_size', 'pg_table_size', 'pg_total_relation_size'";
    char value[400];
    struct hub_buf text = {0};
    (void)state;
    hub_buf_addf(&text,
                 "SELECT coalesce(string_agg(DISTINCT proname, ' '), '') FROM pg_proc WHERE provolatile = 'v' AND "
                 "pronamespace = 'pg_catalog'::regnamespace AND proname = ANY (string_to_array('%s', ' ')) AND proname "
                 "NOT IN (%s)",
                 hub_pg_harmless(), again);
    assert_true(postgres_sql(&server, "postgres", hub_buf_cstr(&text), value, sizeof value));
    assert_string_equal(value, "");
    hub_buf_free(&text);
}

static void an_unknown_outcome_is_told_after_5_s_and_settled_later(void **state) {
    (void)state;
    start_on("undecided");
    proxy_set(&proxy, PROXY_LOSE_REPLIES);
    send_one(1);
    await(replies_were_lost);
    proxy_set(&proxy, PROXY_REFUSE | PROXY_LOSE_REPLIES);
    proxy_cut(&proxy);
    assert_in_range(turned_until(one_is_undecided, 6500), 4000, 6500);
    assert_int_equal(heard_done, 0);
    struct message later;
    unanswered = 1;
    new_message(&later, "r1", 2, &unanswered);
    store->ops->write(store, &later.w);
    assert_in_range(turned_until(none_is_left, 6500), 4000, 6500);
    assert_int_equal(later.w.code, HUB_STORE_UNAVAILABLE); /* surely not carried out */
    assert_int_equal(heard_done, 0);
    proxy_set(&proxy, PROXY_PASS);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_OK);
    assert_int_equal(one.w.number, 1);
    assert_int_equal(heard_undecided, 1);
    assert_int_equal(rows(), 1);
    finish();
}

static void an_unknown_outcome_that_was_no_commit_fails_when_it_is_known(void **state) {
    (void)state;
    start_on("undecided_not");
    proxy_set(&proxy, PROXY_HOLD_REQUESTS);
    send_one(1);
    assert_in_range(turned_until(one_is_undecided, 6500), 4000, 6500);
    proxy_cut(&proxy); /* with what it held back */
    proxy_set(&proxy, PROXY_PASS);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_STORE_UNAVAILABLE);
    assert_int_equal(counter("r1").seq, 0);
    assert_int_equal(rows(), 0);
    finish();
}

/* ---- under load ---- */

enum { SENDERS = 40, ROOMS = 3, MAX_ROWS = 200000 };

struct sender {
    struct message m;
    int nth;
};
static struct sender senders[SENDERS];
static char room_names[ROOMS][16];
static int serial, outstanding, acknowledged, refused;
static bool storm_is_over;
static struct {
    bool ok;
    uint8_t room;
    int number;
} sent[MAX_ROWS];

static void storm_next(struct sender *s);

static void storm_done(struct hub_write *w) {
    struct message *m = w->arg;
    struct sender *s = HUB_CONTAINER(m, struct sender, m);
    outstanding--;
    if (w->code && w->code != HUB_STORE_UNAVAILABLE) fail_msg("%s: %s", hub_code_name(w->code), w->error);
    if (w->code == HUB_OK) {
        assert_false(w->duplicate);
        sent[s->nth].ok = true;
        sent[s->nth].number = (int)w->number;
        acknowledged++;
    } else
        refused++;
    storm_next(s);
}

static void storm_undecided(struct hub_write *w) { (void)w; }

static void storm_next(struct sender *s) {
    static int left = 1 << 30;
    if (storm_is_over || serial == MAX_ROWS) return;
    s->nth = serial++;
    int room = s->nth % ROOMS;
    sent[s->nth].room = (uint8_t)room;
    new_message(&s->m, room_names[room], s->nth, &left);
    s->m.w.done = storm_done;
    s->m.w.undecided = storm_undecided;
    outstanding++;
    store->ops->write(store, &s->m.w);
}

static void storm_start(void) {
    memset(sent, 0, sizeof sent);
    serial = outstanding = acknowledged = refused = 0;
    storm_is_over = false;
    for (int i = 0; i < ROOMS; i++) snprintf(room_names[i], sizeof room_names[i], "room%d", i);
    for (int i = 0; i < SENDERS; i++) storm_next(&senders[i]);
}

static int wanted;
static bool enough_acknowledged(void) { return acknowledged >= wanted; }
static void acknowledge_more(int n) {
    wanted = acknowledged + n;
    await(enough_acknowledged);
}
static bool nothing_is_outstanding(void) { return outstanding == 0; }

/* The database holds exactly what was acknowledged, under the numbers that were told. */
static void storm_check(const char *database) {
    char value[32], query[400];
    storm_is_over = true;
    await(nothing_is_outstanding);
    await(is_ready);
    for (int i = 0; i < ROOMS; i++) {
        snprintf(query, sizeof query,
                 "SELECT count(*) = count(DISTINCT seq) AND count(*) = coalesce(max(seq), 0) AND coalesce(min(seq), 1) "
                 "= 1 AND count(*) = (SELECT "
                 "seq FROM "
                 "hubd_room WHERE \"roomId\" = '%s') FROM \"chatMessage\" WHERE \"roomId\" = '%s'",
                 room_names[i], room_names[i]);
        assert_true(postgres_sql(&server, database, query, value, sizeof value));
        if (strcmp(value, "t")) fail_msg("gaps or repeats in %s", room_names[i]);
    }
    assert_true(postgres_sql(&server, database, "SELECT count(*) FROM \"chatMessage\"", value, sizeof value));
    assert_int_equal(atoi(value), acknowledged);
    struct sql_answer a;
    for (int from = 0; from < serial; from += 5000) {
        char params[64];
        snprintf(params, sizeof params, "[%d, %d]", from, from + 5000);
        a = sql("SELECT split_part(id, '-', 2)::int AS nth, seq FROM \"chatMessage\" WHERE split_part(id, '-', 2)::int "
                ">= $1 AND "
                "split_part(id, '-', 2)::int < $2",
                params);
        if (a.code) fail_msg("%s", a.error);
        for (size_t i = 0; i < json_array_size(a.result); i++) {
            int64_t nth = hub_json_get_int(json_array_get(a.result, i), "nth", -1),
                    seq = hub_json_get_int(json_array_get(a.result, i), "seq", -1);
            if (!sent[nth].ok || sent[nth].number != seq)
                fail_msg("message %d: stored as %d, told %d", (int)nth, (int)seq, sent[nth].number);
        }
        json_decref(a.result);
    }
}

static void end_sessions(const char *database) {
    char query[160];
    snprintf(query, sizeof query,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s' AND pid <> "
             "pg_backend_pid()",
             database);
    assert_true(postgres_sql(&server, database, query, NULL, 0));
}

/* What is logged meanwhile. */
static int log_fd = -1, log_was;
static void log_begin(void) {
    char path[] = "/tmp/hub-log-XXXXXX";
    log_fd = mkstemp(path);
    assert_true(log_fd >= 0);
    unlink(path);
    log_was = dup(STDERR_FILENO);
    dup2(log_fd, STDERR_FILENO);
}
static bool log_end(const char *wanted_text) {
    static char text[20000];
    dup2(log_was, STDERR_FILENO);
    close(log_was);
    ssize_t n = pread(log_fd, text, sizeof text - 1, 0);
    close(log_fd);
    text[n > 0 ? n : 0] = 0;
    return strstr(text, wanted_text) != NULL;
}

static void commits_that_the_server_has_lost_are_noticed(void **state) {
    (void)state;
    start_on("promoted");
    for (int i = 1; i <= 3; i++) {
        send_one(i);
        await(one_is_done);
    }
    log_begin();
    end_sessions("promoted");
    await(is_not_ready);
    await(is_ready);
    assert_false(log_end("has lost commits"));
    assert_true(postgres_sql(&server, "promoted", "UPDATE hubd_writer SET segment = segment - 2", NULL, 0));
    log_begin();
    end_sessions("promoted");
    await(is_not_ready);
    await(is_ready);
    assert_true(log_end("has lost commits"));
    send_one(4);
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_OK);
    finish();
}

static void sessions_that_are_ended_lose_and_repeat_nothing(void **state) {
    (void)state;
    start_on("ended");
    storm_start();
    for (int i = 0; i < 20; i++) {
        acknowledge_more(150);
        end_sessions("ended");
    }
    acknowledge_more(150);
    storm_check("ended");
    assert_int_equal(refused, 0); /* they were away for less than 5 s */
    finish();
}

static void connections_that_are_cut_lose_and_repeat_nothing(void **state) {
    (void)state;
    start_on("cut");
    storm_start();
    for (int i = 0; i < 20; i++) {
        acknowledge_more(100 + 7 * i);
        proxy_set(&proxy, i % 3 == 1 ? PROXY_LOSE_REPLIES : i % 3 == 2 ? PROXY_HOLD_REQUESTS : PROXY_PASS);
        turns = 0;
        await(some_turns_have_passed);
        proxy_cut(&proxy);
        proxy_set(&proxy, PROXY_PASS);
    }
    acknowledge_more(150);
    storm_check("cut");
    assert_int_equal(refused, 0);
    finish();
}

static void a_server_that_crashes_and_returns_loses_and_repeats_nothing(void **state) {
    (void)state;
    start_on("crash");
    storm_start();
    for (int i = 0; i < 4; i++) {
        acknowledge_more(300);
        postgres_halt(&server, i % 2 ? SIGINT : SIGQUIT);
        await(is_not_ready);
        assert_true(postgres_run(&server));
        await(is_ready);
    }
    acknowledge_more(300);
    storm_check("crash");
    finish();
}

/* The server and all its processes. */
static void signal_all(int signo) {
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server.pid, (int)server.pid);
    FILE *children = fopen(path, "r");
    assert_non_null(children);
    kill(server.pid, signo);
    while (fscanf(children, "%d", &pid) == 1) kill(pid, signo);
    fclose(children);
}

static void a_server_that_hangs_fails_writes_in_time_and_loses_nothing(void **state) {
    (void)state;
    start_on("hang");
    storm_start();
    acknowledge_more(500);
    signal_all(SIGSTOP);
    int so_far = refused;
    turned_until(is_not_ready, 8000);
    struct message late;
    unanswered = 1;
    new_message(&late, "r1", 1, &unanswered);
    store->ops->write(store, &late.w);
    turned_until(none_is_left, 6500);
    assert_int_equal(late.w.code, HUB_STORE_UNAVAILABLE);
    signal_all(SIGCONT);
    await(is_ready);
    acknowledge_more(500);
    storm_check("hang");
    assert_true(refused > so_far || refused == 0);
    finish();
}

static void stand_still(struct hub_timer *t) {
    const struct timespec longer_than_the_timeout = {.tv_sec = 6};
    (void)t;
    nanosleep(&longer_than_the_timeout, NULL);
    hub_loop_stop(loop);
}

/* Its answers lay in the sockets: the server was called silent, and what waited was refused. */
static void a_process_that_stood_still_blames_nobody(void **state) {
    struct hub_timer stall = {0};
    (void)state;
    start_on("stood_still");
    storm_start();
    acknowledge_more(500);
    hub_timer_start(loop, &stall, 0, stand_still);
    hub_loop_run(loop);
    acknowledge_more(500);
    storm_check("stood_still");
    assert_int_equal(refused, 0);
    finish();
}

static void reloads_under_load_lose_nothing_and_disturb_nobody(void **state) {
    (void)state;
    struct hub_err err;
    start_on("reload");
    storm_start();
    for (int i = 0; i < 10; i++) {
        acknowledge_more(200);
        if (store->ops->adopt(store, &opened_with, &err)) fail_msg("%s", err.text);
    }
    acknowledge_more(200);
    storm_check("reload");
    assert_int_equal(refused, 0);
    finish();
}

/* ---- two of them ---- */

/* Exit code 0: refused while the other has the service, and in possession of its counter after that. */
static void be_second(int fd) {
    struct hub_err err;
    loop = hub_loop_new(NULL);
    if (hub_postgres_ops.open(loop, &opened_with, &store, &err) || store->ops->apply(store, &err)) _exit(2);
    struct counter_answer a = counter("r1");
    if (a.code != HUB_STORE_UNAVAILABLE) _exit(3);
    if (write(fd, "w", 1) != 1) _exit(4);
    for (int i = 0; i < 4 && a.code; i++) a = counter("r1");
    _exit(a.code == HUB_OK && a.seq == 2 ? 0 : 5);
}

static void a_second_process_waits_until_the_first_is_gone(void **state) {
    (void)state;
    start_on("two");
    send_one(1);
    await(one_is_done);
    int fds[2], status;
    char byte;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (!pid) be_second(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    send_one(2); /* not disturbed */
    await(one_is_done);
    assert_int_equal(one.w.code, HUB_OK);
    close_store_only();
    waitpid(pid, &status, 0);
    hub_loop_delete(loop);
    hub_clock_deinit(&clock_ahead);
    proxy_stop(&proxy);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int stop_server(void **state) {
    (void)state;
    postgres_stop(&server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_commit_whose_answer_was_lost_is_found_and_not_repeated, stop_proxy),
        cmocka_unit_test_teardown(a_write_that_did_not_reach_the_server_is_carried_out_later, stop_proxy),
        cmocka_unit_test_teardown(the_row_of_a_change_whose_answer_was_lost_is_read_again, stop_proxy),
        cmocka_unit_test_teardown(a_take_whose_answer_was_lost_gives_no_row_that_it_did_not_take, stop_proxy),
        cmocka_unit_test_teardown(a_function_whose_answer_was_lost_is_not_called_again, stop_proxy),
        cmocka_unit_test(functions_that_may_be_called_again_change_nothing),
        cmocka_unit_test_teardown(an_unknown_outcome_is_told_after_5_s_and_settled_later, stop_proxy),
        cmocka_unit_test_teardown(an_unknown_outcome_that_was_no_commit_fails_when_it_is_known, stop_proxy),
        cmocka_unit_test_teardown(commits_that_the_server_has_lost_are_noticed, stop_proxy),
        cmocka_unit_test_teardown(sessions_that_are_ended_lose_and_repeat_nothing, stop_proxy),
        cmocka_unit_test_teardown(connections_that_are_cut_lose_and_repeat_nothing, stop_proxy),
        cmocka_unit_test_teardown(a_server_that_crashes_and_returns_loses_and_repeats_nothing, stop_proxy),
        cmocka_unit_test_teardown(a_server_that_hangs_fails_writes_in_time_and_loses_nothing, stop_proxy),
        cmocka_unit_test_teardown(a_process_that_stood_still_blames_nobody, stop_proxy),
        cmocka_unit_test_teardown(reloads_under_load_lose_nothing_and_disturb_nobody, stop_proxy),
        cmocka_unit_test_teardown(a_second_process_waits_until_the_first_is_gone, stop_proxy),
    };
    const char *reason;
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
