/* The relay on a fake store and a fake bus: what it publishes, in which order, and what it does when one
 * of them fails. */
#include "data/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/id/uuid.h"
#include "base/memory/mem.h"
#include "data/change_feed.h"
#include "turned_clock.h"

/* ---- a store that holds nothing but the outbox ---- */

static const struct hub_column columns[HUB_OUT_COLUMNS] = {
    [HUB_OUT_ID] = {.property = "id", .column = "id", .type = HUB_COL_ID},
    [HUB_OUT_OBJECT] = {.property = "object", .column = "object", .type = HUB_COL_TEXT},
    [HUB_OUT_KIND] = {.property = "kind", .column = "kind", .type = HUB_COL_TEXT},
    [HUB_OUT_TOPIC] = {.property = "topic", .column = "topic", .type = HUB_COL_TEXT},
    [HUB_OUT_KEY] = {.property = "key", .column = "key", .type = HUB_COL_TEXT},
    [HUB_OUT_BEFORE] = {.property = "before", .column = "before", .type = HUB_COL_JSON},
    [HUB_OUT_AFTER] = {.property = "after", .column = "after", .type = HUB_COL_JSON},
    [HUB_OUT_ERROR] = {.property = "error", .column = "error", .type = HUB_COL_TEXT},
};
static const struct hub_table table = {.name = "hubd_outbox_shop",
                                       .table = "hubd_outbox_shop",
                                       .columns = columns,
                                       .column_n = HUB_OUT_COLUMNS,
                                       .id = HUB_OUT_ID,
                                       .active = -1};

#define ROWS_MAX 4000
static struct stored { char *column[HUB_OUT_COLUMNS]; } stored[ROWS_MAX];
static size_t stored_n;
static int reads, deletes;
static enum hub_code store_says; /* HUB_OK, or how everything fails */

static void put(struct stored *s, int column, const char *text) {
    free(s->column[column]);
    s->column[column] = text ? hub_xstrdup(text) : NULL;
}

static void forget(size_t i) {
    for (int c = 0; c < HUB_OUT_COLUMNS; c++) free(stored[i].column[c]);
    memmove(&stored[i], &stored[i + 1], (--stored_n - i) * sizeof *stored);
    memset(&stored[stored_n], 0, sizeof *stored);
}

static bool meets(const struct stored *s, const struct hub_cond *where, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *v = s->column[where[i].column];
        if (where[i].cmp == HUB_EQ && v) return false; /* asked for: IS NULL */
        if (where[i].cmp == HUB_GT && strcmp(v, where[i].value.s.p) <= 0) return false;
        bool in = where[i].cmp != HUB_IN;
        for (size_t k = 0; !in && k < where[i].in_n; k++) in = hub_str_is(where[i].in[k].s, v);
        if (!in) return false;
    }
    return true;
}

static struct hub_loop *loop;

struct answer {
    struct hub_task task;
    hub_rows_cb *rows_cb;
    hub_sql_cb *sql_cb;
    void *arg;
    struct hub_write *write;
    struct hub_rows rows;
    size_t count;
};

static void give(struct hub_task *t) {
    struct answer *a = HUB_CONTAINER(t, struct answer, task);
    enum hub_code code = store_says;
    if (a->write) {
        a->write->code = code;
        a->write->done(a->write);
    } else if (a->rows_cb) {
        a->rows_cb(a->arg, code, code ? NULL : &a->rows, code ? "away" : NULL);
    } else {
        json_t *result = json_pack("[{s:I}]", "n", (json_int_t)a->count);
        a->sql_cb(a->arg, code, code ? NULL : result, code ? "away" : NULL);
        json_decref(result);
    }
    hub_rows_free(&a->rows);
    free(a);
}

static struct answer *later(void *arg) {
    struct answer *a = hub_xcalloc(1, sizeof *a);
    a->task.run = give;
    a->arg = arg;
    hub_post(loop, &a->task);
    return a;
}

static void fake_select(struct hub_store *s, const struct hub_select *q, hub_rows_cb *cb, void *arg) {
    struct answer *a = later(arg);
    (void)s;
    reads++;
    a->rows_cb = cb;
    a->rows = (struct hub_rows){.table = &table,
                                .cells = hub_xcalloc((size_t)q->limit * HUB_OUT_COLUMNS, sizeof *a->rows.cells)};
    for (size_t i = 0; i < stored_n && a->rows.n < (size_t)q->limit; i++) { /* they are put in by id */
        if (!meets(&stored[i], q->where, q->where_n)) continue;
        struct hub_cell *cells = a->rows.cells + a->rows.n++ * HUB_OUT_COLUMNS;
        for (int c = 0; c < HUB_OUT_COLUMNS; c++)
            cells[c] = stored[i].column[c]
                           ? (struct hub_cell){.kind = HUB_CELL_TEXT, .s = hub_cstr(stored[i].column[c])}
                           : (struct hub_cell){.kind = HUB_CELL_NULL};
    }
}

static void fake_write(struct hub_store *s, struct hub_write *w) {
    (void)s;
    later(NULL)->write = w;
    if (store_says) return;
    deletes += w->kind == HUB_DELETE;
    if (w->kind == HUB_INSERT) {
        struct stored *row = &stored[stored_n++];
        for (int c = 0; c < HUB_OUT_COLUMNS; c++) {
            if (w->cells[c].kind != HUB_CELL_TEXT) continue;
            char *text = hub_str_dup(w->cells[c].s);
            put(row, c, text);
            free(text);
        }
        return;
    }
    for (size_t i = stored_n; i--;) {
        if (!meets(&stored[i], w->where, w->where_n)) continue;
        if (w->kind == HUB_DELETE)
            forget(i);
        else
            put(&stored[i], HUB_OUT_ERROR, w->cells[HUB_OUT_ERROR].s.p);
    }
}

static void fake_sql(struct hub_store *s, struct hub_str text, const json_t *params, const struct hub_fence *by,
                     hub_sql_cb *cb, void *arg) {
    (void)by;
    (void)s, (void)text, (void)params;
    struct answer *a = later(arg);
    a->sql_cb = cb;
    a->count = stored_n;
}

static const struct hub_store_ops store_ops = {.select = fake_select, .write = fake_write, .sql = fake_sql};
static struct hub_store store = {&store_ops};

/* ---- a bus that keeps what it is given until the test answers ---- */

struct sent {
    char *topic, *key, *value;
    hub_bus_done *done;
    void *arg;
    bool answered;
    char trace[60]; /* the header traceparent; empty: none */
};
static struct sent sent[ROWS_MAX * 2];
static size_t sent_n;
static bool bus_ready = true;
static bool at_once; /* takes everything in the next turn */

static void answer(size_t i, enum hub_code code, const char *error) {
    assert_false(sent[i].answered);
    sent[i].answered = true;
    sent[i].done(sent[i].arg, code, error);
}

struct taking {
    struct hub_task task;
    size_t i;
};
static void take(struct hub_task *t) {
    struct taking *k = HUB_CONTAINER(t, struct taking, task);
    answer(k->i, HUB_OK, NULL);
    free(k);
}

static void fake_publish(struct hub_bus *b, const struct hub_bus_message *m, hub_bus_done *done, void *arg) {
    (void)b;
    sent[sent_n] = (struct sent){
        hub_str_dup(m->topic), m->key.n ? hub_str_dup(m->key) : NULL, hub_str_dup(m->value), done, arg, false, ""};
    if (m->header_n) snprintf(sent[sent_n].trace, sizeof sent[0].trace, "%.*s", HUB_FMT(m->headers[0].value));
    if (at_once) {
        struct taking *k = hub_xcalloc(1, sizeof *k);
        *k = (struct taking){.task.run = take, .i = sent_n};
        hub_post(loop, &k->task);
    }
    sent_n++;
}

static bool fake_ready(const struct hub_bus *b, struct hub_buf *why_not) {
    (void)b, (void)why_not;
    return bus_ready;
}

static const struct hub_bus_ops bus_ops = {.scheme = "fake", .publish = fake_publish, .ready = fake_ready};
static struct hub_bus bus = {&bus_ops};

/* ---- the scene ---- */

static struct hub_service service = {.name = "shop", .project = "acme"};
static struct hub_nodes nodes;
static struct hub_feed *feed;
static struct hub_outbox *outbox;
static struct hub_holds holds;

static void begin_relay(void) {
    hub_nodes_init(&nodes);
    feed = hub_feed_new(&service, &nodes, NULL, NULL);
    const struct hub_outbox_config config = {.loop = loop, .store = &store, .bus = &bus, .feed = feed, .holds = &holds};
    outbox = hub_outbox_new(&config);
    hub_outbox_configure(outbox, &service, &table);
    hub_outbox_start(outbox);
}

static void end_relay(void) {
    hub_outbox_delete(outbox);
    hub_feed_delete(feed);
    hub_nodes_deinit(&nodes);
}

static int setup(void **state) {
    (void)state;
    loop = turned_loop_new();
    holds = (struct hub_holds){0};
    hub_holds_init(&holds, loop);
    store_says = HUB_OK;
    bus_ready = true;
    at_once = false;
    sent_n = 0;
    reads = deletes = 0;
    return 0;
}

/* A millisecond at a time: store and bus answer in a turn each. */
static void run_for(int64_t ms) {
    for (int64_t i = 0; i < ms; i++) turn_clock(loop, 1);
}

/* How long it took, in milliseconds. */
static int64_t run_until_sent(size_t n) {
    int64_t began = hub_loop_now(loop);
    for (int i = 0; i < 60000 && sent_n < n; i++) run_for(1);
    if (sent_n < n) fail_msg("%zu of %zu records were published", sent_n, n);
    return hub_loop_now(loop) - began;
}

/* Until nothing is under way and the table holds N rows. */
static void run_until_stored(size_t n) {
    for (int i = 0; i < 3000 && (stored_n != n || holds.n); i++) run_for(1);
    assert_int_equal(stored_n, n);
    assert_int_equal(holds.n, 0);
}

static int teardown(void **state) {
    (void)state;
    while (stored_n) forget(stored_n - 1);
    end_relay();
    turned_loop_delete(loop);
    for (size_t i = 0; i < sent_n; i++) free(sent[i].topic), free(sent[i].key), free(sent[i].value);
    return 0;
}

static void store_row(const char *kind, const char *object, const char *key, const char *before, const char *after) {
    struct stored *s = &stored[stored_n++];
    char id[HUB_UUID_LEN + 1];
    hub_uuid7(id);
    put(s, HUB_OUT_ID, id);
    put(s, HUB_OUT_KIND, kind);
    put(s, strcmp(kind, "published") ? HUB_OUT_OBJECT : HUB_OUT_TOPIC, object);
    put(s, HUB_OUT_KEY, key);
    put(s, HUB_OUT_BEFORE, before);
    put(s, HUB_OUT_AFTER, after);
}

static void expect_sent(size_t i, const char *topic, const char *key, const char *value) {
    assert_true(i < sent_n);
    assert_string_equal(sent[i].topic, topic);
    if (key)
        assert_string_equal(sent[i].key, key);
    else
        assert_null(sent[i].key);
    json_t *got = hub_json_parse(hub_cstr(sent[i].value), NULL), *want = hub_json_parse(hub_cstr(value), NULL);
    assert_non_null(want);
    if (strcmp(topic, "prices")) {
        assert_int_equal(hub_json_get_str(got, "_eventId").n, HUB_UUID_LEN);
        assert_true(hub_str_starts(hub_json_get_str(got, "_origin"), HUB_STR("hubd/acme-shop/")));
        json_object_del(got, "_origin");
        json_object_del(got, "_eventId");
    }
    if (!hub_json_equal(got, want)) fail_msg("%s\nexpected %s", sent[i].value, value);
    json_decref(got);
    json_decref(want);
}

/* ---- tests ---- */

static void changes_become_records_on_the_topics_of_their_object(void **state) {
    (void)state;
    store_row("created", "orderItem", "1", NULL, "{\"id\":\"1\",\"n\":1}");
    store_row("updated", "orderItem", "2", "{\"id\":\"2\",\"n\":1,\"m\":3}", "{\"id\":\"2\",\"n\":2,\"m\":3}");
    store_row("deleted", "orderItem", "3", NULL, "{}");
    begin_relay();
    run_until_sent(3);
    expect_sent(0, "acme-shop-service-dbevent-orderitem-created", "1", "{\"id\":\"1\",\"n\":1}");
    expect_sent(1, "acme-shop-service-dbevent-orderitem-updated", "2",
                "{\"old_orderItem\":{\"id\":\"2\",\"n\":1,\"m\":3},\"orderItem\":{\"id\":\"2\",\"n\":2,\"m\":3},"
                "\"oldDataValues\":{\"n\":1},\"newDataValues\":{\"n\":2}}");
    expect_sent(2, "acme-shop-service-dbevent-orderitem-deleted", "3", "{}");
    for (size_t i = 0; i < 3; i++) answer(i, HUB_OK, NULL);
    run_until_stored(0);
    assert_int_equal(deletes, 1); /* all with one write */
}

static void a_scripts_record_goes_as_it_is_but_for_an_id(void **state) {
    (void)state;
    store_row("published", "prices", NULL, NULL, "{\"price\":1}");
    store_row("published", "prices", "k", NULL, "[1,2]");
    store_row("published", "prices", NULL, NULL, "{\"_eventId\":\"mine\"}");
    begin_relay();
    run_until_sent(3);
    struct hub_buf want = {0};
    hub_buf_addf(&want, "{\"price\":1,\"_eventId\":\"%s\"}", stored[0].column[HUB_OUT_ID]);
    expect_sent(0, "prices", NULL, hub_buf_cstr(&want));
    expect_sent(1, "prices", "k", "[1,2]");
    expect_sent(2, "prices", NULL, "{\"_eventId\":\"mine\"}");
    hub_buf_free(&want);
}

static void on_stored(void *arg, enum hub_code code, const char *error) {
    (void)error;
    *(enum hub_code *)arg = code;
}

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void what_a_script_publishes_is_stored_first(void **state) {
    (void)state;
    enum hub_code code = HUB_INTERNAL;
    begin_relay();
    hub_outbox_publish(outbox, HUB_STR("prices"), HUB_STR("k"), HUB_STR("{\"_eventId\":1}"), NULL, on_stored, &code);
    run_for(1);
    assert_int_equal(code, HUB_OK);
    assert_int_equal(stored_n, 1);
    run_until_sent(1);
    expect_sent(0, "prices", "k", "{\"_eventId\":1}");
    answer(0, HUB_OK, NULL);
    run_until_stored(0);
    assert_string_equal(sent[0].trace, "");
    hub_outbox_publish(outbox, HUB_STR("prices"), HUB_STR("k"), HUB_STR("1"), TRACE, on_stored, &code);
    run_until_sent(2);
    assert_string_equal(sent[1].trace, TRACE);
    answer(1, HUB_OK, NULL);
    run_until_stored(0);
    store_says = HUB_STORE_UNAVAILABLE;
    hub_outbox_publish(outbox, HUB_STR("prices"), HUB_STR(""), HUB_STR("1"), NULL, on_stored, &code);
    run_for(1);
    assert_int_equal(code, HUB_STORE_UNAVAILABLE);
}

static void rows_stay_until_the_bus_has_them(void **state) {
    (void)state;
    store_row("created", "a", "1", NULL, "{\"n\":1}");
    store_row("created", "a", "2", NULL, "{\"n\":2}");
    begin_relay();
    run_until_sent(2);
    answer(1, HUB_OK, NULL);
    run_until_stored(1);
    run_for(30);
    assert_int_equal(sent_n, 2); /* what is under way is not sent again */
    assert_string_equal(stored[0].column[HUB_OUT_KEY], "1");
}

static void of_one_key_each_waits_for_the_one_before(void **state) {
    (void)state;
    store_row("created", "a", "1", NULL, "{\"n\":1}");
    store_row("updated", "a", "1", "{\"n\":1}", "{\"n\":2}");
    store_row("created", "a", "2", NULL, "{\"n\":3}");
    store_row("deleted", "a", "1", NULL, "{\"n\":2}");
    begin_relay();
    run_until_sent(2);
    run_for(30);
    assert_int_equal(sent_n, 2);
    assert_string_equal(sent[1].key, "2");
    answer(0, HUB_OK, NULL);
    run_until_sent(3);
    assert_string_equal(sent[2].topic, "acme-shop-service-dbevent-a-updated");
    answer(2, HUB_OVERLOADED, NULL); /* and so it still does after a failure */
    run_until_sent(4);
    assert_string_equal(sent[3].topic, "acme-shop-service-dbevent-a-updated");
    answer(3, HUB_OK, NULL);
    run_until_sent(5);
    assert_string_equal(sent[4].topic, "acme-shop-service-dbevent-a-deleted");
}

static void what_failed_is_tried_again_without_end_while_the_bus_is_away(void **state) {
    (void)state;
    store_row("created", "a", "1", NULL, "{}");
    begin_relay();
    for (size_t i = 0; i < 3; i++) {
        run_until_sent(i + 1);
        answer(i, HUB_OVERLOADED, "away");
        assert_false(hub_outbox_busy(outbox)); /* nothing to wait for at a stop */
    }
    run_until_sent(4);
    answer(3, HUB_OK, NULL);
    run_until_stored(0);
}

/* 200 ms, and twice as long each time, up to ten seconds; what goes through begins anew. */
static void an_outbox_rests_ever_longer_while_the_bus_is_away(void **state) {
    (void)state;
    static const int64_t pause[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    store_row("created", "a", "1", NULL, "{}");
    begin_relay();
    run_until_sent(1);
    for (size_t i = 0; i < HUB_NELEM(pause); i++) {
        answer(i, HUB_OVERLOADED, "away");
        assert_in_range(run_until_sent(i + 2), pause[i], pause[i] + 1);
    }
    answer(8, HUB_OK, NULL);
    run_until_stored(0);
    store_row("created", "a", "1", NULL, "{}");
    hub_outbox_poke(outbox);
    run_until_sent(10);
    answer(9, HUB_OVERLOADED, "away");
    assert_in_range(run_until_sent(11), 200, 201);
}

/* That of another loop only adds rows. */
static void rows_of_another_loop_are_published_by_the_one_that_does(void **state) {
    (void)state;
    begin_relay();
    const struct hub_outbox_config config = {
        .loop = loop, .store = &store, .bus = &bus, .feed = feed, .holds = &holds, .publisher = outbox};
    struct hub_outbox *other = hub_outbox_new(&config);
    hub_outbox_configure(other, &service, &table);
    hub_outbox_start(other);
    run_for(10);
    int before = reads;
    for (int i = 0; i < 3; i++) {
        store_row("created", "a", i ? "2" : "1", NULL, "{}");
        hub_outbox_poke(other);
    }
    assert_false(hub_outbox_busy(other));
    assert_in_range(run_until_sent(2), 0, 10); /* of one key, one after the other */
    assert_true(hub_outbox_busy(outbox));
    assert_in_range(reads - before, 1, 2);
    answer(0, HUB_OK, NULL);
    answer(1, HUB_OK, NULL);
    run_until_sent(3);
    answer(2, HUB_OK, NULL);
    run_until_stored(0);
    hub_outbox_poke(other);
    hub_outbox_stop(other);
    hub_outbox_delete(other);
    hub_outbox_stop(outbox); /* told of a row after its end: nothing comes of it */
    run_for(10);
}

static void rows_that_nobody_told_of_are_found_within_half_a_minute(void **state) {
    (void)state;
    begin_relay();
    run_for(1);
    store_row("created", "a", "1", NULL, "{}");
    run_for(29990);
    assert_int_equal(sent_n, 0);
    assert_in_range(run_until_sent(1), 1, 20);
}

static void what_the_bus_will_never_take_is_set_aside(void **state) {
    (void)state;
    store_row("created", "a", "1", NULL, "{\"n\":1}");
    store_row("created", "a", "1", NULL, "{\"n\":2}");
    begin_relay();
    run_until_sent(1);
    answer(0, HUB_TOO_LARGE, "larger than the broker takes");
    run_until_sent(2); /* it is in nobody's way */
    answer(1, HUB_OK, NULL);
    run_until_stored(1);
    for (int i = 0; i < 1000 && !stored[0].column[HUB_OUT_ERROR]; i++) run_for(1);
    assert_string_equal(stored[0].column[HUB_OUT_ERROR], "larger than the broker takes");
    store_row("created", "a", "2", NULL, "{}");
    hub_outbox_poke(outbox);
    run_until_sent(3);
    assert_string_equal(sent[2].key, "2");
}

static void too_large_is_believed_of_a_row_by_itself_only(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) store_row("created", "a", NULL, NULL, i == 3 ? "{\"large\":1}" : "{}");
    begin_relay();
    run_until_sent(8);
    answer(0, HUB_OK, NULL);
    for (size_t i = 1; i < 8; i++) answer(i, HUB_TOO_LARGE, "the batch is too large");
    for (size_t i = 8; i < 15; i++) { /* one at a time, in their order */
        run_until_sent(i + 1);
        run_for(5);
        assert_int_equal(sent_n, i + 1);
        assert_string_equal(sent[i].value, sent[i - 7].value);
        answer(i, strstr(sent[i].value, "large") ? HUB_TOO_LARGE : HUB_OK, "too large");
    }
    run_until_stored(1);
    for (int i = 0; i < 1000 && !stored[0].column[HUB_OUT_ERROR]; i++) run_for(1);
    assert_string_equal(stored[0].column[HUB_OUT_ERROR], "too large");
    for (int i = 0; i < 8; i++) store_row("created", "a", NULL, NULL, "{}");
    hub_outbox_poke(outbox);
    run_until_sent(18);
    run_for(30);
    assert_int_equal(sent_n, 18); /* half of what was too much */
}

static void rows_that_make_no_record_are_set_aside(void **state) {
    (void)state;
    store_row("updated", "a", "1", NULL, "{\"n\":1}");
    store_row("created", "a", "1", NULL, "[]");
    store_row("created", "a", "1", NULL, "{\"n\":1}");
    begin_relay();
    run_until_sent(1);
    answer(0, HUB_OK, NULL);
    run_until_stored(2);
    for (int i = 0; i < 1000 && !stored[1].column[HUB_OUT_ERROR]; i++) run_for(1);
    for (size_t i = 0; i < 2; i++) assert_string_equal(stored[i].column[HUB_OUT_ERROR], "a row must be an object");
}

static void a_store_that_is_away_is_waited_for(void **state) {
    (void)state;
    store_row("created", "a", "1", NULL, "{}");
    store_says = HUB_STORE_UNAVAILABLE;
    begin_relay();
    run_for(50);
    assert_int_equal(sent_n, 0);
    store_says = HUB_OK;
    run_until_sent(1);
    store_says = HUB_STORE_UNAVAILABLE;
    answer(0, HUB_OK, NULL);
    run_for(50);
    assert_int_equal(stored_n, 1);
    store_says = HUB_OK;
    run_until_stored(0);
    assert_int_equal(sent_n, 1); /* the bus has it: only the row had to go */
}

static void a_restart_publishes_what_was_left(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) store_row("created", "a", NULL, NULL, "{}");
    begin_relay();
    run_until_sent(3);
    answer(1, HUB_OK, NULL);
    run_until_stored(2);
    hub_outbox_stop(outbox);
    answer(0, HUB_OK, NULL); /* too late to be deleted: repeated, with its id */
    answer(2, HUB_SHUTTING_DOWN, NULL);
    run_for(10);
    end_relay();
    begin_relay();
    run_until_sent(5);
    assert_string_equal(sent[3].value, sent[0].value);
    assert_string_equal(sent[4].value, sent[2].value);
}

static void many_rows_pass_in_order_through_a_window(void **state) {
    (void)state;
    enum { N = 3000 };
    for (int i = 0; i < N; i++) {
        char after[40];
        snprintf(after, sizeof after, "{\"n\":%d}", i);
        store_row("created", "a", NULL, NULL, after);
    }
    at_once = true;
    begin_relay();
    run_until_sent(N);
    run_until_stored(0);
    for (int i = 0; i < N; i++) {
        json_t *v = hub_json_parse(hub_cstr(sent[i].value), NULL);
        assert_int_equal(hub_json_get_int(v, "n", -1), i);
        json_decref(v);
    }
    assert_true(reads < 60 && deletes < 400);
}

static void without_confirmations_no_more_than_a_window_is_read(void **state) {
    (void)state;
    for (int i = 0; i < ROWS_MAX; i++) store_row("created", "a", NULL, NULL, "{}");
    begin_relay();
    run_until_sent(513);
    run_for(100);
    assert_true(sent_n < 1300);
    bus_ready = false;
    assert_false(hub_outbox_busy(outbox));
    bus_ready = true;
    assert_true(hub_outbox_busy(outbox));
}

static void records_are_known_by_their_origin(void **state) {
    (void)state;
    store_row("created", "a", "1", NULL, "{\"n\":1}");
    begin_relay();
    hub_feed_event_id(feed, stored[0].column[HUB_OUT_ID]);
    run_until_sent(1);
    struct hub_nodes others;
    hub_nodes_init(&others);
    struct hub_feed *next = hub_feed_new(&service, &others, NULL, NULL);
    struct hub_str value = hub_cstr(sent[0].value);
    json_t *record = hub_json_parse(value, NULL),
           *foreign = json_pack("{s:s}", "_origin", "hubd/acme-shopping/123456789012");
    assert_true(hub_feed_is_mine(feed, value));
    assert_false(hub_feed_is_mine(next, value));
    assert_true(hub_feed_is_history(next, record)); /* of a predecessor */
    assert_true(hub_feed_is_history(feed, record)); /* its own */
    assert_false(hub_feed_is_history(next, foreign));
    hub_nodes_put(&others, &(struct hub_node_about){.id = hub_cstr(nodes.self)});
    assert_false(hub_feed_is_history(next, record)); /* of another one that lives: still to be told here */
    hub_live_node_free(hub_nodes_take(&others, hub_cstr(nodes.self)));
    assert_true(hub_feed_is_history(next, record));
    json_decref(foreign);
    json_decref(record);
    hub_feed_delete(next);
    hub_nodes_deinit(&others);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(changes_become_records_on_the_topics_of_their_object),
        TEST(a_scripts_record_goes_as_it_is_but_for_an_id),
        TEST(what_a_script_publishes_is_stored_first),
        TEST(rows_stay_until_the_bus_has_them),
        TEST(of_one_key_each_waits_for_the_one_before),
        TEST(what_failed_is_tried_again_without_end_while_the_bus_is_away),
        TEST(an_outbox_rests_ever_longer_while_the_bus_is_away),
        TEST(rows_of_another_loop_are_published_by_the_one_that_does),
        TEST(rows_that_nobody_told_of_are_found_within_half_a_minute),
        TEST(what_the_bus_will_never_take_is_set_aside),
        TEST(too_large_is_believed_of_a_row_by_itself_only),
        TEST(rows_that_make_no_record_are_set_aside),
        TEST(a_store_that_is_away_is_waited_for),
        TEST(a_restart_publishes_what_was_left),
        TEST(many_rows_pass_in_order_through_a_window),
        TEST(without_confirmations_no_more_than_a_window_is_read),
        TEST(records_are_known_by_their_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
