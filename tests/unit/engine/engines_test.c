/* Two engines in one process, each on a loop in a thread of its own, at work at the same time.
 *
 * They share what is the process': the definitions and tables, which nobody changes, the log, the metrics,
 * ids and random numbers. Each has a loop, a cache, a bus and a script state of its own, for these belong to
 * a loop, and a store file of its own, for a file has one owner (decision 20). Nothing else may be shared:
 * built with the preset "tsan" no two accesses may race. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/memory/memory.h"
#include "adapters/sqlite/sqlite.h"
#include "async/hold.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"
#include "data/objects.h"
#include "hub/core/part.h"
#include "hub/engine.h"
#include "identity/identity.h"
#include "schema/load.h"
#include "scripting/scripts.h"

#define MESSAGES 600
#define UNDER_WAY 8 /* so that both are at work for many turns, not for one each */

static const char service_yaml[] = "service: {name: pair}\n"
                                   "auth: {dev: true}\n"
                                   "store: {url: \"sqlite:data/pair.db\"}\n"
                                   "dataObjects: [{name: room}]\n";
static const char hub_yaml[] =
    "hubBasics: {name: chat}\n"
    "roomSettings: {roomDataObject: room}\n"
    "messageSettings:\n"
    "  messageTypes: [text]\n"
    "  customMessageTypes:\n"
    "    - name: note\n"
    "      fields:\n"
    "        - {name: number, fieldType: Integer, required: true}\n"
    "        - {name: about, fieldType: JSON, defaultValue: '{\"by\": [\"us\"]}'}\n"
    "hubExtensions:\n"
    "  middleware: [{name: count, on: [messages], before: {lua: 'lib.count.check(ctx.payload.content)'}}]\n"
    "guardrails: {messageRateLimit: 100000}\n";
/* What a module keeps is its state's: each side counts by itself. UNDER_WAY of them may overtake each
 * other. */
static const char count_lua[] =
    "local n = 0\n"
    "return {check = function(content)\n"
    "  n = n + 1\n"
    "  if math.abs(content.number - n) > 8 then error('message ' .. content.number .. ' is the ' .. n) end\n"
    "end}\n";

static char folder[64];
static struct hub_service *service;
static struct hub_tables *tables;

struct side {
    const char *name;
    pthread_t thread;
    pthread_barrier_t *start;
    struct hub_loop *loop;
    struct hub_store *store;
    struct hub_cache *cache;
    struct hub_bus *bus;
    struct hub_identity_ctx *identity;
    struct hub_engine *engine;
    struct hub_scripts *scripts;
    struct hub_host hosts[HUB_ENGINE_HOSTS];
    struct hub_identity *who;
    struct hub_timer end;
    int sent, accepted, refused;
    bool in_order;
    size_t left; /* under way when all was answered */
    char said[512];
};

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int set_up(void **state) {
    struct hub_err err;
    struct hub_buf said = {0};
    char lib[80];
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/hubd-engines-XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_file("service.yaml", service_yaml);
    write_file("chat.hub.yaml", hub_yaml);
    snprintf(lib, sizeof lib, "%s/lib", folder);
    assert_int_equal(mkdir(lib, 0700), 0);
    write_file("lib/count.lua", count_lua);
    struct hub_diags *diags = hub_diags_new();
    const struct hub_load_options options = {.ignore_environment = true};
    enum hub_code code = hub_service_load(folder, &options, diags, &service);
    hub_diags_print(diags, HUB_DIAG_TEXT, &said);
    if (code) fail_msg("%s", hub_buf_cstr(&said));
    hub_buf_free(&said);
    hub_diags_free(diags);
    assert_int_equal(hub_tables_new(service, false, &tables, &err), HUB_OK);
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    hub_tables_free(tables);
    hub_service_free(service);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* ---- one side, on its thread ---- */

static void on_bus_closed(void *arg) { hub_loop_stop(((struct side *)arg)->loop); }

static void on_store_closed(void *arg) {
    struct side *s = arg;
    s->bus->ops->close(s->bus, on_bus_closed, s);
}

static void on_end(struct hub_timer *t) {
    struct side *s = HUB_CONTAINER(t, struct side, end);
    s->left = hub_engine_pending(s->engine);
    hub_engine_stop(s->engine);
    hub_scripts_delete(s->scripts);
    hub_engine_set_scripts(s->engine, NULL);
    s->cache->ops->stop(s->cache);
    s->store->ops->close(s->store, on_store_closed, s);
}

static bool never_gone(void *arg) {
    (void)arg;
    return false;
}

static void send_next(struct side *s);

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    struct side *s = arg;
    char seq[32];
    (void)data_name;
    if (code) {
        s->refused++;
        snprintf(s->said, sizeof s->said, "%s", err ? err->text : hub_code_text(code));
    } else {
        s->accepted++;
        int n = snprintf(seq, sizeof seq, "\"seq\":%d,", s->accepted);
        s->in_order = s->in_order && memmem(fields.p, fields.n, seq, (size_t)n);
    }
    if (s->sent < MESSAGES)
        send_next(s);
    else if (s->accepted + s->refused == MESSAGES)
        hub_timer_start(s->loop, &s->end, 0, on_end);
}

static const struct hub_command *send_of(const struct hub_engine *e) {
    const struct hub_command *const *c = hub_engine_commands(e);
    while (strcmp((*c)->name, "hub:send")) c++;
    return *c;
}

static void send_next(struct side *s) {
    json_t *args =
        json_pack("{s:s, s:s, s:{s:i}}", "roomId", "r1", "messageType", "note", "content", "number", ++s->sent);
    hub_engine_request(hub_engine_hub(s->engine, HUB_STR("chat")), send_of(s->engine),
                       &(struct hub_request){.who = s->who,
                                             .address = HUB_STR("127.0.0.1"),
                                             .args = args,
                                             .reply = on_reply,
                                             .gone = never_gone,
                                             .arg = s});
}

static void on_room(void *arg, enum hub_code code, json_t *row, const char *error) {
    struct side *s = arg;
    (void)row;
    if (code) {
        snprintf(s->said, sizeof s->said, "%s", error);
        hub_timer_start(s->loop, &s->end, 0, on_end);
        return;
    }
    for (int i = 0; i < UNDER_WAY; i++) send_next(s);
}

/* The text says what does not work, or NULL. */
static const char *open_side(struct side *s, const char *url, struct hub_err *err) {
    const struct hub_cache_config cache = {.loop = s->loop, .url = "memory:", .name = "pair"};
    const struct hub_bus_config bus = {.url = "memory:"};
    const struct hub_store_config store = {.url = url,
                                           .tables = tables->all,
                                           .table_n = tables->n,
                                           .service = "pair",
                                           .owner = true,
                                           .read_connections = 1,
                                           .statement_timeout_ms = 5000};
    if (hub_memory_cache_ops.open(&cache, &s->cache, err) || hub_memory_bus_ops.open(s->loop, &bus, &s->bus, err) ||
        hub_sqlite_ops.open(s->loop, &store, &s->store, err) || s->store->ops->apply(s->store, err))
        return err->text;
    const struct hub_identity_config identity = {.loop = s->loop, .service = service, .cache = s->cache};
    s->identity = hub_identity_ctx_new(&identity);
    const struct hub_engine_config engine = {.loop = s->loop,
                                             .service = service,
                                             .tables = tables,
                                             .store = s->store,
                                             .cache = s->cache,
                                             .bus = s->bus,
                                             .hooks = &hub_lua_hook_ops,
                                             .identity = s->identity};
    s->engine = hub_engine_new(&engine);
    if (hub_scripts_new(&s->scripts, s->loop, service, hub_engine_hosts(s->hosts, s->engine, NULL), err))
        return err->text;
    hub_engine_set_scripts(s->engine, s->scripts);
    return NULL;
}

static void on_resolved(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    (void)code, (void)reason;
    ((struct side *)arg)->who = hub_identity_ref(who);
}

static void *run_side(void *arg) {
    struct side *s = arg;
    struct hub_err err;
    char url[128], token[32];
    snprintf(url, sizeof url, "sqlite:%s/%s.db", folder, s->name);
    s->loop = hub_loop_new(NULL);
    s->in_order = true;
    const char *wrong = open_side(s, url, &err);
    if (wrong) snprintf(s->said, sizeof s->said, "%s", wrong);
    pthread_barrier_wait(s->start); /* both or none: whoever could not open must not keep the other waiting */
    if (wrong) return NULL;
    snprintf(token, sizeof token, "dev:%s", s->name);
    hub_identity_resolve(s->identity, hub_cstr(token), on_resolved, s);
    hub_engine_start(s->engine);
    json_t *row = json_pack("{s:s}", "id", "r1");
    hub_object_create(hub_engine_data(s->engine), hub_tables_find(tables, HUB_STR("room")), row, false, on_room, s);
    json_decref(row);
    hub_loop_run(s->loop);
    hub_engine_delete(s->engine);
    s->cache->ops->close(s->cache);
    hub_identity_ctx_delete(s->identity);
    hub_identity_unref(s->who);
    hub_loop_delete(s->loop);
    return NULL;
}

static void two_engines_on_two_loops_work_side_by_side(void **state) {
    pthread_barrier_t start;
    struct side sides[] = {{.name = "ann"}, {.name = "bob"}};
    (void)state;
    pthread_barrier_init(&start, NULL, HUB_NELEM(sides));
    for (size_t i = 0; i < HUB_NELEM(sides); i++) {
        sides[i].start = &start;
        assert_int_equal(pthread_create(&sides[i].thread, NULL, run_side, &sides[i]), 0);
    }
    for (size_t i = 0; i < HUB_NELEM(sides); i++) assert_int_equal(pthread_join(sides[i].thread, NULL), 0);
    pthread_barrier_destroy(&start);
    for (size_t i = 0; i < HUB_NELEM(sides); i++) {
        assert_string_equal(sides[i].said, "");
        assert_int_equal(sides[i].accepted, MESSAGES);
        assert_true(sides[i].in_order); /* each counted from 1, whatever the other did */
        assert_int_equal(sides[i].left, 0);
    }
    struct hub_buf metrics = {0};
    char total[64];
    snprintf(total, sizeof total, "hubd_messages_total %d\n", 2 * MESSAGES);
    hub_metrics_print(&metrics); /* counted together */
    assert_non_null(strstr(hub_buf_cstr(&metrics), total));
    hub_buf_free(&metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_engines_on_two_loops_work_side_by_side, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
