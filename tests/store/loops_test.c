/* One store for several loops of a process, each on its own thread with a handle of its own: what is
 * numbered, claimed or unique is so across them, and each hears of its own on its own thread. */
#include "any_store.h"

#include "loop_threads.h"

#define LOOPS 3
#define WRITES 200

/* ---- a loop with what it submits ---- */

struct sender;
struct sent {
    struct message m;
    struct sender *by;
};
struct sender {
    struct loop_thread thread;
    struct hub_store *store;
    pthread_t self;
    int number;
    struct sent *sent;
    int n, left;
    int64_t last;         /* number that was answered */
    int disorder, abroad; /* answers with a smaller number than the one before; on another thread */
    int failed;
    bool closing, closed;
    struct hub_timer wave;
    int submitted;
};

static struct sender senders[LOOPS];
static pthread_barrier_t together;

static void on_sender_closed(void *arg) {
    struct sender *x = arg;
    x->closed = true;
    x->abroad += !pthread_equal(pthread_self(), x->self);
    hub_loop_stop(x->thread.loop);
}

static void close_sender(struct sender *x) {
    x->closing = true;
    x->store->ops->close(x->store, on_sender_closed, x);
}

static void on_sent(struct hub_write *w) {
    struct sent *s = w->arg;
    struct sender *x = s->by;
    x->abroad += !pthread_equal(pthread_self(), x->self);
    x->disorder += w->number && w->number <= x->last;
    x->failed += w->code != HUB_OK;
    if (w->number) x->last = w->number;
    if (--x->left == 0 && !x->closing) hub_loop_stop(x->thread.loop);
}

static void submit(struct sender *x, struct sent *s) {
    s->by = x;
    s->m.w.done = on_sent;
    s->m.w.arg = s;
    x->left++;
    x->store->ops->write(x->store, &s->m.w);
}

/* Their threads at once. */
static void run_senders(int n, void (*begin)(void *arg)) {
    for (int i = 0; i < n; i++) loop_thread_run(&senders[i].thread, begin, &senders[i]);
    for (int i = 0; i < n; i++) loop_thread_join(&senders[i].thread);
}

static void on_warm(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    struct sender *x = arg;
    (void)seq, (void)epoch;
    x->failed += code != HUB_OK;
    hub_loop_stop(x->thread.loop);
}

/* It has what it needs to write, so that all write at once. */
static void warm_up(void *arg) {
    struct sender *x = arg;
    x->store->ops->counter(x->store, "chat", HUB_STR("r0"), on_warm, x);
}

/* The N loops beside that of the fixture, which is the first. */
static void open_senders(int n, int writes) {
    struct hub_err err = {0};
    open_store("");
    counter("r0"); /* the first has the store, and need not run for the others */
    for (int i = 0; i < n; i++) {
        struct sender *x = &senders[i];
        *x = (struct sender){.thread.loop = hub_loop_new(NULL), .number = i, .n = writes};
        x->sent = hub_xcalloc((size_t)writes, sizeof *x->sent);
        if (store->ops->attach(store, x->thread.loop, &x->store, &err)) fail_msg("%s", err.text);
    }
    run_senders(n, warm_up);
}

static void free_senders(int n) {
    for (int i = 0; i < n; i++) {
        hub_loop_delete(senders[i].thread.loop);
        free(senders[i].sent);
    }
}

static void begin_closing(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    close_sender(x);
}

static void close_senders(int n) {
    run_senders(n, begin_closing);
    free_senders(n);
    close_store();
}

/* ---- numbers ---- */

static void send_to_one_room(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    for (int i = 0; i < x->n; i++) {
        new_message(&x->sent[i].m, "r1", x->number * 1000 + i, NULL);
        submit(x, &x->sent[i]);
    }
}

static void numbers_of_all_loops_are_one_row_without_a_gap(void **state) {
    (void)state;
    bool seen[LOOPS * WRITES + 1] = {false};
    open_senders(LOOPS, WRITES);
    run_senders(LOOPS, send_to_one_room);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(senders[i].failed, 0);
        assert_int_equal(senders[i].disorder, 0);
        assert_int_equal(senders[i].abroad, 0);
        for (int k = 0; k < WRITES; k++) {
            int64_t number = senders[i].sent[k].m.w.number;
            assert_true(number >= 1 && number <= LOOPS * WRITES && !seen[number]);
            seen[number] = true;
        }
    }
    assert_int_equal(counter("r1").seq, LOOPS * WRITES);
    assert_int_equal(sql_int("SELECT count(DISTINCT seq) AS v FROM \"chatMessage\""), LOOPS * WRITES);
    close_senders(LOOPS);
}

/* ---- what is unique ---- */

static void send_the_same(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    for (int i = 0; i < x->n; i++) {
        struct message *m = &x->sent[i].m;
        new_message(m, "r1", x->number * 1000 + i, NULL);
        snprintf(m->content, sizeof m->content, "%d", i);
        m->cells[CONTENT] = m->cells[CLIENT] = text_cell(m->content);
        submit(x, &x->sent[i]);
    }
}

static void what_two_loops_send_at_once_is_there_once(void **state) {
    (void)state;
    open_senders(2, WRITES);
    run_senders(2, send_the_same);
    for (int i = 0; i < WRITES; i++) {
        const struct hub_write *a = &senders[0].sent[i].m.w, *b = &senders[1].sent[i].m.w;
        assert_int_equal(a->code, HUB_OK);
        assert_int_equal(b->code, HUB_OK);
        assert_int_equal(a->duplicate + b->duplicate, 1);
    }
    assert_int_equal(counter("r1").seq, WRITES);
    close_senders(2);
}

/* ---- places ---- */

static int64_t claimed_fence;

static void on_claimed(void *arg, enum hub_code code, int64_t fence, int64_t seq, const char *epoch) {
    struct sender *x = arg;
    (void)seq, (void)epoch;
    x->failed += code != HUB_OK;
    claimed_fence = fence;
    hub_loop_stop(x->thread.loop);
}

static void claim_room(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    x->store->ops->claim_place(x->store, "chat", HUB_STR("r1"), HUB_STR("node"), on_claimed, x);
}

static void send_by_fence(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    new_message(&x->sent[0].m, "r1", x->number, NULL);
    x->sent[0].m.w.fence = claimed_fence;
    submit(x, &x->sent[0]);
}

static void run_sender(int i, void (*begin)(void *arg)) {
    loop_thread_run(&senders[i].thread, begin, &senders[i]);
    loop_thread_join(&senders[i].thread);
}

static void a_place_that_one_loop_takes_is_lost_to_the_others(void **state) {
    (void)state;
    open_senders(2, 1);
    run_sender(0, claim_room);
    run_sender(0, send_by_fence);
    assert_int_equal(senders[0].sent[0].m.w.code, HUB_OK);
    int64_t before = claimed_fence;
    run_sender(1, claim_room);
    assert_true(claimed_fence > before);
    run_sender(1, send_by_fence);
    assert_int_equal(senders[1].sent[0].m.w.code, HUB_OK);
    assert_int_equal(senders[1].sent[0].m.w.number, 2);
    claimed_fence = before;
    new_message(&senders[0].sent[0].m, "r1", 7, NULL);
    run_sender(0, send_by_fence);
    assert_int_equal(senders[0].sent[0].m.w.code, HUB_FENCED);
    close_senders(2);
}

/* ---- reads ---- */

static void on_read(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct sender *x = arg;
    (void)error;
    x->failed += code || rows->n != WRITES;
    x->abroad += !pthread_equal(pthread_self(), x->self);
    if (--x->left == 0) hub_loop_stop(x->thread.loop);
}

static void read_all(void *arg) {
    struct sender *x = arg;
    struct hub_select q = {.table = &msg_table, .order_by = SEQ, .limit = 1000};
    x->self = pthread_self();
    for (int i = 0; i < 50; i++, x->left++) x->store->ops->select(x->store, &q, on_read, x);
}

static void every_loop_reads_what_one_has_written(void **state) {
    (void)state;
    open_senders(LOOPS, WRITES);
    run_sender(0, send_to_one_room);
    run_senders(LOOPS, read_all);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(senders[i].failed, 0);
        assert_int_equal(senders[i].abroad, 0);
    }
    close_senders(LOOPS);
}

/* ---- rows that two loops change in opposite orders ---- */

#define ROWS 50

static void change_row(struct sender *x, struct sent *s, int row) {
    char id[40];
    snprintf(id, sizeof id, "r1-%d", row);
    new_change(&s->m, HUB_UPDATE, "r1", id, NULL);
    s->m.w.numbering = HUB_NUMBER_NONE;
    s->m.cells[SENDER] = text_cell(x->number ? "u2" : "u3");
}

/* Upwards and downwards, many times over; in groups, whose transactions take one write after the other. */
static void change_all(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    pthread_barrier_wait(&together);
    for (int i = 0; i < x->n; i += 2) {
        int row = x->number ? ROWS - 1 - i % ROWS : i % ROWS;
        change_row(x, &x->sent[i], row);
        change_row(x, &x->sent[i + 1], x->number ? row - 1 : row + 1);
        x->sent[i].m.w.next = &x->sent[i + 1].m.w;
        x->sent[i + 1].m.w.keeps_rows = true;
        submit(x, &x->sent[i]);
    }
}

/* The server's: how long it waits before it looks for circles. */
static void set_deadlock_timeout(const char *value) {
    char sql[64];
    snprintf(sql, sizeof sql, "ALTER SYSTEM SET deadlock_timeout = %s", value);
    assert_true(postgres_sql(&server, "postgres", sql, NULL, 0));
    assert_true(postgres_sql(&server, "postgres", "SELECT pg_reload_conf()", NULL, 0));
}

/* On PostgreSQL their transactions wait for each other in a circle, and one of them is begun anew. */
static void rows_changed_in_opposite_orders_are_changed_by_both(void **state) {
    (void)state;
    if (on_postgres) set_deadlock_timeout("'10ms'");
    open_senders(2, ROWS * 20);
    pthread_barrier_init(&together, NULL, 2);
    senders[0].n = ROWS;
    run_sender(0, send_to_one_room);
    senders[0].n = ROWS * 20;
    run_senders(2, change_all);
    for (int i = 0; i < 2; i++) assert_int_equal(senders[i].failed, 0);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\" WHERE \"senderId\" = 'u1'"), 0);
    pthread_barrier_destroy(&together);
    close_senders(2);
    if (on_postgres) set_deadlock_timeout("DEFAULT");
}

/* ---- another process ---- */

static void stop_by_timer(struct hub_timer *t) {
    (void)t;
    hub_loop_stop(loop);
}

/* Sessions end by and by. */
static void apply_when_free(struct hub_store *s) {
    struct hub_timer soon = {0};
    struct hub_err err;
    while (s->ops->apply(s, &err)) {
        hub_timer_start(loop, &soon, 5, stop_by_timer);
        hub_loop_run(loop);
    }
}

/* The store opened once more stands for it: it has no part in what the loops of the first share. */
static void another_process_waits_for_the_last_loop(void **state) {
    (void)state;
    struct hub_store *other;
    struct hub_err err;
    opened_with.owner = true;
    open_senders(2, WRITES);
    assert_int_equal(store_ops()->open(loop, &opened_with, &other, &err), HUB_OK);
    assert_int_equal(other->ops->apply(other, &err), HUB_CONFLICT);
    run_senders(2, send_to_one_room);
    assert_int_equal(other->ops->apply(other, &err), HUB_CONFLICT);
    for (int i = 0; i < 2; i++) assert_int_equal(senders[i].failed, 0);
    run_senders(2, begin_closing);
    free_senders(2);
    close_store_only();
    apply_when_free(other);
    store = other;
    assert_int_equal(counter("r1").seq, 2 * WRITES);
    close_store();
    opened_with.owner = false;
}

/* ---- a reload ---- */

static struct hub_table later_table;

static void send_to_later_table(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    new_message(&x->sent[0].m, "r2", x->number, NULL);
    x->sent[0].m.w.table = &later_table;
    submit(x, &x->sent[0]);
}

static void tables_of_a_reload_are_there_for_all_loops(void **state) {
    (void)state;
    static const struct hub_table *tables[2];
    struct hub_store_config config = opened_with;
    struct hub_err err;
    open_senders(2, 1);
    later_table = msg_table;
    later_table.name = later_table.table = "laterMessage";
    tables[0] = &msg_table;
    tables[1] = &later_table;
    config.tables = tables;
    config.table_n = 2;
    if (store->ops->adopt(store, &config, &err)) fail_msg("%s", err.text);
    run_senders(2, send_to_later_table);
    for (int i = 0; i < 2; i++) assert_int_equal(senders[i].failed, 0);
    assert_int_equal(counter("r2").seq, 2);
    close_senders(2);
}

/* ---- connections that are lost ---- */

#define WAVE 10

static void send_wave(struct hub_timer *timer) {
    struct sender *x = HUB_CONTAINER(timer, struct sender, wave);
    for (int i = 0; i < WAVE; i++, x->submitted++) {
        struct sent *s = &x->sent[x->submitted];
        new_message(&s->m, x->number ? "r1" : "r2", x->number * 1000 + x->submitted, NULL);
        submit(x, s);
    }
    if (x->submitted < x->n)
        hub_timer_start(x->thread.loop, timer, 5, send_wave);
    else
        x->left--; /* of send_in_waves */
}

static void send_in_waves(void *arg) {
    struct sender *x = arg;
    x->self = pthread_self();
    x->left = 1;
    send_wave(&x->wave);
}

/* Whose session ends has it back when the old one's last transaction is decided, whatever the others do
 * meanwhile; nothing is there twice, and no number is missing. */
static void sessions_that_end_come_back_to_the_same_process(void **state) {
    (void)state;
    if (!on_postgres) return;
    open_senders(LOOPS, WRITES);
    for (int i = 0; i < LOOPS; i++) loop_thread_run(&senders[i].thread, send_in_waves, &senders[i]);
    for (int i = 0; i < 4; i++) {
        usleep(25000);
        assert_true(postgres_sql(&server, database,
                                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE "
                                 "'hubd%' AND datname = current_database()",
                                 NULL, 0));
    }
    for (int i = 0; i < LOOPS; i++) loop_thread_join(&senders[i].thread);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(senders[i].failed, 0);
        assert_int_equal(senders[i].disorder, 0);
    }
    assert_int_equal(counter("r1").seq, (LOOPS - 1) * WRITES);
    assert_int_equal(sql_int("SELECT count(DISTINCT seq) AS v FROM \"chatMessage\" WHERE \"roomId\" = 'r1'"),
                     (LOOPS - 1) * WRITES);
    assert_int_equal(counter("r2").seq, WRITES);
    close_senders(LOOPS);
}

/* ---- the end ---- */

static void send_and_close(void *arg) {
    struct sender *x = arg;
    send_to_one_room(x);
    if (x->number == 0) close_sender(x);
}

static void a_loop_that_closes_gets_its_answers_and_the_others_go_on(void **state) {
    (void)state;
    open_senders(LOOPS, WRITES);
    run_senders(LOOPS, send_and_close);
    assert_true(senders[0].closed);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(senders[i].left, 0);
        assert_int_equal(senders[i].failed, 0);
        assert_int_equal(senders[i].abroad, 0);
    }
    assert_int_equal(counter("r1").seq, LOOPS * WRITES);
    for (int i = 1; i < LOOPS; i++) run_sender(i, begin_closing);
    free_senders(LOOPS);
    close_store();
}

static bool first_closed, first_came_last;

static void on_first_closed(void *arg) {
    first_closed = true;
    first_came_last = true;
    for (int i = 0; i < LOOPS; i++) first_came_last = first_came_last && !senders[i].left;
    stop_loop(arg);
}

static void send_and_close_all(void *arg) {
    struct sender *x = arg;
    send_to_one_room(x);
    close_sender(x);
}

/* The first handle is closed with writes of all others under way: it waits for them. */
static void the_store_goes_with_the_last_loop(void **state) {
    (void)state;
    open_senders(LOOPS, WRITES);
    first_closed = false;
    store->ops->close(store, on_first_closed, NULL);
    for (int i = 0; i < LOOPS; i++) loop_thread_run(&senders[i].thread, send_and_close_all, &senders[i]);
    hub_loop_run(loop);
    assert_true(first_closed);
    for (int i = 0; i < LOOPS; i++) loop_thread_join(&senders[i].thread);
    assert_true(first_came_last);
    for (int i = 0; i < LOOPS; i++) assert_int_equal(senders[i].failed, 0);
    free_senders(LOOPS);
    open_messages(store_ops());
    assert_int_equal(counter("r1").seq, LOOPS * WRITES);
    close_store();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_all_loops_are_one_row_without_a_gap),
        cmocka_unit_test(what_two_loops_send_at_once_is_there_once),
        cmocka_unit_test(a_place_that_one_loop_takes_is_lost_to_the_others),
        cmocka_unit_test(every_loop_reads_what_one_has_written),
        cmocka_unit_test(rows_changed_in_opposite_orders_are_changed_by_both),
        cmocka_unit_test(another_process_waits_for_the_last_loop),
        cmocka_unit_test(tables_of_a_reload_are_there_for_all_loops),
        cmocka_unit_test(sessions_that_end_come_back_to_the_same_process),
        cmocka_unit_test(a_loop_that_closes_gets_its_answers_and_the_others_go_on),
        cmocka_unit_test(the_store_goes_with_the_last_loop),
    };
    return RUN_ON_STORE(tests);
}
