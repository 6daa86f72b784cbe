/* A store at work: numbers, duplicates, order, group commit, reading, scripts' statements. */
#include "any_store.h"

#include "base/telemetry/metric.h"

static int64_t metric(const char *name) {
    struct hub_buf text = {0};
    hub_metrics_print(&text);
    char line[80];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(hub_buf_cstr(&text), line);
    int64_t v = at ? strtoll(at + strlen(line), NULL, 10) : 0;
    hub_buf_free(&text);
    return v;
}

static void a_lone_write_is_numbered_committed_and_read_back(void **state) {
    (void)state;
    open_store("");
    struct message m;
    int left = 1;
    new_message(&m, "r1", 1, &left);
    write_and_wait(&m);
    assert_int_equal(m.w.code, HUB_OK);
    assert_int_equal(m.w.number, 1);
    assert_int_equal(m.cells[SEQ].i, 1);
    assert_int_equal(m.cells[CHANGE].i, 1);
    struct hub_select q = {.table = &msg_table, .order_by = SEQ, .limit = 10};
    json_t *rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), 1);
    json_t *row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_object_get(row, "timestamp")), "2026-01-01T00:00:00.123Z");
    assert_string_equal(json_string_value(json_object_get(json_object_get(row, "content"), "text")), "message 1");
    assert_true(json_is_true(json_object_get(row, "isActive")));
    assert_true(json_is_null(json_object_get(row, "clientMessageId")));
    json_decref(rows);
    close_store();
}

static void more_than_100000_at_once_are_refused_and_leave_room_again(void **state) {
    (void)state;
    open_store("");
    enum { N = 100010 };
    struct message *m = hub_xcalloc(N, sizeof *m);
    int left = N, refused = 0;
    for (int i = 0; i < N; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    for (int i = 0; i < N; i++) refused += m[i].w.code == HUB_OVERLOADED;
    assert_int_equal(refused, 10);
    new_message(&m[0], "r2", 0, &left);
    write_and_wait(&m[0]);
    assert_int_equal(m[0].w.code, HUB_OK);
    free(m);
    close_store();
}

static void the_writes_of_one_turn_share_few_commits_and_answer_in_order(void **state) {
    (void)state;
    open_store("");
    enum { N = 100 };
    struct message *m = hub_xcalloc(N, sizeof *m);
    int left = N;
    int64_t commits = metric("hubd_store_commits_total"), writes = metric("hubd_store_batch_writes_total");
    done_n = 0;
    for (int i = 0; i < N; i++) new_message(&m[i], i % 2 ? "odd" : "even", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    for (int i = 0; i < N; i++) {
        assert_int_equal(m[i].w.code, HUB_OK);
        assert_int_equal(m[i].order, i);
        assert_int_equal(m[i].w.number, i / 2 + 1);
    }
    assert_in_range(metric("hubd_store_commits_total") - commits, 1, 3); /* it need not wait for the turn's last one */
    assert_int_equal(metric("hubd_store_batch_writes_total") - writes, N);
    free(m);
    close_store();
}

/* A store may send many rows as one statement; what lies between them, and rows of another shape, keep
 * their places. */
/* More rooms than a store may keep in mind. Some at a time: what waits for 5 s is given up, and a busy
 * machine takes longer than that for all of them. */
static void numbers_go_on_in_a_great_many_rooms(void **state) {
    (void)state;
    open_store("");
    enum { N = 12000, AT_ONCE = 500 };
    static char rooms[N][16];
    struct message *m = hub_xcalloc(N, sizeof *m);
    for (int i = 0; i < 2 * N;) {
        int left = AT_ONCE;
        for (int n = 0; n < AT_ONCE; n++, i++) {
            char *room = rooms[i % N];
            snprintf(room, sizeof rooms[0], "r%d", i % N);
            new_message(&m[i % N], room, i, &left);
            store->ops->write(store, &m[i % N].w);
        }
        hub_loop_run(loop);
        for (int n = i - AT_ONCE; n < i; n++) assert_int_equal(m[n % N].w.number, n / N + 1);
    }
    free(m);
    close_store();
}

static void a_turn_of_inserts_and_changes_keeps_every_row_its_own(void **state) {
    (void)state;
    open_store("");
    enum { N = 60, EDITED = 30 };
    struct message *m = hub_xcalloc(N + 1, sizeof *m), *edit = &m[N];
    int left = N + 1;
    int64_t retried = metric("hubd_store_retried_writes_total");
    for (int i = 0; i < N; i++) {
        new_message(&m[i], "r1", i, &left);
        if (i % 20 == 7) m[i].cells[SENDER] = (struct hub_cell){.kind = HUB_CELL_ABSENT};
        if (i == EDITED) {
            new_change(edit, HUB_UPDATE, "r1", "r1-20", &left);
            edit->cells[CONTENT] = text_cell("{\"text\":\"edited\"}");
            store->ops->write(store, &edit->w);
        }
        store->ops->write(store, &m[i].w);
    }
    hub_loop_run(loop);
    assert_int_equal(edit->w.number, EDITED + 1);
    assert_int_equal(metric("hubd_store_retried_writes_total"), retried); /* it went well as it was sent */
    const struct hub_select q = {.table = &msg_table, .order_by = SEQ, .limit = N + 1};
    json_t *rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), N);
    for (int i = 0; i < N; i++) {
        json_t *row = json_array_get(rows, i), *text = json_object_get(json_object_get(row, "content"), "text");
        char id[16], expected[24];
        snprintf(id, sizeof id, "r1-%d", i);
        snprintf(expected, sizeof expected, i == 20 ? "edited" : "message %d", i);
        assert_int_equal(m[i].w.changes, 1);
        assert_string_equal(json_string_value(json_object_get(row, "id")), id);
        assert_string_equal(json_string_value(text), expected);
        assert_int_equal(hub_json_get_int(row, "seq", 0), i + 1 + (i >= EDITED));
        assert_int_equal(json_is_null(json_object_get(row, "senderId")), i % 20 == 7);
    }
    json_decref(rows);
    free(m);
    close_store();
}

static void failures_and_duplicates_take_no_number(void **state) {
    (void)state;
    open_store("");
    struct message m[6];
    int left = 6;
    for (int i = 0; i < 6; i++) new_message(&m[i], "r1", i, &left);
    m[1].cells[TYPE] = text_cell("video"); /* not in the enum */
    m[2].cells[CLIENT] = text_cell("c-1");
    m[3].cells[CLIENT] = text_cell("c-1"); /* a repeat */
    m[4].cells[ID] = text_cell("r1-0");    /* an id that is taken */
    for (int i = 0; i < 6; i++) store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    assert_int_equal(m[0].w.number, 1);
    assert_int_equal(m[1].w.code, HUB_BAD_REQUEST);
    assert_non_null(strstr(m[1].w.error, on_postgres ? "enum" : "CHECK"));
    assert_int_equal(m[1].w.number, 0);
    assert_int_equal(m[2].w.number, 2);
    assert_int_equal(m[3].w.code, HUB_OK);
    assert_true(m[3].w.duplicate);
    assert_int_equal(m[3].w.number, 0);
    assert_int_equal(m[4].w.code, HUB_BAD_REQUEST);
    assert_int_equal(m[5].w.number, 3);
    assert_int_equal(counter("r1").seq, 3);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\""), 3);
    close_store();
}

static char existing_id[40];
static int64_t existing_seq;
static void note_existing(struct hub_write *w) {
    const struct hub_cell *row = hub_row(&w->row, 0);
    snprintf(existing_id, sizeof existing_id, "%.*s", HUB_FMT(row[ID].s));
    existing_seq = row[SEQ].i;
    message_done(w);
}

static void a_repeated_send_is_answered_with_the_first_message(void **state) {
    (void)state;
    open_store("");
    struct message first, again;
    int left = 1;
    new_message(&first, "r1", 1, &left);
    first.cells[CLIENT] = text_cell("mine");
    write_and_wait(&first);
    new_message(&again, "r1", 2, &left);
    again.cells[CLIENT] = text_cell("mine");
    again.w.done = note_existing;
    write_and_wait(&again);
    assert_true(again.w.duplicate);
    assert_string_equal(existing_id, "r1-1");
    assert_int_equal(existing_seq, 1);
    close_store();
}

static void edits_and_deletions_take_the_next_number_as_change(void **state) {
    (void)state;
    open_store("");
    struct message m[2], edit, gone, late;
    int left = 2;
    for (int i = 0; i < 2; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    new_change(&edit, HUB_UPDATE, "r1", "r1-0", &left);
    edit.cells[CONTENT] = text_cell("{\"text\":\"edited\"}");
    write_and_wait(&edit);
    assert_int_equal(edit.w.number, 3);
    new_change(&gone, HUB_DELETE, "r1", "r1-0", &left);
    write_and_wait(&gone);
    assert_int_equal(gone.w.number, 4);
    assert_int_equal(gone.w.changes, 1);
    new_change(&late, HUB_UPDATE, "r1", "r1-0", &left);
    late.cells[CONTENT] = text_cell("{}");
    write_and_wait(&late);
    assert_int_equal(late.w.code, HUB_NOT_FOUND); /* it is gone for everybody */
    assert_int_equal(counter("r1").seq, 4);
    struct hub_select q = {.table = &msg_table, .order_by = SEQ, .limit = 10, .with_inactive = true};
    json_t *rows = select_rows(&q);
    json_t *row = json_array_get(rows, 0);
    assert_int_equal(hub_json_get_int(row, "seq", 0), 1);
    assert_int_equal(hub_json_get_int(row, "changeSeq", 0), 4);
    assert_true(json_is_false(json_object_get(row, "isActive")));
    json_decref(rows);
    q.with_inactive = false;
    rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    close_store();
}

static void a_numbered_change_of_several_rows_is_undone(void **state) {
    (void)state;
    open_store("");
    struct message m[2], change;
    int left = 2;
    for (int i = 0; i < 2; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    new_change(&change, HUB_UPDATE, "r1", "", &left);
    change.where = (struct hub_cond){.column = ROOM, .cmp = HUB_EQ, .value = text_cell("r1")};
    change.cells[CONTENT] = text_cell("{}");
    write_and_wait(&change);
    assert_int_equal(change.w.code, HUB_BAD_REQUEST);
    assert_int_equal(counter("r1").seq, 2);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\" WHERE content = '{}'"), 0);
    close_store();
}

static void an_update_returns_the_row_as_it_is_after_it(void **state) {
    (void)state;
    open_store("");
    struct message m, edit;
    int left = 1;
    new_message(&m, "r1", 7, &left);
    write_and_wait(&m);
    new_change(&edit, HUB_UPDATE, "r1", "r1-7", &left);
    edit.cells[CONTENT] = text_cell("{}");
    edit.w.return_row = true;
    edit.w.done = note_existing;
    write_and_wait(&edit);
    assert_string_equal(existing_id, "r1-7");
    assert_int_equal(existing_seq, 1);
    close_store();
}

static int64_t taken_seqs, taken_changes;
static void note_taken(struct hub_write *w) {
    taken_seqs = taken_changes = 0;
    for (size_t i = 0; i < w->row.n; i++) {
        taken_seqs += hub_row(&w->row, i)[SEQ].i;
        taken_changes += hub_row(&w->row, i)[CHANGE].i;
    }
    message_done(w);
}

/* Two at most, those with the smallest numbers. */
static void new_taking(struct message *m, enum hub_write_kind kind, int64_t above) {
    static const struct hub_take take = {.order_by = SEQ, .limit = 2, .raised = {CHANGE, -1}};
    *m = (struct message){.where = {.column = SEQ, .cmp = HUB_GT, .value = int_cell(above)}};
    m->cells[SENDER] = text_cell("taken");
    m->w = (struct hub_write){.table = &msg_table,
                              .kind = kind,
                              .cells = m->cells,
                              .where = &m->where,
                              .where_n = 1,
                              .take = &take,
                              .return_row = true,
                              .purge = true,
                              .done = note_taken,
                              .arg = m};
}

static void a_take_changes_the_first_rows_of_an_order_and_returns_them(void **state) {
    (void)state;
    open_store("");
    struct message m[5], t;
    int left = 5;
    for (int i = 0; i < 5; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    new_taking(&t, HUB_UPDATE, 1);
    write_and_wait(&t);
    assert_int_equal(t.w.code, HUB_OK);
    assert_int_equal(t.w.changes, 2);
    assert_int_equal(taken_seqs, 2 + 3);
    assert_int_equal(taken_changes, 3 + 4);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\" WHERE \"senderId\" = 'taken'"), 2);
    new_taking(&t, HUB_UPDATE, 5);
    write_and_wait(&t);
    assert_int_equal(t.w.code, HUB_NOT_FOUND);
    new_taking(&t, HUB_DELETE, 0);
    write_and_wait(&t);
    assert_int_equal(t.w.changes, 2);
    assert_int_equal(taken_seqs, 1 + 2);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\""), 3);
    close_store();
}

static void a_counter_starts_at_zero_and_keeps_its_epoch(void **state) {
    (void)state;
    open_store("");
    struct counter_answer a = counter("new room"), b = counter("new room"), other = counter("other");
    assert_int_equal(a.code, HUB_OK);
    assert_int_equal(a.seq, 0);
    assert_int_equal(strlen(a.epoch), 36);
    assert_string_equal(a.epoch, b.epoch);
    assert_string_not_equal(a.epoch, other.epoch);
    close_store();
}

static void committed_rows_survive_reopening(void **state) {
    (void)state;
    open_store("");
    struct message m;
    int left = 1;
    new_message(&m, "r1", 1, &left);
    write_and_wait(&m);
    struct counter_answer before = counter("r1");
    close_store_only();
    open_messages(store_ops());
    struct counter_answer after = counter("r1");
    assert_int_equal(after.seq, 1);
    assert_string_equal(after.epoch, before.epoch);
    close_store();
}

static void conditions_order_and_limits_select_what_they_say(void **state) {
    (void)state;
    open_store("");
    enum { N = 10 };
    struct message m[N];
    int left = N;
    for (int i = 0; i < N; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    struct hub_cell ids[] = {text_cell("r1-2"), text_cell("r1-4"), text_cell("nobody")};
    struct hub_cond where[] = {{.column = ID, .cmp = HUB_IN, .in = ids, .in_n = 3},
                               {.column = SEQ, .cmp = HUB_GT, .value = int_cell(3)}};
    struct hub_select q = {.table = &msg_table, .where = where, .where_n = 2, .order_by = -1, .limit = 10};
    json_t *rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), 1);
    assert_int_equal(hub_json_get_int(json_array_get(rows, 0), "seq", 0), 5);
    json_decref(rows);
    struct hub_cond by_time = {.column = AT, .cmp = HUB_GE, .value = int_cell(1767225600123)};
    q = (struct hub_select){.table = &msg_table,
                            .where = &by_time,
                            .where_n = 1,
                            .order_by = SEQ,
                            .descending = true,
                            .limit = 3,
                            .offset = 1};
    rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), 3);
    assert_int_equal(hub_json_get_int(json_array_get(rows, 0), "seq", 0), 9);
    json_decref(rows);
    struct hub_cond no_client = {.column = CLIENT, .cmp = HUB_NE, .value = {.kind = HUB_CELL_NULL}};
    q = (struct hub_select){.table = &msg_table, .where = &no_client, .where_n = 1, .order_by = -1, .limit = 3};
    rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    close_store();
}

static void scripts_query_with_bound_parameters(void **state) {
    (void)state;
    open_store("");
    struct message m;
    int left = 1;
    new_message(&m, "r1", 1, &left);
    write_and_wait(&m);
    struct sql_answer a =
        sql("SELECT id, content, \"isActive\" FROM \"chatMessage\" WHERE \"roomId\" = $1 AND seq >= $2", "[\"r1\", 1]");
    assert_int_equal(a.code, HUB_OK);
    json_t *row = json_array_get(a.result, 0);
    assert_true(json_is_true(json_object_get(row, "isActive")));
    assert_true(json_is_object(json_object_get(row, "content")));
    json_decref(a.result);
    a = sql("UPDATE \"chatMessage\" SET \"senderId\" = ? WHERE id = ?", "[\"o'hara\", \"r1-1\"]");
    assert_int_equal(a.code, HUB_OK);
    assert_int_equal(hub_json_get_int(a.result, "changes", 0), 1);
    json_decref(a.result);
    a = sql("WITH x AS (SELECT 'r1-1' AS i) DELETE FROM \"chatMessage\" WHERE id IN (SELECT i FROM x) RETURNING "
            "\"senderId\" AS v",
            NULL);
    assert_int_equal(a.code, HUB_OK);
    assert_string_equal(json_string_value(json_object_get(json_array_get(a.result, 0), "v")), "o'hara");
    json_decref(a.result);
    close_store();
}

static void scripts_are_told_what_is_wrong_with_a_statement(void **state) {
    (void)state;
    open_store("");
    enum { EVERYWHERE, SQLITE, POSTGRES };
    const struct {
        const char *sql, *params;
        enum hub_code code;
        const char *says;
        int where;
    } cases[] = {
        {"SELECT 1; SELECT 2", NULL, HUB_BAD_REQUEST, "one statement", EVERYWHERE},
        {"", NULL, HUB_BAD_REQUEST, "no statement", EVERYWHERE},
        {"SELEC 1", NULL, HUB_BAD_REQUEST, "syntax error", EVERYWHERE},
        {"SELECT $1", NULL, HUB_BAD_REQUEST, "more parameters", EVERYWHERE},
        {"SELECT 1", "[1]", HUB_BAD_REQUEST, "more values", EVERYWHERE},
        {"SELECT :name", "[1]", HUB_BAD_REQUEST, "$1", SQLITE},
        {"ATTACH 'x.db' AS x", NULL, HUB_NOT_ALLOWED, "attach", SQLITE},
        {"PRAGMA synchronous=OFF", NULL, HUB_NOT_ALLOWED, "settings", SQLITE},
        {"SET synchronous_commit = off", NULL, HUB_NOT_ALLOWED, "settings", POSTGRES},
        {"SELECT set_config('search_path', 'x', false)", NULL, HUB_NOT_ALLOWED, "settings", POSTGRES},
        {"COMMIT", NULL, HUB_NOT_ALLOWED, "transactions", EVERYWHERE},
        {"COPY hubd_room TO STDOUT", NULL, HUB_NOT_ALLOWED, "copy", POSTGRES},
        {"COPY \"chatMessage\" FROM STDIN", NULL, HUB_NOT_ALLOWED, "copy", POSTGRES},
        {"DO $$BEGIN END$$", NULL, HUB_NOT_ALLOWED, "procedures", POSTGRES},
        {"SELECT load_extension('x')", NULL, HUB_NOT_ALLOWED, NULL, SQLITE},
        {"UPDATE hubd_room SET seq = 0", NULL, HUB_NOT_ALLOWED, "own tables", EVERYWHERE},
        {"WITH x AS (DELETE FROM \"hubd_room\" RETURNING 1) SELECT * FROM x", NULL, HUB_NOT_ALLOWED, "own tables",
         POSTGRES},
        {"SELECT 1 / 0", NULL, HUB_BAD_REQUEST, "division", POSTGRES},
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", NULL, HUB_TOO_LARGE,
         "10,000", EVERYWHERE},
        {"SELECT hex(zeroblob(9000000)) AS v", NULL, HUB_TOO_LARGE, "16 MiB", SQLITE},
        {"SELECT repeat('x', 18000000) AS v", NULL, HUB_TOO_LARGE, "16 MiB", POSTGRES},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        if (cases[i].where && (cases[i].where == POSTGRES) != on_postgres) continue;
        struct sql_answer a = sql(cases[i].sql, cases[i].params);
        if (a.code != cases[i].code) fail_msg("%s: %s (%s)", cases[i].sql, hub_code_name(a.code), a.error);
        if (cases[i].says && !strstr(a.error, cases[i].says)) fail_msg("%s: %s", cases[i].sql, a.error);
        json_decref(a.result);
    }
    struct sql_answer a =
        sql(on_postgres ? "SELECT column_name FROM information_schema.columns WHERE table_name = 'chatMessage'"
                        : "PRAGMA table_info(chatMessage)",
            NULL);
    assert_int_equal(json_array_size(a.result), COLUMNS);
    json_decref(a.result);
    close_store();
}

/* ---- everything at once ---- */

static int storm_left, storm_rows;

static void storm_over(void) {
    if (--storm_left == 0) hub_loop_stop(loop);
}

static void storm_write(struct hub_write *w) {
    if (w->code) fail_msg("%s", w->error);
    storm_over();
}

/* A reader never sees a number without the ones before it. */
static void storm_select(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    (void)arg, (void)error;
    assert_int_equal(code, HUB_OK);
    for (size_t i = 0; i < rows->n; i++) assert_int_equal(hub_row(rows, i)[SEQ].i, (int64_t)i + 1);
    if ((int)rows->n < storm_rows) fail_msg("rows vanished");
    storm_over();
}

static void storm_sql(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)arg, (void)error;
    assert_int_equal(code, HUB_OK);
    int64_t n = hub_json_get_int(json_array_get(result, 0), "n", -1),
            top = hub_json_get_int(json_array_get(result, 0), "top", 0);
    assert_int_equal(n, top);
    storm_over();
}

static void storm_counter(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    (void)arg, (void)seq;
    assert_int_equal(code, HUB_OK);
    assert_int_equal(strlen(epoch), 36);
    storm_over();
}

static void readers_beside_the_writer_see_whole_transactions(void **state) {
    (void)state;
    open_store("");
    enum { ROUNDS = 40, PER_ROUND = 25 };
    struct message *m = hub_xcalloc(ROUNDS * PER_ROUND, sizeof *m);
    int unused = 0, n = 0;
    struct hub_cond where = {.column = ROOM, .cmp = HUB_EQ, .value = text_cell("r1")};
    struct hub_select q = {.table = &msg_table, .where = &where, .where_n = 1, .order_by = SEQ, .limit = 2000};
    storm_rows = 0;
    for (int round = 0; round < ROUNDS; round++) {
        storm_left = PER_ROUND + 12;
        for (int i = 0; i < PER_ROUND; i++, n++) {
            new_message(&m[n], "r1", n, &unused);
            m[n].w.done = storm_write;
            store->ops->write(store, &m[n].w);
        }
        for (int i = 0; i < 4; i++) {
            store->ops->select(store, &q, storm_select, NULL);
            store->ops->sql(store, HUB_STR("SELECT count(*) AS n, coalesce(max(seq), 0) AS top FROM \"chatMessage\""),
                            NULL, NULL, storm_sql, NULL);
            store->ops->counter(store, "chat", HUB_STR("r1"), storm_counter, NULL);
        }
        hub_loop_run(loop);
        storm_rows = n;
    }
    assert_int_equal(counter("r1").seq, n);
    free(m);
    close_store();
}

static void closing_finishes_what_was_submitted_and_refuses_the_rest(void **state) {
    (void)state;
    open_store("");
    struct message m[20], late;
    int left = 1000; /* never reached: closing stops the loop */
    for (int i = 0; i < 20; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    new_message(&late, "r1", 21, &left);
    store->ops->close(store, stop_loop, NULL);
    store->ops->write(store, &late.w);
    hub_loop_run(loop);
    assert_int_equal(left, 1000 - 21);
    for (int i = 0; i < 20; i++) assert_int_equal(m[i].w.code, HUB_OK);
    assert_int_equal(late.w.code, HUB_SHUTTING_DOWN);
    hub_loop_delete(loop);
    remove_database();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_write_is_numbered_committed_and_read_back),
        cmocka_unit_test(more_than_100000_at_once_are_refused_and_leave_room_again),
        cmocka_unit_test(the_writes_of_one_turn_share_few_commits_and_answer_in_order),
        cmocka_unit_test(numbers_go_on_in_a_great_many_rooms),
        cmocka_unit_test(a_turn_of_inserts_and_changes_keeps_every_row_its_own),
        cmocka_unit_test(failures_and_duplicates_take_no_number),
        cmocka_unit_test(a_repeated_send_is_answered_with_the_first_message),
        cmocka_unit_test(edits_and_deletions_take_the_next_number_as_change),
        cmocka_unit_test(a_numbered_change_of_several_rows_is_undone),
        cmocka_unit_test(an_update_returns_the_row_as_it_is_after_it),
        cmocka_unit_test(a_take_changes_the_first_rows_of_an_order_and_returns_them),
        cmocka_unit_test(a_counter_starts_at_zero_and_keeps_its_epoch),
        cmocka_unit_test(committed_rows_survive_reopening),
        cmocka_unit_test(conditions_order_and_limits_select_what_they_say),
        cmocka_unit_test(scripts_query_with_bound_parameters),
        cmocka_unit_test(scripts_are_told_what_is_wrong_with_a_statement),
        cmocka_unit_test(readers_beside_the_writer_see_whole_transactions),
        cmocka_unit_test(closing_finishes_what_was_submitted_and_refuses_the_rest),
    };
    return RUN_ON_STORE(tests);
}
