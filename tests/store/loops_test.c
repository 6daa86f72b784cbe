/* One store for several loops of a process, each on its own thread with a handle of its own: what is numbered,
 * claimed or unique is so across them, and each hears of its own on its own thread. */
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
    bool closed;
};

static struct sender senders[LOOPS];

static void on_sender_closed(void *arg) {
    struct sender *x = arg;
    x->closed = true;
    x->abroad += !pthread_equal(pthread_self(), x->self);
    hub_loop_stop(x->thread.loop);
}

static void close_sender(struct sender *x) { x->store->ops->close(x->store, on_sender_closed, x); }

static void on_sent(struct hub_write *w) {
    struct sent *s = w->arg;
    struct sender *x = s->by;
    x->abroad += !pthread_equal(pthread_self(), x->self);
    x->disorder += w->number && w->number <= x->last;
    x->failed += w->code != HUB_OK;
    if (w->number) x->last = w->number;
    if (--x->left == 0 && !x->closed) hub_loop_stop(x->thread.loop);
}

static void submit(struct sender *x, struct sent *s) {
    s->by = x;
    s->m.w.done = on_sent;
    s->m.w.arg = s;
    x->left++;
    x->store->ops->write(x->store, &s->m.w);
}

/* The N loops beside that of the fixture, which is the first. */
static void open_senders(int n, int writes) {
    struct hub_err err = {0};
    open_store("");
    for (int i = 0; i < n; i++) {
        struct sender *x = &senders[i];
        *x = (struct sender){.thread.loop = hub_loop_new(NULL), .number = i, .n = writes};
        x->sent = hub_xcalloc((size_t)writes, sizeof *x->sent);
        if (store->ops->attach(store, x->thread.loop, &x->store, &err)) fail_msg("%s", err.text);
    }
}

static void free_senders(int n) {
    for (int i = 0; i < n; i++) {
        hub_loop_delete(senders[i].thread.loop);
        free(senders[i].sent);
    }
}

static void run_senders(int n, void (*begin)(void *arg)) {
    for (int i = 0; i < n; i++) loop_thread_run(&senders[i].thread, begin, &senders[i]);
    for (int i = 0; i < n; i++) loop_thread_join(&senders[i].thread);
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
        cmocka_unit_test(a_loop_that_closes_gets_its_answers_and_the_others_go_on),
        cmocka_unit_test(the_store_goes_with_the_last_loop),
    };
    const char *which = getenv("HUB_TEST_STORE");
    on_postgres = which && !strcmp(which, "postgresql");
    if (!store_ops()->attach) return 77;
    return RUN_ON_STORE(tests);
}
