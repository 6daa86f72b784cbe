/* A whole service, from its definition to its sockets, on a clock that stands still until the test turns
 * it: the engine, the scripts, SQLite in memory, the cache and the bus of the process, and clients without
 * a network (fake_eio.h). Of what threads and scripts bring a test waits for what it is to see, never for
 * time. The store can be away, or keep its answers to itself. */
#ifndef TEST_SUPPORT_TURNED_HUB_H
#define TEST_SUPPORT_TURNED_HUB_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/memory/memory.h"
#include "adapters/sqlite/sqlite.h"
#include "fake_eio.h"
#include "hub/engine.h"
#include "identity/identity.h"
#include "scripting/scripts.h"
#include "turned_clock.h"

#define TURNED_PATIENCE_MS 20000 /* of the test for what has to come without a turn */

/* ---- the store ---- */

enum turned_store_state { STORE_IS_THERE, STORE_IS_AWAY, STORE_KEEPS_QUIET };

/* A question that the store does not hear. */
struct turned_question {
    struct hub_task task;
    struct hub_list link; /* turned.kept */
    hub_rows_cb *rows;
    hub_counter_cb *counter;
    hub_sql_cb *sql;
    struct hub_write *write;
    void *arg;
};

static struct {
    struct hub_loop *loop;
    struct hub_service *service;
    struct hub_tables *tables;
    struct hub_store *store; /* the real one */
    struct hub_store shown;  /* what the engine sees of it */
    enum turned_store_state store_is;
    struct hub_list kept;
    struct hub_cache *cache;
    struct hub_bus *bus;
    struct hub_identity_ctx *identity;
    struct hub_engine *engine;
    struct hub_scripts *scripts;
    struct hub_host hosts[HUB_ENGINE_HOSTS];
    struct hub_sessions *sessions;
    char folder[40];
} turned;

static inline void turned_refuse(struct hub_task *task) {
    struct turned_question *q = HUB_CONTAINER(task, struct turned_question, task);
    if (q->rows) q->rows(q->arg, HUB_STORE_UNAVAILABLE, NULL, "away");
    if (q->counter) q->counter(q->arg, HUB_STORE_UNAVAILABLE, 0, NULL);
    if (q->sql) q->sql(q->arg, HUB_STORE_UNAVAILABLE, NULL, "away");
    if (q->write) q->write->code = HUB_STORE_UNAVAILABLE, q->write->done(q->write);
    free(q);
}

/* False: the store is there, and Q is for it. */
static inline bool turned_unheard(struct turned_question question) {
    if (turned.store_is == STORE_IS_THERE) return false;
    struct turned_question *q = hub_xmalloc(sizeof *q);
    *q = question;
    q->task.run = turned_refuse;
    if (turned.store_is == STORE_IS_AWAY)
        hub_post(turned.loop, &q->task);
    else
        hub_list_push(&turned.kept, &q->link);
    return true;
}

static inline void turned_select(struct hub_store *s, const struct hub_select *q, hub_rows_cb *cb, void *arg) {
    (void)s;
    if (!turned_unheard((struct turned_question){.rows = cb, .arg = arg}))
        turned.store->ops->select(turned.store, q, cb, arg);
}
static inline void turned_write(struct hub_store *s, struct hub_write *w) {
    (void)s;
    if (!turned_unheard((struct turned_question){.write = w})) turned.store->ops->write(turned.store, w);
}
static inline void turned_sql(struct hub_store *s, struct hub_str text, const json_t *params,
                              const struct hub_fence *by, hub_sql_cb *cb, void *arg) {
    (void)s;
    if (!turned_unheard((struct turned_question){.sql = cb, .arg = arg}))
        turned.store->ops->sql(turned.store, text, params, by, cb, arg);
}
static inline void turned_counter(struct hub_store *s, const char *scope, struct hub_str room, hub_counter_cb *cb,
                                  void *arg) {
    (void)s;
    if (!turned_unheard((struct turned_question){.counter = cb, .arg = arg}))
        turned.store->ops->counter(turned.store, scope, room, cb, arg);
}
static const struct hub_store_ops turned_store_ops = {.scheme = "turned",
                                                      .local = true,
                                                      .select = turned_select,
                                                      .write = turned_write,
                                                      .sql = turned_sql,
                                                      .counter = turned_counter};

/* ---- beginning ---- */

static inline void turned_must(enum hub_code code, const struct hub_err *err) {
    if (code) fail_msg("%s", err->text);
}

static inline void turned_put_file(const char *name, const char *text) {
    char path[80];
    snprintf(path, sizeof path, "%s/%s", turned.folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The service of every test: rooms r1 to r3, and everybody may be anybody. HUB is the rest of the
 * definition of its hub "chat", MORE of its service. */
static inline void turned_load(const char *hub, const char *more) {
    struct hub_buf text = {0};
    struct hub_diags *diags = hub_diags_new();
    const struct hub_load_options options = {.ignore_environment = true};
    snprintf(turned.folder, sizeof turned.folder, "/tmp/hubd-turned-XXXXXX");
    assert_non_null(mkdtemp(turned.folder));
    hub_buf_addf(&text,
                 "service: {name: turned}\n"
                 "auth: {dev: true}\n"
                 "store: {url: \"sqlite::memory:\"}\n"
                 "dataObjects:\n"
                 "  - {name: room, managed: true}\n"
                 "  - name: seat\n"
                 "    managed: true\n"
                 "    properties:\n"
                 "      - {name: userId, type: ID, required: true}\n"
                 "      - {name: roomId, type: ID, required: true}\n%s",
                 more);
    turned_put_file("service.yaml", hub_buf_cstr(&text));
    hub_buf_clear(&text);
    turned_put_file("seed.yaml", "room: [{id: r1}, {id: r2}, {id: r3}]\n"
                                 "seat: [{id: s1, userId: ann, roomId: r1}, {id: s2, userId: bob, roomId: r1}]\n");
    hub_buf_addf(&text, "hubBasics: {name: chat}\n%s", hub);
    turned_put_file("chat.hub.yaml", hub_buf_cstr(&text));
    hub_buf_clear(&text);
    enum hub_code code = hub_service_load(turned.folder, &options, diags, &turned.service);
    hub_diags_print(diags, HUB_DIAG_TEXT, &text);
    if (code) fail_msg("%s", hub_buf_cstr(&text));
    hub_buf_free(&text);
    hub_diags_free(diags);
}

static inline void turned_open_backends(void) {
    struct hub_err err = {0};
    turned_must(hub_tables_new(turned.service, false, &turned.tables, &err), &err);
    const struct hub_store_config store = {.url = turned.service->store_url,
                                           .tables = turned.tables->all,
                                           .table_n = turned.tables->n,
                                           .service = "turned"};
    turned_must(hub_sqlite_ops.open(turned.loop, &store, &turned.store, &err), &err);
    turned_must(turned.store->ops->apply(turned.store, &err), &err);
    turned.shown.ops = &turned_store_ops;
    const struct hub_cache_config cache = {.loop = turned.loop, .url = "memory:", .name = "turned"};
    turned_must(hub_memory_cache_ops.open(&cache, &turned.cache, &err), &err);
    const struct hub_bus_config bus = {.url = "memory:", .group = "turned", .client_id = "turned"};
    turned_must(hub_memory_bus_ops.open(turned.loop, &bus, &turned.bus, &err), &err);
}

static inline bool turned_find(void *arg, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    (void)arg;
    return hub_engine_find(turned.engine, name, ops, owner);
}
static inline void turned_list(void *arg, struct hub_buf *out) {
    (void)arg;
    hub_buf_addz(out, "/hub/chat");
}

static inline void turned_open_engine(void) {
    struct hub_err err = {0};
    struct hub_identity_config identity = {
        .loop = turned.loop, .service = turned.service, .cache = turned.cache, .hooks = &hub_lua_hook_ops};
    turned.identity = hub_identity_ctx_new(&identity);
    const struct hub_engine_config engine = {.loop = turned.loop,
                                             .service = turned.service,
                                             .tables = turned.tables,
                                             .store = &turned.shown,
                                             .cache = turned.cache,
                                             .bus = turned.bus,
                                             .hooks = &hub_lua_hook_ops,
                                             .identity = turned.identity};
    turned.engine = hub_engine_new(&engine);
    turned_must(hub_scripts_new(&turned.scripts, turned.loop, turned.service,
                                hub_engine_hosts(turned.hosts, turned.engine, NULL), &err),
                &err);
    hub_engine_set_scripts(turned.engine, turned.scripts);
    identity.scripts = turned.scripts;
    hub_identity_ctx_configure(turned.identity, &identity);
    hub_engine_start(turned.engine);
    const struct hub_sessions_config sessions = {
        .connect_timeout = 45000, .max_payload = 1 << 20, .find = turned_find, .list = turned_list};
    turned.sessions = hub_sessions_new(turned.loop, &sessions);
}

static inline void turned_begin_with(const char *hub, const char *more) {
    memset(&turned, 0, sizeof turned);
    hub_list_init(&turned.kept);
    turned.loop = turned_loop_new();
    turned_load(hub, more);
    turned_open_backends();
    turned_open_engine();
}
static inline void turned_begin(const char *hub) { turned_begin_with(hub, ""); }

/* ---- waiting without time ---- */

/* What waits for turned_store: what it kept to itself is refused now. */
static inline void turned_store(enum turned_store_state is) {
    turned.store_is = is;
    for (struct hub_list *l; (l = hub_list_pop(&turned.kept));)
        hub_post(turned.loop, &HUB_CONTAINER(l, struct turned_question, link)->task);
}

static inline void turned_on_rows(void *arg, enum hub_code code, json_t *result, const char *error) {
    (void)result;
    if (code) fail_msg("%s", error);
    *(bool *)arg = true;
}

/* Has the real store carry out a statement, behind everything that it was asked before. */
static inline void turned_have_done(const char *statement) {
    bool done = false;
    json_t *none = json_array();
    turned.store->ops->sql(turned.store, hub_cstr(statement), none, NULL, turned_on_rows, &done);
    while (!done) turned_run_due(turned.loop);
    turned_run_due(turned.loop);
    json_decref(none);
}

/* Nothing is under way: what has to come has come. Not while the store keeps quiet. */
static inline void turned_settle(void) {
    int64_t end = hub_real_ms() + TURNED_PATIENCE_MS;
    do {
        turned_run_due(turned.loop);
        assert_true(hub_real_ms() < end);
    } while (hub_engine_pending(turned.engine));
    turned_run_due(turned.loop);
}

static inline void turned_pass(int64_t ms) {
    turned_settle();
    turn_clock(turned.loop, ms);
    turned_settle();
}

/* ---- clients ---- */

struct turned_client {
    struct hub_eio *eio;
    struct hub_buf heard; /* messages that nobody has asked for yet, a line each */
    int ack;
};

static inline void turned_listen(struct turned_client *c) {
    for (const char *m; *(m = fake_next(c->eio));) hub_buf_addf(&c->heard, "%s\n", m);
}

/* Takes the first message with TEXT in it, and leaves the others; valid until the next call. */
static inline const char *turned_hears(struct turned_client *c, const char *text) {
    static char message[4096];
    int64_t end = hub_real_ms() + TURNED_PATIENCE_MS;
    char *at;
    while (turned_listen(c), !(at = strstr(hub_buf_cstr(&c->heard), text))) {
        if (hub_real_ms() > end) fail_msg("\"%s\" has not come, but:\n%s", text, c->heard.p);
        turned_run_due(turned.loop);
    }
    while (at > c->heard.p && at[-1] != '\n') at--;
    char *next = strchr(at, '\n') + 1;
    snprintf(message, sizeof message, "%.*s", (int)(next - 1 - at), at);
    memmove(at, next, (size_t)(c->heard.p + c->heard.n - next));
    c->heard.n -= (size_t)(next - at);
    return message;
}

static inline void turned_hears_nothing_of(struct turned_client *c, const char *text) {
    turned_settle();
    turned_listen(c);
    if (strstr(hub_buf_cstr(&c->heard), text)) fail_msg("\"%s\" in:\n%s", text, c->heard.p);
}

/* How many messages with TEXT in them have come; takes all. */
static inline int turned_count(struct turned_client *c, const char *text) {
    int n = 0;
    turned_settle();
    turned_listen(c);
    for (const char *at = hub_buf_cstr(&c->heard); (at = strstr(at, text)); at += strlen(text)) n++;
    hub_buf_clear(&c->heard);
    return n;
}

/* EVENT with ARGS, a JSON object; the beginning of its answer. */
static inline const char *turned_asks(struct turned_client *c, const char *event, const char *args, char answer[32]) {
    struct hub_buf text = {0};
    snprintf(answer, 32, "43/hub/chat,%d[", ++c->ack);
    hub_buf_addf(&text, "2/hub/chat,%d[\"%s\",%s]", c->ack, event, args);
    fake_text(c->eio, hub_buf_cstr(&text));
    hub_buf_free(&text);
    return answer;
}

/* Asks, and has the answer: an error when WANT is one's code, else fields that it begins with ("" is any). */
static inline const char *turned_does(struct turned_client *c, const char *event, const char *args, const char *want) {
    char answer[32];
    const char *got = turned_hears(c, turned_asks(c, event, args, answer));
    if (!strstr(got, want)) fail_msg("%s %s: \"%s\" is not in %s", event, args, want, got);
    return got;
}

/* LAST_IN: when something came from it last, as its transport says. */
static inline void turned_connect_at(struct turned_client *c, const char *user, int64_t last_in) {
    char text[80];
    *c = (struct turned_client){.eio = fake_open(turned.sessions)};
    c->eio->last_in = last_in;
    snprintf(text, sizeof text, "0/hub/chat,{\"token\":\"dev:%s\"}", user);
    fake_text(c->eio, text);
    turned_hears(c, "40/hub/chat,{\"sid\"");
}

/* One that is never idle. */
static inline void turned_connect(struct turned_client *c, const char *user) {
    turned_connect_at(c, user, HUB_CLOCK_START_MS * 1000LL);
}

static inline void turned_join(struct turned_client *c, const char *user, const char *room) {
    char args[80];
    turned_connect(c, user);
    snprintf(args, sizeof args, "{\"roomId\":\"%s\"}", room);
    turned_does(c, "hub:join", args, "\"roomId\"");
}

/* The connection is lost, and what it was told forgotten. */
static inline void turned_hang_up(struct turned_client *c) {
    if (c->eio) fake_free(c->eio);
    hub_buf_free(&c->heard);
    *c = (struct turned_client){0};
}

/* ---- the end ---- */

static inline void turned_on_bus_closed(void *arg) {
    (void)arg;
    turned.bus = NULL;
    hub_loop_stop(turned.loop);
}
static inline void turned_on_store_closed(void *arg) {
    (void)arg;
    turned.bus->ops->close(turned.bus, turned_on_bus_closed, NULL);
}

/* Clients have hung up. In the order of a server that stops. */
static inline void turned_end(void) {
    char command[64];
    turned_store(STORE_IS_THERE);
    turned_settle();
    hub_engine_stop(turned.engine);
    hub_scripts_delete(turned.scripts);
    hub_engine_set_scripts(turned.engine, NULL);
    turned.cache->ops->stop(turned.cache);
    turned.store->ops->close(turned.store, turned_on_store_closed, NULL);
    while (turned.bus) hub_loop_run(turned.loop);
    hub_sessions_delete(turned.sessions);
    hub_engine_delete(turned.engine);
    turned.cache->ops->close(turned.cache);
    hub_identity_ctx_delete(turned.identity);
    hub_tables_free(turned.tables);
    hub_service_free(turned.service);
    turned_loop_delete(turned.loop);
    snprintf(command, sizeof command, "rm -rf %s", turned.folder);
    assert_int_equal(system(command), 0);
}
#endif
