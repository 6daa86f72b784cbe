/* The SQLite store in trouble: locked by others, disk full, killed, and files that cannot be opened. It
 * answers, and comes back by itself. */
#include "sqlite_fixture.h"
#include "turned_clock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static sqlite3 *other;

static void lock_from_outside(void) {
    assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void unlock(void) {
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

static void unlock_later(struct hub_timer *t) {
    (void)t;
    unlock();
}

static struct hub_timer look_again;
static int looks;

static void stop_when_ready(struct hub_timer *t) {
    if (store->ops->ready(store, NULL) || ++looks > 500)
        hub_loop_stop(loop);
    else
        hub_timer_start(loop, t, 10, stop_when_ready);
}

static void wait_until_ready(void) {
    looks = 0;
    hub_timer_start(loop, &look_again, 0, stop_when_ready);
    hub_loop_run(loop);
    assert_true(store->ops->ready(store, NULL));
}

static void a_lock_held_by_another_process_is_waited_for(void **state) {
    (void)state;
    open_store("");
    struct message m;
    struct hub_timer timer = {0};
    int left = 1;
    lock_from_outside();
    hub_timer_start(loop, &timer, 60, unlock_later);
    new_message(&m, "r1", 1, &left);
    write_and_wait(&m);
    assert_int_equal(m.w.code, HUB_OK);
    assert_false(hub_timer_running(&timer));
    close_store();
}

static void write_number(int64_t number) {
    struct message m;
    int left = 1;
    static int n;
    new_message(&m, "r1", n++, &left);
    write_and_wait(&m);
    assert_int_equal(m.w.number, number);
}

/* Two services may share a file. */
static void numbers_that_another_process_took_are_not_taken_again(void **state) {
    (void)state;
    open_store("");
    write_number(1);
    write_number(2);
    lock_from_outside();
    assert_int_equal(sqlite3_exec(other, "UPDATE hubd_room SET seq = 41 WHERE \"roomId\" = 'r1'", NULL, NULL, NULL),
                     SQLITE_OK);
    unlock();
    write_number(42);
    write_number(43);
    close_store();
}

static bool is_ready(void) { return store->ops->ready(store, NULL); }

static void open_frozen(const char *options) {
    hub_clock_init_frozen(&turned_clock, TURNED_WALL_MS);
    open_store_by(&turned_clock, options);
}

static void close_frozen(void) {
    close_store();
    hub_clock_deinit(&turned_clock);
}

/* How long a lock is waited for is real, whatever the clock of the loop says: another process holds it. */
static void a_lock_that_stays_fails_the_write_and_passes_by_itself(void **state) {
    (void)state;
    open_frozen("?busy_timeout=100");
    struct message m[3], later;
    struct hub_buf why = {0};
    int left = 3;
    lock_from_outside();
    for (int i = 0; i < 3; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(m[i].w.code, HUB_STORE_UNAVAILABLE);
        assert_int_equal(m[i].w.number, 0);
    }
    assert_false(store->ops->ready(store, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "locked"));
    hub_buf_free(&why);
    unlock();
    turn_clock(loop, 499);
    assert_false(is_ready());
    /* The writer's thread looks: without any write, for readiness would keep them away. Its 500 ms may have
     * begun later, since it answers before it goes to wait. */
    do turn_clock(loop, 1);
    while (!is_ready());
    new_message(&later, "r1", 9, &left);
    write_and_wait(&later);
    assert_int_equal(later.w.number, 1);
    close_frozen();
}

static void a_read_that_fails_shows_for_ten_seconds(void **state) {
    (void)state;
    open_frozen("");
    const struct hub_select q = {.table = &msg_table, .order_by = -1, .limit = 1};
    struct rows_answer a = {0};
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "ALTER TABLE chatMessage RENAME TO gone", NULL, NULL, NULL), SQLITE_OK);
    store->ops->select(store, &q, take_rows, &a);
    hub_loop_run(loop);
    assert_int_equal(a.code, HUB_STORE_UNAVAILABLE);
    json_decref(a.rows);
    assert_int_equal(sqlite3_exec(db, "ALTER TABLE gone RENAME TO chatMessage", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    turn_clock(loop, 9999);
    assert_false(is_ready());
    turn_clock(loop, 1);
    assert_true(is_ready());
    close_frozen();
}

static void times_of_rows_are_those_of_the_clock(void **state) {
    static const struct hub_column columns[] = {
        {.property = "id", .column = "id", .type = HUB_COL_ID, .required = true},
        {.property = "createdAt", .column = "createdAt", .type = HUB_COL_DATETIME},
        {.property = "updatedAt", .column = "updatedAt", .type = HUB_COL_DATETIME}};
    static const struct hub_table timed = {.name = "timed",
                                           .table = "timed",
                                           .managed = true,
                                           .columns = columns,
                                           .column_n = 3,
                                           .active = -1,
                                           .created_at = 1,
                                           .updated_at = 2};
    static const struct hub_table *const tables[] = {&msg_table, &timed};
    struct hub_cell cells[3] = {{.kind = HUB_CELL_TEXT, .s = HUB_STR_INIT("a")}};
    struct message m = {.w = {.table = &timed, .kind = HUB_INSERT, .cells = cells, .done = message_done, .arg = &m}};
    (void)state;
    opened_with.tables = tables, opened_with.table_n = 2;
    open_frozen("");
    turn_clock(loop, 1234);
    write_and_wait(&m);
    assert_int_equal(m.w.code, HUB_OK);
    assert_int_equal(cells[1].i, TURNED_WALL_MS + 1234);
    assert_int_equal(cells[2].i, TURNED_WALL_MS + 1234);
    opened_with.tables = msg_tables, opened_with.table_n = 1;
    close_frozen();
}

/* No file of this process may grow beyond BYTES: what a full disk looks like, nearly. */
static void limit_files(rlim_t bytes) {
    struct rlimit l;
    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_full_disk_fails_whole_transactions_and_passes_by_itself(void **state) {
    (void)state;
    open_store("");
    signal(SIGXFSZ, SIG_IGN);
    enum { N = 30 }; /* few enough to be one transaction */
    struct message *m = hub_xcalloc(N, sizeof *m), first, later;
    struct stat wal;
    char wal_file[128];
    int left = 1;
    new_message(&first, "r1", 1000, &left);
    write_and_wait(&first);
    snprintf(wal_file, sizeof wal_file, "%s-wal", file);
    assert_int_equal(stat(wal_file, &wal), 0);
    limit_files((rlim_t)wal.st_size);
    left = N;
    for (int i = 0; i < N; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    for (int i = 0; i < N; i++) {
        assert_int_equal(m[i].w.code, HUB_STORE_UNAVAILABLE);
        assert_int_equal(m[i].w.number, 0);
    }
    assert_int_equal(sql_int("SELECT count(*) AS v FROM chatMessage"), 1); /* reading goes on */
    assert_false(store->ops->ready(store, NULL));
    limit_files(RLIM_INFINITY);
    wait_until_ready();
    new_message(&later, "r1", 2000, &left);
    write_and_wait(&later);
    assert_int_equal(later.w.number, 2); /* no gap */
    free(m);
    close_store();
}

/* ---- kill -9 ---- */

static int report_fd;
static int sent;
static void send_next(struct message *m);

static void report(struct hub_write *w) {
    struct message *m = w->arg;
    if (w->code) _exit(3);
    if (write(report_fd, &w->number, sizeof w->number) != sizeof w->number) _exit(4);
    send_next(m);
}

static void send_next(struct message *m) {
    static int left = 1 << 30;
    new_message(m, "r1", sent++, &left);
    m->w.done = report;
    store->ops->write(store, &m->w);
}

static void write_until_killed(int fd) {
    static struct message m[16];
    report_fd = fd;
    loop = hub_loop_new(NULL);
    if (hub_sqlite_ops.open(loop, &opened_with, &store, NULL)) _exit(2);
    for (int i = 0; i < 16; i++) send_next(&m[i]);
    hub_loop_run(loop);
    _exit(5);
}

static void what_was_acknowledged_survives_kill_9(void **state) {
    (void)state;
    open_store("");
    close_store_only();
    int fds[2], status;
    int64_t number, last = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (!pid) write_until_killed(fds[1]);
    close(fds[1]);
    while (last < 500 && read(fds[0], &number, sizeof number) == sizeof number) {
        assert_int_equal(number, last + 1);
        last = number;
    }
    kill(pid, SIGKILL);
    while (read(fds[0], &number, sizeof number) == sizeof number) last = number;
    close(fds[0]);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(hub_sqlite_ops.open(loop, &opened_with, &store, NULL), HUB_OK);
    int64_t n = sql_int("SELECT count(*) AS v FROM chatMessage");
    assert_true(n >= last && last >= 500);
    assert_int_equal(sql_int("SELECT max(seq) AS v FROM chatMessage"), n);
    assert_int_equal(sql_int("SELECT min(seq) AS v FROM chatMessage"), 1);
    assert_int_equal(counter("r1").seq, n);
    close_store();
}

/* ---- opening ---- */

static void expect_open_error(const char *address, enum hub_code code, const char *says, const char *and_says) {
    struct hub_err err = {0};
    struct hub_loop *l = hub_loop_new(NULL);
    struct hub_store *s = NULL;
    enum hub_code got = hub_sqlite_ops.open(
        l, &(struct hub_store_config){.url = address, .tables = msg_tables, .table_n = 1}, &s, &err);
    if (got != code || !strstr(err.text, says) || !strstr(err.text, and_says))
        fail_msg("%s: %s: %s", address, hub_code_name(got), err.text);
    assert_null(strchr(err.text, '\n'));
    assert_null(s);
    hub_loop_delete(l);
}

static void make_file(const char *path, const char *content) {
    FILE *f = fopen(path, "w");
    fputs(content, f);
    fclose(f);
}

static void what_cannot_be_opened_is_named_with_its_cause(void **state) {
    (void)state;
    char path[160], address[200];
    snprintf(folder, sizeof folder, "/tmp/hubd-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/plain", folder);
    make_file(path, "this is a plain text file, and certainly longer than the sixteen bytes of a database's header "
                    "..........................");
    snprintf(address, sizeof address, "sqlite:%s", path);
    expect_open_error(address, HUB_STORE_UNAVAILABLE, path, "not an SQLite database");
    snprintf(address, sizeof address, "sqlite:%s/below/x.db", path);
    expect_open_error(address, HUB_STORE_UNAVAILABLE, path, "Not a directory");
    snprintf(address, sizeof address, "sqlite:%s", folder);
    expect_open_error(address, HUB_STORE_UNAVAILABLE, folder, "Is a directory");
    expect_open_error("sqlite:/proc/hubd/x.db", HUB_STORE_UNAVAILABLE, "/proc/hubd", "No such file");
    expect_open_error("sqlite:", HUB_BAD_REQUEST, "store.url", "sqlite:PATH");
    expect_open_error("sqlite:x.db?sync=off", HUB_BAD_REQUEST, "sync=off", "synchronous=full|normal");
    if (geteuid() != 0) { /* root may write everywhere */
        snprintf(path, sizeof path, "%s/read-only.db", folder);
        make_file(path, "");
        assert_int_equal(chmod(path, 0400), 0);
        snprintf(address, sizeof address, "sqlite:%s", path);
        expect_open_error(address, HUB_STORE_UNAVAILABLE, path, "Permission denied");
    }
    remove_folder();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_held_by_another_process_is_waited_for),
        cmocka_unit_test(numbers_that_another_process_took_are_not_taken_again),
        cmocka_unit_test(a_lock_that_stays_fails_the_write_and_passes_by_itself),
        cmocka_unit_test(a_read_that_fails_shows_for_ten_seconds),
        cmocka_unit_test(times_of_rows_are_those_of_the_clock),
        cmocka_unit_test(a_full_disk_fails_whole_transactions_and_passes_by_itself),
        cmocka_unit_test(what_was_acknowledged_survives_kill_9),
        cmocka_unit_test(what_cannot_be_opened_is_named_with_its_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
