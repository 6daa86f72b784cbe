/* Places that several nodes may take from each other: claims, and writes that hold only while the claim
 * does. */
#include "any_store.h"

#include <sqlite3.h>

#include "base/id/uuid.h"
#include "base/telemetry/metric.h"

/* ---- claims ---- */

struct claim {
    enum hub_code code;
    int64_t fence, seq;
    char epoch[40];
    bool answered;
};

static int claims_left;

static void on_claim(void *arg, enum hub_code code, int64_t fence, int64_t seq, const char *epoch) {
    struct claim *c = arg;
    c->code = code;
    c->fence = fence;
    c->seq = seq;
    snprintf(c->epoch, sizeof c->epoch, "%s", epoch);
    c->answered = true;
    if (--claims_left <= 0) hub_loop_stop(loop);
}

static void submit_claim(struct hub_store *s, const char *room, const char *node, struct claim *c) {
    *c = (struct claim){0};
    claims_left++;
    s->ops->claim_place(s, "chat", hub_cstr(room), hub_cstr(node), on_claim, c);
}

static struct claim claim_in(struct hub_store *s, const char *room, const char *node) {
    struct claim c;
    claims_left = 0;
    submit_claim(s, room, node, &c);
    hub_loop_run(loop);
    if (c.code) fail_msg("%s", hub_code_name(c.code));
    return c;
}

static int64_t claim(const char *room) { return claim_in(store, room, "ann").fence; }

/* ---- another node: a store of its own on the same database, with a table of its own ---- */

static struct hub_store *second;
static struct hub_table second_table;

static void open_second(void) {
    static const struct hub_table *tables[1];
    struct hub_store_config config = opened_with;
    struct hub_err err = {0};
    second_table = msg_table;
    second_table.name = second_table.table = "otherMessage";
    tables[0] = &second_table;
    config.tables = tables;
    config.service = "other";
    if (store_ops()->open(loop, &config, &second, &err) || second->ops->apply(second, &err)) fail_msg("%s", err.text);
}

static void close_second(void) {
    second->ops->close(second, stop_loop, NULL);
    hub_loop_run(loop);
}

static void write_to(struct hub_store *s, struct message *m) {
    int left = 1;
    m->left = &left;
    if (s == second) m->w.table = &second_table;
    s->ops->write(s, &m->w);
    hub_loop_run(loop);
}

static enum hub_code send_by(struct hub_store *s, const char *room, int i, int64_t fence) {
    struct message m;
    new_message(&m, room, i, NULL);
    m.w.fence = fence;
    write_to(s, &m);
    return m.w.code;
}

/* ---- what is there ---- */

static int64_t metric(const char *name) {
    struct hub_buf text = {0};
    char line[80];
    hub_metrics_print(&text);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(hub_buf_cstr(&text), line);
    int64_t v = at ? strtoll(at + strlen(line), NULL, 10) : 0;
    hub_buf_free(&text);
    return v;
}

static int64_t count(void) { return sql_int("SELECT count(*) AS v FROM \"chatMessage\""); }

/* All messages and counters, as text; the caller's. */
static HUB_MUST char *everything(void) {
    const char *questions[] = {"SELECT * FROM \"chatMessage\" ORDER BY id",
                               "SELECT * FROM hubd_room ORDER BY scope, \"roomId\""};
    struct hub_buf b = {0};
    for (size_t i = 0; i < HUB_NELEM(questions); i++) {
        struct sql_answer a = sql(questions[i], NULL);
        if (a.code) fail_msg("%s", a.error);
        hub_json_add(&b, a.result);
        json_decref(a.result);
    }
    return hub_buf_take(&b, NULL);
}

/* ---- claiming ---- */

static void a_claim_gives_a_fence_that_grows_and_leaves_the_number_alone(void **state) {
    (void)state;
    open_store("");
    struct claim first = claim_in(store, "r1", "ann");
    assert_int_equal(first.fence, 1);
    assert_int_equal(first.seq, 0);
    assert_string_equal(first.epoch, counter("r1").epoch);
    assert_int_equal(send_by(store, "r1", 1, first.fence), HUB_OK);
    assert_int_equal(send_by(store, "r1", 2, first.fence), HUB_OK);
    struct claim next = claim_in(store, "r1", "bob");
    assert_int_equal(next.fence, 2);
    assert_int_equal(next.seq, 2);
    assert_string_equal(next.epoch, first.epoch);
    assert_int_equal(counter("r1").seq, 2);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM hubd_room WHERE owner = 'bob'"), 1);
    assert_int_equal(claim("r2"), 1);
    assert_int_equal(claim("r1"), 3);
    close_store();
}

static void a_room_that_had_numbers_before_is_claimed_with_them(void **state) {
    (void)state;
    open_store("");
    assert_int_equal(send_by(store, "r1", 1, 0), HUB_OK);
    struct counter_answer before = counter("r1");
    struct claim c = claim_in(store, "r1", "ann");
    assert_int_equal(c.fence, 1);
    assert_int_equal(c.seq, 1);
    assert_string_equal(c.epoch, before.epoch);
    close_store();
}

/* Some have a row, some have none, and some are claimed twice. */
static void a_great_many_are_claimed_at_once(void **state) {
    (void)state;
    enum { PLACES = 600, KNOWN = 500, CLAIMS = PLACES + 100 };
    open_store("");
    struct claim *c = hub_xcalloc(CLAIMS, sizeof *c);
    static char rooms[PLACES][16];
    for (int round = 0; round < 2; round++) {
        int n = round ? CLAIMS : KNOWN;
        claims_left = 0;
        for (int i = 0; i < n; i++) {
            snprintf(rooms[i % PLACES], sizeof rooms[0], "r%d", i % PLACES);
            submit_claim(store, rooms[i % PLACES], "ann", &c[i]);
        }
        hub_loop_run(loop);
        for (int i = 0; i < n; i++) {
            bool twice = i % PLACES + PLACES < n;
            int64_t first = round && i % PLACES < KNOWN ? 2 : 1;
            assert_int_equal(c[i].code, HUB_OK);
            assert_in_range(c[i].fence, first, first + twice);
            assert_int_equal(c[i].seq, 0);
            assert_int_equal(strlen(c[i].epoch), HUB_UUID_LEN);
            if (i >= PLACES) assert_true(c[i].fence > c[i - PLACES].fence); /* who asks last has the place */
        }
    }
    assert_int_equal(sql_int("SELECT sum(fence) AS v FROM hubd_room"), KNOWN + CLAIMS);
    free(c);
    close_store();
}

static void fences_outlive_the_process(void **state) {
    (void)state;
    open_store("");
    assert_int_equal(claim("r1"), 1);
    assert_int_equal(claim("r1"), 2);
    close_store_only();
    open_messages(store_ops());
    assert_int_equal(send_by(store, "r1", 1, 1), HUB_FENCED);
    assert_int_equal(send_by(store, "r1", 1, 2), HUB_OK);
    assert_int_equal(claim("r1"), 3);
    close_store();
}

static void a_claim_of_a_store_that_closes_is_refused(void **state) {
    (void)state;
    struct claim before, after;
    open_store("");
    claims_left = 1; /* the loop stops with the store */
    submit_claim(store, "r1", "ann", &before);
    store->ops->close(store, stop_loop, NULL);
    submit_claim(store, "r1", "ann", &after);
    hub_loop_run(loop);
    assert_int_equal(before.code, HUB_OK);
    assert_int_equal(before.fence, 1);
    assert_int_equal(after.code, HUB_SHUTTING_DOWN);
    assert_int_equal(after.fence, 0);
    hub_loop_delete(loop);
    remove_database();
}

/* ---- what is fenced ---- */

enum shape { SENT, STORED, EDITED, CHANGED, DELETED, PUT, TOLD, TAKEN, CHECKED, SHAPES };

static struct hub_select nothing_of_it = {.table = &msg_table, .order_by = -1, .limit = 1};

/* A write of each kind; those that change something change the message "r1-0". */
static void new_of_shape(struct message *m, enum shape shape) {
    static const struct hub_take take = {.order_by = SEQ, .limit = 1, .raised = {-1, -1}};
    bool adds = shape == SENT || shape == STORED || shape == PUT;
    enum hub_write_kind kind = shape == DELETED ? HUB_DELETE : HUB_UPDATE;
    if (adds)
        new_message(m, "r1", 100 + (int)shape, NULL);
    else
        new_change(m, kind, "r1", "r1-0", NULL);
    if (!adds) m->cells[CONTENT] = text_cell("{\"text\":\"changed\"}");
    if (shape != SENT && shape != EDITED && shape != DELETED) m->w.numbering = HUB_NUMBER_NONE;
    if (shape == PUT) m->w.kind = HUB_UPSERT, m->w.conflict = "id";
    if (shape == TOLD) m->w.announce = true, hub_uuid7(m->w.event_id);
    if (shape == TAKEN) m->w.take = &take;
    if (shape == CHECKED) {
        nothing_of_it.where = &m->where;
        nothing_of_it.where_n = 1;
        m->where.value = text_cell("nobody");
        m->w = (struct hub_write){.table = &msg_table,
                                  .kind = HUB_CHECK,
                                  .check = &nothing_of_it,
                                  .expected = json_array(),
                                  .counter_scope = "chat",
                                  .counter_room = HUB_STR("r1"),
                                  .done = message_done,
                                  .arg = m};
    }
}

static void end_of_shape(struct message *m) {
    if (m->w.kind == HUB_CHECK) json_decref((json_t *)(uintptr_t)m->w.expected);
}

static void of_each_kind_the_old_owner_s_leaves_nothing_and_the_new_one_s_is_done(void **state) {
    (void)state;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct message m;
        open_store("");
        assert_int_equal(send_by(store, "r1", 0, claim("r1")), HUB_OK);
        assert_int_equal(claim("r1"), 2);
        char *before = everything();
        for (int64_t fence = 1; fence <= 3; fence += 2) {
            new_of_shape(&m, shape);
            m.w.fence = fence;
            write_to(store, &m);
            if (m.w.code != HUB_FENCED) fail_msg("shape %d, fence %d: %s", shape, (int)fence, hub_code_name(m.w.code));
            assert_non_null(strstr(m.w.error, "fence"));
            assert_int_equal(m.w.number, 0);
            assert_int_equal(m.w.changes, 0);
            end_of_shape(&m);
        }
        char *after = everything();
        assert_string_equal(after, before);
        new_of_shape(&m, shape);
        m.w.fence = 2;
        write_to(store, &m);
        if (m.w.code) fail_msg("shape %d: %s, %s", shape, hub_code_name(m.w.code), m.w.error);
        end_of_shape(&m);
        free(before);
        free(after);
        close_store();
    }
}

static void what_names_no_fence_is_not_looked_at(void **state) {
    (void)state;
    open_store("");
    assert_int_equal(claim("r1"), 1);
    assert_int_equal(claim("r1"), 2);
    assert_int_equal(send_by(store, "r1", 1, 0), HUB_OK);
    assert_int_equal(send_by(store, "r1", 2, 1), HUB_FENCED); /* from here on fences are looked at */
    assert_int_equal(send_by(store, "r1", 2, 0), HUB_OK);
    assert_int_equal(counter("r1").seq, 2);
    close_store();
}

/* A database that was made anew; or somebody has removed the row. */
static void a_place_that_nobody_ever_claimed_has_no_fence_and_gets_no_row(void **state) {
    (void)state;
    open_store("");
    struct message m;
    new_message(&m, "nowhere", 1, NULL);
    m.w.numbering = HUB_NUMBER_NONE;
    m.w.fence = 1;
    write_to(store, &m);
    assert_int_equal(m.w.code, HUB_FENCED);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM hubd_room"), 0);
    close_store();
}

/* ---- scripts' statements ---- */

static struct sql_answer sql_by(const char *text, int64_t fence) {
    const struct hub_fence by = {"chat", HUB_STR("r1"), fence};
    struct sql_answer a = {0};
    store->ops->sql(store, hub_cstr(text), NULL, &by, take_sql, &a);
    hub_loop_run(loop);
    return a;
}

static void what_a_script_s_statement_changes_stays_only_by_the_fence(void **state) {
    (void)state;
    static const char *const statements[] = {
        "UPDATE \"chatMessage\" SET \"senderId\" = 'changed'",
        "UPDATE \"chatMessage\" SET \"senderId\" = 'changed' RETURNING id",
        "WITH x AS (SELECT 'r1-1' AS i) DELETE FROM \"chatMessage\" WHERE id IN (SELECT i FROM x) RETURNING id",
        "DELETE FROM \"chatMessage\"",
    };
    open_store("");
    int64_t before = claim("r1"), now = claim("r1");
    for (size_t i = 0; i < HUB_NELEM(statements); i++) {
        assert_int_equal(send_by(store, "r1", 1, now), HUB_OK);
        char *was = everything();
        struct sql_answer a = sql_by(statements[i], before);
        assert_int_equal(a.code, HUB_FENCED);
        assert_null(a.result);
        assert_non_null(strstr(a.error, "fence"));
        char *is = everything();
        assert_string_equal(is, was);
        a = sql_by(statements[i], now);
        if (a.code) fail_msg("%s: %s", statements[i], a.error);
        json_decref(a.result);
        json_decref(sql("DELETE FROM \"chatMessage\"", NULL).result);
        free(was);
        free(is);
    }
    struct sql_answer a = sql_by("SELECT count(*) AS v FROM \"chatMessage\"", before); /* it does no harm */
    assert_int_equal(a.code, HUB_OK);
    json_decref(a.result);
    a = sql_by("DELETE FROM \"chatMessage\"", 0);
    assert_int_equal(a.code, HUB_OK);
    json_decref(a.result);
    close_store();
}

/* ---- in company ---- */

enum { MANY = 60 };

static void those_of_one_turn_fail_each_for_itself_and_keep_their_order(void **state) {
    (void)state;
    open_store("");
    struct message *m = hub_xcalloc(MANY, sizeof *m);
    int left = MANY, sent = 0, kept = 0;
    int64_t mine = claim("r2"), lost = claim("r1");
    assert_int_equal(claim("r1"), lost + 1);
    done_n = 0;
    for (int i = 0; i < MANY; i++) {
        const char *const rooms[] = {"r1", "r2", "r3"};
        new_message(&m[i], rooms[i % 3], i, &left);
        m[i].w.fence = i % 3 == 0 ? lost : i % 3 == 1 ? mine : 0;
        if (i % 4 == 3) m[i].w.numbering = HUB_NUMBER_NONE;
        if (i % 10 == 9) m[i].cells[TYPE] = text_cell("video"); /* which does not fit the table */
        store->ops->write(store, &m[i].w);
    }
    hub_loop_run(loop);
    int numbers[3] = {0};
    for (int i = 0; i < MANY; i++) {
        bool fits = i % 10 != 9, numbered = i % 4 != 3;
        assert_int_equal(m[i].order, i);
        assert_int_equal(m[i].w.code, i % 3 == 0 ? HUB_FENCED : fits ? HUB_OK : HUB_BAD_REQUEST);
        kept += m[i].w.code == HUB_OK;
        sent += m[i].w.code == HUB_OK && numbered;
        assert_int_equal(m[i].w.number, m[i].w.code == HUB_OK && numbered ? ++numbers[i % 3] : 0);
    }
    assert_int_equal(count(), kept);
    assert_int_equal(counter("r1").seq, 0);
    assert_int_equal(counter("r2").seq + counter("r3").seq, sent);
    free(m);
    close_store();
}

static void numbers_of_several_rooms_in_one_turn_hold_each_by_its_own_fence(void **state) {
    (void)state;
    static const char *const rooms[] = {"r1", "r2", "r3", "r4"};
    open_store("");
    struct message m[8];
    int64_t fences[4] = {0};
    int left = 8;
    for (int r = 0; r < 3; r++) fences[r] = claim(rooms[r]);
    assert_int_equal(claim("r2"), 2);
    for (int i = 0; i < 8; i++) {
        new_message(&m[i], rooms[i % 4], i, &left);
        m[i].w.fence = fences[i % 4];
        store->ops->write(store, &m[i].w);
    }
    hub_loop_run(loop);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(m[i].w.code, i % 4 == 1 ? HUB_FENCED : HUB_OK);
        assert_int_equal(m[i].w.number, i % 4 == 1 ? 0 : i / 4 + 1);
    }
    assert_int_equal(count(), 6);
    close_store();
}

/* What holds goes the fast way, however many places it names. */
static void fences_that_hold_cost_no_second_attempt(void **state) {
    (void)state;
    open_store("");
    struct message *m = hub_xcalloc(MANY, sizeof *m);
    static char rooms[7][16];
    int64_t fences[7], retried = metric("hubd_store_retried_writes_total");
    for (int r = 0; r < 7; r++) {
        snprintf(rooms[r], sizeof rooms[r], "r%d", r);
        fences[r] = r % 3 == 2 ? 0 : claim(rooms[r]);
    }
    for (int turn = 0; turn < 3; turn++) {
        int left = MANY;
        for (int i = 0; i < MANY; i++) {
            int r = turn ? i % 7 : 0;
            new_message(&m[i], rooms[r], turn * MANY + i, &left);
            m[i].w.fence = fences[r];
            /* numbers of all; then of some rooms, and of some of their messages; then of none */
            if (turn == 2 || (turn == 1 && (r > 3 || i % 2))) m[i].w.numbering = HUB_NUMBER_NONE;
            store->ops->write(store, &m[i].w);
        }
        hub_loop_run(loop);
        for (int i = 0; i < MANY; i++) assert_int_equal(m[i].w.code, HUB_OK);
    }
    assert_int_equal(metric("hubd_store_retried_writes_total"), retried);
    free(m);
    close_store();
}

static void of_two_fences_of_a_place_in_one_turn_the_later_one_holds(void **state) {
    (void)state;
    open_store("");
    struct message m[4];
    int left = 4;
    int64_t before = claim("r1"), now = claim("r1");
    for (int i = 0; i < 4; i++) {
        new_message(&m[i], "r1", i, &left);
        m[i].w.fence = i % 2 ? now : before;
        if (i > 1) m[i].w.numbering = HUB_NUMBER_NONE;
        store->ops->write(store, &m[i].w);
    }
    hub_loop_run(loop);
    for (int i = 0; i < 4; i++) assert_int_equal(m[i].w.code, i % 2 ? HUB_OK : HUB_FENCED);
    assert_int_equal(m[1].w.number, 1);
    assert_int_equal(count(), 2);
    close_store();
}

static void a_group_with_one_that_is_fenced_fails_whole(void **state) {
    (void)state;
    open_store("");
    int64_t before = claim("r1"), now = claim("r1");
    for (int bad = -1; bad < 3; bad++) {
        struct message m[3], alone;
        int left = 2;
        for (int i = 0; i < 3; i++) {
            new_message(&m[i], "r1", 10 * bad + i, &left);
            m[i].w.numbering = HUB_NUMBER_NONE;
            m[i].w.conflict = "id";
            m[i].w.fence = i == bad ? before : now;
            m[i].w.next = i < 2 ? &m[i + 1].w : NULL;
        }
        new_message(&alone, "r1", 100 + bad, &left);
        alone.w.fence = now;
        store->ops->write(store, &m[0].w);
        store->ops->write(store, &alone.w);
        hub_loop_run(loop);
        assert_int_equal(m[0].w.code, bad < 0 ? HUB_OK : HUB_FENCED);
        assert_ptr_equal(m[0].w.failed, bad < 0 ? NULL : &m[bad].w);
        assert_int_equal(alone.w.code, HUB_OK);
        assert_int_equal(count(), 3 + bad + 2);
    }
    close_store();
}

/* ---- two nodes ---- */

static void of_two_that_claim_at_once_the_lower_fence_is_fenced(void **state) {
    (void)state;
    open_store("");
    open_second();
    for (int i = 0; i < 5; i++) {
        struct claim ann, bob;
        claims_left = 0;
        submit_claim(store, "r1", "ann", &ann);
        submit_claim(second, "r1", "bob", &bob);
        hub_loop_run(loop);
        assert_int_equal(ann.code, HUB_OK);
        assert_int_equal(bob.code, HUB_OK);
        assert_int_equal(ann.fence + bob.fence, 4 * i + 3);
        bool ann_has_it = ann.fence > bob.fence;
        assert_int_equal(ann.fence - bob.fence, ann_has_it ? 1 : -1);
        assert_int_equal(send_by(store, "r1", i, ann.fence), ann_has_it ? HUB_OK : HUB_FENCED);
        assert_int_equal(send_by(second, "r1", i, bob.fence), ann_has_it ? HUB_FENCED : HUB_OK);
    }
    assert_int_equal(counter("r1").seq, 5);
    close_second();
    close_store();
}

/* What the first one knows of the counter is old then. */
static void a_place_that_comes_back_goes_on_where_the_other_one_left_it(void **state) {
    (void)state;
    open_store("");
    open_second();
    int64_t fence = claim("r1");
    assert_int_equal(send_by(store, "r1", 1, fence), HUB_OK);
    int64_t others = claim_in(second, "r1", "bob").fence;
    for (int i = 0; i < 3; i++) assert_int_equal(send_by(second, "r1", i, others), HUB_OK);
    assert_int_equal(counter("r1").seq, 4); /* also for who has it no more */
    struct claim back = claim_in(store, "r1", "ann");
    assert_int_equal(back.fence, 3);
    assert_int_equal(back.seq, 4);
    assert_int_equal(counter("r1").seq, 4);
    int64_t retried = metric("hubd_store_retried_writes_total");
    assert_int_equal(send_by(store, "r1", 2, back.fence), HUB_OK);
    assert_int_equal(metric("hubd_store_retried_writes_total"), retried);
    assert_int_equal(counter("r1").seq, 5);
    assert_int_equal(send_by(store, "r1", 9, fence), HUB_FENCED);
    assert_int_equal(send_by(second, "r1", 9, others), HUB_FENCED);
    close_second();
    close_store();
}

/* ---- the database, by hand ---- */

static PGconn *pg;
static sqlite3 *lite;

static void connect_by_hand(void) {
    char file[128];
    snprintf(file, sizeof file, "%s/data/test.db", folder);
    if (on_postgres)
        pg = PQconnectdb(url);
    else
        assert_int_equal(sqlite3_open(file, &lite), SQLITE_OK);
}

static void run_by_hand(const char *statement) {
    if (on_postgres) {
        PGresult *r = PQexec(pg, statement);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s: %s", statement, PQerrorMessage(pg));
        PQclear(r);
    } else if (sqlite3_exec(lite, statement, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", statement, sqlite3_errmsg(lite));
}

static void disconnect_by_hand(void) {
    if (on_postgres)
        PQfinish(pg);
    else
        sqlite3_close(lite);
}

static void a_database_from_before_gets_what_its_rooms_lack(void **state) {
    (void)state;
    struct hub_err err = {0};
    struct hub_buf plan = {0};
    open_store("");
    assert_int_equal(send_by(store, "r1", 1, 0), HUB_OK);
    struct counter_answer before = counter("r1");
    close_store_only();
    connect_by_hand();
    run_by_hand("ALTER TABLE hubd_room DROP COLUMN fence");
    run_by_hand("ALTER TABLE hubd_room DROP COLUMN owner");
    disconnect_by_hand();
    assert_int_equal(open_with(store_ops(), msg_tables, 1, &err), HUB_OK);
    assert_int_equal(store->ops->plan(store, &plan, &err), HUB_OK);
    assert_non_null(strstr(hub_buf_cstr(&plan), "ALTER TABLE hubd_room ADD COLUMN fence"));
    assert_non_null(strstr(hub_buf_cstr(&plan), "ALTER TABLE hubd_room ADD COLUMN owner"));
    if (store->ops->apply(store, &err)) fail_msg("%s", err.text);
    hub_buf_clear(&plan);
    assert_int_equal(store->ops->plan(store, &plan, &err), HUB_OK);
    assert_int_equal(plan.n, 0);
    struct claim c = claim_in(store, "r1", "ann");
    assert_int_equal(c.fence, 1);
    assert_int_equal(c.seq, 1);
    assert_string_equal(c.epoch, before.epoch);
    hub_buf_free(&plan);
    close_store();
}

/* ---- an owner whose transaction is still open ---- */

static struct claim waiting;
static const char *the_owner_ends;

static void on_owner_ends(struct hub_timer *t) {
    (void)t;
    assert_false(waiting.answered);
    run_by_hand(the_owner_ends);
    disconnect_by_hand();
}

static void a_claim_waits_for_the_transaction_of_the_owner_before(void **state) {
    (void)state;
    static const struct {
        const char *end;
        int64_t seq;
    } ways[] = {{"COMMIT", 41}, {"ROLLBACK", 0}};
    for (size_t i = 0; i < HUB_NELEM(ways); i++) {
        struct hub_timer timer = {0};
        open_store("");
        assert_int_equal(claim("r1"), 1);
        connect_by_hand();
        run_by_hand(on_postgres ? "BEGIN" : "BEGIN IMMEDIATE");
        run_by_hand("UPDATE hubd_room SET seq = 41 WHERE \"roomId\" = 'r1' AND fence = 1");
        the_owner_ends = ways[i].end;
        hub_timer_start(loop, &timer, 100, on_owner_ends);
        claims_left = 0;
        submit_claim(store, "r1", "bob", &waiting);
        hub_loop_run(loop);
        assert_false(hub_timer_running(&timer));
        assert_int_equal(waiting.code, HUB_OK);
        assert_int_equal(waiting.fence, 2);
        assert_int_equal(waiting.seq, ways[i].seq);
        close_store();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_gives_a_fence_that_grows_and_leaves_the_number_alone),
        cmocka_unit_test(a_room_that_had_numbers_before_is_claimed_with_them),
        cmocka_unit_test(a_great_many_are_claimed_at_once),
        cmocka_unit_test(fences_outlive_the_process),
        cmocka_unit_test(a_claim_of_a_store_that_closes_is_refused),
        cmocka_unit_test(of_each_kind_the_old_owner_s_leaves_nothing_and_the_new_one_s_is_done),
        cmocka_unit_test(what_names_no_fence_is_not_looked_at),
        cmocka_unit_test(a_place_that_nobody_ever_claimed_has_no_fence_and_gets_no_row),
        cmocka_unit_test(what_a_script_s_statement_changes_stays_only_by_the_fence),
        cmocka_unit_test(those_of_one_turn_fail_each_for_itself_and_keep_their_order),
        cmocka_unit_test(numbers_of_several_rooms_in_one_turn_hold_each_by_its_own_fence),
        cmocka_unit_test(fences_that_hold_cost_no_second_attempt),
        cmocka_unit_test(of_two_fences_of_a_place_in_one_turn_the_later_one_holds),
        cmocka_unit_test(a_group_with_one_that_is_fenced_fails_whole),
        cmocka_unit_test(of_two_that_claim_at_once_the_lower_fence_is_fenced),
        cmocka_unit_test(a_place_that_comes_back_goes_on_where_the_other_one_left_it),
        cmocka_unit_test(a_database_from_before_gets_what_its_rooms_lack),
        cmocka_unit_test(a_claim_waits_for_the_transaction_of_the_owner_before),
    };
    return RUN_ON_STORE(tests);
}
