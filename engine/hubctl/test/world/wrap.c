/* The store and the bus of a world, with somebody who counts and listens in between. */
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"
#include "hubctl/test/world/world.h"

/* ---- the store ---- */

/* A question that is under way: whose answer it is. */
struct question {
    struct hub_test_world *world;
    void *arg;
    hub_rows_cb *rows;
    hub_sql_cb *sql;
    hub_counter_cb *counter;
    hub_place_cb *place;
    void (*written)(struct hub_write *w);
    struct hub_task answer; /* of a stub */
    json_t *stubbed;
};

static HUB_MUST struct question *new_question(struct hub_store *s, struct question question) {
    struct question *q = hub_xmalloc(sizeof *q);
    *q = question;
    q->world = ((struct hub_test_store *)s)->world;
    q->world->under_way++;
    return q;
}

static struct question take_question(void *arg) {
    struct question q = *(struct question *)arg;
    free(arg);
    q.world->under_way--;
    if (q.world->waits_for_it) hub_loop_stop(q.world->server.loop);
    return q;
}

static struct hub_store *real_store(const struct hub_store *s) { return ((const struct hub_test_store *)s)->real; }

static void on_selected(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    const struct question q = take_question(arg);
    q.rows(q.arg, code, rows, error);
}

static void select_rows(struct hub_store *s, const struct hub_select *what, hub_rows_cb *cb, void *arg) {
    real_store(s)->ops->select(real_store(s), what, on_selected,
                               new_question(s, (struct question){.rows = cb, .arg = arg}));
}

static void on_written(struct hub_write *w) {
    const struct question q = take_question(w->arg);
    w->arg = q.arg;
    w->done = q.written;
    w->done(w);
}

static void write_rows(struct hub_store *s, struct hub_write *w) {
    w->arg = new_question(s, (struct question){.written = w->done, .arg = w->arg});
    w->done = on_written;
    w->undecided = NULL; /* it is inside the process, and knows */
    real_store(s)->ops->write(real_store(s), w);
}

static void on_sql(void *arg, enum hub_code code, json_t *result, const char *error) {
    const struct question q = take_question(arg);
    q.sql(q.arg, code, result, error);
}

static void on_stub(struct hub_task *t) {
    json_t *rows = HUB_CONTAINER(t, struct question, answer)->stubbed;
    on_sql(HUB_CONTAINER(t, struct question, answer), HUB_OK, rows, NULL);
    json_decref(rows);
}

static void run_sql(struct hub_store *s, struct hub_str text, const json_t *params, const struct hub_fence *by,
                    hub_sql_cb *cb, void *arg) {
    struct question *q = new_question(s, (struct question){.sql = cb, .arg = arg, .answer.run = on_stub});
    q->stubbed = hub_test_stubbed_rows(q->world, text);
    if (q->stubbed)
        hub_post(q->world->server.loop, &q->answer);
    else
        real_store(s)->ops->sql(real_store(s), text, params, by, on_sql, q);
}

static void on_counter(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    const struct question q = take_question(arg);
    q.counter(q.arg, code, seq, epoch);
}

static void count_room(struct hub_store *s, const char *scope, struct hub_str room, hub_counter_cb *cb, void *arg) {
    real_store(s)->ops->counter(real_store(s), scope, room, on_counter,
                                new_question(s, (struct question){.counter = cb, .arg = arg}));
}

static void on_place(void *arg, enum hub_code code, int64_t fence, int64_t seq, const char *epoch) {
    const struct question q = take_question(arg);
    q.place(q.arg, code, fence, seq, epoch);
}

static void claim_place(struct hub_store *s, const char *scope, struct hub_str room, struct hub_str node,
                        hub_place_cb *cb, void *arg) {
    real_store(s)->ops->claim_place(real_store(s), scope, room, node, on_place,
                                    new_question(s, (struct question){.place = cb, .arg = arg}));
}

static enum hub_code apply_tables(struct hub_store *s, struct hub_err *err) {
    return real_store(s)->ops->apply(real_store(s), err);
}

static bool is_store_ready(const struct hub_store *s, struct hub_buf *why_not) {
    return real_store(s)->ops->ready(real_store(s), why_not);
}

static const struct hub_store_ops store_ops = {.scheme = "scenario",
                                               .local = true,
                                               .apply = apply_tables,
                                               .ready = is_store_ready,
                                               .select = select_rows,
                                               .write = write_rows,
                                               .sql = run_sql,
                                               .counter = count_room,
                                               .claim_place = claim_place};

void hub_test_wrap_store(struct hub_test_world *w) {
    w->store = (struct hub_test_store){.base.ops = &store_ops, .real = w->server.store, .world = w};
    w->server.store = &w->store.base;
}

/* ---- the bus ---- */

static struct hub_bus *real_bus(const struct hub_bus *b) { return ((const struct hub_test_bus *)b)->real; }

static HUB_MUST json_t *text_or_null(struct hub_str s) { return s.n ? hub_json_string(s) : json_null(); }

static void keep_record(struct hub_test_world *w, const struct hub_bus_message *m) {
    json_t *record = hub_json_parse(m->value, NULL), *headers = json_object();
    for (size_t i = 0; i < m->header_n; i++) {
        char *name = hub_str_dup(m->headers[i].name);
        hub_json_set_str(headers, name, m->headers[i].value);
        free(name);
    }
    if (!record) record = text_or_null(m->value);
    json_array_append_new(w->seen.published, json_pack("{s:o,s:o,s:o,s:o}", "topic", hub_json_string(m->topic), "key",
                                                       text_or_null(m->key), "record", record, "headers", headers));
}

static void publish_record(struct hub_bus *b, const struct hub_bus_message *m, hub_bus_done *done, void *arg) {
    struct hub_test_world *w = ((struct hub_test_bus *)b)->world;
    if (!w->own_record) keep_record(w, m);
    real_bus(b)->ops->publish(real_bus(b), m, done, arg);
}

static void subscribe_topic(struct hub_bus *b, const char *topic, hub_bus_cb *cb, void *arg) {
    real_bus(b)->ops->subscribe(real_bus(b), topic, cb, arg);
}

static bool is_bus_ready(const struct hub_bus *b, struct hub_buf *why_not) {
    return real_bus(b)->ops->ready(real_bus(b), why_not);
}

static void pause_bus(struct hub_bus *b) { real_bus(b)->ops->pause(real_bus(b)); }

static const struct hub_bus_ops bus_ops = {.scheme = "scenario",
                                           .local = true,
                                           .subscribe = subscribe_topic,
                                           .publish = publish_record,
                                           .ready = is_bus_ready,
                                           .pause = pause_bus};

void hub_test_wrap_bus(struct hub_test_world *w) {
    w->bus = (struct hub_test_bus){.base.ops = &bus_ops, .real = w->server.bus, .world = w};
    w->server.bus = &w->bus.base;
}
