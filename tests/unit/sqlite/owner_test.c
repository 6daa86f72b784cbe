/* One file, one owner; and a file that is not what it was: removed, replaced, damaged, altered by others.
 * It is said in readiness and in the metrics. */
#include "sqlite_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/telemetry/metric.h"

static struct hub_store *second;
static struct hub_err err;

static void open_owned(void) {
    opened_with.owner = true;
    opened_with.service = "test";
    open_store("");
}

/* Another store on the file, by another name for it or for the service. */
static enum hub_code open_second(const char *path, const char *service, bool owner) {
    char address[200];
    struct hub_store_config config = opened_with;
    snprintf(address, sizeof address, "sqlite:%s", path);
    config.url = address;
    config.service = service;
    config.owner = owner;
    if (hub_sqlite_ops.open(loop, &config, &second, &err)) fail_msg("%s", err.text);
    return second->ops->apply(second, &err);
}

static void close_second(void) {
    second->ops->close(second, stop_loop, NULL);
    hub_loop_run(loop);
}

static void expect_why(struct hub_store *s, const char *says) {
    struct hub_buf why = {0};
    assert_false(s->ops->ready(s, &why));
    if (!strstr(hub_buf_cstr(&why), says)) fail_msg("%s", hub_buf_cstr(&why));
    hub_buf_free(&why);
}

static void a_second_owner_waits_and_says_for_whom(void **state) {
    (void)state;
    char pid[40], host[65] = "";
    open_owned();
    assert_true(store->ops->ready(store, NULL));
    assert_int_equal(open_second(file, "test", true), HUB_CONFLICT);
    snprintf(pid, sizeof pid, "pid %d on host ", (int)getpid());
    gethostname(host, sizeof host - 1);
    expect_why(second, "service test");
    expect_why(second, pid);
    expect_why(second, host);
    expect_why(second, "since 20");
    assert_non_null(strstr(err.text, pid));
    assert_int_equal(second->ops->apply(second, &err), HUB_CONFLICT);
    close_store_only();
    assert_int_equal(second->ops->apply(second, &err), HUB_OK);
    assert_true(second->ops->ready(second, NULL));
    store = second;
    close_store();
}

static void every_way_to_the_file_leads_to_one_owner(void **state) {
    (void)state;
    char link_path[160], hard[160], around[200];
    open_owned();
    snprintf(link_path, sizeof link_path, "%s/soft.db", folder);
    snprintf(hard, sizeof hard, "%s/hard.db", folder);
    snprintf(around, sizeof around, "%s/data/../data/./test.db", folder);
    assert_int_equal(symlink(file, link_path), 0);
    assert_int_equal(link(file, hard), 0);
    const char *const ways[] = {link_path, around, hard};
    for (size_t i = 0; i < HUB_NELEM(ways); i++) {
        assert_int_equal(open_second(ways[i], "test", true), HUB_CONFLICT);
        close_second();
    }
    close_store();
}

/* hubctl migrate and hubctl why, and a service with other hubs. */
static void who_only_looks_or_serves_something_else_is_let_in(void **state) {
    (void)state;
    static const struct hub_table *others[1];
    struct hub_table other = msg_table;
    open_owned();
    assert_int_equal(open_second(file, "test", false), HUB_OK);
    close_second();
    assert_int_equal(open_second(file, "else", true), HUB_CONFLICT); /* it would count the same rooms */
    expect_why(second, "table chatmessage");
    close_second();
    other.name = other.table = "otherMessage";
    others[0] = &other;
    opened_with.tables = others;
    assert_int_equal(open_second(file, "else", true), HUB_OK);
    close_second();
    opened_with.tables = msg_tables;
    close_store();
}

static void own_until_killed(int fd) {
    loop = hub_loop_new(NULL);
    if (hub_sqlite_ops.open(loop, &opened_with, &store, NULL) || store->ops->apply(store, NULL)) _exit(2);
    if (write(fd, "!", 1) != 1) _exit(3);
    for (;;) pause();
}

static void the_claim_ends_with_kill_9(void **state) {
    (void)state;
    char pid[40], byte;
    int fds[2], status;
    open_owned();
    close_store_only();
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (!child) own_until_killed(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(open_second(file, "test", true), HUB_CONFLICT);
    snprintf(pid, sizeof pid, "pid %d ", (int)child);
    expect_why(second, pid);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_int_equal(second->ops->apply(second, &err), HUB_OK);
    assert_true(second->ops->ready(second, NULL));
    close(fds[0]);
    close(fds[1]);
    store = second;
    close_store();
}

/* ---- a file that is not what it was ---- */

static struct hub_timer look_again;
static int looks;
static bool wanted;

static void stop_when_ready(struct hub_timer *t) {
    if (store->ops->ready(store, NULL) == wanted || ++looks > 500)
        hub_loop_stop(loop);
    else
        hub_timer_start(loop, t, 10, stop_when_ready);
}

static void wait_until(bool is_ready) {
    looks = 0;
    wanted = is_ready;
    hub_timer_start(loop, &look_again, 0, stop_when_ready);
    hub_loop_run(loop);
    assert_int_equal(store->ops->ready(store, NULL), is_ready);
}

static enum hub_code send_one(int i) {
    static struct message m;
    int left = 1;
    new_message(&m, "r1", i, &left);
    write_and_wait(&m);
    return m.w.code;
}

static void nothing_is_written_into_a_file_that_is_gone(void **state) {
    (void)state;
    char aside[160];
    open_owned();
    assert_int_equal(send_one(1), HUB_OK);
    snprintf(aside, sizeof aside, "%s/aside.db", folder);
    assert_int_equal(rename(file, aside), 0);
    wait_until(false);
    expect_why(store, "removed");
    assert_int_equal(send_one(2), HUB_STORE_UNAVAILABLE);
    FILE *f = fopen(file, "w");
    fclose(f);
    assert_int_equal(send_one(3), HUB_STORE_UNAVAILABLE); /* another file under the name is not it */
    assert_int_equal(rename(aside, file), 0);
    wait_until(true);
    assert_int_equal(send_one(4), HUB_OK);
    close_store();
}

static int64_t faults(void) {
    struct hub_buf text = {0};
    hub_metrics_print(&text);
    const char *at = strstr(hub_buf_cstr(&text), "\nhubd_store_faults_total ");
    int64_t n = at ? strtoll(at + 25, NULL, 10) : -1;
    hub_buf_free(&text);
    return n;
}

static enum hub_code read_messages(void) {
    struct rows_answer a = {0};
    const struct hub_select q = {.table = &msg_table, .order_by = -1, .limit = 100000};
    store->ops->select(store, &q, take_rows, &a);
    hub_loop_run(loop);
    json_decref(a.rows);
    return a.code;
}

/* All pages but the first, which says that it is a database. */
static void damage(void) {
    struct stat st;
    char junk[4096];
    memset(junk, 0xa5, sizeof junk);
    int fd = open(file, O_WRONLY);
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 5 * 4096; at + 4096 <= st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    close(fd);
}

static void damaged_pages_are_told_of(void **state) {
    (void)state;
    open_owned();
    for (int i = 0; i < 300; i++) assert_int_equal(send_one(i), HUB_OK);
    close_store_only(); /* which brings the log to the file */
    open_messages(&hub_sqlite_ops);
    damage();
    assert_true(store->ops->ready(store, NULL));
    int64_t before = faults();
    assert_int_equal(read_messages(), HUB_STORE_UNAVAILABLE);
    expect_why(store, "restore a backup");
    assert_true(faults() > before);
    wait_until(false); /* a later success elsewhere does not mend it */
    close_store();
}

static void tables_that_somebody_altered_are_told_of(void **state) {
    (void)state;
    sqlite3 *other;
    open_owned();
    assert_int_equal(read_messages(), HUB_OK);
    assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "ALTER TABLE chatMessage RENAME TO elsewhere", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(read_messages(), HUB_STORE_UNAVAILABLE);
    expect_why(store, "no such table: chatMessage");
    assert_int_equal(sqlite3_exec(other, "ALTER TABLE elsewhere RENAME TO chatMessage", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(read_messages(), HUB_OK);
    close_store();
}

/* A script's mistake, or more values than a statement takes, is the asker's own affair. */
static void mistakes_of_those_who_ask_do_not_count(void **state) {
    (void)state;
    open_owned();
    int64_t before = faults();
    struct sql_answer a = sql("SELECT nothing FROM nowhere", NULL);
    assert_int_equal(a.code, HUB_BAD_REQUEST);
    enum { N = 40000 };
    struct hub_cell *many = hub_xcalloc(N, sizeof *many);
    for (int i = 0; i < N; i++) many[i] = text_cell("x");
    const struct hub_cond where = {.column = ID, .cmp = HUB_IN, .in = many, .in_n = N};
    const struct hub_select q = {.table = &msg_table, .where = &where, .where_n = 1, .order_by = -1, .limit = 1};
    struct rows_answer r = {0};
    store->ops->select(store, &q, take_rows, &r);
    hub_loop_run(loop);
    assert_int_equal(r.code, HUB_BAD_REQUEST);
    json_decref(r.rows);
    free(many);
    assert_true(store->ops->ready(store, NULL));
    assert_int_equal(faults(), before);
    close_store();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_owner_waits_and_says_for_whom),
        cmocka_unit_test(every_way_to_the_file_leads_to_one_owner),
        cmocka_unit_test(who_only_looks_or_serves_something_else_is_let_in),
        cmocka_unit_test(the_claim_ends_with_kill_9),
        cmocka_unit_test(nothing_is_written_into_a_file_that_is_gone),
        cmocka_unit_test(damaged_pages_are_told_of),
        cmocka_unit_test(tables_that_somebody_altered_are_told_of),
        cmocka_unit_test(mistakes_of_those_who_ask_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
