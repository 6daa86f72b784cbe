/* The store that a test of every adapter runs on: HUB_TEST_STORE=sqlite (a file) or postgresql (a server
 * of its own). */
#ifndef HUB_TESTS_ANY_STORE_H
#define HUB_TESTS_ANY_STORE_H
#include "store_fixture.h"

#include "adapters/postgres/postgres.h"
#include "adapters/sqlite/sqlite.h"
#include "postgres_server.h"

static struct postgres_server server;
static bool on_postgres;
static char folder[64], database[32];

static inline const struct hub_store_ops *store_ops(void) { return on_postgres ? &hub_postgres_ops : &hub_sqlite_ops; }

/* An empty database; its URL. */
static inline void new_database(const char *options) {
    static int serial;
    char create[64];
    if (on_postgres) {
        snprintf(database, sizeof database, "t%d", ++serial);
        snprintf(create, sizeof create, "CREATE DATABASE %s", database);
        assert_true(postgres_sql(&server, "postgres", create, NULL, 0));
        postgres_url(&server, database, url, sizeof url);
        return;
    }
    snprintf(folder, sizeof folder, "/tmp/hubd-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/data/test.db%s", folder, options);
}

static inline void open_store(const char *options) {
    loop = hub_loop_new(NULL);
    new_database(options);
    open_messages(store_ops());
}

static inline void remove_database(void) {
    char command[128];
    if (on_postgres) return; /* it goes with the server */
    snprintf(command, sizeof command, "rm -rf --one-file-system %s", folder);
    assert_int_equal(system(command), 0);
}

static inline void close_store(void) {
    close_store_only();
    hub_loop_delete(loop);
    remove_database();
}

static inline int stop_server(void **state) {
    (void)state;
    if (on_postgres) postgres_stop(&server);
    return 0;
}

/* What main returns. */
static inline int run_on_store(const struct CMUnitTest *tests, size_t n, const char *name) {
    const char *which = getenv("HUB_TEST_STORE"), *reason = "";
    on_postgres = which && !strcmp(which, "postgresql");
    if (on_postgres && !postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    return _cmocka_run_group_tests(name, tests, n, NULL, stop_server);
}
#define RUN_ON_STORE(TESTS) run_on_store((TESTS), HUB_NELEM(TESTS), #TESTS)
#endif
